// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Interrupts of a pci_dev: a handler signals an eventfd and that is all. INTx is a
 * level: the handler masks it, until the user has served it and unmasks.
 */
#include <linux/interrupt.h>

#include "pci.h"

/* ---- MSI and MSI-X ---- */

static irqreturn_t vector_handler(int irq, void *trigger)
{
	port_eventfd_signal(trigger);
	return IRQ_HANDLED;
}

static void set_vector(struct pci_hw *hw, u32 index, u32 nr,
		       struct port_eventfd *trigger)
{
	struct pci_hw_vector *vector = &hw->vectors[nr];
	int irq = pci_irq_vector(hw->pdev, nr);
	int ret;

	if (vector->trigger)
		free_irq(irq, vector->trigger);
	vector->trigger = NULL;
	if (!trigger)
		return;
	snprintf(vector->name, sizeof(vector->name), "vfio-%s[%u](%s)",
		 index == VFIO_PCI_MSIX_IRQ_INDEX ? "msix" : "msi", nr,
		 pci_name(hw->pdev));
	ret = request_irq(irq, vector_handler, 0, vector->name, trigger);
	if (ret)
		port_err("%s: no handler for vector %u: %d", pci_name(hw->pdev),
			 nr, ret);
	else
		vector->trigger = trigger;
}

static int enable_vectors(struct pci_hw *hw, u32 index, u32 nvec)
{
	unsigned int kind = index == VFIO_PCI_MSIX_IRQ_INDEX ? PCI_IRQ_MSIX
							     : PCI_IRQ_MSI;
	int nr;

	/* Vectors cannot be added to those in use on every kernel. */
	if (hw->vectors)
		return -EINVAL;
	hw->vectors = kcalloc(nvec, sizeof(*hw->vectors), GFP_KERNEL_ACCOUNT);
	if (!hw->vectors)
		return -ENOMEM;
	nr = pci_alloc_irq_vectors(hw->pdev, 1, nvec, kind);
	if (nr == nvec) {
		hw->nr_vectors = nvec;
		return 0;
	}
	if (nr > 0)
		pci_free_irq_vectors(hw->pdev);
	kfree(hw->vectors);
	hw->vectors = NULL;
	return nr;
}

static void disable_vectors(struct pci_hw *hw, u32 index)
{
	u32 i;

	for (i = 0; i < hw->nr_vectors; i++)
		set_vector(hw, index, i, NULL);
	pci_free_irq_vectors(hw->pdev);
	kfree(hw->vectors);
	hw->vectors = NULL;
	hw->nr_vectors = 0;
}

/* ---- INTx ---- */

static irqreturn_t intx_handler(int irq, void *data)
{
	struct pci_hw *hw = data;
	irqreturn_t ret = IRQ_NONE;
	unsigned long flags;

	spin_lock_irqsave(&hw->intx_lock, flags);
	if (!hw->intx_can_mask) {
		disable_irq_nosync(irq);
		hw->intx_masked = true;
		ret = IRQ_HANDLED;
	} else if (!hw->intx_masked && pci_check_and_mask_intx(hw->pdev)) {
		hw->intx_masked = true;
		ret = IRQ_HANDLED;
	}
	if (ret == IRQ_HANDLED && hw->intx_trigger)
		port_eventfd_signal(hw->intx_trigger);
	else if (ret == IRQ_HANDLED)
		hw->intx_missed = true;
	spin_unlock_irqrestore(&hw->intx_lock, flags);
	return ret;
}

static int enable_intx(struct pci_hw *hw)
{
	int ret;

	if (!hw->pdev->irq || hw->pdev->irq == IRQ_NOTCONNECTED)
		return -ENODEV;
	hw->intx_masked = false;
	hw->intx_missed = false;
	hw->intx_trigger = NULL;
	if (hw->intx_can_mask)
		pci_intx(hw->pdev, 1);
	ret = request_irq(hw->pdev->irq, intx_handler,
			  hw->intx_can_mask ? IRQF_SHARED : 0,
			  pci_name(hw->pdev), hw);
	hw->intx_in_use = !ret;
	return ret;
}

static void disable_intx(struct pci_hw *hw)
{
	/* The line may be disabled: whoever requests it next finds it enabled. */
	free_irq(hw->pdev->irq, hw);
	hw->intx_in_use = false;
	hw->intx_trigger = NULL;
}

static void set_intx(struct pci_hw *hw, struct port_eventfd *trigger)
{
	unsigned long flags;

	spin_lock_irqsave(&hw->intx_lock, flags);
	hw->intx_trigger = trigger;
	/* It fired, and masked itself, when there was nobody to tell. */
	if (trigger && hw->intx_missed)
		port_eventfd_signal(trigger);
	if (trigger)
		hw->intx_missed = false;
	spin_unlock_irqrestore(&hw->intx_lock, flags);
}

void pci_hw_intx_mask(void *data)
{
	struct pci_hw *hw = data;
	unsigned long flags;

	spin_lock_irqsave(&hw->intx_lock, flags);
	if (hw->intx_in_use && !hw->intx_masked) {
		if (hw->intx_can_mask)
			pci_intx(hw->pdev, 0);
		else
			disable_irq_nosync(hw->pdev->irq);
		hw->intx_masked = true;
	}
	spin_unlock_irqrestore(&hw->intx_lock, flags);
}

void pci_hw_intx_unmask(void *data)
{
	struct pci_hw *hw = data;
	unsigned long flags;

	spin_lock_irqsave(&hw->intx_lock, flags);
	if (!hw->intx_in_use || !hw->intx_masked)
		goto out_unlock;
	if (hw->intx_can_mask && !pci_check_and_unmask_intx(hw->pdev)) {
		/* Still asserted: it stays masked and speaks at once. */
		if (hw->intx_trigger)
			port_eventfd_signal(hw->intx_trigger);
		goto out_unlock;
	}
	hw->intx_masked = false;
	if (!hw->intx_can_mask)
		enable_irq(hw->pdev->irq);
out_unlock:
	spin_unlock_irqrestore(&hw->intx_lock, flags);
}

void pci_hw_intx_sleep(struct pci_hw *hw)
{
	hw->intx_rests = hw->intx_in_use && !hw->intx_masked;
	pci_hw_intx_mask(hw);
}

void pci_hw_intx_wake(struct pci_hw *hw)
{
	if (hw->intx_rests)
		pci_hw_intx_unmask(hw);
	hw->intx_rests = false;
}

/* ---- the table's calls ---- */

int pci_hw_irq_enable(void *data, u32 index, u32 nvec)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		return enable_intx(data);
	return enable_vectors(data, index, nvec);
}

void pci_hw_irq_disable(void *data, u32 index)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		disable_intx(data);
	else
		disable_vectors(data, index);
}

void pci_hw_irq_set(void *data, u32 index, u32 vector,
		    struct port_eventfd *trigger)
{
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		set_intx(data, trigger);
	else
		set_vector(data, index, vector, trigger);
}
