// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The container's descriptor: rules C. */
#include "uapi.h"

static void test_version(void)
{
	struct chain c = open_container();

	check("C2_version_is_0", call(ioctl(c.container, VFIO_GET_API_VERSION)),
	      VFIO_API_VERSION);
	close_chain(&c);
}

static void test_extensions(void)
{
	struct chain c = open_container();

	check("C3_type1_is_known",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU)),
	      1);
	check("C3_type1v2_is_known",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION,
			 VFIO_TYPE1v2_IOMMU)),
	      1);
	check("C3_spapr_is_not",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION,
			 VFIO_SPAPR_TCE_IOMMU)),
	      0);
	check("C3_unknown_extension_is_0",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION, 12345)), 0);
	check("I3_coherency_before_a_backend_is_0",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU)),
	      0);
	check("I3_unmap_all_is_known",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL)),
	      1);
	close_chain(&c);
}

static void test_set_iommu(void)
{
	struct chain c = open_container();

	check("C4_without_a_group_is_einval",
	      call(ioctl(c.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)),
	      -EINVAL);
	close_chain(&c);

	c = open_attached();
	check("C4_unknown_type_is_enodev",
	      call(ioctl(c.container, VFIO_SET_IOMMU, 12345)), -ENODEV);
	check("C4_type1_after_a_failure",
	      call(ioctl(c.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)), 0);
	check("C4_second_backend_is_einval",
	      call(ioctl(c.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)),
	      -EINVAL);
	check("C3_backend_answers_for_itself",
	      call(ioctl(c.container, VFIO_CHECK_EXTENSION,
			 VFIO_TYPE1v2_IOMMU)),
	      1);
	close_chain(&c);
}

static void test_other_calls(void)
{
	struct chain c = open_container();
	char buf[8];

	check("C5_map_without_a_backend_is_einval",
	      call(ioctl(c.container, VFIO_IOMMU_MAP_DMA, BAD_PTR)), -EINVAL);
	check("C5_unknown_ioctl_without_a_backend_is_einval",
	      call(ioctl(c.container, _IO(VFIO_TYPE, VFIO_BASE + 99))),
	      -EINVAL);
	check("C5_read_is_einval", call(read(c.container, buf, sizeof(buf))),
	      -EINVAL);
	check("C5_write_is_einval", call(write(c.container, buf, sizeof(buf))),
	      -EINVAL);
	check("C5_mmap_is_einval",
	      mmap(NULL, 4096, PROT_READ, MAP_SHARED, c.container, 0) ==
			      MAP_FAILED
		      ? -errno
		      : 0,
	      -EINVAL);
	close_chain(&c);

	c = open_iommu(VFIO_TYPE1_IOMMU);
	check("I3_unknown_ioctl_is_enotty",
	      call(ioctl(c.container, _IO(VFIO_TYPE, VFIO_BASE + 99))),
	      -ENOTTY);
	check("C5_read_with_a_backend_is_einval",
	      call(read(c.container, buf, sizeof(buf))), -EINVAL);
	close_chain(&c);
}

static void test_independence(void)
{
	struct chain a = open_iommu(VFIO_TYPE1_IOMMU), b = open_container();

	check("C1_every_open_is_a_container",
	      call(ioctl(b.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU)),
	      -EINVAL);
	close_chain(&a);
	close_chain(&b);
}

void test_container(void)
{
	test_version();
	test_extensions();
	test_set_iommu();
	test_other_calls();
	test_independence();
}
