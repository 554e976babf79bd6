// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The life of descriptors.  The host keeps a table of what each number stands
 * for; here it hears of every call that changes that.
 *
 * A child between vfork() and exec() shares that table with its parent, whose
 * descriptors are not touched by what the child closes: its calls go past us.
 */
#include "preload.h"
#include "sys.h"

#include <linux/close_range.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

int copied_fd(int old, int new)
{
	int ret;

	if (new >= 0) {
		path_copied_fd(old, new);
		bus_file_copied(old, new);
	}
	if (likely(new < 0 || new == old ||
		   (!host_fd_is_ours(old) && !host_fd_is_ours(new))) ||
	    preload_is_borrowed())
		return new;
	ret = host_fd_dup(old, new);
	return ret ? result(ret) : new;
}

static bool is_hidden(int fd)
{
	return unlikely(host_fd_is_internal(fd)) && !preload_is_borrowed();
}

static int close_fd(int fd)
{
	if (unlikely(host_fd_is_ours(fd)) && !preload_is_borrowed())
		return result(host_fd_close(fd));
	if (is_hidden(fd))
		return result(-EBADF);
	return REAL(close)(fd);
}

WRAP(int, close, (int fd))
{
	return close_fd(fd);
}

WRAP(int, __close, (int fd))
{
	return close_fd(fd);
}

static void close_ours(int fd, void *data)
{
	host_fd_close(fd);
}

WRAP(int, close_range, (unsigned int first, unsigned int last, int flags))
{
	unsigned int part_last;
	int hidden, ret = 0;

	if ((flags & CLOSE_RANGE_CLOEXEC) || first > last || first > INT_MAX ||
	    preload_is_borrowed())
		return REAL(close_range)(first, last, flags);
	host_fd_each(first, min(last, (unsigned int)INT_MAX), close_ours, NULL);
	for (;;) {
		hidden = first > INT_MAX ? -1 : host_fd_next_internal(first);
		part_last = hidden < 0 || (unsigned int)hidden > last
				    ? last
				    : (unsigned int)hidden - 1;
		if (hidden < 0 || (unsigned int)hidden > first)
			ret = REAL(close_range)(first, part_last, flags);
		if (ret || part_last == last)
			return ret;
		first = hidden + 1;
		if (first > last)
			return 0;
	}
}

WRAP(void, closefrom, (int first))
{
	if (wrap_close_range(max(first, 0), ~0u, 0))
		REAL(closefrom)(first);
}

WRAP(int, dup, (int fd))
{
	if (is_hidden(fd))
		return result(-EBADF);
	return copied_fd(fd, REAL(dup)(fd));
}

/* A number that the host uses cannot be had: as when an open() in another
 * thread is about to take it. */
WRAP(int, dup2, (int fd, int to))
{
	if (is_hidden(fd) || is_hidden(to))
		return result(is_hidden(fd) ? -EBADF : -EBUSY);
	return copied_fd(fd, REAL(dup2)(fd, to));
}

WRAP(int, dup3, (int fd, int to, int flags))
{
	if (is_hidden(fd) || is_hidden(to))
		return result(is_hidden(fd) ? -EBADF : -EBUSY);
	return copied_fd(fd, REAL(dup3)(fd, to, flags));
}

static int control(int fd, int cmd, void *arg)
{
	int ret = REAL(fcntl)(fd, cmd, arg);

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return copied_fd(fd, ret);
	return ret;
}

#define FCNTL(call)                             \
	WRAP(int, call, (int fd, int cmd, ...)) \
	{                                       \
		va_list args;                   \
		void *arg;                      \
                                                \
		va_start(args, cmd);            \
		arg = va_arg(args, void *);     \
		va_end(args);                   \
		return control(fd, cmd, arg);   \
	}

/* clang-format off */
FCNTL(fcntl)
FCNTL(fcntl64)
/* clang-format on */

/* What a kernel answers for any file, before the driver is asked. */
static bool is_generic(unsigned long cmd)
{
	return cmd == FIOCLEX || cmd == FIONCLEX || cmd == FIONBIO;
}

WRAP(int, ioctl, (int fd, unsigned long cmd, ...))
{
	unsigned long arg;
	va_list args;
	long ret;

	va_start(args, cmd);
	arg = va_arg(args, unsigned long);
	va_end(args);
	if (unlikely(host_fd_is_ours(fd)) && !is_generic(cmd))
		return result(host_fd_ioctl(fd, cmd, arg));
	if (unlikely(cmd == KVM_SET_DEVICE_ATTR) && kvm_set_attr(fd, arg, &ret))
		return result(ret);
	return REAL(ioctl)(fd, cmd, arg);
}
