/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The toy and its driver: see the header. */
#include "toy.h"

#include <stdlib.h>
#include <string.h>

/* ---- the device ---- */

static struct toy *toy_of(struct virtio *v)
{
	return (struct toy *)v;
}

static void on_reset(struct virtio *v)
{
	toy_of(v)->resets++;
}

static bool on_features(struct virtio *v)
{
	return !toy_of(v)->refuse;
}

static void on_notify(struct virtio *v, unsigned int queue)
{
	toy_of(v)->notified |= 1u << queue;
}

static void on_start(struct virtio *v, unsigned int queue)
{
	toy_of(v)->started++;
}

static void on_stop(struct virtio *v, unsigned int queue)
{
	toy_of(v)->stopped++;
}

static void on_config(struct virtio *v, unsigned int off, unsigned int len)
{
	toy_of(v)->config_writes++;
}

static void on_destroy(struct virtio *v)
{
	free(v);
}

static const struct virtio_type toy_type = {
	.id = VIRTIO_ID_RNG,
	.legacy_device = 0x1005,
	.class_code = 0x00ff00,
	.reset = on_reset,
	.features = on_features,
	.notify = on_notify,
	.queue_start = on_start,
	.queue_stop = on_stop,
	.config_written = on_config,
	.destroy = on_destroy,
};

static int create(struct anyvfio_device *dev)
{
	static const uint8_t writable[2] = { 0xff, 0x0f };
	struct toy *toy = calloc(1, sizeof(*toy));

	toy->dev = dev;
	toy->v.dev = dev;
	toy->v.type = &toy_type;
	toy->v.offered = VIRTIO_BIT(TOY_FEATURE);
	toy->v.config = toy->config;
	toy->v.config_len = TOY_CONFIG_LEN;
	toy->v.config_writable = writable;
	toy->v.config_writable_len = sizeof(writable);
	toy->v.nr_queues = TOY_QUEUES;
	if (!virtio_create(&toy->v))
		return 0;
	free(toy);
	return -EINVAL;
}

/* The test uses the queues, and has no lock for it. */
struct toy *toy_create(const char *const *options)
{
	static const struct anyvfio_model model = { .create = create };
	struct anyvfio_device *dev = fake_create(&model, options);

	if (!dev)
		return NULL;
	dev->own_lock = true;
	fake_watch(dev, NULL);
	fake_start(dev);
	return dev->priv;
}

void toy_destroy(struct toy *toy)
{
	fake_destroy(toy->dev);
}

/* ---- registers ---- */

uint64_t toy_get(struct toy *toy, unsigned int reg, unsigned int size)
{
	return fake_bar_read(toy->dev, 4, reg, size);
}

void toy_set(struct toy *toy, unsigned int reg, unsigned int size, uint64_t val)
{
	fake_bar_write(toy->dev, 4, reg, size, val);
}

uint8_t toy_status(struct toy *toy)
{
	return toy_get(toy, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void add_status(struct toy *toy, uint8_t bits)
{
	toy_set(toy, VIRTIO_PCI_COMMON_STATUS, 1, toy_status(toy) | bits);
}

bool toy_negotiate(struct toy *toy, uint64_t features)
{
	toy_set(toy, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	add_status(toy, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(toy, VIRTIO_CONFIG_S_DRIVER);
	toy_set(toy, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	toy_set(toy, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	toy_set(toy, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	toy_set(toy, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	add_status(toy, VIRTIO_CONFIG_S_FEATURES_OK);
	return toy_status(toy) & VIRTIO_CONFIG_S_FEATURES_OK;
}

void toy_driver_ok(struct toy *toy)
{
	add_status(toy, VIRTIO_CONFIG_S_DRIVER_OK);
}

/* ---- the driver's half ---- */

void *ring_mem(struct ring *r, uint64_t iova)
{
	return fake_ptr(r->toy->dev, iova);
}

static void set_address(struct toy *toy, unsigned int reg, uint64_t iova)
{
	toy_set(toy, reg, 4, (uint32_t)iova);
	toy_set(toy, reg + 4, 4, iova >> 32);
}

void ring_start(struct ring *r, struct toy *toy, uint64_t features,
		uint16_t size, uint64_t at)
{
	*r = (struct ring){
		.toy = toy,
		.packed = features >> VIRTIO_F_RING_PACKED & 1,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.size = size,
		.desc = at,
		.driver = at + 16ull * size,
		.wrap = true,
		.used_wrap = true,
	};
	r->device = r->driver + 6 + 2ull * size;
	r->device = (r->device + 3) & ~3ull;
	if (!toy_negotiate(toy, features | VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		abort();
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, size);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	set_address(toy, VIRTIO_PCI_COMMON_Q_DESCLO, r->desc);
	set_address(toy, VIRTIO_PCI_COMMON_Q_AVAILLO, r->driver);
	set_address(toy, VIRTIO_PCI_COMMON_Q_USEDLO, r->device);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	toy_driver_ok(toy);
}

static uint16_t add_split(struct ring *r, const struct piece *p,
			  unsigned int nr)
{
	struct vring_desc *desc = ring_mem(r, r->desc);
	struct vring_avail *avail = ring_mem(r, r->driver);
	uint16_t head = r->next, at = head;
	unsigned int i;

	for (i = 0; i < nr; i++, at = (at + 1) % r->size)
		desc[at] = (struct vring_desc){
			.addr = p[i].iova,
			.len = p[i].len,
			.flags = p[i].flags | (i + 1 < nr ? 1 : 0),
			.next = (at + 1) % r->size,
		};
	r->next = at;
	avail->ring[avail->idx % r->size] = head;
	avail->idx++;
	return head;
}

static uint16_t add_packed(struct ring *r, const struct piece *p,
			   unsigned int nr)
{
	struct vring_packed_desc *desc = ring_mem(r, r->desc);
	uint16_t id = r->next, first = id, first_flags = 0, flags;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		flags = p[i].flags | (i + 1 < nr ? VRING_DESC_F_NEXT : 0);
		flags |= r->wrap ? 0x0080 : 0x8000;
		desc[r->next].addr = p[i].iova;
		desc[r->next].len = p[i].len;
		desc[r->next].id = id;
		if (i)
			desc[r->next].flags = flags;
		else
			first_flags = flags;
		if (++r->next == r->size) {
			r->next = 0;
			r->wrap = !r->wrap;
		}
	}
	desc[first].flags = first_flags;
	return id;
}

uint16_t ring_add(struct ring *r, const struct piece *pieces, unsigned int nr)
{
	return r->packed ? add_packed(r, pieces, nr) : add_split(r, pieces, nr);
}

/* The tests' chains have one descriptor each where they look at used ones. */
bool ring_used(struct ring *r, uint16_t *id, uint32_t *len)
{
	struct vring_packed_desc *desc = ring_mem(r, r->desc);
	struct vring_used *used = ring_mem(r, r->device);

	if (!r->packed) {
		if (r->used == used->idx)
			return false;
		*id = used->ring[r->used % r->size].id;
		*len = used->ring[r->used % r->size].len;
		r->used++;
		return true;
	}
	desc += r->used;
	if (!!(desc->flags & 0x80) != r->used_wrap ||
	    !!(desc->flags & 0x8000) != r->used_wrap)
		return false;
	*id = desc->id;
	*len = desc->len;
	if (++r->used == r->size) {
		r->used = 0;
		r->used_wrap = !r->used_wrap;
	}
	return true;
}
