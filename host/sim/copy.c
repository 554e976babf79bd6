/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The caller's memory in the simulation.  It is the test's own, so that bad
 * pointers are real ones: the copies are those of host/user (copy_x86.S) with a
 * small handler of faults.
 *
 * Three things a kernel would only show on a bad day are shown always.  A byte
 * that one call reads twice is a bug, as another thread may change it in
 * between.  So is a copy with a lock held, since the memory may take for ever.
 * And what else reaches that memory takes the lock of the address space, which
 * an mmap call holds: a lock of ours on both sides of it closes a cycle.
 */
#include "engine.h"

#include <signal.h>
#include <ucontext.h>

int copy_bytes(void *dst, const void *src, size_t len);
long copy_string(char *dst, const char *src, size_t size);
int touch_read(const void *addr, size_t step, size_t nr);
int touch_write(void *addr, size_t step, size_t nr);
extern const char copy_code[], copy_code_last[], copy_fault[];

static struct rw_semaphore mm_lock;

/* A fault that is not a copy's ends the program by the report it deserves. */
static void on_fault(int sig, siginfo_t *info, void *data)
{
	ucontext_t *ctx = data;
	uintptr_t rip = ctx->uc_mcontext.gregs[REG_RIP];

	if (rip < (uintptr_t)copy_code || rip >= (uintptr_t)copy_code_last)
		sim_bug("fault at %p, instruction %#lx", info->si_addr,
			(unsigned long)rip);
	ctx->uc_mcontext.gregs[REG_RIP] = (uintptr_t)copy_fault;
}

void sim_copy_begin(void)
{
	static bool installed;
	struct sigaction act = { .sa_sigaction = on_fault,
				 .sa_flags = SA_SIGINFO | SA_NODEFER };

	if (!installed) {
		sigaction(SIGSEGV, &act, NULL);
		sigaction(SIGBUS, &act, NULL);
		installed = true;
	}
	init_rwsem(&mm_lock);
}

void sim_mm_lock(bool write)
{
	if (write)
		down_write(&mm_lock);
	else
		down_read(&mm_lock);
}

void sim_mm_unlock(bool write)
{
	if (write)
		up_write(&mm_lock);
	else
		up_read(&mm_lock);
}

/* Whatever the sanitizers think of it. */
int sim_touch(void *dst, const void *src, size_t len)
{
	return copy_bytes(dst, src, len);
}

int sim_probe(u64 vaddr, u64 size, bool write)
{
	u64 pages = ((vaddr & ~PAGE_MASK) + size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	void *first = (void *)(uintptr_t)(vaddr & PAGE_MASK);

	if (!size)
		return 0;
	return write ? touch_write(first, PAGE_SIZE, pages)
		     : touch_read(first, PAGE_SIZE, pages);
}

static void note_read(const void *src, size_t len)
{
	uintptr_t start = (uintptr_t)src, last = start + len - 1;
	struct sim_task *self = sim_current();
	unsigned int i;

	if (!self->calls || !len)
		return;
	for (i = 0; i < self->nr_reads; i++)
		if (start <= self->reads[i].last &&
		    self->reads[i].start <= last)
			sim_bug("%s reads the caller's memory at %p twice in one call",
				self->name, src);
	/* A call that reads many pieces reads the later ones unwatched. */
	if (self->nr_reads == SIM_MAX_READS)
		return;
	self->reads[self->nr_reads].start = start;
	self->reads[self->nr_reads].last = last;
	self->nr_reads++;
}

/* Also lets the sanitizers see our side of the copy. */
static void check_copy(const void *buf, size_t len)
{
	const volatile u8 *byte = buf;

	lock_assert_none_held();
	if (len) {
		(void)byte[0];
		(void)byte[len - 1];
	}
}

int port_copy_in(void *dst, const void __user *src, size_t len)
{
	int ret;

	check_copy(dst, len);
	if (sim_fails(SIM_COPY))
		return -EFAULT;
	sim_mm_lock(false);
	ret = copy_bytes(dst, (__force const void *)src, len);
	sim_mm_unlock(false);
	if (!ret)
		note_read((__force const void *)src, len);
	return ret;
}

int port_copy_out(void __user *dst, const void *src, size_t len)
{
	int ret;

	check_copy(src, len);
	if (sim_fails(SIM_COPY))
		return -EFAULT;
	sim_mm_lock(false);
	ret = copy_bytes((__force void *)dst, src, len);
	sim_mm_unlock(false);
	return ret;
}

ssize_t port_copy_string(char *dst, const char __user *src, size_t size)
{
	ssize_t ret;

	check_copy(dst, size);
	if (sim_fails(SIM_COPY))
		return -EFAULT;
	sim_mm_lock(false);
	ret = copy_string(dst, (__force const char *)src, size);
	sim_mm_unlock(false);
	if (ret >= 0)
		note_read((__force const void *)src, ret + 1);
	return ret;
}
