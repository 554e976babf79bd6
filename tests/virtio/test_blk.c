/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The virtio disk through the whole stack, by a driver of its own: split rings,
 * written by hand, so that everything in them can be wrong.
 *
 *   test_blk ram | cached | uring | threads
 */
#include "../device/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define IOVA 0x10000ull
#define MEM_SIZE (2u << 20)
#define RING 64
#define DISK (4u << 20)
#define VERSION_1 (1ull << VIRTIO_F_VERSION_1)
#define ANY (1ull << VIRTIO_BLK_F_FLUSH | VERSION_1)

/* Where things are in the memory for DMA. */
enum {
	DESC = 0x0000,
	AVAIL = 0x1000,
	USED = 0x2000,
	HEADER = 0x3000, /* one for each descriptor, of 16 bytes */
	STATUS = 0x4000, /* a byte for each */
	DATA = 0x10000,
};

static struct client c;
static uint8_t *mem;
static int event;
static uint16_t next_desc, seen;
static uint64_t common, notify;
static char image[] = "/tmp/anyvfio-virtio-blk-XXXXXX";
static char spec[160];
static const char *store;

/* ---- registers: BAR 4 by read and write, at what the capabilities say ---- */

static unsigned int find_cap(unsigned int type)
{
	unsigned int cap = config_read(&c, 0x34, 1);

	for (; cap; cap = config_read(&c, cap + 1, 1))
		if (config_read(&c, cap, 1) == 9 &&
		    config_read(&c, cap + 3, 1) == type)
			return cap;
	fail_msg("no capability of type %u", type);
	return 0;
}

static uint64_t find(unsigned int type)
{
	return config_read(&c, find_cap(type) + 8, 4);
}

static uint64_t get(unsigned int off, unsigned int size)
{
	return region_read(&c, 4, common + off, size);
}

static void set(unsigned int off, unsigned int size, uint64_t val)
{
	region_write(&c, 4, common + off, size, val);
}

static uint64_t get_config(unsigned int off, unsigned int size)
{
	return region_read(&c, 4, find(VIRTIO_PCI_CAP_DEVICE_CFG) + off, size);
}

#define CONFIG(field)                                         \
	get_config(offsetof(struct virtio_blk_config, field), \
		   sizeof(((struct virtio_blk_config *)0)->field))

static uint64_t offered(void)
{
	uint64_t low;

	set(VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	low = get(VIRTIO_PCI_COMMON_DF, 4);
	set(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	return low | get(VIRTIO_PCI_COMMON_DF, 4) << 32;
}

static void set_queue(unsigned int off, uint64_t iova)
{
	set(off, 4, (uint32_t)iova);
	set(off + 4, 4, iova >> 32);
}

static void enable_queue(void)
{
	memset(mem, 0, HEADER);
	next_desc = 0;
	seen = 0;
	set(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	set(VIRTIO_PCI_COMMON_Q_SIZE, 2, RING);
	set(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	set_queue(VIRTIO_PCI_COMMON_Q_DESCLO, IOVA + DESC);
	set_queue(VIRTIO_PCI_COMMON_Q_AVAILLO, IOVA + AVAIL);
	set_queue(VIRTIO_PCI_COMMON_Q_USEDLO, IOVA + USED);
	set(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	notify = find(VIRTIO_PCI_CAP_NOTIFY_CFG);
}

static void enable(uint64_t features)
{
	set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	set(VIRTIO_PCI_COMMON_STATUS, 1, 3);
	set(VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	set(VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	set(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	set(VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	set(VIRTIO_PCI_COMMON_STATUS, 1, 11);
	assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1), 11);
	enable_queue();
	set(VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

/* ---- the ring ---- */

static uint16_t put(uint64_t iova, uint32_t len, uint16_t flags)
{
	struct vring_desc *desc = (void *)(mem + DESC);
	uint16_t i = next_desc++ % RING;

	desc[i] = (struct vring_desc){ .addr = iova,
				       .len = len,
				       .flags = flags,
				       .next = next_desc % RING };
	return i;
}

static void make_available(uint16_t head)
{
	uint16_t *avail = (void *)(mem + AVAIL);

	avail[2 + avail[1] % RING] = head;
	__atomic_store_n(&avail[1], avail[1] + 1, __ATOMIC_RELEASE);
}

static void kick(void)
{
	region_write(&c, 4, notify, 2, 0);
}

static void put_header(uint32_t type, uint64_t sector)
{
	uint16_t i = next_desc % RING;
	struct virtio_blk_outhdr *header = (void *)(mem + HEADER);

	header[i] =
		(struct virtio_blk_outhdr){ .type = type, .sector = sector };
	put(IOVA + HEADER + 16 * i, 16, VRING_DESC_F_NEXT);
}

/* A request of up to three descriptors; where its status will be. */
static uint8_t *add(uint32_t type, uint64_t sector, uint64_t data, uint32_t len)
{
	uint16_t head = next_desc % RING;
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint8_t *status = mem + STATUS + head;

	*status = 0xee;
	put_header(type, sector);
	if (len)
		put(data, len,
		    VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0));
	put(IOVA + STATUS + head, 1, VRING_DESC_F_WRITE);
	make_available(head);
	return status;
}

static bool is_used(void)
{
	return __atomic_load_n((uint16_t *)(mem + USED + 2),
			       __ATOMIC_ACQUIRE) != seen;
}

/* Waits for a used buffer: its length. */
static uint32_t take(void)
{
	const struct vring_used_elem *ring = (void *)(mem + USED + 4);

	while (!is_used())
		event_wait(event);
	return ring[seen++ % RING].len;
}

static uint8_t do_request(uint32_t type, uint64_t sector, uint64_t data,
			  uint32_t len)
{
	uint8_t *status = add(type, sector, data, len);

	kick();
	take();
	return *status;
}

static uint8_t do_ranges(uint32_t type, uint64_t sector, uint32_t nr,
			 uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = { sector, nr, flags };

	memcpy(mem + DATA, &range, sizeof(range));
	return do_request(type, 0, IOVA + DATA, sizeof(range));
}

static bool is_all(const uint8_t *p, size_t len, uint8_t val)
{
	while (len && *p == val)
		p++, len--;
	return !len;
}

/* ---- the machine ---- */

static void use_device(void)
{
	int fds[2] = { event, event };

	client_open(&c);
	assert_int_equal(dma_map(&c, mem, IOVA, MEM_SIZE, 3), 0);
	set_bus_master(&c, true);
	set_memory(&c, true);
	common = find(VIRTIO_PCI_CAP_COMMON_CFG);
	assert_int_equal(irq_triggers(&c, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, fds),
			 0);
}

static void start_with(const char *options)
{
	int fd = open(image, O_RDWR | O_TRUNC);

	assert_int_equal(ftruncate(fd, DISK), 0);
	close(fd);
	snprintf(spec, sizeof(spec), "virtio-blk,interface=modern,%s%s%s",
		 strcmp(store, "ram") != 0 ? "file=" : "size=4M",
		 strcmp(store, "ram") != 0 ? image : "", options);
	if (!strcmp(store, "uring") || !strcmp(store, "threads"))
		snprintf(spec + strlen(spec), sizeof(spec) - strlen(spec),
			 ",engine=%s", store);
	machine_start(spec);
	mem = memory_new(MEM_SIZE);
	event = event_new();
	use_device();
}

static int start(void **state)
{
	start_with("");
	return 0;
}

static int start_readonly(void **state)
{
	start_with(",readonly=on");
	return 0;
}

static int stop(void **state)
{
	client_close(&c);
	close(event);
	memory_free(mem, MEM_SIZE);
	machine_stop();
	return 0;
}

/* ---- what a driver may do ---- */

static void VIRTIO_blk_tells_what_it_is(void **state)
{
	const uint64_t want = 1ull << VIRTIO_BLK_F_SEG_MAX |
			      1ull << VIRTIO_BLK_F_FLUSH |
			      1ull << VIRTIO_BLK_F_DISCARD |
			      1ull << VIRTIO_BLK_F_WRITE_ZEROES |
			      1ull << VIRTIO_BLK_F_CONFIG_WCE | VERSION_1;

	assert_int_equal(config_read(&c, 0, 4), 0x10421af4);
	assert_int_equal(offered() & want, want);
	assert_int_equal(offered() & 1ull << VIRTIO_BLK_F_RO, 0);
	assert_int_equal(CONFIG(capacity), DISK / 512);
	assert_int_equal(CONFIG(blk_size), 512);
	assert_int_equal(CONFIG(wce), 1);
	enable(ANY);
	assert_int_equal(do_request(VIRTIO_BLK_T_GET_ID, 0, IOVA + DATA, 20),
			 VIRTIO_BLK_S_OK);
	assert_string_equal((char *)mem + DATA, "AV-0000:01:00.0");
}

static void VIRTIO_blk_reads_what_was_written(void **state)
{
	uint8_t *status[16];
	unsigned int i;

	enable(ANY);
	for (i = 0; i < 16; i++) {
		memset(mem + DATA + i * 4096, i + 1, 4096);
		status[i] = add(VIRTIO_BLK_T_OUT, i * 8, IOVA + DATA + i * 4096,
				4096);
	}
	kick();
	for (i = 0; i < 16; i++)
		assert_int_equal(take(), 1);
	for (i = 0; i < 16; i++)
		assert_int_equal(*status[i], VIRTIO_BLK_S_OK);
	assert_int_equal(do_request(VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
	memset(mem + DATA, 0, 16 * 4096);
	for (i = 0; i < 16; i++)
		add(VIRTIO_BLK_T_IN, i * 8, IOVA + DATA + i * 4096, 4096);
	kick();
	for (i = 0; i < 16; i++)
		assert_int_equal(take(), 4097);
	for (i = 0; i < 16; i++)
		assert_true(is_all(mem + DATA + i * 4096, 4096, i + 1));
	/* The last sector, and nothing behind it. */
	assert_int_equal(
		do_request(VIRTIO_BLK_T_OUT, DISK / 512 - 1, IOVA + DATA, 512),
		VIRTIO_BLK_S_OK);
	assert_int_equal(
		do_request(VIRTIO_BLK_T_OUT, DISK / 512 - 1, IOVA + DATA, 1024),
		VIRTIO_BLK_S_IOERR);
}

/* 2.7.4.1: descriptors are cut anywhere; here in the header, in a sector and before
 * the status. */
static void VIRTIO_blk_framing_is_the_drivers(void **state)
{
	const struct virtio_blk_outhdr out = { .type = VIRTIO_BLK_T_OUT,
					       .sector = 3 };
	const struct virtio_blk_outhdr in = { .type = VIRTIO_BLK_T_IN,
					      .sector = 3 };
	uint16_t head;
	unsigned int i;

	enable(ANY);
	for (i = 0; i < 1024; i++)
		mem[DATA + 16 + i] = i * 7;
	memcpy(mem + DATA, &out, 16);
	head = put(IOVA + DATA, 3, VRING_DESC_F_NEXT);
	put(IOVA + DATA + 3, 0, VRING_DESC_F_NEXT);
	put(IOVA + DATA + 3, 113, VRING_DESC_F_NEXT);
	put(IOVA + DATA + 116, 924, VRING_DESC_F_NEXT);
	put(IOVA + STATUS, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
	put(IOVA + STATUS, 0, VRING_DESC_F_WRITE);
	mem[STATUS] = 0xee;
	make_available(head);
	kick();
	take();
	assert_int_equal(mem[STATUS], VIRTIO_BLK_S_OK);

	memcpy(mem + HEADER, &in, 16);
	head = put(IOVA + HEADER, 16, VRING_DESC_F_NEXT);
	put(IOVA + DATA + 0x1000, 700, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
	put(IOVA + DATA + 0x2000, 325, VRING_DESC_F_WRITE);
	make_available(head);
	kick();
	assert_int_equal(take(), 1025);
	assert_memory_equal(mem + DATA + 16, mem + DATA + 0x1000, 700);
	assert_memory_equal(mem + DATA + 716, mem + DATA + 0x2000, 324);
	assert_int_equal(mem[DATA + 0x2000 + 324], VIRTIO_BLK_S_OK);
}

static void VIRTIO_blk_discards_and_zeroes(void **state)
{
	const uint64_t features = ANY | 1ull << VIRTIO_BLK_F_DISCARD |
				  1ull << VIRTIO_BLK_F_WRITE_ZEROES;
	unsigned int i;

	enable(features);
	for (i = 0; i < 32; i++) {
		memset(mem + DATA, 0x5a, 0x10000);
		assert_int_equal(do_request(VIRTIO_BLK_T_OUT, i * 128,
					    IOVA + DATA, 0x10000),
				 VIRTIO_BLK_S_OK);
	}
	assert_int_equal(do_ranges(VIRTIO_BLK_T_DISCARD, 128, 256, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 1024, 3, 0),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 2048, 200,
				   VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
			 VIRTIO_BLK_S_OK);
	do_request(VIRTIO_BLK_T_IN, 128, IOVA + DATA, 256 * 512);
	assert_true(is_all(mem + DATA, 256 * 512, 0));
	do_request(VIRTIO_BLK_T_IN, 1023, IOVA + DATA, 5 * 512);
	assert_true(is_all(mem + DATA, 512, 0x5a));
	assert_true(is_all(mem + DATA + 512, 3 * 512, 0));
	assert_true(is_all(mem + DATA + 4 * 512, 512, 0x5a));
	do_request(VIRTIO_BLK_T_IN, 2048, IOVA + DATA, 201 * 512);
	assert_true(is_all(mem + DATA, 200 * 512, 0));
	assert_true(is_all(mem + DATA + 200 * 512, 512, 0x5a));
	/* A flag that means nothing there, ranges outside, no range. */
	assert_int_equal(do_ranges(VIRTIO_BLK_T_DISCARD, 0, 1,
				   VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_DISCARD, DISK / 512, 1, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_WRITE_ZEROES, ~0ull, 2, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_request(VIRTIO_BLK_T_DISCARD, 0, 0, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		do_request(VIRTIO_BLK_T_WRITE_ZEROES, 0, IOVA + DATA, 32),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_request(VIRTIO_BLK_T_DISCARD, 0, IOVA + DATA, 15),
			 VIRTIO_BLK_S_IOERR);
}

static void VIRTIO_blk_readonly_refuses_writes(void **state)
{
	assert_true(offered() & 1ull << VIRTIO_BLK_F_RO);
	enable(ANY | 1ull << VIRTIO_BLK_F_RO);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_DISCARD, 0, 1, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_ranges(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(do_request(VIRTIO_BLK_T_FLUSH, 0, 0, 0),
			 VIRTIO_BLK_S_OK);
}

/* The cache is the driver's to switch; a reset brings it back. */
static void VIRTIO_blk_write_cache_is_switched(void **state)
{
	const uint64_t wce = find(VIRTIO_PCI_CAP_DEVICE_CFG) +
			     offsetof(struct virtio_blk_config, wce);

	enable(ANY | 1ull << VIRTIO_BLK_F_CONFIG_WCE);
	region_write(&c, 4, wce, 1, 0xfe);
	assert_int_equal(CONFIG(wce), 0);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_OK);
	/* And nothing else of the configuration. */
	region_write(&c, 4, find(VIRTIO_PCI_CAP_DEVICE_CFG), 4, 7);
	assert_int_equal(CONFIG(capacity), DISK / 512);
	set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(CONFIG(wce), 1);
}

/* ---- what it may not, and what memory does ---- */

static void VIRTIO_blk_bad_requests_are_answered(void **state)
{
	enable(ANY);
	assert_int_equal(do_request(99, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, IOVA + DATA, 513),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		do_request(VIRTIO_BLK_T_IN, DISK / 512, IOVA + DATA, 512),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, ~0ull, IOVA + DATA, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(
		do_request(VIRTIO_BLK_T_OUT, ~0ull / 512, IOVA + DATA, 1024),
		VIRTIO_BLK_S_IOERR);
	/* No data at all is no error. */
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 5, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 5, 0, 0),
			 VIRTIO_BLK_S_OK);
}

static void VIRTIO_blk_memory_that_is_not_there(void **state)
{
	uint8_t *more = memory_new(8192), *status;

	enable(ANY);
	/* Not mapped; mapped to be read only; mapped and gone. */
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, 1ull << 40, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 0, ~0ull - 1023, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(dma_map(&c, more, 1ull << 32, 8192, 1), 0);
	memset(more, 0x33, 8192);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 0, 1ull << 32, 8192),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 16, 1ull << 32, 8192),
			 VIRTIO_BLK_S_IOERR);
	assert_true(is_all(more, 8192, 0x33));
	assert_int_equal(mprotect(more, 8192, PROT_NONE), 0);
	assert_int_equal(do_request(VIRTIO_BLK_T_OUT, 0, 1ull << 32, 8192),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(dma_unmap(&c, 1ull << 32, 8192), 0);
	memory_free(more, 8192);
	/* A status nobody can be told: the buffer comes back all the same. */
	status = add(VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	((struct vring_desc *)mem)[(next_desc - 1) % RING].addr = 1ull << 40;
	kick();
	assert_int_equal(take(), 0);
	assert_int_equal(*status, 0xee);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_OK);
}

static void assert_needs_reset(void)
{
	assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1) & 0x40, 0x40);
	/* It is over until then. */
	kick();
	assert_false(is_used());
	enable(ANY);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_OK);
}

static void VIRTIO_blk_requests_without_their_parts_stop_it(void **state)
{
	/* No status; a header that is too short; nothing at all. */
	enable(ANY);
	put_header(VIRTIO_BLK_T_FLUSH, 0);
	((struct vring_desc *)mem)[0].flags = 0;
	make_available(0);
	kick();
	assert_needs_reset();
	enable(ANY);
	put(IOVA + HEADER, 15, VRING_DESC_F_NEXT);
	put(IOVA + STATUS, 1, VRING_DESC_F_WRITE);
	make_available(0);
	kick();
	assert_needs_reset();
	enable(ANY);
	put_header(VIRTIO_BLK_T_FLUSH, 0);
	put(IOVA + STATUS, 0, VRING_DESC_F_WRITE);
	make_available(0);
	kick();
	assert_needs_reset();
}

/* Queue and device are reset while requests are under way: those of a device that
 * was reset are forgotten, those of a queue are done. */
static void VIRTIO_blk_resets_in_flight(void **state)
{
	unsigned int round, i;

	for (round = 0; round < 20; round++) {
		enable(ANY | 1ull << VIRTIO_F_RING_RESET);
		for (i = 0; i < 20; i++)
			add(round & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
			    i * 16, IOVA + DATA + i * 8192, 8192);
		kick();
		if (round % 4 < 2) {
			set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
			memset(mem, 0x77, MEM_SIZE);
			/* Nothing is written any more. */
			assert_int_equal(dma_unmap(&c, IOVA, MEM_SIZE), 0);
			assert_true(is_all(mem, MEM_SIZE, 0x77));
			assert_int_equal(dma_map(&c, mem, IOVA, MEM_SIZE, 3),
					 0);
		} else {
			set(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
			set(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
			assert_int_equal(*(uint16_t *)(mem + USED + 2), 20);
			enable_queue();
			assert_int_equal(
				do_request(VIRTIO_BLK_T_FLUSH, 0, 0, 0),
				VIRTIO_BLK_S_OK);
		}
	}
}

static void VIRTIO_blk_close_in_flight(void **state)
{
	unsigned int i;

	enable(ANY);
	for (i = 0; i < 20; i++)
		add(VIRTIO_BLK_T_IN, i * 16, IOVA + DATA + i * 8192, 8192);
	kick();
	client_close(&c);
	use_device();
	enable(ANY);
	assert_int_equal(do_request(VIRTIO_BLK_T_IN, 0, IOVA + DATA, 512),
			 VIRTIO_BLK_S_OK);
}

static void VIRTIO_blk_registers_through_config_space(void **state)
{
	unsigned int window = find_cap(VIRTIO_PCI_CAP_PCI_CFG);

	config_write(&c, window + 4, 1, 4);
	config_write(&c, window + 8, 4, find(VIRTIO_PCI_CAP_DEVICE_CFG));
	config_write(&c, window + 12, 4, 4);
	assert_int_equal(config_read(&c, window + 16, 4), DISK / 512);
	config_write(&c, window + 8, 4, common + VIRTIO_PCI_COMMON_STATUS);
	config_write(&c, window + 12, 4, 1);
	config_write(&c, window + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(get(VIRTIO_PCI_COMMON_STATUS, 1),
			 VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

/* Rings of rubbish, some of it nearly right: nothing but answers and NEEDS_RESET
 * comes of it, and after a reset all is well. */
static void VIRTIO_blk_survives_rubbish(void **state)
{
	uint16_t *avail = (void *)(mem + AVAIL);
	struct vring_desc *desc = (void *)mem;
	unsigned int round, i;

	srandom(1);
	for (round = 0; round < 2000; round++) {
		enable(ANY | (offered() & random()));
		for (i = 0; i < HEADER + 16 * RING; i++)
			mem[i] = random();
		for (i = 0; i < RING; i++) {
			/* In most, what is reached is there, and short. */
			if (random() % 8)
				desc[i].addr = IOVA + random() % MEM_SIZE;
			if (random() % 16)
				desc[i].len = 16 + random() % 2048;
			if (random() % 16)
				desc[i].next = random() % 4 ? (i + 1) % RING
							    : random() % RING;
			if (random() % 16)
				desc[i].flags = i % 2 ? VRING_DESC_F_WRITE
						      : VRING_DESC_F_NEXT;
			if (random() % 16)
				avail[2 + i] = random() % RING & ~1u;
			if (random() % 8)
				mem[HEADER + 16 * i] %= 16;
		}
		avail[1] = random() % (RING + 2);
		kick();
	}
	/* What is still under way writes where it was told to. */
	set(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	VIRTIO_blk_reads_what_was_written(NULL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(VIRTIO_blk_tells_what_it_is),
		test(VIRTIO_blk_reads_what_was_written),
		test(VIRTIO_blk_framing_is_the_drivers),
		test(VIRTIO_blk_discards_and_zeroes),
		cmocka_unit_test_setup_teardown(
			VIRTIO_blk_readonly_refuses_writes, start_readonly,
			stop),
		test(VIRTIO_blk_write_cache_is_switched),
		test(VIRTIO_blk_bad_requests_are_answered),
		test(VIRTIO_blk_memory_that_is_not_there),
		test(VIRTIO_blk_requests_without_their_parts_stop_it),
		test(VIRTIO_blk_resets_in_flight),
		test(VIRTIO_blk_close_in_flight),
		test(VIRTIO_blk_registers_through_config_space),
		test(VIRTIO_blk_survives_rubbish),
	};
	int ret;

	store = argc > 1 ? argv[1] : "ram";
	close(mkstemp(image));
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(image);
	return ret;
}
