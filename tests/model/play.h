/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The calls of a sequence, made on a host. */
#ifndef ANYVFIO_TESTS_MODEL_PLAY_H
#define ANYVFIO_TESTS_MODEL_PLAY_H

#include "model.h"

/* The host, the core and the model, with nothing in them. */
void play_begin(struct model *start, u64 seed);
struct answer play(const struct model *before, const struct op *op);
/* The caller's memory, which devices write. */
bool play_memory_is(const u8 *want);
/* Everything is let go, and nothing may be left. */
void play_end(const struct model *last);

#endif /* ANYVFIO_TESTS_MODEL_PLAY_H */
