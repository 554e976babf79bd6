/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where Debian's kernels 6.1, 6.12 and 7.3 differ in what this host calls. The
 * code is written for the newest; older kernels get its words from here.
 */
#ifndef ANYVFIO_COMPAT_H
#define ANYVFIO_COMPAT_H

#include <linux/device.h>
#include <linux/eventfd.h>
#include <linux/version.h>

#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>

#define KERNEL_6_12 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))

#if !KERNEL_6_12
/* 6.4 took the owner away */
#define compat_class_create(name) class_create(THIS_MODULE, name)
#define compat_devnode_dev struct device
/* 6.8 took the count away */
#define compat_eventfd_signal(ctx) eventfd_signal(ctx, 1)
/* 6.11: a domain is for a device, no longer for a bus, and tells its error. A
 * device in a group has an IOMMU: what there was none of is memory. */
#define compat_domain_alloc(dev) \
	(iommu_domain_alloc((dev)->bus) ?: ERR_PTR(-ENOMEM))
/* 6.3 added how to allocate */
#define compat_iommu_map(domain, iova, phys, size, prot) \
	iommu_map(domain, iova, phys, size, prot)
#define compat_iommu_map_sg(domain, iova, sg, nr, prot) \
	iommu_map_sg(domain, iova, sg, nr, prot)
/* 6.5 took the vmas away */
#define compat_pin_remote(mm, start, nr, flags, pages) \
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL, NULL)
/* 6.12: where a mapping without pages leads; 0 or an error */
static inline int compat_follow_pfn(struct vm_area_struct *vma,
				    unsigned long addr, bool write,
				    unsigned long *pfn)
{
	spinlock_t *lock;
	pte_t *pte;
	int ret;

	ret = follow_pte(vma->vm_mm, addr, &pte, &lock);
	if (ret)
		return ret;
	__acquire(lock);
	if (write && !pte_write(*pte))
		ret = -EFAULT;
	else
		*pfn = pte_pfn(*pte);
	pte_unmap_unlock(pte, lock);
	return ret;
}
#define compat_msi_isolated(group, dev)                     \
	(device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP) || \
	 irq_domain_check_msi_remap())
/* 6.3: the flags of a mapping are no longer a plain field */
#define compat_vm_flags_set(vma, flags) ((vma)->vm_flags |= (flags))
/* Since 6.12 it is no longer PCI's own */
#define compat_set_driver_override(pdev, name)                            \
	driver_set_override(&(pdev)->dev, &(pdev)->driver_override, name, \
			    strlen(name))
#else
#define compat_class_create(name) class_create(name)
#define compat_devnode_dev const struct device
#define compat_eventfd_signal(ctx) eventfd_signal(ctx)
#define compat_domain_alloc(dev) iommu_paging_domain_alloc(dev)
#define compat_iommu_map(domain, iova, phys, size, prot) \
	iommu_map(domain, iova, phys, size, prot, GFP_KERNEL_ACCOUNT)
#define compat_iommu_map_sg(domain, iova, sg, nr, prot) \
	iommu_map_sg(domain, iova, sg, nr, prot, GFP_KERNEL_ACCOUNT)
#define compat_pin_remote(mm, start, nr, flags, pages) \
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL)
static inline int compat_follow_pfn(struct vm_area_struct *vma,
				    unsigned long addr, bool write,
				    unsigned long *pfn)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int ret;

	ret = follow_pfnmap_start(&args);
	if (ret)
		return ret;
	if (write && !args.writable)
		ret = -EFAULT;
	else
		*pfn = args.pfn;
	follow_pfnmap_end(&args);
	return ret;
}
#define compat_msi_isolated(group, dev) iommu_group_has_isolated_msi(group)
#define compat_vm_flags_set(vma, flags) vm_flags_set(vma, flags)
#define compat_set_driver_override(pdev, name) \
	device_set_driver_override(&(pdev)->dev, name)
#endif

/* A reset method is known: the list is what pci_probe found. */
#define compat_can_reset(pdev) ((pdev)->reset_methods[0] != 0)

#endif /* ANYVFIO_COMPAT_H */
