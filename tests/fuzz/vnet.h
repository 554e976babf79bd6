/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A virtio-net with two pairs of queues, and a loop behind it, in memory (vnet.c):
 * the targets are its driver. */
#ifndef TESTS_FUZZ_VNET_H
#define TESTS_FUZZ_VNET_H

#include "fuzz.h"
#include "../models/fake_device.h"
#include "../models/still_mover.h"
#include "../../devices/virtio_net/vnet.h"

#define RING 16
#define PAIRS 2
#define QUEUES (2 * PAIRS + 1)
#define RINGS_AT FAKE_IOVA
#define COMMAND_AT (FAKE_IOVA + 0x1700)
#define BUFFERS_AT (FAKE_IOVA + 0x1800)

extern struct anyvfio_device *dev;
extern struct vnet net;

void begin(void);
void end(void);
/* As a driver would; so that not all inputs have to find out. */
void set_up(uint64_t features);
/* Where the device looks next, @ahead descriptors on. */
void put_desc(struct virtq *vq, unsigned int ahead, uint64_t addr, uint32_t len,
	      uint16_t flags);
void make_available(struct virtq *vq, unsigned int ahead);

#endif /* TESTS_FUZZ_VNET_H */
