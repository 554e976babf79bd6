/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A run's config file.  Any text is read without harm; and what was read, once
 * written and read again, says the same.
 */
#include "fuzz.h"
#include "settings.h"

#include <sys/mman.h>

#define TEXT_MAX 65536

static bool same_node(const struct settings_node *a,
		      const struct settings_node *b)
{
	return !strcmp(a->name, b->name) && a->ino == b->ino &&
	       a->rdev == b->rdev;
}

static void check_same(const struct settings *a, const struct settings *b)
{
	unsigned int i;

	FUZZ_CHECK(a->host.nr_devices == b->host.nr_devices);
	FUZZ_CHECK(a->nr_paths == b->nr_paths && a->nr_nodes == b->nr_nodes);
	for (i = 0; i < a->host.nr_devices; i++)
		FUZZ_CHECK(!strcmp(a->host.devices[i], b->host.devices[i]));
	for (i = 0; i < a->nr_paths; i++)
		FUZZ_CHECK(!strcmp(a->paths[i].name, b->paths[i].name) &&
			   a->paths[i].len == strlen(a->paths[i].name));
	for (i = 0; i < a->nr_nodes; i++)
		FUZZ_CHECK(same_node(&a->nodes[i], &b->nodes[i]));
	FUZZ_CHECK(a->host.launcher == b->host.launcher);
	FUZZ_CHECK(a->host.noiommu == b->host.noiommu);
	FUZZ_CHECK(a->host.dma_entry_limit == b->host.dma_entry_limit);
	FUZZ_CHECK(a->dev == b->dev && a->level == b->level);
}

/* As the launcher leaves it and the library finds it: always in the same file,
 * which is what one input costs. */
static void check_round_trip(const struct settings *s)
{
	static char text[TEXT_MAX];
	static int file = -1;
	struct settings again;
	ssize_t len;
	void *room;

	if (file < 0)
		file = memfd_create("settings", MFD_CLOEXEC);
	FUZZ_CHECK(file >= 0 && !ftruncate(file, 0));
	FUZZ_CHECK(!lseek(file, 0, SEEK_SET));
	FUZZ_CHECK(!settings_write(dup(file), s));
	len = pread(file, text, TEXT_MAX - 1, 0);
	FUZZ_CHECK(len > 0 && len < TEXT_MAX - 1);
	text[len] = '\0';
	room = malloc(settings_room(text));
	FUZZ_CHECK(settings_parse(&again, text, room));
	check_same(s, &again);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct settings s;
	void *room;

	memcpy(text, data, size);
	text[size] = '\0';
	room = malloc(settings_room(text));
	if (settings_parse(&s, text, room))
		check_round_trip(&s);
	free(room);
	free(text);
	return 0;
}
