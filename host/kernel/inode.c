// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Inodes for mappings. All anonymous descriptors of the kernel share one inode;
 * one whose mappings have to be taken back needs one of its own, from a file
 * system nobody sees, which is there as long as the module.
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

/* No owner: what is mounted would keep the module from being unloaded. */
static struct file_system_type mapping_fs = {
	.name = "anyvfio",
	.init_fs_context = mapping_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *mapping_mount;

struct inode *mapping_inode_alloc(void)
{
	return alloc_anon_inode(mapping_mount->mnt_sb);
}

int mapping_inode_init(void)
{
	mapping_mount = kern_mount(&mapping_fs);
	return PTR_ERR_OR_ZERO(mapping_mount);
}

void mapping_inode_exit(void)
{
	kern_unmount(mapping_mount);
}
