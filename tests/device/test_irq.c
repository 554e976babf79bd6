/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Interrupts: MSI-X with its table and pending bits, MSI, the pin. */
#include "harness.h"
#include "pci_device.h"

#include <unistd.h>

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define MSI VFIO_PCI_MSI_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define NR_EVENTS 8
#define CAP_MSI 0x05
#define CAP_MSIX 0x11

static struct client c;
static volatile uint32_t *bar;
static int events[NR_EVENTS];

static volatile uint32_t *entry(unsigned int vector)
{
	return &bar[PROBE_TABLE / 4 + vector * 4];
}

static bool is_pending(unsigned int vector)
{
	return bar[PROBE_PBA / 4 + vector / 32] >> vector % 32 & 1;
}

static void use(unsigned int index, unsigned int nr)
{
	assert_int_equal(irq_triggers(&c, index, 0, nr, events), 0);
}

/* ---- MSI-X ---- */

static void msix_vector_signals_its_own_trigger(void **state)
{
	use(MSIX, 4);
	anyvfio_irq_send(probe.dev, 2);
	anyvfio_irq_send(probe.dev, 2);
	assert_int_equal(event_count(events[2]), 2);
	assert_int_equal(event_count(events[0]), 0);
	assert_int_equal(event_count(events[1]), 0);
	assert_int_equal(event_count(events[3]), 0);
	/* In the table, but not in use; and not there. */
	anyvfio_irq_send(probe.dev, 7);
	anyvfio_irq_send(probe.dev, PROBE_VECTORS);
	anyvfio_irq_send(probe.dev, ~0u);
}

static void msix_table_looks_as_a_kernel_would_have_set_it_up(void **state)
{
	unsigned int cap = config_cap(&c, CAP_MSIX);

	assert_int_equal(config_read(&c, cap + 2, 2), PROBE_VECTORS - 1);
	assert_int_equal(entry(0)[3], 1);
	use(MSIX, 2);
	assert_int_equal(config_read(&c, cap + 2, 2),
			 0x8000 | (PROBE_VECTORS - 1));
	assert_int_equal(entry(0)[0], 0xfee00000);
	assert_int_equal(entry(0)[3], 0);
	assert_int_equal(entry(1)[3], 0);
	assert_int_equal(entry(2)[3], 1);
	assert_int_equal(probe.nr, 0);
	assert_int_equal(irq_triggers(&c, MSIX, 0, 0, NULL), 0);
	assert_int_equal(config_read(&c, cap + 2, 2), PROBE_VECTORS - 1);
	assert_int_equal(entry(0)[3], 1);
}

static void msix_masked_vector_is_pending_until_it_is_unmasked(void **state)
{
	use(MSIX, 3);
	entry(1)[3] = 1;
	anyvfio_irq_send(probe.dev, 1);
	anyvfio_irq_send(probe.dev, 1);
	assert_int_equal(event_count(events[1]), 0);
	assert_true(is_pending(1));
	assert_false(is_pending(0));
	anyvfio_irq_send(probe.dev, 0);
	assert_int_equal(event_count(events[0]), 1);
	entry(1)[3] = 0;
	assert_int_equal(event_count(events[1]), 1);
	assert_false(is_pending(1));
	entry(1)[3] = 0;
	assert_int_equal(event_count(events[1]), 0);
}

/* Beyond the first 64, in the second word of pending bits. */
static void msix_pending_bits_go_up_to_the_last_vector(void **state)
{
	int fds[PROBE_VECTORS];
	unsigned int i;

	for (i = 0; i < PROBE_VECTORS; i++)
		fds[i] = events[0];
	assert_int_equal(irq_triggers(&c, MSIX, 0, PROBE_VECTORS, fds), 0);
	entry(79)[3] = 1;
	entry(64)[3] = 1;
	anyvfio_irq_send(probe.dev, 79);
	anyvfio_irq_send(probe.dev, 64);
	assert_int_equal(*(volatile uint64_t *)&bar[PROBE_PBA / 4 + 2],
			 1ull << 15 | 1);
	assert_int_equal(bar[PROBE_PBA / 4], 0);
	/* Read only. */
	bar[PROBE_PBA / 4 + 2] = 0;
	assert_int_equal(bar[PROBE_PBA / 4 + 2], 0x8001);
	entry(79)[3] = 0;
	assert_int_equal(bar[PROBE_PBA / 4 + 2], 1);
}

/* The bus driver keeps this bit to itself; a kernel would use it. */
static void msix_function_mask_holds_all_vectors_back(void **state)
{
	unsigned int control = config_cap(&c, CAP_MSIX) + 2;

	use(MSIX, 2);
	function_config_write(probe.dev, control, 2, 0xc000);
	anyvfio_irq_send(probe.dev, 0);
	anyvfio_irq_send(probe.dev, 1);
	assert_int_equal(event_count(events[0]), 0);
	assert_true(is_pending(0) && is_pending(1));
	entry(1)[3] = 1;
	function_config_write(probe.dev, control, 2, 0x8000);
	assert_int_equal(event_count(events[0]), 1);
	assert_int_equal(event_count(events[1]), 0);
	assert_true(is_pending(1));
}

static void msix_table_keeps_what_is_written(void **state)
{
	volatile uint64_t *wide = (volatile uint64_t *)entry(5);

	wide[0] = 0x11223344fee01003;
	assert_int_equal(wide[0], 0x11223344fee01000);
	assert_int_equal(entry(5)[1], 0x11223344);
	entry(5)[2] = 0xabcdef01;
	assert_int_equal(entry(5)[2], 0xabcdef01);
	/* Reserved bits of the control stay 0; parts of a register work. */
	entry(5)[3] = 0xffffffff;
	assert_int_equal(entry(5)[3], 1);
	((volatile uint8_t *)entry(5))[9] = 0x55;
	assert_int_equal(entry(5)[2], 0xabcd5501);
	assert_int_equal(((volatile uint16_t *)entry(5))[5], 0xabcd);
	/* The same by read and write. */
	assert_int_equal(region_read(&c, 0, PROBE_TABLE + 5 * 16 + 8, 4),
			 0xabcd5501);
	assert_int_equal(probe.nr, 0);
}

/* Nobody listens: it is kept for who comes. */
static void
msix_vector_without_trigger_is_pending_until_it_has_one(void **state)
{
	int none = -1;

	use(MSIX, 2);
	assert_int_equal(irq_triggers(&c, MSIX, 1, 1, &none), 0);
	anyvfio_irq_send(probe.dev, 1);
	assert_int_equal(event_count(events[1]), 0);
	assert_true(is_pending(1));
	assert_int_equal(irq_triggers(&c, MSIX, 1, 1, &events[3]), 0);
	assert_int_equal(event_count(events[3]), 1);
	assert_int_equal(event_count(events[1]), 0);
	assert_false(is_pending(1));
}

/* A message is a write of the device's. */
static void msix_message_without_bus_mastering_is_lost(void **state)
{
	use(MSIX, 1);
	set_bus_master(&c, false);
	anyvfio_irq_send(probe.dev, 0);
	set_bus_master(&c, true);
	assert_int_equal(event_count(events[0]), 0);
	anyvfio_irq_send(probe.dev, 0);
	assert_int_equal(event_count(events[0]), 1);
}

static void nothing_is_signalled_with_no_interrupt_in_use(void **state)
{
	anyvfio_irq_send(probe.dev, 0);
	anyvfio_irq_level(probe.dev, true);
	anyvfio_irq_level(probe.dev, false);
	use(MSIX, 1);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 0);
	assert_int_equal(irq_triggers(&c, MSIX, 0, 0, NULL), 0);
	anyvfio_irq_send(probe.dev, 0);
	assert_int_equal(event_count(events[0]), 0);
}

static void reset_forgets_what_is_pending_and_keeps_the_triggers(void **state)
{
	use(MSIX, 2);
	entry(1)[3] = 1;
	anyvfio_irq_send(probe.dev, 1);
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0), 0);
	assert_false(is_pending(1));
	assert_int_equal(entry(1)[3], 0);
	assert_int_equal(config_read(&c, config_cap(&c, CAP_MSIX) + 2, 2),
			 0x8000 | (PROBE_VECTORS - 1));
	anyvfio_irq_send(probe.dev, 1);
	assert_int_equal(event_count(events[1]), 1);
}

/* ---- MSI ---- */

static void msi_message_signals_its_own_trigger(void **state)
{
	unsigned int cap = config_cap(&c, CAP_MSI);

	use(MSI, 4);
	/* How many are allowed is the user's to see as he set it. */
	assert_int_equal(config_read(&c, cap + 2, 2) & 1, 1);
	assert_int_equal(anyvfio_pci_config(probe.dev, cap + 2, 2) & 0x71,
			 0x21);
	anyvfio_irq_send(probe.dev, 3);
	assert_int_equal(event_count(events[3]), 1);
	assert_int_equal(event_count(events[0]), 0);
	assert_int_equal(irq_triggers(&c, MSI, 0, 0, NULL), 0);
	assert_int_equal(config_read(&c, cap + 2, 2) & 1, 0);
}

/* A device that was given fewer messages than it has uses their low bits. */
static void msi_with_fewer_messages_uses_the_low_bits(void **state)
{
	use(MSI, 2);
	anyvfio_irq_send(probe.dev, 5);
	assert_int_equal(event_count(events[1]), 1);
	anyvfio_irq_send(probe.dev, 4);
	assert_int_equal(event_count(events[0]), 1);
	assert_int_equal(irq_triggers(&c, MSI, 0, 0, NULL), 0);
	use(MSI, 1);
	anyvfio_irq_send(probe.dev, 7);
	assert_int_equal(event_count(events[0]), 1);
}

static void
msi_message_without_trigger_is_pending_until_it_has_one(void **state)
{
	unsigned int cap = config_cap(&c, CAP_MSI);
	int none = -1;

	use(MSI, 4);
	assert_int_equal(irq_triggers(&c, MSI, 2, 1, &none), 0);
	assert_int_equal(config_read(&c, cap + 16, 4), 4);
	anyvfio_irq_send(probe.dev, 2);
	assert_int_equal(config_read(&c, cap + 20, 4), 4);
	assert_int_equal(irq_triggers(&c, MSI, 2, 1, &events[2]), 0);
	assert_int_equal(event_count(events[2]), 1);
	assert_int_equal(config_read(&c, cap + 20, 4), 0);
	assert_int_equal(config_read(&c, cap + 16, 4), 0);
}

/* ---- the pin ---- */

static bool status_shows_intx(void)
{
	return config_read(&c, 6, 2) & 8;
}

static void intx_signals_once_until_it_is_unmasked(void **state)
{
	use(INTX, 1);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 1);
	anyvfio_irq_level(probe.dev, true);
	anyvfio_irq_level(probe.dev, false);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 0);
	assert_true(status_shows_intx());
	/* Still high: once more.  Then low: never. */
	assert_int_equal(irq_action(&c, INTX, VFIO_IRQ_SET_ACTION_UNMASK), 0);
	assert_int_equal(event_count(events[0]), 1);
	anyvfio_irq_level(probe.dev, false);
	assert_false(status_shows_intx());
	assert_int_equal(irq_action(&c, INTX, VFIO_IRQ_SET_ACTION_UNMASK), 0);
	assert_int_equal(event_count(events[0]), 0);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 1);
}

static void intx_masked_by_the_user_is_silent(void **state)
{
	use(INTX, 1);
	assert_int_equal(irq_action(&c, INTX, VFIO_IRQ_SET_ACTION_MASK), 0);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 0);
	assert_int_equal(irq_action(&c, INTX, VFIO_IRQ_SET_ACTION_UNMASK), 0);
	assert_int_equal(event_count(events[0]), 1);
}

static void intx_disabled_in_the_command_register_is_silent(void **state)
{
	use(INTX, 1);
	config_write(&c, 4, 2, config_read(&c, 4, 2) | 0x400);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 0);
	assert_true(status_shows_intx());
	config_write(&c, 4, 2, config_read(&c, 4, 2) & ~0x400);
	assert_int_equal(event_count(events[0]), 1);
}

/* The same bit as hardware has it, without the bus driver's own mask. */
static void intx_disabled_in_hardware_is_silent(void **state)
{
	use(INTX, 1);
	function_config_write(probe.dev, 4, 2, 0x0407);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 0);
	function_config_write(probe.dev, 4, 2, 0x0007);
	assert_int_equal(event_count(events[0]), 1);
}

/* The line was high before anybody asked. */
static void intx_asserted_early_signals_when_it_is_set_up(void **state)
{
	anyvfio_irq_level(probe.dev, true);
	use(INTX, 1);
	assert_int_equal(event_count(events[0]), 1);
}

static void reset_lowers_the_pin(void **state)
{
	use(INTX, 1);
	anyvfio_irq_level(probe.dev, true);
	assert_int_equal(event_count(events[0]), 1);
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0), 0);
	assert_false(status_shows_intx());
	assert_int_equal(irq_action(&c, INTX, VFIO_IRQ_SET_ACTION_UNMASK), 0);
	assert_int_equal(event_count(events[0]), 0);
}

/* ---- from where a model sends ---- */

static void send_one(uint64_t off, uint64_t val)
{
	anyvfio_irq_send(probe.dev, val);
}

static void model_sends_with_its_lock_held(void **state)
{
	use(MSIX, 2);
	probe.on_write = send_one;
	bar[0] = 1;
	assert_int_equal(event_count(events[1]), 1);
}

static void send_many(void *priv)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		anyvfio_irq_send(probe.dev, 1);
}

/* Each one is signalled or pending, however masking races it; nothing is sent to
 * a trigger that was replaced. */
static void sends_that_race_masking_are_not_lost(void **state)
{
	struct anyvfio_thread *thread;
	unsigned int i;

	use(MSIX, 2);
	entry(1)[3] = 1;
	assert_int_equal(anyvfio_thread_start(probe.dev, "sender", send_many,
					      NULL, &thread),
			 0);
	for (i = 0; i < 200; i++) {
		entry(1)[3] = 0;
		entry(1)[3] = 1;
		event_count(events[1]);
	}
	anyvfio_thread_join(thread);
	event_count(events[1]);
	anyvfio_irq_send(probe.dev, 1);
	assert_true(is_pending(1));
	entry(1)[3] = 0;
	assert_int_equal(event_count(events[1]), 1);
}

static void error_of_the_device_reaches_the_program(void **state)
{
	assert_int_equal(irq_triggers(&c, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, events),
			 0);
	anyvfio_device_report_error(probe.dev);
	assert_int_equal(event_count(events[0]), 1);
}

static int setup(void **state)
{
	unsigned int i;

	machine_start(PROBE);
	client_open(&c);
	set_bus_master(&c, true);
	bar = bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	for (i = 0; i < NR_EVENTS; i++)
		events[i] = event_new();
	probe.nr = 0;
	return 0;
}

static int teardown(void **state)
{
	unsigned int i;

	bar_unmap((void *)bar, PROBE_BAR0_SIZE);
	client_close(&c);
	machine_stop();
	for (i = 0; i < NR_EVENTS; i++)
		close(events[i]);
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(msix_vector_signals_its_own_trigger),
		T(msix_table_looks_as_a_kernel_would_have_set_it_up),
		T(msix_masked_vector_is_pending_until_it_is_unmasked),
		T(msix_pending_bits_go_up_to_the_last_vector),
		T(msix_function_mask_holds_all_vectors_back),
		T(msix_table_keeps_what_is_written),
		T(msix_vector_without_trigger_is_pending_until_it_has_one),
		T(msix_message_without_bus_mastering_is_lost),
		T(nothing_is_signalled_with_no_interrupt_in_use),
		T(reset_forgets_what_is_pending_and_keeps_the_triggers),
		T(msi_message_signals_its_own_trigger),
		T(msi_with_fewer_messages_uses_the_low_bits),
		T(msi_message_without_trigger_is_pending_until_it_has_one),
		T(intx_signals_once_until_it_is_unmasked),
		T(intx_masked_by_the_user_is_silent),
		T(intx_disabled_in_the_command_register_is_silent),
		T(intx_disabled_in_hardware_is_silent),
		T(intx_asserted_early_signals_when_it_is_set_up),
		T(reset_lowers_the_pin),
		T(model_sends_with_its_lock_held),
		T(sends_that_race_masking_are_not_lost),
		T(error_of_the_device_reaches_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
