/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Registers, and the controller's states: disabled, ready, fatal.
 *
 * The program reads page 0 of BAR0 natively, so each change of a register is
 * written to that memory; what counts is struct nvme's own copy.
 */
#include "nvme.h"

static void show32(struct nvme *n, unsigned int reg, uint32_t val)
{
	__atomic_store_n((uint32_t *)(void *)(n->regs + reg), val,
			 __ATOMIC_RELEASE);
}

static void show64(struct nvme *n, unsigned int reg, uint64_t val)
{
	__atomic_store_n((uint64_t *)(void *)(n->regs + reg), val,
			 __ATOMIC_RELEASE);
}

static void set_csts(struct nvme *n, uint32_t csts)
{
	n->csts = csts;
	show32(n, NVME_REG_CSTS, csts);
}

static void set_intms(struct nvme *n, uint32_t intms)
{
	nvme_irq_mask(n, intms);
	show32(n, NVME_REG_INTMS, intms);
	show32(n, NVME_REG_INTMC, intms);
}

void nvme_fatal(struct nvme *n, const char *why, int err)
{
	anyvfio_device_error(n->dev, "the controller stopped: %s%s", why,
			     err == -EACCES ? ": bus mastering is off" : "");
	set_csts(n, n->csts | NVME_CSTS_CFS);
	anyvfio_device_report_error(n->dev);
}

/* NULL, or what the program did wrong. */
static const char *why_not_ready(const struct nvme *n)
{
	unsigned int mps = NVME_CC_MPS(n->cc);
	uint64_t offset;

	if (NVME_CC_CSS(n->cc))
		return "CC.CSS is not the NVM command set";
	if (NVME_CC_AMS(n->cc))
		return "CC.AMS is not round robin";
	if (mps > NVME_MPSMAX)
		return "CC.MPS is above CAP.MPSMAX";
	if (!(n->aqa & 0xfff) || !(n->aqa >> 16 & 0xfff))
		return "AQA has a queue of one entry";
	offset = (4096ull << mps) - 1;
	if ((n->asq | n->acq) & offset)
		return "ASQ or ACQ does not begin a page of CC.MPS";
	return NULL;
}

static void enable(struct nvme *n)
{
	const char *why = why_not_ready(n);

	/* A shutdown while it was disabled is forgotten. */
	n->csts = 0;
	if (why) {
		nvme_fatal(n, why, 0);
		return;
	}
	n->page_shift = 12 + NVME_CC_MPS(n->cc);
	nvme_cq_init(n, 0, n->acq, (n->aqa >> 16 & 0xfff) + 1, 0, true);
	nvme_sq_init(n, 0, n->asq, (n->aqa & 0xfff) + 1, &n->cq[0]);
	set_csts(n, NVME_CSTS_RDY);
}

/*
 * Controller level reset: nothing completes from here on.  AQA, ASQ and ACQ
 * stay, what else a program set goes.
 */
static void disable(struct nvme *n)
{
	set_csts(n, 0);
	storage_quiesce(&n->storage, true);
	memset(n->sq, 0, sizeof(n->sq));
	memset(n->cq, 0, sizeof(n->cq));
	memset(n->busy, 0, sizeof(n->busy));
	memset(n->event, 0, sizeof(n->event));
	n->waiting = 0;
	n->batch_nr = 0;
	n->batch_cq = NULL;
	n->nr_aer = 0;
	n->events_masked = 0;
	n->irq_pending = 0;
	set_intms(n, 0);
	nvme_features_reset(n);
}

/* What was fetched completes, and what was written lasts. */
static void shut_down(struct nvme *n)
{
	storage_quiesce(&n->storage, false);
	if (storage_flush(&n->storage)) {
		n->stats.media_errors++;
		anyvfio_device_error(n->dev, "%s: the flush at shutdown failed",
				     n->storage.file);
	}
	nvme_settle(n);
	set_csts(n, n->csts | NVME_CSTS_SHST_DONE);
}

static void write_cc(struct nvme *n, uint32_t cc)
{
	uint32_t old = n->cc;

	n->cc = cc;
	show32(n, NVME_REG_CC, cc);
	if (NVME_CC_SHN(cc) && !NVME_CC_SHN(old))
		shut_down(n);
	if (cc & ~old & NVME_CC_EN)
		enable(n);
	else if (old & ~cc & NVME_CC_EN)
		disable(n);
}

static void write_aqa(struct nvme *n, uint32_t aqa)
{
	n->aqa = aqa & 0x0fff0fff;
	show32(n, NVME_REG_AQA, n->aqa);
}

static void write_half(struct nvme *n, unsigned int reg, uint64_t *base,
		       bool high, uint32_t val)
{
	if (high)
		*base = (*base & 0xffffffff) | (uint64_t)val << 32;
	else
		*base = (*base & ~0xffffffffull) | (val & ~0xfffu);
	show64(n, reg, *base);
}

static void write_register(struct nvme *n, uint64_t off, uint32_t val)
{
	switch (off) {
	case NVME_REG_INTMS:
		set_intms(n, n->intms | val);
		break;
	case NVME_REG_INTMC:
		set_intms(n, n->intms & ~val);
		break;
	case NVME_REG_CC:
		write_cc(n, val);
		break;
	case NVME_REG_AQA:
		write_aqa(n, val);
		break;
	case NVME_REG_ASQ:
	case NVME_REG_ASQ + 4:
		write_half(n, NVME_REG_ASQ, &n->asq, off & 4, val);
		break;
	case NVME_REG_ACQ:
	case NVME_REG_ACQ + 4:
		write_half(n, NVME_REG_ACQ, &n->acq, off & 4, val);
		break;
	default:
		/* Read-only, or not there. */
		break;
	}
}

/* 3.1: accesses are of 4 or 8 bytes; narrower ones have no effect here. */
void nvme_register_write(struct nvme *n, uint64_t off, unsigned int size,
			 uint64_t val)
{
	if (size == 8) {
		nvme_register_write(n, off, 4, (uint32_t)val);
		nvme_register_write(n, off + 4, 4, val >> 32);
	} else if (size == 4) {
		if (off >= NVME_REG_DOORBELLS)
			nvme_doorbell(n, off, val);
		else
			write_register(n, off, val);
	}
}

/* Function level reset, and power-on. */
void nvme_reset(struct nvme *n)
{
	show64(n, NVME_REG_CAP,
	       NVME_CAP_MQES(NVME_MAX_ENTRIES - 1) | NVME_CAP_CQR |
		       NVME_CAP_TO(20) | NVME_CAP_CSS_NVM |
		       NVME_CAP_MPSMAX(NVME_MPSMAX));
	show32(n, NVME_REG_VS, NVME_VERSION);
	n->cc = 0;
	show32(n, NVME_REG_CC, 0);
	n->asq = 0;
	show64(n, NVME_REG_ASQ, 0);
	n->acq = 0;
	show64(n, NVME_REG_ACQ, 0);
	write_aqa(n, 0);
	disable(n);
}
