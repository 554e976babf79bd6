/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mappings of the program's memory, held for a burst.  A driver's buffers lie in
 * few mappings, or in one for each huge page: each is looked up and held once,
 * whole.
 */
#include "virtio.h"

#define HINT_SHIFT 21 /* of a huge page */

static uint8_t *hint_of(struct virtio_mem_set *set, uint64_t iova)
{
	return &set->hint[(iova >> HINT_SHIFT) % sizeof(set->hint)];
}

static bool has(const struct virtio_mem_slot *slot, uint64_t iova)
{
	return iova - slot->first < slot->len;
}

static struct virtio_mem_slot *find(struct virtio_mem_set *set, uint64_t iova)
{
	uint8_t *hint = hint_of(set, iova);
	unsigned int i = *hint;

	if (i < set->nr && has(&set->slot[i], iova))
		return &set->slot[i];
	for (i = 0; i < set->nr; i++) {
		if (has(&set->slot[i], iova)) {
			*hint = i;
			return &set->slot[i];
		}
	}
	return NULL;
}

static void let_go(struct virtio_mem *mem, struct virtio_mem_slot *slot)
{
	anyvfio_dma_unmap(mem->dev, &slot->dma, slot->written);
}

/* With all slots taken the oldest goes. */
static struct virtio_mem_slot *free_slot(struct virtio_mem *mem,
					 struct virtio_mem_set *set)
{
	struct virtio_mem_slot *slot;

	if (set->nr < VIRTIO_MEM_SLOTS)
		return &set->slot[set->nr++];
	slot = &set->slot[set->next++ % VIRTIO_MEM_SLOTS];
	let_go(mem, slot);
	return slot;
}

static struct virtio_mem_slot *hold(struct virtio_mem *mem, uint64_t iova,
				    bool write)
{
	struct virtio_mem_set *set = &mem->set[write];
	struct virtio_mem_slot *slot;
	struct anyvfio_dma dma;
	uint64_t first;

	if (anyvfio_dma_map_whole(mem->dev, iova, write, &dma, &first))
		return NULL;
	slot = free_slot(mem, set);
	*slot = (struct virtio_mem_slot){
		.first = first,
		.len = dma.len,
		.ptr = dma.ptr,
		.dma = dma,
	};
	*hint_of(set, iova) = slot - set->slot;
	return slot;
}

size_t virtio_mem_get(struct virtio_mem *mem, uint64_t iova, size_t len,
		      bool write, void **ptr)
{
	struct virtio_mem_slot *slot = find(&mem->set[write], iova);
	uint64_t at;

	if (!slot)
		slot = hold(mem, iova, write);
	if (!slot)
		return 0;
	at = iova - slot->first;
	if (len > slot->len - at)
		len = slot->len - at;
	if (write && at + len > slot->written)
		slot->written = at + len;
	*ptr = slot->ptr + at;
	return len;
}

static void release(struct virtio_mem *mem, struct virtio_mem_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++)
		let_go(mem, &set->slot[i]);
	set->nr = 0;
}

void virtio_mem_reserve(struct virtio_mem *mem, bool write, unsigned int nr)
{
	if (mem->set[write].nr + nr > VIRTIO_MEM_SLOTS)
		release(mem, &mem->set[write]);
}

void virtio_mem_release(struct virtio_mem *mem)
{
	release(mem, &mem->set[false]);
	release(mem, &mem->set[true]);
}
