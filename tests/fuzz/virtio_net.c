/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio-net whose driver writes registers and memory at random, also while the
 * device looks at it, and a loop behind it.  Nothing may be touched outside of
 * what is mapped, held longer than a round, or go on for ever.
 */
#include "vnet.h"

#include <linux/virtio_ring.h>

#define OPS_MAX 200
#define REACH (3 * 0x10000u) /* of the memory: what pages may be missing */

static uint32_t noise; /* state of what changes memory behind the device */
static unsigned int accesses;

/* ---- the driver ---- */

static void before(struct anyvfio_device *d)
{
	/* A bound on what one round may do: far above what it needs. */
	FUZZ_CHECK(++accesses < 10000000);
	if (!noise)
		return;
	noise = noise * 1664525 + 1013904223;
	if (noise >> 29 == 0)
		d->dma[noise >> 8 & 0xfff] ^= 1u << (noise >> 24 & 7);
}

static void set_up_some(struct fuzz_in *in)
{
	uint64_t features = net.v.offered & ~(uint64_t)fuzz_u32(in);

	if (fuzz_below(in, 2))
		features &= ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	set_up(features);
}

/* One descriptor with anything in it. */
static void add(struct fuzz_in *in)
{
	struct virtq *vq = &net.v.queues[fuzz_below(in, QUEUES)];
	unsigned int ahead = fuzz_below(in, 2);

	put_desc(vq, ahead, BUFFERS_AT + fuzz_u16(in) * 3ull, fuzz_u16(in),
		 fuzz_below(in, 8));
	make_available(vq, ahead);
}

/* Good ones: buffers to receive into, or packets to send, in one piece each. */
static void add_buffers(struct fuzz_in *in)
{
	bool receive = fuzz_below(in, 4);
	struct virtq *vq = &net.v.queues[2 * fuzz_below(in, PAIRS) + !receive];
	unsigned int nr = 1 + fuzz_below(in, RING), i;
	uint32_t len = 1 + fuzz_u16(in) % 1000;

	for (i = 0; i < nr; i++) {
		put_desc(vq, i, BUFFERS_AT + i * len, len,
			 receive ? VRING_DESC_F_WRITE : 0);
		make_available(vq, i);
	}
}

static void add_command(struct fuzz_in *in)
{
	struct virtq *vq = &net.v.queues[net.ctrl];
	uint32_t len = fuzz_below(in, 64);
	uint8_t *command = fake_ptr(dev, COMMAND_AT);

	fuzz_bytes(in, command, len);
	command[0] %= 6;
	command[1] %= 8;
	put_desc(vq, 0, COMMAND_AT, len, VRING_DESC_F_NEXT);
	put_desc(vq, 1, BUFFERS_AT, 1, VRING_DESC_F_WRITE);
	make_available(vq, 0);
}

static void poke(struct fuzz_in *in)
{
	uint32_t off = fuzz_u16(in) % (REACH - 32);

	if (fuzz_below(in, 2))
		off %= 0x1800;
	fuzz_bytes(in, dev->dma + off, 1 + fuzz_below(in, 32));
}

static void change_mapping(struct fuzz_in *in)
{
	unsigned int page = fuzz_below(in, REACH / FAKE_PAGE);

	switch (fuzz_below(in, 4)) {
	case 0:
		dev->hole[page] ^= 1;
		break;
	case 1:
		dev->read_only[page] ^= 1;
		break;
	case 2:
		dev->bus_master ^= 1;
		break;
	default:
		dev->msix_on ^= 1;
		break;
	}
}

/* Registers through config space: where the window looks, and what is there. */
static void window(struct fuzz_in *in)
{
	unsigned int size = 1u << fuzz_below(in, 3);
	unsigned int off = (fuzz_below(in, 20) & ~(size - 1)) + net.v.window;

	if (fuzz_below(in, 2))
		fake_config_write(dev, off, size, fuzz_u16(in) & 0x1fff);
	else
		fake_config_read(dev, off, size);
}

static void registers(struct fuzz_in *in)
{
	static const uint64_t base[] = { 0, 0, 0x100, 0x200, 0x1000 };
	unsigned int bar = fuzz_below(in, 4) ? 4 : 0;
	unsigned int size = 1u << fuzz_below(in, bar ? 4 : 3);
	uint64_t off = (fuzz_u8(in) & 0x3f & ~(size - 1));

	if (bar)
		off += base[fuzz_below(in, 5)];
	if (fuzz_below(in, 2))
		fake_bar_write(dev, bar, off, size, fuzz_u32(in));
	else
		fake_bar_read(dev, bar, off, size);
}

/* ---- the device ---- */

static void run_round(void)
{
	unsigned int pair;

	if (!net.net.driver_ok)
		return;
	accesses = 0;
	still_time += NET_PATIENCE_NS / 4;
	net.rx_open = ~0u;
	vnet_control(&net);
	for (pair = 0; pair < PAIRS; pair++)
		if (2 * pair < net.ctrl)
			vnet_transmit(&net, pair, noise & 1);
	net.net.backend->flush(&net.net);
	virtio_mem_release(&net.mem);
	FUZZ_CHECK(!dev->maps);
}

static void deliver(struct fuzz_in *in)
{
	static uint8_t frame[NET_MAX_LEN];
	struct net_packet pkt = { .len = 1 + fuzz_u16(in) % 9000u, .nr = 1 };

	if (!net.net.driver_ok)
		return;
	accesses = 0;
	still_time += NET_PATIENCE_NS / 4;
	fuzz_bytes(in, frame, 60);
	frame[12] = (const uint8_t[]){ 0x08, 0x81, 0x86, 0 }[frame[12] % 4];
	frame[13] = frame[12] == 0x86 ? 0xdd : 0;
	pkt.piece[0] = (struct iovec){ frame, pkt.len };
	net_deliver(&net.net, net_steer(&net.net, frame, pkt.len), &pkt);
	net_deliver_end(&net.net);
	virtio_mem_release(&net.mem);
	FUZZ_CHECK(!dev->maps);
}

static void step(struct fuzz_in *in)
{
	switch (fuzz_below(in, 11)) {
	case 0:
		set_up_some(in);
		break;
	case 1:
		add(in);
		break;
	case 2:
		add_buffers(in);
		break;
	case 3:
		add_command(in);
		break;
	case 4:
		poke(in);
		break;
	case 5:
		change_mapping(in);
		break;
	case 6:
		registers(in);
		break;
	case 7:
		deliver(in);
		break;
	case 8:
		window(in);
		break;
	default:
		run_round();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned int i;

	noise = 0;
	begin();
	fake_watch(dev, before);
	set_up_some(&in);
	noise = fuzz_below(&in, 2) ? fuzz_u32(&in) : 0;
	for (i = 0; i < OPS_MAX && in.left; i++)
		step(&in);
	end();
	return 0;
}
