/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The story of a run, for a person: what each task did, in the order it did it.
 * Told to standard error as it happens, so that it is there up to the bug.
 */
#include "engine.h"

bool sim_tracing;

void sim_trace_line(const char *fmt, ...)
{
	const struct sim_task *self = sim_current();
	va_list args;

	fprintf(stderr, "%8llu ms  %2d %-26.26s %*s",
		(unsigned long long)sim_now_ms(), self->held.owner, self->name,
		2 * (int)self->calls, "");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
}

/* The numbers of a container's calls are those of a device's, too. */
const char *sim_cmd_name(const char *file, unsigned int cmd)
{
#define CALL(cmd)                \
	{                        \
		VFIO_##cmd, #cmd \
	}
	static const struct {
		unsigned int cmd;
		const char *name;
	} container[] = {
		CALL(GET_API_VERSION), CALL(CHECK_EXTENSION), CALL(SET_IOMMU),
		CALL(IOMMU_GET_INFO),  CALL(IOMMU_MAP_DMA),
		CALL(IOMMU_UNMAP_DMA), CALL(IOMMU_DIRTY_PAGES),
	}, other[] = {
		CALL(GROUP_GET_STATUS),
		CALL(GROUP_SET_CONTAINER),
		CALL(GROUP_UNSET_CONTAINER),
		CALL(GROUP_GET_DEVICE_FD),
		CALL(DEVICE_GET_INFO),
		CALL(DEVICE_GET_REGION_INFO),
		CALL(DEVICE_GET_IRQ_INFO),
		CALL(DEVICE_SET_IRQS),
		CALL(DEVICE_RESET),
		CALL(DEVICE_GET_PCI_HOT_RESET_INFO),
		CALL(DEVICE_PCI_HOT_RESET),
		CALL(DEVICE_IOEVENTFD),
		CALL(DEVICE_FEATURE),
	};
#undef CALL
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(container) && !strcmp(file, "vfio"); i++)
		if (container[i].cmd == cmd)
			return container[i].name;
	for (i = 0; i < ARRAY_SIZE(other); i++)
		if (other[i].cmd == cmd)
			return other[i].name;
	return "unknown";
}
