/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: memory. */
#include "world.h"

static void memory_is_zeroed_also_when_used_before(void)
{
	unsigned int i, round;
	u8 *p;

	for (round = 0; round < 4; round++) {
		p = port_zalloc(300);
		check(p && IS_ALIGNED((uintptr_t)p, 8));
		for (i = 0; i < 300; i++)
			check(!p[i]);
		memset(p, 0xff, 300);
		port_free(p);
	}
}

static void size_0_is_a_pointer_that_can_be_freed(void)
{
	void *p = port_zalloc(0);

	check(p);
	port_free(p);
	p = port_zalloc_array(0, 8);
	check(p);
	port_free(p);
}

static void array_whose_size_overflows_is_null(void)
{
	u64 *p = port_zalloc_array(9, sizeof(*p));

	check(p && !p[0] && !p[8]);
	p[8] = 1;
	port_free(p);
	check(!port_zalloc_array(SIZE_MAX / 8 + 1, 8));
	check(!port_zalloc_array(8, SIZE_MAX / 8 + 1));
	check(!port_zalloc_array(SIZE_MAX, SIZE_MAX));
}

static void free_of_null_does_nothing(void)
{
	port_free(NULL);
}

const struct world_test memory_tests[] = {
	TEST(memory_is_zeroed_also_when_used_before),
	TEST(size_0_is_a_pointer_that_can_be_freed),
	TEST(array_whose_size_overflows_is_null),
	TEST(free_of_null_does_nothing),
	{ 0 },
};
