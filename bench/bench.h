/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a figure is taken: the least of several runs of the mean over many
 * repetitions, in nanoseconds: what else the machine does only adds to it, and
 * spares one of many short runs.
 * Figures are compared with a peer measured in the same run, never with a
 * clock.
 */
#ifndef ANYVFIO_BENCH_H
#define ANYVFIO_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_RUNS 101

static inline uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Calls @fn(@arg) @count times in each run; the least mean in ns. */
static inline double bench_ns(void (*fn)(void *arg), void *arg,
			      unsigned long count)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < BENCH_RUNS; i++) {
		uint64_t start = bench_now(), spent;

		for (unsigned long n = 0; n < count; n++)
			fn(arg);
		spent = bench_now() - start;
		least = spent < least ? spent : least;
	}
	return (double)least / count;
}

/* One figure a line, for tools/bench: a key, then nanoseconds. */
static inline void bench_print(const char *key, double ns)
{
	printf("%s %.2f\n", key, ns);
	fflush(stdout);
}

#endif /* ANYVFIO_BENCH_H */
