/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the contract tests of the port need beside the port: tasks that run at
 * once, a clock, and reports that are caught.  world_user.c has it with
 * threads, world_sim.c with the tasks of the simulation; the tests are the same.
 *
 * A check that fails ends the program: it may fail in any task.
 */
#ifndef ANYVFIO_TESTS_PORT_WORLD_H
#define ANYVFIO_TESTS_PORT_WORLD_H

#include "port.h"

struct world_test {
	const char *name;
	void (*fn)(void);
};

/* clang-format off */
#define TEST(fn) { #fn, fn }
/* clang-format on */

/* The files of tests: each ends with a NULL name. */
extern const struct world_test base_tests[], lock_tests[], rwsem_tests[],
	wait_tests[], copy_tests[], memory_tests[], notifier_tests[],
	rights_tests[];

void world_check_failed(const char *file, int line, const char *what)
	__attribute__((noreturn));
#define check(cond) \
	((cond) ? (void)0 : world_check_failed(__FILE__, __LINE__, #cond))

/* ---- tasks ---- */

struct world_task;

struct world_task *world_start(void (*fn)(void *arg), void *arg);
void world_join(struct world_task *task);
/* Lets others go on. */
void world_yield(void);
/* Sends @task a signal, which interrupts a wait that can be. */
void world_interrupt(struct world_task *task);
u64 world_now_ms(void);

#define world_until(cond)              \
	do {                           \
		while (!(cond))        \
			world_yield(); \
	} while (0)

/* Somebody sleeps until he can have @sem, or @m. */
bool world_rwsem_has_waiter(struct rw_semaphore *sem);
bool world_mutex_has_waiter(struct mutex *m);

/* ---- reports ---- */

/* From here on reports are counted and not fatal. */
void world_catch(void);
/* How many there were, all with @part in them; catching ends. */
unsigned int world_caught(const char *part);

#endif /* ANYVFIO_TESTS_PORT_WORLD_H */
