/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Holding code in place.  No module (NULL) is code that is always there: the
 * preload library's own.
 */
#include "policy.h"

#define MODULE_GOING INT32_MIN

bool port_module_get(struct module *owner)
{
	int old;

	if (!owner)
		return true;
	old = READ_ONCE(owner->holds);
	do {
		if (old < 0)
			return false;
	} while (!__atomic_compare_exchange_n(&owner->holds, &old, old + 1,
					      true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

void port_module_put(struct module *owner)
{
	if (!owner)
		return;
	WARN_ON(__atomic_fetch_sub(&owner->holds, 1, __ATOMIC_RELEASE) <= 0);
}

int host_module_retire(struct module *module)
{
	int held = 0;

	if (!__atomic_compare_exchange_n(&module->holds, &held, MODULE_GOING,
					 false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return -EBUSY;
	return 0;
}
