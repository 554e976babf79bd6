/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Frames into the driver's memory: which, where, and what is told of them. */
#include "driver.h"

static struct card c;
static uint8_t frame[17000];

static int setup(void **state)
{
	card_create(&c);
	card_up(&c, RCTL_SECRC);
	rd(&c, ICR);
	return 0;
}

static int teardown(void **state)
{
	card_destroy(&c);
	return 0;
}

/* Did a frame to @to reach the driver? */
static bool reaches(const void *to)
{
	uint32_t head = rd(&c, RDH);

	make_frame(&c, frame, 60, to, 0);
	assert_int_equal(come(&c, frame, 60), 0);
	give_back(&c);
	return rd(&c, RDH) != head;
}

/* ---- buffers ---- */

static void frame_is_in_the_buffer(void **state)
{
	make_frame(&c, frame, 1514, NULL, 1);
	assert_int_equal(come(&c, frame, 1514), 0);
	assert_memory_equal(rx_data(&c, 0), frame, 1514);
	assert_int_equal(rx_length(&c, 0), 1514);
	/* Done, the end; nothing said of checksums. */
	assert_int_equal(rx_status(&c, 0), 0x07);
	assert_int_equal(rx_status(&c, 1), 0);
	assert_int_equal(rd(&c, RDH), 1);
	assert_int_equal(rd(&c, ICR), RXT0);
	assert_int_equal(rd(&c, GPRC), 1);
	assert_int_equal(rd(&c, TPR), 1);
	assert_int_equal(rd(&c, GORCL), 1518);
	assert_int_equal(rd(&c, GORCL + 4), 0);
	assert_int_equal(rd(&c, GORCL), 0);
}

static void fcs_is_there_on_demand(void **state)
{
	/* Its own FCS behind it, any frame has this remainder. */
	uint32_t crc = ~0u, i, b;

	wr(&c, RCTL, RCTL_EN);
	make_frame(&c, frame, 99, NULL, 1);
	come(&c, frame, 99);
	assert_int_equal(rx_length(&c, 0), 103);
	assert_memory_equal(rx_data(&c, 0), frame, 99);
	for (i = 0; i < 103; i++)
		for (crc ^= rx_data(&c, 0)[i], b = 0; b < 8; b++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	assert_int_equal(crc, 0xdebb20e3);
}

static void short_frame_is_padded(void **state)
{
	static const uint8_t zeros[60];

	memset(fake_ptr(c.dev, RX_BUFFERS), 0xff, 100);
	make_frame(&c, frame, 42, NULL, 1);
	come(&c, frame, 42);
	assert_int_equal(rx_length(&c, 0), 60);
	assert_memory_equal(rx_data(&c, 0), frame, 42);
	assert_memory_equal(rx_data(&c, 0) + 42, zeros, 18);
	assert_int_equal(rx_data(&c, 0)[60], 0xff);
}

static void long_frame_takes_several_buffers(void **state)
{
	unsigned int i;

	wr(&c, RCTL, RCTL_EN | RCTL_SECRC | RCTL_256);
	make_frame(&c, frame, 1000, NULL, 1);
	come(&c, frame, 1000);
	for (i = 0; i < 4; i++) {
		assert_int_equal(rx_status(&c, i), i < 3 ? 0x05 : 0x07);
		assert_int_equal(rx_length(&c, i), i < 3 ? 256 : 232);
		assert_memory_equal(rx_data(&c, i), frame + i * 256,
				    rx_length(&c, i));
	}
	assert_int_equal(rd(&c, RDH), 4);
}

static void buffers_have_the_size_that_is_set(void **state)
{
	static const struct {
		uint32_t bits, size;
	} cases[] = { { 0, 2048 },	{ 1, 1024 },	    { 2, 512 },
		      { 3, 256 },	{ 1 | 512, 16384 }, { 2 | 512, 8192 },
		      { 3 | 512, 4096 } };
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		card_up(&c, RCTL_SECRC | RCTL_LPE | cases[i].bits << 16);
		make_frame(&c, frame, cases[i].size, NULL, 1);
		if (cases[i].size < 16384) {
			come(&c, frame, cases[i].size);
			assert_int_equal(rd(&c, RDH), 1);
			come(&c, frame, cases[i].size + 1);
			assert_int_equal(rd(&c, RDH), 3);
			assert_int_equal(rx_length(&c, 2), 1);
		} else {
			come(&c, frame, 16380);
			assert_int_equal(rx_length(&c, 0), 16380);
		}
	}
}

static void frame_waits_for_buffers(void **state)
{
	unsigned int i, wakes;

	for (i = 0; i < RING - 1; i++) {
		make_frame(&c, frame, 60, NULL, i);
		assert_int_equal(come(&c, frame, 60), 0);
	}
	make_frame(&c, frame, 60, NULL, i);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
	assert_int_equal(rd(&c, TPR), RING - 1);
	wakes = still_wakes;
	wr(&c, RDT, 0);
	assert_true(still_wakes > wakes);
	assert_int_equal(come(&c, frame, 60), 0);
	assert_memory_equal(rx_data(&c, RING - 1), frame, 60);
	assert_int_equal(rd(&c, RDH), 0);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
}

static void few_buffers_are_told_of(void **state)
{
	unsigned int i;

	/* Of 7 there are 8/2 left after 3 frames. */
	for (i = 0; i < 4; i++) {
		make_frame(&c, frame, 60, NULL, i);
		come(&c, frame, 60);
		assert_int_equal(rd(&c, ICR), i < 2 ? RXT0 : RXT0 | RXDMT0);
	}
}

/* The patience of a sender ends; then what comes is lost, until there is room. */
static void wire_drops_for_who_gives_no_buffers(void **state)
{
	static const struct net_backend wire_like = { .patient = false };
	unsigned int i;

	c.net->backend = &wire_like;
	for (i = 0; i < RING - 1; i++)
		assert_int_equal(come(&c, frame, 60), 0);
	make_frame(&c, frame, 60, NULL, 1);
	give_back(&c);
	for (i = 0; i < RING - 1; i++)
		assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
	still_time += NET_PATIENCE_NS;
	assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(rd(&c, TPR), RING - 1);
	give_back(&c);
	assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(rd(&c, TPR), 1);
}

static void file_waits_until_receiving_is_on(void **state)
{
	make_frame(&c, frame, 60, NULL, 1);
	wr(&c, RCTL, 0);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
	wr(&c, RCTL, RCTL_EN | RCTL_SECRC);
	wr(&c, CTRL, 0);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
	wr(&c, CTRL, CTRL_SLU);
	assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(rd(&c, RDH), 1);
}

/* The world outside is looked at again: nothing waits for a buffer any more. */
static void frame_that_waited_and_is_not_wanted_is_forgotten(void **state)
{
	make_frame(&c, frame, 60, "\x33\x33\0\0\0\1", 1);
	wr(&c, RCTL, 0);
	assert_int_equal(come(&c, frame, 60), -EAGAIN);
	assert_true(c.net->starved);
	wr(&c, RCTL, RCTL_EN | RCTL_SECRC);
	assert_int_equal(come(&c, frame, 60), 0);
	assert_int_equal(rd(&c, RDH), 0);
	assert_false(c.net->starved);
}

/* ---- length ---- */

static void frames_too_long_are_dropped(void **state)
{
	make_frame(&c, frame, 16381, NULL, 1);
	come(&c, frame, 1518);
	assert_int_equal(rd(&c, RDH), 1);
	come(&c, frame, 1519);
	assert_int_equal(rd(&c, RDH), 1);
	assert_int_equal(rd(&c, ROC), 1);
	wr(&c, RCTL, RCTL_EN | RCTL_SECRC | RCTL_LPE);
	come(&c, frame, 1519);
	assert_int_equal(rd(&c, RDH), 2);
	come(&c, frame, 16381);
	assert_int_equal(rd(&c, RDH), 2);
	assert_int_equal(rd(&c, ROC), 1);
	come(&c, frame, 16380 - 2048 * 2);
	assert_int_equal(rd(&c, ROC), 0);
}

static void frame_larger_than_the_ring_is_lost(void **state)
{
	wr(&c, RCTL, RCTL_EN | RCTL_SECRC | RCTL_LPE | RCTL_256);
	make_frame(&c, frame, 2048, NULL, 1);
	assert_int_equal(come(&c, frame, 2048), 0);
	assert_int_equal(rd(&c, RDH), 0);
	assert_int_equal(rd(&c, MPC), 1);
	assert_int_equal(rd(&c, ICR), RXO);
	assert_int_equal(come(&c, frame, 7 * 256), 0);
	assert_int_equal(rd(&c, RDH), 7);
}

/* ---- addresses ---- */

static const uint8_t other[] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
static const uint8_t group[] = { 0x01, 0, 0x5e, 0x12, 0x34, 0x56 };
static const uint8_t all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void own_address_alone_is_wanted(void **state)
{
	assert_true(reaches(NULL));
	assert_false(reaches(other));
	assert_false(reaches(group));
	assert_false(reaches(all));
	/* With its lowest and its highest byte changed. */
	wr(&c, RAL, rd(&c, RAL) ^ 1 << 8);
	assert_false(reaches(NULL));
	wr(&c, RAL, rd(&c, RAL) ^ 1 << 8);
	wr(&c, RAH, rd(&c, RAH) ^ 1 << 15);
	assert_false(reaches(NULL));
	wr(&c, RAH, rd(&c, RAH) ^ 1 << 15 ^ 1u << 31);
	assert_false(reaches(NULL));
}

static void sixteenth_address_is_one_too(void **state)
{
	wr(&c, RAL + 15 * 8, 0x33221102);
	wr(&c, RAH + 15 * 8, 0x80005544);
	assert_true(reaches(other));
	assert_int_equal(rx_status(&c, 0) & 0x80, 0);
	/* As a source: that of our frames is 02:...:09. */
	wr(&c, RAL + 15 * 8, 0x00000002);
	wr(&c, RAH + 15 * 8, 0x80010900);
	assert_true(reaches(group));
}

static void modes_let_in_what_they_say(void **state)
{
	wr(&c, RCTL, RCTL_EN | RCTL_UPE);
	assert_true(reaches(other));
	/* It passed no exact filter. */
	assert_int_equal(rx_status(&c, 0) & 0x80, 0x80);
	assert_false(reaches(group) || reaches(all));
	wr(&c, RCTL, RCTL_EN | RCTL_MPE);
	assert_true(reaches(group) && reaches(all));
	assert_false(reaches(other));
	wr(&c, RCTL, RCTL_EN | RCTL_BAM);
	assert_true(reaches(all));
	assert_false(reaches(group));
	assert_int_equal(rd(&c, BPRC), 2);
}

/* 56:34 is 0101 0110 0011 0100; of it, from bit 4, 3, 2, 0 on, 12 bits. */
static void multicast_hash_has_four_places(void **state)
{
	static const uint32_t hash[] = { 0x563, 0xac6, 0x58d, 0x634 };
	unsigned int mo, at;

	for (mo = 0; mo < 4; mo++) {
		wr(&c, RCTL, RCTL_EN | mo << 12);
		at = MTA + hash[mo] / 32 * 4;
		wr(&c, at, ~(1u << hash[mo] % 32));
		assert_false(reaches(group));
		wr(&c, at, 1u << hash[mo] % 32);
		assert_true(reaches(group));
		wr(&c, at, 0);
	}
}

/* ---- tags ---- */

static void make_tagged(uint16_t tci)
{
	make_frame(&c, frame, 64, NULL, 1);
	frame[12] = 0x81;
	frame[13] = 0;
	frame[14] = tci >> 8;
	frame[15] = tci;
}

static void tag_is_in_the_descriptor_on_demand(void **state)
{
	make_tagged(0x6123);
	come(&c, frame, 64);
	assert_int_equal(rx_length(&c, 0), 64);
	assert_int_equal(rx_status(&c, 0) & 8, 0);
	wr(&c, CTRL, CTRL_SLU | CTRL_VME);
	come(&c, frame, 64);
	assert_int_equal(rx_length(&c, 1), 60);
	assert_int_equal(rx_status(&c, 1) & 8, 8);
	assert_int_equal(rx_special(&c, 1), 0x6123);
	assert_memory_equal(rx_data(&c, 1), frame, 12);
	assert_memory_equal(rx_data(&c, 1) + 12, frame + 16, 48);
	/* What has another type has no tag. */
	wr(&c, VET, 0x9100);
	come(&c, frame, 64);
	assert_int_equal(rx_length(&c, 2), 64);
	assert_int_equal(rx_status(&c, 2) & 8, 0);
}

static void vlans_are_filtered(void **state)
{
	wr(&c, RCTL, RCTL_EN | RCTL_VFE);
	make_tagged(0x2123);
	come(&c, frame, 64);
	assert_int_equal(rd(&c, RDH), 0);
	wr(&c, VFTA + 0x123 / 32 * 4, 1u << 0x123 % 32);
	come(&c, frame, 64);
	assert_int_equal(rd(&c, RDH), 1);
	make_tagged(0x2124);
	come(&c, frame, 64);
	assert_int_equal(rd(&c, RDH), 1);
	/* What has no tag is in no VLAN. */
	assert_true(reaches(NULL));
	/* Canonical ones only: CFI, the bit above the VLAN, must be 0. */
	wr(&c, RCTL, RCTL_EN | RCTL_VFE | 1u << 19);
	make_tagged(0x3123);
	come(&c, frame, 64);
	assert_int_equal(rd(&c, RDH), 2);
}

/* ---- the other end ---- */

static void what_loops_comes_back(void **state)
{
	const char *const loop[] = { "loop=on", NULL };

	card_destroy(&c);
	card_create_with(&c, loop);
	card_up(&c, RCTL_SECRC);
	make_frame(&c, frame, 200, NULL, 1);
	put_tx(&c, frame, 200, TX_ONE);
	go(&c);
	assert_int_equal(rx_length(&c, 0), 200);
	assert_memory_equal(rx_data(&c, 0), frame, 200);
}

static void what_leaves_one_end_arrives_at_the_other(void **state)
{
	struct card b;

	card_destroy(&c);
	card_create_pair(&c, &b);
	card_up(&c, RCTL_SECRC);
	card_up(&b, RCTL_SECRC);
	make_frame(&b, frame, 300, NULL, 1);
	put_tx(&c, frame, 300, TX_ONE);
	go(&c);
	assert_memory_equal(rx_data(&b, 0), frame, 300);
	assert_int_equal(rx_status(&b, 0), 7);
	assert_int_equal(rd(&c, RDH), 0);
	card_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(frame_is_in_the_buffer),
		T(fcs_is_there_on_demand),
		T(short_frame_is_padded),
		T(long_frame_takes_several_buffers),
		T(buffers_have_the_size_that_is_set),
		T(frame_waits_for_buffers),
		T(few_buffers_are_told_of),
		T(wire_drops_for_who_gives_no_buffers),
		T(file_waits_until_receiving_is_on),
		T(frame_that_waited_and_is_not_wanted_is_forgotten),
		T(frames_too_long_are_dropped),
		T(frame_larger_than_the_ring_is_lost),
		T(own_address_alone_is_wanted),
		T(sixteenth_address_is_one_too),
		T(modes_let_in_what_they_say),
		T(multicast_hash_has_four_places),
		T(tag_is_in_the_descriptor_on_demand),
		T(vlans_are_filtered),
		T(what_loops_comes_back),
		T(what_leaves_one_end_arrives_at_the_other),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
