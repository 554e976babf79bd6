// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The figures of an address space, taken inside: what a MAP_DMA with its
 * UNMAP_DMA and a device's access cost in the backend, without the way there.
 *
 * The backend's operations are private to it, so its source is included.
 */
#include "../iommu/type1.c" /* NOLINT(bugprone-suspicious-include) */

#include <err.h>
#include <sys/mman.h>

#include "host.h"
#include "bench.h"

#define LIVE 1000000ul
#define SPREAD 10000ul
#define STRIDE (2 * PAGE_SIZE)
#define COUNT 65536ul
#define NR_RANDOM 65536u

static struct vfio_type1 *space;
static void *page;
static u64 random_iova[NR_RANDOM];

static void map_at(u64 iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)page,
		.iova = iova,
		.size = PAGE_SIZE,
	};
	long ret =
		type1_ops.ioctl(space, VFIO_IOMMU_MAP_DMA, (unsigned long)&map);

	if (ret)
		errx(1, "MAP_DMA: %ld", ret);
}

static void unmap_at(u64 iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = PAGE_SIZE,
	};
	long ret = type1_ops.ioctl(space, VFIO_IOMMU_UNMAP_DMA,
				   (unsigned long)&unmap);

	if (ret || unmap.size != PAGE_SIZE)
		errx(1, "UNMAP_DMA: %ld", ret);
}

static u64 next_random(void)
{
	static unsigned int i;

	return random_iova[i++ % NR_RANDOM];
}

/* Random addresses of the first @live mappings. */
static void shuffle(unsigned long live)
{
	u64 state = 88172645463325252ull;
	unsigned int i;

	for (i = 0; i < NR_RANDOM; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		random_iova[i] = state % live * STRIDE + (state >> 40) % 4032;
	}
}

/* ---- what is measured ---- */

static void map_unmap(void *arg)
{
	u64 iova = *(u64 *)arg;

	map_at(iova);
	unmap_at(iova);
}

static void map_unmap_random(void *arg)
{
	u64 iova = (next_random() & PAGE_MASK) + PAGE_SIZE;

	map_at(iova);
	unmap_at(iova);
}

static void pin_unpin(void *arg)
{
	struct vfio_type1_pin pin;

	if (vfio_type1_pin(space, next_random(), 64, VFIO_DMA_MAP_FLAG_READ,
			   &pin))
		errx(1, "pin");
	vfio_type1_unpin(space, &pin, *(u64 *)arg);
}

static void find(void *arg)
{
	if (!iova_map_find(&space->dmas, next_random()))
		errx(1, "find");
}

static void rw(void *arg)
{
	char buf[64] = { 0 };
	size_t done;

	if (vfio_type1_rw(space, next_random(), buf, sizeof(buf), *(bool *)arg,
			  &done))
		errx(1, "rw");
}

int main(void)
{
	static u64 between = PAGE_SIZE, nothing, all = 64;
	static bool read = false, write = true;
	unsigned long n = 0;

	host_fault_init();
	vfio_type1_set_dma_entry_limit(LIVE + 1);
	space = type1_open(VFIO_TYPE1v2_IOMMU);
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (IS_ERR(space) || page == MAP_FAILED)
		err(1, "memory");

	map_at(STRIDE * n++);
	bench_print("type1_map_unmap_1", bench_ns(map_unmap, &between, COUNT));
	while (n < SPREAD)
		map_at(STRIDE * n++);
	shuffle(SPREAD);
	bench_print("type1_find_10k", bench_ns(find, NULL, COUNT));
	bench_print("type1_pin_read_10k", bench_ns(pin_unpin, &nothing, COUNT));
	bench_print("type1_pin_write_10k", bench_ns(pin_unpin, &all, COUNT));
	bench_print("type1_read_64_10k", bench_ns(rw, &read, COUNT));
	bench_print("type1_write_64_10k", bench_ns(rw, &write, COUNT));
	while (n < LIVE)
		map_at(STRIDE * n++);
	between += LIVE / 2 * STRIDE;
	bench_print("type1_map_unmap_1m", bench_ns(map_unmap, &between, COUNT));
	shuffle(LIVE);
	bench_print("type1_map_unmap_1m_random",
		    bench_ns(map_unmap_random, NULL, COUNT));
	bench_print("type1_pin_read_1m", bench_ns(pin_unpin, &nothing, COUNT));
	type1_release(space);
	return 0;
}
