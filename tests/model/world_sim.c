/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model's calls on the simulated host, outside of a run: one caller. */
#include "world.h"
#include "sim.h"

void world_begin(u64 seed)
{
	struct sim_config config = { .seed = seed };

	sim_begin(&config);
	sim_set_noiommu(true);
}

void world_end(void)
{
	sim_end(NULL);
}

void world_allow_rawio(bool yes)
{
	sim_allow(PORT_CAP_RAWIO, yes);
}

void world_usable(u64 *last, u64 *hole_start, u64 *hole_last)
{
	*last = (1ull << 48) - 1;
	*hole_start = 0xfee00000;
	*hole_last = 0xfeefffff;
}

int world_open_container(void)
{
	return sim_open_container();
}

int world_open_group(int id, bool noiommu)
{
	return sim_open_group(id, noiommu);
}

int world_open_other(void)
{
	return sim_open_other();
}

int world_dup(int fd)
{
	return sim_dup(fd);
}

int world_close(int fd)
{
	return sim_close(fd);
}

long world_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	return sim_ioctl_value(fd, cmd, arg);
}

ssize_t world_read(int fd, void *buf, size_t len)
{
	return sim_pread(fd, buf, len, 0);
}

struct device *world_device_create(const char *name, int group)
{
	struct device *dev = sim_device_create(name, group);

	WARN_ON(sim_device_bind(dev, true));
	return dev;
}

void world_device_destroy(struct device *dev)
{
	sim_device_unbind(dev);
	sim_device_destroy(dev);
}

struct device *world_native_create(const char *name, int group)
{
	return sim_device_create(name, group);
}

int world_native_bind(struct device *dev)
{
	return sim_device_bind(dev, false);
}

void world_native_unbind(struct device *dev)
{
	sim_device_unbind(dev);
}

struct vfio_type1 *world_device_type1(struct device *dev)
{
	return sim_device_type1(dev);
}

struct kvm *world_kvm_create(void)
{
	return sim_kvm_create();
}

void world_call_begin(void)
{
	sim_call_begin();
}

void world_call_end(void)
{
	sim_call_end();
}

void world_native_destroy(struct device *dev)
{
	sim_device_destroy(dev);
}
