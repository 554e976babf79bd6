/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a program is told of a function: device, regions, interrupts, features. */
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
	fake_bind(fake);
	user_open(&user, fake);
}

static int teardown(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	return 0;
}

/* ---- device ---- */

static void device_info_names_a_pci_device_that_resets(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	start();
	info.cap_offset = 77;
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_INFO, &info), 0);
	assert_int_equal(info.argsz, sizeof(info));
	assert_int_equal(info.flags,
			 VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(info.num_regions, 9);
	assert_int_equal(info.num_irqs, 5);
	assert_int_equal(info.cap_offset, 0);
}

static void device_info_without_reset_lacks_the_flag(void **state)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	fake->info.can_reset = false;
	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_INFO, &info), 0);
	assert_int_equal(info.flags, VFIO_DEVICE_FLAGS_PCI);
}

static void
device_info_of_an_old_program_is_not_written_beyond_argsz(void **state)
{
	struct vfio_device_info info = { .argsz = 16, .cap_offset = 77 };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_INFO, &info), 0);
	assert_int_equal(info.num_irqs, 5);
	assert_int_equal(info.cap_offset, 77);
	assert_int_equal(info.argsz, 16);
}

static void device_info_with_short_argsz_is_einval(void **state)
{
	struct vfio_device_info info = { .argsz = 15 };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_INFO, &info), -EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_INFO, NULL), -EFAULT);
}

/* ---- regions ---- */

static long region_info(u32 index, struct vfio_region_info *info)
{
	memset(info, 0xee, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, info);
}

static void region_info_has_size_flags_and_place_of_each(void **state)
{
	const u32 rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	const u32 mmap = VFIO_REGION_INFO_FLAG_MMAP;
	const struct {
		u64 size;
		u32 flags;
	} expected[] = {
		{ BAR0_SIZE, rw | mmap },
		{ 0, 0 },
		{ BAR2_SIZE, rw },
		{ BAR3_SIZE, rw },
		{ BAR4_SIZE, rw | mmap | VFIO_REGION_INFO_FLAG_CAPS },
		{ 0, 0 },
		{ ROM_SIZE, VFIO_REGION_INFO_FLAG_READ },
		{ 4096, rw },
	};
	struct vfio_region_info info;
	u32 i;

	start();
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(region_info(i, &info), 0);
		assert_int_equal(info.index, i);
		assert_int_equal(info.offset, (u64)i << 40);
		assert_int_equal(info.size, expected[i].size);
		assert_int_equal(info.flags, expected[i].flags);
		assert_int_equal(info.cap_offset, 0);
		assert_int_equal(info.argsz, i == 4 ? 40 : 32);
	}
}

static void region_info_of_a_conventional_function_says_256(void **state)
{
	struct vfio_region_info info;

	fake->info.config_size = 256;
	fake->info.rom_size = 0;
	start();
	assert_int_equal(region_info(7, &info), 0);
	assert_int_equal(info.size, 256);
	assert_int_equal(region_info(6, &info), 0);
	assert_int_equal(info.size, 0);
	assert_int_equal(info.flags, 0);
}

static void region_info_of_vga_and_beyond_is_einval(void **state)
{
	struct vfio_region_info info;

	start();
	assert_int_equal(region_info(8, &info), -EINVAL);
	assert_int_equal(region_info(9, &info), -EINVAL);
	assert_int_equal(region_info(0xffffffff, &info), -EINVAL);
}

static void region_info_with_short_argsz_is_einval(void **state)
{
	struct vfio_region_info info = { .argsz = 31 };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, &info),
			 -EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, NULL),
			 -EFAULT);
}

struct big_info {
	struct vfio_region_info info;
	u8 room[256];
};

static struct vfio_info_cap_header *find_cap(struct big_info *big, u16 id)
{
	struct vfio_info_cap_header *cap;
	u32 off;

	for (off = big->info.cap_offset; off; off = cap->next) {
		assert_in_range(off, sizeof(big->info), big->info.argsz - 8);
		assert_int_equal(off % 8, 0);
		cap = (void *)((u8 *)big + off);
		if (cap->id == id)
			return cap;
	}
	return NULL;
}

static void get_big(u32 index, struct big_info *big)
{
	memset(big, 0, sizeof(*big));
	big->info.argsz = sizeof(*big);
	big->info.index = index;
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, big), 0);
	assert_int_equal(big->info.argsz, sizeof(*big));
}

static void region_info_tells_that_the_msix_table_may_be_mapped(void **state)
{
	struct vfio_info_cap_header *cap;
	struct big_info big;

	start();
	get_big(4, &big);
	cap = find_cap(&big, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE);
	assert_non_null(cap);
	assert_int_equal(cap->version, 1);
	assert_null(find_cap(&big, VFIO_REGION_INFO_CAP_SPARSE_MMAP));
	get_big(0, &big);
	assert_int_equal(big.info.cap_offset, 0);
}

static void region_info_without_msix_has_no_such_capability(void **state)
{
	struct big_info big;

	fake->info.msix = 0;
	start();
	get_big(4, &big);
	assert_int_equal(big.info.cap_offset, 0);
	assert_false(big.info.flags & VFIO_REGION_INFO_FLAG_CAPS);
}

/* Two areas of four pages; the table is in the hole. */
static void region_info_lists_the_areas_of_a_bar_in_parts(void **state)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info info;
	struct big_info big;

	fake->info.msix_bar = 0;
	fake->info.msix_offset = 0x1000;
	fake->area[0][0] = 0;
	fake->area[0][1] = 0x1000;
	fake->area[1][0] = 0x2000;
	fake->area[1][1] = 0x2000;
	fake->nr_areas = 2;
	start();
	assert_int_equal(region_info(0, &info), 0);
	assert_int_equal(info.argsz, 32 + 48);
	assert_int_equal(info.cap_offset, 0);
	assert_true(info.flags & VFIO_REGION_INFO_FLAG_CAPS);

	get_big(0, &big);
	assert_true(big.info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	sparse = (void *)find_cap(&big, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	assert_non_null(sparse);
	assert_int_equal(sparse->header.version, 1);
	assert_int_equal(sparse->nr_areas, 2);
	assert_int_equal(sparse->areas[0].offset, 0);
	assert_int_equal(sparse->areas[0].size, 0x1000);
	assert_int_equal(sparse->areas[1].offset, 0x2000);
	assert_int_equal(sparse->areas[1].size, 0x2000);
	assert_null(find_cap(&big, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE));
}

/* Counted, and listed one more: by a table that moves, for instance. */
static bool one_area_then_two(void *hw, u32 bar, u32 i, u64 *off, u64 *len)
{
	*off = i * 0x2000;
	*len = 0x1000;
	if (i < fake->nr_areas)
		return true;
	fake->nr_areas = 2;
	return false;
}

static void region_info_lists_no_more_areas_than_it_counted(void **state)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct big_info big;

	fake->nr_areas = 1;
	start();
	fake->ops.bar_area = one_area_then_two;
	get_big(0, &big);
	sparse = (void *)find_cap(&big, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	assert_non_null(sparse);
	assert_int_equal(sparse->nr_areas, 1);
}

/* BAR 4 has none, as the function says: then it is not offered at all. */
static void region_info_of_a_bar_without_areas_lacks_mmap(void **state)
{
	struct vfio_region_info info;

	fake->area[0][1] = BAR0_SIZE;
	fake->nr_areas = 1;
	start();
	assert_int_equal(region_info(4, &info), 0);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ |
					     VFIO_REGION_INFO_FLAG_WRITE);
	assert_int_equal(region_info(0, &info), 0);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ |
					     VFIO_REGION_INFO_FLAG_WRITE |
					     VFIO_REGION_INFO_FLAG_MMAP);
}

/* ---- interrupts ---- */

static long irq_info(u32 index, struct vfio_irq_info *info)
{
	memset(info, 0xee, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return do_ioctl(&user, VFIO_DEVICE_GET_IRQ_INFO, info);
}

static void irq_info_has_flags_and_count_of_each(void **state)
{
	const u32 flags[] = { 0x7, 0x9, 0x9, 0x9, 0x9 };
	const u32 count[] = { 1, NR_MSI, NR_MSIX, 1, 1 };
	struct vfio_irq_info info;
	u32 i;

	start();
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		assert_int_equal(irq_info(i, &info), 0);
		assert_int_equal(info.index, i);
		assert_int_equal(info.flags, flags[i]);
		assert_int_equal(info.count, count[i]);
	}
	assert_int_equal(irq_info(5, &info), -EINVAL);
	info.argsz = 15;
	info.index = 0;
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_IRQ_INFO, &info),
			 -EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_IRQ_INFO, NULL),
			 -EFAULT);
}

static void irq_info_of_a_function_without_any_counts_0(void **state)
{
	struct vfio_irq_info info;
	u32 i;

	fake->info.has_intx = false;
	fake->info.msi = 0;
	fake->info.msix = 0;
	fake->info.express = false;
	start();
	for (i = 0; i < 3; i++) {
		assert_int_equal(irq_info(i, &info), 0);
		assert_int_equal(info.count, 0);
	}
	assert_int_equal(irq_info(3, &info), -EINVAL);
	assert_int_equal(irq_info(4, &info), 0);
	assert_int_equal(info.count, 1);
}

/* ---- features and the rest ---- */

static long feature(u32 argsz, u32 flags)
{
	struct vfio_device_feature feature = { argsz, flags };

	return do_ioctl(&user, VFIO_DEVICE_FEATURE, &feature);
}

static void feature_that_is_not_there_is_enotty(void **state)
{
	start();
	assert_int_equal(feature(8, VFIO_DEVICE_FEATURE_GET), -ENOTTY);
	assert_int_equal(feature(8, VFIO_DEVICE_FEATURE_SET | 1), -ENOTTY);
	assert_int_equal(feature(8, VFIO_DEVICE_FEATURE_PROBE | 11), -ENOTTY);
	assert_int_equal(feature(8, VFIO_DEVICE_FEATURE_PROBE |
					    VFIO_DEVICE_FEATURE_GET |
					    VFIO_DEVICE_FEATURE_SET),
			 -ENOTTY);
	assert_int_equal(feature(8, 0), -ENOTTY);
}

static void feature_request_that_makes_no_sense_is_einval(void **state)
{
	start();
	assert_int_equal(feature(7, VFIO_DEVICE_FEATURE_GET), -EINVAL);
	assert_int_equal(feature(8, 1u << 19), -EINVAL);
	assert_int_equal(feature(8, 1u << 31), -EINVAL);
	assert_int_equal(
		feature(8, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET),
		-EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_FEATURE, NULL), -EFAULT);
}

static void unknown_command_is_enotty(void **state)
{
	u64 arg[8] = { sizeof(arg) };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_QUERY_GFX_PLANE, arg),
			 -ENOTTY);
	assert_int_equal(do_ioctl(&user, VFIO_GROUP_GET_STATUS, arg), -ENOTTY);
	assert_int_equal(do_ioctl(&user, 0xdeadbeef, arg), -ENOTTY);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(device_info_names_a_pci_device_that_resets),
		test(device_info_without_reset_lacks_the_flag),
		test(device_info_of_an_old_program_is_not_written_beyond_argsz),
		test(device_info_with_short_argsz_is_einval),
		test(region_info_has_size_flags_and_place_of_each),
		test(region_info_of_a_conventional_function_says_256),
		test(region_info_of_vga_and_beyond_is_einval),
		test(region_info_with_short_argsz_is_einval),
		test(region_info_tells_that_the_msix_table_may_be_mapped),
		test(region_info_without_msix_has_no_such_capability),
		test(region_info_lists_the_areas_of_a_bar_in_parts),
		test(region_info_lists_no_more_areas_than_it_counted),
		test(region_info_of_a_bar_without_areas_lacks_mmap),
		test(irq_info_has_flags_and_count_of_each),
		test(irq_info_of_a_function_without_any_counts_0),
		test(feature_that_is_not_there_is_enotty),
		test(feature_request_that_makes_no_sense_is_einval),
		test(unknown_command_is_enotty),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
