/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The transceiver behind MDIC, and the link.  It is up while there is something at
 * the other end, the transceiver has power, and the driver has said "set link up".
 * Negotiation takes no time.
 */
#include "e1000.h"

enum { SPEED_10, SPEED_100, SPEED_1000 };

/* ---- the link ---- */

/* The best that is offered, or what is forced. */
static unsigned int phy_speed(const struct e1000 *e)
{
	uint16_t ctrl = e->phy[PHY_CTRL];

	if (!(ctrl & PHY_CTRL_AUTONEG))
		return ctrl & PHY_CTRL_SPEED_1000  ? SPEED_1000
		       : ctrl & PHY_CTRL_SPEED_100 ? SPEED_100
						   : SPEED_10;
	if (e->phy[PHY_1000T_CTRL] & PHY_1000T_FD)
		return SPEED_1000;
	return e->phy[PHY_ADVERTISE] & PHY_ADVERTISE_100 ? SPEED_100 : SPEED_10;
}

static bool phy_full_duplex(const struct e1000 *e)
{
	uint16_t offer = e->phy[PHY_ADVERTISE];

	if (!(e->phy[PHY_CTRL] & PHY_CTRL_AUTONEG))
		return e->phy[PHY_CTRL] & PHY_CTRL_FD;
	switch (phy_speed(e)) {
	case SPEED_1000:
		return true;
	case SPEED_100:
		return offer & PHY_ADVERTISE_100_FD;
	default:
		return offer & PHY_ADVERTISE_10_FD;
	}
}

static bool phy_on(const struct e1000 *e)
{
	return !(e->phy[PHY_CTRL] & PHY_CTRL_POWER_DOWN);
}

/* Called whenever something changed that makes the link: here, or there. */
void e1000_link_update(struct e1000 *e)
{
	bool up = e->carrier && phy_on(e);
	bool was = e->link_up;

	e->link_up = up && e1000_get(e, E1000_CTRL) & CTRL_SLU;
	if (!up)
		e->phy_lost = true;
	if (e->link_up == was)
		return;
	e1000_irq_raise(e, ICR_LSC);
	net_mover_wake(e->net.mover);
}

void e1000_carrier(struct net *n, bool up)
{
	struct e1000 *e = e1000_of(n);

	e->carrier = up;
	e1000_link_update(e);
}

/* What the driver forces is not what the transceiver found. */
uint32_t e1000_status_read(const struct e1000 *e)
{
	uint32_t ctrl = e1000_get(e, E1000_CTRL);
	uint32_t speed = phy_speed(e), status = 0;
	bool full = phy_full_duplex(e);

	if (ctrl & CTRL_FRCSPD)
		speed = (ctrl & CTRL_SPEED) >> CTRL_SPEED_SHIFT;
	if (ctrl & CTRL_FRCDPLX)
		full = ctrl & CTRL_FD;
	if (e->link_up)
		status |= STATUS_LU;
	if (full)
		status |= STATUS_FD;
	return status | speed << STATUS_SPEED_SHIFT;
}

/* ---- its registers ---- */

/* The other end sees whether we are there. */
static void power_changed(struct e1000 *e)
{
	if (e->net.driver_ok != phy_on(e))
		net_driver(&e->net, phy_on(e));
	e1000_link_update(e);
}

void e1000_phy_reset(struct e1000 *e)
{
	static const uint16_t at_reset[PHY_NR_REGS] = {
		[PHY_CTRL] = PHY_CTRL_AUTONEG | PHY_CTRL_FD |
			     PHY_CTRL_SPEED_1000,
		[PHY_ADVERTISE] = 0x0de1, /* 10, 100; pause both ways */
		[PHY_1000T_CTRL] = 0x0e00,
		[PHY_SPEC_CTRL] = 0x0068,
		[PHY_EXT_SPEC_CTRL] = 0x0d60,
	};
	unsigned int i;

	for (i = 0; i < PHY_NR_REGS; i++)
		e->phy[i] = at_reset[i];
	e->phy_lost = true;
	power_changed(e);
}

/* Link loss stays until it was read. */
static uint16_t read_status(struct e1000 *e)
{
	bool up = e->carrier && phy_on(e) && !e->phy_lost;
	uint16_t val = 0x7949; /* all of 10 and 100; negotiates; 1000 */

	e->phy_lost = !(e->carrier && phy_on(e));
	return up ? val | PHY_STATUS_DONE | PHY_STATUS_LINK : val;
}

static uint16_t read_spec_status(const struct e1000 *e)
{
	if (!e->carrier || !phy_on(e))
		return 0;
	/* Speed, duplex; both resolved; link. */
	return phy_speed(e) << 14 | phy_full_duplex(e) << 13 | 0x0c00;
}

/* The partner can everything. */
static uint16_t phy_read(struct e1000 *e, unsigned int reg)
{
	bool up = e->carrier && phy_on(e);

	switch (reg) {
	case PHY_STATUS:
		return read_status(e);
	case PHY_ID1:
		return PHY_ID;
	case PHY_ID2:
		return PHY_ID_LOW;
	case PHY_PARTNER:
		return up ? 0x4de1 : 0;
	case PHY_EXPANSION:
		return up ? 0x0005 : 0x0004;
	case PHY_1000T_STATUS:
		return up ? 0x3c00 : 0;
	case PHY_EXT_STATUS:
		return 0x3000; /* 1000BASE-T */
	case PHY_SPEC_STATUS:
		return read_spec_status(e);
	default:
		return e->phy[reg];
	}
}

static void write_ctrl(struct e1000 *e, uint16_t val)
{
	uint16_t kept = val & ~(PHY_CTRL_RESET | PHY_CTRL_RESTART);

	/* A reset keeps what is written beside it. */
	e->phy[PHY_CTRL] = kept;
	if (val & PHY_CTRL_RESTART && val & PHY_CTRL_AUTONEG && e->link_up)
		e1000_irq_raise(e, ICR_LSC);
	power_changed(e);
}

static void phy_write(struct e1000 *e, unsigned int reg, uint16_t val)
{
	switch (reg) {
	case PHY_CTRL:
		write_ctrl(e, val);
		break;
	case PHY_STATUS:
	case PHY_ID1:
	case PHY_ID2:
	case PHY_PARTNER:
	case PHY_EXPANSION:
	case PHY_1000T_STATUS:
	case PHY_EXT_STATUS:
	case PHY_SPEC_STATUS:
		break;
	default:
		e->phy[reg] = val;
	}
}

/* What is read, or was to be written; negative: there is nothing there. */
static int32_t access_phy(struct e1000 *e, uint32_t val)
{
	unsigned int reg = val >> MDIC_REG_SHIFT & 0x1f;

	if ((val >> MDIC_PHY_SHIFT & 0x1f) != PHY_ADDRESS)
		return -1;
	switch (val & MDIC_OP) {
	case MDIC_READ:
		return phy_read(e, reg);
	case MDIC_WRITE:
		phy_write(e, reg, val);
		return val & 0xffff;
	default:
		return -1;
	}
}

void e1000_mdic_write(struct e1000 *e, uint32_t val)
{
	int32_t data = access_phy(e, val);

	val |= MDIC_READY;
	if (data < 0)
		val |= MDIC_ERROR;
	else
		val = (val & ~(MDIC_ERROR | 0xffffu)) | data;
	e1000_set(e, E1000_MDIC, val);
	if (val & MDIC_IRQ)
		e1000_irq_raise(e, ICR_MDAC);
}
