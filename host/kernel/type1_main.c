// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* vfio_iommu_type1.ko: the type1 backend on Linux. */
#include <linux/module.h>

#include "kernel.h"
#include "type1.h"

static unsigned int dma_entry_limit = 65535;

/* It is for the containers that are opened from then on. */
static int set_dma_entry_limit(const char *val, const struct kernel_param *kp)
{
	int ret = param_set_uint(val, kp);

	if (!ret)
		vfio_type1_set_dma_entry_limit(dma_entry_limit);
	return ret;
}

static const struct kernel_param_ops dma_entry_limit_ops = {
	.set = set_dma_entry_limit,
	.get = param_get_uint,
};

module_param_cb(dma_entry_limit, &dma_entry_limit_ops, &dma_entry_limit, 0644);
MODULE_PARM_DESC(dma_entry_limit, "How many mappings a container may hold");

static int __init type1_module_init(void)
{
	vfio_type1_set_owner(THIS_MODULE);
	return vfio_type1_init();
}

static void __exit type1_module_exit(void)
{
	vfio_type1_exit();
}

module_init(type1_module_init);
module_exit(type1_module_exit);

MODULE_VERSION("anyvfio-0.1.0");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: the type1 IOMMU backend");
