/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Instructions on trapped pages.  Each is run twice from the same state: on
 * ordinary memory, where the processor does it, and on the device, where we do;
 * registers, flags and what is left in memory must be the same.
 */
#include "harness.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT 0x40 /* where in the page the instructions work */
#define AREA 0x80 /* bytes of the page that are compared */
#define FLAGS 0x8d5ul /* OF SF ZF AF PF CF */
#define FLAG_DF 0x400ul
#define ROUNDS 24

struct state {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, flags;
};

static struct client c;
static uint8_t *device; /* page 0 of BAR 0 */
static uint8_t *memory;

/* ---- running one instruction ---- */

typedef void (*form_fn)(struct state *s);

/* rsi and rdi point at the operand; the other four are operands.  The red zone
 * is stepped over, as the flags go through the stack. */
#define INSN(name, text)                                                  \
	static void name(struct state *s)                                 \
	{                                                                 \
		struct state r = *s;                                      \
                                                                          \
		__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"             \
				 "push %6\n\tpopfq\n\t" text              \
				 "\n\tpushfq\n\tpop %6\n\tcld\n\t"        \
				 "lea 128(%%rsp), %%rsp"                  \
				 : "+a"(r.rax), "+b"(r.rbx), "+c"(r.rcx), \
				   "+d"(r.rdx), "+S"(r.rsi), "+D"(r.rdi), \
				   "+r"(r.flags)                          \
				 :                                        \
				 : "memory", "cc", "r9");                 \
		*s = r;                                                   \
	}

/**
 * struct form - an instruction
 * @trace: the accesses the device must see: r or w, size, @offset from AT; NULL:
 *         only their effect counts
 * @lanes: rbx is a bit number: kept small
 */
struct form {
	const char *name;
	form_fn fn;
	const char *trace;
	bool lanes;
};

static uint64_t seed = 88172645463325252ull;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Now and then something at the edge. */
static uint64_t next_value(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  ~0ull,
					  0x7f,
					  0x80,
					  0x7fff,
					  0x8000,
					  0x7fffffff,
					  0x80000000,
					  0x7fffffffffffffff,
					  0x8000000000000000 };
	uint64_t r = next_random();

	return r & 1 ? edges[(r >> 8) % ARRAY_SIZE(edges)] : next_random();
}

static void append_access(char *trace, size_t size,
			  const volatile struct probe_access *a)
{
	size_t len = strlen(trace);

	snprintf(trace + len, size - len, "%s%c%u@%lld", len ? " " : "",
		 a->write ? 'w' : 'r', a->size, (long long)a->off - AT);
}

static void check_trace(const struct form *f)
{
	char trace[512] = "";
	unsigned int i;

	if (!f->trace)
		return;
	for (i = 0; i < probe.nr; i++)
		append_access(trace, sizeof(trace), &probe.log[i]);
	assert_string_equal(trace, f->trace);
}

static void fill(uint8_t *to)
{
	uint64_t val;
	unsigned int i;

	for (i = 0; i < AREA; i += 8) {
		val = next_value();
		memcpy(to + i, &val, 8);
	}
}

/* Pointers are compared by how far they moved. */
static void run_on(const struct form *f, struct state *s, uint8_t *page)
{
	s->rsi += (uintptr_t)page;
	s->rdi += (uintptr_t)page;
	f->fn(s);
	s->rsi -= (uintptr_t)page;
	s->rdi -= (uintptr_t)page;
}

static bool same_state(const struct state *a, const struct state *b)
{
	return a->rax == b->rax && a->rbx == b->rbx && a->rcx == b->rcx &&
	       a->rdx == b->rdx && a->rsi == b->rsi && a->rdi == b->rdi &&
	       (a->flags & FLAGS) == (b->flags & FLAGS);
}

static void say(const char *what, const struct state *s)
{
	print_message("  %s: a %lx b %lx c %lx d %lx si %lx di %lx fl %lx\n",
		      what, s->rax, s->rbx, s->rcx, s->rdx, s->rsi, s->rdi,
		      s->flags & FLAGS);
}

static void compare_once(const struct form *f, const struct state *from)
{
	struct state want = *from, got = *from;
	uint8_t before[AREA];

	memcpy(before, memory, AREA);
	memcpy(probe_regs(0), memory, AREA);
	probe.nr = 0;
	run_on(f, &want, memory);
	run_on(f, &got, device);
	if (!same_state(&want, &got) ||
	    memcmp(memory, probe_regs(0), AREA) != 0) {
		print_message("%s\n", f->name);
		say("from", from);
		say("processor", &want);
		say("device", &got);
		fail();
	}
	check_trace(f);
}

static void compare(const struct form *f)
{
	struct state s;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		fill(memory);
		s.rax = next_value();
		s.rbx = next_value();
		s.rcx = next_value();
		s.rdx = next_value();
		/* A comparison that is equal, every other time. */
		if (i & 1)
			memcpy(&s.rax, memory + AT, 8);
		if (f->lanes)
			s.rbx = (s.rbx & 0xff) - 0x80;
		s.rsi = AT;
		s.rdi = AT;
		s.flags = 0x202 | (next_random() & FLAGS);
		compare_once(f, &s);
	}
}

static void compare_all(const struct form *forms, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		compare(&forms[i]);
}

/* ---- mov and its relatives ---- */

/* clang-format off */
INSN(st8, "movb %%bl, (%%rsi)")
INSN(st8_high, "movb %%bh, (%%rsi)")
INSN(st8_sil, "mov %%rsi, %%r9\n\tmovb %%sil, (%%r9)")
INSN(st16, "movw %%bx, (%%rsi)")
INSN(st32, "movl %%ebx, (%%rsi)")
INSN(st64, "movq %%rbx, (%%rsi)")
INSN(st8_imm, "movb $0x85, (%%rsi)")
INSN(st16_imm, "movw $0x8586, (%%rsi)")
INSN(st32_imm, "movl $0x85868788, (%%rsi)")
INSN(st64_imm, "movq $-5, (%%rsi)")
INSN(ld8, "movb (%%rsi), %%bl")
INSN(ld8_high, "movb (%%rsi), %%bh")
INSN(ld8_ah, "movb (%%rsi), %%ah")
INSN(ld16, "movw (%%rsi), %%bx")
INSN(ld32, "movl (%%rsi), %%ebx")
INSN(ld64, "movq (%%rsi), %%rbx")
INSN(movzx_8_16, "movzbw (%%rsi), %%bx")
INSN(movzx_8_32, "movzbl (%%rsi), %%ebx")
INSN(movzx_8_64, "movzbq (%%rsi), %%rbx")
INSN(movzx_16_32, "movzwl (%%rsi), %%ebx")
INSN(movzx_16_64, "movzwq (%%rsi), %%rbx")
INSN(movsx_8_16, "movsbw (%%rsi), %%bx")
INSN(movsx_8_32, "movsbl (%%rsi), %%ebx")
INSN(movsx_8_64, "movsbq (%%rsi), %%rbx")
INSN(movsx_16_32, "movswl (%%rsi), %%ebx")
INSN(movsx_16_64, "movswq (%%rsi), %%rbx")
INSN(movsx_32_64, "movslq (%%rsi), %%rbx")
INSN(movnti32, "movnti %%ebx, (%%rsi)")
INSN(movnti64, "movnti %%rbx, (%%rsi)")
INSN(movbe_ld16, "movbe (%%rsi), %%bx")
INSN(movbe_ld32, "movbe (%%rsi), %%ebx")
INSN(movbe_ld64, "movbe (%%rsi), %%rbx")
INSN(movbe_st16, "movbe %%bx, (%%rsi)")
INSN(movbe_st32, "movbe %%ebx, (%%rsi)")
INSN(movbe_st64, "movbe %%rbx, (%%rsi)")
/* Addresses of all shapes. */
INSN(disp8, "movl 8(%%rsi), %%ebx")
INSN(disp32, "movl -0x40(%%rsi,1), %%ebx")
INSN(scaled, "mov $2, %%r9d\n\tmovl 4(%%rsi,%%r9,8), %%ebx")
INSN(negative, "mov $-3, %%r9\n\tmovl (%%rsi,%%r9,4), %%ebx")
INSN(r13_base, "mov %%rsi, %%r9\n\tpush %%r13\n\tmov %%r9, %%r13\n\t"
	       "movl (%%r13), %%ebx\n\tpop %%r13")
INSN(r12_base, "mov %%rsi, %%r9\n\tpush %%r12\n\tmov %%r9, %%r12\n\t"
	       "movl %%ebx, 4(%%r12)\n\tpop %%r12")
/* Not aligned: cut where the device's registers are. */
INSN(odd_ld16, "movw 1(%%rsi), %%bx")
INSN(odd_ld32, "movl 2(%%rsi), %%ebx")
INSN(odd_ld64, "movq 4(%%rsi), %%rbx")
INSN(odd_st64, "movq %%rbx, 3(%%rsi)")
/* clang-format on */

static void mov_forms_do_what_the_processor_does(void **state)
{
	static const struct form forms[] = {
		{ "st8", st8, "w1@0", false },
		{ "st8_high", st8_high, "w1@0", false },
		{ "st16", st16, "w2@0", false },
		{ "st32", st32, "w4@0", false },
		{ "st64", st64, "w8@0", false },
		{ "st8_imm", st8_imm, "w1@0", false },
		{ "st16_imm", st16_imm, "w2@0", false },
		{ "st32_imm", st32_imm, "w4@0", false },
		{ "st64_imm", st64_imm, "w8@0", false },
		{ "ld8", ld8, "r1@0", false },
		{ "ld8_high", ld8_high, "r1@0", false },
		{ "ld8_ah", ld8_ah, "r1@0", false },
		{ "ld16", ld16, "r2@0", false },
		{ "ld32", ld32, "r4@0", false },
		{ "ld64", ld64, "r8@0", false },
		{ "movzx_8_16", movzx_8_16, "r1@0", false },
		{ "movzx_8_32", movzx_8_32, "r1@0", false },
		{ "movzx_8_64", movzx_8_64, "r1@0", false },
		{ "movzx_16_32", movzx_16_32, "r2@0", false },
		{ "movzx_16_64", movzx_16_64, "r2@0", false },
		{ "movsx_8_16", movsx_8_16, "r1@0", false },
		{ "movsx_8_32", movsx_8_32, "r1@0", false },
		{ "movsx_8_64", movsx_8_64, "r1@0", false },
		{ "movsx_16_32", movsx_16_32, "r2@0", false },
		{ "movsx_16_64", movsx_16_64, "r2@0", false },
		{ "movsx_32_64", movsx_32_64, "r4@0", false },
		{ "movnti32", movnti32, "w4@0", false },
		{ "movnti64", movnti64, "w8@0", false },
		{ "movbe_ld16", movbe_ld16, "r2@0", false },
		{ "movbe_ld32", movbe_ld32, "r4@0", false },
		{ "movbe_ld64", movbe_ld64, "r8@0", false },
		{ "movbe_st16", movbe_st16, "w2@0", false },
		{ "movbe_st32", movbe_st32, "w4@0", false },
		{ "movbe_st64", movbe_st64, "w8@0", false },
	};

	compare_all(forms, ARRAY_SIZE(forms));
}

/* sil is part of the address, which differs: only the device is asked. */
static void low_byte_of_rsi_is_not_dh(void **state)
{
	struct state s = { .rsi = (uintptr_t)device + AT,
			   .rdx = 0x5500,
			   .flags = 0x202 };

	st8_sil(&s);
	assert_int_equal(probe.log[0].val, ((uintptr_t)device + AT) & 0xff);
}

static void addresses_of_all_shapes_are_computed(void **state)
{
	static const struct form forms[] = {
		{ "disp8", disp8, "r4@8", false },
		{ "disp32", disp32, "r4@-64", false },
		{ "scaled", scaled, "r4@20", false },
		{ "negative", negative, "r4@-12", false },
		{ "r13_base", r13_base, "r4@0", false },
		{ "r12_base", r12_base, "w4@4", false },
	};

	compare_all(forms, ARRAY_SIZE(forms));
}

static void unaligned_accesses_are_cut_into_aligned_ones(void **state)
{
	static const struct form forms[] = {
		{ "odd_ld16", odd_ld16, "r1@1 r1@2", false },
		{ "odd_ld32", odd_ld32, "r2@2 r2@4", false },
		{ "odd_ld64", odd_ld64, "r4@4 r4@8", false },
		{ "odd_st64", odd_st64, "w1@3 w4@4 w2@8 w1@10", false },
	};

	compare_all(forms, ARRAY_SIZE(forms));
}

/* ---- arithmetic ---- */

/* clang-format off */
#define ALU_SIZE(op, s, reg, imm)                      \
	INSN(op##s##_mr, #op #s " %%" reg ", (%%rsi)") \
	INSN(op##s##_rm, #op #s " (%%rsi), %%" reg)    \
	INSN(op##s##_mi, #op #s " $" imm ", (%%rsi)")  \
	INSN(op##s##_m8, #op #s " $-3, (%%rsi)")

#define ALU(op)                           \
	ALU_SIZE(op, b, "bl", "0x71")     \
	ALU_SIZE(op, w, "bx", "0x7123")   \
	ALU_SIZE(op, l, "ebx", "0x71234567") \
	ALU_SIZE(op, q, "rbx", "0x71234567")

ALU(add)
ALU(or)
ALU(adc)
ALU(sbb)
ALU(and)
ALU(sub)
ALU(xor)
ALU(cmp)

#define TEST_SIZE(s, reg, imm)                       \
	INSN(test##s##_mr, "test" #s " %%" reg ", (%%rsi)") \
	INSN(test##s##_mi, "test" #s " $" imm ", (%%rsi)")

TEST_SIZE(b, "bl", "0xf1")
TEST_SIZE(w, "bx", "0xf123")
TEST_SIZE(l, "ebx", "0xf1234567")
TEST_SIZE(q, "rbx", "-0x71234567")

#define UNARY(op)                   \
	INSN(op##b, #op "b (%%rsi)") \
	INSN(op##w, #op "w (%%rsi)") \
	INSN(op##l, #op "l (%%rsi)") \
	INSN(op##q, #op "q (%%rsi)")

UNARY(not)
UNARY(neg)
UNARY(inc)
UNARY(dec)

INSN(lock_add, "lock addl %%ebx, (%%rsi)")
INSN(lock_or, "lock orq $1, (%%rsi)")
INSN(lock_inc, "lock incw (%%rsi)")
INSN(add_bh, "addb %%bh, (%%rsi)")
INSN(sub_bh, "subb (%%rsi), %%bh")

#define ALU_ROWS(op, s, n)                                           \
	{ #op #s " mr", op##s##_mr, "r" #n "@0 w" #n "@0", false },  \
	{ #op #s " rm", op##s##_rm, "r" #n "@0", false },            \
	{ #op #s " mi", op##s##_mi, "r" #n "@0 w" #n "@0", false },  \
	{ #op #s " m8", op##s##_m8, "r" #n "@0 w" #n "@0", false }
#define ALU_TABLE(op)                                              \
	ALU_ROWS(op, b, 1), ALU_ROWS(op, w, 2), ALU_ROWS(op, l, 4), \
		ALU_ROWS(op, q, 8)
#define CMP_ROWS(s, n)                                   \
	{ "cmp" #s " mr", cmp##s##_mr, "r" #n "@0", false }, \
	{ "cmp" #s " rm", cmp##s##_rm, "r" #n "@0", false }, \
	{ "cmp" #s " mi", cmp##s##_mi, "r" #n "@0", false }, \
	{ "cmp" #s " m8", cmp##s##_m8, "r" #n "@0", false }, \
	{ "test" #s " mr", test##s##_mr, "r" #n "@0", false }, \
	{ "test" #s " mi", test##s##_mi, "r" #n "@0", false }
#define UNARY_ROWS(op)                              \
	{ #op "b", op##b, "r1@0 w1@0", false },     \
	{ #op "w", op##w, "r2@0 w2@0", false },     \
	{ #op "l", op##l, "r4@0 w4@0", false },     \
	{ #op "q", op##q, "r8@0 w8@0", false }
/* clang-format on */

static void arithmetic_does_what_the_processor_does(void **state)
{
	/* clang-format off */
	static const struct form forms[] = {
		ALU_TABLE(add),
		ALU_TABLE(or),
		ALU_TABLE(adc),
		ALU_TABLE(sbb),
		ALU_TABLE(and),
		ALU_TABLE(sub),
		ALU_TABLE(xor),
		CMP_ROWS(b, 1),
		CMP_ROWS(w, 2),
		CMP_ROWS(l, 4),
		CMP_ROWS(q, 8),
		UNARY_ROWS(not),
		UNARY_ROWS(neg),
		UNARY_ROWS(inc),
		UNARY_ROWS(dec),
		{ "lock add", lock_add, "r4@0 w4@0", false },
		{ "lock or", lock_or, "r8@0 w8@0", false },
		{ "lock inc", lock_inc, "r2@0 w2@0", false },
		{ "add bh", add_bh, "r1@0 w1@0", false },
		{ "sub bh", sub_bh, "r1@0", false },
	};
	/* clang-format on */

	compare_all(forms, ARRAY_SIZE(forms));
}

/* ---- bits and exchanges ---- */

/* clang-format off */
#define BIT_OP(op)                                \
	INSN(op##w_r, #op "w %%bx, (%%rsi)")      \
	INSN(op##l_r, #op "l %%ebx, (%%rsi)")     \
	INSN(op##q_r, #op "q %%rbx, (%%rsi)")     \
	INSN(op##w_i, #op "w $9, (%%rsi)")        \
	INSN(op##l_i, #op "l $31, (%%rsi)")       \
	INSN(op##q_i, #op "q $63, (%%rsi)")

BIT_OP(bt)
BIT_OP(bts)
BIT_OP(btr)
BIT_OP(btc)

#define BIT_ROWS(op)                                                     \
	{ #op "w r", op##w_r, NULL, true }, { #op "l r", op##l_r, NULL, true }, \
	{ #op "q r", op##q_r, NULL, true }, { #op "w i", op##w_i, NULL, false }, \
	{ #op "l i", op##l_i, NULL, false }, { #op "q i", op##q_i, NULL, false }

#define EXCHANGE(op)                            \
	INSN(op##b, #op "b %%bl, (%%rsi)")      \
	INSN(op##w, #op "w %%bx, (%%rsi)")      \
	INSN(op##l, #op "l %%ebx, (%%rsi)")     \
	INSN(op##q, #op "q %%rbx, (%%rsi)")

EXCHANGE(xchg)
EXCHANGE(xadd)
EXCHANGE(cmpxchg)
INSN(xchg_bh, "xchgb %%bh, (%%rsi)")
INSN(lock_xadd, "lock xaddl %%ebx, (%%rsi)")
INSN(lock_cmpxchg, "lock cmpxchgq %%rbx, (%%rsi)")
/* clang-format on */

static void bits_and_exchanges_do_what_the_processor_does(void **state)
{
	static const struct form forms[] = {
		BIT_ROWS(bt),
		BIT_ROWS(bts),
		BIT_ROWS(btr),
		BIT_ROWS(btc),
		UNARY_ROWS(xchg),
		UNARY_ROWS(xadd),
		UNARY_ROWS(cmpxchg),
		{ "xchg bh", xchg_bh, "r1@0 w1@0", false },
		{ "lock xadd", lock_xadd, "r4@0 w4@0", false },
		{ "lock cmpxchg", lock_cmpxchg, "r8@0 w8@0", false },
	};

	compare_all(forms, ARRAY_SIZE(forms));
}

/* ---- strings ---- */

/* clang-format off */
INSN(stos1, "stosb")
INSN(stos4, "stosl")
INSN(stos8, "stosq")
INSN(lods1, "lodsb")
INSN(lods2, "lodsw")
INSN(lods4, "lodsl")
INSN(rep_stos1, "mov $5, %%ecx\n\trep stosb")
INSN(rep_stos8, "mov $3, %%ecx\n\trep stosq")
INSN(rep_stos_none, "xor %%ecx, %%ecx\n\trep stosb")
INSN(rep_movs1, "add $16, %%rdi\n\tmov $5, %%ecx\n\trep movsb")
INSN(rep_movs4, "add $16, %%rdi\n\tmov $3, %%ecx\n\trep movsl")
INSN(movs8, "add $16, %%rdi\n\tmovsq")
INSN(back_movs2, "std\n\tsub $16, %%rdi\n\tmov $3, %%ecx\n\trep movsw")
INSN(back_stos4, "std\n\tstosl")
INSN(rep_lods2, "mov $3, %%ecx\n\trep lodsw")
/* clang-format on */

static void string_forms_do_what_the_processor_does(void **state)
{
	static const struct form forms[] = {
		{ "stosb", stos1, "w1@0", false },
		{ "stosl", stos4, "w4@0", false },
		{ "stosq", stos8, "w8@0", false },
		{ "lodsb", lods1, "r1@0", false },
		{ "lodsw", lods2, "r2@0", false },
		{ "lodsl", lods4, "r4@0", false },
		{ "rep stosb", rep_stos1, "w1@0 w1@1 w1@2 w1@3 w1@4", false },
		{ "rep stosq", rep_stos8, "w8@0 w8@8 w8@16", false },
		{ "rep stosb 0", rep_stos_none, "", false },
		{ "rep movsb", rep_movs1,
		  "r1@0 w1@16 r1@1 w1@17 r1@2 w1@18 r1@3 w1@19 r1@4 w1@20",
		  false },
		{ "rep movsl", rep_movs4, "r4@0 w4@16 r4@4 w4@20 r4@8 w4@24",
		  false },
		{ "movsq", movs8, "r8@0 w8@16", false },
		{ "rep movsw, back", back_movs2,
		  "r2@0 w2@-16 r2@-2 w2@-18 r2@-4 w2@-20", false },
		{ "stosl, back", back_stos4, "w4@0", false },
		{ "rep lodsw", rep_lods2, "r2@0 r2@2 r2@4", false },
	};

	compare_all(forms, ARRAY_SIZE(forms));
}

/* Between the device and memory, in both directions, and longer than what one
 * fault does. */
static void rep_movs_crosses_between_memory_and_device(void **state)
{
	const size_t len = 3 * 4096;
	uint8_t *all = bar_map(&c, 0, 0x6000, len, PROT_READ | PROT_WRITE);
	uint8_t *mem = memory_new(len), *back = memory_new(len);
	uint64_t si = (uintptr_t)mem, di = (uintptr_t)all, n = len;
	size_t i;

	for (i = 0; i < len; i++)
		mem[i] = next_random();
	__asm__ volatile("rep movsb"
			 : "+S"(si), "+D"(di), "+c"(n)
			 :
			 : "memory");
	assert_int_equal(n, 0);
	assert_int_equal(probe.nr, len);
	assert_memory_equal(mem, probe_regs(0x6000), len);
	si = (uintptr_t)all;
	di = (uintptr_t)back;
	n = len / 8;
	__asm__ volatile("rep movsq"
			 : "+S"(si), "+D"(di), "+c"(n)
			 :
			 : "memory");
	assert_memory_equal(mem, back, len);
	memory_free(mem, len);
	memory_free(back, len);
	bar_unmap(all, len);
}

/* ---- pages next to each other ---- */

/* C knows no access that is not aligned; the processor does. */
static void write_across(uint8_t *at, uint64_t val)
{
	__asm__ volatile("movq %1, (%0)" : : "r"(at), "r"(val) : "memory");
}

static uint64_t read_across(const uint8_t *at)
{
	uint64_t val;

	__asm__ volatile("movq (%1), %0" : "=r"(val) : "r"(at) : "memory");
	return val;
}

/* The low half is the model's, the high half memory of the BAR. */
static void access_across_kinds_of_pages_reaches_both(void **state)
{
	uint8_t *all =
		bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	uint8_t *mem = anyvfio_pci_bar_memory(probe.dev, 0);
	uint64_t val;

	write_across(all + 0x3ffc, 0x1122334455667788);
	val = read_across(all + 0x3ffc);
	assert_int_equal(*(uint32_t *)(mem + 0x3ffc), 0x55667788);
	/* The MSI-X table begins with an address: the low two bits are not
	 * there. */
	assert_int_equal(val, 0x1122334455667788);
	probe.nr = 0;
	write_across(all + 0x0ffc, 0x1122334455667788);
	assert_int_equal(probe.nr, 2);
	assert_int_equal(probe.log[0].off, 0x0ffc);
	assert_int_equal(probe.log[0].val, 0x55667788);
	assert_int_equal(probe.log[1].off, 0x1000);
	assert_int_equal(probe.log[1].val, 0x11223344);
	bar_unmap(all, PROBE_BAR0_SIZE);
}

static void access_across_the_end_reaches_ordinary_memory(void **state)
{
	uint8_t *space = memory_new(2 * PAGE_SIZE), *page;
	uint32_t high;

	page = host_fd_mmap(space, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, c.device, 0);
	assert_ptr_equal(page, space);
	write_across(page + PAGE_SIZE - 4, 0x1122334455667788);
	assert_int_equal(probe.nr, 1);
	assert_int_equal(probe.log[0].val, 0x55667788);
	memcpy(&high, space + PAGE_SIZE, 4);
	assert_int_equal(high, 0x11223344);
	assert_int_equal(read_across(page + PAGE_SIZE - 4), 0x1122334455667788);
	bar_unmap(page, PAGE_SIZE);
	memory_free(space + PAGE_SIZE, PAGE_SIZE);
}

/* ---- segments, absolute and relative addresses ---- */

/* Code at an address of our choice, with the device within reach of it. */
struct near {
	uint8_t *code;
	uint8_t *page;
};

static void near_new(struct near *near, int flags)
{
	near->code = mmap(NULL, 2 * PAGE_SIZE,
			  PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	assert_ptr_not_equal(near->code, MAP_FAILED);
	near->page = host_fd_mmap(near->code + PAGE_SIZE, PAGE_SIZE,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, c.device, 0);
	assert_false(IS_ERR(near->page));
}

static void near_free(struct near *near)
{
	bar_unmap(near->page, PAGE_SIZE);
	memory_free(near->code, PAGE_SIZE);
}

/* Runs bytes that end with ret; rax and rsi are @a and @si, the result is rax. */
static uint64_t run_code(struct near *near, const void *code, size_t len,
			 uint64_t a, uint64_t si)
{
	memcpy(near->code, code, len);
	near->code[len] = 0xc3;
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%[code]\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "+a"(a), "+S"(si)
			 : [code] "r"(near->code)
			 : "memory", "cc");
	return a;
}

static void rip_relative_and_absolute_addresses_reach_the_device(void **state)
{
	uint8_t rip[7] = { 0x48, 0x8b, 0x05 }, load[10] = { 0x48, 0xa1 };
	uint8_t store[9] = { 0xa3 };
	struct near near;
	int32_t disp;
	uint64_t addr;

	near_new(&near, 0);
	memcpy(probe_regs(AT), "abcdefgh", 8);
	disp = near.page + AT - (near.code + sizeof(rip));
	memcpy(rip + 3, &disp, 4);
	assert_int_equal(run_code(&near, rip, sizeof(rip), 0, 0),
			 0x6867666564636261);
	/* The same bytes a moment later, one byte further on: not from the
	 * cache. */
	disp++;
	memcpy(rip + 3, &disp, 4);
	assert_int_equal(run_code(&near, rip, sizeof(rip), 0, 0),
			 0x68676665646362);
	addr = (uintptr_t)near.page + AT;
	memcpy(load + 2, &addr, 8);
	assert_int_equal(run_code(&near, load, sizeof(load), 0, 0),
			 0x6867666564636261);
	memcpy(store + 1, &addr, 8);
	run_code(&near, store, sizeof(store), 0x41424344, 0);
	assert_memory_equal(probe_regs(AT), "DCBAefgh", 8);
	near_free(&near);
}

static void address_of_32_bits_ignores_the_upper_half(void **state)
{
	static const uint8_t code[] = { 0x67, 0x8b,
					0x06 }; /* mov (%esi),%eax */
	static const uint8_t rep[] = { 0x67, 0xf3, 0xaa }; /* rep stosb, edi */
	struct near near;
	uint64_t di, n = 3;

	near_new(&near, MAP_32BIT);
	memcpy(probe_regs(AT), "abcd", 4);
	assert_int_equal(run_code(&near, code, sizeof(code), 0,
				  ((uintptr_t)near.page + AT) | 5ull << 32),
			 0x64636261);
	memcpy(near.code, rep, sizeof(rep));
	near.code[sizeof(rep)] = 0xc3;
	di = ((uintptr_t)near.page + AT) | 7ull << 32;
	n |= 9ull << 32;
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%[code]\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "+D"(di), "+c"(n)
			 : [code] "r"(near.code), "a"(0x5a)
			 : "memory", "cc");
	assert_memory_equal(probe_regs(AT), "ZZZd", 4);
	assert_int_equal(di, (uintptr_t)near.page + AT + 3);
	assert_int_equal(n, 0);
	near_free(&near);
}

static void gs_and_fs_move_the_address(void **state)
{
	unsigned long was = 0, fs = 0;
	uint32_t val;

	syscall(SYS_arch_prctl, ARCH_GET_GS, &was);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
	assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, device), 0);
	__asm__ volatile("movl $0x77, %%gs:0x44\n\tmovl %%gs:0x44, %0"
			 : "=r"(val)
			 :
			 : "memory");
	syscall(SYS_arch_prctl, ARCH_SET_GS, was);
	assert_int_equal(val, 0x77);
	assert_int_equal(probe.log[0].off, 0x44);
	__asm__ volatile("movl %%fs:(%1), %0"
			 : "=r"(val)
			 : "r"((uintptr_t)device + 0x44 - fs)
			 : "memory");
	assert_int_equal(val, 0x77);
}

/* ---- several threads ---- */

static void *hammer(void *data)
{
	volatile uint32_t *reg = (volatile uint32_t *)(device + 0x100);
	unsigned int i;

	for (i = 0; i < 2000; i++)
		__asm__ volatile("lock incl %0" : "+m"(*reg) : : "cc");
	return NULL;
}

static void locked_instructions_of_two_threads_are_atomic(void **state)
{
	pthread_t thread;
	uint32_t val;

	assert_int_equal(pthread_create(&thread, NULL, hammer, NULL), 0);
	hammer(NULL);
	assert_int_equal(pthread_join(thread, NULL), 0);
	memcpy(&val, probe_regs(0x100), 4);
	assert_int_equal(val, 4000);
	assert_false(probe.overlapped);
}

/* ---- faults that come late ---- */

static uint8_t *window;
static bool late_done;

/* What the handler is called with, again and again, while the mapping and the
 * device below it come and go. */
static void *fault_late(void *data)
{
	static const uint8_t code[16] = { 0x8b, 0x06 }; /* mov (%rsi), %eax */
	ucontext_t ctx;
	greg_t *gregs = ctx.uc_mcontext.gregs;

	memset(&ctx, 0, sizeof(ctx));
	while (!__atomic_load_n(&late_done, __ATOMIC_ACQUIRE)) {
		gregs[REG_RIP] = (uintptr_t)code;
		gregs[REG_RSI] = (uintptr_t)window;
		gregs[REG_TRAPNO] = 14;
		gregs[REG_ERR] = 4;
		host_mmio_fault(&ctx, window);
	}
	return NULL;
}

static void use_window(void)
{
	struct client late;
	void *addr;

	client_open(&late);
	addr = host_fd_mmap(window, PAGE_SIZE, PROT_READ,
			    MAP_SHARED | MAP_FIXED, late.device, 0);
	assert_ptr_equal(addr, window);
	client_close(&late);
	/* Covered, so that nothing else comes to lie there. */
	host_vma_gone(window, PAGE_SIZE);
	assert_ptr_equal(mmap(window, PAGE_SIZE, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 window);
}

static void late_fault_meets_what_is_there(void **state)
{
	static const struct host_config config;
	struct anyvfio_device *dev;
	pthread_t thread;
	unsigned int i;

	bar_unmap(device, 4096);
	client_close(&c);
	host_stop();
	assert_int_equal(host_start(&config), 0);
	window = memory_new(PAGE_SIZE);
	late_done = false;
	assert_int_equal(pthread_create(&thread, NULL, fault_late, NULL), 0);
	for (i = 0; i < 100; i++) {
		dev = host_pci_create(i % 2 ? PROBE : "edu", 0, &config);
		assert_false(IS_ERR(dev));
		use_window();
		use_window();
		host_pci_destroy(dev);
	}
	__atomic_store_n(&late_done, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	memory_free(window, PAGE_SIZE);
	host_stop();
	machine_start(PROBE);
	client_open(&c);
	device = bar_map(&c, 0, 0, 4096, PROT_READ | PROT_WRITE);
}

/* ---- what must not work ---- */

static void touch_myself(uint64_t off, uint64_t val)
{
	if (off == 0x20)
		probe.regs[0x28] = *(volatile uint8_t *)(device + 0x30);
}

static void model_that_touches_its_own_bar_is_refused(void **state)
{
	probe.on_write = touch_myself;
	probe.regs[0x30] = 5;
	*(volatile uint32_t *)(device + 0x20) = 1;
	assert_int_equal(probe.regs[0x28], 0xff);
	assert_int_equal(probe.nr, 1);
	assert_non_null(strstr(host_log_captured(), "from within an access"));
}

/* Runs @fn in a child that starts a machine of its own; the child's words go to
 * @log.  Its wait status. */
static int run_child(void (*fn)(void), char *log, size_t size)
{
	int pipe_fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct sigaction none = { .sa_handler = SIG_DFL };

		host_fault_sigaction(SIGSEGV, &none, NULL);
		dup2(pipe_fds[1], STDERR_FILENO);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		machine_start(PROBE);
		client_open(&c);
		device = bar_map(&c, 0, 0, 4096, PROT_READ | PROT_WRITE);
		fn();
		_exit(0);
	}
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], log + len, size - 1 - len)) > 0)
		len += n;
	log[len] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void push_register(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq (%0)"
			 :
			 : "r"(device + 0x10)
			 : "memory");
}

static void instruction_that_cannot_be_done_ends_with_its_bytes(void **state)
{
	char log[2048];
	int status = run_child(push_register, log, sizeof(log));

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_non_null(strstr(log, DEVICE_NAME));
	assert_non_null(strstr(log, "offset 0x10"));
	assert_non_null(strstr(log, " ff 3"));
	assert_non_null(strstr(log, "rip 0x"));
}

static void jump_to_device(void)
{
	((void (*)(void))(uintptr_t)device)();
}

static void code_cannot_be_fetched_from_a_device(void **state)
{
	char log[2048];
	int status = run_child(jump_to_device, log, sizeof(log));

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_null(strstr(log, "cannot be done"));
}

static void push_without_the_right(void)
{
	if (!host_vma_protect(device, 4096, PROT_NONE))
		push_register();
}

/* Whether we could do it does not matter. */
static void instruction_without_the_right_is_the_programs_fault(void **state)
{
	char log[2048];
	int status = run_child(push_without_the_right, log, sizeof(log));

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_null(strstr(log, "cannot be done"));
}

/* ---- all ---- */

static int setup(void **state)
{
	machine_start(PROBE);
	client_open(&c);
	device = bar_map(&c, 0, 0, 4096, PROT_READ | PROT_WRITE);
	memory = memory_new(4096);
	probe.nr = 0;
	return 0;
}

static int teardown(void **state)
{
	memory_free(memory, 4096);
	bar_unmap(device, 4096);
	client_close(&c);
	machine_stop();
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(mov_forms_do_what_the_processor_does),
		T(low_byte_of_rsi_is_not_dh),
		T(addresses_of_all_shapes_are_computed),
		T(unaligned_accesses_are_cut_into_aligned_ones),
		T(arithmetic_does_what_the_processor_does),
		T(bits_and_exchanges_do_what_the_processor_does),
		T(string_forms_do_what_the_processor_does),
		T(rep_movs_crosses_between_memory_and_device),
		T(access_across_kinds_of_pages_reaches_both),
		T(access_across_the_end_reaches_ordinary_memory),
		T(rip_relative_and_absolute_addresses_reach_the_device),
		T(address_of_32_bits_ignores_the_upper_half),
		T(gs_and_fs_move_the_address),
		T(locked_instructions_of_two_threads_are_atomic),
		T(late_fault_meets_what_is_there),
		T(model_that_touches_its_own_bar_is_refused),
		T(instruction_that_cannot_be_done_ends_with_its_bytes),
		T(instruction_without_the_right_is_the_programs_fault),
		T(code_cannot_be_fetched_from_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
