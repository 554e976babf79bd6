/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Transmitting: the data of descriptors is gathered until a frame is complete,
 * finished, and sent; a large one as several.  What was read from a descriptor is
 * ours, so that it is handed back at once; the last one of a frame when the frame
 * is gone.
 *
 * A frame that makes no sense, or whose data cannot be read, is dropped.
 */
#include "e1000.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

#define FCS_LEN ETH_FCS_LEN
#define TAG_LEN 4
#define BURST 256 /* descriptors in one go */

static bool is_context(const struct e1000_tx_desc *desc)
{
	return desc->lower & TXD_DEXT && !(desc->lower & TXD_TYPE);
}

/* ---- gathering ---- */

static void take_context(struct e1000 *e, const struct e1000_tx_desc *desc)
{
	struct e1000_tx_context *context = &e->tx.context;

	memcpy(context, desc, sizeof(*context));
	if (context->lower & TXD_TSE)
		e1000_count(e, E1000_TSCTC, 1);
}

/* The first descriptor of a frame says what is to be done with it. */
static void take_data(struct e1000 *e, const struct e1000_tx_desc *desc)
{
	struct e1000_tx *tx = &e->tx;
	bool extended = desc->lower & TXD_DEXT;
	uint32_t len = desc->lower & (extended ? TXD_LEN : 0xffff);

	if (!tx->begun) {
		tx->begun = true;
		tx->bad = false;
		tx->len = 0;
		tx->first = *desc;
	}
	if (tx->bad)
		return;
	if (len > sizeof(tx->data) - tx->len ||
	    anyvfio_dma_read(e->dev, desc->addr, tx->data + tx->len, len))
		tx->bad = true;
	else
		tx->len += len;
}

/* ---- finishing ---- */

static bool has(const struct e1000_tx *tx, uint32_t command)
{
	return tx->first.lower & TXD_DEXT && tx->first.lower & command;
}

/* Who does not want the FCS inserted has one: on the wire, the receiver would
 * drop what has a wrong one. */
static bool take_fcs(struct e1000_tx *tx)
{
	uint32_t fcs;

	if (tx->last.lower & TXD_IFCS)
		return true;
	if (tx->len < ETH_HLEN + FCS_LEN)
		return false;
	tx->len -= FCS_LEN;
	fcs = e1000_fcs(tx->data, tx->len);
	return !memcmp(tx->data + tx->len, &fcs, FCS_LEN);
}

/* A frame is complete: is there something to send? */
static bool begin_send(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;

	tx->begun = false;
	tx->sent = 0;
	tx->built = false;
	if (tx->bad || !take_fcs(tx) || tx->len < ETH_HLEN)
		return false;
	if (has(tx, TXD_TSE))
		return e1000_segments_begin(e);
	return tx->len <= E1000_MAX_FRAME - FCS_LEN;
}

static void insert_tag(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;
	uint8_t *type = tx->out + 2 * ETH_ALEN;
	uint32_t vet = e1000_get(e, E1000_VET);

	if (!(tx->last.lower & TXD_VLE) ||
	    !(e1000_get(e, E1000_CTRL) & CTRL_VME))
		return;
	memmove(type + TAG_LEN, type, tx->out_len - 2 * ETH_ALEN);
	type[0] = vet >> 8;
	type[1] = vet;
	type[2] = tx->last.special >> 8;
	type[3] = tx->last.special;
	tx->out_len += TAG_LEN;
}

static void legacy_checksum(struct e1000_tx *tx)
{
	uint32_t start = tx->last.options;
	uint32_t offset = tx->last.lower >> 16 & 0xff;

	if (!(tx->last.lower & TXD_DEXT) && tx->last.lower & TXD_IC)
		e1000_checksum(tx->out, tx->out_len, start, offset, 0, false);
}

/* The next frame of what was gathered, as it goes out: @tx->out. */
static void build(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;

	if (has(tx, TXD_TSE)) {
		e1000_segment_build(e);
	} else {
		memcpy(tx->out, tx->data, tx->len);
		tx->out_len = tx->len;
		tx->out_payload = tx->len;
		legacy_checksum(tx);
	}
	e1000_context_checksums(tx);
	insert_tag(e);
	if (e1000_get(e, E1000_TCTL) & TCTL_PSP && tx->out_len < ETH_ZLEN) {
		memset(tx->out + tx->out_len, 0, ETH_ZLEN - tx->out_len);
		tx->out_len = ETH_ZLEN;
	}
	tx->built = true;
}

static void count_sent(struct e1000 *e)
{
	const struct e1000_tx *tx = &e->tx;
	uint32_t len = tx->out_len + FCS_LEN;

	e1000_count(e, E1000_TPT, 1);
	e1000_count(e, E1000_GPTC, 1);
	e1000_count(e, e1000_size_counter(E1000_PTC64, len), 1);
	e1000_count_bytes(e, E1000_GOTCL, len);
	e1000_count_bytes(e, E1000_TOTL, len);
	if (!(tx->out[0] & 1))
		return;
	e1000_count(e,
		    memcmp(tx->out, "\xff\xff\xff\xff\xff\xff", ETH_ALEN)
			    ? E1000_MPTC
			    : E1000_BPTC,
		    1);
}

static int send_out(struct e1000 *e)
{
	const struct net_packet pkt = {
		.len = e->tx.out_len,
		.nr = 1,
		.piece = { { e->tx.out, e->tx.out_len } },
	};

	return e->net.backend->send(&e->net, 0, &pkt);
}

/* 0 when all of it is sent; -EAGAIN: later, from where it is. */
static int send_all(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;
	uint32_t payload = tx->len - tx->header_len;

	do {
		if (!tx->built)
			build(e);
		if (send_out(e))
			return -EAGAIN;
		count_sent(e);
		tx->built = false;
		tx->sent += tx->out_payload;
	} while (has(tx, TXD_TSE) && tx->sent < payload);
	return 0;
}

/* ---- descriptors ---- */

/* -EAGAIN: the frame that it completes is still there. */
static int take(struct e1000 *e, const struct e1000_tx_desc *desc)
{
	struct e1000_tx *tx = &e->tx;

	if (is_context(desc)) {
		take_context(e, desc);
		return 0;
	}
	take_data(e, desc);
	if (!(desc->lower & TXD_EOP))
		return 0;
	tx->last = *desc;
	tx->waiting = begin_send(e);
	return tx->waiting ? send_all(e) : 0;
}

/* Its status is one byte, and says "done" to who asked for it. */
static void hand_back(struct e1000 *e, const struct e1000_tx_desc *desc)
{
	uint8_t status = desc->status | TXD_DD;

	if (desc->lower & (TXD_RS | TXD_RPS) &&
	    e1000_ring_write(&e->tx.ring, 0,
			     offsetof(struct e1000_tx_desc, status), &status,
			     sizeof(status)))
		return;
	e1000_ring_advance(&e->tx.ring, 1);
	if (desc->lower & (TXD_RS | TXD_RPS))
		e->tx.causes |= ICR_TXDW;
}

/* Goes on with the descriptor at the head: false when nothing moves. */
static bool step(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;
	int ret;

	if (!tx->waiting) {
		if (e1000_ring_read(&tx->ring, 0, &tx->desc))
			return false;
		ret = take(e, &tx->desc);
	} else {
		ret = send_all(e);
	}
	if (ret)
		return false;
	tx->waiting = false;
	hand_back(e, &tx->desc);
	return true;
}

static bool is_ready(const struct e1000 *e)
{
	return e1000_get(e, E1000_TCTL) & TCTL_EN &&
	       e1000_ring_owned(&e->tx.ring);
}

unsigned int e1000_transmit(struct net *n, bool busy)
{
	struct e1000 *e = e1000_of(n);
	unsigned int nr = 0;

	while (nr < BURST && is_ready(e) && step(e))
		nr++;
	if (nr && !e1000_ring_owned(&e->tx.ring))
		e->tx.causes |= ICR_TXQE;
	if (e->tx.causes)
		e1000_irq_raise(e, e->tx.causes);
	e->tx.causes = 0;
	return nr;
}

/* What was gathered is lost. */
void e1000_transmit_reset(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;

	tx->begun = false;
	tx->waiting = false;
	tx->causes = 0;
	tx->ring.failed = false;
	memset(&tx->context, 0, sizeof(tx->context));
}
