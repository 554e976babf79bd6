/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Sleeping until a word changes.  All words are private to the process.  futex_wake() may be called on a word
 * whose memory has been freed: it compares addresses and reads nothing.
 */
#ifndef ANYVFIO_USER_FUTEX_H
#define ANYVFIO_USER_FUTEX_H

#include "syscall.h"

#include <linux/futex.h>
#include <time.h>

/* Sleeps while *@word is @val: 0, -EAGAIN, -EINTR, or -ETIMEDOUT when
 * CLOCK_MONOTONIC passes @until (NULL: never).  May also return 0 early. */
static inline long futex_wait(u32 *word, u32 val, const struct timespec *until)
{
	return syscall6(SYS_futex, (long)word,
			FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, val,
			(long)until, 0, FUTEX_BITSET_MATCH_ANY);
}

static inline void futex_wake(u32 *word, u32 nr)
{
	syscall4(SYS_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, nr, 0);
}

#endif /* ANYVFIO_USER_FUTEX_H */
