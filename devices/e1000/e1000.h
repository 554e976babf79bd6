/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An Intel 82540EM, a gigabit network card without a processor: a driver reaches
 * its EEPROM and its transceiver bit by bit and word by word, reading has side
 * effects, and every register access is a call of this model.
 *
 * It is one of the cards of ../net/net.h.  All of struct e1000 but the constant
 * part is guarded by the mover's lock, which register accesses take: what they do
 * is done in the program's thread, frames are moved in the mover's.
 */
#ifndef ANYVFIO_E1000_H
#define ANYVFIO_E1000_H

#include <stdbool.h>
#include <stdint.h>

#include "../net/net.h"
#include "spec.h"

#define E1000_DESC_SIZE 16u
#define E1000_MAX_FRAME 16384u /* with its FCS */
#define E1000_MAX_DATA (80u << 10) /* of a frame that is cut */
#define E1000_MAX_OUT (E1000_MAX_FRAME + 64)

/* What the pins of EECD have said since chip select came. */
struct e1000_microwire {
	unsigned int nr; /* bits in, from the start bit on */
	uint32_t in;
	bool reading;
	unsigned int addr, left;
	uint16_t out;
	bool data_out;
};

struct e1000_ring {
	struct e1000 *e;
	uint32_t regs; /* where its registers are */
	bool failed; /* until it is set up again */
};

struct e1000_tx {
	struct e1000_ring ring;
	uint32_t causes; /* of an interrupt at the end of a burst */

	/* What is gathered, and the descriptors it began and ended with. */
	bool begun, bad;
	uint32_t len;
	struct e1000_tx_desc first, last;
	uint8_t data[E1000_MAX_DATA];

	/* What is sent of it; until it is, its last descriptor, @desc, stays. */
	bool waiting;
	struct e1000_tx_desc desc;
	struct e1000_tx_context context;
	uint32_t header_len, sent; /* of a frame that is cut; of its payload */
	bool built; /* @out is the next to go */
	uint32_t out_len, out_payload;
	uint8_t out[E1000_MAX_OUT];
};

struct e1000 {
	struct net net;
	struct anyvfio_device *dev;

	/* Constant from create on. */
	uint16_t eeprom[EEPROM_WORDS];

	/* The mover's lock. */
	uint32_t reg[E1000_END / 4];
	uint32_t icr, ims;
	bool asserted; /* the pin */
	uint32_t io_addr;
	struct e1000_microwire microwire;
	uint16_t phy[PHY_NR_REGS];
	bool phy_lost; /* the link, since PHY_STATUS was read */
	bool carrier; /* the other end is there */
	bool link_up;
	struct e1000_ring rx;
	uint8_t rx_frame[E1000_MAX_OUT];
	struct e1000_tx tx;
};

static inline struct e1000 *e1000_of(struct net *n)
{
	return (struct e1000 *)((char *)n - offsetof(struct e1000, net));
}

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
void e1000_link_update(struct e1000 *e);
/* The other end of the wire is there, or not any more. */
void e1000_carrier(struct net *n, bool up);

/* ---- irq.c ---- */

void e1000_irq_raise(struct e1000 *e, uint32_t causes);
uint32_t e1000_icr_read(struct e1000 *e);
void e1000_icr_write(struct e1000 *e, uint32_t causes);
void e1000_ims_write(struct e1000 *e, uint32_t causes);
void e1000_imc_write(struct e1000 *e, uint32_t causes);
void e1000_irq_reset(struct e1000 *e);

/* ---- stats.c ---- */

void e1000_count(struct e1000 *e, uint32_t stat, uint32_t nr);
/* One of 64 bits, by its lower half. */
void e1000_count_bytes(struct e1000 *e, uint32_t stat, uint32_t nr);
/* The one of six that begin with @first for a frame of @len bytes. */
uint32_t e1000_size_counter(uint32_t first, uint32_t len);
uint32_t e1000_stat_read(struct e1000 *e, uint32_t off);

/* ---- ring.c ---- */

uint32_t e1000_ring_size(const struct e1000_ring *r);
/* How many descriptors are the device's; none when the ring makes no sense. */
uint32_t e1000_ring_owned(const struct e1000_ring *r);
/* The @nth from the head: only while it owns that. */
int e1000_ring_read(struct e1000_ring *r, uint32_t nth, void *desc);
int e1000_ring_write(struct e1000_ring *r, uint32_t nth, unsigned int off,
		     const void *part, size_t len);
void e1000_ring_advance(struct e1000_ring *r, uint32_t nr);
void e1000_ring_written(struct e1000_ring *r, uint32_t off);

/* ---- receive.c ---- */

int e1000_deliver(struct net *n, unsigned int pair,
		  const struct net_packet *pkt);

/* ---- transmit.c ---- */

/* Each write of a tail is trapped: @busy or not, the mover hears of it. */
unsigned int e1000_transmit(struct net *n, bool busy);
void e1000_transmit_reset(struct e1000 *e);

/* ---- offload.c ---- */

uint32_t e1000_fcs(const uint8_t *data, size_t len);
/* Of the bytes from @start up to @last, or the end: 0; into @offset.  What is there
 * already counts.  @udp: 0 is written as its other form. */
void e1000_checksum(uint8_t *frame, uint32_t len, uint32_t start,
		    uint32_t offset, uint32_t last, bool udp);
void e1000_context_checksums(struct e1000_tx *tx);
/* What was gathered is to be cut: can it be? */
bool e1000_segments_begin(struct e1000 *e);
/* The one that begins with byte @tx->sent of the payload. */
void e1000_segment_build(struct e1000 *e);

#endif /* ANYVFIO_E1000_H */
