/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "toy.h"

#include <fcntl.h>

static void toy_release(void *priv)
{
	struct toy *toy = priv;

	__atomic_fetch_add(&toy->released, 1, __ATOMIC_RELAXED);
}

static long toy_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	struct toy *toy = priv;

	toy->cmd = cmd;
	toy->arg = arg;
	if (toy->in_ioctl)
		toy->in_ioctl(toy);
	return toy->answer;
}

static ssize_t toy_read(void *priv, char *buf, size_t len, loff_t *pos)
{
	struct toy *toy = priv;

	toy->last_len = len;
	if (*pos >= TOY_SIZE)
		return 0;
	len = min_t(size_t, len, TOY_SIZE - *pos);
	memcpy(buf, toy->data + *pos, len);
	*pos += len;
	return len;
}

static ssize_t toy_write(void *priv, const char *buf, size_t len, loff_t *pos)
{
	struct toy *toy = priv;

	if (*pos >= TOY_SIZE)
		return -ENOSPC;
	len = min_t(size_t, len, TOY_SIZE - *pos);
	memcpy(toy->data + *pos, buf, len);
	*pos += len;
	return len;
}

static int toy_mmap(void *priv, struct port_vma *vma)
{
	struct toy *toy = priv;

	return toy->mmap(toy, vma);
}

const struct port_file_ops toy_fops = {
	.name = "toy",
	.release = toy_release,
	.ioctl = toy_ioctl,
	.read = toy_read,
	.write = toy_write,
	.mmap = toy_mmap,
};

const struct port_file_ops toy_bare_fops = {
	.name = "bare",
	.release = toy_release,
};

int toy_open_as(struct toy *toy, const char *name,
		const struct port_file_ops *ops)
{
	int fd = port_fd_reserve();
	struct port_file *file;

	assert_true(fd >= 0);
	file = port_file_create(name, ops, toy);
	assert_false(IS_ERR(file));
	port_fd_publish(fd, file);
	return fd;
}

int toy_open(struct toy *toy)
{
	return toy_open_as(toy, "[toy]", &toy_fops);
}

int toy_dup(int fd)
{
	int new = dup(fd);

	assert_true(new >= 0);
	assert_int_equal(host_fd_dup(fd, new), 0);
	return new;
}

int toy_dup2(int old, int new)
{
	assert_int_equal(dup2(old, new), new);
	assert_int_equal(host_fd_dup(old, new), 0);
	return new;
}

bool fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}
