// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* VFIO_DEVICE_FEATURE. */
#include "pci.h"

int vfio_pci_feature_check_set(const struct vfio_device_feature *feature,
			       size_t size)
{
	if (feature->flags & VFIO_DEVICE_FEATURE_GET)
		return -EINVAL;
	if (feature->flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!(feature->flags & VFIO_DEVICE_FEATURE_SET) ||
	    feature->argsz - sizeof(*feature) < size)
		return -EINVAL;
	return 1;
}

/* What the function's hardware cannot do is not there. */
static long low_power(struct vfio_pci_device *vdev,
		      const struct vfio_device_feature *feature,
		      const void __user *arg)
{
	if (!vdev->ops->rest)
		return -ENOTTY;
	switch (feature->flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
		return vfio_pci_feature_low_power_entry(vdev, feature);
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
		return vfio_pci_feature_low_power_entry_with_wakeup(
			vdev, feature, arg);
	default:
		return vfio_pci_feature_low_power_exit(vdev, feature);
	}
}

/* A wrong question is told from one about something that is not there. */
long vfio_pci_ioctl_feature(struct vfio_pci_device *vdev,
			    struct vfio_device_feature __user *arg)
{
	const u32 access = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	const u32 known = VFIO_DEVICE_FEATURE_MASK | access |
			  VFIO_DEVICE_FEATURE_PROBE;
	struct vfio_device_feature feature;

	if (port_copy_in(&feature, arg, sizeof(feature)))
		return -EFAULT;
	if (feature.argsz < sizeof(feature) || feature.flags & ~known)
		return -EINVAL;
	if (!(feature.flags & VFIO_DEVICE_FEATURE_PROBE) &&
	    (feature.flags & access) == access)
		return -EINVAL;
	switch (feature.flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
		return vfio_pci_feature_vf_token(vdev, &feature, arg + 1);
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		return low_power(vdev, &feature, arg + 1);
	default:
		return -ENOTTY;
	}
}
