// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The directory of a run: made, locked, removed; and those of runs that could
 * not remove their own.
 *
 * Whoever has the lock of a directory owns it.  A run that finds its new
 * directory locked, or gone, met another run's cleaning and makes a new one.
 */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "lock"
#define TRIES 100

/* A place for run directories: absolute, ours to write, no link in it. */
static int find_place(unsigned int i, char place[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	const char *places[RUNDIR_PLACES] = { getenv("XDG_RUNTIME_DIR"),
					      "/dev/shm",
					      tmp && *tmp ? tmp : "/tmp",
					      "/tmp" };
	struct stat st;

	if (!places[i] || places[i][0] != '/')
		return -EINVAL;
	if (!realpath(places[i], place))
		return -errno;
	/* Left in the environment by another user: su, sudo. */
	if (!i && (stat(place, &st) || st.st_uid != geteuid()))
		return -EPERM;
	return access(place, W_OK | X_OK) ? -errno : 0;
}

/* Locks the directory @fd.  -EAGAIN: another run is removing it; -ENOENT: it
 * has no lock, and @flags do not make one. */
static int take_lock(int fd, int flags)
{
	struct stat st;
	int lock;

	lock = openat(fd, LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) || fstat(lock, &st) ||
	    !st.st_nlink) {
		close(lock);
		return -EAGAIN;
	}
	return lock;
}

/* Removes all that is in the directory @fd, but for @keep. */
static void remove_contents(int fd, const char *keep)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!dir && again >= 0)
		close(again);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, keep) != 0)
			rundir_remove_tree(fd, entry->d_name);
	if (dir)
		closedir(dir);
}

void rundir_remove_tree(int at, const char *name)
{
	int fd;

	if (!unlinkat(at, name, 0) || errno == ENOENT)
		return;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	remove_contents(fd, "");
	close(fd);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* The lock goes last: until then nobody else touches the directory. */
static void remove_locked(int at, const char *name, int fd)
{
	remove_contents(fd, LOCK);
	unlinkat(fd, LOCK, 0);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void remove_if_stale(int place, const char *name)
{
	struct stat st;
	int fd, lock;

	fd = openat(place, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_uid == geteuid()) {
		lock = take_lock(fd, 0);
		if (lock >= 0) {
			remove_locked(place, name, fd);
			close(lock);
		} else if (lock == -ENOENT) {
			/* Nothing but an empty one is a run's without it. */
			unlinkat(place, name, AT_REMOVEDIR);
		}
	}
	close(fd);
}

static int name_prefix(char *buf, size_t size)
{
	return snprintf(buf, size, "anyvfio-%u-", geteuid());
}

void rundir_clean_stale(const struct rundir *own)
{
	const char *own_name = strrchr(own->path, '/') + 1;
	char prefix[32];
	struct dirent *entry;
	int len = name_prefix(prefix, sizeof(prefix));
	DIR *dir;
	int fd;

	fd = openat(own->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, len) &&
		    strcmp(entry->d_name, own_name) != 0)
			remove_if_stale(fd, entry->d_name);
	closedir(dir);
}

/* One more directory in @place; -EAGAIN: another run took it for stale. */
static int create_in(struct rundir *dir, const char *place)
{
	char prefix[32];
	int ret;

	name_prefix(prefix, sizeof(prefix));
	if (snprintf(dir->path, sizeof(dir->path), "%s/%sXXXXXX", place,
		     prefix) >= (int)sizeof(dir->path))
		return -ENAMETOOLONG;
	if (!mkdtemp(dir->path))
		return -errno;
	dir->fd = open(dir->path,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0) {
		ret = errno == ENOENT ? -EAGAIN : -errno;
		rmdir(dir->path);
		return ret;
	}
	dir->lock = take_lock(dir->fd, O_CREAT);
	if (dir->lock >= 0)
		return 0;
	close(dir->fd);
	if (dir->lock == -ENOENT)
		return -EAGAIN;
	if (dir->lock != -EAGAIN)
		rmdir(dir->path);
	return dir->lock;
}

int rundir_create(struct rundir *dir, unsigned int place)
{
	char path[PATH_MAX];
	int ret, tries = 0;

	ret = find_place(place, path);
	if (ret)
		return ret;
	do {
		ret = create_in(dir, path);
	} while (ret == -EAGAIN && ++tries < TRIES);
	if (ret)
		return ret;

	dir->alive = -1;
	if (mkfifoat(dir->fd, SETTINGS_ALIVE, 0600))
		goto err_remove;
	dir->alive = openat(dir->fd, SETTINGS_ALIVE,
			    O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (dir->alive < 0)
		goto err_remove;
	return 0;

err_remove:
	ret = -errno;
	rundir_remove(dir);
	return ret;
}

void rundir_remove(struct rundir *dir)
{
	remove_locked(AT_FDCWD, dir->path, dir->fd);
	if (dir->alive >= 0)
		close(dir->alive);
	close(dir->lock);
	close(dir->fd);
}
