// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What ties the core to KVM (X6): KVM finds names of ours by symbol look-up, and
 * a virtual machine is held through names of KVM's found the same way, so that
 * neither module needs the other to load.
 */
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "../../core/vfio.h"
#include "kernel.h"

bool port_kvm_get(struct kvm *kvm)
{
	bool (*get)(struct kvm * kvm);
	bool held;

	get = symbol_get(kvm_get_kvm_safe);
	if (!get)
		return false;
	held = get(kvm);
	symbol_put(kvm_get_kvm_safe);
	return held;
}

/* A machine that is held keeps its module loaded. */
void port_kvm_put(struct kvm *kvm)
{
	void (*put)(struct kvm * kvm);

	put = symbol_get(kvm_put_kvm);
	if (WARN_ON(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
}

static struct vfio_group *file_group(struct file *file)
{
	return port_file_priv((struct port_file *)file, &vfio_group_fops);
}

#if KERNEL_6_12
bool vfio_file_is_valid(struct file *file)
{
	return file_group(file);
}
EXPORT_SYMBOL_GPL(vfio_file_is_valid);
#else
bool vfio_file_is_group(struct file *file)
{
	return file_group(file);
}
EXPORT_SYMBOL_GPL(vfio_file_is_group);
#endif

struct iommu_group *vfio_file_iommu_group(struct file *file)
{
	struct vfio_group *group = file_group(file);

	return group ? group->iommu_group : NULL;
}
EXPORT_SYMBOL_GPL(vfio_file_iommu_group);

/* A group outside any container cannot do DMA, so it does none incoherently. */
bool vfio_file_enforced_coherent(struct file *file)
{
	struct vfio_group *group = file_group(file);
	bool coherent = true;

	if (!group || vfio_group_use_container(group))
		return true;
	coherent = vfio_external_check_extension(group, VFIO_DMA_CC_IOMMU) > 0;
	vfio_group_unuse_container(group);
	return coherent;
}
EXPORT_SYMBOL_GPL(vfio_file_enforced_coherent);

void vfio_file_set_kvm(struct file *file, struct kvm *kvm)
{
	struct vfio_group *group = file_group(file);

	if (group)
		vfio_group_set_kvm(group, kvm);
}
EXPORT_SYMBOL_GPL(vfio_file_set_kvm);
