/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The fake device's DMA: one arena, which is there or not page by page. */
#include "fake_device.h"
#include "fake_must.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* How many reasons there are that copies go by system call. */
static unsigned int shared;
/* Copies do not say whose memory it is: the last device made, as one alone is
 * looked into. */
static struct anyvfio_device *hooked;

void fake_dma_init(struct anyvfio_device *dev)
{
	dev->dma = mmap(NULL, FAKE_DMA_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(dev->dma != MAP_FAILED);
	dev->mapping = FAKE_MAPPING;
	hooked = dev;
}

void fake_dma_exit(struct anyvfio_device *dev)
{
	if (hooked == dev)
		hooked = NULL;
	munmap(dev->dma, FAKE_DMA_SIZE);
}

void fake_dma_shared(bool more)
{
	__atomic_fetch_add(&shared, more ? 1 : -1, __ATOMIC_RELAXED);
}

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
	if (dev->before)
		dev->before(dev);
	MUST(fake_locked_by_me(dev));
	if (!dev->bus_master)
		return -EACCES;
	if (dev->fail_dma && !--dev->fail_dma)
		return -EFAULT;
	return 0;
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
	size_t most = dev->mapping - (iova - FAKE_IOVA) % dev->mapping;
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
	MUST(fake_locked_by_me(dev));
	MUST(dma->priv[0] == dev && written <= dma->len && dev->maps);
	memset(dma, 0, sizeof(*dma));
	dev->maps--;
}

/* From the first page around @iova that is there to the last one. */
int anyvfio_dma_map_whole(struct anyvfio_device *dev, uint64_t iova, bool write,
			  struct anyvfio_dma *dma, uint64_t *first)
{
	uint64_t start = iova & ~(uint64_t)(FAKE_PAGE - 1);

	if (dev->bus_master && !reachable(dev, iova, write))
		return -EFAULT;
	while ((start - FAKE_IOVA) % dev->mapping &&
	       reachable(dev, start - FAKE_PAGE, write))
		start -= FAKE_PAGE;
	*first = start;
	return anyvfio_dma_map(dev, start, dev->mapping, write, dma);
}

/* By system call when the memory may not be there, or others are in it: they are
 * a program's and a device's, which no tool need compare. */
static int copy_shared(void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)from, len };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
			       (ssize_t)len
		       ? 0
		       : -EFAULT;
}

/* Who is between two pieces may change what is there, and no piece is larger than
 * the memory. */
static int copy_user(void *to, const void *from, const void *user, size_t len)
{
	const uint8_t *p = user;

	if (hooked && hooked->before)
		hooked->before(hooked);
	if (hooked && p >= hooked->dma && p < hooked->dma + FAKE_DMA_SIZE)
		MUST(len <= (size_t)(hooked->dma + FAKE_DMA_SIZE - p));
	if (__atomic_load_n(&shared, __ATOMIC_RELAXED))
		return copy_shared(to, from, len);
	memmove(to, from, len);
	return 0;
}

int anyvfio_dma_copy_in(void *dst, const void *user, size_t len)
{
	return copy_user(dst, user, user, len);
}

int anyvfio_dma_copy_out(void *user, const void *src, size_t len)
{
	return copy_user(user, src, user, len);
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
	fake_dma_shared(true);
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_NONE));
}

void fake_map_again(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_READ | PROT_WRITE));
	fake_dma_shared(false);
}
