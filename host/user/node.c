/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The nodes below /dev/vfio: "vfio", which makes containers, and one for each
 * group.  Their tree that programs see is made by run/; this is what opening
 * one means.
 */
#include "internal.h"

#include <fcntl.h>

#define CONTAINER_NODE "vfio"

struct node {
	struct list_head node; /* of nodes */
	int id;
	bool noiommu;
};

/* A leaf: the core adds and removes nodes with its locks held, and is called
 * to open one with this one free. */
static pthread_mutex_t node_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list_head nodes = { &nodes, &nodes }; /* node_lock */

static struct node *find_node(int id, bool noiommu)
{
	struct node *node;

	list_for_each_entry(node, &nodes, node) {
		if (node->id == id && node->noiommu == noiommu)
			return node;
	}
	return NULL;
}

int port_group_node_add(int id, bool noiommu)
{
	struct node *node = port_zalloc(sizeof(*node));
	int ret = 0;

	if (!node)
		return -ENOMEM;
	node->id = id;
	node->noiommu = noiommu;
	pthread_mutex_lock(&node_lock);
	if (WARN_ON(find_node(id, noiommu)))
		ret = -EEXIST;
	else
		list_add_tail(&node->node, &nodes);
	pthread_mutex_unlock(&node_lock);
	if (ret)
		port_free(node);
	return ret;
}

void port_group_node_del(int id, bool noiommu)
{
	struct node *node;

	pthread_mutex_lock(&node_lock);
	node = find_node(id, noiommu);
	if (!WARN_ON(!node))
		list_del(&node->node);
	pthread_mutex_unlock(&node_lock);
	port_free(node);
}

static void node_name(const struct node *node, char buf[FILE_NAME_LEN])
{
	snprintf(buf, FILE_NAME_LEN, "%s%d", node->noiommu ? "noiommu-" : "",
		 node->id);
}

/* Copies the node named @name; false when there is none. */
static bool find_by_name(const char *name, struct node *found)
{
	char other[FILE_NAME_LEN];
	struct node *node;
	bool is = false;

	pthread_mutex_lock(&node_lock);
	list_for_each_entry(node, &nodes, node) {
		node_name(node, other);
		is = !strcmp(name, other);
		if (is) {
			*found = *node;
			break;
		}
	}
	pthread_mutex_unlock(&node_lock);
	return is;
}

/* What opening it makes, for a descriptor to come. */
static struct port_file *open_container(const char *path)
{
	struct port_file *file;
	void *priv;
	int ret;

	ret = vfio_container_open(&priv);
	if (ret)
		return ERR_PTR(ret);
	file = port_file_create(path, &vfio_container_fops, priv);
	if (IS_ERR(file))
		vfio_container_fops.release(priv);
	return file;
}

static struct port_file *open_group(const struct node *node, const char *path)
{
	struct port_file *file;
	void *priv;
	int ret;

	ret = host_group_hold(node->id);
	if (ret)
		return ERR_PTR(ret);
	ret = vfio_group_open(node->id, node->noiommu, &priv);
	if (ret)
		goto err_let_go;
	file = port_file_create(path, &vfio_group_fops, priv);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_release;
	}
	file->held_group = node->id;
	return file;

err_release:
	vfio_group_fops.release(priv);
err_let_go:
	host_group_let_go(node->id);
	return ERR_PTR(ret);
}

int host_node_open(const char *name, int flags)
{
	bool is_container = !strcmp(name, CONTAINER_NODE);
	char path[FILE_NAME_LEN];
	struct node node = { .id = -1 };
	struct port_file *file;
	int fd;

	if (!is_container && !find_by_name(name, &node))
		return -ENOENT;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;

	/* The number first: what the open makes can then be published at once,
	 * and a full table has no effect. */
	snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	fd = host_fd_reserve(path, flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = is_container ? open_container(path) : open_group(&node, path);
	if (IS_ERR(file)) {
		port_fd_cancel(fd);
		fd = PTR_ERR(file);
	} else {
		port_fd_publish(fd, file);
	}
	lock_assert_none_held();
	return fd;
}

/* The @i-th group node; false when there are no more.  One at a time, so that
 * @fn of host_node_each() is called without the lock. */
static bool nth_name(unsigned int i, char name[FILE_NAME_LEN])
{
	struct node *node;
	bool found = false;

	pthread_mutex_lock(&node_lock);
	list_for_each_entry(node, &nodes, node) {
		if (i--)
			continue;
		node_name(node, name);
		found = true;
		break;
	}
	pthread_mutex_unlock(&node_lock);
	return found;
}

int host_node_each(int (*fn)(const char *name, void *data), void *data)
{
	int ret = fn(CONTAINER_NODE, data);
	char name[FILE_NAME_LEN];
	unsigned int i;

	for (i = 0; !ret && nth_name(i, name); i++)
		ret = fn(name, data);
	return ret;
}

/* Nodes are of groups, and those were the parent's. */
void host_node_after_fork(void)
{
	pthread_mutex_init(&node_lock, NULL);
	INIT_LIST_HEAD(&nodes);
}
