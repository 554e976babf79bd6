/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Calls of the system that fail where a test wants it. */
#ifndef TEST_NVME_FAULTS_H
#define TEST_NVME_FAULTS_H

/**
 * struct fake_faults - calls of the model that fail from now on
 * @uring:  io_uring_queue_init(), with this negated errno
 * @nowait, @write, @sync, @fallocate, @mmap: an errno for preadv2() with
 *          RWF_NOWAIT, pwritev2(), fdatasync(), fallocate(), mmap() of a file
 * @alloc:  the n-th allocation from now on
 * @dsyncs, @syncs: how many writes asked to last, how many fdatasync()
 */
extern struct fake_faults {
	int uring;
	int nowait, write, sync, fallocate, mmap;
	unsigned int alloc;
	unsigned int dsyncs, syncs;
} fake_faults;

#endif /* TEST_NVME_FAULTS_H */
