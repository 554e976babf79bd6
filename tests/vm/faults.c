// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Every step of a device's life, with each thing in it that can fail made to fail
 * once: an allocation, a page, a copy of the caller's memory. A step that fails
 * leaves things as they were, so that the same step works when it is asked for
 * again; what undoes a step does so whatever fails.
 *
 *   faults GROUP BDF
 *
 * The kernel lets the Nth such thing that a thread meets fail, by fail-nth. Spared is
 * what Linux itself does not bear: the ACPI interpreter, which is asked where an
 * interrupt pin leads when the device is opened and closed, uses memory that it has
 * freed when it gets no more; a vector whose directory in /proc could not be made is
 * worth a warning, and so is a group that cannot go back to its own domain.
 */
#include <err.h>

#include "../uapi/uapi.h"

#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define IOVA 0x10000000ul
#define HUGE_PAGE (2ul << 20)
#define SIZE (16ul << 20)

/* What may be said when something in it failed. */
static bool is_fault(long ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

/* ---- faults ---- */

static int nth_fd;

static void arm(unsigned int nth)
{
	dprintf(nth_fd, "%u", nth);
}

/* Whether the fault was met; none is ahead any more. */
static bool disarm(void)
{
	char left[16] = "";
	/* Telling how many are left is a copy itself, and may be the one. */
	bool met = pread(nth_fd, left, sizeof(left) - 1, 0) > 0 &&
		   !strtoul(left, NULL, 10);

	arm(0);
	return met;
}

/* ---- the steps ---- */

static struct chain chain;
static int eventfds[2];
static char *memory;
static void *bar;

static long open_node(const char *path)
{
	return call(open(path, O_RDWR | O_CLOEXEC));
}

static long close_fd(int *fd)
{
	close(*fd);
	*fd = -1;
	return 0;
}

static long do_container(void)
{
	chain.container = open_node("/dev/vfio/vfio");
	return chain.container;
}

static long undo_container(void)
{
	return close_fd(&chain.container);
}

static long do_group(void)
{
	chain.group = open_node(uapi.group_path);
	return chain.group;
}

static long undo_group(void)
{
	return close_fd(&chain.group);
}

static long do_set_container(void)
{
	return call(
		ioctl(chain.group, VFIO_GROUP_SET_CONTAINER, &chain.container));
}

static long undo_set_container(void)
{
	return call(ioctl(chain.group, VFIO_GROUP_UNSET_CONTAINER));
}

static long do_set_iommu(void)
{
	return call(ioctl(chain.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

/* The backend goes with its last group. */
static long undo_set_iommu(void)
{
	long ret = undo_set_container();

	/* It may be out already: of the two, the second failed. */
	return ret && ret != -EINVAL ? ret : do_set_container();
}

static long do_device(void)
{
	chain.device = call(
		ioctl(chain.group, VFIO_GROUP_GET_DEVICE_FD, uapi.device_name));
	return chain.device;
}

static long undo_device(void)
{
	return close_fd(&chain.device);
}

static long map(char *from, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)from,
		.iova = iova,
		.size = size,
	};

	return call(ioctl(chain.container, VFIO_IOMMU_MAP_DMA, &dma));
}

static long unmap(uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.iova = iova,
		.size = size,
	};

	return call(ioctl(chain.container, VFIO_IOMMU_UNMAP_DMA, &dma));
}

static long do_map_page(void)
{
	return map(memory, IOVA, 4096);
}

static long undo_map_page(void)
{
	return unmap(IOVA, 4096);
}

/* Off the borders of huge pages, so that the IOMMU needs more tables. */
static long do_map_many(void)
{
	return map(memory, 4 * IOVA - 8 * 4096, HUGE_PAGE + 16 * 4096);
}

static long undo_map_many(void)
{
	return unmap(4 * IOVA - 8 * 4096, HUGE_PAGE + 16 * 4096);
}

static long set_irq(uint32_t index, uint32_t flags, int fd)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = flags,
			.index = index,
			.count = 1,
		},
		.fd = fd,
	};

	return call(ioctl(chain.device, VFIO_DEVICE_SET_IRQS, &irq));
}

static long irq_off(uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return call(ioctl(chain.device, VFIO_DEVICE_SET_IRQS, &set));
}

#define EVENT VFIO_IRQ_SET_DATA_EVENTFD

static long do_intx(void)
{
	return set_irq(VFIO_PCI_INTX_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_TRIGGER, eventfds[0]);
}

static long undo_intx(void)
{
	return irq_off(VFIO_PCI_INTX_IRQ_INDEX);
}

static long do_unmask(void)
{
	return set_irq(VFIO_PCI_INTX_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_UNMASK, eventfds[1]);
}

static long undo_unmask(void)
{
	return set_irq(VFIO_PCI_INTX_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_UNMASK, -1);
}

static long do_messages(void)
{
	return set_irq(VFIO_PCI_MSI_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_TRIGGER, eventfds[0]);
}

static long undo_messages(void)
{
	return irq_off(VFIO_PCI_MSI_IRQ_INDEX);
}

static long do_request(void)
{
	return set_irq(VFIO_PCI_REQ_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_TRIGGER, eventfds[1]);
}

static long undo_request(void)
{
	return set_irq(VFIO_PCI_REQ_IRQ_INDEX,
		       EVENT | VFIO_IRQ_SET_ACTION_TRIGGER, -1);
}

static long do_access(void)
{
	uint32_t word;
	long ret = call(pread(chain.device, &word, 4, CONFIG + 4));

	if (ret < 0)
		return ret;
	word |= 2;
	ret = call(pwrite(chain.device, &word, 2, CONFIG + 4));
	if (ret < 0)
		return ret;
	ret = call(pread(chain.device, &word, 4, 0));
	return ret < 0 ? ret : call(pwrite(chain.device, &word, 4, 4));
}

static long do_mmap(void)
{
	bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, chain.device,
		   0);
	if (bar == MAP_FAILED)
		return -errno;
	/* A page that could not be had is asked for again. */
	(void)*(volatile uint32_t *)bar;
	return 0;
}

static long undo_mmap(void)
{
	return call(munmap(bar, 4096));
}

static long ioeventfd(int fd)
{
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = 4,
		.data = 1,
		.fd = fd,
	};

	return call(ioctl(chain.device, VFIO_DEVICE_IOEVENTFD, &io));
}

static long do_ioeventfd(void)
{
	return ioeventfd(eventfds[1]);
}

static long undo_ioeventfd(void)
{
	return ioeventfd(-1);
}

static long do_reset(void)
{
	return call(ioctl(chain.device, VFIO_DEVICE_RESET));
}

static long do_infos(void)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info region = { .argsz = sizeof(region) };
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };
	struct {
		struct vfio_iommu_type1_info info;
		char caps[512];
	} iommu = { .info.argsz = sizeof(iommu) };
	long ret = call(ioctl(chain.device, VFIO_DEVICE_GET_INFO, &device));

	if (!ret)
		ret = call(ioctl(chain.device, VFIO_DEVICE_GET_REGION_INFO,
				 &region));
	if (!ret)
		ret = call(ioctl(chain.device, VFIO_DEVICE_GET_IRQ_INFO, &irq));
	if (!ret)
		ret = call(ioctl(chain.container, VFIO_IOMMU_GET_INFO, &iommu));
	return ret;
}

static const struct step {
	const char *name;
	long (*act)(void);
	long (*undo)(void); /* NULL: there is nothing to undo */
	bool brief; /* undone before the next: it would be in its way */
	bool lasts; /* undone without faults */
	unsigned int irq; /* 1 + the index that the device must have for it */
} steps[] = {
	{ "open_container", do_container, undo_container },
	{ "open_group", do_group, undo_group },
	{ "SET_CONTAINER", do_set_container, undo_set_container,
	  .lasts = true },
	{ "SET_IOMMU", do_set_iommu, undo_set_iommu, .lasts = true },
	{ "GET_DEVICE_FD", do_device, undo_device },
	{ "GET_INFO", do_infos, NULL },
	{ "MAP_DMA_page", do_map_page, undo_map_page },
	{ "MAP_DMA_many", do_map_many, undo_map_many },
	{ "SET_IRQS_REQ", do_request, undo_request },
	{ "access", do_access, NULL },
	{ "mmap", do_mmap, undo_mmap },
	{ "IOEVENTFD", do_ioeventfd, undo_ioeventfd },
	{ "SET_IRQS_MSI", do_messages, undo_messages, .brief = true,
	  .irq = 1 + VFIO_PCI_MSI_IRQ_INDEX },
	{ "SET_IRQS_INTx", do_intx, undo_intx,
	  .irq = 1 + VFIO_PCI_INTX_IRQ_INDEX },
	{ "SET_IRQS_UNMASK", do_unmask, undo_unmask,
	  .irq = 1 + VFIO_PCI_INTX_IRQ_INDEX },
	{ "RESET", do_reset, NULL },
};

#define NR_STEPS (sizeof(steps) / sizeof(*steps))

/* ---- sweeping ---- */

static void must(const struct step *step, const char *what, long ret)
{
	if (ret < 0)
		errx(1, "%s: %s: %s", step->name, what, strerrorname_np(-ret));
}

/* How many places in it can fail. Afterwards it is done. */
static unsigned int sweep_act(const struct step *step)
{
	unsigned int nth;
	long ret;

	for (nth = 1;; nth++) {
		arm(nth);
		ret = step->act();
		if (!disarm())
			break;
		if (ret < 0 && !is_fault(ret))
			errx(1, "%s: fault %u: %s", step->name, nth,
			     strerrorname_np(-ret));
		/* Some do without what they could not have. */
		if (ret >= 0 && step->undo)
			must(step, "undo", step->undo());
		must(step, "again, after a fault", step->act());
		if (step->undo)
			must(step, "undo after a fault", step->undo());
	}
	must(step, "without a fault", ret);
	return nth - 1;
}

/* Afterwards it is undone. */
static unsigned int sweep_undo(const struct step *step)
{
	unsigned int nth;
	long ret;

	for (nth = 1;; nth++) {
		arm(nth);
		ret = step->undo();
		if (!disarm())
			break;
		if (ret < 0 && !is_fault(ret))
			errx(1, "undo of %s: fault %u: %s", step->name, nth,
			     strerrorname_np(-ret));
		/* Its argument could not be read: it is still to be undone. */
		if (ret < 0)
			must(step, "undo again", step->undo());
		must(step, "once more", step->act());
	}
	must(step, "undo without a fault", ret);
	return nth - 1;
}

static unsigned int total;

static bool has_irq(unsigned int index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return !ioctl(chain.device, VFIO_DEVICE_GET_IRQ_INFO, &info) &&
	       info.count;
}

static bool can_reset(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return !ioctl(chain.device, VFIO_DEVICE_GET_INFO, &info) &&
	       info.flags & VFIO_DEVICE_FLAGS_RESET;
}

/* The device has what the step is about. */
static bool is_there(const struct step *step)
{
	if (step->act == do_reset)
		return can_reset();
	return !step->irq || has_irq(step->irq - 1);
}

static bool has_pin(void)
{
	char path[128], pin = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config",
		 uapi.device_name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &pin, 1, 0x3d) != 1)
		err(1, "%s", path);
	close(fd);
	return pin;
}

static bool is_spared(const struct step *step)
{
	return step->act == do_messages ||
	       (step->act == do_device && has_pin());
}

static void act(const struct step *step)
{
	unsigned int faults = 0;

	if (is_spared(step))
		must(step, "without faults", step->act());
	else
		faults = sweep_act(step);
	printf("ok %s: %u faults\n", step->name, faults);
	fflush(stdout);
	total += faults;
}

static void undo(const struct step *step)
{
	unsigned int faults = 0;

	if (step->lasts || is_spared(step))
		must(step, "undo without faults", step->undo());
	else
		faults = sweep_undo(step);
	printf("ok undo of %s: %u faults\n", step->name, faults);
	fflush(stdout);
	total += faults;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 3)
		errx(2, "usage: faults GROUP BDF");
	uapi.group_path = argv[1];
	uapi.device_name = argv[2];
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		err(1, "no faults in this kernel: fail-nth");
	memory = page_alloc(SIZE);
	for (i = 0; i < 2; i++)
		eventfds[i] = eventfd(0, EFD_CLOEXEC);

	for (i = 0; i < NR_STEPS; i++) {
		if (!is_there(&steps[i]))
			continue;
		act(&steps[i]);
		if (steps[i].brief)
			undo(&steps[i]);
	}
	while (i--)
		if (steps[i].undo && !steps[i].brief && is_there(&steps[i]))
			undo(&steps[i]);
	printf("%u faults\n", total);
	return total ? 0 : 1;
}
