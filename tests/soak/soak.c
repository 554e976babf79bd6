/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 *   soak [-t THREADS] [-s SECONDS]
 *
 * Ends with 0 when nothing was wrong, nothing hung and nothing is left.
 */
#include "soak.h"
#include "internal.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define THREADS_MAX 256
#define HANG_SECONDS 120

/* Who is not hostile. */
enum { REMOVER, FORKER, NVME_USER, EDU_USER, FIRST_HOSTILE };

static struct worker workers[THREADS_MAX];
static struct anyvfio_device *functions[FUNCTIONS + 1];
static struct host_config config;
static char rundir[] = "/tmp/anyvfio-soak-XXXXXX";
static char *given_rundir; /* by the parent, whose child this is */
static unsigned int nr_threads = 32;
static unsigned int seconds = 10;
static bool stop;
static unsigned int ended, killed; /* children */

/* A child of a process with threads goes on to make threads itself. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

/* ---- memory that is in use ---- */

static long live; /* pieces; atomic */

void *__real_port_zalloc(size_t size);
void *__real_port_zalloc_array(size_t n, size_t size);
void __real_port_free(const void *ptr);
void *__wrap_port_zalloc(size_t size);
void *__wrap_port_zalloc_array(size_t n, size_t size);
void __wrap_port_free(const void *ptr);

static void *count(void *ptr, long by)
{
	if (ptr)
		__atomic_fetch_add(&live, by, __ATOMIC_RELAXED);
	return ptr;
}

void *__wrap_port_zalloc(size_t size)
{
	return count(__real_port_zalloc(size), 1);
}

void *__wrap_port_zalloc_array(size_t n, size_t size)
{
	return count(__real_port_zalloc_array(n, size), 1);
}

void __wrap_port_free(const void *ptr)
{
	__real_port_free(count((void *)ptr, -1));
}

/* ---- what is left ---- */

struct left {
	long pieces;
	unsigned int descriptors;
};

static void look(struct left *left)
{
	DIR *dir = opendir("/proc/self/fd");

	left->descriptors = 0;
	while (readdir(dir))
		left->descriptors++;
	closedir(dir);
	left->pieces = __atomic_load_n(&live, __ATOMIC_RELAXED);
}

static void must_not_be(int fd, void *data)
{
	MUST(!"a descriptor of ours is left");
}

/* Nothing but what was there before.  Threads of the host may be on their way
 * out. */
static void check_left(const struct left *before, const char *when)
{
	unsigned int tries = 500;
	struct left now;

	host_fd_each(0, INT32_MAX, must_not_be, NULL);
	host_free();
	do {
		usleep(10000);
		look(&now);
	} while (tries-- && now.descriptors != before->descriptors);
	printf("left %s: %d descriptors, %ld pieces of memory\n", when,
	       (int)now.descriptors - (int)before->descriptors,
	       now.pieces - before->pieces);
	fflush(stdout);
	MUST(now.descriptors == before->descriptors);
	MUST(now.pieces == before->pieces);
}

/* ---- functions that come and go ---- */

static void create(u32 id)
{
	char spec[64];

	snprintf(spec, sizeof(spec), "%s,addr=0000:%02x:00.0,group=%u",
		 id % 2 && id != VALID_NVME ? "edu" : "nvme,size=1M", id, id);
	if (id == VALID_EDU)
		snprintf(spec, sizeof(spec), "edu,addr=0000:%02x:00.0,group=%u",
			 id, id);
	functions[id] = host_pci_create(spec, id, &config);
	MUST(!IS_ERR(functions[id]));
}

static int bind_again(u32 id)
{
	host_pci_unbind(functions[id]);
	MUST(!host_pci_bind(functions[id], "vfio-pci"));
	return 0;
}

static int replace(u32 id)
{
	host_pci_surprise(functions[id]);
	host_pci_destroy(functions[id]);
	create(id);
	return 0;
}

static void remove_one(struct worker *w)
{
	u32 id = 1 + rnd(w, HOSTILE);

	usleep(rnd(w, 50000));
	switch (rnd(w, 4)) {
	case 0:
		TIMED(w, REPLACE, replace(id));
		break;
	case 1:
		host_pci_error(functions[id]);
		break;
	default:
		TIMED(w, UNBIND, bind_again(id));
		break;
	}
}

/* ---- children ---- */

static void be_child(bool another)
{
	char *const args[] = {
		"soak", "-t", "4", "-s", "1", "-r", rundir, NULL
	};

	if (another)
		execv("/proc/self/exe", args);
	_exit(hostile_child());
}

static int fork_and_wait(struct worker *w, bool another, bool kill_it)
{
	pid_t pid = fork();
	int status;

	MUST(pid >= 0);
	if (!pid)
		be_child(another);
	if (kill_it) {
		usleep(rnd(w, another ? 800000 : 3000));
		kill(pid, SIGKILL);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && kill_it) {
		killed++;
		return 0;
	}
	MUST(WIFEXITED(status) && !WEXITSTATUS(status));
	ended++;
	return 0;
}

static void fork_one(struct worker *w)
{
	usleep(rnd(w, 100000));
	TIMED(w, FORK, fork_and_wait(w, !rnd(w, 8), rnd(w, 2)));
}

/* ---- threads ---- */

static void be_busy(struct worker *w)
{
	/* Another process has the same memories of devices: it may not use
	 * those for which all must go well. */
	if (given_rundir || w->nr >= FIRST_HOSTILE)
		hostile_user(w);
	else if (w->nr == REMOVER)
		remove_one(w);
	else if (w->nr == FORKER)
		fork_one(w);
	else if (w->nr == NVME_USER)
		valid_nvme_user(w);
	else
		valid_edu_user(w);
}

static void *work(void *data)
{
	struct worker *w = data;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		be_busy(w);
	return NULL;
}

static void start(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++) {
		workers[i].nr = i;
		workers[i].seed = (getpid() * 1000ull + i) * 0x9e3779b97f4a7c15;
		workers[i].stats = calloc(1, sizeof(struct stats));
		MUST(!pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]));
	}
}

/* Whoever makes no call for long hangs. */
static void watch(void)
{
	static u64 seen[THREADS_MAX], since[THREADS_MAX];
	u64 end = now_ns() + seconds * 1000000000ull, alive;
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		since[i] = now_ns();
	while (now_ns() < end) {
		usleep(100000);
		for (i = 0; i < nr_threads; i++) {
			alive = __atomic_load_n(&workers[i].alive,
						__ATOMIC_RELAXED);
			if (alive != seen[i])
				since[i] = now_ns();
			seen[i] = alive;
			if (now_ns() - since[i] < HANG_SECONDS * 1000000000ull)
				continue;
			fprintf(stderr, "thread %u hangs after: %s\n", i,
				stats_name(workers[i].doing));
			abort();
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	/* A thread that never ends is ended by this. */
	alarm(HANG_SECONDS);
	for (i = 0; i < nr_threads; i++)
		pthread_join(workers[i].thread, NULL);
	alarm(0);
}

/* ---- the whole ---- */

static void take_options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "t:s:r:")) != -1) {
		if (opt == 't')
			nr_threads = atoi(optarg);
		else if (opt == 's')
			seconds = atoi(optarg);
		else if (opt == 'r')
			given_rundir = optarg;
		else
			exit(2);
	}
	if (nr_threads <= FIRST_HOSTILE - !!given_rundir ||
	    nr_threads > THREADS_MAX || !seconds)
		exit(2);
}

static void remove_rundir(void)
{
	struct dirent *entry;
	DIR *dir = opendir(rundir);

	MUST(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	MUST(!rmdir(rundir));
}

static void report(u64 since)
{
	double took = (now_ns() - since) / 1e9;
	u64 calls = stats_print(workers, nr_threads, took);

	printf("%llu calls of %u threads in %.0f s: %.0f a second; %u children "
	       "ended, %u were killed\n",
	       (unsigned long long)calls, nr_threads, took, calls / took, ended,
	       killed);
}

static void on_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "bug at %s:%d: %s\n", file, line, what);
	abort();
}

int main(int argc, char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct rlimit files;
	struct left nothing, before;
	u64 since;
	u32 id;

	take_options(argc, argv);
	/* Those that must not be closed lie above what an ordinary user has. */
	MUST(!getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur = files.rlim_max;
	MUST(!setrlimit(RLIMIT_NOFILE, &files));
	if (!given_rundir)
		MUST(mkdtemp(rundir));
	port_warn_hook = on_bug;
	host_log_set(null, PORT_ERR);
	config.rundir = given_rundir ? given_rundir : rundir;
	look(&nothing);
	MUST(!host_start(&config));
	for (id = 1; id <= FUNCTIONS; id++)
		create(id);
	hostile_init();
	look(&before);
	since = now_ns();
	start();
	watch();
	if (given_rundir)
		return 0;
	report(since);
	check_left(&before, "by the users");
	for (id = 1; id <= FUNCTIONS; id++)
		host_pci_destroy(functions[id]);
	host_stop();
	check_left(&nothing, "by the host");
	remove_rundir();
	return 0;
}
