/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * System calls made directly: libc's wrappers set errno, and may be the very
 * names that the preload library puts itself in front of.
 */
#ifndef ANYVFIO_USER_SYSCALL_H
#define ANYVFIO_USER_SYSCALL_H

#include <sys/syscall.h>

static inline long syscall6(long nr, long a, long b, long c, long d, long e,
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

static inline long syscall4(long nr, long a, long b, long c, long d)
{
	return syscall6(nr, a, b, c, d, 0, 0);
}

#endif /* ANYVFIO_USER_SYSCALL_H */
