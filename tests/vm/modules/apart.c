// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Makes one IOMMU look like several: while it is loaded, a domain takes one group
 * and refuses a second, as the domain of another IOMMU does.
 *
 *   insmod apart.ko [reserved=ADDRESS group=ID]
 *
 * With the parameters the devices of that group also cannot use the page at
 * ADDRESS, as when firmware keeps it for itself. Says how often it refused.
 */
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static unsigned long reserved;
static int group = -1;
module_param(reserved, ulong, 0);
module_param(group, int, 0);

static struct {
	void *domain, *group;
} taken[16];
static DEFINE_SPINLOCK(lock);
static unsigned int refused;

/* In the place of the kernel's. */
static noinline int refuse(struct iommu_domain *domain,
			   struct iommu_group *group)
{
	return -EINVAL;
}

static void *argument(struct pt_regs *regs, unsigned int i)
{
	return (void *)regs_get_kernel_argument(regs, i);
}

static bool take(void *domain, void *group)
{
	unsigned int i, room = ARRAY_SIZE(taken);

	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		if (taken[i].domain == domain)
			return taken[i].group == group;
		if (!taken[i].domain)
			room = i;
	}
	if (room < ARRAY_SIZE(taken)) {
		taken[room].domain = domain;
		taken[room].group = group;
	}
	return true;
}

static int on_attach(struct kprobe *probe, struct pt_regs *regs)
{
	bool good;

	spin_lock(&lock);
	good = take(argument(regs, 0), argument(regs, 1));
	refused += !good;
	spin_unlock(&lock);
	if (good)
		return 0;
	instruction_pointer_set(regs, (unsigned long)refuse);
	return 1;
}

static int on_detach(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int i;

	spin_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		if (taken[i].domain == argument(regs, 0))
			taken[i].domain = NULL;
	spin_unlock(&lock);
	return 0;
}

static struct kprobe attach = {
	.symbol_name = "iommu_attach_group",
	.pre_handler = on_attach,
};

static struct kprobe detach = {
	.symbol_name = "iommu_detach_group",
	.pre_handler = on_detach,
};

/* ---- a reserved page ---- */

static int before_regions(struct kretprobe_instance *call, struct pt_regs *regs)
{
	if (iommu_group_id(argument(regs, 0)) != group)
		return 1;
	*(struct list_head **)call->data = argument(regs, 1);
	return 0;
}

/* The caller frees what it gets with kfree(). */
static int after_regions(struct kretprobe_instance *call, struct pt_regs *regs)
{
	struct iommu_resv_region *region = kzalloc(sizeof(*region), GFP_ATOMIC);

	if (!region)
		return 0;
	region->start = reserved;
	region->length = PAGE_SIZE;
	region->type = IOMMU_RESV_RESERVED;
	list_add_tail(&region->list, *(struct list_head **)call->data);
	return 0;
}

static struct kretprobe regions = {
	.kp.symbol_name = "iommu_get_group_resv_regions",
	.entry_handler = before_regions,
	.handler = after_regions,
	.data_size = sizeof(struct list_head *),
};

static int __init apart_init(void)
{
	int ret;

	ret = register_kprobe(&attach);
	if (ret)
		return ret;
	ret = register_kprobe(&detach);
	if (ret)
		goto err_attach;
	ret = reserved ? register_kretprobe(&regions) : 0;
	if (!ret)
		return 0;
	unregister_kprobe(&detach);
err_attach:
	unregister_kprobe(&attach);
	return ret;
}

static void __exit apart_exit(void)
{
	if (reserved)
		unregister_kretprobe(&regions);
	unregister_kprobe(&detach);
	unregister_kprobe(&attach);
	pr_info("apart: refused %u\n", refused);
}

module_init(apart_init);
module_exit(apart_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("anyvfio: tests of several domains on one IOMMU");
