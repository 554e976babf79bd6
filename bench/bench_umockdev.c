// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The peer for an emulated ioctl: umockdev answers USBDEVFS_GET_CAPABILITIES from a
 * recording. Run under umockdev-run with bench/umockdev.device and .ioctl.
 */
#include <err.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/usbdevice_fs.h>

#include "bench.h"

static int device;

static void emulated_ioctl(void *arg)
{
	unsigned int caps;

	if (ioctl(device, USBDEVFS_GET_CAPABILITIES, &caps))
		err(1, "USBDEVFS_GET_CAPABILITIES");
}

int main(void)
{
	device = open("/dev/bus/usb/001/001", O_RDWR);
	if (device < 0)
		err(1, "/dev/bus/usb/001/001");
	bench_print("umockdev_ioctl", bench_ns(emulated_ioctl, NULL, 20));
	return 0;
}
