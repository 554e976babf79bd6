// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The addresses that VGA controllers share, and an expansion ROM.
 *
 *   vga GROUP BDF      QEMU's VGA
 */
#include <err.h>

#include "../uapi/uapi.h"

#define VGA ((off_t)VFIO_PCI_VGA_REGION_INDEX << 40)
#define ROM ((off_t)VFIO_PCI_ROM_REGION_INDEX << 40)

#define MEMORY 0xa0000
#define TEXT 0xb8000
/* Registers of the sequencer: which one, and its contents. */
#define SEQUENCER 0x3c4

static int device;

static struct vfio_region_info info_of(uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO %u", index);
	return info;
}

static long rd(off_t at, void *buf, size_t len)
{
	return call(pread(device, buf, len, at));
}

static long wr(off_t at, const void *buf, size_t len)
{
	return call(pwrite(device, buf, len, at));
}

static void test_info(void)
{
	struct vfio_region_info info = info_of(VFIO_PCI_VGA_REGION_INDEX);

	check("D1_vga_flags", info.flags,
	      VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	check("D1_vga_size", info.size, 0xc0000);
	check("D1_vga_offset", info.offset >> 40, VFIO_PCI_VGA_REGION_INDEX);
	check("D1_vga_mmap_is_einval",
	      mmap(NULL, 4096, PROT_READ, MAP_SHARED, device, VGA + MEMORY) ==
			      MAP_FAILED
		      ? -errno
		      : 0,
	      -EINVAL);
}

static void test_ports(void)
{
	const uint8_t map_mask[2] = { 2, 0xf };
	uint8_t bytes[64];

	check("D1_vga_port_write", wr(VGA + SEQUENCER, map_mask, 2), 2);
	check("D1_vga_port_read", rd(VGA + SEQUENCER, bytes, 2), 2);
	check("D1_vga_port_has_what_was_written",
	      bytes[0] == 2 && bytes[1] == 0xf, 1);
	check("D1_vga_ports_end", rd(VGA + 0x3dc, bytes, 16), 4);
	check("D1_vga_first_ports_end", rd(VGA + 0x3b8, bytes, 16), 4);
	check("D1_vga_between_is_einval", rd(VGA + 0x3bc, bytes, 1), -EINVAL);
	check("D1_vga_below_is_einval", rd(VGA + 0x3af, bytes, 1), -EINVAL);
	check("D1_vga_above_is_einval", rd(VGA + 0x3e0, bytes, 1), -EINVAL);
	check("D1_vga_nothing_there_is_einval", wr(VGA, bytes, 1), -EINVAL);
}

static void test_memory(void)
{
	static const char text[] = "anyvfio was here";
	char back[sizeof(text)] = "";

	check("D1_vga_memory_write", wr(VGA + TEXT, text, sizeof(text)),
	      sizeof(text));
	check("D1_vga_memory_read", rd(VGA + TEXT, back, sizeof(back)),
	      sizeof(back));
	check("D1_vga_memory_is_there", memcmp(text, back, sizeof(text)), 0);
	check("D1_vga_memory_ends", rd(VGA + 0xbfffe, back, 8), 2);
	check("D1_vga_memory_beyond_is_einval", rd(VGA + 0xc0000, back, 1),
	      -EINVAL);
	check("D1_vga_memory_before_is_einval", rd(VGA + MEMORY - 1, back, 1),
	      -EINVAL);
	check("D1_vga_bad_pointer_is_efault", rd(VGA + TEXT, BAD_PTR, 1),
	      -EFAULT);
}

/* What is in the middle of an image is somebody else's; it begins with its mark,
 * its length, and has a pointer to what it is for. */
static void test_rom(void)
{
	struct vfio_region_info info = info_of(VFIO_PCI_ROM_REGION_INDEX);
	uint8_t image[0x40], part[7];
	uint32_t id = 0, rom_id = 0;

	check("D1_rom_flags", info.flags, VFIO_REGION_INFO_FLAG_READ);
	check("D1_rom_is_there", info.size > sizeof(image), 1);
	check("D1_rom_read", rd(ROM, image, sizeof(image)), sizeof(image));
	check("D1_rom_mark", image[0] == 0x55 && image[1] == 0xaa, 1);
	rd((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40, &id, 4);
	rd(ROM + (image[0x18] | image[0x19] << 8) + 4, &rom_id, 4);
	check("D1_rom_is_the_functions", rom_id == id, 1);
	check("D1_rom_part", rd(ROM + 1, part, sizeof(part)), sizeof(part));
	check("D1_rom_part_is_the_same", memcmp(part, image + 1, sizeof(part)),
	      0);
	check("D1_rom_end", rd(ROM + info.size - 3, part, sizeof(part)), 3);
	check("D1_rom_beyond_is_einval", rd(ROM + info.size, part, 1), -EINVAL);
	check("D1_rom_write_is_einval", wr(ROM, part, 1), -EINVAL);
}

int main(int argc, char **argv)
{
	struct chain chain;

	if (argc != 3)
		errx(2, "usage: vga GROUP BDF");
	chain = open_named(argv[1], argv[2]);
	device = chain.device;
	test_info();
	test_ports();
	test_memory();
	test_rom();
	close_chain(&chain);
	return check_summary();
}
