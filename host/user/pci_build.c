/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a model builds its function: the anyvfio_pci_* calls, and the checks when
 * it is frozen.
 *
 * Each call says at once what is wrong with it, and the function is then broken
 * whether or not the model looks at the answer.
 */
#include "pci_device.h"

#include <stdarg.h>

#define BAR_FLAGS (ANYVFIO_BAR_IO | ANYVFIO_BAR_64 | ANYVFIO_BAR_PREFETCH)
#define BAR_IO_MAX 256
#define BAR_32_MAX (1ull << 31)
#define BAR_64_MAX (1ull << 40)

/* Where firmware puts BARs of each kind. */
struct window {
	u64 first;
	u64 last;
	u64 next;
};

static struct window window_io = { 0x1000, 0xffff, 0x1000 };
static struct window window_32 = { 0x80000000, 0xfdffffff, 0x80000000 };
static struct window window_64 = { 0x4000000000, 0x3fffffffffff, 0x4000000000 };

int function_fail(struct anyvfio_device *fn, int err, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	function_err(fn, "%s: %s", fn->model->name, text);
	fn->explained = true;
	if (!fn->broken)
		fn->broken = err;
	return err;
}

static bool is_frozen(struct anyvfio_device *fn, const char *what)
{
	if (!fn->frozen)
		return false;
	function_fail(fn, -EPERM, "%s after the device was made", what);
	return true;
}

static bool is_power_of_two(u64 n)
{
	return n && !(n & (n - 1));
}

void anyvfio_device_set_ops(struct anyvfio_device *dev,
			    const struct anyvfio_device_ops *ops, void *priv)
{
	if (is_frozen(dev, "set_ops"))
		return;
	dev->ops = ops;
	dev->priv = priv;
}

void anyvfio_pci_set_id(struct anyvfio_device *dev,
			const struct anyvfio_pci_id *id)
{
	if (is_frozen(dev, "set_id"))
		return;
	dev->has_id = true;
	function_config_set_id(dev, id);
}

int anyvfio_pci_add_express(struct anyvfio_device *dev)
{
	if (is_frozen(dev, "add_express"))
		return -EPERM;
	dev->has_express = true;
	dev->config_size = CFG_EXPRESS_SIZE;
	return 0;
}

int anyvfio_pci_add_pm(struct anyvfio_device *dev)
{
	if (is_frozen(dev, "add_pm"))
		return -EPERM;
	dev->has_pm = true;
	return 0;
}

int anyvfio_pci_add_intx(struct anyvfio_device *dev)
{
	if (is_frozen(dev, "add_intx"))
		return -EPERM;
	dev->has_intx = true;
	return 0;
}

int anyvfio_pci_add_msi(struct anyvfio_device *dev, unsigned int vectors)
{
	if (is_frozen(dev, "add_msi"))
		return -EPERM;
	if (!is_power_of_two(vectors) || vectors > FUNCTION_MSI_MAX)
		return function_fail(dev, -EINVAL,
				     "%u MSI vectors: a power of two up to %d "
				     "is possible",
				     vectors, FUNCTION_MSI_MAX);
	dev->msi = vectors;
	return 0;
}

/* ---- BARs ---- */

static bool is_upper_half(const struct anyvfio_device *fn, unsigned int bar)
{
	return bar > 0 && fn->bar[bar - 1].size &&
	       fn->bar[bar - 1].flags & ANYVFIO_BAR_64;
}

/* What is wrong with the BAR, or NULL. */
static const char *check_bar(const struct anyvfio_device *fn, unsigned int bar,
			     u64 size, unsigned int flags)
{
	bool io = flags & ANYVFIO_BAR_IO, is_64 = flags & ANYVFIO_BAR_64;

	if (flags & ~BAR_FLAGS || (io && flags != ANYVFIO_BAR_IO))
		return "its flags make no sense";
	if (fn->bar[bar].size)
		return "it is there already";
	if (is_upper_half(fn, bar))
		return "it is the upper half of a 64-bit BAR";
	if (is_64 && (bar == VFIO_PCI_NR_BARS - 1 || fn->bar[bar + 1].size))
		return "a 64-bit BAR needs the next one too";
	if (!is_power_of_two(size))
		return "its size is not a power of two";
	if (io && (size < 4 || size > BAR_IO_MAX))
		return "I/O ports are 4 to 256 bytes";
	if (!io && size < PAGE_SIZE)
		return "memory is at least 4 KiB";
	if (!io && size > (is_64 ? BAR_64_MAX : BAR_32_MAX))
		return is_64 ? "at most 1 TiB" : "at most 2 GiB in 32 bits";
	return NULL;
}

int anyvfio_pci_add_bar(struct anyvfio_device *dev, unsigned int bar,
			uint64_t size, unsigned int flags)
{
	const char *wrong;

	if (is_frozen(dev, "add_bar"))
		return -EPERM;
	if (bar >= VFIO_PCI_NR_BARS)
		return function_fail(dev, -EINVAL, "BAR %u: there are 0 to 5",
				     bar);
	wrong = check_bar(dev, bar, size, flags);
	if (wrong)
		return function_fail(dev, -EINVAL, "BAR %u (0x%llx bytes): %s",
				     bar, (unsigned long long)size, wrong);
	dev->bar[bar].size = size;
	dev->bar[bar].flags = flags;
	return 0;
}

static bool has_memory_bar(const struct anyvfio_device *fn, unsigned int bar)
{
	return bar < VFIO_PCI_NR_BARS && fn->bar[bar].size &&
	       !(fn->bar[bar].flags & ANYVFIO_BAR_IO);
}

static bool inside_bar(const struct anyvfio_device *fn, unsigned int bar,
		       u64 off, u64 len)
{
	return off < fn->bar[bar].size && len <= fn->bar[bar].size - off;
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* By pages that are memory; trapped ones leave no trace. */
static bool range_taken(const struct anyvfio_device *fn, u32 bar, u64 off,
			u64 len)
{
	unsigned int i;

	for (i = 0; i < fn->nr_ranges; i++)
		if (fn->range[i].bar == bar &&
		    overlap(fn->range[i].off, fn->range[i].len, off, len))
			return true;
	return false;
}

/* Keeps the ranges in order. */
static void insert_range(struct anyvfio_device *fn,
			 const struct function_range *range)
{
	unsigned int i = fn->nr_ranges++;

	for (; i > 0; i--) {
		const struct function_range *before = &fn->range[i - 1];

		if (before->bar < range->bar ||
		    (before->bar == range->bar && before->off < range->off))
			break;
		fn->range[i] = *before;
	}
	fn->range[i] = *range;
}

int anyvfio_pci_set_pages(struct anyvfio_device *dev, unsigned int bar,
			  uint64_t off, uint64_t len, enum anyvfio_page kind)
{
	struct function_range range = {
		.bar = bar,
		.kind = kind,
		.off = off,
		.len = len,
	};

	if (is_frozen(dev, "set_pages"))
		return -EPERM;
	if (!has_memory_bar(dev, bar) || !inside_bar(dev, bar, off, len) ||
	    !len || !IS_ALIGNED(off | len, PAGE_SIZE))
		return function_fail(dev, -EINVAL,
				     "pages 0x%llx, 0x%llx bytes, are not "
				     "whole pages of memory of BAR %u",
				     (unsigned long long)off,
				     (unsigned long long)len, bar);
	if (range_taken(dev, bar, off, len))
		return function_fail(dev, -EEXIST,
				     "pages 0x%llx of BAR %u are set twice",
				     (unsigned long long)off, bar);
	if (kind == ANYVFIO_PAGE_TRAPPED)
		return 0;
	if (dev->nr_ranges == FUNCTION_RANGES)
		return function_fail(dev, -ENOSPC,
				     "more than %d kinds of pages",
				     FUNCTION_RANGES);
	insert_range(dev, &range);
	return 0;
}

/* Asked on every access and for every mapping: a function has a handful of
 * ranges, in order. */
enum anyvfio_page function_page(const struct anyvfio_device *fn, u32 bar,
				u64 off, u64 *len)
{
	const struct function_range *range = fn->range;
	u64 next = fn->bar[bar].size;

	for (; range < fn->range + fn->nr_ranges; range++) {
		if (range->bar != bar || range->off + range->len <= off)
			continue;
		if (range->off <= off) {
			*len = range->off + range->len - off;
			return range->kind;
		}
		next = range->off;
		break;
	}
	*len = next - off;
	return ANYVFIO_PAGE_TRAPPED;
}

/* ---- MSI-X ---- */

static u32 pba_size(unsigned int vectors)
{
	return DIV_ROUND_UP(vectors, 64) * 8;
}

int anyvfio_pci_add_msix(struct anyvfio_device *dev, unsigned int vectors,
			 unsigned int bar, uint32_t table_off, uint32_t pba_off)
{
	if (is_frozen(dev, "add_msix"))
		return -EPERM;
	if (!vectors || vectors > FUNCTION_MSIX_MAX)
		return function_fail(dev, -EINVAL,
				     "%u MSI-X vectors: 1 to %d are possible",
				     vectors, FUNCTION_MSIX_MAX);
	if (!IS_ALIGNED(table_off | pba_off, 8))
		return function_fail(dev, -EINVAL,
				     "the MSI-X table and pending bits lie at "
				     "multiples of 8");
	if (overlap(table_off, vectors * 16ull, pba_off, pba_size(vectors)))
		return function_fail(
			dev, -EINVAL,
			"the MSI-X table and pending bits overlap");
	dev->msix = vectors;
	dev->msix_bar = min(bar, 0xffu);
	dev->msix_table = table_off;
	dev->msix_pba = pba_off;
	return 0;
}

/* In a memory BAR, where all pages trap. */
static bool msix_part_fits(const struct anyvfio_device *fn, u64 off, u64 len)
{
	return has_memory_bar(fn, fn->msix_bar) &&
	       inside_bar(fn, fn->msix_bar, off, len) &&
	       !range_taken(fn, fn->msix_bar, off, len);
}

static int check_msix(struct anyvfio_device *fn)
{
	const char *what = NULL;

	if (!fn->msix)
		return 0;
	if (!msix_part_fits(fn, fn->msix_table, fn->msix * 16ull))
		what = "table";
	else if (!msix_part_fits(fn, fn->msix_pba, pba_size(fn->msix)))
		what = "pending bits";
	if (!what)
		return 0;
	return function_fail(fn, -EINVAL,
			     "the MSI-X %s must lie in trapped pages of a "
			     "memory BAR; BAR %u has none there",
			     what, fn->msix_bar);
}

/* ---- freezing ---- */

/* Ranges that touch and are alike become one. */
static void merge_ranges(struct anyvfio_device *fn)
{
	struct function_range *out = fn->range;
	unsigned int i;

	for (i = 1; i < fn->nr_ranges; i++) {
		const struct function_range *in = &fn->range[i];

		if (in->bar == out->bar && in->kind == out->kind &&
		    in->off == out->off + out->len)
			out->len += in->len;
		else
			*++out = *in;
	}
	if (fn->nr_ranges)
		fn->nr_ranges = out - fn->range + 1;
}

struct span {
	u64 first;
	u64 size;
	bool io;
	u64 beyond; /* the end of what is in the way */
};

static bool in_the_way(const struct anyvfio_device *fn, void *data)
{
	struct span *span = data;
	const struct function_bar *bar;

	for (bar = fn->bar; bar < fn->bar + VFIO_PCI_NR_BARS; bar++) {
		if (!bar->address ||
		    span->io != !!(bar->flags & ANYVFIO_BAR_IO) ||
		    !overlap(bar->address, bar->size, span->first, span->size))
			continue;
		span->beyond = bar->address + bar->size;
		return true;
	}
	return false;
}

/* The next free address of the window, from where the last one was found. */
static int place_bar(struct anyvfio_device *fn, struct function_bar *bar)
{
	struct window *w = bar->flags & ANYVFIO_BAR_IO	 ? &window_io
			   : bar->flags & ANYVFIO_BAR_64 ? &window_64
							 : &window_32;
	struct span span = {
		.first = ALIGN(w->next, bar->size),
		.size = bar->size,
		.io = bar->flags & ANYVFIO_BAR_IO,
	};
	bool again = false;

	for (;;) {
		if (span.first > w->last ||
		    bar->size - 1 > w->last - span.first) {
			if (again)
				return function_fail(fn, -ENOSPC,
						     "no address is left for "
						     "BAR %d",
						     (int)(bar - fn->bar));
			again = true;
			span.first = ALIGN(w->first, bar->size);
		} else if (function_any(in_the_way, &span)) {
			span.first = ALIGN(span.beyond, bar->size);
		} else {
			bar->address = span.first;
			w->next = span.first + bar->size;
			return 0;
		}
	}
}

static bool anybody(const struct anyvfio_device *fn, void *data)
{
	return fn != data;
}

static int place_bars(struct anyvfio_device *fn)
{
	unsigned int i;
	int ret = 0;

	/* The same machine gets the same addresses every time. */
	if (!function_any(anybody, fn)) {
		window_io.next = window_io.first;
		window_32.next = window_32.first;
		window_64.next = window_64.first;
	}
	for (i = 0; i < VFIO_PCI_NR_BARS && !ret; i++)
		if (fn->bar[i].size)
			ret = place_bar(fn, &fn->bar[i]);
	return ret;
}

/* BARs with pages of memory get some, one after the other in one file. */
static void lay_out_memory(struct anyvfio_device *fn)
{
	unsigned int i;
	u64 off = 0;

	for (i = 0; i < fn->nr_ranges; i++) {
		struct function_bar *bar = &fn->bar[fn->range[i].bar];

		if (bar->mem_len)
			continue;
		bar->mem_off = off;
		bar->mem_len = bar->size;
		off += bar->size;
	}
}

/* What could not be judged call by call, since the order of the calls is the
 * model's.  Nothing is left to undo: the function goes as a whole. */
int function_freeze(struct anyvfio_device *fn)
{
	int ret;

	if (!fn->ops || !fn->ops->destroy)
		return function_fail(fn, -EINVAL,
				     "the model set no operations, or none to "
				     "destroy it");
	if (!fn->has_id)
		return function_fail(fn, -EINVAL, "the model set no identity");
	ret = check_msix(fn);
	if (ret)
		return ret;
	merge_ranges(fn);
	lay_out_memory(fn);
	ret = place_bars(fn);
	if (ret)
		return ret;
	ret = function_irq_init(fn);
	if (ret)
		return ret;
	function_config_build(fn);
	fn->frozen = true;
	return 0;
}
