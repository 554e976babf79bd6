/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Configuration space through the PCI bus driver, over a function that may say
 * anything in its own.  Besides the contract, which the function checks itself:
 *
 * - what is the host's in the function, BARs above all, is never written;
 * - a read is the bytes that single reads give;
 * - what was written and reads back, written again, changes nothing;
 * - BARs size themselves, and are reached when COMMAND says so;
 * - the lists of capabilities end;
 * - a new open shows what the first did.
 */
#include "pci.h"

#define EDITS_MAX 48
#define CHUNK_MAX 80

static struct fake *fake;
static struct user user;
static u8 first_view[4096];
static bool edited; /* capabilities are where the function wants them */

static u32 config_size(void)
{
	return fake->info.config_size;
}

/* ---- the function ---- */

/* The first word is for whom looks at the header; the rest may lie. */
static void edit(struct fuzz_in *in)
{
	unsigned int n = fuzz_below(in, EDITS_MAX);
	u32 off;

	edited = n;
	for (; n; n--) {
		off = fuzz_u16(in) % 4096;
		if (off < 4)
			off = 0x34;
		fake->power_on[off] = fuzz_u8(in);
	}
}

static void create(struct fuzz_in *in)
{
	u8 odd = fuzz_u8(in);

	fake = fake_create("0000:01:00.0", 7);
	fake->silent = true;
	if (!(odd & 1))
		fake->info.config_size = 256;
	if (odd & 2)
		fake->info.msi = fake->info.msi_cap = 0;
	if (odd & 4)
		fake->info.msix = fake->info.msix_cap = 0;
	if (odd & 8)
		fake->info.has_intx = false;
	if (odd & 16)
		fake->info.can_reset = false;
	if (odd & 32)
		fake->info.rom_size = 0;
	edit(in);
	fake_bind(fake);
}

/* ---- what must hold ---- */

static void check_host_part(void)
{
	FUZZ_CHECK(!memcmp(fake->config, fake->power_on, 4));
	FUZZ_CHECK(!memcmp(fake->config + 0x10, fake->power_on + 0x10, 0x2c));
	/* A reset by the function's own bit would surprise the host. */
	if (!edited) {
		FUZZ_CHECK(!(fake->config[EXP + 9] & 0x80));
		FUZZ_CHECK(
			!memcmp(fake->config + MSI, fake->power_on + MSI, 16));
		FUZZ_CHECK(!memcmp(fake->config + MSIX, fake->power_on + MSIX,
				   12));
	}
}

static void check_memory(void)
{
	bool asleep;

	if (edited)
		return;
	asleep = (config_read(&user, PM + 4, 1) & 3) == 3;
	FUZZ_CHECK(fake->memory_on ==
		   (config_read(&user, 0x04, 2) & 2 && !asleep));
}

static void check_list(void)
{
	u32 pos = config_read(&user, 0x34, 1), n;
	bool has = config_read(&user, 0x06, 2) & 0x10;

	FUZZ_CHECK(has == !!pos);
	for (n = 0; pos; n++) {
		FUZZ_CHECK(n < 48 && pos >= 0x40 && !(pos & 3));
		pos = config_read(&user, pos + 1, 1);
	}
}

static void check_ext_list(void)
{
	u32 pos = 0x100, n, header;

	if (config_size() == 256)
		return;
	for (n = 0; pos; n++) {
		FUZZ_CHECK(n < 960 && pos >= 0x100 && !(pos & 3));
		header = config_read(&user, pos, 4);
		pos = header >> 20;
	}
}

static void view(u8 *bytes, u32 len)
{
	FUZZ_CHECK(host_fd_pread(user.device, bytes, len, CONFIG) == len);
}

/* ---- the calls ---- */

static void read_chunk(struct fuzz_in *in)
{
	u32 off = fuzz_u16(in) % (config_size() + 8);
	u32 len = fuzz_below(in, CHUNK_MAX), i;
	u8 bytes[CHUNK_MAX];
	long ret = host_fd_pread(user.device, bytes, len, CONFIG + off);

	if (off >= config_size() || len > config_size() - off) {
		FUZZ_CHECK(ret == -EFAULT || (!len && !ret));
		return;
	}
	FUZZ_CHECK(ret == len);
	for (i = 0; i < len; i++)
		FUZZ_CHECK(bytes[i] == config_read(&user, off + i, 1));
}

static void write_chunk(struct fuzz_in *in)
{
	u32 off = fuzz_u16(in) % (config_size() + 8);
	u32 len = fuzz_below(in, 8);
	u8 bytes[8];
	long ret;

	fuzz_bytes(in, bytes, len);
	ret = host_fd_pwrite(user.device, bytes, len, CONFIG + off);
	if (off >= config_size() || len > config_size() - off)
		FUZZ_CHECK(ret == -EFAULT || (!len && !ret));
	else
		FUZZ_CHECK(ret == len);
}

static void write_again(struct fuzz_in *in)
{
	u32 size = 1u << fuzz_below(in, 3);
	u32 off = fuzz_u16(in) % config_size() & ~(size - 1), val;
	u8 before[256], after[256];

	config_write(&user, off, size, fuzz_u32(in));
	val = config_read(&user, off, size);
	view(before, sizeof(before));
	config_write(&user, off, size, val);
	view(after, sizeof(after));
	FUZZ_CHECK(!memcmp(before, after, sizeof(before)));
	FUZZ_CHECK(config_read(&user, off, size) == val);
}

static u32 bar_sizing(u32 bar)
{
	u64 size;

	if (bar == 1) /* the upper half of BAR 0 */
		return ~0u;
	size = fake->info.bar[bar].size;
	if (!size)
		return 0;
	if (bar == 2)
		return ~(u32)(size - 1) | 1;
	return ~(u32)(size - 1) | (bar == 0 ? 4 : bar == 3 ? 8 : 0);
}

static void size_bar(struct fuzz_in *in)
{
	u32 bar = fuzz_below(in, 7), off = bar < 6 ? 0x10 + 4 * bar : 0x30;
	u32 want = fake->info.rom_size ? ~((u32)fake->info.rom_size - 1) | 1
				       : 0;

	if (bar < 6)
		want = bar_sizing(bar);
	config_write(&user, off, 4, ~0u);
	FUZZ_CHECK(config_read(&user, off, 4) == want);
}

static void access_bar(struct fuzz_in *in)
{
	const u64 size[] = { BAR0_SIZE, 0, BAR2_SIZE,	       BAR3_SIZE,
			     BAR4_SIZE, 0, fake->info.rom_size };
	u32 bar = fuzz_below(in, 7), len = 1 + fuzz_below(in, 40);
	u64 off = fuzz_u16(in);
	u8 bytes[40] = { 0 };
	long want = min_t(u64, len, size[bar] - off);

	if (off >= size[bar])
		want = -EINVAL;
	else if (bar != 2 && !fake->memory_on)
		want = -EIO;
	FUZZ_CHECK(host_fd_pread(user.device, bytes, len, REGION(bar) + off) ==
		   want);
	if (bar == 6)
		want = -EINVAL;
	FUZZ_CHECK(host_fd_pwrite(user.device, bytes, len, REGION(bar) + off) ==
		   want);
}

static void use_irqs(struct fuzz_in *in)
{
	u32 index = fuzz_below(in, 3), on = fuzz_below(in, 2);
	int fd;

	if (!on) {
		set_none(&user, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);
		return;
	}
	fd = new_eventfd();
	set_eventfds(&user, index, 0, 1, &fd);
	close(fd);
}

static void reset(void)
{
	long ret = do_ioctl(&user, VFIO_DEVICE_RESET, NULL);

	FUZZ_CHECK(ret == (fake->info.can_reset ? 0 : -EINVAL));
}

static void open_again(void)
{
	u8 now[4096];

	user_close(&user);
	user_open(&user, fake);
	view(now, config_size());
	FUZZ_CHECK(!memcmp(now, first_view, config_size()));
}

static void call(struct fuzz_in *in)
{
	switch (fuzz_below(in, 12)) {
	case 0:
		read_chunk(in);
		break;
	case 1:
		size_bar(in);
		break;
	case 2:
		access_bar(in);
		break;
	case 3:
		use_irqs(in);
		break;
	case 4:
		reset();
		break;
	case 5:
		open_again();
		break;
	case 6:
	case 7:
		write_again(in);
		break;
	default:
		write_chunk(in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	create(&in);
	user_open(&user, fake);
	view(first_view, config_size());
	while (in.left) {
		call(&in);
		check_host_part();
		check_memory();
	}
	check_list();
	check_ext_list();
	user_close(&user);
	fake_destroy(fake);
	return 0;
}
