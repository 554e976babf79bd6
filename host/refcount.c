/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The end of a broken refcount: see refcount.h. */
#include "port.h"

void refcount_broken(refcount_t *ref, const char *what)
{
	__atomic_store_n(&ref->refs, REFCOUNT_SATURATED, __ATOMIC_RELAXED);
	port_warn_on(__FILE__, __LINE__, what);
}
