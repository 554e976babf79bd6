// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The preload library's own life, and those of its wrappers that are made from
 * calls.def as they stand there.
 */
#include "preload.h"
#include "sys.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>

/* ---- what lies behind us ---- */

struct real_calls real_calls;

static const char *const real_names[] = {
#define CALL(type, name, params) #name,
#include "calls.def"
#undef CALL
};

static long no_such_call(void)
{
	errno = ENOSYS;
	return -1;
}

/* Racing threads find the same. */
void real_resolve(unsigned int slot)
{
	void *fn = dlsym(RTLD_NEXT, real_names[slot]);

	if (!fn)
		fn = no_such_call;
	WRITE_ONCE(((void **)&real_calls)[slot], fn);
}

/* ---- the run ---- */

int preload_state;
static struct settings settings;
static const char *run_dir;
static pid_t own_pid;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_faults;

static int open_in_run(const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	return syscall6(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, 0,
			0, 0);
}

/* The config's text in memory of its own, with room for settings_parse(). */
static char *load_text(int fd, void **room)
{
	struct stat st = {};
	size_t len, size;
	char *text;

	if (sys_fstat(fd, &st))
		return NULL;
	len = st.st_size;
	/* The shortest lines there are set the most room that can be needed. */
	size = ALIGN(len + 1, 16);
	text = sys_mmap(NULL, size + len * sizeof(struct settings_node),
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	if (IS_ERR(text) || sys_read(fd, text, len) != (ssize_t)len)
		return NULL;
	*room = text + size;
	return text;
}

static void load(void)
{
	char *text;
	void *room;
	int fd;

	run_dir = secure_getenv(SETTINGS_ENV);
	if (!run_dir || strlen(run_dir) >= PATH_MAX - NAME_MAX)
		return;
	fd = open_in_run(SETTINGS_FILE, O_RDONLY);
	if (fd < 0)
		return;
	text = load_text(fd, &room);
	sys_close(fd);
	if (!text || !settings_parse(&settings, text, room))
		return;
	settings.host.rundir = run_dir;
	path_init(run_dir, &settings);
}

void preload_init(void)
{
	int new = PRELOAD_NEW;

	if (__atomic_compare_exchange_n(&preload_state, &new, PRELOAD_BUSY,
					false, __ATOMIC_ACQUIRE,
					__ATOMIC_ACQUIRE)) {
		load();
		smp_store_release(&preload_state, PRELOAD_READY);
	}
	while (smp_load_acquire(&preload_state) != PRELOAD_READY)
		sched_yield();
}

static void after_fork(void)
{
	own_pid = sys_getpid();
	pthread_mutex_init(&start_lock, NULL);
	list_after_fork();
	join_after_fork();
}

__attribute__((constructor)) static void construct(void)
{
	own_pid = sys_getpid();
	preload_init();
	if (!path_active())
		return;
	pthread_atfork(NULL, NULL, after_fork);
	bus_file_inherit();
}

bool preload_is_borrowed(void)
{
	return own_pid && sys_getpid() != own_pid;
}

const char *preload_rundir(void)
{
	return run_dir;
}

bool preload_has_faults(void)
{
	return READ_ONCE(has_faults);
}

static bool run_has_ended(void)
{
	int lock = open_in_run("lock", O_RDONLY), ret;

	if (lock < 0)
		return true;
	ret = syscall4(SYS_flock, lock, LOCK_SH | LOCK_NB, 0, 0);
	sys_close(lock);
	return ret != -EWOULDBLOCK;
}

/*
 * The devices end with the launcher: their memory is its own.  The kernel kills
 * us when the last writer of the launcher's FIFO goes, without a thread waiting
 * for that.  The descriptor, or -ENODEV: it has gone already.
 */
static int live_with_launcher(void)
{
	int fd = open_in_run(SETTINGS_ALIVE, O_RDONLY | O_NONBLOCK);

	if (fd >= 0)
		fd = host_fd_internal(fd);
	if (fd < 0)
		return -ENODEV;
	if (sys_fcntl(fd, F_SETSIG, SIGKILL) ||
	    sys_fcntl(fd, F_SETOWN, sys_getpid()) ||
	    sys_fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) || run_has_ended()) {
		host_fd_internal_close(fd);
		return -ENODEV;
	}
	return fd;
}

static int start(void)
{
	int ret, alive;

	host_log_set(STDERR_FILENO, settings.level);
	alive = live_with_launcher();
	if (alive < 0) {
		port_err("the run this process belongs to has ended");
		return alive;
	}
	if (!has_faults)
		host_fault_init();
	WRITE_ONCE(has_faults, true);
	ret = host_start(&settings.host);
	if (!ret)
		ret = join_run(run_dir);
	if (ret) {
		host_stop();
		host_fd_internal_close(alive);
	}
	return ret;
}

int preload_start(void)
{
	int ret = 0;

	pthread_mutex_lock(&start_lock);
	if (!host_current_config())
		ret = start();
	pthread_mutex_unlock(&start_lock);
	return ret;
}

/* ---- vectors, one element after the other as a kernel does ---- */

enum vector_call { VECTOR_READ, VECTOR_WRITE, VECTOR_PREAD, VECTOR_PWRITE };

static ssize_t vector_one(int fd, const struct iovec *iov, off_t pos,
			  enum vector_call call)
{
	switch (call) {
	case VECTOR_READ:
		return host_fd_read(fd, iov->iov_base, iov->iov_len);
	case VECTOR_WRITE:
		return host_fd_write(fd, iov->iov_base, iov->iov_len);
	case VECTOR_PREAD:
		return host_fd_pread(fd, iov->iov_base, iov->iov_len, pos);
	default:
		return host_fd_pwrite(fd, iov->iov_base, iov->iov_len, pos);
	}
}

static ssize_t vector(int fd, const struct iovec *iov, int n, off_t pos,
		      enum vector_call call)
{
	ssize_t done = 0, ret = 0;
	int i;

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		ret = vector_one(fd, &iov[i], pos + done, call);
		if (ret < 0)
			break;
		done += ret;
		if ((size_t)ret < iov[i].iov_len)
			break;
	}
	return done ? done : ret;
}

static ssize_t vector2(int fd, const struct iovec *iov, int n, off_t pos,
		       int flags, enum vector_call call)
{
	if (flags)
		return -EOPNOTSUPP;
	/* Position -1 is the file's own, as in readv() and writev(). */
	if (pos == -1)
		call = call == VECTOR_PREAD ? VECTOR_READ : VECTOR_WRITE;
	return vector(fd, iov, n, pos, call);
}

ssize_t preload_writev(int fd, const struct iovec *iov, int n)
{
	return vector(fd, iov, n, -1, VECTOR_WRITE);
}

/* ---- the wrappers that calls.def says all of ---- */

#define PATH(type, call, params, args)        \
	WRAP(type, call, params)              \
	{                                     \
		struct path to;               \
                                              \
		resolve(&to, AT_FDCWD, path); \
		path = to.name;               \
		return REAL(call) args;       \
	}
#define AT(type, call, params, args)       \
	WRAP(type, call, params)           \
	{                                  \
		struct path to;            \
                                           \
		resolve(&to, dirfd, path); \
		dirfd = to.dirfd;          \
		path = to.name;            \
		return REAL(call) args;    \
	}
#define FD(type, call, params, args, ours)         \
	WRAP(type, call, params)                   \
	{                                          \
		if (unlikely(host_fd_is_ours(fd))) \
			return result(ours);       \
		return REAL(call) args;            \
	}
#define OWN(type, call, params)
#include "calls.def"
