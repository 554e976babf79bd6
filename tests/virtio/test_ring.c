/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Virtqueues, split and packed, with a driver that keeps the rules and with
 * memory that does not.
 */
#include "toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PACKED VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define EVENTS VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define W VRING_DESC_F_WRITE
#define IND VRING_DESC_F_INDIRECT

static const char *const options[] = { "packed=on", NULL };
static struct virtq_chain chain;
static struct toy *toy;
static struct ring r;
static struct virtq *vq;

static void begin(uint64_t features, uint16_t size, uint64_t at)
{
	toy = toy_create(options);
	toy->dev->msix_on = true;
	ring_start(&r, toy, features, size, at);
	vq = &toy->v.queues[0];
	assert_true(vq->live);
}

static void end(void)
{
	toy_destroy(toy);
}

static int pop(void)
{
	int ret = virtq_begin(vq);

	if (ret)
		return ret;
	ret = virtq_pop(vq, &chain);
	virtq_end(vq);
	return ret;
}

static void push(uint32_t len)
{
	assert_int_equal(virtq_begin(vq), 0);
	virtq_push(vq, &chain, len);
	virtq_end(vq);
}

static const struct piece one[] = { { DATA_AT, 64, 0 } };
static const struct piece three[] = {
	{ DATA_AT, 16, 0 },
	{ DATA_AT + 0x1000, 100, W },
	{ DATA_AT + 0x2000, 1, W },
};

/* The device must have seen that it was cheated. */
static void assert_failed(void)
{
	assert_true(vq->failed);
	assert_int_equal(toy->dev->messages, 1);
	assert_true(toy_status(toy) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_true(pop() < 0);
	assert_int_equal(toy->dev->messages, 1);
	toy_set(toy, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_false(toy_status(toy) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* ---- good drivers ---- */

static void chains_come_as_they_were_made(uint64_t features)
{
	uint16_t id;
	uint32_t len;

	begin(features, 16, RING_AT);
	assert_int_equal(pop(), 0);
	ring_add(&r, three, 3);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.nr_read, 1);
	assert_int_equal(chain.nr_write, 2);
	assert_int_equal(chain.read_len, 16);
	assert_int_equal(chain.write_len, 101);
	assert_int_equal(chain.seg[1].iova, DATA_AT + 0x1000);
	assert_int_equal(pop(), 0);
	assert_false(ring_used(&r, &id, &len));
	push(55);
	assert_true(ring_used(&r, &id, &len));
	assert_int_equal(id, chain.id);
	assert_int_equal(len, 55);
	assert_int_equal(toy->dev->irqs[1], 1);
	end();
}

static void rings_go_round_many_times(uint64_t features)
{
	unsigned int i, n;
	uint32_t len;
	uint16_t id, want[8];

	begin(features, 8, RING_AT);
	for (i = 0; i < 30000; i++) {
		for (n = 0; n < 1 + i % 8; n++)
			want[n] = ring_add(&r, one, 1);
		assert_int_equal(virtq_begin(vq), 0);
		for (n = 0; virtq_pop(vq, &chain) == 1; n++)
			virtq_push(vq, &chain, n);
		virtq_end(vq);
		assert_int_equal(n, 1 + i % 8);
		for (n = 0; n < 1 + i % 8; n++) {
			assert_true(ring_used(&r, &id, &len));
			assert_int_equal(id, want[n]);
			assert_int_equal(len, n);
		}
		assert_false(ring_used(&r, &id, &len));
	}
	end();
}

static void what_was_popped_can_be_put_back(uint64_t features)
{
	struct virtq_place place;
	uint16_t first;

	begin(features, 4, RING_AT);
	first = ring_add(&r, one, 1);
	ring_add(&r, three, 3);
	assert_int_equal(virtq_begin(vq), 0);
	place = virtq_tell(vq);
	assert_int_equal(virtq_pop(vq, &chain), 1);
	assert_int_equal(virtq_pop(vq, &chain), 1);
	assert_int_equal(virtq_pop(vq, &chain), 0);
	virtq_rewind(vq, place);
	assert_int_equal(virtq_pop(vq, &chain), 1);
	assert_int_equal(chain.id, first);
	assert_int_equal(chain.read_len, 64);
	assert_int_equal(virtq_pop(vq, &chain), 1);
	assert_int_equal(chain.write_len, 101);
	virtq_end(vq);
	end();
}

/* The fake's mappings end at multiples of 64 KiB. */
static void ring_may_lie_in_two_mappings(uint64_t features)
{
	uint32_t len;
	uint16_t id;
	int i;

	begin(features, 16, FAKE_IOVA + FAKE_MAPPING - 128);
	for (i = 0; i < 40; i++) {
		ring_add(&r, one, 1);
		assert_int_equal(pop(), 1);
		push(i);
		assert_true(ring_used(&r, &id, &len));
		assert_int_equal(len, i);
	}
	end();
}

static void without_bus_mastering_it_waits(uint64_t features)
{
	begin(features, 16, RING_AT);
	ring_add(&r, one, 1);
	toy->dev->bus_master = false;
	assert_int_equal(pop(), -EACCES);
	assert_false(vq->failed);
	toy->dev->bus_master = true;
	assert_int_equal(pop(), 1);
	end();
}

static void indirect_tables_are_walked(uint64_t features)
{
	struct piece table = { DATA_AT, 48, IND };
	struct vring_desc *split;
	struct vring_packed_desc *packed;
	int i;

	begin(features | INDIRECT, 16, RING_AT);
	split = ring_mem(&r, DATA_AT);
	packed = ring_mem(&r, DATA_AT);
	for (i = 0; i < 3; i++) {
		if (r.packed)
			packed[i] = (struct vring_packed_desc){
				three[i].iova, three[i].len, 0, three[i].flags
			};
		else
			split[i] = (struct vring_desc){
				three[i].iova, three[i].len,
				three[i].flags | (i < 2 ? 1 : 0), i + 1
			};
	}
	ring_add(&r, &table, 1);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.read_len, 16);
	assert_int_equal(chain.write_len, 101);
	push(7);
	end();
}

static void chains_are_read_and_written(uint64_t features)
{
	char buf[200] = "";

	begin(features, 16, RING_AT);
	memcpy(ring_mem(&r, DATA_AT), "0123456789abcdef", 16);
	ring_add(&r, three, 3);
	assert_int_equal(pop(), 1);
	assert_int_equal(virtq_read(vq, &chain, 10, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "abcdef");
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(virtq_write(vq, &chain, 98, buf, 200), 3);
	assert_int_equal(
		memcmp(ring_mem(&r, DATA_AT + 0x1000 + 97), "\0xx\0", 4), 0);
	assert_int_equal(memcmp(ring_mem(&r, DATA_AT + 0x2000), "x\0", 2), 0);
	end();
}

/* ---- telling each other ---- */

static void split_driver_says_when_it_wants_interrupts(void **state)
{
	struct vring_avail *avail;

	begin(0, 16, RING_AT);
	avail = ring_mem(&r, r.driver);
	ring_add(&r, one, 1);
	ring_add(&r, one, 1);
	avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_int_equal(pop(), 1);
	push(0);
	assert_int_equal(toy->dev->irqs[1], 0);
	avail->flags = 0;
	assert_int_equal(pop(), 1);
	push(0);
	assert_int_equal(toy->dev->irqs[1], 1);
	end();
}

static void split_events_are_exact(void **state)
{
	struct vring_avail *avail;
	unsigned int i;

	begin(EVENTS, 16, RING_AT);
	avail = ring_mem(&r, r.driver);
	for (i = 0; i < 16; i++)
		ring_add(&r, one, 1);
	avail->ring[16] = 4; /* used_event: with the fifth */
	for (i = 0; i < 16; i++) {
		assert_int_equal(pop(), 1);
		push(0);
		assert_int_equal(toy->dev->irqs[1], i >= 4);
	}
	end();
}

static void packed_events_are_exact(void **state)
{
	struct vring_packed_desc_event *event;
	unsigned int lap, i;

	begin(PACKED | EVENTS, 8, RING_AT);
	event = ring_mem(&r, r.driver);
	event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	for (lap = 0; lap < 4; lap++) {
		for (i = 0; i < 8; i++)
			ring_add(&r, one, 1);
		/* With the descriptor in slot 3 of this lap. */
		event->off_wrap = 3 | (lap % 2 ? 0 : 1 << 15);
		event->flags = VRING_PACKED_EVENT_FLAG_DESC;
		for (i = 0; i < 8; i++) {
			assert_int_equal(pop(), 1);
			push(0);
			assert_int_equal(toy->dev->irqs[1], lap + (i >= 3));
		}
	}
	event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	ring_add(&r, one, 1);
	assert_int_equal(pop(), 1);
	push(0);
	assert_int_equal(toy->dev->irqs[1], 4);
	end();
}

static void want(bool on)
{
	assert_int_equal(virtq_begin(vq), 0);
	virtq_want_notify(vq, on);
	virtq_end(vq);
}

static void device_says_when_it_wants_notifications(void **state)
{
	struct vring_used *used;
	struct vring_packed_desc_event *event;

	begin(0, 16, RING_AT);
	used = ring_mem(&r, r.device);
	want(false);
	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	want(true);
	assert_int_equal(used->flags, 0);
	end();
	begin(PACKED, 16, RING_AT);
	event = ring_mem(&r, r.device);
	want(false);
	assert_int_equal(event->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
	want(true);
	assert_int_equal(event->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	end();
	begin(EVENTS, 16, RING_AT);
	used = ring_mem(&r, r.device);
	ring_add(&r, one, 1);
	assert_int_equal(pop(), 1);
	want(false);
	want(true);
	assert_int_equal(*(uint16_t *)&used->ring[16], 1);
	end();
}

/* ---- hostile ones ---- */

static void refused(uint64_t features, const struct piece *pieces,
		    unsigned int nr)
{
	begin(features, 16, RING_AT);
	ring_add(&r, pieces, nr);
	assert_true(pop() < 0);
	assert_failed();
	end();
}

static void bad_chains_are_refused(uint64_t features)
{
	static const struct piece backwards[] = { { DATA_AT, 8, W },
						  { DATA_AT, 8, 0 } };
	static const struct piece around[] = { { ~0ull - 3, 8, 0 } };
	static const struct piece nothing[] = { { DATA_AT, 0, IND } };
	static const struct piece odd[] = { { DATA_AT, 17, IND } };
	static const struct piece large[] = { { DATA_AT, 0xfffffff0, IND } };
	static const struct piece gone[] = { { 0x10, 16, IND } };

	refused(features, backwards, 2);
	refused(features, around, 1);
	refused(features | INDIRECT, nothing, 1);
	refused(features | INDIRECT, odd, 1);
	refused(features | INDIRECT, large, 1);
	refused(features | INDIRECT, gone, 1);
	/* Not agreed on. */
	refused(features, (struct piece[]){ { DATA_AT, 16, IND } }, 1);
	/* It has to be the last. */
	refused(features | INDIRECT,
		(struct piece[]){ { DATA_AT, 16, IND }, { DATA_AT, 1, 0 } }, 2);
}

static void chain_that_does_not_end_is_refused(uint64_t features)
{
	struct vring_packed_desc *packed;
	struct vring_desc *split;
	int i;

	begin(features, 16, RING_AT);
	split = ring_mem(&r, r.desc);
	packed = ring_mem(&r, r.desc);
	ring_add(&r, one, 1);
	for (i = 0; i < 16; i++) {
		if (r.packed)
			packed[i].flags = 0x80 | VRING_DESC_F_NEXT;
		else
			split[i] = (struct vring_desc){ DATA_AT, 1,
							VRING_DESC_F_NEXT,
							(i + 1) % 16 };
	}
	assert_true(pop() < 0);
	assert_failed();
	end();
}

static void rings_that_are_not_there_are_told(uint64_t features)
{
	begin(features, 16, 0x100000000ull);
	assert_int_equal(pop(), -EFAULT);
	assert_failed();
	end();
	begin(features, 16, RING_AT);
	toy->dev->read_only[0] = true;
	assert_int_equal(pop(), -EFAULT);
	assert_failed();
	end();
}

static void rings_that_are_not_aligned_never_start(uint64_t features)
{
	toy = toy_create(options);
	ring_start(&r, toy, features, 16, RING_AT + 2);
	vq = &toy->v.queues[0];
	assert_false(vq->live);
	assert_true(toy_status(toy) & VIRTIO_CONFIG_S_NEEDS_RESET);
	end();
}

static void split_indices_are_not_believed(void **state)
{
	struct vring_avail *avail;
	struct vring_desc *desc;

	begin(0, 16, RING_AT);
	avail = ring_mem(&r, r.driver);
	avail->idx = 17;
	assert_true(pop() < 0);
	assert_failed();
	end();

	begin(0, 16, RING_AT);
	avail = ring_mem(&r, r.driver);
	avail->ring[0] = 16;
	avail->idx = 1;
	assert_true(pop() < 0);
	assert_failed();
	end();

	begin(0, 16, RING_AT);
	desc = ring_mem(&r, r.desc);
	ring_add(&r, one, 1);
	desc[0].flags = VRING_DESC_F_NEXT;
	desc[0].next = 0xffff;
	assert_true(pop() < 0);
	assert_failed();
	end();
}

static void split_tables_are_not_believed(void **state)
{
	struct piece table = { DATA_AT, 32, IND };
	struct vring_desc *desc;
	/* A table in a table, a next outside, a circle. */
	static const struct vring_desc bad[] = {
		{ DATA_AT, 16, IND, 0 },
		{ DATA_AT, 16, 1, 2 },
		{ DATA_AT, 16, 1, 0 },
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		begin(INDIRECT, 16, RING_AT);
		desc = ring_mem(&r, DATA_AT);
		desc[0] = bad[i];
		ring_add(&r, &table, 1);
		assert_true(pop() < 0);
		assert_failed();
		end();
	}
}

static void failed_queue_works_after_a_reset(void **state)
{
	begin(0, 16, RING_AT);
	((struct vring_avail *)ring_mem(&r, r.driver))->idx = 100;
	assert_true(pop() < 0);
	memset(ring_mem(&r, RING_AT), 0, 0x1000);
	ring_start(&r, toy, 0, 16, RING_AT);
	ring_add(&r, one, 1);
	assert_int_equal(pop(), 1);
	end();
}

/* Each test for both kinds of ring. */
#define BOTH(test)                              \
	static void split_##test(void **state)  \
	{                                       \
		test(0);                        \
	}                                       \
	static void packed_##test(void **state) \
	{                                       \
		test(PACKED);                   \
	}

BOTH(chains_come_as_they_were_made)
BOTH(rings_go_round_many_times)
BOTH(what_was_popped_can_be_put_back)
BOTH(ring_may_lie_in_two_mappings)
BOTH(without_bus_mastering_it_waits)
BOTH(indirect_tables_are_walked)
BOTH(chains_are_read_and_written)
BOTH(bad_chains_are_refused)
BOTH(chain_that_does_not_end_is_refused)
BOTH(rings_that_are_not_there_are_told)
BOTH(rings_that_are_not_aligned_never_start)

#define TEST_BOTH(test) \
	cmocka_unit_test(split_##test), cmocka_unit_test(packed_##test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(chains_come_as_they_were_made),
		TEST_BOTH(rings_go_round_many_times),
		TEST_BOTH(what_was_popped_can_be_put_back),
		TEST_BOTH(ring_may_lie_in_two_mappings),
		TEST_BOTH(without_bus_mastering_it_waits),
		TEST_BOTH(indirect_tables_are_walked),
		TEST_BOTH(chains_are_read_and_written),
		cmocka_unit_test(split_driver_says_when_it_wants_interrupts),
		cmocka_unit_test(split_events_are_exact),
		cmocka_unit_test(packed_events_are_exact),
		cmocka_unit_test(device_says_when_it_wants_notifications),
		TEST_BOTH(bad_chains_are_refused),
		TEST_BOTH(chain_that_does_not_end_is_refused),
		TEST_BOTH(rings_that_are_not_there_are_told),
		TEST_BOTH(rings_that_are_not_aligned_never_start),
		cmocka_unit_test(split_indices_are_not_believed),
		cmocka_unit_test(split_tables_are_not_believed),
		cmocka_unit_test(failed_queue_works_after_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
