// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * MAP_DMA and UNMAP_DMA: the rules of I3, and the waiting that makes an
 * UNMAP_DMA mean that no device uses the range when it returns.
 */
#include "type1_priv.h"

/* How long the listeners and devices have before they are asked again, and
 * after how many times the log is told. */
#define UNMAP_RETRY_MS 1000
#define UNMAP_RETRY_WARN 10

/* ---- busy mappings ---- */

/* Who waits for [start, last] to settle; in the list as long as it does. */
struct settle_waiter {
	struct list_head node;
	u64 start;
	u64 last;
	struct completion changed;
};

/* All look again themselves whether it was what they waited for. */
static void wake_waiters(struct vfio_type1 *type1)
{
	struct settle_waiter *waiter;

	lockdep_assert_held_write(&type1->lock);

	list_for_each_entry(waiter, &type1->waiters, node)
		complete(&waiter->changed);
}

/* Nothing in the range is busy, and nobody came before who waits for some of
 * it: else one that wants a lot would wait for ever behind many that want
 * little. */
static bool has_settled(struct vfio_type1 *type1,
			const struct settle_waiter *self)
{
	const struct settle_waiter *other;
	struct iova_range *range;

	list_for_each_entry(other, &type1->waiters, node) {
		if (other == self)
			break;
		if (other->start <= self->last && other->last >= self->start)
			return false;
	}
	iova_map_for_each(range, &type1->dmas, self->start, self->last)
		if (dma_of(range)->busy)
			return false;
	return true;
}

/* Returns when [start, last] is the caller's to change; lets the lock go while
 * it waits. */
static void settle(struct vfio_type1 *type1, u64 start, u64 last)
{
	struct settle_waiter self = { .start = start, .last = last };

	lockdep_assert_held_write(&type1->lock);

	if (likely(!type1->nr_busy && list_empty(&type1->waiters)))
		return;
	list_add_tail(&self.node, &type1->waiters);
	while (!has_settled(type1, &self)) {
		init_completion(&self.changed);
		up_write(&type1->lock);
		while (port_wait(&self.changed, UNMAP_RETRY_MS, false))
			;
		down_write(&type1->lock);
	}
	list_del(&self.node);
	/* Those behind may go on when the caller changes nothing after all. */
	wake_waiters(type1);
}

static void set_busy(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	lockdep_assert_held_write(&type1->lock);
	dma->busy = true;
	type1->nr_busy++;
}

static void clear_busy(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	lockdep_assert_held_write(&type1->lock);
	dma->busy = false;
	type1->nr_busy--;
}

/* ---- what may be mapped ---- */

/* [start, last] lies within one of the ranges that the IOMMU translates. */
static bool is_usable(struct vfio_type1 *type1, u64 start, u64 last)
{
	u64 from, to;
	unsigned int i;

	for (i = 0; port_iommu_range(type1->iommu, i, &from, &to); i++)
		if (start >= from && last <= to)
			return true;
	return false;
}

bool vfio_type1_fits(struct vfio_type1 *type1)
{
	struct iova_range *range;
	bool fits = true;

	down_read(&type1->lock);
	iova_map_for_each(range, &type1->dmas, 0, IOVA_LAST) {
		fits = is_usable(type1, range->start, range->last);
		if (!fits)
			break;
	}
	up_read(&type1->lock);
	return fits;
}

static int check_map(const struct vfio_iommu_type1_dma_map *map)
{
	const u32 rights = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	u64 last;

	if (map->argsz < sizeof(*map) || map->flags & ~rights)
		return -EINVAL;
	if (!map->size || !map->flags)
		return -EINVAL;
	if (check_add_overflow(map->iova, map->size - 1, &last) ||
	    check_add_overflow(map->vaddr, map->size - 1, &last))
		return -EOVERFLOW;
	return 0;
}

/* ---- MAP_DMA ---- */

static struct vfio_dma *create_dma(const struct vfio_iommu_type1_dma_map *map)
{
	struct vfio_dma *dma;

	dma = port_zalloc(sizeof(*dma));
	if (!dma)
		return NULL;
	dma->range.start = map->iova;
	dma->range.last = map->iova + (map->size - 1);
	dma->vaddr = map->vaddr;
	dma->prot = map->flags;
	refcount_set(&dma->users, 1);
	return dma;
}

static void free_dma(struct vfio_dma *dma)
{
	port_free(dma->dirty);
	port_free(dma);
}

static void remove_dma(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	clear_busy(type1, dma);
	iova_map_remove(&type1->dmas, &dma->range);
	type1->avail++;
}

/* Puts @dma into the map, busy.  Which error wins when several would do is
 * part of the interface. */
static int insert_dma(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	const u64 bits = dma->range.start | range_size(&dma->range) |
			 dma->vaddr;
	int ret;

	lockdep_assert_held_write(&type1->lock);

	if (bits & (type1->pgsize - 1))
		return -EINVAL;
	settle(type1, dma->range.start, dma->range.last);
	ret = iova_map_insert(&type1->dmas, &dma->range);
	if (ret)
		return ret;
	ret = -ENOSPC;
	if (!type1->avail)
		goto err_remove;
	ret = -EINVAL;
	if (!is_usable(type1, dma->range.start, dma->range.last))
		goto err_remove;
	ret = vfio_dma_alloc_dirty(type1, dma);
	if (ret)
		goto err_remove;
	type1->avail--;
	set_busy(type1, dma);
	return 0;

err_remove:
	iova_map_remove(&type1->dmas, &dma->range);
	return ret;
}

static int map_dma(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	int ret;

	down_write(&type1->lock);
	ret = insert_dma(type1, dma);
	up_write(&type1->lock);
	if (ret)
		return ret;

	ret = port_iommu_map(type1->iommu, dma->range.start, dma->vaddr,
			     range_size(&dma->range), dma->prot, &dma->cookie);

	down_write(&type1->lock);
	if (ret)
		remove_dma(type1, dma);
	else
		clear_busy(type1, dma);
	wake_waiters(type1);
	up_write(&type1->lock);
	return ret;
}

long vfio_type1_ioctl_map_dma(struct vfio_type1 *type1, unsigned long arg)
{
	struct vfio_iommu_type1_dma_map map;
	struct vfio_dma *dma;
	int ret;

	if (port_copy_in(&map, (void __user *)arg, sizeof(map)))
		return -EFAULT;
	ret = check_map(&map);
	if (ret)
		return ret;
	dma = create_dma(&map);
	if (!dma)
		return -ENOMEM;
	ret = map_dma(type1, dma);
	if (ret)
		free_dma(dma);
	return ret;
}

/* ---- UNMAP_DMA ---- */

/**
 * struct unmap - one UNMAP_DMA under way
 * @all:    the whole space, whatever is there
 * @start:  what was asked for: the first address,
 * @len:    the length,
 * @last:   and the last address
 * @bitmap: where the dirty pages go first, or NULL
 * @dmas:   the mappings to be undone, in order, all busy
 * @size:   of these together
 */
struct unmap {
	bool all;
	u64 start;
	u64 len;
	u64 last;
	const struct vfio_bitmap *bitmap;
	struct vfio_dma *dmas;
	u64 size;
};

/* Also works out the last address. */
static int check_unmap(const struct vfio_type1 *type1, struct unmap *unmap)
{
	if (unmap->all) {
		unmap->last = IOVA_LAST;
		return unmap->start || unmap->len ? -EINVAL : 0;
	}
	if (!unmap->len || (unmap->start | unmap->len) & (type1->pgsize - 1))
		return -EINVAL;
	if (check_add_overflow(unmap->start, unmap->len - 1, &unmap->last))
		return -EOVERFLOW;
	if (unmap->bitmap &&
	    (!type1->tracking || unmap->bitmap->pgsize != type1->pgsize))
		return -EINVAL;
	return 0;
}

bool vfio_type1_cuts(const struct vfio_type1 *type1,
		     const struct iova_range *first, u64 start, u64 last)
{
	const struct iova_range *end = first;

	if (!first)
		return false;
	/* Nearly always it is the only one, and just what is asked for. */
	if (first->last < last)
		end = iova_map_find(&type1->dmas, last);
	return first->start < start || (end && end->last > last);
}

/* Makes all mappings of the range busy and lists them; 0 or an error. */
static int take_dmas(struct vfio_type1 *type1, struct unmap *unmap)
{
	struct vfio_dma **tail = &unmap->dmas;
	struct iova_range *range;
	int ret;

	lockdep_assert_held_write(&type1->lock);

	ret = check_unmap(type1, unmap);
	if (ret)
		return ret;
	settle(type1, unmap->start, unmap->last);
	range = iova_map_first(&type1->dmas, unmap->start, unmap->last);
	/* v2: a mapping is undone whole or not at all. */
	if (type1->v2 &&
	    vfio_type1_cuts(type1, range, unmap->start, unmap->last))
		return -EINVAL;
	for (; range; range = iova_map_next(&type1->dmas, range, unmap->last)) {
		/* v1: what begins before the range stays, and with it what
		 * follows. */
		if (!type1->v2 && range->start < unmap->start)
			break;
		set_busy(type1, dma_of(range));
		unmap->size += range_size(range);
		*tail = dma_of(range);
		tail = &dma_of(range)->next;
	}
	*tail = NULL;
	return 0;
}

/*
 * Waits until nobody has a reference to @dma, however long it takes: undoing
 * it before that would give a device memory that is no longer the caller's.
 */
static void drain_dma(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	struct completion unused;
	unsigned int tries;

	init_completion(&unused);
	dma->unused = &unused;
	if (refcount_dec_and_test(&dma->users))
		return;
	for (tries = 1;; tries++) {
		vfio_type1_notify_unmap(type1, dma);
		if (!port_wait(&unused, UNMAP_RETRY_MS, false))
			return;
		if (tries == UNMAP_RETRY_WARN)
			port_warn(
				"unmapping 0x%llx-0x%llx waits: a device or a driver does not let it go",
				(unsigned long long)dma->range.start,
				(unsigned long long)dma->range.last);
	}
}

static void undo_dma(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	port_iommu_unmap(type1->iommu, dma->range.start, dma->vaddr,
			 range_size(&dma->range), dma->prot, dma->cookie);
}

/* Makes the mappings live again, as if nothing had been asked for. */
static void give_back(struct vfio_type1 *type1, struct unmap *unmap)
{
	struct vfio_dma *dma;

	down_write(&type1->lock);
	for (dma = unmap->dmas; dma; dma = dma->next) {
		refcount_set(&dma->users, 1);
		clear_busy(type1, dma);
	}
	wake_waiters(type1);
	up_write(&type1->lock);
}

static void finish(struct vfio_type1 *type1, struct unmap *unmap)
{
	struct vfio_dma *dma, *next;

	for (dma = unmap->dmas; dma; dma = dma->next)
		undo_dma(type1, dma);

	down_write(&type1->lock);
	for (dma = unmap->dmas; dma; dma = dma->next)
		remove_dma(type1, dma);
	wake_waiters(type1);
	up_write(&type1->lock);

	for (dma = unmap->dmas; dma; dma = next) {
		next = dma->next;
		free_dma(dma);
	}
}

static int unmap_dmas(struct vfio_type1 *type1, struct unmap *unmap)
{
	struct vfio_dma *dma;
	int ret;

	down_write(&type1->lock);
	ret = take_dmas(type1, unmap);
	up_write(&type1->lock);
	if (ret || !unmap->dmas)
		return ret;

	for (dma = unmap->dmas; dma; dma = dma->next)
		drain_dma(type1, dma);
	if (unmap->bitmap) {
		ret = vfio_type1_report_dirty(type1, unmap->start, unmap->last,
					      unmap->bitmap, false);
		if (ret) {
			give_back(type1, unmap);
			return ret;
		}
	}
	finish(type1, unmap);
	return 0;
}

static int read_bitmap(const struct vfio_iommu_type1_dma_unmap *arg,
		       const void __user *user, struct vfio_bitmap *bitmap)
{
	if (arg->argsz < sizeof(*arg) + sizeof(*bitmap))
		return -EINVAL;
	if (port_copy_in(bitmap, user, sizeof(*bitmap)))
		return -EFAULT;
	return vfio_type1_check_bitmap(bitmap, arg->size);
}

long vfio_type1_ioctl_unmap_dma(struct vfio_type1 *type1, unsigned long arg)
{
	const u32 known = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP |
			  VFIO_DMA_UNMAP_FLAG_ALL;
	struct vfio_iommu_type1_dma_unmap __user *user = (void __user *)arg;
	struct vfio_iommu_type1_dma_unmap hdr;
	struct vfio_bitmap bitmap;
	struct unmap unmap = { 0 };
	int ret;

	if (port_copy_in(&hdr, user, sizeof(hdr)))
		return -EFAULT;
	/* Both flags at once make no sense. */
	if (hdr.argsz < sizeof(hdr) || hdr.flags & ~known || hdr.flags == known)
		return -EINVAL;
	unmap.all = hdr.flags & VFIO_DMA_UNMAP_FLAG_ALL;
	unmap.start = hdr.iova;
	unmap.len = hdr.size;
	if (hdr.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) {
		ret = read_bitmap(&hdr, user + 1, &bitmap);
		if (ret)
			return ret;
		unmap.bitmap = &bitmap;
	}

	ret = unmap_dmas(type1, &unmap);
	if (ret)
		return ret;
	hdr.size = unmap.size;
	return port_copy_out(user, &hdr, sizeof(hdr));
}

void vfio_type1_unmap_all(struct vfio_type1 *type1)
{
	struct iova_range *range;
	struct vfio_dma *dma;

	while ((range = iova_map_first(&type1->dmas, 0, IOVA_LAST))) {
		dma = dma_of(range);
		/* A reference that is left has nobody to give it back. */
		WARN_ON(!refcount_dec_and_test(&dma->users));
		undo_dma(type1, dma);
		iova_map_remove(&type1->dmas, range);
		free_dma(dma);
	}
}
