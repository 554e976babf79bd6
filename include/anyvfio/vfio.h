/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The driver side of the VFIO core: what bus drivers, IOMMU drivers and
 * external users call, and what they are called through.  Rule numbers are
 * those of docs/rules.md.
 *
 * Include the host's port.h first: it brings the types and the uAPI.
 */
#ifndef ANYVFIO_VFIO_H
#define ANYVFIO_VFIO_H

struct vfio_device;
struct vfio_group;

/* ---- bus drivers (B) ---- */

/**
 * struct vfio_device_ops - what a bus driver does for a device
 * @name:    the driver's name, for messages
 * @owner:   what is held while a descriptor of the device is open (D3)
 * @admit:   a descriptor is wanted by somebody who says @options behind the
 *           device's name; NULL: nothing. 0, or an error for the caller. Comes
 *           before @open, each time. Without it there are no options
 * @open:    the first descriptor is about to be made; 0 or an error for the
 *           caller
 * @release: opposite of @open: the last descriptor was closed
 * @read:    read at *@pos; bytes done or an error
 * @write:   write at *@pos
 * @ioctl:   a VFIO_DEVICE_* command
 * @mmap:    map a range of the device's regions
 * @request: somebody wants the device back (B3); @count is how often it was
 *           asked before, from 0
 *
 * All but @name may be NULL; a missing operation answers -EINVAL (D1).
 * @data is what vfio_add_group_dev() was given.  No lock of the core's that
 * the driver could need is held during a call, so @open and @release may call
 * vfio_register_notifier() and vfio_pin_pages().
 */
struct vfio_device_ops {
	const char *name;
	struct module *owner;
	int (*admit)(void *data, const char *options);
	int (*open)(void *data);
	void (*release)(void *data);
	ssize_t (*read)(void *data, char __user *buf, size_t len, loff_t *pos);
	ssize_t (*write)(void *data, const char __user *buf, size_t len,
			 loff_t *pos);
	long (*ioctl)(void *data, unsigned int cmd, unsigned long arg);
	int (*mmap)(void *data, struct port_vma *vma);
	void (*request)(void *data, unsigned int count);
};

struct iommu_group *vfio_iommu_group_get(struct device *dev);
void vfio_iommu_group_put(struct iommu_group *group, struct device *dev);

int vfio_add_group_dev(struct device *dev, const struct vfio_device_ops *ops,
		       void *data);
void *vfio_del_group_dev(struct device *dev);

struct vfio_device *vfio_device_get_from_dev(struct device *dev);
void vfio_device_put(struct vfio_device *device);
void *vfio_device_data(struct vfio_device *device);

int vfio_set_irqs_validate_and_prepare(struct vfio_irq_set *hdr, int num_irqs,
				       int max_irq_type, size_t *data_size);
/* For a driver whose actions exclude one another: 0, or -EINVAL when @hdr does
 * not ask for exactly one. */
int vfio_set_irqs_one_action(const struct vfio_irq_set *hdr);

/**
 * struct vfio_info_cap - a chain of capabilities being built
 * @buf:  the chain, or NULL when it is empty
 * @size: its length in bytes
 */
struct vfio_info_cap {
	struct vfio_info_cap_header *buf;
	size_t size;
};

struct vfio_info_cap_header *
vfio_info_cap_add(struct vfio_info_cap *caps, size_t size, u16 id, u16 version);
void vfio_info_cap_shift(struct vfio_info_cap *caps, size_t offset);
int vfio_info_add_capability(struct vfio_info_cap *caps, int cap_type_id,
			     void *cap_type);

/* ---- IOMMU drivers (I) ---- */

/**
 * struct vfio_iommu_driver_ops - a backend: what programs the IOMMU for a
 * container
 * @name:    its name, for messages
 * @owner:   what is held while a container uses it (C6)
 * @open:    make the address space of one container; ERR_PTR() or its data.
 *           @arg is the extension that was asked for
 * @release: opposite of @open; no group is attached any more
 * @read, @write, @ioctl, @mmap: calls on the container's descriptor.  @ioctl
 *           also answers VFIO_CHECK_EXTENSION, with @data NULL before @open
 * @attach_group, @detach_group: a group joins or leaves the address space
 * @pin_pages, @unpin_pages: external users (X3)
 * @register_notifier, @unregister_notifier: external users (X4)
 *
 * @pin_pages, @unpin_pages, @read, @write, @mmap and the notifier calls may be
 * NULL.
 */
struct vfio_iommu_driver_ops {
	const char *name;
	struct module *owner;
	void *(*open)(unsigned long arg);
	void (*release)(void *data);
	ssize_t (*read)(void *data, char __user *buf, size_t len, loff_t *pos);
	ssize_t (*write)(void *data, const char __user *buf, size_t len,
			 loff_t *pos);
	long (*ioctl)(void *data, unsigned int cmd, unsigned long arg);
	int (*mmap)(void *data, struct port_vma *vma);
	int (*attach_group)(void *data, struct iommu_group *group);
	void (*detach_group)(void *data, struct iommu_group *group);
	int (*pin_pages)(void *data, unsigned long *user_pfn, int npage,
			 int prot, unsigned long *phys_pfn);
	int (*unpin_pages)(void *data, unsigned long *user_pfn, int npage);
	int (*register_notifier)(void *data, unsigned long *events,
				 struct notifier_block *nb);
	int (*unregister_notifier)(void *data, struct notifier_block *nb);
};

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);

/* ---- external users (X) ---- */

struct vfio_group *vfio_group_get_external_user(struct port_file *file);
void vfio_group_put_external_user(struct vfio_group *group);
bool vfio_external_group_match_file(struct vfio_group *group,
				    struct port_file *file);
int vfio_external_user_iommu_id(struct vfio_group *group);
long vfio_external_check_extension(struct vfio_group *group, unsigned long arg);

#define VFIO_PIN_PAGES_MAX_ENTRIES (PAGE_SIZE / sizeof(unsigned long))

int vfio_pin_pages(struct device *dev, unsigned long *user_pfn, int npage,
		   int prot, unsigned long *phys_pfn);
int vfio_unpin_pages(struct device *dev, unsigned long *user_pfn, int npage);

enum vfio_notify_type {
	VFIO_IOMMU_NOTIFY = 0,
	VFIO_GROUP_NOTIFY = 1,
};

/* Events of VFIO_IOMMU_NOTIFY: the data is a vfio_iommu_type1_dma_unmap. */
#define VFIO_IOMMU_NOTIFY_DMA_UNMAP BIT(0)
/* Events of VFIO_GROUP_NOTIFY: the data is the struct kvm or NULL. */
#define VFIO_GROUP_NOTIFY_SET_KVM BIT(0)

int vfio_register_notifier(struct device *dev, enum vfio_notify_type type,
			   unsigned long *events, struct notifier_block *nb);
int vfio_unregister_notifier(struct device *dev, enum vfio_notify_type type,
			     struct notifier_block *nb);

void vfio_group_set_kvm(struct vfio_group *group, struct kvm *kvm);

/* ---- the host's side: what a host calls to run the core (M) ---- */

int vfio_init(void);
void vfio_exit(void);

/* The opens of the two kinds of node.  On 0, *@priv belongs to a description
 * with vfio_container_fops or vfio_group_fops, whose release gives it back. */
int vfio_container_open(void **priv);
int vfio_group_open(int id, bool noiommu, void **priv);

extern const struct port_file_ops vfio_container_fops;
extern const struct port_file_ops vfio_group_fops;
extern const struct port_file_ops vfio_device_fops;

/* A device appeared in a group (V3). */
void vfio_group_device_added(struct iommu_group *group, struct device *dev);

#endif /* ANYVFIO_VFIO_H */
