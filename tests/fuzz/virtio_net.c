/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A virtio-net whose driver writes registers and memory at random, also while the
 * device looks at it, and a loop behind it.  Nothing may be touched outside of
 * what is mapped, held longer than a round, or go on for ever.
 */
#include "fuzz.h"
#include "../models/fake_device.h"
#include "../models/still_mover.h"
#include "../../devices/virtio_net/vnet.h"

#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define OPS_MAX 200
#define RING 16
#define PAIRS 2
#define QUEUES (2 * PAIRS + 1)
#define RINGS_AT FAKE_IOVA
#define MAPPING 0x10000u
#define REACH (3 * MAPPING) /* of the memory: what pages may be missing */

static struct anyvfio_device *dev;
static struct vnet net;
static uint32_t noise; /* state of what changes memory behind the device */
static unsigned int accesses;

/* ---- what the other files of the model do ---- */

const struct net_backend net_pcap, net_tap;

int net_pcap_check(struct net *n)
{
	return -EINVAL;
}

static const struct net_card card = {
	.deliver = vnet_deliver,
	.deliver_end = vnet_deliver_end,
};

static void on_driver_ok(struct virtio *v)
{
	net.mergeable = virtio_has(v, VIRTIO_NET_F_MRG_RXBUF);
	net.header = net.mergeable || virtio_has(v, VIRTIO_F_VERSION_1) ? 12
									: 10;
	net.ctrl = virtio_has(v, VIRTIO_NET_F_MQ) ? 2 * PAIRS : 2;
	net.net.driver_ok = true;
}

static void on_reset(struct virtio *v)
{
	net.net.driver_ok = false;
	net.net.pairs = 1;
	net.net.starved = false;
	net.net.absent = false;
	vnet_filter_reset(&net);
}

static void on_destroy(struct virtio *v)
{
}

static const struct virtio_type type = {
	.id = VIRTIO_ID_NET,
	.legacy_device = 0x1000,
	.reset = on_reset,
	.driver_ok = on_driver_ok,
	.destroy = on_destroy,
};

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

static uint64_t ring_at(unsigned int queue)
{
	return RINGS_AT + queue * 0x400;
}

static void set64(unsigned int reg, uint64_t val)
{
	fake_bar_write(dev, 4, reg, 4, (uint32_t)val);
	fake_bar_write(dev, 4, reg + 4, 4, val >> 32);
}

/* As a driver would; so that not all inputs have to find out. */
static void set_up(struct fuzz_in *in)
{
	uint64_t features = net.v.offered & ~(uint64_t)fuzz_u32(in);
	unsigned int q;

	if (fuzz_below(in, 2))
		features &= ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	for (q = 0; q < QUEUES; q++) {
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_SIZE, 2, RING);
		set64(VIRTIO_PCI_COMMON_Q_DESCLO, ring_at(q));
		set64(VIRTIO_PCI_COMMON_Q_AVAILLO, ring_at(q) + 0x100);
		set64(VIRTIO_PCI_COMMON_Q_USEDLO, ring_at(q) + 0x200);
		fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	fake_bar_write(dev, 4, VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

#define BUFFERS_AT (FAKE_IOVA + 0x1800)
#define COMMAND_AT (FAKE_IOVA + 0x1700)

/* Where the device looks next, @ahead descriptors on. */
static void put_desc(struct virtq *vq, unsigned int ahead, uint64_t addr,
		     uint32_t len, uint16_t flags)
{
	uint64_t ring = ring_at(vq->index);
	struct vring_packed_desc *packed = fake_ptr(dev, ring);
	struct vring_desc *split = fake_ptr(dev, ring);
	unsigned int slot = vq->avail % RING + ahead;
	bool wrap = vq->avail_wrap != (slot >= RING);

	slot %= RING;
	if (vq->packed)
		packed[slot] = (struct vring_packed_desc){
			addr, len, slot, flags | (wrap ? 0x80 : 0x8000)
		};
	else
		split[slot] = (struct vring_desc){ addr, len, flags,
						   (slot + 1) % RING };
}

static void make_available(struct virtq *vq, unsigned int ahead)
{
	struct vring_avail *avail = fake_ptr(dev, ring_at(vq->index) + 0x100);

	avail->ring[avail->idx % RING] = (vq->avail + ahead) % RING;
	avail->idx++;
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
		set_up(in);
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

static int create(struct anyvfio_device *d)
{
	memset(&net, 0, sizeof(net));
	net.v.dev = d;
	net.v.type = &type;
	net.v.offered = VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
			VIRTIO_BIT(VIRTIO_NET_F_MQ);
	net.v.config = (uint8_t *)&net.config;
	net.v.config_len = 20;
	net.v.nr_queues = QUEUES;
	net.net.dev = d;
	net.net.card = &card;
	net.net.backend = &net_loop;
	net.max_pairs = PAIRS;
	net.mem.dev = d;
	return virtio_create(&net.v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const options[] = { "packed=on", "ring=64", NULL };
	static const struct anyvfio_model model = { .create = create };
	struct fuzz_in in = { data, size };
	unsigned int i;

	noise = 0;
	dev = fake_create(&model, options);
	FUZZ_CHECK(dev);
	dev->own_lock = true;
	dev->mapping = MAPPING;
	dev->before = before;
	net_tx_queue(&net, 0)->only_read = true;
	fake_start(dev);
	set_up(&in);
	noise = fuzz_below(&in, 2) ? fuzz_u32(&in) : 0;
	for (i = 0; i < OPS_MAX && in.left; i++)
		step(&in);
	fake_destroy(dev);
	return 0;
}
