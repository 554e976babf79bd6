/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Each pair of a PCI device's calls at once, with each kind of interrupt in use:
 * the seed says which.  What must hold is in the models: what may overlap
 * what, and that no eventfd is used once it was put.
 */
#include "function.h"

#define NR_EVENTS 3

static struct function *function;
static int container, group, device, other;
static int events[NR_EVENTS], watched;
static unsigned int turn, at_work;

static loff_t at(u32 index, u64 off)
{
	return VFIO_PCI_INDEX_TO_OFFSET(index) + off;
}

/* ---- interrupts ---- */

static void set_irqs(u32 index, u32 flags, u32 count, const int *fds)
{
	u8 buf[sizeof(struct vfio_irq_set) + sizeof(events)]
		__attribute__((aligned(8)));
	struct vfio_irq_set *set = (void *)buf;
	size_t size = fds ? count * sizeof(*fds) : 0;

	set->argsz = sizeof(*set) + size;
	set->flags = flags |
		     (fds ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = index;
	set->start = 0;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, size);
	sim_ioctl(device, VFIO_DEVICE_SET_IRQS, set);
}

static void trigger(u32 index, u32 count, const int *fds)
{
	set_irqs(index, VFIO_IRQ_SET_ACTION_TRIGGER, count, fds);
}

static void use_intx(void)
{
	trigger(VFIO_PCI_INTX_IRQ_INDEX, 1, events);
}

static void use_msi(void)
{
	trigger(VFIO_PCI_MSI_IRQ_INDEX, 2, events);
}

static void use_msix(void)
{
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, 2, events);
}

static void use_more_msix(void)
{
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, NR_EVENTS, events);
}

static void end_irqs(void)
{
	trigger(VFIO_PCI_INTX_IRQ_INDEX, 0, NULL);
	trigger(VFIO_PCI_MSI_IRQ_INDEX, 0, NULL);
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0, NULL);
}

static void loop_back(void)
{
	trigger(VFIO_PCI_INTX_IRQ_INDEX, 1, NULL);
	trigger(VFIO_PCI_MSI_IRQ_INDEX, 2, NULL);
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, NR_EVENTS, NULL);
}

static void mask_and_unmask(void)
{
	set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK, 1, NULL);
	set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, 1, NULL);
}

static void watch_unmask(void)
{
	set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, 1,
		 &watched);
	sim_eventfd_write(watched);
}

static void watch_no_unmask(void)
{
	set_irqs(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, 1,
		 &(int){ -1 });
}

static void listen_to_req(void)
{
	trigger(VFIO_PCI_REQ_IRQ_INDEX, 1, events);
	trigger(VFIO_PCI_REQ_IRQ_INDEX, 1, NULL);
	trigger(VFIO_PCI_REQ_IRQ_INDEX, 0, NULL);
}

static void fire(void)
{
	function_fire(function, 0);
	function_fire(function, FUNCTION_VECTORS - 1);
}

static void report_error(void)
{
	function_fail(function);
}

/* ---- config space and BARs ---- */

static void read_config(void)
{
	u8 buf[64];

	sim_pread(device, buf, sizeof(buf),
		  at(VFIO_PCI_CONFIG_REGION_INDEX, 0));
}

static void write_command(u16 first, u16 second)
{
	sim_pwrite(device, &first, 2, at(VFIO_PCI_CONFIG_REGION_INDEX, 4));
	sim_pwrite(device, &second, 2, at(VFIO_PCI_CONFIG_REGION_INDEX, 4));
}

static void switch_memory(void)
{
	write_command(0, 2);
}

static void switch_intx(void)
{
	write_command(0x402, 2);
}

static void sleep_and_wake(void)
{
	u16 asleep = 3, awake = 0;

	sim_pwrite(device, &asleep, 2, at(VFIO_PCI_CONFIG_REGION_INDEX, 0x64));
	sim_pwrite(device, &awake, 2, at(VFIO_PCI_CONFIG_REGION_INDEX, 0x64));
}

static void use_bar(void)
{
	u64 val = 0;

	sim_pread(device, &val, 8, at(0, 0x100));
	sim_pwrite(device, &val, 4, at(0, 0x104));
}

static void read_rom(void)
{
	u64 val;

	sim_pread(device, &val, 4, at(VFIO_PCI_ROM_REGION_INDEX, 0));
}

static void mmap_bar(void)
{
	struct port_vma *vma = sim_mmap(device, at(0, 0), PAGE_SIZE,
					PORT_VMA_READ | PORT_VMA_SHARED);

	if (!IS_ERR(vma))
		sim_munmap(vma);
}

static void set_ioeventfd(int fd)
{
	struct vfio_device_ioeventfd req = {
		.argsz = sizeof(req),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = at(0, 0x108),
		.data = 7,
		.fd = fd,
	};

	sim_ioctl(device, VFIO_DEVICE_IOEVENTFD, &req);
}

static void ioeventfd(void)
{
	set_ioeventfd(watched);
	sim_eventfd_write(watched);
}

static void no_ioeventfd(void)
{
	set_ioeventfd(-1);
}

/* ---- the device as a whole ---- */

static void reset(void)
{
	sim_ioctl(device, VFIO_DEVICE_RESET, NULL);
}

static void hot_reset(void)
{
	u8 buf[64] __attribute__((aligned(8)));
	struct vfio_pci_hot_reset_info *info = (void *)buf;
	struct vfio_pci_hot_reset *req = (void *)buf;

	memset(buf, 0, sizeof(buf));
	info->argsz = sizeof(buf);
	sim_ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
	memset(buf, 0, sizeof(buf));
	req->argsz = sizeof(buf);
	req->count = 1;
	req->group_fds[0] = group;
	sim_ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, req);
}

static void ask(void)
{
	u8 buf[256] __attribute__((aligned(8))) = { 0 };
	struct vfio_region_info *region = (void *)buf;
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };

	region->argsz = sizeof(buf);
	sim_ioctl(device, VFIO_DEVICE_GET_REGION_INFO, region);
	sim_ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &irq);
}

static void close_it(void)
{
	close_if_open(&device);
}

static void open_again(void)
{
	int fd = get_device_fd(group, "0000:01:00.0");

	if (fd > 0 && other <= 0)
		other = fd;
	else
		close_if_open(&fd);
}

static void close_group(void)
{
	close_if_open(&group);
}

static void unbind(void)
{
	struct function *was = function;

	/* Nothing of the hardware happens any more. */
	function = NULL;
	if (was)
		function_remove(was);
}

static void (*const calls[])(void) = {
	use_intx,
	use_msi,
	use_msix,
	use_more_msix,
	end_irqs,
	loop_back,
	mask_and_unmask,
	watch_unmask,
	watch_no_unmask,
	listen_to_req,
	read_config,
	switch_memory,
	switch_intx,
	sleep_and_wake,
	use_bar,
	read_rom,
	mmap_bar,
	ioeventfd,
	no_ioeventfd,
	reset,
	hot_reset,
	ask,
	close_it,
	open_again,
	close_group,
	unbind,
	fire,
	report_error,
};

#define NR_CALLS ARRAY_SIZE(calls)
#define NR_STATES 4
#define NR_TURNS (NR_CALLS * NR_CALLS * NR_STATES)

/* ---- the scenario ---- */

static bool is_hardware(unsigned int nr)
{
	return calls[nr] == fire || calls[nr] == report_error;
}

static unsigned int first_call(void)
{
	return turn / NR_STATES % NR_CALLS;
}

static unsigned int second_call(void)
{
	return turn / NR_STATES / NR_CALLS;
}

static void prepare(void)
{
	unsigned int i;

	turn = sim_seed() % NR_TURNS;
	function = function_add("0000:01:00.0", 7);
	open_user(7, "0000:01:00.0", &container, &group, &device);
	other = -1;
	for (i = 0; i < NR_EVENTS; i++)
		events[i] = sim_eventfd();
	watched = sim_eventfd();
	switch (turn % NR_STATES) {
	case 1:
		use_intx();
		watch_unmask();
		break;
	case 2:
		use_msi();
		break;
	case 3:
		use_msix();
		ioeventfd();
		break;
	}
	at_work = 2;
}

static void first(void *arg)
{
	/* It needs the hardware to be there until it is done. */
	if (!is_hardware(first_call()) || calls[second_call()] != unbind)
		calls[first_call()]();
	at_work--;
}

static void second(void *arg)
{
	if (!is_hardware(second_call()) || calls[first_call()] != unbind)
		calls[second_call()]();
	at_work--;
}

/* Whoever wants the device back gets it. */
static void give_back(void *arg)
{
	while (at_work) {
		sim_sleep_ms(5000);
		if (function)
			continue;
		close_if_open(&device);
		close_if_open(&other);
	}
}

static void finish(void)
{
	unsigned int i;

	close_if_open(&device);
	close_if_open(&other);
	check(!function || !function_is_open(function));
	close_if_open(&group);
	close_if_open(&container);
	for (i = 0; i < NR_EVENTS; i++)
		close_if_open(&events[i]);
	close_if_open(&watched);
	if (function)
		function_remove(function);
}

/* clang-format off */
const struct scenario pci_pair_scenarios[] = {
	{ "D1_any_two_calls_at_once_overlap_as_the_hardware_was_promised",
	  prepare,
	  TASKS(first, second, give_back),
	  finish, NR_TURNS * 2, NR_TURNS / 2, 0 },
	{ 0 },
};
/* clang-format on */
