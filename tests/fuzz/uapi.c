/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Any sequence of calls on any descriptors with any arguments, in memory that is
 * there, ends early, or is not there at all.  Descriptors are closed in any
 * order, copied over each other, mapped, and given to calls that want another
 * kind.
 *
 * Whatever happened, a program that comes after it finds all as the first did.
 */
#include "client.h"

#include <limits.h>

#define SLOTS 12
#define MAPS 4
#define PAGES 16 /* of the program's memory: the last four are special */
#define READ_ONLY 12
#define GONE 13
#define ARG_MAX 128

static char *specs[] = { "edu", "nvme,size=1M", "edu,group=none" };
static const char *const nodes[] = { "vfio",	  "1", "2", "noiommu-0",
				     "noiommu-1", "3", "",  "vfio/" };
static const char *const names[] = { "0000:01:00.0", "0000:02:00.0",
				     "0000:03:00.0", "0000:04:00.0" };

static int slots[SLOTS]; /* -1: none; eventfds at the end */
static struct {
	void *addr;
	size_t len;
} maps[MAPS];
static u8 *memory;
static u8 *room; /* for arguments: a page, and one that is not there */

/* ---- values ---- */

static u64 any_address(struct fuzz_in *in)
{
	static const u64 odd[] = { 0, 1, ~0ull, 1ull << 47, 1ull << 63, 4096 };
	u8 what = fuzz_u8(in);

	if (what < 0xa0)
		return (uintptr_t)memory + what % PAGES * PAGE_SIZE;
	if (what < 0xc0)
		return (uintptr_t)memory + what * 77;
	if (what < 0xd0)
		return (uintptr_t)maps[what % MAPS].addr;
	if (what < 0xf0)
		return odd[what % ARRAY_SIZE(odd)];
	return fuzz_u64(in);
}

static u64 any_iova(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0xc0)
		return what % 32 * PAGE_SIZE;
	if (what < 0xe0)
		return -(u64)(what % 16) * PAGE_SIZE;
	if (what < 0xf0)
		return 1ull << what % 64;
	return fuzz_u64(in);
}

static u64 any_size(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0xd0)
		return what % 16 * PAGE_SIZE;
	if (what < 0xe0)
		return 1ull << what % 64;
	return what < 0xf0 ? -(u64)what : fuzz_u64(in);
}

static int any_fd(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	return what < 0xe0 ? slots[what % SLOTS] : what < 0xf0 ? -1 : 9999;
}

/* ---- arguments ---- */

/**
 * struct call - a command and what its argument is made of
 * @layout: a argsz, f flags, u a small number, v an address of the program,
 *          i one of a device, s a size, d a descriptor; 0 none but a number;
 *          n a name
 */
struct call {
	unsigned long cmd;
	const char *layout;
};

static const struct call calls[] = {
	{ VFIO_GET_API_VERSION, "0" },
	{ VFIO_CHECK_EXTENSION, "0" },
	{ VFIO_SET_IOMMU, "0" },
	{ VFIO_GROUP_GET_STATUS, "af" },
	{ VFIO_GROUP_SET_CONTAINER, "d" },
	{ VFIO_GROUP_UNSET_CONTAINER, "0" },
	{ VFIO_GROUP_GET_DEVICE_FD, "n" },
	{ VFIO_DEVICE_GET_INFO, "afuuuu" },
	{ VFIO_DEVICE_GET_REGION_INFO, "afuuss" },
	{ VFIO_DEVICE_GET_IRQ_INFO, "afuu" },
	{ VFIO_DEVICE_SET_IRQS, "afuuudddd" },
	{ VFIO_DEVICE_RESET, "0" },
	{ VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, "afuuuuuu" },
	{ VFIO_DEVICE_PCI_HOT_RESET, "afudd" },
	{ VFIO_DEVICE_IOEVENTFD, "afssd" },
	{ VFIO_DEVICE_FEATURE, "afuuuu" },
	{ VFIO_IOMMU_GET_INFO, "afsuussss" },
	{ VFIO_IOMMU_MAP_DMA, "afvis" },
	{ VFIO_IOMMU_MAP_DMA, "afvis" },
	{ VFIO_IOMMU_UNMAP_DMA, "afisssv" },
	{ VFIO_IOMMU_DIRTY_PAGES, "afisssv" },
};

static void put32(u8 **at, u32 val)
{
	memcpy(*at, &val, sizeof(val));
	*at += sizeof(val);
}

static void put64(u8 **at, u64 val)
{
	memcpy(*at, &val, sizeof(val));
	*at += sizeof(val);
}

static size_t layout_size(const char *layout)
{
	size_t size = 0;

	for (; *layout; layout++)
		size += strchr("vis", *layout) ? 8 : 4;
	return size;
}

static void put_field(struct fuzz_in *in, u8 **at, char kind, size_t size)
{
	switch (kind) {
	case 'a':
		put32(at, fuzz_below(in, 8) ? size : fuzz_u8(in));
		break;
	case 'f':
		put32(at,
		      fuzz_below(in, 8) ? fuzz_u8(in) & 0x3f : fuzz_u32(in));
		break;
	case 'u':
		put32(at, fuzz_below(in, 8) ? fuzz_u8(in) & 0xf : fuzz_u32(in));
		break;
	case 'd':
		put32(at, any_fd(in));
		break;
	case 'v':
		put64(at, any_address(in));
		break;
	case 'i':
		put64(at, any_iova(in));
		break;
	default:
		put64(at, any_size(in));
		break;
	}
}

/* Its address; the end lies before the page that is not there, or on it. */
static unsigned long make_struct(struct fuzz_in *in, const char *layout)
{
	size_t size = layout_size(layout), cut;
	u8 bytes[ARG_MAX], *at = bytes, *arg;
	const char *kind;

	for (kind = layout; *kind; kind++)
		put_field(in, &at, *kind, size);
	cut = fuzz_below(in, 16) ? 0 : fuzz_u8(in) % (size + 1);
	arg = room + PAGE_SIZE - size + cut;
	memcpy(arg, bytes, size - cut);
	return (unsigned long)arg;
}

static unsigned long make_name(struct fuzz_in *in)
{
	const char *name = names[fuzz_below(in, ARRAY_SIZE(names))];
	char text[64];
	size_t len;

	snprintf(text, sizeof(text), "%s%s", name,
		 fuzz_below(in, 8) ? "" : " vf_token=x");
	len = strlen(text) + !!fuzz_below(in, 8);
	memcpy(room + PAGE_SIZE - len, text, len);
	return (unsigned long)(room + PAGE_SIZE - len);
}

static unsigned long make_arg(struct fuzz_in *in, const char *layout)
{
	if (!fuzz_below(in, 16))
		return any_address(in);
	if (*layout == '0')
		return fuzz_below(in, 12);
	return *layout == 'n' ? make_name(in) : make_struct(in, layout);
}

/* ---- the calls ---- */

static int *free_slot(struct fuzz_in *in)
{
	int *slot = &slots[fuzz_below(in, SLOTS - 2)];

	return *slot < 0 ? slot : NULL;
}

/* The last two are eventfds, which the kernel has. */
static void close_slot(int *slot)
{
	if (*slot < 0 || slot >= &slots[SLOTS - 2])
		return;
	FUZZ_CHECK(!host_fd_close(*slot));
	*slot = -1;
}

static void check_result(long ret)
{
	FUZZ_CHECK(ret >= -4095);
	FUZZ_CHECK(ret != -EINTR && ret != -ETIME && ret != -EAGAIN);
}

static void call_ioctl(struct fuzz_in *in)
{
	const struct call *call = &calls[fuzz_below(in, ARRAY_SIZE(calls))];
	unsigned long cmd = call->cmd;
	int fd = any_fd(in), *slot;
	long ret;

	if (!fuzz_below(in, 32))
		cmd ^= fuzz_u16(in);
	ret = host_fd_ioctl(fd, cmd, make_arg(in, call->layout));
	check_result(ret);
	if (cmd != VFIO_GROUP_GET_DEVICE_FD || ret < 0)
		return;
	slot = free_slot(in);
	if (slot)
		*slot = ret;
	else
		FUZZ_CHECK(!host_fd_close(ret));
}

static void open_node(struct fuzz_in *in)
{
	int *slot = free_slot(in);
	int fd = host_node_open(nodes[fuzz_below(in, ARRAY_SIZE(nodes))],
				O_RDWR | (fuzz_below(in, 2) ? O_CLOEXEC : 0));

	check_result(fd);
	if (slot)
		*slot = fd < 0 ? -1 : fd;
	else if (fd >= 0)
		FUZZ_CHECK(!host_fd_close(fd));
}

static void copy_slot(struct fuzz_in *in)
{
	int *from = &slots[fuzz_below(in, SLOTS - 2)];
	int *to = &slots[fuzz_below(in, SLOTS - 2)];

	if (*from < 0 || from == to)
		return;
	if (*to >= 0) {
		FUZZ_CHECK(dup2(*from, *to) == *to);
	} else {
		*to = fcntl(*from, F_DUPFD_CLOEXEC, 0);
		FUZZ_CHECK(*to >= 0);
	}
	FUZZ_CHECK(!host_fd_dup(*from, *to));
}

static void read_write(struct fuzz_in *in)
{
	int fd = any_fd(in);
	off_t pos = REGION(fuzz_below(in, 10)) + fuzz_u16(in);
	size_t len = fuzz_below(in, 16) ? fuzz_u8(in) : any_size(in);
	void *buf = (void *)any_address(in);
	u8 how = fuzz_u8(in);
	ssize_t ret;

	if (how & 0x40)
		pos = (off_t)any_iova(in);
	if (how & 1)
		ret = how & 2 ? host_fd_pread(fd, buf, len, pos)
			      : host_fd_read(fd, buf, len);
	else
		ret = how & 2 ? host_fd_pwrite(fd, buf, len, pos)
			      : host_fd_write(fd, buf, len);
	check_result(ret);
	FUZZ_CHECK(ret < 0 || (size_t)ret <= len);
	if (how & 4)
		check_result(host_fd_lseek(fd, pos, how >> 3 & 3) < 0 ? -1 : 0);
}

static void map(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, MAPS);
	int prot = fuzz_below(in, 4), fd = any_fd(in);
	off_t off = REGION(fuzz_below(in, 7)) +
		    (off_t)fuzz_below(in, 8) * PAGE_SIZE;
	size_t len = (1 + fuzz_below(in, 4)) * PAGE_SIZE;
	void *addr;

	if (maps[i].addr)
		return;
	addr = host_fd_mmap(NULL, len, prot,
			    fuzz_below(in, 8) ? MAP_SHARED : MAP_PRIVATE, fd,
			    off);
	if (IS_ERR(addr)) {
		check_result(PTR_ERR(addr));
		return;
	}
	maps[i].addr = addr;
	maps[i].len = len;
}

static void unmap(unsigned int i)
{
	if (!maps[i].addr)
		return;
	FUZZ_CHECK(!host_vma_unmap(maps[i].addr, maps[i].len));
	maps[i].addr = NULL;
}

/* A hole in it; what is left are two mappings. */
static void unmap_page(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, MAPS);
	u64 off = fuzz_below(in, 4) * PAGE_SIZE;

	if (maps[i].addr && off < maps[i].len)
		FUZZ_CHECK(
			!host_vma_unmap((char *)maps[i].addr + off, PAGE_SIZE));
}

static void protect(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, MAPS);
	int prot = fuzz_below(in, 4);

	if (maps[i].addr)
		check_result(host_vma_protect(maps[i].addr, maps[i].len, prot));
}

/* By a copy that a fault ends: as a program with a handler. */
static void touch(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, MAPS);
	u64 off = fuzz_u16(in), val = fuzz_u64(in);
	struct host_vma_hit hit;
	u32 got;

	if (!maps[i].addr || off + 4 > maps[i].len)
		return;
	off &= ~3ull;
	if (!host_vma_find((char *)maps[i].addr + off, &hit) || !hit.hw ||
	    !(hit.prot & PROT_READ))
		return;
	__asm__ volatile("movl (%1), %0"
			 : "=r"(got)
			 : "r"((char *)maps[i].addr + off)
			 : "memory");
	if (hit.prot & PROT_WRITE)
		__asm__ volatile("movl %0, (%1)"
				 :
				 : "r"((u32)val),
				   "r"((char *)maps[i].addr + off)
				 : "memory");
}

static void signal_eventfd(struct fuzz_in *in)
{
	u64 one = 1, count;
	int fd = slots[SLOTS - 1 - fuzz_below(in, 2)];

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		FUZZ_CHECK(read(fd, &count, sizeof(count)) == sizeof(count));
}

static void call(struct fuzz_in *in)
{
	switch (fuzz_below(in, 24)) {
	case 0:
	case 1:
	case 2:
		open_node(in);
		break;
	case 3:
		close_slot(&slots[fuzz_below(in, SLOTS)]);
		break;
	case 4:
		copy_slot(in);
		break;
	case 5:
	case 6:
		map(in);
		break;
	case 7:
		unmap(fuzz_below(in, MAPS));
		break;
	case 8:
		unmap_page(in);
		break;
	case 9:
		protect(in);
		break;
	case 10:
		touch(in);
		break;
	case 11:
		signal_eventfd(in);
		break;
	case 12:
	case 13:
		read_write(in);
		break;
	default:
		call_ioctl(in);
		break;
	}
}

/* ---- one input ---- */

#define CHAIN 0x80 /* the first byte: begin with what takes many calls */

static struct client chain;

/* A program's first calls, so that not each input has to find them anew. */
static void begin(struct fuzz_in *in)
{
	static const char *const group[] = { "1", "2", "noiommu-0" };
	u8 first = fuzz_u8(in), i = first % 3;

	if (!(first & CHAIN))
		return;
	client_open(&chain, group[i], names[i]);
	slots[0] = chain.container;
	slots[1] = chain.group;
	slots[2] = chain.device;
}

static void check_as_new(void)
{
	static const char *const group[] = { "1", "2", "noiommu-0" };
	static u64 fresh[3];
	unsigned int i;
	u64 now;

	for (i = 0; i < 3; i++) {
		now = client_fingerprint(group[i], names[i]);
		if (!fresh[i])
			fresh[i] = now;
		FUZZ_CHECK(now == fresh[i]);
	}
	check_descriptors();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned int i;

	for (i = 0; i < SLOTS - 2; i++)
		slots[i] = -1;
	begin(&in);
	while (in.left)
		call(&in);
	for (i = 0; i < MAPS; i++)
		unmap(i);
	for (i = 0; i < SLOTS - 2; i++)
		close_slot(&slots[(i + size) % (SLOTS - 2)]);
	check_as_new();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	machine(specs, ARRAY_SIZE(specs));
	slots[SLOTS - 1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	slots[SLOTS - 2] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	room = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_CHECK(memory != MAP_FAILED && room != MAP_FAILED);
	mprotect(memory + READ_ONLY * PAGE_SIZE, PAGE_SIZE, PROT_READ);
	mprotect(memory + GONE * PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	mprotect(room + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
	return 0;
}
