/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Locks, reference counts and completions of the simulation.  A task that has to
 * wait is not chosen until it need not; which one is next, the seed decides.
 */
#ifndef ANYVFIO_SIM_LOCK_H
#define ANYVFIO_SIM_LOCK_H

#include "../held.h"
#include "../refcount.h"

/* What the running task holds. */
struct lock_held *sim_held(void);

#define lock_assert_none_held() WARN_ON(sim_held()->nr)

#define lockdep_assert_held(lock) WARN_ON(!lock_is_held(sim_held(), lock, -1))
#define lockdep_assert_held_write(lock) \
	WARN_ON(!lock_is_held(sim_held(), lock, LOCK_EXCLUSIVE))
#define lockdep_assert_held_read(lock) \
	WARN_ON(!lock_is_held(sim_held(), lock, LOCK_SHARED))

/* ---- mutex ---- */

struct mutex {
	bool alive, locked;
	int owner; /* task, for reports */
	struct lock_class *class;
};

void __mutex_init(struct mutex *m, struct lock_class *class);
void mutex_destroy(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#define mutex_init(m)                                                   \
	do {                                                            \
		static struct lock_class __class = LOCK_CLASS_HERE(#m); \
		__mutex_init(m, &__class);                              \
	} while (0)

/* ---- rw_semaphore: fair, first come first served ---- */

struct rw_semaphore {
	bool alive, writing;
	unsigned int readers;
	int owner; /* the writer, for reports */
	u64 in, out; /* numbers drawn, and up to which they may go on */
	struct lock_class *class;
};

void __init_rwsem(struct rw_semaphore *sem, struct lock_class *class);
void down_read(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);

#define init_rwsem(sem)                                                   \
	do {                                                              \
		static struct lock_class __class = LOCK_CLASS_HERE(#sem); \
		__init_rwsem(sem, &__class);                              \
	} while (0)

/* ---- completion: port_wait() takes what complete() gives ---- */

struct completion {
	unsigned int done;
	unsigned int made; /* COMPLETION_MADE: zeroed memory is none yet */
};

#define COMPLETION_MADE 0xc0313e7eu

void init_completion(struct completion *done);
void reinit_completion(struct completion *done);
/* Wakes one waiter, now or later, who may free @done at once. */
void complete(struct completion *done);

#endif /* ANYVFIO_SIM_LOCK_H */
