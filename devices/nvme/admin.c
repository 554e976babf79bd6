/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Admin commands: queues, Abort, and the way to the others.  All are executed at
 * once.  What is refused names the field that is wrong, for the error log.
 */
#include "nvme.h"

static uint16_t bad_queue_id(struct nvme_request *req)
{
	return nvme_bad(req, NVME_SC_QUEUE_ID, NVME_AT(cdw10));
}

/* What both kinds of queue need; @entries out. */
static uint16_t check_queue(struct nvme *n, struct nvme_request *req,
			    unsigned int entry_size, unsigned int shift,
			    uint32_t *entries)
{
	const struct nvme_sqe *cmd = &req->cmd;

	*entries = (cmd->cdw10 >> 16) + 1;
	if (*entries < 2 || *entries > NVME_MAX_ENTRIES)
		return nvme_bad(req, NVME_SC_QUEUE_SIZE, NVME_AT(cdw10) + 2);
	/* CC said another size of an entry than there is. */
	if (entry_size != shift)
		return nvme_bad(req, NVME_SC_QUEUE_SIZE, 0xffff);
	if (!(cmd->cdw11 & NVME_QUEUE_PC))
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw11));
	if (cmd->prp1 & ((1ull << n->page_shift) - 1))
		return nvme_bad(req, NVME_SC_PRP_OFFSET, NVME_AT(prp1));
	return 0;
}

/* 5.3.  Whether messages or the pin will carry the vector is not known here, so
 * that any vector there is a message for is good. */
static uint16_t create_cq(struct nvme *n, struct nvme_request *req)
{
	const struct nvme_sqe *cmd = &req->cmd;
	unsigned int id = cmd->cdw10 & 0xffff;
	unsigned int vector = cmd->cdw11 >> 16;
	uint32_t entries;
	uint16_t status;

	if (!id || id >= NVME_NR_QUEUES || n->cq[id].size)
		return bad_queue_id(req);
	status = check_queue(n, req, NVME_CC_IOCQES(n->cc), NVME_CQE_SHIFT,
			     &entries);
	if (status)
		return status;
	if (vector >= NVME_NR_VECTORS)
		return nvme_bad(req, NVME_SC_INTERRUPT_VECTOR,
				NVME_AT(cdw11) + 2);
	nvme_cq_init(n, id, cmd->prp1, entries, vector,
		     cmd->cdw11 & NVME_CQ_IEN);
	return 0;
}

/* 5.4.  The priority is not looked at: there is only round robin. */
static uint16_t create_sq(struct nvme *n, struct nvme_request *req)
{
	const struct nvme_sqe *cmd = &req->cmd;
	unsigned int id = cmd->cdw10 & 0xffff;
	unsigned int cqid = cmd->cdw11 >> 16;
	uint32_t entries;
	uint16_t status;

	if (!id || id >= NVME_NR_QUEUES || n->sq[id].size)
		return bad_queue_id(req);
	if (!cqid || cqid >= NVME_NR_QUEUES)
		return nvme_bad(req, NVME_SC_QUEUE_ID, NVME_AT(cdw11) + 2);
	if (!n->cq[cqid].size)
		return nvme_bad(req, NVME_SC_CQ_INVALID, NVME_AT(cdw11) + 2);
	status = check_queue(n, req, NVME_CC_IOSQES(n->cc), NVME_SQE_SHIFT,
			     &entries);
	if (status)
		return status;
	nvme_sq_init(n, id, cmd->prp1, entries, &n->cq[cqid]);
	return 0;
}

/* 5.5: the submission queues go first. */
static uint16_t delete_cq(struct nvme *n, struct nvme_request *req)
{
	unsigned int id = req->cmd.cdw10 & 0xffff;

	if (!id || id >= NVME_NR_QUEUES || !n->cq[id].size)
		return bad_queue_id(req);
	if (n->cq[id].nr_sqs)
		return nvme_bad(req, NVME_SC_QUEUE_DELETION, NVME_AT(cdw10));
	nvme_cq_exit(n, &n->cq[id]);
	return 0;
}

/* 5.6.  Commands of the queue that were fetched complete before the deletion does;
 * the others are never begun. */
static uint16_t delete_sq(struct nvme *n, struct nvme_request *req)
{
	unsigned int id = req->cmd.cdw10 & 0xffff;

	if (!id || id >= NVME_NR_QUEUES || !n->sq[id].size)
		return bad_queue_id(req);
	storage_quiesce(&n->storage, false);
	nvme_sq_exit(n, &n->sq[id]);
	return 0;
}

/*
 * 5.1.  Commands are executed as they are fetched, and what a backend has in flight
 * cannot be recalled: only a waiting event request can be aborted.
 */
static uint16_t abort_command(struct nvme *n, struct nvme_request *req)
{
	unsigned int sqid = req->cmd.cdw10 & 0xffff;
	uint16_t cid = req->cmd.cdw10 >> 16;

	if (sqid >= NVME_NR_QUEUES || !n->sq[sqid].size)
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw10));
	req->result = sqid || !nvme_async_event_abort(n, cid);
	return 0;
}

uint16_t nvme_admin_execute(struct nvme *n, struct nvme_request *req)
{
	switch (req->cmd.opcode) {
	case NVME_ADMIN_DELETE_SQ:
		return delete_sq(n, req);
	case NVME_ADMIN_CREATE_SQ:
		return create_sq(n, req);
	case NVME_ADMIN_GET_LOG:
		return nvme_get_log(n, req);
	case NVME_ADMIN_DELETE_CQ:
		return delete_cq(n, req);
	case NVME_ADMIN_CREATE_CQ:
		return create_cq(n, req);
	case NVME_ADMIN_IDENTIFY:
		return nvme_identify(n, req);
	case NVME_ADMIN_ABORT:
		return abort_command(n, req);
	case NVME_ADMIN_SET_FEATURES:
		return nvme_set_features(n, req);
	case NVME_ADMIN_GET_FEATURES:
		return nvme_get_features(n, req);
	case NVME_ADMIN_ASYNC_EVENT:
		return nvme_async_event(n, req);
	default:
		return nvme_bad(req, NVME_SC_INVALID_OPCODE, NVME_AT(opcode));
	}
}
