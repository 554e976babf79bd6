/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Rings that make no sense, in memory that is not there. */
#include "driver.h"

static struct card c;
static uint8_t frame[2000];

static int setup(void **state)
{
	card_create(&c);
	card_up(&c, RCTL_SECRC);
	make_frame(&c, frame, 100, NULL, 1);
	return 0;
}

static int teardown(void **state)
{
	card_destroy(&c);
	return 0;
}

/* After a reset and a new start all is well, whatever was. */
static void assert_works_again(void)
{
	c.dev->fail_dma = 0;
	wr(&c, CTRL, CTRL_RST);
	wr(&c, CTRL, CTRL_SLU);
	card_up(&c, RCTL_SECRC);
	nr_sent = refuse = 0;
	make_frame(&c, frame, 100, NULL, 1);
	put_tx(&c, frame, 100, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_memory_equal(sent[0].data, frame, 100);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_memory_equal(rx_data(&c, 0), frame, 100);
	assert_int_equal(rx_status(&c, 0), 7);
	card_up(&c, RCTL_SECRC);
	nr_sent = 0;
}

static void rings_that_make_no_sense_do_nothing(void **state)
{
	static const struct {
		uint32_t reg, val;
	} bad[] = { { TDT, RING },   { TDT, 0xffff }, { TDH, RING },
		    { TDH, 0xffff }, { TDLEN, 0 },    { RDT, RING },
		    { RDT, 0xffff }, { RDH, RING },   { RDH, 0xffff },
		    { RDLEN, 0 } };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool tx = bad[i].reg >= TDBAL;

		put_tx(&c, frame, 100, TX_ONE);
		wr(&c, TDT, c.tx_tail);
		wr(&c, bad[i].reg, bad[i].val);
		still_move();
		come(&c, frame, 100);
		assert_int_equal(nr_sent, !tx);
		assert_int_equal(rx_status(&c, 0), tx ? 7 : 0);
		assert_int_equal(rd(&c, bad[i].reg), bad[i].val);
		assert_works_again();
	}
}

static void ring_that_is_not_there_stops_until_it_is_set_up(void **state)
{
	fake_set_hole(c.dev, TX_RING, true);
	put_tx(&c, frame, 100, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 0);
	assert_int_equal(rd(&c, TDH), 0);
	/* It does not try again and again. */
	fake_set_hole(c.dev, TX_RING, false);
	still_move();
	assert_int_equal(nr_sent, 0);
	wr(&c, TDBAL, TX_RING);
	still_move();
	assert_int_equal(nr_sent, 1);
}

static void receive_ring_that_is_not_there_loses_frames(void **state)
{
	fake_set_hole(c.dev, RX_RING, true);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(rd(&c, MPC), 2);
	assert_int_equal(rd(&c, RDH), 0);
	fake_set_hole(c.dev, RX_RING, false);
	wr(&c, RDH, 0);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(rd(&c, RDH), 1);
}

static void frame_whose_data_is_not_there_is_dropped(void **state)
{
	fake_set_hole(c.dev, tx_buffer(1), true);
	put_tx(&c, frame, 50, 0);
	put_tx(&c, frame, 50, TX_ONE);
	put_tx(&c, frame, 100, TX_ONE);
	put_desc(&c, ~0ull - 10, 100 | TX_ONE << 24);
	put_desc(&c, 0, 100 | TX_ONE << 24);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].len, 100);
	assert_true(tx_done(&c, 1) && tx_done(&c, 2) && tx_done(&c, 4));
	assert_int_equal(rd(&c, TDH), 5);
	fake_set_hole(c.dev, tx_buffer(1), false);
}

static void
frame_without_buffer_memory_is_lost_and_its_buffers_wait(void **state)
{
	fake_set_hole(c.dev, RX_BUFFERS, true);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(rd(&c, MPC), 1);
	assert_int_equal(rx_status(&c, 0), 0);
	assert_int_equal(rd(&c, RDH), 0);
	fake_set_hole(c.dev, RX_BUFFERS, false);
	c.dev->read_only[(RX_BUFFERS - FAKE_IOVA) / FAKE_PAGE] = true;
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(rd(&c, MPC), 1);
	c.dev->read_only[(RX_BUFFERS - FAKE_IOVA) / FAKE_PAGE] = false;
	assert_int_equal(come(&c, frame, 100), 0);
	assert_memory_equal(rx_data(&c, 0), frame, 100);
	assert_int_equal(rd(&c, RDH), 1);
}

/* A frame of four buffers whose third cannot be written: none of it is handed
 * back. */
static void scattered_frame_is_handed_back_whole_or_not(void **state)
{
	unsigned int i;

	wr(&c, RCTL, RCTL_EN | RCTL_256);
	fake_set_hole(c.dev, RX_BUFFERS + 2 * BUFFER, true);
	assert_int_equal(come(&c, frame, 1000), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(rx_status(&c, i), 0);
	fake_set_hole(c.dev, RX_BUFFERS + 2 * BUFFER, false);
}

static void nothing_moves_without_bus_mastering(void **state)
{
	c.dev->bus_master = false;
	put_tx(&c, frame, 100, TX_ONE);
	go(&c);
	assert_int_equal(come(&c, frame, 100), 0);
	assert_int_equal(nr_sent, 0);
	assert_int_equal(rx_status(&c, 0), 0);
	c.dev->bus_master = true;
	assert_works_again();
}

static void unknown_types_are_data(void **state)
{
	unsigned int type;

	for (type = 2; type < 16; type++) {
		nr_sent = 0;
		put_desc(&c, tx_buffer(0),
			 60 | type << 20 | (uint32_t)(TX_DEXT | TX_ONE) << 24);
		go(&c);
		assert_int_equal(nr_sent, 1);
	}
}

/* Checksums and tags with offsets anywhere. */
static void offsets_outside_the_frame_change_nothing(void **state)
{
	unsigned int i;

	for (i = 0; i < 256; i += 5) {
		nr_sent = 0;
		put_desc(&c, 0x0101010101010101ull * i,
			 (uint64_t)(TX_DEXT | 3) << 24);
		memcpy(fake_ptr(c.dev, tx_buffer(0)), frame, 60);
		put_desc(&c, tx_buffer(0),
			 60 | 1u << 20 | (uint32_t)(TX_DEXT | TX_ONE) << 24 |
				 3ull << 40);
		put_desc(&c, tx_buffer(0),
			 60 | i << 16 | (uint32_t)(TX_ONE | TX_IC) << 24 |
				 (uint64_t)(255 - i) << 40);
		go(&c);
		assert_int_equal(nr_sent, 2);
		assert_int_equal(sent[0].len, 60);
		if (i >= 60)
			assert_memory_equal(sent[0].data, frame, 60);
	}
}

/* Everything that a card does, with the n-th access to memory a fault. */
static void do_everything(void)
{
	static uint8_t large[5000];

	wr(&c, RCTL, RCTL_EN | RCTL_256);
	come(&c, frame, 1000);
	put_desc(&c, 14 | 24 << 8 | (uint64_t)(34 | 50 << 8) << 32,
		 (uint32_t)(TX_DEXT | 7) << 24 | 54ull << 40 | 1000ull << 48);
	make_frame(&c, large, sizeof(large), NULL, 3);
	memcpy(fake_ptr(c.dev, tx_buffer(6)), large, sizeof(large));
	put_desc(&c, tx_buffer(6),
		 2000 | (uint32_t)(TX_DEXT | 4) << 24 | 1u << 20 | 3ull << 40);
	put_desc(&c, tx_buffer(6) + 2000,
		 3000 | 1u << 20 | (uint32_t)(TX_DEXT | TX_ONE | 4) << 24);
	put_tx(&c, frame, 100, TX_ONE);
	go(&c);
	come(&c, frame, 100);
}

static void fault_at_each_access_is_survived(void **state)
{
	unsigned int n, left = 0;

	for (n = 1; !left; n++) {
		c.dev->fail_dma = n;
		do_everything();
		left = c.dev->fail_dma;
		assert_works_again();
	}
	/* 10 for the long frame, 2 or 3 a descriptor, 3 for the last. */
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(rings_that_make_no_sense_do_nothing),
		T(ring_that_is_not_there_stops_until_it_is_set_up),
		T(receive_ring_that_is_not_there_loses_frames),
		T(frame_whose_data_is_not_there_is_dropped),
		T(frame_without_buffer_memory_is_lost_and_its_buffers_wait),
		T(scattered_frame_is_handed_back_whole_or_not),
		T(nothing_moves_without_bus_mastering),
		T(unknown_types_are_data),
		T(offsets_outside_the_frame_change_nothing),
		T(fault_at_each_access_is_survived),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
