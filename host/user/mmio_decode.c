/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * From bytes to a struct mmio_insn.  Zydis reads the bytes; the table says
 * which instructions we can do on a device's registers.
 */
#include "mmio.h"

#include <Zydis/Zydis.h>

/* What may stand beside the memory operand is read from the operands. */
struct form {
	u16 mnemonic;
	u8 op;
	u8 arg;
	u8 flags;
};

/* clang-format off */
static const struct form forms[] = {
	{ ZYDIS_MNEMONIC_MOV,		MMIO_MOV, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVZX,		MMIO_MOV, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSX,		MMIO_MOV, 0, MMIO_F_SIGN },
	{ ZYDIS_MNEMONIC_MOVSXD,	MMIO_MOV, 0, MMIO_F_SIGN },
	{ ZYDIS_MNEMONIC_MOVNTI,	MMIO_MOV, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVDIRI,	MMIO_MOV, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVBE,		MMIO_MOV, 0, MMIO_F_SWAP },
	{ ZYDIS_MNEMONIC_MOVDIR64B,	MMIO_MOVDIR64B, 0, 0 },

	{ ZYDIS_MNEMONIC_ADD,		MMIO_ALU, MMIO_ADD, 0 },
	{ ZYDIS_MNEMONIC_ADC,		MMIO_ALU, MMIO_ADC, 0 },
	{ ZYDIS_MNEMONIC_SUB,		MMIO_ALU, MMIO_SUB, 0 },
	{ ZYDIS_MNEMONIC_SBB,		MMIO_ALU, MMIO_SBB, 0 },
	{ ZYDIS_MNEMONIC_CMP,		MMIO_ALU, MMIO_CMP, 0 },
	{ ZYDIS_MNEMONIC_AND,		MMIO_ALU, MMIO_AND, 0 },
	{ ZYDIS_MNEMONIC_OR,		MMIO_ALU, MMIO_OR, 0 },
	{ ZYDIS_MNEMONIC_XOR,		MMIO_ALU, MMIO_XOR, 0 },
	{ ZYDIS_MNEMONIC_TEST,		MMIO_ALU, MMIO_TEST, 0 },
	{ ZYDIS_MNEMONIC_INC,		MMIO_ALU, MMIO_INC, 0 },
	{ ZYDIS_MNEMONIC_DEC,		MMIO_ALU, MMIO_DEC, 0 },
	{ ZYDIS_MNEMONIC_NEG,		MMIO_ALU, MMIO_NEG, 0 },
	{ ZYDIS_MNEMONIC_NOT,		MMIO_ALU, MMIO_NOT, 0 },

	{ ZYDIS_MNEMONIC_BT,		MMIO_BIT, MMIO_BT, 0 },
	{ ZYDIS_MNEMONIC_BTS,		MMIO_BIT, MMIO_BTS, 0 },
	{ ZYDIS_MNEMONIC_BTR,		MMIO_BIT, MMIO_BTR, 0 },
	{ ZYDIS_MNEMONIC_BTC,		MMIO_BIT, MMIO_BTC, 0 },

	{ ZYDIS_MNEMONIC_XCHG,		MMIO_XCHG, 0, 0 },
	{ ZYDIS_MNEMONIC_XADD,		MMIO_XADD, 0, 0 },
	{ ZYDIS_MNEMONIC_CMPXCHG,	MMIO_CMPXCHG, 0, 0 },

	{ ZYDIS_MNEMONIC_MOVD,		MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVQ,		MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSS,		MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSD,		MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVDQA,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVDQU,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVAPS,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVAPD,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVUPS,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVUPD,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_LDDQU,		MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVNTDQ,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVNTDQA,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVNTPS,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVNTPD,	MMIO_VEC, 0, 0 },
	{ ZYDIS_MNEMONIC_VMOVD,		MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVQ,		MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVSS,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVSD,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQA,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQA32,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQA64,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQU,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQU8,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQU16,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQU32,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVDQU64,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVAPS,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVAPD,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVUPS,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVUPD,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VLDDQU,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVNTDQ,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVNTDQA,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVNTPS,	MMIO_VEC, 0, MMIO_F_VEX },
	{ ZYDIS_MNEMONIC_VMOVNTPD,	MMIO_VEC, 0, MMIO_F_VEX },
};

/* By the mnemonic alone MOVSD is two instructions: the string ones are told
 * by their category. */
static const struct form string_forms[] = {
	{ ZYDIS_MNEMONIC_MOVSB,		MMIO_MOVS, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSW,		MMIO_MOVS, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSD,		MMIO_MOVS, 0, 0 },
	{ ZYDIS_MNEMONIC_MOVSQ,		MMIO_MOVS, 0, 0 },
	{ ZYDIS_MNEMONIC_STOSB,		MMIO_STOS, 0, 0 },
	{ ZYDIS_MNEMONIC_STOSW,		MMIO_STOS, 0, 0 },
	{ ZYDIS_MNEMONIC_STOSD,		MMIO_STOS, 0, 0 },
	{ ZYDIS_MNEMONIC_STOSQ,		MMIO_STOS, 0, 0 },
	{ ZYDIS_MNEMONIC_LODSB,		MMIO_LODS, 0, 0 },
	{ ZYDIS_MNEMONIC_LODSW,		MMIO_LODS, 0, 0 },
	{ ZYDIS_MNEMONIC_LODSD,		MMIO_LODS, 0, 0 },
	{ ZYDIS_MNEMONIC_LODSQ,		MMIO_LODS, 0, 0 },
};
/* clang-format on */

static const struct form *find_form(const ZydisDecodedInstruction *zi)
{
	const struct form *form = forms;
	size_t nr = ARRAY_SIZE(forms), i;

	if (zi->meta.category == ZYDIS_CATEGORY_STRINGOP) {
		form = string_forms;
		nr = ARRAY_SIZE(string_forms);
	}
	for (i = 0; i < nr; i++)
		if (form[i].mnemonic == zi->mnemonic)
			return &form[i];
	return NULL;
}

/* The number of an address register; legacy and 64-bit ones count alike. */
static u8 address_reg(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return MMIO_NO_REG;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return MMIO_REG_RIP;
	return ZydisRegisterGetId(reg);
}

static void decode_memory(const ZydisDecodedInstruction *zi,
			  const ZydisDecodedOperand *op, struct mmio_insn *insn)
{
	insn->size = op->size / 8;
	insn->base = address_reg(op->mem.base);
	insn->index = address_reg(op->mem.index);
	insn->scale = op->mem.scale;
	insn->disp = op->mem.disp.has_displacement ? op->mem.disp.value : 0;
	if (op->mem.segment == ZYDIS_REGISTER_FS)
		insn->seg = MMIO_SEG_FS;
	else if (op->mem.segment == ZYDIS_REGISTER_GS)
		insn->seg = MMIO_SEG_GS;
	if (zi->address_width == 32)
		insn->flags |= MMIO_F_ADDR32;
}

static int decode_register(const ZydisDecodedOperand *op,
			   struct mmio_insn *insn)
{
	u8 id = ZydisRegisterGetId(op->reg.value);

	insn->reg_size = op->size / 8;
	switch (ZydisRegisterGetClass(op->reg.value)) {
	case ZYDIS_REGCLASS_GPR8:
		/* Zydis counts al cl dl bl, ah ch dh bh, spl bpl ... */
		if (id >= 4 && id < 8)
			insn->flags |= MMIO_F_HIGH;
		insn->reg = id < 4 ? id : id - 4;
		return insn->op == MMIO_VEC ? -EOPNOTSUPP : 0;
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		insn->reg = id;
		return insn->op == MMIO_VEC ? -EOPNOTSUPP : 0;
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
	case ZYDIS_REGCLASS_ZMM:
		insn->reg = id;
		return insn->op == MMIO_VEC ? 0 : -EOPNOTSUPP;
	case ZYDIS_REGCLASS_MASK:
		return id ? -EOPNOTSUPP : 0; /* k0: no mask */
	default:
		return -EOPNOTSUPP;
	}
}

static int decode_operands(const ZydisDecodedInstruction *zi,
			   const ZydisDecodedOperand *ops,
			   struct mmio_insn *insn)
{
	bool memory = false;
	unsigned int i;
	int ret;

	for (i = 0; i < zi->operand_count_visible; i++) {
		switch (ops[i].type) {
		case ZYDIS_OPERAND_TYPE_MEMORY:
			decode_memory(zi, &ops[i], insn);
			if (i == 0)
				insn->flags |= MMIO_F_TO_MEM;
			memory = true;
			break;
		case ZYDIS_OPERAND_TYPE_IMMEDIATE:
			insn->imm = ops[i].imm.value.u;
			insn->flags |= MMIO_F_IMM;
			break;
		default:
			ret = decode_register(&ops[i], insn);
			if (ret)
				return ret;
			break;
		}
	}
	return memory ? 0 : -EOPNOTSUPP;
}

/* Their operands are rsi, rdi and rax; only the width and the source's segment
 * differ. */
static int decode_string(const ZydisDecodedInstruction *zi,
			 const ZydisDecodedOperand *ops, struct mmio_insn *insn)
{
	unsigned int i;

	insn->size = zi->operand_width / 8;
	if (zi->address_width == 32)
		insn->flags |= MMIO_F_ADDR32;
	if (zi->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
			      ZYDIS_ATTRIB_HAS_REPNE))
		insn->flags |= MMIO_F_REP;
	for (i = 0; i < zi->operand_count; i++) {
		if (ops[i].type != ZYDIS_OPERAND_TYPE_MEMORY)
			continue;
		if (ops[i].mem.segment == ZYDIS_REGISTER_FS)
			insn->seg = MMIO_SEG_FS;
		else if (ops[i].mem.segment == ZYDIS_REGISTER_GS)
			insn->seg = MMIO_SEG_GS;
	}
	return 0;
}

int mmio_decode(const u8 *code, size_t len, struct mmio_insn *insn)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zi;
	const struct form *form;
	ZydisDecoder decoder;
	int ret;

	memset(insn, 0, sizeof(*insn));
	insn->base = MMIO_NO_REG;
	insn->index = MMIO_NO_REG;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
			 ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(
		    ZydisDecoderDecodeFull(&decoder, code, len, &zi, ops)))
		return -EOPNOTSUPP;
	form = find_form(&zi);
	if (!form || zi.avx.broadcast.mode)
		return -EOPNOTSUPP;
	insn->op = form->op;
	insn->arg = form->arg;
	insn->flags = form->flags;
	if (form->op >= MMIO_MOVS && form->op <= MMIO_LODS)
		ret = decode_string(&zi, ops, insn);
	else
		ret = decode_operands(&zi, ops, insn);
	if (ret)
		return ret;
	if (insn->size > MMIO_DATA_MAX ||
	    (form->op != MMIO_VEC && form->op != MMIO_MOVDIR64B &&
	     insn->size > 8))
		return -EOPNOTSUPP;
	insn->len = zi.length;
	return 0;
}
