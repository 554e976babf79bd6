/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A tiny e1000 driver for tests: see the header. */
#include "driver.h"

struct sent sent[32];
unsigned int nr_sent, refuse;

/* ---- what is at the other end ---- */

static int keep(struct net *n, unsigned int pair, const struct net_packet *pkt)
{
	uint32_t done = 0;
	unsigned int i;

	if (refuse) {
		refuse--;
		return -EAGAIN;
	}
	assert_true(nr_sent < 32 && pkt->len <= sizeof(sent[0].data));
	for (i = 0; i < pkt->nr; done += pkt->piece[i++].iov_len)
		memcpy(sent[nr_sent].data + done, pkt->piece[i].iov_base,
		       pkt->piece[i].iov_len);
	sent[nr_sent++].len = pkt->len;
	return 0;
}

static const struct net_backend keeper = { .patient = true, .send = keep };

/* ---- life ---- */

static void make(struct card *c, const char *const *options)
{
	*c = (struct card){ .dev = fake_create(&anyvfio_e1000_model, options) };
	assert_non_null(c->dev);
	c->dev->own_lock = true;
	c->net = c->dev->priv;
}

static void start(struct card *c)
{
	nr_sent = refuse = 0;
	assert_int_equal(fake_start(c->dev), 0);
	wr(c, CTRL, CTRL_SLU);
}

void card_create(struct card *c)
{
	make(c, NULL);
	c->net->backend = &keeper;
	start(c);
}

void card_create_with(struct card *c, const char *const *options)
{
	make(c, options);
	start(c);
}

void card_create_pair(struct card *a, struct card *b)
{
	char peer[32];
	const char *const wire[] = { peer, NULL };

	make(a, NULL);
	snprintf(peer, sizeof(peer), "peer=%s", anyvfio_device_name(a->dev));
	make(b, wire);
	start(a);
	start(b);
}

void card_destroy(struct card *c)
{
	fake_destroy(c->dev);
}

/* ---- registers ---- */

uint32_t rd(struct card *c, uint32_t off)
{
	return fake_bar_read(c->dev, 0, off, 4);
}

void wr(struct card *c, uint32_t off, uint32_t val)
{
	fake_bar_write(c->dev, 0, off, 4, val);
}

uint16_t phy_read(struct card *c, unsigned int reg)
{
	wr(c, MDIC, 2u << 26 | 1u << 21 | reg << 16);
	assert_int_equal(rd(c, MDIC) >> 28 & 5, 1);
	return rd(c, MDIC);
}

void phy_write(struct card *c, unsigned int reg, uint16_t val)
{
	wr(c, MDIC, 1u << 26 | 1u << 21 | reg << 16 | val);
	assert_int_equal(rd(c, MDIC) >> 28 & 5, 1);
}

void card_up(struct card *c, uint32_t rctl)
{
	unsigned int i;

	memset(fake_ptr(c->dev, TX_RING), 0, RING * 16);
	memset(fake_ptr(c->dev, RX_RING), 0, RING * 16);
	for (i = 0; i < RING; i++)
		*(uint64_t *)fake_ptr(c->dev, RX_RING + i * 16) =
			RX_BUFFERS + i * BUFFER;
	wr(c, TDBAL, TX_RING);
	wr(c, TDLEN, RING * 16);
	wr(c, TDH, 0);
	wr(c, TDT, 0);
	wr(c, RDBAL, RX_RING);
	wr(c, RDLEN, RING * 16);
	wr(c, RDH, 0);
	wr(c, RDT, RING - 1);
	c->tx_tail = 0;
	c->rx_tail = RING - 1;
	wr(c, TCTL, TCTL_EN);
	wr(c, RCTL, RCTL_EN | rctl);
}

/* ---- sending ---- */

uint64_t tx_buffer(unsigned int nth)
{
	return TX_BUFFERS + nth * BUFFER;
}

unsigned int put_desc(struct card *c, uint64_t low, uint64_t high)
{
	unsigned int nth = c->tx_tail;
	uint64_t *desc = fake_ptr(c->dev, TX_RING + nth * 16);

	desc[0] = low;
	desc[1] = high;
	c->tx_tail = (nth + 1) % RING;
	return nth;
}

void put_tx(struct card *c, const void *data, uint32_t len, uint8_t cmd)
{
	uint64_t at = tx_buffer(c->tx_tail);

	memcpy(fake_ptr(c->dev, at), data, len);
	put_desc(c, at, len | (uint32_t)cmd << 24);
}

void go(struct card *c)
{
	wr(c, TDT, c->tx_tail);
	still_move();
}

bool tx_done(struct card *c, unsigned int nth)
{
	return *(uint8_t *)fake_ptr(c->dev, TX_RING + nth * 16 + 12) & 1;
}

/* ---- receiving ---- */

int come(struct card *c, const void *data, uint32_t len)
{
	struct net_packet pkt = { .len = len, .nr = 1 };
	int ret;

	pkt.piece[0].iov_base = (void *)data;
	pkt.piece[0].iov_len = len;
	net_mover_lock(c->net->mover);
	ret = net_deliver(c->net, 0, &pkt);
	net_mover_unlock(c->net->mover);
	return ret;
}

static const uint8_t *rx_desc(struct card *c, unsigned int nth)
{
	return fake_ptr(c->dev, RX_RING + nth * 16);
}

uint8_t rx_status(struct card *c, unsigned int nth)
{
	return rx_desc(c, nth)[12];
}

uint16_t rx_length(struct card *c, unsigned int nth)
{
	return *(const uint16_t *)(const void *)(rx_desc(c, nth) + 8);
}

uint16_t rx_special(struct card *c, unsigned int nth)
{
	return *(const uint16_t *)(const void *)(rx_desc(c, nth) + 14);
}

const uint8_t *rx_data(struct card *c, unsigned int nth)
{
	return fake_ptr(c->dev, RX_BUFFERS + nth * BUFFER);
}

void give_back(struct card *c)
{
	c->rx_tail = (rd(c, RDH) + RING - 1) % RING;
	wr(c, RDT, c->rx_tail);
}

void make_frame(struct card *c, uint8_t *frame, uint32_t len, const void *to,
		uint8_t seed)
{
	static const uint8_t from_and_type[] = { 2, 0, 0, 0, 0, 9, 0x88, 0xb5 };
	uint32_t i;

	for (i = 0; i < len; i++)
		frame[i] = i * 7 + seed;
	memcpy(frame, to ? to : c->net->mac, 6);
	memcpy(frame + 6, from_and_type, sizeof(from_and_type));
}
