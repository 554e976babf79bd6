/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * DMA of software functions: through the container's map, with the rights of
 * each mapping, while the function is a bus master.  Behind no IOMMU its addresses
 * are the program's own.
 */
#include "pci_device.h"
#include "type1.h"

#include <time.h>

/* Messages of one function in one period; the rest is counted. */
#define FAULTS_SHOWN 10
#define FAULT_PERIOD_NS 5000000000ull

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* May another fault be shown?  *@hidden: how many were not, since the last one
 * that was. */
static bool may_show(struct anyvfio_device *fn, u64 *hidden)
{
	u64 now = now_ns();
	bool show;

	mutex_lock(&fn->fault_lock);
	if (!fn->fault_window || now - fn->fault_window >= FAULT_PERIOD_NS) {
		fn->fault_window = now;
		fn->faults_shown = 0;
	}
	show = fn->faults_shown < FAULTS_SHOWN;
	if (show) {
		fn->faults_shown++;
		*hidden = fn->faults_hidden;
		fn->faults_hidden = 0;
	} else {
		fn->faults_hidden++;
	}
	mutex_unlock(&fn->fault_lock);
	return show;
}

/* A program may map a BAR for DMA, as hypervisors do with all their guest has. */
static bool is_device(struct vfio_type1 *type1, u64 iova, bool write)
{
	u32 prot = write ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ;
	struct vfio_type1_pin pin;
	bool ours;

	if (vfio_type1_pin(type1, iova, 1, prot, &pin))
		return false;
	ours = host_vma_is_ours(u64_to_user_ptr(pin.vaddr), 1);
	vfio_type1_unpin(type1, &pin, 0);
	return ours;
}

static bool has_iommu(const struct anyvfio_device *fn)
{
	return fn->group >= 0;
}

/* Why @iova could not be reached. */
static void explain(struct anyvfio_device *fn, struct vfio_type1 *type1,
		    u64 iova, bool write, int err, char *buf, size_t size)
{
	const char *which = "the mapping", *what = " has no memory any more";
	u64 start, last;

	if (!type1) {
		snprintf(buf, size,
			 has_iommu(fn) ? "its group has no address space"
				       : "the program has no such memory, and "
					 "the function is behind no IOMMU");
		return;
	}
	if (!vfio_type1_nearest(type1, iova, &start, &last)) {
		snprintf(buf, size, "nothing is mapped");
		return;
	}
	if (err == -EPERM) {
		what = write ? " may not be written" : " may not be read";
	} else if (iova < start || iova > last) {
		which = "not mapped; the nearest mapping is";
		what = "";
	} else if (is_device(type1, iova, write)) {
		what = " is a device's: devices do not reach each other";
	}
	snprintf(buf, size, "%s 0x%llx-0x%llx%s", which,
		 (unsigned long long)start, (unsigned long long)last, what);
}

static void report_fault(struct anyvfio_device *fn, struct vfio_type1 *type1,
			 u64 iova, size_t len, bool write, int err)
{
	char why[128], more[48] = "";
	u64 hidden = 0;

	__atomic_fetch_add(&fn->dma_faults, 1, __ATOMIC_RELAXED);
	if (!may_show(fn, &hidden))
		return;
	explain(fn, type1, iova, write, err, why, sizeof(why));
	if (hidden)
		snprintf(more, sizeof(more), " (%llu others were not shown)",
			 (unsigned long long)hidden);
	function_warn(fn, "IOMMU fault: %s of %zu bytes at IOVA 0x%llx: %s%s",
		      write ? "write" : "read", len, (unsigned long long)iova,
		      why, more);
}

void function_dma_exit(struct anyvfio_device *fn)
{
	u64 hidden;

	mutex_lock(&fn->fault_lock);
	hidden = fn->faults_hidden;
	fn->faults_hidden = 0;
	fn->fault_window = 0;
	mutex_unlock(&fn->fault_lock);
	if (hidden)
		function_warn(fn, "%llu more IOMMU faults were not shown",
			      (unsigned long long)hidden);
}

static int copy(struct anyvfio_device *fn, struct vfio_type1 *type1, u64 iova,
		void *buf, size_t len, bool write, size_t *done)
{
	if (type1)
		return vfio_type1_rw(type1, iova, buf, len, write, done);
	if (has_iommu(fn))
		return -EFAULT;
	return write ? port_copy_out(u64_to_user_ptr(iova), buf, len)
		     : port_copy_in(buf, u64_to_user_ptr(iova), len);
}

/* Bus mastering may go off while a copy is under way, as on a real bus; reset and
 * stop wait for the model, which waits for its own DMA. */
static int dma_rw(struct anyvfio_device *fn, u64 iova, void *buf, size_t len,
		  bool write, size_t *done)
{
	struct vfio_type1 *type1;
	int ret;

	*done = 0;
	if (!READ_ONCE(fn->dma_on))
		return -EACCES;
	type1 = host_device_type1(fn->dev);
	ret = copy(fn, type1, iova, buf, len, write, done);
	if (!ret)
		return 0;
	report_fault(fn, type1, iova + *done, len - *done, write, ret);
	return -EFAULT;
}

int anyvfio_dma_read(struct anyvfio_device *dev, uint64_t iova, void *buf,
		     size_t len)
{
	size_t done;
	int ret;

	ret = dma_rw(dev, iova, buf, len, false, &done);
	if (ret)
		memset((char *)buf + done, 0xff, len - done);
	return ret;
}

int anyvfio_dma_write(struct anyvfio_device *dev, uint64_t iova,
		      const void *buf, size_t len)
{
	size_t done;

	return dma_rw(dev, iova, (void *)buf, len, true, &done);
}

/* What of a pin goes into struct anyvfio_dma. */
enum { DMA_TYPE1, DMA_MAPPING, DMA_LEN };

/* Without an IOMMU: all of the program's addresses, but the first page. */
static int no_iommu_pin(u64 iova, struct vfio_type1_pin *pin)
{
	const u64 end = 1ull << 47;

	if (iova < PAGE_SIZE || iova >= end)
		return -EFAULT;
	pin->before = iova - PAGE_SIZE;
	pin->len = min(pin->len, end - iova);
	return 0;
}

static int map(struct anyvfio_device *dev, uint64_t iova, size_t len,
	       bool write, bool whole, struct anyvfio_dma *dma, uint64_t *first)
{
	u32 prot = write ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ;
	u64 ask = whole ? ~0ull : len;
	struct vfio_type1_pin pin = { .vaddr = iova, .len = ask };
	struct vfio_type1 *type1;
	int ret;

	if (!READ_ONCE(dev->dma_on))
		return -EACCES;
	type1 = host_device_type1(dev->dev);
	if (type1)
		ret = vfio_type1_pin(type1, iova, ask, prot, &pin);
	else
		ret = has_iommu(dev) ? -EFAULT : no_iommu_pin(iova, &pin);
	if (ret) {
		report_fault(dev, type1, iova, len, write, ret);
		return -EFAULT;
	}
	if (whole) {
		*first = iova - pin.before;
		pin.vaddr -= pin.before;
		pin.len += pin.before;
	}
	__atomic_fetch_add(&dev->dma_pins, 1, __ATOMIC_RELAXED);
	dma->ptr = (void *)(uintptr_t)pin.vaddr;
	dma->len = pin.len;
	dma->priv[DMA_TYPE1] = type1;
	dma->priv[DMA_MAPPING] = pin.dma;
	dma->priv[DMA_LEN] = (void *)(uintptr_t)pin.len;
	return 0;
}

int anyvfio_dma_map(struct anyvfio_device *dev, uint64_t iova, size_t len,
		    bool write, struct anyvfio_dma *dma)
{
	return map(dev, iova, len, write, false, dma, NULL);
}

int anyvfio_dma_map_whole(struct anyvfio_device *dev, uint64_t iova, bool write,
			  struct anyvfio_dma *dma, uint64_t *first)
{
	return map(dev, iova, 1, write, true, dma, first);
}

void anyvfio_dma_unmap(struct anyvfio_device *dev, struct anyvfio_dma *dma,
		       size_t written)
{
	struct vfio_type1_pin pin = {
		.vaddr = (uintptr_t)dma->ptr,
		.len = (uintptr_t)dma->priv[DMA_LEN],
		.dma = dma->priv[DMA_MAPPING],
	};

	if (dma->priv[DMA_TYPE1])
		vfio_type1_unpin(dma->priv[DMA_TYPE1], &pin, written);
	__atomic_fetch_sub(&dev->dma_pins, 1, __ATOMIC_RELAXED);
	memset(dma, 0, sizeof(*dma));
}

int anyvfio_dma_copy_in(void *dst, const void *user, size_t len)
{
	return port_copy_in(dst, user, len);
}

int anyvfio_dma_copy_out(void *user, const void *src, size_t len)
{
	return port_copy_out(user, src, len);
}
