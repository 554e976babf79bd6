/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Asynchronous events (5.2).  The program parks requests here; an event completes
 * one of them and masks its type until the program has read the log page that
 * tells more.  One event of each type waits while no request is parked.
 */
#include "nvme.h"

uint16_t nvme_async_event(struct nvme *n, struct nvme_request *req)
{
	if (n->nr_aer == NVME_NR_AER)
		return nvme_bad(req, NVME_SC_AER_LIMIT, 0xffff);
	n->aer_cid[n->nr_aer++] = req->cmd.cid;
	/* What is parked for hours must not keep room in the queue. */
	req->sq->cq->owed--;
	return NVME_PENDING;
}

/* The oldest request is used first; any may be aborted. */
static uint16_t unpark(struct nvme *n, unsigned int i)
{
	uint16_t cid = n->aer_cid[i];

	n->nr_aer--;
	memmove(n->aer_cid + i, n->aer_cid + i + 1,
		(n->nr_aer - i) * sizeof(*n->aer_cid));
	return cid;
}

bool nvme_async_event_abort(struct nvme *n, uint16_t cid)
{
	unsigned int i;

	for (i = 0; i < n->nr_aer && n->aer_cid[i] != cid; i++)
		;
	if (i == n->nr_aer || !nvme_cq_has_room(&n->cq[0]))
		return false;
	nvme_post(n, &n->sq[0], unpark(n, i), NVME_SC_ABORT_REQUESTED, 0);
	return true;
}

void nvme_event_flush(struct nvme *n)
{
	unsigned int type;

	for (type = 0; type < NVME_NR_EVENTS; type++) {
		if (!n->event[type] || !n->nr_aer ||
		    !nvme_cq_has_room(&n->cq[0]))
			continue;
		n->events_masked |= 1u << type;
		nvme_post(n, &n->sq[0], unpark(n, 0), 0, n->event[type]);
		n->event[type] = 0;
	}
}

/* Sent by the nvme_settle() that ends every entry from outside. */
void nvme_event_raise(struct nvme *n, enum nvme_event_type type, uint8_t info,
		      enum nvme_log log)
{
	if (!(n->events_masked >> type & 1) && !n->event[type])
		n->event[type] = (uint32_t)log << 16 | info << 8 | type;
}

void nvme_event_read(struct nvme *n, enum nvme_event_type type)
{
	n->events_masked &= ~(1u << type);
}

uint8_t nvme_critical_warning(const struct nvme *n)
{
	if (NVME_TEMPERATURE >= n->feat.temperature_over ||
	    NVME_TEMPERATURE <= n->feat.temperature_under)
		return NVME_SMART_TEMPERATURE;
	return 0;
}

/* A warning is told when it begins, not while it lasts. */
void nvme_check_warnings(struct nvme *n)
{
	uint8_t active = nvme_critical_warning(n) & n->feat.events;

	if (active & ~n->warnings_told)
		nvme_event_raise(n, NVME_EVENT_SMART, NVME_EVENT_TEMPERATURE,
				 NVME_LOG_SMART);
	n->warnings_told = active;
}
