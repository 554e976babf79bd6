/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Open descriptions: what all numbers made by one open share, and the system
 * calls on them.
 */
#include "internal.h"
#include "sys.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

/* As much as one read(2) or write(2) does, in whole pages. */
#define MAX_LEN ((size_t)0x7ffff000)

/* ---- their memory: made in chunks, used again, given back at the end ---- */

#define CHUNK_FILES 32

struct chunk {
	struct chunk *next;
	struct port_file files[CHUNK_FILES];
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *chunks; /* pool_lock */
static struct port_file *unused; /* pool_lock */

static bool add_chunk(void)
{
	struct chunk *chunk = port_zalloc(sizeof(*chunk));
	unsigned int i;

	if (!chunk)
		return false;
	for (i = 0; i < CHUNK_FILES; i++) {
		chunk->files[i].free = unused;
		unused = &chunk->files[i];
	}
	chunk->next = chunks;
	smp_store_release(&chunks, chunk);
	return true;
}

static struct port_file *alloc_file(void)
{
	struct port_file *file = NULL;

	pthread_mutex_lock(&pool_lock);
	if (unused || add_chunk()) {
		file = unused;
		unused = file->free;
	}
	pthread_mutex_unlock(&pool_lock);
	return file;
}

static void free_file(struct port_file *file)
{
	pthread_mutex_lock(&pool_lock);
	file->free = unused;
	unused = file;
	pthread_mutex_unlock(&pool_lock);
}

static bool is_used(const struct chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < CHUNK_FILES; i++)
		if (refcount_read(&chunk->files[i].refs))
			return true;
	return false;
}

void host_file_free(void)
{
	struct chunk *chunk;

	while ((chunk = chunks)) {
		WARN_ON(is_used(chunk));
		chunks = chunk->next;
		port_free(chunk);
	}
	unused = NULL;
}

/* ---- the port ---- */

/* Stands for every description that is not ours; not counted.  It has no
 * operations, so that port_file_priv() of it is NULL. */
static struct port_file foreign;

/* With the reference that port_fd_publish() takes over. */
struct port_file *port_file_create(const char *name,
				   const struct port_file_ops *ops, void *priv)
{
	struct port_file *file = alloc_file();

	if (!file)
		return ERR_PTR(-ENOMEM);
	file->ops = ops;
	file->priv = priv;
	file->held_group = -1;
	file->pos = 0;
	mutex_init(&file->pos_lock);
	strscpy(file->name, name, sizeof(file->name));
	refcount_set(&file->refs, 1);
	return file;
}

/* Asks the kernel too: the program may have closed @fd without our knowing, and
 * what is not ours need not be open at all. */
struct port_file *port_file_get(int fd)
{
	struct port_file *file;

	lock_assert_none_held();
	file = host_fd_get(fd);
	if (sys_fcntl(fd, F_GETFD, 0) < 0 ||
	    (!file && host_fd_is_internal(fd))) {
		if (file) {
			host_fd_stale(fd, file);
			port_file_put(file);
		}
		return ERR_PTR(-EBADF);
	}
	return file ? file : &foreign;
}

/* The last reference may be anybody's: the program's close(), a call that was
 * still going on, an munmap().  No lock of these files is held. */
void port_file_put(struct port_file *file)
{
	if (file == &foreign || !refcount_dec_and_test(&file->refs))
		return;
	file->ops->release(file->priv);
	if (file->held_group >= 0)
		host_group_let_go(file->held_group);
	mutex_destroy(&file->pos_lock);
	free_file(file);
}

void *port_file_priv(struct port_file *file, const struct port_file_ops *ops)
{
	return file->ops == ops ? file->priv : NULL;
}

u64 port_vma_offset(const struct port_vma *vma)
{
	return vma->offset;
}

u64 port_vma_size(const struct port_vma *vma)
{
	return vma->size;
}

unsigned int port_vma_flags(const struct port_vma *vma)
{
	return vma->flags;
}

/* ---- calls ---- */

/* The end of each call: what it was made on, and no lock, is left behind. */
static void end_call(struct port_file *file)
{
	port_file_put(file);
	lock_assert_none_held();
}

/* Commands that mean the number or the kernel's own flags. */
static bool is_generic(unsigned int cmd)
{
	return cmd == FIOCLEX || cmd == FIONCLEX || cmd == FIONBIO;
}

long host_fd_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	struct port_file *file = host_fd_get(fd);
	long ret = -ENOTTY;

	if (!file)
		return -EBADF;
	if (unlikely(is_generic(cmd)))
		ret = sys_ioctl(fd, cmd, arg);
	else if (file->ops->ioctl)
		ret = file->ops->ioctl(file->priv, cmd, arg);
	end_call(file);
	return ret;
}

/* @pos is the caller's own, or the description's with pos_lock held. */
static ssize_t do_read(struct port_file *file, void *buf, size_t len,
		       loff_t *pos)
{
	if (!file->ops->read || *pos < 0)
		return -EINVAL;
	return file->ops->read(file->priv, buf, min(len, MAX_LEN), pos);
}

static ssize_t do_write(struct port_file *file, const void *buf, size_t len,
			loff_t *pos)
{
	if (!file->ops->write || *pos < 0)
		return -EINVAL;
	return file->ops->write(file->priv, buf, min(len, MAX_LEN), pos);
}

ssize_t host_fd_pread(int fd, void *buf, size_t len, off_t pos)
{
	struct port_file *file = host_fd_get(fd);
	ssize_t ret;

	if (!file)
		return -EBADF;
	ret = do_read(file, buf, len, &pos);
	end_call(file);
	return ret;
}

ssize_t host_fd_pwrite(int fd, const void *buf, size_t len, off_t pos)
{
	struct port_file *file = host_fd_get(fd);
	ssize_t ret;

	if (!file)
		return -EBADF;
	ret = do_write(file, buf, len, &pos);
	end_call(file);
	return ret;
}

ssize_t host_fd_read(int fd, void *buf, size_t len)
{
	struct port_file *file = host_fd_get(fd);
	ssize_t ret;

	if (!file)
		return -EBADF;
	mutex_lock(&file->pos_lock);
	ret = do_read(file, buf, len, &file->pos);
	mutex_unlock(&file->pos_lock);
	end_call(file);
	return ret;
}

ssize_t host_fd_write(int fd, const void *buf, size_t len)
{
	struct port_file *file = host_fd_get(fd);
	ssize_t ret;

	if (!file)
		return -EBADF;
	mutex_lock(&file->pos_lock);
	ret = do_write(file, buf, len, &file->pos);
	mutex_unlock(&file->pos_lock);
	end_call(file);
	return ret;
}

/* Where a description has no end; what can be neither read nor written has no
 * position either. */
static off_t do_lseek(struct port_file *file, off_t off, int whence)
{
	lockdep_assert_held(&file->pos_lock);

	if (!file->ops->read && !file->ops->write)
		return -ESPIPE;
	if (whence == SEEK_CUR) {
		if (check_add_overflow(file->pos, off, &off))
			return -EOVERFLOW;
	} else if (whence != SEEK_SET) {
		return -EINVAL;
	}
	if (off < 0)
		return -EINVAL;
	file->pos = off;
	return off;
}

off_t host_fd_lseek(int fd, off_t off, int whence)
{
	struct port_file *file = host_fd_get(fd);
	off_t ret;

	if (!file)
		return -EBADF;
	mutex_lock(&file->pos_lock);
	ret = do_lseek(file, off, whence);
	mutex_unlock(&file->pos_lock);
	end_call(file);
	return ret;
}

/* The checks a kernel makes before it asks the driver, with its errors. */
static int init_vma(struct port_vma *vma, size_t len)
{
	int type = vma->map_flags & MAP_TYPE;

	if (!len || !IS_ALIGNED(vma->offset, PAGE_SIZE))
		return -EINVAL;
	if (vma->map_flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) &&
	    !IS_ALIGNED((uintptr_t)vma->hint, PAGE_SIZE))
		return -EINVAL;
	vma->size = ALIGN(len, PAGE_SIZE);
	if (!vma->size)
		return -ENOMEM;
	if (vma->offset + vma->size < vma->offset)
		return -EOVERFLOW;
	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE)
		vma->flags |= PORT_VMA_SHARED;
	else if (type != MAP_PRIVATE)
		return -EINVAL;
	if (vma->prot & PROT_READ)
		vma->flags |= PORT_VMA_READ;
	if (vma->prot & PROT_WRITE)
		vma->flags |= PORT_VMA_WRITE;
	return 0;
}

void *host_fd_mmap(void *addr, size_t len, int prot, int flags, int fd,
		   off_t off)
{
	struct port_file *file = host_fd_get(fd);
	struct port_vma vma = { .file = file,
				.offset = off,
				.hint = addr,
				.prot = prot,
				.map_flags = flags };
	int ret;

	if (!file)
		return ERR_PTR(-EBADF);
	ret = init_vma(&vma, len);
	if (!ret)
		ret = file->ops->mmap ? file->ops->mmap(file->priv, &vma)
				      : -EINVAL;
	/* An mmap that succeeds has called host_vma_map(). */
	if (!ret && WARN_ON(!vma.addr))
		ret = -EINVAL;
	end_call(file);
	return ret ? ERR_PTR(ret) : vma.addr;
}

/* ---- what a program sees of one ---- */

ssize_t host_fd_path(int fd, char *buf, size_t size)
{
	struct port_file *file = host_fd_get(fd);
	char path[FILE_NAME_LEN + 16];
	ssize_t len;

	if (!file)
		return -EBADF;
	len = snprintf(path, sizeof(path), "%s%s",
		       file->name[0] == '[' ? "anon_inode:" : "", file->name);
	/* As readlink(2): cut, and without an end. */
	len = min_t(size_t, len, size);
	memcpy(buf, path, len);
	end_call(file);
	return len;
}

/* The numbers of the nodes below /dev/vfio: one is assigned for good, the other
 * of the range that kernels give out on demand. */
#define CONTAINER_DEV makedev(10, 196)
#define GROUP_MAJOR 511

void host_fd_stat(int fd, struct stat *st)
{
	struct port_file *file = host_fd_get(fd);
	const char *id;

	if (!file)
		return;
	st->st_size = 0;
	st->st_blocks = 0;
	st->st_nlink = 1;
	id = strpbrk(file->name, "0123456789");
	if (!strcmp(file->name, "/dev/vfio/vfio")) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = CONTAINER_DEV;
	} else if (file->name[0] == '/' && id) {
		st->st_mode = S_IFCHR | 0600;
		st->st_rdev = makedev(GROUP_MAJOR, strtoul(id, NULL, 10));
	} else {
		/* An anonymous inode has no type. */
		st->st_mode = 0600;
		st->st_rdev = 0;
	}
	end_call(file);
}

/* ---- the child of a fork ---- */

static void dead_release(void *priv)
{
}

static long dead_ioctl(void *priv, unsigned int cmd, unsigned long arg)
{
	return -ENODEV;
}

static ssize_t dead_read(void *priv, char __user *buf, size_t len, loff_t *pos)
{
	return -ENODEV;
}

static ssize_t dead_write(void *priv, const char __user *buf, size_t len,
			  loff_t *pos)
{
	return -ENODEV;
}

static int dead_mmap(void *priv, struct port_vma *vma)
{
	return -ENODEV;
}

static const struct port_file_ops dead_fops = {
	.name = "dead",
	.release = dead_release,
	.ioctl = dead_ioctl,
	.read = dead_read,
	.write = dead_write,
	.mmap = dead_mmap,
};

/*
 * What the parent had open stays a description, with nothing behind it.  Some of
 * its references belong to threads that do not exist here: it is given more
 * than can go, and never ends.
 */
static void make_dead(struct port_file *file)
{
	if (!refcount_read(&file->refs))
		return;
	file->ops = &dead_fops;
	file->priv = NULL;
	file->held_group = -1;
	mutex_init(&file->pos_lock);
	refcount_set(&file->refs, INT32_MAX / 2);
}

void host_file_after_fork(void)
{
	struct chunk *chunk;
	unsigned int i;

	pthread_mutex_init(&pool_lock, NULL);
	unused = NULL;
	for (chunk = chunks; chunk; chunk = chunk->next) {
		for (i = 0; i < CHUNK_FILES; i++) {
			make_dead(&chunk->files[i]);
			if (refcount_read(&chunk->files[i].refs))
				continue;
			chunk->files[i].free = unused;
			unused = &chunk->files[i];
		}
	}
}
