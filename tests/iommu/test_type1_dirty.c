// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3: dirty pages. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fake_iommu.h"

#define START VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define GET VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

#define IOVA 0x100000
#define PAGES 200
#define SIZE (PAGES * PAGE_SIZE)
#define WORDS 4 /* for PAGES */

static struct vfio_type1 *space;
static u8 *mem;

static int setup(void **state)
{
	int ret = fake_setup(state);

	space = space_open(VFIO_TYPE1v2_IOMMU);
	mem = user_alloc(SIZE);
	return ret;
}

static int teardown(void **state)
{
	space_close(space);
	user_free(mem, SIZE);
	return fake_teardown(state);
}

#define DIRTY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static long control(u32 flags)
{
	struct vfio_iommu_type1_dirty_bitmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
	};

	return space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

struct get {
	struct vfio_iommu_type1_dirty_bitmap hdr;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static struct get get_request(u64 iova, u64 size, void *map)
{
	return (struct get){
		.hdr = { .argsz = sizeof(struct get), .flags = GET },
		.get = {
			.iova = iova,
			.size = size,
			.bitmap = {
				.pgsize = PAGE_SIZE,
				.size = (size / PAGE_SIZE + 63) / 64 * 8,
				.data = map,
			},
		},
	};
}

static long get_bitmap(u64 iova, u64 size, u64 *map)
{
	struct get get = get_request(iova, size, map);

	return space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &get);
}

struct unmap_get {
	struct vfio_iommu_type1_dma_unmap hdr;
	struct vfio_bitmap bitmap;
};

static struct unmap_get unmap_request(u64 iova, u64 size, void *map)
{
	return (struct unmap_get){
		.hdr = {
			.argsz = sizeof(struct unmap_get),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = iova,
			.size = size,
		},
		.bitmap = {
			.pgsize = PAGE_SIZE,
			.size = (size / PAGE_SIZE + 63) / 64 * 8,
			.data = map,
		},
	};
}

static void device_writes(u64 iova, size_t len)
{
	void *buf = calloc(1, len);
	size_t done;

	check(!vfio_type1_rw(space, iova, buf, len, true, &done));
	free(buf);
}

static void device_reads(u64 iova, size_t len)
{
	void *buf = malloc(len);
	size_t done;

	check(!vfio_type1_rw(space, iova, buf, len, false, &done));
	free(buf);
}

static u64 low_mask(unsigned int nr)
{
	return (1ull << nr) - 1;
}

static void must_map(u64 iova, u64 size, u32 flags)
{
	assert_int_equal(space_map(space, iova, mem, size, flags), 0);
}

/* Just the @nr pages from @first on, of all @pages. */
static void assert_bits(const u64 *map, unsigned int pages, unsigned int first,
			unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		assert_int_equal(bit_is_set(map, i),
				 i >= first && i < first + nr);
}

/* ---- start and stop ---- */

static void I3_dirty_pages_of_v1_are_eacces(void **state)
{
	struct vfio_type1 *v1 = space_open(VFIO_TYPE1_IOMMU);
	struct vfio_iommu_type1_dirty_bitmap arg = { .argsz = sizeof(arg),
						     .flags = START };

	assert_int_equal(space_ioctl(v1, VFIO_IOMMU_DIRTY_PAGES, &arg),
			 -EACCES);
	assert_int_equal(space_ioctl(v1, VFIO_IOMMU_DIRTY_PAGES, NULL),
			 -EACCES);
	space_close(v1);
}

static void I3_dirty_pages_takes_one_flag(void **state)
{
	struct vfio_iommu_type1_dirty_bitmap arg = { .flags = START };
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (i != START && i != STOP && i != GET)
			assert_int_equal(control(i), -EINVAL);
	for (i = 3; i < 32; i++) {
		assert_int_equal(control(1u << i), -EINVAL);
		assert_int_equal(control(START | 1u << i), -EINVAL);
	}
	for (i = 0; i < sizeof(arg); i++) {
		arg.argsz = i;
		assert_int_equal(
			space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg),
			-EINVAL);
	}
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, NULL),
			 -EFAULT);
}

static void I3_start_and_stop_may_come_twice(void **state)
{
	u64 map[WORDS] = { 0 };

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(STOP), 0);
	assert_int_equal(control(START), 0);
	device_writes(IOVA, 1);
	assert_int_equal(control(START), 0);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 1);
	device_writes(IOVA, 1);
	assert_int_equal(control(STOP), 0);
	assert_int_equal(control(STOP), 0);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), -EINVAL);
	/* What was forgotten stays forgotten. */
	assert_int_equal(control(START), 0);
	memset(map, 0, sizeof(map));
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 0);
}

static void I3_start_without_memory_is_enomem(void **state)
{
	u64 map[WORDS];
	long nth, ret, live;
	unsigned int i;

	for (i = 0; i < 5; i++)
		must_map(IOVA + i * PAGE_SIZE, PAGE_SIZE, READ_WRITE);
	live = memory_live;
	for (nth = 0;; nth++) {
		memory_left = nth;
		ret = control(START);
		memory_left = -1;
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(memory_live, live);
		assert_int_equal(get_bitmap(IOVA, 5 * PAGE_SIZE, map), -EINVAL);
	}
	assert_int_equal(nth, 5);
}

static void I3_mapping_too_large_for_a_bitmap_is_einval(void **state)
{
	/* 2^31 pages are the most. */
	const u64 most = (1ull << 31) * PAGE_SIZE;

	fake.tracks_dirty = true;
	must_map(0, most + PAGE_SIZE, READ_WRITE);
	assert_int_equal(control(START), -EINVAL);
	assert_int_equal(space_unmap_all(space), (s64)(most + PAGE_SIZE));
	assert_int_equal(control(START), 0);
	assert_int_equal(space_map(space, 0, mem, most + PAGE_SIZE, READ_WRITE),
			 -EINVAL);
	assert_int_equal(space_map(space, 0, mem, most + PAGE_SIZE, READ_ONLY),
			 0);
}

/* ---- the arguments of GET_BITMAP ---- */

static void I3_get_bitmap_refuses_bad_arguments(void **state)
{
	u64 map[WORDS] = { 0 };
	const struct get good = get_request(IOVA, SIZE, map);
	struct get arg;
	unsigned int i;

	must_map(IOVA, SIZE, READ_WRITE);
	arg = good;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg),
			 -EINVAL);
	assert_int_equal(control(START), 0);
	device_writes(IOVA, SIZE);
#define REFUSED(field, value, error)                                      \
	do {                                                              \
		arg = good;                                               \
		arg.field = (value);                                      \
		assert_int_equal(                                         \
			space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg), \
			error);                                           \
	} while (0)

	for (i = 0; i < sizeof(good); i++)
		REFUSED(hdr.argsz, i, -EINVAL);
	REFUSED(get.size, 0, -EINVAL);
	REFUSED(get.size, PAGE_SIZE - 1, -EINVAL);
	REFUSED(get.size, SIZE - 1, -EINVAL);
	REFUSED(get.iova, IOVA + 1, -EINVAL);
	REFUSED(get.iova, ~0ull - SIZE + 2, -EOVERFLOW);
	REFUSED(get.bitmap.pgsize, 0, -EINVAL);
	REFUSED(get.bitmap.pgsize, 1, -EINVAL);
	REFUSED(get.bitmap.pgsize, PAGE_SIZE / 2, -EINVAL);
	REFUSED(get.bitmap.pgsize, 2 * PAGE_SIZE, -EINVAL);
	REFUSED(get.bitmap.pgsize, 3 * PAGE_SIZE, -EINVAL);
	REFUSED(get.bitmap.pgsize, 1ull << 63, -EINVAL);
	REFUSED(get.bitmap.size, 0, -EINVAL);
	REFUSED(get.bitmap.size, WORDS * 8 - 1, -EINVAL);
	REFUSED(get.bitmap.size, (1ull << 28) + 8, -EINVAL);
	REFUSED(get.bitmap.size, ~0ull, -EINVAL);
	REFUSED(get.bitmap.data, NULL, -EFAULT);
	REFUSED(get.bitmap.data, user_nowhere(), -EFAULT);
#undef REFUSED
	assert_int_equal(map[0], 0);
	/* None of these lost a bit. */
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, PAGES);
}

static void I3_get_bitmap_that_cuts_a_mapping_is_einval(void **state)
{
	u64 map[WORDS] = { 0 };

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	assert_int_equal(get_bitmap(IOVA, PAGE_SIZE, map), -EINVAL);
	assert_int_equal(get_bitmap(IOVA + PAGE_SIZE, SIZE - PAGE_SIZE, map),
			 -EINVAL);
	assert_int_equal(get_bitmap(IOVA - PAGE_SIZE, SIZE, map), -EINVAL);
	assert_int_equal(
		get_bitmap(IOVA - PAGE_SIZE, SIZE + 2 * PAGE_SIZE, map), 0);
}

static void I3_get_bitmap_up_to_the_last_page(void **state)
{
	const u64 top = 0xfffffffffffff000;
	u64 map = 0;

	must_map(top, PAGE_SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(~0ull, 1);
	assert_int_equal(get_bitmap(top - PAGE_SIZE, 2 * PAGE_SIZE, &map), 0);
	assert_int_equal(map, 2);
}

/* ---- what is dirty ---- */

static void I3_written_pages_are_dirty_and_no_others(void **state)
{
	static const struct {
		unsigned int off, len, first, nr;
	} writes[] = {
		{ 0, 1, 0, 1 },
		{ 4095, 1, 0, 1 },
		{ 4096, 1, 1, 1 },
		{ 4095, 2, 0, 2 },
		{ 63 * 4096, 2 * 4096, 63, 2 },
		{ 64 * 4096, 1, 64, 1 },
		{ 10 * 4096 + 5, 150 * 4096, 10, 151 },
		{ 199 * 4096, 4096, 199, 1 },
		{ 0, SIZE, 0, PAGES },
	};
	u64 map[WORDS];
	unsigned int i;

	must_map(IOVA, SIZE, READ_WRITE);
	device_writes(IOVA, SIZE);
	assert_int_equal(control(START), 0);
	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		device_reads(IOVA, SIZE);
		device_writes(IOVA + writes[i].off, writes[i].len);
		memset(map, 0, sizeof(map));
		assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
		assert_bits(map, PAGES, writes[i].first, writes[i].nr);
		/* Told once. */
		assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
		assert_bits(map, PAGES, 0, 0);
	}
}

static void I3_pin_is_dirty_as_far_as_it_was_written(void **state)
{
	struct vfio_type1_pin pin;
	u64 map[WORDS] = { 0 };

	must_map(IOVA, SIZE, READ_WRITE);
	/* Written after START, though pinned before. */
	assert_int_equal(
		vfio_type1_pin(space, IOVA + 4000, SIZE, READ_WRITE, &pin), 0);
	assert_int_equal(control(START), 0);
	vfio_type1_unpin(space, &pin, 97);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 2);

	assert_int_equal(
		vfio_type1_pin(space, IOVA + 4000, SIZE, READ_WRITE, &pin), 0);
	vfio_type1_unpin(space, &pin, 96);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 1);

	assert_int_equal(vfio_type1_pin(space, IOVA, SIZE, READ_WRITE, &pin),
			 0);
	vfio_type1_unpin(space, &pin, 0);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 0);
	/* More than all of it. */
	assert_int_equal(
		vfio_type1_pin(space, IOVA, PAGE_SIZE, READ_WRITE, &pin), 0);
	vfio_type1_unpin(space, &pin, ~0ull);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 1);
}

static void I3_bits_of_holes_are_left_alone(void **state)
{
	u64 map[2] = { ~0ull, ~0ull };

	must_map(IOVA + 3 * PAGE_SIZE, 5 * PAGE_SIZE, READ_WRITE);
	must_map(IOVA + 60 * PAGE_SIZE, 10 * PAGE_SIZE, READ_WRITE);
	must_map(IOVA + 70 * PAGE_SIZE, PAGE_SIZE, READ_ONLY);
	assert_int_equal(control(START), 0);
	device_writes(IOVA + 4 * PAGE_SIZE, 1);
	device_writes(IOVA + 65 * PAGE_SIZE, 1);
	assert_int_equal(get_bitmap(IOVA, 128 * PAGE_SIZE, map), 0);
	/* Pages 3 to 7 and 60 to 70 are mapped. */
	assert_int_equal(map[0], 0x0fffffffffffff07 | 1 << 4);
	assert_int_equal(map[1], 0xffffffffffffff80 | 1 << 1);
}

static void I3_mapping_made_while_tracking_is_tracked(void **state)
{
	u64 map[WORDS] = { 0 };

	assert_int_equal(control(START), 0);
	must_map(IOVA, SIZE, READ_WRITE);
	device_writes(IOVA + 7 * PAGE_SIZE, 1);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 7, 1);
}

/* Mappings at odd places in a bitmap of several chunks, each with one page
 * written; a gap of more than a chunk between two of them. */
static void I3_large_bitmaps_are_exact(void **state)
{
	static const u64 pages[] = { 1,	    77,	   32767, 32768, 32769,
				     40000, 65535, 65600, 140001 };
	static const u64 inside[] = { 150001, 163839, 163840, 163899, 190000 };
	const u64 all = 200000;
	u8 *big = user_alloc(40000 * PAGE_SIZE);
	u64 *map = user_alloc(all);
	unsigned int i;
	u64 bit;

	assert_int_equal(control(START), 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		must_map(IOVA + pages[i] * PAGE_SIZE, PAGE_SIZE, READ_WRITE);
	/* From one chunk into the next, at a page that is no word's first. */
	assert_int_equal(space_map(space, IOVA + 150001 * PAGE_SIZE, big,
				   40000 * PAGE_SIZE, READ_WRITE),
			 0);
	for (i = 0; i < ARRAY_SIZE(pages); i += 2)
		device_writes(IOVA + pages[i] * PAGE_SIZE, 1);
	for (i = 0; i < ARRAY_SIZE(inside); i++)
		device_writes(IOVA + inside[i] * PAGE_SIZE, 1);
	assert_int_equal(get_bitmap(IOVA, all * PAGE_SIZE, map), 0);
	for (i = 0; i < ARRAY_SIZE(inside); i++) {
		assert_true(bit_is_set(map, inside[i]));
		map[inside[i] / 64] &= ~(1ull << inside[i] % 64);
	}
	for (bit = 0, i = 0; bit < all; bit++) {
		bool known = i < ARRAY_SIZE(pages) && bit == pages[i];

		assert_int_equal(bit_is_set(map, bit), known && i % 2 == 0);
		i += known;
	}
	assert_true(space_unmap_all(space) > 0);
	user_free(map, all);
	user_free(big, 40000 * PAGE_SIZE);
}

/* A chunk of a bitmap is a page. Two in the middle cannot be reached. */
static void I3_bitmap_is_not_touched_where_nothing_is_mapped(void **state)
{
	const u64 pages = 8 * PAGE_SIZE;
	u64 *map = user_alloc(4 * PAGE_SIZE);

	must_map(IOVA, PAGE_SIZE, READ_WRITE);
	must_map(IOVA + 3 * pages * PAGE_SIZE, PAGE_SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(IOVA, 1);
	device_writes(IOVA + 3 * pages * PAGE_SIZE, 1);
	assert_int_equal(
		mprotect((u8 *)map + PAGE_SIZE, 2 * PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(get_bitmap(IOVA, 4 * pages * PAGE_SIZE, map), 0);
	assert_int_equal(map[0], 1);
	assert_int_equal(map[3 * pages / 64], 1);
	user_free(map, 4 * PAGE_SIZE);
}

static void I3_everything_is_dirty_where_the_host_does_not_see(void **state)
{
	u64 map[WORDS];
	unsigned int i;

	fake.tracks_dirty = false;
	must_map(IOVA, 100 * PAGE_SIZE, READ_WRITE);
	must_map(IOVA + 150 * PAGE_SIZE, 10 * PAGE_SIZE, READ_ONLY);
	assert_int_equal(control(START), 0);
	for (i = 0; i < 2; i++) {
		memset(map, 0, sizeof(map));
		assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
		assert_int_equal(map[0], ~0ull);
		assert_int_equal(map[1], low_mask(36));
		assert_int_equal(map[2], low_mask(10) << 22);
		assert_int_equal(map[3], 0);
	}
}

/* A group whose writes nobody sees joins while bits are kept. */
static void I3_host_that_stops_seeing_makes_everything_dirty(void **state)
{
	u64 map[WORDS] = { 0 };

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	fake.tracks_dirty = false;
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, PAGES);
}

/* ---- bitmaps that cannot be delivered ---- */

static void I3_bitmap_that_cannot_be_written_loses_nothing(void **state)
{
	u64 *map = user_alloc(PAGE_SIZE);

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(IOVA + 5 * PAGE_SIZE, 1);
	mprotect(map, PAGE_SIZE, PROT_READ);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), -EFAULT);
	mprotect(map, PAGE_SIZE, PROT_READ | PROT_WRITE);
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_true(bit_is_set(map, 5));
	user_free(map, PAGE_SIZE);
}

static void I3_get_bitmap_without_memory_is_enomem(void **state)
{
	u64 map[WORDS] = { 0 };

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(IOVA, 1);
	memory_left = 0;
	assert_int_equal(get_bitmap(IOVA, SIZE, map), -ENOMEM);
	memory_left = -1;
	assert_int_equal(get_bitmap(IOVA, SIZE, map), 0);
	assert_bits(map, PAGES, 0, 1);
}

/* ---- UNMAP_DMA with a bitmap ---- */

static void I3_unmap_reports_dirty_pages(void **state)
{
	u64 map[WORDS] = { 0 };
	struct unmap_get arg = unmap_request(IOVA, SIZE, map);

	must_map(IOVA, 100 * PAGE_SIZE, READ_WRITE);
	must_map(IOVA + 130 * PAGE_SIZE, 70 * PAGE_SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(IOVA + 99 * PAGE_SIZE, 1);
	device_writes(IOVA + 130 * PAGE_SIZE, 1);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg), 0);
	assert_int_equal(arg.hdr.size, 170 * PAGE_SIZE);
	assert_int_equal(map[0], 0);
	assert_int_equal(map[1], 1ull << 35);
	assert_int_equal(map[2], 1ull << 2);
	assert_int_equal(map[3], 0);
	assert_int_equal(fake.nr_mapped, 0);
}

static void I3_unmap_with_a_bad_bitmap_unmaps_nothing(void **state)
{
	u64 map[WORDS] = { 0 };
	const struct unmap_get good = unmap_request(IOVA, SIZE, map);
	struct unmap_get arg = good;
	unsigned int i;

	must_map(IOVA, SIZE, READ_WRITE);
	/* Not started. */
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EINVAL);
	assert_int_equal(control(START), 0);
	device_writes(IOVA + 3 * PAGE_SIZE, 1);
#define REFUSED(field, value, error)                                    \
	do {                                                            \
		arg = good;                                             \
		arg.field = (value);                                    \
		assert_int_equal(                                       \
			space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg), \
			error);                                         \
		assert_int_equal(fake.nr_mapped, 1);                    \
	} while (0)

	for (i = 0; i < sizeof(good); i++)
		REFUSED(hdr.argsz, i, -EINVAL);
	REFUSED(bitmap.pgsize, 0, -EINVAL);
	REFUSED(bitmap.pgsize, 2 * PAGE_SIZE, -EINVAL);
	REFUSED(bitmap.size, WORDS * 8 - 8, -EINVAL);
	REFUSED(bitmap.size, ~0ull, -EINVAL);
	REFUSED(bitmap.data, user_nowhere(), -EFAULT);
#undef REFUSED

	/* It is as it was: devices reach it, and no bit is lost. */
	device_writes(IOVA + 4 * PAGE_SIZE, 1);
	arg = good;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg), 0);
	assert_bits(map, PAGES, 3, 2);
}

/* Nothing behind the header is read. */
static void I3_unmap_all_with_a_bitmap_is_einval(void **state)
{
	u8 *pages = user_alloc(2 * PAGE_SIZE);
	struct vfio_iommu_type1_dma_unmap *arg;

	user_free(pages + PAGE_SIZE, PAGE_SIZE);
	arg = (void *)(pages + PAGE_SIZE - sizeof(*arg));
	arg->argsz = sizeof(struct unmap_get);
	arg->flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP |
		     VFIO_DMA_UNMAP_FLAG_ALL;
	assert_int_equal(control(START), 0);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, arg),
			 -EINVAL);
	user_free(pages, PAGE_SIZE);
}

static void *unmap_in_thread(void *arg)
{
	return (void *)space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, arg);
}

static void I3_unmap_reports_what_the_last_pin_wrote(void **state)
{
	u64 map[WORDS] = { 0 };
	struct unmap_get arg = unmap_request(IOVA, SIZE, map);
	struct vfio_type1_pin pin, other;
	pthread_t thread;
	void *ret;

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	assert_int_equal(vfio_type1_pin(space, IOVA + 8 * PAGE_SIZE, PAGE_SIZE,
					READ_WRITE, &pin),
			 0);
	check(!pthread_create(&thread, NULL, unmap_in_thread, &arg));
	while (!vfio_type1_pin(space, IOVA, 1, READ_ONLY, &other)) {
		vfio_type1_unpin(space, &other, 0);
		sched_yield();
	}
	vfio_type1_unpin(space, &pin, 1);
	check(!pthread_join(thread, &ret));
	assert_null(ret);
	assert_bits(map, PAGES, 8, 1);
}

static void I3_unmap_whose_tracking_is_stopped_is_einval(void **state)
{
	u64 map[WORDS] = { 0 };
	struct unmap_get arg = unmap_request(IOVA, SIZE, map);
	struct vfio_type1_pin pin, other;
	pthread_t thread;
	void *ret;

	must_map(IOVA, SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	assert_int_equal(vfio_type1_pin(space, IOVA, 1, READ_WRITE, &pin), 0);
	check(!pthread_create(&thread, NULL, unmap_in_thread, &arg));
	while (!vfio_type1_pin(space, IOVA, 1, READ_ONLY, &other)) {
		vfio_type1_unpin(space, &other, 0);
		sched_yield();
	}
	assert_int_equal(control(STOP), 0);
	vfio_type1_unpin(space, &pin, 1);
	check(!pthread_join(thread, &ret));
	assert_int_equal((long)ret, -EINVAL);
	assert_int_equal(fake.nr_mapped, 1);
	device_writes(IOVA, 1);
	assert_int_equal(space_unmap(space, IOVA, SIZE), SIZE);
}

/* The second page of bits cannot be written: what was in it counts as dirty
 * until the next time, and the first one was told. */
static void I3_bits_that_did_not_arrive_are_not_lost(void **state)
{
	const u64 size = 256 * MIB, half = size / PAGE_SIZE / 2;
	u64 *map = user_alloc(2 * PAGE_SIZE);
	u64 i;

	must_map(0, size, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(3 * PAGE_SIZE, 1);
	assert_int_equal(mprotect((u8 *)map + PAGE_SIZE, PAGE_SIZE, PROT_READ),
			 0);
	assert_int_equal(get_bitmap(0, size, map), -EFAULT);
	assert_bits(map, half, 3, 1);
	assert_int_equal(mprotect((u8 *)map + PAGE_SIZE, PAGE_SIZE,
				  PROT_READ | PROT_WRITE),
			 0);
	assert_int_equal(get_bitmap(0, size, map), 0);
	for (i = 0; i < 2 * half; i++)
		assert_int_equal(bit_is_set(map, i), i >= half);
	user_free(map, 2 * PAGE_SIZE);
}

/* The second page of bits cannot be written, and nothing is unmapped: what the
 * first page told is told again. */
static void I3_unmap_that_fails_halfway_clears_no_bit(void **state)
{
	const u64 chunk = 8 * PAGE_SIZE * PAGE_SIZE;
	u64 *map = user_alloc(2 * PAGE_SIZE);
	struct unmap_get arg = unmap_request(IOVA, 2 * chunk, map);

	must_map(IOVA, PAGE_SIZE, READ_WRITE);
	must_map(IOVA + chunk, PAGE_SIZE, READ_WRITE);
	assert_int_equal(control(START), 0);
	device_writes(IOVA, 1);
	assert_int_equal(mprotect((u8 *)map + PAGE_SIZE, PAGE_SIZE, PROT_NONE),
			 0);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EFAULT);
	map[0] = 0;
	assert_int_equal(get_bitmap(IOVA, PAGE_SIZE, map), 0);
	assert_int_equal(map[0], 1);
	user_free(map, 2 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRTY_TEST(I3_dirty_pages_of_v1_are_eacces),
		DIRTY_TEST(I3_dirty_pages_takes_one_flag),
		DIRTY_TEST(I3_start_and_stop_may_come_twice),
		DIRTY_TEST(I3_start_without_memory_is_enomem),
		DIRTY_TEST(I3_mapping_too_large_for_a_bitmap_is_einval),
		DIRTY_TEST(I3_get_bitmap_refuses_bad_arguments),
		DIRTY_TEST(I3_get_bitmap_that_cuts_a_mapping_is_einval),
		DIRTY_TEST(I3_get_bitmap_up_to_the_last_page),
		DIRTY_TEST(I3_bits_that_did_not_arrive_are_not_lost),
		DIRTY_TEST(I3_written_pages_are_dirty_and_no_others),
		DIRTY_TEST(I3_pin_is_dirty_as_far_as_it_was_written),
		DIRTY_TEST(I3_bits_of_holes_are_left_alone),
		DIRTY_TEST(I3_mapping_made_while_tracking_is_tracked),
		DIRTY_TEST(I3_large_bitmaps_are_exact),
		DIRTY_TEST(I3_bitmap_is_not_touched_where_nothing_is_mapped),
		DIRTY_TEST(I3_everything_is_dirty_where_the_host_does_not_see),
		DIRTY_TEST(I3_host_that_stops_seeing_makes_everything_dirty),
		DIRTY_TEST(I3_bitmap_that_cannot_be_written_loses_nothing),
		DIRTY_TEST(I3_get_bitmap_without_memory_is_enomem),
		DIRTY_TEST(I3_unmap_reports_dirty_pages),
		DIRTY_TEST(I3_unmap_with_a_bad_bitmap_unmaps_nothing),
		DIRTY_TEST(I3_unmap_all_with_a_bitmap_is_einval),
		DIRTY_TEST(I3_unmap_reports_what_the_last_pin_wrote),
		DIRTY_TEST(I3_unmap_whose_tracking_is_stopped_is_einval),
		DIRTY_TEST(I3_unmap_that_fails_halfway_clears_no_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
