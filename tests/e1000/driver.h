/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A tiny e1000 driver for tests, on a fake device and a mover that stands still.
 * It knows the manual by itself: nothing of the model's headers is used.
 */
#ifndef TEST_E1000_DRIVER_H
#define TEST_E1000_DRIVER_H

#include "../../devices/models.h"
#include "../models/fake_device.h"
#include "../models/still_mover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	CTRL = 0x0,
	STATUS = 0x8,
	EECD = 0x10,
	EERD = 0x14,
	MDIC = 0x20,
	VET = 0x38,
	ICR = 0xc0,
	ICS = 0xc8,
	IMS = 0xd0,
	IMC = 0xd8,
	RCTL = 0x100,
	TCTL = 0x400,
	RDBAL = 0x2800,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	TDBAL = 0x3800,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	MPC = 0x4010,
	GPRC = 0x4074,
	BPRC = 0x4078,
	GPTC = 0x4080,
	GORCL = 0x4088,
	ROC = 0x40ac,
	TPR = 0x40d0,
	MTA = 0x5200,
	RAL = 0x5400,
	RAH = 0x5404,
	VFTA = 0x5600,
};

#define CTRL_SLU (1u << 6)
#define CTRL_RST (1u << 26)
#define CTRL_VME (1u << 30)
#define CTRL_PHY_RST (1u << 31)
#define RCTL_EN (1u << 1)
#define RCTL_UPE (1u << 3)
#define RCTL_MPE (1u << 4)
#define RCTL_LPE (1u << 5)
#define RCTL_BAM (1u << 15)
#define RCTL_256 (3u << 16)
#define RCTL_VFE (1u << 18)
#define RCTL_SECRC (1u << 26)
#define TCTL_EN (1u << 1)
#define TCTL_PSP (1u << 3)
#define LSC 0x04u
#define TXDW 0x01u
#define TXQE 0x02u
#define RXDMT0 0x10u
#define RXO 0x40u
#define RXT0 0x80u

#define TX_EOP 0x01u
#define TX_IFCS 0x02u
#define TX_IC 0x04u
#define TX_RS 0x08u
#define TX_DEXT 0x20u
#define TX_VLE 0x40u
#define TX_ONE (TX_EOP | TX_IFCS | TX_RS)

#define RING 8u /* entries of each ring */
#define TX_RING FAKE_IOVA
#define RX_RING (FAKE_IOVA + 0x10000)
#define TX_BUFFERS (FAKE_IOVA + 0x100000)
#define RX_BUFFERS (FAKE_IOVA + 0x200000)
#define BUFFER 0x8000u

struct sent {
	uint32_t len;
	uint8_t data[16500];
};

/* What leaves a card without a wire is kept here; the first @refuse are not taken
 * at once. */
extern struct sent sent[32];
extern unsigned int nr_sent, refuse;

struct card {
	struct anyvfio_device *dev;
	struct net *net;
	uint32_t tx_tail, rx_tail;
};

/* A card that keeps what it sends, started, its link up, without rings. */
void card_create(struct card *c);
void card_create_with(struct card *c, const char *const *options);
/* Two cards and a wire between them. */
void card_create_pair(struct card *a, struct card *b);
void card_destroy(struct card *c);

uint32_t rd(struct card *c, uint32_t off);
void wr(struct card *c, uint32_t off, uint32_t val);
uint16_t phy_read(struct card *c, unsigned int reg);
void phy_write(struct card *c, unsigned int reg, uint16_t val);

/* Both rings, all receive buffers given; RCTL with @rctl. */
void card_up(struct card *c, uint32_t rctl);

/* A legacy descriptor with the whole of @data, in its own buffer. */
void put_tx(struct card *c, const void *data, uint32_t len, uint8_t cmd);
/* Any descriptor: 16 bytes.  Returns its number. */
unsigned int put_desc(struct card *c, uint64_t low, uint64_t high);
uint64_t tx_buffer(unsigned int nth);
/* Tells the card of what was put, and lets it work. */
void go(struct card *c);
bool tx_done(struct card *c, unsigned int nth);

/* A frame comes in: 0, or -EAGAIN. */
int come(struct card *c, const void *data, uint32_t len);
uint8_t rx_status(struct card *c, unsigned int nth);
uint16_t rx_length(struct card *c, unsigned int nth);
uint16_t rx_special(struct card *c, unsigned int nth);
const uint8_t *rx_data(struct card *c, unsigned int nth);
/* All buffers are the card's again, but one, as always. */
void give_back(struct card *c);

/* A frame of @len bytes to @to (NULL: the card), told apart by @seed. */
void make_frame(struct card *c, uint8_t *frame, uint32_t len, const void *to,
		uint8_t seed);

#endif /* TEST_E1000_DRIVER_H */
