// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Groups: the object of an IOMMU group that has devices, the count of those who
 * use its container, and the descriptor of /dev/vfio/$ID.
 *
 * container_users is a plain number under a lock (L3).  It is 0 exactly while
 * the group has no container; the last user is let go under group->lock, so
 * that whoever holds group->lock sees a group in a container or out of it, never
 * on its way.
 */
#include "vfio.h"

/* ---- life ---- */

static struct list_head *bucket(int id)
{
	return &vfio.groups[(u32)id % VFIO_TABLE_SIZE];
}

/* A group in the table has devices, and those hold it. */
static struct vfio_group *find_by_id(int id)
{
	struct vfio_group *group;

	lockdep_assert_held(&vfio.lock);

	list_for_each_entry(group, bucket(id), node)
		if (group->id == id)
			return group;
	return NULL;
}

struct vfio_group *vfio_group_find(struct iommu_group *iommu_group)
{
	return find_by_id(port_iommu_group_id(iommu_group));
}

struct vfio_group *
vfio_group_get_by_iommu_group(struct iommu_group *iommu_group)
{
	struct vfio_group *group;

	mutex_lock(&vfio.lock);
	group = vfio_group_find(iommu_group);
	if (group)
		vfio_group_get(group);
	mutex_unlock(&vfio.lock);
	return group;
}

/*
 * A new group in the table, and its node.  It is its first device's, which also
 * counts as a reference.  On success the reference to @iommu_group is its own.
 */
struct vfio_group *vfio_group_create(struct iommu_group *iommu_group)
{
	struct vfio_group *group;
	int ret;

	lockdep_assert_held(&vfio.lock);

	group = port_zalloc(sizeof(*group));
	if (!group)
		return ERR_PTR(-ENOMEM);
	group->iommu_group = iommu_group;
	group->id = port_iommu_group_id(iommu_group);
	group->noiommu = port_iommu_group_is_made(iommu_group);
	refcount_set(&group->refs, 1);
	mutex_init(&group->lock);
	mutex_init(&group->users_lock);
	mutex_init(&group->kvm_lock);
	init_completion(&group->drained);
	blocking_notifier_init(&group->notifier);

	ret = port_group_node_add(group->id, group->noiommu);
	if (ret)
		goto err_free;
	list_add(&group->node, bucket(group->id));
	return group;

err_free:
	mutex_destroy(&group->kvm_lock);
	mutex_destroy(&group->users_lock);
	mutex_destroy(&group->lock);
	port_free(group);
	return ERR_PTR(ret);
}

void vfio_group_get(struct vfio_group *group)
{
	refcount_inc(&group->refs);
}

void vfio_group_put(struct vfio_group *group)
{
	if (!refcount_dec_and_test(&group->refs))
		return;
	WARN_ON(group->nr_devices || group->container_users || group->kvm);
	mutex_destroy(&group->kvm_lock);
	mutex_destroy(&group->users_lock);
	mutex_destroy(&group->lock);
	port_iommu_group_put(group->iommu_group);
	port_free(group);
}

/*
 * A device was removed.  True when it was the last: the group has left the
 * table and nobody becomes a user of its container any more; what is left is
 * vfio_group_drain().  A device that comes back makes a new group.
 */
bool vfio_group_drop_device(struct vfio_group *group)
{
	lockdep_assert_held(&vfio.lock);

	if (--group->nr_devices)
		return false;
	list_del(&group->node);
	port_group_node_del(group->id, group->noiommu);
	mutex_lock(&group->users_lock);
	WRITE_ONCE(group->dead, true);
	group->awaited = true;
	mutex_unlock(&group->users_lock);
	return true;
}

/* V1; a noiommu group is one device, and that is ours. */
bool vfio_group_is_viable(struct vfio_group *group)
{
	return group->noiommu || port_iommu_group_viable(group->iommu_group);
}

/* V3: isolation holds, since only a driver that owns no DMA can bind to it. */
void vfio_group_device_added(struct iommu_group *iommu_group,
			     struct device *dev)
{
	struct vfio_group *group = vfio_group_get_by_iommu_group(iommu_group);
	bool used;

	if (!group)
		return;
	mutex_lock(&group->users_lock);
	used = group->container_users;
	mutex_unlock(&group->users_lock);
	if (used)
		port_warn("%s appeared in group %d, which is in use",
			  port_device_name(dev), group->id);
	vfio_group_put(group);
}

/* ---- users of the container (L3) ---- */

/* 0 with a user: the group stays in its container, which stays as it is. */
int vfio_group_use_container(struct vfio_group *group)
{
	int ret = 0;

	mutex_lock(&group->users_lock);
	if (group->dead)
		ret = -ENODEV;
	else if (!group->container_users)
		ret = -EINVAL;
	else
		group->container_users++;
	mutex_unlock(&group->users_lock);
	return ret;
}

/* The container the group has to be detached from, or NULL. */
static struct vfio_container *drop_user(struct vfio_group *group)
{
	struct vfio_container *container = group->container;

	lockdep_assert_held(&group->users_lock);

	if (group->awaited)
		complete(&group->drained);
	if (WARN_ON(!group->container_users) || --group->container_users)
		return NULL;
	WRITE_ONCE(group->container, NULL);
	return container;
}

static bool drop_user_unless_last(struct vfio_group *group)
{
	bool more;

	mutex_lock(&group->users_lock);
	more = group->container_users > 1;
	if (more)
		drop_user(group);
	mutex_unlock(&group->users_lock);
	return more;
}

/* No lock from group->kvm_lock on may be held. */
void vfio_group_unuse_container(struct vfio_group *group)
{
	struct vfio_container *container;
	bool idle;

	if (drop_user_unless_last(group))
		return;

	mutex_lock(&group->lock);
	mutex_lock(&group->users_lock);
	container = drop_user(group);
	mutex_unlock(&group->users_lock);
	if (container)
		vfio_container_detach_group(container, group);
	idle = container && !group->opened;
	mutex_unlock(&group->lock);
	if (idle)
		vfio_group_forget_kvm(group);
}

/*
 * Gives up the attachment's own user, if that is still there.  If @alone only
 * when it is the last: -EBUSY.
 */
static int leave_container(struct vfio_group *group, bool alone)
{
	struct vfio_container *container = NULL;
	int ret = 0;

	lockdep_assert_held(&group->lock);

	mutex_lock(&group->users_lock);
	if (alone && group->container_users > group->attached) {
		ret = -EBUSY;
	} else if (group->attached) {
		group->attached = false;
		container = drop_user(group);
	}
	mutex_unlock(&group->users_lock);

	if (container)
		vfio_container_detach_group(container, group);
	return ret;
}

static bool is_last_device(struct vfio_group *group)
{
	bool last;

	mutex_lock(&vfio.lock);
	last = group->nr_devices == 1;
	mutex_unlock(&vfio.lock);
	return last;
}

/*
 * Who has just let go of the group's last device unmaps next and leaves the
 * container.  In a dead group these calls would fail: a moment for them (B3).
 */
void vfio_group_await_leave(struct vfio_group *group)
{
	bool awaited = is_last_device(group), late = false;

	while (awaited) {
		mutex_lock(&group->users_lock);
		awaited = group->container_users && !late;
		group->awaited = awaited;
		mutex_unlock(&group->users_lock);
		if (awaited)
			late = port_wait(&group->drained, VFIO_LEAVE_MS, false);
	}
}

/*
 * The end of a dead group (B3): waits for the external users it still has, and
 * takes it out of its container, in which its opener left it.
 */
void vfio_group_drain(struct vfio_group *group, struct vfio_removal *removal)
{
	int ret;

	for (;;) {
		mutex_lock(&group->lock);
		ret = leave_container(group, true);
		mutex_unlock(&group->lock);
		if (!ret)
			break;
		if (!vfio_removal_wait(removal, &group->drained))
			port_info("%s: group %d still has external users",
				  removal->name, group->id);
	}
}

/* Nobody is there any more who could have use for the kvm. */
bool vfio_group_is_idle(struct vfio_group *group)
{
	bool idle;

	mutex_lock(&group->lock);
	idle = !group->opened && !group->container;
	mutex_unlock(&group->lock);
	return idle;
}

/* ---- ioctls ---- */

static bool is_dead(struct vfio_group *group)
{
	bool dead;

	mutex_lock(&group->users_lock);
	dead = group->dead;
	mutex_unlock(&group->users_lock);
	return dead;
}

static long vfio_group_ioctl_get_status(struct vfio_group *group,
					void __user *arg)
{
	const size_t size = offsetofend(struct vfio_group_status, flags);
	struct vfio_group_status status;

	if (port_copy_in(&status, arg, size))
		return -EFAULT;
	if (status.argsz < size)
		return -EINVAL;

	/* Old news when it is told, with a lock or without. */
	if (READ_ONCE(group->dead))
		return -ENODEV;
	/* An attached group is ours, which only a viable one can become (V2). */
	if (READ_ONCE(group->container))
		status.flags = VFIO_GROUP_FLAGS_VIABLE |
			       VFIO_GROUP_FLAGS_CONTAINER_SET;
	else
		status.flags = vfio_group_is_viable(group)
				       ? VFIO_GROUP_FLAGS_VIABLE
				       : 0;
	return port_copy_out(arg, &status, size);
}

/* Checks what does not need the other descriptor, which comes last in G4. */
static int may_attach(struct vfio_group *group)
{
	lockdep_assert_held(&group->lock);

	if (is_dead(group))
		return -ENODEV;
	if (group->container)
		return -EINVAL;
	if (group->noiommu && !port_capable(PORT_CAP_RAWIO))
		return -EPERM;
	return 0;
}

/* @file is what the caller says is a container, or an error. */
static int attach(struct vfio_group *group, struct port_file *file)
{
	struct vfio_container *container;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	container = port_file_priv(file, &vfio_container_fops);
	if (!container)
		return -EINVAL;
	ret = vfio_container_attach_group(container, group);
	if (ret)
		return ret;
	mutex_lock(&group->users_lock);
	WRITE_ONCE(group->container, container);
	group->container_users = 1;
	group->attached = true;
	mutex_unlock(&group->users_lock);
	return 0;
}

static long vfio_group_ioctl_set_container(struct vfio_group *group,
					   void __user *arg)
{
	struct port_file *file;
	s32 fd;
	int ret;

	if (port_copy_in(&fd, arg, sizeof(fd)))
		return -EFAULT;
	if (fd < 0)
		return -EINVAL;

	/* May end what was behind the number: under no lock. */
	file = port_file_get(fd);
	mutex_lock(&group->lock);
	ret = may_attach(group);
	if (!ret)
		ret = attach(group, file);
	mutex_unlock(&group->lock);
	if (!IS_ERR(file))
		port_file_put(file);
	return ret;
}

static long vfio_group_ioctl_unset_container(struct vfio_group *group)
{
	int ret;

	mutex_lock(&group->lock);
	if (is_dead(group))
		ret = -ENODEV;
	else if (!group->attached)
		ret = -EINVAL;
	else
		ret = leave_container(group, true);
	mutex_unlock(&group->lock);
	return ret;
}

/* What G6 asks for before the name is looked at; a user is held. */
static int may_open_devices(struct vfio_group *group)
{
	if (!smp_load_acquire(&group->container->backend))
		return -EINVAL;
	if (!vfio_group_is_viable(group))
		return -EINVAL;
	if (group->noiommu && !port_capable(PORT_CAP_RAWIO))
		return -EPERM;
	return 0;
}

/* What follows the first space of @name, which ends there; NULL: no space. */
static const char *split_options(char *name)
{
	while (*name && *name != ' ')
		name++;
	if (!*name)
		return NULL;
	*name = '\0';
	return name + 1;
}

/* The device that @name asks for, with a reference, if its bus driver lets it. */
static struct vfio_device *find_requested_device(struct vfio_group *group,
						 char *name)
{
	const char *options = NULL;
	struct vfio_device *device;
	int ret;

	device = vfio_device_get_by_name(group, name);
	if (!device) {
		options = split_options(name);
		if (options)
			device = vfio_device_get_by_name(group, name);
	}
	if (!device)
		return ERR_PTR(-ENODEV);
	ret = vfio_device_admit(device, options);
	if (ret) {
		vfio_device_put(device);
		return ERR_PTR(ret);
	}
	return device;
}

/* The new descriptor owns the user and the reference to the device. */
static int open_device(struct vfio_group *group, char *name)
{
	struct vfio_device *device;
	int ret;

	/* From here on UNSET_CONTAINER is -EBUSY: no device without IOMMU. */
	ret = vfio_group_use_container(group);
	if (ret)
		return ret;
	ret = may_open_devices(group);
	if (ret)
		goto err_unuse_container;

	device = find_requested_device(group, name);
	if (IS_ERR(device)) {
		ret = PTR_ERR(device);
		goto err_unuse_container;
	}
	ret = vfio_device_open_fd(device);
	if (ret < 0)
		goto err_put_device;
	return ret;

err_put_device:
	vfio_device_put(device);
err_unuse_container:
	vfio_group_unuse_container(group);
	return ret;
}

static long vfio_group_ioctl_get_device_fd(struct vfio_group *group,
					   const char __user *arg)
{
	ssize_t ret;
	char *name;

	name = port_zalloc(PAGE_SIZE);
	if (!name)
		return -ENOMEM;
	ret = port_copy_string(name, arg, PAGE_SIZE);
	if (ret >= 0)
		ret = open_device(group, name);
	port_free(name);
	return ret;
}

/* ---- the descriptor ---- */

static int open_group(struct vfio_group *group)
{
	int ret = 0;

	mutex_lock(&group->lock);
	if (is_dead(group))
		ret = -ENODEV;
	else if (group->opened || group->container)
		ret = -EBUSY;
	else
		group->opened = true;
	mutex_unlock(&group->lock);
	return ret;
}

/* On 0, the caller's description owns *@priv (G2). */
int vfio_group_open(int id, bool noiommu, void **priv)
{
	struct vfio_group *group;
	int ret;

	mutex_lock(&vfio.lock);
	group = find_by_id(id);
	if (group && group->noiommu == noiommu)
		vfio_group_get(group);
	else
		group = NULL;
	mutex_unlock(&vfio.lock);
	if (!group)
		return -ENODEV;

	ret = -EPERM;
	if (noiommu && !port_capable(PORT_CAP_RAWIO))
		goto err_put_group;
	ret = open_group(group);
	if (ret)
		goto err_put_group;
	vfio_group_drop_listeners(group);
	*priv = group;
	return 0;

err_put_group:
	vfio_group_put(group);
	return ret;
}

/* G8: devices and external users may go on without the descriptor. */
static void group_release(void *priv)
{
	struct vfio_group *group = priv;

	mutex_lock(&group->lock);
	leave_container(group, false);
	group->opened = false;
	mutex_unlock(&group->lock);
	vfio_group_forget_kvm(group);
	vfio_group_put(group);
}

static long group_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return vfio_group_ioctl_get_status(priv, (void __user *)arg);
	case VFIO_GROUP_SET_CONTAINER:
		return vfio_group_ioctl_set_container(priv, (void __user *)arg);
	case VFIO_GROUP_UNSET_CONTAINER:
		return vfio_group_ioctl_unset_container(priv);
	case VFIO_GROUP_GET_DEVICE_FD:
		return vfio_group_ioctl_get_device_fd(priv,
						      (const char __user *)arg);
	default:
		return -ENOTTY;
	}
}

const struct port_file_ops vfio_group_fops = {
	.name = "vfio-group",
	.release = group_release,
	.ioctl = group_ioctl,
};
