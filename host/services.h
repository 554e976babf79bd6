/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The services of the port as the hosts outside the kernel declare them.
 * host/user/port.h and host/sim/port.h include this after their locks.
 * docs/port.md is the contract; this file only has the shapes.
 */
#ifndef ANYVFIO_HOST_SERVICES_H
#define ANYVFIO_HOST_SERVICES_H

struct device; /* a device on a bus of the host */
struct iommu_group; /* the smallest set the IOMMU can isolate */
struct module; /* what holds the code of a driver */
struct kvm; /* a virtual machine, for external users */

/* ---- memory ---- */
void *port_zalloc(size_t size);
void *port_zalloc_array(size_t n, size_t size);
void port_free(const void *ptr);

/* ---- the caller's memory ---- */
int __must_check port_copy_in(void *dst, const void __user *src, size_t len);
int __must_check port_copy_out(void __user *dst, const void *src, size_t len);
/* Copies a string with its end; its length, -EFAULT, or -EINVAL if no end
 * is found within @size bytes. */
ssize_t __must_check port_copy_string(char *dst, const char __user *src,
				      size_t size);

/* ---- waiting ---- */
/* 0 once completed (and takes one completion), -ETIME after @ms, -EINTR when
 * a signal came first and @interruptible. */
int __must_check port_wait(struct completion *done, unsigned int ms,
			   bool interruptible);

/* ---- descriptors ---- */
struct port_file; /* an open description: one open, many fds */
struct port_vma; /* a request to map part of one */

#define PORT_VMA_READ 1u
#define PORT_VMA_WRITE 2u
#define PORT_VMA_SHARED 4u

/* All but @release may be NULL: the call then fails with -EINVAL
 * (ioctl: -ENOTTY).  @pos is where a positioned or plain call starts. */
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
/* The description behind @fd with a reference, or ERR_PTR(-EBADF).  It need
 * not be one of ours: port_file_priv() tells. */
struct port_file *port_file_get(int fd);
void port_file_put(struct port_file *file);
/* @priv of a description made with @ops; NULL for any other. */
void *port_file_priv(struct port_file *file, const struct port_file_ops *ops);

u64 port_vma_offset(const struct port_vma *vma); /* bytes */
u64 port_vma_size(const struct port_vma *vma); /* bytes */
unsigned int port_vma_flags(const struct port_vma *vma);

/* ---- event descriptors ---- */
struct port_eventfd;
struct port_watch;

/* ERR_PTR(-EBADF) for no descriptor, ERR_PTR(-EINVAL) for another kind. */
struct port_eventfd *port_eventfd_get(int fd);
void port_eventfd_put(struct port_eventfd *eventfd);
void port_eventfd_signal(struct port_eventfd *eventfd);
/* Calls @fn each time the descriptor is signalled, taking the count; never
 * twice at once.  Cancelling waits for a call in progress; not to be used
 * from @fn.  The watch holds the eventfd. */
struct port_watch *port_eventfd_watch(struct port_eventfd *eventfd,
				      void (*fn)(void *data), void *data);
void port_watch_cancel(struct port_watch *watch);

/* ---- devices, groups, and who owns their DMA ---- */
const char *port_device_name(const struct device *dev);
bool port_device_has_iommu(const struct device *dev);
struct iommu_group *port_iommu_group_get(struct device *dev);
void port_iommu_group_put(struct iommu_group *group);
int port_iommu_group_id(const struct iommu_group *group);
/* Makes a group named @name for @dev, which has none; ERR_PTR(-ENOMEM). */
struct iommu_group *port_iommu_group_make(struct device *dev, const char *name);
bool port_iommu_group_is_made(const struct iommu_group *group);
void port_iommu_group_remove_device(struct device *dev);
/* 0; -EPERM: somebody owns it; -EBUSY: a native driver uses it. */
int port_iommu_group_claim(struct iommu_group *group, void *owner);
void port_iommu_group_release(struct iommu_group *group);
/* Could be claimed now, or is owned by VFIO: rule V1. */
bool port_iommu_group_viable(struct iommu_group *group);
int port_group_node_add(int id, bool noiommu);
void port_group_node_del(int id, bool noiommu);

/* ---- an I/O address space of the host's IOMMU, for type1 ---- */
struct port_iommu;
struct vfio_type1;

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner);
void port_iommu_free(struct port_iommu *iommu);
int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group);
void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group);
u64 port_iommu_pgsizes(struct port_iommu *iommu);
bool port_iommu_coherent(struct port_iommu *iommu);
/* Range @i of the usable IOVAs, ascending; false when there is none. */
bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last);
/* The host sees each write of a device: pages need not be presumed dirty. */
bool port_iommu_tracks_dirty(struct port_iommu *iommu);
/* Holds user memory in place and makes it reachable.  @prot is a mask of
 * VFIO_DMA_MAP_FLAG_*.  -EFAULT: not there, or not with these rights;
 * -ENOMEM: no memory, or above the caller's locked-memory limit. */
int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie);
void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie);
/* One page for an external user: its frame number on this host. */
int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn);
void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot);
/* Copies between a mapped range and @buf; -EFAULT when it has gone. */
int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write);

/* ---- rights, modules, messages ---- */
enum port_cap { PORT_CAP_RAWIO, PORT_CAP_IPC_LOCK };

bool port_capable(enum port_cap cap);
bool port_noiommu_mode(void);
void port_taint(void);
bool port_module_get(struct module *owner);
void port_module_put(struct module *owner);
bool port_kvm_get(struct kvm *kvm);
void port_kvm_put(struct kvm *kvm);

#define PORT_TASK_LEN 32
/* "name[pid]" of the caller, for messages. */
void port_task_name(char buf[PORT_TASK_LEN]);

enum port_level { PORT_ERR, PORT_WARN, PORT_INFO, PORT_DBG };
void __printf(2, 3) port_log(enum port_level level, const char *fmt, ...);
#define port_err(...) port_log(PORT_ERR, __VA_ARGS__)
#define port_warn(...) port_log(PORT_WARN, __VA_ARGS__)
#define port_info(...) port_log(PORT_INFO, __VA_ARGS__)
#define port_dbg(...) port_log(PORT_DBG, __VA_ARGS__)

/* ---- notifier chains that may sleep; Linux's names and meaning ---- */
#define NOTIFY_DONE 0
#define NOTIFY_OK 1

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long action,
			     void *data);
	struct notifier_block *next;
	int priority;
};

struct blocking_notifier_head {
	struct rw_semaphore rwsem;
	struct notifier_block *head;
};

/* In line, so that each place has a lock class of its own: a callback may use
 * another chain. */
#define blocking_notifier_init(nh)        \
	do {                              \
		init_rwsem(&(nh)->rwsem); \
		(nh)->head = NULL;        \
	} while (0)

/* -EEXIST when @nb is on the chain already. */
int blocking_notifier_chain_register(struct blocking_notifier_head *nh,
				     struct notifier_block *nb);
/* -ENOENT when it is not on it. */
int blocking_notifier_chain_unregister(struct blocking_notifier_head *nh,
				       struct notifier_block *nb);
int blocking_notifier_call_chain(struct blocking_notifier_head *nh,
				 unsigned long action, void *data);

#endif /* ANYVFIO_HOST_SERVICES_H */
