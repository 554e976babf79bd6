// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Regions: the BARs, the expansion ROM and the addresses of VGA, by read, write
 * and mmap.
 *
 * A read or write is cut into naturally aligned accesses of at most eight bytes
 * (four for I/O ports), each of which the function sees as one.  While memory
 * decode is off each gives -EIO, as a bus would answer nothing.
 */
#include "pci.h"

static bool memory_on(const struct vfio_pci_device *vdev)
{
	return vdev->decode && !vdev->asleep;
}

static void set_state(struct vfio_pci_device *vdev, bool decode, bool asleep,
		      bool resting)
{
	bool was = memory_on(vdev) && !vdev->resting;
	bool is;

	lockdep_assert_held_write(&vdev->memory_lock);
	vdev->decode = decode;
	vdev->asleep = asleep;
	WRITE_ONCE(vdev->resting, resting);
	is = memory_on(vdev) && !resting;
	if (is != was)
		vdev->ops->bar_enable(vdev->hw, is);
}

void vfio_pci_memory_set(struct vfio_pci_device *vdev, bool decode, bool asleep)
{
	set_state(vdev, decode, asleep, vdev->resting);
}

void vfio_pci_memory_rest(struct vfio_pci_device *vdev, bool resting)
{
	set_state(vdev, vdev->decode, false, resting);
}

void vfio_pci_memory_init(struct vfio_pci_device *vdev)
{
	u32 command = vfio_pci_config_get(vdev, CFG_COMMAND, 2);

	down_write(&vdev->memory_lock);
	vdev->decode = command & CFG_COMMAND_MEMORY;
	vdev->asleep = false;
	vdev->ops->bar_enable(vdev->hw, vdev->decode);
	up_write(&vdev->memory_lock);
}

static bool is_bar(u32 index)
{
	return index < VFIO_PCI_NR_BARS;
}

static bool is_io(const struct vfio_pci_device *vdev, u32 index)
{
	return is_bar(index) && vdev->info.bar[index].flags & VFIO_PCI_BAR_IO;
}

/* ---- the VGA region, whose offsets are addresses on the bus ---- */

#define VGA_SIZE 0xc0000u

struct vga_range {
	u32 start;
	u32 last;
};

static const struct vga_range vga_ranges[] = {
	{ 0x3b0, 0x3bb }, /* ports */
	{ 0x3c0, 0x3df },
	{ 0xa0000, 0xbffff }, /* memory */
};

/* Where the range that @off lies in ends; 0: it lies in none. */
static u64 vga_end(u64 off)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vga_ranges); i++)
		if (off >= vga_ranges[i].start && off <= vga_ranges[i].last)
			return vga_ranges[i].last + 1;
	return 0;
}

static u64 region_size(const struct vfio_pci_device *vdev, u32 index)
{
	if (is_bar(index))
		return vdev->info.bar[index].size;
	if (index == VFIO_PCI_ROM_REGION_INDEX)
		return vdev->info.rom_size;
	if (index == VFIO_PCI_VGA_REGION_INDEX)
		return vdev->info.has_vga ? VGA_SIZE : 0;
	return index == VFIO_PCI_CONFIG_REGION_INDEX ? vdev->info.config_size
						     : 0;
}

/* ---- what may be mapped ---- */

/* Area @i of @bar that a program may map; false when there is none. */
static bool bar_area(struct vfio_pci_device *vdev, u32 bar, u32 i, u64 *off,
		     u64 *len)
{
	if (!(vdev->info.bar[bar].flags & VFIO_PCI_BAR_MMAP))
		return false;
	if (vdev->ops->bar_area)
		return vdev->ops->bar_area(vdev->hw, bar, i, off, len);
	*off = 0;
	*len = ALIGN(vdev->info.bar[bar].size, (u64)PAGE_SIZE);
	return i == 0;
}

static u32 count_areas(struct vfio_pci_device *vdev, u32 bar)
{
	u64 off, len;
	u32 nr = 0;

	while (bar_area(vdev, bar, nr, &off, &len))
		nr++;
	return nr;
}

static bool in_one_area(struct vfio_pci_device *vdev, u32 bar, u64 start,
			u64 size)
{
	u64 off, len;
	u32 i;

	for (i = 0; bar_area(vdev, bar, i, &off, &len); i++)
		if (start >= off && start - off < len &&
		    size <= len - (start - off))
			return true;
	return false;
}

/* ---- VFIO_DEVICE_GET_REGION_INFO ---- */

static int add_sparse_mmap(struct vfio_pci_device *vdev, u32 bar, u32 nr,
			   struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	u64 off, len;
	int ret;
	u32 i;

	sparse = port_zalloc(sizeof(*sparse) + nr * sizeof(sparse->areas[0]));
	if (!sparse)
		return -ENOMEM;
	for (i = 0; i < nr && bar_area(vdev, bar, i, &off, &len); i++) {
		sparse->areas[i].offset = off;
		sparse->areas[i].size = len;
	}
	sparse->nr_areas = i;
	ret = vfio_info_add_capability(caps, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
				       sparse);
	port_free(sparse);
	return ret;
}

/* Tells that the MSI-X table may be mapped like all the rest of its BAR. */
static int add_msix_mappable(struct vfio_pci_device *vdev, u32 bar,
			     struct vfio_info_cap *caps)
{
	struct vfio_info_cap_header *header;

	if (!vdev->info.msix || bar != vdev->info.msix_bar ||
	    !in_one_area(vdev, bar, vdev->info.msix_offset,
			 vdev->info.msix_size))
		return 0;
	header = vfio_info_cap_add(caps, sizeof(*header),
				   VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1);
	return IS_ERR(header) ? PTR_ERR(header) : 0;
}

static int fill_bar_mmap(struct vfio_pci_device *vdev,
			 struct vfio_region_info *info,
			 struct vfio_info_cap *caps)
{
	u32 nr = count_areas(vdev, info->index);
	int ret;

	if (!nr)
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	ret = add_msix_mappable(vdev, info->index, caps);
	if (!ret && !in_one_area(vdev, info->index, 0, info->size))
		ret = add_sparse_mmap(vdev, info->index, nr, caps);
	return ret;
}

static int fill_region_info(struct vfio_pci_device *vdev,
			    struct vfio_region_info *info,
			    struct vfio_info_cap *caps)
{
	if (info->index >= VFIO_PCI_VGA_REGION_INDEX &&
	    !region_size(vdev, info->index))
		return -EINVAL;
	info->flags = 0;
	info->cap_offset = 0;
	info->offset = VFIO_PCI_INDEX_TO_OFFSET(info->index);
	info->size = region_size(vdev, info->index);
	if (!info->size)
		return 0;
	info->flags = VFIO_REGION_INFO_FLAG_READ;
	if (info->index != VFIO_PCI_ROM_REGION_INDEX)
		info->flags |= VFIO_REGION_INFO_FLAG_WRITE;
	return is_bar(info->index) ? fill_bar_mmap(vdev, info, caps) : 0;
}

long vfio_pci_ioctl_get_region_info(struct vfio_pci_device *vdev,
				    struct vfio_region_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = { NULL, 0 };
	struct vfio_region_info info;
	long ret;

	if (port_copy_in(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = fill_region_info(vdev, &info, &caps);
	if (ret)
		goto out_free;

	/* Room enough, or how much it takes. */
	if (caps.size) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.argsz < sizeof(info) + caps.size) {
			info.argsz = sizeof(info) + caps.size;
		} else {
			vfio_info_cap_shift(&caps, sizeof(info));
			info.cap_offset = sizeof(info);
			ret = port_copy_out((char __user *)arg + sizeof(info),
					    caps.buf, caps.size);
		}
	}
	if (!ret)
		ret = port_copy_out(arg, &info, minsz);
out_free:
	port_free(caps.buf);
	return ret;
}

/* ---- read and write ---- */

static u32 access_size(u64 off, size_t len, u32 max)
{
	u32 size = max;

	while (size > len || off & (size - 1))
		size /= 2;
	return size;
}

int vfio_pci_bar_access(struct vfio_pci_device *vdev, u32 index, u64 off,
			u32 size, u64 *val, bool write)
{
	int ret = 0;

	/* May wait for somebody else's turn, which nobody here should. */
	if (index == VFIO_PCI_VGA_REGION_INDEX)
		return vdev->ops->vga_access(vdev->hw, off, size, val, write);
	down_read(&vdev->memory_lock);
	if (!is_io(vdev, index) && !memory_on(vdev))
		ret = -EIO;
	else if (write)
		vdev->ops->bar_write(vdev->hw, index, off, size, *val);
	else
		*val = vdev->ops->bar_read(vdev->hw, index, off, size);
	up_read(&vdev->memory_lock);
	return ret;
}

static int read_one(struct vfio_pci_device *vdev, u32 index, u64 off, u32 size,
		    char __user *buf)
{
	__le64 bytes;
	u64 val;
	int ret;

	ret = vfio_pci_bar_access(vdev, index, off, size, &val, false);
	if (ret)
		return ret;
	bytes = cpu_to_le64(val);
	return port_copy_out(buf, &bytes, size);
}

static int write_one(struct vfio_pci_device *vdev, u32 index, u64 off, u32 size,
		     const char __user *buf)
{
	__le64 bytes = 0;
	u64 val;

	if (port_copy_in(&bytes, buf, size))
		return -EFAULT;
	val = le64_to_cpu(bytes);
	return vfio_pci_bar_access(vdev, index, off, size, &val, true);
}

ssize_t vfio_pci_bar_rw(struct vfio_pci_device *vdev, u32 index,
			char __user *buf, size_t len, u64 off, bool write)
{
	bool vga = index == VFIO_PCI_VGA_REGION_INDEX;
	u64 end = vga ? vga_end(off) : region_size(vdev, index);
	u32 max = vga || is_io(vdev, index) ? 4 : 8;
	size_t done;
	u32 size;
	int ret;

	if (off >= end)
		return -EINVAL;
	if (write && index == VFIO_PCI_ROM_REGION_INDEX)
		return -EINVAL;
	len = min_t(u64, len, end - off);

	for (done = 0; done < len; done += size) {
		size = access_size(off + done, len - done, max);
		ret = write ? write_one(vdev, index, off + done, size,
					buf + done)
			    : read_one(vdev, index, off + done, size,
				       buf + done);
		if (ret)
			return ret;
	}
	return done;
}

/* ---- mmap ---- */

int vfio_pci_mmap(void *data, struct port_vma *vma)
{
	struct vfio_pci_device *vdev = data;
	u64 index = VFIO_PCI_OFFSET_TO_INDEX(port_vma_offset(vma));
	u64 off = port_vma_offset(vma) & VFIO_PCI_OFFSET_MASK;
	u64 size = port_vma_size(vma);
	int ret;

	if (!(port_vma_flags(vma) & PORT_VMA_SHARED) || !is_bar(index))
		return -EINVAL;
	if (!IS_ALIGNED(off | size, (u64)PAGE_SIZE) ||
	    !in_one_area(vdev, index, off, size))
		return -EINVAL;
	down_write(&vdev->memory_lock);
	ret = vdev->ops->bar_mmap(vdev->hw, index, off, vma);
	up_write(&vdev->memory_lock);
	return ret;
}
