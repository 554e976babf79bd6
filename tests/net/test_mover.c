/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The mover with its thread: drivers in threads of their own on both ends of a
 * wire.  Who waits looks at memory alone, so that a frame which nobody moves any
 * more is waited for until the test's time is over.
 */
#include "nic.h"
#include "../models/fake_must.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define FRAMES 4000u

/* What a frame is: its number, and whose. */
static uint32_t make_frame(uint8_t *frame, uint32_t nr, uint8_t whose)
{
	uint32_t len = 60 + nr % 1400;

	memset(frame, 0xff, 6);
	memset(frame + 6, whose, len - 6);
	memcpy(frame + 14, &nr, sizeof(nr));
	return len;
}

/**
 * struct end - an end of a wire, and the two threads of its driver
 */
struct end {
	struct nic nic;
	uint8_t whose, from;
	unsigned int nap; /* after so many frames, so that the mover sleeps */
	pthread_t sender, receiver;
};

static void *send_all(void *data)
{
	struct end *e = data;
	uint8_t frame[1500];
	uint32_t nr, len;

	for (nr = 0; nr < FRAMES; nr++) {
		len = make_frame(frame, nr, e->whose);
		while (!nic_send(&e->nic, frame, len))
			sched_yield();
		if (nr % e->nap == 0)
			usleep(300);
	}
	return NULL;
}

static void *receive_all(void *data)
{
	struct end *e = data;
	uint8_t frame[1500], want[1500];
	uint32_t nr, len, got;

	for (nr = 0; nr < FRAMES; nr++) {
		len = make_frame(want, nr, e->from);
		while (!(got = nic_receive(&e->nic, frame, sizeof(frame))))
			sched_yield();
		MUST(got == len && !memcmp(frame, want, len));
	}
	return NULL;
}

static void begin(struct end *e)
{
	assert_int_equal(pthread_create(&e->sender, NULL, send_all, e), 0);
	assert_int_equal(pthread_create(&e->receiver, NULL, receive_all, e), 0);
}

static void finish(struct end *e)
{
	pthread_join(e->sender, NULL);
	pthread_join(e->receiver, NULL);
}

static void make_wire(struct end *a, struct end *b)
{
	static const char *const plain[] = { "ring=64", NULL };
	char peer[32];
	const char *const options[] = { "ring=64", peer, NULL };

	*a = (struct end){ .whose = 1, .from = 2, .nap = 50 };
	*b = (struct end){ .whose = 2, .from = 1, .nap = 333 };
	nic_create(&a->nic, plain);
	snprintf(peer, sizeof(peer), "peer=%s", a->nic.dev->name);
	nic_create(&b->nic, options);
	fake_start(a->nic.dev);
	fake_start(b->nic.dev);
	nic_up(&a->nic);
	nic_up(&b->nic);
}

static void unmake_wire(struct end *a, struct end *b)
{
	nic_destroy(&a->nic);
	nic_destroy(&b->nic);
}

static struct end a, b;

static void wire_carries_all_both_ways_in_order(void **state)
{
	make_wire(&a, &b);
	begin(&a);
	begin(&b);
	finish(&a);
	finish(&b);
	unmake_wire(&a, &b);
}

static void wait_for(struct nic *n, uint32_t nr, uint8_t whose)
{
	uint8_t frame[1500], want[1500];
	uint32_t len = make_frame(want, nr, whose), got;

	while (!(got = nic_receive(n, frame, sizeof(frame))))
		sched_yield();
	assert_int_equal(got, len);
	assert_memory_equal(frame, want, len);
}

/* One that is opened, used, and closed again, beside a wire that is in use. */
static void cards_come_and_go(void **state)
{
	static const char *const options[] = { "ring=64", "loop=on", NULL };
	uint8_t frame[1500];
	struct nic loop;
	uint32_t nr;

	make_wire(&a, &b);
	nic_create(&loop, options);
	begin(&a);
	begin(&b);
	for (nr = 0; nr < 100; nr++) {
		fake_start(loop.dev);
		nic_up(&loop);
		assert_true(nic_send(&loop, frame, make_frame(frame, nr, 3)));
		if (nr % 3)
			wait_for(&loop, nr, 3);
		if (nr % 2)
			nic_reset(&loop);
		fake_stop(loop.dev);
	}
	finish(&a);
	finish(&b);
	unmake_wire(&a, &b);
	nic_destroy(&loop);
}

/* What is sent to who is not there is lost; what is sent to who came is not. */
static void other_end_may_begin_anew(void **state)
{
	uint8_t frame[1500];
	unsigned int round, i;

	make_wire(&a, &b);
	for (round = 0; round < 100; round++) {
		for (i = 0; i < round % 70; i++)
			nic_send(&a.nic, frame, make_frame(frame, i, 1));
		nic_reset(&b.nic);
		while (!nic_send(&a.nic, frame, make_frame(frame, 0, 1)))
			sched_yield();
		nic_reset(&a.nic);
		nic_up(&b.nic);
		nic_up(&a.nic);
		nic_send(&a.nic, frame, make_frame(frame, round, 1));
		wait_for(&b.nic, round, 1);
	}
	unmake_wire(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_carries_all_both_ways_in_order),
		cmocka_unit_test(cards_come_and_go),
		cmocka_unit_test(other_end_may_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
