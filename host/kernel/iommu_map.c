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

/* A device's accesses go through the caches of the CPU. */
static int enter_one(struct iommu_space *space, u64 iova, phys_addr_t phys,
		     u64 size, int prot)
{
	return compat_iommu_map(space->domain, iova, phys, size,
				prot | IOMMU_CACHE);
}

/* Enters one run of frames into every domain, or into none. */
static int enter_all(struct port_iommu *iommu, u64 iova, phys_addr_t phys,
		     u64 size, int prot)
{
	struct iommu_space *space;
	int ret;

	list_for_each_entry(space, &iommu->domains, node) {
		ret = enter_one(space, iova, phys, size, prot);
		if (ret)
			goto err_unenter;
	}
	return 0;

err_unenter:
	list_for_each_entry_continue_reverse(space, &iommu->domains, node)
		unenter(space, iova, size);
	return ret;
}

/* The next run of frames of @map: a domain that comes later gets it too. */
static int enter(struct port_iommu *iommu, struct iommu_map *map,
		 phys_addr_t phys, u64 size)
{
	int ret;

	down_read(&iommu->domains_lock);
	ret = list_empty(&iommu->domains)
		      ? -EINVAL
		      : enter_all(iommu, map->iova + map->done, phys, size,
				  map->prot);
	if (!ret)
		map->done += size;
	up_read(&iommu->domains_lock);
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

/* Takes what is entered of @map out of every domain and lets its pages go. */
static void remove(struct port_iommu *iommu, struct iommu_map *map)
{
	struct iommu_space *first, *space;
	u64 iova, size, len;
	phys_addr_t phys;

	down_read(&iommu->domains_lock);
	first = list_first_entry(&iommu->domains, struct iommu_space, node);
	for (iova = map->iova, size = map->done; size;
	     iova += len, size -= len) {
		len = find_run(first->domain, iova, size, &phys);
		if (WARN_ON(!len))
			break;
		list_for_each_entry(space, &iommu->domains, node)
			unenter(space, iova, len);
		if (!map->pfns)
			unpin_user_page_range_dirty_lock(
				pfn_to_page(PHYS_PFN(phys)), len >> PAGE_SHIFT,
				map->prot & IOMMU_WRITE);
	}
	spin_lock(&iommu->maps_lock);
	list_del(&map->node);
	spin_unlock(&iommu->maps_lock);
	up_read(&iommu->domains_lock);
}

/* Enters into @space what the first domain has of @map; how much it was. */
static int replay_one(struct iommu_space *first, struct iommu_space *space,
		      const struct iommu_map *map, u64 *done)
{
	phys_addr_t phys;
	u64 len;
	int ret;

	for (*done = 0; *done < map->done; *done += len) {
		len = find_run(first->domain, map->iova + *done,
			       map->done - *done, &phys);
		if (WARN_ON(!len))
			return -EIO;
		ret = enter_one(space, map->iova + *done, phys, len, map->prot);
		if (ret)
			return ret;
	}
	return 0;
}

int iommu_replay(struct port_iommu *iommu, struct iommu_space *space)
{
	struct iommu_space *first;
	struct iommu_map *map;
	u64 done;
	int ret;

	lockdep_assert_held_write(&iommu->domains_lock);

	if (list_empty(&iommu->domains))
		return 0;
	first = list_first_entry(&iommu->domains, struct iommu_space, node);
	list_for_each_entry(map, &iommu->maps, node) {
		ret = replay_one(first, space, map, &done);
		if (ret)
			goto err_undo;
	}
	return 0;

err_undo:
	unenter(space, map->iova, done);
	list_for_each_entry_continue_reverse(map, &iommu->maps, node)
		unenter(space, map->iova, map->done);
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

/* Pins the next pages of @map, as many as fit, and enters them. */
static int pin_batch(struct port_iommu *iommu, struct iommu_map *map,
		     struct page **pages, u64 vaddr)
{
	unsigned int flags = FOLL_LONGTERM |
			     (map->prot & IOMMU_WRITE ? FOLL_WRITE : 0);
	unsigned long run, nr = (map->size - map->done) >> PAGE_SHIFT;
	long pinned, done = 0;
	int ret = 0;

	pinned = pin_user_pages_fast(vaddr + map->done,
				     min_t(unsigned long, nr, BATCH), flags,
				     pages);
	if (pinned <= 0)
		return pinned ? pinned : -EFAULT;
	while (done < pinned && !ret) {
		run = count_run(pages + done, pinned - done);
		ret = enter(iommu, map, page_to_phys(pages[done]),
			    (u64)run << PAGE_SHIFT);
		if (!ret)
			done += run;
	}
	unpin_user_pages(pages + done, pinned - done);
	return ret;
}

static int pin_all(struct port_iommu *iommu, struct iommu_map *map, u64 vaddr)
{
	struct page **pages;
	int ret = 0;

	pages = (struct page **)__get_free_page(GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	while (map->done < map->size && !ret) {
		ret = pin_batch(iommu, map, pages, vaddr);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	free_page((unsigned long)pages);
	return ret;
}

/* ---- memory without pages: BARs that the caller has mapped ---- */

static bool has_pages(struct mm_struct *mm, u64 vaddr)
{
	struct vm_area_struct *vma;
	bool ret;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, vaddr);
	ret = !vma || !(vma->vm_flags & VM_PFNMAP);
	mmap_read_unlock(mm);
	return ret;
}

/* The frame at @vaddr of the caller; its driver is asked for it when needed. */
static int find_pfn(struct mm_struct *mm, u64 vaddr, bool write,
		    unsigned long *pfn)
{
	struct vm_area_struct *vma;
	bool unlocked = false;
	int ret = -EFAULT;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, vaddr);
	if (!vma || !(vma->vm_flags & VM_PFNMAP))
		goto out_unlock;
	ret = compat_follow_pfn(vma, vaddr, write, pfn);
	if (!ret)
		goto out_unlock;
	ret = fixup_user_fault(mm, vaddr, write ? FAULT_FLAG_WRITE : 0,
			       &unlocked);
	if (ret)
		goto out_unlock;
	/* The lock was given up meanwhile: the area may be another one. */
	vma = vma_lookup(mm, vaddr);
	ret = vma && vma->vm_flags & VM_PFNMAP
		      ? compat_follow_pfn(vma, vaddr, write, pfn)
		      : -EFAULT;
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

static int enter_pfns(struct port_iommu *iommu, struct iommu_map *map,
		      u64 vaddr)
{
	bool write = map->prot & IOMMU_WRITE;
	unsigned long first, pfn;
	u64 size;
	int ret;

	while (map->done < map->size) {
		ret = find_pfn(map->mm, vaddr + map->done, write, &first);
		if (ret)
			return ret;
		for (size = PAGE_SIZE; size < map->size - map->done;
		     size += PAGE_SIZE)
			if (find_pfn(map->mm, vaddr + map->done + size, write,
				     &pfn) ||
			    pfn != first + (size >> PAGE_SHIFT))
				break;
		ret = enter(iommu, map, PFN_PHYS(first), size);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* ---- the port ---- */

static struct iommu_map *map_alloc(u64 iova, u64 vaddr, u64 size, u32 prot)
{
	struct iommu_map *map;
	int ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->iova = iova;
	map->size = size;
	map->prot = iommu_prot(prot);
	map->mm = current->mm;
	map->pfns = !has_pages(map->mm, vaddr);
	map->locked = map->pfns ? 0 : size >> PAGE_SHIFT;
	ret = account_locked_vm(map->mm, map->locked, true);
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	mmgrab(map->mm);
	return map;
}

static void map_free(struct iommu_map *map)
{
	/* The process may be gone: its count went with it. */
	if (mmget_not_zero(map->mm)) {
		account_locked_vm(map->mm, map->locked, false);
		mmput(map->mm);
	}
	mmdrop(map->mm);
	kfree(map);
}

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	struct iommu_map *map = map_alloc(iova, vaddr, size, prot);
	int ret;

	if (IS_ERR(map))
		return PTR_ERR(map);
	down_read(&iommu->domains_lock);
	spin_lock(&iommu->maps_lock);
	list_add_tail(&map->node, &iommu->maps);
	spin_unlock(&iommu->maps_lock);
	up_read(&iommu->domains_lock);

	ret = map->pfns ? enter_pfns(iommu, map, vaddr)
			: pin_all(iommu, map, vaddr);
	if (ret) {
		remove(iommu, map);
		map_free(map);
		return ret;
	}
	*cookie = map;
	return 0;
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
	remove(iommu, cookie);
	map_free(cookie);
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
