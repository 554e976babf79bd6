/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * QEMU's edu device: it copies between memory and a buffer of 4 KiB of its own, and
 * raises an interrupt when told to. It reaches 28 bits of addresses.
 */
#ifndef ANYVFIO_EDU_H
#define ANYVFIO_EDU_H

#include <err.h>

#include "../uapi/uapi.h"

enum {
	EDU_LIVENESS = 0x04,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_SRC = 0x80,
	EDU_DMA_DST = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_CMD = 0x98,
};

#define EDU_START 1u
#define EDU_TO_MEMORY 2u
#define EDU_INTERRUPT 4u
#define EDU_BUFFER 0x40000u

/* What is copied: less than the buffer, whose last byte edu holds out of bounds. */
#define EDU_LEN 2048ul

#define PAGE 4096ul
#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

struct edu {
	int device;
	volatile char *bar;
};

static inline struct edu edu_of(int device)
{
	struct edu edu = { .device = device };

	edu.bar =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	if (edu.bar == MAP_FAILED)
		err(1, "mmap of BAR 0");
	return edu;
}

static inline uint32_t edu_get(const struct edu *edu, unsigned int reg)
{
	return *(volatile uint32_t *)(edu->bar + reg);
}

static inline void edu_set(const struct edu *edu, unsigned int reg,
			   uint32_t val)
{
	*(volatile uint32_t *)(edu->bar + reg) = val;
}

static inline void edu_dma(const struct edu *edu, uint32_t src, uint32_t dst,
			   uint32_t cmd)
{
	edu_set(edu, EDU_DMA_SRC, src);
	edu_set(edu, EDU_DMA_DST, dst);
	edu_set(edu, EDU_DMA_COUNT, EDU_LEN);
	edu_set(edu, EDU_DMA_CMD, cmd | EDU_START);
}

/* Bits of COMMAND. */
static inline void edu_command(const struct edu *edu, uint16_t on, uint16_t off)
{
	uint16_t command;

	if (pread(edu->device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
	command = (command | on) & ~off;
	if (pwrite(edu->device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
}

#endif /* ANYVFIO_EDU_H */
