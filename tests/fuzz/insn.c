/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Instructions on a device's registers, against the processor.
 *
 * What mmio_decode() takes, mmio_emulate() does to a copy of a signal frame and
 * of some memory; then the processor does it, by a single step, to the frame and
 * the memory themselves.  All registers, the flags, the memory, and whether and
 * after what it faulted must be the same.
 *
 * An input: the instruction (15 bytes), a byte of choices, the place in memory,
 * the flags, what the memory has, and a byte for each of rax to r15.
 */
#include "fuzz.h"
#include "mmio.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Below 4 GiB, so that addresses of 32 bits reach it; a page that is not there
 * before and behind.  The code is near enough for addresses relative to it. */
#define CODE 0x20000000ul
#define DATA (CODE + 0x10000ul)
#define DATA_LEN 0x1000ul
#define GUARD 0x1000ul

#define FLAGS 0xcd5ul /* OF DF SF ZF AF PF CF */
#define FLAG_TF 0x100ul
#define ELEMENTS 40 /* of a rep instruction */
#define PAGE_FAULT 14

#define VECTORS 32
#define FRAME_MAX 8192 /* bytes of the extended state in a frame */
#define EXTENDED_SIZE 468 /* where the legacy area has its length */

/* Choices of the input. */
enum {
	AS_IS = 1, /* registers do not aim at the memory */
	NO_UPPER = 2, /* vector registers have 16 bytes, the rest is zero */
	NO_VECTORS = 4, /* they are all zero */
	UNALIGNED = 8,
};

struct input {
	u8 code[MMIO_INSN_MAX];
	u8 choices;
	u16 place;
	u8 flags[2];
	u8 fill;
	u8 regs[16];
};

static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/**
 * struct outcome - what an instruction left
 * @fault: the processor's reason, or PAGE_FAULT by us; 0: none
 */
struct outcome {
	ucontext_t ctx;
	int fault;
	u8 fp[FRAME_MAX] __attribute__((aligned(64)));
};

static struct input input;
static struct mmio_insn insn;
static struct outcome ours, cpus;
static u8 memory[DATA_LEN]; /* ours */
static greg_t before[NGREG]; /* of the harness, to come back to */
static bool stepping;
static bool skip; /* would touch what is not the memory */
static bool reached; /* some of the memory, or what is around it */
static unsigned long gs_base, fs_base;

static u8 *data_page(void)
{
	return (u8 *)DATA;
}

/* ---- our side of the memory ---- */

static bool in_memory(u64 addr, size_t size)
{
	return addr >= DATA && addr - DATA <= DATA_LEN - size;
}

static bool near_memory(u64 addr, size_t size)
{
	return addr >= DATA - GUARD && addr + size <= DATA + DATA_LEN + GUARD &&
	       addr < addr + size;
}

static int reach(u64 addr, size_t size)
{
	reached = true;
	if (in_memory(addr, size))
		return 0;
	if (!near_memory(addr, size))
		skip = true;
	return -EFAULT;
}

int mmio_load(struct mmio_cpu *cpu, u64 addr, void *buf, size_t size)
{
	int ret = reach(addr, size);

	if (!ret)
		memcpy(buf, memory + (addr - DATA), size);
	return ret;
}

int mmio_store(struct mmio_cpu *cpu, u64 addr, const void *buf, size_t size)
{
	int ret = reach(addr, size);

	if (!ret)
		memcpy(memory + (addr - DATA), buf, size);
	return ret;
}

/* ---- the registers ---- */

static u64 value_of(u8 choice)
{
	static const u64 edges[16] = {
		0,
		1,
		~0ull,
		0x7f,
		0x80,
		0xff,
		0x7fff,
		0x8000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x7fffffffffffffff,
		0x8000000000000000,
		0x100000000,
		0x0123456789abcdef,
		0xfedcba9876543210,
	};

	if (choice < ARRAY_SIZE(edges))
		return edges[choice];
	return choice * 0x9e3779b97f4a7c15ull;
}

static u64 seg_base(void)
{
	if (insn.seg == MMIO_SEG_FS)
		return fs_base;
	return insn.seg == MMIO_SEG_GS ? gs_base : 0;
}

/* No locked access across a line: kernels slow those down on purpose. */
static u64 target(void)
{
	u64 place = input.place % DATA_LEN;

	if (!(input.choices & UNALIGNED) ||
	    (insn.op >= MMIO_ALU && insn.op <= MMIO_CMPXCHG))
		place &= ~63ull | (u64)(64 - max_t(u64, insn.size, 1));
	if (insn.op == MMIO_MOVDIR64B)
		place &= ~63ull;
	return DATA + place;
}

static greg_t *reg(greg_t *regs, unsigned int i)
{
	return &regs[greg_of[i]];
}

/* Lets the address of the memory operand be target(). */
static void aim_operand(greg_t *regs)
{
	u64 addr = target() - seg_base() - insn.disp;

	if (insn.base == MMIO_REG_RIP)
		return;
	if (insn.base == MMIO_NO_REG) {
		if (insn.index != MMIO_NO_REG)
			*reg(regs, insn.index) = addr / insn.scale;
		return;
	}
	if (insn.index == insn.base) {
		*reg(regs, insn.base) = addr / (1u + insn.scale);
		return;
	}
	if (insn.index != MMIO_NO_REG)
		addr -= (u64)*reg(regs, insn.index) * insn.scale;
	*reg(regs, insn.base) = addr;
}

enum { RCX = 1, RSI = 6, RDI = 7 };

static void aim(greg_t *regs)
{
	if (insn.op == MMIO_BIT && !(insn.flags & MMIO_F_IMM))
		*reg(regs, insn.reg) = input.regs[insn.reg] - 128;
	if (insn.op == MMIO_MOVDIR64B)
		*reg(regs, insn.reg) = DATA + (input.fill & 0x30) * 64;
	if (insn.op >= MMIO_MOVS && insn.op <= MMIO_LODS) {
		*reg(regs, RSI) = target() - seg_base();
		*reg(regs, RDI) = DATA + input.fill * 8;
		*reg(regs, RCX) = input.regs[RCX] % ELEMENTS;
	} else {
		aim_operand(regs);
	}
}

static void fill_regs(greg_t *regs)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		*reg(regs, i) = value_of(input.regs[i]);
	if (!(input.choices & AS_IS))
		aim(regs);
	/* A rep leaves them so, before its first element even. */
	if (insn.op >= MMIO_MOVS && insn.op <= MMIO_LODS &&
	    insn.flags & MMIO_F_ADDR32) {
		*reg(regs, RSI) = (u32)*reg(regs, RSI);
		*reg(regs, RDI) = (u32)*reg(regs, RDI);
		*reg(regs, RCX) = (u32)*reg(regs, RCX);
	}
	if (insn.flags & MMIO_F_REP && (u64)*reg(regs, RCX) > ELEMENTS)
		*reg(regs, RCX) = ELEMENTS;
	regs[REG_RIP] = CODE;
	regs[REG_EFL] = 0x202 |
			((input.flags[0] | input.flags[1] << 8) & FLAGS);
}

/* ---- the two ways ---- */

static void keep(struct outcome *out, const ucontext_t *ctx)
{
	const u8 *fp = (const u8 *)ctx->uc_mcontext.fpregs;
	u32 size;

	memcpy(&size, fp + EXTENDED_SIZE, sizeof(size));
	FUZZ_CHECK(size >= 512 && size <= FRAME_MAX);
	memcpy(out->fp, fp, size);
	memcpy(out->ctx.uc_mcontext.gregs, ctx->uc_mcontext.gregs,
	       sizeof(before));
	out->ctx.uc_mcontext.fpregs = (void *)out->fp;
	out->fault = 0;
}

static int emulate(void)
{
	struct mmio_cpu cpu = { .ctx = &ours.ctx, .insn = &insn };
	int ret;

	do {
		ret = mmio_emulate(&cpu);
	} while (!ret && ours.ctx.uc_mcontext.gregs[REG_RIP] == CODE);
	if (ret == -EFAULT)
		ours.fault = PAGE_FAULT;
	return ret;
}

/* From the harness into the instruction. */
static void on_begin(int sig, siginfo_t *info, void *data)
{
	ucontext_t *ctx = data;
	greg_t *regs = ctx->uc_mcontext.gregs;

	memcpy(before, regs, sizeof(before));
	fill_regs(regs);
	keep(&ours, ctx);
	if (emulate() == -EOPNOTSUPP)
		skip = true;
	/* A rep of no elements: it never comes to us. */
	if (skip || !reached) {
		skip = true;
		memcpy(regs, before, sizeof(before));
		return;
	}
	regs[REG_EFL] |= FLAG_TF;
	stepping = true;
}

/* And back: after a step, or a fault. */
static void on_end(int sig, siginfo_t *info, void *data)
{
	ucontext_t *ctx = data;
	greg_t *regs = ctx->uc_mcontext.gregs;

	if (!stepping) { /* a bug of the harness or of what it tests */
		signal(sig, SIG_DFL);
		return;
	}
	if (sig == SIGTRAP && regs[REG_RIP] == CODE)
		return; /* a rep that goes on */
	keep(&cpus, ctx);
	if (sig != SIGTRAP)
		cpus.fault = regs[REG_TRAPNO];
	memcpy(regs, before, sizeof(before));
	stepping = false;
}

/* ---- what they left ---- */

static void complain(const char *what, u64 our, u64 cpu)
{
	unsigned int i;

	fprintf(stderr, "%s: %llx, the processor has %llx; code", what,
		(unsigned long long)our, (unsigned long long)cpu);
	for (i = 0; i < MMIO_INSN_MAX; i++)
		fprintf(stderr, " %02x", input.code[i]);
	fprintf(stderr, "\n");
	abort();
}

static void compare_regs(void)
{
	const greg_t *our = ours.ctx.uc_mcontext.gregs;
	const greg_t *cpu = cpus.ctx.uc_mcontext.gregs;
	char name[16];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "register %u", i);
		if (our[greg_of[i]] != cpu[greg_of[i]])
			complain(name, our[greg_of[i]], cpu[greg_of[i]]);
	}
	if (our[REG_RIP] != cpu[REG_RIP])
		complain("rip", our[REG_RIP], cpu[REG_RIP]);
	if ((our[REG_EFL] ^ cpu[REG_EFL]) & FLAGS)
		complain("flags", our[REG_EFL] & FLAGS, cpu[REG_EFL] & FLAGS);
}

static void compare_vectors(void)
{
	u64 our[8], cpu[8];
	unsigned int i, size;

	for (i = 0; i < VECTORS; i++) {
		for (size = 64; size >= 16; size /= 2)
			if (!mmio_vec_get(&ours.ctx, i, our, size))
				break;
		if (size < 16)
			continue;
		FUZZ_CHECK(!mmio_vec_get(&cpus.ctx, i, cpu, size));
		if (memcmp(our, cpu, size) != 0)
			complain("vector register", i, size);
	}
}

/* What the processor refuses for another reason never comes to us. */
static void compare(void)
{
	unsigned int i;

	if (cpus.fault && cpus.fault != PAGE_FAULT)
		return;
	if (ours.fault != cpus.fault)
		complain("fault", ours.fault, cpus.fault);
	compare_regs();
	compare_vectors();
	for (i = 0; i < DATA_LEN; i++)
		if (memory[i] != data_page()[i])
			complain("memory", memory[i], data_page()[i]);
}

/* ---- one input ---- */

static bool has_avx512;

/* The signal comes at the system call, with the vector registers as they are
 * loaded here, and what the instruction leaves in them is forgotten. */
static void begin(const u8 *vectors)
{
	long ret = SYS_tgkill;

	if (input.choices & NO_VECTORS)
		__asm__ volatile("vzeroall");
	else if (input.choices & NO_UPPER)
		__asm__ volatile("vzeroall\n\t"
				 "movdqu (%0), %%xmm0\n\t"
				 "movdqu 64(%0), %%xmm7\n\t"
				 "movdqu 128(%0), %%xmm15"
				 :
				 : "r"(vectors)
				 : "xmm0", "xmm7", "xmm15");
	else if (has_avx512)
		__asm__ volatile("vmovdqu64 (%0), %%zmm0\n\t"
				 "vmovdqu64 64(%0), %%zmm7\n\t"
				 "vmovdqu64 128(%0), %%zmm15\n\t"
				 "vmovdqu64 192(%0), %%zmm16\n\t"
				 "vmovdqu64 256(%0), %%zmm31"
				 :
				 : "r"(vectors)
				 : "xmm0", "xmm7", "xmm15");
	else
		__asm__ volatile("vmovdqu (%0), %%ymm0\n\t"
				 "vmovdqu 64(%0), %%ymm7\n\t"
				 "vmovdqu 128(%0), %%ymm15"
				 :
				 : "r"(vectors)
				 : "xmm0", "xmm7", "xmm15");
	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(getpid()), "S"(gettid()), "d"(SIGRTMIN)
			 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2",
			   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
}

static void fill_memory(void)
{
	u64 val = value_of(input.fill);
	unsigned int i;

	for (i = 0; i < DATA_LEN; i += sizeof(val)) {
		memcpy(memory + i, &val, sizeof(val));
		val = val * 6364136223846793005ull + input.fill;
	}
	/* A comparison that is equal, now and then. */
	if (input.fill & 1) {
		val = value_of(input.regs[0]);
		memcpy(memory + (target() - DATA) / 8 * 8, &val, sizeof(val));
	}
	memcpy(data_page(), memory, DATA_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct mmio_insn shorter;
	u8 vectors[5 * 64];

	fuzz_bytes(&in, &input, sizeof(input));
	if (mmio_decode(input.code, sizeof(input.code), &insn))
		return 0;
	FUZZ_CHECK(insn.len && insn.len <= MMIO_INSN_MAX);
	FUZZ_CHECK(mmio_decode(input.code, insn.len - 1, &shorter));
	FUZZ_CHECK(!mmio_decode(input.code, insn.len, &shorter) &&
		   shorter.len == insn.len && shorter.op == insn.op);
	fill_memory();
	memcpy(vectors, memory, sizeof(vectors));
	memcpy((void *)CODE, input.code, sizeof(input.code));
	skip = false;
	reached = false;
	begin(vectors);
	FUZZ_CHECK(!stepping);
	if (!skip)
		compare();
	return 0;
}

/* ---- the place ---- */

static void map(unsigned long at, size_t len, int prot)
{
	void *addr = mmap((void *)at, len, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			  0);

	FUZZ_CHECK(addr == (void *)at);
}

static void handle(int sig, void (*fn)(int sig, siginfo_t *info, void *data))
{
	struct sigaction act = { .sa_sigaction = fn,
				 .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigfillset(&act.sa_mask);
	FUZZ_CHECK(!sigaction(sig, &act, NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static u8 stack[256 << 10];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };

	map(CODE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map(DATA - GUARD, GUARD, PROT_NONE);
	map(DATA, DATA_LEN, PROT_READ | PROT_WRITE);
	map(DATA + DATA_LEN, GUARD, PROT_NONE);
	FUZZ_CHECK(!sigaltstack(&alt, NULL));
	handle(SIGRTMIN, on_begin);
	handle(SIGTRAP, on_end);
	handle(SIGSEGV, on_end);
	handle(SIGBUS, on_end);
	handle(SIGILL, on_end);
	gs_base = DATA - 0x123;
	syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base);
	has_avx512 = __builtin_cpu_supports("avx512f");
	return 0;
}
