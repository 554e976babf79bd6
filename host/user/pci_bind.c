/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Drivers of software functions: vfio-pci, which is the PCI bus driver, and
 * others, which are names.  And what else can befall a function from outside.
 */
#include "pci_device.h"

#define VFIO_PCI "vfio-pci"
#define LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

bool function_parse_driver(struct host_driver *driver, const char *name)
{
	size_t len = strspn(name, LETTERS);

	memset(driver, 0, sizeof(*driver));
	if (!len || name[len] || len >= sizeof(driver->name))
		return false;
	if (strcmp(name, "none") != 0)
		memcpy(driver->name, name, len);
	driver->managed_dma = !strcmp(name, VFIO_PCI) ||
			      !strcmp(name, "pci-stub");
	return true;
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
static int bind_vfio_pci(struct anyvfio_device *fn)
{
	struct vfio_pci_device *vdev;
	struct vfio_pci_info info;

	fill_info(fn, &info);
	vdev = vfio_pci_bind(fn->dev, &info, &function_hw_ops, fn);
	if (IS_ERR(vdev)) {
		function_err(fn, "cannot be given to " VFIO_PCI ": %s",
			     strerror(-PTR_ERR(vdev)));
		return PTR_ERR(vdev);
	}
	smp_store_release(&fn->vdev, vdev);
	return 0;
}

int host_pci_bind(struct anyvfio_device *dev, const char *name)
{
	struct host_driver driver;
	int ret;

	if (!function_parse_driver(&driver, name) || !driver.name[0])
		return -EINVAL;
	if (dev->driver.name[0])
		return -EBUSY;
	/* The bus goes on pointing to it. */
	dev->driver = driver;
	ret = host_device_bind(dev->dev, &dev->driver);
	if (ret)
		goto err_forget;
	if (!strcmp(name, VFIO_PCI))
		ret = bind_vfio_pci(dev);
	if (!ret)
		return 0;
	host_device_unbind(dev->dev);
err_forget:
	dev->driver.name[0] = '\0';
	return ret;
}

void host_pci_unbind(struct anyvfio_device *dev)
{
	struct vfio_pci_device *vdev = dev->vdev;

	if (!dev->driver.name[0])
		return;
	if (vdev) {
		vfio_pci_unbind(vdev);
		smp_store_release(&dev->vdev, NULL);
	}
	host_device_unbind(dev->dev);
	dev->driver.name[0] = '\0';
}

void host_pci_surprise(struct anyvfio_device *dev)
{
	function_lock(dev);
	WRITE_ONCE(dev->gone, true);
	function_update(dev);
	function_unlock(dev);
	host_vma_refresh(dev);
}

/* Started means open, and while it is open it stays bound. */
int host_pci_error(struct anyvfio_device *dev)
{
	int ret = -ENODEV;

	function_lock(dev);
	if (dev->started) {
		vfio_pci_error(dev->vdev);
		ret = 0;
	}
	function_unlock(dev);
	return ret;
}

void anyvfio_device_report_error(struct anyvfio_device *dev)
{
	struct vfio_pci_device *vdev = smp_load_acquire(&dev->vdev);

	if (vdev)
		vfio_pci_error(vdev);
}
