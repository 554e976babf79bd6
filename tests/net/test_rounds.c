/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a round does to a virtio-net: which notifications it asks for.  The mover
 * stands still; the test makes its rounds.
 */
#include "nic.h"
#include "../models/still_mover.h"

static struct nic n;
static uint8_t frame[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static int setup(void **state)
{
	static const char *const options[] = { "ring=64", "loop=on", NULL };

	nic_create(&n, options);
	fake_start(n.dev);
	nic_up(&n);
	still_busy = false;
	return 0;
}

static int teardown(void **state)
{
	nic_destroy(&n);
	return 0;
}

static bool received(uint8_t nth)
{
	uint8_t got[100];

	return nic_receive(&n, got, sizeof(got)) == sizeof(frame) &&
	       got[20] == nth;
}

/* Before it sleeps the driver has to be asked, or nobody wakes it. */
static void driver_is_asked_when_nothing_is_left(void **state)
{
	assert_int_equal(still_move(), 0);
	assert_true(nic_is_asked(&n, &n.tx));
	frame[20] = 1;
	still_wakes = 0;
	nic_send(&n, frame, sizeof(frame));
	assert_int_equal(still_wakes, 1);
	assert_int_equal(still_move(), 1);
	assert_true(received(1));
	assert_true(nic_is_asked(&n, &n.tx));
}

static void driver_is_not_asked_while_it_is_busy(void **state)
{
	still_busy = true;
	still_move();
	assert_false(nic_is_asked(&n, &n.tx));
	still_wakes = 0;
	frame[20] = 2;
	nic_send(&n, frame, sizeof(frame));
	assert_int_equal(still_wakes, 0);
	assert_int_equal(still_move(), 1);
	assert_true(received(2));
	/* Then it is about to sleep. */
	still_busy = false;
	assert_int_equal(still_move(), 0);
	assert_true(nic_is_asked(&n, &n.tx));
}

static unsigned int accesses, put_at;
static bool rang;

/* As a driver does: puts it there, then looks whether it is asked to ring. */
static void put_meanwhile(struct anyvfio_device *dev)
{
	if (++accesses != put_at)
		return;
	nic_put(&n, frame, sizeof(frame));
	rang = nic_is_asked(&n, &n.tx);
}

/* Whenever a frame comes in the last round before it sleeps: it moves in that
 * round, or its driver rings. */
static void frame_that_comes_while_it_asks_is_not_left(void **state)
{
	unsigned int moved;

	for (put_at = 1;; put_at++) {
		still_busy = true;
		still_move();
		still_busy = false;
		accesses = 0;
		rang = false;
		frame[20] = put_at;
		fake_watch(n.dev, put_meanwhile);
		moved = still_move();
		fake_watch(n.dev, NULL);
		if (accesses < put_at)
			break;
		if (!moved) {
			assert_true(rang);
			assert_int_equal(still_move(), 1);
		}
		assert_true(received(put_at));
	}
	/* It looked at the ring, asked, and looked again. */
	assert_true(put_at > 3);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(driver_is_asked_when_nothing_is_left),
		T(driver_is_not_asked_while_it_is_busy),
		T(frame_that_comes_while_it_asks_is_not_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
