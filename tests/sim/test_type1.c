/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mappings are made and undone while devices use them; I3. */
#include "sweep.h"

#define PAGES 4
#define IOVA 0x100000ul

static struct fake *fake;
static int container, group, device;
static u8 pages[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

static void prepare_user(void)
{
	memset(pages, 0, sizeof(pages));
	fake = fake_add("a", 7);
	open_user(7, "a", &container, &group, &device);
}

static void finish_user(void)
{
	unmap_dma(container, IOVA, PAGES * PAGE_SIZE);
	close_if_open(&device);
	close_if_open(&group);
	close_if_open(&container);
	check(!sim_iommu_nr_maps());
	fake_remove(fake);
}

/* The device writes wherever it can. */
static void do_dma(void *arg)
{
	unsigned int i;
	ssize_t ret;
	u64 at;
	u8 buf[16];

	for (i = 0; i < 12; i++) {
		memset(buf, 0xdd, sizeof(buf));
		at = IOVA + sim_random(PAGES * PAGE_SIZE);
		if (sim_random(2))
			ret = sim_pwrite(device, buf, sizeof(buf), at);
		else
			ret = sim_pread(device, buf, sizeof(buf), at);
		check(ret == sizeof(buf) || ret == -EFAULT);
	}
}

static bool is_all(const u8 *page, u8 value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (page[i] != value)
			return false;
	return true;
}

/* A page that was unmapped is the user's again: no device changes it. */
static void map_use_unmap(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	u8 *page = pages + self * PAGE_SIZE;
	u64 iova = IOVA + self * PAGE_SIZE;
	unsigned int i, n;
	long ret;

	for (i = 0; i < 4; i++) {
		ret = map_dma(container, iova, page, PAGE_SIZE);
		check(!ret || !nothing_fails());
		if (ret)
			continue;
		check(map_dma(container, iova, page, PAGE_SIZE) == -EEXIST ||
		      !nothing_fails());
		sim_yield();
		/* Not the copy out, which comes too late to fail. */
		sim_set_faults(false);
		ret = unmap_dma(container, iova, PAGE_SIZE);
		sim_set_faults(true);
		check(ret == PAGE_SIZE);
		memset(page, 0x11, PAGE_SIZE);
		for (n = 0; n < 4; n++) {
			sim_yield();
			check(is_all(page, 0x11, PAGE_SIZE));
		}
	}
}

/* Two at once want the same place, whole and in part. */
static void fight_for_one_place(void *arg)
{
	uintptr_t self = (uintptr_t)arg;
	u64 size = (self + 1) * PAGE_SIZE;
	unsigned int i;
	long ret;

	for (i = 0; i < 6; i++) {
		ret = map_dma(container, IOVA, pages, size);
		check(!ret || ret == -EEXIST || !nothing_fails());
		ret = unmap_dma(container, IOVA, size);
		/* All that is there, or nothing; never half (v2). */
		check(ret == 0 || ret == (long)size || ret == PAGE_SIZE ||
		      ret == -EINVAL || !nothing_fails());
	}
}

static void unmap_everything(void *arg)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	unsigned int i;
	long ret;

	for (i = 0; i < 4; i++) {
		unmap.size = 0;
		ret = sim_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
		check(!ret || !nothing_fails());
		sim_yield();
	}
}

/* What a device is told that misses: a mapping that there was. */
static void ask_nearest(void *arg)
{
	u64 start, last;
	unsigned int i;

	for (i = 0; i < 12; i++) {
		if (vfio_type1_nearest(sim_device_type1(fake->dev),
				       IOVA + PAGE_SIZE, &start, &last))
			check((start == IOVA || start == IOVA + PAGE_SIZE) &&
			      last == start + PAGE_SIZE - 1);
		sim_yield();
	}
}

/* ---- the address space ends with mappings in it, in the middle of DMA ---- */

static void map_only(void *arg)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		map_dma(container, IOVA + i * PAGE_SIZE, pages + i * PAGE_SIZE,
			PAGE_SIZE);
	close_if_open(&container);
}

static void close_group(void *arg)
{
	close_if_open(&group);
	sim_yield();
	close_if_open(&device);
}

static void dma_until_closed(void *arg)
{
	unsigned int i;
	ssize_t ret;
	u8 buf[16];

	for (i = 0; i < 12; i++) {
		ret = sim_pread(device, buf, sizeof(buf),
				IOVA + sim_random(PAGES * PAGE_SIZE));
		check(ret == sizeof(buf) || ret == -EFAULT || ret == -EBADF);
	}
}

static void finish_closed(void)
{
	check(!sim_iommu_nr_maps());
	fake_remove(fake);
}

/* ---- the limit of mappings is given back what was taken ---- */

static void prepare_limit(void)
{
	vfio_type1_set_dma_entry_limit(2);
	prepare_user();
}

static void map_up_to_the_limit(void *arg)
{
	unsigned int i, mapped = 0;
	long ret;

	for (i = 0; i < PAGES; i++) {
		ret = map_dma(container, IOVA + i * PAGE_SIZE,
			      pages + i * PAGE_SIZE, PAGE_SIZE);
		check(!ret || !nothing_fails() || ret == -ENOSPC);
		check(ret || mapped < 2);
		mapped += !ret;
	}
	check(mapped == 2 || !nothing_fails());
}

static void finish_limit(void)
{
	unsigned int i;

	unmap_dma(container, IOVA, PAGES * PAGE_SIZE);
	/* As many as at first, whatever failed before. */
	for (i = 0; i < 2; i++)
		check(map_dma(container, IOVA + i * PAGE_SIZE, pages,
			      PAGE_SIZE) == 0);
	check(map_dma(container, IOVA + 2 * PAGE_SIZE, pages, PAGE_SIZE) ==
	      -ENOSPC);
	finish_user();
	vfio_type1_set_dma_entry_limit(65535);
}

/* ---- dirty pages ---- */

static long dirty(u32 what)
{
	struct vfio_iommu_type1_dirty_bitmap cmd = { .argsz = sizeof(cmd),
						     .flags = what };

	return sim_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &cmd);
}

static void track_dirty(void *arg)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		check(!dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_START) ||
		      !nothing_fails());
		sim_yield();
		check(!dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP) ||
		      !nothing_fails());
	}
}

/* A page that was written while dirty pages are kept is in the next bitmap. */
static bool is_dirty(unsigned int page)
{
	u64 buf[8] = { 0 }, bits = 0;
	struct vfio_iommu_type1_dirty_bitmap *cmd = (void *)buf;
	struct vfio_iommu_type1_dirty_bitmap_get *get = (void *)(cmd + 1);
	long ret;

	cmd->argsz = sizeof(*cmd) + sizeof(*get);
	cmd->flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP;
	get->iova = IOVA;
	get->size = PAGES * PAGE_SIZE;
	get->bitmap.pgsize = PAGE_SIZE;
	get->bitmap.size = sizeof(bits);
	get->bitmap.data = (void *)&bits;
	ret = sim_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, cmd);
	check(!ret || !nothing_fails());
	return ret || bits >> page & 1;
}

/* The same with the last of it, as the mapping goes. */
static bool unmap_is_dirty(unsigned int page)
{
	u64 buf[8] = { 0 }, bits = 0;
	struct vfio_iommu_type1_dma_unmap *unmap = (void *)buf;
	struct vfio_bitmap *bitmap = (void *)(unmap + 1);
	long ret;

	unmap->argsz = sizeof(*unmap) + sizeof(*bitmap);
	unmap->flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	unmap->iova = IOVA;
	unmap->size = PAGES * PAGE_SIZE;
	bitmap->pgsize = PAGE_SIZE;
	bitmap->size = sizeof(bits);
	bitmap->data = (void *)&bits;
	ret = sim_ioctl(container, VFIO_IOMMU_UNMAP_DMA, unmap);
	check(!ret || !nothing_fails());
	return ret || bits >> page & 1;
}

static void migrate(void *arg)
{
	unsigned int i, page;
	u8 byte = 1;

	if (map_dma(container, IOVA, pages, PAGES * PAGE_SIZE))
		return;
	if (dirty(VFIO_IOMMU_DIRTY_PAGES_FLAG_START))
		return;
	is_dirty(0);
	for (i = 0; i < 4; i++) {
		page = sim_random(PAGES);
		if (sim_pwrite(device, &byte, 1, IOVA + page * PAGE_SIZE) == 1)
			check(is_dirty(page));
	}
	page = sim_random(PAGES);
	if (sim_pwrite(device, &byte, 1, IOVA + page * PAGE_SIZE) == 1)
		check(unmap_is_dirty(page));
}

static void ask_info(void *arg)
{
	struct {
		struct vfio_iommu_type1_info info;
		u8 caps[256];
	} buf;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		memset(&buf, 0, sizeof(buf));
		buf.info.argsz = sizeof(buf);
		if (sim_ioctl(container, VFIO_IOMMU_GET_INFO, &buf))
			check(!nothing_fails());
		else
			check(buf.info.flags & VFIO_IOMMU_INFO_CAPS);
	}
}

/* ---- so many mappings that their tree grows and shrinks ---- */

#define MANY 150
#define GAP (2 * PAGE_SIZE)

static void map_and_unmap_many(void *arg)
{
	static bool mapped[MANY];
	unsigned int i, n;
	long ret;

	memset(mapped, 0, sizeof(mapped));
	for (i = 0; i < MANY; i++) {
		n = i * 7 % MANY;
		ret = map_dma(container, IOVA + n * GAP, pages, PAGE_SIZE);
		check(!ret || !nothing_fails());
		mapped[n] = !ret;
	}
	sim_set_faults(false);
	for (i = 0; i < MANY; i++) {
		n = i * 11 % MANY;
		ret = unmap_dma(container, IOVA + n * GAP, GAP);
		check(ret == (mapped[n] ? (long)PAGE_SIZE : 0));
	}
	check(!sim_iommu_nr_maps());
}

/* clang-format off */
const struct scenario type1_scenarios[] = {
	{ "I3_unmap_under_dma_waits_for_it",
	  prepare_user,
	  TASKS(map_use_unmap, map_use_unmap, do_dma, do_dma),
	  finish_user, 1000, 6, 0 },
	{ "I3_nearest_mapping_is_one_that_there_was",
	  prepare_user,
	  TASKS(map_use_unmap, map_use_unmap, ask_nearest),
	  finish_user, 200, 2, 0 },
	{ "I3_maps_of_one_place_exclude_each_other",
	  prepare_user,
	  TASKS(fight_for_one_place, fight_for_one_place, do_dma,
	    unmap_everything),
	  finish_user, 1000, 6, 0 },
	{ "I3_end_under_dma_undoes_everything",
	  prepare_user,
	  TASKS(map_only, close_group, dma_until_closed, dma_until_closed),
	  finish_closed, 1000, 6, 0 },
	{ "I3_limit_is_given_back_what_was_taken",
	  prepare_limit,
	  TASKS(map_up_to_the_limit),
	  finish_limit, 20, 6, 0 },
	{ "I3_tracking_starts_and_stops_under_dma",
	  prepare_user,
	  TASKS(map_use_unmap, track_dirty, do_dma),
	  finish_user, 600, 4, 0 },
	{ "I3_written_page_is_in_the_next_bitmap",
	  prepare_user,
	  TASKS(migrate, do_dma, ask_info),
	  finish_user, 600, 6, 0 },
	{ "I3_many_mappings_are_undone_after_any_fault",
	  prepare_user,
	  TASKS(map_and_unmap_many),
	  finish_user, 4, 1, 0 },
	{ 0 },
};
/* clang-format on */
