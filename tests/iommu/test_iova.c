// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The map of ranges against a model that is an array of pages, with a check of
 * the whole tree after every change.  Its memory comes from here, where it can
 * run out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "iova.h"

/* ---- the port, as far as the map needs it ---- */

static long nodes_live;
static long nodes_left = -1; /* until allocation fails; below 0: never */

void *port_zalloc(size_t size)
{
	if (!nodes_left)
		return NULL;
	if (nodes_left > 0)
		nodes_left--;
	nodes_live++;
	return calloc(1, size);
}

void port_free(const void *ptr)
{
	if (ptr)
		nodes_live--;
	free((void *)ptr);
}

static int warnings;

void port_warn_on(const char *file, int line, const char *what)
{
	warnings++;
}

static u64 random_state = 88172645463325252ull;

static u64 random_below(u64 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* ---- the tree is sound ---- */

struct check {
	const struct iova_map *map;
	bool leaf_found;
	u64 count;
	long nodes;
	const struct iova_range *prev;
};

static void check_range(struct check *check, const struct iova_range *range,
			u64 key)
{
	assert_int_equal(range->last, key);
	assert_true(range->start <= range->last);
	if (check->prev)
		assert_true(check->prev->last < range->start);
	check->prev = range;
	check->count++;
}

/* What is remembered of the leaf at the end of a way down is true of it. */
static void check_leaf(const struct iova_map *map, const struct iova_node *leaf,
		       bool has_low, u64 low, u64 bound, bool *found)
{
	if (leaf != map->leaf)
		return;
	assert_int_equal(map->low, has_low ? low + 1 : 0);
	assert_int_equal(map->high, bound);
	*found = true;
}

/* All keys below @node are above @low and at most @bound. */
static void check_node(struct check *check, const struct iova_node *node,
		       unsigned int level, bool is_root, bool has_low, u64 low,
		       u64 bound)
{
	unsigned int i;

	check->nodes++;
	if (!level)
		check_leaf(check->map, node, has_low, low, bound,
			   &check->leaf_found);
	assert_in_range(node->nr, is_root ? (level ? 2 : 1) : IOVA_NODE_MIN,
			IOVA_NODE_SLOTS);
	for (i = 0; i < IOVA_NODE_SLOTS; i++) {
		if (i >= node->nr) {
			assert_int_equal(node->key[i], IOVA_LAST);
			continue;
		}
		assert_true(node->key[i] <= bound);
		if (has_low)
			assert_true(node->key[i] > low);
		if (level)
			check_node(check, node->slot[i], level - 1, false,
				   has_low, low, node->key[i]);
		else
			check_range(check, node->slot[i], node->key[i]);
		has_low = true;
		low = node->key[i];
	}
	if (level)
		assert_int_equal(node->key[node->nr - 1], bound);
}

static void check_map(const struct iova_map *map)
{
	struct check check = { .map = map };

	if (map->root)
		check_node(&check, map->root, map->height, true, false, 0,
			   IOVA_LAST);
	else
		assert_int_equal(map->height, 0);
	assert_true(check.leaf_found == !!map->leaf);
	assert_int_equal(check.count, map->count);
	assert_int_equal(check.nodes, nodes_live);
	assert_int_equal(warnings, 0);
}

/* ---- ranges of one page each, @n of them ---- */

#define GAP 3

static struct iova_range *make_pages(unsigned int n)
{
	struct iova_range *pages = calloc(n, sizeof(*pages));
	unsigned int i;

	assert_non_null(pages);
	for (i = 0; i < n; i++) {
		pages[i].start = (u64)i * GAP * PAGE_SIZE;
		pages[i].last = pages[i].start + PAGE_SIZE - 1;
	}
	return pages;
}

enum order { UP, DOWN, SHUFFLED, INWARD, NR_ORDERS };

static void make_order(unsigned int *order, unsigned int n, enum order how)
{
	unsigned int i, other, tmp;

	for (i = 0; i < n; i++) {
		if (how == DOWN)
			order[i] = n - 1 - i;
		else if (how == INWARD)
			order[i] = i % 2 ? n - 1 - i / 2 : i / 2;
		else
			order[i] = i;
	}
	for (i = n; how == SHUFFLED && i > 1; i--) {
		other = random_below(i);
		tmp = order[i - 1];
		order[i - 1] = order[other];
		order[other] = tmp;
	}
}

static void fill(struct iova_map *map, struct iova_range *pages, unsigned int n,
		 enum order how, unsigned int check_every)
{
	unsigned int *order = calloc(n, sizeof(*order));
	unsigned int i;

	make_order(order, n, how);
	for (i = 0; i < n; i++) {
		assert_int_equal(iova_map_insert(map, &pages[order[i]]), 0);
		if (i % check_every == 0)
			check_map(map);
	}
	check_map(map);
	assert_int_equal(map->count, n);
	free(order);
}

static void drain(struct iova_map *map, struct iova_range *pages,
		  unsigned int n, enum order how, unsigned int check_every)
{
	unsigned int *order = calloc(n, sizeof(*order));
	unsigned int i;

	make_order(order, n, how);
	for (i = 0; i < n; i++) {
		iova_map_remove(map, &pages[order[i]]);
		if (i % check_every == 0)
			check_map(map);
	}
	check_map(map);
	assert_int_equal(map->count, 0);
	assert_null(map->root);
	assert_int_equal(nodes_live, 0);
	free(order);
}

static void check_all_found(const struct iova_map *map,
			    struct iova_range *pages, unsigned int n)
{
	struct iova_range *range;
	unsigned int i = 0;

	iova_map_for_each(range, map, 0, IOVA_LAST)
		assert_ptr_equal(range, &pages[i++]);
	assert_int_equal(i, n);
	for (i = 0; i < n; i++) {
		assert_ptr_equal(iova_map_find(map, pages[i].start), &pages[i]);
		assert_ptr_equal(iova_map_find(map, pages[i].last), &pages[i]);
		assert_null(iova_map_find(map, pages[i].last + 1));
		assert_ptr_equal(iova_map_below(map, pages[i].start),
				 i ? &pages[i - 1] : NULL);
		assert_ptr_equal(iova_map_below(map, pages[i].last + 1),
				 &pages[i]);
	}
}

/* ---- tests ---- */

static void empty_map_finds_nothing(void **state)
{
	struct iova_map map = { 0 };
	struct iova_range *range;

	assert_null(iova_map_find(&map, 0));
	assert_null(iova_map_first(&map, 0, IOVA_LAST));
	assert_null(iova_map_below(&map, IOVA_LAST));
	iova_map_for_each(range, &map, 0, IOVA_LAST)
		fail();
	check_map(&map);
}

static void every_size_is_sound_and_finds_all(void **state)
{
	const unsigned int max = 2 * IOVA_NODE_SLOTS * IOVA_NODE_SLOTS / 3;
	struct iova_range *pages = make_pages(max);
	unsigned int n;

	for (n = 1; n <= max; n += n < 4 * IOVA_NODE_SLOTS ? 1 : 29) {
		struct iova_map map = { 0 };

		fill(&map, pages, n, n % NR_ORDERS, max);
		check_all_found(&map, pages, n);
		drain(&map, pages, n, n / NR_ORDERS % NR_ORDERS, max);
	}
	free(pages);
}

static void every_order_is_sound_at_every_step(void **state)
{
	const unsigned int n = IOVA_NODE_SLOTS * IOVA_NODE_SLOTS + 40;
	struct iova_range *pages = make_pages(n);
	int in, out;

	for (in = 0; in < NR_ORDERS; in++) {
		for (out = 0; out < NR_ORDERS; out++) {
			struct iova_map map = { 0 };

			fill(&map, pages, n, in, 7);
			drain(&map, pages, n, out, 1);
		}
	}
	free(pages);
}

static void four_levels_are_sound(void **state)
{
	const unsigned int n = 60000;
	struct iova_range *pages = make_pages(n);
	struct iova_map map = { 0 };

	fill(&map, pages, n, SHUFFLED, 6000);
	assert_true(map.height >= 3);
	check_all_found(&map, pages, n);
	drain(&map, pages, n, SHUFFLED, 6000);
	free(pages);
}

/* What comes in a row leaves the nodes behind it nearly full. */
static void rows_fill_their_nodes(void **state)
{
	const unsigned int n = 10000;
	struct iova_range *pages = make_pages(n);
	enum order how;

	for (how = UP; how <= DOWN; how++) {
		struct iova_map map = { 0 };

		fill(&map, pages, n, how, 1000);
		assert_true(nodes_live * 22 < n);
		drain(&map, pages, n, how, 1000);
	}
	free(pages);
}

static void overlap_is_eexist_and_changes_nothing(void **state)
{
	const unsigned int n = 300;
	struct iova_range *pages = make_pages(n);
	struct iova_map map = { 0 };
	unsigned int i, k;

	fill(&map, pages, n, SHUFFLED, n);
	for (i = 0; i < n; i++) {
		u64 start = pages[i].start, last = pages[i].last;
		struct iova_range bad[] = {
			{ start, last },
			{ start, start },
			{ last, last },
			{ start + 1, last - 1 },
			{ start ? start - 1 : 0, start },
			{ last, last + 1 },
			{ start ? start - 1 : 0, last + 1 },
			{ start, last + GAP * PAGE_SIZE },
			{ 0, IOVA_LAST },
			{ start, IOVA_LAST },
			{ 0, last },
		};

		for (k = 0; k < ARRAY_SIZE(bad); k++)
			assert_int_equal(iova_map_insert(&map, &bad[k]),
					 -EEXIST);
	}
	check_map(&map);
	check_all_found(&map, pages, n);
	drain(&map, pages, n, UP, n);
	free(pages);
}

static void neighbours_may_touch(void **state)
{
	struct iova_range a = { 0x1000, 0x1fff }, b = { 0x2000, 0x2fff };
	struct iova_range c = { 0, 0xfff };
	struct iova_map map = { 0 };

	assert_int_equal(iova_map_insert(&map, &a), 0);
	assert_int_equal(iova_map_insert(&map, &b), 0);
	assert_int_equal(iova_map_insert(&map, &c), 0);
	check_map(&map);
	assert_ptr_equal(iova_map_find(&map, 0xfff), &c);
	assert_ptr_equal(iova_map_find(&map, 0x1000), &a);
	assert_ptr_equal(iova_map_find(&map, 0x2000), &b);
	assert_ptr_equal(iova_map_first(&map, 0x1fff, 0x2000), &a);
	assert_null(iova_map_find(&map, 0x3000));
	iova_map_remove(&map, &a);
	iova_map_remove(&map, &b);
	iova_map_remove(&map, &c);
	check_map(&map);
}

static void ends_of_the_space_belong_to_it(void **state)
{
	struct iova_range bottom = { 0, 0xfff };
	struct iova_range top = { IOVA_LAST - 0xfff, IOVA_LAST };
	struct iova_range last_byte = { IOVA_LAST, IOVA_LAST };
	struct iova_range all = { 0, IOVA_LAST };
	struct iova_map map = { 0 };

	assert_int_equal(iova_map_insert(&map, &top), 0);
	assert_int_equal(iova_map_insert(&map, &bottom), 0);
	assert_int_equal(iova_map_insert(&map, &last_byte), -EEXIST);
	assert_ptr_equal(iova_map_find(&map, IOVA_LAST), &top);
	assert_ptr_equal(iova_map_find(&map, 0), &bottom);
	assert_ptr_equal(iova_map_first(&map, 0x1000, IOVA_LAST), &top);
	assert_null(iova_map_first(&map, 0x1000, IOVA_LAST - 0x1000));
	assert_null(iova_map_next(&map, &top, IOVA_LAST));
	assert_ptr_equal(iova_map_below(&map, IOVA_LAST - 0xfff), &bottom);
	assert_ptr_equal(iova_map_below(&map, IOVA_LAST), &bottom);
	assert_null(iova_map_below(&map, 0));
	check_map(&map);
	iova_map_remove(&map, &top);
	iova_map_remove(&map, &bottom);

	assert_int_equal(iova_map_insert(&map, &all), 0);
	assert_ptr_equal(iova_map_find(&map, 0x123456), &all);
	assert_int_equal(iova_map_insert(&map, &bottom), -EEXIST);
	iova_map_remove(&map, &all);
	check_map(&map);
}

/* The last page of the space in trees of every shape. */
static void last_page_in_a_deep_tree(void **state)
{
	const unsigned int n = 2000;
	struct iova_range top = { IOVA_LAST - 0xfff, IOVA_LAST };
	struct iova_range *pages = make_pages(n);
	struct iova_map map = { 0 };
	unsigned int i;

	assert_int_equal(iova_map_insert(&map, &top), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(iova_map_insert(&map, &pages[i]), 0);
		assert_ptr_equal(iova_map_find(&map, IOVA_LAST), &top);
		assert_ptr_equal(iova_map_next(&map, &pages[i], IOVA_LAST),
				 &top);
		check_map(&map);
	}
	for (i = 0; i < n; i++) {
		iova_map_remove(&map, &pages[i]);
		assert_ptr_equal(iova_map_find(&map, IOVA_LAST), &top);
	}
	iova_map_remove(&map, &top);
	check_map(&map);
	free(pages);
}

static void ranges_may_be_removed_while_walking(void **state)
{
	const unsigned int n = 1500;
	struct iova_range *pages = make_pages(n), *range;
	struct iova_map map = { 0 };
	unsigned int i = 0;

	fill(&map, pages, n, SHUFFLED, n);
	iova_map_for_each(range, &map, 0, IOVA_LAST) {
		assert_ptr_equal(range, &pages[i]);
		if (i++ % 3)
			iova_map_remove(&map, range);
	}
	assert_int_equal(i, n);
	check_map(&map);
	iova_map_for_each(range, &map, 0, IOVA_LAST)
		iova_map_remove(&map, range);
	check_map(&map);
	assert_null(map.root);
	free(pages);
}

/*
 * Trees of many sizes, a place in each, and memory that ends after 0, 1, 2 ...
 * nodes: until it is enough, nothing may change and nothing may be lost.
 */
static void no_memory_is_enomem_and_changes_nothing(void **state)
{
	const unsigned int n = 1200;
	struct iova_range *pages = make_pages(n);
	struct iova_map map = { 0 }, before;
	unsigned int i, failed = 0, deepest = 0;
	unsigned int *order = calloc(n, sizeof(*order));
	long nth, live;

	make_order(order, n, SHUFFLED);
	for (i = 0; i < n; i++) {
		for (nth = 0;; nth++) {
			int ret;

			before = map;
			live = nodes_live;
			nodes_left = nth;
			ret = iova_map_insert(&map, &pages[order[i]]);
			nodes_left = -1;
			if (!ret)
				break;
			assert_int_equal(ret, -ENOMEM);
			assert_memory_equal(&map, &before, sizeof(map));
			assert_int_equal(nodes_live, live);
			check_map(&map);
			assert_null(iova_map_find(&map, pages[order[i]].start));
			failed++;
			deepest = max(deepest, (unsigned int)nth + 1);
		}
		/* It took just what it was granted. */
		assert_int_equal(nodes_live, live + nth);
	}
	assert_true(failed > 50);
	assert_true(deepest >= 3);
	check_all_found(&map, pages, n);
	drain(&map, pages, n, UP, n);
	free(order);
	free(pages);
}

static void removing_what_is_not_there_warns(void **state)
{
	struct iova_range a = { 0x1000, 0x1fff }, same = a;
	struct iova_range above = { 0x3000, 0x3fff };
	struct iova_map map = { 0 };

	iova_map_remove(&map, &a);
	assert_int_equal(warnings, 1);
	assert_int_equal(iova_map_insert(&map, &a), 0);
	iova_map_remove(&map, &same);
	assert_int_equal(warnings, 2);
	iova_map_remove(&map, &above);
	assert_int_equal(warnings, 3);
	warnings = 0;
	assert_int_equal(map.count, 1);
	assert_ptr_equal(iova_map_find(&map, 0x1000), &a);
	iova_map_remove(&map, &a);
	check_map(&map);
}

/* ---- against a model: which range each of a few pages belongs to ---- */

#define MODEL_PAGES 4096

struct model {
	struct iova_map map;
	u64 base;
	struct iova_range *page[MODEL_PAGES];
	u64 count;
};

static u64 model_addr(const struct model *m, unsigned int page)
{
	return m->base + (u64)page * PAGE_SIZE;
}

static struct iova_range *model_first(const struct model *m, unsigned int start,
				      unsigned int last)
{
	for (; start <= last; start++)
		if (m->page[start])
			return m->page[start];
	return NULL;
}

static struct iova_range *model_below(const struct model *m, unsigned int page)
{
	const struct iova_range *not = m->page[page];

	while (page-- > 0)
		if (m->page[page] && m->page[page] != not )
			return m->page[page];
	return NULL;
}

static void model_insert(struct model *m, unsigned int start, unsigned int last)
{
	struct iova_range *range = malloc(sizeof(*range));
	int ret;

	range->start = model_addr(m, start);
	range->last = model_addr(m, last) + PAGE_SIZE - 1;
	ret = iova_map_insert(&m->map, range);
	if (model_first(m, start, last)) {
		assert_int_equal(ret, -EEXIST);
		free(range);
		return;
	}
	assert_int_equal(ret, 0);
	m->count++;
	for (; start <= last; start++)
		m->page[start] = range;
}

static void model_remove(struct model *m, unsigned int page)
{
	struct iova_range *range = m->page[page];

	if (!range)
		return;
	iova_map_remove(&m->map, range);
	m->count--;
	for (page = 0; page < MODEL_PAGES; page++)
		if (m->page[page] == range)
			m->page[page] = NULL;
	free(range);
}

static void model_compare(const struct model *m, unsigned int start,
			  unsigned int last)
{
	u64 from = model_addr(m, start) + random_below(PAGE_SIZE);
	u64 to = model_addr(m, last) + random_below(PAGE_SIZE);

	assert_ptr_equal(iova_map_find(&m->map, from), m->page[start]);
	if (from <= to)
		assert_ptr_equal(iova_map_first(&m->map, from, to),
				 model_first(m, start, last));
	assert_ptr_equal(iova_map_below(&m->map, from), model_below(m, start));
	assert_int_equal(m->map.count, m->count);
}

static void model_step(struct model *m, unsigned int grow, u64 longest)
{
	unsigned int start = random_below(MODEL_PAGES);
	unsigned int last = start + random_below(longest);

	last = min(last, MODEL_PAGES - 1u);
	if (random_below(100) < grow)
		model_insert(m, start, last);
	else
		model_remove(m, start);
	model_compare(m, start, last);
}

static void model_run(u64 base)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned int i, round;

	m->base = base;
	for (round = 0; round < 6; round++)
		for (i = 0; i < 6000; i++) {
			model_step(m, round % 2 ? 25 : 75, round < 4 ? 3 : 40);
			if (i % 16 == 0)
				check_map(&m->map);
		}
	for (i = 0; i < MODEL_PAGES; i++)
		model_remove(m, i);
	check_map(&m->map);
	assert_null(m->map.root);
	free(m);
}

static void random_changes_agree_with_a_model(void **state)
{
	model_run(0);
	model_run(0x7f0000000000);
	/* Up to the last page of the space. */
	model_run(0ull - (u64)MODEL_PAGES * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_finds_nothing),
		cmocka_unit_test(every_size_is_sound_and_finds_all),
		cmocka_unit_test(every_order_is_sound_at_every_step),
		cmocka_unit_test(four_levels_are_sound),
		cmocka_unit_test(rows_fill_their_nodes),
		cmocka_unit_test(overlap_is_eexist_and_changes_nothing),
		cmocka_unit_test(neighbours_may_touch),
		cmocka_unit_test(ends_of_the_space_belong_to_it),
		cmocka_unit_test(last_page_in_a_deep_tree),
		cmocka_unit_test(ranges_may_be_removed_while_walking),
		cmocka_unit_test(no_memory_is_enomem_and_changes_nothing),
		cmocka_unit_test(removing_what_is_not_there_warns),
		cmocka_unit_test(random_changes_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
