/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Completions of the user host: a count in a futex. */
#include "port.h"
#include "futex.h"

void complete(struct completion *done)
{
	/* From here on the waiter may have freed @done: only its address is
	 * used. */
	__atomic_fetch_add(&done->done, 1, __ATOMIC_RELEASE);
	futex_wake(&done->done, 1);
}

static bool try_take(struct completion *done)
{
	u32 old = __atomic_load_n(&done->done, __ATOMIC_RELAXED);

	while (old) {
		if (__atomic_compare_exchange_n(&done->done, &old, old - 1,
						true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static struct timespec monotonic_after(unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

int port_wait(struct completion *done, unsigned int ms, bool interruptible)
{
	struct timespec until;
	long ret = 0;

	/* What completes it may need any lock, and the order of locks does not
	 * see a wait. */
	WARN_ON(lock_held.nr);
	if (try_take(done))
		return 0;
	until = monotonic_after(ms);
	while (!try_take(done)) {
		/* A wait that has a limit is given up with -EINTR for every
		 * signal that has a handler, SA_RESTART or not. */
		if (ret == -ETIMEDOUT)
			return -ETIME;
		if (ret == -EINTR && interruptible)
			return -EINTR;
		ret = futex_wait(&done->done, 0, &until);
	}
	return 0;
}
