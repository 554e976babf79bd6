/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Virtqueues: what split and packed rings have in common.
 *
 * A ring is held from begin to end and then touched with copies that survive its
 * memory.  One that lies in several mappings is reached by its address each time:
 * slow, and rare.
 */
#include "transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_ring.h>

static const struct virtq_ops *ops_of(const struct virtq *vq)
{
	return vq->packed ? &virtq_packed : &virtq_split;
}

void virtq_fail(struct virtq *vq, const char *fmt, ...)
{
	struct virtio *v = vq->v;
	char text[160];
	va_list args;

	if (vq->failed)
		return;
	vq->failed = true;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	anyvfio_device_error(v->dev, "queue %u stopped until a reset: %s",
			     vq->index, text);
	__atomic_store_n(&v->needs_reset, true, __ATOMIC_RELAXED);
	virtio_send_config(v);
}

/* ---- life ---- */

static bool is_aligned(const struct virtq *vq)
{
	unsigned int driver = vq->packed ? 4 : 2;

	return !(vq->desc_iova % 16 || vq->driver_iova % driver ||
		 vq->device_iova % 4);
}

void virtq_init(struct virtq *vq)
{
	struct virtio *v = vq->v;

	vq->failed = false;
	vq->packed = virtio_has(v, VIRTIO_F_RING_PACKED);
	vq->event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
	vq->indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
	vq->avail = 0;
	vq->seen = 0;
	vq->avail_wrap = true;
	vq->nr_heads = 0;
	vq->used = 0;
	vq->used_wrap = true;
	vq->nr_batch = 0;
	vq->pushed = 0;
	vq->notify_off = false;
	vq->desc.iova = vq->desc_iova;
	vq->driver.iova = vq->driver_iova;
	vq->device.iova = vq->device_iova;
	ops_of(vq)->layout(vq);
	if (!is_aligned(vq))
		virtq_fail(vq, "its rings are not aligned");
}

/* ---- the rings' memory ---- */

static int hold_area(struct virtq *vq, struct virtq_area *area, bool write)
{
	int ret;

	ret = anyvfio_dma_map(vq->v->dev, area->iova, area->len, write,
			      &area->dma);
	if (ret)
		return ret;
	area->ptr = area->dma.ptr;
	if (area->dma.len < area->len) {
		anyvfio_dma_unmap(vq->v->dev, &area->dma, 0);
		area->ptr = NULL;
	}
	return 0;
}

static void let_go(struct virtq *vq, struct virtq_area *area, bool write)
{
	if (area->ptr)
		anyvfio_dma_unmap(vq->v->dev, &area->dma,
				  write ? area->len : 0);
	area->ptr = NULL;
}

int virtq_get(struct virtq *vq, const struct virtq_area *area, uint32_t off,
	      void *buf, size_t len)
{
	int ret;

	if (area->ptr)
		ret = anyvfio_dma_copy_in(buf, area->ptr + off, len);
	else
		ret = anyvfio_dma_read(vq->v->dev, area->iova + off, buf, len);
	if (ret)
		virtq_fail(vq, "its rings cannot be read");
	return ret;
}

int virtq_put(struct virtq *vq, const struct virtq_area *area, uint32_t off,
	      const void *buf, size_t len)
{
	int ret;

	if (area->ptr)
		ret = anyvfio_dma_copy_out(area->ptr + off, buf, len);
	else
		ret = anyvfio_dma_write(vq->v->dev, area->iova + off, buf, len);
	if (ret)
		virtq_fail(vq, "its rings cannot be written");
	return ret;
}

int virtq_begin(struct virtq *vq)
{
	int ret;

	if (vq->failed)
		return -EIO;
	ret = hold_area(vq, &vq->desc, vq->packed);
	if (ret)
		goto err_out;
	ret = hold_area(vq, &vq->driver, false);
	if (ret)
		goto err_desc;
	ret = hold_area(vq, &vq->device, true);
	if (ret)
		goto err_driver;
	return 0;

err_driver:
	let_go(vq, &vq->driver, false);
err_desc:
	let_go(vq, &vq->desc, false);
err_out:
	if (ret != -EACCES)
		virtq_fail(vq, "its rings are not mapped");
	return ret;
}

/* The driver must see what is used before the device looks whether it wants to be
 * told. */
static void finish(struct virtq *vq)
{
	if (ops_of(vq)->flush(vq) || !vq->pushed)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ops_of(vq)->wants_irq(vq))
		virtio_send_queue(vq);
	vq->pushed = 0;
}

void virtq_end(struct virtq *vq)
{
	if (!vq->failed)
		finish(vq);
	let_go(vq, &vq->device, true);
	let_go(vq, &vq->driver, false);
	let_go(vq, &vq->desc, vq->packed);
}

/* ---- what a device does ---- */

int virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
	if (vq->failed)
		return -EIO;
	chain->nr_read = 0;
	chain->nr_write = 0;
	chain->read_len = 0;
	chain->write_len = 0;
	return ops_of(vq)->pop(vq, chain);
}

bool virtq_ready(struct virtq *vq)
{
	return !vq->failed && ops_of(vq)->ready(vq);
}

/* A queue that failed shows nothing any more. */
static void make_room(struct virtq *vq, unsigned int nr)
{
	if (vq->nr_batch + nr <= VIRTQ_BATCH)
		return;
	if (!vq->failed)
		ops_of(vq)->flush(vq);
	vq->nr_batch = 0;
}

void virtq_push_many(struct virtq *vq, const struct virtq_used *used,
		     unsigned int nr)
{
	make_room(vq, nr);
	memcpy(vq->batch + vq->nr_batch, used, nr * sizeof(*used));
	vq->nr_batch += nr;
}

void virtq_push(struct virtq *vq, const struct virtq_chain *chain, uint32_t len)
{
	make_room(vq, 1);
	vq->batch[vq->nr_batch++] = (struct virtq_used){
		.len = len,
		.id = chain->id,
		.slots = chain->slots,
	};
}

struct virtq_place virtq_tell(const struct virtq *vq)
{
	return (struct virtq_place){ vq->avail, vq->avail_wrap };
}

/* What was read of the ring since then may be older than what is there now. */
void virtq_rewind(struct virtq *vq, struct virtq_place place)
{
	vq->avail = place.avail;
	vq->avail_wrap = place.wrap;
	vq->nr_heads = 0;
}

void virtq_want_notify(struct virtq *vq, bool want)
{
	/* An index of a split ring asks once: it has to move with the ring. */
	bool asks_once = want && vq->event_idx && !vq->packed;

	if (vq->failed || (vq->notify_off == !want && !asks_once))
		return;
	if (ops_of(vq)->want_notify(vq, want))
		return;
	vq->notify_off = !want;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- chains ---- */

int virtq_add_seg(struct virtq *vq, struct virtq_chain *chain, uint64_t iova,
		  uint32_t len, bool write)
{
	struct virtq_seg *seg = &chain->seg[chain->nr_read + chain->nr_write];

	write &= !vq->only_read;
	if (seg == chain->seg + VIRTQ_MAX_SEGS) {
		virtq_fail(vq, "a buffer of more than %u pieces",
			   VIRTQ_MAX_SEGS);
		return -EINVAL;
	}
	if (iova + len < iova) {
		virtq_fail(vq, "a piece of a buffer goes around the end");
		return -EINVAL;
	}
	if (!write && chain->nr_write) {
		virtq_fail(vq, "a buffer to read behind one to write");
		return -EINVAL;
	}
	seg->iova = iova;
	seg->len = len;
	if (write) {
		chain->nr_write++;
		chain->write_len += len;
	} else {
		chain->nr_read++;
		chain->read_len += len;
	}
	return 0;
}

int virtq_check_table(struct virtq *vq, uint64_t iova, uint32_t len,
		      uint32_t *nr)
{
	*nr = len / sizeof(struct vring_desc);
	if (vq->indirect && *nr && !(len % sizeof(struct vring_desc)) &&
	    *nr <= VIRTQ_MAX_SEGS && iova + len >= iova)
		return 0;
	virtq_fail(vq,
		   vq->indirect ? "an indirect table of %u bytes"
				: "an indirect table (%u bytes), not agreed on",
		   len);
	return -EINVAL;
}

int virtq_get_indirect(struct virtq *vq, uint64_t table, uint32_t i, void *desc)
{
	int ret;

	ret = anyvfio_dma_read(vq->v->dev, table + 16ull * i, desc, 16);
	if (ret)
		virtq_fail(vq, "an indirect table cannot be read");
	return ret;
}

/* Walks pieces @seg from @off on: copies up to @len bytes. */
static int64_t copy_segs(struct virtq *vq, const struct virtq_seg *seg,
			 unsigned int nr, uint64_t off, void *buf, size_t len,
			 bool write)
{
	size_t done = 0, part;
	int ret;

	for (; nr && done < len; nr--, seg++) {
		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		part = seg->len - off < len - done ? seg->len - off
						   : len - done;
		if (write)
			ret = anyvfio_dma_write(vq->v->dev, seg->iova + off,
						(uint8_t *)buf + done, part);
		else
			ret = anyvfio_dma_read(vq->v->dev, seg->iova + off,
					       (uint8_t *)buf + done, part);
		if (ret)
			return ret;
		done += part;
		off = 0;
	}
	return done;
}

int64_t virtq_read(struct virtq *vq, const struct virtq_chain *chain,
		   uint64_t off, void *buf, size_t len)
{
	return copy_segs(vq, chain->seg, chain->nr_read, off, buf, len, false);
}

int64_t virtq_write(struct virtq *vq, const struct virtq_chain *chain,
		    uint64_t off, const void *buf, size_t len)
{
	return copy_segs(vq, chain->seg + chain->nr_read, chain->nr_write, off,
			 (void *)buf, len, true);
}
