/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The EEPROM: 64 words, read through EERD or bit by bit through EECD, which has the
 * pins of a Microwire 93C46.  It cannot be written.
 */
#include "e1000.h"

/* ---- what is in it ---- */

/* All words not named are erased ones. */
void e1000_eeprom_fill(struct e1000 *e)
{
	uint16_t *word = e->eeprom, sum = 0;
	unsigned int i;

	for (i = 0; i < EEPROM_WORDS; i++)
		word[i] = 0xffff;
	for (i = 0; i < 3; i++)
		word[i] = e->net.mac[2 * i] | e->net.mac[2 * i + 1] << 8;
	word[0x03] = 0; /* a card of no special kind */
	word[0x0a] = 0x6203; /* valid; 32-bit BAR; IDs from here */
	word[0x0b] = E1000_PCI_DEVICE; /* of the board */
	word[0x0c] = E1000_PCI_VENDOR;
	word[0x0d] = E1000_PCI_DEVICE;
	word[0x0e] = E1000_PCI_VENDOR;
	word[0x0f] = 0x3000; /* both directions can pause */
	for (i = 0; i < EEPROM_CHECKSUM; i++)
		sum += word[i];
	word[EEPROM_CHECKSUM] = EEPROM_SUM - sum;
}

/* ---- EERD ---- */

void e1000_eerd_write(struct e1000 *e, uint32_t val)
{
	uint32_t addr = val >> EERD_ADDR_SHIFT & 0xff;
	uint32_t word = addr < EEPROM_WORDS ? e->eeprom[addr] : 0xffff;

	if (val & EERD_START)
		e1000_set(e, E1000_EERD,
			  word << EERD_DATA_SHIFT | addr << EERD_ADDR_SHIFT |
				  EERD_DONE);
}

/* ---- EECD: a start bit, 2 bits of command, 6 of address; then data ---- */

#define COMMAND_BITS (3 + EEPROM_ADDRESS_BITS)
#define COMMAND_READ 2u

static void shift_out(struct e1000_microwire *m, const uint16_t *words)
{
	if (!m->left) {
		m->out = words[m->addr++ % EEPROM_WORDS];
		m->left = 16;
	}
	m->data_out = m->out >> 15;
	m->out <<= 1;
	m->left--;
}

/* The last bit of an address gets a 0 for its answer. */
static void shift_in(struct e1000_microwire *m, bool bit)
{
	if (!m->nr && !bit)
		return;
	m->in = m->in << 1 | bit;
	m->nr++;
	if (m->nr < COMMAND_BITS)
		return;
	m->reading = (m->in >> EEPROM_ADDRESS_BITS & 3) == COMMAND_READ;
	m->addr = m->in % EEPROM_WORDS;
	m->data_out = false;
}

void e1000_eecd_write(struct e1000 *e, uint32_t val)
{
	struct e1000_microwire *m = &e->microwire;
	bool rises = val & EECD_SK && !(e1000_get(e, E1000_EECD) & EECD_SK);

	e1000_set(e, E1000_EECD,
		  val & (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ));
	if (!(val & EECD_CS))
		*m = (struct e1000_microwire){ .data_out = true };
	else if (rises && m->reading)
		shift_out(m, e->eeprom);
	else if (rises && m->nr < COMMAND_BITS)
		shift_in(m, val & EECD_DI);
}

/* Who asks for the pins has them: nobody else does. */
uint32_t e1000_eecd_read(const struct e1000 *e)
{
	uint32_t val = e1000_get(e, E1000_EECD) | EECD_PRES;

	if (val & EECD_REQ)
		val |= EECD_GNT;
	if (e->microwire.data_out)
		val |= EECD_DO;
	return val;
}
