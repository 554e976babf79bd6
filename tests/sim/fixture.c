/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the scenarios share: the fake driver, the calls of a user. */
#include "sweep.h"

static unsigned int nr_wanted;
static struct module fake_module = { .name = "fake" };
static bool unloaded;

/* ---- the fake driver ---- */

static bool has_iommu(const struct fake *fake)
{
	return fake->noiommu || sim_group_is_attached(fake->dev);
}

/* G6: never an open device without an IOMMU. */
static void check_call(struct fake *fake)
{
	check(!unloaded);
	check(fake->opens == 1);
	check(has_iommu(fake));
	sim_point();
	check(fake->opens == 1);
	check(has_iommu(fake));
}

static int fake_open(void *data)
{
	struct fake *fake = data;

	check(!unloaded);
	check(fake->opens == 0);
	check(has_iommu(fake));
	if (sim_fails(SIM_OPEN))
		return -EIO;
	check(has_iommu(fake));
	fake->opens++;
	return 0;
}

static void fake_release(void *data)
{
	check_call(data);
	((struct fake *)data)->opens--;
}

static long fake_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	check_call(data);
	return cmd == VFIO_DEVICE_RESET ? 0 : -ENOTTY;
}

/* The device does DMA at the address that is read or written. */
static ssize_t fake_read(void *data, char __user *buf, size_t len, loff_t *pos)
{
	u8 bytes[64];
	int ret;

	check_call(data);
	len = min(len, sizeof(bytes));
	ret = fake_dma(data, *pos, bytes, len, false);
	if (!ret)
		ret = port_copy_out(buf, bytes, len);
	return ret ?: (ssize_t)len;
}

static ssize_t fake_write(void *data, const char __user *buf, size_t len,
			  loff_t *pos)
{
	u8 bytes[64];
	int ret;

	check_call(data);
	len = min(len, sizeof(bytes));
	ret = port_copy_in(bytes, buf, len);
	if (!ret)
		ret = fake_dma(data, *pos, bytes, len, true);
	return ret ?: (ssize_t)len;
}

static int fake_mmap(void *data, struct port_vma *vma)
{
	check_call(data);
	return 0;
}

/* B3: asked at once, then again and again, with a count. */
static void fake_request(void *data, unsigned int count)
{
	struct fake *fake = data;

	check(count == fake->requests);
	if (!fake->requests++)
		nr_wanted++;
	sim_point();
}

static const struct vfio_device_ops fake_ops = {
	.name = "fake",
	.owner = &fake_module,
	.open = fake_open,
	.release = fake_release,
	.read = fake_read,
	.write = fake_write,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.request = fake_request,
};

static int enter(struct fake *fake)
{
	int ret;

	fake->iommu_group = vfio_iommu_group_get(fake->dev);
	if (!fake->iommu_group)
		return -EINVAL;
	ret = vfio_add_group_dev(fake->dev, &fake_ops, fake);
	if (ret)
		vfio_iommu_group_put(fake->iommu_group, fake->dev);
	return ret;
}

struct fake *fake_add(const char *name, int group)
{
	struct fake *fake = port_zalloc(sizeof(*fake));
	int ret;

	if (!fake)
		return NULL;
	fake->dev = sim_device_create(name, group);
	fake->noiommu = group < 0;
	ret = sim_device_bind(fake->dev, true);
	check(!ret);
	sim_call_begin();
	ret = enter(fake);
	sim_call_end();
	check(!ret || !nothing_fails());
	if (!ret)
		return fake;
	sim_device_unbind(fake->dev);
	sim_device_destroy(fake->dev);
	port_free(fake);
	return NULL;
}

void fake_remove(struct fake *fake)
{
	void *data;

	sim_call_begin();
	data = vfio_del_group_dev(fake->dev);
	check(data == fake);
	check(!fake->opens);
	vfio_iommu_group_put(fake->iommu_group, fake->dev);
	sim_call_end();
	if (fake->requests)
		nr_wanted--;
	while (fake->holds)
		sim_sleep_ms(1);
	sim_acquire(fake);
	sim_device_unbind(fake->dev);
	sim_device_destroy(fake->dev);
	/* Whoever still uses it is found out. */
	port_free(fake);
}

void fakes_unload(void)
{
	fake_module.going = true;
	while (fake_module.holds)
		sim_sleep_ms(10);
	unloaded = true;
}

void fakes_load(void)
{
	unloaded = false;
	fake_module.going = false;
}

bool fakes_wanted(void)
{
	return nr_wanted;
}

int fake_dma(struct fake *fake, u64 iova, void *buf, size_t len, bool write)
{
	struct vfio_type1 *type1 = sim_device_type1(fake->dev);
	size_t done;

	if (!type1)
		return -ENODEV;
	return vfio_type1_rw(type1, iova, buf, len, write, &done);
}

/* ---- a user ---- */

long set_container(int group, int container)
{
	return sim_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

long unset_container(int group)
{
	return sim_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

long set_iommu(int container)
{
	return sim_ioctl_value(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

long get_device_fd(int group, const char *name)
{
	return sim_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, (void *)name);
}

long get_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	long ret = sim_ioctl(group, VFIO_GROUP_GET_STATUS, &status);

	return ret ?: status.flags;
}

void close_if_open(int *fd)
{
	int was = *fd;

	/* Another task may be about to do the same. */
	*fd = -1;
	if (was > 0)
		check(sim_close(was) == 0);
}

long map_dma(int container, u64 iova, void *vaddr, u64 size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return sim_ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

long unmap_dma(int container, u64 iova, u64 size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};
	long ret = sim_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	return ret ?: (long)unmap.size;
}

void open_user(int id, const char *name, int *container, int *group,
	       int *device)
{
	*container = sim_open_container();
	*group = sim_open_group(id, false);
	check(*container > 0 && *group > 0);
	check(set_container(*group, *container) == 0);
	check(set_iommu(*container) == 0);
	if (!name)
		return;
	*device = get_device_fd(*group, name);
	check(*device > 0);
}

/* ---- an external user ---- */

struct vfio_group *get_external_user(int fd)
{
	struct vfio_group *user = ERR_PTR(-EBADF);
	struct port_file *file;

	sim_call_begin();
	file = port_file_get(fd);
	if (!IS_ERR(file)) {
		user = vfio_group_get_external_user(file);
		if (!IS_ERR(user))
			check(vfio_external_group_match_file(user, file));
		port_file_put(file);
	}
	sim_call_end();
	return user;
}

void put_external_user(struct vfio_group *user)
{
	sim_call_begin();
	vfio_group_put_external_user(user);
	sim_call_end();
}
