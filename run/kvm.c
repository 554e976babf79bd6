// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The kernel's KVM and groups that it has never heard of.
 *
 * A hypervisor names the groups of a virtual machine to KVM's VFIO device, which
 * then knows whether DMA may go past the processor's caches.  Ours never does: a
 * group of ours is accepted, and nothing has to be remembered.
 */
#include "preload.h"
#include "sys.h"

#include <linux/kvm.h>

static bool is_kvm_vfio(int fd)
{
	static const char name[] = "anon_inode:kvm-vfio";
	char path[32], link[sizeof(name)];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = sys_readlink(path, link, sizeof(link));
	return len == sizeof(name) - 1 && !memcmp(link, name, len);
}

static bool is_group(int fd)
{
	static const char container[] = "/dev/vfio/vfio",
			  nodes[] = "/dev/vfio/";
	char path[sizeof(container)];
	ssize_t len = host_fd_path(fd, path, sizeof(path) - 1);

	if (len < 0)
		return false;
	path[len] = '\0';
	return !strncmp(path, nodes, strlen(nodes)) &&
	       strcmp(path, container) != 0;
}

bool kvm_set_attr(int fd, unsigned long arg, long *ret)
{
	struct kvm_device_attr attr;
	s32 group;

	if (port_copy_in(&attr, u64_to_user_ptr(arg), sizeof(attr)) ||
	    attr.group != KVM_DEV_VFIO_GROUP ||
	    port_copy_in(&group, u64_to_user_ptr(attr.addr), sizeof(group)) ||
	    !host_fd_is_ours(group) || !is_kvm_vfio(fd))
		return false;
	switch (attr.attr) {
	case KVM_DEV_VFIO_GROUP_ADD:
	case KVM_DEV_VFIO_GROUP_DEL:
		*ret = is_group(group) ? 0 : -EINVAL;
		return true;
	default:
		return false;
	}
}
