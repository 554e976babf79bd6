/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Event descriptors of the program: signalling them, and watching them.
 *
 * The host holds a descriptor of its own of each, so that the program may close
 * its number or give it another meaning.
 *
 * All watches are served by one thread.  It starts with the first watch and
 * ends with the last; a new first watch makes a new thread, with nothing in
 * common with the old one, which may still be on its way out.
 */
#include "internal.h"
#include "sys.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

struct port_eventfd {
	refcount_t refs;
	int fd; /* internal */
	bool may_block;
};

/**
 * struct watcher - the thread of all watches
 * @watches: those it serves; watch_lock
 * @users:   watches, and cancelled ones that wait for @running; watch_lock
 * @running: the one whose callback is being called, or NULL; watch_lock
 * @idle:    @running has become another
 * @wake:    internal eventfd: look at @stop
 * @stop:    the last watch has gone; watch_lock
 */
struct watcher {
	pthread_t thread;
	int epoll;
	int wake;
	bool stop;
	struct list_head watches;
	unsigned int users;
	struct port_watch *running;
	pthread_cond_t idle;
};

/* @fd is the watch's own: epoll knows a number once only. */
struct port_watch {
	struct list_head node; /* watch_lock */
	struct watcher *watcher;
	struct port_eventfd *eventfd;
	u64 id;
	int fd;
	void (*fn)(void *data);
	void *data;
};

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static struct watcher *the_watcher; /* watch_lock */
static u64 last_id; /* watch_lock; 0 is the wake-up's */

/* ---- the descriptor ---- */

/*
 * Without /proc: it has no type, as nothing but an anonymous inode has, and it
 * takes an 8-byte zero, which adds nothing.  Of the anonymous ones that can be
 * written to only eventfd takes one.
 */
bool host_eventfd_takes_zero(int fd)
{
	struct stat st = { 0 };
	u64 zero = 0;

	return !sys_fstat(fd, &st) && !(st.st_mode & S_IFMT) &&
	       sys_write(fd, &zero, sizeof(zero)) == sizeof(zero);
}

static bool is_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32], link[sizeof(name)];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = sys_readlink(path, link, sizeof(link));
	if (len < 0)
		return host_eventfd_takes_zero(fd);
	return len == sizeof(name) - 1 && !memcmp(link, name, len);
}

static int dup_internal(int fd)
{
	int new = sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return new < 0 ? new : host_fd_internal(new);
}

struct port_eventfd *port_eventfd_get(int fd)
{
	struct port_eventfd *eventfd;
	int flags = sys_fcntl(fd, F_GETFL, 0);
	int ret;

	if (flags < 0 || host_fd_is_internal(fd))
		return ERR_PTR(-EBADF);
	if (host_fd_is_ours(fd) || !is_eventfd(fd))
		return ERR_PTR(-EINVAL);
	eventfd = port_zalloc(sizeof(*eventfd));
	if (!eventfd)
		return ERR_PTR(-ENOMEM);
	ret = dup_internal(fd);
	if (ret < 0)
		goto err_free;
	eventfd->fd = ret;
	eventfd->may_block = !(flags & O_NONBLOCK);
	refcount_set(&eventfd->refs, 1);
	return eventfd;

err_free:
	port_free(eventfd);
	return ERR_PTR(ret);
}

void port_eventfd_put(struct port_eventfd *eventfd)
{
	if (!refcount_dec_and_test(&eventfd->refs))
		return;
	host_fd_internal_close(eventfd->fd);
	port_free(eventfd);
}

/*
 * A count that is full stays so: it is set, and the program has not looked.
 * Writing to a blocking descriptor would wait for it to do so; the flag is
 * shared with the program and not ours to change.
 */
void port_eventfd_signal(struct port_eventfd *eventfd)
{
	struct pollfd poll = { .fd = eventfd->fd, .events = POLLOUT };
	u64 one = 1;

	if (eventfd->may_block &&
	    syscall6(SYS_poll, (long)&poll, 1, 0, 0, 0, 0) == 0)
		return;
	sys_write(eventfd->fd, &one, sizeof(one));
}

/* ---- the watching thread ---- */

/* Takes the count; false when somebody else was faster. */
static bool take_count(int fd)
{
	u64 count;
	struct iovec iov = { &count, sizeof(count) };
	ssize_t len;

	len = syscall6(SYS_preadv2, fd, (long)&iov, 1, -1, -1, RWF_NOWAIT);
	/* A kernel that cannot do that here: before 5.8. */
	if (len == -EOPNOTSUPP || len == -ENOSYS)
		len = sys_read(fd, &count, sizeof(count));
	return len == sizeof(count);
}

/* The watch an event is for, marked as running; NULL: cancelled meanwhile. */
static struct port_watch *begin_call(struct watcher *watcher, u64 id)
{
	struct port_watch *watch;

	pthread_mutex_lock(&watch_lock);
	list_for_each_entry(watch, &watcher->watches, node) {
		if (watch->id == id) {
			watcher->running = watch;
			break;
		}
	}
	pthread_mutex_unlock(&watch_lock);
	return watcher->running;
}

static void end_call(struct watcher *watcher)
{
	pthread_mutex_lock(&watch_lock);
	watcher->running = NULL;
	pthread_cond_broadcast(&watcher->idle);
	pthread_mutex_unlock(&watch_lock);
}

static bool should_stop(struct watcher *watcher)
{
	bool stop;

	pthread_mutex_lock(&watch_lock);
	stop = watcher->stop;
	pthread_mutex_unlock(&watch_lock);
	return stop;
}

static void *watcher_main(void *data)
{
	struct watcher *watcher = data;
	struct port_watch *watch;
	struct epoll_event event;

	while (!should_stop(watcher)) {
		if (epoll_wait(watcher->epoll, &event, 1, -1) != 1 ||
		    !event.data.u64)
			continue;
		watch = begin_call(watcher, event.data.u64);
		if (!watch)
			continue;
		if (take_count(watch->fd)) {
			watch->fn(watch->data);
			lock_assert_none_held();
		}
		end_call(watcher);
	}
	return NULL;
}

static int watcher_add(struct watcher *watcher, int fd, u64 id)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = id };

	return epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno
								    : 0;
}

static struct watcher *watcher_start(void)
{
	struct watcher *watcher = port_zalloc(sizeof(*watcher));
	int ret;

	if (!watcher)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&watcher->watches);
	pthread_cond_init(&watcher->idle, NULL);
	ret = epoll_create1(EPOLL_CLOEXEC);
	ret = ret < 0 ? -errno : host_fd_internal(ret);
	if (ret < 0)
		goto err_free;
	watcher->epoll = ret;
	ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = ret < 0 ? -errno : host_fd_internal(ret);
	if (ret < 0)
		goto err_close_epoll;
	watcher->wake = ret;
	ret = watcher_add(watcher, watcher->wake, 0);
	if (!ret)
		ret = host_thread_start(&watcher->thread, "anyvfio-watch",
					watcher_main, watcher);
	if (ret)
		goto err_close_wake;
	return watcher;

err_close_wake:
	host_fd_internal_close(watcher->wake);
err_close_epoll:
	host_fd_internal_close(watcher->epoll);
err_free:
	pthread_cond_destroy(&watcher->idle);
	port_free(watcher);
	return ERR_PTR(ret);
}

/* Nobody knows @watcher any more but its thread. */
static void watcher_stop(struct watcher *watcher)
{
	u64 one = 1;

	sys_write(watcher->wake, &one, sizeof(one));
	pthread_join(watcher->thread, NULL);
	host_fd_internal_close(watcher->wake);
	host_fd_internal_close(watcher->epoll);
	pthread_cond_destroy(&watcher->idle);
	port_free(watcher);
}

/* ---- watches ---- */

static int watch_begin(struct port_watch *watch)
{
	struct watcher *watcher;
	int ret = 0;

	pthread_mutex_lock(&watch_lock);
	if (!the_watcher) {
		watcher = watcher_start();
		if (IS_ERR(watcher)) {
			ret = PTR_ERR(watcher);
			goto out_unlock;
		}
		the_watcher = watcher;
	}
	watch->watcher = the_watcher;
	watch->watcher->users++;
	watch->id = ++last_id;
	list_add_tail(&watch->node, &watch->watcher->watches);

out_unlock:
	pthread_mutex_unlock(&watch_lock);
	return ret;
}

/* When this returns the watch is neither called nor known any more. */
static void watch_end(struct port_watch *watch)
{
	struct watcher *watcher = watch->watcher;
	bool last;

	pthread_mutex_lock(&watch_lock);
	list_del(&watch->node);
	while (watcher->running == watch)
		pthread_cond_wait(&watcher->idle, &watch_lock);
	last = !--watcher->users;
	if (last) {
		watcher->stop = true;
		the_watcher = NULL;
	}
	pthread_mutex_unlock(&watch_lock);
	if (last)
		watcher_stop(watcher);
}

struct port_watch *port_eventfd_watch(struct port_eventfd *eventfd,
				      void (*fn)(void *data), void *data)
{
	struct port_watch *watch = port_zalloc(sizeof(*watch));
	int ret;

	if (!watch)
		return ERR_PTR(-ENOMEM);
	watch->fn = fn;
	watch->data = data;
	ret = dup_internal(eventfd->fd);
	if (ret < 0)
		goto err_free;
	watch->fd = ret;
	ret = watch_begin(watch);
	if (ret)
		goto err_close;
	ret = watcher_add(watch->watcher, watch->fd, watch->id);
	if (ret)
		goto err_end;
	refcount_inc(&eventfd->refs);
	watch->eventfd = eventfd;
	return watch;

err_end:
	watch_end(watch);
err_close:
	host_fd_internal_close(watch->fd);
err_free:
	port_free(watch);
	return ERR_PTR(ret);
}

void port_watch_cancel(struct port_watch *watch)
{
	struct epoll_event event;

	/* From its own callback it would wait for itself. */
	if (WARN_ON(pthread_equal(watch->watcher->thread, pthread_self())))
		return;
	epoll_ctl(watch->watcher->epoll, EPOLL_CTL_DEL, watch->fd, &event);
	watch_end(watch);
	host_fd_internal_close(watch->fd);
	port_eventfd_put(watch->eventfd);
	port_free(watch);
}

/* The thread is the parent's; its descriptors go with all internal ones. */
void host_eventfd_after_fork(void)
{
	pthread_mutex_init(&watch_lock, NULL);
	the_watcher = NULL;
}
