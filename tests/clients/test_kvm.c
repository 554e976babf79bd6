// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What a hypervisor with KVM meets: no register to map, and a VFIO device of
 * KVM's that takes our groups. */
#include "program.h"

#include <linux/kvm.h>

static int kvm, vm, kvm_vfio;

static void start_kvm(void)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		print_message("no KVM: /dev/kvm: %s\n", strerror(errno));
		skip();
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_DEVICE, &create)) {
		print_message("no KVM to use: %s\n", strerror(errno));
		skip();
	}
	kvm_vfio = create.fd;
}

static void stop_kvm(void)
{
	close(kvm_vfio);
	close(vm);
	close(kvm);
}

static int tell_kvm(unsigned long what, int32_t fd)
{
	struct kvm_device_attr attr = { .group = KVM_DEV_VFIO_GROUP,
					.attr = what,
					.addr = (uintptr_t)&fd };

	return ioctl(kvm_vfio, KVM_SET_DEVICE_ATTR, &attr);
}

static void kvm_takes_groups_of_ours_and_nothing_else(void **state)
{
	struct kvm_device_attr attr = { .group = KVM_DEV_VFIO_GROUP,
					.attr = KVM_DEV_VFIO_GROUP_ADD,
					.addr = 8 };
	int container, group;

	start_kvm();
	container = open(CONTAINER, O_RDWR | O_CLOEXEC);
	group = open(GROUP, O_RDWR | O_CLOEXEC);
	assert_true(container >= 0 && group >= 0);
	assert_int_equal(tell_kvm(KVM_DEV_VFIO_GROUP_ADD, group), 0);
	assert_int_equal(tell_kvm(KVM_DEV_VFIO_GROUP_DEL, group), 0);
	assert_fails(tell_kvm(KVM_DEV_VFIO_GROUP_ADD, container), EINVAL);
	/* The kernel's own answers to what is not ours. */
	assert_fails(tell_kvm(KVM_DEV_VFIO_GROUP_ADD, -1), EBADF);
	assert_fails(tell_kvm(77, group), ENXIO);
	assert_fails(ioctl(kvm_vfio, KVM_SET_DEVICE_ATTR, &attr), EFAULT);
	assert_fails(ioctl(kvm_vfio, KVM_SET_DEVICE_ATTR, NULL), EFAULT);
	attr.addr = (uintptr_t)&group;
	assert_int_equal(ioctl(vm, KVM_SET_DEVICE_ATTR, &attr), -1);
	close(group);
	close(container);
	stop_kvm();
}

static void registers_are_not_offered_for_mmap(void **state)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	uint32_t val = 5;
	int container, group, device;

	start_kvm();
	container = open(CONTAINER, O_RDWR | O_CLOEXEC);
	group = open(GROUP, O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), 0);
	assert_int_equal(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
			 0);
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, BDF);
	assert_true(device >= 0);
	assert_int_equal(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	assert_int_equal(info.flags, VFIO_REGION_INFO_FLAG_READ |
					     VFIO_REGION_INFO_FLAG_WRITE);
	assert_ptr_equal(
		mmap(NULL, EDU_BAR_SIZE, PROT_READ, MAP_SHARED, device, 0),
		MAP_FAILED);
	/* They are there all the same. */
	assert_int_equal(pwrite(device, &val, 4, EDU_INVERT), 4);
	assert_int_equal(pread(device, &val, 4, EDU_INVERT), 4);
	assert_int_equal(val, ~5u);
	close(device);
	close(group);
	close(container);
	stop_kvm();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_takes_groups_of_ours_and_nothing_else),
		cmocka_unit_test(registers_are_not_offered_for_mmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
