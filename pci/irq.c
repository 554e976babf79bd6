// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Interrupts: VFIO_DEVICE_GET_IRQ_INFO and VFIO_DEVICE_SET_IRQS.
 *
 * One of INTx, MSI and MSI-X is in use at a time.  What can fail is done before
 * anything changes: a call that fails leaves all as it was.
 *
 * The eventfd that unmasks INTx is watched: its callback takes irq_lock, and
 * cancelling waits for the callback, so a watch is taken out with the lock held
 * (park_unmask()) and cancelled when it is free (irq_unlock()).
 */
#include "pci.h"

u32 vfio_pci_irq_count(struct vfio_pci_device *vdev, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return vdev->info.has_intx;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return vdev->info.msi;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return vdev->info.msix;
	case VFIO_PCI_ERR_IRQ_INDEX:
		return vdev->info.express;
	case VFIO_PCI_REQ_IRQ_INDEX:
		return 1;
	default:
		return 0;
	}
}

long vfio_pci_ioctl_get_irq_info(struct vfio_pci_device *vdev,
				 struct vfio_irq_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (port_copy_in(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	if (info.index == VFIO_PCI_ERR_IRQ_INDEX && !vdev->info.express)
		return -EINVAL;

	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	info.count = vfio_pci_irq_count(vdev, info.index);
	return port_copy_out(arg, &info, minsz);
}

/* ---- the data of a request ---- */

static bool has_eventfds(const struct vfio_irq_set *hdr)
{
	return hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD;
}

/* No data: all of them; else those whose byte is set. */
static bool is_chosen(const struct vfio_irq_set *hdr, const void *data, u32 i)
{
	return hdr->flags & VFIO_IRQ_SET_DATA_NONE || ((const u8 *)data)[i];
}

/* The eventfd of @fd, NULL for none (-1), or an error. */
static struct port_eventfd *get_trigger(s32 fd)
{
	return fd < 0 ? NULL : port_eventfd_get(fd);
}

static void put_trigger(struct port_eventfd *trigger)
{
	if (trigger)
		port_eventfd_put(trigger);
}

static struct port_eventfd **get_triggers(const s32 *fds, u32 nr)
{
	struct port_eventfd **triggers;
	long err;
	u32 i;

	triggers = port_zalloc_array(max(nr, 1u), sizeof(*triggers));
	if (!triggers)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < nr; i++) {
		triggers[i] = get_trigger(fds[i]);
		if (IS_ERR(triggers[i]))
			goto err_put;
	}
	return triggers;

err_put:
	err = PTR_ERR(triggers[i]);
	while (i--)
		put_trigger(triggers[i]);
	port_free(triggers);
	return ERR_PTR(err);
}

/* ---- what is in use ---- */

static int irq_enable(struct vfio_pci_device *vdev, u32 type, u32 nr)
{
	struct port_eventfd **triggers;
	int ret;

	lockdep_assert_held(&vdev->irq_lock);
	triggers = port_zalloc_array(vfio_pci_irq_count(vdev, type),
				     sizeof(*triggers));
	if (!triggers)
		return -ENOMEM;
	ret = vdev->ops->irq_enable(vdev->hw, type, nr);
	if (ret) {
		port_free(triggers);
		return ret;
	}
	vdev->triggers = triggers;
	vdev->nr_vectors = nr;
	vdev->irq_type = type;
	return 0;
}

/* Takes over the reference to @trigger. */
static void set_trigger(struct vfio_pci_device *vdev, u32 vector,
			struct port_eventfd *trigger)
{
	vdev->ops->irq_set(vdev->hw, vdev->irq_type, vector, trigger);
	put_trigger(vdev->triggers[vector]);
	vdev->triggers[vector] = trigger;
}

static void park_unmask(struct vfio_pci_device *vdev)
{
	if (!vdev->unmask)
		return;
	WARN_ON(vdev->stale);
	vdev->stale = vdev->unmask;
	vdev->unmask = NULL;
}

static void irq_disable(struct vfio_pci_device *vdev)
{
	u32 i;

	lockdep_assert_held(&vdev->irq_lock);
	park_unmask(vdev);
	vdev->ops->irq_disable(vdev->hw, vdev->irq_type);
	for (i = 0; i < vdev->nr_vectors; i++)
		put_trigger(vdev->triggers[i]);
	port_free(vdev->triggers);
	vdev->triggers = NULL;
	vdev->nr_vectors = 0;
	vdev->irq_type = VFIO_PCI_NO_IRQ;
}

static void irq_unlock(struct vfio_pci_device *vdev)
{
	struct port_watch *stale = vdev->stale;

	vdev->stale = NULL;
	mutex_unlock(&vdev->irq_lock);
	if (stale)
		port_watch_cancel(stale);
}

/* ---- INTx ---- */

static void unmask(struct vfio_pci_device *vdev)
{
	if (vdev->irq_type == VFIO_PCI_INTX_IRQ_INDEX && !vdev->intx_disabled)
		vdev->ops->intx_unmask(vdev->hw);
}

static void unmask_signalled(void *data)
{
	struct vfio_pci_device *vdev = data;

	mutex_lock(&vdev->irq_lock);
	unmask(vdev);
	mutex_unlock(&vdev->irq_lock);
}

/* Takes the place of one before it.  Linux says -EBUSY while that is open, and
 * forgets it with its last descriptor; we hold it, and cannot see whether the
 * program still does.  QEMU closes it and sets another. */
static int watch_unmask(struct vfio_pci_device *vdev, s32 fd)
{
	struct port_eventfd *eventfd;
	struct port_watch *watch;

	eventfd = port_eventfd_get(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	watch = port_eventfd_watch(eventfd, unmask_signalled, vdev);
	port_eventfd_put(eventfd);
	if (IS_ERR(watch))
		return PTR_ERR(watch);
	park_unmask(vdev);
	vdev->unmask = watch;
	return 0;
}

static int intx_mask(struct vfio_pci_device *vdev,
		     const struct vfio_irq_set *hdr, const void *data)
{
	if (vdev->irq_type != VFIO_PCI_INTX_IRQ_INDEX || hdr->count != 1)
		return -EINVAL;
	if (has_eventfds(hdr))
		return -ENOTTY;
	if (is_chosen(hdr, data, 0))
		vdev->ops->intx_mask(vdev->hw);
	return 0;
}

static int intx_unmask(struct vfio_pci_device *vdev,
		       const struct vfio_irq_set *hdr, const void *data)
{
	s32 fd;

	if (vdev->irq_type != VFIO_PCI_INTX_IRQ_INDEX || hdr->count != 1)
		return -EINVAL;
	if (!has_eventfds(hdr)) {
		if (is_chosen(hdr, data, 0))
			unmask(vdev);
		return 0;
	}
	fd = *(const s32 *)data;
	if (fd >= 0)
		return watch_unmask(vdev, fd);
	park_unmask(vdev);
	return 0;
}

static int intx_set_trigger(struct vfio_pci_device *vdev, s32 fd)
{
	struct port_eventfd *trigger = get_trigger(fd);
	int ret;

	if (IS_ERR(trigger))
		return PTR_ERR(trigger);
	if (vdev->irq_type == VFIO_PCI_NO_IRQ) {
		ret = irq_enable(vdev, VFIO_PCI_INTX_IRQ_INDEX, 1);
		if (ret) {
			put_trigger(trigger);
			return ret;
		}
		if (vdev->intx_disabled)
			vdev->ops->intx_mask(vdev->hw);
	}
	set_trigger(vdev, 0, trigger);
	return 0;
}

static int intx_trigger(struct vfio_pci_device *vdev,
			const struct vfio_irq_set *hdr, const void *data)
{
	bool in_use = vdev->irq_type == VFIO_PCI_INTX_IRQ_INDEX;

	if (in_use && !hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		irq_disable(vdev);
		return 0;
	}
	if (hdr->count != 1 || (!in_use && vdev->irq_type != VFIO_PCI_NO_IRQ))
		return -EINVAL;
	if (has_eventfds(hdr))
		return intx_set_trigger(vdev, *(const s32 *)data);
	if (!in_use)
		return -EINVAL;
	if (is_chosen(hdr, data, 0) && vdev->triggers[0] &&
	    !vdev->intx_disabled)
		port_eventfd_signal(vdev->triggers[0]);
	return 0;
}

void vfio_pci_intx_set_disabled(struct vfio_pci_device *vdev, bool disabled)
{
	mutex_lock(&vdev->irq_lock);
	if (vdev->intx_disabled != disabled) {
		vdev->intx_disabled = disabled;
		if (disabled && vdev->irq_type == VFIO_PCI_INTX_IRQ_INDEX)
			vdev->ops->intx_mask(vdev->hw);
		unmask(vdev);
	}
	mutex_unlock(&vdev->irq_lock);
}

/* ---- MSI and MSI-X ---- */

/* Sees to it that vectors below @nr can be set, those in use staying so. */
static int msi_reach(struct vfio_pci_device *vdev, u32 nr)
{
	int ret;

	if (nr <= vdev->nr_vectors)
		return 0;
	if (vdev->irq_type != VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	ret = vdev->ops->irq_enable(vdev->hw, vdev->irq_type, nr);
	if (!ret)
		vdev->nr_vectors = nr;
	return ret;
}

/* One past the last vector that gets an eventfd. */
static u32 last_set(const struct vfio_irq_set *hdr, const s32 *fds)
{
	u32 i = hdr->count;

	while (i && fds[i - 1] < 0)
		i--;
	return i ? hdr->start + i : 0;
}

static int msi_set_triggers(struct vfio_pci_device *vdev,
			    const struct vfio_irq_set *hdr, const s32 *fds)
{
	struct port_eventfd **triggers;
	u32 i;
	int ret;

	if (vdev->irq_type == VFIO_PCI_NO_IRQ && !(hdr->start + hdr->count))
		return -ERANGE;
	triggers = get_triggers(fds, hdr->count);
	if (IS_ERR(triggers))
		return PTR_ERR(triggers);
	if (vdev->irq_type == VFIO_PCI_NO_IRQ)
		ret = irq_enable(vdev, hdr->index, hdr->start + hdr->count);
	else
		ret = msi_reach(vdev, last_set(hdr, fds));
	for (i = 0; i < hdr->count; i++) {
		if (!ret && hdr->start + i < vdev->nr_vectors)
			set_trigger(vdev, hdr->start + i, triggers[i]);
		else
			put_trigger(triggers[i]);
	}
	port_free(triggers);
	return ret;
}

static int msi_trigger(struct vfio_pci_device *vdev,
		       const struct vfio_irq_set *hdr, const void *data)
{
	bool in_use = vdev->irq_type == hdr->index;
	u32 i, vector;

	if (in_use && !hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		irq_disable(vdev);
		return 0;
	}
	if (!in_use && vdev->irq_type != VFIO_PCI_NO_IRQ)
		return -EINVAL;
	if (has_eventfds(hdr))
		return msi_set_triggers(vdev, hdr, data);
	if (!in_use)
		return -EINVAL;
	for (i = 0; i < hdr->count; i++) {
		vector = hdr->start + i;
		if (vector < vdev->nr_vectors && vdev->triggers[vector] &&
		    is_chosen(hdr, data, i))
			port_eventfd_signal(vdev->triggers[vector]);
	}
	return 0;
}

/* ---- ERR and REQ ---- */

bool vfio_pci_event_signal(struct vfio_pci_device *vdev,
			   struct port_eventfd **trigger)
{
	bool is_set;

	mutex_lock(&vdev->event_lock);
	is_set = *trigger;
	if (is_set)
		port_eventfd_signal(*trigger);
	mutex_unlock(&vdev->event_lock);
	return is_set;
}

static void event_set(struct vfio_pci_device *vdev,
		      struct port_eventfd **trigger, struct port_eventfd *next)
{
	struct port_eventfd *former;

	mutex_lock(&vdev->event_lock);
	former = *trigger;
	*trigger = next;
	mutex_unlock(&vdev->event_lock);
	put_trigger(former);
}

static int event_set_fd(struct vfio_pci_device *vdev,
			struct port_eventfd **trigger, s32 fd)
{
	struct port_eventfd *next;

	/* -1 takes it away; below means nothing, and always did. */
	if (fd < -1)
		return 0;
	next = get_trigger(fd);
	if (IS_ERR(next))
		return PTR_ERR(next);
	event_set(vdev, trigger, next);
	return 0;
}

static int event_trigger(struct vfio_pci_device *vdev,
			 struct port_eventfd **trigger,
			 const struct vfio_irq_set *hdr, const void *data)
{
	if (hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		/* Its other writers hold irq_lock, as we do. */
		if (!*trigger)
			return -EINVAL;
		if (hdr->count)
			vfio_pci_event_signal(vdev, trigger);
		else
			event_set(vdev, trigger, NULL);
		return 0;
	}
	if (!hdr->count)
		return -EINVAL;
	if (has_eventfds(hdr))
		return event_set_fd(vdev, trigger, *(const s32 *)data);
	if (is_chosen(hdr, data, 0))
		vfio_pci_event_signal(vdev, trigger);
	return 0;
}

/* ---- VFIO_DEVICE_SET_IRQS ---- */

static int set_intx(struct vfio_pci_device *vdev,
		    const struct vfio_irq_set *hdr, const void *data)
{
	if (hdr->flags & VFIO_IRQ_SET_ACTION_MASK)
		return intx_mask(vdev, hdr, data);
	if (hdr->flags & VFIO_IRQ_SET_ACTION_UNMASK)
		return intx_unmask(vdev, hdr, data);
	return intx_trigger(vdev, hdr, data);
}

static int set_irqs(struct vfio_pci_device *vdev,
		    const struct vfio_irq_set *hdr, const void *data)
{
	if (hdr->index == VFIO_PCI_INTX_IRQ_INDEX)
		return set_intx(vdev, hdr, data);
	if (!(hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -ENOTTY;
	switch (hdr->index) {
	case VFIO_PCI_ERR_IRQ_INDEX:
		return event_trigger(vdev, &vdev->err_trigger, hdr, data);
	case VFIO_PCI_REQ_IRQ_INDEX:
		return event_trigger(vdev, &vdev->req_trigger, hdr, data);
	default:
		return msi_trigger(vdev, hdr, data);
	}
}

long vfio_pci_ioctl_set_irqs(struct vfio_pci_device *vdev,
			     struct vfio_irq_set __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set hdr;
	s32 few[4] = { 0 };
	void *data = few;
	size_t size;
	long ret;

	if (port_copy_in(&hdr, arg, minsz))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(
		&hdr, vfio_pci_irq_count(vdev, hdr.index), VFIO_PCI_NUM_IRQS,
		&size);
	if (!ret)
		ret = vfio_set_irqs_one_action(&hdr);
	if (ret)
		return ret;
	if (size > sizeof(few)) {
		data = port_zalloc(size);
		if (!data)
			return -ENOMEM;
	}
	ret = port_copy_in(data, (char __user *)arg + minsz, size);
	if (ret)
		goto out_free;

	mutex_lock(&vdev->irq_lock);
	ret = set_irqs(vdev, &hdr, data);
	irq_unlock(vdev);
	vfio_pci_config_show_irq(vdev);
out_free:
	if (data != few)
		port_free(data);
	return ret;
}

void vfio_pci_irq_exit(struct vfio_pci_device *vdev)
{
	mutex_lock(&vdev->irq_lock);
	if (vdev->irq_type != VFIO_PCI_NO_IRQ)
		irq_disable(vdev);
	vdev->intx_disabled = false;
	event_set(vdev, &vdev->err_trigger, NULL);
	event_set(vdev, &vdev->req_trigger, NULL);
	irq_unlock(vdev);
}
