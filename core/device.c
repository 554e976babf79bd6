// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices: registration by their bus drivers, and their descriptors.
 *
 *   vfio_add_group_dev() -> [descriptors and other references come and go]
 *                        -> vfio_del_group_dev(): out of reach, asks, waits
 *
 * A device descriptor owns a reference to the device, a user of the group's
 * container, and one of the device's opens.
 */
#include "vfio.h"

#define REMOVAL_PERIOD_MS 10000

/* ---- life ---- */

/* FNV-1a */
static struct list_head *bucket(const char *name)
{
	u32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (u8)*name) * 16777619u;
	return &vfio.devices[hash % VFIO_TABLE_SIZE];
}

static struct vfio_device *find_device(struct device *dev)
{
	struct vfio_device *device;

	lockdep_assert_held(&vfio.lock);

	list_for_each_entry(device, bucket(port_device_name(dev)), node)
		if (device->dev == dev)
			return device;
	return NULL;
}

/* B5; NULL when @dev is not ours, or about to be not. */
struct vfio_device *vfio_device_get_from_dev(struct device *dev)
{
	struct vfio_device *device;

	mutex_lock(&vfio.lock);
	device = find_device(dev);
	if (device && device->removing)
		device = NULL;
	/* Not being removed means registered, which is a reference. */
	if (device)
		refcount_inc(&device->refs);
	mutex_unlock(&vfio.lock);
	return device;
}

struct vfio_device *vfio_device_get_by_name(struct vfio_group *group,
					    const char *name)
{
	struct vfio_device *device;

	mutex_lock(&vfio.lock);
	list_for_each_entry(device, bucket(name), node) {
		if (device->group != group || device->removing ||
		    strcmp(port_device_name(device->dev), name) != 0)
			continue;
		refcount_inc(&device->refs);
		mutex_unlock(&vfio.lock);
		return device;
	}
	mutex_unlock(&vfio.lock);
	return NULL;
}

void vfio_device_put(struct vfio_device *device)
{
	/* The removal that waits frees @device as soon as it is let go. */
	if (refcount_dec_and_test(&device->refs))
		complete(&device->unused);
}

void *vfio_device_data(struct vfio_device *device)
{
	return device->data;
}

static struct vfio_device *
alloc_device(struct device *dev, const struct vfio_device_ops *ops, void *data)
{
	struct vfio_device *device;

	device = port_zalloc(sizeof(*device));
	if (!device)
		return NULL;
	device->dev = dev;
	device->ops = ops;
	device->data = data;
	refcount_set(&device->refs, 1);
	init_completion(&device->unused);
	mutex_init(&device->open_lock);
	return device;
}

static void free_device(struct vfio_device *device)
{
	WARN_ON(device->open_count);
	mutex_destroy(&device->open_lock);
	port_free(device);
}

/* ---- registration ---- */

/* Publishes @device in its group, which it makes when it is the first; then
 * *@iommu_group has become the group's own, and is NULL. */
static int join_group(struct vfio_device *device,
		      struct iommu_group **iommu_group)
{
	struct vfio_group *group;

	lockdep_assert_held(&vfio.lock);

	/* A device whose removal still waits is there as well. */
	if (find_device(device->dev))
		return -EBUSY;
	group = vfio_group_find(*iommu_group);
	if (group) {
		vfio_group_get(group);
	} else {
		group = vfio_group_create(*iommu_group);
		if (IS_ERR(group))
			return PTR_ERR(group);
		*iommu_group = NULL;
	}
	device->group = group;
	group->nr_devices++;
	list_add(&device->node, bucket(port_device_name(device->dev)));
	return 0;
}

int vfio_add_group_dev(struct device *dev, const struct vfio_device_ops *ops,
		       void *data)
{
	struct iommu_group *iommu_group;
	struct vfio_device *device;
	int ret = -ENOMEM;

	iommu_group = port_iommu_group_get(dev);
	if (!iommu_group)
		return -EINVAL;
	device = alloc_device(dev, ops, data);
	if (!device)
		goto out_put_iommu_group;

	mutex_lock(&vfio.lock);
	ret = join_group(device, &iommu_group);
	mutex_unlock(&vfio.lock);

	if (ret == -EBUSY)
		port_warn("%s is in VFIO already", port_device_name(dev));
	if (ret)
		free_device(device);
out_put_iommu_group:
	if (iommu_group)
		port_iommu_group_put(iommu_group);
	return ret;
}

/*
 * Waits for one period.  True when @done was completed.  The first signal makes
 * all later waits of this removal deaf, so that it cannot be left half done.
 */
bool vfio_removal_wait(struct vfio_removal *removal, struct completion *done)
{
	char task[PORT_TASK_LEN];
	int ret;

	ret = port_wait(done, REMOVAL_PERIOD_MS, !removal->interrupted);
	if (ret == -EINTR) {
		removal->interrupted = true;
		port_task_name(task);
		port_warn(
			"%s is in use: %s is blocked until its users close it",
			removal->name, task);
	}
	return !ret;
}

/* B3: asks the users to let go, and waits until they have.  False: no user. */
static bool wait_unused(struct vfio_device *device,
			struct vfio_removal *removal)
{
	unsigned int count = 0;

	if (refcount_dec_and_test(&device->refs))
		return false;
	do {
		if (device->ops->request)
			device->ops->request(device->data, count);
		count++;
	} while (!vfio_removal_wait(removal, &device->unused));
	return true;
}

/* Out of reach for anybody new (L5), but not yet for a second add. */
static struct vfio_device *begin_removal(struct device *dev)
{
	struct vfio_device *device;

	mutex_lock(&vfio.lock);
	device = find_device(dev);
	if (WARN_ON(!device || device->removing))
		device = NULL;
	else
		device->removing = true;
	mutex_unlock(&vfio.lock);
	return device;
}

void *vfio_del_group_dev(struct device *dev)
{
	struct vfio_removal removal = { .name = port_device_name(dev) };
	struct vfio_device *device;
	struct vfio_group *group;
	void *data;
	bool last;

	device = begin_removal(dev);
	if (!device)
		return NULL;
	group = device->group;
	data = device->data;
	if (wait_unused(device, &removal))
		vfio_group_await_leave(group);

	mutex_lock(&vfio.lock);
	list_del(&device->node);
	last = vfio_group_drop_device(group);
	mutex_unlock(&vfio.lock);

	if (last)
		vfio_group_drain(group, &removal);
	free_device(device);
	vfio_group_put(group);
	return data;
}

/* ---- descriptors ---- */

/* The driver sees the first open and the last release, one after the other. */
static int open_device(struct vfio_device *device)
{
	int ret = 0;

	mutex_lock(&device->open_lock);
	if (device->open_count)
		goto out_count;
	if (!port_module_get(device->ops->owner)) {
		ret = -ENODEV;
		goto out_unlock;
	}
	if (device->ops->open)
		ret = device->ops->open(device->data);
	if (ret) {
		port_module_put(device->ops->owner);
		goto out_unlock;
	}
out_count:
	device->open_count++;
out_unlock:
	mutex_unlock(&device->open_lock);
	return ret;
}

static void close_device(struct vfio_device *device)
{
	mutex_lock(&device->open_lock);
	if (!--device->open_count) {
		if (device->ops->release)
			device->ops->release(device->data);
		port_module_put(device->ops->owner);
	}
	mutex_unlock(&device->open_lock);
}

static void log_noiommu_open(struct vfio_device *device)
{
	char task[PORT_TASK_LEN];

	port_task_name(task);
	port_warn(
		"%s opened through noiommu group %d by %s: it can reach all memory",
		port_device_name(device->dev), device->group->id, task);
}

/* G6: may it be opened by who says @options? */
int vfio_device_admit(struct vfio_device *device, const char *options)
{
	if (device->ops->admit)
		return device->ops->admit(device->data, options);
	if (!options)
		return 0;
	port_info("%s takes no options: not opened with any",
		  port_device_name(device->dev));
	return -EINVAL;
}

/* G6.  The new descriptor owns the caller's reference and container user. */
int vfio_device_open_fd(struct vfio_device *device)
{
	struct port_file *file;
	int fd, ret;

	fd = port_fd_reserve();
	if (fd < 0)
		return fd;
	ret = open_device(device);
	if (ret)
		goto err_cancel_fd;
	file = port_file_create("[vfio-device]", &vfio_device_fops, device);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_close_device;
	}

	if (device->group->noiommu)
		log_noiommu_open(device);
	/* Another thread may close it at once, and remove @device. */
	port_fd_publish(fd, file);
	return fd;

err_close_device:
	close_device(device);
err_cancel_fd:
	port_fd_cancel(fd);
	return ret;
}

static void device_release(void *priv)
{
	struct vfio_device *device = priv;

	close_device(device);
	vfio_group_unuse_container(device->group);
	vfio_device_put(device);
}

static long device_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	struct vfio_device *device = priv;

	if (!device->ops->ioctl)
		return -EINVAL;
	return device->ops->ioctl(device->data, cmd, arg);
}

static ssize_t device_read(void *priv, char __user *buf, size_t len,
			   loff_t *pos)
{
	struct vfio_device *device = priv;

	if (!device->ops->read)
		return -EINVAL;
	return device->ops->read(device->data, buf, len, pos);
}

static ssize_t device_write(void *priv, const char __user *buf, size_t len,
			    loff_t *pos)
{
	struct vfio_device *device = priv;

	if (!device->ops->write)
		return -EINVAL;
	return device->ops->write(device->data, buf, len, pos);
}

static int device_mmap(void *priv, struct port_vma *vma)
{
	struct vfio_device *device = priv;

	if (!device->ops->mmap)
		return -EINVAL;
	return device->ops->mmap(device->data, vma);
}

const struct port_file_ops vfio_device_fops = {
	.name = "vfio-device",
	.release = device_release,
	.ioctl = device_ioctl,
	.read = device_read,
	.write = device_write,
	.mmap = device_mmap,
};
