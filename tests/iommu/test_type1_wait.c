// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3: what waits for what, where maps, unmaps and devices meet. */
#include <pthread.h>
#include <sched.h>

#include "host.h"
#include "fake_iommu.h"
#include "type1_priv.h"

#define ONE_PAGE PAGE_SIZE
#define SIZE (4 * ONE_PAGE)

static struct vfio_type1 *space;
static u8 *mem;

static int setup(void **state)
{
	int ret = fake_setup(state);

	space = space_open(VFIO_TYPE1v2_IOMMU);
	mem = user_alloc(SIZE);
	return ret;
}

static int teardown(void **state)
{
	space_close(space);
	user_free(mem, SIZE);
	return fake_teardown(state);
}

#define WAIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int pin(u64 iova, u64 len, u32 prot, struct vfio_type1_pin *pin)
{
	return vfio_type1_pin(space, iova, len, prot, pin);
}

static void assert_pin(u64 iova, u64 len, const u8 *vaddr, u64 want_len)
{
	struct vfio_type1_pin p;

	assert_int_equal(pin(iova, len, READ_ONLY, &p), 0);
	assert_ptr_equal((u8 *)p.vaddr, vaddr);
	assert_int_equal(p.len, want_len);
	vfio_type1_unpin(space, &p, 0);
}

static void assert_nearest(u64 iova, u64 start, u64 last)
{
	u64 s = 1, l = 1;

	assert_true(vfio_type1_nearest(space, iova, &s, &l));
	assert_int_equal(s, start);
	assert_int_equal(l, last);
}

/* ---- calls in threads ---- */

struct event {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool happened;
};

#define EVENT                                                              \
	{                                                                  \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false \
	}

static void event_set(struct event *event)
{
	pthread_mutex_lock(&event->lock);
	event->happened = true;
	pthread_cond_broadcast(&event->cond);
	pthread_mutex_unlock(&event->lock);
}

static void event_wait(struct event *event)
{
	pthread_mutex_lock(&event->lock);
	while (!event->happened)
		pthread_cond_wait(&event->cond, &event->lock);
	pthread_mutex_unlock(&event->lock);
}

/* A call in a thread of its own. */
struct call {
	pthread_t thread;
	s64 (*fn)(struct call *call);
	u64 iova, size;
	s64 ret;
	bool over;
};

static void *run_call(void *arg)
{
	struct call *call = arg;

	call->ret = call->fn(call);
	__atomic_store_n(&call->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void begin(struct call *call, s64 (*fn)(struct call *call), u64 iova,
		  u64 size)
{
	*call = (struct call){ .fn = fn, .iova = iova, .size = size };
	check(!pthread_create(&call->thread, NULL, run_call, call));
}

static s64 end(struct call *call)
{
	check(!pthread_join(call->thread, NULL));
	return call->ret;
}

static bool is_over(struct call *call)
{
	return __atomic_load_n(&call->over, __ATOMIC_ACQUIRE);
}

static s64 do_unmap(struct call *call)
{
	return space_unmap(space, call->iova, call->size);
}

static s64 do_unmap_all(struct call *call)
{
	return space_unmap_all(space);
}

static s64 do_map(struct call *call)
{
	return space_map(space, call->iova, mem, call->size, READ_WRITE);
}

/* Returns once the backend itself says so. */
static unsigned int nr_waiting(void)
{
	struct list_head *at;
	unsigned int nr = 0;

	down_read(&space->lock);
	for (at = space->waiters.next; at != &space->waiters; at = at->next)
		nr++;
	up_read(&space->lock);
	return nr;
}

static void until_waiting(unsigned int nr)
{
	while (nr_waiting() != nr)
		sched_yield();
}

static void until_unreachable(u64 iova)
{
	struct vfio_type1_pin p;

	while (!pin(iova, 1, READ_ONLY, &p)) {
		vfio_type1_unpin(space, &p, 0);
		sched_yield();
	}
}

/* What a device holds, as the test knows it; undoing it meanwhile is what all
 * of this is against. */
static struct vfio_type1_pin held;
static u64 held_iova;
static int is_held;

static void not_held(u64 iova)
{
	check(iova != held_iova ||
	      !__atomic_load_n(&is_held, __ATOMIC_SEQ_CST));
}

static void hold(u64 iova)
{
	held_iova = iova;
	fake.in_unmap = not_held;
	assert_int_equal(pin(iova, 1, READ_WRITE, &held), 0);
	__atomic_store_n(&is_held, 1, __ATOMIC_SEQ_CST);
}

static void let_go(void)
{
	__atomic_store_n(&is_held, 0, __ATOMIC_SEQ_CST);
	vfio_type1_unpin(space, &held, 0);
}

static void I3_unmap_returns_only_after_unpin(void **state)
{
	struct vfio_type1_pin p;
	struct call unmap;
	char byte = 0;
	size_t done;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_map(space, 0x8000, mem, ONE_PAGE, READ_WRITE),
			 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);

	/* For devices it is gone, whatever is held. */
	assert_nearest(0x1000, 0x8000, 0x8fff);
	assert_nearest(0, 0x8000, 0x8fff);
	assert_int_equal(pin(0x1000, 1, READ_ONLY, &p), -EFAULT);
	assert_int_equal(vfio_type1_rw(space, 0x1000, &byte, 1, true, &done),
			 -EFAULT);
	/* Elsewhere all goes on. */
	assert_int_equal(vfio_type1_rw(space, 0x8000, &byte, 1, true, &done),
			 0);
	assert_int_equal(space_map(space, 0x4000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_unmap(space, 0x4000, ONE_PAGE), ONE_PAGE);
	assert_int_equal(space_avail(space), 65535 - 2);

	assert_false(is_over(&unmap));
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
	assert_int_equal(fake.nr_mapped, 1);
	assert_int_equal(space_avail(space), 65535 - 1);

	hold(0x8000);
	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	begin(&unmap, do_unmap, 0x8000, ONE_PAGE);
	until_unreachable(0x8000);
	assert_nearest(0x8000, 0x1000, 0x1fff);
	assert_nearest(~0ull, 0x1000, 0x1fff);
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
}

static void I3_unmap_waits_for_every_pin(void **state)
{
	struct vfio_type1_pin pins[3];
	struct call unmap;
	unsigned int i;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	for (i = 0; i < ARRAY_SIZE(pins); i++)
		assert_int_equal(pin(0x1000, 8, READ_ONLY, &pins[i]), 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);
	for (i = 0; i < ARRAY_SIZE(pins); i++)
		vfio_type1_unpin(space, &pins[i], 0);
	assert_false(is_over(&unmap));
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
}

static void I3_unmap_all_waits_for_the_last(void **state)
{
	struct call unmap;
	u64 iova;

	for (iova = 0; iova < 0x100000; iova += 0x2000)
		assert_int_equal(
			space_map(space, iova, mem, ONE_PAGE, READ_WRITE), 0);
	hold(0x80000);
	begin(&unmap, do_unmap_all, 0, 0);
	until_unreachable(0);
	until_unreachable(0x80000);
	assert_false(is_over(&unmap));
	let_go();
	assert_int_equal(end(&unmap), 0x80 * ONE_PAGE);
	assert_int_equal(fake.nr_mapped, 0);
}

/* The fake host stops the test when a range is mapped twice. */
static void I3_map_in_the_place_of_an_unmap_waits_for_it(void **state)
{
	struct call unmap, map;

	assert_int_equal(space_map(space, 0x1000, mem, SIZE, READ_WRITE), 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, SIZE);
	until_unreachable(0x1000);
	begin(&map, do_map, 0x3000, ONE_PAGE);
	until_waiting(1);
	assert_false(is_over(&map));
	let_go();
	assert_int_equal(end(&unmap), SIZE);
	assert_int_equal(end(&map), 0);
	assert_pin(0x3000, 1, mem, 1);
	assert_int_equal(fake.nr_mapped, 1);
}

static void I3_unmap_of_what_is_being_unmapped_waits_too(void **state)
{
	struct call first, second, third;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	hold(0x1000);
	begin(&first, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);
	begin(&second, do_unmap, 0x1000, ONE_PAGE);
	begin(&third, do_unmap_all, 0, 0);
	until_waiting(2);
	assert_false(is_over(&second));
	assert_false(is_over(&third));
	let_go();
	assert_int_equal(end(&first), ONE_PAGE);
	assert_int_equal(end(&second), 0);
	assert_int_equal(end(&third), 0);
}

/* Else an UNMAP_DMA of everything would have to find a moment in which nobody
 * maps anything. */
static void I3_who_waits_for_a_range_has_it_before_who_comes_later(void **state)
{
	struct call unmap, all, map;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_map(space, 0x8000, mem, ONE_PAGE, READ_WRITE),
			 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);
	begin(&all, do_unmap_all, 0, 0);
	until_waiting(1);
	begin(&map, do_map, 0x4000, ONE_PAGE);
	until_waiting(2);
	assert_false(is_over(&map));
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
	assert_int_equal(end(&all), ONE_PAGE);
	assert_int_equal(end(&map), 0);
	assert_pin(0x4000, 1, mem, 1);
	assert_int_equal(fake.nr_mapped, 1);
}

/* The first in line finds that it has nothing to do. */
static void I3_who_waits_and_is_refused_lets_the_next_go(void **state)
{
	struct call unmap, first, second;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_map(space, 0x2000, mem, ONE_PAGE, READ_WRITE),
			 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);
	begin(&first, do_map, 0x1000, 2 * ONE_PAGE);
	until_waiting(1);
	begin(&second, do_map, 0x1000, ONE_PAGE);
	until_waiting(2);
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
	assert_int_equal(end(&first), -EEXIST);
	assert_int_equal(end(&second), 0);
}

/* ---- while the host maps ---- */

static struct event in_host, go_on;

static void block_in_host(u64 iova)
{
	if (iova != 0x1000)
		return;
	event_set(&in_host);
	event_wait(&go_on);
	fake.in_map = NULL;
}

static void begin_blocked_map(struct call *map)
{
	in_host = (struct event)EVENT;
	go_on = (struct event)EVENT;
	fake.in_map = block_in_host;
	begin(map, do_map, 0x1000, ONE_PAGE);
	event_wait(&in_host);
}

static void I3_mapping_is_reached_when_the_host_has_it(void **state)
{
	struct call map, again, unmap;
	struct vfio_type1_pin p;

	begin_blocked_map(&map);
	assert_int_equal(pin(0x1000, 1, READ_ONLY, &p), -EFAULT);
	assert_int_equal(space_map(space, 0x8000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(space_unmap(space, 0x8000, ONE_PAGE), ONE_PAGE);

	begin(&again, do_map, 0x1000, ONE_PAGE);
	until_waiting(1);
	event_set(&go_on);
	assert_int_equal(end(&map), 0);
	assert_int_equal(end(&again), -EEXIST);
	assert_pin(0x1000, 1, mem, 1);
	assert_int_equal(space_unmap(space, 0x1000, ONE_PAGE), ONE_PAGE);

	begin_blocked_map(&map);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_waiting(1);
	event_set(&go_on);
	assert_int_equal(end(&map), 0);
	assert_int_equal(end(&unmap), ONE_PAGE);
	assert_int_equal(fake.nr_mapped, 0);
}

static void I3_map_that_fails_makes_way_for_who_waits(void **state)
{
	struct call map, other;

	fake.map_error = -EFAULT;
	begin_blocked_map(&map);
	begin(&other, do_map, 0, 2 * ONE_PAGE);
	until_waiting(1);
	event_set(&go_on);
	assert_int_equal(end(&map), -EFAULT);
	/* It came no further than the host either. */
	assert_int_equal(end(&other), -EFAULT);
	fake.map_error = 0;
	assert_int_equal(space_map(space, 0, mem, 2 * ONE_PAGE, READ_WRITE), 0);
}

/* ---- while a device copies ---- */

static void block_in_copy(u64 vaddr)
{
	event_set(&in_host);
	event_wait(&go_on);
}

static s64 do_write(struct call *call)
{
	size_t done;
	char byte = 1;

	return vfio_type1_rw(space, call->iova, &byte, 1, true, &done);
}

static void I3_unmap_waits_for_a_copy_and_nobody_else_does(void **state)
{
	struct call write, unmap;

	in_host = (struct event)EVENT;
	go_on = (struct event)EVENT;
	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	fake.in_copy = block_in_copy;
	begin(&write, do_write, 0x1000, 1);
	event_wait(&in_host);
	assert_int_equal(space_map(space, 0x8000, mem, ONE_PAGE, READ_WRITE),
			 0);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	until_unreachable(0x1000);
	assert_int_equal(fake.nr_mapped, 2);
	assert_false(is_over(&unmap));
	event_set(&go_on);
	assert_int_equal(end(&write), 0);
	assert_int_equal(end(&unmap), ONE_PAGE);
}

static unsigned int count_in_log(const char *what)
{
	const char *at = host_log_captured();
	unsigned int nr = 0;

	while ((at = strstr(at, what))) {
		nr++;
		at += strlen(what);
	}
	return nr;
}

static void I3_unmap_that_waits_for_long_says_so_once(void **state)
{
	struct call unmap;

	fake.wait_ms = 1;
	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	hold(0x1000);
	begin(&unmap, do_unmap, 0x1000, ONE_PAGE);
	while (__atomic_load_n(&fake.nr_waits, __ATOMIC_RELAXED) < 30)
		sched_yield();
	assert_false(is_over(&unmap));
	assert_int_equal(count_in_log("unmapping 0x1000-0x1fff waits"), 1);
	let_go();
	assert_int_equal(end(&unmap), ONE_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAIT_TEST(I3_unmap_returns_only_after_unpin),
		WAIT_TEST(I3_unmap_waits_for_every_pin),
		WAIT_TEST(I3_unmap_all_waits_for_the_last),
		WAIT_TEST(I3_map_in_the_place_of_an_unmap_waits_for_it),
		WAIT_TEST(I3_unmap_of_what_is_being_unmapped_waits_too),
		WAIT_TEST(
			I3_who_waits_for_a_range_has_it_before_who_comes_later),
		WAIT_TEST(I3_who_waits_and_is_refused_lets_the_next_go),
		WAIT_TEST(I3_mapping_is_reached_when_the_host_has_it),
		WAIT_TEST(I3_map_that_fails_makes_way_for_who_waits),
		WAIT_TEST(I3_unmap_waits_for_a_copy_and_nobody_else_does),
		WAIT_TEST(I3_unmap_that_waits_for_long_says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
