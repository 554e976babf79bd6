/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Image files: options, locks, and what goes wrong in the middle of use.  Runs
 * with the engine that the test's first argument names.
 */
#include "driver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGE_SIZE (1u << 20)

static struct drv d;
static char dir[] = "/tmp/anyvfio-nvme-file-XXXXXX";
static char image[128], file_option[160], engine_option[32];
static const char *options[] = { file_option, engine_option, NULL };

static int make_image(void **state)
{
	int fd = open(image, O_CREAT | O_TRUNC | O_RDWR, 0600);

	if (fd < 0 || ftruncate(fd, IMAGE_SIZE))
		return -1;
	close(fd);
	return 0;
}

static int remove_image(void **state)
{
	unlink(image);
	return 0;
}

static void open_io(void)
{
	drv_open(&d, options);
	drv_create_io(&d);
}

/* What creating, or else starting, a device with these options says. */
static const char *refusal(const char *a, const char *b, int *ret)
{
	const char *with[] = { a, b, NULL };
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, with);

	*ret = 0;
	if (!dev)
		return fake_messages();
	*ret = fake_start(dev);
	if (!*ret)
		fake_stop(dev);
	fake_destroy(dev);
	return fake_messages();
}

static bool refused_at_create(const char *a, const char *b, const char *why)
{
	int ret;
	const char *said = refusal(a, b, &ret);

	if (!ret && strstr(said, why))
		return true;
	fprintf(stderr, "%s,%s: %d, \"%s\"\n", a, b ? b : "", ret, said);
	return false;
}

/* ---- what cannot be an image ---- */

static void NVME_file_missing_is_refused(void **state)
{
	char other[160];

	assert_true(refused_at_create("file=/nowhere/disk.img", NULL,
				      "/nowhere/disk.img: No such file"));
	snprintf(other, sizeof(other), "file=%s", dir);
	assert_true(refused_at_create(other, NULL, "is a directory"));
	assert_true(refused_at_create("file=/dev/null", NULL, "neither"));
	assert_int_equal(truncate(image, 511), 0);
	assert_true(refused_at_create(file_option, NULL, "511 bytes"));
	assert_int_equal(truncate(image, 4095), 0);
	assert_true(refused_at_create(file_option, "lba=4096", "4095 bytes"));
	assert_int_equal(truncate(image, 0), 0);
	assert_true(refused_at_create(file_option, NULL, "0 bytes"));
}

static void NVME_file_fifo_does_not_hang(void **state)
{
	unlink(image);
	assert_int_equal(mkfifo(image, 0600), 0);
	assert_true(refused_at_create(file_option, NULL, "neither"));
}

static void NVME_create_does_not_touch_the_file(void **state)
{
	struct anyvfio_device *dev;
	struct stat before, after;
	struct flock lock = { .l_type = F_WRLCK };
	int fd;

	assert_int_equal(stat(image, &before), 0);
	dev = fake_create(&anyvfio_nvme_model, options);
	assert_non_null(dev);
	fd = open(image, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	close(fd);
	fake_destroy(dev);
	assert_int_equal(stat(image, &after), 0);
	assert_int_equal(before.st_mtime, after.st_mtime);
}

static void NVME_file_gone_between_create_and_start(void **state)
{
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, options);

	assert_non_null(dev);
	unlink(image);
	assert_int_equal(fake_start(dev), -ENOENT);
	assert_non_null(strstr(fake_messages(), "No such file"));
	fake_destroy(dev);
}

static void NVME_tail_of_a_block_is_told_and_not_used(void **state)
{
	uint64_t buf;

	assert_int_equal(truncate(image, 1024 + 100), 0);
	open_io();
	assert_non_null(strstr(fake_messages(), "last 100 bytes"));
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	assert_int_equal(get64(drv_ptr(&d, buf), 0), 2);
	drv_close(&d);
}

/* ---- locks ---- */

static void NVME_two_writers_are_kept_apart(void **state)
{
	struct anyvfio_device *other =
		fake_create(&anyvfio_nvme_model, options);

	open_io();
	assert_int_equal(fake_start(other), -EBUSY);
	assert_non_null(strstr(fake_messages(), "is in use"));
	drv_close(&d);
	assert_int_equal(fake_start(other), 0);
	fake_destroy(other);
}

static void NVME_two_readers_are_welcome(void **state)
{
	const char *with[] = { file_option, "readonly=on", NULL };
	struct anyvfio_device *other = fake_create(&anyvfio_nvme_model, with);
	int ret;

	drv_open(&d, with);
	assert_int_equal(fake_start(other), 0);
	refusal(file_option, NULL, &ret);
	assert_int_equal(ret, -EBUSY);
	drv_close(&d);
	fake_destroy(other);
}

/* Another program that locks one byte of it, as QEMU does. */
static void NVME_foreign_lock_is_noticed(void **state)
{
	struct flock lock = { .l_type = F_RDLCK, .l_start = 200, .l_len = 1 };
	int fd = open(image, O_RDONLY), ret;

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	refusal(file_option, NULL, &ret);
	assert_int_equal(ret, -EBUSY);
	close(fd);
	refusal(file_option, NULL, &ret);
	assert_int_equal(ret, 0);
}

/* ---- rights ---- */

/* Root may write anything: the test needs somebody else. */
static void NVME_file_that_may_only_be_read_is_protected(void **state)
{
	uint64_t buf;
	pid_t pid;
	int status;

	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(image, 0444), 0);
	pid = fork();
	if (!pid) {
		if (!geteuid() && setresuid(65534, 65534, 65534))
			_exit(1);
		open_io();
		buf = drv_alloc(&d, 4096);
		if (drv_write(&d, 0, 1, buf) != (0x020 | DMORE))
			_exit(2);
		if (drv_read(&d, 0, 1, buf) || drv_flush(&d))
			_exit(3);
		drv_close(&d);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- contents ---- */

static void NVME_image_has_what_was_written(void **state)
{
	uint8_t block[512];
	uint64_t buf;
	int fd;

	open_io();
	buf = drv_alloc(&d, 512);
	fill(drv_ptr(&d, buf), 512, 21);
	assert_int_equal(drv_write(&d, 77, 1, buf), 0);
	drv_close(&d);
	fd = open(image, O_RDONLY);
	assert_int_equal(pread(fd, block, 512, 77 * 512), 512);
	close(fd);
	assert_true(is_filled(block, 512, 21));
	/* And the file is as long as it was. */
	assert_int_equal(truncate(image, IMAGE_SIZE), 0);
}

static void NVME_deallocate_makes_the_file_sparse(void **state)
{
	uint64_t buf, ranges;
	struct stat before, after;
	struct cmd cmd;
	uint32_t *range;

	open_io();
	buf = drv_alloc(&d, 1 << 20);
	memset(drv_ptr(&d, buf), 0x55, 1 << 20);
	assert_int_equal(drv_write(&d, 0, 2048, buf), 0);
	assert_int_equal(drv_flush(&d), 0);
	assert_int_equal(stat(image, &before), 0);
	ranges = drv_alloc(&d, 4096);
	range = drv_ptr(&d, ranges);
	memset(range, 0, 16);
	range[1] = 2048;
	cmd = drv_cmd(0x09, 1);
	drv_set_prps(&cmd, ranges, 0);
	cmd.dw[11] = 4;
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0);
	assert_int_equal(stat(image, &after), 0);
	assert_true(after.st_blocks < before.st_blocks);
	assert_int_equal(after.st_size, IMAGE_SIZE);
	drv_close(&d);
}

/* ---- trouble in the middle ---- */

static void NVME_image_cut_short_is_a_media_error(void **state)
{
	uint64_t buf, log;

	open_io();
	buf = drv_alloc(&d, 65536);
	log = drv_alloc(&d, 4096);
	assert_int_equal(truncate(image, 32768 + 100), 0);
	assert_int_equal(drv_read(&d, 0, 64, buf), 0);
	assert_int_equal(drv_read(&d, 0, 128, buf), 0x281 | MORE);
	assert_int_equal(drv_read(&d, 1000, 1, buf), 0x281 | MORE);
	assert_int_equal(drv_log(&d, 2, log, 512), 0);
	assert_int_equal(get64(drv_ptr(&d, log), 160), 2);
	/* Writing makes it whole again. */
	assert_int_equal(drv_write(&d, 1000, 1, buf), 0);
	assert_int_equal(drv_read(&d, 1000, 1, buf), 0);
	drv_close(&d);
}

/* The limit is inside of the image: no signal reaches the program. */
static void NVME_file_size_limit_is_a_write_fault(void **state)
{
	struct rlimit old, limit;
	uint64_t buf;
	struct cmd cmd;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	open_io();
	buf = drv_alloc(&d, 4096);
	limit = old;
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(drv_write(&d, 8, 8, buf), 0x280 | MORE);
	/* Also when a shutdown writes it. */
	cmd = drv_rw(&d, 0x01, 8, 8, buf, 4096);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_ring(&d, &d.io);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 1 << 14);
	assert_int_equal(drv_wait(&d, &d.io).status, 0x280 | MORE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(drv_write(&d, 8, 8, buf), 0);
	drv_close(&d);
}

static void NVME_memory_unmapped_behind_is_a_transfer_error(void **state)
{
	uint64_t buf;
	struct cmd cmd;

	open_io();
	buf = drv_alloc(&d, 8 * 4096);
	fake_unmap_behind(d.dev, buf + 3 * 4096);
	assert_int_equal(drv_read(&d, 0, 8, buf + 3 * 4096), 0x004 | MORE);
	assert_int_equal(drv_write(&d, 0, 8, buf + 3 * 4096), 0x004 | MORE);
	assert_int_equal(drv_read(&d, 0, 64, buf), 0x004 | MORE);
	assert_int_equal(drv_write(&d, 0, 64, buf), 0x004 | MORE);
	cmd = drv_rw(&d, 0x05, 0, 8, buf + 3 * 4096, 4096);
	assert_int_equal(drv_run(&d, &d.io, &cmd), 0x004 | MORE);
	fake_map_again(d.dev, buf + 3 * 4096);
	assert_int_equal(drv_read(&d, 0, 64, buf), 0);
	drv_close(&d);
}

/* What the file system answers, one after the other; the threads make the calls
 * that can be made to fail. */
static void open_threads(const char *file)
{
	const char *with[] = { file, "engine=threads", NULL };

	memset(&fake_faults, 0, sizeof(fake_faults));
	drv_open(&d, with);
	drv_create_io(&d);
}

static void NVME_errors_of_the_file_system_have_a_status(void **state)
{
	struct cmd zero = drv_cmd(0x08, 1);
	uint64_t buf;

	open_threads(file_option);
	buf = drv_alloc(&d, 4096);
	fake_faults.write = ENOSPC;
	assert_int_equal(drv_write(&d, 0, 8, buf), 0x081 | MORE);
	fake_faults.write = EDQUOT;
	assert_int_equal(drv_write(&d, 0, 8, buf), 0x081 | MORE);
	fake_faults.write = EIO;
	assert_int_equal(drv_write(&d, 0, 8, buf), 0x280 | MORE);
	fake_faults.write = 0;
	fake_faults.sync = EIO;
	assert_int_equal(drv_flush(&d), 0x280 | MORE);
	fake_faults.fallocate = EIO;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0x280 | MORE);
	fake_faults.fallocate = ENOSPC;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0x081 | MORE);
	/* A shutdown says it in words. */
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 1 << 14);
	assert_non_null(strstr(fake_messages(), "flush at shutdown failed"));
	memset(&fake_faults, 0, sizeof(fake_faults));
	drv_close(&d);
}

/* No fallocate(), or none for this: zeroes are written, and a deallocation is
 * the hint that it is. */
static void NVME_without_fallocate_zeroes_are_written(void **state)
{
	struct cmd zero = drv_cmd(0x08, 1), dsm = drv_cmd(0x09, 1);
	uint64_t buf, ranges;
	uint32_t *range;

	open_threads(file_option);
	buf = drv_alloc(&d, 1 << 20);
	ranges = drv_alloc(&d, 4096);
	memset(drv_ptr(&d, buf), 1, 1 << 20);
	assert_int_equal(drv_write(&d, 0, 2048, buf), 0);
	fake_faults.fallocate = EOPNOTSUPP;
	range = drv_ptr(&d, ranges);
	memset(range, 0, 16);
	range[1] = 2048;
	drv_set_prps(&dsm, ranges, 0);
	dsm.dw[11] = 4;
	assert_int_equal(drv_run(&d, &d.io, &dsm), 0);
	zero.dw[10] = 1;
	zero.dw[12] = 2045;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	assert_int_equal(drv_read(&d, 0, 2048, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf + 512), 2046 * 512));
	assert_int_equal(*(uint8_t *)drv_ptr(&d, buf), 1);
	assert_int_equal(*(uint8_t *)drv_ptr(&d, buf + 2047ul * 512), 1);
	fake_faults.write = EIO;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0x280 | MORE);
	memset(&fake_faults, 0, sizeof(fake_faults));
	drv_close(&d);
}

/* More zeroes than fit in one call. */
static void NVME_many_zeroes_are_written_in_turns(void **state)
{
	struct cmd zero = drv_cmd(0x08, 1);
	uint64_t buf;

	assert_int_equal(truncate(image, 32 << 20), 0);
	open_threads(file_option);
	buf = drv_alloc(&d, 512);
	fill(drv_ptr(&d, buf), 512, 1);
	assert_int_equal(drv_write(&d, 65535, 1, buf), 0);
	fake_faults.fallocate = EOPNOTSUPP;
	zero.dw[12] = 65535;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	assert_int_equal(drv_read(&d, 65535, 1, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf), 512));
	memset(&fake_faults, 0, sizeof(fake_faults));
	drv_close(&d);
}

/* tmpfs can punch holes, but not make zeroes. */
static void NVME_image_in_memory_works(void **state)
{
	struct cmd zero = drv_cmd(0x08, 1);
	int fd = memfd_create("image", MFD_CLOEXEC);
	const char *with[] = { NULL, engine_option, NULL };
	char file[64];
	uint64_t buf;

	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	snprintf(file, sizeof(file), "file=/proc/self/fd/%d", fd);
	with[0] = file;
	drv_open(&d, with);
	drv_create_io(&d);
	buf = drv_alloc(&d, 4096);
	fill(drv_ptr(&d, buf), 4096, 3);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	zero.dw[12] = 3;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	zero.dw[10] = 4;
	zero.dw[12] = 1u << 25 | 2;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	assert_int_equal(drv_read(&d, 0, 8, buf), 0);
	assert_true(is_zero(drv_ptr(&d, buf), 7 * 512));
	assert_false(is_zero(drv_ptr(&d, buf), 4096));
	drv_close(&d);
	close(fd);
}

static void NVME_durable_writes_reach_the_medium(void **state)
{
	struct cmd fua, zero = drv_cmd(0x08, 1), cache = drv_cmd(0x09, 0);
	uint64_t buf;

	open_threads(file_option);
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	assert_int_equal(fake_faults.dsyncs + fake_faults.syncs, 0);
	fua = drv_rw(&d, 0x01, 0, 8, buf, 4096);
	fua.dw[12] |= 1u << 30;
	assert_int_equal(drv_run(&d, &d.io, &fua), 0);
	assert_int_equal(fake_faults.dsyncs, 1);
	zero.dw[12] = 1u << 30;
	assert_int_equal(drv_run(&d, &d.io, &zero), 0);
	assert_int_equal(fake_faults.syncs, 1);
	assert_int_equal(drv_flush(&d), 0);
	assert_int_equal(fake_faults.syncs, 2);
	/* Without a write cache all of them do. */
	cache.dw[10] = 6;
	assert_int_equal(drv_admin(&d, &cache), 0);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(fake_faults.dsyncs, 2);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 1 << 14);
	assert_int_equal(fake_faults.syncs, 3);
	drv_close(&d);
}

static void NVME_cache_that_cannot_be_asked_is_asked_once(void **state)
{
	const char *with[] = { file_option, NULL };
	uint64_t buf;

	memset(&fake_faults, 0, sizeof(fake_faults));
	drv_open(&d, with);
	drv_create_io(&d);
	buf = drv_alloc(&d, 4096);
	fake_faults.nowait = EOPNOTSUPP;
	assert_int_equal(drv_read(&d, 0, 8, buf), 0);
	fake_faults.nowait = 0;
	assert_int_equal(drv_read(&d, 0, 8, buf), 0);
	drv_close(&d);
}

/* Each allocation of create and start fails once: an error, and no leak. */
static void NVME_no_memory_is_an_error(void **state)
{
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, options);
	unsigned int n, failed = 0;
	struct cmd compare;
	uint64_t buf;
	int ret = -1;

	for (n = 1; ret; n++) {
		fake_faults.alloc = n;
		ret = fake_start(dev);
		fake_faults.alloc = 0;
		failed += ret != 0;
		if (ret)
			assert_int_equal(ret, -ENOMEM);
	}
	assert_true(failed >= 3);
	fake_destroy(dev);
	open_io();
	buf = drv_alloc(&d, 4096);
	compare = drv_rw(&d, 0x05, 0, 8, buf, 4096);
	fake_faults.alloc = 1;
	assert_int_equal(drv_run(&d, &d.io, &compare), 0x006 | MORE);
	fake_faults.alloc = 0;
	memset(drv_ptr(&d, buf), 0, 4096);
	assert_int_equal(drv_run(&d, &d.io, &compare), 0);
	drv_close(&d);
}

/* ---- engines ---- */

static void NVME_older_io_uring_is_used_too(void **state)
{
	const char *with[] = { file_option, "engine=uring", NULL };
	uint64_t buf;

	fake_faults.uring = -EINVAL;
	drv_open(&d, with);
	drv_create_io(&d);
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(drv_read(&d, 0, 8, buf), 0);
	drv_close(&d);
	fake_faults.uring = 0;
}

static void NVME_without_io_uring_threads_serve(void **state)
{
	const char *with[] = { file_option, NULL };
	uint64_t buf;

	fake_faults.uring = -EPERM;
	drv_open(&d, with);
	drv_create_io(&d);
	assert_int_equal(d.dev->threads, 4);
	assert_non_null(strstr(fake_messages(), "no io_uring"));
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_write(&d, 0, 8, buf), 0);
	assert_int_equal(drv_flush(&d), 0);
	drv_close(&d);
	/* Asked for by name, it must be there. */
	{
		int ret;
		const char *said = refusal(file_option, "engine=uring", &ret);

		assert_int_equal(ret, -EPERM);
		assert_non_null(strstr(said, "engine uring"));
	}
	fake_faults.uring = 0;
}

static void NVME_start_without_threads_fails_cleanly(void **state)
{
	struct anyvfio_device *dev = fake_create(&anyvfio_nvme_model, options);

	dev->no_threads = true;
	assert_int_equal(fake_start(dev), -EAGAIN);
	dev->no_threads = false;
	assert_int_equal(fake_start(dev), 0);
	fake_destroy(dev);
}

static void NVME_two_controllers_work_side_by_side(void **state)
{
	char second[170];
	const char *with[] = { second, engine_option, NULL };
	uint64_t a, b;
	struct drv e;
	unsigned int i;
	int fd;

	snprintf(second, sizeof(second), "%s.2", file_option);
	fd = open(second + strlen("file="), O_CREAT | O_RDWR, 0600);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	open_io();
	drv_open(&e, with);
	drv_create_io(&e);
	a = drv_alloc(&d, 4096);
	b = drv_alloc(&e, 4096);
	for (i = 0; i < 50; i++) {
		struct cmd x = drv_rw(&d, 1, i * 8ul, 8, a, 4096);
		struct cmd y = drv_rw(&e, 1, i * 8ul, 8, b, 4096);

		fill(drv_ptr(&d, a), 4096, i);
		fill(drv_ptr(&e, b), 4096, i + 1);
		drv_queue_cmd(&d, &d.io, &x);
		drv_queue_cmd(&e, &e.io, &y);
		drv_ring(&d, &d.io);
		drv_ring(&e, &e.io);
		assert_int_equal(drv_wait(&d, &d.io).status, 0);
		assert_int_equal(drv_wait(&e, &e.io).status, 0);
	}
	for (i = 0; i < 50; i++) {
		assert_int_equal(drv_read(&d, i * 8ul, 8, a), 0);
		assert_int_equal(drv_read(&e, i * 8ul, 8, b), 0);
		assert_true(is_filled(drv_ptr(&d, a), 4096, i));
		assert_true(is_filled(drv_ptr(&e, b), 4096, i + 1));
	}
	drv_close(&d);
	drv_close(&e);
	unlink(second + strlen("file="));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_image, remove_image)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(NVME_file_missing_is_refused),
		TEST(NVME_file_fifo_does_not_hang),
		TEST(NVME_create_does_not_touch_the_file),
		TEST(NVME_file_gone_between_create_and_start),
		TEST(NVME_tail_of_a_block_is_told_and_not_used),
		TEST(NVME_two_writers_are_kept_apart),
		TEST(NVME_two_readers_are_welcome),
		TEST(NVME_foreign_lock_is_noticed),
		TEST(NVME_file_that_may_only_be_read_is_protected),
		TEST(NVME_image_has_what_was_written),
		TEST(NVME_deallocate_makes_the_file_sparse),
		TEST(NVME_image_cut_short_is_a_media_error),
		TEST(NVME_file_size_limit_is_a_write_fault),
		TEST(NVME_memory_unmapped_behind_is_a_transfer_error),
		TEST(NVME_errors_of_the_file_system_have_a_status),
		TEST(NVME_without_fallocate_zeroes_are_written),
		TEST(NVME_many_zeroes_are_written_in_turns),
		TEST(NVME_image_in_memory_works),
		TEST(NVME_durable_writes_reach_the_medium),
		TEST(NVME_cache_that_cannot_be_asked_is_asked_once),
		TEST(NVME_no_memory_is_an_error),
		TEST(NVME_older_io_uring_is_used_too),
		TEST(NVME_without_io_uring_threads_serve),
		TEST(NVME_start_without_threads_fails_cleanly),
		TEST(NVME_two_controllers_work_side_by_side),
	};
	int ret;

	if (argc != 2 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: %s uring|threads\n", argv[0]);
		return 2;
	}
	snprintf(image, sizeof(image), "%s/disk.img", dir);
	snprintf(file_option, sizeof(file_option), "file=%s", image);
	snprintf(engine_option, sizeof(engine_option), "engine=%s", argv[1]);
	ret = cmocka_run_group_tests_name(argv[1], tests, NULL, NULL);
	rmdir(dir);
	return ret;
}
