// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The container's descriptor and its backends: C, I1, I2, L4. */
#include "fixture.h"

static void C1_each_open_is_a_new_container(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int group = open_group(1), first = open_container();
	int second = open_container();

	assert_int_equal(set_container(group, first), 0);
	assert_int_equal(set_iommu(second, EXT_FAKE), -EINVAL);
	assert_int_equal(set_iommu(first, EXT_FAKE), 0);
	close_fd(second);
	assert_int_equal(host_fd_ioctl(first, CMD_FAKE, 0), 'a');
	close_fd(group);
	close_fd(first);
	fake_remove(dev);
}

static void C2_api_version_is_0(void **state)
{
	int container = open_container();

	assert_int_equal(host_fd_ioctl(container, VFIO_GET_API_VERSION, 0), 0);
	close_fd(container);
}

static void C3_first_backend_that_knows_answers(void **state)
{
	int container = open_container();

	beta.extension = EXT_FAKE;
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), 0);
	assert_int_equal(check_extension(container, EXT_FAKE), 'b');
	assert_trace("b?");

	/* An error is not an answer. */
	beta.extension = EXT_FAKE + 1;
	beta.unknown = -EFAULT;
	assert_int_equal(check_extension(container, EXT_FAKE), 'a');
	assert_trace("b? a?");
	vfio_unregister_iommu_driver(&beta_ops);
	close_fd(container);
}

static void C3_unknown_to_all_backends_is_0(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group;

	alpha.unknown = -EINVAL;
	assert_int_equal(check_extension(container, 5), 0);
	assert_trace("a?");
	/* With this group alpha is the last one asked. */
	group = open_group(1);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(check_extension(container, 5), 0);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void C3_groups_decide_which_backends_are_asked(void **state)
{
	struct fake *real = fake_add("d1", 1), *unsafe;
	int container = open_container(), group;

	host_policy_set(true);
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 1);
	group = open_group(1);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 0);
	assert_int_equal(check_extension(container, EXT_FAKE), 'a');
	close_fd(group);

	unsafe = fake_add("d2", -1);
	group = host_node_open("noiommu-0", O_RDWR);
	assert_true(group >= 0);
	assert_int_equal(set_container(group, container), 0);
	forget_trace();
	assert_int_equal(check_extension(container, EXT_FAKE), 0);
	assert_trace("");
	assert_int_equal(check_extension(container, VFIO_NOIOMMU_IOMMU), 1);
	close_fd(group);
	close_fd(container);
	fake_remove(unsafe);
	fake_remove(real);
}

static void C3_backend_in_use_answers_alone(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	struct user user;

	beta.extension = EXT_FAKE + 1;
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), 0);
	user = user_open(1, NULL);
	alpha.extension_after_open = -EXDEV;
	assert_int_equal(check_extension(user.container, EXT_FAKE + 1), -EXDEV);
	user_close(&user);
	vfio_unregister_iommu_driver(&beta_ops);
	fake_remove(dev);
}

static void C4_without_group_or_twice_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group = open_group(1);

	assert_int_equal(set_iommu(container, EXT_FAKE), -EINVAL);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	assert_int_equal(set_iommu(container, EXT_FAKE), -EINVAL);
	assert_trace("a? a.open:1000 a.attach:1");
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void C4_no_backend_is_enodev(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group = open_group(1);

	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(set_iommu(container, 5), -ENODEV);
	alpha.unknown = -EPERM;
	assert_int_equal(set_iommu(container, 5), -ENODEV);
	/* And the noiommu backend does not serve a real group. */
	host_policy_set(true);
	assert_int_equal(set_iommu(container, VFIO_NOIOMMU_IOMMU), -ENODEV);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void C4_failing_attach_is_undone_in_reverse(void **state)
{
	struct fake *dev[3] = { fake_add("d1", 1), fake_add("d2", 2),
				fake_add("d3", 3) };
	int container = open_container(), group[3], i;

	beta.extension = EXT_FAKE;
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), 0);
	for (i = 0; i < 3; i++) {
		group[i] = open_group(i + 1);
		assert_int_equal(set_container(group[i], container), 0);
	}
	beta.attach_error = -EIO;
	beta.attach_fail = 3;
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	assert_trace("b? b.open:1000 b.attach:1 b.attach:2 b.attach:3 "
		     "b.detach:2 b.detach:1 b.release "
		     "a? a.open:1000 a.attach:1 a.attach:2 a.attach:3");
	assert_int_equal(beta.module.holds, 0);
	for (i = 0; i < 3; i++)
		close_fd(group[i]);
	close_fd(container);
	vfio_unregister_iommu_driver(&beta_ops);
	for (i = 0; i < 3; i++)
		fake_remove(dev[i]);
}

static void C4_last_backends_error_is_returned(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group = open_group(1);

	beta.extension = EXT_FAKE;
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), 0);
	assert_int_equal(set_container(group, container), 0);
	beta.open_error = -EACCES;
	alpha.attach_error = -EIO;
	alpha.attach_fail = 1;
	assert_int_equal(set_iommu(container, EXT_FAKE), -EIO);

	/* One that does not know the extension has no say. */
	alpha.extension = 5;
	assert_int_equal(set_iommu(container, EXT_FAKE), -EACCES);

	/* Nothing is left in the way of a good one. */
	beta.open_error = 0;
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	close_fd(group);
	close_fd(container);
	vfio_unregister_iommu_driver(&beta_ops);
	fake_remove(dev);
}

static void C5_calls_go_to_the_backend(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	struct user user = user_open(1, NULL);
	char buf[8] = "";

	forget_trace();
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 7), 'a' + 7);
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE + 1, 7),
			 -ENOTTY);
	assert_int_equal(host_fd_pread(user.container, buf, 3, 16), 3);
	assert_int_equal(host_fd_pwrite(user.container, buf, 8, 0), 8);
	assert_int_equal(PTR_ERR(host_fd_mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					      user.container, 0)),
			 -EXDEV);
	assert_trace("a.ioctl a.ioctl a.read:3@16 a.write:8@0 a.mmap:4096");
	user_close(&user);
	fake_remove(dev);
}

/* None of the calls may reach into a backend that is not there. */
static void assert_no_calls(int container)
{
	char buf[8] = "";

	assert_int_equal(host_fd_pread(container, buf, 8, 0), -EINVAL);
	assert_int_equal(host_fd_pwrite(container, buf, 8, 0), -EINVAL);
	assert_int_equal(PTR_ERR(host_fd_mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					      container, 0)),
			 -EINVAL);
}

static void C5_without_backend_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group;

	assert_int_equal(host_fd_ioctl(container, CMD_FAKE, 0), -EINVAL);
	assert_no_calls(container);
	group = open_group(1);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(host_fd_ioctl(container, CMD_FAKE, 0), -EINVAL);
	assert_no_calls(container);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void C5_operation_the_backend_lacks_is_einval(void **state)
{
	struct vfio_iommu_driver_ops ops = alpha_ops;
	struct fake *dev = fake_add("d1", 1);
	struct user user;

	ops.read = NULL;
	ops.write = NULL;
	ops.mmap = NULL;
	assert_int_equal(vfio_register_iommu_driver(&ops), 0);
	user = user_open(1, NULL);
	assert_no_calls(user.container);
	user_close(&user);
	vfio_unregister_iommu_driver(&ops);
	fake_remove(dev);
}

static void C6_module_in_use_is_held(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	struct user user = user_open(1, NULL);

	assert_int_equal(alpha.module.holds, 1);
	assert_int_equal(host_module_retire(&alpha.module), -EBUSY);
	assert_int_equal(unset_container(user.group), 0);
	assert_int_equal(alpha.module.holds, 0);
	user_close(&user);
	fake_remove(dev);
}

static void C6_module_that_goes_is_not_used(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group = open_group(1);

	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(host_module_retire(&alpha.module), 0);
	assert_int_equal(set_iommu(container, EXT_FAKE), -ENODEV);
	assert_trace("a?");
	alpha.module.holds = 0;
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void C7_last_group_is_the_way_back(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	struct user user = user_open(1, NULL);

	forget_trace();
	assert_int_equal(unset_container(user.group), 0);
	assert_trace("a.detach:1 a.release");
	assert_int_equal(set_container(user.group, user.container), 0);
	assert_int_equal(set_iommu(user.container, EXT_FAKE), 0);
	user_close(&user);
	fake_remove(dev);
}

static void L4_container_is_as_new_after_its_last_group(void **state)
{
	struct fake *d1 = fake_add("d1", 1), *d2 = fake_add("d2", 2), *unsafe;
	struct user user = user_open(1, NULL);
	int second = open_group(2);

	assert_int_equal(set_container(second, user.container), 0);
	forget_trace();

	/* One of two leaves: the backend stays. */
	assert_int_equal(unset_container(user.group), 0);
	assert_trace("a.detach:1");
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 0), 'a');
	forget_trace();
	assert_int_equal(unset_container(second), 0);
	assert_trace("a.detach:2 a.release");
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 0), -EINVAL);

	/* Another backend, and another kind of group, are welcome. */
	host_policy_set(true);
	unsafe = fake_add("d3", -1);
	close_fd(second);
	second = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(set_container(second, user.container), 0);
	assert_int_equal(set_iommu(user.container, VFIO_NOIOMMU_IOMMU), 0);
	close_fd(second);
	user_close(&user);
	fake_remove(unsafe);
	fake_remove(d2);
	fake_remove(d1);
}

static void I1_registering_twice_is_einval(void **state)
{
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), -EINVAL);
	vfio_unregister_iommu_driver(&alpha_ops);
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
}

static void I1_without_memory_is_enomem(void **state)
{
	fault_arm(1);
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), -ENOMEM);
	assert_true(fault_fired());
	/* It is not there, and undoing it does nothing. */
	vfio_unregister_iommu_driver(&beta_ops);
}

static void I1_unregistered_backend_is_not_asked(void **state)
{
	int container = open_container();

	vfio_unregister_iommu_driver(&alpha_ops);
	assert_int_equal(check_extension(container, EXT_FAKE), 0);
	assert_trace("");
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
	close_fd(container);
}

static void I2_newest_registration_is_asked_first(void **state)
{
	struct fake *dev = fake_add("d1", 1);
	int container = open_container(), group = open_group(1);

	beta.extension = EXT_FAKE;
	assert_int_equal(vfio_register_iommu_driver(&beta_ops), 0);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	assert_trace("b? b.open:1000 b.attach:1");

	/* Registered anew it is the newest. */
	vfio_unregister_iommu_driver(&alpha_ops);
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
	assert_int_equal(unset_container(group), 0);
	assert_int_equal(set_container(group, container), 0);
	forget_trace();
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	assert_trace("a? a.open:1000 a.attach:1");
	close_fd(group);
	close_fd(container);
	vfio_unregister_iommu_driver(&beta_ops);
	fake_remove(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(C1_each_open_is_a_new_container),
		TEST(C2_api_version_is_0),
		TEST(C3_first_backend_that_knows_answers),
		TEST(C3_unknown_to_all_backends_is_0),
		TEST(C3_groups_decide_which_backends_are_asked),
		TEST(C3_backend_in_use_answers_alone),
		TEST(C4_without_group_or_twice_is_einval),
		TEST(C4_no_backend_is_enodev),
		TEST(C4_failing_attach_is_undone_in_reverse),
		TEST(C4_last_backends_error_is_returned),
		TEST(C5_calls_go_to_the_backend),
		TEST(C5_without_backend_is_einval),
		TEST(C5_operation_the_backend_lacks_is_einval),
		TEST(C6_module_in_use_is_held),
		TEST(C6_module_that_goes_is_not_used),
		TEST(C7_last_group_is_the_way_back),
		TEST(L4_container_is_as_new_after_its_last_group),
		TEST(I1_registering_twice_is_einval),
		TEST(I1_without_memory_is_enomem),
		TEST(I1_unregistered_backend_is_not_asked),
		TEST(I2_newest_registration_is_asked_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
