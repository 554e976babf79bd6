/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The system calls that are made directly (syscall.h), by name and type.  All
 * return what the kernel does: a negated errno on error.
 */
#ifndef ANYVFIO_USER_SYS_H
#define ANYVFIO_USER_SYS_H

#include "syscall.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return syscall6(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

static inline int sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	return syscall6(SYS_ioctl, fd, cmd, arg, 0, 0, 0);
}

static inline int sys_fstat(int fd, struct stat *st)
{
	return syscall6(SYS_fstat, fd, (long)st, 0, 0, 0, 0);
}

static inline ssize_t sys_readlink(const char *path, char *buf, size_t size)
{
	return syscall6(SYS_readlink, (long)path, (long)buf, size, 0, 0, 0);
}

static inline int sys_mprotect(void *addr, size_t len, int prot)
{
	return syscall6(SYS_mprotect, (long)addr, len, prot, 0, 0, 0);
}

static inline int sys_getpid(void)
{
	return syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

/* The kernel's mask, not libc's: it has its own idea of what may be blocked. */
static inline void sys_sigmask(int how, const u64 *set, u64 *old)
{
	syscall6(SYS_rt_sigprocmask, how, (long)set, (long)old, sizeof(*set), 0,
		 0);
}

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return syscall6(SYS_read, fd, (long)buf, len, 0, 0, 0);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t len)
{
	return syscall6(SYS_write, fd, (long)buf, len, 0, 0, 0);
}

/*
 * The race detector remembers who touched which memory and which descriptor
 * last.  It forgets when that becomes another, provided that it sees it go.
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
	return SYS_SEEN(syscall6(SYS_close, fd, 0, 0, 0, 0, 0), close(fd));
}

/* The address, or ERR_PTR(). */
static inline void *sys_mmap(void *addr, size_t len, int prot, int flags,
			     int fd, off_t off)
{
	return (void *)SYS_SEEN(
		syscall6(SYS_mmap, (long)addr, len, prot, flags, fd, off),
		(long)mmap(addr, len, prot, flags, fd, off));
}

static inline int sys_munmap(void *addr, size_t len)
{
	return SYS_SEEN(syscall6(SYS_munmap, (long)addr, len, 0, 0, 0, 0),
			munmap(addr, len));
}

#endif /* ANYVFIO_USER_SYS_H */
