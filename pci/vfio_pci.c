// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The PCI bus driver: binding, opening, and the way to each call's file. */
#include "pci.h"

/* ---- open and release ---- */

static int vfio_pci_open(void *data)
{
	struct vfio_pci_device *vdev = data;
	int ret;

	ret = vdev->ops->enable(vdev->hw);
	if (ret)
		return ret;
	ret = vfio_pci_config_init(vdev);
	if (ret) {
		vdev->ops->disable(vdev->hw);
		return ret;
	}
	vfio_pci_memory_init(vdev);
	vfio_pci_token_use(vdev);
	return 0;
}

static void vfio_pci_release(void *data)
{
	struct vfio_pci_device *vdev = data;

	if (vfio_pci_power_exit(vdev))
		port_warn("%s: does not wake up", vdev->name);
	vfio_pci_token_unuse(vdev);
	vfio_pci_ioeventfd_exit(vdev);
	vfio_pci_irq_exit(vdev);
	vfio_pci_config_exit(vdev);
	vdev->ops->disable(vdev->hw);
}

/* ---- ioctls ---- */

static long vfio_pci_ioctl_get_info(struct vfio_pci_device *vdev,
				    struct vfio_device_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	const size_t maxsz = offsetofend(struct vfio_device_info, cap_offset);
	struct vfio_device_info info;
	u32 argsz;

	if (port_copy_in(&argsz, arg, sizeof(argsz)))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;
	memset(&info, 0, sizeof(info));
	info.argsz = argsz;
	info.flags = VFIO_DEVICE_FLAGS_PCI;
	if (vdev->info.can_reset)
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return port_copy_out(arg, &info, min_t(size_t, argsz, maxsz));
}

static long awake_ioctl(struct vfio_pci_device *vdev, unsigned int cmd,
			void __user *uarg)
{
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return vfio_pci_ioctl_get_info(vdev, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return vfio_pci_ioctl_get_region_info(vdev, uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return vfio_pci_ioctl_get_irq_info(vdev, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return vfio_pci_ioctl_set_irqs(vdev, uarg);
	case VFIO_DEVICE_RESET:
		return vfio_pci_ioctl_reset(vdev);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return vfio_pci_ioctl_hot_reset_info(vdev, uarg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return vfio_pci_ioctl_hot_reset(vdev, uarg);
	case VFIO_DEVICE_IOEVENTFD:
		return vfio_pci_ioctl_ioeventfd(vdev, uarg);
	case VFIO_DEVICE_FEATURE:
		return vfio_pci_ioctl_feature(vdev, uarg);
	default:
		return -ENOTTY;
	}
}

static long vfio_pci_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	struct vfio_pci_device *vdev = data;
	int got = vfio_pci_power_get(vdev);
	long ret;

	if (got < 0)
		return got;
	ret = awake_ioctl(vdev, cmd, (void __user *)arg);
	vfio_pci_power_put(vdev, got);
	return ret;
}

/* ---- read and write ---- */

static ssize_t vfio_pci_rw(struct vfio_pci_device *vdev, char __user *buf,
			   size_t len, loff_t *pos, bool write)
{
	u64 index = VFIO_PCI_OFFSET_TO_INDEX(*pos);
	u64 off = (u64)*pos & VFIO_PCI_OFFSET_MASK;
	ssize_t done;
	int got;

	if (!len)
		return 0;
	got = vfio_pci_power_get(vdev);
	if (got < 0)
		return got;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		done = write ? vfio_pci_config_write(vdev, buf, len, off)
			     : vfio_pci_config_read(vdev, buf, len, off);
	else if (index <= VFIO_PCI_ROM_REGION_INDEX ||
		 (index == VFIO_PCI_VGA_REGION_INDEX && vdev->info.has_vga))
		done = vfio_pci_bar_rw(vdev, index, buf, len, off, write);
	else
		done = -EINVAL;
	vfio_pci_power_put(vdev, got);
	if (done > 0)
		*pos += done;
	return done;
}

static ssize_t vfio_pci_read(void *data, char __user *buf, size_t len,
			     loff_t *pos)
{
	return vfio_pci_rw(data, buf, len, pos, false);
}

static ssize_t vfio_pci_write(void *data, const char __user *buf, size_t len,
			      loff_t *pos)
{
	return vfio_pci_rw(data, (char __user *)buf, len, pos, true);
}

/* ---- events from below and above ---- */

/* Somebody wants the device back.  A user who cannot be told is the person's
 * to end: says so at first and every hundred seconds. */
static void vfio_pci_request(void *data, unsigned int count)
{
	struct vfio_pci_device *vdev = data;

	if (vfio_pci_event_signal(vdev, &vdev->req_trigger)) {
		if (count % 10 == 0)
			port_info("%s: the user was asked to give it back (%u)",
				  vdev->name, count + 1);
	} else if (count % 10 == 0) {
		port_warn(
			"%s: wanted back, but its user takes no requests: waiting until it is closed",
			vdev->name);
	}
}

void vfio_pci_error(struct vfio_pci_device *vdev)
{
	vfio_pci_event_signal(vdev, &vdev->err_trigger);
}

/* ---- bind and unbind ---- */

static const struct vfio_device_ops vfio_pci_ops = {
	.name = "vfio-pci",
	.admit = vfio_pci_admit,
	.open = vfio_pci_open,
	.release = vfio_pci_release,
	.read = vfio_pci_read,
	.write = vfio_pci_write,
	.ioctl = vfio_pci_ioctl,
	.mmap = vfio_pci_mmap,
	.request = vfio_pci_request,
};

static bool is_power_of_two(u64 val)
{
	return val && !(val & (val - 1));
}

/* A 64-bit BAR takes the next one's place too. */
static bool are_bars_valid(const struct vfio_pci_info *info)
{
	u32 i;

	for (i = 0; i < VFIO_PCI_NR_BARS; i++) {
		if (!info->bar[i].size)
			continue;
		if (!is_power_of_two(info->bar[i].size))
			return false;
		if (!(info->bar[i].flags & VFIO_PCI_BAR_64))
			continue;
		if (i + 1 == VFIO_PCI_NR_BARS || info->bar[i + 1].size)
			return false;
		i++;
	}
	return true;
}

static bool is_valid(const struct vfio_pci_info *info)
{
	if (info->config_size != 256 && info->config_size != 4096)
		return false;
	if (info->rom_size && !is_power_of_two(info->rom_size))
		return false;
	return are_bars_valid(info);
}

static void free_device(struct vfio_pci_device *vdev)
{
	mutex_destroy(&vdev->event_lock);
	mutex_destroy(&vdev->token_lock);
	mutex_destroy(&vdev->ioeventfd_lock);
	mutex_destroy(&vdev->irq_lock);
	mutex_destroy(&vdev->config_lock);
	port_free(vdev);
}

struct vfio_pci_device *vfio_pci_bind(struct device *dev,
				      const struct vfio_pci_info *info,
				      const struct vfio_pci_hw_ops *ops,
				      void *hw)
{
	struct vfio_pci_device *vdev;
	int ret;

	if (WARN_ON(!is_valid(info)))
		return ERR_PTR(-EINVAL);
	vdev = port_zalloc(sizeof(*vdev));
	if (!vdev)
		return ERR_PTR(-ENOMEM);
	vdev->dev = dev;
	vdev->info = *info;
	vdev->ops = ops;
	vdev->hw = hw;
	vdev->device_ops = vfio_pci_ops;
	vdev->device_ops.owner = ops->owner;
	vdev->irq_type = VFIO_PCI_NO_IRQ;
	strscpy(vdev->name, info->name, sizeof(vdev->name));
	vdev->info.name = vdev->name;
	mutex_init(&vdev->config_lock);
	mutex_init(&vdev->irq_lock);
	init_rwsem(&vdev->memory_lock);
	mutex_init(&vdev->ioeventfd_lock);
	INIT_LIST_HEAD(&vdev->ioeventfds);
	mutex_init(&vdev->token_lock);
	mutex_init(&vdev->event_lock);

	ret = -EINVAL;
	vdev->group = vfio_iommu_group_get(dev);
	if (!vdev->group)
		goto err_free;
	ret = vfio_add_group_dev(dev, &vdev->device_ops, vdev);
	if (ret)
		goto err_put_group;
	return vdev;

err_put_group:
	vfio_iommu_group_put(vdev->group, dev);
err_free:
	free_device(vdev);
	return ERR_PTR(ret);
}

void vfio_pci_unbind(struct vfio_pci_device *vdev)
{
	vfio_del_group_dev(vdev->dev);
	vfio_iommu_group_put(vdev->group, vdev->dev);
	free_device(vdev);
}
