/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The program's memory: the C side of copy_x86.S.
 *
 * A page that is not there, or not with the right that is needed, faults inside
 * the copy; the handler of SIGSEGV and SIGBUS sees that by the instruction
 * pointer and lets the copy return -EFAULT.  This costs a good copy nothing.
 */
#include "copy.h"

int copy_bytes(void *dst, const void *src, size_t len);
long copy_string(char *dst, const char *src, size_t size);
int touch_read(const void *addr, size_t step, size_t nr);
int touch_write(void *addr, size_t step, size_t nr);
extern const char copy_code[], copy_code_last[], copy_fault[];

/* The assembler is invisible to the sanitizer: shows it our side's buffer. */
#ifdef __SANITIZE_ADDRESS__
void *__asan_region_is_poisoned(void *start, size_t len);
#define CHECK_BUFFER(buf, len) \
	WARN_ON(__asan_region_is_poisoned((void *)(buf), len))
#else
#define CHECK_BUFFER(buf, len) ((void)0)
#endif

bool host_copy_fixup(ucontext_t *ctx)
{
	uintptr_t rip = ctx->uc_mcontext.gregs[REG_RIP];

	if (rip < (uintptr_t)copy_code || rip >= (uintptr_t)copy_code_last)
		return false;
	ctx->uc_mcontext.gregs[REG_RIP] = (uintptr_t)copy_fault;
	return true;
}

int port_copy_in(void *dst, const void __user *src, size_t len)
{
	CHECK_BUFFER(dst, len);
	return copy_bytes(dst, (__force const void *)src, len);
}

int port_copy_out(void __user *dst, const void *src, size_t len)
{
	CHECK_BUFFER(src, len);
	return copy_bytes((__force void *)dst, src, len);
}

ssize_t port_copy_string(char *dst, const char __user *src, size_t size)
{
	CHECK_BUFFER(dst, size);
	return copy_string(dst, (__force const char *)src, size);
}

/* Touching beats madvise(MADV_POPULATE_*) on memory that is there already, which
 * is what programs map. */
int host_probe(u64 vaddr, u64 size, bool write)
{
	u64 last, next;
	int ret;

	if (!size)
		return 0;
	if (check_add_overflow(vaddr, size - 1, &last))
		return -EFAULT;
	if (write)
		ret = touch_write((void *)vaddr, PAGE_SIZE, 1);
	else
		ret = touch_read((void *)vaddr, PAGE_SIZE, 1);
	next = (vaddr & PAGE_MASK) + PAGE_SIZE;
	if (ret || next - 1 >= last)
		return ret;
	size = (last - next) / PAGE_SIZE + 1;
	return write ? touch_write((void *)next, PAGE_SIZE, size)
		     : touch_read((void *)next, PAGE_SIZE, size);
}
