/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: copies from and to the caller's memory. */
#include "world.h"

#include <sys/mman.h>
#include <unistd.h>

#define MAX_LEN 200
#define CANARY 0xa5

/* A page, and behind it one without the rights in @prot. */
static u8 *map_two(int prot)
{
	u8 *page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(page != MAP_FAILED);
	check(!mprotect(page + PAGE_SIZE, PAGE_SIZE, prot));
	return page;
}

static void unmap_two(u8 *page)
{
	munmap(page, 2 * PAGE_SIZE);
}

static void fill(u8 *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = i * 7 + 1;
}

static bool is_canary(const u8 *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (buf[i] != CANARY)
			return false;
	return true;
}

static void copies_of_every_length_and_alignment_are_exact(void)
{
	u8 from[MAX_LEN + 32], to[MAX_LEN + 64];
	size_t len, off;

	fill(from, sizeof(from));
	for (len = 0; len <= MAX_LEN; len++) {
		off = len % 17;
		memset(to, CANARY, sizeof(to));
		check(!port_copy_in(to + 16, from + off, len));
		check(!memcmp(to + 16, from + off, len));
		check(is_canary(to, 16) && is_canary(to + 16 + len, 32));
		memset(to, CANARY, sizeof(to));
		check(!port_copy_out(to + off, from, len));
		check(!memcmp(to + off, from, len));
		check(is_canary(to, off) && is_canary(to + off + len, 32));
	}
}

static void large_copies_are_exact(void)
{
	size_t size = 5 * PAGE_SIZE + 13;
	u8 *from = port_zalloc(size), *to = port_zalloc(size);

	check(from && to);
	fill(from, size);
	check(!port_copy_in(to, from, size) && !memcmp(from, to, size));
	memset(to, 0, size);
	check(!port_copy_out(to, from, size) && !memcmp(from, to, size));
	port_free(from);
	port_free(to);
}

/* For each length: the last place where it fits, and every one beyond. */
static void copies_into_an_unmapped_page_are_efault_at_every_offset(void)
{
	u8 *page = map_two(PROT_NONE), *last = page + PAGE_SIZE;
	u8 buf[MAX_LEN];
	size_t len, over;

	fill(page, PAGE_SIZE);
	for (len = 1; len <= MAX_LEN; len++) {
		check(!port_copy_in(buf, last - len, len));
		check(!memcmp(buf, last - len, len));
		check(!port_copy_out(last - len, buf, len));
		for (over = 1; over <= len; over++) {
			check(port_copy_in(buf, last - len + over, len) ==
			      -EFAULT);
			check(port_copy_out(last - len + over, buf, len) ==
			      -EFAULT);
		}
	}
	unmap_two(page);
}

static void copy_out_to_read_only_memory_is_efault_and_changes_nothing(void)
{
	u8 *page = map_two(PROT_READ), *last = page + PAGE_SIZE;
	u8 buf[MAX_LEN] = { 1 };
	size_t len;

	for (len = 1; len <= MAX_LEN; len++)
		check(port_copy_out(last, buf, len) == -EFAULT);
	check(!last[0]);
	check(!port_copy_in(buf, last, MAX_LEN));
	unmap_two(page);
}

static void pointers_that_cannot_be_are_efault(void)
{
	static const u64 bad[] = {
		0,
		1,
		0xfff,
		0x800000000000ull,
		0xdead000000000000ull,
		0xffffffff81000000ull,
		~0ull,
		~0ull - 6,
	};
	u8 buf[16] = { 0 };
	char name[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		check(port_copy_in(buf, u64_to_user_ptr(bad[i]), 8) == -EFAULT);
		check(port_copy_out(u64_to_user_ptr(bad[i]), buf, 8) ==
		      -EFAULT);
		check(port_copy_string(name, u64_to_user_ptr(bad[i]),
				       sizeof(name)) == -EFAULT);
		/* Nothing is touched when there is nothing to copy. */
		check(!port_copy_in(buf, u64_to_user_ptr(bad[i]), 0));
		check(!port_copy_out(u64_to_user_ptr(bad[i]), buf, 0));
	}
}

/* Beyond the end of a mapped file the fault is a SIGBUS. */
static void pages_past_the_end_of_a_file_are_efault(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	u8 *page, buf[64] = { 0 };
	char name[64];

	check(fd >= 0 && !ftruncate(fd, PAGE_SIZE));
	page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	check(page != MAP_FAILED);
	memset(page, 'x', PAGE_SIZE);
	check(!port_copy_in(buf, page + PAGE_SIZE - 64, 64));
	check(port_copy_in(buf, page + PAGE_SIZE - 63, 64) == -EFAULT);
	check(port_copy_out(page + PAGE_SIZE, buf, 64) == -EFAULT);
	check(port_copy_string(name, (char *)page + PAGE_SIZE - 8, 64) ==
	      -EFAULT);
	unmap_two(page);
	close(fd);
}

static void string_is_copied_with_its_end_and_no_further(void)
{
	char buf[16];

	memset(buf, 'z', sizeof(buf));
	check(port_copy_string(buf, "abc", sizeof(buf)) == 3);
	check(!strcmp(buf, "abc") && buf[4] == 'z');
	check(port_copy_string(buf, "", sizeof(buf)) == 0 && !buf[0]);
}

static void string_without_an_end_in_its_size_is_einval(void)
{
	char buf[4];

	check(port_copy_string(buf, "abc", 4) == 3);
	check(port_copy_string(buf, "abcd", 4) == -EINVAL);
	check(port_copy_string(buf, "a", 1) == -EINVAL);
	check(port_copy_string(buf, "", 1) == 0);
	check(port_copy_string(buf, "", 0) == -EINVAL);
}

static void string_that_runs_into_an_unmapped_page_is_efault(void)
{
	u8 *page = map_two(PROT_NONE), *last = page + PAGE_SIZE;
	char buf[64];
	size_t len;

	memset(page, 'x', PAGE_SIZE);
	for (len = 1; len < 40; len++)
		check(port_copy_string(buf, (char *)last - len, 64) == -EFAULT);
	/* As short as its size: the next page is none of our business. */
	check(port_copy_string(buf, (char *)last - 8, 8) == -EINVAL);
	last[-1] = '\0';
	for (len = 1; len < 40; len++)
		check(port_copy_string(buf, (char *)last - len, 64) ==
		      (ssize_t)len - 1);
	unmap_two(page);
}

const struct world_test copy_tests[] = {
	TEST(copies_of_every_length_and_alignment_are_exact),
	TEST(large_copies_are_exact),
	TEST(copies_into_an_unmapped_page_are_efault_at_every_offset),
	TEST(copy_out_to_read_only_memory_is_efault_and_changes_nothing),
	TEST(pointers_that_cannot_be_are_efault),
	TEST(pages_past_the_end_of_a_file_are_efault),
	TEST(string_is_copied_with_its_end_and_no_further),
	TEST(string_without_an_end_in_its_size_is_einval),
	TEST(string_that_runs_into_an_unmapped_page_is_efault),
	{ 0 },
};
