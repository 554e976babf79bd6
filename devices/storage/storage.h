/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the blocks of a disk are: in memory of the run, or in an image file.  For
 * models of disks, whatever their programs talk to them.
 *
 * Lives
 *   struct storage   embedded in the model, which fills in @dev and @ops, and calls
 *                    storage_parse() in its create()
 *   requests         from storage_start() to storage_stop(); each is the
 *                    model's, the back end's while it is submitted, or free
 *
 * The model checks what its program asks for; the back end sees ranges of bytes
 * that lie inside of the disk.
 *
 * Locks: the device's lock is held in all calls here, and in the calls of struct
 * storage_ops; a back end's threads take it for those.  A back end's own lock is
 * a leaf below it.
 */
#ifndef ANYVFIO_STORAGE_H
#define ANYVFIO_STORAGE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "anyvfio/device.h"

#define STORAGE_MAX_RUNS 257
#define STORAGE_SERIAL_LEN 20
#define STORAGE_BATCH 16 /* requests of a back end without threads */

static inline uint64_t storage_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

enum storage_op {
	STORAGE_READ,
	STORAGE_WRITE,
	STORAGE_COMPARE,
	STORAGE_ZERO,
	STORAGE_DISCARD,
	STORAGE_FLUSH,
};

/* Contiguous bytes: of the program's memory, or of the disk. */
struct storage_run {
	uint64_t start;
	uint64_t len;
};

/**
 * struct storage_request - what is to be done; begins the model's own
 * @priv:    the back end's
 * @durable: on the medium before it completes
 * @deallocate: of STORAGE_ZERO: the blocks need not stay allocated
 * @pos, @len: bytes of the disk
 * @run:     where the data is; of STORAGE_DISCARD the ranges of the disk
 */
struct storage_request {
	struct storage_request *next;
	void *priv;
	enum storage_op op;
	bool durable;
	bool deallocate;
	uint64_t pos, len;
	unsigned int nr_runs;
	struct storage_run run[STORAGE_MAX_RUNS];
};

struct storage;

/**
 * struct storage_ops - what the model hears
 * @complete: a request that storage_submit() left pending is done; it is the
 *            model's again.  @err: as storage_submit() answers
 * @settle:   that was all for now
 */
struct storage_ops {
	void (*complete)(struct storage *st, struct storage_request *req,
			 int err);
	void (*settle)(struct storage *st);
};

/**
 * struct storage_backend - a kind of place
 * @priv_size: of storage_request::priv
 * @nr_requests: how many requests it makes use of
 * @check:   what can be checked without a side effect
 * @start:   opens it and sets storage::nr_blocks and storage::readonly
 * @stop:    opposite of @start; nothing is in flight
 * @submit, @kick, @quiesce, @flush: see below; @kick and @quiesce may be NULL
 */
struct storage_backend {
	size_t priv_size;
	unsigned int nr_requests;
	int (*check)(struct storage *st);
	int (*start)(struct storage *st);
	void (*stop)(struct storage *st);
	int (*submit)(struct storage *st, struct storage_request *req);
	void (*kick)(struct storage *st);
	void (*quiesce)(struct storage *st, bool cancel);
	int (*flush)(struct storage *st);
};

extern const struct storage_backend storage_ram;
extern const struct storage_backend storage_file;

struct storage {
	/* The model's to fill in. */
	struct anyvfio_device *dev;
	const struct storage_ops *ops;
	unsigned int block_shift;

	/* Options; constant from storage_parse() on. */
	const struct storage_backend *backend;
	const char *file;
	const char *engine;
	uint64_t size;
	bool readonly_asked;
	char serial[STORAGE_SERIAL_LEN + 1];

	/* From start to stop. */
	void *store; /* the back end's own */
	uint64_t nr_blocks;
	bool readonly;
	void *requests;
	struct storage_request *free;
	unsigned int nr_free;

	uint8_t scratch[4096];
};

/* For the options[] of a model. */
#define STORAGE_OPTIONS                                                      \
	{ "size", "bytes of memory for the disk; 64M" },                     \
		{ "file",                                                    \
		  "image file or block device to use instead of memory" },   \
		{ "readonly", "on: refuse to write; off" },                  \
		{ "serial",                                                  \
		  "serial number, up to 20 characters; from the address" },  \
	{                                                                    \
		"engine", "uring or threads: all image I/O by it; the best " \
			  "there is"                                         \
	}

/* Reads the options and checks them; 0, or a negated errno after a message. */
int storage_parse(struct storage *st);

/* Opens the place and makes requests of @request_size bytes, each of which begins
 * with a struct storage_request; all are free. */
int storage_start(struct storage *st, size_t request_size);
/* Nothing is in flight. */
void storage_stop(struct storage *st);

/* A free request; there is one while storage::nr_free says so. */
void *storage_get(struct storage *st);
void storage_put(struct storage *st, struct storage_request *req);

/*
 * Executes a request: 0; -EINPROGRESS and storage_ops::complete() later; or what
 * went wrong:
 *   -EFAULT  the program's memory is not there
 *   -ENOSPC  no room for what is written
 *   -EILSEQ  STORAGE_COMPARE: it differs
 *   -ENOMEM  -EIO
 */
int storage_submit(struct storage *st, struct storage_request *req);
/* A batch of requests was submitted. */
void storage_kick(struct storage *st);
/* Waits until nothing is in flight.  @cancel: what was not begun is dropped, and
 * nothing completes any more (the requests are free); else all complete. */
void storage_quiesce(struct storage *st, bool cancel);
/* All that was written lasts; a negated errno. */
int storage_flush(struct storage *st);

/* Zeroes to the program's memory; 0 or a negated errno. */
int storage_dma_zero(struct anyvfio_device *dev, uint64_t iova, uint64_t len);

#endif /* ANYVFIO_STORAGE_H */
