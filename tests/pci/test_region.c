/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* BARs and the ROM, by read, write, mmap and ioeventfd. */
#include "harness.h"

#include <sys/resource.h>
#include <sys/uio.h>

static struct fake *fake;
static struct user user;

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	return 0;
}

static void start(void)
{
	char log[sizeof(fake->log)];

	fake_bind(fake);
	user_open(&user, fake);
	fake_take_log(fake, log);
}

static int teardown(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	return 0;
}

static ssize_t rd(off_t at, void *buf, size_t len)
{
	return host_fd_pread(user.device, buf, len, at);
}

static ssize_t wr(off_t at, const void *buf, size_t len)
{
	return host_fd_pwrite(user.device, buf, len, at);
}

/* ---- read and write ---- */

static void access_is_one_of_its_size_when_aligned(void **state)
{
	u64 val = 0x8877665544332211;

	start();
	fake->log_bars = true;
	assert_int_equal(wr(REGION(0) + 0x10, &val, 8), 8);
	assert_int_equal(wr(REGION(0) + 0x1c, &val, 4), 4);
	assert_int_equal(wr(REGION(3) + 0x02, &val, 2), 2);
	assert_int_equal(wr(REGION(4) + 0x03, &val, 1), 1);
	assert_calls(fake, "write 0:10/8=8877665544332211\n"
			   "write 0:1c/4=44332211\n"
			   "write 3:2/2=2211\n"
			   "write 4:3/1=11\n");
	val = 0;
	assert_int_equal(rd(REGION(0) + 0x10, &val, 8), 8);
	assert_int_equal(val, 0x8877665544332211);
	assert_calls(fake, "read 0:10/8=8877665544332211\n");
}

static void access_is_cut_where_it_is_not_aligned(void **state)
{
	u8 bytes[16], back[16];
	u32 i;

	for (i = 0; i < 16; i++)
		bytes[i] = i + 1;
	start();
	fake->log_bars = true;
	assert_int_equal(wr(REGION(0) + 0x0d, bytes, 16), 16);
	assert_calls(fake, "write 0:d/1=1\n"
			   "write 0:e/2=302\n"
			   "write 0:10/8=b0a090807060504\n"
			   "write 0:18/4=f0e0d0c\n"
			   "write 0:1c/1=10\n");
	fake->log_bars = false;
	assert_int_equal(rd(REGION(0) + 0x0d, back, 16), 16);
	assert_memory_equal(back, bytes, 16);
	assert_int_equal(wr(REGION(0) + 0x20, bytes, 6), 6);
	assert_int_equal(rd(REGION(0) + 0x20, back, 6), 6);
	assert_memory_equal(back, bytes, 6);
}

static void io_ports_are_at_most_4_bytes_wide(void **state)
{
	u64 val = 0x8877665544332211;

	start();
	fake->log_bars = true;
	assert_int_equal(wr(REGION(2), &val, 8), 8);
	assert_calls(fake, "write 2:0/4=44332211\nwrite 2:4/4=88776655\n");
}

static void access_is_cut_short_at_the_end_of_a_region(void **state)
{
	u8 bytes[16] = { 0 };

	start();
	assert_int_equal(rd(REGION(0) + BAR0_SIZE - 6, bytes, 16), 6);
	assert_int_equal(wr(REGION(3) + BAR3_SIZE - 1, bytes, 16), 1);
	assert_int_equal(rd(REGION(0) + BAR0_SIZE, bytes, 1), -EINVAL);
	assert_int_equal(wr(REGION(0) + BAR0_SIZE + 5, bytes, 1), -EINVAL);
	assert_int_equal(rd(REGION(1) - 1, bytes, 1), -EINVAL);
}

static void region_that_is_not_there_is_einval(void **state)
{
	u32 val = 0;

	start();
	assert_int_equal(rd(REGION(1), &val, 4), -EINVAL);
	assert_int_equal(wr(REGION(5), &val, 4), -EINVAL);
	assert_int_equal(rd(REGION(8), &val, 4), -EINVAL);
	assert_int_equal(rd(REGION(8) + 0x3c0, &val, 4), -EINVAL);
	assert_int_equal(rd(REGION(9), &val, 4), -EINVAL);
	assert_int_equal(wr(REGION(1000), &val, 4), -EINVAL);
	assert_int_equal(rd(REGION(1), &val, 0), 0);
}

static void rom_can_be_read_but_not_written(void **state)
{
	u32 val = 0;

	fake_put(fake->memory + (6 << 20), 0, 4, 0x1234aa55);
	start();
	assert_int_equal(rd(REGION(6), &val, 4), 4);
	assert_int_equal(val, 0x1234aa55);
	assert_int_equal(rd(REGION(6) + ROM_SIZE, &val, 4), -EINVAL);
	assert_int_equal(wr(REGION(6), &val, 4), -EINVAL);
}

static void vga_is_reached_in_its_ranges_only(void **state)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = 8 };
	u8 bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	fake->info.has_vga = true;
	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, &info),
			 0);
	assert_int_equal(info.size, 0xc0000);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ |
					     VFIO_REGION_INFO_FLAG_WRITE);
	fake_take_log(fake, (char[sizeof(fake->log)]){ 0 });
	assert_int_equal(wr(REGION(8) + 0x3c1, bytes, 8), 8);
	assert_calls(fake, "vga write 3c1/1\nvga write 3c2/2\n"
			   "vga write 3c4/4\nvga write 3c8/1\n");
	assert_memory_equal(fake->vga + 0x3c1, bytes, 8);
	/* Never more than a port takes, in memory neither. */
	fake->vga[0xa0007] = 0x77;
	assert_int_equal(rd(REGION(8) + 0xa0000, bytes, 8), 8);
	assert_calls(fake, "vga read a0000/4\nvga read a0004/4\n");
	assert_int_equal(bytes[7], 0x77);

	assert_int_equal(rd(REGION(8) + 0x3ba, bytes, 16), 2);
	assert_int_equal(rd(REGION(8) + 0x3df, bytes, 16), 1);
	assert_int_equal(rd(REGION(8) + 0xbffff, bytes, 16), 1);
	assert_int_equal(rd(REGION(8), bytes, 1), -EINVAL);
	assert_int_equal(rd(REGION(8) + 0x3af, bytes, 1), -EINVAL);
	assert_int_equal(rd(REGION(8) + 0x3bc, bytes, 1), -EINVAL);
	assert_int_equal(wr(REGION(8) + 0x3e0, bytes, 1), -EINVAL);
	assert_int_equal(wr(REGION(8) + 0x9ffff, bytes, 1), -EINVAL);
	assert_int_equal(rd(REGION(8) + 0xc0000, bytes, 1), -EINVAL);
	/* Somebody waited for his turn, and was interrupted. */
	fake->vga_ret = -EINTR;
	assert_int_equal(rd(REGION(8) + 0xa0000, bytes, 1), -EINTR);
}

static void msix_table_accesses_reach_the_function(void **state)
{
	u32 val = 1;

	start();
	fake->log_bars = true;
	assert_int_equal(wr(REGION(4) + TABLE_OFF + 12, &val, 4), 4);
	assert_calls(fake, "write 4:200c/4=1\n");
}

static void D4_access_with_memory_decode_off_is_eio(void **state)
{
	u32 val = 0;

	start();
	config_write(&user, 0x04, 2, 0x0001);
	assert_int_equal(rd(REGION(0), &val, 4), -EIO);
	assert_int_equal(wr(REGION(3), &val, 4), -EIO);
	assert_int_equal(rd(REGION(6), &val, 4), -EIO);
	assert_int_equal(rd(REGION(2), &val, 4), 4);
	config_write(&user, 0x04, 2, 0x0002);
	assert_int_equal(rd(REGION(0), &val, 4), 4);
}

static void bad_pointer_is_efault(void **state)
{
	start();
	assert_int_equal(rd(REGION(0), NULL, 4), -EFAULT);
	assert_int_equal(wr(REGION(0), NULL, 4), -EFAULT);
}

/* ---- mmap ---- */

#define RW (PROT_READ | PROT_WRITE)

static long try_mmap(size_t len, int flags, off_t at)
{
	void *addr = host_fd_mmap(NULL, len, RW, flags, user.device, at);

	if (IS_ERR(addr))
		return PTR_ERR(addr);
	assert_int_equal(host_vma_unmap(addr, len), 0);
	return 0;
}

static void mmap_of_a_bar_is_its_memory(void **state)
{
	u8 *bar;

	start();
	bar = host_fd_mmap(NULL, 0x2000, RW, MAP_SHARED, user.device,
			   REGION(0) + 0x1000);
	assert_false(IS_ERR(bar));
	assert_calls(fake, "bar_mmap 0:1000\n");
	bar[0x123] = 0x5a;
	assert_int_equal(fake->memory[0x1123], 0x5a);
	assert_int_equal(host_vma_unmap(bar, 0x2000), 0);
}

static void mmap_outside_what_is_offered_is_einval(void **state)
{
	start();
	assert_int_equal(try_mmap(BAR0_SIZE, MAP_SHARED, REGION(0)), 0);
	assert_int_equal(try_mmap(BAR0_SIZE + 0x1000, MAP_SHARED, REGION(0)),
			 -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(0) + BAR0_SIZE),
			 -EINVAL);
	assert_int_equal(
		try_mmap(0x2000, MAP_SHARED, REGION(0) + BAR0_SIZE - 0x1000),
		-EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(1)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(2)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(3)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(6)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(7)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(8) + 0xa0000),
			 -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(9)), -EINVAL);
}

static void mmap_that_is_not_shared_is_einval(void **state)
{
	start();
	assert_int_equal(try_mmap(0x1000, MAP_PRIVATE, REGION(0)), -EINVAL);
}

static void mmap_of_a_bar_in_parts_stays_inside_one(void **state)
{
	fake->area[0][1] = 0x1000;
	fake->area[1][0] = 0x2000;
	fake->area[1][1] = 0x2000;
	fake->nr_areas = 2;
	start();
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(0)), 0);
	assert_int_equal(try_mmap(0x2000, MAP_SHARED, REGION(0) + 0x2000), 0);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(0) + 0x3000), 0);
	assert_int_equal(try_mmap(0x2000, MAP_SHARED, REGION(0)), -EINVAL);
	assert_int_equal(try_mmap(0x1000, MAP_SHARED, REGION(0) + 0x1000),
			 -EINVAL);
	assert_int_equal(try_mmap(0x4000, MAP_SHARED, REGION(0)), -EINVAL);
}

/* Asks the system, since touching it would be a fault. */
static bool can_read(void *addr)
{
	u32 val;
	struct iovec to = { &val, sizeof(val) }, from = { addr, sizeof(val) };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(val);
}

static void D4_mapping_is_revoked_with_memory_decode(void **state)
{
	u8 *bar;

	start();
	bar = host_fd_mmap(NULL, 0x1000, RW, MAP_SHARED, user.device,
			   REGION(0));
	assert_false(IS_ERR(bar));
	assert_true(can_read(bar));
	config_write(&user, 0x04, 2, 0x0000);
	assert_false(can_read(bar));
	config_write(&user, 0x04, 2, 0x0002);
	assert_true(can_read(bar));
	config_write(&user, PM + 4, 2, 3);
	assert_false(can_read(bar));
	config_write(&user, PM + 4, 2, 0);
	assert_true(can_read(bar));
	assert_int_equal(host_vma_unmap(bar, 0x1000), 0);
}

/* ---- ioeventfd ---- */

static long ioeventfd(u32 flags, off_t at, u64 data, int fd)
{
	struct vfio_device_ioeventfd req = {
		.argsz = sizeof(req),
		.flags = flags,
		.offset = at,
		.data = data,
		.fd = fd,
	};

	return do_ioctl(&user, VFIO_DEVICE_IOEVENTFD, &req);
}

static u32 peek(u64 reg)
{
	u32 val;

	pthread_mutex_lock(&fake->lock);
	val = fake_get(fake->memory, reg, 4);
	pthread_mutex_unlock(&fake->lock);
	return val;
}

/* Signals @fd and waits until its value is in the register. */
static void ring(int fd, u64 reg, u32 val)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
	while (peek(reg) != val)
		sched_yield();
}

static void ioeventfd_writes_its_value(void **state)
{
	int fd = new_eventfd(), other = new_eventfd();

	start();
	assert_int_equal(ioeventfd(4, REGION(0) + 0x100, 0x1234, fd), 0);
	assert_int_equal(ioeventfd(2, REGION(0) + 0x200, 0x5678, other), 0);
	ring(fd, 0x100, 0x1234);
	ring(other, 0x200, 0x5678);
	assert_int_equal(ioeventfd(4, REGION(0) + 0x100, 0x1234, other),
			 -EEXIST);
	assert_int_equal(ioeventfd(4, REGION(0) + 0x100, 0x1234, -1), 0);
	assert_int_equal(ioeventfd(4, REGION(0) + 0x100, 0x1234, -1), -ENODEV);
	/* Signalled after it was taken away, and before one that is there. */
	fake->memory[0x100] = 0;
	eventfd_take(fd);
	eventfd_write(fd, 1);
	pthread_mutex_lock(&fake->lock);
	fake_put(fake->memory, 0x200, 4, 0);
	pthread_mutex_unlock(&fake->lock);
	ring(other, 0x200, 0x5678);
	assert_int_equal(fake->memory[0x100], 0);
	close(fd);
	close(other);
}

/* Each of BAR, offset, size and value makes another one. */
static void ioeventfds_that_differ_in_one_thing_are_two(void **state)
{
	const off_t at = REGION(0) + 0x100, table = REGION(4) + TABLE_OFF;
	int fd = new_eventfd();

	start();
	assert_int_equal(ioeventfd(4, at, 1, fd), 0);
	assert_int_equal(ioeventfd(4, REGION(3) + 0x100, 1, fd), 0);
	assert_int_equal(ioeventfd(4, at + 4, 1, fd), 0);
	assert_int_equal(ioeventfd(2, at, 1, fd), 0);
	assert_int_equal(ioeventfd(4, at, 2, fd), 0);
	assert_int_equal(ioeventfd(4, at, 1, fd), -EEXIST);
	assert_int_equal(ioeventfd(8, at, 1, -1), -ENODEV);
	assert_int_equal(ioeventfd(2, at, 1, -1), 0);
	assert_int_equal(ioeventfd(4, at, 1, -1), 0);
	assert_int_equal(ioeventfd(4, at, 2, -1), 0);
	assert_int_equal(ioeventfd(4, at + 4, 1, -1), 0);
	assert_int_equal(ioeventfd(4, REGION(3) + 0x100, 1, -1), 0);
	/* Beside the MSI-X table, on both sides. */
	assert_int_equal(ioeventfd(4, table - 4, 0, fd), 0);
	assert_int_equal(ioeventfd(4, table + NR_MSIX * 16, 0, fd), 0);
	close(fd);
}

static void ioeventfd_ends_with_the_last_close(void **state)
{
	int fd = new_eventfd(), other = new_eventfd();

	start();
	assert_int_equal(ioeventfd(4, REGION(0) + 0x100, 0x1234, fd), 0);
	user_close(&user);
	assert_int_equal(eventfd_write(fd, 1), 0);
	user_open(&user, fake);
	assert_int_equal(ioeventfd(4, REGION(0) + 0x200, 0x5678, other), 0);
	ring(other, 0x200, 0x5678);
	assert_int_equal(peek(0x100), 0);
	assert_int_equal(eventfd_take(fd), 1);
	close(fd);
	close(other);
}

static void ioeventfd_that_makes_no_sense_is_einval(void **state)
{
	const off_t bar = REGION(0);
	int fd = new_eventfd();

	start();
	assert_int_equal(ioeventfd(0, bar, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(3, bar, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(16, bar, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, bar, 0, -2), -EINVAL);
	assert_int_equal(ioeventfd(4, bar + 2, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, bar + BAR0_SIZE, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(8, bar + BAR0_SIZE - 4, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, REGION(1), 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(8, REGION(2), 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, REGION(4) + TABLE_OFF, 0, fd), -EINVAL);
	assert_int_equal(
		ioeventfd(4, REGION(4) + TABLE_OFF + NR_MSIX * 16 - 4, 0, fd),
		-EINVAL);
	assert_int_equal(ioeventfd(4, REGION(6), 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, CONFIG, 0, fd), -EINVAL);
	assert_int_equal(ioeventfd(4, bar, 0, user.device), -EINVAL);
	assert_int_equal(ioeventfd(4, bar, 0, 9999), -EBADF);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_IOEVENTFD, NULL), -EFAULT);
	close(fd);
}

static void ioeventfds_are_limited_and_end_with_the_device(void **state)
{
	struct rlimit limit;
	int fd = new_eventfd();
	u32 i;

	/* The host holds a copy of the eventfd for each. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	start();
	for (i = 0; i < 1000; i++)
		assert_int_equal(ioeventfd(4, REGION(0), i, fd), 0);
	assert_int_equal(ioeventfd(4, REGION(0), i, fd), -ENOSPC);
	assert_int_equal(ioeventfd(4, REGION(0), 5, -1), 0);
	assert_int_equal(ioeventfd(4, REGION(0), i, fd), 0);
	close(fd);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(access_is_one_of_its_size_when_aligned),
		test(access_is_cut_where_it_is_not_aligned),
		test(io_ports_are_at_most_4_bytes_wide),
		test(access_is_cut_short_at_the_end_of_a_region),
		test(region_that_is_not_there_is_einval),
		test(rom_can_be_read_but_not_written),
		test(vga_is_reached_in_its_ranges_only),
		test(msix_table_accesses_reach_the_function),
		test(D4_access_with_memory_decode_off_is_eio),
		test(bad_pointer_is_efault),
		test(mmap_of_a_bar_is_its_memory),
		test(mmap_outside_what_is_offered_is_einval),
		test(mmap_that_is_not_shared_is_einval),
		test(mmap_of_a_bar_in_parts_stays_inside_one),
		test(D4_mapping_is_revoked_with_memory_decode),
		test(ioeventfd_writes_its_value),
		test(ioeventfds_that_differ_in_one_thing_are_two),
		test(ioeventfd_ends_with_the_last_close),
		test(ioeventfd_that_makes_no_sense_is_einval),
		test(ioeventfds_are_limited_and_end_with_the_device),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
