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

static int complain(struct storage *st, int err, const char *what)
{
	anyvfio_device_error(st->dev, "%s: %s", st->file, what);
	return -err;
}

static int get_size(struct storage *st, int fd, uint64_t *size)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return complain(st, errno, strerror(errno));
	if (S_ISDIR(stat.st_mode))
		return complain(st, EISDIR, "is a directory");
	if (S_ISREG(stat.st_mode)) {
		*size = stat.st_size;
	} else if (S_ISBLK(stat.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, size))
			return complain(st, errno, strerror(errno));
	} else {
		return complain(st, EINVAL,
				"is neither a file nor a block device");
	}
	if (!(*size >> st->block_shift)) {
		anyvfio_device_error(
			st->dev, "%s: has %llu bytes, less than a block of %u",
			st->file, (unsigned long long)*size,
			1u << st->block_shift);
		return -EINVAL;
	}
	return 0;
}

/* No lock is tried: a device that nobody opens must not keep others out. */
int storage_image_check(struct storage *st)
{
	uint64_t size;
	int fd, ret;

	/* Opening a FIFO must not wait for its other end. */
	fd = open(st->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return complain(st, errno, strerror(errno));
	ret = get_size(st, fd, &size);
	close(fd);
	return ret;
}

static int lock_image(struct storage *st, int fd)
{
	struct flock lock = {
		.l_type = st->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return complain(
			st, EBUSY,
			"is in use: another program, or another device, has locked it");
	return complain(st, errno, strerror(errno));
}

/* A program that may not write its disk still reads it: the namespace is write
 * protected.  The file if it may be written, else what may be read. */
static int open_image(struct storage *st)
{
	int fd = -1;

	st->readonly = st->readonly_asked;
	if (!st->readonly) {
		fd = open(st->file, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			return fd;
		if (errno != EACCES && errno != EROFS && errno != EPERM)
			return -errno;
		st->readonly = true;
	}
	fd = open(st->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int storage_image_open(struct storage *st)
{
	uint64_t size = 0, tail;
	int fd, ret;

	fd = open_image(st);
	if (fd >= 0)
		fd = anyvfio_fd_hide(fd);
	if (fd < 0)
		return complain(st, -fd, strerror(-fd));
	ret = get_size(st, fd, &size);
	if (!ret)
		ret = lock_image(st, fd);
	if (ret) {
		anyvfio_fd_close(fd);
		return ret;
	}
	st->nr_blocks = size >> st->block_shift;
	tail = size - (st->nr_blocks << st->block_shift);
	if (tail)
		anyvfio_device_info(
			st->dev,
			"%s: the last %llu bytes are less than a block and are not used",
			st->file, (unsigned long long)tail);
	return fd;
}
