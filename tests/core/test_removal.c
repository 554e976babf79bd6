// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Removing devices: B3, B4, L5.
 *
 * The wait of vfio_del_group_dev() is a hook here: what others do during
 * that wait is done in the hook, and no time passes.
 */
#include "fixture.h"
#include "vfio.h"

static struct user user;
static struct fake *removed;
static unsigned int waits;

static int wait_setup(void **state)
{
	waits = 0;
	return setup(state);
}

#define WAIT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wait_setup, teardown)

static void B3_unused_device_goes_at_once(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user idle = user_open(7, "d1");

	/* Used, but no more. */
	user_close(&idle);
	forget_trace();
	fake_remove(dev);
	assert_trace("");
}

static int close_in_third_period(struct completion *done, unsigned int ms,
				 bool interruptible)
{
	note("wait:%u%s", ms, interruptible ? "" : "!");
	if (++waits < 3)
		return -ETIME;
	close_fd(user.device);
	return woken(done);
}

static void B3_users_are_asked_in_each_period(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, "d1");
	wait_hook = close_in_third_period;
	forget_trace();
	fake_remove(dev);
	assert_trace("d1.request:0 wait:10000 d1.request:1 wait:10000 "
		     "d1.request:2 wait:10000 d1.release a.detach:7 a.release");
	user.device = -1;
	user_close(&user);
}

static void close_when_asked(struct fake *fake, unsigned int count)
{
	close_fd(user.device);
}

static void B3_user_that_lets_go_when_asked_is_not_waited_for(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, "d1");
	dev->on_request = close_when_asked;
	fake_remove(dev);
	assert_int_equal(get_status(user.group), -ENODEV);
	user.device = -1;
	user_close(&user);
}

static int leave_in_order(struct completion *done)
{
	note("leave");
	assert_int_equal(host_fd_ioctl(user.container, CMD_FAKE, 0), 'a');
	assert_int_equal(unset_container(user.group), 0);
	return woken(done);
}

/* Each of its calls works, as if nothing had been removed. */
static void B3_user_that_lets_go_has_a_moment_to_leave(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, "d1");
	dev->on_request = close_when_asked;
	leave_hook = leave_in_order;
	forget_trace();
	fake_remove(dev);
	assert_trace("d1.request:0 d1.release leave a.ioctl a.detach:7 "
		     "a.release");
	assert_int_equal(get_status(user.group), -ENODEV);
	user.device = -1;
	user_close(&user);
}

static int signal_in_first_period(struct completion *done, unsigned int ms,
				  bool interruptible)
{
	note("wait%s", interruptible ? "" : "!");
	if (waits++ == 0)
		return -EINTR;
	if (waits < 4)
		return -ETIME;
	close_fd(user.device);
	return woken(done);
}

static void B3_wait_is_interrupted_once_and_says_who_is_blocked(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	char task[PORT_TASK_LEN];

	port_task_name(task);
	user = user_open(7, "d1");
	wait_hook = signal_in_first_period;
	forget_trace();
	host_log_capture(true);
	fake_remove(dev);
	assert_trace("d1.request:0 wait d1.request:1 wait! d1.request:2 wait! "
		     "d1.request:3 wait! d1.release a.detach:7 a.release");
	assert_non_null(strstr(host_log_captured(), "d1 is in use"));
	assert_non_null(strstr(host_log_captured(), task));
	user.device = -1;
	user_close(&user);
}

static struct vfio_device *held;

static int put_in_wait(struct completion *done, unsigned int ms,
		       bool interruptible)
{
	waits++;
	vfio_device_put(held);
	return woken(done);
}

static void B3_any_reference_is_waited_for(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	held = vfio_device_get_from_dev(dev->dev);
	wait_hook = put_in_wait;
	fake_remove(dev);
	assert_int_equal(waits, 1);
}

static int stay(struct completion *done)
{
	note("stay");
	return -ETIME;
}

static void B3_idle_user_of_the_last_device_does_not_block(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	/* Has group and container open, and does nothing with them. */
	user = user_open(7, NULL);
	leave_hook = stay;
	forget_trace();
	fake_remove(dev);
	assert_trace("a.detach:7 a.release");
	assert_int_equal(get_status(user.group), -ENODEV);
	assert_int_equal(get_device_fd(user.group, "d1"), -ENODEV);
	assert_int_equal(set_container(user.group, user.container), -ENODEV);
	assert_int_equal(unset_container(user.group), -ENODEV);
	assert_int_equal(host_fd_ioctl(user.group, CMD_FAKE, 0), -ENOTTY);
	assert_int_equal(set_iommu(user.container, EXT_FAKE), -EINVAL);
	user_close(&user);
}

static void B3_sibling_keeps_the_group_in_its_container(void **state)
{
	struct fake *dev = fake_add("d1", 7), *sibling = fake_add("d2", 7);

	user = user_open(7, "d2");
	forget_trace();
	fake_remove(dev);
	assert_trace("");
	assert_int_equal(get_device_fd(user.group, "d1"), -ENODEV);
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	user_close(&user);
	fake_remove(sibling);
}

static struct vfio_group *external;

/* Only the last device takes the group along. */
static void B3_moment_to_leave_is_not_for_a_sibling(void **state)
{
	struct fake *dev = fake_add("d1", 7), *sibling = fake_add("d2", 7);

	user = user_open(7, "d1");
	dev->on_request = sibling->on_request = close_when_asked;
	leave_hook = stay;
	forget_trace();
	fake_remove(dev);
	assert_trace("d1.request:0 d1.release");
	user.device = get_device_fd(user.group, "d2");
	forget_trace();
	fake_remove(sibling);
	assert_trace("d2.request:0 d2.release stay a.detach:7 a.release");
	user.device = -1;
	user_close(&user);
}

static int put_external_in_second_period(struct completion *done,
					 unsigned int ms, bool interruptible)
{
	note("wait:%u", ms);
	/* The removed device is gone: there is nobody to ask any more.  What is
	 * left of the group takes no new user. */
	assert_int_equal(PTR_ERR(get_external(user.group)), -ENODEV);
	if (++waits < 2)
		return -ETIME;
	vfio_group_put_external_user(external);
	return woken(done);
}

static void B3_external_user_of_the_last_device_is_waited_for(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, NULL);
	external = get_external(user.group);
	wait_hook = put_external_in_second_period;
	forget_trace();
	fake_remove(dev);
	assert_trace("wait:10000 wait:10000 a.detach:7 a.release");
	user_close(&user);
}

static int leave_one_by_one(struct completion *done)
{
	note("leave");
	if (waits++) {
		assert_int_equal(unset_container(user.group), 0);
	} else {
		assert_int_equal(unset_container(user.group), -EBUSY);
		vfio_group_put_external_user(external);
	}
	return woken(done);
}

static void B3_moment_to_leave_begins_anew_with_each_that_left(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, "d1");
	external = get_external(user.group);
	dev->on_request = close_when_asked;
	leave_hook = leave_one_by_one;
	forget_trace();
	fake_remove(dev);
	assert_trace("d1.request:0 d1.release leave leave a.detach:7 "
		     "a.release");
	user.device = -1;
	user_close(&user);
}

static int put_external_in_wait(struct completion *done, unsigned int ms,
				bool interruptible)
{
	waits++;
	vfio_group_put_external_user(external);
	return woken(done);
}

static void B3_external_user_whose_opener_has_gone_is_waited_for(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, NULL);
	external = get_external(user.group);
	user_close(&user);
	wait_hook = put_external_in_wait;
	forget_trace();
	fake_remove(dev);
	assert_int_equal(waits, 1);
	assert_trace("a.detach:7 a.release");
}

static int close_all_in_wait(struct completion *done, unsigned int ms,
			     bool interruptible)
{
	waits++;
	close_fd(user.group);
	close_fd(user.container);
	vfio_group_put_external_user(external);
	return woken(done);
}

/* The external user is then the last one, and detaches the group itself. */
static void B3_group_closed_while_it_is_waited_for(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, NULL);
	external = get_external(user.group);
	wait_hook = close_all_in_wait;
	forget_trace();
	fake_remove(dev);
	assert_trace("a.detach:7 a.release");
	assert_int_equal(waits, 1);
}

static int add_in_wait(struct completion *done, unsigned int ms,
		       bool interruptible)
{
	note("add:%d", vfio_add_group_dev(removed->dev, &fake_ops, removed));
	close_fd(user.device);
	return woken(done);
}

static void B3_add_during_the_wait_is_ebusy(void **state)
{
	removed = fake_add("d1", 7);
	user = user_open(7, "d1");
	wait_hook = add_in_wait;
	forget_trace();
	fake_remove(removed);
	assert_trace("d1.request:0 add:-16 d1.release a.detach:7 a.release");
	user.device = -1;
	user_close(&user);
}

/* A sibling joins while the group's only device goes: the group goes on. */
static int add_sibling_in_wait(struct completion *done, unsigned int ms,
			       bool interruptible)
{
	removed = fake_add("d2", 7);
	close_fd(user.device);
	return woken(done);
}

static void B3_group_that_gets_a_device_meanwhile_lives_on(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, "d1");
	wait_hook = add_sibling_in_wait;
	fake_remove(dev);
	assert_int_equal(alpha.live, 1);
	user.device = get_device_fd(user.group, "d2");
	assert_true(user.device >= 0);
	user_close(&user);
	wait_hook = NULL;
	fake_remove(removed);
}

/* While the old group waits for an external user, the device comes back. */
static int add_to_new_group_in_wait(struct completion *done, unsigned int ms,
				    bool interruptible)
{
	int group;

	removed = fake_add("d1", 7);
	group = open_group(7);
	assert_true(group >= 0);
	/* Ownership is still the old one's. */
	assert_int_equal(set_container(group, user.container), -EPERM);
	vfio_group_put_external_user(external);
	close_fd(group);
	return woken(done);
}

static void B3_device_that_comes_back_makes_a_new_group(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, NULL);
	external = get_external(user.group);
	wait_hook = add_to_new_group_in_wait;
	fake_remove(dev);
	wait_hook = NULL;

	/* The old descriptor is dead, a new one works. */
	assert_int_equal(get_status(user.group), -ENODEV);
	close_fd(user.group);
	user.group = open_group(7);
	assert_int_equal(set_container(user.group, user.container), 0);
	user_close(&user);
	fake_remove(removed);
}

static void B3_removing_what_was_never_added_is_a_bug(void **state)
{
	struct device *dev = host_device_create("d1", 7);

	expect_warns();
	assert_null(vfio_del_group_dev(dev));
	assert_int_equal(warns_taken(), 1);
	host_device_destroy(dev);
}

static int remove_again_in_wait(struct completion *done, unsigned int ms,
				bool interruptible)
{
	expect_warns();
	assert_null(vfio_del_group_dev(removed->dev));
	assert_int_equal(warns_taken(), 1);
	close_fd(user.device);
	return woken(done);
}

static void B3_removing_twice_at_once_is_a_bug(void **state)
{
	removed = fake_add("d1", 7);
	user = user_open(7, "d1");
	wait_hook = remove_again_in_wait;
	fake_remove(removed);
	user.device = -1;
	user_close(&user);
}

static int check_viable_in_wait(struct completion *done, unsigned int ms,
				bool interruptible)
{
	int sibling;

	waits++;
	assert_int_equal(get_status(user.group),
			 VFIO_GROUP_FLAGS_VIABLE |
				 VFIO_GROUP_FLAGS_CONTAINER_SET);
	sibling = get_device_fd(user.group, "d2");
	assert_true(sibling >= 0);
	close_fd(sibling);
	vfio_device_put(held);
	return woken(done);
}

static void B4_device_counts_as_viable_until_it_is_unbound(void **state)
{
	struct fake *dev = fake_add("d1", 7), *sibling = fake_add("d2", 7);

	held = vfio_device_get_from_dev(dev->dev);
	user = user_open(7, NULL);
	wait_hook = check_viable_in_wait;
	assert_ptr_equal(vfio_del_group_dev(dev->dev), dev);
	assert_int_equal(waits, 1);
	/* Out of the core, and not yet unbound. */
	assert_int_equal(get_status(user.group),
			 VFIO_GROUP_FLAGS_VIABLE |
				 VFIO_GROUP_FLAGS_CONTAINER_SET);
	wait_hook = NULL;
	assert_int_equal(vfio_add_group_dev(dev->dev, &fake_ops, dev), 0);
	user_close(&user);
	fake_remove(dev);
	fake_remove(sibling);
}

static int reach_anew_in_wait(struct completion *done, unsigned int ms,
			      bool interruptible)
{
	waits++;
	note("open:%ld", get_device_fd(user.group, "d1"));
	assert_null(vfio_device_get_from_dev(removed->dev));
	/* What is open goes on working. */
	assert_int_equal(host_fd_ioctl(user.device, CMD_FAKE, 1), 2);
	close_fd(user.device);
	return woken(done);
}

static void L5_device_being_removed_cannot_be_reached_anew(void **state)
{
	removed = fake_add("d1", 7);
	user = user_open(7, "d1");
	wait_hook = reach_anew_in_wait;
	forget_trace();
	fake_remove(removed);
	assert_trace("d1.request:0 open:-19 d1.ioctl d1.release "
		     "a.detach:7 a.release");
	assert_int_equal(waits, 1);
	user.device = -1;
	user_close(&user);
}

static int open_dead_group_in_wait(struct completion *done, unsigned int ms,
				   bool interruptible)
{
	void *priv;

	waits++;
	assert_int_equal(vfio_group_open(7, false, &priv), -ENODEV);
	assert_int_equal(open_group(7), -ENOENT);
	assert_int_equal(get_status(user.group), -ENODEV);
	vfio_group_put_external_user(external);
	return woken(done);
}

static void L5_group_being_removed_cannot_be_reached_anew(void **state)
{
	struct fake *dev = fake_add("d1", 7);

	user = user_open(7, NULL);
	external = get_external(user.group);
	wait_hook = open_dead_group_in_wait;
	fake_remove(dev);
	assert_int_equal(waits, 1);
	user_close(&user);
}

/* Between the look-up and the open its last device goes. */
static bool remove_meanwhile(enum port_cap cap)
{
	capable_hook = NULL;
	fake_remove(removed);
	return true;
}

static void L5_group_that_dies_while_it_is_opened_is_enodev(void **state)
{
	host_policy_set(true);
	removed = fake_add("d1", -1);
	capable_hook = remove_meanwhile;
	assert_int_equal(host_node_open("noiommu-0", O_RDWR), -ENODEV);
}

static void M2_end_with_anything_left_is_a_bug(void **state)
{
	/* In the first list of the table. */
	struct fake *dev = fake_add("d1", 0);

	expect_warns();
	vfio_exit();
	/* A backend, a group, a device. */
	assert_int_equal(warns_taken(), 3);
	/* All is still there but what vfio_exit() has undone. */
	mutex_init(&vfio.lock);
	assert_int_equal(vfio_register_iommu_driver(&vfio_noiommu_ops), 0);
	fake_remove(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAIT_TEST(B3_unused_device_goes_at_once),
		WAIT_TEST(B3_users_are_asked_in_each_period),
		WAIT_TEST(B3_user_that_lets_go_when_asked_is_not_waited_for),
		WAIT_TEST(B3_user_that_lets_go_has_a_moment_to_leave),
		WAIT_TEST(B3_wait_is_interrupted_once_and_says_who_is_blocked),
		WAIT_TEST(B3_any_reference_is_waited_for),
		WAIT_TEST(B3_idle_user_of_the_last_device_does_not_block),
		WAIT_TEST(B3_sibling_keeps_the_group_in_its_container),
		WAIT_TEST(B3_moment_to_leave_is_not_for_a_sibling),
		WAIT_TEST(B3_external_user_of_the_last_device_is_waited_for),
		WAIT_TEST(B3_moment_to_leave_begins_anew_with_each_that_left),
		WAIT_TEST(B3_external_user_whose_opener_has_gone_is_waited_for),
		WAIT_TEST(B3_group_closed_while_it_is_waited_for),
		WAIT_TEST(B3_add_during_the_wait_is_ebusy),
		WAIT_TEST(B3_group_that_gets_a_device_meanwhile_lives_on),
		WAIT_TEST(B3_device_that_comes_back_makes_a_new_group),
		WAIT_TEST(B3_removing_what_was_never_added_is_a_bug),
		WAIT_TEST(B3_removing_twice_at_once_is_a_bug),
		WAIT_TEST(B4_device_counts_as_viable_until_it_is_unbound),
		WAIT_TEST(L5_device_being_removed_cannot_be_reached_anew),
		WAIT_TEST(L5_group_being_removed_cannot_be_reached_anew),
		WAIT_TEST(L5_group_that_dies_while_it_is_opened_is_enodev),
		WAIT_TEST(M2_end_with_anything_left_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
