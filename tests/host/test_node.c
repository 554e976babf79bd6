/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The nodes below /dev/vfio, with a core that records what it is asked. */
#include "toy.h"

#include <fcntl.h>
#include <sys/resource.h>

static struct {
	int ret;
	int opened, released;
	int id;
	bool noiommu;
} core;

static int open_core(void **priv)
{
	if (core.ret)
		return core.ret;
	core.opened++;
	*priv = &core;
	return 0;
}

static void release_core(void *priv)
{
	assert_ptr_equal(priv, &core);
	core.released++;
}

static long container_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	return 1;
}

static long group_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	return 2;
}

const struct port_file_ops vfio_container_fops = {
	.release = release_core,
	.ioctl = container_ioctl,
};

const struct port_file_ops vfio_group_fops = {
	.release = release_core,
	.ioctl = group_ioctl,
};

int vfio_container_open(void **priv)
{
	return open_core(priv);
}

int vfio_group_open(int id, bool noiommu, void **priv)
{
	core.id = id;
	core.noiommu = noiommu;
	return open_core(priv);
}

static int setup(void **state)
{
	memset(&core, 0, sizeof(core));
	return port_group_node_add(7, false) || port_group_node_add(0, true);
}

static int teardown(void **state)
{
	port_group_node_del(7, false);
	port_group_node_del(0, true);
	return core.opened != core.released;
}

static void C1_container_node_opens_a_container(void **state)
{
	int fd = host_node_open("vfio", O_RDWR | O_CLOEXEC);
	char path[32];

	assert_true(host_fd_is_ours(fd));
	assert_int_equal(host_fd_ioctl(fd, 0, 0), 1);
	assert_int_equal(host_fd_path(fd, path, sizeof(path)), 14);
	assert_memory_equal(path, "/dev/vfio/vfio", 14);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	host_fd_close(fd);
	assert_int_equal(core.released, 1);
}

static void G1_group_node_opens_its_group(void **state)
{
	int fd = host_node_open("7", O_RDWR);

	assert_int_equal(host_fd_ioctl(fd, 0, 0), 2);
	assert_int_equal(core.id, 7);
	assert_false(core.noiommu);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	host_fd_close(fd);
	fd = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(core.id, 0);
	assert_true(core.noiommu);
	host_fd_close(fd);
}

static void unknown_nodes_are_enoent(void **state)
{
	static const char *const names[] = { "",   "0",		"8",
					     "07", "7 ",	"+7",
					     "7/", "noiommu-7", "vfio2" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(host_node_open(names[i], O_RDWR), -ENOENT);
	assert_int_equal(core.opened, 0);
}

static void flags_that_do_not_fit_a_node_are_refused(void **state)
{
	assert_int_equal(host_node_open("7", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(host_node_open("7", O_RDWR | O_CREAT | O_EXCL),
			 -EEXIST);
	assert_int_equal(host_node_open("8", O_RDONLY | O_DIRECTORY), -ENOENT);
}

static void G2_error_of_the_core_leaves_no_descriptor(void **state)
{
	int fd = host_node_open("vfio", O_RDWR);

	host_fd_close(fd);
	core.ret = -EBUSY;
	assert_int_equal(host_node_open("7", O_RDWR), -EBUSY);
	assert_false(fd_is_open(fd));
	core.ret = 0;
	assert_int_equal(host_node_open("7", O_RDWR), fd);
	host_fd_close(fd);
}

static void no_free_number_opens_nothing(void **state)
{
	struct rlimit old, lim;
	int fd = host_node_open("vfio", O_RDWR);

	host_fd_close(fd);
	getrlimit(RLIMIT_NOFILE, &old);
	lim = old;
	lim.rlim_cur = fd;
	setrlimit(RLIMIT_NOFILE, &lim);
	assert_int_equal(host_node_open("7", O_RDWR), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(core.opened, 1);
}

#define ALL_LEN 64

static int collect(const char *name, void *data)
{
	char *all = data;
	size_t len = strlen(all);

	snprintf(all + len, ALL_LEN - len, "%s ", name);
	return !strcmp(name, "7") && strlen(all) > 16 ? 5 : 0;
}

static void each_names_the_container_first(void **state)
{
	char all[ALL_LEN] = "";

	assert_int_equal(host_node_each(collect, all), 0);
	assert_string_equal(all, "vfio 7 noiommu-0 ");
	/* Until a call says enough. */
	assert_int_equal(host_node_each(collect, all), 5);
	assert_string_equal(all, "vfio 7 noiommu-0 vfio 7 ");
}

static void removed_node_is_enoent(void **state)
{
	port_group_node_del(7, false);
	assert_int_equal(host_node_open("7", O_RDWR), -ENOENT);
	assert_int_equal(port_group_node_add(7, false), 0);
}

#define node_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		node_test(C1_container_node_opens_a_container),
		node_test(G1_group_node_opens_its_group),
		node_test(unknown_nodes_are_enoent),
		node_test(flags_that_do_not_fit_a_node_are_refused),
		node_test(G2_error_of_the_core_leaves_no_descriptor),
		node_test(no_free_number_opens_nothing),
		node_test(each_names_the_container_first),
		node_test(removed_node_is_enoent),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
