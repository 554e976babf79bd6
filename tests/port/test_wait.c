/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: completions and the wait with a limit. */
#include "world.h"

#define LONG_MS 600000
#define TASKS 3
#define ROUNDS 300

struct wait {
	struct completion done;
	bool interruptible, waiting, over;
	int ret;
};

static void init_wait(struct wait *wait, bool interruptible)
{
	memset(wait, 0, sizeof(*wait));
	init_completion(&wait->done);
	wait->interruptible = interruptible;
}

/* As long as it takes: in the simulation any time may pass while others could
 * run. */
static int wait_long(struct completion *done, bool interruptible)
{
	int ret;

	do
		ret = port_wait(done, LONG_MS, interruptible);
	while (ret == -ETIME);
	return ret;
}

static void wait_for_it(void *arg)
{
	struct wait *wait = arg;

	__atomic_store_n(&wait->waiting, true, __ATOMIC_RELEASE);
	wait->ret = wait_long(&wait->done, wait->interruptible);
	__atomic_store_n(&wait->over, true, __ATOMIC_RELEASE);
}

static void complete_first_is_0_at_once_and_each_counts(void)
{
	struct completion done;

	init_completion(&done);
	complete(&done);
	complete(&done);
	check(port_wait(&done, LONG_MS, true) == 0);
	check(port_wait(&done, LONG_MS, false) == 0);
	check(port_wait(&done, 0, false) == -ETIME);
}

static void reinit_forgets_what_was_completed(void)
{
	struct completion done;

	init_completion(&done);
	complete(&done);
	reinit_completion(&done);
	check(port_wait(&done, 1, false) == -ETIME);
	complete(&done);
	check(port_wait(&done, 0, false) == 0);
}

static void nobody_completes_is_etime_not_before_the_limit(void)
{
	struct completion done;
	u64 from = world_now_ms();

	init_completion(&done);
	check(port_wait(&done, 3, true) == -ETIME);
	check(world_now_ms() - from >= 2);
	check(port_wait(&done, 3, false) == -ETIME);
	check(world_now_ms() - from >= 5);
}

static void completed_while_waiting_is_0(void)
{
	struct world_task *task;
	struct wait wait;

	init_wait(&wait, false);
	task = world_start(wait_for_it, &wait);
	world_until(__atomic_load_n(&wait.waiting, __ATOMIC_ACQUIRE));
	complete(&wait.done);
	world_join(task);
	check(wait.ret == 0);
}

static void signal_is_eintr_when_interruptible(void)
{
	struct world_task *task;
	struct wait wait;

	init_wait(&wait, true);
	task = world_start(wait_for_it, &wait);
	while (!__atomic_load_n(&wait.over, __ATOMIC_ACQUIRE)) {
		world_interrupt(task);
		world_yield();
	}
	world_join(task);
	check(wait.ret == -EINTR);
	/* The completion was not taken by that. */
	complete(&wait.done);
	check(port_wait(&wait.done, 0, false) == 0);
}

static void signal_is_nothing_when_not_interruptible(void)
{
	struct world_task *task;
	struct wait wait;
	unsigned int i;

	init_wait(&wait, false);
	task = world_start(wait_for_it, &wait);
	world_until(__atomic_load_n(&wait.waiting, __ATOMIC_ACQUIRE));
	for (i = 0; i < 50; i++) {
		world_interrupt(task);
		world_yield();
	}
	check(!__atomic_load_n(&wait.over, __ATOMIC_ACQUIRE));
	complete(&wait.done);
	world_join(task);
	check(wait.ret == 0);
}

static void free_at_once(void *arg)
{
	struct wait **slot = arg, *wait;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		wait = port_zalloc(sizeof(*wait));
		check(wait);
		init_wait(wait, false);
		__atomic_store_n(slot, wait, __ATOMIC_RELEASE);
		check(wait_long(&wait->done, false) == 0);
		port_free(wait);
	}
}

/* The address sanitizer sees a complete() that looks at it once more. */
static void waiter_may_free_the_completion_at_once(void)
{
	struct wait *slot = NULL, *wait;
	struct world_task *task;
	unsigned int i;

	task = world_start(free_at_once, &slot);
	for (i = 0; i < ROUNDS; i++) {
		world_until((wait = __atomic_exchange_n(&slot, NULL,
							__ATOMIC_ACQUIRE)));
		complete(&wait->done);
	}
	world_join(task);
}

static void take_one(void *arg)
{
	struct completion *done = arg;

	check(wait_long(done, false) == 0);
}

static void each_complete_lets_one_waiter_go(void)
{
	struct world_task *task[TASKS];
	struct completion done;
	unsigned int i;

	init_completion(&done);
	for (i = 0; i < TASKS; i++)
		task[i] = world_start(take_one, &done);
	for (i = 0; i < TASKS; i++)
		complete(&done);
	for (i = 0; i < TASKS; i++)
		world_join(task[i]);
	check(port_wait(&done, 0, false) == -ETIME);
}

static void waiting_with_a_lock_held_is_reported(void)
{
	struct completion done;
	struct mutex m;

	mutex_init(&m);
	init_completion(&done);
	complete(&done);
	mutex_lock(&m);
	world_catch();
	check(port_wait(&done, 0, false) == 0);
	check(world_caught("held") == 1);
	mutex_unlock(&m);
	mutex_destroy(&m);
}

const struct world_test wait_tests[] = {
	TEST(complete_first_is_0_at_once_and_each_counts),
	TEST(reinit_forgets_what_was_completed),
	TEST(nobody_completes_is_etime_not_before_the_limit),
	TEST(completed_while_waiting_is_0),
	TEST(signal_is_eintr_when_interruptible),
	TEST(signal_is_nothing_when_not_interruptible),
	TEST(waiter_may_free_the_completion_at_once),
	TEST(each_complete_lets_one_waiter_go),
	TEST(waiting_with_a_lock_held_is_reported),
	{ 0 },
};
