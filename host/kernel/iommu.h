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

/**
 * struct iommu_map - a mapping; type1's cookie
 * @done:   how much of it is entered into the domains, from its start; changes
 *          with domains_lock held for reading by who maps it
 * @pfns:   of frames without pages: the BAR of a device. Nothing is pinned
 * @mm:     whose locked memory it counts as
 * @locked: pages counted there
 */
struct iommu_map {
	struct list_head node;
	u64 iova;
	u64 size;
	u64 done;
	int prot;
	bool pfns;
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

/* Enters all mappings into a new domain; on an error none is left in it. */
int iommu_replay(struct port_iommu *iommu, struct iommu_space *space);

#endif /* ANYVFIO_KERNEL_IOMMU_H */
