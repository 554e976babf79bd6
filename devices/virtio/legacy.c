/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The registers of virtio 0.9.5 (4.1.4.10), in I/O BAR 0.  A queue is one piece of
 * memory there, told by its page number; there are no more than 32 features.
 */
#include "transport.h"

#include <linux/virtio_pci.h>

/* With MSI-X two more registers come before the device's configuration. */
static unsigned int config_at(const struct virtio *v)
{
	return VIRTIO_PCI_CONFIG_OFF(virtio_msix_on(v));
}

int virtio_legacy_build(struct virtio *v)
{
	uint64_t size = 32;

	while (size < VIRTIO_PCI_CONFIG_OFF(true) + v->config_len)
		size *= 2;
	return anyvfio_pci_add_bar(v->dev, VIRTIO_LEGACY_BAR, size,
				   ANYVFIO_BAR_IO);
}

/* ---- reading ---- */

static uint64_t read_register(struct virtio *v, uint64_t off, bool msix)
{
	const struct virtq *vq = virtio_selected(v);

	switch (off) {
	case VIRTIO_PCI_HOST_FEATURES:
		return (uint32_t)v->offered | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT);
	case VIRTIO_PCI_GUEST_FEATURES:
		return (uint32_t)v->features;
	case VIRTIO_PCI_QUEUE_PFN:
		return vq && vq->enabled
			       ? vq->desc_iova >> VIRTIO_PCI_QUEUE_ADDR_SHIFT
			       : 0;
	case VIRTIO_PCI_QUEUE_NUM:
		return vq ? vq->size : 0;
	case VIRTIO_PCI_QUEUE_SEL:
		return v->queue_select;
	case VIRTIO_PCI_STATUS:
		return virtio_get_status(v);
	case VIRTIO_PCI_ISR:
		return virtio_take_isr(v);
	case VIRTIO_MSI_CONFIG_VECTOR:
		return v->config_vector;
	case VIRTIO_MSI_QUEUE_VECTOR:
		return vq ? vq->vector : VIRTIO_NO_VECTOR;
	default:
		return 0;
	}
}

uint64_t virtio_legacy_read(struct virtio *v, uint64_t off, unsigned int size)
{
	unsigned int at = config_at(v);

	if (off >= at)
		return virtio_config_read(v, off - at, size);
	return read_register(v, off, size);
}

/* ---- writing ---- */

/* Page 0 is how the driver takes a queue away. */
static void set_page(struct virtq *vq, uint32_t page)
{
	uint64_t end;

	virtio_disable_queue(vq);
	vq->failed = false;
	if (!page)
		return;
	vq->desc_iova = (uint64_t)page << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
	vq->driver_iova = vq->desc_iova + 16ull * vq->size;
	end = vq->driver_iova + 2ull * vq->size + 6;
	vq->device_iova = (end + VIRTIO_PCI_VRING_ALIGN - 1) &
			  ~(uint64_t)(VIRTIO_PCI_VRING_ALIGN - 1);
	virtio_enable_queue(vq);
}

/* What the driver does not know of is not there: it cannot see the upper half of
 * the features. */
static void choose(struct virtio *v, uint32_t val)
{
	if (!(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		v->features = val & v->offered;
}

void virtio_legacy_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val)
{
	struct virtq *vq = virtio_selected(v);
	unsigned int at = config_at(v);

	if (off >= at) {
		virtio_config_write(v, off - at, size, val);
		return;
	}
	switch (off) {
	case VIRTIO_PCI_GUEST_FEATURES:
		choose(v, val);
		break;
	case VIRTIO_PCI_QUEUE_PFN:
		if (vq)
			set_page(vq, val);
		break;
	case VIRTIO_PCI_QUEUE_SEL:
		v->queue_select = val;
		break;
	case VIRTIO_PCI_QUEUE_NOTIFY:
		virtio_notified(v, val);
		break;
	case VIRTIO_PCI_STATUS:
		virtio_set_status(v, val);
		break;
	case VIRTIO_MSI_CONFIG_VECTOR:
		__atomic_store_n(&v->config_vector, virtio_check_vector(v, val),
				 __ATOMIC_RELAXED);
		break;
	case VIRTIO_MSI_QUEUE_VECTOR:
		if (vq)
			__atomic_store_n(&vq->vector,
					 virtio_check_vector(v, val),
					 __ATOMIC_RELAXED);
		break;
	}
}
