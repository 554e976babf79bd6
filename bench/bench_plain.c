// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What calls on descriptors that are not ours cost. Run twice, with and without
 * the preload library: the difference is the figure.
 */
#include <err.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "bench.h"

static int zero;

static void foreign_ioctl(void *arg)
{
	ioctl(zero, VFIO_GET_API_VERSION);
}

static void foreign_read(void *arg)
{
	char c[8];

	if (read(zero, c, sizeof(c)) != sizeof(c))
		err(1, "/dev/zero");
}

int main(void)
{
	zero = open("/dev/zero", O_RDONLY);
	if (zero < 0)
		err(1, "/dev/zero");
	bench_print("foreign_ioctl", bench_ns(foreign_ioctl, NULL, 10000));
	bench_print("foreign_read", bench_ns(foreign_read, NULL, 10000));
	return 0;
}
