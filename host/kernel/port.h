/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The port of the core to the Linux kernel.  docs/port.md is the contract.
 *
 * Lists, locks, counts, completions and error pointers are the kernel's own, by
 * include; the services below have host/kernel/ behind them.
 */
#ifndef ANYVFIO_PORT_H
#define ANYVFIO_PORT_H

#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/vfio.h>

struct device;
struct iommu_group;
struct kvm;

/* ---- memory ---- */
static inline void *port_zalloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

static inline void *port_zalloc_array(size_t n, size_t size)
{
	return kvcalloc(n, size, GFP_KERNEL_ACCOUNT);
}

static inline void port_free(const void *ptr)
{
	kvfree(ptr);
}

/* ---- the caller's memory ---- */
static inline int __must_check port_copy_in(void *dst, const void __user *src,
					    size_t len)
{
	return copy_from_user(dst, src, len) ? -EFAULT : 0;
}

static inline int __must_check port_copy_out(void __user *dst, const void *src,
					     size_t len)
{
	return copy_to_user(dst, src, len) ? -EFAULT : 0;
}

static inline ssize_t __must_check port_copy_string(char *dst,
						    const char __user *src,
						    size_t size)
{
	long len = strncpy_from_user(dst, src, size);

	return len == (long)size ? -EINVAL : len;
}

/* ---- waiting ---- */
static inline int __must_check port_wait(struct completion *done,
					 unsigned int ms, bool interruptible)
{
	unsigned long timeout = msecs_to_jiffies(ms);
	long left;

	if (!interruptible)
		return wait_for_completion_timeout(done, timeout) ? 0 : -ETIME;
	left = wait_for_completion_interruptible_timeout(done, timeout);
	return left > 0 ? 0 : left ? -EINTR : -ETIME;
}

/* ---- descriptors: host/kernel/file.c ---- */
struct port_file; /* a struct file */
struct port_vma; /* a struct vm_area_struct */

#define PORT_VMA_READ 1u
#define PORT_VMA_WRITE 2u
#define PORT_VMA_SHARED 4u

struct port_file_ops {
	const char *name;
	void (*release)(void *priv);
	long (*ioctl)(void *priv, unsigned int cmd, unsigned long arg);
	ssize_t (*read)(void *priv, char __user *buf, size_t len, loff_t *pos);
	ssize_t (*write)(void *priv, const char __user *buf, size_t len,
			 loff_t *pos);
	int (*mmap)(void *priv, struct port_vma *vma);
};

int port_fd_reserve(void);
void port_fd_cancel(int fd);
struct port_file *port_file_create(const char *name,
				   const struct port_file_ops *ops, void *priv);
void port_fd_publish(int fd, struct port_file *file);
struct port_file *port_file_get(int fd);
void port_file_put(struct port_file *file);
void *port_file_priv(struct port_file *file, const struct port_file_ops *ops);

static inline u64 port_vma_offset(const struct port_vma *vma)
{
	return (u64)((const struct vm_area_struct *)vma)->vm_pgoff
	       << PAGE_SHIFT;
}

static inline u64 port_vma_size(const struct port_vma *vma)
{
	const struct vm_area_struct *v = (const struct vm_area_struct *)vma;

	return v->vm_end - v->vm_start;
}

static inline unsigned int port_vma_flags(const struct port_vma *vma)
{
	unsigned long flags = ((const struct vm_area_struct *)vma)->vm_flags;

	return (flags & VM_READ ? PORT_VMA_READ : 0) |
	       (flags & VM_WRITE ? PORT_VMA_WRITE : 0) |
	       (flags & VM_SHARED ? PORT_VMA_SHARED : 0);
}

/* ---- event descriptors: host/kernel/eventfd.c ---- */
struct port_eventfd; /* a struct eventfd_ctx */
struct port_watch;

struct port_eventfd *port_eventfd_get(int fd);
void port_eventfd_put(struct port_eventfd *eventfd);
void port_eventfd_signal(struct port_eventfd *eventfd);
struct port_watch *port_eventfd_watch(struct port_eventfd *eventfd,
				      void (*fn)(void *data), void *data);
void port_watch_cancel(struct port_watch *watch);

/* ---- devices, groups, ownership: host/kernel/group.c ---- */
const char *port_device_name(const struct device *dev);
bool port_device_has_iommu(const struct device *dev);
struct iommu_group *port_iommu_group_get(struct device *dev);
void port_iommu_group_put(struct iommu_group *group);
int port_iommu_group_id(const struct iommu_group *group);
struct iommu_group *port_iommu_group_make(struct device *dev, const char *name);
bool port_iommu_group_is_made(const struct iommu_group *group);
void port_iommu_group_remove_device(struct device *dev);
int port_iommu_group_claim(struct iommu_group *group, void *owner);
void port_iommu_group_release(struct iommu_group *group);
bool port_iommu_group_viable(struct iommu_group *group);
int port_group_node_add(int id, bool noiommu);
void port_group_node_del(int id, bool noiommu);

/* ---- an I/O address space: host/kernel/iommu.c ---- */
struct port_iommu;
struct vfio_type1;

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner);
void port_iommu_free(struct port_iommu *iommu);
int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group);
void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group);
u64 port_iommu_pgsizes(struct port_iommu *iommu);
bool port_iommu_coherent(struct port_iommu *iommu);
bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last);
bool port_iommu_tracks_dirty(struct port_iommu *iommu);
int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie);
void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie);
int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn);
void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot);
int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write);

/* ---- rights, modules, messages ---- */
enum port_cap { PORT_CAP_RAWIO, PORT_CAP_IPC_LOCK };

static inline bool port_capable(enum port_cap cap)
{
	return capable(cap == PORT_CAP_RAWIO ? CAP_SYS_RAWIO : CAP_IPC_LOCK);
}

bool port_noiommu_mode(void);

static inline void port_taint(void)
{
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
}

static inline bool port_module_get(struct module *owner)
{
	return try_module_get(owner);
}

static inline void port_module_put(struct module *owner)
{
	module_put(owner);
}

bool port_kvm_get(struct kvm *kvm);
void port_kvm_put(struct kvm *kvm);

#define PORT_TASK_LEN 32

static inline void port_task_name(char buf[PORT_TASK_LEN])
{
	snprintf(buf, PORT_TASK_LEN, "%s[%d]", current->comm,
		 task_pid_nr(current));
}

#define port_err(fmt, ...) pr_err_ratelimited("vfio: " fmt "\n", ##__VA_ARGS__)
#define port_warn(fmt, ...) \
	pr_warn_ratelimited("vfio: " fmt "\n", ##__VA_ARGS__)
#define port_info(fmt, ...) pr_info("vfio: " fmt "\n", ##__VA_ARGS__)
#define port_dbg(fmt, ...) pr_debug("vfio: " fmt "\n", ##__VA_ARGS__)

/* ---- notifier chains: the kernel's ---- */
static inline void blocking_notifier_init(struct blocking_notifier_head *nh)
{
	BLOCKING_INIT_NOTIFIER_HEAD(nh);
}

#endif /* ANYVFIO_PORT_H */
