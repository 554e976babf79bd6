/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct probe probe;

/* cmocka handles crashes by signal(); the preload library would see that it
 * comes behind us, here this does. */
__attribute__((visibility("default"))) sighandler_t signal(int sig,
							   sighandler_t handler)
{
	struct sigaction act = { .sa_handler = handler,
				 .sa_flags = SA_RESTART };
	struct sigaction old;
	int ret;

	if (sig == SIGSEGV || sig == SIGBUS)
		ret = host_fault_sigaction(sig, &act, &old);
	else
		ret = sigaction(sig, &act, &old);
	return ret ? SIG_ERR : old.sa_handler;
}

static char *devices[1];
static struct host_config config = { .devices = devices, .nr_devices = 1 };

void machine_start(const char *spec)
{
	port_warn_fatal = true;
	memset(&probe, 0, sizeof(probe));
	devices[0] = (char *)spec;
	host_log_capture(true);
	assert_int_equal(host_start(&config), 0);
}

void machine_stop(void)
{
	host_stop();
	host_log_capture(false);
}

void client_open(struct client *c)
{
	c->container = host_node_open("vfio", O_RDWR);
	assert_true(c->container >= 0);
	c->group = host_node_open("1", O_RDWR);
	assert_true(c->group >= 0);
	assert_int_equal(host_fd_ioctl(c->group, VFIO_GROUP_SET_CONTAINER,
				       (unsigned long)&c->container),
			 0);
	assert_int_equal(
		host_fd_ioctl(c->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		0);
	c->device = host_fd_ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD,
				  (unsigned long)DEVICE_NAME);
	assert_true(c->device >= 0);
}

void client_close(struct client *c)
{
	if (c->device >= 0)
		assert_int_equal(host_fd_close(c->device), 0);
	assert_int_equal(host_fd_close(c->group), 0);
	assert_int_equal(host_fd_close(c->container), 0);
}

uint64_t region_read(struct client *c, unsigned int region, uint64_t off,
		     unsigned int size)
{
	uint64_t val = 0;

	assert_int_equal(host_fd_pread(c->device, &val, size,
				       VFIO_PCI_INDEX_TO_OFFSET(region) + off),
			 size);
	return val;
}

void region_write(struct client *c, unsigned int region, uint64_t off,
		  unsigned int size, uint64_t val)
{
	assert_int_equal(host_fd_pwrite(c->device, &val, size,
					VFIO_PCI_INDEX_TO_OFFSET(region) + off),
			 size);
}

uint32_t config_read(struct client *c, unsigned int off, unsigned int size)
{
	return region_read(c, VFIO_PCI_CONFIG_REGION_INDEX, off, size);
}

void config_write(struct client *c, unsigned int off, unsigned int size,
		  uint32_t val)
{
	region_write(c, VFIO_PCI_CONFIG_REGION_INDEX, off, size, val);
}

unsigned int config_cap(struct client *c, unsigned int id)
{
	unsigned int off = config_read(c, 0x34, 1), tries = 48;

	for (; off && tries--; off = config_read(c, off + 1, 1))
		if (config_read(c, off, 1) == id)
			return off;
	return 0;
}

static void set_command(struct client *c, uint32_t bit, bool on)
{
	uint32_t command = config_read(c, 4, 2);

	config_write(c, 4, 2, on ? command | bit : command & ~bit);
}

void set_bus_master(struct client *c, bool on)
{
	set_command(c, 4, on);
}

void set_memory(struct client *c, bool on)
{
	set_command(c, 2, on);
}

void *bar_map(struct client *c, unsigned int bar, uint64_t off, size_t len,
	      int prot)
{
	void *addr = host_fd_mmap(NULL, len, prot, MAP_SHARED, c->device,
				  VFIO_PCI_INDEX_TO_OFFSET(bar) + off);

	assert_false(IS_ERR(addr));
	return addr;
}

void bar_unmap(void *addr, size_t len)
{
	assert_int_equal(host_vma_unmap(addr, len), 0);
}

int dma_map(struct client *c, void *mem, uint64_t iova, uint64_t size,
	    uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = size,
	};

	return host_fd_ioctl(c->container, VFIO_IOMMU_MAP_DMA,
			     (unsigned long)&map);
}

int dma_unmap(struct client *c, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	return host_fd_ioctl(c->container, VFIO_IOMMU_UNMAP_DMA,
			     (unsigned long)&unmap);
}

int irq_triggers(struct client *c, unsigned int index, unsigned int start,
		 unsigned int nr, const int *fds)
{
	struct {
		struct vfio_irq_set hdr;
		int fds[PROBE_VECTORS];
	} set = { .hdr = {
			  .argsz = sizeof(set.hdr) + nr * sizeof(int),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD |
				   VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = index,
			  .start = start,
			  .count = nr,
		  } };

	if (fds)
		memcpy(set.fds, fds, nr * sizeof(int));
	else
		set.hdr.flags = VFIO_IRQ_SET_DATA_NONE |
				VFIO_IRQ_SET_ACTION_TRIGGER;
	return host_fd_ioctl(c->device, VFIO_DEVICE_SET_IRQS,
			     (unsigned long)&set);
}

int irq_action(struct client *c, unsigned int index, unsigned int action)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
		.index = index,
		.count = 1,
	};

	return host_fd_ioctl(c->device, VFIO_DEVICE_SET_IRQS,
			     (unsigned long)&set);
}

int event_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

uint64_t event_count(int fd)
{
	uint64_t count = 0;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		assert_int_equal(errno, EAGAIN);
	return count;
}

void event_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (poll(&pfd, 1, -1) != 1)
		assert_int_equal(errno, EINTR);
	assert_true(event_count(fd) > 0);
}

void *memory_new(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

void memory_free(void *mem, size_t size)
{
	assert_int_equal(munmap(mem, size), 0);
}
