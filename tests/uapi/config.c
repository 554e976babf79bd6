// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Configuration space as a user sees it. */
#include "uapi.h"

#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

static int device;

static uint32_t get(unsigned int off, unsigned int size)
{
	uint32_t val = 0;

	if (pread(device, &val, size, CONFIG + off) != size)
		check("D1_config_read", -errno, size);
	return val;
}

static void set(unsigned int off, unsigned int size, uint32_t val)
{
	if (pwrite(device, &val, size, CONFIG + off) != size)
		check("D1_config_write", -errno, size);
}

static void test_access(void)
{
	unsigned char whole[256];
	uint16_t vendor = get(0, 2);

	check("D1_config_whole", call(pread(device, whole, 256, CONFIG)), 256);
	check("D1_config_whole_is_the_same",
	      (whole[0] | whole[1] << 8) == vendor, 1);
	check("D1_config_6_bytes", call(pread(device, whole, 6, CONFIG + 1)),
	      6);
	check("D1_config_bad_pointer_is_efault",
	      call(pread(device, BAD_PTR, 4, CONFIG)), -EFAULT);
	check("D1_config_beyond_is_efault",
	      call(pread(device, whole, 4, CONFIG + 4096)), -EFAULT);
}

static void test_command(void)
{
	check("D1_bus_master_is_off_at_open", get(4, 2) & 4, 0);
	set(4, 2, get(4, 2) | 4);
	check("D1_bus_master_on", get(4, 2) & 4, 4);
	set(4, 2, get(4, 2) & ~4u);
	check("D1_bus_master_off", get(4, 2) & 4, 0);
	set(0, 2, 0);
	check("D1_vendor_is_read_only", get(0, 2) != 0, 1);
}

static void test_bar_sizing(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	uint32_t was = get(0x10, 4), mask;

	ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info);
	set(0x10, 4, 0xffffffff);
	mask = get(0x10, 4) & ~0xfu;
	check("D1_bar_sizing_tells_the_size", (uint32_t)-mask == info.size, 1);
	check("D1_bar_sizing_keeps_the_type", get(0x10, 4) & 0xf, was & 0xf);
	set(0x10, 4, was);
	check("D1_bar_holds_what_is_written", get(0x10, 4) == was, 1);
}

static void test_capabilities(void)
{
	unsigned int off = get(0x34, 1) & ~3u, n = 0;

	check("D1_has_a_capability_list", !!(get(6, 2) & 0x10), 1);
	while (off && n < 48) {
		n++;
		off = get(off + 1, 1) & ~3u;
	}
	check("D1_capability_list_ends", n < 48, 1);
}

void test_config(void)
{
	struct chain c = open_device();

	device = c.device;
	test_access();
	test_command();
	test_bar_sizing();
	test_capabilities();
	close_chain(&c);
}
