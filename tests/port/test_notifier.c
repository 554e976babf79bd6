/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: notifier chains. */
#include "world.h"

struct listener {
	struct notifier_block nb;
	int value;
	struct blocking_notifier_head *other;
};

static int heard;
static unsigned long last_action;
static void *last_data;

static int hear(struct notifier_block *nb, unsigned long action, void *data)
{
	struct listener *self = container_of(nb, struct listener, nb);

	heard = heard * 10 + self->value;
	last_action = action;
	last_data = data;
	return NOTIFY_OK;
}

static void register_all(struct blocking_notifier_head *nh,
			 struct listener *listener, unsigned int nr)
{
	unsigned int i;

	heard = 0;
	for (i = 0; i < nr; i++)
		check(!blocking_notifier_chain_register(nh, &listener[i].nb));
}

static void chain_calls_by_priority_then_by_registration(void)
{
	struct listener listener[] = {
		{ .nb.notifier_call = hear, .value = 1 },
		{ .nb.notifier_call = hear, .nb.priority = 5, .value = 2 },
		{ .nb.notifier_call = hear, .value = 3 },
		{ .nb.notifier_call = hear, .nb.priority = -5, .value = 4 },
		{ .nb.notifier_call = hear, .nb.priority = 5, .value = 5 },
	};
	struct blocking_notifier_head nh;
	int data;

	blocking_notifier_init(&nh);
	register_all(&nh, listener, ARRAY_SIZE(listener));
	check(blocking_notifier_call_chain(&nh, 7, &data) == NOTIFY_OK);
	check(heard == 25134 && last_action == 7 && last_data == &data);
}

static void registering_twice_is_eexist_and_once_is_called(void)
{
	struct listener listener[] = {
		{ .nb.notifier_call = hear, .value = 1 },
		{ .nb.notifier_call = hear, .nb.priority = 1, .value = 2 },
	};
	struct blocking_notifier_head nh;

	blocking_notifier_init(&nh);
	register_all(&nh, listener, 2);
	check(blocking_notifier_chain_register(&nh, &listener[0].nb) ==
	      -EEXIST);
	check(blocking_notifier_chain_register(&nh, &listener[1].nb) ==
	      -EEXIST);
	blocking_notifier_call_chain(&nh, 0, NULL);
	check(heard == 21);
}

static void unregistering_takes_only_that_one_off(void)
{
	struct listener listener[] = {
		{ .nb.notifier_call = hear, .value = 1 },
		{ .nb.notifier_call = hear, .value = 2 },
		{ .nb.notifier_call = hear, .value = 3 },
	};
	struct blocking_notifier_head nh;

	blocking_notifier_init(&nh);
	check(blocking_notifier_call_chain(&nh, 0, NULL) == NOTIFY_DONE);
	check(blocking_notifier_chain_unregister(&nh, &listener[0].nb) ==
	      -ENOENT);
	register_all(&nh, listener, 3);
	check(!blocking_notifier_chain_unregister(&nh, &listener[1].nb));
	check(blocking_notifier_chain_unregister(&nh, &listener[1].nb) ==
	      -ENOENT);
	blocking_notifier_call_chain(&nh, 0, NULL);
	check(heard == 13);
	check(!blocking_notifier_chain_unregister(&nh, &listener[0].nb));
	check(!blocking_notifier_chain_unregister(&nh, &listener[2].nb));
	check(blocking_notifier_call_chain(&nh, 0, NULL) == NOTIFY_DONE);
	check(heard == 13 && !nh.head);
}

static int change_chain(struct notifier_block *nb, unsigned long action,
			void *data)
{
	struct listener *self = container_of(nb, struct listener, nb);

	blocking_notifier_chain_unregister(self->other, nb);
	return NOTIFY_DONE;
}

static void changing_the_chain_that_calls_is_reported(void)
{
	struct blocking_notifier_head nh;
	struct listener listener = { .nb.notifier_call = change_chain,
				     .other = &nh };

	blocking_notifier_init(&nh);
	register_all(&nh, &listener, 1);
	world_catch();
	blocking_notifier_call_chain(&nh, 0, NULL);
	check(world_caught("taken twice") == 1);
}

static int join_other(struct notifier_block *nb, unsigned long action,
		      void *data)
{
	struct listener *self = container_of(nb, struct listener, nb);

	return blocking_notifier_chain_register(self->other, data);
}

static void changing_another_chain_is_fine(void)
{
	struct blocking_notifier_head nh, other;
	struct listener listener = { .nb.notifier_call = join_other,
				     .other = &other };
	struct listener second = { .nb.notifier_call = hear, .value = 9 };

	blocking_notifier_init(&nh);
	blocking_notifier_init(&other);
	register_all(&nh, &listener, 1);
	check(blocking_notifier_call_chain(&nh, 0, &second.nb) == 0);
	blocking_notifier_call_chain(&other, 0, NULL);
	check(heard == 9);
}

static void leave(void *arg)
{
	struct listener *listener = arg;

	check(!blocking_notifier_chain_unregister(listener->other,
						  &listener->nb));
	/* From here on it is not called any more. */
	listener->value = 0;
}

static int must_be_alive(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	struct listener *self = container_of(nb, struct listener, nb);

	check(self->value);
	world_yield();
	check(self->value);
	return NOTIFY_OK;
}

static void unregistering_waits_for_a_call_in_progress(void)
{
	struct blocking_notifier_head nh;
	struct listener listener = { .nb.notifier_call = must_be_alive,
				     .other = &nh };
	struct world_task *task;
	unsigned int i;

	blocking_notifier_init(&nh);
	for (i = 0; i < 100; i++) {
		listener.value = 1;
		register_all(&nh, &listener, 1);
		task = world_start(leave, &listener);
		while (blocking_notifier_call_chain(&nh, 0, NULL) == NOTIFY_OK)
			world_yield();
		world_join(task);
	}
}

const struct world_test notifier_tests[] = {
	TEST(chain_calls_by_priority_then_by_registration),
	TEST(registering_twice_is_eexist_and_once_is_called),
	TEST(unregistering_takes_only_that_one_off),
	TEST(changing_the_chain_that_calls_is_reported),
	TEST(changing_another_chain_is_fine),
	TEST(unregistering_waits_for_a_call_in_progress),
	{ 0 },
};
