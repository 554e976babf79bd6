/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The e1000: registers, descriptors of both kinds of ring, frames that come in,
 * memory that goes away, in any order.  What is sent has a length that an Ethernet
 * has; heads stay in their rings; causes of interrupts are those there are; and
 * after a reset the card works.
 */
#include "../../devices/models.h"
#include "../models/fake_device.h"
#include "../models/still_mover.h"
#include "fuzz.h"

#include <sys/mman.h>

enum { CTRL = 0, ICR = 0xc0, RCTL = 0x100, TCTL = 0x400 };
enum { RX = 0x2800, TX = 0x3800, BAL = 0, LEN = 8, HEAD = 0x10, TAIL = 0x18 };

#define LONGEST 16388u /* with a tag, without its FCS */
#define CAUSES 0x1f6dfu
#define RING 16u
#define TX_RING FAKE_IOVA
#define RX_RING (FAKE_IOVA + 0x1000)
#define BUFFERS (FAKE_IOVA + 0x2000)

static struct anyvfio_device *dev;
static struct net *net;
static unsigned int nr_sent, refuse;
static struct {
	uint32_t len;
	uint8_t data[60];
} last;

static int take(struct net *n, unsigned int pair, const struct net_packet *pkt)
{
	if (refuse) {
		refuse--;
		return -EAGAIN;
	}
	FUZZ_CHECK(pkt->nr == 1 && pkt->piece[0].iov_len == pkt->len);
	FUZZ_CHECK(pkt->len >= 14 && pkt->len <= LONGEST);
	last.len = pkt->len;
	if (pkt->len >= sizeof(last.data))
		memcpy(last.data, pkt->piece[0].iov_base, sizeof(last.data));
	nr_sent++;
	return 0;
}

static const struct net_backend backend = { .patient = true, .send = take };

static uint32_t rd(uint32_t off)
{
	return fake_bar_read(dev, 0, off, 4);
}

static void wr(uint32_t off, uint32_t val)
{
	fake_bar_write(dev, 0, off, 4, val);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	dev = fake_create(&anyvfio_e1000_model, NULL);
	FUZZ_CHECK(dev);
	dev->own_lock = true;
	net = dev->priv;
	net->backend = &backend;
	return 0;
}

/* ---- a driver, good or bad ---- */

static void set_up(void)
{
	wr(CTRL, 1u << 6);
	wr(TX + BAL, TX_RING);
	wr(TX + LEN, RING * 16);
	wr(RX + BAL, RX_RING);
	wr(RX + LEN, RING * 16);
	wr(RX + TAIL, RING - 1);
	wr(TCTL, 2);
	/* All frames, long ones too, without their FCS. */
	wr(RCTL, 2 | 0x38 | 1u << 26);
}

static int come(const uint8_t *data, uint32_t len)
{
	struct net_packet pkt = { .len = len, .nr = 1 };
	int ret;

	pkt.piece[0].iov_base = (void *)data;
	pkt.piece[0].iov_len = len;
	net_mover_lock(net->mover);
	ret = net_deliver(net, 0, &pkt);
	net_mover_unlock(net->mover);
	return ret;
}

static void put_desc(struct fuzz_in *in, uint64_t ring)
{
	uint8_t *desc = fake_ptr(dev, ring + fuzz_below(in, RING) * 16);
	uint64_t addr = BUFFERS + fuzz_u16(in);

	if (fuzz_u8(in) == 0xff)
		addr = fuzz_u64(in);
	memcpy(desc, &addr, 8);
	fuzz_bytes(in, desc + 8, 8);
}

/* A head that moved is in its ring. */
static void check_head(uint32_t regs, uint32_t before)
{
	uint32_t head = rd(regs + HEAD);

	FUZZ_CHECK(head == before || head < rd(regs + LEN) / 16);
}

static void any_frame(struct fuzz_in *in)
{
	static uint8_t frame[17000];
	uint32_t len = 1 + fuzz_u16(in) % sizeof(frame);
	uint32_t head = rd(RX + HEAD);
	int ret;

	fuzz_bytes(in, frame, 20);
	ret = come(frame, len);
	FUZZ_CHECK(!ret || ret == -EAGAIN);
	check_head(RX, head);
}

static void any_memory(struct fuzz_in *in)
{
	unsigned int page = fuzz_below(in, 32);

	switch (fuzz_below(in, 4)) {
	case 0:
		dev->hole[page] = !dev->hole[page];
		break;
	case 1:
		dev->read_only[page] = !dev->read_only[page];
		break;
	case 2:
		dev->fail_dma = fuzz_u8(in);
		break;
	default:
		dev->bus_master = !dev->bus_master;
	}
}

static void any_register(struct fuzz_in *in)
{
	static const uint16_t often[] = {
		CTRL,	   RCTL,     TCTL,     TX + HEAD, TX + TAIL, RX + HEAD,
		RX + TAIL, TX + LEN, RX + LEN, TX + BAL,  RX + BAL,  0x10,
		0x20,	   0xc8,     0xd0,     0x38,	  0x5200,    0x5404,
	};
	uint32_t i = fuzz_u8(in), off;

	off = i < 0xf0 ? often[i % (sizeof(often) / sizeof(often[0]))]
		       : fuzz_u32(in) % (128 << 10) & ~3u;
	wr(off, fuzz_u32(in));
	rd(off);
}

static void one_step(struct fuzz_in *in)
{
	uint32_t head;

	switch (fuzz_below(in, 9)) {
	case 0:
		any_register(in);
		break;
	case 1:
	case 2:
		put_desc(in, TX_RING);
		break;
	case 3:
		put_desc(in, RX_RING);
		break;
	case 4:
		wr(TX + TAIL, fuzz_below(in, RING));
		break;
	case 5:
		wr(RX + TAIL, fuzz_below(in, RING));
		break;
	case 6:
		any_frame(in);
		break;
	case 7:
		any_memory(in);
		break;
	default:
		refuse = fuzz_below(in, 4);
	}
	head = rd(TX + HEAD);
	still_move();
	check_head(TX, head);
	FUZZ_CHECK(!(rd(ICR) & ~CAUSES));
}

/* ---- an input ---- */

static void check_it_works(void)
{
	static const uint8_t frame[60] = { 2, 3, 5, 7, 11, 13 };
	const uint64_t addr = BUFFERS, length = 60 | 0x0bull << 24;
	const uint8_t *desc = fake_ptr(dev, RX_RING);

	memset(dev->hole, 0, sizeof(dev->hole));
	memset(dev->read_only, 0, sizeof(dev->read_only));
	dev->bus_master = true;
	dev->fail_dma = 0;
	refuse = nr_sent = 0;
	wr(CTRL, 1u << 26);
	fake_reset(dev);
	memset(fake_ptr(dev, TX_RING), 0, 0x2000);
	set_up();
	memcpy(fake_ptr(dev, TX_RING), &addr, 8);
	memcpy(fake_ptr(dev, TX_RING + 8), &length, 8);
	memcpy(fake_ptr(dev, BUFFERS), frame, 60);
	wr(TX + TAIL, 1);
	still_move();
	FUZZ_CHECK(nr_sent == 1 && last.len == 60);
	FUZZ_CHECK(!memcmp(last.data, frame, 60));
	memcpy(fake_ptr(dev, RX_RING), &addr, 8);
	memset(fake_ptr(dev, BUFFERS), 0, 60);
	FUZZ_CHECK(!come(frame, 60));
	FUZZ_CHECK(!memcmp(fake_ptr(dev, BUFFERS), frame, 60));
	FUZZ_CHECK(desc[8] == 60 && (desc[12] & 3) == 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	FUZZ_CHECK(!fake_start(dev));
	set_up();
	while (in.left)
		one_step(&in);
	check_it_works();
	fake_stop(dev);
	madvise(dev->dma, FAKE_DMA_SIZE, MADV_DONTNEED);
	return 0;
}
