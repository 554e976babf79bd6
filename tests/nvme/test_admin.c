/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Admin commands: queues, Identify, features, logs, events, Abort. */
#include "driver.h"

static const char *const ram[] = { "size=1M", "serial=S-123", NULL };

static struct drv d;

static int open_controller(void **state)
{
	drv_open(&d, ram);
	return 0;
}

static int close_controller(void **state)
{
	drv_close(&d);
	return 0;
}

/* A dword of the newest entry of the error log. */
static uint64_t newest_error(size_t off, size_t size)
{
	uint64_t buf = drv_alloc(&d, 4096), val = 0;

	assert_int_equal(drv_log(&d, 0x01, buf, 64), 0);
	memcpy(&val, (char *)drv_ptr(&d, buf) + off, size);
	d.next -= 4096;
	return val;
}

/* ---- queues ---- */

static uint16_t create_cq(uint32_t cdw10, uint32_t cdw11, uint64_t prp1)
{
	struct cmd cmd = drv_cmd(0x05, 0);

	drv_set_prps(&cmd, prp1, 0);
	cmd.dw[10] = cdw10;
	cmd.dw[11] = cdw11;
	return drv_admin(&d, &cmd);
}

static uint16_t create_sq(uint32_t cdw10, uint32_t cdw11, uint64_t prp1)
{
	struct cmd cmd = drv_cmd(0x01, 0);

	drv_set_prps(&cmd, prp1, 0);
	cmd.dw[10] = cdw10;
	cmd.dw[11] = cdw11;
	return drv_admin(&d, &cmd);
}

static void NVME_create_cq_checks_each_field(void **state)
{
	uint64_t mem = drv_alloc(&d, 4096);

	assert_int_equal(create_cq(3 << 16 | 0, 1, mem), 0x101 | DMORE);
	assert_int_equal(create_cq(3 << 16 | 33, 1, mem), 0x101 | DMORE);
	assert_int_equal(create_cq(0 << 16 | 1, 1, mem), 0x102 | DMORE);
	assert_int_equal(create_cq(1024u << 16 | 1, 1, mem), 0x102 | DMORE);
	assert_int_equal(create_cq(3 << 16 | 1, 33 << 16 | 1, mem),
			 0x108 | DMORE);
	assert_int_equal(create_cq(3 << 16 | 1, 2, mem), 0x002 | DMORE);
	assert_int_equal(newest_error(14, 2), 44); /* PC is in dword 11 */
	assert_int_equal(create_cq(3 << 16 | 1, 1, mem + 16), 0x013 | DMORE);
	assert_int_equal(create_cq(1023u << 16 | 1, 32 << 16 | 1, mem), 0);
	assert_int_equal(create_cq(3 << 16 | 1, 1, mem), 0x101 | DMORE);
	assert_int_equal(create_cq(3 << 16 | 32, 1, mem), 0);
}

static void NVME_create_sq_checks_each_field(void **state)
{
	uint64_t mem = drv_alloc(&d, 4096);

	assert_int_equal(create_sq(3 << 16 | 1, 1 << 16 | 1, mem),
			 0x100 | DMORE);
	assert_int_equal(create_cq(3 << 16 | 1, 1, mem), 0);
	assert_int_equal(create_sq(3 << 16 | 0, 1 << 16 | 1, mem),
			 0x101 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 33, 1 << 16 | 1, mem),
			 0x101 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 1, 0 << 16 | 1, mem),
			 0x101 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 1, 33 << 16 | 1, mem),
			 0x101 | DMORE);
	assert_int_equal(create_sq(0 << 16 | 1, 1 << 16 | 1, mem),
			 0x102 | DMORE);
	assert_int_equal(create_sq(1024u << 16 | 1, 1 << 16 | 1, mem),
			 0x102 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 1, 1 << 16, mem), 0x002 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 1, 1 << 16 | 1, mem + 64),
			 0x013 | DMORE);
	assert_int_equal(create_sq(3 << 16 | 5, 1 << 16 | 1, mem), 0);
	assert_int_equal(create_sq(3 << 16 | 5, 1 << 16 | 1, mem),
			 0x101 | DMORE);
}

static void NVME_create_with_other_entry_size_is_refused(void **state)
{
	uint64_t mem = drv_alloc(&d, 4096);

	fake_write(d.dev, REG_CC, 4, 0x00560001);
	assert_int_equal(create_cq(3 << 16 | 1, 1, mem), 0x102 | DMORE);
	fake_write(d.dev, REG_CC, 4, 0x00470001);
	assert_int_equal(create_cq(3 << 16 | 1, 1, mem), 0);
	assert_int_equal(create_sq(3 << 16 | 1, 1 << 16 | 1, mem),
			 0x102 | DMORE);
}

static void NVME_delete_goes_in_order(void **state)
{
	struct queue q;

	assert_int_equal(drv_delete(&d, false, 1), 0x101 | DMORE);
	assert_int_equal(drv_delete(&d, true, 1), 0x101 | DMORE);
	assert_int_equal(drv_delete(&d, false, 0), 0x101 | DMORE);
	assert_int_equal(drv_delete(&d, true, 0), 0x101 | DMORE);
	assert_int_equal(drv_delete(&d, true, 33), 0x101 | DMORE);
	assert_int_equal(drv_delete(&d, false, 0xffff), 0x101 | DMORE);
	assert_int_equal(drv_create_pair(&d, &q, 1, 4, 4), 0);
	assert_int_equal(create_sq(3 << 16 | 2, 1 << 16 | 1, q.sq), 0);
	assert_int_equal(drv_delete(&d, true, 1), 0x10c | DMORE);
	assert_int_equal(drv_delete(&d, false, 1), 0);
	assert_int_equal(drv_delete(&d, true, 1), 0x10c | DMORE);
	assert_int_equal(drv_delete(&d, false, 2), 0);
	assert_int_equal(drv_delete(&d, true, 1), 0);
	assert_int_equal(drv_create_pair(&d, &q, 1, 8, 8), 0);
}

static void NVME_deleted_queue_drops_its_interrupt(void **state)
{
	struct cmd cmd = drv_cmd(0x00, 1);

	drv_create_io(&d);
	drv_queue_cmd(&d, &d.io, &cmd);
	drv_ring(&d, &d.io);
	assert_true(d.dev->level);
	assert_int_equal(drv_delete(&d, false, 1), 0);
	assert_int_equal(drv_delete(&d, true, 1), 0);
	assert_false(d.dev->level);
}

static void NVME_all_queues_at_once(void **state)
{
	struct queue q[33];
	struct cmd cmd = drv_cmd(0x00, 1);
	unsigned int i;

	for (i = 1; i <= 32; i++)
		assert_int_equal(drv_create_pair(&d, &q[i], i, 4, 4), 0);
	for (i = 1; i <= 32; i++)
		assert_int_equal(drv_run(&d, &q[i], &cmd), 0);
	for (i = 1; i <= 32; i++)
		assert_int_equal(d.dev->irqs[i], 1);
}

/* ---- commands that are refused ---- */

static void NVME_unknown_admin_command_is_refused(void **state)
{
	/* Firmware, namespaces, keep alive, directives, doorbell buffers,
	 * format, security, vendor's. */
	static const uint8_t opcodes[] = { 0x10, 0x11, 0x0d, 0x15, 0x18,
					   0x1a, 0x7c, 0x80, 0x81, 0x82,
					   0x84, 0xc0, 0xff, 0x03, 0x14 };
	struct cmd cmd;
	size_t i;

	for (i = 0; i < sizeof(opcodes); i++) {
		cmd = drv_cmd(opcodes[i], 0);
		assert_int_equal(drv_admin(&d, &cmd), 0x001 | DMORE);
	}
	assert_int_equal(newest_error(14, 2), 0);
}

static void NVME_sgl_and_fused_are_refused(void **state)
{
	struct cmd cmd = drv_cmd(0x06, 0);

	drv_set_prps(&cmd, drv_alloc(&d, 4096), 0);
	cmd.dw[10] = 1;
	cmd.dw[0] |= 1 << 14;
	assert_int_equal(drv_admin(&d, &cmd), 0x002 | DMORE);
	assert_int_equal(newest_error(14, 2), 1);
	cmd.dw[0] = 0x06 | 2 << 14;
	assert_int_equal(drv_admin(&d, &cmd), 0x002 | DMORE);
	cmd.dw[0] = 0x06 | 1 << 8;
	assert_int_equal(drv_admin(&d, &cmd), 0x002 | DMORE);
	cmd.dw[0] = 0x06;
	assert_int_equal(drv_admin(&d, &cmd), 0);
}

/* ---- Identify ---- */

static void NVME_identify_controller_is_complete(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	uint8_t *id = drv_ptr(&d, buf);

	assert_int_equal(drv_identify(&d, 1, 0, buf), 0);
	assert_int_equal(get16(id, 0), d.dev->id.vendor);
	assert_int_equal(get16(id, 2), d.dev->id.subsystem_vendor);
	assert_memory_equal(id + 4, "S-123               ", 20);
	assert_memory_equal(id + 24, "anyvfio NVMe            ", 24);
	assert_memory_equal(id + 64, "1.0     ", 8);
	assert_int_equal(id[77], 8); /* MDTS: 1 MiB */
	assert_int_equal(get32(id, 80), 0x10400);
	assert_int_equal(id[111], 1); /* an I/O controller */
	assert_int_equal(get16(id, 256), 0); /* OACS */
	assert_int_equal(id[259], 3); /* AERL: four events */
	assert_int_equal(id[261], 6); /* LPA */
	assert_int_equal(id[262], 63); /* ELPE */
	assert_int_equal(id[512], 0x66);
	assert_int_equal(id[513], 0x44);
	assert_int_equal(get32(id, 516), 1); /* NN */
	assert_int_equal(get16(id, 520), 0x1d); /* ONCS */
	assert_int_equal(id[525], 7); /* VWC: present, flush takes all */
	assert_int_equal(get32(id, 536), 0); /* SGLS */
	assert_memory_equal(id + 768, "nqn.2014-08.org.nvmexpress:uuid:", 32);
	assert_int_equal(strlen((char *)id + 768), 32 + 36);
}

static void NVME_identify_namespace_is_complete(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	uint8_t *id = drv_ptr(&d, buf);

	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	assert_int_equal(get64(id, 0), 2048);
	assert_int_equal(get64(id, 8), 2048);
	assert_int_equal(get64(id, 16), 2048);
	assert_int_equal(id[25], 0); /* NLBAF: one */
	assert_int_equal(id[26], 0); /* FLBAS */
	assert_int_equal(id[33] & 7, 1); /* deallocated reads as 0 */
	assert_int_equal(id[99], 0); /* writable */
	assert_int_equal(get32(id, 128), 9 << 16);
	assert_false(is_zero(id + 104, 16));
	assert_false(is_zero(id + 120, 8));
}

static void NVME_identify_names_come_from_the_serial(void **state)
{
	static const char *const other[] = { "size=1M", "serial=S-124", NULL };
	uint8_t first[24], again[24], third[24];
	struct drv e;
	uint64_t buf;

	buf = drv_alloc(&d, 4096);
	assert_int_equal(drv_identify(&d, 0, 1, buf), 0);
	memcpy(first, (char *)drv_ptr(&d, buf) + 104, 24);
	drv_open(&e, ram);
	buf = drv_alloc(&e, 4096);
	assert_int_equal(drv_identify(&e, 0, 1, buf), 0);
	memcpy(again, (char *)drv_ptr(&e, buf) + 104, 24);
	drv_close(&e);
	drv_open(&e, other);
	buf = drv_alloc(&e, 4096);
	assert_int_equal(drv_identify(&e, 0, 1, buf), 0);
	memcpy(third, (char *)drv_ptr(&e, buf) + 104, 24);
	drv_close(&e);
	assert_memory_equal(first, again, 24);
	assert_memory_not_equal(first, third, 16);
	assert_memory_not_equal(first + 16, third + 16, 8);
}

static void NVME_identify_lists_and_descriptors(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	uint8_t *id = drv_ptr(&d, buf);

	assert_int_equal(drv_identify(&d, 2, 0, buf), 0);
	assert_int_equal(get32(id, 0), 1);
	assert_true(is_zero(id + 4, 4092));
	assert_int_equal(drv_identify(&d, 2, 1, buf), 0);
	assert_true(is_zero(id, 4096));
	assert_int_equal(drv_identify(&d, 3, 1, buf), 0);
	assert_int_equal(get16(id, 0), 0x0801); /* EUI-64, 8 bytes */
	assert_int_equal(get16(id, 12), 0x1002); /* NGUID, 16 bytes */
	assert_int_equal(get16(id, 32), 0x1003); /* UUID, 16 bytes */
	assert_int_equal(get32(id, 52), 0);
}

static void NVME_identify_of_what_is_not_there_is_refused(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	static const uint8_t cns[] = { 0x04, 0x05, 0x06, 0x10, 0x11, 0xff };
	size_t i;

	assert_int_equal(drv_identify(&d, 0, 0, buf), 0x00b | DMORE);
	assert_int_equal(newest_error(14, 2), 4);
	assert_int_equal(newest_error(24, 4), 0);
	assert_int_equal(drv_identify(&d, 0, 2, buf), 0x00b | DMORE);
	assert_int_equal(drv_identify(&d, 0, ~0u, buf), 0x00b | DMORE);
	assert_int_equal(drv_identify(&d, 2, ~0u, buf), 0x00b | DMORE);
	assert_int_equal(drv_identify(&d, 2, ~0u - 1, buf), 0x00b | DMORE);
	assert_int_equal(drv_identify(&d, 3, 2, buf), 0x00b | DMORE);
	for (i = 0; i < sizeof(cns); i++)
		assert_int_equal(drv_identify(&d, cns[i], 1, buf),
				 0x002 | DMORE);
}

static void NVME_identify_data_crosses_pages(void **state)
{
	uint64_t buf = drv_alloc(&d, 8192);
	struct cmd cmd = drv_cmd(0x06, 0);

	drv_set_prps(&cmd, buf + 0x800, buf + 0x1000);
	cmd.dw[10] = 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	assert_int_equal(get32(drv_ptr(&d, buf), 0x800 + 516), 1);
	assert_memory_equal((char *)drv_ptr(&d, buf) + 0x800 + 768, "nqn.", 4);
	drv_set_prps(&cmd, buf + 0x800, 0x10);
	assert_int_equal(drv_admin(&d, &cmd), 0x013 | DMORE);
	drv_set_prps(&cmd, buf + 0x801, buf + 0x1000);
	assert_int_equal(drv_admin(&d, &cmd), 0x013 | DMORE);
	drv_set_prps(&cmd, FAKE_IOVA + FAKE_DMA_SIZE, 0);
	assert_int_equal(drv_admin(&d, &cmd), 0x004 | MORE);
}

/* ---- features ---- */

static uint16_t feature(bool set, uint32_t cdw10, uint32_t cdw11, uint32_t nsid)
{
	struct cmd cmd = drv_cmd(set ? 0x09 : 0x0a, nsid);

	cmd.dw[10] = cdw10;
	cmd.dw[11] = cdw11;
	return drv_admin(&d, &cmd);
}

static uint32_t get_feature(uint32_t cdw10, uint32_t cdw11)
{
	assert_int_equal(
		feature(false, cdw10, cdw11, (cdw10 & 0xff) == 5 ? 1 : 0), 0);
	return d.result;
}

static void NVME_features_hold_what_is_set(void **state)
{
	static const struct {
		uint8_t fid;
		uint32_t set, get;
	} feat[] = {
		{ 0x01, 0x11223304, 0x11223304 },
		{ 0x02, 0x60, 0x60 },
		{ 0x04, 0x1234, 0x1234 },
		{ 0x05, 0x1ff, 0x1ff },
		{ 0x06, 0, 0 },
		{ 0x08, 0x1234, 0x1234 },
		{ 0x0a, 1, 1 },
		{ 0x0b, 0x103, 0x103 },
	};
	uint32_t before;
	size_t i;

	for (i = 0; i < sizeof(feat) / sizeof(feat[0]); i++) {
		before = get_feature(feat[i].fid, 0);
		assert_int_equal(feature(true, feat[i].fid, feat[i].set,
					 feat[i].fid == 5 ? 1 : 0),
				 0);
		assert_int_equal(get_feature(feat[i].fid, 0), feat[i].get);
		/* The default and what is saved are still the same. */
		assert_int_equal(get_feature(feat[i].fid | 1 << 8, 0), before);
		assert_int_equal(get_feature(feat[i].fid | 2 << 8, 0), before);
		assert_int_equal(get_feature(feat[i].fid | 3 << 8, 0),
				 feat[i].fid == 5 ? 6 : 4);
	}
	/* A reset brings the defaults back. */
	fake_write(d.dev, REG_CC, 4, 0);
	drv_enable(&d);
	assert_int_equal(get_feature(0x08, 0), 0);
	assert_int_equal(get_feature(0x04, 0), 343);
}

static void NVME_features_refuse_wrong_values(void **state)
{
	assert_int_equal(feature(true, 0x02, 1, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x04, 9 << 16, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x04, 2 << 20, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x04, 0xf << 16, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x04, 3 << 20, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x05, 1 << 16, 1), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x09, 33, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x09, 33, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x07, 0xffff, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0x07, 0xffff0000, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x01 | 4 << 8, 0, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x01 | 7 << 8, 0, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x00, 0, 0), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x03, 0, 1), 0x002 | DMORE);
	assert_int_equal(feature(false, 0x0c, 0, 0), 0x002 | DMORE);
	assert_int_equal(feature(true, 0xff, 0, 0), 0x002 | DMORE);
}

static void NVME_features_know_their_scope(void **state)
{
	assert_int_equal(feature(true, 1u << 31 | 0x08, 0, 0), 0x10d | DMORE);
	assert_int_equal(feature(true, 0x08, 0, 1), 0);
	assert_int_equal(feature(true, 0x08, 0, ~0u), 0);
	assert_int_equal(feature(true, 0x08, 0, 2), 0x00b | DMORE);
	assert_int_equal(feature(true, 0x05, 0, 0), 0x00b | DMORE);
	assert_int_equal(feature(true, 0x05, 0, 2), 0x00b | DMORE);
	assert_int_equal(feature(true, 0x05, 0, ~0u), 0);
	assert_int_equal(feature(false, 0x05, 0, 0), 0x00b | DMORE);
	assert_int_equal(feature(false, 0x05, 0, ~0u), 0x00b | DMORE);
}

static void NVME_number_of_queues_before_there_are_any(void **state)
{
	struct queue q;

	assert_int_equal(feature(true, 0x07, 0, 0), 0);
	assert_int_equal(d.result, 31 << 16 | 31);
	assert_int_equal(get_feature(0x07, 0), 31 << 16 | 31);
	assert_int_equal(drv_create_pair(&d, &q, 1, 4, 4), 0);
	assert_int_equal(feature(true, 0x07, 3 << 16 | 3, 0), 0x00c | DMORE);
	assert_int_equal(get_feature(0x07, 0), 31 << 16 | 31);
}

static void NVME_vectors_are_configured_one_by_one(void **state)
{
	assert_int_equal(feature(true, 0x09, 1 << 16 | 32, 0), 0);
	assert_int_equal(get_feature(0x09, 32), 1 << 16 | 32);
	assert_int_equal(get_feature(0x09, 31), 31);
	assert_int_equal(get_feature(0x09 | 1 << 8, 32), 32);
}

static void NVME_under_temperature_is_apart(void **state)
{
	assert_int_equal(feature(true, 0x04, 1 << 20 | 300, 0), 0);
	assert_int_equal(get_feature(0x04, 1 << 20), 300);
	assert_int_equal(get_feature(0x04, 0), 343);
	/* All sensors at once. */
	assert_int_equal(feature(true, 0x04, 0xf << 16 | 350, 0), 0);
	assert_int_equal(get_feature(0x04, 0), 350);
}

/* ---- logs ---- */

static void NVME_smart_log_counts(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096), data = drv_alloc(&d, 4096);
	const uint8_t *log = drv_ptr(&d, buf);

	drv_create_io(&d);
	assert_int_equal(drv_log(&d, 2, buf, 512), 0);
	assert_int_equal(log[0], 0);
	assert_int_equal(get16(log, 1), 313);
	assert_int_equal(log[3], 100);
	assert_int_equal(get64(log, 32), 0);
	assert_int_equal(drv_write(&d, 0, 8, data), 0);
	assert_int_equal(drv_read(&d, 0, 8, data), 0);
	assert_int_equal(drv_read(&d, 0, 8, data), 0);
	assert_int_equal(drv_read(&d, 1 << 20, 8, data), 0x080 | DMORE);
	assert_int_equal(drv_log(&d, 2, buf, 512), 0);
	assert_int_equal(get64(log, 32), 1); /* begun thousands of 512 bytes */
	assert_int_equal(get64(log, 48), 1);
	assert_int_equal(get64(log, 64), 2);
	assert_int_equal(get64(log, 80), 1);
	assert_int_equal(get64(log, 160), 0);
	assert_int_equal(get64(log, 176), 1);
}

static void NVME_error_log_tells_newest_first(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096), data = drv_alloc(&d, 4096);
	const uint8_t *log = drv_ptr(&d, buf);
	uint16_t cid;
	int i;

	drv_create_io(&d);
	assert_int_equal(drv_read(&d, 7ull << 32, 1, data), 0x080 | DMORE);
	cid = d.cid;
	assert_int_equal(drv_identify(&d, 9, 0, data), 0x002 | DMORE);
	assert_int_equal(drv_log(&d, 1, buf, 4096), 0);
	assert_int_equal(get64(log, 0), 2);
	assert_int_equal(get16(log, 8), 0);
	assert_int_equal(get64(log + 64, 0), 1);
	assert_int_equal(get16(log + 64, 8), 1);
	assert_int_equal(get16(log + 64, 10), cid);
	assert_int_equal(get16(log + 64, 12) >> 1, 0x080 | DMORE);
	assert_int_equal(get16(log + 64, 14), 40);
	assert_int_equal(get64(log + 64, 16), 7ull << 32);
	assert_int_equal(get32(log + 64, 24), 1);
	assert_true(is_zero(log + 128, 4096 - 128));
	/* It goes round. */
	for (i = 0; i < 70; i++)
		drv_identify(&d, 9, 0, data);
	assert_int_equal(drv_log(&d, 1, buf, 4096), 0);
	assert_int_equal(get64(log, 0), 72);
	assert_int_equal(get64(log + 63 * 64, 0), 72 - 63);
}

static void NVME_other_logs_are_there(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	const uint8_t *log = drv_ptr(&d, buf);

	assert_int_equal(drv_log(&d, 3, buf, 512), 0);
	assert_int_equal(log[0], 1);
	assert_memory_equal(log + 8, "1.0     ", 8);
	assert_int_equal(drv_log(&d, 4, buf, 4096), 0);
	assert_true(is_zero(log, 4096));
	assert_int_equal(drv_log(&d, 5, buf, 4096), 0);
	assert_int_equal(get32(log, 4 * 0x06), 1); /* Identify */
	assert_int_equal(get32(log, 4 * 0x10), 0); /* firmware */
	assert_int_equal(get32(log, 1024 + 4 * 0x01), 3); /* Write */
	assert_int_equal(get32(log, 1024 + 4 * 0x02), 1); /* Read */
	assert_int_equal(get32(log, 1024 + 4 * 0x04), 0);
	assert_int_equal(drv_log(&d, 0, buf, 512), 0x109 | DMORE);
	assert_int_equal(drv_log(&d, 6, buf, 512), 0x109 | DMORE);
	assert_int_equal(drv_log(&d, 0xc0, buf, 512), 0x109 | DMORE);
}

static uint16_t log_at(uint32_t dwords, uint64_t off, uint64_t buf,
		       uint32_t nsid, uint8_t lid)
{
	struct cmd cmd = drv_cmd(0x02, nsid);

	drv_set_prps(&cmd, buf, buf + 4096);
	cmd.dw[10] = (dwords - 1) << 16 | lid;
	cmd.dw[11] = (dwords - 1) >> 16;
	cmd.dw[12] = off;
	cmd.dw[13] = off >> 32;
	return drv_admin(&d, &cmd);
}

static void NVME_log_offset_and_length(void **state)
{
	uint64_t buf = drv_alloc(&d, 8192);
	uint8_t *log = drv_ptr(&d, buf);

	memset(log, 0xee, 8192);
	assert_int_equal(log_at(2, 8, buf, 0, 3), 0);
	assert_memory_equal(log, "1.0     ", 8);
	assert_int_equal(log[8], 0xee);
	/* More than there is: zeroes. */
	assert_int_equal(log_at(1200, 0, buf, 0, 3), 0);
	assert_int_equal(log[0], 1);
	assert_true(is_zero(log + 512, 4800 - 512));
	assert_int_equal(log[4800], 0xee);
	assert_int_equal(log_at(1, 512, buf, 0, 3), 0);
	assert_int_equal(log_at(1, 513, buf, 0, 3), 0x002 | DMORE);
	assert_int_equal(log_at(1, 516, buf, 0, 3), 0x002 | DMORE);
	assert_int_equal(log_at(1, 1ull << 32, buf, 0, 3), 0x002 | DMORE);
	assert_int_equal(log_at(262145, 0, buf, 0, 3), 0x002 | DMORE);
	assert_int_equal(log_at(1, 0, buf, 1, 2), 0x002 | DMORE);
	assert_int_equal(log_at(1, 0, buf, ~0u, 2), 0);
}

/* ---- events ---- */

static void park_events(int nr)
{
	struct cmd cmd = drv_cmd(0x0c, 0);
	int i;

	for (i = 0; i < nr; i++)
		drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
}

static void bad_doorbell(void)
{
	fake_write(d.dev, DOORBELLS + 8 * 9, 4, 1);
}

static void NVME_event_limit_is_four(void **state)
{
	struct completion c;

	park_events(5);
	assert_true(drv_peek(&d, &d.admin, &c));
	assert_int_equal(c.status, 0x105 | DMORE);
	assert_int_equal(c.cid, d.cid);
	drv_consume(&d, &d.admin);
	assert_false(drv_peek(&d, &d.admin, &c));
}

static void NVME_event_waits_for_a_request(void **state)
{
	struct completion c;

	bad_doorbell();
	assert_false(drv_peek(&d, &d.admin, &c));
	park_events(1);
	assert_true(drv_peek(&d, &d.admin, &c));
	assert_int_equal(c.status, 0);
	assert_int_equal(c.result, 0x010000);
	drv_consume(&d, &d.admin);
}

static void NVME_event_is_masked_until_its_log_is_read(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	struct cmd cmd = drv_cmd(0x02, 0);
	struct completion c;

	park_events(2);
	bad_doorbell();
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x010000);
	bad_doorbell();
	assert_false(drv_peek(&d, &d.admin, &c));
	/* Read, but retained. */
	drv_set_prps(&cmd, buf, 0);
	cmd.dw[10] = 15 << 16 | 1 << 15 | 1;
	assert_int_equal(drv_admin(&d, &cmd), 0);
	bad_doorbell();
	assert_false(drv_peek(&d, &d.admin, &c));
	assert_int_equal(drv_log(&d, 1, buf, 64), 0);
	assert_false(drv_peek(&d, &d.admin, &c));
	bad_doorbell();
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x010000);
}

static void NVME_temperature_crossed_is_an_event(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);
	struct completion c;

	park_events(2);
	/* Not asked for: only the log says it. */
	assert_int_equal(feature(true, 0x04, 300, 0), 0);
	assert_false(drv_peek(&d, &d.admin, &c));
	assert_int_equal(drv_log(&d, 2, buf, 512), 0);
	assert_int_equal(*(uint8_t *)drv_ptr(&d, buf), 2);
	/* Asked for: at once. */
	assert_int_equal(feature(true, 0x0b, 2, 0), 0);
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x020101);
	/* The same warning is told once. */
	assert_int_equal(drv_log(&d, 2, buf, 512), 0);
	assert_int_equal(feature(true, 0x04, 299, 0), 0);
	assert_false(drv_peek(&d, &d.admin, &c));
	/* It goes and comes again, this time by the other threshold. */
	assert_int_equal(feature(true, 0x04, 343, 0), 0);
	assert_int_equal(drv_log(&d, 2, buf, 512), 0);
	assert_int_equal(*(uint8_t *)drv_ptr(&d, buf), 0);
	assert_int_equal(feature(true, 0x04, 1 << 20 | 313, 0), 0);
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x020101);
}

static void NVME_events_of_two_types_both_come(void **state)
{
	park_events(2);
	bad_doorbell();
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x010000);
	assert_int_equal(feature(true, 0x0b, 2, 0), 0);
	assert_int_equal(feature(true, 0x04, 300, 0), 0);
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x020101);
}

static void NVME_event_waits_for_room(void **state)
{
	struct cmd cmd = drv_cmd(0x0a, 0);
	struct completion c;
	int i;

	park_events(1);
	cmd.dw[10] = 7;
	/* 15 completions fill the queue of 16. */
	for (i = 0; i < 14; i++)
		drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	bad_doorbell();
	for (i = 0; i < 15; i++) {
		assert_true(drv_peek(&d, &d.admin, &c));
		assert_int_equal(c.result, 31 << 16 | 31);
		drv_consume(&d, &d.admin);
	}
	assert_true(drv_peek(&d, &d.admin, &c));
	assert_int_equal(c.result, 0x010000);
	drv_consume(&d, &d.admin);
}

static void NVME_parked_events_do_not_take_room(void **state)
{
	uint64_t buf = drv_alloc(&d, 4096);

	/* Queues of two entries: one completion at a time. */
	fake_write(d.dev, REG_CC, 4, 0);
	fake_write(d.dev, REG_AQA, 4, 1 << 16 | 1);
	d.admin.sq_size = d.admin.cq_size = 2;
	d.admin.head = d.admin.tail = 0;
	d.admin.phase = 1;
	memset(drv_ptr(&d, d.admin.cq), 0, 256);
	fake_write(d.dev, REG_CC, 4, CC_DEFAULT);
	park_events(1);
	park_events(1);
	assert_int_equal(drv_identify(&d, 1, 0, buf), 0);
	bad_doorbell();
	assert_int_equal(drv_wait(&d, &d.admin).result, 0x010000);
}

static void NVME_reset_forgets_events(void **state)
{
	struct completion c;

	park_events(3);
	fake_write(d.dev, REG_CC, 4, 0);
	drv_enable(&d);
	bad_doorbell();
	assert_false(drv_peek(&d, &d.admin, &c));
	park_events(1);
	assert_true(drv_peek(&d, &d.admin, &c));
	assert_int_equal(c.cid, d.cid);
	drv_consume(&d, &d.admin);
}

/* ---- Abort ---- */

static uint16_t abort_cmd(uint16_t sqid, uint16_t cid)
{
	struct cmd cmd = drv_cmd(0x08, 0);

	cmd.dw[10] = (uint32_t)cid << 16 | sqid;
	return drv_admin(&d, &cmd);
}

static void NVME_abort_takes_a_waiting_event_back(void **state)
{
	struct cmd cmd = drv_cmd(0x08, 0);
	struct completion c;
	uint16_t cid;

	park_events(3);
	cid = d.cid - 1;
	cmd.dw[10] = (uint32_t)cid << 16;
	drv_queue_cmd(&d, &d.admin, &cmd);
	drv_ring(&d, &d.admin);
	c = drv_wait(&d, &d.admin);
	assert_int_equal(c.cid, cid);
	assert_int_equal(c.status, 0x007);
	c = drv_wait(&d, &d.admin);
	assert_int_equal(c.cid, d.cid);
	assert_int_equal(c.status, 0);
	assert_int_equal(c.result, 0);
	/* The other two are still there. */
	bad_doorbell();
	assert_int_equal(drv_wait(&d, &d.admin).cid, cid - 1);
}

static void NVME_abort_of_anything_else_aborts_nothing(void **state)
{
	park_events(1);
	assert_int_equal(abort_cmd(0, d.cid + 100), 0);
	assert_int_equal(d.result, 1);
	drv_create_io(&d);
	assert_int_equal(abort_cmd(1, 1), 0);
	assert_int_equal(d.result, 1);
	assert_int_equal(abort_cmd(2, 1), 0x002 | DMORE);
	assert_int_equal(abort_cmd(0xffff, 1), 0x002 | DMORE);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_controller, close_controller)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(NVME_create_cq_checks_each_field),
		TEST(NVME_create_sq_checks_each_field),
		TEST(NVME_create_with_other_entry_size_is_refused),
		TEST(NVME_delete_goes_in_order),
		TEST(NVME_deleted_queue_drops_its_interrupt),
		TEST(NVME_all_queues_at_once),
		TEST(NVME_unknown_admin_command_is_refused),
		TEST(NVME_sgl_and_fused_are_refused),
		TEST(NVME_identify_controller_is_complete),
		TEST(NVME_identify_namespace_is_complete),
		TEST(NVME_identify_names_come_from_the_serial),
		TEST(NVME_identify_lists_and_descriptors),
		TEST(NVME_identify_of_what_is_not_there_is_refused),
		TEST(NVME_identify_data_crosses_pages),
		TEST(NVME_features_hold_what_is_set),
		TEST(NVME_features_refuse_wrong_values),
		TEST(NVME_features_know_their_scope),
		TEST(NVME_number_of_queues_before_there_are_any),
		TEST(NVME_vectors_are_configured_one_by_one),
		TEST(NVME_under_temperature_is_apart),
		TEST(NVME_smart_log_counts),
		TEST(NVME_error_log_tells_newest_first),
		TEST(NVME_other_logs_are_there),
		TEST(NVME_log_offset_and_length),
		TEST(NVME_event_limit_is_four),
		TEST(NVME_event_waits_for_a_request),
		TEST(NVME_event_is_masked_until_its_log_is_read),
		TEST(NVME_temperature_crossed_is_an_event),
		TEST(NVME_events_of_two_types_both_come),
		TEST(NVME_event_waits_for_room),
		TEST(NVME_parked_events_do_not_take_room),
		TEST(NVME_reset_forgets_events),
		TEST(NVME_abort_takes_a_waiting_event_back),
		TEST(NVME_abort_of_anything_else_aborts_nothing),
	};

	return cmocka_run_group_tests_name("nvme admin", tests, NULL, NULL);
}
