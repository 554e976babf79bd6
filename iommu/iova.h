/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A map of disjoint ranges of a 64-bit address space.
 *
 * A range is embedded in what it stands for and belongs to its owner; the map
 * only points at it.  Its two ends must not change while it is in a map.
 *
 * No locks here: finding may be done by many at once, changing by one alone.
 */
#ifndef ANYVFIO_IOVA_H
#define ANYVFIO_IOVA_H

#include "port.h"

#define IOVA_LAST (~0ull)

/* Both ends belong to it, so that the last byte of the space can. */
struct iova_range {
	u64 start;
	u64 last;
};

/*
 * A node of the tree, for iova.c and its tests.  31 pairs and the count are
 * 504 bytes: one allocation of 512; and four blocks of eight less one, which is
 * how they are searched.
 */
#define IOVA_NODE_SLOTS 31
/* Fewer than this are joined or filled up.  Well below half, so that taking
 * out what was just put in does not undo a split. */
#define IOVA_NODE_MIN (IOVA_NODE_SLOTS / 4)

struct iova_node {
	u64 key[IOVA_NODE_SLOTS];
	void *slot[IOVA_NODE_SLOTS];
	unsigned int nr;
};

/**
 * struct iova_map - all zero is an empty map, which holds no memory
 * @root:   of the tree, or NULL
 * @height: how many levels are above the leaves
 * @count:  of ranges
 * @leaf:   the leaf that was changed last, or NULL
 * @low:    the lowest last address that belongs into @leaf
 * @high:   and the highest
 */
struct iova_map {
	struct iova_node *root;
	unsigned int height;
	u64 count;
	struct iova_node *leaf;
	u64 low;
	u64 high;
};

/* 0; -EEXIST: it overlaps one that is there; -ENOMEM.  An error changes
 * nothing. */
int iova_map_insert(struct iova_map *map, struct iova_range *range);
/* @range must be in the map; cannot fail. */
void iova_map_remove(struct iova_map *map, struct iova_range *range);

/* The lowest range that has an address of [start, last], or NULL. */
struct iova_range *iova_map_first(const struct iova_map *map, u64 start,
				  u64 last);
/* The highest range that lies below @addr, or NULL. */
struct iova_range *iova_map_below(const struct iova_map *map, u64 addr);

/* The range that @addr is in, or NULL. */
static inline struct iova_range *iova_map_find(const struct iova_map *map,
					       u64 addr)
{
	return iova_map_first(map, addr, addr);
}

/* The one after @range that has an address up to @last.  @range may have left
 * the map. */
static inline struct iova_range *iova_map_next(const struct iova_map *map,
					       const struct iova_range *range,
					       u64 last)
{
	if (range->last >= last)
		return NULL;
	return iova_map_first(map, range->last + 1, last);
}

/* @range may be removed in the body, but not freed. */
#define iova_map_for_each(range, map, start, last)            \
	for (range = iova_map_first(map, start, last); range; \
	     range = iova_map_next(map, range, last))

#endif /* ANYVFIO_IOVA_H */
