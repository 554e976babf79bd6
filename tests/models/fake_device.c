/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device API in memory: see the header. */
#include "fake_device.h"
#include "fake_must.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char last_messages[4096];

/* The device whose lock this thread has. */
static __thread struct anyvfio_device *locked;

bool fake_locked_by_me(const struct anyvfio_device *dev)
{
	return locked == dev || dev->own_lock;
}

void anyvfio_device_lock(struct anyvfio_device *dev)
{
	MUST(!locked);
	pthread_mutex_lock(&dev->lock);
	locked = dev;
}

void anyvfio_device_unlock(struct anyvfio_device *dev)
{
	MUST(locked == dev);
	locked = NULL;
	pthread_mutex_unlock(&dev->lock);
}

void fake_lock(struct anyvfio_device *dev)
{
	anyvfio_device_lock(dev);
}

void fake_unlock(struct anyvfio_device *dev)
{
	anyvfio_device_unlock(dev);
}

/* ---- life ---- */

static void set_options(struct anyvfio_device *dev, const char *const *options)
{
	unsigned int i;
	char *equals;

	for (i = 0; options && options[i]; i++) {
		MUST(i < sizeof(dev->option) / sizeof(dev->option[0]));
		dev->option[i].name = strdup(options[i]);
		equals = strchr(dev->option[i].name, '=');
		MUST(equals);
		*equals = '\0';
		dev->option[i].value = equals + 1;
	}
}

static void free_device(struct anyvfio_device *dev)
{
	unsigned int i;

	for (i = 0; i < sizeof(dev->option) / sizeof(dev->option[0]); i++)
		free((char *)dev->option[i].name);
	if (dev->memory_fd >= 0)
		close(dev->memory_fd);
	fake_dma_exit(dev);
	pthread_cond_destroy(&dev->irq);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

struct anyvfio_device *fake_create(const struct anyvfio_model *model,
				   const char *const *options)
{
	static unsigned int nr;
	struct anyvfio_device *dev = calloc(1, sizeof(*dev));

	last_messages[0] = '\0';
	snprintf(dev->name, sizeof(dev->name), "0000:%02x:00.0",
		 nr++ % 200 + 1);
	dev->memory_fd = -1;
	pthread_mutex_init(&dev->lock, NULL);
	pthread_cond_init(&dev->irq, NULL);
	fake_dma_init(dev);
	dev->last_cap = 0x33; /* as if it were one: its link is at 0x34 */
	dev->next_cap = 0x40;
	set_options(dev, options);
	if (model->create(dev)) {
		MUST(!dev->ops);
		free_device(dev);
		return NULL;
	}
	MUST(dev->ops);
	return dev;
}

void fake_destroy(struct anyvfio_device *dev)
{
	if (dev->started)
		fake_stop(dev);
	dev->ops->destroy(dev->priv);
	free_device(dev);
}

static void unmap_bar(struct anyvfio_device *dev)
{
	if (dev->bar)
		munmap(dev->bar, dev->bar_size[0]);
	dev->bar = NULL;
}

int fake_start(struct anyvfio_device *dev)
{
	int ret;

	if (dev->bar_size[0])
		dev->bar = mmap(NULL, dev->bar_size[0], PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fake_lock(dev);
	ret = dev->ops->start(dev->priv);
	if (!ret)
		dev->ops->reset(dev->priv);
	dev->bus_master = true;
	dev->started = !ret;
	fake_unlock(dev);
	if (ret) {
		MUST(!dev->threads && !dev->maps);
		unmap_bar(dev);
	}
	return ret;
}

void fake_stop(struct anyvfio_device *dev)
{
	fake_lock(dev);
	dev->ops->stop(dev->priv);
	dev->started = false;
	MUST(!dev->threads);
	MUST(!dev->maps);
	fake_unlock(dev);
	unmap_bar(dev);
}

void fake_reset(struct anyvfio_device *dev)
{
	fake_lock(dev);
	dev->ops->reset(dev->priv);
	MUST(!dev->maps);
	dev->level = false;
	fake_unlock(dev);
}

const char *fake_messages(void)
{
	return last_messages;
}

/* ---- registers ---- */

void fake_write(struct anyvfio_device *dev, uint64_t off, unsigned int size,
		uint64_t val)
{
	fake_bar_write(dev, 0, off, size, val);
}

uint64_t fake_bar_read(struct anyvfio_device *dev, unsigned int bar,
		       uint64_t off, unsigned int size)
{
	uint64_t val;

	fake_lock(dev);
	val = dev->ops->bar_read(dev->priv, bar, off, size);
	fake_unlock(dev);
	return size == 8 ? val : val & ((1ull << 8 * size) - 1);
}

void fake_bar_write(struct anyvfio_device *dev, unsigned int bar, uint64_t off,
		    unsigned int size, uint64_t val)
{
	fake_lock(dev);
	dev->ops->bar_write(dev->priv, bar, off, size, val);
	fake_unlock(dev);
}

uint32_t fake_config_read(struct anyvfio_device *dev, unsigned int off,
			  unsigned int size)
{
	uint32_t val;

	fake_lock(dev);
	val = dev->ops->config_read(dev->priv, off, size,
				    anyvfio_pci_config(dev, off, size));
	fake_unlock(dev);
	return size == 4 ? val : val & ((1u << 8 * size) - 1);
}

void fake_config_write(struct anyvfio_device *dev, unsigned int off,
		       unsigned int size, uint32_t val)
{
	unsigned int i;

	fake_lock(dev);
	for (i = off; i < off + size; i++, val >>= 8)
		dev->config[i] = (dev->config[i] & ~dev->config_mask[i]) |
				 (val & dev->config_mask[i]);
	dev->ops->config_written(dev->priv, off, size);
	fake_unlock(dev);
}

uint32_t fake_read32(struct anyvfio_device *dev, uint64_t off)
{
	return __atomic_load_n((uint32_t *)(void *)(dev->bar + off),
			       __ATOMIC_ACQUIRE);
}

uint64_t fake_read64(struct anyvfio_device *dev, uint64_t off)
{
	return __atomic_load_n((uint64_t *)(void *)(dev->bar + off),
			       __ATOMIC_ACQUIRE);
}

/* ---- building ---- */

const char *anyvfio_device_option(struct anyvfio_device *dev, const char *name)
{
	unsigned int i;

	for (i = 0; i < 8 && dev->option[i].name; i++)
		if (!strcmp(dev->option[i].name, name))
			return dev->option[i].value;
	return NULL;
}

int anyvfio_device_option_size(struct anyvfio_device *dev, const char *name,
			       uint64_t def, uint64_t *size)
{
	const char *text = anyvfio_device_option(dev, name);
	char *end;

	*size = def;
	if (!text)
		return 0;
	*size = strtoull(text, &end, 0);
	if (*end == 'K')
		*size <<= 10;
	else if (*end == 'M')
		*size <<= 20;
	else if (*end == 'T')
		*size <<= 40;
	else if (*end) {
		anyvfio_device_error(dev, "%s is not a size", text);
		return -EINVAL;
	}
	return 0;
}

void anyvfio_device_error(struct anyvfio_device *dev, const char *fmt, ...)
{
	size_t len = strlen(last_messages);
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_messages + len, sizeof(last_messages) - len, fmt, args);
	va_end(args);
	dev->messages++;
}

void anyvfio_device_info(struct anyvfio_device *dev, const char *fmt, ...)
{
	size_t len = strlen(last_messages);
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_messages + len, sizeof(last_messages) - len, fmt, args);
	va_end(args);
}

const char *anyvfio_device_name(struct anyvfio_device *dev)
{
	return dev->name;
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

int anyvfio_pci_add_express(struct anyvfio_device *dev)
{
	dev->has_express = true;
	return 0;
}

int anyvfio_pci_add_pm(struct anyvfio_device *dev)
{
	dev->has_pm = true;
	return 0;
}

int anyvfio_pci_add_bar(struct anyvfio_device *dev, unsigned int bar,
			uint64_t size, unsigned int flags)
{
	MUST(bar < 6 && !dev->bar_size[bar] && !(size & (size - 1)));
	dev->bar_size[bar] = size;
	dev->bar_flags[bar] = flags;
	return 0;
}

int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind)
{
	MUST(off + len <= dev->bar_size[bar]);
	for (; !bar && len; len -= FAKE_PAGE, off += FAKE_PAGE)
		dev->page[off / FAKE_PAGE] = kind;
	return 0;
}

int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off, uint32_t pba_off)
{
	static const uint8_t rest[10];

	MUST(bar || dev->page[table_off / FAKE_PAGE] == ANYVFIO_PAGE_TRAPPED);
	MUST(bar || dev->page[pba_off / FAKE_PAGE] == ANYVFIO_PAGE_TRAPPED);
	dev->msix = vectors;
	dev->msix_cap = anyvfio_pci_add_cap(dev, 0x11, rest, NULL, 10);
	return 0;
}

int anyvfio_pci_add_msi(struct anyvfio_device *dev, unsigned int vectors)
{
	dev->msi = vectors;
	return 0;
}

int anyvfio_pci_add_intx(struct anyvfio_device *dev)
{
	dev->has_intx = true;
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
	if (dev->msix_cap && off == dev->msix_cap + 2 && dev->msix_on)
		val |= 0x8000;
	return val;
}

/* ---- descriptors and memory ---- */

int anyvfio_device_memory(struct anyvfio_device *dev, unsigned int id,
			  uint64_t size)
{
	MUST(fake_locked_by_me(dev));
	if (dev->memory_error) {
		anyvfio_device_error(dev, "no memory");
		return dev->memory_error;
	}
	if (dev->memory_fd < 0) {
		dev->memory_fd = memfd_create("fake", MFD_CLOEXEC);
		MUST(!ftruncate(dev->memory_fd,
				dev->memory_there ? dev->memory_there : size));
		dev->memory_size = size;
	}
	MUST(dev->memory_size == size);
	return dup(dev->memory_fd);
}

int anyvfio_fd_hide(int fd)
{
	int hidden = dup(fd);

	MUST(hidden >= 0);
	close(fd);
	return hidden;
}

void anyvfio_fd_close(int fd)
{
	MUST(!close(fd));
}

void *anyvfio_pci_bar_memory(struct anyvfio_device *dev, unsigned int bar)
{
	MUST(bar == 0 && dev->bar);
	return dev->bar;
}

/* ---- interrupts ---- */

void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector)
{
	MUST(fake_locked_by_me(dev) && vector < FAKE_NR_VECTORS &&
	     (vector < dev->msix || vector < dev->msi));
	dev->irqs[vector]++;
	pthread_cond_broadcast(&dev->irq);
}

void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted)
{
	MUST(fake_locked_by_me(dev));
	dev->level = asserted;
}

void anyvfio_device_report_error(struct anyvfio_device *dev)
{
	MUST(fake_locked_by_me(dev));
	dev->errors++;
	pthread_cond_broadcast(&dev->irq);
}

/* ---- threads ---- */

/* @dev: NULL when it is of several devices. */
struct anyvfio_thread {
	struct anyvfio_device *dev;
	pthread_t id;
	void (*fn)(void *priv);
	void *priv;
};

static void *thread_main(void *data)
{
	struct anyvfio_thread *thread = data;
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	thread->fn(thread->priv);
	return NULL;
}

int anyvfio_thread_start(struct anyvfio_device *dev, const char *name,
			 void (*fn)(void *priv), void *priv,
			 struct anyvfio_thread **thread)
{
	struct anyvfio_thread *new;

	if (dev->no_threads)
		return -EAGAIN;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->dev = dev->shared_threads ? NULL : dev;
	new->fn = fn;
	new->priv = priv;
	MUST(!pthread_create(&new->id, NULL, thread_main, new));
	if (new->dev)
		dev->threads++;
	*thread = new;
	return 0;
}

void anyvfio_thread_join(struct anyvfio_thread *thread)
{
	struct anyvfio_device *dev = thread->dev;

	if (dev) {
		MUST(fake_locked_by_me(dev));
		anyvfio_device_unlock(dev);
	}
	MUST(!pthread_join(thread->id, NULL));
	if (dev) {
		anyvfio_device_lock(dev);
		dev->threads--;
	}
	free(thread);
}
