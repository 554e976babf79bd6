/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An IOMMU that believes nothing: what type1 tells it must fit together.  A
 * group that is attached must be owned, mappings must not overlap, an unmap must
 * be of what was mapped, and a copy must stay in what is mapped now.
 */
#include "engine.h"

struct map {
	struct list_head node;
	u64 iova, vaddr, size;
	u32 prot;
};

struct pin {
	struct list_head node;
	unsigned long pfn;
	u32 prot;
};

struct port_iommu {
	struct vfio_type1 *type1;
	unsigned int nr_groups;
	struct list_head maps, pins;
};

static unsigned int nr_maps;
static bool tracks_dirty;

/* Whether it sees the writes of devices, the seed decides. */
void sim_iommu_begin(void)
{
	nr_maps = 0;
	tracks_dirty = sim_random(4);
}

/* ---- life, groups ---- */

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner)
{
	struct port_iommu *iommu;

	if (sim_fails(SIM_MEMORY))
		return ERR_PTR(-ENOMEM);
	iommu = sim_new(struct port_iommu);
	iommu->type1 = owner;
	INIT_LIST_HEAD(&iommu->maps);
	INIT_LIST_HEAD(&iommu->pins);
	sim_count(SIM_COUNT_IOMMUS, 1);
	return iommu;
}

void port_iommu_free(struct port_iommu *iommu)
{
	sim_point();
	WARN_ON(iommu->nr_groups);
	WARN_ON(!list_empty(&iommu->maps));
	WARN_ON(!list_empty(&iommu->pins));
	sim_count(SIM_COUNT_IOMMUS, -1);
	port_free(iommu);
}

int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group)
{
	WARN_ON(group->iommu);
	WARN_ON(!group->owner);
	if (sim_fails(SIM_ATTACH))
		return sim_random(2) ? -EINVAL : -ENOMEM;
	sim_release(group);
	group->iommu = iommu;
	iommu->nr_groups++;
	sim_count(SIM_COUNT_ATTACHED, 1);
	return 0;
}

void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group)
{
	sim_point();
	if (WARN_ON(group->iommu != iommu))
		return;
	group->iommu = NULL;
	iommu->nr_groups--;
	sim_count(SIM_COUNT_ATTACHED, -1);
}

/* ---- what it can ---- */

u64 port_iommu_pgsizes(struct port_iommu *iommu)
{
	return BIT_ULL(12) | BIT_ULL(21) | BIT_ULL(30);
}

bool port_iommu_coherent(struct port_iommu *iommu)
{
	return true;
}

/* All but where an x86 has its message interrupts. */
bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last)
{
	static const u64 ranges[][2] = {
		{ 0, 0xfedfffff },
		{ 0xfef00000, 0xffffffffffff },
	};

	if (i >= ARRAY_SIZE(ranges))
		return false;
	*start = ranges[i][0];
	*last = ranges[i][1];
	return true;
}

bool port_iommu_tracks_dirty(struct port_iommu *iommu)
{
	return tracks_dirty;
}

/* ---- mappings ---- */

static bool overlaps(struct port_iommu *iommu, u64 iova, u64 size)
{
	struct map *map;

	list_for_each_entry(map, &iommu->maps, node)
		if (iova <= map->iova + map->size - 1 &&
		    map->iova <= iova + size - 1)
			return true;
	return false;
}

static int probe(u64 vaddr, u64 size, u32 prot)
{
	int ret;

	sim_mm_lock(false);
	ret = sim_probe(vaddr, size, prot & VFIO_DMA_MAP_FLAG_WRITE);
	sim_mm_unlock(false);
	return ret;
}

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	struct map *map;

	WARN_ON(!size || (iova | vaddr | size) & ~PAGE_MASK);
	lock_assert_none_held();
	if (sim_fails(SIM_MAP))
		return -ENOMEM;
	if (probe(vaddr, size, prot))
		return -EFAULT;
	WARN_ON(overlaps(iommu, iova, size));
	map = sim_new(struct map);
	map->iova = iova;
	map->vaddr = vaddr;
	map->size = size;
	map->prot = prot;
	list_add_tail(&map->node, &iommu->maps);
	nr_maps++;
	sim_count(SIM_COUNT_MAPS, 1);
	*cookie = map;
	sim_point();
	return 0;
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
	struct map *map;

	sim_point();
	list_for_each_entry(map, &iommu->maps, node)
		if (map == cookie)
			break;
	if (WARN_ON(&map->node == &iommu->maps))
		return;
	WARN_ON(map->iova != iova || map->vaddr != vaddr || map->size != size ||
		map->prot != prot);
	list_del(&map->node);
	port_free(map);
	nr_maps--;
	sim_count(SIM_COUNT_MAPS, -1);
}

/* @vaddr is mapped with the right to it, up to @len bytes on. */
static bool is_mapped(struct port_iommu *iommu, u64 vaddr, u64 len, u32 prot)
{
	struct map *map;

	list_for_each_entry(map, &iommu->maps, node)
		if (vaddr >= map->vaddr &&
		    vaddr + len <= map->vaddr + map->size &&
		    (map->prot & prot) == prot)
			return true;
	return false;
}

int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write)
{
	void *user = (void *)(uintptr_t)vaddr;
	int ret;

	WARN_ON(!is_mapped(iommu, vaddr, len,
			   write ? VFIO_DMA_MAP_FLAG_WRITE
				 : VFIO_DMA_MAP_FLAG_READ));
	if (sim_fails(SIM_COPY))
		return -EFAULT;
	sim_mm_lock(false);
	ret = write ? sim_touch(user, buf, len) : sim_touch(buf, user, len);
	sim_mm_unlock(false);
	return ret;
}

/* ---- pages of external users ---- */

int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn)
{
	struct pin *pin;

	if (sim_fails(SIM_PIN))
		return -ENOMEM;
	if (probe(vaddr, PAGE_SIZE, prot))
		return -EFAULT;
	pin = sim_new(struct pin);
	pin->pfn = vaddr >> PAGE_SHIFT;
	pin->prot = prot;
	list_add_tail(&pin->node, &iommu->pins);
	sim_count(SIM_COUNT_PINS, 1);
	*pfn = pin->pfn;
	return 0;
}

void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot)
{
	struct pin *pin;

	sim_point();
	list_for_each_entry(pin, &iommu->pins, node)
		if (pin->pfn == pfn && pin->prot == prot)
			break;
	if (WARN_ON(&pin->node == &iommu->pins))
		return;
	list_del(&pin->node);
	port_free(pin);
	sim_count(SIM_COUNT_PINS, -1);
}

/* ---- for tests ---- */

struct vfio_type1 *sim_device_type1(struct device *dev)
{
	struct iommu_group *group = dev->group;

	if (group)
		sim_acquire(group);
	return group && group->iommu ? group->iommu->type1 : NULL;
}

unsigned int sim_iommu_nr_maps(void)
{
	return nr_maps;
}
