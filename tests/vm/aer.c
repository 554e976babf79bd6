// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * An error of PCI Express reaches the user by the ERR interrupt.
 *
 *   aer GROUP BDF      has the kernel's aer_inject raise one
 */
#include <err.h>
#include <poll.h>

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

static long set_err(int device, int fd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)];
	struct vfio_irq_set *irq = (void *)buf;

	irq->argsz = sizeof(buf);
	irq->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	irq->index = VFIO_PCI_ERR_IRQ_INDEX;
	irq->start = 0;
	irq->count = 1;
	memcpy(irq->data, &fd, sizeof(fd));
	return call(ioctl(device, VFIO_DEVICE_SET_IRQS, irq));
}

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

static long await(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t n;

	if (poll(&poll_fd, 1, 60000) != 1 || read(fd, &n, sizeof(n)) < 0)
		return 0;
	return n;
}

int main(int argc, char **argv)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct chain chain;
	uint32_t id;

	if (argc != 3)
		errx(2, "usage: aer GROUP BDF");
	uapi.group_path = argv[1];
	uapi.device_name = argv[2];
	chain = open_device();
	check("B6_err", set_err(chain.device, event), 0);
	inject(argv[2]);
	check("B6_err_is_signalled", await(event), 1);
	check("B6_device_answers_after_the_error",
	      pread(chain.device, &id, 4,
		    (off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40),
	      4);
	check("B6_err_off", set_err(chain.device, -1), 0);
	close_chain(&chain);
	return check_summary();
}
