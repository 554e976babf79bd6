/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Devices are removed while they are used; L2, L5, B2-B4, G2. */
#include "sweep.h"

static struct fake *fake[2];
static int container, group, device;
static bool removed;

/* ---- the device is taken from its user (B3) ---- */

static void prepare_user(void)
{
	fake[0] = fake_add("a", 7);
	open_user(7, "a", &container, &group, &device);
	removed = false;
}

static void remove_first(void *arg)
{
	fake_remove(fake[0]);
	removed = true;
}

/* Closes only when it is asked to, and the descriptor of the group never. */
static void hold_until_wanted(void *arg)
{
	while (!fakes_wanted()) {
		sim_ioctl(device, VFIO_DEVICE_RESET, NULL);
		sim_sleep_ms(1000);
	}
	close_if_open(&device);
}

static void reopen_all_the_time(void *arg)
{
	unsigned int i;
	bool wanted;
	int fd;

	for (i = 0; i < 6; i++) {
		wanted = fakes_wanted();
		fd = get_device_fd(group, "a");
		/* The last one removed takes the group along. */
		check(fd > 0 || fd == -ENODEV || fd == -EINVAL ||
		      !nothing_fails());
		/* Asking anew does not stall the removal (L5). */
		check(fd < 0 || !(wanted || removed));
		sim_ioctl(fd, VFIO_DEVICE_RESET, NULL);
		close_if_open(&fd);
	}
}

static void pass_the_time(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		sim_sleep_ms(3000);
		sim_yield();
	}
}

static void finish_removed(void)
{
	check(removed);
	check(get_device_fd(group, "a") == -ENODEV);
	check(get_status(group) == -ENODEV);
	check(set_container(group, container) == -ENODEV);
	check(unset_container(group) == -ENODEV);
	check(sim_open_group(7, false) == -ENOENT);
	/* It has left the container, which is as new (L4). */
	check(set_iommu(container) == -EINVAL);
	close_if_open(&group);
	close_if_open(&container);
}

/* ---- a descriptor is closed before its opener knows the number ---- */

#define NEXT_FD 5 /* after a container's and a group's */

static void prepare_no_device(void)
{
	fake[0] = fake_add("a", 7);
	open_user(7, NULL, &container, &group, NULL);
	removed = false;
}

static void open_device_for_others(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 4; i++) {
		fd = get_device_fd(group, "a");
		check(fd == NEXT_FD || fd < 0);
		sim_close(fd);
	}
}

static void close_by_number(void *arg)
{
	unsigned int i;

	for (i = 0; i < 12; i++)
		sim_close(NEXT_FD);
}

/* ---- one of two devices of a group goes; the other one works on ---- */

static void prepare_two(void)
{
	fake[0] = fake_add("a", 7);
	fake[1] = fake_add("b", 7);
	open_user(7, NULL, &container, &group, NULL);
	removed = false;
}

static void use_second(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 6; i++) {
		fd = get_device_fd(group, "b");
		check(fd > 0 || !nothing_fails());
		if (fd < 0)
			continue;
		check(sim_ioctl(fd, VFIO_DEVICE_RESET, NULL) == 0);
		close_if_open(&fd);
	}
}

static void use_first(void *arg)
{
	unsigned int i;
	int fd;

	for (i = 0; i < 6; i++) {
		fd = get_device_fd(group, "a");
		check(fd > 0 || fd == -ENODEV || !nothing_fails());
		check(fd < 0 || !removed);
		close_if_open(&fd);
	}
}

static void finish_second(void)
{
	check(removed);
	check(get_device_fd(group, "a") == -ENODEV);
	device = get_device_fd(group, "b");
	check(device > 0);
	close_if_open(&group);
	close_if_open(&device);
	close_if_open(&container);
	fake_remove(fake[1]);
}

/* ---- devices come and go; groups are made by two at once (L2, B2) ---- */

static void prepare_nothing(void)
{
	fake[0] = fake[1] = NULL;
}

static void add_and_remove(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	struct fake *own;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		own = fake_add(self ? "b" : "a", 7);
		check(own || !nothing_fails());
		sim_sleep_ms(sim_random(20000));
		if (own)
			fake_remove(own);
	}
}

static void open_what_is_there(void *arg)
{
	int c = sim_open_container(), g, d;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		sim_sleep_ms(sim_random(8000));
		g = sim_open_group(7, false);
		/* Also busy: the other one was faster. */
		check(g > 0 || g == -ENOENT || g == -ENODEV || g == -EBUSY ||
		      !nothing_fails());
		if (g < 0)
			continue;
		set_container(g, c);
		set_iommu(c);
		d = get_device_fd(g, sim_random(2) ? "a" : "b");
		sim_ioctl(d, VFIO_DEVICE_RESET, NULL);
		if (sim_random(2))
			close_if_open(&g);
		if (d > 0)
			while (!fakes_wanted() && sim_random(3))
				sim_sleep_ms(2000);
		close_if_open(&d);
		close_if_open(&g);
	}
	close_if_open(&c);
}

static void finish_nothing(void)
{
	check(sim_open_group(7, false) == -ENOENT);
}

/* ---- the removal is sent signals ---- */

static struct sim_task *remover;

static void remove_in_a_task(void *arg)
{
	remover = sim_spawn("remover", remove_first, NULL);
	hold_until_wanted(arg);
	sim_join(remover);
	remover = NULL;
}

static void send_signals(void *arg)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		if (remover)
			sim_interrupt(remover);
		sim_sleep_ms(4000);
	}
}

/* ---- the name stays taken until the removal is over (B2) ---- */

static void add_again(void *arg)
{
	struct device *dev = fake[0]->dev;
	struct fake *other = fake[0];
	int ret;

	/* The same device once more, while @other has it. */
	sim_call_begin();
	ret = removed ? -EBUSY : vfio_add_group_dev(dev, NULL, other);
	sim_call_end();
	check(ret == -EBUSY || !nothing_fails());
	check(ret != 0);
}

static void add_again_then_remove(void *arg)
{
	struct sim_task *adder = sim_spawn("adder", add_again, NULL);

	sim_join(adder);
	remove_first(NULL);
}

/* clang-format off */
const struct scenario remove_scenarios[] = {
	{ "L5_reopening_does_not_stall_a_removal",
	  prepare_user,
	  TASKS(remove_first, hold_until_wanted, reopen_all_the_time),
	  finish_removed, 1200, 8, 8 },
	{ "B3_signals_do_not_end_a_removal",
	  prepare_user,
	  TASKS(remove_in_a_task, send_signals, reopen_all_the_time),
	  finish_removed, 800, 6, 0 },
	{ "G6_descriptor_closed_at_once_is_not_used_again",
	  prepare_no_device,
	  TASKS(open_device_for_others, close_by_number, remove_first),
	  finish_removed, 1500, 6, 0 },
	{ "B3_removal_of_one_leaves_the_other",
	  prepare_two,
	  TASKS(remove_first, use_first, use_second, pass_the_time),
	  finish_second, 1000, 6, 0 },
	{ "B2_second_add_is_ebusy_until_removed",
	  prepare_user,
	  TASKS(add_again_then_remove, hold_until_wanted),
	  finish_removed, 300, 6, 0 },
	{ "L2_creators_and_removers_at_once_share_a_group",
	  prepare_nothing,
	  TASKS(add_and_remove, add_and_remove, open_what_is_there,
	    open_what_is_there),
	  finish_nothing, 1200, 4, 10 },
	{ 0 },
};
/* clang-format on */
