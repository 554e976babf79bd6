/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The launcher: anyvfio run.
 *
 * A run is a directory, the devices, and a program.  The directory has
 *
 *   lock      flock()ed by the launcher for as long as it lives
 *   alive     a FIFO the launcher holds open
 *   config    for the preload library: settings.h
 *   control   a socket: wire.h
 *   sys/ dev/ the tree that paths of the program are rewritten into
 *
 * A directory whose lock is free belongs to nobody, and the next run removes it.
 */
#ifndef ANYVFIO_RUN_RUN_H
#define ANYVFIO_RUN_RUN_H

#include "settings.h"

#include <limits.h>

/* Exit statuses of our own, as env(1) and timeout(1) have them. */
#define EXIT_LAUNCHER 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/**
 * struct run_options - the command line of `anyvfio run`
 * @host: the devices and what else concerns the core
 * @level: the least important message that is shown
 * @host_devices: the machine's own PCI devices stay in sight
 * @program: and its arguments
 */
struct run_options {
	struct host_config host;
	enum port_level level;
	bool host_devices;
	char **program;
};

/* The whole of a run.  Returns the status to exit with, or dies of the signal
 * the program died of. */
int run(struct run_options *opts);

/*
 * A copy of the -d string @spec in which the names of files do not depend on the
 * current directory, since the program may have left it when it opens the
 * device.  These are the model, where it is a path, and the value of file=.
 * NULL without memory.
 */
char *spec_absolute(const char *spec);

/* Says so when @name, found as execvp() does, is no program we can reach. */
void program_check(const char *name);

/**
 * struct rundir - a run's directory
 * @path:  without a symbolic link in it
 * @fd:    the directory
 * @lock, @alive: see above
 */
struct rundir {
	char path[PATH_MAX];
	int fd;
	int lock;
	int alive;
};

/* Makes the directory in the @place-th of the places that may have room for one:
 * 0, or why this one has none; -EINVAL: it is not given. */
#define RUNDIR_PLACES 4u
int rundir_create(struct rundir *dir, unsigned int place);
void rundir_remove(struct rundir *dir);
/* Removes what runs that were killed have left beside @dir. */
void rundir_clean_stale(const struct rundir *dir);

/* Takes what @name in the directory @at is, with all below it, away. */
void rundir_remove_tree(int at, const char *name);

struct bus;

/* The @i-th driver of the bus, or NULL. */
const char *bus_driver_name(const struct bus *bus, unsigned int i);

/* Fills @dir with sys/ and dev/ for @n devices and the drivers of @bus; puts into
 * @settings, empty but for its options, the paths that lead there, and the
 * nodes.  0 or a negated errno; in both cases tree_forget() lets them go. */
int tree_make(const struct rundir *dir, const struct bus *bus,
	      const struct host_pci_sysfs *devices, unsigned int n,
	      bool host_devices, struct settings *settings);
void tree_forget(struct settings *settings);
/* @dev, one of @n, has another driver than @was, or none. */
int tree_device_changed(const struct rundir *dir,
			const struct host_pci_sysfs *devices, unsigned int n,
			const struct host_pci_sysfs *dev, const char *was);
/* @dev, one of @n, is no longer there. */
int tree_device_removed(const struct rundir *dir,
			const struct host_pci_sysfs *devices, unsigned int n,
			const struct host_pci_sysfs *dev);
/* It is there again. */
int tree_device_added(const struct rundir *dir,
		      const struct host_pci_sysfs *devices, unsigned int n,
		      const struct host_pci_sysfs *dev);
/* What the file driver_override of @dev says. */
int tree_driver_override(const struct rundir *dir,
			 const struct host_pci_sysfs *dev, const char *name);

/* anyvfio ctl: the status to exit with. */
int ctl(int argc, char **argv);

#endif /* ANYVFIO_RUN_RUN_H */
