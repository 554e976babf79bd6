// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3: what the type1 backend answers, and the groups that share a space. */
#include "fake_iommu.h"

/* Where vaddr does not matter: the fake host looks at none of it. */
#define MEM ((void *)0x100000000)
#define ONE_PAGE PAGE_SIZE

/* ---- extensions, open, groups ---- */

static void I3_extensions_are_answered(void **state)
{
	static const struct {
		unsigned long ext;
		long answer;
	} want[] = {
		{ VFIO_TYPE1_IOMMU, 1 },
		{ VFIO_TYPE1v2_IOMMU, 1 },
		{ VFIO_UNMAP_ALL, 1 },
		{ VFIO_TYPE1_NESTING_IOMMU, 0 },
		{ VFIO_UPDATE_VADDR, 0 },
		{ VFIO_SPAPR_TCE_IOMMU, 0 },
		{ VFIO_NOIOMMU_IOMMU, 0 },
		{ 0, 0 },
		{ ~0ul, 0 },
	};
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(
			type1->ioctl(NULL, VFIO_CHECK_EXTENSION, want[i].ext),
			want[i].answer);
		assert_int_equal(
			type1->ioctl(space, VFIO_CHECK_EXTENSION, want[i].ext),
			want[i].answer);
	}
	space_close(space);
}

static void I3_cache_coherence_is_known_once_open(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);

	assert_int_equal(
		type1->ioctl(NULL, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU), 0);
	assert_int_equal(
		type1->ioctl(space, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU),
		1);
	fake.coherent = false;
	assert_int_equal(
		type1->ioctl(space, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU),
		0);
	space_close(space);
}

static void I3_other_ioctls_are_enotty(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);

	assert_int_equal(space_ioctl(space, VFIO_IOMMU_ENABLE, NULL), -ENOTTY);
	assert_int_equal(space_ioctl(space, VFIO_DEVICE_RESET, NULL), -ENOTTY);
	assert_int_equal(space_ioctl(space, 0, NULL), -ENOTTY);
	space_close(space);
}

static void I3_open_fails_whole(void **state)
{
	long nth;
	void *space;

	assert_int_equal(PTR_ERR(type1->open(VFIO_NOIOMMU_IOMMU)), -EINVAL);
	assert_int_equal(PTR_ERR(type1->open(VFIO_TYPE1_NESTING_IOMMU)),
			 -EINVAL);
	fake.alloc_error = -ENODEV;
	assert_int_equal(PTR_ERR(type1->open(VFIO_TYPE1_IOMMU)), -ENODEV);
	assert_int_equal(memory_live, 0);
	fake.alloc_error = 0;
	for (nth = 0;; nth++) {
		memory_left = nth;
		space = type1->open(VFIO_TYPE1_IOMMU);
		memory_left = -1;
		if (!IS_ERR(space))
			break;
		assert_int_equal(PTR_ERR(space), -ENOMEM);
		assert_int_equal(memory_live, 0);
	}
	assert_true(nth >= 1);
	type1->release(space);
}

static void I3_groups_share_the_space(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct iommu_group *other = (struct iommu_group *)0x2000;

	assert_int_equal(space_map(space, 0x1000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(type1->attach_group(space, other), 0);
	assert_int_equal(fake.nr_groups, 2);
	type1->detach_group(space, other);
	assert_int_equal(fake.nr_mapped, 1);
	fake.attach_error = -EPERM;
	assert_int_equal(type1->attach_group(space, other), -EPERM);
	assert_int_equal(fake.nr_groups, 1);
	assert_int_equal(space_unmap(space, 0x1000, ONE_PAGE), ONE_PAGE);
	space_close(space);
}

static void I3_group_that_reserves_a_mapped_range_is_einval(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct iommu_group *other = (struct iommu_group *)0x2000;

	assert_int_equal(space_map(space, 0x8000, MEM, ONE_PAGE, READ_WRITE),
			 0);
	fake.attach_range = (struct fake_range){ 0, 0x7fff };
	assert_int_equal(type1->attach_group(space, other), -EINVAL);
	assert_int_equal(fake.nr_groups, 1);
	fake.attach_range = (struct fake_range){ 0x8000, 0x8fff };
	assert_int_equal(type1->attach_group(space, other), 0);
	type1->detach_group(space, other);
	space_close(space);
}

static void I3_release_undoes_everything(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	unsigned int i;

	for (i = 0; i < 500; i++)
		assert_int_equal(
			space_map(space, i * 0x3000, MEM, 0x2000, READ_WRITE),
			0);
	assert_int_equal(fake.nr_mapped, 500);
	space_close(space);
	assert_int_equal(fake.nr_mapped, 0);
}

/* ---- GET_INFO ---- */

union info {
	struct vfio_iommu_type1_info info;
	u8 room[512];
};

static const struct vfio_info_cap_header *cap_at(const union info *buf, u32 at)
{
	assert_in_range(at, sizeof(buf->info), sizeof(buf->room) - 8);
	assert_int_equal(at % 8, 0);
	return (const void *)(buf->room + at);
}

static void I3_get_info_has_the_chain_of_linux(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	const struct vfio_iommu_type1_info_cap_iova_range *ranges;
	const struct vfio_iommu_type1_info_cap_migration *migration;
	const struct vfio_iommu_type1_info_dma_avail *avail;
	union info buf = { .info.argsz = sizeof(buf) };

	fake.pgsizes = 0x40202000;
	fake.nr_ranges = 2;
	fake.range[0] = (struct fake_range){ 0, 0xfedfffff };
	fake.range[1] = (struct fake_range){ 0xfef00000, 0xffffffffffff };
	type1->attach_group(space, (struct iommu_group *)0x2000);

	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf), 0);
	assert_int_equal(buf.info.argsz, sizeof(buf));
	assert_int_equal(buf.info.flags,
			 VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	assert_int_equal(buf.info.iova_pgsizes, 0x40202000);

	migration = (const void *)cap_at(&buf, buf.info.cap_offset);
	assert_int_equal(migration->header.id,
			 VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	assert_int_equal(migration->header.version, 1);
	assert_int_equal(migration->flags, 0);
	assert_int_equal(migration->pgsize_bitmap, 0x2000);
	assert_int_equal(migration->max_dirty_bitmap_size, 1u << 28);

	avail = (const void *)cap_at(&buf, migration->header.next);
	assert_int_equal(avail->header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	assert_int_equal(avail->header.version, 1);
	assert_int_equal(avail->avail, 65535);

	ranges = (const void *)cap_at(&buf, avail->header.next);
	assert_int_equal(ranges->header.id,
			 VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	assert_int_equal(ranges->header.version, 1);
	assert_int_equal(ranges->header.next, 0);
	assert_int_equal(ranges->nr_iovas, 2);
	assert_int_equal(ranges->iova_ranges[0].start, 0);
	assert_int_equal(ranges->iova_ranges[0].end, 0xfedfffff);
	assert_int_equal(ranges->iova_ranges[1].start, 0xfef00000);
	assert_int_equal(ranges->iova_ranges[1].end, 0xffffffffffff);
	type1->detach_group(space, (struct iommu_group *)0x2000);
	space_close(space);
}

static void
I3_get_info_of_a_host_without_ranges_has_no_such_capability(void **state)
{
	u8 buf[512] __attribute__((aligned(8))) = { 0 };
	struct vfio_iommu_type1_info *info = (void *)buf;
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	struct vfio_info_cap_header *cap;
	unsigned int nr = 0;
	u32 at;

	fake.nr_ranges = 0;
	info->argsz = sizeof(buf);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, info), 0);
	for (at = info->cap_offset; at; at = cap->next, nr++) {
		cap = (void *)(buf + at);
		assert_int_not_equal(cap->id,
				     VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	}
	assert_int_equal(nr, 2);
	space_close(space);
}

static void I3_get_info_short_of_the_chain_tells_how_much(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1v2_IOMMU);
	union info small, exact;
	u32 full;

	memset(&small, 0xa5, sizeof(small));
	small.info.argsz = sizeof(small.info);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &small), 0);
	full = small.info.argsz;
	assert_in_range(full, sizeof(small.info) + 1, sizeof(small));
	assert_int_equal(small.info.cap_offset, 0);
	assert_true(small.info.flags & VFIO_IOMMU_INFO_CAPS);
	/* Not a byte behind the struct. */
	assert_int_equal(small.room[sizeof(small.info)], 0xa5);

	memset(&exact, 0xa5, sizeof(exact));
	exact.info.argsz = full - 1;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &exact), 0);
	assert_int_equal(exact.info.argsz, full);
	assert_int_equal(exact.info.cap_offset, 0);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &exact), 0);
	assert_int_equal(exact.info.argsz, full);
	assert_int_equal(exact.info.cap_offset, sizeof(exact.info));
	assert_int_equal(exact.room[full], 0xa5);
	space_close(space);
}

/* Programs of the time before capabilities give 16 bytes. */
static void I3_get_info_writes_no_more_than_argsz(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);
	union info buf;

	memset(&buf, 0xa5, sizeof(buf));
	buf.info.argsz = 16;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf), 0);
	assert_int_equal(buf.info.iova_pgsizes, PAGE_MASK);
	assert_int_equal(buf.room[16], 0xa5);
	space_close(space);
}

static void I3_get_info_refuses_bad_arguments(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);
	union info buf = { .info.argsz = 15 };
	void *page = user_alloc(2 * ONE_PAGE);
	struct vfio_iommu_type1_info *tail = page + ONE_PAGE - 16;

	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf),
			 -EINVAL);
	buf.info.argsz = 0;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf),
			 -EINVAL);
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, NULL),
			 -EFAULT);
	assert_int_equal(
		space_ioctl(space, VFIO_IOMMU_GET_INFO, user_nowhere()),
		-EFAULT);
	/* The struct is there, the room it claims is not. */
	user_free(page + ONE_PAGE, ONE_PAGE);
	tail->argsz = 4096;
	assert_int_equal(space_ioctl(space, VFIO_IOMMU_GET_INFO, tail),
			 -EFAULT);
	user_free(page, ONE_PAGE);
	space_close(space);
}

static void I3_get_info_without_memory_is_enomem(void **state)
{
	struct vfio_type1 *space = space_open(VFIO_TYPE1_IOMMU);
	union info buf = { .info.argsz = sizeof(buf) };
	long nth, ret, live = memory_live;

	for (nth = 0;; nth++) {
		memory_left = nth;
		ret = space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf);
		memory_left = -1;
		assert_int_equal(memory_live, live);
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
	}
	assert_true(nth >= 3);
	space_close(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(I3_extensions_are_answered),
		TEST(I3_cache_coherence_is_known_once_open),
		TEST(I3_other_ioctls_are_enotty),
		TEST(I3_open_fails_whole),
		TEST(I3_groups_share_the_space),
		TEST(I3_group_that_reserves_a_mapped_range_is_einval),
		TEST(I3_release_undoes_everything),
		TEST(I3_get_info_has_the_chain_of_linux),
		TEST(I3_get_info_of_a_host_without_ranges_has_no_such_capability),
		TEST(I3_get_info_short_of_the_chain_tells_how_much),
		TEST(I3_get_info_writes_no_more_than_argsz),
		TEST(I3_get_info_refuses_bad_arguments),
		TEST(I3_get_info_without_memory_is_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
