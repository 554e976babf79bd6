/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Receiving: which frames the driver wants, and putting them into its buffers.
 * Checksums are not looked at, and descriptors say so.
 *
 * A frame is in the driver's memory before the first of its descriptors is handed
 * back; one that cannot be written is lost, and its buffers wait for the next.
 */
#include "e1000.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

#define FCS_LEN ETH_FCS_LEN
#define TAG_LEN 4
#define MAX_SHORT 1522u /* with its FCS and a VLAN tag */

/* ---- filters ---- */

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static bool is_multicast(const uint8_t *frame)
{
	return frame[0] & 1;
}

static bool is_broadcast(const uint8_t *frame)
{
	static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff,
						     0xff, 0xff, 0xff };

	return !memcmp(frame, broadcast, ETH_ALEN);
}

/* One of the 16 addresses, as destination or as source. */
static bool passes_exact(const struct e1000 *e, const uint8_t *frame)
{
	uint32_t low, high, i;
	const uint8_t *a;

	for (i = 0; i < E1000_NR_RA; i++) {
		low = e1000_get(e, E1000_RAL0 + 8 * i);
		high = e1000_get(e, E1000_RAH0 + 8 * i);
		a = high & RAH_SOURCE ? frame + ETH_ALEN : frame;
		if (high & RAH_AV &&
		    low == (a[0] | a[1] << 8 | a[2] << 16 |
			    (uint32_t)a[3] << 24) &&
		    (high & 0xffff) == (a[4] | a[5] << 8))
			return true;
	}
	return false;
}

/* 12 of the last 16 bits of the address choose a bit of the table. */
static bool passes_hash(const struct e1000 *e, const uint8_t *frame)
{
	static const unsigned int shift[] = { 4, 3, 2, 0 };
	uint32_t rctl = e1000_get(e, E1000_RCTL);
	uint32_t hash = (frame[4] | frame[5] << 8) >>
			shift[rctl >> RCTL_MO_SHIFT & 3];

	return e1000_get(e, E1000_MTA + (hash >> 5 & 0x7f) * 4) >> (hash & 31) &
	       1;
}

/* *@exact: it is for one of the addresses. */
static bool wants_address(const struct e1000 *e, const uint8_t *frame,
			  bool *exact)
{
	uint32_t rctl = e1000_get(e, E1000_RCTL);

	*exact = passes_exact(e, frame);
	if (*exact)
		return true;
	if (is_broadcast(frame) && rctl & RCTL_BAM)
		return true;
	if (is_multicast(frame))
		return rctl & RCTL_MPE || passes_hash(e, frame);
	return rctl & RCTL_UPE;
}

static bool is_tagged(const struct e1000 *e, const uint8_t *frame)
{
	return get16(frame + 2 * ETH_ALEN) == e1000_get(e, E1000_VET);
}

static bool wants_vlan(const struct e1000 *e, const uint8_t *frame)
{
	uint32_t rctl = e1000_get(e, E1000_RCTL), tci, id;

	if (!(rctl & RCTL_VFE) || !is_tagged(e, frame))
		return true;
	tci = get16(frame + ETH_HLEN);
	if (rctl & RCTL_CFIEN && !(tci & 0x1000) != !(rctl & RCTL_CFI))
		return false;
	id = tci & 0xfff;
	return e1000_get(e, E1000_VFTA + (id >> 5) * 4) >> (id & 31) & 1;
}

static bool fits(struct e1000 *e, uint32_t len)
{
	uint32_t most = e1000_get(e, E1000_RCTL) & RCTL_LPE ? E1000_MAX_FRAME
							    : MAX_SHORT;

	if (len <= most)
		return true;
	e1000_count(e, E1000_ROC, 1);
	return false;
}

/* ---- a frame on its way in ---- */

struct incoming {
	uint8_t *data;
	uint32_t len;
	uint8_t status; /* of all its descriptors */
	uint16_t special;
};

/* Takes the tag out, if the driver wants it in the descriptor. */
static void strip_tag(struct e1000 *e, struct incoming *in)
{
	uint8_t *type = in->data + 2 * ETH_ALEN;

	if (!(e1000_get(e, E1000_CTRL) & CTRL_VME) || !is_tagged(e, in->data))
		return;
	in->status |= RXD_VP;
	in->special = get16(type + 2);
	in->len -= TAG_LEN;
	memmove(type, type + TAG_LEN, in->len - 2 * ETH_ALEN);
}

static void add_fcs(struct e1000 *e, struct incoming *in)
{
	uint32_t fcs;

	if (e1000_get(e, E1000_RCTL) & RCTL_SECRC)
		return;
	fcs = e1000_fcs(in->data, in->len);
	memcpy(in->data + in->len, &fcs, FCS_LEN);
	in->len += FCS_LEN;
}

static uint32_t buffer_size(const struct e1000 *e)
{
	uint32_t rctl = e1000_get(e, E1000_RCTL);
	uint32_t size = 2048 >> (rctl >> RCTL_BSIZE_SHIFT & 3);

	return rctl & RCTL_BSEX && size < 2048 ? size * 16 : size;
}

static int fill(struct e1000 *e, const struct incoming *in, uint32_t nr,
		uint32_t size)
{
	struct e1000_rx_desc desc;
	uint32_t i, off, part;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		off = i * size;
		part = in->len - off < size ? in->len - off : size;
		ret = e1000_ring_read(&e->rx, i, &desc);
		if (!ret)
			ret = anyvfio_dma_write(e->dev, desc.addr,
						in->data + off, part);
	}
	return ret;
}

/* The half of a descriptor that the device writes is one access. */
static int hand_back(struct e1000 *e, const struct incoming *in, uint32_t nr,
		     uint32_t size)
{
	const unsigned int half = offsetof(struct e1000_rx_desc, length);
	struct e1000_rx_desc desc = { .special = in->special };
	uint32_t i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		desc.status = in->status | RXD_DD | RXD_IXSM;
		desc.length = size;
		if (i == nr - 1) {
			desc.status |= RXD_EOP;
			desc.length = in->len - i * size;
		}
		ret = e1000_ring_write(&e->rx, i, half, &desc.length,
				       sizeof(desc) - half);
	}
	return ret;
}

static void tell(struct e1000 *e)
{
	uint32_t rdmts = e1000_get(e, E1000_RCTL) >> RCTL_RDMTS_SHIFT & 3;
	uint32_t few = e1000_ring_size(&e->rx) >> (rdmts + 1);
	uint32_t causes = ICR_RXT0;

	if (e1000_ring_owned(&e->rx) <= few)
		causes |= ICR_RXDMT0;
	e1000_irq_raise(e, causes);
}

static void count_good(struct e1000 *e, const uint8_t *frame, uint32_t len)
{
	e1000_count(e, E1000_GPRC, 1);
	e1000_count(e, e1000_size_counter(E1000_PRC64, len), 1);
	e1000_count_bytes(e, E1000_GORCL, len);
	if (is_broadcast(frame))
		e1000_count(e, E1000_BPRC, 1);
	else if (is_multicast(frame))
		e1000_count(e, E1000_MPRC, 1);
}

/* ---- deliveries ---- */

static void lost(struct e1000 *e)
{
	e1000_count(e, E1000_MPC, 1);
	e1000_irq_raise(e, ICR_RXO);
}

/* A ring too small for the frame never has room. */
static int put(struct e1000 *e, struct incoming *in)
{
	uint32_t size = buffer_size(e);
	uint32_t nr = (in->len + size - 1) / size;

	if (e1000_ring_owned(&e->rx) < nr) {
		if (!e->rx.failed && nr < e1000_ring_size(&e->rx))
			return -EAGAIN;
		return -EFAULT;
	}
	if (fill(e, in, nr, size) || hand_back(e, in, nr, size))
		return -EFAULT;
	e1000_ring_advance(&e->rx, nr);
	return 0;
}

static bool wants(const struct e1000 *e, const uint8_t *frame, bool *exact)
{
	return wants_address(e, frame, exact) && wants_vlan(e, frame);
}

static int receive(struct e1000 *e, uint32_t len)
{
	struct incoming in = { .data = e->rx_frame };
	uint32_t on_wire;
	bool exact;
	int ret;

	if (len < ETH_ZLEN) {
		memset(in.data + len, 0, ETH_ZLEN - len);
		len = ETH_ZLEN;
	}
	in.len = len;
	on_wire = len + FCS_LEN;
	if (!wants(e, in.data, &exact))
		return -ECANCELED;
	if (!exact)
		in.status |= RXD_PIF;
	strip_tag(e, &in);
	add_fcs(e, &in);
	ret = put(e, &in);
	if (ret == -EAGAIN)
		return ret;
	e1000_count(e, E1000_TPR, 1);
	e1000_count_bytes(e, E1000_TORL, on_wire);
	if (ret) {
		lost(e);
		return ret;
	}
	count_good(e, e->rx_frame, on_wire);
	tell(e);
	return 0;
}

/* In one piece: 0, or -EFAULT when it is not there any more. */
static int copy_in(struct e1000 *e, const struct net_packet *pkt)
{
	uint32_t done = 0;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < pkt->nr && !ret; done += pkt->piece[i++].iov_len)
		ret = anyvfio_dma_copy_in(e->rx_frame + done,
					  pkt->piece[i].iov_base,
					  pkt->piece[i].iov_len);
	return ret;
}

static bool is_ready(const struct e1000 *e)
{
	return e1000_get(e, E1000_RCTL) & RCTL_EN && e->link_up;
}

/* A file waits for the driver; on a wire nobody does. */
int e1000_deliver(struct net *n, unsigned int pair,
		  const struct net_packet *pkt)
{
	struct e1000 *e = e1000_of(n);

	if (!is_ready(e))
		return n->backend->patient ? -EAGAIN : -ENETDOWN;
	if (!fits(e, pkt->len + FCS_LEN) || copy_in(e, pkt))
		return -EMSGSIZE;
	return receive(e, pkt->len);
}
