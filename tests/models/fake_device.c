/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device API in memory: see the header. */
#include "fake_device.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static char last_messages[4096];

/* A broken contract is a broken test run, in whatever thread. */
#define MUST(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr, "%s:%d: fake device: %s\n", __FILE__, \
				__LINE__, #cond);                             \
			abort();                                              \
		}                                                             \
	} while (0)

/* The device whose lock this thread has. */
static __thread struct anyvfio_device *locked;

static bool locked_by_me(const struct anyvfio_device *dev)
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
	munmap(dev->dma, FAKE_DMA_SIZE);
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
	dev->dma = mmap(NULL, FAKE_DMA_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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

int fake_start(struct anyvfio_device *dev)
{
	int ret;

	dev->bar = mmap(NULL, dev->bar_size, PROT_READ | PROT_WRITE,
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
		munmap(dev->bar, dev->bar_size);
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
	munmap(dev->bar, dev->bar_size);
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
	if (bar) {
		dev->io_bar = bar;
		MUST(flags == ANYVFIO_BAR_IO);
		return 0;
	}
	dev->bar_size = size;
	dev->bar_flags = flags;
	return 0;
}

int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind)
{
	for (; len; len -= FAKE_PAGE, off += FAKE_PAGE)
		dev->page[off / FAKE_PAGE] = kind;
	return 0;
}

int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off, uint32_t pba_off)
{
	MUST(dev->page[table_off / FAKE_PAGE] == ANYVFIO_PAGE_TRAPPED);
	MUST(dev->page[pba_off / FAKE_PAGE] == ANYVFIO_PAGE_TRAPPED);
	dev->msix = vectors;
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

/* ---- descriptors and memory ---- */

int anyvfio_device_memory(struct anyvfio_device *dev, unsigned int id,
			  uint64_t size)
{
	MUST(locked_by_me(dev));
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

/* ---- DMA ---- */

/* Bytes from @iova that the device may reach; 0: a fault. */
static size_t reachable(struct anyvfio_device *dev, uint64_t iova, bool write)
{
	uint64_t off = iova - FAKE_IOVA;

	if (off >= FAKE_DMA_SIZE || dev->hole[off / FAKE_PAGE] ||
	    (write && dev->read_only[off / FAKE_PAGE]))
		return 0;
	return FAKE_PAGE - off % FAKE_PAGE;
}

static int begin_dma(struct anyvfio_device *dev)
{
	MUST(locked_by_me(dev));
	if (!dev->bus_master)
		return -EACCES;
	if (dev->fail_dma && !--dev->fail_dma)
		return -EFAULT;
	return 0;
}

/* The program's memory by system call: it may not be there. */
static int copy_user(void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)from, len };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
			       (ssize_t)len
		       ? 0
		       : -EFAULT;
}

static int copy(struct anyvfio_device *dev, uint64_t iova, void *buf,
		size_t len, bool write)
{
	size_t part;
	uint8_t *mem;

	for (; len; len -= part, iova += part, buf = (char *)buf + part) {
		part = reachable(dev, iova, write);
		if (!part)
			return -EFAULT;
		part = part < len ? part : len;
		mem = dev->dma + (iova - FAKE_IOVA);
		if (write)
			memcpy(mem, buf, part);
		else
			memcpy(buf, mem, part);
	}
	return 0;
}

int anyvfio_dma_read(struct anyvfio_device *dev, uint64_t iova, void *buf,
		     size_t len)
{
	int ret = begin_dma(dev);

	if (!ret)
		ret = copy(dev, iova, buf, len, false);
	if (ret)
		memset(buf, 0xff, len);
	return ret;
}

int anyvfio_dma_write(struct anyvfio_device *dev, uint64_t iova,
		      const void *buf, size_t len)
{
	int ret = begin_dma(dev);

	return ret ? ret : copy(dev, iova, (void *)buf, len, true);
}

int anyvfio_dma_map(struct anyvfio_device *dev, uint64_t iova, size_t len,
		    bool write, struct anyvfio_dma *dma)
{
	size_t most = FAKE_MAPPING - (iova - FAKE_IOVA) % FAKE_MAPPING;
	size_t got = 0, part;
	int ret = begin_dma(dev);

	if (ret)
		return ret;
	most = most < len ? most : len;
	while (got < most && (part = reachable(dev, iova + got, write)))
		got += part;
	if (!got)
		return -EFAULT;
	dma->ptr = dev->dma + (iova - FAKE_IOVA);
	dma->len = got < most ? got : most;
	dma->priv[0] = dev;
	dev->maps++;
	return 0;
}

void anyvfio_dma_unmap(struct anyvfio_device *dev, struct anyvfio_dma *dma,
		       size_t written)
{
	MUST(locked_by_me(dev));
	MUST(dma->priv[0] == dev && written <= dma->len && dev->maps);
	memset(dma, 0, sizeof(*dma));
	dev->maps--;
}

int anyvfio_dma_copy_in(void *dst, const void *user, size_t len)
{
	return copy_user(dst, user, len);
}

void *fake_ptr(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(iova >= FAKE_IOVA && iova - FAKE_IOVA < FAKE_DMA_SIZE);
	return dev->dma + (iova - FAKE_IOVA);
}

void fake_set_hole(struct anyvfio_device *dev, uint64_t iova, bool hole)
{
	dev->hole[(iova - FAKE_IOVA) / FAKE_PAGE] = hole;
}

/* No access is as good as no memory, and nothing else can come to lie there. */
void fake_unmap_behind(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_NONE));
}

void fake_map_again(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_READ | PROT_WRITE));
}

/* ---- interrupts ---- */

void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector)
{
	MUST(locked_by_me(dev) && vector < FAKE_NR_VECTORS);
	dev->irqs[vector]++;
	pthread_cond_broadcast(&dev->irq);
}

void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted)
{
	MUST(locked_by_me(dev));
	dev->level = asserted;
}

void anyvfio_device_report_error(struct anyvfio_device *dev)
{
	MUST(locked_by_me(dev));
	dev->errors++;
	pthread_cond_broadcast(&dev->irq);
}

/* ---- threads ---- */

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
	new->dev = dev;
	new->fn = fn;
	new->priv = priv;
	MUST(!pthread_create(&new->id, NULL, thread_main, new));
	dev->threads++;
	*thread = new;
	return 0;
}

void anyvfio_thread_join(struct anyvfio_thread *thread)
{
	struct anyvfio_device *dev = thread->dev;

	MUST(locked_by_me(dev));
	anyvfio_device_unlock(dev);
	pthread_join(thread->id, NULL);
	anyvfio_device_lock(dev);
	dev->threads--;
	free(thread);
}
