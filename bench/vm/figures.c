// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Takes the figures of one VFIO, ours or the kernel's own: runs in a machine of
 * vmrun -I, where a tick of the processor's clock is an instruction.
 *
 *   figures calls GROUP BDF        what an open device costs
 *   figures cycle GROUP BDF        from open to close
 *   figures find GROUP NAME COUNT  a group and a device among COUNT
 *
 * A line per figure: its key, and instructions.
 * What is short is taken many times, and the median counts: no interrupt is in
 * it.  What is long is taken a few times, and the lowest counts.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#define SHORT_RUNS 201
#define LONG_RUNS 5

#define PAGE 4096ul
#define HUGE_PAGE (2ul << 20)
#define BIG (64ul << 20)

/* Where the mappings that are measured go, and those that are only there. */
#define IOVA (1ul << 32)
#define IOVA_LIVE (2ul << 32)

static int container, group, device;
static unsigned long backend = VFIO_TYPE1v2_IOMMU;
static uint64_t clock_cost;

static void print(const char *key, uint64_t instructions)
{
	printf("%s %lu\n", key, instructions);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *ticks, unsigned int nr)
{
	qsort(ticks, nr, sizeof(*ticks), compare);
	return ticks[nr / 2] - clock_cost;
}

static uint64_t lowest(uint64_t *ticks, unsigned int nr)
{
	qsort(ticks, nr, sizeof(*ticks), compare);
	return ticks[0] - clock_cost;
}

/* Prints how long @expr takes, which must be @good. */
#define TAKE(key, expr, good)                                \
	do {                                                 \
		uint64_t ticks[SHORT_RUNS];                  \
		for (int i = 0; i < SHORT_RUNS; i++) {       \
			uint64_t start = __rdtsc();          \
			long ret = (expr);                   \
			ticks[i] = __rdtsc() - start;        \
			if (ret != (good))                   \
				err(1, "%s: %ld", key, ret); \
		}                                            \
		print(key, median(ticks, SHORT_RUNS));       \
	} while (0)

static void take_clock(void)
{
	uint64_t ticks[SHORT_RUNS];

	for (int i = 0; i < SHORT_RUNS; i++) {
		ticks[i] = __rdtsc();
		ticks[i] = __rdtsc() - ticks[i];
	}
	clock_cost = 0;
	clock_cost = median(ticks, SHORT_RUNS);
}

/* ---- opening and closing ---- */

enum {
	CONTAINER,
	GROUP,
	SET_CONTAINER,
	SET_IOMMU,
	DEVICE,
	CLOSE_DEVICE,
	CLOSE,
	WHOLE,
	NR_STEPS
};

static const char *const steps[] = {
	[CONTAINER] = "open_container",
	[GROUP] = "open_group",
	[SET_CONTAINER] = "set_container",
	[SET_IOMMU] = "set_iommu",
	[DEVICE] = "get_device_fd",
	[CLOSE_DEVICE] = "close_device",
	[CLOSE] = "close_group_and_container",
	[WHOLE] = "cycle",
};

static int must(const char *what, int ret)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static void open_all(const char *node, const char *bdf, uint64_t *at)
{
	at[CONTAINER] = __rdtsc();
	container = must("/dev/vfio/vfio", open("/dev/vfio/vfio", O_RDWR));
	at[GROUP] = __rdtsc();
	group = must(node, open(node, O_RDWR));
	at[SET_CONTAINER] = __rdtsc();
	must("SET_CONTAINER",
	     ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
	at[SET_IOMMU] = __rdtsc();
	must("SET_IOMMU", ioctl(container, VFIO_SET_IOMMU, backend));
	at[DEVICE] = __rdtsc();
	device = must("GET_DEVICE_FD",
		      ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf));
}

static void close_all(uint64_t *at)
{
	at[CLOSE_DEVICE] = __rdtsc();
	close(device);
	at[CLOSE] = __rdtsc();
	close(group);
	close(container);
	at[WHOLE] = __rdtsc();
}

/* The medians of all steps. */
static void cycle(const char *node, const char *name, uint64_t *step)
{
	uint64_t at[NR_STEPS], ticks[NR_STEPS][SHORT_RUNS];

	for (int i = 0; i < SHORT_RUNS; i++) {
		open_all(node, name, at);
		close_all(at);
		for (int s = 0; s < WHOLE; s++)
			ticks[s][i] = at[s + 1] - at[s];
		ticks[WHOLE][i] = at[WHOLE] - at[CONTAINER];
	}
	for (int s = 0; s < NR_STEPS; s++)
		step[s] = median(ticks[s], SHORT_RUNS);
}

static void take_cycle(const char *node, const char *bdf)
{
	uint64_t step[NR_STEPS];

	cycle(node, bdf, step);
	for (int s = 0; s < NR_STEPS; s++)
		print(steps[s], step[s]);
}

static void take_find(const char *node, const char *name, const char *count)
{
	uint64_t step[NR_STEPS];
	char key[64];

	backend = VFIO_NOIOMMU_IOMMU;
	cycle(node, name, step);
	snprintf(key, sizeof(key), "find_group_%s", count);
	print(key, step[GROUP]);
	snprintf(key, sizeof(key), "find_device_%s", count);
	print(key, step[DEVICE]);
}

/* ---- calls ---- */

static void take_calls(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region) };

	TAKE("get_status", ioctl(group, VFIO_GROUP_GET_STATUS, &status), 0);
	TAKE("get_api_version", ioctl(container, VFIO_GET_API_VERSION), 0);
	TAKE("check_extension",
	     ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU), 1);
	TAKE("get_info", ioctl(device, VFIO_DEVICE_GET_INFO, &info), 0);
	TAKE("get_region_info",
	     ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region), 0);
}

static void take_accesses(void)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint64_t config, word;

	must("GET_REGION_INFO",
	     ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region));
	config = region.offset;
	TAKE("config_read_id", pread(device, &word, 4, config), 4);
	TAKE("config_read_bar", pread(device, &word, 4, config + 0x10), 4);
	TAKE("config_read_class", pread(device, &word, 4, config + 8), 4);
	TAKE("config_read_status", pread(device, &word, 1, config + 6), 1);
	/* As a driver does: what is there, with mastering and memory on. */
	must("pread", pread(device, &word, 2, config + 4));
	word |= 6;
	TAKE("config_write_command", pwrite(device, &word, 2, config + 4), 2);
	TAKE("bar_read", pread(device, &word, 4, 0), 4);
	TAKE("bar_write", pwrite(device, &word, 4, 4), 4);
}

static int set_msi(int fd)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
		.fd = fd,
	};

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &irq);
}

static int no_data_msi(unsigned int count)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSI_IRQ_INDEX,
		.count = count,
	};

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &set);
}

static void take_interrupts(void)
{
	int fd = must("eventfd", eventfd(0, 0));

	must("SET_IRQS", set_msi(fd));
	TAKE("trigger", no_data_msi(1), 0);
	must("SET_IRQS", no_data_msi(0));
	close(fd);
}

/* ---- mappings ---- */

static int map(const void *addr, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)addr,
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &dma);
}

static int unmap(uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &dma);
}

static void take_mapping(const char *key, const void *addr, uint64_t size,
			 unsigned int runs,
			 uint64_t (*of)(uint64_t *ticks, unsigned int nr))
{
	uint64_t in[SHORT_RUNS], out[SHORT_RUNS], start;
	char name[64];

	for (unsigned int i = 0; i < runs; i++) {
		start = __rdtsc();
		must("MAP_DMA", map(addr, IOVA, size));
		in[i] = __rdtsc() - start;
		start = __rdtsc();
		must("UNMAP_DMA", unmap(IOVA, size));
		out[i] = __rdtsc() - start;
	}
	snprintf(name, sizeof(name), "map_%s", key);
	print(name, of(in, runs));
	snprintf(name, sizeof(name), "unmap_%s", key);
	print(name, of(out, runs));
}

/* @size bytes, aligned to a huge page, of memory that is not there yet. */
static char *reserve(uint64_t size, int advice)
{
	char *addr = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	addr = (char *)(((uintptr_t)addr + HUGE_PAGE - 1) & -HUGE_PAGE);
	must("madvise", madvise(addr, size, advice));
	return addr;
}

/* KiB of huge pages that this process has. */
static long huge_kib(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[128];
	long kib = 0;

	if (!file)
		err(1, "smaps_rollup");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %ld", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

static void take_huge(void)
{
	char *addr = reserve(BIG, MADV_HUGEPAGE);

	memset(addr, 1, BIG);
	if (huge_kib() < (long)(BIG >> 10))
		errx(1, "only %ld KiB of huge pages", huge_kib());
	take_mapping("64m_huge", addr, BIG, LONG_RUNS, lowest);
	munmap(addr, BIG);
}

static void take_small(void)
{
	char *addr = reserve(BIG, MADV_NOHUGEPAGE);

	memset(addr, 1, BIG);
	take_mapping("64m_small", addr, BIG, LONG_RUNS, lowest);
	munmap(addr, BIG);
}

/* No two pages lie side by side in memory: those between are another buffer's. */
static void take_scattered(void)
{
	char *addr = reserve(BIG, MADV_NOHUGEPAGE);
	char *other = reserve(BIG, MADV_NOHUGEPAGE);

	for (uint64_t off = 0; off < BIG; off += PAGE)
		addr[off] = other[off] = 1;
	take_mapping("64m_scattered", addr, BIG, LONG_RUNS, lowest);
	munmap(addr, BIG);
	munmap(other, BIG);
}

static void take_live(void)
{
	static const unsigned int counts[] = { 1, 1000, 30000 };
	char *page = reserve(PAGE, MADV_NOHUGEPAGE);
	char key[32];
	unsigned int live = 0;

	memset(page, 1, PAGE);
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (; live < counts[i]; live++)
			must("MAP_DMA",
			     map(page, IOVA_LIVE + live * 2 * PAGE, PAGE));
		snprintf(key, sizeof(key), "4k_%u", live);
		take_mapping(key, page, PAGE, SHORT_RUNS, median);
	}
}

int main(int argc, char **argv)
{
	uint64_t at[NR_STEPS];

	if (argc < 4)
		errx(2, "usage: figures calls|cycle|find GROUP NAME [COUNT]");
	take_clock();
	if (!strcmp(argv[1], "cycle")) {
		take_cycle(argv[2], argv[3]);
	} else if (!strcmp(argv[1], "find") && argc == 5) {
		take_find(argv[2], argv[3], argv[4]);
	} else {
		open_all(argv[2], argv[3], at);
		take_calls();
		take_accesses();
		take_interrupts();
		take_huge();
		take_small();
		take_scattered();
		take_live();
	}
	return 0;
}
