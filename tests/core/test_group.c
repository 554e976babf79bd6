// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The group's descriptor: G, V. */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>

/* An address at which no program has memory. */
#define BAD_POINTER 8ul

static int count_nodes(const char *name, void *data)
{
	int *count = data;

	*count += !strcmp(name, "7") || !strcmp(name, "noiommu-0");
	return 0;
}

static int nodes(void)
{
	int count = 0;

	host_node_each(count_nodes, &count);
	return count;
}

static void G1_node_is_there_while_the_group_has_devices(void **state)
{
	struct fake *first, *second;

	assert_int_equal(nodes(), 0);
	assert_int_equal(open_group(7), -ENOENT);
	first = fake_add("d1", 7);
	second = fake_add("d2", 7);
	assert_int_equal(nodes(), 1);
	fake_remove(first);
	assert_int_equal(nodes(), 1);
	fake_remove(second);
	assert_int_equal(nodes(), 0);
}

static void G1_noiommu_node_says_so(void **state)
{
	struct fake *dev;

	host_policy_set(true);
	dev = fake_add("d1", -1);
	assert_int_equal(nodes(), 1);
	assert_int_equal(open_group(0), -ENOENT);
	fake_remove(dev);
	assert_int_equal(nodes(), 0);
}

static void G2_no_such_group_is_enodev(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	void *priv;

	assert_int_equal(vfio_group_open(8, false, &priv), -ENODEV);
	assert_int_equal(vfio_group_open(-1, false, &priv), -ENODEV);
	/* The same bucket, and the other kind. */
	assert_int_equal(vfio_group_open(7 + 1024, false, &priv), -ENODEV);
	assert_int_equal(vfio_group_open(7, true, &priv), -ENODEV);
	fake_remove(dev);
	assert_int_equal(vfio_group_open(7, false, &priv), -ENODEV);
}

static bool no_right(enum port_cap cap)
{
	return false;
}

static void G2_noiommu_group_without_right_is_eperm(void **state)
{
	struct fake *dev;
	int fd;

	host_policy_set(true);
	dev = fake_add("d1", -1);
	capable_hook = no_right;
	assert_int_equal(host_node_open("noiommu-0", O_RDWR), -EPERM);
	capable_hook = NULL;
	fd = host_node_open("noiommu-0", O_RDWR);
	assert_true(fd >= 0);
	/* The right comes before being busy. */
	capable_hook = no_right;
	assert_int_equal(host_node_open("noiommu-0", O_RDWR), -EPERM);
	capable_hook = NULL;
	close_fd(fd);
	fake_remove(dev);
}

static void G2_second_open_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int fd = open_group(7);

	assert_true(fd >= 0);
	assert_int_equal(open_group(7), -EBUSY);
	close_fd(fd);
	fd = open_group(7);
	assert_true(fd >= 0);
	close_fd(fd);
	fake_remove(dev);
}

static void G2_open_while_a_former_openers_device_is_open_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	close_fd(user.group);
	assert_int_equal(open_group(7), -EBUSY);
	close_fd(user.container);
	assert_int_equal(open_group(7), -EBUSY);
	close_fd(user.device);
	user.group = open_group(7);
	assert_true(user.group >= 0);
	assert_int_equal(get_status(user.group), VFIO_GROUP_FLAGS_VIABLE);
	close_fd(user.group);
	fake_remove(dev);
}

static void G3_status_follows_the_container(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), container = open_container();

	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(get_status(group),
			 VFIO_GROUP_FLAGS_VIABLE |
				 VFIO_GROUP_FLAGS_CONTAINER_SET);
	assert_int_equal(unset_container(group), 0);
	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	close_fd(container);
	close_fd(group);
	fake_remove(dev);
}

static void G3_status_checks_its_argument(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct {
		struct vfio_group_status status;
		u32 behind;
	} arg = { .status = { .argsz = 7, .flags = 0xdead },
		  .behind = 0x55555555 };
	int group = open_group(7);

	take_faults();
	assert_int_equal(
		host_fd_ioctl(group, VFIO_GROUP_GET_STATUS, BAD_POINTER),
		-EFAULT);
	assert_int_equal(host_fd_ioctl(group, VFIO_GROUP_GET_STATUS,
				       (unsigned long)&arg),
			 -EINVAL);
	assert_int_equal(arg.status.flags, 0xdead);
	/* More room than is known is left alone; all flags are set anew. */
	arg.status.argsz = sizeof(arg);
	assert_int_equal(host_fd_ioctl(group, VFIO_GROUP_GET_STATUS,
				       (unsigned long)&arg),
			 0);
	assert_int_equal(arg.status.flags, VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(arg.behind, 0x55555555);
	close_fd(group);
	fake_remove(dev);
}

static void G4_bad_arguments_in_their_order(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), other, fds[2];

	take_faults();
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(
		host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER, BAD_POINTER),
		-EFAULT);
	assert_int_equal(set_container(group, -1), -EINVAL);
	assert_int_equal(set_container(group, 4000), -EBADF);
	assert_int_equal(set_container(group, fds[0]), -EINVAL);
	assert_int_equal(set_container(group, group), -EINVAL);
	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);

	/* Once attached, that is what is said of any descriptor. */
	other = open_container();
	assert_int_equal(set_container(group, other), 0);
	assert_int_equal(set_container(group, 4000), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	close_fd(other);
	close_fd(group);
	fake_remove(dev);
}

static void G4_second_container_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), one = open_container();
	int two = open_container();

	assert_int_equal(set_container(group, one), 0);
	assert_int_equal(set_container(group, two), -EINVAL);
	assert_int_equal(set_container(group, one), -EINVAL);
	/* It is in the first, and in no other. */
	assert_int_equal(set_iommu(two, EXT_FAKE), -EINVAL);
	assert_int_equal(set_iommu(one, EXT_FAKE), 0);
	close_fd(two);
	close_fd(one);
	close_fd(group);
	fake_remove(dev);
}

/* Of another group, say, whose end comes to light here. */
static void G4_number_closed_behind_our_back_is_ebadf(void **state)
{
	struct fake *dev = fake_add("d1", 7), *dev2 = fake_add("d2", 8);
	int group = open_group(7), other = open_group(8);

	close(other);
	assert_int_equal(set_container(group, other), -EBADF);
	other = open_group(8);
	close_fd(other);
	close_fd(group);
	fake_remove(dev2);
	fake_remove(dev);
}

static void G4_noiommu_and_real_groups_never_mix(void **state)
{
	struct fake *real = fake_add("d1", 7), *unsafe;
	int container = open_container(), group = open_group(7), other;

	host_policy_set(true);
	unsafe = fake_add("d2", -1);
	other = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(set_container(other, container), -EPERM);
	assert_int_equal(unset_container(group), 0);
	assert_int_equal(set_container(other, container), 0);
	assert_int_equal(set_container(group, container), -EPERM);
	/* What failed left nothing claimed. */
	assert_int_equal(unset_container(other), 0);
	assert_int_equal(set_container(group, container), 0);
	close_fd(other);
	close_fd(group);
	close_fd(container);
	fake_remove(unsafe);
	fake_remove(real);
}

static void G4_noiommu_group_without_right_is_eperm(void **state)
{
	struct fake *unsafe;
	int container = open_container(), group;

	host_policy_set(true);
	unsafe = fake_add("d1", -1);
	group = host_node_open("noiommu-0", O_RDWR);
	capable_hook = no_right;
	/* Before the descriptor is looked at. */
	assert_int_equal(set_container(group, 4000), -EPERM);
	assert_int_equal(set_container(group, container), -EPERM);
	capable_hook = NULL;
	assert_int_equal(set_container(group, container), 0);
	close_fd(group);
	close_fd(container);
	fake_remove(unsafe);
}

static void G4_group_that_is_not_viable_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct device *sibling = host_device_create("d2", 7);
	int group = open_group(7), container = open_container();

	assert_int_equal(host_device_bind(sibling, &native_driver), 0);
	assert_int_equal(set_container(group, container), -EBUSY);
	assert_non_null(strstr(host_log_captured(), "group 7 is not viable"));
	assert_int_equal(get_status(group), 0);
	host_device_unbind(sibling);
	assert_int_equal(set_container(group, container), 0);
	close_fd(group);
	close_fd(container);
	host_device_destroy(sibling);
	fake_remove(dev);
}

static void G4_group_owned_by_another_is_eperm(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct iommu_group *iommu_group = port_iommu_group_get(dev->dev);
	int group = open_group(7), container = open_container();

	assert_int_equal(port_iommu_group_claim(iommu_group, &group), 0);
	assert_int_equal(set_container(group, container), -EPERM);
	port_iommu_group_release(iommu_group);
	assert_int_equal(set_container(group, container), 0);
	port_iommu_group_put(iommu_group);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void G4_backend_that_cannot_take_it_says_why(void **state)
{
	struct fake *d1 = fake_add("d1", 1), *d2 = fake_add("d2", 2);
	struct user user = user_open(1, NULL);
	int group = open_group(2);

	alpha.attach_error = -ENOSPC;
	alpha.attach_fail = 2;
	assert_int_equal(set_container(group, user.container), -ENOSPC);
	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(unset_container(group), -EINVAL);
	alpha.attach_error = 0;
	assert_int_equal(set_container(group, user.container), 0);
	close_fd(group);
	user_close(&user);
	fake_remove(d2);
	fake_remove(d1);
}

static void G4_attached_group_holds_the_container(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	int device;

	close_fd(user.container);
	device = get_device_fd(user.group, "d1");
	assert_true(device >= 0);
	assert_int_equal(alpha.live, 1);
	close_fd(device);
	close_fd(user.group);
	assert_int_equal(alpha.live, 0);
	fake_remove(dev);
}

static void G5_unset_of_what_is_not_attached_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	assert_int_equal(unset_container(user.group), 0);
	assert_int_equal(unset_container(user.group), -EINVAL);
	user_close(&user);
	fake_remove(dev);
}

static void G5_unset_while_a_device_is_open_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	int second = get_device_fd(user.group, "d1");

	assert_int_equal(unset_container(user.group), -EBUSY);
	close_fd(second);
	assert_int_equal(unset_container(user.group), -EBUSY);
	assert_int_equal(alpha.live, 1);
	close_fd(user.device);
	assert_int_equal(unset_container(user.group), 0);
	assert_int_equal(alpha.live, 0);
	user.device = -1;
	user_close(&user);
	fake_remove(dev);
}

static void G5_unset_while_an_external_user_is_there_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	assert_false(IS_ERR(group));
	assert_int_equal(unset_container(user.group), -EBUSY);
	vfio_group_put_external_user(group);
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

static void G6_name_is_read_up_to_a_page(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	char *page;

	take_faults();
	page = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	assert_int_equal(munmap(page + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	memset(page, 'x', 2 * PAGE_SIZE);

	assert_int_equal(get_device_fd(user.group, (char *)BAD_POINTER),
			 -EFAULT);
	/* Runs into the end of memory before its own. */
	assert_int_equal(get_device_fd(user.group, page + 2 * PAGE_SIZE - 100),
			 -EFAULT);
	assert_int_equal(get_device_fd(user.group, page), -EINVAL);
	page[PAGE_SIZE] = '\0';
	assert_int_equal(get_device_fd(user.group, page), -EINVAL);
	page[PAGE_SIZE - 1] = '\0';
	assert_int_equal(get_device_fd(user.group, page), -ENODEV);
	munmap(page, 2 * PAGE_SIZE);
	user_close(&user);
	fake_remove(dev);
}

static void G6_without_container_or_backend_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), container = open_container();

	assert_int_equal(get_device_fd(group, "d1"), -EINVAL);
	assert_int_equal(get_device_fd(group, "none"), -EINVAL);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(get_device_fd(group, "d1"), -EINVAL);
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	assert_int_equal(get_device_fd(group, "none"), -ENODEV);
	/* None of the failures left a user. */
	assert_int_equal(unset_container(group), 0);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static bool not_viable(struct iommu_group *group)
{
	return false;
}

static void G6_group_that_is_not_viable_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	viable_hook = not_viable;
	assert_int_equal(get_device_fd(user.group, "d1"), -EINVAL);
	assert_int_equal(get_device_fd(user.group, "none"), -EINVAL);
	viable_hook = NULL;
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

static void G6_noiommu_without_right_is_eperm(void **state)
{
	int container = open_container(), group, device;
	char task[PORT_TASK_LEN];
	struct fake *dev;

	port_task_name(task);
	host_policy_set(true);
	dev = fake_add("d1", -1);
	group = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(get_device_fd(group, "d1"), -EINVAL);
	assert_int_equal(set_iommu(container, VFIO_NOIOMMU_IOMMU), 0);
	capable_hook = no_right;
	assert_int_equal(get_device_fd(group, "d1"), -EPERM);
	assert_int_equal(get_device_fd(group, "none"), -EPERM);
	capable_hook = NULL;
	host_log_capture(true);
	device = get_device_fd(group, "d1");
	assert_true(device >= 0);
	/* Who did that is in the log. */
	assert_non_null(
		strstr(host_log_captured(), "d1 opened through noiommu"));
	assert_non_null(strstr(host_log_captured(), task));
	close_fd(device);
	close_fd(group);
	close_fd(container);
	fake_remove(dev);
}

static void G6_device_of_another_group_is_enodev(void **state)
{
	struct fake *d1 = fake_add("d1", 1), *d2 = fake_add("d2", 2);
	struct user user = user_open(1, NULL);

	assert_int_equal(get_device_fd(user.group, "d2"), -ENODEV);
	assert_int_equal(get_device_fd(user.group, "d"), -ENODEV);
	assert_int_equal(get_device_fd(user.group, "d12"), -ENODEV);
	assert_int_equal(get_device_fd(user.group, ""), -ENODEV);
	user_close(&user);
	fake_remove(d2);
	fake_remove(d1);
}

static char admitted_with[64];
static int admit_ret;

static int admit(void *data, const char *options)
{
	strscpy(admitted_with, options ? options : "nothing",
		sizeof(admitted_with));
	return admit_ret;
}

/* The bus driver is asked for each descriptor, before anything is opened. */
static void G6_options_are_the_bus_drivers_to_judge(void **state)
{
	struct vfio_device_ops ops = fake_ops;
	struct fake *dev;
	struct user user;

	ops.admit = admit;
	dev = fake_add_ops("d1", 7, &ops);
	user = user_open(7, NULL);
	admit_ret = -EACCES;
	assert_int_equal(get_device_fd(user.group, "d1"), -EACCES);
	assert_string_equal(admitted_with, "nothing");
	assert_int_equal(get_device_fd(user.group, "d1 "), -EACCES);
	assert_string_equal(admitted_with, "");
	assert_int_equal(get_device_fd(user.group, "d1 a=b  c"), -EACCES);
	assert_string_equal(admitted_with, "a=b  c");
	assert_int_equal(dev->opens, 0);

	admit_ret = 0;
	user.device = get_device_fd(user.group, "d1 x");
	assert_true(user.device >= 0);
	admit_ret = -EINVAL;
	assert_int_equal(get_device_fd(user.group, "d1 y"), -EINVAL);
	assert_string_equal(admitted_with, "y");
	/* A count that was left behind would show here. */
	user_close(&user);
	user = user_open(7, NULL);
	user_close(&user);
	fake_remove(dev);
}

static void G6_token_for_a_device_without_is_einval(void **state)
{
	static const char uuid[] = "11112222-3333-4444-5555-666677778888";
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	char name[128];

	snprintf(name, sizeof(name), "d1 vf_token=%s", uuid);
	assert_int_equal(get_device_fd(user.group, name), -EINVAL);
	assert_int_equal(get_device_fd(user.group, "d1 vf_token=x"), -EINVAL);
	assert_int_equal(get_device_fd(user.group, "d1 "), -EINVAL);
	snprintf(name, sizeof(name), "none vf_token=%s", uuid);
	assert_int_equal(get_device_fd(user.group, name), -ENODEV);
	assert_int_equal(get_device_fd(user.group, " "), -ENODEV);

	/* As DPDK does then. */
	user.device = get_device_fd(user.group, "d1");
	assert_true(user.device >= 0);
	user_close(&user);
	fake_remove(dev);
}

static void G6_failing_open_leaves_counts_as_they_were(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	forget_trace();
	dev->open_error = -EACCES;
	assert_int_equal(get_device_fd(user.group, "d1"), -EACCES);
	assert_trace("d1.open");
	assert_int_equal(fake_module.holds, 0);
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

/* Each thing that can fail after the device was found, in turn. */
static void G6_every_failure_leaves_counts_as_they_were(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	unsigned int nth;

	for (nth = 1;; nth++) {
		fault_arm(nth);
		user.device = get_device_fd(user.group, "d1");
		if (!fault_fired())
			break;
		assert_true(user.device == -ENOMEM || user.device == -EMFILE);
		assert_int_equal(dev->opens, 0);
		assert_int_equal(fake_module.holds, 0);
		assert_int_equal(unset_container(user.group), 0);
		assert_int_equal(set_container(user.group, user.container), 0);
		assert_int_equal(set_iommu(user.container, EXT_FAKE), 0);
	}
	/* The name, the number, the description. */
	assert_true(nth > 3);
	user_close(&user);
	fake_remove(dev);
}

static struct user *racing_user;

static void unset(void)
{
	note("unset:%ld", unset_container(racing_user->group));
}

static void unset_meanwhile(struct fake *fake)
{
	elsewhere(unset);
}

static void G6_unset_while_a_device_is_being_opened_is_ebusy(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	racing_user = &user;
	dev->on_open = unset_meanwhile;
	forget_trace();
	user.device = get_device_fd(user.group, "d1");
	assert_true(user.device >= 0);
	assert_trace("d1.open unset:-16");
	assert_int_equal(alpha.live, 1);
	user_close(&user);
	fake_remove(dev);
}

static void G6_descriptor_is_a_device(void **state)
{
	static const char name[] = "anon_inode:[vfio-device]";
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	char buf[64];

	assert_int_equal(fcntl(user.device, F_GETFD), FD_CLOEXEC);
	assert_int_equal(host_fd_path(user.device, buf, sizeof(buf)),
			 sizeof(name) - 1);
	assert_memory_equal(buf, name, sizeof(name) - 1);
	forget_trace();
	assert_int_equal(host_fd_lseek(user.device, 1L << 40, SEEK_SET),
			 1L << 40);
	assert_int_equal(host_fd_read(user.device, buf, 4), 4);
	assert_int_equal(host_fd_write(user.device, buf, 2), 2);
	assert_int_equal(host_fd_pread(user.device, buf, 1, 7L << 40), 1);
	assert_int_equal(host_fd_pwrite(user.device, buf, 8, 3), 8);
	assert_int_equal(host_fd_lseek(user.device, 0, SEEK_CUR),
			 (1L << 40) + 6);
	assert_trace("d1.read:4@1099511627776 d1.write:2@1099511627780 "
		     "d1.read:1@7696581394432 d1.write:8@3");
	user_close(&user);
	fake_remove(dev);
}

static void G7_other_ioctls_are_enotty(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	assert_int_equal(host_fd_ioctl(user.group, CMD_FAKE, 0), -ENOTTY);
	assert_int_equal(host_fd_ioctl(user.group, VFIO_DEVICE_GET_INFO, 0),
			 -ENOTTY);
	assert_int_equal(host_fd_ioctl(user.group, VFIO_SET_IOMMU, 1), -ENOTTY);
	assert_int_equal(host_fd_ioctl(user.group, VFIO_GET_API_VERSION, 0),
			 -ENOTTY);
	user_close(&user);
	fake_remove(dev);
}

static void G8_close_drops_an_unused_container(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	forget_trace();
	close_fd(user.group);
	assert_trace("a.detach:7 a.release");
	user.group = open_group(7);
	assert_int_equal(get_status(user.group), VFIO_GROUP_FLAGS_VIABLE);
	user_close(&user);
	fake_remove(dev);
}

static void G8_close_leaves_the_container_to_its_users(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	forget_trace();
	close_fd(user.group);
	assert_trace("");
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	forget_trace();
	close_fd(user.device);
	assert_trace("d1.release a.detach:7 a.release");
	close_fd(user.container);
	fake_remove(dev);
}

static void V1_devices_that_leave_the_group_viable(void **state)
{
	static const struct host_driver stub = { .name = "pci-stub",
						 .managed_dma = true };
	struct fake *dev = fake_add("d1", 7);
	struct device *sibling = host_device_create("d2", 7);
	int group = open_group(7);

	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(host_device_bind(sibling, &stub), 0);
	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	host_device_unbind(sibling);
	assert_int_equal(host_device_bind(sibling, &native_driver), 0);
	assert_int_equal(get_status(group), 0);
	host_device_destroy(sibling);
	assert_int_equal(get_status(group), VFIO_GROUP_FLAGS_VIABLE);
	close_fd(group);
	fake_remove(dev);
}

static void V2_native_driver_is_refused_while_the_group_is_used(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct device *sibling = host_device_create("d2", 7);
	struct user user = user_open(7, "d1");

	assert_int_equal(host_device_bind(sibling, &native_driver), -EBUSY);
	assert_non_null(strstr(host_log_captured(), "d2"));
	/* The user does not notice. */
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	assert_int_equal(get_status(user.group),
			 VFIO_GROUP_FLAGS_VIABLE |
				 VFIO_GROUP_FLAGS_CONTAINER_SET);
	user_close(&user);
	/* Ownership went with the container. */
	assert_int_equal(host_device_bind(sibling, &native_driver), 0);
	host_device_destroy(sibling);
	fake_remove(dev);
}

static void V3_device_that_appears_in_a_used_group_is_logged(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct device *early = host_device_create("d2", 7), *late;
	struct user user;

	assert_null(strstr(host_log_captured(), "d2 appeared"));
	user = user_open(7, "d1");
	late = host_device_create("d3", 7);
	assert_non_null(strstr(host_log_captured(),
			       "d3 appeared in group 7, which is in use"));
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	host_device_destroy(late);
	host_device_destroy(early);
	user_close(&user);
	fake_remove(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(G1_node_is_there_while_the_group_has_devices),
		TEST(G1_noiommu_node_says_so),
		TEST(G2_no_such_group_is_enodev),
		TEST(G2_noiommu_group_without_right_is_eperm),
		TEST(G2_second_open_is_ebusy),
		TEST(G2_open_while_a_former_openers_device_is_open_is_ebusy),
		TEST(G3_status_follows_the_container),
		TEST(G3_status_checks_its_argument),
		TEST(G4_bad_arguments_in_their_order),
		TEST(G4_second_container_is_einval),
		TEST(G4_number_closed_behind_our_back_is_ebadf),
		TEST(G4_noiommu_and_real_groups_never_mix),
		TEST(G4_noiommu_group_without_right_is_eperm),
		TEST(G4_group_that_is_not_viable_is_ebusy),
		TEST(G4_group_owned_by_another_is_eperm),
		TEST(G4_backend_that_cannot_take_it_says_why),
		TEST(G4_attached_group_holds_the_container),
		TEST(G5_unset_of_what_is_not_attached_is_einval),
		TEST(G5_unset_while_a_device_is_open_is_ebusy),
		TEST(G5_unset_while_an_external_user_is_there_is_ebusy),
		TEST(G6_name_is_read_up_to_a_page),
		TEST(G6_without_container_or_backend_is_einval),
		TEST(G6_group_that_is_not_viable_is_einval),
		TEST(G6_noiommu_without_right_is_eperm),
		TEST(G6_device_of_another_group_is_enodev),
		TEST(G6_options_are_the_bus_drivers_to_judge),
		TEST(G6_token_for_a_device_without_is_einval),
		TEST(G6_failing_open_leaves_counts_as_they_were),
		TEST(G6_every_failure_leaves_counts_as_they_were),
		TEST(G6_unset_while_a_device_is_being_opened_is_ebusy),
		TEST(G6_descriptor_is_a_device),
		TEST(G7_other_ioctls_are_enotty),
		TEST(G8_close_drops_an_unused_container),
		TEST(G8_close_leaves_the_container_to_its_users),
		TEST(V1_devices_that_leave_the_group_viable),
		TEST(V2_native_driver_is_refused_while_the_group_is_used),
		TEST(V3_device_that_appears_in_a_used_group_is_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
