/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The type1 backend: one I/O address space per container, filled by the user
 * with VFIO_IOMMU_MAP_DMA (rule I3).  iova.c keeps the ranges, this object the
 * rules of the uAPI, and the host's port_iommu what the hardware must be told.
 */
#ifndef ANYVFIO_TYPE1_H
#define ANYVFIO_TYPE1_H

#include "port.h"
#include "anyvfio/vfio.h"

struct vfio_type1;

/* What holds the code of the backend, where it is a module of its own; before
 * vfio_type1_init(). */
void vfio_type1_set_owner(struct module *owner);
int vfio_type1_init(void);
void vfio_type1_exit(void);

/* How many mappings a container may hold (65,535 unless set); a container
 * takes the limit in force when it is opened. */
void vfio_type1_set_dma_entry_limit(unsigned int limit);

/*
 * The device's side: how a software device, or an external user, reaches what
 * the user mapped.  @prot is the right it needs: VFIO_DMA_MAP_FLAG_READ to read
 * memory, _WRITE to write it.  A range need not lie in one mapping.
 */

/**
 * struct vfio_type1_pin - a held piece of one mapping
 * @vaddr: where it begins in the user's memory
 * @len:   its length: up to what was asked for, less at a mapping's end
 * @before: how much of the mapping lies before it
 * @dma:   the mapping, which is not unmapped before vfio_type1_unpin()
 */
struct vfio_type1_pin {
	u64 vaddr;
	u64 len;
	u64 before;
	void *dma;
};

/* 0; -EFAULT: nothing mapped at @iova; -EPERM: not with this right. */
int vfio_type1_pin(struct vfio_type1 *type1, u64 iova, u64 len, u32 prot,
		   struct vfio_type1_pin *pin);
/* @written: how many bytes from the start of the pin the device wrote. */
void vfio_type1_unpin(struct vfio_type1 *type1, struct vfio_type1_pin *pin,
		      u64 written);

/* Copies to (@write) or from mapped memory.  On an error (as above) *@done
 * tells how many bytes were copied before it. */
int vfio_type1_rw(struct vfio_type1 *type1, u64 iova, void *buf, size_t len,
		  bool write, size_t *done);

/* The mapping nearest to @iova, for messages; false when there is none. */
bool vfio_type1_nearest(struct vfio_type1 *type1, u64 iova, u64 *start,
			u64 *last);

#endif /* ANYVFIO_TYPE1_H */
