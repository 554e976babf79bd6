/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of the user host's descriptors stand on: descriptions that
 * record what is done to them.
 */
#ifndef ANYVFIO_TESTS_HOST_TOY_H
#define ANYVFIO_TESTS_HOST_TOY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#include <unistd.h>

#define TOY_SIZE 64

/**
 * struct toy - something to be open
 * @released: how often it was released
 * @cmd, @arg: of the last ioctl, which returns @answer
 * @in_ioctl: called in the middle of one
 * @data: what is read and written
 * @mmap: what an mmap does, with @hw
 */
struct toy {
	int released;
	unsigned int cmd;
	unsigned long arg;
	long answer;
	void (*in_ioctl)(struct toy *toy);
	char data[TOY_SIZE];
	size_t last_len;
	int (*mmap)(struct toy *toy, struct port_vma *vma);
	void *hw;
};

extern const struct port_file_ops toy_fops;
/* The same release, and nothing else. */
extern const struct port_file_ops toy_bare_fops;

/* A descriptor of @toy. */
int toy_open(struct toy *toy);
int toy_open_as(struct toy *toy, const char *name,
		const struct port_file_ops *ops);
/* What run/ does for the program's dup() and dup2(). */
int toy_dup(int fd);
int toy_dup2(int old, int new);

/* True when the kernel itself has @fd. */
bool fd_is_open(int fd);

#endif /* ANYVFIO_TESTS_HOST_TOY_H */
