/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Event descriptors of the program: which are, signalling, watching. */
#include "toy.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static u64 count_of(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	u64 count = 0;

	if (poll(&poll_fd, 1, 0) == 1)
		assert_int_equal(read(fd, &count, 8), 8);
	return count;
}

static void add(int fd, u64 n)
{
	assert_int_equal(write(fd, &n, 8), 8);
}

/* ---- which are ---- */

static void not_open_is_ebadf(void **state)
{
	int fd = eventfd(0, 0), internal;

	close(fd);
	assert_int_equal(PTR_ERR(port_eventfd_get(fd)), -EBADF);
	assert_int_equal(PTR_ERR(port_eventfd_get(-1)), -EBADF);
	internal = host_fd_internal(eventfd(0, 0));
	assert_int_equal(PTR_ERR(port_eventfd_get(internal)), -EBADF);
	host_fd_internal_close(internal);
}

static void other_kinds_are_einval(void **state)
{
	struct toy toy = { 0 };
	int fd[5], i;

	assert_int_equal(pipe(fd), 0);
	fd[2] = epoll_create1(0);
	fd[3] = timerfd_create(CLOCK_MONOTONIC, 0);
	fd[4] = open("/dev/null", O_RDWR);
	for (i = 0; i < 5; i++) {
		assert_int_equal(PTR_ERR(port_eventfd_get(fd[i])), -EINVAL);
		assert_false(host_eventfd_takes_zero(fd[i]));
	}
	/* Asking left nothing in the pipe. */
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(fd[0], &i, 1), -1);
	for (i = 0; i < 5; i++)
		close(fd[i]);

	fd[0] = toy_open(&toy);
	assert_int_equal(PTR_ERR(port_eventfd_get(fd[0])), -EINVAL);
	host_fd_close(fd[0]);
}

static void eventfd_is_known_without_proc(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	assert_true(host_eventfd_takes_zero(fd));
	assert_int_equal(count_of(fd), 0);
	close(fd);
}

/* ---- signalling ---- */

static void signal_counts_up_and_outlives_the_programs_number(void **state)
{
	int fd = eventfd(0, 0), other = dup(fd);
	struct port_eventfd *eventfd = port_eventfd_get(fd);

	assert_false(IS_ERR(eventfd));
	close(fd);
	port_eventfd_signal(eventfd);
	port_eventfd_signal(eventfd);
	assert_int_equal(count_of(other), 2);
	port_eventfd_put(eventfd);
	assert_int_equal(host_fd_next_internal(0), -1);
	close(other);
}

/* A test that fails here hangs: what it shows is that nothing waits. */
static void signal_of_a_full_count_does_not_wait(void **state)
{
	static const int flags[] = { 0, EFD_NONBLOCK };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = eventfd(0, flags[i]);
		struct port_eventfd *eventfd = port_eventfd_get(fd);

		add(fd, UINT64_MAX - 1);
		port_eventfd_signal(eventfd);
		assert_true(count_of(fd) == UINT64_MAX - 1);
		port_eventfd_signal(eventfd);
		assert_int_equal(count_of(fd), 1);
		port_eventfd_put(eventfd);
		close(fd);
	}
}

/* ---- watching ---- */

/**
 * struct seen - what a watch was called for
 * @called: posted by each call, after @before
 * @go_on: waited for in each call when @hold
 * @thread: who called
 */
struct seen {
	int fd;
	struct port_eventfd *eventfd;
	struct port_watch *watch;
	sem_t called;
	sem_t go_on;
	bool hold;
	pid_t thread;
	int calls; /* atomic */
	int inside; /* atomic */
	int at_once; /* atomic; the most that ever was inside */
};

static void on_signal(void *data)
{
	struct seen *seen = data;
	int inside = __atomic_add_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST);

	if (inside > __atomic_load_n(&seen->at_once, __ATOMIC_SEQ_CST))
		__atomic_store_n(&seen->at_once, inside, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&seen->calls, 1, __ATOMIC_SEQ_CST);
	WRITE_ONCE(seen->thread, gettid());
	sem_post(&seen->called);
	if (seen->hold)
		sem_wait(&seen->go_on);
	__atomic_sub_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST);
}

static void seen_start(struct seen *seen, bool hold)
{
	memset(seen, 0, sizeof(*seen));
	seen->hold = hold;
	sem_init(&seen->called, 0, 0);
	sem_init(&seen->go_on, 0, 0);
	seen->fd = eventfd(0, 0);
	seen->eventfd = port_eventfd_get(seen->fd);
	seen->watch = port_eventfd_watch(seen->eventfd, on_signal, seen);
	assert_false(IS_ERR(seen->watch));
	/* The watch holds it. */
	port_eventfd_put(seen->eventfd);
}

static void seen_end(struct seen *seen)
{
	close(seen->fd);
	sem_destroy(&seen->called);
	sem_destroy(&seen->go_on);
}

static void watch_is_called_for_each_signal_and_takes_the_count(void **state)
{
	struct seen seen;
	int i;

	seen_start(&seen, false);
	for (i = 0; i < 100; i++) {
		add(seen.fd, 3);
		sem_wait(&seen.called);
	}
	port_watch_cancel(seen.watch);
	assert_int_equal(seen.calls, 100);
	assert_int_equal(count_of(seen.fd), 0);
	seen_end(&seen);
}

static void signal_before_the_watch_is_seen(void **state)
{
	struct seen seen = { .fd = eventfd(5, 0) };

	sem_init(&seen.called, 0, 0);
	seen.eventfd = port_eventfd_get(seen.fd);
	seen.watch = port_eventfd_watch(seen.eventfd, on_signal, &seen);
	sem_wait(&seen.called);
	port_watch_cancel(seen.watch);
	port_eventfd_put(seen.eventfd);
	close(seen.fd);
}

static void cancelled_watch_is_not_called_and_leaves_the_count(void **state)
{
	struct seen seen, other;

	seen_start(&seen, false);
	seen_start(&other, false);
	port_watch_cancel(seen.watch);
	add(seen.fd, 1);
	/* By now the thread has been round. */
	add(other.fd, 1);
	sem_wait(&other.called);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(count_of(seen.fd), 1);
	port_watch_cancel(other.watch);
	seen_end(&seen);
	seen_end(&other);
}

/* A cancel in a thread of its own. */
struct cancel {
	pthread_t thread;
	struct seen *seen;
	pid_t tid; /* atomic */
	bool returned; /* atomic */
};

static void *cancel_in_thread(void *data)
{
	struct cancel *cancel = data;

	__atomic_store_n(&cancel->tid, gettid(), __ATOMIC_SEQ_CST);
	port_watch_cancel(cancel->seen->watch);
	__atomic_store_n(&cancel->returned, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static char thread_state(pid_t tid)
{
	char path[64], line[256] = "", *name_end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	name_end = strrchr(line, ')');
	return name_end[2];
}

/* Returns once the cancel waits, or has returned without. */
static void cancel_start(struct cancel *cancel, struct seen *seen)
{
	pid_t tid = 0;

	memset(cancel, 0, sizeof(*cancel));
	cancel->seen = seen;
	pthread_create(&cancel->thread, NULL, cancel_in_thread, cancel);
	while (!tid)
		tid = __atomic_load_n(&cancel->tid, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&cancel->returned, __ATOMIC_SEQ_CST) &&
	       thread_state(tid) != 'S')
		sched_yield();
}

static void cancelling_waits_for_a_call_in_progress(void **state)
{
	struct seen seen, other;
	struct cancel cancel;

	seen_start(&seen, true);
	seen_start(&other, false);
	add(seen.fd, 1);
	sem_wait(&seen.called);
	cancel_start(&cancel, &seen);
	assert_false(cancel.returned);
	/* Signalled meanwhile: not called again. */
	add(seen.fd, 1);
	sem_post(&seen.go_on);
	sem_post(&seen.go_on);
	pthread_join(cancel.thread, NULL);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.inside, 0);
	/* The thread still serves the other. */
	add(other.fd, 1);
	sem_wait(&other.called);
	port_watch_cancel(other.watch);
	seen_end(&seen);
	seen_end(&other);
}

/* The one that is not being called goes at once, and must not take the thread
 * away from under the one that waits. */
static void cancelling_another_during_a_call_does_not_wait(void **state)
{
	struct seen seen, other;
	struct cancel cancel;

	seen_start(&seen, true);
	seen_start(&other, false);
	add(seen.fd, 1);
	sem_wait(&seen.called);
	cancel_start(&cancel, &seen);
	port_watch_cancel(other.watch);
	assert_false(cancel.returned);
	sem_post(&seen.go_on);
	pthread_join(cancel.thread, NULL);
	assert_int_equal(host_fd_next_internal(0), -1);
	seen_end(&seen);
	seen_end(&other);
}

/* Its descriptors are closed after the thread was joined. */
static void one_thread_serves_all_and_ends_with_the_last(void **state)
{
	struct seen seen[8];
	int round, i;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 8; i++)
			seen_start(&seen[i], false);
		for (i = 0; i < 8; i++)
			add(seen[i].fd, 1);
		for (i = 0; i < 8; i++) {
			sem_wait(&seen[i].called);
			port_watch_cancel(seen[i].watch);
			assert_int_equal(seen[i].calls, 1);
			assert_int_equal(seen[i].thread, seen[0].thread);
			seen_end(&seen[i]);
		}
		assert_int_not_equal(seen[0].thread, gettid());
		assert_int_equal(host_fd_next_internal(0), -1);
	}
}

/* Two watches of one descriptor: a signal is somebody's, and nobody waits for
 * a count that the other took. */
static void two_watches_of_one_descriptor_do_not_block(void **state)
{
	struct seen seen, third;
	struct port_watch *second;
	struct port_eventfd *eventfd;
	int i;

	seen_start(&seen, false);
	seen_start(&third, false);
	eventfd = port_eventfd_get(seen.fd);
	second = port_eventfd_watch(eventfd, on_signal, &seen);
	assert_false(IS_ERR(second));
	for (i = 0; i < 100; i++) {
		add(seen.fd, 1);
		sem_wait(&seen.called);
		add(third.fd, 1);
		sem_wait(&third.called);
	}
	port_watch_cancel(second);
	port_eventfd_put(eventfd);
	port_watch_cancel(seen.watch);
	port_watch_cancel(third.watch);
	assert_int_equal(seen.calls, 100);
	assert_int_equal(seen.at_once, 1);
	seen_end(&seen);
	seen_end(&third);
}

/*
 * The program reads its own eventfd, and may be the faster one: after the thread
 * was told of it, and before it takes the count.  That is where a signal is
 * delivered that came together with the event; one processor for both threads,
 * of which the watching one is never preferred, lets both come before it runs.
 */
#define ROUNDS 50

static int taken_fd, nr_taken;

static void take_from_thread(int sig)
{
	u64 count;
	struct iovec iov = { &count, sizeof(count) };

	if (preadv2(READ_ONCE(taken_fd), &iov, 1, -1, RWF_NOWAIT) == 8)
		WRITE_ONCE(nr_taken, READ_ONCE(nr_taken) + 1);
}

static void count_that_the_program_took_does_not_block_the_thread(void **state)
{
	struct sigaction old, act = { .sa_handler = take_from_thread };
	struct seen seen, other;
	cpu_set_t one, all;
	pid_t tid;
	int i;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	sigaction(SIGBUS, &act, &old);
	seen_start(&seen, false);
	seen_start(&other, false);
	add(other.fd, 1);
	sem_wait(&other.called);
	tid = READ_ONCE(other.thread);
	sched_setscheduler(tid, SCHED_IDLE, &(struct sched_param){ 0 });
	WRITE_ONCE(taken_fd, seen.fd);
	for (i = 0; i < ROUNDS; i++) {
		while (thread_state(tid) != 'S')
			poll(NULL, 0, 1);
		add(seen.fd, 1);
		tgkill(getpid(), tid, SIGBUS);
		/* Hangs when the thread waits for a count that has gone. */
		add(other.fd, 1);
		sem_wait(&other.called);
	}
	port_watch_cancel(seen.watch);
	port_watch_cancel(other.watch);
	assert_int_equal(nr_taken + seen.calls, ROUNDS);
	assert_true(nr_taken > 0);
	sigaction(SIGBUS, &old, NULL);
	sched_setaffinity(0, sizeof(all), &all);
	seen_end(&seen);
	seen_end(&other);
}

static void read_mask(void *data)
{
	struct seen *seen = data;
	sigset_t set;
	int sig;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (sig = 1; sig < NSIG; sig++)
		seen->calls += sigismember(&set, sig) == 1;
	seen->hold = sigismember(&set, SIGSEGV) || sigismember(&set, SIGBUS);
	sem_post(&seen->called);
}

static void thread_blocks_all_signals_but_faults(void **state)
{
	struct seen seen = { .fd = eventfd(1, 0) };
	sigset_t before, after;
	int sig;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sem_init(&seen.called, 0, 0);
	seen.eventfd = port_eventfd_get(seen.fd);
	seen.watch = port_eventfd_watch(seen.eventfd, read_mask, &seen);
	sem_wait(&seen.called);
	port_watch_cancel(seen.watch);
	port_eventfd_put(seen.eventfd);
	close(seen.fd);
	/* 64, less two, libc's two, and SIGKILL and SIGSTOP. */
	assert_int_equal(seen.calls, 64 - 2 - 2 - 2);
	assert_false(seen.hold);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (sig = 1; sig < NSIG; sig++)
		assert_int_equal(sigismember(&before, sig),
				 sigismember(&after, sig));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_open_is_ebadf),
		cmocka_unit_test(other_kinds_are_einval),
		cmocka_unit_test(eventfd_is_known_without_proc),
		cmocka_unit_test(
			signal_counts_up_and_outlives_the_programs_number),
		cmocka_unit_test(signal_of_a_full_count_does_not_wait),
		cmocka_unit_test(
			watch_is_called_for_each_signal_and_takes_the_count),
		cmocka_unit_test(signal_before_the_watch_is_seen),
		cmocka_unit_test(
			cancelled_watch_is_not_called_and_leaves_the_count),
		cmocka_unit_test(cancelling_waits_for_a_call_in_progress),
		cmocka_unit_test(
			cancelling_another_during_a_call_does_not_wait),
		cmocka_unit_test(one_thread_serves_all_and_ends_with_the_last),
		cmocka_unit_test(two_watches_of_one_descriptor_do_not_block),
		cmocka_unit_test(
			count_that_the_program_took_does_not_block_the_thread),
		cmocka_unit_test(thread_blocks_all_signals_but_faults),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
