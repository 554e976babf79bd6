/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the server share: its connections (server.c), and tasks
 * (task.c).
 *
 * A task is one thing that happens to one device.  Each program that has joined
 * is asked to do it, and owes an answer; a program that ends owes nothing any
 * more.  With the last answer the task is done here, too, and then who wanted
 * it is answered.
 */
#ifndef ANYVFIO_RUN_TASK_H
#define ANYVFIO_RUN_TASK_H

#include "server.h"
#include "wire.h"

/**
 * struct peer - a connection
 * @joined: a program that is told of everything
 * @waiting: tasks that its request is about and that are not done
 * @ret: the answer, once they are
 * @closed: to be freed
 */
struct peer {
	struct list_head node;
	int fd;
	bool joined;
	bool asked;
	unsigned int waiting;
	int ret;
	bool closed;
};

/**
 * struct task - see above
 * @id:   what answers say
 * @from: who wanted it, or NULL
 * @ret:  the first error, or for HOST_ERROR the best answer
 * @undo: a program could not bind or add: the others let go again
 * @queued: HOST_ADD, and the device is still being removed
 */
struct task {
	struct list_head node;
	unsigned int id;
	struct bus_job job;
	struct peer *from;
	int ret;
	bool undo;
	bool queued;
	struct list_head debts;
};

struct debt {
	struct list_head node;
	struct peer *peer;
};

struct server {
	struct bus *bus;
	int listener;
	int stop; /* an eventfd */
	bool running;
	pthread_t thread;
	struct list_head peers;
	struct list_head tasks;
	unsigned int last_id;
	struct bus_job *jobs; /* room for bus_write() */
	char buf[WIRE_MAX];
};

/* One that does not take what it is sent has lost its place. */
void peer_send(struct peer *peer, const char *text);
void __printf(3, 4)
	peer_answer(struct peer *peer, int ret, const char *fmt, ...);
void peer_tell(struct peer *peer, unsigned int id, enum host_event event,
	       const char *name, const char *driver);

/* One at a time of these happens to a device. */
bool task_is_exclusive(enum host_event event);
/* @from is answered once it is done; NULL: nobody wants to know. */
void task_begin(struct server *s, const struct bus_job *job, struct peer *from);
void task_begin_removal(struct server *s, struct bus_device *dev);
/* @peer, which has just joined, is asked for @task; without memory it is not
 * waited for. */
void task_ask(struct server *s, struct task *task, struct peer *peer);
/* @peer has paid what it owes for @task, with @ret; false: it owed nothing.  Tasks
 * may begin by it, and end. */
bool task_pay(struct server *s, struct task *task, struct peer *peer, int ret);

#endif /* ANYVFIO_RUN_TASK_H */
