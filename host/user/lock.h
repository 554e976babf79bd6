/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Locks, reference counts and completions of the user host.
 *
 * Locks are futexes.  What a thread holds and in which order classes are taken
 * is checked all the time (../held.h, ../order.h).  The paths without a fight
 * are inline: this code is in every call of the program.
 */
#ifndef ANYVFIO_USER_LOCK_H
#define ANYVFIO_USER_LOCK_H

#include "../held.h"
#include "../refcount.h"

/* What this thread holds.  Initial-exec: the library is there from the start,
 * and a general TLS access may call the program's malloc. */
extern __thread struct lock_held lock_held
	__attribute__((tls_model("initial-exec")));

/* For the end of every call into us: a lock that stays behind is a bug. */
#define lock_assert_none_held() WARN_ON(lock_held.nr)

#define lockdep_assert_held(lock) WARN_ON(!lock_is_held(&lock_held, lock, -1))
#define lockdep_assert_held_write(lock) \
	WARN_ON(!lock_is_held(&lock_held, lock, LOCK_EXCLUSIVE))
#define lockdep_assert_held_read(lock) \
	WARN_ON(!lock_is_held(&lock_held, lock, LOCK_SHARED))

/* For the child of a fork: no other thread exists, no lock is held. */
void lock_after_fork(void);

/* ---- mutex ---- */

enum {
	MUTEX_NONE = 0, /* never initialised, or destroyed */
	MUTEX_FREE,
	MUTEX_LOCKED,
	MUTEX_CONTENDED, /* locked; somebody may sleep */
};

struct mutex {
	u32 state;
	int owner; /* thread, for reports; 0: nobody */
	struct lock_class *class;
};

void __mutex_init(struct mutex *m, struct lock_class *class);
void mutex_destroy(struct mutex *m);
void mutex_lock_slow(struct mutex *m);
void mutex_unlock_slow(struct mutex *m);
void mutex_wake(struct mutex *m);

#define mutex_init(m)                                                   \
	do {                                                            \
		static struct lock_class __class = LOCK_CLASS_HERE(#m); \
		__mutex_init(m, &__class);                              \
	} while (0)

static inline void mutex_lock(struct mutex *m)
{
	struct lock_held *held = &lock_held;
	u32 old = MUTEX_FREE;

	if (!lock_is_easy(held, m->class) ||
	    unlikely(!__atomic_compare_exchange_n(&m->state, &old, MUTEX_LOCKED,
						  false, __ATOMIC_ACQUIRE,
						  __ATOMIC_RELAXED))) {
		mutex_lock_slow(m);
		return;
	}
	WRITE_ONCE(m->owner, held->owner);
	lock_push(held, m, LOCK_EXCLUSIVE, m->class);
}

static inline void mutex_unlock(struct mutex *m)
{
	if (unlikely(!lock_pop(&lock_held, m, LOCK_EXCLUSIVE))) {
		mutex_unlock_slow(m);
		return;
	}
	WRITE_ONCE(m->owner, 0);
	if (unlikely(__atomic_exchange_n(&m->state, MUTEX_FREE,
					 __ATOMIC_RELEASE) == MUTEX_CONTENDED))
		mutex_wake(m);
}

/* ---- rw_semaphore: fair, first come first served ---- */

/* Bits of rw_semaphore::state; the count of readers is above them. */
#define RWSEM_INIT 1u
#define RWSEM_WRITER 2u
#define RWSEM_WAITERS 4u /* the queue is not empty: get in line */
#define RWSEM_READER 8u

struct rwsem_waiter;

struct rw_semaphore {
	u32 state;
	u32 guard; /* a lock for the queue */
	struct rwsem_waiter *first, **tail;
	struct lock_class *class;
	int owner; /* the writer, for reports */
};

void __init_rwsem(struct rw_semaphore *sem, struct lock_class *class);
void rwsem_down_slow(struct rw_semaphore *sem, enum lock_mode mode);
void rwsem_up_slow(struct rw_semaphore *sem, enum lock_mode mode);
void rwsem_wake(struct rw_semaphore *sem);

#define init_rwsem(sem)                                                   \
	do {                                                              \
		static struct lock_class __class = LOCK_CLASS_HERE(#sem); \
		__init_rwsem(sem, &__class);                              \
	} while (0)

static inline void down_read(struct rw_semaphore *sem)
{
	struct lock_held *held = &lock_held;
	u32 old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);

	if (!lock_is_easy(held, sem->class) ||
	    unlikely((old & (RWSEM_READER - 1)) != RWSEM_INIT) ||
	    unlikely(!__atomic_compare_exchange_n(
		    &sem->state, &old, old + RWSEM_READER, false,
		    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
		rwsem_down_slow(sem, LOCK_SHARED);
		return;
	}
	lock_push(held, sem, LOCK_SHARED, sem->class);
}

static inline void up_read(struct rw_semaphore *sem)
{
	u32 left;

	if (unlikely(!lock_pop(&lock_held, sem, LOCK_SHARED))) {
		rwsem_up_slow(sem, LOCK_SHARED);
		return;
	}
	left = __atomic_sub_fetch(&sem->state, RWSEM_READER, __ATOMIC_RELEASE);
	if (unlikely(left == (RWSEM_INIT | RWSEM_WAITERS)))
		rwsem_wake(sem);
}

static inline void down_write(struct rw_semaphore *sem)
{
	struct lock_held *held = &lock_held;
	u32 old = RWSEM_INIT;

	if (!lock_is_easy(held, sem->class) ||
	    unlikely(!__atomic_compare_exchange_n(
		    &sem->state, &old, RWSEM_INIT | RWSEM_WRITER, false,
		    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
		rwsem_down_slow(sem, LOCK_EXCLUSIVE);
		return;
	}
	WRITE_ONCE(sem->owner, held->owner);
	lock_push(held, sem, LOCK_EXCLUSIVE, sem->class);
}

static inline void up_write(struct rw_semaphore *sem)
{
	if (unlikely(!lock_pop(&lock_held, sem, LOCK_EXCLUSIVE))) {
		rwsem_up_slow(sem, LOCK_EXCLUSIVE);
		return;
	}
	WRITE_ONCE(sem->owner, 0);
	if (unlikely(__atomic_and_fetch(&sem->state, ~RWSEM_WRITER,
					__ATOMIC_RELEASE) &
		     RWSEM_WAITERS))
		rwsem_wake(sem);
}

/* ---- completion: port_wait() takes what complete() gives ---- */

struct completion {
	u32 done;
};

/* Wakes one waiter, now or later, who may free @done at once. */
void complete(struct completion *done);

static inline void reinit_completion(struct completion *done)
{
	__atomic_store_n(&done->done, 0, __ATOMIC_RELAXED);
}

static inline void init_completion(struct completion *done)
{
	reinit_completion(done);
}

#endif /* ANYVFIO_USER_LOCK_H */
