/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A software function: what a model of <anyvfio/device.h> makes of a
 * struct anyvfio_device, and the hardware below the PCI bus driver.
 *
 * Life: host_pci_create() -> model's create -> frozen -> bound to a driver ->
 *       [enable -> accesses -> disable]*, while it is vfio-pci ->
 *       host_pci_destroy().
 * The memory of the object itself is type-stable, as a page fault that races an
 * unmap may come with the address of a function that has gone: its lock can
 * be taken at any time, and @started tells.
 *
 * Locks, outermost first; the bus driver's are above all of them:
 *   lock       the device's: config space, accesses of trapped pages, calls of
 *              the model.  A thread has at most one
 *   irq.lock   what interrupts are in use and what is pending; taken with or
 *              without the device's lock
 *   fault_lock a leaf: the rate of messages about DMA
 */
#ifndef ANYVFIO_USER_PCI_DEVICE_H
#define ANYVFIO_USER_PCI_DEVICE_H

#include "host.h"
#include "vfio_pci.h"

#define FUNCTION_NAME_LEN 16
#define FUNCTION_RANGES 32 /* of pages that are not trapped, per function */
#define FUNCTION_CAPS 8 /* capabilities of the model's own */
#define FUNCTION_MSI_MAX 32
#define FUNCTION_MSIX_MAX 2048

/* Registers of the type 0 header, and where our capabilities lie: the model's
 * own follow up to the end of the first 256 bytes. */
enum {
	CFG_VENDOR = 0x00,
	CFG_DEVICE = 0x02,
	CFG_COMMAND = 0x04,
	CFG_STATUS = 0x06,
	CFG_REVISION = 0x08,
	CFG_CLASS = 0x09,
	CFG_CACHE_LINE = 0x0c,
	CFG_BAR0 = 0x10,
	CFG_SUBSYSTEM_VENDOR = 0x2c,
	CFG_SUBSYSTEM = 0x2e,
	CFG_CAPABILITIES = 0x34,
	CFG_INTERRUPT_LINE = 0x3c,
	CFG_INTERRUPT_PIN = 0x3d,
	CFG_PM = 0x40,
	CFG_MSI = 0x48,
	CFG_MSIX = 0x60,
	CFG_EXPRESS = 0x6c,
	CFG_OWN = 0xa8,
	CFG_SIZE = 256,
	CFG_EXPRESS_SIZE = 4096,
};

enum {
	COMMAND_IO = 0x0001,
	COMMAND_MEMORY = 0x0002,
	COMMAND_MASTER = 0x0004,
	COMMAND_PARITY = 0x0040,
	COMMAND_SERR = 0x0100,
	COMMAND_INTX_OFF = 0x0400,
	STATUS_INTX = 0x0008,
	STATUS_CAPABILITIES = 0x0010,
	STATUS_ERRORS = 0xf900, /* cleared by writing ones */
};

/* Offsets and bits within the capabilities. */
enum {
	PM_CONTROL = 4,
	PM_STATE = 0x0003,
	MSI_CONTROL = 2,
	MSI_ENABLE = 0x0001,
	MSI_QUEUE_SHIFT = 4, /* messages allowed, a power of two */
	MSI_ADDRESS = 4,
	MSI_DATA = 12,
	MSI_MASK = 16,
	MSI_PENDING = 20,
	MSIX_CONTROL = 2,
	MSIX_MASK_ALL = 0x4000,
	MSIX_ENABLE = 0x8000,
	EXPRESS_CONTROL = 8,
	EXPRESS_FLR = 0x8000,
};

/**
 * struct function_bar - a BAR; its size is 0 where there is none
 * @flags:   ANYVFIO_BAR_*
 * @address: where firmware would have put it
 * @mem, @mem_off: the memory of its read-direct and plain pages, while the
 *           function is enabled, and where it is in the function's memfd;
 *           @mem_len is 0 when it has no such pages
 */
struct function_bar {
	u64 size;
	u32 flags;
	u64 address;
	u64 mem_len;
	u64 mem_off;
	u8 *mem;
};

/* Pages of a BAR that are not trapped. */
struct function_range {
	u32 bar;
	enum anyvfio_page kind;
	u64 off;
	u64 len;
};

/**
 * struct function_vector - an MSI-X or MSI vector
 * @address, @data: what the program or the host wrote; only shown
 * @control: bit 0: masked
 * @pending: it fired while masked
 * @trigger: what it signals; the bus driver holds it
 */
struct function_vector {
	u64 address;
	u32 data;
	u32 control;
	bool pending;
	struct port_eventfd *trigger;
};

/**
 * struct function_irq - the interrupts of a function
 * @index: the kind in use, VFIO_PCI_*_IRQ_INDEX, or FUNCTION_NO_IRQ
 * @nr:    vectors in use
 * @vec:   of the MSI-X table, or the MSI messages
 * @intx:  what the pin signals
 * @line:  the model asserts the pin
 * @intx_masked: it spoke and was not unmasked yet, or masked by the user
 */
struct function_irq {
	struct mutex lock;
	u32 index;
	u32 nr;
	struct function_vector *vec;
	struct port_eventfd *intx;
	bool line;
	bool intx_masked;
};

#define FUNCTION_NO_IRQ 0xffffffffu

struct function_option {
	char *name;
	char *value;
};

struct anyvfio_device {
	struct anyvfio_device *next_free; /* while it is not in use */

	/* Constant from freezing on; zeroed for each new function. */
	char name[FUNCTION_NAME_LEN];
	u32 segment;
	u8 bus;
	u8 devfn;
	int group;
	unsigned int index;
	const struct host_config *run;
	const struct anyvfio_model *model;
	void *object; /* the model's, from dlopen() */
	struct function_option *options;
	unsigned int nr_options;
	const struct anyvfio_device_ops *ops;
	void *priv;
	bool frozen;
	int broken; /* the first error of a building call */
	bool explained; /* a message says what is wrong */
	bool has_id;
	bool has_pm;
	bool has_intx;
	bool has_express;
	u16 msi;
	u16 msix;
	u8 msix_bar;
	u32 msix_table;
	u32 msix_pba;
	u16 config_size;
	u16 own_next; /* where the next own capability goes */
	u8 own[FUNCTION_CAPS];
	unsigned int nr_own;
	struct function_bar bar[VFIO_PCI_NR_BARS];
	struct function_range range[FUNCTION_RANGES]; /* by BAR and offset */
	unsigned int nr_ranges;
	u8 config_default[CFG_EXPRESS_SIZE];
	u8 config_mask[CFG_EXPRESS_SIZE]; /* 1: a write changes it */
	u8 config_clear[CFG_EXPRESS_SIZE]; /* 1: writing 1 clears it */
	struct device *dev;
	struct host_driver first_driver; /* with an empty name: none */

	/* The caller of host_pci_bind() and its kin: one at a time. */
	struct vfio_pci_device *vdev; /* atomic; while vfio-pci has it */
	struct host_driver driver; /* with an empty name: none */

	/* lock; read without it with READ_ONCE() */
	struct mutex lock;
	u8 config[CFG_EXPRESS_SIZE];
	bool started;
	bool gone; /* pulled out: it answers nothing any more */
	bool bar_on; /* the bus driver lets the BARs decode */
	bool decodes; /* @bar_on, and awake */
	bool dma_on; /* a bus master, and awake */
	int memfd; /* of BAR memory, or -1 */

	struct function_irq irq;

	struct mutex fault_lock;
	u64 fault_window;
	unsigned int faults_shown;
	u64 faults_hidden;

	/* atomic */
	u64 dma_faults;
	long dma_pins;

	struct list_head node; /* functions_lock in pci_device.c */
};

/* The device's lock.  Taking it twice, or a second one, is a bug of a model. */
void function_lock(struct anyvfio_device *fn);
void function_unlock(struct anyvfio_device *fn);
/* The function whose lock this thread has, or NULL. */
struct anyvfio_device *function_locked(void);
/* What is said of a function goes through these: its name comes first. */
#define function_err(fn, fmt, ...) \
	port_err("%s: " fmt, (fn)->name, ##__VA_ARGS__)
#define function_warn(fn, fmt, ...) \
	port_warn("%s: " fmt, (fn)->name, ##__VA_ARGS__)
#define function_info(fn, fmt, ...) \
	port_info("%s: " fmt, (fn)->name, ##__VA_ARGS__)
/* The hardware below the PCI bus driver. */
extern const struct vfio_pci_hw_ops function_hw_ops;
/* Fails the creation of @fn with a message: returns @err. */
int __printf(3, 4)
	function_fail(struct anyvfio_device *fn, int err, const char *fmt, ...);

/* Calls @match with each function there is, until it answers true.  With the
 * list of them locked. */
bool function_any(bool (*match)(const struct anyvfio_device *fn, void *data),
		  void *data);
/* The model's reset, with all that the host keeps for it. */
void function_reset_locked(struct anyvfio_device *fn);
/* For the child of a fork: there are no functions. */
void host_pci_after_fork(void);
/* For host_free(). */
void host_pci_free(void);

/* ---- pci_bind.c ---- */

/* @driver becomes what -d ...,driver=@name says; false: no such name. */
bool function_parse_driver(struct host_driver *driver, const char *name);

/* ---- pci_build.c ---- */

/* Checks what the model made and gives it addresses; 0 or a negated errno after
 * a message. */
int function_freeze(struct anyvfio_device *fn);
/* What is at @off of @bar, and for how many bytes from there on. */
enum anyvfio_page function_page(const struct anyvfio_device *fn, u32 bar,
				u64 off, u64 *len);

/* ---- pci_config.c ---- */

void function_config_set_id(struct anyvfio_device *fn,
			    const struct anyvfio_pci_id *id);
/* The image after power-on, and what of it can be written. */
void function_config_build(struct anyvfio_device *fn);
void function_config_reset(struct anyvfio_device *fn);
u32 function_config_get(const struct anyvfio_device *fn, u32 off, u32 size);
void function_config_set(struct anyvfio_device *fn, u32 off, u32 size, u32 val);
u32 function_config_read(void *hw, u32 off, u32 size);
void function_config_write(void *hw, u32 off, u32 size, u32 val);
/* @bar_on, COMMAND or the power state changed: true when the rights of mappings
 * did, and host_vma_refresh() is due once the lock is free. */
bool function_update(struct anyvfio_device *fn);

/* ---- pci_bar.c ---- */

extern const struct host_vma_ops function_vma_ops;

int function_memory_create(struct anyvfio_device *fn);
void function_memory_free(struct anyvfio_device *fn);
/* One access, aligned and of 1, 2, 4 or 8 bytes, with the lock held. */
u64 function_bar_load(struct anyvfio_device *fn, u32 bar, u64 off, u32 size);
void function_bar_store(struct anyvfio_device *fn, u32 bar, u64 off, u32 size,
			u64 val);
u64 function_bar_read(void *hw, u32 bar, u64 off, u32 size);
void function_bar_write(void *hw, u32 bar, u64 off, u32 size, u64 val);
int function_bar_mmap(void *hw, u32 bar, u64 off, struct port_vma *vma);
bool function_bar_area(void *hw, u32 bar, u32 i, u64 *off, u64 *len);
void function_bar_enable(void *hw, bool on);

/* ---- pci_irq.c ---- */

int function_irq_init(struct anyvfio_device *fn);
void function_irq_exit(struct anyvfio_device *fn);
/* What a reset does: nothing pending, the pin quiet, all vectors as they were
 * enabled. */
void function_irq_reset(struct anyvfio_device *fn);
/* True when @off is in the MSI-X table or pending bits of @bar. */
bool function_msix_owns(const struct anyvfio_device *fn, u32 bar, u64 off);
u64 function_msix_load(struct anyvfio_device *fn, u64 off, u32 size);
void function_msix_store(struct anyvfio_device *fn, u64 off, u32 size, u64 val);
/* MSI's mask and pending registers. */
u32 function_msi_bits(struct anyvfio_device *fn, bool pending);
void function_msi_set_mask(struct anyvfio_device *fn, u32 mask);
bool function_intx_line(struct anyvfio_device *fn);
/* Masks or COMMAND were written: what may speak now does. */
void function_irq_update(struct anyvfio_device *fn);
int function_irq_enable(void *hw, u32 index, u32 nvec);
void function_irq_disable(void *hw, u32 index);
void function_irq_set(void *hw, u32 index, u32 vector,
		      struct port_eventfd *trigger);
void function_intx_mask(void *hw);
void function_intx_unmask(void *hw);

/* ---- dma.c ---- */

/* At the end of a function's use: says what was not shown. */
void function_dma_exit(struct anyvfio_device *fn);

/* ---- model.c ---- */

/* Fills in name, place, group, model and options from a -d string. */
int function_parse(struct anyvfio_device *fn, const char *spec);
void function_forget_model(struct anyvfio_device *fn);

#endif /* ANYVFIO_USER_PCI_DEVICE_H */
