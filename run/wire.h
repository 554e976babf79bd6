/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the launcher and the processes of its run say to each other, over the
 * socket `control` of the run's directory, in messages of text:
 *
 *   a program that uses devices   "join"
 *   the launcher to it            "ID EVENT DEVICE [DRIVER]", answered "ID RET"
 *                                 unless ID is 0, and "0 go" once it is told
 *                                 how things are
 *   who writes a file of the bus  "write PATH\nDATA", answered "RET\n"
 *   anyvfio ctl                   "list", "remove DEVICE", ..., answered
 *                                 "RET\nTEXT"
 *
 * EVENT is one of wire_events; RET is 0 or a negated errno.
 */
#ifndef ANYVFIO_RUN_WIRE_H
#define ANYVFIO_RUN_WIRE_H

#include "host.h"

#include <sys/uio.h>

#define WIRE_SOCKET "control"
#define WIRE_MAX 16384
#define WIRE_WORD 31 /* letters of a word at most */

/* The names of enum host_event. */
extern const char *const wire_events[];
#define WIRE_EVENTS 6

/* Below, system calls are made directly: the preload library uses this too.
 * Negated errnos. */

/* The address of the socket in the directory that @dir is a descriptor of. */
struct sockaddr_un;
void wire_address(int dir, struct sockaddr_un *addr);
/* Connects to the launcher of the run in directory @path: a descriptor. */
int wire_connect(const char *path);
int wire_send(int fd, const struct iovec *parts, unsigned int n);
int wire_send_text(int fd, const char *text);
/* One message, with a zero behind it: its length, 0 when the other has gone. */
ssize_t wire_receive(int fd, char buf[WIRE_MAX]);
/* Sends @parts and waits for the answer: its RET, and its text in @answer. */
int wire_ask(int fd, const struct iovec *parts, unsigned int n,
	     char answer[WIRE_MAX]);

#endif /* ANYVFIO_RUN_WIRE_H */
