/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The IOMMU of the user host: there is no hardware to program, and nothing moves
 * memory, so a mapping is only checked to be there.  Devices find their
 * address space through their group.
 */
#include "internal.h"
#include "copy.h"

struct port_iommu {
	struct vfio_type1 *owner;
	unsigned int groups; /* attached; the owner serialises */
};

struct port_iommu *port_iommu_alloc(struct vfio_type1 *owner)
{
	struct port_iommu *iommu = port_zalloc(sizeof(*iommu));

	if (!iommu)
		return ERR_PTR(-ENOMEM);
	iommu->owner = owner;
	return iommu;
}

void port_iommu_free(struct port_iommu *iommu)
{
	WARN_ON(iommu->groups);
	port_free(iommu);
}

int port_iommu_attach(struct port_iommu *iommu, struct iommu_group *group)
{
	int ret = host_group_set_type1(group, iommu->owner);

	if (!ret)
		iommu->groups++;
	return ret;
}

void port_iommu_detach(struct port_iommu *iommu, struct iommu_group *group)
{
	iommu->groups--;
	host_group_set_type1(group, NULL);
}

/* Any size that is whole pages. */
u64 port_iommu_pgsizes(struct port_iommu *iommu)
{
	return PAGE_MASK;
}

bool port_iommu_coherent(struct port_iommu *iommu)
{
	return true;
}

/* No hole: on hardware the interrupt window would be one, and clients that do
 * not ask for ranges would run into it. */
bool port_iommu_range(struct port_iommu *iommu, unsigned int i, u64 *start,
		      u64 *last)
{
	if (i)
		return false;
	*start = 0;
	*last = BIT_ULL(48) - 1;
	return true;
}

bool port_iommu_tracks_dirty(struct port_iommu *iommu)
{
	return true;
}

/*
 * A mapping of a BAR is there, though not every page of it may be touched:
 * hypervisors map those too.
 */
static int check_memory(u64 vaddr, u64 size, bool write)
{
	u64 len;
	int ret;

	for (; size; vaddr += len, size -= len) {
		len = size;
		if (host_vma_stretch(vaddr, &len))
			continue;
		ret = host_probe(vaddr, len, write);
		if (ret)
			return ret;
	}
	return 0;
}

int port_iommu_map(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		   u32 prot, void **cookie)
{
	*cookie = NULL;
	return check_memory(vaddr, size, prot & VFIO_DMA_MAP_FLAG_WRITE);
}

void port_iommu_unmap(struct port_iommu *iommu, u64 iova, u64 vaddr, u64 size,
		      u32 prot, void *cookie)
{
}

int port_iommu_pin_page(struct port_iommu *iommu, u64 vaddr, u32 prot,
			unsigned long *pfn)
{
	int ret = check_memory(vaddr & PAGE_MASK, PAGE_SIZE,
			       prot & VFIO_DMA_MAP_FLAG_WRITE);

	if (!ret)
		*pfn = vaddr >> PAGE_SHIFT;
	return ret;
}

void port_iommu_unpin_page(struct port_iommu *iommu, unsigned long pfn,
			   u32 prot)
{
}

int port_iommu_copy(struct port_iommu *iommu, u64 vaddr, void *buf, size_t len,
		    bool write)
{
	void __user *user = u64_to_user_ptr(vaddr);

	return write ? port_copy_out(user, buf, len)
		     : port_copy_in(buf, user, len);
}
