/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Instructions that touched a trapped page.
 *
 * mmio_decode.c turns the bytes at the program counter into a struct mmio_insn,
 * mmio_emulate.c does what it says to the registers of a signal frame, and
 * mmio.c finds the device, brings the three together and moves the data.
 *
 * All of it runs inside a signal handler that may have interrupted any code of
 * the program but ours: no allocation, no libc call that takes a lock.
 */
#ifndef ANYVFIO_USER_MMIO_H
#define ANYVFIO_USER_MMIO_H

#include "port.h"

#include <ucontext.h>

#define MMIO_INSN_MAX 15 /* bytes of the longest instruction */
#define MMIO_DATA_MAX 64 /* bytes of the widest operand */
#define MMIO_NO_REG 0xff
#define MMIO_REG_RIP 16

enum mmio_op {
	MMIO_NONE,
	MMIO_MOV, /* general register or immediate, or to one */
	MMIO_VEC, /* xmm, ymm, zmm */
	MMIO_ALU, /* @arg: enum mmio_alu */
	MMIO_BIT, /* @arg: enum mmio_bit */
	MMIO_XCHG,
	MMIO_XADD,
	MMIO_CMPXCHG,
	MMIO_MOVS,
	MMIO_STOS,
	MMIO_LODS,
	MMIO_MOVDIR64B, /* memory to where a register points */
};

enum mmio_alu {
	MMIO_ADD,
	MMIO_ADC,
	MMIO_SUB,
	MMIO_SBB,
	MMIO_CMP,
	MMIO_AND,
	MMIO_OR,
	MMIO_XOR,
	MMIO_TEST,
	MMIO_INC,
	MMIO_DEC,
	MMIO_NEG,
	MMIO_NOT,
};

enum mmio_bit { MMIO_BT, MMIO_BTS, MMIO_BTR, MMIO_BTC };

#define MMIO_F_TO_MEM 1u /* memory is the destination */
#define MMIO_F_SIGN 2u /* a load extends the sign */
#define MMIO_F_SWAP 4u /* movbe */
#define MMIO_F_HIGH 8u /* the register is ah, ch, dh or bh */
#define MMIO_F_IMM 16u /* @imm and not @reg */
#define MMIO_F_REP 32u
#define MMIO_F_ADDR32 64u /* the address is cut to 32 bits */
#define MMIO_F_VEX 128u /* a load clears the rest of the register */

enum mmio_seg { MMIO_SEG_FLAT, MMIO_SEG_FS, MMIO_SEG_GS };

/**
 * struct mmio_insn - one instruction
 * @len:   its length; 0: nothing was decoded
 * @op, @arg, @flags: what it does
 * @size:  bytes of the memory operand
 * @reg:   the other operand: general registers by their numbers 0 to 15,
 *         vector registers 0 to 31
 * @reg_size: its bytes
 * @base, @index, @scale, @seg, @disp: the address
 */
struct mmio_insn {
	u8 len, op, arg, flags;
	u8 size, reg, reg_size, seg;
	u8 base, index, scale, unused;
	s64 disp;
	u64 imm;
};

/* 0, or -EOPNOTSUPP. */
int mmio_decode(const u8 *code, size_t len, struct mmio_insn *insn);

/**
 * struct mmio_cpu - an instruction on its way
 * @ctx: the program's registers, changed only once all accesses are done
 * @insn: the instruction
 * @priv: mmio.c's
 */
struct mmio_cpu {
	ucontext_t *ctx;
	const struct mmio_insn *insn;
	void *priv;
};

/* Does the instruction and steps over it.  0; -EFAULT when memory that is not
 * a device's was not there; -EOPNOTSUPP. */
int mmio_emulate(struct mmio_cpu *cpu);

/* mmio.c: @size bytes at @addr, wherever that is; for mmio_emulate(). */
int mmio_load(struct mmio_cpu *cpu, u64 addr, void *buf, size_t size);
int mmio_store(struct mmio_cpu *cpu, u64 addr, const void *buf, size_t size);

/* The vector registers in a signal frame (mmio_xsave.c).  @size is 4 to 64;
 * setting clears up to 16 bytes, or with @clear_rest the whole register.
 * -EOPNOTSUPP when the frame does not have that register. */
int mmio_vec_get(const ucontext_t *ctx, unsigned int reg, void *buf,
		 size_t size);
int mmio_vec_set(ucontext_t *ctx, unsigned int reg, const void *buf,
		 size_t size, bool clear_rest);

#endif /* ANYVFIO_USER_MMIO_H */
