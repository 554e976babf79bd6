// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Calls that answer with a name: none of the tree's comes out.
 */
#include "preload.h"

#include <stdlib.h>

/* ---- links ---- */

/* The name behind /proc/self/fd/N, when N is ours. */
static bool name_of_ours(const struct path *path, char *buf, ssize_t *len)
{
	if (path->kind != PATH_FD || !host_fd_is_ours(path->fd))
		return false;
	*len = host_fd_path(path->fd, buf, PATH_MAX - 1);
	if (*len >= 0)
		buf[*len] = '\0';
	return *len >= 0;
}

static ssize_t read_link(int dirfd, const char *name, char *buf, size_t size)
{
	char full[PATH_MAX];
	struct path path;
	ssize_t len;

	resolve(&path, dirfd, name);
	if (!name_of_ours(&path, full, &len)) {
		len = REAL(readlinkat)(path.dirfd, path.name, buf, size);
		if (len <= 0 || !path_active() || buf[0] != '/')
			return len;
		/* It may be longer in the tree, and cut short. */
		len = REAL(readlinkat)(path.dirfd, path.name, full,
				       sizeof(full) - 1);
		if (len < 0)
			return len;
		full[len] = '\0';
		len = path_reveal(full, len);
	}
	len = min((size_t)len, size);
	memcpy(buf, full, len);
	return len;
}

WRAP(ssize_t, readlink, (const char *path, char *buf, size_t size))
{
	return read_link(AT_FDCWD, path, buf, size);
}

WRAP(ssize_t, readlinkat, (int dirfd, const char *path, char *buf, size_t size))
{
	return read_link(dirfd, path, buf, size);
}

WRAP(ssize_t, __readlink_chk,
     (const char *path, char *buf, size_t size, size_t room))
{
	if (size > room)
		return REAL(__readlink_chk)(path, buf, size, room);
	return read_link(AT_FDCWD, path, buf, size);
}

WRAP(ssize_t, __readlinkat_chk,
     (int dirfd, const char *path, char *buf, size_t size, size_t room))
{
	if (size > room)
		return REAL(__readlinkat_chk)(dirfd, path, buf, size, room);
	return read_link(dirfd, path, buf, size);
}

static char *reveal(char *name)
{
	if (name)
		path_reveal(name, strlen(name));
	return name;
}

static char *real_path(const char *name, char *buf)
{
	struct path path;
	char node[PATH_MAX];
	ssize_t len;

	resolve(&path, AT_FDCWD, name);
	if (name_of_ours(&path, node, &len) && node[0] == '/')
		return buf ? memcpy(buf, node, len + 1) : strdup(node);
	return reveal(REAL(realpath)(path.name, buf));
}

WRAP(char *, realpath, (const char *path, char *buf))
{
	return real_path(path, buf);
}

WRAP(char *, __realpath_chk, (const char *path, char *buf, size_t room))
{
	if (room < PATH_MAX)
		return REAL(__realpath_chk)(path, buf, room);
	return real_path(path, buf);
}

WRAP(char *, canonicalize_file_name, (const char *path))
{
	return real_path(path, NULL);
}

/* ---- the current directory ---- */

static int changed_directory(int ret)
{
	if (!ret && !preload_is_borrowed())
		path_cwd_changed();
	return ret;
}

WRAP(int, chdir, (const char *name))
{
	struct path path;

	resolve(&path, AT_FDCWD, name);
	return changed_directory(REAL(chdir)(path.name));
}

WRAP(int, fchdir, (int fd))
{
	return changed_directory(REAL(fchdir)(fd));
}

/* As getcwd(), for a directory whose name in the tree does not fit. */
static char *long_cwd(char *buf, size_t size)
{
	char full[PATH_MAX];
	size_t len;

	if (!REAL(getcwd)(full, sizeof(full)))
		return NULL;
	len = path_reveal(full, strlen(full)) + 1;
	if (size && len > size) {
		errno = ERANGE;
		return NULL;
	}
	if (!buf)
		buf = malloc(size ? size : len);
	return buf ? memcpy(buf, full, len) : NULL;
}

static char *get_cwd(char *buf, size_t size)
{
	char *cwd = REAL(getcwd)(buf, size);

	if (!cwd && errno == ERANGE && path_active())
		return long_cwd(buf, size);
	return reveal(cwd);
}

WRAP(char *, getcwd, (char *buf, size_t size))
{
	return get_cwd(buf, size);
}

WRAP(char *, __getcwd_chk, (char *buf, size_t size, size_t room))
{
	if (size > room)
		return REAL(__getcwd_chk)(buf, size, room);
	return get_cwd(buf, size);
}

WRAP(char *, getwd, (char *buf))
{
	return reveal(REAL(getwd)(buf));
}

WRAP(char *, __getwd_chk, (char *buf, size_t room))
{
	return reveal(REAL(__getwd_chk)(buf, room));
}

WRAP(char *, get_current_dir_name, (void))
{
	return reveal(REAL(get_current_dir_name)());
}
