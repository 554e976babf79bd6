// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* noiommu mode: N1, B1, I4. */
#include "fixture.h"
#include "vfio.h"

static bool no_right(enum port_cap cap)
{
	return false;
}

static void N1_mode_is_off_by_default(void **state)
{
	struct device *dev = host_device_create("d1", -1);
	int container = open_container();

	assert_null(vfio_iommu_group_get(dev));
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 0);
	close_fd(container);
	host_device_destroy(dev);
}

static void N1_every_step_needs_the_right(void **state)
{
	int container = open_container(), group;
	struct fake *dev;

	host_policy_set(true);
	dev = fake_add("d1", -1);
	capable_hook = no_right;
	assert_int_equal(host_node_open("noiommu-0", O_RDWR), -EPERM);
	capable_hook = NULL;
	group = host_node_open("noiommu-0", O_RDWR);
	assert_true(group >= 0);
	capable_hook = no_right;
	assert_int_equal(set_container(group, container), -EPERM);
	capable_hook = NULL;
	assert_int_equal(set_container(group, container), 0);
	capable_hook = no_right;
	assert_int_equal(set_iommu(container, VFIO_NOIOMMU_IOMMU), -EPERM);
	capable_hook = NULL;
	assert_int_equal(set_iommu(container, VFIO_NOIOMMU_IOMMU), 0);
	capable_hook = no_right;
	assert_int_equal(get_device_fd(group, "d1"), -EPERM);
	capable_hook = NULL;
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void N1_device_works_to_its_end(void **state)
{
	struct user user = { .container = open_container() };
	struct fake *dev;

	host_policy_set(true);
	dev = fake_add("d1", -1);
	user.group = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(get_status(user.group), VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(set_container(user.group, user.container), 0);
	assert_int_equal(set_iommu(user.container, VFIO_NOIOMMU_IOMMU), 0);
	user.device = get_device_fd(user.group, "d1");
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	user_close(&user);
	fake_remove(dev);
}

static void B1_group_of_the_bus_is_given(void **state)
{
	struct device *dev = host_device_create("d1", 7);
	struct iommu_group *group;

	host_policy_set(true);
	group = vfio_iommu_group_get(dev);
	assert_int_equal(port_iommu_group_id(group), 7);
	assert_false(port_iommu_group_is_made(group));
	vfio_iommu_group_put(group, dev);
	/* Still the device's. */
	group = vfio_iommu_group_get(dev);
	assert_int_equal(port_iommu_group_id(group), 7);
	vfio_iommu_group_put(group, dev);
	host_device_destroy(dev);
}

static void B1_group_is_made_warned_of_and_removed(void **state)
{
	struct device *dev = host_device_create("d1", -1);
	struct iommu_group *group, *again;

	host_policy_set(true);
	host_log_capture(true);
	group = vfio_iommu_group_get(dev);
	assert_non_null(group);
	assert_true(port_iommu_group_is_made(group));
	assert_true(host_is_tainted());
	assert_non_null(strstr(host_log_captured(), "d1 has no IOMMU"));

	/* A second get finds the first one's. */
	again = port_iommu_group_get(dev);
	assert_ptr_equal(again, group);
	port_iommu_group_put(again);
	vfio_iommu_group_put(group, dev);
	assert_null(port_iommu_group_get(dev));
	host_device_destroy(dev);
}

static void B1_without_memory_there_is_no_group(void **state)
{
	struct device *dev = host_device_create("d1", -1);

	host_policy_set(true);
	fault_arm(1);
	assert_null(vfio_iommu_group_get(dev));
	assert_true(fault_fired());
	host_device_destroy(dev);
}

static void I4_backend_needs_the_mode(void **state)
{
	int container = open_container();

	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 0);
	host_policy_set(true);
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 1);
	assert_int_equal(check_extension(container, VFIO_TYPE1_IOMMU), 0);
	close_fd(container);
}

static void I4_backend_knows_no_other_call(void **state)
{
	int container = open_container(), group;
	struct fake *dev;

	host_policy_set(true);
	dev = fake_add("d1", -1);
	group = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(set_iommu(container, VFIO_TYPE1_IOMMU), -ENODEV);
	assert_int_equal(set_iommu(container, VFIO_NOIOMMU_IOMMU), 0);
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 1);
	assert_int_equal(host_fd_ioctl(container, VFIO_IOMMU_MAP_DMA, 0),
			 -ENOTTY);
	assert_int_equal(host_fd_ioctl(container, CMD_FAKE, 0), -ENOTTY);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void I4_backend_refuses_what_it_is_not_for(void **state)
{
	struct device *dev = host_device_create("d1", 7);
	struct iommu_group *group = port_iommu_group_get(dev);

	host_policy_set(true);
	assert_int_equal(PTR_ERR(vfio_noiommu_ops.open(VFIO_TYPE1_IOMMU)),
			 -EINVAL);
	capable_hook = no_right;
	assert_int_equal(PTR_ERR(vfio_noiommu_ops.open(VFIO_NOIOMMU_IOMMU)),
			 -EPERM);
	assert_int_equal(vfio_noiommu_ops.attach_group(NULL, group), -EINVAL);
	port_iommu_group_put(group);
	host_device_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(N1_mode_is_off_by_default),
		TEST(N1_every_step_needs_the_right),
		TEST(N1_device_works_to_its_end),
		TEST(B1_group_of_the_bus_is_given),
		TEST(B1_group_is_made_warned_of_and_removed),
		TEST(B1_without_memory_there_is_no_group),
		TEST(I4_backend_needs_the_mode),
		TEST(I4_backend_knows_no_other_call),
		TEST(I4_backend_refuses_what_it_is_not_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
