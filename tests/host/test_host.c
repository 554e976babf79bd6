/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The host as a whole, with its core and a device: start and stop, and what the
 * child of a fork sees.
 */
#include "toy.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BDF "0000:01:00.0"
#define GROUP "5"
#define TOY_ID 0x070b1au

static char spec[] = "toy,addr=" BDF ",group=" GROUP;
static char *specs[] = { spec };
static const struct host_config config = { .devices = specs, .nr_devices = 1 };

/* ---- a device: one register, no threads; it stands in for edu ---- */

static uint64_t toy_bar_read(void *priv, unsigned int bar, uint64_t off,
			     unsigned int size)
{
	return TOY_ID;
}

static void toy_destroy(void *priv)
{
}

static const struct anyvfio_device_ops toy_ops = {
	.bar_read = toy_bar_read,
	.destroy = toy_destroy,
};

static int toy_create(struct anyvfio_device *dev)
{
	static const struct anyvfio_pci_id id = { .vendor = 0x1234,
						  .device = 0x0001 };

	anyvfio_device_set_ops(dev, &toy_ops, NULL);
	anyvfio_pci_set_id(dev, &id);
	return anyvfio_pci_add_bar(dev, 0, PAGE_SIZE, 0);
}

extern const struct anyvfio_model anyvfio_edu_model;
const struct anyvfio_model anyvfio_edu_model = {
	.api = ANYVFIO_DEVICE_API,
	.name = "toy",
	.summary = "a register that says who it is",
	.create = toy_create,
};

/* ---- a program that uses it ---- */

/* cmocka puts a handler of its own in place for each test. */
static struct sigaction fault_action;

/* What a program that uses the device has open. */
struct session {
	int container, group, device;
	volatile u32 *bar;
};

static int setup(void **state)
{
	return host_start(&config);
}

static int teardown(void **state)
{
	host_stop();
	return host_fd_next_internal(0) != -1;
}

/* 0, or the number of the step that failed: in children cmocka does not help. */
static int session_open(struct session *s)
{
	static u32 no_bar[1];

	*s = (struct session){ -1, -1, -1, no_bar };
	sigaction(SIGSEGV, &fault_action, NULL);
	s->container = host_node_open("vfio", O_RDWR);
	if (s->container < 0)
		return 1;
	s->group = host_node_open(GROUP, O_RDWR);
	if (s->group < 0)
		return 2;
	if (host_fd_ioctl(s->group, VFIO_GROUP_SET_CONTAINER,
			  (unsigned long)&s->container))
		return 3;
	if (host_fd_ioctl(s->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return 4;
	s->device = host_fd_ioctl(s->group, VFIO_GROUP_GET_DEVICE_FD,
				  (unsigned long)BDF);
	if (s->device < 0)
		return 5;
	s->bar = host_fd_mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED, s->device, 0);
	if (IS_ERR((void *)s->bar))
		return 6;
	return 0;
}

static int enable_memory(struct session *s)
{
	u16 command = 2;

	return host_fd_pwrite(s->device, &command, sizeof(command),
			      (7LL << 40) + 4) != sizeof(command);
}

static int session_works(struct session *s)
{
	u32 id = 0;

	if (enable_memory(s))
		return 10;
	if (host_fd_pread(s->device, &id, 4, 0) != 4 || id != TOY_ID)
		return 11;
	if (s->bar[0] != TOY_ID)
		return 12;
	return 0;
}

static void session_close(struct session *s)
{
	host_fd_close(s->device);
	host_fd_close(s->group);
	host_fd_close(s->container);
	host_vma_unmap((void *)s->bar, PAGE_SIZE);
}

/* ---- start and stop ---- */

static void started_host_serves_its_device(void **state)
{
	struct session s;

	assert_ptr_equal(host_current_config(), &config);
	assert_int_equal(session_open(&s), 0);
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
}

static void second_start_is_the_first(void **state)
{
	static const struct host_config other;
	struct session s;

	assert_int_equal(host_start(&other), 0);
	assert_ptr_equal(host_current_config(), &config);
	assert_int_equal(session_open(&s), 0);
	session_close(&s);
}

static void stop_closes_what_is_open_and_start_begins_anew(void **state)
{
	struct session s;
	int i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(session_open(&s), 0);
		host_stop();
		assert_null(host_current_config());
		assert_false(host_fd_is_ours(s.device));
		assert_false(fd_is_open(s.container));
		assert_false(host_vma_is_ours((void *)s.bar, PAGE_SIZE));
		assert_int_equal(host_fd_next_internal(0), -1);
		assert_int_equal(host_start(&config), 0);
	}
}

static void M1_failing_start_undoes_what_it_did(void **state)
{
	static char bad[] = "no-such-model";
	char *two[] = { spec, bad };
	struct host_config wrong = { .devices = two, .nr_devices = 2 };
	struct session s;

	host_stop();
	assert_true(host_start(&wrong) < 0);
	assert_null(host_current_config());
	assert_int_equal(host_node_open(GROUP, O_RDWR), -ENOENT);
	assert_int_equal(host_fd_next_internal(0), -1);
	assert_int_equal(host_start(&config), 0);
	assert_int_equal(session_open(&s), 0);
	session_close(&s);
}

static void *start_in_thread(void *data)
{
	return (void *)(long)host_start(&config);
}

static void threads_that_start_at_once_start_one(void **state)
{
	pthread_t thread[4];
	struct session s;
	void *ret;
	int i;

	host_stop();
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, start_in_thread, NULL);
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], &ret);
		assert_null(ret);
	}
	assert_int_equal(session_open(&s), 0);
	session_close(&s);
}

/* ---- ownership, with the core ---- */

static void V2_group_with_a_native_driver_cannot_be_attached(void **state)
{
	static const struct host_driver native = { "snd_hda_intel", false };
	struct device *other = host_device_create("0000:01:00.1", 5);
	int container = host_node_open("vfio", O_RDWR);
	int group = host_node_open(GROUP, O_RDWR);
	struct session s;

	assert_int_equal(host_device_bind(other, &native), 0);
	assert_int_equal(host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER,
				       (unsigned long)&container),
			 -EBUSY);
	host_fd_close(group);
	host_fd_close(container);
	host_device_unbind(other);

	assert_int_equal(session_open(&s), 0);
	assert_int_equal(host_device_bind(other, &native), -EBUSY);
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
	assert_int_equal(host_device_bind(other, &native), 0);
	host_device_destroy(other);
}

static void V3_device_that_appears_in_a_used_group_is_a_warning(void **state)
{
	struct device *other;
	struct session s;

	assert_int_equal(session_open(&s), 0);
	host_log_capture(true);
	other = host_device_create("0000:01:00.1", 5);
	assert_string_equal(
		host_log_captured(),
		"0000:01:00.1 appeared in group 5, which is in use");
	host_log_capture(false);
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
	host_device_destroy(other);
}

/* ---- fork ---- */

/* Runs @fn in a child; what it returned, or 255 when it was killed. */
static int in_child(int (*fn)(struct session *s), struct session *s)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		/* A child that hangs is a failure, not a long test. */
		alarm(60);
		_exit(fn(s));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int use_inherited(struct session *s)
{
	struct host_vma_hit hit;
	u32 id;

	if (!host_fd_is_ours(s->container) || !fd_is_open(s->container))
		return 1;
	if (host_fd_ioctl(s->container, VFIO_GET_API_VERSION, 0) != -ENODEV ||
	    host_fd_ioctl(s->group, VFIO_GROUP_UNSET_CONTAINER, 0) != -ENODEV ||
	    host_fd_ioctl(s->device, VFIO_DEVICE_RESET, 0) != -ENODEV)
		return 2;
	if (host_fd_pread(s->device, &id, 4, 0) != -ENODEV ||
	    host_fd_read(s->device, &id, 4) != -ENODEV)
		return 3;
	if (PTR_ERR(host_fd_mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
				 s->device, 0)) != -ENODEV)
		return 4;
	if (!host_vma_find((void *)s->bar, &hit) || hit.hw)
		return 5;
	s->bar[0] = 1;
	if (s->bar[0] != ~0u)
		return 6;
	if (host_vma_unmap((void *)s->bar, PAGE_SIZE) ||
	    host_vma_is_ours((void *)s->bar, PAGE_SIZE))
		return 7;
	if (host_fd_close(toy_dup(s->device)) || host_fd_close(s->device) ||
	    host_fd_is_ours(s->device) || fd_is_open(s->device))
		return 8;
	return 0;
}

static void child_of_fork_finds_the_parents_descriptors_dead(void **state)
{
	struct session s;

	assert_int_equal(session_open(&s), 0);
	assert_int_equal(session_works(&s), 0);
	assert_int_equal(in_child(use_inherited, &s), 0);
	/* And took nothing from the parent. */
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
}

static int start_anew(struct session *old)
{
	struct session s;
	int ret;

	if (host_current_config() || host_fd_next_internal(0) != -1)
		return 20;
	if (host_node_open(GROUP, O_RDWR) != -ENOENT)
		return 21;
	if (host_start(&config))
		return 22;
	ret = session_open(&s);
	if (!ret)
		ret = session_works(&s);
	if (ret)
		return ret;
	if (host_fd_ioctl(old->device, VFIO_DEVICE_RESET, 0) != -ENODEV)
		return 23;
	session_close(&s);
	host_stop();
	return host_fd_is_ours(old->device) ? 24 : 0;
}

static void child_of_fork_may_start_anew(void **state)
{
	struct session s;

	assert_int_equal(session_open(&s), 0);
	assert_int_equal(in_child(start_anew, &s), 0);
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
}

static int fork_again(struct session *old)
{
	struct session s;
	int ret = host_start(&config);

	if (!ret)
		ret = session_open(&s);
	if (!ret)
		ret = in_child(start_anew, &s);
	return ret ? ret : session_works(&s);
}

static void grandchild_may_start_anew_too(void **state)
{
	struct session s;

	assert_int_equal(session_open(&s), 0);
	assert_int_equal(in_child(fork_again, &s), 0);
	session_close(&s);
}

static bool stop_busy;

/* Holds whatever locks there are, at any moment. */
static void *keep_busy(void *data)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
						.flags = 3,
						.size = PAGE_SIZE };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
						    .size = PAGE_SIZE };
	struct session *s = data;
	int fd;

	map.vaddr = (uintptr_t)data & PAGE_MASK;
	while (!__atomic_load_n(&stop_busy, __ATOMIC_RELAXED)) {
		host_fd_ioctl(s->container, VFIO_IOMMU_MAP_DMA,
			      (unsigned long)&map);
		host_fd_ioctl(s->group, VFIO_GROUP_GET_STATUS,
			      (unsigned long)&status);
		host_fd_ioctl(s->container, VFIO_IOMMU_UNMAP_DMA,
			      (unsigned long)&unmap);
		fd = host_fd_ioctl(s->group, VFIO_GROUP_GET_DEVICE_FD,
				   (unsigned long)BDF);
		host_fd_close(fd);
		host_fd_close(host_node_open("vfio", O_RDWR));
	}
	return NULL;
}

static void fork_amid_other_threads_calls_leaves_no_lock_held(void **state)
{
	static struct session s;
	pthread_t thread[2];
	int i;

	assert_int_equal(session_open(&s), 0);
	__atomic_store_n(&stop_busy, false, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, keep_busy, &s);
	for (i = 0; i < 40; i++)
		assert_int_equal(in_child(start_anew, &s), 0);
	__atomic_store_n(&stop_busy, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(session_works(&s), 0);
	session_close(&s);
}

/* The NVMe controller has a thread while it is open, here and there. */
static char nvme_spec[] = "nvme,size=1M,addr=" BDF ",group=" GROUP;
static char *nvme_specs[] = { nvme_spec };
static const struct host_config nvme_config = { .devices = nvme_specs,
						.nr_devices = 1 };

static int start_nvme(struct session *old)
{
	struct session s;
	u32 version = 0;
	int ret;

	if (host_start(&nvme_config))
		return 50;
	ret = session_open(&s);
	if (ret)
		return ret;
	if (enable_memory(&s) || host_fd_pread(s.device, &version, 4, 8) != 4 ||
	    !version)
		return 51;
	session_close(&s);
	host_stop();
	return 0;
}

__attribute__((unused)) static void
device_with_a_thread_starts_anew_in_a_child(void **state)
{
	struct session s;

	host_stop();
	assert_int_equal(host_start(&nvme_config), 0);
	assert_int_equal(session_open(&s), 0);
	assert_int_equal(in_child(start_nvme, &s), 0);
	session_close(&s);
}

#ifdef __SANITIZE_THREAD__
/* It would not let a child of a program with threads make threads. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}
#endif

#define host_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		host_test(started_host_serves_its_device),
		host_test(second_start_is_the_first),
		host_test(stop_closes_what_is_open_and_start_begins_anew),
		host_test(M1_failing_start_undoes_what_it_did),
		host_test(threads_that_start_at_once_start_one),
		host_test(V2_group_with_a_native_driver_cannot_be_attached),
		host_test(V3_device_that_appears_in_a_used_group_is_a_warning),
		host_test(child_of_fork_finds_the_parents_descriptors_dead),
		host_test(child_of_fork_may_start_anew),
		host_test(grandchild_may_start_anew_too),
		host_test(fork_amid_other_threads_calls_leaves_no_lock_held),
/* The race detector takes the parent's threads for the child's, and dies of two
 * threads with one id. */
#ifndef __SANITIZE_THREAD__
		host_test(device_with_a_thread_starts_anew_in_a_child),
#endif
	};

	port_warn_fatal = true;
	host_log_set(2, PORT_WARN);
	host_fault_init();
	sigaction(SIGSEGV, NULL, &fault_action);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
