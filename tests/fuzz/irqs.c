/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * VFIO_DEVICE_SET_IRQS with any header, at any place of the caller's memory,
 * against the model of tests/pci; and interrupts, events and resets in between.
 */
#include "irq_model.h"
#include "pci.h"

#define NR_FDS 4
#define HEADER sizeof(struct vfio_irq_set)
#define DATA_TYPES                                         \
	(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | \
	 VFIO_IRQ_SET_DATA_EVENTFD)
#define ACTIONS                                                  \
	(VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | \
	 VFIO_IRQ_SET_ACTION_TRIGGER)

static struct fake *fake;
static struct user user;
static struct irq_model model;
static int fds[NR_FDS];
static u8 *room; /* a page, before one that is not there */

/* ---- the caller's memory ---- */

static s32 any_fd(struct fuzz_in *in)
{
	u8 what = fuzz_below(in, 16);

	if (what < 12)
		return fds[what % NR_FDS];
	return what < 15 ? -1 - (what - 12) : BAD_FD;
}

static size_t data_size(u32 flags, u32 count)
{
	switch (flags & DATA_TYPES) {
	case VFIO_IRQ_SET_DATA_BOOL:
		return count;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		return count * sizeof(s32);
	default:
		return 0;
	}
}

/* Mostly in order, now and then anything. */
static void make_header(struct fuzz_in *in, struct vfio_irq_set *hdr)
{
	u8 odd = fuzz_u8(in);

	hdr->index = fuzz_below(in, 6);
	hdr->flags = 1u << fuzz_below(in, 3) | 8u << fuzz_below(in, 3);
	hdr->start = fuzz_below(in, NR_MSIX + 2);
	hdr->count = fuzz_below(in, MAX_IRQ_DATA);
	hdr->argsz = HEADER + data_size(hdr->flags, hdr->count);
	if (odd & 1)
		hdr->flags = fuzz_u8(in);
	if (odd & 2)
		hdr->start = fuzz_u32(in);
	if (odd & 4)
		hdr->count = fuzz_u32(in);
	if (odd & 8)
		hdr->argsz = fuzz_u8(in);
	if (odd & 16)
		hdr->index = fuzz_u32(in);
	if (odd & 32)
		hdr->flags ^= 1u << fuzz_below(in, 32);
	if (odd & 64)
		hdr->start = 0;
	if (odd & 128)
		hdr->count = 1;
	if (odd & 192)
		hdr->argsz = HEADER + data_size(hdr->flags, hdr->count);
}

static void make_request(struct fuzz_in *in, const struct vfio_irq_set *hdr,
			 struct irq_request *req)
{
	u32 i;

	memset(req, 0, sizeof(*req));
	req->index = hdr->index;
	req->data = hdr->flags & DATA_TYPES;
	req->action = hdr->flags & ACTIONS;
	req->start = hdr->start;
	req->count = hdr->count;
	for (i = 0; i < min_t(u32, hdr->count, MAX_IRQ_DATA); i++) {
		if (req->data == VFIO_IRQ_SET_DATA_EVENTFD)
			req->fds[i] = any_fd(in);
		else
			req->bools[i] = fuzz_below(in, 2);
	}
}

/* ---- what the header alone decides (B6) ---- */

static bool is_one_bit(u32 val)
{
	return val && !(val & (val - 1));
}

static bool header_is_right(const struct vfio_irq_set *hdr)
{
	u32 nr = irq_model_count(hdr->index);

	return hdr->argsz >= HEADER && nr &&
	       !(hdr->flags & ~(DATA_TYPES | ACTIONS)) &&
	       is_one_bit(hdr->flags & DATA_TYPES) &&
	       is_one_bit(hdr->flags & ACTIONS) && hdr->start < nr &&
	       hdr->count <= nr - hdr->start &&
	       hdr->argsz - HEADER >= data_size(hdr->flags, hdr->count);
}

/* ---- the calls ---- */

static void set(struct fuzz_in *in)
{
	struct vfio_irq_set hdr = { 0 };
	struct irq_request req;
	size_t data, cut;
	long ret, want = -EINVAL;
	u8 *at;

	make_header(in, &hdr);
	make_request(in, &hdr, &req);
	data = min_t(size_t, data_size(hdr.flags, hdr.count),
		     req.data == VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(req.fds)
							   : sizeof(req.bools));
	/* Now and then the end is on the page that is not there. */
	cut = fuzz_below(in, 8) ? 0 : fuzz_u8(in) % (HEADER + data + 1);
	at = room + PAGE_SIZE - (HEADER + data - cut);
	memcpy(at, &hdr, min(HEADER, HEADER + data - cut));
	if (cut < data)
		memcpy(at + HEADER,
		       req.data == VFIO_IRQ_SET_DATA_EVENTFD ? (void *)req.fds
							     : req.bools,
		       data - cut);
	ret = do_ioctl(&user, VFIO_DEVICE_SET_IRQS, at);
	if (cut > data)
		want = -EFAULT;
	else if (header_is_right(&hdr))
		want = cut ? -EFAULT : irq_model_set(&model, &req);
	FUZZ_CHECK(ret == want);
}

static void event(struct fuzz_in *in)
{
	u64 one = 1;

	switch (fuzz_below(in, 5)) {
	case 0:
		fake_line(fake, fuzz_below(in, 2));
		break;
	case 1:
		fake_fire(fake, fuzz_below(in, NR_MSIX));
		break;
	case 2:
		vfio_pci_error(fake->vdev);
		break;
	case 3:
		FUZZ_CHECK(!do_ioctl(&user, VFIO_DEVICE_RESET, NULL));
		break;
	default:
		FUZZ_CHECK(write(fds[fuzz_below(in, NR_FDS)], &one, 8) == 8);
	}
}

/* Where a vector that fires is heard, and where not. */
static void check_fire(u32 vector)
{
	unsigned int heard = 0, i;

	for (i = 0; i < NR_FDS; i++)
		eventfd_take(fds[i]);
	fake_fire(fake, vector);
	for (i = 0; i < NR_FDS; i++)
		heard += eventfd_take(fds[i]);
	FUZZ_CHECK(heard == model.wired[vector]);
}

static void check(void)
{
	u32 i;

	FUZZ_CHECK(fake->irq_type == model.type);
	FUZZ_CHECK(fake->nr_vectors == model.nr_vectors);
	for (i = 0; i < NR_MSIX; i++)
		FUZZ_CHECK(!!fake->trigger[i] == model.wired[i]);
	FUZZ_CHECK((config_read(&user, MSI + 2, 2) & 1) ==
		   (model.type == VFIO_PCI_MSI_IRQ_INDEX));
	FUZZ_CHECK(config_read(&user, MSIX + 2, 2) >> 15 ==
		   (model.type == VFIO_PCI_MSIX_IRQ_INDEX));
}

static void make_room(void)
{
	unsigned int i;

	if (room)
		return;
	room = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_CHECK(room != MAP_FAILED);
	FUZZ_CHECK(!mprotect(room + PAGE_SIZE, PAGE_SIZE, PROT_NONE));
	for (i = 0; i < NR_FDS; i++)
		fds[i] = new_eventfd();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	make_room();
	irq_model_init(&model);
	fake = fake_create("0000:01:00.0", 7);
	fake->silent = true;
	fake_bind(fake);
	user_open(&user, fake);
	while (in.left) {
		if (fuzz_below(&in, 4))
			set(&in);
		else
			event(&in);
		check();
	}
	if (model.type == VFIO_PCI_MSI_IRQ_INDEX ||
	    model.type == VFIO_PCI_MSIX_IRQ_INDEX)
		check_fire(size % NR_MSIX);
	user_close(&user);
	fake_destroy(fake);
	return 0;
}
