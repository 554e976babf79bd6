/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * NVMe for device.c: queues where the input wants them, commands that are mostly
 * in order, PRP lists of whatever lies in memory.  Afterwards a block is written
 * and read back.
 */
#include "device.h"

#include <sched.h>

enum {
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	DOORBELLS = 0x1000,
};

enum {
	ADMIN_DELETE_SQ = 0x00,
	ADMIN_CREATE_SQ = 0x01,
	ADMIN_GET_LOG = 0x02,
	ADMIN_DELETE_CQ = 0x04,
	ADMIN_CREATE_CQ = 0x05,
	ADMIN_IDENTIFY = 0x06,
	IO_WRITE = 0x01,
	IO_READ = 0x02,
};

#define CC_ENABLE 0x00460001u /* entries of 64 and 16 bytes, 4 KiB pages */
#define QUEUES 6
#define ENTRIES 16 /* of a queue, as the program sees it */

/* Pages of the queues that own_check() makes, and of its data. */
enum { ASQ_PAGE = 0, ACQ_PAGE, SQ_PAGE, CQ_PAGE, OUT_PAGE, IN_PAGE };

struct command {
	u32 dw[16];
};

/**
 * struct queue - a pair, as the program believes it is
 * @sq: the page the device fetches from
 * @tail, @head: of the submission and the completion queue
 */
struct queue {
	unsigned int sq;
	u32 tail;
	u32 head;
};

static struct queue queues[QUEUES];

void own_reset(void)
{
	memset(queues, 0, sizeof(queues));
}

/* ---- speaking it ---- */

static void enable(unsigned int asq, unsigned int acq, u32 aqa)
{
	bar_write(0, REG_CC, 4, 0);
	own_reset();
	bar_write(0, REG_AQA, 4, aqa);
	bar_write(0, REG_ASQ, 8, iova_of(asq));
	bar_write(0, REG_ACQ, 8, iova_of(acq));
	bar_write(0, REG_CC, 4, CC_ENABLE);
	queues[0].sq = asq;
}

static void set_prps(struct command *cmd, u64 prp1, u64 prp2)
{
	memcpy(&cmd->dw[6], &prp1, sizeof(prp1));
	memcpy(&cmd->dw[8], &prp2, sizeof(prp2));
}

static void ring(unsigned int id, bool completion, u32 val)
{
	bar_write(0, DOORBELLS + (2 * id + completion) * 4, 4, val);
}

static void put_command(unsigned int id, const struct command *cmd)
{
	struct queue *q = &queues[id];

	put(q->sq, q->tail * sizeof(*cmd), cmd, sizeof(*cmd));
	q->tail = (q->tail + 1) % ENTRIES;
}

/* ---- hostile ---- */

static u8 any_opcode(struct fuzz_in *in, bool admin)
{
	static const u8 admins[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12 };
	static const u8 ios[] = { 0, 1, 2, 5, 8, 9 };
	u8 what = fuzz_u8(in);

	if (what & 0x80)
		return what & 0x40 ? what : admins[what % sizeof(admins)];
	return admin ? admins[what % sizeof(admins)] : ios[what % sizeof(ios)];
}

static u32 any32(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0xc0)
		return what & 0x3f;
	return what < 0xe0 ? ~(u32)(what & 3) : fuzz_u32(in);
}

static void fill_create(struct fuzz_in *in, struct command *cmd)
{
	u32 id = 1 + fuzz_below(in, QUEUES - 1);

	cmd->dw[10] = id | (ENTRIES - 1) << 16;
	cmd->dw[11] = 1;
	if ((u8)cmd->dw[0] == ADMIN_CREATE_SQ) {
		cmd->dw[11] |= (1 + fuzz_below(in, QUEUES - 1)) << 16;
		queues[id].sq = fuzz_below(in, PAGES);
		queues[id].tail = 0;
		set_prps(cmd, iova_of(queues[id].sq), 0);
	} else {
		cmd->dw[11] |= 2 | fuzz_below(in, 8) << 16;
	}
}

static void fill_io(struct fuzz_in *in, struct command *cmd)
{
	cmd->dw[1] = 1;
	cmd->dw[10] = fuzz_u16(in) % 2048;
	cmd->dw[11] = 0;
	cmd->dw[12] = fuzz_below(in, 128);
}

static void submit(struct fuzz_in *in)
{
	unsigned int id = fuzz_below(in, QUEUES), i;
	struct command cmd = { .dw = { any_opcode(in, !id) } };
	u8 odd = fuzz_u8(in);

	cmd.dw[0] |= (u32)fuzz_u8(in) << 16;
	cmd.dw[1] = odd & 1;
	set_prps(&cmd, any_iova(in), any_iova(in));
	if (odd & 2)
		for (i = 10; i < 16; i++)
			cmd.dw[i] = any32(in);
	else if (id)
		fill_io(in, &cmd);
	else if ((u8)cmd.dw[0] == ADMIN_CREATE_SQ ||
		 (u8)cmd.dw[0] == ADMIN_CREATE_CQ)
		fill_create(in, &cmd);
	else
		cmd.dw[10] = any32(in);
	if (!(odd & 0xe0))
		cmd.dw[fuzz_below(in, 16)] ^= 1u << fuzz_below(in, 32);
	put_command(id, &cmd);
	if (odd & 4)
		ring(id, false, queues[id].tail);
}

void own_call(struct fuzz_in *in)
{
	unsigned int id = fuzz_below(in, QUEUES);

	switch (fuzz_below(in, 16)) {
	case 0:
		enable(fuzz_below(in, PAGES), fuzz_below(in, PAGES),
		       (fuzz_below(in, ENTRIES) << 16) |
			       fuzz_below(in, ENTRIES));
		break;
	case 1:
		enable(ASQ_PAGE, ACQ_PAGE, (ENTRIES - 1) << 16 | (ENTRIES - 1));
		break;
	case 2:
		ring(id, false,
		     fuzz_below(in, 4) ? queues[id].tail : any32(in));
		break;
	case 3:
	case 4:
	case 5:
		queues[id].head = (queues[id].head + 1) % ENTRIES;
		ring(id, true, fuzz_below(in, 8) ? queues[id].head : any32(in));
		break;
	default:
		submit(in);
		break;
	}
}

/* ---- in order ---- */

/* The command's status, which comes at the next place of the queue. */
static u16 do_command(unsigned int id, unsigned int cq,
		      const struct command *cmd)
{
	struct queue *q = &queues[id];
	const u32 *status = (u32 *)((u8 *)page(cq) + q->head * 16 + 12);

	put_command(id, cmd);
	ring(id, false, q->tail);
	while (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) >> 16 & 1)) {
		FUZZ_CHECK(!(bar_read(0, REG_CSTS, 4) & 2));
		sched_yield();
	}
	q->head++;
	ring(id, true, q->head);
	return *status >> 17;
}

static void create(unsigned int id)
{
	struct command cmd = { .dw = { ADMIN_CREATE_CQ } };

	cmd.dw[10] = id | (ENTRIES - 1) << 16;
	cmd.dw[11] = 1;
	set_prps(&cmd, iova_of(CQ_PAGE), 0);
	FUZZ_CHECK(!do_command(0, ACQ_PAGE, &cmd));
	cmd.dw[0] = ADMIN_CREATE_SQ;
	cmd.dw[11] = id << 16 | 1;
	set_prps(&cmd, iova_of(SQ_PAGE), 0);
	FUZZ_CHECK(!do_command(0, ACQ_PAGE, &cmd));
	queues[id] = (struct queue){ .sq = SQ_PAGE };
}

void own_check(void)
{
	struct command cmd = { .dw = { IO_WRITE, 1 } };
	unsigned int i;

	for (i = ASQ_PAGE; i <= IN_PAGE; i++)
		memset(page(i), i == OUT_PAGE ? 0x5a : 0, PAGE_SIZE);
	enable(ASQ_PAGE, ACQ_PAGE, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	FUZZ_CHECK(bar_read(0, REG_CSTS, 4) == 1);
	create(1);
	cmd.dw[10] = 7;
	cmd.dw[12] = 7; /* eight blocks */
	set_prps(&cmd, iova_of(OUT_PAGE), 0);
	FUZZ_CHECK(!do_command(1, CQ_PAGE, &cmd));
	cmd.dw[0] = IO_READ;
	set_prps(&cmd, iova_of(IN_PAGE), 0);
	FUZZ_CHECK(!do_command(1, CQ_PAGE, &cmd));
	FUZZ_CHECK(!memcmp(page(OUT_PAGE), page(IN_PAGE), PAGE_SIZE));
}
