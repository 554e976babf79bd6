/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Back ends without a world outside: a wire to another net, a loop to itself, and
 * nothing at all.
 */
#include "net.h"

static int none_send(struct net *n, unsigned int pair,
		     const struct net_packet *pkt)
{
	return 0;
}

/* What leaves by queue @pair arrives in queue @pair: a flow stays in one, and a
 * driver gets its answers where it sent from. */
static int wire_send(struct net *n, unsigned int pair,
		     const struct net_packet *pkt)
{
	struct net *to = n->peer;

	return to && to->driver_ok ? net_deliver(to, pair, pkt) : 0;
}

static void wire_flush(struct net *n)
{
	if (n->peer)
		net_deliver_end(n->peer);
}

/* The link is up while both ends are there. */
void net_wire_update(struct net *n)
{
	struct net *peer = n->peer;

	if (peer)
		peer->card->link(peer, n->driver_ok);
	n->card->link(n, peer && peer->driver_ok);
}

static int loop_send(struct net *n, unsigned int pair,
		     const struct net_packet *pkt)
{
	return net_deliver(n, pair, pkt);
}

static void loop_flush(struct net *n)
{
	net_deliver_end(n);
}

const struct net_backend net_none = {
	.in_place = true,
	.send = none_send,
};

const struct net_backend net_wire = {
	.in_place = true,
	.send = wire_send,
	.flush = wire_flush,
};

const struct net_backend net_loop = {
	.in_place = true,
	.send = loop_send,
	.flush = loop_flush,
};
