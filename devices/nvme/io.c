/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * NVM commands (6): checked here, executed by the backend, which sees byte ranges
 * that lie inside of the namespace.
 */
#include "nvme.h"

static uint64_t slba(const struct nvme_request *req)
{
	return (uint64_t)req->cmd.cdw11 << 32 | req->cmd.cdw10;
}

/* Without a sum that could wrap around. */
static bool outside(const struct nvme *n, uint64_t first, uint64_t nr)
{
	return first > n->nr_blocks || nr > n->nr_blocks - first;
}

/* Starting block and count of the command, as bytes of the namespace. */
static uint16_t set_range(struct nvme *n, struct nvme_request *req)
{
	uint64_t nr = (req->cmd.cdw12 & 0xffff) + 1;

	if (outside(n, slba(req), nr))
		return nvme_bad(req, NVME_SC_LBA_RANGE, NVME_AT(cdw10));
	req->pos = slba(req) << n->lba_shift;
	req->len = nr << n->lba_shift;
	return 0;
}

static uint16_t write_protected(struct nvme *n, struct nvme_request *req)
{
	if (n->readonly)
		return nvme_bad(req, NVME_SC_WRITE_PROTECTED, 0xffff);
	return 0;
}

/* FUA, or no volatile write cache: on the medium before it completes. */
static bool durable(const struct nvme *n, const struct nvme_request *req)
{
	return req->cmd.cdw12 & NVME_RW_FUA || !n->feat.write_cache;
}

/* Read, Write, Compare (6.9, 6.14, 6.6).  Limits come before the range: a driver
 * that ignores MDTS is told so wherever it reads. */
static uint16_t transfer(struct nvme *n, struct nvme_request *req,
			 enum nvme_op op)
{
	uint64_t len = ((req->cmd.cdw12 & 0xffff) + 1ull) << n->lba_shift;
	uint16_t status;

	if (len > NVME_MAX_TRANSFER)
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw12));
	status = set_range(n, req);
	if (status)
		return status;
	req->op = op;
	if (op == NVME_OP_WRITE) {
		status = write_protected(n, req);
		if (status)
			return status;
		req->durable = durable(n, req);
	}
	status = nvme_prp_map(n, req, req->len);
	if (status)
		return status;
	return n->backend->submit(n, req);
}

/* 6.15.  Moves no data, so that MDTS does not limit it. */
static uint16_t write_zeroes(struct nvme *n, struct nvme_request *req)
{
	uint16_t status = set_range(n, req);

	if (!status)
		status = write_protected(n, req);
	if (status)
		return status;
	req->op = NVME_OP_ZERO;
	req->durable = durable(n, req);
	req->deallocate = req->cmd.cdw12 & NVME_ZEROES_DEAC;
	return n->backend->submit(n, req);
}

/* 6.8.  Of what has completed; commands in flight are not waited for. */
static uint16_t flush(struct nvme *n, struct nvme_request *req)
{
	req->op = NVME_OP_FLUSH;
	return n->backend->submit(n, req);
}

/* All ranges are checked before one is touched. */
static uint16_t set_discard_ranges(struct nvme *n, struct nvme_request *req,
				   unsigned int nr)
{
	const struct nvme_dsm_range *range = (void *)n->page;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (outside(n, range[i].slba, range[i].nr_blocks))
			return nvme_bad(req, NVME_SC_LBA_RANGE, 0xffff);
	req->nr_runs = 0;
	for (i = 0; i < nr; i++) {
		if (!range[i].nr_blocks)
			continue;
		req->run[req->nr_runs++] = (struct nvme_run){
			.start = range[i].slba << n->lba_shift,
			.len = (uint64_t)range[i].nr_blocks << n->lba_shift,
		};
	}
	return 0;
}

/* 6.7. */
static uint16_t dataset_management(struct nvme *n, struct nvme_request *req)
{
	unsigned int nr = (req->cmd.cdw10 & 0xff) + 1;
	bool deallocate = req->cmd.cdw11 & NVME_DSM_AD;
	uint16_t status = 0;

	if (deallocate)
		status = write_protected(n, req);
	if (!status)
		status = nvme_receive(n, req, n->page,
				      nr * sizeof(struct nvme_dsm_range));
	if (!status)
		status = set_discard_ranges(n, req, nr);
	/* The other attributes are hints about which nothing is done. */
	if (status || !deallocate || !req->nr_runs)
		return status;
	req->op = NVME_OP_DISCARD;
	return n->backend->submit(n, req);
}

uint16_t nvme_io_execute(struct nvme *n, struct nvme_request *req)
{
	uint8_t opcode = req->cmd.opcode;
	uint32_t nsid = req->cmd.nsid;

	req->op = NVME_OP_FLUSH;
	if (nsid != NVME_NSID &&
	    !(opcode == NVME_IO_FLUSH && nsid == NVME_ALL_NAMESPACES))
		return nvme_bad(req, NVME_SC_INVALID_NAMESPACE, NVME_AT(nsid));
	switch (opcode) {
	case NVME_IO_FLUSH:
		return flush(n, req);
	case NVME_IO_WRITE:
		return transfer(n, req, NVME_OP_WRITE);
	case NVME_IO_READ:
		return transfer(n, req, NVME_OP_READ);
	case NVME_IO_COMPARE:
		return transfer(n, req, NVME_OP_COMPARE);
	case NVME_IO_WRITE_ZEROES:
		return write_zeroes(n, req);
	case NVME_IO_DSM:
		return dataset_management(n, req);
	default:
		return nvme_bad(req, NVME_SC_INVALID_OPCODE, NVME_AT(opcode));
	}
}
