/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program that uses a function, through the host's calls. */
#include "harness.h"

#include <poll.h>

static struct host_config config;
static struct sigaction fault_action[2];

int machine_start(void **state)
{
	int ret;

	port_warn_fatal = true;
	host_log_set(STDERR_FILENO, PORT_ERR);
	ret = host_start(&config);
	sigaction(SIGSEGV, NULL, &fault_action[0]);
	sigaction(SIGBUS, NULL, &fault_action[1]);
	return ret;
}

/* cmocka takes these signals for itself around each test, and a copy from a
 * bad pointer would come to it instead of to the host. */
static void take_faults_back(void)
{
	sigaction(SIGSEGV, &fault_action[0], NULL);
	sigaction(SIGBUS, &fault_action[1], NULL);
}

int machine_stop(void **state)
{
	host_stop();
	return 0;
}

void user_open_group(struct user *user, int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char node[16];

	take_faults_back();
	snprintf(node, sizeof(node), "%d", group);
	user->device = -1;
	user->container = host_node_open("vfio", O_RDWR);
	assert_true(user->container >= 0);
	user->group = host_node_open(node, O_RDWR);
	assert_true(user->group >= 0);
	assert_int_equal(host_fd_ioctl(user->group, VFIO_GROUP_GET_STATUS,
				       (unsigned long)&status),
			 0);
	assert_int_equal(status.flags, VFIO_GROUP_FLAGS_VIABLE);
	assert_int_equal(host_fd_ioctl(user->group, VFIO_GROUP_SET_CONTAINER,
				       (unsigned long)&user->container),
			 0);
	assert_int_equal(host_fd_ioctl(user->container, VFIO_SET_IOMMU,
				       VFIO_TYPE1v2_IOMMU),
			 0);
}

void user_open(struct user *user, struct fake *fake)
{
	user_open_group(user, fake->group);
	user->device = host_fd_ioctl(user->group, VFIO_GROUP_GET_DEVICE_FD,
				     (unsigned long)fake->name);
	assert_true(user->device >= 0);
}

void user_close(struct user *user)
{
	if (user->device >= 0)
		assert_int_equal(host_fd_close(user->device), 0);
	assert_int_equal(host_fd_close(user->group), 0);
	assert_int_equal(host_fd_close(user->container), 0);
}

long do_ioctl(const struct user *user, unsigned long cmd, void *arg)
{
	return host_fd_ioctl(user->device, cmd, (unsigned long)arg);
}

long do_ioctl_cut(const struct user *user, unsigned long cmd, const void *arg,
		  size_t len)
{
	u8 *map = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u8 *at = map + PAGE_SIZE - len;
	long ret;

	assert_ptr_not_equal(map, MAP_FAILED);
	memcpy(at, arg, len);
	munmap(map + PAGE_SIZE, PAGE_SIZE);
	/* In a test whose set-up opened the user. */
	take_faults_back();
	ret = do_ioctl(user, cmd, at);
	munmap(map, PAGE_SIZE);
	return ret;
}

u32 config_read(const struct user *user, u32 off, u32 size)
{
	u32 val = 0;

	assert_int_equal(host_fd_pread(user->device, &val, size, CONFIG + off),
			 size);
	return val;
}

void config_write(const struct user *user, u32 off, u32 size, u32 val)
{
	assert_int_equal(host_fd_pwrite(user->device, &val, size, CONFIG + off),
			 size);
}

/* The header and its data end where a page does that cannot be read: what the
 * call reads beyond them is seen. */
long set_irqs(const struct user *user, u32 index, u32 flags, u32 start,
	      u32 count, const void *data, size_t data_len)
{
	struct vfio_irq_set hdr = {
		.argsz = sizeof(hdr) + data_len,
		.flags = flags,
		.index = index,
		.start = start,
		.count = count,
	};
	size_t room = 4 * PAGE_SIZE;
	u8 *at, *map;
	long ret;

	map = mmap(NULL, room + PAGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + room, PAGE_SIZE, PROT_NONE), 0);
	at = map + room - sizeof(hdr) - data_len;
	memcpy(at, &hdr, sizeof(hdr));
	if (data_len)
		memcpy(at + sizeof(hdr), data, data_len);
	ret = do_ioctl(user, VFIO_DEVICE_SET_IRQS, at);
	munmap(map, room + PAGE_SIZE);
	return ret;
}

long set_eventfds(const struct user *user, u32 index, u32 start, u32 count,
		  const int *fds)
{
	return set_irqs(user, index,
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			start, count, fds, count * sizeof(*fds));
}

long set_none(const struct user *user, u32 index, u32 action, u32 start,
	      u32 count)
{
	return set_irqs(user, index, VFIO_IRQ_SET_DATA_NONE | action, start,
			count, NULL, 0);
}

long set_bools(const struct user *user, u32 index, u32 action, u32 start,
	       u32 count, const u8 *bools)
{
	return set_irqs(user, index, VFIO_IRQ_SET_DATA_BOOL | action, start,
			count, bools, count);
}

int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

u64 eventfd_take(int fd)
{
	u64 count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

u64 eventfd_wait(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	return eventfd_take(fd);
}
