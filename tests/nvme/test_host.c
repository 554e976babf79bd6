/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The NVMe model through the whole stack: VFIO descriptors, mapped registers
 * that trap, the container's map, eventfds.  A driver in a hundred lines.
 */
#include "../device/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define IOVA 0x10000ull
#define MEM_SIZE (4u << 20)
#define ENTRIES 64

/* Where things are in the memory for DMA. */
enum {
	ADMIN_SQ = 0x0000,
	ADMIN_CQ = 0x1000,
	IO_SQ = 0x2000,
	IO_CQ = 0x3000,
	LIST = 0x4000,
	DATA = 0x100000,
	DATA_SIZE = 0x200000,
};

struct queue {
	unsigned int id;
	uint32_t sq, cq;
	uint32_t tail, head;
	uint16_t phase;
	int event;
};

static struct client c;
static volatile uint32_t *regs;
static uint8_t *mem;
static struct queue admin, io;
static char image[] = "/tmp/anyvfio-nvme-host-XXXXXX";
static char spec[128];
static const char *store;

/* ---- the driver ---- */

static void write_reg64(unsigned int off, uint64_t val)
{
	*(volatile uint64_t *)(regs + off / 4) = val;
}

/* A command: opcode, namespace, PRPs, dwords 10 to 12. */
static void queue_cmd(struct queue *q, uint8_t opcode, uint64_t prp1,
		      uint64_t prp2, uint32_t dw10, uint32_t dw11,
		      uint32_t dw12)
{
	uint32_t *cmd = (uint32_t *)(mem + q->sq) + 16ul * q->tail;

	memset(cmd, 0, 64);
	cmd[0] = opcode | q->tail << 16;
	cmd[1] = q->id ? 1 : 0;
	memcpy(cmd + 6, &prp1, 8);
	memcpy(cmd + 8, &prp2, 8);
	cmd[10] = dw10;
	cmd[11] = dw11;
	cmd[12] = dw12;
	q->tail = (q->tail + 1) % ENTRIES;
}

static void ring(struct queue *q)
{
	regs[(0x1000 + 8 * q->id) / 4] = q->tail;
}

static bool is_there(const struct queue *q)
{
	uint16_t *entry = (uint16_t *)(mem + q->cq) + 8ul * q->head;

	return (__atomic_load_n(entry + 7, __ATOMIC_ACQUIRE) & 1) == q->phase;
}

static uint16_t take(struct queue *q)
{
	uint16_t *entry = (uint16_t *)(mem + q->cq) + 8ul * q->head;
	uint16_t status;

	while (!is_there(q))
		event_wait(q->event);
	status = entry[7] >> 1;
	q->head = (q->head + 1) % ENTRIES;
	q->phase ^= !q->head;
	regs[(0x1004 + 8 * q->id) / 4] = q->head;
	return status;
}

static uint16_t run_admin(uint8_t opcode, uint64_t prp1, uint32_t dw10,
			  uint32_t dw11)
{
	queue_cmd(&admin, opcode, prp1, 0, dw10, dw11, 0);
	ring(&admin);
	return take(&admin);
}

static void init_queue(struct queue *q, unsigned int id, uint32_t sq,
		       uint32_t cq)
{
	q->id = id;
	q->sq = sq;
	q->cq = cq;
	q->tail = q->head = 0;
	q->phase = 1;
	memset(mem + cq, 0, ENTRIES * 16);
}

static void enable(void)
{
	init_queue(&admin, 0, ADMIN_SQ, ADMIN_CQ);
	init_queue(&io, 1, IO_SQ, IO_CQ);
	regs[0x24 / 4] = (ENTRIES - 1) << 16 | (ENTRIES - 1);
	write_reg64(0x28, IOVA + ADMIN_SQ);
	write_reg64(0x30, IOVA + ADMIN_CQ);
	regs[0x14 / 4] = 0x00460001;
	assert_int_equal(regs[0x1c / 4], 1);
	assert_int_equal(run_admin(0x05, IOVA + IO_CQ, (ENTRIES - 1) << 16 | 1,
				   1 << 16 | 3),
			 0);
	assert_int_equal(run_admin(0x01, IOVA + IO_SQ, (ENTRIES - 1) << 16 | 1,
				   1 << 16 | 1),
			 0);
}

/* Pages @page on, four KiB each, to or from block 8 * @page. */
static void queue_io(uint8_t opcode, unsigned int page)
{
	queue_cmd(&io, opcode, IOVA + DATA + page * 4096ul, 0, page * 8, 0, 7);
}

static void use_msix(void)
{
	int fds[2] = { admin.event, io.event };

	assert_int_equal(irq_triggers(&c, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, fds),
			 0);
}

static void use_device(void)
{
	client_open(&c);
	regs = bar_map(&c, 0, 0, 0x2000, PROT_READ | PROT_WRITE);
	assert_int_equal(dma_map(&c, mem, IOVA, MEM_SIZE, 3), 0);
	set_bus_master(&c, true);
}

static int start(void **state)
{
	int fd = open(image, O_RDWR | O_TRUNC);

	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	close(fd);
	machine_start(spec);
	mem = memory_new(MEM_SIZE);
	admin.event = event_new();
	io.event = event_new();
	use_device();
	use_msix();
	return 0;
}

static int stop(void **state)
{
	bar_unmap((void *)regs, 0x2000);
	client_close(&c);
	close(admin.event);
	close(io.event);
	memory_free(mem, MEM_SIZE);
	machine_stop();
	return 0;
}

/* ---- tests ---- */

static void NVME_host_driver_reads_what_it_wrote(void **state)
{
	unsigned int i;

	enable();
	for (i = 0; i < 32; i++) {
		memset(mem + DATA + i * 4096ul, i + 1, 4096);
		queue_io(0x01, i);
	}
	ring(&io);
	for (i = 0; i < 32; i++)
		assert_int_equal(take(&io), 0);
	memset(mem + DATA, 0, DATA_SIZE);
	for (i = 0; i < 32; i++)
		queue_io(0x02, i);
	ring(&io);
	for (i = 0; i < 32; i++)
		assert_int_equal(take(&io), 0);
	for (i = 0; i < 32; i++) {
		assert_int_equal(mem[DATA + i * 4096ul], i + 1);
		assert_int_equal(mem[DATA + i * 4096ul + 4095], i + 1);
	}
}

static void NVME_host_registers_are_read_natively(void **state)
{
	assert_int_equal(regs[0] & 0xffff, 1023);
	assert_int_equal(regs[2], 0x10400);
	assert_int_equal(regs[0x1000 / 4], 0);
	enable();
	assert_int_equal(regs[0x14 / 4], 0x00460001);
	/* And the same by system call. */
	assert_int_equal(region_read(&c, 0, 8, 4), 0x10400);
	region_write(&c, 0, 0x14, 4, 0);
	assert_int_equal(regs[0x1c / 4], 0);
}

/* Until the pin's cause is gone, each unmasking tells again. */
static void NVME_host_pin_interrupts(void **state)
{
	int fd = event_new();

	assert_int_equal(irq_triggers(&c, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, NULL),
			 0);
	assert_int_equal(irq_triggers(&c, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd),
			 0);
	enable();
	event_count(fd);
	assert_int_equal(irq_action(&c, VFIO_PCI_INTX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_UNMASK),
			 0);
	assert_int_equal(event_count(fd), 0);
	queue_cmd(&io, 0x00, 0, 0, 0, 0, 0);
	ring(&io);
	event_wait(fd);
	assert_int_equal(irq_action(&c, VFIO_PCI_INTX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_UNMASK),
			 0);
	assert_int_equal(event_count(fd), 1);
	assert_int_equal(take(&io), 0);
	assert_int_equal(irq_action(&c, VFIO_PCI_INTX_IRQ_INDEX,
				    VFIO_IRQ_SET_ACTION_UNMASK),
			 0);
	assert_int_equal(event_count(fd), 0);
	close(fd);
}

/* What was fetched is done before the unmapping returns, or after: never in
 * between. */
static void NVME_host_unmapping_waits_for_the_device(void **state)
{
	uint8_t *data = memory_new(DATA_SIZE);
	unsigned int i;

	enable();
	assert_int_equal(dma_map(&c, data, 1ull << 32, DATA_SIZE, 3), 0);
	for (i = 0; i < 63; i++)
		queue_cmd(&io, 0x02, (1ull << 32) + i * 4096ul, 0, i * 8, 0, 7);
	ring(&io);
	assert_int_equal(dma_unmap(&c, 1ull << 32, DATA_SIZE), 0);
	/* Nobody writes to it any more: it can be used for anything else. */
	memset(data, 0x77, DATA_SIZE);
	for (i = 0; i < 63; i++)
		assert_int_equal(take(&io), 0);
	for (i = 0; i < DATA_SIZE; i += 512)
		assert_int_equal(data[i], 0x77);
	memory_free(data, DATA_SIZE);
	/* Now it is not there. */
	queue_cmd(&io, 0x02, 1ull << 32, 0, 0, 0, 7);
	ring(&io);
	assert_int_equal(take(&io) & 0x7ff, 0x004);
}

static void NVME_host_memory_gone_is_a_transfer_error(void **state)
{
	void *gone = memory_new(8192);

	enable();
	assert_int_equal(dma_map(&c, gone, 1ull << 32, 8192, 3), 0);
	/* As munmap() would, but nothing else can come to lie there. */
	assert_int_equal(mprotect(gone, 8192, PROT_NONE), 0);
	queue_cmd(&io, 0x02, 1ull << 32, 0, 0, 0, 7);
	queue_cmd(&io, 0x01, 1ull << 32, 0, 0, 0, 7);
	queue_cmd(&io, 0x05, 1ull << 32, 0, 0, 0, 7);
	ring(&io);
	assert_int_equal(take(&io) & 0x7ff, 0x004);
	assert_int_equal(take(&io) & 0x7ff, 0x004);
	assert_int_equal(take(&io) & 0x7ff, 0x004);
	assert_int_equal(dma_unmap(&c, 1ull << 32, 8192), 0);
	memory_free(gone, 8192);
}

static void NVME_host_reset_in_flight(void **state)
{
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		enable();
		for (i = 0; i < 63; i++)
			queue_io(round & 1 ? 0x01 : 0x02, i);
		ring(&io);
		assert_int_equal(host_fd_ioctl(c.device, VFIO_DEVICE_RESET, 0),
				 0);
		assert_int_equal(regs[0x1c / 4], 0);
		set_bus_master(&c, true);
		set_memory(&c, true);
		/* Nothing is written to a queue afterwards. */
		memset(mem + IO_CQ, 0, ENTRIES * 16);
		assert_int_equal(dma_unmap(&c, IOVA, MEM_SIZE), 0);
		for (i = 0; i < ENTRIES * 16; i++)
			assert_int_equal(mem[IO_CQ + i], 0);
		assert_int_equal(dma_map(&c, mem, IOVA, MEM_SIZE, 3), 0);
		event_count(admin.event);
		event_count(io.event);
	}
	NVME_host_driver_reads_what_it_wrote(NULL);
}

static void NVME_host_close_in_flight(void **state)
{
	unsigned int i;

	enable();
	for (i = 0; i < 63; i++)
		queue_io(0x02, i);
	ring(&io);
	bar_unmap((void *)regs, 0x2000);
	client_close(&c);
	use_device();
	use_msix();
	event_count(admin.event);
	event_count(io.event);
	NVME_host_driver_reads_what_it_wrote(NULL);
}

static void NVME_host_no_bus_master_is_fatal(void **state)
{
	int fd = event_new();

	assert_int_equal(irq_triggers(&c, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, &fd),
			 0);
	enable();
	set_bus_master(&c, false);
	queue_io(0x02, 0);
	ring(&io);
	assert_int_equal(regs[0x1c / 4], 3);
	event_wait(fd);
	assert_non_null(strstr(host_log_captured(), "bus mastering is off"));
	close(fd);
}

/* A program that closes all it does not know closes nothing of the device. */
static void NVME_host_descriptors_are_hidden(void **state)
{
	char path[32], target[256];
	ssize_t len;
	int fd;

	if (!strcmp(store, "ram"))
		return;
	for (fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		assert_null(strstr(target, image));
		assert_null(strstr(target, "io_uring"));
	}
	for (fd = host_fd_next_internal(0); fd >= 0;
	     fd = host_fd_next_internal(fd + 1)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		assert_true(len > 0);
		target[len] = '\0';
		if (strstr(target, image))
			return;
	}
	fail_msg("the image is not among the hidden descriptors");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(NVME_host_driver_reads_what_it_wrote),
		TEST(NVME_host_registers_are_read_natively),
		TEST(NVME_host_pin_interrupts),
		TEST(NVME_host_unmapping_waits_for_the_device),
		TEST(NVME_host_memory_gone_is_a_transfer_error),
		TEST(NVME_host_reset_in_flight),
		TEST(NVME_host_close_in_flight),
		TEST(NVME_host_no_bus_master_is_fatal),
		TEST(NVME_host_descriptors_are_hidden),
	};
	int ret, fd;

	if (argc != 2)
		return 2;
	store = argv[1];
	fd = mkstemp(image);
	if (fd < 0)
		return 2;
	close(fd);
	if (!strcmp(store, "ram"))
		snprintf(spec, sizeof(spec), "nvme,size=8M");
	else if (!strcmp(store, "cached"))
		snprintf(spec, sizeof(spec), "nvme,file=%s", image);
	else
		snprintf(spec, sizeof(spec), "nvme,file=%s,engine=%s", image,
			 store);
	ret = cmocka_run_group_tests_name(store, tests, NULL, NULL);
	unlink(image);
	return ret;
}
