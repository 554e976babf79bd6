// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * syscall(): the wrappers by their numbers.  Arguments arrive as libc passes
 * them on, six longs, whether the call has that many or not.
 */
#include "preload.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGSET_BYTES 8
#define NO_ANSWER (-4096) /* no system call returns this */

/* The kernel's struct sigaction. */
struct raw_sigaction {
	handler_fn *handler;
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

static u64 strip_raw(u64 mask)
{
	return mask & ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1));
}

static long raw_sigaction(int sig, const struct raw_sigaction *act,
			  struct raw_sigaction *old)
{
	struct sigaction libc_act = {}, libc_old;

	if (act) {
		libc_act.sa_handler = act->handler;
		libc_act.sa_flags = act->flags & ~0x04000000;
		memcpy(&libc_act.sa_mask, &act->mask, SIGSET_BYTES);
	}
	if (sigaction(sig, act ? &libc_act : NULL, &libc_old))
		return -1;
	if (old) {
		old->handler = libc_old.sa_handler;
		old->flags = libc_old.sa_flags;
		old->restorer = NULL;
		memcpy(&old->mask, &libc_old.sa_mask, SIGSET_BYTES);
	}
	return 0;
}

static long raw_sigprocmask(int how, const u64 *set, u64 *old, size_t size)
{
	u64 own;

	if (set && how != SIG_UNBLOCK && size == SIGSET_BYTES &&
	    path_active()) {
		own = strip_raw(*set);
		set = &own;
	}
	return REAL(syscall)(SYS_rt_sigprocmask, how, set, old, size);
}

static long raw_getcwd(char *buf, size_t size)
{
	return getcwd(buf, size) ? (long)strlen(buf) + 1 : -1;
}

/* Only what is ours is opened by us: how->resolve is the kernel's business. */
static long raw_openat2(int dirfd, const char *name, struct open_how *how,
			size_t size)
{
	struct path path;

	resolve(&path, dirfd, name);
	if ((path.kind == PATH_TREE || path.kind == PATH_NODE) &&
	    size >= sizeof(*how) && !how->resolve)
		return result(open_path(dirfd, name, how->flags, how->mode));
	return REAL(syscall)(SYS_openat2, dirfd, name, how, size);
}

/* clang-format off */
#define P(arg) ((void *)(arg))
#define POS(low, high) ((off_t)((unsigned long)(low) | (high) << 32))

/* shape: table */
static long dispatch_path(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case SYS_open:		return open(P(a), b, c);
	case SYS_creat:		return creat(P(a), b);
	case SYS_openat:	return openat(a, P(b), c, d);
	case SYS_openat2:	return raw_openat2(a, P(b), P(c), d);
	case SYS_stat:		return stat(P(a), P(b));
	case SYS_lstat:		return lstat(P(a), P(b));
	case SYS_newfstatat:	return fstatat(a, P(b), P(c), d);
	case SYS_statx:		return statx(a, P(b), c, d, P(e));
	case SYS_statfs:	return statfs(P(a), P(b));
	case SYS_access:	return access(P(a), b);
	case SYS_faccessat:	return faccessat(a, P(b), c, 0);
	case SYS_faccessat2:	return faccessat(a, P(b), c, d);
	case SYS_readlink:	return readlink(P(a), P(b), c);
	case SYS_readlinkat:	return readlinkat(a, P(b), P(c), d);
	case SYS_chdir:		return chdir(P(a));
	case SYS_getcwd:	return raw_getcwd(P(a), b);
	default:		return NO_ANSWER;
	}
}

/* shape: table */
static long dispatch_fd(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case SYS_read:		return read(a, P(b), c);
	case SYS_write:		return write(a, P(b), c);
	case SYS_pread64:	return pread(a, P(b), c, d);
	case SYS_pwrite64:	return pwrite(a, P(b), c, d);
	case SYS_readv:		return readv(a, P(b), c);
	case SYS_writev:	return writev(a, P(b), c);
	case SYS_preadv:	return preadv(a, P(b), c, POS(d, e));
	case SYS_pwritev:	return pwritev(a, P(b), c, POS(d, e));
	case SYS_lseek:		return lseek(a, b, c);
	case SYS_ioctl:		return ioctl(a, b, c);
	case SYS_fstat:		return fstat(a, P(b));
	case SYS_ftruncate:	return ftruncate(a, b);
	case SYS_fchdir:	return fchdir(a);
	case SYS_close:		return close(a);
	case SYS_close_range:	return close_range(a, b, c);
	case SYS_dup:		return dup(a);
	case SYS_dup2:		return dup2(a, b);
	case SYS_dup3:		return dup3(a, b, c);
	case SYS_fcntl:		return fcntl(a, b, c);
	default:		return NO_ANSWER;
	}
}

/* shape: table */
static long dispatch_memory(long nr, long a, long b, long c, long d, long e,
			    long f)
{
	switch (nr) {
	case SYS_mmap:		return (long)mmap(P(a), b, c, d, e, f);
	case SYS_munmap:	return munmap(P(a), b);
	case SYS_mremap:	return (long)mremap(P(a), b, c, d, P(e));
	case SYS_mprotect:	return mprotect(P(a), b, c);
	case SYS_rt_sigprocmask:
		return raw_sigprocmask(a, P(b), P(c), d);
	case SYS_rt_sigaction:
		if ((a == SIGSEGV || a == SIGBUS) && preload_has_faults())
			return raw_sigaction(a, P(b), P(c));
		return NO_ANSWER;
	default:
		return NO_ANSWER;
	}
}
/* clang-format on */

WRAP(long, syscall, (long nr, ...))
{
	long arg[6], ret;
	unsigned int i;
	va_list args;

	va_start(args, nr);
	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = va_arg(args, long);
	va_end(args);

	ret = dispatch_fd(nr, arg[0], arg[1], arg[2], arg[3], arg[4]);
	if (ret == NO_ANSWER)
		ret = dispatch_path(nr, arg[0], arg[1], arg[2], arg[3], arg[4]);
	if (ret == NO_ANSWER)
		ret = dispatch_memory(nr, arg[0], arg[1], arg[2], arg[3],
				      arg[4], arg[5]);
	if (ret != NO_ANSWER)
		return ret;
	return REAL(syscall)(nr, arg[0], arg[1], arg[2], arg[3], arg[4],
			     arg[5]);
}
