/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random calls: SET_IRQS against a small model of what the uAPI says, writes to
 * configuration space, accesses, resets.  After each the function must be as the
 * model says; the function itself checks the contract of its operations.
 *
 *   pci-random [SEED [COUNT]]
 */
#include "irq_model.h"

#define NR_FDS 4

static struct fake *fake;
static struct user user;
static int fds[NR_FDS];
static u64 random_state;

static u32 random_below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % n;
}

/* Small numbers are common, others possible. */
static u32 random_size(u32 n)
{
	return random_below(4) ? random_below(min(n, 6u)) : random_below(n);
}

static struct irq_model model;

static void assert_as_modelled(void)
{
	u32 command = config_read(&user, 0x04, 2), i;
	bool asleep = (config_read(&user, PM + 4, 1) & 3) == 3;

	assert_int_equal(fake->irq_type, model.type);
	assert_int_equal(fake->nr_vectors, model.nr_vectors);
	for (i = 0; i < NR_MSIX; i++)
		assert_int_equal(!!fake->trigger[i], model.wired[i]);
	assert_int_equal(config_read(&user, MSI + 2, 2) & 1,
			 model.type == VFIO_PCI_MSI_IRQ_INDEX);
	assert_int_equal(config_read(&user, MSIX + 2, 2) >> 15,
			 model.type == VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(fake->memory_on, command & 2 && !asleep);
	assert_int_equal(config_read(&user, 0, 4), 0x56781234);
}

/* ---- the calls ---- */

static void random_set_irqs(void)
{
	const u32 actions[] = { VFIO_IRQ_SET_ACTION_MASK,
				VFIO_IRQ_SET_ACTION_UNMASK,
				VFIO_IRQ_SET_ACTION_TRIGGER,
				VFIO_IRQ_SET_ACTION_TRIGGER };
	struct irq_request req;
	const void *data = NULL;
	size_t size = 0;
	long ret;
	u32 i;

	req.index = random_below(8) ? random_below(3) : random_below(6);
	req.data = 1u << random_below(3);
	req.action = actions[random_below(4)];
	req.start = random_below(3) ? 0 : random_size(NR_MSIX + 2);
	req.count = random_below(3) ? 1 : random_size(MAX_IRQ_DATA);
	for (i = 0; i < MAX_IRQ_DATA; i++) {
		req.fds[i] = random_below(4) ? fds[random_below(NR_FDS)] : -1;
		req.bools[i] = random_below(2);
	}
	if (!random_below(20))
		req.fds[random_size(MAX_IRQ_DATA)] = BAD_FD;

	if (req.data == VFIO_IRQ_SET_DATA_EVENTFD) {
		data = req.fds;
		size = req.count * sizeof(req.fds[0]);
	} else if (req.data == VFIO_IRQ_SET_DATA_BOOL) {
		data = req.bools;
		size = req.count;
	}
	ret = set_irqs(&user, req.index, req.data | req.action, req.start,
		       req.count, data, size);
	assert_int_equal(ret, irq_model_set(&model, &req));
}

static void random_config_write(void)
{
	const u32 off[] = { 0x04,    0x05,   0x10,	 PM + 4,   EXP + 8,
			    EXP + 9, AF + 4, MSI + 2,	 MSIX + 2, MSIX + 3,
			    0x30,    0x3c,   EXP + 0x28, AER + 4 };
	u32 at = random_below(3) ? off[random_below(ARRAY_SIZE(off))]
				 : random_below(4096);
	u8 bytes[80];
	u32 len = random_below(4) ? 1 + random_below(4) : random_below(80);
	u32 i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = random_below(256);
	/* A program that puts it to sleep and stays so is a dull one. */
	if (at == PM + 4 && random_below(2))
		bytes[0] &= ~3;
	assert_int_equal(host_fd_pwrite(user.device, bytes, len, CONFIG + at),
			 at + len > 4096 && len ? -EFAULT : (long)len);
}

static void random_access(void)
{
	const u64 size[] = { BAR0_SIZE, 0, BAR2_SIZE, BAR3_SIZE,
			     BAR4_SIZE, 0, ROM_SIZE };
	u32 bar = random_below(7), len = 1 + random_below(40);
	u64 off = random_below(2) ? random_below(0x40) : random_below(0x12000);
	u8 bytes[40] = { 0 };
	long expected = min_t(u64, len, size[bar] - off);

	if (off >= size[bar])
		expected = -EINVAL;
	else if (bar != 2 && !fake->memory_on)
		expected = -EIO;
	assert_int_equal(
		host_fd_pread(user.device, bytes, len, REGION(bar) + off),
		expected);
	if (bar == 6)
		expected = -EINVAL;
	assert_int_equal(
		host_fd_pwrite(user.device, bytes, len, REGION(bar) + off),
		expected);
}

static void random_event(void)
{
	u64 one = 1;

	switch (random_below(6)) {
	case 0:
		fake_line(fake, random_below(2));
		break;
	case 1:
		fake_fire(fake, random_below(NR_MSIX));
		break;
	case 2:
		vfio_pci_error(fake->vdev);
		break;
	case 3:
		assert_int_equal(do_ioctl(&user, VFIO_DEVICE_RESET, NULL), 0);
		break;
	default:
		assert_int_equal(write(fds[random_below(NR_FDS)], &one, 8), 8);
	}
}

static void random_call(void)
{
	switch (random_below(4)) {
	case 0:
		random_config_write();
		break;
	case 1:
		random_access();
		break;
	case 2:
		random_event();
		break;
	default:
		random_set_irqs();
	}
}

static u64 first_seed = 1;
static u32 count = 6000;

static void run(u64 seed)
{
	char log[sizeof(fake->log)];
	u32 i;

	print_message("seed %llu\n", (unsigned long long)seed);
	random_state = seed * 0x9e3779b97f4a7c15;
	irq_model_init(&model);
	fake = fake_create("0000:01:00.0", 7);
	fake_bind(fake);
	user_open(&user, fake);
	for (i = 0; i < count; i++) {
		random_call();
		assert_as_modelled();
		fake_take_log(fake, log);
	}
	user_close(&user);
	fake_destroy(fake);
}

static void random_calls_follow_the_model(void **state)
{
	u32 i;

	for (i = 0; i < NR_FDS; i++)
		fds[i] = new_eventfd();
	for (i = 0; i < 3; i++)
		run(first_seed + i);
	for (i = 0; i < NR_FDS; i++)
		close(fds[i]);
}

/* Lists of capabilities made of noise must end, whatever they say. */
static void random_configuration_can_be_opened(void **state)
{
	u32 i, n;

	random_state = 99;
	for (n = 0; n < 200; n++) {
		fake = fake_create("0000:01:00.0", 7);
		for (i = 0x40; i < 4096; i++)
			fake->power_on[i] = random_below(8) ? 0
							    : random_below(256);
		for (i = 0x40; i < 4096; i += 4)
			if (random_below(2))
				fake_put(fake->power_on, i, 2,
					 1 + random_below(0x24) +
						 (random_below(48) << 10) +
						 0x4000);
		fake_bind(fake);
		user_open(&user, fake);
		for (i = 0x40; i < 4096; i += 4)
			config_write(&user, i, 4, random_state);
		assert_int_equal(config_read(&user, 0, 4), 0x56781234);
		user_close(&user);
		fake_destroy(fake);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_calls_follow_the_model),
		cmocka_unit_test(random_configuration_can_be_opened),
	};

	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		count = strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
