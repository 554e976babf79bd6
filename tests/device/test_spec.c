/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* -d strings: what they mean, and what is said about bad ones. */
#include "harness.h"
#include "pci_device.h"

#include <stdlib.h>
#include <unistd.h>

static struct host_config config;

/* Creates up to four devices; 0, or the error of the one that failed. */
struct machine {
	struct anyvfio_device *dev[4];
	unsigned int nr;
};

static long add(struct machine *m, const char *spec)
{
	struct anyvfio_device *dev = host_pci_create(spec, m->nr, &config);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	m->dev[m->nr++] = dev;
	return 0;
}

static void remove_all(struct machine *m)
{
	while (m->nr)
		host_pci_destroy(m->dev[--m->nr]);
}

static void assert_place(struct anyvfio_device *dev, const char *name,
			 int group)
{
	struct host_pci_sysfs sysfs;

	host_pci_sysfs(dev, &sysfs);
	assert_string_equal(sysfs.name, name);
	assert_string_equal(anyvfio_device_name(dev), name);
	assert_int_equal(sysfs.group, group);
}

/* ---- places ---- */

static void devices_get_the_next_bus_and_group(void **state)
{
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, "edu,addr=0000:02:00.0,group=2"), 0);
	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, "edu,addr=82:1f.7,group=1"), 0);
	assert_place(m.dev[0], "0000:01:00.0", 1);
	assert_place(m.dev[1], "0000:02:00.0", 2);
	assert_place(m.dev[2], "0000:03:00.0", 3);
	assert_place(m.dev[3], "0000:82:1f.7", 1);
	remove_all(&m);
	/* All is free again. */
	assert_int_equal(add(&m, "edu"), 0);
	assert_place(m.dev[0], "0000:01:00.0", 1);
	remove_all(&m);
}

/* Gaps are filled, from the lowest. */
static void free_places_are_used_from_the_lowest(void **state)
{
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, "edu,group=3"), 0);
	assert_int_equal(add(&m, "edu,addr=02:00.1,group=9"), 0);
	assert_int_equal(add(&m, "edu,addr=03:00.0"), 0);
	assert_int_equal(add(&m, "edu"), 0);
	assert_place(m.dev[2], "0000:03:00.0", 1);
	assert_place(m.dev[3], "0000:02:00.0", 2);
	remove_all(&m);
}

static void devices_do_not_share_addresses(void **state)
{
	struct host_pci_sysfs a, b;
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, PROBE), 0);
	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, PROBE), 0);
	host_pci_sysfs(m.dev[0], &a);
	host_pci_sysfs(m.dev[2], &b);
	assert_true(b.resource[0].start > a.resource[0].last);
	assert_true(b.resource[2].start > a.resource[2].last);
	assert_true(b.resource[3].start > a.resource[3].last);
	host_pci_sysfs(m.dev[1], &a);
	assert_true(a.resource[0].last < b.resource[2].start ||
		    a.resource[0].start > b.resource[2].last);
	remove_all(&m);
}

/* The launcher lays out /sys in one process, programs run in others. */
static void same_machine_gets_the_same_addresses(void **state)
{
	struct host_pci_sysfs first, again;
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, PROBE), 0);
	host_pci_sysfs(m.dev[1], &first);
	remove_all(&m);
	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, PROBE), 0);
	host_pci_sysfs(m.dev[1], &again);
	assert_memory_equal(&first, &again, sizeof(first));
	remove_all(&m);
}

/* The window of I/O ports has room for 240 times 256 bytes. */
static int build_much_io(struct anyvfio_device *dev)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		anyvfio_pci_add_bar(dev, i, 256, ANYVFIO_BAR_IO);
	return 0;
}

static void addresses_run_out_with_a_message(void **state)
{
	struct anyvfio_device *dev[41];
	unsigned int i;

	probe.build = build_much_io;
	for (i = 0; i < 40; i++) {
		dev[i] = host_pci_create(PROBE, i, &config);
		assert_false(IS_ERR(dev[i]));
	}
	dev[40] = host_pci_create(PROBE, i, &config);
	assert_int_equal(PTR_ERR(dev[40]), -ENOSPC);
	assert_non_null(strstr(host_log_captured(), "no address is left"));
	/* One goes, one comes. */
	host_pci_destroy(dev[7]);
	dev[7] = host_pci_create(PROBE, 7, &config);
	assert_false(IS_ERR(dev[7]));
	for (i = 0; i < 40; i++)
		host_pci_destroy(dev[i]);
}

/* ---- options ---- */

static void comma_in_a_value_is_written_twice(void **state)
{
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, PROBE ",name=a,,b=c,,,size=5,addr=7:0.0"), 0);
	assert_string_equal(anyvfio_device_option(m.dev[0], "name"), "a,b=c,");
	assert_string_equal(anyvfio_device_option(m.dev[0], "size"), "5");
	assert_string_equal(anyvfio_device_name(m.dev[0]), "0000:07:00.0");
	assert_null(anyvfio_device_option(m.dev[0], "nothing"));
	remove_all(&m);
}

static void empty_value_is_a_value(void **state)
{
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, PROBE ",name="), 0);
	assert_string_equal(anyvfio_device_option(m.dev[0], "name"), "");
	remove_all(&m);
}

static void sizes_have_suffixes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
		int ret;
	} sizes[] = {
		{ "0", 0, 0 },
		{ "64", 64, 0 },
		{ "0x1000", 4096, 0 },
		{ "64K", 65536, 0 },
		{ "1m", 1 << 20, 0 },
		{ "3G", 3ull << 30, 0 },
		{ "2T", 2ull << 40, 0 },
		{ "0xffffffffffffffff", ~0ull, 0 },
		{ "16777215T", 16777215ull << 40, 0 },
		{ "16777216T", 0, -EINVAL },
		{ "0x10000000000000000", 0, -EINVAL },
		{ "", 0, -EINVAL },
		{ "-1", 0, -EINVAL },
		{ "K", 0, -EINVAL },
		{ "64KB", 0, -EINVAL },
		{ "64 K", 0, -EINVAL },
		{ "1.5G", 0, -EINVAL },
		{ " 1", 0, -EINVAL },
	};
	char spec[256];
	uint64_t size;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct machine m = { .nr = 0 };

		snprintf(spec, sizeof(spec), PROBE ",size=%s", sizes[i].text);
		assert_int_equal(add(&m, spec), 0);
		print_message("size=%s\n", sizes[i].text);
		assert_int_equal(
			anyvfio_device_option_size(m.dev[0], "size", 7, &size),
			sizes[i].ret);
		if (!sizes[i].ret)
			assert_true(size == sizes[i].size);
		remove_all(&m);
	}
}

/* In noiommu mode the core makes a group, and says so. */
static void group_none_is_for_noiommu_mode(void **state)
{
	static const struct host_config noiommu = { .noiommu = true };
	struct host_pci_sysfs sysfs;
	struct anyvfio_device *dev;

	host_stop();
	assert_int_equal(host_start(&noiommu), 0);
	dev = host_pci_create("edu,group=none", 0, &noiommu);
	assert_false(IS_ERR(dev));
	host_pci_sysfs(dev, &sysfs);
	assert_true(sysfs.noiommu);
	assert_true(sysfs.group >= 0);
	host_pci_destroy(dev);
}

static void size_not_given_is_the_default(void **state)
{
	struct machine m = { .nr = 0 };
	uint64_t size = 0;

	assert_int_equal(add(&m, PROBE), 0);
	assert_int_equal(anyvfio_device_option_size(m.dev[0], "size", 7, &size),
			 0);
	assert_int_equal(size, 7);
	remove_all(&m);
}

/* ---- what is wrong ---- */

static void bad_strings_say_what_is_wrong(void **state)
{
	static const struct {
		const char *spec;
		int ret;
		const char *said;
	} bad[] = {
		{ "", -ENOENT, "no model \"\"; there are: " },
		{ "edo", -ENOENT, "no model \"edo\"; did you mean edu?" },
		{ "EDU", -ENOENT, "no model \"EDU\"; there are: edu" },
		{ "floppy", -ENOENT, "or the path of a shared object" },
		{ "edu,dmamask=1", -EINVAL, "did you mean dma_mask?" },
		{ "edu,colour=red", -EINVAL,
		  "no option \"colour\"; there are: dma_mask, addr, group" },
		{ "edu,", -EINVAL, "no option \"\"" },
		{ "edu,=1", -EINVAL, "no option \"\"" },
		{ "edu,addr", -EINVAL, "option addr needs a value: addr=..." },
		{ "edu,addr=1:0.0,addr=2:0.0", -EINVAL,
		  "option addr is given twice" },
		{ "edu,addr=", -EINVAL, "addr= is not an address such as" },
		{ "edu,addr=1", -EINVAL, "addr=1 is not an address" },
		{ "edu,addr=1:0", -EINVAL, "is not an address" },
		{ "edu,addr=100:0.0", -EINVAL, "is not an address" },
		{ "edu,addr=1:20.0", -EINVAL, "is not an address" },
		{ "edu,addr=1:0.8", -EINVAL, "is not an address" },
		{ "edu,addr=1:0.0x", -EINVAL, "is not an address" },
		{ "edu,addr=10000:1:0.0", -EINVAL, "is not an address" },
		{ "edu,addr=1:2:3:4.0", -EINVAL, "is not an address" },
		{ "edu,addr=-1:0.0", -EINVAL, "is not an address" },
		{ "edu,group=-1", -EINVAL, "neither a number nor none" },
		{ "edu,group=none", -EINVAL, "(--noiommu)" },
		{ "edu,group=x", -EINVAL, "neither a number nor none" },
		{ "edu,group=99999999999", -EINVAL, "neither a number" },
		{ "edu,dma_mask=x", -EINVAL, "dma_mask=x is not a size" },
		{ "./nothing.so", -ENOENT, "nothing.so: cannot open" },
		{ OBJECTS "/probe_none.so", -EINVAL,
		  "has no symbol anyvfio_model: it is not a device model" },
		{ OBJECTS "/probe_future.so", -EINVAL,
		  "was built for device API 99, this is 1" },
		{ PROBE ",nmae=x", -EINVAL,
		  "-d probe: no option \"nmae\"; did "
		  "you mean name?" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct machine m = { .nr = 0 };

		host_log_capture(true);
		print_message("-d %s\n", bad[i].spec);
		assert_int_equal(add(&m, bad[i].spec), bad[i].ret);
		assert_non_null(strstr(host_log_captured(), bad[i].said));
	}
}

static void taken_address_is_refused(void **state)
{
	struct machine m = { .nr = 0 };

	assert_int_equal(add(&m, "edu"), 0);
	assert_int_equal(add(&m, "edu,addr=01:00.0"), -EEXIST);
	assert_non_null(strstr(host_log_captured(),
			       "addr=01:00.0 is taken by another device"));
	assert_int_equal(add(&m, "edu,addr=01:00.1"), 0);
	remove_all(&m);
}

static void model_that_fails_without_a_word_is_named(void **state)
{
	struct machine m = { .nr = 0 };

	probe.create_error = -ENODATA;
	assert_int_equal(add(&m, PROBE), -ENODATA);
	assert_non_null(strstr(host_log_captured(),
			       "probe could not be made: No data"));
	assert_int_equal(probe.destroys, 0);
	probe.create_error = 0;
	assert_int_equal(add(&m, PROBE), 0);
	remove_all(&m);
	assert_int_equal(probe.destroys, 1);
}

static void every_model_has_a_name_and_a_summary(void **state)
{
	const struct anyvfio_model *model;
	unsigned int i;

	assert_non_null(host_model(0));
	for (i = 0; (model = host_model(i)); i++) {
		assert_int_equal(model->api, ANYVFIO_DEVICE_API);
		assert_non_null(model->name);
		assert_non_null(model->summary);
		assert_non_null(model->create);
	}
}

/* ---- memory of the run ---- */

/* Two devices that are the same by their place are two processes of a run. */
static void memory_of_a_run_is_shared_and_goes_with_its_directory(void **state)
{
	char dir[] = "/tmp/anyvfio-test-XXXXXX", path[64];
	struct host_config run = { .rundir = mkdtemp(dir) };
	struct anyvfio_device *a, *b;
	char text[8] = "";
	int fd, again;

	assert_non_null(run.rundir);
	a = host_pci_create(PROBE, 3, &run);
	b = host_pci_create(PROBE, 3, &run);
	assert_false(IS_ERR(a) || IS_ERR(b));
	fd = anyvfio_device_memory(a, 1, 1ull << 40);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "hello", 5, 1ull << 39), 5);
	again = anyvfio_device_memory(b, 1, 1ull << 40);
	assert_int_equal(pread(again, text, 5, 1ull << 39), 5);
	assert_string_equal(text, "hello");
	anyvfio_fd_close(again);
	/* Another one of its own. */
	again = anyvfio_device_memory(b, 2, 4096);
	assert_int_equal(pread(again, text, 5, 0), 5);
	assert_string_equal(text, "");
	anyvfio_fd_close(again);
	anyvfio_fd_close(fd);
	snprintf(path, sizeof(path), "%s/mem-3-1", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/mem-3-2", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	/* The directory has gone. */
	assert_int_equal(anyvfio_device_memory(a, 1, 4096), -ENOENT);
	assert_non_null(strstr(host_log_captured(), "no room for its memory"));
	host_pci_destroy(a);
	host_pci_destroy(b);
}

static int setup(void **state)
{
	static struct host_config none;

	port_warn_fatal = true;
	memset(&probe, 0, sizeof(probe));
	host_log_capture(true);
	assert_int_equal(host_start(&none), 0);
	return 0;
}

static int teardown(void **state)
{
	host_stop();
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(devices_get_the_next_bus_and_group),
		T(free_places_are_used_from_the_lowest),
		T(devices_do_not_share_addresses),
		T(same_machine_gets_the_same_addresses),
		T(addresses_run_out_with_a_message),
		T(comma_in_a_value_is_written_twice),
		T(empty_value_is_a_value),
		T(sizes_have_suffixes),
		T(size_not_given_is_the_default),
		T(group_none_is_for_noiommu_mode),
		T(bad_strings_say_what_is_wrong),
		T(taken_address_is_refused),
		T(model_that_fails_without_a_word_is_named),
		T(every_model_has_a_name_and_a_summary),
		T(memory_of_a_run_is_shared_and_goes_with_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
