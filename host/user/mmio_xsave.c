/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The vector registers of an interrupted thread: where the kernel keeps them in
 * a signal frame, which is the layout of the XSAVE instruction.
 *
 * A register is in up to three pieces: its lowest 16 bytes, the next 16 and the
 * upper 32; registers 16 to 31 are in one.  Each piece belongs to a component,
 * whose bit in the header says whether it is in its initial state (all zeros);
 * what the frame has there then is not what the register holds.
 */
#include "mmio.h"

#include <cpuid.h>

#define SW_RESERVED 464 /* the kernel's words in the legacy area */
#define SW_MAGIC 0x46505853u
#define XSAVE_HEADER 512

/**
 * struct component - a piece of the vector registers
 * @bit:    its number in the XSAVE state
 * @first, @last: the registers it has
 * @stride: bytes of each
 * @at:     which bytes of a register these are
 */
struct component {
	u8 bit;
	u8 first, last;
	u8 stride;
	u8 at;
};

static const struct component components[] = {
	{ .bit = 1, .first = 0, .last = 15, .stride = 16, .at = 0 },
	{ .bit = 2, .first = 0, .last = 15, .stride = 16, .at = 16 },
	{ .bit = 6, .first = 0, .last = 15, .stride = 32, .at = 32 },
	{ .bit = 7, .first = 16, .last = 31, .stride = 64, .at = 0 },
};

/* Where a component lies.  The processor says; asking is slow in a virtual
 * machine, so the answer is kept.  Threads may ask at once: they hear the same
 * answer. */
static u32 component_offset(unsigned int bit)
{
	static u32 offsets[8];
	u32 eax, ebx, ecx, edx;
	u32 offset;

	if (bit == 1)
		return 160;
	offset = READ_ONCE(offsets[bit]);
	if (!offset) {
		__cpuid_count(0xd, bit, eax, ebx, ecx, edx);
		offset = ebx;
		WRITE_ONCE(offsets[bit], offset);
	}
	return offset;
}

static u64 frame_features(const u8 *fp)
{
	u64 features;
	u32 magic;

	memcpy(&magic, fp + SW_RESERVED, sizeof(magic));
	if (magic != SW_MAGIC)
		return 3; /* x87 and SSE, without a header */
	memcpy(&features, fp + SW_RESERVED + 8, sizeof(features));
	return features;
}

static bool in_initial_state(const u8 *fp, u64 features, unsigned int bit)
{
	u64 in_use;

	if (features == 3)
		return false;
	memcpy(&in_use, fp + XSAVE_HEADER, sizeof(in_use));
	return !(in_use >> bit & 1);
}

/* Makes a component's bytes count. */
static void leave_initial_state(u8 *fp, const struct component *c)
{
	u64 in_use;

	memset(fp + component_offset(c->bit), 0,
	       c->stride * (c->last - c->first + 1));
	memcpy(&in_use, fp + XSAVE_HEADER, sizeof(in_use));
	in_use |= 1ull << c->bit;
	memcpy(fp + XSAVE_HEADER, &in_use, sizeof(in_use));
}

static bool has_register(const struct component *c, unsigned int reg)
{
	return reg >= c->first && reg <= c->last;
}

static size_t piece_len(const struct component *c, size_t size)
{
	return size <= c->at ? 0 : min_t(size_t, size - c->at, c->stride);
}

int mmio_vec_get(const ucontext_t *ctx, unsigned int reg, void *buf,
		 size_t size)
{
	const u8 *fp = (const u8 *)ctx->uc_mcontext.fpregs;
	const struct component *c;
	u64 features;
	size_t len;

	if (!fp)
		return -EOPNOTSUPP;
	features = frame_features(fp);
	for (c = components; c < components + ARRAY_SIZE(components); c++) {
		len = has_register(c, reg) ? piece_len(c, size) : 0;
		if (!len)
			continue;
		if (!(features >> c->bit & 1))
			return -EOPNOTSUPP;
		if (in_initial_state(fp, features, c->bit))
			memset((u8 *)buf + c->at, 0, len);
		else
			memcpy((u8 *)buf + c->at,
			       fp + component_offset(c->bit) +
				       (reg - c->first) * c->stride,
			       len);
	}
	return 0;
}

/* Writes @len bytes and clears the rest of the piece. */
static void set_piece(u8 *fp, u64 features, const struct component *c,
		      unsigned int reg, const u8 *from, size_t len)
{
	u8 *piece;

	if (in_initial_state(fp, features, c->bit)) {
		if (!len)
			return;
		leave_initial_state(fp, c);
	}
	piece = fp + component_offset(c->bit) + (reg - c->first) * c->stride;
	memcpy(piece, from, len);
	memset(piece + len, 0, c->stride - len);
}

int mmio_vec_set(ucontext_t *ctx, unsigned int reg, const void *buf,
		 size_t size, bool clear_rest)
{
	u8 *fp = (u8 *)ctx->uc_mcontext.fpregs;
	const struct component *c;
	u64 features;
	size_t len;

	if (!fp)
		return -EOPNOTSUPP;
	features = frame_features(fp);
	for (c = components; c < components + ARRAY_SIZE(components); c++) {
		if (!has_register(c, reg))
			continue;
		len = piece_len(c, size);
		if (!(features >> c->bit & 1)) {
			if (len)
				return -EOPNOTSUPP;
			continue;
		}
		if (len || clear_rest)
			set_piece(fp, features, c, reg, (const u8 *)buf + c->at,
				  len);
	}
	return 0;
}
