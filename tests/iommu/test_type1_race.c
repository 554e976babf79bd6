// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * I3, L6: everything at once, for the race detector.
 *
 * Each mapper fills its memory before MAP_DMA and overwrites it after
 * UNMAP_DMA, with plain stores: a device that sees neither the first nor keeps
 * away from the second is a race.
 */
#include <pthread.h>
#include <sched.h>

#include "fake_iommu.h"

#define ROUNDS 200
#define NR_MAPPERS 2
#define NR_DEVICES 2
#define SLOTS 3 /* of each mapper */

#define SLOT_SIZE (2 * PAGE_SIZE)
#define SHARED_IOVA 0x40000000ull
#define MAPPED 0x11
#define UNMAPPED 0xee

static struct vfio_type1 *space;
static u8 *mem[NR_MAPPERS][SLOTS];
static u8 *shared;
static int stop;

struct worker {
	pthread_t thread;
	unsigned int nr;
	u64 random;
};

static u64 random_below(struct worker *self, u64 n)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return self->random % n;
}

static bool is_stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static u64 slot_iova(unsigned int mapper, unsigned int slot)
{
	return (1 + mapper * SLOTS + slot) * 0x100000ull;
}

/* ---- programs ---- */

static void map_and_unmap(struct worker *self, unsigned int slot)
{
	u64 iova = slot_iova(self->nr, slot);
	u8 *own = mem[self->nr][slot];
	unsigned int i;

	memset(own, MAPPED, SLOT_SIZE);
	check(!space_map(space, iova, own, SLOT_SIZE, READ_WRITE));
	for (i = random_below(self, 4); i; i--)
		sched_yield();
	check(space_unmap(space, iova, SLOT_SIZE) == SLOT_SIZE);
	memset(own, UNMAPPED, SLOT_SIZE);
}

/* One range that all mappers fight for; sizes differ, so that they overlap
 * in part. */
static void map_shared(struct worker *self)
{
	u64 size = (1 + random_below(self, 2)) * PAGE_SIZE;
	u64 iova = SHARED_IOVA + random_below(self, 2) * PAGE_SIZE;
	long ret = space_map(space, iova, shared, size, READ_ONLY);
	s64 got;

	check(!ret || ret == -EEXIST);
	got = space_unmap(space, SHARED_IOVA, 4 * PAGE_SIZE);
	check(got >= 0 && got <= 3 * (s64)PAGE_SIZE);
	got = space_unmap(space, SHARED_IOVA, PAGE_SIZE);
	check(got == -EINVAL || got == 0 || got == PAGE_SIZE);
}

static void *mapper(void *arg)
{
	struct worker *self = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		map_and_unmap(self, random_below(self, SLOTS));
		map_shared(self);
	}
	return NULL;
}

/* ---- devices: each has bytes of its own in every page ---- */

static void copy(struct worker *self, u64 iova)
{
	bool write = random_below(self, 2);
	u8 buf[64];
	size_t done;
	int ret;

	memset(buf, MAPPED, sizeof(buf));
	ret = vfio_type1_rw(space, iova + self->nr * 64, buf, sizeof(buf),
			    write, &done);
	check(!ret || ret == -EFAULT);
	if (!ret && !write)
		check(buf[0] == MAPPED && buf[63] == MAPPED);
}

static void touch(struct worker *self, u64 iova)
{
	struct vfio_type1_pin pin;
	u8 *byte;
	int ret;

	ret = vfio_type1_pin(space, iova + self->nr * 64, 64, READ_WRITE, &pin);
	check(!ret || ret == -EFAULT);
	if (ret)
		return;
	byte = (u8 *)pin.vaddr;
	check(*byte == MAPPED);
	sched_yield();
	*byte = MAPPED;
	vfio_type1_unpin(space, &pin, 1);
}

static void *device(void *arg)
{
	struct worker *self = arg;
	u64 iova, start, last;
	size_t done;
	u8 byte;

	while (!is_stopped()) {
		iova = slot_iova(random_below(self, NR_MAPPERS),
				 random_below(self, SLOTS)) +
		       random_below(self, 2) * PAGE_SIZE;
		copy(self, iova);
		touch(self, iova);
		vfio_type1_rw(space, SHARED_IOVA + PAGE_SIZE, &byte, 1, false,
			      &done);
		vfio_type1_nearest(space, iova, &start, &last);
	}
	return NULL;
}

/* ---- who looks on ---- */

static void *watcher(void *arg)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap hdr;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg_get = {
		.hdr.argsz = sizeof(arg_get),
		.hdr.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get.size = 0x1000000,
		.get.bitmap.pgsize = PAGE_SIZE,
	};
	struct vfio_iommu_type1_dirty_bitmap control = { .argsz = sizeof(
								 control) };
	u64 map[0x1000000 / 4096 / 64];
	struct worker *self = arg;
	long ret;

	arg_get.get.bitmap.data = (void *)map;
	arg_get.get.bitmap.size = sizeof(map);
	while (!is_stopped()) {
		control.flags = random_below(self, 2)
					? VFIO_IOMMU_DIRTY_PAGES_FLAG_START
					: VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
		check(!space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &control));
		ret = space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg_get);
		check(!ret || ret == -EINVAL);
		check(space_avail(space) > 60000);
	}
	return NULL;
}

/* ---- external users of the mappers' pages ---- */

static pthread_mutex_t pins_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int pins[NR_MAPPERS][SLOTS];

static void unpin_slot(unsigned int nr, unsigned int slot)
{
	unsigned long pfn = slot_iova(nr, slot) >> PAGE_SHIFT;

	pthread_mutex_lock(&pins_lock);
	for (; pins[nr][slot]; pins[nr][slot]--)
		check(type1->unpin_pages(space, &pfn, 1) == 1);
	pthread_mutex_unlock(&pins_lock);
}

static int on_unmap(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct vfio_iommu_type1_dma_unmap *unmap = data;
	unsigned int nr, slot;

	for (nr = 0; nr < NR_MAPPERS; nr++)
		for (slot = 0; slot < SLOTS; slot++)
			if (slot_iova(nr, slot) == unmap->iova)
				unpin_slot(nr, slot);
	return NOTIFY_OK;
}

static void *external(void *arg)
{
	struct worker *self = arg;
	unsigned long pfn, frame;
	unsigned int nr, slot;
	int ret;

	while (!is_stopped()) {
		nr = random_below(self, NR_MAPPERS);
		slot = random_below(self, SLOTS);
		pfn = slot_iova(nr, slot) >> PAGE_SHIFT;
		/* Counted before a listener can be told. */
		pthread_mutex_lock(&pins_lock);
		ret = type1->pin_pages(space, &pfn, 1, READ_WRITE, &frame);
		check(ret == 1 || ret == -EINVAL);
		if (ret == 1)
			pins[nr][slot]++;
		pthread_mutex_unlock(&pins_lock);
		if (random_below(self, 2))
			unpin_slot(nr, slot);
	}
	return NULL;
}

/* ---- the test ---- */

#define NR_OTHERS (NR_DEVICES + 3)

static void start(struct worker *worker, unsigned int nr, void *(*fn)(void *))
{
	static u64 seed = 88172645463325252ull;

	worker->nr = nr;
	worker->random = seed += 0x9e3779b97f4a7c15;
	check(!pthread_create(&worker->thread, NULL, fn, worker));
}

static void I3_map_unmap_and_access_at_once(void **state)
{
	struct notifier_block nb = { .notifier_call = on_unmap };
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	struct worker mappers[NR_MAPPERS], others[NR_OTHERS];
	unsigned int i, slot;

	space = space_open(VFIO_TYPE1v2_IOMMU);
	shared = user_alloc(SLOT_SIZE);
	for (i = 0; i < NR_MAPPERS; i++)
		for (slot = 0; slot < SLOTS; slot++)
			mem[i][slot] = user_alloc(SLOT_SIZE);
	check(!type1->register_notifier(space, &events, &nb));

	for (i = 0; i < NR_DEVICES; i++)
		start(&others[i], i, device);
	start(&others[NR_DEVICES], 0, watcher);
	start(&others[NR_DEVICES + 1], 0, external);
	start(&others[NR_DEVICES + 2], 1, external);
	for (i = 0; i < NR_MAPPERS; i++)
		start(&mappers[i], i, mapper);
	for (i = 0; i < NR_MAPPERS; i++)
		check(!pthread_join(mappers[i].thread, NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < NR_OTHERS; i++)
		check(!pthread_join(others[i].thread, NULL));

	assert_int_equal(fake.nr_pinned, 0);
	assert_int_equal(space_avail(space), 65535 - fake.nr_mapped);
	check(!type1->unregister_notifier(space, &nb));
	for (i = 0; i < NR_MAPPERS; i++)
		for (slot = 0; slot < SLOTS; slot++)
			user_free(mem[i][slot], SLOT_SIZE);
	user_free(shared, SLOT_SIZE);
	space_close(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(I3_map_unmap_and_access_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
