/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * System calls made directly.  The preload library puts itself in front of
 * libc's names, so that a close() of ours would come back to us as the
 * program's; and errno belongs to the program.
 *
 * All return what the kernel does: a negated errno on error.
 */
#ifndef ANYVFIO_USER_SYS_H
#define ANYVFIO_USER_SYS_H

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e,
			    long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline int sys_dup3(int old, int new, int flags)
{
	return sys_call(SYS_dup3, old, new, flags, 0, 0, 0);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return sys_call(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

static inline int sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	return sys_call(SYS_ioctl, fd, cmd, arg, 0, 0, 0);
}

static inline int sys_fstat(int fd, struct stat *st)
{
	return sys_call(SYS_fstat, fd, (long)st, 0, 0, 0, 0);
}

static inline ssize_t sys_readlink(const char *path, char *buf, size_t size)
{
	return sys_call(SYS_readlink, (long)path, (long)buf, size, 0, 0, 0);
}

static inline int sys_mprotect(void *addr, size_t len, int prot)
{
	return sys_call(SYS_mprotect, (long)addr, len, prot, 0, 0, 0);
}

static inline int sys_getpid(void)
{
	return sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* The kernel's mask, not libc's: it has its own idea of what may be blocked. */
static inline void sys_sigmask(int how, const u64 *set, u64 *old)
{
	sys_call(SYS_rt_sigprocmask, how, (long)set, (long)old, sizeof(*set), 0,
		 0);
}

/*
 * The race detector knows what these do to memory and to order between
 * threads, provided that it sees them.
 */
#ifdef __SANITIZE_THREAD__
static inline long sys_result(long ret)
{
	return ret == -1 ? -errno : ret;
}

#define SYS_SEEN(direct, libc) sys_result(libc)
#else
#define SYS_SEEN(direct, libc) (direct)
#endif

static inline int sys_close(int fd)
{
	return SYS_SEEN(sys_call(SYS_close, fd, 0, 0, 0, 0, 0), close(fd));
}

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return SYS_SEEN(sys_call(SYS_read, fd, (long)buf, len, 0, 0, 0),
			read(fd, buf, len));
}

static inline ssize_t sys_write(int fd, const void *buf, size_t len)
{
	return SYS_SEEN(sys_call(SYS_write, fd, (long)buf, len, 0, 0, 0),
			write(fd, buf, len));
}

/* The address, or ERR_PTR(). */
static inline void *sys_mmap(void *addr, size_t len, int prot, int flags,
			     int fd, off_t off)
{
	return (void *)SYS_SEEN(
		sys_call(SYS_mmap, (long)addr, len, prot, flags, fd, off),
		(long)mmap(addr, len, prot, flags, fd, off));
}

static inline int sys_munmap(void *addr, size_t len)
{
	return SYS_SEEN(sys_call(SYS_munmap, (long)addr, len, 0, 0, 0, 0),
			munmap(addr, len));
}

#endif /* ANYVFIO_USER_SYS_H */
