/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The device API in memory, for tests of one model alone.  A mock, and it
 * says so: one arena of memory that the device reaches by DMA, interrupts that
 * are counted, messages that are kept, faults where a test wants them.
 *
 * Contracts of the API are checked: calls of a running device come with the
 * device's lock held, memory that was mapped is let go before stop() returns.
 */
#ifndef TEST_MODELS_FAKE_DEVICE_H
#define TEST_MODELS_FAKE_DEVICE_H

#include "anyvfio/device.h"

#include <pthread.h>

#define FAKE_IOVA 0x100000ull
#define FAKE_DMA_SIZE (8u << 20)
/* At first, mappings end at multiples of this: what is larger comes in pieces. */
#define FAKE_MAPPING 0x40000u
#define FAKE_NR_VECTORS 33
#define FAKE_PAGE 4096u

struct fake_option {
	const char *name, *value;
};

struct anyvfio_device {
	char name[16];
	struct fake_option option[8];
	const struct anyvfio_device_ops *ops;
	void *priv;
	bool started;

	/* The function, as the model built it. */
	struct anyvfio_pci_id id;
	uint64_t bar_size[6];
	unsigned int bar_flags[6];
	bool has_pm, has_express, has_intx;
	unsigned int msi, msix;
	enum anyvfio_page page[4]; /* of BAR 0 */
	/* Capabilities: MSI-X, whose enable bit is @msix_on, and the model's. */
	uint8_t config[256], config_mask[256];
	unsigned int last_cap, next_cap, msix_cap;
	bool msix_on;

	pthread_mutex_t lock;
	bool own_lock; /* the model has one, and calls with that or with ours */

	uint8_t *bar; /* from start to stop */
	int memory_fd; /* like a run's: survives stop */
	uint64_t memory_size;
	int memory_error; /* what anyvfio_device_memory() shall answer */
	uint64_t memory_there; /* touching more is a SIGBUS; 0: all is there */

	/* The lock guards what follows. */
	uint8_t *dma;
	uint64_t mapping; /* mappings end at multiples of this */
	void (*before)(struct anyvfio_device *dev); /* fake_watch() */
	bool bus_master;
	bool hole[FAKE_DMA_SIZE / FAKE_PAGE]; /* not mapped */
	bool read_only[FAKE_DMA_SIZE / FAKE_PAGE]; /* devices may not write */
	unsigned int fail_dma; /* the n-th access from now on faults; 0: none */
	unsigned int maps; /* held now */
	pthread_cond_t irq; /* an interrupt was sent */
	unsigned int irqs[FAKE_NR_VECTORS];
	bool level;
	unsigned int errors; /* anyvfio_device_report_error() */
	unsigned int threads;
	bool shared_threads; /* several devices have them: they may outlive it */
	bool no_threads;
	unsigned int messages; /* anyvfio_device_error() */
};

/* Created with @options ("name=value", ended by NULL); NULL when the model
 * refused: fake_messages() tells why. */
struct anyvfio_device *fake_create(const struct anyvfio_model *model,
				   const char *const *options);
void fake_destroy(struct anyvfio_device *dev);
/* As the host does: start and reset; bus mastering on. */
int fake_start(struct anyvfio_device *dev);
void fake_stop(struct anyvfio_device *dev);
void fake_reset(struct anyvfio_device *dev);
/* Of the last device created. */
const char *fake_messages(void);

void fake_lock(struct anyvfio_device *dev);
void fake_unlock(struct anyvfio_device *dev);

/* Calls of the model, for trapped pages and I/O ports. */
uint64_t fake_bar_read(struct anyvfio_device *dev, unsigned int bar,
		       uint64_t off, unsigned int size);
void fake_bar_write(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		    unsigned int size, uint64_t val);
/* Its own capabilities. */
uint32_t fake_config_read(struct anyvfio_device *dev, unsigned int off,
			  unsigned int size);
void fake_config_write(struct anyvfio_device *dev, unsigned int off,
		       unsigned int size, uint32_t val);
/* BAR 0: writes call the model, reads see the memory of read-direct pages. */
void fake_write(struct anyvfio_device *dev, uint64_t off, unsigned int size,
		uint64_t val);
uint32_t fake_read32(struct anyvfio_device *dev, uint64_t off);
uint64_t fake_read64(struct anyvfio_device *dev, uint64_t off);

/* The program's view of DMA memory. */
void *fake_ptr(struct anyvfio_device *dev, uint64_t iova);
/* Accesses of one device's memory, in one thread: checked to stay in it, and
 * @before is called before each: the memory may change at any time.  Or NULL. */
void fake_watch(struct anyvfio_device *dev,
		void (*before)(struct anyvfio_device *dev));
void fake_set_hole(struct anyvfio_device *dev, uint64_t iova, bool hole);
/* The program unmaps its own memory while it stays mapped for the device. */
void fake_unmap_behind(struct anyvfio_device *dev, uint64_t iova);
void fake_map_again(struct anyvfio_device *dev, uint64_t iova);

/* Between the files of the fake. */
bool fake_locked_by_me(const struct anyvfio_device *dev);
void fake_dma_init(struct anyvfio_device *dev);
void fake_dma_exit(struct anyvfio_device *dev);

#endif /* TEST_MODELS_FAKE_DEVICE_H */
