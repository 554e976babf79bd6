/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Queues: doorbells, the fetch of commands and the posting of completions.
 *
 * A command is fetched only when its completion is sure to have room, so that
 * nothing that completes ever has to be kept.  What could not be fetched leaves
 * its queue's bit in nvme::waiting, and is tried again when the program consumes
 * completions or a request becomes free.
 */
#include "nvme.h"

void nvme_cq_init(struct nvme *n, unsigned int id, uint64_t base, uint32_t size,
		  unsigned int vector, bool interrupts)
{
	n->cq[id] = (struct nvme_cq){
		.base = base,
		.size = size,
		.id = id,
		.vector = vector,
		.phase = 1,
		.interrupts = interrupts,
	};
}

void nvme_sq_init(struct nvme *n, unsigned int id, uint64_t base, uint32_t size,
		  struct nvme_cq *cq)
{
	n->sq[id] = (struct nvme_sq){
		.base = base,
		.size = size,
		.id = id,
		.cq = cq,
	};
	cq->nr_sqs++;
}

/* One entry stays free, as head and tail alone cannot tell full from empty. */
static uint32_t room(const struct nvme_cq *cq)
{
	return cq->size - 1 - cq->used - cq->owed;
}

bool nvme_cq_has_room(const struct nvme_cq *cq)
{
	return room(cq) != 0;
}

/* ---- completions ---- */

/*
 * The program looks at the entries in order and for the phase tag, so the tag of
 * the first one publishes them all: it is written last, and alone.
 */
static int write_batch(struct nvme *n, struct nvme_cq *cq, uint32_t slot,
		       unsigned int nr)
{
	unsigned int first = storage_min(nr, cq->size - slot);
	uint64_t iova = cq->base + ((uint64_t)slot << NVME_CQE_SHIFT);
	struct nvme_cqe *batch = n->batch;
	int ret;

	if (nr > first) {
		ret = anyvfio_dma_write(n->dev, cq->base, batch + first,
					(nr - first) * sizeof(*batch));
		if (ret)
			return ret;
	}
	batch->status ^= 1;
	ret = anyvfio_dma_write(n->dev, iova, batch, first * sizeof(*batch));
	if (ret)
		return ret;
	batch->status ^= 1;
	return anyvfio_dma_write(n->dev,
				 iova + offsetof(struct nvme_cqe, status),
				 &batch->status, 1);
}

static void flush_batch(struct nvme *n)
{
	struct nvme_cq *cq = n->batch_cq;
	unsigned int nr = n->batch_nr;
	int ret;

	if (!nr)
		return;
	n->batch_nr = 0;
	ret = write_batch(n, cq, n->batch_slot, nr);
	if (ret) {
		nvme_fatal(n, "a completion queue cannot be written", ret);
		return;
	}
	if (cq->interrupts)
		nvme_irq_send(n, cq);
}

void nvme_post(struct nvme *n, struct nvme_sq *sq, uint16_t cid,
	       uint16_t status, uint32_t result)
{
	struct nvme_cq *cq = sq->cq;

	if (n->batch_nr == NVME_BATCH || n->batch_cq != cq)
		flush_batch(n);
	/* Also when those before it could not be written. */
	if (!nvme_running(n))
		return;
	if (!n->batch_nr) {
		n->batch_cq = cq;
		n->batch_slot = cq->tail;
	}
	n->batch[n->batch_nr++] = (struct nvme_cqe){
		.result = result,
		.sq_head = sq->head,
		.sqid = sq->id,
		.cid = cid,
		.status = status << 1 | cq->phase,
	};
	if (++cq->tail == cq->size) {
		cq->tail = 0;
		cq->phase ^= 1;
	}
	if (!cq->used++)
		nvme_irq_busy(n, cq, true);
}

/* For the SMART log. */
static void count(struct nvme *n, const struct nvme_request *req)
{
	switch (req->io.op) {
	case STORAGE_READ:
	case STORAGE_COMPARE:
		n->stats.reads++;
		n->stats.bytes_read += req->io.len;
		break;
	case STORAGE_WRITE:
		n->stats.writes++;
		n->stats.bytes_written += req->io.len;
		break;
	default:
		break;
	}
}

/* The status says that the log has more. */
static uint16_t log_failure(struct nvme *n, const struct nvme_request *req,
			    uint16_t status)
{
	const struct nvme_sqe *cmd = &req->cmd;
	struct nvme_error_entry entry = {
		.sqid = req->sq->id,
		.cid = cmd->cid,
		.status = (status | NVME_SC_MORE) << 1,
		.location = req->location,
		.nsid = cmd->nsid,
	};

	if (req->sq->id)
		entry.lba = (uint64_t)cmd->cdw11 << 32 | cmd->cdw10;
	if ((status & 0x700) == 0x200 &&
	    (status & 0x7ff) != NVME_SC_COMPARE_FAILURE)
		n->stats.media_errors++;
	nvme_log_error(n, &entry);
	return status | NVME_SC_MORE;
}

static void request_put(struct nvme *n, struct nvme_request *req)
{
	if (req != &n->admin_request)
		storage_put(&n->storage, &req->io);
}

void nvme_complete(struct nvme *n, struct nvme_request *req, uint16_t status)
{
	struct nvme_sq *sq = req->sq;

	if (status)
		status = log_failure(n, req, status);
	else if (sq->id)
		count(n, req);
	sq->cq->owed--;
	nvme_post(n, sq, req->cmd.cid, status, req->result);
	request_put(n, req);
}

/* ---- commands ---- */

/* Admin commands have one of their own: I/O that fills the list does not keep a
 * program from deleting the queue.  None of them is ever pending. */
static struct nvme_request *request_get(struct nvme *n,
					const struct nvme_sq *sq)
{
	return sq->id ? storage_get(&n->storage) : &n->admin_request;
}

/* Nothing of the command is looked at twice in the program's memory. */
static void execute(struct nvme *n, struct nvme_sq *sq,
		    const struct nvme_sqe *cmd)
{
	struct nvme_request *req = request_get(n, sq);
	uint16_t status;

	req->sq = sq;
	req->cmd = *cmd;
	req->result = 0;
	req->location = 0xffff;
	if (cmd->flags & (NVME_SQE_FUSE | NVME_SQE_PSDT))
		status = nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(flags));
	else if (sq->id)
		status = nvme_io_execute(n, req);
	else
		status = nvme_admin_execute(n, req);
	if (status != NVME_PENDING)
		nvme_complete(n, req, status);
}

/* How many commands may be fetched now; in one piece of memory. */
static unsigned int fetchable(const struct nvme *n, const struct nvme_sq *sq)
{
	uint32_t end = sq->tail > sq->head ? sq->tail : sq->size;
	uint32_t nr = storage_min(end - sq->head, NVME_BATCH);

	nr = storage_min(nr, room(sq->cq));
	return sq->id ? storage_min(nr, n->storage.nr_free) : nr;
}

static int fetch(struct nvme *n, struct nvme_sq *sq, unsigned int nr)
{
	uint64_t iova = sq->base + ((uint64_t)sq->head << NVME_SQE_SHIFT);

	return anyvfio_dma_read(n->dev, iova, n->fetched,
				nr * sizeof(*n->fetched));
}

static void service(struct nvme *n, struct nvme_sq *sq)
{
	unsigned int nr, i;
	int ret;

	while (nvme_running(n) && sq->head != sq->tail) {
		nr = fetchable(n, sq);
		if (!nr) {
			n->waiting |= 1ull << sq->id;
			return;
		}
		ret = fetch(n, sq, nr);
		if (ret) {
			nvme_fatal(n, "a submission queue cannot be read", ret);
			return;
		}
		sq->cq->owed += nr;
		for (i = 0; i < nr; i++) {
			if (++sq->head == sq->size)
				sq->head = 0;
			execute(n, sq, &n->fetched[i]);
		}
	}
}

/* Begins after the queue that was served last, so that each gets its turn when
 * there is room for few. */
static void service_waiting(struct nvme *n)
{
	unsigned int first = n->next_waiting, i, id;
	struct nvme_sq *sq;
	uint32_t head;

	for (i = 0; n->waiting && i < NVME_NR_QUEUES; i++) {
		id = (first + i) % NVME_NR_QUEUES;
		if (!(n->waiting >> id & 1))
			continue;
		n->waiting &= ~(1ull << id);
		sq = &n->sq[id];
		head = sq->head;
		service(n, sq);
		if (sq->head != head)
			n->next_waiting = id + 1;
	}
}

void nvme_settle(struct nvme *n)
{
	service_waiting(n);
	nvme_event_flush(n);
	flush_batch(n);
	nvme_irq_update_pin(n);
	storage_kick(&n->storage);
}

/* The backend has nothing of this queue any more: Delete waited for it. */
void nvme_sq_exit(struct nvme *n, struct nvme_sq *sq)
{
	sq->cq->nr_sqs--;
	sq->size = 0;
	n->waiting &= ~(1ull << sq->id);
}

/* Its completions were written when the last deletion of a submission queue
 * completed in another queue. */
void nvme_cq_exit(struct nvme *n, struct nvme_cq *cq)
{
	if (cq->used)
		nvme_irq_busy(n, cq, false);
	cq->size = 0;
}

/* ---- doorbells ---- */

/* 5.2: told by an event, for there is no command to fail. */
static void bad_doorbell(struct nvme *n, unsigned int id, uint8_t info)
{
	struct nvme_error_entry entry = {
		.sqid = id,
		.cid = 0xffff,
		.location = 0xffff,
	};

	nvme_log_error(n, &entry);
	nvme_event_raise(n, NVME_EVENT_ERROR, info, NVME_LOG_ERROR);
}

static void sq_doorbell(struct nvme *n, struct nvme_sq *sq, uint32_t tail)
{
	if (tail >= sq->size) {
		bad_doorbell(n, sq->id, NVME_EVENT_DOORBELL_VALUE);
		return;
	}
	sq->tail = tail;
	service(n, sq);
}

/* What could not be fetched for want of room is tried again by nvme_settle(). */
static void cq_doorbell(struct nvme *n, struct nvme_cq *cq, uint32_t head)
{
	uint32_t consumed;

	consumed = head >= cq->head ? head - cq->head
				    : head + cq->size - cq->head;
	if (head >= cq->size || consumed > cq->used) {
		bad_doorbell(n, cq->id, NVME_EVENT_DOORBELL_VALUE);
		return;
	}
	cq->head = head;
	cq->used -= consumed;
	if (consumed && !cq->used)
		nvme_irq_busy(n, cq, false);
}

void nvme_doorbell(struct nvme *n, uint64_t off, uint32_t val)
{
	unsigned int index = (off - NVME_REG_DOORBELLS) / 4;
	unsigned int id = index / 2;
	bool completion = index & 1;

	if (!nvme_running(n))
		return;
	val &= 0xffff;
	if (id >= NVME_NR_QUEUES ||
	    !(completion ? n->cq[id].size : n->sq[id].size))
		bad_doorbell(n, id, NVME_EVENT_DOORBELL_REGISTER);
	else if (completion)
		cq_doorbell(n, &n->cq[id], val);
	else
		sq_doorbell(n, &n->sq[id], val);
	nvme_settle(n);
}
