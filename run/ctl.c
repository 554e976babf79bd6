// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * anyvfio ctl: finds the run of a process and has its launcher do something.
 */
#include "run.h"
#include "wire.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* An empty @arg is to be seen. */
static int bad_usage(const char *what, const char *arg)
{
	fprintf(stderr, "anyvfio: ctl: %s%s (see anyvfio help ctl)\n", what,
		*arg ? arg : "\"\"");
	return EXIT_LAUNCHER;
}

/* ---- which run ---- */

/* A launcher has the run's directory open; others have no such socket. */
static int connect_launcher(int pid)
{
	char dir[64], path[PATH_MAX];
	struct dirent *entry;
	int ret = -ESRCH;
	struct stat st;
	DIR *fds;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	fds = opendir(dir);
	if (!fds)
		return -errno;
	while (ret < 0 && (entry = readdir(fds))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			ret = wire_connect(path);
	}
	closedir(fds);
	return ret < 0 ? -ESRCH : ret;
}

/* A program of a run has its directory in its environment. */
static int connect_program(int pid)
{
	char path[64], *var = NULL;
	size_t size = 0, prefix = strlen(SETTINGS_ENV "=");
	int ret = -ESRCH;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (ret < 0 && getdelim(&var, &size, '\0', file) > 0)
		if (!strncmp(var, SETTINGS_ENV "=", prefix))
			ret = wire_connect(var + prefix);
	free(var);
	fclose(file);
	return ret < 0 ? -ESRCH : ret;
}

/* A descriptor, or a negated errno after a message. */
static int connect_run(int pid)
{
	char path[64];
	struct stat st;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st)) {
		port_err("ctl: there is no process %d", pid);
		return -ESRCH;
	}
	if (geteuid() && st.st_uid != geteuid()) {
		port_err("ctl: process %d is another user's", pid);
		return -EPERM;
	}
	ret = connect_launcher(pid);
	if (ret < 0)
		ret = connect_program(pid);
	if (ret < 0)
		port_err("ctl: process %d is of no run of anyvfio", pid);
	return ret;
}

/* ---- what ---- */

/* 01:00.0 */
static bool is_short(const char *addr)
{
	const char *colon = strchr(addr, ':');

	return colon && !strchr(colon + 1, ':');
}

/* The command @argv, as a request; false after a message. */
static bool make_request(int argc, char **argv, char request[WIRE_MAX])
{
	static const char *const commands[] = { "list", "remove", "add",
						"surprise", "error" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[0], commands[i]))
			break;
	if (i == ARRAY_SIZE(commands)) {
		bad_usage("unknown command ", argv[0]);
		return false;
	}
	if (i && argc < 2) {
		bad_usage("which device? It is missing after ", argv[0]);
		return false;
	}
	if (argc > (i ? 2 : 1)) {
		bad_usage("too much: ", argv[argc - 1]);
		return false;
	}
	/* The segment may be left out, as for -d. */
	snprintf(request, WIRE_MAX, "%s %s%s", argv[0],
		 i && is_short(argv[1]) ? "0000:" : "", i ? argv[1] : "");
	return true;
}

int ctl(int argc, char **argv)
{
	char request[WIRE_MAX], answer[WIRE_MAX], *end;
	struct iovec part = { .iov_base = request };
	int fd, ret;
	long pid;

	if (argc < 3)
		return bad_usage("PID and a command are needed after ", "ctl");
	pid = strtol(argv[1], &end, 10);
	if (*end || end == argv[1] || pid <= 0 || pid > INT_MAX)
		return bad_usage("not a process: ", argv[1]);
	if (!make_request(argc - 2, argv + 2, request))
		return EXIT_LAUNCHER;
	host_log_set(STDERR_FILENO, PORT_WARN);
	fd = connect_run(pid);
	if (fd < 0)
		return EXIT_LAUNCHER;
	part.iov_len = strlen(request);
	ret = wire_ask(fd, &part, 1, answer);
	close(fd);
	if (ret) {
		port_err("ctl: %s %s: %s", argv[2], argc > 3 ? argv[3] : "",
			 *answer ? answer : "the run has ended");
		return EXIT_LAUNCHER;
	}
	fputs(answer, stdout);
	return fflush(stdout) ? EXIT_LAUNCHER : 0;
}
