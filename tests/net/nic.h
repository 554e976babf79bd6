/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio-net driver for tests, on a fake device: one pair of split rings, every
 * buffer of one piece.  One thread sends, another may receive.
 */
#ifndef TEST_NET_NIC_H
#define TEST_NET_NIC_H

#include "../../devices/models.h"
#include "../models/fake_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NIC_RING 64u
#define NIC_BUFFER 0x800u
#define NIC_HEADER 12u

/* @next: of the driver's index; @done: of the device's. */
struct nic_queue {
	unsigned int index;
	uint16_t next, done;
};

struct nic {
	struct anyvfio_device *dev;
	struct nic_queue rx, tx;
};

/* Made, but not started; @options as of fake_create(). */
void nic_create(struct nic *n, const char *const *options);
void nic_destroy(struct nic *n);
/* Reset to DRIVER_OK, all receive buffers given. */
void nic_up(struct nic *n);
void nic_reset(struct nic *n);

/* False: no descriptor is free.  Notifies if the device wants that. */
bool nic_send(struct nic *n, const void *data, uint32_t len);
/* Puts it into the ring and tells nobody. */
bool nic_put(struct nic *n, const void *data, uint32_t len);
/* The length of a frame, whose first bytes are copied to @data; 0: none. */
uint32_t nic_receive(struct nic *n, void *data, uint32_t len);
/* Does the device want to hear of what is put into the ring? */
bool nic_is_asked(struct nic *n, const struct nic_queue *q);

#endif /* TEST_NET_NIC_H */
