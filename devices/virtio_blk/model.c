/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model "virtio-blk": options, the configuration that the driver sees, start
 * and stop. */
#include "blk.h"
#include "../models.h"

static const struct anyvfio_option options[] = {
	STORAGE_OPTIONS,
	{ "queues", "how many, 1 to 8; 1" },
	VIRTIO_OPTIONS,
	{ NULL, NULL },
};

/* ---- calls of the transport ---- */

/* How large the disk is, and whether it may be written, is known only now; no
 * driver has looked yet. */
static int blk_start(struct virtio *v)
{
	struct blk *b = blk_of(v);
	int ret;

	ret = storage_start(&b->storage, sizeof(struct blk_request));
	if (ret)
		return ret;
	b->config.capacity = b->storage.nr_blocks;
	v->offered &= ~VIRTIO_BIT(VIRTIO_BLK_F_RO);
	if (b->storage.readonly)
		v->offered |= VIRTIO_BIT(VIRTIO_BLK_F_RO);
	return 0;
}

static void blk_stop(struct virtio *v)
{
	storage_stop(&blk_of(v)->storage);
}

static void blk_reset(struct virtio *v)
{
	const uint8_t wce = 1;

	virtio_config_set(v, offsetof(struct virtio_blk_config, wce), &wce, 1);
}

static void blk_notify(struct virtio *v, unsigned int queue)
{
	blk_serve(blk_of(v), queue);
}

/* With the device reset, or stopped, nobody waits for what is in flight; a queue
 * alone gets what it asked for, and so do the others. */
static void blk_queue_stop(struct virtio *v, unsigned int queue)
{
	bool reset = !(v->status & VIRTIO_CONFIG_S_DRIVER_OK);
	struct blk *b = blk_of(v);

	storage_quiesce(&b->storage, reset);
	if (!reset)
		blk_storage_ops.settle(&b->storage);
	/* Not told while the program lets its device do no DMA. */
	blk_drop_done(b, queue);
}

static void blk_destroy(struct virtio *v)
{
	free(blk_of(v));
}

static const struct virtio_type blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.legacy_device = 0x1001,
	.class_code = 0x010000,
	.start = blk_start,
	.stop = blk_stop,
	.reset = blk_reset,
	.notify = blk_notify,
	.queue_start = blk_notify,
	.queue_stop = blk_queue_stop,
	.destroy = blk_destroy,
};

/* ---- the function ---- */

static int parse_queues(struct blk *b)
{
	uint64_t nr;

	if (anyvfio_device_option_size(b->v.dev, "queues", 1, &nr))
		return -EINVAL;
	if (nr && nr <= BLK_MAX_QUEUES) {
		b->v.nr_queues = nr;
		return 0;
	}
	anyvfio_device_error(b->v.dev, "queues=%s: must be 1 to %u",
			     anyvfio_device_option(b->v.dev, "queues"),
			     BLK_MAX_QUEUES);
	return -EINVAL;
}

/* Nobody looks at the queues but who is notified. */
static int refuse_plain_notify(struct blk *b)
{
	const char *notify = anyvfio_device_option(b->v.dev, "notify");

	if (!notify || strcmp(notify, "plain") != 0)
		return 0;
	anyvfio_device_error(b->v.dev, "notify=plain: a disk is not polled");
	return -EINVAL;
}

static void describe(struct blk *b)
{
	struct virtio_blk_config *config = &b->config;
	struct virtio *v = &b->v;

	v->type = &blk_type;
	v->offered = VIRTIO_BIT(VIRTIO_BLK_F_SIZE_MAX) |
		     VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) |
		     VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
		     VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) |
		     VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) |
		     VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) |
		     VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	if (v->nr_queues > 1)
		v->offered |= VIRTIO_BIT(VIRTIO_BLK_F_MQ);
	v->config = (uint8_t *)config;
	v->config_len = offsetof(struct virtio_blk_config, unused1);
	v->config_writable = b->config_writable;
	v->config_writable_len = sizeof(b->config_writable);
	b->config_writable[sizeof(b->config_writable) - 1] = 1;
	config->size_max = BLK_MAX_SEG_SIZE;
	config->seg_max = BLK_MAX_SEGS;
	config->blk_size = 1u << BLK_SECTOR_SHIFT;
	config->num_queues = v->nr_queues;
	config->max_discard_sectors = UINT32_MAX;
	config->max_discard_seg = BLK_MAX_RANGES;
	config->discard_sector_alignment = 1;
	config->max_write_zeroes_sectors = UINT32_MAX;
	config->max_write_zeroes_seg = 1;
	config->write_zeroes_may_unmap = 1;
}

static int blk_create(struct anyvfio_device *dev)
{
	struct blk *b = calloc(1, sizeof(*b));
	int ret = -ENOMEM;

	if (!b)
		return ret;
	b->v.dev = dev;
	b->storage.dev = dev;
	b->storage.ops = &blk_storage_ops;
	b->storage.block_shift = BLK_SECTOR_SHIFT;
	ret = parse_queues(b);
	if (!ret)
		ret = refuse_plain_notify(b);
	if (!ret)
		ret = storage_parse(&b->storage);
	if (ret)
		goto err_free;
	describe(b);
	ret = virtio_create(&b->v);
	if (ret)
		goto err_free;
	return 0;

err_free:
	free(b);
	return ret;
}

const struct anyvfio_model anyvfio_virtio_blk_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "virtio-blk",
	.summary = "virtio disk in memory or a file",
	.options = options,
	.create = blk_create,
};
