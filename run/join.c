// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A program that uses devices hears from the launcher what happens to them: a
 * thread does it to the devices in this process, and answers.
 *
 * What waits for the program is done in a thread of its own, so that the next
 * event is heard meanwhile.  The connection ends with the process.
 */
#include "preload.h"
#include "sys.h"
#include "wire.h"

#include <stdlib.h>

#define WORD "%31s"

struct event {
	unsigned int id;
	enum host_event what;
	char name[WIRE_WORD + 1];
	char driver[WIRE_WORD + 1];
};

static int connection = -1;

/* False: it is "go". */
static bool parse(const char *text, struct event *event)
{
	char word[WIRE_WORD + 1];
	unsigned int i;

	memset(event, 0, sizeof(*event));
	if (sscanf(text, "%u " WORD " " WORD " " WORD, &event->id, word,
		   event->name, event->driver) < 3)
		return false;
	for (i = 0; i < WIRE_EVENTS; i++)
		if (!strcmp(word, wire_events[i]))
			event->what = i;
	return true;
}

static void act(const struct event *event)
{
	int ret = host_event(event->what, event->name, event->driver);
	char text[64];

	if (!event->id)
		return;
	snprintf(text, sizeof(text), "%u %d", event->id, ret);
	wire_send_text(connection, text);
}

static void *act_thread(void *data)
{
	act(data);
	free(data);
	return NULL;
}

static void act_apart(const struct event *event)
{
	struct event *copy = malloc(sizeof(*copy));
	pthread_t thread;

	if (copy)
		*copy = *event;
	if (copy &&
	    !host_thread_start(&thread, "anyvfio-unbind", act_thread, copy)) {
		pthread_detach(thread);
		return;
	}
	free(copy);
	act(event);
}

static void *join_thread(void *buf)
{
	struct event event;

	while (wire_receive(connection, buf) > 0) {
		if (!parse(buf, &event))
			continue;
		if (event.what == HOST_UNBIND || event.what == HOST_REMOVE)
			act_apart(&event);
		else
			act(&event);
	}
	free(buf);
	return NULL;
}

/* Nobody has a device open yet: none of this waits. */
static int catch_up(char *buf)
{
	struct event event;
	ssize_t len;

	while ((len = wire_receive(connection, buf)) > 0) {
		if (!parse(buf, &event))
			return 0;
		act(&event);
	}
	return len ? len : -ENODEV;
}

int join_run(const char *rundir)
{
	char *buf = malloc(WIRE_MAX);
	pthread_t thread;
	int ret = -ENOMEM;

	if (!buf)
		goto err_say;
	ret = wire_connect(rundir);
	if (ret >= 0)
		ret = host_fd_internal(ret);
	if (ret < 0)
		goto err_free;
	connection = ret;
	ret = wire_send_text(connection, "join");
	if (!ret)
		ret = catch_up(buf);
	if (!ret)
		ret = host_thread_start(&thread, "anyvfio-bus", join_thread,
					buf);
	if (ret)
		goto err_close;
	pthread_detach(thread);
	return 0;

err_close:
	host_fd_internal_close(connection);
	connection = -1;
err_free:
	free(buf);
err_say:
	port_err("cannot reach the launcher: %s", strerror(-ret));
	return ret;
}

/* The number is closed here, and the parent's. */
void join_after_fork(void)
{
	connection = -1;
}
