/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The model of the core: see model.h.  Rules are named by number. */
#include "model.h"

const char *const op_names[NR_KINDS] = {
	[OPEN_CONTAINER] = "open container",
	[OPEN_GROUP] = "open group",
	[OPEN_OTHER] = "open other",
	[DUP] = "dup",
	[CLOSE] = "close",
	[API_VERSION] = "GET_API_VERSION",
	[CHECK_EXTENSION] = "CHECK_EXTENSION",
	[SET_IOMMU] = "SET_IOMMU",
	[GET_STATUS] = "GET_STATUS",
	[SET_CONTAINER] = "SET_CONTAINER",
	[UNSET_CONTAINER] = "UNSET_CONTAINER",
	[GET_DEVICE_FD] = "GET_DEVICE_FD",
	[RESET_DEVICE] = "DEVICE_RESET",
	[UNKNOWN_IOCTL] = "unknown ioctl",
	[READ] = "read",
	[MAP] = "MAP_DMA",
	[UNMAP] = "UNMAP_DMA",
	[GET_AVAIL] = "IOMMU_GET_INFO",
	[TRACK_DIRTY] = "DIRTY_PAGES",
	[GET_DIRTY] = "DIRTY_PAGES get",
	[DMA] = "dma",
	[ADD_DEVICE] = "add device",
	[REMOVE_DEVICE] = "remove device",
	[BIND_NATIVE] = "bind native",
	[UNBIND_NATIVE] = "unbind native",
	[ALLOW_RAWIO] = "allow rawio",
	[GET_USER] = "get external user",
	[PUT_USER] = "put external user",
	[USER_EXTENSION] = "external check extension",
	[PIN] = "pin",
	[UNPIN] = "unpin",
	[LISTEN] = "listen",
	[UNLISTEN] = "unlisten",
	[LISTEN_GROUP] = "listen to the group",
	[UNLISTEN_GROUP] = "unlisten to the group",
	[SET_KVM] = "set kvm",
};

const char *const device_names[NR_DEVICES] = { "a", "b", "c", "d", "n" };
/* The last is behind no IOMMU. */
const int device_groups[NR_DEVICES] = { 7, 7, NATIVE_ID, 9, NOIOMMU_ID };

void model_init(struct model *model)
{
	unsigned int i;

	memset(model, 0, sizeof(*model));
	for (i = 0; i < NR_SLOTS; i++)
		model->slots[i] = NOTHING;
	for (i = 0; i < NR_USERS; i++)
		model->users[i] = NOTHING;
	for (i = 0; i < NR_DEVICES; i++)
		model->devices[i].group = NOTHING;
}

/* ---- looking ---- */

static struct model_file *file_of(struct model *m, u64 slot)
{
	return m->slots[slot] == NOTHING ? NULL : &m->files[m->slots[slot]];
}

static bool is_noiommu(const struct model_group *group)
{
	return group->id == NOIOMMU_ID;
}

/* The group of that id that has devices (L2). */
static struct model_group *live_group(struct model *m, int id)
{
	unsigned int i;

	for (i = 0; i < m->nr_groups; i++)
		if (m->groups[i].live && m->groups[i].id == id)
			return &m->groups[i];
	return NULL;
}

/* V2: its DMA is VFIO's. */
static bool is_owned(const struct model *m, int id)
{
	unsigned int i;

	for (i = 0; i < m->nr_groups; i++)
		if (m->groups[i].id == id && m->groups[i].users)
			return true;
	return false;
}

/* V1 */
static bool is_viable(const struct model *m, const struct model_group *group)
{
	if (is_noiommu(group) || group->id != NATIVE_ID)
		return true;
	return is_owned(m, group->id) || !m->native;
}

static struct model_container *container_of_group(struct model *m,
						  struct model_group *group)
{
	return &m->containers[group->container];
}

/* ---- leaving a container (L3, L4) ---- */

static void drop_user(struct model *m, struct model_group *group)
{
	struct model_container *container;

	if (--group->users)
		return;
	container = container_of_group(m, group);
	group->container = NOTHING;
	if (!group->opened)
		group->kvm = 0;
	if (--container->groups)
		return;
	container->backend = 0;
	container->tracking = false;
	memset(container->maps, 0, sizeof(container->maps));
	memset(container->pins, 0, sizeof(container->pins));
	memset(container->listens, 0, sizeof(container->listens));
}

static void detach(struct model *m, struct model_group *group)
{
	if (!group->attached)
		return;
	group->attached = false;
	drop_user(m, group);
}

/* ---- descriptors ---- */

static long new_file(struct model *m, u64 slot, enum file_kind kind, int object)
{
	unsigned int i;

	for (i = 0; m->files[i].refs; i++)
		;
	m->files[i].refs = 1;
	m->files[i].kind = kind;
	m->files[i].object = object;
	m->slots[slot] = i;
	return 0;
}

static long open_container(struct model *m, const struct op *op)
{
	unsigned int i;

	for (i = 0; m->containers[i].files || m->containers[i].groups; i++)
		;
	m->containers[i].files = 1;
	return new_file(m, op->arg[0], FILE_CONTAINER, i);
}

/* G1, G2 */
static long open_group(struct model *m, const struct op *op)
{
	struct model_group *group = live_group(m, op->arg[1]);

	if (!group || is_noiommu(group) != op->arg[2])
		return -ENOENT;
	if (is_noiommu(group) && !m->rawio)
		return -EPERM;
	if (group->opened || group->users)
		return -EBUSY;
	group->opened = true;
	memset(group->listens, 0, sizeof(group->listens)); /* X5 */
	return new_file(m, op->arg[0], FILE_GROUP, group - m->groups);
}

static long dup_slot(struct model *m, const struct op *op)
{
	m->slots[op->arg[0]] = m->slots[op->arg[1]];
	m->files[m->slots[op->arg[1]]].refs++;
	return 0;
}

static long close_slot(struct model *m, const struct op *op)
{
	struct model_file *file = file_of(m, op->arg[0]);
	struct model_device *device;
	struct model_group *group;

	if (!file)
		return -EBADF;
	m->slots[op->arg[0]] = NOTHING;
	if (--file->refs)
		return 0;
	switch (file->kind) {
	case FILE_CONTAINER:
		m->containers[file->object].files--;
		break;
	case FILE_GROUP: /* G8 */
		group = &m->groups[file->object];
		detach(m, group);
		group->opened = false;
		if (!group->users)
			group->kvm = 0;
		break;
	case FILE_DEVICE: /* D2 */
		device = &m->devices[file->object];
		device->files--;
		drop_user(m, &m->groups[device->group]);
		break;
	case FILE_OTHER:
		break;
	}
	return 0;
}

/* ---- containers ---- */

static bool is_type1(unsigned long backend)
{
	return backend == VFIO_TYPE1_IOMMU || backend == VFIO_TYPE1v2_IOMMU;
}

/* What type1 says when nobody has opened it. */
static bool type1_knows(unsigned long extension)
{
	return is_type1(extension) || extension == VFIO_UNMAP_ALL;
}

static bool backend_knows(unsigned long backend, unsigned long extension)
{
	if (backend == VFIO_NOIOMMU_IOMMU)
		return extension == VFIO_NOIOMMU_IOMMU;
	return type1_knows(extension) || extension == VFIO_DMA_CC_IOMMU;
}

/* C3 */
static long check_extension(const struct model_container *container,
			    unsigned long extension)
{
	bool any = !container->groups;

	if (container->backend)
		return backend_knows(container->backend, extension);
	if ((any || !container->noiommu) && type1_knows(extension))
		return 1;
	return (any || container->noiommu) && extension == VFIO_NOIOMMU_IOMMU;
}

/* C4 */
static long set_iommu(struct model *m, struct model_container *container,
		      unsigned long extension)
{
	if (!container->groups || container->backend)
		return -EINVAL;
	if (container->noiommu) {
		if (extension != VFIO_NOIOMMU_IOMMU)
			return -ENODEV;
		if (!m->rawio)
			return -EPERM;
	} else {
		if (!type1_knows(extension))
			return -ENODEV;
		if (!is_type1(extension))
			return -EINVAL;
	}
	container->backend = extension;
	return 0;
}

/* ---- groups ---- */

static struct answer get_status(struct model *m, struct model_group *group,
				const struct op *op)
{
	struct answer answer = { 0, 0 };

	if (op->arg[2])
		answer.ret = -EFAULT;
	else if (op->arg[1] < sizeof(struct vfio_group_status))
		answer.ret = -EINVAL;
	else if (!group->live)
		answer.ret = -ENODEV;
	if (answer.ret)
		return answer;
	if (is_viable(m, group))
		answer.out |= VFIO_GROUP_FLAGS_VIABLE;
	if (group->users)
		answer.out |= VFIO_GROUP_FLAGS_CONTAINER_SET;
	return answer;
}

/* G4 */
static long set_container(struct model *m, struct model_group *group,
			  const struct op *op)
{
	struct model_container *container;
	struct model_file *other;

	if (op->arg[2])
		return -EFAULT;
	if (op->arg[1] == NR_SLOTS)
		return -EINVAL;
	if (!group->live)
		return -ENODEV;
	if (group->users)
		return -EINVAL;
	if (is_noiommu(group) && !m->rawio)
		return -EPERM;
	other = file_of(m, op->arg[1]);
	if (!other)
		return -EBADF;
	if (other->kind != FILE_CONTAINER)
		return -EINVAL;
	container = &m->containers[other->object];
	if (container->groups && container->noiommu != is_noiommu(group))
		return -EPERM;
	if (!is_viable(m, group))
		return -EBUSY;
	container->groups++;
	container->noiommu = is_noiommu(group);
	group->container = other->object;
	group->attached = true;
	group->users = 1;
	return 0;
}

/* G5 */
static long unset_container(struct model *m, struct model_group *group)
{
	if (!group->live)
		return -ENODEV;
	if (!group->attached)
		return -EINVAL;
	if (group->users > 1)
		return -EBUSY;
	detach(m, group);
	return 0;
}

/* G6 */
static long get_device_fd(struct model *m, struct model_group *group,
			  const struct op *op)
{
	struct model_device *device = &m->devices[op->arg[2]];

	if (op->arg[3] == NAME_BAD)
		return -EFAULT;
	if (op->arg[3] == NAME_LONG)
		return -EINVAL;
	if (!group->live)
		return -ENODEV;
	if (!group->users)
		return -EINVAL;
	if (!container_of_group(m, group)->backend || !is_viable(m, group))
		return -EINVAL;
	if (is_noiommu(group) && !m->rawio)
		return -EPERM;
	if (op->arg[3] == NAME_UNKNOWN || !device->there ||
	    device->group != group - m->groups)
		return -ENODEV;
	if (op->arg[3] == NAME_TOKEN)
		return -EINVAL;
	device->files++;
	group->users++;
	return new_file(m, op->arg[1], FILE_DEVICE, op->arg[2]);
}

/* ---- type1 (I3) ---- */

static u64 last_of(const struct model_map *map)
{
	return map->iova + map->size - 1;
}

static bool is_usable(const struct model *m, u64 start, u64 last)
{
	if (last > m->usable_last)
		return false;
	return !m->hole_last || last < m->hole_start || start > m->hole_last;
}

static unsigned int nr_maps(const struct model_container *container)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_MAPS; i++)
		nr += container->maps[i].size != 0;
	return nr;
}

static struct model_map *map_at(struct model_container *container, u64 iova)
{
	unsigned int i;

	for (i = 0; i < NR_MAPS; i++)
		if (container->maps[i].size &&
		    iova >= container->maps[i].iova &&
		    iova <= last_of(&container->maps[i]))
			return &container->maps[i];
	return NULL;
}

static struct model_pin *pin_at(struct model_container *container, u64 iova)
{
	unsigned int i;

	for (i = 0; i < NR_PINS; i++)
		if (container->pins[i].count && container->pins[i].iova == iova)
			return &container->pins[i];
	return NULL;
}

static bool is_there(u64 page, u64 pages, u32 rights)
{
	u64 last = page + pages - 1;

	if (last >= PAGE_MISSING)
		return false;
	return last < PAGE_READ_ONLY || !(rights & VFIO_DMA_MAP_FLAG_WRITE);
}

static bool overlaps(const struct model_map *map, u64 start, u64 last)
{
	return map->size && map->iova <= last && last_of(map) >= start;
}

static long map_dma(struct model *m, struct model_container *container,
		    const struct op *op)
{
	const u32 rights = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct model_map new = { op->arg[1], op->arg[2], op->arg[3], op->arg[4],
				 0 };
	unsigned int i;

	if (op->arg[5] < sizeof(struct vfio_iommu_type1_dma_map) ||
	    new.rights & ~rights || !new.rights || !new.size)
		return -EINVAL;
	/* The caller's address is not near 0, and wraps as well. */
	if (last_of(&new) < new.iova || new.size > 1ull << 63)
		return -EOVERFLOW;
	if ((new.iova | new.size) % PAGE_SIZE)
		return -EINVAL;
	for (i = 0; i < NR_MAPS; i++)
		if (overlaps(&container->maps[i], new.iova, last_of(&new)))
			return -EEXIST;
	if (nr_maps(container) == ENTRY_LIMIT)
		return -ENOSPC;
	if (!is_usable(m, new.iova, last_of(&new)))
		return -EINVAL;
	if (!is_there(new.page, new.size / PAGE_SIZE, new.rights))
		return -EFAULT;
	for (i = 0; container->maps[i].size; i++)
		;
	container->maps[i] = new;
	return 0;
}

/* The listeners let go of what they hold of it. */
static void remove_map(struct model_container *container, struct model_map *map)
{
	unsigned int i;

	for (i = 0; i < NR_PINS; i++)
		if (container->pins[i].iova >= map->iova &&
		    container->pins[i].iova <= last_of(map))
			container->pins[i].count = 0;
	map->size = 0;
}

static bool cuts(const struct model_map *map, u64 start, u64 last)
{
	return overlaps(map, start, last) &&
	       (map->iova < start || last_of(map) > last);
}

/* v1: what begins before the range stays, and with it what follows. */
static bool begins_before(const struct model_container *container, u64 start)
{
	unsigned int i;

	for (i = 0; i < NR_MAPS; i++)
		if (overlaps(&container->maps[i], start, start) &&
		    container->maps[i].iova < start)
			return true;
	return false;
}

/* ---- dirty pages ---- */

/* What external users have pinned they may have written. */
static bool is_dirty(const struct model *m, struct model_container *container,
		     const struct model_map *map, u64 iova)
{
	if (!m->sees_writes)
		return true;
	if (map->rights & VFIO_DMA_MAP_FLAG_WRITE && pin_at(container, iova))
		return true;
	return map->dirty >> (iova - map->iova) / PAGE_SIZE & 1;
}

static void mark_dirty(struct model_container *container, struct model_map *map,
		       u64 iova)
{
	if (container->tracking && map->rights & VFIO_DMA_MAP_FLAG_WRITE)
		map->dirty |= 1u << (iova - map->iova) / PAGE_SIZE;
}

/* The caller's bitmap afterwards: what is not mapped keeps its bits. */
static u64 report_dirty(const struct model *m,
			struct model_container *container, u64 start, u64 size,
			bool clear)
{
	u64 bits = BITMAP_BEFORE, iova, i;
	struct model_map *map;

	for (i = 0; i < size / PAGE_SIZE; i++) {
		iova = start + i * PAGE_SIZE;
		map = map_at(container, iova);
		if (!map)
			continue;
		bits &= ~(1ull << i);
		bits |= (u64)is_dirty(m, container, map, iova) << i;
		if (clear)
			map->dirty &= ~(1u << (iova - map->iova) / PAGE_SIZE);
	}
	return bits;
}

static bool bitmap_fits(u64 size, u64 pgsize, u64 bytes)
{
	u64 pages = pgsize ? size / pgsize : 0;

	return pages && bytes <= BITMAP_MOST &&
	       bytes / 8 >= (pages - 1) / 64 + 1;
}

static bool cuts_any(const struct model_container *container, u64 start,
		     u64 last)
{
	unsigned int i;

	for (i = 0; i < NR_MAPS; i++)
		if (cuts(&container->maps[i], start, last))
			return true;
	return false;
}

static long track_dirty(struct model_container *container, bool start)
{
	unsigned int i;

	if (container->backend != VFIO_TYPE1v2_IOMMU)
		return -EACCES;
	if (start != container->tracking)
		for (i = 0; i < NR_MAPS; i++)
			container->maps[i].dirty = 0;
	container->tracking = start;
	return 0;
}

static struct answer get_dirty(const struct model *m,
			       struct model_container *container,
			       const struct op *op)
{
	const size_t argsz = sizeof(struct vfio_iommu_type1_dirty_bitmap) +
			     sizeof(struct vfio_iommu_type1_dirty_bitmap_get);
	u64 start = op->arg[1], size = op->arg[2];
	struct answer answer = { -EINVAL, 0 };

	if (container->backend != VFIO_TYPE1v2_IOMMU)
		return (struct answer){ -EACCES, 0 };
	if (op->arg[5] < argsz || !size)
		return answer;
	if (start + size - 1 < start)
		return (struct answer){ -EOVERFLOW, 0 };
	if (!bitmap_fits(size, op->arg[4], op->arg[3]) ||
	    !container->tracking || op->arg[4] != PAGE_SIZE ||
	    (start | size) % PAGE_SIZE ||
	    cuts_any(container, start, start + size - 1))
		return answer;
	answer.ret = 0;
	answer.out = report_dirty(m, container, start, size, true);
	return answer;
}

/* ---- UNMAP_DMA ---- */

static long check_unmap(const struct model_container *container,
			const struct op *op)
{
	const u64 with_bitmap = sizeof(struct vfio_iommu_type1_dma_unmap) +
				sizeof(struct vfio_bitmap);
	u64 start = op->arg[1], size = op->arg[2];

	if (op->arg[4] < sizeof(struct vfio_iommu_type1_dma_unmap))
		return -EINVAL;
	switch (op->arg[3]) {
	case 0:
		break;
	case VFIO_DMA_UNMAP_FLAG_ALL:
		return start || size ? -EINVAL : 0;
	case VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP:
		if (op->arg[4] < with_bitmap ||
		    !bitmap_fits(size, PAGE_SIZE, op->arg[5]))
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (!size || (start | size) % PAGE_SIZE)
		return -EINVAL;
	if (start + size - 1 < start)
		return -EOVERFLOW;
	if (op->arg[3] && !container->tracking)
		return -EINVAL;
	return 0;
}

static struct answer unmap_dma(const struct model *m,
			       struct model_container *container,
			       const struct op *op)
{
	bool all = op->arg[3] == VFIO_DMA_UNMAP_FLAG_ALL;
	u64 start = op->arg[1], last = all ? ~0ull : start + op->arg[2] - 1;
	struct answer answer = { check_unmap(container, op), 0 };
	unsigned int i;

	if (answer.ret)
		return answer;
	if (container->backend == VFIO_TYPE1v2_IOMMU &&
	    cuts_any(container, start, last))
		return (struct answer){ -EINVAL, 0 };
	if (begins_before(container, start))
		return answer;
	if (op->arg[3] == VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		answer.out =
			report_dirty(m, container, start, op->arg[2], false)
			<< BITMAP_SHIFT;
	for (i = 0; i < NR_MAPS; i++) {
		if (!overlaps(&container->maps[i], start, last))
			continue;
		answer.out += container->maps[i].size;
		remove_map(container, &container->maps[i]);
	}
	return answer;
}

static long backend_call(struct model *m, struct model_container *container,
			 const struct op *op, struct answer *answer)
{
	if (!container->backend)
		return -EINVAL; /* C5 */
	if (!is_type1(container->backend))
		return -ENOTTY; /* I4 */
	switch (op->kind) {
	case MAP:
		return map_dma(m, container, op);
	case UNMAP:
		*answer = unmap_dma(m, container, op);
		return answer->ret;
	case GET_DIRTY:
		*answer = get_dirty(m, container, op);
		return answer->ret;
	case GET_AVAIL:
		answer->out = ENTRY_LIMIT - nr_maps(container);
		return 0;
	case TRACK_DIRTY:
		return track_dirty(container, op->arg[1]);
	default:
		return -ENOTTY;
	}
}

/* ---- what a device does ---- */

u8 model_byte(const struct op *op)
{
	return op->arg[1] / 7 + op->arg[2];
}

/* Up to what is not mapped, or not with the right. */
static struct answer dma(struct model *m, const struct op *op)
{
	struct model_device *device = &m->devices[op->arg[0]];
	struct model_group *group = &m->groups[device->group];
	u32 right = op->arg[3] ? VFIO_DMA_MAP_FLAG_WRITE
			       : VFIO_DMA_MAP_FLAG_READ;
	struct model_container *container;
	struct answer answer = { 0, 0 };
	struct model_map *map;
	u64 at;

	/* Without an address space there is nothing to ask. */
	if (!group->users || !is_type1(container_of_group(m, group)->backend))
		return (struct answer){ -ENODEV, 0 };
	container = container_of_group(m, group);
	for (at = 0; at < op->arg[2]; at++) {
		map = map_at(container, op->arg[1] + at);
		if (!map || right & ~map->rights) {
			answer.ret = map ? -EPERM : -EFAULT;
			return answer;
		}
		if (op->arg[3] && m->memory)
			m->memory[map->page * PAGE_SIZE + op->arg[1] + at -
				  map->iova] = model_byte(op);
		if (op->arg[3])
			mark_dirty(container, map, op->arg[1] + at);
		/* It counts whole stretches within a mapping. */
		if (op->arg[1] + at == last_of(map) || at + 1 == op->arg[2])
			answer.out = at + 1;
	}
	return answer;
}

/* ---- devices ---- */

static long add_device(struct model *m, const struct op *op)
{
	struct model_device *device = &m->devices[op->arg[0]];
	int id = device_groups[op->arg[0]];
	struct model_group *group = live_group(m, id);

	if (!group) {
		group = &m->groups[m->nr_groups++];
		group->live = true;
		group->id = id;
		group->container = NOTHING;
	}
	group->devices++;
	device->there = true;
	device->group = group - m->groups;
	return 0;
}

/* B3 */
static long remove_device(struct model *m, const struct op *op)
{
	struct model_device *device = &m->devices[op->arg[0]];
	struct model_group *group = &m->groups[device->group];

	device->there = false;
	if (!--group->devices) {
		group->live = false;
		detach(m, group);
	}
	return 0;
}

/* ---- external users (X) ---- */

/* X1; 0 when it may go on to the backend. */
static long use_backend(struct model *m, struct model_group *group)
{
	if (!group->live)
		return -ENODEV;
	if (!group->users)
		return -EINVAL;
	if (is_noiommu(group))
		return -EPERM;
	if (!container_of_group(m, group)->backend)
		return -EINVAL;
	return 0;
}

static long get_user(struct model *m, const struct op *op)
{
	struct model_file *file = file_of(m, op->arg[1]);
	long ret;

	if (!file)
		return -EBADF;
	if (file->kind != FILE_GROUP)
		return -EINVAL;
	ret = use_backend(m, &m->groups[file->object]);
	if (ret)
		return ret;
	m->groups[file->object].users++;
	m->users[op->arg[0]] = file->object;
	return 0;
}

static struct answer pin(struct model_container *container, const struct op *op)
{
	struct model_map *map = map_at(container, op->arg[1]);
	struct model_pin *known = pin_at(container, op->arg[1]);
	unsigned int i, listeners = 0;

	if (container->backend != VFIO_TYPE1v2_IOMMU)
		return (struct answer){ -EACCES, 0 };
	for (i = 0; i < NR_DEVICES; i++)
		listeners += container->listens[i];
	if (!listeners || !map)
		return (struct answer){ -EINVAL, 0 };
	if (op->arg[2] & ~map->rights)
		return (struct answer){ -EPERM, 0 };
	if (!known) {
		for (i = 0; container->pins[i].count; i++)
			;
		known = &container->pins[i];
		known->device = op->arg[0];
		known->iova = op->arg[1];
	}
	known->count++;
	return (struct answer){ 1, map->page + (op->arg[1] - map->iova) /
						       PAGE_SIZE };
}

static long unpin(struct model_container *container, const struct op *op)
{
	struct model_pin *known = pin_at(container, op->arg[1]);

	if (container->backend != VFIO_TYPE1v2_IOMMU)
		return -EACCES;
	if (!known)
		return -EINVAL;
	if (!--known->count)
		mark_dirty(container, map_at(container, known->iova),
			   known->iova);
	return 1;
}

static struct answer device_call(struct model *m, const struct op *op)
{
	struct model_group *group = &m->groups[m->devices[op->arg[0]].group];
	struct answer answer = { use_backend(m, group), 0 };
	struct model_container *container;
	bool *listens;

	if (answer.ret)
		return answer;
	container = container_of_group(m, group);
	listens = &container->listens[op->arg[0]];
	switch (op->kind) {
	case PIN:
		return pin(container, op);
	case UNPIN:
		answer.ret = unpin(container, op);
		return answer;
	case LISTEN:
		answer.ret = *listens ? -EEXIST : 0;
		*listens = true;
		return answer;
	default:
		answer.ret = *listens ? 0 : -ENOENT;
		*listens = false;
		return answer;
	}
}

/* ---- the kvm (X4, X5) ---- */

static u64 heard(const struct model_group *group, unsigned int kvm)
{
	u64 who = 0;
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++)
		who |= (u64)group->listens[i] << i;
	return who ? who | kvm << NR_DEVICES : 0;
}

/* A kvm that is there already is told to the newcomer alone. */
static struct answer listen_group(struct model *m, const struct op *op)
{
	struct model_group *group = &m->groups[m->devices[op->arg[0]].group];
	struct answer answer = { 0, 0 };

	if (!op->arg[1])
		answer.ret = -EINVAL;
	if (!answer.ret)
		answer.ret = use_backend(m, group);
	if (!answer.ret && op->arg[1] & ~VFIO_GROUP_NOTIFY_SET_KVM)
		answer.ret = -EINVAL;
	if (!answer.ret && group->listens[op->arg[0]])
		answer.ret = -EEXIST;
	if (answer.ret)
		return answer;
	group->listens[op->arg[0]] = true;
	if (group->kvm)
		answer.out = 1ull << op->arg[0] | group->kvm << NR_DEVICES;
	return answer;
}

/* Also when the container has gone before it. */
static long unlisten_group(struct model *m, const struct op *op)
{
	struct model_group *group = &m->groups[m->devices[op->arg[0]].group];
	long ret = group->listens[op->arg[0]] ? 0 : -ENOENT;

	group->listens[op->arg[0]] = false;
	return ret;
}

static struct answer set_kvm(struct model *m, const struct op *op)
{
	struct model_group *group = &m->groups[m->users[op->arg[0]]];

	group->kvm = op->arg[1];
	return (struct answer){ 0, heard(group, group->kvm) };
}

/* ---- a call on a descriptor ---- */

static long container_call(struct model *m, struct model_container *container,
			   const struct op *op, struct answer *answer)
{
	switch (op->kind) {
	case API_VERSION:
		return VFIO_API_VERSION;
	case CHECK_EXTENSION:
		return check_extension(container, op->arg[1]);
	case SET_IOMMU:
		return set_iommu(m, container, op->arg[1]);
	case READ:
		return -EINVAL; /* no backend here has it */
	default:
		return backend_call(m, container, op, answer);
	}
}

static struct answer group_call(struct model *m, struct model_group *group,
				const struct op *op)
{
	switch (op->kind) {
	case GET_STATUS:
		return get_status(m, group, op);
	case SET_CONTAINER:
		return (struct answer){ set_container(m, group, op), 0 };
	case UNSET_CONTAINER:
		return (struct answer){ unset_container(m, group), 0 };
	case GET_DEVICE_FD:
		return (struct answer){ get_device_fd(m, group, op), 0 };
	case READ:
		return (struct answer){ -EINVAL, 0 };
	default:
		return (struct answer){ -ENOTTY, 0 }; /* G7 */
	}
}

static struct answer call(struct model *m, const struct op *op)
{
	struct model_file *file = file_of(m, op->arg[0]);
	struct answer answer = { -EBADF, 0 };

	if (!file)
		return answer;
	switch (file->kind) {
	case FILE_CONTAINER:
		answer.ret = container_call(m, &m->containers[file->object], op,
					    &answer);
		break;
	case FILE_GROUP:
		return group_call(m, &m->groups[file->object], op);
	case FILE_DEVICE: /* D1: the tests' driver */
		answer.ret = op->kind == RESET_DEVICE ? 0 : -ENOTTY;
		if (op->kind == READ)
			answer.ret = 0;
		break;
	case FILE_OTHER:
		break;
	}
	return answer;
}

static long user_extension(struct model *m, const struct op *op)
{
	struct model_group *group = &m->groups[m->users[op->arg[0]]];

	return backend_knows(container_of_group(m, group)->backend, op->arg[1]);
}

static long bind_native(struct model *m)
{
	if (m->native || is_owned(m, NATIVE_ID))
		return -EBUSY;
	m->native = true;
	return 0;
}

struct answer model_step(struct model *m, const struct op *op)
{
	switch (op->kind) {
	case OPEN_CONTAINER:
		return (struct answer){ open_container(m, op), 0 };
	case OPEN_GROUP:
		return (struct answer){ open_group(m, op), 0 };
	case OPEN_OTHER:
		return (struct answer){ new_file(m, op->arg[0], FILE_OTHER, 0),
					0 };
	case DUP:
		return (struct answer){ dup_slot(m, op), 0 };
	case CLOSE:
		return (struct answer){ close_slot(m, op), 0 };
	case DMA:
		return dma(m, op);
	case ADD_DEVICE:
		return (struct answer){ add_device(m, op), 0 };
	case REMOVE_DEVICE:
		return (struct answer){ remove_device(m, op), 0 };
	case BIND_NATIVE:
		return (struct answer){ bind_native(m), 0 };
	case UNBIND_NATIVE:
		m->native = false;
		return (struct answer){ 0, 0 };
	case ALLOW_RAWIO:
		m->rawio = op->arg[0];
		return (struct answer){ 0, 0 };
	case GET_USER:
		return (struct answer){ get_user(m, op), 0 };
	case PUT_USER:
		drop_user(m, &m->groups[m->users[op->arg[0]]]);
		m->users[op->arg[0]] = NOTHING;
		return (struct answer){ 0, 0 };
	case USER_EXTENSION:
		return (struct answer){ user_extension(m, op), 0 };
	case PIN:
	case UNPIN:
	case LISTEN:
	case UNLISTEN:
		return device_call(m, op);
	case LISTEN_GROUP:
		return listen_group(m, op);
	case UNLISTEN_GROUP:
		return (struct answer){ unlisten_group(m, op), 0 };
	case SET_KVM:
		return set_kvm(m, op);
	default:
		return call(m, op);
	}
}

/* ---- what may be asked ---- */

static bool has_pins(const struct model_container *container)
{
	unsigned int i;

	for (i = 0; i < NR_PINS; i++)
		if (container->pins[i].count)
			return true;
	return false;
}

static bool can_add(const struct model *m, u64 nr)
{
	unsigned int i;

	if (m->devices[nr].there || m->nr_groups == NR_GROUPS)
		return false;
	/* As long as somebody holds a made-up group, the next has another id. */
	for (i = 0; i < m->nr_groups; i++)
		if (device_groups[nr] == NOIOMMU_ID && m->groups[i].opened &&
		    is_noiommu(&m->groups[i]))
			return false;
	return true;
}

static bool listens_anywhere(const struct model *m, u64 device)
{
	unsigned int i;

	for (i = 0; i < NR_CONTAINERS; i++)
		if (m->containers[i].listens[device])
			return true;
	return false;
}

static bool can_remove(const struct model *m, u64 nr)
{
	const struct model_device *device = &m->devices[nr];
	const struct model_group *group;

	/* A bus driver takes back first what it has registered. */
	if (!device->there || device->files || listens_anywhere(m, nr))
		return false;
	group = &m->groups[device->group];
	if (group->listens[nr])
		return false;
	/* The group's end waits for external users. */
	return group->devices > 1 || group->users <= group->attached;
}

/* A listener is on one list at a time. */
static bool can_listen(const struct model *m, u64 nr)
{
	const struct model_group *group;

	if (!m->devices[nr].there)
		return false;
	if (!listens_anywhere(m, nr))
		return true;
	group = &m->groups[m->devices[nr].group];
	return group->users && m->containers[group->container].listens[nr];
}

static bool can_unlisten(const struct model *m, u64 nr)
{
	const struct model_device *device = &m->devices[nr];
	const struct model_group *group;

	if (!device->there)
		return false;
	group = &m->groups[device->group];
	/* Who has pinned pages must be told when they go. */
	return !group->users || !has_pins(&m->containers[group->container]);
}

static bool room_for_pin(const struct model *m, u64 nr)
{
	const struct model_group *group;
	unsigned int i;

	if (!m->devices[nr].there)
		return false;
	group = &m->groups[m->devices[nr].group];
	if (!group->users)
		return true;
	for (i = 0; i < NR_PINS; i++)
		if (!m->containers[group->container].pins[i].count)
			return true;
	return false;
}

static bool is_free(const struct model *m, u64 slot)
{
	return m->slots[slot] == NOTHING;
}

/* The host's own descriptors are not ours to call. */
static bool is_other(const struct model *m, u64 slot)
{
	return !is_free(m, slot) && m->files[m->slots[slot]].kind == FILE_OTHER;
}

bool model_allows(const struct model *m, const struct op *op)
{
	switch (op->kind) {
	case OPEN_CONTAINER:
	case OPEN_GROUP:
	case OPEN_OTHER:
		return is_free(m, op->arg[0]);
	case DUP:
		return is_free(m, op->arg[0]) && !is_free(m, op->arg[1]);
	case GET_DEVICE_FD:
		return is_free(m, op->arg[1]) && !is_other(m, op->arg[0]);
	case CLOSE:
		return true;
	case ADD_DEVICE:
		return can_add(m, op->arg[0]);
	case REMOVE_DEVICE:
		return can_remove(m, op->arg[0]);
	case UNBIND_NATIVE:
		return m->native;
	case BIND_NATIVE:
	case ALLOW_RAWIO:
		return true;
	case GET_USER:
		return m->users[op->arg[0]] == NOTHING;
	case PUT_USER:
	case USER_EXTENSION:
	case SET_KVM:
		return m->users[op->arg[0]] != NOTHING;
	case PIN:
		return room_for_pin(m, op->arg[0]);
	case LISTEN:
		return can_listen(m, op->arg[0]);
	case UNPIN:
	case DMA:
	case LISTEN_GROUP:
	case UNLISTEN_GROUP:
		return m->devices[op->arg[0]].there;
	case UNLISTEN:
		return can_unlisten(m, op->arg[0]);
	default:
		return !is_other(m, op->arg[0]);
	}
}
