/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Devices, IOMMU groups and who owns their DMA.  Rules of the port that a host
 * need not check are bugs here: a group that is released while it is attached,
 * a claim of a group without an IOMMU.
 */
#include "engine.h"

static struct list_head groups;

void sim_bus_begin(void)
{
	INIT_LIST_HEAD(&groups);
}

/* ---- groups ---- */

static struct iommu_group *find_group(int id)
{
	struct iommu_group *group;

	list_for_each_entry(group, &groups, node)
		if (group->id == id)
			return group;
	return NULL;
}

static struct iommu_group *new_group(int id, bool made)
{
	struct iommu_group *group = sim_new(struct iommu_group);

	group->id = id;
	group->made = made;
	INIT_LIST_HEAD(&group->devices);
	list_add_tail(&group->node, &groups);
	return group;
}

static void get(struct iommu_group *group)
{
	group->refs++;
	sim_count(SIM_COUNT_GROUPS, 1);
}

static void put(struct iommu_group *group)
{
	sim_count(SIM_COUNT_GROUPS, -1);
	if (WARN_ON(!group->refs) || --group->refs)
		return;
	WARN_ON(group->owner || group->iommu || !list_empty(&group->devices));
	list_del(&group->node);
	port_free(group);
}

static void join(struct device *dev, struct iommu_group *group)
{
	get(group);
	dev->group = group;
	list_add_tail(&dev->node, &group->devices);
}

static void leave(struct device *dev)
{
	struct iommu_group *group = dev->group;

	list_del(&dev->node);
	dev->group = NULL;
	put(group);
}

/* ---- devices ---- */

struct device *sim_device_create(const char *name, int group_id)
{
	struct device *dev = sim_new(struct device);
	struct iommu_group *group;

	strscpy(dev->name, name, sizeof(dev->name));
	sim_count(SIM_COUNT_DEVICES, 1);
	if (group_id < 0)
		return dev;
	dev->has_iommu = true;
	group = find_group(group_id);
	join(dev, group ?: new_group(group_id, false));
	return dev;
}

void sim_device_destroy(struct device *dev)
{
	dev->bound = false;
	/* Who made a group takes it away again. */
	WARN_ON(dev->group && dev->group->made);
	if (dev->group)
		leave(dev);
	sim_count(SIM_COUNT_DEVICES, -1);
	port_free(dev);
}

int sim_device_bind(struct device *dev, bool managed)
{
	sim_point();
	if (dev->bound)
		return -EBUSY;
	if (!managed && dev->group && dev->group->owner)
		return -EBUSY;
	dev->bound = true;
	dev->managed = managed;
	return 0;
}

void sim_device_unbind(struct device *dev)
{
	sim_point();
	WARN_ON(!dev->bound);
	dev->bound = false;
}

bool sim_group_is_owned(struct device *dev)
{
	return dev->group && dev->group->owner;
}

bool sim_group_is_attached(struct device *dev)
{
	return dev->group && dev->group->iommu;
}

/* ---- the port ---- */

const char *port_device_name(const struct device *dev)
{
	return dev->name;
}

bool port_device_has_iommu(const struct device *dev)
{
	return dev->has_iommu;
}

struct iommu_group *port_iommu_group_get(struct device *dev)
{
	sim_point();
	if (dev->group)
		get(dev->group);
	return dev->group;
}

void port_iommu_group_put(struct iommu_group *group)
{
	sim_point();
	put(group);
}

int port_iommu_group_id(const struct iommu_group *group)
{
	WARN_ON(!group->refs);
	return group->id;
}

struct iommu_group *port_iommu_group_make(struct device *dev, const char *name)
{
	struct iommu_group *group;
	int id = 0;

	WARN_ON(dev->group || !name);
	if (sim_fails(SIM_MEMORY))
		return ERR_PTR(-ENOMEM);
	while (find_group(id))
		id++;
	group = new_group(id, true);
	join(dev, group);
	get(group);
	return group;
}

bool port_iommu_group_is_made(const struct iommu_group *group)
{
	return group->made;
}

void port_iommu_group_remove_device(struct device *dev)
{
	sim_point();
	if (WARN_ON(!dev->group || !dev->group->made))
		return;
	leave(dev);
}

static bool native_driver_in(const struct iommu_group *group)
{
	struct device *dev;

	list_for_each_entry(dev, &group->devices, node)
		if (dev->bound && !dev->managed)
			return true;
	return false;
}

int port_iommu_group_claim(struct iommu_group *group, void *owner)
{
	WARN_ON(!owner || group->made);
	if (sim_fails(SIM_CLAIM))
		return sim_random(2) ? -EPERM : -EBUSY;
	if (group->owner)
		return -EPERM;
	if (native_driver_in(group))
		return -EBUSY;
	group->owner = owner;
	sim_count(SIM_COUNT_CLAIMS, 1);
	return 0;
}

void port_iommu_group_release(struct iommu_group *group)
{
	sim_point();
	WARN_ON(group->iommu);
	if (WARN_ON(!group->owner))
		return;
	group->owner = NULL;
	sim_count(SIM_COUNT_CLAIMS, -1);
}

bool port_iommu_group_viable(struct iommu_group *group)
{
	sim_point();
	return group->owner || !native_driver_in(group);
}
