/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The nodes below /dev/vfio in the simulation, and opening them. */
#include "engine.h"

struct node {
	struct list_head node;
	int id;
	bool noiommu;
};

static struct node *find_node(int id, bool noiommu)
{
	struct node *node;

	list_for_each_entry(node, &sim_nodes, node)
		if (node->id == id && node->noiommu == noiommu)
			return node;
	return NULL;
}

int port_group_node_add(int id, bool noiommu)
{
	struct node *node;

	if (sim_fails(SIM_NODE))
		return -ENOMEM;
	WARN_ON(find_node(id, noiommu));
	node = sim_new(struct node);
	node->id = id;
	node->noiommu = noiommu;
	list_add_tail(&node->node, &sim_nodes);
	sim_count(SIM_COUNT_NODES, 1);
	return 0;
}

void port_group_node_del(int id, bool noiommu)
{
	struct node *node = find_node(id, noiommu);

	if (WARN_ON(!node))
		return;
	list_del(&node->node);
	port_free(node);
	sim_count(SIM_COUNT_NODES, -1);
}

static int open_node(const struct port_file_ops *ops, int id, bool noiommu)
{
	void *priv;
	int fd, ret;

	fd = port_fd_reserve();
	if (fd < 0)
		return fd;
	if (ops == &vfio_container_fops)
		ret = vfio_container_open(&priv);
	else
		ret = vfio_group_open(id, noiommu, &priv);
	if (ret) {
		port_fd_cancel(fd);
		return ret;
	}
	port_fd_publish(fd, sim_file_new(ops, priv));
	return fd;
}

int sim_open_container(void)
{
	int fd;

	sim_call_begin();
	fd = open_node(&vfio_container_fops, 0, false);
	sim_trace("opens a container: %d", fd);
	sim_call_end();
	return fd;
}

int sim_open_group(int id, bool noiommu)
{
	int fd = -ENOENT;

	sim_call_begin();
	/* The node may go between the look and the open. */
	if (find_node(id, noiommu))
		fd = open_node(&vfio_group_fops, id, noiommu);
	sim_trace("opens group %d: %d", id, fd);
	sim_call_end();
	return fd;
}
