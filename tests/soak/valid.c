/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Users for whom all must go well, in the middle of the others: what they write
 * by way of a device they read back.
 */
#include "soak.h"

#include <sched.h>

#define IOVA 0x100000ull
#define PAGES 8
#define HIGH 4096 /* where their numbers are, beyond those of others */
#define ROUNDS 200

struct program {
	int fd[3]; /* container, group, device */
	u8 *memory;
};

static u8 *page(struct program *p, unsigned int i)
{
	return p->memory + i * PAGE_SIZE;
}

static u64 iova_of(unsigned int i)
{
	return IOVA + i * PAGE_SIZE;
}

/* ---- opening ---- */

static int open_all(struct program *p, u32 id)
{
	char node[16], name[16];

	snprintf(node, sizeof(node), "%u", id);
	snprintf(name, sizeof(name), "0000:%02x:00.0", id);
	p->fd[0] = host_node_open("vfio", O_RDWR | O_CLOEXEC);
	p->fd[1] = host_node_open(node, O_RDWR | O_CLOEXEC);
	MUST(p->fd[0] >= 0 && p->fd[1] >= 0);
	MUST(!host_fd_ioctl(p->fd[1], VFIO_GROUP_SET_CONTAINER,
			    (unsigned long)&p->fd[0]));
	MUST(!host_fd_ioctl(p->fd[0], VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	p->fd[2] = host_fd_ioctl(p->fd[1], VFIO_GROUP_GET_DEVICE_FD,
				 (unsigned long)name);
	MUST(p->fd[2] >= 0);
	return 0;
}

static void move_high(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, HIGH);

	MUST(high >= 0 && !host_fd_dup(*fd, high) && !host_fd_close(*fd));
	*fd = high;
}

static void start(struct program *p, u32 id)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = IOVA,
		.size = PAGES * PAGE_SIZE,
	};
	u16 command = 6;
	unsigned int i;

	strangers_lock();
	open_all(p, id);
	for (i = 0; i < 3; i++)
		move_high(&p->fd[i]);
	strangers_unlock();
	p->memory = mmap(NULL, map.size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p->memory != MAP_FAILED);
	map.vaddr = (uintptr_t)p->memory;
	MUST(!host_fd_ioctl(p->fd[0], VFIO_IOMMU_MAP_DMA, (unsigned long)&map));
	MUST(host_fd_pwrite(p->fd[2], &command, 2, CONFIG + 4) == 2);
}

static void end(struct program *p)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		MUST(!host_fd_close(p->fd[i]));
	munmap(p->memory, PAGES * PAGE_SIZE);
}

static void put(struct program *p, u64 reg, u64 val, u32 size)
{
	MUST(host_fd_pwrite(p->fd[2], &val, size, REGION(0) + reg) == size);
}

static u64 get(struct program *p, u64 reg, u32 size)
{
	u64 val = 0;

	MUST(host_fd_pread(p->fd[2], &val, size, REGION(0) + reg) == size);
	return val;
}

static void fill(struct worker *w, u8 *to)
{
	unsigned int i;
	u32 val;

	for (i = 0; i < PAGE_SIZE; i += sizeof(val)) {
		val = rnd(w, ~0u);
		memcpy(to + i, &val, sizeof(val));
	}
}

/* ---- NVMe ---- */

enum { ASQ, ACQ, SQ, CQ, OUT, IN };
#define ENTRIES 16u

struct queue {
	u32 id;
	u32 tail;
	u32 head;
	u32 phase;
};

static u16 submit(struct program *p, struct queue *q, u32 opcode, u64 prp,
		  u32 dw10, u32 dw11, u32 dw12)
{
	u32 cmd[16] = { opcode, q->id, [10] = dw10, [11] = dw11, [12] = dw12 };
	const u32 *status =
		(u32 *)(page(p, q->id ? CQ : ACQ) + q->head * 16 + 12);
	u16 ret;

	memcpy(&cmd[6], &prp, sizeof(prp));
	memcpy(page(p, q->id ? SQ : ASQ) + q->tail * 64, cmd, sizeof(cmd));
	q->tail = (q->tail + 1) % ENTRIES;
	put(p, 0x1000 + q->id * 8, q->tail, 4);
	while ((__atomic_load_n(status, __ATOMIC_ACQUIRE) >> 16 & 1) !=
	       q->phase)
		sched_yield();
	ret = *status >> 17;
	q->head = (q->head + 1) % ENTRIES;
	q->phase ^= !q->head;
	put(p, 0x1004 + q->id * 8, q->head, 4);
	return ret;
}

static void enable(struct program *p, struct queue *admin)
{
	put(p, 0x24, (ENTRIES - 1) << 16 | (ENTRIES - 1), 4);
	put(p, 0x28, iova_of(ASQ), 8);
	put(p, 0x30, iova_of(ACQ), 8);
	put(p, 0x14, 0x00460001, 4);
	MUST(get(p, 0x1c, 4) == 1);
	MUST(!submit(p, admin, 5, iova_of(CQ), 1 | (ENTRIES - 1) << 16, 1, 0));
	MUST(!submit(p, admin, 1, iova_of(SQ), 1 | (ENTRIES - 1) << 16,
		     1 << 16 | 1, 0));
}

static int write_and_read(struct program *p, struct queue *io, u32 lba)
{
	MUST(!submit(p, io, 1, iova_of(OUT), lba, 0, 7));
	MUST(!submit(p, io, 2, iova_of(IN), lba, 0, 7));
	MUST(!memcmp(page(p, OUT), page(p, IN), PAGE_SIZE));
	return 0;
}

void valid_nvme_user(struct worker *w)
{
	struct queue admin = { .phase = 1 }, io = { .id = 1, .phase = 1 };
	struct program p;
	unsigned int i;

	start(&p, VALID_NVME);
	enable(&p, &admin);
	for (i = 0; i < ROUNDS; i++) {
		fill(w, page(&p, OUT));
		TIMED(w, BLOCK_IO, write_and_read(&p, &io, rnd(w, 2000)));
	}
	end(&p);
}

/* ---- edu ---- */

static void transfer(struct program *p, u64 from, u64 to, u32 command)
{
	put(p, 0x80, from, 8);
	put(p, 0x88, to, 8);
	put(p, 0x90, PAGE_SIZE, 8);
	put(p, 0x98, command, 8);
	while (get(p, 0x98, 8) & 1)
		sched_yield();
}

static int there_and_back(struct program *p)
{
	transfer(p, iova_of(0), 0x40000, 1);
	transfer(p, 0x40000, iova_of(1), 3);
	MUST(!memcmp(page(p, 0), page(p, 1), PAGE_SIZE));
	return 0;
}

void valid_edu_user(struct worker *w)
{
	struct program p;
	unsigned int i;

	start(&p, VALID_EDU);
	for (i = 0; i < ROUNDS; i++) {
		fill(w, page(&p, 0));
		TIMED(w, EDU_DMA, there_and_back(&p));
	}
	end(&p);
}
