/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The contract tests on host/user: threads, real time. */
#include "world.h"
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

struct world_task {
	pthread_t thread;
	void (*fn)(void *arg);
	void *arg;
};

/* No device is here: every fault is a copy's, or real. */
bool host_mmio_fault(ucontext_t *ctx, void *addr)
{
	return false;
}

static void *run(void *data)
{
	struct world_task *task = data;

	task->fn(task->arg);
	lock_assert_none_held();
	return NULL;
}

struct world_task *world_start(void (*fn)(void *arg), void *arg)
{
	struct world_task *task = calloc(1, sizeof(*task));

	check(task);
	task->fn = fn;
	task->arg = arg;
	check(!pthread_create(&task->thread, NULL, run, task));
	return task;
}

void world_join(struct world_task *task)
{
	pthread_join(task->thread, NULL);
	free(task);
}

void world_yield(void)
{
	sched_yield();
}

static void on_signal(int sig)
{
}

/* SA_RESTART, so that a wait which relies on its absence is found out. */
void world_interrupt(struct world_task *task)
{
	struct sigaction act = { .sa_handler = on_signal,
				 .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &act, NULL);
	pthread_kill(task->thread, SIGUSR1);
}

u64 world_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

bool world_rwsem_has_waiter(struct rw_semaphore *sem)
{
	return READ_ONCE(sem->state) & RWSEM_WAITERS;
}

bool world_mutex_has_waiter(struct mutex *m)
{
	return READ_ONCE(m->state) == MUTEX_CONTENDED;
}

static void run_all(const struct world_test *test, unsigned int *nr)
{
	for (; test->name; test++) {
		test->fn();
		lock_assert_none_held();
		printf("ok %u - %s\n", ++*nr, test->name);
	}
}

int main(void)
{
	unsigned int nr = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	port_warn_fatal = true;
	host_fault_init();
	run_all(base_tests, &nr);
	run_all(lock_tests, &nr);
	run_all(rwsem_tests, &nr);
	run_all(wait_tests, &nr);
	run_all(copy_tests, &nr);
	run_all(memory_tests, &nr);
	run_all(notifier_tests, &nr);
	run_all(rights_tests, &nr);
	printf("1..%u\n", nr);
	return 0;
}
