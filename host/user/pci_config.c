/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The configuration space of a software function, as hardware has it: an image
 * after power-on, and for each bit whether a write changes it.
 *
 * The bytes are written under the device's lock, and read without it by what
 * sends interrupts or does DMA.
 */
#include "pci_device.h"

#define CAP_PM 0x01
#define CAP_MSI 0x05
#define CAP_EXPRESS 0x10
#define CAP_MSIX 0x11

static void put(u8 *image, u32 off, u32 size, u32 val)
{
	u32 i;

	for (i = 0; i < size; i++)
		image[off + i] = val >> i * 8;
}

static u32 get(const u8 *image, u32 off, u32 size)
{
	u32 val = 0, i;

	for (i = 0; i < size; i++)
		val |= (u32)READ_ONCE(image[off + i]) << i * 8;
	return val;
}

u32 function_config_get(const struct anyvfio_device *fn, u32 off, u32 size)
{
	return get(fn->config, off, size);
}

void function_config_set(struct anyvfio_device *fn, u32 off, u32 size, u32 val)
{
	u32 i;

	lockdep_assert_held(&fn->lock);
	for (i = 0; i < size; i++)
		WRITE_ONCE(fn->config[off + i], val >> i * 8);
}

/* BARs come back with the addresses that firmware gave them, not with 0: nobody
 * here would write them again. */
void function_config_reset(struct anyvfio_device *fn)
{
	u32 i;

	lockdep_assert_held(&fn->lock);
	for (i = 0; i < fn->config_size; i++)
		WRITE_ONCE(fn->config[i], fn->config_default[i]);
}

/* Models ask from anywhere, with and without the lock. */
uint32_t anyvfio_pci_config(struct anyvfio_device *dev, unsigned int off,
			    unsigned int size)
{
	if (size > 4 || off >= dev->config_size ||
	    size > dev->config_size - off)
		return 0xffffffff;
	return function_config_get(dev, off, size);
}

/* ---- building ---- */

void function_config_set_id(struct anyvfio_device *fn,
			    const struct anyvfio_pci_id *id)
{
	u8 *c = fn->config_default;

	put(c, CFG_VENDOR, 2, id->vendor);
	put(c, CFG_DEVICE, 2, id->device);
	put(c, CFG_REVISION, 1, id->revision);
	put(c, CFG_CLASS, 3, id->class_code);
	put(c, CFG_SUBSYSTEM_VENDOR, 2, id->subsystem_vendor);
	put(c, CFG_SUBSYSTEM, 2, id->subsystem_device);
}

int anyvfio_pci_add_cap(struct anyvfio_device *dev, uint8_t id,
			const void *data, const void *writable, size_t len)
{
	u32 off = dev->own_next;
	size_t room = CFG_SIZE - off;

	if (dev->frozen)
		return function_fail(dev, -EPERM,
				     "add_cap after the device was made");
	if (dev->nr_own == FUNCTION_CAPS || room < 2 || len > room - 2)
		return function_fail(
			dev, -ENOSPC,
			"no room for %zu bytes of capability 0x%02x", len + 2,
			id);
	dev->config_default[off] = id;
	memcpy(dev->config_default + off + 2, data, len);
	if (writable)
		memcpy(dev->config_mask + off + 2, writable, len);
	dev->own[dev->nr_own++] = off;
	dev->own_next = ALIGN(off + 2 + len, 4);
	return off;
}

static void build_header(struct anyvfio_device *fn)
{
	u8 *c = fn->config_default, *m = fn->config_mask;
	u32 command = COMMAND_MASTER | COMMAND_PARITY | COMMAND_SERR;
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NR_BARS; i++)
		if (fn->bar[i].size)
			command |= fn->bar[i].flags & ANYVFIO_BAR_IO
					   ? COMMAND_IO
					   : COMMAND_MEMORY;
	if (fn->has_intx) {
		command |= COMMAND_INTX_OFF;
		c[CFG_INTERRUPT_PIN] = 1;
	}
	put(m, CFG_COMMAND, 2, command);
	put(fn->config_clear, CFG_STATUS, 2, STATUS_ERRORS);
	m[CFG_CACHE_LINE] = 0xff;
	m[CFG_INTERRUPT_LINE] = 0xff;
}

/* The low bits say what kind it is; the address bits below the size stay 0,
 * which is how software finds the size. */
static void build_bars(struct anyvfio_device *fn)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NR_BARS; i++) {
		const struct function_bar *bar = &fn->bar[i];
		u32 off = CFG_BAR0 + i * 4, low;

		if (!bar->size)
			continue;
		if (bar->flags & ANYVFIO_BAR_IO)
			low = 1;
		else
			low = (bar->flags & ANYVFIO_BAR_64 ? 4 : 0) |
			      (bar->flags & ANYVFIO_BAR_PREFETCH ? 8 : 0);
		put(fn->config_default, off, 4, bar->address | low);
		put(fn->config_mask, off, 4, ~(bar->size - 1));
		if (!(bar->flags & ANYVFIO_BAR_64))
			continue;
		put(fn->config_default, off + 4, 4, bar->address >> 32);
		put(fn->config_mask, off + 4, 4, ~(bar->size - 1) >> 32);
	}
}

static unsigned int order_of(unsigned int n)
{
	unsigned int order = 0;

	while (1u << order < n)
		order++;
	return order;
}

/* D0 and D3hot; going back to D0 does not reset. */
static void build_pm(struct anyvfio_device *fn)
{
	fn->config_default[CFG_PM] = CAP_PM;
	put(fn->config_default, CFG_PM + 2, 2, 0x0003);
	put(fn->config_default, CFG_PM + PM_CONTROL, 2, 0x0008);
	put(fn->config_mask, CFG_PM + PM_CONTROL, 2, PM_STATE);
}

/* 64-bit addresses and a mask per message. */
static void build_msi(struct anyvfio_device *fn)
{
	fn->config_default[CFG_MSI] = CAP_MSI;
	put(fn->config_default, CFG_MSI + MSI_CONTROL, 2,
	    order_of(fn->msi) << 1 | 0x0180);
	put(fn->config_mask, CFG_MSI + MSI_CONTROL, 2, 0x0071);
	put(fn->config_mask, CFG_MSI + MSI_ADDRESS, 4, 0xfffffffc);
	put(fn->config_mask, CFG_MSI + MSI_ADDRESS + 4, 4, 0xffffffff);
	put(fn->config_mask, CFG_MSI + MSI_DATA, 2, 0xffff);
}

static void build_msix(struct anyvfio_device *fn)
{
	fn->config_default[CFG_MSIX] = CAP_MSIX;
	put(fn->config_default, CFG_MSIX + MSIX_CONTROL, 2, fn->msix - 1);
	put(fn->config_mask, CFG_MSIX + MSIX_CONTROL, 2,
	    MSIX_ENABLE | MSIX_MASK_ALL);
	put(fn->config_default, CFG_MSIX + 4, 4, fn->msix_table | fn->msix_bar);
	put(fn->config_default, CFG_MSIX + 8, 4, fn->msix_pba | fn->msix_bar);
}

/* Version 2, an endpoint on a link of 2.5 GT/s, x1: payloads of 128 bytes,
 * extended tags, role-based errors, function-level reset. */
static void build_express(struct anyvfio_device *fn)
{
	u8 *c = fn->config_default + CFG_EXPRESS;
	u8 *m = fn->config_mask + CFG_EXPRESS;

	c[0] = CAP_EXPRESS;
	put(c, 0x02, 2, 0x0002);
	put(c, 0x04, 4, 0x10008020); /* device capabilities */
	put(c, EXPRESS_CONTROL, 2, 0x2810);
	put(m, EXPRESS_CONTROL, 2, 0x7fff);
	put(fn->config_clear + CFG_EXPRESS, 0x0a, 2, 0x000f);
	put(c, 0x0c, 4, 0x00400011); /* link capabilities */
	put(m, 0x10, 2, 0x01c8);
	put(c, 0x12, 2, 0x1011); /* link status */
	put(c, 0x24, 4, 0x00000010); /* device capabilities 2 */
	put(m, 0x28, 2, 0x0010);
	put(c, 0x2c, 4, 0x00000002); /* link capabilities 2 */
	put(c, 0x30, 2, 0x0001);
}

/* Links capabilities in this order; the last one's link stays 0. */
static void link_caps(struct anyvfio_device *fn)
{
	u8 *c = fn->config_default, *link = &c[CFG_CAPABILITIES];
	const struct {
		bool there;
		u8 off;
	} caps[] = {
		{ fn->has_pm, CFG_PM },
		{ fn->msi, CFG_MSI },
		{ fn->msix, CFG_MSIX },
		{ fn->has_express, CFG_EXPRESS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		if (!caps[i].there)
			continue;
		*link = caps[i].off;
		link = &c[caps[i].off + 1];
	}
	for (i = 0; i < fn->nr_own; i++) {
		*link = fn->own[i];
		link = &c[fn->own[i] + 1];
	}
	if (c[CFG_CAPABILITIES])
		put(c, CFG_STATUS, 2, STATUS_CAPABILITIES);
}

void function_config_build(struct anyvfio_device *fn)
{
	build_header(fn);
	build_bars(fn);
	if (fn->has_pm)
		build_pm(fn);
	if (fn->msi)
		build_msi(fn);
	if (fn->msix)
		build_msix(fn);
	if (fn->has_express)
		build_express(fn);
	link_caps(fn);
	function_lock(fn);
	function_config_reset(fn);
	function_unlock(fn);
}

/* ---- use ---- */

/* The decisions that others read without a lock, made anew from the registers:
 * idempotent, so nobody has to know which register changed. */
bool function_update(struct anyvfio_device *fn)
{
	u32 command = function_config_get(fn, CFG_COMMAND, 2);
	bool awake =
		!fn->has_pm ||
		!(function_config_get(fn, CFG_PM + PM_CONTROL, 2) & PM_STATE);
	bool decodes = fn->bar_on && awake && !fn->gone;
	bool changed = fn->decodes != decodes;

	lockdep_assert_held(&fn->lock);
	WRITE_ONCE(fn->decodes, decodes);
	WRITE_ONCE(fn->dma_on, awake && !fn->gone && command & COMMAND_MASTER);
	return changed;
}

static u32 ones(u32 size)
{
	return size == 4 ? 0xffffffff : (1u << size * 8) - 1;
}

static bool in_config(const struct anyvfio_device *fn, u32 off, u32 size)
{
	return off < fn->config_size && size <= fn->config_size - off;
}

static bool touches(u32 off, u32 size, u32 reg, u32 reg_size)
{
	return off < reg + reg_size && reg < off + size;
}

/* Registers that change without a write: their truth is in struct function_irq,
 * and copying it here would need the device's lock in every send. */
static u8 live_byte(struct anyvfio_device *fn, u32 off)
{
	u8 byte = fn->config[off];

	if (off == CFG_STATUS && function_intx_line(fn))
		return byte | STATUS_INTX;
	if (!fn->msi || off < CFG_MSI + MSI_MASK ||
	    off >= CFG_MSI + MSI_PENDING + 4)
		return byte;
	off -= CFG_MSI + MSI_MASK;
	return function_msi_bits(fn, off >= 4) >> off % 4 * 8;
}

static bool is_own(const struct anyvfio_device *fn, u32 off, u32 size)
{
	return fn->nr_own &&
	       touches(off, size, CFG_OWN, fn->own_next - CFG_OWN);
}

static u32 read_locked(struct anyvfio_device *fn, u32 off, u32 size)
{
	u32 val = 0, i;

	if (fn->gone)
		return ones(size);
	for (i = 0; i < size; i++)
		val |= (u32)live_byte(fn, off + i) << i * 8;
	if (is_own(fn, off, size) && fn->started && fn->ops->config_read)
		val = fn->ops->config_read(fn->priv, off, size, val) &
		      ones(size);
	return val;
}

u32 function_config_read(void *hw, u32 off, u32 size)
{
	struct anyvfio_device *fn = hw;
	u32 val;

	if (!in_config(fn, off, size))
		return ones(size);
	function_lock(fn);
	val = read_locked(fn, off, size);
	function_unlock(fn);
	return val;
}

static void write_bytes(struct anyvfio_device *fn, u32 off, u32 size, u32 val)
{
	u32 i;

	for (i = off; i < off + size; i++, val >>= 8) {
		u8 mask = fn->config_mask[i];
		u8 byte = (fn->config[i] & ~mask) | (val & mask);

		WRITE_ONCE(fn->config[i], byte & ~(val & fn->config_clear[i]));
	}
}

/* Function-level reset: the bit reads as 0, so it is not in the image. */
static bool asks_for_reset(const struct anyvfio_device *fn, u32 off, u32 size,
			   u32 val)
{
	u32 byte = CFG_EXPRESS + EXPRESS_CONTROL + 1;

	return fn->has_express && touches(off, size, byte, 1) &&
	       val >> (byte - off) * 8 & EXPRESS_FLR >> 8;
}

/* D1 and D2 do not exist: such a write leaves the state as it was. */
static void check_power(struct anyvfio_device *fn, u8 before)
{
	u8 state = fn->config[CFG_PM + PM_CONTROL] & PM_STATE;

	if (state == 1 || state == 2)
		WRITE_ONCE(fn->config[CFG_PM + PM_CONTROL], before);
}

/* Accesses are aligned: one that touches the mask register is inside it. */
static void write_msi_mask(struct anyvfio_device *fn, u32 shift, u32 size,
			   u32 val)
{
	u32 bits = ones(size) << shift;

	function_msi_set_mask(fn, (function_msi_bits(fn, false) & ~bits) |
					  (val << shift & bits));
}

static void write_locked(struct anyvfio_device *fn, u32 off, u32 size, u32 val)
{
	u8 power = fn->config[CFG_PM + PM_CONTROL];

	write_bytes(fn, off, size, val);
	if (fn->has_pm)
		check_power(fn, power);
	if (fn->msi && touches(off, size, CFG_MSI + MSI_MASK, 4))
		write_msi_mask(fn, (off - CFG_MSI - MSI_MASK) * 8, size, val);
	if (is_own(fn, off, size) && fn->started && fn->ops->config_written)
		fn->ops->config_written(fn->priv, off, size);
}

void function_config_write(void *hw, u32 off, u32 size, u32 val)
{
	struct anyvfio_device *fn = hw;
	bool changed;

	if (!in_config(fn, off, size))
		return;
	function_lock(fn);
	if (fn->gone) {
		function_unlock(fn);
		return;
	}
	write_locked(fn, off, size, val);
	if (asks_for_reset(fn, off, size, val))
		function_reset_locked(fn);
	/* In this order: messages are sent by a bus master only. */
	changed = function_update(fn);
	function_irq_update(fn);
	function_unlock(fn);
	if (changed)
		host_vma_refresh(fn);
}
