/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files about descriptors share: open descriptions (file.c), the table
 * of numbers that stand for them (fd.c) and the mappings that hold them (vma.c).
 *
 * A description lives as long as somebody holds it: each number, each mapping,
 * each call in progress.  Its memory is not given back to libc before
 * host_free(), so that a call that races a close may count up a description that
 * has just gone, and finds out.
 *
 * The locks of these files are leaves: nothing is called with one held but
 * host_vma_ops::rights.  A description's pos_lock is held during a read() or a
 * write(), outside every lock of the core.
 */
#ifndef ANYVFIO_USER_INTERNAL_H
#define ANYVFIO_USER_INTERNAL_H

#include "host.h"

#define FILE_NAME_LEN 32

struct port_file {
	refcount_t refs;

	/* Set by port_file_create(), constant while there are references. */
	const struct port_file_ops *ops;
	void *priv;
	char name[FILE_NAME_LEN];
	int held_group; /* let go at the end; or -1 */

	struct mutex pos_lock;
	loff_t pos; /* pos_lock */
	struct port_file *free; /* the lock of the pool */
};

/* ---- fd.c ---- */

/* A real descriptor that is to stand for something named @name. */
int host_fd_reserve(const char *name, bool cloexec);
/* The description behind @fd with a reference, or NULL when it is not ours. */
struct port_file *host_fd_get(int fd);
/* @fd is closed already, and still stood for @file. */
void host_fd_stale(int fd, struct port_file *file);

/* ---- vma.c ---- */

/* Cuts *@len so that all of [addr, addr + *len) is in mappings of ours (true),
 * or none of it (false). */
bool host_vma_stretch(u64 addr, u64 *len);

/* ---- eventfd.c ---- */

/* Whether @fd is an eventfd, found out without /proc. */
bool host_eventfd_takes_zero(int fd);

/* ---- bus.c ---- */

/* The address space of @group from now on, or NULL; -EBUSY: it has one. */
int host_group_set_type1(struct iommu_group *group, struct vfio_type1 *type1);

/* ---- group_lock.c ---- */

/* From now on all programs with @rundir share the groups; NULL: there is one. */
void host_group_share(const char *rundir);
/* This program has the group @id, for as long as there is a holder; -EBUSY:
 * another of the run has it. */
int host_group_hold(int id);
void host_group_let_go(int id);

/* ---- the child of a fork: called by host.c, one thread, no lock is held ---- */

void host_file_after_fork(void);
void host_fd_after_fork(void);
void host_vma_before_fork(void);
void host_vma_forked(void); /* in the parent */
void host_vma_after_fork(void);
void host_eventfd_after_fork(void);
void host_node_after_fork(void);
void host_bus_after_fork(void);
void host_group_after_fork(void);

/* ---- the end: called by host_stop() ---- */

void host_vma_exit(void);
void host_fd_exit(void);

/* ---- by host_free() ---- */

void host_group_free(void);
void host_vma_free(void);
void host_file_free(void);

#endif /* ANYVFIO_USER_INTERNAL_H */
