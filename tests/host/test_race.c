/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Threads against each other, for the memory checker and the race detector. */
#include "toy.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

#define CALLERS 3
#define ROUNDS 10000
#define ALIVE 0x600dL
#define OTHER 0xbadL
#define DEAD 0xdeadL

/* Freed by its release: a call that came too late shows. */
struct mortal {
	long state;
	long calls;
};

static int nr_alive;

static void mortal_release(void *priv)
{
	struct mortal *mortal = priv;

	mortal->state = DEAD;
	free(mortal);
	__atomic_fetch_sub(&nr_alive, 1, __ATOMIC_RELAXED);
}

static long mortal_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	struct mortal *mortal = priv;

	__atomic_fetch_add(&mortal->calls, 1, __ATOMIC_RELAXED);
	return mortal->state;
}

static const struct port_file_ops mortal_fops = {
	.name = "mortal",
	.release = mortal_release,
	.ioctl = mortal_ioctl,
};

static int mortal_open_with(long state, const struct port_file_ops *ops)
{
	struct mortal *mortal = calloc(1, sizeof(*mortal));
	int fd = port_fd_reserve();

	mortal->state = state;
	__atomic_fetch_add(&nr_alive, 1, __ATOMIC_RELAXED);
	port_fd_publish(fd, port_file_create("[mortal]", ops, mortal));
	return fd;
}

static int mortal_open_as(long state)
{
	return mortal_open_with(state, &mortal_fops);
}

static int mortal_open(void)
{
	return mortal_open_as(ALIVE);
}

static int shared_fd;
static bool stop;
static pthread_barrier_t barrier;

static void start_all(pthread_t *thread, int nr, void *(*fn)(void *data),
		      void *data)
{
	int i;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		pthread_create(&thread[i], NULL, fn, data);
}

/* The sum of what they returned. */
static long join_all(pthread_t *thread, int nr)
{
	long sum = 0;
	void *ret;
	int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++) {
		pthread_join(thread[i], &ret);
		sum += (long)ret;
	}
	return sum;
}

/* ---- a call against a close of the same number ---- */

static void *call_until_stopped(void *data)
{
	long bad = 0, ret;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		ret = host_fd_ioctl(shared_fd, 0, 0);
		bad += ret != ALIVE && ret != -EBADF;
	}
	return (void *)bad;
}

static void L1_call_that_races_a_close_finds_it_alive_or_not(void **state)
{
	pthread_t thread[CALLERS];
	int i;

	shared_fd = mortal_open();
	start_all(thread, CALLERS, call_until_stopped, NULL);
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(host_fd_close(shared_fd), 0);
		assert_int_equal(mortal_open(), shared_fd);
	}
	assert_int_equal(join_all(thread, CALLERS), 0);
	host_fd_close(shared_fd);
	assert_int_equal(nr_alive, 0);
}

/* The memory of the description is at once another's, on another number: what
 * was called on the one must not reach the other. */
static void L1_call_that_races_a_close_reaches_no_other(void **state)
{
	pthread_t thread[CALLERS];
	int i, plug, other;

	shared_fd = mortal_open();
	start_all(thread, CALLERS, call_until_stopped, NULL);
	for (i = 0; i < ROUNDS; i++) {
		host_fd_close(shared_fd);
		plug = dup(STDERR_FILENO);
		other = mortal_open_as(OTHER);
		host_fd_close(other);
		close(plug);
		assert_int_equal(mortal_open(), shared_fd);
	}
	assert_int_equal(join_all(thread, CALLERS), 0);
	host_fd_close(shared_fd);
	assert_int_equal(nr_alive, 0);
}

/*
 * The same at each instruction of a call: the processor's single step lets a
 * close, and the making of another description of the same memory, come in
 * before the first, the second, and so on, until the call is seen by its object.
 * No lock is held before that.  The race detector cannot be stepped through.
 */
#ifndef __SANITIZE_THREAD__
#define TRAP_FLAG 0x100ul

static struct {
	int left; /* instructions before it happens */
	bool reuse; /* the memory is another's at once */
	bool happened;
	bool arrived; /* the call has reached its object */
	int other;
} step;

static void on_step(int sig, siginfo_t *info, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	if (!step.arrived && --step.left)
		return;
	regs[REG_EFL] &= ~TRAP_FLAG;
	if (step.arrived)
		return;
	step.happened = true;
	host_fd_close(shared_fd);
	if (!step.reuse)
		return;
	/* Not on the number that is free now. */
	dup2(STDERR_FILENO, shared_fd);
	step.other = mortal_open_as(OTHER);
}

static long note_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	step.arrived = true;
	return mortal_ioctl(priv, cmd, arg);
}

static const struct port_file_ops note_fops = {
	.name = "note",
	.release = mortal_release,
	.ioctl = note_ioctl,
};

static long call_stepping(int fd)
{
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq"
			 :
			 : "i"(TRAP_FLAG)
			 : "memory", "cc");
	return host_fd_ioctl(fd, 0, 0);
}

/* One call, with the close before instruction @nr; 0 when there are not so
 * many. */
static long call_with_close_at(int nr)
{
	long ret;

	step.left = nr;
	step.happened = step.arrived = false;
	shared_fd = mortal_open_with(ALIVE, &note_fops);
	ret = call_stepping(shared_fd);
	if (!step.happened) {
		host_fd_close(shared_fd);
		return 0;
	}
	assert_true(ret == ALIVE || ret == -EBADF);
	if (step.reuse) {
		close(shared_fd);
		host_fd_close(step.other);
	}
	assert_int_equal(nr_alive, 0);
	return ret;
}

static void step_through(bool reuse)
{
	int nr = 0, alive = 0;
	long ret;

	step.reuse = reuse;
	do {
		ret = call_with_close_at(++nr);
		alive += ret == ALIVE;
	} while (ret && nr < 10000);
	/* It came both early enough and late enough to matter. */
	assert_true(nr > 20 && nr < 10000);
	assert_true(alive > 0 && alive < nr - 1);
}

static void L1_close_at_any_instruction_of_a_call_is_safe(void **state)
{
	struct sigaction old,
		act = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &act, &old);
	step_through(false);
	step_through(true);
	sigaction(SIGTRAP, &old, NULL);
}
#endif

/* ---- dup, call, close of one description by all ---- */

static void *dup_until_stopped(void *data)
{
	long bad = 0;
	int fd;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fd = dup(shared_fd);
		bad += host_fd_dup(shared_fd, fd) != 0;
		bad += host_fd_ioctl(fd, 0, 0) != ALIVE;
		bad += host_fd_close(fd) != 0;
	}
	return (void *)bad;
}

static void L1_description_lives_through_any_dups(void **state)
{
	pthread_t thread[CALLERS];
	int i, fd;

	shared_fd = mortal_open();
	start_all(thread, CALLERS, dup_until_stopped, NULL);
	for (i = 0; i < ROUNDS / 4; i++) {
		fd = mortal_open();
		host_fd_close(fd);
	}
	assert_int_equal(join_all(thread, CALLERS), 0);
	assert_int_equal(nr_alive, 1);
	host_fd_close(shared_fd);
	assert_int_equal(nr_alive, 0);
}

/* ---- two closes of one number ---- */

static void *close_each_round(void *data)
{
	long closed = 0;
	int i;

	for (i = 0; i < ROUNDS / 20; i++) {
		pthread_barrier_wait(&barrier);
		closed += host_fd_close(shared_fd) == 0;
		pthread_barrier_wait(&barrier);
	}
	return (void *)closed;
}

static void L1_one_of_two_closes_wins(void **state)
{
	pthread_t thread[2];
	int i;

	pthread_barrier_init(&barrier, NULL, 3);
	start_all(thread, 2, close_each_round, NULL);
	for (i = 0; i < ROUNDS / 20; i++) {
		shared_fd = mortal_open();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		assert_int_equal(nr_alive, 0);
	}
	assert_int_equal(join_all(thread, 2), ROUNDS / 20);
	pthread_barrier_destroy(&barrier);
}

/* ---- a position ---- */

#define WRITES 3000

static ssize_t count_write(void *priv, const char *buf, size_t len, loff_t *pos)
{
	*pos += len;
	return len;
}

static const struct port_file_ops count_fops = {
	.name = "count",
	.release = mortal_release,
	.write = count_write,
};

static void *write_often(void *data)
{
	int i;

	for (i = 0; i < WRITES; i++)
		host_fd_write(shared_fd, "x", 1);
	return NULL;
}

static void G6_writes_of_threads_do_not_overlap(void **state)
{
	struct mortal *mortal = calloc(1, sizeof(*mortal));
	pthread_t thread[CALLERS];

	nr_alive++;
	shared_fd = port_fd_reserve();
	port_fd_publish(shared_fd,
			port_file_create("[count]", &count_fops, mortal));
	start_all(thread, CALLERS, write_often, NULL);
	join_all(thread, CALLERS);
	assert_int_equal(host_fd_lseek(shared_fd, 0, SEEK_CUR),
			 CALLERS * WRITES);
	host_fd_close(shared_fd);
	assert_int_equal(nr_alive, 0);
}

/* ---- the host's own descriptors come and go beside the program's ---- */

static void *hide_until_stopped(void *data)
{
	long bad = 0;
	int fd;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fd = host_fd_internal(dup(2));
		bad += fd < 0 || !host_fd_is_internal(fd) ||
		       host_fd_is_ours(fd);
		host_fd_internal_close(fd);
	}
	return (void *)bad;
}

static void internal_descriptors_do_not_mix_with_the_programs(void **state)
{
	pthread_t thread[CALLERS];
	int i, fd;

	start_all(thread, CALLERS, hide_until_stopped, NULL);
	for (i = 0; i < ROUNDS / 4; i++) {
		fd = mortal_open();
		assert_int_equal(host_fd_ioctl(fd, 0, 0), ALIVE);
		host_fd_close(fd);
	}
	assert_int_equal(join_all(thread, CALLERS), 0);
	assert_int_equal(nr_alive, 0);
	assert_int_equal(host_fd_next_internal(0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			L1_call_that_races_a_close_finds_it_alive_or_not),
		cmocka_unit_test(L1_call_that_races_a_close_reaches_no_other),
#ifndef __SANITIZE_THREAD__
		cmocka_unit_test(L1_close_at_any_instruction_of_a_call_is_safe),
#endif
		cmocka_unit_test(L1_description_lives_through_any_dups),
		cmocka_unit_test(L1_one_of_two_closes_wins),
		cmocka_unit_test(G6_writes_of_threads_do_not_overlap),
		cmocka_unit_test(
			internal_descriptors_do_not_mix_with_the_programs),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
