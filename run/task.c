// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Answers, and tasks: see task.h. */
#include "task.h"

#include <stdlib.h>
#include <sys/socket.h>

/* ---- answers ---- */

/* One that does not take what it is sent has lost its place. */
void peer_send(struct peer *peer, const char *text)
{
	if (!peer->closed &&
	    send(peer->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		peer->closed = true;
}

void __printf(3, 4)
	peer_answer(struct peer *peer, int ret, const char *fmt, ...)
{
	char text[WIRE_MAX];
	va_list args;
	int len = snprintf(text, sizeof(text), "%d\n", ret);

	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, args);
	va_end(args);
	peer->asked = false;
	peer_send(peer, text);
}

static const char *explain(const struct task *task)
{
	if (task->job.event == HOST_ERROR && task->ret == -ENODEV)
		return "no program has it open";
	return task->ret ? strerror(-task->ret) : "";
}

static void answer_task(struct task *task)
{
	struct peer *peer = task->from;

	if (!peer)
		return;
	if (task->ret && !peer->ret)
		peer->ret = task->ret;
	if (!--peer->waiting)
		peer_answer(peer, peer->ret, "%s", explain(task));
}

/* ---- tasks ---- */

void peer_tell(struct peer *peer, unsigned int id, enum host_event event,
	       const char *name, const char *driver)
{
	char text[128];

	snprintf(text, sizeof(text), "%u %s %s %s", id, wire_events[event],
		 name, driver);
	peer_send(peer, text);
}

static enum host_event event_of(const struct task *task)
{
	if (!task->undo)
		return task->job.event;
	return task->job.event == HOST_BIND ? HOST_UNBIND : HOST_REMOVE;
}

/* @peer is asked for @task; without memory it is not waited for. */
void task_ask(struct server *s, struct task *task, struct peer *peer)
{
	struct debt *debt = calloc(1, sizeof(*debt));

	peer_tell(peer, debt ? task->id : 0, event_of(task),
		  bus_sysfs(s->bus, task->job.dev)->name, task->job.driver);
	if (!debt)
		return;
	debt->peer = peer;
	list_add_tail(&debt->node, &task->debts);
}

static void ask_all(struct server *s, struct task *task)
{
	struct peer *peer;

	list_for_each_entry(peer, &s->peers, node)
		if (peer->joined && !peer->closed)
			task_ask(s, task, peer);
}

bool task_is_exclusive(enum host_event event)
{
	return event != HOST_ERROR && event != HOST_SURPRISE;
}

static void finish(struct server *s, struct task *task);

static void start(struct server *s, struct task *task)
{
	task->queued = false;
	if (task_is_exclusive(task->job.event))
		task->job.dev->busy = true;
	task->job.dev->going |= task->job.event == HOST_REMOVE;
	ask_all(s, task);
	if (list_empty(&task->debts))
		finish(s, task);
}

void task_begin(struct server *s, const struct bus_job *job, struct peer *from)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task) {
		if (from && from->waiting)
			from->ret = -ENOMEM;
		else if (from)
			peer_answer(from, -ENOMEM, "%s", strerror(ENOMEM));
		return;
	}
	task->id = ++s->last_id;
	task->job = *job;
	task->from = from;
	/* The best of the answers is wanted, not the worst. */
	task->ret = job->event == HOST_ERROR ? -ENODEV : 0;
	INIT_LIST_HEAD(&task->debts);
	list_add_tail(&task->node, &s->tasks);
	if (from)
		from->waiting++;
	task->queued = job->event == HOST_ADD && job->dev->busy;
	if (!task->queued)
		start(s, task);
}

void task_begin_removal(struct server *s, struct bus_device *dev)
{
	struct bus_job job = { .event = HOST_REMOVE, .dev = dev };

	task_begin(s, &job, NULL);
}

static void end(struct task *task)
{
	answer_task(task);
	list_del(&task->node);
	free(task);
}

/* Of those who want @dev added one adds it, and the others find it there. */
static void start_next(struct server *s, struct bus_device *dev)
{
	struct task *task, *next;

	list_for_each_entry_safe(task, next, &s->tasks, node) {
		if (!task->queued || task->job.dev != dev)
			continue;
		if (dev->removed) {
			start(s, task);
			return;
		}
		end(task);
	}
}

static bool can_be_undone(enum host_event event)
{
	return event == HOST_BIND || event == HOST_ADD;
}

/* Nobody owes an answer any more. */
static void finish(struct server *s, struct task *task)
{
	struct bus_device *dev = task->job.dev;
	bool exclusive = task_is_exclusive(task->job.event);

	if (can_be_undone(task->job.event) && task->ret && !task->undo) {
		task->undo = true;
		ask_all(s, task);
		if (!list_empty(&task->debts))
			return;
	}
	if (exclusive && !task->undo)
		task->ret = bus_done(s->bus, &task->job);
	if (exclusive)
		dev->busy = dev->going = false;
	end(task);
	if (!exclusive)
		return;
	if (dev->pulled && !dev->removed)
		task_begin_removal(s, dev);
	else
		start_next(s, dev);
}

/* @peer has paid what it owes for @task, with @ret; false: it owed nothing.  Tasks
 * may begin by it, and end. */
bool task_pay(struct server *s, struct task *task, struct peer *peer, int ret)
{
	struct debt *debt;

	list_for_each_entry(debt, &task->debts, node) {
		if (debt->peer != peer)
			continue;
		list_del(&debt->node);
		free(debt);
		if (task->job.event == HOST_ERROR)
			task->ret = ret ? task->ret : 0;
		else if (ret && !task->ret)
			task->ret = ret;
		if (list_empty(&task->debts))
			finish(s, task);
		return true;
	}
	return false;
}
