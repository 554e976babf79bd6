// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Directories, files and links of the tree: see tree.h. */
#include "tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_failed(struct tree *t)
{
	if (!t->err)
		t->err = errno ? -errno : -EIO;
}

void tree_dir(struct tree *t, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!t->err && mkdirat(t->root, path, 0755) && errno != EEXIST)
		tree_failed(t);
}

void tree_bytes(struct tree *t, mode_t mode, const char *path, const void *data,
		size_t len)
{
	int fd;

	if (t->err)
		return;
	fd = openat(t->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    mode);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		tree_failed(t);
	if (fd >= 0)
		close(fd);
}

void tree_file(struct tree *t, const char *dir, const char *name, mode_t mode,
	       const char *fmt, ...)
{
	char path[PATH_MAX], text[8192];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	tree_bytes(t, mode, path, text, len);
}

void tree_link(struct tree *t, const char *target, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!t->err && symlinkat(target, t->root, path) && errno != EEXIST)
		tree_failed(t);
}

void tree_own(struct tree *t, const char *path)
{
	struct settings *s = t->settings;
	struct settings_path *paths;
	unsigned int i;

	/* Programs were told, and it stays so. */
	if (!s)
		return;
	for (i = 0; i < s->nr_paths; i++)
		if (!strcmp(s->paths[i].name, path))
			return;
	paths = realloc(s->paths, (s->nr_paths + 1) * sizeof(*paths));
	if (!paths) {
		tree_failed(t);
		return;
	}
	s->paths = paths;
	paths[s->nr_paths].name = strdup(path);
	paths[s->nr_paths++].len = strlen(path);
}

void tree_unlink(struct tree *t, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!t->err && unlinkat(t->root, path, 0) && errno != ENOENT)
		tree_failed(t);
}

void tree_module(struct tree *t, const char *name, char dir[64])
{
	char *p;

	snprintf(dir, 64, "/sys/module/%s", name);
	for (p = dir; *p; p++)
		if (*p == '-')
			*p = '_';
	tree_own(t, dir);
	tree_dir(t, "%s", dir + 1);
	tree_dir(t, "%s/parameters", dir + 1);
	tree_unlink(t, "%s/initstate", dir + 1);
	tree_unlink(t, "%s/refcnt", dir + 1);
	tree_file(t, dir + 1, "initstate", 0444, "live\n");
	tree_file(t, dir + 1, "refcnt", 0444, "0\n");
}
