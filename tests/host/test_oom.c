/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Without memory: each step of a sequence that succeeds is run again with its
 * first allocation failing, its second, and so on, until none is left to fail.
 * It must say -ENOMEM and leave everything as it was.
 */
#include "toy.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- an allocator that fails when told to (see meson.build) ---- */

static int fail_at; /* 0: never */
static int nr_live; /* atomic: the watching thread allocates too */

void *__real_port_zalloc(size_t size);
void *__wrap_port_zalloc(size_t size);
void __real_port_free(const void *ptr);
void __wrap_port_free(const void *ptr);

static bool no_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *data), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *data), void *data);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*fn)(void *data), void *data)
{
	return no_threads ? EAGAIN
			  : __real_pthread_create(thread, attr, fn, data);
}

void *__wrap_port_zalloc(size_t size)
{
	if (fail_at && !--fail_at)
		return NULL;
	__atomic_fetch_add(&nr_live, 1, __ATOMIC_RELAXED);
	return __real_port_zalloc(size);
}

void __wrap_port_free(const void *ptr)
{
	if (ptr)
		__atomic_fetch_sub(&nr_live, 1, __ATOMIC_RELAXED);
	__real_port_free(ptr);
}

/* Runs @fn, which undoes what it does, once for each of its allocations. */
static void sweep(long (*fn)(void), int at_least)
{
	int nr, live, first_free;
	long ret;

	for (nr = 1;; nr++) {
		live = __atomic_load_n(&nr_live, __ATOMIC_RELAXED);
		first_free = dup(STDERR_FILENO);
		close(first_free);
		fail_at = nr;
		ret = fn();
		if (fail_at)
			break;
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(__atomic_load_n(&nr_live, __ATOMIC_RELAXED),
				 live);
		assert_int_equal(host_fd_next_internal(0), -1);
		assert_int_equal(dup(STDERR_FILENO), first_free);
		close(first_free);
	}
	fail_at = 0;
	assert_int_equal(ret, 0);
	assert_true(nr > at_least);
}

/* ---- a core that counts ---- */

static int opened;

static void release_core(void *priv)
{
	opened--;
}

const struct port_file_ops vfio_container_fops = { .release = release_core };
const struct port_file_ops vfio_group_fops = { .release = release_core };

int vfio_container_open(void **priv)
{
	opened++;
	return 0;
}

int vfio_group_open(int id, bool noiommu, void **priv)
{
	opened++;
	return 0;
}

void vfio_group_device_added(struct iommu_group *group, struct device *dev)
{
}

/* ---- what is swept ---- */

static long open_node(void)
{
	int fd = host_node_open("vfio", O_RDWR);

	return fd < 0 ? fd : host_fd_close(fd);
}

/* The first description of the process: its pool is empty. */
static void open_without_memory_leaves_no_container(void **state)
{
	fail_at = 1;
	assert_int_equal(open_node(), -ENOMEM);
	assert_int_equal(fail_at, 0);
	assert_int_equal(opened, 0);
	assert_int_equal(open_node(), 0);
	assert_int_equal(opened, 0);
}

static long add_node(void)
{
	int ret = port_group_node_add(3, false);

	if (!ret)
		port_group_node_del(3, false);
	return ret;
}

static void node_without_memory_is_not_there(void **state)
{
	sweep(add_node, 1);
}

static void ignore(void *data)
{
}

static long watch(void)
{
	int fd = eventfd(0, 0);
	struct port_eventfd *eventfd = port_eventfd_get(fd);
	struct port_watch *watch;
	long ret = 0;

	close(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	watch = port_eventfd_watch(eventfd, ignore, NULL);
	if (IS_ERR(watch))
		ret = PTR_ERR(watch);
	else
		port_watch_cancel(watch);
	port_eventfd_put(eventfd);
	return ret;
}

/* The eventfd, the watch, the watcher and its thread. */
static void watch_without_memory_leaves_no_thread(void **state)
{
	sweep(watch, 4);
}

static void watch_without_a_thread_is_eagain_and_leaves_nothing(void **state)
{
	int live = nr_live;

	no_threads = true;
	assert_int_equal(watch(), -EAGAIN);
	no_threads = false;
	assert_int_equal(nr_live, live);
	assert_int_equal(host_fd_next_internal(0), -1);
	assert_int_equal(watch(), 0);
}

/* With no number left, then one, then two, and so on. */
static void watch_without_numbers_is_emfile_and_leaves_nothing(void **state)
{
	int first_free = dup(STDERR_FILENO), live = nr_live, more;
	struct rlimit old, lim;
	long ret;

	close(first_free);
	getrlimit(RLIMIT_NOFILE, &old);
	/* The program's own eventfd is the first. */
	for (more = 1;; more++) {
		lim = old;
		lim.rlim_cur = first_free + more;
		setrlimit(RLIMIT_NOFILE, &lim);
		ret = watch();
		setrlimit(RLIMIT_NOFILE, &old);
		assert_int_equal(nr_live, live);
		assert_int_equal(host_fd_next_internal(0), -1);
		assert_int_equal(dup(STDERR_FILENO), first_free);
		close(first_free);
		if (!ret)
			break;
		assert_int_equal(ret, -EMFILE);
	}
	assert_true(more > 3);
}

static long add_devices(void)
{
	struct device *dev = host_device_create("0000:01:00.0", 7), *other;
	struct iommu_group *group;
	long ret = 0;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	other = host_device_create("0000:02:00.0", -1);
	if (IS_ERR(other)) {
		ret = PTR_ERR(other);
		goto out_destroy;
	}
	group = port_iommu_group_make(other, "vfio-noiommu");
	if (IS_ERR(group))
		ret = PTR_ERR(group);
	else
		port_iommu_group_put(group);
	host_device_destroy(other);

out_destroy:
	host_device_destroy(dev);
	return ret;
}

static void device_without_memory_leaves_no_group(void **state)
{
	sweep(add_devices, 4);
}

static int rights(void *hw, u32 bar, u64 off, int prot, u64 *len)
{
	return prot;
}

static int map(struct toy *toy, struct port_vma *vma)
{
	static const struct host_vma_ops ops = { .rights = rights };

	return host_vma_map(vma, &ops, toy, 0, 0, -1, 0);
}

/* More than the tables have room for at first, and never the same number. */
static long map_many(void)
{
	static unsigned int nr = 100;
	struct toy toy = { .mmap = map };
	int fd = toy_open(&toy);
	unsigned int i;
	long ret = 0;
	void *addr;

	nr *= 2;
	for (i = 0; i < nr && !ret; i++) {
		addr = host_fd_mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd,
				    0);
		if (IS_ERR(addr))
			ret = PTR_ERR(addr);
	}
	host_fd_close(fd);
	host_vma_exit();
	assert_int_equal(toy.released, 1);
	return ret;
}

/* Tables stay for late readers: what is counted is not memory but mappings. */
static void mmap_without_memory_maps_nothing(void **state)
{
	int nr;

	for (nr = 1; nr <= 2; nr++) {
		fail_at = nr;
		assert_int_equal(map_many(), -ENOMEM);
		assert_int_equal(fail_at, 0);
	}
	assert_int_equal(map_many(), 0);
}

static struct toy split_toy = { .mmap = map };
static u8 *split_at;

/* Unmapping in the middle makes two of one, which takes room. */
static void munmap_without_memory_unmaps_nothing(void **state)
{
	int fd = toy_open(&split_toy), ret = 0, left = 0;
	u64 page;

	split_at = host_fd_mmap(NULL, 4096 * PAGE_SIZE, PROT_READ, MAP_SHARED,
				fd, 0);
	host_fd_close(fd);
	for (page = 1; page < 4096 && !ret; page += 2) {
		fail_at = 1;
		ret = host_vma_unmap(split_at + page * PAGE_SIZE, PAGE_SIZE);
		left = fail_at;
		fail_at = 0;
	}
	page -= 2;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(left, 0);
	assert_true(host_vma_is_ours(split_at + page * PAGE_SIZE, PAGE_SIZE));
	assert_int_equal(
		msync(split_at + page * PAGE_SIZE, PAGE_SIZE, MS_ASYNC), 0);
	assert_int_equal(host_vma_unmap(split_at, 4096 * PAGE_SIZE), 0);
	assert_int_equal(split_toy.released, 1);
}

static int teardown(void **state)
{
	fail_at = 0;
	return opened;
}

#define oom_test(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		oom_test(open_without_memory_leaves_no_container),
		oom_test(node_without_memory_is_not_there),
		oom_test(watch_without_memory_leaves_no_thread),
		oom_test(watch_without_a_thread_is_eagain_and_leaves_nothing),
		oom_test(watch_without_numbers_is_emfile_and_leaves_nothing),
		oom_test(device_without_memory_leaves_no_group),
		oom_test(mmap_without_memory_maps_nothing),
		oom_test(munmap_without_memory_unmaps_nothing),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
