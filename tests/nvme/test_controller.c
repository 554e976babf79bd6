/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Registers, states, doorbells and interrupts of the controller. */
#include "driver.h"

static const char *const ram[] = { "size=1M", NULL };

static void NVME_power_on_shows_what_it_can(void **state)
{
	struct drv d;
	uint64_t cap;

	drv_open_disabled(&d, ram);
	cap = fake_read64(d.dev, REG_CAP);
	assert_int_equal(cap & 0xffff, 1023); /* MQES */
	assert_int_equal(cap >> 16 & 1, 1); /* CQR */
	assert_true((cap >> 24 & 0xff) > 0); /* TO */
	assert_int_equal(cap >> 32 & 0xf, 0); /* DSTRD */
	assert_int_equal(cap >> 37 & 0xff, 1); /* CSS */
	assert_int_equal(cap >> 48 & 0xf, 0); /* MPSMIN */
	assert_int_equal(cap >> 52 & 0xf, 4); /* MPSMAX */
	assert_int_equal(fake_read32(d.dev, REG_VS), 0x10400);
	assert_int_equal(fake_read32(d.dev, REG_CC), 0);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	drv_close(&d);
}

static void NVME_function_is_an_nvme_controller(void **state)
{
	struct drv d;

	drv_open_disabled(&d, ram);
	assert_int_equal(d.dev->id.class_code, 0x010802);
	assert_int_equal(d.dev->bar_size[0], 16384);
	assert_int_equal(d.dev->bar_flags[0], ANYVFIO_BAR_64);
	assert_int_equal(d.dev->page[0], ANYVFIO_PAGE_READ_DIRECT);
	assert_int_equal(d.dev->page[1], ANYVFIO_PAGE_READ_DIRECT);
	assert_int_equal(d.dev->msix, 33);
	assert_int_equal(d.dev->msi, 32);
	assert_true(d.dev->has_intx && d.dev->has_pm && d.dev->has_express);
	drv_close(&d);
}

static void NVME_enable_becomes_ready(void **state)
{
	struct drv d;

	drv_open(&d, ram);
	assert_int_equal(fake_read32(d.dev, REG_CC), CC_DEFAULT);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT & ~1u);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	drv_enable(&d);
	drv_close(&d);
}

static void NVME_registers_in_halves_are_the_same(void **state)
{
	struct drv d;

	drv_open_disabled(&d, ram);
	fake_write(d.dev, REG_ASQ + 4, 4, 0x12345678);
	fake_write(d.dev, REG_ASQ, 4, 0x9abcdfff);
	assert_int_equal(fake_read64(d.dev, REG_ASQ), 0x123456789abcd000);
	fake_write(d.dev, REG_ACQ, 8, 0x1122334455667788);
	assert_int_equal(fake_read64(d.dev, REG_ACQ), 0x1122334455667000);
	fake_write(d.dev, REG_AQA, 4, 0xffffffff);
	assert_int_equal(fake_read32(d.dev, REG_AQA), 0x0fff0fff);
	drv_close(&d);
}

static void NVME_writes_that_mean_nothing_do_nothing(void **state)
{
	struct drv d;
	uint64_t cap;

	drv_open_disabled(&d, ram);
	cap = fake_read64(d.dev, REG_CAP);
	fake_write(d.dev, REG_CAP, 8, ~0ull);
	fake_write(d.dev, REG_VS, 4, ~0u);
	fake_write(d.dev, REG_CSTS, 4, ~0u);
	fake_write(d.dev, 0x20, 4, 0x4e564d65); /* NSSR is absent */
	fake_write(d.dev, REG_AQA, 2, 0x3f);
	fake_write(d.dev, REG_AQA, 1, 0x3f);
	fake_write(d.dev, 0xff8, 8, ~0ull);
	assert_int_equal(fake_read64(d.dev, REG_CAP), cap);
	assert_int_equal(fake_read32(d.dev, REG_VS), 0x10400);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	assert_int_equal(fake_read32(d.dev, REG_AQA), 0);
	drv_close(&d);
}

/* What enabling does with each wrong setting: fatal, not ready, and said. */
static void NVME_enable_with_nonsense_is_fatal(void **state)
{
	static const struct {
		uint32_t cc, aqa;
		uint64_t asq, acq;
		const char *say;
	} bad[] = {
		{ CC_DEFAULT | 1 << 4, 0xf000f, 0x100000, 0x101000, "CSS" },
		{ CC_DEFAULT | 1 << 11, 0xf000f, 0x100000, 0x101000, "AMS" },
		{ CC_DEFAULT | 5 << 7, 0xf000f, 0x100000, 0x101000, "MPS" },
		{ CC_DEFAULT, 0xf0000, 0x100000, 0x101000, "AQA" },
		{ CC_DEFAULT, 0x0000f, 0x100000, 0x101000, "AQA" },
		{ CC_DEFAULT | 1 << 7, 0xf000f, 0x101000, 0x102000, "ASQ" },
		{ CC_DEFAULT | 1 << 7, 0xf000f, 0x102000, 0x101000, "ACQ" },
	};
	struct drv d;
	size_t i;

	drv_open_disabled(&d, ram);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_write(d.dev, REG_AQA, 4, bad[i].aqa);
		fake_write(d.dev, REG_ASQ, 8, bad[i].asq);
		fake_write(d.dev, REG_ACQ, 8, bad[i].acq);
		fake_write(d.dev, REG_CC, 4, bad[i].cc);
		assert_int_equal(fake_read32(d.dev, REG_CSTS), 2);
		assert_int_equal(d.dev->errors, i + 1);
		assert_non_null(strstr(fake_messages(), bad[i].say));
		fake_write(d.dev, REG_CC, 4, 0);
		assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	}
	d.dev->errors = 0;
	drv_enable(&d);
	drv_close(&d);
}

static void NVME_pages_of_64K_work(void **state)
{
	struct drv d;
	uint64_t buf;

	drv_open_disabled(&d, ram);
	d.admin = (struct queue){
		.sq = FAKE_IOVA,
		.cq = FAKE_IOVA + 0x10000,
		.sq_size = 8,
		.cq_size = 8,
		.phase = 1,
	};
	d.next = FAKE_IOVA + 0x20000;
	fake_write(d.dev, REG_AQA, 4, 0x70007);
	fake_write(d.dev, REG_ASQ, 8, d.admin.sq);
	fake_write(d.dev, REG_ACQ, 8, d.admin.cq);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 4 << 7);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 1);
	/* No page of 64 KiB ends inside: one PRP entry holds it all. */
	buf = d.next + 0x1234;
	assert_int_equal(drv_identify(&d, 1, 0, buf), 0);
	assert_int_equal(get32(drv_ptr(&d, buf), 80), 0x10400);
	drv_close(&d);
}

static void NVME_reset_brings_power_on_back(void **state)
{
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	fake_write(d.dev, REG_INTMS, 4, 0xff);
	fake_reset(d.dev);
	assert_int_equal(fake_read32(d.dev, REG_CC), 0);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	assert_int_equal(fake_read32(d.dev, REG_AQA), 0);
	assert_int_equal(fake_read64(d.dev, REG_ASQ), 0);
	assert_int_equal(fake_read64(d.dev, REG_ACQ), 0);
	assert_int_equal(fake_read32(d.dev, REG_INTMS), 0);
	assert_int_not_equal(fake_read64(d.dev, REG_CAP), 0);
	drv_enable(&d);
	drv_create_io(&d); /* the old pair is gone */
	drv_close(&d);
}

static void NVME_disable_keeps_admin_addresses(void **state)
{
	struct drv d;
	uint64_t asq;

	drv_open(&d, ram);
	asq = fake_read64(d.dev, REG_ASQ);
	fake_write(d.dev, REG_CC, 4, 0);
	assert_int_equal(fake_read64(d.dev, REG_ASQ), asq);
	assert_int_equal(fake_read32(d.dev, REG_AQA), 0xf000f);
	drv_close(&d);
}

static void NVME_shutdown_completes(void **state)
{
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 1 << 14);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 1 | 2 << 2);
	fake_write(d.dev, REG_CC, 4, 0);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 0);
	drv_enable(&d);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT | 2 << 14); /* abrupt */
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 1 | 2 << 2);
	fake_write(d.dev, REG_CC, 4, 0);
	/* While it is disabled: done at once, and forgotten when enabled. */
	fake_write(d.dev, REG_CC, 4, 1 << 14);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 2 << 2);
	drv_enable(&d);
	drv_close(&d);
}

static void NVME_start_stop_start_works(void **state)
{
	struct drv d;
	uint64_t buf;

	drv_open(&d, ram);
	drv_create_io(&d);
	buf = drv_alloc(&d, 512);
	fill(drv_ptr(&d, buf), 512, 5);
	assert_int_equal(drv_write(&d, 9, 1, buf), 0);
	fake_stop(d.dev);
	assert_int_equal(fake_start(d.dev), 0);
	drv_enable(&d);
	drv_create_io(&d);
	memset(drv_ptr(&d, buf), 0, 512);
	/* The memory of a run outlives the program that wrote it. */
	assert_int_equal(drv_read(&d, 9, 1, buf), 0);
	assert_true(is_filled(drv_ptr(&d, buf), 512, 5));
	drv_close(&d);
}

/* ---- fatal ---- */

static void NVME_submission_queue_gone_is_fatal(void **state)
{
	struct cmd cmd = drv_cmd(0x06, 0);
	struct completion c;
	struct drv d;

	drv_open(&d, ram);
	fake_set_hole(d.dev, d.admin.sq, true);
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 3);
	assert_int_equal(d.dev->errors, 1);
	assert_non_null(strstr(fake_messages(), "submission queue"));
	/* Nothing goes on until it is reset. */
	fake_set_hole(d.dev, d.admin.sq, false);
	drv_ring(&d, &d.admin);
	assert_false(drv_peek(&d, &d.admin, &c));
	assert_int_equal(d.dev->errors, 1);
	fake_write(d.dev, REG_CC, 4, 0);
	d.dev->errors = 0;
	drv_enable(&d);
	drv_create_io(&d);
	drv_close(&d);
}

static void NVME_completion_queue_gone_is_fatal(void **state)
{
	struct cmd cmd = drv_cmd(0x0a, 0);
	struct drv d;

	drv_open(&d, ram);
	cmd.dw[10] = 7;
	fake_set_hole(d.dev, d.admin.cq, true);
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 3);
	assert_int_equal(d.dev->errors, 1);
	assert_int_equal(d.dev->irqs[0], 0);
	drv_close(&d);
}

/* More completions than are written at once: the error is told once. */
static void NVME_fatal_in_the_middle_is_told_once(void **state)
{
	struct cmd cmd = drv_cmd(0x00, 1);
	struct drv d;
	int i;

	drv_open(&d, ram);
	drv_create_io(&d);
	for (i = 0; i < 40; i++)
		drv_queue_cmd(&d, &d.io, &cmd);
	fake_set_hole(d.dev, d.io.cq, true);
	drv_ring(&d, &d.io);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 3);
	assert_int_equal(d.dev->errors, 1);
	assert_int_equal(d.dev->irqs[1], 0);
	drv_close(&d);
}

static void NVME_bus_master_off_is_fatal(void **state)
{
	struct cmd cmd = drv_cmd(0x0a, 0);
	struct drv d;

	drv_open(&d, ram);
	d.dev->bus_master = false;
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	assert_int_equal(fake_read32(d.dev, REG_CSTS), 3);
	drv_close(&d);
}

/* Each access of a command's way fails in turn: never a crash, and after a reset
 * all is well. */
static void NVME_any_dma_fault_is_survived(void **state)
{
	struct drv d;
	uint64_t buf;
	unsigned int n;

	drv_open(&d, ram);
	drv_create_io(&d);
	buf = drv_alloc(&d, 65536 + 16);
	assert_int_equal(drv_write(&d, 0, 128, buf + 16), 0);
	for (n = 1; n <= 8; n++) {
		struct cmd cmd = drv_rw(&d, 0x02, 0, 128, buf + 16, 65536);
		struct completion c;
		bool fatal;

		d.dev->fail_dma = n;
		drv_queue_cmd(&d, &d.io, &cmd);
		drv_ring(&d, &d.io);
		d.dev->fail_dma = 0;
		fatal = fake_read32(d.dev, REG_CSTS) == 3;
		/* Command; PRP list, data; completion, its tag; then no more */
		assert_int_equal(fatal, n == 1 || n == 4 || n == 5);
		if (!fatal) {
			assert_true(drv_peek(&d, &d.io, &c));
			assert_int_equal(c.status & 0xfff,
					 n == 2 || n == 3 ? 0x004 : 0);
		}
		fake_write(d.dev, REG_CC, 4, 0);
		d.dev->errors = 0;
		drv_enable(&d);
		drv_create_io(&d);
	}
	drv_close(&d);
}

/* ---- interrupts ---- */

static void NVME_vectors_follow_their_queues(void **state)
{
	struct drv d;
	uint64_t buf;

	drv_open(&d, ram);
	drv_create_io(&d);
	assert_int_equal(d.dev->irqs[0], 2);
	buf = drv_alloc(&d, 512);
	assert_int_equal(drv_read(&d, 0, 1, buf), 0);
	assert_int_equal(d.dev->irqs[1], 1);
	assert_int_equal(d.dev->irqs[0], 2);
	drv_close(&d);
}

static void NVME_batch_interrupts_once(void **state)
{
	struct completion c;
	struct drv d;
	uint64_t buf;
	int i;

	drv_open(&d, ram);
	drv_create_io(&d);
	buf = drv_alloc(&d, 512);
	for (i = 0; i < 10; i++) {
		struct cmd cmd = drv_rw(&d, 0x02, i, 1, buf, 512);

		drv_queue_cmd(&d, &d.io, &cmd);
	}
	drv_ring(&d, &d.io);
	assert_int_equal(d.dev->irqs[1], 1);
	for (i = 0; i < 10; i++) {
		assert_true(drv_peek(&d, &d.io, &c));
		assert_int_equal(c.status, 0);
		drv_consume(&d, &d.io);
	}
	drv_close(&d);
}

static void NVME_queue_without_interrupts_is_silent(void **state)
{
	struct cmd cmd = drv_cmd(0x05, 0);
	struct queue *q;
	struct drv d;

	drv_open(&d, ram);
	q = &d.io;
	*q = (struct queue){
		.id = 3, .cqid = 3, .sq_size = 4, .cq_size = 4, .phase = 1
	};
	q->sq = drv_alloc(&d, 4096);
	q->cq = drv_alloc(&d, 4096);
	drv_set_prps(&cmd, q->cq, 0);
	cmd.dw[10] = 3 << 16 | 3;
	cmd.dw[11] = 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	cmd = drv_cmd(0x01, 0);
	drv_set_prps(&cmd, q->sq, 0);
	cmd.dw[10] = 3 << 16 | 3;
	cmd.dw[11] = 3 << 16 | 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	memset(d.dev->irqs, 0, sizeof(d.dev->irqs));
	assert_int_equal(drv_flush(&d), 0);
	assert_int_equal(d.dev->irqs[0], 0);
	assert_false(d.dev->level);
	drv_close(&d);
}

static void NVME_pin_is_high_until_all_is_consumed(void **state)
{
	struct cmd cmd = drv_cmd(0x00, 1);
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	assert_false(d.dev->level);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_ring(&d, &d.io);
	assert_true(d.dev->level);
	drv_consume(&d, &d.io);
	assert_true(d.dev->level);
	drv_consume(&d, &d.io);
	assert_false(d.dev->level);
	/* Consuming nothing of nothing changes nothing. */
	fake_write(d.dev, DOORBELLS + 12, 4, d.io.head);
	assert_int_equal(drv_flush(&d), 0);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_ring(&d, &d.io);
	assert_true(d.dev->level);
	drv_close(&d);
}

/* Queues that share a vector keep the pin high together. */
static void NVME_pin_is_high_for_each_queue_of_a_vector(void **state)
{
	struct cmd flush = drv_cmd(0x00, 1), cmd = drv_cmd(0x05, 0);
	struct queue q;
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	q = (struct queue){
		.id = 2, .cqid = 2, .sq_size = 4, .cq_size = 4, .phase = 1
	};
	q.sq = drv_alloc(&d, 4096);
	q.cq = drv_alloc(&d, 4096);
	drv_set_prps(&cmd, q.cq, 0);
	cmd.dw[10] = 3 << 16 | 2;
	cmd.dw[11] = 1 << 16 | 3;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	cmd = drv_cmd(0x01, 0);
	drv_set_prps(&cmd, q.sq, 0);
	cmd.dw[10] = 3 << 16 | 2;
	cmd.dw[11] = 2 << 16 | 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	drv_queue_cmd(&d, &d.io, &flush);
	drv_queue_cmd(&d, &q, &flush);
	drv_ring(&d, &d.io);
	drv_ring(&d, &q);
	assert_int_equal(d.dev->irqs[1], 2);
	drv_consume(&d, &d.io);
	assert_true(d.dev->level);
	drv_consume(&d, &q);
	assert_false(d.dev->level);
	drv_close(&d);
}

static void NVME_mask_silences_pin_and_messages(void **state)
{
	struct cmd cmd = drv_cmd(0x00, 1);
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	fake_write(d.dev, REG_INTMS, 4, 2);
	assert_int_equal(fake_read32(d.dev, REG_INTMS), 2);
	assert_int_equal(fake_read32(d.dev, REG_INTMC), 2);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_ring(&d, &d.io);
	assert_false(d.dev->level);
	assert_int_equal(d.dev->irqs[1], 0);
	/* Unmasking tells what is there. */
	fake_write(d.dev, REG_INTMC, 4, 2);
	assert_int_equal(fake_read32(d.dev, REG_INTMS), 0);
	assert_true(d.dev->level);
	assert_int_equal(d.dev->irqs[1], 1);
	/* Masking lowers the pin while completions stay. */
	fake_write(d.dev, REG_INTMS, 4, 2);
	assert_false(d.dev->level);
	drv_consume(&d, &d.io);
	fake_write(d.dev, REG_INTMC, 4, 2);
	assert_false(d.dev->level);
	assert_int_equal(d.dev->irqs[1], 1);
	drv_close(&d);
}

static void NVME_disable_lowers_the_pin(void **state)
{
	struct cmd cmd = drv_cmd(0x0a, 0);
	struct drv d;

	drv_open(&d, ram);
	cmd.dw[10] = 7;
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	assert_true(d.dev->level);
	fake_write(d.dev, REG_CC, 4, 0);
	assert_false(d.dev->level);
	drv_close(&d);
}

/* ---- doorbells ---- */

static void NVME_doorbell_while_disabled_is_ignored(void **state)
{
	struct drv d;

	drv_open_disabled(&d, ram);
	fake_write(d.dev, DOORBELLS, 4, 5);
	fake_write(d.dev, DOORBELLS + 4, 4, 5);
	fake_write(d.dev, DOORBELLS + 0xffc, 4, 5);
	assert_int_equal(d.dev->errors, 0);
	drv_enable(&d);
	drv_create_io(&d);
	drv_close(&d);
}

/* An event request is waiting: the event number it gets for a doorbell. */
static uint32_t event_of_doorbell(uint64_t off, uint32_t val)
{
	struct cmd cmd = drv_cmd(0x0c, 0);
	struct completion c;
	struct drv d;

	drv_open(&d, ram);
	drv_create_io(&d);
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	assert_false(drv_peek(&d, &d.admin, &c));
	fake_write(d.dev, off, 4, val);
	if (!drv_peek(&d, &d.admin, &c)) {
		drv_close(&d);
		return ~0u;
	}
	assert_int_equal(c.status, 0);
	/* The queues are as they were. */
	drv_consume(&d, &d.admin);
	assert_int_equal(drv_flush(&d), 0);
	drv_close(&d);
	return c.result;
}

static void NVME_doorbell_of_no_queue_is_an_event(void **state)
{
	assert_int_equal(event_of_doorbell(DOORBELLS + 8 * 2, 1), 0x010000);
	assert_int_equal(event_of_doorbell(DOORBELLS + 8 * 2 + 4, 1), 0x010000);
	assert_int_equal(event_of_doorbell(DOORBELLS + 8 * 33, 1), 0x010000);
	assert_int_equal(event_of_doorbell(DOORBELLS + 0xffc, 1), 0x010000);
	assert_int_equal(event_of_doorbell(DOORBELLS + 0x2000, 1), 0x010000);
}

static void NVME_doorbell_out_of_range_is_an_event(void **state)
{
	assert_int_equal(event_of_doorbell(DOORBELLS + 8, 64), 0x010100);
	assert_int_equal(event_of_doorbell(DOORBELLS + 8, 0xffff), 0x010100);
	assert_int_equal(event_of_doorbell(DOORBELLS + 12, 64), 0x010100);
	/* Consuming what is not there. */
	assert_int_equal(event_of_doorbell(DOORBELLS + 12, 1), 0x010100);
	assert_int_equal(event_of_doorbell(DOORBELLS + 12, 63), 0x010100);
}

static void NVME_doorbell_of_the_same_value_is_nothing(void **state)
{
	assert_int_equal(event_of_doorbell(DOORBELLS + 8, 0), ~0u);
	assert_int_equal(event_of_doorbell(DOORBELLS + 12, 0), ~0u);
}

static void NVME_bad_doorbell_is_in_the_error_log(void **state)
{
	struct drv d;
	uint64_t buf;

	drv_open(&d, ram);
	fake_write(d.dev, DOORBELLS + 8 * 7, 4, 1);
	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_log(&d, 1, buf, 64), 0);
	assert_int_equal(get64(drv_ptr(&d, buf), 0), 1);
	assert_int_equal(get16(drv_ptr(&d, buf), 8), 7);
	assert_int_equal(get16(drv_ptr(&d, buf), 10), 0xffff);
	drv_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(NVME_power_on_shows_what_it_can),
		cmocka_unit_test(NVME_function_is_an_nvme_controller),
		cmocka_unit_test(NVME_enable_becomes_ready),
		cmocka_unit_test(NVME_registers_in_halves_are_the_same),
		cmocka_unit_test(NVME_writes_that_mean_nothing_do_nothing),
		cmocka_unit_test(NVME_enable_with_nonsense_is_fatal),
		cmocka_unit_test(NVME_pages_of_64K_work),
		cmocka_unit_test(NVME_reset_brings_power_on_back),
		cmocka_unit_test(NVME_disable_keeps_admin_addresses),
		cmocka_unit_test(NVME_shutdown_completes),
		cmocka_unit_test(NVME_start_stop_start_works),
		cmocka_unit_test(NVME_submission_queue_gone_is_fatal),
		cmocka_unit_test(NVME_completion_queue_gone_is_fatal),
		cmocka_unit_test(NVME_fatal_in_the_middle_is_told_once),
		cmocka_unit_test(NVME_bus_master_off_is_fatal),
		cmocka_unit_test(NVME_any_dma_fault_is_survived),
		cmocka_unit_test(NVME_vectors_follow_their_queues),
		cmocka_unit_test(NVME_batch_interrupts_once),
		cmocka_unit_test(NVME_queue_without_interrupts_is_silent),
		cmocka_unit_test(NVME_pin_is_high_until_all_is_consumed),
		cmocka_unit_test(NVME_pin_is_high_for_each_queue_of_a_vector),
		cmocka_unit_test(NVME_mask_silences_pin_and_messages),
		cmocka_unit_test(NVME_disable_lowers_the_pin),
		cmocka_unit_test(NVME_doorbell_while_disabled_is_ignored),
		cmocka_unit_test(NVME_doorbell_of_no_queue_is_an_event),
		cmocka_unit_test(NVME_doorbell_out_of_range_is_an_event),
		cmocka_unit_test(NVME_doorbell_of_the_same_value_is_nothing),
		cmocka_unit_test(NVME_bad_doorbell_is_in_the_error_log),
	};

	return cmocka_run_group_tests_name("nvme controller", tests, NULL,
					   NULL);
}
