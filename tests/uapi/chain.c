// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What each program of the tests on the uAPI needs: its checks, and descriptors
 * opened as far as asked for. */
#include "uapi.h"

#include <err.h>
#include <poll.h>

struct uapi uapi;
void *const volatile bad_ptr = (void *)16;

static unsigned int nr_ok, nr_differs;

long call(long ret)
{
	return ret < 0 ? -errno : ret;
}

static const char *result(long val, char buf[32])
{
	if (val < 0 && strerrorname_np(-val))
		return strerrorname_np(-val);
	snprintf(buf, 32, "%ld", val);
	return buf;
}

void check(const char *name, long got, long want)
{
	char a[32], b[32];

	if (got == want) {
		nr_ok++;
		printf("ok      %s %s\n", name, result(got, a));
	} else {
		nr_differs++;
		printf("differs %s %s, the rule says %s\n", name,
		       result(got, a), result(want, b));
	}
	fflush(stdout);
}

/* ---- chains ---- */

struct chain open_container(void)
{
	struct chain chain = { -1, -1, -1 };

	chain.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (chain.container < 0)
		err(2, "/dev/vfio/vfio");
	return chain;
}

struct chain open_group(void)
{
	struct chain chain = open_container();

	chain.group = open(uapi.group_path, O_RDWR | O_CLOEXEC);
	if (chain.group < 0)
		err(2, "%s", uapi.group_path);
	return chain;
}

struct chain open_attached(void)
{
	struct chain chain = open_group();

	if (ioctl(chain.group, VFIO_GROUP_SET_CONTAINER, &chain.container))
		err(2, "VFIO_GROUP_SET_CONTAINER");
	return chain;
}

struct chain open_iommu(unsigned long type)
{
	struct chain chain = open_attached();

	if (ioctl(chain.container, VFIO_SET_IOMMU, type))
		err(2, "VFIO_SET_IOMMU %lu", type);
	return chain;
}

struct chain open_device(void)
{
	struct chain chain = open_iommu(VFIO_TYPE1v2_IOMMU);

	chain.device =
		ioctl(chain.group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name);
	if (chain.device < 0)
		err(2, "VFIO_GROUP_GET_DEVICE_FD %s", uapi.device_name);
	return chain;
}

struct chain open_named(const char *group, const char *device)
{
	uapi.group_path = group;
	uapi.device_name = device;
	return open_device();
}

void close_chain(struct chain *chain)
{
	if (chain->device >= 0)
		close(chain->device);
	if (chain->group >= 0)
		close(chain->group);
	if (chain->container >= 0)
		close(chain->container);
}

void *page_alloc(size_t size)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (addr == MAP_FAILED)
		err(2, "mmap");
	return addr;
}

/* ---- calls ---- */

long map_dma(int container, uint64_t iova, const void *vaddr, uint64_t size,
	     uint32_t flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return call(ioctl(container, VFIO_IOMMU_MAP_DMA, &arg));
}

long unmap_dma(int container, uint64_t iova, uint64_t size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	long ret = call(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &arg));

	return ret ? ret : (long)arg.size;
}

static long set_eventfd(int device, uint32_t index, uint32_t action, int fd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)];
	struct vfio_irq_set *irq = (void *)buf;

	irq->argsz = sizeof(buf);
	irq->flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
	irq->index = index;
	irq->start = 0;
	irq->count = 1;
	memcpy(irq->data, &fd, sizeof(fd));
	return call(ioctl(device, VFIO_DEVICE_SET_IRQS, irq));
}

long set_trigger(int device, uint32_t index, int fd)
{
	return set_eventfd(device, index, VFIO_IRQ_SET_ACTION_TRIGGER, fd);
}

long set_unmask(int device, uint32_t index, int fd)
{
	return set_eventfd(device, index, VFIO_IRQ_SET_ACTION_UNMASK, fd);
}

long clear_triggers(int device, uint32_t index)
{
	struct vfio_irq_set irq = {
		.argsz = sizeof(irq),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return call(ioctl(device, VFIO_DEVICE_SET_IRQS, &irq));
}

long set_ioeventfd(int device, uint32_t size, uint64_t offset, uint64_t data,
		   int fd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = size,
		.offset = offset,
		.data = data,
		.fd = fd,
	};

	return call(ioctl(device, VFIO_DEVICE_IOEVENTFD, &arg));
}

long await(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t n;

	if (poll(&poll_fd, 1, 60000) != 1 || read(fd, &n, sizeof(n)) < 0)
		return 0;
	return n;
}

int check_summary(void)
{
	printf("%u as the rules say, %u differ\n", nr_ok, nr_differs);
	return nr_differs ? 1 : 0;
}
