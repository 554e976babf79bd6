/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The PCI bus driver: gives a user one PCI function.
 *
 * It is written once over a table of hardware operations.  In a kernel the
 * hardware is a pci_dev; in user space it is a software function.
 */
#ifndef ANYVFIO_VFIO_PCI_H
#define ANYVFIO_VFIO_PCI_H

#include "port.h"
#include "anyvfio/vfio.h"

#define VFIO_PCI_NR_BARS 6

/* Regions lie at index << 40 of the descriptor, as clients expect. */
#define VFIO_PCI_OFFSET_SHIFT 40
#define VFIO_PCI_INDEX_TO_OFFSET(index) ((u64)(index) << VFIO_PCI_OFFSET_SHIFT)
#define VFIO_PCI_OFFSET_TO_INDEX(off) ((u64)(off) >> VFIO_PCI_OFFSET_SHIFT)
#define VFIO_PCI_OFFSET_MASK ((1ull << VFIO_PCI_OFFSET_SHIFT) - 1)

#define VFIO_PCI_BAR_IO 1u /* I/O ports, not memory */
#define VFIO_PCI_BAR_64 2u /* takes this BAR and the next */
#define VFIO_PCI_BAR_PREFETCH 4u
#define VFIO_PCI_BAR_MMAP 8u /* offered for mmap */

/**
 * struct vfio_pci_info - what a function is made of; constant while bound
 * @segment, @bus, @devfn: where it is
 * @config_size: 256, or 4096 with PCI Express
 * @bar:       size (a power of two, 0 for none) and VFIO_PCI_BAR_* of each
 * @rom_size:  of the expansion ROM, or 0
 * @has_intx:  it has an interrupt pin
 * @msi, @msix: vectors of each kind, or 0
 * @msi_cap, @msix_cap: where their capabilities lie in config space, or 0
 * @msix_bar, @msix_offset, @msix_size: the MSI-X table
 * @can_reset: @reset works
 * @express:   it is a PCI Express function (has ERR)
 * @name:      "0000:01:00.0"
 * @has_vga:   a VGA controller: it answers at the addresses that all of these share
 * @is_pf:     it can have virtual functions
 * @pf:        of a virtual function whose physical one has the bus driver too:
 *             that one, which is unbound later
 */
struct vfio_pci_info {
	u32 segment;
	u8 bus;
	u8 devfn;
	u16 config_size;
	struct {
		u64 size;
		u32 flags;
	} bar[VFIO_PCI_NR_BARS];
	u32 rom_size;
	bool has_intx;
	u16 msi;
	u16 msix;
	u8 msi_cap;
	u8 msix_cap;
	u8 msix_bar;
	u32 msix_offset;
	u32 msix_size;
	bool can_reset;
	bool express;
	const char *name;
	bool has_vga;
	bool is_pf;
	struct vfio_pci_device *pf;
};

/* A function that a bus or slot reset of another one reaches too. */
struct vfio_pci_dependent {
	int group_id; /* -1: none */
	u32 segment;
	u8 bus;
	u8 devfn;
};

/**
 * struct vfio_pci_hw_ops - a function as hardware.  @hw is its owner's.
 * @owner:   the module with these operations, held while the function is open
 * @enable:  first open: power it, let it decode memory and I/O, keep bus
 *           mastering off; its registers are as after @reset.  0 or an error for
 *           the opener
 * @disable: last close: stop its DMA, free its interrupts, bring it to rest
 * @config_read: @size (1, 2, 4) bytes at the aligned @off of its config space
 * @config_write: the same, written.  The bus driver filters: only what the
 *           hardware may see arrives
 * @bar_read: one access of @size (1, 2, 4, 8) bytes at the aligned @off;
 *           @bar is a region index: 0 to 5, or the ROM's
 * @bar_write: the same, written
 * @vga_access: one access of @size (1, 2, 4) bytes at the aligned address @off on
 *           the bus, of memory from 0xa0000 on or of ports below 0x3e0, once no other
 *           controller answers there.  0, or an error when the caller was
 *           interrupted.  May be NULL without has_vga
 * @bar_mmap: map @vma onto the BAR from byte @off; checked to lie inside one
 *           area of @bar_area
 * @bar_area: area @i of @bar that a program may map, ascending by offset, whole
 *           pages, never two that touch; false when there is none.  Asked anew
 *           each time, so it may change.  NULL: all of a VFIO_PCI_BAR_MMAP BAR
 * @bar_enable: memory decode was switched: while off, mappings that exist must
 *           not reach the device (D4)
 * @reset:   function-level reset; registers and config space as after
 *           power-on.  What @irq_enable and @irq_set made stays in force, and
 *           the bus driver writes back the config space the user set
 * @hot_reset_each: call @fn for each function that a hot reset would reach, this
 *           one too, until @fn returns non-zero; that value is returned
 * @hot_reset: do it; to this function it is as @reset, the others come out as
 *           they were but for their registers
 * @rest:    the user does without it: it may be put to sleep, and to the user only
 *           takes longer then.  NULL: it cannot
 * @wake:    takes one @rest back: it is awake when this returns; or an error, and it is
 *           not.  A call of the user's that finds it at rest is a @wake and a @rest
 * @irq_enable: begin to use @nvec vectors of interrupt @index
 *           (VFIO_PCI_INTX_IRQ_INDEX, _MSI_, _MSIX_); nothing is signalled
 *           before @irq_set.  0, a negated errno, or how many vectors there
 *           are when @nvec cannot be had.  For MSI-X in use, a call with a
 *           larger @nvec adds vectors or is -EINVAL; those in use stay
 * @irq_disable: end it; no signal arrives after it returns
 * @irq_set: signal @trigger (NULL: nothing) when @vector fires; when it returns
 *           the former trigger is no longer used
 * @intx_mask: keep INTx silent
 * @intx_unmask: let it speak; signals at once when the line is still asserted
 *
 * INTx signals once and masks itself (automask) until @intx_unmask.
 * What overlaps what: @enable, @disable, @reset and @hot_reset nothing.  The
 * interrupt calls not each other; config accesses not each other; @bar_mmap and
 * @bar_enable neither each other nor an access of a BAR.  All else may overlap:
 * accesses of BARs each other, too.  At rest BARs are accessed with @bar_enable off.
 * @hot_reset_each changes nothing and may overlap all.  It and @hot_reset may
 * both be NULL: no such reset.
 */
struct vfio_pci_hw_ops {
	struct module *owner;
	int (*enable)(void *hw);
	void (*disable)(void *hw);
	u32 (*config_read)(void *hw, u32 off, u32 size);
	void (*config_write)(void *hw, u32 off, u32 size, u32 val);
	u64 (*bar_read)(void *hw, u32 bar, u64 off, u32 size);
	void (*bar_write)(void *hw, u32 bar, u64 off, u32 size, u64 val);
	int (*vga_access)(void *hw, u64 off, u32 size, u64 *val, bool write);
	int (*bar_mmap)(void *hw, u32 bar, u64 off, struct port_vma *vma);
	bool (*bar_area)(void *hw, u32 bar, u32 i, u64 *off, u64 *len);
	void (*bar_enable)(void *hw, bool on);
	int (*reset)(void *hw);
	int (*hot_reset_each)(void *hw,
			      int (*fn)(const struct vfio_pci_dependent *dep,
					void *data),
			      void *data);
	int (*hot_reset)(void *hw);
	void (*rest)(void *hw);
	int (*wake)(void *hw);
	int (*irq_enable)(void *hw, u32 index, u32 nvec);
	void (*irq_disable)(void *hw, u32 index);
	void (*irq_set)(void *hw, u32 index, u32 vector,
			struct port_eventfd *trigger);
	void (*intx_mask)(void *hw);
	void (*intx_unmask)(void *hw);
};

struct vfio_pci_device;

/* Binds the bus driver to @dev: from then on a user can open it.  @info is
 * copied; @ops and @hw must stay until vfio_pci_unbind() returns. */
struct vfio_pci_device *vfio_pci_bind(struct device *dev,
				      const struct vfio_pci_info *info,
				      const struct vfio_pci_hw_ops *ops,
				      void *hw);
/* Takes the device back; asks its user by the REQ interrupt and waits (B3). */
void vfio_pci_unbind(struct vfio_pci_device *vdev);
/* The function was asleep by @rest, and is awake, whoever woke it; no lock of its owner's
 * is held.  True: its rest is over, and one @rest is to be taken back. */
bool vfio_pci_woken(struct vfio_pci_device *vdev);
/* The hardware reported an error: tells the user by the ERR interrupt. */
void vfio_pci_error(struct vfio_pci_device *vdev);

#endif /* ANYVFIO_VFIO_PCI_H */
