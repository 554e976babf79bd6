// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The type1 backend as the core sees it: its operations, the life of an address
 * space, and the groups that share it.
 *
 * The groups themselves are the host's to remember: what is mapped here is
 * mapped for all of them.
 */
#include "type1_priv.h"

static unsigned int dma_entry_limit = 65535;

void vfio_type1_set_dma_entry_limit(unsigned int limit)
{
	WRITE_ONCE(dma_entry_limit, limit);
}

/* ---- life ---- */

static u64 smallest_page(struct port_iommu *iommu)
{
	u64 sizes = port_iommu_pgsizes(iommu);

	return sizes & -sizes;
}

static void *type1_open(unsigned long arg)
{
	struct vfio_type1 *type1;
	void *err;

	if (arg != VFIO_TYPE1_IOMMU && arg != VFIO_TYPE1v2_IOMMU)
		return ERR_PTR(-EINVAL);

	type1 = port_zalloc(sizeof(*type1));
	if (!type1)
		return ERR_PTR(-ENOMEM);
	type1->iommu = port_iommu_alloc(type1);
	if (IS_ERR(type1->iommu)) {
		err = type1->iommu;
		goto err_free;
	}
	type1->v2 = arg == VFIO_TYPE1v2_IOMMU;
	type1->pgsize = smallest_page(type1->iommu);
	type1->avail = READ_ONCE(dma_entry_limit);
	init_rwsem(&type1->lock);
	mutex_init(&type1->dirty_lock);
	INIT_LIST_HEAD(&type1->waiters);
	blocking_notifier_init(&type1->notifier);
	return type1;

err_free:
	port_free(type1);
	return err;
}

/* No group is attached and no call is under way: no device is left that could
 * hold a mapping. */
static void type1_release(void *data)
{
	struct vfio_type1 *type1 = data;

	WARN_ON(type1->nr_busy || !list_empty(&type1->waiters));
	vfio_type1_unpin_all(type1);
	vfio_type1_unmap_all(type1);
	port_iommu_free(type1->iommu);
	mutex_destroy(&type1->dirty_lock);
	port_free(type1);
}

/* ---- groups ---- */

static void update_pgsize(struct vfio_type1 *type1)
{
	down_write(&type1->lock);
	type1->pgsize = smallest_page(type1->iommu);
	up_write(&type1->lock);
}

static int type1_attach_group(void *data, struct iommu_group *group)
{
	struct vfio_type1 *type1 = data;
	int ret;

	ret = port_iommu_attach(type1->iommu, group);
	if (ret)
		return ret;
	update_pgsize(type1);
	/* The group may bring reserved ranges that are mapped already. */
	if (!vfio_type1_fits(type1)) {
		ret = -EINVAL;
		goto err_detach;
	}
	return 0;

err_detach:
	port_iommu_detach(type1->iommu, group);
	update_pgsize(type1);
	return ret;
}

static void type1_detach_group(void *data, struct iommu_group *group)
{
	struct vfio_type1 *type1 = data;

	port_iommu_detach(type1->iommu, group);
	update_pgsize(type1);
}

/* ---- calls ---- */

/* @type1 is NULL before the backend is chosen. */
static long check_extension(struct vfio_type1 *type1, unsigned long arg)
{
	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return type1 && port_iommu_coherent(type1->iommu);
	default:
		return 0;
	}
}

static long type1_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_CHECK_EXTENSION:
		return check_extension(data, arg);
	case VFIO_IOMMU_GET_INFO:
		return vfio_type1_ioctl_get_info(data, arg);
	case VFIO_IOMMU_MAP_DMA:
		return vfio_type1_ioctl_map_dma(data, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return vfio_type1_ioctl_unmap_dma(data, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return vfio_type1_ioctl_dirty_pages(data, arg);
	default:
		return -ENOTTY;
	}
}

/* Not constant for its owner alone: vfio_type1_set_owner(). */
static struct vfio_iommu_driver_ops type1_ops = {
	.name = "type1",
	.open = type1_open,
	.release = type1_release,
	.ioctl = type1_ioctl,
	.attach_group = type1_attach_group,
	.detach_group = type1_detach_group,
	.pin_pages = vfio_type1_pin_pages,
	.unpin_pages = vfio_type1_unpin_pages,
	.register_notifier = vfio_type1_register_notifier,
	.unregister_notifier = vfio_type1_unregister_notifier,
};

void vfio_type1_set_owner(struct module *owner)
{
	type1_ops.owner = owner;
}

int vfio_type1_init(void)
{
	return vfio_register_iommu_driver(&type1_ops);
}

void vfio_type1_exit(void)
{
	vfio_unregister_iommu_driver(&type1_ops);
}
