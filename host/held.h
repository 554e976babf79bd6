/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The locks that one thread, or one task of the simulation, holds.
 *
 * An assertion asks this list, and so what the caller holds and not whether
 * anybody does.  A lock that is misused is reported and left in one piece:
 * taking one twice does not lock up, giving up one that is not held changes
 * nothing.
 *
 * Used by the locks of both hosts; needs base.h.
 */
#ifndef ANYVFIO_HOST_HELD_H
#define ANYVFIO_HOST_HELD_H

#include "order.h"

#define LOCK_MAX_HELD 16

enum lock_mode {
	LOCK_EXCLUSIVE = 0,
	LOCK_SHARED = 1,
	LOCK_AGAIN = 2, /* taken twice, reported: not really taken */
	LOCK_MODES = 3, /* mask */
};

/**
 * struct lock_held - what is held, the latest last
 * @nr: how many
 * @owner: a number for whoever this is, for reports; 0: not known yet
 * @item: the lock's address with its mode in the low bits, and its class
 */
struct lock_held {
	unsigned int nr;
	int owner;
	struct {
		uintptr_t lock;
		struct lock_class *class;
	} item[LOCK_MAX_HELD];
};

/* @mode negative: in any. */
static inline bool lock_is_held(const struct lock_held *held, const void *lock,
				int mode)
{
	unsigned int i;

	for (i = held->nr; i > 0; i--) {
		uintptr_t item = held->item[i - 1].lock;

		if ((item & ~(uintptr_t)LOCK_MODES) == (uintptr_t)lock &&
		    (mode < 0 || (item & LOCK_SHARED) == (uintptr_t)mode))
			return true;
	}
	return false;
}

/* True when there is nothing to check before a lock of @class is taken. */
static inline bool lock_is_easy(const struct lock_held *held,
				const struct lock_class *class)
{
	unsigned int nr = held->nr;

	if (unlikely(!held->owner))
		return false;
	return likely(!nr) ||
	       (nr < LOCK_MAX_HELD && class &&
		likely(lock_order_known(held->item[nr - 1].class, class)));
}

static inline void lock_push(struct lock_held *held, const void *lock, int mode,
			     struct lock_class *class)
{
	held->item[held->nr].lock = (uintptr_t)lock | mode;
	held->item[held->nr].class = class;
	held->nr++;
}

/* Takes @lock off the list when it is the latest, as it nearly always is. */
static inline bool lock_pop(struct lock_held *held, const void *lock, int mode)
{
	unsigned int nr = held->nr;

	if (unlikely(!nr ||
		     held->item[nr - 1].lock != ((uintptr_t)lock | mode)))
		return false;
	held->nr = nr - 1;
	return true;
}

/* All checks before @lock is waited for.  False when it must not be: it is
 * then on the list as taken again, so that the unlock that follows finds it. */
bool lock_may_take(struct lock_held *held, const void *lock,
		   struct lock_class *class, bool alive);
/* Takes @lock off the list wherever it is.  False when there is nothing to give
 * up: it is not on it (reported), or was taken again and is held on. */
bool lock_may_release(struct lock_held *held, const void *lock, int mode,
		      const struct lock_class *class, int owner);
/* @class may be NULL; @owner: whom the report names, 0: nobody. */
void lock_report(const struct lock_class *class, const char *what, int owner);

#endif /* ANYVFIO_HOST_HELD_H */
