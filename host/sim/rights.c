/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Rights, modules, machines, names of tasks: as a test sets them. */
#include "engine.h"

static bool allowed[2];
static bool noiommu_mode;

void sim_rights_begin(void)
{
	memset(allowed, 0, sizeof(allowed));
	noiommu_mode = false;
}

void sim_allow(enum port_cap cap, bool yes)
{
	allowed[cap] = yes;
}

void sim_set_noiommu(bool on)
{
	noiommu_mode = on;
}

bool port_capable(enum port_cap cap)
{
	sim_point();
	return allowed[cap];
}

bool port_noiommu_mode(void)
{
	return noiommu_mode;
}

void port_taint(void)
{
}

bool port_module_get(struct module *owner)
{
	sim_point();
	if (!owner)
		return true;
	if (owner->going)
		return false;
	owner->holds++;
	sim_count(SIM_COUNT_MODULES, 1);
	return true;
}

void port_module_put(struct module *owner)
{
	sim_point();
	if (!owner)
		return;
	WARN_ON(owner->holds-- <= 0);
	sim_count(SIM_COUNT_MODULES, -1);
}

struct kvm *sim_kvm_create(void)
{
	struct kvm *kvm = sim_new(struct kvm);

	refcount_set(&kvm->refs, 1);
	sim_count(SIM_COUNT_KVMS, 1);
	return kvm;
}

bool port_kvm_get(struct kvm *kvm)
{
	if (!refcount_inc_not_zero(&kvm->refs))
		return false;
	sim_count(SIM_COUNT_KVMS, 1);
	return true;
}

void port_kvm_put(struct kvm *kvm)
{
	sim_count(SIM_COUNT_KVMS, -1);
	if (refcount_dec_and_test(&kvm->refs))
		port_free(kvm);
}

void port_task_name(char buf[PORT_TASK_LEN])
{
	struct sim_task *self = sim_current();

	snprintf(buf, PORT_TASK_LEN, "%.15s[%d]", self->name, self->held.owner);
}
