// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A device that adds up bytes of the program's memory: the one that
 * docs/devices.md builds.
 */
#include <anyvfio/device.h>

#include <errno.h>
#include <stdlib.h>

enum {
	REG_ID = 0x00, /* read: 'SUM1' */
	REG_SOURCE = 0x08, /* where the bytes are; 64 bits */
	REG_LENGTH = 0x10, /* how many */
	REG_START = 0x14, /* write: go */
	REG_STATUS = 0x18, /* read: 0, or 1 when the bytes were not there */
	REG_SUM = 0x20, /* read: the result; 64 bits */
	BAR_SIZE = 0x2000, /* registers, then the interrupt table */
	MSIX_TABLE = 0x1000,
	MSIX_PENDING = 0x1800,
};

struct checksum {
	struct anyvfio_device *dev;
	uint64_t seed; /* what a sum starts from */
	uint64_t source;
	uint32_t length;
	uint32_t status;
	uint64_t sum;
};

static int add_up(struct checksum *c)
{
	uint64_t at = c->source, left = c->length, n, i;
	uint8_t buf[4096];

	for (c->sum = c->seed; left; left -= n, at += n) {
		n = left < sizeof(buf) ? left : sizeof(buf);
		if (anyvfio_dma_read(c->dev, at, buf, n))
			return 1;
		for (i = 0; i < n; i++)
			c->sum += buf[i];
	}
	return 0;
}

static uint64_t checksum_read(void *priv, unsigned int bar, uint64_t off,
			      unsigned int size)
{
	struct checksum *c = priv;

	switch (off) {
	case REG_ID:
		return 0x53554d31;
	case REG_SOURCE:
		return c->source;
	case REG_LENGTH:
		return c->length;
	case REG_STATUS:
		return c->status;
	case REG_SUM:
		return c->sum;
	default:
		return ~0ull;
	}
}

static void checksum_write(void *priv, unsigned int bar, uint64_t off,
			   unsigned int size, uint64_t val)
{
	struct checksum *c = priv;

	if (off == REG_SOURCE)
		c->source = val;
	if (off == REG_LENGTH)
		c->length = val;
	if (off != REG_START)
		return;
	c->status = add_up(c);
	anyvfio_irq_send(c->dev, 0);
}

static void checksum_reset(void *priv)
{
	struct checksum *c = priv;

	c->source = c->length = c->status = c->sum = 0;
}

static const struct anyvfio_device_ops ops = {
	.reset = checksum_reset,
	.bar_read = checksum_read,
	.bar_write = checksum_write,
	.destroy = free,
};

static int create(struct anyvfio_device *dev)
{
	static const struct anyvfio_pci_id id = {
		.vendor = 0x1234,
		.device = 0x5353,
		.class_code = 0x120000, /* a processing accelerator */
	};
	struct checksum *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	if (anyvfio_device_option_size(dev, "seed", 0, &c->seed)) {
		free(c);
		return -EINVAL;
	}
	c->dev = dev;
	anyvfio_device_set_ops(dev, &ops, c);
	anyvfio_pci_set_id(dev, &id);
	anyvfio_pci_add_bar(dev, 0, BAR_SIZE, 0);
	anyvfio_pci_add_msix(dev, 1, 0, MSIX_TABLE, MSIX_PENDING);
	return 0;
}

static const struct anyvfio_option options[] = {
	{ "seed", "what a sum starts from (0)" },
	{ NULL, NULL },
};

const struct anyvfio_model anyvfio_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "checksum",
	.summary = "adds up bytes of the program's memory",
	.options = options,
	.create = create,
};
