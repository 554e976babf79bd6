// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Rest: the low power features. */
#include "harness.h"

#include <sys/uio.h>

#define ENTRY VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
#define WITH_WAKEUP VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
#define EXIT VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
#define SET VFIO_DEVICE_FEATURE_SET

static struct fake *fake;
static struct user user;

static void forget_calls(void)
{
	fake_take_log(fake, (char[sizeof(fake->log)]){ 0 });
}

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	fake_bind(fake);
	user_open(&user, fake);
	forget_calls();
	return 0;
}

/* Whatever the test did, the last close takes the rest back. */
static int teardown(void **state)
{
	user_close(&user);
	assert_int_equal(fake->rests, 0);
	fake_destroy(fake);
	return 0;
}

static long feature(u32 what, u32 argsz, int fd)
{
	struct {
		struct vfio_device_feature header;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} arg = {
		.header = { .argsz = argsz, .flags = what },
		.entry = { .wakeup_eventfd = fd },
	};

	return do_ioctl(&user, VFIO_DEVICE_FEATURE, &arg);
}

static long enter(void)
{
	return feature(SET | ENTRY, 8, 0);
}

static long enter_with(int fd)
{
	return feature(SET | WITH_WAKEUP, 16, fd);
}

static long leave(void)
{
	return feature(SET | EXIT, 8, 0);
}

static long read_bar(void)
{
	u32 val;

	return host_fd_pread(user.device, &val, 4, REGION(0));
}

static void rest_begins_and_ends(void **state)
{
	assert_int_equal(leave(), 0);
	assert_calls(fake, "");
	assert_int_equal(enter(), 0);
	assert_calls(fake, "bar_enable 0\nrest\n");
	assert_int_equal(enter(), -EINVAL);
	assert_calls(fake, "wake\nrest\n");
	assert_int_equal(fake->rests, 1);
	assert_int_equal(leave(), 0);
	assert_int_equal(fake->rests, 0);
	assert_calls(fake, "wake\nwake\nbar_enable 1\nrest\n");
	assert_int_equal(leave(), 0);
	assert_calls(fake, "");
}

static void calls_at_rest_wake_the_function_meanwhile(void **state)
{
	int fd = new_eventfd();

	fake->at_rest = true;
	assert_int_equal(enter(), 0);
	forget_calls();
	assert_int_equal(config_read(&user, 0, 4), 0x56781234);
	assert_calls(fake, "wake\nrest\n");
	assert_int_equal(read_bar(), 4);
	assert_calls(fake, "wake\nrest\n");
	assert_int_equal(
		set_eventfds(&user, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd), 0);
	assert_int_equal(fake->rests, 1);
	close(fd);
}

static void ioeventfd_wakes_the_function(void **state)
{
	struct vfio_device_ioeventfd req = {
		.argsz = sizeof(req),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = REGION(0) + 0x100,
		.data = 0x1234,
		.fd = new_eventfd(),
	};
	u32 val = 0;
	int i;

	fake->at_rest = true;
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_IOEVENTFD, &req), 0);
	assert_int_equal(enter(), 0);
	assert_int_equal(eventfd_write(req.fd, 1), 0);
	for (i = 0; i < 10000 && val != 0x1234; i++) {
		usleep(1000);
		host_fd_pread(user.device, &val, 4, REGION(0) + 0x100);
	}
	assert_int_equal(val, 0x1234);
	close(req.fd);
}

/* Asks the system, since touching it would be a fault. */
static bool can_read(void *addr)
{
	u32 val;
	struct iovec to = { &val, sizeof(val) }, from = { addr, sizeof(val) };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(val);
}

static void D4_mapping_reaches_nothing_at_rest(void **state)
{
	u8 *bar = host_fd_mmap(NULL, 0x1000, PROT_READ, MAP_SHARED, user.device,
			       REGION(0));

	assert_false(IS_ERR(bar));
	assert_true(can_read(bar));
	assert_int_equal(enter(), 0);
	assert_false(can_read(bar));
	/* Decoding does not bring it back, and the end of the rest not what does
	 * not decode. */
	config_write(&user, 0x04, 2, 0x0000);
	config_write(&user, 0x04, 2, 0x0002);
	assert_false(can_read(bar));
	config_write(&user, 0x04, 2, 0x0000);
	assert_int_equal(leave(), 0);
	assert_false(can_read(bar));
	config_write(&user, 0x04, 2, 0x0002);
	assert_true(can_read(bar));
	assert_int_equal(host_vma_unmap(bar, 0x1000), 0);
}

static void rest_is_over_when_it_wakes_from_sleep(void **state)
{
	int fd = new_eventfd();

	fake->sleeps = true;
	assert_int_equal(enter_with(fd), 0);
	assert_calls(fake, "bar_enable 0\nrest\n");
	assert_int_equal(eventfd_take(fd), 0);
	assert_int_equal(config_read(&user, 0, 2), 0x1234);
	assert_int_equal(eventfd_take(fd), 1);
	assert_calls(fake, "wake\nbar_enable 1\nrest\n");
	assert_int_equal(fake->rests, 0);
	/* From here on it is as if there had been none. */
	assert_int_equal(config_read(&user, 0, 2), 0x1234);
	assert_int_equal(read_bar(), 4);
	assert_int_equal(leave(), 0);
	assert_calls(fake, "");
	assert_int_equal(enter_with(fd), 0);
	fake_woken(fake);
	assert_int_equal(eventfd_take(fd), 1);
	assert_int_equal(fake->rests, 0);
	close(fd);
}

static void exit_that_wakes_it_ends_the_rest_once(void **state)
{
	int fd = new_eventfd();

	fake->sleeps = true;
	assert_int_equal(enter_with(fd), 0);
	assert_int_equal(leave(), 0);
	assert_int_equal(fake->rests, 0);
	assert_int_equal(eventfd_take(fd), 1);
	close(fd);
}

/* Before the device is let go, with nothing else to wake it. */
static void close_that_wakes_it_ends_the_rest_once(void **state)
{
	int fd = new_eventfd();

	fake->sleeps = true;
	assert_int_equal(enter_with(fd), 0);
	user_close(&user);
	assert_int_equal(fake->rests, 0);
	assert_int_equal(eventfd_take(fd), 1);
	user_open(&user, fake);
	close(fd);
}

static void who_did_not_sleep_is_not_woken(void **state)
{
	int fd = new_eventfd();

	assert_int_equal(enter_with(fd), 0);
	assert_int_equal(config_read(&user, 0, 2), 0x1234);
	assert_int_equal(eventfd_take(fd), 0);
	assert_int_equal(fake->rests, 1);
	close(fd);
}

static void rest_without_an_eventfd_goes_on(void **state)
{
	assert_int_equal(enter(), 0);
	fake_woken(fake);
	assert_int_equal(fake->rests, 1);
	assert_int_equal(leave(), 0);
	fake_woken(fake);
	assert_int_equal(fake->rests, 0);
}

static void function_that_does_not_wake_is_an_error(void **state)
{
	u32 val;

	assert_int_equal(enter(), 0);
	fake->wake_ret = -EIO;
	assert_int_equal(host_fd_pread(user.device, &val, 4, CONFIG), -EIO);
	assert_int_equal(leave(), -EIO);
	assert_int_equal(fake->rests, 1);
	fake->wake_ret = 0;
	assert_int_equal(leave(), 0);
}

static void rest_takes_over_from_the_users_own_sleep(void **state)
{
	static const char first[] = "config 44/1=0\nconfig 0c/1=10\n";
	char log[sizeof(fake->log)];

	config_write(&user, 0x0c, 1, 0x10);
	config_write(&user, PM + 4, 2, 3);
	assert_int_equal(read_bar(), -EIO);
	forget_calls();
	fake->log_config = true;
	assert_int_equal(enter(), 0);
	/* What it loses by waking is written when it is awake. */
	fake_take_log(fake, log);
	assert_memory_equal(log, first, strlen(first));
	fake->log_config = false;
	assert_int_equal(config_read(&user, PM + 4, 2) & 3, 0);
	assert_int_equal(leave(), 0);
	assert_int_equal(read_bar(), 4);
}

static void bad_arguments_are_refused(void **state)
{
	int fd = new_eventfd();

	assert_int_equal(feature(VFIO_DEVICE_FEATURE_PROBE | ENTRY, 8, 0), 0);
	assert_int_equal(feature(VFIO_DEVICE_FEATURE_PROBE | SET | EXIT, 8, 0),
			 0);
	assert_int_equal(feature(VFIO_DEVICE_FEATURE_GET | ENTRY, 8, 0),
			 -EINVAL);
	assert_int_equal(feature(ENTRY, 8, 0), -EINVAL);
	assert_int_equal(feature(SET | WITH_WAKEUP, 15, fd), -EINVAL);
	assert_int_equal(enter_with(user.group), -EINVAL);
	assert_int_equal(enter_with(-1), -EBADF);
	assert_int_equal(enter_with(999), -EBADF);
	assert_int_equal(enter(), 0);
	/* The eventfd of one that is refused is let go. */
	assert_int_equal(enter_with(fd), -EINVAL);
	close(fd);
}

static void eventfd_that_cannot_be_read_is_efault(void **state)
{
	struct vfio_device_feature header = {
		.argsz = 16,
		.flags = SET | WITH_WAKEUP,
	};

	assert_int_equal(do_ioctl_cut(&user, VFIO_DEVICE_FEATURE, &header,
				      sizeof(header)),
			 -EFAULT);
	assert_calls(fake, "");
	assert_int_equal(enter(), 0);
}

static void hardware_that_cannot_rest_has_no_such_feature(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	fake = fake_create("0000:01:00.0", 7);
	fake->ops.rest = NULL;
	fake_bind(fake);
	user_open(&user, fake);
	assert_int_equal(enter(), -ENOTTY);
	assert_int_equal(enter_with(0), -ENOTTY);
	assert_int_equal(leave(), -ENOTTY);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(rest_begins_and_ends),
		test(calls_at_rest_wake_the_function_meanwhile),
		test(ioeventfd_wakes_the_function),
		test(D4_mapping_reaches_nothing_at_rest),
		test(rest_is_over_when_it_wakes_from_sleep),
		test(exit_that_wakes_it_ends_the_rest_once),
		test(close_that_wakes_it_ends_the_rest_once),
		test(who_did_not_sleep_is_not_woken),
		test(rest_without_an_eventfd_goes_on),
		test(function_that_does_not_wake_is_an_error),
		test(rest_takes_over_from_the_users_own_sleep),
		test(bad_arguments_are_refused),
		test(eventfd_that_cannot_be_read_is_efault),
		test(hardware_that_cannot_rest_has_no_such_feature),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
