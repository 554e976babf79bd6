/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Interrupts.  Each batch of completions sends its queue's vector as a message;
 * the pin is high for as long as a queue holds completions.  Which of the two
 * reaches the program is the program's choice, so both are always driven.
 *
 * INTMS masks the pin, and MSI messages of the first 32 vectors: what was held
 * back is sent when it is unmasked.  With MSI-X a program does not touch it.
 */
#include "nvme.h"

static uint32_t mask_bit(unsigned int vector)
{
	return vector < 32 ? 1u << vector : 0;
}

void nvme_irq_busy(struct nvme *n, struct nvme_cq *cq, bool busy)
{
	if (!cq->interrupts)
		return;
	if (busy) {
		if (!n->busy[cq->vector]++)
			n->irq_pending |= mask_bit(cq->vector);
	} else {
		if (!--n->busy[cq->vector])
			n->irq_pending &= ~mask_bit(cq->vector);
	}
}

void nvme_irq_send(struct nvme *n, struct nvme_cq *cq)
{
	if (!(n->intms & mask_bit(cq->vector)))
		anyvfio_irq_send(n->dev, cq->vector);
}

void nvme_irq_update_pin(struct nvme *n)
{
	bool level = n->irq_pending & ~n->intms;

	if (level == n->irq_level)
		return;
	n->irq_level = level;
	anyvfio_irq_level(n->dev, level);
}

void nvme_irq_mask(struct nvme *n, uint32_t intms)
{
	uint32_t held = n->intms & ~intms & n->irq_pending;
	unsigned int vector;

	n->intms = intms;
	for (vector = 0; held >> vector; vector++)
		if (held >> vector & 1)
			anyvfio_irq_send(n->dev, vector);
	nvme_irq_update_pin(n);
}
