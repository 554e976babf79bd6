// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The map of ranges: a B+-tree over the ranges' last addresses.
 *
 * A node is a sorted array of keys with a slot beside each.  In a leaf the key
 * is the last address of the range in its slot.  Above, it is a bound: all keys
 * below that slot are at most this one, and all below the next slot are higher.
 * The bound of a node's last slot is the node's own bound in its parent, and
 * at the right edge of the tree IOVA_LAST, so a way down never runs off the
 * end.  A bound need not be a key that exists: removing a range leaves them.
 *
 * Keys that are not in use are IOVA_LAST, which no search takes for lower than
 * what it looks for: counting the lower keys needs no look at the node's size.
 *
 * Nodes are all of one kind; levels count from the leaves, which are level 0.
 *
 * Changes come in runs at one place, so the leaf of the last one is remembered,
 * and what neither splits nor joins nodes there needs no way down.
 */
#include "iova.h"

/* More levels than memory could hold: each has IOVA_NODE_MIN times the nodes of
 * the one above. */
#define MAX_LEVELS 16

/* A way from the root, on level @top, down to a leaf: the slot taken in each
 * node. */
struct iova_path {
	unsigned int top;
	struct iova_step {
		struct iova_node *node;
		unsigned int at;
	} step[MAX_LEVELS];
};

/* ---- one node ---- */

/*
 * How many keys are lower than @key, which is also the first slot that is not:
 * first the block of eight, then the place in it.  Compares that do not wait
 * for each other, and no branch to guess: at this size faster than halving.
 */
static inline unsigned int search(const struct iova_node *node, u64 key)
{
	const u64 *k = node->key;
	unsigned int block;

	block = (k[7] < key) + (k[15] < key) + (k[23] < key);
	k += block * 8;
	return block * 8 + (k[0] < key) + (k[1] < key) + (k[2] < key) +
	       (k[3] < key) + (k[4] < key) + (k[5] < key) + (k[6] < key);
}

static struct iova_node *node_alloc(void)
{
	struct iova_node *node = port_zalloc(sizeof(*node));

	if (node)
		memset(node->key, 0xff, sizeof(node->key));
	return node;
}

static u64 node_last_key(const struct iova_node *node)
{
	return node->key[node->nr - 1];
}

static void node_put(struct iova_node *node, unsigned int at, u64 key,
		     void *slot)
{
	unsigned int i;

	for (i = node->nr++; i > at; i--) {
		node->key[i] = node->key[i - 1];
		node->slot[i] = node->slot[i - 1];
	}
	node->key[at] = key;
	node->slot[at] = slot;
}

/* Takes the slots from @at to @at + @nr - 1 out. */
static void node_cut(struct iova_node *node, unsigned int at, unsigned int nr)
{
	unsigned int i;

	node->nr -= nr;
	for (i = at; i < node->nr; i++) {
		node->key[i] = node->key[i + nr];
		node->slot[i] = node->slot[i + nr];
	}
	for (i = node->nr; i < node->nr + nr; i++)
		node->key[i] = IOVA_LAST;
}

/* Copies @nr slots of @from, from @at on, to the end of @node. */
static void node_append(struct iova_node *node, const struct iova_node *from,
			unsigned int at, unsigned int nr)
{
	memcpy(&node->key[node->nr], &from->key[at], nr * sizeof(u64));
	memcpy(&node->slot[node->nr], &from->slot[at], nr * sizeof(void *));
	node->nr += nr;
}

/*
 * Halves the full @node, the upper part going to the empty @right, and puts
 * (@key, @slot) where it belongs.  At an end it is likely the next of a row:
 * most is then left where no more will come.
 */
static void node_split(struct iova_node *node, struct iova_node *right,
		       unsigned int at, u64 key, void *slot)
{
	unsigned int half = IOVA_NODE_SLOTS / 2;

	if (at == IOVA_NODE_SLOTS)
		half = IOVA_NODE_SLOTS - IOVA_NODE_MIN;
	else if (!at)
		half = IOVA_NODE_MIN;
	node_append(right, node, half, IOVA_NODE_SLOTS - half);
	node_cut(node, half, IOVA_NODE_SLOTS - half);
	if (at <= half)
		node_put(node, at, key, slot);
	else
		node_put(right, at - half, key, slot);
}

/* Shares what the neighbours @left and @right have evenly. */
static void node_balance(struct iova_node *left, struct iova_node *right)
{
	unsigned int half = (left->nr + right->nr) / 2, nr;

	if (left->nr < half) {
		nr = half - left->nr;
		node_append(left, right, 0, nr);
		node_cut(right, 0, nr);
		return;
	}
	for (nr = left->nr; nr > half; nr--)
		node_put(right, 0, left->key[nr - 1], left->slot[nr - 1]);
	node_cut(left, half, left->nr - half);
}

/* ---- ways through the tree ---- */

/* To the place of @key, which may be one beyond the leaf's last. */
static void path_to(struct iova_path *path, const struct iova_map *map, u64 key)
{
	struct iova_node *node = map->root;
	unsigned int level, at;

	path->top = map->height;
	for (level = path->top;; level--) {
		at = search(node, key);
		path->step[level].node = node;
		path->step[level].at = at;
		if (!level)
			return;
		node = node->slot[at];
	}
}

/* The first range of the leaf after the path's, or NULL. */
static struct iova_range *path_next_leaf(const struct iova_path *path)
{
	struct iova_node *node;
	unsigned int level;

	for (level = 1; level <= path->top; level++)
		if (path->step[level].at + 1 < path->step[level].node->nr)
			break;
	if (level > path->top)
		return NULL;
	node = path->step[level].node->slot[path->step[level].at + 1];
	while (--level)
		node = node->slot[0];
	return node->slot[0];
}

/* The last range of the leaf before the path's, or NULL. */
static struct iova_range *path_prev_leaf(const struct iova_path *path)
{
	struct iova_node *node;
	unsigned int level;

	for (level = 1; level <= path->top; level++)
		if (path->step[level].at)
			break;
	if (level > path->top)
		return NULL;
	node = path->step[level].node->slot[path->step[level].at - 1];
	while (--level)
		node = node->slot[node->nr - 1];
	return node->slot[node->nr - 1];
}

/* The ranges on both sides of the path's place. */
static struct iova_range *path_after(const struct iova_path *path)
{
	const struct iova_node *leaf = path->step[0].node;
	unsigned int at = path->step[0].at;

	return at < leaf->nr ? leaf->slot[at] : path_next_leaf(path);
}

static struct iova_range *path_before(const struct iova_path *path)
{
	const struct iova_node *leaf = path->step[0].node;
	unsigned int at = path->step[0].at;

	return at ? leaf->slot[at - 1] : path_prev_leaf(path);
}

/* ---- finding ---- */

/* For a @key that lies between the last of a leaf and the leaf's bound. */
static struct iova_range *first_of_next_leaf(const struct iova_map *map,
					     u64 key)
{
	struct iova_path path;

	path_to(&path, map, key);
	return path_next_leaf(&path);
}

struct iova_range *iova_map_first(const struct iova_map *map, u64 start,
				  u64 last)
{
	const struct iova_node *node = map->root;
	struct iova_range *range;
	unsigned int level, at;

	if (!node)
		return NULL;
	for (level = map->height; level; level--)
		node = node->slot[search(node, start)];
	at = search(node, start);
	if (likely(at < node->nr))
		range = node->slot[at];
	else
		range = first_of_next_leaf(map, start);
	return range && range->start <= last ? range : NULL;
}

struct iova_range *iova_map_below(const struct iova_map *map, u64 addr)
{
	struct iova_path path;

	if (!map->root)
		return NULL;
	path_to(&path, map, addr);
	return path_before(&path);
}

/* ---- splitting ---- */

/**
 * struct iova_spares - the nodes that all splits on a way up need
 * @node:   one for each level that splits, and the new root if there is one
 * @nr:     how many
 * @splits: how many levels split, from the leaf up
 */
struct iova_spares {
	struct iova_node *node[MAX_LEVELS];
	unsigned int nr;
	unsigned int splits;
};

/* 0, or -ENOMEM and there are none. */
static int alloc_spares(struct iova_spares *spares,
			const struct iova_path *path)
{
	unsigned int level = 0, nr;

	while (level <= path->top &&
	       path->step[level].node->nr == IOVA_NODE_SLOTS)
		level++;
	spares->splits = level;
	nr = level > path->top ? level + 1 : level;
	if (nr > MAX_LEVELS)
		return -ENOMEM;
	for (spares->nr = 0; spares->nr < nr; spares->nr++) {
		spares->node[spares->nr] = node_alloc();
		if (!spares->node[spares->nr])
			goto err_free;
	}
	return 0;

err_free:
	while (spares->nr)
		port_free(spares->node[--spares->nr]);
	return -ENOMEM;
}

static void grow_root(struct iova_map *map, struct iova_node *root,
		      struct iova_node *left, struct iova_node *right)
{
	node_put(root, 0, node_last_key(left), left);
	node_put(root, 1, IOVA_LAST, right);
	map->root = root;
	map->height++;
}

/* Puts (@key, @slot) into the path's leaf and splits what is full on the way
 * up.  The upper half of a split takes over the node's slot and bound in the
 * parent; the lower half is put in before it. */
static void put_up(struct iova_map *map, const struct iova_path *path,
		   const struct iova_spares *spares, u64 key, void *slot)
{
	const struct iova_step *step = path->step;
	struct iova_node *right = NULL;
	unsigned int level;

	for (level = 0; level < spares->splits; level++, step++) {
		if (level)
			step->node->slot[step->at] = right;
		right = spares->node[level];
		node_split(step->node, right, step->at, key, slot);
		key = node_last_key(step->node);
		slot = step->node;
	}
	if (level > path->top) {
		grow_root(map, spares->node[level], slot, right);
		return;
	}
	if (level)
		step->node->slot[step->at] = right;
	node_put(step->node, step->at, key, slot);
}

/* ---- the leaf of the last change ---- */

static void remember_leaf(struct iova_map *map, const struct iova_path *path)
{
	const struct iova_step *step = &path->step[1];
	unsigned int level;

	map->leaf = path->step[0].node;
	map->low = 0;
	map->high = path->top ? step->node->key[step->at] : IOVA_LAST;
	for (level = 1; level <= path->top; level++, step++) {
		if (step->at) {
			map->low = step->node->key[step->at - 1] + 1;
			return;
		}
	}
}

/* For a change of the nodes themselves. */
static void forget_leaf(struct iova_map *map)
{
	map->leaf = NULL;
}

/* The remembered leaf when @key belongs there. */
static struct iova_node *recall_leaf(const struct iova_map *map, u64 key)
{
	return key >= map->low && key <= map->high ? map->leaf : NULL;
}

/* False when it takes a way down: the leaf is full, or a neighbour of the range
 * may be in another one. */
static bool insert_quickly(struct iova_map *map, struct iova_range *range,
			   int *ret)
{
	struct iova_node *leaf = recall_leaf(map, range->last);
	const struct iova_range *after;
	unsigned int at;

	if (!leaf || leaf->nr == IOVA_NODE_SLOTS)
		return false;
	at = search(leaf, range->last);
	if ((!at && map->low) || (at == leaf->nr && map->high != IOVA_LAST))
		return false;
	*ret = -EEXIST;
	after = at < leaf->nr ? leaf->slot[at] : NULL;
	if (after && after->start <= range->last)
		return true;
	if (at && leaf->key[at - 1] >= range->start)
		return true;
	node_put(leaf, at, range->last, range);
	map->count++;
	*ret = 0;
	return true;
}

/* False when it takes a way down: the leaf becomes small. */
static bool remove_quickly(struct iova_map *map, struct iova_range *range)
{
	struct iova_node *leaf = recall_leaf(map, range->last);
	unsigned int at;

	if (!leaf || leaf->nr <= IOVA_NODE_MIN)
		return false;
	at = search(leaf, range->last);
	if (at == leaf->nr || leaf->slot[at] != range)
		return false;
	node_cut(leaf, at, 1);
	map->count--;
	return true;
}

/* ---- changing ---- */

static int insert_only(struct iova_map *map, struct iova_range *range)
{
	map->root = node_alloc();
	if (!map->root)
		return -ENOMEM;
	node_put(map->root, 0, range->last, range);
	map->count = 1;
	return 0;
}

int iova_map_insert(struct iova_map *map, struct iova_range *range)
{
	struct iova_spares spares;
	struct iova_range *other;
	struct iova_path path;
	int ret;

	if (!map->root)
		return insert_only(map, range);
	if (insert_quickly(map, range, &ret))
		return ret;
	path_to(&path, map, range->last);
	other = path_after(&path);
	if (other && other->start <= range->last)
		return -EEXIST;
	other = path_before(&path);
	if (other && other->last >= range->start)
		return -EEXIST;

	ret = alloc_spares(&spares, &path);
	if (ret)
		return ret;
	if (spares.nr)
		forget_leaf(map);
	else
		remember_leaf(map, &path);
	put_up(map, &path, &spares, range->last, range);
	map->count++;
	return 0;
}

/*
 * The child in slot @at of @parent has become small: makes one of it and a
 * neighbour, or takes from the neighbour.  The pair keeps the right one's
 * bound.
 */
static void fill_up(struct iova_node *parent, unsigned int at)
{
	struct iova_node *left, *right;

	if (at == parent->nr - 1)
		at--;
	left = parent->slot[at];
	right = parent->slot[at + 1];
	if (left->nr + right->nr > IOVA_NODE_SLOTS) {
		node_balance(left, right);
		parent->key[at] = node_last_key(left);
		return;
	}
	node_append(left, right, 0, right->nr);
	parent->slot[at + 1] = left;
	node_cut(parent, at, 1);
	port_free(right);
}

/* A root that leads to one place only, or to none, goes. */
static void shrink_root(struct iova_map *map)
{
	struct iova_node *root = map->root;

	if (map->height && root->nr == 1) {
		map->root = root->slot[0];
		map->height--;
		port_free(root);
	} else if (!root->nr) {
		forget_leaf(map);
		map->root = NULL;
		port_free(root);
	}
}

void iova_map_remove(struct iova_map *map, struct iova_range *range)
{
	struct iova_path path;
	struct iova_node *leaf;
	unsigned int level;

	if (remove_quickly(map, range))
		return;
	if (WARN_ON(!map->root))
		return;
	path_to(&path, map, range->last);
	leaf = path.step[0].node;
	if (WARN_ON(path.step[0].at == leaf->nr ||
		    leaf->slot[path.step[0].at] != range))
		return;
	node_cut(leaf, path.step[0].at, 1);
	map->count--;
	remember_leaf(map, &path);
	for (level = 0; level < path.top; level++) {
		if (path.step[level].node->nr >= IOVA_NODE_MIN)
			return;
		forget_leaf(map);
		fill_up(path.step[level + 1].node, path.step[level + 1].at);
	}
	shrink_root(map);
}
