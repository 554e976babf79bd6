// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * External users of the address space: pages they pin, and the listeners that
 * tell them to let go.
 *
 * A page that is pinned is in the map of pages and holds its mapping, however
 * often it is pinned.  It is pinned on the host with all the rights of the
 * mapping, so that one pin serves whoever comes later.
 */
#include "type1_priv.h"

/* ---- pages ---- */

static void unpin_on_host(struct vfio_type1 *type1, struct vfio_page *page)
{
	port_iommu_unpin_page(type1->iommu, page->pfn, page->dma->prot);
	vfio_dma_put(page->dma);
	port_free(page);
}

static struct vfio_page *find_page(struct vfio_type1 *type1, u64 iova)
{
	struct iova_range *range = iova_map_find(&type1->pages, iova);

	return range ? page_of(range) : NULL;
}

/* One more pin of a page that is pinned already; false when it is not. */
static bool pin_again(struct vfio_type1 *type1, u64 iova, unsigned long *pfn)
{
	struct vfio_page *page = find_page(type1, iova);

	lockdep_assert_held_write(&type1->lock);

	if (!page)
		return false;
	page->pins++;
	*pfn = page->pfn;
	return true;
}

/* The live mapping at @iova with the rights @prot, or an error pointer. */
static struct vfio_dma *find_dma(struct vfio_type1 *type1, u64 iova, u32 prot)
{
	struct iova_range *range = iova_map_find(&type1->dmas, iova);

	if (!range || dma_of(range)->busy)
		return ERR_PTR(-EINVAL);
	if (prot & ~dma_of(range)->prot)
		return ERR_PTR(-EPERM);
	return dma_of(range);
}

/* Puts @page, pinned on the host, into the map; 0, or an error when it is not
 * to be there.  1: somebody else was faster, and that one is pinned. */
static int publish_page(struct vfio_type1 *type1, struct vfio_page *page,
			unsigned long *pfn)
{
	int ret;

	down_write(&type1->lock);
	/* Its UNMAP_DMA has begun: the listeners were told already. */
	ret = -EINVAL;
	if (page->dma->busy)
		goto out_unlock;
	ret = 1;
	if (pin_again(type1, page->range.start, pfn))
		goto out_unlock;
	ret = iova_map_insert(&type1->pages, &page->range);
	if (!ret)
		*pfn = page->pfn;
out_unlock:
	up_write(&type1->lock);
	return ret;
}

/* With a reference to the mapping, which the page keeps. */
static int pin_new_page(struct vfio_type1 *type1, struct vfio_dma *dma,
			u64 iova, unsigned long *pfn)
{
	struct vfio_page *page;
	int ret = -ENOMEM;

	page = port_zalloc(sizeof(*page));
	if (!page)
		goto err_put_dma;
	page->range.start = iova;
	page->range.last = iova + PAGE_SIZE - 1;
	page->dma = dma;
	page->pins = 1;
	ret = port_iommu_pin_page(type1->iommu,
				  dma->vaddr + (iova - dma->range.start),
				  dma->prot, &page->pfn);
	if (ret)
		goto err_free;
	ret = publish_page(type1, page, pfn);
	if (ret)
		unpin_on_host(type1, page);
	return min(ret, 0);

err_free:
	port_free(page);
err_put_dma:
	vfio_dma_put(dma);
	return ret;
}

static int pin_page(struct vfio_type1 *type1, unsigned long user_pfn, u32 prot,
		    unsigned long *pfn)
{
	u64 iova = (u64)user_pfn << PAGE_SHIFT;
	struct vfio_dma *dma;
	bool again = false;

	if (iova >> PAGE_SHIFT != user_pfn)
		return -EOVERFLOW;
	down_write(&type1->lock);
	dma = find_dma(type1, iova, prot);
	if (!IS_ERR(dma)) {
		again = pin_again(type1, iova, pfn);
		if (!again)
			refcount_inc(&dma->users);
	}
	up_write(&type1->lock);
	if (IS_ERR(dma))
		return PTR_ERR(dma);
	return again ? 0 : pin_new_page(type1, dma, iova, pfn);
}

/* Takes one pin off the page; the page when it was the last. */
static int drop_pin(struct vfio_type1 *type1, u64 iova, struct vfio_page **last)
{
	struct vfio_page *page = find_page(type1, iova);

	lockdep_assert_held_write(&type1->lock);

	*last = NULL;
	if (!page)
		return -EINVAL;
	if (--page->pins)
		return 0;
	iova_map_remove(&type1->pages, &page->range);
	/* Until now it counted as dirty without being marked. */
	vfio_dma_mark_dirty(type1, page->dma, iova - page->dma->range.start,
			    PAGE_SIZE);
	*last = page;
	return 0;
}

static int unpin_page(struct vfio_type1 *type1, unsigned long user_pfn)
{
	u64 iova = (u64)user_pfn << PAGE_SHIFT;
	struct vfio_page *last;
	int ret;

	if (iova >> PAGE_SHIFT != user_pfn)
		return -EOVERFLOW;
	down_write(&type1->lock);
	ret = drop_pin(type1, iova, &last);
	up_write(&type1->lock);
	if (last)
		unpin_on_host(type1, last);
	return ret;
}

/* ---- operations of the backend ---- */

/* @npage, or an error and nothing is pinned. */
int vfio_type1_pin_pages(void *data, unsigned long *user_pfn, int npage,
			 int prot, unsigned long *phys_pfn)
{
	struct vfio_type1 *type1 = data;
	bool told;
	int i, ret;

	if (!type1->v2)
		return -EACCES;
	down_read(&type1->lock);
	told = type1->nr_listeners;
	up_read(&type1->lock);
	/* Who cannot be told to let go must not pin. */
	if (!told)
		return -EINVAL;
	for (i = 0; i < npage; i++) {
		ret = pin_page(type1, user_pfn[i], prot, &phys_pfn[i]);
		if (ret)
			goto err_unpin;
	}
	return npage;

err_unpin:
	phys_pfn[i] = 0;
	while (i--) {
		WARN_ON(unpin_page(type1, user_pfn[i]));
		phys_pfn[i] = 0;
	}
	return ret;
}

/* How many were unpinned before one that is not pinned; -EINVAL for none. */
int vfio_type1_unpin_pages(void *data, unsigned long *user_pfn, int npage)
{
	struct vfio_type1 *type1 = data;
	int i;

	if (!type1->v2)
		return -EACCES;
	for (i = 0; i < npage; i++)
		if (unpin_page(type1, user_pfn[i]))
			break;
	return i ? i : -EINVAL;
}

static void count_listeners(struct vfio_type1 *type1, int diff)
{
	down_write(&type1->lock);
	type1->nr_listeners += diff;
	up_write(&type1->lock);
}

int vfio_type1_register_notifier(void *data, unsigned long *events,
				 struct notifier_block *nb)
{
	struct vfio_type1 *type1 = data;
	int ret;

	*events &= ~VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	if (*events)
		return -EINVAL;
	ret = blocking_notifier_chain_register(&type1->notifier, nb);
	if (!ret)
		count_listeners(type1, 1);
	return ret;
}

int vfio_type1_unregister_notifier(void *data, struct notifier_block *nb)
{
	struct vfio_type1 *type1 = data;
	int ret;

	ret = blocking_notifier_chain_unregister(&type1->notifier, nb);
	if (!ret)
		count_listeners(type1, -1);
	return ret;
}

/* ---- what the rest of the backend asks for ---- */

void vfio_type1_notify_unmap(struct vfio_type1 *type1, struct vfio_dma *dma)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = dma->range.start,
		.size = range_size(&dma->range),
	};
	bool pinned;

	down_read(&type1->lock);
	pinned = iova_map_first(&type1->pages, dma->range.start,
				dma->range.last);
	up_read(&type1->lock);
	if (pinned)
		blocking_notifier_call_chain(
			&type1->notifier, VFIO_IOMMU_NOTIFY_DMA_UNMAP, &unmap);
}

void vfio_type1_unpin_all(struct vfio_type1 *type1)
{
	struct iova_range *range;

	while ((range = iova_map_first(&type1->pages, 0, IOVA_LAST))) {
		iova_map_remove(&type1->pages, range);
		unpin_on_host(type1, page_of(range));
	}
}
