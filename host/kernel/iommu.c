// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An I/O address space on the kernel's IOMMU, for type1.
 *
 * It is a set of domains: groups behind IOMMUs that can share page tables share
 * one. A mapping is pinned once and entered into each domain; a domain that comes
 * later gets all there is, which is why the mappings are on a list here.
 *
 * Locks: domains_lock (rwsem) guards the domains, their groups and what follows
 * from them; whoever enters frames or takes them out reads it. It is not held
 * while memory is pinned: that memory may have a pager that takes for ever, which
 * must not keep a group from leaving. maps_lock guards the list of mappings.
 */
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "iommu.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Allow devices whose interrupts no IOMMU isolates: such a "
		 "device can raise any interrupt of the host.");

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner)
{
	struct port_iommu *iommu;

	iommu = kzalloc(sizeof(*iommu), GFP_KERNEL_ACCOUNT);
	if (!iommu)
		return ERR_PTR(-ENOMEM);
	init_rwsem(&iommu->domains_lock);
	INIT_LIST_HEAD(&iommu->domains);
	spin_lock_init(&iommu->maps_lock);
	INIT_LIST_HEAD(&iommu->maps);
	iommu->mm = current->mm;
	mmgrab(iommu->mm);
	iommu->pgsizes = PAGE_MASK;
	iommu->ranges[0].last = U64_MAX;
	iommu->nr_ranges = 1;
	return iommu;
}

/* ---- what all domains and groups together can do ---- */

/* What there is no room for is not usable: safe, if not all there could be. */
static void keep_range(struct port_iommu *iommu, u64 start, u64 last)
{
	if (iommu->nr_ranges < IOMMU_MAX_RANGES)
		iommu->ranges[iommu->nr_ranges++] =
			(struct usable_range){ start, last };
}

/* Takes [start, last] out of the usable ranges. */
static void exclude(struct port_iommu *iommu, u64 start, u64 last)
{
	struct usable_range old[IOMMU_MAX_RANGES];
	unsigned int i, nr = iommu->nr_ranges;

	memcpy(old, iommu->ranges, nr * sizeof(*old));
	iommu->nr_ranges = 0;
	for (i = 0; i < nr; i++) {
		if (last < old[i].start || start > old[i].last) {
			keep_range(iommu, old[i].start, old[i].last);
			continue;
		}
		if (start > old[i].start)
			keep_range(iommu, old[i].start, start - 1);
		if (last < old[i].last)
			keep_range(iommu, last + 1, old[i].last);
	}
}

static void free_regions(struct list_head *regions)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, regions, list)
		kfree(region);
}

static int exclude_reserved(struct port_iommu *iommu, struct iommu_group *group)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int ret;

	ret = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry(region, &regions, list)
		if (region->type != IOMMU_RESV_DIRECT_RELAXABLE)
			exclude(iommu, region->start,
				region->start + region->length - 1);
	free_regions(&regions);
	return ret;
}

static void include_aperture(struct port_iommu *iommu,
			     const struct iommu_domain_geometry *geometry)
{
	if (geometry->aperture_start)
		exclude(iommu, 0, geometry->aperture_start - 1);
	if (geometry->aperture_end != U64_MAX)
		exclude(iommu, geometry->aperture_end + 1, U64_MAX);
}

/* Anew from all domains: a group that left took its restrictions along. */
static int update_limits(struct port_iommu *iommu)
{
	struct iommu_member *member;
	struct iommu_space *space;
	int ret = 0;

	lockdep_assert_held_write(&iommu->domains_lock);

	iommu->pgsizes = PAGE_MASK;
	iommu->coherent = true;
	iommu->ranges[0] = (struct usable_range){ 0, U64_MAX };
	iommu->nr_ranges = 1;
	list_for_each_entry(space, &iommu->domains, node) {
		iommu->pgsizes &= space->domain->pgsize_bitmap |
				  -(space->domain->pgsize_bitmap &
				    -space->domain->pgsize_bitmap);
		iommu->coherent &= space->coherent;
		include_aperture(iommu, &space->domain->geometry);
		list_for_each_entry(member, &space->members, node)
			ret = ret ?: exclude_reserved(iommu, member->group);
	}
	return ret;
}

u64 port_iommu_pgsizes(struct port_iommu *iommu)
{
	return READ_ONCE(iommu->pgsizes);
}

bool port_iommu_coherent(struct port_iommu *iommu)
{
	return READ_ONCE(iommu->coherent);
}

bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last)
{
	bool found;

	down_read(&iommu->domains_lock);
	found = i < iommu->nr_ranges;
	if (found) {
		*start = iommu->ranges[i].start;
		*last = iommu->ranges[i].last;
	}
	up_read(&iommu->domains_lock);
	return found;
}

bool port_iommu_tracks_dirty(struct port_iommu *iommu)
{
	return false;
}

/* ---- domains and groups ---- */

static int first_device(struct device *dev, void *data)
{
	*(struct device **)data = dev;
	return 1;
}

static struct iommu_space *space_alloc(struct device *dev)
{
	struct iommu_space *space;
	void *err;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (!space)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&space->members);
	space->domain = compat_domain_alloc(dev);
	if (IS_ERR(space->domain)) {
		err = space->domain;
		kfree(space);
		return err;
	}
	return space;
}

/*
 * Where MSIs go through the IOMMU like any other write (ARM), their doorbell
 * needs an address there: the kernel is told where it may choose one. x86 has a
 * place for them that is no memory.
 */
static int set_msi_window(struct iommu_space *space, struct iommu_group *group)
{
	struct iommu_resv_region *region, *window = NULL;
	LIST_HEAD(regions);
	int ret;

	ret = iommu_get_group_resv_regions(group, &regions);
	if (ret)
		goto out_free;
	list_for_each_entry(region, &regions, list) {
		if (region->type == IOMMU_RESV_MSI)
			goto out_free;
		if (region->type == IOMMU_RESV_SW_MSI)
			window = region;
	}
	if (window)
		ret = iommu_get_msi_cookie(space->domain, window->start);
out_free:
	free_regions(&regions);
	return ret;
}

static void space_free(struct port_iommu *iommu, struct iommu_space *space)
{
	iommu_space_leave(iommu, space);
	iommu_domain_free(space->domain);
	kfree(space);
}

/* An existing domain that takes @group, or a new one with all mappings. */
static struct iommu_space *space_for(struct port_iommu *iommu,
				     struct iommu_group *group,
				     struct device *dev)
{
	struct iommu_space *space;
	int ret;

	list_for_each_entry(space, &iommu->domains, node)
		if (!iommu_attach_group(space->domain, group))
			return space;

	space = space_alloc(dev);
	if (IS_ERR(space))
		return space;
	ret = iommu_attach_group(space->domain, group);
	if (ret)
		goto err_free;
	/* Asked of a domain with a group in it: it depends on their IOMMU. */
	space->coherent =
		space->domain->ops->enforce_cache_coherency &&
		space->domain->ops->enforce_cache_coherency(space->domain);
	ret = set_msi_window(space, group);
	if (!ret)
		ret = iommu_space_enter(iommu, space);
	if (ret)
		goto err_detach;
	list_add_tail(&space->node, &iommu->domains);
	return space;

err_detach:
	iommu_detach_group(space->domain, group);
err_free:
	iommu_domain_free(space->domain);
	kfree(space);
	return ERR_PTR(ret);
}

static void member_remove(struct port_iommu *iommu, struct iommu_space *space,
			  struct iommu_member *member)
{
	iommu_detach_group(space->domain, member->group);
	list_del(&member->node);
	kfree(member);
	if (list_empty(&space->members)) {
		list_del(&space->node);
		space_free(iommu, space);
	}
}

/* Every group has left and all is unmapped. */
void port_iommu_free(struct port_iommu *iommu)
{
	WARN_ON(!list_empty(&iommu->maps) || !list_empty(&iommu->domains));
	mmdrop(iommu->mm);
	kfree(iommu);
}

int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group)
{
	struct iommu_member *member;
	struct iommu_space *space;
	struct device *dev = NULL;
	int ret;

	iommu_group_for_each_dev(group, &dev, first_device);
	if (!dev)
		return -ENODEV;
	if (!compat_msi_isolated(group, dev) && !allow_unsafe_interrupts) {
		port_warn("%s: no interrupt remapping; load vfio_iommu_type1 "
			  "with allow_unsafe_interrupts=1 to use it anyway",
			  dev_name(dev));
		return -EPERM;
	}
	member = kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	if (!member)
		return -ENOMEM;
	member->group = group;

	down_write(&iommu->domains_lock);
	space = space_for(iommu, group, dev);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
		goto err_unlock;
	}
	list_add_tail(&member->node, &space->members);
	ret = update_limits(iommu);
	if (ret) {
		member_remove(iommu, space, member);
		update_limits(iommu);
		up_write(&iommu->domains_lock);
		return ret;
	}
	up_write(&iommu->domains_lock);
	return 0;

err_unlock:
	up_write(&iommu->domains_lock);
	kfree(member);
	return ret;
}

void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group)
{
	struct iommu_member *member;
	struct iommu_space *space;

	down_write(&iommu->domains_lock);
	list_for_each_entry(space, &iommu->domains, node)
		list_for_each_entry(member, &space->members, node)
			if (member->group == group) {
				member_remove(iommu, space, member);
				update_limits(iommu);
				goto out_unlock;
			}
	WARN_ON(1);
out_unlock:
	up_write(&iommu->domains_lock);
}
