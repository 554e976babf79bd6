// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Random reads of 4 KiB from two disks of a guest, in turns, past its page cache.
 *
 *   bench_guest DISK KEY DISK KEY
 *
 * One read at a time, then 32. Static: there is no libc in the guest.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/aio_abi.h>

#include "bench.h"

#define BLOCK 4096
#define DEPTH 32
#define READS 128 /* in one run */

static aio_context_t aio;
static struct iocb iocbs[DEPTH];
static uint8_t *buffer;

struct disk {
	const char *key;
	int fd;
	uint64_t blocks;
	double one, many; /* the least of all runs */
};

static uint64_t random_block(const struct disk *disk)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % disk->blocks;
}

static void submit(const struct disk *disk, struct iocb *iocb)
{
	iocb->aio_lio_opcode = IOCB_CMD_PREAD;
	iocb->aio_fildes = disk->fd;
	iocb->aio_buf = (uintptr_t)(buffer + (iocb - iocbs) * BLOCK);
	iocb->aio_nbytes = BLOCK;
	iocb->aio_offset = random_block(disk) * BLOCK;
	iocb->aio_data = (uintptr_t)iocb;
	if (syscall(SYS_io_submit, aio, 1, &iocb) != 1)
		err(1, "%s: io_submit", disk->key);
}

/* Nanoseconds a read, with @depth of them under way. */
static double read_blocks(const struct disk *disk, unsigned int depth)
{
	uint64_t start = bench_now();
	unsigned int sent = 0, done = 0;
	struct io_event events[DEPTH];
	long i, n;

	while (sent < depth)
		submit(disk, &iocbs[sent++]);
	while (done < READS) {
		n = syscall(SYS_io_getevents, aio, 1, DEPTH, events, NULL);
		if (n < 0)
			err(1, "%s: io_getevents", disk->key);
		for (i = 0; i < n; i++, done++) {
			if (events[i].res != BLOCK)
				errx(1, "%s: read %lld", disk->key,
				     (long long)events[i].res);
			if (sent < READS) {
				sent++;
				submit(disk, (void *)(uintptr_t)events[i].data);
			}
		}
	}
	return (double)(bench_now() - start) / READS;
}

static void open_disk(struct disk *disk, const char *path, const char *key)
{
	disk->key = key;
	disk->fd = open(path, O_RDONLY | O_DIRECT);
	if (disk->fd < 0)
		err(1, "%s", path);
	disk->blocks = lseek(disk->fd, 0, SEEK_END) / BLOCK;
	if (!disk->blocks)
		errx(1, "%s: is empty", path);
}

static void take_least(double *least, double ns)
{
	if (!*least || ns < *least)
		*least = ns;
}

static void print(const struct disk *disk, const char *what, double ns)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_%s", disk->key, what);
	bench_print(key, ns);
}

int main(int argc, char **argv)
{
	struct disk disks[2] = { 0 };
	int i, run;

	if (argc != 5)
		errx(2, "usage: bench_guest DISK KEY DISK KEY");
	if (posix_memalign((void **)&buffer, BLOCK, DEPTH * BLOCK) ||
	    syscall(SYS_io_setup, DEPTH, &aio))
		err(1, "io_setup");
	for (i = 0; i < 2; i++)
		open_disk(&disks[i], argv[1 + 2 * i], argv[2 + 2 * i]);
	for (run = 0; run < BENCH_RUNS; run++) {
		for (i = 0; i < 2; i++) {
			take_least(&disks[i].one, read_blocks(&disks[i], 1));
			take_least(&disks[i].many,
				   read_blocks(&disks[i], DEPTH));
		}
	}
	for (i = 0; i < 2; i++) {
		print(&disks[i], "one", disks[i].one);
		print(&disks[i], "many", disks[i].many);
	}
	return 0;
}
