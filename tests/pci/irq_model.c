/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "irq_model.h"

void irq_model_init(struct irq_model *model)
{
	memset(model, 0, sizeof(*model));
	model->type = NO_IRQ;
}

u32 irq_model_count(u32 index)
{
	const u32 count[] = { 1, NR_MSI, NR_MSIX, 1, 1 };

	return index < 5 ? count[index] : 0;
}

/* The first descriptor that is none, as the error it gives. */
static long first_bad(const struct irq_request *req)
{
	u32 i;

	for (i = 0; i < req->count; i++)
		if (req->fds[i] == BAD_FD)
			return -EBADF;
	return 0;
}

static void model_disable(struct irq_model *m)
{
	m->type = NO_IRQ;
	m->nr_vectors = 0;
	memset(m->wired, 0, sizeof(m->wired));
}

static long model_eventfds(struct irq_model *m, const struct irq_request *req)
{
	u32 need = 0, i;

	for (i = 0; i < req->count; i++)
		if (req->fds[i] >= 0)
			need = req->start + i + 1;
	if (m->type == NO_IRQ) {
		if (!(req->start + req->count))
			return -ERANGE;
		if (first_bad(req))
			return -EBADF;
		m->type = req->index;
		m->nr_vectors = req->start + req->count;
	} else {
		if (first_bad(req))
			return -EBADF;
		if (need > m->nr_vectors &&
		    req->index == VFIO_PCI_MSI_IRQ_INDEX)
			return -EINVAL;
		m->nr_vectors = max(m->nr_vectors, need);
	}
	for (i = 0; i < req->count; i++)
		if (req->start + i < m->nr_vectors)
			m->wired[req->start + i] = req->fds[i] >= 0;
	return 0;
}

static long model_trigger(struct irq_model *m, const struct irq_request *req)
{
	bool in_use = m->type == req->index;

	if (in_use && !req->count && req->data == VFIO_IRQ_SET_DATA_NONE) {
		model_disable(m);
		return 0;
	}
	if (!in_use && m->type != NO_IRQ)
		return -EINVAL;
	if (req->index == VFIO_PCI_INTX_IRQ_INDEX && req->count != 1)
		return -EINVAL;
	if (req->data == VFIO_IRQ_SET_DATA_EVENTFD)
		return model_eventfds(m, req);
	return in_use ? 0 : -EINVAL;
}

static long model_mask(struct irq_model *m, const struct irq_request *req)
{
	bool unmask = req->action == VFIO_IRQ_SET_ACTION_UNMASK;

	if (req->index != VFIO_PCI_INTX_IRQ_INDEX)
		return -ENOTTY;
	if (m->type != VFIO_PCI_INTX_IRQ_INDEX || req->count != 1)
		return -EINVAL;
	if (req->data != VFIO_IRQ_SET_DATA_EVENTFD)
		return 0;
	if (!unmask)
		return -ENOTTY;
	return req->fds[0] == BAD_FD ? -EBADF : 0;
}

static long model_event(struct irq_model *m, const struct irq_request *req)
{
	bool *event = &m->event[req->index - VFIO_PCI_ERR_IRQ_INDEX];

	if (req->data == VFIO_IRQ_SET_DATA_NONE) {
		if (!*event)
			return -EINVAL;
		*event = req->count;
		return 0;
	}
	if (!req->count)
		return -EINVAL;
	if (req->data == VFIO_IRQ_SET_DATA_BOOL)
		return 0;
	if (req->fds[0] == BAD_FD)
		return -EBADF;
	/* Below -1 it means nothing. */
	if (req->fds[0] >= -1)
		*event = req->fds[0] >= 0;
	return 0;
}

long irq_model_set(struct irq_model *m, const struct irq_request *req)
{
	u32 nr = irq_model_count(req->index);

	if (req->start >= nr || req->start + req->count > nr)
		return -EINVAL;
	if (req->action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return model_mask(m, req);
	if (req->index >= VFIO_PCI_ERR_IRQ_INDEX)
		return model_event(m, req);
	return model_trigger(m, req);
}
