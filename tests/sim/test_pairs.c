/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Each pair of calls at once, from each state that the objects can be in: the
 * seed says which.  What must hold is in the models alone.
 */
#include "sweep.h"

#define IOVA 0x400000ul
#define PFN (IOVA >> PAGE_SHIFT)

static struct fake *fake[3], *late;
static int container[2], group[2], devices[4];
static unsigned int nr_devices, at_work, turn;
static u8 pages[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct kvm *kvm;

static void keep_device(int fd)
{
	if (fd < 0)
		return;
	check(nr_devices < ARRAY_SIZE(devices));
	devices[nr_devices++] = fd;
}

/* ---- closes ---- */

static void close_container(void)
{
	close_if_open(&container[0]);
}

static void close_group(void)
{
	close_if_open(&group[0]);
}

static void close_device(void)
{
	close_if_open(&devices[0]);
}

static void dup_and_close(void)
{
	int fd = sim_dup(devices[0]);

	close_if_open(&devices[0]);
	close_if_open(&fd);
}

/* ---- containers and groups ---- */

static void open_both(void)
{
	int c = sim_open_container(), g = sim_open_group(7, false);

	set_container(g, c);
	set_iommu(c);
	close_if_open(&g);
	close_if_open(&c);
}

static void set(void)
{
	set_container(group[0], container[0]);
}

static void set_other_container(void)
{
	set_container(group[0], container[1]);
}

static void set_other_group(void)
{
	set_container(group[1], container[0]);
	set_iommu(container[0]);
}

static void unset(void)
{
	unset_container(group[0]);
}

static void choose_iommu(void)
{
	set_iommu(container[0]);
}

static void ask_status(void)
{
	get_status(group[0]);
}

static void check_extension(void)
{
	long ret = sim_ioctl_value(container[0], VFIO_CHECK_EXTENSION,
				   VFIO_TYPE1v2_IOMMU);

	/* Closed, or the backend is being registered again. */
	check(ret == 1 || ret == -EBADF || ret == -ENOTTY || ret == 0);
}

static void register_backend_again(void)
{
	int ret;

	vfio_type1_exit();
	ret = vfio_type1_init();
	/* The other one may be doing the same. */
	check(!ret || ret == -EINVAL || !nothing_fails());
}

/* ---- devices ---- */

static void get_a(void)
{
	keep_device(get_device_fd(group[0], "a"));
}

static void get_b(void)
{
	keep_device(get_device_fd(group[0], "b"));
}

static void reset(void)
{
	sim_ioctl(devices[0], VFIO_DEVICE_RESET, NULL);
}

static void read_device(void)
{
	u8 buf[16];

	sim_pread(devices[0], buf, sizeof(buf), IOVA + 8);
}

static void mmap_device(void)
{
	struct port_vma *vma = sim_mmap(devices[0], 0, PAGE_SIZE,
					PORT_VMA_READ | PORT_VMA_SHARED);

	if (!IS_ERR(vma))
		sim_munmap(vma);
}

static void get_from_dev(void)
{
	struct fake *self = fake[0];
	struct vfio_device *device;

	if (!self)
		return;
	self->holds++;
	sim_call_begin();
	device = vfio_device_get_from_dev(self->dev);
	sim_yield();
	if (device) {
		check(vfio_device_data(device) == self);
		vfio_device_put(device);
	}
	sim_call_end();
	sim_release(self);
	self->holds--;
}

/* ---- a device comes and goes ---- */

static void remove_a(void)
{
	struct fake *was = fake[0];

	fake[0] = NULL;
	if (was)
		fake_remove(was);
}

static void remove_b(void)
{
	struct fake *was = fake[1];

	fake[1] = NULL;
	if (was)
		fake_remove(was);
}

static void add_and_remove(void)
{
	struct fake *own;

	if (late)
		return;
	own = late = fake_add("late", 7);
	sim_yield();
	if (own)
		fake_remove(own);
	late = NULL;
}

static void appear(void)
{
	struct device *dev = sim_device_create("native", 7);

	sim_call_begin();
	vfio_group_device_added(dev->group, dev);
	sim_call_end();
	if (!sim_device_bind(dev, false))
		sim_device_unbind(dev);
	sim_device_destroy(dev);
}

/* ---- the backend ---- */

static void map(void)
{
	map_dma(container[0], IOVA, pages, PAGE_SIZE);
}

static void map_more(void)
{
	map_dma(container[0], IOVA + PAGE_SIZE, pages, PAGE_SIZE);
}

static void unmap(void)
{
	unmap_dma(container[0], IOVA, 2 * PAGE_SIZE);
}

static void track_dirty(void)
{
	struct vfio_iommu_type1_dirty_bitmap cmd = { .argsz = sizeof(cmd) };

	cmd.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START;
	sim_ioctl(container[0], VFIO_IOMMU_DIRTY_PAGES, &cmd);
	cmd.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP;
	sim_ioctl(container[0], VFIO_IOMMU_DIRTY_PAGES, &cmd);
}

static void ask_iommu(void)
{
	u8 buf[512] __attribute__((aligned(8))) = { 0 };
	struct vfio_iommu_type1_info *info = (void *)buf;

	info->argsz = sizeof(buf);
	sim_ioctl(container[0], VFIO_IOMMU_GET_INFO, info);
}

/* ---- external users ---- */

static void use_externally(void)
{
	struct vfio_group *user = get_external_user(group[0]);

	if (IS_ERR(user))
		return;
	sim_yield();
	check(vfio_external_user_iommu_id(user) == 7);
	sim_call_begin();
	check(vfio_external_check_extension(user, VFIO_TYPE1v2_IOMMU) == 1);
	sim_call_end();
	put_external_user(user);
}

static void set_kvm(void)
{
	struct vfio_group *user = get_external_user(group[0]);

	if (IS_ERR(user))
		return;
	sim_call_begin();
	vfio_group_set_kvm(user, kvm);
	sim_call_end();
	put_external_user(user);
}

static int on_event(struct notifier_block *nb, unsigned long action, void *data)
{
	return NOTIFY_OK;
}

static void listen_of(enum vfio_notify_type type, bool pin)
{
	struct notifier_block nb = { .notifier_call = on_event };
	unsigned long events = 1, pfn = PFN, phys;
	struct fake *self = fake[1];
	int ret;

	if (!self)
		return;
	self->holds++;
	sim_call_begin();
	ret = vfio_register_notifier(self->dev, type, &events, &nb);
	if (!ret && pin &&
	    vfio_pin_pages(self->dev, &pfn, 1, VFIO_DMA_MAP_FLAG_READ, &phys) ==
		    1)
		vfio_unpin_pages(self->dev, &pfn, 1);
	/* The container may have gone, and with it the list. */
	if (!ret)
		vfio_unregister_notifier(self->dev, type, &nb);
	sim_call_end();
	sim_release(self);
	self->holds--;
}

static void listen_to_unmaps(void)
{
	listen_of(VFIO_IOMMU_NOTIFY, false);
}

static void pin_and_unpin(void)
{
	listen_of(VFIO_IOMMU_NOTIFY, true);
}

static void listen_to_kvm(void)
{
	listen_of(VFIO_GROUP_NOTIFY, false);
}

static void (*const calls[])(void) = {
	close_container,
	close_group,
	close_device,
	dup_and_close,
	open_both,
	set,
	set_other_group,
	set_other_container,
	unset,
	choose_iommu,
	ask_status,
	check_extension,
	register_backend_again,
	get_a,
	get_b,
	reset,
	read_device,
	mmap_device,
	get_from_dev,
	remove_a,
	remove_b,
	add_and_remove,
	appear,
	map,
	map_more,
	unmap,
	track_dirty,
	ask_iommu,
	use_externally,
	set_kvm,
	listen_to_unmaps,
	pin_and_unpin,
	listen_to_kvm,
};

#define NR_CALLS ARRAY_SIZE(calls)
#define NR_STATES 4
#define NR_TURNS (NR_CALLS * NR_CALLS * NR_STATES)

/* ---- the states ---- */

static void prepare(void)
{
	unsigned int state;

	turn = sim_seed() % NR_TURNS;
	state = turn % NR_STATES;
	fake[0] = fake_add("a", 7);
	fake[1] = fake_add("b", 7);
	fake[2] = fake_add("c", 8);
	late = NULL;
	kvm = sim_kvm_create();
	memset(devices, -1, sizeof(devices));
	nr_devices = 0;
	container[0] = sim_open_container();
	container[1] = sim_open_container();
	group[0] = sim_open_group(7, false);
	group[1] = sim_open_group(8, false);
	if (state >= 1)
		check(set_container(group[0], container[0]) == 0);
	if (state >= 2) {
		check(set_iommu(container[0]) == 0);
		check(map_dma(container[0], IOVA, pages, PAGE_SIZE) == 0);
	}
	if (state >= 3)
		get_a();
	at_work = 2;
}

static void first(void *arg)
{
	calls[turn / NR_STATES % NR_CALLS]();
	at_work--;
}

static void second(void *arg)
{
	calls[turn / NR_STATES / NR_CALLS]();
	at_work--;
}

/* Whoever wants a device back gets it. */
static void give_back(void *arg)
{
	unsigned int i;

	while (at_work) {
		for (i = 0; i < nr_devices && fakes_wanted(); i++)
			close_if_open(&devices[i]);
		sim_sleep_ms(500);
	}
}

static void finish(void)
{
	unsigned int i;

	close_if_open(&group[1]);
	close_if_open(&container[0]);
	for (i = 0; i < nr_devices; i++)
		close_if_open(&devices[i]);
	close_if_open(&group[0]);
	close_if_open(&container[1]);
	for (i = 0; i < 3; i++)
		if (fake[i])
			fake_remove(fake[i]);
	sim_call_begin();
	port_kvm_put(kvm);
	sim_call_end();
}

/* clang-format off */
const struct scenario pair_scenarios[] = {
	{ "L6_any_two_calls_at_once_use_nothing_that_has_gone",
	  prepare,
	  TASKS(first, second, give_back),
	  finish, NR_TURNS * 2, NR_TURNS, 0 },
	{ 0 },
};
/* clang-format on */
