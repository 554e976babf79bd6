/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Blocks in memory, which all programs of a run see.  Every request is executed
 * at once, in the thread that rang the doorbell.
 *
 * The memory is sparse.  Touching a page that the system cannot provide would
 * be a SIGBUS in the middle of the program, so no page is touched before the
 * kernel was asked for it, a chunk at a time, with a call that can fail.  What
 * was never written is known to be zero and is not touched at all: reading
 * a disk of a terabyte costs no memory.
 */
#include "storage.h"

#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_SHIFT 16
#define CHUNK (1ull << CHUNK_SHIFT)

enum chunk_state {
	CHUNK_HOLE, /* reads as zeroes, and is not there */
	CHUNK_PARTIAL, /* another program of the run left something */
	CHUNK_PRESENT,
};

/**
 * struct ram - the store of a disk in memory
 * @map:   all of it
 * @size:  in bytes, up to a whole page
 * @chunk: an enum chunk_state each
 */
struct ram {
	uint8_t *map;
	uint64_t size;
	uint8_t *chunk;
};

static uint64_t nr_chunks(const struct ram *ram)
{
	return (ram->size + CHUNK - 1) >> CHUNK_SHIFT;
}

/* How many bytes from @pos on are in chunks of one kind; at most @len. */
static uint64_t span(const struct ram *ram, uint64_t pos, uint64_t len,
		     bool *hole)
{
	uint64_t i = pos >> CHUNK_SHIFT;
	uint64_t last = (pos + len - 1) >> CHUNK_SHIFT;

	*hole = ram->chunk[i] == CHUNK_HOLE;
	while (i < last && (ram->chunk[i + 1] == CHUNK_HOLE) == *hole)
		i++;
	return storage_min(len, ((i + 1) << CHUNK_SHIFT) - pos);
}

/* The mapping is of a file that may be larger than what the system has room for. */
static int populate_chunk(struct ram *ram, uint64_t i)
{
	uint64_t start = i << CHUNK_SHIFT;

	if (!madvise(ram->map + start, storage_min(CHUNK, ram->size - start),
		     MADV_POPULATE_WRITE) ||
	    errno == EINVAL) {
		/* Kernels before 5.14 do not know it: then hope. */
		ram->chunk[i] = CHUNK_PRESENT;
		return 0;
	}
	return -errno;
}

static int populate(struct ram *ram, uint64_t pos, uint64_t len)
{
	uint64_t i, last = (pos + len - 1) >> CHUNK_SHIFT;
	int ret = 0;

	for (i = pos >> CHUNK_SHIFT; i <= last && !ret; i++)
		if (ram->chunk[i] != CHUNK_PRESENT)
			ret = populate_chunk(ram, i);
	return ret;
}

/* ---- requests ---- */

static int read_piece(struct storage *st, uint64_t pos, uint64_t iova,
		      uint64_t len)
{
	struct ram *ram = st->store;
	uint64_t part;
	bool hole;
	int ret;

	for (; len; len -= part, pos += part, iova += part) {
		part = span(ram, pos, len, &hole);
		if (hole) {
			ret = storage_dma_zero(st->dev, iova, part);
		} else {
			if (populate(ram, pos, part))
				return -EIO;
			ret = anyvfio_dma_write(st->dev, iova, ram->map + pos,
						part);
		}
		if (ret)
			return -EFAULT;
	}
	return 0;
}

/* A fault in the middle leaves these blocks undefined, as a failed write may. */
static int write_piece(struct storage *st, uint64_t pos, uint64_t iova,
		       uint64_t len)
{
	struct ram *ram = st->store;

	if (populate(ram, pos, len))
		return -ENOSPC;
	if (anyvfio_dma_read(st->dev, iova, ram->map + pos, len))
		return -EFAULT;
	return 0;
}

static bool all_zero(const uint8_t *buf, size_t len)
{
	return !len || (!buf[0] && !memcmp(buf, buf + 1, len - 1));
}

static int compare_piece(struct storage *st, uint64_t pos, uint64_t iova,
			 uint64_t len)
{
	struct ram *ram = st->store;
	uint64_t part;
	bool hole, same;

	for (; len; len -= part, pos += part, iova += part) {
		part = storage_min(span(ram, pos, len, &hole),
				   sizeof(st->scratch));
		if (anyvfio_dma_read(st->dev, iova, st->scratch, part))
			return -EFAULT;
		if (!hole && populate(ram, pos, part))
			return -EIO;
		same = hole ? all_zero(st->scratch, part)
			    : !memcmp(st->scratch, ram->map + pos, part);
		if (!same)
			return -EILSEQ;
	}
	return 0;
}

static int each_run(struct storage *st, const struct storage_request *req,
		    int (*piece)(struct storage *st, uint64_t pos,
				 uint64_t iova, uint64_t len))
{
	const struct storage_run *run = req->run;
	const struct storage_run *end = run + req->nr_runs;
	uint64_t pos = req->pos;
	int ret = 0;

	for (; run < end && !ret; pos += run->len, run++)
		ret = piece(st, pos, run->start, run->len);
	return ret;
}

/* What is not there is zero already. */
static int zero(struct ram *ram, uint64_t pos, uint64_t len)
{
	uint64_t part;
	bool hole;

	for (; len; len -= part, pos += part) {
		part = span(ram, pos, len, &hole);
		if (hole)
			continue;
		if (populate(ram, pos, part))
			return -EIO;
		memset(ram->map + pos, 0, part);
	}
	return 0;
}

/* Whole chunks are given back to the system, what is left is zeroed. */
static int deallocate(struct ram *ram, uint64_t pos, uint64_t len)
{
	uint64_t first = (pos + CHUNK - 1) >> CHUNK_SHIFT;
	uint64_t end = (pos + len) >> CHUNK_SHIFT;
	uint64_t start = first << CHUNK_SHIFT;
	uint64_t size = (end - first) << CHUNK_SHIFT;
	int ret;

	if (end <= first || madvise(ram->map + start, size, MADV_REMOVE))
		return zero(ram, pos, len);
	memset(ram->chunk + first, CHUNK_HOLE, end - first);
	ret = zero(ram, pos, start - pos);
	if (ret)
		return ret;
	return zero(ram, start + size, pos + len - start - size);
}

static int discard(struct ram *ram, const struct storage_request *req)
{
	int ret = 0;
	unsigned int i;

	for (i = 0; i < req->nr_runs && !ret; i++)
		ret = deallocate(ram, req->run[i].start, req->run[i].len);
	return ret;
}

static int ram_submit(struct storage *st, struct storage_request *req)
{
	switch (req->op) {
	case STORAGE_READ:
		return each_run(st, req, read_piece);
	case STORAGE_WRITE:
		return each_run(st, req, write_piece);
	case STORAGE_COMPARE:
		return each_run(st, req, compare_piece);
	case STORAGE_ZERO:
		if (req->deallocate)
			return deallocate(st->store, req->pos, req->len);
		return zero(st->store, req->pos, req->len);
	case STORAGE_DISCARD:
		return discard(st->store, req);
	case STORAGE_FLUSH:
		break;
	}
	return 0;
}

/* ---- start and stop ---- */

/* Where another program of this run left data. */
static void find_data(struct ram *ram, int fd)
{
	off_t data = 0, hole;

	while ((data = lseek(fd, data, SEEK_DATA)) >= 0 &&
	       (uint64_t)data < ram->size) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > ram->size)
			hole = ram->size;
		memset(ram->chunk + (data >> CHUNK_SHIFT), CHUNK_PARTIAL,
		       ((hole - 1) >> CHUNK_SHIFT) - (data >> CHUNK_SHIFT) + 1);
		data = hole;
	}
}

static int map_memory(struct storage *st, struct ram *ram)
{
	int fd, ret = 0;

	fd = anyvfio_device_memory(st->dev, 0, ram->size);
	if (fd < 0)
		return fd;
	ram->map = mmap(NULL, ram->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);
	if (ram->map == MAP_FAILED) {
		ret = -errno;
		anyvfio_device_error(st->dev, "cannot map %llu bytes: %s",
				     (unsigned long long)ram->size,
				     strerror(-ret));
	} else {
		find_data(ram, fd);
	}
	/* The mapping holds the memory. */
	anyvfio_fd_close(fd);
	return ret;
}

static int ram_start(struct storage *st)
{
	struct ram *ram = calloc(1, sizeof(*ram));
	int ret = -ENOMEM;

	if (!ram)
		return -ENOMEM;
	ram->size = (st->size + 4095) & ~4095ull;
	ram->chunk = calloc(nr_chunks(ram), 1);
	if (!ram->chunk)
		goto err_free;
	ret = map_memory(st, ram);
	if (ret)
		goto err_free;
	st->store = ram;
	st->nr_blocks = st->size >> st->block_shift;
	st->readonly = st->readonly_asked;
	return 0;

err_free:
	free(ram->chunk);
	free(ram);
	return ret;
}

static void ram_stop(struct storage *st)
{
	struct ram *ram = st->store;

	munmap(ram->map, ram->size);
	free(ram->chunk);
	free(ram);
	st->store = NULL;
}

static int ram_check(struct storage *st)
{
	uint64_t block = 1ull << st->block_shift;

	if (st->size && !(st->size & (block - 1)) && st->size <= 1ull << 46)
		return 0;
	anyvfio_device_error(
		st->dev,
		"size= must be a multiple of the block, %llu bytes, and at most 64T",
		(unsigned long long)block);
	return -EINVAL;
}

/* Requests end before the next begins, but are fetched in batches. */
const struct storage_backend storage_ram = {
	.nr_requests = STORAGE_BATCH,
	.check = ram_check,
	.start = ram_start,
	.stop = ram_stop,
	.submit = ram_submit,
};
