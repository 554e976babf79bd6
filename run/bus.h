/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bus as the launcher keeps it for all programs of a run: which devices
 * there are, which drivers, who has whom.  What programs write to its files is
 * decided here; what that does to a device each program does for itself, and
 * server.c asks them to.
 *
 * All of it belongs to the thread of the server, once that runs.
 */
#ifndef ANYVFIO_RUN_BUS_H
#define ANYVFIO_RUN_BUS_H

#include "run.h"

/**
 * struct bus_device - a device
 * @dev:      the launcher's own of it, which nobody opens
 * @override: its driver_override
 * @removed:  it is no longer there
 * @pulled:   it was pulled out, and is removed as soon as it can be
 * @busy:     it is being bound, unbound, removed or added
 * @going:    it is being removed
 */
struct bus_device {
	struct anyvfio_device *dev;
	char override[HOST_DRIVER_LEN];
	char first[HOST_DRIVER_LEN];
	bool removed;
	bool pulled;
	bool busy;
	bool going;
};

/**
 * struct bus - the bus of a run
 * @sysfs: of each of @devices
 * @drivers: bus.c's own
 */
struct bus {
	const struct rundir *dir;
	struct bus_device *devices;
	struct host_pci_sysfs *sysfs;
	unsigned int nr_devices;
	struct bus_driver *drivers;
	unsigned int nr_drivers;
};

/* Of @n devices, which stay the caller's, as is @sysfs.  NULL without memory. */
struct bus *bus_create(const struct rundir *dir,
		       struct anyvfio_device *const *devices,
		       struct host_pci_sysfs *sysfs, unsigned int n);
void bus_free(struct bus *bus);
/* The device of that name that is there; NULL: none is. */
struct bus_device *bus_find(struct bus *bus, const char *name);
/* The one that is not, or soon will not be. */
struct bus_device *bus_find_removed(struct bus *bus, const char *name);
const struct host_pci_sysfs *bus_sysfs(const struct bus *bus,
				       const struct bus_device *dev);

/**
 * struct bus_job - what has to happen to one device
 */
struct bus_job {
	enum host_event event;
	struct bus_device *dev;
	char driver[HOST_DRIVER_LEN];
};

/*
 * @data was written to the file @path of /sys.  0 or a negated errno, and what
 * has to happen for it in @jobs, which has room for all devices: *@n of them.
 */
int bus_write(struct bus *bus, const char *path, const char *data,
	      struct bus_job *jobs, unsigned int *n);
/* The programs have done @job, or there are none: here it happens, too. */
int bus_done(struct bus *bus, const struct bus_job *job);

#endif /* ANYVFIO_RUN_BUS_H */
