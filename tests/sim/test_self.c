/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The simulation itself: plants a bug of each kind that it says it sees, each in
 * a process of its own, and reads the report.  A check that has gone blind
 * would make every scenario pass.
 */
#include "engine.h"
#include "plant_race.h"
#include "sweep.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY_SEEDS 200

static struct mutex lock[2];
static struct completion done;
static unsigned int counter, seen;
static u64 user;
static struct device *dev;
static struct port_iommu *iommu;
static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));

static void begin(u64 seed)
{
	struct sim_config config = { .seed = seed };

	sim_begin(&config);
	mutex_init(&lock[0]);
	mutex_init(&lock[1]);
	init_completion(&done);
	counter = 0;
}

static void end(void)
{
	mutex_destroy(&lock[0]);
	mutex_destroy(&lock[1]);
	sim_end(NULL);
}

/* Two tasks, under many seeds. */
static void two(void (*first)(void *arg), void (*second)(void *arg))
{
	u64 seed;

	for (seed = 1; seed <= MANY_SEEDS; seed++) {
		begin(seed);
		sim_spawn("first", first, NULL);
		sim_spawn("second", second, NULL);
		sim_run();
		end();
	}
}

static void one(void (*fn)(void *arg))
{
	begin(1);
	sim_spawn("only", fn, NULL);
	sim_run();
	end();
}

static void nothing(void *arg)
{
}

static void no_bug(void)
{
	two(nothing, nothing);
}

/* ---- waiting for ever ---- */

static void lock_and_join(void *arg)
{
	struct sim_task *other;

	mutex_lock(&lock[0]);
	other = sim_spawn("other", arg, NULL);
	sim_join(other);
	mutex_unlock(&lock[0]);
}

static void take_first(void *arg)
{
	mutex_lock(&lock[0]);
	mutex_unlock(&lock[0]);
}

static void lock_and_join_who_wants_it(void *arg)
{
	lock_and_join(take_first);
}

static void deadlock(void)
{
	one(lock_and_join_who_wants_it);
}

static void wait_again_and_again(void *arg)
{
	while (port_wait(&done, 1000, false))
		;
}

static void livelock(void)
{
	one(wait_again_and_again);
}

static void yield_for_ever(void *arg)
{
	while (!counter)
		sim_yield();
}

static void no_end(void)
{
	one(yield_for_ever);
}

/* ---- locks ---- */

static void take_both(void *arg)
{
	uintptr_t which = (uintptr_t)arg;

	mutex_lock(&lock[which]);
	mutex_lock(&lock[!which]);
	mutex_unlock(&lock[!which]);
	mutex_unlock(&lock[which]);
}

/* The other way round afterwards, when no deadlock can be met any more. */
static void take_both_ways(void *arg)
{
	take_both((void *)0);
	take_both((void *)1);
}

static void order(void)
{
	one(take_both_ways);
}

static void take_and_end(void *arg)
{
	mutex_lock(&lock[0]);
}

static void kept(void)
{
	one(take_and_end);
}

static void call_and_keep(void *arg)
{
	sim_call_begin();
	mutex_lock(&lock[0]);
	sim_call_end();
}

static void kept_by_a_call(void)
{
	one(call_and_keep);
}

static void take_twice(void *arg)
{
	mutex_lock(&lock[0]);
	mutex_lock(&lock[0]);
}

static void twice(void)
{
	one(take_twice);
}

static void give_up_what_another_has(void *arg)
{
	mutex_lock(&lock[0]);
	mutex_unlock(&lock[0]);
	mutex_unlock(&lock[0]);
}

static void not_held(void)
{
	one(give_up_what_another_has);
}

static void assert_what_another_holds(void *arg)
{
	mutex_lock(&lock[0]);
	sim_yield();
	sim_yield();
	mutex_unlock(&lock[0]);
}

static void assert_held(void *arg)
{
	sim_yield();
	lockdep_assert_held(&lock[0]);
}

static void held_by_another(void)
{
	two(assert_what_another_holds, assert_held);
}

static void wait_with_lock(void *arg)
{
	mutex_lock(&lock[0]);
	if (port_wait(&done, 10, false))
		mutex_unlock(&lock[0]);
}

static void waits_locked(void)
{
	one(wait_with_lock);
}

/* ---- the caller's memory ---- */

static void read_twice(void *arg)
{
	u32 part;
	u64 all;

	sim_call_begin();
	check(!port_copy_in(&part, &user, sizeof(part)));
	check(!port_copy_in(&all, &user, sizeof(all)));
	sim_call_end();
}

static void double_fetch(void)
{
	one(read_twice);
}

static void copy_with_lock(void *arg)
{
	u64 all;

	mutex_lock(&lock[0]);
	check(!port_copy_in(&all, &user, sizeof(all)));
	mutex_unlock(&lock[0]);
}

static void copies_locked(void)
{
	one(copy_with_lock);
}

static int mmap_takes_lock(void *priv, struct port_vma *vma)
{
	mutex_lock(&lock[0]);
	mutex_unlock(&lock[0]);
	return 0;
}

static void release_nothing(void *priv)
{
}

static const struct port_file_ops file_ops = {
	.name = "file",
	.release = release_nothing,
	.mmap = mmap_takes_lock,
};

/* A probe of memory, as pinning is, beside the mmap call that waits for it. */
static void mmap_and_probe(void *arg)
{
	int fd = sim_file_open("file", &file_ops, NULL);

	sim_munmap(sim_mmap(fd, 0, PAGE_SIZE, 0));
	mutex_lock(&lock[0]);
	sim_mm_lock(false);
	sim_mm_unlock(false);
	mutex_unlock(&lock[0]);
	sim_close(fd);
}

static void memory_lock(void)
{
	one(mmap_and_probe);
}

static void follow_null(void *arg)
{
	*(volatile u64 *)arg = 1;
}

static void null_pointer(void)
{
	one(follow_null);
}

/* ---- memory ---- */

static void write_freed(void *arg)
{
	u8 *mem = port_zalloc(8);

	port_free(mem);
	mem[3] = 1;
}

static void used_freed(void)
{
	one(write_freed);
}

static void free_twice(void *arg)
{
	void *mem = port_zalloc(8);

	port_free(mem);
	port_free(mem);
}

static void freed_twice(void)
{
	one(free_twice);
}

static void free_locked(void *arg)
{
	struct rw_semaphore *sem = port_zalloc(sizeof(*sem));

	init_rwsem(sem);
	down_read(sem);
	port_free(sem);
}

static void freed_locked(void)
{
	one(free_locked);
}

static void free_undestroyed(void *arg)
{
	struct mutex *mutex = port_zalloc(sizeof(*mutex));

	mutex_init(mutex);
	port_free(mutex);
}

static void not_destroyed(void)
{
	one(free_undestroyed);
}

static struct completion *shared;

static void wait_in_it(void *arg)
{
	check(port_wait(shared, 100000, false) == -ETIME);
}

static void free_it(void *arg)
{
	while (!sim_is_awaited(shared))
		sim_yield();
	port_free(shared);
}

static void freed_awaited(void)
{
	begin(1);
	shared = port_zalloc(sizeof(*shared));
	init_completion(shared);
	sim_spawn("waiter", wait_in_it, NULL);
	sim_spawn("freer", free_it, NULL);
	sim_run();
	end();
}

/* ---- counts of references ---- */

static void put_too_often(void *arg)
{
	refcount_t refs;

	refcount_set(&refs, 1);
	check(refcount_dec_and_test(&refs));
	check(!refcount_dec_and_test(&refs));
}

static void below_zero(void)
{
	one(put_too_often);
}

static void get_from_none(void *arg)
{
	refcount_t refs;

	refcount_set(&refs, 0);
	refcount_inc(&refs);
}

static void from_zero(void)
{
	one(get_from_none);
}

/* ---- orders ---- */

/* What another task reads between the two is lost. */
static void add_one(void *arg)
{
	unsigned int was = smp_load_acquire(&counter);

	smp_store_release(&counter, was + 1);
}

static void lost_update(void)
{
	u64 seed;

	for (seed = 1; seed <= MANY_SEEDS; seed++) {
		begin(seed);
		sim_spawn("first", add_one, NULL);
		sim_spawn("second", add_one, NULL);
		sim_run();
		check(counter == 2);
		end();
	}
}

/* A second of sleep is over while somebody has not even taken ten steps. */
static void sleep_a_second(void *arg)
{
	sim_sleep_ms(1000);
	seen |= counter < 10;
}

static void take_ten_steps(void *arg)
{
	for (counter = 0; counter < 10; counter++)
		sim_point();
}

static void time_jumps(void)
{
	seen = 0;
	two(sleep_a_second, take_ten_steps);
	if (seen)
		sim_bug("a sleep ended while another could run");
}

static void stall(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		sim_point();
	seen |= counter;
}

/* One comes to a stop at any of its points for as long as the other needs. */
static void take_hundred_steps(void *arg)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		sim_point();
	counter = 1;
}

static void stays_away(void)
{
	seen = 0;
	two(stall, take_hundred_steps);
	if (seen)
		sim_bug("a task of three steps was overtaken by a hundred");
}

static u64 order_of(u64 seed, unsigned int rate)
{
	struct sim_config config = { .seed = seed, .fail_rate = rate };
	struct sim_stats stats;

	sim_begin(&config);
	counter = 0;
	sim_spawn("first", take_hundred_steps, NULL);
	sim_spawn("second", take_ten_steps, NULL);
	sim_spawn("third", sleep_a_second, NULL);
	sim_run();
	sim_end(&stats);
	return stats.order;
}

static void seed_is_all(void)
{
	unsigned int alike = 0;
	u64 seed;

	for (seed = 1; seed <= MANY_SEEDS; seed++) {
		check(order_of(seed, 0) == order_of(seed, 0));
		check(order_of(seed, 5) == order_of(seed, 5));
		alike += order_of(seed, 0) == order_of(seed + 1, 0);
	}
	check(alike < MANY_SEEDS / 4);
	sim_bug("%u seeds, each twice the same", MANY_SEEDS);
}

/* ---- accesses in no order ---- */

/* Only where the compiler tells of them. */
#ifdef SIM_RACES

static void race(void (*first)(void *arg), void (*second)(void *arg))
{
	struct sim_config config = { 0 };

	for (config.seed = 1; config.seed <= MANY_SEEDS; config.seed++) {
		sim_begin(&config);
		race_begin();
		sim_spawn("first", first, NULL);
		sim_spawn("second", second, NULL);
		sim_run();
		race_end();
		sim_end(NULL);
	}
}

static void two_writes(void)
{
	race(race_write, race_write);
}

static void read_of_a_write(void)
{
	race(race_read, race_write);
}

static void one_lock(void)
{
	race(race_read_locked, race_write);
}

static void shared_lock(void)
{
	race(race_write_shared, race_write_shared);
}

static void plain_publishing(void)
{
	race(race_publish_plainly, race_use_published);
}

static void orders(void)
{
	race(order_write_locked, order_write_locked);
	race(order_write_exclusive, order_read_shared);
	race(order_read_shared, order_read_shared);
	race(order_publish, race_use_published);
	race(order_write_and_complete, order_wait_and_write);
	sim_bug("what is in order is no race");
}

#endif

/* ---- faults of every kind, once and for good ---- */

static void fail_at_each_site(void *arg)
{
	unsigned int site, i;

	for (i = 0; i < 3; i++)
		for (site = 0; site < SIM_SITES; site++)
			counter += sim_fails(site);
}

static unsigned int failed(const struct sim_config *config)
{
	struct sim_stats stats;

	sim_begin(config);
	counter = 0;
	sim_spawn("only", fail_at_each_site, NULL);
	sim_run();
	sim_end(&stats);
	check(stats.failed == counter);
	return counter;
}

static void faults(void)
{
	struct sim_config config = { .seed = 1 };
	unsigned int nth, all = 3 * SIM_SITES;

	check(failed(&config) == 0);
	for (nth = 1; nth <= all; nth++) {
		config = (struct sim_config){ .fail_nth = nth };
		check(failed(&config) == 1);
		config.fail_after = true;
		check(failed(&config) == all - nth + 1);
		config.fail_after = false;
		config.fail_kind = true;
		check(failed(&config) == (all - nth) / SIM_SITES + 1);
	}
	config = (struct sim_config){ .fail_nth = all + 1 };
	check(failed(&config) == 0);
	sim_bug("%u places failed, alone and for good", all);
}

static void interrupted(void *arg)
{
	counter = port_wait(&done, 1000, true) == -EINTR;
}

static void interrupt(void *arg)
{
	struct sim_task *task = sim_spawn("waiter", interrupted, NULL);

	while (!sim_is_awaited(&done))
		sim_yield();
	sim_interrupt(task);
	sim_join(task);
	check(counter);
	sim_bug("a wait was interrupted");
}

static void signals(void)
{
	one(interrupt);
}

/* ---- what is left behind ---- */

static void left(void (*leave)(void))
{
	begin(1);
	dev = sim_device_create("device", 7);
	iommu = port_iommu_alloc(NULL);
	leave();
	end();
}

static void leave_memory(void)
{
	check(port_zalloc(1));
}

static void leave_fd(void)
{
	check(port_fd_reserve() > 0);
}

static void leave_file(void)
{
	check(!IS_ERR(port_file_create("file", &file_ops, NULL)));
}

static void leave_vma(void)
{
	int fd = sim_file_open("file", &file_ops, NULL);

	check(!IS_ERR(sim_mmap(fd, 0, PAGE_SIZE, 0)));
	sim_close(fd);
}

static void leave_eventfd(void)
{
	check(!IS_ERR(port_eventfd_get(sim_eventfd())));
}

static void ignore(void *data)
{
}

static void leave_watch(void)
{
	struct port_eventfd *eventfd = port_eventfd_get(sim_eventfd());

	check(!IS_ERR(port_eventfd_watch(eventfd, ignore, NULL)));
}

static void leave_device(void)
{
}

static void leave_group(void)
{
	check(port_iommu_group_get(dev));
	sim_device_destroy(dev);
}

static void leave_claim(void)
{
	check(!port_iommu_group_claim(dev->group, dev));
}

static void leave_node(void)
{
	check(!port_group_node_add(7, false));
}

static void leave_attached(void)
{
	leave_claim();
	check(!port_iommu_attach(iommu, dev->group));
}

static void leave_map(void)
{
	void *cookie;

	check(!port_iommu_map(iommu, 0, (uintptr_t)page, PAGE_SIZE,
			      VFIO_DMA_MAP_FLAG_READ, &cookie));
}

static void leave_pin(void)
{
	unsigned long pfn;

	check(!port_iommu_pin_page(iommu, (uintptr_t)page,
				   VFIO_DMA_MAP_FLAG_READ, &pfn));
}

static void leave_module(void)
{
	static struct module module;

	check(port_module_get(&module));
}

static void leave_kvm(void)
{
	check(port_kvm_get(sim_kvm_create()));
}

/* ---- all of them ---- */

struct plant {
	const char *name;
	void (*run)(void);
	void (*leave)(void);
	const char *report;
	bool sanitizer; /* may be faster than we */
};

#define LEFT(what, report)                                                  \
	{                                                                   \
		"left_" #what "_is_seen", NULL, leave_##what, report, false \
	}

/* clang-format off */
static const struct plant plants[] = {
	{ "deadlock_is_seen", deadlock, NULL, "deadlock", false },
	{ "livelock_is_seen", livelock, NULL, "no progress", false },
	{ "run_without_end_is_seen", no_end, NULL, "no end", false },
	{ "lock_order_is_seen_without_a_deadlock", order, NULL, "the other way round before", false },
	{ "lock_kept_by_a_task_is_seen", kept, NULL, "ends with a lock held", false },
	{ "lock_kept_by_a_call_is_seen", kept_by_a_call, NULL, "sim_held()->nr", false },
	{ "lock_taken_twice_is_seen", twice, NULL, "taken twice", false },
	{ "lock_given_up_but_not_held_is_seen", not_held, NULL, "given up, but not held", false },
	{ "lock_held_by_another_does_not_count", held_by_another, NULL, "lock_is_held", false },
	{ "wait_with_a_lock_is_seen", waits_locked, NULL, "sim_held()->nr", false },
	{ "byte_read_twice_is_seen", double_fetch, NULL, "twice in one call", false },
	{ "copy_with_a_lock_is_seen", copies_locked, NULL, "sim_held()->nr", false },
	{ "lock_on_both_sides_of_memory_is_seen", memory_lock, NULL, "lock order", false },
	{ "null_pointer_is_seen", null_pointer, NULL, "fault at", true },
	{ "freed_memory_used_is_seen", used_freed, NULL, "after it was freed", true },
	{ "memory_freed_twice_is_seen", freed_twice, NULL, "freed twice", true },
	{ "memory_freed_with_a_lock_held_in_it_is_seen", freed_locked, NULL, "which only holds", false },
	{ "memory_freed_with_a_lock_alive_in_it_is_seen", not_destroyed, NULL, "not destroyed", false },
	{ "memory_freed_under_a_waiter_is_seen", freed_awaited, NULL, "waits in memory that is freed", false },
	{ "put_beyond_the_last_is_seen", below_zero, NULL, "refcount_dec_and_test", false },
	{ "get_from_none_is_seen", from_zero, NULL, "refcount_inc() from 0", false },
	{ "update_is_lost_between_two_calls", lost_update, NULL, "counter == 2", false },
	{ "time_goes_on_while_somebody_can_run", time_jumps, NULL, "a sleep ended", false },
	{ "task_stays_away_for_long", stays_away, NULL, "overtaken", false },
	{ "seed_is_all_that_decides", seed_is_all, NULL, "each twice the same", false },
	{ "every_place_fails_once_and_for_good", faults, NULL, "alone and for good", false },
	{ "signal_ends_a_wait", signals, NULL, "was interrupted", false },
#ifdef SIM_RACES
	{ "writes_without_a_lock_are_seen", two_writes, NULL, "race at", false },
	{ "read_of_what_another_writes_is_seen", read_of_a_write, NULL, "race at", false },
	{ "lock_of_one_alone_is_seen", one_lock, NULL, "race at", false },
	{ "write_under_a_lock_for_reading_is_seen", shared_lock, NULL, "race at", false },
	{ "pointer_published_without_order_is_seen", plain_publishing, NULL, "race at", false },
	{ "locks_waits_and_releases_are_order", orders, NULL, "is no race", false },
#endif
	LEFT(memory, "pieces of memory"),
	LEFT(fd, "1 descriptors"),
	LEFT(file, "1 open files"),
	LEFT(vma, "1 mappings of files"),
	LEFT(eventfd, "1 references to eventfds"),
	LEFT(watch, "1 watches of eventfds"),
	LEFT(device, "1 devices"),
	LEFT(group, "1 references to IOMMU groups"),
	LEFT(claim, "1 claims of IOMMU groups"),
	LEFT(node, "1 nodes"),
	LEFT(device, "1 I/O address spaces"),
	LEFT(attached, "1 groups in I/O address spaces"),
	LEFT(map, "1 mappings for DMA"),
	LEFT(pin, "1 pinned pages"),
	LEFT(module, "1 holds of modules"),
	LEFT(kvm, "2 references to virtual machines"),
};
/* clang-format on */

static void run_planted(const struct plant *plant, int out)
{
	dup2(out, STDERR_FILENO);
	if (plant->leave)
		left(plant->leave);
	else
		plant->run();
	_exit(0);
}

/* What the process said before it ended, and whether that was well. */
static bool report_of(const struct plant *plant, char *buf, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fds))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_planted(plant, fds[1]);
	close(fds[1]);
	while ((n = read(fds[0], buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool is_seen(const struct plant *plant, char *buf, size_t size)
{
	if (report_of(plant, buf, size))
		return false;
	if (strstr(buf, plant->report) && strstr(buf, "bug in"))
		return true;
	return plant->sanitizer && strstr(buf, "Sanitizer");
}

int main(void)
{
	static const struct plant none = { "nothing", no_bug, NULL, "", false };
	static char buf[1 << 16];
	unsigned int i, bad = 0;
	bool ok;

	printf("1..%zu\n", ARRAY_SIZE(plants) + 1);
	ok = report_of(&none, buf, sizeof(buf)) && !*buf;
	bad += !ok;
	printf("%sok 1 - run_without_a_bug_is_well\n", ok ? "" : "not ");
	for (i = 0; i < ARRAY_SIZE(plants); i++) {
		ok = is_seen(&plants[i], buf, sizeof(buf));
		bad += !ok;
		printf("%sok %u - %s\n", ok ? "" : "not ", i + 2,
		       plants[i].name);
		if (!ok)
			printf("# wanted \"%s\", got: %s\n", plants[i].report,
			       buf);
	}
	return !!bad;
}
