// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * /proc/self/pagemap in noiommu mode.
 *
 * Behind no IOMMU a program gives its device physical addresses, which it looks
 * up there.  The devices here know no other addresses than the program's own,
 * so these are the physical ones of this machine: page frames have the numbers
 * of the pages.  That also takes no privilege.
 */
#include "preload.h"
#include "sys.h"

#include <linux/limits.h>

#define ENTRY 8
#define PRESENT (1ull << 63)
#define FRAME ((1ull << 55) - 1)

/* One was opened.  From then on reading asks what it reads from. */
static bool opened;

void pagemap_opened(const char *name)
{
	size_t len = strlen(name), tail = strlen("/pagemap");

	if (unlikely(path_active() && path_settings->host.noiommu) &&
	    len > tail && !strcmp(name + len - tail, "/pagemap"))
		WRITE_ONCE(opened, true);
}

static bool is_pagemap(int fd)
{
	char link[32], name[64], own[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = sys_readlink(link, name, sizeof(name) - 1);
	if (len <= 0)
		return false;
	name[len] = '\0';
	snprintf(own, sizeof(own), "/proc/%d/pagemap", sys_getpid());
	return !strcmp(name, own);
}

/* @len bytes were read from @pos: whole entries, as the kernel has it. */
static ssize_t fill_frames(u64 *entry, ssize_t len, off_t pos)
{
	u64 page = pos / ENTRY;
	ssize_t done;

	for (done = 0; done + ENTRY <= len; done += ENTRY, entry++, page++)
		if (*entry & PRESENT)
			*entry = (*entry & ~FRAME) | (page & FRAME);
	return len;
}

static ssize_t read_fd(int fd, void *buf, size_t len)
{
	off_t pos;

	if (unlikely(host_fd_is_ours(fd)))
		return result(host_fd_read(fd, buf, len));
	if (likely(!READ_ONCE(opened)) || !is_pagemap(fd))
		return REAL(read)(fd, buf, len);
	pos = REAL(lseek)(fd, 0, SEEK_CUR);
	return fill_frames(buf, REAL(read)(fd, buf, len), pos);
}

static ssize_t pread_fd(int fd, void *buf, size_t len, off_t pos)
{
	if (unlikely(host_fd_is_ours(fd)))
		return result(host_fd_pread(fd, buf, len, pos));
	if (likely(!READ_ONCE(opened)) || !is_pagemap(fd))
		return REAL(pread)(fd, buf, len, pos);
	return fill_frames(buf, REAL(pread)(fd, buf, len, pos), pos);
}

WRAP(ssize_t, read, (int fd, void *buf, size_t len))
{
	return read_fd(fd, buf, len);
}

WRAP(ssize_t, __read_chk, (int fd, void *buf, size_t len, size_t room))
{
	return read_fd(fd, buf, preload_checked(len, room));
}

WRAP(ssize_t, pread, (int fd, void *buf, size_t len, off_t pos))
{
	return pread_fd(fd, buf, len, pos);
}

WRAP(ssize_t, pread64, (int fd, void *buf, size_t len, off_t pos))
{
	return pread_fd(fd, buf, len, pos);
}

WRAP(ssize_t, __pread_chk,
     (int fd, void *buf, size_t len, off_t pos, size_t room))
{
	return pread_fd(fd, buf, preload_checked(len, room), pos);
}

WRAP(ssize_t, __pread64_chk,
     (int fd, void *buf, size_t len, off_t pos, size_t room))
{
	return pread_fd(fd, buf, preload_checked(len, room), pos);
}
