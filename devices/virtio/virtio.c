/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The PCI function of a virtio device: what it has, its options, its life. */
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_ring.h>

#define MSIX_BAR 1
#define MSIX_BAR_SIZE 0x1000u
#define MSIX_PBA 0x800u
#define MSIX_MOST (MSIX_PBA / PCI_MSIX_ENTRY_SIZE)
#define MODERN_DEVICE 0x1040

/* ---- life ---- */

/* The capability list is short, and ours. */
static unsigned int find_msix(struct anyvfio_device *dev)
{
	unsigned int cap = anyvfio_pci_config(dev, PCI_CAPABILITY_LIST, 1);

	while (cap && anyvfio_pci_config(dev, cap, 1) != PCI_CAP_ID_MSIX)
		cap = anyvfio_pci_config(dev, cap + PCI_CAP_LIST_NEXT, 1);
	return cap;
}

static int start(void *priv)
{
	struct virtio *v = priv;

	v->msix_cap = find_msix(v->dev);
	return v->type->start ? v->type->start(v) : 0;
}

static void stop(void *priv)
{
	struct virtio *v = priv;

	virtio_do_reset(v);
	if (v->type->stop)
		v->type->stop(v);
}

static void reset(void *priv)
{
	virtio_do_reset(priv);
}

static uint64_t bar_read(void *priv, unsigned int bar, uint64_t off,
			 unsigned int size)
{
	if (bar == VIRTIO_MODERN_BAR)
		return virtio_modern_read(priv, off, size);
	return bar == VIRTIO_LEGACY_BAR ? virtio_legacy_read(priv, off, size)
					: 0;
}

static void bar_write(void *priv, unsigned int bar, uint64_t off,
		      unsigned int size, uint64_t val)
{
	if (bar == VIRTIO_MODERN_BAR)
		virtio_modern_write(priv, off, size, val);
	else if (bar == VIRTIO_LEGACY_BAR)
		virtio_legacy_write(priv, off, size, val);
}

static uint32_t config_read(void *priv, unsigned int off, unsigned int size,
			    uint32_t val)
{
	return virtio_window_read(priv, off, val);
}

static void config_written(void *priv, unsigned int off, unsigned int size)
{
	virtio_window_written(priv, off);
}

static void free_queues(struct virtio *v)
{
	free(v->queues);
	pthread_mutex_destroy(&v->lock);
}

static void destroy(void *priv)
{
	struct virtio *v = priv;

	free_queues(v);
	v->type->destroy(v);
}

static const struct anyvfio_device_ops ops = {
	.start = start,
	.stop = stop,
	.reset = reset,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_read = config_read,
	.config_written = config_written,
	.destroy = destroy,
};

/* ---- options ---- */

static int bad_option(struct virtio *v, const char *name, const char *want)
{
	anyvfio_device_error(v->dev, "%s=%s: must be %s", name,
			     anyvfio_device_option(v->dev, name), want);
	return -EINVAL;
}

/* Which of two words; @def when it was not given. */
static int parse_either(struct virtio *v, const char *name, const char *yes,
			const char *no, const char *want, bool def, bool *out)
{
	const char *text = anyvfio_device_option(v->dev, name);

	*out = text ? !strcmp(text, yes) : def;
	if (!text || *out || !strcmp(text, no))
		return 0;
	return bad_option(v, name, want);
}

int virtio_option_bool(struct virtio *v, const char *name, bool def, bool *on)
{
	return parse_either(v, name, "on", "off", "on or off", def, on);
}

static int parse_interface(struct virtio *v)
{
	const char *text = anyvfio_device_option(v->dev, "interface");

	if (!text || !strcmp(text, "transitional"))
		v->mode = VIRTIO_TRANSITIONAL;
	else if (!strcmp(text, "modern"))
		v->mode = VIRTIO_MODERN;
	else if (!strcmp(text, "legacy"))
		v->mode = VIRTIO_LEGACY;
	else
		return bad_option(v, "interface",
				  "transitional, modern or legacy");
	return 0;
}

static int parse_ring(struct virtio *v)
{
	uint64_t size;

	if (anyvfio_device_option_size(v->dev, "ring", 256, &size))
		return -EINVAL;
	if (size < 2 || size > VIRTQ_MAX_SIZE || size & (size - 1))
		return bad_option(v, "ring", "a power of two from 2 to 1024");
	v->ring_size = size;
	return 0;
}

static int parse_options(struct virtio *v)
{
	bool packed = false;
	int ret;

	ret = parse_interface(v);
	if (!ret)
		ret = parse_ring(v);
	if (!ret)
		ret = virtio_option_bool(v, "packed", false, &packed);
	if (!ret)
		ret = parse_either(v, "notify", "plain", "trapped",
				   "trapped or plain", false, &v->plain_notify);
	if (!ret && packed)
		v->offered |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return ret;
}

/* ---- building ---- */

/* The device's addresses go through an IOMMU, like those of any other. */
static void offer(struct virtio *v)
{
	v->offered |= VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		      VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	if (v->mode != VIRTIO_LEGACY)
		v->offered |= VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			      VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) |
			      VIRTIO_BIT(VIRTIO_F_RING_RESET);
}

static int make_queues(struct virtio *v)
{
	unsigned int i;

	v->queues = calloc(v->nr_queues, sizeof(*v->queues));
	if (!v->queues)
		return -ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	for (i = 0; i < v->nr_queues; i++) {
		v->queues[i].v = v;
		v->queues[i].index = i;
	}
	return 0;
}

static void set_id(struct virtio *v)
{
	bool modern = v->mode == VIRTIO_MODERN;
	struct anyvfio_pci_id id = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = modern ? MODERN_DEVICE + v->type->id
				 : v->type->legacy_device,
		.subsystem_vendor = VIRTIO_PCI_VENDOR,
		.subsystem_device = modern ? MODERN_DEVICE + v->type->id
					   : v->type->id,
		.class_code = v->type->class_code,
		.revision = modern,
	};

	anyvfio_pci_set_id(v->dev, &id);
}

static int build_function(struct virtio *v)
{
	int ret = 0;

	set_id(v);
	if (v->mode != VIRTIO_MODERN)
		ret = virtio_legacy_build(v);
	if (!ret)
		ret = anyvfio_pci_add_bar(v->dev, MSIX_BAR, MSIX_BAR_SIZE, 0);
	if (!ret)
		ret = anyvfio_pci_add_msix(v->dev, v->nr_vectors, MSIX_BAR, 0,
					   MSIX_PBA);
	if (!ret)
		ret = anyvfio_pci_add_intx(v->dev);
	if (!ret && v->mode != VIRTIO_LEGACY)
		ret = virtio_modern_build(v);
	if (!ret && v->mode != VIRTIO_LEGACY)
		ret = anyvfio_pci_add_pm(v->dev);
	return ret;
}

int virtio_create(struct virtio *v)
{
	int ret;

	ret = parse_options(v);
	if (ret)
		return ret;
	offer(v);
	/* One for each queue and one for the configuration; they can share. */
	v->nr_vectors = v->nr_queues + 1;
	if (v->nr_vectors > MSIX_MOST)
		v->nr_vectors = MSIX_MOST;
	ret = make_queues(v);
	if (ret)
		return ret;
	ret = build_function(v);
	if (ret)
		goto err_free;
	anyvfio_device_set_ops(v->dev, &ops, v);
	return 0;

err_free:
	free_queues(v);
	return ret;
}
