/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Vector instructions on trapped pages, compared with the same on ordinary
 * memory, over the whole register: what a load leaves of it and what it clears
 * differs by encoding.  Forms that this processor lacks are named, not run.
 */
#include "harness.h"

#include <ucontext.h>

#define AT 0x40
#define AREA 0x100
#define ROUNDS 8

enum level { SSE, AVX, AVX512 };

static struct client c;
static uint8_t *device;
static uint8_t *memory;
static unsigned int level;

static enum level find_level(void)
{
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512bw"))
		return AVX512;
	return __builtin_cpu_supports("avx2") ? AVX : SSE;
}

typedef void (*vector_fn)(uint8_t *reg, uint8_t *mem);

/* clang-format off */
#define CLOBBERED "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",  \
	"xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
	"xmm13", "xmm14", "xmm15"

/* Loads as much of register 1 as the processor has, runs the instruction, and
 * stores it: in one piece, as the compiler uses these registers too. */
#define VECTOR(name, text)                                              \
	static void name(uint8_t *reg, uint8_t *mem)                    \
	{                                                               \
		__asm__ volatile("cmpl $1, %[level]\n\t"                \
				 "jb 1f\n\tje 2f\n\t"                   \
				 "vmovdqu64 (%[reg]), %%zmm1\n\t"       \
				 text "\n\t"                            \
				 "vmovdqu64 %%zmm1, (%[reg])\n\t"       \
				 "vzeroupper\n\tjmp 3f\n"               \
				 "2: vmovdqu (%[reg]), %%ymm1\n\t"      \
				 text "\n\t"                            \
				 "vmovdqu %%ymm1, (%[reg])\n\t"         \
				 "vzeroupper\n\tjmp 3f\n"               \
				 "1: movdqu (%[reg]), %%xmm1\n\t"       \
				 text "\n\t"                            \
				 "movdqu %%xmm1, (%[reg])\n"            \
				 "3:"                                   \
				 :                                      \
				 : [reg] "r"(reg), "S"(mem),            \
				   [level] "r"(level)                   \
				 : CLOBBERED);                          \
	}
/* Nothing was ever in the registers: their part of the signal frame is in its
 * initial state. */
#define FRESH(name, text) VECTOR(name, "vzeroall\n\t" text)
/* Registers from 16 on, which are kept elsewhere. */
#define VECTOR17(name, text)                                            \
	static void name(uint8_t *reg, uint8_t *mem)                    \
	{                                                               \
		__asm__ volatile("vmovdqu64 (%[reg]), %%zmm17\n\t"      \
				 text "\n\t"                            \
				 "vmovdqu64 %%zmm17, (%[reg])\n\t"      \
				 "vpxorq %%zmm17, %%zmm17, %%zmm17\n\t" \
				 "vzeroupper"                           \
				 :                                      \
				 : [reg] "r"(reg), "S"(mem)             \
				 : CLOBBERED);                          \
	}

#define BOTH(name, insn, reg)                          \
	VECTOR(name##_ld, insn " (%%rsi), %%" reg)     \
	VECTOR(name##_st, insn " %%" reg ", (%%rsi)")

BOTH(movdqa, "movdqa", "xmm1")
BOTH(movdqu, "movdqu", "xmm1")
BOTH(movaps, "movaps", "xmm1")
BOTH(movapd, "movapd", "xmm1")
BOTH(movups, "movups", "xmm1")
BOTH(movupd, "movupd", "xmm1")
BOTH(movd, "movd", "xmm1")
BOTH(movq, "movq", "xmm1")
BOTH(movss, "movss", "xmm1")
BOTH(movsd, "movsd", "xmm1")
VECTOR(movntdq, "movntdq %%xmm1, (%%rsi)")
VECTOR(movntps, "movntps %%xmm1, (%%rsi)")
VECTOR(movntpd, "movntpd %%xmm1, (%%rsi)")
VECTOR(movntdqa, "movntdqa (%%rsi), %%xmm1")
VECTOR(lddqu, "lddqu (%%rsi), %%xmm1")
VECTOR(movdqu_odd, "movdqu 3(%%rsi), %%xmm1")
BOTH(vmovdqa_x, "vmovdqa", "xmm1")
BOTH(vmovdqa_y, "vmovdqa", "ymm1")
BOTH(vmovdqu_x, "vmovdqu", "xmm1")
BOTH(vmovdqu_y, "vmovdqu", "ymm1")
BOTH(vmovaps_y, "vmovaps", "ymm1")
BOTH(vmovupd_y, "vmovupd", "ymm1")
BOTH(vmovd, "vmovd", "xmm1")
BOTH(vmovq, "vmovq", "xmm1")
BOTH(vmovss, "vmovss", "xmm1")
BOTH(vmovsd, "vmovsd", "xmm1")
VECTOR(vmovntdq_y, "vmovntdq %%ymm1, (%%rsi)")
VECTOR(vmovntdqa_y, "vmovntdqa (%%rsi), %%ymm1")
VECTOR(vlddqu_y, "vlddqu (%%rsi), %%ymm1")
FRESH(fresh_x, "movdqu (%%rsi), %%xmm1")
FRESH(fresh_y, "vmovdqu (%%rsi), %%ymm1")
FRESH(fresh_y_st, "vmovdqu %%ymm1, (%%rsi)")
BOTH(vmovdqu64_z, "vmovdqu64", "zmm1")
BOTH(vmovdqa32_z, "vmovdqa32", "zmm1")
BOTH(vmovups_z, "vmovups", "zmm1")
VECTOR(vmovntdq_z, "vmovntdq %%zmm1, (%%rsi)")
FRESH(fresh_z, "vmovdqu64 (%%rsi), %%zmm1")
VECTOR17(high_x_ld, "vmovdqu64 (%%rsi), %%xmm17")
VECTOR17(high_x_st, "vmovdqu64 %%xmm17, (%%rsi)")
VECTOR17(high_y_ld, "vmovdqu8 (%%rsi), %%ymm17")
VECTOR17(high_y_st, "vmovdqu16 %%ymm17, (%%rsi)")
VECTOR17(high_z_ld, "vmovdqa64 (%%rsi), %%zmm17")
VECTOR17(high_z_st, "vmovdqu32 %%zmm17, (%%rsi)")

#define R16 "r8@0 r8@8"
#define W16 "w8@0 w8@8"
#define R32 R16 " r8@16 r8@24"
#define W32 W16 " w8@16 w8@24"
#define R64 R32 " r8@32 r8@40 r8@48 r8@56"
#define W64 W32 " w8@32 w8@40 w8@48 w8@56"

static const struct form {
	const char *name;
	vector_fn fn;
	unsigned int level;
	const char *trace;
} forms[] = {
#define ROWS(name, level, r, w) \
	{ #name " load", name##_ld, level, r }, \
	{ #name " store", name##_st, level, w }
	ROWS(movdqa, SSE, R16, W16),
	ROWS(movdqu, SSE, R16, W16),
	ROWS(movaps, SSE, R16, W16),
	ROWS(movapd, SSE, R16, W16),
	ROWS(movups, SSE, R16, W16),
	ROWS(movupd, SSE, R16, W16),
	ROWS(movd, SSE, "r4@0", "w4@0"),
	ROWS(movq, SSE, "r8@0", "w8@0"),
	ROWS(movss, SSE, "r4@0", "w4@0"),
	ROWS(movsd, SSE, "r8@0", "w8@0"),
	{ "movntdq", movntdq, SSE, W16 },
	{ "movntps", movntps, SSE, W16 },
	{ "movntpd", movntpd, SSE, W16 },
	{ "movntdqa", movntdqa, SSE, R16 },
	{ "lddqu", lddqu, SSE, R16 },
	{ "movdqu, odd", movdqu_odd, SSE, "r1@3 r4@4 r8@8 r2@16 r1@18" },
	ROWS(vmovdqa_x, AVX, R16, W16),
	ROWS(vmovdqa_y, AVX, R32, W32),
	ROWS(vmovdqu_x, AVX, R16, W16),
	ROWS(vmovdqu_y, AVX, R32, W32),
	ROWS(vmovaps_y, AVX, R32, W32),
	ROWS(vmovupd_y, AVX, R32, W32),
	ROWS(vmovd, AVX, "r4@0", "w4@0"),
	ROWS(vmovq, AVX, "r8@0", "w8@0"),
	ROWS(vmovss, AVX, "r4@0", "w4@0"),
	ROWS(vmovsd, AVX, "r8@0", "w8@0"),
	{ "vmovntdq ymm", vmovntdq_y, AVX, W32 },
	{ "vmovntdqa ymm", vmovntdqa_y, AVX, R32 },
	{ "vlddqu ymm", vlddqu_y, AVX, R32 },
	{ "fresh xmm load", fresh_x, AVX, R16 },
	{ "fresh ymm load", fresh_y, AVX, R32 },
	{ "fresh ymm store", fresh_y_st, AVX, W32 },
	ROWS(vmovdqu64_z, AVX512, R64, W64),
	ROWS(vmovdqa32_z, AVX512, R64, W64),
	ROWS(vmovups_z, AVX512, R64, W64),
	{ "vmovntdq zmm", vmovntdq_z, AVX512, W64 },
	{ "fresh zmm load", fresh_z, AVX512, R64 },
	{ "xmm17 load", high_x_ld, AVX512, R16 },
	{ "xmm17 store", high_x_st, AVX512, W16 },
	{ "ymm17 load", high_y_ld, AVX512, R32 },
	{ "ymm17 store", high_y_st, AVX512, W32 },
	{ "zmm17 load", high_z_ld, AVX512, R64 },
	{ "zmm17 store", high_z_st, AVX512, W64 },
};
/* clang-format on */

static void fill(uint8_t *to, size_t len)
{
	static uint32_t seed = 1;

	while (len--) {
		seed = seed * 1103515245 + 12345;
		*to++ = seed >> 16;
	}
}

static void check_trace(const struct form *f)
{
	char trace[256] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < probe.nr; i++)
		len += snprintf(trace + len, sizeof(trace) - len, "%s%c%u@%llu",
				i ? " " : "", probe.log[i].write ? 'w' : 'r',
				probe.log[i].size,
				(unsigned long long)probe.log[i].off - AT);
	assert_string_equal(trace, f->trace);
}

static void compare_once(const struct form *f)
{
	uint8_t want[64] __attribute__((aligned(64))), got[64];

	fill(want, sizeof(want));
	memcpy(got, want, sizeof(got));
	fill(memory, AREA);
	memcpy(probe_regs(0), memory, AREA);
	probe.nr = 0;
	f->fn(want, memory + AT);
	f->fn(got, device + AT);
	if (memcmp(want, got, sizeof(want)) != 0 ||
	    memcmp(memory, probe_regs(0), AREA) != 0) {
		print_message("%s differs\n", f->name);
		assert_memory_equal(got, want, sizeof(want));
		assert_memory_equal(probe_regs(0), memory, AREA);
	}
	check_trace(f);
}

static void vector_forms_do_what_the_processor_does(void **state)
{
	unsigned int i, round;

	level = find_level();
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		if (forms[i].level > level) {
			print_message("this processor has no %s\n",
				      forms[i].name);
			continue;
		}
		for (round = 0; round < ROUNDS; round++)
			compare_once(&forms[i]);
	}
}

/* glibc picks the widest registers there are. */
static void memcpy_to_and_from_a_device_works(void **state)
{
	uint8_t from[1024], back[1024];
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;

	fill(from, sizeof(from));
	copy(device + 3, from, sizeof(from));
	assert_memory_equal(probe_regs(3), from, sizeof(from));
	copy(back, device + 3, sizeof(back));
	assert_memory_equal(back, from, sizeof(from));
}

/* ---- instructions this processor may lack, from bytes ---- */

/* Runs bytes in a made-up frame: rsi is the device, rax and rdi as given.
 * What host_mmio_fault() answers. */
static bool run_bytes(const void *code, uint64_t rax, uint64_t rdi,
		      uint64_t rsi, ucontext_t *ctx)
{
	static uint8_t page[64];

	memcpy(page, code, 16);
	memset(ctx, 0, sizeof(*ctx));
	ctx->uc_mcontext.gregs[REG_RIP] = (uintptr_t)page;
	ctx->uc_mcontext.gregs[REG_RAX] = rax;
	ctx->uc_mcontext.gregs[REG_RDI] = rdi;
	ctx->uc_mcontext.gregs[REG_RSI] = rsi;
	ctx->uc_mcontext.gregs[REG_TRAPNO] = 14;
	ctx->uc_mcontext.gregs[REG_ERR] = 6;
	return host_mmio_fault(ctx, device + AT);
}

static void movdiri_and_movdir64b_write_to_the_device(void **state)
{
	/* movdiri %eax, (%rsi); movdiri %rax, (%rsi); movdir64b (%rdi), %rsi */
	static const uint8_t diri32[16] = { 0x0f, 0x38, 0xf9, 0x06 };
	static const uint8_t diri64[16] = { 0x48, 0x0f, 0x38, 0xf9, 0x06 };
	static const uint8_t dir64b[16] = { 0x66, 0x0f, 0x38, 0xf8, 0x37 };
	uint64_t at = (uintptr_t)device + AT;
	ucontext_t ctx;

	assert_true(run_bytes(diri32, 0x1122334455667788, 0, at, &ctx));
	assert_int_equal(probe.log[0].size, 4);
	assert_int_equal(probe.log[0].val, 0x55667788);
	assert_true(run_bytes(diri64, 0x1122334455667788, 0, at, &ctx));
	assert_int_equal(probe.log[1].size, 8);
	assert_int_equal(probe.log[1].val, 0x1122334455667788);
	fill(memory, 64);
	probe.nr = 0;
	assert_true(run_bytes(dir64b, 0, (uintptr_t)memory, at, &ctx));
	assert_int_equal(probe.nr, 8);
	assert_memory_equal(probe_regs(AT), memory, 64);
}

/* A frame without the upper registers, as an old kernel would make. */
static void frame_without_extended_state_still_has_xmm(void **state)
{
	static const uint8_t movdqu_ld[16] = { 0xf3, 0x0f, 0x6f, 0x0e };
	static const uint8_t movdqu_st[16] = { 0xf3, 0x0f, 0x7f, 0x0e };
	struct _libc_fpstate fp = { 0 };
	uint64_t at = (uintptr_t)device + AT;
	static uint8_t code[64];
	ucontext_t ctx;

	fill(probe_regs(AT), 16);
	memset(&ctx, 0, sizeof(ctx));
	ctx.uc_mcontext.fpregs = &fp;
	ctx.uc_mcontext.gregs[REG_RIP] = (uintptr_t)code;
	ctx.uc_mcontext.gregs[REG_RSI] = at;
	ctx.uc_mcontext.gregs[REG_TRAPNO] = 14;
	memcpy(code, movdqu_ld, 16);
	assert_true(host_mmio_fault(&ctx, device + AT));
	assert_memory_equal(&fp._xmm[1], probe_regs(AT), 16);
	assert_int_equal(ctx.uc_mcontext.gregs[REG_RIP], (uintptr_t)code + 4);
	fill((uint8_t *)&fp._xmm[1], 16);
	memcpy(code, movdqu_st, 16);
	ctx.uc_mcontext.gregs[REG_RIP] = (uintptr_t)code;
	assert_true(host_mmio_fault(&ctx, device + AT));
	assert_memory_equal(&fp._xmm[1], probe_regs(AT), 16);
}

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
		T(vector_forms_do_what_the_processor_does),
		T(memcpy_to_and_from_a_device_works),
		T(movdiri_and_movdir64b_write_to_the_device),
		T(frame_without_extended_state_still_has_xmm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
