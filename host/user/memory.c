/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Memory of the user host: the program's allocator. */
#include "port.h"

#include <stdlib.h>

/* Size 0 is a pointer too, as in a kernel: not every allocator does that. */
void *port_zalloc(size_t size)
{
	return calloc(1, max_t(size_t, size, 1));
}

void *port_zalloc_array(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return port_zalloc(bytes);
}

void port_free(const void *ptr)
{
	free((void *)ptr);
}
