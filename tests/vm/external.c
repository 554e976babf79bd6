// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Loads external.ko, which holds the group as a hypervisor does, and sees to it that
 * the group stays attached for as long.
 *
 *   external GROUP BDF MODULE
 */
#include <err.h>
#include <sys/syscall.h>

#include "../uapi/uapi.h"

#define PAGE 4096ul
#define IOVA 0x100000ul

static long load(const char *path, int group)
{
	const char *id = strrchr(uapi.group_path, '/') + 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char args[128];
	long ret;

	if (fd < 0)
		err(1, "%s", path);
	snprintf(args, sizeof(args), "fd=%d id=%s name=%s iova=%lu", group, id,
		 uapi.device_name, IOVA);
	ret = call(syscall(SYS_finit_module, fd, args, 0));
	close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	struct chain chain;
	void *page;

	if (argc != 4)
		errx(2, "usage: external GROUP BDF MODULE");
	chain = open_named(argv[1], argv[2]);
	page = memset(page_alloc(PAGE), 0x5a, PAGE);
	check("X3_map", map_dma(chain.container, IOVA, page, PAGE, DMA_RW), 0);
	check("X1_external_user_loads", load(argv[3], chain.group), 0);
	close(chain.device);
	chain.device = -1;
	check("G5_with_an_external_user_is_ebusy",
	      call(ioctl(chain.group, VFIO_GROUP_UNSET_CONTAINER)), -EBUSY);
	check("X1_external_user_unloads",
	      call(syscall(SYS_delete_module, "external", 0)), 0);
	check("G5_without_it",
	      call(ioctl(chain.group, VFIO_GROUP_UNSET_CONTAINER)), 0);
	close_chain(&chain);
	return check_summary();
}
