/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The locks somebody holds: what has to be checked rarely, see held.h. */
#include "port.h"

/* Stands for the class of a lock that never had one. */
static struct lock_class no_class = LOCK_CLASS_HERE("a lock");

void lock_report(const struct lock_class *class, const char *what, int owner)
{
	char line[192];

	if (!class) {
		port_warn_on(__FILE__, __LINE__, "lock never initialised");
		return;
	}
	if (owner)
		snprintf(line, sizeof(line), "%s (%s:%d) %s, by %d",
			 class->name, class->file, class->line, what, owner);
	else
		snprintf(line, sizeof(line), "%s (%s:%d) %s", class->name,
			 class->file, class->line, what);
	port_warn_on(class->file, class->line, line);
}

bool lock_may_take(struct lock_held *held, const void *lock,
		   struct lock_class *class, bool alive)
{
	if (held->nr == LOCK_MAX_HELD) {
		lock_report(class, "taken with too many locks held", 0);
		return false;
	}
	if (!alive || !class) {
		lock_report(class, "taken, but not initialised or destroyed",
			    0);
		lock_class_use(&no_class);
		lock_push(held, lock, LOCK_AGAIN, class ? class : &no_class);
		return false;
	}
	if (lock_is_held(held, lock, -1)) {
		lock_report(class, "taken twice", held->owner);
		lock_push(held, lock, LOCK_AGAIN, class);
		return false;
	}
	if (held->nr &&
	    !lock_order_known(held->item[held->nr - 1].class, class))
		lock_order_learn(held->item[held->nr - 1].class, class);
	return true;
}

bool lock_may_release(struct lock_held *held, const void *lock, int mode,
		      const struct lock_class *class, int owner)
{
	uintptr_t item = 0;
	unsigned int i;

	for (i = held->nr; i > 0; i--) {
		item = held->item[i - 1].lock;
		if ((item & ~(uintptr_t)LOCK_MODES) == (uintptr_t)lock)
			break;
	}
	if (!i) {
		lock_report(class,
			    owner ? "given up, but held"
				  : "given up, but not held",
			    owner);
		return false;
	}
	item &= LOCK_MODES;
	if (item != LOCK_AGAIN && item != (uintptr_t)mode) {
		lock_report(class, "given up in another mode than held", 0);
		return false;
	}
	held->nr--;
	for (i--; i < held->nr; i++)
		held->item[i] = held->item[i + 1];
	return item != LOCK_AGAIN;
}
