/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the type1 backend sees of its host, for tests: an IOMMU that remembers
 * what it was told and stops the test at the first call that does not fit, and
 * memory that can run out.  With it the calls a container would make.
 */
#ifndef ANYVFIO_FAKE_IOMMU_H
#define ANYVFIO_FAKE_IOMMU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "type1.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define READ_ONLY VFIO_DMA_MAP_FLAG_READ
#define WRITE_ONLY VFIO_DMA_MAP_FLAG_WRITE
#define READ_WRITE (READ_ONLY | WRITE_ONLY)

/* As assert, from any thread. */
#define check(cond) ((cond) ? (void)0 : fake_failed(__FILE__, __LINE__, #cond))
void fake_failed(const char *file, int line, const char *what)
	__attribute__((noreturn));

/**
 * struct fake_iommu - how the host behaves, and what it holds
 * @pgsizes: and the next three: what the host answers
 * @range: the usable addresses
 * @attach_range: what range[0] becomes with the next group, when not empty
 * @attach_error: and the others: what that call fails with
 * @in_map: called in the middle of a mapping, with no lock of type1's held
 * @in_unmap: before a mapping is undone
 * @in_copy: before memory is copied
 * @in_pin: before a page is pinned
 * @wait_ms: waits take no longer, when set
 * @nr_waits: how many waits there were
 * @nr_spaces: how many there are, and so on
 */
struct fake_iommu {
	u64 pgsizes;
	bool coherent;
	bool tracks_dirty;
	unsigned int nr_ranges;
	struct fake_range {
		u64 start, last;
	} range[4];
	struct fake_range attach_range;
	int alloc_error, attach_error, map_error, pin_error, copy_error;
	void (*in_map)(u64 iova);
	void (*in_unmap)(u64 iova);
	void (*in_copy)(u64 vaddr);
	void (*in_pin)(u64 vaddr);
	unsigned int wait_ms;
	int nr_waits;

	int nr_spaces, nr_groups, nr_mapped, nr_pinned;
};

extern struct fake_iommu fake;

/* Blocks of port_zalloc() that live, and how many more there may be (-1:
 * any). */
extern long memory_live, memory_left;

extern const struct vfio_iommu_driver_ops *type1;

int fake_setup(void **state);
/* Fails when the test left anything behind. */
int fake_teardown(void **state);

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

/* ---- an address space with one group, and calls on it ---- */

struct vfio_type1 *space_open(unsigned long type);
void space_close(struct vfio_type1 *space);

long space_ioctl(struct vfio_type1 *space, unsigned int cmd, void *arg);
long space_map(struct vfio_type1 *space, u64 iova, const void *mem, u64 size,
	       u32 flags);
/* What was unmapped, or an error. */
s64 space_unmap(struct vfio_type1 *space, u64 iova, u64 size);
s64 space_unmap_all(struct vfio_type1 *space);
/* -1: there is no such capability. */
long space_avail(struct vfio_type1 *space);

/* Zeroed memory of whole pages; user_free() with the same size. */
void *user_alloc(size_t size);
void user_free(void *mem, size_t size);
/* An address where nothing is. */
void *user_nowhere(void);

bool bit_is_set(const u64 *map, u64 at);

#endif /* ANYVFIO_FAKE_IOMMU_H */
