/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model's calls on the user host. */
#include "world.h"
#include "host.h"
#include "policy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct host_driver vfio_driver = { .name = "vfio",
						.managed_dma = true };
static const struct host_driver native_driver = { .name = "native" };
static bool rawio;

bool __wrap_port_capable(enum port_cap cap);

bool __wrap_port_capable(enum port_cap cap)
{
	return rawio;
}

void world_begin(u64 seed)
{
	static int quiet = -1;
	static bool once;

	if (!once)
		host_fault_init();
	once = true;
	port_warn_fatal = true;
	/* What is refused is said, which is not what is tested here. */
	if (quiet < 0)
		quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	host_log_set(quiet, PORT_ERR);
	host_policy_set(true);
	rawio = false;
}

static void count(int fd, void *data)
{
	++*(int *)data;
}

void world_end(void)
{
	int left = host_fd_next_internal(0) >= 0;

	host_fd_each(0, INT32_MAX, count, &left);
	if (WARN_ON(left))
		abort();
}

void world_allow_rawio(bool yes)
{
	rawio = yes;
}

void world_usable(u64 *last, u64 *hole_start, u64 *hole_last)
{
	*last = (1ull << 48) - 1;
	*hole_start = *hole_last = 0;
}

int world_open_container(void)
{
	return host_node_open("vfio", O_RDWR);
}

int world_open_group(int id, bool noiommu)
{
	char name[32];

	snprintf(name, sizeof(name), "%s%d", noiommu ? "noiommu-" : "", id);
	return host_node_open(name, O_RDWR);
}

int world_open_other(void)
{
	return open("/dev/null", O_RDWR);
}

int world_dup(int fd)
{
	int new = dup(fd);

	return host_fd_dup(fd, new) ?: new;
}

int world_close(int fd)
{
	if (!host_fd_is_ours(fd))
		return close(fd) ? -EBADF : 0;
	return host_fd_close(fd);
}

long world_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	return host_fd_ioctl(fd, cmd, arg);
}

ssize_t world_read(int fd, void *buf, size_t len)
{
	return host_fd_pread(fd, buf, len, 0);
}

struct device *world_device_create(const char *name, int group)
{
	struct device *dev = host_device_create(name, group);

	if (IS_ERR(dev) || host_device_bind(dev, &vfio_driver))
		abort();
	return dev;
}

void world_device_destroy(struct device *dev)
{
	host_device_destroy(dev);
}

struct device *world_native_create(const char *name, int group)
{
	return host_device_create(name, group);
}

int world_native_bind(struct device *dev)
{
	return host_device_bind(dev, &native_driver);
}

void world_native_unbind(struct device *dev)
{
	host_device_unbind(dev);
}

struct vfio_type1 *world_device_type1(struct device *dev)
{
	return host_device_type1(dev);
}

struct kvm *world_kvm_create(void)
{
	return host_kvm_create();
}

void world_call_begin(void)
{
}

void world_call_end(void)
{
}

void world_native_destroy(struct device *dev)
{
	host_device_destroy(dev);
}
