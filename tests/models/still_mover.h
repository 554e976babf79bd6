/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A mover without a thread, for tests of network cards: packets move when the test
 * says so, and time passes when it does.
 */
#ifndef TEST_MODELS_STILL_MOVER_H
#define TEST_MODELS_STILL_MOVER_H

#include "../../devices/net/net.h"

extern uint64_t still_time;
extern unsigned int still_wakes;
extern bool still_busy; /* it need not be told of what comes */

/* One round of all ports: how many packets moved. */
unsigned int still_move(void);

#endif /* TEST_MODELS_STILL_MOVER_H */
