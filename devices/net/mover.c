/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who moves packets.  Between two drivers, the one that notifies does it itself,
 * in the middle of its notification.  When notifications come thick and fast a
 * thread takes over, and tells drivers not to notify: that is faster by the time
 * a trap takes, but only while the thread has a processor for itself.  What comes
 * from the world outside, or goes there, is the thread's.
 *
 * It is busy as long as packets come, spins for a moment when none do, and then
 * sleeps until a driver notifies, the world has something, or a time has come.
 */
#include "net.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOVER_PORTS 64
#define NS 1000000000ll
#define SPIN_NS 50000
#define POLL_NS 100000 /* between looks at queues whose driver cannot wake us */
#define ROUNDS 16 /* in a driver's thread */
#define STREAK 256 /* notifications, each so soon after the one before: */
#define STREAK_NS 50000
#define CHECK_NS 1000000
#define PREEMPTIONS 2
#define CONTENDED_NS 200000000

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

	/* The lock.  @busy: the thread looks at the queues without being told. */
	bool busy;
	unsigned int streak;
	uint64_t last_notified, contended_until;
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
	unsigned int moved;

	if (!n->driver_ok)
		return 0;
	moved = n->card->transmit(n, n->mover->busy);
	if (n->backend->flush)
		n->backend->flush(n);
	if (n->backend->receive) {
		moved += n->backend->receive(n);
		net_deliver_end(n);
	}
	return moved;
}

static void release(struct net *n)
{
	if (n->card->release)
		n->card->release(n);
}

static unsigned int move(struct mover *m)
{
	unsigned int moved = 0, i;

	for (i = 0; i < m->nr_ports; i++)
		moved += move_port(m->port[i]);
	for (i = 0; i < m->nr_ports; i++)
		release(m->port[i]);
	return moved;
}

/* ---- in the driver's own thread ---- */

static unsigned int move_wire(struct net *n)
{
	unsigned int moved = move_port(n);

	if (n->peer) {
		moved += move_port(n->peer);
		release(n->peer);
	}
	release(n);
	return moved;
}

/* Notifications that come in quick succession are worth a thread, if there is a
 * processor for it. */
static bool is_worth_it(struct mover *m)
{
	uint64_t now = net_now();

	m->streak = now - m->last_notified < STREAK_NS ? m->streak + 1 : 0;
	m->last_notified = now;
	return m->streak > STREAK && now >= m->contended_until;
}

void net_mover_notified(struct net *n)
{
	struct mover *m = n->mover;
	unsigned int rounds = 0;
	bool wake;

	if (!n->backend->in_place || n->polled) {
		net_mover_wake(m);
		return;
	}
	net_mover_lock(m);
	wake = m->busy;
	if (!wake) {
		while (move_wire(n) && ++rounds < ROUNDS)
			;
		wake = rounds == ROUNDS || n->starved ||
		       (n->peer && n->peer->starved) || is_worth_it(m);
	}
	net_mover_unlock(m);
	if (wake)
		net_mover_wake(m);
}

/* ---- sleeping ---- */

static int64_t sooner(int64_t a, int64_t b)
{
	return b < 0 || (a >= 0 && a < b) ? a : b;
}

/* How long until somebody's patience ends. */
static int64_t patience_left(const struct net *n)
{
	uint64_t end = n->starved_since + NET_PATIENCE_NS, now = net_now();

	if (!n->starved || n->absent || n->backend->patient)
		return -1;
	return end > now ? end - now : 0;
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
		if (n->polled)
			*wait_ns = sooner(*wait_ns, POLL_NS);
		*wait_ns = sooner(*wait_ns, patience_left(n));
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

/* A last round with notifications wanted: true when nothing was there. */
static bool settle(struct mover *m, struct pollfd *fds, unsigned int *nr,
		   int64_t *wait)
{
	unsigned int i;
	bool idle;

	lock_after_others(m);
	m->busy = false;
	idle = !move(m);
	for (i = 0; i < m->nr_ports; i++)
		if (m->port[i]->driver_ok && m->port[i]->backend->idle)
			m->port[i]->backend->idle(m->port[i]);
	*nr = gather_wakers(m, fds, wait);
	net_mover_unlock(m);
	return idle;
}

/* Who notifies looks whether it sleeps; so that is said before the last look at
 * the queues. */
static void sleep_until_woken(struct mover *m)
{
	struct pollfd fds[1 + MOVER_PORTS];
	struct timespec time;
	unsigned int nr;
	uint64_t count;
	int64_t wait;

	__atomic_store_n(&m->sleeping, true, __ATOMIC_SEQ_CST);
	if (!settle(m, fds, &nr, &wait) ||
	    __atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&m->sleeping, false, __ATOMIC_SEQ_CST);
		return;
	}
	time.tv_sec = wait / NS;
	time.tv_nsec = wait % NS;
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

/* How often this thread had to make way for another. */
static long preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw;
}

/* Moves until nothing comes any more, or others want the processor: then drivers
 * do it themselves for a while. */
static void be_busy(struct mover *m)
{
	uint64_t now = net_now(), idle_since = 0, checked = now;
	long preempted = preemptions();
	unsigned int moved;

	while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
		lock_after_others(m);
		m->busy = true;
		moved = move(m);
		now = net_now();
		if (now - checked > CHECK_NS) {
			checked = now;
			if (preemptions() - preempted > PREEMPTIONS) {
				m->contended_until = now + CONTENDED_NS;
				moved = 0;
				idle_since = now - SPIN_NS;
			}
		}
		net_mover_unlock(m);
		if (moved)
			idle_since = 0;
		else if (!idle_since)
			idle_since = now;
		else if (now - idle_since >= SPIN_NS)
			break;
	}
}

static void mover_thread(void *priv)
{
	struct mover *m = priv;

	while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
		sleep_until_woken(m);
		be_busy(m);
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
		anyvfio_device_error(n->dev, "no eventfd: %s",
				     strerror(-m->wake_fd));
		goto err_free;
	}
	if (anyvfio_thread_start(n->dev, "net", mover_thread, m, &m->thread))
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
