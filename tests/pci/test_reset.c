/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Resets: of the function alone, and hot ones that need proof. */
#include "harness.h"

static struct fake *fake, *other;
static struct user user;

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	other = fake_create("0000:01:00.1", 8);
	return 0;
}

static void forget_calls(void)
{
	char log[sizeof(fake->log)];

	fake_take_log(fake, log);
}

static void start(void)
{
	fake_bind(fake);
	fake_bind(other);
	user_open(&user, fake);
	forget_calls();
}

static int teardown(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	fake_destroy(other);
	return 0;
}

static long do_reset(void)
{
	return do_ioctl(&user, VFIO_DEVICE_RESET, NULL);
}

/* ---- of the function alone ---- */

static void reset_keeps_the_configuration(void **state)
{
	start();
	config_write(&user, 0x04, 2, 0x0406);
	config_write(&user, 0x0c, 1, 0x10);
	config_write(&user, 0x10, 4, 0x12340000);
	config_write(&user, EXP + 8, 2, 0x5007);
	config_write(&user, EXP + 0x28, 2, 0x0009);
	config_write(&user, AER + 8, 4, 0x00100000);
	forget_calls();
	assert_int_equal(do_reset(), 0);
	assert_calls(fake, "bar_enable 0\nreset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, 0x04, 2), 0x0406);
	assert_int_equal(fake_get(fake->config, 0x04, 2), 0x0006);
	assert_int_equal(fake_get(fake->config, 0x0c, 1), 0x10);
	assert_int_equal(config_read(&user, 0x10, 4), 0x12340004);
	assert_int_equal(fake_get(fake->config, EXP + 8, 2), 0x5027);
	assert_int_equal(fake_get(fake->config, EXP + 0x28, 2), 0x0009);
	assert_int_equal(fake_get(fake->config, AER + 8, 4), 0x00100000);
}

static void reset_makes_the_programs_own_registers_new(void **state)
{
	start();
	config_write(&user, VENDOR + 8, 4, 0x12345678);
	assert_int_equal(fake_get(fake->config, VENDOR + 8, 4), 0x12345678);
	assert_int_equal(do_reset(), 0);
	assert_int_equal(config_read(&user, VENDOR + 8, 4), 0);
}

static void reset_keeps_the_interrupts(void **state)
{
	int fd = new_eventfd();

	start();
	assert_int_equal(
		set_eventfds(&user, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, &fd), 0);
	assert_int_equal(do_reset(), 0);
	fake_fire(fake, 0);
	assert_int_equal(eventfd_take(fd), 1);
	assert_int_equal(config_read(&user, MSIX + 2, 2) >> 15, 1);
	close(fd);
}

static void reset_with_memory_decode_off_leaves_it_off(void **state)
{
	u32 val;

	start();
	config_write(&user, 0x04, 2, 0);
	forget_calls();
	assert_int_equal(do_reset(), 0);
	assert_calls(fake, "reset\n");
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), -EIO);
}

static void reset_wakes_up(void **state)
{
	u32 val;

	start();
	config_write(&user, PM + 4, 2, 3);
	fake->reset_ret = -EIO;
	assert_int_equal(do_reset(), -EIO);
	assert_int_equal(fake_get(fake->config, PM + 4, 2), 0);
	fake->reset_ret = 0;
	config_write(&user, PM + 4, 2, 3);
	forget_calls();
	assert_int_equal(do_reset(), 0);
	assert_calls(fake, "reset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, PM + 4, 2), 0);
	assert_int_equal(config_read(&user, 0x04, 2), 0x0003);
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), 4);
}

static void reset_that_fails_tells_and_leaves_all_in_use(void **state)
{
	u32 val;

	start();
	fake->reset_ret = -EIO;
	host_log_set(STDERR_FILENO, PORT_WARN);
	host_log_capture(true);
	assert_int_equal(do_reset(), -EIO);
	assert_non_null(strstr(host_log_captured(), "0000:01:00.0"));
	host_log_capture(false);
	host_log_set(STDERR_FILENO, PORT_ERR);
	assert_int_equal(config_read(&user, 0x04, 2), 0x0003);
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), 4);
}

static void reset_of_a_function_that_cannot_is_einval(void **state)
{
	fake->info.can_reset = false;
	start();
	assert_int_equal(do_reset(), -EINVAL);
	assert_calls(fake, "");
}

/* ---- what a hot reset reaches ---- */

struct big_info {
	struct vfio_pci_hot_reset_info hdr;
	struct vfio_pci_dependent_device devices[MAX_DEPS];
};

static long hot_info(struct big_info *big, u32 nr)
{
	memset(big, 0xee, sizeof(*big));
	big->hdr.argsz = sizeof(big->hdr) + nr * sizeof(big->devices[0]);
	return do_ioctl(&user, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, big);
}

/* The other function of the device is in another group. */
static void reach_both(void)
{
	fake->deps[1].group_id = 8;
	fake->deps[1].segment = 0x1234;
	fake->deps[1].bus = 0x56;
	fake->deps[1].devfn = 0x78;
	fake->nr_deps = 2;
}

static void hot_reset_info_lists_all_in_reach(void **state)
{
	struct big_info big;

	reach_both();
	start();
	assert_int_equal(hot_info(&big, 2), 0);
	assert_int_equal(big.hdr.argsz, 28);
	assert_int_equal(big.hdr.flags, 0);
	assert_int_equal(big.hdr.count, 2);
	assert_int_equal(big.devices[0].group_id, 7);
	assert_int_equal(big.devices[1].group_id, 8);
	assert_int_equal(big.devices[1].segment, 0x1234);
	assert_int_equal(big.devices[1].bus, 0x56);
	assert_int_equal(big.devices[1].devfn, 0x78);
	assert_int_equal(big.devices[2].group_id, 0xeeeeeeee);
	assert_int_equal(hot_info(&big, 5), 0);
	assert_int_equal(big.hdr.count, 2);
}

static void hot_reset_info_without_room_says_how_much(void **state)
{
	struct big_info big;

	reach_both();
	start();
	assert_int_equal(hot_info(&big, 1), -ENOSPC);
	assert_int_equal(big.hdr.count, 2);
	assert_int_equal(big.hdr.flags, 0);
	assert_int_equal(big.devices[0].group_id, 0xeeeeeeee);
	assert_int_equal(hot_info(&big, 0), -ENOSPC);
	assert_int_equal(big.hdr.count, 2);
}

static int (*reach)(void *hw,
		    int (*fn)(const struct vfio_pci_dependent *dep, void *data),
		    void *data);

/* The other one leaves between the count and the list. */
static int reach_then_fewer(void *hw,
			    int (*fn)(const struct vfio_pci_dependent *dep,
				      void *data),
			    void *data)
{
	int ret = reach(hw, fn, data);

	fake->nr_deps = 1;
	return ret;
}

static void hot_reset_info_counts_what_it_lists(void **state)
{
	struct big_info big;

	reach_both();
	reach = fake->ops.hot_reset_each;
	fake->ops.hot_reset_each = reach_then_fewer;
	start();
	assert_int_equal(hot_info(&big, 2), 0);
	assert_int_equal(big.hdr.count, 1);
	assert_int_equal(big.devices[0].group_id, 7);
	assert_int_equal(big.devices[1].group_id, 0xeeeeeeee);
}

/* One comes between the count and the list. */
static int reach_then_more(void *hw,
			   int (*fn)(const struct vfio_pci_dependent *dep,
				     void *data),
			   void *data)
{
	int ret = reach(hw, fn, data);

	fake->nr_deps = 2;
	return ret;
}

static void hot_reset_info_is_asked_again_when_one_came(void **state)
{
	struct big_info big;

	reach_both();
	fake->nr_deps = 1;
	reach = fake->ops.hot_reset_each;
	fake->ops.hot_reset_each = reach_then_more;
	start();
	assert_int_equal(hot_info(&big, 2), -EAGAIN);
	assert_int_equal(hot_info(&big, 2), 0);
	assert_int_equal(big.hdr.count, 2);
}

static int reach_fails_once(void *hw,
			    int (*fn)(const struct vfio_pci_dependent *dep,
				      void *data),
			    void *data)
{
	fake->ops.hot_reset_each = reach;
	return -ENODEV;
}

static void hot_reset_info_of_a_bus_that_cannot_tell_is_its_error(void **state)
{
	struct big_info big;

	reach_both();
	reach = fake->ops.hot_reset_each;
	start();
	fake->ops.hot_reset_each = reach_fails_once;
	assert_int_equal(hot_info(&big, 2), -ENODEV);
	assert_int_equal(hot_info(&big, 2), 0);
}

static void hot_reset_info_errors(void **state)
{
	struct big_info big = { .hdr.argsz = 11 };

	reach_both();
	fake->deps[1].group_id = -1;
	start();
	assert_int_equal(
		do_ioctl(&user, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &big),
		-EINVAL);
	assert_int_equal(
		do_ioctl(&user, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, NULL),
		-EFAULT);
	assert_int_equal(hot_info(&big, 2), -EPERM);
}

static void hot_reset_that_does_not_exist_is_enodev(void **state)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	struct big_info big;

	fake->ops.hot_reset_each = NULL;
	fake->ops.hot_reset = NULL;
	start();
	assert_int_equal(hot_info(&big, 2), -ENODEV);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, &reset),
			 -ENODEV);
}

/* ---- the hot reset ---- */

static long hot_reset(u32 nr, const int *groups)
{
	struct {
		struct vfio_pci_hot_reset hdr;
		s32 groups[MAX_DEPS];
	} req = { .hdr = { .argsz = sizeof(req.hdr) + nr * 4, .count = nr } };

	memcpy(req.groups, groups, nr * sizeof(*groups));
	return do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, &req);
}

static void hot_reset_with_proof_resets(void **state)
{
	struct user neighbour;
	int groups[2];

	reach_both();
	start();
	user_open_group(&neighbour, 8);
	groups[0] = neighbour.group;
	groups[1] = user.group;
	config_write(&user, 0x04, 2, 0x0007);
	assert_int_equal(hot_reset(2, groups), 0);
	assert_calls(fake, "bar_enable 0\nhot_reset\nbar_enable 1\n");
	assert_int_equal(config_read(&user, 0x04, 2), 0x0007);
	/* Nothing is held any more. */
	user_close(&neighbour);
}

static void hot_reset_without_proof_is_einval(void **state)
{
	struct user neighbour;
	int groups[3];

	reach_both();
	start();
	user_open_group(&neighbour, 8);
	groups[0] = user.group;
	groups[1] = user.group;
	groups[2] = neighbour.group;
	assert_int_equal(hot_reset(1, groups), -EINVAL);
	assert_int_equal(hot_reset(2, groups), -EINVAL);
	assert_int_equal(hot_reset(1, groups + 2), -EINVAL);
	/* More groups than functions, or none. */
	assert_int_equal(hot_reset(3, groups), -EINVAL);
	assert_int_equal(hot_reset(0, groups), -EINVAL);
	assert_calls(fake, "");
	user_close(&neighbour);
}

static void hot_reset_of_a_function_in_no_group_is_einval(void **state)
{
	reach_both();
	fake->deps[1].group_id = -1;
	start();
	assert_int_equal(hot_reset(1, &user.group), -EINVAL);
	assert_calls(fake, "");
}

static void hot_reset_takes_only_groups_for_proof(void **state)
{
	int bad = 9999, event = new_eventfd(), unattached;

	start();
	assert_int_equal(hot_reset(1, &bad), -EBADF);
	bad = -1;
	assert_int_equal(hot_reset(1, &bad), -EBADF);
	assert_int_equal(hot_reset(1, &event), -EINVAL);
	assert_int_equal(hot_reset(1, &user.device), -EINVAL);
	assert_int_equal(hot_reset(1, &user.container), -EINVAL);
	unattached = host_node_open("8", O_RDWR);
	assert_true(unattached >= 0);
	assert_int_equal(hot_reset(1, &unattached), -EINVAL);
	assert_int_equal(host_fd_close(unattached), 0);
	assert_calls(fake, "");
	close(event);
}

static void hot_reset_malformed_is_einval(void **state)
{
	struct vfio_pci_hot_reset reset = { .argsz = 11, .count = 1 };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, &reset),
			 -EINVAL);
	reset.argsz = sizeof(reset);
	reset.flags = 1;
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, &reset),
			 -EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, NULL),
			 -EFAULT);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(reset_keeps_the_configuration),
		test(reset_makes_the_programs_own_registers_new),
		test(reset_keeps_the_interrupts),
		test(reset_with_memory_decode_off_leaves_it_off),
		test(reset_wakes_up),
		test(reset_that_fails_tells_and_leaves_all_in_use),
		test(reset_of_a_function_that_cannot_is_einval),
		test(hot_reset_info_lists_all_in_reach),
		test(hot_reset_info_without_room_says_how_much),
		test(hot_reset_info_counts_what_it_lists),
		test(hot_reset_info_is_asked_again_when_one_came),
		test(hot_reset_info_of_a_bus_that_cannot_tell_is_its_error),
		test(hot_reset_info_errors),
		test(hot_reset_that_does_not_exist_is_enodev),
		test(hot_reset_with_proof_resets),
		test(hot_reset_without_proof_is_einval),
		test(hot_reset_of_a_function_in_no_group_is_einval),
		test(hot_reset_takes_only_groups_for_proof),
		test(hot_reset_malformed_is_einval),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
