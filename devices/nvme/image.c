/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The image file: what it must be, and the lock that keeps a second writer out.
 *
 * The lock is an open-file-description lock over the whole file: another program
 * that locks any byte of it (QEMU does) is noticed, and it is gone when the
 * descriptor is, however the program ends.
 */
#include "file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain(struct nvme *n, int err, const char *what)
{
	anyvfio_device_error(n->dev, "%s: %s", n->file, what);
	return -err;
}

static int get_size(struct nvme *n, int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return complain(n, errno, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return complain(n, EISDIR, "is a directory");
	if (S_ISREG(st.st_mode)) {
		*size = st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, size))
			return complain(n, errno, strerror(errno));
	} else {
		return complain(n, EINVAL,
				"is neither a file nor a block device");
	}
	if (!(*size >> n->lba_shift)) {
		anyvfio_device_error(
			n->dev, "%s: has %llu bytes, less than a block of %u",
			n->file, (unsigned long long)*size, 1u << n->lba_shift);
		return -EINVAL;
	}
	return 0;
}

/* No lock is tried: a device that nobody opens must not keep others out. */
int nvme_image_check(struct nvme *n)
{
	uint64_t size;
	int fd, ret;

	/* Opening a FIFO must not wait for its other end. */
	fd = open(n->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return complain(n, errno, strerror(errno));
	ret = get_size(n, fd, &size);
	close(fd);
	return ret;
}

static int lock_image(struct nvme *n, int fd)
{
	struct flock lock = {
		.l_type = n->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return complain(
			n, EBUSY,
			"is in use: another program, or another device, has locked it");
	return complain(n, errno, strerror(errno));
}

/* A program that may not write its disk still reads it: the namespace is write
 * protected.  The file if it may be written, else what may be read. */
static int open_image(struct nvme *n)
{
	int fd = -1;

	n->readonly = n->readonly_asked;
	if (!n->readonly) {
		fd = open(n->file, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			return fd;
		if (errno != EACCES && errno != EROFS && errno != EPERM)
			return -errno;
		n->readonly = true;
	}
	fd = open(n->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int nvme_image_open(struct nvme *n)
{
	uint64_t size = 0, tail;
	int fd, ret;

	fd = open_image(n);
	if (fd >= 0)
		fd = anyvfio_fd_hide(fd);
	if (fd < 0)
		return complain(n, -fd, strerror(-fd));
	ret = get_size(n, fd, &size);
	if (!ret)
		ret = lock_image(n, fd);
	if (ret) {
		anyvfio_fd_close(fd);
		return ret;
	}
	n->nr_blocks = size >> n->lba_shift;
	tail = size - (n->nr_blocks << n->lba_shift);
	if (tail)
		anyvfio_device_info(
			n->dev,
			"%s: the last %llu bytes are less than a block and are not used",
			n->file, (unsigned long long)tail);
	return fd;
}
