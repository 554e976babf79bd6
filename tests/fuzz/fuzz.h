/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What fuzz targets share.  A target is one file with
 *
 *   int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
 *
 * and, where something has to be made first, LLVMFuzzerInitialize().  It takes
 * its decisions from the input with the calls below, and says what must hold
 * with FUZZ_CHECK().  What one input does must not show in the next: a crash is
 * replayed by its input alone.
 *
 * It is built twice: with libFuzzer by `make fuzz`, with replay.c by `make test`.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's names. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_CHECK(cond)                                              \
	do {                                                          \
		if (!(cond)) {                                        \
			fprintf(stderr, "%s:%d: does not hold: %s\n", \
				__FILE__, __LINE__, #cond);           \
			abort();                                      \
		}                                                     \
	} while (0)

/**
 * struct fuzz_in - the rest of an input; behind its end all is zero
 */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

static inline void fuzz_bytes(struct fuzz_in *in, void *buf, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memset(buf, 0, len);
	if (n)
		memcpy(buf, in->at, n);
	in->at += n;
	in->left -= n;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	uint8_t val;

	fuzz_bytes(in, &val, sizeof(val));
	return val;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t val;

	fuzz_bytes(in, &val, sizeof(val));
	return val;
}

static inline uint32_t fuzz_u32(struct fuzz_in *in)
{
	uint32_t val;

	fuzz_bytes(in, &val, sizeof(val));
	return val;
}

static inline uint64_t fuzz_u64(struct fuzz_in *in)
{
	uint64_t val;

	fuzz_bytes(in, &val, sizeof(val));
	return val;
}

/* 0 to @n - 1, of one byte. */
static inline unsigned int fuzz_below(struct fuzz_in *in, unsigned int n)
{
	return fuzz_u8(in) % n;
}

#endif /* TESTS_FUZZ_H */
