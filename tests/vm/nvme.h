/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The admin queue of an NVMe controller, one command at a time: enough to have a
 * function, also a virtual one, read and write memory. NVM Express Base 1.4.
 */
#ifndef ANYVFIO_NVME_H
#define ANYVFIO_NVME_H

#include <err.h>

#include "../uapi/uapi.h"

enum {
	NVME_CC = 0x14,
	NVME_CSTS = 0x1c,
	NVME_AQA = 0x24,
	NVME_ASQ = 0x28,
	NVME_ACQ = 0x30,
	NVME_DOORBELLS = 0x1000,
};

#define NVME_ENTRIES 16u
#define NVME_PAGE 4096ul
#define NVME_LEN (3 * NVME_PAGE)

/* Its memory, from @iova on: submissions, completions, a page of data. */
struct nvme {
	int device;
	uint64_t iova;
	volatile uint32_t *sq, *cq;
	unsigned char *data;
	unsigned int nr; /* commands so far */
};

static inline uint32_t nvme_get(const struct nvme *nvme, off_t reg)
{
	uint32_t val;

	if (pread(nvme->device, &val, 4, reg) != 4)
		err(1, "register 0x%lx", (long)reg);
	return val;
}

static inline void nvme_set(const struct nvme *nvme, off_t reg, uint32_t val)
{
	if (pwrite(nvme->device, &val, 4, reg) != 4)
		err(1, "register 0x%lx", (long)reg);
}

static inline void nvme_set_address(const struct nvme *nvme, off_t reg,
				    uint64_t iova)
{
	nvme_set(nvme, reg, (uint32_t)iova);
	nvme_set(nvme, reg + 4, iova >> 32);
}

/* A minute, for an emulated machine that is busy. */
#define NVME_AWAIT(what, condition)                                      \
	do {                                                             \
		for (int i = 0; !(condition) && i < 60000; i++)          \
			usleep(1000);                                    \
		if (!(condition))                                        \
			errx(1, "the controller does not do it: " what); \
	} while (0)

/* Memory of its own at @iova, which the container gets. */
static inline struct nvme nvme_of(const struct chain *chain, int device,
				  uint64_t iova)
{
	char *memory = page_alloc(NVME_LEN);

	if (map_dma(chain->container, iova, memory, NVME_LEN, DMA_RW))
		errx(1, "the controller's memory cannot be mapped");
	return (struct nvme){
		.device = device,
		.iova = iova,
		.sq = (uint32_t *)memory,
		.cq = (uint32_t *)(memory + NVME_PAGE),
		.data = (unsigned char *)memory + 2 * NVME_PAGE,
	};
}

/* After any reset; the function masters the bus. */
static inline void nvme_start(struct nvme *nvme)
{
	nvme_set(nvme, NVME_CC, 0);
	NVME_AWAIT("stop", !(nvme_get(nvme, NVME_CSTS) & 1));
	memset((void *)nvme->cq, 0, NVME_PAGE);
	nvme->nr = 0;
	nvme_set(nvme, NVME_AQA, (NVME_ENTRIES - 1) << 16 | (NVME_ENTRIES - 1));
	nvme_set_address(nvme, NVME_ASQ, nvme->iova);
	nvme_set_address(nvme, NVME_ACQ, nvme->iova + NVME_PAGE);
	nvme_set(nvme, NVME_CC, 6u << 16 | 4u << 20 | 1);
	NVME_AWAIT("start", nvme_get(nvme, NVME_CSTS) & 1);
}

/* The status field: 0 for success. */
static inline long nvme_admin(struct nvme *nvme, uint8_t opcode, uint32_t cdw10,
			      uint32_t cdw11)
{
	unsigned int at = nvme->nr % NVME_ENTRIES;
	volatile uint32_t *cmd = nvme->sq + 16 * at, *done = nvme->cq + 4 * at;
	uint32_t phase = !(nvme->nr / NVME_ENTRIES % 2);
	uint64_t data = nvme->iova + 2 * NVME_PAGE;
	unsigned int i;

	for (i = 0; i < 16; i++)
		cmd[i] = 0;
	cmd[0] = nvme->nr << 16 | opcode;
	cmd[6] = (uint32_t)data;
	cmd[7] = data >> 32;
	cmd[10] = cdw10;
	cmd[11] = cdw11;
	nvme->nr++;
	nvme_set(nvme, NVME_DOORBELLS, nvme->nr % NVME_ENTRIES);
	NVME_AWAIT("answer", (done[3] >> 16 & 1) == phase);
	nvme_set(nvme, NVME_DOORBELLS + 4, nvme->nr % NVME_ENTRIES);
	return done[3] >> 17;
}

/* Identify Controller; the page's first two bytes are the vendor. */
static inline long nvme_identify(struct nvme *nvme)
{
	return nvme_admin(nvme, 0x06, 1, 0);
}

#define NVME_VQ 0u
#define NVME_VI 1u
#define NVME_TAKE 1u /* by the primary controller, for itself */
#define NVME_ASSIGN 8u
#define NVME_ONLINE 9u

/* Virtualization Management: @action with @nr resources for a controller. */
static inline long nvme_virt(struct nvme *nvme, uint16_t controller,
			     uint32_t what, uint32_t action, uint32_t nr)
{
	return nvme_admin(nvme, 0x1c,
			  (uint32_t)controller << 16 | what << 8 | action, nr);
}

#endif /* ANYVFIO_NVME_H */
