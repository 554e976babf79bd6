/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Binding, opening, closing, and giving the function back. */
#include "harness.h"
#include "policy.h"

static struct fake *fake;
static struct user user;

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	return 0;
}

static int teardown(void **state)
{
	fake_destroy(fake);
	return 0;
}

static long open_device(void)
{
	return host_fd_ioctl(user.group, VFIO_GROUP_GET_DEVICE_FD,
			     (unsigned long)fake->name);
}

/* ---- open and close ---- */

static void D3_function_is_enabled_by_the_first_open_only(void **state)
{
	int second;

	fake_bind(fake);
	assert_calls(fake, "");
	user_open(&user, fake);
	assert_calls(fake, "enable\nbar_enable 1\n");
	second = open_device();
	assert_true(second >= 0);
	assert_calls(fake, "");
	assert_int_equal(host_fd_close(second), 0);
	assert_calls(fake, "");
	user_close(&user);
	assert_calls(fake, "disable\n");
}

static void function_that_cannot_be_enabled_is_not_opened(void **state)
{
	fake->enable_ret = -EIO;
	fake_bind(fake);
	user_open_group(&user, 7);
	assert_int_equal(open_device(), -EIO);
	assert_calls(fake, "enable\n");
	fake->enable_ret = 0;
	user.device = open_device();
	assert_true(user.device >= 0);
	user_close(&user);
}

static void memory_decode_that_stays_off_is_known_at_open(void **state)
{
	u32 val;

	fake->mask[4] = 0;
	fake->keep_command = true;
	fake_bind(fake);
	user_open(&user, fake);
	assert_calls(fake, "enable\nbar_enable 0\n");
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), -EIO);
	user_close(&user);
}

static void close_ends_interrupts_events_and_bus_mastering(void **state)
{
	int fds[3] = { new_eventfd(), new_eventfd(), new_eventfd() };

	fake_bind(fake);
	user_open(&user, fake);
	assert_int_equal(
		set_eventfds(&user, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fds), 0);
	assert_int_equal(
		set_eventfds(&user, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, fds + 1), 0);
	config_write(&user, 0x04, 2, 0x0406);
	fake_take_log(fake, (char[sizeof(fake->log)]){ 0 });
	fake->log_config = true;
	user_close(&user);
	assert_calls(fake, "irq_disable 2\nconfig 04/2=2\ndisable\n");
	vfio_pci_error(fake->vdev);
	assert_int_equal(eventfd_take(fds[1]), 0);

	/* The next program starts anew. */
	fake->log_config = false;
	user_open(&user, fake);
	assert_int_equal(set_none(&user, VFIO_PCI_ERR_IRQ_INDEX,
				  VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1),
			 -EINVAL);
	assert_int_equal(
		set_eventfds(&user, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fds + 2), 0);
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[2]), 1);
	user_close(&user);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

static void close_forgets_that_the_function_slept(void **state)
{
	u32 val;

	fake_bind(fake);
	user_open(&user, fake);
	config_write(&user, PM + 4, 2, 3);
	user_close(&user);
	user_open(&user, fake);
	assert_int_equal(host_fd_pread(user.device, &val, 4, REGION(0)), 4);
	user_close(&user);
}

static void D3_module_is_held_while_the_function_is_open(void **state)
{
	struct module module = { 0 };

	fake->ops.owner = &module;
	fake_bind(fake);
	assert_int_equal(module.holds, 0);
	user_open(&user, fake);
	assert_true(module.holds > 0);
	user_close(&user);
	assert_int_equal(module.holds, 0);
}

/* ---- giving it back ---- */

static void *unbind(void *data)
{
	vfio_pci_unbind(fake->vdev);
	return NULL;
}

static void finish(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	fake->vdev = NULL;
	host_device_unbind(fake->dev);
	host_device_destroy(fake->dev);
}

static void B3_unbinding_signals_req_and_waits_for_the_close(void **state)
{
	int fd = new_eventfd();
	pthread_t thread;

	fake_bind(fake);
	user_open(&user, fake);
	assert_int_equal(set_eventfds(&user, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &fd),
			 0);
	pthread_create(&thread, NULL, unbind, NULL);
	assert_int_equal(eventfd_wait(fd), 1);
	/* It still works. */
	assert_int_equal(config_read(&user, 0, 4), 0x56781234);
	user_close(&user);
	finish(thread);
	assert_false(fake->enabled);
	close(fd);
}

/* A line of the log, waited for. */
static void read_line(int fd, char *line, size_t size)
{
	ssize_t len = read(fd, line, size - 1);

	assert_true(len > 0);
	line[len] = '\0';
}

static void B3_unbinding_says_that_the_user_was_asked(void **state)
{
	int fd = new_eventfd(), fds[2];
	pthread_t thread;
	char line[256];

	fake_bind(fake);
	user_open(&user, fake);
	assert_int_equal(set_eventfds(&user, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &fd),
			 0);
	assert_int_equal(pipe(fds), 0);
	host_log_set(fds[1], PORT_INFO);
	pthread_create(&thread, NULL, unbind, NULL);
	eventfd_wait(fd);
	user_close(&user);
	finish(thread);
	host_log_set(STDERR_FILENO, PORT_ERR);
	close(fds[1]);
	read_line(fds[0], line, sizeof(line));
	assert_non_null(strstr(line, "0000:01:00.0: the user was asked"));
	close(fds[0]);
	close(fd);
}

static void
B3_unbinding_names_a_function_whose_user_takes_no_requests(void **state)
{
	char line[256];
	int fds[2];
	pthread_t thread;

	fake_bind(fake);
	user_open(&user, fake);
	assert_int_equal(pipe(fds), 0);
	host_log_set(fds[1], PORT_WARN);
	pthread_create(&thread, NULL, unbind, NULL);
	read_line(fds[0], line, sizeof(line));
	assert_non_null(strstr(line, "0000:01:00.0: wanted back"));
	host_log_set(STDERR_FILENO, PORT_ERR);
	user_close(&user);
	finish(thread);
	close(fds[0]);
	close(fds[1]);
}

/* ---- binding ---- */

static void binding_a_device_in_no_group_is_einval(void **state)
{
	struct device *dev = host_device_create("0000:09:00.0", -1);

	assert_int_equal(
		PTR_ERR(vfio_pci_bind(dev, &fake->info, &fake->ops, fake)),
		-EINVAL);
	host_device_destroy(dev);
}

static void B2_binding_twice_is_ebusy(void **state)
{
	port_warn_fatal = false;
	host_log_set(open("/dev/null", O_WRONLY | O_CLOEXEC), PORT_ERR);
	fake_bind(fake);
	assert_int_equal(PTR_ERR(vfio_pci_bind(fake->dev, &fake->info,
					       &fake->ops, fake)),
			 -EBUSY);
	host_log_set(STDERR_FILENO, PORT_ERR);
	port_warn_fatal = true;
	user_open(&user, fake);
	user_close(&user);
}

static void refuse(void)
{
	assert_int_equal(PTR_ERR(vfio_pci_bind(fake->dev, &fake->info,
					       &fake->ops, fake)),
			 -EINVAL);
}

/* What no hardware can be is a bug of the host, and is told as one. */
static void impossible_function_is_refused(void **state)
{
	const struct vfio_pci_info good = fake->info;

	fake->dev = host_device_create(fake->name, fake->group);
	port_warn_fatal = false;
	host_log_capture(true);
	fake->info.bar[0].size = 0x3000;
	refuse();
	assert_non_null(strstr(host_log_captured(), "bug at"));
	host_log_capture(false);
	fake->info = good;
	fake->info.bar[5].size = 0x1000;
	fake->info.bar[5].flags = VFIO_PCI_BAR_64;
	refuse();
	fake->info = good;
	fake->info.bar[1].size = 0x1000;
	refuse();
	fake->info = good;
	fake->info.config_size = 512;
	refuse();
	fake->info = good;
	fake->info.rom_size = 0x1800;
	refuse();
	port_warn_fatal = true;
	host_device_destroy(fake->dev);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(D3_function_is_enabled_by_the_first_open_only),
		test(function_that_cannot_be_enabled_is_not_opened),
		test(memory_decode_that_stays_off_is_known_at_open),
		test(close_ends_interrupts_events_and_bus_mastering),
		test(close_forgets_that_the_function_slept),
		test(D3_module_is_held_while_the_function_is_open),
		test(B3_unbinding_signals_req_and_waits_for_the_close),
		test(B3_unbinding_says_that_the_user_was_asked),
		test(B3_unbinding_names_a_function_whose_user_takes_no_requests),
		test(binding_a_device_in_no_group_is_einval),
		test(B2_binding_twice_is_ebusy),
		test(impossible_function_is_refused),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
