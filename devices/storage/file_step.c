/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A request as a row of system calls, whoever makes them: what the next call is,
 * and what the answer of the last one means.
 *
 * A call may do less than it was asked for; the rest is asked for again.  What a
 * file system cannot do is done in another way: zeroes are written, and a
 * deallocation, which is a hint, is left out.
 */
#include "file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

/* What is written where the file system cannot make zeroes by itself. */
static uint8_t zero_block[65536];

int storage_file_rw_flags(const struct file_request *fr)
{
	return fr->step == FILE_WRITE && fr->req->durable ? RWF_DSYNC : 0;
}

int storage_file_fallocate_mode(const struct file_request *fr)
{
	return FALLOC_FL_KEEP_SIZE |
	       (fr->step == FILE_PUNCH ? FALLOC_FL_PUNCH_HOLE
				       : FALLOC_FL_ZERO_RANGE);
}

static int error_of(int err)
{
	switch (err) {
	case EFAULT:
		/* The program unmapped its own memory. */
		return -EFAULT;
	case ENOSPC:
	case EDQUOT:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

/* The file system has no such call, or not for this range. */
static bool cannot_fallocate(int64_t ret)
{
	return ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -EINVAL ||
	       ret == -ENODEV;
}

/* Begins to write zeroes to what is left. */
static void write_zero_blocks(struct file_request *fr)
{
	uint64_t len = fr->left;

	fr->step = FILE_WRITE;
	fr->iov = fr->iovs;
	for (fr->nr_iov = 0; len && fr->nr_iov < STORAGE_MAX_RUNS;
	     fr->nr_iov++) {
		fr->iovs[fr->nr_iov].iov_base = zero_block;
		fr->iovs[fr->nr_iov].iov_len =
			storage_min(len, sizeof(zero_block));
		len -= fr->iovs[fr->nr_iov].iov_len;
	}
}

/* True when no more is to be transferred. */
static bool consume(struct file_request *fr, uint64_t len)
{
	fr->off += len;
	fr->left -= len;
	while (fr->nr_iov && len >= fr->iov->iov_len) {
		len -= fr->iov->iov_len;
		fr->iov++;
		fr->nr_iov--;
	}
	if (len) {
		fr->iov->iov_base = (uint8_t *)fr->iov->iov_base + len;
		fr->iov->iov_len -= len;
	}
	if (fr->left && !fr->nr_iov)
		write_zero_blocks(fr);
	return !fr->left;
}

/* True when the discard is over: it was a hint, so what cannot be, need not. */
static bool next_range(struct file_request *fr, int64_t ret)
{
	const struct storage_request *req = fr->req;

	if (cannot_fallocate(ret))
		return true;
	if (++fr->range == req->nr_runs)
		return true;
	fr->off = req->run[fr->range].start;
	fr->left = req->run[fr->range].len;
	return false;
}

static bool advance_fallocate(struct file_request *fr, int64_t ret)
{
	if (fr->req->op == STORAGE_DISCARD)
		return next_range(fr, ret);
	if (cannot_fallocate(ret)) {
		write_zero_blocks(fr);
		return false;
	}
	fr->left = 0;
	if (!fr->req->durable)
		return true;
	fr->step = FILE_SYNC;
	return false;
}

bool storage_file_advance(struct file_request *fr, int64_t ret)
{
	bool fallocated = fr->step == FILE_ZERO || fr->step == FILE_PUNCH;

	if (ret == -EINTR)
		return false;
	if (ret < 0 && !(fallocated && cannot_fallocate(ret))) {
		fr->err = error_of(-ret);
		return true;
	}
	if (fallocated)
		return advance_fallocate(fr, ret);
	if (fr->step == FILE_SYNC)
		return true;
	if (!ret) {
		/* The file has become shorter than it was at start. */
		fr->err = -EIO;
		return true;
	}
	return consume(fr, ret);
}

static int64_t call(struct file_store *f, const struct file_request *fr)
{
	int flags = storage_file_rw_flags(fr);
	ssize_t ret;

	switch (fr->step) {
	case FILE_READ:
		ret = preadv2(f->fd, fr->iov, fr->nr_iov, fr->off, flags);
		break;
	case FILE_WRITE:
		ret = pwritev2(f->fd, fr->iov, fr->nr_iov, fr->off, flags);
		break;
	case FILE_SYNC:
		ret = fdatasync(f->fd);
		break;
	default:
		ret = fallocate(f->fd, storage_file_fallocate_mode(fr), fr->off,
				fr->left);
		break;
	}
	return ret < 0 ? -errno : ret;
}

void storage_file_run(struct file_store *f, struct file_request *fr)
{
	while (!storage_file_advance(fr, call(f, fr)))
		;
}
