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
	lock_held.tid = 0;
	lock_order_after_fork();
}

/* ---- misuse ---- */

static void report(const struct lock_class *class, const char *what, int owner)
{
	char line[192];

	if (!class) {
		port_warn_on(__FILE__, __LINE__, "lock never initialised");
		return;
	}
	if (owner)
		snprintf(line, sizeof(line), "%s (%s:%d) %s, by thread %d",
			 class->name, class->file, class->line, what, owner);
	else
		snprintf(line, sizeof(line), "%s (%s:%d) %s", class->name,
			 class->file, class->line, what);
	port_warn_on(class->file, class->line, line);
}

/* Stands for the class of a lock that never had one. */
static struct lock_class no_class = LOCK_CLASS_HERE("a lock");

/*
 * All checks before @lock is waited for.  False when it must not be: it is then
 * on the list as taken again, so that the unlock that follows finds it.
 */
static bool may_take(struct lock_held *held, const void *lock,
		     struct lock_class *class, bool alive)
{
	if (!held->tid)
		held->tid = gettid();
	if (held->nr == LOCK_MAX_HELD) {
		report(class, "taken with too many locks held", 0);
		return false;
	}
	if (!alive || !class) {
		report(class, "taken, but not initialised or destroyed", 0);
		lock_class_use(&no_class);
		lock_push(held, lock, LOCK_AGAIN, class ? class : &no_class);
		return false;
	}
	if (lock_is_held(lock, -1)) {
		report(class, "taken twice", held->tid);
		lock_push(held, lock, LOCK_AGAIN, class);
		return false;
	}
	if (held->nr &&
	    !lock_order_known(held->item[held->nr - 1].class, class))
		lock_order_learn(held->item[held->nr - 1].class, class);
	return true;
}

/*
 * Takes @lock off the list wherever it is.  False when there is nothing to give
 * up: it is not on it (reported), or was taken again and is held on.
 */
static bool may_release(struct lock_held *held, const void *lock, int mode,
			const struct lock_class *class, int owner)
{
	unsigned int i, n;
	uintptr_t item;

	for (i = held->nr; i > 0; i--) {
		item = held->item[i - 1].lock;
		if ((item & ~(uintptr_t)LOCK_MODES) == (uintptr_t)lock)
			break;
	}
	if (!i) {
		report(class,
		       owner ? "given up, but held" : "given up, but not held",
		       owner);
		return false;
	}
	item &= LOCK_MODES;
	if (item != LOCK_AGAIN && item != (uintptr_t)mode) {
		report(class, "given up in another mode than held", 0);
		return false;
	}
	held->nr--;
	for (n = i - 1; n < held->nr; n++)
		held->item[n] = held->item[n + 1];
	return item != LOCK_AGAIN;
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
		report(m->class, "destroyed, but not initialised", 0);
	else if (old != MUTEX_FREE)
		report(m->class, "destroyed while held", READ_ONCE(m->owner));
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
	WRITE_ONCE(m->owner, held->tid);
	lock_push(held, m, LOCK_EXCLUSIVE, m->class);
}

void mutex_wake(struct mutex *m)
{
	futex_wake(&m->state, 1);
}

void mutex_unlock_slow(struct mutex *m)
{
	if (!may_release(&lock_held, m, LOCK_EXCLUSIVE, m->class,
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

/* Takes it when nobody is in the way; else marks that somebody waits. */
static bool take_or_mark(struct rw_semaphore *sem, enum lock_mode mode)
{
	u32 old = __atomic_load_n(&sem->state, __ATOMIC_RELAXED);
	bool free;
	u32 new;

	do {
		if (mode == LOCK_SHARED)
			free = !(old & (RWSEM_WRITER | RWSEM_WAITERS));
		else
			free = old == RWSEM_INIT;
		if (!free)
			new = old | RWSEM_WAITERS;
		else if (mode == LOCK_SHARED)
			new = old + RWSEM_READER;
		else
			new = old | RWSEM_WRITER;
	} while (!__atomic_compare_exchange_n(&sem->state, &old, new, true,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return free;
}

static void get_in_line(struct rw_semaphore *sem, enum lock_mode mode)
{
	struct rwsem_waiter self = { .mode = mode };

	guard_lock(sem);
	if (take_or_mark(sem, mode)) {
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
	get_in_line(sem, mode);
	if (mode == LOCK_EXCLUSIVE)
		WRITE_ONCE(sem->owner, held->tid);
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

	if (!may_release(&lock_held, sem, mode, sem->class,
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
