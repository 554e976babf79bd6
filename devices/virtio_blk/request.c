/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Requests (5.2.6): a header and data for the device to read, then data and one
 * byte of status for it to write, cut into descriptors as the driver likes.
 */
#include "blk.h"

#define HEADER_LEN sizeof(struct virtio_blk_outhdr)

/* What an execution function answers when the storage completes it later; no
 * status of the specification is as large. */
#define PENDING 0x100

/* ---- where things are ---- */

/* Adds the bytes [@skip, @skip+@len) of @nr segments. */
static void add_runs(struct storage_request *io, const struct virtq_seg *seg,
		     unsigned int nr, uint64_t skip, uint64_t len)
{
	uint64_t part;

	for (io->nr_runs = 0; nr && len; nr--, seg++) {
		if (skip >= seg->len) {
			skip -= seg->len;
			continue;
		}
		part = storage_min(seg->len - skip, len);
		io->run[io->nr_runs++] = (struct storage_run){
			.start = seg->iova + skip,
			.len = part,
		};
		len -= part;
		skip = 0;
	}
}

/* The last byte that may be written; there is one. */
static uint64_t last_byte(const struct virtq_chain *chain)
{
	const struct virtq_seg *seg =
		chain->seg + chain->nr_read + chain->nr_write - 1;

	while (!seg->len)
		seg--;
	return seg->iova + seg->len - 1;
}

/* ---- the kinds of request ---- */

static int submit(struct blk *b, struct blk_request *req)
{
	switch (storage_submit(&b->storage, &req->io)) {
	case 0:
		return VIRTIO_BLK_S_OK;
	case -EINPROGRESS:
		return PENDING;
	default:
		return VIRTIO_BLK_S_IOERR;
	}
}

/* Without a sum that could wrap around. */
static bool outside(const struct blk *b, uint64_t sector, uint64_t nr)
{
	uint64_t all = b->storage.nr_blocks;

	return sector > all || nr > all - sector;
}

/* Whole sectors that are there, as bytes of the disk. */
static bool set_range(struct blk *b, struct blk_request *req, uint64_t sector,
		      uint64_t len)
{
	if (len & ((1u << BLK_SECTOR_SHIFT) - 1) ||
	    outside(b, sector, len >> BLK_SECTOR_SHIFT))
		return false;
	req->io.pos = sector << BLK_SECTOR_SHIFT;
	req->io.len = len;
	return true;
}

static int read_blocks(struct blk *b, struct blk_request *req, uint64_t sector)
{
	const struct virtq_chain *chain = &b->chain;
	uint64_t len = chain->write_len - 1;

	if (len > UINT32_MAX || !set_range(b, req, sector, len))
		return VIRTIO_BLK_S_IOERR;
	if (!len)
		return VIRTIO_BLK_S_OK;
	req->io.op = STORAGE_READ;
	req->data_len = len;
	add_runs(&req->io, chain->seg + chain->nr_read, chain->nr_write, 0,
		 len);
	return submit(b, req);
}

/* A driver that knows of the cache asks for a flush, or switches it off (5.2.5.2). */
static bool is_durable(struct blk *b)
{
	if (virtio_has(&b->v, VIRTIO_BLK_F_CONFIG_WCE))
		return !b->config.wce;
	return !virtio_has(&b->v, VIRTIO_BLK_F_FLUSH);
}

static int write_blocks(struct blk *b, struct blk_request *req, uint64_t sector)
{
	const struct virtq_chain *chain = &b->chain;
	uint64_t len = chain->read_len - HEADER_LEN;

	if (b->storage.readonly || !set_range(b, req, sector, len))
		return VIRTIO_BLK_S_IOERR;
	if (!len)
		return VIRTIO_BLK_S_OK;
	req->io.op = STORAGE_WRITE;
	req->io.durable = is_durable(b);
	add_runs(&req->io, chain->seg, chain->nr_read, HEADER_LEN, len);
	return submit(b, req);
}

static int flush(struct blk *b, struct blk_request *req)
{
	req->io.op = STORAGE_FLUSH;
	return submit(b, req);
}

static int get_id(struct blk *b, struct blk_request *req, struct virtq *vq)
{
	char id[VIRTIO_BLK_ID_BYTES] = "";
	uint64_t len = storage_min(sizeof(id), b->chain.write_len - 1);

	memcpy(id, b->storage.serial, strlen(b->storage.serial));
	if (virtq_write(vq, &b->chain, 0, id, len) < 0)
		return VIRTIO_BLK_S_IOERR;
	req->data_len = len;
	return VIRTIO_BLK_S_OK;
}

/* Reads and checks the ranges of a request that moves no data: their number, or
 * a negated status. */
static int get_ranges(struct blk *b, struct virtq *vq, uint32_t flags,
		      struct virtio_blk_discard_write_zeroes *range,
		      unsigned int max)
{
	uint64_t len = b->chain.read_len - HEADER_LEN;
	unsigned int i, nr = len / sizeof(*range);

	if (b->storage.readonly || !nr || len % sizeof(*range) || nr > max)
		return -VIRTIO_BLK_S_IOERR;
	if (virtq_read(vq, &b->chain, HEADER_LEN, range, len) < 0)
		return -VIRTIO_BLK_S_IOERR;
	for (i = 0; i < nr; i++) {
		if (range[i].flags & ~flags)
			return -VIRTIO_BLK_S_UNSUPP;
		if (outside(b, range[i].sector, range[i].num_sectors))
			return -VIRTIO_BLK_S_IOERR;
	}
	return nr;
}

static int discard(struct blk *b, struct blk_request *req, struct virtq *vq)
{
	struct virtio_blk_discard_write_zeroes range[BLK_MAX_RANGES];
	struct storage_request *io = &req->io;
	int i, nr;

	nr = get_ranges(b, vq, 0, range, BLK_MAX_RANGES);
	if (nr < 0)
		return -nr;
	io->op = STORAGE_DISCARD;
	for (i = 0, io->nr_runs = 0; i < nr; i++) {
		if (!range[i].num_sectors)
			continue;
		io->run[io->nr_runs++] = (struct storage_run){
			.start = range[i].sector << BLK_SECTOR_SHIFT,
			.len = (uint64_t)range[i].num_sectors
			       << BLK_SECTOR_SHIFT,
		};
	}
	return io->nr_runs ? submit(b, req) : VIRTIO_BLK_S_OK;
}

static int write_zeroes(struct blk *b, struct blk_request *req,
			struct virtq *vq)
{
	struct virtio_blk_discard_write_zeroes range;
	int nr;

	nr = get_ranges(b, vq, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP, &range, 1);
	if (nr < 0)
		return -nr;
	if (!range.num_sectors)
		return VIRTIO_BLK_S_OK;
	req->io.op = STORAGE_ZERO;
	req->io.durable = is_durable(b);
	req->io.deallocate = range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	req->io.pos = range.sector << BLK_SECTOR_SHIFT;
	req->io.len = (uint64_t)range.num_sectors << BLK_SECTOR_SHIFT;
	return submit(b, req);
}

static int execute(struct blk *b, struct blk_request *req, struct virtq *vq,
		   const struct virtio_blk_outhdr *header)
{
	switch (header->type) {
	case VIRTIO_BLK_T_IN:
		return read_blocks(b, req, header->sector);
	case VIRTIO_BLK_T_OUT:
		return write_blocks(b, req, header->sector);
	case VIRTIO_BLK_T_FLUSH:
		return flush(b, req);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(b, req, vq);
	case VIRTIO_BLK_T_DISCARD:
		return discard(b, req, vq);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return write_zeroes(b, req, vq);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* ---- their way ---- */

/* Writes the status.  The driver is told how many bytes it has from the beginning
 * on: the status is one of them when there is no gap before it. */
static void set_status(struct blk *b, struct blk_request *req, uint8_t status)
{
	req->used.len = status == VIRTIO_BLK_S_OK ? req->data_len : 0;
	if (!anyvfio_dma_write(b->v.dev, req->status_at, &status, 1) &&
	    req->used.len == req->room)
		req->used.len++;
}

static void push(struct blk *b, struct virtq *vq, struct blk_request *req)
{
	virtq_push_many(vq, &req->used, 1);
	storage_put(&b->storage, &req->io);
}

/* The buffer in b->chain. */
static void begin(struct blk *b, struct virtq *vq)
{
	const struct virtq_chain *chain = &b->chain;
	struct virtio_blk_outhdr header;
	struct blk_request *req;
	int status;

	if (chain->read_len < HEADER_LEN || !chain->write_len) {
		virtq_fail(vq, "a request without a header or a status");
		return;
	}
	req = storage_get(&b->storage);
	req->queue = vq->index;
	req->used.id = chain->id;
	req->used.slots = chain->slots;
	req->data_len = 0;
	req->room = chain->write_len - 1;
	req->status_at = last_byte(chain);
	if (virtq_read(vq, chain, 0, &header, HEADER_LEN) < 0)
		status = VIRTIO_BLK_S_IOERR;
	else
		status = execute(b, req, vq, &header);
	if (status == PENDING)
		return;
	set_status(b, req, status);
	push(b, vq, req);
}

static void push_done(struct blk *b, struct virtq *vq)
{
	struct storage_request *io;

	while ((io = b->done[vq->index].first)) {
		b->done[vq->index].first = io->next;
		push(b, vq, (struct blk_request *)io);
	}
}

void blk_drop_done(struct blk *b, unsigned int queue)
{
	struct storage_request *io;

	while ((io = b->done[queue].first)) {
		b->done[queue].first = io->next;
		storage_put(&b->storage, io);
	}
}

/* A driver that is told what is done while there is no free request is heard when
 * there is one: then all queues are served. */
void blk_serve(struct blk *b, unsigned int queue)
{
	struct virtq *vq = &b->v.queues[queue];

	if (!vq->live || virtq_begin(vq))
		return;
	push_done(b, vq);
	do {
		virtq_want_notify(vq, false);
		while (b->storage.nr_free && virtq_pop(vq, &b->chain) > 0)
			begin(b, vq);
		virtq_want_notify(vq, true);
	} while (b->storage.nr_free && virtq_ready(vq));
	virtq_end(vq);
	storage_kick(&b->storage);
}

/* ---- what the storage says ---- */

static struct blk *blk_of_storage(struct storage *st)
{
	return (struct blk *)((char *)st - offsetof(struct blk, storage));
}

static void completed(struct storage *st, struct storage_request *io, int err)
{
	struct blk *b = blk_of_storage(st);
	struct blk_request *req = (struct blk_request *)io;

	set_status(b, req, err ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	io->next = NULL;
	if (b->done[req->queue].first)
		b->done[req->queue].last->next = io;
	else
		b->done[req->queue].first = io;
	b->done[req->queue].last = io;
}

static void settled(struct storage *st)
{
	struct blk *b = blk_of_storage(st);
	unsigned int i;

	for (i = 0; i < b->v.nr_queues; i++)
		blk_serve(b, i);
}

const struct storage_ops blk_storage_ops = {
	.complete = completed,
	.settle = settled,
};
