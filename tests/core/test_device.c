// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Devices: their descriptors (D) and their bus drivers' calls (B2, B5). */
#include "fixture.h"

static void D1_calls_go_to_the_bus_driver(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	char buf[8] = "";

	forget_trace();
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 41), 42);
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE + 1, 0), -ENOTTY);
	assert_int_equal(host_fd_pread(user.device, buf, 4, 64), 4);
	assert_int_equal(host_fd_pwrite(user.device, buf, 2, 68), 2);
	assert_int_equal(PTR_ERR(host_fd_mmap(NULL, 8192, PROT_READ, MAP_SHARED,
					      user.device, 4096)),
			 -EXDEV);
	assert_trace("d1.ioctl d1.ioctl d1.read:4@64 d1.write:2@68 "
		     "d1.mmap:8192@4096");
	user_close(&user);
	fake_remove(dev);
}

static void D1_operation_the_driver_lacks_is_einval(void **state)
{
	static const struct vfio_device_ops bare = { .name = "bare" };
	struct fake *dev = fake_add_ops("d1", 7, &bare);
	struct user user = user_open(7, "d1");
	char buf[8] = "";

	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 0), -EINVAL);
	assert_int_equal(host_fd_pread(user.device, buf, 4, 0), -EINVAL);
	assert_int_equal(host_fd_pwrite(user.device, buf, 4, 0), -EINVAL);
	assert_int_equal(PTR_ERR(host_fd_mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					      user.device, 0)),
			 -EINVAL);
	user_close(&user);
	fake_remove(dev);
}

static struct user *racing_user;

static void release_sees_its_iommu(struct fake *fake)
{
	note("live:%d", alpha.live);
}

static void D2_driver_lets_go_before_the_container(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	close_fd(user.group);
	close_fd(user.container);
	dev->on_release = release_sees_its_iommu;
	forget_trace();
	close_fd(user.device);
	assert_trace("d1.release live:1 a.detach:7 a.release");
	fake_remove(dev);
}

static void D3_driver_opens_once_and_releases_once(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	int first, second;

	forget_trace();
	first = get_device_fd(user.group, "d1");
	second = get_device_fd(user.group, "d1");
	assert_true(first >= 0 && second >= 0 && first != second);
	close_fd(first);
	assert_int_equal(host_fd_ioctl(second, CMD_FAKE, 1), 2);
	assert_trace("d1.open d1.ioctl");
	close_fd(second);
	assert_trace("d1.release");
	first = get_device_fd(user.group, "d1");
	assert_trace("d1.open");
	close_fd(first);
	user_close(&user);
	fake_remove(dev);
}

/* The second open, which begins in the middle of another call and has to wait
 * for the end of that. */
static int second_fd;
static pthread_t opener;

static void *open_again(void *data)
{
	second_fd = get_device_fd(racing_user->group, "d1");
	return NULL;
}

static void open_meanwhile(struct fake *fake)
{
	fake->on_open = NULL;
	assert_int_equal(pthread_create(&opener, NULL, open_again, NULL), 0);
}

static void D3_open_during_an_open_waits_for_it(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	racing_user = &user;
	dev->on_open = open_meanwhile;
	forget_trace();
	user.device = get_device_fd(user.group, "d1");
	assert_int_equal(pthread_join(opener, NULL), 0);
	assert_true(user.device >= 0 && second_fd >= 0);
	/* fake_open() itself fails when the device is open already. */
	assert_trace("d1.open");
	close_fd(second_fd);
	assert_trace("");
	user_close(&user);
	fake_remove(dev);
}

static void open_during_release(struct fake *fake)
{
	fake->on_release = NULL;
	assert_int_equal(pthread_create(&opener, NULL, open_again, NULL), 0);
}

static void D3_open_during_the_last_release_waits_for_it(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	racing_user = &user;
	dev->on_release = open_during_release;
	forget_trace();
	close_fd(user.device);
	assert_int_equal(pthread_join(opener, NULL), 0);
	assert_true(second_fd >= 0);
	assert_trace("d1.release d1.open");
	user.device = second_fd;
	user_close(&user);
	fake_remove(dev);
}

static void D3_failed_first_open_is_tried_again(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	dev->open_error = -EIO;
	assert_int_equal(get_device_fd(user.group, "d1"), -EIO);
	dev->open_error = 0;
	forget_trace();
	user.device = get_device_fd(user.group, "d1");
	assert_true(user.device >= 0);
	assert_trace("d1.open");
	user_close(&user);
	fake_remove(dev);
}

static void D3_module_is_held_while_open(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	int second = get_device_fd(user.group, "d1");

	assert_int_equal(host_module_retire(&fake_module), -EBUSY);
	close_fd(second);
	assert_int_equal(host_module_retire(&fake_module), -EBUSY);
	close_fd(user.device);
	assert_int_equal(host_module_retire(&fake_module), 0);

	/* On its way out it opens nothing. */
	forget_trace();
	assert_int_equal(get_device_fd(user.group, "d1"), -ENODEV);
	assert_trace("");
	assert_int_equal(unset_container(user.group), 0);
	fake_module.holds = 0;
	user.device = -1;
	user_close(&user);
	fake_remove(dev);
}

static void B2_device_without_group_is_einval(void **state)
{
	struct device *dev = host_device_create("d1", -1);

	assert_int_equal(vfio_add_group_dev(dev, &fake_ops, NULL), -EINVAL);
	assert_null(vfio_device_get_from_dev(dev));
	host_device_destroy(dev);
}

static void B2_device_twice_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	host_log_capture(true);
	assert_int_equal(vfio_add_group_dev(dev->dev, &fake_ops, dev), -EBUSY);
	assert_non_null(strstr(host_log_captured(), "d1"));
	fake_remove(dev);
}

static void B2_every_failure_leaves_nothing(void **state)
{
	struct device *dev = host_device_create("d1", 7);
	unsigned int nth;
	int ret;

	for (nth = 1;; nth++) {
		fault_arm(nth);
		ret = vfio_add_group_dev(dev, &fake_ops, NULL);
		if (!fault_fired())
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_null(vfio_device_get_from_dev(dev));
		assert_int_equal(open_group(7), -ENOENT);
	}
	/* The device, the group, its node. */
	assert_true(nth > 3);
	assert_int_equal(ret, 0);
	assert_null(vfio_del_group_dev(dev));
	host_device_destroy(dev);
}

static void B5_device_is_found_and_held(void **state)
{
	struct fake *dev = fake_add("d1", 7), *other = fake_add("d2", 7);
	struct vfio_device *device = vfio_device_get_from_dev(dev->dev);

	assert_non_null(device);
	assert_ptr_equal(vfio_device_data(device), dev);
	assert_ptr_equal(vfio_device_get_from_dev(dev->dev), device);
	vfio_device_put(device);
	vfio_device_put(device);
	device = vfio_device_get_from_dev(other->dev);
	assert_ptr_equal(vfio_device_data(device), other);
	vfio_device_put(device);
	fake_remove(dev);
	fake_remove(other);
}

static void B5_device_that_is_not_ours_is_not_found(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	/* A sibling, and a device of the same name on another bus. */
	struct device *sibling = host_device_create("d2", 7);
	struct device *same = host_device_create("d1", 8);

	assert_null(vfio_device_get_from_dev(sibling));
	assert_null(vfio_device_get_from_dev(same));
	host_device_destroy(same);
	host_device_destroy(sibling);
	fake_remove(dev);
}

static void B5_one_name_in_two_groups_is_two_devices(void **state)
{
	struct fake *d7 = fake_add("d1", 7), *d8 = fake_add("d1", 8);
	struct user user = user_open(8, "d1");

	assert_int_equal(d7->opens, 0);
	assert_int_equal(d8->opens, 1);
	fake_remove(d7);
	user_close(&user);
	fake_remove(d8);
}

/* More than there are lists in a table. */
#define MANY 3000

static void B5_thousands_of_devices_are_all_found(void **state)
{
	static char name[MANY][16];
	static struct fake *dev[MANY];
	struct vfio_device *device;
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof(name[i]), "0000:%02x:%02x.%d", i >> 8,
			 i >> 3 & 31, i & 7);
		dev[i] = fake_add(name[i], i);
	}
	for (i = 0; i < MANY; i++) {
		device = vfio_device_get_from_dev(dev[i]->dev);
		assert_ptr_equal(vfio_device_data(device), dev[i]);
		vfio_device_put(device);
	}
	for (i = 0; i < MANY; i++)
		fake_remove(dev[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D1_calls_go_to_the_bus_driver),
		TEST(D1_operation_the_driver_lacks_is_einval),
		TEST(D2_driver_lets_go_before_the_container),
		TEST(D3_driver_opens_once_and_releases_once),
		TEST(D3_open_during_an_open_waits_for_it),
		TEST(D3_open_during_the_last_release_waits_for_it),
		TEST(D3_failed_first_open_is_tried_again),
		TEST(D3_module_is_held_while_open),
		TEST(B2_device_without_group_is_einval),
		TEST(B2_device_twice_is_ebusy),
		TEST(B2_every_failure_leaves_nothing),
		TEST(B5_device_is_found_and_held),
		TEST(B5_device_that_is_not_ours_is_not_found),
		TEST(B5_one_name_in_two_groups_is_two_devices),
		TEST(B5_thousands_of_devices_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
