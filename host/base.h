/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Words that mean the same on both hosts outside the kernel: types, error
 * pointers, lists, small helpers.  host/user/port.h and host/sim/port.h
 * include this first; portable code never does so by itself.
 *
 * Names and meaning are Linux's; the code is ours.  docs/port.md has the
 * contract of each, tests/port/ its test.
 */
#ifndef ANYVFIO_HOST_BASE_H
#define ANYVFIO_HOST_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <linux/vfio.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#ifdef __CHECKER__
#define __user __attribute__((noderef, address_space(1)))
#define __force __attribute__((force))
#else
#define __user
#define __force
#endif
#define __must_check __attribute__((warn_unused_result))
#define __printf(fmt, first) __attribute__((format(printf, fmt, first)))

#define PAGE_SHIFT 12
#define PAGE_SIZE (1ul << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ul << (n))
#define BIT_ULL(n) (1ull << (n))
#define ALIGN(x, a) (((x) + ((typeof(x))(a)-1)) & ~((typeof(x))(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a)-1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))
#define min(a, b)                      \
	({                             \
		typeof(a) __a = (a);   \
		typeof(b) __b = (b);   \
		__a < __b ? __a : __b; \
	})
#define max(a, b)                      \
	({                             \
		typeof(a) __a = (a);   \
		typeof(b) __b = (b);   \
		__a > __b ? __a : __b; \
	})
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)
#define u64_to_user_ptr(x) ((void __user *)(uintptr_t)(x))

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Byte order of PCI and of the uAPI; all hosts outside the kernel are x86. */
static inline u16 le16_to_cpu(__le16 v)
{
	return (__force u16)v;
}
static inline u32 le32_to_cpu(__le32 v)
{
	return (__force u32)v;
}
static inline u64 le64_to_cpu(__le64 v)
{
	return (__force u64)v;
}
static inline __le16 cpu_to_le16(u16 v)
{
	return (__force __le16)v;
}
static inline __le32 cpu_to_le32(u32 v)
{
	return (__force __le32)v;
}
static inline __le64 cpu_to_le64(u64 v)
{
	return (__force __le64)v;
}

/*
 * A broken rule of our own.  Says so in the log and goes on, as the kernel
 * does; aborts where port_warn_fatal is set, as every test does.
 */
extern bool port_warn_fatal;
/* Instead of all that, for tests that provoke one. */
extern void (*port_warn_hook)(const char *file, int line, const char *what);
void port_warn_on(const char *file, int line, const char *what);
#define WARN_ON(cond)                                            \
	({                                                       \
		bool __warn = !!(cond);                          \
		if (unlikely(__warn))                            \
			port_warn_on(__FILE__, __LINE__, #cond); \
		unlikely(__warn);                                \
	})

/* Error pointers: the last 4095 addresses are negated error numbers. */
static inline void *ERR_PTR(long err)
{
	return (void *)err;
}
static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}
static inline bool IS_ERR(const void *ptr)
{
	return (uintptr_t)ptr >= (uintptr_t)-4095;
}

/* Returns the length copied, or -E2BIG when @src was cut to fit. */
static inline ssize_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len;

	if (!size)
		return -E2BIG;
	len = strnlen(src, size);
	if (len == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return len;
}

/* Doubly linked lists; a head is a list_head that belongs to no element. */
struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline void list_add(struct list_head *item, struct list_head *after)
{
	item->prev = after;
	item->next = after->next;
	after->next->prev = item;
	after->next = item;
}

static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	list_add(item, head->prev);
}

/* Leaves @item pointing nowhere: using it again faults. */
static inline void list_del(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = (struct list_head *)0x100;
	item->prev = (struct list_head *)0x122;
}

static inline void list_del_init(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	INIT_LIST_HEAD(item);
}

static inline void list_move_tail(struct list_head *item,
				  struct list_head *head)
{
	list_del_init(item);
	list_add_tail(item, head);
}

/* Puts all of @list in front of @head and leaves @list empty. */
static inline void list_splice_tail_init(struct list_head *list,
					 struct list_head *head)
{
	if (list_empty(list))
		return;
	list->next->prev = head->prev;
	head->prev->next = list->next;
	list->prev->next = head;
	head->prev = list->prev;
	INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry((pos)->member.prev, typeof(*(pos)), member)
#define list_for_each_entry(pos, head, member)                   \
	for (pos = list_first_entry(head, typeof(*pos), member); \
	     &pos->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_continue_reverse(pos, head, member)          \
	for (pos = list_prev_entry(pos, member); &pos->member != (head); \
	     pos = list_prev_entry(pos, member))
#define list_for_each_entry_safe(pos, tmp, head, member)         \
	for (pos = list_first_entry(head, typeof(*pos), member), \
	    tmp = list_next_entry(pos, member);                  \
	     &pos->member != (head);                             \
	     pos = tmp, tmp = list_next_entry(tmp, member))

#endif /* ANYVFIO_HOST_BASE_H */
