/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The VFIO core's own declarations: its objects, their lives, their locks.
 *
 * Who holds whom (rule L2)
 *
 *   device descriptor --> device --> group <-- group descriptor, external user
 *                                      |
 *                                      | from SET_CONTAINER until nobody uses
 *                                      v the container through this group
 *              container descriptor --> container
 *                                         |
 *                                         | from SET_IOMMU until the last
 *                                         v group leaves
 *          calls on the container --> backend
 *
 *   A group comes into being with the first device of its IOMMU group, and is
 *   dead, out of the table and out of its container once the last one is
 *   removed: whoever still holds it has its memory and -ENODEV.
 *
 * Locks, outermost first
 *
 *   device->open_lock   opens of the device; the driver's open and release
 *   group->kvm_lock     the remembered kvm; calls of the group's listeners
 *   group->lock         opened or not; joining and leaving a container
 *   container->lock     the container's groups and its backend
 *   vfio.drivers_lock   the registered backends (rwsem)
 *   vfio.lock           the tables of groups and devices
 *   group->users_lock   who uses the container through the group
 *
 * No lock is held in a call of a bus driver or a backend on behalf of a
 * descriptor, but for a bus driver's open and release.  The caller's memory is
 * never touched with a lock held.  docs/locking.md has the reasons.
 */
#ifndef ANYVFIO_CORE_H
#define ANYVFIO_CORE_H

#include "port.h"
#include "anyvfio/vfio.h"

#define VFIO_CORE_VERSION "0.1.0"

/* Lists per table: finding one among thousands must not walk them. */
#define VFIO_TABLE_SIZE 1024u

/**
 * struct vfio - what exists once
 * @lock:         guards the tables, and in them who is registered
 * @groups:       by IOMMU group id; a group is here while it has devices
 * @devices:      by name; a device is here until its removal is over
 * @drivers_lock: guards @drivers
 * @drivers:      backends, newest registration first (I2)
 */
struct vfio {
	struct mutex lock;
	struct list_head groups[VFIO_TABLE_SIZE];
	struct list_head devices[VFIO_TABLE_SIZE];
	struct rw_semaphore drivers_lock;
	struct list_head drivers;
};

extern struct vfio vfio;

struct vfio_container;

/* ---- backends in use (iommu_driver.c) ---- */

/**
 * struct vfio_backend - one container's address space
 * @ops, @data: constant; the module of @ops is held
 * @refs:       the container from SET_IOMMU until its last group leaves, and
 *              each call on the container's descriptor while it lasts
 *
 * Whoever holds a user of the container through a group needs no reference:
 * the user keeps the group in the container, and the group the backend.
 */
struct vfio_backend {
	const struct vfio_iommu_driver_ops *ops;
	void *data;
	refcount_t refs;
};

struct vfio_backend *vfio_backend_open(struct vfio_container *container,
				       unsigned long arg);
void vfio_backend_put(struct vfio_backend *backend);
int vfio_backend_attach_group(struct vfio_backend *backend,
			      struct vfio_group *group);
long vfio_drivers_check_extension(unsigned long arg, bool any, bool noiommu);

/* ---- containers (container.c) ---- */

/**
 * struct vfio_container - one I/O address space
 * @refs:    the descriptor, and each group
 * @lock:    guards the rest
 * @groups:  of vfio_group::container_node, in the order they joined
 * @noiommu: the kind of all of @groups, when there are any
 * @backend: NULL before SET_IOMMU; set with a release, for those who have a
 *           user and read it without @lock
 */
struct vfio_container {
	refcount_t refs;
	struct mutex lock;
	struct list_head groups;
	bool noiommu;
	struct vfio_backend *backend;
};

int vfio_container_attach_group(struct vfio_container *container,
				struct vfio_group *group);
void vfio_container_detach_group(struct vfio_container *container,
				 struct vfio_group *group);

/* ---- groups (group.c) ---- */

struct vfio_group {
	/* Constant. */
	struct iommu_group *iommu_group;
	int id;
	bool noiommu;

	refcount_t refs; /* devices, the descriptor, external users, calls */

	struct list_head node; /* vfio.lock */
	unsigned int nr_devices; /* vfio.lock; removals under way included */

	struct mutex lock;
	bool opened; /* lock */

	/* @container and @attached change under @lock as well; GET_STATUS
	 * reads @container and @dead with neither. */
	struct mutex users_lock;
	struct vfio_container *container;
	unsigned int container_users; /* L3; 0: no container */
	bool attached; /* the attachment itself is one of the users */
	bool dead; /* the last device has gone: no new user (L5) */
	bool awaited; /* a removal waits for users to leave */
	struct completion drained; /* one left that is awaited */

	struct list_head container_node; /* container->lock */

	struct mutex kvm_lock;
	struct kvm *kvm; /* kvm_lock; with a reference (X5) */
	struct blocking_notifier_head notifier;
};

struct vfio_group *vfio_group_find(struct iommu_group *iommu_group);
struct vfio_group *vfio_group_create(struct iommu_group *iommu_group);
struct vfio_group *
vfio_group_get_by_iommu_group(struct iommu_group *iommu_group);
void vfio_group_get(struct vfio_group *group);
void vfio_group_put(struct vfio_group *group);
int vfio_group_use_container(struct vfio_group *group);
void vfio_group_unuse_container(struct vfio_group *group);
bool vfio_group_is_viable(struct vfio_group *group);
bool vfio_group_is_idle(struct vfio_group *group);
bool vfio_group_drop_device(struct vfio_group *group);

/* ---- devices (device.c) ---- */

struct vfio_device {
	/* Constant. */
	struct device *dev;
	const struct vfio_device_ops *ops;
	void *data;
	struct vfio_group *group; /* with a reference */

	refcount_t refs; /* being registered, descriptors, vfio_device_get_* */
	struct completion unused; /* @refs has reached zero */

	struct list_head node; /* vfio.lock */
	bool removing; /* vfio.lock; cannot be found any more (L5) */

	struct mutex open_lock;
	unsigned int open_count; /* open_lock */
};

struct vfio_device *vfio_device_get_by_name(struct vfio_group *group,
					    const char *name);
int vfio_device_admit(struct vfio_device *device, const char *options);
int vfio_device_open_fd(struct vfio_device *device);

/**
 * struct vfio_removal - a removal that waits (B3)
 * @name:        the device that goes, for messages
 * @interrupted: a signal came: from then on no signal ends a wait
 */
struct vfio_removal {
	const char *name;
	bool interrupted;
};

#define VFIO_LEAVE_MS 1000

bool vfio_removal_wait(struct vfio_removal *removal, struct completion *done);
void vfio_group_await_leave(struct vfio_group *group);
void vfio_group_drain(struct vfio_group *group, struct vfio_removal *removal);

/* ---- external users (external.c) ---- */

void vfio_group_forget_kvm(struct vfio_group *group);
void vfio_group_drop_listeners(struct vfio_group *group);

/* ---- noiommu (noiommu.c) ---- */

extern const struct vfio_iommu_driver_ops vfio_noiommu_ops;

#endif /* ANYVFIO_CORE_H */
