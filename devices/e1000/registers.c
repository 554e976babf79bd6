/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The register file: what is only kept, and where reads and writes do something.
 * Registers have 32 bits; a read of less gives that part of one, a write of less
 * does nothing.
 */
#include "e1000.h"

#include <stddef.h>
#include <string.h>

#define ALL 0xffffffffu

/* ---- those that are only kept ---- */

/* @count in a row; the bits that can be written; what they are after a reset. */
struct kept {
	uint16_t off, count;
	uint32_t writable, reset;
};

static const struct kept kept[] = {
	{ E1000_CTRL_EXT, 1, ALL, 0 },
	{ E1000_FCAL, 2, ALL, 0 },
	{ E1000_FCT, 1, 0xffff, 0 },
	{ E1000_VET, 1, 0xffff, 0x8100 },
	{ E1000_ITR, 1, 0xffff, 0 },
	{ E1000_RCTL, 1, 0x07ffffff, 0 },
	{ E1000_FCTTV, 1, 0xffff, 0 },
	{ E1000_TCTL, 1, ALL, 0 },
	{ E1000_TIPG, 1, 0x3fffffff, 0x00602008 },
	{ E1000_AIT, 1, 0xffff, 0 },
	{ E1000_LEDCTL, 1, ALL, 0x07068302 },
	{ E1000_PBA, 1, 0xffff, 0x00100030 },
	{ E1000_FCRTL, 1, 0x8000fff8, 0 },
	{ E1000_FCRTH, 1, 0x0000fff8, 0 },
	{ E1000_RDBAL, 1, 0xfffffff0, 0 },
	{ E1000_RDBAH, 1, ALL, 0 },
	{ E1000_RDLEN, 1, RING_LEN, 0 },
	{ E1000_RDH, 1, 0xffff, 0 },
	{ E1000_RDT, 1, 0xffff, 0 },
	{ E1000_RDTR, 1, 0xffff, 0 },
	{ E1000_RXDCTL, 1, 0x013f3f3f, 0x00010000 },
	{ E1000_RADV, 1, 0xffff, 0 },
	{ E1000_RSRPD, 1, 0xfff, 0 },
	{ E1000_TDBAL, 1, 0xfffffff0, 0 },
	{ E1000_TDBAH, 1, ALL, 0 },
	{ E1000_TDLEN, 1, RING_LEN, 0 },
	{ E1000_TDH, 1, 0xffff, 0 },
	{ E1000_TDT, 1, 0xffff, 0 },
	{ E1000_TIDV, 1, 0xffff, 0 },
	{ E1000_TXDCTL, 1, 0xff7f3f3f, 0 },
	{ E1000_TADV, 1, 0xffff, 0 },
	{ E1000_TSPMT, 1, ALL, 0x01000400 },
	{ E1000_RXCSUM, 1, 0x7ff, 0 },
	{ E1000_MTA, E1000_NR_MTA, ALL, 0 },
	{ E1000_RAL0, 2 * E1000_NR_RA, ALL, 0 },
	{ E1000_VFTA, E1000_NR_VFTA, ALL, 0 },
	{ E1000_WUC, 1, 0xf, 0 },
	{ E1000_WUFC, 1, 0xf80ff, 0 },
	{ E1000_MANC, 1, ALL, 0 },
};

#define NR_KEPT (sizeof(kept) / sizeof(kept[0]))

static void write_kept(struct e1000 *e, uint32_t off, uint32_t val)
{
	unsigned int i;

	for (i = 0; i < NR_KEPT; i++)
		if (off - kept[i].off < 4u * kept[i].count)
			e1000_set(e, off, val & kept[i].writable);
}

static void reset_kept(struct e1000 *e)
{
	unsigned int i, n;

	for (i = 0; i < NR_KEPT; i++)
		for (n = 0; n < kept[i].count; n++)
			e1000_set(e, kept[i].off + 4 * n, kept[i].reset);
}

/* ---- reset ---- */

/* Address 0 is the card's; it comes out of the EEPROM. */
static void load_address(struct e1000 *e)
{
	const uint16_t *word = e->eeprom;

	e1000_set(e, E1000_RAL0, word[0] | (uint32_t)word[1] << 16);
	e1000_set(e, E1000_RAH0, word[2] | RAH_AV);
}

void e1000_mac_reset(struct e1000 *e)
{
	memset(e->reg, 0, sizeof(e->reg));
	e->microwire = (struct e1000_microwire){ .data_out = true };
	reset_kept(e);
	load_address(e);
	e1000_set(e, E1000_CTRL, CTRL_FD | CTRL_SPEED_1000);
	e1000_set(e, E1000_EECD, EECD_FWE_OFF);
	e1000_set(e, E1000_MDIC, MDIC_READY);
	e1000_transmit_reset(e);
	e->rx.failed = false;
	e1000_link_update(e);
	e1000_irq_reset(e);
}

static void write_ctrl(struct e1000 *e, uint32_t val)
{
	if (val & CTRL_RST) {
		e1000_mac_reset(e);
		return;
	}
	if (val & CTRL_PHY_RST)
		e1000_phy_reset(e);
	e1000_set(e, E1000_CTRL, val & ~CTRL_PHY_RST);
	e1000_link_update(e);
}

/* ---- all of them ---- */

static uint32_t read_reg(struct e1000 *e, uint64_t off)
{
	if (off >= E1000_END)
		return 0;
	if (off >= E1000_STATS && off < E1000_STATS_END)
		return e1000_stat_read(e, off);
	switch (off) {
	case E1000_CTRL_DUP:
		return e1000_get(e, E1000_CTRL);
	case E1000_STATUS:
		return e1000_status_read(e);
	case E1000_EECD:
		return e1000_eecd_read(e);
	case E1000_ICR:
		return e1000_icr_read(e);
	case E1000_IMS:
		return e->ims;
	default:
		return e1000_get(e, off);
	}
}

static void write_reg(struct e1000 *e, uint64_t off, uint32_t val)
{
	if (off >= E1000_END)
		return;
	switch (off) {
	case E1000_CTRL:
	case E1000_CTRL_DUP:
		write_ctrl(e, val);
		break;
	case E1000_EECD:
		e1000_eecd_write(e, val);
		break;
	case E1000_EERD:
		e1000_eerd_write(e, val);
		break;
	case E1000_MDIC:
		e1000_mdic_write(e, val);
		break;
	case E1000_ICR:
		e1000_icr_write(e, val);
		break;
	case E1000_ICS:
		e1000_irq_raise(e, val);
		break;
	case E1000_IMS:
		e1000_ims_write(e, val);
		break;
	case E1000_IMC:
		e1000_imc_write(e, val);
		break;
	default:
		write_kept(e, off, val);
		e1000_ring_written(&e->rx, off);
		e1000_ring_written(&e->tx.ring, off);
	}
	if (off == E1000_TDT || off == E1000_TCTL || off == E1000_RDT ||
	    off == E1000_RCTL)
		net_mover_wake(e->net.mover);
}

/* ---- the BARs ---- */

/* The window that the I/O BAR has on the others. */
static uint32_t io_read(struct e1000 *e, uint64_t off)
{
	if (off == E1000_IOADDR)
		return e->io_addr;
	return off == E1000_IODATA ? read_reg(e, e->io_addr & ~3u) : 0;
}

static void io_write(struct e1000 *e, uint64_t off, uint32_t val)
{
	if (off == E1000_IOADDR)
		e->io_addr = val;
	else if (off == E1000_IODATA)
		write_reg(e, e->io_addr & ~3u, val);
}

static uint64_t read_locked(struct e1000 *e, unsigned int bar, uint64_t off,
			    unsigned int size)
{
	uint64_t val;

	if (bar)
		return io_read(e, off & ~3ull) >> off % 4 * 8;
	val = read_reg(e, off & ~3ull);
	if (size == 8)
		return val | (uint64_t)read_reg(e, off + 4) << 32;
	return val >> off % 4 * 8;
}

uint64_t e1000_bar_read(void *priv, unsigned int bar, uint64_t off,
			unsigned int size)
{
	struct e1000 *e = priv;
	uint64_t val;

	net_mover_lock(e->net.mover);
	val = read_locked(e, bar, off, size);
	net_mover_unlock(e->net.mover);
	return val;
}

static void write_locked(struct e1000 *e, unsigned int bar, uint64_t off,
			 unsigned int size, uint64_t val)
{
	if (bar) {
		io_write(e, off, val);
		return;
	}
	write_reg(e, off, val);
	if (size == 8)
		write_reg(e, off + 4, val >> 32);
}

void e1000_bar_write(void *priv, unsigned int bar, uint64_t off,
		     unsigned int size, uint64_t val)
{
	struct e1000 *e = priv;

	if (size < 4)
		return;
	net_mover_lock(e->net.mover);
	write_locked(e, bar, off, size, val);
	net_mover_unlock(e->net.mover);
}
