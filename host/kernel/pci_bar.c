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
#include <linux/vgaarb.h>

#include "pci.h"

/* ---- accesses ---- */

/* Memory that VGA controllers share, and ports. */
#define VGA_MEMORY 0xa0000
#define VGA_MEMORY_SIZE 0x20000
#define VGA_PORTS 0x3b0
#define VGA_NR_PORTS 0x30

static void __iomem **base_of(struct pci_hw *hw, u32 region)
{
	if (region == VFIO_PCI_VGA_REGION_INDEX)
		return &hw->vga;
	return region == VFIO_PCI_ROM_REGION_INDEX ? &hw->rom
						   : &hw->bars[region];
}

static void __iomem *map_region(struct pci_hw *hw, u32 region)
{
	if (region == VFIO_PCI_VGA_REGION_INDEX)
		return ioremap(VGA_MEMORY, VGA_MEMORY_SIZE);
	if (region == VFIO_PCI_ROM_REGION_INDEX)
		return pci_map_rom(hw->pdev, &hw->rom_size);
	return pci_iomap(hw->pdev, region, 0);
}

/* The region's memory, mapped when first touched; NULL when that fails. */
static void __iomem *region_base(struct pci_hw *hw, u32 region)
{
	void __iomem **base = base_of(hw, region);
	void __iomem *addr = READ_ONCE(*base);

	if (likely(addr))
		return addr;
	mutex_lock(&hw->map_lock);
	addr = *base;
	if (!addr) {
		addr = map_region(hw, region);
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
	if (hw->vga)
		iounmap(hw->vga);
	hw->vga = NULL;
}

static bool is_beyond_rom(struct pci_hw *hw, u32 bar, u64 off, u32 size)
{
	return bar == VFIO_PCI_ROM_REGION_INDEX && off + size > hw->rom_size;
}

/* @size is 8 for memory only. */
static u64 io_read(const void __iomem *addr, u32 size)
{
	switch (size) {
	case 1:
		return ioread8(addr);
	case 2:
		return ioread16(addr);
	case 4:
		return ioread32(addr);
	default:
		return readq(addr);
	}
}

static void io_write(void __iomem *addr, u32 size, u64 val)
{
	switch (size) {
	case 1:
		iowrite8(val, addr);
		break;
	case 2:
		iowrite16(val, addr);
		break;
	case 4:
		iowrite32(val, addr);
		break;
	default:
		writeq(val, addr);
	}
}

u64 pci_hw_bar_read(void *data, u32 bar, u64 off, u32 size)
{
	void __iomem *base = region_base(data, bar);

	if (!base || is_beyond_rom(data, bar, off, size))
		return ~0ull;
	return io_read(base + off, size);
}

void pci_hw_bar_write(void *data, u32 bar, u64 off, u32 size, u64 val)
{
	void __iomem *base = region_base(data, bar);

	if (base)
		io_write(base + off, size, val);
}

/* ---- the addresses that VGA controllers share ---- */

/* The kernel's arbiter gives them to one controller at a time. */
int pci_hw_vga_access(void *data, u64 off, u32 size, u64 *val, bool write)
{
	struct pci_hw *hw = data;
	bool memory = off >= VGA_MEMORY;
	unsigned int what = memory ? VGA_RSRC_LEGACY_MEM : VGA_RSRC_LEGACY_IO;
	void __iomem *base;
	int ret;

	base = memory ? region_base(hw, VFIO_PCI_VGA_REGION_INDEX)
		      : ioport_map(VGA_PORTS, VGA_NR_PORTS);
	if (!base)
		return -ENOMEM;
	ret = vga_get_interruptible(hw->pdev, what);
	/* Not begun anew: accesses before this one may have done something. */
	if (ret)
		return ret == -ERESTARTSYS ? -EINTR : ret;
	off -= memory ? VGA_MEMORY : VGA_PORTS;
	if (write)
		io_write(base + off, size, *val);
	else
		*val = io_read(base + off, size);
	vga_put(hw->pdev, what);
	return 0;
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
