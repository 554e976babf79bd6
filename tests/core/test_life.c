// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Lives of objects: L1, L2, L3, L6, and the start and end of the core: M. */
#include "fixture.h"

#include <pthread.h>

/* ---- L1: any order, nothing lost ---- */

static void close_in_order(const int order[3])
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	int fds[3] = { user.container, user.group, user.device }, i;

	forget_trace();
	for (i = 0; i < 3; i++) {
		/* A container of its own is nothing to the backend. */
		if (fds[order[i]] != user.container)
			assert_int_equal(alpha.live, 1);
		close_fd(fds[order[i]]);
	}
	assert_trace("d1.release a.detach:7 a.release");

	/* All can be had anew. */
	user = user_open(7, "d1");
	user_close(&user);
	fake_remove(dev);
}

static void L1_descriptors_close_in_any_order(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					 { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		close_in_order(orders[i]);
}

static void watch(int fd, const struct port_file_ops *ops)
{
	struct port_file *file = port_file_get(fd);

	watch_free(port_file_priv(file, ops));
	port_file_put(file);
}

static void L1_nothing_stays_behind(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	watch(user.container, &vfio_container_fops);
	watch(user.group, &vfio_group_fops);
	watch(user.device, &vfio_device_fops);
	/* What fails must not leave anything behind either. */
	assert_int_equal(set_container(user.group, user.container), -EINVAL);
	user_close(&user);
	fake_remove(dev);
	assert_int_equal(frees_taken(), 3);
}

/*
 * The life of a user from the first device to the last close.  Returns the
 * first error; whatever it did before that is undone.
 */
static int whole_life(struct device *dev, const struct vfio_device_ops *ops)
{
	int container, group, device, ret;

	ret = vfio_add_group_dev(dev, ops, NULL);
	if (ret)
		return ret;
	container = ret = host_node_open("vfio", O_RDWR);
	if (ret < 0)
		goto del_dev;
	group = ret = host_node_open("7", O_RDWR);
	if (ret < 0)
		goto close_container;
	ret = set_container(group, container);
	if (ret)
		goto close_group;
	ret = set_iommu(container, EXT_FAKE);
	if (ret)
		goto close_group;
	device = ret = get_device_fd(group, "d1");
	if (ret < 0)
		goto close_group;
	ret = 0;
	close_fd(device);
close_group:
	close_fd(group);
close_container:
	close_fd(container);
del_dev:
	vfio_del_group_dev(dev);
	return ret;
}

static void L1_every_failure_leaves_nothing(void **state)
{
	static const struct vfio_device_ops ops = { .name = "plain",
						    .owner = &fake_module };
	struct device *dev = host_device_create("d1", 7);
	unsigned int nth;
	int ret;

	for (nth = 1;; nth++) {
		fault_arm(nth);
		ret = whole_life(dev, &ops);
		if (!fault_fired())
			break;
		assert_int_not_equal(ret, 0);
		assert_int_equal(alpha.live, 0);
		assert_int_equal(alpha.module.holds, 0);
		assert_int_equal(fake_module.holds, 0);
	}
	assert_int_equal(ret, 0);
	/* Devices, groups, containers, backends, names, files, ownership. */
	assert_true(nth > 10);
	host_device_destroy(dev);
}

/* ---- L2 ---- */

static void L2_devices_of_one_group_share_its_object(void **state)
{
	struct fake *first = fake_add("d1", 7), *second;
	struct user user = user_open(7, "d1");
	int device;

	second = fake_add("d2", 7);
	device = get_device_fd(user.group, "d2");
	assert_true(device >= 0);
	close_fd(device);
	user_close(&user);
	/* The group goes with the last one, whichever that is. */
	fake_remove(first);
	user = user_open(7, "d2");
	user_close(&user);
	fake_remove(second);
	assert_int_equal(open_group(7), -ENOENT);
}

struct creator {
	struct device *dev;
	pthread_barrier_t *start;
	int ret;
};

static void *create(void *data)
{
	struct creator *creator = data;

	pthread_barrier_wait(creator->start);
	creator->ret = vfio_add_group_dev(creator->dev, &fake_ops, creator);
	return NULL;
}

static void L2_two_racing_creators_end_with_one_object(void **state)
{
	struct creator creators[2] = { { 0 } };
	pthread_barrier_t start;
	pthread_t threads[2];
	int round, i;

	pthread_barrier_init(&start, NULL, 2);
	creators[0].dev = host_device_create("d1", 7);
	creators[1].dev = host_device_create("d2", 7);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 2; i++) {
			creators[i].start = &start;
			pthread_create(&threads[i], NULL, create, &creators[i]);
		}
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		/* A second group object would have been a second node, which
		 * is a warning, and fatal. */
		assert_int_equal(creators[0].ret, 0);
		assert_int_equal(creators[1].ret, 0);
		for (i = 0; i < 2; i++)
			assert_ptr_equal(vfio_del_group_dev(creators[i].dev),
					 &creators[i]);
	}
	pthread_barrier_destroy(&start);
	host_device_destroy(creators[0].dev);
	host_device_destroy(creators[1].dev);
}

/* ---- L3: the count, seen by who has to go before UNSET succeeds ---- */

static void L3_whoever_lets_go_last_detaches_the_group(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	struct vfio_group *external = get_external(user.group);
	int second = get_device_fd(user.group, "d1");

	close_fd(user.group);
	close_fd(user.container);
	close_fd(user.device);
	close_fd(second);
	forget_trace();
	assert_int_equal(alpha.live, 1);
	assert_int_equal(open_group(7), -EBUSY);
	vfio_group_put_external_user(external);
	assert_trace("a.detach:7 a.release");
	user.group = open_group(7);
	assert_true(user.group >= 0);
	close_fd(user.group);
	fake_remove(dev);
}

/* ---- L6: what others do in the middle of a call ---- */

static struct user *racing_user;

static void leave(void)
{
	close_fd(racing_user->group);
}

static void leave_meanwhile(void)
{
	elsewhere(leave);
}

static void L6_backend_outlives_the_call_in_it(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	racing_user = &user;
	alpha.on_ioctl = leave_meanwhile;
	forget_trace();
	/* The group is out of the container when its close returns, and the
	 * address space is there until the call is over. */
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), 'a' + 1);
	assert_trace("a.ioctl a.detach:7 a.release");
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), -EINVAL);
	close_fd(user.container);
	fake_remove(dev);
}

static void reuse(void)
{
	close_fd(racing_user->group);
	racing_user->group = open_group(7);
	assert_int_equal(
		set_container(racing_user->group, racing_user->container), 0);
	assert_int_equal(set_iommu(racing_user->container, EXT_FAKE), 0);
}

static void reuse_meanwhile(void)
{
	alpha.on_ioctl = NULL;
	elsewhere(reuse);
}

static void L6_container_is_reused_during_a_call(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	racing_user = &user;
	alpha.on_ioctl = reuse_meanwhile;
	forget_trace();
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), 'a' + 1);
	assert_trace("a.ioctl a.detach:7 a? a.open:1000 a.attach:7 a.release");
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), 'a' + 1);
	user_close(&user);
	fake_remove(dev);
}

static struct fake *pinned;

static void pin(void)
{
	unsigned long pfn = 1, phys;

	assert_int_equal(vfio_pin_pages(pinned->dev, &pfn, 1, 0, &phys), 1);
}

/* A pin call that is the last user, inside a call on the container: it detaches
 * the group of the very address space that called it. */
static void L6_last_user_inside_the_backends_own_call(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	pinned = dev;
	racing_user = &user;
	alpha.on_ioctl = pin;
	alpha.on_pin = leave_meanwhile;
	forget_trace();
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), 'a' + 1);
	assert_trace("a.ioctl a.pin:1 a.detach:7 a.release");
	close_fd(user.container);
	fake_remove(dev);
}

static void remove_device(void)
{
	fake_remove(pinned);
}

static void remove_meanwhile(void)
{
	elsewhere(remove_device);
}

static void L6_removal_does_not_wait_for_a_call_on_the_container(void **state)
{
	struct user user;

	pinned = fake_add("d1", 7);
	user = user_open(7, NULL);
	alpha.on_ioctl = remove_meanwhile;
	forget_trace();
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 1), 'a' + 1);
	assert_trace("a.ioctl a.detach:7 a.release");
	user_close(&user);
}

/* ---- G4: two threads, two containers, one group ---- */

struct attacher {
	int group;
	int container;
	pthread_barrier_t *start;
	long ret;
};

static void *attach(void *data)
{
	struct attacher *attacher = data;

	pthread_barrier_wait(attacher->start);
	attacher->ret = set_container(attacher->group, attacher->container);
	return NULL;
}

static void G4_two_containers_at_once_exactly_one_succeeds(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct attacher attachers[2];
	pthread_barrier_t start;
	pthread_t threads[2];
	int round, i, group = open_group(7);

	pthread_barrier_init(&start, NULL, 2);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 2; i++) {
			attachers[i].group = group;
			attachers[i].container = open_container();
			attachers[i].start = &start;
			pthread_create(&threads[i], NULL, attach,
				       &attachers[i]);
		}
		for (i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		assert_true(
			(attachers[0].ret == 0 &&
			 attachers[1].ret == -EINVAL) ||
			(attachers[1].ret == 0 && attachers[0].ret == -EINVAL));
		assert_int_equal(unset_container(group), 0);
		close_fd(attachers[0].container);
		close_fd(attachers[1].container);
	}
	pthread_barrier_destroy(&start);
	close_fd(group);
	fake_remove(dev);
}

/* ---- M ---- */

static void M1_start_names_the_version(void **state)
{
	vfio_unregister_iommu_driver(&alpha_ops);
	vfio_exit();
	host_log_capture(true);
	assert_int_equal(vfio_init(), 0);
	assert_non_null(strstr(host_log_captured(), "VFIO core 0."));
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
}

static void M1_failing_start_says_which_step(void **state)
{
	vfio_unregister_iommu_driver(&alpha_ops);
	vfio_exit();
	host_log_capture(true);
	fault_arm(1);
	assert_int_equal(vfio_init(), -ENOMEM);
	assert_true(fault_fired());
	assert_non_null(strstr(host_log_captured(), "noiommu backend"));
	assert_int_equal(vfio_init(), 0);
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
}

static void M2_stop_with_a_driver_left_is_a_bug(void **state)
{
	expect_warns();
	vfio_exit();
	assert_int_equal(warns_taken(), 1);
	vfio_unregister_iommu_driver(&alpha_ops);
	assert_int_equal(vfio_init(), 0);
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(L1_descriptors_close_in_any_order),
		TEST(L1_nothing_stays_behind),
		TEST(L1_every_failure_leaves_nothing),
		TEST(L2_devices_of_one_group_share_its_object),
		TEST(L2_two_racing_creators_end_with_one_object),
		TEST(L3_whoever_lets_go_last_detaches_the_group),
		TEST(L6_backend_outlives_the_call_in_it),
		TEST(L6_container_is_reused_during_a_call),
		TEST(L6_last_user_inside_the_backends_own_call),
		TEST(L6_removal_does_not_wait_for_a_call_on_the_container),
		TEST(G4_two_containers_at_once_exactly_one_succeeds),
		TEST(M1_start_names_the_version),
		TEST(M1_failing_start_says_which_step),
		TEST(M2_stop_with_a_driver_left_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
