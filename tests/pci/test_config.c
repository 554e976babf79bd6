/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Configuration space: what of it is virtual, what a program may write, and what
 * its writing does. */
#include "harness.h"

static struct fake *fake;
static struct user user;

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	return 0;
}

static void start(void)
{
	char log[sizeof(fake->log)];

	fake_bind(fake);
	user_open(&user, fake);
	fake_take_log(fake, log);
}

static int teardown(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	return 0;
}

/* ---- every bit ---- */

/*
 * What each bit of the template is to a program, from the PCI Local Bus 3.0,
 * Power Management 1.2 and PCI Express 4.0 specifications and from what a host
 * must keep for itself:
 *   f  fixed: neither the function nor the program changes it
 *   k  kept: the program reads what it wrote, the function never sees it
 *   t  passed through: both ways
 *   h  the function's, not to be written
 */
struct expected {
	u16 off;
	u16 len;
	u32 fixed;
	u32 kept;
	u32 through; /* the others are the function's */
};

#define ALL 0xffffffffu
#define FIXED ALL, 0, 0
#define KEPT 0, ALL, 0
#define THROUGH 0, 0, ALL
#define HARDWARE 0, 0, 0

/* Lengths above 4: each dword alike.  Later lines override earlier ones. */
/* clang-format off */
static const struct expected expected[] = {
	{ 0x40, 0xfc0, THROUGH },		/* registers of its own */
	{ 0x00, 4, FIXED },			/* ids */
	{ 0x04, 2, 0, 0x0400, 0x03ff },		/* command */
	{ 0x06, 2, 0x0010, 0, 0 },		/* status */
	{ 0x08, 4, HARDWARE },			/* revision, class */
	{ 0x0c, 2, THROUGH },			/* cache line, latency */
	{ 0x0e, 1, HARDWARE },			/* header type */
	{ 0x0f, 1, THROUGH },			/* self-test */
	{ 0x10, 4, 0x00003fff, 0xffffc000, 0 },	/* BAR 0 */
	{ 0x14, 4, KEPT },			/*   its upper half */
	{ 0x18, 4, 0x0000001f, 0xffffffe0, 0 },	/* BAR 2, I/O */
	{ 0x1c, 4, 0x00000fff, 0xfffff000, 0 },	/* BAR 3 */
	{ 0x20, 4, 0x0000ffff, 0xffff0000, 0 },	/* BAR 4 */
	{ 0x24, 4, FIXED },			/* no BAR 5 */
	{ 0x28, 8, HARDWARE },			/* CardBus, subsystem */
	{ 0x30, 4, 0x00000ffe, 0xfffff001, 0 },	/* ROM */
	{ 0x34, 1, FIXED },			/* list */
	{ 0x35, 7, HARDWARE },			/* reserved */
	{ 0x3c, 1, KEPT },			/* interrupt line */
	{ 0x3d, 1, FIXED },			/* pin */
	{ 0x3e, 2, HARDWARE },			/* timers */

	{ PM, 2, FIXED },
	{ PM + 2, 2, 0xf800, 0, 0 },		/* no PME# */
	{ PM + 4, 2, 0x8100, 0, 0x0003 },	/* state; no PME# */
	{ PM + 6, 2, HARDWARE },
	{ VPD, 2, FIXED },
	{ MSI, 2, FIXED },
	{ MSI + 2, 2, 0xff8f, 0x0070, 0 },	/* messages granted */
	{ MSI + 4, 4, 0x00000003, 0xfffffffc, 0 },
	{ MSI + 8, 4, KEPT },			/* upper address */
	{ MSI + 12, 2, KEPT },			/* data */
	{ MSI + 14, 2, FIXED },
	{ MSI + 16, 4, THROUGH },		/* mask: 32 messages */
	{ MSI + 20, 4, HARDWARE },		/* pending */
	{ UNKNOWN, 2, FIXED },
	{ UNKNOWN + 2, 6, HARDWARE },
	{ MSIX, 12, FIXED },
	{ EXP, 2, FIXED },
	{ EXP + 2, 0x3a, HARDWARE },
	{ EXP + 8, 2, 0x8000, 0x00e0, 0x7d1f },	/* reset; payload; no
						 * phantom functions */
	{ EXP + 0x28, 2, 0, 0, 0xffdf },	/* no ARI forwarding */
	{ VENDOR, 2, FIXED },
	{ VENDOR + 2, 1, HARDWARE },
	{ AF, 2, FIXED },
	{ AF + 2, 4, HARDWARE },
	{ AF + 4, 1, 0x01, 0, 0 },		/* reset */
	{ PCIX, 2, FIXED },
	{ PCIX + 2, 14, HARDWARE },
	{ LAST_UNKNOWN, 2, FIXED },
	{ LAST_UNKNOWN + 2, 22, HARDWARE },

	{ AER, 4, FIXED },
	{ AER + 0x18, 4, 0, 0, 0x00000140 },	/* ECRC enables */
	{ AER + 0x1c, 0x2c, HARDWARE },		/* logs */
	{ SERIAL, 4, FIXED },
	{ SERIAL + 4, 8, HARDWARE },
	{ EXT_UNKNOWN, 4, FIXED },
	{ EXT_UNKNOWN + 4, 0x1c, HARDWARE },
	{ EXT_VENDOR, 4, FIXED },
	{ EXT_VENDOR + 4, 4, HARDWARE },
	{ POWER, 4, FIXED },
	{ POWER + 4, 12, HARDWARE },
	{ POWER + 4, 1, THROUGH },		/* data select */
	{ DVSEC, 4, FIXED },
	{ DVSEC + 4, 4, HARDWARE },
	{ ARI, 4, FIXED },
	{ ARI + 4, 4, HARDWARE },
	{ LTR, 4, FIXED },
	{ LTR + 4, 4, HARDWARE },
};
/* clang-format on */

static char classes[4096 * 8];

static void expect_byte(u32 off, u8 fixed, u8 kept, u8 through)
{
	u32 bit;

	for (bit = 0; bit < 8; bit++)
		classes[off * 8 + bit] = fixed >> bit & 1     ? 'f'
					 : kept >> bit & 1    ? 'k'
					 : through >> bit & 1 ? 't'
							      : 'h';
}

static void make_classes(void)
{
	const struct expected *e;
	u32 i, n, shift;

	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		e = &expected[i];
		for (n = 0; n < e->len; n++) {
			shift = n % 4 * 8;
			expect_byte(e->off + n, e->fixed >> shift,
				    e->kept >> shift, e->through >> shift);
		}
	}
}

/* The same, found out by trying. */
static char find_class(u32 off, u8 bit)
{
	u8 before = config_read(&user, off, 1), hw = fake->config[off];
	u8 after, hw_after, live;

	config_write(&user, off, 1, before ^ bit);
	after = config_read(&user, off, 1);
	hw_after = fake->config[off];
	config_write(&user, off, 1, before);
	if (config_read(&user, off, 1) != before || fake->config[off] != hw)
		return '?';

	fake->config[off] ^= bit;
	live = config_read(&user, off, 1);
	fake->config[off] ^= bit;

	if ((after ^ before) & bit)
		return (hw_after ^ hw) & bit ? (live ^ before) & bit ? 't' : '?'
		       : (live ^ before) & bit ? '?'
					       : 'k';
	if ((hw_after ^ hw) & bit)
		return '?';
	return (live ^ before) & bit ? 'h' : 'f';
}

static void each_bit_is_what_the_specifications_say(void **state)
{
	u32 i, bad = 0;
	char class;

	make_classes();
	start();
	for (i = 0; i < 4096 * 8; i++) {
		class = find_class(i / 8, 1u << i % 8);
		if (class == classes[i])
			continue;
		bad++;
		print_error("%03x bit %u: %c, not %c\n", i / 8, i % 8, class,
			    classes[i]);
	}
	assert_int_equal(bad, 0);
}

/* ---- at open ---- */

/* For reading alone may do something there. */
static void open_reads_no_register_of_the_functions_own(void **state)
{
	const struct expected *e = expected, *last = e + ARRAY_SIZE(expected);
	u8 own[4096] = { 0 };
	u32 off;

	memset(own + e->off, 1, e->len);
	while (++e < last)
		memset(own + e->off, 0, e->len);
	start();
	/* Not what shares a double word with the head of a capability. */
	for (off = 0; off < sizeof(own); off++)
		if (own[off & ~3u] && own[off] && fake->was_read[off])
			fail_msg("0x%x was read", off);
	assert_true(fake->was_read[MSI + 12] && fake->was_read[AER]);
}

static void open_finds_memory_on_and_bus_mastering_off(void **state)
{
	fake_put(fake->power_on, 0x04, 2, 0x0404);
	start();
	assert_int_equal(config_read(&user, 0x04, 2), 0x0003);
	assert_int_equal(fake_get(fake->config, 0x04, 2), 0x0003);
}

static void open_shows_the_identity_and_the_pin(void **state)
{
	start();
	assert_int_equal(config_read(&user, 0x00, 4), 0x56781234);
	assert_int_equal(config_read(&user, 0x08, 4), 0x01080201);
	assert_int_equal(config_read(&user, 0x2c, 4), 0xabcd4321);
	assert_int_equal(config_read(&user, 0x3d, 1), 1);
}

/* What only the host may change is read once, at open. */
static void open_shows_what_capabilities_say_of_themselves(void **state)
{
	fake_put(fake->power_on, MSI + 4, 4, 0xfee01000);
	fake_put(fake->power_on, MSI + 8, 4, 0x12);
	fake_put(fake->power_on, MSI + 12, 2, 0x4321);
	start();
	assert_int_equal(config_read(&user, MSI + 4, 4), 0xfee01000);
	assert_int_equal(config_read(&user, MSI + 8, 4), 0x12);
	assert_int_equal(config_read(&user, MSI + 12, 2), 0x4321);
	assert_int_equal(config_read(&user, MSIX + 4, 4), TABLE_OFF | 4);
	assert_int_equal(config_read(&user, MSIX + 8, 4), 0x3000 | 4);
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x2830);
}

static void open_shows_interrupts_off_whatever_was_left_on(void **state)
{
	u32 msi = fake_get(fake->power_on, MSI + 2, 2);

	fake_put(fake->power_on, MSI + 2, 2, msi | 0x0071);
	fake_put(fake->power_on, MSIX + 2, 2, 0xc000 | (NR_MSIX - 1));
	start();
	assert_int_equal(config_read(&user, MSI + 2, 2), msi & ~0x0071u);
	assert_int_equal(config_read(&user, MSIX + 2, 2), NR_MSIX - 1);
}

static void pin_of_a_function_without_intx_reads_0(void **state)
{
	fake->info.has_intx = false;
	start();
	assert_int_equal(config_read(&user, 0x3d, 1), 0);
}

static void open_forgets_what_the_former_program_wrote(void **state)
{
	start();
	config_write(&user, 0x10, 4, 0x12340000);
	config_write(&user, 0x04, 2, 0x0407);
	config_write(&user, MSI + 4, 4, 0xfee00000);
	assert_int_equal(host_fd_close(user.device), 0);
	assert_int_equal(fake_get(fake->config, 0x04, 2) & 4, 0);
	user.device = host_fd_ioctl(user.group, VFIO_GROUP_GET_DEVICE_FD,
				    (unsigned long)fake->name);
	assert_true(user.device >= 0);
	assert_int_equal(config_read(&user, 0x10, 4), 0xfe000004);
	assert_int_equal(config_read(&user, 0x04, 2), 0x0003);
	assert_int_equal(config_read(&user, MSI + 4, 4), 0);
}

/* ---- sizing ---- */

static u32 size_bar(u32 off)
{
	u32 before = config_read(&user, off, 4), mask;

	config_write(&user, off, 4, ALL);
	mask = config_read(&user, off, 4);
	config_write(&user, off, 4, before);
	assert_int_equal(config_read(&user, off, 4), before);
	return mask;
}

static void bars_tell_their_sizes(void **state)
{
	start();
	assert_int_equal(size_bar(0x10), 0xffffc004);
	assert_int_equal(size_bar(0x14), 0xffffffff);
	assert_int_equal(size_bar(0x18), 0xffffffe1);
	assert_int_equal(size_bar(0x1c), 0xfffff008);
	assert_int_equal(size_bar(0x20), 0xffff0000);
	assert_int_equal(size_bar(0x24), 0);
	assert_int_equal(size_bar(0x30), 0xfffff001);
}

static void bar_above_4_gib_sizes_in_its_upper_half(void **state)
{
	fake->info.bar[0].size = 1ull << 34;
	fake->info.bar[0].flags = VFIO_PCI_BAR_64 | VFIO_PCI_BAR_PREFETCH;
	fake->info.rom_size = 0;
	start();
	assert_int_equal(size_bar(0x10), 0x0000000c);
	assert_int_equal(size_bar(0x14), 0xfffffffc);
	assert_int_equal(size_bar(0x30), 0);
}

/* ---- lists ---- */

/* The list as a program finds it: ids, or the offsets of extended ones. */
static void assert_list(const u8 *offsets, u32 nr)
{
	u32 pos = config_read(&user, 0x34, 1), i;

	for (i = 0; i < nr; i++) {
		assert_int_equal(pos, offsets[i]);
		pos = config_read(&user, pos + 1, 1);
	}
	assert_int_equal(pos, 0);
}

static void assert_ext_list(const u16 *offsets, u32 nr)
{
	u32 pos = 0x100, i;

	for (i = 0; i < nr; i++) {
		assert_int_equal(pos, offsets[i]);
		pos = config_read(&user, pos, 4) >> 20;
	}
	assert_int_equal(pos, 0);
}

static void unknown_capabilities_are_left_out_of_the_lists(void **state)
{
	const u8 list[] = { PM, VPD, MSI, MSIX, EXP, VENDOR, AF, PCIX };
	const u16 ext[] = { AER, SERIAL, EXT_VENDOR, POWER, DVSEC, ARI, LTR };

	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
	assert_int_equal(config_read(&user, 0x06, 2) & 0x10, 0x10);
}

/* Found by fuzzing: each saved its registers, until COMMAND had no room, and
 * memory stayed off after a reset. */
static void second_capability_of_a_kind_is_left_out(void **state)
{
	const u8 list[] = { PM, VPD, MSI, MSIX, EXP, VENDOR, AF };
	const u16 ext[] = { AER, SERIAL, DVSEC, ARI, LTR };

	fake->power_on[PCIX] = 0x01;
	fake->power_on[LAST_UNKNOWN] = 0x10;
	fake->power_on[EXT_UNKNOWN] = 0x01;
	fake->power_on[EXT_VENDOR] = 0x01;
	fake->power_on[POWER] = 0x01;
	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
	config_write(&user, 0x04, 2, 0x0002);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_RESET, NULL), 0);
	assert_int_equal(config_read(&user, 0x04, 2), 0x0002);
	assert_true(fake->memory_on);
}

static void unusable_interrupts_are_left_out_of_the_list(void **state)
{
	const u8 list[] = { PM, VPD, EXP, VENDOR, AF, PCIX };

	fake->info.msi = 0;
	fake->info.msix = 0;
	start();
	assert_list(list, ARRAY_SIZE(list));
}

static void list_of_nothing_known_clears_the_status_bit(void **state)
{
	fake->power_on[0x34] = UNKNOWN;
	fake->power_on[UNKNOWN + 1] = LAST_UNKNOWN;
	start();
	assert_list(NULL, 0);
	assert_int_equal(config_read(&user, 0x06, 2) & 0x10, 0);
}

static void list_without_the_status_bit_is_not_there(void **state)
{
	fake->power_on[0x06] = 0;
	start();
	assert_list(NULL, 0);
}

static void list_that_loops_ends(void **state)
{
	const u8 list[] = { PM, VPD, MSI, MSIX, EXP, VENDOR };
	const u16 ext[] = { AER, SERIAL, EXT_VENDOR, POWER, DVSEC, ARI };

	fake->power_on[VENDOR + 1] = PM;
	fake_put(fake->power_on, ARI, 4, 0x0001000e | (u32)AER << 20);
	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
}

static void list_that_points_to_itself_ends(void **state)
{
	const u8 list[] = { PM };
	const u16 ext[] = { AER };

	fake->power_on[PM + 1] = PM;
	fake_put(fake->power_on, AER, 4, 0x00020001 | (u32)AER << 20);
	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
}

static void list_that_points_into_the_header_ends(void **state)
{
	const u8 list[] = { PM, VPD };
	const u16 ext[] = { AER };

	fake->power_on[VPD + 1] = 0x10;
	fake_put(fake->power_on, AER, 4, 0x00020001 | 0x40u << 20);
	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
}

static void capability_at_the_very_end_fits_what_there_is(void **state)
{
	const u8 list[] = { PM, 0xfc };
	const u16 ext[] = { AER, 0xffc };

	fake->power_on[PM + 1] = 0xff;
	fake_put(fake->power_on, 0xfc, 4, 0x00000010);
	fake_put(fake->power_on, AER, 4, 0x00020001 | 0xfffu << 20);
	fake_put(fake->power_on, 0xffc, 4, 0x0001000b);
	start();
	assert_list(list, ARRAY_SIZE(list));
	assert_ext_list(ext, ARRAY_SIZE(ext));
	config_write(&user, 0xfc, 4, ALL);
	config_write(&user, 0xffc, 4, ALL);
}

/* Each capability begins in the middle of the one before. */
static void capabilities_that_overlap_do_not_reach_into_each_other(void **state)
{
	u32 pos;

	for (pos = 0x40; pos < 0xfc; pos += 4)
		fake_put(fake->power_on, pos, 4, 0xffff0009 | (pos + 4) << 8);
	fake_put(fake->power_on, 0xfc, 4, 0x00000010);
	for (pos = 0x100; pos < 0xffc; pos += 4)
		fake_put(fake->power_on, pos, 4, 0x0001000b | (pos + 4) << 20);
	start();
	for (pos = 0x40; pos < 0x1000; pos += 4)
		config_write(&user, pos, 4, ALL);
	assert_int_equal(config_read(&user, 0x40, 2), 0x4409);
	assert_int_equal(config_read(&user, 0x100, 4), 0x1041000b);
}

static void first_extended_capability_if_unknown_reads_as_null(void **state)
{
	fake_put(fake->power_on, AER, 2, 0x1e);
	start();
	assert_int_equal(config_read(&user, 0x100, 4), (u32)SERIAL << 20);
	fake->config[AER + 8] = 0x55;
	assert_int_equal(config_read(&user, AER + 8, 1), 0x55);
}

static void extended_space_that_answers_nothing_has_no_list(void **state)
{
	memset(fake->power_on + 0x100, 0xff, 0xf00);
	start();
	assert_int_equal(config_read(&user, 0x100, 4), 0);
}

static void extended_space_without_a_list_is_the_functions_own(void **state)
{
	memset(fake->power_on + 0x100, 0, 0xf00);
	start();
	config_write(&user, 0x104, 4, 0x12345678);
	assert_int_equal(fake_get(fake->config, 0x104, 4), 0x12345678);
	assert_int_equal(config_read(&user, 0x104, 4), 0x12345678);
}

static void vendor_capability_of_any_length_stays_inside(void **state)
{
	fake->power_on[VENDOR + 2] = 2;
	fake_put(fake->power_on, EXT_VENDOR + 4, 4, 0xfff10000);
	start();
	config_write(&user, VENDOR + 4, 4, 0x11223344);
	config_write(&user, POWER, 4, 0);
	config_write(&user, EXT_VENDOR + 0x1c, 4, 0x55667788);
	assert_int_equal(fake_get(fake->config, VENDOR + 4, 4), 0);
	assert_int_equal(config_read(&user, POWER, 2), 0x0004);
	assert_int_equal(fake_get(fake->config, EXT_VENDOR + 0x1c, 4),
			 0x55667788);
}

static void vendor_capability_is_writable_up_to_its_own_length(void **state)
{
	/* A list that leaves room behind it. */
	fake->power_on[VENDOR + 2] = 8;
	fake_put(fake->power_on, EXT_VENDOR + 4, 4, 0x00c10000);
	start();
	config_write(&user, VENDOR + 4, 4, 0x11223344);
	config_write(&user, VENDOR + 8, 4, 0x55667788);
	assert_int_equal(fake_get(fake->config, VENDOR + 4, 4), 0x11223344);
	assert_int_equal(fake_get(fake->config, VENDOR + 8, 4),
			 fake_get(fake->power_on, VENDOR + 8, 4));
	config_write(&user, EXT_VENDOR + 8, 4, 0x11223344);
	config_write(&user, EXT_VENDOR + 12, 4, 0x55667788);
	assert_int_equal(fake_get(fake->config, EXT_VENDOR + 8, 4), 0x11223344);
	assert_int_equal(fake_get(fake->config, EXT_VENDOR + 12, 4),
			 fake_get(fake->power_on, EXT_VENDOR + 12, 4));
}

/* A length beyond the place up to the next capability means up to there. */
static void
vendor_capability_of_too_great_a_length_ends_at_the_next(void **state)
{
	fake->power_on[VENDOR + 2] = 0xff;
	start();
	config_write(&user, VENDOR + 4, 4, 0x11223344);
	config_write(&user, AF + 2, 1, 0);
	assert_int_equal(fake_get(fake->config, VENDOR + 4, 4), 0x11223344);
	assert_int_equal(config_read(&user, AF, 4),
			 fake_get(fake->power_on, AF, 4));
}

/* Version 1 of the capability has no second control register. */
static void first_express_version_has_no_second_registers(void **state)
{
	fake_put(fake->power_on, EXP + 2, 2,
		 (fake_get(fake->power_on, EXP + 2, 2) & ~0xf) | 1);
	start();
	config_write(&user, EXP + 0x28, 2, 0x0011);
	assert_int_equal(fake_get(fake->config, EXP + 0x28, 2),
			 fake_get(fake->power_on, EXP + 0x28, 2));
	config_write(&user, EXP + 8, 2, 0x2810);
	assert_int_equal(fake_get(fake->config, EXP + 8, 2) & 0x0010, 0x0010);
}

/* ---- lengths and limits ---- */

static void reads_of_any_length_and_place_agree(void **state)
{
	const size_t lens[] = { 1, 2, 3, 4, 5, 6, 7, 8, 16, 63, 64, 65, 256 };
	u8 whole[4096], part[256];
	u32 i, off;

	start();
	for (off = 0x1d8; off < 0x400; off++)
		fake->config[off] = off * 7 + 1;
	assert_int_equal(host_fd_pread(user.device, whole, 4096, CONFIG), 4096);
	assert_memory_equal(whole + 0x1d8, fake->config + 0x1d8, 0x228);
	assert_int_equal(fake_get(whole, 0, 4), 0x56781234);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (off = 0; off < 0x110; off++) {
			assert_int_equal(host_fd_pread(user.device, part,
						       lens[i], CONFIG + off),
					 lens[i]);
			assert_memory_equal(part, whole + off, lens[i]);
		}
	}
}

static void plain_reads_and_writes_move_on(void **state)
{
	u16 val = 0, line = 0x2211;

	start();
	assert_int_equal(host_fd_lseek(user.device, CONFIG, SEEK_SET), CONFIG);
	assert_int_equal(host_fd_read(user.device, &val, 2), 2);
	assert_int_equal(val, 0x1234);
	assert_int_equal(host_fd_read(user.device, &val, 2), 2);
	assert_int_equal(val, 0x5678);
	assert_int_equal(host_fd_lseek(user.device, CONFIG + 0x0c, SEEK_SET),
			 CONFIG + 0x0c);
	assert_int_equal(host_fd_write(user.device, &line, 1), 1);
	assert_int_equal(host_fd_write(user.device, (u8 *)&line + 1, 1), 1);
	assert_int_equal(fake_get(fake->config, 0x0c, 2), 0x2211);
}

static void write_is_cut_into_aligned_accesses(void **state)
{
	u8 bytes[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	start();
	fake->log_config = true;
	assert_int_equal(host_fd_pwrite(user.device, bytes, 9, CONFIG + 0x401),
			 9);
	assert_calls(fake, "config 401/1=1\n"
			   "config 402/2=302\n"
			   "config 404/4=7060504\n"
			   "config 408/2=908\n");
}

static void access_beyond_the_end_is_efault(void **state)
{
	u8 bytes[8];

	start();
	assert_int_equal(host_fd_pread(user.device, bytes, 4, CONFIG + 4096),
			 -EFAULT);
	assert_int_equal(host_fd_pread(user.device, bytes, 4, CONFIG + 4094),
			 -EFAULT);
	assert_int_equal(host_fd_pwrite(user.device, bytes, 1, CONFIG + 4096),
			 -EFAULT);
	assert_int_equal(host_fd_pread(user.device, bytes, 1, CONFIG + 4095),
			 1);
	assert_int_equal(host_fd_pread(user.device, bytes, 0, CONFIG + 9999),
			 0);
}

static void conventional_function_ends_at_256(void **state)
{
	u8 bytes[256];

	fake->info.config_size = 256;
	start();
	assert_int_equal(host_fd_pread(user.device, bytes, 256, CONFIG), 256);
	assert_int_equal(host_fd_pread(user.device, bytes, 1, CONFIG + 256),
			 -EFAULT);
}

static void bad_pointer_is_efault(void **state)
{
	start();
	assert_int_equal(host_fd_pread(user.device, NULL, 4, CONFIG), -EFAULT);
	assert_int_equal(host_fd_pwrite(user.device, NULL, 4, CONFIG), -EFAULT);
	assert_int_equal(config_read(&user, 0, 2), 0x1234);
}

/* ---- writes that do something ---- */

static void memory_decode_is_revoked_before_and_granted_after(void **state)
{
	start();
	fake->log_config = true;
	config_write(&user, 0x04, 2, 0x0005);
	assert_calls(fake, "bar_enable 0\nconfig 04/2=5\n");
	config_write(&user, 0x04, 1, 0x05);
	assert_calls(fake, "config 04/1=5\n");
	config_write(&user, 0x04, 2, 0x0007);
	assert_calls(fake, "config 04/2=7\nbar_enable 1\n");
	config_write(&user, 0x04, 4, 0x00000003);
	assert_calls(fake, "config 04/2=3\n");
	config_write(&user, 0x05, 1, 0x01);
	assert_calls(fake, "config 05/1=1\n");
	assert_int_equal(config_read(&user, 0x04, 2), 0x0103);
}

/* A neighbour that a one clears is not written with what it reads. */
static void write_leaves_status_registers_beside_it_alone(void **state)
{
	fake_put(fake->clear, 0x06, 2, 0xf900);
	fake_put(fake->mask, 0x06, 2, 0);
	fake_put(fake->power_on, 0x06, 2, 0xf910);
	fake_put(fake->clear, EXP + 0x0a, 2, 0x000f);
	fake_put(fake->mask, EXP + 0x0a, 2, 0);
	fake_put(fake->power_on, EXP + 0x0a, 2, 0x000f);
	start();
	config_write(&user, 0x04, 4, 0xffff0007);
	assert_int_equal(config_read(&user, 0x06, 2), 0xf910);
	config_write(&user, EXP + 8, 4, 0xffff2810);
	assert_int_equal(config_read(&user, EXP + 0x0a, 2), 0x000f);
}

/* The neighbour is the first byte here, and the function's alone. */
static void write_leaves_the_byte_before_a_register_alone(void **state)
{
	fake->clear[VENDOR + 2] = 0xff;
	start();
	config_write(&user, VENDOR + 2, 2, 0x5aff);
	assert_int_equal(config_read(&user, VENDOR + 2, 2), 0x5a10);
	config_write(&user, VENDOR, 4, 0xa5ffffff);
	assert_int_equal(config_read(&user, VENDOR + 2, 2), 0xa510);
}

static void aer_status_is_cleared_by_ones(void **state)
{
	fake_put(fake->clear, AER + 4, 4, ALL);
	fake_put(fake->mask, AER + 4, 4, 0);
	fake_put(fake->power_on, AER + 4, 4, 0x00101000);
	start();
	config_write(&user, AER + 4, 4, 0x00100000);
	assert_int_equal(config_read(&user, AER + 4, 4), 0x00001000);
}

static void read_request_is_never_below_the_payload_size(void **state)
{
	start();
	/* The host chose 256 bytes; 128 is asked for. */
	config_write(&user, EXP + 8, 2, 0x0810);
	assert_int_equal(fake_get(fake->config, EXP + 8, 2), 0x1830);
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x1810);
	config_write(&user, EXP + 9, 1, 0x58);
	assert_int_equal(fake_get(fake->config, EXP + 8, 2), 0x5830);
}

static void messages_granted_are_at_most_those_there_are(void **state)
{
	fake->info.msi = 4;
	fake_put(fake->power_on, MSI + 2, 2, 0x0184);
	start();
	config_write(&user, MSI + 2, 2, 0x0010);
	assert_int_equal(config_read(&user, MSI + 2, 2), 0x0194);
	config_write(&user, MSI + 2, 2, 0x0050);
	assert_int_equal(config_read(&user, MSI + 2, 2), 0x01a4);
	config_write(&user, MSI, 4, 0x00700000);
	assert_int_equal(config_read(&user, MSI + 2, 2), 0x01a4);
	/* Nor can more than those be masked. */
	config_write(&user, MSI + 16, 4, ALL);
	assert_int_equal(fake_get(fake->config, MSI + 16, 4), 0x0000000f);
}

/* The smallest kind: 32-bit, no mask; the reserved codes mean nothing. */
static void msi_of_another_layout_is_virtual_too(void **state)
{
	fake_put(fake->power_on, MSI + 2, 2, 0x000f);
	start();
	assert_int_equal(config_read(&user, MSI + 2, 2), 0x000e);
	config_write(&user, MSI + 4, 4, 0xfee00003);
	config_write(&user, MSI + 8, 2, 0x4321);
	assert_int_equal(config_read(&user, MSI + 4, 4), 0xfee00000);
	assert_int_equal(config_read(&user, MSI + 8, 2), 0x4321);
	assert_int_equal(fake_get(fake->config, MSI + 4, 4), 0);
	assert_int_equal(fake_get(fake->config, MSI + 8, 2), 0);
	/* Behind it are the function's own registers. */
	config_write(&user, MSI + 12, 4, 0x1234);
	assert_int_equal(fake_get(fake->config, MSI + 12, 4), 0);
}

static void msi_with_reserved_codes_has_32_messages(void **state)
{
	fake_put(fake->power_on, MSI + 2, 2, 0x018e);
	start();
	config_write(&user, MSI + 2, 2, 0x0070);
	assert_int_equal(config_read(&user, MSI + 2, 2), 0x01de);
	config_write(&user, MSI + 16, 4, ALL);
	assert_int_equal(fake_get(fake->config, MSI + 16, 4), ALL);
}

/* ---- power states ---- */

static void power_events_are_not_shown(void **state)
{
	fake_put(fake->power_on, PM + 4, 2, 0x8100);
	start();
	assert_int_equal(config_read(&user, PM + 2, 2), 0x0603);
	assert_int_equal(config_read(&user, PM + 4, 2), 0);
}

static void sleep_takes_the_bars_away(void **state)
{
	u32 val;

	start();
	fake->log_config = true;
	config_write(&user, PM + 4, 2, 3);
	assert_calls(fake, "bar_enable 0\nconfig 44/1=3\n");
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), -EIO);
	assert_int_equal(config_read(&user, PM + 4, 2), 3);
	/* Memory decode can be switched, but nothing answers. */
	config_write(&user, 0x04, 2, 0x0000);
	config_write(&user, 0x04, 2, 0x0002);
	assert_calls(fake, "config 04/2=0\nconfig 04/2=2\n");
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), -EIO);
}

static void waking_up_restores_what_it_resets(void **state)
{
	u32 val;

	fake_put(fake->power_on, EXP + 8, 2, 0x2800);
	start();
	config_write(&user, 0x04, 2, 0x0146);
	config_write(&user, EXP + 8, 2, 0x2811);
	config_write(&user, PM + 4, 2, 3);
	config_write(&user, 0x04, 2, 0x0142);
	fake_take_log(fake, (char[sizeof(fake->log)]){ 0 });
	fake->log_config = true;
	config_write(&user, PM + 4, 1, 0);
	assert_calls(fake, "config 44/1=0\n"
			   "config 0c/1=0\n"
			   "config 0d/1=0\n"
			   "config 88/2=2811\n"
			   "config a8/2=0\n"
			   "config 108/4=0\n"
			   "config 10c/4=0\n"
			   "config 114/4=0\n"
			   "config 118/4=0\n"
			   "config 04/2=142\n"
			   "bar_enable 1\n");
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), 4);
}

static void waking_up_without_a_reset_restores_nothing(void **state)
{
	fake_put(fake->power_on, PM + 4, 2, 0x0008);
	start();
	config_write(&user, PM + 4, 2, 3);
	fake_take_log(fake, (char[sizeof(fake->log)]){ 0 });
	fake->log_config = true;
	config_write(&user, PM + 4, 4, 0);
	assert_calls(fake, "config 44/1=8\nbar_enable 1\n");
}

static void power_state_that_is_not_there_is_not_entered(void **state)
{
	fake_put(fake->power_on, PM + 2, 2, 0x0003);
	start();
	config_write(&user, PM + 4, 2, 1);
	assert_int_equal(config_read(&user, PM + 4, 2), 0);
	config_write(&user, PM + 4, 2, 2);
	assert_int_equal(config_read(&user, PM + 4, 2), 0);
	assert_calls(fake, "");
}

/* ---- resets by writing ---- */

static void flr_bit_resets_and_reads_0(void **state)
{
	start();
	config_write(&user, 0x04, 2, 0x0006);
	config_write(&user, EXP + 9, 1, 0xa8);
	assert_calls(fake, "bar_enable 0\nreset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x2830);
	assert_int_equal(config_read(&user, 0x04, 2), 0x0006);
	config_write(&user, EXP + 8, 4, 0x0000a810);
	assert_calls(fake, "bar_enable 0\nreset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x2810);
}

/* Even if the function's own does not. */
static void flr_bit_reads_0_from_the_start(void **state)
{
	fake_put(fake->power_on, EXP + 8, 2, 0xa830);
	fake_put(fake->power_on, AF + 4, 1, 0x01);
	start();
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x2830);
	assert_int_equal(config_read(&user, AF + 4, 1), 0);
}

static void flr_bit_of_a_function_that_cannot_does_nothing(void **state)
{
	fake_put(fake->power_on, EXP + 4, 4, 0x00008020);
	fake_put(fake->power_on, AF + 3, 1, 0x01);
	start();
	config_write(&user, EXP + 8, 2, 0xa830);
	config_write(&user, AF + 4, 1, 0x01);
	assert_calls(fake, "");
	assert_int_equal(config_read(&user, EXP + 8, 2), 0x2830);
}

/* Where the bit would be the next capability begins. */
static void flr_bit_of_a_capability_cut_short_is_not_there(void **state)
{
	fake->power_on[AF + 1] = AF + 4;
	fake_put(fake->power_on, AF + 4, 4, 0x00080009);
	start();
	config_write(&user, AF + 4, 1, 0x01);
	assert_calls(fake, "");
	assert_int_equal(config_read(&user, AF + 4, 1), 0x09);
}

static void flr_bit_with_no_reset_at_hand_does_nothing(void **state)
{
	fake->info.can_reset = false;
	start();
	config_write(&user, EXP + 8, 2, 0xa830);
	config_write(&user, AF + 4, 1, 0x01);
	assert_calls(fake, "");
	assert_int_equal(config_read(&user, AF + 4, 1), 0);
}

static void flr_bit_of_a_conventional_function_resets(void **state)
{
	start();
	config_write(&user, AF + 4, 2, 0x0001);
	assert_calls(fake, "bar_enable 0\nreset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, AF + 4, 1), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(each_bit_is_what_the_specifications_say),
		test(open_reads_no_register_of_the_functions_own),
		test(open_finds_memory_on_and_bus_mastering_off),
		test(open_shows_the_identity_and_the_pin),
		test(open_shows_what_capabilities_say_of_themselves),
		test(open_shows_interrupts_off_whatever_was_left_on),
		test(pin_of_a_function_without_intx_reads_0),
		test(open_forgets_what_the_former_program_wrote),
		test(bars_tell_their_sizes),
		test(bar_above_4_gib_sizes_in_its_upper_half),
		test(unknown_capabilities_are_left_out_of_the_lists),
		test(second_capability_of_a_kind_is_left_out),
		test(unusable_interrupts_are_left_out_of_the_list),
		test(list_of_nothing_known_clears_the_status_bit),
		test(list_without_the_status_bit_is_not_there),
		test(list_that_loops_ends),
		test(list_that_points_to_itself_ends),
		test(list_that_points_into_the_header_ends),
		test(capability_at_the_very_end_fits_what_there_is),
		test(capabilities_that_overlap_do_not_reach_into_each_other),
		test(first_extended_capability_if_unknown_reads_as_null),
		test(extended_space_that_answers_nothing_has_no_list),
		test(extended_space_without_a_list_is_the_functions_own),
		test(vendor_capability_of_any_length_stays_inside),
		test(vendor_capability_is_writable_up_to_its_own_length),
		test(vendor_capability_of_too_great_a_length_ends_at_the_next),
		test(first_express_version_has_no_second_registers),
		test(reads_of_any_length_and_place_agree),
		test(plain_reads_and_writes_move_on),
		test(write_is_cut_into_aligned_accesses),
		test(access_beyond_the_end_is_efault),
		test(conventional_function_ends_at_256),
		test(bad_pointer_is_efault),
		test(memory_decode_is_revoked_before_and_granted_after),
		test(write_leaves_status_registers_beside_it_alone),
		test(write_leaves_the_byte_before_a_register_alone),
		test(aer_status_is_cleared_by_ones),
		test(read_request_is_never_below_the_payload_size),
		test(messages_granted_are_at_most_those_there_are),
		test(msi_of_another_layout_is_virtual_too),
		test(msi_with_reserved_codes_has_32_messages),
		test(power_events_are_not_shown),
		test(sleep_takes_the_bars_away),
		test(waking_up_restores_what_it_resets),
		test(waking_up_without_a_reset_restores_nothing),
		test(power_state_that_is_not_there_is_not_entered),
		test(flr_bit_resets_and_reads_0),
		test(flr_bit_reads_0_from_the_start),
		test(flr_bit_of_a_function_that_cannot_does_nothing),
		test(flr_bit_of_a_capability_cut_short_is_not_there),
		test(flr_bit_with_no_reset_at_hand_does_nothing),
		test(flr_bit_of_a_conventional_function_resets),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
