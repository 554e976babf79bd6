/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The PCI bus driver's own header.
 *
 * Life: vfio_pci_bind() -> [open -> calls -> release]* -> vfio_pci_unbind().
 * The core sees to it that open comes before every call, release after all of
 * them, and that the two never overlap (D3); what open made is there for each
 * call without a lock.
 *
 * Locks, outermost first:
 *   config_lock   the configuration image, and each access to the function's
 *                 configuration space; a reset holds it, since it saves and
 *                 restores that space
 *   irq_lock      which interrupts are in use, and each hardware call about them
 *   memory_lock   (rwsem) may the BARs be reached?  Each access of a BAR holds it
 *                 for reading; switching memory decode, power states, mapping
 *                 and resetting hold it for writing
 *   ioeventfd_lock  (beside these two) the list of ioeventfds
 *   token_lock    (beside these) the VF token, and who depends on it
 *   event_lock    the ERR and REQ events.  A leaf, since the hardware reports an
 *                 error from wherever it is, an access of a BAR for one
 *
 * None is held while the user's memory is copied.  The hardware may take locks of
 * its own below all of them; it may call vfio_pci_error() with these held,
 * nothing else.
 */
#ifndef ANYVFIO_PCI_H
#define ANYVFIO_PCI_H

#include "port.h"
#include "anyvfio/vfio.h"
#include "vfio_pci.h"

#define VFIO_PCI_NAME_LEN 32
#define VFIO_PCI_TOKEN_LEN 16

/* irq_type while none of INTx, MSI and MSI-X is in use. */
#define VFIO_PCI_NO_IRQ VFIO_PCI_NUM_IRQS

/* Registers that a reset loses and the bus driver writes back. */
#define VFIO_PCI_MAX_SAVED 16

struct vfio_pci_saved {
	u16 off;
	u16 size;
	u32 val;
};

/**
 * struct vfio_pci_config - configuration space as the user sees it
 * @image: what is kept for the user, byte by byte
 * @virt: a bit is 1 where the image answers, 0 where the function does
 * @writable: a bit is 1 where a write changes it: in the image if virtual, else
 *         in the function
 * @msi, @msix, @pm, @exp, @af: where these capabilities are, or 0
 * @msi_queue: the largest number of messages, as a power of two
 * @saved: registers and their values, while they are saved
 * @nr_saved: how many; which ones is known from open on
 */
struct vfio_pci_config {
	u8 *image;
	u8 *virt;
	u8 *writable;
	u16 msi;
	u16 msix;
	u16 pm;
	u16 exp;
	u16 af;
	u16 msi_queue;
	struct vfio_pci_saved saved[VFIO_PCI_MAX_SAVED];
	unsigned int nr_saved;
};

struct vfio_pci_device {
	/* Constant while bound. */
	struct device *dev;
	struct iommu_group *group;
	struct vfio_pci_info info;
	const struct vfio_pci_hw_ops *ops;
	void *hw;
	char name[VFIO_PCI_NAME_LEN];
	struct vfio_device_ops device_ops;

	/* config_lock; the offsets in it are constant while open. */
	struct mutex config_lock;
	struct vfio_pci_config config;

	/* irq_lock */
	struct mutex irq_lock;
	u32 irq_type; /* VFIO_PCI_*_IRQ_INDEX or VFIO_PCI_NO_IRQ */
	u32 nr_vectors; /* in use */
	struct port_eventfd **triggers; /* room for all of irq_type */
	bool intx_disabled; /* by the user's COMMAND register */
	struct port_watch *unmask; /* unmasks INTx */
	struct port_watch *stale; /* cancelled once irq_lock is free */

	/* memory_lock; changed with config_lock held too */
	struct rw_semaphore memory_lock;
	bool decode; /* COMMAND has memory decode on */
	bool asleep; /* in D3hot */
	bool resting; /* the host may put it to sleep */
	struct port_eventfd *wakeup; /* told when the rest ends by itself */

	/* ioeventfd_lock */
	struct mutex ioeventfd_lock;
	struct list_head ioeventfds;
	u32 nr_ioeventfds;

	/* token_lock */
	struct mutex token_lock;
	bool has_token;
	u8 token[VFIO_PCI_TOKEN_LEN];
	u32 nr_open_vfs;

	/* event_lock */
	struct mutex event_lock;
	struct port_eventfd *err_trigger;
	struct port_eventfd *req_trigger;
};

/* ---- caps.c: what is virtual and what is writable ---- */

int vfio_pci_config_init(struct vfio_pci_device *vdev);
void vfio_pci_config_exit(struct vfio_pci_device *vdev);

/* ---- config.c ---- */

/* Registers of the type 0 header and of capabilities, from the PCI Local Bus,
 * PCI Power Management and PCI Express specifications. */
enum {
	CFG_VENDOR_ID = 0x00,
	CFG_COMMAND = 0x04,
	CFG_STATUS = 0x06,
	CFG_CACHE_LINE_SIZE = 0x0c,
	CFG_LATENCY_TIMER = 0x0d,
	CFG_BIST = 0x0f,
	CFG_BAR0 = 0x10,
	CFG_ROM = 0x30,
	CFG_CAPABILITIES = 0x34,
	CFG_INTERRUPT_LINE = 0x3c,
	CFG_INTERRUPT_PIN = 0x3d,
	CFG_HEADER_LEN = 0x40,
	CFG_LEN = 0x100,
};

enum {
	CFG_COMMAND_IO = 0x0001,
	CFG_COMMAND_MEMORY = 0x0002,
	CFG_COMMAND_MASTER = 0x0004,
	CFG_COMMAND_INTX_DISABLE = 0x0400,
	CFG_COMMAND_DEFINED = 0x07ff,
	CFG_STATUS_CAP_LIST = 0x0010,
};

/* Offsets within capabilities. */
enum {
	CFG_PM_CAPS = 2,
	CFG_PM_CTRL = 4,
	CFG_MSI_FLAGS = 2,
	CFG_MSIX_FLAGS = 2,
	CFG_EXP_FLAGS = 2,
	CFG_EXP_DEVCAP = 4,
	CFG_EXP_DEVCTL = 8,
	CFG_EXP_DEVCTL2 = 0x28,
	CFG_AF_CAPS = 3,
	CFG_AF_CTRL = 4,
};

enum {
	CFG_PM_STATE = 0x0003, /* of CTRL */
	CFG_PM_NO_SOFT_RESET = 0x0008,
	CFG_PM_CAPS_PME = 0xf800,
	CFG_PM_CAPS_D1 = 0x0200,
	CFG_PM_CAPS_D2 = 0x0400,
	CFG_MSI_ENABLE = 0x0001,
	CFG_MSI_QUEUE_MAX = 0x000e,
	CFG_MSI_QUEUE = 0x0070,
	CFG_MSI_64BIT = 0x0080,
	CFG_MSI_MASKABLE = 0x0100,
	CFG_MSIX_ENABLE = 0x8000,
	CFG_EXP_DEVCAP_FLR = 0x10000000,
	CFG_EXP_PAYLOAD = 0x00e0, /* of DEVCTL */
	CFG_EXP_PHANTOM = 0x0200,
	CFG_EXP_READ_REQUEST = 0x7000,
	CFG_EXP_FLR = 0x8000,
	CFG_EXP_DEVCTL2_ARI = 0x0020,
	CFG_AF_CAPS_TP_FLR = 0x03,
	CFG_AF_FLR = 0x01,
};

u32 vfio_pci_config_get(struct vfio_pci_device *vdev, u32 off, u32 size);
ssize_t vfio_pci_config_read(struct vfio_pci_device *vdev, char __user *buf,
			     size_t len, u64 off);
ssize_t vfio_pci_config_write(struct vfio_pci_device *vdev,
			      const char __user *buf, size_t len, u64 off);
/* Shows which interrupts are in use in the enable bits of MSI and MSI-X. */
void vfio_pci_config_show_irq(struct vfio_pci_device *vdev);
/* Keeps, and writes back, what a reset loses. */
void vfio_pci_config_save(struct vfio_pci_device *vdev);
void vfio_pci_config_restore(struct vfio_pci_device *vdev);

/* ---- region.c ---- */

long vfio_pci_ioctl_get_region_info(struct vfio_pci_device *vdev,
				    struct vfio_region_info __user *arg);
/* One aligned access of a BAR, the ROM or the VGA region; of the former -EIO while memory decode is off. */
int vfio_pci_bar_access(struct vfio_pci_device *vdev, u32 index, u64 off,
			u32 size, u64 *val, bool write);
/* Of these. */
ssize_t vfio_pci_bar_rw(struct vfio_pci_device *vdev, u32 index,
			char __user *buf, size_t len, u64 off, bool write);
int vfio_pci_mmap(void *data, struct port_vma *vma);
/* First open: memory decode is what the hardware's COMMAND register says. */
void vfio_pci_memory_init(struct vfio_pci_device *vdev);
/* Changes memory decode or the power state: tells the hardware whether its
 * BARs can be reached. */
void vfio_pci_memory_set(struct vfio_pci_device *vdev, bool decode,
			 bool asleep);
/* At rest mappings reach nothing. */
void vfio_pci_memory_rest(struct vfio_pci_device *vdev, bool resting);

/* ---- irq.c ---- */

/* How many interrupts the function has of this index. */
u32 vfio_pci_irq_count(struct vfio_pci_device *vdev, u32 index);
long vfio_pci_ioctl_get_irq_info(struct vfio_pci_device *vdev,
				 struct vfio_irq_info __user *arg);
long vfio_pci_ioctl_set_irqs(struct vfio_pci_device *vdev,
			     struct vfio_irq_set __user *arg);
/* The user wrote the INTx disable bit of COMMAND. */
void vfio_pci_intx_set_disabled(struct vfio_pci_device *vdev, bool disabled);
/* Last close: no interrupt is in use, no event is held. */
void vfio_pci_irq_exit(struct vfio_pci_device *vdev);
/* Signals an event of @vdev; false when the user has not asked for it. */
bool vfio_pci_event_signal(struct vfio_pci_device *vdev,
			   struct port_eventfd **trigger);

/* ---- ioeventfd.c ---- */

long vfio_pci_ioctl_ioeventfd(struct vfio_pci_device *vdev,
			      struct vfio_device_ioeventfd __user *arg);
/* Last close. */
void vfio_pci_ioeventfd_exit(struct vfio_pci_device *vdev);

/* ---- token.c ---- */

/* P1: may the function be opened by who says @options? */
int vfio_pci_admit(void *data, const char *options);
/* P2; @arg follows the header. */
long vfio_pci_feature_vf_token(struct vfio_pci_device *vdev,
			       const struct vfio_device_feature *feature,
			       const void __user *arg);
/* First open and last close, which count with the function's PF. */
void vfio_pci_token_use(struct vfio_pci_device *vdev);
void vfio_pci_token_unuse(struct vfio_pci_device *vdev);

/* ---- power.c ---- */

/* In between the function is awake.  0: it is not at rest; 1: it has been woken; or
 * an error.  _put() takes that answer. */
int vfio_pci_power_get(struct vfio_pci_device *vdev);
void vfio_pci_power_put(struct vfio_pci_device *vdev, int got);
/* Ends the rest, if there is one, also when the function does not wake: an error. */
int vfio_pci_power_exit(struct vfio_pci_device *vdev);
long vfio_pci_feature_low_power_entry(struct vfio_pci_device *vdev,
				      const struct vfio_device_feature *feature);
/* @arg follows the header. */
long vfio_pci_feature_low_power_entry_with_wakeup(
	struct vfio_pci_device *vdev, const struct vfio_device_feature *feature,
	const void __user *arg);
long vfio_pci_feature_low_power_exit(struct vfio_pci_device *vdev,
				     const struct vfio_device_feature *feature);

/* ---- feature.c ---- */

long vfio_pci_ioctl_feature(struct vfio_pci_device *vdev,
			    struct vfio_device_feature __user *arg);
/* What is asked of a feature that can be set only, by @size bytes: 1: to set it; else
 * the answer. */
int vfio_pci_feature_check_set(const struct vfio_device_feature *feature,
			       size_t size);

/* ---- reset.c ---- */

/* Brings the function to D0. */
void vfio_pci_end_sleep(struct vfio_pci_device *vdev);

/* Resets the function by @reset and writes back what the user had set. */
int vfio_pci_reset(struct vfio_pci_device *vdev, int (*reset)(void *hw));
long vfio_pci_ioctl_reset(struct vfio_pci_device *vdev);
long vfio_pci_ioctl_hot_reset_info(struct vfio_pci_device *vdev,
				   struct vfio_pci_hot_reset_info __user *arg);
long vfio_pci_ioctl_hot_reset(struct vfio_pci_device *vdev,
			      struct vfio_pci_hot_reset __user *arg);

#endif /* ANYVFIO_PCI_H */
