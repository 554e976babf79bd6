// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Threads at each other's descriptors (L6, G4). What each call answers depends on
 * the moment; what must hold is that nothing breaks, that one group is in one
 * container at most, and that all is free at the end.
 */
#include "uapi.h"

#include <pthread.h>
#include <sched.h>

/* Attempts, not successes: a slow machine must come to an end too. */
#define ROUNDS 400

static int group, containers[2];
static volatile int stop;

static void *attacher(void *arg)
{
	int *container = arg, n = 0;

	while (!stop)
		if (!ioctl(group, VFIO_GROUP_SET_CONTAINER, container)) {
			n++;
			ioctl(*container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
		}
	return (void *)(long)n;
}

static void *user(void *arg)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int fd;

	while (!stop) {
		ioctl(group, VFIO_GROUP_GET_STATUS, &status);
		ioctl(containers[0], VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
		fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

void test_races(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	pthread_t threads[4];
	void *a, *b;
	struct chain c;
	long detached = 0;
	int i;

	c = open_group();
	group = c.group;
	containers[0] = c.container;
	containers[1] = open("/dev/vfio/vfio", O_RDWR);
	pthread_create(&threads[0], NULL, attacher, &containers[0]);
	pthread_create(&threads[1], NULL, attacher, &containers[1]);
	pthread_create(&threads[2], NULL, user, NULL);
	pthread_create(&threads[3], NULL, user, NULL);
	for (i = 0; i < ROUNDS; i++) {
		detached += !ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
		sched_yield();
	}
	stop = 1;
	pthread_join(threads[0], &a);
	pthread_join(threads[1], &b);
	pthread_join(threads[2], NULL);
	pthread_join(threads[3], NULL);

	/* Each success of an attacher was undone once, but for the last. */
	ioctl(group, VFIO_GROUP_GET_STATUS, &status);
	check("L6_each_attach_has_its_detach",
	      (long)a + (long)b - detached ==
		      !!(status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET),
	      1);
	close(containers[1]);
	close_chain(&c);
	c = open_device();
	check("L6_all_is_free_at_the_end", c.device >= 0, 1);
	close_chain(&c);
}
