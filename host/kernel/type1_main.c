// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* vfio_iommu_type1.ko: the type1 backend on Linux. */
#include <linux/module.h>

#include "kernel.h"
#include "type1.h"

static unsigned int dma_entry_limit = 65535;
module_param(dma_entry_limit, uint, 0644);
MODULE_PARM_DESC(dma_entry_limit, "How many mappings a container may hold");

static int __init type1_module_init(void)
{
	vfio_type1_set_owner(THIS_MODULE);
	vfio_type1_set_dma_entry_limit(dma_entry_limit);
	return vfio_type1_init();
}

static void __exit type1_module_exit(void)
{
	vfio_type1_exit();
}

module_init(type1_module_init);
module_exit(type1_module_exit);

MODULE_VERSION("0.1.0");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: the type1 IOMMU backend");
