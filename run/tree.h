/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files about the tree share.  Errors stick: the first one is kept in
 * struct tree and what follows does nothing, so that the code reads as the tree
 * does.
 */
#ifndef ANYVFIO_RUN_TREE_H
#define ANYVFIO_RUN_TREE_H

#include "run.h"

#define CPUS_MAX 8192

/**
 * struct tree - the tree while it is made or changed
 * @root: the run's directory
 * @err:  the first error
 * @host_devices: the machine's own PCI devices are in it
 * @settings: gets the paths and nodes; NULL once they are written
 * @cpus: "0-3", as this machine says; @cpu_mask: the same as a mask
 */
struct tree {
	int root;
	int err;
	bool host_devices;
	struct settings *settings;
	char cpus[4096];
	char cpu_mask[CPUS_MAX / 4 + CPUS_MAX / 32 + 1];
};

/* ---- tree_put.c: putting things into it ---- */

void tree_failed(struct tree *t);
void __printf(2, 3) tree_dir(struct tree *t, const char *fmt, ...);
void tree_bytes(struct tree *t, mode_t mode, const char *path, const void *data,
		size_t len);
/* @dir/@name, with one line of text. */
void __printf(5, 6) tree_file(struct tree *t, const char *dir, const char *name,
			      mode_t mode, const char *fmt, ...);
/* A link at @fmt to @target. */
void __printf(3, 4)
	tree_link(struct tree *t, const char *target, const char *fmt, ...);
/* Takes a file or a link away, if it is there. */
void __printf(2, 3) tree_unlink(struct tree *t, const char *fmt, ...);
/* Programs find @path, with all below it, in the tree. */
void tree_own(struct tree *t, const char *path);
/* /sys/module/NAME, of a module or of the driver of that name; where it is. */
void tree_module(struct tree *t, const char *name, char dir[64]);

/* ---- tree_device.c: devices and groups ---- */

/* Fills in @cpus and @cpu_mask. */
void tree_read_cpus(struct tree *t);
void tree_put_device(struct tree *t, const struct host_pci_sysfs *dev);
void tree_put_groups(struct tree *t, const struct host_pci_sysfs *devices,
		     unsigned int n);

#endif /* ANYVFIO_RUN_TREE_H */
