/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A pci_dev as the hardware of the PCI bus driver.
 *
 * Locks: bars_lock (rwsem) guards bars_on, and with it which mappings of the
 * BARs have pages, and inodes; page faults read it, below mmap_lock. The reset of a
 * bus holds those of all its functions, in the order of the bus, under the locks of
 * their devices; so each is a class of its own to lockdep. intx_lock (spinlock,
 * taken in interrupts) guards the state of INTx.
 */
#ifndef ANYVFIO_KERNEL_PCI_H
#define ANYVFIO_KERNEL_PCI_H

#include <linux/pci.h>

#include "kernel.h"
#include "vfio_pci.h"

struct pci_hw_vector {
	struct port_eventfd *trigger; /* NULL: no handler is installed */
	char name[32];
};

struct pci_hw {
	struct pci_dev *pdev;
	struct vfio_pci_device *vdev;
	struct pci_saved_state *saved; /* from before the first open */
	bool needs_reset; /* the last close could not */
	u16 vf_memory; /* COMMAND's memory enable, which a VF lacks */

	void __iomem *bars[PCI_STD_NUM_BARS]; /* mapped when first used */
	void __iomem *rom;
	size_t rom_size;
	void __iomem *vga; /* its memory */
	struct mutex map_lock; /* of those above */

	struct rw_semaphore bars_lock;
	struct lock_class_key bars_lock_key;
	bool bars_on;
	struct list_head inodes; /* of descriptors that mapped a BAR; held */

	struct pci_hw_vector *vectors; /* of MSI or MSI-X in use */
	u32 nr_vectors;

	spinlock_t intx_lock;
	bool intx_in_use;
	bool intx_can_mask; /* DisINTx works: the line may be shared */
	bool intx_masked;
	bool intx_missed; /* fired without a trigger */
	bool intx_rests; /* masked until it is awake */
	struct port_eventfd *intx_trigger;
};

/* pci_irq.c */
int pci_hw_irq_enable(void *data, u32 index, u32 nvec);
void pci_hw_irq_disable(void *data, u32 index);
void pci_hw_irq_set(void *data, u32 index, u32 vector,
		    struct port_eventfd *trigger);
void pci_hw_intx_mask(void *data);
void pci_hw_intx_unmask(void *data);
/* The function goes to sleep: nobody asks it whether its line is asserted; it is
 * awake again. */
void pci_hw_intx_sleep(struct pci_hw *hw);
void pci_hw_intx_wake(struct pci_hw *hw);

/* pci_sriov.c */
int pci_hw_sriov_init(struct pci_driver *driver);
void pci_hw_sriov_exit(void);
int pci_hw_sriov_configure(struct pci_dev *pdev, int nr);
/* The physical function of @pdev, if @driver has it. */
struct vfio_pci_device *pci_hw_pf(struct pci_dev *pdev,
				  struct pci_driver *driver);
/* What an access of configuration space is when the function is a virtual one:
 * @val was read from @off; @val is written there. */
u32 pci_hw_vf_read(const struct pci_hw *hw, u32 off, u32 val);
void pci_hw_vf_write(struct pci_hw *hw, u32 off, u32 val);

/* pci_bar.c */
u64 pci_hw_bar_read(void *data, u32 bar, u64 off, u32 size);
void pci_hw_bar_write(void *data, u32 bar, u64 off, u32 size, u64 val);
int pci_hw_vga_access(void *data, u64 off, u32 size, u64 *val, bool write);
int pci_hw_bar_mmap(void *data, u32 bar, u64 off, struct port_vma *vma);
void pci_hw_bar_enable(void *data, bool on);
/* In between no mapping reaches the BARs, and none gets pages. */
void pci_hw_reset_begin(struct pci_hw *hw);
void pci_hw_reset_end(struct pci_hw *hw);
void pci_hw_unmap(struct pci_hw *hw);
void pci_hw_forget_inodes(struct pci_hw *hw);

#endif /* ANYVFIO_KERNEL_PCI_H */
