/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the device's manual defines, as far as the device has it: Intel's "PCI/PCI-X
 * Family of Gigabit Ethernet Controllers Software Developer's Manual" (8254x).
 */
#ifndef ANYVFIO_E1000_SPEC_H
#define ANYVFIO_E1000_SPEC_H

#include <stdint.h>

#define E1000_PCI_VENDOR 0x8086
#define E1000_PCI_DEVICE 0x100e
#define E1000_BAR_SIZE 0x20000
#define E1000_IO_SIZE 0x40

/* The I/O BAR: the offset of a register, and the register. */
#define E1000_IOADDR 0x0
#define E1000_IODATA 0x4

enum e1000_reg {
	E1000_CTRL = 0x0000,
	E1000_CTRL_DUP = 0x0004,
	E1000_STATUS = 0x0008,
	E1000_EECD = 0x0010,
	E1000_EERD = 0x0014,
	E1000_CTRL_EXT = 0x0018,
	E1000_MDIC = 0x0020,
	E1000_FCAL = 0x0028,
	E1000_FCAH = 0x002c,
	E1000_FCT = 0x0030,
	E1000_VET = 0x0038,
	E1000_ICR = 0x00c0,
	E1000_ITR = 0x00c4,
	E1000_ICS = 0x00c8,
	E1000_IMS = 0x00d0,
	E1000_IMC = 0x00d8,
	E1000_RCTL = 0x0100,
	E1000_FCTTV = 0x0170,
	E1000_TCTL = 0x0400,
	E1000_TIPG = 0x0410,
	E1000_AIT = 0x0458,
	E1000_LEDCTL = 0x0e00,
	E1000_PBA = 0x1000,
	E1000_FCRTL = 0x2160,
	E1000_FCRTH = 0x2168,
	E1000_RDBAL = 0x2800,
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810,
	E1000_RDT = 0x2818,
	E1000_RDTR = 0x2820,
	E1000_RXDCTL = 0x2828,
	E1000_RADV = 0x282c,
	E1000_RSRPD = 0x2c00,
	E1000_TDBAL = 0x3800,
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,
	E1000_TDH = 0x3810,
	E1000_TDT = 0x3818,
	E1000_TIDV = 0x3820,
	E1000_TXDCTL = 0x3828,
	E1000_TADV = 0x382c,
	E1000_TSPMT = 0x3830,
	E1000_STATS = 0x4000,
	E1000_RXCSUM = 0x5000,
	E1000_MTA = 0x5200,
	E1000_RAL0 = 0x5400,
	E1000_RAH0 = 0x5404,
	E1000_VFTA = 0x5600,
	E1000_WUC = 0x5800,
	E1000_WUFC = 0x5808,
	E1000_MANC = 0x5820,
	E1000_END = 0x5c00, /* nothing is behind it */
};

#define E1000_NR_MTA 128
#define E1000_NR_RA 16
#define E1000_NR_VFTA 128

/* Counters; those of bytes have 64 bits. */
enum e1000_stat {
	E1000_MPC = 0x4010,
	E1000_PRC64 = 0x405c, /* 64, 65-127, -255, -511, -1023, longer */
	E1000_GPRC = 0x4074,
	E1000_BPRC = 0x4078,
	E1000_MPRC = 0x407c,
	E1000_GPTC = 0x4080,
	E1000_GORCL = 0x4088,
	E1000_GOTCL = 0x4090,
	E1000_RNBC = 0x40a0,
	E1000_ROC = 0x40ac,
	E1000_TORL = 0x40c0,
	E1000_TOTL = 0x40c8,
	E1000_TPR = 0x40d0,
	E1000_TPT = 0x40d4,
	E1000_PTC64 = 0x40d8,
	E1000_MPTC = 0x40f0,
	E1000_BPTC = 0x40f4,
	E1000_TSCTC = 0x40f8,
	E1000_TSCTFC = 0x40fc,
	E1000_STATS_END = 0x4100,
};

#define CTRL_FD 0x00000001u
#define CTRL_SLU 0x00000040u
#define CTRL_SPEED 0x00000300u
#define CTRL_SPEED_SHIFT 8
#define CTRL_SPEED_1000 0x00000200u
#define CTRL_FRCSPD 0x00000800u
#define CTRL_FRCDPLX 0x00001000u
#define CTRL_RST 0x04000000u
#define CTRL_VME 0x40000000u
#define CTRL_PHY_RST 0x80000000u

#define STATUS_FD 0x0001u
#define STATUS_LU 0x0002u
#define STATUS_SPEED_SHIFT 6

#define EECD_SK 0x001u
#define EECD_CS 0x002u
#define EECD_DI 0x004u
#define EECD_DO 0x008u
#define EECD_FWE 0x030u
#define EECD_FWE_OFF 0x010u
#define EECD_REQ 0x040u
#define EECD_GNT 0x080u
#define EECD_PRES 0x100u

#define EERD_START 0x01u
#define EERD_DONE 0x10u
#define EERD_ADDR_SHIFT 8
#define EERD_DATA_SHIFT 16

#define MDIC_REG_SHIFT 16
#define MDIC_PHY_SHIFT 21
#define MDIC_OP 0x0c000000u
#define MDIC_WRITE 0x04000000u
#define MDIC_READ 0x08000000u
#define MDIC_READY 0x10000000u
#define MDIC_IRQ 0x20000000u
#define MDIC_ERROR 0x40000000u

#define ICR_TXDW 0x00001u
#define ICR_TXQE 0x00002u
#define ICR_LSC 0x00004u
#define ICR_RXDMT0 0x00010u
#define ICR_RXO 0x00040u
#define ICR_RXT0 0x00080u
#define ICR_MDAC 0x00200u
#define ICR_ALL 0x1f6dfu

#define RCTL_EN 0x00000002u
#define RCTL_UPE 0x00000008u
#define RCTL_MPE 0x00000010u
#define RCTL_LPE 0x00000020u
#define RCTL_RDMTS_SHIFT 8
#define RCTL_MO_SHIFT 12
#define RCTL_BAM 0x00008000u
#define RCTL_BSIZE_SHIFT 16
#define RCTL_VFE 0x00040000u
#define RCTL_CFIEN 0x00080000u
#define RCTL_CFI 0x00100000u
#define RCTL_DPF 0x00400000u
#define RCTL_BSEX 0x02000000u
#define RCTL_SECRC 0x04000000u

#define TCTL_EN 0x00000002u
#define TCTL_PSP 0x00000008u

#define RAH_AV 0x80000000u
#define RAH_SOURCE 0x00010000u

#define RING_LEN 0x000fff80u /* of RDLEN and TDLEN */

/* Words of the EEPROM. */
#define EEPROM_WORDS 64
#define EEPROM_ADDRESS_BITS 6
#define EEPROM_CHECKSUM 0x3f
#define EEPROM_SUM 0xbaba

/* The transceiver: a Marvell 88E1011. */
#define PHY_ADDRESS 1
#define PHY_ID 0x0141u
#define PHY_ID_LOW 0x0c24u

enum e1000_phy_reg {
	PHY_CTRL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_ADVERTISE = 4,
	PHY_PARTNER = 5,
	PHY_EXPANSION = 6,
	PHY_1000T_CTRL = 9,
	PHY_1000T_STATUS = 10,
	PHY_EXT_STATUS = 15,
	PHY_SPEC_CTRL = 16,
	PHY_SPEC_STATUS = 17,
	PHY_EXT_SPEC_CTRL = 20,
	PHY_NR_REGS = 32,
};

#define PHY_CTRL_RESET 0x8000u
#define PHY_CTRL_SPEED_100 0x2000u
#define PHY_CTRL_AUTONEG 0x1000u
#define PHY_CTRL_POWER_DOWN 0x0800u
#define PHY_CTRL_RESTART 0x0200u
#define PHY_CTRL_FD 0x0100u
#define PHY_CTRL_SPEED_1000 0x0040u
#define PHY_STATUS_DONE 0x0020u
#define PHY_STATUS_LINK 0x0004u
#define PHY_ADVERTISE_100 0x0180u
#define PHY_ADVERTISE_100_FD 0x0100u
#define PHY_ADVERTISE_10_FD 0x0040u
#define PHY_1000T_FD 0x0200u

/* Descriptors, in the driver's memory, little-endian. */
struct e1000_rx_desc {
	uint64_t addr;
	uint16_t length;
	uint16_t checksum;
	uint8_t status;
	uint8_t errors;
	uint16_t special;
};

#define RXD_DD 0x01u
#define RXD_EOP 0x02u
#define RXD_IXSM 0x04u /* checksums were not looked at */
#define RXD_VP 0x08u
#define RXD_PIF 0x80u /* it passed no exact filter */

struct e1000_tx_desc {
	uint64_t addr;
	/*
	 * A legacy one: length, offset of the checksum, command.  Else: 20 bits
	 * of length, 4 of type, command.
	 */
	uint32_t lower;
	uint8_t status;
	uint8_t options; /* legacy: start of the checksum */
	uint16_t special;
};

#define TXD_EOP 0x01000000u
#define TXD_IFCS 0x02000000u
#define TXD_IC 0x04000000u /* legacy */
#define TXD_TSE 0x04000000u
#define TXD_RS 0x08000000u
#define TXD_RPS 0x10000000u
#define TXD_DEXT 0x20000000u
#define TXD_VLE 0x40000000u
#define TXD_TYPE 0x00f00000u
#define TXD_TYPE_DATA 0x00100000u
#define TXD_LEN 0x000fffffu
#define TXD_TCP 0x01000000u /* in a context */
#define TXD_IP 0x02000000u
#define TXD_DD 0x01u
#define TXD_IXSM 0x01u
#define TXD_TXSM 0x02u

struct e1000_tx_context {
	uint8_t ipcss, ipcso;
	uint16_t ipcse;
	uint8_t tucss, tucso;
	uint16_t tucse;
	uint32_t lower; /* 20 bits: payload; then type and command */
	uint8_t status;
	uint8_t header_len;
	uint16_t mss;
};

#endif /* ANYVFIO_E1000_SPEC_H */
