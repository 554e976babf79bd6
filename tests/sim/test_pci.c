/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The PCI bus driver: interrupts, config space, BARs and resets at once. */
#include "function.h"

#define NR_EVENTS 3

static struct function *function;
static int container, group, device;
static int events[NR_EVENTS], unmask, request;
static bool removed;

static long set_irqs(u32 index, u32 flags, u32 start, u32 count, const int *fds)
{
	u8 buf[sizeof(struct vfio_irq_set) + sizeof(events)]
		__attribute__((aligned(8)));
	struct vfio_irq_set *set = (void *)buf;

	set->argsz = sizeof(*set) + (fds ? count * sizeof(*fds) : 0);
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, count * sizeof(*fds));
	return sim_ioctl(device, VFIO_DEVICE_SET_IRQS, set);
}

static long trigger(u32 index, u32 start, u32 count, const int *fds)
{
	return set_irqs(index,
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			start, count, fds);
}

static long no_data(u32 index, u32 action, u32 count)
{
	return set_irqs(index, VFIO_IRQ_SET_DATA_NONE | action, 0, count, NULL);
}

static void prepare(void)
{
	unsigned int i;

	function = function_add("0000:01:00.0", 7);
	open_user(7, "0000:01:00.0", &container, &group, &device);
	for (i = 0; i < NR_EVENTS; i++)
		events[i] = sim_eventfd();
	unmask = sim_eventfd();
	request = sim_eventfd();
	removed = false;
}

static void close_events(void)
{
	unsigned int i;

	for (i = 0; i < NR_EVENTS; i++)
		close_if_open(&events[i]);
	close_if_open(&unmask);
	close_if_open(&request);
}

static void finish(void)
{
	close_if_open(&device);
	check(removed || !function_is_open(function));
	close_if_open(&group);
	close_if_open(&container);
	close_events();
	if (!removed)
		function_remove(function);
}

/* ---- what users do ---- */

static void use_msix(void)
{
	unsigned int start = sim_random(NR_EVENTS);

	trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 + sim_random(NR_EVENTS), events);
	sim_yield();
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, start, NR_EVENTS - start, events);
	no_data(VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, 1);
	sim_yield();
	no_data(VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}

static void use_intx(void)
{
	trigger(VFIO_PCI_INTX_IRQ_INDEX, 0, 1, events);
	set_irqs(VFIO_PCI_INTX_IRQ_INDEX,
		 VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, 0, 1,
		 &unmask);
	sim_eventfd_write(unmask);
	no_data(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK, 1);
	sim_yield();
	no_data(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, 1);
	sim_eventfd_write(unmask);
	no_data(VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}

/* The device alone holds what it signals; a bad descriptor undoes the list. */
static void use_closed_events(void)
{
	int fds[2] = { sim_eventfd(), 60 };

	if (fds[0] < 0)
		return;
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fds);
	check(trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, fds) < 0);
	close_if_open(&fds[0]);
	sim_yield();
	trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, events);
	no_data(VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER, 0);
}

static void use_irqs(void *arg)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		switch (sim_random(3)) {
		case 0:
			use_msix();
			break;
		case 1:
			use_intx();
			break;
		case 2:
			use_closed_events();
			break;
		}
	}
}

static loff_t at(u32 index, u64 off)
{
	return VFIO_PCI_INDEX_TO_OFFSET(index) + off;
}

/* COMMAND with memory decode and the interrupt pin on and off; D0 and D3. */
static void use_config(void *arg)
{
	unsigned int i;
	u16 command;
	u32 power;

	for (i = 0; i < 5; i++) {
		command = sim_random(2) * 2 + sim_random(2) * 0x400;
		sim_pwrite(device, &command, 2,
			   at(VFIO_PCI_CONFIG_REGION_INDEX, 4));
		power = sim_random(3) ? 0 : 3;
		sim_pwrite(device, &power, 2,
			   at(VFIO_PCI_CONFIG_REGION_INDEX, 0x64));
		sim_pread(device, &power, 4,
			  at(VFIO_PCI_CONFIG_REGION_INDEX, 0));
	}
}

static void use_bar(void *arg)
{
	struct port_vma *vma;
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < 6; i++) {
		sim_pread(device, &val, 8, at(0, 0x100));
		sim_pwrite(device, &val, 4, at(0, 0x104));
		vma = sim_mmap(device, at(0, 0), PAGE_SIZE,
			       PORT_VMA_READ | PORT_VMA_WRITE |
				       PORT_VMA_SHARED);
		if (!IS_ERR(vma))
			sim_munmap(vma);
	}
}

static void reset(void *arg)
{
	unsigned int i;
	long ret;

	for (i = 0; i < 3; i++) {
		ret = sim_ioctl(device, VFIO_DEVICE_RESET, NULL);
		/* Closed meanwhile, and perhaps something else by now. */
		check(!ret || ret == -EBADF || ret == -ENOTTY ||
		      !nothing_fails());
		sim_yield();
	}
}

static void fire(void *arg)
{
	unsigned int i;

	for (i = 0; i < 12; i++) {
		function_fire(function, sim_random(FUNCTION_VECTORS));
		if (!sim_random(4))
			function_fail(function);
	}
}

/* ---- closed in the middle of it ---- */

static void close_device(void *arg)
{
	sim_sleep_ms(sim_random(3));
	close_if_open(&device);
}

/* ---- the proof of a hot reset, closed while it is looked at ---- */

static void hot_reset(void *arg)
{
	u8 buf[sizeof(struct vfio_pci_hot_reset) + sizeof(s32)]
		__attribute__((aligned(8)));
	struct vfio_pci_hot_reset *req = (void *)buf;
	long ret;

	do {
		memset(buf, 0, sizeof(buf));
		req->argsz = sizeof(buf);
		req->count = 1;
		req->group_fds[0] = group;
		ret = sim_ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, req);
		check(!ret || ret == -EBADF || !nothing_fails());
	} while (!ret);
}

static void close_group(void *arg)
{
	close_if_open(&group);
}

/* ---- taken back: the user is told through REQ, and lets go (B3) ---- */

static void give_back_when_asked(void *arg)
{
	long ret = trigger(VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &request);

	check(!ret || !nothing_fails());
	while (!ret && !sim_eventfd_read(request))
		sim_sleep_ms(1000);
	close_if_open(&device);
}

static void take_back(void *arg)
{
	function_remove(function);
	removed = true;
}

/* clang-format off */
const struct scenario pci_scenarios[] = {
	{ "pci_calls_overlap_as_the_hardware_was_promised",
	  prepare,
	  TASKS(use_irqs, use_config, reset, fire),
	  finish, 600, 4, 0 },
	{ "pci_triggers_are_not_used_once_they_are_put",
	  prepare,
	  TASKS(use_irqs, use_irqs, fire),
	  finish, 600, 4, 0 },
	{ "D4_bar_is_reached_only_while_it_decodes",
	  prepare,
	  TASKS(use_bar, use_bar, use_config, reset),
	  finish, 800, 4, 14 },
	{ "D2_close_waits_for_calls_of_every_kind",
	  prepare,
	  TASKS(use_irqs, use_bar, use_config, reset, fire, close_device),
	  finish, 800, 3, 0 },
	{ "X1_hot_reset_holds_its_proof_while_another_closes_it",
	  prepare,
	  TASKS(hot_reset, close_group),
	  finish, 400, 4, 0 },
	{ "B3_request_interrupt_gets_the_device_back",
	  prepare,
	  TASKS(use_irqs, give_back_when_asked, take_back),
	  finish, 600, 6, 0 },
	{ 0 },
};
/* clang-format on */
