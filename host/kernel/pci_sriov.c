// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Virtual functions of a function that is ours (P3, P4).
 *
 * They come and go by sriov_numvfs of the physical one, at the latest when that is
 * unbound; none outlives it. The user of the physical function has power over
 * them, so a native driver, which would trust it, is not let near: vfio-pci is
 * chosen for them as they appear.
 */
#include <linux/module.h>
#include <linux/pm_runtime.h>

#include "pci.h"

static bool enable_sriov;
module_param(enable_sriov, bool, 0644);
MODULE_PARM_DESC(enable_sriov,
		 "Let sriov_numvfs make virtual functions of a function that "
		 "is in VFIO, whose user has power over them.");

static struct pci_hw *pf_of(struct pci_dev *pdev, struct pci_driver *driver)
{
	struct pci_dev *pf = pci_physfn(pdev);

	if (!pdev->is_virtfn || pf->dev.driver != &driver->driver)
		return NULL;
	return pci_get_drvdata(pf);
}

struct vfio_pci_device *pci_hw_pf(struct pci_dev *pdev,
				  struct pci_driver *driver)
{
	struct pci_hw *hw = pf_of(pdev, driver);

	return hw ? hw->vdev : NULL;
}

/* With the device's lock held. */
int pci_hw_sriov_configure(struct pci_dev *pdev, int nr)
{
	int ret;

	if (!nr) {
		if (!pci_num_vf(pdev))
			return 0;
		pci_disable_sriov(pdev);
		pm_runtime_put(&pdev->dev);
		return 0;
	}
	if (!enable_sriov) {
		pci_info(pdev, "its virtual functions would be in the power of "
			       "its user; set vfio-pci's enable_sriov for "
			       "that\n");
		return -ENOENT;
	}
	/* Asleep it would not answer for them. */
	ret = pm_runtime_resume_and_get(&pdev->dev);
	if (ret < 0)
		return ret;
	ret = pci_enable_sriov(pdev, nr);
	if (ret) {
		pm_runtime_put(&pdev->dev);
		return ret;
	}
	return nr;
}

/* ---- who gets them ---- */

static struct pci_driver *our_driver;

static int on_bus_event(struct notifier_block *nb, unsigned long event,
			void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	if (!pf_of(pdev, our_driver))
		return NOTIFY_DONE;
	if (event == BUS_NOTIFY_ADD_DEVICE &&
	    compat_set_driver_override(pdev, our_driver->name))
		pci_warn(pdev, "no memory to choose %s for it\n",
			 our_driver->name);
	else if (event == BUS_NOTIFY_BOUND_DRIVER &&
		 pdev->dev.driver != &our_driver->driver)
		pci_warn(pdev,
			 "bound to %s, but the user of %s has power "
			 "over it\n",
			 pdev->dev.driver->name, pci_name(pci_physfn(pdev)));
	return NOTIFY_DONE;
}

static struct notifier_block listener = { .notifier_call = on_bus_event };

int pci_hw_sriov_init(struct pci_driver *driver)
{
	our_driver = driver;
	return bus_register_notifier(&pci_bus_type, &listener);
}

void pci_hw_sriov_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &listener);
}

/* ---- configuration space of a virtual function ---- */

u32 pci_hw_vf_read(const struct pci_hw *hw, u32 off, u32 val)
{
	if (!hw->pdev->is_virtfn)
		return val;
	if (off == PCI_VENDOR_ID)
		return hw->pdev->vendor | (u32)hw->pdev->device << 16;
	return off == PCI_COMMAND ? val | hw->vf_memory : val;
}

void pci_hw_vf_write(struct pci_hw *hw, u32 off, u32 val)
{
	if (off == PCI_COMMAND)
		hw->vf_memory = val & PCI_COMMAND_MEMORY;
}
