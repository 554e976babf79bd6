/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The host that the calls of a sequence are made on: world_sim.c and
 * world_user.c have it with the same names.
 */
#ifndef ANYVFIO_TESTS_MODEL_WORLD_H
#define ANYVFIO_TESTS_MODEL_WORLD_H

#include "model.h"

/* The host and the core, with nothing in them; and their end, at which nothing
 * may be left. */
void world_begin(u64 seed);
void world_end(void);

void world_allow_rawio(bool yes);
/* Where the IOMMU translates. */
void world_usable(u64 *last, u64 *hole_start, u64 *hole_last);

int world_open_container(void);
int world_open_group(int id, bool noiommu);
int world_open_other(void);
int world_dup(int fd);
int world_close(int fd);
long world_ioctl(int fd, unsigned int cmd, unsigned long arg);
ssize_t world_read(int fd, void *buf, size_t len);

/* A device of the bus, bound to a driver of VFIO's; @group negative: none. */
struct device *world_device_create(const char *name, int group);
void world_device_destroy(struct device *dev);
/* The same with a driver that wants its DMA for itself. */
struct device *world_native_create(const char *name, int group);
int world_native_bind(struct device *dev);
void world_native_unbind(struct device *dev);
void world_native_destroy(struct device *dev);
/* With a reference for the caller. */
struct kvm *world_kvm_create(void);
struct vfio_type1 *world_device_type1(struct device *dev);

/* Around calls into the core that are no descriptor's. */
void world_call_begin(void);
void world_call_end(void);

#endif /* ANYVFIO_TESTS_MODEL_WORLD_H */
