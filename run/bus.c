// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The bus: see bus.h.  The rules are those of Linux's driver core and PCI bus:
 * Documentation/ABI/testing/sysfs-bus-pci and sysfs-driver-pci.
 */
#include "bus.h"

#include <stdlib.h>

#define ANY 0xffffffffu
#define DYNAMIC_IDS 64
#define DRIVERS_DIR "/sys/bus/pci/drivers/"

/* Which devices a driver is for. */
struct id {
	u32 vendor, device, subvendor, subdevice;
	u32 class_code, class_mask;
};

struct bus_driver {
	char name[HOST_DRIVER_LEN];
	struct id dynamic[DYNAMIC_IDS];
	unsigned int nr_dynamic;
};

/* What the drivers of a kernel are for, of those that devices here have.  A
 * driver that is not listed is for what -d binds it to. */
static const struct {
	const char *driver;
	struct id id;
} natives[] = {
	{ "nvme", { ANY, ANY, ANY, ANY, 0x010802, 0xffffff } },
	{ "virtio-pci", { 0x1af4, ANY, ANY, ANY, 0, 0 } },
	{ "e1000", { 0x8086, 0x100e, ANY, ANY, 0, 0 } },
	{ "e1000e", { 0x8086, 0x10d3, ANY, ANY, 0, 0 } },
};

/* ---- what matches ---- */

static u32 config_bits(const struct host_pci_sysfs *dev, unsigned int off,
		       unsigned int size)
{
	u32 val = 0;

	while (size--)
		val = val << 8 | dev->config[off + size];
	return val;
}

static struct id id_of(const struct host_pci_sysfs *dev)
{
	return (struct id){
		.vendor = config_bits(dev, 0x00, 2),
		.device = config_bits(dev, 0x02, 2),
		.subvendor = config_bits(dev, 0x2c, 2),
		.subdevice = config_bits(dev, 0x2e, 2),
		.class_code = config_bits(dev, 0x09, 3),
	};
}

static bool is_or_any(u32 wanted, u32 val)
{
	return wanted == ANY || wanted == val;
}

static bool id_matches(const struct id *id, const struct host_pci_sysfs *dev)
{
	struct id have = id_of(dev);

	return is_or_any(id->vendor, have.vendor) &&
	       is_or_any(id->device, have.device) &&
	       is_or_any(id->subvendor, have.subvendor) &&
	       is_or_any(id->subdevice, have.subdevice) &&
	       !((id->class_code ^ have.class_code) & id->class_mask);
}

/* By what the driver knows of itself. */
static bool is_native(const struct bus *bus, const struct bus_driver *driver,
		      const struct bus_device *dev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(natives); i++)
		if (!strcmp(natives[i].driver, driver->name) &&
		    id_matches(&natives[i].id, bus_sysfs(bus, dev)))
			return true;
	return !strcmp(dev->first, driver->name) &&
	       strcmp(driver->name, "vfio-pci") != 0 &&
	       strcmp(driver->name, "pci-stub") != 0;
}

static bool driver_matches(const struct bus *bus,
			   const struct bus_driver *driver,
			   const struct bus_device *dev)
{
	unsigned int i;

	if (dev->override[0])
		return !strcmp(dev->override, driver->name);
	for (i = 0; i < driver->nr_dynamic; i++)
		if (id_matches(&driver->dynamic[i], bus_sysfs(bus, dev)))
			return true;
	return is_native(bus, driver, dev);
}

/* ---- life ---- */

static struct bus_driver *find_driver(struct bus *bus, const char *name,
				      size_t len)
{
	unsigned int i;

	for (i = 0; i < bus->nr_drivers; i++)
		if (strlen(bus->drivers[i].name) == len &&
		    !memcmp(bus->drivers[i].name, name, len))
			return &bus->drivers[i];
	return NULL;
}

const char *bus_driver_name(const struct bus *bus, unsigned int i)
{
	return i < bus->nr_drivers ? bus->drivers[i].name : NULL;
}

static void add_driver(struct bus *bus, const char *name)
{
	if (*name && !find_driver(bus, name, strlen(name)))
		strscpy(bus->drivers[bus->nr_drivers++].name, name,
			HOST_DRIVER_LEN);
}

/* vfio-pci, pci-stub, and those that devices have or would have. */
static void add_drivers(struct bus *bus)
{
	unsigned int i, k;

	add_driver(bus, "vfio-pci");
	add_driver(bus, "pci-stub");
	for (i = 0; i < bus->nr_devices; i++) {
		add_driver(bus, bus->devices[i].first);
		for (k = 0; k < ARRAY_SIZE(natives); k++)
			if (id_matches(&natives[k].id, &bus->sysfs[i]))
				add_driver(bus, natives[k].driver);
	}
}

/* How else did it come to be bound to that? */
static void set_first_override(struct bus_device *dev)
{
	dev->override[0] = '\0';
	if (!strcmp(dev->first, "vfio-pci"))
		memcpy(dev->override, dev->first, sizeof(dev->override));
}

struct bus *bus_create(const struct rundir *dir,
		       struct anyvfio_device *const *devices,
		       struct host_pci_sysfs *sysfs, unsigned int n)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	unsigned int i;

	if (!bus)
		return NULL;
	bus->dir = dir;
	bus->sysfs = sysfs;
	bus->nr_devices = n;
	bus->devices = calloc(n, sizeof(*bus->devices));
	bus->drivers =
		calloc(2 + n + ARRAY_SIZE(natives), sizeof(*bus->drivers));
	if (!bus->devices || !bus->drivers) {
		bus_free(bus);
		return NULL;
	}
	for (i = 0; i < n; i++) {
		bus->devices[i].dev = devices[i];
		strscpy(bus->devices[i].first, sysfs[i].driver,
			HOST_DRIVER_LEN);
		set_first_override(&bus->devices[i]);
	}
	add_drivers(bus);
	return bus;
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	free(bus->devices);
	free(bus->drivers);
	free(bus);
}

/* Whether it was removed or not; each name is there once. */
static struct bus_device *find_device(struct bus *bus, const char *name)
{
	unsigned int i;

	for (i = 0; i < bus->nr_devices; i++)
		if (!strcmp(bus->sysfs[i].name, name))
			return &bus->devices[i];
	return NULL;
}

struct bus_device *bus_find(struct bus *bus, const char *name)
{
	struct bus_device *dev = find_device(bus, name);

	return dev && !dev->removed ? dev : NULL;
}

struct bus_device *bus_find_removed(struct bus *bus, const char *name)
{
	struct bus_device *dev = find_device(bus, name);

	return dev && (dev->removed || dev->going) ? dev : NULL;
}

const struct host_pci_sysfs *bus_sysfs(const struct bus *bus,
				       const struct bus_device *dev)
{
	return &bus->sysfs[dev - bus->devices];
}

/* ---- what is written ---- */

/* A name as sysfs takes it: a newline at its end is none of it. */
static bool take_name(const char *data, char name[HOST_DRIVER_LEN])
{
	size_t len = strlen(data);

	if (len && data[len - 1] == '\n')
		len--;
	if (len >= HOST_DRIVER_LEN)
		return false;
	memcpy(name, data, len);
	name[len] = '\0';
	return true;
}

/* The device @data names; NULL: there is none, or none any more. */
static struct bus_device *take_device(struct bus *bus, const char *data)
{
	char name[HOST_DRIVER_LEN];

	return take_name(data, name) ? bus_find(bus, name) : NULL;
}

static int add_job(struct bus_job *jobs, unsigned int *n, enum host_event event,
		   struct bus_device *dev, const char *driver)
{
	struct bus_job *job = &jobs[*n];

	if (dev->busy || dev->pulled)
		return -EBUSY;
	job->event = event;
	job->dev = dev;
	strscpy(job->driver, driver, sizeof(job->driver));
	(*n)++;
	return 0;
}

static int write_bind(struct bus *bus, struct bus_driver *driver,
		      const char *data, struct bus_job *jobs, unsigned int *n)
{
	struct bus_device *dev = take_device(bus, data);

	if (!dev || !driver_matches(bus, driver, dev))
		return -ENODEV;
	if (bus_sysfs(bus, dev)->driver[0])
		return -EBUSY;
	return add_job(jobs, n, HOST_BIND, dev, driver->name);
}

static int write_unbind(struct bus *bus, struct bus_driver *driver,
			const char *data, struct bus_job *jobs, unsigned int *n)
{
	struct bus_device *dev = take_device(bus, data);

	if (!dev || strcmp(bus_sysfs(bus, dev)->driver, driver->name) != 0)
		return -ENODEV;
	return add_job(jobs, n, HOST_UNBIND, dev, "");
}

/* Up to six numbers in hexadecimal; two at least. */
static bool take_id(const char *data, struct id *id)
{
	*id = (struct id){ ANY, ANY, ANY, ANY, 0, 0 };
	return sscanf(data, "%x %x %x %x %x %x", &id->vendor, &id->device,
		      &id->subvendor, &id->subdevice, &id->class_code,
		      &id->class_mask) >= 2;
}

static bool id_is_same(const struct id *a, const struct id *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* The new id at once finds what has no driver. */
static int write_new_id(struct bus *bus, struct bus_driver *driver,
			const char *data, struct bus_job *jobs, unsigned int *n)
{
	struct bus_device *dev;
	unsigned int i;
	struct id id;

	if (!take_id(data, &id))
		return -EINVAL;
	for (i = 0; i < driver->nr_dynamic; i++)
		if (id_is_same(&driver->dynamic[i], &id))
			return -EEXIST;
	if (driver->nr_dynamic == DYNAMIC_IDS)
		return -ENOMEM;
	driver->dynamic[driver->nr_dynamic++] = id;
	for (dev = bus->devices; dev < bus->devices + bus->nr_devices; dev++)
		if (!dev->removed && !bus_sysfs(bus, dev)->driver[0] &&
		    driver_matches(bus, driver, dev))
			add_job(jobs, n, HOST_BIND, dev, driver->name);
	return 0;
}

static int write_remove_id(struct bus_driver *driver, const char *data)
{
	unsigned int i;
	struct id id;

	if (!take_id(data, &id))
		return -EINVAL;
	for (i = 0; i < driver->nr_dynamic; i++) {
		if (!id_is_same(&driver->dynamic[i], &id))
			continue;
		driver->dynamic[i] = driver->dynamic[--driver->nr_dynamic];
		return 0;
	}
	return -ENODEV;
}

/* The first that it matches; none is no error. */
static int write_drivers_probe(struct bus *bus, const char *data,
			       struct bus_job *jobs, unsigned int *n)
{
	struct bus_device *dev = take_device(bus, data);
	unsigned int i;

	if (!dev)
		return -ENODEV;
	if (bus_sysfs(bus, dev)->driver[0])
		return 0;
	for (i = 0; i < bus->nr_drivers; i++)
		if (driver_matches(bus, &bus->drivers[i], dev))
			return add_job(jobs, n, HOST_BIND, dev,
				       bus->drivers[i].name);
	return 0;
}

static int write_override(struct bus *bus, struct bus_device *dev,
			  const char *data)
{
	char name[HOST_DRIVER_LEN];

	if (!take_name(data, name))
		return -EINVAL;
	memcpy(dev->override, name, sizeof(name));
	return tree_driver_override(bus->dir, bus_sysfs(bus, dev), name);
}

/* Whether it is a number that is not 0; -EINVAL: it is none. */
static int take_bool(const char *data)
{
	char *end;
	unsigned long val = strtoul(data, &end, 0);

	if (end == data || (*end && *end != '\n'))
		return -EINVAL;
	return val != 0;
}

static int write_remove(struct bus_device *dev, const char *data,
			struct bus_job *jobs, unsigned int *n)
{
	int ret = take_bool(data);

	return ret > 0 ? add_job(jobs, n, HOST_REMOVE, dev, "") : ret;
}

/*
 * Finds what was removed, of all buses or that of @beside; a removal that is
 * under way is waited for.  What was pulled out is not there to be found.
 */
static int write_rescan(struct bus *bus, const struct bus_device *beside,
			const char *data, struct bus_job *jobs, unsigned int *n)
{
	const size_t bus_len = strlen("0000:00");
	struct bus_device *dev;
	int ret = take_bool(data);

	if (ret <= 0)
		return ret;
	for (dev = bus->devices; dev < bus->devices + bus->nr_devices; dev++) {
		if (dev->pulled || !(dev->removed || dev->going))
			continue;
		if (beside &&
		    memcmp(bus_sysfs(bus, dev)->name,
			   bus_sysfs(bus, beside)->name, bus_len) != 0)
			continue;
		jobs[(*n)++] =
			(struct bus_job){ .event = HOST_ADD, .dev = dev };
	}
	return 0;
}

static int write_driver_file(struct bus *bus, const char *name,
			     const char *data, struct bus_job *jobs,
			     unsigned int *n)
{
	const char *file = strchrnul(name, '/');
	struct bus_driver *driver = find_driver(bus, name, file - name);

	if (!driver)
		return -ENODEV;
	if (!strcmp(file, "/bind"))
		return write_bind(bus, driver, data, jobs, n);
	if (!strcmp(file, "/unbind"))
		return write_unbind(bus, driver, data, jobs, n);
	if (!strcmp(file, "/new_id"))
		return write_new_id(bus, driver, data, jobs, n);
	if (!strcmp(file, "/remove_id"))
		return write_remove_id(driver, data);
	return -EINVAL;
}

/* /sys/devices/pci0000:01/0000:01:00.0/FILE */
static int write_device_file(struct bus *bus, const char *path,
			     const char *data, struct bus_job *jobs,
			     unsigned int *n)
{
	char name[HOST_DRIVER_LEN];
	struct bus_device *dev;
	const char *file = strrchr(path, '/'), *start = file;

	while (start > path && start[-1] != '/')
		start--;
	if (file - start >= (ptrdiff_t)sizeof(name))
		return -ENODEV;
	memcpy(name, start, file - start);
	name[file - start] = '\0';
	dev = bus_find(bus, name);
	if (!dev)
		return -ENODEV;
	if (!strcmp(file, "/driver_override"))
		return write_override(bus, dev, data);
	if (!strcmp(file, "/remove"))
		return write_remove(dev, data, jobs, n);
	if (!strcmp(file, "/rescan"))
		return write_rescan(bus, dev, data, jobs, n);
	return -EINVAL;
}

int bus_write(struct bus *bus, const char *path, const char *data,
	      struct bus_job *jobs, unsigned int *n)
{
	size_t len = strlen(DRIVERS_DIR);

	*n = 0;
	if (!strncmp(path, DRIVERS_DIR, len))
		return write_driver_file(bus, path + len, data, jobs, n);
	if (!strcmp(path, "/sys/bus/pci/drivers_probe"))
		return write_drivers_probe(bus, data, jobs, n);
	if (!strcmp(path, "/sys/bus/pci/rescan"))
		return write_rescan(bus, NULL, data, jobs, n);
	if (!strncmp(path, "/sys/devices/", strlen("/sys/devices/")))
		return write_device_file(bus, path, data, jobs, n);
	return -EINVAL;
}

/* As at the start: a device that appears has the driver that -d gave it. */
static int add_device(struct bus *bus, struct bus_device *dev)
{
	struct host_pci_sysfs *sysfs = &bus->sysfs[dev - bus->devices];
	int ret = 0;

	if (dev->first[0])
		ret = host_pci_bind(dev->dev, dev->first);
	if (ret)
		return ret;
	set_first_override(dev);
	dev->removed = false;
	dev->pulled = false;
	host_pci_sysfs(dev->dev, sysfs);
	return tree_device_added(bus->dir, bus->sysfs, bus->nr_devices, sysfs);
}

int bus_done(struct bus *bus, const struct bus_job *job)
{
	unsigned int i = job->dev - bus->devices;
	struct host_pci_sysfs *sysfs = &bus->sysfs[i];
	char was[HOST_DRIVER_LEN];
	int ret = 0;

	if (job->event == HOST_ADD)
		return add_device(bus, job->dev);
	memcpy(was, sysfs->driver, sizeof(was));
	if (job->event == HOST_BIND)
		ret = host_pci_bind(job->dev->dev, job->driver);
	else
		host_pci_unbind(job->dev->dev);
	host_pci_sysfs(job->dev->dev, sysfs);
	if (ret)
		return ret;
	ret = tree_device_changed(bus->dir, bus->sysfs, bus->nr_devices, sysfs,
				  was);
	if (job->event != HOST_REMOVE)
		return ret;
	job->dev->removed = true;
	sysfs->grouped = false;
	return tree_device_removed(bus->dir, bus->sysfs, bus->nr_devices,
				   sysfs);
}
