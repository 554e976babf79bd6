// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3, X3, X4: pages that external users pin, and who is told of unmaps. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "host.h"
#include "fake_iommu.h"
#include "type1_priv.h"

#define IOVA 0x100000
#define PFN (IOVA >> PAGE_SHIFT)
#define PAGES 16
#define SIZE (PAGES * PAGE_SIZE)

static struct vfio_type1 *space;
static u8 *mem;

/* A listener, and what it was told. */
static struct listener {
	struct notifier_block nb;
	int calls;
	u64 iova, size;
	unsigned long action;
	int (*then)(void);
} listener, second;

static int listen_to(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct listener *self = container_of(nb, struct listener, nb);
	const struct vfio_iommu_type1_dma_unmap *unmap = data;

	/* Reported when this thread has it. */
	down_write(&space->lock);
	up_write(&space->lock);
	self->iova = unmap->iova;
	self->size = unmap->size;
	self->action = action;
	__atomic_fetch_add(&self->calls, 1, __ATOMIC_SEQ_CST);
	return self->then ? self->then() : NOTIFY_OK;
}

static int calls_of(struct listener *who)
{
	return __atomic_load_n(&who->calls, __ATOMIC_SEQ_CST);
}

static int register_listener(struct listener *who, unsigned long events)
{
	return type1->register_notifier(space, &events, &who->nb);
}

static int setup(void **state)
{
	int ret = fake_setup(state);

	space = space_open(VFIO_TYPE1v2_IOMMU);
	mem = user_alloc(SIZE);
	listener = (struct listener){ .nb.notifier_call = listen_to };
	second = (struct listener){ .nb.notifier_call = listen_to };
	check(!register_listener(&listener, VFIO_IOMMU_NOTIFY_DMA_UNMAP));
	return ret;
}

static int teardown(void **state)
{
	type1->unregister_notifier(space, &listener.nb);
	space_close(space);
	user_free(mem, SIZE);
	return fake_teardown(state);
}

#define PAGES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int pin_one(unsigned long pfn, int prot, unsigned long *frame)
{
	return type1->pin_pages(space, &pfn, 1, prot, frame);
}

static int unpin_one(unsigned long pfn)
{
	return type1->unpin_pages(space, &pfn, 1);
}

static void must_map(u32 flags)
{
	assert_int_equal(space_map(space, IOVA, mem, SIZE, flags), 0);
}

/* ---- pinning ---- */

static void X3_pages_are_pinned_and_unpinned(void **state)
{
	unsigned long pfns[PAGES], frames[PAGES];
	unsigned int i;

	must_map(READ_WRITE);
	for (i = 0; i < PAGES; i++)
		pfns[i] = PFN + PAGES - 1 - i;
	assert_int_equal(
		type1->pin_pages(space, pfns, PAGES, READ_WRITE, frames),
		PAGES);
	assert_int_equal(fake.nr_pinned, PAGES);
	for (i = 0; i < PAGES; i++)
		assert_int_equal((frames[i] & ~(1ul << 50)) << PAGE_SHIFT,
				 (uintptr_t)mem + (PAGES - 1 - i) * PAGE_SIZE);
	assert_int_equal(type1->unpin_pages(space, pfns, PAGES), PAGES);
	assert_int_equal(fake.nr_pinned, 0);
}

static void X3_page_pinned_twice_is_unpinned_twice(void **state)
{
	unsigned long first, again;

	must_map(READ_WRITE);
	assert_int_equal(pin_one(PFN, READ_ONLY, &first), 1);
	assert_int_equal(pin_one(PFN, READ_WRITE, &again), 1);
	assert_int_equal(again, first);
	assert_int_equal(fake.nr_pinned, 1);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(fake.nr_pinned, 1);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(fake.nr_pinned, 0);
	assert_int_equal(unpin_one(PFN), -EINVAL);
}

static void X3_pin_that_fails_unpins_what_it_had(void **state)
{
	unsigned long pfns[] = { PFN, PFN + 1, PFN, PFN + PAGES, PFN + 2 };
	unsigned long frames[] = { 1, 1, 1, 1, 1 };

	must_map(READ_WRITE);
	assert_int_equal(type1->pin_pages(space, pfns, 5, READ_WRITE, frames),
			 -EINVAL);
	assert_int_equal(fake.nr_pinned, 0);
	assert_int_equal(frames[0] | frames[1] | frames[2] | frames[3], 0);
	assert_int_equal(unpin_one(PFN), -EINVAL);

	fake.pin_error = -EFAULT;
	assert_int_equal(pin_one(PFN, READ_WRITE, frames), -EFAULT);
	fake.pin_error = 0;
	/* No reference is left that the unmap would wait for. */
	assert_int_equal(space_unmap(space, IOVA, SIZE), SIZE);
	assert_int_equal(listener.calls, 0);
}

static void X3_pin_without_memory_is_enomem(void **state)
{
	unsigned long frame;
	long nth, live;
	int ret;

	must_map(READ_WRITE);
	live = memory_live;
	for (nth = 0;; nth++) {
		memory_left = nth;
		ret = pin_one(PFN, READ_WRITE, &frame);
		memory_left = -1;
		if (ret == 1)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(memory_live, live);
		assert_int_equal(fake.nr_pinned, 0);
	}
	assert_true(nth >= 2);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(space_unmap(space, IOVA, SIZE), SIZE);
}

static void X3_pin_refuses_bad_arguments(void **state)
{
	unsigned long frame;

	assert_int_equal(pin_one(PFN, READ_ONLY, &frame), -EINVAL);
	must_map(READ_ONLY);
	assert_int_equal(pin_one(PFN, READ_WRITE, &frame), -EPERM);
	assert_int_equal(pin_one(PFN, WRITE_ONLY, &frame), -EPERM);
	assert_int_equal(pin_one(PFN - 1, READ_ONLY, &frame), -EINVAL);
	assert_int_equal(pin_one(PFN + PAGES, READ_ONLY, &frame), -EINVAL);
	/* Its address would be that of page PFN. */
	assert_int_equal(pin_one(PFN | 1ul << 52, READ_ONLY, &frame),
			 -EOVERFLOW);
	assert_int_equal(unpin_one(PFN | 1ul << 52), -EINVAL);
	assert_int_equal(fake.nr_pinned, 0);
}

static void X3_unpin_stops_at_what_is_not_pinned(void **state)
{
	unsigned long pfns[] = { PFN, PFN + 1, PFN + 5, PFN + 2 };
	unsigned long frames[4];

	must_map(READ_WRITE);
	assert_int_equal(type1->pin_pages(space, pfns, 2, READ_ONLY, frames),
			 2);
	assert_int_equal(pin_one(PFN + 2, READ_ONLY, frames), 1);
	assert_int_equal(type1->unpin_pages(space, pfns, 4), 2);
	assert_int_equal(fake.nr_pinned, 1);
	assert_int_equal(unpin_one(PFN + 2), 1);
}

static void X3_pages_of_v1_are_eacces(void **state)
{
	struct vfio_type1 *v1 = space_open(VFIO_TYPE1_IOMMU);
	unsigned long pfn = PFN, frame;

	assert_int_equal(type1->pin_pages(v1, &pfn, 1, READ_ONLY, &frame),
			 -EACCES);
	assert_int_equal(type1->unpin_pages(v1, &pfn, 1), -EACCES);
	space_close(v1);
}

static void X3_pin_without_a_listener_is_einval(void **state)
{
	unsigned long frame;

	must_map(READ_WRITE);
	assert_int_equal(type1->unregister_notifier(space, &listener.nb), 0);
	assert_int_equal(pin_one(PFN, READ_ONLY, &frame), -EINVAL);
	assert_int_equal(
		register_listener(&listener, VFIO_IOMMU_NOTIFY_DMA_UNMAP), 0);
	assert_int_equal(pin_one(PFN, READ_ONLY, &frame), 1);
	assert_int_equal(unpin_one(PFN), 1);
}

static void X3_release_unpins_what_is_left(void **state)
{
	struct vfio_type1 *other = space_open(VFIO_TYPE1v2_IOMMU);
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	unsigned long pfn = PFN, frame;

	assert_int_equal(type1->register_notifier(other, &events, &second.nb),
			 0);
	assert_int_equal(space_map(other, IOVA, mem, SIZE, READ_WRITE), 0);
	assert_int_equal(type1->pin_pages(other, &pfn, 1, READ_ONLY, &frame),
			 1);
	assert_int_equal(type1->pin_pages(other, &pfn, 1, READ_ONLY, &frame),
			 1);
	assert_int_equal(type1->unregister_notifier(other, &second.nb), 0);
	space_close(other);
	assert_int_equal(fake.nr_pinned, 0);
}

/* ---- listeners ---- */

static void X4_register_refuses_what_it_does_not_know(void **state)
{
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP | 6;

	assert_int_equal(type1->register_notifier(space, &events, &second.nb),
			 -EINVAL);
	/* Those it knows are cleared. */
	assert_int_equal(events, 6);
	assert_int_equal(type1->unregister_notifier(space, &second.nb),
			 -ENOENT);
	assert_int_equal(
		register_listener(&listener, VFIO_IOMMU_NOTIFY_DMA_UNMAP),
		-EEXIST);
	/* It is still there once, and counted once. */
	assert_int_equal(type1->unregister_notifier(space, &listener.nb), 0);
	assert_int_equal(space->nr_listeners, 0);
}

static int unpin_in_listener(void)
{
	check(unpin_one(PFN + 3) == 1);
	return NOTIFY_OK;
}

static void X4_unmap_tells_who_has_pages_of_it(void **state)
{
	unsigned long frame;

	assert_int_equal(space_map(space, 0, mem, PAGE_SIZE, READ_WRITE), 0);
	must_map(READ_WRITE);
	listener.then = unpin_in_listener;
	assert_int_equal(
		register_listener(&second, VFIO_IOMMU_NOTIFY_DMA_UNMAP), 0);
	assert_int_equal(pin_one(PFN + 3, READ_WRITE, &frame), 1);
	/* Not theirs. */
	assert_int_equal(space_unmap(space, 0, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(listener.calls, 0);

	assert_int_equal(space_unmap(space, IOVA, SIZE), SIZE);
	assert_int_equal(listener.calls, 1);
	assert_int_equal(second.calls, 1);
	assert_int_equal(listener.action, VFIO_IOMMU_NOTIFY_DMA_UNMAP);
	assert_int_equal(listener.iova, IOVA);
	assert_int_equal(listener.size, SIZE);
	assert_int_equal(fake.nr_pinned, 0);
	assert_int_equal(type1->unregister_notifier(space, &second.nb), 0);
}

static void *unmap_in_thread(void *arg)
{
	return (void *)space_unmap(space, IOVA, SIZE);
}

static int pages_left;

static void no_pages_left(u64 iova)
{
	check(!__atomic_load_n(&pages_left, __ATOMIC_SEQ_CST));
}

/* As a listener that leaves it to a thread of its own. */
static void X4_unmap_waits_for_who_unpins_later_and_asks_again(void **state)
{
	unsigned long frame;
	pthread_t thread;
	void *ret;

	must_map(READ_WRITE);
	fake.wait_ms = 1;
	fake.in_unmap = no_pages_left;
	assert_int_equal(pin_one(PFN, READ_WRITE, &frame), 1);
	assert_int_equal(pin_one(PFN + 1, READ_WRITE, &frame), 1);
	pages_left = 2;
	check(!pthread_create(&thread, NULL, unmap_in_thread, NULL));
	while (calls_of(&listener) < 3)
		sched_yield();

	/* What goes cannot be pinned again. */
	assert_int_equal(pin_one(PFN, READ_WRITE, &frame), -EINVAL);
	assert_int_equal(pin_one(PFN + 2, READ_WRITE, &frame), -EINVAL);
	__atomic_fetch_sub(&pages_left, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(unpin_one(PFN), 1);
	while (calls_of(&listener) < 20)
		sched_yield();
	assert_non_null(strstr(host_log_captured(), "does not let it go"));
	__atomic_fetch_sub(&pages_left, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(unpin_one(PFN + 1), 1);
	check(!pthread_join(thread, &ret));
	assert_int_equal((s64)ret, SIZE);
	assert_int_equal(fake.nr_mapped, 0);
}

static void I3_unmap_that_waits_for_a_device_tells_no_listener(void **state)
{
	struct vfio_type1_pin pin;
	pthread_t thread;
	void *ret;

	must_map(READ_WRITE);
	fake.wait_ms = 1;
	assert_int_equal(vfio_type1_pin(space, IOVA, 1, READ_ONLY, &pin), 0);
	check(!pthread_create(&thread, NULL, unmap_in_thread, NULL));
	while (__atomic_load_n(&fake.nr_waits, __ATOMIC_RELAXED) < 5)
		sched_yield();
	vfio_type1_unpin(space, &pin, 0);
	check(!pthread_join(thread, &ret));
	assert_int_equal((s64)ret, SIZE);
	assert_int_equal(listener.calls, 0);
}

/* ---- while the host pins ---- */

static int in_pin, may_pin;

/* The first one waits there; those that come later go by. */
static void block_first(u64 vaddr)
{
	if (__atomic_fetch_add(&in_pin, 1, __ATOMIC_SEQ_CST))
		return;
	while (!__atomic_load_n(&may_pin, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void *pin_in_thread(void *frame)
{
	return (void *)(long)pin_one(PFN, READ_WRITE, frame);
}

static pthread_t begin_blocked_pin(unsigned long *frame)
{
	pthread_t thread;

	in_pin = may_pin = 0;
	fake.in_pin = block_first;
	check(!pthread_create(&thread, NULL, pin_in_thread, frame));
	while (!__atomic_load_n(&in_pin, __ATOMIC_SEQ_CST))
		sched_yield();
	return thread;
}

static void X3_page_pinned_by_two_at_once_is_pinned_once(void **state)
{
	unsigned long slow, quick;
	pthread_t thread;
	void *ret;

	must_map(READ_WRITE);
	thread = begin_blocked_pin(&slow);
	assert_int_equal(pin_one(PFN, READ_WRITE, &quick), 1);
	__atomic_store_n(&may_pin, 1, __ATOMIC_SEQ_CST);
	check(!pthread_join(thread, &ret));
	assert_int_equal((long)ret, 1);
	assert_int_equal(slow, quick);
	assert_int_equal(fake.nr_pinned, 1);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(space_unmap(space, IOVA, SIZE), SIZE);
}

static void X3_pin_that_an_unmap_overtakes_is_einval(void **state)
{
	pthread_t thread, unmap;
	struct vfio_type1_pin pin;
	unsigned long frame;
	void *ret;

	must_map(READ_WRITE);
	thread = begin_blocked_pin(&frame);
	check(!pthread_create(&unmap, NULL, unmap_in_thread, NULL));
	while (!vfio_type1_pin(space, IOVA, 1, READ_ONLY, &pin)) {
		vfio_type1_unpin(space, &pin, 0);
		sched_yield();
	}
	__atomic_store_n(&may_pin, 1, __ATOMIC_SEQ_CST);
	check(!pthread_join(thread, &ret));
	assert_int_equal((long)ret, -EINVAL);
	check(!pthread_join(unmap, &ret));
	assert_int_equal((s64)ret, SIZE);
	assert_int_equal(fake.nr_pinned, 0);
	assert_int_equal(listener.calls, 0);
}

/* ---- pinned pages are dirty ---- */

static void control(u32 flags)
{
	struct vfio_iommu_type1_dirty_bitmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
	};

	check(!space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg));
}

static u64 get_bitmap(void)
{
	u64 map = 0;
	struct {
		struct vfio_iommu_type1_dirty_bitmap hdr;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.hdr.argsz = sizeof(arg),
		.hdr.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get.iova = IOVA,
		.get.size = SIZE,
		.get.bitmap.pgsize = PAGE_SIZE,
		.get.bitmap.size = sizeof(map),
		.get.bitmap.data = (void *)&map,
	};

	check(!space_ioctl(space, VFIO_IOMMU_DIRTY_PAGES, &arg));
	return map;
}

static void I3_pinned_pages_are_dirty_until_after_the_unpin(void **state)
{
	unsigned long frame;

	must_map(READ_WRITE);
	assert_int_equal(pin_one(PFN + 3, READ_WRITE, &frame), 1);
	control(VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
	assert_int_equal(pin_one(PFN + 9, READ_WRITE, &frame), 1);
	assert_int_equal(get_bitmap(), 1 << 3 | 1 << 9);
	assert_int_equal(get_bitmap(), 1 << 3 | 1 << 9);
	assert_int_equal(unpin_one(PFN + 3), 1);
	assert_int_equal(get_bitmap(), 1 << 3 | 1 << 9);
	assert_int_equal(get_bitmap(), 1 << 9);
	assert_int_equal(unpin_one(PFN + 9), 1);
}

static void I3_pinned_pages_that_cannot_be_written_are_clean(void **state)
{
	unsigned long frame;

	must_map(READ_ONLY);
	assert_int_equal(pin_one(PFN, READ_ONLY, &frame), 1);
	control(VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
	assert_int_equal(get_bitmap(), 0);
	assert_int_equal(unpin_one(PFN), 1);
	assert_int_equal(get_bitmap(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGES_TEST(X3_pages_are_pinned_and_unpinned),
		PAGES_TEST(X3_page_pinned_twice_is_unpinned_twice),
		PAGES_TEST(X3_pin_that_fails_unpins_what_it_had),
		PAGES_TEST(X3_pin_without_memory_is_enomem),
		PAGES_TEST(X3_pin_refuses_bad_arguments),
		PAGES_TEST(X3_unpin_stops_at_what_is_not_pinned),
		PAGES_TEST(X3_pages_of_v1_are_eacces),
		PAGES_TEST(X3_pin_without_a_listener_is_einval),
		PAGES_TEST(X3_release_unpins_what_is_left),
		PAGES_TEST(X4_register_refuses_what_it_does_not_know),
		PAGES_TEST(X4_unmap_tells_who_has_pages_of_it),
		PAGES_TEST(X4_unmap_waits_for_who_unpins_later_and_asks_again),
		PAGES_TEST(I3_unmap_that_waits_for_a_device_tells_no_listener),
		PAGES_TEST(X3_page_pinned_by_two_at_once_is_pinned_once),
		PAGES_TEST(X3_pin_that_an_unmap_overtakes_is_einval),
		PAGES_TEST(I3_pinned_pages_are_dirty_until_after_the_unpin),
		PAGES_TEST(I3_pinned_pages_that_cannot_be_written_are_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
