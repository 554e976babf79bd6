// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * BARs of a pci_dev: by access, and by mappings whose pages come with faults, so
 * that they can be taken away while memory decode is off (D4).
 *
 * Each descriptor of a device has an inode of its own for its mappings; those that
 * mapped a BAR are remembered, to find the pages again.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "pci.h"

/* ---- accesses ---- */

/* The BAR's registers, mapped when first touched; NULL when that fails. */
static void __iomem *bar_base(struct pci_hw *hw, u32 bar)
{
	void __iomem **base = bar == VFIO_PCI_ROM_REGION_INDEX ? &hw->rom
							       : &hw->bars[bar];
	void __iomem *addr = READ_ONCE(*base);

	if (likely(addr))
		return addr;
	mutex_lock(&hw->map_lock);
	addr = *base;
	if (!addr) {
		addr = bar == VFIO_PCI_ROM_REGION_INDEX
			       ? pci_map_rom(hw->pdev, &hw->rom_size)
			       : pci_iomap(hw->pdev, bar, 0);
		smp_store_release(base, addr);
	}
	mutex_unlock(&hw->map_lock);
	return addr;
}

void pci_hw_unmap(struct pci_hw *hw)
{
	u32 i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (hw->bars[i])
			pci_iounmap(hw->pdev, hw->bars[i]);
	memset(hw->bars, 0, sizeof(hw->bars));
	if (hw->rom)
		pci_unmap_rom(hw->pdev, hw->rom);
	hw->rom = NULL;
}

static bool is_beyond_rom(struct pci_hw *hw, u32 bar, u64 off, u32 size)
{
	return bar == VFIO_PCI_ROM_REGION_INDEX && off + size > hw->rom_size;
}

u64 pci_hw_bar_read(void *data, u32 bar, u64 off, u32 size)
{
	void __iomem *base = bar_base(data, bar);

	if (!base || is_beyond_rom(data, bar, off, size))
		return ~0ull;
	switch (size) {
	case 1:
		return ioread8(base + off);
	case 2:
		return ioread16(base + off);
	case 4:
		return ioread32(base + off);
	default:
		return readq(base + off); /* never I/O ports */
	}
}

void pci_hw_bar_write(void *data, u32 bar, u64 off, u32 size, u64 val)
{
	void __iomem *base = bar_base(data, bar);

	if (!base)
		return;
	switch (size) {
	case 1:
		iowrite8(val, base + off);
		break;
	case 2:
		iowrite16(val, base + off);
		break;
	case 4:
		iowrite32(val, base + off);
		break;
	default:
		writeq(val, base + off);
	}
}

/* ---- mappings ---- */

static vm_fault_t bar_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct pci_hw *hw = vma->vm_private_data;
	u64 off = (u64)vmf->pgoff << PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	phys_addr_t phys;

	phys = pci_resource_start(hw->pdev, VFIO_PCI_OFFSET_TO_INDEX(off)) +
	       (off & VFIO_PCI_OFFSET_MASK);
	down_read(&hw->bars_lock);
	if (hw->bars_on)
		ret = vmf_insert_pfn(vma, vmf->address, PHYS_PFN(phys));
	up_read(&hw->bars_lock);
	return ret;
}

static const struct vm_operations_struct bar_vm_ops = {
	.fault = bar_fault,
};

struct mapped_inode {
	struct list_head node;
	struct inode *inode;
};

/* Descriptors that were closed left theirs to us alone. */
static void drop_closed(struct pci_hw *hw)
{
	struct mapped_inode *mapped, *next;

	list_for_each_entry_safe(mapped, next, &hw->inodes, node)
		if (atomic_read(&mapped->inode->i_count) == 1) {
			list_del(&mapped->node);
			iput(mapped->inode);
			kfree(mapped);
		}
}

static int remember_inode(struct pci_hw *hw, struct inode *inode)
{
	struct mapped_inode *mapped;

	drop_closed(hw);
	list_for_each_entry(mapped, &hw->inodes, node)
		if (mapped->inode == inode)
			return 0;
	mapped = kmalloc(sizeof(*mapped), GFP_KERNEL_ACCOUNT);
	if (!mapped)
		return -ENOMEM;
	ihold(inode);
	mapped->inode = inode;
	list_add(&mapped->node, &hw->inodes);
	return 0;
}

/* The last descriptor was closed, so no mapping is left. */
void pci_hw_forget_inodes(struct pci_hw *hw)
{
	struct mapped_inode *mapped, *next;

	list_for_each_entry_safe(mapped, next, &hw->inodes, node) {
		iput(mapped->inode);
		kfree(mapped);
	}
	INIT_LIST_HEAD(&hw->inodes);
}

int pci_hw_bar_mmap(void *data, u32 bar, u64 off, struct port_vma *pvma)
{
	struct vm_area_struct *vma = (struct vm_area_struct *)pvma;
	struct pci_hw *hw = data;
	int ret;

	down_write(&hw->bars_lock);
	ret = remember_inode(hw, vma->vm_file->f_mapping->host);
	up_write(&hw->bars_lock);
	if (ret)
		return ret;
	vma->vm_private_data = hw;
	vma->vm_ops = &bar_vm_ops;
	/* Registers are no memory to be encrypted. */
	vma->vm_page_prot =
		pgprot_decrypted(pgprot_noncached(vma->vm_page_prot));
	compat_vm_flags_set(vma,
			    VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static void revoke(struct pci_hw *hw)
{
	struct mapped_inode *mapped;

	lockdep_assert_held_write(&hw->bars_lock);
	list_for_each_entry(mapped, &hw->inodes, node)
		unmap_mapping_range(mapped->inode->i_mapping, 0, 0, true);
}

void pci_hw_bar_enable(void *data, bool on)
{
	struct pci_hw *hw = data;

	down_write(&hw->bars_lock);
	hw->bars_on = on;
	if (!on)
		revoke(hw);
	up_write(&hw->bars_lock);
}

void pci_hw_reset_begin(struct pci_hw *hw)
{
	down_write(&hw->bars_lock);
	revoke(hw);
}

void pci_hw_reset_end(struct pci_hw *hw)
{
	up_write(&hw->bars_lock);
}
