/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Image I/O by io_uring.  One thread submits and reaps: were the program's own
 * threads to submit, the kernel would interrupt their system calls with the
 * completions, and cancel the requests of one that exits.
 *
 * The thread sleeps in the ring.  A doorbell wakes it through an eventfd, on
 * which a read is always in the ring; when it is awake anyway, that is left out.
 *
 * Only the thread touches the submission side.  The completion side belongs to
 * who holds file_store::lock: the thread, or a drain while there is one.
 */
#include "file.h"

#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* All requests, and the read of the eventfd. */
#define RING_ENTRIES 512

/* What eventfds say, which nobody wants to know.  The read that is in a ring when
 * it goes away may still end. */
static uint64_t ignored;

/**
 * struct uring_engine - the ring and its thread
 * @asleep: the thread waits in the ring, or goes to: it needs a wake-up
 * @woken:  the eventfd was read, and another read is due
 */
struct uring_engine {
	struct io_uring ring;
	int eventfd;
	struct anyvfio_thread *thread;
	bool asleep; /* file_store::lock */
	bool woken; /* file_store::lock */
};

static void prepare_call(struct file_store *f, struct io_uring_sqe *sqe,
			 struct file_request *fr)
{
	switch (fr->step) {
	case FILE_READ:
		io_uring_prep_readv(sqe, f->fd, fr->iov, fr->nr_iov, fr->off);
		break;
	case FILE_WRITE:
		io_uring_prep_writev2(sqe, f->fd, fr->iov, fr->nr_iov, fr->off,
				      storage_file_rw_flags(fr));
		break;
	case FILE_SYNC:
		io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(sqe, f->fd,
					storage_file_fallocate_mode(fr),
					fr->off, fr->left);
		break;
	}
	io_uring_sqe_set_data(sqe, fr);
}

/* The ring has more entries than there are requests, and each that was
 * submitted has left it: there is always one. */
static void submit_call(struct file_store *f, struct file_request *fr)
{
	struct uring_engine *engine = f->engine_data;

	prepare_call(f, io_uring_get_sqe(&engine->ring), fr);
}

static void submit_wake_up(struct uring_engine *engine)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring);

	io_uring_prep_read(sqe, engine->eventfd, &ignored, sizeof(ignored), 0);
	io_uring_sqe_set_data(sqe, NULL);
	engine->woken = false;
}

/* The lock is held. */
static void reap(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;
	struct io_uring_cqe *cqe;
	struct file_request *fr;
	unsigned int head, nr = 0;

	io_uring_for_each_cqe(&engine->ring, head, cqe)
	{
		fr = io_uring_cqe_get_data(cqe);
		if (fr)
			storage_file_put(f, fr,
					 storage_file_advance(fr, cqe->res));
		else
			engine->woken = true;
		nr++;
	}
	io_uring_cq_advance(&engine->ring, nr);
}

/* True when the thread is to end. */
static bool submit_pending(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;
	struct file_request *fr;
	bool stopping;

	pthread_mutex_lock(&f->lock);
	if (engine->woken)
		submit_wake_up(engine);
	while ((fr = storage_file_take(f)))
		submit_call(f, fr);
	stopping = f->stopping;
	engine->asleep = true;
	pthread_mutex_unlock(&f->lock);
	return stopping;
}

/* True when there is something to complete. */
static bool wake_and_reap(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;
	bool any;

	pthread_mutex_lock(&f->lock);
	engine->asleep = false;
	while (f->draining)
		pthread_cond_wait(&f->progress, &f->lock);
	reap(f);
	any = f->done.first;
	pthread_mutex_unlock(&f->lock);
	return any;
}

static void uring_thread(void *priv)
{
	struct file_store *f = priv;
	struct uring_engine *engine = f->engine_data;

	while (!submit_pending(f)) {
		io_uring_submit_and_wait(&engine->ring, 1);
		if (wake_and_reap(f))
			storage_file_complete(f);
	}
}

/* What the thread does not reap while there is a drain stays readable. */
static void uring_wait(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;
	struct pollfd ring = { .fd = engine->ring.ring_fd, .events = POLLIN };

	pthread_mutex_unlock(&f->lock);
	poll(&ring, 1, -1);
	pthread_mutex_lock(&f->lock);
	reap(f);
}

static void uring_kick(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;
	uint64_t one = 1;

	if (!engine->asleep)
		return;
	engine->asleep = false;
	/* Cannot fail: the count is nowhere near its end. */
	(void)!write(engine->eventfd, &one, sizeof(one));
}

/* The program's close() must not reach the ring. */
static int hide_ring(struct io_uring *ring)
{
	int fd = anyvfio_fd_hide(ring->ring_fd);

	ring->ring_fd = fd;
	ring->enter_ring_fd = fd;
	return fd < 0 ? fd : 0;
}

/* Opposite of make_ring() and hide_ring(): liburing closes what is not open. */
static void free_ring(struct io_uring *ring)
{
	int fd = ring->ring_fd;

	ring->ring_fd = -1;
	io_uring_queue_exit(ring);
	if (fd >= 0)
		anyvfio_fd_close(fd);
}

static void uring_stop(struct file_store *f)
{
	struct uring_engine *engine = f->engine_data;

	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	uring_kick(f);
	pthread_mutex_unlock(&f->lock);
	anyvfio_thread_join(engine->thread);
	free_ring(&engine->ring);
	anyvfio_fd_close(engine->eventfd);
	free(engine);
}

/* Completions wait for the thread instead of interrupting it, where the kernel
 * can do that (5.19). */
static int make_ring(struct io_uring *ring)
{
	int ret;

	ret = io_uring_queue_init(RING_ENTRIES, ring,
				  IORING_SETUP_COOP_TASKRUN);
	if (ret == -EINVAL)
		ret = io_uring_queue_init(RING_ENTRIES, ring, 0);
	return ret;
}

/* Kernels before 5.6 have a ring, but not all that is needed. */
static int check_ring(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool able;

	if (!probe)
		return -ENOSYS;
	able = io_uring_opcode_supported(probe, IORING_OP_READ) &&
	       io_uring_opcode_supported(probe, IORING_OP_FALLOCATE);
	io_uring_free_probe(probe);
	return able ? 0 : -ENOSYS;
}

static int make_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	return fd < 0 ? -errno : anyvfio_fd_hide(fd);
}

static int uring_start(struct file_store *f)
{
	struct uring_engine *engine = calloc(1, sizeof(*engine));
	int ret = -ENOMEM;

	if (!engine)
		return ret;
	ret = make_ring(&engine->ring);
	if (ret)
		goto err_free;
	ret = hide_ring(&engine->ring);
	if (!ret)
		ret = check_ring(&engine->ring);
	if (ret)
		goto err_free_ring;
	ret = make_eventfd();
	if (ret < 0)
		goto err_free_ring;
	engine->eventfd = ret;
	f->engine_data = engine;
	engine->woken = true;
	ret = anyvfio_thread_start(f->st->dev, "disk-io", uring_thread, f,
				   &engine->thread);
	if (ret)
		goto err_close;
	return 0;

err_close:
	anyvfio_fd_close(engine->eventfd);
err_free_ring:
	free_ring(&engine->ring);
err_free:
	free(engine);
	return ret;
}

const struct file_engine storage_engine_uring = {
	.name = "uring",
	.start = uring_start,
	.stop = uring_stop,
	.kick = uring_kick,
	.wait = uring_wait,
};
