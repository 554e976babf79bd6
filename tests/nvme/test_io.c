/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * NVM commands, the same on every store: memory, and an image by each engine.
 * The store is chosen by the test's first argument.
 */
#include "driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define IMAGE_SIZE (4u << 20)
#define NR_BLOCKS (IMAGE_SIZE / 512)

static struct drv d;
static const char *options[4];
static char image[] = "/tmp/anyvfio-nvme-io-XXXXXX";
static char file_option[64], engine_option[32];
static bool cached; /* reads end in the doorbell */

static int choose_store(const char *store)
{
	int fd;

	if (!strcmp(store, "ram")) {
		options[0] = "size=4M";
		return 0;
	}
	fd = mkstemp(image);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE))
		return -1;
	close(fd);
	snprintf(file_option, sizeof(file_option), "file=%s", image);
	options[0] = file_option;
	if (!strcmp(store, "cached")) {
		cached = true;
		return 0;
	}
	snprintf(engine_option, sizeof(engine_option), "engine=%s", store);
	options[1] = engine_option;
	return 0;
}

static int open_controller(void **state)
{
	drv_open(&d, options);
	drv_create_io(&d);
	return 0;
}

static int close_controller(void **state)
{
	drv_close(&d);
	return 0;
}

static bool on_ram(void)
{
	return options[0] != file_option;
}

/* Takes the image out of the page cache, so that reads are not done at once. */
static void make_cold(void)
{
	int fd;

	if (on_ram())
		return;
	fd = open(image, O_RDONLY);
	assert_int_equal(fdatasync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static uint64_t filled(size_t len, uint32_t seed)
{
	uint64_t buf = drv_alloc(&d, len);

	fill(drv_ptr(&d, buf), len, seed);
	return buf;
}

/* ---- Read and Write ---- */

static void NVME_write_then_read_gives_it_back(void **state)
{
	static const uint32_t nr[] = { 1, 2, 7, 8, 9, 16, 17, 256, 2048 };
	uint64_t buf = drv_alloc(&d, 2048 * 512);
	void *mem = drv_ptr(&d, buf);
	size_t i;

	for (i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		fill(mem, nr[i] * 512ul, i);
		assert_int_equal(drv_write(&d, 3 * i, nr[i], buf), 0);
		memset(mem, 0xaa, nr[i] * 512ul);
		assert_int_equal(drv_read(&d, 3 * i, nr[i], buf), 0);
		assert_true(is_filled(mem, nr[i] * 512ul, i));
	}
}

static void NVME_blocks_do_not_touch_their_neighbours(void **state)
{
	uint64_t buf = filled(3 * 512, 1), one = filled(512, 2);
	uint8_t *mem = drv_ptr(&d, buf);

	assert_int_equal(drv_write(&d, 100, 3, buf), 0);
	assert_int_equal(drv_write(&d, 101, 1, one), 0);
	memset(mem, 0, 3 * 512);
	assert_int_equal(drv_read(&d, 100, 3, buf), 0);
	assert_memory_equal(mem + 512, drv_ptr(&d, one), 512);
	fill(drv_ptr(&d, one), 512, 1);
	assert_memory_equal(mem, drv_ptr(&d, one), 512);
}

static void NVME_last_block_is_the_last(void **state)
{
	uint64_t buf = filled(1024, 3);
	struct cmd cmd;

	assert_int_equal(drv_write(&d, NR_BLOCKS - 1, 1, buf), 0);
	assert_int_equal(drv_write(&d, NR_BLOCKS - 1, 2, buf), 0x080 | DMORE);
	assert_int_equal(drv_read(&d, NR_BLOCKS, 1, buf), 0x080 | DMORE);
	assert_int_equal(drv_read(&d, ~0ull, 1, buf), 0x080 | DMORE);
	assert_int_equal(drv_read(&d, ~0ull - 1, 2, buf), 0x080 | DMORE);
	/* What only fits when 64 bits wrap around. */
	assert_int_equal(drv_read(&d, (1ull << 55) + 1, 1, buf), 0x080 | DMORE);
	cmd = drv_rw(&d, 0x05, NR_BLOCKS - 1, 2, buf, 1024);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
	cmd = drv_cmd(0x08, 1);
	cmd.dw[10] = NR_BLOCKS - 1;
	cmd.dw[12] = 1;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
}

static void NVME_transfer_above_mdts_is_refused(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	struct cmd cmd = drv_cmd(0x02, 1);

	drv_set_prps(&cmd, buf, buf);
	cmd.dw[12] = 2048;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
	cmd.dw[0] = 0x01;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
	cmd.dw[12] = 0xffff;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
}

static void NVME_wrong_namespace_is_refused(void **state)
{
	static const uint8_t opcodes[] = { 0, 1, 2, 5, 8, 9 };
	struct cmd cmd;
	size_t i;

	for (i = 0; i < sizeof(opcodes); i++) {
		cmd = drv_cmd(opcodes[i], 0);
		assert_int_equal(drv_run(&d, &d.io, &cmd), 0x00b | DMORE);
		cmd = drv_cmd(opcodes[i], 2);
		assert_int_equal(drv_run(&d, &d.io, &cmd), 0x00b | DMORE);
		cmd = drv_cmd(opcodes[i], ~0u);
		assert_int_equal(drv_run(&d, &d.io, &cmd),
				 opcodes[i] ? 0x00b | DMORE : 0);
	}
}

static void NVME_unknown_io_command_is_refused(void **state)
{
	/* Uncorrectable, Verify, reservations, Copy, vendor's. */
	static const uint8_t opcodes[] = { 0x04, 0x0c, 0x0d, 0x0e,
					   0x11, 0x19, 0x80, 0xff };
	struct cmd cmd;
	size_t i;

	for (i = 0; i < sizeof(opcodes); i++) {
		cmd = drv_cmd(opcodes[i], 1);
		assert_int_equal(drv_run(&d, &d.io, &cmd), 0x001 | DMORE);
	}
	cmd = drv_rw(&d, 0x02, 0, 1, drv_alloc(&d, 512), 512);
	cmd.dw[0] |= 1 << 14;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
	cmd.dw[0] = 0x02 | 1 << 9;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
}

static void NVME_flush_and_fua_succeed(void **state)
{
	uint64_t buf = filled(4096, 4);
	struct cmd cmd = drv_rw(&d, 0x01, 8, 8, buf, 4096);

	assert_int_equal(drv_flush(&d), 0);
	cmd.dw[12] |= 1u << 30;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	cmd = drv_cmd(0x08, 1);
	cmd.dw[12] = 1u << 30 | 7;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 8, 8, buf), 0);
	assert_true(is_filled(drv_ptr(&d, buf), 4096, 4));
}

/* ---- PRPs ---- */

static void NVME_buffers_begin_anywhere_in_a_page(void **state)
{
	static const uint32_t offset[] = { 4, 512, 2048, 4092 };
	uint64_t buf = drv_alloc(&d, 6 * 4096), base = filled(16384, 6);
	size_t i;

	assert_int_equal(drv_write(&d, 0, 32, base), 0);
	for (i = 0; i < 4; i++) {
		uint8_t *mem = drv_ptr(&d, buf);

		memset(mem, 0xcc, 6ul * 4096);
		assert_int_equal(drv_read(&d, 0, 32, buf + offset[i]), 0);
		assert_true(is_filled(mem + offset[i], 16384, 6));
		assert_int_equal(mem[offset[i] - 1], 0xcc);
		assert_int_equal(mem[offset[i] + 16384], 0xcc);
	}
}

static void NVME_pages_in_any_order_are_gathered(void **state)
{
	uint64_t buf = drv_alloc(&d, 8 * 4096), list = drv_alloc(&d, 4096);
	static const uint8_t order[] = { 5, 1, 2, 7, 0, 3, 6 };
	uint64_t *entry = drv_ptr(&d, list), base = filled(32768, 7);
	struct cmd cmd = drv_cmd(0x02, 1);
	size_t i;

	assert_int_equal(drv_write(&d, 64, 64, base), 0);
	drv_set_prps(&cmd, buf + 4ul * 4096, list);
	for (i = 0; i < 7; i++)
		entry[i] = buf + order[i] * 4096ul;
	cmd.dw[10] = 64;
	cmd.dw[12] = 63;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_memory_equal(drv_ptr(&d, buf + 4ul * 4096), drv_ptr(&d, base),
			    4096);
	for (i = 0; i < 7; i++)
		assert_memory_equal(drv_ptr(&d, buf + order[i] * 4096ul),
				    drv_ptr(&d, base + (i + 1) * 4096ul), 4096);
}

/* Lists that begin near the end of their page go on elsewhere, twice. */
static void NVME_prp_lists_are_chained(void **state)
{
	uint64_t buf = filled(16 * 4096, 8), a = drv_alloc(&d, 4096);
	uint64_t b = drv_alloc(&d, 4096), back = drv_alloc(&d, 16 * 4096);
	uint64_t *first = drv_ptr(&d, a), *second = drv_ptr(&d, b);
	struct cmd cmd = drv_cmd(0x01, 1);
	int i;

	first[510] = buf + 4096;
	first[511] = b;
	for (i = 0; i < 14; i++)
		second[i] = buf + (i + 2) * 4096ul;
	drv_set_prps(&cmd, buf, a + 510 * 8);
	cmd.dw[12] = 127;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 0, 128, back), 0);
	assert_memory_equal(drv_ptr(&d, buf), drv_ptr(&d, back), 16 * 4096ul);
	/* Only the pointer is left in the first page. */
	first[511] = b;
	memmove(second + 1, second, 14 * 8);
	second[0] = buf + 4096;
	memset(drv_ptr(&d, back), 0, 16 * 4096);
	drv_set_prps(&cmd, buf, a + 511 * 8);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 0, 128, back), 0);
	assert_memory_equal(drv_ptr(&d, buf), drv_ptr(&d, back), 16 * 4096ul);
	/* The last entry of a page is an entry when no more is to come. */
	first[510] = buf + 4096;
	first[511] = buf + 8192;
	drv_set_prps(&cmd, buf, a + 510 * 8);
	cmd.dw[12] = 23;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
}

static void NVME_prp_offsets_are_checked(void **state)
{
	uint64_t buf = drv_alloc(&d, 4 * 4096), list = drv_alloc(&d, 4096);
	uint64_t *entry = drv_ptr(&d, list);
	struct cmd cmd = drv_cmd(0x02, 1);

	cmd.dw[12] = 0;
	drv_set_prps(&cmd, buf + 2, 0);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x013 | DMORE);
	cmd.dw[12] = 15;
	drv_set_prps(&cmd, buf, buf + 4096 + 8);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x013 | DMORE);
	cmd.dw[12] = 23;
	drv_set_prps(&cmd, buf, list + 4);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x013 | DMORE);
	entry[0] = buf + 4096;
	entry[1] = buf + 8192 + 512;
	drv_set_prps(&cmd, buf, list);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x013 | DMORE);
	entry[1] = buf + 8192;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	/* A chained list does not begin its page. */
	entry[511] = list + 8;
	drv_set_prps(&cmd, buf, list + 511 * 8);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x013 | DMORE);
}

static void NVME_memory_not_mapped_is_a_transfer_error(void **state)
{
	uint64_t buf = drv_alloc(&d, 4 * 4096), list = drv_alloc(&d, 4096);
	uint64_t *entry = drv_ptr(&d, list);
	struct cmd cmd = drv_cmd(0x02, 1);

	fake_set_hole(d.dev, buf + 4096, true);
	assert_int_equal(drv_read(&d, 0, 8, buf + 4096), 0x004 | MORE);
	assert_int_equal(drv_write(&d, 0, 8, buf + 4096), 0x004 | MORE);
	assert_int_equal(drv_read(&d, 0, 32, buf), 0x004 | MORE);
	assert_int_equal(drv_write(&d, 0, 32, buf), 0x004 | MORE);
	drv_set_prps(&cmd, buf, buf + 4096);
	cmd.dw[12] = 31;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x004 | MORE);
	cmd = drv_rw(&d, 0x05, 0, 8, buf + 4096, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x004 | MORE);
	/* A list that goes on in nothing. */
	entry[511] = buf + 4096;
	cmd = drv_cmd(0x02, 1);
	drv_set_prps(&cmd, buf, list + 511 * 8);
	cmd.dw[12] = 31;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x004 | MORE);
	fake_set_hole(d.dev, buf + 4096, false);
	/* Devices may read it, but not write it. */
	d.dev->read_only[(buf - FAKE_IOVA) / 4096] = true;
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(drv_read(&d, 0, 8, buf), 0x004 | MORE);
	assert_int_equal(d.dev->maps, 0);
}

/* ---- Compare ---- */

static void NVME_compare_tells_the_difference(void **state)
{
	uint64_t buf = filled(65536, 9);
	struct cmd cmd = drv_rw(&d, 0x05, 200, 128, buf, 65536);
	uint8_t *mem = drv_ptr(&d, buf);

	assert_int_equal(drv_write(&d, 200, 128, buf), 0);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	mem[65535] ^= 1;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x285 | MORE);
	mem[65535] ^= 1;
	mem[0] ^= 0x80;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x285 | MORE);
	/* With blocks that were never written. */
	cmd = drv_rw(&d, 0x05, 4096, 128, buf, 65536);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x285 | MORE);
	memset(mem, 0, 65536);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	mem[65535] = 1;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x285 | MORE);
}

/* ---- Write Zeroes, Dataset Management ---- */

/* Fills @nr blocks from @lba, runs @cmd, and looks at which became zero. */
static void expect_zeroes(struct cmd *cmd, uint64_t lba, uint32_t nr,
			  uint64_t zero, uint32_t nr_zero)
{
	uint64_t buf = filled(nr * 512ul, 11), before = d.next;
	size_t first = (zero - lba) * 512, len = nr_zero * 512ul;
	uint8_t *mem = drv_ptr(&d, buf), *want;

	assert_int_equal(drv_write(&d, lba, nr, buf), 0);
	assert_int_equal(drv_run(&d, &d.io, cmd), 0);
	want = malloc(nr * 512ul);
	fill(want, nr * 512ul, 11);
	memset(want + first, 0, len);
	assert_int_equal(drv_read(&d, lba, nr, buf), 0);
	assert_memory_equal(mem, want, nr * 512ul);
	free(want);
	d.next = before - nr * 512ul;
	d.next &= ~4095ull;
}

static void NVME_write_zeroes_writes_zeroes(void **state)
{
	struct cmd cmd = drv_cmd(0x08, 1);

	cmd.dw[10] = 3;
	cmd.dw[12] = 9;
	expect_zeroes(&cmd, 0, 32, 3, 10);
	cmd.dw[12] |= 1u << 25; /* may deallocate */
	expect_zeroes(&cmd, 0, 32, 3, 10);
	cmd.dw[10] = 100;
	cmd.dw[12] = 1u << 25 | 699;
	expect_zeroes(&cmd, 0, 1024, 100, 700);
	cmd.dw[12] = 699;
	expect_zeroes(&cmd, 0, 1024, 100, 700);
}

static void NVME_write_zeroes_has_no_transfer_limit(void **state)
{
	struct cmd cmd = drv_cmd(0x08, 1);
	uint64_t buf = filled(512, 1);

	assert_int_equal(drv_write(&d, 0, 1, buf), 0);
	assert_int_equal(drv_write(&d, NR_BLOCKS - 1, 1, buf), 0);
	cmd.dw[12] = NR_BLOCKS - 1;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, NR_BLOCKS - 1, 1, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf), 512));
}

static struct cmd dsm(uint64_t ranges, unsigned int nr, uint32_t attributes)
{
	struct cmd cmd = drv_cmd(0x09, 1);

	drv_set_prps(&cmd, ranges, (ranges | 4095) + 1);
	cmd.dw[10] = nr - 1;
	cmd.dw[11] = attributes;
	return cmd;
}

static void set_range(uint64_t ranges, unsigned int i, uint64_t lba,
		      uint32_t nr)
{
	uint32_t *range = (uint32_t *)drv_ptr(&d, ranges) + 4ul * i;

	range[0] = 0;
	range[1] = nr;
	memcpy(range + 2, &lba, 8);
}

static void NVME_deallocate_reads_as_zeroes(void **state)
{
	uint64_t ranges = drv_alloc(&d, 4096);
	struct cmd cmd = dsm(ranges, 1, 4);

	set_range(ranges, 0, 5, 7);
	expect_zeroes(&cmd, 0, 32, 5, 7);
	/* More than a chunk, with both ends inside of one. */
	set_range(ranges, 0, 130, 500);
	expect_zeroes(&cmd, 0, 1024, 130, 500);
	set_range(ranges, 0, 128, 512);
	expect_zeroes(&cmd, 0, 1024, 128, 512);
	/* In pieces, some of them empty. */
	set_range(ranges, 0, 10, 2);
	set_range(ranges, 1, 0, 0);
	set_range(ranges, 2, 12, 3);
	cmd = dsm(ranges, 3, 4);
	expect_zeroes(&cmd, 0, 32, 10, 5);
}

static void NVME_deallocate_all_ranges_there_can_be(void **state)
{
	uint64_t ranges = drv_alloc(&d, 8192), buf = filled(512 * 512, 12);
	struct cmd cmd = dsm(ranges + 0x800, 256, 4);
	const uint8_t *mem = drv_ptr(&d, buf);
	unsigned int i;

	assert_int_equal(drv_write(&d, 0, 512, buf), 0);
	for (i = 0; i < 256; i++)
		set_range(ranges + 0x800, i, 2 * i, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 0, 512, buf), 0);
	for (i = 0; i < 512; i++)
		assert_int_equal(is_zero(mem + i * 512ul, 512), !(i & 1));
}

static void NVME_deallocate_checks_ranges_before_it_begins(void **state)
{
	uint64_t ranges = drv_alloc(&d, 4096), buf = filled(512, 13);
	struct cmd cmd = dsm(ranges, 2, 4);

	assert_int_equal(drv_write(&d, 0, 1, buf), 0);
	set_range(ranges, 0, 0, 1);
	set_range(ranges, 1, NR_BLOCKS - 1, 2);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
	set_range(ranges, 1, ~0ull, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
	set_range(ranges, 1, NR_BLOCKS + 1, 0);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
	assert_int_equal(drv_read(&d, 0, 1, buf), 0);
	assert_true(is_filled(drv_ptr(&d, buf), 512, 13));
	/* A range of nothing at the end is inside. */
	set_range(ranges, 1, NR_BLOCKS, 0);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	fake_set_hole(d.dev, ranges, true);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x004 | MORE);
}

static void NVME_hints_change_nothing(void **state)
{
	uint64_t ranges = drv_alloc(&d, 4096), buf = filled(512, 14);
	struct cmd cmd = dsm(ranges, 1, 3);

	assert_int_equal(drv_write(&d, 6, 1, buf), 0);
	set_range(ranges, 0, 6, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 6, 1, buf), 0);
	assert_true(is_filled(drv_ptr(&d, buf), 512, 14));
}

/* ---- queues ---- */

static void NVME_queues_go_round(void **state)
{
	uint64_t buf = filled(512, 15);
	struct queue small;
	unsigned int i;

	assert_int_equal(drv_create_pair(&d, &small, 2, 3, 2), 0);
	d.io = small;
	for (i = 0; i < 50; i++)
		assert_int_equal(drv_write(&d, i, 1, buf), 0);
}

/* Many commands in flight; completions in any order, each exactly once. */
static void NVME_full_queue_completes_each_once(void **state)
{
	uint64_t buf = drv_alloc(&d, 63 * 4096);
	bool seen[63] = { false };
	struct completion c;
	uint16_t first = 0;
	unsigned int lap, i;

	for (lap = 0; lap < 5; lap++) {
		make_cold();
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < 63; i++) {
			uint64_t at = buf + i * 4096ul;
			struct cmd cmd;

			if (!(lap & 1))
				fill(drv_ptr(&d, at), 4096, i + lap);
			cmd = drv_rw(&d, lap & 1 ? 2 : 1, i * 8ul, 8, at, 4096);
			drv_queue_cmd(&d, &d.io, &cmd);
			if (!i)
				first = d.cid;
		}
		drv_ring(&d, &d.io);
		for (i = 0; i < 63; i++) {
			c = drv_wait(&d, &d.io);
			assert_int_equal(c.status, 0);
			assert_false(seen[(uint16_t)(c.cid - first)]);
			seen[(uint16_t)(c.cid - first)] = true;
		}
		for (i = 0; (lap & 1) && i < 63; i++)
			assert_true(is_filled(drv_ptr(&d, buf + i * 4096ul),
					      4096, i + lap - 1));
	}
	assert_false(drv_peek(&d, &d.io, &c));
	assert_int_equal(d.dev->maps, 0);
}

/* The completion queue is smaller than what is submitted: it waits. */
static void NVME_full_completion_queue_holds_commands(void **state)
{
	uint64_t buf = filled(512, 16);
	struct completion c;
	struct queue q;
	unsigned int i;

	assert_int_equal(drv_create_pair(&d, &q, 2, 32, 4), 0);
	for (i = 0; i < 20; i++) {
		struct cmd cmd = drv_rw(&d, 0x01, i, 1, buf, 512);

		drv_queue_cmd(&d, &q, &cmd);
	}
	drv_ring(&d, &q);
	for (i = 0; i < 20; i++) {
		c = drv_wait(&d, &q);
		assert_int_equal(c.status, 0);
		/* Never more fetched than there is room for. */
		assert_true(c.sq_head <= i + 3);
	}
	assert_false(drv_peek(&d, &q, &c));
}

/* Two submission queues, one completion queue with room for one at a time. */
static void NVME_shared_completion_queue_is_fair(void **state)
{
	struct cmd flush = drv_cmd(0x00, 1), cmd = drv_cmd(0x01, 0);
	unsigned int i, of_a = 0;
	struct completion c;
	struct queue a, b;

	assert_int_equal(drv_create_pair(&d, &a, 2, 16, 2), 0);
	b = a;
	b.id = 3;
	b.sq = drv_alloc(&d, 16 * 64);
	drv_set_prps(&cmd, b.sq, 0);
	cmd.dw[10] = 15 << 16 | 3;
	cmd.dw[11] = 2 << 16 | 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	for (i = 0; i < 10; i++) {
		drv_queue_cmd(&d, &a, &flush);
		drv_queue_cmd(&d, &b, &flush);
	}
	drv_ring(&d, &a);
	drv_ring(&d, &b);
	for (i = 0; i < 20; i++) {
		c = drv_wait(&d, &a);
		of_a += c.sqid == 2;
		if (i == 9)
			assert_true(of_a >= 4 && of_a <= 6);
	}
	assert_int_equal(of_a, 10);
}

static void NVME_deletion_waits_for_what_was_fetched(void **state)
{
	uint64_t buf = drv_alloc(&d, 32 * 4096);
	struct completion c;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		struct cmd cmd =
			drv_rw(&d, 0x02, i * 8ul, 8, buf + i * 4096ul, 4096);

		drv_queue_cmd(&d, &d.io, &cmd);
	}
	drv_ring(&d, &d.io);
	assert_int_equal(drv_delete(&d, false, 1), 0);
	assert_int_equal(d.dev->maps, 0);
	/* All were fetched, so all have completed. */
	for (i = 0; i < 32; i++) {
		assert_true(drv_peek(&d, &d.io, &c));
		assert_int_equal(c.status, 0);
		drv_consume(&d, &d.io);
	}
	assert_false(drv_peek(&d, &d.io, &c));
	assert_int_equal(drv_delete(&d, true, 1), 0);
}

/* What was not fetched for want of room is never begun. */
static void NVME_deletion_forgets_what_was_not_fetched(void **state)
{
	struct cmd cmd = drv_cmd(0x00, 1);
	struct completion c;
	struct queue q;
	unsigned int i;

	assert_int_equal(drv_create_pair(&d, &q, 2, 16, 2), 0);
	for (i = 0; i < 10; i++)
		drv_queue_cmd(&d, &q, &cmd);
	drv_ring(&d, &q);
	assert_int_equal(drv_delete(&d, false, 2), 0);
	assert_int_equal(drv_wait(&d, &q).status, 0);
	fake_lock(d.dev);
	i = d.dev->irqs[2];
	fake_unlock(d.dev);
	assert_int_equal(drv_flush(&d), 0);
	assert_false(drv_peek(&d, &q, &c));
	assert_int_equal(d.dev->irqs[2], i);
}

/* More at once than the controller keeps in flight. */
static void NVME_requests_run_out_and_come_back(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	struct queue q[6];
	unsigned int i, j;

	for (i = 0; i < 6; i++)
		assert_int_equal(drv_create_pair(&d, &q[i], i + 2, 64, 64), 0);
	make_cold();
	for (i = 0; i < 6; i++) {
		for (j = 0; j < 63; j++) {
			struct cmd cmd = drv_rw(&d, 0x02, (i * 64 + j) * 8ul, 8,
						buf, 4096);

			drv_queue_cmd(&d, &q[i], &cmd);
		}
		drv_ring(&d, &q[i]);
	}
	for (i = 0; i < 6; i++)
		for (j = 0; j < 63; j++)
			assert_int_equal(drv_wait(&d, &q[i]).status, 0);
}

/* ---- reset ---- */

/* At any moment: nothing is held, and nothing completes afterwards. */
static void NVME_reset_in_flight_ends_all(void **state)
{
	uint64_t buf = drv_alloc(&d, 63 * 4096), before;
	unsigned int round, i, sent;

	before = d.next;
	for (round = 0; round < 20; round++) {
		make_cold();
		for (i = 0; i < 63; i++) {
			struct cmd cmd = drv_rw(&d, round & 1 ? 1 : 2,
						(i + round) * 8ul, 8,
						buf + i * 4096ul, 4096);

			drv_queue_cmd(&d, &d.io, &cmd);
		}
		drv_ring(&d, &d.io);
		if (round % 3 == 0)
			fake_reset(d.dev);
		else
			fake_write(d.dev, REG_CC, 4, 0);
		fake_lock(d.dev);
		assert_int_equal(d.dev->maps, 0);
		assert_false(d.dev->level);
		sent = d.dev->irqs[1];
		memset(drv_ptr(&d, d.io.cq), 0xff, 64 * 16);
		fake_unlock(d.dev);
		d.next = before;
		drv_enable(&d);
		drv_create_io(&d);
		fake_lock(d.dev);
		assert_int_equal(d.dev->irqs[1], sent);
		fake_unlock(d.dev);
		assert_int_equal(drv_flush(&d), 0);
	}
}

static void NVME_stop_in_flight_ends_all(void **state)
{
	uint64_t buf = drv_alloc(&d, 63 * 4096);
	unsigned int i;

	for (i = 0; i < 63; i++) {
		struct cmd cmd =
			drv_rw(&d, 2, i * 8ul, 8, buf + i * 4096ul, 4096);

		drv_queue_cmd(&d, &d.io, &cmd);
	}
	drv_ring(&d, &d.io);
	fake_stop(d.dev);
	assert_int_equal(fake_start(d.dev), 0);
}

static void NVME_shutdown_in_flight_completes_all(void **state)
{
	uint64_t buf = filled(63 * 4096, 17);
	struct completion c;
	unsigned int i;

	for (i = 0; i < 63; i++) {
		struct cmd cmd =
			drv_rw(&d, 1, i * 8ul, 8, buf + i * 4096ul, 4096);

		drv_queue_cmd(&d, &d.io, &cmd);
	}
	drv_ring(&d, &d.io);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 1 << 14);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 1 | 2 << 2);
	for (i = 0; i < 63; i++) {
		assert_true(drv_peek(&d, &d.io, &c));
		assert_int_equal(c.status, 0);
		d.io.head = (d.io.head + 1) % 64;
	}
}

/* ---- write protection ---- */

static void NVME_readonly_refuses_to_write(void **state)
{
	const char *with[5] = { options[0], "readonly=on", options[1], NULL };
	uint64_t buf, ranges;
	struct cmd cmd;
	struct drv old = d;

	/* The image has one user at a time. */
	drv_close(&old);
	drv_open(&d, with);
	drv_create_io(&d);
	buf = drv_alloc(&d, 4096);
	ranges = drv_alloc(&d, 4096);
	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	assert_int_equal(*((uint8_t *)drv_ptr(&d, buf) + 99), 1);
	assert_int_equal(drv_write(&d, 0, 1, buf), 0x020 | DMORE);
	cmd = drv_cmd(0x08, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x020 | DMORE);
	set_range(ranges, 0, 0, 1);
	cmd = dsm(ranges, 1, 4);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x020 | DMORE);
	cmd = dsm(ranges, 1, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 0, 1, buf), 0);
	assert_int_equal(drv_flush(&d), 0);
}

static void NVME_blocks_of_4096_bytes(void **state)
{
	const char *with[5] = { options[0], "lba=4096", options[1], NULL };
	uint64_t buf;
	struct drv old = d;
	struct cmd cmd;

	drv_close(&old);
	drv_open(&d, with);
	drv_create_io(&d);
	buf = filled(8192, 18);
	cmd = drv_rw(&d, 0x01, 1023, 1, buf, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	cmd = drv_rw(&d, 0x01, 1024, 1, buf, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x080 | DMORE);
	cmd = drv_cmd(0x02, 1);
	cmd.dw[12] = 256; /* 257 blocks: above 1 MiB */
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x002 | DMORE);
	memset(drv_ptr(&d, buf), 0, 4096);
	cmd = drv_rw(&d, 0x02, 1023, 1, buf, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_true(is_filled(drv_ptr(&d, buf), 4096, 18));
	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	assert_int_equal(get64(drv_ptr(&d, buf), 0), 1024);
	assert_int_equal(get32(drv_ptr(&d, buf), 128), 12 << 16);
}

static void NVME_write_cache_is_switched(void **state)
{
	struct cmd cmd = drv_cmd(0x09, 1);
	uint64_t buf = filled(4096, 19);

	assert_int_equal(drv_identify(&d, 1, 0, buf), 0);
	assert_int_equal(*((uint8_t *)drv_ptr(&d, buf) + 525), 7);
	/* Off: each write is made to last. */
	cmd.dw[10] = 6;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	cmd = drv_cmd(0x08, 1);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	cmd = drv_cmd(0x0a, 0);
	cmd.dw[10] = 6;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	assert_int_equal(d.result, 0);
	cmd.dw[10] |= 1 << 8;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	assert_int_equal(d.result, 1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_controller, close_controller)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(NVME_write_then_read_gives_it_back),
		TEST(NVME_blocks_do_not_touch_their_neighbours),
		TEST(NVME_last_block_is_the_last),
		TEST(NVME_transfer_above_mdts_is_refused),
		TEST(NVME_wrong_namespace_is_refused),
		TEST(NVME_unknown_io_command_is_refused),
		TEST(NVME_flush_and_fua_succeed),
		TEST(NVME_buffers_begin_anywhere_in_a_page),
		TEST(NVME_pages_in_any_order_are_gathered),
		TEST(NVME_prp_lists_are_chained),
		TEST(NVME_prp_offsets_are_checked),
		TEST(NVME_memory_not_mapped_is_a_transfer_error),
		TEST(NVME_compare_tells_the_difference),
		TEST(NVME_write_zeroes_writes_zeroes),
		TEST(NVME_write_zeroes_has_no_transfer_limit),
		TEST(NVME_deallocate_reads_as_zeroes),
		TEST(NVME_deallocate_all_ranges_there_can_be),
		TEST(NVME_deallocate_checks_ranges_before_it_begins),
		TEST(NVME_hints_change_nothing),
		TEST(NVME_queues_go_round),
		TEST(NVME_full_queue_completes_each_once),
		TEST(NVME_full_completion_queue_holds_commands),
		TEST(NVME_shared_completion_queue_is_fair),
		TEST(NVME_deletion_waits_for_what_was_fetched),
		TEST(NVME_deletion_forgets_what_was_not_fetched),
		TEST(NVME_requests_run_out_and_come_back),
		TEST(NVME_reset_in_flight_ends_all),
		TEST(NVME_stop_in_flight_ends_all),
		TEST(NVME_shutdown_in_flight_completes_all),
		TEST(NVME_readonly_refuses_to_write),
		TEST(NVME_blocks_of_4096_bytes),
		TEST(NVME_write_cache_is_switched),
	};
	int ret;

	if (argc != 2 || choose_store(argv[1])) {
		fprintf(stderr, "usage: %s ram|cached|uring|threads\n",
			argv[0]);
		return 2;
	}
	ret = cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
	if (!on_ram())
		unlink(image);
	return ret;
}
