/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the type1 backend share.
 *
 * Life of a mapping
 *
 *   MAP_DMA    --> busy: in the map, so that its place is taken, but nobody
 *                  reaches it while the host gets hold of the memory
 *              --> live: devices and external users may take references
 *   UNMAP_DMA  --> busy: no new references; listeners are told to let go, and
 *                  the references that are left are waited for
 *              --> undone by the host, out of the map, freed
 *
 * Who wants to map or unmap something where a mapping is busy waits until that
 * is settled, with no lock held: what others do elsewhere goes on.
 *
 * Locks, outermost first
 *
 *   notifier.rwsem  the listeners; held while they are called, so they may pin
 *                   and unpin, but not register
 *   lock            see struct vfio_type1
 *   dirty_lock      bits of dirty pages, of those who hold @lock for reading
 *
 * The host's calls that touch the caller's memory, and all copies from and to
 * it, are made with none of them: that memory may take for ever.
 */
#ifndef ANYVFIO_TYPE1_PRIV_H
#define ANYVFIO_TYPE1_PRIV_H

#include "type1.h"
#include "iova.h"

/**
 * struct vfio_dma - one mapping, as MAP_DMA made it
 * @range:  its I/O addresses
 * @vaddr:  where it begins in the caller's memory
 * @users:  the map, each pin of a device, each page that external users pinned
 * @prot:   VFIO_DMA_MAP_FLAG_*
 * @busy:   being mapped or unmapped
 * @unused: of the UNMAP_DMA that waits: completed when @users reaches 0
 * @next:   in the list of one UNMAP_DMA
 * @cookie: the host's
 * @dirty:  a bit per page that was written, or NULL while there is none to keep
 *
 * @busy and @dirty are under vfio_type1::lock; @unused and @next belong to the
 * UNMAP_DMA that made the mapping busy; the rest is constant while it is live.
 * What a device needs comes first: it is looked at for each access.
 */
struct vfio_dma {
	struct iova_range range;
	u64 vaddr;
	refcount_t users;
	u16 prot;
	bool busy;
	void *cookie;
	struct completion *unused;
	struct vfio_dma *next;
	u64 *dirty;
};

/**
 * struct vfio_page - a page that external users pinned, once or more
 * @range: its I/O addresses
 * @dma:   the mapping it is in, held
 * @pfn:   its frame on the host
 * @pins:  how often; vfio_type1::lock
 */
struct vfio_page {
	struct iova_range range;
	struct vfio_dma *dma;
	unsigned long pfn;
	unsigned int pins;
};

/**
 * struct vfio_type1 - the I/O address space of one container
 * @iommu:        the host's side
 * @v2:           VFIO_TYPE1v2_IOMMU; constant, as @iommu
 * @lock:         guards the rest
 * @dmas:         of vfio_dma::range
 * @pages:        of vfio_page::range
 * @pgsize:       the smallest page of the host's IOMMU
 * @avail:        how many more mappings there may be
 * @nr_busy:      how many mappings are busy
 * @waiters:      who waits for some of them to settle, in turn
 * @tracking:     dirty pages are kept
 * @dirty_shift:  the size of such a page
 * @dirty_lock:   see above
 * @notifier:     who is told of unmaps; has its own lock
 * @nr_listeners: on @notifier
 */
struct vfio_type1 {
	struct port_iommu *iommu;
	bool v2;

	struct rw_semaphore lock;
	struct iova_map dmas;
	struct iova_map pages;
	u64 pgsize;
	unsigned int avail;
	unsigned int nr_busy;
	struct list_head waiters;
	bool tracking;
	unsigned int dirty_shift;

	struct mutex dirty_lock;

	struct blocking_notifier_head notifier;
	unsigned int nr_listeners;
};

static inline struct vfio_dma *dma_of(struct iova_range *range)
{
	return container_of(range, struct vfio_dma, range);
}

static inline struct vfio_page *page_of(struct iova_range *range)
{
	return container_of(range, struct vfio_page, range);
}

static inline u64 range_size(const struct iova_range *range)
{
	return range->last - range->start + 1;
}

/* Gives a reference back.  UNMAP_DMA waits for the last one, and frees the
 * mapping as soon as it is told. */
static inline void vfio_dma_put(struct vfio_dma *dma)
{
	if (refcount_dec_and_test(&dma->users))
		complete(dma->unused);
}

/* ---- type1_map.c ---- */

long vfio_type1_ioctl_map_dma(struct vfio_type1 *type1, unsigned long arg);
long vfio_type1_ioctl_unmap_dma(struct vfio_type1 *type1, unsigned long arg);
/* The end of the address space: undoes all that is left. */
void vfio_type1_unmap_all(struct vfio_type1 *type1);
/* All mappings lie where the host's IOMMU can translate. */
bool vfio_type1_fits(struct vfio_type1 *type1);

/* An end of [start, last] lies inside a mapping; @first is the first mapping of
 * it, or NULL.  The lock is held. */
bool vfio_type1_cuts(const struct vfio_type1 *type1,
		     const struct iova_range *first, u64 start, u64 last);

/* ---- type1_info.c ---- */

long vfio_type1_ioctl_get_info(struct vfio_type1 *type1, unsigned long arg);

/* ---- type1_pages.c ---- */

int vfio_type1_pin_pages(void *data, unsigned long *user_pfn, int npage,
			 int prot, unsigned long *phys_pfn);
int vfio_type1_unpin_pages(void *data, unsigned long *user_pfn, int npage);
int vfio_type1_register_notifier(void *data, unsigned long *events,
				 struct notifier_block *nb);
int vfio_type1_unregister_notifier(void *data, struct notifier_block *nb);
/* Tells the listeners that @dma goes, when they have pages of it. */
void vfio_type1_notify_unmap(struct vfio_type1 *type1, struct vfio_dma *dma);
void vfio_type1_unpin_all(struct vfio_type1 *type1);

/* ---- type1_dirty.c ---- */

/* The largest bitmap, in bytes: 2^31 pages. */
#define VFIO_DIRTY_BITMAP_MAX (1ull << 28)

long vfio_type1_ioctl_dirty_pages(struct vfio_type1 *type1, unsigned long arg);
/* Room for the bits of @dma when they are kept; 0 or an error. */
int vfio_dma_alloc_dirty(struct vfio_type1 *type1, struct vfio_dma *dma);
/* The device wrote @len bytes from the byte @off of @dma on; the lock is held.
 */
void vfio_dma_mark_dirty(struct vfio_type1 *type1, struct vfio_dma *dma,
			 u64 off, u64 len);
/* What the caller's bitmap must be for @size bytes; 0 or -EINVAL. */
int vfio_type1_check_bitmap(const struct vfio_bitmap *bitmap, u64 size);
/* Puts the bits of [start, last] into the caller's @bitmap, and with @clear
 * forgets them; 0 or an error. */
int vfio_type1_report_dirty(struct vfio_type1 *type1, u64 start, u64 last,
			    const struct vfio_bitmap *bitmap, bool clear);

#endif /* ANYVFIO_TYPE1_PRIV_H */
