/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A mover without a thread: see the header. */
#include "still_mover.h"

#include <assert.h>

#define MAX_PORTS 8

struct mover {
	struct net *port[MAX_PORTS];
	unsigned int nr, locked;
};

static struct mover still;
uint64_t still_time;
unsigned int still_wakes;
bool still_busy;

uint64_t net_now(void)
{
	return still_time;
}

int net_mover_join(struct net *n, struct net *peer)
{
	assert(still.nr < MAX_PORTS);
	still.port[still.nr++] = n;
	n->mover = &still;
	if (peer && peer->mover) {
		n->peer = peer;
		peer->peer = n;
	}
	return 0;
}

void net_mover_leave(struct net *n)
{
	unsigned int i;

	n->driver_ok = false;
	if (n->peer) {
		net_wire_update(n);
		n->peer->peer = NULL;
		n->peer = NULL;
	}
	for (i = 0; still.port[i] != n; i++)
		;
	still.port[i] = still.port[--still.nr];
	n->mover = NULL;
}

void net_mover_lock(struct mover *m)
{
	assert(m == &still && !m->locked);
	m->locked++;
}

void net_mover_unlock(struct mover *m)
{
	assert(m->locked == 1);
	m->locked--;
}

void net_mover_wake(struct mover *m)
{
	assert(m == &still);
	still_wakes++;
}

void net_mover_notified(struct net *n)
{
	net_mover_wake(n->mover);
}

static unsigned int move_port(struct net *n)
{
	unsigned int moved;

	if (!n->driver_ok)
		return 0;
	moved = n->card->transmit(n, still_busy);
	if (n->backend->flush)
		n->backend->flush(n);
	if (n->backend->receive) {
		moved += n->backend->receive(n);
		net_deliver_end(n);
	}
	return moved;
}

unsigned int still_move(void)
{
	unsigned int moved = 0, i;

	net_mover_lock(&still);
	for (i = 0; i < still.nr; i++)
		moved += move_port(still.port[i]);
	for (i = 0; i < still.nr; i++)
		if (still.port[i]->card->release)
			still.port[i]->card->release(still.port[i]);
	net_mover_unlock(&still);
	return moved;
}
