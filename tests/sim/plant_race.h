/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tasks for test_self.c: see plant_race.c. */
#ifndef ANYVFIO_TESTS_SIM_PLANT_RACE_H
#define ANYVFIO_TESTS_SIM_PLANT_RACE_H

#include "sim.h"

void race_begin(void);
void race_end(void);

void race_write(void *arg);
void race_read(void *arg);
void race_read_locked(void *arg);
void race_write_shared(void *arg);
void race_publish_plainly(void *arg);
void race_use_published(void *arg);

void order_write_locked(void *arg);
void order_write_exclusive(void *arg);
void order_read_shared(void *arg);
void order_publish(void *arg);
void order_write_and_complete(void *arg);
void order_wait_and_write(void *arg);

#endif /* ANYVFIO_TESTS_SIM_PLANT_RACE_H */
