// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pinning the caller's memory and entering it into the domains.
 *
 * Memory is pinned in batches and entered in runs of contiguous frames, so that
 * huge pages stay huge. Nothing per page is remembered: the first domain knows
 * where each page is.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "iommu.h"

/* One page of pointers: the most that is pinned at a time. */
#define BATCH (PAGE_SIZE / sizeof(struct page *))

static int iommu_prot(u32 prot)
{
	return (prot & VFIO_DMA_MAP_FLAG_READ ? IOMMU_READ : 0) |
	       (prot & VFIO_DMA_MAP_FLAG_WRITE ? IOMMU_WRITE : 0);
}

/* ---- frames in the domains ---- */

static void unenter(struct iommu_space *space, u64 iova, u64 size)
{
	if (size)
		WARN_ON(iommu_unmap(space->domain, iova, size) != size);
}

/* Enters one run of frames into every domain, or into none. */
static int enter(struct port_iommu *iommu, u64 iova, phys_addr_t phys, u64 size,
		 int prot)
{
	struct iommu_space *space;
	int ret;

	list_for_each_entry(space, &iommu->domains, node) {
		ret = compat_iommu_map(
			space->domain, iova, phys, size,
			prot | (space->coherent ? IOMMU_CACHE : 0));
		if (ret)
			goto err_unenter;
	}
	return 0;

err_unenter:
	list_for_each_entry_continue_reverse(space, &iommu->domains, node)
		unenter(space, iova, size);
	return ret;
}

/* The run of frames at @iova, up to @size bytes; 0 when nothing is there. */
static u64 find_run(struct iommu_domain *domain, u64 iova, u64 size,
		    phys_addr_t *phys)
{
	u64 len = PAGE_SIZE;

	*phys = iommu_iova_to_phys(domain, iova);
	if (!*phys)
		return 0;
	while (len < size &&
	       iommu_iova_to_phys(domain, iova + len) == *phys + len)
		len += PAGE_SIZE;
	return len;
}

/* Takes [iova, iova + size) out of every domain and lets its pages go. */
static void remove(struct port_iommu *iommu, u64 iova, u64 size, int prot)
{
	struct iommu_space *first, *space;
	phys_addr_t phys;
	u64 len;

	first = list_first_entry(&iommu->domains, struct iommu_space, node);
	for (; size; iova += len, size -= len) {
		len = find_run(first->domain, iova, size, &phys);
		if (WARN_ON(!len))
			return;
		list_for_each_entry(space, &iommu->domains, node)
			unenter(space, iova, len);
		unpin_user_page_range_dirty_lock(pfn_to_page(PHYS_PFN(phys)),
						 len >> PAGE_SHIFT,
						 prot & IOMMU_WRITE);
	}
}

int iommu_replay(struct port_iommu *iommu, struct iommu_space *space)
{
	struct iommu_space *first;
	struct iommu_map *map;
	phys_addr_t phys;
	u64 done = 0, len;
	int ret = 0;

	lockdep_assert_held_write(&iommu->domains_lock);

	if (list_empty(&iommu->domains))
		return 0;
	first = list_first_entry(&iommu->domains, struct iommu_space, node);
	list_for_each_entry(map, &iommu->maps, node)
		for (done = 0; done < map->size; done += len) {
			len = find_run(first->domain, map->iova + done,
				       map->size - done, &phys);
			ret = compat_iommu_map(
				space->domain, map->iova + done, phys, len,
				map->prot |
					(space->coherent ? IOMMU_CACHE : 0));
			if (ret)
				goto err_undo;
		}
	return 0;

err_undo:
	unenter(space, map->iova, done);
	list_for_each_entry_continue_reverse(map, &iommu->maps, node)
		unenter(space, map->iova, map->size);
	return ret;
}

/* ---- pinning ---- */

static unsigned long count_run(struct page **pages, unsigned long nr)
{
	unsigned long n = 1;

	while (n < nr && page_to_pfn(pages[n]) == page_to_pfn(pages[0]) + n)
		n++;
	return n;
}

/*
 * Pins up to @nr pages from @vaddr and enters them at @iova. How many were
 * entered; an error only when that is none.
 */
static long pin_batch(struct port_iommu *iommu, struct page **pages, u64 iova,
		      u64 vaddr, unsigned long nr, int prot)
{
	unsigned int flags = FOLL_LONGTERM |
			     (prot & IOMMU_WRITE ? FOLL_WRITE : 0);
	long pinned, done = 0;
	unsigned long run;
	int ret = 0;

	pinned = pin_user_pages_fast(vaddr, min_t(unsigned long, nr, BATCH),
				     flags, pages);
	if (pinned <= 0)
		return pinned ? pinned : -EFAULT;
	while (done < pinned) {
		run = count_run(pages + done, pinned - done);
		ret = enter(iommu, iova + ((u64)done << PAGE_SHIFT),
			    page_to_phys(pages[done]), (u64)run << PAGE_SHIFT,
			    prot);
		if (ret)
			break;
		done += run;
	}
	unpin_user_pages(pages + done, pinned - done);
	return done ? done : ret;
}

static int pin_all(struct port_iommu *iommu, struct iommu_map *map, u64 vaddr)
{
	struct page **pages;
	u64 done = 0;
	long n = 0;

	pages = (struct page **)__get_free_page(GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	while (done < map->size) {
		n = pin_batch(iommu, pages, map->iova + done, vaddr + done,
			      (map->size - done) >> PAGE_SHIFT, map->prot);
		if (n < 0)
			break;
		done += (u64)n << PAGE_SHIFT;
		if (fatal_signal_pending(current)) {
			n = -EINTR;
			break;
		}
		cond_resched();
	}
	free_page((unsigned long)pages);
	if (done == map->size)
		return 0;
	if (done)
		remove(iommu, map->iova, done, map->prot);
	return n;
}

/* ---- the port ---- */

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	struct iommu_map *map;
	int ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	map->iova = iova;
	map->size = size;
	map->prot = iommu_prot(prot);
	map->mm = current->mm;
	map->locked = size >> PAGE_SHIFT;
	ret = account_locked_vm(map->mm, map->locked, true);
	if (ret)
		goto err_free;
	mmgrab(map->mm);

	down_read(&iommu->domains_lock);
	ret = list_empty(&iommu->domains) ? -EINVAL
					  : pin_all(iommu, map, vaddr);
	if (!ret) {
		spin_lock(&iommu->maps_lock);
		list_add_tail(&map->node, &iommu->maps);
		spin_unlock(&iommu->maps_lock);
	}
	up_read(&iommu->domains_lock);
	if (ret)
		goto err_unaccount;
	*cookie = map;
	return 0;

err_unaccount:
	account_locked_vm(map->mm, map->locked, false);
	mmdrop(map->mm);
err_free:
	kfree(map);
	return ret;
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
	struct iommu_map *map = cookie;

	down_read(&iommu->domains_lock);
	spin_lock(&iommu->maps_lock);
	list_del(&map->node);
	spin_unlock(&iommu->maps_lock);
	remove(iommu, iova, size, map->prot);
	up_read(&iommu->domains_lock);

	/* The process may be gone: its count went with it. */
	if (mmget_not_zero(map->mm)) {
		account_locked_vm(map->mm, map->locked, false);
		mmput(map->mm);
	}
	mmdrop(map->mm);
	kfree(map);
}

int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn)
{
	unsigned int flags = FOLL_LONGTERM |
			     (prot & VFIO_DMA_MAP_FLAG_WRITE ? FOLL_WRITE : 0);
	struct page *page;
	long n;

	if (!mmget_not_zero(iommu->mm))
		return -EFAULT;
	mmap_read_lock(iommu->mm);
	n = compat_pin_remote(iommu->mm, vaddr, 1, flags, &page);
	mmap_read_unlock(iommu->mm);
	mmput(iommu->mm);
	if (n != 1)
		return n < 0 ? n : -EFAULT;
	*pfn = page_to_pfn(page);
	return 0;
}

void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot)
{
	struct page *page = pfn_to_page(pfn);

	unpin_user_pages_dirty_lock(&page, 1, prot & VFIO_DMA_MAP_FLAG_WRITE);
}

int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write)
{
	bool borrow = current->mm != iommu->mm;
	unsigned long left;

	if (borrow && (current->mm || !mmget_not_zero(iommu->mm)))
		return -EFAULT;
	if (borrow)
		kthread_use_mm(iommu->mm);
	left = write ? copy_to_user(u64_to_user_ptr(vaddr), buf, len)
		     : copy_from_user(buf, u64_to_user_ptr(vaddr), len);
	if (borrow) {
		kthread_unuse_mm(iommu->mm);
		mmput(iommu->mm);
	}
	return left ? -EFAULT : 0;
}
