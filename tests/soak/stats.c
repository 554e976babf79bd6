/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "soak.h"

static const char *const names[NR_WHATS] = {
	[OPEN] = "open a node",
	[SET_CONTAINER] = "SET_CONTAINER",
	[SET_IOMMU] = "SET_IOMMU",
	[GET_DEVICE] = "GET_DEVICE_FD",
	[CLOSE] = "close",
	[COPY] = "dup and close",
	[MAP_DMA] = "MAP_DMA",
	[UNMAP_DMA] = "UNMAP_DMA",
	[INFO] = "info calls",
	[READ] = "pread",
	[WRITE] = "pwrite",
	[TRAP] = "trapped access",
	[SET_IRQS] = "SET_IRQS",
	[RESET] = "RESET",
	[MMAP] = "mmap",
	[MUNMAP] = "munmap",
	[OTHER] = "hostile ioctl",
	[BLOCK_IO] = "NVMe block",
	[EDU_DMA] = "edu DMA",
	[UNBIND] = "unbind, bind",
	[REPLACE] = "pull out, put in",
	[FORK] = "fork, end",
};

const char *stats_name(enum what what)
{
	return names[what];
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static unsigned int bucket_of(u64 ns)
{
	unsigned int log;

	if (ns < 16)
		return ns;
	log = 63 - __builtin_clzll(ns);
	return min((log - 3) * 16 + (unsigned int)(ns >> (log - 4) & 15),
		   BUCKETS - 1u);
}

/* The upper end. */
static u64 bucket_ns(unsigned int bucket)
{
	unsigned int log = bucket / 16 + 3;

	if (bucket < 16)
		return bucket;
	return (1ull << log) + ((bucket % 16 + 1ull) << (log - 4));
}

void stats_add(struct worker *w, enum what what, u64 since)
{
	u64 ns = now_ns() - since;

	w->stats->count[what][bucket_of(ns)]++;
	w->stats->most[what] = max(w->stats->most[what], ns);
	__atomic_store_n(&w->alive, w->alive + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&w->doing, what, __ATOMIC_RELAXED);
}

/* In microseconds, of @total calls the one below which @share are. */
static double percentile(const u64 *count, u64 total, double share)
{
	u64 want = total * share, seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS - 1; i++) {
		seen += count[i];
		if (seen > want)
			break;
	}
	return bucket_ns(i) / 1e3;
}

static u64 print_one(struct worker *workers, unsigned int nr, enum what what,
		     double seconds)
{
	static u64 count[BUCKETS];
	u64 total = 0, most = 0;
	unsigned int i, b;

	memset(count, 0, sizeof(count));
	for (i = 0; i < nr; i++) {
		for (b = 0; b < BUCKETS; b++) {
			count[b] += workers[i].stats->count[what][b];
			total += workers[i].stats->count[what][b];
		}
		most = max(most, workers[i].stats->most[what]);
	}
	if (total)
		printf("%-17s %12llu %9.0f %9.1f %9.1f %10.1f %11.1f\n",
		       names[what], (unsigned long long)total, total / seconds,
		       percentile(count, total, .5),
		       percentile(count, total, .99),
		       percentile(count, total, .999), most / 1e3);
	return total;
}

u64 stats_print(struct worker *workers, unsigned int nr, double seconds)
{
	u64 total = 0;
	int what;

	printf("%-17s %12s %9s %9s %9s %10s %11s\n", "call", "calls",
	       "a second", "p50 us", "p99 us", "p99.9 us", "longest us");
	for (what = 0; what < NR_WHATS; what++)
		total += print_one(workers, nr, what, seconds);
	return total;
}
