// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The part of /sys and /dev that a run has of its own, as real directories,
 * files and links.  Shapes and contents are those of a kernel whose vfio-pci is
 * bound to every device; links are relative, as there.
 *
 * Errors stick: the first one is kept in struct tree and what follows does
 * nothing, so that the code reads as the tree does.
 */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MISC_MAJOR 10
#define VFIO_MINOR 196
/* Groups have a major number of their own; it is given out at run time. */
#define GROUP_MAJOR 511
#define CPUS_MAX 8192

struct tree {
	int root;
	int err;
	bool host_devices;
	struct settings *settings;
	char cpus[4096]; /* "0-3", as this machine says */
	char cpu_mask[CPUS_MAX / 4 + CPUS_MAX / 32 + 1];
};

/* ---- putting things into it ---- */

static void failed(struct tree *t)
{
	if (!t->err)
		t->err = errno ? -errno : -EIO;
}

static void __printf(2, 3) put_dir(struct tree *t, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!t->err && mkdirat(t->root, path, 0755) && errno != EEXIST)
		failed(t);
}

static void put_bytes(struct tree *t, mode_t mode, const char *path,
		      const void *data, size_t len)
{
	int fd;

	if (t->err)
		return;
	fd = openat(t->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    mode);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		failed(t);
	if (fd >= 0)
		close(fd);
}

/* @dir/@name, with one line of text. */
static void __printf(5, 6)
	put(struct tree *t, const char *dir, const char *name, mode_t mode,
	    const char *fmt, ...)
{
	char path[PATH_MAX], text[8192];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	put_bytes(t, mode, path, text, len);
}

/* A link at @fmt to @target. */
static void __printf(3, 4)
	put_link(struct tree *t, const char *target, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!t->err && symlinkat(target, t->root, path) && errno != EEXIST)
		failed(t);
}

/* Programs find @path, with all below it, in the tree. */
static void own(struct tree *t, const char *path)
{
	struct settings *s = t->settings;
	struct settings_path *paths;
	unsigned int i;

	for (i = 0; i < s->nr_paths; i++)
		if (!strcmp(s->paths[i].name, path))
			return;
	paths = realloc(s->paths, (s->nr_paths + 1) * sizeof(*paths));
	if (!paths) {
		failed(t);
		return;
	}
	s->paths = paths;
	paths[s->nr_paths].name = strdup(path);
	paths[s->nr_paths++].len = strlen(path);
}

/* The machine's own entries of @dir, beside ours: links as they are there, all
 * else by a link to it. */
static void put_host_entries(struct tree *t, const char *dir)
{
	char target[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	ssize_t len;
	DIR *real = t->host_devices ? opendir(dir) : NULL;

	while (real && (entry = readdir(real))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0)
			target[len] = '\0';
		put_link(t, len > 0 ? target : path, "%s", path + 1);
	}
	if (real)
		closedir(real);
}

/* ---- a device ---- */

static u32 config_bits(const struct host_pci_sysfs *dev, unsigned int off,
		       unsigned int size)
{
	u32 val = 0;

	while (size--)
		val = val << 8 | dev->config[off + size];
	return val;
}

static void put_identity(struct tree *t, const struct host_pci_sysfs *dev,
			 const char *dir)
{
	u32 vendor = config_bits(dev, 0, 2), device = config_bits(dev, 2, 2);
	u32 class_code = config_bits(dev, 9, 3);
	u32 sub_vendor = config_bits(dev, 0x2c, 2);
	u32 sub_device = config_bits(dev, 0x2e, 2);
	char alias[64];

	snprintf(alias, sizeof(alias),
		 "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", vendor, device,
		 sub_vendor, sub_device, class_code >> 16,
		 class_code >> 8 & 0xff, class_code & 0xff);
	put(t, dir, "vendor", 0444, "0x%04x\n", vendor);
	put(t, dir, "device", 0444, "0x%04x\n", device);
	put(t, dir, "subsystem_vendor", 0444, "0x%04x\n", sub_vendor);
	put(t, dir, "subsystem_device", 0444, "0x%04x\n", sub_device);
	put(t, dir, "class", 0444, "0x%06x\n", class_code);
	put(t, dir, "revision", 0444, "0x%02x\n", config_bits(dev, 8, 1));
	put(t, dir, "modalias", 0444, "%s\n", alias);
	put(t, dir, "uevent", 0644,
	    "DRIVER=vfio-pci\nPCI_CLASS=%X\nPCI_ID=%04X:%04X\n"
	    "PCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=%s\n",
	    class_code, vendor, device, sub_vendor, sub_device, dev->name,
	    alias);
}

static void put_resources(struct tree *t, const struct host_pci_sysfs *dev,
			  const char *dir)
{
	char text[ARRAY_SIZE(dev->resource) * 64];
	unsigned int i;
	int len = 0;

	for (i = 0; i < ARRAY_SIZE(dev->resource); i++)
		len += snprintf(text + len, sizeof(text) - len,
				"0x%016llx 0x%016llx 0x%016llx\n",
				(unsigned long long)dev->resource[i].start,
				(unsigned long long)dev->resource[i].last,
				(unsigned long long)dev->resource[i].flags);
	put(t, dir, "resource", 0444, "%s", text);
}

static void put_state(struct tree *t, const char *dir)
{
	put(t, dir, "ari_enabled", 0444, "0\n");
	put(t, dir, "broken_parity_status", 0644, "0\n");
	put(t, dir, "consistent_dma_mask_bits", 0444, "64\n");
	put(t, dir, "dma_mask_bits", 0444, "64\n");
	put(t, dir, "driver_override", 0644, "vfio-pci\n");
	put(t, dir, "enable", 0644, "0\n");
	put(t, dir, "irq", 0444, "0\n");
	put(t, dir, "local_cpulist", 0444, "%s\n", t->cpus);
	put(t, dir, "local_cpus", 0444, "%s\n", t->cpu_mask);
	put(t, dir, "msi_bus", 0644, "1\n");
	put(t, dir, "numa_node", 0644, "-1\n");
	put(t, dir, "power_state", 0444, "D0\n");
}

/* The directory of @dev, from its bus down; in a machine that has such a bus,
 * only the device is ours. */
static void put_device(struct tree *t, const struct host_pci_sysfs *dev)
{
	char bus[64], dir[128], config[160];

	snprintf(bus, sizeof(bus), "/sys/devices/pci%.7s", dev->name);
	snprintf(dir, sizeof(dir), "%s/%s", bus, dev->name);
	own(t, access(bus, F_OK) ? bus : dir);
	put_dir(t, "%s", bus + 1);
	put_dir(t, "%s", dir + 1);
	put_identity(t, dev, dir + 1);
	put_resources(t, dev, dir + 1);
	put_state(t, dir + 1);
	snprintf(config, sizeof(config), "%s/config", dir + 1);
	put_bytes(t, 0644, config, dev->config, dev->config_size);

	put_link(t, "../../../bus/pci", "%s/subsystem", dir + 1);
	put_link(t, "../../../bus/pci/drivers/vfio-pci", "%s/driver", dir + 1);
	snprintf(config, sizeof(config), "../../..%s", dir + 4);
	put_link(t, config, "sys/bus/pci/devices/%s", dev->name);
	snprintf(config, sizeof(config), "../../../..%s", dir + 4);
	put_link(t, config, "sys/bus/pci/drivers/vfio-pci/%s", dev->name);
}

/* ---- groups and their nodes ---- */

static void put_node(struct tree *t, const char *name, mode_t mode, dev_t rdev)
{
	struct settings *s = t->settings;
	struct settings_node *nodes;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "dev/vfio/%s", name);
	if (t->err)
		return;
	/* A socket: what reaches it past the preload library cannot open it. */
	nodes = realloc(s->nodes, (s->nr_nodes + 1) * sizeof(*nodes));
	if (nodes)
		s->nodes = nodes;
	if (!nodes || mknodat(t->root, path, S_IFSOCK | mode, 0) ||
	    fstatat(t->root, path, &st, AT_SYMLINK_NOFOLLOW)) {
		failed(t);
		return;
	}
	s->dev = st.st_dev;
	nodes[s->nr_nodes++] =
		(struct settings_node){ strdup(name), st.st_ino, rdev };
}

/* /sys/class/vfio/N and what it is a link to. */
static void put_class(struct tree *t, const char *name, unsigned int minor_nr)
{
	char dir[96], target[96];

	snprintf(dir, sizeof(dir), "sys/devices/virtual/vfio/%s", name);
	snprintf(target, sizeof(target), "../../devices/virtual/vfio/%s", name);
	put_dir(t, "%s", dir);
	put(t, dir, "dev", 0444, "%u:%u\n", GROUP_MAJOR, minor_nr);
	put(t, dir, "uevent", 0644, "MAJOR=%u\nMINOR=%u\nDEVNAME=vfio/%s\n",
	    GROUP_MAJOR, minor_nr, name);
	put_link(t, "../../../../class/vfio", "%s/subsystem", dir);
	put_link(t, target, "sys/class/vfio/%s", name);
}

static bool group_is_new(const struct host_pci_sysfs *devices, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < i; k++)
		if (devices[k].group == devices[i].group)
			return false;
	return true;
}

static void put_group(struct tree *t, int group, bool noiommu)
{
	unsigned int minor_nr = t->settings->nr_nodes - 1;
	char dir[64], name[32];

	snprintf(name, sizeof(name), noiommu ? "noiommu-%d" : "%d", group);
	snprintf(dir, sizeof(dir), "sys/kernel/iommu_groups/%d", group);
	put_dir(t, "%s", dir);
	put_dir(t, "%s/devices", dir);
	put(t, dir, "reserved_regions", 0444, "%s", "");
	put(t, dir, "type", 0644, noiommu ? "unknown\n" : "DMA\n");
	if (noiommu)
		put(t, dir, "name", 0444, "vfio-noiommu\n");
	put_class(t, name, minor_nr);
	put_node(t, name, 0600, makedev(GROUP_MAJOR, minor_nr));
}

static void put_groups(struct tree *t, const struct host_pci_sysfs *devices,
		       unsigned int n)
{
	char target[96];
	unsigned int i;

	put_node(t, "vfio", 0666, makedev(MISC_MAJOR, VFIO_MINOR));
	for (i = 0; i < n; i++) {
		if (group_is_new(devices, i))
			put_group(t, devices[i].group, devices[i].noiommu);
		snprintf(target, sizeof(target),
			 "../../../../devices/pci%.7s/%s", devices[i].name,
			 devices[i].name);
		put_link(t, target, "sys/kernel/iommu_groups/%d/devices/%s",
			 devices[i].group, devices[i].name);
		snprintf(target, sizeof(target),
			 "../../../kernel/iommu_groups/%d", devices[i].group);
		put_link(t, target, "sys/devices/pci%.7s/%s/iommu_group",
			 devices[i].name, devices[i].name);
	}
}

/* ---- what is there without devices ---- */

static void put_module(struct tree *t, const char *name)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/sys/module/%s", name);
	own(t, dir);
	put_dir(t, "%s", dir + 1);
	put_dir(t, "%s/parameters", dir + 1);
	put(t, dir + 1, "initstate", 0444, "live\n");
	put(t, dir + 1, "refcnt", 0444, "0\n");
}

static void put_modules(struct tree *t)
{
	const struct host_config *host = &t->settings->host;
	unsigned int limit = host->dma_entry_limit;

	put_module(t, "vfio");
	put(t, "sys/module/vfio/parameters", "enable_unsafe_noiommu_mode", 0644,
	    "%c\n", host->noiommu ? 'Y' : 'N');
	put_module(t, "vfio_pci");
	put_dir(t, "sys/module/vfio_pci/drivers");
	put_link(t, "../../../bus/pci/drivers/vfio-pci",
		 "sys/module/vfio_pci/drivers/pci:vfio-pci");
	put_link(t, "../../../../module/vfio_pci",
		 "sys/bus/pci/drivers/vfio-pci/module");
	put_module(t, "vfio_iommu_type1");
	put(t, "sys/module/vfio_iommu_type1/parameters", "dma_entry_limit",
	    0644, "%u\n", limit ? limit : 65535);
}

/* The IOMMU itself.  SPDK reads the width of its addresses here (48 bits: the
 * field has one less) and without it falls back on physical ones. */
static void put_iommu(struct tree *t)
{
	static const char dir[] = "sys/devices/virtual/iommu/dmar0";

	put_dir(t, "%s", dir);
	put_dir(t, "%s/devices", dir);
	put_dir(t, "%s/intel-iommu", dir);
	put(t, dir, "intel-iommu/cap", 0444, "%x\n", 47 << 16);
	put(t, dir, "uevent", 0644, "%s", "");
	put_link(t, "../../../../class/iommu", "%s/subsystem", dir);
	put_link(t, "../../devices/virtual/iommu/dmar0",
		 "sys/class/iommu/dmar0");
}

/* The machine's own devices, and the drivers they have. */
static void put_host(struct tree *t, const struct host_pci_sysfs *devices,
		     unsigned int n)
{
	static const char drivers[] = "/sys/bus/pci/drivers";
	struct dirent *entry;
	char path[PATH_MAX];
	unsigned int i;
	DIR *real;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/devices/pci%.7s",
			 devices[i].name);
		put_host_entries(t, path);
	}
	put_host_entries(t, "/sys/bus/pci/devices");
	put_host_entries(t, "/sys/bus/pci/slots");
	real = t->host_devices ? opendir(drivers) : NULL;
	while (real && (entry = readdir(real))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", drivers, entry->d_name);
		put_dir(t, "%s", path + 1);
		put_host_entries(t, path);
	}
	if (real)
		closedir(real);
	put_host_entries(t, "/sys/bus/pci");
	put_host_entries(t, "/sys/kernel/iommu_groups");
	put_host_entries(t, "/sys/class/iommu");
	put_host_entries(t, "/sys/devices/virtual/iommu");
	put_host_entries(t, "/sys/devices");
}

static void put_frame(struct tree *t)
{
	static const char *const dirs[] = {
		"dev",
		"dev/vfio",
		"sys",
		"sys/bus",
		"sys/bus/pci",
		"sys/bus/pci/devices",
		"sys/bus/pci/drivers",
		"sys/bus/pci/drivers/vfio-pci",
		"sys/bus/pci/slots",
		"sys/class",
		"sys/class/iommu",
		"sys/class/vfio",
		"sys/devices",
		"sys/devices/virtual",
		"sys/devices/virtual/iommu",
		"sys/devices/virtual/vfio",
		"sys/kernel",
		"sys/kernel/iommu_groups",
		"sys/module",
	};
	static const char *const paths[] = {
		"/dev/vfio",
		"/sys/bus/pci",
		"/sys/class/iommu",
		"/sys/devices/virtual/iommu",
		"/sys/class/vfio",
		"/sys/devices/virtual/vfio",
		"/sys/kernel/iommu_groups",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		put_dir(t, "%s", dirs[i]);
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		own(t, paths[i]);
	put(t, "sys/bus/pci", "drivers_autoprobe", 0644, "1\n");
}

/* Fills in the processors, which every device is near to: "0-3,8" and the mask
 * 0000010f, in words of 32 bits with the highest first. */
static void read_cpus(struct tree *t)
{
	u32 mask[CPUS_MAX / 32] = {};
	unsigned long cpu = 0, last, top = 0;
	char *p = t->cpus, *out = t->cpu_mask;
	ssize_t len = -1;
	int fd;

	fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, t->cpus, sizeof(t->cpus) - 1);
		close(fd);
	}
	if (len <= 0)
		len = snprintf(t->cpus, sizeof(t->cpus), "0");
	t->cpus[len] = '\0';
	t->cpus[strcspn(t->cpus, "\n")] = '\0';

	while (*p) {
		last = cpu = strtoul(p, &p, 10);
		if (*p == '-')
			last = strtoul(p + 1, &p, 10);
		for (; cpu <= last && cpu < CPUS_MAX; cpu++)
			mask[top = cpu / 32] |= 1u << cpu % 32;
		p += *p != '\0';
	}
	out += sprintf(out, top ? "%08x" : "%x", mask[top]);
	while (top--)
		out += sprintf(out, ",%08x", mask[top]);
}

int tree_make(const struct rundir *dir, const struct host_pci_sysfs *devices,
	      unsigned int n, bool host_devices, struct settings *settings)
{
	struct tree t = {
		.root = dir->fd,
		.host_devices = host_devices,
		.settings = settings,
	};
	unsigned int i;

	read_cpus(&t);
	put_frame(&t);
	put_modules(&t);
	put_iommu(&t);
	for (i = 0; i < n; i++)
		put_device(&t, &devices[i]);
	put_groups(&t, devices, n);
	/* Last: where a name is taken, it is by ours. */
	put_host(&t, devices, n);
	return t.err;
}

void tree_forget(struct settings *s)
{
	while (s->nr_paths)
		free((void *)s->paths[--s->nr_paths].name);
	while (s->nr_nodes)
		free((void *)s->nodes[--s->nr_nodes].name);
	free(s->paths);
	free(s->nodes);
	s->paths = NULL;
	s->nodes = NULL;
}
