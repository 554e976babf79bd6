/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Blocks in an image file: what file.c and its engines share.
 *
 * A request is prepared in the thread that rang the doorbell (its data held with
 * anyvfio_dma_map()) and waits in @pending.  The engine's threads take it, do its
 * system calls one after the other until storage_file_advance() says it is done,
 * put it into @done, take the device's lock and complete all of @done.
 *
 * The program's own threads never wait for the image, except in a reset, a
 * shutdown and a deletion of a queue.  These drain: with the device's lock held
 * they wait until nothing is busy.  An engine's thread may meanwhile be blocked
 * on that lock, so a drain depends on none of them: it executes what is pending
 * itself, waits by file_engine::wait, and takes @done.
 *
 * Locks: file_store::lock below the device's.  An engine's thread takes the
 * device's lock with nothing held.
 */
#ifndef ANYVFIO_STORAGE_FILE_H
#define ANYVFIO_STORAGE_FILE_H

#include "storage.h"

#include <pthread.h>
#include <sys/uio.h>

/**
 * enum file_step - the system call a request needs next
 */
enum file_step {
	FILE_READ,
	FILE_WRITE,
	FILE_SYNC,
	FILE_ZERO, /* fallocate() */
	FILE_PUNCH, /* fallocate() */
};

/**
 * struct file_request - a request and the call it is at
 * @next:   in @pending or @done
 * @off, @left: of the call in progress
 * @iov, @nr_iov: memory of the call; begins at the first byte not transferred
 * @range:  of STORAGE_DISCARD, the one in progress
 * @bounce: of STORAGE_COMPARE, what the file has
 * @err:   of the whole
 */
struct file_request {
	struct storage_request *req;
	struct file_request *next;
	enum file_step step;
	uint64_t off, left;
	struct iovec *iov;
	unsigned int nr_iov;
	unsigned int range;
	void *bounce;
	int err;
	unsigned int nr_dma;
	struct anyvfio_dma dma[STORAGE_MAX_RUNS];
	struct iovec iovs[STORAGE_MAX_RUNS];
};

struct file_list {
	struct file_request *first, *last;
};

struct file_store;

/**
 * struct file_engine - what does the system calls
 * @wait:  blocks until a busy request may have got on, for a drain; the lock is
 *         held, and let go meanwhile
 * @start: makes threads; 0 or a negated errno, -EPERM and -ENOSYS among them
 *         when the system does not let it
 * @stop:  opposite of @start; nothing is pending or busy
 * @kick:  @pending is no longer empty; the lock is held
 */
struct file_engine {
	const char *name;
	int (*start)(struct file_store *f);
	void (*stop)(struct file_store *f);
	void (*kick)(struct file_store *f);
	void (*wait)(struct file_store *f);
};

extern const struct file_engine storage_engine_uring;
extern const struct file_engine storage_engine_threads;

/**
 * struct file_store - the store of a disk in a file
 * @busy: requests that were taken out of @pending and are not in @done yet
 * @draining: a reset or its like waits for @busy to become 0
 * @progress: @busy or @draining has become less
 */
struct file_store {
	/* Constant from start on. */
	struct storage *st;
	int fd;
	const struct file_engine *engine;
	void *engine_data; /* the engine's own */

	bool try_cached; /* device's lock: reads from the page cache at once */

	pthread_mutex_t lock;
	pthread_cond_t progress;
	struct file_list pending; /* lock */
	struct file_list done; /* lock */
	unsigned int busy; /* lock */
	bool draining; /* lock */
	bool stopping; /* lock */
};

/* Takes a request out of @pending, or NULL; the lock is held. */
struct file_request *storage_file_take(struct file_store *f);
/* A request that was taken is done, or is to be taken again; the lock is held. */
void storage_file_put(struct file_store *f, struct file_request *fr, bool done);
/* Completes what is done; with no lock held. */
void storage_file_complete(struct file_store *f);

/* Flags of preadv2() and pwritev2(); the mode of fallocate(). */
int storage_file_rw_flags(const struct file_request *fr);
int storage_file_fallocate_mode(const struct file_request *fr);
/* A call of @fr ended with @ret, as the kernel says it.  True when @fr is done,
 * else its next call is to be made. */
bool storage_file_advance(struct file_request *fr, int64_t ret);
/* Makes all calls of @fr in this thread. */
void storage_file_run(struct file_store *f, struct file_request *fr);

/* ---- image.c ---- */

/* The file is there, of a kind and size that will do; nothing is changed. */
int storage_image_check(struct storage *st);
/* Opens and locks it and sets storage::nr_blocks and storage::readonly; a descriptor,
 * or a negated errno after a message. */
int storage_image_open(struct storage *st);

#endif /* ANYVFIO_STORAGE_FILE_H */
