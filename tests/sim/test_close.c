/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Opens and closes in all orders; SET and UNSET at once; L1-L4, C4, G2-G8, D3. */
#include "sweep.h"

static struct fake *fake[3];
static int container[2], group[2];
static int set[2], unset[2];
static unsigned int openers;

/* ---- all orders of closing (L1) ---- */

#define NR_FDS 5

static int fds[NR_FDS];

static void prepare_one(void)
{
	fake[0] = fake_add("a", 7);
	open_user(7, "a", &fds[0], &fds[1], &fds[2]);
	fds[3] = get_device_fd(fds[1], "a");
	fds[4] = sim_dup(fds[0]);
}

/* In the order that is the seed's, so that 120 seeds have all of them; what it
 * does with each is what a user might still try. */
static void close_in_some_order(void *arg)
{
	unsigned int left = NR_FDS, i;
	u64 order = sim_seed();
	char buf[8];

	while (left) {
		i = order % left;
		order /= left;
		sim_pread(fds[i], buf, sizeof(buf), 0);
		get_status(fds[i]);
		set_iommu(fds[i]);
		close_if_open(&fds[i]);
		fds[i] = fds[--left];
	}
}

static void close_every_other(void *arg)
{
	uintptr_t i;

	for (i = (uintptr_t)arg; i < NR_FDS; i += 2)
		close_if_open(&fds[i]);
}

static void finish_one(void)
{
	int c, g, d = -1;

	check(!sim_group_is_owned(fake[0]->dev));
	check(!fake[0]->opens);
	/* Everything is as at the start (G8, L4). */
	open_user(7, "a", &c, &g, &d);
	close_if_open(&d);
	close_if_open(&g);
	close_if_open(&c);
	fake_remove(fake[0]);
}

/* ---- two tasks attach and detach one group (G4, G5) ---- */

static void prepare_two_containers(void)
{
	fake[0] = fake_add("a", 7);
	group[0] = sim_open_group(7, false);
	container[0] = sim_open_container();
	container[1] = sim_open_container();
	memset(set, 0, sizeof(set));
	memset(unset, 0, sizeof(unset));
}

static void set_and_unset(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	unsigned int i;
	long ret;

	for (i = 0; i < 4; i++) {
		ret = set_container(group[0], container[self]);
		check(!ret || ret == -EINVAL || !nothing_fails());
		set[self] += !ret;
		if (sim_random(2))
			set_iommu(container[sim_random(2)]);
		ret = unset_container(group[0]);
		/* Busy while the other one gets a device. */
		check(!ret || ret == -EINVAL || ret == -EBUSY);
		unset[self] += !ret;
	}
}

static void get_devices(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 6; i++) {
		fd = get_device_fd(group[0], "a");
		if (fd < 0) {
			check(fd == -EINVAL || !nothing_fails());
			continue;
		}
		/* It keeps the group in its container. */
		check(get_status(group[0]) > 0 || !nothing_fails());
		check(unset_container(group[0]) == -EBUSY);
		check(sim_ioctl(fd, VFIO_DEVICE_RESET, NULL) == 0);
		close_if_open(&fd);
	}
}

static void finish_two_containers(void)
{
	int attached = set[0] + set[1] - unset[0] - unset[1];
	long flags = get_status(group[0]);

	check(attached == 0 || attached == 1);
	check(!!(flags & VFIO_GROUP_FLAGS_CONTAINER_SET) == attached);
	check(flags & VFIO_GROUP_FLAGS_VIABLE);
	close_if_open(&group[0]);
	check(!sim_group_is_owned(fake[0]->dev));
	close_if_open(&container[0]);
	close_if_open(&container[1]);
	fake_remove(fake[0]);
}

/* ---- one opener at a time (G2) ---- */

static void prepare_device(void)
{
	fake[0] = fake_add("a", 7);
	container[0] = sim_open_container();
	openers = 0;
}

static void open_group_alone(void *arg)
{
	unsigned int i;
	int fd, d;

	for (i = 0; i < 3; i++) {
		fd = sim_open_group(7, false);
		check(fd > 0 || fd == -EBUSY || !nothing_fails());
		if (fd < 0)
			continue;
		check(openers++ == 0);
		check(!(get_status(fd) & VFIO_GROUP_FLAGS_CONTAINER_SET) ||
		      !nothing_fails());
		if (!set_container(fd, container[0]) &&
		    !set_iommu(container[0])) {
			d = get_device_fd(fd, "a");
			openers--;
			close_if_open(sim_random(2) ? &fd : &d);
			close_if_open(&fd);
			close_if_open(&d);
			continue;
		}
		openers--;
		close_if_open(&fd);
	}
}

static void finish_device(void)
{
	check(!sim_group_is_owned(fake[0]->dev));
	close_if_open(&container[0]);
	fake_remove(fake[0]);
}

/* ---- opens of one device at once (D3) ---- */

static void prepare_user(void)
{
	fake[0] = fake_add("a", 7);
	open_user(7, NULL, &container[0], &group[0], NULL);
}

static void open_and_close_device(void *arg)
{
	unsigned int i;
	int fd, again;

	for (i = 0; i < 4; i++) {
		fd = get_device_fd(group[0], "a");
		check(fd > 0 || !nothing_fails());
		again = fd > 0 ? sim_dup(fd) : -1;
		sim_ioctl(fd, VFIO_DEVICE_RESET, NULL);
		close_if_open(&fd);
		sim_ioctl(again, VFIO_DEVICE_RESET, NULL);
		close_if_open(&again);
	}
}

static void finish_user(void)
{
	check(!fake[0]->opens);
	close_if_open(&container[0]);
	close_if_open(&group[0]);
	fake_remove(fake[0]);
}

/* ---- two groups in one container; the backend comes and goes (C4, L4) ---- */

static void prepare_two_groups(void)
{
	fake[0] = fake_add("a", 7);
	fake[1] = fake_add("b", 8);
	container[0] = sim_open_container();
	group[0] = sim_open_group(7, false);
	group[1] = sim_open_group(8, false);
}

static void join_use_and_leave(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	unsigned int i;
	long ret;
	int fd;

	for (i = 0; i < 3; i++) {
		ret = set_container(group[self], container[0]);
		check(!ret || !nothing_fails());
		if (ret)
			continue;
		ret = set_iommu(container[0]);
		/* The other one was faster. */
		check(!ret || ret == -EINVAL || !nothing_fails());
		fd = get_device_fd(group[self], self ? "b" : "a");
		check(fd > 0 || !nothing_fails());
		sim_ioctl(fd, VFIO_DEVICE_RESET, NULL);
		close_if_open(&fd);
		check(unset_container(group[self]) == 0);
	}
}

static void ask_container(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 8; i++) {
		ret = sim_ioctl_value(container[0], VFIO_CHECK_EXTENSION,
				      VFIO_TYPE1v2_IOMMU);
		check(ret == 1);
		unmap_dma(container[0], 0, PAGE_SIZE);
	}
}

static void finish_two_groups(void)
{
	check(!sim_group_is_owned(fake[0]->dev));
	check(!sim_group_is_owned(fake[1]->dev));
	/* No backend is left: it can be chosen anew. */
	check(set_container(group[0], container[0]) == 0);
	check(set_iommu(container[0]) == 0);
	close_if_open(&container[0]);
	close_if_open(&group[0]);
	close_if_open(&group[1]);
	fake_remove(fake[0]);
	fake_remove(fake[1]);
}

/* ---- an attach that fails leaves the container as it was (C4) ---- */

static void prepare_joined(void)
{
	prepare_two_groups();
	fake[2] = fake_add("c", 9);
	check(set_container(group[0], container[0]) == 0);
	check(set_container(group[1], container[0]) == 0);
	container[1] = sim_open_group(9, false);
	check(set_container(container[1], container[0]) == 0);
}

static void set_iommu_until_it_works(void *arg)
{
	unsigned int tries = 0, i;
	long ret;

	do {
		ret = set_iommu(container[0]);
		if (!ret)
			break;
		for (i = 0; i < 3; i++)
			check(!sim_group_is_attached(fake[i]->dev));
	} while (++tries < 3);
	if (ret)
		return;
	for (i = 0; i < 3; i++)
		check(sim_group_is_attached(fake[i]->dev));
	check(set_iommu(container[0]) == -EINVAL);
}

static void finish_joined(void)
{
	close_if_open(&container[0]);
	close_if_open(&group[1]);
	close_if_open(&container[1]);
	close_if_open(&group[0]);
	fake_remove(fake[0]);
	fake_remove(fake[1]);
	fake_remove(fake[2]);
}

/* ---- backends are registered and unregistered meanwhile (C6, I1) ---- */

static void register_again_and_again(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		vfio_type1_exit();
		/* Tried until it works: the end of the run needs it. */
		while (vfio_type1_init())
			sim_set_faults(false);
	}
}

static void use_what_is_registered(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 3; i++) {
		if (set_container(group[0], container[0]))
			continue;
		ret = set_iommu(container[0]);
		check(!ret || ret == -ENODEV || !nothing_fails());
		/* What is in use stays, registered or not. */
		if (!ret)
			check(unmap_dma(container[0], 0, PAGE_SIZE) == 0 ||
			      !nothing_fails());
		check(unset_container(group[0]) == 0);
	}
}

/* ---- noiommu groups beside a real one; the kinds never mix (G4, N) ---- */

static void prepare_noiommu(void)
{
	sim_set_noiommu(true);
	sim_allow(PORT_CAP_RAWIO, true);
	fake[0] = fake_add("a", 7);
	/* It is made, and named by the lowest number that is free. */
	fake[1] = fake_add("n", -1);
	group[0] = sim_open_group(7, false);
	group[1] = sim_open_group(0, true);
	check(group[0] > 0 && group[1] > 0);
	container[0] = sim_open_container();
}

static void join_whatever_it_is(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	unsigned int i;
	long ret;
	int fd;

	for (i = 0; i < 4; i++) {
		ret = set_container(group[self], container[0]);
		check(!ret || ret == -EPERM || !nothing_fails());
		if (ret)
			continue;
		ret = sim_ioctl_value(container[0], VFIO_SET_IOMMU,
				      self ? VFIO_NOIOMMU_IOMMU
					   : VFIO_TYPE1_IOMMU);
		check(!ret || ret == -EPERM || !nothing_fails());
		fd = get_device_fd(group[self], self ? "n" : "a");
		check(fd > 0 || fd == -EPERM || ret || !nothing_fails());
		sim_ioctl(fd, VFIO_DEVICE_RESET, NULL);
		close_if_open(&fd);
		check(unset_container(group[self]) == 0);
	}
}

/* Rights that are taken away are missed at the next open. */
static void drop_rights(void *arg)
{
	sim_sleep_ms(10);
	sim_allow(PORT_CAP_RAWIO, false);
	check(sim_open_group(0, true) == -EPERM || !nothing_fails());
	sim_allow(PORT_CAP_RAWIO, true);
}

static void add_noiommu(void *arg)
{
	struct fake *own = fake_add("m", -1);

	check(own || !nothing_fails());
	sim_yield();
	if (own)
		fake_remove(own);
}

static void finish_noiommu(void)
{
	close_if_open(&group[0]);
	close_if_open(&group[1]);
	close_if_open(&container[0]);
	fake_remove(fake[0]);
	fake_remove(fake[1]);
}

/* ---- a native driver comes and goes in the group (V1, V2) ---- */

static struct device *native;

static void prepare_native(void)
{
	prepare_device();
	native = sim_device_create("native", 7);
	check(sim_device_bind(native, false) == 0);
}

/* It binds when the group is not owned, and only then. */
static void bind_and_unbind(void *arg)
{
	unsigned int i;
	int ret;

	sim_device_unbind(native);
	for (i = 0; i < 4; i++) {
		ret = sim_device_bind(native, false);
		check(!ret || ret == -EBUSY);
		if (ret)
			continue;
		sim_yield();
		check(!sim_group_is_owned(native));
		sim_device_unbind(native);
	}
}

static void appear(void *arg)
{
	struct device *dev = sim_device_create("late", 7);

	sim_call_begin();
	vfio_group_device_added(dev->group, dev);
	sim_call_end();
	sim_yield();
	sim_device_destroy(dev);
}

static void use_when_viable(void *arg)
{
	unsigned int i;
	long ret;
	int g, d;

	for (i = 0; i < 4; i++) {
		g = sim_open_group(7, false);
		check(g > 0 || !nothing_fails());
		ret = set_container(g, container[0]);
		check(!ret || ret == -EBUSY || !nothing_fails());
		if (!ret) {
			check(get_status(g) & VFIO_GROUP_FLAGS_VIABLE ||
			      !nothing_fails());
			set_iommu(container[0]);
			d = get_device_fd(g, "a");
			check(d > 0 || !nothing_fails());
			close_if_open(&d);
		}
		close_if_open(&g);
	}
}

static void finish_native(void)
{
	finish_device();
	sim_device_destroy(native);
}

/* clang-format off */
const struct scenario close_scenarios[] = {
	{ "L1_close_in_any_order_leaves_nothing",
	  prepare_one,
	  TASKS(close_in_some_order),
	  finish_one, 800, 12, 0 },
	{ "L1_close_by_two_at_once_leaves_nothing",
	  prepare_one,
	  TASKS(close_every_other, close_every_other),
	  finish_one, 1500, 12, 0 },
	{ "G4_two_attach_at_once_and_one_succeeds",
	  prepare_two_containers,
	  TASKS(set_and_unset, set_and_unset, get_devices, get_devices),
	  finish_two_containers, 1500, 6, 2 },
	{ "G2_two_open_at_once_and_one_succeeds",
	  prepare_device,
	  TASKS(open_group_alone, open_group_alone, open_group_alone),
	  finish_device, 1000, 6, 0 },
	{ "D3_opens_at_once_are_one_open_and_one_release",
	  prepare_user,
	  TASKS(open_and_close_device, open_and_close_device,
	    open_and_close_device),
	  finish_user, 1000, 6, 5 },
	{ "L4_last_group_to_leave_takes_the_backend",
	  prepare_two_groups,
	  TASKS(join_use_and_leave, join_use_and_leave, ask_container),
	  finish_two_groups, 1500, 6, 0 },
	{ "C4_attach_that_fails_undoes_the_others",
	  prepare_joined,
	  TASKS(set_iommu_until_it_works),
	  finish_joined, 20, 5, 0 },
	{ "C6_backend_in_use_outlives_its_registration",
	  prepare_two_groups,
	  TASKS(register_again_and_again, use_what_is_registered),
	  finish_two_groups, 800, 6, 0 },
	{ "G4_noiommu_and_real_groups_never_mix",
	  prepare_noiommu,
	  TASKS(join_whatever_it_is, join_whatever_it_is, drop_rights,
	    add_noiommu),
	  finish_noiommu, 800, 6, 0 },
	{ "V2_native_driver_and_user_exclude_each_other",
	  prepare_native,
	  TASKS(bind_and_unbind, use_when_viable, appear),
	  finish_native, 800, 6, 1 },
	{ 0 },
};
/* clang-format on */
