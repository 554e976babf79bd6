/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Sweeps: scenarios of several users at once, run in as many orders as there are
 * seeds, and with a fault at every place where one can be.
 *
 * A scenario says what is there before (prepare), what happens at once (tasks)
 * and what must hold afterwards (finish).  What must hold at any time is in the
 * models of host/sim and in the fake driver here.
 */
#ifndef ANYVFIO_TESTS_SIM_SWEEP_H
#define ANYVFIO_TESTS_SIM_SWEEP_H

#include "sim.h"
#include "type1.h"

/**
 * struct scenario
 * @prepare: outside of the run: nothing fails
 * @tasks:   run at once, each with its index as the argument; ended by NULL
 * @names:   of these, separated by commas
 * @finish:  after all tasks, nothing fails: closes what is left
 * @seeds:   how many orders
 * @sweeps:  in how many of them each fault
 * @bug:     the number of the reference's bug that it would meet; see
 *           docs/testing.md
 */
struct scenario {
	const char *name;
	void (*prepare)(void);
	void (*tasks[8])(void *arg);
	const char *names;
	void (*finish)(void);
	unsigned int seeds;
	unsigned int sweeps;
	unsigned int bug;
};

#define NR_BUGS 17

#define TASKS(...) { __VA_ARGS__ }, #__VA_ARGS__

extern const struct scenario close_scenarios[], remove_scenarios[],
	type1_scenarios[], external_scenarios[], pci_scenarios[],
	monkey_scenarios[], pair_scenarios[], known_scenarios[],
	backend_scenarios[], pci_pair_scenarios[];

#define check(cond) \
	((cond) ? (void)0 : sim_bug("%s:%d: %s", __FILE__, __LINE__, #cond))

/* True in runs without faults: results can be told exactly. */
bool nothing_fails(void);

/* ---- devices with a fake driver ---- */

/**
 * struct fake - a device in the core, by a driver that checks what it is asked
 * @opens:    opened and not released
 * @requests: how often it was asked to be given back
 * @holds:    who needs it as a device of the bus, be it in the core or not
 */
struct fake {
	struct device *dev;
	struct iommu_group *iommu_group;
	bool noiommu;
	int opens;
	unsigned int requests;
	unsigned int holds;
};

/* Bound and in the core; NULL when that failed (all undone).  @group negative:
 * behind no IOMMU. */
struct fake *fake_add(const char *name, int group);
/* Waits for its users. */
void fake_remove(struct fake *fake);
/* Some device that is to be given back: users do so (B3). */
bool fakes_wanted(void);
/* Ends the fake driver's module, which waits until nothing holds it; none of
 * its code is called until it is loaded again. */
void fakes_unload(void);
void fakes_load(void);

/* ---- a user ---- */

long set_container(int group, int container);
long unset_container(int group);
long set_iommu(int container);
long get_device_fd(int group, const char *name);
/* The flags, or a negated errno. */
long get_status(int group);
/* Does nothing when @*fd is no descriptor. */
void close_if_open(int *fd);

long map_dma(int container, u64 iova, void *vaddr, u64 size);
/* How much was unmapped, or a negated errno. */
long unmap_dma(int container, u64 iova, u64 size);

/* Opens all; sets *@device only with a @name.  For prepare. */
void open_user(int id, const char *name, int *container, int *group,
	       int *device);

/* Of the group behind the descriptor @fd, or an error pointer. */
struct vfio_group *get_external_user(int fd);
void put_external_user(struct vfio_group *user);

/* For the fake device: 0, or what the DMA answered. */
int fake_dma(struct fake *fake, u64 iova, void *buf, size_t len, bool write);

#endif /* ANYVFIO_TESTS_SIM_SWEEP_H */
