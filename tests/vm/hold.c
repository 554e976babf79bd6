// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A process that holds a device with all that a driver has: memory mapped for
 * DMA, a BAR mapped and touched, interrupts, the REQ event.
 *
 *   hold GROUP BDF          says "ready", waits to be asked for the device, says
 *                           "asked", and lets go
 *   hold GROUP BDF N        N times all of it and nothing, in changing order
 */
#include <err.h>
#include <signal.h>
#include <sys/prctl.h>

#include "../uapi/uapi.h"

#define SIZE (4ul << 20)

struct held {
	struct chain chain;
	void *memory;
	void *bar; /* NULL: it has none to map */
	int irq;
	int request;
};

static void take_irq(int device, unsigned int index, int fd)
{
	if (set_trigger(device, index, fd))
		err(1, "VFIO_DEVICE_SET_IRQS %u", index);
}

static unsigned int best_irq(int device)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	int index;

	for (index = VFIO_PCI_MSIX_IRQ_INDEX; index >= 0; index--) {
		info.index = index;
		if (!ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) &&
		    info.count)
			return index;
	}
	errx(1, "no interrupt");
}

static void *map_bar(int device)
{
	struct vfio_region_info info = { .argsz = sizeof(info) };
	void *addr;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return NULL;
	addr = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	if (addr == MAP_FAILED)
		err(1, "mmap of BAR 0");
	(void)*(volatile uint32_t *)addr;
	return addr;
}

static void take(struct held *held)
{
	held->chain = open_device();
	held->memory = page_alloc(SIZE);
	if (map_dma(held->chain.container, 0, held->memory, SIZE, DMA_RW))
		err(1, "VFIO_IOMMU_MAP_DMA");
	held->bar = map_bar(held->chain.device);
	held->irq = eventfd(0, EFD_CLOEXEC);
	held->request = eventfd(0, EFD_CLOEXEC);
	take_irq(held->chain.device, best_irq(held->chain.device), held->irq);
	take_irq(held->chain.device, VFIO_PCI_REQ_IRQ_INDEX, held->request);
}

static void let_go(struct held *held, bool container_first)
{
	if (container_first) {
		close(held->chain.container);
		held->chain.container = -1;
	}
	munmap(held->memory, SIZE);
	if (held->bar)
		munmap(held->bar, 4096);
	close(held->irq);
	close_chain(&held->chain);
	close(held->request);
}

static void cycle(unsigned int n)
{
	struct held held;

	while (n--) {
		take(&held);
		let_go(&held, n & 1);
	}
}

int main(int argc, char **argv)
{
	struct held held;
	uint64_t n;

	if (argc < 3)
		errx(2, "usage: hold GROUP BDF [N]");
	uapi.group_path = argv[1];
	uapi.device_name = argv[2];
	if (argc > 3) {
		cycle(atoi(argv[3]));
		return 0;
	}
	/* Not left behind when a test ends early. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	take(&held);
	puts("ready");
	fflush(stdout);
	if (read(held.request, &n, sizeof(n)) != sizeof(n))
		err(1, "eventfd");
	puts("asked");
	fflush(stdout);
	let_go(&held, false);
	return 0;
}
