// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Virtual functions of a physical one that is in VFIO too, and the token by which
 * their users know each other (P).
 *
 *   vf GROUP BDF      an NVMe controller without any so far
 *
 * The physical function stays open as long as there are any: it is reset by the last
 * close, and QEMU loses them then. A virtual one moves data once the physical one's
 * driver, which is this program, has given it queues (NVMe 1.4, 8.5).
 */
#include <err.h>
#include <libgen.h>
#include <limits.h>

#include "nvme.h"

#define A "11112222-3333-4444-5555-66667777888a"
#define B "11112222-3333-4444-5555-66667777888b"

#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

#define IOVA 0x100000ul /* of both */

static struct chain pf, vf;
static struct nvme pf_nvme;
static const char *pf_name;
static char vf_name[NAME_MAX], vf_group[PATH_MAX];

/* With these options; the descriptor or a negated errno. */
static long open_with(const struct chain *chain, const char *name,
		      const char *options)
{
	char text[128];

	snprintf(text, sizeof(text), "%s%s", name, options);
	return call(ioctl(chain->group, VFIO_GROUP_GET_DEVICE_FD, text));
}

/* Opens it and closes it again. */
static long try(const struct chain *chain, const char *name,
		const char *options)
{
	long fd = open_with(chain, name, options);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static long try_pf(const char *options)
{
	return try(&pf, pf_name, options);
}

static long try_vf(const char *options)
{
	return try(&vf, vf_name, options);
}

static long feature(int device, uint32_t flags, uint32_t argsz)
{
	struct {
		struct vfio_device_feature header;
		uint8_t token[16];
	} arg = {
		.header = { .argsz = argsz,
			    .flags = flags | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN },
		.token = { 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55,
			   0x55, 0x66, 0x66, 0x77, 0x77, 0x88, 0x8a },
	};

	return call(ioctl(device, VFIO_DEVICE_FEATURE, &arg));
}

static void test_feature(int device)
{
	const uint32_t set = VFIO_DEVICE_FEATURE_SET;
	const uint32_t probe = VFIO_DEVICE_FEATURE_PROBE;

	check("P1_vf_without_a_token_is_eacces", try_vf(""), -EACCES);
	check("P1_vf_with_any_token_is_eacces", try_vf(" vf_token=" A),
	      -EACCES);
	check("P2_probe", feature(device, probe | set, 8), 0);
	check("P2_get_is_einval", feature(device, VFIO_DEVICE_FEATURE_GET, 24),
	      -EINVAL);
	check("P2_short_is_einval", feature(device, set, 23), -EINVAL);
	check("P2_set", feature(device, set, 24), 0);
	check("P1_vf_with_that_token", try_vf(" vf_token=" A), 0);
	check("P1_vf_with_another_is_eacces", try_vf(" vf_token=" B), -EACCES);
	check("P1_vf_with_something_else_is_einval", try_vf(" token=" A),
	      -EINVAL);
	check("P1_vf_with_half_a_token_is_einval",
	      try_vf(" vf_token=11112222-3333"), -EINVAL);
}

static void test_token(void)
{
	int device;

	check("P1_pf_takes_another_token", try_pf(" vf_token=" B), 0);
	check("P1_vf_with_the_former_is_eacces", try_vf(" vf_token=" A),
	      -EACCES);
	device = open_with(&vf, vf_name, " vf_token=" B);
	check("P1_vf_with_the_new_one", device >= 0, 1);
	check("P1_pf_without_it_is_eacces", try_pf(""), -EACCES);
	check("P1_pf_with_another_is_eacces", try_pf(" vf_token=" A), -EACCES);
	check("P1_pf_with_it", try_pf(" vf_token=" B), 0);
	check("P2_vf_has_no_token",
	      feature(device, VFIO_DEVICE_FEATURE_SET, 24), -ENOTTY);
	close(device);
	check("P1_pf_with_another_when_the_vf_is_closed",
	      try_pf(" vf_token=" A), 0);
}

static uint32_t config(int device, unsigned int off, unsigned int size)
{
	uint32_t val = 0;

	if (pread(device, &val, size, CONFIG + off) != (ssize_t)size)
		err(1, "config");
	return val;
}

static void set_command(int device, uint16_t command)
{
	if (pwrite(device, &command, 2, CONFIG + 4) != 2)
		err(1, "config");
}

/* Where the MSI-X table is, which is the first BAR's. */
static unsigned int find_table(int device)
{
	unsigned int cap = config(device, 0x34, 1);

	while (cap && config(device, cap, 1) != 0x11)
		cap = config(device, cap + 1, 1);
	if (!cap || config(device, cap + 4, 4) & 7)
		errx(1, "no MSI-X table in BAR 0");
	return config(device, cap + 4, 4);
}

/* A controller that its PF has not brought up yet answers 0, but for its table. */
static void test_mapping(int device)
{
	unsigned int table = find_table(device);
	volatile uint32_t *entry;
	char *bar;

	bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		   table & -4096);
	check("P4_mapping", bar != MAP_FAILED, 1);
	entry = (uint32_t *)(bar + (table & 4095));
	*entry = 0xfee01000;
	check("P4_mapping_is_the_function", *entry == 0xfee01000, 1);
	munmap(bar, 4096);
}

static void test_function(int parent)
{
	int device = open_with(&vf, vf_name, " vf_token=" A);
	uint16_t command;
	uint32_t val;

	check("P4_identity_is_the_pfs", config(device, 0, 4),
	      config(parent, 0, 4));
	command = config(device, 4, 2);
	check("P4_memory_is_on", command & 2, 2);
	test_mapping(device);
	set_command(device, command & ~2);
	check("P4_memory_is_off", config(device, 4, 2) & 2, 0);
	check("P4_bar_without_memory_is_eio", call(pread(device, &val, 4, 8)),
	      -EIO);
	set_command(device, command);
	check("P4_memory_is_on_again", config(device, 4, 2) & 2, 2);
	check("P4_bar_with_memory_again", call(pread(device, &val, 4, 8)), 4);
	check("P4_reset", call(ioctl(device, VFIO_DEVICE_RESET)), 0);
	check("P4_bar_after_the_reset", call(pread(device, &val, 4, 8)), 4);
	test_mapping(device);
	close(device);
}

static void master(int device)
{
	set_command(device, config(device, 4, 2) | 6);
}

/* A page as one of them fills it, or 0. */
static unsigned int vendor(const struct nvme *nvme)
{
	return nvme->data[0] | nvme->data[1] << 8;
}

/* Queues and interrupts that it has are free for others from its reset on. */
static void give_up_resources(void)
{
	pf_nvme = nvme_of(&pf, pf.device, IOVA);
	master(pf.device);
	nvme_start(&pf_nvme);
	if (nvme_virt(&pf_nvme, 0, NVME_VQ, NVME_TAKE, 0) ||
	    nvme_virt(&pf_nvme, 0, NVME_VI, NVME_TAKE, 0) ||
	    ioctl(pf.device, VFIO_DEVICE_RESET))
		errx(1, "%s does not give up its resources", pf_name);
	master(pf.device);
	nvme_start(&pf_nvme);
}

/* At one address, each in its own user's memory. */
static void test_dma(void)
{
	struct nvme nvme;
	int device;

	check("P4_pf_gives_the_vf_interrupts",
	      nvme_virt(&pf_nvme, 1, NVME_VI, NVME_ASSIGN, 1), 0);
	check("P4_pf_gives_the_vf_queues",
	      nvme_virt(&pf_nvme, 1, NVME_VQ, NVME_ASSIGN, 2), 0);
	check("P4_pf_brings_the_vf_up",
	      nvme_virt(&pf_nvme, 1, 0, NVME_ONLINE, 0), 0);
	device = open_with(&vf, vf_name, " vf_token=" A);
	nvme = nvme_of(&vf, device, IOVA);
	master(device);
	nvme_start(&nvme);
	check("P4_vf_writes", nvme_identify(&nvme), 0);
	check("P4_vf_writes_its_users_memory", vendor(&nvme),
	      config(device, 0, 2));
	check("P4_vf_leaves_the_pfs_memory", vendor(&pf_nvme), 0);
	memset(nvme.data, 0, 2);
	check("P4_pf_writes", nvme_identify(&pf_nvme), 0);
	check("P4_pf_writes_its_users_memory", vendor(&pf_nvme),
	      config(pf.device, 0, 2));
	check("P4_pf_leaves_the_vfs_memory", vendor(&nvme), 0);
	close(device);
}

static void set_number(const char *number)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs",
		 pf_name);
	file = fopen(path, "we");
	if (!file || fputs(number, file) < 0 || fclose(file))
		err(1, "%s: %s", path, number);
}

/* The last part of what the link leads to. */
static void read_name(const char *link, char *name, size_t size)
{
	char path[PATH_MAX], to[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf_name,
		 link);
	len = readlink(path, to, sizeof(to) - 1);
	if (len < 0)
		err(1, "%s", path);
	to[len] = '\0';
	snprintf(name, size, "%s", basename(to));
}

static void open_vf(void)
{
	char group[NAME_MAX];

	set_number("2");
	read_name("virtfn0", vf_name, sizeof(vf_name));
	read_name("virtfn0/iommu_group", group, sizeof(group));
	snprintf(vf_group, sizeof(vf_group), "/dev/vfio/%s", group);
	uapi.group_path = vf_group;
	vf = open_iommu(VFIO_TYPE1v2_IOMMU);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: vf GROUP BDF");
	pf_name = argv[2];
	pf = open_named(argv[1], pf_name);
	give_up_resources();
	open_vf();
	test_feature(pf.device);
	test_token();
	test_function(pf.device);
	test_dma();
	close_chain(&vf);
	set_number("0");
	close_chain(&pf);
	return check_summary();
}
