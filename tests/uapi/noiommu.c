// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A group without an IOMMU: rules N, and what G and I4 say of it. */
#include "uapi.h"

#include <linux/capability.h>
#include <sys/syscall.h>

/* CAP_SYS_RAWIO in force or not; it stays permitted. */
static void set_rawio(bool on)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &header, caps))
		check("capget", -errno, 0);
	if (on)
		caps[0].effective |= 1u << CAP_SYS_RAWIO;
	else
		caps[0].effective &= ~(1u << CAP_SYS_RAWIO);
	if (syscall(SYS_capset, &header, caps))
		check("capset", -errno, 0);
}

static long set_iommu(struct chain *c, unsigned long type)
{
	return call(ioctl(c->container, VFIO_SET_IOMMU, type));
}

static long get_device(struct chain *c)
{
	return call(
		ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name));
}

static void test_rights(void)
{
	struct chain c = open_container();

	set_rawio(false);
	check("G2_noiommu_without_rawio_is_eperm",
	      call(open(uapi.group_path, O_RDWR)), -EPERM);
	set_rawio(true);
	close_chain(&c);

	c = open_group();
	set_rawio(false);
	check("G4_noiommu_without_rawio_is_eperm",
	      call(ioctl(c.group, VFIO_GROUP_SET_CONTAINER, &c.container)),
	      -EPERM);
	set_rawio(true);
	check("G4_noiommu",
	      call(ioctl(c.group, VFIO_GROUP_SET_CONTAINER, &c.container)), 0);
	set_rawio(false);
	check("I4_open_without_rawio_is_eperm",
	      set_iommu(&c, VFIO_NOIOMMU_IOMMU), -EPERM);
	set_rawio(true);
	check("I4_open", set_iommu(&c, VFIO_NOIOMMU_IOMMU), 0);
	set_rawio(false);
	check("G6_noiommu_without_rawio_is_eperm", get_device(&c), -EPERM);
	set_rawio(true);
	close_chain(&c);
}

static void test_backend(void)
{
	struct chain c = open_container();
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	check("C3_noiommu_is_known",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION,
			 VFIO_NOIOMMU_IOMMU)),
	      1);
	close_chain(&c);

	c = open_attached();
	check("C3_type1_is_not_asked",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU)),
	      0);
	check("C4_type1_is_enodev", set_iommu(&c, VFIO_TYPE1v2_IOMMU), -ENODEV);
	check("I4_noiommu", set_iommu(&c, VFIO_NOIOMMU_IOMMU), 0);
	check("I4_other_calls_are_enotty",
	      call(ioctl(c.container, VFIO_IOMMU_GET_INFO, &info)), -ENOTTY);
	close_chain(&c);
}

static void test_device(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct chain c = open_attached();

	set_iommu(&c, VFIO_NOIOMMU_IOMMU);
	c.device = get_device(&c);
	check("N1_device", c.device >= 0, 1);
	check("N1_device_info",
	      call(ioctl(c.device, VFIO_DEVICE_GET_INFO, &info)), 0);
	close_chain(&c);
}

void test_noiommu(void)
{
	test_rights();
	test_backend();
	test_device();
}
