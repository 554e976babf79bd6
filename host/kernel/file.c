// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Descriptors of the kernel host.
 *
 * An open description of ours is a struct file whose private_data is a struct
 * port_open: the core's operations and their private pointer. Nodes get theirs in
 * node.c when they are opened, device descriptors here.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "kernel.h"

static int open_release(struct inode *inode, struct file *file)
{
	struct port_open *open = file->private_data;

	open->ops->release(open->priv);
	if (open->inode)
		iput(open->inode);
	kfree(open);
	return 0;
}

static long open_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct port_open *open = file->private_data;

	return open->ops->ioctl ? open->ops->ioctl(open->priv, cmd, arg)
				: -ENOTTY;
}

static ssize_t open_read(struct file *file, char __user *buf, size_t len,
			 loff_t *pos)
{
	struct port_open *open = file->private_data;

	return open->ops->read ? open->ops->read(open->priv, buf, len, pos)
			       : -EINVAL;
}

static ssize_t open_write(struct file *file, const char __user *buf, size_t len,
			  loff_t *pos)
{
	struct port_open *open = file->private_data;

	return open->ops->write ? open->ops->write(open->priv, buf, len, pos)
				: -EINVAL;
}

static int open_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct port_open *open = file->private_data;

	return open->ops->mmap
		       ? open->ops->mmap(open->priv, (struct port_vma *)vma)
		       : -EINVAL;
}

const struct file_operations port_open_fops = {
	.owner = THIS_MODULE,
	.release = open_release,
	.unlocked_ioctl = open_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = open_read,
	.write = open_write,
	.mmap = open_mmap,
	.llseek = default_llseek,
};

int port_fd_reserve(void)
{
	return get_unused_fd_flags(O_CLOEXEC);
}

void port_fd_cancel(int fd)
{
	put_unused_fd(fd);
}

struct port_file *port_file_create(const char *name,
				   const struct port_file_ops *ops, void *priv)
{
	struct port_open *open;
	struct file *file;
	long ret;

	open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	if (!open)
		return ERR_PTR(-ENOMEM);
	open->ops = ops;
	open->priv = priv;
	open->inode = mapping_inode_alloc();
	if (IS_ERR(open->inode)) {
		ret = PTR_ERR(open->inode);
		goto err_free;
	}
	file = anon_inode_getfile(name, &port_open_fops, open, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_inode;
	}
	/* Its mappings are its own, so that they can be taken back. */
	file->f_mapping = open->inode->i_mapping;
	/* An anonymous inode is a stream unless told otherwise. */
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	return (struct port_file *)file;

err_inode:
	iput(open->inode);
err_free:
	kfree(open);
	return ERR_PTR(ret);
}

void port_fd_publish(int fd, struct port_file *file)
{
	fd_install(fd, (struct file *)file);
}

struct port_file *port_file_get(int fd)
{
	struct file *file = fget(fd);

	return file ? (struct port_file *)file : ERR_PTR(-EBADF);
}
EXPORT_SYMBOL_GPL(port_file_get);

void port_file_put(struct port_file *file)
{
	fput((struct file *)file);
}
EXPORT_SYMBOL_GPL(port_file_put);

void *port_file_priv(struct port_file *pfile, const struct port_file_ops *ops)
{
	struct file *file = (struct file *)pfile;
	struct port_open *open = file->private_data;

	if (file->f_op != &port_open_fops || open->ops != ops)
		return NULL;
	return open->priv;
}
EXPORT_SYMBOL_GPL(port_file_priv);
