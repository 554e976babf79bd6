// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What type1 makes of a real IOMMU and a real memory limit.
 *
 *   type1 GROUP BDF            ranges, limits, whose memory it is
 *   type1 GROUP BDF huge       maps one huge page: the kernel's trace tells how
 *   type1 GROUP BDF entries N  N mappings and no more
 */
#include <err.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../uapi/uapi.h"

#define PAGE 4096ul
#define MB (1ul << 20)
#define IOVA 0x40000000ul
/* Where x86 writes its message-signalled interrupts to. */
#ifdef __aarch64__
#define MSI_FIRST 0x8000000ul
#define MSI_LAST 0x80ffffful
#else
#define MSI_FIRST 0xfee00000ul
#define MSI_LAST 0xfeeffffful
#endif

static struct chain chain;

static long map(uint64_t iova, const void *vaddr, uint64_t size)
{
	return map_dma(chain.container, iova, vaddr, size, DMA_RW);
}

static long unmap(uint64_t iova, uint64_t size)
{
	return unmap_dma(chain.container, iova, size, 0);
}

/* ---- reserved ranges ---- */

static const struct vfio_iommu_type1_info_cap_iova_range *
find_ranges(const struct vfio_iommu_type1_info *info)
{
	const struct vfio_info_cap_header *cap;
	uint32_t off;

	for (off = info->cap_offset; off; off = cap->next) {
		cap = (const void *)((const char *)info + off);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return (const void *)cap;
	}
	errx(1, "no list of ranges");
}

static void test_reserved(void)
{
	const struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct vfio_iommu_type1_info *info = calloc(1, PAGE);
	unsigned int i, overlaps = 0, beside = 0;
	void *page = page_alloc(PAGE);

	info->argsz = PAGE;
	if (ioctl(chain.container, VFIO_IOMMU_GET_INFO, info))
		err(1, "VFIO_IOMMU_GET_INFO");
	ranges = find_ranges(info);
	for (i = 0; i < ranges->nr_iovas; i++) {
		overlaps += ranges->iova_ranges[i].start <= MSI_LAST &&
			    ranges->iova_ranges[i].end >= MSI_FIRST;
		beside += ranges->iova_ranges[i].end == MSI_FIRST - 1 ||
			  ranges->iova_ranges[i].start == MSI_LAST + 1;
	}
	check("I3_msi_window_is_in_no_range", overlaps, 0);
	check("I3_ranges_end_and_begin_beside_it", beside, 2);
	check("I3_map_into_the_msi_window_is_einval",
	      map(MSI_FIRST, page, PAGE), -EINVAL);
	check("I3_map_at_its_end_is_einval",
	      map(MSI_LAST + 1 - PAGE, page, PAGE), -EINVAL);
	check("I3_map_before_it", map(MSI_FIRST - PAGE, page, PAGE), 0);
	check("I3_unmap_before_it", unmap(MSI_FIRST - PAGE, PAGE), PAGE);
	munmap(page, PAGE);
	free(info);
}

/* ---- locked memory ---- */

/* Kilobytes that count as this process's locked memory. */
static long locked(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];
	long kb = -1;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &kb);
	if (!status || fclose(status))
		err(1, "/proc/self/status");
	return kb;
}

static void drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &header, caps))
		err(1, "capget");
	caps[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, caps))
		err(1, "capset");
}

static void test_limit(void)
{
	const struct rlimit limit = { MB, MB };
	char *memory = page_alloc(2 * MB);

	check("I3_nothing_is_locked", locked(), 0);
	check("I3_map_with_the_right", map(IOVA, memory, 2 * MB), 0);
	check("I3_mapped_memory_is_locked", locked(), 2048);
	check("I3_unmap_with_the_right", unmap(IOVA, 2 * MB), 2 * MB);
	check("I3_unmapped_memory_is_not_locked", locked(), 0);

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		err(1, "setrlimit");
	drop_ipc_lock();
	check("I3_map_beyond_the_limit_is_enomem", map(IOVA, memory, MB + PAGE),
	      -ENOMEM);
	check("I3_failed_map_locks_nothing", locked(), 0);
	check("I3_map_up_to_the_limit", map(IOVA, memory, MB), 0);
	check("I3_one_page_more_is_enomem", map(IOVA + MB, memory + MB, PAGE),
	      -ENOMEM);
	check("I3_unmap_up_to_the_limit", unmap(IOVA, MB), MB);
	check("I3_all_is_unlocked", locked(), 0);
	munmap(memory, 2 * MB);
}

/* A child maps its memory into the parent's container, and is gone. */
static void test_child(void)
{
	char *memory = page_alloc(MB / 2);
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid)
		_exit(map(IOVA, memory, MB / 2) || locked() != 512);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	check("I3_childs_memory_counts_as_its_own", status, 0);
	check("I3_and_not_as_the_parents", locked(), 0);
	check("I3_unmap_after_the_child", unmap(IOVA, MB / 2), MB / 2);
	check("I3_nothing_is_counted_twice", locked(), 0);
	munmap(memory, MB / 2);
}

/* ---- one huge page, and a number of mappings ---- */

static void test_huge(void)
{
	char *memory = page_alloc(4 * MB);
	char *huge = (char *)(((uintptr_t)memory + 2 * MB - 1) & -(2 * MB));

	munmap(memory, 4 * MB);
	huge = mmap(huge, 2 * MB, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (huge == MAP_FAILED || madvise(huge, 2 * MB, MADV_HUGEPAGE))
		err(1, "a huge page");
	*huge = 1;
	check("I3_map_huge", map(IOVA, huge, 2 * MB), 0);
	check("I3_unmap_huge", unmap(IOVA, 2 * MB), 2 * MB);
}

static void test_entries(unsigned int limit)
{
	char *page = page_alloc(PAGE);
	unsigned int i;
	long ret = 0;

	for (i = 0; i <= limit && !ret; i++)
		ret = map(IOVA + 2 * i * PAGE, page, PAGE);
	check("I3_so_many_entries", i, limit + 1);
	check("I3_one_entry_more_is_enospc", ret, -ENOSPC);
	check("I3_an_entry_given_back", unmap(IOVA, PAGE), PAGE);
	check("I3_is_there_for_another", map(IOVA, page, PAGE), 0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: type1 GROUP BDF [huge | entries N]");
	chain = open_named(argv[1], argv[2]);
	if (argc == 3) {
		test_reserved();
		test_limit();
		test_child();
	} else if (argc == 4) {
		test_huge();
	} else {
		test_entries(atoi(argv[4]));
	}
	close_chain(&chain);
	return check_summary();
}
