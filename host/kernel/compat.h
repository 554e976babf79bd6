/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where Debian's kernels 6.1, 6.12 and 7.3 differ in what this host calls. The
 * code is written for the newest; older kernels get its words from here.
 */
#ifndef ANYVFIO_COMPAT_H
#define ANYVFIO_COMPAT_H

#include <linux/device.h>
#include <linux/eventfd.h>
#include <linux/version.h>

#define KERNEL_6_12 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))

#if !KERNEL_6_12
/* 6.4 took the owner away */
#define compat_class_create(name) class_create(THIS_MODULE, name)
#define compat_devnode_dev struct device
/* 6.8 took the count away */
#define compat_eventfd_signal(ctx) eventfd_signal(ctx, 1)
#else
#define compat_class_create(name) class_create(name)
#define compat_devnode_dev const struct device
#define compat_eventfd_signal(ctx) eventfd_signal(ctx)
#endif

#endif /* ANYVFIO_COMPAT_H */
