/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Packed virtqueues (2.8): one ring, in which the driver makes descriptors
 * available and the device overwrites them with used ones.  Two flags and the
 * number of the lap tell what a descriptor is.
 */
#include "transport.h"

#include <string.h>

#include <linux/virtio_ring.h>

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED (1u << VRING_PACKED_DESC_F_USED)
#define EVENT_WRAP (1u << VRING_PACKED_EVENT_F_WRAP_CTR)

static void layout(struct virtq *vq)
{
	vq->desc.len = sizeof(struct vring_packed_desc) * vq->size;
	vq->driver.len = sizeof(struct vring_packed_desc_event);
	vq->device.len = sizeof(struct vring_packed_desc_event);
}

static void advance(const struct virtq *vq, uint16_t *slot, bool *wrap,
		    uint16_t nr)
{
	*slot += nr;
	if (*slot >= vq->size) {
		*slot -= vq->size;
		*wrap = !*wrap;
	}
}

/* ---- available ---- */

static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

/* The half with the flags comes first: it says whether the rest is valid. */
static int get_desc(struct virtq *vq, uint16_t slot,
		    struct vring_packed_desc *desc)
{
	uint32_t at = slot * sizeof(*desc), half = sizeof(desc->addr);
	int ret;

	ret = virtq_get(vq, &vq->desc, at + half, (uint8_t *)desc + half, half);
	if (ret)
		return ret;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return virtq_get(vq, &vq->desc, at, desc, half);
}

static bool ready(struct virtq *vq)
{
	struct vring_packed_desc desc;

	return !get_desc(vq, vq->avail, &desc) &&
	       is_available(desc.flags, vq->avail_wrap);
}

static int walk_table(struct virtq *vq, struct virtq_chain *chain,
		      const struct vring_packed_desc *table)
{
	struct vring_packed_desc desc;
	uint32_t nr, i;
	int ret;

	ret = virtq_check_table(vq, table->addr, table->len, &nr);
	for (i = 0; !ret && i < nr; i++) {
		ret = virtq_get_indirect(vq, table->addr, i, &desc);
		if (!ret)
			ret = virtq_add_seg(vq, chain, desc.addr, desc.len,
					    desc.flags & VRING_DESC_F_WRITE);
	}
	return ret;
}

/* The first descriptor makes the whole chain available; the last one has its
 * ID. */
static int walk(struct virtq *vq, struct virtq_chain *chain,
		struct vring_packed_desc *desc)
{
	uint16_t slot = vq->avail;
	bool wrap = vq->avail_wrap;
	int ret;

	for (chain->slots = 1;; chain->slots++) {
		if (desc->flags & VRING_DESC_F_INDIRECT)
			ret = walk_table(vq, chain, desc);
		else
			ret = virtq_add_seg(vq, chain, desc->addr, desc->len,
					    desc->flags & VRING_DESC_F_WRITE);
		if (ret)
			return ret;
		advance(vq, &slot, &wrap, 1);
		if (!(desc->flags & VRING_DESC_F_NEXT))
			break;
		if (chain->slots == vq->size ||
		    desc->flags & VRING_DESC_F_INDIRECT) {
			virtq_fail(vq, "a chain that does not end");
			return -EINVAL;
		}
		ret = get_desc(vq, slot, desc);
		if (ret)
			return ret;
	}
	chain->id = desc->id;
	vq->avail = slot;
	vq->avail_wrap = wrap;
	return 0;
}

static int pop(struct virtq *vq, struct virtq_chain *chain)
{
	struct vring_packed_desc desc;
	int ret;

	ret = get_desc(vq, vq->avail, &desc);
	if (ret)
		return ret;
	if (!is_available(desc.flags, vq->avail_wrap))
		return 0;
	ret = walk(vq, chain, &desc);
	return ret ? ret : 1;
}

/* ---- used ---- */

/* Length, ID and flags in one store: it hands the descriptor over. */
static int write_used(struct virtq *vq, uint16_t slot, bool wrap,
		      const struct virtq_used *used)
{
	struct vring_packed_desc desc = {
		.len = used->len,
		.id = used->id,
		.flags = (wrap ? F_AVAIL | F_USED : 0) |
			 (used->len ? VRING_DESC_F_WRITE : 0),
	};

	return virtq_put(vq, &vq->desc, slot * sizeof(desc) + sizeof(desc.addr),
			 &desc.len, sizeof(desc) - sizeof(desc.addr));
}

/* The first one is written last: the driver sees them all or none. */
static int flush(struct virtq *vq)
{
	unsigned int nr = vq->nr_batch, i;
	uint16_t first = vq->used;
	bool first_wrap = vq->used_wrap;
	int ret = 0;

	if (!nr)
		return 0;
	vq->nr_batch = 0;
	for (i = 0; i < nr && !ret; i++) {
		if (i)
			ret = write_used(vq, vq->used, vq->used_wrap,
					 &vq->batch[i]);
		advance(vq, &vq->used, &vq->used_wrap, vq->batch[i].slots);
		vq->pushed += vq->batch[i].slots;
	}
	if (ret)
		return ret;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return write_used(vq, first, first_wrap, &vq->batch[0]);
}

/* Was the place that the driver asked for among the last @pushed ones?  Places of
 * the lap before count below 0. */
static bool passed(const struct virtq *vq, uint16_t off_wrap)
{
	int place = off_wrap & ~EVENT_WRAP;

	if (place >= vq->size)
		return true;
	if (!!(off_wrap & EVENT_WRAP) != vq->used_wrap)
		place -= vq->size;
	return place < vq->used && place >= vq->used - (int)vq->pushed;
}

static bool wants_irq(struct virtq *vq)
{
	struct vring_packed_desc_event event;

	if (virtq_get(vq, &vq->driver, 0, &event, sizeof(event)))
		return false;
	switch (event.flags & 3) {
	case VRING_PACKED_EVENT_FLAG_DISABLE:
		return false;
	case VRING_PACKED_EVENT_FLAG_DESC:
		return !vq->event_idx || vq->pushed >= vq->size ||
		       passed(vq, event.off_wrap);
	default:
		return true;
	}
}

static int want_notify(struct virtq *vq, bool want)
{
	struct vring_packed_desc_event event = {
		.flags = want ? VRING_PACKED_EVENT_FLAG_ENABLE
			      : VRING_PACKED_EVENT_FLAG_DISABLE,
	};

	return virtq_put(vq, &vq->device, 0, &event, sizeof(event));
}

const struct virtq_ops virtq_packed = {
	.layout = layout,
	.pop = pop,
	.ready = ready,
	.flush = flush,
	.wants_irq = wants_irq,
	.want_notify = want_notify,
};
