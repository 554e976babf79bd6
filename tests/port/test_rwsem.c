/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: rw_semaphore. */
#include "world.h"

#define READERS 3
#define WRITERS 2
#define ROUNDS 300

struct shared {
	struct rw_semaphore sem;
	unsigned int readers, writers, most_readers;
	bool wrote, read, stop;
};

static void init_shared(struct shared *shared)
{
	memset(shared, 0, sizeof(*shared));
	init_rwsem(&shared->sem);
}

static void read_some(void *arg)
{
	struct shared *shared = arg;
	unsigned int i, n;

	for (i = 0; i < ROUNDS; i++) {
		down_read(&shared->sem);
		n = __atomic_add_fetch(&shared->readers, 1, __ATOMIC_RELAXED);
		if (n > READ_ONCE(shared->most_readers))
			WRITE_ONCE(shared->most_readers, n);
		check(!shared->writers);
		world_yield();
		check(!shared->writers);
		__atomic_sub_fetch(&shared->readers, 1, __ATOMIC_RELAXED);
		up_read(&shared->sem);
	}
}

static void write_some(void *arg)
{
	struct shared *shared = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		down_write(&shared->sem);
		check(shared->writers++ == 0);
		check(!READ_ONCE(shared->readers));
		world_yield();
		check(!READ_ONCE(shared->readers));
		check(--shared->writers == 0);
		up_write(&shared->sem);
	}
}

static void writer_is_alone_and_readers_are_not(void)
{
	struct world_task *task[READERS + WRITERS];
	struct shared shared;
	unsigned int i;

	init_shared(&shared);
	for (i = 0; i < READERS; i++)
		task[i] = world_start(read_some, &shared);
	for (; i < READERS + WRITERS; i++)
		task[i] = world_start(write_some, &shared);
	for (i = 0; i < READERS + WRITERS; i++)
		world_join(task[i]);
}

static void read_until_two(void *arg)
{
	struct shared *shared = arg;

	down_read(&shared->sem);
	__atomic_add_fetch(&shared->readers, 1, __ATOMIC_RELAXED);
	world_until(READ_ONCE(shared->readers) == 2);
	up_read(&shared->sem);
}

static void two_readers_are_in_at_once(void)
{
	struct world_task *a, *b;
	struct shared shared;

	init_shared(&shared);
	a = world_start(read_until_two, &shared);
	b = world_start(read_until_two, &shared);
	world_join(a);
	world_join(b);
}

static void write_once(void *arg)
{
	struct shared *shared = arg;

	down_write(&shared->sem);
	WRITE_ONCE(shared->wrote, true);
	up_write(&shared->sem);
}

static void read_once(void *arg)
{
	struct shared *shared = arg;

	down_read(&shared->sem);
	/* Behind the writer, who was here first. */
	check(READ_ONCE(shared->wrote));
	up_read(&shared->sem);
}

static void waiting_writer_stops_new_readers(void)
{
	struct world_task *writer, *reader;
	struct shared shared;

	init_shared(&shared);
	down_read(&shared.sem);
	writer = world_start(write_once, &shared);
	world_until(world_rwsem_has_waiter(&shared.sem));
	reader = world_start(read_once, &shared);
	/* Were it let in, it would see that nobody wrote. */
	world_yield();
	world_yield();
	check(!READ_ONCE(shared.wrote));
	up_read(&shared.sem);
	world_join(writer);
	world_join(reader);
}

static void read_for_ever(void *arg)
{
	struct shared *shared = arg;

	while (!READ_ONCE(shared->stop)) {
		down_read(&shared->sem);
		world_yield();
		up_read(&shared->sem);
	}
}

/* Readers that overlap all the time: an unfair lock never ends this. */
static void writer_is_not_starved(void)
{
	struct world_task *reader[READERS];
	struct shared shared;
	unsigned int i;

	init_shared(&shared);
	for (i = 0; i < READERS; i++)
		reader[i] = world_start(read_for_ever, &shared);
	for (i = 0; i < 20; i++)
		write_once(&shared);
	WRITE_ONCE(shared.stop, true);
	for (i = 0; i < READERS; i++)
		world_join(reader[i]);
}

static void recursion_is_reported_and_survived(void)
{
	struct shared shared;

	init_shared(&shared);
	down_read(&shared.sem);
	world_catch();
	down_read(&shared.sem);
	up_read(&shared.sem);
	down_write(&shared.sem);
	up_write(&shared.sem);
	check(world_caught("taken twice") == 2);
	lockdep_assert_held_read(&shared.sem);
	up_read(&shared.sem);

	down_write(&shared.sem);
	world_catch();
	down_read(&shared.sem);
	up_read(&shared.sem);
	down_write(&shared.sem);
	up_write(&shared.sem);
	check(world_caught("taken twice") == 2);
	lockdep_assert_held_write(&shared.sem);
	up_write(&shared.sem);

	/* Nothing is left of it. */
	world_join(world_start(write_once, &shared));
	check(shared.wrote);
}

static void assertions_tell_reading_from_writing(void)
{
	struct shared shared;

	init_shared(&shared);
	down_read(&shared.sem);
	lockdep_assert_held(&shared.sem);
	lockdep_assert_held_read(&shared.sem);
	world_catch();
	lockdep_assert_held_write(&shared.sem);
	check(world_caught("sem") == 1);
	up_read(&shared.sem);

	down_write(&shared.sem);
	lockdep_assert_held(&shared.sem);
	lockdep_assert_held_write(&shared.sem);
	world_catch();
	lockdep_assert_held_read(&shared.sem);
	check(world_caught("sem") == 1);
	up_write(&shared.sem);

	world_catch();
	lockdep_assert_held(&shared.sem);
	check(world_caught("sem") == 1);
}

static void up_other(void *arg)
{
	up_write(arg);
	up_read(arg);
}

static void given_up_wrongly_is_reported_and_stays_held(void)
{
	struct shared shared;

	init_shared(&shared);
	world_catch();
	up_read(&shared.sem);
	up_write(&shared.sem);
	check(world_caught("not held") == 2);

	down_write(&shared.sem);
	world_catch();
	up_read(&shared.sem);
	check(world_caught("another mode") == 1);
	world_catch();
	world_join(world_start(up_other, &shared.sem));
	check(world_caught("given up, but held") == 2);
	lockdep_assert_held_write(&shared.sem);
	up_write(&shared.sem);

	down_read(&shared.sem);
	world_catch();
	up_write(&shared.sem);
	check(world_caught("another mode") == 1);
	up_read(&shared.sem);
	write_once(&shared);
}

static void never_made_is_reported(void)
{
	struct rw_semaphore never;

	memset(&never, 0, sizeof(never));
	world_catch();
	down_read(&never);
	up_read(&never);
	down_write(&never);
	up_write(&never);
	check(world_caught("never initialised") == 2);
}

const struct world_test rwsem_tests[] = {
	TEST(writer_is_alone_and_readers_are_not),
	TEST(two_readers_are_in_at_once),
	TEST(waiting_writer_stops_new_readers),
	TEST(writer_is_not_starved),
	TEST(recursion_is_reported_and_survived),
	TEST(assertions_tell_reading_from_writing),
	TEST(given_up_wrongly_is_reported_and_stays_held),
	TEST(never_made_is_reported),
	{ 0 },
};
