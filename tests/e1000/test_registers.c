/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a driver reads and writes before it sends anything. */
#include "driver.h"

static struct card c;

static int setup(void **state)
{
	card_create(&c);
	return 0;
}

static int teardown(void **state)
{
	card_destroy(&c);
	return 0;
}

/* ---- the function ---- */

static void function_is_an_82540EM(void **state)
{
	assert_int_equal(c.dev->id.vendor, 0x8086);
	assert_int_equal(c.dev->id.device, 0x100e);
	assert_int_equal(c.dev->id.class_code, 0x020000);
	assert_int_equal(c.dev->bar_size[0], 128 << 10);
	assert_int_equal(c.dev->bar_flags[0], 0);
	assert_int_equal(c.dev->bar_flags[2], ANYVFIO_BAR_IO);
	assert_int_equal(c.dev->msi, 1);
	assert_true(c.dev->has_intx && c.dev->has_pm && !c.dev->has_express);
}

/* ---- EEPROM ---- */

static uint16_t eerd(unsigned int word)
{
	wr(&c, EERD, word << 8 | 1);
	assert_true(rd(&c, EERD) & 0x10);
	return rd(&c, EERD) >> 16;
}

static void eeprom_words_sum_to_baba(void **state)
{
	uint16_t sum = 0;
	unsigned int i;

	for (i = 0; i < 64; i++)
		sum += eerd(i);
	assert_int_equal(sum, 0xbaba);
}

static void eeprom_begins_with_the_address(void **state)
{
	const uint8_t *mac = c.net->mac;
	unsigned int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(eerd(i), mac[2 * i] | mac[2 * i + 1] << 8);
	assert_int_equal(rd(&c, RAL), mac[0] | mac[1] << 8 | mac[2] << 16 |
					      (uint32_t)mac[3] << 24);
	assert_int_equal(rd(&c, RAH), 0x80000000u | mac[4] | mac[5] << 8);
}

#define SK 1u
#define CS 2u
#define DI 4u
#define DO 8u
#define REQ 0x40u
#define GNT 0x80u

static bool clock_bit(bool in)
{
	uint32_t pins = REQ | CS | (in ? DI : 0);

	wr(&c, EECD, pins);
	wr(&c, EECD, pins | SK);
	in = rd(&c, EECD) & DO;
	wr(&c, EECD, pins);
	return in;
}

/* A read command for @addr: what comes out is @nr words. */
static void read_by_pins(unsigned int addr, uint16_t *words, unsigned int nr)
{
	unsigned int bits = 6u << 6 | addr, i;

	wr(&c, EECD, REQ | CS);
	for (i = 9; i-- > 1;)
		clock_bit(bits >> i & 1);
	/* Where data will come, a 0 comes first. */
	assert_false(clock_bit(bits & 1));
	for (i = 0; i < nr * 16; i++)
		words[i / 16] = words[i / 16] << 1 | clock_bit(false);
	wr(&c, EECD, REQ);
}

static void eeprom_pins_are_granted_to_who_asks(void **state)
{
	assert_false(rd(&c, EECD) & GNT);
	wr(&c, EECD, REQ);
	assert_true(rd(&c, EECD) & GNT);
	wr(&c, EECD, 0);
	assert_false(rd(&c, EECD) & GNT);
	/* It is there, and has the small size. */
	assert_int_equal(rd(&c, EECD) & 0x300, 0x100);
}

static void eeprom_pins_give_the_same_words(void **state)
{
	uint16_t words[2];
	unsigned int i;

	for (i = 0; i < 64; i++) {
		read_by_pins(i, words, 1);
		assert_int_equal(words[0], eerd(i));
	}
	/* One behind the other, round the end. */
	read_by_pins(63, words, 2);
	assert_int_equal(words[0], eerd(63));
	assert_int_equal(words[1], eerd(0));
}

static void eeprom_waits_for_a_start_bit(void **state)
{
	uint16_t word = 0;
	unsigned int i;

	wr(&c, EECD, REQ | CS);
	for (i = 0; i < 5; i++)
		clock_bit(false);
	read_by_pins(1, &word, 1);
	assert_int_equal(word, eerd(1));
}

static void eeprom_is_not_written(void **state)
{
	const uint16_t was = eerd(5);
	unsigned int bits = 5u << 6 | 5, i;

	wr(&c, EECD, REQ | CS);
	for (i = 9; i-- > 0;)
		clock_bit(bits >> i & 1);
	for (i = 0; i < 16; i++)
		clock_bit(true);
	wr(&c, EECD, REQ);
	assert_int_equal(eerd(5), was);
}

/* ---- transceiver ---- */

static void phy_has_its_identity(void **state)
{
	assert_int_equal(phy_read(&c, 2), 0x0141);
	assert_int_equal(phy_read(&c, 3) & 0xfff0, 0x0c20);
}

static void phy_at_other_addresses_is_an_error(void **state)
{
	wr(&c, MDIC, 2u << 26 | 2u << 21 | 2u << 16);
	assert_int_equal(rd(&c, MDIC) >> 28 & 5, 5);
	/* Neither a read nor a write. */
	wr(&c, MDIC, 1u << 21 | 2u << 16);
	assert_int_equal(rd(&c, MDIC) >> 28 & 5, 5);
	phy_read(&c, 2);
}

static void phy_tells_of_mdic_by_interrupt(void **state)
{
	rd(&c, ICR);
	wr(&c, MDIC, 1u << 29 | 2u << 26 | 1u << 21 | 2u << 16);
	assert_int_equal(rd(&c, ICR), 0x200);
}

static void phy_link_loss_is_latched(void **state)
{
	assert_int_equal(phy_read(&c, 1) & 0x24, 0);
	assert_int_equal(phy_read(&c, 1) & 0x24, 0x24);
	phy_write(&c, 0, 0x1940);
	phy_write(&c, 0, 0x1140);
	assert_int_equal(phy_read(&c, 1) & 0x4, 0);
	assert_int_equal(phy_read(&c, 1) & 0x4, 4);
}

static void phy_negotiates_what_is_offered(void **state)
{
	static const struct {
		uint16_t ctrl, offer, offer_1000;
		uint32_t status;
	} cases[] = {
		{ 0x1140, 0x0de1, 0x0300, 0x83 },
		{ 0x1140, 0x0de1, 0x0000, 0x43 },
		{ 0x1140, 0x0080, 0x0000, 0x42 },
		{ 0x1140, 0x0060, 0x0000, 0x03 },
		{ 0x1140, 0x0020, 0x0000, 0x02 },
		{ 0x2100, 0x0de1, 0x0300, 0x43 },
		{ 0x2000, 0x0de1, 0x0300, 0x42 },
		{ 0x0000, 0x0de1, 0x0300, 0x02 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		phy_write(&c, 4, cases[i].offer);
		phy_write(&c, 9, cases[i].offer_1000);
		phy_write(&c, 0, cases[i].ctrl);
		assert_int_equal(rd(&c, STATUS), cases[i].status);
	}
}

static void forced_speed_is_shown(void **state)
{
	wr(&c, CTRL, CTRL_SLU | 1u << 11 | 1u << 8);
	assert_int_equal(rd(&c, STATUS), 0x43);
	wr(&c, CTRL, CTRL_SLU | 3u << 11 | 2u << 8);
	assert_int_equal(rd(&c, STATUS), 0x82);
}

static void link_follows_power_and_the_driver(void **state)
{
	rd(&c, ICR);
	assert_true(rd(&c, STATUS) & 2);
	phy_write(&c, 0, 0x1940);
	assert_false(rd(&c, STATUS) & 2);
	assert_int_equal(rd(&c, ICR), LSC);
	phy_write(&c, 0, 0x1140);
	assert_true(rd(&c, STATUS) & 2);
	assert_int_equal(rd(&c, ICR), LSC);
	wr(&c, CTRL, 0);
	assert_false(rd(&c, STATUS) & 2);
	assert_int_equal(rd(&c, ICR), LSC);
	wr(&c, CTRL, CTRL_SLU);
	assert_int_equal(rd(&c, ICR), LSC);
	/* A transceiver that is reset has power. */
	phy_write(&c, 0, 0x1940);
	wr(&c, CTRL, CTRL_SLU | CTRL_PHY_RST);
	assert_true(rd(&c, STATUS) & 2);
	assert_false(rd(&c, CTRL) & CTRL_PHY_RST);
}

/* ---- interrupts ---- */

static void icr_is_cleared_by_reading(void **state)
{
	rd(&c, ICR);
	wr(&c, ICS, RXT0 | LSC);
	assert_int_equal(rd(&c, ICR), RXT0 | LSC);
	assert_int_equal(rd(&c, ICR), 0);
}

static void icr_is_cleared_by_ones(void **state)
{
	rd(&c, ICR);
	wr(&c, ICS, RXT0 | LSC);
	wr(&c, ICR, LSC);
	assert_int_equal(rd(&c, ICR), RXT0);
}

static void pin_is_up_while_a_cause_counts(void **state)
{
	rd(&c, ICR);
	wr(&c, ICS, LSC);
	assert_false(c.dev->level);
	wr(&c, IMS, LSC | RXT0);
	assert_int_equal(rd(&c, IMS), LSC | RXT0);
	assert_true(c.dev->level);
	wr(&c, IMC, LSC);
	assert_false(c.dev->level);
	wr(&c, IMS, LSC);
	assert_true(c.dev->level);
	rd(&c, ICR);
	assert_false(c.dev->level);
}

static void msi_is_sent_when_a_cause_begins_to_count(void **state)
{
	rd(&c, ICR);
	wr(&c, IMS, LSC | RXT0);
	assert_int_equal(c.dev->irqs[0], 0);
	wr(&c, ICS, LSC);
	assert_int_equal(c.dev->irqs[0], 1);
	wr(&c, ICS, RXT0);
	assert_int_equal(c.dev->irqs[0], 1);
	rd(&c, ICR);
	wr(&c, ICS, RXT0);
	assert_int_equal(c.dev->irqs[0], 2);
	/* What came while all were masked is told of when they are not. */
	wr(&c, IMC, ~0u);
	wr(&c, IMS, RXT0);
	assert_int_equal(c.dev->irqs[0], 3);
}

/* ---- reset, and the register file ---- */

static void reset_forgets_all_but_the_transceiver(void **state)
{
	card_up(&c, 0);
	wr(&c, IMS, ~0u);
	wr(&c, ICS, LSC);
	wr(&c, RAL, 0x12345678);
	wr(&c, MTA + 8, ~0u);
	phy_write(&c, 4, 0x0061);
	wr(&c, CTRL, CTRL_RST);
	assert_false(c.dev->level);
	assert_int_equal(rd(&c, ICR), 0);
	assert_int_equal(rd(&c, IMS), 0);
	assert_int_equal(rd(&c, RCTL), 0);
	assert_int_equal(rd(&c, TDLEN), 0);
	assert_int_equal(rd(&c, MTA + 8), 0);
	assert_int_equal(rd(&c, VET), 0x8100);
	assert_int_equal(rd(&c, CTRL) & CTRL_RST, 0);
	assert_int_not_equal(rd(&c, RAL), 0x12345678);
	assert_int_equal(phy_read(&c, 4), 0x0061);
	fake_reset(c.dev);
	assert_int_equal(phy_read(&c, 4), 0x0de1);
}

static void io_window_reaches_the_registers(void **state)
{
	fake_bar_write(c.dev, 2, 0, 4, VET);
	assert_int_equal(fake_bar_read(c.dev, 2, 0, 4), VET);
	assert_int_equal(fake_bar_read(c.dev, 2, 4, 4), 0x8100);
	fake_bar_write(c.dev, 2, 4, 4, 0x9100);
	assert_int_equal(rd(&c, VET), 0x9100);
	assert_int_equal(fake_bar_read(c.dev, 2, 8, 4), 0);
	/* Beyond all registers, too. */
	fake_bar_write(c.dev, 2, 0, 4, ~0u);
	fake_bar_write(c.dev, 2, 4, 4, ~0u);
	assert_int_equal(fake_bar_read(c.dev, 2, 4, 4), 0);
}

static void other_widths_are_parts_and_pairs(void **state)
{
	wr(&c, RAL, 0x44332211);
	wr(&c, RAH, 0x80006655);
	assert_int_equal(fake_bar_read(c.dev, 0, RAL + 1, 1), 0x22);
	assert_int_equal(fake_bar_read(c.dev, 0, RAL + 2, 2), 0x4433);
	assert_true(fake_bar_read(c.dev, 0, RAL, 8) == 0x8000665544332211ull);
	fake_bar_write(c.dev, 0, RAL, 2, 0xffff);
	assert_int_equal(rd(&c, RAL), 0x44332211);
	fake_bar_write(c.dev, 0, RAL, 8, 0x0102030405060708ull);
	assert_int_equal(rd(&c, RAL), 0x05060708);
	assert_int_equal(rd(&c, RAH), 0x01020304);
}

/* Of all offsets there are; then the card still works. */
static void any_write_anywhere_does_no_harm(void **state)
{
	static const uint32_t vals[] = { 0, ~0u, 0xa5a5a5a5, 0x01000193 };
	uint32_t off, i;

	for (i = 0; i < 4; i++) {
		for (off = 0; off < 128 << 10; off += 4) {
			wr(&c, off, vals[i]);
			rd(&c, off);
		}
		still_move();
	}
	fake_reset(c.dev);
	nr_sent = 0;
	wr(&c, CTRL, CTRL_SLU);
	card_up(&c, 0);
	put_tx(&c, (uint8_t[60]){ 2 }, 60, TX_ONE);
	go(&c);
	assert_int_equal(nr_sent, 1);
}

/* ---- options, and wires ---- */

static void options_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = { "mac=01:00:00:00:00:00",
					   "mac=02:00:00:00:00", "loop=maybe",
					   "pace=fast" };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *options[] = { bad[i], NULL };

		assert_null(fake_create(&anyvfio_e1000_model, options));
		assert_int_not_equal(fake_messages()[0], '\0');
	}
}

static void wire_is_up_while_both_have_power(void **state)
{
	struct card other;

	card_destroy(&c);
	card_create_pair(&c, &other);
	assert_true(rd(&c, STATUS) & 2);
	assert_true(rd(&other, STATUS) & 2);
	rd(&c, ICR);
	wr(&c, IMS, LSC);
	phy_write(&other, 0, 0x1940);
	assert_true(c.dev->level);
	assert_int_equal(rd(&c, ICR), LSC);
	assert_false(rd(&c, STATUS) & 2);
	/* Who has no power sees no carrier, and makes none. */
	phy_write(&other, 0, 0x1140);
	assert_int_equal(rd(&c, ICR), LSC);
	assert_true(rd(&c, STATUS) & 2);
	card_destroy(&other);
	assert_false(rd(&c, STATUS) & 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(function_is_an_82540EM),
		T(eeprom_words_sum_to_baba),
		T(eeprom_begins_with_the_address),
		T(eeprom_pins_are_granted_to_who_asks),
		T(eeprom_pins_give_the_same_words),
		T(eeprom_waits_for_a_start_bit),
		T(eeprom_is_not_written),
		T(phy_has_its_identity),
		T(phy_at_other_addresses_is_an_error),
		T(phy_tells_of_mdic_by_interrupt),
		T(phy_link_loss_is_latched),
		T(phy_negotiates_what_is_offered),
		T(forced_speed_is_shown),
		T(link_follows_power_and_the_driver),
		T(icr_is_cleared_by_reading),
		T(icr_is_cleared_by_ones),
		T(pin_is_up_while_a_cause_counts),
		T(msi_is_sent_when_a_cause_begins_to_count),
		T(reset_forgets_all_but_the_transceiver),
		T(io_window_reaches_the_registers),
		T(other_widths_are_parts_and_pairs),
		T(any_write_anywhere_does_no_harm),
		T(options_that_make_no_sense_are_refused),
		T(wire_is_up_while_both_have_power),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
