/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which paths concern a run, and where they lead.
 *
 * The launcher's tree has what the program is to see of a few directories of
 * /sys and of /dev/vfio.  A path that leads into one of them is rewritten to
 * lead into the tree; what the kernel then says about it is translated back, so
 * that no program ever sees a name of the tree.
 *
 * Names inside the tree are left to the kernel: its symbolic links are relative
 * and shaped as the real ones.  Only ".." is resolved here, because it can lead
 * out.
 */
#ifndef ANYVFIO_RUN_PATH_H
#define ANYVFIO_RUN_PATH_H

#include "settings.h"

#include <fcntl.h>
#include <limits.h>

/**
 * enum path_kind - what a path is to us
 * @PATH_PLAIN: none of our business
 * @PATH_ABOVE: a directory above one of ours.  The real one, but names looked
 *              up in it may concern us: path_watch_fd()
 * @PATH_TREE:  in the tree
 * @PATH_NODE:  in the tree, a name directly in /dev/vfio: path.node
 * @PATH_FD:    /proc/self/fd/N or another spelling of it: path.fd
 * @PATH_KVM:   /dev/kvm
 */
enum path_kind {
	PATH_PLAIN,
	PATH_ABOVE,
	PATH_TREE,
	PATH_NODE,
	PATH_FD,
	PATH_KVM,
};

/**
 * struct path - a path as the kernel is to see it
 * @dirfd, @name: for the kernel, in place of the program's
 */
struct path {
	enum path_kind kind;
	int dirfd;
	const char *name;
	union {
		const char *node;
		int fd;
	};
	char buf[PATH_MAX];
};

/* Set once, before path_active(). */
extern const struct settings *path_settings;

static inline bool path_active(void)
{
	return smp_load_acquire(&path_settings) != NULL;
}

/* @root is the run directory, without a symbolic link in it. */
void path_init(const char *root, const struct settings *settings);

/* Makes @path out of the program's @dirfd and @name, which may be any. */
void path_resolve(struct path *path, int dirfd, const char *name);
/* The program's name for what the kernel calls @name, in place.  The new
 * length; a name outside the tree stays as it is. */
size_t path_reveal(char *name, size_t len);

/* The program's name for a path of the tree. */
const char *path_shown(const struct path *path);

/* @fd is an open directory in which names may concern us, or not. */
void path_watch_fd(int fd, enum path_kind kind);
/* @new is a copy of @old, or replaced by it. */
void path_copied_fd(int old, int new);
/* The program's directory changed. */
void path_cwd_changed(void);

/* True when @fd is a directory above one of ours: @name, of PATH_MAX bytes, is
 * its name without a slash at the end. */
bool path_above_fd(int fd, char *name);
/* Names in the directory @above that lead to ours: the next one, from *@i on,
 * which begins at 0, copied to @child; false when there is none any more. */
bool path_next_child(const char *above, unsigned int *i,
		     char child[NAME_MAX + 1]);

/* What the tree's socket stands for, or NULL. */
const struct settings_node *path_node(dev_t dev, mode_t mode, ino_t ino);

#endif /* ANYVFIO_RUN_PATH_H */
