// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Mappings in the domains of an address space.
 *
 * Frames are entered in runs that are as long as memory lets them be, so that huge
 * pages stay huge; many short ones in lists, so that the IOMMU is told once per
 * list. A mapping leaves in one go.
 */
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>

#include "iommu.h"

/* A page of them. */
#define LIST_MAX (PAGE_SIZE / sizeof(struct scatterlist))

/* At most so much is undone without a pause. No page of an IOMMU's tables is
 * larger than a run, so none lies across such a border. */
#define LEAVE_STEP ((u64)FRAME_RUN_MAX << PAGE_SHIFT)

/* ---- in one domain ---- */

static void leave(struct iommu_space *space, u64 iova, u64 size)
{
	u64 step;

	for (; size; iova += step, size -= step) {
		step = min(size, LEAVE_STEP - (iova & (LEAVE_STEP - 1)));
		WARN_ON(iommu_unmap(space->domain, iova, step) != step);
		cond_resched();
	}
}

static int enter_runs(struct iommu_space *space, const struct iommu_map *map,
		      u64 *done)
{
	const struct frame_run *run;
	int ret;

	for (run = map->runs; run < map->runs + map->nr; run++) {
		ret = compat_iommu_map(space->domain, map->iova + *done,
				       PFN_PHYS(run->pfn), PFN_PHYS(run->nr),
				       map->prot);
		if (ret)
			return ret;
		*done += PFN_PHYS(run->nr);
		cond_resched();
	}
	return 0;
}

static int enter_lists(struct iommu_space *space, const struct iommu_map *map,
		       struct scatterlist *list, u64 *done)
{
	const struct frame_run *run = map->runs;
	unsigned long i, nr, left;
	ssize_t size;

	for (left = map->nr; left; left -= nr) {
		nr = min_t(unsigned long, left, LIST_MAX);
		sg_init_table(list, nr);
		for (i = 0; i < nr; i++, run++)
			sg_set_page(&list[i], pfn_to_page(run->pfn),
				    PFN_PHYS(run->nr), 0);
		size = compat_iommu_map_sg(space->domain, map->iova + *done,
					   list, nr, map->prot);
		if (size < 0)
			return size;
		*done += size;
		cond_resched();
	}
	return 0;
}

/* Enters @map into @space; on an error nothing of it is there. */
static int enter(struct iommu_space *space, const struct iommu_map *map)
{
	struct scatterlist *list;
	u64 done = 0;
	int ret;

	if (map->pfns || map->nr <= FEW_RUNS) {
		ret = enter_runs(space, map, &done);
	} else {
		list = (struct scatterlist *)__get_free_page(GFP_KERNEL);
		ret = list ? enter_lists(space, map, list, &done) : -ENOMEM;
		free_page((unsigned long)list);
	}
	if (ret)
		leave(space, map->iova, done);
	return ret;
}

int iommu_space_enter(struct port_iommu *iommu, struct iommu_space *space)
{
	struct iommu_map *map;
	int ret;

	lockdep_assert_held_write(&iommu->domains_lock);

	list_for_each_entry(map, &iommu->maps, node) {
		ret = enter(space, map);
		if (ret)
			goto err_leave;
	}
	return 0;

err_leave:
	list_for_each_entry_continue_reverse(map, &iommu->maps, node)
		leave(space, map->iova, map->size);
	return ret;
}

void iommu_space_leave(struct port_iommu *iommu, struct iommu_space *space)
{
	struct iommu_map *map;

	lockdep_assert_held_write(&iommu->domains_lock);

	list_for_each_entry(map, &iommu->maps, node)
		leave(space, map->iova, map->size);
}

/* ---- in all domains ---- */

static int enter_all(struct port_iommu *iommu, const struct iommu_map *map)
{
	struct iommu_space *space;
	int ret;

	list_for_each_entry(space, &iommu->domains, node) {
		ret = enter(space, map);
		if (ret)
			goto err_leave;
	}
	return 0;

err_leave:
	list_for_each_entry_continue_reverse(space, &iommu->domains, node)
		leave(space, map->iova, map->size);
	return ret;
}

/* Lets devices at @map, and puts it where a domain that comes later finds it. */
static int publish(struct port_iommu *iommu, struct iommu_map *map)
{
	int ret;

	down_read(&iommu->domains_lock);
	ret = enter_all(iommu, map);
	if (!ret) {
		spin_lock(&iommu->maps_lock);
		list_add_tail(&map->node, &iommu->maps);
		spin_unlock(&iommu->maps_lock);
	}
	up_read(&iommu->domains_lock);
	return ret;
}

static void withdraw(struct port_iommu *iommu, struct iommu_map *map)
{
	struct iommu_space *space;

	down_read(&iommu->domains_lock);
	spin_lock(&iommu->maps_lock);
	list_del(&map->node);
	spin_unlock(&iommu->maps_lock);
	list_for_each_entry(space, &iommu->domains, node)
		leave(space, map->iova, map->size);
	up_read(&iommu->domains_lock);
}

/* ---- the port ---- */

static struct iommu_map *map_alloc(u64 iova, u64 size, u32 prot)
{
	struct iommu_map *map;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	map->iova = iova;
	map->size = size;
	/* A device's accesses go through the caches of the CPU. */
	map->prot = IOMMU_CACHE |
		    (prot & VFIO_DMA_MAP_FLAG_READ ? IOMMU_READ : 0) |
		    (prot & VFIO_DMA_MAP_FLAG_WRITE ? IOMMU_WRITE : 0);
	map->runs = map->few;
	map->room = FEW_RUNS;
	return map;
}

static void map_free(struct iommu_map *map)
{
	iommu_map_unpin(map);
	if (map->runs != map->few)
		kvfree(map->runs);
	kfree(map);
}

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	struct iommu_map *map;
	int ret;

	map = map_alloc(iova, size, prot);
	if (!map)
		return -ENOMEM;
	ret = iommu_map_pin(map, vaddr);
	if (!ret)
		ret = publish(iommu, map);
	if (ret) {
		map_free(map);
		return ret;
	}
	*cookie = map;
	return 0;
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
	withdraw(iommu, cookie);
	map_free(cookie);
}
