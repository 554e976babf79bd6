/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Locks of the user host: what lock.h does not do in line, that is waiting,
 * waking, and everything about misuse.
 */
#include "port.h"
#include "futex.h"

#include <unistd.h>

__thread struct lock_held lock_held;

void lock_after_fork(void)
{
	lock_held.nr = 0;
	lock_held.owner = 0;
	lock_order_after_fork();
}

static bool may_take(struct lock_held *held, const void *lock,
		     struct lock_class *class, bool alive)
{
	if (!held->owner)
		held->owner = gettid();
	return lock_may_take(held, lock, class, alive);
}

/* ---- mutex ---- */

void __mutex_init(struct mutex *m, struct lock_class *class)
{
	lock_class_use(class);
	m->class = class;
	m->owner = 0;
	__atomic_store_n(&m->state, MUTEX_FREE, __ATOMIC_RELAXED);
}

/* The class stays, so that whoever uses the mutex next is named. */
void mutex_destroy(struct mutex *m)
{
	u32 old = __atomic_exchange_n(&m->state, MUTEX_NONE, __ATOMIC_ACQUIRE);

	if (old == MUTEX_NONE)
		lock_report(m->class, "destroyed, but not initialised", 0);
	else if (old != MUTEX_FREE)
		lock_report(m->class, "destroyed while held",
			    READ_ONCE(m->owner));
}

static void wait_for_mutex(u32 *state)
{
	u32 old = MUTEX_FREE;

	if (__atomic_compare_exchange_n(state, &old, MUTEX_LOCKED, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* From here on as contended: others may sleep beside us. */
	while (__atomic_exchange_n(state, MUTEX_CONTENDED, __ATOMIC_ACQUIRE) !=
	       MUTEX_FREE)
		futex_wait(state, MUTEX_CONTENDED, NULL);
}

void mutex_lock_slow(struct mutex *m)
{
	struct lock_held *held = &lock_held;

	if (!may_take(held, m, m->class, READ_ONCE(m->state) != MUTEX_NONE))
		return;
	wait_for_mutex(&m->state);
	WRITE_ONCE(m->owner, held->owner);
	lock_push(held, m, LOCK_EXCLUSIVE, m->class);
}

void mutex_wake(struct mutex *m)
{
	futex_wake(&m->state, 1);
}

void mutex_unlock_slow(struct mutex *m)
{
	if (!lock_may_release(&lock_held, m, LOCK_EXCLUSIVE, m->class,
			      READ_ONCE(m->owner)))
		return;
	WRITE_ONCE(m->owner, 0);
	if (__atomic_exchange_n(&m->state, MUTEX_FREE, __ATOMIC_RELEASE) ==
	    MUTEX_CONTENDED)
		mutex_wake(m);
}

/* ---- rw_semaphore ---- */

/*
 * Whoever cannot have the semaphore at once gets in line, on its own stack, and
 * is given it there by the one who gives it up: nobody overtakes.  The line and
 * the setting of RWSEM_WAITERS are under @guard.
 */
struct rwsem_waiter {
	struct rwsem_waiter *next;
	enum lock_mode mode;
	u32 granted;
};

static void guard_lock(struct rw_semaphore *sem)
{
	wait_for_mutex(&sem->guard);
}

static void guard_unlock(struct rw_semaphore *sem)
{
	if (__atomic_exchange_n(&sem->guard, MUTEX_FREE, __ATOMIC_RELEASE) ==
	    MUTEX_CONTENDED)
		futex_wake(&sem->guard, 1);
}

void __init_rwsem(struct rw_semaphore *sem, struct lock_class *class)
{
	lock_class_use(class);
	sem->class = class;
	sem->owner = 0;
	sem->first = NULL;
	sem->tail = &sem->first;
	sem->guard = MUTEX_FREE;
	__atomic_store_n(&sem->state, RWSEM_INIT, __ATOMIC_RELAXED);
}

static bool is_free(u32 state, enum lock_mode mode)
{
	if (mode == LOCK_SHARED)
		return !(state & (RWSEM_WRITER | RWSEM_WAITERS));
	return state == RWSEM_INIT;
}

/* Takes it when nobody is in the way; else, with @mark, marks that somebody
 * waits. */
static bool try_take(struct rw_semaphore *sem, enum lock_mode mode, bool mark)
{
	u32 old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);
	bool free;
	u32 new;

	do {
		free = is_free(old, mode);
		if (free)
			new = mode == LOCK_SHARED ? old + RWSEM_READER
						  : old | RWSEM_WRITER;
		else if (mark)
			new = old | RWSEM_WAITERS;
		else
			return false;
	} while (!__atomic_compare_exchange_n(&sem->state, &old, new, true,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return free;
}

static void get_in_line(struct rw_semaphore *sem, enum lock_mode mode)
{
	struct rwsem_waiter self = { .mode = mode };

	guard_lock(sem);
	if (try_take(sem, mode, true)) {
		guard_unlock(sem);
		return;
	}
	*sem->tail = &self;
	sem->tail = &self.next;
	guard_unlock(sem);

	while (!__atomic_load_n(&self.granted, __ATOMIC_ACQUIRE))
		futex_wait(&self.granted, 0, NULL);
}

void rwsem_down_slow(struct rw_semaphore *sem, enum lock_mode mode)
{
	struct lock_held *held = &lock_held;

	if (!may_take(held, sem, sem->class, READ_ONCE(sem->state)))
		return;
	/* Readers that come at once only meet in the count. */
	if (!try_take(sem, mode, false))
		get_in_line(sem, mode);
	if (mode == LOCK_EXCLUSIVE)
		WRITE_ONCE(sem->owner, held->owner);
	lock_push(held, sem, mode, sem->class);
}

/*
 * Takes those out of the line whose turn it is: one writer, or the readers at
 * its head; the state is theirs when this returns.  Nobody else changes it
 * meanwhile but by giving up: RWSEM_WAITERS keeps all in line.
 */
static struct rwsem_waiter *take_turns(struct rw_semaphore *sem)
{
	struct rwsem_waiter *first = sem->first, *last = first;
	u32 old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED), add;

	if (!first || old & RWSEM_WRITER)
		return NULL;
	if (first->mode == LOCK_EXCLUSIVE) {
		if (old >= RWSEM_READER)
			return NULL;
		add = RWSEM_WRITER;
	} else {
		add = RWSEM_READER;
		for (; last->next && last->next->mode == LOCK_SHARED;
		     last = last->next)
			add += RWSEM_READER;
	}
	sem->first = last->next;
	last->next = NULL;
	if (!sem->first) {
		sem->tail = &sem->first;
		add -= RWSEM_WAITERS;
	}
	__atomic_fetch_add(&sem->state, add, __ATOMIC_ACQ_REL);
	return first;
}

/* Not a byte of @sem is touched once somebody was let go: it may be the last
 * to use it. */
void rwsem_wake(struct rw_semaphore *sem)
{
	struct rwsem_waiter *w, *next;

	guard_lock(sem);
	w = take_turns(sem);
	guard_unlock(sem);
	for (; w; w = next) {
		next = w->next;
		__atomic_store_n(&w->granted, 1, __ATOMIC_RELEASE);
		futex_wake(&w->granted, 1);
	}
}

void rwsem_up_slow(struct rw_semaphore *sem, enum lock_mode mode)
{
	u32 left;

	if (!lock_may_release(&lock_held, sem, mode, sem->class,
			      READ_ONCE(sem->owner)))
		return;
	if (mode == LOCK_SHARED) {
		left = __atomic_sub_fetch(&sem->state, RWSEM_READER,
					  __ATOMIC_RELEASE);
		if (left == (RWSEM_INIT | RWSEM_WAITERS))
			rwsem_wake(sem);
		return;
	}
	WRITE_ONCE(sem->owner, 0);
	left = __atomic_and_fetch(&sem->state, ~RWSEM_WRITER, __ATOMIC_RELEASE);
	if (left & RWSEM_WAITERS)
		rwsem_wake(sem);
}
