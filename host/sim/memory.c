/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory of the simulation: each piece knows where it was asked for.  What was
 * freed keeps its place until the run is over, filled with a pattern, so that
 * using it is seen even without the address sanitizer; with it, it is really
 * freed.
 */
#include "engine.h"

#include <stdlib.h>

#undef port_zalloc
#undef port_zalloc_array

#define FREED 0x6b
#define LIVE_MAGIC 0x4c495645u
#define FREE_MAGIC 0x46524545u

struct piece {
	struct list_head node;
	size_t size;
	const char *file;
	int line;
	unsigned int nr; /* of this run, for its story */
	u32 magic;
} __attribute__((aligned(16)));

static struct list_head live, freed;
static unsigned int nr_pieces;

void sim_memory_begin(void)
{
	INIT_LIST_HEAD(&live);
	INIT_LIST_HEAD(&freed);
	nr_pieces = 0;
}

void *sim_alloc(size_t size, const char *file, int line)
{
	struct piece *piece = calloc(1, sizeof(*piece) + size);

	if (!piece)
		sim_bug("%s:%d asks for %zu bytes", file, line, size);
	piece->size = size;
	piece->file = file;
	piece->line = line;
	piece->nr = ++nr_pieces;
	piece->magic = LIVE_MAGIC;
	list_add_tail(&piece->node, &live);
	sim_count(SIM_COUNT_MEMORY, 1);
	sim_trace("gets memory #%u, %zu bytes, at %s:%d", piece->nr, size, file,
		  line);
	return piece + 1;
}

void *sim_zalloc(size_t n, size_t size, const char *file, int line)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	return sim_fails(SIM_MEMORY) ? NULL : sim_alloc(bytes, file, line);
}

void *port_zalloc(size_t size)
{
	return sim_zalloc(1, size, "?", 0);
}

void *port_zalloc_array(size_t n, size_t size)
{
	return sim_zalloc(n, size, "?", 0);
}

void port_free(const void *ptr)
{
	struct piece *piece;

	sim_point();
	if (!ptr)
		return;
	piece = (struct piece *)ptr - 1;
	if (piece->magic == FREE_MAGIC)
		sim_bug("memory of %s:%d freed twice", piece->file,
			piece->line);
	if (piece->magic != LIVE_MAGIC)
		sim_bug("freed what is not memory of the port: %p", ptr);
	sim_trace("frees memory #%u, of %s:%d", piece->nr, piece->file,
		  piece->line);
	sim_lock_freed(ptr, piece->size);
	sim_task_freed(ptr, piece->size);
	sim_race_freed(ptr, piece->size);
	sim_count(SIM_COUNT_MEMORY, -1);
#ifdef __SANITIZE_ADDRESS__
	list_del(&piece->node);
	free(piece);
#else
	list_move_tail(&piece->node, &freed);
	piece->magic = FREE_MAGIC;
	memset(piece + 1, FREED, piece->size);
#endif
}

static void check_freed(const struct piece *piece)
{
	const u8 *byte = (const u8 *)(piece + 1);
	size_t i;

	for (i = 0; i < piece->size; i++)
		if (byte[i] != FREED)
			sim_bug("memory of %s:%d, %zu bytes, written at %zu after it was freed",
				piece->file, piece->line, piece->size, i);
}

void sim_memory_end(void)
{
	struct piece *piece, *tmp;

	list_for_each_entry_safe(piece, tmp, &freed, node) {
		check_freed(piece);
		free(piece);
	}
	INIT_LIST_HEAD(&freed);
	list_for_each_entry(piece, &live, node)
		fprintf(stderr, "  left behind: %zu bytes of %s:%d\n",
			piece->size, piece->file, piece->line);
}
