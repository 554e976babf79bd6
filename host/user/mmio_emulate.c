/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What an instruction does to the registers of a signal frame, once its memory
 * is a device's.  Accesses come first: until the last one has succeeded no
 * register is changed, so an instruction that cannot be done has not begun.
 */
#include "mmio.h"

#include <asm/prctl.h>
#include <sys/syscall.h>

#define FLAG_CF 0x001ul
#define FLAG_PF 0x004ul
#define FLAG_AF 0x010ul
#define FLAG_ZF 0x040ul
#define FLAG_SF 0x080ul
#define FLAG_DF 0x400ul
#define FLAG_OF 0x800ul
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define RAX 0
#define RCX 1
#define RSI 6
#define RDI 7

/* Elements of a rep instruction done at one fault: in between the program's
 * signals get their turn, as they do on hardware. */
#define STRING_CHUNK 4096

static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static greg_t *greg(struct mmio_cpu *cpu, unsigned int reg)
{
	return &cpu->ctx->uc_mcontext.gregs[greg_of[reg]];
}

static greg_t *eflags(struct mmio_cpu *cpu)
{
	return &cpu->ctx->uc_mcontext.gregs[REG_EFL];
}

static u64 mask_of(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

static u64 sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - size * 8;

	return (u64)((s64)(val << shift) >> shift);
}

static u64 swap_bytes(u64 val, unsigned int size)
{
	return __builtin_bswap64(val) >> (64 - size * 8);
}

static u64 get_reg(struct mmio_cpu *cpu, unsigned int reg, unsigned int size)
{
	return *greg(cpu, reg) & mask_of(size);
}

/* A 32-bit result clears the upper half, smaller ones leave the rest. */
static void set_reg(struct mmio_cpu *cpu, unsigned int reg, unsigned int size,
		    u64 val)
{
	u64 mask = mask_of(size);

	if (size == 4)
		*greg(cpu, reg) = val & mask;
	else
		*greg(cpu, reg) = (*greg(cpu, reg) & ~mask) | (val & mask);
}

/* The operand beside the memory one. */
static u64 get_operand(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;

	if (insn->flags & MMIO_F_IMM)
		return insn->imm & mask_of(insn->size);
	if (insn->flags & MMIO_F_HIGH)
		return *greg(cpu, insn->reg) >> 8 & 0xff;
	return get_reg(cpu, insn->reg, insn->reg_size);
}

static void set_operand(struct mmio_cpu *cpu, u64 val)
{
	const struct mmio_insn *insn = cpu->insn;
	greg_t *reg = greg(cpu, insn->reg);

	if (insn->flags & MMIO_F_HIGH)
		*reg = (*reg & ~0xff00) | (val & 0xff) << 8;
	else
		set_reg(cpu, insn->reg, insn->reg_size, val);
}

/* The handler runs with the thread's own fs and gs. */
static u64 segment_base(unsigned int seg)
{
	unsigned long base = 0;
	long ret;

	if (seg == MMIO_SEG_FLAT)
		return 0;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)SYS_arch_prctl),
			   "D"(seg == MMIO_SEG_FS ? ARCH_GET_FS : ARCH_GET_GS),
			   "S"(&base)
			 : "rcx", "r11", "memory");
	return ret ? 0 : base;
}

static u64 cut_address(struct mmio_cpu *cpu, u64 addr)
{
	return cpu->insn->flags & MMIO_F_ADDR32 ? (u32)addr : addr;
}

static u64 effective_address(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;
	u64 addr = insn->disp;

	if (insn->base == MMIO_REG_RIP)
		addr += cpu->ctx->uc_mcontext.gregs[REG_RIP] + insn->len;
	else if (insn->base != MMIO_NO_REG)
		addr += *greg(cpu, insn->base);
	if (insn->index != MMIO_NO_REG)
		addr += (u64)*greg(cpu, insn->index) * insn->scale;
	return cut_address(cpu, addr) + segment_base(insn->seg);
}

static int load(struct mmio_cpu *cpu, u64 addr, u64 *val)
{
	*val = 0;
	return mmio_load(cpu, addr, val, cpu->insn->size);
}

static int store(struct mmio_cpu *cpu, u64 addr, u64 val)
{
	return mmio_store(cpu, addr, &val, cpu->insn->size);
}

static void set_flags(struct mmio_cpu *cpu, u64 mask, u64 flags)
{
	*eflags(cpu) = (*eflags(cpu) & ~mask) | (flags & mask);
}

/* The flags that only depend on the result. */
static u64 result_flags(u64 res, unsigned int size)
{
	u64 flags = 0;

	if (!res)
		flags |= FLAG_ZF;
	if (res >> (size * 8 - 1) & 1)
		flags |= FLAG_SF;
	if (!__builtin_parity(res & 0xff))
		flags |= FLAG_PF;
	return flags;
}

/* a + b + carry, with all flags; the carries out of each bit tell three. */
static u64 add(u64 a, u64 b, u64 carry, unsigned int size, u64 *flags)
{
	u64 res = (a + b + carry) & mask_of(size);
	u64 carries = (a & b) | ((a | b) & ~res);
	unsigned int top = size * 8 - 1;

	*flags = result_flags(res, size);
	if (carries >> top & 1)
		*flags |= FLAG_CF;
	if (carries >> 3 & 1)
		*flags |= FLAG_AF;
	if ((a ^ res) >> top & (b ^ res) >> top & 1)
		*flags |= FLAG_OF;
	return res;
}

/* a - b - borrow, likewise. */
static u64 sub(u64 a, u64 b, u64 borrow, unsigned int size, u64 *flags)
{
	u64 res = (a - b - borrow) & mask_of(size);
	u64 borrows = (~a & b) | ((~a | b) & res);
	unsigned int top = size * 8 - 1;

	*flags = result_flags(res, size);
	if (borrows >> top & 1)
		*flags |= FLAG_CF;
	if (borrows >> 3 & 1)
		*flags |= FLAG_AF;
	if ((a ^ b) >> top & (a ^ res) >> top & 1)
		*flags |= FLAG_OF;
	return res;
}

static u64 logic(u64 res, unsigned int size, u64 *flags)
{
	*flags = result_flags(res, size);
	return res;
}

/* @mask: the flags it changes. */
static u64 compute(unsigned int op, u64 a, u64 b, u64 carry, unsigned int size,
		   u64 *flags, u64 *mask)
{
	*mask = FLAGS_ARITH;
	switch (op) {
	case MMIO_ADD:
		return add(a, b, 0, size, flags);
	case MMIO_ADC:
		return add(a, b, carry, size, flags);
	case MMIO_SUB:
	case MMIO_CMP:
		return sub(a, b, 0, size, flags);
	case MMIO_SBB:
		return sub(a, b, carry, size, flags);
	case MMIO_AND:
	case MMIO_TEST:
		return logic(a & b, size, flags);
	case MMIO_OR:
		return logic(a | b, size, flags);
	case MMIO_XOR:
		return logic(a ^ b, size, flags);
	case MMIO_NEG:
		return sub(0, a, 0, size, flags);
	case MMIO_INC:
		*mask &= ~FLAG_CF;
		return add(a, 1, 0, size, flags);
	case MMIO_DEC:
		*mask &= ~FLAG_CF;
		return sub(a, 1, 0, size, flags);
	default:
		*mask = 0;
		return ~a & mask_of(size);
	}
}

/* A load of fewer bytes than the register has extends; into a register of its
 * own size that changes nothing. */
static int do_mov(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;
	u64 addr = effective_address(cpu), val;
	int ret;

	if (insn->flags & MMIO_F_TO_MEM) {
		val = get_operand(cpu);
		if (insn->flags & MMIO_F_SWAP)
			val = swap_bytes(val, insn->size);
		return store(cpu, addr, val);
	}
	ret = load(cpu, addr, &val);
	if (ret)
		return ret;
	if (insn->flags & MMIO_F_SWAP)
		val = swap_bytes(val, insn->size);
	if (insn->flags & MMIO_F_SIGN)
		val = sign_extend(val, insn->size);
	set_operand(cpu, val);
	return 0;
}

static int do_vec(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;
	u64 addr = effective_address(cpu);
	u8 buf[MMIO_DATA_MAX];
	int ret;

	if (insn->flags & MMIO_F_TO_MEM) {
		ret = mmio_vec_get(cpu->ctx, insn->reg, buf, insn->size);
		return ret ? ret : mmio_store(cpu, addr, buf, insn->size);
	}
	ret = mmio_load(cpu, addr, buf, insn->size);
	if (ret)
		return ret;
	return mmio_vec_set(cpu->ctx, insn->reg, buf, insn->size,
			    insn->flags & MMIO_F_VEX);
}

static bool alu_has_operand(unsigned int op)
{
	return op < MMIO_INC;
}

/* Reads, computes, writes; with lock or without, as the device's lock is held
 * throughout.  Flags change last, since the write may fail. */
static int do_alu(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;
	bool to_mem = insn->flags & MMIO_F_TO_MEM;
	u64 addr = effective_address(cpu);
	u64 mem, other = 0, res, flags = 0, mask;
	int ret;

	ret = load(cpu, addr, &mem);
	if (ret)
		return ret;
	if (alu_has_operand(insn->arg))
		other = get_operand(cpu);
	res = compute(insn->arg, to_mem ? mem : other, to_mem ? other : mem,
		      *eflags(cpu) & FLAG_CF, insn->size, &flags, &mask);
	if (insn->arg != MMIO_CMP && insn->arg != MMIO_TEST) {
		if (to_mem)
			ret = store(cpu, addr, res);
		else
			set_operand(cpu, res);
	}
	if (!ret)
		set_flags(cpu, mask, flags);
	return ret;
}

/* A register names any bit around the address, an immediate one in it. */
static int do_bit(struct mmio_cpu *cpu)
{
	const struct mmio_insn *insn = cpu->insn;
	s64 bits = insn->size * 8;
	u64 addr = effective_address(cpu), bit = get_operand(cpu), val, old;
	int ret;

	if (!(insn->flags & MMIO_F_IMM)) {
		s64 off = sign_extend(bit, insn->reg_size);

		off = (off - (off & (bits - 1))) / 8;
		addr = cut_address(cpu, addr + off);
	}
	bit = 1ull << (bit & (bits - 1));
	ret = load(cpu, addr, &old);
	if (ret)
		return ret;
	val = old;
	if (insn->arg == MMIO_BTS)
		val |= bit;
	else if (insn->arg == MMIO_BTR)
		val &= ~bit;
	else if (insn->arg == MMIO_BTC)
		val ^= bit;
	if (insn->arg != MMIO_BT)
		ret = store(cpu, addr, val);
	if (!ret)
		set_flags(cpu, FLAG_CF, old & bit ? FLAG_CF : 0);
	return ret;
}

/* Locked by nature; see do_alu(). */
static int do_xchg(struct mmio_cpu *cpu)
{
	u64 addr = effective_address(cpu), old;
	int ret;

	ret = load(cpu, addr, &old);
	if (!ret)
		ret = store(cpu, addr, get_operand(cpu));
	if (!ret)
		set_operand(cpu, old);
	return ret;
}

static int do_xadd(struct mmio_cpu *cpu)
{
	u64 addr = effective_address(cpu), old, sum, flags;
	int ret;

	ret = load(cpu, addr, &old);
	if (ret)
		return ret;
	sum = add(old, get_operand(cpu), 0, cpu->insn->size, &flags);
	ret = store(cpu, addr, sum);
	if (ret)
		return ret;
	set_operand(cpu, old);
	set_flags(cpu, FLAGS_ARITH, flags);
	return 0;
}

/* Where the values differ the processor writes the old one back. */
static int do_cmpxchg(struct mmio_cpu *cpu)
{
	unsigned int size = cpu->insn->size;
	u64 addr = effective_address(cpu), old, flags;
	int ret;

	ret = load(cpu, addr, &old);
	if (ret)
		return ret;
	sub(get_reg(cpu, RAX, size), old, 0, size, &flags);
	ret = store(cpu, addr, flags & FLAG_ZF ? get_operand(cpu) : old);
	if (ret)
		return ret;
	if (!(flags & FLAG_ZF))
		set_reg(cpu, RAX, size, old);
	set_flags(cpu, FLAGS_ARITH, flags);
	return 0;
}

/* 64 bytes that the processor writes as one; a device here sees eight times
 * eight. */
static int do_movdir64b(struct mmio_cpu *cpu)
{
	u64 from = effective_address(cpu);
	u64 to = cut_address(cpu, *greg(cpu, cpu->insn->reg));
	u8 buf[MMIO_DATA_MAX];
	int ret;

	ret = mmio_load(cpu, from, buf, sizeof(buf));
	return ret ? ret : mmio_store(cpu, to, buf, sizeof(buf));
}

/* ---- string instructions ---- */

static u64 get_address_reg(struct mmio_cpu *cpu, unsigned int reg)
{
	return cut_address(cpu, *greg(cpu, reg));
}

static void add_address_reg(struct mmio_cpu *cpu, unsigned int reg, s64 step)
{
	set_reg(cpu, reg, cpu->insn->flags & MMIO_F_ADDR32 ? 4 : 8,
		get_address_reg(cpu, reg) + step);
}

static int string_element(struct mmio_cpu *cpu, u64 src_base)
{
	const struct mmio_insn *insn = cpu->insn;
	s64 step = *eflags(cpu) & FLAG_DF ? -(s64)insn->size : insn->size;
	u64 val = get_reg(cpu, RAX, insn->size);
	int ret = 0;

	if (insn->op != MMIO_STOS)
		ret = load(cpu, src_base + get_address_reg(cpu, RSI), &val);
	if (!ret && insn->op != MMIO_LODS)
		ret = store(cpu, get_address_reg(cpu, RDI), val);
	if (ret)
		return ret;
	if (insn->op == MMIO_LODS)
		set_reg(cpu, RAX, insn->size, val);
	else
		add_address_reg(cpu, RDI, step);
	if (insn->op != MMIO_STOS)
		add_address_reg(cpu, RSI, step);
	return 0;
}

/* Each element is an instruction of its own: an error leaves the registers
 * after the last good one.  1: there is more to do at the same rip. */
static int do_string(struct mmio_cpu *cpu)
{
	u64 src_base = segment_base(cpu->insn->seg);
	unsigned int i;
	int ret;

	if (!(cpu->insn->flags & MMIO_F_REP))
		return string_element(cpu, src_base);
	for (i = 0; i < STRING_CHUNK; i++) {
		if (!get_address_reg(cpu, RCX))
			return 0;
		ret = string_element(cpu, src_base);
		if (ret)
			return ret;
		add_address_reg(cpu, RCX, -1);
	}
	return get_address_reg(cpu, RCX) ? 1 : 0;
}

static int do_insn(struct mmio_cpu *cpu)
{
	switch (cpu->insn->op) {
	case MMIO_MOV:
		return do_mov(cpu);
	case MMIO_VEC:
		return do_vec(cpu);
	case MMIO_ALU:
		return do_alu(cpu);
	case MMIO_BIT:
		return do_bit(cpu);
	case MMIO_XCHG:
		return do_xchg(cpu);
	case MMIO_XADD:
		return do_xadd(cpu);
	case MMIO_CMPXCHG:
		return do_cmpxchg(cpu);
	case MMIO_MOVS:
	case MMIO_STOS:
	case MMIO_LODS:
		return do_string(cpu);
	case MMIO_MOVDIR64B:
		return do_movdir64b(cpu);
	default:
		return -EOPNOTSUPP;
	}
}

/* A string instruction that is not done stays at its rip, with its counters
 * advanced: the processor comes back to it. */
int mmio_emulate(struct mmio_cpu *cpu)
{
	int ret = do_insn(cpu);

	if (ret < 0)
		return ret;
	if (!ret)
		cpu->ctx->uc_mcontext.gregs[REG_RIP] += cpu->insn->len;
	return 0;
}
