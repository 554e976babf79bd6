// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Containers: the descriptor of /dev/vfio/vfio, the groups that joined, and the
 * backend that serves them.
 *
 * A call on the descriptor that goes to the backend holds a reference to it and
 * no lock (L6): it may sleep on the caller's memory for as long as that
 * caller likes, and the removal of a device must not wait for it; and a
 * backend may call listeners, which may be the last user of the container.
 * A group that leaves meanwhile is detached at once, the backend is
 * released when the call is over.
 */
#include "vfio.h"

/* On 0, the caller's description owns *@priv (C1). */
int vfio_container_open(void **priv)
{
	struct vfio_container *container;

	container = port_zalloc(sizeof(*container));
	if (!container)
		return -ENOMEM;
	refcount_set(&container->refs, 1);
	mutex_init(&container->lock);
	INIT_LIST_HEAD(&container->groups);
	*priv = container;
	return 0;
}

static void container_put(struct vfio_container *container)
{
	if (!refcount_dec_and_test(&container->refs))
		return;
	WARN_ON(container->backend || !list_empty(&container->groups));
	mutex_destroy(&container->lock);
	port_free(container);
}

/* The backend with a reference, or NULL. */
static struct vfio_backend *get_backend(struct vfio_container *container)
{
	struct vfio_backend *backend;

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		refcount_inc(&backend->refs);
	mutex_unlock(&container->lock);
	return backend;
}

/* ---- groups come and go; under group->lock ---- */

/* A group of noiommu mode has no IOMMU to own, and its one device is ours. */
static int claim(struct vfio_group *group)
{
	int ret;

	if (group->noiommu)
		return 0;
	ret = port_iommu_group_claim(group->iommu_group, group);
	if (ret == -EBUSY)
		port_warn(
			"group %d is not viable: a driver other than VFIO's has one of its devices; unbind it, or bind the device to vfio-pci",
			group->id);
	else if (ret == -EPERM)
		port_warn(
			"group %d is not viable: its devices are owned by another user of the IOMMU",
			group->id);
	return ret;
}

static void release_claim(struct vfio_group *group)
{
	if (!group->noiommu)
		port_iommu_group_release(group->iommu_group);
}

/* On 0 the group holds the container. */
int vfio_container_attach_group(struct vfio_container *container,
				struct vfio_group *group)
{
	int ret;

	lockdep_assert_held(&group->lock);

	mutex_lock(&container->lock);
	if (!list_empty(&container->groups) &&
	    container->noiommu != group->noiommu) {
		port_info(
			"group %d cannot join: noiommu and real groups never mix",
			group->id);
		ret = -EPERM;
		goto err_unlock;
	}
	ret = claim(group);
	if (ret)
		goto err_unlock;
	if (container->backend) {
		ret = vfio_backend_attach_group(container->backend, group);
		if (ret)
			goto err_release_claim;
	}
	container->noiommu = group->noiommu;
	list_add_tail(&group->container_node, &container->groups);
	refcount_inc(&container->refs);
	mutex_unlock(&container->lock);
	return 0;

err_release_claim:
	release_claim(group);
err_unlock:
	mutex_unlock(&container->lock);
	return ret;
}

/* The last group takes the backend with it (L4). */
void vfio_container_detach_group(struct vfio_container *container,
				 struct vfio_group *group)
{
	struct vfio_backend *backend, *last = NULL;

	lockdep_assert_held(&group->lock);

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		backend->ops->detach_group(backend->data, group->iommu_group);
	release_claim(group);
	list_del(&group->container_node);
	if (list_empty(&container->groups)) {
		last = backend;
		smp_store_release(&container->backend, NULL);
	}
	mutex_unlock(&container->lock);

	if (last)
		vfio_backend_put(last);
	container_put(container);
}

/* ---- ioctls ---- */

static long
vfio_container_ioctl_check_extension(struct vfio_container *container,
				     unsigned long arg)
{
	struct vfio_backend *backend;
	bool any, noiommu;
	long ret;

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		refcount_inc(&backend->refs);
	any = list_empty(&container->groups);
	noiommu = container->noiommu;
	mutex_unlock(&container->lock);

	if (!backend)
		return vfio_drivers_check_extension(arg, any, noiommu);
	ret = backend->ops->ioctl(backend->data, VFIO_CHECK_EXTENSION, arg);
	vfio_backend_put(backend);
	return ret;
}

static long vfio_container_ioctl_set_iommu(struct vfio_container *container,
					   unsigned long arg)
{
	struct vfio_backend *backend;
	long ret = 0;

	mutex_lock(&container->lock);
	if (list_empty(&container->groups) || container->backend) {
		ret = -EINVAL;
		goto out_unlock;
	}
	backend = vfio_backend_open(container, arg);
	if (IS_ERR(backend)) {
		ret = PTR_ERR(backend);
		goto out_unlock;
	}
	/* Pairs with the loads of those who hold a user. */
	smp_store_release(&container->backend, backend);
out_unlock:
	mutex_unlock(&container->lock);
	return ret;
}

static long vfio_container_ioctl_backend(struct vfio_container *container,
					 unsigned int cmd, unsigned long arg)
{
	struct vfio_backend *backend = get_backend(container);
	long ret;

	if (!backend)
		return -EINVAL;
	ret = backend->ops->ioctl(backend->data, cmd, arg);
	vfio_backend_put(backend);
	return ret;
}

/* ---- the descriptor ---- */

static long container_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	/* Before all else, with no register to save for it. */
	if (cmd == VFIO_GET_API_VERSION)
		return VFIO_API_VERSION;
	switch (cmd) {
	case VFIO_CHECK_EXTENSION:
		return vfio_container_ioctl_check_extension(priv, arg);
	case VFIO_SET_IOMMU:
		return vfio_container_ioctl_set_iommu(priv, arg);
	default:
		return vfio_container_ioctl_backend(priv, cmd, arg);
	}
}

static ssize_t container_read(void *priv, char __user *buf, size_t len,
			      loff_t *pos)
{
	struct vfio_backend *backend = get_backend(priv);
	ssize_t ret = -EINVAL;

	if (!backend)
		return ret;
	if (backend->ops->read)
		ret = backend->ops->read(backend->data, buf, len, pos);
	vfio_backend_put(backend);
	return ret;
}

static ssize_t container_write(void *priv, const char __user *buf, size_t len,
			       loff_t *pos)
{
	struct vfio_backend *backend = get_backend(priv);
	ssize_t ret = -EINVAL;

	if (!backend)
		return ret;
	if (backend->ops->write)
		ret = backend->ops->write(backend->data, buf, len, pos);
	vfio_backend_put(backend);
	return ret;
}

static int container_mmap(void *priv, struct port_vma *vma)
{
	struct vfio_backend *backend = get_backend(priv);
	int ret = -EINVAL;

	if (!backend)
		return ret;
	if (backend->ops->mmap)
		ret = backend->ops->mmap(backend->data, vma);
	vfio_backend_put(backend);
	return ret;
}

static void container_release(void *priv)
{
	container_put(priv);
}

const struct port_file_ops vfio_container_fops = {
	.name = "vfio",
	.release = container_release,
	.ioctl = container_ioctl,
	.read = container_read,
	.write = container_write,
	.mmap = container_mmap,
};
