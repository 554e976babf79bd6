/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The count of everything that must not be left at the end of a run. */
#include "engine.h"

static long counts[SIM_COUNTS];
static const char *const count_names[SIM_COUNTS] = {
	[SIM_COUNT_MEMORY] = "pieces of memory",
	[SIM_COUNT_FDS] = "descriptors",
	[SIM_COUNT_FILES] = "open files",
	[SIM_COUNT_VMAS] = "mappings of files",
	[SIM_COUNT_EVENTFDS] = "references to eventfds",
	[SIM_COUNT_WATCHES] = "watches of eventfds",
	[SIM_COUNT_DEVICES] = "devices",
	[SIM_COUNT_GROUPS] = "references to IOMMU groups",
	[SIM_COUNT_CLAIMS] = "claims of IOMMU groups",
	[SIM_COUNT_NODES] = "nodes",
	[SIM_COUNT_IOMMUS] = "I/O address spaces",
	[SIM_COUNT_ATTACHED] = "groups in I/O address spaces",
	[SIM_COUNT_MAPS] = "mappings for DMA",
	[SIM_COUNT_PINS] = "pinned pages",
	[SIM_COUNT_MODULES] = "holds of modules",
	[SIM_COUNT_KVMS] = "references to virtual machines",
};

void sim_count_begin(void)
{
	memset(counts, 0, sizeof(counts));
}

void sim_count(enum sim_count what, int change)
{
	counts[what] += change;
	if (counts[what] < 0)
		sim_bug("%ld %s", counts[what], count_names[what]);
}

void sim_count_end(void)
{
	bool clean = true;
	unsigned int i;

	for (i = 0; i < SIM_COUNTS; i++) {
		if (!counts[i])
			continue;
		fprintf(stderr, "  left behind: %ld %s\n", counts[i],
			count_names[i]);
		clean = false;
	}
	if (!clean)
		sim_bug("something is left behind");
}
