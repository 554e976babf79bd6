/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Drivers of a function, and what befalls it from outside. */
#include "harness.h"

#include <fcntl.h>

#define ERR 3
#define REQ 4

static int setup(void **state)
{
	machine_start(PROBE);
	return 0;
}

static int teardown(void **state)
{
	machine_stop();
	return 0;
}

static int happen(enum host_event event, const char *driver)
{
	return host_event(event, DEVICE_NAME, driver);
}

/* ---- drivers ---- */

static void B3_unbound_function_cannot_be_opened_until_it_is_bound(void **state)
{
	struct client c;

	assert_int_equal(happen(HOST_UNBIND, ""), 0);
	assert_int_equal(host_node_open("1", O_RDWR), -ENOENT);
	/* Nothing to do is no error. */
	assert_int_equal(happen(HOST_UNBIND, ""), 0);
	assert_int_equal(happen(HOST_BIND, "snd_hda_intel"), 0);
	assert_int_equal(host_node_open("1", O_RDWR), -ENOENT);
	assert_int_equal(happen(HOST_BIND, "vfio-pci"), -EBUSY);
	assert_int_equal(happen(HOST_UNBIND, ""), 0);
	assert_int_equal(happen(HOST_BIND, "vfio-pci"), 0);
	client_open(&c);
	client_close(&c);
}

static void binding_is_checked(void **state)
{
	assert_int_equal(happen(HOST_BIND, "vfio-pci"), -EBUSY);
	assert_int_equal(happen(HOST_UNBIND, ""), 0);
	assert_int_equal(happen(HOST_BIND, ""), -EINVAL);
	assert_int_equal(happen(HOST_BIND, "none"), -EINVAL);
	assert_int_equal(happen(HOST_BIND, "a/b"), -EINVAL);
	assert_int_equal(host_event(HOST_BIND, "0000:09:00.0", "vfio-pci"),
			 -ENODEV);
}

/* ---- removal ---- */

static void *remove_thread(void *data)
{
	return (void *)(intptr_t)happen(HOST_REMOVE, "");
}

static void B3_removal_asks_and_waits_for_the_last_close(void **state)
{
	int event = event_new();
	pthread_t thread;
	struct client c;
	void *ret;

	client_open(&c);
	assert_int_equal(irq_triggers(&c, REQ, 0, 1, &event), 0);
	assert_int_equal(pthread_create(&thread, NULL, remove_thread, NULL), 0);
	event_wait(event);
	assert_int_equal(probe.destroys, 0);
	assert_int_equal(pthread_tryjoin_np(thread, &ret), EBUSY);
	client_close(&c);
	pthread_join(thread, &ret);
	assert_null(ret);
	assert_int_equal(probe.stops, 1);
	assert_int_equal(probe.destroys, 1);
	assert_int_equal(happen(HOST_REMOVE, ""), -ENODEV);
	assert_int_equal(happen(HOST_SURPRISE, ""), -ENODEV);
	close(event);
}

static void added_function_is_a_new_one(void **state)
{
	struct client c;

	assert_int_equal(happen(HOST_ADD, ""), -EEXIST);
	client_open(&c);
	region_write(&c, 0, 0, 4, 1);
	assert_int_equal(happen(HOST_SURPRISE, ""), 0);
	client_close(&c);
	assert_int_equal(happen(HOST_REMOVE, ""), 0);
	assert_int_equal(probe.destroys, 1);
	assert_int_equal(happen(HOST_REMOVE, ""), -ENODEV);
	assert_int_equal(host_node_open("1", O_RDWR), -ENOENT);

	assert_int_equal(happen(HOST_ADD, ""), 0);
	assert_int_equal(happen(HOST_ADD, ""), -EEXIST);
	client_open(&c);
	assert_int_equal(probe.starts, 2);
	assert_int_not_equal(config_read(&c, 0x08, 4), 0xffffffff);
	client_close(&c);
	assert_int_equal(host_event(HOST_ADD, "0000:09:00.0", ""), -ENODEV);
}

/* ---- pulled out ---- */

static void pulled_out_function_reads_ones_and_reaches_nothing(void **state)
{
	uint8_t *mem = memory_new(4096), buf[4];
	volatile uint32_t *plain;
	unsigned int nr;
	struct client c;

	client_open(&c);
	set_bus_master(&c, true);
	assert_int_equal(dma_map(&c, mem, 0x10000, 4096, 3), 0);
	plain = bar_map(&c, 0, PROBE_PLAIN, 0x1000, PROT_READ | PROT_WRITE);
	plain[0] = 0x1234;
	assert_int_equal(happen(HOST_SURPRISE, ""), 0);
	nr = probe.nr;
	assert_int_equal(plain[0], 0xffffffff);
	plain[0] = 0;
	assert_int_equal(region_read(&c, 0, 0, 4), 0xffffffff);
	assert_int_equal(region_read(&c, 3, 0, 4), 0xffffffff);
	region_write(&c, 0, 0, 4, 1);
	assert_int_equal(probe.nr, nr);
	set_bus_master(&c, true);
	assert_int_equal(anyvfio_dma_write(probe.dev, 0x10000, "abcd", 4),
			 -EACCES);
	assert_int_equal(anyvfio_dma_read(probe.dev, 0x10000, buf, 4), -EACCES);
	assert_int_equal(mem[0], 0);
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0),
			 -ENODEV);
	bar_unmap((void *)plain, 0x1000);
	client_close(&c);
	assert_int_equal(happen(HOST_REMOVE, ""), 0);
	memory_free(mem, 4096);
}

/* Linux answers the virtual bits by itself and asks the function for the rest,
 * which then is ones: drivers find out by any but the first. */
static void
D1_config_of_a_pulled_out_function_is_ones_but_where_virtual(void **state)
{
	static const struct {
		unsigned int off, size;
		uint32_t virt;
	} virtual[] = {
		{ 0x00, 4, 0xffffffff }, /* vendor, device */
		{ 0x04, 2, 0x0400 }, /* INTx disable */
		{ 0x06, 2, 0x0010 }, /* there are capabilities */
		{ 0x08, 4, 0 }, /* class, revision */
		{ 0x0c, 4, 0 },
		{ 0x10, 4, 0xffffffff }, /* BARs */
		{ 0x14, 4, 0xffffffff },
		{ 0x24, 4, 0xffffffff },
		{ 0x28, 4, 0 },
		{ 0x2c, 4, 0 }, /* subsystem */
		{ 0x30, 4, 0xffffffff }, /* ROM */
		{ 0x34, 1, 0xff }, /* capabilities */
		{ 0x38, 4, 0 },
		{ 0x3c, 2, 0xffff }, /* interrupt line, pin */
		{ 0x3e, 2, 0 },
	};
	uint32_t before[ARRAY_SIZE(virtual)], want;
	struct client c;
	unsigned int i;

	client_open(&c);
	for (i = 0; i < ARRAY_SIZE(virtual); i++)
		before[i] = config_read(&c, virtual[i].off, virtual[i].size);
	assert_int_equal(happen(HOST_SURPRISE, ""), 0);
	for (i = 0; i < ARRAY_SIZE(virtual); i++) {
		want = (before[i] & virtual[i].virt) | ~virtual[i].virt;
		if (virtual[i].size < 4)
			want &= (1u << virtual[i].size * 8) - 1;
		assert_int_equal(
			config_read(&c, virtual[i].off, virtual[i].size), want);
	}
	client_close(&c);
}

static void pulled_out_function_is_silent(void **state)
{
	int event = event_new(), pin = event_new();
	struct client c;

	client_open(&c);
	set_bus_master(&c, true);
	assert_int_equal(irq_triggers(&c, 2, 0, 1, &event), 0);
	anyvfio_irq_send(probe.dev, 0);
	assert_int_equal(event_count(event), 1);
	assert_int_equal(happen(HOST_SURPRISE, ""), 0);
	anyvfio_irq_send(probe.dev, 0);
	assert_int_equal(event_count(event), 0);
	assert_int_equal(irq_triggers(&c, 2, 0, 0, NULL), 0);
	assert_int_equal(irq_triggers(&c, 0, 0, 1, &pin), 0);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(pin), 0);
	client_close(&c);
	close(event);
	close(pin);
}

static void pulled_out_function_cannot_be_opened(void **state)
{
	int container, group;

	assert_int_equal(happen(HOST_SURPRISE, ""), 0);
	container = host_node_open("vfio", O_RDWR);
	group = host_node_open("1", O_RDWR);
	assert_int_equal(host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER,
				       (unsigned long)&container),
			 0);
	assert_int_equal(
		host_fd_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
		0);
	assert_int_equal(host_fd_ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
				       (unsigned long)DEVICE_NAME),
			 -ENODEV);
	assert_int_equal(probe.starts, 0);
	host_fd_close(group);
	host_fd_close(container);
}

/* ---- errors ---- */

static void error_reaches_who_has_it_open(void **state)
{
	int event = event_new();
	struct client c;

	assert_int_equal(happen(HOST_ERROR, ""), -ENODEV);
	client_open(&c);
	assert_int_equal(happen(HOST_ERROR, ""), 0);
	assert_int_equal(irq_triggers(&c, ERR, 0, 1, &event), 0);
	assert_int_equal(happen(HOST_ERROR, ""), 0);
	assert_int_equal(event_count(event), 1);
	client_close(&c);
	assert_int_equal(happen(HOST_ERROR, ""), -ENODEV);
	close(event);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(B3_unbound_function_cannot_be_opened_until_it_is_bound),
		T(binding_is_checked),
		T(B3_removal_asks_and_waits_for_the_last_close),
		T(added_function_is_a_new_one),
		T(pulled_out_function_reads_ones_and_reaches_nothing),
		T(D1_config_of_a_pulled_out_function_is_ones_but_where_virtual),
		T(pulled_out_function_is_silent),
		T(pulled_out_function_cannot_be_opened),
		T(error_reaches_who_has_it_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
