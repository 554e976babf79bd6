/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Descriptors of the simulation, and the system calls on them.
 *
 * As in a kernel a call holds the file for its length, so that a close by
 * another task is felt when the call is over.  The release of a file runs where
 * the last reference goes or at the end of the system call: which of the two,
 * the seed decides, since hosts differ in that.
 */
#include "engine.h"

#define MAX_FDS 64

struct port_file {
	const struct port_file_ops *ops;
	void *priv;
	unsigned int refs;
	loff_t pos;
	struct port_file *next; /* of those that are put later */
};

struct port_vma {
	struct port_file *file;
	u64 offset, size;
	unsigned int flags;
};

static struct {
	bool reserved;
	struct port_file *file;
} table[MAX_FDS];
struct list_head sim_nodes;

void sim_file_begin(void)
{
	memset(table, 0, sizeof(table));
	INIT_LIST_HEAD(&sim_nodes);
}

/* ---- the port ---- */

int port_fd_reserve(void)
{
	int fd;

	lock_assert_none_held();
	if (sim_fails(SIM_FD))
		return -EMFILE;
	for (fd = 3; fd < MAX_FDS; fd++) {
		if (table[fd].reserved)
			continue;
		table[fd].reserved = true;
		sim_count(SIM_COUNT_FDS, 1);
		return fd;
	}
	return -EMFILE;
}

static bool is_pending(int fd)
{
	return fd >= 0 && fd < MAX_FDS && table[fd].reserved && !table[fd].file;
}

void port_fd_cancel(int fd)
{
	sim_point();
	if (WARN_ON(!is_pending(fd)))
		return;
	table[fd].reserved = false;
	sim_count(SIM_COUNT_FDS, -1);
}

struct port_file *sim_file_new(const struct port_file_ops *ops, void *priv)
{
	struct port_file *file = sim_new(struct port_file);

	WARN_ON(!ops->release);
	file->ops = ops;
	file->priv = priv;
	file->refs = 1;
	sim_count(SIM_COUNT_FILES, 1);
	return file;
}

struct port_file *port_file_create(const char *name,
				   const struct port_file_ops *ops, void *priv)
{
	WARN_ON(!name);
	if (sim_fails(SIM_MEMORY))
		return ERR_PTR(-ENOMEM);
	return sim_file_new(ops, priv);
}

void port_fd_publish(int fd, struct port_file *file)
{
	if (WARN_ON(!is_pending(fd)))
		return;
	sim_release(file);
	table[fd].file = file;
	/* Somebody may use it, or close it, before the caller goes on. */
	sim_point();
}

struct port_file *sim_file_get(int fd)
{
	sim_point();
	if (fd < 0 || fd >= MAX_FDS || !table[fd].file)
		return ERR_PTR(-EBADF);
	table[fd].file->refs++;
	sim_acquire(table[fd].file);
	return table[fd].file;
}

struct port_file *port_file_get(int fd)
{
	lock_assert_none_held();
	return sim_file_get(fd);
}

static void release(struct port_file *file)
{
	sim_trace("the last reference of a %s goes", file->ops->name);
	file->ops->release(file->priv);
	sim_count(SIM_COUNT_FILES, -1);
	port_free(file);
}

void port_file_put(struct port_file *file)
{
	struct sim_task *self;

	sim_point();
	sim_release(file);
	if (WARN_ON(!file->refs) || --file->refs) {
		/* From here on it is not the caller's. */
		sim_point();
		return;
	}
	sim_acquire(file);
	self = sim_current();
	if (self->calls && sim_random(2)) {
		file->next = self->put_later;
		self->put_later = file;
		return;
	}
	release(file);
}

void sim_file_put_later(struct sim_task *task)
{
	struct port_file *file;

	while ((file = task->put_later)) {
		task->put_later = file->next;
		release(file);
	}
}

void *port_file_priv(struct port_file *file, const struct port_file_ops *ops)
{
	WARN_ON(!file->refs);
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

/* ---- system calls ---- */

void sim_call_begin(void)
{
	struct sim_task *self;

	sim_point();
	self = sim_current();
	if (!self->calls++)
		self->nr_reads = 0;
}

void sim_call_end(void)
{
	struct sim_task *self = sim_current();

	if (self->calls == 1) {
		lock_assert_none_held();
		sim_file_put_later(self);
		self->signalled = false;
	}
	self->calls--;
	sim_point();
}

int sim_file_open(const char *name, const struct port_file_ops *ops, void *priv)
{
	int fd = port_fd_reserve();

	if (fd >= 0)
		port_fd_publish(fd, sim_file_new(ops, priv));
	return fd;
}

static void release_nothing(void *priv)
{
}

int sim_open_other(void)
{
	static const struct port_file_ops other = {
		.name = "other",
		.release = release_nothing,
	};

	return sim_file_open("other", &other, &sim_nodes);
}

int sim_dup(int fd)
{
	struct port_file *file = port_file_get(fd);
	int new;

	if (IS_ERR(file))
		return PTR_ERR(file);
	new = port_fd_reserve();
	if (new < 0)
		port_file_put(file);
	else
		port_fd_publish(new, file);
	return new;
}

int sim_close(int fd)
{
	struct port_file *file;

	sim_call_begin();
	if (fd < 0 || fd >= MAX_FDS || !table[fd].file) {
		sim_call_end();
		return -EBADF;
	}
	file = table[fd].file;
	sim_trace("close of %d, %s", fd, file->ops->name);
	table[fd].file = NULL;
	table[fd].reserved = false;
	sim_count(SIM_COUNT_FDS, -1);
	port_file_put(file);
	sim_call_end();
	return 0;
}

long sim_ioctl_value(int fd, unsigned int cmd, unsigned long arg)
{
	struct port_file *file;
	long ret;

	sim_call_begin();
	file = port_file_get(fd);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
	} else {
		ret = -ENOTTY;
		sim_trace("%s of %d, %s", sim_cmd_name(file->ops->name, cmd),
			  fd, file->ops->name);
		if (file->ops->ioctl)
			ret = file->ops->ioctl(file->priv, cmd, arg);
		sim_trace("= %ld", ret);
		port_file_put(file);
	}
	sim_call_end();
	return ret;
}

long sim_ioctl(int fd, unsigned int cmd, void *arg)
{
	return sim_ioctl_value(fd, cmd, (uintptr_t)arg);
}

ssize_t sim_pread(int fd, void *buf, size_t len, loff_t pos)
{
	struct port_file *file;
	ssize_t ret;

	sim_call_begin();
	file = port_file_get(fd);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
	} else {
		ret = -EINVAL;
		sim_trace("read of %d, %zu at %#llx", fd, len,
			  (unsigned long long)pos);
		if (file->ops->read)
			ret = file->ops->read(file->priv, buf, len, &pos);
		sim_trace("= %zd", ret);
		port_file_put(file);
	}
	sim_call_end();
	return ret;
}

ssize_t sim_pwrite(int fd, const void *buf, size_t len, loff_t pos)
{
	struct port_file *file;
	ssize_t ret;

	sim_call_begin();
	file = port_file_get(fd);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
	} else {
		ret = -EINVAL;
		sim_trace("write of %d, %zu at %#llx", fd, len,
			  (unsigned long long)pos);
		if (file->ops->write)
			ret = file->ops->write(file->priv, buf, len, &pos);
		sim_trace("= %zd", ret);
		port_file_put(file);
	}
	sim_call_end();
	return ret;
}

static int map_file(struct port_vma *vma)
{
	struct port_file *file = vma->file;
	int ret = -EINVAL;

	sim_mm_lock(true);
	if (file->ops->mmap)
		ret = file->ops->mmap(file->priv, vma);
	sim_mm_unlock(true);
	return ret;
}

struct port_vma *sim_mmap(int fd, u64 off, u64 size, unsigned int flags)
{
	struct port_file *file;
	struct port_vma *vma;
	int ret;

	sim_call_begin();
	file = port_file_get(fd);
	if (IS_ERR(file)) {
		sim_call_end();
		return (void *)file;
	}
	vma = sim_new(struct port_vma);
	vma->file = file;
	vma->offset = off;
	vma->size = size;
	vma->flags = flags;
	sim_trace("mmap of %d, %#llx at %#llx", fd, (unsigned long long)size,
		  (unsigned long long)off);
	ret = map_file(vma);
	sim_trace("= %d", ret);
	if (ret) {
		port_file_put(file);
		port_free(vma);
		vma = ERR_PTR(ret);
	} else {
		sim_count(SIM_COUNT_VMAS, 1);
	}
	sim_call_end();
	return vma;
}

void sim_munmap(struct port_vma *vma)
{
	sim_call_begin();
	port_file_put(vma->file);
	port_free(vma);
	sim_count(SIM_COUNT_VMAS, -1);
	sim_call_end();
}
