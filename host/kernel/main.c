// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vfio.ko: the core on Linux. Starts and stops it (M1, M2), and exports its calls
 * to bus drivers, backends and external users.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "kernel.h"

static bool noiommu;
module_param_named(enable_unsafe_noiommu_mode, noiommu, bool, 0644);
MODULE_PARM_DESC(enable_unsafe_noiommu_mode,
		 "Let privileged users own devices that no IOMMU isolates: "
		 "such a device can write to all memory. Taints the kernel.");

bool port_noiommu_mode(void)
{
	return READ_ONCE(noiommu);
}

static int __init vfio_module_init(void)
{
	int ret;

	ret = mapping_inode_init();
	if (ret)
		return ret;
	ret = node_init();
	if (ret)
		goto err_inode;
	ret = vfio_init();
	if (ret)
		goto err_node;
	return 0;

err_node:
	node_exit();
err_inode:
	mapping_inode_exit();
	return ret;
}

static void __exit vfio_module_exit(void)
{
	vfio_exit();
	node_exit();
	mapping_inode_exit();
}

module_init(vfio_module_init);
module_exit(vfio_module_exit);

EXPORT_SYMBOL_GPL(vfio_iommu_group_get);
EXPORT_SYMBOL_GPL(vfio_iommu_group_put);
EXPORT_SYMBOL_GPL(vfio_add_group_dev);
EXPORT_SYMBOL_GPL(vfio_del_group_dev);
EXPORT_SYMBOL_GPL(vfio_device_get_from_dev);
EXPORT_SYMBOL_GPL(vfio_device_put);
EXPORT_SYMBOL_GPL(vfio_device_data);
EXPORT_SYMBOL_GPL(vfio_set_irqs_validate_and_prepare);
EXPORT_SYMBOL_GPL(vfio_set_irqs_one_action);
EXPORT_SYMBOL_GPL(vfio_info_cap_add);
EXPORT_SYMBOL_GPL(vfio_info_cap_shift);
EXPORT_SYMBOL_GPL(vfio_info_add_capability);
EXPORT_SYMBOL_GPL(vfio_register_iommu_driver);
EXPORT_SYMBOL_GPL(vfio_unregister_iommu_driver);
EXPORT_SYMBOL_GPL(vfio_group_get_external_user);
EXPORT_SYMBOL_GPL(vfio_group_put_external_user);
EXPORT_SYMBOL_GPL(vfio_external_group_match_file);
EXPORT_SYMBOL_GPL(vfio_external_user_iommu_id);
EXPORT_SYMBOL_GPL(vfio_external_check_extension);
EXPORT_SYMBOL_GPL(vfio_pin_pages);
EXPORT_SYMBOL_GPL(vfio_unpin_pages);
EXPORT_SYMBOL_GPL(vfio_register_notifier);
EXPORT_SYMBOL_GPL(vfio_unregister_notifier);
EXPORT_SYMBOL_GPL(vfio_group_set_kvm);

MODULE_ALIAS_MISCDEV(VFIO_MINOR);
MODULE_ALIAS("devname:vfio/vfio");
MODULE_SOFTDEP("post: vfio_iommu_type1");
/* DKMS takes what sorts behind the kernel's own "0.3", or none, for newer. */
MODULE_VERSION("anyvfio-0.1.0");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: the VFIO core");
