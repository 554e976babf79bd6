/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Races: two accesses to the same memory by different tasks, one of them a
 * write, that nothing puts in order.  All tasks are one thread here, so that
 * none does harm; elsewhere it would, and so each is a bug.
 *
 * The compiler calls in at each access of portable code (-fsanitize=thread, but
 * what it calls is ours).  Order is kept as vector clocks: each task has one, and
 * each lock, completion, file and atomic, which takes it over from those who
 * let go (sim_release) and gives it to those who come (sim_acquire).  Of each
 * word of memory the last few accesses are remembered.
 *
 * Each access is also where another task may run.
 */
#include "engine.h"

#define WORDS (1u << 15)
#define SYNCS (1u << 12)
#define PROBES 16
#define RECORDS 4
/* One access in so many is a point, too. */
#define ACCESS_EVERY 8

typedef u32 clocks[SIM_MAX_TASKS];

struct record {
	u32 clock;
	u8 task, bytes;
	bool write, atomic;
	const void *pc;
};

struct word {
	uintptr_t at; /* in units of 8 bytes */
	u32 run;
	u8 next;
	struct record records[RECORDS];
};

struct sync {
	const void *object;
	u32 run;
	clocks clocks;
};

static clocks tasks[SIM_MAX_TASKS];
static struct word words[WORDS];
static struct sync syncs[SYNCS];
static u32 run; /* what is of another run is not there */
static unsigned int nr; /* tasks that there have been */

void sim_race_begin(void)
{
	run++;
	nr = 1;
	memset(tasks[0], 0, sizeof(tasks[0]));
}

static unsigned int self(void)
{
	return sim_current()->held.owner - 1;
}

static void take_over(clocks to, const clocks from)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		to[i] = max(to[i], from[i]);
}

/* ---- order ---- */

static struct sync *find_sync(const void *object)
{
	uintptr_t hash = (uintptr_t)object * 0x9e3779b97f4a7c15ull >> 40;
	struct sync *sync;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		sync = &syncs[(hash + i) % SYNCS];
		if (sync->run != run) {
			sync->run = run;
			sync->object = object;
			memset(sync->clocks, 0, sizeof(sync->clocks));
			return sync;
		}
		if (sync->object == object)
			return sync;
	}
	sim_bug("too many locks for the order of things");
}

void sim_acquire(const void *object)
{
	take_over(tasks[self()], find_sync(object)->clocks);
}

void sim_release(const void *object)
{
	take_over(find_sync(object)->clocks, tasks[self()]);
	tasks[self()][self()]++;
}

void sim_race_spawn(const struct sim_task *task)
{
	unsigned int new = task->held.owner - 1, i;
	u32 last = new < nr ? tasks[new][new] : 0;

	nr = max(nr, new + 1);
	for (i = 0; i < nr; i++)
		tasks[new][i] = tasks[self()][i];
	for (; i < SIM_MAX_TASKS; i++)
		tasks[new][i] = 0;
	/* The place was another task's before. */
	tasks[new][new] = last + 1;
	tasks[self()][self()]++;
}

void sim_race_join(const struct sim_task *task)
{
	take_over(tasks[self()], tasks[task->held.owner - 1]);
}

/* ---- accesses ---- */

static struct word *find_word(uintptr_t at, bool make)
{
	uintptr_t hash = at * 0x9e3779b97f4a7c15ull >> 40;
	struct word *word;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		word = &words[(hash + i) % WORDS];
		if (word->run == run && word->at == at)
			return word;
		if (word->run == run)
			continue;
		if (!make)
			return NULL;
		word->run = run;
		word->at = at;
		word->next = 0;
		memset(word->records, 0, sizeof(word->records));
		return word;
	}
	return NULL;
}

static const char *offset_of(const void *pc, char buf[32])
{
	extern const char __executable_start[];

	snprintf(buf, 32, "%#zx",
		 (size_t)((const char *)pc - __executable_start));
	return buf;
}

static void report(const struct record *former, const struct record *now,
		   uintptr_t at)
{
	char first[32], second[32];

	sim_bug("race at %#zx: %s by task %u (instruction %s) and %s by task %u (%s), in no order",
		(size_t)at * 8, former->write ? "written" : "read",
		former->task + 1, offset_of(former->pc, first),
		now->write ? "written" : "read", now->task + 1,
		offset_of(now->pc, second));
}

static bool is_before(const struct record *record)
{
	return record->task == self() ||
	       record->clock <= tasks[self()][record->task];
}

static bool conflict(const struct record *one, const struct record *two)
{
	return one->bytes & two->bytes && (one->write || two->write) &&
	       !(one->atomic && two->atomic);
}

/* Takes the place of a record that says no more than it does. */
static void remember(struct word *word, const struct record *now)
{
	struct record *record;
	unsigned int i;

	for (i = 0; i < RECORDS; i++) {
		record = &word->records[i];
		if (!record->bytes ||
		    (!(record->bytes & ~now->bytes) && is_before(record) &&
		     record->write <= now->write &&
		     record->atomic >= now->atomic)) {
			*record = *now;
			return;
		}
	}
	word->records[word->next++ % RECORDS] = *now;
}

static void access_word(uintptr_t at, u8 bytes, bool write, bool atomic,
			const void *pc)
{
	struct record now = { .task = self(),
			      .bytes = bytes,
			      .write = write,
			      .atomic = atomic,
			      .pc = pc };
	struct word *word = find_word(at, true);
	unsigned int i;

	if (!word)
		return;
	now.clock = tasks[now.task][now.task];
	for (i = 0; i < RECORDS; i++)
		if (conflict(&word->records[i], &now) &&
		    !is_before(&word->records[i]))
			report(&word->records[i], &now, at);
	remember(word, &now);
}

/* Stacks come and go, and what is shared on them is the port's. */
static bool is_stack(uintptr_t at)
{
	return sim_is_stack((const void *)at);
}

static void __attribute__((unused))
access(const void *ptr, size_t size, bool write, bool atomic, const void *pc)
{
	uintptr_t start = (uintptr_t)ptr, last = start + size - 1, at;
	unsigned int from, to;

	if (!size || !sim_is_running() || is_stack(start))
		return;
	for (at = start / 8; at <= last / 8; at++) {
		from = at == start / 8 ? start % 8 : 0;
		to = at == last / 8 ? last % 8 : 7;
		access_word(at, (0xffu << from) & (0xffu >> (7 - to)), write,
			    atomic, pc);
	}
	if (!atomic && !sim_random(ACCESS_EVERY))
		sim_point();
}

/* Freed by one, it is used by nobody else without having been let go. */
void sim_race_freed(const void *start, size_t size)
{
	uintptr_t at = (uintptr_t)start / 8;
	struct record all = { .task = self(), .bytes = 0xff, .write = true };
	struct word *word;
	unsigned int i;

	all.pc = __builtin_return_address(0);
	for (; at < ((uintptr_t)start + size + 7) / 8; at++) {
		word = find_word(at, false);
		if (!word)
			continue;
		for (i = 0; sim_is_running() && i < RECORDS; i++)
			if (conflict(&word->records[i], &all) &&
			    !is_before(&word->records[i]))
				report(&word->records[i], &all, at);
		memset(word->records, 0, sizeof(word->records));
	}
}

/* ---- what the compiler calls ---- */

/* Under the real sanitizers nothing does, or what does is their own. */
#ifdef SIM_RACES

#define PC __builtin_return_address(0)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
}

void __tsan_func_exit(void)
{
}

#define ACCESS(name, size, write)                    \
	void __tsan_##name(void *ptr);               \
	void __tsan_##name(void *ptr)                \
	{                                            \
		access(ptr, size, write, false, PC); \
	}

ACCESS(read1, 1, false)
ACCESS(read2, 2, false)
ACCESS(read4, 4, false)
ACCESS(read8, 8, false)
ACCESS(read16, 16, false)
ACCESS(write1, 1, true)
ACCESS(write2, 2, true)
ACCESS(write4, 4, true)
ACCESS(write8, 8, true)
ACCESS(write16, 16, true)
ACCESS(unaligned_read2, 2, false)
ACCESS(unaligned_read4, 4, false)
ACCESS(unaligned_read8, 8, false)
ACCESS(unaligned_write2, 2, true)
ACCESS(unaligned_write4, 4, true)
ACCESS(unaligned_write8, 8, true)

void __tsan_read_range(void *ptr, size_t size);
void __tsan_write_range(void *ptr, size_t size);

void __tsan_read_range(void *ptr, size_t size)
{
	access(ptr, size, false, false, PC);
}

void __tsan_write_range(void *ptr, size_t size)
{
	access(ptr, size, true, false, PC);
}

/* Orders as C11 numbers them. */
static void order_before(const void *ptr, int order)
{
	if (sim_is_running() && order >= __ATOMIC_RELEASE)
		sim_release(ptr);
}

static void order_after(const void *ptr, int order)
{
	if (sim_is_running() && order != __ATOMIC_RELAXED &&
	    order != __ATOMIC_RELEASE)
		sim_acquire(ptr);
}

#define ATOMICS(bits)                                                          \
	u##bits __tsan_atomic##bits##_load(const u##bits *ptr, int order);     \
	void __tsan_atomic##bits##_store(u##bits *ptr, u##bits val,            \
					 int order);                           \
	u##bits __tsan_atomic##bits##_fetch_add(u##bits *ptr, u##bits val,     \
						int order);                    \
	u##bits __tsan_atomic##bits##_fetch_sub(u##bits *ptr, u##bits val,     \
						int order);                    \
	int __tsan_atomic##bits##_compare_exchange_weak(                       \
		u##bits *ptr, u##bits *old, u##bits val, int order, int fail); \
	u##bits __tsan_atomic##bits##_load(const u##bits *ptr, int order)      \
	{                                                                      \
		access(ptr, sizeof(*ptr), false, true, PC);                    \
		order_after(ptr, order);                                       \
		return *ptr;                                                   \
	}                                                                      \
	void __tsan_atomic##bits##_store(u##bits *ptr, u##bits val, int order) \
	{                                                                      \
		access(ptr, sizeof(*ptr), true, true, PC);                     \
		order_before(ptr, order);                                      \
		*ptr = val;                                                    \
	}                                                                      \
	u##bits __tsan_atomic##bits##_fetch_add(u##bits *ptr, u##bits val,     \
						int order)                     \
	{                                                                      \
		u##bits old;                                                   \
                                                                               \
		access(ptr, sizeof(*ptr), true, true, PC);                     \
		order_before(ptr, order);                                      \
		old = *ptr;                                                    \
		*ptr += val;                                                   \
		order_after(ptr, order);                                       \
		return old;                                                    \
	}                                                                      \
	u##bits __tsan_atomic##bits##_fetch_sub(u##bits *ptr, u##bits val,     \
						int order)                     \
	{                                                                      \
		return __tsan_atomic##bits##_fetch_add(ptr, -val, order);      \
	}                                                                      \
	int __tsan_atomic##bits##_compare_exchange_weak(                       \
		u##bits *ptr, u##bits *old, u##bits val, int order, int fail)  \
	{                                                                      \
		access(ptr, sizeof(*ptr), true, true, PC);                     \
		if (*ptr != *old) {                                            \
			*old = *ptr;                                           \
			return 0;                                              \
		}                                                              \
		order_before(ptr, order);                                      \
		*ptr = val;                                                    \
		order_after(ptr, order);                                       \
		return 1;                                                      \
	}

ATOMICS(8)
ATOMICS(32)
ATOMICS(64)

#endif /* SIM_RACES */
