/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The engine: tasks, the seeded scheduler, virtual time, faults.
 *
 * One task runs at a time, until it waits or comes to a point; then the
 * scheduler, on the program's own stack, draws the next one.  Since a point is
 * the only place where tasks are switched, the seed fixes the run.
 *
 * Time passes when nobody can go on, and now and then while somebody could: a
 * task may be kept from running for as long as the seed likes, so that any two
 * periods of sleep overlap in some run.
 */
#include "engine.h"

#include <stdlib.h>
#include <sys/mman.h>

#define STACK_SIZE (256ul << 10)
#define GUARD_SIZE PAGE_SIZE
#define MAX_SWITCHES 500000ul
/* One switch in so many, a task stays away for so many: long enough for the
 * others to end what it has begun. */
#define STALL_EVERY 24
#define STALL 60
/* So many times in a row nothing happened but that a wait was over. */
#define MAX_IDLE 2000

void sim_switch(void **save, void *load);

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_start_switch_fiber(void **save, const void *bottom,
				    size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom,
				     size_t *size);
static const void *outside_bottom;
static size_t outside_size;
#endif
#ifdef __SANITIZE_THREAD__
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned int flags);
void __tsan_switch_to_fiber(void *fiber, unsigned int flags);
#endif

static struct sim_config config;
static struct sim_stats stats;
static u64 rng;
static unsigned int every; /* a point switches one time in so many; 0: PCT */
static unsigned int lowest;
static unsigned int idle;
static const char *last_failed;
static int lasting; /* the kind of site that fails for good, or -1 */

/* The first is what is outside of sim_run(). */
static struct sim_task tasks[SIM_MAX_TASKS];
static unsigned int nr_tasks;
static struct sim_task *current = &tasks[0];

static const char *const site_names[SIM_SITES] = {
	[SIM_MEMORY] = "memory",
	[SIM_COPY] = "copy",
	[SIM_INTERRUPT] = "interrupt",
	[SIM_FD] = "descriptor",
	[SIM_NODE] = "node",
	[SIM_CLAIM] = "claim",
	[SIM_ATTACH] = "attach",
	[SIM_MAP] = "map",
	[SIM_PIN] = "pin",
	[SIM_OPEN] = "open",
};

/* ---- reports ---- */

static void print_task(struct sim_task *task, void *data)
{
	unsigned int i;

	if (!task->live)
		return;
	fprintf(stderr, "  %s%s%s%s", task == current ? "* " : "  ", task->name,
		task->ready ? " waits for " : " runs",
		task->ready ? task->doing : "");
	for (i = 0; i < task->held.nr; i++)
		fprintf(stderr, "%s%s", i ? ", " : "; holds ",
			task->held.item[i].class->name);
	fprintf(stderr, "\n");
}

/* As it is asked for again. */
static void print_faults(const char *before)
{
	if (config.fail_rate)
		fprintf(stderr, "%s1/%u", before, config.fail_rate);
	else if (config.fail_nth)
		fprintf(stderr, "%s%u%s", before, config.fail_nth,
			config.fail_after  ? "+"
			: config.fail_kind ? "k"
					   : "");
}

void sim_bug(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	if (!sim_tracing)
		sim_log_dump();
	fprintf(stderr, "bug in %s, seed %llu", config.name ?: "a run",
		(unsigned long long)config.seed);
	print_faults(" FAULT=");
	if (last_failed)
		fprintf(stderr, " (last: %s)", last_failed);
	fprintf(stderr, ", at %llu ms:\n  ", (unsigned long long)stats.now_ms);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	sim_each_task(print_task, NULL);
	if (!sim_tracing && config.name) {
		fprintf(stderr,
			"  again, and told: make sim SCENARIO=%s SEED=%llu",
			config.name, (unsigned long long)config.seed);
		print_faults(" FAULT=");
		fprintf(stderr, "\n");
	}
	fflush(stderr);
	_Exit(1);
}

void port_warn_on(const char *file, int line, const char *what)
{
	if (port_warn_hook)
		port_warn_hook(file, line, what);
	else
		sim_bug("%s:%d: %s", file, line, what);
}

/* ---- chance and faults ---- */

/* xorshift64* */
u64 sim_random(u64 below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return ((rng * 0x2545f4914f6cdd1dull) >> 32) % below;
}

u64 sim_seed(void)
{
	return config.seed;
}

static bool is_chosen(enum sim_site site, unsigned int nth)
{
	if (config.fail_rate && !sim_random(config.fail_rate))
		return true;
	if (config.fail_kind && nth == config.fail_nth)
		lasting = site;
	if (lasting == (int)site)
		return true;
	if (!config.fail_nth)
		return false;
	return config.fail_after ? nth >= config.fail_nth
				 : nth == config.fail_nth;
}

bool sim_fails(enum sim_site site)
{
	sim_point();
	if (!sim_is_running() || current->faults_off)
		return false;
	if (config.sites && !(config.sites & BIT(site)))
		return false;
	if (!is_chosen(site, ++stats.sites))
		return false;
	stats.failed++;
	last_failed = site_names[site];
	sim_trace("fault %u: %s", stats.sites, last_failed);
	return true;
}

void sim_set_faults(bool on)
{
	current->faults_off = !on;
}

/* ---- tasks ---- */

struct sim_task *sim_current(void)
{
	return current;
}

struct lock_held *sim_held(void)
{
	return &current->held;
}

bool sim_is_running(void)
{
	return current != &tasks[0];
}

u64 sim_now_ms(void)
{
	return stats.now_ms;
}

void sim_each_task(void (*fn)(struct sim_task *task, void *data), void *data)
{
	unsigned int i;

	for (i = 0; i < nr_tasks; i++)
		fn(&tasks[i], data);
}

static void check_wait(struct sim_task *task, void *data)
{
	const uintptr_t *range = data;
	uintptr_t on = (uintptr_t)task->on;

	if (task->live && task->ready && on >= range[0] && on < range[1])
		sim_bug("%s waits in memory that is freed", task->name);
}

void sim_task_freed(const void *start, size_t size)
{
	uintptr_t range[2] = { (uintptr_t)start, (uintptr_t)start + size };

	sim_each_task(check_wait, range);
}

bool sim_is_stack(const void *ptr)
{
	unsigned int i;

	for (i = 1; i < nr_tasks; i++)
		if ((const u8 *)ptr >= (const u8 *)tasks[i].stack &&
		    (const u8 *)ptr < (const u8 *)tasks[i].stack + STACK_SIZE)
			return true;
	return false;
}

bool sim_is_awaited(const void *on)
{
	unsigned int i;

	for (i = 1; i < nr_tasks; i++)
		if (tasks[i].live && tasks[i].ready && tasks[i].on == on)
			return true;
	return false;
}

/* From @from, which runs, to @to.  A task that is over never comes back. */
static void switch_to(struct sim_task *from, struct sim_task *to)
{
	current = to;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(from->live ? &from->fake_stack : NULL,
				       to->stack ? to->stack : outside_bottom,
				       to->stack ? STACK_SIZE : outside_size);
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	sim_switch(&from->sp, to->sp);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

static void schedule(void)
{
	switch_to(current, &tasks[0]);
}

static void __attribute__((noreturn)) task_entry(void)
{
	struct sim_task *self = current;

#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(NULL, &outside_bottom, &outside_size);
#endif
	self->fn(self->arg);
	if (self->held.nr)
		sim_bug("%s ends with a lock held", self->name);
	sim_trace("ends");
	self->live = false;
	schedule();
	__builtin_unreachable();
}

static void make_stack(struct sim_task *task)
{
	u8 *map;

	if (task->stack)
		return;
	map = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED || mprotect(map, GUARD_SIZE, PROT_NONE))
		abort();
	task->stack = map + GUARD_SIZE;
#ifdef __SANITIZE_THREAD__
	task->fiber = __tsan_create_fiber(0);
#endif
}

/* What sim_switch() takes off the stack: registers, and where to go. */
static void make_context(struct sim_task *task)
{
	void **top = (void **)((u8 *)task->stack + STACK_SIZE) - 8;

	memset(top, 0, 8 * sizeof(*top));
	top[6] = (void *)task_entry;
	task->sp = top;
}

struct sim_task *sim_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
	struct sim_task *task;
	void *stack, *fiber;
	unsigned int i;

	for (i = 1; i < nr_tasks && !tasks[i].joined; i++)
		;
	if (i == SIM_MAX_TASKS)
		sim_bug("too many tasks");
	task = &tasks[i];
	nr_tasks = max(nr_tasks, i + 1);
	stack = task->stack;
	fiber = task->fiber;
	memset(task, 0, sizeof(*task));
	task->stack = stack;
	task->fiber = fiber;
	task->name = name;
	task->fn = fn;
	task->arg = arg;
	task->live = true;
	task->held.owner = i + 1;
	task->priority = (1u << 30) + sim_random(1u << 20);
	make_stack(task);
	make_context(task);
	sim_race_spawn(task);
	sim_point();
	return task;
}

struct sim_task *sim_spawn_daemon(const char *name, void (*fn)(void *arg),
				  void *arg)
{
	struct sim_task *task = sim_spawn(name, fn, arg);

	task->daemon = true;
	return task;
}

/* ---- the scheduler ---- */

static bool can_run(const struct sim_task *task)
{
	if (!task->ready)
		return true;
	if (task->wake_at && task->wake_at <= stats.now_ms)
		return true;
	return task->ready(task, task->on);
}

/**
 * struct choice - who could be next
 * @ready:   tasks that can go on
 * @waiting: one that is no daemon is still there
 * @next_at: when the first of those that sleep wakes up; 0: none does
 */
struct choice {
	struct sim_task *ready[SIM_MAX_TASKS];
	unsigned int nr;
	bool waiting;
	u64 next_at;
};

static void look(struct choice *choice)
{
	struct sim_task *task;
	unsigned int i;

	memset(choice, 0, sizeof(*choice));
	for (i = 1; i < nr_tasks; i++) {
		task = &tasks[i];
		if (!task->live)
			continue;
		choice->waiting |= !task->daemon;
		if (can_run(task))
			choice->ready[choice->nr++] = task;
		else if (task->wake_at &&
			 (!choice->next_at || task->wake_at < choice->next_at))
			choice->next_at = task->wake_at;
	}
}

static struct sim_task *choose(const struct choice *choice)
{
	struct sim_task *best = choice->ready[0], *task;
	unsigned int i;

	if (every) {
		/* One that is stalled runs when it is alone. */
		for (i = 0; i < choice->nr; i++) {
			task = choice->ready[sim_random(choice->nr)];
			if (task->stalled <= stats.switches)
				return task;
		}
		return best;
	}
	for (i = 1; i < choice->nr; i++)
		if (choice->ready[i]->priority > best->priority)
			best = choice->ready[i];
	return best;
}

/* True when time went on to the next who wakes up. */
static bool pass_time(const struct choice *choice)
{
	if (!choice->next_at)
		return false;
	if (choice->nr && sim_random(4)) {
		idle = 0;
		return false;
	}
	if (!choice->nr && ++idle > MAX_IDLE)
		sim_bug("no progress: all wait again and again");
	stats.now_ms = choice->next_at;
	if (sim_tracing)
		fprintf(stderr, "%8llu ms\n", (unsigned long long)stats.now_ms);
	return true;
}

void sim_run(void)
{
	struct choice choice;
	struct sim_task *next;
	unsigned int i;

	for (;;) {
		look(&choice);
		if (!choice.waiting)
			break;
		if (pass_time(&choice))
			continue;
		if (!choice.nr)
			sim_bug("deadlock");
		if (++stats.switches > MAX_SWITCHES)
			sim_bug("no end: %lu switches", stats.switches);
		next = choose(&choice);
		stats.order = (stats.order ^ next->held.owner ^
			       (u64)stats.sites << 16) *
			      0x100000001b3ull;
		switch_to(&tasks[0], next);
	}
	for (i = 1; i < nr_tasks; i++)
		sim_race_join(&tasks[i]);
}

void sim_point(void)
{
	if (!sim_is_running())
		return;
	if (every) {
		if (sim_random(every))
			return;
		if (!sim_random(STALL_EVERY))
			current->stalled = stats.switches + STALL;
	} else if (!sim_random(64)) {
		current->priority = --lowest;
	}
	schedule();
}

void sim_yield(void)
{
	if (!sim_is_running())
		return;
	current->priority = --lowest;
	schedule();
}

void sim_block(sim_ready_fn *ready, const void *on, const char *doing,
	       u64 wake_at)
{
	struct sim_task *self = current;

	self->ready = ready;
	self->on = on;
	self->doing = doing;
	self->wake_at = wake_at;
	if (!can_run(self))
		sim_trace("waits for %s", doing);
	while (!can_run(self)) {
		if (!sim_is_running())
			sim_bug("has to wait for %s outside of a run", doing);
		schedule();
	}
	self->ready = NULL;
	self->wake_at = 0;
}

static bool never(const struct sim_task *task, const void *on)
{
	return false;
}

void sim_sleep_ms(unsigned int ms)
{
	sim_block(never, NULL, "a time", stats.now_ms + max(ms, 1u));
}

static bool is_over(const struct sim_task *task, const void *on)
{
	return !((const struct sim_task *)on)->live;
}

void sim_join(struct sim_task *task)
{
	sim_block(is_over, task, "the end of a task", 0);
	sim_race_join(task);
	task->joined = true;
}

/* Within a call a signal stays until the call is over, as in a kernel; outside
 * its handler runs, and that was it. */
void sim_interrupt(struct sim_task *task)
{
	sim_trace("sends %s a signal", task->name);
	if (task->live && (task->calls || task->interruptible))
		task->signalled = true;
	sim_point();
}

/* ---- runs ---- */

void sim_begin(const struct sim_config *new)
{
	static const unsigned int rates[] = { 3, 3, 2, 8, 0, 0, 24, 3 };

	config = *new;
	memset(&stats, 0, sizeof(stats));
	stats.now_ms = 1;
	idle = 0;
	last_failed = NULL;
	lasting = -1;
	sim_tracing = config.trace;
	lowest = 1u << 30;
	nr_tasks = 1;
	current = &tasks[0];
	memset(current, 0, offsetof(struct sim_task, held));
	memset(&current->held, 0, sizeof(current->held));
	current->name = "outside";
	current->live = true;
	current->held.owner = 1;
	current->ready = NULL;
#ifdef __SANITIZE_THREAD__
	current->fiber = __tsan_get_current_fiber();
#endif
	rng = config.seed * 0x9e3779b97f4a7c15ull + 1;
	sim_random(2);
	every = rates[sim_random(ARRAY_SIZE(rates))];

	sim_race_begin();
	sim_count_begin();
	sim_memory_begin();
	sim_lock_begin();
	sim_copy_begin();
	sim_file_begin();
	sim_eventfd_begin();
	sim_bus_begin();
	sim_iommu_begin();
	sim_rights_begin();
	sim_log_begin();
}

void sim_end(struct sim_stats *result)
{
	sim_memory_end();
	sim_count_end();
	if (result)
		*result = stats;
}
