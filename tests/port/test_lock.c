/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: mutex, the order of locks, refcount. */
#include "world.h"

#define TASKS 4
#define ROUNDS 500

struct counter {
	struct mutex lock;
	unsigned int inside;
	unsigned long n;
};

static void count(void *arg)
{
	struct counter *counter = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		mutex_lock(&counter->lock);
		check(counter->inside++ == 0);
		counter->n++;
		world_yield();
		check(--counter->inside == 0);
		mutex_unlock(&counter->lock);
	}
}

static void mutex_lets_one_in_at_a_time(void)
{
	struct counter counter = { .n = 0 };
	struct world_task *task[TASKS];
	unsigned int i;

	mutex_init(&counter.lock);
	for (i = 0; i < TASKS; i++)
		task[i] = world_start(count, &counter);
	for (i = 0; i < TASKS; i++)
		world_join(task[i]);
	check(counter.n == TASKS * ROUNDS);
	mutex_destroy(&counter.lock);
}

static void mutex_taken_twice_is_reported_and_survived(void)
{
	struct mutex m;

	mutex_init(&m);
	mutex_lock(&m);
	world_catch();
	mutex_lock(&m);
	check(world_caught("taken twice") == 1);
	mutex_unlock(&m);
	lockdep_assert_held(&m);
	mutex_unlock(&m);
	world_catch();
	mutex_unlock(&m);
	check(world_caught("not held") == 1);
	mutex_destroy(&m);
}

static void lock_it(void *arg)
{
	mutex_lock(arg);
	mutex_unlock(arg);
}

static void unlock_it(void *arg)
{
	mutex_unlock(arg);
}

static void mutex_unlocked_by_another_is_reported_and_stays_held(void)
{
	struct world_task *task;
	struct mutex m;

	mutex_init(&m);
	mutex_lock(&m);
	world_catch();
	world_join(world_start(unlock_it, &m));
	check(world_caught("given up, but held") == 1);
	lockdep_assert_held(&m);
	/* Really held: another one has to wait. */
	task = world_start(lock_it, &m);
	world_until(world_mutex_has_waiter(&m));
	mutex_unlock(&m);
	world_join(task);
	mutex_destroy(&m);
}

static void mutex_destroyed_while_held_is_reported(void)
{
	struct mutex m;

	mutex_init(&m);
	mutex_lock(&m);
	world_catch();
	mutex_destroy(&m);
	check(world_caught("destroyed while held") == 1);
	mutex_unlock(&m);
}

static void mutex_used_after_destroy_or_never_made_is_reported(void)
{
	struct mutex m, never = { 0 };

	mutex_init(&m);
	mutex_destroy(&m);
	world_catch();
	mutex_lock(&m);
	mutex_unlock(&m);
	mutex_destroy(&m);
	mutex_lock(&never);
	mutex_unlock(&never);
	check(world_caught("initialised") == 3);
}

static void assert_none(void *arg)
{
	lockdep_assert_held((struct mutex *)arg);
}

static void assertion_without_the_lock_is_reported(void)
{
	struct mutex m, other;

	mutex_init(&m);
	mutex_init(&other);
	world_catch();
	lockdep_assert_held(&m);
	check(world_caught("&m") == 1);
	mutex_lock(&other);
	mutex_lock(&m);
	lockdep_assert_held(&m);
	lockdep_assert_held(&other);
	/* Held, but not by the one who asserts. */
	world_catch();
	world_join(world_start(assert_none, &m));
	check(world_caught("held") == 1);
	mutex_unlock(&m);
	mutex_unlock(&other);
	mutex_destroy(&m);
	mutex_destroy(&other);
}

static void locks_may_be_given_up_in_any_order(void)
{
	struct mutex a, b, c;

	mutex_init(&a);
	mutex_init(&b);
	mutex_init(&c);
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_lock(&c);
	mutex_unlock(&b);
	lockdep_assert_held(&a);
	lockdep_assert_held(&c);
	mutex_unlock(&a);
	lockdep_assert_held(&c);
	mutex_unlock(&c);
	world_catch();
	lockdep_assert_held(&a);
	lockdep_assert_held(&b);
	lockdep_assert_held(&c);
	check(world_caught("held") == 3);
}

static void nest(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void order_turned_round_is_reported_with_both_names(void)
{
	struct mutex first, second;

	lock_order_forget();
	mutex_init(&first);
	mutex_init(&second);
	nest(&first, &second);
	nest(&first, &second);
	world_catch();
	nest(&second, &first);
	check(world_caught("&first") == 1);
	/* Once is enough. */
	world_catch();
	nest(&second, &first);
	check(world_caught("") == 0);

	lock_order_forget();
	nest(&first, &second);
	world_catch();
	nest(&second, &first);
	check(world_caught("&second") == 1);
	lock_order_forget();
}

static void order_turned_round_over_three_is_reported(void)
{
	struct mutex a, b, c;

	lock_order_forget();
	mutex_init(&a);
	mutex_init(&b);
	mutex_init(&c);
	nest(&a, &b);
	nest(&b, &c);
	nest(&a, &c);
	world_catch();
	nest(&c, &a);
	check(world_caught("lock order") == 1);
	lock_order_forget();
}

/* The latest lock stands for those before it, also when one in the middle was
 * given up meanwhile. */
static void order_is_learnt_from_all_locks_held(void)
{
	struct mutex a, b, c;

	lock_order_forget();
	mutex_init(&a);
	mutex_init(&b);
	mutex_init(&c);
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_lock(&c);
	mutex_unlock(&b);
	mutex_unlock(&c);
	mutex_unlock(&a);
	world_catch();
	nest(&c, &a);
	check(world_caught("lock order") == 1);
	lock_order_forget();
}

static void two_locks_of_one_class_are_reported(void)
{
	struct mutex m[2];
	unsigned int i;

	lock_order_forget();
	for (i = 0; i < 2; i++)
		mutex_init(&m[i]);
	world_catch();
	nest(&m[0], &m[1]);
	check(world_caught("of its class") == 1);
	lock_order_forget();
}

static void rwsem_and_mutex_are_in_one_order(void)
{
	struct rw_semaphore sem;
	struct mutex m;

	lock_order_forget();
	init_rwsem(&sem);
	mutex_init(&m);
	down_read(&sem);
	mutex_lock(&m);
	mutex_unlock(&m);
	up_read(&sem);
	world_catch();
	mutex_lock(&m);
	down_read(&sem);
	up_read(&sem);
	mutex_unlock(&m);
	check(world_caught("&sem") == 1);
	lock_order_forget();
}

/* ---- refcount ---- */

struct shared_ref {
	refcount_t ref;
	unsigned int last;
};

static void put_some(void *arg)
{
	struct shared_ref *shared = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		if (refcount_dec_and_test(&shared->ref))
			__atomic_fetch_add(&shared->last, 1, __ATOMIC_RELAXED);
}

static void of_n_puts_exactly_the_last_is_true(void)
{
	struct shared_ref shared = { .last = 0 };
	struct world_task *task[TASKS];
	unsigned int i;

	refcount_set(&shared.ref, 3);
	check(!refcount_dec_and_test(&shared.ref));
	check(!refcount_dec_and_test(&shared.ref));
	check(refcount_dec_and_test(&shared.ref));

	refcount_set(&shared.ref, TASKS * ROUNDS);
	for (i = 0; i < TASKS; i++)
		task[i] = world_start(put_some, &shared);
	for (i = 0; i < TASKS; i++)
		world_join(task[i]);
	check(shared.last == 1 && !refcount_read(&shared.ref));
}

static void refcount_inc_not_zero_is_false_at_0_only(void)
{
	refcount_t ref;

	refcount_set(&ref, 0);
	check(!refcount_inc_not_zero(&ref) && !refcount_read(&ref));
	refcount_set(&ref, 1);
	check(refcount_inc_not_zero(&ref) && refcount_read(&ref) == 2);
}

static void refcount_inc_from_0_is_reported_and_stays_broken(void)
{
	refcount_t ref;

	refcount_set(&ref, 0);
	world_catch();
	refcount_inc(&ref);
	check(world_caught("from 0") == 1);
	/* It leaks from here on; it never reaches its last put. */
	world_catch();
	check(!refcount_dec_and_test(&ref));
	check(world_caught("below 0") == 1);
}

static void refcount_put_below_0_is_reported(void)
{
	refcount_t ref;

	refcount_set(&ref, 0);
	world_catch();
	check(!refcount_dec_and_test(&ref));
	check(refcount_inc_not_zero(&ref));
	check(!refcount_dec_and_test(&ref));
	check(world_caught("refcount") == 3);
}

static void refcount_does_not_wrap(void)
{
	refcount_t ref;

	refcount_set(&ref, INT32_MAX);
	world_catch();
	refcount_inc(&ref);
	check(world_caught("beyond the last") == 1);
	refcount_set(&ref, INT32_MAX);
	world_catch();
	check(refcount_inc_not_zero(&ref));
	check(world_caught("beyond the last") == 1);
	world_catch();
	check(!refcount_dec_and_test(&ref));
	check(world_caught("below 0") == 1);
}

const struct world_test lock_tests[] = {
	TEST(mutex_lets_one_in_at_a_time),
	TEST(mutex_taken_twice_is_reported_and_survived),
	TEST(mutex_unlocked_by_another_is_reported_and_stays_held),
	TEST(mutex_destroyed_while_held_is_reported),
	TEST(mutex_used_after_destroy_or_never_made_is_reported),
	TEST(assertion_without_the_lock_is_reported),
	TEST(locks_may_be_given_up_in_any_order),
	TEST(order_turned_round_is_reported_with_both_names),
	TEST(order_turned_round_over_three_is_reported),
	TEST(order_is_learnt_from_all_locks_held),
	TEST(two_locks_of_one_class_are_reported),
	TEST(rwsem_and_mutex_are_in_one_order),
	TEST(of_n_puts_exactly_the_last_is_true),
	TEST(refcount_inc_not_zero_is_false_at_0_only),
	TEST(refcount_inc_from_0_is_reported_and_stays_broken),
	TEST(refcount_put_below_0_is_reported),
	TEST(refcount_does_not_wrap),
	{ 0 },
};
