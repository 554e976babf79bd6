/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A PCI function made of bytes, and a program that uses it.
 *
 * The function records what the bus driver does to it, fails where it is told
 * to, and stops the test when the bus driver breaks the contract of
 * pci/vfio_pci.h: overlapping calls, vectors out of range, accesses while
 * memory decode is off.
 */
#ifndef TESTS_PCI_HARNESS_H
#define TESTS_PCI_HARNESS_H

#include "host.h"
#include "vfio_pci.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_VECTORS 2048
#define MAX_DEPS 8
#define NO_IRQ VFIO_PCI_NUM_IRQS

/* The template of fake_init(): where things are. */
enum {
	PM = 0x40,
	VPD = 0x48,
	MSI = 0x50,
	UNKNOWN = 0x68,
	MSIX = 0x70,
	EXP = 0x80,
	VENDOR = 0xc0,
	AF = 0xd0,
	PCIX = 0xd8,
	LAST_UNKNOWN = 0xe8,
	AER = 0x100,
	SERIAL = 0x150,
	EXT_UNKNOWN = 0x160,
	EXT_VENDOR = 0x180,
	POWER = 0x1a0,
	DVSEC = 0x1b0,
	ARI = 0x1c8,
	LTR = 0x1d0,

	BAR0_SIZE = 0x4000, /* 64-bit memory, may be mapped */
	BAR2_SIZE = 0x20, /* I/O */
	BAR3_SIZE = 0x1000, /* prefetchable memory, not to be mapped */
	BAR4_SIZE = 0x10000, /* memory with the MSI-X table, may be mapped */
	ROM_SIZE = 0x1000,
	TABLE_OFF = 0x2000,
	NR_MSI = 32,
	NR_MSIX = 64,
};

struct fake {
	struct vfio_pci_info info;
	struct device *dev;
	struct vfio_pci_device *vdev;
	char name[16];
	int group;

	/* What the function is now, after power-on, and what a write changes. */
	u8 config[4096];
	u8 power_on[4096];
	u8 mask[4096];
	u8 clear[4096]; /* a one clears */
	u8 was_read[4096];
	int memfd; /* of the BARs, at index << 20 */
	u8 *memory;
	u8 vga[0xc0000]; /* at the addresses it answers at */

	/* Guards the rest. */
	pthread_mutex_t lock;
	/* Calls in progress that must not overlap: of interrupts, about BARs,
	 * of configuration space. */
	unsigned int inside[3];
	unsigned int accesses; /* of BARs, in progress */
	bool enabled;
	bool memory_on;
	u32 irq_type;
	u32 nr_vectors;
	struct port_eventfd *trigger[MAX_VECTORS];
	bool line;
	bool masked;
	char log[16384];
	bool silent; /* records nothing */
	bool log_config;
	bool log_bars;

	/* Faults to inject: what the call returns. */
	int enable_ret;
	int irq_enable_ret;
	int reset_ret;
	int vga_ret;
	int wake_ret;
	int rests; /* not taken back */
	bool at_rest; /* BARs may be reached without memory decode */
	bool sleeps; /* it is put to sleep at rest */
	bool keep_command; /* enabling does not let it decode */

	struct vfio_pci_dependent deps[MAX_DEPS];
	unsigned int nr_deps;
	u64 area[MAX_DEPS][2]; /* of BAR 0: offset, length */
	unsigned int nr_areas; /* 0: no bar_area() at all */
	struct vfio_pci_hw_ops ops;
};

/* Starts the host, once for a test program. */
int machine_start(void **state);
int machine_stop(void **state);

/* An express function with everything, as the template says.  Change what the
 * test is about, then bind it. */
struct fake *fake_create(const char *name, int group);
void fake_bind(struct fake *fake);
/* Unbinds it if it is bound. */
void fake_destroy(struct fake *fake);

/* The calls since the last time, one a line. */
#define assert_calls(fake, expected)                                       \
	do {                                                               \
		char __log[sizeof((fake)->log)];                           \
		assert_string_equal(fake_take_log(fake, __log), expected); \
	} while (0)
char *fake_take_log(struct fake *fake, char *copy);

void fake_put(u8 *config, u32 off, u32 size, u32 val);
u32 fake_get(const u8 *config, u32 off, u32 size);
/* The function sends vector @vector of what is in use. */
void fake_fire(struct fake *fake, u32 vector);
/* Whoever it was, it does not sleep any more. */
void fake_woken(struct fake *fake);
/* Drives INTx. */
void fake_line(struct fake *fake, bool asserted);

/* ---- the program ---- */

struct user {
	int container;
	int group;
	int device;
};

/* Opens @fake with a container of its own. */
void user_open(struct user *user, struct fake *fake);
void user_close(struct user *user);
/* Only the group, attached. */
void user_open_group(struct user *user, int group);

long do_ioctl(const struct user *user, unsigned long cmd, void *arg);
/* The same, but nothing is in memory behind the first @len bytes of @arg. */
long do_ioctl_cut(const struct user *user, unsigned long cmd, const void *arg,
		  size_t len);
#define REGION(index) ((off_t)VFIO_PCI_INDEX_TO_OFFSET(index))
#define CONFIG REGION(VFIO_PCI_CONFIG_REGION_INDEX)
u32 config_read(const struct user *user, u32 off, u32 size);
void config_write(const struct user *user, u32 off, u32 size, u32 val);

#define MAX_IRQ_DATA 64
/* VFIO_DEVICE_SET_IRQS with @count eventfds or bytes; NULL: none. */
long set_irqs(const struct user *user, u32 index, u32 flags, u32 start,
	      u32 count, const void *data, size_t data_len);
long set_eventfds(const struct user *user, u32 index, u32 start, u32 count,
		  const int *fds);
long set_none(const struct user *user, u32 index, u32 action, u32 start,
	      u32 count);
long set_bools(const struct user *user, u32 index, u32 action, u32 start,
	       u32 count, const u8 *bools);

int new_eventfd(void);
/* How often it was signalled since last asked; never waits. */
u64 eventfd_take(int fd);
/* Waits until it is signalled. */
u64 eventfd_wait(int fd);

#endif /* TESTS_PCI_HARNESS_H */
