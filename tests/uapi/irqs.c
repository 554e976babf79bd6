// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Interrupts: VFIO_DEVICE_GET_IRQ_INFO and VFIO_DEVICE_SET_IRQS (B6). */
#include "uapi.h"

#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENT VFIO_IRQ_SET_DATA_EVENTFD

static int device;

static long info(uint32_t index, struct vfio_irq_info *irq)
{
	irq->argsz = sizeof(*irq);
	irq->index = index;
	return call(ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, irq));
}

static long set(uint32_t index, uint32_t flags, uint32_t start, uint32_t count,
		const void *data, size_t size)
{
	char buf[256] = { 0 };
	struct vfio_irq_set *irq = (void *)buf;

	irq->argsz = sizeof(*irq) + size;
	irq->flags = flags;
	irq->index = index;
	irq->start = start;
	irq->count = count;
	if (size)
		memcpy(irq->data, data, size);
	return call(ioctl(device, VFIO_DEVICE_SET_IRQS, irq));
}

static uint64_t events(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_info(void)
{
	struct vfio_irq_info irq = { .argsz = 4 };

	check("B6_info_short_argsz_is_einval",
	      call(ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &irq)), -EINVAL);
	check("B6_info_beyond_is_einval", info(VFIO_PCI_NUM_IRQS, &irq),
	      -EINVAL);
	check("B6_info_req", info(VFIO_PCI_REQ_IRQ_INDEX, &irq), 0);
	check("B6_info_req_count", irq.count, 1);
	check("B6_info_intx", info(VFIO_PCI_INTX_IRQ_INDEX, &irq), 0);
	check("B6_info_msi", info(VFIO_PCI_MSI_IRQ_INDEX, &irq), 0);
	check("B6_info_msix", info(VFIO_PCI_MSIX_IRQ_INDEX, &irq), 0);
}

static void test_arguments(void)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK), bad = 999;
	const uint32_t req = VFIO_PCI_REQ_IRQ_INDEX;

	check("B6_bad_pointer_is_efault",
	      call(ioctl(device, VFIO_DEVICE_SET_IRQS, BAD_PTR)), -EFAULT);
	check("B6_index_beyond_is_einval",
	      set(VFIO_PCI_NUM_IRQS, NONE | TRIGGER, 0, 1, NULL, 0), -EINVAL);
	check("B6_no_data_type_is_einval", set(req, TRIGGER, 0, 1, NULL, 0),
	      -EINVAL);
	check("B6_two_data_types_is_einval",
	      set(req, NONE | EVENT | TRIGGER, 0, 1, &fd, 4), -EINVAL);
	check("B6_unknown_flag_is_einval",
	      set(req, NONE | TRIGGER | 1u << 20, 0, 1, NULL, 0), -EINVAL);
	check("B6_count_beyond_is_einval",
	      set(req, EVENT | TRIGGER, 0, 2, &fd, 4), -EINVAL);
	check("B6_start_beyond_is_einval",
	      set(req, EVENT | TRIGGER, 1, 1, &fd, 4), -EINVAL);
	check("B6_start_overflow_is_einval",
	      set(req, EVENT | TRIGGER, 0xffffffff, 2, &fd, 4), -EINVAL);
	check("B6_no_room_for_data_is_einval",
	      set(req, EVENT | TRIGGER, 0, 1, NULL, 0), -EINVAL);
	check("B6_bad_fd_is_ebadf", set(req, EVENT | TRIGGER, 0, 1, &bad, 4),
	      -EBADF);
	check("B6_container_fd_is_einval",
	      set(req, EVENT | TRIGGER, 0, 1, &device, 4), -EINVAL);
	close(fd);
}

static void test_request(void)
{
	int32_t fd = eventfd(0, EFD_NONBLOCK), none = -1;
	const uint32_t req = VFIO_PCI_REQ_IRQ_INDEX;

	check("B3_req_set", set(req, EVENT | TRIGGER, 0, 1, &fd, 4), 0);
	check("B3_req_loopback", set(req, NONE | TRIGGER, 0, 1, NULL, 0), 0);
	check("B3_req_was_signalled", events(fd), 1);
	check("B3_req_cleared", set(req, EVENT | TRIGGER, 0, 1, &none, 4), 0);
	close(fd);
}

static void test_msi(uint32_t index, const char *kind)
{
	struct vfio_irq_info irq;
	int32_t fd = eventfd(0, EFD_NONBLOCK), none = -1;
	char name[64];

	info(index, &irq);
	if (!irq.count)
		return;
	snprintf(name, sizeof(name), "B6_%s_enable", kind);
	check(name, set(index, EVENT | TRIGGER, 0, 1, &fd, 4), 0);
	snprintf(name, sizeof(name), "B6_%s_loopback", kind);
	check(name, set(index, NONE | TRIGGER, 0, 1, NULL, 0), 0);
	snprintf(name, sizeof(name), "B6_%s_was_signalled", kind);
	check(name, events(fd), 1);
	snprintf(name, sizeof(name), "B6_%s_loopback_bool", kind);
	check(name, set(index, BOOL | TRIGGER, 0, 1, "\1", 1), 0);
	snprintf(name, sizeof(name), "B6_%s_bool_signalled", kind);
	check(name, events(fd), 1);
	snprintf(name, sizeof(name), "B6_%s_mask_is_enotty", kind);
	check(name, set(index, NONE | VFIO_IRQ_SET_ACTION_MASK, 0, 1, NULL, 0),
	      -ENOTTY);
	snprintf(name, sizeof(name), "B6_%s_intx_meanwhile_is_einval", kind);
	check(name, set(VFIO_PCI_INTX_IRQ_INDEX, EVENT | TRIGGER, 0, 1, &fd, 4),
	      -EINVAL);
	snprintf(name, sizeof(name), "B6_%s_fd_minus_1", kind);
	check(name, set(index, EVENT | TRIGGER, 0, 1, &none, 4), 0);
	snprintf(name, sizeof(name), "B6_%s_disable", kind);
	check(name, set(index, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	close(fd);
}

void test_irqs(void)
{
	struct chain c = open_device();

	device = c.device;
	test_info();
	test_arguments();
	test_request();
	test_msi(VFIO_PCI_MSI_IRQ_INDEX, "msi");
	test_msi(VFIO_PCI_MSIX_IRQ_INDEX, "msix");
	close_chain(&c);
}
