/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The port of the core to user space: real threads, real memory, real
 * descriptors.  The only header portable code includes beside its own.
 */
#ifndef ANYVFIO_PORT_H
#define ANYVFIO_PORT_H

#include "../base.h"
#include "lock.h"
#include "../services.h"

#endif /* ANYVFIO_PORT_H */
