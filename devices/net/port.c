/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Ports of cards: their options, who is connected to whom, and deliveries. */
#include "net.h"

#include <stdio.h>
#include <string.h>

/* All there are, so that peers find each other. */
static pthread_mutex_t nets_lock = PTHREAD_MUTEX_INITIALIZER;
static struct net *nets;

/* ---- peers ---- */

static bool is_peer(const struct net *a, const struct net *b)
{
	const char *name = anyvfio_device_name(b->dev);

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
		anyvfio_device_error(n->dev,
				     "peer=%s: there is no such network card",
				     n->peer_name);
	else if (rival)
		anyvfio_device_error(
			n->dev, "a wire has two ends: %s wants to be one too",
			anyvfio_device_name(rival->dev));
	else if (peer && peer->backend != &net_wire &&
		 peer->backend != &net_none)
		anyvfio_device_error(
			n->dev, "its peer %s is connected to something else",
			anyvfio_device_name(peer->dev));
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

/* ---- start and stop ---- */

int net_start(struct net *n)
{
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

void net_stop(struct net *n)
{
	pthread_mutex_lock(&nets_lock);
	net_mover_leave(n);
	pthread_mutex_unlock(&nets_lock);
	if (n->backend->stop)
		n->backend->stop(n);
}

void net_driver(struct net *n, bool ok)
{
	n->driver_ok = ok;
	if (n->backend == &net_wire)
		net_wire_update(n);
}

void net_reset(struct net *n)
{
	n->starved = false;
	n->absent = false;
	net_driver(n, false);
	if (n->backend != &net_wire)
		n->card->link(n, n->backend != &net_none);
}

void net_register(struct net *n)
{
	pthread_mutex_lock(&nets_lock);
	n->next = nets;
	nets = n;
	pthread_mutex_unlock(&nets_lock);
}

void net_exit(struct net *n)
{
	struct net **link;

	pthread_mutex_lock(&nets_lock);
	for (link = &nets; *link != n; link = &(*link)->next)
		;
	*link = n->next;
	pthread_mutex_unlock(&nets_lock);
}

/* ---- deliveries ---- */

/* No buffer: 0, or -EAGAIN as long as the receiver may be expected to give one. */
static int starve(struct net *n)
{
	uint64_t now;

	if (n->absent)
		return 0;
	now = net_now();
	if (!n->starved)
		n->starved_since = now;
	n->starved = true;
	if (n->backend->patient || now - n->starved_since < NET_PATIENCE_NS)
		return -EAGAIN;
	n->absent = true;
	return 0;
}

int net_deliver(struct net *n, unsigned int pair, const struct net_packet *pkt)
{
	int ret = n->card->deliver(n, pair, pkt);

	if (ret == -EAGAIN)
		return starve(n);
	n->starved = false;
	if (!ret)
		n->absent = false;
	return 0;
}

void net_deliver_end(struct net *n)
{
	if (n->card->deliver_end)
		n->card->deliver_end(n);
}

/* Addresses, protocol and ports, or what is there of them: packets of one flow
 * stay in order because they stay in one queue. */
unsigned int net_steer(const struct net *n, const uint8_t *frame, size_t len)
{
	size_t from = 0, last = len < ETH_HLEN ? len : ETH_HLEN, i;
	uint32_t hash = 2166136261u;

	if (n->pairs == 1)
		return 0;
	if (len >= 38 && frame[12] == 0x08 && frame[13] == 0x00) {
		from = 26;
		last = frame[14] == 0x45 && !(frame[20] & 0x3f) && !frame[21]
			       ? 38
			       : 34;
	} else if (len >= 58 && frame[12] == 0x86 && frame[13] == 0xdd) {
		from = 22;
		last = frame[20] == 6 || frame[20] == 17 ? 58 : 54;
	}
	for (i = from; i < last; i++)
		hash = (hash ^ frame[i]) * 16777619u;
	return (hash ^ hash >> 16) % n->pairs;
}

/* ---- options ---- */

static const char *option(struct net *n, const char *name)
{
	return anyvfio_device_option(n->dev, name);
}

static int bad_option(struct net *n, const char *name, const char *want)
{
	anyvfio_device_error(n->dev, "%s=%s: must be %s", name, option(n, name),
			     want);
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

		sscanf(anyvfio_device_name(n->dev), "%x:%x:%x.%x", &segment,
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

static int parse_files(struct net *n)
{
	const char *pace = option(n, "pace");

	n->rx_file = option(n, "rx");
	n->tx_file = option(n, "tx");
	n->original_pace = pace && !strcmp(pace, "original");
	if (pace && !n->original_pace && strcmp(pace, "fast") != 0)
		return bad_option(n, "pace", "fast or original");
	if ((pace || option(n, "repeat")) && !n->rx_file) {
		anyvfio_device_error(n->dev, "%s= is for an rx= file",
				     pace ? "pace" : "repeat");
		return -EINVAL;
	}
	return anyvfio_device_option_size(n->dev, "repeat", 1, &n->repeat);
}

static int parse_loop(struct net *n, bool *loop)
{
	const char *text = option(n, "loop");

	*loop = text && !strcmp(text, "on");
	if (!text || *loop || !strcmp(text, "off"))
		return 0;
	return bad_option(n, "loop", "on or off");
}

/* One, or none. */
static int parse_backend(struct net *n)
{
	bool loop;
	int ret;

	ret = parse_loop(n, &loop);
	if (!ret)
		ret = parse_files(n);
	if (ret)
		return ret;
	n->peer_name = option(n, "peer");
	n->tap_name = option(n, "tap");
	if ((n->rx_file || n->tx_file) + !!n->peer_name + !!n->tap_name + loop >
	    1) {
		anyvfio_device_error(n->dev, "it is connected to one thing: "
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

int net_init(struct net *n, struct anyvfio_device *dev,
	     const struct net_card *card)
{
	int ret;

	n->dev = dev;
	n->card = card;
	n->pairs = 1;
	ret = parse_mac(n);
	return ret ? ret : parse_backend(n);
}
