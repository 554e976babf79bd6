/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The control queue of a virtio-net: commands of any class, length and shape, in
 * any descriptors.  What is answered, which frames are let in afterwards, the
 * address and the number of queues in use are those of a model of ten lines a
 * command (virtio 1.2, 5.1.6.5).
 */
#include "vnet.h"

#include <linux/virtio_ring.h>

#define COMMAND_MAX 1024
#define OPS_MAX 200
#define MACS 16 /* that frames and tables have */
#define VLANS 4096
#define UNKNOWN 0x55 /* no answer yet */

/**
 * struct table - addresses to let in
 * @has: by their numbers
 * @all: there are more than the device can keep
 */
struct table {
	bool has[MACS];
	bool all;
};

enum { PROMISC, ALL_MULTI, ALL_UNI, NO_MULTI, NO_UNI, NO_BROAD, MODES };

static struct {
	bool mode[MODES];
	struct table uni, multi;
	bool vlan[VLANS];
	unsigned int pairs;
	uint8_t mac[ETH_ALEN];
} model;

/* ---- addresses ---- */

/* Broadcast, then those with an odd first byte are groups'. */
static void fill_mac(uint8_t *mac, unsigned int nr)
{
	if (!nr)
		memset(mac, 0xff, ETH_ALEN);
	else
		memcpy(mac, (uint8_t[]){ nr, 1, 2, 3, 4, 5 }, ETH_ALEN);
}

static unsigned int number_of(const uint8_t *mac)
{
	uint8_t other[ETH_ALEN];
	unsigned int nr;

	for (nr = 0; nr < MACS; nr++) {
		fill_mac(other, nr);
		if (!memcmp(mac, other, ETH_ALEN))
			return nr;
	}
	return MACS;
}

/* ---- the model ---- */

static void reset_model(void)
{
	memset(&model, 0, sizeof(model));
	model.mode[PROMISC] = true;
	model.pairs = 1;
	memcpy(model.mac, net.config.mac, ETH_ALEN);
}

/* How long it is; 0: longer than there are bytes. */
static uint32_t read_table(const uint8_t *data, uint32_t len,
			   struct table *table)
{
	uint32_t entries, i, nr;

	memset(table, 0, sizeof(*table));
	if (len < 4)
		return 0;
	memcpy(&entries, data, 4);
	if (entries > (len - 4) / ETH_ALEN)
		return 0;
	table->all = entries > NET_MAX_MACS;
	for (i = 0; i < entries && !table->all; i++) {
		nr = number_of(data + 4 + i * ETH_ALEN);
		if (nr < MACS)
			table->has[nr] = true;
	}
	return 4 + entries * ETH_ALEN;
}

static bool expect_mac(uint8_t cmd, const uint8_t *data, uint32_t len)
{
	struct table uni, multi;
	uint32_t first;

	if (cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET) {
		if (len < ETH_ALEN)
			return false;
		memcpy(model.mac, data, ETH_ALEN);
		return true;
	}
	if (cmd != VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return false;
	first = read_table(data, len, &uni);
	if (!first || !read_table(data + first, len - first, &multi))
		return false;
	model.uni = uni;
	model.multi = multi;
	return true;
}

static bool expect_number(uint8_t class, uint8_t cmd, const uint8_t *data,
			  uint32_t len)
{
	uint16_t val;

	if (len < 2)
		return false;
	memcpy(&val, data, 2);
	if (class == VIRTIO_NET_CTRL_MQ) {
		if (cmd || !val || val > PAIRS ||
		    !virtio_has(&net.v, VIRTIO_NET_F_MQ))
			return false;
		model.pairs = val;
		return true;
	}
	if (cmd > 1 || val >= VLANS)
		return false;
	model.vlan[val] = !cmd;
	return true;
}

/* What the device has to answer; the model has done it then. */
static bool expect(const uint8_t *command, uint32_t len)
{
	const uint8_t *data = command + 2;

	if (len < 2 || len > sizeof(net.command))
		return false;
	len -= 2;
	switch (command[0]) {
	case VIRTIO_NET_CTRL_RX:
		if (command[1] >= MODES || !len)
			return false;
		model.mode[command[1]] = *data;
		return true;
	case VIRTIO_NET_CTRL_MAC:
		return expect_mac(command[1], data, len);
	case VIRTIO_NET_CTRL_VLAN:
	case VIRTIO_NET_CTRL_MQ:
		return expect_number(command[0], command[1], data, len);
	default:
		return false;
	}
}

static bool expect_frame(const uint8_t *frame, uint32_t len)
{
	bool tagged = frame[12] == 0x81 && !frame[13];
	uint32_t vlan = len > 14 ? (frame[14] & 0xf) << 8 : 0;
	unsigned int nr = number_of(frame);

	vlan |= len > 15 ? frame[15] : 0;
	if (model.mode[PROMISC])
		return true;
	if (tagged && virtio_has(&net.v, VIRTIO_NET_F_CTRL_VLAN) &&
	    !model.vlan[vlan])
		return false;
	if (!nr)
		return !model.mode[NO_BROAD];
	if (frame[0] & 1)
		return !model.mode[NO_MULTI] &&
		       (model.mode[ALL_MULTI] || model.multi.all ||
			(nr < MACS && model.multi.has[nr]));
	return !model.mode[NO_UNI] && (model.mode[ALL_UNI] || model.uni.all ||
				       !memcmp(frame, model.mac, ETH_ALEN) ||
				       (nr < MACS && model.uni.has[nr]));
}

/* ---- commands ---- */

static uint32_t put_table(struct fuzz_in *in, uint8_t *at)
{
	uint32_t entries = fuzz_below(in, NET_MAX_MACS + 8), i;
	uint32_t said = fuzz_below(in, 16) ? entries : fuzz_u32(in);

	memcpy(at, &said, 4);
	for (i = 0; i < entries; i++)
		fill_mac(at + 4 + i * ETH_ALEN, fuzz_below(in, MACS));
	return 4 + entries * ETH_ALEN;
}

/* Mostly what its class wants. */
static uint32_t make_command(struct fuzz_in *in, uint8_t *command)
{
	uint32_t len = 4;

	memset(command, 0, COMMAND_MAX);
	command[0] = fuzz_below(in, 6);
	command[1] = fuzz_below(in, 7);
	if (command[0] == VIRTIO_NET_CTRL_MAC && !command[1]) {
		len = 2 + put_table(in, command + 2);
		len += put_table(in, command + len);
	} else if (command[0] == VIRTIO_NET_CTRL_MAC) {
		fill_mac(command + 2, fuzz_below(in, MACS));
		len = 2 + ETH_ALEN;
	} else {
		command[2] = fuzz_u8(in);
		command[3] = fuzz_below(in, 4) ? 0 : fuzz_u8(in);
	}
	return fuzz_below(in, 8) ? len : fuzz_u16(in) % COMMAND_MAX;
}

/* In up to four descriptors, of which one may be empty, and one for the answer,
 * which is its last byte. */
static void do_command(struct fuzz_in *in)
{
	struct virtq *vq = &net.v.queues[net.ctrl];
	uint8_t command[COMMAND_MAX], *answer;
	uint32_t len = make_command(in, command), done = 0, part;
	uint32_t room = 1 + fuzz_below(in, 4);
	unsigned int i, pieces = 1 + fuzz_below(in, 4);

	memcpy(fake_ptr(dev, BUFFERS_AT), command, len);
	answer = fake_ptr(dev, COMMAND_AT + room - 1);
	*answer = UNKNOWN;
	for (i = 0; i < pieces; i++, done += part) {
		part = fuzz_u16(in) % (len - done + 1);
		if (i == pieces - 1)
			part = len - done;
		put_desc(vq, i, BUFFERS_AT + done, part, VRING_DESC_F_NEXT);
	}
	put_desc(vq, pieces, COMMAND_AT, room, VRING_DESC_F_WRITE);
	make_available(vq, 0);
	vnet_control(&net);
	virtio_mem_release(&net.mem);
	FUZZ_CHECK(*answer ==
		   (expect(command, len) ? VIRTIO_NET_OK : VIRTIO_NET_ERR));
}

/* ---- frames ---- */

/* In two pieces, as memory of a program may be. */
static void show_frame(struct fuzz_in *in)
{
	uint32_t len = ETH_HLEN + fuzz_below(in, 5), cut = fuzz_below(in, 18);
	struct net_packet pkt = { .len = len, .nr = 2 };
	uint8_t frame[18];

	fuzz_bytes(in, frame, sizeof(frame));
	if (fuzz_below(in, 8))
		fill_mac(frame, frame[0] % MACS);
	frame[12] = frame[12] & 1 ? 0x81 : 0x08;
	frame[13] = frame[13] < 0xf0 ? 0 : 1;
	frame[14] &= 0xf0;
	cut = cut < len ? cut : len;
	pkt.piece[0] = (struct iovec){ frame, cut };
	pkt.piece[1] = (struct iovec){ frame + cut, len - cut };
	FUZZ_CHECK(vnet_wants(&net, &pkt) == expect_frame(frame, len));
}

/* ---- an input ---- */

static void start(struct fuzz_in *in)
{
	uint64_t features = net.v.offered;
	uint8_t without = fuzz_u8(in);

	if (without & 1)
		features &= ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (without & 2)
		features &= ~VIRTIO_BIT(VIRTIO_NET_F_MQ);
	if (without & 4)
		features &= ~VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN);
	memset(fake_ptr(dev, RINGS_AT), 0, COMMAND_AT - RINGS_AT);
	set_up(features);
	reset_model();
	FUZZ_CHECK(net.net.driver_ok);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned int i;

	begin();
	start(&in);
	for (i = 0; i < OPS_MAX && in.left; i++) {
		switch (fuzz_below(&in, 8)) {
		case 0:
			if (!fuzz_below(&in, 8))
				start(&in);
			break;
		case 1:
		case 2:
		case 3:
			show_frame(&in);
			break;
		default:
			do_command(&in);
			break;
		}
		FUZZ_CHECK(net.net.pairs == model.pairs);
		FUZZ_CHECK(!memcmp(net.config.mac, model.mac, ETH_ALEN));
	}
	end();
	return 0;
}
