// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * IOMMU drivers ("backends"): who is registered, which one serves a container.
 *
 * A registration lives until it is undone, which waits for whoever is asking
 * the driver right now.  A container that uses the driver does not keep it
 * registered, only loaded (C6).
 */
#include "vfio.h"

struct iommu_driver {
	const struct vfio_iommu_driver_ops *ops;
	struct list_head node; /* vfio.drivers_lock */
};

static struct iommu_driver *find_driver(const struct vfio_iommu_driver_ops *ops)
{
	struct iommu_driver *driver;

	lockdep_assert_held(&vfio.drivers_lock);

	list_for_each_entry(driver, &vfio.drivers, node)
		if (driver->ops == ops)
			return driver;
	return NULL;
}

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	struct iommu_driver *driver;

	driver = port_zalloc(sizeof(*driver));
	if (!driver)
		return -ENOMEM;
	driver->ops = ops;

	down_write(&vfio.drivers_lock);
	if (find_driver(ops)) {
		up_write(&vfio.drivers_lock);
		port_free(driver);
		return -EINVAL;
	}
	list_add(&driver->node, &vfio.drivers);
	up_write(&vfio.drivers_lock);
	return 0;
}

void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	struct iommu_driver *driver;

	down_write(&vfio.drivers_lock);
	driver = find_driver(ops);
	if (driver)
		list_del(&driver->node);
	up_write(&vfio.drivers_lock);
	port_free(driver);
}

/* The noiommu backend is for noiommu groups, all others are for real ones. */
static bool serves(const struct iommu_driver *driver, bool noiommu)
{
	return (driver->ops == &vfio_noiommu_ops) == noiommu;
}

/* C3 without a backend: the first answer that is not "no".  With @any, of all
 * drivers; else of those that serve groups of the kind @noiommu. */
long vfio_drivers_check_extension(unsigned long arg, bool any, bool noiommu)
{
	struct iommu_driver *driver;
	long ret = 0;

	down_read(&vfio.drivers_lock);
	list_for_each_entry(driver, &vfio.drivers, node) {
		if (!any && !serves(driver, noiommu))
			continue;
		ret = driver->ops->ioctl(NULL, VFIO_CHECK_EXTENSION, arg);
		if (ret > 0)
			break;
	}
	up_read(&vfio.drivers_lock);
	return ret > 0 ? ret : 0;
}

int vfio_backend_attach_group(struct vfio_backend *backend,
			      struct vfio_group *group)
{
	int ret;

	ret = backend->ops->attach_group(backend->data, group->iommu_group);
	if (ret)
		port_info("IOMMU driver %s cannot take group %d: error %d",
			  backend->ops->name, group->id, ret);
	return ret;
}

/* Attaches every group of @container, or none. */
static int attach_groups(struct vfio_backend *backend,
			 struct vfio_container *container)
{
	struct vfio_group *group;
	int ret;

	lockdep_assert_held(&container->lock);

	list_for_each_entry(group, &container->groups, container_node) {
		ret = vfio_backend_attach_group(backend, group);
		if (ret)
			goto err_detach;
	}
	return 0;

err_detach:
	list_for_each_entry_continue_reverse(group, &container->groups,
					     container_node)
		backend->ops->detach_group(backend->data, group->iommu_group);
	return ret;
}

static int start_backend(struct vfio_backend *backend,
			 const struct vfio_iommu_driver_ops *ops,
			 struct vfio_container *container, unsigned long arg)
{
	int ret;

	if (!port_module_get(ops->owner))
		return -ENODEV;

	backend->ops = ops;
	backend->data = ops->open(arg);
	if (IS_ERR(backend->data)) {
		ret = PTR_ERR(backend->data);
		goto err_put_module;
	}
	ret = attach_groups(backend, container);
	if (ret)
		goto err_release;
	return 0;

err_release:
	ops->release(backend->data);
err_put_module:
	port_module_put(ops->owner);
	return ret;
}

/*
 * C4: the first driver that knows the extension @arg, opens, and takes all
 * groups of @container.  Without one the error of the last that tried.
 */
struct vfio_backend *vfio_backend_open(struct vfio_container *container,
				       unsigned long arg)
{
	struct vfio_backend *backend;
	struct iommu_driver *driver;
	int ret = -ENODEV;

	lockdep_assert_held(&container->lock);

	backend = port_zalloc(sizeof(*backend));
	if (!backend)
		return ERR_PTR(-ENOMEM);
	refcount_set(&backend->refs, 1);

	down_read(&vfio.drivers_lock);
	list_for_each_entry(driver, &vfio.drivers, node) {
		if (!serves(driver, container->noiommu))
			continue;
		if (driver->ops->ioctl(NULL, VFIO_CHECK_EXTENSION, arg) <= 0)
			continue;
		ret = start_backend(backend, driver->ops, container, arg);
		if (!ret)
			break;
	}
	up_read(&vfio.drivers_lock);

	if (ret) {
		port_free(backend);
		return ERR_PTR(ret);
	}
	return backend;
}

/* No group is attached any more when the last reference goes (L4). */
void vfio_backend_put(struct vfio_backend *backend)
{
	const struct vfio_iommu_driver_ops *ops = backend->ops;

	if (!refcount_dec_and_test(&backend->refs))
		return;
	ops->release(backend->data);
	port_module_put(ops->owner);
	port_free(backend);
}
