/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Image I/O by a few threads that call preadv2() and its kin: for systems that
 * do not let a program use io_uring (containers, often).
 */
#include "file.h"

#define NR_THREADS 4

/**
 * struct thread_engine - the threads
 * @work: @pending is not empty, or the engine stops
 */
struct thread_engine {
	pthread_cond_t work;
	struct anyvfio_thread *thread[NR_THREADS];
	unsigned int nr;
};

/* NULL: the engine stops, and a drain has left nothing. */
static struct file_request *wait_for_work(struct file_store *f)
{
	struct thread_engine *engine = f->engine_data;
	struct file_request *fr;

	pthread_mutex_lock(&f->lock);
	while (!(fr = storage_file_take(f)) && !f->stopping)
		pthread_cond_wait(&engine->work, &f->lock);
	pthread_mutex_unlock(&f->lock);
	return fr;
}

static void worker(void *priv)
{
	struct file_store *f = priv;
	struct file_request *fr;

	while ((fr = wait_for_work(f))) {
		storage_file_run(f, fr);
		pthread_mutex_lock(&f->lock);
		storage_file_put(f, fr, true);
		pthread_mutex_unlock(&f->lock);
		storage_file_complete(f);
	}
}

static void threads_kick(struct file_store *f)
{
	struct thread_engine *engine = f->engine_data;

	pthread_cond_broadcast(&engine->work);
}

static void threads_wait(struct file_store *f)
{
	pthread_cond_wait(&f->progress, &f->lock);
}

static void threads_stop(struct file_store *f)
{
	struct thread_engine *engine = f->engine_data;

	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	threads_kick(f);
	pthread_mutex_unlock(&f->lock);
	while (engine->nr)
		anyvfio_thread_join(engine->thread[--engine->nr]);
	pthread_cond_destroy(&engine->work);
	free(engine);
}

static int threads_start(struct file_store *f)
{
	struct thread_engine *engine = calloc(1, sizeof(*engine));
	int ret = 0;

	if (!engine)
		return -ENOMEM;
	pthread_cond_init(&engine->work, NULL);
	f->engine_data = engine;
	for (; engine->nr < NR_THREADS && !ret; engine->nr++) {
		ret = anyvfio_thread_start(f->st->dev, "disk-io", worker, f,
					   &engine->thread[engine->nr]);
		if (ret)
			break;
	}
	if (ret)
		threads_stop(f);
	return ret;
}

const struct file_engine storage_engine_threads = {
	.name = "threads",
	.start = threads_start,
	.stop = threads_stop,
	.kick = threads_kick,
	.wait = threads_wait,
};
