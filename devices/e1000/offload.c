/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the card does to a frame that leaves: checksums, and cutting a large TCP
 * segment into small ones.  Offsets are the driver's, and may lie outside the
 * frame: then nothing is done.
 */
#include "e1000.h"

#include <string.h>

#define TCP_FIN_PSH 0x09u

/* ---- bytes ---- */

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t val)
{
	p[0] = val >> 8;
	p[1] = val;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t val)
{
	put16(p, val >> 16);
	put16(p + 2, val);
}

/* Four bits at a time, from the lowest. */
uint32_t e1000_fcs(const uint8_t *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = ~0u;

	for (; len; len--, data++) {
		crc = crc >> 4 ^ table[(crc ^ *data) & 15];
		crc = crc >> 4 ^ table[(crc ^ *data >> 4) & 15];
	}
	return ~crc;
}

/* ---- checksums ---- */

void e1000_checksum(uint8_t *frame, uint32_t len, uint32_t start,
		    uint32_t offset, uint32_t last, bool udp)
{
	uint32_t end = last && last < len ? last + 1 : len, i;
	uint64_t sum = 0;

	if (start >= end || offset + 2 > len)
		return;
	for (i = start; i + 1 < end; i += 2)
		sum += get16(frame + i);
	if (i < end)
		sum += frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	put16(frame + offset, udp && !sum ? 0xffff : sum);
}

void e1000_context_checksums(struct e1000_tx *tx)
{
	const struct e1000_tx_context *c = &tx->context;
	bool extended = tx->first.lower & TXD_DEXT;

	if (extended && tx->first.options & TXD_IXSM)
		e1000_checksum(tx->out, tx->out_len, c->ipcss, c->ipcso,
			       c->ipcse, false);
	if (extended && tx->first.options & TXD_TXSM)
		e1000_checksum(tx->out, tx->out_len, c->tucss, c->tucso,
			       c->tucse, !(c->lower & TXD_TCP));
}

/* ---- segments ---- */

/* All that is patched in a segment's header must be in it. */
bool e1000_segments_begin(struct e1000 *e)
{
	const struct e1000_tx_context *c = &e->tx.context;
	struct e1000_tx *tx = &e->tx;

	tx->header_len = c->header_len;
	return c->mss && tx->len > c->header_len &&
	       c->header_len >= c->ipcss + 20u &&
	       c->header_len >= c->tucss + (c->lower & TXD_TCP ? 20u : 8u) &&
	       c->header_len >= c->tucso + 2u &&
	       c->header_len + c->mss <= E1000_MAX_OUT - 64;
}

static void patch_ip(const struct e1000_tx *tx, uint8_t *ip, uint32_t nth)
{
	uint32_t len = tx->out_len - tx->context.ipcss;

	if (tx->context.lower & TXD_IP) {
		put16(ip + 2, len);
		put16(ip + 4, get16(ip + 4) + nth);
	} else {
		put16(ip + 4, len - 40);
	}
}

/* The driver has put the checksum of a pseudo header without length. */
static void add_length(uint8_t *checksum, uint32_t len)
{
	uint32_t sum = get16(checksum) + len;

	put16(checksum, (sum & 0xffff) + (sum >> 16));
}

static void patch_l4(const struct e1000_tx *tx, uint8_t *l4, bool last)
{
	const struct e1000_tx_context *c = &tx->context;

	if (c->lower & TXD_TCP) {
		put32(l4 + 4, get32(l4 + 4) + tx->sent);
		if (!last)
			l4[13] &= ~TCP_FIN_PSH;
	} else {
		put16(l4 + 4, tx->out_len - c->tucss);
	}
}

void e1000_segment_build(struct e1000 *e)
{
	struct e1000_tx *tx = &e->tx;
	const struct e1000_tx_context *c = &tx->context;
	uint32_t left = tx->len - tx->header_len - tx->sent;
	uint32_t part = left < c->mss ? left : c->mss;

	memcpy(tx->out, tx->data, tx->header_len);
	memcpy(tx->out + tx->header_len, tx->data + tx->header_len + tx->sent,
	       part);
	tx->out_len = tx->header_len + part;
	tx->out_payload = part;
	patch_ip(tx, tx->out + c->ipcss, tx->sent / c->mss);
	patch_l4(tx, tx->out + c->tucss, part == left);
	if (tx->first.options & TXD_TXSM)
		add_length(tx->out + c->tucso, tx->out_len - c->tucss);
}
