// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* External users: X, and N2. */
#include "fixture.h"
#include "vfio.h"

#include <unistd.h>

static unsigned long pfns[VFIO_PIN_PAGES_MAX_ENTRIES];
static unsigned long phys[VFIO_PIN_PAGES_MAX_ENTRIES];

/* ---- X1, X2 ---- */

static void X1_not_a_group_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(PTR_ERR(get_external(user.container)), -EINVAL);
	assert_int_equal(PTR_ERR(get_external(user.device)), -EINVAL);
	assert_int_equal(PTR_ERR(get_external(fds[0])), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	user_close(&user);
	fake_remove(dev);
}

static bool not_viable(struct iommu_group *group)
{
	return false;
}

static void X1_group_that_is_not_ready_is_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int group = open_group(7), container = open_container();

	assert_int_equal(PTR_ERR(get_external(group)), -EINVAL);
	assert_int_equal(set_container(group, container), 0);
	assert_int_equal(PTR_ERR(get_external(group)), -EINVAL);
	assert_int_equal(set_iommu(container, EXT_FAKE), 0);
	viable_hook = not_viable;
	assert_int_equal(PTR_ERR(get_external(group)), -EINVAL);
	viable_hook = NULL;
	/* None of them is a user. */
	assert_int_equal(unset_container(group), 0);
	close_fd(container);
	close_fd(group);
	fake_remove(dev);
}

/* A noiommu group in a container with its backend. */
static struct user noiommu_user(struct fake **dev)
{
	struct user user = { .container = open_container(), .device = -1 };

	host_policy_set(true);
	*dev = fake_add("d1", -1);
	user.group = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(set_container(user.group, user.container), 0);
	assert_int_equal(set_iommu(user.container, VFIO_NOIOMMU_IOMMU), 0);
	return user;
}

static void X1_noiommu_group_is_eperm(void **state)
{
	struct fake *dev;
	struct user user = noiommu_user(&dev);

	assert_int_equal(PTR_ERR(get_external(user.group)), -EPERM);
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

static void X1_external_user_holds_group_and_container(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	assert_false(IS_ERR(group));
	user_close(&user);
	assert_int_equal(alpha.live, 1);
	assert_int_equal(open_group(7), -EBUSY);
	assert_int_equal(vfio_external_user_iommu_id(group), 7);
	vfio_group_put_external_user(group);
	assert_int_equal(alpha.live, 0);
	fake_remove(dev);
}

static void X2_group_is_told_by_its_file(void **state)
{
	struct fake *d1 = fake_add("d1", 1), *d2 = fake_add("d2", 2);
	struct user user = user_open(1, NULL);
	struct vfio_group *group = get_external(user.group);
	int other = open_group(2);
	struct port_file *own = port_file_get(user.group);
	struct port_file *others = port_file_get(other);
	struct port_file *container = port_file_get(user.container);

	assert_true(vfio_external_group_match_file(group, own));
	assert_false(vfio_external_group_match_file(group, others));
	assert_false(vfio_external_group_match_file(group, container));
	assert_int_equal(vfio_external_user_iommu_id(group), 1);
	port_file_put(container);
	port_file_put(others);
	port_file_put(own);
	vfio_group_put_external_user(group);
	close_fd(other);
	user_close(&user);
	fake_remove(d2);
	fake_remove(d1);
}

static void X2_extension_is_the_backends(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	alpha.extension_after_open = 77;
	assert_int_equal(vfio_external_check_extension(group, 5), 77);
	vfio_group_put_external_user(group);
	user_close(&user);
	fake_remove(dev);
}

/* As a kernel's KVM asks, which holds no external user. */
static void X2_without_backend_those_that_serve_it_are_asked(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	int fd = open_group(7), container = open_container();
	struct port_file *file = port_file_get(fd);
	struct vfio_group *group = port_file_priv(file, &vfio_group_fops);

	host_policy_set(true);
	assert_int_equal(set_container(fd, container), 0);
	assert_int_equal(vfio_group_use_container(group), 0);
	assert_int_equal(vfio_external_check_extension(group, EXT_FAKE), 'a');
	assert_int_equal(
		vfio_external_check_extension(group, VFIO_NOIOMMU_IOMMU), 0);
	vfio_group_unuse_container(group);
	port_file_put(file);
	close_fd(container);
	close_fd(fd);
	fake_remove(dev);
}

/* ---- X3 ---- */

static void X3_pages_are_the_backends(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");

	forget_trace();
	pfns[0] = 100;
	pfns[1] = 200;
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 2, 0, phys), 2);
	assert_int_equal(phys[0], 101);
	assert_int_equal(phys[1], 201);
	assert_int_equal(vfio_unpin_pages(dev->dev, pfns, 2), 2);
	assert_trace("a.pin:2 a.unpin:2");
	/* No user stays behind. */
	close_fd(user.device);
	user.device = -1;
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

static void X3_bad_arguments_in_their_order(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct device *bare = host_device_create("d2", 8);
	struct device *none = host_device_create("d3", -1);
	const int most = VFIO_PIN_PAGES_MAX_ENTRIES;
	struct user user;

	assert_int_equal(most, 512);
	assert_int_equal(vfio_pin_pages(NULL, pfns, 1, 0, phys), -EINVAL);
	assert_int_equal(vfio_pin_pages(dev->dev, NULL, 1, 0, phys), -EINVAL);
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 1, 0, NULL), -EINVAL);
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 0, 0, phys), -EINVAL);
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, -1, 0, phys), -EINVAL);
	assert_int_equal(vfio_unpin_pages(NULL, pfns, 1), -EINVAL);
	assert_int_equal(vfio_unpin_pages(dev->dev, NULL, 1), -EINVAL);
	assert_int_equal(vfio_unpin_pages(dev->dev, pfns, 0), -EINVAL);
	assert_int_equal(vfio_pin_pages(bare, pfns, most + 1, 0, phys), -E2BIG);
	assert_int_equal(vfio_unpin_pages(bare, pfns, most + 1), -E2BIG);
	assert_int_equal(vfio_pin_pages(bare, pfns, 1, 0, phys), -ENODEV);
	assert_int_equal(vfio_unpin_pages(bare, pfns, 1), -ENODEV);
	assert_int_equal(vfio_pin_pages(none, pfns, 1, 0, phys), -ENODEV);
	/* Not in a container. */
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 1, 0, phys), -EINVAL);
	assert_int_equal(vfio_unpin_pages(dev->dev, pfns, 1), -EINVAL);

	user = user_open(7, NULL);
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, most, 0, phys), most);
	user_close(&user);
	host_device_destroy(none);
	host_device_destroy(bare);
	fake_remove(dev);
}

static void X3_backend_that_cannot_is_enotty(void **state)
{
	struct vfio_iommu_driver_ops ops = alpha_ops;
	struct fake *dev = fake_add("d1", 7);
	struct user user;

	ops.pin_pages = NULL;
	ops.unpin_pages = NULL;
	assert_int_equal(vfio_register_iommu_driver(&ops), 0);
	user = user_open(7, NULL);
	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 1, 0, phys), -ENOTTY);
	assert_int_equal(vfio_unpin_pages(dev->dev, pfns, 1), -ENOTTY);
	user_close(&user);
	vfio_unregister_iommu_driver(&ops);
	fake_remove(dev);
}

static void N2_pinning_on_a_noiommu_group_is_eperm(void **state)
{
	struct fake *dev;
	struct user user = noiommu_user(&dev);

	assert_int_equal(vfio_pin_pages(dev->dev, pfns, 1, 0, phys), -EPERM);
	assert_int_equal(vfio_unpin_pages(dev->dev, pfns, 1), -EPERM);
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

/* ---- X4 ---- */

static struct kvm one, two;

static int listen(struct notifier_block *nb, unsigned long action, void *data)
{
	assert_int_equal(action, VFIO_GROUP_NOTIFY_SET_KVM);
	note("kvm:%d", data == &one ? 1 : data == &two ? 2 : 0);
	assert_true(!data || ((struct kvm *)data)->holds > 0);
	return NOTIFY_OK;
}

static void X4_iommu_listeners_are_the_backends(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct notifier_block nb = { .notifier_call = listen };
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;

	forget_trace();
	assert_int_equal(vfio_register_notifier(dev->dev, VFIO_IOMMU_NOTIFY,
						&events, &nb),
			 0);
	assert_int_equal(events, 0);
	assert_ptr_equal(alpha.listener, &nb);
	assert_int_equal(
		vfio_unregister_notifier(dev->dev, VFIO_IOMMU_NOTIFY, &nb), 0);
	assert_trace("a.listen a.unlisten");
	assert_int_equal(unset_container(user.group), 0);
	user_close(&user);
	fake_remove(dev);
}

static void X4_backend_without_listeners_is_enotty(void **state)
{
	struct vfio_iommu_driver_ops ops = alpha_ops;
	struct fake *dev = fake_add("d1", 7);
	struct notifier_block nb = { .notifier_call = listen };
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	struct user user;

	ops.register_notifier = NULL;
	ops.unregister_notifier = NULL;
	assert_int_equal(vfio_register_iommu_driver(&ops), 0);
	user = user_open(7, NULL);
	assert_int_equal(vfio_register_notifier(dev->dev, VFIO_IOMMU_NOTIFY,
						&events, &nb),
			 -ENOTTY);
	assert_int_equal(
		vfio_unregister_notifier(dev->dev, VFIO_IOMMU_NOTIFY, &nb),
		-ENOTTY);
	user_close(&user);
	vfio_unregister_iommu_driver(&ops);
	fake_remove(dev);
}

static void X4_bad_arguments_are_einval(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct notifier_block nb = { .notifier_call = listen };
	unsigned long none = 0, set = VFIO_GROUP_NOTIFY_SET_KVM, more = set | 8;
	const int type = VFIO_GROUP_NOTIFY;

	assert_int_equal(vfio_register_notifier(NULL, type, &set, &nb),
			 -EINVAL);
	assert_int_equal(vfio_register_notifier(dev->dev, type, NULL, &nb),
			 -EINVAL);
	assert_int_equal(vfio_register_notifier(dev->dev, type, &none, &nb),
			 -EINVAL);
	assert_int_equal(vfio_register_notifier(dev->dev, type, &set, NULL),
			 -EINVAL);
	assert_int_equal(vfio_register_notifier(dev->dev, 9, &set, &nb),
			 -EINVAL);
	/* Known ones are taken away: what is left was not understood. */
	assert_int_equal(vfio_register_notifier(dev->dev, type, &more, &nb),
			 -EINVAL);
	assert_int_equal(more, 8);
	assert_int_equal(vfio_unregister_notifier(NULL, type, &nb), -EINVAL);
	assert_int_equal(vfio_unregister_notifier(dev->dev, type, NULL),
			 -EINVAL);
	assert_int_equal(vfio_unregister_notifier(dev->dev, 9, &nb), -EINVAL);
	assert_int_equal(vfio_unregister_notifier(dev->dev, type, &nb),
			 -ENOENT);
	user_close(&user);
	/* Nobody would ever call it. */
	assert_int_equal(vfio_register_notifier(dev->dev, type, &set, &nb),
			 -EINVAL);
	fake_remove(dev);
}

static void listen_to_kvm(struct fake *dev, struct notifier_block *nb)
{
	unsigned long events = VFIO_GROUP_NOTIFY_SET_KVM;

	assert_int_equal(vfio_register_notifier(dev->dev, VFIO_GROUP_NOTIFY,
						&events, nb),
			 0);
	assert_int_equal(events, 0);
}

static void forget_listener(struct fake *dev, struct notifier_block *nb)
{
	assert_int_equal(
		vfio_unregister_notifier(dev->dev, VFIO_GROUP_NOTIFY, nb), 0);
}

static void X4_kvm_is_replayed_to_a_newcomer_alone(void **state)
{
	struct notifier_block first = { .notifier_call = listen };
	struct notifier_block second = { .notifier_call = listen };
	unsigned long events = VFIO_GROUP_NOTIFY_SET_KVM;
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	struct vfio_group *group = get_external(user.group);

	forget_trace();
	listen_to_kvm(dev, &first);
	assert_trace("");
	vfio_group_set_kvm(group, &one);
	assert_trace("kvm:1");
	listen_to_kvm(dev, &second);
	assert_trace("kvm:1");
	/* Who is there already is not told once more. */
	assert_int_equal(vfio_register_notifier(dev->dev, VFIO_GROUP_NOTIFY,
						&events, &second),
			 -EEXIST);
	assert_trace("");
	vfio_group_set_kvm(group, NULL);
	assert_trace("kvm:0 kvm:0");
	forget_listener(dev, &first);
	vfio_group_set_kvm(group, &one);
	assert_trace("kvm:1");
	forget_listener(dev, &second);
	vfio_group_set_kvm(group, NULL);
	assert_trace("");
	vfio_group_put_external_user(group);
	user_close(&user);
	fake_remove(dev);
}

/* As bus drivers do: in their open and release. */
static struct notifier_block own_nb = { .notifier_call = listen };

static void listen_in_open(struct fake *fake)
{
	listen_to_kvm(fake, &own_nb);
}

static void forget_in_release(struct fake *fake)
{
	forget_listener(fake, &own_nb);
}

static void X4_bus_driver_listens_in_open(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	vfio_group_set_kvm(group, &one);
	dev->on_open = listen_in_open;
	dev->on_release = forget_in_release;
	forget_trace();
	user.device = get_device_fd(user.group, "d1");
	assert_trace("d1.open kvm:1");
	vfio_group_put_external_user(group);
	user_close(&user);
	fake_remove(dev);
}

/* ---- X5 ---- */

static void X5_kvm_is_held_while_it_is_remembered(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	vfio_group_set_kvm(group, &one);
	assert_int_equal(one.holds, 1);
	vfio_group_set_kvm(group, &one);
	assert_int_equal(one.holds, 1);
	vfio_group_set_kvm(group, &two);
	assert_int_equal(one.holds, 0);
	assert_int_equal(two.holds, 1);
	vfio_group_set_kvm(group, NULL);
	assert_int_equal(two.holds, 0);
	vfio_group_put_external_user(group);
	user_close(&user);
	fake_remove(dev);
}

static void X5_kvm_on_its_way_out_is_none(void **state)
{
	struct notifier_block nb = { .notifier_call = listen };
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	struct vfio_group *group = get_external(user.group);

	listen_to_kvm(dev, &nb);
	vfio_group_set_kvm(group, &one);
	two.going = true;
	forget_trace();
	vfio_group_set_kvm(group, &two);
	assert_trace("kvm:0");
	assert_int_equal(one.holds, 0);
	two.going = false;
	forget_listener(dev, &nb);
	vfio_group_put_external_user(group);
	user_close(&user);
	fake_remove(dev);
}

static void X5_kvm_is_forgotten_with_its_users(void **state)
{
	struct notifier_block nb = { .notifier_call = listen };
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	/* The opener still is one, when the external user has gone. */
	vfio_group_set_kvm(group, &one);
	vfio_group_put_external_user(group);
	assert_int_equal(unset_container(user.group), 0);
	assert_int_equal(one.holds, 1);
	user_close(&user);
	assert_int_equal(one.holds, 0);

	/* And the other way round. */
	user = user_open(7, NULL);
	group = get_external(user.group);
	vfio_group_set_kvm(group, &one);
	user_close(&user);
	assert_int_equal(one.holds, 1);
	vfio_group_put_external_user(group);
	assert_int_equal(one.holds, 0);

	/* The next opener hears nothing of it. */
	user = user_open(7, "d1");
	forget_trace();
	listen_to_kvm(dev, &nb);
	assert_trace("");
	forget_listener(dev, &nb);
	user_close(&user);
	fake_remove(dev);
}

static void X5_kvm_is_forgotten_when_the_group_dies(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);
	struct vfio_group *group = get_external(user.group);

	vfio_group_set_kvm(group, &one);
	vfio_group_put_external_user(group);
	fake_remove(dev);
	assert_int_equal(one.holds, 1);
	user_close(&user);
	assert_int_equal(one.holds, 0);
}

static void X5_listeners_left_behind_are_warned_of_and_dropped(void **state)
{
	struct notifier_block nb = { .notifier_call = listen };
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, "d1");
	struct vfio_group *group;

	listen_to_kvm(dev, &nb);
	user_close(&user);
	host_log_capture(true);
	user = user_open(7, "d1");
	assert_non_null(strstr(host_log_captured(),
			       "group 7 was closed with listeners"));
	group = get_external(user.group);
	forget_trace();
	vfio_group_set_kvm(group, &one);
	assert_trace("");
	vfio_group_set_kvm(group, NULL);
	vfio_group_put_external_user(group);
	user_close(&user);

	/* Once is enough. */
	host_log_capture(true);
	user = user_open(7, NULL);
	assert_string_equal(host_log_captured(), "");
	user_close(&user);
	fake_remove(dev);
}

/* Closing the group first is no reason to warn: L1. */
static void X5_listener_of_an_open_device_outlives_the_group(void **state)
{
	struct fake *dev = fake_add("d1", 7);
	struct user user = user_open(7, NULL);

	dev->on_open = listen_in_open;
	dev->on_release = forget_in_release;
	user.device = get_device_fd(user.group, "d1");
	host_log_capture(true);
	close_fd(user.group);
	close_fd(user.device);
	user.device = -1;
	user.group = open_group(7);
	assert_string_equal(host_log_captured(), "");
	user_close(&user);
	fake_remove(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(X1_not_a_group_is_einval),
		TEST(X1_group_that_is_not_ready_is_einval),
		TEST(X1_noiommu_group_is_eperm),
		TEST(X1_external_user_holds_group_and_container),
		TEST(X2_group_is_told_by_its_file),
		TEST(X2_extension_is_the_backends),
		TEST(X2_without_backend_those_that_serve_it_are_asked),
		TEST(X3_pages_are_the_backends),
		TEST(X3_bad_arguments_in_their_order),
		TEST(X3_backend_that_cannot_is_enotty),
		TEST(N2_pinning_on_a_noiommu_group_is_eperm),
		TEST(X4_iommu_listeners_are_the_backends),
		TEST(X4_backend_without_listeners_is_enotty),
		TEST(X4_bad_arguments_are_einval),
		TEST(X4_kvm_is_replayed_to_a_newcomer_alone),
		TEST(X4_bus_driver_listens_in_open),
		TEST(X5_kvm_is_held_while_it_is_remembered),
		TEST(X5_kvm_on_its_way_out_is_none),
		TEST(X5_kvm_is_forgotten_with_its_users),
		TEST(X5_kvm_is_forgotten_when_the_group_dies),
		TEST(X5_listeners_left_behind_are_warned_of_and_dropped),
		TEST(X5_listener_of_an_open_device_outlives_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
