/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Physical Region Pages: where a command's data is.  Entries that follow each
 * other in memory become one run, so that a buffer in one piece is copied in
 * one piece.
 */
#include "nvme.h"

/* Pages of one transfer are at most STORAGE_MAX_RUNS, so there is always a place. */
static void add_run(struct nvme_request *req, uint64_t start, uint64_t len)
{
	struct storage_run *run = &req->io.run[req->io.nr_runs];

	if (req->io.nr_runs && run[-1].start + run[-1].len == start) {
		run[-1].len += len;
		return;
	}
	run->start = start;
	run->len = len;
	req->io.nr_runs++;
}

static uint16_t bad_offset(struct nvme_request *req, uint16_t location)
{
	return nvme_bad(req, NVME_SC_PRP_OFFSET, location);
}

/*
 * One piece of a list: from *@list to the end of its page.  When more is to
 * come the page's last entry is where.
 */
static uint16_t map_piece(struct nvme *n, struct nvme_request *req,
			  uint64_t *list, uint64_t *len)
{
	uint64_t page = 1ull << n->page_shift;
	uint64_t fits = (page - (*list & (page - 1))) / sizeof(*list);
	uint64_t wanted = (*len + page - 1) >> n->page_shift;
	uint64_t nr = storage_min(fits, wanted);
	uint64_t *entry = n->prp_list;
	uint64_t i, part;

	if (anyvfio_dma_read(n->dev, *list, entry, nr * sizeof(*entry)))
		return NVME_SC_DATA_TRANSFER;
	if (wanted > fits)
		*list = entry[--nr];
	for (i = 0; i < nr; i++) {
		if (entry[i] & (page - 1))
			return bad_offset(req, NVME_AT(prp2));
		part = storage_min(*len, page);
		add_run(req, entry[i], part);
		*len -= part;
	}
	/* Lists after the first begin a page. */
	if (*len && *list & (page - 1))
		return bad_offset(req, NVME_AT(prp2));
	return 0;
}

/* 4.3: the second entry is data when it holds all that is left, else a list. */
uint16_t nvme_prp_map(struct nvme *n, struct nvme_request *req, uint64_t len)
{
	uint64_t page = 1ull << n->page_shift;
	uint64_t prp1 = req->cmd.prp1, prp2 = req->cmd.prp2;
	uint64_t first = storage_min(len, page - (prp1 & (page - 1)));
	uint16_t status = 0;

	req->io.nr_runs = 0;
	if (prp1 & 3)
		return bad_offset(req, NVME_AT(prp1));
	add_run(req, prp1, first);
	len -= first;
	if (len && len <= page) {
		if (prp2 & (page - 1))
			return bad_offset(req, NVME_AT(prp2));
		add_run(req, prp2, len);
		return 0;
	}
	if (len && prp2 & 7)
		return bad_offset(req, NVME_AT(prp2));
	while (len && !status)
		status = map_piece(n, req, &prp2, &len);
	return status;
}

uint16_t nvme_send(struct nvme *n, struct nvme_request *req, const void *buf,
		   uint64_t size, uint64_t len)
{
	const uint8_t *from = buf;
	const struct storage_run *run;
	uint16_t status;
	uint64_t part;

	status = nvme_prp_map(n, req, len);
	if (status)
		return status;
	for (run = req->io.run; run < req->io.run + req->io.nr_runs; run++) {
		part = storage_min(run->len, size);
		if (part && anyvfio_dma_write(n->dev, run->start, from, part))
			return NVME_SC_DATA_TRANSFER;
		from += part;
		size -= part;
		if (storage_dma_zero(n->dev, run->start + part,
				     run->len - part))
			return NVME_SC_DATA_TRANSFER;
	}
	return 0;
}

uint16_t nvme_receive(struct nvme *n, struct nvme_request *req, void *buf,
		      uint64_t len)
{
	const struct storage_run *run;
	uint8_t *to = buf;
	uint16_t status;

	status = nvme_prp_map(n, req, len);
	if (status)
		return status;
	for (run = req->io.run; run < req->io.run + req->io.nr_runs; run++) {
		if (anyvfio_dma_read(n->dev, run->start, to, run->len))
			return NVME_SC_DATA_TRANSFER;
		to += run->len;
	}
	return 0;
}
