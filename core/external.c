// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * External users: another part of the host that holds a group through its
 * descriptor, pins pages of a container, or listens to what happens to it.
 *
 * A call here has a user of the container for its length, and so needs no lock
 * to reach the backend: X1 and X3 are safe inside a listener too.
 */
#include "vfio.h"

/* The backend, with a user held that keeps it. */
static struct vfio_backend *use_backend(struct vfio_group *group)
{
	struct vfio_backend *backend;
	int ret;

	ret = vfio_group_use_container(group);
	if (ret)
		return ERR_PTR(ret);

	ret = -EPERM;
	if (group->noiommu)
		goto err_unuse_container;
	ret = -EINVAL;
	/* Pairs with the store in SET_IOMMU. */
	backend = smp_load_acquire(&group->container->backend);
	if (!backend || !vfio_group_is_viable(group))
		goto err_unuse_container;
	return backend;

err_unuse_container:
	vfio_group_unuse_container(group);
	return ERR_PTR(ret);
}

/* ---- groups through their descriptors (X1, X2) ---- */

struct vfio_group *vfio_group_get_external_user(struct port_file *file)
{
	struct vfio_group *group = port_file_priv(file, &vfio_group_fops);
	struct vfio_backend *backend;

	if (!group)
		return ERR_PTR(-EINVAL);
	backend = use_backend(group);
	if (IS_ERR(backend))
		return ERR_PTR(PTR_ERR(backend));
	vfio_group_get(group);
	return group;
}

void vfio_group_put_external_user(struct vfio_group *group)
{
	vfio_group_unuse_container(group);
	vfio_group_put(group);
}

bool vfio_external_group_match_file(struct vfio_group *group,
				    struct port_file *file)
{
	return port_file_priv(file, &vfio_group_fops) == group;
}

int vfio_external_user_iommu_id(struct vfio_group *group)
{
	return group->id;
}

/* For whoever has a user of the container, which may have no backend yet. */
long vfio_external_check_extension(struct vfio_group *group, unsigned long arg)
{
	struct vfio_backend *backend;

	backend = smp_load_acquire(&group->container->backend);
	if (!backend)
		return vfio_drivers_check_extension(arg, false, group->noiommu);
	return backend->ops->ioctl(backend->data, VFIO_CHECK_EXTENSION, arg);
}

/* ---- calls through a device ---- */

/* What such a call uses for its length. */
struct device_call {
	struct vfio_group *group;
	struct vfio_backend *backend;
};

static struct vfio_group *get_group_from_dev(struct device *dev)
{
	struct iommu_group *iommu_group = port_iommu_group_get(dev);
	struct vfio_group *group;

	if (!iommu_group)
		return NULL;
	group = vfio_group_get_by_iommu_group(iommu_group);
	port_iommu_group_put(iommu_group);
	return group;
}

static int begin_call(struct device_call *call, struct device *dev)
{
	call->group = get_group_from_dev(dev);
	if (!call->group)
		return -ENODEV;
	call->backend = use_backend(call->group);
	if (IS_ERR(call->backend)) {
		vfio_group_put(call->group);
		return PTR_ERR(call->backend);
	}
	return 0;
}

static void end_call(struct device_call *call)
{
	vfio_group_unuse_container(call->group);
	vfio_group_put(call->group);
}

/* ---- pinning (X3) ---- */

static int check_pages(struct device *dev, const unsigned long *user_pfn,
		       int npage)
{
	if (!dev || !user_pfn || npage <= 0)
		return -EINVAL;
	if ((size_t)npage > VFIO_PIN_PAGES_MAX_ENTRIES)
		return -E2BIG;
	return 0;
}

int vfio_pin_pages(struct device *dev, unsigned long *user_pfn, int npage,
		   int prot, unsigned long *phys_pfn)
{
	const struct vfio_iommu_driver_ops *ops;
	struct device_call call;
	int ret;

	if (!phys_pfn)
		return -EINVAL;
	ret = check_pages(dev, user_pfn, npage);
	if (ret)
		return ret;
	ret = begin_call(&call, dev);
	if (ret)
		return ret;

	ops = call.backend->ops;
	ret = -ENOTTY;
	if (ops->pin_pages)
		ret = ops->pin_pages(call.backend->data, user_pfn, npage, prot,
				     phys_pfn);
	end_call(&call);
	return ret;
}

int vfio_unpin_pages(struct device *dev, unsigned long *user_pfn, int npage)
{
	const struct vfio_iommu_driver_ops *ops;
	struct device_call call;
	int ret;

	ret = check_pages(dev, user_pfn, npage);
	if (ret)
		return ret;
	ret = begin_call(&call, dev);
	if (ret)
		return ret;

	ops = call.backend->ops;
	ret = -ENOTTY;
	if (ops->unpin_pages)
		ret = ops->unpin_pages(call.backend->data, user_pfn, npage);
	end_call(&call);
	return ret;
}

/* ---- listeners (X4) ---- */

static int register_iommu_listener(struct device_call *call,
				   unsigned long *events,
				   struct notifier_block *nb)
{
	struct vfio_backend *backend = call->backend;

	if (!backend->ops->register_notifier)
		return -ENOTTY;
	return backend->ops->register_notifier(backend->data, events, nb);
}

/* A kvm that is there already is told to the newcomer alone, once. */
static int register_group_listener(struct vfio_group *group,
				   unsigned long *events,
				   struct notifier_block *nb)
{
	int ret;

	*events &= ~VFIO_GROUP_NOTIFY_SET_KVM;
	if (*events)
		return -EINVAL;

	mutex_lock(&group->kvm_lock);
	ret = blocking_notifier_chain_register(&group->notifier, nb);
	if (!ret && group->kvm)
		nb->notifier_call(nb, VFIO_GROUP_NOTIFY_SET_KVM, group->kvm);
	mutex_unlock(&group->kvm_lock);
	return ret;
}

int vfio_register_notifier(struct device *dev, enum vfio_notify_type type,
			   unsigned long *events, struct notifier_block *nb)
{
	struct device_call call;
	int ret;

	if (!dev || !nb || !events || !*events)
		return -EINVAL;
	ret = begin_call(&call, dev);
	if (ret)
		return ret;

	switch (type) {
	case VFIO_IOMMU_NOTIFY:
		ret = register_iommu_listener(&call, events, nb);
		break;
	case VFIO_GROUP_NOTIFY:
		ret = register_group_listener(call.group, events, nb);
		break;
	default:
		ret = -EINVAL;
	}
	end_call(&call);
	return ret;
}

static int unregister_iommu_listener(struct device *dev,
				     struct notifier_block *nb)
{
	const struct vfio_iommu_driver_ops *ops;
	struct device_call call;
	int ret;

	ret = begin_call(&call, dev);
	if (ret)
		return ret;
	ops = call.backend->ops;
	ret = -ENOTTY;
	if (ops->unregister_notifier)
		ret = ops->unregister_notifier(call.backend->data, nb);
	end_call(&call);
	return ret;
}

/* A listener may go when the container has gone before it. */
static int unregister_group_listener(struct device *dev,
				     struct notifier_block *nb)
{
	struct vfio_group *group = get_group_from_dev(dev);
	int ret;

	if (!group)
		return -ENODEV;
	mutex_lock(&group->kvm_lock);
	ret = blocking_notifier_chain_unregister(&group->notifier, nb);
	mutex_unlock(&group->kvm_lock);
	vfio_group_put(group);
	return ret;
}

int vfio_unregister_notifier(struct device *dev, enum vfio_notify_type type,
			     struct notifier_block *nb)
{
	if (!dev || !nb)
		return -EINVAL;
	switch (type) {
	case VFIO_IOMMU_NOTIFY:
		return unregister_iommu_listener(dev, nb);
	case VFIO_GROUP_NOTIFY:
		return unregister_group_listener(dev, nb);
	default:
		return -EINVAL;
	}
}

/* For the next opener: what a former one left cannot be told from a dangling
 * pointer, so it is not even unlinked. */
void vfio_group_drop_listeners(struct vfio_group *group)
{
	mutex_lock(&group->kvm_lock);
	if (group->notifier.head) {
		port_warn("group %d was closed with listeners registered",
			  group->id);
		blocking_notifier_init(&group->notifier);
	}
	mutex_unlock(&group->kvm_lock);
}

/* ---- the virtual machine (X5) ---- */

/* A kvm that is on its way out is as good as none. */
void vfio_group_set_kvm(struct vfio_group *group, struct kvm *kvm)
{
	struct kvm *old;

	if (kvm && !port_kvm_get(kvm))
		kvm = NULL;

	mutex_lock(&group->kvm_lock);
	old = group->kvm;
	group->kvm = kvm;
	blocking_notifier_call_chain(&group->notifier,
				     VFIO_GROUP_NOTIFY_SET_KVM, kvm);
	mutex_unlock(&group->kvm_lock);

	if (old)
		port_kvm_put(old);
}

/* Called when the group's opener or its last user has gone. */
void vfio_group_forget_kvm(struct vfio_group *group)
{
	struct kvm *kvm = NULL;

	mutex_lock(&group->kvm_lock);
	/* A new opener may be there by now; its kvm is not ours to forget. */
	if (vfio_group_is_idle(group)) {
		kvm = group->kvm;
		group->kvm = NULL;
	}
	mutex_unlock(&group->kvm_lock);

	if (kvm)
		port_kvm_put(kvm);
}
