// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Messages between the launcher and the processes of its run: see wire.h. */
#include "wire.h"
#include "sys.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

const char *const wire_events[WIRE_EVENTS] = {
	[HOST_BIND] = "bind",	      [HOST_UNBIND] = "unbind",
	[HOST_REMOVE] = "remove",     [HOST_ADD] = "add",
	[HOST_SURPRISE] = "surprise", [HOST_ERROR] = "error",
};

/* By way of the descriptor, as an address has room for 108 letters only. */
void wire_address(int dir, struct sockaddr_un *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	snprintf(addr->sun_path, sizeof(addr->sun_path),
		 "/proc/self/fd/%d/" WIRE_SOCKET, dir);
}

int wire_connect(const char *path)
{
	struct sockaddr_un addr;
	int dir, fd, ret;

	dir = syscall6(SYS_openat, AT_FDCWD, (long)path,
		       O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (dir < 0)
		return dir;
	wire_address(dir, &addr);
	fd = syscall6(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0,
		      0, 0);
	if (fd < 0)
		goto out_close;
	ret = syscall6(SYS_connect, fd, (long)&addr, sizeof(addr), 0, 0, 0);
	if (ret) {
		sys_close(fd);
		fd = ret;
	}
out_close:
	sys_close(dir);
	return fd;
}

int wire_send(int fd, const struct iovec *parts, unsigned int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)parts,
			      .msg_iovlen = n };
	long ret;

	do {
		ret = syscall4(SYS_sendmsg, fd, (long)&msg, MSG_NOSIGNAL, 0);
	} while (ret == -EINTR);
	return ret < 0 ? ret : 0;
}

int wire_send_text(int fd, const char *text)
{
	struct iovec part = { (char *)text, strlen(text) };

	return wire_send(fd, &part, 1);
}

ssize_t wire_receive(int fd, char buf[WIRE_MAX])
{
	long ret;

	do {
		ret = sys_read(fd, buf, WIRE_MAX - 1);
	} while (ret == -EINTR);
	if (ret >= 0)
		buf[ret] = '\0';
	return ret == -ECONNRESET ? 0 : ret;
}

int wire_ask(int fd, const struct iovec *parts, unsigned int n,
	     char answer[WIRE_MAX])
{
	ssize_t len;
	char *text;
	long ret;

	ret = wire_send(fd, parts, n);
	/* Only now: the request may lie there. */
	answer[0] = '\0';
	if (ret)
		return ret == -EFAULT ? ret : -ENODEV;
	len = wire_receive(fd, answer);
	if (len <= 0)
		return -ENODEV;
	ret = strtol(answer, &text, 10);
	text += *text == '\n';
	memmove(answer, text, strlen(text) + 1);
	return ret;
}
