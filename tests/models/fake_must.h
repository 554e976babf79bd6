/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A broken contract is a broken test run, in whatever thread. */
#ifndef TEST_MODELS_FAKE_MUST_H
#define TEST_MODELS_FAKE_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(cond)                                                            \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr, "%s:%d: fake device: %s\n", __FILE__, \
				__LINE__, #cond);                             \
			abort();                                              \
		}                                                             \
	} while (0)

#endif /* TEST_MODELS_FAKE_MUST_H */
