/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The order of lock classes: see order.h. */
#include "port.h"

#include <pthread.h>

/* Guards all that follows and lock_class::after.  A plain mutex: it is taken
 * for edges never seen before only, and nothing is taken below it. */
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lock_class *classes[LOCK_CLASSES];
static unsigned int nr_classes;

void lock_order_after_fork(void)
{
	pthread_mutex_init(&order_lock, NULL);
}

void lock_order_forget(void)
{
	unsigned int id;

	pthread_mutex_lock(&order_lock);
	for (id = 1; id <= nr_classes; id++) {
		memset(classes[id]->known, 0, sizeof(classes[id]->known));
		memset(classes[id]->after, 0, sizeof(classes[id]->after));
	}
	pthread_mutex_unlock(&order_lock);
}

void lock_class_use(struct lock_class *class)
{
	bool full = false;

	if (__atomic_load_n(&class->id, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&order_lock);
	if (!class->id) {
		full = nr_classes + 1 == LOCK_CLASSES;
		if (!full)
			nr_classes++;
		/* The last number is shared by all that came too late. */
		classes[nr_classes] = class;
		__atomic_store_n(&class->id, nr_classes, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&order_lock);
	WARN_ON(full);
}

static bool is_set(const u64 *bits, unsigned int id)
{
	return bits[id / 64] >> (id % 64) & 1;
}

static void set(u64 *bits, unsigned int id)
{
	WRITE_ONCE(bits[id / 64], bits[id / 64] | BIT_ULL(id % 64));
}

/* Whether @from leads to @to, each class visited once. */
static bool leads_to(unsigned int from, unsigned int to)
{
	u64 seen[LOCK_CLASSES / 64] = { 0 };
	u16 todo[LOCK_CLASSES];
	unsigned int nr = 0, id, next;

	todo[nr++] = from;
	set(seen, from);
	while (nr) {
		id = todo[--nr];
		if (id == to)
			return true;
		for (next = 1; next <= nr_classes; next++) {
			if (!is_set(classes[id]->after, next) ||
			    is_set(seen, next))
				continue;
			set(seen, next);
			todo[nr++] = next;
		}
	}
	return false;
}

static void report(const struct lock_class *held,
		   const struct lock_class *class)
{
	char what[256];

	if (held == class)
		snprintf(
			what, sizeof(what),
			"lock order: %s (%s:%d) with another of its class held",
			class->name, class->file, class->line);
	else
		snprintf(
			what, sizeof(what),
			"lock order: %s (%s:%d) after %s (%s:%d), the other way round before",
			class->name, class->file, class->line, held->name,
			held->file, held->line);
	port_warn_on(class->file, class->line, what);
}

void lock_order_learn(struct lock_class *held, struct lock_class *class)
{
	bool bad;

	pthread_mutex_lock(&order_lock);
	if (is_set(held->known, class->id)) {
		pthread_mutex_unlock(&order_lock);
		return;
	}
	bad = leads_to(class->id, held->id);
	set(held->known, class->id);
	if (!bad)
		set(held->after, class->id);
	pthread_mutex_unlock(&order_lock);

	if (bad)
		report(held, class);
}
