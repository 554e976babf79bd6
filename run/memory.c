// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Mappings.  The host knows those of devices; here it hears when one is made,
 * moved, covered or goes.
 */
#include "preload.h"

#include <sys/mman.h>

static void *map(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	void *ret;

	if (unlikely(host_fd_is_ours(fd)) && !(flags & MAP_ANONYMOUS)) {
		ret = host_fd_mmap(addr, len, prot, flags, fd, off);
		return IS_ERR(ret) ? (void *)result(PTR_ERR(ret)) : ret;
	}
	if ((flags & MAP_FIXED) && unlikely(host_vma_is_ours(addr, len)))
		host_vma_gone(addr, len);
	return REAL(mmap)(addr, len, prot, flags, fd, off);
}

WRAP(void *, mmap,
     (void *addr, size_t len, int prot, int flags, int fd, off_t off))
{
	return map(addr, len, prot, flags, fd, off);
}

WRAP(void *, mmap64,
     (void *addr, size_t len, int prot, int flags, int fd, off_t off))
{
	return map(addr, len, prot, flags, fd, off);
}

WRAP(int, munmap, (void *addr, size_t len))
{
	if (unlikely(host_vma_is_ours(addr, len)))
		return result(host_vma_unmap(addr, len));
	return REAL(munmap)(addr, len);
}

WRAP(void *, mremap, (void *addr, size_t len, size_t new_len, int flags, ...))
{
	bool ours = host_vma_is_ours(addr, len);
	void *to, *ret;
	va_list args;

	va_start(args, flags);
	to = va_arg(args, void *);
	va_end(args);
	/* A mapping of a device neither grows nor leaves a copy of itself. */
	if (ours && (new_len > len || flags & MREMAP_DONTUNMAP))
		return (void *)result(flags & MREMAP_DONTUNMAP ? -EINVAL
							       : -EFAULT);
	if ((flags & MREMAP_FIXED) && host_vma_is_ours(to, new_len))
		host_vma_gone(to, new_len);
	ret = REAL(mremap)(addr, len, new_len, flags, to);
	if (ours && ret != MAP_FAILED)
		host_vma_moved(addr, len, ret, new_len);
	return ret;
}

WRAP(int, mprotect, (void *addr, size_t len, int prot))
{
	if (unlikely(host_vma_is_ours(addr, len)))
		return result(host_vma_protect(addr, len, prot));
	return REAL(mprotect)(addr, len, prot);
}
