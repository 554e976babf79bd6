/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Event descriptors of the simulation.  A watch is a task of its own, as the
 * thread or the work item is on other hosts.
 */
#include "engine.h"

struct port_eventfd {
	unsigned int refs;
	u64 count;
};

struct port_watch {
	struct port_eventfd *eventfd;
	void (*fn)(void *data);
	void *data;
	struct sim_task *task;
	bool cancelled;
};

void sim_eventfd_begin(void)
{
}

static void put(struct port_eventfd *eventfd)
{
	if (!--eventfd->refs)
		port_free(eventfd);
}

static void eventfd_release(void *priv)
{
	put(priv);
}

static const struct port_file_ops eventfd_ops = {
	.name = "eventfd",
	.release = eventfd_release,
};

/* ---- the user's side ---- */

int sim_eventfd(void)
{
	struct port_eventfd *eventfd = sim_new(struct port_eventfd);
	int fd;

	eventfd->refs = 1;
	fd = sim_file_open("[eventfd]", &eventfd_ops, eventfd);
	if (fd < 0)
		port_free(eventfd);
	return fd;
}

static struct port_eventfd *find(int fd)
{
	struct port_eventfd *eventfd = port_eventfd_get(fd);

	if (IS_ERR(eventfd))
		sim_bug("%d is no eventfd", fd);
	return eventfd;
}

void sim_eventfd_write(int fd)
{
	struct port_eventfd *eventfd = find(fd);

	port_eventfd_signal(eventfd);
	port_eventfd_put(eventfd);
}

u64 sim_eventfd_read(int fd)
{
	struct port_eventfd *eventfd = find(fd);
	u64 count = eventfd->count;

	eventfd->count = 0;
	port_eventfd_put(eventfd);
	return count;
}

/* ---- the port ---- */

/* Under any lock: an eventfd's end is nobody's business but its own. */
struct port_eventfd *port_eventfd_get(int fd)
{
	struct port_file *file = sim_file_get(fd);
	struct port_eventfd *eventfd;

	if (IS_ERR(file))
		return ERR_PTR(-EBADF);
	eventfd = port_file_priv(file, &eventfd_ops);
	if (eventfd) {
		eventfd->refs++;
		sim_count(SIM_COUNT_EVENTFDS, 1);
	}
	port_file_put(file);
	return eventfd ?: ERR_PTR(-EINVAL);
}

void port_eventfd_put(struct port_eventfd *eventfd)
{
	sim_point();
	sim_count(SIM_COUNT_EVENTFDS, -1);
	put(eventfd);
}

void port_eventfd_signal(struct port_eventfd *eventfd)
{
	sim_point();
	sim_release(eventfd);
	eventfd->count++;
	sim_point();
}

static bool has_event(const struct sim_task *task, const void *on)
{
	const struct port_watch *watch = on;

	return watch->cancelled || watch->eventfd->count;
}

static void watch_task(void *data)
{
	struct port_watch *watch = data;

	for (;;) {
		sim_block(has_event, watch, "an event", 0);
		if (watch->cancelled)
			return;
		sim_acquire(watch->eventfd);
		watch->eventfd->count = 0;
		watch->fn(watch->data);
		lock_assert_none_held();
	}
}

struct port_watch *port_eventfd_watch(struct port_eventfd *eventfd,
				      void (*fn)(void *data), void *data)
{
	struct port_watch *watch;

	if (sim_fails(SIM_MEMORY))
		return ERR_PTR(-ENOMEM);
	watch = sim_new(struct port_watch);
	watch->eventfd = eventfd;
	watch->fn = fn;
	watch->data = data;
	eventfd->refs++;
	sim_count(SIM_COUNT_WATCHES, 1);
	watch->task = sim_spawn_daemon("a watch", watch_task, watch);
	return watch;
}

void port_watch_cancel(struct port_watch *watch)
{
	sim_point();
	if (WARN_ON(watch->task == sim_current()))
		return;
	watch->cancelled = true;
	sim_join(watch->task);
	put(watch->eventfd);
	port_free(watch);
	sim_count(SIM_COUNT_WATCHES, -1);
}
