// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* VFIO_IOMMU_GET_INFO: page sizes, and the chain of capabilities. */
#include "type1_priv.h"

static int add_migration(struct vfio_type1 *type1, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_migration *cap;
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, sizeof(*cap),
				   VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);
	cap = container_of(header, struct vfio_iommu_type1_info_cap_migration,
			   header);
	cap->pgsize_bitmap = type1->pgsize;
	cap->max_dirty_bitmap_size = VFIO_DIRTY_BITMAP_MAX;
	return 0;
}

static int add_dma_avail(struct vfio_type1 *type1, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_dma_avail *cap;
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, sizeof(*cap),
				   VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);
	cap = container_of(header, struct vfio_iommu_type1_info_dma_avail,
			   header);
	cap->avail = type1->avail;
	return 0;
}

static int add_iova_ranges(struct vfio_type1 *type1, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_info_cap_header *header;
	unsigned int i, nr = 0;
	u64 start, last;

	while (port_iommu_range(type1->iommu, nr, &start, &last))
		nr++;
	if (!nr)
		return 0;
	header = vfio_info_cap_add(
		caps, sizeof(*cap) + nr * sizeof(cap->iova_ranges[0]),
		VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);
	cap = container_of(header, struct vfio_iommu_type1_info_cap_iova_range,
			   header);
	/* A group that leaves meanwhile may take ranges with it. */
	for (i = 0; i < nr; i++) {
		if (!port_iommu_range(type1->iommu, i, &start, &last))
			break;
		cap->iova_ranges[i].start = start;
		cap->iova_ranges[i].end = last;
	}
	cap->nr_iovas = i;
	return 0;
}

/* In the order of Linux, which some readers take for granted. */
static int add_caps(struct vfio_type1 *type1, struct vfio_info_cap *caps)
{
	int ret;

	ret = add_migration(type1, caps);
	if (!ret)
		ret = add_dma_avail(type1, caps);
	if (!ret)
		ret = add_iova_ranges(type1, caps);
	return ret;
}

long vfio_type1_ioctl_get_info(struct vfio_type1 *type1, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct vfio_iommu_type1_info info = { 0 };
	struct vfio_info_cap caps = { 0 };
	size_t size = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	int ret;

	if (port_copy_in(&info, user, size))
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	size = min_t(size_t, info.argsz, sizeof(info));

	down_read(&type1->lock);
	ret = add_caps(type1, &caps);
	up_read(&type1->lock);
	if (ret)
		return ret;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info.iova_pgsizes = port_iommu_pgsizes(type1->iommu);
	info.cap_offset = 0;

	if (info.argsz < sizeof(info) + caps.size) {
		info.argsz = sizeof(info) + caps.size;
	} else {
		vfio_info_cap_shift(&caps, sizeof(info));
		info.cap_offset = sizeof(info);
		ret = port_copy_out(user + sizeof(info), caps.buf, caps.size);
	}
	port_free(caps.buf);
	if (!ret)
		ret = port_copy_out(user, &info, size);
	return ret;
}
