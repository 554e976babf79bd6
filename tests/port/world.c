/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The part of the world that is the same on every host. */
#include "world.h"

#include <stdlib.h>

static unsigned int nr_reports;
static char reports[8][256];

void world_check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	fflush(NULL);
	_Exit(1);
}

static void catch_report(const char *file, int line, const char *what)
{
	if (nr_reports < ARRAY_SIZE(reports))
		strscpy(reports[nr_reports], what, sizeof(reports[0]));
	nr_reports++;
}

void world_catch(void)
{
	nr_reports = 0;
	port_warn_hook = catch_report;
}

unsigned int world_caught(const char *part)
{
	unsigned int i;

	port_warn_hook = NULL;
	check(nr_reports <= ARRAY_SIZE(reports));
	for (i = 0; i < nr_reports; i++) {
		if (strstr(reports[i], part))
			continue;
		fprintf(stderr, "reported: %s\n", reports[i]);
		world_check_failed(__FILE__, __LINE__, part);
	}
	return nr_reports;
}
