// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Capability chains of the INFO ioctls (B7).
 *
 * While a chain is built its offsets count from its own start; shifted, from
 * the start of the user's struct that it is copied behind.
 */
#include "vfio.h"

/* Readers step from one to the next with 64-bit fields in them. */
#define CAP_ALIGN 8

static struct vfio_info_cap_header *header_at(const struct vfio_info_cap *caps,
					      size_t offset)
{
	return (struct vfio_info_cap_header *)((u8 *)caps->buf + offset);
}

static void drop_chain(struct vfio_info_cap *caps)
{
	port_free(caps->buf);
	caps->buf = NULL;
	caps->size = 0;
}

/* Makes room for @size bytes more, zeroed; 0 or -ENOMEM. */
static int grow(struct vfio_info_cap *caps, size_t size)
{
	void *buf = port_zalloc(caps->size + size);

	if (!buf)
		return -ENOMEM;
	if (caps->buf)
		memcpy(buf, caps->buf, caps->size);
	port_free(caps->buf);
	caps->buf = buf;
	caps->size += size;
	return 0;
}

static void link_last(struct vfio_info_cap *caps, size_t offset)
{
	struct vfio_info_cap_header *header = caps->buf;

	while (header->next)
		header = header_at(caps, header->next);
	header->next = offset;
}

/* The new capability's header, or ERR_PTR(): then the chain is gone. */
struct vfio_info_cap_header *vfio_info_cap_add(struct vfio_info_cap *caps,
					       size_t size, u16 id, u16 version)
{
	/* Offsets in the chain have 32 bits. */
	const size_t most = (u32)~0 - CAP_ALIGN;
	struct vfio_info_cap_header *header;
	size_t offset = caps->size;

	if (WARN_ON(size < sizeof(*header)) || size > most - offset ||
	    grow(caps, ALIGN(size, CAP_ALIGN))) {
		drop_chain(caps);
		return ERR_PTR(-ENOMEM);
	}
	link_last(caps, offset);
	header = header_at(caps, offset);
	header->id = id;
	header->version = version;
	return header;
}

void vfio_info_cap_shift(struct vfio_info_cap *caps, size_t offset)
{
	struct vfio_info_cap_header *header = caps->buf;
	size_t next;

	WARN_ON(!IS_ALIGNED(offset, CAP_ALIGN));
	if (!header)
		return;
	for (next = header->next; next; next = header->next) {
		header->next = next + offset;
		header = header_at(caps, next);
	}
}

static int add_sparse_mmap(struct vfio_info_cap *caps,
			   const struct vfio_region_info_cap_sparse_mmap *from)
{
	size_t areas = from->nr_areas * sizeof(from->areas[0]);
	struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, sizeof(*cap) + areas,
				   VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);
	cap = container_of(header, struct vfio_region_info_cap_sparse_mmap,
			   header);
	cap->nr_areas = from->nr_areas;
	memcpy(cap->areas, from->areas, areas);
	return 0;
}

static int add_type(struct vfio_info_cap *caps,
		    const struct vfio_region_info_cap_type *from)
{
	struct vfio_region_info_cap_type *cap;
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(caps, sizeof(*cap),
				   VFIO_REGION_INFO_CAP_TYPE, 1);
	if (IS_ERR(header))
		return PTR_ERR(header);
	cap = container_of(header, struct vfio_region_info_cap_type, header);
	cap->type = from->type;
	cap->subtype = from->subtype;
	return 0;
}

/* @cap_type is the capability without its header filled in, or NULL. */
int vfio_info_add_capability(struct vfio_info_cap *caps, int cap_type_id,
			     void *cap_type)
{
	if (!cap_type)
		return 0;
	switch (cap_type_id) {
	case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
		return add_sparse_mmap(caps, cap_type);
	case VFIO_REGION_INFO_CAP_TYPE:
		return add_type(caps, cap_type);
	default:
		return -EINVAL;
	}
}
