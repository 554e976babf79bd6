/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Interrupts: causes in ICR, those that count in IMS.  The pin is asserted while
 * there is one of both; MSI is sent when there begins to be one.  Delays and
 * throttling are kept but not obeyed: an interrupt comes at once.
 */
#include "e1000.h"

static void update(struct e1000 *e)
{
	bool pending = e->icr & e->ims;

	if (pending == e->asserted)
		return;
	e->asserted = pending;
	anyvfio_irq_level(e->dev, pending);
	if (pending)
		anyvfio_irq_send(e->dev, 0);
}

void e1000_irq_raise(struct e1000 *e, uint32_t causes)
{
	e->icr |= causes & ICR_ALL;
	update(e);
}

uint32_t e1000_icr_read(struct e1000 *e)
{
	uint32_t causes = e->icr;

	e->icr = 0;
	update(e);
	return causes;
}

void e1000_icr_write(struct e1000 *e, uint32_t causes)
{
	e->icr &= ~causes;
	update(e);
}

void e1000_ims_write(struct e1000 *e, uint32_t causes)
{
	e->ims |= causes & ICR_ALL;
	update(e);
}

void e1000_imc_write(struct e1000 *e, uint32_t causes)
{
	e->ims &= ~causes;
	update(e);
}

void e1000_irq_reset(struct e1000 *e)
{
	e->icr = 0;
	e->ims = 0;
	update(e);
}
