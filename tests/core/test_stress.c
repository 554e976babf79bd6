// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Races, for the race detector and the address checker (L6): users, a meddler
 * on their descriptors, an external user, a backend whose calls come back in,
 * and removals, all at once on two groups and three devices.
 *
 * Which call fails with what is chance.  What must hold is that everything comes
 * to its end, that nothing is touched after it was freed, that the fakes see
 * opens and releases in turn, and that nothing is left.
 */
#include "fixture.h"

#include <pthread.h>

#define ROUNDS 6000
/* So that a device is there more often than not. */
#define LOOKUPS 50

static struct fake *devs[3]; /* d1 and d2 in group 1, d3 in group 2 */
static const char *const names[] = { "d1", "d2", "d3" };

/* Descriptors that others may meddle with, or -1; at any time closed or used
 * for something else by whom they belong to. */
static int containers[2], groups[2];
static int users_left; /* atomic */

static unsigned int rnd(unsigned int *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

static void pin_some(void)
{
	unsigned long pfn = 1, phys;

	if (vfio_pin_pages(devs[0]->dev, &pfn, 1, 0, &phys) == 1)
		vfio_unpin_pages(devs[0]->dev, &pfn, 1);
}

static void call_all(int container, int group, int device)
{
	host_fd_ioctl(container, CMD_FAKE, 1);
	host_fd_ioctl(container, VFIO_CHECK_EXTENSION, EXT_FAKE);
	get_status(group);
	if (device >= 0)
		host_fd_ioctl(device, CMD_FAKE, 1);
}

/* ---- a user: from opening to closing, in some order ---- */

static void close_three(int fds[3], unsigned int *seed)
{
	unsigned int i = rnd(seed) % 3, step = 1 + rnd(seed) % 2, n;

	for (n = 0; n < 3; n++, i = (i + step) % 3)
		if (fds[i] >= 0)
			close_fd(fds[i]);
}

static void use_once(int me, unsigned int *seed)
{
	int id = 1 + rnd(seed) % 2, fds[3];

	fds[0] = open_container();
	fds[1] = open_group(id);
	fds[2] = -1;
	WRITE_ONCE(containers[me], fds[0]);
	WRITE_ONCE(groups[me], fds[1]);
	if (fds[1] >= 0 && !set_container(fds[1], fds[0])) {
		set_iommu(fds[0], EXT_FAKE);
		fds[2] = get_device_fd(fds[1], names[rnd(seed) % 3]);
		call_all(fds[0], fds[1], fds[2]);
		if (rnd(seed) % 4 == 0)
			unset_container(fds[1]);
	}
	close_three(fds, seed);
}

static void *be_user(void *data)
{
	int me = (int)(intptr_t)data, i;
	unsigned int seed = me + 1;

	for (i = 0; i < ROUNDS; i++)
		use_once(me, &seed);
	__atomic_sub_fetch(&users_left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool more_to_come(void)
{
	return __atomic_load_n(&users_left, __ATOMIC_ACQUIRE);
}

/* ---- others ---- */

static void meddle(unsigned int *seed)
{
	int container = READ_ONCE(containers[rnd(seed) % 2]);
	int group = READ_ONCE(groups[rnd(seed) % 2]), device;

	switch (rnd(seed) % 6) {
	case 0:
		unset_container(group);
		break;
	case 1:
		set_container(group, container);
		break;
	case 2:
		set_iommu(container, EXT_FAKE);
		break;
	case 3:
		device = get_device_fd(group, names[rnd(seed) % 3]);
		if (device >= 0)
			close_fd(device);
		break;
	default:
		call_all(container, group, -1);
	}
}

static void *be_meddler(void *data)
{
	unsigned int seed = 10;

	while (more_to_come())
		meddle(&seed);
	return NULL;
}

static int ignore(struct notifier_block *nb, unsigned long action, void *data)
{
	return NOTIFY_OK;
}

static void use_externally(struct port_file *file, struct kvm *kvm)
{
	struct notifier_block nb = { .notifier_call = ignore };
	unsigned long events = VFIO_GROUP_NOTIFY_SET_KVM;
	struct vfio_group *group = vfio_group_get_external_user(file);
	struct device *dev;

	if (IS_ERR(group))
		return;
	dev = devs[vfio_external_user_iommu_id(group) == 1 ? 0 : 2]->dev;
	vfio_external_check_extension(group, 1);
	if (!vfio_register_notifier(dev, VFIO_GROUP_NOTIFY, &events, &nb)) {
		vfio_group_set_kvm(group, kvm);
		/* -ENODEV: the device left meanwhile, and with it its group. */
		vfio_unregister_notifier(dev, VFIO_GROUP_NOTIFY, &nb);
	}
	vfio_group_set_kvm(group, NULL);
	vfio_group_put_external_user(group);
}

static void *be_external(void *data)
{
	struct kvm kvm = { 0 };
	struct port_file *file;
	unsigned int seed = 20;

	while (more_to_come()) {
		file = port_file_get(READ_ONCE(groups[rnd(&seed) % 2]));
		if (IS_ERR(file))
			continue;
		use_externally(file, &kvm);
		port_file_put(file);
	}
	assert_int_equal(kvm.holds, 0);
	return NULL;
}

static void *be_bus(void *data)
{
	struct vfio_device *device;
	unsigned int seed = 30, i;
	struct fake *fake;

	while (more_to_come()) {
		fake = devs[rnd(&seed) % 3];
		for (i = 0; i < LOOKUPS; i++) {
			device = vfio_device_get_from_dev(fake->dev);
			assert_ptr_equal(vfio_device_data(device), fake);
			vfio_device_put(device);
		}
		assert_ptr_equal(vfio_del_group_dev(fake->dev), fake);
		assert_int_equal(fake->opens, 0);
		assert_int_equal(vfio_add_group_dev(fake->dev, &fake_ops, fake),
				 0);
	}
	return NULL;
}

/* Short periods: requests are made, and the wait is left and entered often. */
static int short_wait(struct completion *done, unsigned int ms,
		      bool interruptible)
{
	return __real_port_wait(done, 1, interruptible);
}

static void L6_all_at_once(void **state)
{
	void *(*const roles[])(void *) = { be_user, be_user, be_meddler,
					   be_external, be_bus };
	pthread_t threads[ARRAY_SIZE(roles)];
	unsigned long i;

	trace_off = true;
	host_log_set(-1, PORT_ERR);
	wait_hook = short_wait;
	alpha.on_ioctl = pin_some;
	devs[0] = fake_add("d1", 1);
	devs[1] = fake_add("d2", 1);
	devs[2] = fake_add("d3", 2);
	containers[0] = containers[1] = groups[0] = groups[1] = -1;
	users_left = 2;
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, roles[i], (void *)i),
			0);
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	/* All descriptors are closed: nothing is in use any more. */
	assert_int_equal(alpha.live, 0);
	for (i = 0; i < ARRAY_SIZE(devs); i++)
		fake_remove(devs[i]);
	host_log_set(2, PORT_INFO);
}

/* ---- calls on a container that loses its backend again and again ---- */

static int contested;

static void *be_caller(void *data)
{
	long ret;

	while (more_to_come()) {
		ret = host_fd_ioctl(contested, CMD_FAKE, 1);
		assert_true(ret == -EINVAL || ret == 'a' + 1);
		ret = check_extension(contested, EXT_FAKE);
		assert_true(ret == 0 || ret == 'a');
	}
	return NULL;
}

static void L6_calls_meet_the_end_of_their_backend(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), i;
	pthread_t caller;

	trace_off = true;
	contested = open_container();
	users_left = 1;
	assert_int_equal(pthread_create(&caller, NULL, be_caller, NULL), 0);
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(set_container(group, contested), 0);
		assert_int_equal(set_iommu(contested, EXT_FAKE), 0);
		assert_int_equal(unset_container(group), 0);
	}
	__atomic_store_n(&users_left, 0, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(caller, NULL), 0);
	close_fd(group);
	close_fd(contested);
	fake_remove(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(L6_all_at_once),
		TEST(L6_calls_meet_the_end_of_their_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
