/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The model "virtio-net": options, the configuration that the driver sees, start
 * and stop, and who is connected to whom.
 */
#include "net.h"
#include "../models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEED 10000u /* megabits, for those who ask */

/* All there are, so that peers find each other. */
static pthread_mutex_t nets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct net *nets;

static const struct anyvfio_option options[] = {
	{ "peer", "address of the virtio-net at the other end of the wire" },
	{ "rx", "pcap or pcapng file whose packets are received" },
	{ "tx", "pcap file that transmitted packets are written to" },
	{ "pace", "fast, or original: by the times in the rx file; fast" },
	{ "repeat", "how often the rx file is played, 0 for ever; 1" },
	{ "tap", "name of a tap interface of this machine" },
	{ "loop", "on: what is transmitted is received; off" },
	{ "queues", "pairs of queues, 1 to 8; 1" },
	{ "mac", "address, as 02:00:00:00:00:01; made from the PCI address" },
	VIRTIO_OPTIONS,
	{ NULL, NULL },
};

static const uint8_t mac_writable[ETH_ALEN] = { 0xff, 0xff, 0xff,
						0xff, 0xff, 0xff };

/* ---- the link ---- */

void net_set_link(struct net *n, bool up)
{
	uint16_t status = up ? VIRTIO_NET_S_LINK_UP : 0;

	if (n->config.status != status)
		virtio_config_set(&n->v,
				  offsetof(struct virtio_net_config, status),
				  &status, sizeof(status));
}

/* ---- peers ---- */

static bool is_peer(const struct net *a, const struct net *b)
{
	const char *name = anyvfio_device_name(b->v.dev);

	return a != b && a->peer_name && !strcmp(a->peer_name, name);
}

/* The other end of its wire, or NULL. */
static struct net *find_peer(const struct net *n)
{
	struct net *other;

	for (other = nets; other; other = other->next)
		if (is_peer(n, other) || is_peer(other, n))
			return other;
	return NULL;
}

/* One end has two neighbours when both name it, or it names a third. */
static struct net *find_rival(const struct net *n, const struct net *peer)
{
	struct net *other;

	for (other = nets; other; other = other->next)
		if (other != n && other != peer &&
		    (is_peer(other, n) || is_peer(n, other) ||
		     (peer && (is_peer(other, peer) || is_peer(peer, other)))))
			return other;
	return NULL;
}

/* What is wrong with its wire, if it has one, is said. */
static int check_wire(const struct net *n, const struct net *peer)
{
	const struct net *rival = find_rival(n, peer);

	if (n->peer_name && !peer)
		anyvfio_device_error(n->v.dev,
				     "peer=%s: there is no such virtio-net",
				     n->peer_name);
	else if (rival)
		anyvfio_device_error(
			n->v.dev, "a wire has two ends: %s wants to be one too",
			anyvfio_device_name(rival->v.dev));
	else if (peer && peer->backend != &net_wire &&
		 peer->backend != &net_none)
		anyvfio_device_error(
			n->v.dev, "its peer %s is connected to something else",
			anyvfio_device_name(peer->v.dev));
	else
		return 0;
	return -EINVAL;
}

static int join(struct net *n)
{
	struct net *peer = find_peer(n);
	int ret;

	if (n->backend == &net_none && peer)
		n->backend = &net_wire;
	if (n->backend == &net_wire) {
		ret = check_wire(n, peer);
		if (ret)
			return ret;
	}
	return net_mover_join(n, peer);
}

/* ---- calls of the transport ---- */

static int net_start(struct virtio *v)
{
	struct net *n = net_of(v);
	int ret = 0;

	if (n->backend->start)
		ret = n->backend->start(n);
	if (ret)
		return ret;
	pthread_mutex_lock(&nets_lock);
	ret = join(n);
	pthread_mutex_unlock(&nets_lock);
	if (ret && n->backend->stop)
		n->backend->stop(n);
	return ret;
}

static void net_stop(struct virtio *v)
{
	struct net *n = net_of(v);

	pthread_mutex_lock(&nets_lock);
	net_mover_leave(n);
	pthread_mutex_unlock(&nets_lock);
	if (n->backend->stop)
		n->backend->stop(n);
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
static void net_reset(struct virtio *v)
{
	struct net *n = net_of(v);

	net_mover_lock(n->mover);
	n->driver_ok = false;
	n->pairs = 1;
	n->starved = false;
	n->absent = false;
	net_filter_reset(n);
	memcpy(n->config.mac, n->mac, ETH_ALEN);
	if (n->backend == &net_wire)
		net_wire_update(n);
	else
		net_set_link(n, n->backend != &net_none);
	net_mover_unlock(n->mover);
}

static void net_driver_ok(struct virtio *v)
{
	struct net *n = net_of(v);

	net_mover_lock(n->mover);
	n->mergeable = virtio_has(v, VIRTIO_NET_F_MRG_RXBUF);
	n->header = n->mergeable || virtio_has(v, VIRTIO_F_VERSION_1)
			    ? sizeof(struct virtio_net_hdr_v1)
			    : sizeof(struct virtio_net_hdr);
	n->ctrl = virtio_has(v, VIRTIO_NET_F_MQ) ? 2 * n->max_pairs : 2;
	n->driver_ok = true;
	if (n->backend == &net_wire)
		net_wire_update(n);
	net_mover_unlock(n->mover);
}

static void net_lock(struct virtio *v)
{
	net_mover_lock(net_of(v)->mover);
}

static void net_unlock(struct virtio *v)
{
	net_mover_unlock(net_of(v)->mover);
}

static void net_notify(struct virtio *v, unsigned int queue)
{
	struct net *n = net_of(v);

	if (queue % 2 == 0)
		__atomic_fetch_or(&n->rx_open, 1u << queue / 2,
				  __ATOMIC_RELAXED);
	net_mover_notified(n);
}

static void net_queue_start(struct virtio *v, unsigned int queue)
{
	net_mover_wake(net_of(v)->mover);
}

static void net_queue_stop(struct virtio *v, unsigned int queue)
{
	if (queue % 2 == 0)
		__atomic_fetch_and(&net_of(v)->rx_open, ~(1u << queue / 2),
				   __ATOMIC_RELAXED);
}

static void net_destroy(struct virtio *v)
{
	struct net *n = net_of(v), **link;

	pthread_mutex_lock(&nets_lock);
	for (link = &nets; *link != n; link = &(*link)->next)
		;
	*link = n->next;
	pthread_mutex_unlock(&nets_lock);
	free(n);
}

static const struct virtio_type net_type = {
	.id = VIRTIO_ID_NET,
	.legacy_device = 0x1000,
	.class_code = 0x020000,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.driver_ok = net_driver_ok,
	.lock = net_lock,
	.unlock = net_unlock,
	.notify = net_notify,
	.queue_start = net_queue_start,
	.queue_stop = net_queue_stop,
	.destroy = net_destroy,
};

/* ---- options ---- */

static const char *option(struct net *n, const char *name)
{
	return anyvfio_device_option(n->v.dev, name);
}

static int bad_option(struct net *n, const char *name, const char *want)
{
	anyvfio_device_error(n->v.dev, "%s=%s: must be %s", name,
			     option(n, name), want);
	return -EINVAL;
}

/* By default of the locally administered ones, and the same in each run. */
static int parse_mac(struct net *n)
{
	const char *text = option(n, "mac");
	unsigned int m[ETH_ALEN], i;
	int end = 0;

	if (!text) {
		unsigned int segment, bus, slot, function;

		sscanf(anyvfio_device_name(n->v.dev), "%x:%x:%x.%x", &segment,
		       &bus, &slot, &function);
		n->mac[0] = 0x02;
		n->mac[1] = 0xa7;
		n->mac[2] = segment >> 8;
		n->mac[3] = segment;
		n->mac[4] = bus;
		n->mac[5] = slot << 3 | function;
		return 0;
	}
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2],
		   &m[3], &m[4], &m[5], &end) != ETH_ALEN ||
	    text[end] || m[0] & 1)
		return bad_option(n, "mac",
				  "a unicast address as 02:00:00:00:00:01");
	for (i = 0; i < ETH_ALEN; i++)
		n->mac[i] = m[i];
	return 0;
}

static int parse_queues(struct net *n)
{
	uint64_t pairs;

	if (anyvfio_device_option_size(n->v.dev, "queues", 1, &pairs))
		return -EINVAL;
	if (!pairs || pairs > NET_MAX_PAIRS)
		return bad_option(n, "queues", "1 to 8");
	n->max_pairs = pairs;
	return 0;
}

static int parse_files(struct net *n)
{
	const char *pace = option(n, "pace");

	n->rx_file = option(n, "rx");
	n->tx_file = option(n, "tx");
	n->original_pace = pace && !strcmp(pace, "original");
	if (pace && !n->original_pace && strcmp(pace, "fast") != 0)
		return bad_option(n, "pace", "fast or original");
	if ((pace || option(n, "repeat")) && !n->rx_file) {
		anyvfio_device_error(n->v.dev, "%s= is for an rx= file",
				     pace ? "pace" : "repeat");
		return -EINVAL;
	}
	return anyvfio_device_option_size(n->v.dev, "repeat", 1, &n->repeat);
}

/* One, or none. */
static int parse_backend(struct net *n)
{
	bool loop;
	int ret;

	ret = virtio_option_bool(&n->v, "loop", false, &loop);
	if (!ret)
		ret = parse_files(n);
	if (ret)
		return ret;
	n->peer_name = option(n, "peer");
	n->tap_name = option(n, "tap");
	if ((n->rx_file || n->tx_file) + !!n->peer_name + !!n->tap_name + loop >
	    1) {
		anyvfio_device_error(n->v.dev, "it is connected to one thing: "
					       "peer=, rx= and tx=, tap= or "
					       "loop=on");
		return -EINVAL;
	}
	n->backend = &net_none;
	if (n->peer_name)
		n->backend = &net_wire;
	else if (n->tap_name)
		n->backend = &net_tap;
	else if (loop)
		n->backend = &net_loop;
	else if (n->rx_file || n->tx_file)
		n->backend = &net_pcap;
	return n->backend == &net_pcap ? net_pcap_check(n) : 0;
}

/* ---- the function ---- */

static void describe(struct net *n)
{
	struct virtio *v = &n->v;

	v->type = &net_type;
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
	memcpy(n->config.mac, n->mac, ETH_ALEN);
	n->config.max_virtqueue_pairs = n->max_pairs;
	n->config.speed = SPEED;
	n->config.duplex = 1;
	n->mem.dev = v->dev;
	n->pairs = 1;
}

static int net_create(struct anyvfio_device *dev)
{
	struct net *n = calloc(1, sizeof(*n));
	int ret = -ENOMEM;
	unsigned int i;

	if (!n)
		return ret;
	n->v.dev = dev;
	ret = parse_queues(n);
	if (!ret)
		ret = parse_mac(n);
	if (!ret)
		ret = parse_backend(n);
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
	pthread_mutex_lock(&nets_lock);
	n->next = nets;
	nets = n;
	pthread_mutex_unlock(&nets_lock);
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
	.create = net_create,
};
