/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * NVM commands (6): checked here, executed by the storage, which sees byte ranges
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
	return first > n->storage.nr_blocks ||
	       nr > n->storage.nr_blocks - first;
}

/* Starting block and count of the command, as bytes of the namespace. */
static uint16_t set_range(struct nvme *n, struct nvme_request *req)
{
	uint64_t nr = (req->cmd.cdw12 & 0xffff) + 1;

	if (outside(n, slba(req), nr))
		return nvme_bad(req, NVME_SC_LBA_RANGE, NVME_AT(cdw10));
	req->io.pos = slba(req) << n->storage.block_shift;
	req->io.len = nr << n->storage.block_shift;
	return 0;
}

static uint16_t write_protected(struct nvme *n, struct nvme_request *req)
{
	if (n->storage.readonly)
		return nvme_bad(req, NVME_SC_WRITE_PROTECTED, 0xffff);
	return 0;
}

/* FUA, or no volatile write cache: on the medium before it completes. */
static bool durable(const struct nvme *n, const struct nvme_request *req)
{
	return req->cmd.cdw12 & NVME_RW_FUA || !n->feat.write_cache;
}

uint16_t nvme_status_of(const struct nvme_request *req, int err)
{
	switch (-err) {
	case 0:
		return 0;
	case EINPROGRESS:
		return NVME_PENDING;
	case EFAULT:
		return NVME_SC_DATA_TRANSFER;
	case ENOSPC:
		return NVME_SC_CAPACITY;
	case EILSEQ:
		return NVME_SC_COMPARE_FAILURE;
	case ENOMEM:
		return NVME_SC_INTERNAL;
	default:
		return req->io.op == STORAGE_READ ||
				       req->io.op == STORAGE_COMPARE
			       ? NVME_SC_UNRECOVERED_READ
			       : NVME_SC_WRITE_FAULT;
	}
}

static uint16_t submit(struct nvme *n, struct nvme_request *req)
{
	return nvme_status_of(req, storage_submit(&n->storage, &req->io));
}

/* Read, Write, Compare (6.9, 6.14, 6.6).  Limits come before the range: a driver
 * that ignores MDTS is told so wherever it reads. */
static uint16_t transfer(struct nvme *n, struct nvme_request *req,
			 enum storage_op op)
{
	uint64_t len = ((req->cmd.cdw12 & 0xffff) + 1ull)
		       << n->storage.block_shift;
	uint16_t status;

	if (len > NVME_MAX_TRANSFER)
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw12));
	status = set_range(n, req);
	if (status)
		return status;
	req->io.op = op;
	if (op == STORAGE_WRITE) {
		status = write_protected(n, req);
		if (status)
			return status;
		req->io.durable = durable(n, req);
	}
	status = nvme_prp_map(n, req, req->io.len);
	if (status)
		return status;
	return submit(n, req);
}

/* 6.15.  Moves no data, so that MDTS does not limit it. */
static uint16_t write_zeroes(struct nvme *n, struct nvme_request *req)
{
	uint16_t status = set_range(n, req);

	if (!status)
		status = write_protected(n, req);
	if (status)
		return status;
	req->io.op = STORAGE_ZERO;
	req->io.durable = durable(n, req);
	req->io.deallocate = req->cmd.cdw12 & NVME_ZEROES_DEAC;
	return submit(n, req);
}

/* 6.8.  Of what has completed; commands in flight are not waited for. */
static uint16_t flush(struct nvme *n, struct nvme_request *req)
{
	req->io.op = STORAGE_FLUSH;
	return submit(n, req);
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
	req->io.nr_runs = 0;
	for (i = 0; i < nr; i++) {
		if (!range[i].nr_blocks)
			continue;
		req->io.run[req->io.nr_runs++] = (struct storage_run){
			.start = range[i].slba << n->storage.block_shift,
			.len = (uint64_t)range[i].nr_blocks
			       << n->storage.block_shift,
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
	if (status || !deallocate || !req->io.nr_runs)
		return status;
	req->io.op = STORAGE_DISCARD;
	return submit(n, req);
}

uint16_t nvme_io_execute(struct nvme *n, struct nvme_request *req)
{
	uint8_t opcode = req->cmd.opcode;
	uint32_t nsid = req->cmd.nsid;

	req->io.op = STORAGE_FLUSH;
	if (nsid != NVME_NSID &&
	    !(opcode == NVME_IO_FLUSH && nsid == NVME_ALL_NAMESPACES))
		return nvme_bad(req, NVME_SC_INVALID_NAMESPACE, NVME_AT(nsid));
	switch (opcode) {
	case NVME_IO_FLUSH:
		return flush(n, req);
	case NVME_IO_WRITE:
		return transfer(n, req, STORAGE_WRITE);
	case NVME_IO_READ:
		return transfer(n, req, STORAGE_READ);
	case NVME_IO_COMPARE:
		return transfer(n, req, STORAGE_COMPARE);
	case NVME_IO_WRITE_ZEROES:
		return write_zeroes(n, req);
	case NVME_IO_DSM:
		return dataset_management(n, req);
	default:
		return nvme_bad(req, NVME_SC_INVALID_OPCODE, NVME_AT(opcode));
	}
}
