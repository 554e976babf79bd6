/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registers of virtio 1.x (4.1.4), in BAR 4: a page of trapped ones, and the
 * notifications in a page of their own, which can be plain memory.
 */
#include "transport.h"

#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#define PAGE 0x1000u
#define BAR_SIZE (2 * PAGE)
#define COMMON 0x000u
#define ISR 0x100u
#define DEVICE 0x200u
#define NOTIFY PAGE
#define NOTIFY_STEP 4u

/* What follows struct virtio_pci_common_cfg of older headers. */
struct common {
	struct virtio_pci_common_cfg cfg;
	uint16_t queue_notify_data;
	uint16_t queue_reset;
};

/* ---- building ---- */

/* The window's bits that the driver changes: where it looks, and what is there. */
static const struct virtio_pci_cfg_cap window_mask = {
	.cap.bar = 0xff,
	.cap.offset = 0xffffffff,
	.cap.length = 0xffffffff,
	.pci_cfg_data = { 0xff, 0xff, 0xff, 0xff },
};

/* Returns where it lies, or a negated errno. */
static int add_cap(struct virtio *v, uint8_t type, uint32_t off, uint32_t len)
{
	struct {
		struct virtio_pci_cap cap;
		uint32_t more;
	} c = {
		.cap.cfg_type = type,
		.cap.bar = VIRTIO_MODERN_BAR,
		.cap.offset = off,
		.cap.length = len,
	};
	const struct virtio_pci_cap *mask = NULL;

	c.cap.cap_len = sizeof(c.cap);
	if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
		c.more = NOTIFY_STEP;
		c.cap.cap_len = sizeof(c);
	} else if (type == VIRTIO_PCI_CAP_PCI_CFG) {
		mask = &window_mask.cap;
		c.cap.cap_len = sizeof(c);
	}
	return anyvfio_pci_add_cap(
		v->dev, PCI_CAP_ID_VNDR, &c.cap.cap_len,
		mask ? &mask->cap_len : NULL,
		c.cap.cap_len - offsetof(struct virtio_pci_cap, cap_len));
}

int virtio_modern_build(struct virtio *v)
{
	int ret;

	ret = anyvfio_pci_add_bar(v->dev, VIRTIO_MODERN_BAR, BAR_SIZE,
				  ANYVFIO_BAR_64 | ANYVFIO_BAR_PREFETCH);
	if (!ret && v->plain_notify)
		ret = anyvfio_pci_set_pages(v->dev, VIRTIO_MODERN_BAR, NOTIFY,
					    PAGE, ANYVFIO_PAGE_PLAIN);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_PCI_CAP_COMMON_CFG, COMMON,
			      sizeof(struct common));
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY,
			      v->nr_queues * NOTIFY_STEP);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_PCI_CAP_ISR_CFG, ISR, 4);
	if (ret >= 0 && v->config_len)
		ret = add_cap(v, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE,
			      (v->config_len + 3) & ~3u);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_PCI_CAP_PCI_CFG, 0, 0);
	if (ret < 0)
		return ret;
	v->window = ret;
	return 0;
}

/* ---- reading ---- */

static uint32_t half(uint64_t features, uint32_t select)
{
	return select < 2 ? features >> select * 32 : 0;
}

static void fill_queue(const struct virtq *vq, struct common *c)
{
	c->cfg.queue_size = vq->size;
	c->cfg.queue_msix_vector = vq->vector;
	c->cfg.queue_enable = vq->enabled;
	c->cfg.queue_notify_off = vq->index;
	c->cfg.queue_desc_lo = vq->desc_iova;
	c->cfg.queue_desc_hi = vq->desc_iova >> 32;
	c->cfg.queue_avail_lo = vq->driver_iova;
	c->cfg.queue_avail_hi = vq->driver_iova >> 32;
	c->cfg.queue_used_lo = vq->device_iova;
	c->cfg.queue_used_hi = vq->device_iova >> 32;
	c->queue_notify_data = vq->index;
}

/* Reading has no side effect: the whole structure is made, and a part of it
 * taken. */
static uint64_t read_common(struct virtio *v, uint64_t off, unsigned int size)
{
	const struct virtq *vq = virtio_selected(v);
	struct common c = {
		.cfg.device_feature_select = v->offered_select,
		.cfg.device_feature = half(v->offered, v->offered_select),
		.cfg.guest_feature_select = v->chosen_select,
		.cfg.guest_feature = half(v->features, v->chosen_select),
		.cfg.msix_config = v->config_vector,
		.cfg.num_queues = v->nr_queues,
		.cfg.device_status = virtio_get_status(v),
		.cfg.queue_select = v->queue_select,
		.cfg.queue_msix_vector = VIRTIO_NO_VECTOR,
	};
	uint64_t val = 0;

	pthread_mutex_lock(&v->lock);
	c.cfg.config_generation = v->generation;
	pthread_mutex_unlock(&v->lock);
	if (vq)
		fill_queue(vq, &c);
	if (off + size <= sizeof(c))
		memcpy(&val, (const uint8_t *)&c + off, size);
	return val;
}

uint64_t virtio_modern_read(struct virtio *v, uint64_t off, unsigned int size)
{
	if (off >= NOTIFY)
		return 0;
	if (off >= DEVICE)
		return virtio_config_read(v, off - DEVICE, size);
	if (off == ISR)
		return virtio_take_isr(v);
	return off < ISR ? read_common(v, off - COMMON, size) : 0;
}

/* ---- writing ---- */

/* What was agreed on stays. */
static void choose(struct virtio *v, uint32_t val)
{
	unsigned int shift = v->chosen_select * 32;

	if (v->chosen_select > 1 || v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	v->features &= ~(0xffffffffull << shift);
	v->features |= (uint64_t)val << shift;
}

static void set_size(struct virtq *vq, uint32_t size)
{
	bool packed = virtio_has(vq->v, VIRTIO_F_RING_PACKED);

	if (size && size <= vq->v->ring_size &&
	    (packed || !(size & (size - 1))))
		vq->size = size;
}

static void set_half(uint64_t *iova, bool high, uint32_t val)
{
	if (high)
		*iova = (*iova & 0xffffffff) | (uint64_t)val << 32;
	else
		*iova = (*iova & ~0xffffffffull) | val;
}

/* A queue that is enabled keeps what it has. */
static void write_address(struct virtq *vq, uint64_t off, uint32_t val)
{
	if (vq->enabled)
		return;
	switch (off & ~7ull) {
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		set_half(&vq->desc_iova, off & 4, val);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		set_half(&vq->driver_iova, off & 4, val);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		set_half(&vq->device_iova, off & 4, val);
		break;
	}
}

static void write_queue(struct virtq *vq, uint64_t off, unsigned int size,
			uint32_t val)
{
	if (off >= VIRTIO_PCI_COMMON_Q_DESCLO &&
	    off < VIRTIO_PCI_COMMON_Q_NDATA && size == 4) {
		write_address(vq, off, val);
		return;
	}
	if (size != 2)
		return;
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (!vq->enabled)
			set_size(vq, val);
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		__atomic_store_n(&vq->vector, virtio_check_vector(vq->v, val),
				 __ATOMIC_RELAXED);
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (val == 1 && !vq->enabled)
			virtio_enable_queue(vq);
		break;
	case VIRTIO_PCI_COMMON_Q_RESET:
		if (val == 1 && virtio_has(vq->v, VIRTIO_F_RING_RESET))
			virtio_reset_queue(vq);
		break;
	}
}

static void write_common(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val)
{
	struct virtq *vq = virtio_selected(v);

	if (off == VIRTIO_PCI_COMMON_DFSELECT && size == 4)
		v->offered_select = val;
	else if (off == VIRTIO_PCI_COMMON_GFSELECT && size == 4)
		v->chosen_select = val;
	else if (off == VIRTIO_PCI_COMMON_GF && size == 4)
		choose(v, val);
	else if (off == VIRTIO_PCI_COMMON_MSIX && size == 2)
		__atomic_store_n(&v->config_vector, virtio_check_vector(v, val),
				 __ATOMIC_RELAXED);
	else if (off == VIRTIO_PCI_COMMON_STATUS && size == 1)
		virtio_set_status(v, val);
	else if (off == VIRTIO_PCI_COMMON_Q_SELECT && size == 2)
		v->queue_select = val;
	else if (off > VIRTIO_PCI_COMMON_Q_SELECT && vq)
		write_queue(vq, off, size, val);
}

void virtio_modern_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val)
{
	if (size == 8 && off < ISR) {
		write_common(v, off - COMMON, 4, (uint32_t)val);
		write_common(v, off + 4 - COMMON, 4, val >> 32);
	} else if (off < ISR) {
		write_common(v, off - COMMON, size, val);
	} else if (off >= NOTIFY) {
		virtio_notified(v, (off - NOTIFY) / NOTIFY_STEP);
	} else if (off >= DEVICE) {
		virtio_config_write(v, off - DEVICE, size, val);
	}
}

/* ---- the same through config space (4.1.4.9) ---- */

static uint32_t window_reg(struct virtio *v, size_t off, unsigned int size)
{
	return anyvfio_pci_config(v->dev, v->window + off, size);
}

/* Does an access of config space reach a register, and which? */
static bool look_through(struct virtio *v, unsigned int off, uint64_t *reg,
			 unsigned int *size)
{
	unsigned int data =
		v->window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	*reg = window_reg(v, offsetof(struct virtio_pci_cap, offset), 4);
	*size = window_reg(v, offsetof(struct virtio_pci_cap, length), 4);
	return off >= data && off < data + 4 &&
	       window_reg(v, offsetof(struct virtio_pci_cap, bar), 1) ==
		       VIRTIO_MODERN_BAR &&
	       (*size == 1 || *size == 2 || *size == 4) && !(*reg % *size);
}

/* Bytes beyond the register's stay what was written there. */
uint32_t virtio_window_read(struct virtio *v, unsigned int off, uint32_t val)
{
	unsigned int size, shift = off % 4 * 8;
	uint64_t reg, bits;

	if (!look_through(v, off, &reg, &size))
		return val;
	bits = (1ull << size * 8) - 1;
	return (val & ~(bits >> shift)) |
	       (virtio_modern_read(v, reg, size) & bits) >> shift;
}

void virtio_window_written(struct virtio *v, unsigned int off)
{
	unsigned int size;
	uint64_t reg;

	if (look_through(v, off, &reg, &size))
		virtio_modern_write(
			v, reg, size,
			window_reg(v,
				   offsetof(struct virtio_pci_cfg_cap,
					    pci_cfg_data),
				   size));
}
