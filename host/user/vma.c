/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mappings of devices: which BAR lies where in the program's memory.
 *
 * Each holds the description it was made from, as in a kernel: closing the
 * descriptor does not take the device away.  The hardware says page by page what
 * the program may do natively; the rest traps, and the handler asks here what
 * lies at an address.
 *
 * Readers take no lock, since they may be a signal handler on top of anything.
 * There are two tables, each sorted by address; the version's lowest bit says
 * which one is in force.  A change is made in the other one and the version
 * counted up.  A reader who finds another version after than before reads
 * again: what it read may have been a table in the making.  Tables that became
 * too small stay, for readers who have not noticed yet.
 */
#include "internal.h"
#include "sys.h"
#include "valgrind.h"

/* One mapping, or what is left of it.  Whole words: readers copy by word. */
struct vma {
	u64 start;
	u64 size;
	struct port_file *file; /* holds a reference; NULL: see after_fork */
	const struct host_vma_ops *ops;
	void *hw;
	u64 off; /* of the BAR, at @start */
	u64 bar;
	u64 prot; /* as the program asked for */
};

#define VMA_WORDS (sizeof(struct vma) / sizeof(u64))
/* No address of a program is beyond, with the largest page tables there are. */
#define ADDRESSES (1ull << 56)

struct table {
	struct table *older; /* too small: kept for late readers */
	u64 nr;
	u64 size;
	struct vma vma[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table none;
static struct table *tables[2] = { &none, &none }; /* written under the lock */
static u64 version; /* written under the lock */
/* This thread has the lock; a signal's handler on top of it may fork. */
static __thread bool changing;

static void lock_tables(void)
{
	pthread_mutex_lock(&lock);
	changing = true;
}

static void unlock_tables(void)
{
	changing = false;
	pthread_mutex_unlock(&lock);
}

/* ---- readers ---- */

/*
 * A word read is not older than what follows it in the program, and a word
 * written is not newer than what is before it: so a reader who saw a word of
 * the next version also sees the next version.
 */
static inline void copy_vma(struct vma *dst, const struct vma *src)
{
	unsigned int i;

	for (i = 0; i < VMA_WORDS; i++)
		__atomic_store_n(
			(u64 *)dst + i,
			__atomic_load_n((const u64 *)src + i, __ATOMIC_ACQUIRE),
			__ATOMIC_RELEASE);
}

/* The index of the first mapping that ends above @addr.  Whatever a late reader
 * meets here, it stays inside the table. */
static u64 first_above(const struct table *table, u64 nr, u64 addr)
{
	u64 low = 0, high = nr, mid;
	const struct vma *vma;

	while (low < high) {
		mid = (low + high) / 2;
		vma = &table->vma[mid];
		if (__atomic_load_n(&vma->start, __ATOMIC_ACQUIRE) +
			    __atomic_load_n(&vma->size, __ATOMIC_ACQUIRE) >
		    addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Copies the first mapping that ends above @addr; false when there is none. */
static bool find_above(u64 addr, struct vma *vma)
{
	const struct table *table;
	u64 before, nr, i;

	do {
		before = smp_load_acquire(&version);
		table = smp_load_acquire(&tables[before & 1]);
		nr = smp_load_acquire(&table->nr);
		i = first_above(table, nr, addr);
		if (i < nr)
			copy_vma(vma, &table->vma[i]);
	} while (READ_ONCE(version) != before);
	return i < nr;
}

bool host_vma_find(const void *addr, struct host_vma_hit *hit)
{
	u64 at = (uintptr_t)addr, in;
	struct vma vma;

	if (!find_above(at, &vma) || vma.start > at)
		return false;
	in = at - vma.start;
	hit->hw = vma.hw;
	hit->bar = vma.bar;
	hit->prot = vma.prot;
	hit->off = vma.off + in;
	hit->len = vma.size - in;
	return true;
}

bool host_vma_is_ours(const void *addr, size_t len)
{
	u64 at = (uintptr_t)addr;
	struct vma vma;

	return find_above(at, &vma) &&
	       (vma.start <= at || vma.start - at < len);
}

bool host_vma_stretch(u64 addr, u64 *len)
{
	struct vma vma;

	if (!find_above(addr, &vma))
		return false;
	if (vma.start > addr) {
		*len = min(*len, vma.start - addr);
		return false;
	}
	*len = min(*len, vma.start + vma.size - addr);
	return true;
}

/* ---- changes: all under the lock ---- */

/* The table in force. */
static struct table *current_table(void)
{
	return tables[version & 1];
}

/* The other one, as a copy of it with room for @more; NULL without memory. */
static struct table *begin_change(unsigned int more)
{
	struct table *from = current_table(), *to = tables[~version & 1];
	u64 i, size;

	if (to->size < from->nr + more) {
		size = max_t(u64, 2 * (from->nr + more), 16);
		to = port_zalloc(sizeof(*to) + size * sizeof(to->vma[0]));
		if (!to)
			return NULL;
		to->size = size;
		to->older = tables[~version & 1];
		smp_store_release(&tables[~version & 1], to);
	}
	for (i = 0; i < from->nr; i++)
		copy_vma(&to->vma[i], &from->vma[i]);
	smp_store_release(&to->nr, from->nr);
	return to;
}

static void end_change(void)
{
	smp_store_release(&version, version + 1);
}

static void insert_at(struct table *table, u64 i, const struct vma *vma)
{
	u64 n;

	for (n = table->nr; n > i; n--)
		copy_vma(&table->vma[n], &table->vma[n - 1]);
	copy_vma(&table->vma[i], vma);
	smp_store_release(&table->nr, table->nr + 1);
}

static void remove_at(struct table *table, u64 i)
{
	for (; i + 1 < table->nr; i++)
		copy_vma(&table->vma[i], &table->vma[i + 1]);
	smp_store_release(&table->nr, table->nr - 1);
}

/* Makes a mapping that crosses @addr two, each with its reference. */
static void split_at(struct table *table, u64 addr)
{
	u64 i = first_above(table, table->nr, addr), in;
	struct vma low, high;

	if (i == table->nr || table->vma[i].start >= addr)
		return;
	low = high = table->vma[i];
	in = addr - low.start;
	low.size = in;
	high.start += in;
	high.size -= in;
	high.off += in;
	if (high.file)
		refcount_inc(&high.file->refs);
	copy_vma(&table->vma[i], &low);
	insert_at(table, i + 1, &high);
}

/* Gives the program what the hardware leaves it of the rights it asked for. */
static int apply_rights(const struct vma *vma)
{
	u64 in, len;
	int ret = 0, prot;

	for (in = 0; !ret && in < vma->size; in += len) {
		len = vma->size - in;
		prot = vma->ops->rights(vma->hw, vma->bar, vma->off + in,
					vma->prot, &len);
		len = min(len, vma->size - in);
		if (WARN_ON(!len))
			return -EINVAL;
		ret = sys_mprotect((void *)(uintptr_t)(vma->start + in), len,
				   prot);
	}
	if (vma->prot & (PROT_READ | PROT_WRITE))
		valgrind_make_defined(vma->start, vma->size);
	return ret;
}

/* ---- mapping ---- */

static int map_locked(struct port_vma *req, struct vma *vma, int memfd,
		      u64 mem_off)
{
	int flags = req->map_flags &
		    (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT);
	struct table *table = begin_change(1);
	void *addr;
	int ret;

	if (!table)
		return -ENOMEM;
	flags |= MAP_NORESERVE;
	flags |= memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	addr = sys_mmap(req->hint, req->size, PROT_NONE, flags, memfd, mem_off);
	if (IS_ERR(addr))
		return PTR_ERR(addr);
	vma->start = (uintptr_t)addr;
	ret = apply_rights(vma);
	if (ret) {
		sys_munmap(addr, req->size);
		return ret;
	}
	refcount_inc(&vma->file->refs);
	insert_at(table, first_above(table, table->nr, vma->start), vma);
	end_change();
	req->addr = addr;
	return 0;
}

int host_vma_map(struct port_vma *req, const struct host_vma_ops *ops, void *hw,
		 u32 bar, u64 off, int memfd, u64 mem_off)
{
	struct vma vma = { .size = req->size,
			   .file = req->file,
			   .ops = ops,
			   .hw = hw,
			   .off = off,
			   .bar = bar,
			   .prot = req->prot };
	int ret;

	/* What is covered must go before: it may be the last reference to a
	 * device, whose release comes back here. */
	if (req->map_flags & MAP_FIXED)
		host_vma_gone(req->hint, req->size);
	lock_tables();
	ret = map_locked(req, &vma, memfd, mem_off);
	unlock_tables();
	return ret;
}

void host_vma_refresh(void *hw)
{
	struct table *table;
	u64 i;

	lock_tables();
	table = current_table();
	for (i = 0; i < table->nr; i++) {
		if (table->vma[i].hw == hw)
			WARN_ON(apply_rights(&table->vma[i]));
	}
	unlock_tables();
}

/* ---- unmapping ---- */

#define SLICE 16

/**
 * struct slice - a part of a range that is unmapped in one go
 * @start, @last: the part
 * @nr, @file: the references that its mappings held, to be dropped when no
 *          lock is held
 */
struct slice {
	u64 start, last;
	unsigned int nr;
	struct port_file *file[SLICE];
};

/* Ends the slice before the first mapping it has no room for. */
static void cut_slice(struct slice *slice, const struct table *table)
{
	u64 i = first_above(table, table->nr, slice->start) + SLICE;

	if (i < table->nr && table->vma[i].start <= slice->last)
		slice->last = table->vma[i].start - 1;
}

static void carve(struct slice *slice, struct table *table)
{
	u64 i;

	split_at(table, slice->start);
	split_at(table, slice->last + 1);
	i = first_above(table, table->nr, slice->start);
	while (i < table->nr && table->vma[i].start <= slice->last) {
		if (table->vma[i].file)
			slice->file[slice->nr++] = table->vma[i].file;
		remove_at(table, i);
	}
}

static int unmap_locked(struct slice *slice, bool native)
{
	struct table *table = begin_change(2);
	int ret = 0;

	if (!table)
		return -ENOMEM;
	cut_slice(slice, table);
	/* Under the lock: once it is free, somebody else's mapping may come to
	 * lie there. */
	if (native)
		ret = sys_munmap((void *)(uintptr_t)slice->start,
				 slice->last - slice->start + 1);
	if (ret)
		return ret;
	carve(slice, table);
	end_change();
	return 0;
}

static bool is_valid(u64 start, u64 len)
{
	return IS_ALIGNED(start, PAGE_SIZE) && start < ADDRESSES &&
	       len <= ADDRESSES - start;
}

static int unmap_range(u64 start, u64 len, bool native)
{
	u64 last = start + ALIGN(len, PAGE_SIZE) - 1;
	struct slice slice;
	int ret;

	do {
		slice.start = start;
		slice.last = last;
		slice.nr = 0;
		lock_tables();
		ret = unmap_locked(&slice, native);
		unlock_tables();
		while (slice.nr)
			port_file_put(slice.file[--slice.nr]);
		start = slice.last + 1;
	} while (!ret && start <= last);
	return ret;
}

int host_vma_unmap(void *addr, size_t len)
{
	if (!len || !is_valid((uintptr_t)addr, len))
		return -EINVAL;
	return unmap_range((uintptr_t)addr, len, true);
}

void host_vma_gone(void *addr, size_t len)
{
	/* What is not valid covers nothing: the kernel will say so. */
	if (host_vma_is_ours(addr, len) && is_valid((uintptr_t)addr, len))
		WARN_ON(unmap_range((uintptr_t)addr, len, false));
}

/* ---- moving and protecting ---- */

static int move_locked(u64 old, u64 len, u64 new)
{
	struct table *table = begin_change(2);
	struct vma vma;
	u64 i;

	if (!table)
		return -ENOMEM;
	split_at(table, old);
	split_at(table, old + len);
	/* Each one is taken out and put in where it belongs; those that moved
	 * are not met again, since the target is not in the old range. */
	for (;;) {
		i = first_above(table, table->nr, old);
		if (i == table->nr || table->vma[i].start >= old + len)
			break;
		vma = table->vma[i];
		remove_at(table, i);
		vma.start += new - old;
		insert_at(table, first_above(table, table->nr, vma.start),
			  &vma);
	}
	end_change();
	return 0;
}

void host_vma_moved(void *old, size_t old_len, void *new, size_t new_len)
{
	u64 from = (uintptr_t)old, to = (uintptr_t) new;
	u64 len = min(ALIGN(old_len, PAGE_SIZE), ALIGN(new_len, PAGE_SIZE));
	int ret;

	if (old_len > len)
		host_vma_gone((char *)old + len, old_len - len);
	if (from == to || !len)
		return;
	host_vma_gone(new, new_len);
	lock_tables();
	ret = move_locked(from, len, to);
	unlock_tables();
	WARN_ON(ret);
}

/* What of the range is not ours is the kernel's business alone. */
static int protect_locked(u64 start, u64 left, int prot)
{
	struct table *table = begin_change(2);
	int ret = 0;
	u64 i, len;
	struct vma vma;

	if (!table)
		return -ENOMEM;
	split_at(table, start);
	split_at(table, start + left);
	i = first_above(table, table->nr, start);
	for (; !ret && left; start += len, left -= len) {
		len = left;
		if (i == table->nr || table->vma[i].start > start) {
			if (i < table->nr)
				len = min(len, table->vma[i].start - start);
			ret = sys_mprotect((void *)(uintptr_t)start, len, prot);
			continue;
		}
		vma = table->vma[i];
		vma.prot = prot;
		copy_vma(&table->vma[i++], &vma);
		len = vma.size;
		ret = vma.ops ? apply_rights(&vma) : 0;
	}
	end_change();
	return ret;
}

int host_vma_protect(void *addr, size_t len, int prot)
{
	int ret;

	if (!IS_ALIGNED((uintptr_t)addr, PAGE_SIZE))
		return -EINVAL;
	if (!is_valid((uintptr_t)addr, len))
		return -ENOMEM;
	lock_tables();
	ret = protect_locked((uintptr_t)addr, ALIGN(len, PAGE_SIZE), prot);
	unlock_tables();
	return ret;
}

/* ---- the child of a fork, and the end ---- */

static __thread bool forking; /* and has the lock for it */

/* Else what is being unmapped may be in the child's table still and somebody
 * else's memory already. */
void host_vma_before_fork(void)
{
	forking = !changing;
	if (forking)
		pthread_mutex_lock(&lock);
}

void host_vma_forked(void)
{
	if (forking)
		pthread_mutex_unlock(&lock);
}

/*
 * The device is the parent's: its pages go, the address range stays taken, so
 * that an munmap() of the program hits nothing else.  Accesses trap and find
 * that nothing is there.
 */
void host_vma_after_fork(void)
{
	struct table *table = current_table();
	struct vma *vma;
	u64 i;

	if (forking)
		pthread_mutex_unlock(&lock);
	else
		pthread_mutex_init(&lock, NULL);
	changing = false;
	for (i = 0; i < table->nr; i++) {
		vma = &table->vma[i];
		vma->file = NULL;
		vma->ops = NULL;
		vma->hw = NULL;
		sys_mmap((void *)(uintptr_t)vma->start, vma->size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				 MAP_FIXED,
			 -1, 0);
	}
}

void host_vma_exit(void)
{
	struct vma vma;

	while (find_above(0, &vma))
		host_vma_unmap((void *)(uintptr_t)vma.start, vma.size);
}

static void free_tables(struct table **table)
{
	struct table *older;

	for (; *table != &none; *table = older) {
		older = (*table)->older;
		port_free(*table);
	}
}

void host_vma_free(void)
{
	WARN_ON(current_table()->nr);
	free_tables(&tables[0]);
	free_tables(&tables[1]);
}
