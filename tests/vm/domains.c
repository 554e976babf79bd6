// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Two groups in one container, the second of which comes when there are mappings,
 * and stays when the first has gone.
 *
 *   domains GROUP BDF OTHER_GROUP OTHER_BDF            two edus
 *   domains GROUP BDF OTHER_GROUP OTHER_BDF reserved   RESERVED is a page that the
 *                                                      other one cannot use
 */
#include "edu.h"

#define MB (1ul << 20)

/* Mappings of each kind: a page or two, a huge page, pages in no order, a BAR. */
#define FEW 0x100000ul
#define HUGE 0x200000ul
#define SCATTERED 0x400000ul
#define BAR 0x600000ul
#define LATE 0x700000ul
#define RESERVED 0x800000ul

#define NR_SCATTERED 64ul

static int container;
static char *few, *huge, *scattered;

static long map(uint64_t iova, const void *vaddr, uint64_t size)
{
	return map_dma(container, iova, vaddr, size, DMA_RW);
}

static void wait_idle(const struct edu *edu)
{
	unsigned int i;

	for (i = 0; edu_get(edu, EDU_DMA_CMD) & EDU_START; i++) {
		if (i == 60000)
			errx(1, "the device does not end");
		usleep(1000);
	}
}

/* The device takes what is at @from to @to: did it arrive? */
static bool copies(const struct edu *edu, char *vaddr, uint64_t iova,
		   uint64_t from, uint64_t to)
{
	static unsigned int round;
	unsigned int i;

	round++;
	for (i = 0; i < EDU_LEN; i++)
		vaddr[from - iova + i] = i * 7 + round;
	memset(vaddr + (to - iova), 0, EDU_LEN);
	edu_dma(edu, from, EDU_BUFFER, 0);
	wait_idle(edu);
	edu_dma(edu, EDU_BUFFER, to, EDU_TO_MEMORY);
	wait_idle(edu);
	return !memcmp(vaddr + (from - iova), vaddr + (to - iova), EDU_LEN);
}

/* Pages one behind the other whose frames are not. */
static char *alloc_scattered(void)
{
	char *from = page_alloc(NR_SCATTERED * PAGE);
	char *to = page_alloc(NR_SCATTERED * PAGE);
	unsigned long i;

	for (i = 0; i < NR_SCATTERED; i++)
		if (mremap(from + i * PAGE, PAGE, PAGE,
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   to + (NR_SCATTERED - 1 - i) * PAGE) == MAP_FAILED)
			err(1, "mremap");
	return to;
}

static char *alloc_huge(void)
{
	char *room = mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *addr = (char *)(((uintptr_t)room + 2 * MB - 1) & -(2 * MB));

	if (room == MAP_FAILED || madvise(addr, 2 * MB, MADV_HUGEPAGE))
		err(1, "a huge page");
	return memset(addr, 0, 2 * MB);
}

static bool reaches_all(const struct edu *edu)
{
	return copies(edu, few, FEW, FEW, FEW + PAGE) &&
	       copies(edu, huge, HUGE, HUGE + 2 * MB - PAGE, HUGE + MB) &&
	       copies(edu, scattered, SCATTERED, SCATTERED,
		      SCATTERED + (NR_SCATTERED - 1) * PAGE) &&
	       copies(edu, scattered, SCATTERED, SCATTERED + 5 * PAGE,
		      SCATTERED + 6 * PAGE);
}

static void map_all(const struct edu *edu)
{
	few = page_alloc(2 * PAGE);
	huge = alloc_huge();
	scattered = alloc_scattered();
	check("I3_map_few_pages", map(FEW, few, 2 * PAGE), 0);
	check("I3_map_a_huge_page", map(HUGE, huge, 2 * MB), 0);
	check("I3_map_scattered_pages",
	      map(SCATTERED, scattered, NR_SCATTERED * PAGE), 0);
	check("I3_map_the_bar", map(BAR, (void *)edu->bar, PAGE), 0);
}

static int open_other(const char *path)
{
	int group = open(path, O_RDWR | O_CLOEXEC);

	if (group < 0)
		err(1, "%s", path);
	return group;
}

static void test_two(struct chain *chain, const char *path, const char *name)
{
	struct edu first = edu_of(chain->device), second;
	int group = open_other(path);
	char *late = page_alloc(2 * PAGE);

	edu_command(&first, 4, 0);
	map_all(&first);
	check("I3_first_reaches_what_is_mapped", reaches_all(&first), 1);
	check("I3_second_group_comes_later",
	      call(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)), 0);
	second = edu_of(call(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name)));
	edu_command(&second, 4, 0);
	check("I3_second_reaches_what_was_mapped", reaches_all(&second), 1);
	check("I3_first_still_does", reaches_all(&first), 1);

	check("I3_map_for_both", map(LATE, late, 2 * PAGE), 0);
	check("I3_first_reaches_what_came_later",
	      copies(&first, late, LATE, LATE, LATE + PAGE), 1);
	check("I3_second_reaches_what_came_later",
	      copies(&second, late, LATE, LATE, LATE + PAGE), 1);
	check("I3_unmap_for_both", unmap_dma(container, LATE, 2 * PAGE, 0),
	      2 * PAGE);
	check("I3_first_reaches_it_no_more",
	      copies(&first, late, LATE, LATE, LATE + PAGE), 0);
	check("I3_second_reaches_it_no_more",
	      copies(&second, late, LATE, LATE, LATE + PAGE), 0);

	check("I3_unmap_the_bar", unmap_dma(container, BAR, PAGE, 0), PAGE);
	munmap((void *)first.bar, PAGE);
	close(chain->device);
	check("I3_first_group_leaves",
	      call(ioctl(chain->group, VFIO_GROUP_UNSET_CONTAINER)), 0);
	chain->device = -1;
	check("I3_second_reaches_all_without_it", reaches_all(&second), 1);
	check("I3_map_for_the_second", map(LATE, late, 2 * PAGE), 0);
	check("I3_second_reaches_that_too",
	      copies(&second, late, LATE, LATE, LATE + PAGE), 1);
	munmap((void *)second.bar, PAGE);
	close(second.device);
	close(group);
}

/* A group that cannot have all that is mapped is not let in, and is free. */
static void test_reserved(struct chain *chain, const char *path)
{
	struct edu first = edu_of(chain->device);
	int group = open_other(path);
	char *page = page_alloc(2 * PAGE);

	edu_command(&first, 4, 0);
	check("I3_map_where_one_may", map(RESERVED - PAGE, page, 2 * PAGE), 0);
	check("I3_group_that_may_not_is_einval",
	      call(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)),
	      -EINVAL);
	check("I3_nothing_has_changed",
	      copies(&first, page, RESERVED - PAGE, RESERVED - PAGE, RESERVED),
	      1);
	check("I3_unmap_where_one_may",
	      unmap_dma(container, RESERVED - PAGE, 2 * PAGE, 0), 2 * PAGE);
	check("I3_then_it_is_let_in",
	      call(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)), 0);
	check("I3_map_where_one_may_not_is_einval",
	      map(RESERVED - PAGE, page, 2 * PAGE), -EINVAL);
	check("I3_map_beside_it", map(RESERVED - PAGE, page, PAGE), 0);
	check("I3_it_leaves", call(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)),
	      0);
	check("I3_map_where_one_may_again", map(RESERVED, page + PAGE, PAGE),
	      0);
	close(group);
}

int main(int argc, char **argv)
{
	struct chain chain;

	if (argc != 5 && argc != 6)
		errx(2,
		     "usage: domains GROUP BDF OTHER_GROUP OTHER_BDF [reserved]");
	chain = open_named(argv[1], argv[2]);
	container = chain.container;
	if (argc == 5)
		test_two(&chain, argv[3], argv[4]);
	else
		test_reserved(&chain, argv[3]);
	close_chain(&chain);
	return check_summary();
}
