/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio network device (virtio 1.2, 5.1) and what it is connected to.
 *
 * Lives
 *   struct net      from the model's create() to its destroy()
 *   back end        from start() to stop(); it is where packets come from and go
 *   struct mover    while at least one of its ports is started; see mover.c.  The
 *                   two ends of a wire have one in common
 *
 * A mover takes packets out of transmit queues and puts them into receive queues,
 * in rounds, a burst of each queue at a time: from the program's memory to the
 * program's memory in one copy, where both ends are its.  mover.c says in whose
 * thread.
 *
 * Nothing is lost for want of room: a packet stays where it is until the receiver
 * gives a buffer.  A receiver that gives none for NET_PATIENCE_NS is not there;
 * what is for it is dropped until it is.
 *
 * Locks, outermost first
 *   the device's lock
 *   nets_lock       (model.c) which nets there are, and their movers
 *   mover::lock     queues, filters, back ends of its ports.  The thread has it
 *                   for a round; others are let in between two rounds
 *   virtio::lock
 * The thread takes neither of the first two: registers do not wait for it longer
 * than a round takes.
 */
#ifndef ANYVFIO_VIRTIO_NET_H
#define ANYVFIO_VIRTIO_NET_H

#include <sys/uio.h>

#include <linux/if_ether.h>
#include <linux/virtio_net.h>

#include "../virtio/virtio.h"

#define NET_MAX_PAIRS 8
#define NET_BURST 64
#define NET_MAX_PIECES 64
#define NET_MAX_LEN 65550u /* of a packet: 64 KiB and its headers */
#define NET_MAX_MACS 64
#define NET_PATIENCE_NS 1000000000ull

struct net;

/**
 * struct net_packet - a frame on its way
 * @piece: where it is: in the program's memory or ours; touched with
 *         anyvfio_dma_copy_in()
 */
struct net_packet {
	uint32_t len;
	unsigned int nr;
	struct iovec piece[NET_MAX_PIECES];
};

/**
 * struct net_backend - what a net is connected to; all calls but @send may be
 *         NULL, and come with the mover's lock held, but @start and @stop
 * @in_place: sending takes no system call: the driver's thread can do it
 * @patient: its packets wait for a buffer as long as it takes
 * @start, @stop: with the device's lock held, and the mover not there
 * @send:  takes a packet of transmit queue @pair: 0 when it is sent or dropped,
 *         -EAGAIN when it has to wait
 * @receive: hands packets to net_deliver(): how many
 * @flush: the end of a round's sending
 * @idle:  before the mover sleeps
 * @poll_fd: a descriptor that says when there is something to receive, or -1
 * @wait_ns: how long to sleep at most until there is, or -1
 */
struct net_backend {
	bool in_place;
	bool patient;
	int (*start)(struct net *n);
	void (*stop)(struct net *n);
	int (*send)(struct net *n, unsigned int pair,
		    const struct net_packet *pkt);
	unsigned int (*receive)(struct net *n);
	void (*flush)(struct net *n);
	void (*idle)(struct net *n);
	int (*poll_fd)(struct net *n);
	int64_t (*wait_ns)(struct net *n);
};

extern const struct net_backend net_none, net_loop, net_wire, net_pcap, net_tap;

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

struct net {
	struct virtio v; /* first: the transport knows no other address */
	struct net *next; /* nets_lock */

	/* Constant from create on. */
	const struct net_backend *backend;
	const char *peer_name;
	const char *rx_file, *tx_file, *tap_name;
	bool original_pace;
	uint64_t repeat; /* 0: for ever */
	unsigned int max_pairs;
	uint8_t mac[ETH_ALEN];

	struct mover *mover; /* nets_lock; from start to stop */

	/* The mover's lock. */
	void *link; /* the back end's own; from its start to its stop */
	struct net *peer; /* while it is in the same mover */
	bool driver_ok;
	unsigned int pairs; /* in use */
	unsigned int ctrl; /* the control queue's index */
	unsigned int header; /* bytes before each packet */
	bool mergeable;
	bool starved; /* a packet waits for a buffer, since: */
	uint64_t starved_since;
	bool absent; /* it waited too long */
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

static inline struct net *net_of(struct virtio *v)
{
	return (struct net *)v;
}

static inline struct virtq *net_rx_queue(struct net *n, unsigned int pair)
{
	return &n->v.queues[2 * pair];
}

static inline struct virtq *net_tx_queue(struct net *n, unsigned int pair)
{
	return &n->v.queues[2 * pair + 1];
}

uint64_t net_now(void);
/* Sets the link's state as the driver sees it.  Mover's lock. */
void net_set_link(struct net *n, bool up);

/* ---- transmit.c: one burst; how many packets left ---- */

/* @busy: the driver need not notify. */
unsigned int net_transmit(struct net *n, unsigned int pair, bool busy);

/* ---- receive.c ---- */

/* Puts a packet into receive queue @pair, or drops it: 0.  -EAGAIN: there is no
 * buffer now. */
int net_deliver(struct net *n, unsigned int pair, const struct net_packet *pkt);
/* The end of a round: receive queues are let go. */
void net_deliver_end(struct net *n);
/* The receive queue for a flow that has none yet. */
unsigned int net_steer(const struct net *n, const uint8_t *frame, size_t len);

/* ---- control.c ---- */

void net_control(struct net *n);
void net_filter_reset(struct net *n);
bool net_wants(struct net *n, const struct net_packet *pkt);

/* ---- mover.c ---- */

/* Of the two with nets_lock held.  @peer: the other end of its wire, or NULL; both
 * ends have one mover.  0, or a negated errno after a message. */
int net_mover_join(struct net *n, struct net *peer);
void net_mover_leave(struct net *n);
void net_mover_lock(struct mover *m);
void net_mover_unlock(struct mover *m);
void net_mover_wake(struct mover *m);
/* The driver of @n did something to a queue. */
void net_mover_notified(struct net *n);

/* ---- wire.c ---- */

/* The driver of @n is there, or not any more. */
void net_wire_update(struct net *n);

/* ---- pcap.c, tap.c ---- */

/* What can be checked without a side effect: 0, or -EINVAL after a message. */
int net_pcap_check(struct net *n);

#endif /* ANYVFIO_VIRTIO_NET_H */
