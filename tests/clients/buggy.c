// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A driver for debuggers: it works, and with an argument it then reads a byte
 * that is not its own. */
#include "program.h"

__attribute__((noinline)) static bool read_beyond(const char *mem, size_t len)
{
	return ((const volatile char *)mem)[len];
}

int main(int argc, char **argv)
{
	char *mem = calloc(1, 64);
	bool works = true;
	struct program p;
	uint32_t i;

	program_open(&p);
	for (i = 0; i < 100; i++)
		works &= program_works(&p, i);
	if (argc > 1)
		printf("%d\n", read_beyond(mem, 64));
	program_close(&p);
	free(mem);
	return !works;
}
