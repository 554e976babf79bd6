/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Frames out of the driver's memory, and what the card does to them. */
#include "driver.h"

static struct card c;
static uint8_t frame[70000];

static int setup(void **state)
{
	card_create(&c);
	card_up(&c, 0);
	rd(&c, ICR);
	return 0;
}

static int teardown(void **state)
{
	card_destroy(&c);
	return 0;
}

static void assert_sent(unsigned int nth, const void *data, uint32_t len)
{
	assert_true(nth < nr_sent);
	assert_int_equal(sent[nth].len, len);
	assert_memory_equal(sent[nth].data, data, len);
}

/* The checksum of RFC 1071, in another way than the card's: byte by byte. */
static uint16_t inet_sum(const uint8_t *p, uint32_t len)
{
	uint32_t high = 0, low = 0, i;

	for (i = 0; i < len; i++)
		*(i % 2 ? &low : &high) += p[i];
	low += high << 8;
	while (low >> 16)
		low = (low & 0xffff) + (low >> 16);
	return low;
}

static uint32_t be(const uint8_t *p, unsigned int bytes)
{
	uint32_t val = 0;

	while (bytes--)
		val = val << 8 | *p++;
	return val;
}

/* ---- descriptors ---- */

static void frame_leaves_as_it_is(void **state)
{
	make_frame(&c, frame, 1514, NULL, 1);
	put_tx(&c, frame, 1514, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, frame, 1514);
	assert_true(tx_done(&c, 0));
	assert_int_equal(rd(&c, TDH), 1);
	assert_int_equal(rd(&c, ICR), TXDW | TXQE);
	assert_int_equal(rd(&c, GPTC), 1);
	assert_int_equal(rd(&c, GPTC), 0);
}

static void frames_leave_in_order_round_the_ring(void **state)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		make_frame(&c, frame, 60 + i, NULL, i);
		put_tx(&c, frame, 60 + i, TX_ONE);
		if (i % 5 == 4)
			go(&c);
	}
	assert_int_equal(nr_sent, 20);
	for (i = 0; i < 20; i++) {
		make_frame(&c, frame, 60 + i, NULL, i);
		assert_sent(i, frame, 60 + i);
	}
}

static void frame_of_several_pieces_is_one(void **state)
{
	make_frame(&c, frame, 200, NULL, 3);
	put_tx(&c, frame, 20, TX_RS);
	put_tx(&c, frame + 20, 1, 0);
	put_tx(&c, frame + 21, 0, 0);
	go(&c);
	/* Those that were read are the driver's again. */
	assert_int_equal(nr_sent, 0);
	assert_int_equal(rd(&c, TDH), 3);
	assert_true(tx_done(&c, 0) && !tx_done(&c, 1));
	put_tx(&c, frame + 21, 179, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, frame, 200);
}

static void done_is_told_to_who_asks(void **state)
{
	make_frame(&c, frame, 60, NULL, 0);
	put_tx(&c, frame, 60, TX_EOP | TX_IFCS);
	go(&c);
	assert_false(tx_done(&c, 0));
	assert_int_equal(rd(&c, TDH), 1);
	assert_int_equal(rd(&c, ICR), TXQE);
}

static void nothing_leaves_while_it_is_off(void **state)
{
	make_frame(&c, frame, 60, NULL, 0);
	wr(&c, TCTL, 0);
	put_tx(&c, frame, 60, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 0);
	wr(&c, TCTL, TCTL_EN);
	still_move();
	assert_int_equal(nr_sent, 1);
}

static void tail_wakes_the_mover(void **state)
{
	unsigned int wakes = still_wakes;

	put_tx(&c, frame, 60, TX_ONE);
	wr(&c, TDT, c.tx_tail);
	assert_true(still_wakes > wakes);
	still_move();
}

static void frame_waits_for_who_does_not_take_it(void **state)
{
	make_frame(&c, frame, 100, NULL, 0);
	put_tx(&c, frame, 100, TX_ONE);
	make_frame(&c, frame, 101, NULL, 1);
	put_tx(&c, frame, 101, TX_ONE);
	refuse = 2;
	go(&c);
	assert_false(tx_done(&c, 0));
	assert_int_equal(rd(&c, TDH), 0);
	/* It is the card's by now. */
	memset(fake_ptr(c.dev, tx_buffer(0)), 0xee, 100);
	still_move();
	assert_int_equal(nr_sent, 0);
	still_move();
	assert_int_equal(nr_sent, 2);
	make_frame(&c, frame, 100, NULL, 0);
	assert_sent(0, frame, 100);
	assert_true(tx_done(&c, 0) && tx_done(&c, 1));
}

static void reset_drops_what_waits(void **state)
{
	put_tx(&c, frame, 100, TX_RS);
	put_tx(&c, frame, 100, TX_ONE);
	refuse = 1;
	go(&c);
	wr(&c, CTRL, CTRL_RST);
	wr(&c, CTRL, CTRL_SLU);
	card_up(&c, 0);
	still_move();
	assert_int_equal(nr_sent, 0);
	make_frame(&c, frame, 80, NULL, 5);
	put_tx(&c, frame, 80, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, frame, 80);
}

/* ---- length ---- */

static void short_frames_are_padded_on_demand(void **state)
{
	static const uint8_t zeros[60];

	make_frame(&c, frame, 20, NULL, 0);
	put_tx(&c, frame, 20, TX_ONE);
	go(&c);
	assert_sent(0, frame, 20);
	wr(&c, TCTL, TCTL_EN | TCTL_PSP);
	put_tx(&c, frame, 20, TX_ONE);
	go(&c);
	assert_int_equal(sent[1].len, 60);
	assert_memory_equal(sent[1].data, frame, 20);
	assert_memory_equal(sent[1].data + 20, zeros, 40);
}

static void longest_frame_leaves_and_a_longer_one_does_not(void **state)
{
	make_frame(&c, frame, 16381, NULL, 0);
	put_tx(&c, frame, 16381, TX_ONE);
	put_tx(&c, frame, 13, TX_ONE);
	put_tx(&c, frame, 16380, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, frame, 16380);
	assert_int_equal(rd(&c, TDH), 3);
}

static void endless_frame_is_dropped_whole(void **state)
{
	unsigned int i, n;

	for (n = 0; n < 4; n++) {
		for (i = 0; i < 5; i++)
			put_desc(&c, tx_buffer(0), 0x8000);
		go(&c);
	}
	put_tx(&c, frame, 60, TX_ONE);
	make_frame(&c, frame, 60, NULL, 9);
	put_tx(&c, frame, 60, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, frame, 60);
}

static void driver_may_bring_its_fcs(void **state)
{
	/* That of IEEE 802.3 for "123456789" behind 14 zeros is known. */
	uint8_t data[27] = { 0 };
	uint32_t crc = ~0u, i, b;

	for (i = 14; i < 23; i++)
		data[i] = '1' + i - 14;
	for (i = 0; i < 23; i++)
		for (crc ^= data[i], b = 0; b < 8; b++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	crc = ~crc;
	memcpy(data + 23, &crc, 4);
	put_tx(&c, data, 27, TX_EOP | TX_RS);
	data[26] ^= 1;
	put_tx(&c, data, 27, TX_EOP | TX_RS);
	go(&c);
	assert_int_equal(nr_sent, 1);
	assert_sent(0, data, 23);
	assert_true(tx_done(&c, 1));
}

/* ---- tags ---- */

static void tag_is_inserted_while_tags_are_on(void **state)
{
	uint64_t high = 60 | (uint64_t)(TX_ONE | TX_VLE) << 24 |
			(uint64_t)0x2123 << 48;
	uint64_t at = tx_buffer(0);

	make_frame(&c, frame, 60, NULL, 0);
	memcpy(fake_ptr(c.dev, at), frame, 60);
	put_desc(&c, at, high);
	go(&c);
	assert_sent(0, frame, 60);
	wr(&c, CTRL, CTRL_SLU | CTRL_VME);
	put_desc(&c, at, high);
	go(&c);
	assert_int_equal(sent[1].len, 64);
	assert_memory_equal(sent[1].data, frame, 12);
	assert_memory_equal(sent[1].data + 12, "\x81\0\x21\x23", 4);
	assert_memory_equal(sent[1].data + 16, frame + 12, 48);
}

/* ---- checksums ---- */

/* A frame of UDP or TCP over IPv4 with @len bytes behind the headers; checksums
 * as drivers leave them to the card. */
static uint32_t make_ip(bool tcp, uint32_t len)
{
	uint32_t l4 = (tcp ? 20 : 8) + len, i;
	uint8_t *ip = frame + 14, pseudo[12] = { 0 };
	uint16_t sum;

	make_frame(&c, frame, 34 + l4, NULL, 77);
	frame[12] = 0x08;
	frame[13] = 0;
	memcpy(ip, "\x45\0\0\0\x12\x34\0\0\x40\0\0\0", 12);
	ip[2] = (20 + l4) >> 8;
	ip[3] = 20 + l4;
	ip[9] = tcp ? 6 : 17;
	for (i = 12; i < 20; i++)
		ip[i] = i;
	memcpy(pseudo, ip + 12, 8);
	pseudo[9] = ip[9];
	pseudo[10] = l4 >> 8;
	pseudo[11] = l4;
	sum = inet_sum(pseudo, 12);
	ip[20 + (tcp ? 16 : 6)] = sum >> 8;
	ip[20 + (tcp ? 17 : 7)] = sum;
	return 34 + l4;
}

/* What a receiver sums up: 0xffff when it is right. */
static void assert_sums(const uint8_t *data, uint32_t len)
{
	uint8_t pseudo[12] = { 0 };
	uint32_t l4 = len - 34, sum;

	assert_int_equal(inet_sum(data + 14, 20), 0xffff);
	memcpy(pseudo, data + 26, 8);
	pseudo[9] = data[23];
	pseudo[10] = l4 >> 8;
	pseudo[11] = l4;
	sum = inet_sum(pseudo, 12) + inet_sum(data + 34, l4);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void put_context(uint32_t command, uint32_t header, uint32_t mss)
{
	uint64_t low = 14 | 24 << 8 | 33 << 16 |
		       (uint64_t)(34 | (command & 1 ? 50 : 40) << 8) << 32;

	put_desc(&c, low,
		 (TX_DEXT | command) << 24 | (uint64_t)header << 40 |
			 (uint64_t)mss << 48);
}

static void put_data(uint32_t len, uint32_t command, uint32_t options)
{
	uint64_t at = tx_buffer(c.tx_tail);

	memcpy(fake_ptr(c.dev, at), frame, len);
	put_desc(&c, at,
		 len | 1u << 20 | (TX_DEXT | command) << 24 |
			 (uint64_t)options << 40);
}

static void checksums_of_a_context_are_inserted(void **state)
{
	uint32_t tcp, len;

	for (tcp = 0; tcp < 2; tcp++) {
		for (len = 30; len < 32; len++) {
			nr_sent = 0;
			put_context(tcp, 0, 0);
			put_data(make_ip(tcp, len), TX_ONE, 3);
			go(&c);
			assert_int_equal(nr_sent, 1);
			assert_sums(sent[0].data, sent[0].len);
		}
	}
}

static void checksums_are_inserted_on_demand(void **state)
{
	uint32_t len = make_ip(true, 40);

	put_context(1, 0, 0);
	put_data(len, TX_ONE, 0);
	put_data(len, TX_ONE, 1);
	put_data(len, TX_ONE, 2);
	go(&c);
	assert_sent(0, frame, len);
	/* The context stays; IP alone, then TCP alone. */
	assert_int_equal(inet_sum(sent[1].data + 14, 20), 0xffff);
	assert_memory_equal(sent[1].data + 34, frame + 34, len - 34);
	assert_memory_equal(sent[2].data, frame, 34);
	assert_int_not_equal(be(sent[2].data + 50, 2), be(frame + 50, 2));
}

/* No UDP checksum at all is 0: one that comes out as that is all ones. */
static void udp_checksum_is_never_0(void **state)
{
	uint32_t len = make_ip(false, 2), sum;

	/* The last two bytes make the sum all ones. */
	frame[42] = frame[43] = 0;
	sum = 0xffff - inet_sum(frame + 34, 8);
	frame[42] = sum >> 8;
	frame[43] = sum;
	put_context(0, 0, 0);
	put_data(len, TX_ONE, 2);
	go(&c);
	assert_int_equal(be(sent[0].data + 40, 2), 0xffff);
}

static void legacy_checksum_is_inserted(void **state)
{
	uint64_t at = tx_buffer(0);

	make_frame(&c, frame, 100, NULL, 0);
	memcpy(fake_ptr(c.dev, at), frame, 100);
	put_desc(&c, at,
		 100 | 50 << 16 | (uint64_t)(TX_ONE | TX_IC) << 24 |
			 (uint64_t)20 << 40);
	go(&c);
	/* From 20 on, into 50: with what was there the sum is all ones. */
	assert_int_equal(
		(uint16_t)(be(sent[0].data + 50, 2) + inet_sum(frame + 20, 80)),
		0xffff);
	assert_memory_equal(sent[0].data, frame, 50);
	assert_memory_equal(sent[0].data + 52, frame + 52, 48);
}

/* ---- segments ---- */

#define MSS 1000u

static void assert_segment(unsigned int nth, const uint8_t *whole, uint32_t off,
			   uint32_t len, bool last)
{
	const uint8_t *data = sent[nth].data;

	assert_int_equal(sent[nth].len, 54 + len);
	assert_memory_equal(data, whole, 14);
	assert_int_equal(be(data + 16, 2), 40 + len);
	assert_int_equal(be(data + 18, 2), 0x1234 + nth);
	assert_int_equal(be(data + 38, 4), be(whole + 38, 4) + off);
	assert_int_equal(data[47] & 9, last ? 9 : 0);
	assert_int_equal(data[47] & ~9, whole[47] & ~9);
	assert_memory_equal(data + 54, whole + 54 + off, len);
	assert_sums(data, sent[nth].len);
}

static uint32_t put_large(uint32_t payload)
{
	uint32_t len = make_ip(true, payload), sum;

	frame[47] = 0x1d; /* with FIN and PSH */
	/* The pseudo header is without its length. */
	sum = be(frame + 50, 2) + 0xffff - (20 + payload);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[50] = sum >> 8;
	frame[51] = sum;
	put_context(7, 54, MSS);
	put_data(len, TX_EOP | TX_IFCS | TX_RS | 4, 3);
	return len;
}

static void large_segment_is_cut(void **state)
{
	put_large(2 * MSS + 1);
	go(&c);
	assert_int_equal(nr_sent, 3);
	assert_segment(0, frame, 0, MSS, false);
	assert_segment(1, frame, MSS, MSS, false);
	assert_segment(2, frame, 2 * MSS, 1, true);
	assert_true(tx_done(&c, 1));
}

static void segments_that_wait_are_sent_once(void **state)
{
	unsigned int i;

	put_large(3 * MSS);
	refuse = 1;
	go(&c);
	for (i = 0; i < 6; i++) {
		refuse = i % 2;
		still_move();
	}
	assert_int_equal(nr_sent, 3);
	for (i = 0; i < 3; i++)
		assert_segment(i, frame, i * MSS, MSS, i == 2);
}

static void cut_that_makes_no_sense_sends_nothing(void **state)
{
	static const struct {
		uint32_t header, mss;
	} bad[] = {
		{ 54, 0 }, { 53, MSS }, { 0, MSS }, { 255, MSS }, { 54, 0xffff }
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_context(7, bad[i].header, bad[i].mss);
		put_data(make_ip(true, 100), TX_EOP | TX_IFCS | TX_RS | 4, 3);
		go(&c);
		assert_int_equal(nr_sent, 0);
	}
	put_large(MSS);
	go(&c);
	assert_int_equal(nr_sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(frame_leaves_as_it_is),
		T(frames_leave_in_order_round_the_ring),
		T(frame_of_several_pieces_is_one),
		T(done_is_told_to_who_asks),
		T(nothing_leaves_while_it_is_off),
		T(tail_wakes_the_mover),
		T(frame_waits_for_who_does_not_take_it),
		T(reset_drops_what_waits),
		T(short_frames_are_padded_on_demand),
		T(longest_frame_leaves_and_a_longer_one_does_not),
		T(endless_frame_is_dropped_whole),
		T(driver_may_bring_its_fcs),
		T(tag_is_inserted_while_tags_are_on),
		T(checksums_of_a_context_are_inserted),
		T(checksums_are_inserted_on_demand),
		T(udp_checksum_is_never_0),
		T(legacy_checksum_is_inserted),
		T(large_segment_is_cut),
		T(segments_that_wait_are_sent_once),
		T(cut_that_makes_no_sense_sends_nothing),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
