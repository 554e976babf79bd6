/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Split virtqueues (2.7): a table of descriptors, a ring of heads that the driver
 * fills and one of used heads that the device fills.  Indices count on and wrap
 * at 65536; a ring's size is a power of two.
 */
#include "transport.h"

#include <string.h>

#include <linux/virtio_ring.h>

#define AVAIL_FLAGS 0u
#define AVAIL_IDX 2u
#define AVAIL_RING 4u
#define USED_FLAGS 0u
#define USED_IDX 2u
#define USED_RING 4u

static uint32_t used_event_at(const struct virtq *vq)
{
	return AVAIL_RING + 2u * vq->size;
}

static uint32_t avail_event_at(const struct virtq *vq)
{
	return USED_RING + sizeof(struct vring_used_elem) * vq->size;
}

/* The events are there only when they are agreed on. */
static void layout(struct virtq *vq)
{
	uint32_t event = vq->event_idx ? 2 : 0;

	vq->desc.len = sizeof(struct vring_desc) * vq->size;
	vq->driver.len = used_event_at(vq) + event;
	vq->device.len = avail_event_at(vq) + event;
}

/* ---- available ---- */

/* How many heads there are; what they name is read after this. */
static int available(struct virtq *vq)
{
	uint16_t nr;
	int ret;

	if (vq->seen == vq->avail) {
		ret = virtq_get(vq, &vq->driver, AVAIL_IDX, &vq->seen, 2);
		if (ret)
			return ret;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	}
	nr = vq->seen - vq->avail;
	if (nr <= vq->size)
		return nr;
	virtq_fail(vq, "%u buffers in a ring of %u", nr, vq->size);
	return -EINVAL;
}

static bool ready(struct virtq *vq)
{
	return available(vq) > 0;
}

static int next_head(struct virtq *vq, uint16_t *head)
{
	uint16_t slot = vq->avail & (vq->size - 1);
	int nr = available(vq), ret;

	if (nr <= 0)
		return nr;
	if (!vq->nr_heads) {
		if (nr > 16)
			nr = 16;
		if (nr > vq->size - slot)
			nr = vq->size - slot;
		ret = virtq_get(vq, &vq->driver, AVAIL_RING + 2u * slot,
				vq->heads, 2u * nr);
		if (ret)
			return ret;
		vq->heads_first = vq->avail;
		vq->nr_heads = nr;
	}
	*head = vq->heads[(uint16_t)(vq->avail - vq->heads_first)];
	vq->avail++;
	if ((uint16_t)(vq->avail - vq->heads_first) == vq->nr_heads)
		vq->nr_heads = 0;
	return 1;
}

static int get_desc(struct virtq *vq, uint16_t i, struct vring_desc *desc)
{
	if (i >= vq->size) {
		virtq_fail(vq, "descriptor %u of %u", i, vq->size);
		return -EINVAL;
	}
	return virtq_get(vq, &vq->desc, i * sizeof(*desc), desc, sizeof(*desc));
}

/* A table has its own numbers, and no tables in it. */
static int walk_table(struct virtq *vq, struct virtq_chain *chain,
		      const struct vring_desc *table)
{
	struct vring_desc desc = { .flags = VRING_DESC_F_NEXT };
	uint32_t nr, left;
	int ret;

	ret = virtq_check_table(vq, table->addr, table->len, &nr);
	for (left = nr; !ret && desc.flags & VRING_DESC_F_NEXT; left--) {
		if (!left || desc.next >= nr) {
			virtq_fail(vq, "an indirect chain that does not end");
			return -EINVAL;
		}
		ret = virtq_get_indirect(vq, table->addr, desc.next, &desc);
		if (ret)
			break;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			virtq_fail(vq, "an indirect table within another");
			return -EINVAL;
		}
		ret = virtq_add_seg(vq, chain, desc.addr, desc.len,
				    desc.flags & VRING_DESC_F_WRITE);
	}
	return ret;
}

static int walk(struct virtq *vq, struct virtq_chain *chain, uint16_t head)
{
	struct vring_desc desc = { .flags = VRING_DESC_F_NEXT, .next = head };
	uint32_t left;
	int ret = 0;

	for (left = vq->size; !ret && desc.flags & VRING_DESC_F_NEXT; left--) {
		if (!left) {
			virtq_fail(vq, "a chain that does not end");
			return -EINVAL;
		}
		ret = get_desc(vq, desc.next, &desc);
		if (ret)
			break;
		if (!(desc.flags & VRING_DESC_F_INDIRECT)) {
			ret = virtq_add_seg(vq, chain, desc.addr, desc.len,
					    desc.flags & VRING_DESC_F_WRITE);
		} else if (desc.flags & VRING_DESC_F_NEXT) {
			virtq_fail(vq, "an indirect descriptor with a next");
			return -EINVAL;
		} else {
			ret = walk_table(vq, chain, &desc);
		}
	}
	return ret;
}

static int pop(struct virtq *vq, struct virtq_chain *chain)
{
	uint16_t head = 0;
	int ret = next_head(vq, &head);

	if (ret <= 0)
		return ret;
	chain->id = head;
	chain->slots = 1;
	ret = walk(vq, chain, head);
	return ret ? ret : 1;
}

/* ---- used ---- */

static int write_used(struct virtq *vq, uint16_t first, unsigned int nr,
		      const struct vring_used_elem *elem)
{
	return virtq_put(vq, &vq->device,
			 USED_RING + (first & (vq->size - 1)) * sizeof(*elem),
			 elem, nr * sizeof(*elem));
}

static int flush(struct virtq *vq)
{
	struct vring_used_elem elem[VIRTQ_BATCH];
	unsigned int nr = vq->nr_batch, first, i;
	int ret;

	if (!nr)
		return 0;
	vq->nr_batch = 0;
	for (i = 0; i < nr; i++) {
		elem[i].id = vq->batch[i].id;
		elem[i].len = vq->batch[i].len;
	}
	/* A small ring can be written more than once: the last ones count. */
	for (i = 0, ret = 0; i < nr && !ret; i += first) {
		first = vq->size - ((vq->used + i) & (vq->size - 1));
		if (first > nr - i)
			first = nr - i;
		ret = write_used(vq, vq->used + i, first, elem + i);
	}
	if (ret)
		return ret;
	vq->used += nr;
	vq->pushed += nr;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return virtq_put(vq, &vq->device, USED_IDX, &vq->used, 2);
}

static bool wants_irq(struct virtq *vq)
{
	uint16_t flags, event;

	if (!vq->event_idx)
		return !virtq_get(vq, &vq->driver, AVAIL_FLAGS, &flags, 2) &&
		       !(flags & VRING_AVAIL_F_NO_INTERRUPT);
	if (virtq_get(vq, &vq->driver, used_event_at(vq), &event, 2))
		return false;
	return vq->pushed > 0xffff ||
	       vring_need_event(event, vq->used, vq->used - vq->pushed);
}

/* With events there is no switch: not asking for the next one is enough. */
static int want_notify(struct virtq *vq, bool want)
{
	uint16_t flags = want ? 0 : VRING_USED_F_NO_NOTIFY;

	if (!vq->event_idx)
		return virtq_put(vq, &vq->device, USED_FLAGS, &flags, 2);
	if (!want)
		return 0;
	return virtq_put(vq, &vq->device, avail_event_at(vq), &vq->avail, 2);
}

const struct virtq_ops virtq_split = {
	.layout = layout,
	.pop = pop,
	.ready = ready,
	.flush = flush,
	.wants_irq = wants_irq,
	.want_notify = want_notify,
};
