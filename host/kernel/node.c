// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Nodes below /dev/vfio: the container (misc minor 196, mode 0666) and one per
 * group, whose minor is the IOMMU group's id, so that opening needs no table.
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>

#include "kernel.h"

static struct class *group_class;
static struct cdev group_cdev;
static dev_t group_devt;

/* Gives the file just opened its description; takes over @priv. */
static int open_attach(struct file *file, const struct port_file_ops *ops,
		       struct port_open *open, int ret, void *priv)
{
	if (ret) {
		kfree(open);
		return ret;
	}
	open->ops = ops;
	open->priv = priv;
	file->private_data = open;
	/* Same owner, so the hold on the module carries over. */
	file->f_op = &port_open_fops;
	return 0;
}

static int container_node_open(struct inode *inode, struct file *file)
{
	struct port_open *open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	void *priv = NULL;
	int ret;

	if (!open)
		return -ENOMEM;
	ret = vfio_container_open(&priv);
	return open_attach(file, &vfio_container_fops, open, ret, priv);
}

static int group_node_open(struct inode *inode, struct file *file)
{
	struct port_open *open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	void *priv = NULL;
	int ret;

	if (!open)
		return -ENOMEM;
	ret = vfio_group_open(iminor(inode), false, &priv);
	if (ret == -ENODEV)
		ret = vfio_group_open(iminor(inode), true, &priv);
	return open_attach(file, &vfio_group_fops, open, ret, priv);
}

static const struct file_operations container_node_fops = {
	.owner = THIS_MODULE,
	.open = container_node_open,
};

static const struct file_operations group_node_fops = {
	.owner = THIS_MODULE,
	.open = group_node_open,
};

static struct miscdevice container_node = {
	.minor = VFIO_MINOR,
	.name = "vfio",
	.fops = &container_node_fops,
	.nodename = "vfio/vfio",
	.mode = 0666,
};

static char *group_devnode(compat_devnode_dev *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/%s", dev_name(dev));
}

int port_group_node_add(int id, bool noiommu)
{
	struct device *dev;

	if (id > MINORMASK)
		return -ENOSPC;
	dev = device_create(group_class, NULL, MKDEV(MAJOR(group_devt), id),
			    NULL, "%s%d", noiommu ? "noiommu-" : "", id);
	return PTR_ERR_OR_ZERO(dev);
}

void port_group_node_del(int id, bool noiommu)
{
	device_destroy(group_class, MKDEV(MAJOR(group_devt), id));
}

int node_init(void)
{
	int ret;

	group_class = compat_class_create("vfio");
	if (IS_ERR(group_class)) {
		pr_err("vfio: cannot make the class of the group nodes\n");
		return PTR_ERR(group_class);
	}
	group_class->devnode = group_devnode;

	ret = alloc_chrdev_region(&group_devt, 0, MINORMASK + 1, "vfio");
	if (ret) {
		pr_err("vfio: cannot reserve the numbers of the group nodes\n");
		goto err_class;
	}
	cdev_init(&group_cdev, &group_node_fops);
	group_cdev.owner = THIS_MODULE;
	ret = cdev_add(&group_cdev, group_devt, MINORMASK + 1);
	if (ret) {
		pr_err("vfio: cannot add the group nodes\n");
		goto err_region;
	}
	ret = misc_register(&container_node);
	if (ret) {
		pr_err("vfio: cannot make /dev/vfio/vfio: another vfio has it; unload that first\n");
		goto err_cdev;
	}
	return 0;

err_cdev:
	cdev_del(&group_cdev);
err_region:
	unregister_chrdev_region(group_devt, MINORMASK + 1);
err_class:
	class_destroy(group_class);
	return ret;
}

void node_exit(void)
{
	misc_deregister(&container_node);
	cdev_del(&group_cdev);
	unregister_chrdev_region(group_devt, MINORMASK + 1);
	class_destroy(group_class);
}
