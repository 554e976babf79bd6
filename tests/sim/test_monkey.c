/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tasks that do whatever comes to mind to the same few descriptors and devices.
 * What must hold is in the models alone.
 */
#include "sweep.h"

#define NR_FDS 8
#define STEPS 40
#define IOVA 0x300000ul

static struct fake *fake[3];
static bool changing[3];
static const char *const names[3] = { "a", "b", "c" };
static const int ids[3] = { 7, 7, 8 };
static int fds[NR_FDS];
static u8 pages[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static int any_fd(void)
{
	return fds[sim_random(NR_FDS)];
}

/* Puts @fd where nothing is, or gives it up. */
static void keep(int fd)
{
	unsigned int i = sim_random(NR_FDS);

	if (fd < 0)
		return;
	if (fds[i] > 0)
		sim_close(fd);
	else
		fds[i] = fd;
}

static void close_any(void)
{
	close_if_open(&fds[sim_random(NR_FDS)]);
}

/* Devices are added and removed by one task at a time, each. */
static void change_device(void)
{
	unsigned int i = sim_random(3), n;

	if (changing[i])
		return;
	changing[i] = true;
	if (!fake[i]) {
		fake[i] = fake_add(names[i], ids[i]);
	} else {
		/* What the others open from here on, they also close. */
		for (n = 0; n < NR_FDS; n++)
			close_if_open(&fds[n]);
		if (!sim_random(3)) {
			fake_remove(fake[i]);
			fake[i] = NULL;
		}
	}
	changing[i] = false;
}

static void use_memory(void)
{
	u64 iova = IOVA + sim_random(4) * PAGE_SIZE;
	u64 size = (1 + sim_random(2)) * PAGE_SIZE;
	u8 buf[32] = { 0 };

	switch (sim_random(4)) {
	case 0:
		map_dma(any_fd(), iova, pages, size);
		break;
	case 1:
		unmap_dma(any_fd(), iova, size);
		break;
	case 2:
		sim_pread(any_fd(), buf, sizeof(buf), iova);
		break;
	case 3:
		sim_pwrite(any_fd(), buf, sizeof(buf), iova);
		break;
	}
}

static void step(void)
{
	switch (sim_random(14)) {
	case 0:
		keep(sim_open_container());
		break;
	case 1:
	case 2:
		keep(sim_open_group(7 + sim_random(2), false));
		break;
	case 3:
	case 4:
		set_container(any_fd(), any_fd());
		break;
	case 5:
		unset_container(any_fd());
		break;
	case 6:
	case 7:
		set_iommu(any_fd());
		break;
	case 8:
	case 9:
		keep(get_device_fd(any_fd(), names[sim_random(3)]));
		break;
	case 10:
		close_any();
		break;
	case 11:
		get_status(any_fd());
		break;
	case 12:
		use_memory();
		break;
	case 13:
		change_device();
		break;
	}
}

static void prepare(void)
{
	unsigned int i;

	memset(fds, -1, sizeof(fds));
	memset(changing, 0, sizeof(changing));
	for (i = 0; i < 3; i++)
		fake[i] = fake_add(names[i], ids[i]);
}

static void monkey(void *arg)
{
	unsigned int i;

	for (i = 0; i < STEPS; i++) {
		if (fakes_wanted())
			close_any();
		step();
	}
	/* A removal may be waiting for what is left, or be about to. */
	while (fakes_wanted() || changing[0] || changing[1] || changing[2]) {
		close_any();
		sim_yield();
	}
}

static void finish(void)
{
	unsigned int i;

	for (i = 0; i < NR_FDS; i++)
		close_if_open(&fds[i]);
	for (i = 0; i < 3; i++)
		if (fake[i])
			fake_remove(fake[i]);
}

/* clang-format off */
const struct scenario monkey_scenarios[] = {
	{ "L6_calls_at_random_use_nothing_that_has_gone",
	  prepare,
	  TASKS(monkey, monkey, monkey),
	  finish, 6000, 3, 0 },
	{ "L6_more_calls_at_random_use_nothing_that_has_gone",
	  prepare,
	  TASKS(monkey, monkey, monkey, monkey, monkey),
	  finish, 2000, 1, 0 },
	{ 0 },
};
/* clang-format on */
