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
 * @config_read: the program reads @size bytes (1, 2, 4; aligned) of a capability
 *           of the model's own (anyvfio_pci_add_cap()): what it sees instead of
 *           @val, which is there.  anyvfio_pci_config() does not ask
 * @config_written: the program changed bytes of such a capability
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
	uint32_t (*config_read)(void *priv, unsigned int off, unsigned int size,
				uint32_t val);
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

/**
 * anyvfio_model - what -d ./mydevice.so looks for in the shared object
 *
 * In C++ it is defined inside extern "C", and with a value for each member.
 */
extern const struct anyvfio_model anyvfio_model;

/**
 * anyvfio_device_option() - the value of an option
 * @dev: the device that is being made
 * @name: one of the model's options
 *
 * Returns the text as it was given, commas no longer doubled, valid as long as
 * the device; NULL when it was not given.
 */
const char *anyvfio_device_option(struct anyvfio_device *dev, const char *name);

/**
 * anyvfio_device_option_size() - the value of an option, in bytes
 * @dev: the device that is being made
 * @name: one of the model's options
 * @def: what it is when it was not given
 * @size: where it goes
 *
 * A number in C's notation with a suffix or none: K, M, G, T are powers of 1024.
 *
 * Returns 0, or -EINVAL after a message.
 */
int anyvfio_device_option_size(struct anyvfio_device *dev, const char *name,
			       uint64_t def, uint64_t *size);

/**
 * anyvfio_device_error() - a line for the person who started the program
 * @dev: the device, whose name and model come first in the line
 * @fmt: as printf(); without a newline
 */
void anyvfio_device_error(struct anyvfio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * anyvfio_device_info() - the same for what is no error, but worth knowing
 * @dev: the device
 * @fmt: as printf(); without a newline
 *
 * It is shown with `anyvfio run -v`.
 */
void anyvfio_device_info(struct anyvfio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * anyvfio_device_name() - where the device is
 * @dev: the device
 *
 * Returns its address, "0000:01:00.0", valid as long as the device.
 */
const char *anyvfio_device_name(struct anyvfio_device *dev);

/**
 * anyvfio_device_memory() - memory that lives as long as the run
 * @dev: the device; from its @start on
 * @id: tells the device's memories apart
 * @size: in bytes
 *
 * All programs that one `anyvfio run` starts see the same.  It is zero at first,
 * and sparse: its pages come into being as they are touched.
 *
 * Returns a descriptor that the program cannot see, for mmap(), pread() and
 * their kin, or a negated errno after a message.  anyvfio_fd_close() closes it.
 */
int anyvfio_device_memory(struct anyvfio_device *dev, unsigned int id,
			  uint64_t size);

/**
 * anyvfio_fd_hide() - keeps a descriptor from the program
 * @fd: fresh from a system call
 *
 * The program shares its descriptors with the models in it, and may close all
 * from 3 on.
 *
 * Returns the descriptor's new number, or a negated errno and @fd is closed.
 */
int anyvfio_fd_hide(int fd);

/**
 * anyvfio_fd_close() - closes a hidden descriptor
 * @fd: from anyvfio_fd_hide() or anyvfio_device_memory()
 */
void anyvfio_fd_close(int fd);

/* ---- building a function; only in @create ---- */

/*
 * Each of these says what is wrong with it in a message, and the device is then
 * not made, whether or not the model looks at the answer.
 */

/**
 * anyvfio_device_set_ops() - what the model does; every device needs it
 * @dev: the device that is being made
 * @ops: stays valid as long as the device
 * @priv: given to each of them
 */
void anyvfio_device_set_ops(struct anyvfio_device *dev,
			    const struct anyvfio_device_ops *ops, void *priv);

/**
 * struct anyvfio_pci_id - the identity in config space
 * @vendor: as all of these, what the PCI specification puts in the header
 * @device: of the vendor
 * @subsystem_vendor: of the board
 * @subsystem_device: of the board
 * @class_code: 24 bits: class, subclass, interface, as 0x010802
 * @revision: of the device
 */
struct anyvfio_pci_id {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code;
	uint8_t revision;
};

/**
 * anyvfio_pci_set_id() - the device's identity; every device needs it
 * @dev: the device that is being made
 * @id: is copied
 */
void anyvfio_pci_set_id(struct anyvfio_device *dev,
			const struct anyvfio_pci_id *id);

/**
 * anyvfio_pci_add_express() - makes it a PCI Express endpoint
 * @dev: the device that is being made
 *
 * It then has a function-level reset, 4096 bytes of config space instead of 256,
 * and VFIO's ERR interrupt.
 *
 * Returns 0, or -EPERM after @create.
 */
int anyvfio_pci_add_express(struct anyvfio_device *dev);

/**
 * anyvfio_pci_add_pm() - a power-management capability
 * @dev: the device that is being made
 *
 * With the states D0 and D3hot; in D3hot it neither decodes nor does DMA.
 *
 * Returns 0, or -EPERM after @create.
 */
int anyvfio_pci_add_pm(struct anyvfio_device *dev);

/* What a BAR is: I/O ports; memory with 64 address bits, which takes the next
 * BAR's place, too; memory that may be prefetched. */
#define ANYVFIO_BAR_IO 1u
#define ANYVFIO_BAR_64 2u
#define ANYVFIO_BAR_PREFETCH 4u

/**
 * anyvfio_pci_add_bar() - registers or memory that the program reaches
 * @dev: the device that is being made
 * @bar: 0 to 5
 * @size: in bytes, a power of two: for I/O ports 4 to 256, for memory 4 KiB to
 *        2 GiB, with 64 address bits to 1 TiB
 * @flags: ANYVFIO_BAR_*; 0 is memory with 32 address bits
 *
 * All of it is trapped until anyvfio_pci_set_pages() says otherwise.  Programs
 * reach I/O ports by read() and write() alone, as VFIO has it.
 *
 * Returns 0, -EINVAL, or -EPERM after @create.
 */
int anyvfio_pci_add_bar(struct anyvfio_device *dev, unsigned int bar,
			uint64_t size, unsigned int flags);

/**
 * enum anyvfio_page - what a page of a memory BAR is
 * @ANYVFIO_PAGE_TRAPPED: each access calls the model (the default); about 3 us
 * @ANYVFIO_PAGE_READ_DIRECT: reads see the BAR's memory, writes call the model
 * @ANYVFIO_PAGE_PLAIN: memory; the model looks at it when it wants to
 */
enum anyvfio_page {
	ANYVFIO_PAGE_TRAPPED,
	ANYVFIO_PAGE_READ_DIRECT,
	ANYVFIO_PAGE_PLAIN,
};

/**
 * anyvfio_pci_set_pages() - what some pages of a memory BAR are
 * @dev: the device that is being made
 * @bar: a memory BAR that was added
 * @off: of the first page in the BAR, in bytes: a multiple of 4 KiB
 * @len: in bytes, a multiple of 4 KiB
 * @kind: of all of them
 *
 * Returns 0, -EINVAL, -EEXIST when a page is set twice, -ENOSPC beyond 32
 * stretches in a device, or -EPERM after @create.
 */
int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind);

/**
 * anyvfio_pci_add_msix() - MSI-X, whose table and pending bits are kept for it
 * @dev: the device that is being made
 * @vectors: 1 to 2048
 * @bar: a memory BAR, whose pages there are trapped ones
 * @table_off: of the table in it, in bytes: a multiple of 8; 16 bytes a vector
 * @pba_off: of the pending bits in it, the same; 8 bytes for 64 vectors
 *
 * Returns 0, -EINVAL, or -EPERM after @create.
 */
int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off,
			 uint32_t pba_off);

/**
 * anyvfio_pci_add_msi() - MSI, with a mask bit per vector
 * @dev: the device that is being made
 * @vectors: a power of two up to 32
 *
 * Returns 0, -EINVAL, or -EPERM after @create.
 */
int anyvfio_pci_add_msi(struct anyvfio_device *dev, unsigned int vectors);

/**
 * anyvfio_pci_add_intx() - an interrupt pin, INTA
 * @dev: the device that is being made
 *
 * Returns 0, or -EPERM after @create.
 */
int anyvfio_pci_add_intx(struct anyvfio_device *dev);

/**
 * anyvfio_pci_add_cap() - a capability of the model's own
 * @dev: the device that is being made
 * @id: 0x09 is a vendor's
 * @data: what it is after power-on, without its two header bytes
 * @writable: has a 1 for each bit a program may change; NULL: none
 * @len: of both, in bytes
 *
 * Reads and writes of it call the model's @config_read and @config_written, if
 * it has them.
 *
 * Returns where in config space it lies, -ENOSPC beyond 8 of them or the first
 * 256 bytes of config space, or -EPERM after @create.
 */
int anyvfio_pci_add_cap(struct anyvfio_device *dev, uint8_t id,
			const void *data, const void *writable, size_t len);

/* ---- a running device ---- */

/**
 * anyvfio_device_lock() - takes the device's lock
 * @dev: the device
 *
 * For threads of the model's own: its operations are called with it.  A thread
 * has one such lock at most, and once.
 */
void anyvfio_device_lock(struct anyvfio_device *dev);

/**
 * anyvfio_device_unlock() - lets the device's lock go
 * @dev: the device
 */
void anyvfio_device_unlock(struct anyvfio_device *dev);

/**
 * anyvfio_pci_bar_memory() - the memory behind read-direct and plain pages
 * @dev: the device; from @start to @stop
 * @bar: one that has such pages
 *
 * Returns where the BAR's first byte would be; trapped pages of it are memory
 * that nobody sees.  NULL when the BAR has no such pages.
 */
void *anyvfio_pci_bar_memory(struct anyvfio_device *dev, unsigned int bar);

/**
 * anyvfio_pci_config() - config space as the program left it
 * @dev: the device
 * @off: where, in bytes
 * @size: 1, 2 or 4 bytes
 *
 * Returns the value; bytes beyond config space are ones.
 */
uint32_t anyvfio_pci_config(struct anyvfio_device *dev, unsigned int off,
			    unsigned int size);

/**
 * anyvfio_dma_read() - the device reads the program's memory
 * @dev: the device
 * @iova: the address on the bus
 * @buf: where it goes
 * @len: in bytes; it may lie in several mappings
 *
 * Returns 0; -EFAULT after an IOMMU fault: @buf has what hit and is all ones
 * from there on; -EACCES, and all ones, while bus mastering is off.
 */
int anyvfio_dma_read(struct anyvfio_device *dev, uint64_t iova, void *buf,
		     size_t len);

/**
 * anyvfio_dma_write() - the device writes the program's memory
 * @dev: the device
 * @iova: the address on the bus
 * @buf: what is written
 * @len: in bytes; it may lie in several mappings
 *
 * Returns 0; -EFAULT after an IOMMU fault: what hit was written; -EACCES while
 * bus mastering is off.
 */
int anyvfio_dma_write(struct anyvfio_device *dev, uint64_t iova,
		      const void *buf, size_t len);

/**
 * struct anyvfio_dma - a piece of the program's memory, held for the device
 * @ptr: where it is.  The program may have unmapped its memory behind our
 *       back: touch it with system calls, or with anyvfio_dma_copy_*
 * @len: its length: up to what was asked for, less at a mapping's end
 * @priv: the host's
 *
 * The program's VFIO_IOMMU_UNMAP_DMA waits until it is let go.
 */
struct anyvfio_dma {
	void *ptr;
	size_t len;
	void *priv[3];
};

/**
 * anyvfio_dma_map() - holds a piece of the program's memory
 * @dev: the device
 * @iova: the address on the bus
 * @len: in bytes, at least 1
 * @write: the device is to change it; else it only reads
 * @dma: filled in; @dma->len may be less than @len: then ask for the rest
 *
 * Returns 0, -EFAULT after an IOMMU fault, -EACCES while bus mastering is off.
 */
int anyvfio_dma_map(struct anyvfio_device *dev, uint64_t iova, size_t len,
		    bool write, struct anyvfio_dma *dma);

/**
 * anyvfio_dma_map_whole() - holds the whole mapping around an address
 * @dev: the device
 * @iova: an address in it
 * @write: the device is to change it; else it only reads
 * @dma: filled in
 * @first: the address on the bus of its first byte
 *
 * For a device that touches many pieces in short time: one lookup for all.
 * Returns as anyvfio_dma_map().
 */
int anyvfio_dma_map_whole(struct anyvfio_device *dev, uint64_t iova, bool write,
			  struct anyvfio_dma *dma, uint64_t *first);

/**
 * anyvfio_dma_unmap() - lets such a piece go, before @stop and @reset return
 * @dev: the device
 * @dma: is cleared
 * @written: bytes from its start that the device changed: dirty pages for who
 *           tracks them
 */
void anyvfio_dma_unmap(struct anyvfio_device *dev, struct anyvfio_dma *dma,
		       size_t written);

/**
 * anyvfio_dma_copy_in() - memcpy() from the program's memory
 * @dst: the model's memory
 * @user: in a piece that is held
 * @len: in bytes
 *
 * Aligned pieces of 1, 2, 4 or 8 bytes are one access, and a later call comes
 * later.  Both sides may be the program's.  Returns 0, or -EFAULT when the memory
 * is not there.
 */
int anyvfio_dma_copy_in(void *dst, const void *user, size_t len);

/**
 * anyvfio_dma_copy_out() - memcpy() to the program's memory
 * @user: in a piece that is held for writing
 * @src: the model's memory
 * @len: in bytes
 *
 * Returns 0, or -EFAULT when the memory is not there.
 */
int anyvfio_dma_copy_out(void *user, const void *src, size_t len);

/**
 * anyvfio_irq_send() - sends an MSI-X or MSI vector, whichever is in use
 * @dev: the device, locked or not; from any thread
 * @vector: counted from 0
 *
 * A masked one waits in the pending bits.  With neither in use, and for vectors
 * that the program did not enable, it does nothing.
 */
void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector);

/**
 * anyvfio_irq_level() - drives the interrupt pin
 * @dev: the device, locked or not; from any thread
 * @asserted: until it is called with false
 */
void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted);

/**
 * anyvfio_device_report_error() - the device found itself broken
 * @dev: the device
 *
 * The program hears of it by VFIO's ERR interrupt.
 */
void anyvfio_device_report_error(struct anyvfio_device *dev);

struct anyvfio_thread;

/**
 * anyvfio_thread_start() - starts a thread of the model
 * @dev: the device; from @start on
 * @name: up to 15 letters, for debuggers
 * @fn: what it does
 * @priv: given to @fn
 * @thread: filled in
 *
 * It blocks all signals but SIGSEGV and SIGBUS, so that the program's are the
 * program's.
 *
 * Returns 0, or a negated errno after a message.
 */
int anyvfio_thread_start(struct anyvfio_device *dev, const char *name,
			 void (*fn)(void *priv), void *priv,
			 struct anyvfio_thread **thread);

/**
 * anyvfio_thread_join() - waits until a thread of the model has returned
 * @thread: is gone then
 *
 * In @stop, after telling it to end.  The device's lock is let go meanwhile.
 */
void anyvfio_thread_join(struct anyvfio_thread *thread);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* ANYVFIO_DEVICE_H */
