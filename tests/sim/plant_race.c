/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Accesses in no order, and in some: for test_self.c.  Compiled as portable code
 * is, with each access seen.
 */
#include "plant_race.h"

static u64 number;
static struct mutex lock;
static struct rw_semaphore sem;
static struct completion done;
static u64 *shared;

void race_begin(void)
{
	mutex_init(&lock);
	init_rwsem(&sem);
	init_completion(&done);
	shared = NULL;
}

void race_end(void)
{
	mutex_destroy(&lock);
	port_free(shared);
}

/* ---- no order ---- */

void race_write(void *arg)
{
	number++;
}

void race_read(void *arg)
{
	(void)READ_ONCE(number);
}

/* The reader has a lock, the writer has none. */
void race_read_locked(void *arg)
{
	mutex_lock(&lock);
	if (number)
		(void)READ_ONCE(number);
	mutex_unlock(&lock);
}

/* Both have it, for reading. */
void race_write_shared(void *arg)
{
	down_read(&sem);
	number++;
	up_read(&sem);
}

void race_publish_plainly(void *arg)
{
	u64 *mem = port_zalloc(sizeof(*mem));

	*mem = 1;
	WRITE_ONCE(shared, mem);
}

void race_use_published(void *arg)
{
	u64 *mem = smp_load_acquire(&shared);

	if (mem)
		(*mem)++;
}

/* ---- order ---- */

void order_write_locked(void *arg)
{
	mutex_lock(&lock);
	number++;
	mutex_unlock(&lock);
}

void order_write_exclusive(void *arg)
{
	down_write(&sem);
	number++;
	up_write(&sem);
}

void order_read_shared(void *arg)
{
	down_read(&sem);
	if (number)
		sim_point();
	up_read(&sem);
}

void order_publish(void *arg)
{
	u64 *mem = port_zalloc(sizeof(*mem));

	*mem = 1;
	smp_store_release(&shared, mem);
}

void order_write_and_complete(void *arg)
{
	number++;
	complete(&done);
}

void order_wait_and_write(void *arg)
{
	if (!port_wait(&done, 1000000, false))
		number++;
}
