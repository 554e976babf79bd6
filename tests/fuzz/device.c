/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "device.h"

#include <sched.h>

#define NR_FDS 4
#define COMMAND_ALL 7 /* I/O, memory, bus master */

struct client client;
u8 *memory;
static u8 shadow[PAGES * PAGE_SIZE]; /* what the program wrote */
static bool hole[PAGES]; /* unmapped for the device */
static bool gone[PAGES]; /* the program has it no more */
static int fds[NR_FDS];

__attribute__((weak)) void own_call(struct fuzz_in *in)
{
}

__attribute__((weak)) void own_reset(void)
{
}

__attribute__((weak)) void own_check(void)
{
}

/* ---- values ---- */

u64 any_iova(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0xc0)
		return iova_of(what % PAGES);
	if (what < 0xe0)
		return iova_of(what % 32 * 2) + fuzz_u16(in) % PAGE_SIZE;
	if (what < 0xf0)
		return iova_of(what % 16) | 0xff8;
	return fuzz_u64(in);
}

static u64 any_value(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0x60)
		return what % 32;
	if (what < 0xa0)
		return any_iova(in);
	if (what < 0xc0)
		return 1ull << what % 64;
	return what < 0xd0 ? -(u64)(what % 4) : fuzz_u32(in);
}

/* Registers lie at the start of a page. */
static u64 any_offset(struct fuzz_in *in)
{
	u8 what = fuzz_u8(in);

	if (what < 0x80)
		return what * 4;
	if (what < 0xc0)
		return 0x1000 + what % 64 * 4;
	return what < 0xf0 ? what % 16 * 0x1000ull : fuzz_u32(in) & 0xfffff;
}

/* ---- the device ---- */

void bar_write(u32 bar, u64 off, u32 size, u64 val)
{
	host_fd_pwrite(client.device, &val, size, REGION(bar) + off);
}

u64 bar_read(u32 bar, u64 off, u32 size)
{
	u64 val = 0;

	host_fd_pread(client.device, &val, size, REGION(bar) + off);
	return val;
}

void set_command(u16 command)
{
	FUZZ_CHECK(host_fd_pwrite(client.device, &command, sizeof(command),
				  CONFIG + 4) == sizeof(command));
}

static void reset(void)
{
	FUZZ_CHECK(!client_ioctl(client.device, VFIO_DEVICE_RESET, NULL));
	set_command(COMMAND_ALL);
	own_reset();
}

static void access_bar(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);
	u32 bar = how & 0x80 ? how % 6 : 0, size = 1u << (how >> 3 & 3);
	u64 off = any_offset(in);

	if (!(how & 0x40))
		size = 4;
	if (how & 0x20)
		bar_read(bar, off, size);
	else
		bar_write(bar, off, size, any_value(in));
}

static void access_config(struct fuzz_in *in)
{
	u32 off = fuzz_u8(in), val = fuzz_u32(in);

	host_fd_pwrite(client.device, &val, 1 + fuzz_below(in, 4),
		       CONFIG + off);
}

static void set_irqs(struct fuzz_in *in)
{
	union {
		struct vfio_irq_set hdr;
		u8 bytes[sizeof(struct vfio_irq_set) + sizeof(fds)];
	} set = { .hdr.argsz = sizeof(set) };
	u32 count = fuzz_below(in, NR_FDS + 1);

	set.hdr.index = fuzz_below(in, 3);
	set.hdr.start = fuzz_below(in, 8);
	set.hdr.count = count;
	set.hdr.flags =
		VFIO_IRQ_SET_ACTION_TRIGGER |
		(count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	memcpy(set.hdr.data, fds, sizeof(fds));
	client_ioctl(client.device, VFIO_DEVICE_SET_IRQS, &set);
}

/* ---- the memory ---- */

/* Also of what the device may not write: that is told from what it does. */
void put(unsigned int i, unsigned int off, const void *bytes, size_t len)
{
	if (gone[i])
		return;
	len = min_t(size_t, len, PAGE_SIZE - off);
	memcpy((u8 *)page(i) + off, bytes, len);
	memcpy(shadow + i * PAGE_SIZE + off, bytes, len);
}

static void put_addresses(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, PAGES), off = fuzz_u16(in) & 0xff8;
	unsigned int n = fuzz_below(in, 16);
	u64 val;

	for (; n; n--, off = (off + 8) % PAGE_SIZE) {
		val = any_iova(in);
		put(i, off, &val, sizeof(val));
	}
}

static void put_bytes(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, PAGES), off = fuzz_u16(in) & 0xfff;
	u8 bytes[64];

	fuzz_bytes(in, bytes, sizeof(bytes));
	put(i, off, bytes, 1 + fuzz_below(in, 64));
}

static u32 rights_of(unsigned int i)
{
	if (i < READ_ONLY)
		return VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	return i < WRITE_ONLY ? VFIO_DMA_MAP_FLAG_READ
			      : VFIO_DMA_MAP_FLAG_WRITE;
}

static void map_page(unsigned int i)
{
	if (!client_map(&client, page(i), iova_of(i), PAGE_SIZE, rights_of(i)))
		hole[i] = false;
}

static void unmap_page(unsigned int i)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = iova_of(i),
		.size = PAGE_SIZE,
	};

	if (!client_ioctl(client.container, VFIO_IOMMU_UNMAP_DMA, &arg))
		hole[i] = true;
}

static void toggle_page(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, NOT_MAPPED);

	if (hole[i])
		map_page(i);
	else
		unmap_page(i);
}

/* Behind the back of the device, whose mapping stays. */
static void toggle_memory(unsigned int i)
{
	gone[i] = !gone[i];
	FUZZ_CHECK(!mprotect(page(i), PAGE_SIZE,
			     gone[i] ? PROT_NONE : PROT_READ | PROT_WRITE));
}

static void check_memory(void)
{
	size_t from = READ_ONLY * PAGE_SIZE, to = WRITE_ONLY * PAGE_SIZE;

	FUZZ_CHECK(!memcmp(memory + from, shadow + from, to - from));
	from = NOT_MAPPED * PAGE_SIZE;
	to = PAGES * PAGE_SIZE;
	FUZZ_CHECK(!memcmp(memory + from, shadow + from, to - from));
}

/* ---- one input ---- */

static void call(struct fuzz_in *in)
{
	switch (fuzz_below(in, 16)) {
	case 0:
	case 1:
		access_bar(in);
		break;
	case 2:
		put_addresses(in);
		break;
	case 3:
		put_bytes(in);
		break;
	case 4:
		toggle_page(in);
		break;
	case 5:
		toggle_memory(fuzz_below(in, PAGES));
		break;
	case 6:
		set_irqs(in);
		break;
	case 7:
		if (fuzz_below(in, 4))
			set_command(fuzz_below(in, 8));
		else
			access_config(in);
		break;
	case 8:
		if (!fuzz_below(in, 4))
			reset();
		else
			sched_yield();
		break;
	default:
		own_call(in);
		break;
	}
}

static void map_all(void)
{
	struct vfio_iommu_type1_dma_unmap all = {
		.argsz = sizeof(all),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	unsigned int i;

	FUZZ_CHECK(!client_ioctl(client.container, VFIO_IOMMU_UNMAP_DMA, &all));
	for (i = 0; i < NOT_MAPPED; i++)
		map_page(i);
}

static void begin(void)
{
	memset(memory, 0, PAGES * PAGE_SIZE);
	memset(shadow, 0, sizeof(shadow));
	client_open(&client, DEVICE_GROUP, DEVICE_NAME);
	map_all();
	set_command(COMMAND_ALL);
	own_reset();
}

static void end(void)
{
	static u64 fresh;
	unsigned int i;
	u64 now;

	for (i = 0; i < PAGES; i++)
		if (gone[i])
			toggle_memory(i);
	reset();
	map_all();
	own_check();
	check_memory();
	client_close(&client);
	now = client_fingerprint(DEVICE_GROUP, DEVICE_NAME);
	if (!fresh)
		fresh = now;
	FUZZ_CHECK(now == fresh);
	check_descriptors();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	begin();
	while (in.left)
		call(&in);
	end();
	return 0;
}

/* FUZZ_DEVICE is what -d would say; it gets an image after a "file=" at its
 * end. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char spec[128], *specs[] = { spec };
	char image[32] = "";
	unsigned int i;
	int fd;

	if (strstr(FUZZ_DEVICE, "file=")) {
		fd = memfd_create("image", MFD_CLOEXEC);
		FUZZ_CHECK(!ftruncate(fd, 1 << 20));
		snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
	}
	snprintf(spec, sizeof(spec), "%s%s", FUZZ_DEVICE, image);
	machine(specs, 1);
	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_CHECK(memory != MAP_FAILED);
	for (i = 0; i < NR_FDS; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return 0;
}
