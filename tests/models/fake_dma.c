/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The fake device's DMA: one arena, which is there or not page by page. */
#include "fake_device.h"
#include "fake_must.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Pages that the program unmapped. */
static unsigned int absent;
/* Copies do not say whose memory it is: of one device, if a test says so. */
static struct anyvfio_device *watched;

void fake_dma_init(struct anyvfio_device *dev)
{
	dev->dma = mmap(NULL, FAKE_DMA_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(dev->dma != MAP_FAILED);
	dev->mapping = FAKE_MAPPING;
}

void fake_dma_exit(struct anyvfio_device *dev)
{
	if (watched == dev)
		watched = NULL;
	munmap(dev->dma, FAKE_DMA_SIZE);
}

void fake_watch(struct anyvfio_device *dev,
		void (*before)(struct anyvfio_device *dev))
{
	watched = dev;
	dev->before = before;
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

/* An aligned piece is one access, and what was copied before it is there. */
#define COPY_ONE(type)                                                         \
	do {                                                                   \
		type val;                                                      \
		if (out) {                                                     \
			memcpy(&val, mine, sizeof(val));                       \
			__atomic_store_n((type *)user, val, __ATOMIC_RELEASE); \
		} else {                                                       \
			val = __atomic_load_n((const type *)user,              \
					      __ATOMIC_ACQUIRE);               \
			memcpy(mine, &val, sizeof(val));                       \
		}                                                              \
	} while (0)

static void copy_present(void *mine, void *user, size_t len, bool out)
{
	if (len == 2 && !((uintptr_t)user % 2))
		COPY_ONE(uint16_t);
	else if (len == 4 && !((uintptr_t)user % 4))
		COPY_ONE(uint32_t);
	else if (len == 8 && !((uintptr_t)user % 8))
		COPY_ONE(uint64_t);
	else if (out)
		memmove(user, mine, len);
	else
		memmove(mine, user, len);
}

/* By system call, which answers when the memory is not there. */
static int copy_absent(void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)from, len };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
			       (ssize_t)len
		       ? 0
		       : -EFAULT;
}

/* Who is between two pieces may change what is there, and no piece is larger than
 * the memory. */
static int copy_user(void *mine, void *user, size_t len, bool out)
{
	const uint8_t *p = user;

	if (watched && watched->before)
		watched->before(watched);
	if (watched && p >= watched->dma && p < watched->dma + FAKE_DMA_SIZE)
		MUST(len <= (size_t)(watched->dma + FAKE_DMA_SIZE - p));
	if (__atomic_load_n(&absent, __ATOMIC_RELAXED))
		return out ? copy_absent(user, mine, len)
			   : copy_absent(mine, user, len);
	copy_present(mine, user, len, out);
	return 0;
}

int anyvfio_dma_copy_in(void *dst, const void *user, size_t len)
{
	return copy_user(dst, (void *)user, len, false);
}

int anyvfio_dma_copy_out(void *user, const void *src, size_t len)
{
	return copy_user((void *)src, user, len, true);
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
	__atomic_fetch_add(&absent, 1, __ATOMIC_RELAXED);
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_NONE));
}

void fake_map_again(struct anyvfio_device *dev, uint64_t iova)
{
	MUST(!mprotect(fake_ptr(dev, iova), FAKE_PAGE, PROT_READ | PROT_WRITE));
	__atomic_fetch_sub(&absent, 1, __ATOMIC_RELAXED);
}
