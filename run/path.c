// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Paths: see path.h.
 *
 * Almost every call of a program has a path that is none of our business, so
 * that is decided first, from a few bytes.  Relative names concern us only in
 * some directories; which those are is remembered when they are opened or
 * entered.  For descriptors that is a hint: one bit, verified when it is set.
 */
#include "path.h"
#include "sys.h"

#include <stdlib.h>

#define NODES "/dev/vfio"
#define WATCHED_FDS 4096
#define FD_LINK_MAX 32

/* CWD_NEAR: names in it are no concern of ours, but its parents may be. */
enum { CWD_UNKNOWN, CWD_PLAIN, CWD_NEAR, CWD_WATCHED };

const struct settings *path_settings;
static char root[PATH_MAX];
static size_t root_len;
static int cwd_state;
static u64 watched[WATCHED_FDS / 64];

void path_init(const char *dir, const struct settings *settings)
{
	root_len = strlen(dir);
	memcpy(root, dir, root_len + 1);
	smp_store_release(&path_settings, settings);
}

/* A descriptor that went through exec() is no longer ours, though it is still
 * named: "/memfd:/dev/vfio/7 (deleted)". */
static size_t reveal_inherited(char *name, size_t len)
{
	static const char head[] = "/memfd:", tail[] = " (deleted)";
	size_t skip = strlen(head), cut = strlen(tail);

	if (len < skip + cut || memcmp(name, head, skip) != 0 ||
	    memcmp(name + skip, NODES "/", strlen(NODES) + 1) != 0 ||
	    memcmp(name + len - cut, tail, cut) != 0)
		return len;
	len -= skip + cut;
	memmove(name, name + skip, len);
	name[len] = '\0';
	return len;
}

size_t path_reveal(char *name, size_t len)
{
	if (path_active())
		len = reveal_inherited(name, len);
	if (!path_active() || len < root_len ||
	    memcmp(name, root, root_len) != 0)
		return len;
	if (len == root_len) {
		name[0] = '/';
		name[1] = '\0';
		return 1;
	}
	if (name[root_len] != '/')
		return len;
	len -= root_len;
	memmove(name, name + root_len, len);
	name[len] = '\0';
	return len;
}

const char *path_shown(const struct path *path)
{
	return path->name + root_len;
}

/* ---- the table of the run's own directories ---- */

static bool starts_with(const char *name, size_t len, const char *head,
			size_t head_len)
{
	return len >= head_len && !memcmp(name, head, head_len) &&
	       (len == head_len || name[head_len] == '/');
}

static bool is_own(const char *name, size_t len)
{
	const struct settings *s = path_settings;
	unsigned int i;

	for (i = 0; i < s->nr_paths; i++)
		if (starts_with(name, len, s->paths[i].name, s->paths[i].len))
			return true;
	return false;
}

static bool is_above_own(const char *name, size_t len)
{
	const struct settings *s = path_settings;
	unsigned int i;

	for (i = 0; i < s->nr_paths; i++)
		if (starts_with(s->paths[i].name, s->paths[i].len, name, len))
			return true;
	return false;
}

/* The name in @above that leads to the @i-th of ours; 0: none does. */
static size_t child_of(const char *above, unsigned int i, const char **child)
{
	const struct settings_path *own = &path_settings->paths[i];
	size_t len = strlen(above);

	if (own->len <= len || !starts_with(own->name, own->len, above, len))
		return 0;
	*child = own->name + len + 1;
	return strchrnul(*child, '/') - *child;
}

bool path_next_child(const char *above, unsigned int *i,
		     char child[NAME_MAX + 1])
{
	const char *name, *other;
	unsigned int k, found;
	size_t len;

	while (*i < path_settings->nr_paths) {
		found = (*i)++;
		len = child_of(above, found, &name);
		if (!len || len > NAME_MAX)
			continue;
		for (k = 0; k < found; k++)
			if (child_of(above, k, &other) == len &&
			    !memcmp(name, other, len))
				break;
		if (k < found)
			continue;
		memcpy(child, name, len);
		child[len] = '\0';
		return true;
	}
	return false;
}

const struct settings_node *path_node(dev_t dev, mode_t mode, ino_t ino)
{
	const struct settings *s = path_settings;
	unsigned int i;

	if (!path_active() || dev != s->dev || !S_ISSOCK(mode))
		return NULL;
	for (i = 0; i < s->nr_nodes; i++)
		if (s->nodes[i].ino == ino)
			return &s->nodes[i];
	return NULL;
}

/* ---- walking a path ---- */

/* From a few bytes: false for almost all absolute paths there are. */
static bool may_concern(const char *name)
{
	const char *p = name;

	while (*p == '/' || (p[0] == '.' && p[1] == '/'))
		p++;
	return !*p || !strncmp(p, "sys", 3) || !strncmp(p, "dev", 3) ||
	       !strncmp(p, "proc", 4) || strstr(name, "/..");
}

/* The number at the end of "/proc/self/fd/7" and its kin, or -1. */
static int parse_fd_name(const char *name)
{
	static const char *const dirs[] = { "/proc/self", "/proc/thread-self",
					    "/dev" };
	const char *number = strstr(name, "/fd/");
	unsigned int i;
	char *end;
	long fd;

	if (!number || number[4] < '0' || number[4] > '9')
		return -1;
	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		if (strlen(dirs[i]) == (size_t)(number - name) &&
		    !memcmp(name, dirs[i], number - name))
			break;
	if (i == ARRAY_SIZE(dirs) &&
	    (strncmp(name, "/proc/", 6) != 0 ||
	     strtol(name + 6, &end, 10) != sys_getpid() || end != number))
		return -1;
	fd = strtol(number + 4, &end, 10);
	return *end || fd > INT_MAX ? -1 : fd;
}

/* A lexical walk ended at @name, in none of our directories. */
static void classify_foreign(struct path *path, const char *name, size_t len)
{
	if (!len || is_above_own(name, len)) {
		path->kind = PATH_ABOVE;
	} else if (!strcmp(name, "/dev/kvm")) {
		path->kind = PATH_KVM;
	} else {
		path->fd = parse_fd_name(name);
		if (path->fd >= 0)
			path->kind = PATH_FD;
	}
}

/* One step of a lexical walk: @len of @name, up to the next component of
 * @rest; false when it does not fit. */
static bool step(char *name, size_t *len, const char **rest)
{
	const char *part;
	size_t part_len;

	while (**rest == '/')
		(*rest)++;
	part = *rest;
	part_len = strchrnul(part, '/') - part;
	*rest += part_len;
	if (!part_len || (part_len == 1 && part[0] == '.'))
		return true;
	if (part_len == 2 && part[0] == '.' && part[1] == '.') {
		while (*len && name[--*len] != '/')
			;
	} else {
		if (root_len + *len + part_len + 2 > PATH_MAX)
			return false;
		name[(*len)++] = '/';
		memcpy(name + *len, part, part_len);
		*len += part_len;
	}
	name[*len] = '\0';
	return true;
}

/* Where the kernel says the directory @name of the tree is: the program's name
 * for it, or -1. */
static ssize_t physical(const char *name, char *out)
{
	char link[FD_LINK_MAX];
	ssize_t len;
	int fd;

	fd = syscall6(SYS_openat, AT_FDCWD, (long)name,
		      O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = sys_readlink(link, out, PATH_MAX - 1);
	sys_close(fd);
	if (len < 0)
		return -1;
	out[len] = '\0';
	return path_reveal(out, len);
}

/*
 * The walk came to one of our directories: path->buf is its name in the tree,
 * @len long, and @rest what follows.  Goes on, leaving names to the kernel, up
 * to the first "..".  Its own name is then where the walk goes on from.
 */
static bool enter_tree(struct path *path, size_t *len, const char **rest)
{
	const char *dotdot = *rest;
	char name[PATH_MAX];
	ssize_t out;

	while ((dotdot = strstr(dotdot, "/..")) && dotdot[3] &&
	       dotdot[3] != '/')
		dotdot += 3;
	out = dotdot ? dotdot - *rest : (ssize_t)strlen(*rest);
	if (*len + out + 1 > PATH_MAX)
		return false;
	memcpy(path->buf + *len, *rest, out);
	path->buf[*len + out] = '\0';
	*len += out;
	*rest += out;
	if (!dotdot)
		return true;

	out = physical(path->buf, name);
	if (out < 0 || root_len + out + 1 > PATH_MAX)
		return false;
	memcpy(path->buf + root_len, name, out + 1);
	*len = root_len + out;
	return true;
}

/* The path ends inside the tree, with path->buf as its name there. */
static void classify_own(struct path *path)
{
	const char *node = path->buf + root_len;

	path->kind = PATH_TREE;
	path->name = path->buf;
	path->dirfd = AT_FDCWD;
	if (strncmp(node, NODES "/", sizeof(NODES)) != 0)
		return;
	node += sizeof(NODES);
	while (*node == '/' || (node[0] == '.' && node[1] == '/'))
		node++;
	if (*node && strcmp(node, ".") != 0 && !strchr(node, '/')) {
		path->kind = PATH_NODE;
		path->node = node;
	}
}

/* The walk left the tree for the directory @name, which the kernel would not
 * find by the way it came: @out is a way it can go, *@rest the rest of it. */
static bool leave_tree(char out[PATH_MAX], const char *name, size_t len,
		       const char **rest)
{
	size_t rest_len = strlen(*rest);

	if (len + rest_len + 1 > PATH_MAX)
		return false;
	memmove(out + len, *rest, rest_len + 1);
	memcpy(out, name, len);
	*rest = out + len;
	return true;
}

static void walk(struct path *path, const char *rest)
{
	char out[PATH_MAX], *name = path->buf + root_len;
	bool in_tree = false, left = false;
	size_t len = 0, tree_len;

	memcpy(path->buf, root, root_len);
	name[0] = '\0';
	while (*rest) {
		if (!step(name, &len, &rest))
			return;
		if (is_own(name, len)) {
			tree_len = root_len + len;
			if (!enter_tree(path, &tree_len, &rest))
				return;
			if (!*rest) {
				classify_own(path);
				return;
			}
			len = tree_len - root_len;
			in_tree = true;
		} else if (in_tree) {
			if (!leave_tree(out, name, len, &rest))
				return;
			in_tree = false;
			left = true;
		}
	}
	classify_foreign(path, name, len);
	if (left) {
		path->dirfd = AT_FDCWD;
		memcpy(path->buf, out, strlen(out) + 1);
		path->name = *out ? path->buf : "/";
	}
}

/* ---- where relative names start ---- */

/* The program's name for the directory @link is a link to, and a slash. */
static ssize_t directory_name(const char *link, char *buf)
{
	ssize_t len;

	buf[0] = '\0';
	len = sys_readlink(link, buf, PATH_MAX - 2);
	if (len <= 0 || buf[0] != '/')
		return -1;
	buf[len] = '\0';
	len = path_reveal(buf, len);
	buf[len++] = '/';
	buf[len] = '\0';
	return len;
}

/* @dir ends in a slash. */
static bool concerns(const char *dir)
{
	struct path path;

	path.kind = PATH_PLAIN;
	walk(&path, dir);
	return path.kind == PATH_ABOVE || path.kind == PATH_TREE;
}

static int look_at_cwd(void)
{
	char dir[PATH_MAX];
	int state = CWD_PLAIN;

	if (directory_name("/proc/self/cwd", dir) > 0) {
		if (concerns(dir))
			state = CWD_WATCHED;
		else if (!strncmp(dir, "/sys/", 5) || !strncmp(dir, "/dev/", 5))
			state = CWD_NEAR;
	}
	WRITE_ONCE(cwd_state, state);
	return state;
}

void path_cwd_changed(void)
{
	WRITE_ONCE(cwd_state, CWD_UNKNOWN);
}

static bool fd_watched(int fd)
{
	return fd >= 0 && fd < WATCHED_FDS &&
	       READ_ONCE(watched[fd / 64]) >> fd % 64 & 1;
}

static void set_watched(int fd, bool watch)
{
	u64 bit = 1ull << fd % 64;

	if (likely(watch == fd_watched(fd)) || fd < 0 || fd >= WATCHED_FDS)
		return;
	if (watch)
		__atomic_fetch_or(&watched[fd / 64], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&watched[fd / 64], ~bit, __ATOMIC_RELAXED);
}

void path_watch_fd(int fd, enum path_kind kind)
{
	set_watched(fd, kind == PATH_ABOVE || kind == PATH_TREE);
}

void path_copied_fd(int old, int new)
{
	set_watched(new, fd_watched(old));
}

bool path_above_fd(int fd, char *name)
{
	char link[FD_LINK_MAX];
	ssize_t len;

	if (!fd_watched(fd))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = directory_name(link, name);
	while (len > 0 && name[len - 1] == '/')
		name[--len] = '\0';
	return len >= 0 && !is_own(name, len) && is_above_own(name, len);
}

static void resolve_relative(struct path *path, int dirfd, const char *name)
{
	char full[PATH_MAX], link[FD_LINK_MAX] = "/proc/self/cwd";
	size_t size = strlen(name) + 1;
	ssize_t len;

	if (dirfd != AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	len = directory_name(link, full);
	if (len < 0 || len + size > PATH_MAX)
		return;
	memcpy(full + len, name, size);
	walk(path, full);
}

/* Names in @dirfd may concern us, or @name leaves it for where they may. */
static bool is_watched(int dirfd, const char *name)
{
	bool up = name[0] == '.' && name[1] == '.' &&
		  (!name[2] || name[2] == '/');
	int state;

	if (dirfd != AT_FDCWD)
		return up || fd_watched(dirfd);
	state = READ_ONCE(cwd_state);
	if (unlikely(state == CWD_UNKNOWN))
		state = look_at_cwd();
	return state == CWD_WATCHED || (up && state == CWD_NEAR);
}

void path_resolve(struct path *path, int dirfd, const char *name)
{
	path->kind = PATH_PLAIN;
	path->dirfd = dirfd;
	path->name = name;
	if (!path_active() || !name || !name[0])
		return;
	if (name[0] == '/') {
		if (may_concern(name))
			walk(path, name);
	} else if (is_watched(dirfd, name)) {
		resolve_relative(path, dirfd, name);
	}
}
