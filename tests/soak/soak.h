/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The soak: many threads and processes against one host, valid and hostile at
 * once, for as long as asked.
 *
 * Functions 1 to HOSTILE are everybody's: users open them, call anything on their
 * own descriptors and on those of others, close in any order, while drivers are
 * unbound and functions pulled out.  The others are each one thread's, which
 * uses them as a program does, and for whom nothing may ever fail.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include "host.h"
#include "vfio_pci.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HOSTILE 6 /* functions, odd ones edu, even ones nvme */
#define VALID_NVME 7
#define VALID_EDU 8
#define FUNCTIONS 8

#define REGION(index) ((off_t)VFIO_PCI_INDEX_TO_OFFSET(index))
#define CONFIG REGION(VFIO_PCI_CONFIG_REGION_INDEX)

#define MUST(cond)                                                    \
	do {                                                          \
		if (!(cond)) {                                        \
			fprintf(stderr, "%s:%d: does not hold: %s\n", \
				__FILE__, __LINE__, #cond);           \
			abort();                                      \
		}                                                     \
	} while (0)

/* ---- how long calls take (stats.c) ---- */

enum what {
	OPEN,
	SET_CONTAINER,
	SET_IOMMU,
	GET_DEVICE,
	CLOSE,
	COPY,
	MAP_DMA,
	UNMAP_DMA,
	INFO,
	READ,
	WRITE,
	TRAP,
	SET_IRQS,
	RESET,
	MMAP,
	MUNMAP,
	OTHER,
	BLOCK_IO,
	EDU_DMA,
	UNBIND,
	REPLACE,
	FORK,
	NR_WHATS
};

/* Buckets of a sixteenth of a power of two, in nanoseconds. */
#define BUCKETS (40 * 16)

struct stats {
	u64 count[NR_WHATS][BUCKETS];
	u64 most[NR_WHATS];
};

/**
 * struct worker - a thread
 * @seed:  of its random numbers
 * @stats: its own; summed up at the end
 * @alive: calls so far, for the watchman; atomic
 * @doing: the last; atomic
 */
struct worker {
	unsigned int nr;
	u64 seed;
	struct stats *stats;
	u64 alive;
	int doing;
	pthread_t thread;
};

u64 now_ns(void);
void stats_add(struct worker *w, enum what what, u64 since);
/* A line for each kind of call, and their sum. */
u64 stats_print(struct worker *workers, unsigned int nr, double seconds);
const char *stats_name(enum what what);

/* Does @call, remembers how long it took, and is its value. */
#define TIMED(w, what, call)                 \
	({                                   \
		u64 __since = now_ns();      \
		__auto_type __ret = (call);  \
		stats_add(w, what, __since); \
		__ret;                       \
	})

static inline u32 rnd(struct worker *w, u32 n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 32) % n;
}

/* ---- descriptors that everybody may meddle with (hostile.c) ---- */

void hostile_init(void);
/* From opening to closing, once. */
void hostile_user(struct worker *w);
/* What the child of a fork finds of them: 0, or a status to exit with. */
int hostile_child(void);

/* Numbers that are just being made are closed before a stranger can have one:
 * none is in a call on such a number between these two. */
void strangers_lock(void);
void strangers_unlock(void);

/* ---- users for whom all must go well (valid.c) ---- */

void valid_nvme_user(struct worker *w);
void valid_edu_user(struct worker *w);

#endif /* TESTS_SOAK_H */
