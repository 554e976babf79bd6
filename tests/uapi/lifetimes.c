// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Who lives how long: rules L, D, and the closing half of G. */
#include "uapi.h"

static bool device_answers(int device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return !ioctl(device, VFIO_DEVICE_GET_INFO, &info);
}

static long reopen(void)
{
	int fd = open(uapi.group_path, O_RDWR);
	long ret = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Closes the three descriptors in one of the six orders. */
static void close_in_order(const int order[3])
{
	struct chain c = open_device();
	int *fds[3] = { &c.container, &c.group, &c.device };
	char name[64];
	int i;

	for (i = 0; i < 3; i++) {
		close(*fds[order[i]]);
		*fds[order[i]] = -1;
		if (c.device >= 0 && !device_answers(c.device))
			check("L1_device_answers_while_open", 0, 1);
	}
	snprintf(name, sizeof(name), "L1_reopened_after_close_order_%d%d%d",
		 order[0], order[1], order[2]);
	check(name, reopen(), 0);
}

static void test_orders(void)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	int i;

	for (i = 0; i < 6; i++)
		close_in_order(orders[i]);
}

static void test_group_closed_first(void)
{
	struct chain c = open_device();

	close(c.group);
	c.group = -1;
	check("G2_device_of_former_opener_is_ebusy", reopen(), -EBUSY);
	check("L1_device_outlives_its_group_descriptor",
	      device_answers(c.device), 1);
	close(c.device);
	c.device = -1;
	check("G8_reopened_after_the_device", reopen(), 0);
	close_chain(&c);
}

static void test_container_reused(void)
{
	struct chain c = open_iommu(VFIO_TYPE1_IOMMU);

	check("L4_unset", call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), 0);
	check("L4_container_has_no_backend",
	      call(ioctl(c.container, VFIO_IOMMU_GET_INFO, BAD_PTR)), -EINVAL);
	check("L4_attached_again",
	      call(ioctl(c.group, VFIO_GROUP_SET_CONTAINER, &c.container)), 0);
	check("L4_other_backend",
	      call(ioctl(c.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)), 0);
	close_chain(&c);
}

static void test_two_descriptors(void)
{
	struct chain c = open_device();
	int second = ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name);

	check("D3_second_descriptor", second >= 0, 1);
	close(c.device);
	c.device = -1;
	check("D3_first_closed_second_answers", device_answers(second), 1);
	check("L3_still_counted",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), -EBUSY);
	close(second);
	check("L3_none_left", call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)),
	      0);
	close_chain(&c);
}

static void test_dup(void)
{
	struct chain c = open_device();
	int copy = dup(c.device);

	close(c.device);
	c.device = -1;
	check("L1_dup_keeps_the_device", device_answers(copy), 1);
	close(copy);
	check("L1_last_dup_lets_go",
	      call(ioctl(c.group, VFIO_GROUP_UNSET_CONTAINER)), 0);
	close_chain(&c);
}

void test_lifetimes(void)
{
	test_orders();
	test_group_closed_first();
	test_container_reused();
	test_two_descriptors();
	test_dup();
}
