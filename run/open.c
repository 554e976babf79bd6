// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Opening: a node of /dev/vfio is the host's, a file of the tree is a file that
 * cannot be made or cut, as in sysfs.
 */
#include "preload.h"
#include "sys.h"

#define NODE_DIR "/dev/vfio/"

static bool node_exists(const char *name)
{
	unsigned int i;

	for (i = 0; i < path_settings->nr_nodes; i++)
		if (!strcmp(path_settings->nodes[i].name, name))
			return true;
	return false;
}

static int open_node(const char *name, int flags)
{
	int ret;

	if (!node_exists(name))
		return flags & O_CREAT ? -EACCES : -ENOENT;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (preload_is_borrowed())
		return -ENODEV;
	ret = preload_start();
	return ret ? ret : host_node_open(name, flags);
}

/* Opening /proc/self/fd/N is opening what N was opened from. */
static int reopen(int fd, int flags)
{
	char name[PATH_MAX];
	ssize_t len = host_fd_path(fd, name, sizeof(name) - 1);

	if (len < 0)
		return len;
	name[len] = '\0';
	if (strncmp(name, NODE_DIR, strlen(NODE_DIR)) != 0)
		return -ENXIO;
	return open_node(name + strlen(NODE_DIR), flags);
}

static int open_file(const struct path *path, int flags, mode_t mode)
{
	bool create = flags & O_CREAT;
	int fd;

	if (path->kind == PATH_TREE)
		flags &= ~(O_CREAT | O_TRUNC);
	fd = REAL(openat)(path->dirfd, path->name, flags, mode);
	if (fd < 0)
		return create && errno == ENOENT && path->kind == PATH_TREE
			       ? -EACCES
			       : -errno;
	path_watch_fd(fd, path->kind);
	bus_file_opened(fd, path, flags);
	pagemap_opened(path->name);
	if (path->kind == PATH_KVM)
		host_hide_traps();
	return fresh_fd(fd);
}

int open_path(int dirfd, const char *name, int flags, mode_t mode)
{
	struct path path;

	resolve(&path, dirfd, name);
	if (!(flags & O_PATH)) {
		if (path.kind == PATH_NODE)
			return open_node(path.node, flags);
		if (path.kind == PATH_FD && host_fd_is_ours(path.fd))
			return reopen(path.fd, flags);
	}
	return open_file(&path, flags, mode);
}

/* The mode is there only when one is wanted; reading it is harmless. */
#define OPEN(call, params, dirfd)                                   \
	WRAP(int, call, params)                                     \
	{                                                           \
		mode_t mode;                                        \
		va_list args;                                       \
                                                                    \
		va_start(args, flags);                              \
		mode = va_arg(args, mode_t);                        \
		va_end(args);                                       \
		return result(open_path(dirfd, path, flags, mode)); \
	}
#define OPEN_2(call, params, dirfd)                              \
	WRAP(int, call, params)                                  \
	{                                                        \
		return result(open_path(dirfd, path, flags, 0)); \
	}
#define CREAT(call)                                                           \
	WRAP(int, call, (const char *path, mode_t mode))                      \
	{                                                                     \
		return result(open_path(AT_FDCWD, path,                       \
					O_CREAT | O_WRONLY | O_TRUNC, mode)); \
	}

/* clang-format off */
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int dirfd, const char *path, int flags, ...), dirfd)
OPEN(openat64, (int dirfd, const char *path, int flags, ...), dirfd)
OPEN_2(__open_2, (const char *path, int flags), AT_FDCWD)
OPEN_2(__open64_2, (const char *path, int flags), AT_FDCWD)
OPEN_2(__openat_2, (int dirfd, const char *path, int flags), dirfd)
OPEN_2(__openat64_2, (int dirfd, const char *path, int flags), dirfd)
CREAT(creat)
CREAT(creat64)
/* clang-format on */

/* ---- streams ---- */

/* -1: not a mode. */
static int stream_flags(const char *mode)
{
	int flags;

	switch (mode[0]) {
	case 'r':
		flags = O_RDONLY;
		break;
	case 'w':
		flags = O_WRONLY | O_CREAT | O_TRUNC;
		break;
	case 'a':
		flags = O_WRONLY | O_CREAT | O_APPEND;
		break;
	default:
		return -1;
	}
	if (strchr(mode, '+'))
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	if (strchr(mode, 'e'))
		flags |= O_CLOEXEC;
	if (strchr(mode, 'x'))
		flags |= O_EXCL;
	return flags;
}

/* True when @path is in the tree: then *@file is what fopen() returns. */
static bool open_stream(const struct path *path, const char *mode, FILE **file)
{
	int fd, flags;

	if (path->kind != PATH_TREE && path->kind != PATH_NODE)
		return false;
	*file = NULL;
	flags = stream_flags(mode);
	if (flags < 0) {
		errno = EINVAL;
		return true;
	}
	fd = result(path->kind == PATH_NODE ? open_node(path->node, flags)
					    : open_file(path, flags, 0666));
	if (fd < 0)
		return true;
	*file = fdopen(fd, mode);
	if (!*file)
		close(fd);
	return true;
}

#define FOPEN(call)                                              \
	WRAP(FILE *, call, (const char *path, const char *mode)) \
	{                                                        \
		struct path to;                                  \
		FILE *file;                                      \
                                                                 \
		resolve(&to, AT_FDCWD, path);                    \
		if (open_stream(&to, mode, &file))               \
			return file;                             \
		return REAL(call)(to.name, mode);                \
	}

/* clang-format off */
FOPEN(fopen)
FOPEN(fopen64)
/* clang-format on */

/* libc closes the number itself: it stands for nothing of ours by then. */
WRAP(int, fclose, (FILE * file))
{
	int fd = fileno_unlocked(file), null;

	if (unlikely(fd >= 0 && host_fd_is_ours(fd)) &&
	    !preload_is_borrowed()) {
		null = REAL(openat)(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			syscall4(SYS_dup3, null, fd, O_CLOEXEC, 0);
			host_fd_dup(null, fd);
			sys_close(null);
		}
	}
	return REAL(fclose)(file);
}
