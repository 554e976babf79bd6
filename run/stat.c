// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What files are said to be.  A node of /dev/vfio is a socket in the tree, and
 * a descriptor of ours a memfd: both are shown as the character devices they
 * stand for, whichever way they were reached.
 */
#include "preload.h"

#include <sys/sysmacros.h>

void stat_reveal(int fd, struct stat *st)
{
	const struct settings_node *node;

	if (fd >= 0 && host_fd_is_ours(fd)) {
		host_fd_stat(fd, st);
		return;
	}
	node = path_node(st->st_dev, st->st_mode, st->st_ino);
	if (node) {
		st->st_mode = S_IFCHR | (st->st_mode & ~S_IFMT);
		st->st_rdev = node->rdev;
	}
}

/* The descriptor that a call on a path turns out to be about, or -1. */
static int described_fd(const struct path *path, int dirfd, const char *name,
			int flags)
{
	if (path->kind == PATH_FD && !(flags & AT_SYMLINK_NOFOLLOW))
		return path->fd;
	return (flags & AT_EMPTY_PATH) && (!name || !name[0]) ? dirfd : -1;
}

static int stat_at(int dirfd, const char *name, struct stat *st, int flags)
{
	struct path path;
	int ret;

	resolve(&path, dirfd, name);
	ret = REAL(fstatat)(path.dirfd, path.name, st, flags);
	if (!ret)
		stat_reveal(described_fd(&path, dirfd, name, flags), st);
	return ret;
}

static int stat_fd(int fd, struct stat *st)
{
	int ret = REAL(fstat)(fd, st);

	if (!ret)
		stat_reveal(fd, st);
	return ret;
}

#define STAT(call, params, dirfd, flags)                \
	WRAP(int, call, params)                         \
	{                                               \
		return stat_at(dirfd, path, st, flags); \
	}
#define FSTAT(call, params)             \
	WRAP(int, call, params)         \
	{                               \
		return stat_fd(fd, st); \
	}

/* clang-format off */
STAT(stat, (const char *path, struct stat *st), AT_FDCWD, 0)
STAT(stat64, (const char *path, struct stat *st), AT_FDCWD, 0)
STAT(lstat, (const char *path, struct stat *st), AT_FDCWD, AT_SYMLINK_NOFOLLOW)
STAT(lstat64, (const char *path, struct stat *st), AT_FDCWD,
     AT_SYMLINK_NOFOLLOW)
STAT(fstatat, (int dirfd, const char *path, struct stat *st, int flags), dirfd,
     flags)
STAT(fstatat64, (int dirfd, const char *path, struct stat *st, int flags),
     dirfd, flags)
STAT(__xstat, (int ver, const char *path, struct stat *st), AT_FDCWD, 0)
STAT(__xstat64, (int ver, const char *path, struct stat *st), AT_FDCWD, 0)
STAT(__lxstat, (int ver, const char *path, struct stat *st), AT_FDCWD,
     AT_SYMLINK_NOFOLLOW)
STAT(__lxstat64, (int ver, const char *path, struct stat *st), AT_FDCWD,
     AT_SYMLINK_NOFOLLOW)
STAT(__fxstatat,
     (int ver, int dirfd, const char *path, struct stat *st, int flags), dirfd,
     flags)
STAT(__fxstatat64,
     (int ver, int dirfd, const char *path, struct stat *st, int flags), dirfd,
     flags)
FSTAT(fstat, (int fd, struct stat *st))
FSTAT(fstat64, (int fd, struct stat *st))
FSTAT(__fxstat, (int ver, int fd, struct stat *st))
FSTAT(__fxstat64, (int ver, int fd, struct stat *st))
/* clang-format on */

WRAP(int, statx,
     (int dirfd, const char *name, int flags, unsigned int mask,
      struct statx *stx))
{
	struct path path;
	struct stat st;
	int ret;

	resolve(&path, dirfd, name);
	ret = REAL(statx)(path.dirfd, path.name, flags, mask, stx);
	if (ret || !(stx->stx_mask & STATX_TYPE))
		return ret;
	st.st_dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	st.st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	st.st_ino = stx->stx_ino;
	st.st_mode = stx->stx_mode;
	stat_reveal(described_fd(&path, dirfd, name, flags), &st);
	stx->stx_mode = st.st_mode;
	stx->stx_rdev_major = major(st.st_rdev);
	stx->stx_rdev_minor = minor(st.st_rdev);
	return 0;
}

/* The file system a path of the tree would be on. */
static const char *file_system(const struct path *path)
{
	if (path->kind != PATH_TREE && path->kind != PATH_NODE)
		return path->name;
	if (REAL(faccessat)(AT_FDCWD, path->name, F_OK, AT_SYMLINK_NOFOLLOW))
		return path->name;
	return strncmp(path_shown(path), "/dev", 4) ? "/sys" : "/dev";
}

#define STATFS(call, type)                                   \
	WRAP(int, call, (const char *path, struct type *st)) \
	{                                                    \
		struct path to;                              \
                                                             \
		resolve(&to, AT_FDCWD, path);                \
		return REAL(call)(file_system(&to), st);     \
	}

/* clang-format off */
STATFS(statfs, statfs)
STATFS(statfs64, statfs)
STATFS(statvfs, statvfs)
STATFS(statvfs64, statvfs)
/* clang-format on */
