/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Each allocation of a call fails in turn.  The call says -ENOMEM, changes
 * nothing, and works when it is made again.
 */
#include "harness.h"

void *__wrap_port_zalloc(size_t size);
void *__real_port_zalloc(size_t size);
void *__wrap_port_zalloc_array(size_t n, size_t size);
void *__real_port_zalloc_array(size_t n, size_t size);
void __wrap_port_free(const void *ptr);
void __real_port_free(const void *ptr);

struct iommu_group *__wrap_vfio_iommu_group_get(struct device *dev);
struct iommu_group *__real_vfio_iommu_group_get(struct device *dev);
void __wrap_vfio_iommu_group_put(struct iommu_group *group, struct device *dev);
void __real_vfio_iommu_group_put(struct iommu_group *group, struct device *dev);

static struct fake *fake;
static struct user user;
static int fds[2];
static int groups_held;

/* The allocation that fails, counted from now on, of this thread; 0: none. */
static __thread unsigned int fails_in;

/* How many this thread made more than it freed. */
static __thread int blocks;

static bool fails(void)
{
	return fails_in && !--fails_in;
}

static void *counted(void *block)
{
	blocks += !!block;
	return block;
}

void *__wrap_port_zalloc(size_t size)
{
	return fails() ? NULL : counted(__real_port_zalloc(size));
}

void *__wrap_port_zalloc_array(size_t n, size_t size)
{
	return fails() ? NULL : counted(__real_port_zalloc_array(n, size));
}

void __wrap_port_free(const void *block)
{
	blocks -= !!block;
	__real_port_free(block);
}

struct iommu_group *__wrap_vfio_iommu_group_get(struct device *dev)
{
	struct iommu_group *group = __real_vfio_iommu_group_get(dev);

	groups_held += !!group;
	return group;
}

void __wrap_vfio_iommu_group_put(struct iommu_group *group, struct device *dev)
{
	groups_held--;
	__real_vfio_iommu_group_put(group, dev);
}

static int setup(void **state)
{
	fake = fake_create("0000:01:00.0", 7);
	fds[0] = new_eventfd();
	fds[1] = new_eventfd();
	return 0;
}

static void start(void)
{
	char log[sizeof(fake->log)];

	fake_bind(fake);
	user_open(&user, fake);
	fake_take_log(fake, log);
}

static int teardown(void **state)
{
	user_close(&user);
	fake_destroy(fake);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* Makes @call until none of its allocations is left to fail; how many did. */
static unsigned int sweep(long (*call)(void))
{
	char log[sizeof(fake->log)];
	const int before = blocks;
	unsigned int nth;
	bool failed;
	long ret;

	for (nth = 1;; nth++) {
		fake_take_log(fake, log);
		fails_in = nth;
		ret = call();
		failed = !fails_in;
		fails_in = 0;
		if (!failed)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(blocks, before);
		if (fake->enabled)
			assert_calls(fake, "");
	}
	assert_int_equal(ret, 0);
	return nth - 1;
}

static long call_open(void)
{
	long fd = host_fd_ioctl(user.group, VFIO_GROUP_GET_DEVICE_FD,
				(unsigned long)fake->name);

	if (fd < 0)
		return fd;
	user.device = fd;
	return 0;
}

static void open_undoes_what_it_did(void **state)
{
	fake_bind(fake);
	user_open_group(&user, 7);
	assert_in_range(sweep(call_open), 2, 100);
	assert_true(fake->enabled);
	assert_int_equal(config_read(&user, 0, 4), 0x56781234);
}

static long call_region_info(void)
{
	struct {
		struct vfio_region_info info;
		u8 room[128];
	} big = { .info = { .argsz = sizeof(big) } };

	return do_ioctl(&user, VFIO_DEVICE_GET_REGION_INFO, &big);
}

static void region_info_frees_its_capabilities(void **state)
{
	fake->area[0][1] = 0x1000;
	fake->nr_areas = 1;
	fake->info.msix_bar = 0;
	fake->info.msix_offset = 0;
	start();
	assert_in_range(sweep(call_region_info), 3, 100);
}

static long call_set_msix(void)
{
	int many[6] = { fds[0], fds[1], -1, -1, -1, -1 };

	return set_eventfds(&user, VFIO_PCI_MSIX_IRQ_INDEX, 0, 6, many);
}

static long call_set_more(void)
{
	return set_eventfds(&user, VFIO_PCI_MSIX_IRQ_INDEX, 1, 2, fds);
}

static void set_irqs_leaves_all_as_it_was(void **state)
{
	start();
	assert_in_range(sweep(call_set_msix), 3, 100);
	assert_int_equal(fake->nr_vectors, 6);
	assert_in_range(sweep(call_set_more), 2, 100);
	fake_fire(fake, 1);
	assert_int_equal(eventfd_take(fds[0]), 1);
}

static long call_set_intx(void)
{
	return set_eventfds(&user, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fds);
}

static long call_resample(void)
{
	return set_irqs(&user, VFIO_PCI_INTX_IRQ_INDEX,
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
			0, 1, fds + 1, 4);
}

static void resampling_starts_or_does_not(void **state)
{
	start();
	assert_in_range(sweep(call_set_intx), 2, 100);
	assert_in_range(sweep(call_resample), 2, 100);
	fake_line(fake, true);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	eventfd_write(fds[1], 1);
	assert_int_equal(eventfd_wait(fds[0]), 1);
}

static long call_ioeventfd(void)
{
	struct vfio_device_ioeventfd req = {
		.argsz = sizeof(req),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.fd = fds[0],
	};

	return do_ioctl(&user, VFIO_DEVICE_IOEVENTFD, &req);
}

static void ioeventfd_is_there_or_not(void **state)
{
	start();
	assert_in_range(sweep(call_ioeventfd), 3, 100);
	assert_int_equal(call_ioeventfd(), -EEXIST);
}

static long call_hot_info(void)
{
	struct {
		struct vfio_pci_hot_reset_info hdr;
		struct vfio_pci_dependent_device device;
	} big = { .hdr = { .argsz = sizeof(big) } };

	return do_ioctl(&user, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &big);
}

static long call_hot_reset(void)
{
	struct {
		struct vfio_pci_hot_reset hdr;
		s32 group;
	} req = { .hdr = { .argsz = sizeof(req), .count = 1 },
		  .group = user.group };

	return do_ioctl(&user, VFIO_DEVICE_PCI_HOT_RESET, &req);
}

static void hot_reset_lets_its_proof_go(void **state)
{
	start();
	assert_int_equal(sweep(call_hot_info), 1);
	assert_int_equal(sweep(call_hot_reset), 2);
}

static long call_bind(void)
{
	struct vfio_pci_device *vdev;

	vdev = vfio_pci_bind(fake->dev, &fake->info, &fake->ops, fake);
	assert_int_equal(groups_held, IS_ERR(vdev) ? 0 : 1);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	fake->vdev = vdev;
	return 0;
}

static void bind_leaves_no_trace(void **state)
{
	fake->dev = host_device_create(fake->name, fake->group);
	groups_held = 0;
	assert_in_range(sweep(call_bind), 2, 100);
	user_open(&user, fake);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(open_undoes_what_it_did),
		test(region_info_frees_its_capabilities),
		test(set_irqs_leaves_all_as_it_was),
		test(resampling_starts_or_does_not),
		test(ioeventfd_is_there_or_not),
		test(hot_reset_lets_its_proof_go),
		test(bind_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
