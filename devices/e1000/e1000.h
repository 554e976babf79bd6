/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An Intel 82540EM, a gigabit network card without a processor: a driver reaches
 * its EEPROM and its transceiver bit by bit and word by word, reading has side
 * effects, and every register access is a call of this model.
 */
#ifndef ANYVFIO_E1000_H
#define ANYVFIO_E1000_H

#include <stdbool.h>
#include <stdint.h>

#include "anyvfio/device.h"
#include "spec.h"

#define E1000_MAC_LEN 6

/* What the pins of EECD have said since chip select came. */
struct e1000_microwire {
	unsigned int nr; /* bits in, from the start bit on */
	uint32_t in;
	bool reading;
	unsigned int addr, left;
	uint16_t out;
	bool data_out;
};

struct e1000 {
	struct anyvfio_device *dev;

	/* Constant from create on. */
	uint8_t mac[E1000_MAC_LEN];
	uint16_t eeprom[EEPROM_WORDS];

	/* The device's lock. */
	uint32_t reg[E1000_END / 4];
	uint32_t icr, ims;
	bool asserted; /* the pin */
	uint32_t io_addr;
	struct e1000_microwire microwire;
	uint16_t phy[PHY_NR_REGS];
	bool phy_lost; /* the link, since PHY_STATUS was read */
	bool carrier; /* the other end is there */
	bool link_up;
};

static inline uint32_t e1000_get(const struct e1000 *e, uint32_t off)
{
	return e->reg[off / 4];
}

static inline void e1000_set(struct e1000 *e, uint32_t off, uint32_t val)
{
	e->reg[off / 4] = val;
}

/* ---- registers.c ---- */

uint64_t e1000_bar_read(void *priv, unsigned int bar, uint64_t off,
			unsigned int size);
void e1000_bar_write(void *priv, unsigned int bar, uint64_t off,
		     unsigned int size, uint64_t val);
/* Everything but the transceiver, as after CTRL.RST. */
void e1000_mac_reset(struct e1000 *e);

/* ---- eeprom.c ---- */

void e1000_eeprom_fill(struct e1000 *e);
void e1000_eerd_write(struct e1000 *e, uint32_t val);
void e1000_eecd_write(struct e1000 *e, uint32_t val);
uint32_t e1000_eecd_read(const struct e1000 *e);

/* ---- phy.c ---- */

void e1000_phy_reset(struct e1000 *e);
void e1000_mdic_write(struct e1000 *e, uint32_t val);
uint32_t e1000_status_read(const struct e1000 *e);
bool e1000_phy_on(const struct e1000 *e);
bool e1000_link_up(const struct e1000 *e);
void e1000_link_update(struct e1000 *e);

/* ---- irq.c ---- */

void e1000_irq_raise(struct e1000 *e, uint32_t causes);
uint32_t e1000_icr_read(struct e1000 *e);
void e1000_icr_write(struct e1000 *e, uint32_t causes);
void e1000_ims_write(struct e1000 *e, uint32_t causes);
void e1000_imc_write(struct e1000 *e, uint32_t causes);
void e1000_irq_reset(struct e1000 *e);

#endif /* ANYVFIO_E1000_H */
