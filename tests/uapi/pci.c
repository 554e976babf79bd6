// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A PCI device's information, regions, reset and features. */
#include "uapi.h"

static int device;

static void test_info(void)
{
	struct vfio_device_info info = { .argsz = 4 };

	check("D1_info_bad_pointer_is_efault",
	      call(ioctl(device, VFIO_DEVICE_GET_INFO, BAD_PTR)), -EFAULT);
	check("D1_info_short_argsz_is_einval",
	      call(ioctl(device, VFIO_DEVICE_GET_INFO, &info)), -EINVAL);
	info.argsz = sizeof(info);
	check("D1_info", call(ioctl(device, VFIO_DEVICE_GET_INFO, &info)), 0);
	check("D1_info_is_pci", !!(info.flags & VFIO_DEVICE_FLAGS_PCI), 1);
	check("D1_info_regions", info.num_regions, VFIO_PCI_NUM_REGIONS);
	check("D1_info_irqs", info.num_irqs, VFIO_PCI_NUM_IRQS);
	check("D1_unknown_ioctl_is_enotty",
	      call(ioctl(device, _IO(VFIO_TYPE, VFIO_BASE + 99))), -ENOTTY);
}

static long region(uint32_t index, uint32_t argsz,
		   struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = argsz;
	info->index = index;
	return call(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info));
}

static void test_regions(void)
{
	struct vfio_region_info info;
	char name[64];
	uint32_t i;

	for (i = 0; i <= VFIO_PCI_CONFIG_REGION_INDEX; i++) {
		snprintf(name, sizeof(name), "D1_region_%u", i);
		check(name, region(i, sizeof(info), &info), 0);
		snprintf(name, sizeof(name), "D1_region_%u_offset", i);
		check(name, info.offset >> 40, i);
	}
	check("D1_region_vga_is_einval",
	      region(VFIO_PCI_VGA_REGION_INDEX, sizeof(info), &info), -EINVAL);
	check("D1_region_beyond_is_einval", region(1000, sizeof(info), &info),
	      -EINVAL);
	check("D1_region_short_argsz_is_einval", region(0, 8, &info), -EINVAL);
	check("D1_region_bad_pointer_is_efault",
	      call(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, BAD_PTR)),
	      -EFAULT);
	region(VFIO_PCI_CONFIG_REGION_INDEX, sizeof(info), &info);
	check("D1_config_flags", info.flags,
	      VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
}

static void test_bar(void)
{
	struct vfio_region_info info;
	uint32_t a, b;
	void *addr;

	region(0, sizeof(info), &info);
	check("D1_bar_read_4", call(pread(device, &a, 4, info.offset)), 4);
	check("D1_bar_read_beyond_is_einval",
	      call(pread(device, &a, 4, info.offset + info.size)), -EINVAL);
	check("D1_bar_read_bad_pointer_is_efault",
	      call(pread(device, BAD_PTR, 4, info.offset)), -EFAULT);
	check("D1_read_past_all_regions_is_einval",
	      call(pread(device, &a, 4, 9LL << 40)), -EINVAL);
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	addr = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    info.offset);
	check("D1_bar_mmap", addr != MAP_FAILED, 1);
	b = *(volatile uint32_t *)addr;
	check("D1_bar_mmap_reads_the_same", a == b, 1);
	munmap(addr, 4096);
	addr = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, device, info.offset);
	check("D1_bar_private_mmap_is_einval", addr == MAP_FAILED ? -errno : 0,
	      -EINVAL);
	addr = mmap(NULL, 4096, PROT_READ, MAP_SHARED, device,
		    info.offset + info.size);
	check("D1_bar_mmap_beyond_is_einval", addr == MAP_FAILED ? -errno : 0,
	      -EINVAL);
	addr = mmap(NULL, 256, PROT_READ, MAP_SHARED, device,
		    (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40);
	check("D1_config_mmap_is_einval", addr == MAP_FAILED ? -errno : 0,
	      -EINVAL);
}

static long ioeventfd(uint32_t size, uint64_t offset, int fd)
{
	return set_ioeventfd(device, size, offset, 0, fd);
}

static void test_ioeventfd(void)
{
	const uint64_t rom = (uint64_t)VFIO_PCI_ROM_REGION_INDEX << 40;
	const uint64_t config = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	struct vfio_device_ioeventfd arg = { .argsz = 8 };
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vfio_region_info bar;

	region(0, sizeof(bar), &bar);
	check("D1_ioeventfd_bad_pointer_is_efault",
	      call(ioctl(device, VFIO_DEVICE_IOEVENTFD, BAD_PTR)), -EFAULT);
	check("D1_ioeventfd_short_argsz_is_einval",
	      call(ioctl(device, VFIO_DEVICE_IOEVENTFD, &arg)), -EINVAL);
	check("D1_ioeventfd_without_a_size_is_einval", ioeventfd(0, 0x20, fd),
	      -EINVAL);
	check("D1_ioeventfd_with_two_sizes_is_einval", ioeventfd(6, 0x20, fd),
	      -EINVAL);
	check("D1_ioeventfd_unknown_flag_is_einval", ioeventfd(20, 0x20, fd),
	      -EINVAL);
	check("D1_ioeventfd_beyond_is_einval", ioeventfd(4, bar.size, fd),
	      -EINVAL);
	check("D1_ioeventfd_over_the_end_is_einval",
	      ioeventfd(4, bar.size - 2, fd), -EINVAL);
	check("D1_ioeventfd_across_registers_is_einval", ioeventfd(4, 0x22, fd),
	      -EINVAL);
	check("D1_ioeventfd_of_the_rom_is_einval", ioeventfd(4, rom, fd),
	      -EINVAL);
	check("D1_ioeventfd_of_config_is_einval", ioeventfd(4, config, fd),
	      -EINVAL);
	check("D1_ioeventfd_fd_minus_2_is_einval", ioeventfd(4, 0x20, -2),
	      -EINVAL);
	check("D1_ioeventfd_of_no_eventfd_is_einval",
	      ioeventfd(4, 0x20, device), -EINVAL);
	check("D1_ioeventfd_closed_fd_is_ebadf", ioeventfd(4, 0x20, 999),
	      -EBADF);
	check("D1_ioeventfd_off_that_is_not_on_is_enodev",
	      ioeventfd(4, 0x20, -1), -ENODEV);
	check("D1_ioeventfd", ioeventfd(4, 0x20, fd), 0);
	check("D1_ioeventfd_twice_is_eexist", ioeventfd(4, 0x20, fd), -EEXIST);
	check("D1_ioeventfd_of_another_size", ioeventfd(2, 0x20, fd), 0);
	check("D1_ioeventfd_off", ioeventfd(4, 0x20, -1), 0);
	/* The other is left to the last close. */
	close(fd);
}

static void test_memory_disable(void)
{
	off_t config = (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	uint16_t command, off;
	uint32_t val;

	check("D4_command", call(pread(device, &command, 2, config + 4)), 2);
	off = command & ~2u;
	check("D4_memory_off", call(pwrite(device, &off, 2, config + 4)), 2);
	check("D4_bar_without_memory_is_eio", call(pread(device, &val, 4, 0)),
	      -EIO);
	check("D4_memory_on", call(pwrite(device, &command, 2, config + 4)), 2);
	check("D4_bar_with_memory", call(pread(device, &val, 4, 0)), 4);
}

static void test_feature(void)
{
	struct vfio_device_feature feature = { .argsz = 4 };

	check("D1_feature_short_argsz_is_einval",
	      call(ioctl(device, VFIO_DEVICE_FEATURE, &feature)), -EINVAL);
	feature.argsz = sizeof(feature);
	feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET | 999;
	check("D1_feature_get_and_set_is_einval",
	      call(ioctl(device, VFIO_DEVICE_FEATURE, &feature)), -EINVAL);
	feature.flags = 1u << 31 | 999;
	check("D1_feature_unknown_flag_is_einval",
	      call(ioctl(device, VFIO_DEVICE_FEATURE, &feature)), -EINVAL);
	feature.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			999;
	check("D1_feature_unknown_is_enotty",
	      call(ioctl(device, VFIO_DEVICE_FEATURE, &feature)), -ENOTTY);
}

static void test_reset(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ioctl(device, VFIO_DEVICE_GET_INFO, &info);
	check("D1_reset", call(ioctl(device, VFIO_DEVICE_RESET)),
	      info.flags & VFIO_DEVICE_FLAGS_RESET ? 0 : -EINVAL);
}

void test_pci(void)
{
	struct chain c = open_device();

	device = c.device;
	test_info();
	test_regions();
	test_bar();
	test_ioeventfd();
	test_memory_disable();
	test_feature();
	test_reset();
	close_chain(&c);
}
