/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What both register layouts do: status and features, queues that start and
 * stop, configuration, interrupts.
 */
#include "transport.h"

#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

/* ---- interrupts ---- */

bool virtio_msix_on(const struct virtio *v)
{
	return v->msix_cap &&
	       anyvfio_pci_config(v->dev, v->msix_cap + PCI_MSIX_FLAGS, 2) &
		       PCI_MSIX_FLAGS_ENABLE;
}

/* The pin follows ISR: both under the lock, or a late one would be lost. */
static void raise_isr(struct virtio *v, uint8_t bits)
{
	pthread_mutex_lock(&v->lock);
	v->isr |= bits;
	anyvfio_irq_level(v->dev, true);
	pthread_mutex_unlock(&v->lock);
}

uint8_t virtio_take_isr(struct virtio *v)
{
	uint8_t isr;

	pthread_mutex_lock(&v->lock);
	isr = v->isr;
	v->isr = 0;
	anyvfio_irq_level(v->dev, false);
	pthread_mutex_unlock(&v->lock);
	return isr;
}

void virtio_send_queue(struct virtq *vq)
{
	uint16_t vector = __atomic_load_n(&vq->vector, __ATOMIC_RELAXED);

	if (!virtio_msix_on(vq->v))
		raise_isr(vq->v, 1);
	else if (vector != VIRTIO_NO_VECTOR)
		anyvfio_irq_send(vq->v->dev, vector);
}

/* DPDK looks at ISR for what changed with MSI-X, too. */
void virtio_send_config(struct virtio *v)
{
	uint16_t vector = __atomic_load_n(&v->config_vector, __ATOMIC_RELAXED);

	raise_isr(v, VIRTIO_PCI_ISR_CONFIG);
	if (virtio_msix_on(v) && vector != VIRTIO_NO_VECTOR)
		anyvfio_irq_send(v->dev, vector);
}

/* A vector that is not there cannot be chosen: the driver reads that back. */
uint16_t virtio_check_vector(const struct virtio *v, uint64_t vector)
{
	return vector < v->nr_vectors ? vector : VIRTIO_NO_VECTOR;
}

/* ---- configuration ---- */

uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned int size)
{
	uint64_t val = 0;
	unsigned int i;

	pthread_mutex_lock(&v->lock);
	for (i = 0; i < size && off + i < v->config_len; i++)
		val |= (uint64_t)v->config[off + i] << i * 8;
	pthread_mutex_unlock(&v->lock);
	return val;
}

void virtio_config_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val)
{
	uint8_t mask, byte;
	unsigned int i;
	bool changed = false;

	pthread_mutex_lock(&v->lock);
	for (i = 0; i < size && off + i < v->config_len; i++, val >>= 8) {
		mask = off + i < v->config_writable_len
			       ? v->config_writable[off + i]
			       : 0;
		byte = (v->config[off + i] & ~mask) | (val & mask);
		changed |= mask != 0;
		v->config[off + i] = byte;
	}
	pthread_mutex_unlock(&v->lock);
	if (changed && v->type->config_written)
		v->type->config_written(v, off, size);
}

void virtio_config_set(struct virtio *v, unsigned int off, const void *val,
		       unsigned int len)
{
	pthread_mutex_lock(&v->lock);
	memcpy(v->config + off, val, len);
	v->generation++;
	pthread_mutex_unlock(&v->lock);
	if (__atomic_load_n(&v->status, __ATOMIC_RELAXED) &
	    VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_send_config(v);
}

/* ---- queues ---- */

struct virtq *virtio_selected(struct virtio *v)
{
	return v->queue_select < v->nr_queues ? &v->queues[v->queue_select]
					      : NULL;
}

static bool is_ready(const struct virtio *v)
{
	return v->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

static void set_live(struct virtq *vq, bool live)
{
	const struct virtio_type *type = vq->v->type;

	if (type->lock)
		type->lock(vq->v);
	vq->live = live;
	if (type->lock)
		type->unlock(vq->v);
}

static void start_queue(struct virtq *vq)
{
	struct virtio *v = vq->v;

	if (!vq->enabled || vq->live || !is_ready(v))
		return;
	virtq_init(vq);
	if (vq->failed)
		return;
	set_live(vq, true);
	if (v->type->queue_start)
		v->type->queue_start(v, vq->index);
}

static void stop_queue(struct virtq *vq)
{
	struct virtio *v = vq->v;

	if (!vq->live)
		return;
	if (v->type->queue_stop)
		v->type->queue_stop(v, vq->index);
	set_live(vq, false);
}

void virtio_enable_queue(struct virtq *vq)
{
	vq->enabled = true;
	start_queue(vq);
}

void virtio_disable_queue(struct virtq *vq)
{
	stop_queue(vq);
	vq->enabled = false;
}

void virtio_reset_queue(struct virtq *vq)
{
	virtio_disable_queue(vq);
	vq->size = vq->v->ring_size;
	vq->desc_iova = 0;
	vq->driver_iova = 0;
	vq->device_iova = 0;
	vq->failed = false;
	__atomic_store_n(&vq->vector, VIRTIO_NO_VECTOR, __ATOMIC_RELAXED);
}

void virtio_notified(struct virtio *v, unsigned int queue)
{
	if (queue < v->nr_queues && v->queues[queue].live && v->type->notify)
		v->type->notify(v, queue);
}

/* ---- status ---- */

void virtio_do_reset(struct virtio *v)
{
	unsigned int i;

	/* Before the queues stop: what they do meanwhile tells nobody. */
	__atomic_store_n(&v->status, 0, __ATOMIC_RELAXED);
	for (i = 0; i < v->nr_queues; i++)
		virtio_reset_queue(&v->queues[i]);
	v->features = 0;
	v->offered_select = 0;
	v->chosen_select = 0;
	v->queue_select = 0;
	__atomic_store_n(&v->config_vector, VIRTIO_NO_VECTOR, __ATOMIC_RELAXED);
	__atomic_store_n(&v->needs_reset, false, __ATOMIC_RELAXED);
	virtio_take_isr(v);
	if (v->type->reset)
		v->type->reset(v);
}

uint8_t virtio_get_status(struct virtio *v)
{
	bool broken = __atomic_load_n(&v->needs_reset, __ATOMIC_RELAXED);

	return v->status | (broken ? VIRTIO_CONFIG_S_NEEDS_RESET : 0);
}

static bool features_fit(struct virtio *v)
{
	if (v->features & ~v->offered || !virtio_has(v, VIRTIO_F_VERSION_1))
		return false;
	return !v->type->features || v->type->features(v);
}

/* Through the legacy registers there is no FEATURES_OK, nor a way to refuse. */
static void start_device(struct virtio *v)
{
	unsigned int i;

	if (!virtio_has(v, VIRTIO_F_VERSION_1) && v->type->features)
		v->type->features(v);
	if (v->type->driver_ok)
		v->type->driver_ok(v);
	for (i = 0; i < v->nr_queues; i++)
		start_queue(&v->queues[i]);
}

/* Bits are set one after the other, and cleared by writing 0 only. */
void virtio_set_status(struct virtio *v, uint8_t status)
{
	uint8_t old = v->status, more;

	if (!status) {
		virtio_do_reset(v);
		return;
	}
	more = status & ~old & ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (more & VIRTIO_CONFIG_S_FEATURES_OK && !features_fit(v))
		more &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (virtio_has(v, VIRTIO_F_VERSION_1) &&
	    !((old | more) & VIRTIO_CONFIG_S_FEATURES_OK))
		more &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	__atomic_store_n(&v->status, old | more, __ATOMIC_RELAXED);
	if (more & VIRTIO_CONFIG_S_DRIVER_OK)
		start_device(v);
}
