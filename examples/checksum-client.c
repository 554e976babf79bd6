// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Adds up standard input on the device of checksum.c: checksum-client BDF GROUP */
#include <err.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 0x100000
#define IOVA 0x40000000
#define REG(type, off) (*(volatile type *)(regs + (off)))

static long check(long ret, const char *what)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

int main(int argc, char **argv)
{
	char *mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_iommu_type1_dma_map map = { sizeof(map), 3, (uintptr_t)mem,
						IOVA, SIZE };
	struct vfio_region_info bar = { sizeof(bar), .index = 0 };
	struct vfio_region_info config = { sizeof(config), .index = 7 };
	int irq[6] = { sizeof(irq), 0x24, 2, 0, 1 }; /* trigger MSI-X 0 */
	uint16_t command = 6; /* registers on, DMA on */
	int container, group, device;
	uint64_t events;
	char *regs;

	if (argc != 3)
		errx(1, "usage: %s BDF /dev/vfio/GROUP", argv[0]);
	container = check(open("/dev/vfio/vfio", O_RDWR), "container");
	group = check(open(argv[2], O_RDWR), argv[2]);
	check(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "attach");
	check(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "type1");
	device =
		check(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[1]), argv[1]);
	check(ioctl(container, VFIO_IOMMU_MAP_DMA, &map), "map memory");
	irq[5] = eventfd(0, 0);
	check(ioctl(device, VFIO_DEVICE_SET_IRQS, irq), "interrupt");
	check(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config), "config");
	check(pwrite(device, &command, 2, config.offset + 4), "command");
	check(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar), "BAR 0");
	regs = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    bar.offset);
	check(regs == MAP_FAILED ? -1 : 0, "registers");

	REG(uint64_t, 0x08) = IOVA;
	REG(uint32_t, 0x10) = check(read(0, mem, SIZE), "standard input");
	REG(uint32_t, 0x14) = 1;
	check(read(irq[5], &events, sizeof(events)), "wait");
	if (REG(uint32_t, 0x18))
		errx(1, "the device could not read the memory");
	printf("%llu\n", (unsigned long long)REG(uint64_t, 0x20));
	return 0;
}
