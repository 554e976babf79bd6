// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vfio-pci.ko: the PCI bus driver on a pci_dev.
 *
 * The driver leaves its devices' DMA to whoever owns their group
 * (driver_managed_dma): binding alone does not make a group unviable.
 */
#include <linux/aperture.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>

#include "pci.h"

static char ids[1024] __initdata;
module_param_string(ids, ids, sizeof(ids), 0);
MODULE_PARM_DESC(ids, "Devices to bind to at once: vendor:device[:subvendor"
		      "[:subdevice[:class[:class_mask]]]],...");

static bool nointxmask;
module_param(nointxmask, bool, 0644);
MODULE_PARM_DESC(nointxmask, "Do not trust functions to mask their INTx: the "
			     "line is masked, and must not be shared");

static bool disable_vga;
module_param(disable_vga, bool, 0444);
MODULE_PARM_DESC(disable_vga, "Do not give users the addresses that VGA "
			      "controllers share");

/* ---- open, close, reset ---- */

static int pci_hw_enable(void *data)
{
	struct pci_hw *hw = data;
	struct pci_dev *pdev = hw->pdev;
	int ret;

	ret = pm_runtime_resume_and_get(&pdev->dev);
	if (ret < 0)
		return ret;
	pci_clear_master(pdev);
	hw->vf_memory = PCI_COMMAND_MEMORY;
	ret = pci_enable_device(pdev);
	if (ret)
		goto err_pm;
	/* From a known state, if it can be had; busy is for the opener. */
	ret = pci_try_reset_function(pdev);
	if (ret == -EAGAIN)
		goto err_disable;
	pci_save_state(pdev);
	hw->saved = pci_store_saved_state(pdev);
	hw->intx_can_mask = !nointxmask && pci_intx_mask_supported(pdev);
	return 0;

err_disable:
	pci_disable_device(pdev);
err_pm:
	pm_runtime_put(&pdev->dev);
	return ret;
}

static void pci_hw_disable(void *data)
{
	struct pci_hw *hw = data;
	struct pci_dev *pdev = hw->pdev;

	pci_clear_master(pdev);
	pci_hw_bar_enable(hw, false);
	pci_hw_forget_inodes(hw);
	pci_hw_unmap(hw);
	/* While the driver is being unbound the lock is taken: that resets it. */
	hw->needs_reset = pci_try_reset_function(pdev) == -EAGAIN;
	if (hw->saved)
		pci_load_and_free_saved_state(pdev, &hw->saved);
	pci_restore_state(pdev);
	pci_clear_master(pdev);
	pci_disable_device(pdev);
	pm_runtime_put(&pdev->dev);
}

/* What a bound function may use is counted: sleep begins with the last. */
static void pci_hw_rest(void *data)
{
	struct pci_hw *hw = data;

	pm_runtime_put(&hw->pdev->dev);
}

static int pci_hw_wake(void *data)
{
	struct pci_hw *hw = data;

	return min(pm_runtime_get_sync(&hw->pdev->dev), 0);
}

static int vfio_pci_runtime_suspend(struct device *dev)
{
	pci_hw_intx_sleep(dev_get_drvdata(dev));
	return 0;
}

static int vfio_pci_runtime_resume(struct device *dev)
{
	struct pci_hw *hw = dev_get_drvdata(dev);

	pci_hw_intx_wake(hw);
	if (vfio_pci_woken(hw->vdev))
		pm_runtime_get_noresume(dev);
	return 0;
}

static const struct dev_pm_ops pm_ops = { RUNTIME_PM_OPS(
	vfio_pci_runtime_suspend, vfio_pci_runtime_resume, NULL) };

static int pci_hw_reset(void *data)
{
	struct pci_hw *hw = data;

	return pci_try_reset_function(hw->pdev);
}

/* ---- the reset of a slot or bus ---- */

/* What pci_walk_bus() carries to each function. */
struct walk {
	struct pci_slot *slot; /* NULL: all of the bus */
	int (*fn)(const struct vfio_pci_dependent *dep, void *data);
	void *data;
	int ret;
};

/* On the slot itself, or on a bus behind a bridge in it. */
static bool is_below(struct pci_dev *pdev, const struct pci_slot *slot)
{
	while (pdev && pdev->bus != slot->bus)
		pdev = pdev->bus->self;
	return pdev && pdev->slot == slot;
}

static int tell_function(struct pci_dev *pdev, void *data)
{
	struct walk *walk = data;
	struct vfio_pci_dependent dep = {
		.group_id = -1,
		.segment = pci_domain_nr(pdev->bus),
		.bus = pdev->bus->number,
		.devfn = pdev->devfn,
	};
	struct iommu_group *group;

	if (walk->slot && !is_below(pdev, walk->slot))
		return 0;
	group = iommu_group_get(&pdev->dev);
	if (group)
		dep.group_id = iommu_group_id(group);
	iommu_group_put(group);
	walk->ret = walk->fn(&dep, walk->data);
	return walk->ret;
}

static int pci_hw_hot_reset_each(void *data,
				 int (*fn)(const struct vfio_pci_dependent *dep,
					   void *data),
				 void *fn_data)
{
	struct pci_hw *hw = data;
	struct walk walk = { .fn = fn, .data = fn_data };

	if (!pci_probe_reset_slot(hw->pdev->slot))
		walk.slot = hw->pdev->slot;
	else if (pci_probe_reset_bus(hw->pdev->bus))
		return -ENODEV;
	pci_walk_bus(hw->pdev->bus, tell_function, &walk);
	return walk.ret;
}

static int pci_hw_hot_reset(void *data)
{
	struct pci_hw *hw = data;

	return pci_reset_bus(hw->pdev);
}

/*
 * Around every reset of a function that is ours, whoever asks for it: the user,
 * the user of a neighbour on its bus, root by sysfs.  Its mappings are taken back,
 * and page faults wait (D4).
 */
static void vfio_pci_reset_prepare(struct pci_dev *pdev)
{
	pci_hw_reset_begin(pci_get_drvdata(pdev));
}

static void vfio_pci_reset_done(struct pci_dev *pdev)
{
	pci_hw_reset_end(pci_get_drvdata(pdev));
}

/* ---- configuration space ---- */

static u32 pci_hw_config_read(void *data, u32 off, u32 size)
{
	struct pci_hw *hw = data;
	u32 val = ~0u;
	u16 word = 0xffff;
	u8 byte = 0xff;

	switch (size) {
	case 1:
		pci_user_read_config_byte(hw->pdev, off, &byte);
		val = byte;
		break;
	case 2:
		pci_user_read_config_word(hw->pdev, off, &word);
		val = word;
		break;
	default:
		pci_user_read_config_dword(hw->pdev, off, &val);
	}
	return pci_hw_vf_read(hw, off, val);
}

static void pci_hw_config_write(void *data, u32 off, u32 size, u32 val)
{
	struct pci_hw *hw = data;

	pci_hw_vf_write(hw, off, val);
	switch (size) {
	case 1:
		pci_user_write_config_byte(hw->pdev, off, val);
		break;
	case 2:
		pci_user_write_config_word(hw->pdev, off, val);
		break;
	default:
		pci_user_write_config_dword(hw->pdev, off, val);
	}
}

static const struct vfio_pci_hw_ops pci_hw_ops = {
	.owner = THIS_MODULE,
	.enable = pci_hw_enable,
	.disable = pci_hw_disable,
	.config_read = pci_hw_config_read,
	.config_write = pci_hw_config_write,
	.bar_read = pci_hw_bar_read,
	.bar_write = pci_hw_bar_write,
	.vga_access = pci_hw_vga_access,
	.bar_mmap = pci_hw_bar_mmap,
	.bar_enable = pci_hw_bar_enable,
	.reset = pci_hw_reset,
	.hot_reset_each = pci_hw_hot_reset_each,
	.hot_reset = pci_hw_hot_reset,
	.rest = pci_hw_rest,
	.wake = pci_hw_wake,
	.irq_enable = pci_hw_irq_enable,
	.irq_disable = pci_hw_irq_disable,
	.irq_set = pci_hw_irq_set,
	.intx_mask = pci_hw_intx_mask,
	.intx_unmask = pci_hw_intx_unmask,
};

/* ---- what a function is made of ---- */

static void describe_bars(struct pci_dev *pdev, struct vfio_pci_info *info)
{
	unsigned long flags;
	u64 size;
	u32 i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		flags = pci_resource_flags(pdev, i);
		size = pci_resource_len(pdev, i);
		if (!size)
			continue;
		info->bar[i].size = size;
		if (flags & IORESOURCE_IO)
			info->bar[i].flags |= VFIO_PCI_BAR_IO;
		if (flags & IORESOURCE_MEM_64)
			info->bar[i].flags |= VFIO_PCI_BAR_64;
		if (flags & IORESOURCE_PREFETCH)
			info->bar[i].flags |= VFIO_PCI_BAR_PREFETCH;
		/* Without an address there is nothing to map. */
		if (flags & IORESOURCE_MEM && size >= PAGE_SIZE &&
		    !(flags & IORESOURCE_UNSET))
			info->bar[i].flags |= VFIO_PCI_BAR_MMAP;
	}
	info->rom_size = pci_resource_len(pdev, PCI_ROM_RESOURCE);
}

static void describe_irqs(struct pci_dev *pdev, struct vfio_pci_info *info)
{
	u32 table;
	u16 flags;
	u8 pin;

	pci_read_config_byte(pdev, PCI_INTERRUPT_PIN, &pin);
	info->has_intx = pin && pdev->irq;
	info->msi_cap = pdev->msi_cap;
	info->msi = max(pci_msi_vec_count(pdev), 0);
	info->msix_cap = pdev->msix_cap;
	info->msix = max(pci_msix_vec_count(pdev), 0);
	if (!info->msix)
		return;
	pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, &flags);
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_TABLE, &table);
	info->msix_bar = table & PCI_MSIX_TABLE_BIR;
	info->msix_offset = table & PCI_MSIX_TABLE_OFFSET;
	info->msix_size = ((flags & PCI_MSIX_FLAGS_QSIZE) + 1) * 16;
}

static void describe(struct pci_dev *pdev, struct vfio_pci_info *info)
{
	info->segment = pci_domain_nr(pdev->bus);
	info->bus = pdev->bus->number;
	info->devfn = pdev->devfn;
	info->config_size = pdev->cfg_size;
	info->name = pci_name(pdev);
	info->express = pci_is_pcie(pdev);
	info->can_reset = compat_can_reset(pdev);
	info->is_pf = pdev->is_physfn;
	info->has_vga = !disable_vga &&
			pdev->class >> 8 == PCI_CLASS_DISPLAY_VGA;
	describe_bars(pdev, info);
	describe_irqs(pdev, info);
}

/* ---- the driver ---- */

static struct pci_driver vfio_pci_driver;

static void hw_init(struct pci_hw *hw)
{
	mutex_init(&hw->map_lock);
	lockdep_register_key(&hw->bars_lock_key);
	init_rwsem(&hw->bars_lock);
	lockdep_set_class(&hw->bars_lock, &hw->bars_lock_key);
	INIT_LIST_HEAD(&hw->inodes);
	spin_lock_init(&hw->intx_lock);
}

static void hw_free(struct pci_hw *hw)
{
	lockdep_unregister_key(&hw->bars_lock_key);
	kfree(hw);
}

static int vfio_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_info info = {};
	struct pci_hw *hw;
	int ret;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;
	/* The user of a physical function has power over its virtual ones. */
	if (pci_num_vf(pdev)) {
		pci_warn(pdev, "has virtual functions; disable them first: "
			       "echo 0 > sriov_numvfs\n");
		return -EBUSY;
	}
	hw = kzalloc(sizeof(*hw), GFP_KERNEL);
	if (!hw)
		return -ENOMEM;
	hw->pdev = pdev;
	hw_init(hw);
	describe(pdev, &info);
	/* A console may draw where firmware left it a picture. */
	if (pdev->class >> 16 == PCI_BASE_CLASS_DISPLAY) {
		ret = aperture_remove_conflicting_pci_devices(pdev, "vfio-pci");
		if (ret)
			goto err_free;
	}
	info.pf = pci_hw_pf(pdev, &vfio_pci_driver);
	/* Once bound it can be opened, and so be reset. */
	pci_set_drvdata(pdev, hw);
	hw->vdev = vfio_pci_bind(&pdev->dev, &info, &pci_hw_ops, hw);
	if (IS_ERR(hw->vdev)) {
		ret = PTR_ERR(hw->vdev);
		goto err_free;
	}
	pm_runtime_allow(&pdev->dev);
	pm_runtime_put(&pdev->dev);
	return 0;

err_free:
	pci_set_drvdata(pdev, NULL);
	hw_free(hw);
	return ret;
}

/* The next driver finds nothing of the last user's.  The device's lock is held,
 * as it is whenever a driver is bound or unbound. */
static void late_reset(struct pci_dev *pdev)
{
	pci_save_state(pdev);
	if (!pci_cfg_access_trylock(pdev))
		return;
	__pci_reset_function_locked(pdev);
	pci_cfg_access_unlock(pdev);
	pci_restore_state(pdev);
}

static void vfio_pci_remove(struct pci_dev *pdev)
{
	struct pci_hw *hw = pci_get_drvdata(pdev);

	/* Awake from here on, so that no resume finds it gone. */
	pm_runtime_get_sync(&pdev->dev);
	pci_hw_sriov_configure(pdev, 0);
	vfio_pci_unbind(hw->vdev);
	pm_runtime_forbid(&pdev->dev);
	if (hw->needs_reset)
		late_reset(pdev);
	hw_free(hw);
}

static pci_ers_result_t vfio_pci_error_detected(struct pci_dev *pdev,
						pci_channel_state_t state)
{
	struct pci_hw *hw = pci_get_drvdata(pdev);

	vfio_pci_error(hw->vdev);
	return PCI_ERS_RESULT_CAN_RECOVER;
}

static const struct pci_error_handlers error_handlers = {
	.error_detected = vfio_pci_error_detected,
	.reset_prepare = vfio_pci_reset_prepare,
	.reset_done = vfio_pci_reset_done,
};

/* Any device, but only by driver_override or a dynamic id. */
static const struct pci_device_id vfio_pci_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vfio_pci_table);

static struct pci_driver vfio_pci_driver = {
	.name = "vfio-pci",
	.id_table = vfio_pci_table,
	.probe = vfio_pci_probe,
	.remove = vfio_pci_remove,
	.sriov_configure = pci_hw_sriov_configure,
	.err_handler = &error_handlers,
	.driver.pm = &pm_ops,
	.driver_managed_dma = true,
};

static void __init add_ids(void)
{
	unsigned int vendor, device, subvendor, subdevice, class, mask;
	char *rest = ids, *id;
	int fields;

	while ((id = strsep(&rest, ","))) {
		if (!*id)
			continue;
		subvendor = subdevice = PCI_ANY_ID;
		class = mask = 0;
		fields = sscanf(id, "%x:%x:%x:%x:%x:%x", &vendor, &device,
				&subvendor, &subdevice, &class, &mask);
		if (fields < 2) {
			pr_warn("vfio-pci: ids: \"%s\" is not vendor:device\n",
				id);
			continue;
		}
		if (pci_add_dynid(&vfio_pci_driver, vendor, device, subvendor,
				  subdevice, class, mask, 0))
			pr_warn("vfio-pci: cannot add id %s\n", id);
	}
}

static int __init vfio_pci_module_init(void)
{
	int ret;

	ret = pci_hw_sriov_init(&vfio_pci_driver);
	if (ret)
		return ret;
	ret = pci_register_driver(&vfio_pci_driver);
	if (ret) {
		pci_hw_sriov_exit();
		return ret;
	}
	add_ids();
	return 0;
}

static void __exit vfio_pci_module_exit(void)
{
	pci_unregister_driver(&vfio_pci_driver);
	pci_hw_sriov_exit();
}

module_init(vfio_pci_module_init);
module_exit(vfio_pci_module_exit);

MODULE_VERSION("anyvfio-0.1.0");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: the PCI bus driver");
