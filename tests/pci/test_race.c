/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Many threads of a program at once: the function checks that its operations do
 * not overlap, a sanitizer that nothing is used after it went. */
#include "harness.h"

#define NR_CALLS 300

static struct fake *fake;
static struct user user;
static int fds[2];

static void set(u32 index, u32 flags, u32 count, const int *data)
{
	set_irqs(&user, index, flags, 0, count, data, data ? count * 4 : 0);
}

static void *change_interrupts(void *data)
{
	const u32 eventfd = VFIO_IRQ_SET_DATA_EVENTFD;
	const u32 trigger = VFIO_IRQ_SET_ACTION_TRIGGER;
	u32 index = (uintptr_t)data;
	u32 i;

	for (i = 0; i < NR_CALLS; i++) {
		set(index, eventfd | trigger, 1, fds);
		set(0, eventfd | VFIO_IRQ_SET_ACTION_UNMASK, 1, fds + 1);
		set(0, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 1,
		    NULL);
		set(VFIO_PCI_ERR_IRQ_INDEX, eventfd | trigger, 1, fds);
		set(index, VFIO_IRQ_SET_DATA_NONE | trigger, 0, NULL);
	}
	return NULL;
}

static void *change_configuration(void *data)
{
	u32 i, val;

	for (i = 0; i < NR_CALLS; i++) {
		val = i % 2 ? 0x0402 : 0x0000;
		host_fd_pwrite(user.device, &val, 2, CONFIG + 4);
		val = i % 3 ? 0 : 3;
		host_fd_pwrite(user.device, &val, 1, CONFIG + PM + 4);
		if (i % 8 == 0)
			do_ioctl(&user, VFIO_DEVICE_RESET, NULL);
		host_fd_pread(user.device, &val, 4, CONFIG + MSIX);
	}
	return NULL;
}

static void *use_the_bar(void *data)
{
	u8 bytes[24] = { 0 };
	u32 i;
	void *bar;

	for (i = 0; i < NR_CALLS; i++) {
		host_fd_pread(user.device, bytes, 24, REGION(0) + 4);
		host_fd_pwrite(user.device, bytes, 24, REGION(4) + 12);
		bar = host_fd_mmap(NULL, 0x1000, PROT_READ, MAP_SHARED,
				   user.device, REGION(0));
		if (!IS_ERR(bar))
			host_vma_unmap(bar, 0x1000);
	}
	return NULL;
}

static void *be_hardware(void *data)
{
	u32 i;

	for (i = 0; i < NR_CALLS; i++) {
		fake_line(fake, i % 2);
		fake_fire(fake, 0);
		vfio_pci_error(fake->vdev);
		eventfd_write(fds[1], 1);
	}
	return NULL;
}

static void calls_at_once_keep_the_contract(void **state)
{
	void *(*const fns[])(void *data) = { change_interrupts,
					     change_interrupts,
					     change_configuration, use_the_bar,
					     be_hardware };
	const uintptr_t data[] = { VFIO_PCI_INTX_IRQ_INDEX,
				   VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, 0 };
	pthread_t threads[ARRAY_SIZE(fns)];
	char log[sizeof(fake->log)];
	u32 i;

	fake = fake_create("0000:01:00.0", 7);
	fake->silent = true;
	fake_bind(fake);
	user_open(&user, fake);
	fds[0] = new_eventfd();
	fds[1] = new_eventfd();
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fns[i],
						(void *)data[i]),
				 0);
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		pthread_join(threads[i], NULL);
	fake_take_log(fake, log);
	user_close(&user);
	fake_destroy(fake);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_at_once_keep_the_contract),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
