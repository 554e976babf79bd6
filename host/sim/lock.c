/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Locks, completions and the wait of the simulation: see lock.h. */
#include "engine.h"

#define MAX_MUTEXES 4096

/* All that are alive, for port_free(). */
static struct mutex *mutexes[MAX_MUTEXES];
static unsigned int nr_mutexes;

void sim_lock_begin(void)
{
	nr_mutexes = 0;
}

/* ---- mutex ---- */

static void forget_mutex(const struct mutex *m)
{
	unsigned int i;

	for (i = 0; i < nr_mutexes; i++) {
		if (mutexes[i] != m)
			continue;
		mutexes[i] = mutexes[--nr_mutexes];
		return;
	}
}

void __mutex_init(struct mutex *m, struct lock_class *class)
{
	/* One that was on a stack may have no end. */
	forget_mutex(m);
	if (nr_mutexes == MAX_MUTEXES)
		sim_bug("too many mutexes");
	mutexes[nr_mutexes++] = m;
	lock_class_use(class);
	memset(m, 0, sizeof(*m));
	m->alive = true;
	m->class = class;
}

void mutex_destroy(struct mutex *m)
{
	sim_point();
	if (!m->alive) {
		lock_report(m->class, "destroyed, but not initialised", 0);
		return;
	}
	if (m->locked)
		lock_report(m->class, "destroyed while held", m->owner);
	forget_mutex(m);
	m->alive = false;
}

static bool mutex_is_free(const struct sim_task *task, const void *on)
{
	return !((const struct mutex *)on)->locked;
}

void mutex_lock(struct mutex *m)
{
	struct lock_held *held;

	sim_point();
	held = sim_held();
	if (!lock_may_take(held, m, m->class, m->alive))
		return;
	sim_block(mutex_is_free, m, m->class->name, 0);
	m->locked = true;
	m->owner = held->owner;
	sim_trace("takes %s", m->class->name);
	lock_push(held, m, LOCK_EXCLUSIVE, m->class);
	sim_acquire(m);
	/* Who should have waited finds the lock's owner at its very begin. */
	sim_point();
}

void mutex_unlock(struct mutex *m)
{
	sim_point();
	if (!lock_may_release(sim_held(), m, LOCK_EXCLUSIVE, m->class,
			      m->owner))
		return;
	sim_release(m);
	m->locked = false;
	m->owner = 0;
	sim_trace("gives up %s", m->class->name);
	sim_point();
}

/* ---- rw_semaphore ---- */

void __init_rwsem(struct rw_semaphore *sem, struct lock_class *class)
{
	lock_class_use(class);
	memset(sem, 0, sizeof(*sem));
	sem->alive = true;
	sem->class = class;
}

static bool is_my_turn(const struct sim_task *task, const void *on)
{
	const struct rw_semaphore *sem = on;

	if (task->ticket != sem->out || sem->writing)
		return false;
	return task->shared || !sem->readers;
}

static void down(struct rw_semaphore *sem, enum lock_mode mode)
{
	struct sim_task *self;

	sim_point();
	self = sim_current();
	if (!lock_may_take(&self->held, sem, sem->class, sem->alive))
		return;
	self->shared = mode == LOCK_SHARED;
	self->ticket = sem->in++;
	sim_block(is_my_turn, sem, sem->class->name, 0);
	sem->out++;
	if (mode == LOCK_SHARED) {
		sem->readers++;
	} else {
		sem->writing = true;
		sem->owner = self->held.owner;
	}
	sim_trace("takes %s for %s", sem->class->name,
		  mode == LOCK_SHARED ? "reading" : "writing");
	lock_push(&self->held, sem, mode, sem->class);
	sim_acquire(sem);
	if (mode == LOCK_EXCLUSIVE)
		sim_acquire(&sem->readers);
	sim_point();
}

static void up(struct rw_semaphore *sem, enum lock_mode mode)
{
	sim_point();
	if (!lock_may_release(sim_held(), sem, mode, sem->class, sem->owner))
		return;
	/* Readers come after writers, and writers after both. */
	sim_release(mode == LOCK_SHARED ? (void *)&sem->readers : sem);
	if (mode == LOCK_SHARED) {
		sem->readers--;
	} else {
		sem->writing = false;
		sem->owner = 0;
	}
	sim_trace("gives up %s", sem->class->name);
	sim_point();
}

void down_read(struct rw_semaphore *sem)
{
	down(sem, LOCK_SHARED);
}

void up_read(struct rw_semaphore *sem)
{
	up(sem, LOCK_SHARED);
}

void down_write(struct rw_semaphore *sem)
{
	down(sem, LOCK_EXCLUSIVE);
}

void up_write(struct rw_semaphore *sem)
{
	up(sem, LOCK_EXCLUSIVE);
}

/* ---- memory that is freed ---- */

struct range {
	uintptr_t start, last;
};

static bool in(const struct range *range, const void *ptr)
{
	return (uintptr_t)ptr >= range->start && (uintptr_t)ptr <= range->last;
}

static void check_held(struct sim_task *task, void *data)
{
	const struct range *range = data;
	unsigned int i;

	for (i = 0; i < task->held.nr; i++)
		if (in(range, (void *)(task->held.item[i].lock & ~3ul)))
			sim_bug("memory is freed with %s in it, which %s holds",
				task->held.item[i].class->name, task->name);
}

void sim_lock_freed(const void *start, size_t size)
{
	struct range range = { (uintptr_t)start, (uintptr_t)start + size - 1 };
	const struct lock_class *class;
	unsigned int i;

	if (!size)
		return;
	sim_each_task(check_held, &range);
	for (i = 0; i < nr_mutexes; i++) {
		if (!in(&range, mutexes[i]))
			continue;
		class = mutexes[i]->class;
		sim_bug("memory is freed with %s (%s:%d) in it, not destroyed",
			class->name, class->file, class->line);
	}
}

/* ---- completion ---- */

void init_completion(struct completion *done)
{
	done->done = 0;
	done->made = COMPLETION_MADE;
}

static void check_made(const struct completion *done)
{
	if (done->made != COMPLETION_MADE)
		sim_bug("a completion is used that was never initialised");
}

void reinit_completion(struct completion *done)
{
	sim_point();
	check_made(done);
	done->done = 0;
}

void complete(struct completion *done)
{
	sim_point();
	check_made(done);
	sim_release(done);
	done->done++;
	sim_trace("completes what %s waits for",
		  sim_is_awaited(done) ? "somebody" : "nobody");
	sim_point();
}

static bool is_done(const struct sim_task *task, const void *on)
{
	return ((const struct completion *)on)->done ||
	       (task->interruptible && task->signalled);
}

int port_wait(struct completion *done, unsigned int ms, bool interruptible)
{
	struct sim_task *self;
	int ret = 0;

	WARN_ON(sim_held()->nr);
	check_made(done);
	if (interruptible && sim_fails(SIM_INTERRUPT))
		return -EINTR;
	sim_point();
	self = sim_current();
	self->interruptible = interruptible;
	sim_block(is_done, done, "a completion", sim_now_ms() + ms);
	if (done->done) {
		done->done--;
		sim_acquire(done);
	} else {
		ret = interruptible && self->signalled ? -EINTR : -ETIME;
	}
	if (ret == -EINTR && !self->calls)
		self->signalled = false;
	self->interruptible = false;
	sim_trace("waited: %d", ret);
	return ret;
}
