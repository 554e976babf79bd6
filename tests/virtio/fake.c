/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device API in memory: see the header. */
#include "fake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr, "%s:%d: fake device: %s\n", __FILE__, \
				__LINE__, #cond);                             \
			abort();                                              \
		}                                                             \
	} while (0)

/* One at a time: copies do not say whose memory it is. */
static struct anyvfio_device *current;

void fake_init(struct anyvfio_device *dev, const char *const *options)
{
	memset(dev, 0, sizeof(*dev));
	dev->options = options;
	dev->dma = calloc(1, FAKE_SIZE);
	dev->bus_master = true;
	dev->config[0x34] = FAKE_MSIX_CAP;
	dev->config[FAKE_MSIX_CAP] = 0x11;
	dev->last_cap = FAKE_MSIX_CAP;
	dev->next_cap = FAKE_MSIX_CAP + 16;
	current = dev;
}

void fake_exit(struct anyvfio_device *dev)
{
	MUST(!dev->maps);
	free(dev->dma);
	current = NULL;
}

void *fake_ptr(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(iova - FAKE_IOVA < FAKE_SIZE);
	return dev->dma + (iova - FAKE_IOVA);
}

uint64_t fake_read(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		   unsigned int size)
{
	return dev->ops->bar_read(dev->priv, bar, off, size);
}

void fake_write(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		unsigned int size, uint64_t val)
{
	dev->ops->bar_write(dev->priv, bar, off, size, val);
}

uint32_t fake_config_read(struct anyvfio_device *dev, unsigned int off,
			  unsigned int size)
{
	return dev->ops->config_read(dev->priv, off, size,
				     anyvfio_pci_config(dev, off, size)) &
	       (0xffffffff >> (32 - 8 * size));
}

void fake_config_write(struct anyvfio_device *dev, unsigned int off,
		       unsigned int size, uint32_t val)
{
	unsigned int i;

	for (i = off; i < off + size; i++, val >>= 8)
		dev->config[i] = (dev->config[i] & ~dev->config_mask[i]) |
				 (val & dev->config_mask[i]);
	dev->ops->config_written(dev->priv, off, size);
}

/* ---- memory ---- */

static void access_begins(void)
{
	if (current->before)
		current->before(current);
}

/* Bytes from @iova on that can be reached, up to the mapping's end. */
static size_t reachable(struct anyvfio_device *dev, uint64_t iova, size_t len,
			bool write)
{
	uint64_t off = iova - FAKE_IOVA, last;
	size_t most = FAKE_MAPPING - off % FAKE_MAPPING;

	if (off >= FAKE_SIZE)
		return 0;
	if (len > most)
		len = most;
	for (last = off; last < off + len; last += FAKE_PAGE - last % FAKE_PAGE)
		if (dev->hole[last / FAKE_PAGE] ||
		    (write && dev->read_only[last / FAKE_PAGE]))
			break;
	return last < off + len ? last - off : len;
}

static int copy(struct anyvfio_device *dev, uint64_t iova, void *buf,
		size_t len, bool write)
{
	size_t part;

	access_begins();
	if (!dev->bus_master)
		return -EACCES;
	for (; len; len -= part, iova += part, buf = (uint8_t *)buf + part) {
		part = reachable(dev, iova, len, write);
		if (!part)
			return -EFAULT;
		if (write)
			memcpy(fake_ptr(dev, iova), buf, part);
		else
			memcpy(buf, fake_ptr(dev, iova), part);
	}
	return 0;
}

int anyvfio_dma_read(struct anyvfio_device *dev, uint64_t iova, void *buf,
		     size_t len)
{
	return copy(dev, iova, buf, len, false);
}

int anyvfio_dma_write(struct anyvfio_device *dev, uint64_t iova,
		      const void *buf, size_t len)
{
	return copy(dev, iova, (void *)buf, len, true);
}

int anyvfio_dma_map(struct anyvfio_device *dev, uint64_t iova, size_t len,
		    bool write, struct anyvfio_dma *dma)
{
	MUST(len);
	if (!dev->bus_master)
		return -EACCES;
	dma->len = reachable(dev, iova, len, write);
	if (!dma->len)
		return -EFAULT;
	dma->ptr = fake_ptr(dev, iova);
	dma->priv[0] = dev;
	dev->maps++;
	return 0;
}

/* From the first page around @iova that is there to the last one. */
int anyvfio_dma_map_whole(struct anyvfio_device *dev, uint64_t iova, bool write,
			  struct anyvfio_dma *dma, uint64_t *first)
{
	uint64_t start = iova & ~(uint64_t)(FAKE_PAGE - 1);

	if (!dev->bus_master)
		return -EACCES;
	if (!reachable(dev, iova, 1, write))
		return -EFAULT;
	while (start % FAKE_MAPPING &&
	       reachable(dev, start - FAKE_PAGE, 1, write))
		start -= FAKE_PAGE;
	*first = start;
	return anyvfio_dma_map(dev, start, FAKE_MAPPING, write, dma);
}

void anyvfio_dma_unmap(struct anyvfio_device *dev, struct anyvfio_dma *dma,
		       size_t written)
{
	MUST(dma->priv[0] == dev && written <= dma->len && dev->maps);
	memset(dma, 0, sizeof(*dma));
	dev->maps--;
}

static void check_bounds(const void *user, size_t len)
{
	const uint8_t *p = user;

	if (p >= current->dma && p < current->dma + FAKE_SIZE)
		MUST(len <= (size_t)(current->dma + FAKE_SIZE - p));
}

int anyvfio_dma_copy_in(void *dst, const void *user, size_t len)
{
	access_begins();
	check_bounds(user, len);
	memmove(dst, user, len);
	return 0;
}

int anyvfio_dma_copy_out(void *user, const void *src, size_t len)
{
	access_begins();
	check_bounds(user, len);
	memmove(user, src, len);
	return 0;
}

/* ---- building ---- */

const char *anyvfio_device_option(struct anyvfio_device *dev, const char *name)
{
	const char *const *option;
	size_t len = strlen(name);

	for (option = dev->options; option && *option; option++)
		if (!strncmp(*option, name, len) && (*option)[len] == '=')
			return *option + len + 1;
	return NULL;
}

int anyvfio_device_option_size(struct anyvfio_device *dev, const char *name,
			       uint64_t def, uint64_t *size)
{
	const char *text = anyvfio_device_option(dev, name);

	*size = text ? strtoull(text, NULL, 0) : def;
	return 0;
}

void anyvfio_device_error(struct anyvfio_device *dev, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(dev->message, sizeof(dev->message), fmt, args);
	va_end(args);
	dev->messages++;
}

void anyvfio_device_info(struct anyvfio_device *dev, const char *fmt, ...)
{
}

const char *anyvfio_device_name(struct anyvfio_device *dev)
{
	return "0000:01:00.0";
}

void anyvfio_device_set_ops(struct anyvfio_device *dev,
			    const struct anyvfio_device_ops *ops, void *priv)
{
	dev->ops = ops;
	dev->priv = priv;
}

void anyvfio_pci_set_id(struct anyvfio_device *dev,
			const struct anyvfio_pci_id *id)
{
	dev->id = *id;
}

int anyvfio_pci_add_pm(struct anyvfio_device *dev)
{
	return 0;
}

int anyvfio_pci_add_intx(struct anyvfio_device *dev)
{
	return 0;
}

int anyvfio_pci_add_bar(struct anyvfio_device *dev, unsigned int bar,
			uint64_t size, unsigned int flags)
{
	MUST(bar < 6 && !dev->bar_size[bar] && !(size & (size - 1)));
	dev->bar_size[bar] = size;
	return 0;
}

int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind)
{
	MUST(off + len <= dev->bar_size[bar]);
	return 0;
}

int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off, uint32_t pba_off)
{
	MUST(vectors <= sizeof(dev->irqs) / sizeof(dev->irqs[0]));
	dev->msix = vectors;
	return 0;
}

int anyvfio_pci_add_cap(struct anyvfio_device *dev, uint8_t id,
			const void *data, const void *writable, size_t len)
{
	unsigned int off = dev->next_cap;

	MUST(off + 2 + len <= sizeof(dev->config));
	dev->config[off] = id;
	memcpy(dev->config + off + 2, data, len);
	if (writable)
		memcpy(dev->config_mask + off + 2, writable, len);
	dev->config[dev->last_cap + 1] = off;
	dev->last_cap = off;
	dev->next_cap = (off + 2 + len + 3) & ~3u;
	return off;
}

uint32_t anyvfio_pci_config(struct anyvfio_device *dev, unsigned int off,
			    unsigned int size)
{
	uint32_t val = 0;

	MUST(off + size <= sizeof(dev->config) && size <= 4);
	memcpy(&val, dev->config + off, size);
	if (off == FAKE_MSIX_CAP + 2 && dev->msix_on)
		val |= 0x8000;
	return val;
}

/* ---- interrupts ---- */

void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector)
{
	MUST(vector < dev->msix);
	dev->irqs[vector]++;
}

void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted)
{
	dev->level = asserted;
}
