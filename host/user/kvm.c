/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What stands for a virtual machine of the program: an identity that groups
 * remember (X5).  The machine itself is the kernel's.
 */
#include "policy.h"

struct kvm {
	refcount_t refs;
};

struct kvm *host_kvm_create(void)
{
	struct kvm *kvm = port_zalloc(sizeof(*kvm));

	if (kvm)
		refcount_set(&kvm->refs, 1);
	return kvm;
}

bool port_kvm_get(struct kvm *kvm)
{
	return refcount_inc_not_zero(&kvm->refs);
}

void port_kvm_put(struct kvm *kvm)
{
	if (refcount_dec_and_test(&kvm->refs))
		port_free(kvm);
}
