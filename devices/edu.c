/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An educational device with the registers of QEMU's, 1234:11e8: it inverts
 * numbers, computes factorials, copies to and from a buffer of 4 KiB by DMA, and
 * interrupts by MSI or its pin.  Also the smallest complete device model.
 *
 * The device's lock guards struct edu.  What takes time is done by a thread, one
 * job of each kind at a time, with that lock held: so neither is going on during
 * a reset.  @wake_lock is a leaf that only tells the thread to look.
 */
#include "models.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BAR_SIZE 0x100000
#define BUFFER 0x40000
#define BUFFER_SIZE 4096

enum {
	REG_ID = 0x00,
	REG_INVERT = 0x04,
	REG_FACTORIAL = 0x08,
	REG_STATUS = 0x20,
	REG_IRQ_STATUS = 0x24,
	REG_IRQ_RAISE = 0x60,
	REG_IRQ_ACK = 0x64,
	REG_DMA_SOURCE = 0x80,
	REG_DMA_TARGET = 0x88,
	REG_DMA_COUNT = 0x90,
	REG_DMA_COMMAND = 0x98,
};

#define EDU_ID 0x010000edu
#define EDU_ALIVE_FROM 0x80 /* wider accesses work from here on */

#define STATUS_COMPUTING 0x01u
#define STATUS_INTERRUPT 0x80u

#define DMA_RUN 0x1u
#define DMA_TO_PROGRAM 0x2u
#define DMA_INTERRUPT 0x4u

#define IRQ_FACTORIAL 0x001u
#define IRQ_DMA 0x100u

struct edu {
	struct anyvfio_device *dev;
	uint64_t dma_mask; /* address lines it has */

	uint32_t inverted;
	uint32_t factorial;
	uint32_t status;
	uint32_t irq_status;
	uint64_t dma_source;
	uint64_t dma_target;
	uint64_t dma_count;
	uint64_t dma_command;
	uint8_t buffer[BUFFER_SIZE];

	struct anyvfio_thread *thread;
	pthread_mutex_t wake_lock;
	pthread_cond_t wake;
	bool work; /* wake_lock */
	bool quit; /* wake_lock */
};

/* ---- interrupts ---- */

static void raise_irq(struct edu *edu, uint32_t bits)
{
	edu->irq_status |= bits;
	if (!edu->irq_status)
		return;
	anyvfio_irq_send(edu->dev, 0);
	anyvfio_irq_level(edu->dev, true);
}

static void ack_irq(struct edu *edu, uint32_t bits)
{
	edu->irq_status &= ~bits;
	if (!edu->irq_status)
		anyvfio_irq_level(edu->dev, false);
}

/* ---- what the thread does ---- */

static uint32_t compute_factorial(uint32_t n)
{
	uint32_t product = 1;

	/* From 34! on the lower 32 bits are 0. */
	for (; n > 1 && product; n--)
		product *= n;
	return product;
}

static void do_factorial(struct edu *edu)
{
	if (!(edu->status & STATUS_COMPUTING))
		return;
	edu->factorial = compute_factorial(edu->factorial);
	edu->status &= ~STATUS_COMPUTING;
	if (edu->status & STATUS_INTERRUPT)
		raise_irq(edu, IRQ_FACTORIAL);
}

/* The part of the buffer that a transfer is about, or NULL. */
static uint8_t *dma_buffer(struct edu *edu, uint64_t at)
{
	if (at < BUFFER || at - BUFFER > BUFFER_SIZE ||
	    edu->dma_count > BUFFER_SIZE - (at - BUFFER)) {
		anyvfio_device_error(edu->dev,
				     "DMA of 0x%llx bytes at 0x%llx of the "
				     "device: the buffer is 0x40000-0x40fff",
				     (unsigned long long)edu->dma_count,
				     (unsigned long long)at);
		return NULL;
	}
	return edu->buffer + (at - BUFFER);
}

static void transfer(struct edu *edu)
{
	bool to_program = edu->dma_command & DMA_TO_PROGRAM;
	uint64_t ours = to_program ? edu->dma_source : edu->dma_target;
	uint64_t theirs = to_program ? edu->dma_target : edu->dma_source;
	uint8_t *buffer = dma_buffer(edu, ours);

	if (!buffer)
		return;
	/* A failed transfer was reported where it failed. */
	if (to_program)
		anyvfio_dma_write(edu->dev, theirs & edu->dma_mask, buffer,
				  edu->dma_count);
	else
		anyvfio_dma_read(edu->dev, theirs & edu->dma_mask, buffer,
				 edu->dma_count);
}

static void do_dma(struct edu *edu)
{
	if (!(edu->dma_command & DMA_RUN))
		return;
	transfer(edu);
	edu->dma_command &= ~(uint64_t)DMA_RUN;
	if (edu->dma_command & DMA_INTERRUPT)
		raise_irq(edu, IRQ_DMA);
}

static bool wait_for_work(struct edu *edu)
{
	bool quit;

	pthread_mutex_lock(&edu->wake_lock);
	while (!edu->work && !edu->quit)
		pthread_cond_wait(&edu->wake, &edu->wake_lock);
	edu->work = false;
	quit = edu->quit;
	pthread_mutex_unlock(&edu->wake_lock);
	return !quit;
}

static void edu_thread(void *priv)
{
	struct edu *edu = priv;

	while (wait_for_work(edu)) {
		anyvfio_device_lock(edu->dev);
		do_factorial(edu);
		do_dma(edu);
		anyvfio_device_unlock(edu->dev);
	}
}

static void tell_thread(struct edu *edu, bool quit)
{
	pthread_mutex_lock(&edu->wake_lock);
	edu->work = true;
	edu->quit = quit;
	pthread_cond_signal(&edu->wake);
	pthread_mutex_unlock(&edu->wake_lock);
}

/* ---- registers ---- */

static bool is_valid(uint64_t off, unsigned int size)
{
	return size == 4 || (size == 8 && off >= EDU_ALIVE_FROM);
}

static uint64_t edu_bar_read(void *priv, unsigned int bar, uint64_t off,
			     unsigned int size)
{
	struct edu *edu = priv;

	if (!is_valid(off, size))
		return ~0ull;
	switch (off) {
	case REG_ID:
		return EDU_ID;
	case REG_INVERT:
		return edu->inverted;
	case REG_FACTORIAL:
		return edu->factorial;
	case REG_STATUS:
		return edu->status;
	case REG_IRQ_STATUS:
		return edu->irq_status;
	case REG_DMA_SOURCE:
		return edu->dma_source;
	case REG_DMA_TARGET:
		return edu->dma_target;
	case REG_DMA_COUNT:
		return edu->dma_count;
	case REG_DMA_COMMAND:
		return edu->dma_command;
	default:
		return ~0ull;
	}
}

/* While a transfer runs its registers stay. */
static void write_dma(struct edu *edu, uint64_t *reg, uint64_t val)
{
	if (edu->dma_command & DMA_RUN)
		return;
	*reg = val;
	if (edu->dma_command & DMA_RUN)
		tell_thread(edu, false);
}

static void write_factorial(struct edu *edu, uint32_t val)
{
	if (edu->status & STATUS_COMPUTING)
		return;
	edu->factorial = val;
	edu->status |= STATUS_COMPUTING;
	tell_thread(edu, false);
}

static void edu_bar_write(void *priv, unsigned int bar, uint64_t off,
			  unsigned int size, uint64_t val)
{
	struct edu *edu = priv;

	if (!is_valid(off, size))
		return;
	switch (off) {
	case REG_INVERT:
		edu->inverted = ~val;
		break;
	case REG_FACTORIAL:
		write_factorial(edu, val);
		break;
	case REG_STATUS:
		edu->status = (edu->status & ~STATUS_INTERRUPT) |
			      (val & STATUS_INTERRUPT);
		break;
	case REG_IRQ_RAISE:
		raise_irq(edu, val);
		break;
	case REG_IRQ_ACK:
		ack_irq(edu, val);
		break;
	case REG_DMA_SOURCE:
		write_dma(edu, &edu->dma_source, val);
		break;
	case REG_DMA_TARGET:
		write_dma(edu, &edu->dma_target, val);
		break;
	case REG_DMA_COUNT:
		write_dma(edu, &edu->dma_count, val);
		break;
	case REG_DMA_COMMAND:
		write_dma(edu, &edu->dma_command, val);
		break;
	}
}

/* ---- life ---- */

static void edu_reset(void *priv)
{
	struct edu *edu = priv;

	edu->inverted = 0;
	edu->factorial = 0;
	edu->status = 0;
	edu->irq_status = 0;
	edu->dma_source = 0;
	edu->dma_target = 0;
	edu->dma_count = 0;
	edu->dma_command = 0;
	memset(edu->buffer, 0, sizeof(edu->buffer));
}

static int edu_start(void *priv)
{
	struct edu *edu = priv;

	edu->work = false;
	edu->quit = false;
	return anyvfio_thread_start(edu->dev, "edu", edu_thread, edu,
				    &edu->thread);
}

static void edu_stop(void *priv)
{
	struct edu *edu = priv;

	tell_thread(edu, true);
	anyvfio_thread_join(edu->thread);
}

static void edu_destroy(void *priv)
{
	struct edu *edu = priv;

	pthread_cond_destroy(&edu->wake);
	pthread_mutex_destroy(&edu->wake_lock);
	free(edu);
}

static const struct anyvfio_device_ops edu_ops = {
	.start = edu_start,
	.stop = edu_stop,
	.reset = edu_reset,
	.bar_read = edu_bar_read,
	.bar_write = edu_bar_write,
	.destroy = edu_destroy,
};

static const struct anyvfio_pci_id edu_id = {
	.vendor = 0x1234,
	.device = 0x11e8,
	.subsystem_vendor = 0x1af4,
	.subsystem_device = 0x1100,
	.class_code = 0x00ff00,
	.revision = 0x10,
};

static int edu_create(struct anyvfio_device *dev)
{
	struct edu *edu;
	uint64_t mask;

	if (anyvfio_device_option_size(dev, "dma_mask", 0xfffffff, &mask))
		return -EINVAL;
	edu = calloc(1, sizeof(*edu));
	if (!edu)
		return -ENOMEM;
	edu->dev = dev;
	edu->dma_mask = mask;
	pthread_mutex_init(&edu->wake_lock, NULL);
	pthread_cond_init(&edu->wake, NULL);
	anyvfio_device_set_ops(dev, &edu_ops, edu);
	anyvfio_pci_set_id(dev, &edu_id);
	anyvfio_pci_add_bar(dev, 0, BAR_SIZE, 0);
	anyvfio_pci_add_msi(dev, 1);
	anyvfio_pci_add_intx(dev);
	return 0;
}

static const struct anyvfio_option edu_options[] = {
	{ "dma_mask", "the address lines of its DMA (0xfffffff: 28 of them)" },
	{ NULL, NULL },
};

const struct anyvfio_model anyvfio_edu_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "edu",
	.summary = "an educational device: factorials, DMA, interrupts",
	.options = edu_options,
	.create = edu_create,
};
