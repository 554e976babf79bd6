/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Descriptors: numbers, the descriptions they stand for, and the host's own. */
#include "toy.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* As high as this machine lets us: the kernel's own limit when we are root. */
static int raise_limit(struct rlimit *old)
{
	struct rlimit lim = { 1 << 20, 1 << 20 };

	getrlimit(RLIMIT_NOFILE, old);
	if (setrlimit(RLIMIT_NOFILE, &lim)) {
		lim = *old;
		lim.rlim_cur = lim.rlim_max;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	}
	return lim.rlim_cur;
}

/* ---- numbers and descriptions ---- */

/* The first test: nothing below it is in the table.  With no number free above
 * or below, the descriptor stays where it is. */
static void internal_descriptor_is_found_however_high(void **state)
{
	int low = eventfd(0, 0), top;
	struct rlimit old, lim;

	top = raise_limit(&old) - 1;
	assert_int_equal(dup2(low, top), top);
	close(low);
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &lim);
	assert_int_equal(host_fd_internal(top), top);
	assert_int_equal(host_fd_next_internal(0), top);
	host_fd_internal_close(top);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(host_fd_next_internal(0), -1);
}

static void number_is_ours_from_publish_to_close(void **state)
{
	struct toy toy = { 0 };
	struct port_file *file;
	int fd = port_fd_reserve();

	assert_true(fd_is_open(fd));
	assert_false(host_fd_is_ours(fd));
	assert_int_equal(host_fd_ioctl(fd, 1, 0), -EBADF);
	file = port_file_create("[toy]", &toy_fops, &toy);
	port_fd_publish(fd, file);
	assert_true(host_fd_is_ours(fd));
	assert_int_equal(host_fd_close(fd), 0);
	assert_false(host_fd_is_ours(fd));
	assert_false(fd_is_open(fd));
	assert_int_equal(toy.released, 1);
	assert_int_equal(host_fd_close(fd), -EBADF);
	assert_int_equal(toy.released, 1);
}

static void cancelled_number_is_free_again(void **state)
{
	int fd = port_fd_reserve();

	port_fd_cancel(fd);
	assert_false(fd_is_open(fd));
	assert_false(host_fd_is_internal(fd));
	assert_int_equal(port_fd_reserve(), fd);
	port_fd_cancel(fd);
}

/* Between reserve and publish a sweep of the program must pass it by. */
static void reserved_number_is_hidden(void **state)
{
	int fd = port_fd_reserve();

	assert_true(host_fd_is_internal(fd));
	assert_int_equal(host_fd_close(fd), -EBADF);
	assert_true(fd_is_open(fd));
	port_fd_cancel(fd);
}

static void numbers_out_of_range_are_not_ours(void **state)
{
	static const int fds[] = { -1, INT32_MIN, INT32_MAX, 1 << 19, 1 << 30 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_false(host_fd_is_ours(fds[i]));
		assert_false(host_fd_is_internal(fds[i]));
		assert_int_equal(host_fd_close(fds[i]), -EBADF);
		assert_int_equal(host_fd_read(fds[i], NULL, 0), -EBADF);
	}
}

static void L1_last_close_releases_in_any_order(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					 { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	unsigned int i, n;
	int fd[3];

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		struct toy toy = { 0 };

		fd[0] = toy_open(&toy);
		fd[1] = toy_dup(fd[0]);
		fd[2] = toy_dup(fd[1]);
		for (n = 0; n < 3; n++) {
			assert_int_equal(toy.released, 0);
			assert_int_equal(host_fd_close(fd[orders[i][n]]), 0);
		}
		assert_int_equal(toy.released, 1);
	}
}

static void dup2_over_ours_lets_go_what_was_there(void **state)
{
	struct toy a = { .answer = 1 }, b = { .answer = 2 };
	int fd_a = toy_open(&a), fd_b = toy_open(&b);

	toy_dup2(fd_a, fd_b);
	assert_int_equal(b.released, 1);
	assert_int_equal(host_fd_ioctl(fd_b, 0, 0), 1);
	host_fd_close(fd_a);
	assert_int_equal(a.released, 0);
	host_fd_close(fd_b);
	assert_int_equal(a.released, 1);
}

static void dup2_of_foreign_over_ours_makes_it_foreign(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy), other = open("/dev/null", O_RDWR);

	toy_dup2(other, fd);
	assert_int_equal(toy.released, 1);
	assert_false(host_fd_is_ours(fd));
	assert_true(fd_is_open(fd));
	close(fd);
	close(other);
}

static void dup2_to_itself_changes_nothing(void **state)
{
	struct toy toy = { .answer = 7 };
	int fd = toy_open(&toy);

	toy_dup2(fd, fd);
	assert_int_equal(toy.released, 0);
	assert_int_equal(host_fd_ioctl(fd, 0, 0), 7);
	host_fd_close(fd);
	assert_int_equal(toy.released, 1);
}

static int closed_in_call;

static void close_in_call(struct toy *toy)
{
	host_fd_close(closed_in_call);
	assert_int_equal(toy->released, 0);
}

static void call_in_progress_holds_the_description(void **state)
{
	struct toy toy = { .in_ioctl = close_in_call, .answer = 5 };

	closed_in_call = toy_open(&toy);
	assert_int_equal(host_fd_ioctl(closed_in_call, 0, 0), 5);
	assert_int_equal(toy.released, 1);
}

static void stale_number_is_noticed_when_it_is_given_out_again(void **state)
{
	struct toy old = { 0 }, new = { .answer = 3 };
	int fd = toy_open(&old);

	close(fd);
	assert_int_equal(toy_open(&new), fd);
	assert_int_equal(old.released, 1);
	assert_int_equal(host_fd_ioctl(fd, 0, 0), 3);
	host_fd_close(fd);
	assert_int_equal(new.released, 1);
}

static void forgotten_number_stays_open_and_is_not_ours(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);

	close(fd);
	assert_int_equal(open("/dev/null", O_RDWR), fd);
	host_fd_forget(fd);
	assert_int_equal(toy.released, 1);
	assert_false(host_fd_is_ours(fd));
	assert_true(fd_is_open(fd));
	close(fd);
}

static void vfork_child_closes_its_own_number_only(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy), status;
	pid_t pid = vfork(); /* NOLINT: what it shares is the point */

	if (!pid) /* NOLINTNEXTLINE */
		_exit(host_fd_close(fd) || fd_is_open(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(toy.released, 0);
	assert_true(host_fd_is_ours(fd));
	assert_true(fd_is_open(fd));
	host_fd_close(fd);
	assert_int_equal(toy.released, 1);
}

/* ---- the real descriptor ---- */

static void real_descriptor_can_do_nothing_wrong(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);
	char c = 'x';

	assert_int_equal(read(fd, &c, 1), 0);
	assert_int_equal(write(fd, &c, 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	host_fd_close(fd);
}

static void name_shows_in_proc(void **state)
{
	int fd = host_fd_reserve("/dev/vfio/7", false);
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	assert_string_equal(link, "/memfd:/dev/vfio/7 (deleted)");
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	port_fd_cancel(fd);
}

static void path_is_what_the_node_would_say(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open_as(&toy, "/dev/vfio/7", &toy_fops);
	int dev = toy_open_as(&toy, "[vfio-device]", &toy_fops);
	char buf[64];

	memset(buf, '?', sizeof(buf));
	assert_int_equal(host_fd_path(fd, buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "/dev/vfio/7?", 12);
	assert_int_equal(host_fd_path(dev, buf, sizeof(buf)), 24);
	assert_memory_equal(buf, "anon_inode:[vfio-device]?", 25);
	assert_int_equal(host_fd_path(dev, buf, 5), 5);
	assert_int_equal(host_fd_path(0, buf, sizeof(buf)), -EBADF);
	host_fd_close(fd);
	host_fd_close(dev);
}

static void stat_is_of_a_character_device(void **state)
{
	struct toy toy = { 0 };
	int container = toy_open_as(&toy, "/dev/vfio/vfio", &toy_fops);
	int group = toy_open_as(&toy, "/dev/vfio/noiommu-42", &toy_fops);
	int dev = toy_open(&toy);
	struct stat st;

	fstat(container, &st);
	host_fd_stat(container, &st);
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(st.st_rdev, makedev(10, 196));
	fstat(group, &st);
	host_fd_stat(group, &st);
	assert_int_equal(st.st_mode, S_IFCHR | 0600);
	assert_int_equal(minor(st.st_rdev), 42);
	fstat(dev, &st);
	host_fd_stat(dev, &st);
	assert_int_equal(st.st_mode & S_IFMT, 0);
	host_fd_close(container);
	host_fd_close(group);
	host_fd_close(dev);
}

/* ---- calls ---- */

static void missing_operations_are_einval_and_enotty(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open_as(&toy, "[bare]", &toy_bare_fops);
	char c;

	assert_int_equal(host_fd_ioctl(fd, 1, 2), -ENOTTY);
	assert_int_equal(host_fd_read(fd, &c, 1), -EINVAL);
	assert_int_equal(host_fd_write(fd, &c, 1), -EINVAL);
	assert_int_equal(host_fd_pread(fd, &c, 1, 0), -EINVAL);
	assert_int_equal(host_fd_pwrite(fd, &c, 1, 0), -EINVAL);
	assert_int_equal(host_fd_lseek(fd, 0, SEEK_SET), -ESPIPE);
	assert_int_equal(PTR_ERR(host_fd_mmap(NULL, PAGE_SIZE, PROT_READ,
					      MAP_SHARED, fd, 0)),
			 -EINVAL);
	host_fd_close(fd);
	assert_int_equal(toy.released, 1);
}

static void ioctl_arrives_as_it_was_given(void **state)
{
	struct toy toy = { .answer = -ERANGE };
	int fd = toy_open(&toy);

	/* A C library sign-extends a command that was an int. */
	assert_int_equal(host_fd_ioctl(fd, 0xffffffff80003b64ul, -1ul),
			 -ERANGE);
	assert_int_equal(toy.cmd, 0x80003b64);
	assert_int_equal(toy.arg, -1ul);
	host_fd_close(fd);
}

static void close_on_exec_by_ioctl_is_the_kernels(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);

	assert_int_equal(host_fd_ioctl(fd, FIONCLEX, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(host_fd_ioctl(fd, FIOCLEX, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(toy.cmd, 0);
	host_fd_close(fd);
}

static void G6_position_is_the_descriptions(void **state)
{
	struct toy toy = { .data = "0123456789" };
	int fd = toy_open(&toy), other = toy_dup(fd);
	char buf[4];

	assert_int_equal(host_fd_read(fd, buf, 2), 2);
	assert_int_equal(host_fd_read(other, buf, 2), 2);
	assert_memory_equal(buf, "23", 2);
	assert_int_equal(host_fd_pread(fd, buf, 2, 8), 2);
	assert_memory_equal(buf, "89", 2);
	assert_int_equal(host_fd_pwrite(fd, "ab", 2, 5), 2);
	assert_int_equal(host_fd_write(fd, "x", 1), 1);
	assert_memory_equal(toy.data, "0123xab789", 10);
	assert_int_equal(host_fd_lseek(other, 0, SEEK_CUR), 5);
	assert_int_equal(host_fd_lseek(other, -2, SEEK_CUR), 3);
	assert_int_equal(host_fd_read(fd, buf, 1), 1);
	assert_int_equal(buf[0], '3');
	assert_int_equal(host_fd_lseek(fd, 5LL << 40, SEEK_SET), 5LL << 40);
	host_fd_close(fd);
	host_fd_close(other);
}

static void G6_position_of_a_new_description_is_0(void **state)
{
	struct toy toy = { .data = "0123" };
	int fd = toy_open(&toy);

	host_fd_lseek(fd, 3, SEEK_SET);
	host_fd_close(fd);
	fd = toy_open(&toy);
	assert_int_equal(host_fd_lseek(fd, 0, SEEK_CUR), 0);
	host_fd_close(fd);
}

static void bad_positions_are_einval(void **state)
{
	struct toy toy = { .data = "0123" };
	int fd = toy_open(&toy);
	char c;

	assert_int_equal(host_fd_pread(fd, &c, 1, -1), -EINVAL);
	assert_int_equal(host_fd_pwrite(fd, &c, 1, INT64_MIN), -EINVAL);
	assert_int_equal(host_fd_lseek(fd, -1, SEEK_SET), -EINVAL);
	assert_int_equal(host_fd_lseek(fd, 0, SEEK_END), -EINVAL);
	assert_int_equal(host_fd_lseek(fd, INT64_MAX, SEEK_SET), INT64_MAX);
	assert_int_equal(host_fd_lseek(fd, 1, SEEK_CUR), -EOVERFLOW);
	assert_int_equal(host_fd_lseek(fd, 0, SEEK_CUR), INT64_MAX);
	host_fd_close(fd);
}

static void length_is_cut_as_the_kernel_does(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);
	char c;

	host_fd_pread(fd, &c, SIZE_MAX, TOY_SIZE);
	assert_int_equal(toy.last_len, 0x7ffff000);
	host_fd_close(fd);
}

/* ---- port_file_get() ---- */

static void G4_number_that_is_not_open_is_ebadf(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy), reserved = port_fd_reserve();

	assert_int_equal(PTR_ERR(port_file_get(-1)), -EBADF);
	assert_int_equal(PTR_ERR(port_file_get(reserved)), -EBADF);
	port_fd_cancel(reserved);
	assert_int_equal(PTR_ERR(port_file_get(reserved)), -EBADF);
	host_fd_close(fd);
	assert_int_equal(PTR_ERR(port_file_get(fd)), -EBADF);
}

static void G4_number_closed_behind_our_back_is_ebadf(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);

	close(fd);
	assert_int_equal(PTR_ERR(port_file_get(fd)), -EBADF);
	assert_int_equal(toy.released, 1);
	assert_false(host_fd_is_ours(fd));
}

static void G4_foreign_number_has_no_priv(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	struct port_file *file = port_file_get(fd);

	assert_false(IS_ERR(file));
	assert_null(port_file_priv(file, &toy_fops));
	port_file_put(file);
	file = port_file_get(fd);
	assert_false(IS_ERR(file));
	port_file_put(file);
	close(fd);
}

static void G4_priv_is_of_the_right_kind_only(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy);
	struct port_file *file = port_file_get(fd);

	assert_ptr_equal(port_file_priv(file, &toy_fops), &toy);
	assert_null(port_file_priv(file, &toy_bare_fops));
	host_fd_close(fd);
	assert_int_equal(toy.released, 0);
	port_file_put(file);
	assert_int_equal(toy.released, 1);
}

/* ---- the host's own ---- */

static void internal_descriptor_is_high_and_hidden(void **state)
{
	int low = eventfd(0, 0), fd = host_fd_internal(low);

	assert_true(fd > low);
	assert_false(fd_is_open(low));
	assert_true(fd_is_open(fd));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(host_fd_is_internal(fd));
	assert_false(host_fd_is_ours(fd));
	assert_int_equal(host_fd_close(fd), -EBADF);
	assert_int_equal(PTR_ERR(port_file_get(fd)), -EBADF);
	assert_true(fd_is_open(fd));
	host_fd_internal_close(fd);
	assert_false(fd_is_open(fd));
	assert_false(host_fd_is_internal(fd));
}

/* Whoever makes one may hold locks that the release of the other takes. */
static void internal_descriptor_ends_nothing_that_was_closed(void **state)
{
	struct toy toy = { 0 };
	int fd = toy_open(&toy), low = eventfd(0, 0);
	int next = host_fd_internal(eventfd(0, 0)), own;

	host_fd_internal_close(next);
	assert_int_equal(dup2(fd, next), next);
	assert_int_equal(host_fd_dup(fd, next), 0);
	host_fd_close(fd);
	close(next); /* behind our back */
	own = host_fd_internal(low);
	assert_true(own > next);
	assert_int_equal(toy.released, 0);
	assert_int_equal(PTR_ERR(port_file_get(next)), -EBADF);
	assert_int_equal(toy.released, 1);
	host_fd_internal_close(own);
}

static void close_any(int fd, void *data)
{
	(*(int *)data)++;
	host_fd_close(fd);
}

/* What run/ makes of closefrom(3). */
static void internal_descriptor_survives_a_sweep(void **state)
{
	struct toy toy = { 0 };
	int first = toy_open(&toy), nr = 0, fd, n;
	int a = host_fd_internal(eventfd(0, 0));
	int b = host_fd_internal(eventfd(0, 0));

	toy_dup(first);
	host_fd_each(first, INT32_MAX, close_any, &nr);
	for (fd = first; fd >= 0; fd = n < 0 ? -1 : n + 1) {
		n = host_fd_next_internal(fd);
		close_range(fd, n < 0 ? ~0u : (unsigned int)n - 1, 0);
	}
	assert_int_equal(nr, 2);
	assert_int_equal(toy.released, 1);
	assert_true(fd_is_open(a) && fd_is_open(b));
	assert_int_equal(host_fd_next_internal(0), min(a, b));
	assert_int_equal(host_fd_next_internal(max(a, b) + 1), -1);
	host_fd_internal_close(a);
	host_fd_internal_close(b);
	assert_int_equal(host_fd_next_internal(0), -1);
}

static void each_stays_in_its_range(void **state)
{
	struct toy toy = { 0 };
	int a = toy_open(&toy), b = toy_dup(a), c = toy_dup(a), nr = 0;

	host_fd_each(b, b, close_any, &nr);
	assert_int_equal(nr, 1);
	assert_true(host_fd_is_ours(a) && host_fd_is_ours(c));
	assert_false(host_fd_is_ours(b));
	host_fd_each(INT32_MIN, INT32_MAX, close_any, &nr);
	assert_int_equal(nr, 3);
	assert_int_equal(toy.released, 1);
}

/* ---- limits ---- */

static void highest_number_works_like_any(void **state)
{
	struct toy toy = { .answer = 9 };
	int fd = toy_open(&toy), top, nr = 0;
	struct rlimit old;

	top = raise_limit(&old) - 1;
	toy_dup2(fd, top);
	assert_true(host_fd_is_ours(top));
	assert_false(host_fd_is_ours(top - 1));
	host_fd_close(fd);
	assert_int_equal(host_fd_ioctl(top, 0, 0), 9);
	host_fd_each(0, INT32_MAX, close_any, &nr);
	assert_int_equal(nr, 1);
	assert_int_equal(toy.released, 1);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void full_table_is_emfile_and_leaves_nothing(void **state)
{
	struct rlimit old, lim;
	int fd = port_fd_reserve();

	port_fd_cancel(fd);
	getrlimit(RLIMIT_NOFILE, &old);
	lim = old;
	lim.rlim_cur = fd;
	setrlimit(RLIMIT_NOFILE, &lim);
	assert_int_equal(port_fd_reserve(), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(port_fd_reserve(), fd);
	port_fd_cancel(fd);
}

/* Where no high number is free it stays at its low one, as hidden. */
static void internal_descriptor_stays_low_if_it_must(void **state)
{
	int low = eventfd(0, 0), fd;
	struct rlimit old, lim;

	getrlimit(RLIMIT_NOFILE, &old);
	lim = old;
	lim.rlim_cur = low + 1;
	setrlimit(RLIMIT_NOFILE, &lim);
	fd = host_fd_internal(low);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(fd, low);
	assert_true(host_fd_is_internal(fd));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	host_fd_internal_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(internal_descriptor_is_found_however_high),
		cmocka_unit_test(number_is_ours_from_publish_to_close),
		cmocka_unit_test(cancelled_number_is_free_again),
		cmocka_unit_test(reserved_number_is_hidden),
		cmocka_unit_test(numbers_out_of_range_are_not_ours),
		cmocka_unit_test(L1_last_close_releases_in_any_order),
		cmocka_unit_test(dup2_over_ours_lets_go_what_was_there),
		cmocka_unit_test(dup2_of_foreign_over_ours_makes_it_foreign),
		cmocka_unit_test(dup2_to_itself_changes_nothing),
		cmocka_unit_test(call_in_progress_holds_the_description),
		cmocka_unit_test(
			stale_number_is_noticed_when_it_is_given_out_again),
		cmocka_unit_test(forgotten_number_stays_open_and_is_not_ours),
		cmocka_unit_test(vfork_child_closes_its_own_number_only),
		cmocka_unit_test(real_descriptor_can_do_nothing_wrong),
		cmocka_unit_test(name_shows_in_proc),
		cmocka_unit_test(path_is_what_the_node_would_say),
		cmocka_unit_test(stat_is_of_a_character_device),
		cmocka_unit_test(missing_operations_are_einval_and_enotty),
		cmocka_unit_test(ioctl_arrives_as_it_was_given),
		cmocka_unit_test(close_on_exec_by_ioctl_is_the_kernels),
		cmocka_unit_test(G6_position_is_the_descriptions),
		cmocka_unit_test(G6_position_of_a_new_description_is_0),
		cmocka_unit_test(bad_positions_are_einval),
		cmocka_unit_test(length_is_cut_as_the_kernel_does),
		cmocka_unit_test(G4_number_that_is_not_open_is_ebadf),
		cmocka_unit_test(G4_number_closed_behind_our_back_is_ebadf),
		cmocka_unit_test(G4_foreign_number_has_no_priv),
		cmocka_unit_test(G4_priv_is_of_the_right_kind_only),
		cmocka_unit_test(internal_descriptor_is_high_and_hidden),
		cmocka_unit_test(
			internal_descriptor_ends_nothing_that_was_closed),
		cmocka_unit_test(internal_descriptor_survives_a_sweep),
		cmocka_unit_test(each_stays_in_its_range),
		cmocka_unit_test(highest_number_works_like_any),
		cmocka_unit_test(full_table_is_emfile_and_leaves_nothing),
		cmocka_unit_test(internal_descriptor_stays_low_if_it_must),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
