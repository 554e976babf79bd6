// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Descriptors, memory, signals and processes of a VFIO program, through every
 * libc call that has to do with them.
 */
#include "program.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>

/* ---- reading ---- */

/* The vendor's number, from config space, by each call that reads. */
static int vendor_by(unsigned int how, int fd)
{
	uint8_t id[2] = {};
	struct iovec iov[2] = { { &id[0], 1 }, { &id[1], 1 } };
	off_t pos = CONFIG_OFFSET;
	ssize_t len = -1;

	switch (how) {
	case 0:
		len = pread(fd, id, 2, pos);
		break;
	case 1:
		len = CALL(ssize_t, "pread64", int, void *, size_t,
			   off_t)(fd, id, 2, pos);
		break;
	case 2:
		len = CALL(ssize_t, "__pread_chk", int, void *, size_t, off_t,
			   size_t)(fd, id, 2, pos, 2);
		break;
	case 3:
		len = CALL(ssize_t, "__pread64_chk", int, void *, size_t, off_t,
			   size_t)(fd, id, 2, pos, 2);
		break;
	case 4:
		len = preadv(fd, iov, 2, pos);
		break;
	case 5:
		len = CALL(ssize_t, "preadv64", int, const struct iovec *, int,
			   off_t)(fd, iov, 2, pos);
		break;
	case 6:
		len = preadv2(fd, iov, 2, pos, 0);
		break;
	case 7:
		len = CALL(ssize_t, "preadv64v2", int, const struct iovec *,
			   int, off_t, int)(fd, iov, 2, pos, 0);
		break;
	case 8:
		len = syscall(SYS_pread64, fd, id, 2, pos);
		break;
	case 9:
		len = syscall(SYS_preadv, fd, iov, 2, pos, 0);
		break;
	case 10:
		assert_int_equal(lseek(fd, pos, SEEK_SET), pos);
		len = read(fd, id, 2);
		break;
	case 11:
		assert_int_equal(CALL(off_t, "lseek64", int, off_t,
				      int)(fd, pos, SEEK_SET),
				 pos);
		len = CALL(ssize_t, "__read_chk", int, void *, size_t,
			   size_t)(fd, id, 2, 2);
		break;
	case 12:
		assert_int_equal(syscall(SYS_lseek, fd, pos, SEEK_SET), pos);
		len = readv(fd, iov, 2);
		break;
	case 13:
		assert_int_equal(lseek(fd, pos, SEEK_SET), pos);
		len = preadv2(fd, iov, 2, -1, 0);
		break;
	default:
		return -1;
	}
	assert_int_equal(len, 2);
	return id[0] | id[1] << 8;
}

static void reads_reach_the_device_by_every_call(void **state)
{
	struct program p;
	unsigned int how;
	int vendor;

	program_open(&p);
	for (how = 0; (vendor = vendor_by(how, p.device)) >= 0; how++) {
		print_message("call %u\n", how);
		assert_int_equal(vendor, EDU_VENDOR);
	}
	assert_int_equal(how, 14);
	program_close(&p);
}

/* Writes @val to the interrupt line register by each call that writes. */
static bool write_by(unsigned int how, int fd, uint8_t val)
{
	struct iovec iov = { &val, 1 };
	off_t pos = CONFIG_OFFSET + 0x3c;
	ssize_t len = -1;

	switch (how) {
	case 0:
		len = pwrite(fd, &val, 1, pos);
		break;
	case 1:
		len = CALL(ssize_t, "pwrite64", int, const void *, size_t,
			   off_t)(fd, &val, 1, pos);
		break;
	case 2:
		len = pwritev(fd, &iov, 1, pos);
		break;
	case 3:
		len = CALL(ssize_t, "pwritev64", int, const struct iovec *, int,
			   off_t)(fd, &iov, 1, pos);
		break;
	case 4:
		len = pwritev2(fd, &iov, 1, pos, 0);
		break;
	case 5:
		len = CALL(ssize_t, "pwritev64v2", int, const struct iovec *,
			   int, off_t, int)(fd, &iov, 1, pos, 0);
		break;
	case 6:
		len = syscall(SYS_pwrite64, fd, &val, 1, pos);
		break;
	case 7:
		assert_int_equal(lseek(fd, pos, SEEK_SET), pos);
		len = write(fd, &val, 1);
		break;
	case 8:
		assert_int_equal(lseek(fd, pos, SEEK_SET), pos);
		len = writev(fd, &iov, 1);
		break;
	default:
		return false;
	}
	assert_int_equal(len, 1);
	return true;
}

static void writes_reach_the_device_by_every_call(void **state)
{
	struct program p;
	unsigned int how;
	uint8_t val;

	program_open(&p);
	for (how = 0; write_by(how, p.device, 0x40 + how); how++) {
		assert_int_equal(pread(p.device, &val, 1, CONFIG_OFFSET + 0x3c),
				 1);
		assert_int_equal(val, 0x40 + how);
	}
	assert_int_equal(how, 9);
	program_close(&p);
}

static void calls_on_ours_fail_as_on_a_device(void **state)
{
	volatile int negative = -1;
	void *volatile nowhere = (void *)8;
	struct iovec iov = { NULL, 0 };
	struct program p;
	char c;

	program_open(&p);
	assert_fails(ioctl(p.container, 0x1234), ENOTTY);
	assert_fails(ioctl(p.group, 0x1234), ENOTTY);
	assert_fails(read(p.group, &c, 1), EINVAL);
	assert_fails(ftruncate(p.device, 0), EINVAL);
	assert_fails(preadv(p.device, &iov, negative, 0), EINVAL);
	assert_fails(preadv2(p.device, &iov, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
	assert_fails(pread(p.device, nowhere, 4, CONFIG_OFFSET), EFAULT);
	program_close(&p);
}

/* ---- the life of descriptors ---- */

static int open_container(void)
{
	int fd = open(CONTAINER, O_RDWR);

	assert_true(is_container(fd));
	return fd;
}

static void closed_is_gone_by_every_call(void **state)
{
	int fd = open_container();
	FILE *file;

	assert_int_equal(close(fd), 0);
	assert_fails(ioctl(fd, VFIO_GET_API_VERSION), EBADF);
	assert_fails(close(fd), EBADF);

	fd = open_container();
	assert_int_equal(syscall(SYS_close, fd), 0);
	assert_fails(fcntl(fd, F_GETFD), EBADF);
	fd = open_container();
	assert_int_equal(CALL(int, "__close", int)(fd), 0);
	assert_fails(fcntl(fd, F_GETFD), EBADF);
	fd = open_container();
	assert_int_equal(close_range(fd, fd, 0), 0);
	assert_fails(fcntl(fd, F_GETFD), EBADF);
	fd = open_container();
	file = fdopen(fd, "r+");
	assert_int_equal(fclose(file), 0);
	assert_fails(ioctl(fd, VFIO_GET_API_VERSION), EBADF);
}

/* A group can be opened again when the last copy is closed, and not before. */
static void copies_hold_by_every_call(void **state)
{
	int fd = open(GROUP, O_RDWR), copy[9], i;

	assert_true(fd >= 0);
	copy[0] = dup(fd);
	copy[1] = dup2(fd, 200);
	copy[2] = dup3(fd, 201, O_CLOEXEC);
	copy[3] = fcntl(fd, F_DUPFD, 202);
	copy[4] = fcntl(fd, F_DUPFD_CLOEXEC, 203);
	copy[5] = CALL(int, "fcntl64", int, int, ...)(fd, F_DUPFD, 204);
	copy[6] = syscall(SYS_dup, fd);
	copy[7] = syscall(SYS_dup2, fd, 210);
	copy[8] = syscall(SYS_fcntl, fd, F_DUPFD, 211);
	assert_int_equal(fcntl(copy[2], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(copy[4], F_GETFD), FD_CLOEXEC);
	assert_int_equal(dup2(fd, fd), fd);
	close(fd);
	for (i = 0; i < 9; i++) {
		assert_fails(open(GROUP, O_RDWR), EBUSY);
		assert_int_equal(ioctl(copy[i], VFIO_GROUP_UNSET_CONTAINER),
				 -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(close(copy[i]), 0);
	}
	fd = open(GROUP, O_RDWR);
	assert_true(fd >= 0);
	close(fd);
}

static void covering_a_number_closes_what_it_was(void **state)
{
	int fd = open(GROUP, O_RDWR), null = open("/dev/null", O_RDWR);

	assert_int_equal(dup2(null, fd), fd);
	assert_fails(ioctl(fd, VFIO_GROUP_UNSET_CONTAINER), ENOTTY);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	fd = open(GROUP, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(dup3(null, fd, O_CLOEXEC), fd);
	close(fd);
	fd = open(GROUP, O_RDWR);
	assert_true(fd >= 0);
	close(fd);
	close(null);
}

static void close_range_spares_what_is_outside(void **state)
{
	int fd[3], i;

	for (i = 0; i < 3; i++)
		fd[i] = fcntl(open_container(), F_DUPFD, 300 + i);
	assert_int_equal(close_range(fd[1], fd[1], CLOSE_RANGE_CLOEXEC), 0);
	assert_int_equal(fcntl(fd[1], F_GETFD), FD_CLOEXEC);
	assert_int_equal(close_range(fd[1], fd[1], 0), 0);
	assert_true(is_container(fd[0]));
	assert_true(is_container(fd[2]));
	assert_fails(ioctl(fd[1], VFIO_GET_API_VERSION), EBADF);
	assert_fails(close_range(5, 4, 0), EINVAL);
	closefrom(fd[0]);
	assert_fails(ioctl(fd[0], VFIO_GET_API_VERSION), EBADF);
	assert_fails(ioctl(fd[2], VFIO_GET_API_VERSION), EBADF);
}

static void numbers_of_the_host_are_out_of_reach(void **state)
{
	struct rlimit lim;
	struct program p;
	int fd, null;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	program_open(&p);
	for (fd = 3; fd < (int)lim.rlim_cur; fd++)
		if (fd != p.container && fd != p.group && fd != p.device)
			close(fd);
	assert_true(program_works(&p, 1));
	null = open("/dev/null", O_RDWR);
	for (fd = 3; fd < (int)lim.rlim_cur; fd++)
		if (fd != p.container && fd != p.group && fd != p.device)
			dup2(null, fd);
	assert_true(program_works(&p, 2));
	program_close(&p);
	closefrom(3);
	program_open(&p);
	assert_true(program_works(&p, 3));
	program_close(&p);
}

/* ---- processes ---- */

static int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_fork_leaves_the_parents_device_alone(void **state)
{
	struct program p;
	pid_t pid;
	bool good;
	int err;

	program_open(&p);
	pid = fork();
	if (!pid) {
		/* What it inherited is dead; it may close that, but the group
		 * is the parent's. */
		good = pread(p.device, &err, 4, CONFIG_OFFSET) == -1 &&
		       errno == ENODEV && !is_container(p.container);
		close(p.device);
		close(p.group);
		close(p.container);
		_exit(!good || open(GROUP, O_RDWR) >= 0 || errno != EBUSY);
	}
	assert_int_equal(wait_for(pid), 0);
	assert_true(program_works(&p, 8));
	assert_int_equal(vendor_by(0, p.device), EDU_VENDOR);
	program_close(&p);
}

static void a_forks_child_may_start_anew(void **state)
{
	struct program p;
	bool good;
	pid_t pid;

	program_open(&p);
	program_close(&p);
	pid = fork();
	if (!pid) {
		program_open(&p);
		good = program_works(&p, 7);
		program_close(&p);
		_exit(!good);
	}
	assert_int_equal(wait_for(pid), 0);
	program_open(&p);
	assert_true(program_works(&p, 8));
	program_close(&p);
}

/* As Python's subprocess does it. */
static void a_vfork_child_closes_only_its_own(void **state)
{
	char *const argv[] = { "true", NULL };
	struct program p;
	int null = open("/dev/null", O_RDWR);
	pid_t pid;

	program_open(&p);
	pid = vfork(); /* NOLINT: what is tested */
	if (!pid) {
		dup2(null, p.group); /* NOLINT */
		close(p.device);
		close_range(3, ~0u, 0);
		if (chdir("/sys"))
			_exit(3);
		execvp(argv[0], argv);
		_exit(2);
	}
	assert_int_equal(wait_for(pid), 0);
	assert_true(program_works(&p, 9));
	assert_int_equal(vendor_by(0, p.device), EDU_VENDOR);
	assert_fails(open(GROUP, O_RDWR), EBUSY);
	program_close(&p);
	close(null);
}

static void spawned_programs_have_the_run_too(void **state)
{
	struct program p;

	program_open(&p);
	assert_int_equal(system("test -c " GROUP " && test -d " DEVICE), 0);
	assert_true(program_works(&p, 10));
	program_close(&p);
}

/* ---- memory ---- */

static void maps_are_made_and_go_by_every_call(void **state)
{
	struct program p;
	uint32_t *bar;

	program_open(&p);
	bar = CALL(void *, "mmap64", void *, size_t, int, int, int, off_t)(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, p.device, 0);
	assert_ptr_not_equal(bar, MAP_FAILED);
	bar[EDU_INVERT / 4] = 5;
	assert_int_equal(p.bar[EDU_INVERT / 4], ~5u);
	assert_int_equal(munmap(bar, 4096), 0);
	bar = (void *)syscall(SYS_mmap, NULL, 8192, PROT_READ | PROT_WRITE,
			      MAP_SHARED, p.device, 0);
	assert_int_equal(bar[EDU_INVERT / 4], ~5u);

	assert_ptr_equal(mremap(bar, 8192, 16384, MREMAP_MAYMOVE), MAP_FAILED);
	assert_int_equal(errno, EFAULT);
	assert_ptr_equal(mremap(bar, 8192, 4096, 0), bar);
	assert_int_equal(bar[EDU_INVERT / 4], ~5u);

	/* Covered by ordinary memory, it is ordinary memory. */
	assert_ptr_equal(mmap(bar, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 bar);
	bar[EDU_INVERT / 4] = 6;
	assert_int_equal(bar[EDU_INVERT / 4], 6);
	assert_int_equal(p.bar[EDU_INVERT / 4], ~5u);
	assert_int_equal(munmap(bar, 4096), 0);
	program_close(&p);
}

static void a_map_outlives_its_descriptor(void **state)
{
	struct program p;

	program_open(&p);
	assert_int_equal(close(p.device), 0);
	assert_true(program_works(&p, 11));
	assert_int_equal(munmap((void *)p.bar, EDU_BAR_SIZE), 0);
	assert_int_equal(close(p.group), 0);
	assert_int_equal(close(p.container), 0);
}

static void memory_of_others_is_left_alone(void **state)
{
	struct program p;
	char *mem;

	program_open(&p);
	mem = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(mprotect(mem, 8192, PROT_READ | PROT_WRITE), 0);
	mem[0] = 1;
	mem = mremap(mem, 8192, 1 << 20, MREMAP_MAYMOVE);
	assert_int_equal(mem[0], 1);
	assert_int_equal(munmap(mem, 1 << 20), 0);
	assert_fails(munmap(mem + 1, 4096), EINVAL);
	assert_ptr_equal(
		mmap(NULL, 4096, PROT_READ, MAP_SHARED, p.container, 0),
		MAP_FAILED);
	program_close(&p);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;
static sigjmp_buf back;

static void jump_back(int sig)
{
	handled = sig;
	siglongjmp(back, 1);
}

/* The program's handler must see the program's own fault. */
static bool own_fault_is_seen(void)
{
	volatile int *volatile nowhere = (volatile int *)8;

	handled = 0;
	if (!sigsetjmp(back, 1))
		*nowhere = 1;
	return handled == SIGSEGV;
}

typedef void (*signal_call(int sig, void (*handler)(int)))(int);

static void handlers_of_the_program_keep_working(void **state)
{
	static const char *const calls[] = { "signal", "bsd_signal", "ssignal",
					     "sysv_signal", "__sysv_signal" };
	struct sigaction act = { .sa_handler = jump_back }, old;
	struct program p;
	unsigned int i;

	sigfillset(&act.sa_mask);
	assert_int_equal(sigaction(SIGSEGV, &act, NULL), 0);
	program_open(&p);
	assert_true(program_works(&p, 12));
	assert_true(own_fault_is_seen());
	assert_int_equal(sigaction(SIGSEGV, NULL, &old), 0);
	assert_ptr_equal(old.sa_handler, jump_back);
	for (i = 0; i < 5; i++) {
		signal_call *call = find_call(calls[i]);

		assert_int_equal(
			sigaction(SIGSEGV,
				  &(struct sigaction){ .sa_handler = SIG_DFL },
				  NULL),
			0);
		assert_ptr_equal(call(SIGSEGV, jump_back), SIG_DFL);
		assert_true(program_works(&p, 13));
		assert_true(own_fault_is_seen());
		assert_true(program_works(&p, 14));
	}
	assert_int_equal(sigaction(SIGSEGV,
				   &(struct sigaction){ .sa_handler = SIG_DFL },
				   &old),
			 0);
	assert_true(program_works(&p, 15));
	program_close(&p);
}

static struct program *in_thread;

static void *works_with_all_blocked(void *arg)
{
	return program_works(in_thread, 16) ? in_thread : NULL;
}

static void on_usr1(int sig)
{
	handled = program_works(in_thread, 17);
}

static void no_mask_keeps_registers_from_answering(void **state)
{
	struct sigaction act = { .sa_handler = on_usr1 };
	uint64_t raw = ~0ull;
	sigset_t all, old;
	struct program p;
	pthread_t thread;
	void *good;

	sigfillset(&all);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &all, &old), 0);
	program_open(&p);
	in_thread = &p;
	assert_true(program_works(&p, 18));
	assert_int_equal(
		pthread_create(&thread, NULL, works_with_all_blocked, NULL), 0);
	pthread_join(thread, &good);
	assert_ptr_equal(good, &p);
	assert_int_equal(sigprocmask(SIG_BLOCK, &all, NULL), 0);
	assert_true(program_works(&p, 19));
	assert_int_equal(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &raw, NULL, 8),
			 0);
	assert_true(program_works(&p, 20));
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);

	sigfillset(&act.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &act, NULL), 0);
	handled = 0;
	raise(SIGUSR1);
	assert_true(handled);
	in_thread = NULL;
	program_close(&p);
}

static void other_signals_are_blocked_as_asked(void **state)
{
	sigset_t set, now;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGSEGV);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGUSR2), 1);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGUSR2), 0);
}

/* ---- many threads at once ---- */

static void *opens_and_closes(void *arg)
{
	int i, fd;

	for (i = 0; i < 500; i++) {
		fd = open(CONTAINER, O_RDWR);
		if (fd < 0 || !is_container(fd) || close(fd))
			return NULL;
	}
	return arg;
}

static void threads_may_start_the_host_at_once(void **state)
{
	pthread_t threads[8];
	pid_t pid = fork();
	void *good;
	int i, bad = 0, token;

	/* In a child, which has to start it anew. */
	if (!pid) {
		for (i = 0; i < 8; i++)
			bad |= pthread_create(&threads[i], NULL,
					      opens_and_closes, &token);
		for (i = 0; i < 8 && !bad; i++) {
			pthread_join(threads[i], &good);
			bad |= good != &token;
		}
		_exit(bad);
	}
	assert_int_equal(wait_for(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_may_start_the_host_at_once),
		cmocka_unit_test(reads_reach_the_device_by_every_call),
		cmocka_unit_test(writes_reach_the_device_by_every_call),
		cmocka_unit_test(calls_on_ours_fail_as_on_a_device),
		cmocka_unit_test(closed_is_gone_by_every_call),
		cmocka_unit_test(copies_hold_by_every_call),
		cmocka_unit_test(covering_a_number_closes_what_it_was),
		cmocka_unit_test(close_range_spares_what_is_outside),
		cmocka_unit_test(numbers_of_the_host_are_out_of_reach),
		cmocka_unit_test(a_fork_leaves_the_parents_device_alone),
		cmocka_unit_test(a_forks_child_may_start_anew),
		cmocka_unit_test(a_vfork_child_closes_only_its_own),
		cmocka_unit_test(spawned_programs_have_the_run_too),
		cmocka_unit_test(maps_are_made_and_go_by_every_call),
		cmocka_unit_test(a_map_outlives_its_descriptor),
		cmocka_unit_test(memory_of_others_is_left_alone),
		cmocka_unit_test(handlers_of_the_program_keep_working),
		cmocka_unit_test(no_mask_keeps_registers_from_answering),
		cmocka_unit_test(other_signals_are_blocked_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
