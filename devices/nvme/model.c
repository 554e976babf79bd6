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
#define DEFAULT_SIZE (64ull << 20)

static const struct anyvfio_option options[] = {
	{ "size", "bytes of memory for the namespace; 64M" },
	{ "file", "image file or block device to use instead of memory" },
	{ "readonly", "on: refuse to write; off" },
	{ "lba", "bytes of a logical block, 512 or 4096; 512" },
	{ "serial", "serial number, up to 20 characters; from the address" },
	{ "engine",
	  "uring or threads: all image I/O by it; the best there is" },
	{ NULL, NULL },
};

/* ---- life of a started device ---- */

/* All requests there will be, in one piece; the first is used first. */
static int make_requests(struct nvme *n)
{
	const struct nvme_backend *backend = n->backend;
	struct nvme_request *req;
	unsigned int i;

	n->requests = calloc(backend->nr_requests, backend->request_size);
	if (!n->requests)
		return -ENOMEM;
	n->free_requests = NULL;
	n->nr_free = 0;
	for (i = backend->nr_requests; i-- > 0;) {
		req = (void *)((char *)n->requests + i * backend->request_size);
		nvme_request_put(n, req);
	}
	return 0;
}

/* A reset follows at once, and shows the registers. */
static int nvme_start(void *priv)
{
	struct nvme *n = priv;
	int ret;

	n->regs = anyvfio_pci_bar_memory(n->dev, 0);
	ret = make_requests(n);
	if (ret)
		return ret;
	ret = n->backend->start(n);
	if (ret)
		free(n->requests);
	return ret;
}

/* The reset ends what is in flight, so that the backend has nothing to wait for. */
static void nvme_stop(void *priv)
{
	struct nvme *n = priv;

	nvme_reset(n);
	n->backend->stop(n);
	free(n->requests);
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

	n->lba_shift = 9;
	if (!lba || !strcmp(lba, "512"))
		return 0;
	n->lba_shift = 12;
	if (!strcmp(lba, "4096"))
		return 0;
	return bad_option(n, "lba", "512 or 4096");
}

static int parse_readonly(struct nvme *n)
{
	const char *readonly = anyvfio_device_option(n->dev, "readonly");

	n->readonly_asked = readonly && !strcmp(readonly, "on");
	if (!readonly || n->readonly_asked || !strcmp(readonly, "off"))
		return 0;
	return bad_option(n, "readonly", "on or off");
}

/* Two devices of a run must not look like one: the address makes the difference,
 * and is the same in the next run. */
static int parse_serial(struct nvme *n)
{
	const char *serial = anyvfio_device_option(n->dev, "serial");
	const char *c;

	if (!serial) {
		snprintf(n->serial, sizeof(n->serial), "AV-%s",
			 anyvfio_device_name(n->dev));
		return 0;
	}
	for (c = serial; *c >= ' ' && *c <= '~'; c++)
		;
	if (*c || c == serial || c - serial >= (long)sizeof(n->serial))
		return bad_option(n, "serial", "1 to 20 ASCII characters");
	snprintf(n->serial, sizeof(n->serial), "%s", serial);
	return 0;
}

static int parse_engine(struct nvme *n)
{
	n->engine = anyvfio_device_option(n->dev, "engine");
	if (!n->engine || !strcmp(n->engine, "uring") ||
	    !strcmp(n->engine, "threads"))
		return 0;
	return bad_option(n, "engine", "uring or threads");
}

static int parse_store(struct nvme *n)
{
	n->file = anyvfio_device_option(n->dev, "file");
	n->backend = n->file ? &nvme_file : &nvme_ram;
	if (n->file && anyvfio_device_option(n->dev, "size")) {
		anyvfio_device_error(
			n->dev, "size= is for memory; %s has its own", n->file);
		return -EINVAL;
	}
	return anyvfio_device_option_size(n->dev, "size", DEFAULT_SIZE,
					  &n->size);
}

static int parse_options(struct nvme *n)
{
	int ret;

	ret = parse_lba(n);
	if (!ret)
		ret = parse_readonly(n);
	if (!ret)
		ret = parse_serial(n);
	if (!ret)
		ret = parse_engine(n);
	if (!ret)
		ret = parse_store(n);
	return ret;
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
	ret = parse_options(n);
	if (ret)
		goto err_free;
	ret = n->backend->check(n);
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
