/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The port of the core to the simulation: tasks that take turns on one thread,
 * time that is a variable, and everything that can fail failing when told to.
 * The only header portable code includes beside its own.
 */
#ifndef ANYVFIO_PORT_H
#define ANYVFIO_PORT_H

#include "../base.h"

/* Another task may run here, and nowhere else but in calls of the port. */
void sim_point(void);
#define REFCOUNT_POINT() sim_point()
#undef smp_load_acquire
#undef smp_store_release
/* Also between such a load and what is done with its value. */
#define smp_load_acquire(p)                                      \
	({                                                       \
		typeof(*(p)) __loaded;                           \
		sim_point();                                     \
		__loaded = __atomic_load_n(p, __ATOMIC_ACQUIRE); \
		sim_point();                                     \
		__loaded;                                        \
	})
#define smp_store_release(p, v)                           \
	({                                                \
		sim_point();                              \
		__atomic_store_n(p, v, __ATOMIC_RELEASE); \
		sim_point();                              \
	})

#include "lock.h"
#include "../services.h"

/* Memory remembers where it comes from, for reports of what was left. */
void *sim_zalloc(size_t n, size_t size, const char *file, int line);
#define port_zalloc(size) sim_zalloc(1, size, __FILE__, __LINE__)
#define port_zalloc_array(n, size) sim_zalloc(n, size, __FILE__, __LINE__)

#endif /* ANYVFIO_PORT_H */
