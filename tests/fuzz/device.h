/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A device of host/user under a hostile program: what all devices have is done
 * in device.c.  A device that speaks a protocol in memory brings a file that says
 * how to speak it (nvme.c), so that inputs get further.
 *
 * The device must not change what it was not given to write; and a program that
 * comes afterwards finds it as the first did.
 */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include "client.h"

#define DEVICE_NAME "0000:01:00.0"
#define DEVICE_GROUP "1"

/* The program's memory, page by page, and where the device finds it. */
#define PAGES 64
#define IOVA 0x100000ull
#define READ_ONLY 48 /* from here on the device may read it */
#define WRITE_ONLY 56 /* write it */
#define NOT_MAPPED 60 /* neither */

extern struct client client;
extern u8 *memory;

static inline void *page(unsigned int i)
{
	return memory + i * PAGE_SIZE;
}

static inline u64 iova_of(unsigned int i)
{
	return IOVA + i * PAGE_SIZE;
}

/* Mostly an address that is mapped, or near one. */
u64 any_iova(struct fuzz_in *in);
/* Writes to page @i, unless the program has it no more. */
void put(unsigned int i, unsigned int off, const void *bytes, size_t len);
void bar_write(u32 bar, u64 off, u32 size, u64 val);
u64 bar_read(u32 bar, u64 off, u32 size);
/* COMMAND of configuration space: decode and bus mastering. */
void set_command(u16 command);

/*
 * What a device adds; it need not.
 * @own_call: one call of its protocol
 * @own_reset: the device was reset: what the program remembers of it is void
 * @own_check: it works, after a reset, with all memory there
 */
void own_call(struct fuzz_in *in);
void own_reset(void);
void own_check(void);

#endif /* TESTS_FUZZ_DEVICE_H */
