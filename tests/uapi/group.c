// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The group's descriptor: rules G. */
#include "uapi.h"

static void test_open(void)
{
	struct chain c = open_group();
	int second = open(uapi.group_path, O_RDWR);

	check("G2_second_open_is_ebusy", call(second), -EBUSY);
	close_chain(&c);
	c = open_group();
	check("G8_reopened_after_close", c.group >= 0, 1);
	close_chain(&c);
}

static long status(int group, struct vfio_group_status *status)
{
	return call(ioctl(group, VFIO_GROUP_GET_STATUS, status));
}

static void test_status(void)
{
	struct vfio_group_status st = { .argsz = sizeof(st), .flags = ~0u };
	struct chain c = open_group();

	check("G3_bad_pointer_is_efault", status(c.group, BAD_PTR), -EFAULT);
	st.argsz = 4;
	check("G3_short_argsz_is_einval", status(c.group, &st), -EINVAL);
	st.argsz = sizeof(st);
	check("G3_status", status(c.group, &st), 0);
	check("G3_viable_and_nothing_else", st.flags, VFIO_GROUP_FLAGS_VIABLE);
	st.argsz = 4096;
	check("G3_large_argsz_is_taken", status(c.group, &st), 0);
	close_chain(&c);

	c = open_attached();
	st.argsz = sizeof(st);
	check("G3_status_attached", status(c.group, &st), 0);
	check("G3_viable_and_container_set", st.flags,
	      VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
	close_chain(&c);
}

static long set_container(int group, int *fd)
{
	return call(ioctl(group, VFIO_GROUP_SET_CONTAINER, fd));
}

static void test_set_container(void)
{
	struct chain c = open_group(), other = open_container();
	int closed = dup(c.container), negative = -1;
	int event = eventfd(0, EFD_CLOEXEC);

	close(closed);
	check("G4_bad_pointer_is_efault", set_container(c.group, BAD_PTR),
	      -EFAULT);
	check("G4_negative_fd_is_einval", set_container(c.group, &negative),
	      -EINVAL);
	check("G4_closed_fd_is_ebadf", set_container(c.group, &closed), -EBADF);
	check("G4_other_fd_is_einval", set_container(c.group, &event), -EINVAL);
	check("G4_group_fd_is_einval", set_container(c.group, &c.group),
	      -EINVAL);
	check("G4_container", set_container(c.group, &c.container), 0);
	check("G4_second_container_is_einval",
	      set_container(c.group, &other.container), -EINVAL);
	check("G4_same_container_twice_is_einval",
	      set_container(c.group, &c.container), -EINVAL);
	close(event);
	close_chain(&other);
	close_chain(&c);
}

static void test_unset_container(void)
{
	struct chain c = open_group();

	check("G5_not_attached_is_einval",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), -EINVAL);
	close_chain(&c);

	c = open_attached();
	check("G5_attached", call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)),
	      0);
	check("G5_twice_is_einval",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), -EINVAL);
	close_chain(&c);

	c = open_device();
	check("G5_with_a_device_open_is_ebusy",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), -EBUSY);
	close(c.device);
	c.device = -1;
	check("G5_after_the_device_closed",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), 0);
	close_chain(&c);
}

static long get_device(int group, const char *name)
{
	return call(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name));
}

static void test_get_device(void)
{
	struct chain c = open_group();
	char *page = page_alloc(3 * 4096);
	int fd;

	check("G6_not_attached_is_einval",
	      get_device(c.group, uapi.device_name), -EINVAL);
	close_chain(&c);

	c = open_attached();
	check("G6_no_backend_is_einval", get_device(c.group, uapi.device_name),
	      -EINVAL);
	close_chain(&c);

	c = open_iommu(VFIO_TYPE1v2_IOMMU);
	check("G6_bad_pointer_is_efault", get_device(c.group, BAD_PTR),
	      -EFAULT);
	check("G6_unknown_name_is_enodev", get_device(c.group, "nonesuch"),
	      -ENODEV);
	check("G6_empty_name_is_enodev", get_device(c.group, ""), -ENODEV);
	memset(page, 'x', 2 * 4096);
	check("G6_name_longer_than_a_page_is_einval", get_device(c.group, page),
	      -EINVAL);
	snprintf(page, 4096, "%s vf_token=%s", uapi.device_name,
		 "11112222-3333-4444-5555-666677778888");
	check("P1_token_for_another_device_is_einval",
	      get_device(c.group, page), -EINVAL);
	snprintf(page, 4096, "%s token", uapi.device_name);
	check("P1_other_options_are_einval", get_device(c.group, page),
	      -EINVAL);
	fd = ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name);
	check("G6_device", fd >= 0, 1);
	check("G6_close_on_exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
	check("G6_open_for_both", fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	munmap(page, 3 * 4096);
	close_chain(&c);
}

static void test_unknown(void)
{
	struct chain c = open_group();
	char buf[8];

	check("G7_unknown_ioctl_is_enotty",
	      call(ioctl(c.group, _IO(VFIO_TYPE, VFIO_BASE + 99))), -ENOTTY);
	check("G7_container_ioctl_is_enotty",
	      call(ioctl(c.group, VFIO_GET_API_VERSION)), -ENOTTY);
	check("G7_read_is_einval", call(read(c.group, buf, sizeof(buf))),
	      -EINVAL);
	close_chain(&c);
}

void test_group(void)
{
	test_open();
	test_status();
	test_set_container();
	test_unset_container();
	test_get_device();
	test_unknown();
}
