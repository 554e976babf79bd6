/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What test programs share.  They are VFIO programs like any other: nothing of
 * anyvfio is linked into them, and they run under `anyvfio run -d edu`, which
 * is 0000:01:00.0 in group 1.
 */
#ifndef ANYVFIO_TEST_PROGRAM_H
#define ANYVFIO_TEST_PROGRAM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define BDF "0000:01:00.0"
#define DEVICES "/sys/bus/pci/devices"
#define DEVICE DEVICES "/" BDF
#define PHYSICAL "/sys/devices/pci0000:01/" BDF
#define CONTAINER "/dev/vfio/vfio"
#define GROUP "/dev/vfio/1"

#define EDU_VENDOR 0x1234
#define EDU_BAR_SIZE 0x100000
#define EDU_INVERT 4 /* reads as the inverse of what was written */
#define CONFIG_OFFSET ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

/* libc's @name, also where headers have no word for it. */
#define CALL(type, name, ...) ((type(*)(__VA_ARGS__))find_call(name))

static inline void *find_call(const char *name)
{
	void *fn = dlsym(RTLD_DEFAULT, name);

	if (!fn)
		fail_msg("libc has no %s", name);
	return fn;
}

/* The call must fail with @err. */
#define assert_fails(call, err)               \
	do {                                  \
		errno = 0;                    \
		assert_int_equal(call, -1);   \
		assert_int_equal(errno, err); \
	} while (0)

/**
 * struct program - what a VFIO program has open
 * @bar: BAR 0, mapped
 */
struct program {
	int container;
	int group;
	int device;
	volatile uint32_t *bar;
};

static inline void program_open(struct program *p)
{
	p->container = open(CONTAINER, O_RDWR | O_CLOEXEC);
	assert_true(p->container >= 0);
	p->group = open(GROUP, O_RDWR | O_CLOEXEC);
	assert_true(p->group >= 0);
	assert_int_equal(
		ioctl(p->group, VFIO_GROUP_SET_CONTAINER, &p->container), 0);
	assert_int_equal(
		ioctl(p->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	p->device = ioctl(p->group, VFIO_GROUP_GET_DEVICE_FD, BDF);
	assert_true(p->device >= 0);
	p->bar = mmap(NULL, EDU_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      p->device, 0);
	assert_ptr_not_equal(p->bar, MAP_FAILED);
}

static inline void program_close(struct program *p)
{
	assert_int_equal(munmap((void *)p->bar, EDU_BAR_SIZE), 0);
	assert_int_equal(close(p->device), 0);
	assert_int_equal(close(p->group), 0);
	assert_int_equal(close(p->container), 0);
}

/* The device answers: its memory is mapped, and traps. */
static inline bool program_works(struct program *p, uint32_t number)
{
	p->bar[EDU_INVERT / 4] = number;
	return p->bar[EDU_INVERT / 4] == ~number;
}

/* @fd is an open container. */
static inline bool is_container(int fd)
{
	return ioctl(fd, VFIO_GET_API_VERSION) == VFIO_API_VERSION;
}

#endif /* ANYVFIO_TEST_PROGRAM_H */
