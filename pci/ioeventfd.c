// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VFIO_DEVICE_IOEVENTFD: an eventfd that, when signalled, writes a value to a
 * register.
 *
 * A watch's callback takes memory_lock alone, so that watches may be
 * cancelled with ioeventfd_lock held.
 */
#include "pci.h"

/* As many as the kernel grants. */
#define MAX_IOEVENTFDS 1000

struct ioeventfd {
	struct list_head node; /* ioeventfd_lock */
	struct vfio_pci_device *vdev;
	struct port_watch *watch;
	u32 bar;
	u32 size;
	u64 off;
	u64 val;
};

static void signalled(void *data)
{
	struct ioeventfd *ioeventfd = data;
	int got = vfio_pci_power_get(ioeventfd->vdev);

	/* With memory decode off it goes where a bus would send it: nowhere. */
	vfio_pci_bar_access(ioeventfd->vdev, ioeventfd->bar, ioeventfd->off,
			    ioeventfd->size, &ioeventfd->val, true);
	vfio_pci_power_put(ioeventfd->vdev, got);
}

static struct ioeventfd *find(struct vfio_pci_device *vdev,
			      const struct ioeventfd *like)
{
	struct ioeventfd *ioeventfd;

	list_for_each_entry(ioeventfd, &vdev->ioeventfds, node)
		if (ioeventfd->bar == like->bar &&
		    ioeventfd->off == like->off &&
		    ioeventfd->size == like->size &&
		    ioeventfd->val == like->val)
			return ioeventfd;
	return NULL;
}

static int add(struct vfio_pci_device *vdev, const struct ioeventfd *like,
	       s32 fd)
{
	struct ioeventfd *ioeventfd;
	struct port_eventfd *eventfd;
	int ret;

	if (vdev->nr_ioeventfds == MAX_IOEVENTFDS)
		return -ENOSPC;
	eventfd = port_eventfd_get(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	ioeventfd = port_zalloc(sizeof(*ioeventfd));
	ret = -ENOMEM;
	if (!ioeventfd)
		goto out_put;
	*ioeventfd = *like;
	ioeventfd->vdev = vdev;
	ioeventfd->watch = port_eventfd_watch(eventfd, signalled, ioeventfd);
	if (IS_ERR(ioeventfd->watch)) {
		ret = PTR_ERR(ioeventfd->watch);
		port_free(ioeventfd);
		goto out_put;
	}
	list_add_tail(&ioeventfd->node, &vdev->ioeventfds);
	vdev->nr_ioeventfds++;
	ret = 0;
out_put:
	/* The watch holds its own. */
	port_eventfd_put(eventfd);
	return ret;
}

static void cancel(struct vfio_pci_device *vdev, struct ioeventfd *ioeventfd)
{
	lockdep_assert_held(&vdev->ioeventfd_lock);
	port_watch_cancel(ioeventfd->watch);
	list_del(&ioeventfd->node);
	vdev->nr_ioeventfds--;
	port_free(ioeventfd);
}

static bool touches_msix_table(const struct vfio_pci_info *info,
			       const struct ioeventfd *like)
{
	return info->msix && like->bar == info->msix_bar &&
	       like->off < (u64)info->msix_offset + info->msix_size &&
	       info->msix_offset < like->off + like->size;
}

static int check(struct vfio_pci_device *vdev, const struct ioeventfd *like)
{
	const struct vfio_pci_info *info = &vdev->info;

	if (like->bar >= VFIO_PCI_NR_BARS ||
	    like->off >= info->bar[like->bar].size ||
	    like->size > info->bar[like->bar].size - like->off)
		return -EINVAL;
	if (!IS_ALIGNED(like->off, like->size) ||
	    touches_msix_table(info, like))
		return -EINVAL;
	if (like->size == 8 && info->bar[like->bar].flags & VFIO_PCI_BAR_IO)
		return -EINVAL;
	return 0;
}

long vfio_pci_ioctl_ioeventfd(struct vfio_pci_device *vdev,
			      struct vfio_device_ioeventfd __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_ioeventfd, fd);
	struct vfio_device_ioeventfd req;
	struct ioeventfd like = { .vdev = vdev }, *known;
	long ret;

	if (port_copy_in(&req, arg, minsz))
		return -EFAULT;
	/* One flag: 1, 2, 4 or 8, which is also the size. */
	if (req.argsz < minsz || req.fd < -1 || !req.flags ||
	    req.flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK ||
	    req.flags & (req.flags - 1))
		return -EINVAL;
	like.bar = min_t(u64, VFIO_PCI_OFFSET_TO_INDEX(req.offset),
			 VFIO_PCI_NR_BARS);
	like.off = req.offset & VFIO_PCI_OFFSET_MASK;
	like.size = req.flags;
	like.val = req.data;
	ret = check(vdev, &like);
	if (ret)
		return ret;

	mutex_lock(&vdev->ioeventfd_lock);
	known = find(vdev, &like);
	if (req.fd >= 0)
		ret = known ? -EEXIST : add(vdev, &like, req.fd);
	else if (known)
		cancel(vdev, known);
	else
		ret = -ENODEV;
	mutex_unlock(&vdev->ioeventfd_lock);
	return ret;
}

void vfio_pci_ioeventfd_exit(struct vfio_pci_device *vdev)
{
	mutex_lock(&vdev->ioeventfd_lock);
	while (!list_empty(&vdev->ioeventfds))
		cancel(vdev, list_first_entry(&vdev->ioeventfds,
					      struct ioeventfd, node));
	mutex_unlock(&vdev->ioeventfd_lock);
}
