/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Namespaces in memory, and the options of the model. */
#include "driver.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refused(const char *a, const char *b, const char *why)
{
	const char *with[] = { a, b, NULL };
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, with);

	if (!dev && strstr(fake_messages(), why))
		return true;
	fprintf(stderr, "%s: \"%s\"\n", a, fake_messages());
	if (dev)
		fake_destroy(dev);
	return false;
}

static bool accepted(const char *a, const char *b)
{
	const char *with[] = { a, b, NULL };
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, with);

	if (dev)
		fake_destroy(dev);
	return dev;
}

static void NVME_options_are_checked(void **state)
{
	assert_true(refused("size=0", NULL, "size="));
	assert_true(refused("size=1000", NULL, "multiple"));
	assert_true(refused("size=512", "lba=4096", "multiple"));
	assert_true(refused("size=65T", NULL, "64T"));
	assert_true(refused("size=some", NULL, "size"));
	assert_true(refused("size=1M", "file=/dev/null", "memory"));
	assert_true(refused("lba=1024", NULL, "512 or 4096"));
	assert_true(refused("lba=", NULL, "512 or 4096"));
	assert_true(refused("readonly=yes", NULL, "on or off"));
	assert_true(refused("serial=", NULL, "ASCII"));
	assert_true(refused("serial=123456789012345678901", NULL, "ASCII"));
	assert_true(refused("serial=t\ttab", NULL, "ASCII"));
	assert_true(refused("engine=aio", NULL, "uring or threads"));
	assert_true(accepted("size=512", "lba=512"));
	assert_true(accepted("serial=12345678901234567890", "readonly=off"));
	assert_true(accepted("size=64T", NULL));
	assert_true(accepted("engine=threads", NULL));
}

static void NVME_defaults_are_64M_and_a_name(void **state)
{
	struct drv d;
	char *id;
	uint64_t buf;

	drv_open(&d, NULL);
	buf = drv_alloc(&d, 4096);
	id = drv_ptr(&d, buf);
	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	assert_int_equal(get64(id, 0), (64 << 20) / 512);
	assert_int_equal(drv_identify(&d, 1, 0, buf), 0);
	assert_memory_equal(id + 4, "AV-0000:", 8);
	assert_memory_equal(id + 7, d.dev->name, 12);
	drv_close(&d);
}

static uint64_t memory_used(struct drv *d)
{
	struct stat st;

	assert_int_equal(fstat(d->dev->memory_fd, &st), 0);
	return st.st_blocks * 512ull;
}

static void NVME_large_disk_costs_what_is_written(void **state)
{
	static const char *const options[] = { "size=262144M", NULL };
	uint64_t end = (1ull << 38) / 512, buf, i;
	struct drv d;

	drv_open(&d, options);
	drv_create_io(&d);
	buf = drv_alloc(&d, 1 << 20);
	memset(drv_ptr(&d, buf), 1, 1 << 20);
	for (i = 0; i < 64; i++) {
		assert_int_equal(drv_read(&d, i << 22, 2048, buf), 0);
		assert_true(is_zero(drv_ptr(&d, buf), 1 << 20));
	}
	assert_int_equal(memory_used(&d), 0);
	fill(drv_ptr(&d, buf), 512, 1);
	assert_int_equal(drv_write(&d, end - 1, 1, buf), 0);
	assert_true(memory_used(&d) > 0 && memory_used(&d) <= 128 << 10);
	memset(drv_ptr(&d, buf), 0, 4096);
	assert_int_equal(drv_read(&d, end - 8, 8, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf), 7 * 512));
	assert_true(is_filled(drv_ptr(&d, buf + 7 * 512ul), 512, 1));
	drv_close(&d);
}

static void NVME_deallocate_gives_memory_back(void **state)
{
	static const char *const options[] = { "size=4M", NULL };
	struct cmd cmd = drv_cmd(0x08, 1);
	uint64_t buf, before;
	struct drv d;

	drv_open(&d, options);
	drv_create_io(&d);
	buf = drv_alloc(&d, 1 << 20);
	memset(drv_ptr(&d, buf), 1, 1 << 20);
	assert_int_equal(drv_write(&d, 0, 2048, buf), 0);
	before = memory_used(&d);
	cmd.dw[12] = 1u << 25 | 2047;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(memory_used(&d), before - (1 << 20));
	/* And it can be written again. */
	assert_int_equal(drv_write(&d, 0, 2048, buf), 0);
	assert_int_equal(memory_used(&d), before);
	drv_close(&d);
}

/* An odd end: the last chunk is not a whole one. */
static void NVME_size_need_not_be_whole_pages(void **state)
{
	static const char *const options[] = { "size=66048", NULL };
	struct cmd cmd = drv_cmd(0x08, 1);
	uint64_t buf;
	struct drv d;

	drv_open(&d, options);
	drv_create_io(&d);
	buf = drv_alloc(&d, 129 * 512);
	fill(drv_ptr(&d, buf), 129 * 512, 2);
	assert_int_equal(drv_write(&d, 0, 129, buf), 0);
	assert_int_equal(drv_read(&d, 129, 1, buf), 0x080 | DMORE);
	cmd.dw[12] = 1u << 25 | 128;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(drv_read(&d, 0, 129, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf), 129 * 512));
	drv_close(&d);
}

/* The system runs out of memory: a status, not a SIGBUS. */
static void NVME_memory_that_is_not_there_is_no_crash(void **state)
{
	static const char *const options[] = { "size=1M", NULL };
	struct cmd cmd;
	uint64_t buf;
	struct drv d;

	memset(&d, 0, sizeof(d));
	d.next = FAKE_IOVA;
	d.dev = fake_create(&anyvfio_nvme_model, options);
	d.dev->memory_there = 128 << 10;
	assert_int_equal(fake_start(d.dev), 0);
	drv_enable(&d);
	drv_create_io(&d);
	buf = drv_alloc(&d, 1 << 20);
	assert_int_equal(drv_write(&d, 0, 256, buf), 0);
	assert_int_equal(drv_write(&d, 256, 1, buf), 0x081 | MORE);
	assert_int_equal(drv_write(&d, 0, 2048, buf), 0x081 | MORE);
	assert_int_equal(drv_read(&d, 0, 2048, buf), 0);
	cmd = drv_cmd(0x08, 1);
	cmd.dw[12] = 2047;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	drv_close(&d);
}

/* Another program of the run left data, which is gone now. */
static void NVME_memory_lost_is_a_read_error(void **state)
{
	static const char *const options[] = { "size=1M", NULL };
	struct cmd cmd;
	uint64_t buf;
	struct drv d;

	drv_open(&d, options);
	drv_create_io(&d);
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_write(&d, 1024, 8, buf), 0);
	fake_stop(d.dev);
	assert_int_equal(fake_start(d.dev), 0);
	drv_enable(&d);
	drv_create_io(&d);
	assert_int_equal(ftruncate(d.dev->memory_fd, 4096), 0);
	assert_int_equal(drv_read(&d, 1024, 8, buf), 0x281 | MORE);
	cmd = drv_rw(&d, 0x05, 1024, 8, buf, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x281 | MORE);
	cmd = drv_cmd(0x08, 1);
	cmd.dw[10] = 1024;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x280 | MORE);
	drv_close(&d);
}

static void NVME_no_memory_at_all_is_told_at_start(void **state)
{
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, NULL);

	dev->memory_error = -ENOSPC;
	assert_int_equal(fake_start(dev), -ENOSPC);
	dev->memory_error = 0;
	fake_faults.mmap = ENOMEM;
	assert_int_equal(fake_start(dev), -ENOMEM);
	assert_non_null(strstr(fake_messages(), "cannot map"));
	fake_faults.mmap = 0;
	assert_int_equal(fake_start(dev), 0);
	fake_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(NVME_options_are_checked),
		cmocka_unit_test(NVME_defaults_are_64M_and_a_name),
		cmocka_unit_test(NVME_large_disk_costs_what_is_written),
		cmocka_unit_test(NVME_deallocate_gives_memory_back),
		cmocka_unit_test(NVME_size_need_not_be_whole_pages),
		cmocka_unit_test(NVME_memory_that_is_not_there_is_no_crash),
		cmocka_unit_test(NVME_memory_lost_is_a_read_error),
		cmocka_unit_test(NVME_no_memory_at_all_is_told_at_start),
	};

	return cmocka_run_group_tests_name("nvme ram", tests, NULL, NULL);
}
