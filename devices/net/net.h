/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a software network card is connected to: its port, which takes frames and
 * gives frames, and the back ends behind it.
 *
 * Lives
 *   struct net      embedded in a card, from net_init() to net_exit()
 *   back end        from net_start() to net_stop(); it is where packets come from
 *                   and go
 *   struct mover    while at least one of its ports is started; see mover.c.  The
 *                   two ends of a wire have one in common
 *
 * A mover takes packets out of cards and puts them into cards, in rounds, a burst
 * of each at a time: from the program's memory to the program's memory in one
 * copy, where both ends are its.  mover.c says in whose thread.
 *
 * Nothing is lost for want of room: a packet stays where it is until the receiver
 * gives a buffer.  A receiver that gives none for NET_PATIENCE_NS is not there;
 * what is for it is dropped until it is.
 *
 * Locks, outermost first
 *   the device's lock
 *   nets_lock       (port.c) which ports there are, and their movers
 *   mover::lock     what moves packets: struct net, the card's queues and
 *                   filters, the back end.  The thread has it for a round; others
 *                   are let in between two rounds
 * The thread takes neither of the first two: registers do not wait for it longer
 * than a round takes.
 */
#ifndef ANYVFIO_NET_H
#define ANYVFIO_NET_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/if_ether.h>

#include "anyvfio/device.h"

#define NET_BURST 64
#define NET_MAX_PIECES 64
#define NET_MAX_LEN 65550u /* of a packet: 64 KiB and its headers */
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
 * struct net_card - what a kind of card does; all calls come with the mover's lock
 *         held, @transmit and @deliver only while net::driver_ok
 * @transmit: hands a burst of packets to net::backend's send(): how many.
 *         @busy: the driver need not notify; else it is asked to
 * @deliver: takes a packet into receive queue @pair: 0; -EAGAIN when there is no
 *         buffer for it; another error when it is dropped
 * @deliver_end: the end of a round's deliveries, or NULL
 * @release: the end of a round: memory of the program is let go, or NULL
 * @link:  the other end is there, or not any more
 */
struct net_card {
	unsigned int (*transmit)(struct net *n, bool busy);
	int (*deliver)(struct net *n, unsigned int pair,
		       const struct net_packet *pkt);
	void (*deliver_end)(struct net *n);
	void (*release)(struct net *n);
	void (*link)(struct net *n, bool up);
};

/**
 * struct net_backend - what a port is connected to; all calls but @send may be
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

struct net {
	struct net *next; /* nets_lock */

	/* Constant from net_init() on, but for @backend: that is found when the
	 * port starts. */
	struct anyvfio_device *dev;
	const struct net_card *card;
	const struct net_backend *backend;
	const char *peer_name;
	const char *rx_file, *tx_file, *tap_name;
	bool original_pace;
	uint64_t repeat; /* 0: for ever */
	uint8_t mac[ETH_ALEN];
	bool polled; /* its driver cannot wake the mover */

	struct mover *mover; /* nets_lock; from start to stop */

	/* The mover's lock. */
	void *link; /* the back end's own; from its start to its stop */
	struct net *peer; /* while it is in the same mover */
	bool driver_ok; /* who is at the other end has somebody to talk to */
	unsigned int pairs; /* of queues in use */
	bool starved; /* a packet waits for a buffer, since: */
	uint64_t starved_since;
	bool absent; /* it waited too long */
};

/* ---- port.c: what a card calls with the device's lock held ---- */

/* Options of all cards, for the model's table. */
/* clang-format off */
#define NET_OPTIONS \
	{ "peer", "address of the card at the other end of the wire" }, \
	{ "rx", "pcap or pcapng file whose packets are received" }, \
	{ "tx", "pcap file that transmitted packets are written to" }, \
	{ "pace", "fast, or original: by the times in the rx file; fast" }, \
	{ "repeat", "how often the rx file is played, 0 for ever; 1" }, \
	{ "tap", "name of a tap interface of this machine" }, \
	{ "loop", "on: what is transmitted is received; off" }, \
	{ "mac", "address, as 02:00:00:00:00:01; made from the PCI address" }
/* clang-format on */

/* Reads the options: 0, or -EINVAL after a message. */
int net_init(struct net *n, struct anyvfio_device *dev,
	     const struct net_card *card);
/* The card can be found by others, as the last step of its create(). */
void net_register(struct net *n);
void net_exit(struct net *n);

int net_start(struct net *n);
void net_stop(struct net *n);
/* With the mover's lock held: the driver comes and goes. */
void net_driver(struct net *n, bool ok);
/* The same, and nothing waits any more; the card hears of its link. */
void net_reset(struct net *n);

/* Puts a packet into receive queue @pair, or drops it: 0.  -EAGAIN: there is no
 * buffer now. */
int net_deliver(struct net *n, unsigned int pair, const struct net_packet *pkt);
void net_deliver_end(struct net *n);
/* The receive queue for a flow that has none yet. */
unsigned int net_steer(const struct net *n, const uint8_t *frame, size_t len);

/* ---- mover.c ---- */

uint64_t net_now(void);
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

/* ---- pcap.c ---- */

/* What can be checked without a side effect: 0, or -EINVAL after a message. */
int net_pcap_check(struct net *n);

#endif /* ANYVFIO_NET_H */
