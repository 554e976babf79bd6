/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Makes the calls of a sequence on the host, as a user and a bus driver. */
#include "play.h"
#include "world.h"
#include "type1.h"

#include <stdlib.h>
#include <sys/mman.h>

#define CLOSED_FD 60 /* a number that nothing has */
#define BAD_POINTER 8ul

struct listener {
	struct notifier_block nb;
	unsigned int device;
};

static const struct model *model; /* as it was before the call */
static int fds[NR_SLOTS];
static struct device *devices[NR_DEVICES], *native;
static struct iommu_group *iommu_groups[NR_DEVICES];
static struct vfio_group *users[NR_USERS];
static struct listener listeners[NR_DEVICES], group_listeners[NR_DEVICES];
static struct kvm *kvms[NR_KVMS + 1]; /* the first: none */
static u64 heard;
static u8 *memory; /* and the two pages after it */

/* ---- a bus driver ---- */

static long driver_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	return cmd == VFIO_DEVICE_RESET ? 0 : -ENOTTY;
}

static ssize_t driver_read(void *data, char __user *buf, size_t len,
			   loff_t *pos)
{
	return 0;
}

static const struct vfio_device_ops driver = {
	.name = "driver",
	.ioctl = driver_ioctl,
	.read = driver_read,
};

static long add_device(unsigned int nr)
{
	int group = nr == NR_DEVICES - 1 ? -1 : device_groups[nr];

	devices[nr] = world_device_create(device_names[nr], group);
	iommu_groups[nr] = vfio_iommu_group_get(devices[nr]);
	if (!iommu_groups[nr])
		return -EINVAL;
	return vfio_add_group_dev(devices[nr], &driver, &devices[nr]);
}

static long remove_device(unsigned int nr)
{
	void *data = vfio_del_group_dev(devices[nr]);

	vfio_iommu_group_put(iommu_groups[nr], devices[nr]);
	world_device_destroy(devices[nr]);
	return data == &devices[nr] ? 0 : -EIO;
}

/* ---- listeners ---- */

/* A device through whose group the container can be reached. */
static struct device *device_in(int container)
{
	const struct model_group *group;
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++) {
		if (!model->devices[i].there)
			continue;
		group = &model->groups[model->devices[i].group];
		if (group->users && group->container == container)
			return devices[i];
	}
	return NULL;
}

static int listened_to_by(unsigned int device)
{
	int i;

	for (i = 0; i < NR_CONTAINERS; i++)
		if (model->containers[i].listens[device])
			return i;
	return NOTHING;
}

static int on_unmap(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct vfio_iommu_type1_dma_unmap *unmap = data;
	unsigned int device = ((struct listener *)nb)->device, i, n;
	int container = listened_to_by(device);
	const struct model_pin *pin;
	unsigned long pfn;

	if (WARN_ON(container == NOTHING))
		return NOTIFY_OK;
	for (i = 0; i < NR_PINS; i++) {
		pin = &model->containers[container].pins[i];
		if (!pin->count || pin->iova < unmap->iova ||
		    pin->iova - unmap->iova >= unmap->size)
			continue;
		/* Another listener may have done so. */
		pfn = pin->iova >> PAGE_SHIFT;
		for (n = 0; n < pin->count; n++)
			if (vfio_unpin_pages(device_in(container), &pfn, 1) !=
			    1)
				break;
	}
	return NOTIFY_OK;
}

static long listen(unsigned int nr)
{
	unsigned long events = VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	long ret;

	/* Registered already, it has its place in a list. */
	if (listened_to_by(nr) == NOTHING) {
		memset(&listeners[nr], 0, sizeof(listeners[nr]));
		listeners[nr].nb.notifier_call = on_unmap;
		listeners[nr].device = nr;
	}
	ret = vfio_register_notifier(devices[nr], VFIO_IOMMU_NOTIFY, &events,
				     &listeners[nr].nb);
	return ret;
}

/* Who heard of which kvm, as the model has it. */
static int on_kvm(struct notifier_block *nb, unsigned long action, void *data)
{
	u64 nr = 0;

	while (nr < NR_KVMS && kvms[nr] != data)
		nr++;
	if (kvms[nr] == data && action == VFIO_GROUP_NOTIFY_SET_KVM)
		heard |= 1ull << ((struct listener *)nb)->device |
			 nr << NR_DEVICES;
	return NOTIFY_OK;
}

static struct answer listen_group(unsigned int nr, unsigned long events)
{
	struct listener *listener = &group_listeners[nr];
	struct answer answer;

	if (!model->groups[model->devices[nr].group].listens[nr]) {
		memset(listener, 0, sizeof(*listener));
		listener->nb.notifier_call = on_kvm;
		listener->device = nr;
	}
	heard = 0;
	answer.ret = vfio_register_notifier(devices[nr], VFIO_GROUP_NOTIFY,
					    &events, &listener->nb);
	answer.out = heard;
	return answer;
}

static struct answer set_kvm(unsigned int user, u64 kvm)
{
	heard = 0;
	vfio_group_set_kvm(users[user], kvms[kvm]);
	return (struct answer){ 0, heard };
}

/* ---- calls of a user ---- */

static int fd_of(u64 slot)
{
	return slot < NR_SLOTS && fds[slot] >= 0 ? fds[slot] : CLOSED_FD;
}

static long keep(u64 slot, long fd)
{
	if (fd < 0)
		return fd;
	fds[slot] = fd;
	return 0;
}

static long close_slot(u64 slot)
{
	long ret = world_close(fd_of(slot));

	fds[slot] = -1;
	return ret;
}

static long ioctl(const struct op *op, unsigned int cmd, void *arg)
{
	return world_ioctl(fd_of(op->arg[0]), cmd, (uintptr_t)arg);
}

static struct answer get_status(const struct op *op)
{
	struct vfio_group_status status = { .argsz = op->arg[1] };
	struct answer answer;

	answer.ret = ioctl(op, VFIO_GROUP_GET_STATUS,
			   op->arg[2] ? (void *)BAD_POINTER : &status);
	answer.out = answer.ret ? 0 : status.flags;
	return answer;
}

static long set_container(const struct op *op)
{
	s32 fd = op->arg[1] == NR_SLOTS ? -1 : fd_of(op->arg[1]);

	return ioctl(op, VFIO_GROUP_SET_CONTAINER,
		     op->arg[2] ? (void *)BAD_POINTER : &fd);
}

static long get_device_fd(const struct op *op)
{
	static char name[PAGE_SIZE + 1];
	void *arg = name;

	strscpy(name, device_names[op->arg[2]], sizeof(name));
	switch (op->arg[3]) {
	case NAME_TOKEN:
		snprintf(name, sizeof(name),
			 "%s vf_token=00000000-0000-0000-0000-000000000000",
			 device_names[op->arg[2]]);
		break;
	case NAME_UNKNOWN:
		snprintf(name, sizeof(name), "%sx", device_names[op->arg[2]]);
		break;
	case NAME_LONG:
		memset(name, 'a', PAGE_SIZE);
		break;
	case NAME_BAD:
		arg = (void *)BAD_POINTER;
		break;
	}
	return keep(op->arg[1], ioctl(op, VFIO_GROUP_GET_DEVICE_FD, arg));
}

static long map(const struct op *op)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = op->arg[5],
		.flags = op->arg[4],
		.iova = op->arg[1],
		.size = op->arg[2],
		.vaddr = (uintptr_t)memory + op->arg[3] * PAGE_SIZE,
	};

	return ioctl(op, VFIO_IOMMU_MAP_DMA, &map);
}

static struct answer unmap(const struct op *op)
{
	struct {
		struct vfio_iommu_type1_dma_unmap hdr;
		struct vfio_bitmap bitmap;
	} unmap = {
		.hdr.argsz = op->arg[4],
		.hdr.flags = op->arg[3],
		.hdr.iova = op->arg[1],
		.hdr.size = op->arg[2],
		.bitmap.pgsize = PAGE_SIZE,
		.bitmap.size = op->arg[5],
	};
	u64 bits = BITMAP_BEFORE;
	struct answer answer;

	unmap.bitmap.data = (__u64 *)&bits;
	answer.ret = ioctl(op, VFIO_IOMMU_UNMAP_DMA, &unmap);
	answer.out = answer.ret ? 0 : unmap.hdr.size;
	if (answer.ret || op->arg[3] != VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		answer.out += bits != BITMAP_BEFORE;
	else
		answer.out += bits << BITMAP_SHIFT;
	return answer;
}

/* How many mappings more there may be, out of the chain of capabilities. */
static struct answer get_avail(const struct op *op)
{
	u8 buf[512] __attribute__((aligned(8))) = { 0 };
	struct vfio_iommu_type1_info *info = (void *)buf;
	struct vfio_info_cap_header *cap;
	struct answer answer = { 0, ~0ull };
	u32 at;

	info->argsz = sizeof(buf);
	answer.ret = ioctl(op, VFIO_IOMMU_GET_INFO, info);
	if (answer.ret)
		answer.out = 0;
	else
		for (at = info->cap_offset; at; at = cap->next) {
			cap = (void *)(buf + at);
			if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
				answer.out =
					((struct vfio_iommu_type1_info_dma_avail
						  *)cap)
						->avail;
		}
	return answer;
}

static long track_dirty(const struct op *op)
{
	struct vfio_iommu_type1_dirty_bitmap cmd = {
		.argsz = sizeof(cmd),
		.flags = op->arg[1] ? VFIO_IOMMU_DIRTY_PAGES_FLAG_START
				    : VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
	};

	return ioctl(op, VFIO_IOMMU_DIRTY_PAGES, &cmd);
}

/* A call that fails leaves the bitmap as it was. */
static struct answer get_dirty(const struct op *op)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap hdr;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} cmd = {
		.hdr.argsz = op->arg[5],
		.hdr.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
		.get.iova = op->arg[1],
		.get.size = op->arg[2],
		.get.bitmap.pgsize = op->arg[4],
		.get.bitmap.size = op->arg[3],
	};
	u64 bits = BITMAP_BEFORE;
	struct answer answer;

	cmd.get.bitmap.data = (__u64 *)&bits;
	answer.ret = ioctl(op, VFIO_IOMMU_DIRTY_PAGES, &cmd);
	if (answer.ret)
		answer.out = bits != BITMAP_BEFORE;
	else
		answer.out = bits;
	return answer;
}

/* ---- a device, and external users ---- */

static struct answer dma(const struct op *op)
{
	struct vfio_type1 *type1 = world_device_type1(devices[op->arg[0]]);
	struct answer answer = { -ENODEV, 0 };
	static u8 buf[3 * PAGE_SIZE];
	size_t done;

	if (!type1)
		return answer;
	memset(buf, model_byte(op), op->arg[2]);
	answer.ret = vfio_type1_rw(type1, op->arg[1], buf, op->arg[2],
				   op->arg[3], &done);
	answer.out = done;
	return answer;
}

static long get_user(const struct op *op)
{
	struct port_file *file = port_file_get(fd_of(op->arg[1]));
	struct vfio_group *group;

	if (IS_ERR(file))
		return PTR_ERR(file);
	group = vfio_group_get_external_user(file);
	if (!IS_ERR(group) && !vfio_external_group_match_file(group, file))
		group = ERR_PTR(-EIO);
	port_file_put(file);
	if (IS_ERR(group))
		return PTR_ERR(group);
	users[op->arg[0]] = group;
	return 0;
}

static struct answer pin(const struct op *op)
{
	unsigned long user_pfn = op->arg[1] >> PAGE_SHIFT, pfn = 0;
	struct answer answer;

	answer.ret = vfio_pin_pages(devices[op->arg[0]], &user_pfn, 1,
				    op->arg[2], &pfn);
	answer.out = answer.ret == 1 ? pfn - ((uintptr_t)memory >> PAGE_SHIFT)
				     : 0;
	return answer;
}

static struct answer driver_call(const struct op *op)
{
	unsigned long pfn = op->arg[1] >> PAGE_SHIFT;
	unsigned int nr = op->arg[0];
	struct answer answer = { 0, 0 };

	world_call_begin();
	switch (op->kind) {
	case ADD_DEVICE:
		answer.ret = add_device(nr);
		break;
	case REMOVE_DEVICE:
		answer.ret = remove_device(nr);
		break;
	case GET_USER:
		answer.ret = get_user(op);
		break;
	case PUT_USER:
		vfio_group_put_external_user(users[nr]);
		break;
	case USER_EXTENSION:
		answer.ret =
			vfio_external_check_extension(users[nr], op->arg[1]);
		break;
	case PIN:
		answer = pin(op);
		break;
	case UNPIN:
		answer.ret = vfio_unpin_pages(devices[nr], &pfn, 1);
		break;
	case LISTEN:
		answer.ret = listen(nr);
		break;
	case UNLISTEN:
		answer.ret = vfio_unregister_notifier(
			devices[nr], VFIO_IOMMU_NOTIFY, &listeners[nr].nb);
		break;
	case LISTEN_GROUP:
		answer = listen_group(nr, op->arg[1]);
		break;
	case UNLISTEN_GROUP:
		answer.ret = vfio_unregister_notifier(devices[nr],
						      VFIO_GROUP_NOTIFY,
						      &group_listeners[nr].nb);
		break;
	case SET_KVM:
		answer = set_kvm(nr, op->arg[1]);
		break;
	default:
		answer = dma(op);
	}
	world_call_end();
	return answer;
}

/* ---- any call ---- */

static long user_call(const struct op *op)
{
	int fd = fd_of(op->arg[0]);
	u8 buf[8];

	switch (op->kind) {
	case OPEN_CONTAINER:
		return keep(op->arg[0], world_open_container());
	case OPEN_GROUP:
		return keep(op->arg[0],
			    world_open_group(op->arg[1], op->arg[2]));
	case OPEN_OTHER:
		return keep(op->arg[0], world_open_other());
	case DUP:
		return keep(op->arg[0], world_dup(fd_of(op->arg[1])));
	case CLOSE:
		return close_slot(op->arg[0]);
	case API_VERSION:
		return ioctl(op, VFIO_GET_API_VERSION, NULL);
	case CHECK_EXTENSION:
		return world_ioctl(fd, VFIO_CHECK_EXTENSION, op->arg[1]);
	case SET_IOMMU:
		return world_ioctl(fd, VFIO_SET_IOMMU, op->arg[1]);
	case SET_CONTAINER:
		return set_container(op);
	case UNSET_CONTAINER:
		return ioctl(op, VFIO_GROUP_UNSET_CONTAINER, NULL);
	case GET_DEVICE_FD:
		return get_device_fd(op);
	case RESET_DEVICE:
		return ioctl(op, VFIO_DEVICE_RESET, NULL);
	case READ:
		return world_read(fd, buf, sizeof(buf));
	case MAP:
		return map(op);
	case TRACK_DIRTY:
		return track_dirty(op);
	case BIND_NATIVE:
		return world_native_bind(native);
	case UNBIND_NATIVE:
		world_native_unbind(native);
		return 0;
	case ALLOW_RAWIO:
		world_allow_rawio(op->arg[0]);
		return 0;
	default:
		return world_ioctl(fd, 0x3bff, 0);
	}
}

struct answer play(const struct model *before, const struct op *op)
{
	model = before;
	switch (op->kind) {
	case GET_STATUS:
		return get_status(op);
	case UNMAP:
		return unmap(op);
	case GET_AVAIL:
		return get_avail(op);
	case GET_DIRTY:
		return get_dirty(op);
	case DMA:
	case ADD_DEVICE:
	case REMOVE_DEVICE:
	case GET_USER:
	case PUT_USER:
	case USER_EXTENSION:
	case PIN:
	case UNPIN:
	case LISTEN:
	case UNLISTEN:
	case LISTEN_GROUP:
	case UNLISTEN_GROUP:
	case SET_KVM:
		return driver_call(op);
	default:
		return (struct answer){ user_call(op), 0 };
	}
}

bool play_memory_is(const u8 *want)
{
	return !memcmp(memory, want, NR_PAGES * PAGE_SIZE);
}

/* ---- begin and end ---- */

static void make_memory(void)
{
	const size_t size = (NR_PAGES + 2) * PAGE_SIZE;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED ||
	    mprotect(memory + PAGE_READ_ONLY * PAGE_SIZE, PAGE_SIZE,
		     PROT_READ) ||
	    mprotect(memory + PAGE_MISSING * PAGE_SIZE, PAGE_SIZE, PROT_NONE))
		abort();
}

void play_begin(struct model *start, u64 seed)
{
	unsigned int i;

	if (!memory)
		make_memory();
	memset(memory, 0, NR_PAGES * PAGE_SIZE);
	for (i = 0; i < NR_SLOTS; i++)
		fds[i] = -1;
	world_begin(seed);
	if (vfio_init() || vfio_type1_init())
		abort();
	vfio_type1_set_dma_entry_limit(ENTRY_LIMIT);
	native = world_native_create("native", NATIVE_ID);
	for (i = 1; i <= NR_KVMS; i++)
		kvms[i] = world_kvm_create();
	model_init(start);
	start->sees_writes = port_iommu_tracks_dirty(NULL);
	world_usable(&start->usable_last, &start->hole_start,
		     &start->hole_last);
}

/* In an order that waits for nobody. */
void play_end(const struct model *last)
{
	unsigned int i;

	model = last;
	for (i = 0; i < NR_USERS; i++) {
		if (last->users[i] == NOTHING)
			continue;
		world_call_begin();
		vfio_group_put_external_user(users[i]);
		world_call_end();
	}
	for (i = 0; i < NR_SLOTS; i++)
		if (fds[i] >= 0)
			close_slot(i);
	for (i = 0; i < NR_DEVICES; i++) {
		if (!last->devices[i].there)
			continue;
		world_call_begin();
		remove_device(i);
		world_call_end();
	}
	if (last->native)
		world_native_unbind(native);
	world_native_destroy(native);
	for (i = 1; i <= NR_KVMS; i++)
		port_kvm_put(kvms[i]);
	vfio_type1_exit();
	vfio_exit();
	world_end();
}
