// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What an access to a trapped page costs, beside the least that any trap costs
 * here: a handler of SIGSEGV that only steps over the instruction.
 */
#include "host.h"

#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ucontext.h>

#include "bench.h"

#define COUNT 1000
#define LIVENESS 4 /* edu's register that inverts */

static volatile uint32_t *nothing;
static volatile uint32_t *edu;
static int device;

/* movl (%rdi), %eax is two bytes. */
static void step_over(int sig, siginfo_t *info, void *data)
{
	ucontext_t *ctx = data;

	ctx->uc_mcontext.gregs[REG_RIP] += 2;
}

static void bare_trap(void *arg)
{
	__asm__ volatile("movl (%%rdi), %%eax" : : "D"(nothing) : "eax");
}

static void mmio_read(void *arg)
{
	(void)edu[LIVENESS / 4];
}

static void mmio_write(void *arg)
{
	edu[LIVENESS / 4] = 1;
}

/* Two accesses in one instruction and one trap. */
static void mmio_modify(void *arg)
{
	__asm__ volatile("lock orl $1, %0" : "+m"(edu[LIVENESS / 4]) : : "cc");
}

static void bar_pread(void *arg)
{
	uint32_t val;

	if (host_fd_pread(device, &val, 4, LIVENESS) != 4)
		errx(1, "pread of BAR 0");
}

static void config_pread(void *arg)
{
	uint32_t val;

	if (host_fd_pread(device, &val, 4, 7ull << 40) != 4)
		errx(1, "pread of config space");
}

static void bench_bare(void)
{
	struct sigaction act = { .sa_sigaction = step_over,
				 .sa_flags = SA_SIGINFO };

	nothing =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nothing == MAP_FAILED || sigaction(SIGSEGV, &act, NULL))
		err(1, "a page without rights");
	bench_print("bare_trap", bench_ns(bare_trap, NULL, COUNT));
	signal(SIGSEGV, SIG_DFL);
}

static void open_edu(void)
{
	static char *devices[] = { "edu" };
	static const struct host_config config = { .devices = devices,
						   .nr_devices = 1 };
	int container, group;

	host_log_set(STDERR_FILENO, PORT_WARN);
	if (host_start(&config))
		errx(1, "the host does not start");
	container = host_node_open("vfio", O_RDWR);
	group = host_node_open("1", O_RDWR);
	if (host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER,
			  (unsigned long)&container) ||
	    host_fd_ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		errx(1, "no container");
	device = host_fd_ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
			       (unsigned long)"0000:01:00.0");
	edu = host_fd_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			   device, 0);
	if (device < 0 || IS_ERR((void *)edu))
		errx(1, "no device");
}

int main(void)
{
	bench_bare();
	open_edu();
	bench_print("mmio_read", bench_ns(mmio_read, NULL, COUNT));
	bench_print("mmio_write", bench_ns(mmio_write, NULL, COUNT));
	bench_print("mmio_modify", bench_ns(mmio_modify, NULL, COUNT));
	bench_print("bar_pread", bench_ns(bar_pread, NULL, COUNT));
	bench_print("config_pread", bench_ns(config_pread, NULL, COUNT));
	host_stop();
	return 0;
}
