// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The device's side: reaching what the user mapped.
 *
 * Each access takes a reference to its mapping, under the lock for reading, and
 * copies with no lock: the memory may be another device's registers, and what
 * writing to them does may be one more access.
 */
#include "type1_priv.h"

int vfio_type1_pin(struct vfio_type1 *type1, u64 iova, u64 len, u32 prot,
		   struct vfio_type1_pin *pin)
{
	struct iova_range *range;
	struct vfio_dma *dma;
	int ret = -EFAULT;

	down_read(&type1->lock);
	range = iova_map_find(&type1->dmas, iova);
	if (!range)
		goto out_unlock;
	dma = dma_of(range);
	if (dma->busy)
		goto out_unlock;
	ret = -EPERM;
	if (prot & ~dma->prot)
		goto out_unlock;
	refcount_inc(&dma->users);
	pin->vaddr = dma->vaddr + (iova - range->start);
	pin->len = min(len, range->last - iova + 1);
	pin->before = iova - range->start;
	pin->dma = dma;
	ret = 0;
out_unlock:
	up_read(&type1->lock);
	return ret;
}

void vfio_type1_unpin(struct vfio_type1 *type1, struct vfio_type1_pin *pin,
		      u64 written)
{
	struct vfio_dma *dma = pin->dma;

	/* With the lock: a START that returned before this byte was written
	 * must be seen here. */
	if (written) {
		down_read(&type1->lock);
		vfio_dma_mark_dirty(type1, dma, pin->vaddr - dma->vaddr,
				    min(written, pin->len));
		up_read(&type1->lock);
	}
	vfio_dma_put(dma);
}

int vfio_type1_rw(struct vfio_type1 *type1, u64 iova, void *buf, size_t len,
		  bool write, size_t *done)
{
	const u32 prot = write ? VFIO_DMA_MAP_FLAG_WRITE
			       : VFIO_DMA_MAP_FLAG_READ;
	struct vfio_type1_pin pin;
	int ret;

	*done = 0;
	while (*done < len) {
		/* Nothing comes after the last address. */
		if (iova + *done < iova)
			return -EFAULT;
		ret = vfio_type1_pin(type1, iova + *done, len - *done, prot,
				     &pin);
		if (ret)
			return ret;
		ret = port_iommu_copy(type1->iommu, pin.vaddr,
				      (u8 *)buf + *done, pin.len, write);
		/* A copy that failed may have written some of it. */
		vfio_type1_unpin(type1, &pin, write ? pin.len : 0);
		if (ret)
			return ret;
		*done += pin.len;
	}
	return 0;
}

/* The two live mappings around @iova, the upper one possibly over it. */
static struct iova_range *live_above(struct vfio_type1 *type1, u64 iova)
{
	struct iova_range *range;

	iova_map_for_each(range, &type1->dmas, iova, IOVA_LAST)
		if (!dma_of(range)->busy)
			return range;
	return NULL;
}

static struct iova_range *live_below(struct vfio_type1 *type1, u64 iova)
{
	struct iova_range *range = iova_map_below(&type1->dmas, iova);

	while (range && dma_of(range)->busy)
		range = iova_map_below(&type1->dmas, range->start);
	return range;
}

bool vfio_type1_nearest(struct vfio_type1 *type1, u64 iova, u64 *start,
			u64 *last)
{
	struct iova_range *above, *below, *best;

	down_read(&type1->lock);
	above = live_above(type1, iova);
	below = live_below(type1, iova);
	best = above ? above : below;
	if (above && below && above->start > iova &&
	    iova - below->last < above->start - iova)
		best = below;
	if (best) {
		*start = best->start;
		*last = best->last;
	}
	up_read(&type1->lock);
	return best;
}
