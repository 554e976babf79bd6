/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Descriptors that a model needs: memory that lives as long as the run, and
 * keeping the program's close() away from any of them.
 */
#include "pci_device.h"
#include "sys.h"

#include <limits.h>

int anyvfio_fd_hide(int fd)
{
	return host_fd_internal(fd);
}

void anyvfio_fd_close(int fd)
{
	host_fd_internal_close(fd);
}

/* A file of the run's directory: whichever program comes first makes it, and
 * it goes with the directory.  Without a run the memory is this process's. */
static int open_memory(struct anyvfio_device *dev, unsigned int id)
{
	char path[PATH_MAX];
	int len;

	if (!dev->run || !dev->run->rundir)
		return syscall6(SYS_memfd_create, (long)"anyvfio-memory",
				MFD_CLOEXEC, 0, 0, 0, 0);
	len = snprintf(path, sizeof(path), "%s/mem-%u-%u", dev->run->rundir,
		       dev->index, id);
	if (len >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return syscall6(SYS_openat, AT_FDCWD, (long)path,
			O_RDWR | O_CREAT | O_CLOEXEC, 0600, 0, 0);
}

/* Nothing is written: its pages come into being when they are touched.  Programs
 * that do this at once do the same. */
static int grow_memory(int fd, u64 size)
{
	struct stat st = { 0 };
	int ret;

	ret = sys_fstat(fd, &st);
	if (!ret && (u64)st.st_size < size)
		ret = syscall6(SYS_ftruncate, fd, size, 0, 0, 0, 0);
	return ret;
}

int anyvfio_device_memory(struct anyvfio_device *dev, unsigned int id,
			  uint64_t size)
{
	int fd, ret;

	ret = fd = open_memory(dev, id);
	if (fd < 0)
		goto err_out;
	ret = grow_memory(fd, size);
	if (ret)
		goto err_close;
	ret = fd = host_fd_internal(fd);
	if (fd < 0)
		goto err_out;
	return fd;

err_close:
	sys_close(fd);
err_out:
	anyvfio_device_error(
		dev, "no room for its memory of %llu bytes in %s: %s",
		(unsigned long long)size,
		dev->run && dev->run->rundir ? dev->run->rundir : "a memfd",
		strerror(-ret));
	return ret;
}
