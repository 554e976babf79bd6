// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Many devices for the core, each in a group of its own, so that finding one
 * among them can be measured. They are nothing but names: noiommu mode.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "anyvfio/vfio.h"

static unsigned int count = 1;
module_param(count, uint, 0444);

struct many {
	struct device *dev;
	struct iommu_group *group;
};

static struct device *root;
static struct many *many;
static unsigned int nr;

static int nothing(void *data)
{
	return 0;
}

static const struct vfio_device_ops ops = {
	.owner = THIS_MODULE,
	.name = "find",
	.open = nothing,
};

static int add_one(struct many *one, unsigned int i)
{
	int ret = -EINVAL;

	one->dev = kzalloc(sizeof(*one->dev), GFP_KERNEL);
	if (!one->dev)
		return -ENOMEM;
	device_initialize(one->dev);
	one->dev->parent = root;
	one->dev->release = (void (*)(struct device *))kfree;
	dev_set_name(one->dev, "find-%04u", i);
	if (device_add(one->dev))
		goto err_put;
	one->group = vfio_iommu_group_get(one->dev);
	if (!one->group)
		goto err_del;
	ret = vfio_add_group_dev(one->dev, &ops, one);
	if (ret)
		goto err_put_group;
	return 0;

err_put_group:
	vfio_iommu_group_put(one->group, one->dev);
err_del:
	device_del(one->dev);
err_put:
	put_device(one->dev);
	return ret;
}

static void find_exit(void)
{
	while (nr--) {
		vfio_del_group_dev(many[nr].dev);
		vfio_iommu_group_put(many[nr].group, many[nr].dev);
		device_unregister(many[nr].dev);
	}
	kvfree(many);
	root_device_unregister(root);
}

static int __init find_init(void)
{
	int ret = 0;

	root = root_device_register("find");
	if (IS_ERR(root))
		return PTR_ERR(root);
	many = kvcalloc(count, sizeof(*many), GFP_KERNEL);
	for (nr = 0; many && nr < count && !ret; nr++)
		ret = add_one(&many[nr], nr);
	if (!ret && many)
		return 0;
	nr -= ret != 0;
	find_exit();
	return ret ?: -ENOMEM;
}

module_init(find_init);
module_exit(find_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: many devices, to measure finding one");
