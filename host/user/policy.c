/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Rights on the user host: what the launcher grants, nothing by default. */
#include "policy.h"

static bool noiommu_mode;
static bool tainted;

void host_policy_set(bool noiommu)
{
	WRITE_ONCE(noiommu_mode, noiommu);
}

bool port_noiommu_mode(void)
{
	return READ_ONCE(noiommu_mode);
}

/* Nothing on this host is locked in memory, so that no limit has to be
 * lifted. */
bool port_capable(enum port_cap cap)
{
	return cap == PORT_CAP_RAWIO && port_noiommu_mode();
}

void port_taint(void)
{
	WRITE_ONCE(tainted, true);
}

bool host_is_tainted(void)
{
	return READ_ONCE(tainted);
}
