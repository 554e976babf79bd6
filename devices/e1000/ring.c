/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A ring of descriptors in the driver's memory: its registers, and getting at one.
 * The device owns what is from the head on, up to but not including the tail.
 *
 * A descriptor that cannot be reached, or a head or tail outside the ring, stops
 * the ring until the driver sets it up again.
 */
#include "e1000.h"

enum { BAL = 0x00, BAH = 0x04, LEN = 0x08, HEAD = 0x10, TAIL = 0x18 };

static uint32_t reg(const struct e1000_ring *r, uint32_t which)
{
	return e1000_get(r->e, r->regs + which);
}

uint32_t e1000_ring_size(const struct e1000_ring *r)
{
	return reg(r, LEN) / E1000_DESC_SIZE;
}

uint32_t e1000_ring_owned(const struct e1000_ring *r)
{
	uint32_t size = e1000_ring_size(r);
	uint32_t head = reg(r, HEAD), tail = reg(r, TAIL);

	if (r->failed || head >= size || tail >= size)
		return 0;
	return tail >= head ? tail - head : size - head + tail;
}

static uint64_t address(const struct e1000_ring *r, uint32_t nth)
{
	uint64_t base = (uint64_t)reg(r, BAH) << 32 | reg(r, BAL);
	uint32_t at = (reg(r, HEAD) + nth) % e1000_ring_size(r);

	return base + (uint64_t)at * E1000_DESC_SIZE;
}

int e1000_ring_read(struct e1000_ring *r, uint32_t nth, void *desc)
{
	int ret = anyvfio_dma_read(r->e->dev, address(r, nth), desc,
				   E1000_DESC_SIZE);

	r->failed = ret;
	return ret;
}

int e1000_ring_write(struct e1000_ring *r, uint32_t nth, unsigned int off,
		     const void *part, size_t len)
{
	int ret =
		anyvfio_dma_write(r->e->dev, address(r, nth) + off, part, len);

	r->failed = ret;
	return ret;
}

void e1000_ring_advance(struct e1000_ring *r, uint32_t nr)
{
	e1000_set(r->e, r->regs + HEAD,
		  (reg(r, HEAD) + nr) % e1000_ring_size(r));
}

/* The driver wrote one of its registers. */
void e1000_ring_written(struct e1000_ring *r, uint32_t off)
{
	if (off - r->regs < TAIL)
		r->failed = false;
}
