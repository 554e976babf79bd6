/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A software NVMe controller: one namespace, in memory or in an image file.
 *
 * Lives
 *   struct nvme      from the model's create() to its destroy()
 *   queues           from Create to Delete, at most while CC.EN is set
 *   struct nvme_request  from the fetch of a command to its completion; all
 *                    are made at start() and wait in a free list
 *
 * A command's way: the program writes a doorbell; nvme_sq_service() fetches
 * commands, as many as the completion queue has room and the free list has
 * requests for; admin.c or io.c executes; nvme_complete() gathers the
 * completion, nvme_settle() writes the gathered ones and interrupts once.  A
 * backend that is not done yet answers NVME_PENDING and completes later.
 *
 * Locks: the device's lock guards everything here.  Register accesses, start,
 * stop and reset come with it held; a backend's threads take it to complete.
 * The file backend has a leaf lock of its own below it.
 *
 * A register access can come in the middle of a signal handler on a small
 * stack: buffers live in struct nvme.
 */
#ifndef ANYVFIO_NVME_H
#define ANYVFIO_NVME_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../storage/storage.h"
#include "anyvfio/device.h"
#include "spec.h"

#define NVME_NR_QUEUES 33 /* the admin pair and 32 for I/O */
#define NVME_NR_VECTORS 33
#define NVME_MAX_ENTRIES 1024 /* of an I/O queue */
#define NVME_MPSMAX 4 /* pages of the program: 4 KiB to 64 KiB */
#define NVME_MDTS 8
#define NVME_MAX_TRANSFER (4096ull << NVME_MDTS)
#define NVME_NR_AER 4
#define NVME_NR_ERRORS 64
#define NVME_BATCH 16
#define NVME_NSID 1u
#define NVME_FIRMWARE "1.0"

/* Of no vendor: 1234 is what emulated devices use. */
#define NVME_PCI_VENDOR 0x1234
#define NVME_PCI_DEVICE 0x4e56

/* What an execution function answers when the completion comes later; no
 * status has this bit. */
#define NVME_PENDING 0x8000u

#define NVME_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct nvme;

/**
 * struct nvme_cq - a completion queue; @size 0: it does not exist
 * @tail:  where the next completion goes
 * @used:  completions the program has not consumed
 * @owed:  commands fetched whose completion will go here.  A command is only
 *         fetched when @used + @owed leaves room, so a completion never waits
 * @phase: tag of the entries of this lap
 */
struct nvme_cq {
	uint64_t base;
	uint32_t size;
	uint32_t head, tail;
	uint32_t used, owed;
	uint16_t id;
	uint16_t vector;
	uint16_t phase;
	uint16_t nr_sqs;
	bool interrupts;
};

struct nvme_sq {
	uint64_t base;
	uint32_t size;
	uint32_t head, tail;
	uint16_t id;
	struct nvme_cq *cq;
};

/**
 * struct nvme_request - a command being executed
 * @io:       what the storage does; where the command's data is
 * @result:   dword 0 of the completion
 * @location: the field of the command that is wrong, NVME_AT(), or ~0
 */
struct nvme_request {
	struct storage_request io; /* first */
	struct nvme_sq *sq;
	struct nvme_sqe cmd;
	uint32_t result;
	uint16_t location;
};

/* Features that programs change; a reset brings the defaults back. */
struct nvme_features {
	uint32_t arbitration;
	uint32_t power;
	uint16_t temperature_over, temperature_under;
	uint32_t error_recovery;
	uint32_t write_cache;
	uint32_t coalescing;
	uint32_t atomicity;
	uint32_t events;
	bool vector_no_coalescing[NVME_NR_VECTORS];
};

struct nvme_stats {
	uint64_t bytes_read, bytes_written;
	uint64_t reads, writes;
	uint64_t media_errors;
};

struct nvme {
	/* Constant from create on. */
	struct anyvfio_device *dev;
	struct storage storage;

	/* From start to stop. */
	uint8_t *regs; /* what the program reads of page 0 */

	/* Registers. */
	uint32_t cc, csts, aqa, intms;
	uint64_t asq, acq;
	unsigned int page_shift;

	/* Queues.  @waiting: submission queues with commands that could not be
	 * fetched; @next_waiting goes round them. */
	struct nvme_sq sq[NVME_NR_QUEUES];
	struct nvme_cq cq[NVME_NR_QUEUES];
	uint64_t waiting;
	unsigned int next_waiting;
	struct nvme_request admin_request;
	struct nvme_sqe fetched[NVME_BATCH];

	/* Completions gathered for one queue. */
	struct nvme_cq *batch_cq;
	uint32_t batch_slot;
	unsigned int batch_nr;
	struct nvme_cqe batch[NVME_BATCH];

	/* Interrupts: @busy counts the queues of each vector that hold
	 * completions, @irq_pending has a bit for each of the first 32. */
	uint16_t busy[NVME_NR_VECTORS];
	uint32_t irq_pending;
	bool irq_level;

	/* Asynchronous events: parked requests, and events for them. */
	uint16_t aer_cid[NVME_NR_AER];
	unsigned int nr_aer;
	uint32_t event[NVME_NR_EVENTS];
	uint8_t events_masked;
	uint8_t warnings_told;

	struct nvme_features feat;
	struct nvme_stats stats;
	uint64_t nr_errors; /* ever */
	struct nvme_error_entry errors[NVME_NR_ERRORS];

	/* Scratch: a page of data on its way, and a piece of a PRP list. */
	_Alignas(64) uint8_t page[NVME_IDENTIFY_SIZE];
	uint64_t prp_list[STORAGE_MAX_RUNS];
};

/* ---- controller.c ---- */

void nvme_reset(struct nvme *n);
void nvme_register_write(struct nvme *n, uint64_t off, unsigned int size,
			 uint64_t val);
/* Not able to go on until it is reset: CSTS.CFS and the ERR interrupt.  @err: of
 * a DMA access, or 0. */
void nvme_fatal(struct nvme *n, const char *why, int err);

static inline struct nvme *nvme_of(struct storage *st)
{
	return (struct nvme *)((char *)st - offsetof(struct nvme, storage));
}

static inline bool nvme_running(const struct nvme *n)
{
	return (n->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS)) == NVME_CSTS_RDY;
}

/* ---- queue.c ---- */

void nvme_cq_init(struct nvme *n, unsigned int id, uint64_t base, uint32_t size,
		  unsigned int vector, bool interrupts);
void nvme_sq_init(struct nvme *n, unsigned int id, uint64_t base, uint32_t size,
		  struct nvme_cq *cq);
void nvme_cq_exit(struct nvme *n, struct nvme_cq *cq);
void nvme_sq_exit(struct nvme *n, struct nvme_sq *sq);
void nvme_doorbell(struct nvme *n, uint64_t off, uint32_t val);
bool nvme_cq_has_room(const struct nvme_cq *cq);
/* Gathers a completion; the room was owed or looked for before. */
void nvme_post(struct nvme *n, struct nvme_sq *sq, uint16_t cid,
	       uint16_t status, uint32_t result);
/* Ends @req: error log, statistics, completion, and back to the free list. */
void nvme_complete(struct nvme *n, struct nvme_request *req, uint16_t status);
/* Fetches what waited, writes what was gathered: ends each entry from outside. */
void nvme_settle(struct nvme *n);

/* ---- irq.c ---- */

void nvme_irq_busy(struct nvme *n, struct nvme_cq *cq, bool busy);
void nvme_irq_send(struct nvme *n, struct nvme_cq *cq);
void nvme_irq_mask(struct nvme *n, uint32_t intms);
void nvme_irq_update_pin(struct nvme *n);

/* ---- prp.c ---- */

/* Fills @req->run from the command's PRP entries; a status. */
uint16_t nvme_prp_map(struct nvme *n, struct nvme_request *req, uint64_t len);
/* @len bytes to the program: the first @size from @buf, then zeroes. */
uint16_t nvme_send(struct nvme *n, struct nvme_request *req, const void *buf,
		   uint64_t size, uint64_t len);
uint16_t nvme_receive(struct nvme *n, struct nvme_request *req, void *buf,
		      uint64_t len);

/* ---- admin.c, identify.c, features.c, log.c, event.c ---- */

uint16_t nvme_admin_execute(struct nvme *n, struct nvme_request *req);
uint16_t nvme_identify(struct nvme *n, struct nvme_request *req);
uint16_t nvme_get_features(struct nvme *n, struct nvme_request *req);
uint16_t nvme_set_features(struct nvme *n, struct nvme_request *req);
void nvme_features_reset(struct nvme *n);
uint16_t nvme_get_log(struct nvme *n, struct nvme_request *req);
void nvme_log_error(struct nvme *n, const struct nvme_error_entry *entry);
uint16_t nvme_async_event(struct nvme *n, struct nvme_request *req);
/* True when an event request @cid was waiting, and was aborted. */
bool nvme_async_event_abort(struct nvme *n, uint16_t cid);
void nvme_event_raise(struct nvme *n, enum nvme_event_type type, uint8_t info,
		      enum nvme_log log);
/* The log page of @type was read: the next event of it may come. */
void nvme_event_read(struct nvme *n, enum nvme_event_type type);
void nvme_event_flush(struct nvme *n);
/* Bits of the SMART log's critical warning, and an event for new ones. */
uint8_t nvme_critical_warning(const struct nvme *n);
void nvme_check_warnings(struct nvme *n);

#define NVME_TEMPERATURE 313 /* kelvins */
#define NVME_TEMPERATURE_WARNING 343
#define NVME_TEMPERATURE_CRITICAL 353

/* ---- io.c ---- */

uint16_t nvme_io_execute(struct nvme *n, struct nvme_request *req);
/* What storage_submit() answered, as a status. */
uint16_t nvme_status_of(const struct nvme_request *req, int err);

/* The command asks for what there is not: says where. */
static inline uint16_t nvme_bad(struct nvme_request *req, uint16_t status,
				uint16_t location)
{
	req->location = location;
	return status | NVME_SC_DNR;
}

#endif /* ANYVFIO_NVME_H */
