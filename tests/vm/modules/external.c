// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An external user of a group (X), as a hypervisor is one. The process that loads it
 * has the group open, and a page mapped whose bytes are all 0x5a.
 *
 *   insmod external.ko fd=GROUP_FD id=GROUP_ID name=BDF iova=ADDRESS
 *
 * It loads when all is as the rules say, holds the group until it is unloaded, and
 * says of each check what it found.
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "anyvfio/vfio.h"
#include "compat.h"

static int fd = -1, id;
static unsigned long iova;
static char *name;
module_param(fd, int, 0);
module_param(id, int, 0);
module_param(iova, ulong, 0);
module_param(name, charp, 0);

/* What KVM looks up, under the names and types it knows. */
bool vfio_file_is_valid(struct file *file);
bool vfio_file_is_group(struct file *file);
struct iommu_group *vfio_file_iommu_group(struct file *file);
bool vfio_file_enforced_coherent(struct file *file);
void vfio_file_set_kvm(struct file *file, struct kvm *kvm);

#if KERNEL_6_12
#define is_ours vfio_file_is_valid
#else
#define is_ours vfio_file_is_group
#endif

static struct vfio_group *held;
static int bad;

static void check(const char *what, long got, long want)
{
	bad += got != want;
	if (got == want)
		pr_info("external: ok %s %ld\n", what, got);
	else
		pr_info("external: differs %s %ld, the rule says %ld\n", what,
			got, want);
}

/* X6, by symbol_get() as KVM does it: none of the two needs the other to load. */
static void look_up(struct file *file)
{
	struct iommu_group *(*group_of)(struct file * file);
	bool (*coherent)(struct file * file);
	void (*set_kvm)(struct file * file, struct kvm * kvm);
	bool (*is_group)(struct file * file);

	is_group = symbol_get(is_ours);
	group_of = symbol_get(vfio_file_iommu_group);
	coherent = symbol_get(vfio_file_enforced_coherent);
	set_kvm = symbol_get(vfio_file_set_kvm);
	check("X6_names_are_found", is_group && group_of && coherent && set_kvm,
	      1);
	if (is_group) {
		check("X6_group_is_known", is_group(file), 1);
		symbol_put(is_ours);
	}
	if (group_of) {
		check("X6_iommu_group", iommu_group_id(group_of(file)), id);
		symbol_put(vfio_file_iommu_group);
	}
	if (coherent) {
		check("X6_coherence_is_the_backends", coherent(file),
		      vfio_external_check_extension(held, VFIO_DMA_CC_IOMMU) >
			      0);
		symbol_put(vfio_file_enforced_coherent);
	}
	if (set_kvm) {
		set_kvm(file, NULL);
		symbol_put(vfio_file_set_kvm);
	}
}

static int on_unmap(struct notifier_block *nb, unsigned long event, void *data)
{
	return NOTIFY_OK;
}

static struct notifier_block listener = { .notifier_call = on_unmap };

static bool is_the_page(unsigned long pfn)
{
	unsigned char *bytes = kmap_local_page(pfn_to_page(pfn));
	bool same = bytes[0] == 0x5a && bytes[PAGE_SIZE - 1] == 0x5a;

	kunmap_local(bytes);
	return same;
}

static void pin(struct device *dev)
{
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	unsigned long user_pfn = PHYS_PFN(iova), pfn = 0;

	check("X4_listener",
	      vfio_register_notifier(dev, VFIO_IOMMU_NOTIFY, &events,
				     &listener),
	      0);
	check("X3_page_is_pinned",
	      vfio_pin_pages(dev, &user_pfn, 1, IOMMU_READ | IOMMU_WRITE, &pfn),
	      1);
	check("X3_pinned_page_is_the_callers", pfn && is_the_page(pfn), 1);
	check("X3_page_is_unpinned", vfio_unpin_pages(dev, &user_pfn, 1), 1);
	user_pfn += 1024;
	check("X3_what_is_not_mapped_is_einval",
	      vfio_pin_pages(dev, &user_pfn, 1, IOMMU_READ, &pfn), -EINVAL);
	check("X4_listener_gone",
	      vfio_unregister_notifier(dev, VFIO_IOMMU_NOTIFY, &listener), 0);
}

static void hold(struct file *file)
{
	struct port_file *pfile = (struct port_file *)file;

	held = vfio_group_get_external_user(pfile);
	check("X1_external_user", IS_ERR(held), 0);
	if (IS_ERR(held)) {
		held = NULL;
		return;
	}
	check("X2_group_of_the_file",
	      vfio_external_group_match_file(held, pfile), 1);
	check("X2_group_id", vfio_external_user_iommu_id(held), id);
	check("X2_extension",
	      vfio_external_check_extension(held, VFIO_TYPE1v2_IOMMU), 1);
	look_up(file);
}

static int __init external_init(void)
{
	struct file *file = fget(fd);
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, name);

	check("group_and_device", file && dev, 1);
	if (file && dev)
		hold(file);
	if (held)
		pin(dev);
	put_device(dev);
	if (file)
		fput(file);
	if (!bad)
		return 0;
	if (held)
		vfio_group_put_external_user(held);
	return -EINVAL;
}

static void __exit external_exit(void)
{
	vfio_group_put_external_user(held);
}

module_init(external_init);
module_exit(external_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: tests of the calls for external users");
