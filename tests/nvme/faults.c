/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A system that says no: see the header. */
#include "faults.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/uio.h>

struct fake_faults fake_faults;

int __real_io_uring_queue_init(unsigned int entries, void *ring,
			       unsigned int flags);
int __wrap_io_uring_queue_init(unsigned int entries, void *ring,
			       unsigned int flags);
ssize_t __real_preadv64v2(int fd, const struct iovec *iov, int nr, off_t off,
			  int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int nr, off_t off,
			  int flags);
ssize_t __real_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t off,
			   int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t off,
			   int flags);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fallocate64(int fd, int mode, off_t off, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t len);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t off);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);

/* True when the call is to fail; errno is set. */
static bool fails(int err)
{
	if (!err)
		return false;
	errno = err;
	return true;
}

/* -EINVAL: of an old kernel, which does not know the flags. */
int __wrap_io_uring_queue_init(unsigned int entries, void *ring,
			       unsigned int flags)
{
	int err = __atomic_load_n(&fake_faults.uring, __ATOMIC_RELAXED);

	if (err && (err != -EINVAL || flags))
		return err;
	return __real_io_uring_queue_init(entries, ring, flags);
}

ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int nr, off_t off,
			  int flags)
{
	if (flags & RWF_NOWAIT && fails(fake_faults.nowait))
		return -1;
	return __real_preadv64v2(fd, iov, nr, off, flags);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int nr, off_t off,
			   int flags)
{
	if (flags & RWF_DSYNC)
		__atomic_fetch_add(&fake_faults.dsyncs, 1, __ATOMIC_RELAXED);
	if (fails(fake_faults.write))
		return -1;
	return __real_pwritev64v2(fd, iov, nr, off, flags);
}

int __wrap_fdatasync(int fd)
{
	__atomic_fetch_add(&fake_faults.syncs, 1, __ATOMIC_RELAXED);
	return fails(fake_faults.sync) ? -1 : __real_fdatasync(fd);
}

int __wrap_fallocate64(int fd, int mode, off_t off, off_t len)
{
	if (fails(fake_faults.fallocate))
		return -1;
	return __real_fallocate64(fd, mode, off, len);
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t off)
{
	if (fd >= 0 && fails(fake_faults.mmap))
		return MAP_FAILED;
	return __real_mmap64(addr, len, prot, flags, fd, off);
}

void *__wrap_malloc(size_t size)
{
	if (fake_faults.alloc && !--fake_faults.alloc)
		return NULL;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	if (fake_faults.alloc && !--fake_faults.alloc)
		return NULL;
	return __real_calloc(nr, size);
}
