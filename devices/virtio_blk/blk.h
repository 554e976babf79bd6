/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio block device (virtio 1.2, 5.2) on a struct storage.
 *
 * Lives
 *   struct blk          from the model's create() to its destroy()
 *   struct blk_request  from the pop of a buffer to its push.  What has completed
 *                       waits in its queue's list until the queue is served: the
 *                       driver sees all of it together, with one interrupt
 *
 * A buffer's way: the driver notifies; blk_serve() pops buffers, as long as there
 * are free requests; request.c checks and submits.  What is done at once is pushed
 * at once.  What the storage completes later is listed, and storage_ops::settle()
 * serves all queues.
 *
 * Locks: the device's lock guards everything here.
 */
#ifndef ANYVFIO_VIRTIO_BLK_H
#define ANYVFIO_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "../storage/storage.h"
#include "../virtio/virtio.h"

#define BLK_MAX_QUEUES 8
#define BLK_SECTOR_SHIFT 9
/* A segment is in two mappings at most, and all of them in STORAGE_MAX_RUNS. */
#define BLK_MAX_SEGS 126
#define BLK_MAX_SEG_SIZE 4096
#define BLK_MAX_RANGES 32 /* of a discard */

/**
 * struct blk_request - a buffer being worked on
 * @queue:  it came from
 * @used:   what the driver is told
 * @room:   bytes the driver has for data, in front of the status
 * @data_len: how many of them it gets when it succeeds
 * @status_at: where the status goes
 */
struct blk_request {
	struct storage_request io; /* first */
	unsigned int queue;
	struct virtq_used used;
	uint64_t room;
	uint32_t data_len;
	uint64_t status_at;
};

struct blk {
	struct virtio v; /* first */
	struct storage storage;
	struct virtio_blk_config config;
	uint8_t config_writable[offsetof(struct virtio_blk_config, wce) + 1];

	/* Completed, and not pushed yet; the oldest first. */
	struct {
		struct storage_request *first, *last;
	} done[BLK_MAX_QUEUES];

	struct virtq_chain chain; /* scratch */
};

static inline struct blk *blk_of(struct virtio *v)
{
	return (struct blk *)v;
}

/* ---- request.c ---- */

/* Pushes what is done, and executes what is there. */
void blk_serve(struct blk *b, unsigned int queue);
/* Forgets what is done, and has not been told. */
void blk_drop_done(struct blk *b, unsigned int queue);
extern const struct storage_ops blk_storage_ops;

#endif /* ANYVFIO_VIRTIO_BLK_H */
