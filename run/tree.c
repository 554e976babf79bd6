// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The part of /sys and /dev that a run has of its own, as real directories,
 * files and links.  Shapes and contents are those of a kernel; links are
 * relative, as there.
 */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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
		tree_link(t, len > 0 ? target : path, "%s", path + 1);
	}
	if (real)
		closedir(real);
}

/* ---- what is there without devices ---- */

static void put_modules(struct tree *t)
{
	const struct host_config *host = &t->settings->host;
	unsigned int limit = host->dma_entry_limit;

	char dir[64];

	tree_module(t, "vfio", dir);
	tree_file(t, "sys/module/vfio/parameters", "enable_unsafe_noiommu_mode",
		  0644, "%c\n", host->noiommu ? 'Y' : 'N');
	tree_module(t, "vfio_iommu_type1", dir);
	tree_file(t, "sys/module/vfio_iommu_type1/parameters",
		  "dma_entry_limit", 0644, "%u\n", limit ? limit : 65535);
}

/* The IOMMU itself.  SPDK reads the width of its addresses here (48 bits: the
 * field has one less) and without it falls back on physical ones. */
static void put_iommu(struct tree *t)
{
	static const char dir[] = "sys/devices/virtual/iommu/dmar0";

	tree_dir(t, "%s", dir);
	tree_dir(t, "%s/devices", dir);
	tree_dir(t, "%s/intel-iommu", dir);
	tree_file(t, dir, "intel-iommu/cap", 0444, "%x\n", 47 << 16);
	tree_file(t, dir, "uevent", 0644, "%s", "");
	tree_link(t, "../../../../class/iommu", "%s/subsystem", dir);
	tree_link(t, "../../devices/virtual/iommu/dmar0",
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
		tree_dir(t, "%s", path + 1);
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
		tree_dir(t, "%s", dirs[i]);
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		tree_own(t, paths[i]);
	tree_file(t, "sys/bus/pci", "drivers_autoprobe", 0644, "1\n");
	tree_file(t, "sys/bus/pci", "drivers_probe", 0200, "%s", "");
	tree_file(t, "sys/bus/pci", "rescan", 0200, "%s", "");
}

/* Fills in the processors, which every device is near to: "0-3,8" and the mask
 * 0000010f, in words of 32 bits with the highest first. */
void tree_read_cpus(struct tree *t)
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

static void put_driver(struct tree *t, const char *name)
{
	static const char *const files[] = { "bind", "unbind", "new_id",
					     "remove_id", "uevent" };
	char dir[80], module[64], target[96];
	unsigned int i;

	snprintf(dir, sizeof(dir), "sys/bus/pci/drivers/%s", name);
	tree_dir(t, "%s", dir);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		tree_file(t, dir, files[i], 0200, "%s", "");
	tree_module(t, name, module);
	tree_dir(t, "%s/drivers", module + 1);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", name);
	tree_link(t, target, "%s/drivers/pci:%s", module + 1, name);
	snprintf(target, sizeof(target), "../../../..%s", module + 4);
	tree_link(t, target, "%s/module", dir);
}

int tree_make(const struct rundir *dir, const struct bus *bus,
	      const struct host_pci_sysfs *devices, unsigned int n,
	      bool host_devices, struct settings *settings)
{
	struct tree t = {
		.root = dir->fd,
		.host_devices = host_devices,
		.settings = settings,
	};
	const char *driver;
	unsigned int i;

	tree_read_cpus(&t);
	put_frame(&t);
	put_modules(&t);
	put_iommu(&t);
	for (i = 0; (driver = bus_driver_name(bus, i)); i++)
		put_driver(&t, driver);
	for (i = 0; i < n; i++)
		tree_put_device(&t, &devices[i]);
	tree_put_groups(&t, devices, n);
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
