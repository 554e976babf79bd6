/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A shared object that is no device model. */
extern int anyvfio_not_a_model;
int anyvfio_not_a_model;
