/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * SET_IOMMU with several backends and many groups: any step of it may fail, and
 * what went before is undone in reverse (C4); signals in the waits of a removal.
 */
#include "sweep.h"

#define NR_GROUPS 8
#define NR_KINDS 2

/* ---- fake backends ---- */

struct space {
	unsigned int kind;
	int attached[NR_GROUPS];
	unsigned int nr;
};

static unsigned int nr_spaces;
static struct module modules[NR_KINDS];

static void *open_space(unsigned int kind)
{
	struct space *space;

	check(modules[kind].holds);
	if (sim_fails(SIM_OPEN))
		return ERR_PTR(-EIO);
	space = port_zalloc(sizeof(*space));
	if (!space)
		return ERR_PTR(-ENOMEM);
	space->kind = kind;
	nr_spaces++;
	return space;
}

static void *open_first(unsigned long arg)
{
	return open_space(0);
}

static void *open_second(unsigned long arg)
{
	return open_space(1);
}

static void release_space(void *data)
{
	struct space *space = data;

	check(!space->nr);
	check(modules[space->kind].holds);
	nr_spaces--;
	port_free(space);
}

static long space_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	return cmd == VFIO_CHECK_EXTENSION ? arg == VFIO_TYPE1v2_IOMMU
					   : -ENOTTY;
}

static int attach_group(void *data, struct iommu_group *group)
{
	struct space *space = data;

	if (sim_fails(SIM_ATTACH))
		return -EINVAL;
	check(space->nr < NR_GROUPS);
	space->attached[space->nr++] = port_iommu_group_id(group);
	return 0;
}

/* Of those that are undone the last comes first; a group that leaves may be
 * any. */
static bool undoing;

static void detach_group(void *data, struct iommu_group *group)
{
	struct space *space = data;
	int id = port_iommu_group_id(group);
	unsigned int i;

	for (i = 0; i < space->nr && space->attached[i] != id; i++)
		;
	check(i < space->nr);
	check(!undoing || i == space->nr - 1);
	memmove(&space->attached[i], &space->attached[i + 1],
		(space->nr - i - 1) * sizeof(int));
	space->nr--;
}

#define SPACE_OPS                                       \
	.release = release_space, .ioctl = space_ioctl, \
	.attach_group = attach_group, .detach_group = detach_group

static const struct vfio_iommu_driver_ops kinds[NR_KINDS] = {
	{ .name = "first", .owner = &modules[0], .open = open_first, SPACE_OPS },
	{ .name = "second",
	  .owner = &modules[1],
	  .open = open_second,
	  SPACE_OPS },
};

/* ---- many groups ---- */

static struct fake *fakes[NR_GROUPS];
static int groups[NR_GROUPS], container;
static char names[NR_GROUPS][2];

static void prepare(void)
{
	unsigned int i;

	for (i = 0; i < NR_KINDS; i++)
		check(vfio_register_iommu_driver(&kinds[i]) == 0);
	container = sim_open_container();
	for (i = 0; i < NR_GROUPS; i++) {
		names[i][0] = 'a' + i;
		fakes[i] = fake_add(names[i], 20 + i);
		groups[i] = sim_open_group(20 + i, false);
		check(set_container(groups[i], container) == 0);
	}
	undoing = true;
}

static void choose(void *arg)
{
	long ret = set_iommu(container);
	unsigned int i;

	undoing = false;
	check(!ret || !nothing_fails());
	/* It is all of them or none, of one backend; type1 is the third. */
	check(nr_spaces <= (ret ? 0 : 1));
	for (i = 1; i < NR_GROUPS; i++)
		check(sim_group_is_attached(fakes[i]->dev) ==
		      sim_group_is_attached(fakes[0]->dev));
	if (!ret)
		check(set_iommu(container) == -EINVAL);
}

static void choose_at_once(void *arg)
{
	long ret = set_iommu(container);

	/* The other one was first, or no group is left. */
	check(!ret || ret == -EINVAL || !nothing_fails());
}

static void join_and_leave(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	unsigned int i;
	long ret;

	undoing = false;
	for (i = 0; i < 3; i++) {
		ret = unset_container(groups[self]);
		check(!ret || ret == -EINVAL);
		ret = set_container(groups[self], container);
		check(!ret || !nothing_fails());
	}
}

static void finish(void)
{
	unsigned int i;

	close_if_open(&container);
	for (i = 0; i < NR_GROUPS; i++) {
		close_if_open(&groups[i]);
		check(!sim_group_is_owned(fakes[i]->dev));
		fake_remove(fakes[i]);
	}
	check(!nr_spaces);
	for (i = 0; i < NR_KINDS; i++)
		vfio_unregister_iommu_driver(&kinds[i]);
}

/* ---- signals while a dead group is waited for ---- */

static struct sim_task *remover;
static struct vfio_group *external;
static int group;
static bool removed;

static void prepare_held(void)
{
	fakes[0] = fake_add("a", 7);
	open_user(7, NULL, &container, &group, NULL);
	external = get_external_user(group);
	check(!IS_ERR(external));
	remover = NULL;
	removed = false;
}

static void remove_device(void *arg)
{
	fake_remove(fakes[0]);
	removed = true;
}

static void remove_in_a_task(void *arg)
{
	remover = sim_spawn("remover", remove_device, NULL);
	sim_join(remover);
	remover = NULL;
}

static void send_signals(void *arg)
{
	unsigned int i;

	for (i = 0; i < 6; i++) {
		if (remover)
			sim_interrupt(remover);
		sim_sleep_ms(4000);
	}
}

static void hold_for_a_minute(void *arg)
{
	sim_sleep_ms(60000);
	check(!removed);
	put_external_user(external);
}

static void finish_held(void)
{
	check(removed);
	check(get_status(group) == -ENODEV);
	close_if_open(&group);
	close_if_open(&container);
}

/* clang-format off */
const struct scenario backend_scenarios[] = {
	{ "C4_set_iommu_fails_at_any_step_and_undoes_the_rest",
	  prepare,
	  TASKS(choose),
	  finish, 40, 20, 0 },
	{ "C4_groups_come_and_go_while_a_backend_is_chosen",
	  prepare,
	  TASKS(choose_at_once, join_and_leave, join_and_leave, choose_at_once),
	  finish, 500, 6, 0 },
	{ "B3_signals_do_not_end_the_wait_for_external_users",
	  prepare_held,
	  TASKS(remove_in_a_task, send_signals, hold_for_a_minute),
	  finish_held, 300, 6, 0 },
	{ 0 },
};
/* clang-format on */
