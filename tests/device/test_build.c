/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Building a function: each mistake of a model is refused with a message, whether
 * or not the model looks at the answers. */
#include "harness.h"

static struct host_config config;
static const uint8_t config_bytes[100];
static int (*step)(struct anyvfio_device *dev);
static int answer;

/* All are built on this: a memory BAR 0 of 64 KiB. */
static int build(struct anyvfio_device *dev)
{
	assert_int_equal(anyvfio_pci_add_bar(dev, 0, 0x10000, 0), 0);
	answer = step(dev);
	return 0;
}

/* clang-format off */
#define MISTAKE(name, call)                              \
	static int name(struct anyvfio_device *dev)      \
	{                                                \
		return call;                             \
	}

MISTAKE(bar_6, anyvfio_pci_add_bar(dev, 6, 4096, 0))
MISTAKE(bar_twice, anyvfio_pci_add_bar(dev, 0, 4096, 0))
MISTAKE(bar_small, anyvfio_pci_add_bar(dev, 1, 2048, 0))
MISTAKE(bar_none, anyvfio_pci_add_bar(dev, 1, 0, 0))
MISTAKE(bar_odd, anyvfio_pci_add_bar(dev, 1, 0x3000, 0))
MISTAKE(bar_large, anyvfio_pci_add_bar(dev, 1, 1ull << 32, 0))
MISTAKE(bar_flags, anyvfio_pci_add_bar(dev, 1, 4096, 8))
MISTAKE(io_wide, anyvfio_pci_add_bar(dev, 1, 32, ANYVFIO_BAR_IO | ANYVFIO_BAR_64))
MISTAKE(io_large, anyvfio_pci_add_bar(dev, 1, 512, ANYVFIO_BAR_IO))
MISTAKE(io_small, anyvfio_pci_add_bar(dev, 1, 2, ANYVFIO_BAR_IO))
MISTAKE(wide_last, anyvfio_pci_add_bar(dev, 5, 4096, ANYVFIO_BAR_64))
MISTAKE(pages_odd, anyvfio_pci_set_pages(dev, 0, 0x800, 0x1000,
					 ANYVFIO_PAGE_PLAIN))
MISTAKE(pages_none, anyvfio_pci_set_pages(dev, 0, 0, 0, ANYVFIO_PAGE_PLAIN))
MISTAKE(pages_beyond, anyvfio_pci_set_pages(dev, 0, 0xf000, 0x2000,
					    ANYVFIO_PAGE_PLAIN))
MISTAKE(pages_far, anyvfio_pci_set_pages(dev, 0, ~0xfffull, 0x2000,
					 ANYVFIO_PAGE_PLAIN))
MISTAKE(pages_nowhere, anyvfio_pci_set_pages(dev, 1, 0, 0x1000,
					     ANYVFIO_PAGE_PLAIN))
MISTAKE(msi_3, anyvfio_pci_add_msi(dev, 3))
MISTAKE(msi_0, anyvfio_pci_add_msi(dev, 0))
MISTAKE(msi_64, anyvfio_pci_add_msi(dev, 64))
MISTAKE(msix_0, anyvfio_pci_add_msix(dev, 0, 0, 0, 0x1000))
MISTAKE(msix_many, anyvfio_pci_add_msix(dev, 2049, 0, 0, 0x9000))
MISTAKE(msix_odd, anyvfio_pci_add_msix(dev, 1, 0, 4, 0x1000))
MISTAKE(msix_overlap, anyvfio_pci_add_msix(dev, 8, 0, 0x1000, 0x1078))
MISTAKE(msix_beyond, anyvfio_pci_add_msix(dev, 8, 0, 0xff88, 0))
MISTAKE(msix_nowhere, anyvfio_pci_add_msix(dev, 8, 1, 0, 0x1000))
MISTAKE(msix_bar_9, anyvfio_pci_add_msix(dev, 8, 9, 0, 0x1000))
MISTAKE(pba_beyond, anyvfio_pci_add_msix(dev, 8, 0, 0, 0x10000))
MISTAKE(cap_large, anyvfio_pci_add_cap(dev, 9, config_bytes, NULL, 87))
/* clang-format on */

static int wide_no_room(struct anyvfio_device *dev)
{
	anyvfio_pci_add_bar(dev, 2, 4096, 0);
	return anyvfio_pci_add_bar(dev, 1, 4096, ANYVFIO_BAR_64);
}

static int upper_half(struct anyvfio_device *dev)
{
	anyvfio_pci_add_bar(dev, 1, 4096, ANYVFIO_BAR_64);
	return anyvfio_pci_add_bar(dev, 2, 4096, 0);
}

static int pages_of_ports(struct anyvfio_device *dev)
{
	anyvfio_pci_add_bar(dev, 1, 256, ANYVFIO_BAR_IO);
	return anyvfio_pci_set_pages(dev, 1, 0, 0x1000, ANYVFIO_PAGE_PLAIN);
}

static int pages_twice(struct anyvfio_device *dev)
{
	anyvfio_pci_set_pages(dev, 0, 0x1000, 0x2000, ANYVFIO_PAGE_PLAIN);
	return anyvfio_pci_set_pages(dev, 0, 0x2000, 0x1000,
				     ANYVFIO_PAGE_READ_DIRECT);
}

static int many_kinds(struct anyvfio_device *dev)
{
	unsigned int i;
	int ret = 0;

	anyvfio_pci_add_bar(dev, 1, 1 << 20, 0);
	for (i = 0; i < 33 && !ret; i++)
		ret = anyvfio_pci_set_pages(dev, 1, i * 0x2000, 0x1000,
					    ANYVFIO_PAGE_PLAIN);
	return ret;
}

static int many_caps(struct anyvfio_device *dev)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 9 && ret >= 0; i++)
		ret = anyvfio_pci_add_cap(dev, 9, config_bytes, NULL, 2);
	return ret;
}

static int msix_in_plain_page(struct anyvfio_device *dev)
{
	anyvfio_pci_set_pages(dev, 0, 0x1000, 0x1000, ANYVFIO_PAGE_PLAIN);
	return anyvfio_pci_add_msix(dev, 300, 0, 0, 0x8000);
}

static int pba_in_direct_page(struct anyvfio_device *dev)
{
	anyvfio_pci_set_pages(dev, 0, 0x1000, 0x1000, ANYVFIO_PAGE_READ_DIRECT);
	return anyvfio_pci_add_msix(dev, 1, 0, 0, 0x1000);
}

static int msix_in_ports(struct anyvfio_device *dev)
{
	anyvfio_pci_add_bar(dev, 1, 256, ANYVFIO_BAR_IO);
	return anyvfio_pci_add_msix(dev, 1, 1, 0, 0x80);
}

static int no_destroy(struct anyvfio_device *dev)
{
	static const struct anyvfio_device_ops ops = { 0 };

	anyvfio_device_set_ops(dev, &ops, NULL);
	return 0;
}

static void mistakes_are_refused_with_a_message(void **state)
{
	static const struct {
		int (*step)(struct anyvfio_device *dev);
		int answer;
		const char *said;
	} mistakes[] = {
		{ bar_6, -EINVAL, "probe: BAR 6: there are 0 to 5" },
		{ bar_twice, -EINVAL, "BAR 0 (0x1000 bytes): it is there" },
		{ bar_small, -EINVAL, "memory is at least 4 KiB" },
		{ bar_none, -EINVAL, "not a power of two" },
		{ bar_odd, -EINVAL, "(0x3000 bytes): its size is not a power" },
		{ bar_large, -EINVAL, "at most 2 GiB in 32 bits" },
		{ bar_flags, -EINVAL, "its flags make no sense" },
		{ io_wide, -EINVAL, "its flags make no sense" },
		{ io_large, -EINVAL, "I/O ports are 4 to 256 bytes" },
		{ io_small, -EINVAL, "I/O ports are 4 to 256 bytes" },
		{ wide_last, -EINVAL, "a 64-bit BAR needs the next one too" },
		{ wide_no_room, -EINVAL, "needs the next one too" },
		{ upper_half, -EINVAL, "is the upper half of a 64-bit BAR" },
		{ pages_odd, -EINVAL, "not whole pages of memory of BAR 0" },
		{ pages_none, -EINVAL, "not whole pages" },
		{ pages_beyond, -EINVAL, "not whole pages" },
		{ pages_far, -EINVAL, "not whole pages" },
		{ pages_nowhere, -EINVAL, "memory of BAR 1" },
		{ pages_of_ports, -EINVAL, "memory of BAR 1" },
		{ pages_twice, -EEXIST, "pages 0x2000 of BAR 0 are set twice" },
		{ many_kinds, -ENOSPC, "more than 32 kinds of pages" },
		{ msi_3, -EINVAL, "3 MSI vectors: a power of two up to 32" },
		{ msi_0, -EINVAL, "0 MSI vectors" },
		{ msi_64, -EINVAL, "64 MSI vectors" },
		{ msix_0, -EINVAL, "0 MSI-X vectors: 1 to 2048" },
		{ msix_many, -EINVAL, "2049 MSI-X vectors" },
		{ msix_odd, -EINVAL, "at multiples of 8" },
		{ msix_overlap, -EINVAL, "pending bits overlap" },
		{ cap_large, -ENOSPC,
		  "no room for 89 bytes of capability 0x09" },
		{ many_caps, -ENOSPC, "no room for 4 bytes" },
		/* These show when all is known. */
		{ msix_beyond, 0, "the MSI-X table must lie in trapped pages" },
		{ msix_nowhere, 0, "the MSI-X table must lie" },
		{ msix_bar_9, 0, "BAR 9 has none there" },
		{ msix_in_ports, 0, "the MSI-X table must lie" },
		{ msix_in_plain_page, 0, "the MSI-X table must lie" },
		{ pba_beyond, 0, "the MSI-X pending bits must lie" },
		{ pba_in_direct_page, 0, "the MSI-X pending bits must lie" },
		{ no_destroy, 0, "none to destroy it" },
	};
	unsigned int i;
	void *ret;

	probe.build = build;
	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		host_log_capture(true);
		step = mistakes[i].step;
		ret = host_pci_create(PROBE, 0, &config);
		assert_true(IS_ERR(ret));
		assert_int_equal(answer, mistakes[i].answer);
		assert_int_equal(PTR_ERR(ret), answer ? answer : -EINVAL);
		if (!strstr(host_log_captured(), mistakes[i].said))
			fail_msg("not said: %s", mistakes[i].said);
	}
}

/* ---- what is right ---- */

static int nothing(struct anyvfio_device *dev)
{
	return 0;
}

static void building_ends_with_create(void **state)
{
	struct anyvfio_device *dev;

	probe.build = build;
	step = nothing;
	dev = host_pci_create(PROBE, 0, &config);
	assert_false(IS_ERR(dev));
	assert_int_equal(anyvfio_pci_add_bar(dev, 1, 4096, 0), -EPERM);
	assert_int_equal(anyvfio_pci_add_msi(dev, 1), -EPERM);
	assert_int_equal(anyvfio_pci_add_msix(dev, 1, 0, 0, 8), -EPERM);
	assert_int_equal(anyvfio_pci_add_intx(dev), -EPERM);
	assert_int_equal(anyvfio_pci_add_pm(dev), -EPERM);
	assert_int_equal(anyvfio_pci_add_express(dev), -EPERM);
	assert_int_equal(anyvfio_pci_add_cap(dev, 9, "", NULL, 1), -EPERM);
	assert_int_equal(
		anyvfio_pci_set_pages(dev, 0, 0, 0x1000, ANYVFIO_PAGE_PLAIN),
		-EPERM);
	assert_non_null(strstr(host_log_captured(),
			       "add_bar after the device was made"));
	host_pci_destroy(dev);
}

/* virtio's five capabilities are 88 bytes: all the room there is. */
static int virtio_caps(struct anyvfio_device *dev)
{
	static const size_t lens[] = { 16, 16, 16, 20, 20 };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(lens) && ret >= 0; i++)
		ret = anyvfio_pci_add_cap(dev, 9, config_bytes, config_bytes,
					  lens[i] - 2);
	return ret < 0 ? ret : 0;
}

static void capabilities_of_virtio_fit(void **state)
{
	struct anyvfio_device *dev;

	probe.build = build;
	step = virtio_caps;
	dev = host_pci_create(PROBE, 0, &config);
	assert_false(IS_ERR(dev));
	assert_int_equal(answer, 0);
	host_pci_destroy(dev);
}

/* No capability at all: the status register says so. */
static void plain_device_has_no_capability_list(void **state)
{
	struct host_pci_sysfs sysfs;
	struct anyvfio_device *dev;

	probe.build = build;
	step = nothing;
	dev = host_pci_create(PROBE, 0, &config);
	assert_false(IS_ERR(dev));
	host_pci_sysfs(dev, &sysfs);
	assert_int_equal(sysfs.config_size, 256);
	assert_int_equal(sysfs.config[0x34], 0);
	assert_int_equal(sysfs.config[6] & 0x10, 0);
	host_pci_destroy(dev);
}

static int setup(void **state)
{
	static struct host_config none;

	port_warn_fatal = true;
	memset(&probe, 0, sizeof(probe));
	host_log_capture(true);
	assert_int_equal(host_start(&none), 0);
	return 0;
}

static int teardown(void **state)
{
	host_stop();
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(mistakes_are_refused_with_a_message),
		T(building_ends_with_create),
		T(capabilities_of_virtio_fit),
		T(plain_device_has_no_capability_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
