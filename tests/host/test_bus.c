/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The software bus: groups, drivers, who owns their DMA, and the IOMMU. */
#include "toy.h"
#include "type1.h"

#include <sys/mman.h>

static const struct host_driver vfio_pci = { "vfio-pci", true };
static const struct host_driver stub = { "pci-stub", true };
static const struct host_driver native = { "snd_hda_intel", false };

/* The core's side, which these tests stand in for. */
static struct {
	int nr;
	struct iommu_group *group;
	struct device *dev;
} added;

void vfio_group_device_added(struct iommu_group *group, struct device *dev)
{
	added.nr++;
	added.group = group;
	added.dev = dev;
}

/* No BAR of these tests is ever touched. */
bool host_mmio_fault(ucontext_t *ctx, void *addr)
{
	return false;
}

/* cmocka puts a handler of its own in place for each test. */
static struct sigaction fault_action;

static void use_fault_handler(void)
{
	sigaction(SIGSEGV, &fault_action, NULL);
}

static struct device *device(const char *name, int group)
{
	struct device *dev = host_device_create(name, group);

	assert_false(IS_ERR(dev));
	return dev;
}

/* With a reference, as all of the port's. */
static struct iommu_group *group_of(struct device *dev)
{
	struct iommu_group *group = port_iommu_group_get(dev);

	assert_non_null(group);
	return group;
}

/* ---- groups ---- */

static void devices_of_one_id_share_a_group(void **state)
{
	struct device *a = device("0000:01:00.0", 7);
	struct device *b = device("0000:01:00.1", 7);
	struct device *c = device("0000:02:00.0", 8);
	struct iommu_group *group = group_of(a), *other = group_of(c);

	assert_int_equal(port_iommu_group_id(group), 7);
	assert_int_equal(port_iommu_group_id(other), 8);
	assert_false(port_iommu_group_is_made(group));
	assert_true(port_device_has_iommu(a));
	assert_string_equal(port_device_name(b), "0000:01:00.1");
	assert_ptr_equal(port_iommu_group_get(b), group);
	port_iommu_group_put(group);
	port_iommu_group_put(group);
	port_iommu_group_put(other);
	host_device_destroy(a);
	host_device_destroy(b);
	host_device_destroy(c);
}

/* The memory checker sees to it that the name is read from what still is. */
static void L2_held_group_outlives_its_devices(void **state)
{
	struct device *dev = device("0000:01:00.0", 7);
	struct iommu_group *group = group_of(dev);

	host_device_destroy(dev);
	assert_int_equal(port_iommu_group_id(group), 7);
	assert_string_equal(port_device_name(dev), "0000:01:00.0");
	assert_null(port_iommu_group_get(dev));
	port_iommu_group_put(group);
}

static void group_of_an_id_comes_back_anew(void **state)
{
	struct device *dev = device("0000:01:00.0", 7), *again;
	struct iommu_group *group = group_of(dev), *same;

	host_device_destroy(dev);
	/* While somebody holds it, it is the same group. */
	again = device("0000:01:00.0", 7);
	same = group_of(again);
	assert_ptr_equal(same, group);
	port_iommu_group_put(same);
	port_iommu_group_put(group);
	host_device_destroy(again);
}

/* Else each time that it comes back would keep another piece of memory. */
static void L2_device_comes_back_in_the_memory_it_had(void **state)
{
	struct device *dev = device("0000:01:00.0", 7);
	struct device *neighbour = device("0000:01:00.1", 7), *again;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		host_device_destroy(dev);
		again = device("0000:01:00.0", 7);
		assert_ptr_equal(again, dev);
		assert_string_equal(port_device_name(dev), "0000:01:00.0");
		assert_int_equal(host_device_bind(dev, &native), 0);
	}
	host_device_destroy(dev);
	host_device_destroy(neighbour);
}

static void B1_device_without_iommu_has_no_group(void **state)
{
	struct device *dev = device("0000:01:00.0", -1);

	assert_null(port_iommu_group_get(dev));
	assert_false(port_device_has_iommu(dev));
	assert_null(host_device_type1(dev));
	host_device_destroy(dev);
}

static void B1_made_group_takes_a_free_id_and_goes_with_its_device(void **state)
{
	struct device *a = device("a", 0), *b = device("b", 2);
	struct device *x = device("x", -1), *y = device("y", -1);
	struct iommu_group *gx, *gy;

	/* Whichever comes first, and before either does. */
	assert_int_equal(host_device_group_id(x), 1);
	gy = port_iommu_group_make(y, "vfio-noiommu");
	gx = port_iommu_group_make(x, "vfio-noiommu");
	assert_int_equal(port_iommu_group_id(gx), 1);
	assert_int_equal(port_iommu_group_id(gy), 3);
	assert_true(port_iommu_group_is_made(gx));
	assert_ptr_equal(port_iommu_group_get(x), gx);
	port_iommu_group_put(gx);
	port_iommu_group_remove_device(x);
	assert_null(port_iommu_group_get(x));
	port_iommu_group_put(gx);

	/* The id is free again. */
	gx = port_iommu_group_make(x, "vfio-noiommu");
	assert_int_equal(port_iommu_group_id(gx), 1);
	port_iommu_group_put(gx);
	port_iommu_group_put(gy);
	host_device_destroy(x);
	host_device_destroy(y);
	host_device_destroy(a);
	host_device_destroy(b);
}

static void device_cannot_join_a_made_group(void **state)
{
	struct device *x = device("x", -1);
	struct iommu_group *group = port_iommu_group_make(x, "vfio-noiommu");

	assert_int_equal(PTR_ERR(host_device_create("y", 0)), -EEXIST);
	port_iommu_group_remove_device(x);
	port_iommu_group_put(group);
	assert_int_equal(PTR_ERR(host_device_create("y", 0)), -EEXIST);
	host_device_destroy(x);
}

/* ---- V ---- */

static void V1_group_is_viable_without_a_native_driver(void **state)
{
	struct device *a = device("a", 7), *b = device("b", 7);
	struct iommu_group *group = group_of(a);

	assert_true(port_iommu_group_viable(group));
	assert_int_equal(host_device_bind(a, &vfio_pci), 0);
	assert_int_equal(host_device_bind(b, &stub), 0);
	assert_true(port_iommu_group_viable(group));
	host_device_unbind(b);
	assert_int_equal(host_device_bind(b, &native), 0);
	assert_false(port_iommu_group_viable(group));
	host_device_unbind(b);
	assert_true(port_iommu_group_viable(group));
	port_iommu_group_put(group);
	host_device_destroy(a);
	host_device_destroy(b);
}

static void V2_claim_with_a_native_driver_is_ebusy_and_says_who(void **state)
{
	struct device *a = device("0000:01:00.0", 7);
	struct device *b = device("0000:01:00.1", 7);
	struct iommu_group *group = group_of(a);
	int owner;

	host_device_bind(b, &native);
	host_log_capture(true);
	assert_int_equal(port_iommu_group_claim(group, &owner), -EBUSY);
	assert_string_equal(
		host_log_captured(),
		"0000:01:00.1 of group 7 is bound to snd_hda_intel; unbind it, or bind it to vfio-pci");
	host_log_capture(false);
	host_device_unbind(b);
	assert_int_equal(port_iommu_group_claim(group, &owner), 0);
	port_iommu_group_release(group);
	port_iommu_group_put(group);
	host_device_destroy(a);
	host_device_destroy(b);
}

static void V2_second_claim_is_eperm_and_the_first_stays(void **state)
{
	struct device *dev = device("a", 7);
	struct iommu_group *group = group_of(dev);
	int owner, other;

	assert_int_equal(port_iommu_group_claim(group, &owner), 0);
	assert_int_equal(port_iommu_group_claim(group, &other), -EPERM);
	assert_int_equal(port_iommu_group_claim(group, &owner), -EPERM);
	assert_true(port_iommu_group_viable(group));
	port_iommu_group_release(group);
	assert_int_equal(port_iommu_group_claim(group, &other), 0);
	port_iommu_group_release(group);
	port_iommu_group_put(group);
	host_device_destroy(dev);
}

static void V2_native_driver_is_refused_by_an_owned_group(void **state)
{
	struct device *a = device("0000:01:00.0", 7);
	struct device *b = device("0000:01:00.1", 7);
	struct device *c = device("0000:02:00.0", 8);
	struct iommu_group *group = group_of(a);
	int owner;

	port_iommu_group_claim(group, &owner);
	host_log_capture(true);
	assert_int_equal(host_device_bind(b, &native), -EBUSY);
	assert_string_equal(
		host_log_captured(),
		"0000:01:00.1: not bound to snd_hda_intel: group 7 is in use through VFIO, which owns its DMA");
	host_log_capture(false);
	assert_int_equal(host_device_bind(b, &stub), 0);
	assert_int_equal(host_device_bind(c, &native), 0);
	port_iommu_group_release(group);
	host_device_unbind(b);
	assert_int_equal(host_device_bind(b, &native), 0);
	port_iommu_group_put(group);
	host_device_destroy(a);
	host_device_destroy(b);
	host_device_destroy(c);
}

static void bound_device_is_not_bound_again(void **state)
{
	struct device *dev = device("a", -1);

	assert_int_equal(host_device_bind(dev, &native), 0);
	assert_int_equal(host_device_bind(dev, &vfio_pci), -EBUSY);
	host_device_unbind(dev);
	assert_int_equal(host_device_bind(dev, &vfio_pci), 0);
	host_device_destroy(dev);
}

static void V3_device_that_appears_is_told_to_the_core(void **state)
{
	struct device *a = device("a", 7), *b;
	struct iommu_group *group = group_of(a);
	int owner;

	port_iommu_group_claim(group, &owner);
	added.nr = 0;
	b = device("b", 7);
	assert_int_equal(added.nr, 1);
	assert_ptr_equal(added.group, group);
	assert_ptr_equal(added.dev, b);
	host_device_destroy(device("c", -1));
	assert_int_equal(added.nr, 1);
	port_iommu_group_release(group);
	port_iommu_group_put(group);
	host_device_destroy(a);
	host_device_destroy(b);
}

/* ---- the IOMMU ---- */

static struct vfio_type1 *const type1 = (void *)0x1000;
static struct vfio_type1 *const other_type1 = (void *)0x2000;

static void attached_group_gives_its_devices_the_address_space(void **state)
{
	struct device *a = device("a", 7), *b = device("b", 7);
	struct iommu_group *group = group_of(a);
	struct port_iommu *iommu = port_iommu_alloc(type1);
	struct port_iommu *other = port_iommu_alloc(other_type1);

	assert_null(host_device_type1(a));
	assert_int_equal(port_iommu_attach(iommu, group), 0);
	assert_ptr_equal(host_device_type1(a), type1);
	assert_ptr_equal(host_device_type1(b), type1);
	assert_int_equal(port_iommu_attach(other, group), -EBUSY);
	port_iommu_detach(iommu, group);
	assert_null(host_device_type1(a));
	assert_int_equal(port_iommu_attach(other, group), 0);
	assert_ptr_equal(host_device_type1(b), other_type1);
	port_iommu_detach(other, group);
	port_iommu_free(iommu);
	port_iommu_free(other);
	port_iommu_group_put(group);
	host_device_destroy(a);
	host_device_destroy(b);
}

static void iommu_is_as_clients_like_it(void **state)
{
	struct port_iommu *iommu = port_iommu_alloc(type1);
	u64 start, last;

	assert_true(port_iommu_pgsizes(iommu) == ~0xfffull);
	assert_true(port_iommu_coherent(iommu));
	assert_true(port_iommu_tracks_dirty(iommu));
	assert_true(port_iommu_range(iommu, 0, &start, &last));
	assert_true(start == 0 && last == 0xffffffffffffull);
	assert_false(port_iommu_range(iommu, 1, &start, &last));
	port_iommu_free(iommu);
}

static int try_map(u64 vaddr, u64 size, u32 prot)
{
	struct port_iommu *iommu = port_iommu_alloc(type1);
	void *cookie;
	int ret = port_iommu_map(iommu, 0, vaddr, size, prot, &cookie);

	if (!ret)
		port_iommu_unmap(iommu, 0, vaddr, size, prot, cookie);
	port_iommu_free(iommu);
	return ret;
}

#define R VFIO_DMA_MAP_FLAG_READ
#define RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static void mapping_wants_memory_with_the_rights(void **state)
{
	u8 *mem = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct port_iommu *iommu = port_iommu_alloc(type1);
	u64 at = (uintptr_t)mem;
	unsigned long pfn = 0;

	use_fault_handler();
	assert_int_equal(try_map(at, 4 * PAGE_SIZE, RW), 0);
	mprotect(mem + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
	assert_int_equal(try_map(at, 4 * PAGE_SIZE, RW), -EFAULT);
	assert_int_equal(try_map(at, 4 * PAGE_SIZE, R), 0);
	munmap(mem + 3 * PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(try_map(at, 4 * PAGE_SIZE, R), -EFAULT);
	assert_int_equal(try_map(at, 3 * PAGE_SIZE, R), 0);

	assert_int_equal(port_iommu_pin_page(iommu, at + PAGE_SIZE, RW, &pfn),
			 0);
	assert_true(pfn == (at >> PAGE_SHIFT) + 1);
	assert_int_equal(
		port_iommu_pin_page(iommu, at + 2 * PAGE_SIZE, RW, &pfn),
		-EFAULT);
	port_iommu_unpin_page(iommu, pfn, RW);
	port_iommu_free(iommu);
	munmap(mem, 3 * PAGE_SIZE);
}

static void copy_reaches_memory_or_is_efault(void **state)
{
	struct port_iommu *iommu = port_iommu_alloc(type1);
	u8 mem[4] = { 1, 2, 3, 4 }, buf[4];
	u64 at = (uintptr_t)mem;

	use_fault_handler();
	assert_int_equal(port_iommu_copy(iommu, at, buf, 4, false), 0);
	assert_memory_equal(buf, mem, 4);
	buf[0] = 9;
	assert_int_equal(port_iommu_copy(iommu, at, buf, 4, true), 0);
	assert_int_equal(mem[0], 9);
	assert_int_equal(port_iommu_copy(iommu, 8, buf, 4, false), -EFAULT);
	assert_int_equal(port_iommu_copy(iommu, 8, buf, 4, true), -EFAULT);
	port_iommu_free(iommu);
}

static int no_rights(void *hw, u32 bar, u64 off, int prot, u64 *len)
{
	return PROT_NONE;
}

static int map_trapped(struct toy *toy, struct port_vma *vma)
{
	static const struct host_vma_ops ops = { .rights = no_rights };

	return host_vma_map(vma, &ops, toy, 0, 0, -1, 0);
}

/* Hypervisors map the BARs that they mapped themselves, next to memory. */
static void bar_may_be_mapped_though_its_pages_trap(void **state)
{
	struct toy toy = { .mmap = map_trapped };
	int fd = toy_open(&toy);
	u8 *mem = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 at = (uintptr_t)mem;

	use_fault_handler();
	assert_ptr_equal(host_fd_mmap(mem + PAGE_SIZE, PAGE_SIZE,
				      PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, fd, 0),
			 mem + PAGE_SIZE);
	host_fd_close(fd);
	assert_int_equal(try_map(at + PAGE_SIZE, PAGE_SIZE, RW), 0);
	assert_int_equal(try_map(at, 3 * PAGE_SIZE, RW), 0);
	mprotect(mem + 2 * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	assert_int_equal(try_map(at, 3 * PAGE_SIZE, R), -EFAULT);
	assert_int_equal(host_vma_unmap(mem, 3 * PAGE_SIZE), 0);
	assert_int_equal(toy.released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_of_one_id_share_a_group),
		cmocka_unit_test(L2_held_group_outlives_its_devices),
		cmocka_unit_test(group_of_an_id_comes_back_anew),
		cmocka_unit_test(L2_device_comes_back_in_the_memory_it_had),
		cmocka_unit_test(B1_device_without_iommu_has_no_group),
		cmocka_unit_test(
			B1_made_group_takes_a_free_id_and_goes_with_its_device),
		cmocka_unit_test(device_cannot_join_a_made_group),
		cmocka_unit_test(V1_group_is_viable_without_a_native_driver),
		cmocka_unit_test(
			V2_claim_with_a_native_driver_is_ebusy_and_says_who),
		cmocka_unit_test(V2_second_claim_is_eperm_and_the_first_stays),
		cmocka_unit_test(V2_native_driver_is_refused_by_an_owned_group),
		cmocka_unit_test(bound_device_is_not_bound_again),
		cmocka_unit_test(V3_device_that_appears_is_told_to_the_core),
		cmocka_unit_test(
			attached_group_gives_its_devices_the_address_space),
		cmocka_unit_test(iommu_is_as_clients_like_it),
		cmocka_unit_test(mapping_wants_memory_with_the_rights),
		cmocka_unit_test(copy_reaches_memory_or_is_efault),
		cmocka_unit_test(bar_may_be_mapped_though_its_pages_trap),
	};

	port_warn_fatal = true;
	host_fault_init();
	sigaction(SIGSEGV, NULL, &fault_action);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
