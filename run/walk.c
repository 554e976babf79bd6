// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Calls that walk directories inside libc, where no wrapper is met.
 */
#include "preload.h"

/* ---- glob() can be given the calls it is to use ---- */

static void *glob_opendir(const char *path)
{
	return opendir(path);
}

static void *glob_readdir(void *dir)
{
	return readdir(dir);
}

static void glob_closedir(void *dir)
{
	closedir(dir);
}

static int glob_stat(const char *path, struct stat *st)
{
	return stat(path, st);
}

static int glob_lstat(const char *path, struct stat *st)
{
	return lstat(path, st);
}

/* The directory that holds all of @pattern's matches is one where names may
 * concern us. */
static bool pattern_concerns(const char *pattern)
{
	char dir[PATH_MAX];
	size_t len = strcspn(pattern, "*?[{~\\");
	struct path path;

	while (len && pattern[len - 1] != '/')
		len--;
	if (len >= sizeof(dir) - 1)
		return false;
	memcpy(dir, pattern, len);
	memcpy(dir + len, len ? "" : ".", len ? 1 : 2);
	resolve(&path, AT_FDCWD, dir);
	return path.kind == PATH_TREE || path.kind == PATH_ABOVE;
}

static int glob_ours(const char *pattern, int flags, glob_error_fn *error,
		     glob_t *globbed)
{
	int ret;

	globbed->gl_opendir = glob_opendir;
	globbed->gl_readdir = (void *)glob_readdir;
	globbed->gl_closedir = glob_closedir;
	globbed->gl_stat = (void *)glob_stat;
	globbed->gl_lstat = (void *)glob_lstat;
	ret = REAL(glob)(pattern, flags | GLOB_ALTDIRFUNC, error, globbed);
	globbed->gl_flags &= ~GLOB_ALTDIRFUNC;
	return ret;
}

#define GLOB(call)                                                           \
	WRAP(int, call,                                                      \
	     (const char *pattern, int flags, glob_error_fn *error,          \
	      glob_t *globbed))                                              \
	{                                                                    \
		if (!(flags & GLOB_ALTDIRFUNC) && pattern_concerns(pattern)) \
			return glob_ours(pattern, flags, error, globbed);    \
		return REAL(call)(pattern, flags, error, globbed);           \
	}

/* clang-format off */
GLOB(glob)
GLOB(glob64)
/* clang-format on */

/* ---- nftw() and ftw(): its names are cut as they pass ---- */

/* What the walk in progress in this thread is for; walks nest. */
struct walk {
	ftw_fn *fn;
	nftw_fn *nfn;
	size_t cut;
};

static __thread struct walk walk;

static int ftw_step(const char *path, const struct stat *st, int what)
{
	struct stat shown = *st;

	stat_reveal(-1, &shown);
	return walk.fn(path + walk.cut, &shown, what);
}

static int nftw_step(const char *path, const struct stat *st, int what,
		     struct FTW *ftw)
{
	struct FTW shown_at = *ftw;
	struct stat shown = *st;

	stat_reveal(-1, &shown);
	shown_at.base -= walk.cut;
	/* FTW_CHDIR may have moved us. */
	path_cwd_changed();
	return walk.nfn(path + walk.cut, &shown, what, &shown_at);
}

#define FTW(call)                                                  \
	WRAP(int, call, (const char *path, ftw_fn *fn, int depth)) \
	{                                                          \
		struct walk outer = walk;                          \
		struct path to;                                    \
		int ret;                                           \
                                                                   \
		resolve(&to, AT_FDCWD, path);                      \
		if (to.kind != PATH_TREE)                          \
			return REAL(call)(to.name, fn, depth);     \
		walk.fn = fn;                                      \
		walk.cut = path_shown(&to) - to.name;              \
		ret = REAL(call)(to.name, ftw_step, depth);        \
		walk = outer;                                      \
		return ret;                                        \
	}
#define NFTW(call)                                                             \
	WRAP(int, call, (const char *path, nftw_fn *fn, int depth, int flags)) \
	{                                                                      \
		struct walk outer = walk;                                      \
		struct path to;                                                \
		int ret;                                                       \
                                                                               \
		resolve(&to, AT_FDCWD, path);                                  \
		if (to.kind != PATH_TREE)                                      \
			return REAL(call)(to.name, fn, depth, flags);          \
		walk.nfn = fn;                                                 \
		walk.cut = path_shown(&to) - to.name;                          \
		ret = REAL(call)(to.name, nftw_step, depth, flags);            \
		walk = outer;                                                  \
		path_cwd_changed();                                            \
		return ret;                                                    \
	}

/* clang-format off */
FTW(ftw)
FTW(ftw64)
NFTW(nftw)
NFTW(nftw64)
/* clang-format on */
