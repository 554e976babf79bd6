/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The PCI bus driver over the function made of bytes of tests/pci. */
#ifndef TESTS_FUZZ_PCI_H
#define TESTS_FUZZ_PCI_H

#include "fuzz.h"
#include "harness.h"

/* The function gives way in the middle of each call, for tests with threads:
 * here sched_yield() is another name for this. */
int no_yield(void)
{
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FUZZ_CHECK(!machine_start(NULL));
	return 0;
}

#endif /* TESTS_FUZZ_PCI_H */
