/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Nonsense of all kinds, from a seed: commands with any fields, doorbells and
 * registers with any values, memory that is not there, resets at any moment.
 * The controller answers or stops with CSTS.CFS; it never does worse, and after
 * a reset it works.  Meant for the sanitizers.
 *
 * usage: test_fuzz ram|cached|uring|threads [ROUNDS [SEED]]
 */
#include "driver.h"

#include <stdio.h>
#include <unistd.h>

static char image[] = "/tmp/anyvfio-nvme-fuzz-XXXXXX";
static char file_option[64], engine_option[32];
static const char *options[] = { "size=4M", NULL, NULL };
static unsigned long rounds = 300, seed = 1;
static uint64_t rng;
static struct drv d;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

static uint32_t below(uint32_t n)
{
	return (next_random() >> 32) % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

/* Small, near an edge, or anything. */
static uint32_t any32(void)
{
	switch (below(5)) {
	case 0:
		return below(4);
	case 1:
		return below(64);
	case 2:
		return ~below(4);
	case 3:
		return 1u << below(32);
	default:
		return next_random();
	}
}

static uint64_t any_address(void)
{
	uint64_t page = FAKE_IOVA + below(FAKE_DMA_SIZE / FAKE_PAGE) * 4096ull;

	switch (below(8)) {
	case 0:
		return next_random();
	case 1:
		return page + below(4096);
	case 2:
		return page + below(512) * 8;
	case 3:
		return 0;
	default:
		return page;
	}
}

static uint8_t any_opcode(bool admin)
{
	static const uint8_t admins[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12 };
	static const uint8_t ios[] = { 0, 1, 2, 5, 8, 9 };

	if (one_in(10))
		return next_random();
	return admin ? admins[below(sizeof(admins))] : ios[below(sizeof(ios))];
}

static struct cmd any_cmd(bool admin)
{
	struct cmd cmd = drv_cmd(any_opcode(admin), one_in(8) ? any32() : 1);
	unsigned int i;

	if (admin && !one_in(4))
		cmd.dw[1] = 0;
	if (one_in(40))
		cmd.dw[0] |= (any32() & 0xff) << 8;
	drv_set_prps(&cmd, any_address(), any_address());
	for (i = 10; i < 16; i++)
		cmd.dw[i] = any32();
	if (!admin && !one_in(3)) {
		cmd.dw[10] = below(8192);
		cmd.dw[11] = 0;
		cmd.dw[12] = below(64);
	}
	if (admin && (cmd.dw[0] & 0xff) <= 5 && !one_in(4)) {
		cmd.dw[10] = below(40) | below(64) << 16;
		cmd.dw[11] = below(40) << 16 | 1 | below(4);
	}
	return cmd;
}

/* Entries and PRP lists are whatever lies in memory. */
static void scribble(void)
{
	uint64_t *mem =
		drv_ptr(&d, FAKE_IOVA + below(FAKE_DMA_SIZE / 4096) * 4096ull);
	unsigned int i;

	fake_lock(d.dev);
	for (i = 0; i < 512; i++)
		mem[i] = one_in(2) ? any_address() : next_random();
	fake_unlock(d.dev);
}

static void some_commands(bool admin)
{
	struct queue *q = admin ? &d.admin : &d.io;
	uint32_t nr = below(q->sq_size);
	struct cmd cmd;

	fake_lock(d.dev);
	while (nr--) {
		cmd = any_cmd(admin);
		drv_queue_cmd(&d, q, &cmd);
	}
	fake_unlock(d.dev);
	drv_ring(&d, q);
}

static void consume_all(struct queue *q)
{
	struct completion c;
	unsigned int i;

	for (i = 0; i < 100 && drv_peek(&d, q, &c); i++)
		drv_consume(&d, q);
}

static void any_register_write(void)
{
	static const uint16_t regs[] = { 0x00, 0x08, 0x0c, 0x10, 0x1c,
					 0x24, 0x28, 0x2c, 0x30, 0x34 };
	uint64_t off = regs[below(sizeof(regs) / sizeof(regs[0]))];

	if (one_in(6))
		off = next_random() & 0x1ff8;
	if (one_in(20))
		off = REG_CC;
	fake_write(d.dev, off, 1u << below(4),
		   one_in(2) ? any_address() : any32());
}

static void any_doorbell(void)
{
	fake_write(d.dev, DOORBELLS + below(80) * 4, 4,
		   one_in(3) ? any32() : below(64));
}

static void one_step(void)
{
	switch (below(16)) {
	case 0:
		scribble();
		break;
	case 1:
		any_register_write();
		break;
	case 2:
		any_doorbell();
		break;
	case 3:
		fake_lock(d.dev);
		fake_set_hole(d.dev,
			      FAKE_IOVA + below(FAKE_DMA_SIZE / 4096) * 4096ull,
			      one_in(2));
		fake_unlock(d.dev);
		break;
	case 4:
		fake_lock(d.dev);
		d.dev->fail_dma = below(30);
		fake_unlock(d.dev);
		break;
	case 5:
		some_commands(true);
		break;
	case 6:
		consume_all(&d.admin);
		break;
	case 7:
	case 8:
		consume_all(&d.io);
		break;
	default:
		some_commands(false);
		break;
	}
}

static void recover(bool flr)
{
	if (flr)
		fake_reset(d.dev);
	else
		fake_write(d.dev, REG_CC, 4, 0);
	/* What was masked while disabled still is. */
	fake_write(d.dev, REG_INTMC, 4, ~0u);
	fake_lock(d.dev);
	assert_int_equal(d.dev->maps, 0);
	assert_false(d.dev->level);
	memset(d.dev->hole, 0, sizeof(d.dev->hole));
	d.dev->fail_dma = 0;
	d.dev->errors = 0;
	fake_unlock(d.dev);
	d.next = FAKE_IOVA + below(1000) * 4096ull;
	drv_enable(&d);
	drv_create_io(&d);
}

static void NVME_nonsense_is_survived(void **state)
{
	unsigned long round;
	unsigned int i;

	rng = seed * 0x9e3779b97f4a7c15ull | 1;
	drv_open(&d, options);
	drv_create_io(&d);
	for (round = 0; round < rounds; round++) {
		for (i = below(60); i; i--)
			one_step();
		recover(one_in(2));
		assert_int_equal(drv_flush(&d), 0);
	}
	drv_close(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(NVME_nonsense_is_survived),
	};
	int ret, fd;

	if (argc < 2)
		return 2;
	if (argc > 2)
		rounds = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		seed = strtoul(argv[3], NULL, 0);
	if (strcmp(argv[1], "ram") != 0) {
		fd = mkstemp(image);
		if (fd < 0 || ftruncate(fd, 4 << 20))
			return 2;
		close(fd);
		snprintf(file_option, sizeof(file_option), "file=%s", image);
		options[0] = file_option;
	}
	if (!strcmp(argv[1], "uring") || !strcmp(argv[1], "threads")) {
		snprintf(engine_option, sizeof(engine_option), "engine=%s",
			 argv[1]);
		options[1] = engine_option;
	}
	ret = cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
	if (options[0] == file_option)
		unlink(image);
	return ret;
}
