/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The futex call, made directly: libc's syscall() sets errno, and may be the
 * very name that the preload library puts itself in front of.
 *
 * All words are private to the process.  futex_wake() may be called on a word
 * whose memory has been freed: it compares addresses and reads nothing.
 */
#ifndef ANYVFIO_USER_FUTEX_H
#define ANYVFIO_USER_FUTEX_H

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

static inline long futex_call(u32 *word, int op, u32 val,
			      const struct timespec *until)
{
	register const struct timespec *r10 __asm__("r10") = until;
	register void *r8 __asm__("r8") = NULL;
	register long r9 __asm__("r9") = FUTEX_BITSET_MATCH_ANY;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_futex), "D"(word), "S"(op), "d"(val),
			   "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Sleeps while *@word is @val: 0, -EAGAIN, -EINTR, or -ETIMEDOUT when
 * CLOCK_MONOTONIC passes @until (NULL: never).  May also return 0 early. */
static inline long futex_wait(u32 *word, u32 val, const struct timespec *until)
{
	return futex_call(word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, val,
			  until);
}

static inline void futex_wake(u32 *word, u32 nr)
{
	futex_call(word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, nr, NULL);
}

#endif /* ANYVFIO_USER_FUTEX_H */
