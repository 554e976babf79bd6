/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Words of the NVM Express Base Specification 1.4 that the controller uses.
 * Structures lie in the program's memory and are little-endian, as is every
 * host that software devices run on.
 */
#ifndef ANYVFIO_NVME_SPEC_H
#define ANYVFIO_NVME_SPEC_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "structures are used as they lie in memory");

/* ---- 3.1 Register Definition ---- */

#define NVME_REG_CAP 0x00
#define NVME_REG_VS 0x08
#define NVME_REG_INTMS 0x0c
#define NVME_REG_INTMC 0x10
#define NVME_REG_CC 0x14
#define NVME_REG_CSTS 0x1c
#define NVME_REG_AQA 0x24
#define NVME_REG_ASQ 0x28
#define NVME_REG_ACQ 0x30
#define NVME_REG_DOORBELLS 0x1000

#define NVME_VERSION 0x00010400u

/* 3.1.1: entries of a queue (0-based), contiguous queues only, time to become
 * ready in half seconds, command sets, largest page as a power of two of 4 KiB */
#define NVME_CAP_MQES(n) ((uint64_t)(n))
#define NVME_CAP_CQR (1ull << 16)
#define NVME_CAP_TO(n) ((uint64_t)(n) << 24)
#define NVME_CAP_CSS_NVM (1ull << 37)
#define NVME_CAP_MPSMAX(n) ((uint64_t)(n) << 52)

/* 3.1.5; a shutdown is asked for by SHN and done when CSTS.SHST says so */
#define NVME_CC_EN 1u
#define NVME_CC_CSS(cc) ((cc) >> 4 & 7)
#define NVME_CC_MPS(cc) ((cc) >> 7 & 0xf)
#define NVME_CC_AMS(cc) ((cc) >> 11 & 7)
#define NVME_CC_SHN(cc) ((cc) >> 14 & 3)
#define NVME_CC_IOSQES(cc) ((cc) >> 16 & 0xf)
#define NVME_CC_IOCQES(cc) ((cc) >> 20 & 0xf)

#define NVME_CSTS_RDY 1u
#define NVME_CSTS_CFS 2u
#define NVME_CSTS_SHST_DONE (2u << 2)

/* ---- 4 Data structures ---- */

#define NVME_SQE_SHIFT 6
#define NVME_CQE_SHIFT 4

struct nvme_sqe {
	uint8_t opcode;
	uint8_t flags; /* FUSE in 1:0, PSDT in 7:6 */
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t mptr;
	uint64_t prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

/* Neither fused operations nor SGLs are there: both must be 0. */
#define NVME_SQE_FUSE 0x03
#define NVME_SQE_PSDT 0xc0

/* Where a field of a command lies, for the error log. */
#define NVME_AT(field) ((uint16_t)offsetof(struct nvme_sqe, field))

struct nvme_cqe {
	uint32_t result;
	uint32_t rsvd;
	uint16_t sq_head;
	uint16_t sqid;
	uint16_t cid;
	uint16_t status; /* the phase tag in bit 0 */
};

/* 4.6.1 Status field, without the phase tag. */
enum nvme_status {
	NVME_SC_SUCCESS = 0x000,
	NVME_SC_INVALID_OPCODE = 0x001,
	NVME_SC_INVALID_FIELD = 0x002,
	NVME_SC_DATA_TRANSFER = 0x004,
	NVME_SC_INTERNAL = 0x006,
	NVME_SC_ABORT_REQUESTED = 0x007,
	NVME_SC_INVALID_NAMESPACE = 0x00b,
	NVME_SC_COMMAND_SEQUENCE = 0x00c,
	NVME_SC_PRP_OFFSET = 0x013,
	NVME_SC_WRITE_PROTECTED = 0x020,
	NVME_SC_LBA_RANGE = 0x080,
	NVME_SC_CAPACITY = 0x081,

	NVME_SC_CQ_INVALID = 0x100,
	NVME_SC_QUEUE_ID = 0x101,
	NVME_SC_QUEUE_SIZE = 0x102,
	NVME_SC_AER_LIMIT = 0x105,
	NVME_SC_INTERRUPT_VECTOR = 0x108,
	NVME_SC_LOG_PAGE = 0x109,
	NVME_SC_QUEUE_DELETION = 0x10c,
	NVME_SC_NOT_SAVEABLE = 0x10d,

	NVME_SC_WRITE_FAULT = 0x280,
	NVME_SC_UNRECOVERED_READ = 0x281,
	NVME_SC_COMPARE_FAILURE = 0x285,

	NVME_SC_MORE = 0x2000,
	NVME_SC_DNR = 0x4000,
};

/* ---- 5 Admin commands, 6 NVM commands ---- */

enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_GET_LOG = 0x02,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_ABORT = 0x08,
	NVME_ADMIN_SET_FEATURES = 0x09,
	NVME_ADMIN_GET_FEATURES = 0x0a,
	NVME_ADMIN_ASYNC_EVENT = 0x0c,
};

enum nvme_io_opcode {
	NVME_IO_FLUSH = 0x00,
	NVME_IO_WRITE = 0x01,
	NVME_IO_READ = 0x02,
	NVME_IO_COMPARE = 0x05,
	NVME_IO_WRITE_ZEROES = 0x08,
	NVME_IO_DSM = 0x09,
};

#define NVME_QUEUE_PC 1u /* physically contiguous */
#define NVME_CQ_IEN 2u
#define NVME_RW_FUA (1u << 30)
#define NVME_ZEROES_DEAC (1u << 25)
#define NVME_DSM_AD 4u
#define NVME_ALL_NAMESPACES 0xffffffffu

struct nvme_dsm_range {
	uint32_t attributes;
	uint32_t nr_blocks;
	uint64_t slba;
};

#define NVME_DSM_MAX_RANGES 256

/* ---- 5.2 Asynchronous events ---- */

enum nvme_event_type {
	NVME_EVENT_ERROR,
	NVME_EVENT_SMART,
	NVME_EVENT_NOTICE,
	NVME_NR_EVENTS,
};

#define NVME_EVENT_DOORBELL_REGISTER 0
#define NVME_EVENT_DOORBELL_VALUE 1
#define NVME_EVENT_TEMPERATURE 1

/* ---- 5.14 Log pages ---- */

enum nvme_log {
	NVME_LOG_ERROR = 0x01,
	NVME_LOG_SMART = 0x02,
	NVME_LOG_FIRMWARE = 0x03,
	NVME_LOG_CHANGED_NS = 0x04,
	NVME_LOG_EFFECTS = 0x05,
};

/* 5.14.1.1; @location: byte in 7:0 and bit in 10:8 of the command */
struct nvme_error_entry {
	uint64_t count;
	uint16_t sqid;
	uint16_t cid;
	uint16_t status; /* the phase tag in bit 0 */
	uint16_t location;
	uint64_t lba;
	uint32_t nsid;
	uint8_t vendor;
	uint8_t trtype;
	uint8_t rsvd30[2];
	uint64_t specific;
	uint16_t transport_specific;
	uint8_t rsvd42[22];
};

#define NVME_SMART_TEMPERATURE 2u

/* 5.14.1.2: counters have 128 bits; the upper half stays 0 */
struct nvme_smart_log {
	uint8_t critical_warning;
	uint8_t temperature[2];
	uint8_t available_spare;
	uint8_t spare_threshold;
	uint8_t percentage_used;
	uint8_t rsvd6[26];
	uint64_t data_units_read[2];
	uint64_t data_units_written[2];
	uint64_t host_reads[2];
	uint64_t host_writes[2];
	uint64_t busy_minutes[2];
	uint64_t power_cycles[2];
	uint64_t power_on_hours[2];
	uint64_t unsafe_shutdowns[2];
	uint64_t media_errors[2];
	uint64_t error_entries[2];
	uint8_t rsvd192[320];
};

struct nvme_firmware_log {
	uint8_t active;
	uint8_t rsvd1[7];
	char revision[7][8];
	uint8_t rsvd64[448];
};

/* What a command does: an entry of the effects log. */
#define NVME_EFFECT_SUPPORTED 1u
#define NVME_EFFECT_CONTENT 2u /* may change logical blocks */

struct nvme_effects_log {
	uint32_t admin[256];
	uint32_t io[256];
	uint8_t rsvd2048[2048];
};

/* ---- 5.15 Identify ---- */

enum nvme_cns {
	NVME_CNS_NAMESPACE = 0x00,
	NVME_CNS_CONTROLLER = 0x01,
	NVME_CNS_ACTIVE_LIST = 0x02,
	NVME_CNS_DESCRIPTORS = 0x03,
};

#define NVME_IDENTIFY_SIZE 4096

struct nvme_power_state {
	uint16_t max_power; /* centiwatts */
	uint8_t rsvd2[30];
};

/* 5.15.2.2 */
struct nvme_id_controller {
	uint16_t vid, ssvid;
	char sn[20];
	char mn[40];
	char fr[8];
	uint8_t rab;
	uint8_t ieee[3];
	uint8_t cmic;
	uint8_t mdts;
	uint16_t cntlid;
	uint32_t ver;
	uint32_t rtd3r, rtd3e;
	uint32_t oaes;
	uint32_t ctratt;
	uint8_t rsvd100[11];
	uint8_t cntrltype;
	uint8_t rsvd112[144];
	uint16_t oacs;
	uint8_t acl, aerl;
	uint8_t frmw;
	uint8_t lpa;
	uint8_t elpe;
	uint8_t npss;
	uint8_t avscc;
	uint8_t apsta;
	uint16_t wctemp, cctemp;
	uint8_t rsvd270[242];
	uint8_t sqes, cqes;
	uint16_t maxcmd;
	uint32_t nn;
	uint16_t oncs;
	uint16_t fuses;
	uint8_t fna;
	uint8_t vwc;
	uint16_t awun, awupf;
	uint8_t nvscc;
	uint8_t nwpc;
	uint16_t acwu;
	uint8_t rsvd534[2];
	uint32_t sgls;
	uint8_t rsvd540[228];
	char subnqn[256];
	uint8_t rsvd1024[1024];
	struct nvme_power_state psd[32];
	uint8_t vendor[1024];
};

#define NVME_OAES_NAMESPACE (1u << 8)
#define NVME_CNTRLTYPE_IO 1
#define NVME_FRMW_ONE_READ_ONLY_SLOT 0x03
#define NVME_LPA_EFFECTS 2u
#define NVME_LPA_EXTENDED 4u
#define NVME_ONCS_COMPARE 1u
#define NVME_ONCS_DSM 4u
#define NVME_ONCS_WRITE_ZEROES 8u
#define NVME_ONCS_SELECT 16u
#define NVME_VWC_PRESENT 1u
#define NVME_VWC_FLUSH_ALL 6u

struct nvme_lba_format {
	uint16_t ms;
	uint8_t lbads;
	uint8_t rp;
};

/* 5.15.2.1 */
struct nvme_id_namespace {
	uint64_t nsze, ncap, nuse;
	uint8_t nsfeat;
	uint8_t nlbaf;
	uint8_t flbas;
	uint8_t mc, dpc, dps;
	uint8_t nmic;
	uint8_t rescap;
	uint8_t fpi;
	uint8_t dlfeat;
	uint8_t rsvd34[65];
	uint8_t nsattr;
	uint8_t rsvd100[4];
	uint8_t nguid[16];
	uint8_t eui64[8];
	struct nvme_lba_format lbaf[16];
	uint8_t rsvd192[192];
	uint8_t vendor[3712];
};

#define NVME_DLFEAT_ZEROES_DEAC 0x09 /* reads as 0; DEAC is honoured */
#define NVME_NSATTR_READ_ONLY 1u

enum nvme_descriptor {
	NVME_DESCRIPTOR_EUI64 = 1,
	NVME_DESCRIPTOR_NGUID = 2,
	NVME_DESCRIPTOR_UUID = 3,
};

/* ---- 5.21 Features ---- */

enum nvme_feature_id {
	NVME_FEAT_ARBITRATION = 0x01,
	NVME_FEAT_POWER = 0x02,
	NVME_FEAT_TEMPERATURE = 0x04,
	NVME_FEAT_ERROR_RECOVERY = 0x05,
	NVME_FEAT_WRITE_CACHE = 0x06,
	NVME_FEAT_NR_QUEUES = 0x07,
	NVME_FEAT_COALESCING = 0x08,
	NVME_FEAT_VECTOR = 0x09,
	NVME_FEAT_ATOMICITY = 0x0a,
	NVME_FEAT_EVENTS = 0x0b,
};

/* Dword 10 of Get and Set Features. */
#define NVME_FEATURE_SAVE (1u << 31)
#define NVME_FEATURE_SEL(cdw10) ((cdw10) >> 8 & 7)

enum nvme_feature_select {
	NVME_SEL_CURRENT,
	NVME_SEL_DEFAULT,
	NVME_SEL_SAVED,
	NVME_SEL_SUPPORTED,
};

/* What NVME_SEL_SUPPORTED answers: of a namespace, can be changed. */
#define NVME_FEATURE_NAMESPACE 2u
#define NVME_FEATURE_CHANGEABLE 4u

_Static_assert(sizeof(struct nvme_sqe) == 1 << NVME_SQE_SHIFT, "6.1");
_Static_assert(sizeof(struct nvme_cqe) == 1 << NVME_CQE_SHIFT, "4.6");
_Static_assert(sizeof(struct nvme_dsm_range) == 16, "6.7");
_Static_assert(sizeof(struct nvme_error_entry) == 64, "5.14.1.1");
_Static_assert(sizeof(struct nvme_smart_log) == 512, "5.14.1.2");
_Static_assert(sizeof(struct nvme_firmware_log) == 512, "5.14.1.3");
_Static_assert(sizeof(struct nvme_effects_log) == 4096, "5.14.1.5");
_Static_assert(sizeof(struct nvme_id_controller) == NVME_IDENTIFY_SIZE,
	       "5.15.2.2");
_Static_assert(sizeof(struct nvme_id_namespace) == NVME_IDENTIFY_SIZE,
	       "5.15.2.1");

#endif /* ANYVFIO_NVME_SPEC_H */
