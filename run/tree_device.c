// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Devices and groups in the tree, as they come and as they change.
 *
 * What is not to be seen at the moment waits in the directory hidden/, so that
 * it is the same when it comes back: processes know nodes by their inode.
 */
#include "tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HIDDEN "hidden"
#define MISC_MAJOR 10
#define VFIO_MINOR 196
/* Groups have a major number of their own; it is given out at run time. */
#define GROUP_MAJOR 511
#define NAME_LEN 32
#define DIR_LEN 96

/* ---- a device ---- */

static u32 config_bits(const struct host_pci_sysfs *dev, unsigned int off,
		       unsigned int size)
{
	u32 val = 0;

	while (size--)
		val = val << 8 | dev->config[off + size];
	return val;
}

static void modalias(const struct host_pci_sysfs *dev, char alias[64])
{
	u32 class_code = config_bits(dev, 9, 3);

	snprintf(alias, 64, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		 config_bits(dev, 0, 2), config_bits(dev, 2, 2),
		 config_bits(dev, 0x2c, 2), config_bits(dev, 0x2e, 2),
		 class_code >> 16, class_code >> 8 & 0xff, class_code & 0xff);
}

static void put_identity(struct tree *t, const struct host_pci_sysfs *dev,
			 const char *dir)
{
	u32 vendor = config_bits(dev, 0, 2), device = config_bits(dev, 2, 2);
	u32 class_code = config_bits(dev, 9, 3);
	u32 sub_vendor = config_bits(dev, 0x2c, 2);
	u32 sub_device = config_bits(dev, 0x2e, 2);
	char alias[64];

	tree_file(t, dir, "vendor", 0444, "0x%04x\n", vendor);
	tree_file(t, dir, "device", 0444, "0x%04x\n", device);
	tree_file(t, dir, "subsystem_vendor", 0444, "0x%04x\n", sub_vendor);
	tree_file(t, dir, "subsystem_device", 0444, "0x%04x\n", sub_device);
	tree_file(t, dir, "class", 0444, "0x%06x\n", class_code);
	modalias(dev, alias);
	tree_file(t, dir, "modalias", 0444, "%s\n", alias);
	tree_file(t, dir, "revision", 0444, "0x%02x\n", config_bits(dev, 8, 1));
}

/* What says which driver it has, in words. */
static void put_uevent(struct tree *t, const struct host_pci_sysfs *dev,
		       const char *dir)
{
	char alias[64], driver[HOST_DRIVER_LEN + 16] = "";

	if (dev->driver[0])
		snprintf(driver, sizeof(driver), "DRIVER=%s\n", dev->driver);
	modalias(dev, alias);
	tree_unlink(t, "%s/uevent", dir);
	tree_file(t, dir, "uevent", 0644,
		  "%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\n"
		  "PCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=%s\n",
		  driver, config_bits(dev, 9, 3), config_bits(dev, 0, 2),
		  config_bits(dev, 2, 2), config_bits(dev, 0x2c, 2),
		  config_bits(dev, 0x2e, 2), dev->name, alias);
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
	tree_file(t, dir, "resource", 0444, "%s", text);
}

static void put_state(struct tree *t, const struct host_pci_sysfs *dev,
		      const char *dir)
{
	bool vfio = !strcmp(dev->driver, "vfio-pci");

	tree_file(t, dir, "ari_enabled", 0444, "0\n");
	tree_file(t, dir, "broken_parity_status", 0644, "0\n");
	tree_file(t, dir, "consistent_dma_mask_bits", 0444, "64\n");
	tree_file(t, dir, "dma_mask_bits", 0444, "64\n");
	tree_file(t, dir, "driver_override", 0644, "%s\n",
		  vfio ? "vfio-pci" : "(null)");
	tree_file(t, dir, "enable", 0644, "0\n");
	tree_file(t, dir, "irq", 0444, "0\n");
	tree_file(t, dir, "local_cpulist", 0444, "%s\n", t->cpus);
	tree_file(t, dir, "local_cpus", 0444, "%s\n", t->cpu_mask);
	tree_file(t, dir, "msi_bus", 0644, "1\n");
	tree_file(t, dir, "numa_node", 0644, "-1\n");
	tree_file(t, dir, "power_state", 0444, "D0\n");
	tree_file(t, dir, "remove", 0220, "%s", "");
	tree_file(t, dir, "rescan", 0200, "%s", "");
}

static void device_dir(const struct host_pci_sysfs *dev, char dir[DIR_LEN])
{
	snprintf(dir, DIR_LEN, "sys/devices/pci%.7s/%s", dev->name, dev->name);
}

/* The links between a device and its driver, and what else follows it. */
static void put_driver(struct tree *t, const struct host_pci_sysfs *dev)
{
	char dir[DIR_LEN], target[DIR_LEN + 16];

	device_dir(dev, dir);
	put_uevent(t, dev, dir);
	if (!dev->driver[0])
		return;
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s",
		 dev->driver);
	tree_link(t, target, "%s/driver", dir);
	snprintf(target, sizeof(target), "../../../../%s", dir + 4);
	tree_link(t, target, "sys/bus/pci/drivers/%s/%s", dev->driver,
		  dev->name);
}

/* The directory of @dev, from its bus down; in a machine that has such a bus,
 * only the device is ours. */
void tree_put_device(struct tree *t, const struct host_pci_sysfs *dev)
{
	char bus[64], dir[128], config[160];

	snprintf(bus, sizeof(bus), "/sys/devices/pci%.7s", dev->name);
	snprintf(dir, sizeof(dir), "%s/%s", bus, dev->name);
	tree_own(t, access(bus, F_OK) ? bus : dir);
	tree_dir(t, "%s", bus + 1);
	tree_dir(t, "%s", dir + 1);
	put_identity(t, dev, dir + 1);
	put_resources(t, dev, dir + 1);
	put_state(t, dev, dir + 1);
	snprintf(config, sizeof(config), "%s/config", dir + 1);
	tree_bytes(t, 0644, config, dev->config, dev->config_size);

	tree_link(t, "../../../bus/pci", "%s/subsystem", dir + 1);
	snprintf(config, sizeof(config), "../../..%s", dir + 4);
	tree_link(t, config, "sys/bus/pci/devices/%s", dev->name);
	put_driver(t, dev);
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
		tree_failed(t);
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
	tree_dir(t, "%s", dir);
	tree_file(t, dir, "dev", 0444, "%u:%u\n", GROUP_MAJOR, minor_nr);
	tree_file(t, dir, "uevent", 0644,
		  "MAJOR=%u\nMINOR=%u\nDEVNAME=vfio/%s\n", GROUP_MAJOR,
		  minor_nr, name);
	tree_link(t, "../../../../class/vfio", "%s/subsystem", dir);
	tree_link(t, target, "sys/class/vfio/%s", name);
}

static void node_name(const struct host_pci_sysfs *dev, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, dev->noiommu ? "noiommu-%d" : "%d",
		 dev->group);
}

/* @path is in its place, or waits in hidden/@name. */
static void show(struct tree *t, bool shown, const char *path, const char *name)
{
	char hidden[64];
	int ret;

	snprintf(hidden, sizeof(hidden), HIDDEN "/%s", name);
	if (t->err)
		return;
	ret = shown ? renameat(t->root, hidden, t->root, path)
		    : renameat(t->root, path, t->root, hidden);
	if (ret && errno != ENOENT)
		tree_failed(t);
}

/* The group of @dev as all its devices make it: there is a node for it while
 * vfio-pci has one of them, and a group while there is a device. */
static void update_group(struct tree *t, const struct host_pci_sysfs *devices,
			 unsigned int n, const struct host_pci_sysfs *dev)
{
	char name[NAME_LEN], hidden[NAME_LEN + 8], path[64];
	bool vfio = false, there = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (devices[i].group != dev->group || !devices[i].grouped)
			continue;
		there = true;
		vfio |= !strcmp(devices[i].driver, "vfio-pci");
	}
	node_name(dev, name);
	snprintf(path, sizeof(path), "dev/vfio/%s", name);
	show(t, vfio, path, name);
	snprintf(path, sizeof(path), "sys/devices/virtual/vfio/%s", name);
	snprintf(hidden, sizeof(hidden), "class-%s", name);
	show(t, vfio, path, hidden);
	snprintf(path, sizeof(path), "sys/class/vfio/%s", name);
	snprintf(hidden, sizeof(hidden), "link-%s", name);
	show(t, vfio, path, hidden);
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d", dev->group);
	snprintf(hidden, sizeof(hidden), "group-%d", dev->group);
	show(t, there, path, hidden);
}

/* The links between a device and its group. */
static void link_group(struct tree *t, const struct host_pci_sysfs *dev)
{
	char dir[DIR_LEN], target[DIR_LEN + 16];

	device_dir(dev, dir);
	snprintf(target, sizeof(target), "../../../../%s", dir + 4);
	tree_link(t, target, "sys/kernel/iommu_groups/%d/devices/%s",
		  dev->group, dev->name);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d",
		 dev->group);
	tree_link(t, target, "%s/iommu_group", dir);
}

/* It leaves its group before that is hidden, and joins it after it is shown. */
static void unlink_group(struct tree *t, const struct host_pci_sysfs *dev)
{
	char dir[DIR_LEN];

	device_dir(dev, dir);
	tree_unlink(t, "sys/kernel/iommu_groups/%d/devices/%s", dev->group,
		    dev->name);
	tree_unlink(t, "%s/iommu_group", dir);
}

static bool group_is_new(const struct host_pci_sysfs *devices, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < i; k++)
		if (devices[k].group == devices[i].group)
			return false;
	return true;
}

static void put_group(struct tree *t, const struct host_pci_sysfs *dev)
{
	unsigned int minor_nr = t->settings->nr_nodes - 1;
	char dir[64], name[NAME_LEN];

	node_name(dev, name);
	snprintf(dir, sizeof(dir), "sys/kernel/iommu_groups/%d", dev->group);
	tree_dir(t, "%s", dir);
	tree_dir(t, "%s/devices", dir);
	tree_file(t, dir, "reserved_regions", 0444, "%s", "");
	tree_file(t, dir, "type", 0644, dev->noiommu ? "unknown\n" : "DMA\n");
	if (dev->noiommu)
		tree_file(t, dir, "name", 0444, "vfio-noiommu\n");
	put_class(t, name, minor_nr);
	put_node(t, name, 0600, makedev(GROUP_MAJOR, minor_nr));
}

void tree_put_groups(struct tree *t, const struct host_pci_sysfs *devices,
		     unsigned int n)
{
	unsigned int i;

	tree_dir(t, HIDDEN);
	put_node(t, "vfio", 0666, makedev(MISC_MAJOR, VFIO_MINOR));
	for (i = 0; i < n; i++) {
		if (group_is_new(devices, i))
			put_group(t, &devices[i]);
		if (devices[i].grouped)
			link_group(t, &devices[i]);
	}
	for (i = 0; i < n; i++)
		if (group_is_new(devices, i))
			update_group(t, devices, n, &devices[i]);
}

/* ---- changes ---- */

int tree_device_changed(const struct rundir *dir,
			const struct host_pci_sysfs *devices, unsigned int n,
			const struct host_pci_sysfs *dev, const char *was)
{
	struct tree t = { .root = dir->fd };
	char path[DIR_LEN];

	device_dir(dev, path);
	if (was[0]) {
		tree_unlink(&t, "%s/driver", path);
		tree_unlink(&t, "sys/bus/pci/drivers/%s/%s", was, dev->name);
	}
	put_driver(&t, dev);
	if (!dev->grouped)
		unlink_group(&t, dev);
	update_group(&t, devices, n, dev);
	if (dev->grouped)
		link_group(&t, dev);
	return t.err;
}

int tree_device_removed(const struct rundir *dir,
			const struct host_pci_sysfs *devices, unsigned int n,
			const struct host_pci_sysfs *dev)
{
	struct tree t = { .root = dir->fd };
	char path[DIR_LEN];

	device_dir(dev, path);
	tree_unlink(&t, "sys/bus/pci/devices/%s", dev->name);
	unlink_group(&t, dev);
	rundir_remove_tree(dir->fd, path);
	update_group(&t, devices, n, dev);
	return t.err;
}

/* The opposite. */
int tree_device_added(const struct rundir *dir,
		      const struct host_pci_sysfs *devices, unsigned int n,
		      const struct host_pci_sysfs *dev)
{
	struct tree t = { .root = dir->fd };

	tree_read_cpus(&t);
	tree_put_device(&t, dev);
	update_group(&t, devices, n, dev);
	if (dev->grouped)
		link_group(&t, dev);
	return t.err;
}

/* In place: a program may have it open. */
int tree_driver_override(const struct rundir *dir,
			 const struct host_pci_sysfs *dev, const char *name)
{
	char path[DIR_LEN], text[HOST_DRIVER_LEN + 8];
	int fd, len, ret = 0;

	snprintf(path, sizeof(path), "sys/devices/pci%.7s/%s/driver_override",
		 dev->name, dev->name);
	len = snprintf(text, sizeof(text), "%s\n", *name ? name : "(null)");
	fd = openat(dir->fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, text, len, 0) != len || ftruncate(fd, len))
		ret = -errno;
	close(fd);
	return ret;
}
