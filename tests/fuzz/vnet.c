/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "vnet.h"

#include <errno.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define MAPPING 0x10000u

struct anyvfio_device *dev;
struct vnet net;

/* ---- what the other files of the model do ---- */

const struct net_backend net_pcap, net_tap;

int net_pcap_check(struct net *n)
{
	return -EINVAL;
}

static const struct net_card card = {
	.deliver = vnet_deliver,
	.deliver_end = vnet_deliver_end,
};

static void on_driver_ok(struct virtio *v)
{
	net.mergeable = virtio_has(v, VIRTIO_NET_F_MRG_RXBUF);
	net.header = net.mergeable || virtio_has(v, VIRTIO_F_VERSION_1) ? 12
									: 10;
	net.ctrl = virtio_has(v, VIRTIO_NET_F_MQ) ? 2 * PAIRS : 2;
	net.net.driver_ok = true;
}

static void on_reset(struct virtio *v)
{
	net.net.driver_ok = false;
	net.net.pairs = 1;
	net.net.starved = false;
	net.net.absent = false;
	vnet_filter_reset(&net);
}

static void on_destroy(struct virtio *v)
{
}

static const struct virtio_type type = {
	.id = VIRTIO_ID_NET,
	.legacy_device = 0x1000,
	.reset = on_reset,
	.driver_ok = on_driver_ok,
	.destroy = on_destroy,
};

/* ---- the driver ---- */

static uint64_t ring_at(unsigned int queue)
{
	return RINGS_AT + queue * 0x400;
}

static void set64(unsigned int reg, uint64_t val)
{
	fake_bar_write(dev, 4, reg, 4, (uint32_t)val);
	fake_bar_write(dev, 4, reg + 4, 4, val >> 32);
}

void set_up(uint64_t features)
{
	unsigned int q;

	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	for (q = 0; q < QUEUES; q++) {
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_SIZE, 2, RING);
		set64(VIRTIO_PCI_COMMON_Q_DESCLO, ring_at(q));
		set64(VIRTIO_PCI_COMMON_Q_AVAILLO, ring_at(q) + 0x100);
		set64(VIRTIO_PCI_COMMON_Q_USEDLO, ring_at(q) + 0x200);
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

void put_desc(struct virtq *vq, unsigned int ahead, uint64_t addr, uint32_t len,
	      uint16_t flags)
{
	uint64_t ring = ring_at(vq->index);
	struct vring_packed_desc *packed = fake_ptr(dev, ring);
	struct vring_desc *split = fake_ptr(dev, ring);
	unsigned int slot = vq->avail % RING + ahead;
	bool wrap = vq->avail_wrap != (slot >= RING);

	slot %= RING;
	if (vq->packed)
		packed[slot] = (struct vring_packed_desc){
			addr, len, slot, flags | (wrap ? 0x80 : 0x8000)
		};
	else
		split[slot] = (struct vring_desc){ addr, len, flags,
						   (slot + 1) % RING };
}

void make_available(struct virtq *vq, unsigned int ahead)
{
	struct vring_avail *avail = fake_ptr(dev, ring_at(vq->index) + 0x100);

	avail->ring[avail->idx % RING] = (vq->avail + ahead) % RING;
	avail->idx++;
}

/* ---- an input ---- */

static int create(struct anyvfio_device *d)
{
	memset(&net, 0, sizeof(net));
	net.v.dev = d;
	net.v.type = &type;
	net.v.offered = VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
			VIRTIO_BIT(VIRTIO_NET_F_MQ);
	net.v.config = (uint8_t *)&net.config;
	net.v.config_len = 20;
	net.v.nr_queues = QUEUES;
	net.net.dev = d;
	net.net.card = &card;
	net.net.backend = &net_loop;
	net.max_pairs = PAIRS;
	net.mem.dev = d;
	return virtio_create(&net.v);
}

void begin(void)
{
	static const char *const options[] = { "packed=on", "ring=64", NULL };
	static const struct anyvfio_model model = { .create = create };

	dev = fake_create(&model, options);
	FUZZ_CHECK(dev);
	dev->own_lock = true;
	dev->mapping = MAPPING;
	net_tx_queue(&net, 0)->only_read = true;
	fake_start(dev);
}

void end(void)
{
	fake_destroy(dev);
}
