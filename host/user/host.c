/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The life of the host in a process: start, stop, and what a fork leaves.
 *
 * The child of a fork has a copy of everything, in the state in which the
 * threads of the parent were at that moment, but none of these threads.  It
 * takes nothing over: each file of the host forgets what it had, without asking
 * whether it was whole (but for the mappings), and the memory is given up.  vfio_init() and its kin set
 * all their state anew.
 */
#include "internal.h"
#include "fault.h"
#include "pci_device.h"
#include "policy.h"
#include "type1.h"

#define DMA_ENTRY_LIMIT 65535

static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct host_config *running; /* life_lock; read without it */
/**
 * struct place - where a device is, or was
 * @dev: NULL: it was removed
 */
struct place {
	struct anyvfio_device *dev;
	char name[FUNCTION_NAME_LEN];
};

static struct place *devices; /* life_lock */
static unsigned int nr_devices; /* life_lock */
static bool fork_handled; /* life_lock */

static void after_fork(void)
{
	pthread_mutex_init(&life_lock, NULL);
	running = NULL;
	devices = NULL;
	nr_devices = 0;
	lock_after_fork();
	host_fault_after_fork();
	host_vma_after_fork();
	host_file_after_fork();
	host_fd_after_fork();
	host_eventfd_after_fork();
	host_node_after_fork();
	host_bus_after_fork();
	host_group_after_fork();
	host_pci_after_fork();
}

static int handle_fork(void)
{
	int ret;

	if (fork_handled)
		return 0;
	ret = pthread_atfork(host_vma_before_fork, host_vma_forked, after_fork);
	fork_handled = !ret;
	return -ret;
}

static void destroy_devices(void)
{
	while (nr_devices)
		if (devices[--nr_devices].dev)
			host_pci_destroy(devices[nr_devices].dev);
	port_free(devices);
	devices = NULL;
}

static int create_devices(const struct host_config *config)
{
	struct anyvfio_device *dev;
	unsigned int i;

	devices = port_zalloc_array(config->nr_devices, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	for (i = 0; i < config->nr_devices; i++) {
		dev = host_pci_create(config->devices[i], i, config);
		if (IS_ERR(dev)) {
			destroy_devices();
			return PTR_ERR(dev);
		}
		strscpy(devices[i].name, anyvfio_device_name(dev),
			sizeof(devices[i].name));
		devices[i].dev = dev;
		nr_devices++;
	}
	return 0;
}

static int start(const struct host_config *config)
{
	int ret = handle_fork();

	if (ret)
		return ret;
	host_fault_init();
	host_policy_set(config->noiommu);
	host_group_share(config->rundir);
	ret = vfio_init();
	if (ret)
		return ret;
	ret = vfio_type1_init();
	if (ret)
		goto err_exit_core;
	vfio_type1_set_dma_entry_limit(config->dma_entry_limit
					       ? config->dma_entry_limit
					       : DMA_ENTRY_LIMIT);
	ret = create_devices(config);
	if (ret)
		goto err_exit_type1;
	return 0;

err_exit_type1:
	vfio_type1_exit();
err_exit_core:
	vfio_exit();
	return ret;
}

int host_start(const struct host_config *config)
{
	int ret = 0;

	if (likely(smp_load_acquire(&running)))
		return 0;
	pthread_mutex_lock(&life_lock);
	if (!running)
		ret = start(config);
	if (ret)
		port_err("cannot start: %s", strerror(-ret));
	else if (!running)
		smp_store_release(&running, config);
	pthread_mutex_unlock(&life_lock);
	return ret;
}

/* As the end of a process does: its memory, then its descriptors. */
void host_stop(void)
{
	pthread_mutex_lock(&life_lock);
	if (running) {
		host_vma_exit();
		host_fd_exit();
		destroy_devices();
		vfio_type1_exit();
		vfio_exit();
		smp_store_release(&running, NULL);
	}
	pthread_mutex_unlock(&life_lock);
}

void host_free(void)
{
	host_group_free();
	host_pci_free();
	host_vma_free();
	host_file_free();
}

static struct place *find_place(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_devices; i++)
		if (!strcmp(devices[i].name, name))
			return &devices[i];
	return NULL;
}

/* A new one, as it was at the start. */
static int add_device(struct place *place)
{
	struct anyvfio_device *dev;
	unsigned int i = place - devices;

	if (place->dev)
		return -EEXIST;
	dev = host_pci_create(running->devices[i], i, running);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	place->dev = dev;
	return 0;
}

/* What waits does so without the lock: until it is over nothing but these two
 * happens to the device. */
static int event_locked(enum host_event event, struct place *place)
{
	if (event == HOST_ADD)
		return add_device(place);
	if (!place->dev)
		return -ENODEV;
	if (event == HOST_SURPRISE)
		host_pci_surprise(place->dev);
	return event == HOST_ERROR ? host_pci_error(place->dev) : 0;
}

int host_event(enum host_event event, const char *name, const char *driver)
{
	struct anyvfio_device *dev = NULL;
	struct place *place;
	int ret = -ENODEV;

	pthread_mutex_lock(&life_lock);
	place = find_place(name);
	if (place) {
		dev = place->dev;
		ret = event_locked(event, place);
	}
	pthread_mutex_unlock(&life_lock);
	if (!dev)
		return ret;

	if (event == HOST_BIND)
		ret = host_pci_bind(dev, driver);
	if (event == HOST_UNBIND || event == HOST_REMOVE)
		host_pci_unbind(dev);
	if (event == HOST_REMOVE) {
		pthread_mutex_lock(&life_lock);
		place->dev = NULL;
		pthread_mutex_unlock(&life_lock);
		host_pci_destroy(dev);
	}
	return ret;
}

const struct host_config *host_current_config(void)
{
	return smp_load_acquire(&running);
}
