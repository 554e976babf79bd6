/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "client.h"

#include <dirent.h>

static struct host_config config;
static unsigned int descriptors; /* at the start */

/* Pipes are the sanitizer's, to the program that names functions. */
static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned int n = 0;
	char what[64];
	ssize_t len;

	while ((entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, what, sizeof(what));
		n += len < 5 || memcmp(what, "pipe:", 5) != 0;
	}
	closedir(dir);
	return n;
}

void machine(char *const *specs, unsigned int n)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	port_warn_fatal = true;
	config.devices = (char **)specs;
	config.nr_devices = n;
	config.noiommu = true;
	FUZZ_CHECK(!host_start(&config));
	/* A message costs more than what it is about; a bug still shows. */
	host_log_set(getenv("FUZZ_VERBOSE") ? STDERR_FILENO : null, PORT_ERR);
}

long client_ioctl(int fd, unsigned long cmd, const void *arg)
{
	return host_fd_ioctl(fd, cmd, (unsigned long)arg);
}

void client_open(struct client *c, const char *group, const char *device)
{
	bool noiommu = !strncmp(group, "noiommu", 7);

	c->container = host_node_open("vfio", O_RDWR | O_CLOEXEC);
	FUZZ_CHECK(c->container >= 0);
	c->group = host_node_open(group, O_RDWR | O_CLOEXEC);
	FUZZ_CHECK(c->group >= 0);
	FUZZ_CHECK(!client_ioctl(c->group, VFIO_GROUP_SET_CONTAINER,
				 &c->container));
	FUZZ_CHECK(!host_fd_ioctl(c->container, VFIO_SET_IOMMU,
				  noiommu ? VFIO_NOIOMMU_IOMMU
					  : VFIO_TYPE1v2_IOMMU));
	c->device = client_ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, device);
	FUZZ_CHECK(c->device >= 0);
}

void client_close(struct client *c)
{
	FUZZ_CHECK(!host_fd_close(c->device));
	FUZZ_CHECK(!host_fd_close(c->group));
	FUZZ_CHECK(!host_fd_close(c->container));
}

long client_map(const struct client *c, void *mem, u64 iova, u64 size,
		u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = size,
	};

	return client_ioctl(c->container, VFIO_IOMMU_MAP_DMA, &map);
}

/* ---- the fingerprint ---- */

static void add(u64 *print, const void *bytes, size_t len)
{
	const u8 *byte = bytes;

	while (len--)
		*print = (*print ^ *byte++) * 0x100000001b3ull;
}

static void add_call(u64 *print, int fd, unsigned long cmd, void *arg,
		     size_t size)
{
	long ret = client_ioctl(fd, cmd, arg);

	add(print, &ret, sizeof(ret));
	add(print, arg, size);
}

static void add_region(u64 *print, int fd, u32 index)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = index };
	u8 bytes[256] = { 0 };
	ssize_t ret;

	add_call(print, fd, VFIO_DEVICE_GET_REGION_INFO, &info, sizeof(info));
	ret = host_fd_pread(fd, bytes, sizeof(bytes), REGION(index));
	add(print, &ret, sizeof(ret));
	add(print, bytes, sizeof(bytes));
}

static void add_irqs(u64 *print, int fd, u32 index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	add_call(print, fd, VFIO_DEVICE_GET_IRQ_INFO, &info, sizeof(info));
}

u64 client_fingerprint(const char *group, const char *device)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct {
		struct vfio_iommu_type1_info info;
		u8 caps[256];
	} iommu = { .info.argsz = sizeof(iommu) };
	u64 print = 0xcbf29ce484222325ull;
	struct client c;
	u32 i;

	client_open(&c, group, device);
	add_call(&print, c.group, VFIO_GROUP_GET_STATUS, &status,
		 sizeof(status));
	add_call(&print, c.container, VFIO_IOMMU_GET_INFO, &iommu,
		 sizeof(iommu));
	add_call(&print, c.device, VFIO_DEVICE_GET_INFO, &info, sizeof(info));
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		add_region(&print, c.device, i);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		add_irqs(&print, c.device, i);
	client_close(&c);
	return print;
}

/* ---- what is left ---- */

static void must_not_be(int fd, void *data)
{
	FUZZ_CHECK(!"a descriptor is left");
}

/* The list of all is slow to get: now and then. */
void check_descriptors(void)
{
	static unsigned int calls;
	unsigned int tries = 1000;

	host_fd_each(0, INT32_MAX, must_not_be, NULL);
	if (calls++ % 64)
		return;
	if (!descriptors)
		descriptors = count_descriptors();
	/* A thread of the host may be on its way out. */
	while (count_descriptors() > descriptors && tries--)
		usleep(1000);
	FUZZ_CHECK(count_descriptors() <= descriptors);
}
