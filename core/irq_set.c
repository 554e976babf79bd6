// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What every bus driver checks in a VFIO_DEVICE_SET_IRQS (B6). */
#include "vfio.h"

static int check_range(const struct vfio_irq_set *hdr, int num_irqs,
		       int max_irq_type)
{
	u32 last;

	if (num_irqs < 0 || max_irq_type < 0)
		return -EINVAL;
	if (hdr->index >= (u32)max_irq_type)
		return -EINVAL;
	if (check_add_overflow(hdr->start, hdr->count, &last))
		return -EINVAL;
	if (hdr->start >= (u32)num_irqs || last > (u32)num_irqs)
		return -EINVAL;
	return 0;
}

/* Bytes of data for each interrupt, or -EINVAL for no or several types. */
static int datum_size(const struct vfio_irq_set *hdr)
{
	switch (hdr->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		return 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		return sizeof(u8);
	case VFIO_IRQ_SET_DATA_EVENTFD:
		return sizeof(s32);
	default:
		return -EINVAL;
	}
}

int vfio_set_irqs_validate_and_prepare(struct vfio_irq_set *hdr, int num_irqs,
				       int max_irq_type, size_t *data_size)
{
	const u32 known = VFIO_IRQ_SET_DATA_TYPE_MASK |
			  VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const size_t head = offsetofend(struct vfio_irq_set, count);
	size_t size;
	int ret;

	if (hdr->argsz < head || hdr->flags & ~known)
		return -EINVAL;
	ret = check_range(hdr, num_irqs, max_irq_type);
	if (ret)
		return ret;
	ret = datum_size(hdr);
	if (ret < 0)
		return ret;
	/* A caller without @data_size takes no data of any kind. */
	if (ret && !data_size)
		return -EINVAL;
	size = (size_t)hdr->count * ret;
	if (hdr->argsz - head < size)
		return -EINVAL;
	if (data_size)
		*data_size = size;
	return 0;
}

int vfio_set_irqs_one_action(const struct vfio_irq_set *hdr)
{
	switch (hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_ACTION_MASK:
	case VFIO_IRQ_SET_ACTION_UNMASK:
	case VFIO_IRQ_SET_ACTION_TRIGGER:
		return 0;
	default:
		return -EINVAL;
	}
}
