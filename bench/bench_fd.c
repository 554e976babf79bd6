// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the table of descriptors costs: asking whether a number is ours, which
 * every wrapped call of a program pays, and a call on one that is; beside them
 * the system call that such a call stands for.
 */
#include <err.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host.h"

#include "bench.h"

#define COUNT 200000

static int ours, dev_null;
/* Kept, so that the answer has to be made. */
static volatile long answer;

static void release(void *priv)
{
}

static long trivial_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	return arg;
}

static ssize_t trivial_read(void *priv, char *buf, size_t len, loff_t *pos)
{
	return len;
}

static const struct port_file_ops fops = {
	.name = "bench",
	.release = release,
	.ioctl = trivial_ioctl,
	.read = trivial_read,
};

static void nothing(void *arg)
{
	answer = 0;
}

static void is_ours(void *arg)
{
	answer = host_fd_is_ours(ours);
}

static void is_foreign(void *arg)
{
	answer = host_fd_is_ours(dev_null);
}

static void is_internal(void *arg)
{
	answer = host_fd_is_internal(dev_null);
}

static void ioctl_ours(void *arg)
{
	answer = host_fd_ioctl(ours, VFIO_GET_API_VERSION, 1);
}

static void pread_ours(void *arg)
{
	char buf[4];

	answer = host_fd_pread(ours, buf, sizeof(buf), 0);
}

static void read_ours(void *arg)
{
	char buf[4];

	answer = host_fd_read(ours, buf, sizeof(buf));
}

static void ioctl_kernel(void *arg)
{
	answer = ioctl(dev_null, VFIO_GET_API_VERSION);
}

static void vma_foreign(void *arg)
{
	answer = host_vma_is_ours(&fops, sizeof(fops));
}

int main(void)
{
	struct port_file *file = port_file_create("[bench]", &fops, NULL);
	double empty;

	ours = port_fd_reserve();
	dev_null = open("/dev/null", O_RDWR);
	if (ours < 0 || dev_null < 0 || IS_ERR(file))
		err(1, "descriptors");
	port_fd_publish(ours, file);

	/* The loop and the call of the measured function are not the figure. */
	empty = bench_ns(nothing, NULL, COUNT);
	bench_print("fd_is_ours", bench_ns(is_ours, NULL, COUNT) - empty);
	bench_print("fd_is_foreign", bench_ns(is_foreign, NULL, COUNT) - empty);
	bench_print("fd_is_internal",
		    bench_ns(is_internal, NULL, COUNT) - empty);
	bench_print("vma_is_foreign",
		    bench_ns(vma_foreign, NULL, COUNT) - empty);
	bench_print("fd_ioctl", bench_ns(ioctl_ours, NULL, COUNT) - empty);
	bench_print("fd_pread", bench_ns(pread_ours, NULL, COUNT) - empty);
	bench_print("fd_read", bench_ns(read_ours, NULL, COUNT) - empty);
	bench_print("kernel_ioctl",
		    bench_ns(ioctl_kernel, NULL, COUNT / 10) - empty);
	host_fd_close(ours);
	return 0;
}
