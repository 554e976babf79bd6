/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of the core share: a fake backend, a fake bus driver, the
 * calls of a user, and hooks in the port.
 *
 * Both fakes write what they are asked into one trace, so that a test can
 * compare the order of things with a string.  Races are shown without threads
 * where that is possible: a fake's callback does what another thread would do
 * at that very moment.
 */
#ifndef ANYVFIO_TESTS_CORE_FIXTURE_H
#define ANYVFIO_TESTS_CORE_FIXTURE_H

#include "host.h"
#include "policy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <cmocka.h>

/* For cmocka: the core from its start to its end, in which nothing is left. */
int setup(void **state);
int teardown(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- the trace ---- */

void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Compares what was noted since the last call, words separated by a space. */
#define assert_trace(want)                      \
	do {                                    \
		char got[TRACE_LEN];            \
		take_trace(got);                \
		assert_string_equal(got, want); \
	} while (0)
#define TRACE_LEN 1024
void take_trace(char got[TRACE_LEN]);
void forget_trace(void);
/* For tests with threads, which a lock around the trace would line up. */
extern bool trace_off;

/* ---- the fake backend ---- */

/* Extensions and commands that only fakes know. */
#define EXT_FAKE 1000ul
#define CMD_FAKE 0x3b99u

/**
 * struct backend - a fake, as the driver; each of its address spaces has the
 * groups attached to it
 * @tag:         its letter in the trace
 * @extension:   what it claims to know
 * @unknown:     its answer for any other
 * @open_error, @attach_error: what these answer
 * @attach_fail: the group @attach_error is for
 * @live:        address spaces opened and not released
 * @extension_after_open: what it answers to CHECK_EXTENSION then
 * @on_ioctl:    called in the middle of an ioctl on an address space
 * @on_pin, @on_attach: in the middle of these
 * @listener:    the notifier registered last
 */
struct backend {
	char tag;
	unsigned long extension;
	long unknown;
	int open_error;
	int attach_error;
	int attach_fail;
	int live;
	long extension_after_open;
	void (*on_ioctl)(void);
	void (*on_pin)(void);
	void (*on_attach)(void);
	struct notifier_block *listener;
	struct module module;
};

extern struct backend alpha, beta;
extern const struct vfio_iommu_driver_ops alpha_ops, beta_ops;

/* ---- the fake bus driver ---- */

/**
 * struct fake - a device with the fake bus driver
 * @open_error: what open answers
 * @opens:      opened and not released
 * @on_open, @on_release, @on_request, @on_ioctl: in the middle of these
 * @requests:   how often it was asked to be given back
 */
struct fake {
	struct device *dev;
	struct iommu_group *iommu_group;
	const char *name;
	int open_error;
	int opens;
	unsigned int requests;
	void (*on_open)(struct fake *fake);
	void (*on_release)(struct fake *fake);
	void (*on_request)(struct fake *fake, unsigned int count);
	void (*on_ioctl)(struct fake *fake);
};

extern const struct vfio_device_ops fake_ops;
extern struct module fake_module;
extern const struct host_driver vfio_driver, native_driver;

/* A device on the bus, bound to vfio_driver, in the core; -1: no IOMMU. */
struct fake *fake_add(const char *name, int group);
struct fake *fake_add_ops(const char *name, int group,
			  const struct vfio_device_ops *ops);
/* All of it undone; waits as vfio_del_group_dev() does. */
void fake_remove(struct fake *fake);

/* ---- a user ---- */

int open_container(void);
int open_group(int id); /* or a negated errno */
long set_container(int group, int container);
long unset_container(int group);
long set_iommu(int container, unsigned long type);
long get_device_fd(int group, const char *name);
/* The flags, or a negated errno. */
long get_status(int group);
long check_extension(int container, unsigned long extension);
void close_fd(int fd);

/* A container with backend alpha, one group in it. */
struct user {
	int container;
	int group;
	int device;
};

/* Opens all three; @name NULL: no device. */
struct user user_open(int group, const char *name);
void user_close(struct user *user);
/* An external user of that group (X1), or an ERR_PTR. */
struct vfio_group *get_external(int fd);

/* What another thread does at this very moment: runs @fn in one, to its end. */
void elsewhere(void (*fn)(void));

/* ---- hooks in the port ---- */

/* Instead of port_wait(). */
extern int (*wait_hook)(struct completion *done, unsigned int ms,
			bool interruptible);
/* Instead of the moment in which who let go of the device may leave; without
 * it nobody does, and no time passes. */
extern int (*leave_hook)(struct completion *done);
int __real_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible);
/* For such a hook that did what the wait is for: 0, and fails when the wait would
 * not have ended. */
int woken(struct completion *done);

/* The @nth call from now on that can fail, of those in core/, does; 0: none.
 * fault_fired() tells whether it came to that, and disarms. */
void fault_arm(unsigned int nth);
bool fault_fired(void);
/* Instead of port_capable(). */
extern bool (*capable_hook)(enum port_cap cap);
/* Instead of port_iommu_group_viable(). */
extern bool (*viable_hook)(struct iommu_group *group);

/* Tells how many of these, up to four, were given to port_free(). */
void watch_free(const void *ptr);
unsigned int frees_taken(void);

/* What port_kvm_get() and port_kvm_put() count. */
struct kvm {
	int holds;
	bool going;
};

/* For tests with bad pointers: the host's handlers instead of cmocka's. */
void take_faults(void);

/* ---- WARN_ON that a test provokes ---- */

/* Counts them instead of aborting, until warns_taken(). */
void expect_warns(void);
unsigned int warns_taken(void);

#endif /* ANYVFIO_TESTS_CORE_FIXTURE_H */
