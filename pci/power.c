// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rest: by VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY the user lets the host put the function
 * to sleep, deeper than it can itself.
 *
 * Each call that may reach the function wakes it for its duration; mappings of its
 * BARs reach nothing until the rest ends. It ends by LOW_POWER_EXIT, the last close,
 * or, when the user gave an eventfd for that, with the first time that anything wakes
 * it from sleep.
 *
 * Who calls the hardware's wake and rest holds none of our locks, since the hardware
 * may call vfio_pci_woken() from it. A call that finds no rest before it takes its
 * locks may meet one behind them, begun by the user meanwhile: it is answered by a
 * function that sleeps.
 */
#include "pci.h"

int vfio_pci_power_get(struct vfio_pci_device *vdev)
{
	int ret;

	if (likely(!READ_ONCE(vdev->resting)))
		return 0;
	ret = vdev->ops->wake(vdev->hw);
	if (!ret)
		return 1;
	vdev->ops->rest(vdev->hw);
	return ret;
}

void vfio_pci_power_put(struct vfio_pci_device *vdev, int got)
{
	if (got > 0)
		vdev->ops->rest(vdev->hw);
}

/* Gives up @wakeup's reference; NULL: nobody is told. */
static int begin_rest(struct vfio_pci_device *vdev, struct port_eventfd *wakeup)
{
	int ret = 0;

	mutex_lock(&vdev->config_lock);
	down_write(&vdev->memory_lock);
	if (vdev->resting) {
		ret = -EINVAL;
	} else {
		/* What the user put to sleep is awake for the host to do it. */
		if (vdev->asleep) {
			vfio_pci_config_save(vdev);
			vfio_pci_end_sleep(vdev);
			vfio_pci_config_restore(vdev);
		}
		vfio_pci_memory_rest(vdev, true);
		vdev->wakeup = wakeup;
	}
	up_write(&vdev->memory_lock);
	mutex_unlock(&vdev->config_lock);
	if (!ret)
		vdev->ops->rest(vdev->hw);
	else if (wakeup)
		port_eventfd_put(wakeup);
	return ret;
}

/* The reference to who wanted to be told, which is the caller's to give up. */
static struct port_eventfd *end_rest(struct vfio_pci_device *vdev)
{
	struct port_eventfd *wakeup = vdev->wakeup;

	lockdep_assert_held_write(&vdev->memory_lock);
	vdev->wakeup = NULL;
	vfio_pci_memory_rest(vdev, false);
	return wakeup;
}

int vfio_pci_power_exit(struct vfio_pci_device *vdev)
{
	struct port_eventfd *wakeup = NULL;
	bool ended;
	int ret;

	if (!READ_ONCE(vdev->resting))
		return 0;
	ret = vdev->ops->wake(vdev->hw);
	down_write(&vdev->memory_lock);
	ended = vdev->resting;
	if (ended)
		wakeup = end_rest(vdev);
	up_write(&vdev->memory_lock);
	if (wakeup)
		port_eventfd_put(wakeup);
	/* It may have ended by waking up, which took the one rest back. */
	if (!ended)
		vdev->ops->rest(vdev->hw);
	return ret;
}

bool vfio_pci_woken(struct vfio_pci_device *vdev)
{
	struct port_eventfd *wakeup = NULL;

	down_write(&vdev->memory_lock);
	if (vdev->resting && vdev->wakeup)
		wakeup = end_rest(vdev);
	up_write(&vdev->memory_lock);
	if (!wakeup)
		return false;
	port_eventfd_signal(wakeup);
	port_eventfd_put(wakeup);
	return true;
}

/* ---- the features ---- */

long vfio_pci_feature_low_power_entry(struct vfio_pci_device *vdev,
				      const struct vfio_device_feature *feature)
{
	int ret = vfio_pci_feature_check_set(feature, 0);

	return ret > 0 ? begin_rest(vdev, NULL) : ret;
}

long vfio_pci_feature_low_power_entry_with_wakeup(
	struct vfio_pci_device *vdev, const struct vfio_device_feature *feature,
	const void __user *arg)
{
	struct vfio_device_low_power_entry_with_wakeup entry;
	struct port_eventfd *wakeup;
	int ret;

	ret = vfio_pci_feature_check_set(feature, sizeof(entry));
	if (ret <= 0)
		return ret;
	if (port_copy_in(&entry, arg, sizeof(entry)))
		return -EFAULT;
	wakeup = port_eventfd_get(entry.wakeup_eventfd);
	if (IS_ERR(wakeup))
		return PTR_ERR(wakeup);
	return begin_rest(vdev, wakeup);
}

long vfio_pci_feature_low_power_exit(struct vfio_pci_device *vdev,
				     const struct vfio_device_feature *feature)
{
	int ret = vfio_pci_feature_check_set(feature, 0);

	return ret > 0 ? vfio_pci_power_exit(vdev) : ret;
}
