/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What host/user offers to run/ (the preload library and the launcher) and to
 * its own tests: the other side of port.h.
 *
 * Lives: host_start() once per process, on the first call that concerns us;
 * after a fork the child starts clean: host_after_fork() forgets everything of
 * the parent without closing its descriptors' objects a second time.
 */
#ifndef ANYVFIO_HOST_H
#define ANYVFIO_HOST_H

#include "port.h"
#include "anyvfio/vfio.h"
#include "anyvfio/device.h"

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

/* As the system calls, with negated errnos.  -EBADF when not ours (it may have
 * been closed a moment ago). */
long host_fd_ioctl(int fd, unsigned long cmd, unsigned long arg);
ssize_t host_fd_pread(int fd, void *buf, size_t len, off_t pos);
ssize_t host_fd_pwrite(int fd, const void *buf, size_t len, off_t pos);
ssize_t host_fd_read(int fd, void *buf, size_t len);
ssize_t host_fd_write(int fd, const void *buf, size_t len);
off_t host_fd_lseek(int fd, off_t off, int whence);
void *host_fd_mmap(void *addr, size_t len, int prot, int flags, int fd,
		   off_t off);	/* ERR_PTR() on error */
/* What /proc/self/fd/N of it says: "/dev/vfio/7", "anon_inode:[vfio-device]";
 * the length, or -EBADF. */
ssize_t host_fd_path(int fd, char *buf, size_t size);
/* Makes @st say what the node would: a character device. */
void host_fd_stat(int fd, struct stat *st);

/* @fd was closed, or is about to be replaced: drops what it stood for.  The
 * real descriptor is closed too.  0 or a negated errno. */
int host_fd_close(int fd);
/* @new is a fresh descriptor of the same description as @old. */
int host_fd_dup(int old, int new);
/* Every descriptor of ours from @first to @last; calls @fn. */
void host_fd_each(int first, int last, void (*fn)(int fd, void *data),
		  void *data);

/* The program unmapped, remapped or covered [addr, addr+len). */
void host_vma_gone(void *addr, size_t len);
/* [old, old+old_len) moved to new; both page aligned. */
void host_vma_moved(void *old, size_t old_len, void *new, size_t new_len);
/* mprotect() on a range of ours: true when it was ours, and is done. */
bool host_vma_protect(void *addr, size_t len, int prot);
/* The program uses /dev/kvm: trapped pages are no longer offered for mmap. */
void host_hide_traps(void);

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

/**
 * struct host_driver - a driver of the software bus
 * @name: its name
 * @managed_dma: it leaves the DMA of its devices to whoever owns the group
 *         (vfio-pci, pci-stub, bridges)
 */
struct host_driver {
	const char *name;
	bool managed_dma;
};

/* A device named @name in group @group_id (-1: behind no IOMMU). */
struct device *host_device_create(const char *name, int group_id);
/* Unbound and gone; the memory stays while somebody holds its group. */
void host_device_destroy(struct device *dev);
/* 0, or -EBUSY: the group's DMA is owned and @driver wants its own (V2). */
int host_device_bind(struct device *dev, const struct host_driver *driver);
void host_device_unbind(struct device *dev);
/* The address space @dev does DMA in, or NULL: port_iommu_attach(). */
struct vfio_type1 *host_device_type1(struct device *dev);

/* ---- software functions (pci_device.c) ---- */

/* Makes a device from a -d string and binds vfio-pci to it; ERR_PTR() after a
 * message.  @index is its place on the command line. */
struct anyvfio_device *host_pci_create(const char *spec, unsigned int index,
				       const struct host_config *config);
void host_pci_destroy(struct anyvfio_device *dev);
/* For `anyvfio devices` and the /sys tree. */
const struct anyvfio_model *host_model(unsigned int i);	/* NULL: no more */

/* What the launcher needs to lay out /sys for a device. */
struct host_pci_sysfs {
	char name[16];			/* 0000:01:00.0 */
	int group;
	uint16_t config_size;
	uint8_t config[4096];
	struct {
		uint64_t start, last, flags;	/* as the resource file */
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
