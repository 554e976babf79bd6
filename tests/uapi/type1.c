// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The type1 backend: rule I3. */
#include "uapi.h"

#define PAGE 4096ul
#define RW DMA_RW
#define IOVA 0x100000ul

static int container;
static char *memory;

static long map(uint64_t iova, const void *vaddr, uint64_t size, uint32_t flags)
{
	return map_dma(container, iova, vaddr, size, flags);
}

static long unmap(uint64_t iova, uint64_t size)
{
	return unmap_dma(container, iova, size, 0);
}

static void test_map_arguments(void)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg) - 1 };

	check("I3_map_bad_pointer_is_efault",
	      call(ioctl(container, VFIO_IOMMU_MAP_DMA, BAD_PTR)), -EFAULT);
	check("I3_map_short_argsz_is_einval",
	      call(ioctl(container, VFIO_IOMMU_MAP_DMA, &arg)), -EINVAL);
	check("I3_map_size_0_is_einval", map(IOVA, memory, 0, RW), -EINVAL);
	check("I3_map_no_rights_is_einval", map(IOVA, memory, PAGE, 0),
	      -EINVAL);
	check("I3_map_unknown_flag_is_einval",
	      map(IOVA, memory, PAGE, RW | 1u << 30), -EINVAL);
	check("I3_map_unaligned_iova_is_einval",
	      map(IOVA + 1, memory, PAGE, RW), -EINVAL);
	check("I3_map_unaligned_vaddr_is_einval",
	      map(IOVA, memory + 1, PAGE, RW), -EINVAL);
	check("I3_map_unaligned_size_is_einval",
	      map(IOVA, memory, PAGE + 1, RW), -EINVAL);
	check("I3_map_wrapping_iova_is_eoverflow",
	      map(-(uint64_t)PAGE, memory, 2 * PAGE, RW), -EOVERFLOW);
	check("I3_map_unmapped_memory_is_efault",
	      map(IOVA, (void *)0x10000, PAGE, RW), -EFAULT);
	check("I3_nothing_was_mapped", unmap(0, 1ull << 40), 0);
}

static void test_map_rights(void)
{
	char *readonly =
		mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check("I3_readonly_memory_to_write_is_efault",
	      map(IOVA, readonly, PAGE, RW), -EFAULT);
	check("I3_readonly_memory_to_read",
	      map(IOVA, readonly, PAGE, VFIO_DMA_MAP_FLAG_READ), 0);
	check("I3_readonly_unmap", unmap(IOVA, PAGE), PAGE);
	munmap(readonly, PAGE);
}

static void test_overlap(void)
{
	check("I3_map", map(IOVA, memory, 4 * PAGE, RW), 0);
	check("I3_map_same_is_eexist", map(IOVA, memory, 4 * PAGE, RW),
	      -EEXIST);
	check("I3_map_into_is_eexist", map(IOVA + PAGE, memory, PAGE, RW),
	      -EEXIST);
	check("I3_map_over_the_end_is_eexist",
	      map(IOVA + 3 * PAGE, memory, 2 * PAGE, RW), -EEXIST);
	check("I3_map_beside",
	      map(IOVA + 4 * PAGE, memory + 4 * PAGE, PAGE, RW), 0);
	check("I3_unmap_both", unmap(IOVA, 5 * PAGE), 5 * PAGE);
}

static void test_unmap_v2(void)
{
	check("I3_map_for_v2", map(IOVA, memory, 4 * PAGE, RW), 0);
	check("I3_v2_cut_front_is_einval", unmap(IOVA, PAGE), -EINVAL);
	check("I3_v2_cut_back_is_einval", unmap(IOVA + 3 * PAGE, PAGE),
	      -EINVAL);
	check("I3_v2_hole_is_einval", unmap(IOVA + PAGE, PAGE), -EINVAL);
	check("I3_v2_nothing_there_is_0", unmap(IOVA + 8 * PAGE, PAGE), 0);
	check("I3_v2_more_than_it_has", unmap(IOVA - PAGE, 16 * PAGE),
	      4 * PAGE);
	check("I3_v2_again_is_0", unmap(IOVA, 4 * PAGE), 0);
	check("I3_unmap_size_0_is_einval", unmap(IOVA, 0), -EINVAL);
	check("I3_unmap_unaligned_is_einval", unmap(IOVA + 1, PAGE), -EINVAL);
	check("I3_unmap_bad_pointer_is_efault",
	      call(ioctl(container, VFIO_IOMMU_UNMAP_DMA, BAD_PTR)), -EFAULT);
	check("I3_unmap_unknown_flag_is_einval",
	      unmap_dma(container, IOVA, PAGE, 1u << 30), -EINVAL);
}

static void test_unmap_all(void)
{
	check("I3_map_a", map(IOVA, memory, PAGE, RW), 0);
	check("I3_map_b", map(IOVA + (1ul << 30), memory, 2 * PAGE, RW), 0);
	check("I3_unmap_all_with_a_size_is_einval",
	      unmap_dma(container, 0, PAGE, VFIO_DMA_UNMAP_FLAG_ALL), -EINVAL);
	check("I3_unmap_all",
	      unmap_dma(container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 3 * PAGE);
	check("I3_unmap_all_of_nothing",
	      unmap_dma(container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
}

static void test_info(void)
{
	struct vfio_iommu_type1_info *info = page_alloc(PAGE);
	struct vfio_info_cap_header *cap;
	uint32_t need, off;
	unsigned int seen = 0;

	info->argsz = 4;
	check("I3_info_short_argsz_is_einval",
	      call(ioctl(container, VFIO_IOMMU_GET_INFO, info)), -EINVAL);
	info->argsz = sizeof(*info);
	check("I3_info", call(ioctl(container, VFIO_IOMMU_GET_INFO, info)), 0);
	check("I3_info_flags", info->flags,
	      VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	check("I3_info_page_sizes_have_4k", !!(info->iova_pgsizes & PAGE), 1);
	check("I3_info_argsz_has_grown", info->argsz > sizeof(*info), 1);
	check("I3_info_no_room_no_caps", info->cap_offset, 0);
	need = info->argsz;
	check("I3_info_grown",
	      call(ioctl(container, VFIO_IOMMU_GET_INFO, info)), 0);
	check("I3_info_grown_argsz_stays", info->argsz, need);
	for (off = info->cap_offset; off; off = cap->next) {
		cap = (void *)((char *)info + off);
		seen |= 1u << cap->id;
	}
	check("I3_info_has_iova_range_migration_dma_avail", seen,
	      1u << VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE |
		      1u << VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION |
		      1u << VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	munmap(info, PAGE);
}

static void test_v1(void)
{
	struct chain c = open_iommu(VFIO_TYPE1_IOMMU);

	container = c.container;
	check("I3_v1_map", map(IOVA, memory, 4 * PAGE, RW), 0);
	check("I3_v1_inside_removes_nothing", unmap(IOVA + PAGE, PAGE), 0);
	check("I3_v1_first_page_removes_all", unmap(IOVA, PAGE), 4 * PAGE);
	close_chain(&c);
}

static long dirty(uint32_t flags, struct vfio_iommu_type1_dirty_bitmap *arg)
{
	arg->argsz = sizeof(*arg) +
		     (flags & VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP
			      ? sizeof(struct vfio_iommu_type1_dirty_bitmap_get)
			      : 0);
	arg->flags = flags;
	return call(ioctl(container, VFIO_IOMMU_DIRTY_PAGES, arg));
}

static void test_dirty(void)
{
	struct vfio_iommu_type1_dirty_bitmap_get *get;
	struct vfio_iommu_type1_dirty_bitmap *arg = page_alloc(PAGE);
	uint64_t bits = 0;

	get = (void *)arg->data;
	get->iova = IOVA;
	get->size = 4 * PAGE;
	get->bitmap.pgsize = PAGE;
	get->bitmap.size = sizeof(bits);
	get->bitmap.data = (void *)&bits;
	check("I3_dirty_map", map(IOVA, memory, 4 * PAGE, RW), 0);
	check("I3_dirty_two_flags_is_einval",
	      dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_START |
			    VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
		    arg),
	      -EINVAL);
	check("I3_dirty_no_flag_is_einval", dirty(0, arg), -EINVAL);
	check("I3_dirty_bitmap_before_start_is_einval",
	      dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, arg), -EINVAL);
	check("I3_dirty_start", dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_START, arg),
	      0);
	/* The structure has a pointer in it: for 32 bits it is another one. */
	check("I3_dirty_bitmap",
	      dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, arg),
	      sizeof(void *) == 8 ? 0 : -EINVAL);
	get->bitmap.pgsize = 0;
	check("I3_dirty_pgsize_0_is_einval",
	      dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, arg), -EINVAL);
	check("I3_dirty_stop", dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, arg), 0);
	check("I3_dirty_unmap", unmap(IOVA, 4 * PAGE), 4 * PAGE);
	munmap(arg, PAGE);
}

void test_type1(void)
{
	struct chain c = open_iommu(VFIO_TYPE1v2_IOMMU);

	memory = page_alloc(16 * PAGE);
	container = c.container;
	test_map_arguments();
	test_map_rights();
	test_overlap();
	test_unmap_v2();
	test_unmap_all();
	test_info();
	test_dirty();
	close_chain(&c);
	test_v1();
	munmap(memory, 16 * PAGE);
}
