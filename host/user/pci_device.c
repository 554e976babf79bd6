/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software functions: their life, and their use by the PCI bus driver.
 */
#include "internal.h"
#include "pci_device.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Guards the list of functions, the pool and the choice of addresses. */
static struct mutex functions_lock;
static struct list_head functions;
static struct anyvfio_device *pool;

/* Initial-exec, as it is read in signal handlers. */
static __thread struct anyvfio_device *locked
	__attribute__((tls_model("initial-exec")));

static void init_once(void)
{
	mutex_init(&functions_lock);
	INIT_LIST_HEAD(&functions);
}

/* ---- the device's lock ---- */

void function_lock(struct anyvfio_device *fn)
{
	WARN_ON(locked);
	mutex_lock(&fn->lock);
	locked = fn;
}

void function_unlock(struct anyvfio_device *fn)
{
	WARN_ON(locked != fn);
	locked = NULL;
	mutex_unlock(&fn->lock);
}

struct anyvfio_device *function_locked(void)
{
	return locked;
}

void anyvfio_device_lock(struct anyvfio_device *dev)
{
	function_lock(dev);
}

void anyvfio_device_unlock(struct anyvfio_device *dev)
{
	function_unlock(dev);
}

/* ---- use: the hardware operations that are not about BARs or interrupts ---- */

/* A model's reset, with all that the host keeps for it. */
void function_reset_locked(struct anyvfio_device *fn)
{
	lockdep_assert_held(&fn->lock);
	if (fn->ops->reset)
		fn->ops->reset(fn->priv);
	function_config_reset(fn);
	function_irq_reset(fn);
}

/* Opposite of function_enable(), from any point of it. */
static void stop_locked(struct anyvfio_device *fn)
{
	long pins;

	lockdep_assert_held(&fn->lock);
	fn->started = false;
	fn->bar_on = false;
	if (fn->ops->stop)
		fn->ops->stop(fn->priv);
	function_config_reset(fn);
	function_update(fn);
	pins = __atomic_exchange_n(&fn->dma_pins, 0, __ATOMIC_RELAXED);
	if (pins)
		function_err(fn, "%s stopped with %ld pieces of memory held",
			     fn->model->name, pins);
	function_memory_free(fn);
}

/* Nothing is decoded before the end: a mapping cannot be there yet, and accesses
 * by the bus driver come after open. */
static int function_enable(void *hw)
{
	struct anyvfio_device *fn = hw;
	u32 command = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < VFIO_PCI_NR_BARS; i++)
		if (fn->bar[i].size)
			command |= fn->bar[i].flags & ANYVFIO_BAR_IO
					   ? COMMAND_IO
					   : COMMAND_MEMORY;
	/* Its descriptor may outlive the group's. */
	ret = host_group_hold(host_device_group_id(fn->dev));
	if (ret)
		return ret;
	function_lock(fn);
	ret = fn->gone ? -ENODEV : function_memory_create(fn);
	if (ret)
		goto err_unlock;
	function_config_reset(fn);
	function_irq_reset(fn);
	if (fn->ops->start)
		ret = fn->ops->start(fn->priv);
	if (ret)
		goto err_free_memory;
	function_reset_locked(fn);
	function_config_set(fn, CFG_COMMAND, 2, command);
	fn->started = true;
	fn->bar_on = true;
	function_update(fn);
	function_unlock(fn);
	return 0;

err_free_memory:
	function_memory_free(fn);
err_unlock:
	function_unlock(fn);
	host_group_let_go(host_device_group_id(fn->dev));
	return ret;
}

static void function_disable(void *hw)
{
	struct anyvfio_device *fn = hw;

	function_lock(fn);
	stop_locked(fn);
	function_unlock(fn);
	function_dma_exit(fn);
	host_group_let_go(host_device_group_id(fn->dev));
}

static int function_reset(void *hw)
{
	struct anyvfio_device *fn = hw;
	bool changed;

	function_lock(fn);
	if (fn->gone) {
		function_unlock(fn);
		return -ENODEV;
	}
	function_reset_locked(fn);
	changed = function_update(fn);
	function_unlock(fn);
	if (changed)
		host_vma_refresh(fn);
	return 0;
}

/* Each function is alone on its bus. */
static int function_hot_reset_each(void *hw,
				   int (*fn)(const struct vfio_pci_dependent *,
					     void *data),
				   void *data)
{
	struct anyvfio_device *dev = hw;
	struct vfio_pci_dependent dep = {
		.group_id = dev->group,
		.segment = dev->segment,
		.bus = dev->bus,
		.devfn = dev->devfn,
	};

	return fn(&dep, data);
}

const struct vfio_pci_hw_ops function_hw_ops = {
	.enable = function_enable,
	.disable = function_disable,
	.config_read = function_config_read,
	.config_write = function_config_write,
	.bar_read = function_bar_read,
	.bar_write = function_bar_write,
	.bar_mmap = function_bar_mmap,
	.bar_area = function_bar_area,
	.bar_enable = function_bar_enable,
	.reset = function_reset,
	.hot_reset_each = function_hot_reset_each,
	.hot_reset = function_reset,
	.irq_enable = function_irq_enable,
	.irq_disable = function_irq_disable,
	.irq_set = function_irq_set,
	.intx_mask = function_intx_mask,
	.intx_unmask = function_intx_unmask,
};

/* ---- life ---- */

/* What is constant from freezing on is zero; a function of the pool keeps its
 * locks. */
static struct anyvfio_device *alloc_function(void)
{
	struct anyvfio_device *fn;

	pthread_once(&once, init_once);
	mutex_lock(&functions_lock);
	fn = pool;
	if (fn)
		pool = fn->next_free;
	mutex_unlock(&functions_lock);
	if (fn) {
		memset(fn, 0, offsetof(struct anyvfio_device, lock));
		fn->gone = false;
		return fn;
	}
	fn = port_zalloc(sizeof(*fn));
	if (!fn)
		return NULL;
	mutex_init(&fn->lock);
	mutex_init(&fn->irq.lock);
	mutex_init(&fn->fault_lock);
	fn->memfd = -1;
	return fn;
}

/* Not back to libc before host_free(): see the header. */
static void free_function(struct anyvfio_device *fn)
{
	function_forget_model(fn);
	mutex_lock(&functions_lock);
	fn->next_free = pool;
	pool = fn;
	mutex_unlock(&functions_lock);
}

void host_pci_free(void)
{
	struct anyvfio_device *fn;

	while ((fn = pool)) {
		pool = fn->next_free;
		mutex_destroy(&fn->fault_lock);
		mutex_destroy(&fn->irq.lock);
		mutex_destroy(&fn->lock);
		port_free(fn);
	}
}

bool function_any(bool (*match)(const struct anyvfio_device *fn, void *data),
		  void *data)
{
	struct anyvfio_device *fn;

	lockdep_assert_held(&functions_lock);
	list_for_each_entry(fn, &functions, node)
		if (match(fn, data))
			return true;
	return false;
}

/* The function gets its place and addresses: nothing else may choose at once. */
static int make_function(struct anyvfio_device *fn, const char *spec)
{
	int ret;

	mutex_lock(&functions_lock);
	ret = function_parse(fn, spec);
	if (!ret)
		list_add_tail(&fn->node, &functions);
	mutex_unlock(&functions_lock);
	if (ret)
		return ret;

	ret = fn->model->create(fn);
	if (ret && !fn->explained)
		function_err(fn, "%s could not be made: %s", fn->model->name,
			     strerror(-ret));
	if (!ret)
		ret = fn->broken;
	if (!ret) {
		mutex_lock(&functions_lock);
		ret = function_freeze(fn);
		mutex_unlock(&functions_lock);
	}
	return ret;
}

/* Nobody uses it, and nobody can: it was never bound, or is bound no more. */
static void unmake_function(struct anyvfio_device *fn)
{
	mutex_lock(&functions_lock);
	list_del_init(&fn->node);
	mutex_unlock(&functions_lock);
	if (fn->ops && fn->ops->destroy)
		fn->ops->destroy(fn->priv);
	function_irq_exit(fn);
}

struct anyvfio_device *host_pci_create(const char *spec, unsigned int index,
				       const struct host_config *config)
{
	struct anyvfio_device *fn = alloc_function();
	int ret = -ENOMEM;

	if (!fn)
		goto err_out;
	fn->index = index;
	fn->run = config;
	fn->own_next = CFG_OWN;
	fn->config_size = CFG_SIZE;
	INIT_LIST_HEAD(&fn->node);
	ret = make_function(fn, spec);
	if (ret)
		goto err_unmake;
	fn->dev = host_device_create(fn->name, fn->group);
	if (IS_ERR(fn->dev)) {
		ret = PTR_ERR(fn->dev);
		goto err_unmake;
	}
	if (fn->first_driver.name[0])
		ret = host_pci_bind(fn, fn->first_driver.name);
	if (ret)
		goto err_destroy_device;
	return fn;

err_destroy_device:
	host_device_destroy(fn->dev);
err_unmake:
	unmake_function(fn);
	free_function(fn);
err_out:
	return ERR_PTR(ret);
}

/* Once no program has it open no thread of the model runs, and its code may be
 * unloaded. */
void host_pci_destroy(struct anyvfio_device *dev)
{
	host_pci_unbind(dev);
	host_device_destroy(dev->dev);
	unmake_function(dev);
	free_function(dev);
}

void host_pci_after_fork(void)
{
	pthread_once(&once, init_once);
	locked = NULL;
	init_once();
	/* What the parent had stays where it is: threads that do not exist here
	 * may have been in the middle of it. */
	pool = NULL;
}

const char *anyvfio_device_name(struct anyvfio_device *dev)
{
	return dev->name;
}

/* ---- the function as /sys shows it ---- */

/* Flags as Linux prints them: the type, the size aligned, the register's low
 * bits. */
static u64 resource_flags(const struct function_bar *bar)
{
	u64 flags = 0x40000;

	if (bar->flags & ANYVFIO_BAR_IO)
		return flags | 0x100 | 0x1;
	flags |= 0x200;
	if (bar->flags & ANYVFIO_BAR_64)
		flags |= 0x100000 | 0x4;
	if (bar->flags & ANYVFIO_BAR_PREFETCH)
		flags |= 0x2000 | 0x8;
	return flags;
}

void host_pci_sysfs(struct anyvfio_device *dev, struct host_pci_sysfs *out)
{
	struct iommu_group *group = port_iommu_group_get(dev->dev);
	unsigned int i;

	memset(out, 0, sizeof(*out));
	strscpy(out->name, dev->name, sizeof(out->name));
	strscpy(out->driver, dev->driver.name, sizeof(out->driver));
	out->group = host_device_group_id(dev->dev);
	out->noiommu = !port_device_has_iommu(dev->dev);
	out->grouped = group;
	if (group)
		port_iommu_group_put(group);
	out->config_size = dev->config_size;
	memcpy(out->config, dev->config_default, dev->config_size);
	for (i = 0; i < VFIO_PCI_NR_BARS; i++) {
		const struct function_bar *bar = &dev->bar[i];

		if (!bar->size)
			continue;
		out->resource[i].start = bar->address;
		out->resource[i].last = bar->address + bar->size - 1;
		out->resource[i].flags = resource_flags(bar);
	}
}
