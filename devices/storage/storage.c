/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Options and requests of a disk, whatever the place of its blocks. */
#include "storage.h"

#include <stdio.h>

#define DEFAULT_SIZE (64ull << 20)

/* ---- options ---- */

static int bad_option(struct storage *st, const char *name, const char *want)
{
	anyvfio_device_error(st->dev, "%s=%s: must be %s", name,
			     anyvfio_device_option(st->dev, name), want);
	return -EINVAL;
}

static int parse_readonly(struct storage *st)
{
	const char *readonly = anyvfio_device_option(st->dev, "readonly");

	st->readonly_asked = readonly && !strcmp(readonly, "on");
	if (!readonly || st->readonly_asked || !strcmp(readonly, "off"))
		return 0;
	return bad_option(st, "readonly", "on or off");
}

/* Two devices of a run must not look like one: the address makes the difference,
 * and is the same in the next run. */
static int parse_serial(struct storage *st)
{
	const char *serial = anyvfio_device_option(st->dev, "serial");
	const char *c;

	if (!serial) {
		snprintf(st->serial, sizeof(st->serial), "AV-%s",
			 anyvfio_device_name(st->dev));
		return 0;
	}
	for (c = serial; *c >= ' ' && *c <= '~'; c++)
		;
	if (*c || c == serial || c - serial > STORAGE_SERIAL_LEN)
		return bad_option(st, "serial", "1 to 20 ASCII characters");
	snprintf(st->serial, sizeof(st->serial), "%s", serial);
	return 0;
}

static int parse_engine(struct storage *st)
{
	st->engine = anyvfio_device_option(st->dev, "engine");
	if (!st->engine || !strcmp(st->engine, "uring") ||
	    !strcmp(st->engine, "threads"))
		return 0;
	return bad_option(st, "engine", "uring or threads");
}

static int parse_place(struct storage *st)
{
	st->file = anyvfio_device_option(st->dev, "file");
	if (st->file && !*st->file)
		return bad_option(st, "file", "an image or a block device");
	st->backend = st->file ? &storage_file : &storage_ram;
	if (st->file && anyvfio_device_option(st->dev, "size")) {
		anyvfio_device_error(st->dev,
				     "size= is for memory; %s has its own",
				     st->file);
		return -EINVAL;
	}
	return anyvfio_device_option_size(st->dev, "size", DEFAULT_SIZE,
					  &st->size);
}

int storage_parse(struct storage *st)
{
	int ret;

	ret = parse_serial(st);
	if (!ret)
		ret = parse_readonly(st);
	if (!ret)
		ret = parse_engine(st);
	if (!ret)
		ret = parse_place(st);
	return ret ? ret : st->backend->check(st);
}

/* ---- requests ---- */

void *storage_get(struct storage *st)
{
	struct storage_request *req = st->free;

	st->free = req->next;
	st->nr_free--;
	return req;
}

void storage_put(struct storage *st, struct storage_request *req)
{
	req->next = st->free;
	st->free = req;
	st->nr_free++;
}

/* All there will be, in one piece, each followed by the back end's part; the
 * first is used first. */
static int make_requests(struct storage *st, size_t size)
{
	const struct storage_backend *backend = st->backend;
	size_t stride = size + backend->priv_size;
	struct storage_request *req;
	unsigned int i;

	st->requests = calloc(backend->nr_requests, stride);
	if (!st->requests)
		return -ENOMEM;
	st->free = NULL;
	st->nr_free = 0;
	for (i = backend->nr_requests; i-- > 0;) {
		req = (void *)((char *)st->requests + i * stride);
		req->priv = (char *)req + size;
		storage_put(st, req);
	}
	return 0;
}

int storage_start(struct storage *st, size_t request_size)
{
	int ret = make_requests(st, (request_size + 15) & ~(size_t)15);

	if (ret)
		return ret;
	ret = st->backend->start(st);
	if (ret)
		free(st->requests);
	return ret;
}

void storage_stop(struct storage *st)
{
	st->backend->stop(st);
	free(st->requests);
}

int storage_submit(struct storage *st, struct storage_request *req)
{
	return st->backend->submit(st, req);
}

void storage_kick(struct storage *st)
{
	if (st->backend->kick)
		st->backend->kick(st);
}

void storage_quiesce(struct storage *st, bool cancel)
{
	if (st->backend->quiesce)
		st->backend->quiesce(st, cancel);
}

int storage_flush(struct storage *st)
{
	return st->backend->flush ? st->backend->flush(st) : 0;
}

int storage_dma_zero(struct anyvfio_device *dev, uint64_t iova, uint64_t len)
{
	static const uint8_t zeroes[4096];
	uint64_t part;
	int ret;

	for (; len; len -= part, iova += part) {
		part = storage_min(len, sizeof(zeroes));
		ret = anyvfio_dma_write(dev, iova, zeroes, part);
		if (ret)
			return ret;
	}
	return 0;
}
