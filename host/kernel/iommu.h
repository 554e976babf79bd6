/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the files of the kernel's port_iommu share. */
#ifndef ANYVFIO_KERNEL_IOMMU_H
#define ANYVFIO_KERNEL_IOMMU_H

#include "kernel.h"
#include "type1.h"

#define IOMMU_MAX_RANGES 32

/**
 * struct iommu_space - one domain of an address space
 * @node:     in port_iommu::domains
 * @members:  the groups in it
 * @coherent: the IOMMU makes all DMA through it snoop
 */
struct iommu_space {
	struct list_head node;
	struct iommu_domain *domain;
	struct list_head members;
	bool coherent;
};

struct iommu_member {
	struct list_head node;
	struct iommu_group *group;
};

struct usable_range {
	u64 start, last;
};

/* Frames that lie side by side. Eight bytes for a page that lies alone. */
struct frame_run {
	u64 pfn : 40;
	u64 nr : 24;
};

#define FRAME_RUN_MAX (1ul << 19)
/* A mapping of so many runs needs no memory for them. */
#define FEW_RUNS 4

/**
 * struct iommu_map - a mapping; type1's cookie
 * @runs:   the frames of it, in order: @few or an array of its own
 * @nr:     how many runs
 * @room:   for how many
 * @pfns:   frames without pages: the BAR of a device. Nothing is pinned
 * @mm:     whose locked memory it counts as
 * @locked: pages counted there
 */
struct iommu_map {
	struct list_head node;
	u64 iova;
	u64 size;
	int prot;
	bool pfns;
	struct frame_run *runs;
	unsigned long nr;
	unsigned long room;
	struct frame_run few[FEW_RUNS];
	struct mm_struct *mm;
	unsigned long locked;
};

struct port_iommu {
	struct rw_semaphore domains_lock;
	struct list_head domains;
	struct usable_range ranges[IOMMU_MAX_RANGES];
	unsigned int nr_ranges;
	u64 pgsizes;
	bool coherent;

	spinlock_t maps_lock;
	struct list_head maps;

	struct mm_struct *mm;
};

/* iommu_map.c: all mappings into a new domain, or none; out of an old one */
int iommu_space_enter(struct port_iommu *iommu, struct iommu_space *space);
void iommu_space_leave(struct port_iommu *iommu, struct iommu_space *space);

/* iommu_pin.c: gets hold of the caller's memory at @vaddr; lets it go, what there
 * is of it */
int iommu_map_pin(struct iommu_map *map, u64 vaddr);
void iommu_map_unpin(struct iommu_map *map);

#endif /* ANYVFIO_KERNEL_IOMMU_H */
