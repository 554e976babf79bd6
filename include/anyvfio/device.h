/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software PCI devices: build one, then freeze it.
 *
 * A device model is a struct anyvfio_model.  Its @create makes a function with
 * the anyvfio_pci_* calls; when it returns, the function is frozen: what it is
 * can no longer change, and VFIO programs can open it.
 *
 * Which thread calls what
 *   A register access arrives in the thread of the program that made it, in
 *   the middle of that instruction: the model answers and returns.  Accesses to
 *   one device never overlap, and never overlap its @start, @stop or @reset:
 *   the device's lock is held.  Threads of a model's own take that lock with
 *   anyvfio_device_lock().
 *
 * DMA
 *   A device reaches only what the program mapped into its container, with the
 *   right it was mapped with, and only while bus mastering is on.  What hits
 *   nothing is an IOMMU fault: logged, counted, reads as all ones.  Behind no
 *   IOMMU (noiommu mode) its addresses are the program's own.
 */
#ifndef ANYVFIO_DEVICE_H
#define ANYVFIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Models in shared objects find these in the preload library. */
#pragma GCC visibility push(default)

#define ANYVFIO_DEVICE_API 1

struct anyvfio_device;

/**
 * struct anyvfio_option - an option of a model, as in -d MODEL,name=value
 * @name: without the equals sign
 * @help: one line: what it is, its default
 */
struct anyvfio_option {
	const char *name;
	const char *help;
};

/**
 * struct anyvfio_device_ops - what a model does; all but @destroy may be NULL
 * @start:   a program opened the device: memory, files and threads are made
 *           now; 0 or a negated errno for the opener.  @reset follows at once
 * @stop:    opposite of @start: when it returns no thread of the model runs and
 *           no DMA of it is in flight
 * @reset:   to the state after power-on; DMA in flight is finished or
 *           given up before it returns
 * @bar_read: the program reads @size bytes (1, 2, 4, 8; aligned) of a trapped
 *           page.  Sizes that the device cannot do are its own business
 * @bar_write: the program writes them
 * @config_written: the program changed bytes of a capability of the
 *           model's own (anyvfio_pci_add_cap())
 * @destroy: the device goes; frees @priv
 */
struct anyvfio_device_ops {
	int (*start)(void *priv);
	void (*stop)(void *priv);
	void (*reset)(void *priv);
	uint64_t (*bar_read)(void *priv, unsigned int bar, uint64_t off,
			     unsigned int size);
	void (*bar_write)(void *priv, unsigned int bar, uint64_t off,
			  unsigned int size, uint64_t val);
	void (*config_written)(void *priv, unsigned int off, unsigned int size);
	void (*destroy)(void *priv);
};

/**
 * struct anyvfio_model - a kind of device
 * @api:     ANYVFIO_DEVICE_API
 * @name:    what -d calls it
 * @summary: one line for `anyvfio devices`
 * @options: the options it takes, ended by a NULL name; addr= and group= are
 *           every device's and not listed
 * @create:  make the function @dev with the calls below; 0, or a negated errno
 *           after anyvfio_device_error() said what is wrong and with nothing
 *           left to destroy.  Nothing is opened that has a side effect on
 *           others: that is for @start
 */
struct anyvfio_model {
	unsigned int api;
	const char *name;
	const char *summary;
	const struct anyvfio_option *options;
	int (*create)(struct anyvfio_device *dev);
};

/* The value of an option, or NULL when it was not given. */
const char *anyvfio_device_option(struct anyvfio_device *dev, const char *name);
/* A size such as 64M or 0x1000 (suffixes K, M, G, T); @def when not given.
 * 0, or -EINVAL after an error message. */
int anyvfio_device_option_size(struct anyvfio_device *dev, const char *name,
			       uint64_t def, uint64_t *size);
/* A line for the person who started the program, prefixed by the device. */
void anyvfio_device_error(struct anyvfio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for what is no error, but worth knowing. */
void anyvfio_device_info(struct anyvfio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "0000:01:00.0" */
const char *anyvfio_device_name(struct anyvfio_device *dev);

/*
 * Memory that lives as long as the run (all programs that one `anyvfio run`
 * starts see the same), zero at first, sparse; from @start on.  @id tells the
 * device's memories apart.  A hidden descriptor, or a negated errno after a
 * message.
 */
int anyvfio_device_memory(struct anyvfio_device *dev, unsigned int id,
			  uint64_t size);
/*
 * The program shares its descriptors with the models in it, and may close all
 * from 3 on.  Hides @fd from it, under another number: that, or a negated errno
 * and @fd is closed.  What is hidden is closed by anyvfio_fd_close().
 */
int anyvfio_fd_hide(int fd);
void anyvfio_fd_close(int fd);

/* ---- building a function; only in @create ---- */

void anyvfio_device_set_ops(struct anyvfio_device *dev,
			    const struct anyvfio_device_ops *ops, void *priv);

/**
 * struct anyvfio_pci_id - the identity in config space
 * @class_code: 24 bits, as 0x010802
 */
struct anyvfio_pci_id {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code;
	uint8_t revision;
};

void anyvfio_pci_set_id(struct anyvfio_device *dev,
			const struct anyvfio_pci_id *id);
/* Makes it a PCI Express endpoint with FLR and 4096 bytes of config space. */
int anyvfio_pci_add_express(struct anyvfio_device *dev);
/* A power-management capability: D0 and D3hot. */
int anyvfio_pci_add_pm(struct anyvfio_device *dev);

#define ANYVFIO_BAR_IO 1u
#define ANYVFIO_BAR_64 2u
#define ANYVFIO_BAR_PREFETCH 4u
/* @size is a power of two, at least 4 KiB for memory. */
int anyvfio_pci_add_bar(struct anyvfio_device *dev, unsigned int bar,
			uint64_t size, unsigned int flags);

/**
 * enum anyvfio_page - what a page of a BAR is
 * @ANYVFIO_PAGE_TRAPPED: each access calls the model (the default)
 * @ANYVFIO_PAGE_READ_DIRECT: reads see the BAR's memory, writes call the model
 * @ANYVFIO_PAGE_PLAIN: memory; the model looks at it when it wants to
 */
enum anyvfio_page {
	ANYVFIO_PAGE_TRAPPED,
	ANYVFIO_PAGE_READ_DIRECT,
	ANYVFIO_PAGE_PLAIN,
};

/* Pages from @off for @len bytes, both multiples of 4 KiB. */
int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind);

/* The MSI-X table and pending bits are kept here, in trapped pages. */
int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off,
			 uint32_t pba_off);
/* @vectors: a power of two up to 32. */
int anyvfio_pci_add_msi(struct anyvfio_device *dev, unsigned int vectors);
/* An interrupt pin, INTA. */
int anyvfio_pci_add_intx(struct anyvfio_device *dev);
/* A capability of the model's own: @data after its two header bytes; @writable
 * has a 1 for each bit a program may change.  Its offset, or a negated errno. */
int anyvfio_pci_add_cap(struct anyvfio_device *dev, uint8_t id,
			const void *data, const void *writable, size_t len);

/* ---- a running device ---- */

void anyvfio_device_lock(struct anyvfio_device *dev);
void anyvfio_device_unlock(struct anyvfio_device *dev);

/* The memory behind a BAR's read-direct and plain pages; from @start on. */
void *anyvfio_pci_bar_memory(struct anyvfio_device *dev, unsigned int bar);
/* A capability's bytes as the program left them. */
uint32_t anyvfio_pci_config(struct anyvfio_device *dev, unsigned int off,
			    unsigned int size);

/* 0; -EFAULT after an IOMMU fault (the part that hit was copied; @buf of a
 * read is all ones from there on); -EACCES while bus mastering is off. */
int anyvfio_dma_read(struct anyvfio_device *dev, uint64_t iova, void *buf,
		     size_t len);
int anyvfio_dma_write(struct anyvfio_device *dev, uint64_t iova,
		      const void *buf, size_t len);

/**
 * struct anyvfio_dma - a piece of the program's memory, held for the device
 * @ptr: where it is.  The program may have unmapped its memory behind our
 *       back: touch it with system calls, or with anyvfio_dma_copy_*
 * @len: its length: up to what was asked for, less at a mapping's end
 *
 * The program's VFIO_IOMMU_UNMAP_DMA waits until it is let go.
 */
struct anyvfio_dma {
	void *ptr;
	size_t len;
	void *priv[3];
};

int anyvfio_dma_map(struct anyvfio_device *dev, uint64_t iova, size_t len,
		    bool write, struct anyvfio_dma *dma);
/* @written: bytes from the start that the device changed. */
void anyvfio_dma_unmap(struct anyvfio_device *dev, struct anyvfio_dma *dma,
		       size_t written);
/* memcpy() that answers -EFAULT when the user's side is not there. */
int anyvfio_dma_copy_in(void *dst, const void *user, size_t len);
int anyvfio_dma_copy_out(void *user, const void *src, size_t len);

/* Sends MSI-X or MSI vector @vector, whichever the program uses; masked
 * ones wait in the pending bits.  With neither in use it does nothing. */
void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector);
/* Drives the interrupt pin. */
void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted);
/* The device found itself broken: the program's ERR interrupt. */
void anyvfio_device_report_error(struct anyvfio_device *dev);

/* Starts a thread of the model: blocks all signals but SIGSEGV and SIGBUS.
 * Join it in @stop with anyvfio_thread_join(), which lets the device's lock go
 * while it waits. */
struct anyvfio_thread;
int anyvfio_thread_start(struct anyvfio_device *dev, const char *name,
			 void (*fn)(void *priv), void *priv,
			 struct anyvfio_thread **thread);
void anyvfio_thread_join(struct anyvfio_thread *thread);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* ANYVFIO_DEVICE_H */
