/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "driver.h"

#define ADMIN_ENTRIES 16

uint16_t get16(const void *p, size_t off)
{
	uint16_t val;

	memcpy(&val, (const char *)p + off, sizeof(val));
	return val;
}

uint32_t get32(const void *p, size_t off)
{
	uint32_t val;

	memcpy(&val, (const char *)p + off, sizeof(val));
	return val;
}

uint64_t get64(const void *p, size_t off)
{
	uint64_t val;

	memcpy(&val, (const char *)p + off, sizeof(val));
	return val;
}

void fill(void *p, size_t len, uint32_t seed)
{
	uint8_t *byte = p;
	size_t i;

	for (i = 0; i < len; i++)
		byte[i] = (i * 7 + (i >> 8) + seed * 31 + 1) & 0xff;
}

bool is_filled(const void *p, size_t len, uint32_t seed)
{
	const uint8_t *byte = p;
	size_t i;

	for (i = 0; i < len; i++)
		if (byte[i] != ((i * 7 + (i >> 8) + seed * 31 + 1) & 0xff))
			return false;
	return true;
}

bool is_zero(const void *p, size_t len)
{
	const uint8_t *byte = p;
	size_t i;

	for (i = 0; i < len; i++)
		if (byte[i])
			return false;
	return true;
}

/* ---- life ---- */

uint64_t drv_alloc(struct drv *d, size_t len)
{
	uint64_t iova = d->next;

	d->next += (len + FAKE_PAGE - 1) & ~(uint64_t)(FAKE_PAGE - 1);
	assert_true(d->next <= FAKE_IOVA + FAKE_DMA_SIZE);
	return iova;
}

void *drv_ptr(struct drv *d, uint64_t iova)
{
	return fake_ptr(d->dev, iova);
}

void drv_open_disabled(struct drv *d, const char *const *options)
{
	memset(d, 0, sizeof(*d));
	d->next = FAKE_IOVA;
	d->dev = fake_create(&anyvfio_nvme_model, options);
	assert_non_null(d->dev);
	assert_int_equal(fake_start(d->dev), 0);
}

void drv_enable(struct drv *d)
{
	struct queue *q = &d->admin;

	memset(q, 0, sizeof(*q));
	q->sq_size = q->cq_size = ADMIN_ENTRIES;
	q->sq = drv_alloc(d, ADMIN_ENTRIES * 64);
	q->cq = drv_alloc(d, ADMIN_ENTRIES * 16);
	memset(drv_ptr(d, q->cq), 0, ADMIN_ENTRIES * 16);
	q->phase = 1;
	fake_write(d->dev, REG_AQA, 4,
		   (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	fake_write(d->dev, REG_ASQ, 8, q->sq);
	fake_write(d->dev, REG_ACQ, 8, q->cq);
	fake_write(d->dev, REG_CC, 4, CC_DEFAULT);
	assert_int_equal(fake_read32(d->dev, REG_CSTS), 1);
}

void drv_open(struct drv *d, const char *const *options)
{
	drv_open_disabled(d, options);
	drv_enable(d);
}

void drv_close(struct drv *d)
{
	fake_destroy(d->dev);
}

/* ---- commands ---- */

struct cmd drv_cmd(uint8_t opcode, uint32_t nsid)
{
	return (struct cmd){ .dw = { opcode, nsid } };
}

void drv_set_prps(struct cmd *cmd, uint64_t prp1, uint64_t prp2)
{
	memcpy(&cmd->dw[6], &prp1, 8);
	memcpy(&cmd->dw[8], &prp2, 8);
}

uint16_t drv_queue_cmd(struct drv *d, struct queue *q, const struct cmd *cmd)
{
	struct cmd copy = *cmd;

	copy.dw[0] |= (uint32_t)++d->cid << 16;
	memcpy(drv_ptr(d, q->sq + q->tail * 64ull), &copy, 64);
	q->tail = (q->tail + 1) % q->sq_size;
	return d->cid;
}

void drv_ring(struct drv *d, struct queue *q)
{
	fake_write(d->dev, DOORBELLS + 8ull * q->id, 4, q->tail);
}

static bool peek_locked(struct drv *d, struct queue *q, struct completion *c)
{
	const void *entry = drv_ptr(d, q->cq + q->head * 16ull);
	uint16_t status = get16(entry, 14);

	if ((status & 1) != q->phase)
		return false;
	c->result = get32(entry, 0);
	c->sq_head = get16(entry, 8);
	c->sqid = get16(entry, 10);
	c->cid = get16(entry, 12);
	c->status = status >> 1;
	return true;
}

bool drv_peek(struct drv *d, struct queue *q, struct completion *c)
{
	bool ret;

	fake_lock(d->dev);
	ret = peek_locked(d, q, c);
	fake_unlock(d->dev);
	return ret;
}

void drv_consume(struct drv *d, struct queue *q)
{
	q->head = (q->head + 1) % q->cq_size;
	if (!q->head)
		q->phase ^= 1;
	fake_write(d->dev, DOORBELLS + 8ull * q->cqid + 4, 4, q->head);
}

struct completion drv_wait(struct drv *d, struct queue *q)
{
	struct completion c;

	fake_lock(d->dev);
	while (!peek_locked(d, q, &c)) {
		assert_int_equal(d->dev->errors, 0);
		pthread_cond_wait(&d->dev->irq, &d->dev->lock);
	}
	fake_unlock(d->dev);
	drv_consume(d, q);
	return c;
}

uint16_t drv_run(struct drv *d, struct queue *q, struct cmd *cmd)
{
	uint16_t cid = drv_queue_cmd(d, q, cmd);
	struct completion c;

	drv_ring(d, q);
	c = drv_wait(d, q);
	assert_int_equal(c.cid, cid);
	assert_int_equal(c.sqid, q->id);
	assert_int_equal(c.sq_head, q->tail);
	d->result = c.result;
	return c.status;
}

uint16_t drv_admin(struct drv *d, struct cmd *cmd)
{
	return drv_run(d, &d->admin, cmd);
}

uint16_t drv_create_pair(struct drv *d, struct queue *q, unsigned int id,
			 uint32_t sq_size, uint32_t cq_size)
{
	struct cmd cmd = drv_cmd(0x05, 0);
	uint16_t status;

	memset(q, 0, sizeof(*q));
	q->id = q->cqid = q->vector = id;
	q->sq_size = sq_size;
	q->cq_size = cq_size;
	q->phase = 1;
	q->sq = drv_alloc(d, sq_size * 64ul);
	q->cq = drv_alloc(d, cq_size * 16ul);
	memset(drv_ptr(d, q->cq), 0, cq_size * 16ul);
	drv_set_prps(&cmd, q->cq, 0);
	cmd.dw[10] = (cq_size - 1) << 16 | id;
	cmd.dw[11] = id << 16 | 3;
	status = drv_admin(d, &cmd);
	if (status)
		return status;
	cmd = drv_cmd(0x01, 0);
	drv_set_prps(&cmd, q->sq, 0);
	cmd.dw[10] = (sq_size - 1) << 16 | id;
	cmd.dw[11] = id << 16 | 1;
	return drv_admin(d, &cmd);
}

void drv_create_io(struct drv *d)
{
	assert_int_equal(drv_create_pair(d, &d->io, 1, 64, 64), 0);
}

uint16_t drv_delete(struct drv *d, bool completion, unsigned int id)
{
	struct cmd cmd = drv_cmd(completion ? 0x04 : 0x00, 0);

	cmd.dw[10] = id;
	return drv_admin(d, &cmd);
}

struct cmd drv_rw(struct drv *d, uint8_t opcode, uint64_t lba, uint32_t nr,
		  uint64_t buf, size_t len)
{
	struct cmd cmd = drv_cmd(opcode, 1);
	uint64_t first = FAKE_PAGE - buf % FAKE_PAGE, page = buf + first, list;
	size_t pages, i;

	cmd.dw[10] = lba;
	cmd.dw[11] = lba >> 32;
	cmd.dw[12] = nr - 1;
	pages = len > first ? (len - first + FAKE_PAGE - 1) / FAKE_PAGE : 0;
	if (pages <= 1) {
		drv_set_prps(&cmd, buf, pages ? page : 0);
		return cmd;
	}
	assert_true(pages <= FAKE_PAGE / 8);
	list = drv_alloc(d, FAKE_PAGE);
	for (i = 0; i < pages; i++, page += FAKE_PAGE)
		memcpy((char *)drv_ptr(d, list) + i * 8, &page, 8);
	drv_set_prps(&cmd, buf, list);
	return cmd;
}

static uint16_t transfer(struct drv *d, uint8_t opcode, uint64_t lba,
			 uint32_t nr, uint64_t buf)
{
	uint64_t next = d->next;
	struct cmd cmd = drv_rw(d, opcode, lba, nr, buf, nr * 512ul);
	uint16_t status = drv_run(d, &d->io, &cmd);

	d->next = next;
	return status;
}

uint16_t drv_read(struct drv *d, uint64_t lba, uint32_t nr, uint64_t buf)
{
	return transfer(d, 0x02, lba, nr, buf);
}

uint16_t drv_write(struct drv *d, uint64_t lba, uint32_t nr, uint64_t buf)
{
	return transfer(d, 0x01, lba, nr, buf);
}

uint16_t drv_flush(struct drv *d)
{
	struct cmd cmd = drv_cmd(0x00, 1);

	return drv_run(d, &d->io, &cmd);
}

uint16_t drv_log(struct drv *d, uint8_t lid, uint64_t buf, uint32_t len)
{
	struct cmd cmd = drv_cmd(0x02, 0);

	drv_set_prps(&cmd, buf, buf + FAKE_PAGE);
	cmd.dw[10] = (len / 4 - 1) << 16 | lid;
	return drv_admin(d, &cmd);
}

uint16_t drv_identify(struct drv *d, uint8_t cns, uint32_t nsid, uint64_t buf)
{
	struct cmd cmd = drv_cmd(0x06, nsid);

	drv_set_prps(&cmd, buf, 0);
	cmd.dw[10] = cns;
	return drv_admin(d, &cmd);
}
