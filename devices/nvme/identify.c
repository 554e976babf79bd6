/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Identify.  Names that must not change from run to run (EUI-64, NGUID, UUID,
 * the subsystem's NQN) are made from the serial number.
 */
#include "nvme.h"

#include <stdio.h>

struct ids {
	uint8_t eui64[8];
	uint8_t nguid[16];
	uint8_t uuid[16];
};

/* FNV-1a, begun anew for each @salt: eight bytes of a name. */
static void hash(const char *serial, uint8_t salt, uint8_t out[8])
{
	uint64_t h = 0xcbf29ce484222325ull;
	unsigned int i;

	h = (h ^ salt) * 0x100000001b3ull;
	for (; *serial; serial++)
		h = (h ^ (uint8_t)*serial) * 0x100000001b3ull;
	for (i = 0; i < 8; i++)
		out[i] = h >> (8 * i);
}

/* Of no registered vendor: the "locally administered" bit is set, and the UUID
 * is of version 8, which leaves its making to us. */
static void make_ids(const struct nvme *n, struct ids *ids)
{
	hash(n->storage.serial, 0, ids->eui64);
	ids->eui64[0] = (ids->eui64[0] & 0xfc) | 2;
	hash(n->storage.serial, 1, ids->nguid);
	memcpy(ids->nguid + 8, ids->eui64, 8);
	hash(n->storage.serial, 2, ids->uuid);
	hash(n->storage.serial, 3, ids->uuid + 8);
	ids->uuid[6] = (ids->uuid[6] & 0x0f) | 0x80;
	ids->uuid[8] = (ids->uuid[8] & 0x3f) | 0x80;
}

/* ASCII of the specification: no end, filled up with spaces. */
static void set_text(char *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	memset(field, ' ', size);
	memcpy(field, text, len < size ? len : size);
}

static void set_subnqn(const struct nvme *n, char *out, size_t size)
{
	struct ids ids;
	char hex[33];
	unsigned int i;

	make_ids(n, &ids);
	for (i = 0; i < 16; i++)
		snprintf(hex + 2ul * i, 3, "%02x", ids.uuid[i]);
	snprintf(out, size,
		 "nqn.2014-08.org.nvmexpress:uuid:%.8s-%.4s-%.4s-%.4s-%.12s",
		 hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void fill_controller(const struct nvme *n, struct nvme_id_controller *id)
{
	id->vid = NVME_PCI_VENDOR;
	id->ssvid = NVME_PCI_VENDOR;
	set_text(id->sn, sizeof(id->sn), n->storage.serial);
	set_text(id->mn, sizeof(id->mn), "anyvfio NVMe");
	set_text(id->fr, sizeof(id->fr), NVME_FIRMWARE);
	id->mdts = NVME_MDTS;
	id->ver = NVME_VERSION;
	id->oaes = NVME_OAES_NAMESPACE;
	id->cntrltype = NVME_CNTRLTYPE_IO;
	id->acl = 3;
	id->aerl = NVME_NR_AER - 1;
	id->frmw = NVME_FRMW_ONE_READ_ONLY_SLOT;
	id->lpa = NVME_LPA_EFFECTS | NVME_LPA_EXTENDED;
	id->elpe = NVME_NR_ERRORS - 1;
	id->wctemp = NVME_TEMPERATURE_WARNING;
	id->cctemp = NVME_TEMPERATURE_CRITICAL;
	id->sqes = NVME_SQE_SHIFT << 4 | NVME_SQE_SHIFT;
	id->cqes = NVME_CQE_SHIFT << 4 | NVME_CQE_SHIFT;
	id->nn = NVME_NSID;
	id->oncs = NVME_ONCS_COMPARE | NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES |
		   NVME_ONCS_SELECT;
	/* Memory has none, but programs insist on switching it off. */
	id->vwc = NVME_VWC_PRESENT | NVME_VWC_FLUSH_ALL;
	set_subnqn(n, id->subnqn, sizeof(id->subnqn));
	id->psd[0].max_power = 500;
}

static void fill_namespace(const struct nvme *n, struct nvme_id_namespace *id)
{
	struct ids ids;

	make_ids(n, &ids);
	id->nsze = n->storage.nr_blocks;
	id->ncap = n->storage.nr_blocks;
	id->nuse = n->storage.nr_blocks;
	id->dlfeat = NVME_DLFEAT_ZEROES_DEAC;
	if (n->storage.readonly)
		id->nsattr = NVME_NSATTR_READ_ONLY;
	memcpy(id->nguid, ids.nguid, sizeof(id->nguid));
	memcpy(id->eui64, ids.eui64, sizeof(id->eui64));
	id->lbaf[0].lbads = n->storage.block_shift;
}

/* Where the next one goes; the list ends with a length of 0. */
static uint8_t *add_descriptor(uint8_t *at, uint8_t type, const uint8_t *id,
			       uint8_t len)
{
	at[0] = type;
	at[1] = len;
	memcpy(at + 4, id, len);
	return at + 4 + len;
}

static void fill_descriptors(const struct nvme *n, uint8_t *at)
{
	struct ids ids;

	make_ids(n, &ids);
	at = add_descriptor(at, NVME_DESCRIPTOR_EUI64, ids.eui64, 8);
	at = add_descriptor(at, NVME_DESCRIPTOR_NGUID, ids.nguid, 16);
	add_descriptor(at, NVME_DESCRIPTOR_UUID, ids.uuid, 16);
}

static uint16_t check_nsid(struct nvme_request *req)
{
	if (req->cmd.nsid != NVME_NSID)
		return nvme_bad(req, NVME_SC_INVALID_NAMESPACE, NVME_AT(nsid));
	return 0;
}

uint16_t nvme_identify(struct nvme *n, struct nvme_request *req)
{
	uint32_t nsid = req->cmd.nsid;
	uint16_t status = 0;

	memset(n->page, 0, NVME_IDENTIFY_SIZE);
	switch (req->cmd.cdw10 & 0xff) {
	case NVME_CNS_NAMESPACE:
		status = check_nsid(req);
		fill_namespace(n, (void *)n->page);
		break;
	case NVME_CNS_CONTROLLER:
		fill_controller(n, (void *)n->page);
		break;
	case NVME_CNS_ACTIVE_LIST:
		/* Namespaces above @nsid. */
		if (nsid >= NVME_ALL_NAMESPACES - 1)
			return nvme_bad(req, NVME_SC_INVALID_NAMESPACE,
					NVME_AT(nsid));
		if (nsid < NVME_NSID)
			*(uint32_t *)(void *)n->page = NVME_NSID;
		break;
	case NVME_CNS_DESCRIPTORS:
		status = check_nsid(req);
		fill_descriptors(n, n->page);
		break;
	default:
		return nvme_bad(req, NVME_SC_INVALID_FIELD, NVME_AT(cdw10));
	}
	if (status)
		return status;
	return nvme_send(n, req, n->page, NVME_IDENTIFY_SIZE,
			 NVME_IDENTIFY_SIZE);
}
