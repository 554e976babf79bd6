/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: error pointers, strings, arithmetic, lists. */
#include "world.h"

struct item {
	int value;
	struct list_head node;
};

static void error_pointers_are_the_last_4095_addresses(void)
{
	check(IS_ERR(ERR_PTR(-1)));
	check(IS_ERR(ERR_PTR(-4095)));
	check(!IS_ERR(ERR_PTR(-4096)));
	check(!IS_ERR(NULL));
	check(PTR_ERR(ERR_PTR(-ENOMEM)) == -ENOMEM);
}

static void strscpy_always_ends_the_string(void)
{
	char buf[4] = "zzz";

	check(strscpy(buf, "ab", sizeof(buf)) == 2 && !strcmp(buf, "ab"));
	check(strscpy(buf, "abc", sizeof(buf)) == 3 && !strcmp(buf, "abc"));
	check(strscpy(buf, "abcd", sizeof(buf)) == -E2BIG);
	check(!strcmp(buf, "abc"));
	check(strscpy(buf, "x", 1) == -E2BIG && !buf[0]);
	check(strscpy(buf, "", 1) == 0);
	buf[0] = 'k';
	check(strscpy(buf, "x", 0) == -E2BIG && buf[0] == 'k');
}

static unsigned int next(unsigned int *n)
{
	return (*n)++;
}

static void arithmetic_evaluates_once_and_keeps_64_bits(void)
{
	u64 big = 0x123456789abcull, sum;
	unsigned int n = 0;

	check(min(next(&n), 5u) == 0 && n == 1);
	check(max(next(&n), 0u) == 1 && n == 2);
	check(ALIGN(big, 0x1000) == 0x12345678a000ull);
	check(ALIGN((u64)0x1000, 0x1000) == 0x1000);
	check(IS_ALIGNED(big, 4) && !IS_ALIGNED(big, 8));
	check(DIV_ROUND_UP(9, 4) == 3 && DIV_ROUND_UP(8, 4) == 2);
	check(BIT_ULL(63) == 0x8000000000000000ull);
	check((PAGE_MASK & 0x1fffull) == 0x1000);
	check(check_add_overflow(~0ull, 1ull, &sum));
	check(!check_add_overflow(~0ull - 1, 1ull, &sum) && sum == ~0ull);
	check(offsetofend(struct item, value) == sizeof(int));
}

static int sum(struct list_head *head)
{
	struct item *item;
	int n = 0;

	list_for_each_entry(item, head, node)
		n = n * 10 + item->value;
	return n;
}

static void empty_list_does_nothing_in_every_function(void)
{
	struct list_head head, other;
	struct item *item, *tmp;

	INIT_LIST_HEAD(&head);
	INIT_LIST_HEAD(&other);
	check(list_empty(&head) && !list_is_singular(&head));
	list_for_each_entry(item, &head, node)
		check(false);
	list_for_each_entry_safe(item, tmp, &head, node)
		check(false);
	list_splice_tail_init(&head, &other);
	check(list_empty(&head) && list_empty(&other));
	/* An element that is on no list may be taken off again. */
	list_del_init(&head);
	check(list_empty(&head));
}

static void list_add_puts_in_front_and_tail_behind(void)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list_head head;

	INIT_LIST_HEAD(&head);
	list_add_tail(&b.node, &head);
	check(list_is_singular(&head));
	list_add(&a.node, &head);
	list_add_tail(&c.node, &head);
	check(!list_is_singular(&head));
	check(sum(&head) == 123);
	check(list_first_entry(&head, struct item, node) == &a);
	check(list_next_entry(&a, node) == &b &&
	      list_prev_entry(&c, node) == &b);
}

static void list_del_init_leaves_an_empty_list(void)
{
	struct item a = { .value = 1 }, b = { .value = 2 };
	struct list_head head;

	INIT_LIST_HEAD(&head);
	list_add_tail(&a.node, &head);
	list_add_tail(&b.node, &head);
	list_del_init(&a.node);
	check(list_empty(&a.node) && sum(&head) == 2);
	list_del(&b.node);
	check(list_empty(&head) && b.node.next != &head);
}

static void list_move_tail_moves_between_lists_and_within_one(void)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list_head one, two;

	INIT_LIST_HEAD(&one);
	INIT_LIST_HEAD(&two);
	list_add_tail(&a.node, &one);
	list_add_tail(&b.node, &one);
	list_add_tail(&c.node, &two);
	list_move_tail(&a.node, &one);
	check(sum(&one) == 21);
	list_move_tail(&b.node, &two);
	check(sum(&one) == 1 && sum(&two) == 32);
	/* The only element, to its own list. */
	list_move_tail(&a.node, &one);
	check(sum(&one) == 1);
}

static void list_splice_keeps_the_order_and_empties_the_source(void)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list_head from, to;

	INIT_LIST_HEAD(&from);
	INIT_LIST_HEAD(&to);
	list_add_tail(&b.node, &from);
	list_add_tail(&c.node, &from);
	list_splice_tail_init(&from, &to);
	check(list_empty(&from) && sum(&to) == 23);
	list_add_tail(&a.node, &from);
	list_splice_tail_init(&from, &to);
	check(list_empty(&from) && sum(&to) == 231);
	check(list_prev_entry(&a, node) == &c);
}

static void list_safe_walk_may_delete_and_reverse_undoes(void)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 },
		    *item, *tmp;
	struct list_head head;
	int seen = 0;

	INIT_LIST_HEAD(&head);
	list_add_tail(&a.node, &head);
	list_add_tail(&b.node, &head);
	list_add_tail(&c.node, &head);
	/* Those before @item, latest first: the shape of an unwind. */
	item = &c;
	list_for_each_entry_continue_reverse(item, &head, node)
		seen = seen * 10 + item->value;
	check(seen == 21);
	item = &a;
	list_for_each_entry_continue_reverse(item, &head, node)
		check(false);
	list_for_each_entry_safe(item, tmp, &head, node) {
		seen = seen * 10 + item->value;
		list_del(&item->node);
	}
	check(seen == 21123 && list_empty(&head));
}

static void byte_order_is_little_endian(void)
{
	const u8 bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	__le64 v64;
	__le32 v32;
	__le16 v16;

	memcpy(&v16, bytes, 2);
	memcpy(&v32, bytes, 4);
	memcpy(&v64, bytes, 8);
	check(le16_to_cpu(v16) == 0x0201);
	check(le32_to_cpu(v32) == 0x04030201);
	check(le64_to_cpu(v64) == 0x0807060504030201ull);
	check(cpu_to_le32(0x04030201) == v32 && cpu_to_le16(0x0201) == v16);
	check(cpu_to_le64(0x0807060504030201ull) == v64);
}

static void warn_on_tells_its_condition_and_reports_it(void)
{
	int evaluated = 0;

	check(!WARN_ON(evaluated++ == 5) && evaluated == 1);
	world_catch();
	check(WARN_ON(evaluated == 1));
	check(world_caught("evaluated == 1") == 1);
}

const struct world_test base_tests[] = {
	TEST(error_pointers_are_the_last_4095_addresses),
	TEST(strscpy_always_ends_the_string),
	TEST(arithmetic_evaluates_once_and_keeps_64_bits),
	TEST(empty_list_does_nothing_in_every_function),
	TEST(list_add_puts_in_front_and_tail_behind),
	TEST(list_del_init_leaves_an_empty_list),
	TEST(list_move_tail_moves_between_lists_and_within_one),
	TEST(list_splice_keeps_the_order_and_empties_the_source),
	TEST(list_safe_walk_may_delete_and_reverse_undoes),
	TEST(byte_order_is_little_endian),
	TEST(warn_on_tells_its_condition_and_reports_it),
	{ 0 },
};
