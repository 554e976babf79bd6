// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Listings.  What lies in a directory of ours is listed by the kernel, but for
 * the kind of our nodes; a real directory above one of ours lacks that one, and
 * it is added behind the last entry.
 */
#include "preload.h"
#include "sys.h"

#include <pthread.h>
#include <stdlib.h>

/**
 * struct listing - an open directory above one of ours
 * @next: the first of our own that was not looked at
 */
struct listing {
	struct listing *other;
	DIR *dir;
	unsigned int next;
	struct dirent entry;
	char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct listing *listings; /* lock; without it only to see that none is */

void list_after_fork(void)
{
	pthread_mutex_init(&lock, NULL);
}

static void begin_listing(DIR *dir)
{
	char name[PATH_MAX];
	struct listing *new;
	size_t size;

	if (!dir || !path_above_fd(dirfd(dir), name))
		return;
	size = strlen(name) + 1;
	new = calloc(1, sizeof(*new) + size);
	if (!new)
		return;
	new->dir = dir;
	memcpy(new->name, name, size);
	pthread_mutex_lock(&lock);
	new->other = listings;
	WRITE_ONCE(listings, new);
	pthread_mutex_unlock(&lock);
}

static struct listing **find(DIR *dir)
{
	struct listing **at = &listings;

	while (*at && (*at)->dir != dir)
		at = &(*at)->other;
	return at;
}

static void end_listing(DIR *dir)
{
	struct listing **at, *old;

	if (likely(!READ_ONCE(listings)))
		return;
	pthread_mutex_lock(&lock);
	at = find(dir);
	old = *at;
	if (old)
		WRITE_ONCE(*at, old->other);
	pthread_mutex_unlock(&lock);
	free(old);
}

/* The next of ours that the real directory does not have, or NULL. */
static struct dirent *next_entry(struct listing *list)
{
	struct dirent *entry = &list->entry;
	char name[PATH_MAX + NAME_MAX];
	struct path path;
	struct stat st;

	while (path_next_child(list->name, &list->next, entry->d_name)) {
		if (!syscall4(SYS_faccessat, dirfd(list->dir),
			      (long)entry->d_name, F_OK, 0))
			continue;
		snprintf(name, sizeof(name), "%s/%s", list->name,
			 entry->d_name);
		resolve(&path, AT_FDCWD, name);
		if (path.kind != PATH_TREE ||
		    REAL(fstatat)(AT_FDCWD, path.name, &st, 0))
			continue;
		entry->d_ino = st.st_ino;
		entry->d_type = DT_DIR;
		entry->d_reclen = sizeof(*entry);
		return entry;
	}
	return NULL;
}

static struct dirent *added_entry(DIR *dir)
{
	struct dirent *entry = NULL;
	struct listing *list;

	if (likely(!READ_ONCE(listings)))
		return NULL;
	pthread_mutex_lock(&lock);
	list = *find(dir);
	if (list)
		entry = next_entry(list);
	pthread_mutex_unlock(&lock);
	return entry;
}

/* A node's entry says that it is a socket. */
static struct dirent *show_entry(DIR *dir, struct dirent *entry)
{
	struct stat st = {};

	if (unlikely(!entry))
		return added_entry(dir);
	if (unlikely(entry->d_type == DT_SOCK) && path_active() &&
	    !syscall4(SYS_newfstatat, dirfd(dir), (long)entry->d_name,
		      (long)&st, AT_SYMLINK_NOFOLLOW) &&
	    path_node(st.st_dev, st.st_mode, st.st_ino))
		entry->d_type = DT_CHR;
	return entry;
}

WRAP(DIR *, opendir, (const char *name))
{
	struct path path;
	DIR *dir;

	resolve(&path, AT_FDCWD, name);
	dir = REAL(opendir)(path.name);
	if (dir)
		path_watch_fd(dirfd(dir), path.kind);
	begin_listing(dir);
	return dir;
}

WRAP(DIR *, fdopendir, (int fd))
{
	DIR *dir = REAL(fdopendir)(fd);

	begin_listing(dir);
	return dir;
}

WRAP(int, closedir, (DIR * dir))
{
	end_listing(dir);
	return REAL(closedir)(dir);
}

WRAP(void, rewinddir, (DIR * dir))
{
	struct listing *list;

	if (unlikely(READ_ONCE(listings))) {
		pthread_mutex_lock(&lock);
		list = *find(dir);
		if (list)
			list->next = 0;
		pthread_mutex_unlock(&lock);
	}
	REAL(rewinddir)(dir);
}

WRAP(struct dirent *, readdir, (DIR * dir))
{
	return show_entry(dir, REAL(readdir)(dir));
}

WRAP(struct dirent *, readdir64, (DIR * dir))
{
	return show_entry(dir, REAL(readdir64)(dir));
}
