/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who of a run's programs has a group.  Each program has a core of its own, whose
 * rule it is that a group is opened once (G2); among programs a record lock
 * says it, on the byte of the group's number in a file of the run's directory.
 * The kernel drops it with the process, however that ends, and the child of a
 * fork does not inherit it.
 *
 * A group is held by its descriptor and by each open device of it.
 */
#include "internal.h"
#include "sys.h"

#include <fcntl.h>
#include <limits.h>

struct held {
	struct list_head node;
	int id;
	unsigned int holders;
};

/* A leaf. */
static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list_head held_groups = { &held_groups, &held_groups };
static int lock_file = -1; /* held_lock; open from the first lock to
			    * host_free(): to close it would drop all */
static const char *lock_dir; /* the run's, or NULL; set before there are groups */

void host_group_share(const char *rundir)
{
	lock_dir = rundir;
}

static int open_lock_file(void)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/groups", lock_dir) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = syscall6(SYS_openat, AT_FDCWD, (long)path,
		      O_RDWR | O_CREAT | O_CLOEXEC, 0600, 0, 0);
	return fd < 0 ? fd : host_fd_internal(fd);
}

static long set_lock(int cmd, short type, int id, struct flock *lock)
{
	*lock = (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = id,
		.l_len = 1,
	};
	return syscall6(SYS_fcntl, lock_file, cmd, (long)lock, 0, 0, 0);
}

static void say_who(int id)
{
	struct flock lock;

	if (!set_lock(F_GETLK, F_WRLCK, id, &lock) && lock.l_type != F_UNLCK)
		port_warn("group %d is open in process %d of this run", id,
			  lock.l_pid);
}

/* Without a run this process is alone. */
static int lock_among_programs(int id)
{
	struct flock lock;
	int ret;

	if (!lock_dir)
		return 0;
	if (lock_file < 0) {
		ret = open_lock_file();
		if (ret < 0)
			return ret;
		lock_file = ret;
	}
	ret = set_lock(F_SETLK, F_WRLCK, id, &lock);
	if (ret != -EAGAIN && ret != -EACCES)
		return ret;
	say_who(id);
	return -EBUSY;
}

static struct held *find_held(int id)
{
	struct held *held;

	list_for_each_entry(held, &held_groups, node) {
		if (held->id == id)
			return held;
	}
	return NULL;
}

static int hold_first(int id)
{
	struct held *held = port_zalloc(sizeof(*held));
	int ret;

	if (!held)
		return -ENOMEM;
	ret = lock_among_programs(id);
	if (ret) {
		port_free(held);
		return ret;
	}
	held->id = id;
	held->holders = 1;
	list_add_tail(&held->node, &held_groups);
	return 0;
}

int host_group_hold(int id)
{
	struct held *held;
	int ret = 0;

	pthread_mutex_lock(&held_lock);
	held = find_held(id);
	if (held)
		held->holders++;
	else
		ret = hold_first(id);
	pthread_mutex_unlock(&held_lock);
	return ret;
}

void host_group_let_go(int id)
{
	struct flock lock;
	struct held *held;

	pthread_mutex_lock(&held_lock);
	held = find_held(id);
	if (!WARN_ON(!held) && !--held->holders) {
		list_del(&held->node);
		port_free(held);
		if (lock_file >= 0)
			set_lock(F_SETLK, F_UNLCK, id, &lock);
	}
	pthread_mutex_unlock(&held_lock);
}

/* Nobody has a group. */
void host_group_free(void)
{
	WARN_ON(!list_empty(&held_groups));
	if (lock_file >= 0)
		host_fd_internal_close(lock_file);
	lock_file = -1;
}

/* The locks are the parent's, and the number is closed here. */
void host_group_after_fork(void)
{
	pthread_mutex_init(&held_lock, NULL);
	INIT_LIST_HEAD(&held_groups);
	lock_file = -1;
}
