/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * BARs of a software function.  Pages of memory are in the function's memfd,
 * where programs map them and the model sees them; all other accesses come here,
 * from the bus driver or from a page fault, and go on to the model.
 */
#include "pci_device.h"
#include "sys.h"

static u64 ones(u32 size)
{
	return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

/* ---- memory of read-direct and plain pages ---- */

/* 0, or a negated errno and what was mapped is for function_memory_free(). */
static int map_memory(struct anyvfio_device *fn)
{
	struct function_bar *bar;
	void *mem;

	for (bar = fn->bar; bar < fn->bar + VFIO_PCI_NR_BARS; bar++) {
		if (!bar->mem_len)
			continue;
		mem = sys_mmap(NULL, bar->mem_len, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_NORESERVE, fn->memfd,
			       bar->mem_off);
		if (IS_ERR(mem))
			return PTR_ERR(mem);
		bar->mem = mem;
	}
	return 0;
}

int function_memory_create(struct anyvfio_device *fn)
{
	struct function_bar *bar;
	u64 size = 0;
	int ret;

	lockdep_assert_held(&fn->lock);
	for (bar = fn->bar; bar < fn->bar + VFIO_PCI_NR_BARS; bar++)
		size += bar->mem_len;
	if (!size)
		return 0;
	ret = syscall6(SYS_memfd_create, (long)"anyvfio-bar", MFD_CLOEXEC, 0, 0,
		       0, 0);
	if (ret >= 0)
		ret = host_fd_internal(ret);
	if (ret < 0)
		goto err_out;
	fn->memfd = ret;
	ret = syscall6(SYS_ftruncate, fn->memfd, size, 0, 0, 0, 0);
	if (!ret)
		ret = map_memory(fn);
	if (ret)
		goto err_free;
	return 0;

err_free:
	function_memory_free(fn);
err_out:
	function_err(fn, "no memory for its BARs: %s", strerror(-ret));
	return ret;
}

void function_memory_free(struct anyvfio_device *fn)
{
	struct function_bar *bar;

	lockdep_assert_held(&fn->lock);
	for (bar = fn->bar; bar < fn->bar + VFIO_PCI_NR_BARS; bar++) {
		if (bar->mem)
			sys_munmap(bar->mem, bar->mem_len);
		bar->mem = NULL;
	}
	if (fn->memfd >= 0)
		host_fd_internal_close(fn->memfd);
	fn->memfd = -1;
}

void *anyvfio_pci_bar_memory(struct anyvfio_device *dev, unsigned int bar)
{
	return bar < VFIO_PCI_NR_BARS ? dev->bar[bar].mem : NULL;
}

/* ---- one access ---- */

/* A late fault may come with anything: see the life in pci_device.h. */
static bool reaches(const struct anyvfio_device *fn, u32 bar, u64 off, u32 size)
{
	lockdep_assert_held(&fn->lock);
	if (!fn->started || fn->gone || bar >= VFIO_PCI_NR_BARS ||
	    off >= fn->bar[bar].size || size > fn->bar[bar].size - off)
		return false;
	if (fn->bar[bar].flags & ANYVFIO_BAR_IO)
		return function_config_get(fn, CFG_COMMAND, 2) & COMMAND_IO;
	return fn->decodes;
}

/* The program may do the same at the same time: that is its business, but the
 * access must be one. */
static u64 load_memory(const u8 *from, u32 size)
{
	switch (size) {
	case 1:
		return READ_ONCE(*from);
	case 2:
		return READ_ONCE(*(const u16 *)from);
	case 4:
		return READ_ONCE(*(const u32 *)from);
	default:
		return READ_ONCE(*(const u64 *)from);
	}
}

static void store_memory(u8 *to, u32 size, u64 val)
{
	switch (size) {
	case 1:
		WRITE_ONCE(*to, val);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)to, val);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)to, val);
		break;
	default:
		WRITE_ONCE(*(u64 *)to, val);
		break;
	}
}

u64 function_bar_load(struct anyvfio_device *fn, u32 bar, u64 off, u32 size)
{
	u64 len;

	if (!reaches(fn, bar, off, size))
		return ones(size);
	if (function_msix_owns(fn, bar, off))
		return function_msix_load(fn, off, size);
	if (function_page(fn, bar, off, &len) != ANYVFIO_PAGE_TRAPPED)
		return load_memory(fn->bar[bar].mem + off, size);
	if (!fn->ops->bar_read)
		return 0;
	return fn->ops->bar_read(fn->priv, bar, off, size) & ones(size);
}

void function_bar_store(struct anyvfio_device *fn, u32 bar, u64 off, u32 size,
			u64 val)
{
	u64 len;

	if (!reaches(fn, bar, off, size))
		return;
	if (function_msix_owns(fn, bar, off))
		function_msix_store(fn, off, size, val);
	else if (function_page(fn, bar, off, &len) == ANYVFIO_PAGE_PLAIN)
		store_memory(fn->bar[bar].mem + off, size, val);
	else if (fn->ops->bar_write)
		fn->ops->bar_write(fn->priv, bar, off, size, val & ones(size));
}

u64 function_bar_read(void *hw, u32 bar, u64 off, u32 size)
{
	struct anyvfio_device *fn = hw;
	u64 val;

	function_lock(fn);
	val = function_bar_load(fn, bar, off, size);
	function_unlock(fn);
	return val;
}

void function_bar_write(void *hw, u32 bar, u64 off, u32 size, u64 val)
{
	struct anyvfio_device *fn = hw;

	function_lock(fn);
	function_bar_store(fn, bar, off, size, val);
	function_unlock(fn);
}

/* ---- mappings ---- */

/* Called with the lock of the mappings held: looks at constants and one flag. */
static int rights(void *hw, u32 bar, u64 off, int prot, u64 *len)
{
	const struct anyvfio_device *fn = hw;

	if (!READ_ONCE(fn->decodes)) {
		*len = fn->bar[bar].size - off;
		return PROT_NONE;
	}
	switch (function_page(fn, bar, off, len)) {
	case ANYVFIO_PAGE_PLAIN:
		return prot;
	case ANYVFIO_PAGE_READ_DIRECT:
		/* The processor has no pages that can only be written. */
		return prot & (PROT_READ | PROT_WRITE) ? PROT_READ : PROT_NONE;
	default:
		return PROT_NONE;
	}
}

const struct host_vma_ops function_vma_ops = {
	.rights = rights,
};

int function_bar_mmap(void *hw, u32 bar, u64 off, struct port_vma *vma)
{
	struct anyvfio_device *fn = hw;

	if (bar >= VFIO_PCI_NR_BARS || fn->bar[bar].flags & ANYVFIO_BAR_IO)
		return -EINVAL;
	return host_vma_map(vma, &function_vma_ops, fn, bar, off,
			    fn->bar[bar].mem_len ? fn->memfd : -1,
			    fn->bar[bar].mem_off + off);
}

static bool traps_hidden;

void host_hide_traps(void)
{
	WRITE_ONCE(traps_hidden, true);
}

/* With traps hidden from a hypervisor, only plain pages are left to map: its
 * guest cannot be interrupted in the middle of an instruction. */
bool function_bar_area(void *hw, u32 bar, u32 i, u64 *off, u64 *len)
{
	const struct anyvfio_device *fn = hw;
	const struct function_range *range = fn->range;

	if (!READ_ONCE(traps_hidden)) {
		*off = 0;
		*len = fn->bar[bar].size;
		return i == 0 && !(fn->bar[bar].flags & ANYVFIO_BAR_IO);
	}
	for (; range < fn->range + fn->nr_ranges; range++) {
		if (range->bar != bar || range->kind != ANYVFIO_PAGE_PLAIN)
			continue;
		if (i-- == 0) {
			*off = range->off;
			*len = range->len;
			return true;
		}
	}
	return false;
}

/* The mappings follow when the lock is free: until then an access of plain pages
 * may still be done natively, one that traps no longer. */
void function_bar_enable(void *hw, bool on)
{
	struct anyvfio_device *fn = hw;
	bool changed;

	function_lock(fn);
	fn->bar_on = on;
	changed = function_update(fn);
	function_unlock(fn);
	if (changed)
		host_vma_refresh(fn);
}
