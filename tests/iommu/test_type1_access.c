// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* I3: what a device reaches. */
#include "fake_iommu.h"

#define ONE_PAGE PAGE_SIZE
#define SIZE (4 * ONE_PAGE)

static struct vfio_type1 *space;
static u8 *mem;

static int setup(void **state)
{
	int ret = fake_setup(state);

	space = space_open(VFIO_TYPE1v2_IOMMU);
	mem = user_alloc(SIZE);
	return ret;
}

static int teardown(void **state)
{
	space_close(space);
	user_free(mem, SIZE);
	return fake_teardown(state);
}

#define ACCESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int pin(u64 iova, u64 len, u32 prot, struct vfio_type1_pin *pin)
{
	return vfio_type1_pin(space, iova, len, prot, pin);
}

static void assert_pin(u64 iova, u64 len, const u8 *vaddr, u64 want_len)
{
	struct vfio_type1_pin p;

	assert_int_equal(pin(iova, len, READ_ONLY, &p), 0);
	assert_ptr_equal((u8 *)p.vaddr, vaddr);
	assert_int_equal(p.len, want_len);
	vfio_type1_unpin(space, &p, 0);
}

/* ---- one at a time ---- */

static void I3_pin_gives_the_callers_memory(void **state)
{
	assert_int_equal(space_map(space, 0x10000, mem, SIZE, READ_WRITE), 0);
	assert_pin(0x10000, SIZE, mem, SIZE);
	assert_pin(0x10000, 1, mem, 1);
	assert_pin(0x11234, 0x100, mem + 0x1234, 0x100);
	/* Up to the mapping's end and no further. */
	assert_pin(0x13fff, 1, mem + 0x3fff, 1);
	assert_pin(0x13fff, 2, mem + 0x3fff, 1);
	assert_pin(0x12000, ~0ull, mem + 0x2000, 0x2000);
}

static void I3_pin_at_the_end_of_the_space(void **state)
{
	const u64 top = 0xfffffffffffff000;

	assert_int_equal(space_map(space, top, mem, ONE_PAGE, READ_WRITE), 0);
	assert_pin(top, SIZE, mem, ONE_PAGE);
	assert_pin(~0ull, SIZE, mem + 0xfff, 1);
}

static void I3_pin_of_what_is_not_mapped_is_efault(void **state)
{
	struct vfio_type1_pin p;

	assert_int_equal(pin(0x10000, 1, READ_ONLY, &p), -EFAULT);
	assert_int_equal(space_map(space, 0x10000, mem, SIZE, READ_WRITE), 0);
	assert_int_equal(pin(0xffff, 1, READ_ONLY, &p), -EFAULT);
	assert_int_equal(pin(0x14000, 1, READ_ONLY, &p), -EFAULT);
	assert_int_equal(space_unmap(space, 0x10000, SIZE), SIZE);
	assert_int_equal(pin(0x10000, 1, READ_ONLY, &p), -EFAULT);
}

static void I3_pin_without_the_right_is_eperm(void **state)
{
	static const u32 rights[] = { READ_ONLY, WRITE_ONLY, READ_WRITE };
	struct vfio_type1_pin p;
	unsigned int i, k;
	int ret;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		assert_int_equal(space_map(space, 0, mem, SIZE, rights[i]), 0);
		for (k = 0; k < ARRAY_SIZE(rights); k++) {
			ret = pin(0, 1, rights[k], &p);
			assert_int_equal(ret,
					 rights[k] & ~rights[i] ? -EPERM : 0);
			if (!ret)
				vfio_type1_unpin(space, &p, 0);
		}
		assert_int_equal(space_unmap_all(space), SIZE);
	}
}

static void I3_rw_crosses_mappings_that_touch(void **state)
{
	char buf[0x1800];
	size_t done;

	/* Turned round, so that memory is not in one piece. */
	assert_int_equal(
		space_map(space, 0x1000, mem + 0x2000, ONE_PAGE, READ_WRITE),
		0);
	assert_int_equal(space_map(space, 0x2000, mem, ONE_PAGE, READ_WRITE),
			 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(
		vfio_type1_rw(space, 0x1400, buf, sizeof(buf), true, &done), 0);
	assert_int_equal(done, sizeof(buf));
	assert_int_equal(mem[0x23ff], 0);
	assert_int_equal(mem[0x2400], 'x');
	assert_int_equal(mem[0x2fff], 'x');
	assert_int_equal(mem[0x3000], 0);
	assert_int_equal(mem[0], 'x');
	assert_int_equal(mem[0xbff], 'x');
	assert_int_equal(mem[0xc00], 0);

	mem[0x2fff] = 'a';
	mem[0] = 'b';
	assert_int_equal(vfio_type1_rw(space, 0x1fff, buf, 2, false, &done), 0);
	assert_int_equal(done, 2);
	assert_memory_equal(buf, "ab", 2);
	assert_int_equal(vfio_type1_rw(space, 0x9000, buf, 0, false, &done), 0);
	assert_int_equal(done, 0);
}

static void I3_rw_stops_where_it_may_not_go_on(void **state)
{
	char buf[0x2000] = { 0 };
	size_t done;

	assert_int_equal(space_map(space, 0x1000, mem, ONE_PAGE, READ_WRITE),
			 0);
	assert_int_equal(
		space_map(space, 0x2000, mem + 0x1000, ONE_PAGE, READ_ONLY), 0);
	assert_int_equal(
		vfio_type1_rw(space, 0x1800, buf, sizeof(buf), true, &done),
		-EPERM);
	assert_int_equal(done, 0x800);
	assert_int_equal(
		vfio_type1_rw(space, 0x1800, buf, sizeof(buf), false, &done),
		-EFAULT);
	assert_int_equal(done, 0x1800);
	assert_int_equal(vfio_type1_rw(space, 0xfff, buf, 2, false, &done),
			 -EFAULT);
	assert_int_equal(done, 0);
	fake.copy_error = -EFAULT;
	assert_int_equal(vfio_type1_rw(space, 0x1000, buf, 8, false, &done),
			 -EFAULT);
	assert_int_equal(done, 0);
}

/* The first page is mapped too: an access must not come round to it. */
static void I3_rw_ends_with_the_space(void **state)
{
	const u64 top = 0xfffffffffffff000;
	char buf[16] = { 0 };
	size_t done;

	assert_int_equal(space_map(space, top, mem, ONE_PAGE, READ_WRITE), 0);
	assert_int_equal(space_map(space, 0, mem, ONE_PAGE, READ_WRITE), 0);
	assert_int_equal(
		vfio_type1_rw(space, top + 0xff8, buf, 16, true, &done),
		-EFAULT);
	assert_int_equal(done, 8);
	assert_int_equal(vfio_type1_rw(space, top + 0xff8, buf, 8, true, &done),
			 0);
}

static void assert_nearest(u64 iova, u64 start, u64 last)
{
	u64 s = 1, l = 1;

	assert_true(vfio_type1_nearest(space, iova, &s, &l));
	assert_int_equal(s, start);
	assert_int_equal(l, last);
}

static void I3_nearest_mapping_is_found(void **state)
{
	u64 start, last;

	assert_false(vfio_type1_nearest(space, 0x1000, &start, &last));
	assert_int_equal(space_map(space, 0x10000, mem, ONE_PAGE, READ_ONLY),
			 0);
	assert_nearest(0, 0x10000, 0x10fff);
	assert_nearest(~0ull, 0x10000, 0x10fff);
	assert_int_equal(space_map(space, 0x20000, mem, ONE_PAGE, READ_ONLY),
			 0);
	assert_nearest(0x10800, 0x10000, 0x10fff);
	assert_nearest(0x11000, 0x10000, 0x10fff);
	assert_nearest(0x1ffff, 0x20000, 0x20fff);
	assert_nearest(0x187ff, 0x10000, 0x10fff);
	assert_nearest(0x18800, 0x20000, 0x20fff);
	assert_nearest(0x20fff, 0x20000, 0x20fff);
	assert_nearest(0x30000, 0x20000, 0x20fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACCESS_TEST(I3_pin_gives_the_callers_memory),
		ACCESS_TEST(I3_pin_at_the_end_of_the_space),
		ACCESS_TEST(I3_pin_of_what_is_not_mapped_is_efault),
		ACCESS_TEST(I3_pin_without_the_right_is_eperm),
		ACCESS_TEST(I3_rw_crosses_mappings_that_touch),
		ACCESS_TEST(I3_rw_stops_where_it_may_not_go_on),
		ACCESS_TEST(I3_rw_ends_with_the_space),
		ACCESS_TEST(I3_nearest_mapping_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
