/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Receive queues: into the buffers that the driver gave. */
#include "vnet.h"

#include <string.h>

/* ---- writing into buffers ---- */

/* Where in a packet the next byte is. */
struct reader {
	const struct iovec *piece;
	size_t off;
};

static int copy_out(uint8_t *to, struct reader *r, size_t len)
{
	size_t part;
	int ret = 0;

	while (len && !ret) {
		part = r->piece->iov_len - r->off;
		if (part > len)
			part = len;
		ret = anyvfio_dma_copy_out(
			to, (const uint8_t *)r->piece->iov_base + r->off, part);
		to += part;
		len -= part;
		r->off += part;
		if (r->off == r->piece->iov_len) {
			r->piece++;
			r->off = 0;
		}
	}
	return ret;
}

/* @skip bytes of the buffer are the header's; then up to @len of the packet: how
 * many, or a negated errno. */
static int64_t fill(struct vnet *n, const struct virtq_chain *chain,
		    uint32_t skip, struct reader *r, uint32_t len)
{
	const struct virtq_seg *seg = chain->seg + chain->nr_read;
	const struct virtq_seg *last = seg + chain->nr_write;
	uint32_t done = 0;
	size_t part;
	void *ptr;
	int ret;

	for (; seg < last && done < len; seg++) {
		uint32_t off = skip < seg->len ? skip : seg->len;

		skip -= off;
		for (; off < seg->len && done < len; off += part) {
			part = seg->len - off < len - done ? seg->len - off
							   : len - done;
			part = virtio_mem_get(&n->mem, seg->iova + off, part,
					      true, &ptr);
			ret = part ? copy_out(ptr, r, part) : -EFAULT;
			if (ret)
				return ret;
			done += part;
		}
	}
	return done;
}

static int64_t put_header(struct vnet *n, const struct virtq_chain *chain,
			  uint16_t buffers)
{
	struct virtio_net_hdr_v1 header = { .num_buffers = buffers };
	struct iovec piece = { &header, n->header };
	struct reader r = { &piece, 0 };

	return fill(n, chain, 0, &r, n->header);
}

/* ---- a packet ---- */

/* Into the buffer at hand: how many bytes of the packet, or a negated errno.
 * @header: so many buffers the packet has, or 0 behind the first. */
static int64_t fill_buffer(struct vnet *n, struct virtq *vq, uint16_t buffers,
			   struct reader *r, uint32_t len)
{
	const struct virtq_chain *chain = &n->rx_chain;

	if (buffers && put_header(n, chain, buffers) < 0) {
		virtq_fail(vq, "a buffer cannot be written");
		return -EFAULT;
	}
	return fill(n, chain, buffers ? n->header : 0, r, len);
}

/* How many buffers take @need bytes, or 0 when there are not enough now.  They
 * are looked at again when they are filled: what the driver changes meanwhile
 * harms itself. */
static unsigned int count_buffers(struct vnet *n, struct virtq *vq,
				  uint32_t need)
{
	uint64_t room = 0;
	unsigned int nr;

	for (nr = 0; room < need && nr < VIRTQ_BATCH; nr++) {
		if (virtq_pop(vq, &n->rx_chain) <= 0)
			return 0;
		room += n->rx_chain.write_len;
	}
	return room < need ? VIRTQ_BATCH + 1 : nr;
}

static int deliver_merged(struct vnet *n, struct virtq *vq,
			  const struct net_packet *pkt, unsigned int nr)
{
	struct reader r = { pkt->piece, 0 };
	struct virtq_used used[VIRTQ_BATCH];
	uint32_t left = pkt->len, header;
	unsigned int i;
	int64_t done;

	for (i = 0; i < nr; i++) {
		if (virtq_pop(vq, &n->rx_chain) <= 0)
			return -EINVAL;
		header = i ? 0 : n->header;
		done = fill_buffer(n, vq, i ? 0 : nr, &r, left);
		if (done < 0)
			return done;
		left -= done;
		used[i] = (struct virtq_used){
			.len = header + done,
			.id = n->rx_chain.id,
			.slots = n->rx_chain.slots,
		};
	}
	if (left)
		return -EINVAL;
	virtq_push_many(vq, used, nr);
	return 0;
}

static int deliver_one(struct vnet *n, struct virtq *vq,
		       const struct net_packet *pkt)
{
	struct reader r = { pkt->piece, 0 };

	if (fill_buffer(n, vq, 1, &r, pkt->len) != pkt->len)
		return -EFAULT;
	virtq_push(vq, &n->rx_chain, n->header + pkt->len);
	return 0;
}

/* Into more than one buffer, or into none. */
static int deliver_large(struct vnet *n, struct virtq *vq,
			 const struct net_packet *pkt, struct virtq_place place)
{
	unsigned int nr;

	if (!n->mergeable) {
		n->drops.too_long++;
		return -EMSGSIZE;
	}
	virtq_rewind(vq, place);
	nr = count_buffers(n, vq, n->header + pkt->len);
	virtq_rewind(vq, place);
	if (nr > VIRTQ_BATCH) {
		n->drops.too_long++;
		return -EMSGSIZE;
	}
	return nr ? deliver_merged(n, vq, pkt, nr) : -EAGAIN;
}

/* 0; -EAGAIN: not enough buffers; other errors: the packet is lost, its buffers
 * wait for the next. */
static int deliver(struct vnet *n, struct virtq *vq,
		   const struct net_packet *pkt)
{
	struct virtq_place place = virtq_tell(vq);
	int ret;

	ret = virtq_pop(vq, &n->rx_chain);
	if (ret <= 0)
		ret = ret ? ret : -EAGAIN;
	else if (n->rx_chain.write_len >= n->header + pkt->len)
		ret = deliver_one(n, vq, pkt);
	else
		ret = deliver_large(n, vq, pkt, place);
	if (ret)
		virtq_rewind(vq, place);
	return ret;
}

static bool hold(struct vnet *n, unsigned int pair)
{
	if (n->rx_begun >> pair & 1)
		return true;
	if (virtq_begin(net_rx_queue(n, pair)))
		return false;
	n->rx_begun |= 1u << pair;
	return true;
}

/* A driver fills a queue, and throws what comes meanwhile away; its first
 * notification says that it is done. */
static bool is_open(const struct vnet *n, unsigned int pair)
{
	return n->v.plain_notify ||
	       __atomic_load_n(&n->rx_open, __ATOMIC_RELAXED) >> pair & 1;
}

/* Notifications are of interest only while a packet waits for a buffer. */
static int deliver_or_ask(struct vnet *n, struct virtq *vq,
			  const struct net_packet *pkt)
{
	int ret = deliver(n, vq, pkt);

	virtq_want_notify(vq, ret == -EAGAIN);
	if (ret == -EAGAIN && virtq_ready(vq))
		ret = deliver(n, vq, pkt);
	return ret;
}

int vnet_deliver(struct net *net, unsigned int pair,
		 const struct net_packet *pkt)
{
	struct vnet *n = vnet_of(net);
	struct virtq *vq;

	pair %= net->pairs;
	vq = net_rx_queue(n, pair);
	if (!vq->live || vq->failed || !vnet_wants(n, pkt))
		return -ECANCELED;
	if (!is_open(n, pair))
		return -EAGAIN;
	if (!hold(n, pair))
		return -ECANCELED;
	return deliver_or_ask(n, vq, pkt);
}

void vnet_deliver_end(struct net *net)
{
	struct vnet *n = vnet_of(net);
	unsigned int pair;

	for (pair = 0; n->rx_begun >> pair; pair++)
		if (n->rx_begun >> pair & 1)
			virtq_end(net_rx_queue(n, pair));
	n->rx_begun = 0;
}
