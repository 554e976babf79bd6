// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* B7: chains of capabilities. */
#include "fixture.h"

static int warn_fatal(void **state)
{
	port_warn_fatal = true;
	fault_arm(0);
	return 0;
}

static struct vfio_info_cap_header *at(struct vfio_info_cap *caps, u32 off)
{
	return (struct vfio_info_cap_header *)((char *)caps->buf + off);
}

static void B7_capabilities_are_linked_in_order(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };
	struct vfio_info_cap_header *header;
	u32 off;
	u16 id;

	for (id = 1; id <= 4; id++) {
		header = vfio_info_cap_add(&caps, sizeof(*header) + id, id,
					   10 + id);
		assert_false(IS_ERR(header));
		assert_int_equal(header->id, id);
		assert_int_equal(header->version, 10 + id);
		assert_int_equal(header->next, 0);
	}
	for (off = 0, id = 1; id <= 4; id++) {
		assert_int_equal(at(&caps, off)->id, id);
		off = at(&caps, off)->next;
	}
	assert_int_equal(off, 0);
	port_free(caps.buf);
}

static void B7_capabilities_are_aligned_and_zeroed(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };
	struct vfio_info_cap_header *header;
	size_t size, i;

	for (size = sizeof(*header); size < 40; size++) {
		header = vfio_info_cap_add(&caps, size, 1, 1);
		assert_false(IS_ERR(header));
		assert_int_equal(((char *)header - (char *)caps.buf) & 7, 0);
		assert_int_equal(caps.size & 7, 0);
		assert_true((char *)header + size <=
			    (char *)caps.buf + caps.size);
		for (i = sizeof(*header); i < size; i++)
			assert_int_equal(((char *)header)[i], 0);
		memset(header + 1, 0xff, size - sizeof(*header));
	}
	port_free(caps.buf);
}

static void B7_without_memory_the_chain_is_gone(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };
	struct vfio_info_cap_header *header;

	header = vfio_info_cap_add(&caps, 16, 1, 1);
	assert_false(IS_ERR(header));
	fault_arm(1);
	header = vfio_info_cap_add(&caps, 16, 2, 1);
	assert_true(fault_fired());
	assert_int_equal(PTR_ERR(header), -ENOMEM);
	assert_null(caps.buf);
	assert_int_equal(caps.size, 0);
	/* The caller's own clean-up, and another try. */
	port_free(caps.buf);
	header = vfio_info_cap_add(&caps, 16, 3, 1);
	assert_ptr_equal(header, caps.buf);
	assert_int_equal(caps.size, 16);
	port_free(caps.buf);
}

static void B7_size_that_cannot_be_linked_is_enomem(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 7, 1ul << 32 };
	struct vfio_info_cap caps = { NULL, 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_false(IS_ERR(vfio_info_cap_add(&caps, 16, 1, 1)));
		assert_int_equal(
			PTR_ERR(vfio_info_cap_add(&caps, sizes[i], 2, 1)),
			-ENOMEM);
		assert_null(caps.buf);
	}
}

static void B7_smaller_than_a_header_is_a_bug(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };

	expect_warns();
	assert_int_equal(PTR_ERR(vfio_info_cap_add(&caps, 7, 1, 1)), -ENOMEM);
	assert_int_equal(warns_taken(), 1);
}

static void B7_shift_counts_from_the_users_struct(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };

	vfio_info_cap_shift(&caps, 32);
	assert_null(caps.buf);

	vfio_info_cap_add(&caps, 16, 1, 1);
	vfio_info_cap_add(&caps, 9, 2, 1);
	vfio_info_cap_add(&caps, 24, 3, 1);
	vfio_info_cap_shift(&caps, 32);
	assert_int_equal(at(&caps, 0)->next, 32 + 16);
	assert_int_equal(at(&caps, 16)->next, 32 + 32);
	assert_int_equal(at(&caps, 32)->next, 0);
	assert_int_equal(at(&caps, 32)->id, 3);
	port_free(caps.buf);
}

static void B7_shift_by_an_odd_struct_is_a_bug(void **state)
{
	struct vfio_info_cap caps = { NULL, 0 };

	vfio_info_cap_add(&caps, 16, 1, 1);
	expect_warns();
	vfio_info_cap_shift(&caps, 20);
	assert_int_equal(warns_taken(), 1);
	port_free(caps.buf);
}

static void B7_sparse_mmap_copies_its_areas(void **state)
{
	struct vfio_region_info_cap_sparse_mmap *from, *cap;
	struct vfio_info_cap caps = { NULL, 0 };
	size_t size = sizeof(*from) + 2 * sizeof(from->areas[0]);

	from = port_zalloc(size);
	from->header.next = 0x55;
	from->nr_areas = 2;
	from->areas[0].offset = 0;
	from->areas[0].size = 0x2000;
	from->areas[1].offset = 0x4000;
	from->areas[1].size = 0x1000;
	assert_int_equal(vfio_info_add_capability(
				 &caps, VFIO_REGION_INFO_CAP_SPARSE_MMAP, from),
			 0);
	cap = (void *)caps.buf;
	assert_int_equal(cap->header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	assert_int_equal(cap->header.version, 1);
	assert_int_equal(cap->header.next, 0);
	assert_int_equal(cap->nr_areas, 2);
	assert_memory_equal(cap->areas, from->areas,
			    2 * sizeof(from->areas[0]));
	assert_int_equal(caps.size, size);
	port_free(caps.buf);
	port_free(from);
}

static void B7_type_is_copied(void **state)
{
	struct vfio_region_info_cap_type from = { .type = 0x80008086,
						  .subtype = 3 };
	struct vfio_region_info_cap_type *cap;
	struct vfio_info_cap caps = { NULL, 0 };

	assert_int_equal(vfio_info_add_capability(
				 &caps, VFIO_REGION_INFO_CAP_TYPE, &from),
			 0);
	cap = (void *)caps.buf;
	assert_int_equal(cap->header.id, VFIO_REGION_INFO_CAP_TYPE);
	assert_int_equal(cap->type, 0x80008086);
	assert_int_equal(cap->subtype, 3);
	port_free(caps.buf);
}

static void B7_no_capability_is_fine_an_unknown_is_not(void **state)
{
	struct vfio_region_info_cap_type from = { .type = 1 };
	struct vfio_info_cap caps = { NULL, 0 };

	assert_int_equal(vfio_info_add_capability(&caps, 99, NULL), 0);
	assert_int_equal(vfio_info_add_capability(&caps, 99, &from), -EINVAL);
	assert_null(caps.buf);
	fault_arm(1);
	assert_int_equal(vfio_info_add_capability(
				 &caps, VFIO_REGION_INFO_CAP_TYPE, &from),
			 -ENOMEM);
	assert_true(fault_fired());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(B7_capabilities_are_linked_in_order),
		cmocka_unit_test(B7_capabilities_are_aligned_and_zeroed),
		cmocka_unit_test(B7_without_memory_the_chain_is_gone),
		cmocka_unit_test(B7_size_that_cannot_be_linked_is_enomem),
		cmocka_unit_test(B7_smaller_than_a_header_is_a_bug),
		cmocka_unit_test(B7_shift_counts_from_the_users_struct),
		cmocka_unit_test(B7_shift_by_an_odd_struct_is_a_bug),
		cmocka_unit_test(B7_sparse_mmap_copies_its_areas),
		cmocka_unit_test(B7_type_is_copied),
		cmocka_unit_test(B7_no_capability_is_fine_an_unknown_is_not),
	};

	return cmocka_run_group_tests(tests, warn_fatal, NULL);
}
