// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which paths are rewritten to what: run/path.c on a tree of its own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "path.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char root[PATH_MAX];

static struct settings_path paths[] = {
	{ "/dev/vfio", 9 },
	{ "/sys/bus/pci", 12 },
	{ "/sys/devices/pci0000:01", 23 },
};

static struct settings settings = {
	.paths = paths,
	.nr_paths = ARRAY_SIZE(paths),
};

static void make(const char *fmt, const char *target)
{
	char path[PATH_MAX * 2];

	snprintf(path, sizeof(path), "%s/%s", root, fmt);
	assert_int_equal(target ? symlink(target, path) : mkdir(path, 0700), 0);
}

static int make_tree(void **state)
{
	char base[] = "/tmp/anyvfio-test-path-XXXXXX";

	assert_non_null(mkdtemp(base));
	assert_non_null(realpath(base, root));
	make("dev", NULL);
	make("dev/vfio", NULL);
	make("sys", NULL);
	make("sys/bus", NULL);
	make("sys/bus/pci", NULL);
	make("sys/bus/pci/devices", NULL);
	make("sys/devices", NULL);
	make("sys/devices/pci0000:01", NULL);
	make("sys/devices/pci0000:01/0000:01:00.0", NULL);
	make("sys/bus/pci/devices/0000:01:00.0",
	     "../../../devices/pci0000:01/0000:01:00.0");
	path_init(root, &settings);
	return 0;
}

static int remove_tree(void **state)
{
	char cmd[PATH_MAX + 16];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	return chdir("/") || system(cmd);
}

/* @name must lead to @tree below the root. */
static void leads_to(int dirfd, const char *name, const char *tree)
{
	char want[PATH_MAX * 2];
	struct path path;

	snprintf(want, sizeof(want), "%s%s", root, tree);
	path_resolve(&path, dirfd, name);
	assert_true(path.kind == PATH_TREE || path.kind == PATH_NODE);
	assert_string_equal(path.name, want);
}

/* @name must be handed to the kernel as @want, outside the tree. */
static void leads_out(int dirfd, const char *name, const char *want,
		      enum path_kind kind)
{
	struct path path;

	path_resolve(&path, dirfd, name);
	assert_int_equal(path.kind, kind);
	assert_int_equal(path.dirfd, AT_FDCWD);
	assert_string_equal(path.name, want);
}

/* @name must be handed to the kernel as it is. */
static void stays(int dirfd, const char *name, enum path_kind kind)
{
	struct path path;

	path_resolve(&path, dirfd, name);
	assert_int_equal(path.kind, kind);
	assert_ptr_equal(path.name, name);
	assert_int_equal(path.dirfd, dirfd);
}

static void absolute_names_of_ours_lead_into_the_tree(void **state)
{
	leads_to(AT_FDCWD, "/sys/bus/pci", "/sys/bus/pci");
	leads_to(AT_FDCWD, "/sys/bus/pci/", "/sys/bus/pci/");
	leads_to(AT_FDCWD, "/sys/bus/pci/devices/0000:01:00.0/vendor",
		 "/sys/bus/pci/devices/0000:01:00.0/vendor");
	leads_to(AT_FDCWD, "//sys/./bus//pci/devices", "/sys/bus/pci/devices");
	leads_to(AT_FDCWD, "/./sys/bus/pci", "/sys/bus/pci");
	leads_to(AT_FDCWD, "/sys/class/../bus/pci", "/sys/bus/pci");
	leads_to(AT_FDCWD, "/usr/../sys/bus/pci", "/sys/bus/pci");
	leads_to(AT_FDCWD, "/../sys/bus/pci", "/sys/bus/pci");
	leads_to(AT_FDCWD, "/sys/bus/pci/..x", "/sys/bus/pci/..x");
}

static void other_names_are_left_alone(void **state)
{
	stays(AT_FDCWD, "/sys/bus/pcie", PATH_PLAIN);
	stays(AT_FDCWD, "/sys/bus/pc", PATH_PLAIN);
	stays(AT_FDCWD, "/sys/devices/pci0000:010", PATH_PLAIN);
	stays(AT_FDCWD, "/sys/bus/usb/../usb", PATH_PLAIN);
	stays(AT_FDCWD, "/dev/vfio2", PATH_PLAIN);
	stays(AT_FDCWD, "/etc/passwd", PATH_PLAIN);
	stays(AT_FDCWD, "/home/sys/bus/pci", PATH_PLAIN);
	stays(AT_FDCWD, "", PATH_PLAIN);
	stays(AT_FDCWD, NULL, PATH_PLAIN);
	stays(AT_FDCWD, "/dev/kvm", PATH_KVM);
}

static void directories_above_ours_are_known(void **state)
{
	stays(AT_FDCWD, "/", PATH_ABOVE);
	stays(AT_FDCWD, "/sys", PATH_ABOVE);
	stays(AT_FDCWD, "/sys/bus/", PATH_ABOVE);
	stays(AT_FDCWD, "/dev/.", PATH_ABOVE);
	leads_out(AT_FDCWD, "/sys/bus/pci/..", "/sys/bus", PATH_ABOVE);
	leads_out(AT_FDCWD, "/sys/bus/pci/../../..", "/sys/bus/../..",
		  PATH_ABOVE);
	stays(AT_FDCWD, "/sys/kernel", PATH_PLAIN);
}

static void dotdot_follows_links_as_the_kernel_does(void **state)
{
	/* The device's parent is its bus's directory, not the list. */
	leads_to(AT_FDCWD, "/sys/bus/pci/devices/0000:01:00.0/../x",
		 "/sys/devices/pci0000:01/x");
	leads_to(AT_FDCWD, "/sys/bus/pci/devices/../devices",
		 "/sys/bus/pci/devices");
	leads_out(AT_FDCWD, "/sys/bus/pci/devices/0000:01:00.0/../../../class",
		  "/sys/devices/../class", PATH_PLAIN);
	leads_out(AT_FDCWD, "/sys/bus/pci/../usb", "/sys/bus/usb", PATH_PLAIN);
	/* In, out, in, out. */
	leads_out(AT_FDCWD,
		  "/sys/bus/pci/../../bus/./pci/devices/../..//x/../y",
		  "/sys/bus//x/../y", PATH_PLAIN);
	leads_to(AT_FDCWD, "/sys/bus/pci/../../../dev/vfio", "/dev/vfio");
}

static void nodes_are_known_by_name(void **state)
{
	struct path path;

	path_resolve(&path, AT_FDCWD, "/dev//vfio/./noiommu-7");
	assert_int_equal(path.kind, PATH_NODE);
	assert_string_equal(path.node, "noiommu-7");
	path_resolve(&path, AT_FDCWD, "/dev/vfio/../vfio/vfio");
	assert_int_equal(path.kind, PATH_NODE);
	assert_string_equal(path.node, "vfio");
	path_resolve(&path, AT_FDCWD, "/dev/vfio/.");
	assert_int_equal(path.kind, PATH_TREE);
	path_resolve(&path, AT_FDCWD, "/dev/vfio/7/");
	assert_int_equal(path.kind, PATH_TREE);
	path_resolve(&path, AT_FDCWD, "/dev/vfio/a/b");
	assert_int_equal(path.kind, PATH_TREE);
}

static void names_of_descriptors_are_known(void **state)
{
	static const char *const names[] = { "/proc/self/fd/7",
					     "/proc/thread-self/fd/7",
					     "/dev/fd/7", "/proc//self/./fd/7",
					     NULL };
	char own[64];
	struct path path;
	unsigned int i;

	for (i = 0; names[i]; i++) {
		path_resolve(&path, AT_FDCWD, names[i]);
		assert_int_equal(path.kind, PATH_FD);
		assert_int_equal(path.fd, 7);
		assert_ptr_equal(path.name, names[i]);
	}
	snprintf(own, sizeof(own), "/proc/%d/fd/12", getpid());
	path_resolve(&path, AT_FDCWD, own);
	assert_int_equal(path.kind, PATH_FD);
	assert_int_equal(path.fd, 12);
	stays(AT_FDCWD, "/proc/1/fd/7", PATH_PLAIN);
	stays(AT_FDCWD, "/proc/self/fd/7x", PATH_PLAIN);
	stays(AT_FDCWD, "/proc/self/fd/", PATH_PLAIN);
	stays(AT_FDCWD, "/proc/self/fd/99999999999999999999", PATH_PLAIN);
}

static void enter(const char *dir)
{
	assert_int_equal(chdir(dir), 0);
	path_cwd_changed();
}

static void relative_names_start_from_where_we_are(void **state)
{
	char in_tree[PATH_MAX * 2];

	enter("/");
	leads_to(AT_FDCWD, "sys/bus/pci", "/sys/bus/pci");
	stays(AT_FDCWD, "etc", PATH_PLAIN);
	stays(AT_FDCWD, "sys", PATH_ABOVE);
	enter("/usr");
	leads_to(AT_FDCWD, "/sys/bus/pci", "/sys/bus/pci");
	stays(AT_FDCWD, "sys/bus/pci", PATH_PLAIN);

	snprintf(in_tree, sizeof(in_tree), "%s/sys/devices/pci0000:01", root);
	enter(in_tree);
	leads_to(AT_FDCWD, "0000:01:00.0/vendor",
		 "/sys/devices/pci0000:01/0000:01:00.0/vendor");
	leads_to(AT_FDCWD, "../../bus/pci", "/sys/bus/pci");
	leads_out(AT_FDCWD, "../../class/net", "/sys/devices/../class/net",
		  PATH_PLAIN);
}

static void relative_names_start_from_a_descriptor(void **state)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), plain;

	assert_true(fd >= 0);
	/* Nobody said yet that names in it may concern us. */
	stays(fd, "sys/bus/pci", PATH_PLAIN);
	path_watch_fd(fd, PATH_ABOVE);
	leads_to(fd, "sys/bus/pci", "/sys/bus/pci");
	stays(fd, "etc", PATH_PLAIN);
	path_watch_fd(fd, PATH_PLAIN);
	stays(fd, "sys/bus/pci", PATH_PLAIN);

	/* A number that was watched, and is another directory now. */
	path_watch_fd(fd, PATH_ABOVE);
	plain = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(dup2(plain, fd), fd);
	stays(fd, "sys/bus/pcie", PATH_PLAIN);
	close(plain);
	close(fd);
}

static void *resolves(void *arg)
{
	char name[PATH_MAX * 2];
	struct path path;
	int i, good = 0;

	for (i = 0; i < 1000; i++) {
		path_resolve(&path, AT_FDCWD, "sys/bus/pci/devices");
		good += path.kind == PATH_TREE;
		path_cwd_changed();
		path_watch_fd(100 + i % 3, i & 1 ? PATH_ABOVE : PATH_PLAIN);
		path_copied_fd(100 + i % 3, 103);
		path_resolve(&path, 100, "x");
		snprintf(name, sizeof(name), "%s/sys", root);
		good += path_reveal(name, strlen(name)) == 4;
	}
	return good == 2000 ? arg : NULL;
}

static void threads_resolve_at_once(void **state)
{
	pthread_t threads[4];
	void *good;
	int i, token;

	enter("/");
	for (i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, resolves, &token), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, &token);
	}
}

static void children(const char *above, const char *want)
{
	char child[NAME_MAX + 1], all[1024] = "";
	unsigned int i = 0;
	int len = 0;

	while (path_next_child(above, &i, child))
		len += snprintf(all + len, sizeof(all) - len, "%s ", child);
	assert_string_equal(all, want);
}

static void directories_above_know_what_they_lack(void **state)
{
	char name[PATH_MAX];
	struct path path;
	int fd, up;

	children("", "dev sys ");
	children("/sys", "bus devices ");
	children("/sys/bus", "pci ");
	children("/dev", "vfio ");
	children("/sys/bus/pci", "");
	children("/sy", "");
	fd = open("/sys", O_RDONLY | O_DIRECTORY);
	path_watch_fd(fd, PATH_PLAIN);
	assert_false(path_above_fd(fd, name));
	path_watch_fd(fd, PATH_ABOVE);
	assert_true(path_above_fd(fd, name));
	assert_string_equal(name, "/sys");
	/* Also when they are come to from below. */
	up = open("/sys/kernel", O_RDONLY | O_DIRECTORY);
	path_resolve(&path, up, "..");
	assert_int_equal(path.kind, PATH_ABOVE);
	path_resolve(&path, up, "mm");
	assert_int_equal(path.kind, PATH_PLAIN);
	close(up);
	close(fd);
	enter("/sys/kernel");
	path_resolve(&path, AT_FDCWD, "../bus");
	assert_int_equal(path.kind, PATH_ABOVE);
	leads_to(AT_FDCWD, "../bus/pci", "/sys/bus/pci");
	enter("/");
}

static void names_of_the_tree_are_shown_as_the_programs(void **state)
{
	char name[PATH_MAX * 2];
	size_t len;

	len = snprintf(name, sizeof(name), "%s/sys/bus/pci", root);
	assert_int_equal(path_reveal(name, len), 12);
	assert_string_equal(name, "/sys/bus/pci");
	len = snprintf(name, sizeof(name), "%s", root);
	assert_int_equal(path_reveal(name, len), 1);
	assert_string_equal(name, "/");
	len = snprintf(name, sizeof(name), "%s2/sys", root);
	assert_int_equal(path_reveal(name, len), len);
	strcpy(name, "/sys");
	assert_int_equal(path_reveal(name, 4), 4);
}

static void names_too_long_for_the_tree_are_the_kernels(void **state)
{
	static char name[PATH_MAX + 64] = "/sys/bus/pci/";

	memset(name + strlen(name), 'x', PATH_MAX - 20);
	stays(AT_FDCWD, name, PATH_PLAIN);
	memset(name + strlen(name), 'y', 40);
	stays(AT_FDCWD, name, PATH_PLAIN);
	/* A long way in a few steps. */
	snprintf(name, sizeof(name), "/sys/bus/pci/%0*d/..", PATH_MAX - 40, 0);
	stays(AT_FDCWD, name, PATH_PLAIN);
}

static void settings_are_read_as_they_were_written(void **state)
{
	char *devices[] = { "nvme,file=/a b,,c", "edu" };
	struct settings_node nodes[] = { { "vfio", 12, makedev(10, 196) },
					 { "noiommu-3", 13,
					   makedev(511, 70000) } };
	struct settings out = { .host.devices = devices,
				.host.nr_devices = 2,
				.host.noiommu = true,
				.host.dma_entry_limit = 4000000000u,
				.host.launcher = 77,
				.level = PORT_DBG,
				.dev = 0x1234567890,
				.paths = paths,
				.nr_paths = ARRAY_SIZE(paths),
				.nodes = nodes,
				.nr_nodes = 2 };
	char name[] = "/tmp/anyvfio-test-config-XXXXXX";
	int fd = mkstemp(name), again = dup(fd);
	struct settings in;
	char text[4096] = {};
	void *room;

	assert_int_equal(settings_write(fd, &out), 0);
	assert_true(pread(again, text, sizeof(text) - 1, 0) > 0);
	room = malloc(settings_room(text));
	assert_true(settings_parse(&in, text, room));
	assert_int_equal(in.host.nr_devices, 2);
	assert_string_equal(in.host.devices[0], devices[0]);
	assert_string_equal(in.host.devices[1], devices[1]);
	assert_true(in.host.noiommu);
	assert_int_equal(in.host.dma_entry_limit, 4000000000u);
	assert_int_equal(in.host.launcher, 77);
	assert_int_equal(in.level, PORT_DBG);
	assert_int_equal(in.dev, 0x1234567890);
	assert_int_equal(in.nr_paths, ARRAY_SIZE(paths));
	assert_string_equal(in.paths[2].name, paths[2].name);
	assert_int_equal(in.paths[2].len, paths[2].len);
	assert_int_equal(in.nr_nodes, 2);
	assert_string_equal(in.nodes[1].name, "noiommu-3");
	assert_int_equal(in.nodes[1].ino, 13);
	assert_int_equal(in.nodes[1].rdev, makedev(511, 70000));
	free(room);
	unlink(name);
	close(again);
}

static void settings_of_another_version_are_refused(void **state)
{
	char text[] = "anyvfio 2\nlauncher 7\n", empty[] = "";
	char room[256] __attribute__((aligned(16)));
	struct settings in;

	assert_false(settings_parse(&in, text, room));
	assert_false(settings_parse(&in, empty, room));
}

/* Found by fuzzing: it became a node without a name. */
static void settings_have_no_node_without_a_number(void **state)
{
	char text[] = "anyvfio 1\nnode x\nnode 7 12 511 3\n";
	char room[256] __attribute__((aligned(16)));
	struct settings in;

	assert_true(settings_parse(&in, text, room));
	assert_int_equal(in.nr_nodes, 1);
	assert_string_equal(in.nodes[0].name, "7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absolute_names_of_ours_lead_into_the_tree),
		cmocka_unit_test(other_names_are_left_alone),
		cmocka_unit_test(directories_above_ours_are_known),
		cmocka_unit_test(dotdot_follows_links_as_the_kernel_does),
		cmocka_unit_test(nodes_are_known_by_name),
		cmocka_unit_test(names_of_descriptors_are_known),
		cmocka_unit_test(relative_names_start_from_where_we_are),
		cmocka_unit_test(relative_names_start_from_a_descriptor),
		cmocka_unit_test(threads_resolve_at_once),
		cmocka_unit_test(directories_above_know_what_they_lack),
		cmocka_unit_test(names_of_the_tree_are_shown_as_the_programs),
		cmocka_unit_test(names_too_long_for_the_tree_are_the_kernels),
		cmocka_unit_test(settings_are_read_as_they_were_written),
		cmocka_unit_test(settings_of_another_version_are_refused),
		cmocka_unit_test(settings_have_no_node_without_a_number),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
