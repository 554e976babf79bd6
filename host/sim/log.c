/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Messages of a run: the last ones are kept, and shown with a bug. */
#include "engine.h"

#define LINES 16

bool port_warn_fatal;
void (*port_warn_hook)(const char *file, int line, const char *what);

static char lines[LINES][160];
static unsigned long nr_lines;

void sim_log_begin(void)
{
	nr_lines = 0;
}

void port_log(enum port_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(lines[nr_lines++ % LINES], sizeof(lines[0]), fmt, args);
	va_end(args);
	sim_trace("says: %s", sim_last_log());
	sim_point();
}

const char *sim_last_log(void)
{
	return nr_lines ? lines[(nr_lines - 1) % LINES] : "";
}

void sim_log_dump(void)
{
	unsigned long i = nr_lines > LINES ? nr_lines - LINES : 0;

	for (; i < nr_lines; i++)
		fprintf(stderr, "  | %s\n", lines[i % LINES]);
}
