// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * noiommu mode (N): groups made up for devices without an IOMMU, and the
 * backend for them, which does nothing.  Its users can reach all memory through
 * their devices: all of it needs CAP_SYS_RAWIO and is logged.
 */
#include "vfio.h"

/* B1 */
struct iommu_group *vfio_iommu_group_get(struct device *dev)
{
	struct iommu_group *group = port_iommu_group_get(dev);

	if (group || !port_noiommu_mode() || port_device_has_iommu(dev))
		return group;

	group = port_iommu_group_make(dev, "vfio-noiommu");
	if (IS_ERR(group))
		return NULL;
	port_taint();
	port_warn(
		"%s has no IOMMU: in noiommu group %d it can reach all memory; this host is tainted",
		port_device_name(dev), port_iommu_group_id(group));
	return group;
}

void vfio_iommu_group_put(struct iommu_group *group, struct device *dev)
{
	if (port_iommu_group_is_made(group))
		port_iommu_group_remove_device(dev);
	port_iommu_group_put(group);
}

/* ---- the backend (I4) ---- */

static void *noiommu_open(unsigned long arg)
{
	if (arg != VFIO_NOIOMMU_IOMMU)
		return ERR_PTR(-EINVAL);
	if (!port_capable(PORT_CAP_RAWIO))
		return ERR_PTR(-EPERM);
	return NULL;
}

static void noiommu_release(void *data)
{
}

static long noiommu_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	if (cmd != VFIO_CHECK_EXTENSION)
		return -ENOTTY;
	return port_noiommu_mode() && arg == VFIO_NOIOMMU_IOMMU;
}

static int noiommu_attach_group(void *data, struct iommu_group *group)
{
	return port_iommu_group_is_made(group) ? 0 : -EINVAL;
}

static void noiommu_detach_group(void *data, struct iommu_group *group)
{
}

const struct vfio_iommu_driver_ops vfio_noiommu_ops = {
	.name = "vfio-noiommu",
	.open = noiommu_open,
	.release = noiommu_release,
	.ioctl = noiommu_ioctl,
	.attach_group = noiommu_attach_group,
	.detach_group = noiommu_detach_group,
};
