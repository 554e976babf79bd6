// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The caller's memory as frames: pinned, counted as locked, and remembered in
 * runs, which is what it takes to let it go again.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "iommu.h"

/* How many pages are pinned at a time: a page of pointers, or for a small
 * mapping what fits on the stack. */
#define BATCH (PAGE_SIZE / sizeof(struct page *))
#define SMALL_BATCH 16

/* ---- runs of frames ---- */

static int make_room(struct iommu_map *map)
{
	struct frame_run *runs;

	/* Its own message would be a warning, for what the caller asked. */
	runs = kvmalloc_array(map->room, 2 * sizeof(*runs),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!runs)
		return -ENOMEM;
	memcpy(runs, map->runs, map->nr * sizeof(*runs));
	if (map->runs != map->few)
		kvfree(map->runs);
	map->runs = runs;
	map->room *= 2;
	return 0;
}

static int add_run(struct iommu_map *map, unsigned long pfn, unsigned long nr)
{
	struct frame_run *last = &map->runs[map->nr - 1];
	int ret;

	if (map->nr && last->pfn + last->nr == pfn &&
	    last->nr + nr <= FRAME_RUN_MAX) {
		last->nr += nr;
		return 0;
	}
	if (map->nr == map->room) {
		ret = make_room(map);
		if (ret)
			return ret;
	}
	map->runs[map->nr].pfn = pfn;
	map->runs[map->nr].nr = nr;
	map->nr++;
	return 0;
}

/* ---- locked memory ---- */

static int count_locked(struct mm_struct *mm, unsigned long pages, bool more,
			bool unlimited)
{
	int ret;

	mmap_write_lock(mm);
	ret = __account_locked_vm(mm, pages, more, current, unlimited);
	mmap_write_unlock(mm);
	return ret;
}

static int lock_memory(struct iommu_map *map)
{
	unsigned long pages = map->size >> PAGE_SHIFT;
	int ret;

	ret = count_locked(current->mm, pages, true, false);
	/* Asked only when it matters: the answer may cost more than all else. */
	if (ret && capable(CAP_IPC_LOCK))
		ret = count_locked(current->mm, pages, true, true);
	if (ret)
		return ret;
	map->mm = current->mm;
	mmgrab(map->mm);
	map->locked = pages;
	return 0;
}

static void unlock_memory(struct iommu_map *map)
{
	if (!map->locked)
		return;
	/* The process may be gone: its count went with it. */
	if (mmget_not_zero(map->mm)) {
		count_locked(map->mm, map->locked, false, true);
		mmput(map->mm);
	}
	mmdrop(map->mm);
	map->locked = 0;
}

/* ---- pinning ---- */

static unsigned long count_run(struct page **pages, unsigned long nr)
{
	unsigned long n = 1;

	while (n < nr && page_to_pfn(pages[n]) == page_to_pfn(pages[0]) + n)
		n++;
	return n;
}

/* Pins up to @nr pages at @vaddr; how many, or an error. */
static long pin_batch(struct iommu_map *map, u64 vaddr, unsigned long nr,
		      struct page **pages)
{
	unsigned int flags = FOLL_LONGTERM |
			     (map->prot & IOMMU_WRITE ? FOLL_WRITE : 0);
	long pinned, done = 0;
	unsigned long run;
	int ret;

	pinned = pin_user_pages_fast(vaddr, nr, flags, pages);
	if (pinned <= 0)
		return pinned ? pinned : -EFAULT;
	while (done < pinned) {
		run = count_run(pages + done, pinned - done);
		ret = add_run(map, page_to_pfn(pages[done]), run);
		if (ret) {
			unpin_user_pages(pages + done, pinned - done);
			return ret;
		}
		done += run;
	}
	return pinned;
}

static int pin_batches(struct iommu_map *map, u64 vaddr, struct page **pages,
		       unsigned long batch)
{
	unsigned long left = map->size >> PAGE_SHIFT;
	long nr;

	for (;;) {
		nr = pin_batch(map, vaddr, min(left, batch), pages);
		if (nr < 0)
			return nr;
		left -= nr;
		if (!left)
			return 0;
		vaddr += PFN_PHYS(nr);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

static int pin_all(struct iommu_map *map, u64 vaddr)
{
	struct page *few[SMALL_BATCH], **pages;
	int ret;

	ret = lock_memory(map);
	if (ret)
		return ret;
	if (map->size >> PAGE_SHIFT <= SMALL_BATCH)
		return pin_batches(map, vaddr, few, SMALL_BATCH);
	pages = (struct page **)__get_free_page(GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	ret = pin_batches(map, vaddr, pages, BATCH);
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

static int find_pfns(struct iommu_map *map, u64 vaddr)
{
	unsigned long pfn;
	u64 off;
	int ret;

	for (off = 0; off < map->size; off += PAGE_SIZE) {
		ret = find_pfn(current->mm, vaddr + off,
			       map->prot & IOMMU_WRITE, &pfn);
		if (!ret)
			ret = add_run(map, pfn, 1);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/* ---- a mapping's memory ---- */

/* On an error there may be some to unpin. */
int iommu_map_pin(struct iommu_map *map, u64 vaddr)
{
	int ret = pin_all(map, vaddr);

	if (!ret || map->nr || has_pages(current->mm, vaddr))
		return ret;
	unlock_memory(map);
	map->pfns = true;
	return find_pfns(map, vaddr);
}

void iommu_map_unpin(struct iommu_map *map)
{
	const struct frame_run *run = map->runs;
	unsigned long i;

	for (i = 0; i < map->nr && !map->pfns; i++, run++) {
		unpin_user_page_range_dirty_lock(pfn_to_page(run->pfn), run->nr,
						 map->prot & IOMMU_WRITE);
		if (i % BATCH == BATCH - 1)
			cond_resched();
	}
	unlock_memory(map);
}

/* ---- for external users ---- */

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
