// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Event descriptors.
 *
 * A watch hooks into the eventfd's wait queue: the hook takes the count, and what
 * was asked for is called later from an ordered work queue, so never twice at
 * once. The file is held, not only its context, because a hook needs its queue.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "kernel.h"

struct port_eventfd {
	struct file *file;
	struct eventfd_ctx *ctx;
	refcount_t refs;
};

struct port_watch {
	struct port_eventfd *eventfd;
	void (*fn)(void *data);
	void *data;
	wait_queue_entry_t wait;
	wait_queue_head_t *head; /* of the eventfd */
	poll_table poll;
	struct work_struct work;
};

struct port_eventfd *port_eventfd_get(int fd)
{
	struct port_eventfd *eventfd;
	long ret;

	eventfd = kzalloc(sizeof(*eventfd), GFP_KERNEL_ACCOUNT);
	if (!eventfd)
		return ERR_PTR(-ENOMEM);
	eventfd->file = fget(fd);
	if (!eventfd->file) {
		ret = -EBADF;
		goto err_free;
	}
	eventfd->ctx = eventfd_ctx_fileget(eventfd->file);
	if (IS_ERR(eventfd->ctx)) {
		ret = PTR_ERR(eventfd->ctx);
		goto err_fput;
	}
	refcount_set(&eventfd->refs, 1);
	return eventfd;

err_fput:
	fput(eventfd->file);
err_free:
	kfree(eventfd);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(port_eventfd_get);

void port_eventfd_put(struct port_eventfd *eventfd)
{
	if (!refcount_dec_and_test(&eventfd->refs))
		return;
	eventfd_ctx_put(eventfd->ctx);
	fput(eventfd->file);
	kfree(eventfd);
}
EXPORT_SYMBOL_GPL(port_eventfd_put);

/* From any context, hard interrupts too. */
void port_eventfd_signal(struct port_eventfd *eventfd)
{
	compat_eventfd_signal(eventfd->ctx);
}
EXPORT_SYMBOL_GPL(port_eventfd_signal);

static void watch_work(struct work_struct *work)
{
	struct port_watch *watch = container_of(work, struct port_watch, work);

	watch->fn(watch->data);
}

/* Called with the wait queue's lock held, which is the eventfd's own. */
static int watch_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key)
{
	struct port_watch *watch = container_of(wait, struct port_watch, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(watch->eventfd->ctx, &count);
		schedule_work(&watch->work);
	}
	return 0;
}

static void watch_hook(struct file *file, wait_queue_head_t *head,
		       poll_table *poll)
{
	struct port_watch *watch = container_of(poll, struct port_watch, poll);

	watch->head = head;
	add_wait_queue(head, &watch->wait);
}

/* What was signalled before it was watched. */
static void watch_take(struct port_watch *watch)
{
	unsigned long flags;
	u64 count;

	spin_lock_irqsave(&watch->head->lock, flags);
	eventfd_ctx_do_read(watch->eventfd->ctx, &count);
	spin_unlock_irqrestore(&watch->head->lock, flags);
	if (count)
		schedule_work(&watch->work);
}

struct port_watch *port_eventfd_watch(struct port_eventfd *eventfd,
				      void (*fn)(void *data), void *data)
{
	struct port_watch *watch;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return ERR_PTR(-ENOMEM);
	watch->fn = fn;
	watch->data = data;
	watch->eventfd = eventfd;
	refcount_inc(&eventfd->refs);
	INIT_WORK(&watch->work, watch_work);
	init_waitqueue_func_entry(&watch->wait, watch_wake);
	init_poll_funcptr(&watch->poll, watch_hook);

	if (vfs_poll(eventfd->file, &watch->poll) & EPOLLIN)
		watch_take(watch);
	return watch;
}
EXPORT_SYMBOL_GPL(port_eventfd_watch);

void port_watch_cancel(struct port_watch *watch)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(watch->eventfd->ctx, &watch->wait,
				      &count);
	cancel_work_sync(&watch->work);
	port_eventfd_put(watch->eventfd);
	kfree(watch);
}
EXPORT_SYMBOL_GPL(port_watch_cancel);
