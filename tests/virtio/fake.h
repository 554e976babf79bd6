/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device API in memory, for virtio models alone: one thread, an arena of
 * memory in three mappings, interrupts that are counted, messages that are kept.
 * A mock, and it says so.
 */
#ifndef TEST_VIRTIO_FAKE_H
#define TEST_VIRTIO_FAKE_H

#include "anyvfio/device.h"

#define FAKE_IOVA 0x10000ull
#define FAKE_SIZE 0x30000u
/* Mappings end at multiples of this. */
#define FAKE_MAPPING 0x10000u
#define FAKE_PAGE 4096u
#define FAKE_MSIX_CAP 0x60

struct anyvfio_device {
	const char *const *options; /* "name=value", ended by NULL */
	const struct anyvfio_device_ops *ops;
	void *priv;
	struct anyvfio_pci_id id;
	uint64_t bar_size[6];
	unsigned int msix;
	uint8_t config[256], config_mask[256]; /* capabilities alone */
	unsigned int last_cap, next_cap;

	uint8_t *dma;
	bool bus_master;
	bool msix_on;
	bool hole[FAKE_SIZE / FAKE_PAGE];
	bool read_only[FAKE_SIZE / FAKE_PAGE];
	unsigned int maps; /* held now */
	unsigned int irqs[64];
	bool level;
	unsigned int messages;
	char message[200]; /* the last one */
	/* Called before each access: the memory may change at any time. */
	void (*before)(struct anyvfio_device *dev);
};

void fake_init(struct anyvfio_device *dev, const char *const *options);
void fake_exit(struct anyvfio_device *dev);
/* The program's view of DMA memory. */
void *fake_ptr(struct anyvfio_device *dev, uint64_t iova);

uint64_t fake_read(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		   unsigned int size);
void fake_write(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		unsigned int size, uint64_t val);
uint32_t fake_config_read(struct anyvfio_device *dev, unsigned int off,
			  unsigned int size);
void fake_config_write(struct anyvfio_device *dev, unsigned int off,
		       unsigned int size, uint32_t val);

#endif /* TEST_VIRTIO_FAKE_H */
