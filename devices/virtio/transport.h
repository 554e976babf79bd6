/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the files of the transport share: see virtio.h. */
#ifndef ANYVFIO_VIRTIO_TRANSPORT_H
#define ANYVFIO_VIRTIO_TRANSPORT_H

#include "virtio.h"

/* registers.c: what both register layouts do. */
void virtio_set_status(struct virtio *v, uint8_t status);
uint8_t virtio_get_status(struct virtio *v);
void virtio_do_reset(struct virtio *v);
struct virtq *virtio_selected(struct virtio *v);
void virtio_enable_queue(struct virtq *vq);
void virtio_disable_queue(struct virtq *vq);
void virtio_reset_queue(struct virtq *vq);
void virtio_notified(struct virtio *v, unsigned int queue);
uint8_t virtio_take_isr(struct virtio *v);
uint16_t virtio_check_vector(const struct virtio *v, uint64_t vector);
uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned int size);
void virtio_config_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val);
bool virtio_msix_on(const struct virtio *v);
void virtio_send_queue(struct virtq *vq);
void virtio_send_config(struct virtio *v);

/* modern.c, legacy.c */
#define VIRTIO_LEGACY_BAR 0
#define VIRTIO_MODERN_BAR 4
int virtio_modern_build(struct virtio *v);
uint64_t virtio_modern_read(struct virtio *v, uint64_t off, unsigned int size);
void virtio_modern_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val);
/* The program read @val at @off of a capability of ours: what it sees. */
uint32_t virtio_window_read(struct virtio *v, unsigned int off, uint32_t val);
void virtio_window_written(struct virtio *v, unsigned int off);
int virtio_legacy_build(struct virtio *v);
uint64_t virtio_legacy_read(struct virtio *v, uint64_t off, unsigned int size);
void virtio_legacy_write(struct virtio *v, uint64_t off, unsigned int size,
			 uint64_t val);

/* queue.c, split.c, packed.c */
void virtq_init(struct virtq *vq);
int virtq_get(struct virtq *vq, const struct virtq_area *area, uint32_t off,
	      void *buf, size_t len);
int virtq_put(struct virtq *vq, const struct virtq_area *area, uint32_t off,
	      const void *buf, size_t len);
/* One piece of a chain more: 0, or a negated errno after virtq_fail(). */
int virtq_add_seg(struct virtq *vq, struct virtq_chain *chain, uint64_t iova,
		  uint32_t len, bool write);
/* Entry @i of the table of an indirect descriptor. */
int virtq_get_indirect(struct virtq *vq, uint64_t table, uint32_t i,
		       void *desc);
int virtq_check_table(struct virtq *vq, uint64_t iova, uint32_t len,
		      uint32_t *nr);

/* What the two kinds of ring do differently. */
struct virtq_ops {
	void (*layout)(struct virtq *vq);
	int (*pop)(struct virtq *vq, struct virtq_chain *chain);
	bool (*ready)(struct virtq *vq);
	int (*flush)(struct virtq *vq);
	bool (*wants_irq)(struct virtq *vq);
	int (*want_notify)(struct virtq *vq, bool want);
};

extern const struct virtq_ops virtq_split;
extern const struct virtq_ops virtq_packed;

#endif /* ANYVFIO_VIRTIO_TRANSPORT_H */
