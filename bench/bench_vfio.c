// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The figures of a VFIO program, taken by an ordinary one: it knows nothing of
 * anyvfio and is run under the launcher.
 *
 *   anyvfio run --dma-entry-limit 1100000 -- bench_vfio /dev/vfio/GROUP BDF
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "bench.h"

#define PAGE 4096ul
#define LIVE 1000000ul

static int container, device;
static struct vfio_region_info config = {
	.argsz = sizeof(config),
	.index = VFIO_PCI_CONFIG_REGION_INDEX
};
static char *page;

static void map_at(uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)page,
		.iova = iova,
		.size = PAGE,
	};

	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		err(1, "VFIO_IOMMU_MAP_DMA at %#lx", (unsigned long)iova);
}

static void unmap_at(uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = PAGE,
	};

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) ||
	    unmap.size != PAGE)
		err(1, "VFIO_IOMMU_UNMAP_DMA at %#lx", (unsigned long)iova);
}

static void map_pair(void *arg)
{
	uint64_t iova = *(uint64_t *)arg;

	map_at(iova);
	unmap_at(iova);
}

static void config_read(void *arg)
{
	uint32_t val;

	if (pread(device, &val, sizeof(val), config.offset) != sizeof(val))
		err(1, "config space");
}

static void open_device(const char *path, const char *name)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int group;

	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		err(1, "/dev/vfio/vfio");
	group = open(path, O_RDWR | O_CLOEXEC);
	if (group < 0)
		err(1, "%s", path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		errx(1, "%s is not viable", path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		err(1, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "VFIO_SET_IOMMU");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		err(1, "VFIO_GROUP_GET_DEVICE_FD %s", name);
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		err(1, "config region");
}

int main(int argc, char **argv)
{
	uint64_t iova = 1ul << 32;

	if (argc != 3)
		errx(2, "usage: bench_vfio /dev/vfio/GROUP BDF");
	open_device(argv[1], argv[2]);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		err(1, "mmap");
	*page = 1;

	bench_print("map", bench_ns(map_pair, &iova, 10000));
	bench_print("config", bench_ns(config_read, NULL, 10000));

	for (unsigned long i = 1; i <= LIVE; i++)
		map_at(iova + i * PAGE);
	iova += (LIVE + 1) * PAGE;
	bench_print("map_million", bench_ns(map_pair, &iova, 10000));
	return 0;
}
