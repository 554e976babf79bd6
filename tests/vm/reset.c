// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The reset of a whole bus: of two functions in one group, one is asked, the other
 * one's registers are reset too.
 *
 *   reset GROUP BDF OTHER OTHER_GROUP
 *
 * OTHER is an e1000 in GROUP; OTHER_GROUP is a group beside it, for a proof that is
 * none.
 */
#include <err.h>

#include "../uapi/uapi.h"

/* A base address of the e1000: what was written there, until a reset. */
#define E1000_TDBAL 0x3800
#define MARK 0x12345670u
#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define MAX 8

static struct chain chain;

static int open_other(const char *name)
{
	int fd = ioctl(chain.group, VFIO_GROUP_GET_DEVICE_FD, name);

	if (fd < 0)
		err(1, "VFIO_GROUP_GET_DEVICE_FD %s", name);
	return fd;
}

static void set_command(int device, uint16_t on)
{
	uint16_t command;

	if (pread(device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
	command |= on;
	if (pwrite(device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
}

static uint16_t get_command(int device)
{
	uint16_t command;

	if (pread(device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
	return command;
}

static unsigned int bdf_of(const char *name)
{
	unsigned int bus, slot, function;

	if (sscanf(name, "%*x:%x:%x.%x", &bus, &slot, &function) != 3)
		errx(2, "%s is no BDF", name);
	return bus << 8 | slot << 3 | function;
}

static bool names(const struct vfio_pci_hot_reset_info *info, const char *name,
		  unsigned int group)
{
	unsigned int i;

	for (i = 0; i < info->count; i++)
		if ((info->devices[i].bus << 8 | info->devices[i].devfn) ==
			    bdf_of(name) &&
		    info->devices[i].group_id == group)
			return true;
	return false;
}

static void test_info(const char *other)
{
	const unsigned int group = atoi(strrchr(uapi.group_path, '/') + 1);
	const size_t size = sizeof(struct vfio_pci_hot_reset_info) +
			    MAX * sizeof(struct vfio_pci_dependent_device);
	struct vfio_pci_hot_reset_info *info = calloc(1, size);
	const unsigned int ask = VFIO_DEVICE_GET_PCI_HOT_RESET_INFO;

	info->argsz = sizeof(*info);
	check("D1_hot_reset_info_without_room_is_enospc",
	      call(ioctl(chain.device, ask, info)), -ENOSPC);
	check("D1_hot_reset_info_says_how_many", info->count, 2);
	info->argsz = size;
	check("D1_hot_reset_info", call(ioctl(chain.device, ask, info)), 0);
	check("D1_hot_reset_reaches_two", info->count, 2);
	check("D1_hot_reset_reaches_itself",
	      names(info, uapi.device_name, group), 1);
	check("D1_hot_reset_reaches_the_other", names(info, other, group), 1);
	free(info);
}

static long hot_reset(unsigned int count, int fd)
{
	const size_t size = sizeof(struct vfio_pci_hot_reset) + sizeof(int);
	struct vfio_pci_hot_reset *arg = calloc(1, size);
	long ret;

	arg->argsz = size;
	arg->count = count;
	arg->group_fds[0] = fd;
	ret = call(ioctl(chain.device, VFIO_DEVICE_PCI_HOT_RESET, arg));
	free(arg);
	return ret;
}

static void test_proof(const char *path)
{
	struct chain other = open_container();

	other.group = open(path, O_RDWR | O_CLOEXEC);
	if (other.group < 0 ||
	    ioctl(other.group, VFIO_GROUP_SET_CONTAINER, &chain.container))
		err(1, "%s", path);
	check("D1_hot_reset_without_proof_is_einval", hot_reset(0, -1),
	      -EINVAL);
	check("D1_hot_reset_with_another_group_is_einval",
	      hot_reset(1, other.group), -EINVAL);
	check("D1_hot_reset_with_no_group_is_einval",
	      hot_reset(1, chain.container), -EINVAL);
	check("D1_hot_reset_with_no_descriptor_is_ebadf", hot_reset(1, 1000),
	      -EBADF);
	close_chain(&other);
}

static void test_reset(int other)
{
	volatile uint32_t *bar = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
				      MAP_SHARED, other, 0);
	volatile uint32_t *reg = bar + E1000_TDBAL / sizeof(*bar);
	uint32_t val;

	if (bar == MAP_FAILED)
		err(1, "mmap of BAR 0");
	*reg = MARK;
	check("D1_register_of_the_other", *reg, MARK);
	check("D1_hot_reset", hot_reset(1, chain.group), 0);
	/* Its mapping was taken back, and comes again. */
	check("D4_register_of_the_other_is_reset", *reg, 0);
	check("D1_command_of_the_other_stays", get_command(other) & 6, 6);
	check("D1_command_stays", get_command(chain.device) & 6, 6);
	*reg = MARK;
	check("D1_other_answers_after_the_reset",
	      pread(other, &val, 4, E1000_TDBAL), 4);
	check("D4_mapping_and_read_agree", val, MARK);
}

int main(int argc, char **argv)
{
	int other;

	if (argc != 5)
		errx(2, "usage: reset GROUP BDF OTHER OTHER_GROUP");
	chain = open_named(argv[1], argv[2]);
	other = open_other(argv[3]);
	set_command(chain.device, 6);
	set_command(other, 6);
	test_info(argv[3]);
	test_proof(argv[4]);
	test_reset(other);
	close(other);
	close_chain(&chain);
	return check_summary();
}
