/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The handler of SIGSEGV and SIGBUS; host.h has what run/ needs of it. */
#ifndef ANYVFIO_USER_FAULT_H
#define ANYVFIO_USER_FAULT_H

/* For the child of a fork: whoever was changing an action does not exist. */
void host_fault_after_fork(void);

#endif /* ANYVFIO_USER_FAULT_H */
