// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices and IOMMU groups: the kernel's own. Ownership of a group's DMA is the
 * kernel's claim, which also keeps native drivers from binding meanwhile (V2).
 *
 * A group that was made for a device without an IOMMU carries noiommu_mark as its
 * data. It has no domains, so there is nothing to claim.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/xarray.h>

#include "kernel.h"

static char noiommu_mark;

/* Groups that we own, by id: a claimed group is viable when the claim is ours. */
static DEFINE_XARRAY(claims);

const char *port_device_name(const struct device *dev)
{
	return dev_name(dev);
}
EXPORT_SYMBOL_GPL(port_device_name);

bool port_device_has_iommu(const struct device *dev)
{
	return device_iommu_mapped((struct device *)dev);
}

struct iommu_group *port_iommu_group_get(struct device *dev)
{
	return iommu_group_get(dev);
}

void port_iommu_group_put(struct iommu_group *group)
{
	iommu_group_put(group);
}

int port_iommu_group_id(const struct iommu_group *group)
{
	return iommu_group_id((struct iommu_group *)group);
}

bool port_iommu_group_is_made(const struct iommu_group *group)
{
	return iommu_group_get_iommudata((struct iommu_group *)group) ==
	       &noiommu_mark;
}

struct iommu_group *port_iommu_group_make(struct device *dev, const char *name)
{
	struct iommu_group *group;
	int ret;

	group = iommu_group_alloc();
	if (IS_ERR(group))
		return group;
	iommu_group_set_iommudata(group, &noiommu_mark, NULL);
	ret = iommu_group_set_name(group, name);
	if (!ret)
		ret = iommu_group_add_device(group, dev);
	if (ret) {
		iommu_group_put(group);
		return ERR_PTR(ret);
	}
	return group;
}

void port_iommu_group_remove_device(struct device *dev)
{
	iommu_group_remove_device(dev);
}

int port_iommu_group_claim(struct iommu_group *group, void *owner)
{
	int id = iommu_group_id(group);
	int ret;

	if (port_iommu_group_is_made(group))
		return 0;
	ret = xa_reserve(&claims, id, GFP_KERNEL);
	if (ret)
		return ret;
	ret = iommu_group_claim_dma_owner(group, owner);
	if (ret) {
		xa_release(&claims, id);
		return ret;
	}
	xa_store(&claims, id, group, GFP_KERNEL);
	return 0;
}

void port_iommu_group_release(struct iommu_group *group)
{
	if (port_iommu_group_is_made(group))
		return;
	xa_erase(&claims, iommu_group_id(group));
	iommu_group_release_dma_owner(group);
}

bool port_iommu_group_viable(struct iommu_group *group)
{
	return xa_load(&claims, iommu_group_id(group)) ||
	       !iommu_group_dma_owner_claimed(group);
}
