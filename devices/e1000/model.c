/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model "e1000": options, the PCI function, start and stop. */
#include "e1000.h"
#include "../models.h"

#include <errno.h>
#include <stdlib.h>

#define IO_BAR 2

static const struct anyvfio_option options[] = {
	NET_OPTIONS,
	{ NULL, NULL },
};

/* ---- the card ---- */

static const struct net_card card = {
	.transmit = e1000_transmit,
	.deliver = e1000_deliver,
	.link = e1000_carrier,
};

/* ---- life ---- */

static int e1000_start(void *priv)
{
	struct e1000 *e = priv;

	return net_start(&e->net);
}

static void e1000_stop(void *priv)
{
	struct e1000 *e = priv;

	net_stop(&e->net);
}

/* With power, it is there for the other end of its wire, driver or not. */
static void e1000_reset(void *priv)
{
	struct e1000 *e = priv;

	net_mover_lock(e->net.mover);
	e->io_addr = 0;
	net_reset(&e->net);
	e1000_phy_reset(e);
	e1000_mac_reset(e);
	net_mover_unlock(e->net.mover);
}

static void e1000_destroy(void *priv)
{
	struct e1000 *e = priv;

	net_exit(&e->net);
	free(e);
}

static const struct anyvfio_device_ops ops = {
	.start = e1000_start,
	.stop = e1000_stop,
	.reset = e1000_reset,
	.bar_read = e1000_bar_read,
	.bar_write = e1000_bar_write,
	.destroy = e1000_destroy,
};

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
	e->rx = (struct e1000_ring){ .e = e, .regs = E1000_RDBAL };
	e->tx.ring = (struct e1000_ring){ .e = e, .regs = E1000_TDBAL };
	ret = net_init(&e->net, dev, &card);
	if (!ret)
		ret = build_function(dev);
	if (ret) {
		free(e);
		return ret;
	}
	e1000_eeprom_fill(e);
	anyvfio_device_set_ops(dev, &ops, e);
	net_register(&e->net);
	return 0;
}

const struct anyvfio_model anyvfio_e1000_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "e1000",
	.summary =
		"Intel 82540EM network card: a wire, pcap files, a tap or a loop",
	.options = options,
	.create = e1000_create,
};
