/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The driver: see the header.  What it shares with the device it touches as such
 * drivers do: the device may be at it, too. */
#include "nic.h"
#include "../models/fake_must.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define NOTIFY 0x1000u
#define FEATURES (1ull << VIRTIO_F_VERSION_1)

static uint64_t ring_at(const struct nic_queue *q)
{
	return FAKE_IOVA + q->index * 0x4000ull;
}

static struct vring_desc *desc_of(struct nic *n, const struct nic_queue *q)
{
	return fake_ptr(n->dev, ring_at(q));
}

static struct vring_avail *avail_of(struct nic *n, const struct nic_queue *q)
{
	return fake_ptr(n->dev, ring_at(q) + 0x1000);
}

static struct vring_used *used_of(struct nic *n, const struct nic_queue *q)
{
	return fake_ptr(n->dev, ring_at(q) + 0x2000);
}

static uint64_t buffer_at(const struct nic_queue *q, unsigned int nth)
{
	return FAKE_IOVA + 0x100000 + q->index * 0x40000ull +
	       nth % NIC_RING * NIC_BUFFER;
}

static void set(struct nic *n, unsigned int reg, unsigned int size,
		uint64_t val)
{
	fake_bar_write(n->dev, 4, reg, size, val);
}

/* ---- life ---- */

void nic_create(struct nic *n, const char *const *options)
{
	*n = (struct nic){ .tx.index = 1 };
	n->dev = fake_create(&anyvfio_virtio_net_model, options);
	assert_non_null(n->dev);
	/* The mover is every card's, and has locks of its own. */
	n->dev->own_lock = true;
	n->dev->shared_threads = true;
}

void nic_destroy(struct nic *n)
{
	fake_destroy(n->dev);
}

static void enable(struct nic *n, struct nic_queue *q)
{
	const uint64_t at = ring_at(q);

	q->next = 0;
	q->done = 0;
	memset(fake_ptr(n->dev, at), 0, 0x3000);
	set(n, VIRTIO_PCI_COMMON_Q_SELECT, 2, q->index);
	set(n, VIRTIO_PCI_COMMON_Q_SIZE, 2, NIC_RING);
	set(n, VIRTIO_PCI_COMMON_Q_DESCLO, 8, at);
	set(n, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, at + 0x1000);
	set(n, VIRTIO_PCI_COMMON_Q_USEDLO, 8, at + 0x2000);
	set(n, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

void nic_reset(struct nic *n)
{
	set(n, VIRTIO_PCI_COMMON_STATUS, 1, 0);
}

static void add(struct nic *n, struct nic_queue *q, uint32_t len, bool write)
{
	struct vring_avail *avail = avail_of(n, q);
	unsigned int at = q->next % NIC_RING;

	desc_of(n, q)[at] = (struct vring_desc){
		.addr = buffer_at(q, at),
		.len = len,
		.flags = write ? VRING_DESC_F_WRITE : 0,
	};
	avail->ring[at] = at;
	q->next++;
	__atomic_store_n(&avail->idx, q->next, __ATOMIC_SEQ_CST);
}

/* ---- traffic ---- */

bool nic_is_asked(struct nic *n, const struct nic_queue *q)
{
	return !(__atomic_load_n(&used_of(n, q)->flags, __ATOMIC_SEQ_CST) &
		 VRING_USED_F_NO_NOTIFY);
}

static void notify(struct nic *n, const struct nic_queue *q)
{
	if (nic_is_asked(n, q))
		set(n, NOTIFY + 4 * q->index, 2, q->index);
}

void nic_up(struct nic *n)
{
	unsigned int i;

	nic_reset(n);
	set(n, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	set(n, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	set(n, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)FEATURES);
	set(n, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	set(n, VIRTIO_PCI_COMMON_GF, 4, FEATURES >> 32);
	set(n, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	enable(n, &n->rx);
	enable(n, &n->tx);
	for (i = 0; i < NIC_RING; i++)
		add(n, &n->rx, NIC_BUFFER, true);
	set(n, VIRTIO_PCI_COMMON_STATUS, 1, 15);
	notify(n, &n->rx);
}

static bool is_used(struct nic *n, const struct nic_queue *q)
{
	return __atomic_load_n(&used_of(n, q)->idx, __ATOMIC_ACQUIRE) !=
	       q->done;
}

bool nic_put(struct nic *n, const void *data, uint32_t len)
{
	struct nic_queue *q = &n->tx;
	uint8_t *buffer = fake_ptr(n->dev, buffer_at(q, q->next));

	while (is_used(n, q))
		q->done++;
	if ((uint16_t)(q->next - q->done) == NIC_RING)
		return false;
	memset(buffer, 0, NIC_HEADER);
	memcpy(buffer + NIC_HEADER, data, len);
	add(n, q, NIC_HEADER + len, false);
	return true;
}

bool nic_send(struct nic *n, const void *data, uint32_t len)
{
	if (!nic_put(n, data, len))
		return false;
	notify(n, &n->tx);
	return true;
}

/* Buffers are used in the order in which they were given. */
uint32_t nic_receive(struct nic *n, void *data, uint32_t len)
{
	struct nic_queue *q = &n->rx;
	const struct vring_used_elem *elem;
	const uint8_t *buffer;
	uint32_t got;

	if (!is_used(n, q))
		return 0;
	elem = &used_of(n, q)->ring[q->done % NIC_RING];
	MUST(elem->id == q->done % NIC_RING);
	got = elem->len - NIC_HEADER;
	buffer = fake_ptr(n->dev, buffer_at(q, q->done));
	memcpy(data, buffer + NIC_HEADER, got < len ? got : len);
	q->done++;
	add(n, q, NIC_BUFFER, true);
	notify(n, q);
	return got;
}
