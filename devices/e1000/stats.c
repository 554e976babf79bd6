/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Counters: they stay at their end, and reading one clears it. */
#include "e1000.h"

void e1000_count(struct e1000 *e, uint32_t stat, uint32_t nr)
{
	uint32_t was = e1000_get(e, stat);

	e1000_set(e, stat, was + nr < was ? ~0u : was + nr);
}

void e1000_count_bytes(struct e1000 *e, uint32_t stat, uint32_t nr)
{
	uint32_t low = e1000_get(e, stat) + nr;

	e1000_set(e, stat, low);
	if (low < nr)
		e1000_count(e, stat + 4, 1);
}

uint32_t e1000_size_counter(uint32_t first, uint32_t len)
{
	unsigned int i = 0;

	if (len > 64)
		for (i = 1; i < 5 && len >= 64u << i; i++)
			;
	return first + 4 * i;
}

/* The lower half of a count of bytes stays until the upper one is read. */
uint32_t e1000_stat_read(struct e1000 *e, uint32_t off)
{
	uint32_t val = e1000_get(e, off);

	switch (off) {
	case E1000_GORCL:
	case E1000_GOTCL:
	case E1000_TORL:
	case E1000_TOTL:
		return val;
	case E1000_GORCL + 4:
	case E1000_GOTCL + 4:
	case E1000_TORL + 4:
	case E1000_TOTL + 4:
		e1000_set(e, off - 4, 0);
		break;
	}
	e1000_set(e, off, 0);
	return val;
}
