// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reset: of the function alone, and of all that a bus or slot reset reaches,
 * which needs proof that the user owns every group in reach.
 *
 * During a reset nothing reaches the BARs.  After it the function is awake and
 * has its configuration back: to the user only its registers were reset.
 */
#include "pci.h"

void vfio_pci_end_sleep(struct vfio_pci_device *vdev)
{
	u32 ctrl = vdev->config.pm + CFG_PM_CTRL;
	u32 val = vdev->ops->config_read(vdev->hw, ctrl, 1);

	vdev->ops->config_write(vdev->hw, ctrl, 1, val & ~CFG_PM_STATE);
}

int vfio_pci_reset(struct vfio_pci_device *vdev, int (*reset)(void *hw))
{
	bool decode;
	int ret;

	lockdep_assert_held(&vdev->config_lock);
	mutex_lock(&vdev->irq_lock);
	down_write(&vdev->memory_lock);
	decode = vdev->decode;
	vfio_pci_memory_set(vdev, false, vdev->asleep);
	vfio_pci_config_save(vdev);
	if (vdev->asleep)
		vfio_pci_end_sleep(vdev);
	ret = reset(vdev->hw);
	vfio_pci_config_restore(vdev);
	vfio_pci_memory_set(vdev, decode, false);
	up_write(&vdev->memory_lock);
	mutex_unlock(&vdev->irq_lock);
	if (ret)
		port_warn("%s: reset failed: error %d", vdev->name, ret);
	return ret;
}

long vfio_pci_ioctl_reset(struct vfio_pci_device *vdev)
{
	long ret;

	if (!vdev->info.can_reset)
		return -EINVAL;
	mutex_lock(&vdev->config_lock);
	ret = vfio_pci_reset(vdev, vdev->ops->reset);
	mutex_unlock(&vdev->config_lock);
	return ret;
}

/* ---- what a hot reset reaches ---- */

/**
 * struct reach - the functions in reach
 * @devices: filled in, if there is room
 * @max: the room
 * @nr: how many there are
 */
struct reach {
	struct vfio_pci_dependent_device *devices;
	u32 max;
	u32 nr;
};

static int count_function(const struct vfio_pci_dependent *dep, void *data)
{
	struct reach *reach = data;

	reach->nr++;
	return 0;
}

/* A function without a group cannot be proven to be the user's.  One that came
 * since they were counted: the user asks again. */
static int add_function(const struct vfio_pci_dependent *dep, void *data)
{
	struct reach *reach = data;
	struct vfio_pci_dependent_device *device;

	if (dep->group_id < 0)
		return -EPERM;
	if (reach->nr == reach->max)
		return -EAGAIN;
	device = &reach->devices[reach->nr++];
	device->group_id = dep->group_id;
	device->segment = dep->segment;
	device->bus = dep->bus;
	device->devfn = dep->devfn;
	return 0;
}

static int count_functions(struct vfio_pci_device *vdev, u32 *nr)
{
	struct reach reach = { NULL, 0, 0 };
	int ret;

	if (!vdev->ops->hot_reset_each || !vdev->ops->hot_reset)
		return -ENODEV;
	ret = vdev->ops->hot_reset_each(vdev->hw, count_function, &reach);
	*nr = reach.nr;
	return ret;
}

long vfio_pci_ioctl_hot_reset_info(struct vfio_pci_device *vdev,
				   struct vfio_pci_hot_reset_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset_info, count);
	struct vfio_pci_hot_reset_info hdr;
	struct reach reach = { NULL, 0, 0 };
	size_t size;
	long ret;

	if (port_copy_in(&hdr, arg, minsz))
		return -EFAULT;
	if (hdr.argsz < minsz)
		return -EINVAL;
	ret = count_functions(vdev, &reach.max);
	if (ret)
		return ret;

	hdr.flags = 0;
	hdr.count = reach.max;
	size = reach.max * sizeof(*reach.devices);
	if (hdr.argsz - minsz < size)
		return port_copy_out(arg, &hdr, minsz) ? -EFAULT : -ENOSPC;

	reach.devices = port_zalloc(size);
	if (!reach.devices)
		return -ENOMEM;
	ret = vdev->ops->hot_reset_each(vdev->hw, add_function, &reach);
	if (ret)
		goto out_free;
	hdr.count = reach.nr;
	ret = port_copy_out((char __user *)arg + minsz, reach.devices,
			    reach.nr * sizeof(*reach.devices));
	if (!ret)
		ret = port_copy_out(arg, &hdr, minsz);
out_free:
	port_free(reach.devices);
	return ret;
}

/* ---- the hot reset ---- */

/* The groups that the user owns, held. */
struct proof {
	struct vfio_group **groups;
	u32 nr;
};

static void put_proof(struct proof *proof)
{
	while (proof->nr)
		vfio_group_put_external_user(proof->groups[--proof->nr]);
	port_free(proof->groups);
}

static struct vfio_group *get_group(s32 fd)
{
	struct port_file *file = port_file_get(fd);
	struct vfio_group *group;

	if (IS_ERR(file))
		return ERR_PTR(PTR_ERR(file));
	group = vfio_group_get_external_user(file);
	port_file_put(file);
	return group;
}

static int get_proof(struct proof *proof, const s32 *fds, u32 nr)
{
	struct vfio_group *group;

	proof->nr = 0;
	proof->groups = port_zalloc_array(nr, sizeof(struct vfio_group *));
	if (!proof->groups)
		return -ENOMEM;
	while (proof->nr < nr) {
		group = get_group(fds[proof->nr]);
		if (IS_ERR(group)) {
			put_proof(proof);
			return PTR_ERR(group);
		}
		proof->groups[proof->nr++] = group;
	}
	return 0;
}

static int is_proven(const struct vfio_pci_dependent *dep, void *data)
{
	const struct proof *proof = data;
	u32 i;

	for (i = 0; i < proof->nr; i++)
		if (vfio_external_user_iommu_id(proof->groups[i]) ==
		    dep->group_id)
			return 0;
	return -EINVAL;
}

static int hot_reset(struct vfio_pci_device *vdev, const s32 *fds, u32 nr)
{
	struct proof proof;
	int ret;

	ret = get_proof(&proof, fds, nr);
	if (ret)
		return ret;
	ret = vdev->ops->hot_reset_each(vdev->hw, is_proven, &proof);
	if (!ret) {
		mutex_lock(&vdev->config_lock);
		ret = vfio_pci_reset(vdev, vdev->ops->hot_reset);
		mutex_unlock(&vdev->config_lock);
	}
	put_proof(&proof);
	return ret;
}

long vfio_pci_ioctl_hot_reset(struct vfio_pci_device *vdev,
			      struct vfio_pci_hot_reset __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset, count);
	struct vfio_pci_hot_reset hdr;
	u32 in_reach;
	s32 *fds;
	long ret;

	if (port_copy_in(&hdr, arg, minsz))
		return -EFAULT;
	if (hdr.argsz < minsz || hdr.flags)
		return -EINVAL;
	ret = count_functions(vdev, &in_reach);
	if (ret)
		return ret;
	/* One group for each function is the most that can be needed. */
	if (!hdr.count || hdr.count > in_reach)
		return -EINVAL;

	fds = port_zalloc_array(hdr.count, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	ret = port_copy_in(fds, (char __user *)arg + minsz,
			   hdr.count * sizeof(*fds));
	if (!ret)
		ret = hot_reset(vdev, fds, hdr.count);
	port_free(fds);
	return ret;
}
