/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Get Log Page (5.14), and the error log itself.  Each page is made anew in
 * nvme::page when it is read.
 */
#include "nvme.h"

/* A ring: the newest entry overwrites the oldest. */
void nvme_log_error(struct nvme *n, const struct nvme_error_entry *entry)
{
	struct nvme_error_entry *slot;

	slot = &n->errors[n->nr_errors % NVME_NR_ERRORS];
	*slot = *entry;
	slot->count = ++n->nr_errors;
}

/* The newest comes first. */
static uint64_t fill_errors(const struct nvme *n, struct nvme_error_entry *out)
{
	uint64_t nr = storage_min(n->nr_errors, NVME_NR_ERRORS);
	uint64_t i;

	for (i = 0; i < nr; i++)
		out[i] = n->errors[(n->nr_errors - 1 - i) % NVME_NR_ERRORS];
	return NVME_NR_ERRORS * sizeof(*out);
}

/* Thousands of 512 bytes, rounded up. */
static uint64_t data_units(uint64_t bytes)
{
	return (bytes + 511999) / 512000;
}

/* The temperature never changes: it is the thresholds that a program can move
 * across it. */
static uint64_t fill_smart(const struct nvme *n, struct nvme_smart_log *out)
{
	out->critical_warning = nvme_critical_warning(n);
	out->temperature[0] = NVME_TEMPERATURE & 0xff;
	out->temperature[1] = NVME_TEMPERATURE >> 8;
	out->available_spare = 100;
	out->spare_threshold = 10;
	out->data_units_read[0] = data_units(n->stats.bytes_read);
	out->data_units_written[0] = data_units(n->stats.bytes_written);
	out->host_reads[0] = n->stats.reads;
	out->host_writes[0] = n->stats.writes;
	out->power_cycles[0] = 1;
	out->media_errors[0] = n->stats.media_errors;
	out->error_entries[0] = n->nr_errors;
	return sizeof(*out);
}

static uint64_t fill_firmware(struct nvme_firmware_log *out)
{
	out->active = 1;
	memset(out->revision[0], ' ', sizeof(out->revision[0]));
	memcpy(out->revision[0], NVME_FIRMWARE, strlen(NVME_FIRMWARE));
	return sizeof(*out);
}

static uint64_t fill_effects(struct nvme_effects_log *out)
{
	out->admin[NVME_ADMIN_DELETE_SQ] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_CREATE_SQ] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_GET_LOG] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_DELETE_CQ] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_CREATE_CQ] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_IDENTIFY] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_ABORT] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_SET_FEATURES] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_GET_FEATURES] = NVME_EFFECT_SUPPORTED;
	out->admin[NVME_ADMIN_ASYNC_EVENT] = NVME_EFFECT_SUPPORTED;
	out->io[NVME_IO_FLUSH] = NVME_EFFECT_SUPPORTED;
	out->io[NVME_IO_READ] = NVME_EFFECT_SUPPORTED;
	out->io[NVME_IO_COMPARE] = NVME_EFFECT_SUPPORTED;
	out->io[NVME_IO_WRITE] = NVME_EFFECT_SUPPORTED | NVME_EFFECT_CONTENT;
	out->io[NVME_IO_WRITE_ZEROES] = NVME_EFFECT_SUPPORTED |
					NVME_EFFECT_CONTENT;
	out->io[NVME_IO_DSM] = NVME_EFFECT_SUPPORTED | NVME_EFFECT_CONTENT;
	return sizeof(*out);
}

/* The page's size in n->page, or 0 when there is no such page. */
static uint64_t fill_log(struct nvme *n, unsigned int lid)
{
	memset(n->page, 0, sizeof(n->page));
	switch (lid) {
	case NVME_LOG_ERROR:
		return fill_errors(n, (void *)n->page);
	case NVME_LOG_SMART:
		return fill_smart(n, (void *)n->page);
	case NVME_LOG_FIRMWARE:
		return fill_firmware((void *)n->page);
	case NVME_LOG_CHANGED_NS:
		/* The namespace never changes: an empty list. */
		return sizeof(n->page);
	case NVME_LOG_EFFECTS:
		return fill_effects((void *)n->page);
	default:
		return 0;
	}
}

/* Reading a page acknowledges the events that pointed to it, unless the program
 * asked to retain them. */
static void allow_next_event(struct nvme *n, unsigned int lid)
{
	if (lid == NVME_LOG_ERROR)
		nvme_event_read(n, NVME_EVENT_ERROR);
	else if (lid == NVME_LOG_SMART)
		nvme_event_read(n, NVME_EVENT_SMART);
	else if (lid == NVME_LOG_CHANGED_NS)
		nvme_event_read(n, NVME_EVENT_NOTICE);
}

/* Only the SMART log could be of a namespace, and it is not. */
static bool wrong_nsid(unsigned int lid, uint32_t nsid)
{
	return lid == NVME_LOG_SMART && nsid && nsid != NVME_ALL_NAMESPACES;
}

/* Beyond the end of a page there are zeroes; an offset beyond it is refused. */
uint16_t nvme_get_log(struct nvme *n, struct nvme_request *req)
{
	const struct nvme_sqe *cmd = &req->cmd;
	unsigned int lid = cmd->cdw10 & 0xff;
	bool retain = cmd->cdw10 >> 15 & 1;
	uint64_t off = (uint64_t)cmd->cdw13 << 32 | cmd->cdw12;
	uint64_t dwords, size;
	uint16_t status;

	dwords = ((uint64_t)(cmd->cdw11 & 0xffff) << 16 | cmd->cdw10 >> 16) + 1;
	size = fill_log(n, lid);
	if (!size)
		return nvme_bad(req, NVME_SC_LOG_PAGE, NVME_AT(cdw10));
	if (wrong_nsid(lid, cmd->nsid))
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(nsid));
	if (dwords * 4 > NVME_MAX_TRANSFER)
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw10) + 2);
	if (off & 3 || off > size)
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw12));
	status = nvme_send(n, req, n->page + off, size - off, dwords * 4);
	if (!status && !retain)
		allow_next_event(n, lid);
	return status;
}
