/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Blocks in an image file: how a request gets in and out.  image.c opens the
 * file, file_step.c says which system calls a request needs, and engine_uring.c
 * or engine_threads.c makes them.
 */
#include "file.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#define NR_REQUESTS 256

/* ---- lists ---- */

static void list_add(struct file_list *list, struct file_request *fr)
{
	fr->next = NULL;
	if (list->first)
		list->last->next = fr;
	else
		list->first = fr;
	list->last = fr;
}

static struct file_request *list_take(struct file_list *list)
{
	struct file_request *fr = list->first;

	if (fr)
		list->first = fr->next;
	return fr;
}

static struct file_list list_take_all(struct file_list *list)
{
	struct file_list all = *list;

	list->first = NULL;
	return all;
}

struct file_request *storage_file_take(struct file_store *f)
{
	struct file_request *fr = list_take(&f->pending);

	if (fr)
		f->busy++;
	return fr;
}

/* Only a drain waits for this. */
void storage_file_put(struct file_store *f, struct file_request *fr, bool done)
{
	list_add(done ? &f->done : &f->pending, fr);
	f->busy--;
	if (f->draining)
		pthread_cond_broadcast(&f->progress);
}

/* ---- the program's memory ---- */

static void unmap_data(struct storage *st, struct file_request *fr,
		       bool written)
{
	struct anyvfio_dma *dma;

	for (dma = fr->dma; dma < fr->dma + fr->nr_dma; dma++)
		anyvfio_dma_unmap(st->dev, dma, written ? dma->len : 0);
	fr->nr_dma = 0;
}

/* A run can lie in several mappings of the container. */
static int map_run(struct storage *st, struct file_request *fr,
		   const struct storage_run *run, bool write)
{
	struct anyvfio_dma *dma;
	uint64_t done;
	int ret;

	for (done = 0; done < run->len; done += dma->len) {
		dma = &fr->dma[fr->nr_dma];
		if (fr->nr_dma == STORAGE_MAX_RUNS)
			return -EFAULT;
		ret = anyvfio_dma_map(st->dev, run->start + done,
				      run->len - done, write, dma);
		if (ret)
			return ret;
		fr->iovs[fr->nr_dma++] = (struct iovec){
			.iov_base = dma->ptr,
			.iov_len = dma->len,
		};
	}
	return 0;
}

static int map_data(struct storage *st, struct file_request *fr)
{
	const struct storage_request *req = fr->req;
	unsigned int i;

	for (i = 0; i < req->nr_runs; i++) {
		if (map_run(st, fr, &req->run[i], req->op == STORAGE_READ)) {
			unmap_data(st, fr, false);
			return -EFAULT;
		}
	}
	fr->iov = fr->iovs;
	fr->nr_iov = fr->nr_dma;
	return 0;
}

/* ---- submission ---- */

/* The file's side is read to a buffer of our own and compared at the end. */
static int prepare_compare(struct storage *st, struct file_request *fr)
{
	int ret = map_data(st, fr);

	if (ret)
		return ret;
	fr->bounce = malloc(fr->req->len);
	if (!fr->bounce) {
		unmap_data(st, fr, false);
		return -ENOMEM;
	}
	fr->iovs[0].iov_base = fr->bounce;
	fr->iovs[0].iov_len = fr->req->len;
	fr->nr_iov = 1;
	return 0;
}

static int prepare(struct storage *st, struct file_request *fr)
{
	const struct storage_request *req = fr->req;

	fr->off = req->pos;
	fr->left = req->len;
	switch (req->op) {
	case STORAGE_READ:
		fr->step = FILE_READ;
		return map_data(st, fr);
	case STORAGE_WRITE:
		fr->step = FILE_WRITE;
		return map_data(st, fr);
	case STORAGE_COMPARE:
		fr->step = FILE_READ;
		return prepare_compare(st, fr);
	case STORAGE_ZERO:
		fr->step = req->deallocate ? FILE_PUNCH : FILE_ZERO;
		return 0;
	case STORAGE_DISCARD:
		fr->step = FILE_PUNCH;
		fr->off = req->run[0].start;
		fr->left = req->run[0].len;
		return 0;
	case STORAGE_FLUSH:
		break;
	}
	fr->step = FILE_SYNC;
	return 0;
}

/* The program's memory may be gone: it is copied, piece by piece, not touched. */
static int compare(struct storage *st, struct file_request *fr)
{
	const uint8_t *want = fr->bounce;
	uint64_t off, part;
	unsigned int i;

	for (i = 0; i < fr->nr_dma; i++) {
		for (off = 0; off < fr->dma[i].len; off += part) {
			part = storage_min(fr->dma[i].len - off,
					   sizeof(st->scratch));
			if (anyvfio_dma_copy_in(st->scratch,
						(uint8_t *)fr->dma[i].ptr + off,
						part))
				return -EFAULT;
			if (memcmp(st->scratch, want, part) != 0)
				return -EILSEQ;
			want += part;
		}
	}
	return 0;
}

/* Lets the data go; the error of the whole. */
static int release(struct storage *st, struct file_request *fr)
{
	if (fr->req->op == STORAGE_COMPARE && !fr->err)
		fr->err = compare(st, fr);
	unmap_data(st, fr, fr->req->op == STORAGE_READ);
	free(fr->bounce);
	fr->bounce = NULL;
	return fr->err;
}

/*
 * What lies in the page cache is read at once, without a switch of threads.
 * True when @fr is done.  Writes are not tried: they can block, and one beyond
 * RLIMIT_FSIZE would send the program's own thread a SIGXFSZ.
 */
static bool read_cached(struct file_store *f, struct file_request *fr)
{
	ssize_t ret;

	if (!f->try_cached || fr->step != FILE_READ)
		return false;
	ret = preadv2(f->fd, fr->iov, fr->nr_iov, fr->off, RWF_NOWAIT);
	if (ret < 0 && errno == EOPNOTSUPP)
		f->try_cached = false;
	return ret > 0 && storage_file_advance(fr, ret);
}

static int file_submit(struct storage *st, struct storage_request *req)
{
	struct file_request *fr = req->priv;
	struct file_store *f = st->store;
	int ret;

	fr->req = req;
	fr->err = 0;
	fr->range = 0;
	ret = prepare(st, fr);
	if (ret)
		return ret;
	if (read_cached(f, fr))
		return release(st, fr);
	pthread_mutex_lock(&f->lock);
	list_add(&f->pending, fr);
	pthread_mutex_unlock(&f->lock);
	return -EINPROGRESS;
}

static void file_kick(struct storage *st)
{
	struct file_store *f = st->store;

	pthread_mutex_lock(&f->lock);
	if (f->pending.first)
		f->engine->kick(f);
	pthread_mutex_unlock(&f->lock);
}

/* ---- completion ---- */

/* With the device's lock held, as the two below. */
static void complete_list(struct file_store *f, struct file_list *list)
{
	struct file_request *fr;
	int ret;

	while ((fr = list_take(list))) {
		ret = release(f->st, fr);
		f->st->ops->complete(f->st, fr->req, ret);
	}
}

static void drop_list(struct file_store *f, struct file_list *list)
{
	struct file_request *fr;

	while ((fr = list_take(list))) {
		fr->err = -ECANCELED;
		release(f->st, fr);
		storage_put(f->st, fr->req);
	}
}

void storage_file_complete(struct file_store *f)
{
	struct file_list done;

	anyvfio_device_lock(f->st->dev);
	pthread_mutex_lock(&f->lock);
	done = list_take_all(&f->done);
	pthread_mutex_unlock(&f->lock);
	/* Empty when a drain, or another thread, was faster. */
	if (done.first) {
		complete_list(f, &done);
		f->st->ops->settle(f->st);
	}
	anyvfio_device_unlock(f->st->dev);
}

/* A drain runs in the program's thread, which a write beyond RLIMIT_FSIZE would
 * send a SIGXFSZ. */
static void run_quietly(struct file_store *f, struct file_request *fr)
{
	const struct timespec now = { 0, 0 };
	sigset_t too_large, old;

	sigemptyset(&too_large);
	sigaddset(&too_large, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &too_large, &old);
	storage_file_run(f, fr);
	if (fr->err)
		sigtimedwait(&too_large, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* One turn of a drain; the lock is held, and let go meanwhile. */
static void drain_some(struct file_store *f)
{
	struct file_request *fr = storage_file_take(f);

	if (!fr) {
		f->engine->wait(f);
		return;
	}
	pthread_mutex_unlock(&f->lock);
	run_quietly(f, fr);
	pthread_mutex_lock(&f->lock);
	storage_file_put(f, fr, true);
}

static void file_quiesce(struct storage *st, bool cancel)
{
	struct file_list dropped = { NULL, NULL }, done;
	struct file_store *f = st->store;
	struct file_request *fr;

	pthread_mutex_lock(&f->lock);
	f->draining = true;
	for (;;) {
		while (cancel && (fr = list_take(&f->pending)))
			list_add(&dropped, fr);
		if (!f->busy && !f->pending.first)
			break;
		drain_some(f);
	}
	f->draining = false;
	pthread_cond_broadcast(&f->progress);
	done = list_take_all(&f->done);
	pthread_mutex_unlock(&f->lock);

	drop_list(f, &dropped);
	if (cancel)
		drop_list(f, &done);
	else
		complete_list(f, &done);
}

static int file_flush(struct storage *st)
{
	struct file_store *f = st->store;

	return st->readonly || !fdatasync(f->fd) ? 0 : -errno;
}

/* ---- start and stop ---- */

static int try_engine(struct file_store *f, const struct file_engine *engine)
{
	f->engine = engine;
	return engine->start(f);
}

/* The one that was asked for, or the best that the system lets us have. */
static int start_engine(struct file_store *f)
{
	const char *asked = f->st->engine;
	int ret;

	f->try_cached = !asked;
	if (asked && !strcmp(asked, storage_engine_threads.name))
		ret = try_engine(f, &storage_engine_threads);
	else
		ret = try_engine(f, &storage_engine_uring);
	if (ret && !asked) {
		anyvfio_device_info(
			f->st->dev,
			"no io_uring (%s): threads do the I/O of %s",
			strerror(-ret), f->st->file);
		ret = try_engine(f, &storage_engine_threads);
	}
	if (ret)
		anyvfio_device_error(f->st->dev, "%s: engine %s: %s",
				     f->st->file, f->engine->name,
				     strerror(-ret));
	return ret;
}

static int file_start(struct storage *st)
{
	struct file_store *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return -ENOMEM;
	f->st = st;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->progress, NULL);
	f->fd = storage_image_open(st);
	ret = f->fd;
	if (ret < 0)
		goto err_free;
	ret = start_engine(f);
	if (ret)
		goto err_close;
	st->store = f;
	return 0;

err_close:
	anyvfio_fd_close(f->fd);
err_free:
	pthread_cond_destroy(&f->progress);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return ret;
}

static void file_stop(struct storage *st)
{
	struct file_store *f = st->store;

	f->engine->stop(f);
	anyvfio_fd_close(f->fd);
	pthread_cond_destroy(&f->progress);
	pthread_mutex_destroy(&f->lock);
	free(f);
	st->store = NULL;
}

const struct storage_backend storage_file = {
	.priv_size = sizeof(struct file_request),
	.nr_requests = NR_REQUESTS,
	.check = storage_image_check,
	.start = file_start,
	.stop = file_stop,
	.submit = file_submit,
	.kick = file_kick,
	.quiesce = file_quiesce,
	.flush = file_flush,
};
