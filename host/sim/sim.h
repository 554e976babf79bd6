/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the simulation offers to tests: the other side of port.h.
 *
 * A run is sim_begin(), preparations, sim_spawn() for each task, sim_run(),
 * cleaning up, sim_end().  Between sim_begin() and sim_end() but outside of
 * sim_run() nothing fails and nothing may have to wait.  The same configuration
 * gives the same run, instruction by instruction.
 *
 * A bug ends the program: after the report nothing of the run can be trusted.
 */
#ifndef ANYVFIO_SIM_H
#define ANYVFIO_SIM_H

#include "port.h"
#include "anyvfio/vfio.h"

/* ---- runs (engine.c) ---- */

/* What can fail. */
enum sim_site {
	SIM_MEMORY, /* -ENOMEM */
	SIM_COPY, /* a user copy: -EFAULT */
	SIM_INTERRUPT, /* an interruptible wait: -EINTR */
	SIM_FD, /* a descriptor: -EMFILE */
	SIM_NODE, /* a node: -ENOMEM */
	SIM_CLAIM, /* a group's ownership: -EPERM or -EBUSY */
	SIM_ATTACH, /* a group to an address space: -EINVAL */
	SIM_MAP, /* a mapping: -ENOMEM */
	SIM_PIN, /* a page: -ENOMEM */
	SIM_OPEN, /* a test's driver: whatever it likes */
	SIM_SITES,
};

/**
 * struct sim_config - all that decides a run
 * @seed:       the order of things
 * @fail_nth:   this site fails, counted from 1; 0: none
 * @fail_after: and all after it
 * @fail_kind:  and all after it that are of its kind: memory is short for good
 * @fail_rate:  each site fails one time in so many; 0: none
 * @sites:      the sites that count, a mask of BIT(enum sim_site); 0: all
 * @name:       for reports
 * @trace:      tell what happens, on standard error
 */
struct sim_config {
	u64 seed;
	unsigned int fail_nth;
	bool fail_after;
	bool fail_kind;
	unsigned int fail_rate;
	unsigned int sites;
	const char *name;
	bool trace;
};

/**
 * struct sim_stats - what a run was
 * @sites:    places where something could have failed
 * @failed:   and did
 * @switches: from one task to another
 * @now_ms:   the time at its end
 * @order:    of all that: two runs with the same were the same
 */
struct sim_stats {
	unsigned int sites;
	unsigned int failed;
	unsigned long switches;
	u64 now_ms;
	u64 order;
};

struct sim_task;

void sim_begin(const struct sim_config *config);
struct sim_task *sim_spawn(const char *name, void (*fn)(void *arg), void *arg);
/* Until every task has returned. */
void sim_run(void);
/* Reports what was left behind. */
void sim_end(struct sim_stats *stats);

/* True for the running task, false outside of sim_run(). */
bool sim_is_running(void);
u64 sim_now_ms(void);
u64 sim_random(u64 below);
/* What this run's order comes from. */
u64 sim_seed(void);
/* True when this site is to fail; also a point. */
bool sim_fails(enum sim_site site);
/* No site of this task fails while it is off. */
void sim_set_faults(bool on);
/* Lets all others go first. */
void sim_yield(void);
void sim_sleep_ms(unsigned int ms);
void sim_join(struct sim_task *task);
/* A signal for @task: ends a wait that can be interrupted. */
void sim_interrupt(struct sim_task *task);
/* Somebody waits for this lock or completion. */
bool sim_is_awaited(const void *on);
/* Who lets go of something, and who gets it: what the one did before is before
 * what the other does after.  For tests whose tasks wait for each other by
 * other means than the port's: accesses in no order are a bug. */
void sim_release(const void *object);
void sim_acquire(const void *object);
/* A broken rule: the report, and the end of the program. */
void __printf(1, 2) __attribute__((noreturn)) sim_bug(const char *fmt, ...);

/* ---- a user: system calls, negated errnos (file.c) ---- */

/* /dev/vfio/vfio; /dev/vfio/ID or noiommu-ID. */
int sim_open_container(void);
int sim_open_group(int id, bool noiommu);
/* A descriptor of something else. */
int sim_open_other(void);
int sim_dup(int fd);
int sim_close(int fd);
long sim_ioctl(int fd, unsigned int cmd, void *arg);
long sim_ioctl_value(int fd, unsigned int cmd, unsigned long arg);
ssize_t sim_pread(int fd, void *buf, size_t len, loff_t pos);
ssize_t sim_pwrite(int fd, const void *buf, size_t len, loff_t pos);
/* A mapping, to be given up by sim_munmap(); or ERR_PTR(). */
struct port_vma *sim_mmap(int fd, u64 off, u64 size, unsigned int flags);
void sim_munmap(struct port_vma *vma);

/* Around what a test calls of the core that is not a descriptor's: the calls of
 * a bus driver, of an external user. */
void sim_call_begin(void);
void sim_call_end(void);

/* ---- event descriptors (eventfd.c) ---- */

int sim_eventfd(void);
void sim_eventfd_write(int fd);
/* The count, which becomes 0. */
u64 sim_eventfd_read(int fd);

/* ---- the bus (bus.c) ---- */

struct iommu_group {
	struct list_head node, devices;
	int id;
	unsigned int refs;
	bool made;
	void *owner;
	struct port_iommu *iommu; /* what it is attached to (iommu.c) */
};

struct device {
	char name[32];
	struct iommu_group *group;
	struct list_head node; /* of the group's */
	bool has_iommu, bound, managed;
};

/* @group_id negative: behind no IOMMU. */
struct device *sim_device_create(const char *name, int group_id);
/* Not bound any more; gone with the last reference to its group. */
void sim_device_destroy(struct device *dev);
/* @managed: by a driver that leaves its DMA to others.  -EBUSY: V2. */
int sim_device_bind(struct device *dev, bool managed);
void sim_device_unbind(struct device *dev);
bool sim_group_is_owned(struct device *dev);
bool sim_group_is_attached(struct device *dev);

/* ---- the IOMMU (iommu.c) ---- */

/* The address space @dev does DMA in, or NULL. */
struct vfio_type1 *sim_device_type1(struct device *dev);
/* In all address spaces. */
unsigned int sim_iommu_nr_maps(void);

/* ---- rights, modules, machines, messages (rights.c, log.c) ---- */

struct module {
	const char *name;
	int holds;
	bool going;
};

struct kvm {
	refcount_t refs;
};

void sim_allow(enum port_cap cap, bool allowed);
void sim_set_noiommu(bool on);
struct kvm *sim_kvm_create(void);

/* What was logged last. */
const char *sim_last_log(void);

#endif /* ANYVFIO_SIM_H */
