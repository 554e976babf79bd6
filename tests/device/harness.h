/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A program that uses one software device, in a few calls. */
#ifndef ANYVFIO_TESTS_DEVICE_HARNESS_H
#define ANYVFIO_TESTS_DEVICE_HARNESS_H

#include "host.h"
#include "probe.h"
#include "vfio_pci.h"

#include <setjmp.h>
#include <cmocka.h>
#include <sys/mman.h>

#define DEVICE_NAME "0000:01:00.0"

/**
 * struct client - the descriptors of a program
 */
struct client {
	int container;
	int group;
	int device;
};

/* Starts the host with one device and forgets what the probe saw. */
void machine_start(const char *spec);
void machine_stop(void);

/* Opens all three, type1 set. */
void client_open(struct client *c);
void client_close(struct client *c);

/* Accesses by pread() and pwrite() of a region. */
uint64_t region_read(struct client *c, unsigned int region, uint64_t off,
		     unsigned int size);
void region_write(struct client *c, unsigned int region, uint64_t off,
		  unsigned int size, uint64_t val);
uint32_t config_read(struct client *c, unsigned int off, unsigned int size);
void config_write(struct client *c, unsigned int off, unsigned int size,
		  uint32_t val);
/* Where a capability is, or 0. */
unsigned int config_cap(struct client *c, unsigned int id);
void set_bus_master(struct client *c, bool on);
void set_memory(struct client *c, bool on);

/* Maps part of a BAR; the test fails when that fails. */
void *bar_map(struct client *c, unsigned int bar, uint64_t off, size_t len,
	      int prot);
void bar_unmap(void *addr, size_t len);

/* Maps memory for DMA; 0 or a negated errno. */
int dma_map(struct client *c, void *mem, uint64_t iova, uint64_t size,
	    uint32_t flags);
int dma_unmap(struct client *c, uint64_t iova, uint64_t size);

/* SET_IRQS.  @fds of @nr vectors from @start; NULL: count 0, disable. */
int irq_triggers(struct client *c, unsigned int index, unsigned int start,
		 unsigned int nr, const int *fds);
int irq_action(struct client *c, unsigned int index, unsigned int action);
int event_new(void);
/* How often it was signalled since it was last asked. */
uint64_t event_count(int fd);
/* Waits until it was. */
void event_wait(int fd);

/* The probe's registers from @off on, for functions that know nothing of
 * volatile. */
static inline uint8_t *probe_regs(unsigned int off)
{
	__asm__ volatile("" : : : "memory");
	return (uint8_t *)probe.regs + off;
}

/* Aligned anonymous memory. */
void *memory_new(size_t size);
void memory_free(void *mem, size_t size);

#endif /* ANYVFIO_TESTS_DEVICE_HARNESS_H */
