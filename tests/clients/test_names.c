// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Paths of a run, through every libc call that takes or gives one.
 */
#include "program.h"

#include <ftw.h>
#include <glob.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

static int at_root; /* a descriptor of "/" */

/* ---- opening ---- */

/* Each call that opens, by @path; a descriptor, or -1. */
static int open_by(unsigned int how, const char *path)
{
	FILE *file;
	int fd;

	switch (how) {
	case 0:
		return open(path, O_RDONLY);
	case 1:
		return CALL(int, "open64", const char *, int, ...)(path,
								   O_RDONLY);
	case 2:
		return openat(AT_FDCWD, path, O_RDONLY);
	case 3:
		return CALL(int, "openat64", int, const char *, int,
			    ...)(AT_FDCWD, path, O_RDONLY);
	case 4:
		return CALL(int, "__open_2", const char *, int)(path, O_RDONLY);
	case 5:
		return CALL(int, "__open64_2", const char *, int)(path,
								  O_RDONLY);
	case 6:
		return CALL(int, "__openat_2", int, const char *,
			    int)(AT_FDCWD, path, O_RDONLY);
	case 7:
		return CALL(int, "__openat64_2", int, const char *,
			    int)(AT_FDCWD, path, O_RDONLY);
	case 8:
		return syscall(SYS_open, path, O_RDONLY);
	case 9:
		return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	case 10:
		return openat(at_root, path + 1, O_RDONLY);
	case 11:
		return syscall(SYS_openat2, AT_FDCWD, path,
			       &(struct open_how){ .flags = O_RDONLY },
			       sizeof(struct open_how));
	case 12:
	case 13:
		file = CALL(FILE *, how == 12 ? "fopen" : "fopen64",
			    const char *, const char *)(path, "r");
		fd = file ? dup(fileno(file)) : -1;
		if (file)
			assert_int_equal(fclose(file), 0);
		return fd;
	default:
		return -2;
	}
}

static void open_reaches_nodes_by_every_call(void **state)
{
	unsigned int how;
	int fd;

	for (how = 0; (fd = open_by(how, CONTAINER)) != -2; how++) {
		print_message("call %u\n", how);
		assert_true(fd >= 0);
		assert_true(is_container(fd));
		assert_int_equal(close(fd), 0);
	}
	assert_int_equal(how, 14);
}

static void open_reaches_files_by_every_call(void **state)
{
	unsigned int how;
	char text[16];
	int fd;

	for (how = 0; (fd = open_by(how, DEVICE "/vendor")) != -2; how++) {
		print_message("call %u\n", how);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, sizeof(text)), 7);
		assert_memory_equal(text, "0x1234\n", 7);
		assert_int_equal(close(fd), 0);
	}
}

static void open_has_the_errors_of_device_nodes(void **state)
{
	assert_fails(open("/dev/vfio/99", O_RDWR), ENOENT);
	assert_fails(open("/dev/vfio/noiommu-1", O_RDWR), ENOENT);
	assert_fails(open(CONTAINER, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	assert_fails(open(CONTAINER, O_RDWR | O_DIRECTORY), ENOTDIR);
	assert_fails(open(CONTAINER "/", O_RDWR), ENOTDIR);
	assert_fails(open("/dev/vfio", O_RDWR), EISDIR);
}

static void files_of_the_tree_cannot_be_made_or_cut(void **state)
{
	char text[16] = "";
	FILE *file;
	int fd;

	assert_fails(open("/dev/vfio/x", O_RDWR | O_CREAT, 0600), EACCES);
	assert_fails(open(DEVICE "/x", O_WRONLY | O_CREAT, 0600), EACCES);
	assert_fails(creat(DEVICE "/x", 0600), EACCES);
	assert_null(fopen(DEVICE "/x", "w"));
	fd = open(DEVICE "/driver_override", O_WRONLY | O_CREAT | O_TRUNC,
		  0600);
	assert_true(fd >= 0);
	close(fd);
	file = fopen(DEVICE "/driver_override", "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_string_equal(text, "vfio-pci\n");
	fclose(file);
}

static void cloexec_is_as_asked(void **state)
{
	int with = open(CONTAINER, O_RDWR | O_CLOEXEC);
	int without = open(CONTAINER, O_RDWR);

	assert_int_equal(fcntl(with, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(without, F_GETFD), 0);
	assert_int_equal(ioctl(without, FIOCLEX), 0);
	assert_int_equal(fcntl(without, F_GETFD), FD_CLOEXEC);
	close(with);
	close(without);
}

static void o_path_is_a_path_and_no_container(void **state)
{
	int fd = open(CONTAINER, O_PATH);
	struct stat st;

	assert_true(fd >= 0);
	assert_fails(ioctl(fd, VFIO_GET_API_VERSION), EBADF);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	close(fd);
}

static void proc_self_fd_opens_what_it_names(void **state)
{
	int fd = open(CONTAINER, O_RDWR), again;
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = open(name, O_RDWR);
	assert_true(is_container(again));
	close(again);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	again = open(name, O_RDWR);
	assert_true(is_container(again));
	close(again);
	close(fd);
}

static void freopen_reaches_the_tree(void **state)
{
	FILE *file = fopen("/dev/null", "r");
	char text[16] = "";

	file = freopen(DEVICE "/class", "r", file);
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_string_equal(text, "0x00ff00\n");
	fclose(file);
}

/* ---- what they are ---- */

static void is_container_node(const struct stat *st)
{
	assert_int_equal(st->st_mode, S_IFCHR | 0666);
	assert_int_equal(major(st->st_rdev), 10);
	assert_int_equal(minor(st->st_rdev), 196);
}

typedef int stat_call(const char *path, struct stat *st);
typedef int fstat_call(int fd, struct stat *st);
typedef int fstatat_call(int fd, const char *path, struct stat *st, int flags);
typedef int xstat_call(int ver, const char *path, struct stat *st);
typedef int fxstat_call(int ver, int fd, struct stat *st);
typedef int fxstatat_call(int ver, int fd, const char *path, struct stat *st,
			  int flags);

static void stat_shows_nodes_by_every_call(void **state)
{
	static const char *const by_path[] = { "stat", "stat64", "lstat",
					       "lstat64", NULL };
	static const char *const xby_path[] = { "__xstat", "__xstat64",
						"__lxstat", "__lxstat64",
						NULL };
	static const char *const by_fd[] = { "fstat", "fstat64", NULL };
	static const char *const at[] = { "fstatat", "fstatat64", NULL };
	int fd = open(CONTAINER, O_RDWR), dir = open("/dev/vfio", O_RDONLY);
	struct stat st;
	unsigned int i;

	for (i = 0; by_path[i]; i++) {
		assert_int_equal(
			((stat_call *)find_call(by_path[i]))(CONTAINER, &st),
			0);
		is_container_node(&st);
		assert_int_equal(((xstat_call *)find_call(xby_path[i]))(
					 1, CONTAINER, &st),
				 0);
		is_container_node(&st);
	}
	for (i = 0; by_fd[i]; i++) {
		assert_int_equal(((fstat_call *)find_call(by_fd[i]))(fd, &st),
				 0);
		is_container_node(&st);
	}
	for (i = 0; at[i]; i++) {
		fstatat_call *call = find_call(at[i]);

		assert_int_equal(call(AT_FDCWD, CONTAINER, &st, 0), 0);
		is_container_node(&st);
		assert_int_equal(call(dir, "vfio", &st, 0), 0);
		is_container_node(&st);
		assert_int_equal(call(fd, "", &st, AT_EMPTY_PATH), 0);
		is_container_node(&st);
	}
	assert_int_equal(((fxstat_call *)find_call("__fxstat"))(1, fd, &st), 0);
	is_container_node(&st);
	assert_int_equal(((fxstat_call *)find_call("__fxstat64"))(1, fd, &st),
			 0);
	is_container_node(&st);
	assert_int_equal(((fxstatat_call *)find_call("__fxstatat"))(
				 1, AT_FDCWD, CONTAINER, &st, 0),
			 0);
	is_container_node(&st);
	assert_int_equal(((fxstatat_call *)find_call("__fxstatat64"))(
				 1, at_root, CONTAINER + 1, &st, 0),
			 0);
	is_container_node(&st);
	assert_int_equal(syscall(SYS_stat, CONTAINER, &st), 0);
	is_container_node(&st);
	assert_int_equal(syscall(SYS_fstat, fd, &st), 0);
	is_container_node(&st);
	close(dir);
	close(fd);
}

static void stat_follows_proc_self_fd(void **state)
{
	int fd = open(CONTAINER, O_RDWR);
	struct stat st;
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	assert_int_equal(stat(name, &st), 0);
	is_container_node(&st);
	assert_int_equal(lstat(name, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	close(fd);
}

static void statx_shows_nodes(void **state)
{
	struct statx stx;

	assert_int_equal(statx(AT_FDCWD, GROUP, 0, STATX_BASIC_STATS, &stx), 0);
	assert_int_equal(stx.stx_mode, S_IFCHR | 0600);
	assert_true(stx.stx_rdev_major);
	assert_int_equal(
		statx(AT_FDCWD, "/dev/null", 0, STATX_BASIC_STATS, &stx), 0);
	assert_int_equal(stx.stx_rdev_major, 1);
	assert_int_equal(stx.stx_rdev_minor, 3);
}

static void file_systems_are_those_of_the_machine(void **state)
{
	struct statfs sys, own;
	struct statvfs vsys, vown;

	assert_int_equal(statfs("/sys", &sys), 0);
	assert_int_equal(statfs(DEVICE "/config", &own), 0);
	assert_int_equal(own.f_type, sys.f_type);
	assert_int_equal(statfs("/dev", &sys), 0);
	assert_int_equal(statfs("/dev/vfio", &own), 0);
	assert_int_equal(own.f_type, sys.f_type);
	assert_int_equal(statvfs("/sys", &vsys), 0);
	assert_int_equal(statvfs(DEVICES, &vown), 0);
	assert_int_equal(vown.f_fsid, vsys.f_fsid);
	assert_fails(statfs(DEVICE "/x", &own), ENOENT);
}

static void rights_are_shown_by_every_call(void **state)
{
	char value[16];

	assert_int_equal(access(CONTAINER, R_OK | W_OK), 0);
	assert_int_equal(eaccess(DEVICE "/vendor", R_OK), 0);
	assert_int_equal(euidaccess(DEVICE "/vendor", R_OK), 0);
	assert_int_equal(faccessat(at_root, DEVICE + 1, X_OK, 0), 0);
	assert_int_equal(syscall(SYS_access, DEVICE, F_OK), 0);
	assert_int_equal(syscall(SYS_faccessat, AT_FDCWD, DEVICE, F_OK), 0);
	assert_fails(access(CONTAINER, X_OK), EACCES);
	assert_fails(access(DEVICE "/max_vfs", F_OK), ENOENT);
	assert_true(getxattr(DEVICE, "user.x", value, sizeof(value)) == -1);
	assert_int_not_equal(errno, ENOENT);
}

/* ---- links ---- */

typedef ssize_t readlink_call(const char *path, char *buf, size_t size, ...);

static void links_are_relative_and_as_in_sysfs(void **state)
{
	static const char *const calls[] = { "readlink", "__readlink_chk" };
	readlink_call *call;
	char to[PATH_MAX];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 2; i++) {
		call = find_call(calls[i]);
		len = call(DEVICE "/driver", to, sizeof(to), sizeof(to));
		assert_int_equal(len, 33);
		assert_memory_equal(to, "../../../bus/pci/drivers/vfio-pci",
				    33);
		len = call(DEVICE "/iommu_group", to, 5, sizeof(to));
		assert_int_equal(len, 5);
	}
	len = readlinkat(at_root, DEVICE + 1, to, sizeof(to));
	assert_int_equal(len, 40);
	assert_memory_equal(to, "../../../devices/pci0000:01/" BDF, len);
	len = syscall(SYS_readlink, DEVICE "/subsystem", to, sizeof(to));
	assert_int_equal(len, 16);
}

static void descriptors_have_the_names_of_what_they_are(void **state)
{
	struct program p;
	char name[64], to[64];
	ssize_t len;

	program_open(&p);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", p.container);
	len = readlink(name, to, sizeof(to));
	assert_int_equal(len, strlen(CONTAINER));
	assert_memory_equal(to, CONTAINER, len);
	assert_int_equal(readlink(name, to, 5), 5);
	assert_memory_equal(to, "/dev/", 5);
	assert_string_equal(realpath(name, NULL), CONTAINER);
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", getpid(), p.group);
	len = readlink(name, to, sizeof(to));
	assert_int_equal(len, strlen(GROUP));
	assert_memory_equal(to, GROUP, len);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", p.device);
	len = readlink(name, to, sizeof(to));
	assert_true(len > 0);
	to[len] = '\0';
	assert_string_equal(to, "anon_inode:[vfio-device]");
	program_close(&p);
}

static void real_paths_are_those_of_sysfs(void **state)
{
	char buf[PATH_MAX], *name;

	assert_string_equal(realpath(DEVICE, buf), PHYSICAL);
	assert_string_equal(realpath(DEVICE "/subsystem", buf), "/sys/bus/pci");
	assert_string_equal(realpath(DEVICE "/../" BDF "/driver/" BDF, buf),
			    PHYSICAL);
	name = canonicalize_file_name(DEVICE "/iommu_group/devices/" BDF);
	assert_string_equal(name, PHYSICAL);
	free(name);
	name = CALL(char *, "__realpath_chk", const char *, char *,
		    size_t)(DEVICE, buf, sizeof(buf));
	assert_string_equal(name, PHYSICAL);
	assert_string_equal(realpath("/dev/vfio/1", buf), GROUP);
	assert_null(realpath(DEVICE "/x", buf));
	assert_int_equal(errno, ENOENT);
}

/* ---- where we are ---- */

static void entered(const char *want)
{
	char buf[PATH_MAX], tight[64], *name;
	size_t len = strlen(want) + 1;

	assert_string_equal(getcwd(buf, sizeof(buf)), want);
	/* Just room for what is shown, though not for where it is. */
	assert_string_equal(getcwd(tight, len), want);
	errno = 0;
	assert_null(getcwd(tight, len - 1));
	assert_int_equal(errno, ERANGE);
	name = getcwd(NULL, 0);
	assert_string_equal(name, want);
	free(name);
	name = get_current_dir_name();
	assert_string_equal(name, want);
	free(name);
	assert_int_equal(syscall(SYS_getcwd, buf, sizeof(buf)), len);
	assert_string_equal(buf, want);
	name = CALL(char *, "__getcwd_chk", char *, size_t,
		    size_t)(buf, sizeof(buf), sizeof(buf));
	assert_string_equal(name, want);
	assert_string_equal(CALL(char *, "getwd", char *)(buf), want);
}

static void relative_names_work_where_we_are(void **state)
{
	char buf[PATH_MAX];
	ssize_t len;
	int fd;

	assert_int_equal(chdir(DEVICE), 0);
	entered(PHYSICAL);
	assert_int_equal(access("vendor", R_OK), 0);
	assert_int_equal(access("../../../bus/pci/devices/" BDF, F_OK), 0);
	/* The real ones, outside. */
	assert_int_equal(access("../../../kernel/mm", F_OK), 0);
	len = readlink("/proc/self/cwd", buf, sizeof(buf));
	assert_int_equal(len, strlen(PHYSICAL));
	assert_memory_equal(buf, PHYSICAL, len);

	assert_int_equal(chdir("../.."), 0);
	entered("/sys/devices");
	assert_int_equal(chdir("../bus"), 0);
	entered("/sys/bus");
	assert_int_equal(access("pci/devices/" BDF "/vendor", R_OK), 0);
	assert_int_equal(chdir("/dev/vfio"), 0);
	entered("/dev/vfio");
	fd = open("vfio", O_RDWR);
	assert_true(is_container(fd));
	close(fd);
	assert_int_equal(access("../null", W_OK), 0);

	fd = open("/sys", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fchdir(fd), 0);
	entered("/sys");
	assert_int_equal(access("bus/pci/devices/" BDF, F_OK), 0);
	close(fd);
	assert_int_equal(chdir("/"), 0);
	entered("/");
	assert_int_equal(access("sys/bus/pci/devices/" BDF, F_OK), 0);
}

static void relative_names_work_from_descriptors(void **state)
{
	int sys = open("/sys", O_RDONLY | O_DIRECTORY);
	int bus = openat(sys, "bus", O_RDONLY | O_DIRECTORY);
	int dev = open(DEVICE, O_RDONLY | O_DIRECTORY);
	int vfio = open("/dev/vfio", O_RDONLY | O_DIRECTORY), fd;
	DIR *dir = opendir("/sys/bus/pci/devices");

	assert_int_equal(faccessat(bus, "pci/devices/" BDF, F_OK, 0), 0);
	assert_int_equal(faccessat(dev, "../../pci0000:01", F_OK, 0), 0);
	assert_int_equal(faccessat(dev, "../../../kernel/mm", F_OK, 0), 0);
	fd = openat(vfio, "vfio", O_RDWR);
	assert_true(is_container(fd));
	close(fd);
	assert_int_equal(faccessat(dirfd(dir), BDF "/vendor", R_OK, 0), 0);
	assert_int_equal(
		faccessat(dirfd(dir), "../../usb/../pci/slots", F_OK, 0), 0);
	closedir(dir);
	close(vfio);
	close(dev);
	close(bus);
	close(sys);
}

/* ---- walks ---- */

static int matches(const char *pattern, int flags, const char *first)
{
	glob_t found;
	int n;

	if (glob(pattern, flags, NULL, &found))
		return 0;
	n = found.gl_pathc;
	if (first)
		assert_string_equal(found.gl_pathv[0], first);
	globfree(&found);
	return n;
}

static void glob_finds_and_shows_ours(void **state)
{
	assert_int_equal(matches(DEVICES "/*", 0, DEVICE), 1);
	assert_int_equal(matches(DEVICES "/*/vendor", 0, DEVICE "/vendor"), 1);
	assert_int_equal(matches("/dev/vfio/*", 0, GROUP), 2);
	assert_int_equal(matches("/dev/vfio/[0-9]*", 0, GROUP), 1);
	assert_int_equal(matches("/sys/bus/pci/dev*/0000:0?:*", 0, DEVICE), 1);
	assert_int_equal(
		matches("/sys/bus/{pci,none}/devices/*", GLOB_BRACE, DEVICE),
		1);
	assert_int_equal(
		matches("/sys/devices/virtual/iommu/dmar*/intel-iommu/cap", 0,
			"/sys/devices/virtual/iommu/dmar0/intel-iommu/cap"),
		1);
	assert_true(matches("/sys/kernel/mm*", 0, "/sys/kernel/mm") >= 1);
	assert_int_equal(matches("/etc/passw[d]", 0, "/etc/passwd"), 1);
	assert_int_equal(chdir("/sys/bus/pci/devices"), 0);
	assert_int_equal(matches("*", 0, BDF), 1);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(matches(DEVICES "/nothing*", 0, NULL), 0);
}

static unsigned int seen, seen_nodes;

static int see(const char *path, const struct stat *st, int what,
	       struct FTW *ftw)
{
	assert_true(!strncmp(path, "/sys/bus/pci", 12) ||
		    !strncmp(path, "/dev/vfio", 9));
	if (ftw)
		assert_ptr_equal(path + ftw->base, strrchr(path, '/') + 1);
	seen++;
	seen_nodes += S_ISCHR(st->st_mode);
	return 0;
}

static int see_plain(const char *path, const struct stat *st, int what)
{
	return see(path, st, what, NULL);
}

static void nftw_walks_and_shows_ours(void **state)
{
	seen = seen_nodes = 0;
	assert_int_equal(nftw("/dev/vfio", see, 8, FTW_PHYS), 0);
	assert_int_equal(seen, 3);
	assert_int_equal(seen_nodes, 2);
	seen = 0;
	assert_int_equal(nftw("/sys/bus/pci", see, 8, FTW_PHYS | FTW_CHDIR), 0);
	assert_true(seen > 6);
	seen = seen_nodes = 0;
	assert_int_equal(ftw("/dev/vfio", see_plain, 8), 0);
	assert_int_equal(seen_nodes, 2);
}

static void directories_list_ours_by_every_call(void **state)
{
	struct dirent **list;
	struct dirent *entry;
	DIR *dir;
	int n = 0;

	assert_int_equal(scandir(DEVICES, &list, NULL, alphasort), 3);
	assert_string_equal(list[2]->d_name, BDF);
	assert_int_equal(
		scandirat(at_root, DEVICES + 1, &list, NULL, alphasort), 3);
	assert_string_equal(list[2]->d_name, BDF);
	dir = opendir("/sys/kernel/iommu_groups");
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += !strcmp(entry->d_name, "1");
	assert_int_equal(n, 1);
	closedir(dir);
}

/* How often a real directory above lists @name. */
static int listed(DIR *dir, const char *name)
{
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		if (!strcmp(entry->d_name, name)) {
			assert_int_equal(entry->d_type, DT_DIR);
			n++;
		}
	return n;
}

static void real_directories_list_ours_once(void **state)
{
	DIR *dir = opendir("/sys/module"), *other = opendir("/sys/bus");
	int fd;

	assert_int_equal(listed(dir, "vfio_pci"), 1);
	assert_null(readdir(dir));
	rewinddir(dir);
	assert_int_equal(listed(dir, "vfio"), 1);
	assert_int_equal(listed(other, "pci"), 1);
	assert_int_equal(closedir(other), 0);
	assert_int_equal(closedir(dir), 0);
	fd = openat(at_root, "dev", O_RDONLY | O_DIRECTORY);
	dir = fdopendir(dup(fd));
	assert_int_equal(listed(dir, "vfio"), 1);
	assert_int_equal(closedir(dir), 0);
	close(fd);
	dir = opendir("/dev/vfio/..");
	assert_int_equal(listed(dir, "vfio"), 1);
	assert_int_equal(closedir(dir), 0);
	dir = opendir("/usr");
	assert_int_equal(listed(dir, "vfio"), 0);
	assert_int_equal(closedir(dir), 0);
}

static void entries_have_the_kind_of_nodes(void **state)
{
	DIR *dir = opendir("/dev/vfio");
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_type == DT_CHR;
	assert_int_equal(n, 2);
	rewinddir(dir);
	while ((entry = CALL(struct dirent *, "readdir64", DIR *)(dir)))
		n += entry->d_type == DT_CHR;
	assert_int_equal(n, 4);
	closedir(dir);
}

static void errno_and_other_paths_are_left_alone(void **state)
{
	int (*any_open)(const char *, int, ...) = open;
	const char *volatile nothing = NULL;
	char buf[PATH_MAX];
	struct stat st;

	errno = 1234;
	assert_int_equal(stat("/usr", &st), 0);
	assert_int_equal(access("/sys/kernel", F_OK), 0);
	assert_int_equal(access(DEVICE, F_OK), 0);
	assert_int_equal(chdir("/usr"), 0);
	assert_int_equal(access("bin", F_OK), 0);
	assert_int_equal(chdir("/"), 0);
	assert_non_null(getcwd(buf, sizeof(buf)));
	assert_int_equal(errno, 1234);
	/* NOLINTNEXTLINE: what is tested */
	assert_fails(any_open(nothing, O_RDONLY), EFAULT);
	assert_fails(stat("", &st), ENOENT);
}

static int open_root(void **state)
{
	at_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at_root < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_reaches_nodes_by_every_call),
		cmocka_unit_test(open_reaches_files_by_every_call),
		cmocka_unit_test(open_has_the_errors_of_device_nodes),
		cmocka_unit_test(files_of_the_tree_cannot_be_made_or_cut),
		cmocka_unit_test(cloexec_is_as_asked),
		cmocka_unit_test(o_path_is_a_path_and_no_container),
		cmocka_unit_test(proc_self_fd_opens_what_it_names),
		cmocka_unit_test(freopen_reaches_the_tree),
		cmocka_unit_test(stat_shows_nodes_by_every_call),
		cmocka_unit_test(stat_follows_proc_self_fd),
		cmocka_unit_test(statx_shows_nodes),
		cmocka_unit_test(file_systems_are_those_of_the_machine),
		cmocka_unit_test(rights_are_shown_by_every_call),
		cmocka_unit_test(links_are_relative_and_as_in_sysfs),
		cmocka_unit_test(descriptors_have_the_names_of_what_they_are),
		cmocka_unit_test(real_paths_are_those_of_sysfs),
		cmocka_unit_test(relative_names_work_where_we_are),
		cmocka_unit_test(relative_names_work_from_descriptors),
		cmocka_unit_test(glob_finds_and_shows_ours),
		cmocka_unit_test(nftw_walks_and_shows_ours),
		cmocka_unit_test(directories_list_ours_by_every_call),
		cmocka_unit_test(real_directories_list_ours_once),
		cmocka_unit_test(entries_have_the_kind_of_nodes),
		cmocka_unit_test(errno_and_other_paths_are_left_alone),
	};

	return cmocka_run_group_tests(tests, open_root, NULL);
}
