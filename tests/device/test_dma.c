/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* DMA: rights, bus mastering, faults and what is said of them, held memory. */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define IOVA 0x100000
#define SIZE 0x4000
#define RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static struct client c;
static uint8_t *mem;

static void device_reads_and_writes_what_is_mapped(void **state)
{
	uint8_t buf[100];

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	memset(mem + 50, 0x5a, 100);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA + 50, buf, 100), 0);
	assert_memory_equal(buf, mem + 50, 100);
	memset(buf, 0xa5, 100);
	assert_int_equal(
		anyvfio_dma_write(probe.dev, IOVA + SIZE - 100, buf, 100), 0);
	assert_memory_equal(mem + SIZE - 100, buf, 100);
	assert_int_equal(mem[SIZE - 101], 0);
}

static void transfer_may_cross_mappings(void **state)
{
	uint8_t buf[64];

	assert_int_equal(dma_map(&c, mem + 0x2000, IOVA, 0x1000, RW), 0);
	assert_int_equal(dma_map(&c, mem, IOVA + 0x1000, 0x1000, RW), 0);
	memset(buf, 7, sizeof(buf));
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA + 0x1000 - 32, buf,
					   sizeof(buf)),
			 0);
	assert_memory_equal(mem + 0x3000 - 32, buf, 32);
	assert_memory_equal(mem, buf, 32);
}

static void read_only_mapping_refuses_writes(void **state)
{
	uint32_t val = 0x12345678;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, VFIO_DMA_MAP_FLAG_READ),
			 0);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA, &val, 4), 0);
	val = 5;
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA, &val, 4), -EFAULT);
	assert_int_equal(mem[0], 0);
	assert_non_null(strstr(host_log_captured(), DEVICE_NAME
			       ": IOMMU fault: write of 4 bytes at "
			       "IOVA 0x100000: the mapping 0x100000-"
			       "0x103fff may not be written"));
}

static void write_only_mapping_refuses_reads(void **state)
{
	struct anyvfio_dma dma;
	uint32_t val = 0;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, VFIO_DMA_MAP_FLAG_WRITE),
			 0);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA, &val, 4), -EFAULT);
	assert_int_equal(val, 0xffffffff);
	assert_int_equal(anyvfio_dma_map(probe.dev, IOVA, 4, false, &dma),
			 -EFAULT);
}

static void fault_copies_what_hit_and_reads_ones_from_there(void **state)
{
	uint8_t buf[64];
	unsigned int i;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	memset(mem + SIZE - 16, 3, 16);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA + SIZE - 16, buf, 64),
			 -EFAULT);
	for (i = 0; i < 64; i++)
		assert_int_equal(buf[i], i < 16 ? 3 : 0xff);
	memset(buf, 9, sizeof(buf));
	assert_int_equal(
		anyvfio_dma_write(probe.dev, IOVA + SIZE - 16, buf, 64),
		-EFAULT);
	assert_memory_equal(mem + SIZE - 16, buf, 16);
	assert_non_null(strstr(host_log_captured(),
			       "read of 48 bytes at IOVA 0x104000: not mapped; "
			       "the nearest mapping is 0x100000-0x103fff"));
	assert_non_null(strstr(host_log_captured(), "write of 48 bytes"));
}

static void fault_with_nothing_mapped_says_so(void **state)
{
	uint32_t val;

	assert_int_equal(anyvfio_dma_read(probe.dev, 0, &val, 4), -EFAULT);
	assert_int_equal(val, 0xffffffff);
	assert_non_null(strstr(host_log_captured(), "nothing is mapped"));
}

static unsigned int count(const char *text, const char *word)
{
	unsigned int n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}

static void faults_in_a_loop_do_not_flood_the_log(void **state)
{
	unsigned int i;
	uint32_t val;

	for (i = 0; i < 1000; i++)
		anyvfio_dma_read(probe.dev, i * 4096ull, &val, 4);
	assert_int_equal(count(host_log_captured(), "IOMMU fault:"), 10);
	client_close(&c);
	assert_non_null(strstr(host_log_captured(),
			       "990 more IOMMU faults were not shown"));
	client_open(&c);
}

static void
without_bus_mastering_nothing_moves_and_nothing_is_a_fault(void **state)
{
	struct anyvfio_dma dma;
	uint32_t val = 1;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	set_bus_master(&c, false);
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA, &val, 4), -EACCES);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA, &val, 4), -EACCES);
	assert_int_equal(val, 0xffffffff);
	assert_int_equal(anyvfio_dma_map(probe.dev, IOVA, 4, true, &dma),
			 -EACCES);
	assert_int_equal(mem[0], 0);
	assert_int_equal(count(host_log_captured(), "IOMMU fault"), 0);
	set_bus_master(&c, true);
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA, &val, 4), 0);
}

static void sleeping_device_does_no_dma(void **state)
{
	unsigned int pm = config_cap(&c, 1);
	uint32_t val = 1;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	config_write(&c, pm + 4, 2, 3);
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA, &val, 4), -EACCES);
	config_write(&c, pm + 4, 2, 0);
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA, &val, 4), 0);
}

/* ---- held memory ---- */

static void held_piece_ends_with_its_mapping(void **state)
{
	struct anyvfio_dma dma;

	assert_int_equal(dma_map(&c, mem, IOVA, 0x1000, RW), 0);
	assert_int_equal(dma_map(&c, mem + 0x1000, IOVA + 0x1000, 0x1000, RW),
			 0);
	assert_int_equal(
		anyvfio_dma_map(probe.dev, IOVA + 0xff0, 64, true, &dma), 0);
	assert_ptr_equal(dma.ptr, mem + 0xff0);
	assert_int_equal(dma.len, 16);
	assert_int_equal(anyvfio_dma_copy_out(dma.ptr, "0123456789abcdef", 16),
			 0);
	anyvfio_dma_unmap(probe.dev, &dma, 16);
	assert_memory_equal(mem + 0xff0, "0123456789abcdef", 16);
}

struct unmapper {
	pthread_t thread;
	bool done;
	int ret;
};

static void *unmap_thread(void *data)
{
	struct unmapper *u = data;

	u->ret = dma_unmap(&c, IOVA, SIZE);
	__atomic_store_n(&u->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* While it waits, the range is gone for everybody else: that is how the test
 * knows that it has begun. */
static void unmap_waits_until_the_device_lets_go(void **state)
{
	struct unmapper u = { .done = false };
	struct anyvfio_dma dma;
	uint32_t val;

	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	assert_int_equal(anyvfio_dma_map(probe.dev, IOVA, SIZE, true, &dma), 0);
	assert_int_equal(pthread_create(&u.thread, NULL, unmap_thread, &u), 0);
	while (!anyvfio_dma_read(probe.dev, IOVA, &val, 4))
		sched_yield();
	assert_false(__atomic_load_n(&u.done, __ATOMIC_ACQUIRE));
	assert_int_equal(anyvfio_dma_copy_out(dma.ptr, "late", 4), 0);
	anyvfio_dma_unmap(probe.dev, &dma, 4);
	assert_int_equal(pthread_join(u.thread, NULL), 0);
	assert_int_equal(u.ret, 0);
	assert_memory_equal(mem, "late", 4);
}

/* The program's munmap() asks nobody. */
static void memory_gone_behind_the_mapping_is_a_fault_and_no_crash(void **state)
{
	uint8_t *gone = memory_new(SIZE);
	struct anyvfio_dma dma;
	uint32_t val = 1;

	assert_int_equal(dma_map(&c, gone, IOVA, SIZE, RW), 0);
	assert_int_equal(anyvfio_dma_map(probe.dev, IOVA, SIZE, true, &dma), 0);
	memory_free(gone, SIZE);
	assert_int_equal(anyvfio_dma_copy_out(dma.ptr, &val, 4), -EFAULT);
	assert_int_equal(anyvfio_dma_copy_in(&val, dma.ptr, 4), -EFAULT);
	anyvfio_dma_unmap(probe.dev, &dma, 0);
	assert_int_equal(anyvfio_dma_read(probe.dev, IOVA, &val, 4), -EFAULT);
	assert_int_equal(val, 0xffffffff);
	assert_non_null(strstr(host_log_captured(), "no memory any more"));
}

/* As a hypervisor does with all that its guest has. */
static void bar_can_be_mapped_for_dma_but_is_not_reached(void **state)
{
	void *bar = bar_map(&c, 0, 0, 0x2000, PROT_READ | PROT_WRITE);
	uint32_t val = 0;

	assert_int_equal(dma_map(&c, bar, IOVA, 0x2000, RW), 0);
	assert_int_equal(anyvfio_dma_write(probe.dev, IOVA + 4, &val, 4),
			 -EFAULT);
	assert_int_equal(probe.nr, 0);
	assert_non_null(strstr(host_log_captured(), "is a device's"));
	bar_unmap(bar, 0x2000);
}

/* Without an IOMMU the program's memory is all there is. */
static void noiommu_device_reaches_the_programs_addresses(void **state)
{
	static char *devices[] = { PROBE ",group=none" };
	static const struct host_config config = { .devices = devices,
						   .nr_devices = 1,
						   .noiommu = true };
	struct anyvfio_dma dma;
	uint32_t val = 0x1234;

	client_close(&c);
	host_stop();
	assert_int_equal(host_start(&config), 0);
	c.container = host_node_open("vfio", O_RDWR);
	c.group = host_node_open("noiommu-0", O_RDWR);
	assert_int_equal(host_fd_ioctl(c.group, VFIO_GROUP_SET_CONTAINER,
				       (unsigned long)&c.container),
			 0);
	assert_int_equal(
		host_fd_ioctl(c.container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU),
		0);
	c.device = host_fd_ioctl(c.group, VFIO_GROUP_GET_DEVICE_FD,
				 (unsigned long)DEVICE_NAME);
	assert_true(c.device >= 0);
	assert_int_equal(anyvfio_dma_write(probe.dev, (uintptr_t)mem, &val, 4),
			 -EACCES);
	set_bus_master(&c, true);
	assert_int_equal(anyvfio_dma_write(probe.dev, (uintptr_t)mem, &val, 4),
			 0);
	assert_memory_equal(mem, &val, 4);
	assert_int_equal(
		anyvfio_dma_map(probe.dev, (uintptr_t)mem, 64, true, &dma), 0);
	assert_ptr_equal(dma.ptr, mem);
	assert_int_equal(dma.len, 64);
	anyvfio_dma_unmap(probe.dev, &dma, 0);
	assert_int_equal(anyvfio_dma_read(probe.dev, 0x1000, &val, 4), -EFAULT);
	assert_int_equal(val, 0xffffffff);
	assert_non_null(strstr(host_log_captured(), "behind no IOMMU"));
}

static struct anyvfio_dma held;

static void let_go(void)
{
	anyvfio_dma_unmap(probe.dev, &held, 0);
}

static void piece_let_go_in_stop_is_in_time(void **state)
{
	assert_int_equal(dma_map(&c, mem, IOVA, SIZE, RW), 0);
	assert_int_equal(anyvfio_dma_map(probe.dev, IOVA, SIZE, true, &held),
			 0);
	probe.on_stop = let_go;
	client_close(&c);
	assert_null(strstr(host_log_captured(), "held"));
	probe.on_stop = NULL;
	client_open(&c);
}

static int setup(void **state)
{
	machine_start(PROBE);
	client_open(&c);
	set_bus_master(&c, true);
	mem = memory_new(SIZE);
	return 0;
}

static int teardown(void **state)
{
	client_close(&c);
	machine_stop();
	memory_free(mem, SIZE);
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(device_reads_and_writes_what_is_mapped),
		T(transfer_may_cross_mappings),
		T(read_only_mapping_refuses_writes),
		T(write_only_mapping_refuses_reads),
		T(fault_copies_what_hit_and_reads_ones_from_there),
		T(fault_with_nothing_mapped_says_so),
		T(faults_in_a_loop_do_not_flood_the_log),
		T(without_bus_mastering_nothing_moves_and_nothing_is_a_fault),
		T(sleeping_device_does_no_dma),
		T(held_piece_ends_with_its_mapping),
		T(unmap_waits_until_the_device_lets_go),
		T(memory_gone_behind_the_mapping_is_a_fault_and_no_crash),
		T(bar_can_be_mapped_for_dma_but_is_not_reached),
		T(noiommu_device_reaches_the_programs_addresses),
		T(piece_let_go_in_stop_is_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
