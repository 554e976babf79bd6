// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* B6: what is checked of a VFIO_DEVICE_SET_IRQS. */
#include "fixture.h"

#define HEAD offsetofend(struct vfio_irq_set, count)
#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define MASK VFIO_IRQ_SET_ACTION_MASK
#define UNMASK VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER

#define NUM_IRQS 8
#define MAX_TYPE 5

struct request {
	u32 argsz, flags, index, start, count;
	int ret;
	size_t size;
};

/* Each answer twice: the helper must not depend on what it wrote before. */
static void check(const struct request *r)
{
	struct vfio_irq_set hdr = { .argsz = r->argsz,
				    .flags = r->flags,
				    .index = r->index,
				    .start = r->start,
				    .count = r->count };
	struct vfio_irq_set before = hdr;
	size_t size = 77;

	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, NUM_IRQS,
							    MAX_TYPE, &size),
			 r->ret);
	if (!r->ret)
		assert_int_equal(size, r->size);
	assert_memory_equal(&hdr, &before, sizeof(hdr));
}

static void check_all(const struct request *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		check(&r[i]);
}

#define CHECK(table) check_all(table, ARRAY_SIZE(table))

static void B6_good_requests_give_their_data_size(void **state)
{
	static const struct request good[] = {
		{ HEAD, NONE | TRIGGER, 2, 0, 8, 0, 0 },
		{ HEAD, NONE | TRIGGER, 2, 0, 0, 0, 0 },
		{ HEAD, NONE | MASK, 0, 0, 1, 0, 0 },
		{ HEAD, NONE | UNMASK, 0, 7, 1, 0, 0 },
		{ HEAD + 3, BOOL | TRIGGER, 4, 5, 3, 0, 3 },
		{ HEAD + 32, EVENTFD | TRIGGER, 2, 0, 8, 0, 32 },
		{ HEAD, EVENTFD | TRIGGER, 2, 0, 0, 0, 0 },
		/* Clients give the size of the largest request they make. */
		{ HEAD + 2048, EVENTFD | TRIGGER, 2, 3, 2, 0, 8 },
	};

	CHECK(good);
}

static void B6_short_argsz_is_einval(void **state)
{
	static const struct request bad[] = {
		{ HEAD - 1, NONE | TRIGGER, 0, 0, 1, -EINVAL, 0 },
		{ 0, NONE | TRIGGER, 0, 0, 1, -EINVAL, 0 },
		/* Room for all but the last byte of the data. */
		{ HEAD + 2, BOOL | TRIGGER, 0, 0, 3, -EINVAL, 0 },
		{ HEAD + 31, EVENTFD | TRIGGER, 0, 0, 8, -EINVAL, 0 },
	};

	CHECK(bad);
}

static void B6_index_beyond_the_types_is_einval(void **state)
{
	static const struct request bad[] = {
		{ HEAD, NONE | TRIGGER, MAX_TYPE, 0, 1, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, ~0u, 0, 1, -EINVAL, 0 },
	};

	CHECK(bad);
}

static void B6_range_outside_the_irqs_is_einval(void **state)
{
	static const struct request bad[] = {
		{ HEAD, NONE | TRIGGER, 0, 0, 9, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, 7, 2, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, 8, 1, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, 8, 0, -EINVAL, 0 },
		/* Sums that wrap to something small. */
		{ HEAD, NONE | TRIGGER, 0, 1, ~0u, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, ~0u, 1, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, ~0u, 2, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER, 0, 1u << 31, 1u << 31, -EINVAL, 0 },
		/* Four bytes each wrap in 32 bits: to 4, as if there were
		 * room. */
		{ HEAD + 4, EVENTFD | TRIGGER, 0, 0, (1u << 30) + 1, -EINVAL,
		  0 },
	};

	CHECK(bad);
}

static void B6_huge_count_needs_huge_room(void **state)
{
	struct vfio_irq_set hdr = { .argsz = HEAD + 4,
				    .flags = EVENTFD | TRIGGER,
				    .count = (1u << 30) + 1 };
	size_t size;

	assert_int_equal(
		vfio_set_irqs_validate_and_prepare(&hdr, INT32_MAX, 1, &size),
		-EINVAL);
}

static void B6_unknown_flags_are_einval(void **state)
{
	static const struct request bad[] = {
		{ HEAD, NONE | TRIGGER | 1u << 6, 0, 0, 1, -EINVAL, 0 },
		{ HEAD, NONE | TRIGGER | 1u << 31, 0, 0, 1, -EINVAL, 0 },
	};

	CHECK(bad);
}

static void B6_not_one_data_type_is_einval(void **state)
{
	static const struct request bad[] = {
		{ HEAD + 64, TRIGGER, 0, 0, 1, -EINVAL, 0 },
		{ HEAD + 64, NONE | BOOL | TRIGGER, 0, 0, 1, -EINVAL, 0 },
		{ HEAD + 64, BOOL | EVENTFD | TRIGGER, 0, 0, 1, -EINVAL, 0 },
		{ HEAD + 64, NONE | BOOL | EVENTFD, 0, 0, 1, -EINVAL, 0 },
	};

	CHECK(bad);
}

static void B6_data_where_none_is_taken_is_einval(void **state)
{
	struct vfio_irq_set hdr = { .argsz = HEAD + 4,
				    .flags = EVENTFD | TRIGGER,
				    .count = 1 };

	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 1, 1, NULL),
			 -EINVAL);
	hdr.count = 0;
	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 1, 1, NULL),
			 -EINVAL);
	hdr.flags = NONE | TRIGGER;
	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 1, 1, NULL),
			 0);
}

static void B6_device_without_irqs_takes_nothing(void **state)
{
	struct vfio_irq_set hdr = { .argsz = HEAD, .flags = NONE | TRIGGER };
	size_t size;

	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 0, 1, &size),
			 -EINVAL);
	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 1, 0, &size),
			 -EINVAL);
	/* A count that went wrong in the caller is not a large one. */
	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, -1, 1, &size),
			 -EINVAL);
	assert_int_equal(vfio_set_irqs_validate_and_prepare(&hdr, 1, -1, &size),
			 -EINVAL);
}

static void B6_one_action_where_the_caller_asks(void **state)
{
	struct vfio_irq_set hdr = { .argsz = HEAD };
	u32 actions;

	for (actions = 0; actions < 8; actions++) {
		bool one = actions && !(actions & (actions - 1));

		hdr.flags = NONE | actions << 3;
		assert_int_equal(vfio_set_irqs_one_action(&hdr),
				 one ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(B6_good_requests_give_their_data_size),
		cmocka_unit_test(B6_short_argsz_is_einval),
		cmocka_unit_test(B6_index_beyond_the_types_is_einval),
		cmocka_unit_test(B6_range_outside_the_irqs_is_einval),
		cmocka_unit_test(B6_huge_count_needs_huge_room),
		cmocka_unit_test(B6_unknown_flags_are_einval),
		cmocka_unit_test(B6_not_one_data_type_is_einval),
		cmocka_unit_test(B6_data_where_none_is_taken_is_einval),
		cmocka_unit_test(B6_device_without_irqs_takes_nothing),
		cmocka_unit_test(B6_one_action_where_the_caller_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
