/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Get and Set Features (5.13, 5.21).  Nothing is saved over a reset, so the
 * saved value of a feature is its default.
 */
#include "nvme.h"

#define NR_IO_QUEUES (NVME_NR_QUEUES - 1)
#define TEMPERATURE_UNDER(cdw11) ((cdw11) >> 20 & 3)
#define TEMPERATURE_SENSOR(cdw11) ((cdw11) >> 16 & 0xf)
#define VECTOR_NO_COALESCING (1u << 16)

/**
 * struct feature - how one feature is read and changed
 * @flags: NVME_FEATURE_*
 * @get:   its value in @feat; a status
 * @set:   takes dword 11 of the command; a status
 */
struct feature {
	uint8_t flags;
	uint16_t (*get)(const struct nvme_features *feat,
			struct nvme_request *req);
	uint16_t (*set)(struct nvme *n, struct nvme_request *req);
};

static const struct nvme_features defaults = {
	.arbitration = 7, /* no limit of a burst */
	.temperature_over = NVME_TEMPERATURE_WARNING,
	.write_cache = 1,
};

void nvme_features_reset(struct nvme *n)
{
	n->feat = defaults;
	n->warnings_told = 0;
}

static uint16_t bad_value(struct nvme_request *req)
{
	return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw11));
}

/* ---- one pair of functions for each ---- */

static uint16_t get_arbitration(const struct nvme_features *feat,
				struct nvme_request *req)
{
	req->result = feat->arbitration;
	return 0;
}

static uint16_t set_arbitration(struct nvme *n, struct nvme_request *req)
{
	n->feat.arbitration = req->cmd.cdw11 & 0xffffff07;
	return 0;
}

static uint16_t get_power(const struct nvme_features *feat,
			  struct nvme_request *req)
{
	req->result = feat->power;
	return 0;
}

static uint16_t set_power(struct nvme *n, struct nvme_request *req)
{
	/* There is one power state. */
	if (req->cmd.cdw11 & 0x1f)
		return bad_value(req);
	n->feat.power = req->cmd.cdw11 & 0xff;
	return 0;
}

static uint16_t get_temperature(const struct nvme_features *feat,
				struct nvme_request *req)
{
	uint32_t cdw11 = req->cmd.cdw11;

	if (TEMPERATURE_SENSOR(cdw11) || TEMPERATURE_UNDER(cdw11) > 1)
		return bad_value(req);
	req->result = TEMPERATURE_UNDER(cdw11) ? feat->temperature_under
					       : feat->temperature_over;
	return 0;
}

static uint16_t set_temperature(struct nvme *n, struct nvme_request *req)
{
	uint32_t cdw11 = req->cmd.cdw11;
	unsigned int sensor = TEMPERATURE_SENSOR(cdw11);

	if ((sensor && sensor != 0xf) || TEMPERATURE_UNDER(cdw11) > 1)
		return bad_value(req);
	if (TEMPERATURE_UNDER(cdw11))
		n->feat.temperature_under = cdw11;
	else
		n->feat.temperature_over = cdw11;
	nvme_check_warnings(n);
	return 0;
}

static uint16_t get_error_recovery(const struct nvme_features *feat,
				   struct nvme_request *req)
{
	req->result = feat->error_recovery;
	return 0;
}

static uint16_t set_error_recovery(struct nvme *n, struct nvme_request *req)
{
	/* Reading a deallocated block is never an error here. */
	if (req->cmd.cdw11 >> 16 & 1)
		return bad_value(req);
	n->feat.error_recovery = req->cmd.cdw11 & 0xffff;
	return 0;
}

static uint16_t get_write_cache(const struct nvme_features *feat,
				struct nvme_request *req)
{
	req->result = feat->write_cache;
	return 0;
}

static uint16_t set_write_cache(struct nvme *n, struct nvme_request *req)
{
	n->feat.write_cache = req->cmd.cdw11 & 1;
	return 0;
}

static uint16_t get_nr_queues(const struct nvme_features *feat,
			      struct nvme_request *req)
{
	req->result = (NR_IO_QUEUES - 1) << 16 | (NR_IO_QUEUES - 1);
	return 0;
}

/* A submission queue needs one of these. */
static bool has_io_queues(const struct nvme *n)
{
	unsigned int id;

	for (id = 1; id < NVME_NR_QUEUES; id++)
		if (n->cq[id].size)
			return true;
	return false;
}

/* All queues there are may be used, however few were asked for. */
static uint16_t set_nr_queues(struct nvme *n, struct nvme_request *req)
{
	uint32_t cdw11 = req->cmd.cdw11;

	if ((cdw11 & 0xffff) == 0xffff || cdw11 >> 16 == 0xffff)
		return bad_value(req);
	if (has_io_queues(n))
		return nvme_bad(req, NVME_SC_COMMAND_SEQUENCE, 0xffff);
	return get_nr_queues(&n->feat, req);
}

static uint16_t get_coalescing(const struct nvme_features *feat,
			       struct nvme_request *req)
{
	req->result = feat->coalescing;
	return 0;
}

/* Both are recommendations: an interrupt is never delayed here. */
static uint16_t set_coalescing(struct nvme *n, struct nvme_request *req)
{
	n->feat.coalescing = req->cmd.cdw11 & 0xffff;
	return 0;
}

static uint16_t get_vector(const struct nvme_features *feat,
			   struct nvme_request *req)
{
	unsigned int vector = req->cmd.cdw11 & 0xffff;

	if (vector >= NVME_NR_VECTORS)
		return bad_value(req);
	req->result = vector;
	if (feat->vector_no_coalescing[vector])
		req->result |= VECTOR_NO_COALESCING;
	return 0;
}

static uint16_t set_vector(struct nvme *n, struct nvme_request *req)
{
	unsigned int vector = req->cmd.cdw11 & 0xffff;

	if (vector >= NVME_NR_VECTORS)
		return bad_value(req);
	n->feat.vector_no_coalescing[vector] = req->cmd.cdw11 &
					       VECTOR_NO_COALESCING;
	return 0;
}

static uint16_t get_atomicity(const struct nvme_features *feat,
			      struct nvme_request *req)
{
	req->result = feat->atomicity;
	return 0;
}

static uint16_t set_atomicity(struct nvme *n, struct nvme_request *req)
{
	n->feat.atomicity = req->cmd.cdw11 & 1;
	return 0;
}

static uint16_t get_events(const struct nvme_features *feat,
			   struct nvme_request *req)
{
	req->result = feat->events;
	return 0;
}

/* Events that never come may be asked for. */
static uint16_t set_events(struct nvme *n, struct nvme_request *req)
{
	n->feat.events = req->cmd.cdw11 & (NVME_OAES_NAMESPACE | 0x3f);
	nvme_check_warnings(n);
	return 0;
}

#define CHANGEABLE NVME_FEATURE_CHANGEABLE
/* clang-format off */
static const struct feature features[] = {
	[NVME_FEAT_ARBITRATION] = { CHANGEABLE, get_arbitration, set_arbitration },
	[NVME_FEAT_POWER] = { CHANGEABLE, get_power, set_power },
	[NVME_FEAT_TEMPERATURE] = { CHANGEABLE, get_temperature, set_temperature },
	[NVME_FEAT_ERROR_RECOVERY] = { CHANGEABLE | NVME_FEATURE_NAMESPACE,
				       get_error_recovery, set_error_recovery },
	[NVME_FEAT_WRITE_CACHE] = { CHANGEABLE, get_write_cache, set_write_cache },
	[NVME_FEAT_NR_QUEUES] = { CHANGEABLE, get_nr_queues, set_nr_queues },
	[NVME_FEAT_COALESCING] = { CHANGEABLE, get_coalescing, set_coalescing },
	[NVME_FEAT_VECTOR] = { CHANGEABLE, get_vector, set_vector },
	[NVME_FEAT_ATOMICITY] = { CHANGEABLE, get_atomicity, set_atomicity },
	[NVME_FEAT_EVENTS] = { CHANGEABLE, get_events, set_events },
};
/* clang-format on */

static const struct feature *find_feature(const struct nvme_request *req)
{
	unsigned int fid = req->cmd.cdw10 & 0xff;

	if (fid >= NVME_ARRAY_SIZE(features) || !features[fid].get)
		return NULL;
	return &features[fid];
}

static uint16_t unknown_feature(struct nvme_request *req)
{
	return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw10));
}

uint16_t nvme_get_features(struct nvme *n, struct nvme_request *req)
{
	const struct feature *feature = find_feature(req);

	if (!feature)
		return unknown_feature(req);
	if (feature->flags & NVME_FEATURE_NAMESPACE &&
	    req->cmd.nsid != NVME_NSID)
		return nvme_bad(req, NVME_SC_INVALID_NAMESPACE, NVME_AT(nsid));
	switch (NVME_FEATURE_SEL(req->cmd.cdw10)) {
	case NVME_SEL_CURRENT:
		return feature->get(&n->feat, req);
	case NVME_SEL_DEFAULT:
	case NVME_SEL_SAVED:
		return feature->get(&defaults, req);
	case NVME_SEL_SUPPORTED:
		req->result = feature->flags;
		return 0;
	default:
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw10) + 1);
	}
}

/*
 * A feature of the controller is set with no namespace, or all.  Programs name
 * the one there is too (QEMU does, to switch the write cache), and mean the same.
 */
static uint16_t check_set_nsid(const struct feature *feature,
			       struct nvme_request *req)
{
	uint32_t nsid = req->cmd.nsid;

	if (nsid == NVME_NSID || nsid == NVME_ALL_NAMESPACES)
		return 0;
	if (!nsid && !(feature->flags & NVME_FEATURE_NAMESPACE))
		return 0;
	return nvme_bad(req, NVME_SC_INVALID_NAMESPACE, NVME_AT(nsid));
}

uint16_t nvme_set_features(struct nvme *n, struct nvme_request *req)
{
	const struct feature *feature = find_feature(req);
	uint16_t status;

	if (!feature)
		return unknown_feature(req);
	if (req->cmd.cdw10 & NVME_FEATURE_SAVE)
		return nvme_bad(req, NVME_SC_NOT_SAVEABLE, NVME_AT(cdw10) + 3);
	status = check_set_nsid(feature, req);
	if (status)
		return status;
	return feature->set(n, req);
}
