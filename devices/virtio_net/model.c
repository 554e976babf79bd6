/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model "virtio-net": options, the configuration that the driver sees, start and
 * stop. */
#include "vnet.h"
#include "../models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEED 10000u /* megabits, for those who ask */

static const struct anyvfio_option options[] = {
	NET_OPTIONS,
	{ "queues", "pairs of queues, 1 to 8; 1" },
	VIRTIO_OPTIONS,
	{ NULL, NULL },
};

static const uint8_t mac_writable[ETH_ALEN] = { 0xff, 0xff, 0xff,
						0xff, 0xff, 0xff };

/* ---- calls of the port ---- */

static void vnet_link(struct net *net, bool up)
{
	struct vnet *n = vnet_of(net);
	uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;

	if (n->config.status != status)
		virtio_config_set(&n->v,
				  offsetof(struct virtio_net_config, status),
				  &status, sizeof(status));
}

static unsigned int vnet_move(struct net *net, bool busy)
{
	struct vnet *n = vnet_of(net);
	unsigned int moved = 0, pair;

	vnet_control(n);
	for (pair = 0; pair < n->max_pairs; pair++)
		if (2 * pair + 1 < n->ctrl)
			moved += vnet_transmit(n, pair, busy);
	return moved;
}

static void vnet_release(struct net *net)
{
	virtio_mem_release(&vnet_of(net)->mem);
}

static const struct net_card vnet_card = {
	.transmit = vnet_move,
	.deliver = vnet_deliver,
	.deliver_end = vnet_deliver_end,
	.release = vnet_release,
	.link = vnet_link,
};

/* ---- calls of the transport ---- */

static int vnet_start(struct virtio *v)
{
	return net_start(&vnet_of_virtio(v)->net);
}

static void vnet_stop(struct virtio *v)
{
	struct vnet *n = vnet_of_virtio(v);

	net_stop(&n->net);
	if (n->drops.malformed || n->drops.too_long)
		anyvfio_device_info(
			v->dev,
			"dropped %llu packets that made no sense, %llu longer "
			"than the buffers for them",
			(unsigned long long)n->drops.malformed,
			(unsigned long long)n->drops.too_long);
	memset(&n->drops, 0, sizeof(n->drops));
}

/* While the device is being started there is no mover yet, nor anything to stop. */
static void vnet_reset(struct virtio *v)
{
	struct vnet *n = vnet_of_virtio(v);

	net_mover_lock(n->net.mover);
	n->net.pairs = 1;
	vnet_filter_reset(n);
	memcpy(n->config.mac, n->net.mac, ETH_ALEN);
	net_reset(&n->net);
	net_mover_unlock(n->net.mover);
}

static void vnet_driver_ok(struct virtio *v)
{
	struct vnet *n = vnet_of_virtio(v);

	net_mover_lock(n->net.mover);
	n->mergeable = virtio_has(v, VIRTIO_NET_F_MRG_RXBUF);
	n->header = n->mergeable || virtio_has(v, VIRTIO_F_VERSION_1)
			    ? sizeof(struct virtio_net_hdr_v1)
			    : sizeof(struct virtio_net_hdr);
	n->ctrl = virtio_has(v, VIRTIO_NET_F_MQ) ? 2 * n->max_pairs : 2;
	net_driver(&n->net, true);
	net_mover_unlock(n->net.mover);
}

static void vnet_lock(struct virtio *v)
{
	net_mover_lock(vnet_of_virtio(v)->net.mover);
}

static void vnet_unlock(struct virtio *v)
{
	net_mover_unlock(vnet_of_virtio(v)->net.mover);
}

static void vnet_notify(struct virtio *v, unsigned int queue)
{
	struct vnet *n = vnet_of_virtio(v);

	if (queue % 2 == 0)
		__atomic_fetch_or(&n->rx_open, 1u << queue / 2,
				  __ATOMIC_RELAXED);
	net_mover_notified(&n->net);
}

static void vnet_queue_start(struct virtio *v, unsigned int queue)
{
	net_mover_wake(vnet_of_virtio(v)->net.mover);
}

static void vnet_queue_stop(struct virtio *v, unsigned int queue)
{
	if (queue % 2 == 0)
		__atomic_fetch_and(&vnet_of_virtio(v)->rx_open,
				   ~(1u << queue / 2), __ATOMIC_RELAXED);
}

static void vnet_destroy(struct virtio *v)
{
	struct vnet *n = vnet_of_virtio(v);

	net_exit(&n->net);
	free(n);
}

static const struct virtio_type vnet_type = {
	.id = VIRTIO_ID_NET,
	.legacy_device = 0x1000,
	.class_code = 0x020000,
	.start = vnet_start,
	.stop = vnet_stop,
	.reset = vnet_reset,
	.driver_ok = vnet_driver_ok,
	.lock = vnet_lock,
	.unlock = vnet_unlock,
	.notify = vnet_notify,
	.queue_start = vnet_queue_start,
	.queue_stop = vnet_queue_stop,
	.destroy = vnet_destroy,
};

/* ---- options ---- */

static int parse_queues(struct vnet *n)
{
	uint64_t pairs;

	if (anyvfio_device_option_size(n->v.dev, "queues", 1, &pairs))
		return -EINVAL;
	if (!pairs || pairs > NET_MAX_PAIRS) {
		anyvfio_device_error(n->v.dev, "queues=%s: must be 1 to 8",
				     anyvfio_device_option(n->v.dev, "queues"));
		return -EINVAL;
	}
	n->max_pairs = pairs;
	return 0;
}

/* ---- the function ---- */

static void describe(struct vnet *n)
{
	struct virtio *v = &n->v;

	v->type = &vnet_type;
	v->offered = VIRTIO_BIT(VIRTIO_NET_F_MAC) |
		     VIRTIO_BIT(VIRTIO_NET_F_STATUS) |
		     VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
		     VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |
		     VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
		     VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |
		     VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
		     VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
		     VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) |
		     VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	if (n->max_pairs > 1)
		v->offered |= VIRTIO_BIT(VIRTIO_NET_F_MQ);
	v->config = (uint8_t *)&n->config;
	v->config_len = offsetof(struct virtio_net_config, rss_max_key_size);
	v->config_writable = mac_writable;
	v->config_writable_len = sizeof(mac_writable);
	v->nr_queues = 2 * n->max_pairs + 1;
	memcpy(n->config.mac, n->net.mac, ETH_ALEN);
	n->config.max_virtqueue_pairs = n->max_pairs;
	n->config.speed = SPEED;
	n->config.duplex = 1;
	n->mem.dev = v->dev;
}

static int vnet_create(struct anyvfio_device *dev)
{
	struct vnet *n = calloc(1, sizeof(*n));
	int ret = -ENOMEM;
	unsigned int i;

	if (!n)
		return ret;
	n->v.dev = dev;
	ret = parse_queues(n);
	if (!ret)
		ret = net_init(&n->net, dev, &vnet_card);
	if (ret)
		goto err_free;
	describe(n);
	ret = virtio_create(&n->v);
	if (ret)
		goto err_free;
	/* DPDK marks the header in an indirect table of a packed ring as to be
	 * written. */
	for (i = 0; i < n->max_pairs; i++)
		net_tx_queue(n, i)->only_read = true;
	n->net.polled = n->v.plain_notify;
	net_register(&n->net);
	return 0;

err_free:
	free(n);
	return ret;
}

const struct anyvfio_model anyvfio_virtio_net_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "virtio-net",
	.summary = "virtio network card: a wire, pcap files, a tap or a loop",
	.options = options,
	.create = vnet_create,
};
