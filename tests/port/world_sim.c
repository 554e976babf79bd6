/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The contract tests on host/sim: each in many orders of things. */
#include "world.h"
#include "sim.h"

#include <stdlib.h>

#define ONE 1 /* one task: nothing depends on an order */
#define MANY 40

struct world_task *world_start(void (*fn)(void *arg), void *arg)
{
	return (struct world_task *)sim_spawn("task", fn, arg);
}

void world_join(struct world_task *task)
{
	sim_join((struct sim_task *)task);
}

void world_yield(void)
{
	sim_yield();
}

void world_interrupt(struct world_task *task)
{
	sim_interrupt((struct sim_task *)task);
}

u64 world_now_ms(void)
{
	return sim_now_ms();
}

bool world_rwsem_has_waiter(struct rw_semaphore *sem)
{
	return sim_is_awaited(sem);
}

bool world_mutex_has_waiter(struct mutex *m)
{
	return sim_is_awaited(m);
}

static void run_test(void *arg)
{
	const struct world_test *test = arg;

	test->fn();
}

static void run_all(const struct world_test *test, u64 seeds, unsigned int *nr)
{
	struct sim_config config;

	for (; test->name; test++) {
		for (u64 seed = 1; seed <= seeds; seed++) {
			config = (struct sim_config){ .seed = seed,
						      .name = test->name };
			sim_begin(&config);
			sim_spawn("test", run_test, (void *)test);
			sim_run();
			sim_end(NULL);
		}
		printf("ok %u - %s\n", ++*nr, test->name);
	}
}

int main(void)
{
	unsigned int nr = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	run_all(base_tests, ONE, &nr);
	run_all(lock_tests, MANY, &nr);
	run_all(rwsem_tests, MANY, &nr);
	run_all(wait_tests, MANY, &nr);
	run_all(copy_tests, ONE, &nr);
	run_all(memory_tests, ONE, &nr);
	run_all(notifier_tests, MANY, &nr);
	run_all(rights_tests, ONE, &nr);
	printf("1..%u\n", nr);
	return 0;
}
