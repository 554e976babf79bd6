/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The registers of the virtio transport, modern and legacy. */
#include "toy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void only_known_features_of_version_1_are_accepted(void **state)
{
	struct toy *toy = toy_create(NULL);
	uint64_t v1 = VIRTIO_BIT(VIRTIO_F_VERSION_1);

	assert_true(toy_negotiate(toy, v1));
	assert_true(toy_negotiate(toy, v1 | VIRTIO_BIT(TOY_FEATURE)));
	assert_int_equal(toy->v.features, v1 | VIRTIO_BIT(TOY_FEATURE));
	assert_false(toy_negotiate(toy, VIRTIO_BIT(TOY_FEATURE)));
	assert_false(toy_negotiate(toy, v1 | VIRTIO_BIT(1)));
	assert_false(toy_negotiate(toy, v1 | VIRTIO_BIT(VIRTIO_F_RING_PACKED)));
	toy->refuse = true;
	assert_false(toy_negotiate(toy, v1));
	toy_destroy(toy);
}

static void features_stay_once_they_are_agreed_on(void **state)
{
	struct toy *toy = toy_create(NULL);

	assert_true(toy_negotiate(toy, VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	toy_set(toy, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	toy_set(toy, VIRTIO_PCI_COMMON_GF, 4, 1);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_GF, 4), 0);
	toy_set(toy, VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_DF, 4), 0);
	toy_destroy(toy);
}

static void driver_ok_needs_features_ok(void **state)
{
	struct toy *toy = toy_create(NULL);

	assert_false(toy_negotiate(toy, VIRTIO_BIT(VIRTIO_F_VERSION_1) |
						VIRTIO_BIT(1)));
	toy_driver_ok(toy);
	assert_false(toy_status(toy) & VIRTIO_CONFIG_S_DRIVER_OK);
	toy_destroy(toy);
}

static void queue_that_is_not_there_reads_as_nothing(void **state)
{
	struct toy *toy = toy_create(NULL);

	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_NUMQ, 2), TOY_QUEUES);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SELECT, 2, TOY_QUEUES);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	toy_set(toy, 0x1000 + 4 * TOY_QUEUES, 2, TOY_QUEUES);
	assert_int_equal(toy->notified, 0);
	toy_destroy(toy);
}

static void sizes_and_vectors_that_cannot_be_are_refused(void **state)
{
	static const char *const options[] = { "ring=128", NULL };
	struct toy *toy = toy_create(options);

	assert_true(toy_negotiate(toy, VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, 256);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, 24);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 128);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, 16);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_MSIX, 2, TOY_QUEUES);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_MSIX, 2), TOY_QUEUES);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_MSIX, 2, TOY_QUEUES + 1);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
	toy_set(toy, VIRTIO_PCI_COMMON_MSIX, 2, 0x1234);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	toy_destroy(toy);
}

static void enabled_queue_keeps_its_place(void **state)
{
	struct toy *toy = toy_create(NULL);
	struct ring r;

	ring_start(&r, toy, 0, 16, RING_AT);
	assert_int_equal(toy->started, 1);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2, 32);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_DESCLO, 4), RING_AT);
	toy_destroy(toy);
}

static void queue_can_be_reset_alone(void **state)
{
	struct toy *toy = toy_create(NULL);
	struct ring r;

	ring_start(&r, toy, VIRTIO_BIT(VIRTIO_F_RING_RESET), 16, RING_AT);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(toy->stopped, 1);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_int_equal(toy->started, 2);
	toy_destroy(toy);
}

static void reset_forgets_everything(void **state)
{
	struct toy *toy = toy_create(NULL);
	struct ring r;

	ring_start(&r, toy, 0, 16, RING_AT);
	toy_set(toy, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(toy->stopped, 1);
	assert_int_equal(toy_status(toy), 0);
	toy_set(toy, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0);
	assert_int_equal(toy_get(toy, VIRTIO_PCI_COMMON_Q_SIZE, 2), 256);
	toy_set(toy, 0x1000, 2, 0);
	assert_int_equal(toy->notified, 0);
	toy_destroy(toy);
}

static void configuration_changes_tell_the_driver(void **state)
{
	struct toy *toy = toy_create(NULL);
	uint8_t val = 0x5a, before;
	struct ring r;

	ring_start(&r, toy, 0, 16, RING_AT);
	toy->dev->msix_on = true;
	toy_set(toy, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	before = toy_get(toy, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	virtio_config_set(&toy->v, 3, &val, 1);
	assert_int_equal(toy->dev->irqs[0], 1);
	assert_int_not_equal(toy_get(toy, VIRTIO_PCI_COMMON_CFGGENERATION, 1),
			     before);
	assert_int_equal(toy_get(toy, 0x203, 1), 0x5a);
	/* Without MSI-X: the pin, until ISR is read. */
	toy->dev->msix_on = false;
	toy_get(toy, 0x100, 1);
	assert_false(toy->dev->level);
	virtio_config_set(&toy->v, 3, &val, 1);
	assert_true(toy->dev->level);
	assert_int_equal(toy_get(toy, 0x100, 1), VIRTIO_PCI_ISR_CONFIG);
	assert_false(toy->dev->level);
	assert_int_equal(toy_get(toy, 0x100, 1), 0);
	toy_destroy(toy);
}

static void driver_changes_what_it_may_of_the_configuration(void **state)
{
	struct toy *toy = toy_create(NULL);

	toy_set(toy, 0x200, 4, 0xffffffff);
	assert_int_equal(toy_get(toy, 0x200, 4), 0x0fff);
	assert_int_equal(toy->config_writes, 1);
	toy_set(toy, 0x204, 4, 0xffffffff);
	assert_int_equal(toy->config_writes, 1);
	/* Beyond its end there is nothing. */
	assert_int_equal(toy_get(toy, 0x200 + TOY_CONFIG_LEN, 4), 0);
	toy_set(toy, 0x200 + TOY_CONFIG_LEN, 8, ~0ull);
	toy_destroy(toy);
}

/* ---- the window in config space (4.1.4.9) ---- */

/* The driver finds it as in any list of capabilities. */
static unsigned int find_window(struct toy *toy)
{
	unsigned int cap = fake_config_read(toy->dev, 0x34, 1);

	while (cap && (fake_config_read(toy->dev, cap, 1) != 0x09 ||
		       fake_config_read(toy->dev, cap + 3, 1) !=
			       VIRTIO_PCI_CAP_PCI_CFG))
		cap = fake_config_read(toy->dev, cap + 1, 1);
	assert_int_not_equal(cap, 0);
	return cap;
}

static void look_at(struct toy *toy, unsigned int window, uint8_t bar,
		    uint32_t off, uint32_t len)
{
	fake_config_write(toy->dev, window + 4, 1, bar);
	fake_config_write(toy->dev, window + 8, 4, off);
	fake_config_write(toy->dev, window + 12, 4, len);
}

static void window_reaches_the_registers(void **state)
{
	struct toy *toy = toy_create(NULL);
	unsigned int w = find_window(toy), data = w + 16;
	struct ring r;

	assert_int_equal(fake_config_read(toy->dev, w + 2, 1), 20);
	look_at(toy, w, 4, VIRTIO_PCI_COMMON_NUMQ, 2);
	assert_int_equal(fake_config_read(toy->dev, data, 2), TOY_QUEUES);
	look_at(toy, w, 4, VIRTIO_PCI_COMMON_STATUS, 1);
	fake_config_write(toy->dev, data, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(toy_status(toy), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(fake_config_read(toy->dev, data, 1),
			 VIRTIO_CONFIG_S_ACKNOWLEDGE);
	/* All four bytes of the device's configuration, and a part of them. */
	memcpy(toy->config, "\x11\x22\x33\x44", 4);
	look_at(toy, w, 4, 0x200, 4);
	assert_int_equal(fake_config_read(toy->dev, data, 4), 0x44332211);
	assert_int_equal(fake_config_read(toy->dev, data + 2, 2), 0x4433);
	fake_config_write(toy->dev, data, 4, 0xffffffff);
	assert_int_equal(toy->config_writes, 1);
	/* Reading it is reading the register: ISR is cleared. */
	toy->v.isr = VIRTIO_PCI_ISR_CONFIG;
	look_at(toy, w, 4, 0x100, 1);
	assert_int_equal(fake_config_read(toy->dev, data, 1),
			 VIRTIO_PCI_ISR_CONFIG);
	assert_int_equal(fake_config_read(toy->dev, data, 1), 0);
	/* And a notification is one. */
	ring_start(&r, toy, 0, 16, RING_AT);
	look_at(toy, w, 4, 0x1000, 2);
	fake_config_write(toy->dev, data, 2, 0);
	assert_int_equal(toy->notified, 1);
	toy_destroy(toy);
}

static void window_on_no_register_is_memory(void **state)
{
	static const struct {
		uint8_t bar;
		uint32_t off, len;
	} nowhere[] = {
		{ 4, VIRTIO_PCI_COMMON_NUMQ, 0 },
		{ 4, VIRTIO_PCI_COMMON_NUMQ, 3 },
		{ 4, VIRTIO_PCI_COMMON_NUMQ, 8 },
		{ 4, VIRTIO_PCI_COMMON_NUMQ + 1, 2 },
		{ 4, VIRTIO_PCI_COMMON_NUMQ, 4 },
		{ 0, 0, 1 },
		{ 1, 0, 4 },
		{ 6, 0, 4 },
	};
	struct toy *toy = toy_create(NULL);
	unsigned int w = find_window(toy), i;

	for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		look_at(toy, w, nowhere[i].bar, nowhere[i].off, nowhere[i].len);
		fake_config_write(toy->dev, w + 16, 4, 0x5a5a5a00 + i);
		assert_int_equal(fake_config_read(toy->dev, w + 16, 4),
				 0x5a5a5a00 + i);
	}
	/* Outside of the BAR: nothing is there. */
	look_at(toy, w, 4, 0xfffffffc, 4);
	fake_config_write(toy->dev, w + 16, 4, 1);
	assert_int_equal(fake_config_read(toy->dev, w + 16, 4), 0);
	/* What is not the window's cannot be changed. */
	fake_config_write(toy->dev, w, 4, 0xffffffff);
	assert_int_equal(fake_config_read(toy->dev, w + 2, 2),
			 20 | VIRTIO_PCI_CAP_PCI_CFG << 8);
	assert_int_equal(toy->notified, 0);
	toy_destroy(toy);
}

static void legacy_registers_have_their_places(void **state)
{
	struct toy *toy = toy_create(NULL);
	struct anyvfio_device *dev = toy->dev;

	assert_int_equal(dev->id.device, 0x1005);
	assert_int_equal(dev->id.subsystem_device, VIRTIO_ID_RNG);
	assert_int_equal(
		fake_bar_read(dev, 0, VIRTIO_PCI_HOST_FEATURES, 4) >> 32, 0);
	fake_bar_write(dev, 0, VIRTIO_PCI_GUEST_FEATURES, 4, 0x80000001);
	assert_int_equal(toy->v.features, 1);
	fake_bar_write(dev, 0, VIRTIO_PCI_QUEUE_SEL, 2, 0);
	assert_int_equal(fake_bar_read(dev, 0, VIRTIO_PCI_QUEUE_NUM, 2), 256);
	fake_bar_write(dev, 0, VIRTIO_PCI_QUEUE_PFN, 4, RING_AT >> 12);
	assert_int_equal(fake_bar_read(dev, 0, VIRTIO_PCI_QUEUE_PFN, 4),
			 RING_AT >> 12);
	/* 2.7.2: 4096 of descriptors, 518 for the driver, and a new page. */
	assert_int_equal(toy->v.queues[0].driver_iova, RING_AT + 0x1000);
	assert_int_equal(toy->v.queues[0].device_iova, RING_AT + 0x2000);
	fake_bar_write(dev, 0, VIRTIO_PCI_STATUS, 1, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(toy->started, 1);
	fake_bar_write(dev, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0);
	assert_int_equal(toy->notified, 1);
	fake_bar_write(dev, 0, VIRTIO_PCI_QUEUE_PFN, 4, 0);
	assert_int_equal(toy->stopped, 1);
	toy->config[0] = 0x77;
	assert_int_equal(fake_bar_read(dev, 0, 20, 1), 0x77);
	dev->msix_on = true;
	assert_int_equal(fake_bar_read(dev, 0, 24, 1), 0x77);
	fake_bar_write(dev, 0, VIRTIO_MSI_QUEUE_VECTOR, 2, 9999);
	assert_int_equal(fake_bar_read(dev, 0, VIRTIO_MSI_QUEUE_VECTOR, 2),
			 0xffff);
	toy_destroy(toy);
}

static void bad_options_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "ring=3" },	  { "ring=2048" }, { "ring=1" },
		{ "packed=yes" }, { "notify=no" }, { "interface=old" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(toy_create(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_known_features_of_version_1_are_accepted),
		cmocka_unit_test(features_stay_once_they_are_agreed_on),
		cmocka_unit_test(driver_ok_needs_features_ok),
		cmocka_unit_test(queue_that_is_not_there_reads_as_nothing),
		cmocka_unit_test(sizes_and_vectors_that_cannot_be_are_refused),
		cmocka_unit_test(enabled_queue_keeps_its_place),
		cmocka_unit_test(queue_can_be_reset_alone),
		cmocka_unit_test(reset_forgets_everything),
		cmocka_unit_test(configuration_changes_tell_the_driver),
		cmocka_unit_test(
			driver_changes_what_it_may_of_the_configuration),
		cmocka_unit_test(window_reaches_the_registers),
		cmocka_unit_test(window_on_no_register_is_memory),
		cmocka_unit_test(legacy_registers_have_their_places),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
