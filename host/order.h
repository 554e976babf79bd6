/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The order in which classes of locks are taken, learnt while running.
 *
 * A class is a place that initialises locks: each mutex_init() and
 * init_rwsem() in the source has a static one.  Taking a lock of class B with
 * one of class A held as the latest makes the edge A -> B.  Each lock on a
 * thread's list of held ones was taken after the one before it, so the latest
 * alone stands for all of them.  An edge that closes a cycle, and two locks of
 * one class at once, are reported with the names of both, the first time.
 *
 * Used by the locks of both hosts; needs base.h.
 */
#ifndef ANYVFIO_HOST_ORDER_H
#define ANYVFIO_HOST_ORDER_H

#define LOCK_CLASSES 256

struct lock_class {
	const char *name; /* the argument of the initialisation */
	const char *file;
	int line;
	unsigned int id; /* from 1 once in use; atomic */
	/* Bit per class.  @known: nothing more to check; read without a lock.
	 * @after: the graph; under the lock of order.c.  They differ by what
	 * was reported. */
	u64 known[LOCK_CLASSES / 64];
	u64 after[LOCK_CLASSES / 64];
};

#define LOCK_CLASS_HERE(what)                                      \
	{                                                          \
		.name = (what), .file = __FILE__, .line = __LINE__ \
	}

/* Gives @class its number; once more does nothing. */
void lock_class_use(struct lock_class *class);
/* A lock of @class is about to be taken with one of @held held: learns the edge
 * or reports it. */
void lock_order_learn(struct lock_class *held, struct lock_class *class);
/* For tests: nothing was learnt so far. */
void lock_order_forget(void);
/* For a child after fork: whoever was in here does not exist any more. */
void lock_order_after_fork(void);

static inline bool lock_order_known(const struct lock_class *held,
				    const struct lock_class *class)
{
	unsigned int id = READ_ONCE(class->id);

	return READ_ONCE(held->known[id / 64]) >> (id % 64) & 1;
}

#endif /* ANYVFIO_HOST_ORDER_H */
