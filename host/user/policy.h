/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the launcher decided for this run, and the objects behind the opaque
 * names of the port that a process has only one or few of.
 */
#ifndef ANYVFIO_USER_POLICY_H
#define ANYVFIO_USER_POLICY_H

#include "port.h"

/* ---- rights (policy.c) ---- */

/* noiommu mode (N1), which is also the only thing that grants
 * PORT_CAP_RAWIO.  Before the first call into the core. */
void host_policy_set(bool noiommu);
/* port_taint() was called. */
bool host_is_tainted(void);

/* ---- code that may go (module.c) ---- */

/**
 * struct module - a shared object of device models or drivers
 * @name:  for messages
 * @holds: how many hold it; negative: it is going
 */
struct module {
	const char *name;
	int holds;
};

/* 0 and nobody can hold it any more, or -EBUSY while somebody does. */
int host_module_retire(struct module *module);

/* ---- virtual machines (kvm.c) ---- */

/* One reference for the caller: port_kvm_put(); NULL without memory. */
struct kvm *host_kvm_create(void);

#endif /* ANYVFIO_USER_POLICY_H */
