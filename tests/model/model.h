/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A model of docs/spec.md: who holds what, in plain arrays and counts, with
 * nothing that could go wrong but the rules themselves.  One caller, one call
 * after the other.  It says what each call answers before it is made.
 */
#ifndef ANYVFIO_TESTS_MODEL_H
#define ANYVFIO_TESTS_MODEL_H

#include "port.h"
#include "anyvfio/vfio.h"

#define NR_SLOTS 10 /* descriptors a sequence can have */
#define NR_FILES 16 /* what they stand for */
#define NR_CONTAINERS 16 /* some without a descriptor */
#define NR_GROUPS 24 /* each add of a group's first device makes a new one */
#define NR_DEVICES 5
#define NR_USERS 4 /* external */
#define NR_MAPS 8
#define NR_PINS 8
#define NR_PAGES 8 /* of the caller's memory */
#define NR_KVMS 2

#define ENTRY_LIMIT 3 /* mappings per container */
#define NOIOMMU_ID 0
#define NATIVE_ID 8 /* the group with a device of another driver */
#define NOTHING (-1)

/* ---- calls ---- */

enum op_kind {
	OPEN_CONTAINER, /* slot */
	OPEN_GROUP, /* slot, id, noiommu */
	OPEN_OTHER, /* slot */
	DUP, /* slot, of */
	CLOSE, /* slot */
	API_VERSION, /* slot */
	CHECK_EXTENSION, /* slot, extension */
	SET_IOMMU, /* slot, extension */
	GET_STATUS, /* slot, argsz, bad pointer */
	SET_CONTAINER, /* slot, of, bad pointer */
	UNSET_CONTAINER, /* slot */
	GET_DEVICE_FD, /* slot, into, device, how the name is written */
	RESET_DEVICE, /* slot */
	UNKNOWN_IOCTL, /* slot */
	READ, /* slot */
	MAP, /* slot, iova, size, page, flags, argsz */
	UNMAP, /* slot, iova, size, flags, argsz, bytes of the bitmap */
	GET_AVAIL, /* slot */
	TRACK_DIRTY, /* slot, start */
	GET_DIRTY, /* slot, iova, size, bytes of the bitmap, page size, argsz */
	DMA, /* device, iova, len, write */
	ADD_DEVICE, /* device */
	REMOVE_DEVICE, /* device */
	BIND_NATIVE,
	UNBIND_NATIVE,
	ALLOW_RAWIO, /* yes */
	GET_USER, /* user, slot */
	PUT_USER, /* user */
	USER_EXTENSION, /* user, extension */
	PIN, /* device, iova, rights */
	UNPIN, /* device, iova */
	LISTEN, /* device */
	UNLISTEN, /* device */
	LISTEN_GROUP, /* device, events */
	UNLISTEN_GROUP, /* device */
	SET_KVM, /* user, kvm */
	NR_KINDS,
};

#define NR_ARGS 6

struct op {
	enum op_kind kind;
	u64 arg[NR_ARGS];
};

extern const char *const op_names[NR_KINDS];

/* What a call answered: an errno or a value, and what it wrote. */
struct answer {
	long ret;
	u64 out;
};

/* How the name of a device is written in GET_DEVICE_FD. */
enum name_form { NAME_PLAIN, NAME_TOKEN, NAME_UNKNOWN, NAME_LONG, NAME_BAD };

/* ---- state ---- */

enum file_kind { FILE_CONTAINER, FILE_GROUP, FILE_DEVICE, FILE_OTHER };

struct model_file {
	unsigned int refs; /* slots */
	enum file_kind kind;
	int object;
};

struct model_map {
	u64 iova, size, page; /* size 0: none */
	u32 rights;
	u32 dirty; /* a bit for each page */
};

struct model_pin {
	int device;
	u64 iova;
	unsigned int count;
};

struct model_container {
	unsigned int files, groups;
	bool noiommu; /* of its groups */
	unsigned long backend; /* the extension it was opened with; 0: none */
	struct model_map maps[NR_MAPS];
	struct model_pin pins[NR_PINS];
	bool listens[NR_DEVICES];
	bool tracking;
};

struct model_group {
	bool live; /* has devices */
	int id;
	unsigned int devices;
	bool opened;
	int container;
	bool attached;
	unsigned int users; /* L3, the attachment among them */
	bool listens[NR_DEVICES]; /* to the kvm */
	unsigned int kvm; /* 0: none */
};

struct model_device {
	bool there;
	int group;
	unsigned int files;
};

struct model {
	int slots[NR_SLOTS];
	struct model_file files[NR_FILES];
	struct model_container containers[NR_CONTAINERS];
	struct model_group groups[NR_GROUPS];
	unsigned int nr_groups;
	struct model_device devices[NR_DEVICES];
	int users[NR_USERS]; /* groups */
	bool native, rawio;
	u8 *memory; /* what devices have written; or NULL */
	u64 usable_last; /* of the host's IOMMU */
	u64 hole_start, hole_last; /* in it; or 0 */
	bool sees_writes; /* of devices: the host does */
};

extern const char *const device_names[NR_DEVICES];
extern const int device_groups[NR_DEVICES];

void model_init(struct model *model);
/* False for what nobody may do: a bus driver that breaks its contract, or a call
 * that would wait for what one caller alone cannot do. */
bool model_allows(const struct model *model, const struct op *op);
struct answer model_step(struct model *model, const struct op *op);
/* What the device writes in a DMA. */
u8 model_byte(const struct op *op);

/* What is in the caller's bitmap of dirty pages before a call. */
#define BITMAP_BEFORE 0xa5a5a5a5a5a5a5a5ull
/* How large one may be. */
#define BITMAP_MOST (1ull << 28)
/* UNMAP with one answers the size, and above it the bits. */
#define BITMAP_SHIFT 20

/* Pages of the caller's memory: the first are there, one may not be written,
 * one is not there at all. */
#define PAGE_READ_ONLY NR_PAGES
#define PAGE_MISSING (NR_PAGES + 1)

#endif /* ANYVFIO_TESTS_MODEL_H */
