/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the uAPI says of SET_IRQS, for the function of harness.h. */
#ifndef TESTS_PCI_IRQ_MODEL_H
#define TESTS_PCI_IRQ_MODEL_H

#include "harness.h"

#define BAD_FD 9999

/**
 * struct irq_model - what is in use
 * @type: VFIO_PCI_*_IRQ_INDEX or NO_IRQ
 * @nr_vectors: of it
 * @wired: the vectors that signal something
 * @event: ERR and REQ signal something
 */
struct irq_model {
	u32 type;
	u32 nr_vectors;
	bool wired[NR_MSIX];
	bool event[2];
};

/**
 * struct irq_request - a call whose header is in order
 * @data: one of VFIO_IRQ_SET_DATA_*
 * @action: one of VFIO_IRQ_SET_ACTION_*
 * @fds: eventfds, BAD_FD, or negative: none
 */
struct irq_request {
	u32 index;
	u32 data;
	u32 action;
	u32 start;
	u32 count;
	s32 fds[MAX_IRQ_DATA];
	u8 bools[MAX_IRQ_DATA];
};

void irq_model_init(struct irq_model *model);
/* How many interrupts there are of an index. */
u32 irq_model_count(u32 index);
/* Does the call; what it returns. */
long irq_model_set(struct irq_model *model, const struct irq_request *req);

#endif /* TESTS_PCI_IRQ_MODEL_H */
