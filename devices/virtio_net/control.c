/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The control queue, and the filters it sets (5.1.6.5). */
#include "vnet.h"

#include <string.h>

/* ---- filters ---- */

void vnet_filter_reset(struct vnet *n)
{
	n->filter = (struct net_filter){ .promisc = true };
}

static bool in_table(const uint8_t *mac, uint8_t table[][ETH_ALEN],
		     unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!memcmp(mac, table[i], ETH_ALEN))
			return true;
	return false;
}

static bool wants_vlan(const struct net_filter *f, const uint8_t *head)
{
	unsigned int vlan = (head[14] << 8 | head[15]) & 0xfff;

	if (head[12] != 0x81 || head[13] != 0x00)
		return true;
	return f->vlans[vlan / 64] >> vlan % 64 & 1;
}

static bool is_broadcast(const uint8_t *mac)
{
	static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff,
						     0xff, 0xff, 0xff };

	return !memcmp(mac, broadcast, ETH_ALEN);
}

static bool wants_mac(struct vnet *n, const uint8_t *mac)
{
	struct net_filter *f = &n->filter;

	if (is_broadcast(mac))
		return !f->no_broad;
	if (mac[0] & 1)
		return !f->no_multi && (f->all_multi || f->multi_overflow ||
					in_table(mac, f->multi, f->nr_multi));
	return !f->no_uni && (f->all_uni || f->uni_overflow ||
			      !memcmp(mac, n->config.mac, ETH_ALEN) ||
			      in_table(mac, f->uni, f->nr_uni));
}

/* The first bytes of a packet; those it has not are 0. */
static void peek(const struct net_packet *pkt, uint8_t *head, size_t len)
{
	size_t done = 0, part;
	unsigned int i;

	memset(head, 0, len);
	for (i = 0; i < pkt->nr && done < len; i++) {
		part = pkt->piece[i].iov_len;
		if (part > len - done)
			part = len - done;
		if (anyvfio_dma_copy_in(head + done, pkt->piece[i].iov_base,
					part))
			return;
		done += part;
	}
}

bool vnet_wants(struct vnet *n, const struct net_packet *pkt)
{
	uint8_t head[16];

	if (n->filter.promisc)
		return true;
	peek(pkt, head, sizeof(head));
	if (virtio_has(&n->v, VIRTIO_NET_F_CTRL_VLAN) &&
	    !wants_vlan(&n->filter, head))
		return false;
	return wants_mac(n, head);
}

/* ---- commands: @data has @len bytes; false: refused ---- */

static bool set_mode(struct net_filter *f, uint8_t cmd, const uint8_t *data,
		     size_t len)
{
	bool *const mode[] = {
		[VIRTIO_NET_CTRL_RX_PROMISC] = &f->promisc,
		[VIRTIO_NET_CTRL_RX_ALLMULTI] = &f->all_multi,
		[VIRTIO_NET_CTRL_RX_ALLUNI] = &f->all_uni,
		[VIRTIO_NET_CTRL_RX_NOMULTI] = &f->no_multi,
		[VIRTIO_NET_CTRL_RX_NOUNI] = &f->no_uni,
		[VIRTIO_NET_CTRL_RX_NOBCAST] = &f->no_broad,
	};

	if (cmd >= sizeof(mode) / sizeof(mode[0]) || len < 1)
		return false;
	*mode[cmd] = data[0];
	return true;
}

/* One table at *@data, and behind it.  One too large for us lets all in. */
static bool set_table(const uint8_t **data, size_t *len,
		      uint8_t table[][ETH_ALEN], unsigned int *nr,
		      bool *overflow)
{
	uint32_t entries;

	if (*len < sizeof(entries))
		return false;
	memcpy(&entries, *data, sizeof(entries));
	*data += sizeof(entries);
	*len -= sizeof(entries);
	if (entries > *len / ETH_ALEN)
		return false;
	*overflow = entries > NET_MAX_MACS;
	*nr = *overflow ? 0 : entries;
	memcpy(table, *data, *nr * ETH_ALEN);
	*data += entries * ETH_ALEN;
	*len -= entries * ETH_ALEN;
	return true;
}

static bool set_mac(struct vnet *n, uint8_t cmd, const uint8_t *data,
		    size_t len)
{
	struct net_filter new = n->filter;

	switch (cmd) {
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		if (len < ETH_ALEN)
			return false;
		virtio_config_set(&n->v, 0, data, ETH_ALEN);
		return true;
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		if (!set_table(&data, &len, new.uni, &new.nr_uni,
			       &new.uni_overflow) ||
		    !set_table(&data, &len, new.multi, &new.nr_multi,
			       &new.multi_overflow))
			return false;
		n->filter = new;
		return true;
	default:
		return false;
	}
}

static bool set_vlan(struct net_filter *f, uint8_t cmd, const uint8_t *data,
		     size_t len)
{
	uint16_t vlan;

	if (len < sizeof(vlan) || cmd > VIRTIO_NET_CTRL_VLAN_DEL)
		return false;
	memcpy(&vlan, data, sizeof(vlan));
	if (vlan > 4095)
		return false;
	if (cmd == VIRTIO_NET_CTRL_VLAN_ADD)
		f->vlans[vlan / 64] |= 1ull << vlan % 64;
	else
		f->vlans[vlan / 64] &= ~(1ull << vlan % 64);
	return true;
}

static bool set_pairs(struct vnet *n, uint8_t cmd, const uint8_t *data,
		      size_t len)
{
	uint16_t pairs;

	if (cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || len < sizeof(pairs) ||
	    !virtio_has(&n->v, VIRTIO_NET_F_MQ))
		return false;
	memcpy(&pairs, data, sizeof(pairs));
	if (!pairs || pairs > n->max_pairs)
		return false;
	n->net.pairs = pairs;
	return true;
}

static bool execute(struct vnet *n, const uint8_t *command, size_t len)
{
	struct virtio_net_ctrl_hdr header;
	const uint8_t *data = command + sizeof(header);

	if (len < sizeof(header))
		return false;
	memcpy(&header, command, sizeof(header));
	len -= sizeof(header);
	switch (header.class) {
	case VIRTIO_NET_CTRL_RX:
		return set_mode(&n->filter, header.cmd, data, len);
	case VIRTIO_NET_CTRL_MAC:
		return set_mac(n, header.cmd, data, len);
	case VIRTIO_NET_CTRL_VLAN:
		return set_vlan(&n->filter, header.cmd, data, len);
	case VIRTIO_NET_CTRL_MQ:
		return set_pairs(n, header.cmd, data, len);
	default:
		return false;
	}
}

/* ---- the queue ---- */

/* A command longer than any that we know is cut, and refused for that. */
static void answer(struct vnet *n, struct virtq *vq)
{
	struct virtq_chain *chain = &n->tx_chain;
	uint8_t ack = VIRTIO_NET_ERR;
	int64_t len;

	len = virtq_read(vq, chain, 0, n->command, sizeof(n->command));
	if (len > 0 && (uint64_t)len == chain->read_len &&
	    execute(n, n->command, len))
		ack = VIRTIO_NET_OK;
	if (!chain->write_len) {
		virtq_fail(vq, "a command without a byte for the answer");
		return;
	}
	len = virtq_write(vq, chain, chain->write_len - 1, &ack, 1);
	virtq_push(vq, chain, len == 1 ? chain->write_len : 0);
}

void vnet_control(struct vnet *n)
{
	struct virtq *vq = &n->v.queues[n->ctrl];
	unsigned int left;

	if (!vq->live || virtq_begin(vq))
		return;
	for (left = vq->size; left; left--) {
		virtq_want_notify(vq, true);
		if (virtq_pop(vq, &n->tx_chain) <= 0)
			break;
		answer(n, vq);
	}
	virtq_end(vq);
}
