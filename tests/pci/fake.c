/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The function: its configuration space, BARs and interrupts. */
#include "harness.h"

/* A broken contract is a bug of the bus driver, on whatever thread. */
#define must(cond)                                                    \
	do {                                                          \
		if (!(cond)) {                                        \
			fprintf(stderr, "%s: %s\n", __func__, #cond); \
			abort();                                      \
		}                                                     \
	} while (0)

static void __printf(2, 3) note(struct fake *fake, const char *fmt, ...)
{
	size_t len = strlen(fake->log);
	va_list args;

	if (fake->silent)
		return;
	va_start(args, fmt);
	vsnprintf(fake->log + len, sizeof(fake->log) - len, fmt, args);
	va_end(args);
}

char *fake_take_log(struct fake *fake, char *copy)
{
	pthread_mutex_lock(&fake->lock);
	memcpy(copy, fake->log, sizeof(fake->log));
	fake->log[0] = '\0';
	pthread_mutex_unlock(&fake->lock);
	return copy;
}

enum { IRQ = 1, BARS = 2, CONFIG_SPACE = 4, ALL = 7 };

static void count(struct fake *fake, unsigned int what, int by)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!(what & 1u << i))
			continue;
		fake->inside[i] += by;
		must(fake->inside[i] <= 1);
	}
}

/* Now and then: each open reads a thousand registers, and on a machine that is
 * full of work every yield takes its turn. */
static void let_others_go(void)
{
	static _Thread_local unsigned int calls;

	if (++calls % 256 == 0)
		sched_yield();
}

/* Around each call that must not overlap others of its kinds.  The lock is let
 * go in the middle, for those that would. */
static struct fake *enter(void *hw, unsigned int what)
{
	struct fake *fake = hw;

	pthread_mutex_lock(&fake->lock);
	count(fake, what, 1);
	must(!(what & BARS) || !fake->accesses);
	pthread_mutex_unlock(&fake->lock);
	let_others_go();
	pthread_mutex_lock(&fake->lock);
	return fake;
}

static void leave(struct fake *fake, unsigned int what)
{
	count(fake, what, -1);
	pthread_mutex_unlock(&fake->lock);
}

/* ---- life ---- */

static int do_enable(void *hw)
{
	struct fake *fake = enter(hw, ALL);

	must(!fake->enabled);
	note(fake, "enable\n");
	if (!fake->enable_ret) {
		fake->enabled = true;
		memcpy(fake->config, fake->power_on, sizeof(fake->config));
		if (!fake->keep_command)
			fake->config[0x04] |= 0x03;
	}
	leave(fake, ALL);
	return fake->enable_ret;
}

static void do_disable(void *hw)
{
	struct fake *fake = enter(hw, ALL);

	must(fake->enabled && fake->irq_type == NO_IRQ);
	note(fake, "disable\n");
	fake->enabled = false;
	leave(fake, ALL);
}

/* ---- configuration space ---- */

void fake_put(u8 *config, u32 off, u32 size, u32 val)
{
	u32 i;

	for (i = 0; i < size; i++)
		config[off + i] = val >> (8 * i);
}

u32 fake_get(const u8 *config, u32 off, u32 size)
{
	u32 val = 0, i;

	for (i = 0; i < size; i++)
		val |= (u32)config[off + i] << (8 * i);
	return val;
}

static void check_config(const struct fake *fake, u32 off, u32 size)
{
	must(size == 1 || size == 2 || size == 4);
	must(off % size == 0 && off + size <= fake->info.config_size);
}

static u32 do_config_read(void *hw, u32 off, u32 size)
{
	struct fake *fake = enter(hw, CONFIG_SPACE);
	u32 val;

	check_config(fake, off, size);
	memset(fake->was_read + off, 1, size);
	val = fake_get(fake->config, off, size);
	leave(fake, CONFIG_SPACE);
	return val;
}

static void do_config_write(void *hw, u32 off, u32 size, u32 val)
{
	struct fake *fake = enter(hw, CONFIG_SPACE);
	u32 i;
	u8 byte;

	check_config(fake, off, size);
	must(size == 4 || !(val >> (8 * size)));
	if (fake->log_config)
		note(fake, "config %02x/%u=%x\n", off, size, val);
	for (i = off; i < off + size; i++, val >>= 8) {
		byte = (fake->config[i] & ~fake->mask[i]) |
		       (val & fake->mask[i]);
		fake->config[i] = byte & ~(val & fake->clear[i]);
	}
	leave(fake, CONFIG_SPACE);
}

/* ---- BARs ---- */

static u8 *bar_begin(struct fake *fake, u32 bar, u64 off, u32 size)
{
	bool io = bar < 6 && fake->info.bar[bar].flags & VFIO_PCI_BAR_IO;

	pthread_mutex_lock(&fake->lock);
	must(fake->enabled && !fake->rests && !fake->inside[1]);
	must(io || fake->memory_on || fake->at_rest);
	must(size == 1 || size == 2 || size == 4 || (size == 8 && !io));
	must(off % size == 0);
	must(off + size <=
	     (bar < 6 ? fake->info.bar[bar].size : fake->info.rom_size));
	must(bar <= 6);
	fake->accesses++;
	pthread_mutex_unlock(&fake->lock);
	let_others_go();
	pthread_mutex_lock(&fake->lock);
	return fake->memory + ((u64)bar << 20) + off;
}

static void bar_end(struct fake *fake, const char *what, u32 bar, u64 off,
		    u32 size, u64 val)
{
	fake->accesses--;
	if (fake->log_bars)
		note(fake, "%s %u:%llx/%u=%llx\n", what, bar,
		     (unsigned long long)off, size, (unsigned long long)val);
	pthread_mutex_unlock(&fake->lock);
}

static u64 do_bar_read(void *hw, u32 bar, u64 off, u32 size)
{
	struct fake *fake = hw;
	u8 *at = bar_begin(fake, bar, off, size);
	u64 val = 0;

	memcpy(&val, at, size);
	bar_end(fake, "read", bar, off, size, val);
	return val;
}

static void do_bar_write(void *hw, u32 bar, u64 off, u32 size, u64 val)
{
	struct fake *fake = hw;
	u8 *at = bar_begin(fake, bar, off, size);

	must(bar < 6);
	memcpy(at, &val, size);
	bar_end(fake, "write", bar, off, size, val);
}

static void do_rest(void *hw)
{
	struct fake *fake = hw;

	pthread_mutex_lock(&fake->lock);
	fake->rests++;
	note(fake, "rest\n");
	pthread_mutex_unlock(&fake->lock);
}

static int do_wake(void *hw)
{
	struct fake *fake = hw;
	bool slept;

	pthread_mutex_lock(&fake->lock);
	slept = fake->sleeps && fake->rests == 1;
	fake->rests--;
	note(fake, "wake\n");
	pthread_mutex_unlock(&fake->lock);
	if (slept && !fake->wake_ret)
		fake_woken(fake);
	return fake->wake_ret;
}

void fake_woken(struct fake *fake)
{
	if (!vfio_pci_woken(fake->vdev))
		return;
	pthread_mutex_lock(&fake->lock);
	fake->rests--;
	pthread_mutex_unlock(&fake->lock);
}

static int do_vga_access(void *hw, u64 off, u32 size, u64 *val, bool write)
{
	struct fake *fake = hw;

	must(fake->enabled && (size == 1 || size == 2 || size == 4));
	must(IS_ALIGNED(off, size));
	if (fake->vga_ret)
		return fake->vga_ret;
	if (write)
		memcpy(fake->vga + off, val, size);
	else
		memcpy(val, fake->vga + off, size);
	pthread_mutex_lock(&fake->lock);
	note(fake, "vga %s %llx/%u\n", write ? "write" : "read",
	     (unsigned long long)off, size);
	pthread_mutex_unlock(&fake->lock);
	return 0;
}

static int rights(void *hw, u32 bar, u64 off, int prot, u64 *len)
{
	struct fake *fake = hw;

	return READ_ONCE(fake->memory_on) ? prot : PROT_NONE;
}

static const struct host_vma_ops vma_ops = { .rights = rights };

static int do_bar_mmap(void *hw, u32 bar, u64 off, struct port_vma *vma)
{
	struct fake *fake = enter(hw, BARS);
	int ret;

	note(fake, "bar_mmap %u:%llx\n", bar, (unsigned long long)off);
	ret = host_vma_map(vma, &vma_ops, fake, bar, off, fake->memfd,
			   ((u64)bar << 20) + off);
	leave(fake, BARS);
	return ret;
}

static bool do_bar_area(void *hw, u32 bar, u32 i, u64 *off, u64 *len)
{
	struct fake *fake = hw;

	if (bar || i >= fake->nr_areas)
		return false;
	*off = fake->area[i][0];
	*len = fake->area[i][1];
	return true;
}

static void do_bar_enable(void *hw, bool on)
{
	struct fake *fake = enter(hw, BARS);

	note(fake, "bar_enable %d\n", on);
	WRITE_ONCE(fake->memory_on, on);
	host_vma_refresh(fake);
	leave(fake, BARS);
}

/* ---- resets ---- */

static int reset(struct fake *fake, const char *what)
{
	must(!fake->memory_on);
	note(fake, "%s\n", what);
	if (!fake->reset_ret)
		memcpy(fake->config, fake->power_on, sizeof(fake->config));
	leave(fake, ALL);
	return fake->reset_ret;
}

static int do_reset(void *hw)
{
	return reset(enter(hw, ALL), "reset");
}

static int do_hot_reset(void *hw)
{
	return reset(enter(hw, ALL), "hot_reset");
}

static int do_hot_reset_each(void *hw,
			     int (*fn)(const struct vfio_pci_dependent *dep,
				       void *data),
			     void *data)
{
	struct fake *fake = hw;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < fake->nr_deps; i++)
		ret = fn(&fake->deps[i], data);
	return ret;
}

/* ---- interrupts ---- */

static u32 vectors_of(const struct fake *fake, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return fake->info.has_intx;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return fake->info.msi;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return fake->info.msix;
	default:
		return 0;
	}
}

static int do_irq_enable(void *hw, u32 index, u32 nvec)
{
	struct fake *fake = enter(hw, IRQ);
	int ret = fake->irq_enable_ret;

	must(fake->enabled && nvec && nvec <= vectors_of(fake, index));
	must(fake->irq_type == NO_IRQ ||
	     (fake->irq_type == index && nvec > fake->nr_vectors &&
	      index == VFIO_PCI_MSIX_IRQ_INDEX));
	note(fake, "irq_enable %u %u\n", index, nvec);
	if (!ret) {
		if (fake->irq_type == NO_IRQ)
			fake->masked = false;
		fake->irq_type = index;
		fake->nr_vectors = nvec;
	}
	leave(fake, IRQ);
	return ret;
}

static void do_irq_disable(void *hw, u32 index)
{
	struct fake *fake = enter(hw, IRQ);

	must(fake->irq_type == index);
	note(fake, "irq_disable %u\n", index);
	fake->irq_type = NO_IRQ;
	fake->nr_vectors = 0;
	memset(fake->trigger, 0, sizeof(fake->trigger));
	leave(fake, IRQ);
}

/* The line speaks once, then is masked. */
static void update_line(struct fake *fake)
{
	if (fake->irq_type != VFIO_PCI_INTX_IRQ_INDEX || !fake->line ||
	    fake->masked || !fake->trigger[0])
		return;
	fake->masked = true;
	port_eventfd_signal(fake->trigger[0]);
}

static void do_irq_set(void *hw, u32 index, u32 vector,
		       struct port_eventfd *trigger)
{
	struct fake *fake = enter(hw, IRQ);

	must(fake->irq_type == index && vector < fake->nr_vectors);
	note(fake, "irq_set %u %u %s\n", index, vector, trigger ? "on" : "off");
	fake->trigger[vector] = trigger;
	update_line(fake);
	leave(fake, IRQ);
}

static void do_intx_mask(void *hw)
{
	struct fake *fake = enter(hw, IRQ);

	must(fake->irq_type == VFIO_PCI_INTX_IRQ_INDEX);
	note(fake, "intx_mask\n");
	fake->masked = true;
	leave(fake, IRQ);
}

static void do_intx_unmask(void *hw)
{
	struct fake *fake = enter(hw, IRQ);

	must(fake->irq_type == VFIO_PCI_INTX_IRQ_INDEX);
	note(fake, "intx_unmask\n");
	fake->masked = false;
	update_line(fake);
	leave(fake, IRQ);
}

void fake_line(struct fake *fake, bool asserted)
{
	pthread_mutex_lock(&fake->lock);
	fake->line = asserted;
	update_line(fake);
	pthread_mutex_unlock(&fake->lock);
}

void fake_fire(struct fake *fake, u32 vector)
{
	pthread_mutex_lock(&fake->lock);
	if (fake->irq_type != NO_IRQ && fake->trigger[vector])
		port_eventfd_signal(fake->trigger[vector]);
	pthread_mutex_unlock(&fake->lock);
}

/* ---- what it is made of ---- */

static const struct vfio_pci_hw_ops fake_ops = {
	.enable = do_enable,
	.disable = do_disable,
	.config_read = do_config_read,
	.config_write = do_config_write,
	.bar_read = do_bar_read,
	.bar_write = do_bar_write,
	.vga_access = do_vga_access,
	.rest = do_rest,
	.wake = do_wake,
	.bar_mmap = do_bar_mmap,
	.bar_enable = do_bar_enable,
	.reset = do_reset,
	.hot_reset_each = do_hot_reset_each,
	.hot_reset = do_hot_reset,
	.irq_enable = do_irq_enable,
	.irq_disable = do_irq_disable,
	.irq_set = do_irq_set,
	.intx_mask = do_intx_mask,
	.intx_unmask = do_intx_unmask,
};

/* clang-format off */
static const struct {
	u16 off;
	u8 size;
	u32 val;
} template[] = {
	{ 0x00, 4, 0x56781234 },		/* device, vendor */
	{ 0x06, 2, 0x0010 },			/* status: list */
	{ 0x08, 4, 0x01080201 },		/* NVMe, revision 1 */
	{ 0x10, 4, 0xfe000004 }, { 0x14, 4, 0x00000001 },	/* BAR 0 */
	{ 0x18, 4, 0x0000c001 },		/* BAR 2 */
	{ 0x1c, 4, 0xfd000008 },		/* BAR 3 */
	{ 0x20, 4, 0xfc000000 },		/* BAR 4 */
	{ 0x2c, 4, 0xabcd4321 },		/* subsystem */
	{ 0x30, 4, 0xfb000000 },		/* ROM */
	{ 0x34, 1, PM },
	{ 0x3d, 1, 1 },				/* INTA */
	{ PM, 4, 0xfe000001 | VPD << 8 | 0x030000 },	/* D1, D2, PME */
	{ PM + 4, 4, 0x00000000 },
	{ VPD, 2, 0x03 | MSI << 8 },
	{ MSI, 4, 0x01800005 | UNKNOWN << 8 | 5 << 17 },
	{ UNKNOWN, 4, 0x11220042 | MSIX << 8 },
	{ MSIX, 4, 0x00000011 | EXP << 8 | (NR_MSIX - 1) << 16 },
	{ MSIX + 4, 4, TABLE_OFF | 4 }, { MSIX + 8, 4, 0x3000 | 4 },
	{ EXP, 4, 0x00020010 | VENDOR << 8 },
	{ EXP + 4, 4, 0x10008020 },		/* FLR */
	{ EXP + 8, 4, 0x00002830 },		/* reads 512, payload 256 */
	{ EXP + 0x0c, 4, 0x00400011 }, { EXP + 0x10, 4, 0x10110000 },
	{ VENDOR, 4, 0x00100009 | AF << 8 },	/* 16 bytes */
	{ AF, 4, 0x03060013 | PCIX << 8 },
	{ PCIX, 4, 0x00000007 | LAST_UNKNOWN << 8 },
	{ LAST_UNKNOWN, 4, 0x0000000d },
	{ AER, 4, 0x00020001 | (u32)SERIAL << 20 },
	{ SERIAL, 4, 0x00010003 | (u32)EXT_UNKNOWN << 20 },
	{ SERIAL + 4, 4, 0x89abcdef },
	{ EXT_UNKNOWN, 4, 0x0001001e | (u32)EXT_VENDOR << 20 },
	{ EXT_VENDOR, 4, 0x0001000b | (u32)POWER << 20 },
	{ EXT_VENDOR + 4, 4, 0x02010000 },	/* 32 bytes */
	{ POWER, 4, 0x00010004 | (u32)DVSEC << 20 },
	{ DVSEC, 4, 0x00010023 | (u32)ARI << 20 },
	{ DVSEC + 4, 4, 0x01801234 },		/* 24 bytes */
	{ ARI, 4, 0x0001000e | (u32)LTR << 20 },
	{ LTR, 4, 0x00010018 },
};
/* clang-format on */

static const struct vfio_pci_info template_info = {
	.config_size = 4096,
	.bar = {
		[0] = { BAR0_SIZE, VFIO_PCI_BAR_64 | VFIO_PCI_BAR_MMAP },
		[2] = { BAR2_SIZE, VFIO_PCI_BAR_IO },
		[3] = { BAR3_SIZE, VFIO_PCI_BAR_PREFETCH },
		[4] = { BAR4_SIZE, VFIO_PCI_BAR_MMAP },
	},
	.rom_size = ROM_SIZE,
	.has_intx = true,
	.msi = NR_MSI,
	.msix = NR_MSIX,
	.msi_cap = MSI,
	.msix_cap = MSIX,
	.msix_bar = 4,
	.msix_offset = TABLE_OFF,
	.msix_size = NR_MSIX * 16,
	.can_reset = true,
	.express = true,
};

#define MEMORY_SIZE (8u << 20)

struct fake *fake_create(const char *name, int group)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	unsigned int i;

	fake->info = template_info;
	snprintf(fake->name, sizeof(fake->name), "%s", name);
	fake->info.name = fake->name;
	fake->group = group;
	fake->irq_type = NO_IRQ;
	pthread_mutex_init(&fake->lock, NULL);
	memset(fake->mask, 0xff, sizeof(fake->mask));
	for (i = 0; i < ARRAY_SIZE(template); i++)
		fake_put(fake->power_on, template[i].off, template[i].size,
			 template[i].val);
	fake->memfd = memfd_create("bars", MFD_CLOEXEC);
	must(!ftruncate(fake->memfd, MEMORY_SIZE));
	fake->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fake->memfd, 0);
	must(fake->memory != MAP_FAILED);
	fake->deps[0].group_id = group;
	fake->nr_deps = 1;
	fake->ops = fake_ops;
	return fake;
}

static const struct host_driver driver = {
	.name = "vfio-pci",
	.managed_dma = true,
};

void fake_bind(struct fake *fake)
{
	if (fake->nr_areas)
		fake->ops.bar_area = do_bar_area;
	fake->dev = host_device_create(fake->name, fake->group);
	must(!IS_ERR(fake->dev));
	must(!host_device_bind(fake->dev, &driver));
	fake->vdev = vfio_pci_bind(fake->dev, &fake->info, &fake->ops, fake);
	must(!IS_ERR(fake->vdev));
}

void fake_destroy(struct fake *fake)
{
	if (fake->vdev) {
		vfio_pci_unbind(fake->vdev);
		must(!fake->enabled);
		host_device_unbind(fake->dev);
		host_device_destroy(fake->dev);
	}
	munmap(fake->memory, MEMORY_SIZE);
	close(fake->memfd);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}
