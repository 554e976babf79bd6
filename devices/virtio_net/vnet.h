/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio network device (virtio 1.2, 5.1), one of the cards of ../net/net.h.
 *
 * The mover's lock is the lock of its queues (virtio_type::lock()), outside of
 * virtio::lock.  Drivers are told not to notify while the mover is busy.
 */
#ifndef ANYVFIO_VNET_H
#define ANYVFIO_VNET_H

#include <linux/virtio_net.h>

#include "../net/net.h"
#include "../virtio/virtio.h"

#define NET_MAX_PAIRS 8
#define NET_MAX_MACS 64

/* What the driver wants to receive.  After a reset: everything. */
struct net_filter {
	bool promisc, all_multi, all_uni, no_multi, no_uni, no_broad;
	bool uni_overflow, multi_overflow;
	unsigned int nr_uni, nr_multi;
	uint8_t uni[NET_MAX_MACS][ETH_ALEN];
	uint8_t multi[NET_MAX_MACS][ETH_ALEN];
	uint64_t vlans[4096 / 64];
};

struct net_drops {
	uint64_t malformed, too_long;
};

struct vnet {
	struct virtio v; /* first: the transport knows no other address */
	struct net net;
	unsigned int max_pairs; /* constant from create on */

	/* The mover's lock. */
	unsigned int ctrl; /* the control queue's index */
	unsigned int header; /* bytes before each packet */
	bool mergeable;
	uint32_t rx_begun; /* receive queues that are held in this round */
	uint32_t rx_open; /* atomic: those whose driver has notified */
	struct virtio_mem mem;
	struct net_filter filter;
	struct net_drops drops;
	struct net_packet packet;
	struct virtq_chain tx_chain, rx_chain;
	uint8_t command[4 + 2 * (4 + NET_MAX_MACS * ETH_ALEN)];

	/* virtio::lock */
	struct virtio_net_config config;
};

static inline struct vnet *vnet_of(struct net *n)
{
	return (struct vnet *)((char *)n - offsetof(struct vnet, net));
}

static inline struct vnet *vnet_of_virtio(struct virtio *v)
{
	return (struct vnet *)v;
}

static inline struct virtq *net_rx_queue(struct vnet *n, unsigned int pair)
{
	return &n->v.queues[2 * pair];
}

static inline struct virtq *net_tx_queue(struct vnet *n, unsigned int pair)
{
	return &n->v.queues[2 * pair + 1];
}

/* ---- transmit.c: one burst; how many packets left ---- */

/* @busy: the driver need not notify. */
unsigned int vnet_transmit(struct vnet *n, unsigned int pair, bool busy);

/* ---- receive.c: see struct net_card ---- */

int vnet_deliver(struct net *net, unsigned int pair,
		 const struct net_packet *pkt);
void vnet_deliver_end(struct net *net);

/* ---- control.c ---- */

void vnet_control(struct vnet *n);
void vnet_filter_reset(struct vnet *n);
bool vnet_wants(struct vnet *n, const struct net_packet *pkt);

#endif /* ANYVFIO_VNET_H */
