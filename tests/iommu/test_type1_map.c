// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3: MAP_DMA and UNMAP_DMA, one caller at a time. */
#include "fake_iommu.h"

/* Where vaddr does not matter: the fake host looks at none of it. */
#define MEM ((void *)0x100000000)
#define ONE_PAGE PAGE_SIZE

/* ---- MAP_DMA ---- */

static void I3_map_refuses_bad_arguments(void **state)
{
	const struct vfio_iommu_type1_dma_map good = {
		.argsz = sizeof(good),
		.flags = READ_WRITE,
		.vaddr = 0x100000,
		.iova = 0x200000,
		.size = 0x2000,
	};
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_map map = good;
	unsigned int i;

#define REFUSED(field, value, error)                                           \
	do {                                                                   \
		map = good;                                                    \
		map.field = (value);                                           \
		assert_int_equal(space_ioctl(space, VFIO_IOMMU_MAP_DMA, &map), \
				 error);                                       \
		assert_int_equal(fake.nr_mapped, 0);                           \
	} while (0)

	for (i = 0; i < sizeof(good); i++)
		REFUSED(argsz, i, -EINVAL);
	for (i = 2; i < 32; i++)
		REFUSED(flags, READ_WRITE | 1u << i, -EINVAL);
	REFUSED(flags, 0, -EINVAL);
	REFUSED(size, 0, -EINVAL);
	REFUSED(size, 1, -EINVAL);
	REFUSED(size, 0x1001, -EINVAL);
	REFUSED(size, 0xfff, -EINVAL);
	REFUSED(iova, 0x200001, -EINVAL);
	REFUSED(iova, 0x200800, -EINVAL);
	REFUSED(vaddr, 0x100001, -EINVAL);
	REFUSED(vaddr, 0x100fff, -EINVAL);
	REFUSED(iova, 0xfffffffffffff000, -EOVERFLOW);
	REFUSED(vaddr, 0xfffffffffffff000, -EOVERFLOW);
	REFUSED(size, 0xfffffffffffff000, -EOVERFLOW);
	REFUSED(size, 0xffffffffffffffff, -EOVERFLOW);
#undef REFUSED

	assert_int_equal(space_ioctl(space, VFIO_IOMMU_MAP_DMA, NULL), -EFAULT);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_MAP_DMA, user_nowhere()),
			 -EFAULT);
	/* A longer struct is a newer program's. */
	map = good;
	map.argsz = 4096;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_MAP_DMA, &map), 0);
	assert_int_equal(fake.nr_mapped, 1);
	space_close(space);
}

static void I3_smallest_page_of_the_iommu_is_the_measure(void **state)
{
	struct vfio_type1 *space;

	fake.pgsizes = 0x40210000;
	space = space_open(VFIO_TYPE1v2_IOMMU);
	assert_int_equal(space_map(space, 0x1000, MEM, 0x10000, READ_WRITE),
			 -EINVAL);
	assert_int_equal(space_map(space, 0, MEM, 0x1000, READ_WRITE), -EINVAL);
	assert_int_equal(space_map(space, 0, MEM + 0x1000, 0x10000, READ_WRITE),
			 -EINVAL);
	assert_int_equal(space_map(space, 0, MEM, 0x10000, READ_WRITE), 0);
	assert_int_equal(space_unmap(space, 0, 0x1000), -EINVAL);
	assert_int_equal(space_unmap(space, 0, 0x10000), 0x10000);
	space_close(space);
}

static void I3_map_over_a_mapping_is_eexist(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	static const struct {
		u64 iova, size;
	} over[] = {
		{ 0x10000, 0x4000 }, { 0x10000, 0x1000 }, { 0x13000, 0x1000 },
		{ 0x11000, 0x1000 }, { 0xf000, 0x2000 },  { 0x13000, 0x2000 },
		{ 0xf000, 0x6000 },  { 0, 0x100000 },
	};
	unsigned int i;

	assert_int_equal(space_map(space, 0x10000, MEM, 0x4000, READ_WRITE), 0);
	for (i = 0; i < ARRAY_SIZE(over); i++)
		assert_int_equal(space_map(space, over[i].iova, MEM,
					   over[i].size, READ_ONLY),
				 -EEXIST);
	assert_int_equal(fake.nr_mapped, 1);
	assert_int_equal(space_map(space, 0xf000, MEM, 0x1000, READ_ONLY), 0);
	assert_int_equal(space_map(space, 0x14000, MEM, 0x1000, READ_ONLY), 0);
	assert_int_equal(space_avail(space), 65535 - 3);
	space_close(space);
}

static void I3_last_page_of_the_space_can_be_mapped(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	const u64 last = 0xfffffffffffff000;

	assert_int_equal(space_map(space, last, MEM, ONE_PAGE, READ_WRITE), 0);
	assert_int_equal(
		space_map(space, last - 0x2000, MEM, 0x3000, READ_WRITE),
		-EEXIST);
	assert_int_equal(space_unmap(space, last, ONE_PAGE), ONE_PAGE);
	/* All of it but the first page. */
	assert_int_equal(space_map(space, 0x1000, (void *)0x1000,
				   0xfffffffffffff000, READ_WRITE),
			 0);
	assert_int_equal(space_unmap(space, last, ONE_PAGE), -EINVAL);
	assert_int_equal((u64)space_unmap_all(space), 0xfffffffffffff000);
	space_close(space);
}

static void I3_map_beyond_the_limit_is_enospc(void **state)
{
	struct vfio_type1 *space;

	vfio_type1_set_dma_entry_limit(2);
	space = space_open(VFIO_TYPE1v2_IOMMU);
	/* What was opened keeps the limit it was opened with. */
	vfio_type1_set_dma_entry_limit(100);
	assert_int_equal(space_avail(space), 2);
	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_map(space, 0x3000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_avail(space), 0);
	assert_int_equal(space_map(space, 0x5000, MEM, ONE_PAGE, READ_WRITE),
			 -ENOSPC);
	/* Overlap is told first, a bad place last. */
	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 -EEXIST);
	fake.range[0].last = 0x3fff;
	assert_int_equal(space_map(space, 0x5000, MEM, ONE_PAGE, READ_WRITE),
			 -ENOSPC);
	assert_int_equal(space_unmap(space, 0x1000, ONE_PAGE), ONE_PAGE);
	assert_int_equal(space_avail(space), 1);
	assert_int_equal(space_map(space, 0x5000, MEM, ONE_PAGE, READ_WRITE),
			 -EINVAL);
	assert_int_equal(space_avail(space), 1);
	assert_int_equal(space_map(space, 0x2000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	space_close(space);
}

static void I3_map_outside_the_usable_ranges_is_einval(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	static const struct {
		u64 iova, size;
		long ret;
	} want[] = {
		{ 0x0000, 0x1000, -EINVAL },  { 0x0000, 0x2000, -EINVAL },
		{ 0x4000, 0x1000, -EINVAL },  { 0x3000, 0x2000, -EINVAL },
		{ 0x3000, 0x6000, -EINVAL },  { 0x7000, 0x2000, -EINVAL },
		{ 0x10000, 0x1000, -EINVAL }, { 0x1000, 0x3000, 0 },
		{ 0x8000, 0x2000, 0 },
	};
	unsigned int i;

	fake.nr_ranges = 2;
	fake.range[0] = (struct fake_range){ 0x1000, 0x3fff };
	fake.range[1] = (struct fake_range){ 0x8000, 0x9fff };
	for (i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(space_map(space, want[i].iova, MEM,
					   want[i].size, READ_WRITE),
				 want[i].ret);
	assert_int_equal(fake.nr_mapped, 2);
	space_close(space);
}

static void I3_map_that_the_host_refuses_leaves_nothing(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	static const int errors[] = { -EFAULT, -ENOMEM };
	long live = memory_live;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fake.map_error = errors[i];
		assert_int_equal(
			space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			errors[i]);
		assert_int_equal(memory_live, live);
		assert_int_equal(space_avail(space), 65535);
	}
	fake.map_error = 0;
	assert_int_equal(space_unmap(space, 0, 0x10000), 0);
	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	space_close(space);
}

static void I3_map_without_memory_is_enomem_and_leaves_nothing(void **state)
{
	struct vfio_iommu_type1_dirty_bitmap start = {
		.argsz = sizeof(start),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	long nth, ret, live = memory_live;

	/* With dirty bits, for one more allocation. */
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &start), 0);
	for (nth = 0;; nth++) {
		memory_left = nth;
		ret = space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE);
		memory_left = -1;
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(memory_live, live);
		assert_int_equal(fake.nr_mapped, 0);
		assert_int_equal(space_avail(space), 65535);
	}
	assert_true(nth >= 3);
	space_close(space);
}

/* ---- UNMAP_DMA ---- */

static void I3_unmap_refuses_bad_arguments(void **state)
{
	const struct vfio_iommu_type1_dma_unmap good = {
		.argsz = sizeof(good),
		.iova = 0x1000,
		.size = 0x1000,
	};
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_unmap arg;
	unsigned int i;

	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 0);
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
		REFUSED(argsz, i, -EINVAL);
	for (i = 2; i < 32; i++)
		REFUSED(flags, 1u << i, -EINVAL);
	REFUSED(size, 0, -EINVAL);
	REFUSED(size, 0x800, -EINVAL);
	REFUSED(size, 0x1fff, -EINVAL);
	REFUSED(iova, 0x1001, -EINVAL);
	REFUSED(iova, 0xfffffffffffff001, -EINVAL);
	REFUSED(size, 0xfffffffffffff001, -EINVAL);
#undef REFUSED
	assert_int_equal(space_unmap(space, 0x2000, 0xfffffffffffff000),
			 -EOVERFLOW);
	assert_int_equal(space_unmap(space, 0xfffffffffffff000, 0x2000),
			 -EOVERFLOW);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, NULL),
			 -EFAULT);
	assert_int_equal(
		space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, user_nowhere()),
		-EFAULT);
	assert_int_equal(fake.nr_mapped, 1);
	space_close(space);
}

static void I3_unmap_all_takes_no_range(void **state)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
		.iova = 0x1000,
	};
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);

	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EINVAL);
	arg.iova = 0;
	arg.size = 0x1000;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EINVAL);
	arg.size = 0;
	arg.flags |= VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EINVAL);
	assert_int_equal(fake.nr_mapped, 1);
	space_close(space);
}

static void unmap_all(unsigned long type)
{
	struct vfio_type1 *space = space_open(type);
	unsigned int i;

	assert_int_equal(space_unmap_all(space), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(
			space_map(space, i * 0x5000, MEM, 0x3000, READ_WRITE),
			0);
	assert_int_equal(
		space_map(space, 0xfffffffffffff000, MEM, ONE_PAGE, READ_WRITE),
		0);
	assert_int_equal(space_unmap_all(space), 100 * 0x3000 + ONE_PAGE);
	assert_int_equal(fake.nr_mapped, 0);
	assert_int_equal(space_avail(space), 65535);
	space_close(space);
}

static void I3_unmap_all_unmaps_all(void **state)
{
	unmap_all(VFIO_TYPE1_IOMMU);
	unmap_all(VFIO_TYPE1v2_IOMMU);
}

static void I3_unmap_of_nothing_succeeds_with_size_0(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);

	assert_int_equal(space_unmap(space, 0x1000, ONE_PAGE), 0);
	assert_int_equal(space_map(space, 0x5000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_unmap(space, 0, 0x5000), 0);
	assert_int_equal(space_unmap(space, 0x6000, 0x5000), 0);
	assert_int_equal(fake.nr_mapped, 1);
	space_close(space);
}

static void map_three(struct vfio_type1 *space)
{
	assert_int_equal(space_map(space, 0x10000, MEM, 0x4000, READ_WRITE), 0);
	assert_int_equal(space_map(space, 0x14000, MEM, 0x2000, READ_WRITE), 0);
	assert_int_equal(space_map(space, 0x20000, MEM, 0x1000, READ_WRITE), 0);
}

static void I3_v2_unmap_that_cuts_a_mapping_is_einval(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	static const struct {
		u64 iova, size;
	} cuts[] = {
		{ 0x10000, 0x1000 }, { 0x11000, 0x1000 }, { 0x13000, 0x1000 },
		{ 0xf000, 0x2000 },  { 0x13000, 0x2000 }, { 0x10000, 0x5000 },
		{ 0x11000, 0x5000 }, { 0x12000, 0xf000 }, { 0, 0x15000 },
		{ 0x15000, 0xc000 },
	};
	unsigned int i;

	map_three(space);
	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		assert_int_equal(space_unmap(space, cuts[i].iova, cuts[i].size),
				 -EINVAL);
		assert_int_equal(fake.nr_mapped, 3);
	}
	space_close(space);
}

static void I3_v2_unmap_takes_all_it_covers(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);

	map_three(space);
	assert_int_equal(space_unmap(space, 0x14000, 0x2000), 0x2000);
	assert_int_equal(fake.nr_mapped, 2);
	assert_int_equal(space_unmap(space, 0, 0x100000), 0x5000);
	assert_int_equal(fake.nr_mapped, 0);
	map_three(space);
	/* The hole belongs to what was asked for, not to what was done. */
	assert_int_equal(space_unmap(space, 0x14000, 0xd000), 0x3000);
	assert_int_equal(space_unmap(space, 0x10000, 0x4000), 0x4000);
	space_close(space);
}

static void I3_v1_unmap_of_the_first_address_takes_the_whole(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);

	map_three(space);
	assert_int_equal(space_unmap(space, 0x10000, 0x1000), 0x4000);
	assert_int_equal(fake.nr_mapped, 2);
	assert_int_equal(space_unmap(space, 0x13000, 0x2000), 0x2000);
	assert_int_equal(space_unmap(space, 0x1f000, 0x2000), 0x1000);
	map_three(space);
	assert_int_equal(space_unmap(space, 0xf000, 0x6000), 0x6000);
	assert_int_equal(fake.nr_mapped, 1);
	space_close(space);
}

static void I3_v1_unmap_from_inside_takes_nothing(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);

	map_three(space);
	assert_int_equal(space_unmap(space, 0x11000, 0x1000), 0);
	assert_int_equal(space_unmap(space, 0x11000, 0x3000), 0);
	/* Nor anything behind it. */
	assert_int_equal(space_unmap(space, 0x13000, 0x100000), 0);
	assert_int_equal(fake.nr_mapped, 3);
	space_close(space);
}

static void I3_unmap_writes_back_the_size_alone(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = 4096,
		.iova = 0,
		.size = 0x100000,
	};

	map_three(space);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg), 0);
	assert_int_equal(arg.size, 0x7000);
	assert_int_equal(arg.iova, 0);
	assert_int_equal(arg.argsz, 4096);
	assert_int_equal(arg.flags, 0);
	/* After an error it says what it said. */
	arg.size = 0x100;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg),
			 -EINVAL);
	assert_int_equal(arg.size, 0x100);
	space_close(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(I3_map_refuses_bad_arguments),
		TEST(I3_smallest_page_of_the_iommu_is_the_measure),
		TEST(I3_map_over_a_mapping_is_eexist),
		TEST(I3_last_page_of_the_space_can_be_mapped),
		TEST(I3_map_beyond_the_limit_is_enospc),
		TEST(I3_map_outside_the_usable_ranges_is_einval),
		TEST(I3_map_that_the_host_refuses_leaves_nothing),
		TEST(I3_map_without_memory_is_enomem_and_leaves_nothing),
		TEST(I3_unmap_refuses_bad_arguments),
		TEST(I3_unmap_all_takes_no_range),
		TEST(I3_unmap_all_unmaps_all),
		TEST(I3_unmap_of_nothing_succeeds_with_size_0),
		TEST(I3_v2_unmap_that_cuts_a_mapping_is_einval),
		TEST(I3_v2_unmap_takes_all_it_covers),
		TEST(I3_v1_unmap_of_the_first_address_takes_the_whole),
		TEST(I3_v1_unmap_from_inside_takes_nothing),
		TEST(I3_unmap_writes_back_the_size_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
