/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the files of the kernel host share. */
#ifndef ANYVFIO_KERNEL_H
#define ANYVFIO_KERNEL_H

#include "port.h"
#include "anyvfio/vfio.h"
#include "compat.h"

/* The private_data of each struct file of ours. */
struct port_open {
	const struct port_file_ops *ops;
	void *priv;
	struct inode
		*inode; /* of its mappings; NULL for nodes, which have none */
};

extern const struct file_operations port_open_fops;

/* node.c: the container's node, the range of group nodes, their class */
int node_init(void);
void node_exit(void);

/* inode.c: an inode for the mappings of one description */
int mapping_inode_init(void);
void mapping_inode_exit(void);
struct inode *mapping_inode_alloc(void);

/* kvm.c: found by KVM by name (X6) */
bool vfio_file_is_valid(struct file *file);
bool vfio_file_is_group(struct file *file);
struct iommu_group *vfio_file_iommu_group(struct file *file);
bool vfio_file_enforced_coherent(struct file *file);
void vfio_file_set_kvm(struct file *file, struct kvm *kvm);

#endif /* ANYVFIO_KERNEL_H */
