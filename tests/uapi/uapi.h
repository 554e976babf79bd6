/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One program that walks the rules a user process can see, and says of each what
 * it found. It knows nothing of who answers: it runs on the user host (under
 * `anyvfio run`), on our kernel modules and on the kernel's own VFIO, so that the
 * three can be laid side by side (docs/compat.md).
 *
 * Each check prints a line
 *
 *   ok      NAME RESULT
 *   differs NAME RESULT, the rule says EXPECTED
 *
 * where NAME begins with the rule's number and RESULT is "0", a number or the
 * name of an errno.
 */
#ifndef ANYVFIO_UAPI_H
#define ANYVFIO_UAPI_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

/* What the program was given: a group, a device of it. */
struct uapi {
	const char *group_path; /* /dev/vfio/7 */
	const char *device_name; /* 0000:01:00.0 */
};

extern struct uapi uapi;

/* Compares and prints: @got and @want are results as call() makes them. */
void check(const char *name, long got, long want);
/* Says how many were what; the status to end with. */
int check_summary(void);
/* A system call's result, or its negated errno. */
long call(long ret);

/* Descriptors of a whole chain; -1 where it has not got that far. */
struct chain {
	int container;
	int group;
	int device;
};

/* A bad pointer, never mapped; a variable, so that no compiler knows better. */
extern void *const volatile bad_ptr;
#define BAD_PTR bad_ptr

/* Opens as far as asked for; ends the program when that fails. */
struct chain open_container(void);
struct chain open_group(void);
struct chain open_attached(void);
struct chain open_iommu(unsigned long type);
struct chain open_device(void);
/* That of @group, which uapi then names. */
struct chain open_named(const char *group, const char *device);
void close_chain(struct chain *chain);

void *page_alloc(size_t size);

/* ---- calls with their arguments in place ---- */

#define DMA_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

long map_dma(int container, uint64_t iova, const void *vaddr, uint64_t size,
	     uint32_t flags);
/* The size unmapped, or a negated errno. */
long unmap_dma(int container, uint64_t iova, uint64_t size, uint32_t flags);
/* The first interrupt of @index signals @fd; -1: nothing. */
long set_trigger(int device, uint32_t index, int fd);
/* @fd unmasks it. */
long set_unmask(int device, uint32_t index, int fd);
/* No interrupt of @index is in use any more. */
long clear_triggers(int device, uint32_t index);
/* What is written at @offset when @fd is signalled; -1: nothing any more. */
long set_ioeventfd(int device, uint32_t size, uint64_t offset, uint64_t data,
		   int fd);
/* How often @fd was signalled; 0 when it is not within a minute. */
long await(int fd);

void test_container(void);
void test_group(void);
void test_lifetimes(void);
void test_type1(void);
void test_pci(void);
void test_config(void);
void test_irqs(void);
void test_races(void);
/* For a group without an IOMMU, instead of the others. */
void test_noiommu(void);

#endif /* ANYVFIO_UAPI_H */
