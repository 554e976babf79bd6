/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Transmit queues: from the driver's buffers to the back end. */
#include "vnet.h"

/* Adds the bytes of @seg from @off on. */
static int add_pieces(struct vnet *n, struct net_packet *pkt,
		      const struct virtq_seg *seg, uint32_t off)
{
	struct iovec *piece;

	while (off < seg->len) {
		if (pkt->nr == NET_MAX_PIECES)
			return -E2BIG;
		piece = &pkt->piece[pkt->nr];
		piece->iov_len = virtio_mem_get(&n->mem, seg->iova + off,
						seg->len - off, false,
						&piece->iov_base);
		if (!piece->iov_len)
			return -EFAULT;
		off += piece->iov_len;
		pkt->len += piece->iov_len;
		pkt->nr++;
	}
	return 0;
}

/* The frame behind the header.  No offload is offered, so that there is nothing in
 * the header to look at. */
static int gather(struct vnet *n, const struct virtq_chain *chain,
		  struct net_packet *pkt)
{
	uint32_t skip = n->header;
	unsigned int i;
	int ret = 0;

	virtio_mem_reserve(&n->mem, false, NET_MAX_PIECES);
	pkt->len = 0;
	pkt->nr = 0;
	if (chain->read_len <= skip || chain->read_len - skip > NET_MAX_LEN)
		return -EINVAL;
	for (i = 0; i < chain->nr_read && !ret; i++) {
		if (skip >= chain->seg[i].len) {
			skip -= chain->seg[i].len;
			continue;
		}
		ret = add_pieces(n, pkt, &chain->seg[i], skip);
		skip = 0;
	}
	return ret;
}

/* What cannot be sent is dropped: an IOMMU fault was told where it happened. */
static int send_chain(struct vnet *n, unsigned int pair,
		      const struct virtq_chain *chain)
{
	int ret;

	ret = gather(n, chain, &n->packet);
	if (!ret)
		return n->net.backend->send(&n->net, pair, &n->packet);
	if (ret != -EFAULT)
		n->drops.malformed++;
	return 0;
}

/* The next buffer.  When there is none the driver is asked to notify of the next,
 * unless that is not needed; then one that came meanwhile counts. */
static bool next_chain(struct vnet *n, struct virtq *vq, bool busy)
{
	int ret = virtq_pop(vq, &n->tx_chain);

	if (ret || busy)
		return ret > 0;
	virtq_want_notify(vq, true);
	return virtq_ready(vq) && virtq_pop(vq, &n->tx_chain) > 0;
}

unsigned int vnet_transmit(struct vnet *n, unsigned int pair, bool busy)
{
	struct virtq *vq = net_tx_queue(n, pair);
	struct virtq_place place;
	unsigned int nr;

	if (!vq->live || virtq_begin(vq))
		return 0;
	if (busy)
		virtq_want_notify(vq, false);
	for (nr = 0; nr < NET_BURST; nr++) {
		place = virtq_tell(vq);
		if (!next_chain(n, vq, busy))
			break;
		if (send_chain(n, pair, &n->tx_chain)) {
			virtq_rewind(vq, place);
			break;
		}
		virtq_push(vq, &n->tx_chain, 0);
	}
	virtq_end(vq);
	return nr;
}
