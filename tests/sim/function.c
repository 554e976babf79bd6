/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A PCI function as hardware: see function.h. */
#include "function.h"

#define CAP_MSIX 0x40
#define CAP_MSI 0x50
#define CAP_PM 0x60
#define NO_IRQ VFIO_PCI_NUM_IRQS

enum { LIFE, CONFIG, IRQ, MAP, BAR, KINDS };

struct function {
	struct device *dev;
	struct vfio_pci_device *vdev;
	u8 config[256];
	unsigned int inside[KINDS]; /* calls under way */
	bool enabled, decode;

	/* Below all locks of the bus driver; a signal holds it. */
	struct mutex lock;
	u32 irq_type, nvec;
	struct port_eventfd *triggers[FUNCTION_VECTORS];
	bool masked, asserted;
};

/* ---- what may overlap what ---- */

static bool may_enter(const struct function *function, unsigned int kind)
{
	const unsigned int *inside = function->inside;

	if (inside[LIFE])
		return false;
	switch (kind) {
	case LIFE:
		return !inside[CONFIG] && !inside[IRQ] && !inside[MAP] &&
		       !inside[BAR];
	case MAP:
		return !inside[MAP] && !inside[BAR];
	case BAR:
		return !inside[MAP];
	default:
		return !inside[kind];
	}
}

static struct function *enter(void *hw, unsigned int kind)
{
	struct function *function = hw;

	check(may_enter(function, kind));
	function->inside[kind]++;
	sim_point();
	return function;
}

static void leave(struct function *function, unsigned int kind)
{
	sim_point();
	function->inside[kind]--;
}

/* ---- life ---- */

static void power_on(struct function *function)
{
	u8 *config = function->config;

	memset(config, 0, sizeof(function->config));
	config[0x00] = 0x34;
	config[0x01] = 0x12;
	config[0x06] = 0x10; /* has capabilities */
	config[0x34] = CAP_MSIX;
	config[0x3d] = 1;
	config[CAP_MSIX] = 0x11;
	config[CAP_MSIX + 1] = CAP_MSI;
	config[CAP_MSIX + 2] = FUNCTION_VECTORS - 1;
	config[CAP_MSI] = 0x05;
	config[CAP_MSI + 1] = CAP_PM;
	config[CAP_MSI + 2] = 0x82; /* two messages, 64 bits */
	config[CAP_PM] = 0x01;
	config[CAP_PM + 2] = 3;
}

static int hw_enable(void *hw)
{
	struct function *function = enter(hw, LIFE);
	int ret = sim_fails(SIM_OPEN) ? -EIO : 0;

	check(!function->enabled);
	if (!ret) {
		function->enabled = true;
		power_on(function);
		function->config[0x04] = 2;
		function->decode = true;
	}
	leave(function, LIFE);
	return ret;
}

static void hw_disable(void *hw)
{
	struct function *function = enter(hw, LIFE);

	check(function->enabled && function->irq_type == NO_IRQ);
	function->enabled = false;
	leave(function, LIFE);
}

static int hw_reset(void *hw)
{
	struct function *function = enter(hw, LIFE);

	/* No mapping reaches it meanwhile (D4). */
	check(function->enabled && !function->decode);
	power_on(function);
	leave(function, LIFE);
	return sim_fails(SIM_OPEN) ? -EIO : 0;
}

/* A slot with nothing else in it. */
static int hw_hot_reset_each(void *hw,
			     int (*fn)(const struct vfio_pci_dependent *dep,
				       void *data),
			     void *data)
{
	struct function *function = hw;
	struct vfio_pci_dependent dep = { .bus = 1 };

	sim_point();
	dep.group_id = port_iommu_group_id(function->dev->group);
	return fn(&dep, data);
}

/* ---- config space and BARs ---- */

static u32 hw_config_read(void *hw, u32 off, u32 size)
{
	struct function *function = enter(hw, CONFIG);
	u32 val = 0;

	check(function->enabled);
	memcpy(&val, function->config + off, size);
	leave(function, CONFIG);
	return val;
}

static void hw_config_write(void *hw, u32 off, u32 size, u32 val)
{
	struct function *function = enter(hw, CONFIG);

	check(function->enabled);
	memcpy(function->config + off, &val, size);
	leave(function, CONFIG);
}

static u64 hw_bar_read(void *hw, u32 bar, u64 off, u32 size)
{
	struct function *function = enter(hw, BAR);

	check(function->enabled && function->decode);
	leave(function, BAR);
	check(function->decode);
	return off;
}

static void hw_bar_write(void *hw, u32 bar, u64 off, u32 size, u64 val)
{
	hw_bar_read(hw, bar, off, size);
}

static int hw_bar_mmap(void *hw, u32 bar, u64 off, struct port_vma *vma)
{
	struct function *function = enter(hw, MAP);
	int ret = sim_fails(SIM_OPEN) ? -ENOMEM : 0;

	check(function->enabled);
	leave(function, MAP);
	return ret;
}

static void hw_bar_enable(void *hw, bool on)
{
	struct function *function = enter(hw, MAP);

	check(function->enabled);
	function->decode = on;
	leave(function, MAP);
}

/* ---- interrupts ---- */

static int hw_irq_enable(void *hw, u32 index, u32 nvec)
{
	struct function *function = enter(hw, IRQ);
	int ret = sim_fails(SIM_OPEN) ? -ENOSPC : 0;

	check(function->enabled);
	check(function->irq_type == NO_IRQ ||
	      (index == VFIO_PCI_MSIX_IRQ_INDEX && nvec > function->nvec));
	if (!ret) {
		function->irq_type = index;
		function->nvec = nvec;
	}
	leave(function, IRQ);
	return ret;
}

static void hw_irq_disable(void *hw, u32 index)
{
	struct function *function = enter(hw, IRQ);

	check(function->irq_type == index);
	mutex_lock(&function->lock);
	memset(function->triggers, 0, sizeof(function->triggers));
	function->irq_type = NO_IRQ;
	function->nvec = 0;
	function->masked = false;
	mutex_unlock(&function->lock);
	leave(function, IRQ);
}

static void hw_irq_set(void *hw, u32 index, u32 vector,
		       struct port_eventfd *trigger)
{
	struct function *function = enter(hw, IRQ);

	check(function->irq_type == index && vector < function->nvec);
	mutex_lock(&function->lock);
	function->triggers[vector] = trigger;
	mutex_unlock(&function->lock);
	leave(function, IRQ);
}

/* The lock is held: a trigger that is used is not given back meanwhile. */
static void signal(struct function *function, unsigned int vector)
{
	bool intx = function->irq_type == VFIO_PCI_INTX_IRQ_INDEX;

	lockdep_assert_held(&function->lock);
	if (intx && function->masked)
		return;
	if (function->triggers[vector])
		port_eventfd_signal(function->triggers[vector]);
	function->masked = intx;
}

static void hw_intx_mask(void *hw)
{
	struct function *function = enter(hw, IRQ);

	mutex_lock(&function->lock);
	function->masked = true;
	mutex_unlock(&function->lock);
	leave(function, IRQ);
}

static void hw_intx_unmask(void *hw)
{
	struct function *function = enter(hw, IRQ);

	mutex_lock(&function->lock);
	function->masked = false;
	if (function->asserted)
		signal(function, 0);
	mutex_unlock(&function->lock);
	leave(function, IRQ);
}

void function_fire(struct function *function, unsigned int vector)
{
	mutex_lock(&function->lock);
	function->asserted = sim_random(2);
	if (function->irq_type == VFIO_PCI_INTX_IRQ_INDEX)
		vector = 0;
	signal(function, vector);
	mutex_unlock(&function->lock);
}

void function_fail(struct function *function)
{
	vfio_pci_error(function->vdev);
}

bool function_is_open(const struct function *function)
{
	return function->enabled;
}

/* ---- adding and removing ---- */

static const struct vfio_pci_hw_ops hw_ops = {
	.enable = hw_enable,
	.disable = hw_disable,
	.config_read = hw_config_read,
	.config_write = hw_config_write,
	.bar_read = hw_bar_read,
	.bar_write = hw_bar_write,
	.bar_mmap = hw_bar_mmap,
	.bar_enable = hw_bar_enable,
	.reset = hw_reset,
	.hot_reset_each = hw_hot_reset_each,
	.hot_reset = hw_reset,
	.irq_enable = hw_irq_enable,
	.irq_disable = hw_irq_disable,
	.irq_set = hw_irq_set,
	.intx_mask = hw_intx_mask,
	.intx_unmask = hw_intx_unmask,
};

static const struct vfio_pci_info info = {
	.config_size = 256,
	.bar[0] = { 0x4000, VFIO_PCI_BAR_MMAP },
	.rom_size = 0x1000,
	.has_intx = true,
	.msi = 2,
	.msi_cap = CAP_MSI,
	.msix = FUNCTION_VECTORS,
	.msix_cap = CAP_MSIX,
	.msix_bar = 0,
	.msix_offset = 0x3000,
	.msix_size = FUNCTION_VECTORS * 16,
	.can_reset = true,
	.name = "function",
};

struct function *function_add(const char *name, int group)
{
	struct function *function = port_zalloc(sizeof(*function));

	check(function);
	mutex_init(&function->lock);
	function->irq_type = NO_IRQ;
	power_on(function);
	function->dev = sim_device_create(name, group);
	check(sim_device_bind(function->dev, true) == 0);
	sim_call_begin();
	function->vdev = vfio_pci_bind(function->dev, &info, &hw_ops, function);
	sim_call_end();
	check(!IS_ERR(function->vdev));
	return function;
}

void function_remove(struct function *function)
{
	sim_call_begin();
	vfio_pci_unbind(function->vdev);
	sim_call_end();
	check(!function->enabled);
	sim_device_unbind(function->dev);
	sim_device_destroy(function->dev);
	mutex_destroy(&function->lock);
	port_free(function);
}
