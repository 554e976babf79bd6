/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The table of descriptor numbers.
 *
 * Each of our descriptors is a real one, an empty memfd that nothing can be
 * written to: the kernel gives out the number, and a call that reaches it in
 * spite of us fails instead of doing something else.  The table says what the
 * number stands for.  Looking there takes no lock: a slot is one word, and
 * chunks of slots are never freed.
 *
 * The program may close a number without our knowing, by a raw system call: its
 * slot is then stale, which is noticed when somebody is given the number anew.
 */
#include "internal.h"
#include "sys.h"

#include <sys/resource.h>

#define CHUNK_SHIFT 13
#define CHUNK_SLOTS (1u << CHUNK_SHIFT)
#define CHUNKS (1u << (31 - CHUNK_SHIFT))

/* What a slot holds besides the address of a description. */
enum {
	SLOT_FREE = 0, /* not ours */
	SLOT_INTERNAL = 1, /* the host's own: not the program's to touch */
	SLOT_RESERVED = 2, /* will be the program's: host_fd_reserve() */
	SLOT_LAST = SLOT_RESERVED,
};

/* Memory is touched where numbers are used only. */
static uintptr_t *chunks[CHUNKS];
/* The highest number that ever had a slot; atomic. */
static int highest = -1;
/* The process whose table this is: a child of vfork() shares our memory, but
 * not our descriptors. */
static int owner;

static inline uintptr_t *find_slot(int fd)
{
	uintptr_t *chunk;

	if (unlikely(fd < 0))
		return NULL;
	chunk = smp_load_acquire(&chunks[fd >> CHUNK_SHIFT]);
	return likely(chunk) ? &chunk[fd & (CHUNK_SLOTS - 1)] : NULL;
}

static bool is_file(uintptr_t slot)
{
	return slot > SLOT_LAST;
}

bool host_fd_is_ours(int fd)
{
	uintptr_t *slot = find_slot(fd);

	return slot && is_file(READ_ONCE(*slot));
}

bool host_fd_is_internal(int fd)
{
	uintptr_t *slot = find_slot(fd), val = slot ? READ_ONCE(*slot) : 0;

	return val == SLOT_INTERNAL || val == SLOT_RESERVED;
}

int host_fd_next_internal(int fd)
{
	int last = READ_ONCE(highest);

	for (fd = max(fd, 0); fd <= last; fd++) {
		if (host_fd_is_internal(fd))
			return fd;
		/* A whole chunk that nobody used. */
		if (!find_slot(fd))
			fd |= CHUNK_SLOTS - 1;
	}
	return -1;
}

static bool in_child_of_vfork(void)
{
	return READ_ONCE(owner) != sys_getpid();
}

/* The slot of @fd, made when there is none yet; NULL without memory. */
static uintptr_t *make_slot(int fd)
{
	uintptr_t *chunk, *old = NULL, **where = &chunks[fd >> CHUNK_SHIFT];
	size_t size = CHUNK_SLOTS * sizeof(*chunk);
	int last;

	if (!find_slot(fd)) {
		chunk = sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				 -1, 0);
		if (IS_ERR(chunk))
			return NULL;
		if (!__atomic_compare_exchange_n(where, &old, chunk, false,
						 __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			sys_munmap(chunk, size);
	}
	last = READ_ONCE(highest);
	while (last < fd &&
	       !__atomic_compare_exchange_n(&highest, &last, fd, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	WRITE_ONCE(owner, sys_getpid());
	return find_slot(fd);
}

/* Puts @val into the slot of @fd and lets go what was there. */
static void set_slot(int fd, uintptr_t val)
{
	uintptr_t old =
		__atomic_exchange_n(find_slot(fd), val, __ATOMIC_ACQ_REL);

	if (is_file(old))
		port_file_put((struct port_file *)old);
	else if (old == SLOT_INTERNAL)
		port_err(
			"descriptor %d, one of anyvfio's own, was closed by the program",
			fd);
}

/*
 * A slot holds a reference, so a description with none left is one whose slot
 * has just changed.  One that was counted up may have been made anew
 * meanwhile, for another slot: only what the slot says afterwards is true.
 */
struct port_file *host_fd_get(int fd)
{
	uintptr_t *slot = find_slot(fd), val;
	struct port_file *file;

	if (!slot)
		return NULL;
	for (;;) {
		val = smp_load_acquire(slot);
		if (!is_file(val))
			return NULL;
		file = (struct port_file *)val;
		if (!refcount_inc_not_zero(&file->refs))
			continue;
		if (likely(smp_load_acquire(slot) == val))
			return file;
		port_file_put(file);
	}
}

void host_fd_forget(int fd)
{
	uintptr_t *slot = find_slot(fd);

	if (likely(!slot || !READ_ONCE(*slot)) || in_child_of_vfork())
		return;
	set_slot(fd, SLOT_FREE);
}

void host_fd_stale(int fd, struct port_file *file)
{
	uintptr_t *slot = find_slot(fd), val = (uintptr_t)file;

	if (slot &&
	    __atomic_compare_exchange_n(slot, &val, SLOT_FREE, false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		port_file_put(file);
}

/* ---- making and closing ---- */

int host_fd_reserve(const char *name, bool cloexec)
{
	unsigned int flags = MFD_ALLOW_SEALING | (cloexec ? MFD_CLOEXEC : 0);
	int fd;

	/* The number may stand for something that ends with it. */
	lock_assert_none_held();
	fd = syscall6(SYS_memfd_create, (long)name, flags, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	if (!make_slot(fd)) {
		sys_close(fd);
		return -ENOMEM;
	}
	set_slot(fd, SLOT_RESERVED);
	sys_fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

int port_fd_reserve(void)
{
	return host_fd_reserve("vfio-device", true);
}

void port_fd_cancel(int fd)
{
	uintptr_t *slot = find_slot(fd);

	if (WARN_ON(!slot || READ_ONCE(*slot) != SLOT_RESERVED))
		return;
	WRITE_ONCE(*slot, SLOT_FREE);
	sys_close(fd);
}

void port_fd_publish(int fd, struct port_file *file)
{
	uintptr_t *slot = find_slot(fd);

	if (WARN_ON(!slot || READ_ONCE(*slot) != SLOT_RESERVED))
		return;
	smp_store_release(slot, (uintptr_t)file);
}

int host_fd_close(int fd)
{
	uintptr_t *slot = find_slot(fd), val = slot ? READ_ONCE(*slot) : 0;
	int ret;

	if (is_file(val) && in_child_of_vfork())
		return sys_close(fd);
	/* The slot first: from the close on, the number may be another's. */
	do {
		if (!is_file(val))
			return -EBADF;
	} while (!__atomic_compare_exchange_n(slot, &val, SLOT_FREE, true,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	ret = sys_close(fd);
	port_file_put((struct port_file *)val);
	return ret;
}

int host_fd_dup(int old, int new)
{
	struct port_file *file = host_fd_get(old);

	if (!file) {
		host_fd_forget(new);
		return 0;
	}
	if (in_child_of_vfork()) {
		port_file_put(file);
		return 0;
	}
	if (!make_slot(new)) {
		sys_close(new);
		port_file_put(file);
		return -ENOMEM;
	}
	set_slot(new, (uintptr_t)file);
	return 0;
}

void host_fd_each(int first, int last, void (*fn)(int fd, void *data),
		  void *data)
{
	int fd;

	last = min(last, READ_ONCE(highest));
	for (fd = max(first, 0); fd <= last; fd++) {
		if (host_fd_is_ours(fd))
			fn(fd, data);
		else if (!find_slot(fd))
			fd |= CHUNK_SLOTS - 1;
	}
}

/* ---- the host's own descriptors ---- */

/*
 * Where the host's own numbers begin: out of the way of a program that counts
 * from below, but not so high that the kernel's table of the process, which is
 * copied by each fork, becomes large.
 */
static int internal_base(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 0;
	return min_t(rlim_t, lim.rlim_cur / 4 * 3, 8192);
}

/* A number from @from on that stands for nothing, with what @fd has; or an
 * error.  A stale one is left to others: what it stands for would end here,
 * where the caller may hold any lock. */
static int dup_unused(int fd, int from)
{
	int new;

	for (;; from = new + 1) {
		new = sys_fcntl(fd, F_DUPFD_CLOEXEC, from);
		if (new < 0 || !host_fd_is_ours(new))
			return new;
		sys_close(new);
	}
}

int host_fd_internal(int fd)
{
	int high = dup_unused(fd, internal_base());

	/* Nothing free up there: it stays where it is. */
	if (high < 0) {
		high = fd;
		sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
	} else {
		sys_close(fd);
	}
	if (!make_slot(high)) {
		sys_close(high);
		return -ENOMEM;
	}
	set_slot(high, SLOT_INTERNAL);
	return high;
}

void host_fd_internal_close(int fd)
{
	uintptr_t *slot = find_slot(fd);

	if (WARN_ON(!slot || READ_ONCE(*slot) != SLOT_INTERNAL))
		return;
	WRITE_ONCE(*slot, SLOT_FREE);
	sys_close(fd);
}

/* ---- the child of a fork, and the end ---- */

void host_fd_after_fork(void)
{
	int fd, last = READ_ONCE(highest);
	uintptr_t *slot;

	owner = sys_getpid();
	for (fd = 0; fd <= last; fd++) {
		slot = find_slot(fd);
		if (!slot) {
			fd |= CHUNK_SLOTS - 1;
		} else if (*slot && !is_file(*slot)) {
			*slot = SLOT_FREE;
			sys_close(fd);
		}
	}
}

static void close_one(int fd, void *data)
{
	host_fd_close(fd);
}

void host_fd_exit(void)
{
	host_fd_each(0, INT32_MAX, close_one, NULL);
}
