/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The thread that moves packets.  It is busy as long as packets come, spins for a
 * moment when none do, and then sleeps until a driver notifies, the world outside
 * has something, or a time has come.
 */
#include "net.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MOVER_PORTS 64
#define SPIN_NS 50000
#define POLL_NS 100000 /* between looks at queues whose driver cannot wake us */

/*
 * Half of the processors move packets, the others are the drivers': a mover that
 * waits for a processor delays all its ports.
 */
struct mover {
	struct mover *next; /* nets_lock */
	pthread_mutex_t lock;
	unsigned int wanted; /* atomic: who waits for the lock */
	struct net *port[MOVER_PORTS];
	unsigned int nr_ports;
	struct anyvfio_thread *thread;
	int wake_fd;
	bool sleeping; /* atomic */
	bool quit; /* atomic */
};

static struct mover *movers; /* nets_lock */

uint64_t net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* ---- the lock: its thread, which has it most of the time, comes last ---- */

void net_mover_lock(struct mover *m)
{
	__atomic_fetch_add(&m->wanted, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&m->lock);
	__atomic_fetch_sub(&m->wanted, 1, __ATOMIC_RELAXED);
}

void net_mover_unlock(struct mover *m)
{
	pthread_mutex_unlock(&m->lock);
}

static void lock_after_others(struct mover *m)
{
	while (__atomic_load_n(&m->wanted, __ATOMIC_RELAXED))
		sched_yield();
	pthread_mutex_lock(&m->lock);
}

/* ---- a round ---- */

static unsigned int move_port(struct net *n)
{
	unsigned int moved = 0, pair;

	if (!n->driver_ok)
		return 0;
	net_control(n);
	for (pair = 0; pair < n->max_pairs; pair++)
		if (2 * pair + 1 != n->ctrl && 2 * pair < n->ctrl)
			moved += net_transmit(n, pair);
	if (n->backend->flush)
		n->backend->flush(n);
	if (n->backend->receive) {
		moved += n->backend->receive(n);
		net_deliver_end(n);
	}
	return moved;
}

static unsigned int move(struct mover *m)
{
	unsigned int moved = 0, i;

	for (i = 0; i < m->nr_ports; i++)
		moved += move_port(m->port[i]);
	for (i = 0; i < m->nr_ports; i++)
		virtio_mem_release(&m->port[i]->mem);
	return moved;
}

/* ---- sleeping ---- */

/* Asks to be notified: true when there is something already. */
static bool arm_queue(struct virtq *vq)
{
	bool ready;

	if (!vq->live || virtq_begin(vq))
		return false;
	virtq_want_notify(vq, true);
	ready = virtq_ready(vq);
	virtq_end(vq);
	return ready;
}

/* A receive queue is of interest only while a packet waits for a buffer. */
static bool arm_port(struct net *n)
{
	bool ready = false;
	unsigned int i;

	if (n->driver_ok && n->backend->idle)
		n->backend->idle(n);
	for (i = 0; n->driver_ok && i <= n->ctrl; i++)
		if (i == n->ctrl || i % 2 || n->starved)
			ready |= arm_queue(&n->v.queues[i]);
	return ready;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b < 0 || (a >= 0 && a < b) ? a : b;
}

/* What may wake it before a driver does: descriptors in @fds, and a time. */
static unsigned int gather_wakers(struct mover *m, struct pollfd *fds,
				  int64_t *wait_ns)
{
	const struct net_backend *backend;
	unsigned int nr = 0, i;
	int fd;

	*wait_ns = -1;
	fds[nr++] = (struct pollfd){ m->wake_fd, POLLIN, 0 };
	for (i = 0; i < m->nr_ports; i++) {
		struct net *n = m->port[i];

		backend = n->backend;
		if (!n->driver_ok)
			continue;
		if (n->v.plain_notify)
			*wait_ns = sooner(*wait_ns, POLL_NS);
		if (n->starved)
			continue;
		fd = backend->poll_fd ? backend->poll_fd(n) : -1;
		if (fd >= 0)
			fds[nr++] = (struct pollfd){ fd, POLLIN, 0 };
		if (backend->wait_ns)
			*wait_ns = sooner(*wait_ns, backend->wait_ns(n));
	}
	return nr;
}

/* Who notifies looks whether it sleeps; so that is said before the last look at
 * the queues. */
static void sleep_until_woken(struct mover *m)
{
	struct pollfd fds[1 + MOVER_PORTS];
	struct timespec time;
	bool ready = false;
	unsigned int nr, i;
	uint64_t count;
	int64_t wait;

	__atomic_store_n(&m->sleeping, true, __ATOMIC_SEQ_CST);
	lock_after_others(m);
	for (i = 0; i < m->nr_ports; i++)
		ready |= arm_port(m->port[i]);
	nr = gather_wakers(m, fds, &wait);
	net_mover_unlock(m);
	time.tv_sec = wait / 1000000000;
	time.tv_nsec = wait % 1000000000;
	if (!ready && !__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE))
		ppoll(fds, nr, wait < 0 ? NULL : &time, NULL);
	__atomic_store_n(&m->sleeping, false, __ATOMIC_SEQ_CST);
	if (fds[0].revents)
		read(m->wake_fd, &count, sizeof(count));
}

void net_mover_wake(struct mover *m)
{
	const uint64_t one = 1;

	if (__atomic_exchange_n(&m->sleeping, false, __ATOMIC_SEQ_CST))
		write(m->wake_fd, &one, sizeof(one));
}

static void mover_thread(void *priv)
{
	struct mover *m = priv;
	uint64_t idle_since = 0, now;
	unsigned int moved;

	while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
		lock_after_others(m);
		moved = move(m);
		net_mover_unlock(m);
		if (moved) {
			idle_since = 0;
			continue;
		}
		now = net_now();
		if (!idle_since)
			idle_since = now;
		if (now - idle_since < SPIN_NS)
			sched_yield();
		else
			sleep_until_woken(m);
	}
}

/* ---- life ---- */

static int hide_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : anyvfio_fd_hide(fd);
}

static struct mover *create(struct net *n)
{
	struct mover *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->wake_fd = hide_eventfd();
	if (m->wake_fd < 0) {
		anyvfio_device_error(n->v.dev, "no eventfd: %s",
				     strerror(-m->wake_fd));
		goto err_free;
	}
	if (anyvfio_thread_start(n->v.dev, "virtio-net", mover_thread, m,
				 &m->thread))
		goto err_close;
	m->next = movers;
	movers = m;
	return m;

err_close:
	anyvfio_fd_close(m->wake_fd);
err_free:
	pthread_mutex_destroy(&m->lock);
	free(m);
	return NULL;
}

static void destroy(struct mover *m)
{
	struct mover **link;

	for (link = &movers; *link != m; link = &(*link)->next)
		;
	*link = m->next;
	__atomic_store_n(&m->quit, true, __ATOMIC_RELEASE);
	net_mover_wake(m);
	anyvfio_thread_join(m->thread);
	anyvfio_fd_close(m->wake_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* The one with the fewest ports, or a new one while there may be more. */
static struct mover *choose(struct net *n)
{
	struct mover *m, *best = NULL;
	long most = sysconf(_SC_NPROCESSORS_ONLN) / 2, nr = 0;

	for (m = movers; m; m = m->next, nr++)
		if (!best || m->nr_ports < best->nr_ports)
			best = m;
	if (!best || nr < most || best->nr_ports == MOVER_PORTS)
		return create(n);
	return best;
}

int net_mover_join(struct net *n, struct net *peer)
{
	struct mover *m = peer && peer->mover ? peer->mover : choose(n);

	if (!m || m->nr_ports == MOVER_PORTS)
		return -ENOMEM;
	n->mover = m;
	net_mover_lock(m);
	m->port[m->nr_ports++] = n;
	if (peer && peer->mover) {
		n->peer = peer;
		peer->peer = n;
	}
	net_mover_unlock(m);
	return 0;
}

void net_mover_leave(struct net *n)
{
	struct mover *m = n->mover;
	unsigned int i;

	net_mover_lock(m);
	n->driver_ok = false;
	if (n->peer) {
		net_wire_update(n);
		n->peer->peer = NULL;
		n->peer = NULL;
	}
	for (i = 0; m->port[i] != n; i++)
		;
	m->port[i] = m->port[--m->nr_ports];
	net_mover_unlock(m);
	n->mover = NULL;
	if (!m->nr_ports)
		destroy(m);
}
