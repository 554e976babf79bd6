/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Configuration space as hardware has it (by the hardware operations, since the
 * bus driver shows the program another one), and what lspci reads in it.
 */
#include "harness.h"
#include "pci_device.h"

#include <stdlib.h>
#include <unistd.h>

static struct client c;

static uint32_t hw_read(unsigned int off, unsigned int size)
{
	return function_config_read(probe.dev, off, size);
}

static void hw_write(unsigned int off, unsigned int size, uint32_t val)
{
	function_config_write(probe.dev, off, size, val);
}

/* ---- identity and header ---- */

static void identity_is_what_the_model_set(void **state)
{
	assert_int_equal(hw_read(0, 4), 0x0bee1234);
	assert_int_equal(hw_read(8, 4), 0xff010242);
	assert_int_equal(hw_read(0x2c, 4), 0x5678abcd);
	assert_int_equal(hw_read(0x3d, 1), 1);
	assert_int_equal(hw_read(0x0e, 1), 0);
	hw_write(0, 4, 0);
	hw_write(8, 4, 0);
	assert_int_equal(hw_read(0, 4), 0x0bee1234);
	assert_int_equal(hw_read(8, 4), 0xff010242);
	/* The program sees the same. */
	assert_int_equal(config_read(&c, 0, 4), 0x0bee1234);
}

static void bar_registers_show_the_size_when_ones_are_written(void **state)
{
	static const struct {
		unsigned int off;
		uint32_t size_mask, kind;
	} bars[] = {
		{ 0x10, 0xffff0000, 0xc }, /* 64 KiB, 64 bits, prefetchable */
		{ 0x14, 0xffffffff, 0 },
		{ 0x18, 0xfffff000, 0 },
		{ 0x1c, 0xffffffe0, 1 },
		{ 0x20, 0, 0 },
		{ 0x24, 0, 0 },
		{ 0x30, 0, 0 },
	};
	unsigned int i;
	uint32_t was;

	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		was = hw_read(bars[i].off, 4);
		assert_int_equal(was & ~bars[i].size_mask, bars[i].kind);
		hw_write(bars[i].off, 4, 0xffffffff);
		assert_int_equal(hw_read(bars[i].off, 4),
				 bars[i].size_mask | bars[i].kind);
		hw_write(bars[i].off, 4, was);
		assert_int_equal(hw_read(bars[i].off, 4), was);
	}
}

static void command_keeps_the_bits_that_exist(void **state)
{
	hw_write(4, 2, 0xffff);
	assert_int_equal(hw_read(4, 2), 0x0547);
	hw_write(4, 2, 0);
	assert_int_equal(hw_read(4, 2), 0);
	/* A byte at a time. */
	hw_write(5, 1, 4);
	assert_int_equal(hw_read(4, 2), 0x0400);
	hw_write(6, 2, 0xffff);
	assert_int_equal(hw_read(6, 2), 0x0010);
}

static void access_beyond_the_end_is_ones_and_nothing(void **state)
{
	assert_int_equal(hw_read(4096, 4), 0xffffffff);
	assert_int_equal(hw_read(4095, 1), 0);
	hw_write(4096, 4, 1);
}

/* ---- capabilities ---- */

static void capabilities_come_in_the_order_of_the_contract(void **state)
{
	static const unsigned int ids[] = { 0x01, 0x05, 0x11, 0x10, 0x09 };
	unsigned int off = hw_read(0x34, 1), i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_true(off >= 0x40 && off % 4 == 0);
		assert_int_equal(hw_read(off, 1), ids[i]);
		off = hw_read(off + 1, 1);
	}
	assert_int_equal(off, 0);
	assert_int_equal(hw_read(6, 2) & 0x10, 0x10);
}

static void power_states_are_d0_and_d3hot(void **state)
{
	unsigned int pm = config_cap(&c, 1);

	hw_write(pm + 4, 2, 3);
	assert_int_equal(hw_read(pm + 4, 2), 0x000b);
	hw_write(pm + 4, 2, 1);
	assert_int_equal(hw_read(pm + 4, 2) & 3, 3);
	hw_write(pm + 4, 2, 0);
	assert_int_equal(hw_read(pm + 4, 2) & 3, 0);
	hw_write(pm + 4, 2, 2);
	assert_int_equal(hw_read(pm + 4, 2) & 3, 0);
	/* What was set before sleeping is still there. */
	assert_int_equal(hw_read(4, 2) & 3, 3);
}

static void own_capability_keeps_its_mask_and_tells_the_model(void **state)
{
	unsigned int cap = config_cap(&c, 9);

	assert_int_equal(cap, probe.own_cap);
	assert_int_equal(hw_read(cap + 2, 2), 0x0201);
	hw_write(cap + 4, 4, 0xaaaaaaaa);
	assert_int_equal(hw_read(cap + 4, 4), 0x06050aaa);
	assert_int_equal(probe.writes_of_config, 1);
	assert_int_equal(probe.written_off, cap + 4);
	assert_int_equal(probe.written_size, 4);
	assert_int_equal(anyvfio_pci_config(probe.dev, cap + 4, 2), 0x0aaa);
	hw_write(0x3c, 1, 5);
	assert_int_equal(probe.writes_of_config, 1);
	assert_int_equal(anyvfio_pci_config(probe.dev, 4096, 4), 0xffffffff);
	assert_int_equal(anyvfio_pci_config(probe.dev, 0, 8), 0xffffffff);
}

static void own_capability_is_read_through_the_model(void **state)
{
	unsigned int cap = config_cap(&c, 9), reads = probe.reads_of_config;

	probe.config_flip = 0xff00ff;
	assert_int_equal(config_read(&c, cap + 4, 4), 0x06050403 ^ 0xff00ff);
	assert_int_equal(probe.reads_of_config, reads + 1);
	assert_int_equal(probe.read_off, cap + 4);
	assert_int_equal(probe.read_size, 4);
	/* What the model adds beyond the access does not come through. */
	assert_int_equal(config_read(&c, cap + 6, 1), 0x05 ^ 0xff);
	assert_int_equal(probe.read_size, 1);
	/* The model asks for what is there. */
	assert_int_equal(anyvfio_pci_config(probe.dev, cap + 4, 4), 0x06050403);
	/* The rest of config space is the host's. */
	reads = probe.reads_of_config;
	assert_int_equal(hw_read(0, 4), 0x0bee1234);
	assert_int_equal(probe.reads_of_config, reads);
	probe.config_flip = 0;
}

static void function_level_reset_brings_power_on_state_back(void **state)
{
	unsigned int exp = config_cap(&c, 0x10), resets = probe.resets;

	hw_write(0x3c, 1, 0x55);
	hw_write(exp + 8, 2, 0x5000);
	assert_int_equal(hw_read(exp + 8, 2), 0x5000);
	assert_int_equal(probe.resets, resets);
	hw_write(exp + 8, 2, 0xd000);
	assert_int_equal(probe.resets, resets + 1);
	assert_int_equal(hw_read(0x3c, 1), 0);
	assert_int_equal(hw_read(exp + 8, 2), 0x2810);
	/* By its upper byte alone. */
	hw_write(exp + 9, 1, 0x80);
	assert_int_equal(probe.resets, resets + 2);
}

/* ---- lspci ---- */

/* What lspci -vvv makes of the bytes, as it says for people. */
static void run_lspci(const uint8_t *config, size_t size, char *out,
		      size_t out_size)
{
	char path[] = "/tmp/anyvfio-lspci-XXXXXX", command[128];
	int fd = mkstemp(path);
	FILE *dump = fdopen(fd, "w"), *lspci;
	size_t i;

	assert_non_null(dump);
	fprintf(dump, "01:00.0 Device: test");
	for (i = 0; i < size; i++) {
		if (i % 16 == 0)
			fprintf(dump, "\n%02zx:", i);
		fprintf(dump, " %02x", config[i]);
	}
	fprintf(dump, "\n");
	fclose(dump);
	snprintf(command, sizeof(command), "lspci -vvv -F %s 2>&1", path);
	lspci = popen(command, "r");
	assert_non_null(lspci);
	out[fread(out, 1, out_size - 1, lspci)] = '\0';
	assert_int_equal(pclose(lspci), 0);
	unlink(path);
}

static void assert_said(const char *out, const char *what)
{
	if (!strstr(out, what)) {
		print_message("lspci does not say \"%s\":\n%s", what, out);
		fail();
	}
}

static void lspci_decodes_every_capability(void **state)
{
	static const char *const said[] = {
		"Capabilities: [40] Power Management version 3",
		"Status: D0 NoSoftRst+",
		"MSI: Enable- Count=1/8 Maskable+ 64bit+",
		"MSI-X: Enable- Count=80 Masked-",
		"Vector table: BAR=0 offset=00004000",
		"PBA: BAR=0 offset=00005000",
		"Express (v2) Endpoint, MSI 00",
		"FLReset+",
		"MaxPayload 128 bytes, MaxReadReq 512 bytes",
		"LnkCap:\tPort #0, Speed 2.5GT/s, Width x1, ASPM not supported",
		"LnkSta:\tSpeed 2.5GT/s",
		"Vendor Specific Information: Len=01",
		"Interrupt: pin A",
	};
	static const char *const wrong[] = { "unknown", "Unknown", "broken",
					     "!!!",	"invalid", "<chain" };
	struct host_pci_sysfs sysfs;
	char out[8192];
	unsigned int i;

	host_pci_sysfs(probe.dev, &sysfs);
	assert_int_equal(sysfs.config_size, 4096);
	run_lspci(sysfs.config, sysfs.config_size, out, sizeof(out));
	for (i = 0; i < ARRAY_SIZE(said); i++)
		assert_said(out, said[i]);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (strstr(out, wrong[i]))
			print_message("%s", out);
		assert_null(strstr(out, wrong[i]));
	}
}

static void sysfs_has_identity_group_and_resources(void **state)
{
	struct host_pci_sysfs sysfs;

	host_pci_sysfs(probe.dev, &sysfs);
	assert_string_equal(sysfs.name, DEVICE_NAME);
	assert_int_equal(sysfs.group, 1);
	assert_int_equal(sysfs.resource[0].last - sysfs.resource[0].start,
			 PROBE_BAR0_SIZE - 1);
	assert_int_equal(sysfs.resource[0].flags, 0x14220c);
	assert_int_equal(sysfs.resource[0].start & (PROBE_BAR0_SIZE - 1), 0);
	assert_int_equal(sysfs.resource[1].flags, 0);
	assert_int_equal(sysfs.resource[2].flags, 0x40200);
	assert_int_equal(sysfs.resource[2].last - sysfs.resource[2].start,
			 4095);
	assert_int_equal(sysfs.resource[3].flags, 0x40101);
	assert_int_equal(sysfs.resource[6].flags, 0);
	/* The registers say the same. */
	assert_int_equal(hw_read(0x10, 4) & ~0xfu,
			 (uint32_t)sysfs.resource[0].start);
	assert_int_equal(hw_read(0x14, 4), sysfs.resource[0].start >> 32);
	assert_int_equal(hw_read(0x1c, 4) & ~3u, sysfs.resource[3].start);
}

static int setup(void **state)
{
	machine_start(PROBE);
	client_open(&c);
	return 0;
}

static int teardown(void **state)
{
	client_close(&c);
	machine_stop();
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity_is_what_the_model_set),
		T(bar_registers_show_the_size_when_ones_are_written),
		T(command_keeps_the_bits_that_exist),
		T(access_beyond_the_end_is_ones_and_nothing),
		T(capabilities_come_in_the_order_of_the_contract),
		T(power_states_are_d0_and_d3hot),
		T(own_capability_keeps_its_mask_and_tells_the_model),
		T(own_capability_is_read_through_the_model),
		T(function_level_reset_brings_power_on_state_back),
		T(lspci_decodes_every_capability),
		T(sysfs_has_identity_group_and_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
