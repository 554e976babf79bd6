/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the launcher tells the preload library of each process of a run: the
 * file `config` of the run directory, which ANYVFIO_RUN names.  A line is a
 * word, a space, and the rest of the line.
 */
#ifndef ANYVFIO_RUN_SETTINGS_H
#define ANYVFIO_RUN_SETTINGS_H

#include "host.h"

#define SETTINGS_ENV "ANYVFIO_RUN"
#define SETTINGS_FILE "config"
/* A FIFO the launcher holds open: its end is the end of the run. */
#define SETTINGS_ALIVE "alive"

/**
 * struct settings_path - a part of the file system the run has its own of
 * @name: absolute; what is below it lies under the run directory instead
 */
struct settings_path {
	const char *name;
	size_t len;
};

/**
 * struct settings_node - a device node, which the tree has a socket for
 * @name: below /dev/vfio
 * @ino:  of the socket
 * @rdev: what the node says it is
 */
struct settings_node {
	const char *name;
	ino_t ino;
	dev_t rdev;
};

/**
 * struct settings - a parsed config; strings point into the text it is made of
 * @dev: the file system of the run directory
 */
struct settings {
	struct host_config host;
	enum port_level level;
	dev_t dev;
	struct settings_path *paths;
	unsigned int nr_paths;
	struct settings_node *nodes;
	unsigned int nr_nodes;
};

/* Room that settings_parse() needs beside @text. */
size_t settings_room(const char *text);
/* Takes @text apart in place; @room holds the arrays.  False: not a config. */
bool settings_parse(struct settings *s, char *text, void *room);
/* Writes what settings_parse() reads.  0 or a negated errno. */
int settings_write(int fd, const struct settings *s);

#endif /* ANYVFIO_RUN_SETTINGS_H */
