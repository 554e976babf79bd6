/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What host/user offers to run/ (the preload library and the launcher) and to
 * its own tests: the other side of port.h.
 *
 * Lives: host_start() once per process, on the first call that concerns us.
 * After a fork the child starts clean: it forgets everything of the parent, its
 * inherited descriptors are dead (-ENODEV), and host_start() may be called anew.
 */
#ifndef ANYVFIO_HOST_H
#define ANYVFIO_HOST_H

#include "port.h"
#include "anyvfio/vfio.h"
#include "anyvfio/device.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

/* ---- life (host.c) ---- */

/**
 * struct host_config - what a run is made of; filled by run/ from the launcher
 * @devices:  "nvme,size=64M" and so on, one string per -d
 * @nr_devices: how many
 * @dma_entry_limit: 0: the default
 * @noiommu:  noiommu mode is on (N1), and grants PORT_CAP_RAWIO
 * @rundir:   the run's directory, or NULL without a launcher
 * @launcher: the launcher's process id, or 0
 */
struct host_config {
	char **devices;
	unsigned int nr_devices;
	unsigned int dma_entry_limit;
	bool noiommu;
	const char *rundir;
	int launcher;
};

/* Starts the core, type1 and every device; 0 or a negated errno after a
 * message.  @config must stay. */
int host_start(const struct host_config *config);
/* Closes everything as the end of a process does, and frees it all; for tests
 * and the launcher. */
void host_stop(void);
/* When no descriptor and no mapping is left and no thread is in a call or a handler
 * of the host: frees what is kept for such as are late. */
void host_free(void);
/**
 * enum host_event - what can happen to a device while programs run
 */
enum host_event {
	HOST_BIND,
	HOST_UNBIND,
	HOST_REMOVE,
	HOST_ADD,
	HOST_SURPRISE,
	HOST_ERROR,
};

/* Lets @event happen to the device @name; @driver is for HOST_BIND.  HOST_UNBIND
 * and HOST_REMOVE wait until no program has the device open.  For one device
 * there is one of the first three at a time.  0 or a negated errno. */
int host_event(enum host_event event, const char *name, const char *driver);
/* What host_start() was given; NULL before it and after host_stop(). */
const struct host_config *host_current_config(void);
/* A thread of the host's: no signal but SIGSEGV, SIGBUS and libc's own reaches
 * it.  @name shows in /proc.  0 or a negated errno. */
int host_thread_start(pthread_t *thread, const char *name,
		      void *(*fn)(void *data), void *data);

/* ---- calls on paths and descriptors (file.c, node.c) ---- */

/* A new descriptor for a node below /dev/vfio ("vfio", "7", "noiommu-7"), or a
 * negated errno; -ENOENT when there is no such node.  @flags as for open(2). */
int host_node_open(const char *name, int flags);
/* Calls @fn with each node's name, "vfio" first, until it returns non-zero. */
int host_node_each(int (*fn)(const char *name, void *data), void *data);

/* True when @fd is a descriptor of ours: the calls below then serve it.  The
 * fast path of every wrapper: no lock, no system call. */
bool host_fd_is_ours(int fd);
/* True for a descriptor the host uses itself, which the program cannot see. */
bool host_fd_is_internal(int fd);
/* The lowest such descriptor from @fd on, or -1: for what sweeps a range. */
int host_fd_next_internal(int fd);
/* Hides @fd, fresh from a system call, from the program, under a high number:
 * that, or a negated errno and @fd is closed.  Not for a fork's child: it
 * closes all of them. */
int host_fd_internal(int fd);
void host_fd_internal_close(int fd);

/* As the system calls, with negated errnos.  -EBADF when not ours (it may have
 * been closed a moment ago). */
long host_fd_ioctl(int fd, unsigned long cmd, unsigned long arg);
ssize_t host_fd_pread(int fd, void *buf, size_t len, off_t pos);
ssize_t host_fd_pwrite(int fd, const void *buf, size_t len, off_t pos);
ssize_t host_fd_read(int fd, void *buf, size_t len);
ssize_t host_fd_write(int fd, const void *buf, size_t len);
off_t host_fd_lseek(int fd, off_t off, int whence);
void *host_fd_mmap(void *addr, size_t len, int prot, int flags, int fd,
		   off_t off); /* ERR_PTR() on error */
/* What /proc/self/fd/N of it says: "/dev/vfio/7", "anon_inode:[vfio-device]";
 * the length, or -EBADF. */
ssize_t host_fd_path(int fd, char *buf, size_t size);
/* Makes @st say what the node would: a character device. */
void host_fd_stat(int fd, struct stat *st);

/* close(2): drops what @fd stood for and closes the real descriptor too.  0 or a
 * negated errno. */
int host_fd_close(int fd);
/* The program's dup(), dup2(), dup3() or F_DUPFD made @new out of @old: it now
 * stands for the same, and no longer for what it stood for before.  Neither
 * need be ours.  0, or a negated errno and @new is closed. */
int host_fd_dup(int old, int new);
/* Another call than these just returned @fd, so it cannot be ours: forgets what
 * was closed behind our back (a raw system call, say). */
void host_fd_forget(int fd);
/* Every descriptor of ours from @first to @last; calls @fn. */
void host_fd_each(int first, int last, void (*fn)(int fd, void *data),
		  void *data);

/* ---- mappings of devices (vma.c) ---- */

/* True when some byte of [addr, addr+len) is in a mapping of ours: then the
 * calls below serve it.  No lock, no system call. */
bool host_vma_is_ours(const void *addr, size_t len);
/* munmap(2) of a range that need not be all ours; 0 or a negated errno. */
int host_vma_unmap(void *addr, size_t len);
/* Something else is about to cover [addr, addr+len), by MAP_FIXED say. */
void host_vma_gone(void *addr, size_t len);
/* [old, old+old_len) moved to new; both page aligned.  A mapping of a device
 * cannot grow: mremap() of one to more answers -EFAULT before that. */
void host_vma_moved(void *old, size_t old_len, void *new, size_t new_len);
/* mprotect(2) of a range that need not be all ours; 0 or a negated errno. */
int host_vma_protect(void *addr, size_t len, int prot);
/* The program uses /dev/kvm: trapped pages are no longer offered for mmap. */
void host_hide_traps(void);

/**
 * struct port_vma - a request to map a part of a description
 * @file:   the description; the mapping holds it
 * @offset: into the description
 * @size:   in whole pages
 * @flags:  PORT_VMA_*
 * @hint:   the address asked for, or NULL
 * @prot, @map_flags: as the program gave them
 * @addr:   where it is, once it is mapped
 */
struct port_vma {
	struct port_file *file;
	u64 offset;
	u64 size;
	unsigned int flags;
	void *hint;
	int prot;
	int map_flags;
	void *addr;
};

/**
 * struct host_vma_ops - what the hardware tells about its mappings
 * @rights: which rights of @prot (PROT_*) a program gets natively from byte
 *          @off of @bar on; what it does not get traps.  *@len: for how many
 *          bytes, whole pages, the answer holds.  A computation: it is called
 *          with the lock of the mappings held and must take none
 */
struct host_vma_ops {
	int (*rights)(void *hw, u32 bar, u64 off, int prot, u64 *len);
};

/* For bar_mmap(): maps @vma onto byte @off of @bar, whose memory lies at
 * @mem_off of @memfd (-1: it has none).  0 or a negated errno. */
int host_vma_map(struct port_vma *vma, const struct host_vma_ops *ops, void *hw,
		 u32 bar, u64 off, int memfd, u64 mem_off);
/* What rights() answers for @hw has changed.  When this returns all mappings
 * have the new ones. */
void host_vma_refresh(void *hw);

/**
 * struct host_vma_hit - what lies at an address of a mapping
 * @hw:   as given to host_vma_map(); NULL: it was the parent's before a fork,
 *        and nothing is behind it any more
 * @bar, @off: where in it
 * @len:  bytes from here to the end of the mapping
 * @prot: the rights the program asked for
 */
struct host_vma_hit {
	void *hw;
	u32 bar;
	int prot;
	u64 off;
	u64 len;
};

/* False when no mapping of ours is at @addr.  Takes no lock: for signal
 * handlers.  A hit can be old news when another thread unmaps. */
bool host_vma_find(const void *addr, struct host_vma_hit *hit);

/* ---- faults (fault.c, mmio.c) ---- */

/* Installs the handlers of SIGSEGV and SIGBUS; at most once a process. */
void host_fault_init(void);
/* sigaction() and signal() of the program on these two signals. */
int host_fault_sigaction(int sig, const struct sigaction *act,
			 struct sigaction *old);
/* A trapped access at @addr: finds the BAR, decodes the instruction at the
 * context's rip, lets the device answer, steps over it.  False: not ours. */
bool host_mmio_fault(ucontext_t *ctx, void *addr);

/* ---- the bus (bus.c) ---- */

#define HOST_DRIVER_LEN 32

/**
 * struct host_driver - a driver of the software bus
 * @name: its name
 * @managed_dma: it leaves the DMA of its devices to whoever owns the group
 *         (vfio-pci, pci-stub, bridges)
 */
struct host_driver {
	char name[HOST_DRIVER_LEN];
	bool managed_dma;
};

/* A device named @name in group @group_id (-1: behind no IOMMU). */
struct device *host_device_create(const char *name, int group_id);
/* Unbound and gone; the memory stays while somebody holds its group. */
void host_device_destroy(struct device *dev);
/* 0, or -EBUSY: the group's DMA is owned and @driver wants its own (V2). */
int host_device_bind(struct device *dev, const struct host_driver *driver);
void host_device_unbind(struct device *dev);
/* The number of its group, or of the one that noiommu mode makes for it. */
int host_device_group_id(struct device *dev);
/* The address space @dev does DMA in, or NULL: port_iommu_attach(). */
struct vfio_type1 *host_device_type1(struct device *dev);

/* ---- software functions (pci_device.c) ---- */

/* Makes a device from a -d string and binds its first driver to it; ERR_PTR()
 * after a message.  @index is its place on the command line. */
struct anyvfio_device *host_pci_create(const char *spec, unsigned int index,
				       const struct host_config *config);
/* Unbound and gone: as host_pci_unbind() does, it waits. */
void host_pci_destroy(struct anyvfio_device *dev);
/* Binds the driver @name; 0, -EBUSY when it has one or its group's DMA is owned
 * through VFIO and the driver wants its own (V2). */
int host_pci_bind(struct anyvfio_device *dev, const char *name);
/* From its driver, if it has one.  Asks the program that has it open to let go,
 * and waits until it has (B3). */
void host_pci_unbind(struct anyvfio_device *dev);
/* It was pulled out: reads are ones from now on, nothing else happens. */
void host_pci_surprise(struct anyvfio_device *dev);
/* As if its port had reported a fatal error: ERR.  -ENODEV: it is not open. */
int host_pci_error(struct anyvfio_device *dev);
/* For `anyvfio devices` and the /sys tree. */
const struct anyvfio_model *host_model(unsigned int i); /* NULL: no more */

/* What the launcher needs to lay out /sys for a device. */
struct host_pci_sysfs {
	char name[16]; /* 0000:01:00.0 */
	char driver[HOST_DRIVER_LEN]; /* empty: none */
	int group; /* its own, or the one that is made for it */
	bool noiommu; /* the group is a made-up one */
	bool grouped; /* it is in it */
	uint16_t config_size;
	uint8_t config[4096];
	struct {
		uint64_t start, last, flags; /* as the resource file */
	} resource[13];
};

void host_pci_sysfs(struct anyvfio_device *dev, struct host_pci_sysfs *out);

/* ---- messages (log.c) ---- */

/* Where lines go: a descriptor, 2 by default; each is one write(2). */
void host_log_set(int fd, enum port_level level);
/* For tests: the last lines, newest last, joined by newlines. */
const char *host_log_captured(void);
void host_log_capture(bool on);

#endif /* ANYVFIO_HOST_H */
