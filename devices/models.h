/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The models that come with anyvfio. */
#ifndef ANYVFIO_DEVICES_MODELS_H
#define ANYVFIO_DEVICES_MODELS_H

#include "anyvfio/device.h"

extern const struct anyvfio_model anyvfio_e1000_model;
extern const struct anyvfio_model anyvfio_edu_model;
extern const struct anyvfio_model anyvfio_nvme_model;
extern const struct anyvfio_model anyvfio_virtio_blk_model;
extern const struct anyvfio_model anyvfio_virtio_net_model;

#endif /* ANYVFIO_DEVICES_MODELS_H */
