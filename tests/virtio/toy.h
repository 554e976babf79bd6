/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio device that does nothing by itself, and the driver's half of a
 * virtqueue, written from the specification alone.
 */
#ifndef TEST_VIRTIO_TOY_H
#define TEST_VIRTIO_TOY_H

#include "../models/fake_device.h"
#include "../../devices/virtio/virtio.h"

#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define TOY_QUEUES 3
#define TOY_CONFIG_LEN 8
/* Feature 0 is the toy's own. */
#define TOY_FEATURE 0

struct toy {
	struct virtio v;
	struct anyvfio_device *dev;
	uint8_t config[TOY_CONFIG_LEN];
	bool refuse; /* the features */
	unsigned int resets, notified, started, stopped, config_writes;
};

/* NULL when it was refused. */
struct toy *toy_create(const char *const *options);
void toy_destroy(struct toy *toy);

/* Registers of BAR 4. */
uint64_t toy_get(struct toy *toy, unsigned int reg, unsigned int size);
void toy_set(struct toy *toy, unsigned int reg, unsigned int size,
	     uint64_t val);
uint8_t toy_status(struct toy *toy);
/* ACKNOWLEDGE to FEATURES_OK: was it accepted? */
bool toy_negotiate(struct toy *toy, uint64_t features);
void toy_driver_ok(struct toy *toy);

/**
 * struct ring - the driver's side of queue @index, in the fake's memory
 */
struct ring {
	struct toy *toy;
	unsigned int index;
	bool packed, event_idx;
	uint16_t size;
	uint64_t desc, driver, device;
	uint16_t next, used;
	bool wrap, used_wrap;
};

/* Where rings and buffers are. */
#define RING_AT FAKE_IOVA
#define DATA_AT (FAKE_IOVA + 0x8000)

/* Negotiates @features, sets queue 0 up at @at and starts the device. */
void ring_start(struct ring *r, struct toy *toy, uint64_t features,
		uint16_t size, uint64_t at);
struct piece {
	uint64_t iova;
	uint32_t len;
	uint16_t flags;
};
/* Makes a chain of @nr available, with flags as given, NEXT added between;
 * @id: the head. */
uint16_t ring_add(struct ring *r, const struct piece *pieces, unsigned int nr);
/* The next used one: false when there is none. */
bool ring_used(struct ring *r, uint16_t *id, uint32_t *len);
void *ring_mem(struct ring *r, uint64_t iova);

#endif /* TEST_VIRTIO_TOY_H */
