// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What of configuration space is virtual and what a user may write, decided once
 * at open: for each bit two masks (struct vfio_pci_config) made from the tables
 * below.
 *
 * The lists of capabilities come from the device and are not trusted: a list may
 * loop, point outside or overlap itself.  They are read once, and the user is
 * shown a list made anew of what is known here.  A capability that is not
 * known, or a second one of what a function has once, is left out, and what may
 * belong to it cannot be written.  Bytes that belong to no capability are the
 * device's own registers and pass both ways.
 */
#include "pci.h"

/* One register. */
struct rule {
	u16 off; /* from the start of the header or capability */
	u16 size;
	u32 virt;
	u32 writable;
};

#define ALL 0xffffffffu

/* The rest of the list: up to where the next capability begins. */
#define LEN_REST 0

/**
 * struct kind - a capability that is known
 * @id: its number
 * @len: its length, or LEN_REST
 * @once: there is one at most
 * @setup: does what @rules cannot; or NULL
 * @rules: its registers that are virtual or writable; all others are the
 *         device's and read-only
 * @nr_rules: how many
 */
struct kind {
	u16 id;
	u16 len;
	bool once;
	void (*setup)(struct vfio_pci_device *vdev, u32 pos, u32 len);
	const struct rule *rules;
	u16 nr_rules;
};

struct cap {
	u16 pos;
	u16 id;
};

static u32 image_get(const struct vfio_pci_config *config, u32 off, u32 size)
{
	u32 val = 0, i;

	for (i = 0; i < size; i++)
		val |= (u32)config->image[off + i] << (8 * i);
	return val;
}

static void store(u8 *bytes, u32 off, u32 size, u32 val)
{
	u32 i;

	for (i = 0; i < size; i++)
		bytes[off + i] = val >> (8 * i);
}

/* Reads the function's @len bytes at @off into the image, each once.  Only where the
 * image is to answer, or to be looked at here: each access may leave for the bus. */
static void fetch(struct vfio_pci_device *vdev, u32 off, u32 len)
{
	u32 last = off + len;

	for (; off < last; off += 4)
		store(vdev->config.image, off, 4,
		      vdev->ops->config_read(vdev->hw, off, 4));
}

static void set_masks(struct vfio_pci_config *config, u32 off, u32 size,
		      u32 virt, u32 writable)
{
	store(config->virt, off, size, virt);
	store(config->writable, off, size, writable);
}

static void apply_rules(struct vfio_pci_config *config, u32 pos, u32 len,
			const struct rule *rules, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (rules[i].off + rules[i].size <= len)
			set_masks(config, pos + rules[i].off, rules[i].size,
				  rules[i].virt, rules[i].writable);
}

static void add_saved(struct vfio_pci_config *config, u32 off, u32 size)
{
	struct vfio_pci_saved *saved;

	if (WARN_ON(config->nr_saved == VFIO_PCI_MAX_SAVED))
		return;
	saved = &config->saved[config->nr_saved++];
	saved->off = off;
	saved->size = size;
}

/* ---- the header ---- */

/* What is constant need not be virtual, and what is virtual outlives a function
 * that was pulled out: only what has to be is. */
/* clang-format off */
static const struct rule header_rules[] = {
	/* offset		size	virtual			writable */
	{ CFG_VENDOR_ID,	4,	ALL,			0 },
	{ CFG_COMMAND,		2,	CFG_COMMAND_INTX_DISABLE,
							CFG_COMMAND_DEFINED },
	{ CFG_STATUS,		2,	CFG_STATUS_CAP_LIST,	0 },
	{ CFG_CACHE_LINE_SIZE,	1,	0,			0xff },
	{ CFG_LATENCY_TIMER,	1,	0,			0xff },
	{ CFG_BIST,		1,	0,			0xff },
	{ CFG_CAPABILITIES,	1,	0xff,			0 },
	{ CFG_INTERRUPT_LINE,	1,	0xff,			0xff },
	{ CFG_INTERRUPT_PIN,	1,	0xff,			0 },
};
/* clang-format on */

/* A base address register sizes itself: the bits below its size are constant,
 * so that all ones written read back as the size's mask. */
static void setup_bar(struct vfio_pci_config *config, u32 off, u32 mask,
		      u32 flags)
{
	set_masks(config, off, 4, ALL, mask);
	store(config->image, off, 4,
	      (image_get(config, off, 4) & mask) | flags);
}

static u32 bar_flags(u32 flags)
{
	if (flags & VFIO_PCI_BAR_IO)
		return 0x1;
	return (flags & VFIO_PCI_BAR_64 ? 0x4 : 0) |
	       (flags & VFIO_PCI_BAR_PREFETCH ? 0x8 : 0);
}

static void setup_bars(struct vfio_pci_device *vdev)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 i, off, fixed;
	u64 size, mask;

	for (i = 0; i < VFIO_PCI_NR_BARS; i++) {
		off = CFG_BAR0 + 4 * i;
		size = vdev->info.bar[i].size;
		if (!size) {
			setup_bar(config, off, 0, 0);
			continue;
		}
		fixed = vdev->info.bar[i].flags & VFIO_PCI_BAR_IO ? 0x3 : 0xf;
		mask = ~(size - 1) & ~(u64)fixed;
		setup_bar(config, off, mask,
			  bar_flags(vdev->info.bar[i].flags));
		if (vdev->info.bar[i].flags & VFIO_PCI_BAR_64) {
			i++;
			setup_bar(config, off + 4, mask >> 32, 0);
		}
	}

	mask = vdev->info.rom_size ? ~(u64)(vdev->info.rom_size - 1) : 0;
	setup_bar(config, CFG_ROM, mask ? (mask & ~0x7ffu) | 1 : 0, 0);
}

static void setup_header(struct vfio_pci_device *vdev)
{
	struct vfio_pci_config *config = &vdev->config;

	fetch(vdev, 0, CFG_HEADER_LEN);
	memset(config->writable + CFG_HEADER_LEN, 0xff,
	       vdev->info.config_size - CFG_HEADER_LEN);
	apply_rules(config, 0, CFG_HEADER_LEN, header_rules,
		    ARRAY_SIZE(header_rules));
	setup_bars(vdev);
	if (!vdev->info.has_intx)
		config->image[CFG_INTERRUPT_PIN] = 0;

	add_saved(config, CFG_CACHE_LINE_SIZE, 1);
	add_saved(config, CFG_LATENCY_TIMER, 1);
}

/* ---- capabilities with something of their own ---- */

static void setup_pm(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;

	if (len < 8)
		return;
	config->pm = pos;
	/* PME# would wake the host, not the user: shown as not there. */
	set_masks(config, pos + CFG_PM_CAPS, 2, CFG_PM_CAPS_PME, 0);
	store(config->image, pos + CFG_PM_CAPS, 2, 0);
	set_masks(config, pos + CFG_PM_CTRL, 2, 0x8100, CFG_PM_STATE);
	store(config->image, pos + CFG_PM_CTRL, 2, 0);
}

static u32 msi_len(u32 flags)
{
	return 10 + (flags & CFG_MSI_64BIT ? 4 : 0) +
	       (flags & CFG_MSI_MASKABLE ? 10 : 0);
}

/* Virtual but for mask and pending bits: addresses and data are the host's
 * business.  Its length depends on what it can do. */
static void setup_msi(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 flags = image_get(config, pos + CFG_MSI_FLAGS, 2);
	u32 data = pos + (flags & CFG_MSI_64BIT ? 12 : 8);

	if (len < msi_len(flags))
		return;
	fetch(vdev, pos + 4, msi_len(flags) - 4);
	config->msi = pos;
	config->msi_queue = min_t(u32, (flags & CFG_MSI_QUEUE_MAX) >> 1, 5);
	memset(config->virt + pos, 0xff, msi_len(flags));
	memset(config->writable + pos, 0, msi_len(flags));
	store(config->image, pos + CFG_MSI_FLAGS, 2,
	      flags & ~(CFG_MSI_ENABLE | CFG_MSI_QUEUE));

	set_masks(config, pos + CFG_MSI_FLAGS, 2, 0xffff, CFG_MSI_QUEUE);
	set_masks(config, pos + 4, 4, ALL, 0xfffffffc);
	if (flags & CFG_MSI_64BIT)
		set_masks(config, pos + 8, 4, ALL, ALL);
	set_masks(config, data, 2, 0xffff, 0xffff);
	if (flags & CFG_MSI_MASKABLE) {
		set_masks(config, data + 4, 4, 0,
			  (u32)((1ull << (1u << config->msi_queue)) - 1));
		set_masks(config, data + 8, 4, 0, 0);
	}
}

static void setup_msix(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 flags = image_get(config, pos + CFG_MSIX_FLAGS, 2);

	if (len < 12)
		return;
	fetch(vdev, pos + 4, 8);
	config->msix = pos;
	memset(config->virt + pos, 0xff, 12);
	store(config->image, pos + CFG_MSIX_FLAGS, 2, flags & 0x07ff);
}

/* A length of its own in the third byte, and registers of any meaning. */
static void setup_vendor(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 own = image_get(config, pos + 2, 1);

	if (own > 3)
		memset(config->writable + pos + 3, 0xff, min(own, len) - 3);
}

static void setup_exp(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 version = image_get(config, pos + CFG_EXP_FLAGS, 2) & 0xf;

	if (len < CFG_EXP_DEVCTL + 4)
		return;
	config->exp = pos;
	fetch(vdev, pos + CFG_EXP_DEVCTL, 4);
	/* The payload size must fit the bridges above: the host's to choose. */
	set_masks(config, pos + CFG_EXP_DEVCTL, 2,
		  CFG_EXP_FLR | CFG_EXP_PAYLOAD, 0xffff & ~CFG_EXP_PHANTOM);
	config->image[pos + CFG_EXP_DEVCTL + 1] &= ~(CFG_EXP_FLR >> 8);
	add_saved(config, pos + CFG_EXP_DEVCTL, 2);
	if (version < 2 || len < CFG_EXP_DEVCTL2 + 2)
		return;
	set_masks(config, pos + CFG_EXP_DEVCTL2, 2, 0,
		  0xffff & ~CFG_EXP_DEVCTL2_ARI);
	add_saved(config, pos + CFG_EXP_DEVCTL2, 2);
}

static void setup_af(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	if (len < 6)
		return;
	vdev->config.af = pos;
	set_masks(&vdev->config, pos + CFG_AF_CTRL, 1, CFG_AF_FLR, CFG_AF_FLR);
	vdev->config.image[pos + CFG_AF_CTRL] &= ~CFG_AF_FLR;
}

static void setup_aer(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	if (len < 0x1c)
		return;
	add_saved(&vdev->config, pos + 0x08, 4);
	add_saved(&vdev->config, pos + 0x0c, 4);
	add_saved(&vdev->config, pos + 0x14, 4);
	add_saved(&vdev->config, pos + 0x18, 4);
}

/* Vendor-specific, or designated so: the length is in the second dword. */
static void setup_ext_vendor(struct vfio_pci_device *vdev, u32 pos, u32 len)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 own;

	if (len < 8)
		return;
	fetch(vdev, pos + 4, 4);
	own = image_get(config, pos + 4, 4) >> 20;
	if (own > 8)
		memset(config->writable + pos + 8, 0xff, min(own, len) - 8);
}

/* clang-format off */
static const struct rule vpd_rules[] = {
	{ 2,	2,	0,	0xffff },	/* address and flag */
	{ 4,	4,	0,	ALL },		/* data */
};

static const struct rule aer_rules[] = {
	{ 0x04,	4,	0,	ALL },		/* uncorrectable: status */
	{ 0x08,	4,	0,	ALL },		/*   mask */
	{ 0x0c,	4,	0,	ALL },		/*   severity */
	{ 0x10,	4,	0,	ALL },		/* correctable: status */
	{ 0x14,	4,	0,	ALL },		/*   mask */
	{ 0x18,	4,	0,	0x00000140 },	/* ECRC: generate, check */
};

static const struct rule power_rules[] = {
	{ 4,	1,	0,	0xff },		/* data select */
};

#define RULES(table) .rules = (table), .nr_rules = ARRAY_SIZE(table)

static const struct kind kinds[] = {
	{ .id = 0x01, .len = 8, .once = true, .setup = setup_pm },
	{ .id = 0x02, .len = 12 },			/* AGP */
	{ .id = 0x03, .len = 8, RULES(vpd_rules) },	/* product data */
	{ .id = 0x04, .len = 4 },			/* slot identification */
	{ .id = 0x05, .len = LEN_REST, .once = true, .setup = setup_msi },
	{ .id = 0x06, .len = 4 },			/* CompactPCI hot swap */
	{ .id = 0x07, .len = LEN_REST },		/* PCI-X */
	{ .id = 0x09, .len = LEN_REST, .setup = setup_vendor },
	{ .id = 0x10, .len = 0x3c, .once = true, .setup = setup_exp },
	{ .id = 0x11, .len = 12, .once = true, .setup = setup_msix },
	{ .id = 0x12, .len = 8 },			/* SATA */
	{ .id = 0x13, .len = 6, .once = true, .setup = setup_af },
};

static const struct kind ext_kinds[] = {
	{ .id = 0x01, .len = 0x48, .once = true, .setup = setup_aer,
	  RULES(aer_rules) },
	{ .id = 0x02, .len = LEN_REST },		/* virtual channel */
	{ .id = 0x03, .len = 12 },			/* serial number */
	{ .id = 0x04, .len = 16, RULES(power_rules) },	/* power budget */
	{ .id = 0x0b, .len = LEN_REST, .setup = setup_ext_vendor },
	{ .id = 0x0d, .len = 8 },			/* access control */
	{ .id = 0x0e, .len = 8 },			/* alternative ids */
	{ .id = 0x0f, .len = 8 },			/* translation */
	{ .id = 0x10, .len = 0x40 },			/* virtual functions */
	{ .id = 0x12, .len = 0x30 },			/* multicast */
	{ .id = 0x13, .len = 16 },			/* page requests */
	{ .id = 0x15, .len = LEN_REST },		/* resizable BAR */
	{ .id = 0x16, .len = LEN_REST },		/* dynamic power */
	{ .id = 0x17, .len = LEN_REST },		/* processing hints */
	{ .id = 0x18, .len = 8 },			/* latency tolerance */
	{ .id = 0x23, .len = LEN_REST, .setup = setup_ext_vendor },
};
/* clang-format on */

/* ---- the lists ---- */

/* Of the @i-th capability of @caps; NULL: it is not shown. */
static const struct kind *find_kind(const struct kind *table, u32 nr,
				    const struct cap *caps, u32 i)
{
	u32 n;

	while (nr && table->id != caps[i].id) {
		table++;
		nr--;
	}
	if (!nr)
		return NULL;
	for (n = 0; table->once && n < i; n++)
		if (caps[n].id == caps[i].id)
			return NULL;
	return table;
}

/* Interrupts that the bus driver was not told of cannot be used either. */
static bool is_usable(const struct vfio_pci_device *vdev, u32 id)
{
	return (id != 0x05 || vdev->info.msi) &&
	       (id != 0x11 || vdev->info.msix);
}

/* Where the capability after @pos begins; @limit if there is none. */
static u32 next_start(const struct cap *caps, u32 nr, u32 pos, u32 limit)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (caps[i].pos > pos && caps[i].pos < limit)
			limit = caps[i].pos;
	return limit;
}

/*
 * Sets up the capability at @pos, of @kind or unknown; its header of
 * @header bytes is virtual.
 */
static void setup_cap(struct vfio_pci_device *vdev, const struct kind *kind,
		      u32 pos, u32 len, u32 header)
{
	struct vfio_pci_config *config = &vdev->config;

	if (kind && kind->len != LEN_REST)
		len = min_t(u32, len, kind->len);
	memset(config->writable + pos, 0, len);
	memset(config->virt + pos, 0xff, header);
	if (!kind)
		return;
	apply_rules(config, pos, len, kind->rules, kind->nr_rules);
	if (kind->setup)
		kind->setup(vdev, pos, len);
}

/* Finds what the list holds.  A place that was visited has its first byte
 * marked as virtual: there a loop ends. */
static u32 walk(struct vfio_pci_device *vdev, struct cap *caps, u32 max)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 pos = config->image[CFG_CAPABILITIES] & ~3u;
	u32 nr = 0;

	while (nr < max && pos >= CFG_HEADER_LEN && !config->virt[pos]) {
		fetch(vdev, pos, 4);
		config->virt[pos] = 0xff;
		caps[nr].pos = pos;
		caps[nr++].id = config->image[pos];
		pos = config->image[pos + 1] & ~3u;
	}
	return nr;
}

static void setup_list(struct vfio_pci_device *vdev, struct cap *caps)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 max = (CFG_LEN - CFG_HEADER_LEN) / 4;
	u32 link = CFG_CAPABILITIES;
	const struct kind *kind;
	u32 i, nr = 0, pos, len;

	if (config->image[CFG_STATUS] & CFG_STATUS_CAP_LIST)
		nr = walk(vdev, caps, max);

	for (i = 0; i < nr; i++) {
		pos = caps[i].pos;
		len = next_start(caps, nr, pos, CFG_LEN) - pos;
		kind = is_usable(vdev, caps[i].id)
			       ? find_kind(kinds, ARRAY_SIZE(kinds), caps, i)
			       : NULL;
		setup_cap(vdev, kind, pos, len, 2);
		if (kind) {
			config->image[link] = pos;
			link = pos + 1;
		}
	}
	config->image[link] = 0;
	config->image[CFG_STATUS] &= ~CFG_STATUS_CAP_LIST;
	if (config->image[CFG_CAPABILITIES])
		config->image[CFG_STATUS] |= CFG_STATUS_CAP_LIST;
}

static u32 walk_ext(struct vfio_pci_device *vdev, struct cap *caps, u32 max)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 pos = CFG_LEN, nr = 0, header;

	while (nr < max && pos >= CFG_LEN && !config->virt[pos]) {
		fetch(vdev, pos, 4);
		header = image_get(config, pos, 4);
		if (!header || header == ALL)
			break;
		config->virt[pos] = 0xff;
		caps[nr].pos = pos;
		caps[nr++].id = header & 0xffff;
		pos = header >> 20 & ~3u;
	}
	return nr;
}

/* The list begins at a fixed place: when what is there must not be shown it
 * becomes the null capability. */
static void setup_ext_list(struct vfio_pci_device *vdev, struct cap *caps,
			   u32 max)
{
	struct vfio_pci_config *config = &vdev->config;
	u32 nr = walk_ext(vdev, caps, max);
	u32 link = CFG_LEN, header = 0;
	const struct kind *kind;
	u32 i, pos, len;

	set_masks(config, CFG_LEN, 4, ALL, 0);
	for (i = 0; i < nr; i++) {
		pos = caps[i].pos;
		len = next_start(caps, nr, pos, vdev->info.config_size) - pos;
		kind = find_kind(ext_kinds, ARRAY_SIZE(ext_kinds), caps, i);
		setup_cap(vdev, kind, pos, len, 4);
		if (!kind)
			continue;
		if (pos != link)
			store(config->image, link, 4, header | pos << 20);
		link = pos;
		header = image_get(config, pos, 4) & 0xfffff;
	}
	store(config->image, link, 4, header);
}

/* ---- life ---- */

/* Bus mastering is off at open and after release, and INTx not disabled. */
static void settle_command(struct vfio_pci_device *vdev)
{
	u32 command = vdev->ops->config_read(vdev->hw, CFG_COMMAND, 2);
	u32 settled = command &
		      ~(CFG_COMMAND_MASTER | CFG_COMMAND_INTX_DISABLE);

	if (settled != command)
		vdev->ops->config_write(vdev->hw, CFG_COMMAND, 2, settled);
}

int vfio_pci_config_init(struct vfio_pci_device *vdev)
{
	u32 size = vdev->info.config_size;
	u32 max_caps = size / 4;
	struct cap *caps;
	u8 *bytes;

	caps = port_zalloc_array(max_caps, sizeof(*caps));
	if (!caps)
		return -ENOMEM;
	bytes = port_zalloc_array(3, size);
	if (!bytes) {
		port_free(caps);
		return -ENOMEM;
	}

	memset(&vdev->config, 0, sizeof(vdev->config));
	vdev->config.image = bytes;
	vdev->config.virt = bytes + size;
	vdev->config.writable = bytes + 2 * size;

	settle_command(vdev);
	setup_header(vdev);
	setup_list(vdev, caps);
	if (size > CFG_LEN)
		setup_ext_list(vdev, caps, max_caps);
	/* Last, since it lets the function speak again. */
	add_saved(&vdev->config, CFG_COMMAND, 2);

	port_free(caps);
	return 0;
}

void vfio_pci_config_exit(struct vfio_pci_device *vdev)
{
	settle_command(vdev);
	port_free(vdev->config.image);
	vdev->config.image = NULL;
}
