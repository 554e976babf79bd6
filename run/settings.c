// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The config file of a run, written once by the launcher and read once by each
 * process.  Reading allocates nothing: it can happen before any constructor
 * has run, inside an allocator of the program's own.
 */
#include "settings.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#define MAGIC "anyvfio 1"

static unsigned int count_lines(const char *text)
{
	unsigned int lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

size_t settings_room(const char *text)
{
	return count_lines(text) *
	       (sizeof(char *) + sizeof(struct settings_path) +
		sizeof(struct settings_node));
}

/* "NAME INO MAJOR MINOR"; without a number it is none. */
static void parse_node(struct settings *s, char *value)
{
	struct settings_node *node;
	unsigned int nr_major;
	char *end = strchr(value, ' ');

	if (!end)
		return;
	node = &s->nodes[s->nr_nodes++];
	*end = '\0';
	node->name = value;
	node->ino = strtoull(end + 1, &end, 10);
	nr_major = strtoul(end, &end, 10);
	node->rdev = makedev(nr_major, strtoul(end, &end, 10));
}

static void parse_line(struct settings *s, const char *word, char *value)
{
	struct settings_path *path;

	if (!strcmp(word, "device")) {
		s->host.devices[s->host.nr_devices++] = value;
	} else if (!strcmp(word, "path")) {
		path = &s->paths[s->nr_paths++];
		path->name = value;
		path->len = strlen(value);
	} else if (!strcmp(word, "node")) {
		parse_node(s, value);
	} else if (!strcmp(word, "dev")) {
		s->dev = strtoull(value, NULL, 10);
	} else if (!strcmp(word, "launcher")) {
		s->host.launcher = atoi(value);
	} else if (!strcmp(word, "level")) {
		s->level = atoi(value);
	} else if (!strcmp(word, "noiommu")) {
		s->host.noiommu = atoi(value);
	} else if (!strcmp(word, "dma-entry-limit")) {
		s->host.dma_entry_limit = strtoul(value, NULL, 10);
	}
}

bool settings_parse(struct settings *s, char *text, void *room)
{
	unsigned int lines = count_lines(text);
	char *line, *end, *value;

	memset(s, 0, sizeof(*s));
	s->nodes = room;
	s->paths = (void *)(s->nodes + lines);
	s->host.devices = (void *)(s->paths + lines);
	if (strncmp(text, MAGIC "\n", sizeof(MAGIC)) != 0)
		return false;
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value = '\0';
		parse_line(s, line, value + 1);
	}
	return true;
}

static void print(FILE *file, const struct settings *s)
{
	unsigned int i;

	fprintf(file, "%s\nlauncher %d\nlevel %d\nnoiommu %d\n", MAGIC,
		s->host.launcher, s->level, s->host.noiommu);
	fprintf(file, "dma-entry-limit %u\ndev %llu\n", s->host.dma_entry_limit,
		(unsigned long long)s->dev);
	for (i = 0; i < s->host.nr_devices; i++)
		fprintf(file, "device %s\n", s->host.devices[i]);
	for (i = 0; i < s->nr_paths; i++)
		fprintf(file, "path %s\n", s->paths[i].name);
	for (i = 0; i < s->nr_nodes; i++)
		fprintf(file, "node %s %llu %u %u\n", s->nodes[i].name,
			(unsigned long long)s->nodes[i].ino,
			major(s->nodes[i].rdev), minor(s->nodes[i].rdev));
}

int settings_write(int fd, const struct settings *s)
{
	FILE *file = fdopen(fd, "w");
	int ret = 0;

	if (!file) {
		ret = -errno;
		close(fd);
		return ret;
	}
	print(file, s);
	if (fflush(file))
		ret = -errno;
	fclose(file);
	return ret;
}
