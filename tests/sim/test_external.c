/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* External users: groups, pages, listeners, machines; X1-X5. */
#include "sweep.h"

#define IOVA 0x200000ul
#define PFN (IOVA >> PAGE_SHIFT)

static struct fake *fake;
static int container, group, device;
static u8 pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static void prepare_user(void)
{
	fake = fake_add("a", 7);
	open_user(7, "a", &container, &group, &device);
}

static void finish_user(void)
{
	close_if_open(&device);
	close_if_open(&group);
	close_if_open(&container);
	check(!sim_group_is_owned(fake->dev));
	fake_remove(fake);
}

static void close_all(void *arg)
{
	sim_sleep_ms(sim_random(3000));
	close_if_open(&group);
	close_if_open(&container);
	sim_sleep_ms(sim_random(3000));
	close_if_open(&device);
}

/* ---- a hypervisor holds the group (X1) ---- */

static void hold_group(void *arg)
{
	struct vfio_group *user;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		user = get_external_user(group);
		if (IS_ERR(user))
			continue;
		sim_sleep_ms(1000);
		check(sim_group_is_attached(fake->dev));
		check(vfio_external_user_iommu_id(user) == 7);
		sim_call_begin();
		check(vfio_external_check_extension(user, VFIO_TYPE1v2_IOMMU) ==
		      1);
		sim_call_end();
		put_external_user(user);
	}
}

/* The device goes while it is held: the removal waits (B3). */
static void hold_group_while_removed(void *arg)
{
	struct vfio_group *user = get_external_user(group);

	if (IS_ERR(user))
		return;
	close_if_open(&device);
	sim_sleep_ms(30000);
	check(sim_group_is_attached(fake->dev));
	put_external_user(user);
}

static void remove_it(void *arg)
{
	sim_sleep_ms(100);
	while (device > 0)
		close_if_open(&device);
	fake_remove(fake);
}

static void finish_removed(void)
{
	close_if_open(&group);
	close_if_open(&container);
}

/* ---- a driver pins pages and listens (X3, X4) ---- */

struct listener {
	struct notifier_block nb;
	unsigned int pinned[2];
	bool registered;
};

static struct listener listener;

static int unpin(unsigned int page)
{
	unsigned long pfn = PFN + page;
	int ret = vfio_unpin_pages(fake->dev, &pfn, 1);

	check(ret == 1 || ret < 0);
	return ret;
}

/* What goes is let go here and now, as a driver has to. */
static int on_unmap(struct notifier_block *nb, unsigned long action, void *data)
{
	struct vfio_iommu_type1_dma_unmap *unmap = data;
	unsigned int page;

	check(listener.registered);
	check(action == VFIO_IOMMU_NOTIFY_DMA_UNMAP);
	for (page = 0; page < 2; page++) {
		if (unmap->iova > IOVA + page * PAGE_SIZE ||
		    unmap->iova + unmap->size <= IOVA + page * PAGE_SIZE)
			continue;
		while (listener.pinned[page]) {
			listener.pinned[page]--;
			check(unpin(page) == 1);
		}
	}
	return NOTIFY_OK;
}

static int listen(void)
{
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	int ret;

	listener.nb.notifier_call = on_unmap;
	listener.registered = true;
	sim_call_begin();
	ret = vfio_register_notifier(fake->dev, VFIO_IOMMU_NOTIFY, &events,
				     &listener.nb);
	sim_call_end();
	if (ret)
		listener.registered = false;
	return ret;
}

static void prepare_listener(void)
{
	memset(&listener, 0, sizeof(listener));
	prepare_user();
	check(listen() == 0);
}

static void pin_and_unpin(void *arg)
{
	unsigned long user_pfn, pfn;
	unsigned int i, page;
	int ret;

	for (i = 0; i < 6; i++) {
		page = sim_random(2);
		user_pfn = PFN + page;
		sim_call_begin();
		ret = vfio_pin_pages(fake->dev, &user_pfn, 1,
				     VFIO_DMA_MAP_FLAG_READ, &pfn);
		if (ret == 1) {
			check(pfn == ((uintptr_t)pages >> PAGE_SHIFT) + page);
			listener.pinned[page]++;
		}
		check(ret == 1 || ret < 0);
		if (listener.pinned[page] && sim_random(2)) {
			listener.pinned[page]--;
			check(unpin(page) == 1);
		}
		sim_call_end();
	}
}

static void map_and_unmap(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 4; i++) {
		ret = map_dma(container, IOVA, pages, sizeof(pages));
		check(!ret || !nothing_fails());
		sim_yield();
		ret = unmap_dma(container, IOVA, sizeof(pages));
		check(ret == sizeof(pages) || !nothing_fails());
	}
}

static void finish_listener(void)
{
	check(unmap_dma(container, IOVA, sizeof(pages)) >= 0);
	sim_call_begin();
	check(vfio_unregister_notifier(fake->dev, VFIO_IOMMU_NOTIFY,
				       &listener.nb) == 0);
	sim_call_end();
	finish_user();
}

/* ---- the address space ends under pinned pages ---- */

static void prepare_pinned(void)
{
	unsigned long user_pfn = PFN, pfn;

	/* Only who listens may pin; it is never heard of again. */
	prepare_listener();
	check(map_dma(container, IOVA, pages, sizeof(pages)) == 0);
	sim_call_begin();
	check(vfio_pin_pages(fake->dev, &user_pfn, 1, VFIO_DMA_MAP_FLAG_READ,
			     &pfn) == 1);
	sim_call_end();
}

static void pin_a_second(void *arg)
{
	unsigned long user_pfn = PFN + 1, pfn;
	int ret;

	sim_call_begin();
	ret = vfio_pin_pages(fake->dev, &user_pfn, 1, VFIO_DMA_MAP_FLAG_READ,
			     &pfn);
	sim_call_end();
	/* -ENODEV, -EINVAL: the container has gone. */
	check(ret == 1 || ret == -ENODEV || ret == -EINVAL || !nothing_fails());
}

/* ---- a machine is remembered (X5) ---- */

static struct kvm *kvm;
static unsigned int nr_told;

static int on_kvm(struct notifier_block *nb, unsigned long action, void *data)
{
	check(action == VFIO_GROUP_NOTIFY_SET_KVM);
	nr_told++;
	sim_point();
	/* What is told is alive. */
	check(!data || refcount_read(&((struct kvm *)data)->refs));
	return NOTIFY_OK;
}

static void prepare_kvm(void)
{
	prepare_user();
	kvm = sim_kvm_create();
	nr_told = 0;
}

static void set_kvm(void *arg)
{
	struct vfio_group *user;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		user = get_external_user(group);
		if (IS_ERR(user))
			continue;
		sim_call_begin();
		vfio_group_set_kvm(user, sim_random(3) ? kvm : NULL);
		sim_call_end();
		put_external_user(user);
	}
	sim_call_begin();
	port_kvm_put(kvm);
	sim_call_end();
	kvm = NULL;
}

static void listen_to_kvm(void *arg)
{
	struct notifier_block nb = { .notifier_call = on_kvm };
	unsigned long events;
	unsigned int i;
	int ret;

	for (i = 0; i < 4; i++) {
		events = VFIO_GROUP_NOTIFY_SET_KVM;
		sim_call_begin();
		ret = vfio_register_notifier(fake->dev, VFIO_GROUP_NOTIFY,
					     &events, &nb);
		sim_call_end();
		if (ret)
			continue;
		check(!events);
		sim_yield();
		sim_call_begin();
		ret = vfio_unregister_notifier(fake->dev, VFIO_GROUP_NOTIFY,
					       &nb);
		sim_call_end();
		check(ret == 0);
	}
}

/* ---- a listener is told of a machine once, whoever came first (X4) ---- */

static struct notifier_block once = { .notifier_call = on_kvm };

static void set_kvm_once(void *arg)
{
	struct vfio_group *user = get_external_user(group);

	check(!IS_ERR(user));
	sim_call_begin();
	vfio_group_set_kvm(user, kvm);
	port_kvm_put(kvm);
	sim_call_end();
	put_external_user(user);
}

static void listen_once(void *arg)
{
	unsigned long events = VFIO_GROUP_NOTIFY_SET_KVM;

	sim_call_begin();
	check(!vfio_register_notifier(fake->dev, VFIO_GROUP_NOTIFY, &events,
				      &once));
	sim_call_end();
}

static void finish_told(void)
{
	check(nr_told == 1);
	sim_call_begin();
	check(!vfio_unregister_notifier(fake->dev, VFIO_GROUP_NOTIFY, &once));
	sim_call_end();
	finish_user();
}

/* clang-format off */
const struct scenario external_scenarios[] = {
	{ "X1_external_user_keeps_the_group_attached",
	  prepare_user,
	  TASKS(hold_group, hold_group, close_all),
	  finish_user, 1000, 6, 0 },
	{ "X1_removal_waits_for_an_external_user",
	  prepare_user,
	  TASKS(hold_group_while_removed, remove_it),
	  finish_removed, 500, 6, 0 },
	{ "X3_pinned_page_is_let_go_before_it_is_unmapped",
	  prepare_listener,
	  TASKS(pin_and_unpin, map_and_unmap),
	  finish_listener, 1200, 6, 0 },
	{ "X3_end_unpins_what_is_pinned",
	  prepare_pinned,
	  TASKS(pin_a_second, close_all),
	  finish_user, 500, 6, 17 },
	{ "X5_machine_is_remembered_with_a_reference",
	  prepare_kvm,
	  TASKS(set_kvm, listen_to_kvm, close_all),
	  finish_user, 1000, 6, 11 },
	{ "X4_machine_is_told_once_whoever_came_first",
	  prepare_kvm,
	  TASKS(set_kvm_once, listen_once),
	  finish_told, 400, 6, 0 },
	{ 0 },
};
/* clang-format on */
