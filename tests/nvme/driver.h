/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A tiny NVMe driver for tests, on a fake device.  It knows the specification by
 * itself: commands are sixteen dwords, nothing of the model's headers is used.
 */
#ifndef TEST_NVME_DRIVER_H
#define TEST_NVME_DRIVER_H

#include "../../devices/models.h"
#include "../models/fake_device.h"
#include "faults.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	REG_CAP = 0x00,
	REG_VS = 0x08,
	REG_INTMS = 0x0c,
	REG_INTMC = 0x10,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	DOORBELLS = 0x1000,
};

#define CC_DEFAULT 0x00460001u /* entries of 64 and 16 bytes, 4 KiB pages */
#define DNR 0x4000
#define MORE 0x2000
#define DMORE (DNR | MORE)

struct cmd {
	uint32_t dw[16];
};

struct completion {
	uint32_t result;
	uint16_t sq_head, sqid, cid, status; /* status: without the phase */
};

struct queue {
	uint64_t sq, cq; /* IOVAs */
	uint32_t sq_size, cq_size;
	uint32_t tail, head;
	uint16_t phase;
	uint16_t id, cqid, vector;
};

struct drv {
	struct anyvfio_device *dev;
	uint64_t next; /* free memory */
	struct queue admin, io;
	uint16_t cid;
	uint32_t result; /* of the last command waited for */
};

/* Creates, starts and enables; admin queues of 16 entries. */
void drv_open(struct drv *d, const char *const *options);
/* The same without enabling. */
void drv_open_disabled(struct drv *d, const char *const *options);
void drv_enable(struct drv *d);
void drv_close(struct drv *d);
/* Page-aligned memory for DMA. */
uint64_t drv_alloc(struct drv *d, size_t len);
void *drv_ptr(struct drv *d, uint64_t iova);

struct cmd drv_cmd(uint8_t opcode, uint32_t nsid);
void drv_set_prps(struct cmd *cmd, uint64_t prp1, uint64_t prp2);

/* Puts a command into the queue; its identifier. */
uint16_t drv_queue_cmd(struct drv *d, struct queue *q, const struct cmd *cmd);
void drv_ring(struct drv *d, struct queue *q);
/* The next completion, if it is there; its place is given back by
 * drv_consume(). */
bool drv_peek(struct drv *d, struct queue *q, struct completion *c);
/* Waits for it, and takes it. */
struct completion drv_wait(struct drv *d, struct queue *q);
void drv_consume(struct drv *d, struct queue *q);

/* One command: queued, rung, waited for; its status. */
uint16_t drv_run(struct drv *d, struct queue *q, struct cmd *cmd);
uint16_t drv_admin(struct drv *d, struct cmd *cmd);

/* Queue pair @id with vector @id; the status of Create CQ, else of Create SQ. */
uint16_t drv_create_pair(struct drv *d, struct queue *q, unsigned int id,
			 uint32_t sq_size, uint32_t cq_size);
/* The pair d->io with 64 entries each. */
void drv_create_io(struct drv *d);
uint16_t drv_delete(struct drv *d, bool completion, unsigned int id);

/* Block I/O on d->io from one buffer of consecutive pages: builds the PRP list
 * where one is needed. */
struct cmd drv_rw(struct drv *d, uint8_t opcode, uint64_t lba, uint32_t nr,
		  uint64_t buf, size_t len);
uint16_t drv_read(struct drv *d, uint64_t lba, uint32_t nr, uint64_t buf);
uint16_t drv_write(struct drv *d, uint64_t lba, uint32_t nr, uint64_t buf);
uint16_t drv_flush(struct drv *d);

/* Log page @lid, @len bytes to @buf. */
uint16_t drv_log(struct drv *d, uint8_t lid, uint64_t buf, uint32_t len);
uint16_t drv_identify(struct drv *d, uint8_t cns, uint32_t nsid, uint64_t buf);

uint16_t get16(const void *p, size_t off);
uint32_t get32(const void *p, size_t off);
uint64_t get64(const void *p, size_t off);
void fill(void *p, size_t len, uint32_t seed);
bool is_filled(const void *p, size_t len, uint32_t seed);
bool is_zero(const void *p, size_t len);

#endif /* TEST_NVME_DRIVER_H */
