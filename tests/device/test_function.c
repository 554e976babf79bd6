/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The life of a software function, its BARs, and what a reset does. */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

static struct client c;

static int setup(void **state)
{
	machine_start(PROBE);
	client_open(&c);
	return 0;
}

static int teardown(void **state)
{
	client_close(&c);
	assert_false(probe.overlapped);
	machine_stop();
	assert_int_equal(probe.destroys, 1);
	assert_int_equal(probe.stops, probe.starts);
	return 0;
}

/* ---- life ---- */

static void open_starts_and_last_close_stops_the_model(void **state)
{
	int second = host_fd_ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD,
				   (unsigned long)DEVICE_NAME);

	assert_true(second >= 0);
	assert_int_equal(probe.starts, 1);
	assert_true(probe.resets >= 1);
	assert_int_equal(host_fd_close(c.device), 0);
	assert_int_equal(probe.stops, 0);
	c.device = second;
	client_close(&c);
	assert_int_equal(probe.stops, 1);
	client_open(&c);
	assert_int_equal(probe.starts, 2);
}

static void failing_start_is_the_openers_error(void **state)
{
	assert_int_equal(host_fd_close(c.device), 0);
	probe.start_error = -ENOSPC;
	assert_int_equal(host_fd_ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD,
				       (unsigned long)DEVICE_NAME),
			 -ENOSPC);
	probe.start_error = 0;
	c.device = host_fd_ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD,
				 (unsigned long)DEVICE_NAME);
	assert_true(c.device >= 0);
}

/* The mapping holds the device, as in a kernel. */
static void mapping_outlives_the_descriptor(void **state)
{
	volatile uint32_t *regs =
		bar_map(&c, 0, 0, 4096, PROT_READ | PROT_WRITE);

	assert_int_equal(host_fd_close(c.device), 0);
	regs[4] = 77;
	assert_int_equal(regs[4], 77);
	assert_int_equal(probe.stops, 0);
	bar_unmap((void *)regs, 4096);
	assert_int_equal(probe.stops, 1);
	c.device = -1;
}

/* ---- BARs ---- */

static void plain_pages_are_memory_for_everybody(void **state)
{
	uint32_t *mapped =
		bar_map(&c, 0, PROBE_PLAIN, 0x2000, PROT_READ | PROT_WRITE);
	uint32_t *model = anyvfio_pci_bar_memory(probe.dev, 0);

	mapped[1] = 0x11111111;
	mapped[0x1000 / 4] = 0x22222222;
	assert_int_equal(model[PROBE_PLAIN / 4 + 1], 0x11111111);
	assert_int_equal(region_read(&c, 0, PROBE_PLAIN + 0x1000, 4),
			 0x22222222);
	region_write(&c, 0, PROBE_PLAIN + 8, 2, 0x3333);
	assert_int_equal(mapped[2], 0x3333);
	assert_int_equal(probe.nr, 0);
	bar_unmap(mapped, 0x2000);
}

static void read_direct_pages_read_memory_and_write_to_the_model(void **state)
{
	uint32_t *model = anyvfio_pci_bar_memory(probe.dev, 0);
	volatile uint32_t *mapped =
		bar_map(&c, 0, PROBE_READ_DIRECT, 4096, PROT_READ | PROT_WRITE);

	model[PROBE_READ_DIRECT / 4 + 2] = 0xabcd;
	assert_int_equal(mapped[2], 0xabcd);
	assert_int_equal(region_read(&c, 0, PROBE_READ_DIRECT + 8, 4), 0xabcd);
	assert_int_equal(probe.nr, 0);
	mapped[2] = 5;
	region_write(&c, 0, PROBE_READ_DIRECT + 12, 4, 6);
	assert_int_equal(probe.nr, 2);
	assert_true(probe.log[0].write && probe.log[0].val == 5 &&
		    probe.log[0].off == PROBE_READ_DIRECT + 8);
	assert_true(probe.log[1].write && probe.log[1].val == 6);
	assert_int_equal(mapped[2], 0xabcd);
	bar_unmap((void *)mapped, 4096);
}

/* A mapping that is a part of a BAR, beginning anywhere. */
static void mapping_of_a_part_shows_that_part(void **state)
{
	volatile uint32_t *all =
		bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	volatile uint32_t *part =
		bar_map(&c, 0, PROBE_PLAIN + 0x1000, 0x1000, PROT_READ);

	all[(PROBE_PLAIN + 0x1008) / 4] = 9;
	assert_int_equal(part[2], 9);
	all[0x6000 / 4] = 10;
	assert_int_equal(probe.log[0].off, 0x6000);
	bar_unmap((void *)all, PROBE_BAR0_SIZE);
	bar_unmap((void *)part, 0x1000);
}

static void other_bars_reach_the_model_under_their_number(void **state)
{
	volatile uint16_t *two =
		bar_map(&c, 2, 0, 4096, PROT_READ | PROT_WRITE);

	two[3] = 0x1234;
	region_write(&c, 3, 4, 4, 0x55aa55aa);
	assert_int_equal(region_read(&c, 3, 4, 1), 0xaa);
	assert_int_equal(probe.nr, 3);
	assert_int_equal(probe.log[0].bar, 2);
	assert_int_equal(probe.log[0].off, 6);
	assert_int_equal(probe.log[0].size, 2);
	assert_int_equal(probe.log[1].bar, 3);
	bar_unmap((void *)two, 4096);
}

static void io_bar_cannot_be_mapped(void **state)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = 3 };

	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_GET_REGION_INFO,
				       (unsigned long)&info),
			 0);
	assert_int_equal(info.size, 32);
	assert_false(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	assert_true(
		IS_ERR(host_fd_mmap(NULL, 4096, PROT_READ, MAP_SHARED, c.device,
				    VFIO_PCI_INDEX_TO_OFFSET(3))));
}

/* ---- memory decode ---- */

static void D4_memory_off_cuts_mappings_off_and_on_restores_them(void **state)
{
	volatile uint32_t *all =
		bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	unsigned int plain = PROBE_PLAIN / 4, direct = PROBE_READ_DIRECT / 4;

	all[0] = 1;
	all[plain] = 2;
	probe.nr = 0;
	set_memory(&c, false);
	assert_int_equal(all[0], 0xffffffff);
	assert_int_equal(all[plain], 0xffffffff);
	assert_int_equal(all[direct], 0xffffffff);
	assert_int_equal(all[PROBE_TABLE / 4], 0xffffffff);
	all[0] = 3;
	all[plain] = 4;
	assert_int_equal(probe.nr, 0);
	set_memory(&c, true);
	assert_int_equal(all[0], 1);
	assert_int_equal(all[plain], 2);
	assert_int_equal(probe.nr, 1);
	all[plain] = 5;
	assert_int_equal(probe.nr, 1);
	bar_unmap((void *)all, PROBE_BAR0_SIZE);
}

static void mapping_made_while_memory_is_off_works_once_it_is_on(void **state)
{
	volatile uint32_t *all;

	set_memory(&c, false);
	all = bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	assert_int_equal(all[PROBE_PLAIN / 4], 0xffffffff);
	set_memory(&c, true);
	assert_int_equal(all[PROBE_PLAIN / 4], 0);
	bar_unmap((void *)all, PROBE_BAR0_SIZE);
}

static void D4_sleeping_device_does_not_decode(void **state)
{
	unsigned int pm = config_cap(&c, 1);
	volatile uint32_t *all =
		bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);

	assert_int_not_equal(pm, 0);
	all[0] = 1;
	config_write(&c, pm + 4, 2, 3);
	assert_int_equal(all[0], 0xffffffff);
	assert_int_equal(all[PROBE_PLAIN / 4], 0xffffffff);
	config_write(&c, pm + 4, 2, 0);
	assert_int_equal(all[0], 1);
	bar_unmap((void *)all, PROBE_BAR0_SIZE);
}

/* ---- the program's own rights ---- */

static sigjmp_buf escape;

static void on_segv(int sig, siginfo_t *info, void *ctx)
{
	siglongjmp(escape, 1);
}

/* True when the program's handler met the write. */
static bool write_faults(volatile uint32_t *p)
{
	struct sigaction act = { .sa_sigaction = on_segv,
				 .sa_flags = SA_SIGINFO | SA_NODEFER },
			 old;
	bool faulted;

	assert_int_equal(host_fault_sigaction(SIGSEGV, &act, &old), 0);
	faulted = sigsetjmp(escape, 1);
	if (!faulted)
		*p = 1;
	assert_int_equal(host_fault_sigaction(SIGSEGV, &old, NULL), 0);
	return faulted;
}

static void right_the_program_did_not_ask_for_is_its_own_fault(void **state)
{
	volatile uint32_t *ro = bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ);

	assert_int_equal(ro[0], 0);
	assert_true(write_faults(&ro[0]));
	assert_true(write_faults(&ro[PROBE_PLAIN / 4]));
	assert_true(write_faults(&ro[PROBE_READ_DIRECT / 4]));
	assert_int_equal(probe.nr, 1);
	assert_int_equal(host_vma_protect((void *)ro, PROBE_BAR0_SIZE,
					  PROT_READ | PROT_WRITE),
			 0);
	assert_false(write_faults(&ro[0]));
	assert_int_equal(probe.nr, 2);
	assert_false(write_faults(&ro[PROBE_PLAIN / 4]));
	assert_int_equal(
		host_vma_protect((void *)ro, PROBE_BAR0_SIZE, PROT_NONE), 0);
	assert_true(write_faults(&ro[0]));
	bar_unmap((void *)ro, PROBE_BAR0_SIZE);
}

/* QEMU's NVMe driver maps its doorbells so. */
static void
mapping_for_writing_only_can_be_read_as_the_processor_does(void **state)
{
	volatile uint32_t *wo = bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_WRITE);

	wo[0] = 3;
	assert_int_equal(wo[0], 3);
	assert_int_equal(wo[PROBE_READ_DIRECT / 4], 0);
	bar_unmap((void *)wo, PROBE_BAR0_SIZE);
}

/* ---- hypervisors ---- */

static unsigned int mmap_areas(unsigned int bar, uint64_t *off, uint64_t *len)
{
	struct {
		struct vfio_region_info info;
		char caps[256];
	} r = { .info = { .argsz = sizeof(r), .index = bar } };
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_info_cap_header *cap;
	uint32_t at;

	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_GET_REGION_INFO,
				       (unsigned long)&r),
			 0);
	if (!(r.info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;
	*off = 0;
	*len = r.info.size;
	for (at = r.info.cap_offset; at; at = cap->next) {
		cap = (void *)((char *)&r + at);
		if (cap->id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		sparse = (void *)cap;
		*off = sparse->areas[0].offset;
		*len = sparse->areas[0].size;
		return sparse->nr_areas;
	}
	return 1;
}

/* In a process of its own, since a program that met /dev/kvm stays one. */
static void hidden_traps_leave_plain_pages_to_map(void **state)
{
	uint64_t off = 0, len = 0;
	pid_t pid;
	int status;

	assert_int_equal(mmap_areas(0, &off, &len), 1);
	assert_int_equal(len, PROBE_BAR0_SIZE);
	assert_int_equal(mmap_areas(2, &off, &len), 1);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		machine_start(PROBE);
		host_hide_traps();
		client_open(&c);
		if (mmap_areas(0, &off, &len) != 1 || off != PROBE_PLAIN ||
		    len != 0x2000 || mmap_areas(2, &off, &len) != 0)
			_exit(1);
		if (!IS_ERR(host_fd_mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					 c.device, 0)))
			_exit(2);
		bar_map(&c, 0, PROBE_PLAIN, 0x2000, PROT_READ);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- fork ---- */

static void child_of_a_fork_reads_ones_and_reaches_nothing(void **state)
{
	volatile uint32_t *all =
		bar_map(&c, 0, 0, PROBE_BAR0_SIZE, PROT_READ | PROT_WRITE);
	int status;
	pid_t pid;

	all[PROBE_PLAIN / 4] = 1;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (all[0] != 0xffffffff || all[PROBE_PLAIN / 4] != 0xffffffff)
			_exit(1);
		all[PROBE_PLAIN / 4] = 2;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(all[PROBE_PLAIN / 4], 1);
	all[0] = 7;
	assert_int_equal(all[0], 7);
	bar_unmap((void *)all, PROBE_BAR0_SIZE);
}

/* ---- reset ---- */

static void device_reset_resets_the_model_and_keeps_the_command(void **state)
{
	volatile uint32_t *regs =
		bar_map(&c, 0, 0, 4096, PROT_READ | PROT_WRITE);
	unsigned int resets = probe.resets;

	set_bus_master(&c, true);
	regs[1] = 3;
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(probe.resets, resets + 1);
	assert_int_equal(regs[1], 0);
	assert_int_equal(config_read(&c, 4, 2) & 7, 7);
	bar_unmap((void *)regs, 4096);
}

static void hot_reset_reaches_this_function_alone(void **state)
{
	struct {
		struct vfio_pci_hot_reset_info hdr;
		struct vfio_pci_dependent_device devices[4];
	} info = { .hdr = { .argsz = sizeof(info) } };
	struct {
		struct vfio_pci_hot_reset hdr;
		int group;
	} reset = { .hdr = { .argsz = sizeof(reset), .count = 1 },
		    .group = c.group };
	unsigned int resets = probe.resets;

	assert_int_equal(host_fd_ioctl(c.device,
				       VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				       (unsigned long)&info),
			 0);
	assert_int_equal(info.hdr.count, 1);
	assert_int_equal(info.devices[0].group_id, 1);
	assert_int_equal(info.devices[0].bus, 1);
	assert_int_equal(info.devices[0].devfn, 0);
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_PCI_HOT_RESET,
				       (unsigned long)&reset),
			 0);
	assert_int_equal(probe.resets, resets + 1);
}

/* ---- threads and memory of models ---- */

static struct anyvfio_thread *thread;
static bool may_end;

/* Needs the lock that its stop() comes with. */
static void model_thread(void *priv)
{
	bool end;

	do {
		anyvfio_device_lock(probe.dev);
		end = may_end;
		anyvfio_device_unlock(probe.dev);
	} while (!end);
}

static void start_thread(void)
{
	may_end = false;
	assert_int_equal(anyvfio_thread_start(probe.dev, "probe", model_thread,
					      NULL, &thread),
			 0);
}

static void stop_thread(void)
{
	may_end = true;
	anyvfio_thread_join(thread);
}

static void thread_that_needs_the_lock_can_be_joined_with_it(void **state)
{
	client_close(&c);
	probe.on_start = start_thread;
	probe.on_stop = stop_thread;
	client_open(&c);
	region_write(&c, 0, 0, 4, 1);
	client_close(&c);
	probe.on_start = NULL;
	probe.on_stop = NULL;
	client_open(&c);
}

static void memory_is_hidden_from_the_program(void **state)
{
	int fd = anyvfio_device_memory(probe.dev, 3, 1 << 20);
	char byte = 1;

	assert_true(fd >= 0);
	assert_true(host_fd_is_internal(fd));
	assert_int_equal(lseek(fd, 0, SEEK_END), 1 << 20);
	assert_int_equal(pread(fd, &byte, 1, (1 << 20) - 1), 1);
	assert_int_equal(byte, 0);
	anyvfio_fd_close(fd);
	assert_false(host_fd_is_internal(fd));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(open_starts_and_last_close_stops_the_model),
		T(failing_start_is_the_openers_error),
		T(mapping_outlives_the_descriptor),
		T(plain_pages_are_memory_for_everybody),
		T(read_direct_pages_read_memory_and_write_to_the_model),
		T(mapping_of_a_part_shows_that_part),
		T(other_bars_reach_the_model_under_their_number),
		T(io_bar_cannot_be_mapped),
		T(D4_memory_off_cuts_mappings_off_and_on_restores_them),
		T(mapping_made_while_memory_is_off_works_once_it_is_on),
		T(D4_sleeping_device_does_not_decode),
		T(right_the_program_did_not_ask_for_is_its_own_fault),
		T(mapping_for_writing_only_can_be_read_as_the_processor_does),
		T(hidden_traps_leave_plain_pages_to_map),
		T(child_of_a_fork_reads_ones_and_reaches_nothing),
		T(device_reset_resets_the_model_and_keeps_the_command),
		T(hot_reset_reaches_this_function_alone),
		T(thread_that_needs_the_lock_can_be_joined_with_it),
		T(memory_is_hidden_from_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
