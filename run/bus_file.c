// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Files of the bus that do something when they are written: bind, new_id and
 * their kin.  The launcher does it, and says what became of it.
 *
 * Which descriptors these are is remembered as a hint, one bit each, when they
 * are opened or copied, and verified when one is written: so there is nothing
 * that a fork or a close behind our back could spoil.
 *
 * Streams write inside libc, where no wrapper is met.  Those that are opened
 * here get functions of ours to write with; and while descriptor 1 is such a
 * file, as a shell makes it for `echo 1 >remove`, so does standard output.
 */
#include "preload.h"
#include "sys.h"
#include "wire.h"

#include <stdlib.h>

#define HINTS 4096
#define FD_LINK_MAX 32

static u64 hints[HINTS / 64];
static FILE *own_stdout; /* while standard output is the other one */
static FILE *bus_stdout;

/* ---- which ---- */

static bool is_hinted(int fd)
{
	return fd >= 0 && fd < HINTS &&
	       READ_ONCE(hints[fd / 64]) >> fd % 64 & 1;
}

static void set_hint(int fd, bool on)
{
	u64 bit = 1ull << fd % 64;

	if (likely(on == is_hinted(fd)) || fd < 0 || fd >= HINTS)
		return;
	if (on)
		__atomic_fetch_or(&hints[fd / 64], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&hints[fd / 64], ~bit, __ATOMIC_RELAXED);
}

static bool is_bus_file(const char *name)
{
	static const char *const files[] = {
		"bind",	  "unbind",	   "new_id",	      "remove_id",
		"remove", "drivers_probe", "driver_override", "rescan"
	};
	const char *file = strrchr(name, '/');
	unsigned int i;

	if (strncmp(name, "/sys/", 5) != 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(file + 1, files[i]))
			return true;
	return false;
}

/* The program's name for what @fd is; true when that is a file of the bus. */
static bool bus_file_name(int fd, char name[PATH_MAX])
{
	char link[FD_LINK_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = sys_readlink(link, name, PATH_MAX - 1);
	if (len <= 0)
		return false;
	name[len] = '\0';
	/* One of the machine's own is not renamed, and not ours. */
	return path_reveal(name, len) != (size_t)len && is_bus_file(name);
}

/* ---- writing ---- */

/* The kernel fetches @data: what is not there is an error, not a crash. */
static int ask_launcher(const char *name, const void *data, size_t len)
{
	char buf[WIRE_MAX];
	struct iovec request[] = {
		{ buf, snprintf(buf, sizeof(buf), "write %s\n", name) },
		{ (void *)data, len },
	};
	int fd, ret;

	if (len >= sizeof(buf) - request[0].iov_len)
		return -EINVAL;
	fd = wire_connect(preload_rundir());
	if (fd < 0)
		return -ENODEV;
	ret = wire_ask(fd, request, ARRAY_SIZE(request), buf);
	sys_close(fd);
	return ret;
}

/* True when @fd is a file of the bus: then *@ret is what write() returns. */
static bool write_bus_file(int fd, const void *data, size_t len, ssize_t *ret)
{
	char name[PATH_MAX];

	if (!bus_file_name(fd, name)) {
		set_hint(fd, false);
		return false;
	}
	*ret = len ? ask_launcher(name, data, len) : 0;
	if (!*ret)
		*ret = len;
	return true;
}

WRAP(ssize_t, write, (int fd, const void *buf, size_t len))
{
	ssize_t ret;

	if (unlikely(host_fd_is_ours(fd)))
		return result(host_fd_write(fd, buf, len));
	if (unlikely(is_hinted(fd)) && write_bus_file(fd, buf, len, &ret))
		return result(ret);
	return REAL(write)(fd, buf, len);
}

#define PWRITE(call)                                                          \
	WRAP(ssize_t, call, (int fd, const void *buf, size_t len, off_t pos)) \
	{                                                                     \
		ssize_t ret;                                                  \
                                                                              \
		if (unlikely(host_fd_is_ours(fd)))                            \
			return result(host_fd_pwrite(fd, buf, len, pos));     \
		if (unlikely(is_hinted(fd)) &&                                \
		    write_bus_file(fd, buf, len, &ret))                       \
			return result(ret);                                   \
		return REAL(call)(fd, buf, len, pos);                         \
	}

/* clang-format off */
PWRITE(pwrite)
PWRITE(pwrite64)
/* clang-format on */

/* Each piece is a write of its own, as in sysfs. */
WRAP(ssize_t, writev, (int fd, const struct iovec *iov, int n))
{
	ssize_t ret, done = 0;
	int i;

	if (unlikely(host_fd_is_ours(fd)))
		return result(preload_writev(fd, iov, n));
	for (i = 0; unlikely(is_hinted(fd)) && i < n; i++) {
		if (!write_bus_file(fd, iov[i].iov_base, iov[i].iov_len, &ret))
			break;
		if (ret < 0)
			return done ? done : result(ret);
		done += ret;
	}
	return done ? done : REAL(writev)(fd, iov, n);
}

/* ---- streams ---- */

static int cookie_fd(const void *cookie)
{
	return (int)(intptr_t)cookie;
}

static ssize_t cookie_read(void *cookie, char *buf, size_t len)
{
	return read(cookie_fd(cookie), buf, len);
}

/* Called by libc, which takes 0 for an error. */
static ssize_t cookie_write(void *cookie, const char *buf, size_t len)
{
	return max(write(cookie_fd(cookie), buf, len), (ssize_t)0);
}

static int cookie_close(void *cookie)
{
	return close(cookie_fd(cookie));
}

static FILE *bus_stream(int fd, const char *mode, bool closes)
{
	cookie_io_functions_t calls = {
		.read = cookie_read,
		.write = cookie_write,
		.close = closes ? cookie_close : NULL,
	};

	return fopencookie((void *)(intptr_t)fd, mode, calls);
}

WRAP(FILE *, fdopen, (int fd, const char *mode))
{
	if (unlikely(is_hinted(fd)))
		return bus_stream(fd, mode, true);
	return REAL(fdopen)(fd, mode);
}

/* What is still in the other stream's buffer stays there: it was meant for what
 * descriptor 1 was then. */
static void follow_stdout(void)
{
	if (is_hinted(STDOUT_FILENO)) {
		if (!bus_stdout)
			bus_stdout = bus_stream(STDOUT_FILENO, "w", false);
		if (!bus_stdout || own_stdout)
			return;
		own_stdout = stdout;
		stdout = bus_stdout;
	} else if (own_stdout) {
		stdout = own_stdout;
		own_stdout = NULL;
	}
}

/* ---- what becomes of descriptors ---- */

void bus_file_opened(int fd, const struct path *path, int flags)
{
	set_hint(fd, path->kind == PATH_TREE &&
			     (flags & O_ACCMODE) != O_RDONLY &&
			     is_bus_file(path_shown(path)));
	if (unlikely(fd == STDOUT_FILENO))
		follow_stdout();
}

void bus_file_copied(int old, int new)
{
	set_hint(new, is_hinted(old));
	if (unlikely(new == STDOUT_FILENO) && !preload_is_borrowed())
		follow_stdout();
}

void bus_file_inherit(void)
{
	char name[PATH_MAX];
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		set_hint(fd, bus_file_name(fd, name));
	follow_stdout();
}
