/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model "e1000": options, the PCI function, start and stop. */
#include "e1000.h"
#include "../models.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define IO_BAR 2

static const struct anyvfio_option options[] = {
	{ "mac", "address, as 02:00:00:00:00:01; made from the PCI address" },
	{ NULL, NULL },
};

/* ---- life ---- */

static void e1000_reset(void *priv)
{
	struct e1000 *e = priv;

	e->io_addr = 0;
	e1000_phy_reset(e);
	e1000_mac_reset(e);
}

static void e1000_destroy(void *priv)
{
	free(priv);
}

static const struct anyvfio_device_ops ops = {
	.reset = e1000_reset,
	.bar_read = e1000_bar_read,
	.bar_write = e1000_bar_write,
	.destroy = e1000_destroy,
};

/* ---- options ---- */

/* By default of the locally administered ones, and the same in each run. */
static int parse_mac(struct e1000 *e)
{
	const char *text = anyvfio_device_option(e->dev, "mac");
	unsigned int m[E1000_MAC_LEN], i;
	int end = 0;

	if (!text) {
		unsigned int segment, bus, slot, function;

		sscanf(anyvfio_device_name(e->dev), "%x:%x:%x.%x", &segment,
		       &bus, &slot, &function);
		e->mac[0] = 0x02;
		e->mac[1] = 0xa7;
		e->mac[2] = segment >> 8;
		e->mac[3] = segment;
		e->mac[4] = bus;
		e->mac[5] = slot << 3 | function;
		return 0;
	}
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2],
		   &m[3], &m[4], &m[5], &end) != E1000_MAC_LEN ||
	    text[end] || m[0] & 1) {
		anyvfio_device_error(e->dev, "mac=%s: must be %s", text,
				     "a unicast address as 02:00:00:00:00:01");
		return -EINVAL;
	}
	for (i = 0; i < E1000_MAC_LEN; i++)
		e->mac[i] = m[i];
	return 0;
}

/* ---- the function ---- */

static int build_function(struct anyvfio_device *dev)
{
	static const struct anyvfio_pci_id id = {
		.vendor = E1000_PCI_VENDOR,
		.device = E1000_PCI_DEVICE,
		.subsystem_vendor = E1000_PCI_VENDOR,
		.subsystem_device = E1000_PCI_DEVICE,
		.class_code = 0x020000,
		.revision = 2,
	};
	int ret;

	anyvfio_pci_set_id(dev, &id);
	ret = anyvfio_pci_add_bar(dev, 0, E1000_BAR_SIZE, 0);
	if (!ret)
		ret = anyvfio_pci_add_bar(dev, IO_BAR, E1000_IO_SIZE,
					  ANYVFIO_BAR_IO);
	if (!ret)
		ret = anyvfio_pci_add_pm(dev);
	if (!ret)
		ret = anyvfio_pci_add_msi(dev, 1);
	if (!ret)
		ret = anyvfio_pci_add_intx(dev);
	return ret;
}

static int e1000_create(struct anyvfio_device *dev)
{
	struct e1000 *e = calloc(1, sizeof(*e));
	int ret = -ENOMEM;

	if (!e)
		return ret;
	e->dev = dev;
	ret = parse_mac(e);
	if (!ret)
		ret = build_function(dev);
	if (ret) {
		free(e);
		return ret;
	}
	e1000_eeprom_fill(e);
	anyvfio_device_set_ops(dev, &ops, e);
	return 0;
}

const struct anyvfio_model anyvfio_e1000_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "e1000",
	.summary = "Intel 82540EM gigabit network card",
	.options = options,
	.create = e1000_create,
};
