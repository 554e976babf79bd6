/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Virtio over PCI, the device's half: registers, features, and virtqueues in
 * the program's memory (virtio 1.2; and the legacy interface of 0.9.5).
 *
 * A device model embeds a struct virtio, fills in what it is (a
 * struct virtio_type, the features it offers, its configuration, how many
 * queues) and calls virtio_create() as the last step of its own create().  From
 * then on the transport has the function's BARs and calls the model back.
 *
 * Lives
 *   struct virtio   the model's; virtio_create() makes the queues, and they go
 *                   before the model's destroy()
 *   virtqueue       *live* between queue_start() and queue_stop(): the driver
 *                   enabled it and said DRIVER_OK.  Only a live queue may be
 *                   used with the virtq_ calls
 *
 * A queue's way: the driver writes a notification, notify() is called; somebody
 * then does
 *
 *	virtq_begin(vq)			the rings are held
 *	while (virtq_pop(vq, &chain) > 0)
 *		... use the chain, now or later; virtq_push() when it is done
 *	virtq_end(vq)			what was pushed is seen; one interrupt
 *
 * Locks, outermost first
 *   the device's lock   registers; held in all calls of struct virtio_type
 *   the model's own     the virtq_ calls on one queue must not overlap: the
 *                       model holds the device's lock for them, or a lock of
 *                       its own: virtio_type::lock()
 *   virtio::lock        a leaf: ISR, configuration, NEEDS_RESET
 *
 * What the driver wrote is never believed: a ring or a chain that makes no sense
 * stops the queue and sets NEEDS_RESET, with one message that says what it was
 * (virtq_fail()).  The memory can vanish or change at any time: it is read once,
 * with copies that answer -EFAULT.
 */
#ifndef ANYVFIO_VIRTIO_H
#define ANYVFIO_VIRTIO_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "anyvfio/device.h"

/* Bits that headers of today do not name, or not by these names. */
#define VIRTIO_F_NOTIFICATION_DATA_BIT 38

#define VIRTIO_BIT(nr) (1ull << (nr))

#define VIRTQ_MAX_SEGS 256 /* pieces of one chain */
#define VIRTQ_MAX_SIZE 1024 /* entries of a ring */
#define VIRTQ_BATCH 64 /* used entries that are written together */

#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_NO_VECTOR 0xffff

struct virtio;
struct virtq;

/**
 * struct virtio_type - a kind of virtio device; all calls may be NULL
 * @id:          VIRTIO_ID_*
 * @legacy_device: PCI device ID of the transitional device
 * @class_code:  of the PCI function
 * @start, @stop: as of struct anyvfio_device_ops.  Before @stop the queues are
 *               stopped
 * @reset:       the driver reset the device; its queues are stopped
 * @features:    the driver chose virtio::features: false when the device cannot
 *               work with them
 * @driver_ok:   the driver is ready, before the queues start
 * @lock, @unlock: the lock that the model holds when it uses a queue, if that is
 *               not the device's: a queue goes live, and stops, under it
 * @notify:      there may be something in a live queue
 * @queue_start: the queue is live
 * @queue_stop:  it will not be when this returns: what was popped is pushed now or
 *               never
 * @config_written: bytes of virtio::config were changed by the driver
 * @destroy:     frees what embeds the struct virtio
 */
struct virtio_type {
	uint16_t id;
	uint16_t legacy_device;
	uint32_t class_code;
	int (*start)(struct virtio *v);
	void (*stop)(struct virtio *v);
	void (*reset)(struct virtio *v);
	bool (*features)(struct virtio *v);
	void (*driver_ok)(struct virtio *v);
	void (*lock)(struct virtio *v);
	void (*unlock)(struct virtio *v);
	void (*notify)(struct virtio *v, unsigned int queue);
	void (*queue_start)(struct virtio *v, unsigned int queue);
	void (*queue_stop)(struct virtio *v, unsigned int queue);
	void (*config_written)(struct virtio *v, unsigned int off,
			       unsigned int len);
	void (*destroy)(struct virtio *v);
};

/* Which interfaces the function has. */
enum virtio_mode { VIRTIO_TRANSITIONAL, VIRTIO_MODERN, VIRTIO_LEGACY };

/**
 * struct virtio - the transport's part of a device model
 * @offered:  features of the device; those of the rings and the transport are
 *            added by virtio_create()
 * @config, @config_len: the device's configuration as the driver sees it, in the
 *            model's memory.  A model changes it through
 *            virtio_config_set()
 * @config_writable, @config_writable_len: bits of its first bytes that the driver
 *            may change
 * @nr_queues: how many there are
 * @features: what the driver chose of @offered
 */
struct virtio {
	/* The model's to fill in; constant from virtio_create() on. */
	struct anyvfio_device *dev;
	const struct virtio_type *type;
	uint64_t offered;
	uint8_t *config;
	const uint8_t *config_writable;
	unsigned int config_len, config_writable_len;
	unsigned int nr_queues;

	/* Options of every virtio device: see VIRTIO_OPTIONS. */
	enum virtio_mode mode;
	uint16_t ring_size;
	bool plain_notify;

	/* Constant. */
	struct virtq *queues;
	unsigned int nr_vectors;
	unsigned int window; /* on the registers, in config space; or 0 */

	/* The device's lock; @features and @status are stable while a queue is
	 * live, and may be read by whoever uses it. */
	uint64_t features;
	uint8_t status;
	uint32_t offered_select, chosen_select;
	uint16_t queue_select;
	uint16_t config_vector;
	unsigned int msix_cap;

	pthread_mutex_t lock;
	uint8_t isr;
	uint8_t generation;
	bool needs_reset; /* atomic */
};

/* ---- a model's calls ---- */

/* For the options[] of a model. */
#define VIRTIO_OPTIONS                                                      \
	{ "interface",                                                      \
	  "transitional, modern or legacy: which drivers it serves; "       \
	  "transitional" },                                                 \
		{ "ring", "entries of each queue, a power of two; 256" },   \
		{ "packed", "on: offer packed rings too; off" },            \
	{                                                                   \
		"notify", "trapped, or plain: notifications go to memory, " \
			  "queues are polled; trapped"                      \
	}

/* Builds the function; 0, or a negated errno after a message.  On success
 * virtio_type::destroy() is how it goes. */
int virtio_create(struct virtio *v);
/* "on" or "off", or @def; -EINVAL after a message. */
int virtio_option_bool(struct virtio *v, const char *name, bool def, bool *on);

static inline bool virtio_has(const struct virtio *v, unsigned int feature)
{
	return v->features >> feature & 1;
}

/* Changes the configuration and tells the driver (when it is there). */
void virtio_config_set(struct virtio *v, unsigned int off, const void *val,
		       unsigned int len);

/* ---- virtqueues ---- */

/* A piece of a buffer, in the program's memory. */
struct virtq_seg {
	uint64_t iova;
	uint32_t len;
};

/**
 * struct virtq_chain - a buffer that the driver made available
 * @id:        for virtq_push()
 * @slots:     descriptors it takes of a packed ring
 * @nr_read, @nr_write: pieces for the device to read, and then to write
 * @read_len, @write_len: their bytes
 */
struct virtq_chain {
	uint16_t id;
	uint16_t slots;
	uint16_t nr_read, nr_write;
	uint64_t read_len, write_len;
	struct virtq_seg seg[VIRTQ_MAX_SEGS];
};

/* A ring's memory.  @ptr is NULL between begin and end when it is not in one
 * piece: it is then reached by its address. */
struct virtq_area {
	uint64_t iova;
	uint32_t len;
	uint8_t *ptr;
	struct anyvfio_dma dma;
};

struct virtq_used {
	uint32_t len;
	uint16_t id;
	uint16_t slots;
};

struct virtq {
	struct virtio *v;
	uint16_t index;
	/* All pieces are to be read, whatever the driver says: the model may set
	 * it before the device is used. */
	bool only_read;

	/* Registers: the device's lock. */
	uint16_t size;
	uint16_t vector; /* atomic */
	bool enabled;
	uint64_t desc_iova, driver_iova, device_iova;

	/* From here on whoever uses the queue. */
	bool live; /* to change it: the device's lock, too */
	bool failed;
	bool packed;
	bool event_idx;
	bool indirect;
	struct virtq_area desc, driver, device;

	/* Where the next available descriptor is.  Split: @avail counts on, and
	 * @seen is the driver's index when it was looked at last; packed: a slot
	 * and its lap. */
	uint16_t avail, seen;
	bool avail_wrap;
	uint16_t heads[16];
	uint16_t heads_first, nr_heads;

	/* Where the next used one goes, and those that are not written yet. */
	uint16_t used;
	bool used_wrap;
	struct virtq_used batch[VIRTQ_BATCH];
	unsigned int nr_batch;
	/* Since the last look whether the driver wants an interrupt. */
	uint32_t pushed;
	bool notify_off;
};

/* Holds the rings: 0; -EACCES while bus mastering is off, -EFAULT after
 * virtq_fail(): the queue has nothing then, and virtq_end() is not called. */
int virtq_begin(struct virtq *vq);
void virtq_end(struct virtq *vq);
/* The next buffer: 1, 0 when there is none, or a negated errno after
 * virtq_fail(). */
int virtq_pop(struct virtq *vq, struct virtq_chain *chain);
/* Gives it back, with @len bytes written.  In any order, unless IN_ORDER was
 * chosen. */
void virtq_push(struct virtq *vq, const struct virtq_chain *chain,
		uint32_t len);
/* Up to VIRTQ_BATCH of them that the driver sees together. */
void virtq_push_many(struct virtq *vq, const struct virtq_used *used,
		     unsigned int nr);
/* Is there a buffer?  Between begin and end. */
bool virtq_ready(struct virtq *vq);

/* Pops can be undone up to a place that was kept. */
struct virtq_place {
	uint16_t avail;
	bool wrap;
};
struct virtq_place virtq_tell(const struct virtq *vq);
void virtq_rewind(struct virtq *vq, struct virtq_place place);

/* Does the device want notifications?  A hint to the driver, between begin and
 * end.  After switching them on: look again with virtq_ready(). */
void virtq_want_notify(struct virtq *vq, bool want);

/* The driver broke a rule: says so, the queue stops, the device NEEDS_RESET. */
void virtq_fail(struct virtq *vq, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- buffers ---- */

/*
 * Mappings of the program's memory that are held for a while: looking a piece up
 * is a few instructions.  UNMAP_DMA waits for what is held, so hold it for a burst
 * and let go.  Used by one thread at a time.
 */
#define VIRTIO_MEM_SLOTS 128

struct virtio_mem_slot {
	uint64_t first, len;
	uint8_t *ptr;
	uint64_t written;
	struct anyvfio_dma dma;
};

/* Those to read and those to write apart.  @hint: by address, where to look. */
struct virtio_mem_set {
	unsigned int nr, next;
	uint8_t hint[256];
	struct virtio_mem_slot slot[VIRTIO_MEM_SLOTS];
};

struct virtio_mem {
	struct anyvfio_device *dev;
	struct virtio_mem_set set[2];
};

/* Up to @len bytes at @iova: how many, at *@ptr; 0 after an IOMMU fault.  Touch
 * them with anyvfio_dma_copy_*().  They stay for so many more calls that
 * virtio_mem_reserve() was asked for, or else for none. */
size_t virtio_mem_get(struct virtio_mem *mem, uint64_t iova, size_t len,
		      bool write, void **ptr);
void virtio_mem_reserve(struct virtio_mem *mem, bool write, unsigned int nr);
void virtio_mem_release(struct virtio_mem *mem);

/* Copies between @buf and the readable (writable) bytes of a chain from @off on:
 * how many there were, or a negated errno. */
int64_t virtq_read(struct virtq *vq, const struct virtq_chain *chain,
		   uint64_t off, void *buf, size_t len);
int64_t virtq_write(struct virtq *vq, const struct virtq_chain *chain,
		    uint64_t off, const void *buf, size_t len);

#endif /* ANYVFIO_VIRTIO_H */
