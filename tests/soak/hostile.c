/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Users that call anything on their own descriptors and on those of others.  What
 * a call answers is chance; that all of them come to an end, and nothing is
 * touched that has gone, is for the sanitizers and the watchman to see.
 */
#include "soak.h"

#define SHARED 48
#define PAGES 16
#define CALLS 24 /* between opening and closing */

/**
 * struct user - a program's descriptors, as numbers of the shared table
 * @memory: for DMA; each thread has its own, for ever
 */
struct user {
	struct worker *w;
	int container;
	int group;
	int device;
	u8 *memory;
};

/* Numbers, or -1.  Who takes one out closes it. */
static int shared[SHARED];
/* Held for reading by calls on others' numbers; of these there is no end, so that a
 * writer comes first. */
static pthread_rwlock_t strangers =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static __thread u8 *own_memory;

void hostile_init(void)
{
	unsigned int i;

	for (i = 0; i < SHARED; i++)
		__atomic_store_n(&shared[i], -1, __ATOMIC_RELAXED);
}

void strangers_lock(void)
{
	pthread_rwlock_wrlock(&strangers);
}

void strangers_unlock(void)
{
	pthread_rwlock_unlock(&strangers);
}

/* ---- the table ---- */

/* Where it is now, or -1 when there is no room: it is closed then. */
static int publish(int fd)
{
	unsigned int i;
	int none;

	if (fd < 0)
		return -1;
	for (i = 0; i < SHARED; i++) {
		none = -1;
		if (__atomic_compare_exchange_n(&shared[i], &none, fd, false,
						__ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return i;
	}
	MUST(!host_fd_close(fd));
	return -1;
}

static int number(int i)
{
	return i < 0 ? -1 : __atomic_load_n(&shared[i], __ATOMIC_ACQUIRE);
}

static void close_shared(struct worker *w, int i)
{
	int fd = i < 0 ? -1
		       : __atomic_exchange_n(&shared[i], -1, __ATOMIC_ACQ_REL);

	if (fd >= 0)
		MUST(!TIMED(w, CLOSE, host_fd_close(fd)));
}

/* Its own, mostly; else anybody's, which may have gone meanwhile. */
static int any_number(struct user *u)
{
	const int own[] = { u->container, u->group, u->device, u->device };
	u32 what = rnd(u->w, 16);

	return number(what < 12 ? own[what % 4] : (int)rnd(u->w, SHARED));
}

/* ---- arguments ---- */

static void *any_pointer(struct user *u)
{
	switch (rnd(u->w, 8)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(uintptr_t)rnd(u->w, 1u << 31);
	case 2:
		return (void *)-4096L;
	default:
		return u->memory + rnd(u->w, PAGES * PAGE_SIZE);
	}
}

static u64 any_iova(struct user *u)
{
	return rnd(u->w, 16) ? rnd(u->w, 64) * PAGE_SIZE
			     : (u64)rnd(u->w, ~0u) << rnd(u->w, 33);
}

/* ---- calls ---- */

static void map(struct user *u)
{
	u32 first = rnd(u->w, PAGES);
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = 1 + rnd(u->w, 3),
		.vaddr = (uintptr_t)u->memory + first * PAGE_SIZE,
		.iova = any_iova(u),
		.size = (1 + rnd(u->w, PAGES - first)) * PAGE_SIZE,
	};

	TIMED(u->w, MAP_DMA,
	      host_fd_ioctl(any_number(u), VFIO_IOMMU_MAP_DMA,
			    (unsigned long)&arg));
}

static void unmap(struct user *u)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = any_iova(u),
		.size = (1 + rnd(u->w, PAGES)) * PAGE_SIZE,
	};

	if (!rnd(u->w, 8)) {
		arg.flags = VFIO_DMA_UNMAP_FLAG_ALL;
		arg.iova = 0;
		arg.size = 0;
	}
	TIMED(u->w, UNMAP_DMA,
	      host_fd_ioctl(any_number(u), VFIO_IOMMU_UNMAP_DMA,
			    (unsigned long)&arg));
}

static void info(struct user *u)
{
	static const unsigned long cmds[] = {
		VFIO_DEVICE_GET_INFO,	  VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO, VFIO_IOMMU_GET_INFO,
		VFIO_GROUP_GET_STATUS,	  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		VFIO_GET_API_VERSION,
	};
	u32 arg[64] = { sizeof(arg), 0, rnd(u->w, 10) };

	TIMED(u->w, INFO,
	      host_fd_ioctl(any_number(u), cmds[rnd(u->w, ARRAY_SIZE(cmds))],
			    (unsigned long)arg));
}

static void access_region(struct user *u)
{
	off_t pos = REGION(rnd(u->w, 9)) + rnd(u->w, 0x1100) / 4 * 4;
	size_t len = rnd(u->w, 8) ? 4 : rnd(u->w, 200);
	u8 *bytes = u->memory + rnd(u->w, PAGE_SIZE);
	int fd = any_number(u);

	/* Configuration space: so that the device is mostly there. */
	if (rnd(u->w, 2)) {
		TIMED(u->w, READ, host_fd_pread(fd, any_pointer(u), len, pos));
		return;
	}
	if (pos >= CONFIG && pos < CONFIG + 4096) {
		bytes[0] = 7;
		pos = CONFIG + 4;
		len = 1;
	}
	TIMED(u->w, WRITE, host_fd_pwrite(fd, bytes, len, pos));
}

static void set_irqs(struct user *u)
{
	union {
		struct vfio_irq_set hdr;
		u8 bytes[sizeof(struct vfio_irq_set) + 4 * sizeof(int)];
	} set = { .hdr.argsz = sizeof(set) };
	u32 count = rnd(u->w, 5), i;
	int fds[4];

	set.hdr.index = rnd(u->w, 5);
	set.hdr.start = rnd(u->w, 3);
	set.hdr.count = count;
	set.hdr.flags =
		(count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE) |
		(rnd(u->w, 8) ? VFIO_IRQ_SET_ACTION_TRIGGER
			      : VFIO_IRQ_SET_ACTION_UNMASK);
	for (i = 0; i < 4; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	memcpy(set.hdr.data, fds, sizeof(fds));
	TIMED(u->w, SET_IRQS,
	      host_fd_ioctl(any_number(u), VFIO_DEVICE_SET_IRQS,
			    (unsigned long)&set));
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

static void touch(struct user *u, u8 *addr, bool write)
{
	u32 val = rnd(u->w, 64), got;

	if (write)
		__asm__ volatile("movl %0, (%1)"
				 :
				 : "r"(val), "r"(addr)
				 : "memory");
	else
		__asm__ volatile("movl (%1), %0"
				 : "=r"(got)
				 : "r"(addr)
				 : "memory");
}

/* The page is trapped: it answers whatever becomes of the device. */
static void map_and_touch(struct user *u)
{
	off_t off = REGION(0) + (off_t)rnd(u->w, 4) * PAGE_SIZE;
	struct host_vma_hit hit;
	unsigned int n;
	u8 *addr;

	addr = TIMED(u->w, MMAP,
		     host_fd_mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, any_number(u), off));
	if (IS_ERR(addr))
		return;
	for (n = rnd(u->w, 8); n && host_vma_find(addr, &hit); n--)
		TIMED(u->w, TRAP,
		      (touch(u, addr + rnd(u->w, 64) * 4, rnd(u->w, 2)), 0));
	MUST(!TIMED(u->w, MUNMAP, host_vma_unmap(addr, PAGE_SIZE)));
}

static void copy(struct user *u)
{
	int from = any_number(u), to = fcntl(from, F_DUPFD_CLOEXEC, 0);

	if (to < 0)
		return;
	/* What is copied may have become another's, or nobody's. */
	TIMED(u->w, COPY,
	      (host_fd_dup(from, to),
	       host_fd_is_ours(to) ? host_fd_close(to) : close(to)));
}

static void reset(struct user *u)
{
	TIMED(u->w, RESET, host_fd_ioctl(any_number(u), VFIO_DEVICE_RESET, 0));
}

static void meddle(struct user *u)
{
	static const unsigned long cmds[] = {
		VFIO_GROUP_UNSET_CONTAINER,
		VFIO_GROUP_SET_CONTAINER,
		VFIO_SET_IOMMU,
		VFIO_CHECK_EXTENSION,
		VFIO_IOMMU_DIRTY_PAGES,
		VFIO_DEVICE_PCI_HOT_RESET,
		VFIO_DEVICE_IOEVENTFD,
		VFIO_DEVICE_FEATURE,
	};
	int container = number(u->container);
	unsigned long cmd = cmds[rnd(u->w, ARRAY_SIZE(cmds))];
	void *arg = rnd(u->w, 2) ? &container : any_pointer(u);

	if (cmd == VFIO_SET_IOMMU || cmd == VFIO_CHECK_EXTENSION)
		arg = (void *)(uintptr_t)rnd(u->w, 10);
	TIMED(u->w, OTHER,
	      host_fd_ioctl(any_number(u), cmd, (unsigned long)arg));
}

static void call(struct user *u)
{
	static void (*const fn[])(struct user * u) = {
		map,	  unmap,	 info,	access_region,
		set_irqs, map_and_touch, copy,	access_region,
		map,	  meddle,	 unmap, info,
	};

	pthread_rwlock_rdlock(&strangers);
	if (rnd(u->w, 40))
		fn[rnd(u->w, ARRAY_SIZE(fn))](u);
	else
		reset(u);
	pthread_rwlock_unlock(&strangers);
	if (!rnd(u->w, 64))
		close_shared(u->w, rnd(u->w, SHARED));
}

/* ---- from opening to closing ---- */

static void attach(struct user *u, u32 id)
{
	int group = number(u->group), container = number(u->container), fd;
	char name[16];

	snprintf(name, sizeof(name), "0000:%02x:00.0", id);
	TIMED(u->w, SET_CONTAINER,
	      host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER,
			    (unsigned long)&container));
	TIMED(u->w, SET_IOMMU,
	      host_fd_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	fd = TIMED(u->w, GET_DEVICE,
		   host_fd_ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
				 (unsigned long)name));
	u->device = publish(fd);
}

static u8 *get_memory(void)
{
	if (!own_memory)
		own_memory = mmap(NULL, PAGES * PAGE_SIZE,
				  PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(own_memory != MAP_FAILED);
	return own_memory;
}

static int open_node(struct worker *w, const char *name)
{
	return publish(
		TIMED(w, OPEN, host_node_open(name, O_RDWR | O_CLOEXEC)));
}

void hostile_user(struct worker *w)
{
	struct user u = { .w = w, .device = -1, .memory = get_memory() };
	u32 id = 1 + rnd(w, HOSTILE), i, first;
	char node[16];

	snprintf(node, sizeof(node), "%u", id);
	pthread_rwlock_rdlock(&strangers);
	u.container = open_node(w, "vfio");
	u.group = open_node(w, node);
	attach(&u, id);
	pthread_rwlock_unlock(&strangers);
	/* Without a device most of it would end at once. */
	for (i = 0; i < (u.device < 0 ? 3 : CALLS); i++)
		call(&u);
	first = rnd(w, 3);
	for (i = 0; i < 3; i++) {
		const int fds[] = { u.container, u.group, u.device };

		close_shared(w, fds[(first + i) % 3]);
	}
}

/* Its parent's numbers are there, with nothing behind them.  No allocation, no
 * lock: the parent's other threads were anywhere. */
int hostile_child(void)
{
	unsigned int i;
	long ret;
	int fd;

	for (i = 0; i < SHARED; i++) {
		fd = number(i);
		if (fd < 0)
			continue;
		ret = host_fd_ioctl(fd, VFIO_DEVICE_RESET, 0);
		if (ret != -ENODEV && ret != -EBADF)
			return 3;
	}
	return 0;
}
