/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A word to valgrind, if the program runs under it: by its client requests, an
 * interface of instructions that otherwise do nothing.  Here rather than from
 * its header, since nobody should need valgrind to build.
 */
#ifndef ANYVFIO_HOST_VALGRIND_H
#define ANYVFIO_HOST_VALGRIND_H

#include "port.h"

/* Memcheck's MAKE_MEM_DEFINED: the program may read and write [@start, @start +
 * @len), whatever the rights of the pages say. */
static inline void valgrind_make_defined(u64 start, u64 len)
{
	const u64 request[6] = { 'M' << 24 | 'C' << 16 | 2, start, len };
	u64 result = 0;

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(result)
			 : "a"(request)
			 : "cc", "memory");
}

#endif /* ANYVFIO_HOST_VALGRIND_H */
