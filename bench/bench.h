/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a figure is taken: the median of several runs of the mean over many
 * repetitions, in nanoseconds. Machines are noisy; figures are compared with a
 * peer measured in the same run, never with a clock.
 */
#ifndef ANYVFIO_BENCH_H
#define ANYVFIO_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_RUNS 11

static inline uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Calls @fn(@arg) @count times in each run; the median mean in ns. */
static inline double bench_ns(void (*fn)(void *arg), void *arg,
			      unsigned long count)
{
	double runs[BENCH_RUNS];

	for (int i = 0; i < BENCH_RUNS; i++) {
		uint64_t start = bench_now();

		for (unsigned long n = 0; n < count; n++)
			fn(arg);
		runs[i] = (double)(bench_now() - start) / count;
	}
	qsort(runs, BENCH_RUNS, sizeof(runs[0]), bench_compare);
	return runs[BENCH_RUNS / 2];
}

/* One figure a line, for tools/bench: a key, then nanoseconds. */
static inline void bench_print(const char *key, double ns)
{
	printf("%s %.2f\n", key, ns);
	fflush(stdout);
}

#endif /* ANYVFIO_BENCH_H */
