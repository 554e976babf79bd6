/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The educational device, as a driver of it would use it. */
#include "harness.h"

#include <unistd.h>

#define IOVA 0x10000
#define SIZE 0x2000
#define BUFFER 0x40000

static struct client c;
static volatile uint32_t *regs;
static uint8_t *mem;
static int event;

static volatile uint32_t *reg(unsigned int off)
{
	return regs + off / 4;
}

static volatile uint64_t *wide(unsigned int off)
{
	return (volatile uint64_t *)reg(off);
}

/* An interrupt: its bits, acknowledged. */
static uint32_t wait_irq(void)
{
	uint32_t bits;

	event_wait(event);
	bits = *reg(0x24);
	*reg(0x64) = bits;
	return bits;
}

static void use_msi(void)
{
	assert_int_equal(irq_triggers(&c, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, &event),
			 0);
}

static void identity_and_liveness(void **state)
{
	assert_int_equal(config_read(&c, 0, 4), 0x11e81234);
	assert_int_equal(*reg(0), 0x010000ed);
	*reg(4) = 0x12345678;
	assert_int_equal(*reg(4), 0xedcba987);
	*reg(0) = 5;
	assert_int_equal(*reg(0), 0x010000ed);
}

/* Below 0x80 four bytes at a time, and nothing narrower anywhere. */
static void accesses_of_other_sizes_have_no_effect(void **state)
{
	*reg(4) = 0;
	*(volatile uint8_t *)reg(4) = 5;
	*wide(4 - 4) = 0x500000000;
	assert_int_equal(*reg(4), 0xffffffff);
	assert_int_equal(*(volatile uint16_t *)reg(4), 0xffff);
	assert_true(*wide(0) == ~0ull);
	assert_int_equal(*reg(0x0c), 0xffffffff);
}

static uint32_t factorial(uint32_t n)
{
	*reg(8) = n;
	while (*reg(0x20) & 1)
		sched_yield();
	return *reg(8);
}

static void factorials_are_computed(void **state)
{
	assert_int_equal(factorial(0), 1);
	assert_int_equal(factorial(1), 1);
	assert_int_equal(factorial(5), 120);
	assert_int_equal(factorial(12), 479001600);
	assert_int_equal(factorial(13), 1932053504);
	assert_int_equal(factorial(34), 0);
	assert_int_equal(factorial(0xffffffff), 0);
}

static void factorial_interrupts_when_asked_to(void **state)
{
	use_msi();
	factorial(3);
	*reg(0x20) = 0x80;
	assert_int_equal(*reg(0x20), 0x80);
	assert_int_equal(*reg(0x24), 0);
	*reg(8) = 10;
	assert_int_equal(wait_irq(), 1);
	assert_int_equal(*reg(8), 3628800);
	assert_int_equal(*reg(0x24), 0);
}

static void raised_interrupt_stays_until_it_is_acknowledged(void **state)
{
	assert_int_equal(
		irq_triggers(&c, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &event), 0);
	*reg(0x60) = 0x6;
	assert_int_equal(event_count(event), 1);
	assert_int_equal(*reg(0x24), 6);
	*reg(0x64) = 2;
	assert_int_equal(irq_action(&c, VFIO_PCI_INTX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_UNMASK),
			 0);
	assert_int_equal(event_count(event), 1);
	*reg(0x64) = 4;
	assert_int_equal(irq_action(&c, VFIO_PCI_INTX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_UNMASK),
			 0);
	assert_int_equal(event_count(event), 0);
}

static void start_dma(uint64_t from, uint64_t to, uint64_t count, uint32_t cmd)
{
	*wide(0x80) = from;
	*wide(0x88) = to;
	*wide(0x90) = count;
	*wide(0x98) = cmd | 1;
}

static void wait_dma(void)
{
	while (*wide(0x98) & 1)
		sched_yield();
}

static void dma_goes_there_and_back(void **state)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		mem[i] = i * 3;
	start_dma(IOVA, BUFFER + 10, 100, 0);
	wait_dma();
	use_msi();
	start_dma(BUFFER + 10, IOVA + 0x1000, 100, 2 | 4);
	assert_int_equal(wait_irq(), 0x100);
	assert_memory_equal(mem + 0x1000, mem, 100);
	assert_int_equal(*wide(0x98), 6);
}

static void dma_stays_in_the_buffer(void **state)
{
	mem[0] = 1;
	memset(mem + 0x1000, 0x77, 16);
	start_dma(IOVA, BUFFER + 4096 - 8, 16, 0);
	wait_dma();
	start_dma(BUFFER - 8, IOVA + 0x1000, 16, 2);
	wait_dma();
	assert_int_equal(mem[0x1000], 0x77);
	start_dma(BUFFER + 0x10000, IOVA + 0x1000, 16, 2);
	wait_dma();
	assert_int_equal(mem[0x1000], 0x77);
	start_dma(BUFFER, IOVA + 0x1000, ~0ull, 2);
	wait_dma();
	assert_int_equal(mem[0x1000], 0x77);
	assert_non_null(strstr(host_log_captured(), "0x40000-0x40fff"));
	/* All of it is possible. */
	memset(mem, 0x11, 4096);
	start_dma(IOVA, BUFFER, 4096, 0);
	wait_dma();
	start_dma(BUFFER, IOVA + 0x1000, 4096, 2);
	wait_dma();
	assert_memory_equal(mem + 0x1000, mem, 4096);
}

static void dma_has_28_address_lines(void **state)
{
	memset(mem, 0x22, 16);
	start_dma(0x7000000000ull + IOVA, BUFFER, 16, 0);
	wait_dma();
	start_dma(BUFFER, IOVA + 0x100, 16, 2);
	wait_dma();
	assert_int_equal(mem[0x100], 0x22);
}

static void reset_clears_registers_and_buffer(void **state)
{
	memset(mem, 0x33, 16);
	start_dma(IOVA, BUFFER, 16, 0);
	wait_dma();
	*reg(4) = 1;
	*reg(0x60) = 1;
	assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0), 0);
	assert_int_equal(*reg(4), 0);
	assert_int_equal(*reg(0x24), 0);
	start_dma(BUFFER, IOVA, 16, 2);
	wait_dma();
	assert_int_equal(mem[0], 0);
}

static int setup(void **state)
{
	machine_start("edu");
	client_open(&c);
	set_bus_master(&c, true);
	regs = bar_map(&c, 0, 0, 0x100000, PROT_READ | PROT_WRITE);
	mem = memory_new(SIZE);
	assert_int_equal(
		dma_map(&c, mem, IOVA, SIZE,
			VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE),
		0);
	event = event_new();
	return 0;
}

static int teardown(void **state)
{
	bar_unmap((void *)regs, 0x100000);
	client_close(&c);
	machine_stop();
	memory_free(mem, SIZE);
	close(event);
	return 0;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity_and_liveness),
		T(accesses_of_other_sizes_have_no_effect),
		T(factorials_are_computed),
		T(factorial_interrupts_when_asked_to),
		T(raised_interrupt_stays_until_it_is_acknowledged),
		T(dma_goes_there_and_back),
		T(dma_stays_in_the_buffer),
		T(dma_has_28_address_lines),
		T(reset_clears_registers_and_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
