// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Dirty pages: VFIO_IOMMU_DIRTY_PAGES, and the bits behind it.
 *
 * Where the host sees each write of a device, each mapping that a device may
 * write has a bit per page, set when the write is over.  Pages that external
 * users pinned count as dirty for as long as they are pinned.  Where the host
 * does not see writes, all that is mapped is dirty.
 */
#include "type1_priv.h"

#define WORD_BITS 64

/* Pages whose bits travel to the caller at a time: a page of bits. */
#define CHUNK_SHIFT (PAGE_SHIFT + 3)
#define CHUNK_PAGES (1ull << CHUNK_SHIFT)

/* ---- bits ---- */

static u64 low_bits(unsigned int nr)
{
	return nr < WORD_BITS ? (1ull << nr) - 1 : ~0ull;
}

/* @nr (1 to 64) bits of @map from bit @at on. */
static u64 bits_get(const u64 *map, u64 at, unsigned int nr)
{
	const u64 *word = &map[at / WORD_BITS];
	unsigned int shift = at % WORD_BITS;
	u64 bits = word[0] >> shift;

	if (shift + nr > WORD_BITS)
		bits |= word[1] << (WORD_BITS - shift);
	return bits & low_bits(nr);
}

static void bits_put(u64 *map, u64 at, unsigned int nr, u64 bits)
{
	u64 *word = &map[at / WORD_BITS];
	unsigned int shift = at % WORD_BITS;
	u64 mask = low_bits(nr);

	word[0] = (word[0] & ~(mask << shift)) | bits << shift;
	if (shift + nr > WORD_BITS) {
		shift = WORD_BITS - shift;
		word[1] = (word[1] & ~(mask >> shift)) | bits >> shift;
	}
}

/* Any @nr bits. */
static void bits_set(u64 *map, u64 at, u64 nr)
{
	unsigned int n;

	for (; nr; nr -= n, at += n) {
		n = min_t(u64, nr, WORD_BITS - at % WORD_BITS);
		map[at / WORD_BITS] |= low_bits(n) << at % WORD_BITS;
	}
}

/* @pgsize is not 0; of a power of two it is the power. */
static unsigned int shift_of(u64 pgsize)
{
	unsigned int shift = 0;

	while (pgsize >>= 1)
		shift++;
	return shift;
}

/* ---- the bits of a mapping ---- */

int vfio_dma_alloc_dirty(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	u64 pages;

	lockdep_assert_held_write(&type1->lock);

	if (!type1->tracking || !port_iommu_tracks_dirty(type1->iommu) ||
	    !(dma->prot & VFIO_DMA_MAP_FLAG_WRITE))
		return 0;
	pages = ((range_size(&dma->range) - 1) >> type1->dirty_shift) + 1;
	if (pages > VFIO_DIRTY_BITMAP_MAX * 8)
		return -EINVAL;
	dma->dirty =
		port_zalloc_array(DIV_ROUND_UP(pages, WORD_BITS), sizeof(u64));
	return dma->dirty ? 0 : -ENOMEM;
}

void vfio_dma_mark_dirty(struct vfio_type1 *type1, struct vfio_dma *dma,
			 u64 off, u64 len)
{
	u64 first, last;

	lockdep_assert_held(&type1->lock);

	if (!dma->dirty)
		return;
	first = off >> type1->dirty_shift;
	last = (off + len - 1) >> type1->dirty_shift;
	mutex_lock(&type1->dirty_lock);
	bits_set(dma->dirty, first, last - first + 1);
	mutex_unlock(&type1->dirty_lock);
}

/* ---- start and stop ---- */

static void stop_tracking(struct vfio_type1 *type1)
{
	struct iova_range *range;

	lockdep_assert_held_write(&type1->lock);

	type1->tracking = false;
	iova_map_for_each(range, &type1->dmas, 0, IOVA_LAST) {
		port_free(dma_of(range)->dirty);
		dma_of(range)->dirty = NULL;
	}
}

static int start_tracking(struct vfio_type1 *type1)
{
	struct iova_range *range;
	int ret;

	lockdep_assert_held_write(&type1->lock);

	if (type1->tracking)
		return 0;
	type1->tracking = true;
	type1->dirty_shift = shift_of(type1->pgsize);
	iova_map_for_each(range, &type1->dmas, 0, IOVA_LAST) {
		ret = vfio_dma_alloc_dirty(type1, dma_of(range));
		if (ret) {
			stop_tracking(type1);
			return ret;
		}
	}
	return 0;
}

static long ioctl_start(struct vfio_type1 *type1)
{
	int ret;

	down_write(&type1->lock);
	ret = start_tracking(type1);
	up_write(&type1->lock);
	return ret;
}

static long ioctl_stop(struct vfio_type1 *type1)
{
	down_write(&type1->lock);
	stop_tracking(type1);
	up_write(&type1->lock);
	return 0;
}

/* ---- reports ---- */

/**
 * struct report - bits on their way to the caller, a chunk at a time
 * @start: the first address of the chunk
 * @last:  and its last
 * @shift: the size of a page
 * @clear: what is reported is forgotten
 * @bits:  of the chunk, CHUNK_PAGES at most
 * @user:  where they go
 */
struct report {
	u64 start;
	u64 last;
	unsigned int shift;
	bool clear;
	u64 *bits;
	u8 __user *user;
};

/* The pages that [start, last] shares with the chunk: the first one, and how
 * many. */
static u64 chunk_part(const struct report *report,
		      const struct iova_range *range, u64 *nr)
{
	u64 start = max(range->start, report->start);
	u64 last = min(range->last, report->last);

	*nr = ((last - start) >> report->shift) + 1;
	return (start - report->start) >> report->shift;
}

static void report_dma(struct vfio_type1 *type1, const struct report *report,
		       struct vfio_dma *dma)
{
	bool presume = !port_iommu_tracks_dirty(type1->iommu) ||
		       (!dma->dirty && dma->prot & VFIO_DMA_MAP_FLAG_WRITE);
	u64 from = 0, to, left, bits;
	unsigned int n;

	to = chunk_part(report, &dma->range, &left);
	if (dma->range.start < report->start)
		from = (report->start - dma->range.start) >> report->shift;
	for (; left; left -= n, from += n, to += n) {
		n = min_t(u64, left, WORD_BITS);
		bits = presume ? low_bits(n) : 0;
		if (dma->dirty && !presume)
			bits = bits_get(dma->dirty, from, n);
		if (dma->dirty && report->clear)
			bits_put(dma->dirty, from, n, 0);
		bits_put(report->bits, to, n, bits);
	}
}

static void report_page(const struct report *report, struct vfio_page *page)
{
	u64 at, nr;

	if (!(page->dma->prot & VFIO_DMA_MAP_FLAG_WRITE))
		return;
	at = chunk_part(report, &page->range, &nr);
	bits_set(report->bits, at, nr);
}

/* Bits of what is not mapped stay as they are. */
static int collect(struct vfio_type1 *type1, const struct report *report)
{
	struct iova_range *range;
	int ret = -EINVAL;

	down_write(&type1->lock);
	if (!type1->tracking || type1->dirty_shift != report->shift)
		goto out_unlock;
	iova_map_for_each(range, &type1->dmas, report->start, report->last)
		report_dma(type1, report, dma_of(range));
	iova_map_for_each(range, &type1->pages, report->start, report->last)
		report_page(report, page_of(range));
	ret = 0;
out_unlock:
	up_write(&type1->lock);
	return ret;
}

/* What was collected did not reach the caller.  Nothing may be lost, so all of
 * it is dirty until the next time. */
static void uncollect(struct vfio_type1 *type1, const struct report *report)
{
	struct iova_range *range;
	u64 nr, from;

	down_write(&type1->lock);
	iova_map_for_each(range, &type1->dmas, report->start, report->last) {
		if (!dma_of(range)->dirty)
			continue;
		chunk_part(report, range, &nr);
		from = max(range->start, report->start) - range->start;
		bits_set(dma_of(range)->dirty, from >> report->shift, nr);
	}
	up_write(&type1->lock);
}

static int report_chunk(struct vfio_type1 *type1, const struct report *report)
{
	u64 pages = ((report->last - report->start) >> report->shift) + 1;
	size_t bytes = DIV_ROUND_UP(pages, WORD_BITS) * sizeof(u64);
	int ret;

	if (port_copy_in(report->bits, report->user, bytes))
		return -EFAULT;
	ret = collect(type1, report);
	if (ret)
		return ret;
	ret = port_copy_out(report->user, report->bits, bytes);
	if (ret && report->clear)
		uncollect(type1, report);
	return ret;
}

/* How many whole chunks from @start on have nothing mapped; false when there is
 * nothing up to @last. */
static bool empty_chunks(struct vfio_type1 *type1, const struct report *report,
			 u64 start, u64 last, u64 *nr)
{
	struct iova_range *range;

	down_read(&type1->lock);
	range = iova_map_first(&type1->dmas, start, last);
	*nr = 0;
	if (range && range->start > start)
		*nr = (range->start - start) >> (report->shift + CHUNK_SHIFT);
	up_read(&type1->lock);
	return range;
}

int vfio_type1_report_dirty(struct vfio_type1 *type1, u64 start, u64 last,
			    const struct vfio_bitmap *bitmap, bool clear)
{
	struct report report = {
		.shift = shift_of(bitmap->pgsize),
		.clear = clear,
		.user = (u8 __user *)bitmap->data,
	};
	u64 span = CHUNK_PAGES << report.shift, skip;
	int ret = 0;

	report.bits = port_zalloc(CHUNK_PAGES / 8);
	if (!report.bits)
		return -ENOMEM;
	while (empty_chunks(type1, &report, start, last, &skip)) {
		report.start = start + skip * span;
		report.last = last;
		if (last - report.start >= span)
			report.last = report.start + span - 1;
		report.user += skip * (CHUNK_PAGES / 8);
		ret = report_chunk(type1, &report);
		if (ret || report.last == last)
			break;
		start = report.last + 1;
		report.user += CHUNK_PAGES / 8;
	}
	port_free(report.bits);
	return ret;
}

int vfio_type1_check_bitmap(const struct vfio_bitmap *bitmap, u64 size)
{
	u64 pages;

	if (!bitmap->pgsize)
		return -EINVAL;
	pages = size >> shift_of(bitmap->pgsize);
	if (!pages || bitmap->size > VFIO_DIRTY_BITMAP_MAX)
		return -EINVAL;
	/* Compared in words: that cannot overflow. */
	if (bitmap->size / sizeof(u64) < ((pages - 1) / WORD_BITS) + 1)
		return -EINVAL;
	return 0;
}

static int check_range(struct vfio_type1 *type1, u64 start, u64 last,
		       u64 pgsize)
{
	struct iova_range *first;
	int ret = -EINVAL;

	down_read(&type1->lock);
	if (!type1->tracking || pgsize != type1->pgsize)
		goto out_unlock;
	if ((start | (last + 1)) & (pgsize - 1))
		goto out_unlock;
	first = iova_map_first(&type1->dmas, start, last);
	if (vfio_type1_cuts(type1, first, start, last))
		goto out_unlock;
	ret = 0;
out_unlock:
	up_read(&type1->lock);
	return ret;
}

static long ioctl_get_bitmap(struct vfio_type1 *type1, u32 argsz,
			     const void __user *user)
{
	struct vfio_iommu_type1_dirty_bitmap_get get;
	u64 last;
	int ret;

	if (argsz < sizeof(struct vfio_iommu_type1_dirty_bitmap) + sizeof(get))
		return -EINVAL;
	if (port_copy_in(&get, user, sizeof(get)))
		return -EFAULT;
	if (!get.size)
		return -EINVAL;
	if (check_add_overflow(get.iova, get.size - 1, &last))
		return -EOVERFLOW;
	ret = vfio_type1_check_bitmap(&get.bitmap, get.size);
	if (ret)
		return ret;
	ret = check_range(type1, get.iova, last, get.bitmap.pgsize);
	if (ret)
		return ret;
	return vfio_type1_report_dirty(type1, get.iova, last, &get.bitmap,
				       true);
}

long vfio_type1_ioctl_dirty_pages(struct vfio_type1 *type1, unsigned long arg)
{
	struct vfio_iommu_type1_dirty_bitmap __user *user = (void __user *)arg;
	struct vfio_iommu_type1_dirty_bitmap hdr;

	if (!type1->v2)
		return -EACCES;
	if (port_copy_in(&hdr, user, sizeof(hdr)))
		return -EFAULT;
	if (hdr.argsz < sizeof(hdr))
		return -EINVAL;
	switch (hdr.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		return ioctl_start(type1);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		return ioctl_stop(type1);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return ioctl_get_bitmap(type1, hdr.argsz, user + 1);
	default:
		return -EINVAL;
	}
}
