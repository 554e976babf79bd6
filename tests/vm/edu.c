// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Real DMA and real interrupts: QEMU's edu device, driven through the uAPI.
 *
 *   edu GROUP BDF
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>

#include "edu.h"

#define IOVA 0x100000ul

static struct chain chain;
static struct edu edu;

static long map(const void *vaddr, uint64_t size, uint32_t flags)
{
	return map_dma(chain.container, IOVA, vaddr, size, flags);
}

static long unmap(uint64_t size)
{
	return unmap_dma(chain.container, IOVA, size, 0);
}

static bool is_quiet(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

/* ---- the tests ---- */

static void test_registers(void)
{
	edu_set(&edu, EDU_LIVENESS, 0x12345678);
	check("D1_bar_is_the_device",
	      edu_get(&edu, EDU_LIVENESS) == ~0x12345678u, 1);
}

static void test_dma(int event)
{
	unsigned char *page = page_alloc(2 * PAGE);
	unsigned int i;

	for (i = 0; i < EDU_LEN; i++)
		page[i] = i * 7;
	check("I3_map_for_dma", map(page, 2 * PAGE, DMA_RW), 0);
	edu_dma(&edu, IOVA, EDU_BUFFER, EDU_INTERRUPT);
	check("I3_device_reads_memory", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, edu_get(&edu, EDU_IRQ_STATUS));
	edu_dma(&edu, EDU_BUFFER, IOVA + PAGE, EDU_TO_MEMORY | EDU_INTERRUPT);
	check("I3_device_writes_memory", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, edu_get(&edu, EDU_IRQ_STATUS));
	check("I3_device_copied_memory", memcmp(page, page + PAGE, EDU_LEN), 0);

	check("I3_unmap_after_dma", unmap(2 * PAGE), 2 * PAGE);
	memset(page, 0, 2 * PAGE);
	edu_dma(&edu, EDU_BUFFER, IOVA + PAGE, EDU_TO_MEMORY | EDU_INTERRUPT);
	check("I3_device_ends_without_a_mapping", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, edu_get(&edu, EDU_IRQ_STATUS));
	check("I3_unmapped_memory_is_out_of_reach",
	      !memcmp(page, page + PAGE, EDU_LEN), 1);
	munmap(page, 2 * PAGE);
}

/* Memory with rights to read only: the device's write must not arrive. */
static void test_rights(int event)
{
	unsigned char *page = page_alloc(PAGE);

	check("I3_map_read_only", map(page, PAGE, VFIO_DMA_MAP_FLAG_READ), 0);
	edu_dma(&edu, EDU_BUFFER, IOVA, EDU_TO_MEMORY | EDU_INTERRUPT);
	check("I3_device_ends_without_the_right", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, edu_get(&edu, EDU_IRQ_STATUS));
	check("I3_read_only_memory_is_not_written", page[0] | page[8], 0);
	check("I3_unmap_read_only", unmap(PAGE), PAGE);
	munmap(page, PAGE);
}

static void test_bar_as_memory(void)
{
	check("I3_map_of_a_bar", map((void *)edu.bar, PAGE, DMA_RW), 0);
	check("I3_unmap_of_a_bar", unmap(PAGE), PAGE);
}

/* A signal becomes the write of a register, which raises an interrupt. */
static void test_ioeventfd(int event)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	const uint64_t one = 1;

	check("D1_ioeventfd_armed",
	      set_ioeventfd(edu.device, 4, EDU_IRQ_RAISE, 6, fd), 0);
	check("D1_ioeventfd_signalled", write(fd, &one, sizeof(one)),
	      sizeof(one));
	check("D1_ioeventfd_writes_the_register", await(event), 1);
	check("D1_ioeventfd_writes_its_value", edu_get(&edu, EDU_IRQ_STATUS),
	      6);
	edu_set(&edu, EDU_IRQ_ACK, 6);
	check("D1_ioeventfd_disarmed",
	      set_ioeventfd(edu.device, 4, EDU_IRQ_RAISE, 6, -1), 0);
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd");
	check("D1_ioeventfd_that_is_off_writes_nothing", is_quiet(event), 1);
	close(fd);
}

static void test_msi(void)
{
	int event = eventfd(0, EFD_NONBLOCK);

	check("B6_msi", set_trigger(edu.device, VFIO_PCI_MSI_IRQ_INDEX, event),
	      0);
	edu_command(&edu, 4, 0);
	edu_set(&edu, EDU_IRQ_RAISE, 1);
	check("B6_msi_arrives", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, 1);
	test_ioeventfd(event);
	test_dma(event);
	test_rights(event);
	check("D1_reset_with_msi", call(ioctl(chain.device, VFIO_DEVICE_RESET)),
	      -EINVAL);
	check("B6_msi_off", clear_triggers(edu.device, VFIO_PCI_MSI_IRQ_INDEX),
	      0);
	close(event);
}

/* A level: it masks itself when it fires, and speaks again when unmasked while
 * the device still asserts it. */
static void test_intx(void)
{
	const unsigned int intx = VFIO_PCI_INTX_IRQ_INDEX;
	int event = eventfd(0, EFD_NONBLOCK), unmask = eventfd(0, 0);
	uint64_t one = 1;

	check("B6_intx", set_trigger(edu.device, intx, event), 0);
	edu_set(&edu, EDU_IRQ_RAISE, 1);
	check("B6_intx_arrives", await(event), 1);
	check("B6_intx_unmask_asserted",
	      call(ioctl(chain.device, VFIO_DEVICE_SET_IRQS,
			 &(struct vfio_irq_set){
				 .argsz = sizeof(struct vfio_irq_set),
				 .flags = VFIO_IRQ_SET_DATA_NONE |
					  VFIO_IRQ_SET_ACTION_UNMASK,
				 .index = VFIO_PCI_INTX_IRQ_INDEX,
				 .count = 1 })),
	      0);
	check("B6_intx_speaks_again", await(event), 1);
	check("B6_intx_is_masked_again", is_quiet(event), 1);
	check("B6_intx_unmask_eventfd", set_unmask(edu.device, intx, unmask),
	      0);
	if (write(unmask, &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd");
	check("B6_intx_speaks_when_the_eventfd_does", await(event), 1);
	edu_set(&edu, EDU_IRQ_ACK, edu_get(&edu, EDU_IRQ_STATUS));
	check("B6_intx_off", clear_triggers(edu.device, intx), 0);
	close(event);
	close(unmask);
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, 1);
}

static long touch(void)
{
	if (sigsetjmp(fault, 1))
		return -EFAULT;
	edu_get(&edu, EDU_LIVENESS);
	return 0;
}

static void test_revoke(void)
{
	signal(SIGBUS, on_fault);
	check("D4_bar_mapped", touch(), 0);
	edu_command(&edu, 0, 2);
	check("D4_mapping_without_memory_faults", touch(), -EFAULT);
	edu_command(&edu, 2, 0);
	check("D4_mapping_with_memory_again", touch(), 0);
	test_registers();
	signal(SIGBUS, SIG_DFL);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: edu GROUP BDF");
	chain = open_named(argv[1], argv[2]);
	edu = edu_of(chain.device);
	test_registers();
	test_msi();
	test_intx();
	test_revoke();
	test_bar_as_memory();
	close_chain(&chain);
	return check_summary();
}
