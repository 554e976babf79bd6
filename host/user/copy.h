/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program's memory, touched so that a bad pointer is an error. */
#ifndef ANYVFIO_USER_COPY_H
#define ANYVFIO_USER_COPY_H

#include "port.h"

#include <ucontext.h>

/* 0 when each page of [@vaddr, @vaddr + @size) can be read (@write: and
 * written; its contents stay), else -EFAULT.  Pages that were not there yet
 * are made, as pinning would. */
int host_probe(u64 vaddr, u64 size, bool write);

/* For the handler of SIGSEGV and SIGBUS: true when the fault came from a copy,
 * which then returns -EFAULT. */
bool host_copy_fixup(ucontext_t *ctx);

#endif /* ANYVFIO_USER_COPY_H */
