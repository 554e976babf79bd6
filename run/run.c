// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A run from its beginning to its end: devices, directory, program, waiting.
 *
 * The launcher and the program are in one process group, as with env(1), so
 * the terminal's signals reach the program without us.  Those are told from
 * signals that somebody sent to the launcher by their code; only the latter are
 * passed on.
 */
#include "policy.h"
#include "server.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of devices; more than these have files instead, and leave us descriptors. */
#define MEMORIES 64u
#define PRELOAD "libanyvfio.so"
#define PRELOAD_ENV "LD_PRELOAD"
#define VALGRIND_ENV "VALGRIND_OPTS"
#define VALGRIND_OPTION "--vex-iropt-register-updates"

struct run {
	struct run_options *opts;
	char **specs;
	struct anyvfio_device **devices;
	struct host_pci_sysfs *sysfs;
	unsigned int nr_devices;
	struct settings settings;
	struct rundir dir;
	struct bus *bus;
	struct server *server;

	/* What the program gets back. */
	sigset_t old_mask;
	struct sigaction old_chld;
	mode_t old_umask;

	pid_t child;
	bool stopped; /* the program is, as far as we were told */
	bool changed; /* the last look found that it was not as before */
	bool resumed; /* we were stopped; the SIGCONT after it is to come */
};

/* ---- the devices ---- */

/* What was chosen for it becomes part of what -d said: programs make the same of
 * it at any time. */
static bool resolve(char **spec, struct anyvfio_device *dev,
		    const struct host_pci_sysfs *sysfs)
{
	char addr[32] = "", group[32] = "", *all;

	if (!anyvfio_device_option(dev, "addr"))
		snprintf(addr, sizeof(addr), ",addr=%s", sysfs->name);
	if (!anyvfio_device_option(dev, "group"))
		snprintf(group, sizeof(group), ",group=%d", sysfs->group);
	if (asprintf(&all, "%s%s%s", *spec, addr, group) < 0)
		return false;
	free(*spec);
	*spec = all;
	return true;
}

static int make_devices(struct run *run)
{
	struct host_config *config = &run->opts->host;
	struct anyvfio_device *dev;
	unsigned int i;

	run->specs = calloc(config->nr_devices, sizeof(*run->specs));
	run->devices = calloc(config->nr_devices, sizeof(*run->devices));
	run->sysfs = calloc(config->nr_devices, sizeof(*run->sysfs));
	if (!run->specs || !run->devices || !run->sysfs)
		return -ENOMEM;
	for (i = 0; i < config->nr_devices; i++) {
		run->specs[i] = spec_absolute(config->devices[i]);
		if (!run->specs[i])
			return -ENOMEM;
		/* A line of the config is what it becomes. */
		if (strchr(run->specs[i], '\n')) {
			port_err(
				"-d %s: the current directory has a line end in its name: start from another, or name files from / on",
				config->devices[i]);
			return -EINVAL;
		}
		dev = host_pci_create(run->specs[i], i, config);
		if (IS_ERR(dev))
			return PTR_ERR(dev);
		run->devices[run->nr_devices++] = dev;
		host_pci_sysfs(dev, &run->sysfs[i]);
		if (!resolve(&run->specs[i], dev, &run->sysfs[i]))
			return -ENOMEM;
	}
	config->devices = run->specs;
	run->bus = bus_create(&run->dir, run->devices, run->sysfs,
			      run->nr_devices);
	return run->bus ? 0 : -ENOMEM;
}

static void free_devices(struct run *run)
{
	unsigned int i;

	bus_free(run->bus);
	while (run->nr_devices)
		host_pci_destroy(run->devices[--run->nr_devices]);
	for (i = 0; run->specs && i < run->opts->host.nr_devices; i++)
		free(run->specs[i]);
	free(run->specs);
	free(run->devices);
	free(run->sysfs);
}

/*
 * Memory of devices is the launcher's: all programs of the run see the same, it
 * ends with the run, and a small file system has no say in it.  Programs open
 * it where anyvfio_device_memory() looks first.  Where that cannot be, that
 * makes a file.
 */
static void make_memory(struct run *run)
{
	char name[32], target[64];
	unsigned int i;
	int fd, probe;

	for (i = 0; i < min(run->nr_devices, MEMORIES); i++) {
		fd = memfd_create("anyvfio-memory", MFD_CLOEXEC);
		if (fd < 0)
			return;
		snprintf(name, sizeof(name), "mem-%u-0", i);
		snprintf(target, sizeof(target), "/proc/%d/fd/%d", getpid(),
			 fd);
		if (symlinkat(target, run->dir.fd, name)) {
			close(fd);
			return;
		}
		probe = openat(run->dir.fd, name, O_RDWR | O_CLOEXEC);
		if (probe < 0)
			unlinkat(run->dir.fd, name, 0);
		else
			close(probe);
	}
}

/* ---- the directory ---- */

static int write_settings(struct run *run)
{
	int fd;

	fd = openat(run->dir.fd, SETTINGS_FILE,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : settings_write(fd, &run->settings);
}

static int fill_directory(struct run *run)
{
	struct settings *s = &run->settings;
	int ret;

	s->host = run->opts->host;
	s->host.launcher = getpid();
	s->level = run->opts->level;
	ret = tree_make(&run->dir, run->bus, run->sysfs, run->nr_devices,
			run->opts->host_devices, s);
	if (!ret)
		ret = write_settings(run);
	tree_forget(s);
	return ret;
}

/* In the first place that has room. */
static int make_directory(struct run *run)
{
	unsigned int place;
	int ret, first = 0;

	for (place = 0; place < RUNDIR_PLACES; place++) {
		ret = rundir_create(&run->dir, place);
		if (!ret) {
			ret = fill_directory(run);
			if (!ret)
				return 0;
			rundir_remove(&run->dir);
		}
		if (!first && ret != -EINVAL)
			first = ret;
	}
	port_err(
		"no place for a run's directory in $XDG_RUNTIME_DIR, /dev/shm, $TMPDIR or /tmp: %s",
		strerror(-first));
	return first;
}

/* ---- the program ---- */

/* The library, which lies beside us before it is installed. */
static int find_preload(char path[PATH_MAX])
{
	static const char *const places[] = { "", "../lib/anyvfio/" };
	char self[PATH_MAX];
	unsigned int i;
	ssize_t len;
	char *dir_end;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return -errno;
	self[len] = '\0';
	dir_end = strrchr(self, '/') + 1;
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(dir_end, self + sizeof(self) - dir_end, "%s%s",
			 places[i], PRELOAD);
		if (realpath(self, path) && !access(path, R_OK))
			return 0;
	}
	port_err(
		"cannot read %s: it belongs beside anyvfio or in ../lib/anyvfio",
		PRELOAD);
	return -ENOENT;
}

/* A name without what the dynamic linker would take for a separator. */
static int plain_preload(struct run *run, char path[PATH_MAX])
{
	char target[PATH_MAX];

	if (!strpbrk(path, ": $\t\n"))
		return 0;
	memcpy(target, path, strlen(path) + 1);
	if (snprintf(path, PATH_MAX, "%s/%s", run->dir.path, PRELOAD) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return symlink(target, path) ? -errno : 0;
}

/* Under valgrind a fault shows the handler registers that are out of date, and
 * an instruction would be answered with them, unless it is asked not to. */
static int set_valgrind_options(void)
{
	const char *old = getenv(VALGRIND_ENV);
	char *opts;
	int ret;

	if (old && strstr(old, VALGRIND_OPTION))
		return 0;
	if (asprintf(&opts, "%s%s" VALGRIND_OPTION "=allregs-at-mem-access",
		     old ? old : "", old ? " " : "") < 0)
		return -ENOMEM;
	ret = setenv(VALGRIND_ENV, opts, 1) ? -ENOMEM : 0;
	free(opts);
	return ret;
}

/*
 * The user's own libraries come first: they see what the program does, and we
 * what they do.  A run inside a run has only the inner one's library.
 */
static int set_environment(struct run *run)
{
	const char *old = getenv(PRELOAD_ENV);
	char path[PATH_MAX], *list, *part, *save, *text;
	size_t size, len = 0;
	int ret;

	ret = find_preload(path);
	if (!ret)
		ret = plain_preload(run, path);
	if (ret)
		return ret;
	size = (old ? strlen(old) : 0) + strlen(path) + 2;
	list = malloc(size);
	text = strdup(old ? old : "");
	if (!list || !text)
		ret = -ENOMEM;
	for (part = ret ? NULL : strtok_r(text, ": ", &save); part;
	     part = strtok_r(NULL, ": ", &save)) {
		if (strcmp(basename(part), PRELOAD) != 0)
			len += snprintf(list + len, size - len, "%s:", part);
	}
	if (!ret) {
		snprintf(list + len, size - len, "%s", path);
		if (setenv(PRELOAD_ENV, list, 1) ||
		    setenv(SETTINGS_ENV, run->dir.path, 1))
			ret = -ENOMEM;
	}
	free(text);
	free(list);
	return ret ? ret : set_valgrind_options();
}

/* In the child.  Returns only to say why not. */
static int execute(struct run *run, pid_t launcher)
{
	char **program = run->opts->program;
	sigset_t mask = run->old_mask;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Gone before it could be of use. */
	if (getppid() != launcher)
		raise(SIGKILL);
	umask(run->old_umask);
	sigaction(SIGCHLD, &run->old_chld, NULL);
	/* Registers of devices and bad pointers raise these in the program. */
	sigdelset(&mask, SIGSEGV);
	sigdelset(&mask, SIGBUS);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	execvp(program[0], program);
	return errno;
}

/* "edu" or "edu,addr=...": what -d would take. */
static bool is_model(const char *word)
{
	size_t len = strcspn(word, ",");
	unsigned int i;

	for (i = 0; host_model(i); i++)
		if (strlen(host_model(i)->name) == len &&
		    !strncmp(host_model(i)->name, word, len))
			return true;
	return false;
}

/* Starts the program; 0, or the status to exit with after a message. */
static int start(struct run *run)
{
	pid_t launcher = getpid();
	int why = 0, fds[2];
	ssize_t len;

	if (pipe2(fds, O_CLOEXEC)) {
		port_err("cannot make a pipe: %s", strerror(errno));
		return EXIT_LAUNCHER;
	}
	run->child = fork();
	if (!run->child) {
		why = execute(run, launcher);
		len = write(fds[1], &why, sizeof(why));
		_exit(len < 0);
	}
	close(fds[1]);
	if (run->child < 0) {
		port_err("cannot fork: %s", strerror(errno));
		close(fds[0]);
		return EXIT_LAUNCHER;
	}
	len = read(fds[0], &why, sizeof(why));
	close(fds[0]);
	if (len != sizeof(why))
		return 0;
	waitpid(run->child, NULL, 0);
	port_err("cannot run %s: %s%s", run->opts->program[0], strerror(why),
		 is_model(run->opts->program[0]) ? "; a device is given with -d"
						 : "");
	return why == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/*
 * What the program inherited it may close: a pipe's reader waits for that, and
 * must not wait for us.  Ours are close-on-exec, which tells the two apart.
 */
static void let_go_of_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct dirent *entry;
	int fd, flags;

	while (dir && (entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		flags = fcntl(fd, F_GETFD);
		if (entry->d_name[0] == '.' || fd == STDERR_FILENO ||
		    flags < 0 || (flags & FD_CLOEXEC))
			continue;
		if (null >= 0)
			dup3(null, fd, O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	if (null >= 0)
		close(null);
}

/* ---- waiting ---- */

static const int forwarded[] = {
	SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,
	SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH,
};

/* Signals wait for wait_for_program() from now on, and a closed standard error
 * does not kill us. */
static void hold_signals(struct run *run)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;
	unsigned int i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &run->old_mask);
	/* Ignored, it would keep the program's end from us. */
	sigaction(SIGCHLD, &dfl, &run->old_chld);
}

/* The program's changes of state; true, and its wait status, at its end.
 * *@stop: the terminal stopped it. */
static bool reap(struct run *run, int *status, bool *stop)
{
	*stop = false;
	run->changed = false;
	while (waitpid(run->child, status, WNOHANG | WUNTRACED | WCONTINUED) >
	       0) {
		run->changed = true;
		if (WIFEXITED(*status) || WIFSIGNALED(*status))
			return true;
		run->stopped = WIFSTOPPED(*status);
		*stop = run->stopped && WSTOPSIG(*status) != SIGSTOP;
	}
	return false;
}

/*
 * Who continues us after a stop is a shell, which continues the whole group.
 * And what the program has become since this SIGCONT came is later: if it was
 * stopped again, then not to be continued.
 */
static bool is_to_be_continued(struct run *run)
{
	bool resumed = run->resumed;

	run->resumed = false;
	return !run->changed && (run->stopped || !resumed);
}

/* Who sent @info, and has the program got it already? */
static bool is_for_program(struct run *run, const siginfo_t *info)
{
	bool terminal = info->si_code == SI_KERNEL;

	switch (info->si_signo) {
	case SIGHUP:
		/* A hang-up goes to the leader of the session alone. */
		return !terminal || getsid(0) == getpid();
	case SIGCONT:
		return is_to_be_continued(run);
	default:
		return !terminal;
	}
}

/* Returns the program's wait status. */
static int wait_for_program(struct run *run)
{
	bool stop;
	siginfo_t info;
	sigset_t set;
	unsigned int i;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	for (;;) {
		if (sigwaitinfo(&set, &info) < 0)
			continue;
		if (reap(run, &status, &stop))
			return status;
		if (info.si_signo != SIGCHLD && is_for_program(run, &info))
			kill(run->child, info.si_signo);
		else if (info.si_signo == SIGTSTP)
			stop |= run->stopped;
		/* Whoever started us is to see that, once. */
		if (stop) {
			run->resumed = true;
			raise(SIGSTOP);
		}
	}
}

/* Ends as the program ended. */
static int end_as(int status)
{
	struct rlimit none = {};
	sigset_t set;
	int sig;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* The program has left a core if one was wanted. */
	sig = WTERMSIG(status);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	return 128 + sig;
}

/* The program, and the server that it may ask at once.  The thread comes last,
 * as the program comes by a fork. */
static int start_served(struct run *run)
{
	int ret;

	run->server = server_create(run->bus);
	if (!run->server || set_environment(run))
		return EXIT_LAUNCHER;
	ret = start(run);
	if (ret || !server_start(run->server))
		return ret;
	kill(run->child, SIGKILL);
	return EXIT_LAUNCHER;
}

/* Between the directory's beginning and its end; returns as start() does. */
static int run_program(struct run *run, int *status)
{
	int ret;

	make_memory(run);
	rundir_clean_stale(&run->dir);
	program_check(run->opts->program[0]);
	ret = start_served(run);
	if (!ret) {
		let_go_of_inherited();
		*status = wait_for_program(run);
	}
	server_free(run->server);
	return ret;
}

int run(struct run_options *opts)
{
	struct run run = { .opts = opts };
	int ret = EXIT_LAUNCHER, status = -1;

	run.old_umask = umask(0);
	hold_signals(&run);
	host_policy_set(opts->host.noiommu);
	if (vfio_init())
		return ret;
	if (make_devices(&run) || make_directory(&run))
		goto out_free_devices;
	ret = run_program(&run, &status);
	rundir_remove(&run.dir);
out_free_devices:
	free_devices(&run);
	vfio_exit();
	return ret ? ret : end_as(status);
}
