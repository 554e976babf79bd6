/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI function as hardware, for sweeps of the PCI bus driver: it checks which
 * calls overlap, and that no trigger is used after it was given back.
 */
#ifndef ANYVFIO_TESTS_SIM_FUNCTION_H
#define ANYVFIO_TESTS_SIM_FUNCTION_H

#include "sweep.h"
#include "vfio_pci.h"

#define FUNCTION_VECTORS 3

/* In the core, in IOMMU group @group. */
struct function *function_add(const char *name, int group);
/* Waits for its users. */
void function_remove(struct function *function);
/* Drives a vector, or the interrupt pin. */
void function_fire(struct function *function, unsigned int vector);
/* Reports an error of the hardware. */
void function_fail(struct function *function);
bool function_is_open(const struct function *function);

#endif /* ANYVFIO_TESTS_SIM_FUNCTION_H */
