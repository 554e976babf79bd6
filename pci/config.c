// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Configuration space as a user sees it: an image with two masks (caps.c makes
 * them) in front of the function's own.  What a mask cannot say is here: the
 * registers whose writing does something.
 *
 * An access of any length and alignment is cut into naturally aligned ones of at
 * most four bytes.
 */
#include "pci.h"

static u32 load(const u8 *bytes, u32 size)
{
	u32 val = bytes[0];

	if (size >= 2)
		val |= (u32)bytes[1] << 8;
	if (size == 4)
		val |= (u32)bytes[2] << 16 | (u32)bytes[3] << 24;
	return val;
}

static void store(u8 *bytes, u32 size, u32 val)
{
	u32 i;

	for (i = 0; i < size; i++)
		bytes[i] = val >> (8 * i);
}

static u32 ones(u32 size)
{
	return size == 4 ? 0xffffffffu : (1u << (8 * size)) - 1;
}

static bool overlaps(u32 off, u32 size, u32 reg, u32 reg_size)
{
	return off < reg + reg_size && reg < off + size;
}

u32 vfio_pci_config_get(struct vfio_pci_device *vdev, u32 off, u32 size)
{
	const struct vfio_pci_config *config = &vdev->config;
	u32 virt = load(config->virt + off, size);
	u32 val = load(config->image + off, size) & virt;

	if (virt != ones(size))
		val |= vdev->ops->config_read(vdev->hw, off, size) & ~virt;
	return val;
}

/* Every byte of @mask has a bit. */
static bool is_full(u32 mask, u32 size)
{
	u32 i;

	for (i = 0; i < size; i++)
		if (!(mask >> (8 * i) & 0xff))
			return false;
	return true;
}

/*
 * Writes the bits of @mask to the function.  A byte without such bits is not
 * written at all: beside a register there may be one that a one clears.
 */
static void write_through(struct vfio_pci_device *vdev, u32 off, u32 size,
			  u32 mask, u32 val)
{
	u32 half = size / 2;

	if (!mask)
		return;
	if (!is_full(mask, size)) {
		write_through(vdev, off, half, mask & ones(half), val);
		write_through(vdev, off + half, half, mask >> (8 * half),
			      val >> (8 * half));
		return;
	}
	val &= mask;
	if (mask != ones(size))
		val |= vdev->ops->config_read(vdev->hw, off, size) & ~mask;
	vdev->ops->config_write(vdev->hw, off, size, val);
}

static void put(struct vfio_pci_device *vdev, u32 off, u32 size, u32 val)
{
	const struct vfio_pci_config *config = &vdev->config;
	u32 writable = load(config->writable + off, size);
	u32 virt = load(config->virt + off, size);
	u32 image = load(config->image + off, size);
	u32 kept = writable & virt;

	store(config->image + off, size, (image & ~kept) | (val & kept));
	write_through(vdev, off, size, writable & ~virt, val);
}

/* ---- registers whose writing does something ---- */

/* What the 16-bit register at @reg, which an access touches, would hold after
 * it if all its bits were writable. */
static u32 new_word(struct vfio_pci_device *vdev, u32 reg, u32 off, u32 size,
		    u32 val)
{
	u32 old = vfio_pci_config_get(vdev, reg, 2);
	u32 shift;

	if (off <= reg) {
		val >>= 8 * (reg - off);
		size = min(size - (reg - off), 2u);
		return (old & ~ones(size)) | (val & ones(size));
	}
	shift = 8 * (off - reg);
	return (old & ones(off - reg)) | ((val << shift) & 0xffff);
}

/*
 * Memory decode: off, mappings are revoked before the function stops answering;
 * on, they come back once it answers.
 */
static void write_command(struct vfio_pci_device *vdev, u32 off, u32 size,
			  u32 val)
{
	u32 command = new_word(vdev, CFG_COMMAND, off, size, val);
	bool decode = command & CFG_COMMAND_MEMORY;

	if (decode == vdev->decode) {
		put(vdev, off, size, val);
	} else {
		down_write(&vdev->memory_lock);
		if (!decode)
			vfio_pci_memory_set(vdev, false, vdev->asleep);
		put(vdev, off, size, val);
		if (decode)
			vfio_pci_memory_set(vdev, true, vdev->asleep);
		up_write(&vdev->memory_lock);
	}
	vfio_pci_intx_set_disabled(vdev, command & CFG_COMMAND_INTX_DISABLE);
}

/* A state that the function lacks: the write is dropped (PCI PM 3.2.4). */
static bool has_power_state(struct vfio_pci_device *vdev, u32 state)
{
	u32 caps = vdev->ops->config_read(vdev->hw,
					  vdev->config.pm + CFG_PM_CAPS, 2);

	if (state == 1)
		return caps & CFG_PM_CAPS_D1;
	return state != 2 || caps & CFG_PM_CAPS_D2;
}

/*
 * Asleep, a function answers nothing but configuration accesses.  One that is
 * reset by waking up gets back what the user had set.
 */
static void write_power_state(struct vfio_pci_device *vdev, u32 off, u32 size,
			      u32 val)
{
	u32 ctrl = vdev->config.pm + CFG_PM_CTRL;
	u32 state = new_word(vdev, ctrl, off, size, val) & CFG_PM_STATE;
	bool keeps = vfio_pci_config_get(vdev, ctrl, 2) & CFG_PM_NO_SOFT_RESET;
	bool sleep = state == 3;

	if (!has_power_state(vdev, state))
		return;
	if (sleep == vdev->asleep) {
		put(vdev, off, size, val);
		return;
	}

	down_write(&vdev->memory_lock);
	if (sleep) {
		vfio_pci_memory_set(vdev, vdev->decode, true);
		put(vdev, off, size, val);
	} else {
		vfio_pci_config_save(vdev);
		put(vdev, off, size, val);
		if (!keeps)
			vfio_pci_config_restore(vdev);
		vfio_pci_memory_set(vdev, vdev->decode, false);
	}
	up_write(&vdev->memory_lock);
}

/* Read requests must not be smaller than the payload size the host chose. */
static u32 fit_read_request(struct vfio_pci_device *vdev, u32 devctl)
{
	u32 hw = vdev->ops->config_read(vdev->hw,
					vdev->config.exp + CFG_EXP_DEVCTL, 2);
	u32 payload = (hw & CFG_EXP_PAYLOAD) << 7;

	if ((devctl & CFG_EXP_READ_REQUEST) >= payload)
		return devctl;
	return (devctl & ~CFG_EXP_READ_REQUEST) | payload;
}

/* The function-level reset bit starts a reset and always reads as 0.  What a
 * wider access holds beside the register cannot be written. */
static void write_devctl(struct vfio_pci_device *vdev, u32 off, u32 size,
			 u32 val)
{
	u32 devctl = vdev->config.exp + CFG_EXP_DEVCTL;
	u32 word = new_word(vdev, devctl, off, size, val);
	bool reset = word & CFG_EXP_FLR;
	u32 caps;

	put(vdev, devctl, 2, fit_read_request(vdev, word & ~CFG_EXP_FLR));
	if (!reset)
		return;
	caps = vfio_pci_config_get(vdev, vdev->config.exp + CFG_EXP_DEVCAP, 4);
	if (caps & CFG_EXP_DEVCAP_FLR && vdev->info.can_reset)
		vfio_pci_reset(vdev, vdev->ops->reset);
}

/* The same bit of a conventional function. */
static void write_af(struct vfio_pci_device *vdev, u32 off, u32 size, u32 val)
{
	u32 ctrl = vdev->config.af + CFG_AF_CTRL;
	u32 caps;

	put(vdev, off, size, val);
	if (!(vdev->config.image[ctrl] & CFG_AF_FLR))
		return;
	vdev->config.image[ctrl] &= ~CFG_AF_FLR;
	caps = vfio_pci_config_get(vdev, vdev->config.af + CFG_AF_CAPS, 1);
	if ((caps & CFG_AF_CAPS_TP_FLR) == CFG_AF_CAPS_TP_FLR &&
	    vdev->info.can_reset)
		vfio_pci_reset(vdev, vdev->ops->reset);
}

/* No more messages than the function has. */
static void write_msi_flags(struct vfio_pci_device *vdev, u32 off, u32 size,
			    u32 val)
{
	u32 reg = vdev->config.msi + CFG_MSI_FLAGS;
	u32 flags;

	put(vdev, off, size, val);
	flags = load(vdev->config.image + reg, 2);
	if ((flags & CFG_MSI_QUEUE) >> 4 <= vdev->config.msi_queue)
		return;
	flags &= ~CFG_MSI_QUEUE;
	flags |= vdev->config.msi_queue << 4;
	store(vdev->config.image + reg, 2, flags);
}

static bool hits(u32 cap, u32 reg, u32 reg_size, u32 off, u32 size)
{
	return cap && overlaps(off, size, cap + reg, reg_size);
}

static void write_register(struct vfio_pci_device *vdev, u32 off, u32 size,
			   u32 val)
{
	const struct vfio_pci_config *config = &vdev->config;

	if (overlaps(off, size, CFG_COMMAND, 2))
		write_command(vdev, off, size, val);
	else if (hits(config->pm, CFG_PM_CTRL, 1, off, size))
		write_power_state(vdev, off, size, val);
	else if (hits(config->exp, CFG_EXP_DEVCTL, 2, off, size))
		write_devctl(vdev, off, size, val);
	else if (hits(config->af, CFG_AF_CTRL, 1, off, size))
		write_af(vdev, off, size, val);
	else if (hits(config->msi, CFG_MSI_FLAGS, 2, off, size))
		write_msi_flags(vdev, off, size, val);
	else
		put(vdev, off, size, val);
}

/* ---- the user's reads and writes ---- */

/* Bytes on their way between the locks and the user's memory. */
#define BOUNCE_LEN 64

static u32 access_size(u64 off, size_t len)
{
	if (off & 1 || len < 2)
		return 1;
	return off & 2 || len < 4 ? 2 : 4;
}

static void read_bytes(struct vfio_pci_device *vdev, u8 *bytes, size_t len,
		       u32 off)
{
	u32 size;

	mutex_lock(&vdev->config_lock);
	for (; len; len -= size) {
		size = access_size(off, len);
		store(bytes, size, vfio_pci_config_get(vdev, off, size));
		bytes += size;
		off += size;
	}
	mutex_unlock(&vdev->config_lock);
}

static void write_bytes(struct vfio_pci_device *vdev, const u8 *bytes,
			size_t len, u32 off)
{
	u32 size;

	mutex_lock(&vdev->config_lock);
	for (; len; len -= size) {
		size = access_size(off, len);
		write_register(vdev, off, size, load(bytes, size));
		bytes += size;
		off += size;
	}
	mutex_unlock(&vdev->config_lock);
}

static bool is_inside(struct vfio_pci_device *vdev, size_t len, u64 off)
{
	return off < vdev->info.config_size &&
	       len <= vdev->info.config_size - off;
}

ssize_t vfio_pci_config_read(struct vfio_pci_device *vdev, char __user *buf,
			     size_t len, u64 off)
{
	u8 bytes[BOUNCE_LEN];
	size_t done, n;

	if (!is_inside(vdev, len, off))
		return -EFAULT;
	for (done = 0; done < len; done += n) {
		n = min_t(size_t, len - done, sizeof(bytes));
		read_bytes(vdev, bytes, n, off + done);
		if (port_copy_out(buf + done, bytes, n))
			return -EFAULT;
	}
	return done;
}

ssize_t vfio_pci_config_write(struct vfio_pci_device *vdev,
			      const char __user *buf, size_t len, u64 off)
{
	u8 bytes[BOUNCE_LEN];
	size_t done, n;

	if (!is_inside(vdev, len, off))
		return -EFAULT;
	for (done = 0; done < len; done += n) {
		n = min_t(size_t, len - done, sizeof(bytes));
		if (port_copy_in(bytes, buf + done, n))
			return -EFAULT;
		write_bytes(vdev, bytes, n, off + done);
	}
	return done;
}

/* ---- for the other parts ---- */

static void show_bit(struct vfio_pci_device *vdev, u32 reg, u32 bit, bool on)
{
	u32 flags = load(vdev->config.image + reg, 2);

	store(vdev->config.image + reg, 2, on ? flags | bit : flags & ~bit);
}

void vfio_pci_config_show_irq(struct vfio_pci_device *vdev)
{
	const struct vfio_pci_config *config = &vdev->config;
	u32 type;

	mutex_lock(&vdev->config_lock);
	mutex_lock(&vdev->irq_lock);
	type = vdev->irq_type;
	mutex_unlock(&vdev->irq_lock);
	if (config->msi)
		show_bit(vdev, config->msi + CFG_MSI_FLAGS, CFG_MSI_ENABLE,
			 type == VFIO_PCI_MSI_IRQ_INDEX);
	if (config->msix)
		show_bit(vdev, config->msix + CFG_MSIX_FLAGS, CFG_MSIX_ENABLE,
			 type == VFIO_PCI_MSIX_IRQ_INDEX);
	mutex_unlock(&vdev->config_lock);
}

void vfio_pci_config_save(struct vfio_pci_device *vdev)
{
	struct vfio_pci_config *config = &vdev->config;
	struct vfio_pci_saved *saved;
	u32 i;

	lockdep_assert_held(&vdev->config_lock);
	for (i = 0; i < config->nr_saved; i++) {
		saved = &config->saved[i];
		saved->val = vdev->ops->config_read(vdev->hw, saved->off,
						    saved->size);
	}
}

void vfio_pci_config_restore(struct vfio_pci_device *vdev)
{
	const struct vfio_pci_saved *saved;
	u32 i;

	lockdep_assert_held(&vdev->config_lock);
	for (i = 0; i < vdev->config.nr_saved; i++) {
		saved = &vdev->config.saved[i];
		vdev->ops->config_write(vdev->hw, saved->off, saved->size,
					saved->val);
	}
}
