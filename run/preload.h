/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The preload library: stands in front of the libc calls of calls.def, and
 * hands to the host what concerns it.
 *
 * A wrapper can run before any constructor has, in a signal handler, between
 * vfork() and exec() in the parent's memory; for calls that do not concern us
 * it must cost nothing that can be noticed, and keep errno.
 */
#ifndef ANYVFIO_RUN_PRELOAD_H
#define ANYVFIO_RUN_PRELOAD_H

#include "path.h"

#include <dirent.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

typedef int filter_fn(const struct dirent *entry);
typedef int compare_fn(const struct dirent **a, const struct dirent **b);
typedef int glob_error_fn(const char *path, int err);
typedef int ftw_fn(const char *path, const struct stat *st, int what);
typedef int nftw_fn(const char *path, const struct stat *st, int what,
		    struct FTW *ftw);
typedef void handler_fn(int sig);

/* What lies behind us: libc, or another preload library. */
struct real_calls {
#define CALL(type, name, params) type(*name) params;
#include "calls.def"
#undef CALL
};

extern struct real_calls real_calls;
void real_resolve(unsigned int slot);

#define REAL(name)                                                       \
	({                                                               \
		if (unlikely(!READ_ONCE(real_calls.name)))               \
			real_resolve(offsetof(struct real_calls, name) / \
				     sizeof(void *));                    \
		READ_ONCE(real_calls.name);                              \
	})

/*
 * The wrapper of libc's @name.  It has a name of its own in C, so that libc's
 * headers, with their attributes and macros, have no say in it.
 */
#define WRAP(type, name, params)                \
	__attribute__((visibility("default")))  \
	type wrap_##name params __asm__(#name); \
	type wrap_##name params

/* libc's way to return. */
static inline long result(long ret)
{
	if (likely((unsigned long)ret < -4095ul))
		return ret;
	errno = -ret;
	return -1;
}

/* Reads what the launcher left; once, on whatever call is the first. */
void preload_init(void);
extern int preload_state;
enum { PRELOAD_NEW, PRELOAD_BUSY, PRELOAD_READY };

static inline void resolve(struct path *path, int dirfd, const char *name)
{
	if (unlikely(smp_load_acquire(&preload_state) != PRELOAD_READY))
		preload_init();
	path_resolve(path, dirfd, name);
}

/* The host, started: 0 or a negated errno after a message. */
int preload_start(void);
/* The handlers of SIGSEGV and SIGBUS are the host's. */
bool preload_has_faults(void);
/* This is a child between vfork() and exec(): the memory is its parent's, the
 * descriptors are its own.  Asks the kernel: not on the way of common calls. */
bool preload_is_borrowed(void);

/* ---- wrappers that others need, as functions ---- */

/* open.c: the descriptor, or a negated errno. */
int open_path(int dirfd, const char *path, int flags, mode_t mode);
/* stat.c: @st is what the kernel says of a path or of @fd (-1: none); makes
 * it what the program is to see. */
void stat_reveal(int fd, struct stat *st);
/* A new descriptor came from libc. */
static inline int fresh_fd(int fd)
{
	if (unlikely(fd >= 0 && host_fd_is_ours(fd)))
		host_fd_forget(fd);
	return fd;
}

/* The run's directory. */
const char *preload_rundir(void);
/* writev() to a descriptor of ours: what it wrote or a negated errno. */
ssize_t preload_writev(int fd, const struct iovec *iov, int n);

/* What _FORTIFY_SOURCE promised of the buffer: @len, if there is @room. */
void __chk_fail(void) __attribute__((noreturn));

static inline size_t preload_checked(size_t len, size_t room)
{
	if (len > room)
		__chk_fail();
	return len;
}

/* pagemap.c: a file @name was opened. */
void pagemap_opened(const char *name);

/* join.c: lets the launcher of the run in @rundir tell the host of this process
 * what happens to its devices, beginning with what has.  0 or a negated errno
 * after a message. */
int join_run(const char *rundir);
void join_after_fork(void);

/* bus_file.c: @fd was opened from @path, with @flags. */
void bus_file_opened(int fd, const struct path *path, int flags);
/* @new is a copy of @old, or replaced by it. */
void bus_file_copied(int old, int new);
/* Descriptors that exec() left us. */
void bus_file_inherit(void);

/* list.c: the child of a fork has none of the threads that hold its lock. */
void list_after_fork(void);
/* fd.c: a new descriptor @new is a copy of @old, or @new was replaced by it. */
int copied_fd(int old, int new);
/* kvm.c: KVM_SET_DEVICE_ATTR on @fd is about a descriptor of ours: then true, and
 * *@ret is the result or a negated errno. */
bool kvm_set_attr(int fd, unsigned long arg, long *ret);

#endif /* ANYVFIO_RUN_PRELOAD_H */
