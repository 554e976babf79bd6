/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* VFIO_DEVICE_SET_IRQS: INTx, MSI, MSI-X, ERR and REQ. */
#include "harness.h"

#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define MSI_INDEX VFIO_PCI_MSI_IRQ_INDEX
#define MSIX_INDEX VFIO_PCI_MSIX_IRQ_INDEX
#define ERR VFIO_PCI_ERR_IRQ_INDEX
#define REQ VFIO_PCI_REQ_IRQ_INDEX

#define MASK VFIO_IRQ_SET_ACTION_MASK
#define UNMASK VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define NONE VFIO_IRQ_SET_DATA_NONE
#define BOOL VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD

#define NR_FDS 8

static struct fake *fake;
static struct user user;
static int fds[NR_FDS];

static int setup(void **state)
{
	u32 i;

	fake = fake_create("0000:01:00.0", 7);
	for (i = 0; i < NR_FDS; i++)
		fds[i] = new_eventfd();
	return 0;
}

static void forget_calls(void)
{
	char log[sizeof(fake->log)];

	fake_take_log(fake, log);
}

static void start(void)
{
	fake_bind(fake);
	user_open(&user, fake);
	forget_calls();
}

static int teardown(void **state)
{
	u32 i;

	user_close(&user);
	fake_destroy(fake);
	for (i = 0; i < NR_FDS; i++)
		close(fds[i]);
	return 0;
}

/* Every fired vector signals its eventfd, and no other. */
static void assert_wired(u32 vector, u32 fd)
{
	u32 i;

	fake_fire(fake, vector);
	for (i = 0; i < NR_FDS; i++)
		assert_int_equal(eventfd_take(fds[i]), i == fd);
}

static void assert_silent(u32 vector)
{
	assert_wired(vector, NR_FDS);
}

static u32 msi_enabled(void)
{
	return config_read(&user, MSI + 2, 2) & 1;
}

static u32 msix_enabled(void)
{
	return config_read(&user, MSIX + 2, 2) >> 15;
}

/* ---- requests that make no sense ---- */

static void B6_malformed_request_is_einval(void **state)
{
	const u32 flags = EVENTFD | TRIGGER;
	struct vfio_irq_set hdr = { .argsz = 19, .flags = flags };

	start();
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_SET_IRQS, &hdr), -EINVAL);
	assert_int_equal(do_ioctl(&user, VFIO_DEVICE_SET_IRQS, NULL), -EFAULT);
	assert_int_equal(set_irqs(&user, 5, flags, 0, 1, fds, 4), -EINVAL);
	assert_int_equal(set_irqs(&user, MSIX_INDEX, flags, NR_MSIX, 1, fds, 4),
			 -EINVAL);
	assert_int_equal(
		set_irqs(&user, MSIX_INDEX, flags, NR_MSIX - 1, 2, fds, 8),
		-EINVAL);
	assert_int_equal(
		set_irqs(&user, MSIX_INDEX, flags, 0xffffffff, 2, fds, 8),
		-EINVAL);
	assert_int_equal(set_irqs(&user, MSIX_INDEX, flags, 0, 2, fds, 7),
			 -EINVAL);
	assert_int_equal(
		set_irqs(&user, MSIX_INDEX, flags | 1u << 6, 0, 1, fds, 4),
		-EINVAL);
	assert_int_equal(
		set_irqs(&user, MSIX_INDEX, flags | NONE, 0, 1, fds, 4),
		-EINVAL);
	assert_int_equal(set_irqs(&user, MSIX_INDEX, TRIGGER, 0, 1, fds, 4),
			 -EINVAL);
	assert_int_equal(set_irqs(&user, MSIX_INDEX, EVENTFD, 0, 1, fds, 4),
			 -EINVAL);
	assert_int_equal(
		set_irqs(&user, MSIX_INDEX, flags | MASK, 0, 1, fds, 4),
		-EINVAL);
	assert_calls(fake, "");
}

static void data_that_cannot_be_read_is_efault(void **state)
{
	struct vfio_irq_set hdr = {
		.argsz = sizeof(hdr) + 4,
		.flags = EVENTFD | TRIGGER,
		.index = MSIX_INDEX,
		.count = 1,
	};

	start();
	assert_int_equal(
		do_ioctl_cut(&user, VFIO_DEVICE_SET_IRQS, &hdr, sizeof(hdr)),
		-EFAULT);
	assert_calls(fake, "");
}

static void data_may_be_larger_than_needed(void **state)
{
	int many[MAX_IRQ_DATA] = { fds[0] };

	start();
	assert_int_equal(set_irqs(&user, MSIX_INDEX, EVENTFD | TRIGGER, 0, 1,
				  many, sizeof(many)),
			 0);
	assert_wired(0, 0);
}

static void interrupt_that_is_not_there_is_einval(void **state)
{
	fake->info.has_intx = false;
	fake->info.msi = 0;
	fake->info.express = false;
	start();
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), -EINVAL);
	assert_int_equal(set_eventfds(&user, MSI_INDEX, 0, 1, fds), -EINVAL);
	assert_int_equal(set_eventfds(&user, ERR, 0, 1, fds), -EINVAL);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, fds), 0);
}

static void masking_what_cannot_be_masked_is_enotty(void **state)
{
	const u32 index[] = { MSI_INDEX, MSIX_INDEX, ERR, REQ };
	u32 i;

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, fds), 0);
	for (i = 0; i < ARRAY_SIZE(index); i++) {
		assert_int_equal(set_none(&user, index[i], MASK, 0, 1),
				 -ENOTTY);
		assert_int_equal(set_none(&user, index[i], UNMASK, 0, 1),
				 -ENOTTY);
	}
}

/* ---- one kind at a time ---- */

static void kinds_exclude_each_other(void **state)
{
	const u32 index[] = { INTX, MSI_INDEX, MSIX_INDEX };
	u32 i, n;

	start();
	for (i = 0; i < 3; i++) {
		assert_int_equal(set_eventfds(&user, index[i], 0, 1, fds), 0);
		forget_calls();
		for (n = 0; n < 3; n++) {
			if (n == i)
				continue;
			assert_int_equal(
				set_eventfds(&user, index[n], 0, 1, fds + 1),
				-EINVAL);
			assert_int_equal(
				set_none(&user, index[n], TRIGGER, 0, 0),
				-EINVAL);
			assert_int_equal(
				set_none(&user, index[n], TRIGGER, 0, 1),
				-EINVAL);
		}
		assert_calls(fake, "");
		if (index[i] != INTX)
			assert_wired(0, 0);
		assert_int_equal(set_none(&user, index[i], TRIGGER, 0, 0), 0);
	}
}

static void disabling_what_is_not_in_use_is_einval(void **state)
{
	u32 i;

	start();
	for (i = 0; i < 5; i++)
		assert_int_equal(set_none(&user, i, TRIGGER, 0, 0), -EINVAL);
}

/* ---- MSI and MSI-X ---- */

static void msix_wires_each_vector_to_its_eventfd(void **state)
{
	u32 i;

	start();
	assert_int_equal(msix_enabled(), 0);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 3, fds), 0);
	assert_calls(fake, "irq_enable 2 3\n"
			   "irq_set 2 0 on\nirq_set 2 1 on\nirq_set 2 2 on\n");
	assert_int_equal(msix_enabled(), 1);
	assert_int_equal(msi_enabled(), 0);
	for (i = 0; i < 3; i++)
		assert_wired(i, i);
	assert_int_equal(set_none(&user, MSIX_INDEX, TRIGGER, 0, 0), 0);
	assert_calls(fake, "irq_disable 2\n");
	assert_int_equal(msix_enabled(), 0);
}

static void msi_wires_each_message_to_its_eventfd(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSI_INDEX, 0, 2, fds), 0);
	assert_int_equal(msi_enabled(), 1);
	assert_int_equal(msix_enabled(), 0);
	assert_wired(0, 0);
	assert_wired(1, 1);
	assert_int_equal(set_none(&user, MSI_INDEX, TRIGGER, 0, 0), 0);
	assert_int_equal(msi_enabled(), 0);
}

/* The bits say what is in use; a program's writing does not. */
static void enable_bits_are_not_the_programs_to_write(void **state)
{
	start();
	config_write(&user, MSI + 2, 2, 1);
	config_write(&user, MSIX + 2, 2, 0x8000);
	assert_int_equal(msi_enabled() | msix_enabled(), 0);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, fds), 0);
	config_write(&user, MSIX + 2, 2, 0);
	assert_int_equal(msix_enabled(), 1);
}

/* A program that has closed its input gets that number. */
static void eventfd_may_be_number_0(void **state)
{
	int input = dup(0), zero = 0;

	start();
	assert_int_equal(close(0), 0);
	assert_int_equal(new_eventfd(), 0);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, &zero), 0);
	fake_fire(fake, 0);
	assert_int_equal(eventfd_take(0), 1);
	assert_int_equal(set_none(&user, MSIX_INDEX, TRIGGER, 0, 0), 0);
	close(0);
	if (input >= 0) {
		assert_int_equal(dup2(input, 0), 0);
		close(input);
	}
}

static void eventfd_of_minus_1_leaves_a_vector_silent(void **state)
{
	const int some[] = { -1, fds[1], -1 };

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 3, some), 0);
	assert_silent(0);
	assert_wired(1, 1);
	assert_silent(2);
	/* And takes one away. */
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 1, 1, some), 0);
	assert_silent(1);
	assert_int_equal(msix_enabled(), 1);
}

static void range_in_the_middle_changes_nothing_else(void **state)
{
	const int others[] = { fds[5], fds[6] };

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, fds), 0);
	forget_calls();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 1, 2, others), 0);
	assert_calls(fake, "irq_set 2 1 on\nirq_set 2 2 on\n");
	assert_wired(0, 0);
	assert_wired(1, 5);
	assert_wired(2, 6);
	assert_wired(3, 3);
}

static void first_range_that_starts_above_0_enables_up_to_its_end(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 5, 2, fds), 0);
	assert_calls(fake, "irq_enable 2 7\n"
			   "irq_set 2 5 on\nirq_set 2 6 on\n");
	assert_silent(0);
	assert_wired(5, 0);
	assert_wired(6, 1);
}

static void msix_grows(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 2, fds), 0);
	forget_calls();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 1, 3, fds + 3), 0);
	assert_calls(fake, "irq_enable 2 4\nirq_set 2 1 on\n"
			   "irq_set 2 2 on\nirq_set 2 3 on\n");
	assert_wired(0, 0);
	assert_wired(1, 3);
	assert_wired(3, 5);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, NR_MSIX - 1, 1, fds),
			 0);
	assert_wired(NR_MSIX - 1, 0);
}

static void range_of_minus_1_does_not_make_msix_grow(void **state)
{
	const int some[] = { fds[1], -1, -1 };

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, fds), 0);
	forget_calls();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 3, some), 0);
	assert_calls(fake, "irq_set 2 0 on\n");
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 2, 1, some + 1), 0);
	assert_calls(fake, "");
}

static void msix_that_cannot_grow_stays_as_it_was(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 2, fds), 0);
	forget_calls();
	fake->irq_enable_ret = -EINVAL;
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 1, 3, fds + 3),
			 -EINVAL);
	assert_calls(fake, "irq_enable 2 4\n");
	assert_wired(0, 0);
	assert_wired(1, 1);
	/* It still knows how many there are. */
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 2, 1, fds), -EINVAL);
}

static void msi_does_not_grow(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSI_INDEX, 0, 2, fds), 0);
	forget_calls();
	assert_int_equal(set_eventfds(&user, MSI_INDEX, 1, 2, fds + 3),
			 -EINVAL);
	assert_calls(fake, "");
	assert_wired(1, 1);
}

static void no_vectors_at_all_is_erange(void **state)
{
	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 0, fds), -ERANGE);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 3, 0, fds), 0);
	assert_calls(fake, "irq_enable 2 3\n");
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 0, fds), 0);
}

static void bad_descriptor_among_good_ones_changes_nothing(void **state)
{
	const int first[] = { fds[4], fds[5], 9999, fds[6] };
	const int second[] = { fds[4], user.device, fds[5] };

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, first), -EBADF);
	assert_calls(fake, "");
	assert_int_equal(msix_enabled(), 0);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, fds), 0);
	forget_calls();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, first), -EBADF);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 3,
				      (int[]){ fds[4], user.device, fds[5] }),
			 -EINVAL);
	assert_int_equal(second[0], fds[4]);
	assert_calls(fake, "");
	assert_wired(0, 0);
	assert_wired(2, 2);
}

static void hardware_that_fails_leaves_nothing_in_use(void **state)
{
	start();
	fake->irq_enable_ret = -ENOSPC;
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 2, fds), -ENOSPC);
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), -ENOSPC);
	assert_int_equal(msix_enabled(), 0);
	fake->irq_enable_ret = 0;
	assert_int_equal(set_eventfds(&user, MSI_INDEX, 0, 1, fds), 0);
	assert_wired(0, 0);
}

/* As the kernel tells how many it would get. */
static void hardware_with_fewer_vectors_says_how_many(void **state)
{
	start();
	fake->irq_enable_ret = 3;
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, fds), 3);
	assert_int_equal(msix_enabled(), 0);
	fake->irq_enable_ret = 0;
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 3, fds), 0);
}

static void loopback_signals_what_is_chosen(void **state)
{
	const u8 bools[] = { 0, 1, 2 };

	start();
	assert_int_equal(set_none(&user, MSIX_INDEX, TRIGGER, 0, 1), -EINVAL);
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 4, fds), 0);
	assert_int_equal(set_none(&user, MSIX_INDEX, TRIGGER, 1, 2), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(eventfd_take(fds[1]), 1);
	assert_int_equal(eventfd_take(fds[2]), 1);
	assert_int_equal(eventfd_take(fds[3]), 0);
	assert_int_equal(set_bools(&user, MSIX_INDEX, TRIGGER, 1, 3, bools), 0);
	assert_int_equal(eventfd_take(fds[1]), 0);
	assert_int_equal(eventfd_take(fds[2]), 1);
	assert_int_equal(eventfd_take(fds[3]), 1);
	/* Vectors without an eventfd are passed over. */
	assert_int_equal(set_none(&user, MSIX_INDEX, TRIGGER, 3, 20), 0);
	assert_int_equal(eventfd_take(fds[3]), 1);
}

static void eventfd_may_be_closed_once_it_is_wired(void **state)
{
	int fd = new_eventfd(), other = dup(fd);

	start();
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, &fd), 0);
	close(fd);
	fake_fire(fake, 0);
	assert_int_equal(eventfd_take(other), 1);
	close(other);
}

/* ---- INTx ---- */

static void start_intx(void)
{
	start();
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), 0);
	forget_calls();
}

static void intx_signals_once_until_unmasked(void **state)
{
	start_intx();
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 1);
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 0);
	/* Still asserted: speaks at once. */
	assert_int_equal(set_none(&user, INTX, UNMASK, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	fake_line(fake, false);
	assert_int_equal(set_none(&user, INTX, UNMASK, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 1);
}

static void intx_masked_is_silent(void **state)
{
	const u8 no = 0, yes = 1;

	start_intx();
	assert_int_equal(set_bools(&user, INTX, MASK, 0, 1, &no), 0);
	assert_calls(fake, "");
	assert_int_equal(set_bools(&user, INTX, MASK, 0, 1, &yes), 0);
	assert_calls(fake, "intx_mask\n");
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(set_bools(&user, INTX, UNMASK, 0, 1, &no), 0);
	assert_calls(fake, "");
	assert_int_equal(set_bools(&user, INTX, UNMASK, 0, 1, &yes), 0);
	assert_calls(fake, "intx_unmask\n");
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(set_none(&user, INTX, MASK, 0, 1), 0);
	assert_calls(fake, "intx_mask\n");
}

static void intx_requests_that_make_no_sense_are_einval(void **state)
{
	start();
	assert_int_equal(set_none(&user, INTX, MASK, 0, 1), -EINVAL);
	assert_int_equal(set_none(&user, INTX, UNMASK, 0, 1), -EINVAL);
	assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 1), -EINVAL);
	assert_int_equal(set_eventfds(&user, INTX, 0, 0, fds), -EINVAL);
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), 0);
	assert_int_equal(set_none(&user, INTX, MASK, 0, 0), -EINVAL);
	assert_int_equal(set_none(&user, INTX, UNMASK, 0, 0), -EINVAL);
	assert_int_equal(set_eventfds(&user, INTX, 0, 0, fds), -EINVAL);
	assert_int_equal(set_bools(&user, INTX, TRIGGER, 0, 0, NULL), -EINVAL);
	assert_int_equal(set_irqs(&user, INTX, EVENTFD | MASK, 0, 1, fds, 4),
			 -ENOTTY);
}

static void intx_loopback_signals(void **state)
{
	const u8 no = 0, yes = 1;

	start_intx();
	assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(set_bools(&user, INTX, TRIGGER, 0, 1, &no), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(set_bools(&user, INTX, TRIGGER, 0, 1, &yes), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	config_write(&user, 0x04, 2, 0x0403);
	assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
}

static void intx_takes_another_eventfd_or_none(void **state)
{
	const int none = -1;

	start_intx();
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds + 1), 0);
	assert_calls(fake, "irq_set 0 0 on\n");
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(eventfd_take(fds[1]), 1);
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, &none), 0);
	assert_calls(fake, "irq_set 0 0 off\n");
	assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 1), 0);
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, (int[]){ 9999 }),
			 -EBADF);
	assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 0), 0);
	assert_calls(fake, "irq_disable 0\n");
}

static void intx_disable_bit_masks_it(void **state)
{
	start_intx();
	config_write(&user, 0x05, 1, 0x04);
	assert_calls(fake, "intx_mask\n");
	assert_int_equal(config_read(&user, 0x04, 2), 0x0403);
	/* The program's unmasking does not override its own bit. */
	assert_int_equal(set_none(&user, INTX, UNMASK, 0, 1), 0);
	assert_calls(fake, "");
	fake_line(fake, true);
	assert_int_equal(eventfd_take(fds[0]), 0);
	config_write(&user, 0x04, 2, 0x0403);
	assert_calls(fake, "");
	config_write(&user, 0x04, 2, 0x0003);
	assert_calls(fake, "intx_unmask\n");
	assert_int_equal(eventfd_take(fds[0]), 1);
}

static void intx_enabled_while_disabled_by_its_bit_is_masked(void **state)
{
	start();
	config_write(&user, 0x04, 2, 0x0403);
	fake_line(fake, true);
	assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), 0);
	assert_calls(fake, "irq_enable 0 1\nintx_mask\nirq_set 0 0 on\n");
	assert_int_equal(eventfd_take(fds[0]), 0);
	config_write(&user, 0x04, 2, 0x0003);
	assert_int_equal(eventfd_take(fds[0]), 1);
}

static long set_resample(const int *fd)
{
	return set_irqs(&user, INTX, EVENTFD | UNMASK, 0, 1, fd, 4);
}

static void intx_is_unmasked_by_its_eventfd(void **state)
{
	const int none = -1;

	start_intx();
	assert_int_equal(set_resample(&fds[1]), 0);
	fake_line(fake, true);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	eventfd_write(fds[1], 1);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	eventfd_write(fds[1], 1);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	assert_int_equal(set_resample((int[]){ 9999 }), -EBADF);
	eventfd_write(fds[1], 1);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	assert_int_equal(set_resample(&none), 0);
	/* Taken away: it is signalled before another that is watched. */
	eventfd_write(fds[1], 1);
	assert_int_equal(set_resample(&fds[2]), 0);
	eventfd_write(fds[2], 1);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	assert_int_equal(eventfd_take(fds[1]), 1);
}

static void intx_unmask_eventfd_takes_the_place_of_another(void **state)
{
	u32 i;

	start_intx();
	fake_line(fake, true);
	assert_int_equal(eventfd_wait(fds[0]), 1);
	for (i = 0; i < 50; i++) {
		assert_int_equal(set_resample(&fds[1 + i % 2]), 0);
		/* The former one says nothing any more. */
		eventfd_write(fds[2 - i % 2], 1);
		eventfd_write(fds[1 + i % 2], 1);
		assert_int_equal(eventfd_wait(fds[0]), 1);
		assert_int_equal(eventfd_take(fds[2 - i % 2]), 1);
		assert_int_equal(eventfd_take(fds[0]), 0);
	}
}

static void intx_with_an_unmask_eventfd_can_be_disabled(void **state)
{
	u32 i;

	start();
	for (i = 0; i < 50; i++) {
		assert_int_equal(set_eventfds(&user, INTX, 0, 1, fds), 0);
		assert_int_equal(set_resample(&fds[1]), 0);
		/* The callback may be on its way. */
		eventfd_write(fds[1], 1);
		assert_int_equal(set_none(&user, INTX, TRIGGER, 0, 0), 0);
	}
	assert_int_equal(set_resample(&fds[1]), -EINVAL);
}

static void close_with_an_unmask_eventfd_ends_it(void **state)
{
	start_intx();
	assert_int_equal(set_resample(&fds[1]), 0);
	eventfd_write(fds[1], 1);
}

static void unmask_eventfd_obeys_the_disable_bit(void **state)
{
	start_intx();
	assert_int_equal(set_resample(&fds[1]), 0);
	config_write(&user, 0x04, 2, 0x0403);
	fake_line(fake, true);
	eventfd_write(fds[1], 1);
	/* Until the callback has taken it; then until it is over. */
	while (eventfd_take(fds[1]))
		eventfd_write(fds[1], 1);
	assert_int_equal(set_resample((int[]){ -1 }), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
}

/* ---- ERR and REQ ---- */

static void check_event(u32 index)
{
	const int none = -1, worse = -2;
	const u8 no = 0, yes = 1;

	assert_int_equal(set_none(&user, index, TRIGGER, 0, 1), -EINVAL);
	assert_int_equal(set_bools(&user, index, TRIGGER, 0, 1, &yes), 0);
	assert_int_equal(set_eventfds(&user, index, 0, 1, fds), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(set_bools(&user, index, TRIGGER, 0, 1, &no), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(set_bools(&user, index, TRIGGER, 0, 1, &yes), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(set_bools(&user, index, TRIGGER, 0, 0, NULL), -EINVAL);
	assert_int_equal(set_eventfds(&user, index, 0, 0, NULL), -EINVAL);
	assert_int_equal(set_eventfds(&user, index, 0, 1, (int[]){ 9999 }),
			 -EBADF);
	assert_int_equal(set_eventfds(&user, index, 0, 1, &worse), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(set_eventfds(&user, index, 0, 1, fds + 1), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 1), 0);
	assert_int_equal(eventfd_take(fds[0]), 0);
	assert_int_equal(eventfd_take(fds[1]), 1);
	assert_int_equal(set_eventfds(&user, index, 0, 1, &none), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 1), -EINVAL);
	assert_int_equal(set_eventfds(&user, index, 0, 1, fds), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 0), 0);
	assert_int_equal(set_none(&user, index, TRIGGER, 0, 0), -EINVAL);
}

static void events_are_set_signalled_and_taken_away(void **state)
{
	start();
	check_event(ERR);
	check_event(REQ);
	/* Beside any other kind. */
	assert_int_equal(set_eventfds(&user, MSIX_INDEX, 0, 1, fds + 2), 0);
	check_event(ERR);
	assert_wired(0, 2);
}

static void error_of_the_hardware_signals_err(void **state)
{
	start();
	vfio_pci_error(fake->vdev);
	assert_int_equal(set_eventfds(&user, ERR, 0, 1, fds), 0);
	assert_int_equal(set_eventfds(&user, REQ, 0, 1, fds + 1), 0);
	vfio_pci_error(fake->vdev);
	assert_int_equal(eventfd_take(fds[0]), 1);
	assert_int_equal(eventfd_take(fds[1]), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(B6_malformed_request_is_einval),
		test(data_that_cannot_be_read_is_efault),
		test(data_may_be_larger_than_needed),
		test(interrupt_that_is_not_there_is_einval),
		test(masking_what_cannot_be_masked_is_enotty),
		test(kinds_exclude_each_other),
		test(disabling_what_is_not_in_use_is_einval),
		test(msix_wires_each_vector_to_its_eventfd),
		test(msi_wires_each_message_to_its_eventfd),
		test(enable_bits_are_not_the_programs_to_write),
		test(eventfd_may_be_number_0),
		test(eventfd_of_minus_1_leaves_a_vector_silent),
		test(range_in_the_middle_changes_nothing_else),
		test(first_range_that_starts_above_0_enables_up_to_its_end),
		test(msix_grows),
		test(range_of_minus_1_does_not_make_msix_grow),
		test(msix_that_cannot_grow_stays_as_it_was),
		test(msi_does_not_grow),
		test(no_vectors_at_all_is_erange),
		test(bad_descriptor_among_good_ones_changes_nothing),
		test(hardware_that_fails_leaves_nothing_in_use),
		test(hardware_with_fewer_vectors_says_how_many),
		test(loopback_signals_what_is_chosen),
		test(eventfd_may_be_closed_once_it_is_wired),
		test(intx_signals_once_until_unmasked),
		test(intx_masked_is_silent),
		test(intx_requests_that_make_no_sense_are_einval),
		test(intx_loopback_signals),
		test(intx_takes_another_eventfd_or_none),
		test(intx_disable_bit_masks_it),
		test(intx_enabled_while_disabled_by_its_bit_is_masked),
		test(intx_is_unmasked_by_its_eventfd),
		test(intx_unmask_eventfd_takes_the_place_of_another),
		test(intx_with_an_unmask_eventfd_can_be_disabled),
		test(close_with_an_unmask_eventfd_ends_it),
		test(unmask_eventfd_obeys_the_disable_bit),
		test(events_are_set_signalled_and_taken_away),
		test(error_of_the_hardware_signals_err),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
