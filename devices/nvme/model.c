/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The model "nvme": options, the PCI function, and start and stop.
 *
 * BAR0, 16 KiB: registers and doorbells, which programs read natively, the MSI-X
 * table, and the MSI-X pending bits.
 */
#include "nvme.h"
#include "../models.h"

#include <stdio.h>

#define PAGE 0x1000u
#define BAR_SIZE (4 * PAGE)
#define MSIX_TABLE (2 * PAGE)
#define MSIX_PBA (3 * PAGE)
#define MSI_VECTORS 32

static const struct anyvfio_option options[] = {
	STORAGE_OPTIONS,
	{ "lba", "bytes of a logical block, 512 or 4096; 512" },
	{ NULL, NULL },
};

/* ---- life of a started device ---- */

static void io_completed(struct storage *st, struct storage_request *io,
			 int err)
{
	struct nvme_request *req = (struct nvme_request *)io;

	nvme_complete(nvme_of(st), req, nvme_status_of(req, err));
}

static void io_settled(struct storage *st)
{
	nvme_settle(nvme_of(st));
}

static const struct storage_ops storage_ops = {
	.complete = io_completed,
	.settle = io_settled,
};

/* A reset follows at once, and shows the registers. */
static int nvme_start(void *priv)
{
	struct nvme *n = priv;

	n->regs = anyvfio_pci_bar_memory(n->dev, 0);
	return storage_start(&n->storage, sizeof(struct nvme_request));
}

/* The reset ends what is in flight. */
static void nvme_stop(void *priv)
{
	struct nvme *n = priv;

	nvme_reset(n);
	storage_stop(&n->storage);
	n->regs = NULL;
}

static void nvme_function_reset(void *priv)
{
	nvme_reset(priv);
}

static void nvme_bar_write(void *priv, unsigned int bar, uint64_t off,
			   unsigned int size, uint64_t val)
{
	nvme_register_write(priv, off, size, val);
}

static void nvme_destroy(void *priv)
{
	free(priv);
}

static const struct anyvfio_device_ops ops = {
	.start = nvme_start,
	.stop = nvme_stop,
	.reset = nvme_function_reset,
	.bar_write = nvme_bar_write,
	.destroy = nvme_destroy,
};

/* ---- options ---- */

static int bad_option(struct nvme *n, const char *name, const char *want)
{
	anyvfio_device_error(n->dev, "%s=%s: must be %s", name,
			     anyvfio_device_option(n->dev, name), want);
	return -EINVAL;
}

static int parse_lba(struct nvme *n)
{
	const char *lba = anyvfio_device_option(n->dev, "lba");

	n->storage.block_shift = 9;
	if (!lba || !strcmp(lba, "512"))
		return 0;
	n->storage.block_shift = 12;
	if (!strcmp(lba, "4096"))
		return 0;
	return bad_option(n, "lba", "512 or 4096");
}

static int parse_options(struct nvme *n)
{
	int ret = parse_lba(n);

	return ret ? ret : storage_parse(&n->storage);
}

/* ---- the function ---- */

/* Reading a register has no side effect, so that a program that polls CSTS, or
 * flushes its writes by a read, is not trapped. */
static int build_function(struct anyvfio_device *dev)
{
	static const struct anyvfio_pci_id id = {
		.vendor = NVME_PCI_VENDOR,
		.device = NVME_PCI_DEVICE,
		.subsystem_vendor = NVME_PCI_VENDOR,
		.subsystem_device = NVME_PCI_DEVICE,
		.class_code = 0x010802,
		.revision = 1,
	};
	int ret;

	anyvfio_pci_set_id(dev, &id);
	ret = anyvfio_pci_add_bar(dev, 0, BAR_SIZE, ANYVFIO_BAR_64);
	if (!ret)
		ret = anyvfio_pci_set_pages(dev, 0, 0, 2 * PAGE,
					    ANYVFIO_PAGE_READ_DIRECT);
	if (!ret)
		ret = anyvfio_pci_add_pm(dev);
	if (!ret)
		ret = anyvfio_pci_add_msi(dev, MSI_VECTORS);
	if (!ret)
		ret = anyvfio_pci_add_msix(dev, NVME_NR_VECTORS, 0, MSIX_TABLE,
					   MSIX_PBA);
	if (!ret)
		ret = anyvfio_pci_add_intx(dev);
	if (!ret)
		ret = anyvfio_pci_add_express(dev);
	return ret;
}

/* Ops are set last: from then on @n is freed by nvme_destroy(). */
static int nvme_create(struct anyvfio_device *dev)
{
	struct nvme *n = calloc(1, sizeof(*n));
	int ret = -ENOMEM;

	if (!n)
		return ret;
	n->dev = dev;
	n->storage.dev = dev;
	n->storage.ops = &storage_ops;
	ret = parse_options(n);
	if (ret)
		goto err_free;
	ret = build_function(dev);
	if (ret)
		goto err_free;
	anyvfio_device_set_ops(dev, &ops, n);
	return 0;

err_free:
	free(n);
	return ret;
}

const struct anyvfio_model anyvfio_nvme_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "nvme",
	.summary =
		"NVM Express 1.4 controller, one namespace in memory or a file",
	.options = options,
	.create = nvme_create,
};
