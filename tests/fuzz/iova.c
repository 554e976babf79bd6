/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The map of ranges against a sorted array, with memory that runs out.  Each call
 * must answer as the array does, and the whole map now and then.
 */
#include "fuzz.h"
#include "iova.h"

#define RANGES_MAX 1024

static struct iova_map map;
static struct iova_range *model[RANGES_MAX]; /* sorted */
static unsigned int nr;
static struct iova_range pool[RANGES_MAX];
static struct iova_range *unused[RANGES_MAX];
static unsigned int nr_unused;
static unsigned int nr_nodes;
static int allocations_left; /* below 0: as many as asked for */

/* ---- the port, as far as the map needs it ---- */

void *port_zalloc(size_t size)
{
	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	nr_nodes++;
	return calloc(1, size);
}

void port_free(const void *ptr)
{
	nr_nodes -= !!ptr;
	free((void *)ptr);
}

void port_warn_on(const char *file, int line, const char *what)
{
	FUZZ_CHECK(!"a warning");
}

/* ---- the model ---- */

/* The first that has an address from @start on, as an index; nr: none. */
static unsigned int model_from(u64 start)
{
	unsigned int low = 0, high = nr, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (model[middle]->last < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct iova_range *model_first(u64 start, u64 last)
{
	unsigned int i = model_from(start);

	return i < nr && model[i]->start <= last ? model[i] : NULL;
}

static struct iova_range *model_below(u64 addr)
{
	unsigned int i = model_from(addr);

	return i ? model[i - 1] : NULL;
}

static void model_insert(struct iova_range *range)
{
	unsigned int i = model_from(range->start);

	memmove(&model[i + 1], &model[i], (nr - i) * sizeof(*model));
	model[i] = range;
	nr++;
}

static void model_remove(unsigned int i)
{
	nr--;
	memmove(&model[i], &model[i + 1], (nr - i) * sizeof(*model));
}

/* ---- the calls ---- */

static struct iova_range *range_get(u64 start, u64 last)
{
	struct iova_range *range;

	if (last < start || nr == RANGES_MAX)
		return NULL;
	range = unused[--nr_unused];
	range->start = start;
	range->last = last;
	return range;
}

static void range_put(struct iova_range *range)
{
	unused[nr_unused++] = range;
}

/* The space is cut into 65536 slices, and used at both ends of each and at the
 * ends of the whole. */
static u64 address(struct fuzz_in *in)
{
	u64 slice = (u64)fuzz_u16(in) << 48, kind = fuzz_u8(in);

	if (kind < 0x80)
		return slice >> (kind & 0x30) | (kind & 0xf);
	return ~(slice >> (kind & 0x30)) ^ (kind & 0xf);
}

static void insert(u64 start, u64 last)
{
	struct iova_range *range = range_get(start, last);
	int ret;

	if (!range)
		return;
	ret = iova_map_insert(&map, range);
	if (model_first(start, last))
		FUZZ_CHECK(ret == -EEXIST);
	else
		FUZZ_CHECK(!ret || (ret == -ENOMEM && !allocations_left));
	if (ret)
		range_put(range);
	else
		model_insert(range);
}

static void insert_one(struct fuzz_in *in)
{
	u64 start = address(in), len = fuzz_u8(in);

	insert(start, len == 0xff ? address(in) : start + len);
}

static void remove_at(unsigned int i)
{
	struct iova_range *range = model[i];

	iova_map_remove(&map, range);
	model_remove(i);
	range_put(range);
}

/* Many neighbours at once make the tree high and low again. */
static void insert_run(struct fuzz_in *in)
{
	u64 start = address(in), step = 1 + fuzz_below(in, 4);
	unsigned int n = fuzz_below(in, 40);

	for (; n; n--, start += step)
		insert(start, start);
}

static void remove_run(struct fuzz_in *in)
{
	unsigned int i = fuzz_u8(in), n = fuzz_below(in, 40);

	for (; n && i < nr; n--)
		remove_at(i);
}

static void ask(struct fuzz_in *in)
{
	u64 a = address(in), b = address(in);

	FUZZ_CHECK(iova_map_find(&map, a) == model_first(a, a));
	FUZZ_CHECK(iova_map_below(&map, a) == model_below(a));
	if (a <= b)
		FUZZ_CHECK(iova_map_first(&map, a, b) == model_first(a, b));
}

static void check_all(void)
{
	struct iova_range *range;
	unsigned int i = 0;

	iova_map_for_each(range, &map, 0, IOVA_LAST)
		FUZZ_CHECK(i < nr && range == model[i++]);
	FUZZ_CHECK(i == nr && map.count == nr);
	/* A quarter full at least, but for the root; and inner ones above. */
	FUZZ_CHECK(nr_nodes <= 2 + 2 * nr / IOVA_NODE_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned int calls = 0;

	allocations_left = -1;
	for (nr_unused = 0; nr_unused < RANGES_MAX; nr_unused++)
		unused[nr_unused] = &pool[nr_unused];
	while (in.left) {
		switch (fuzz_below(&in, 8)) {
		case 0:
			insert_run(&in);
			break;
		case 1:
			remove_run(&in);
			break;
		case 2:
			ask(&in);
			break;
		case 3:
			if (nr)
				remove_at(fuzz_u8(&in) % nr);
			break;
		case 4:
			allocations_left = fuzz_u8(&in) - 128;
			break;
		default:
			insert_one(&in);
			break;
		}
		if (!(++calls % 32))
			check_all();
	}
	check_all();
	while (nr)
		remove_at(nr - 1);
	FUZZ_CHECK(!nr_nodes && !map.root && !map.count);
	return 0;
}
