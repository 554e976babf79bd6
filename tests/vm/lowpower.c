// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The low power features: the user lets the host put a function to sleep.
 *
 *   lowpower GROUP BDF      an e1000e
 */
#include <err.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>

#include "../uapi/uapi.h"

#define ENTRY VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
#define WITH_WAKEUP VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
#define EXIT VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE

#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

/* The card's registers: a value of its own; interrupts: raise, let through, not. */
#define VLAN_TYPE 0x38
#define ICS 0xc8
#define IMS 0xd0
#define IMC 0xd8
#define LINK_CHANGED 4u

static struct chain chain;
static volatile char *bar;

static long feature(uint32_t what, uint32_t argsz, int fd)
{
	struct {
		struct vfio_device_feature header;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} arg = {
		.header = { .argsz = argsz, .flags = what },
		.entry = { .wakeup_eventfd = fd },
	};

	return call(ioctl(chain.device, VFIO_DEVICE_FEATURE, &arg));
}

static long enter(void)
{
	return feature(SET | ENTRY, 8, 0);
}

static long leave(void)
{
	return feature(SET | EXIT, 8, 0);
}

static uint32_t vendor(void)
{
	uint16_t id = 0;

	if (pread(chain.device, &id, 2, CONFIG) != 2)
		err(1, "config");
	return id;
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, 1);
}

/* The register by the mapping, or -EFAULT. */
static long touch(unsigned int reg)
{
	if (sigsetjmp(fault, 1))
		return -EFAULT;
	return *(volatile uint32_t *)(bar + reg);
}

static FILE *open_sysfs(const char *name, const char *mode)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
		 uapi.device_name, name);
	file = fopen(path, mode);
	if (!file)
		err(1, "%s", path);
	return file;
}

static bool sysfs_is(const char *name, const char *want)
{
	FILE *file = open_sysfs(name, "re");
	char word[32] = "";

	if (fscanf(file, "%31s", word) != 1)
		errx(1, "%s", name);
	fclose(file);
	return !strcmp(word, want);
}

/* The host needs a moment to decide it. */
static bool sleeps(void)
{
	unsigned int i;

	for (i = 0; i < 60000; i++) {
		if (sysfs_is("power/runtime_status", "suspended"))
			return sysfs_is("power_state", "D3hot");
		usleep(1000);
	}
	return false;
}

static bool is_awake(void)
{
	return sysfs_is("power/runtime_status", "active") &&
	       sysfs_is("power_state", "D0");
}

static void set_control(const char *word)
{
	FILE *file = open_sysfs("power/control", "we");

	if (fputs(word, file) < 0 || fclose(file))
		err(1, "power/control");
}

static long signals(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? (long)n : 0;
}

/* ---- the tests ---- */

static void test_arguments(int fd)
{
	check("D1_low_power_probe", feature(PROBE | SET | ENTRY, 8, 0), 0);
	check("D1_low_power_with_wakeup_probe",
	      feature(PROBE | SET | WITH_WAKEUP, 8, 0), 0);
	check("D1_low_power_exit_probe", feature(PROBE | SET | EXIT, 8, 0), 0);
	check("D1_low_power_get_is_einval",
	      feature(VFIO_DEVICE_FEATURE_GET | ENTRY, 8, 0), -EINVAL);
	check("D1_low_power_nothing_is_einval", feature(ENTRY, 8, 0), -EINVAL);
	check("D1_low_power_short_argsz_is_einval",
	      feature(SET | WITH_WAKEUP, 15, fd), -EINVAL);
	check("D1_low_power_closed_fd_is_ebadf",
	      feature(SET | WITH_WAKEUP, 16, 999), -EBADF);
	check("D1_low_power_no_eventfd_is_einval",
	      feature(SET | WITH_WAKEUP, 16, chain.group), -EINVAL);
	check("D1_low_power_exit_of_none", leave(), 0);
}

static void test_rest(void)
{
	uint32_t val = 0;

	check("D1_low_power_entry", enter(), 0);
	check("D1_low_power_it_sleeps", sleeps(), 1);
	check("D1_low_power_second_entry_is_einval", enter(), -EINVAL);
	check("D1_low_power_config_answers", vendor(), 0x8086);
	check("D1_low_power_bar_answers",
	      call(pread(chain.device, &val, 4, VLAN_TYPE)), 4);
	check("D1_low_power_bar_has_what_was_written", val, 0x5a5a);
	check("D1_low_power_it_sleeps_again", sleeps(), 1);
	check("D4_low_power_mapping_faults", touch(VLAN_TYPE), -EFAULT);
	check("D4_low_power_fault_does_not_wake_it", sleeps(), 1);
	check("D1_low_power_exit", leave(), 0);
	check("D1_low_power_it_is_awake", is_awake(), 1);
	check("D4_low_power_mapping_is_back", touch(VLAN_TYPE), 0x5a5a);
}

static void test_wakeup(int fd)
{
	check("D1_wakeup_entry", feature(SET | WITH_WAKEUP, 16, fd), 0);
	check("D1_wakeup_it_sleeps", sleeps(), 1);
	check("D1_wakeup_nobody_woke_it", signals(fd), 0);
	check("D4_wakeup_mapping_faults", touch(VLAN_TYPE), -EFAULT);
	check("D1_wakeup_config_wakes_it", vendor(), 0x8086);
	check("D1_wakeup_is_told", signals(fd), 1);
	check("D4_wakeup_mapping_is_back", touch(VLAN_TYPE), 0x5a5a);
	check("D1_wakeup_exit_is_not_needed", leave(), 0);

	check("D1_wakeup_entry_again", feature(SET | WITH_WAKEUP, 16, fd), 0);
	check("D1_wakeup_it_sleeps_again", sleeps(), 1);
	set_control("on");
	check("D1_wakeup_by_the_host_is_told", await(fd), 1);
	check("D4_wakeup_by_the_host_mapping_is_back", touch(VLAN_TYPE),
	      0x5a5a);
	set_control("auto");
	check("D1_wakeup_it_stays_awake", is_awake(), 1);
}

static void test_interrupt(uint32_t index, const char *kind)
{
	int event = eventfd(0, EFD_NONBLOCK);
	const uint32_t bit = LINK_CHANGED;
	char name[64];

	snprintf(name, sizeof(name), "B6_low_power_%s", kind);
	check(name, set_trigger(chain.device, index, event), 0);
	snprintf(name, sizeof(name), "B6_low_power_%s_sleeps", kind);
	check(name, !enter() && sleeps(), 1);
	snprintf(name, sizeof(name), "B6_low_power_%s_is_awake", kind);
	check(name, !leave() && is_awake(), 1);
	pwrite(chain.device, &bit, 4, IMS);
	pwrite(chain.device, &bit, 4, ICS);
	snprintf(name, sizeof(name), "B6_low_power_%s_arrives", kind);
	check(name, await(event) > 0, 1);
	pwrite(chain.device, &bit, 4, IMC);
	snprintf(name, sizeof(name), "B6_low_power_%s_off", kind);
	check(name, clear_triggers(chain.device, index), 0);
	close(event);
}

int main(int argc, char **argv)
{
	const uint16_t command = 6;
	const uint32_t type = 0x5a5a;
	int fd = eventfd(0, EFD_NONBLOCK);

	if (argc != 3)
		errx(2, "usage: lowpower GROUP BDF");
	chain = open_named(argv[1], argv[2]);
	signal(SIGBUS, on_fault);
	bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, chain.device,
		   0);
	if (bar == MAP_FAILED ||
	    pwrite(chain.device, &command, 2, CONFIG + 4) != 2 ||
	    pwrite(chain.device, &type, 4, VLAN_TYPE) != 4)
		err(1, "the card");
	test_arguments(fd);
	test_rest();
	test_wakeup(fd);
	test_interrupt(VFIO_PCI_MSI_IRQ_INDEX, "msi");
	test_interrupt(VFIO_PCI_INTX_IRQ_INDEX, "intx");
	/* The last close ends it. */
	check("D1_low_power_entry_before_close", enter(), 0);
	check("D1_low_power_it_sleeps_before_close", sleeps(), 1);
	munmap((void *)bar, 4096);
	close_chain(&chain);
	chain = open_device();
	check("D1_low_power_reopened", vendor(), 0x8086);
	check("D1_low_power_reopened_is_awake", is_awake(), 1);
	close_chain(&chain);
	return check_summary();
}
