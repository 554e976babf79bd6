/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A device model for tests: does nothing of its own, and writes down what is
 * done to it.  It is a shared object (probe.c); what it finds out is in the
 * test's own struct probe.
 *
 * BAR 0, memory, 64 bits, 64 KiB:
 *   0x0000 trapped   0x1000 read-direct   0x2000, 0x3000 plain
 *   0x4000 MSI-X table   0x5000 pending bits   the rest trapped
 * BAR 2, memory, 4 KiB, trapped; BAR 3, I/O, 32 bytes.
 * Trapped registers keep what was written, as memory does.
 */
#ifndef ANYVFIO_TESTS_PROBE_H
#define ANYVFIO_TESTS_PROBE_H

#include "anyvfio/device.h"

#define PROBE_LOG 1024
#define PROBE_BAR0_SIZE 0x10000
#define PROBE_READ_DIRECT 0x1000
#define PROBE_PLAIN 0x2000
#define PROBE_TABLE 0x4000
#define PROBE_PBA 0x5000
#define PROBE_VECTORS 80
#define PROBE_MSI 8

struct probe_access {
	unsigned int bar;
	unsigned int size;
	bool write;
	uint64_t off;
	uint64_t val;
};

/* The compiler does not know that an access of a register ends up here: all that
 * a test sets before one, or looks at after it, is volatile. */
struct probe {
	/* What the test wants: how to build it (NULL: as above), what start and
	 * create answer, what to do in the middle of a write. */
	int (*build)(struct anyvfio_device *dev);
	int start_error;
	int create_error;
	void (*volatile on_write)(uint64_t off, uint64_t val);
	uint32_t config_flip; /* bits of its capability that are read wrong */
	void (*on_start)(void);
	void (*on_stop)(void);

	/* What happened. */
	struct anyvfio_device *dev;
	unsigned int starts, stops, resets, destroys;
	unsigned int own_cap;
	unsigned int read_off, read_size, reads_of_config;
	unsigned int written_off, written_size, writes_of_config;
	bool inside;
	bool overlapped;
	volatile struct probe_access log[PROBE_LOG];
	volatile unsigned int nr;
	volatile uint8_t regs[PROBE_BAR0_SIZE];
};

extern struct probe probe __attribute__((visibility("default")));

#endif /* ANYVFIO_TESTS_PROBE_H */
