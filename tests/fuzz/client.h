/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A program on the whole of host/user, for targets (client.c). */
#ifndef TESTS_FUZZ_CLIENT_H
#define TESTS_FUZZ_CLIENT_H

#include "fuzz.h"
#include "host.h"
#include "vfio_pci.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION(index) ((off_t)VFIO_PCI_INDEX_TO_OFFSET(index))
#define CONFIG REGION(VFIO_PCI_CONFIG_REGION_INDEX)

/* Starts the host with @n devices; what it says goes to /dev/null. */
void machine(char *const *specs, unsigned int n);

/**
 * struct client - the descriptors of a program that opened a device
 */
struct client {
	int container;
	int group;
	int device;
};

/* As a program does that finds all in order; it must be. */
void client_open(struct client *c, const char *group, const char *device);
void client_close(struct client *c);
long client_ioctl(int fd, unsigned long cmd, const void *arg);
long client_map(const struct client *c, void *mem, u64 iova, u64 size,
		u32 flags);

/*
 * All that a new program finds, in a number: groups, what the device tells of
 * itself, its configuration space, what its BARs have, how much can be mapped.
 * What went before must not show in it.
 */
u64 client_fingerprint(const char *group, const char *device);
/* No descriptor of ours is left, and as many of all as at the start. */
void check_descriptors(void);

#endif /* TESTS_FUZZ_CLIENT_H */
