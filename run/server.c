// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The server: see server.h; connections and what they ask for.
 *
 * All but server_create(), server_start() and server_free() runs in the thread.
 */
#include "task.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

/* ---- requests ---- */

/* How things are, where they are not as at the beginning; then what is going
 * on. */
static void join(struct server *s, struct peer *peer)
{
	const struct host_pci_sysfs *sysfs = s->bus->sysfs;
	struct bus_device *dev = s->bus->devices;
	struct task *task;

	for (; dev < s->bus->devices + s->bus->nr_devices; dev++, sysfs++) {
		if (dev->removed || dev->pulled) {
			peer_tell(peer, 0, HOST_REMOVE, sysfs->name, "");
			continue;
		}
		if (!strcmp(sysfs->driver, dev->first))
			continue;
		if (dev->first[0])
			peer_tell(peer, 0, HOST_UNBIND, sysfs->name, "");
		if (sysfs->driver[0])
			peer_tell(peer, 0, HOST_BIND, sysfs->name,
				  sysfs->driver);
	}
	list_for_each_entry(task, &s->tasks, node)
		if (task_is_exclusive(task->job.event) && !task->queued)
			task_ask(s, task, peer);
	peer->joined = true;
	peer_send(peer, "0 go");
}

static void request_write(struct server *s, struct peer *peer, char *path)
{
	char *data = strchrnul(path, '\n');
	unsigned int i, n;
	int ret;

	if (*data)
		*data++ = '\0';
	ret = bus_write(s->bus, path, data, s->jobs, &n);
	if (ret || !n) {
		peer_answer(peer, ret, "%s", "");
		return;
	}
	/* One more, so that the answer does not come before the last begins. */
	peer->ret = 0;
	peer->waiting = 1;
	for (i = 0; i < n; i++)
		task_begin(s, &s->jobs[i], peer);
	if (!--peer->waiting)
		peer_answer(peer, peer->ret, "%s", "");
}

static void request_list(struct server *s, struct peer *peer)
{
	const struct host_pci_sysfs *sysfs = s->bus->sysfs;
	struct bus_device *dev = s->bus->devices;
	char *text = NULL, group[16];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		peer_answer(peer, -ENOMEM, "%s", strerror(ENOMEM));
		return;
	}
	for (; dev < s->bus->devices + s->bus->nr_devices; dev++, sysfs++) {
		if (dev->removed)
			continue;
		snprintf(group, sizeof(group), "%d", sysfs->group);
		fprintf(out, "%s  group %-4s %s%s\n", sysfs->name,
			sysfs->grouped ? group : "-",
			sysfs->driver[0] ? sysfs->driver : "(no driver)",
			dev->pulled ? " (pulled out)"
			: dev->busy ? " (busy)"
				    : "");
	}
	if (fclose(out))
		peer_answer(peer, -ENOMEM, "%s", strerror(ENOMEM));
	else
		peer_answer(peer, 0, "%s", text);
	free(text);
}

/* It is out at once; the programs let go of it when they do. */
static void pull_out(struct server *s, struct peer *peer,
		     struct bus_device *dev)
{
	struct peer *other;

	dev->pulled = true;
	list_for_each_entry(other, &s->peers, node)
		if (other->joined)
			peer_tell(other, 0, HOST_SURPRISE,
				  bus_sysfs(s->bus, dev)->name, "");
	if (!dev->busy)
		task_begin_removal(s, dev);
	peer_answer(peer, 0, "%s", "");
}

/* The names of those that there are, or that are out. */
static void answer_unknown(struct server *s, struct peer *peer, bool out)
{
	const char *none = out ? "no device of that name is out"
			       : "there is no such device";
	const struct bus_device *dev;
	char names[512] = "";
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < s->bus->nr_devices && len < sizeof(names); i++) {
		dev = &s->bus->devices[i];
		if ((dev->removed || dev->pulled) == out)
			len += snprintf(names + len, sizeof(names) - len, " %s",
					bus_sysfs(s->bus, dev)->name);
	}
	peer_answer(peer, -ENODEV, "%s%s%s", none, len ? "; there is" : "",
		    names);
}

static void request_event(struct server *s, struct peer *peer,
			  enum host_event event, const char *name)
{
	struct bus_job job = { .event = event };

	if (event == HOST_ADD)
		job.dev = bus_find_removed(s->bus, name);
	else
		job.dev = bus_find(s->bus, name);
	if (!job.dev || (job.dev->pulled && event != HOST_ADD))
		answer_unknown(s, peer, event == HOST_ADD);
	else if (event == HOST_SURPRISE)
		pull_out(s, peer, job.dev);
	else if (task_is_exclusive(event) && job.dev->busy && event != HOST_ADD)
		peer_answer(peer, -EBUSY, "%s",
			    "it is being bound, unbound or removed already");
	else
		task_begin(s, &job, peer);
}

static void request_ctl(struct server *s, struct peer *peer, const char *word,
			const char *name)
{
	peer->ret = 0;
	if (!strcmp(word, "list"))
		request_list(s, peer);
	else if (!strcmp(word, "remove"))
		request_event(s, peer, HOST_REMOVE, name);
	else if (!strcmp(word, "add"))
		request_event(s, peer, HOST_ADD, name);
	else if (!strcmp(word, "surprise"))
		request_event(s, peer, HOST_SURPRISE, name);
	else if (!strcmp(word, "error"))
		request_event(s, peer, HOST_ERROR, name);
	else
		peer->closed = true;
}

static void request_answer(struct server *s, struct peer *peer,
			   const char *text)
{
	struct task *task;
	unsigned int id;
	int ret;

	if (sscanf(text, "%u %d", &id, &ret) != 2)
		return;
	list_for_each_entry(task, &s->tasks, node) {
		if (task->id == id) {
			task_pay(s, task, peer, ret);
			return;
		}
	}
}

/* A peer that speaks out of turn is none of ours. */
static void serve(struct server *s, struct peer *peer)
{
	ssize_t len = wire_receive(peer->fd, s->buf);
	char *arg;

	if (len <= 0 || (peer->asked && !peer->joined)) {
		peer->closed = true;
		return;
	}
	if (peer->joined) {
		request_answer(s, peer, s->buf);
		return;
	}
	peer->asked = true;
	arg = strchrnul(s->buf, ' ');
	if (*arg)
		*arg++ = '\0';
	if (!strcmp(s->buf, "join"))
		join(s, peer);
	else if (!strcmp(s->buf, "write"))
		request_write(s, peer, arg);
	else
		request_ctl(s, peer, s->buf, arg);
}

/* ---- connections ---- */

static void accept_peer(struct server *s)
{
	struct ucred cred = { .uid = -1 };
	socklen_t len = sizeof(cred);
	struct peer *peer;
	int fd;

	fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	peer = calloc(1, sizeof(*peer));
	if (!peer || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ||
	    (cred.uid != geteuid() && cred.uid != 0)) {
		free(peer);
		close(fd);
		return;
	}
	peer->fd = fd;
	list_add_tail(&peer->node, &s->peers);
}

/* Nobody waits for it, and it for nobody. */
static void forget_peer(struct server *s, struct peer *peer)
{
	struct task *task;

	peer->joined = false;
	list_for_each_entry(task, &s->tasks, node)
		if (task->from == peer)
			task->from = NULL;
again:
	list_for_each_entry(task, &s->tasks, node)
		if (task_pay(s, task, peer, 0))
			goto again;
	list_del(&peer->node);
	close(peer->fd);
	free(peer);
}

static void forget_closed(struct server *s)
{
	struct peer *peer, *next;

	list_for_each_entry_safe(peer, next, &s->peers, node)
		if (peer->closed)
			forget_peer(s, peer);
}

static unsigned int count_peers(const struct server *s)
{
	struct peer *peer;
	unsigned int n = 0;

	list_for_each_entry(peer, &s->peers, node)
		n++;
	return n;
}

/* Waits for something to do and does it; false: it is over. */
static bool serve_once(struct server *s)
{
	struct pollfd *fds, *pfd;
	struct peer *peer, *next;
	bool go_on = true;

	fds = calloc(count_peers(s) + 2, sizeof(*fds));
	if (!fds)
		return false;
	fds[0] = (struct pollfd){ .fd = s->stop, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	pfd = &fds[2];
	list_for_each_entry(peer, &s->peers, node)
		*pfd++ = (struct pollfd){ .fd = peer->fd, .events = POLLIN };
	if (poll(fds, pfd - fds, -1) > 0) {
		go_on = !fds[0].revents;
		pfd = &fds[2];
		list_for_each_entry_safe(peer, next, &s->peers, node)
			if (pfd++->revents)
				serve(s, peer);
		if (fds[1].revents)
			accept_peer(s);
		forget_closed(s);
	}
	free(fds);
	return go_on;
}

static void *server_thread(void *data)
{
	while (serve_once(data))
		;
	return NULL;
}

/* ---- life ---- */

static int listen_in(const struct rundir *dir)
{
	struct sockaddr_un addr;
	int fd, ret;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	wire_address(dir->fd, &addr);
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    !listen(fd, BACKLOG))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

struct server *server_create(struct bus *bus)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->bus = bus;
	INIT_LIST_HEAD(&s->peers);
	INIT_LIST_HEAD(&s->tasks);
	s->jobs = calloc(bus->nr_devices, sizeof(*s->jobs));
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->listener = listen_in(bus->dir);
	if (s->jobs && s->stop >= 0 && s->listener >= 0)
		return s;
	port_err("no socket for the run: %s",
		 strerror(s->listener < 0 ? -s->listener : errno));
	server_free(s);
	return NULL;
}

int server_start(struct server *server)
{
	int ret = host_thread_start(&server->thread, "anyvfio-bus",
				    server_thread, server);

	server->running = !ret;
	return ret;
}

void server_free(struct server *server)
{
	struct task *task, *next_task;
	struct peer *peer;
	u64 one = 1;

	if (!server)
		return;
	if (server->running) {
		if (write(server->stop, &one, sizeof(one)) < 0)
			port_warn("cannot end the server: %s", strerror(errno));
		pthread_join(server->thread, NULL);
	}
	while (!list_empty(&server->peers)) {
		peer = list_first_entry(&server->peers, struct peer, node);
		list_del(&peer->node);
		close(peer->fd);
		free(peer);
	}
	list_for_each_entry_safe(task, next_task, &server->tasks, node) {
		struct debt *debt, *next;

		list_for_each_entry_safe(debt, next, &task->debts, node)
			free(debt);
		free(task);
	}
	if (server->listener >= 0)
		close(server->listener);
	if (server->stop >= 0)
		close(server->stop);
	free(server->jobs);
	free(server);
}
