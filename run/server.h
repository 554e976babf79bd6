/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The launcher's side of wire.h: a thread that serves the socket of the run's
 * directory.  It tells the programs what happens to devices, and answers who
 * wanted it once all of them have done it.
 */
#ifndef ANYVFIO_RUN_SERVER_H
#define ANYVFIO_RUN_SERVER_H

#include "bus.h"

struct server;

/* Who connects from now on is served, or waits for server_start().  NULL after
 * a message. */
struct server *server_create(struct bus *bus);
/* 0 or a negated errno.  To be called with the signals of the launcher blocked. */
int server_start(struct server *server);
/* Ends the thread, if there is one, and all connections. */
void server_free(struct server *server);

#endif /* ANYVFIO_RUN_SERVER_H */
