/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software functions: their life, and their use by the PCI bus driver.
 */
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

static const struct host_driver vfio_pci_driver = {
	.name = "vfio-pci",
	.managed_dma = true,
};

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
	function_lock(fn);
	ret = function_memory_create(fn);
	if (ret)
		goto out_unlock;
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
	goto out_unlock;

err_free_memory:
	function_memory_free(fn);
out_unlock:
	function_unlock(fn);
	return ret;
}

static void function_disable(void *hw)
{
	struct anyvfio_device *fn = hw;

	function_lock(fn);
	stop_locked(fn);
	function_unlock(fn);
	function_dma_exit(fn);
}

static int function_reset(void *hw)
{
	struct anyvfio_device *fn = hw;
	bool changed;

	function_lock(fn);
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

static const struct vfio_pci_hw_ops function_hw_ops = {
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

/* Never back to libc: see the header. */
static void free_function(struct anyvfio_device *fn)
{
	function_forget_model(fn);
	mutex_lock(&functions_lock);
	fn->next_free = pool;
	pool = fn;
	mutex_unlock(&functions_lock);
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

static void fill_info(const struct anyvfio_device *fn,
		      struct vfio_pci_info *info)
{
	unsigned int i;

	memset(info, 0, sizeof(*info));
	info->segment = fn->segment;
	info->bus = fn->bus;
	info->devfn = fn->devfn;
	info->config_size = fn->config_size;
	for (i = 0; i < VFIO_PCI_NR_BARS; i++) {
		const struct function_bar *bar = &fn->bar[i];

		info->bar[i].size = bar->size;
		if (bar->flags & ANYVFIO_BAR_IO)
			info->bar[i].flags |= VFIO_PCI_BAR_IO;
		else if (bar->size)
			info->bar[i].flags |= VFIO_PCI_BAR_MMAP;
		if (bar->flags & ANYVFIO_BAR_64)
			info->bar[i].flags |= VFIO_PCI_BAR_64;
		if (bar->flags & ANYVFIO_BAR_PREFETCH)
			info->bar[i].flags |= VFIO_PCI_BAR_PREFETCH;
	}
	info->has_intx = fn->has_intx;
	info->msi = fn->msi;
	info->msi_cap = fn->msi ? CFG_MSI : 0;
	info->msix = fn->msix;
	info->msix_cap = fn->msix ? CFG_MSIX : 0;
	info->msix_bar = fn->msix_bar;
	info->msix_offset = fn->msix_table;
	info->msix_size = fn->msix * 16;
	info->can_reset = true;
	info->express = fn->has_express;
	info->name = fn->name;
}

/* From here on a program can open it, before this returns even. */
static int bind_function(struct anyvfio_device *fn)
{
	struct vfio_pci_device *vdev;
	struct vfio_pci_info info;
	int ret;

	fn->dev = host_device_create(fn->name, fn->group);
	if (IS_ERR(fn->dev))
		return PTR_ERR(fn->dev);
	ret = host_device_bind(fn->dev, &vfio_pci_driver);
	if (ret)
		goto err_destroy_device;
	fill_info(fn, &info);
	vdev = vfio_pci_bind(fn->dev, &info, &function_hw_ops, fn);
	if (IS_ERR(vdev)) {
		ret = PTR_ERR(vdev);
		goto err_unbind_device;
	}
	smp_store_release(&fn->vdev, vdev);
	return 0;

err_unbind_device:
	host_device_unbind(fn->dev);
err_destroy_device:
	host_device_destroy(fn->dev);
	return ret;
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
	ret = bind_function(fn);
	if (ret) {
		function_err(fn, "cannot be given to vfio-pci: %s",
			     strerror(-ret));
		goto err_unmake;
	}
	return fn;

err_unmake:
	unmake_function(fn);
	free_function(fn);
err_out:
	return ERR_PTR(ret);
}

/* Waits until no program has it open (B3): then no thread of the model runs, and
 * its code may be unloaded. */
void host_pci_destroy(struct anyvfio_device *dev)
{
	vfio_pci_unbind(dev->vdev);
	host_device_unbind(dev->dev);
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

void anyvfio_device_report_error(struct anyvfio_device *dev)
{
	struct vfio_pci_device *vdev = smp_load_acquire(&dev->vdev);

	if (vdev)
		vfio_pci_error(vdev);
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
	/* A bound device has one: its own, or what noiommu mode made. */
	out->group = port_iommu_group_id(group);
	out->noiommu = port_iommu_group_is_made(group);
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
