// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The host of the type1 backend, for tests. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host.h"
#include "fake_iommu.h"

struct fake_iommu fake;
long memory_live, memory_left = -1;
const struct vfio_iommu_driver_ops *type1;

void fake_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* ---- memory ---- */

void *port_zalloc(size_t size)
{
	if (memory_left == 0)
		return NULL;
	if (memory_left > 0)
		memory_left--;
	__atomic_fetch_add(&memory_live, 1, __ATOMIC_RELAXED);
	return calloc(1, size);
}

void *port_zalloc_array(size_t n, size_t size)
{
	return port_zalloc(n * size);
}

void port_free(const void *ptr)
{
	if (ptr)
		__atomic_fetch_sub(&memory_live, 1, __ATOMIC_RELAXED);
	free((void *)ptr);
}

/* ---- the core ---- */

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	check(!type1);
	type1 = ops;
	return 0;
}

void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	check(type1 == ops);
	type1 = NULL;
}

/* ---- waiting: in front of the host's, by the linker ---- */

int __real_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible);
int __wrap_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible);

int __wrap_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible)
{
	__atomic_fetch_add(&fake.nr_waits, 1, __ATOMIC_RELAXED);
	return __real_port_wait(done, fake.wait_ms ? fake.wait_ms : ms,
				interruptible);
}

/* ---- the caller's memory ---- */

/* By the kernel: cmocka has the signals that the host's own copy needs. */
int port_copy_in(void *dst, const void __user *src, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)src, len };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	return n == (ssize_t)len ? 0 : -EFAULT;
}

int port_copy_out(void __user *dst, const void *src, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)src, len };
	ssize_t n = process_vm_writev(getpid(), &from, 1, &to, 1, 0);

	return n == (ssize_t)len ? 0 : -EFAULT;
}

/* ---- the IOMMU ---- */

struct port_iommu {
	struct vfio_type1 *owner;
};

/* What is mapped in any space, and its own address as the cookie. */
struct fake_map {
	struct fake_map *next;
	struct port_iommu *iommu;
	u64 iova, vaddr, size;
	u32 prot;
};

static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_map *maps;

static void count(int *what, int diff)
{
	check(__atomic_add_fetch(what, diff, __ATOMIC_RELAXED) >= 0);
}

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner)
{
	struct port_iommu *iommu;

	if (fake.alloc_error)
		return ERR_PTR(fake.alloc_error);
	iommu = calloc(1, sizeof(*iommu));
	iommu->owner = owner;
	count(&fake.nr_spaces, 1);
	return iommu;
}

void port_iommu_free(struct port_iommu *iommu)
{
	count(&fake.nr_spaces, -1);
	free(iommu);
}

int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group)
{
	if (fake.attach_error)
		return fake.attach_error;
	if (fake.attach_range.last)
		fake.range[0] = fake.attach_range;
	count(&fake.nr_groups, 1);
	return 0;
}

void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group)
{
	count(&fake.nr_groups, -1);
}

u64 port_iommu_pgsizes(struct port_iommu *iommu)
{
	return fake.pgsizes;
}

bool port_iommu_coherent(struct port_iommu *iommu)
{
	return fake.coherent;
}

bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last)
{
	if (i >= fake.nr_ranges)
		return false;
	*start = fake.range[i].start;
	*last = fake.range[i].last;
	return true;
}

bool port_iommu_tracks_dirty(struct port_iommu *iommu)
{
	return fake.tracks_dirty;
}

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	struct fake_map *map, *new;

	check(size && prot);
	if (fake.in_map)
		fake.in_map(iova);
	if (fake.map_error)
		return fake.map_error;
	new = calloc(1, sizeof(*new));
	*new = (struct fake_map){ NULL, iommu, iova, vaddr, size, prot };

	pthread_mutex_lock(&maps_lock);
	for (map = maps; map; map = map->next)
		check(map->iommu != iommu ||
		      map->iova + (map->size - 1) < iova ||
		      map->iova > iova + (size - 1));
	new->next = maps;
	maps = new;
	pthread_mutex_unlock(&maps_lock);
	count(&fake.nr_mapped, 1);
	*cookie = new;
	return 0;
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
	struct fake_map **at, *map = cookie;

	if (fake.in_unmap)
		fake.in_unmap(iova);
	pthread_mutex_lock(&maps_lock);
	for (at = &maps; *at && *at != map; at = &(*at)->next)
		;
	check(*at);
	check(map->iommu == iommu && map->iova == iova && map->size == size);
	check(map->vaddr == vaddr && map->prot == prot);
	*at = map->next;
	pthread_mutex_unlock(&maps_lock);
	free(map);
	count(&fake.nr_mapped, -1);
}

/* A frame is a page of the caller's, with a mark that tells them apart. */
#define FRAME_MARK (1ul << 50)

int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn)
{
	check(vaddr % PAGE_SIZE == 0 && prot);
	if (fake.in_pin)
		fake.in_pin(vaddr);
	if (fake.pin_error)
		return fake.pin_error;
	count(&fake.nr_pinned, 1);
	*pfn = vaddr >> PAGE_SHIFT | FRAME_MARK;
	return 0;
}

void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot)
{
	check(pfn & FRAME_MARK && prot);
	count(&fake.nr_pinned, -1);
}

int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write)
{
	if (fake.in_copy)
		fake.in_copy(vaddr);
	if (fake.copy_error)
		return fake.copy_error;
	if (write)
		memcpy((void *)vaddr, buf, len);
	else
		memcpy(buf, (void *)vaddr, len);
	return 0;
}

/* ---- a test ---- */

int fake_setup(void **state)
{
	port_warn_fatal = true;
	host_log_capture(true);
	fake = (struct fake_iommu){
		.pgsizes = PAGE_MASK,
		.coherent = true,
		.tracks_dirty = true,
		.nr_ranges = 1,
		.range = { { 0, ~0ull } },
	};
	return vfio_type1_init();
}

int fake_teardown(void **state)
{
	struct fake_map *map;
	long left = memory_live + fake.nr_spaces + fake.nr_groups +
		    fake.nr_mapped + fake.nr_pinned;

	if (left)
		print_error(
			"left: %ld blocks, %d spaces, %d groups, %d maps, %d pages\n",
			memory_live, fake.nr_spaces, fake.nr_groups,
			fake.nr_mapped, fake.nr_pinned);
	/* For the next test, when this one has failed. */
	while ((map = maps)) {
		maps = map->next;
		free(map);
	}
	memory_left = -1;
	memory_live = 0;
	vfio_type1_set_dma_entry_limit(65535);
	vfio_type1_exit();
	return left ? -1 : 0;
}

static struct iommu_group *const a_group = (struct iommu_group *)0x1000;

struct vfio_type1 *space_open(unsigned long type)
{
	struct vfio_type1 *space = type1->open(type);

	check(!IS_ERR(space));
	check(!type1->attach_group(space, a_group));
	return space;
}

void space_close(struct vfio_type1 *space)
{
	type1->detach_group(space, a_group);
	type1->release(space);
}

long space_ioctl(struct vfio_type1 *space, unsigned int cmd, void *arg)
{
	return type1->ioctl(space, cmd, (unsigned long)arg);
}

long space_map(struct vfio_type1 *space, u64 iova, const void *mem, u64 size,
	       u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = size,
	};

	return space_ioctl(space, VFIO_IOMMU_MAP_DMA, &map);
}

static s64 unmap(struct vfio_type1 *space, u32 flags, u64 iova, u64 size)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	long ret = space_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &arg);

	return ret ? ret : (s64)arg.size;
}

s64 space_unmap(struct vfio_type1 *space, u64 iova, u64 size)
{
	return unmap(space, 0, iova, size);
}

s64 space_unmap_all(struct vfio_type1 *space)
{
	return unmap(space, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
}

long space_avail(struct vfio_type1 *space)
{
	struct vfio_iommu_type1_info_dma_avail *avail;
	struct vfio_info_cap_header *cap;
	union {
		struct vfio_iommu_type1_info info;
		char room[4096];
	} buf = { .info.argsz = sizeof(buf) };
	u32 at;

	check(!space_ioctl(space, VFIO_IOMMU_GET_INFO, &buf));
	for (at = buf.info.cap_offset; at; at = cap->next) {
		cap = (void *)(buf.room + at);
		avail = (void *)cap;
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			return avail->avail;
	}
	return -1;
}

void *user_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(mem != MAP_FAILED);
	return mem;
}

void user_free(void *mem, size_t size)
{
	munmap(mem, size);
}

void *user_nowhere(void)
{
	static void *nowhere;

	if (!nowhere)
		nowhere = mmap(NULL, 16 * PAGE_SIZE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(nowhere != MAP_FAILED);
	return nowhere;
}

bool bit_is_set(const u64 *map, u64 at)
{
	return map[at / 64] >> (at % 64) & 1;
}
