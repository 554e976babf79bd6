/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model of probe.h.  PROBE_API lets a variant claim another API. */
#include "probe.h"

#include <errno.h>
#include <string.h>

#ifndef PROBE_API
#define PROBE_API ANYVFIO_DEVICE_API
#endif

/* Behind the compiler's back, as the device's own memory is. */
static uint8_t *reg_at(unsigned int bar, uint64_t off)
{
	/* The other BARs are small: they share the upper end. */
	return (uint8_t *)&probe.regs[bar ? 0xf000 + off : off];
}

static void enter(void)
{
	if (__atomic_exchange_n(&probe.inside, true, __ATOMIC_ACQUIRE))
		probe.overlapped = true;
}

static void leave(void)
{
	__atomic_store_n(&probe.inside, false, __ATOMIC_RELEASE);
}

static void note(unsigned int bar, bool write, uint64_t off, unsigned int size,
		 uint64_t val)
{
	volatile struct probe_access *a = &probe.log[probe.nr % PROBE_LOG];

	a->bar = bar;
	a->write = write;
	a->off = off;
	a->size = size;
	a->val = val;
	probe.nr++;
}

static uint64_t probe_read(void *priv, unsigned int bar, uint64_t off,
			   unsigned int size)
{
	uint64_t val = 0;

	enter();
	memcpy(&val, reg_at(bar, off), size);
	note(bar, false, off, size, val);
	leave();
	return val;
}

static void probe_write(void *priv, unsigned int bar, uint64_t off,
			unsigned int size, uint64_t val)
{
	enter();
	note(bar, true, off, size, val);
	memcpy(reg_at(bar, off), &val, size);
	leave();
	if (probe.on_write)
		probe.on_write(off, val);
}

static int probe_start(void *priv)
{
	if (probe.start_error)
		return probe.start_error;
	probe.starts++;
	if (probe.on_start)
		probe.on_start();
	return 0;
}

static void probe_stop(void *priv)
{
	probe.stops++;
	if (probe.on_stop)
		probe.on_stop();
}

static void probe_reset(void *priv)
{
	probe.resets++;
	memset((void *)probe.regs, 0, sizeof(probe.regs));
}

static uint32_t probe_config_read(void *priv, unsigned int off,
				  unsigned int size, uint32_t val)
{
	probe.reads_of_config++;
	probe.read_off = off;
	probe.read_size = size;
	return val ^ probe.config_flip;
}

static void probe_config_written(void *priv, unsigned int off,
				 unsigned int size)
{
	probe.writes_of_config++;
	probe.written_off = off;
	probe.written_size = size;
}

static void probe_destroy(void *priv)
{
	probe.destroys++;
}

static const struct anyvfio_device_ops probe_ops = {
	.start = probe_start,
	.stop = probe_stop,
	.reset = probe_reset,
	.bar_read = probe_read,
	.bar_write = probe_write,
	.config_read = probe_config_read,
	.config_written = probe_config_written,
	.destroy = probe_destroy,
};

static const struct anyvfio_pci_id probe_id = {
	.vendor = 0x1234,
	.device = 0x0bee,
	.subsystem_vendor = 0xabcd,
	.subsystem_device = 0x5678,
	.class_code = 0xff0102,
	.revision = 0x42,
};

static int build(struct anyvfio_device *dev)
{
	static const uint8_t data[6] = { 1, 2, 3, 4, 5, 6 };
	static const uint8_t writable[6] = { 0, 0, 0xff, 0x0f, 0, 0 };

	anyvfio_pci_add_express(dev);
	anyvfio_pci_add_pm(dev);
	anyvfio_pci_add_bar(dev, 0, PROBE_BAR0_SIZE,
			    ANYVFIO_BAR_64 | ANYVFIO_BAR_PREFETCH);
	anyvfio_pci_add_bar(dev, 2, 4096, 0);
	anyvfio_pci_add_bar(dev, 3, 32, ANYVFIO_BAR_IO);
	anyvfio_pci_set_pages(dev, 0, PROBE_READ_DIRECT, 0x1000,
			      ANYVFIO_PAGE_READ_DIRECT);
	anyvfio_pci_set_pages(dev, 0, PROBE_PLAIN, 0x1000, ANYVFIO_PAGE_PLAIN);
	anyvfio_pci_set_pages(dev, 0, PROBE_PLAIN + 0x1000, 0x1000,
			      ANYVFIO_PAGE_PLAIN);
	anyvfio_pci_add_msix(dev, PROBE_VECTORS, 0, PROBE_TABLE, PROBE_PBA);
	anyvfio_pci_add_msi(dev, PROBE_MSI);
	anyvfio_pci_add_intx(dev);
	probe.own_cap =
		anyvfio_pci_add_cap(dev, 0x09, data, writable, sizeof(data));
	return 0;
}

static int probe_create(struct anyvfio_device *dev)
{
	if (probe.create_error)
		return probe.create_error;
	probe.dev = dev;
	anyvfio_device_set_ops(dev, &probe_ops, &probe);
	anyvfio_pci_set_id(dev, &probe_id);
	return (probe.build ? probe.build : build)(dev);
}

static const struct anyvfio_option probe_options[] = {
	{ "size", "a size, for tests of option_size()" },
	{ "name", "any text" },
	{ NULL, NULL },
};

const struct anyvfio_model anyvfio_model
	__attribute__((visibility("default"))) = {
		.api = PROBE_API,
		.name = "probe",
		.summary = "for tests",
		.options = probe_options,
		.create = probe_create,
	};
