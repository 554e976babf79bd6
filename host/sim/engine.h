/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the simulation share: tasks and how they wait, what a call
 * of a user remembers, and the count of everything that must not be left.
 */
#ifndef ANYVFIO_SIM_ENGINE_H
#define ANYVFIO_SIM_ENGINE_H

#include "sim.h"

#define SIM_MAX_TASKS 64
#define SIM_MAX_READS 32

/* Whether @task may go on; @on is what it waits for. */
typedef bool sim_ready_fn(const struct sim_task *task, const void *on);

struct sim_task {
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	bool live, daemon;
	bool joined; /* nobody asks for it any more: may be another one */

	/* The context; see switch_x86.S. */
	void *sp, *stack, *fiber, *fake_stack;

	struct lock_held held;

	/* Why it does not run: until @ready, or the time @wake_at. */
	sim_ready_fn *ready;
	const void *on;
	const char *doing;
	u64 wake_at;
	bool shared;
	u64 ticket;

	unsigned int priority;
	unsigned long stalled; /* until that many switches */
	bool faults_off;
	bool signalled, interruptible;

	/* The system call it is in. */
	unsigned int calls;
	struct port_file *put_later;
	struct {
		uintptr_t start, last;
	} reads[SIM_MAX_READS];
	unsigned int nr_reads;
};

/* The running task; the one for what is outside of sim_run() is never NULL. */
struct sim_task *sim_current(void);
/* Waits until @ready says so, or @wake_at (0: never) has come. */
void sim_block(sim_ready_fn *ready, const void *on, const char *doing,
	       u64 wake_at);
/* A task that serves others: the run does not wait for its end. */
struct sim_task *sim_spawn_daemon(const char *name, void (*fn)(void *arg),
				  void *arg);
/* Calls @fn for each task that is alive, the outside one too. */
void sim_each_task(void (*fn)(struct sim_task *task, void *data), void *data);

/* ---- the story of a run (trace.c) ---- */

extern bool sim_tracing;
void __printf(1, 2) sim_trace_line(const char *fmt, ...);
#define sim_trace(...)                               \
	do {                                         \
		if (unlikely(sim_tracing))           \
			sim_trace_line(__VA_ARGS__); \
	} while (0)
/* @file: what the name of its operations is. */
const char *sim_cmd_name(const char *file, unsigned int cmd);

/* ---- the order of accesses (race.c) ---- */

void sim_race_spawn(const struct sim_task *task);
void sim_race_join(const struct sim_task *task);
void sim_race_freed(const void *start, size_t size);
bool sim_is_stack(const void *ptr);

/* ---- what must be 0 at the end of a run ---- */

enum sim_count {
	SIM_COUNT_MEMORY,
	SIM_COUNT_FDS,
	SIM_COUNT_FILES,
	SIM_COUNT_VMAS,
	SIM_COUNT_EVENTFDS,
	SIM_COUNT_WATCHES,
	SIM_COUNT_DEVICES,
	SIM_COUNT_GROUPS,
	SIM_COUNT_CLAIMS,
	SIM_COUNT_NODES,
	SIM_COUNT_IOMMUS,
	SIM_COUNT_ATTACHED,
	SIM_COUNT_MAPS,
	SIM_COUNT_PINS,
	SIM_COUNT_MODULES,
	SIM_COUNT_KVMS,
	SIM_COUNTS,
};

void sim_count(enum sim_count what, int change);

/* ---- each file's part of a run's begin and end ---- */

void sim_race_begin(void);
void sim_count_begin(void);
void sim_count_end(void);
void sim_memory_begin(void);
void sim_memory_end(void);
void sim_lock_begin(void);
void sim_copy_begin(void);
void sim_file_begin(void);
void sim_eventfd_begin(void);
void sim_bus_begin(void);
void sim_iommu_begin(void);
void sim_rights_begin(void);
void sim_log_begin(void);
void sim_log_dump(void);

/* ---- between files ---- */

/* Memory for what the host itself needs: never fails.  port_free(). */
void *sim_alloc(size_t size, const char *file, int line);
#define sim_new(type) ((type *)sim_alloc(sizeof(type), __FILE__, __LINE__))

/* @size bytes at @start are about to be freed: no lock in use may be there
 * (lock.c), nobody may wait there (engine.c). */
void sim_lock_freed(const void *start, size_t size);
void sim_task_freed(const void *start, size_t size);
/* The kernel's lock of an address space: user copies and pinning take it for
 * reading, mmap calls for writing (copy.c). */
void sim_mm_lock(bool write);
void sim_mm_unlock(bool write);
int sim_probe(u64 vaddr, u64 size, bool write);
int sim_touch(void *dst, const void *src, size_t len);
/* The end of a call: files that were put in it are released (file.c). */
void sim_file_put_later(struct sim_task *task);
/* A file of a test's or the host's own, with a descriptor. */
struct port_file *sim_file_new(const struct port_file_ops *ops, void *priv);
/* As port_file_get(), under any lock. */
struct port_file *sim_file_get(int fd);
extern struct list_head sim_nodes; /* node.c, which needs the core */
int sim_file_open(const char *name, const struct port_file_ops *ops,
		  void *priv);

#endif /* ANYVFIO_SIM_ENGINE_H */
