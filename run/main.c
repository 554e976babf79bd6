// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * anyvfio: the command line.
 */
#include "run.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_DEVICE "nvme,size=64M"

static const char help[] =
	"usage: anyvfio run [OPTION...] [--] PROGRAM [ARG...]\n"
	"       anyvfio ctl PID COMMAND [DEVICE]\n"
	"       anyvfio devices [MODEL...]\n"
	"       anyvfio help [run|ctl]\n"
	"\n"
	"Runs an unmodified VFIO program on software PCI devices, as any user, without\n"
	"an IOMMU or a kernel module.\n"
	"\n"
	"  run       start a program; `anyvfio help run' has the options\n"
	"  ctl       unplug, add or break a device; `anyvfio help ctl'\n"
	"  devices   what -d can be given\n"
	"  help      this text\n"
	"\n"
	"  --help, --version\n";

static const char help_ctl[] =
	"usage: anyvfio ctl PID COMMAND [DEVICE]\n"
	"\n"
	"Does something to the devices of a run.  PID is `anyvfio run' itself or a\n"
	"process that it started, of the same user.\n"
	"\n"
	"  list             the devices, their groups and drivers\n"
	"  remove DEVICE    unplug it: asks the program that has it open to let go\n"
	"                   (REQ), and waits until it has\n"
	"  add DEVICE       put it back, after remove or surprise, as it was at first\n"
	"  surprise DEVICE  pull it out: its registers read as ones from now on; what\n"
	"                   remove does follows by itself\n"
	"  error DEVICE     report a fatal error of it (ERR)\n"
	"\n"
	"DEVICE is an address such as 0000:01:00.0.\n"
	"\n"
	"Exit status: 0, or 125 after a message.\n";

static const char help_run[] =
	"usage: anyvfio run [OPTION...] [--] PROGRAM [ARG...]\n"
	"\n"
	"Starts PROGRAM on a machine that has the given PCI devices, bound to vfio-pci\n"
	"or to what driver= says.  Ends as PROGRAM ends and leaves nothing behind.\n"
	"\n"
	"  -d, --device DEVICE[,OPTION=VALUE...]\n"
	"                         one more device (`anyvfio devices' lists them);\n"
	"                         without any: " DEFAULT_DEVICE "\n"
	"      --dma-entry-limit N\n"
	"                         mappings that a container may have (65535)\n"
	"      --noiommu          allow devices without an IOMMU (group=none)\n"
	"      --host-devices     the machine's own PCI devices stay in sight\n"
	"  -v, --verbose          tell more; twice: everything\n"
	"  -q, --quiet            tell of errors only\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: PROGRAM's; 125 if anyvfio fails, 126 if PROGRAM cannot be run,\n"
	"127 if it cannot be found.\n";

enum { OPT_ENTRY_LIMIT = 256, OPT_NOIOMMU, OPT_HOST_DEVICES };

static const struct option run_options[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "dma-entry-limit", required_argument, NULL, OPT_ENTRY_LIMIT },
	{ "noiommu", no_argument, NULL, OPT_NOIOMMU },
	{ "host-devices", no_argument, NULL, OPT_HOST_DEVICES },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/* Standard output that did not take it all is a failure. */
static int print(const char *text)
{
	fputs(text, stdout);
	return fflush(stdout) || ferror(stdout) ? EXIT_LAUNCHER : 0;
}

/* @arg: NULL when @what says all; an empty one is to be seen. */
static int bad_usage(const char *what, const char *arg)
{
	fprintf(stderr, "anyvfio: %s%s (see anyvfio help run)\n", what,
		!arg   ? ""
		: *arg ? arg
		       : "\"\"");
	return EXIT_LAUNCHER;
}

static int unknown_command(const char *name)
{
	fprintf(stderr,
		"anyvfio: unknown command %s; there are run, ctl, devices, help, version (see anyvfio help)\n",
		name);
	return EXIT_LAUNCHER;
}

/* ---- devices ---- */

static const struct anyvfio_model *find_model(const char *name)
{
	const struct anyvfio_model *model;
	unsigned int i;

	for (i = 0; (model = host_model(i)); i++)
		if (!strcmp(model->name, name))
			break;
	return model;
}

static void show_model(const struct anyvfio_model *model)
{
	const struct anyvfio_option *option;

	printf("%-18s %s\n", model->name, model->summary);
	for (option = model->options; option && option->name; option++)
		printf("  %-16s %s\n", option->name, option->help);
}

static int unknown_model(const char *name)
{
	unsigned int i;

	fprintf(stderr, "anyvfio: devices: no model \"%s\"; there are", name);
	for (i = 0; host_model(i); i++)
		fprintf(stderr, "%s %s", i ? "," : "", host_model(i)->name);
	fputc('\n', stderr);
	return EXIT_LAUNCHER;
}

/* All, or those that @names has. */
static int list_devices(unsigned int nr_names, char **names)
{
	unsigned int i;

	for (i = 0; i < nr_names; i++)
		if (!find_model(names[i]))
			return unknown_model(names[i]);
	for (i = 0; i < nr_names; i++)
		show_model(find_model(names[i]));
	for (i = 0; !nr_names && host_model(i); i++)
		show_model(host_model(i));
	return print(
		"every device\n"
		"  addr             where it is, as 0000:01:00.0\n"
		"  group            its IOMMU group's number; none: it has no IOMMU\n"
		"  driver           what it is bound to at first (vfio-pci); none\n");
}

/* ---- run ---- */

static bool parse_limit(const char *text, unsigned int *limit)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !val ||
	    val > UINT_MAX)
		return false;
	*limit = val;
	return true;
}

static int add_device(struct host_config *host, char *spec)
{
	if (!*spec || strchr(spec, '\n'))
		return bad_usage("not a device: ", spec);
	host->devices[host->nr_devices++] = spec;
	return 0;
}

/* One option; 0, or the status to exit with.  @done: it was the whole job. */
static int take_option(struct run_options *opts, int opt, char **argv,
		       bool *done)
{
	switch (opt) {
	case 'd':
		return add_device(&opts->host, optarg);
	case OPT_ENTRY_LIMIT:
		if (parse_limit(optarg, &opts->host.dma_entry_limit))
			return 0;
		return bad_usage("not a number of mappings: ", optarg);
	case OPT_NOIOMMU:
		opts->host.noiommu = true;
		return 0;
	case OPT_HOST_DEVICES:
		opts->host_devices = true;
		return 0;
	case 'v':
		opts->level = min(opts->level, PORT_WARN);
		opts->level = min(opts->level + 1, PORT_DBG);
		return 0;
	case 'q':
		opts->level = PORT_ERR;
		return 0;
	case 'h':
		*done = true;
		return print(help_run);
	case ':':
		return bad_usage("a value is missing after ", argv[optind - 1]);
	default:
		return bad_usage("unknown option ", argv[optind - 1]);
	}
}

static int cmd_run(int argc, char **argv)
{
	static char default_device[] = DEFAULT_DEVICE;
	struct run_options opts = { .level = PORT_WARN };
	char **devices = calloc(argc + 1, sizeof(*devices));
	bool done = false;
	int opt, ret = 0;

	if (!devices)
		return EXIT_LAUNCHER;
	opts.host.devices = devices;
	while (!ret && !done &&
	       (opt = getopt_long(argc, argv, "+:d:vqh", run_options, NULL)) !=
		       -1)
		ret = take_option(&opts, opt, argv, &done);
	if (!ret && !done && optind == argc)
		ret = bad_usage("no program to run", NULL);
	if (!ret && !done) {
		if (!opts.host.nr_devices)
			add_device(&opts.host, default_device);
		opts.program = argv + optind;
		host_log_set(STDERR_FILENO, opts.level);
		ret = run(&opts);
	}
	free(devices);
	return ret;
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

static int print_help(const char *about)
{
	if (!*about)
		return print(help);
	if (!strcmp(about, "run"))
		return print(help_run);
	if (!strcmp(about, "ctl"))
		return print(help_ctl);
	fprintf(stderr,
		"anyvfio: no help about %s; there is help about run and ctl, and man anyvfio\n",
		about);
	return EXIT_LAUNCHER;
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	if (!strcmp(cmd, "run"))
		return cmd_run(argc - 1, argv + 1);
	if (!strcmp(cmd, "ctl"))
		return argc == 3 && is_help(argv[2]) ? print(help_ctl)
						     : ctl(argc - 1, argv + 1);
	if (!strcmp(cmd, "devices"))
		return argc == 3 && is_help(argv[2])
			       ? print(help)
			       : list_devices(argc - 2, argv + 2);
	if (!strcmp(cmd, "--version") || !strcmp(cmd, "version"))
		return print("anyvfio " ANYVFIO_VERSION "\n");
	if (is_help(cmd) || !strcmp(cmd, "help"))
		return print_help(argc > 2 ? argv[2] : "");
	if (*cmd)
		return unknown_command(cmd);
	fputs(help, stderr);
	return EXIT_LAUNCHER;
}
