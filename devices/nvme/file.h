/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Blocks in an image file: what backend_file.c and its engines share.
 *
 * A request is prepared in the thread that rang the doorbell (its data held with
 * anyvfio_dma_map()) and waits in @pending.  The engine's threads take it, do its
 * system calls one after the other until nvme_file_advance() says it is done,
 * put it into @done, take the device's lock and complete all of @done.
 *
 * The program's own threads never wait for the image, except in a reset, a
 * shutdown and a deletion of a queue.  These drain: with the device's lock held
 * they wait until nothing is busy.  An engine's thread may meanwhile be blocked
 * on that lock, so a drain depends on none of them: it executes what is pending
 * itself, waits by file_engine::wait, and takes @done.
 *
 * Locks: nvme_file::lock below the device's.  An engine's thread takes the
 * device's lock with nothing held.
 */
#ifndef ANYVFIO_NVME_FILE_H
#define ANYVFIO_NVME_FILE_H

#include "nvme.h"

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
 * @range:  of NVME_OP_DISCARD, the one in progress
 * @bounce: of NVME_OP_COMPARE, what the file has
 * @status: of the whole
 */
struct file_request {
	struct nvme_request req; /* first */
	struct file_request *next;
	enum file_step step;
	uint64_t off, left;
	struct iovec *iov;
	unsigned int nr_iov;
	unsigned int range;
	void *bounce;
	uint16_t status;
	unsigned int nr_dma;
	struct anyvfio_dma dma[NVME_MAX_RUNS];
	struct iovec iovs[NVME_MAX_RUNS];
};

struct file_list {
	struct file_request *first, *last;
};

struct nvme_file;

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
	int (*start)(struct nvme_file *f);
	void (*stop)(struct nvme_file *f);
	void (*kick)(struct nvme_file *f);
	void (*wait)(struct nvme_file *f);
};

extern const struct file_engine nvme_engine_uring;
extern const struct file_engine nvme_engine_threads;

/**
 * struct nvme_file - the store of a namespace in a file
 * @busy: requests that were taken out of @pending and are not in @done yet
 * @draining: a reset or its like waits for @busy to become 0
 * @progress: @busy or @draining has become less
 */
struct nvme_file {
	/* Constant from start on. */
	struct nvme *n;
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
struct file_request *nvme_file_take(struct nvme_file *f);
/* A request that was taken is done, or is to be taken again; the lock is held. */
void nvme_file_put(struct nvme_file *f, struct file_request *fr, bool done);
/* Completes what is done; with no lock held. */
void nvme_file_complete(struct nvme_file *f);

/* Flags of preadv2() and pwritev2(); the mode of fallocate(). */
int nvme_file_rw_flags(const struct file_request *fr);
int nvme_file_fallocate_mode(const struct file_request *fr);
/* A call of @fr ended with @ret, as the kernel says it.  True when @fr is done,
 * else its next call is to be made. */
bool nvme_file_advance(struct file_request *fr, int64_t ret);
/* Makes all calls of @fr in this thread. */
void nvme_file_run(struct nvme_file *f, struct file_request *fr);

/* ---- image.c ---- */

/* The file is there, of a kind and size that will do; nothing is changed. */
int nvme_image_check(struct nvme *n);
/* Opens and locks it and sets nvme::nr_blocks and nvme::readonly; a descriptor,
 * or a negated errno after a message. */
int nvme_image_open(struct nvme *n);

#endif /* ANYVFIO_NVME_FILE_H */
