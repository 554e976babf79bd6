/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Threads of device models. */
#include "pci_device.h"

struct anyvfio_thread {
	struct anyvfio_device *dev;
	pthread_t id;
	void (*fn)(void *priv);
	void *priv;
};

static void *thread_main(void *data)
{
	struct anyvfio_thread *thread = data;

	thread->fn(thread->priv);
	return NULL;
}

int anyvfio_thread_start(struct anyvfio_device *dev, const char *name,
			 void (*fn)(void *priv), void *priv,
			 struct anyvfio_thread **thread)
{
	struct anyvfio_thread *new = port_zalloc(sizeof(*new));
	int ret;

	if (!new)
		return -ENOMEM;
	new->dev = dev;
	new->fn = fn;
	new->priv = priv;
	ret = host_thread_start(&new->id, name, thread_main, new);
	if (ret) {
		function_err(dev, "no thread for %s: %s", name, strerror(-ret));
		port_free(new);
		return ret;
	}
	*thread = new;
	return 0;
}

/* The thread may be waiting for the lock that the joining one has. */
void anyvfio_thread_join(struct anyvfio_thread *thread)
{
	struct anyvfio_device *dev = thread->dev;
	bool relock = function_locked() == dev;

	if (relock)
		function_unlock(dev);
	WARN_ON(pthread_join(thread->id, NULL));
	if (relock)
		function_lock(dev);
	port_free(thread);
}
