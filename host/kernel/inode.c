// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Inodes for mappings. All anonymous descriptors of the kernel share one inode;
 * one whose mappings have to be taken back needs one of its own, from a file
 * system nobody sees.
 */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "kernel.h"

#define MAPPING_FS_MAGIC 0x616e7966

static int mapping_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, MAPPING_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type mapping_fs = {
	.name = "anyvfio",
	.owner = THIS_MODULE,
	.init_fs_context = mapping_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *mapping_mount;
static int mapping_mounts;

struct inode *mapping_inode_get(void)
{
	struct inode *inode;
	int ret;

	ret = simple_pin_fs(&mapping_fs, &mapping_mount, &mapping_mounts);
	if (ret)
		return ERR_PTR(ret);
	inode = alloc_anon_inode(mapping_mount->mnt_sb);
	if (IS_ERR(inode))
		simple_release_fs(&mapping_mount, &mapping_mounts);
	return inode;
}

void mapping_inode_put(struct inode *inode)
{
	iput(inode);
	simple_release_fs(&mapping_mount, &mapping_mounts);
}
