/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The software bus: its devices, the groups that its IOMMU can tell apart, what
 * driver each device is bound to and who owns the DMA of a group.
 *
 * A group lives as long as it has devices or somebody holds it.  A device that
 * was destroyed stays memory until its group goes, so that whoever holds the
 * group may still say its name; or until it comes back: it is the same one then.
 */
#include "internal.h"

struct device {
	struct list_head node; /* bus_lock */
	struct iommu_group *group; /* bus_lock; read without it */
	const struct host_driver *driver; /* bus_lock */
	struct list_head lone; /* bus_lock; of loners */
	int made_id; /* of the group that is made for it; -1: it has a real one */
	bool has_iommu;
	char name[];
};

struct iommu_group {
	struct list_head node; /* of groups */
	int id;
	bool made; /* by port_iommu_group_make() */
	unsigned int refs; /* bus_lock */
	struct list_head devices; /* bus_lock; each holds a reference */
	struct list_head gone; /* bus_lock; destroyed devices */
	void *owner; /* bus_lock; of its DMA, or NULL */
	struct vfio_type1 *type1; /* atomic; set by iommu.c */
};

/* A leaf: but for messages nothing is called with it held. */
static pthread_mutex_t bus_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list_head groups = { &groups, &groups }; /* bus_lock */
/* Devices behind no IOMMU. */
static struct list_head loners = { &loners, &loners }; /* bus_lock */

/* ---- groups ---- */

static struct iommu_group *find_group(int id)
{
	struct iommu_group *group;

	list_for_each_entry(group, &groups, node) {
		if (group->id == id)
			return group;
	}
	return NULL;
}

/* A new group with one reference, in the list. */
static struct iommu_group *new_group(int id, bool made)
{
	struct iommu_group *group = port_zalloc(sizeof(*group));

	if (!group)
		return NULL;
	group->id = id;
	group->made = made;
	group->refs = 1;
	INIT_LIST_HEAD(&group->devices);
	INIT_LIST_HEAD(&group->gone);
	list_add_tail(&group->node, &groups);
	return group;
}

static void put_group(struct iommu_group *group)
{
	struct device *dev, *next;

	if (--group->refs)
		return;
	WARN_ON(group->owner);
	list_del(&group->node);
	list_for_each_entry_safe(dev, next, &group->gone, node)
		port_free(dev);
	port_free(group);
}

/* The caller's reference to @group becomes the device's. */
static void join_group(struct device *dev, struct iommu_group *group)
{
	list_add_tail(&dev->node, &group->devices);
	smp_store_release(&dev->group, group);
}

/* The number of a group that is made, or is to be. */
static bool is_made_id(int id)
{
	struct device *dev;

	list_for_each_entry(dev, &loners, lone) {
		if (dev->made_id == id)
			return true;
	}
	return false;
}

static int lowest_free_id(void)
{
	int id = 0;

	while (find_group(id) || is_made_id(id))
		id++;
	return id;
}

/* ---- devices and drivers ---- */

static struct device *new_device(const char *name, bool has_iommu)
{
	size_t len = strlen(name) + 1;
	struct device *dev = port_zalloc(sizeof(*dev) + len);

	if (!dev)
		return NULL;
	memcpy(dev->name, name, len);
	dev->has_iommu = has_iommu;
	dev->made_id = -1;
	INIT_LIST_HEAD(&dev->node);
	INIT_LIST_HEAD(&dev->lone);
	return dev;
}

static int join_real_group(struct device *dev, int id)
{
	struct iommu_group *group = find_group(id);

	if (is_made_id(id)) {
		port_err(
			"%s: group %d is a made-up one of noiommu mode already; give the device another group",
			dev->name, id);
		return -EEXIST;
	}
	if (group)
		group->refs++;
	else
		group = new_group(id, false);
	if (!group)
		return -ENOMEM;
	join_group(dev, group);
	return 0;
}

static struct device *find_gone(const char *name, int group_id)
{
	struct iommu_group *group = find_group(group_id);
	struct device *dev;

	if (!group)
		return NULL;
	list_for_each_entry(dev, &group->gone, node) {
		if (!strcmp(dev->name, name))
			return dev;
	}
	return NULL;
}

/* A device of that name that was destroyed, as good as new; or NULL. */
static struct device *take_gone(const char *name, int group_id)
{
	struct device *dev;

	pthread_mutex_lock(&bus_lock);
	dev = find_gone(name, group_id);
	if (dev)
		list_del_init(&dev->node);
	pthread_mutex_unlock(&bus_lock);
	return dev;
}

struct device *host_device_create(const char *name, int group_id)
{
	struct device *dev = take_gone(name, group_id);
	int ret;

	if (!dev)
		dev = new_device(name, group_id >= 0);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	pthread_mutex_lock(&bus_lock);
	if (group_id < 0) {
		/* Always the same number, since /sys shows it. */
		dev->made_id = lowest_free_id();
		list_add_tail(&dev->lone, &loners);
		ret = 0;
	} else {
		ret = join_real_group(dev, group_id);
	}
	pthread_mutex_unlock(&bus_lock);
	if (ret) {
		port_free(dev);
		return ERR_PTR(ret);
	}
	if (group_id < 0)
		return dev;
	/* V3: the core may know the group, and takes locks of its own. */
	vfio_group_device_added(dev->group, dev);
	return dev;
}

/* Who holds the group keeps the device's name, in its memory. */
void host_device_destroy(struct device *dev)
{
	struct iommu_group *group;

	host_device_unbind(dev);
	pthread_mutex_lock(&bus_lock);
	list_del_init(&dev->lone);
	group = dev->group;
	smp_store_release(&dev->group, NULL);
	if (group) {
		list_del_init(&dev->node);
		list_add_tail(&dev->node, &group->gone);
		put_group(group);
	}
	pthread_mutex_unlock(&bus_lock);
	if (!group)
		port_free(dev);
}

/* The other half of V2 is port_iommu_group_claim(): under one lock, so that a
 * bind and a claim at once do not both succeed. */
int host_device_bind(struct device *dev, const struct host_driver *driver)
{
	struct iommu_group *group;
	int ret = 0;

	pthread_mutex_lock(&bus_lock);
	group = dev->group;
	if (dev->driver) {
		port_err("%s: not bound to %s: it is bound to %s", dev->name,
			 driver->name, dev->driver->name);
		ret = -EBUSY;
	} else if (group && group->owner && !driver->managed_dma) {
		port_err(
			"%s: not bound to %s: group %d is in use through VFIO, which owns its DMA",
			dev->name, driver->name, group->id);
		ret = -EBUSY;
	} else {
		dev->driver = driver;
	}
	pthread_mutex_unlock(&bus_lock);
	return ret;
}

void host_device_unbind(struct device *dev)
{
	pthread_mutex_lock(&bus_lock);
	dev->driver = NULL;
	pthread_mutex_unlock(&bus_lock);
}

const char *port_device_name(const struct device *dev)
{
	return dev->name;
}

bool port_device_has_iommu(const struct device *dev)
{
	return dev->has_iommu;
}

/* ---- groups of the port ---- */

struct iommu_group *port_iommu_group_get(struct device *dev)
{
	struct iommu_group *group;

	pthread_mutex_lock(&bus_lock);
	group = dev->group;
	if (group)
		group->refs++;
	pthread_mutex_unlock(&bus_lock);
	return group;
}

void port_iommu_group_put(struct iommu_group *group)
{
	pthread_mutex_lock(&bus_lock);
	put_group(group);
	pthread_mutex_unlock(&bus_lock);
}

int port_iommu_group_id(const struct iommu_group *group)
{
	return group->id;
}

bool port_iommu_group_is_made(const struct iommu_group *group)
{
	return group->made;
}

int host_device_group_id(struct device *dev)
{
	int id;

	pthread_mutex_lock(&bus_lock);
	id = dev->group ? dev->group->id : dev->made_id;
	pthread_mutex_unlock(&bus_lock);
	return id;
}

/* Its own, but for a group of before that somebody still holds. */
static int made_id(struct device *dev)
{
	return find_group(dev->made_id) ? lowest_free_id() : dev->made_id;
}

/* One reference is the device's, one the caller's. */
struct iommu_group *port_iommu_group_make(struct device *dev, const char *name)
{
	struct iommu_group *group = NULL;

	pthread_mutex_lock(&bus_lock);
	if (!WARN_ON(dev->group))
		group = new_group(made_id(dev), true);
	if (group) {
		group->refs++;
		join_group(dev, group);
	}
	pthread_mutex_unlock(&bus_lock);
	return group ? group : ERR_PTR(-ENOMEM);
}

/* The device goes on without a group; its reference goes. */
void port_iommu_group_remove_device(struct device *dev)
{
	struct iommu_group *group;

	pthread_mutex_lock(&bus_lock);
	group = dev->group;
	if (!WARN_ON(!group)) {
		smp_store_release(&dev->group, NULL);
		list_del_init(&dev->node);
		put_group(group);
	}
	pthread_mutex_unlock(&bus_lock);
}

/* ---- who owns their DMA (V1, V2) ---- */

/* A device whose driver does DMA of its own, or NULL. */
static struct device *native_device(struct iommu_group *group)
{
	struct device *dev;

	list_for_each_entry(dev, &group->devices, node) {
		if (dev->driver && !dev->driver->managed_dma)
			return dev;
	}
	return NULL;
}

static void say_native(const struct iommu_group *group,
		       const struct device *dev)
{
	port_err(
		"%s of group %d is bound to %s; unbind it, or bind it to vfio-pci",
		dev->name, group->id, dev->driver->name);
}

int port_iommu_group_claim(struct iommu_group *group, void *owner)
{
	struct device *dev;
	int ret = 0;

	pthread_mutex_lock(&bus_lock);
	dev = native_device(group);
	if (group->owner) {
		ret = -EPERM;
	} else if (dev) {
		say_native(group, dev);
		ret = -EBUSY;
	} else {
		group->owner = owner;
	}
	pthread_mutex_unlock(&bus_lock);
	return ret;
}

void port_iommu_group_release(struct iommu_group *group)
{
	pthread_mutex_lock(&bus_lock);
	WARN_ON(!group->owner);
	group->owner = NULL;
	pthread_mutex_unlock(&bus_lock);
}

/* One that is owned has no native driver: neither gets past the other. */
bool port_iommu_group_viable(struct iommu_group *group)
{
	struct device *dev;

	pthread_mutex_lock(&bus_lock);
	dev = native_device(group);
	if (dev)
		say_native(group, dev);
	pthread_mutex_unlock(&bus_lock);
	return !dev;
}

/* ---- the address space of a group ---- */

int host_group_set_type1(struct iommu_group *group, struct vfio_type1 *type1)
{
	struct vfio_type1 *old = NULL;

	if (!type1) {
		smp_store_release(&group->type1, NULL);
		return 0;
	}
	return __atomic_compare_exchange_n(&group->type1, &old, type1, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
		       ? 0
		       : -EBUSY;
}

/* In the way of each DMA.  A device does none unless it is open, and while it
 * is open it stays in its group, and the group in its address space. */
struct vfio_type1 *host_device_type1(struct device *dev)
{
	struct iommu_group *group = smp_load_acquire(&dev->group);

	return group ? smp_load_acquire(&group->type1) : NULL;
}

/* Devices and groups are the parent's; nobody here knows them. */
void host_bus_after_fork(void)
{
	pthread_mutex_init(&bus_lock, NULL);
	INIT_LIST_HEAD(&groups);
	INIT_LIST_HEAD(&loners);
}
