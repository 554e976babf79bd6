/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bugs that the reference and its successors are known to have had, those
 * that no other scenario would meet.  docs/testing.md has the list.
 */
#include "sweep.h"

#define IOVA 0x500000ul

static struct fake *fake[2];
static int container, group, device;
static bool removed[2];
static u8 pages[3 * PAGE_SIZE] __attribute__((aligned(4096)));

static void prepare_attached(void)
{
	fake[0] = fake_add("a", 7);
	open_user(7, NULL, &container, &group, NULL);
	removed[0] = removed[1] = false;
	device = -1;
}

static void finish_attached(void)
{
	close_if_open(&device);
	close_if_open(&group);
	close_if_open(&container);
	check(!sim_group_is_owned(fake[0]->dev));
	fake_remove(fake[0]);
}

/* ---- 3: a device is opened while its group leaves the container ---- */

static void open_device(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 4; i++) {
		fd = get_device_fd(group, "a");
		check(fd > 0 || fd == -EINVAL || !nothing_fails());
		if (fd < 0)
			continue;
		/* The fake driver checks that there is an IOMMU. */
		check(sim_ioctl(fd, VFIO_DEVICE_RESET, NULL) == 0);
		check(unset_container(group) == -EBUSY);
		close_if_open(&fd);
	}
}

static void leave_and_join(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 4; i++) {
		ret = unset_container(group);
		check(!ret || ret == -EBUSY || ret == -EINVAL);
		if (!ret)
			set_container(group, container);
		set_iommu(container);
	}
}

/* ---- 4: whoever is the last user detaches the group ---- */

static struct vfio_group *external;

static void prepare_users(void)
{
	prepare_attached();
	device = get_device_fd(group, "a");
	external = get_external_user(group);
	check(device > 0 && !IS_ERR(external));
}

static void let_go(void *arg)
{
	switch ((uintptr_t)arg) {
	case 0:
		close_if_open(&group);
		break;
	case 1:
		close_if_open(&device);
		break;
	case 2:
		put_external_user(external);
		break;
	}
}

static int on_event(struct notifier_block *nb, unsigned long action, void *data)
{
	return NOTIFY_OK;
}

static void call_core(void *arg)
{
	struct notifier_block nb = { .notifier_call = on_event };
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP, pfn = 0, phys;

	sim_call_begin();
	vfio_pin_pages(fake[0]->dev, &pfn, 1, VFIO_DMA_MAP_FLAG_READ, &phys);
	sim_call_end();
	sim_call_begin();
	if (!vfio_register_notifier(fake[0]->dev, VFIO_IOMMU_NOTIFY, &events,
				    &nb))
		vfio_unregister_notifier(fake[0]->dev, VFIO_IOMMU_NOTIFY, &nb);
	sim_call_end();
}

static void finish_users(void)
{
	check(!sim_group_is_owned(fake[0]->dev));
	check(!sim_group_is_attached(fake[0]->dev));
	check(set_iommu(container) == -EINVAL);
	close_if_open(&container);
	fake_remove(fake[0]);
}

/* ---- 6: a descriptor is used before its open is over, or has failed ---- */

#define NEXT_FD 5 /* after a container's and a group's */

static void open_and_close(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 3; i++) {
		fd = get_device_fd(group, "a");
		check(fd == NEXT_FD || !nothing_fails());
		/* One that failed leaves no number behind. */
		if (fd < 0)
			check(sim_ioctl(NEXT_FD, VFIO_DEVICE_RESET, NULL) ==
			      -EBADF);
		close_if_open(&fd);
	}
}

static void use_by_number(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 10; i++) {
		/* The fake driver checks that it is open. */
		ret = sim_ioctl(NEXT_FD, VFIO_DEVICE_RESET, NULL);
		check(!ret || ret == -EBADF);
		sim_yield();
	}
}

/* ---- 7: removals wait for nothing but what they need ---- */

static void prepare_two(void)
{
	prepare_attached();
	fake[1] = fake_add("b", 8);
}

/* Nobody has more than the descriptor of the group, which he never closes. */
static void remove_device(void *arg)
{
	uintptr_t self = (uintptr_t)arg;

	fake_remove(fake[self]);
	removed[self] = true;
}

static void open_and_give_back(void *arg)
{
	int fd = get_device_fd(group, "a");

	while (fd > 0 && !fakes_wanted())
		sim_sleep_ms(1000);
	close_if_open(&fd);
}

static void finish_idle(void)
{
	check(removed[0] && removed[1]);
	check(get_status(group) == -ENODEV);
	close_if_open(&group);
	close_if_open(&container);
}

/* ---- 9: the bus tells of a device while the group ends ---- */

static void prepare_none(void)
{
	fake[0] = NULL;
}

static void begin_and_end_group(void *arg)
{
	struct fake *own;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		own = fake_add("a", 7);
		check(own || !nothing_fails());
		if (own)
			fake_remove(own);
	}
}

static void appear_on_bus(void *arg)
{
	struct device *dev = sim_device_create("late", 7);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		sim_call_begin();
		vfio_group_device_added(dev->group, dev);
		sim_call_end();
	}
	sim_device_destroy(dev);
}

static void finish_none(void)
{
	check(sim_open_group(7, false) == -ENOENT);
}

/* ---- 12: a listener stays behind, and its memory does not ---- */

static int on_kvm(struct notifier_block *nb, unsigned long action, void *data)
{
	/* Freed memory is filled with something else. */
	check(nb->priority == 1);
	return NOTIFY_OK;
}

static struct notifier_block *listen_to_kvm(void)
{
	struct notifier_block *nb = port_zalloc(sizeof(*nb));
	unsigned long events = VFIO_GROUP_NOTIFY_SET_KVM;
	int ret;

	if (!nb)
		return NULL;
	nb->notifier_call = on_kvm;
	nb->priority = 1;
	sim_call_begin();
	ret = vfio_register_notifier(fake[0]->dev, VFIO_GROUP_NOTIFY, &events,
				     nb);
	sim_call_end();
	check(!ret || !nothing_fails());
	return nb;
}

static void tell_kvm(int fd, struct kvm *kvm)
{
	struct vfio_group *user = get_external_user(fd);

	if (IS_ERR(user))
		return;
	sim_call_begin();
	vfio_group_set_kvm(user, kvm);
	sim_call_end();
	put_external_user(user);
}

static void leave_listener_behind(void *arg)
{
	struct kvm *kvm = sim_kvm_create();
	struct notifier_block *nb;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		nb = listen_to_kvm();
		tell_kvm(group, kvm);
		close_if_open(&group);
		port_free(nb);
		/* The next opener starts clean. */
		group = sim_open_group(7, false);
		check(group > 0 || !nothing_fails());
		set_container(group, container);
		set_iommu(container);
	}
	sim_call_begin();
	port_kvm_put(kvm);
	sim_call_end();
}

/* ---- 13: memory ends in the middle of a chain of capabilities ---- */

static void build_chain(void *arg)
{
	struct vfio_region_info_cap_type type = { .type = 1, .subtype = 2 };
	struct vfio_info_cap caps = { 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (vfio_info_add_capability(&caps, VFIO_REGION_INFO_CAP_TYPE,
					     &type) == 0)
			continue;
		check(!nothing_fails());
		/* What it had is freed, and it can be begun anew. */
		check(!caps.buf && !caps.size);
	}
	check(!nothing_fails() || caps.size == 4 * sizeof(type));
	port_free(caps.buf);
}

static void ask_for_chain(void *arg)
{
	u8 buf[512] __attribute__((aligned(8))) = { 0 };
	struct vfio_iommu_type1_info *info = (void *)buf;
	unsigned int i;
	long ret;

	for (i = 0; i < 3; i++) {
		info->argsz = sizeof(buf);
		ret = sim_ioctl(container, VFIO_IOMMU_GET_INFO, info);
		check(!ret || ret == -ENOMEM || ret == -EFAULT);
		check(!ret || !nothing_fails());
	}
}

/* ---- 15: as many mappings as there may be, whoever makes them ---- */

static unsigned int mapped;

static void prepare_limit(void)
{
	vfio_type1_set_dma_entry_limit(2);
	prepare_attached();
	mapped = 0;
}

static void map_and_unmap(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	unsigned int i;
	long ret;

	for (i = 0; i < 4; i++) {
		ret = map_dma(container, IOVA + self * PAGE_SIZE,
			      pages + self * PAGE_SIZE, PAGE_SIZE);
		check(!ret || ret == -ENOSPC || !nothing_fails());
		if (ret)
			continue;
		check(++mapped <= 2);
		sim_yield();
		mapped--;
		sim_set_faults(false);
		ret = unmap_dma(container, IOVA + self * PAGE_SIZE, PAGE_SIZE);
		sim_set_faults(true);
		check(ret == PAGE_SIZE);
	}
}

static void finish_limit(void)
{
	check(!sim_iommu_nr_maps());
	finish_attached();
	vfio_type1_set_dma_entry_limit(65535);
}

/* ---- 16: a module ends while a descriptor needs it ---- */

static void unload_and_load(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		fakes_unload();
		sim_yield();
		check(get_device_fd(group, "a") < 0);
		fakes_load();
		sim_yield();
	}
}

static void use_device(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 4; i++) {
		fd = get_device_fd(group, "a");
		check(fd > 0 || fd == -ENODEV || !nothing_fails());
		if (fd > 0)
			check(sim_ioctl(fd, VFIO_DEVICE_RESET, NULL) == 0);
		sim_yield();
		close_if_open(&fd);
	}
}

/* clang-format off */
const struct scenario known_scenarios[] = {
	{ "G6_unset_never_leaves_an_open_device_without_iommu",
	  prepare_attached,
	  TASKS(open_device, open_device, leave_and_join),
	  finish_attached, 800, 6, 3 },
	{ "L3_last_user_of_any_kind_detaches_the_group",
	  prepare_users,
	  TASKS(let_go, let_go, let_go, call_core),
	  finish_users, 800, 12, 4 },
	{ "G6_descriptor_is_not_there_before_its_open_has_succeeded",
	  prepare_attached,
	  TASKS(open_and_close, use_by_number),
	  finish_attached, 600, 12, 6 },
	{ "B3_idle_group_descriptor_does_not_stall_removals",
	  prepare_two,
	  TASKS(remove_device, remove_device, open_and_give_back),
	  finish_idle, 600, 12, 7 },
	{ "V3_bus_tells_of_a_device_while_the_group_ends",
	  prepare_none,
	  TASKS(begin_and_end_group, appear_on_bus, appear_on_bus),
	  finish_none, 600, 6, 9 },
	{ "X4_listener_left_behind_is_never_called_again",
	  prepare_attached,
	  TASKS(leave_listener_behind, appear_on_bus),
	  finish_attached, 400, 6, 12 },
	{ "B7_chain_that_failed_is_freed_once",
	  prepare_attached,
	  TASKS(build_chain, ask_for_chain),
	  finish_attached, 100, 12, 13 },
	{ "I3_limit_holds_for_all_who_map",
	  prepare_limit,
	  TASKS(map_and_unmap, map_and_unmap, map_and_unmap),
	  finish_limit, 400, 6, 15 },
	{ "D3_module_stays_while_a_descriptor_is_open",
	  prepare_attached,
	  TASKS(unload_and_load, use_device, use_device),
	  finish_attached, 600, 6, 16 },
	{ 0 },
};
/* clang-format on */
