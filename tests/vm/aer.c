// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An error of PCI Express reaches the user by the ERR interrupt.
 *
 *   aer GROUP BDF      has the kernel's aer_inject raise one
 */
#include <err.h>

#include "../uapi/uapi.h"

/* What /dev/aer_inject takes. */
struct injection {
	uint8_t bus, dev, fn;
	uint32_t uncorrectable, correctable;
	uint32_t header_log[4];
	uint32_t domain;
};

/* A completion timeout, which is not fatal. */
#define COMPLETION_TIMEOUT 0x4000u

static void inject(const char *name)
{
	struct injection injection = { .uncorrectable = COMPLETION_TIMEOUT };
	unsigned int domain, bus, dev, fn;
	int fd = open("/dev/aer_inject", O_RDWR | O_CLOEXEC);

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		errx(2, "%s is no BDF", name);
	injection.domain = domain;
	injection.bus = bus;
	injection.dev = dev;
	injection.fn = fn;
	if (fd < 0 || write(fd, &injection, sizeof(injection)) < 0)
		err(1, "/dev/aer_inject");
	close(fd);
}

int main(int argc, char **argv)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct chain chain;
	uint32_t id;

	if (argc != 3)
		errx(2, "usage: aer GROUP BDF");
	chain = open_named(argv[1], argv[2]);
	check("B6_err",
	      set_trigger(chain.device, VFIO_PCI_ERR_IRQ_INDEX, event), 0);
	inject(argv[2]);
	check("B6_err_is_signalled", await(event), 1);
	check("B6_device_answers_after_the_error",
	      pread(chain.device, &id, 4,
		    (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40),
	      4);
	check("B6_err_off",
	      set_trigger(chain.device, VFIO_PCI_ERR_IRQ_INDEX, -1), 0);
	close_chain(&chain);
	return check_summary();
}
