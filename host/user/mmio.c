/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An access of the program to a trapped page: finds the device, decodes the
 * instruction, lets the device answer and steps over it.
 *
 * The handler of SIGSEGV calls this, with all signals blocked but those that a
 * thread raises itself.  What is read and written goes to the device in aligned
 * pieces of up to 8 bytes, in the order of addresses.
 */
#include "mmio.h"
#include "pci_device.h"
#include "sys.h"

/* The processor's reason for a page fault, in REG_ERR. */
#define FAULT_WRITE 2ul
#define FAULT_FETCH 16ul
#define TRAP_PAGE_FAULT 14

#define COMPLAINTS 10

/* ---- instructions seen before ---- */

#define CACHE_SHIFT 10
#define CACHE_SIZE (1u << CACHE_SHIFT)
#define CODE_WORDS 2
#define INSN_WORDS (sizeof(struct mmio_insn) / sizeof(u64))

/**
 * struct cached - a decoded instruction
 * @seq:  odd while it is being written; a reader that finds the same even one
 *        before and after has read one instruction and not two halves
 * @rip, @code: of which address and bytes; code can change
 */
struct cached {
	u64 seq;
	u64 rip;
	u64 code[CODE_WORDS];
	u64 insn[INSN_WORDS];
};

static struct cached cache[CACHE_SIZE];

_Static_assert(sizeof(struct mmio_insn) % sizeof(u64) == 0, "whole words");

static struct cached *cache_slot(u64 rip)
{
	return &cache[rip * 0x9e3779b97f4a7c15ull >> (64 - CACHE_SHIFT)];
}

/* Acquire and release, word by word: the sequence is read after the words it
 * vouches for, and what is written comes after it became odd. */
static void read_words(u64 *dst, const u64 *src, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		dst[i] = __atomic_load_n(&src[i], __ATOMIC_ACQUIRE);
}

static void write_words(u64 *dst, const u64 *src, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		__atomic_store_n(&dst[i], src[i], __ATOMIC_RELEASE);
}

static bool cache_find(u64 rip, const u64 *code, struct mmio_insn *insn)
{
	const struct cached *slot = cache_slot(rip);
	u64 seq = smp_load_acquire(&slot->seq), words[INSN_WORDS];
	u64 was[CODE_WORDS], at;

	read_words(&at, &slot->rip, 1);
	read_words(was, slot->code, CODE_WORDS);
	read_words(words, slot->insn, INSN_WORDS);
	if (seq & 1 || READ_ONCE(slot->seq) != seq || at != rip ||
	    memcmp(was, code, sizeof(was)) != 0)
		return false;
	memcpy(insn, words, sizeof(*insn));
	return insn->len;
}

static void cache_add(u64 rip, const u64 *code, const struct mmio_insn *insn)
{
	struct cached *slot = cache_slot(rip);
	u64 seq = READ_ONCE(slot->seq), words[INSN_WORDS];

	/* Somebody else is at it: next time. */
	if (seq & 1 ||
	    !__atomic_compare_exchange_n(&slot->seq, &seq, seq + 1, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	memcpy(words, insn, sizeof(words));
	write_words(&slot->rip, &rip, 1);
	write_words(slot->code, code, CODE_WORDS);
	write_words(slot->insn, words, INSN_WORDS);
	smp_store_release(&slot->seq, seq + 2);
}

/* Up to the longest instruction; the page behind it need not be there.  The
 * length, and zeros up to the end. */
static size_t fetch(u64 rip, u8 code[CODE_WORDS * sizeof(u64)])
{
	size_t here = min_t(size_t, MMIO_INSN_MAX, PAGE_SIZE - rip % PAGE_SIZE);

	memset(code, 0, CODE_WORDS * sizeof(u64));
	if (port_copy_in(code, u64_to_user_ptr(rip), here))
		return 0;
	if (here == MMIO_INSN_MAX ||
	    port_copy_in(code + here, u64_to_user_ptr(rip + here),
			 MMIO_INSN_MAX - here))
		return here;
	return MMIO_INSN_MAX;
}

static int get_insn(u64 rip, struct mmio_insn *insn)
{
	u64 code[CODE_WORDS];
	size_t len = fetch(rip, (u8 *)code);
	int ret;

	if (cache_find(rip, code, insn))
		return 0;
	ret = mmio_decode((const u8 *)code, len, insn);
	if (!ret)
		cache_add(rip, code, insn);
	return ret;
}

/* ---- moving the data ---- */

/**
 * struct trap - a fault being answered
 * @fn:     the device whose lock is held for the whole instruction, or NULL:
 *          then each piece takes the lock of its own device
 * @refuse: the device is in the middle of something: nothing is reached
 */
struct trap {
	struct anyvfio_device *fn;
	bool refuse;
};

static bool has_right(int prot, bool write)
{
	/* What can be written can be read: the processor knows no other. */
	return prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE);
}

static int device_piece(struct trap *trap, const struct host_vma_hit *hit,
			void *buf, size_t size, bool write)
{
	struct anyvfio_device *fn = hit->hw;
	u64 val = ~0ull;

	if (!has_right(hit->prot, write))
		return -EFAULT;
	if (fn && !trap->refuse) {
		if (trap->fn && trap->fn != fn)
			return -EFAULT;
		if (!trap->fn)
			function_lock(fn);
		if (write) {
			memcpy(&val, buf, size);
			function_bar_store(fn, hit->bar, hit->off, size, val);
		} else {
			val = function_bar_load(fn, hit->bar, hit->off, size);
		}
		if (!trap->fn)
			function_unlock(fn);
	}
	if (!write)
		memcpy(buf, &val, size);
	return 0;
}

static int move_piece(struct trap *trap, u64 addr, void *buf, size_t size,
		      bool write)
{
	struct host_vma_hit hit;

	if (host_vma_find((void *)(uintptr_t)addr, &hit))
		return device_piece(trap, &hit, buf, size, write);
	if (write)
		return port_copy_out(u64_to_user_ptr(addr), buf, size);
	return port_copy_in(buf, u64_to_user_ptr(addr), size);
}

/* The largest aligned piece at the beginning of [addr, addr+left). */
static size_t piece_size(u64 addr, size_t left)
{
	size_t size = 8;

	while (size > left || addr % size)
		size /= 2;
	return size;
}

static int move(struct mmio_cpu *cpu, u64 addr, void *buf, size_t left,
		bool write)
{
	size_t size;
	int ret = 0;

	for (; left && !ret; left -= size) {
		size = piece_size(addr, left);
		ret = move_piece(cpu->priv, addr, buf, size, write);
		addr += size;
		buf = (char *)buf + size;
	}
	return ret;
}

int mmio_load(struct mmio_cpu *cpu, u64 addr, void *buf, size_t size)
{
	return move(cpu, addr, buf, size, false);
}

int mmio_store(struct mmio_cpu *cpu, u64 addr, const void *buf, size_t size)
{
	return move(cpu, addr, (void *)buf, size, true);
}

/* ---- the fault ---- */

static const char *name_of(const struct host_vma_hit *hit)
{
	const struct anyvfio_device *fn = hit->hw;

	return fn ? fn->name : "a device of the parent process";
}

/* Nothing sensible can follow: the process ends at this instruction, and what
 * it left in the log says why. */
static void give_up(const struct host_vma_hit *hit, u64 rip)
{
	/* The kernel's struct sigaction, all zeros: SIG_DFL. */
	u64 action[4] = { 0 };
	u8 code[CODE_WORDS * sizeof(u64)];
	char text[3 * MMIO_INSN_MAX + 1] = "";
	size_t len = fetch(rip, code), i;

	for (i = 0; i < len; i++)
		snprintf(text + 3 * i, 4, " %02x", code[i]);
	port_err("%s: BAR %u, offset 0x%llx: the instruction at rip 0x%llx "
		 "cannot be done on a device's registers:%s",
		 name_of(hit), hit->bar, (unsigned long long)hit->off,
		 (unsigned long long)rip, text);
	syscall6(SYS_rt_sigaction, SIGSEGV, (long)action, 0, sizeof(u64), 0, 0);
}

/* A model that goes through the program's mapping to its own BAR, or a signal
 * handler on top of a system call to the device. */
static void complain(const struct host_vma_hit *hit)
{
	static unsigned int complaints;

	if (__atomic_fetch_add(&complaints, 1, __ATOMIC_RELAXED) < COMPLAINTS)
		port_err("%s: BAR %u, offset 0x%llx: an access from within an "
			 "access was not done",
			 name_of(hit), hit->bar, (unsigned long long)hit->off);
}

/* These have two operands in memory, maybe of two devices. */
static bool has_two_addresses(const struct mmio_insn *insn)
{
	return insn->op == MMIO_MOVS || insn->op == MMIO_MOVDIR64B;
}

static int answer(ucontext_t *ctx, const struct host_vma_hit *hit,
		  const struct mmio_insn *insn)
{
	struct trap trap = { .refuse = function_locked() };
	struct mmio_cpu cpu = { .ctx = ctx, .insn = insn, .priv = &trap };
	int ret;

	if (trap.refuse)
		complain(hit);
	else if (!has_two_addresses(insn))
		trap.fn = hit->hw;
	if (trap.fn)
		function_lock(trap.fn);
	ret = mmio_emulate(&cpu);
	if (trap.fn)
		function_unlock(trap.fn);
	return ret;
}

bool host_mmio_fault(ucontext_t *ctx, void *addr)
{
	const greg_t *gregs = ctx->uc_mcontext.gregs;
	struct host_vma_hit hit;
	struct mmio_insn insn;
	int ret;

	if (gregs[REG_TRAPNO] != TRAP_PAGE_FAULT ||
	    gregs[REG_ERR] & FAULT_FETCH || !host_vma_find(addr, &hit) ||
	    !has_right(hit.prot, gregs[REG_ERR] & FAULT_WRITE))
		return false;
	ret = get_insn(gregs[REG_RIP], &insn);
	if (!ret)
		ret = answer(ctx, &hit, &insn);
	if (ret == -EOPNOTSUPP)
		give_up(&hit, gregs[REG_RIP]);
	return ret != -EFAULT;
}
