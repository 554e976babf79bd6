#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debian's own dpdk-testpmd, its PMD net_e1000_em, on software 82540EMs."""
import struct
import sys

import client
import test_dpdk as dpdk
from client import ClientTest
from test_dpdk import EAL, MAC, ONE, RETRY, Testpmd, packets

NAME = "net_e1000_em"
# What a port has in its ring when it is stopped is lost.
NOT_YET = "--disable-device-start"
WIRE = ["e1000", f"e1000,peer={ONE}"]


def intr(mode):
    return [*EAL, "--vfio-intr", mode]


def total(data):
    """The sum of RFC 1071."""
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f">{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def with_checksums(packet):
    """The same packet with lengths and checksums as they should be."""
    frame, ip, udp = packet[:14], bytearray(packet[14:34]), bytearray(packet[34:])
    struct.pack_into(">H", ip, 2, len(packet) - 14)
    struct.pack_into(">H", ip, 10, 0)
    struct.pack_into(">H", ip, 10, 0xffff - total(bytes(ip)))
    struct.pack_into(">HH", udp, 4, len(udp), 0)
    pseudo = bytes(ip[12:20]) + struct.pack(">HH", 17, len(udp))
    value = 0xffff - total(pseudo + bytes(udp))
    struct.pack_into(">H", udp, 6, value or 0xffff)
    return frame + bytes(ip) + bytes(udp)


class Forward(ClientTest):
    """Every packet of a file arrives in another, byte for byte, in order."""

    forward = dpdk.Forward.forward

    def test_as_it_comes(self):
        said = self.forward("e1000", packets(3000))
        self.assertEqual(said.count(f"Probe PCI driver: {NAME} (8086:100e)"), 2)

    on_huge_pages = dpdk.Forward.on_huge_pages

    def test_huge_pages(self):
        self.huge_pages(64)
        self.on_huge_pages("e1000")

    def test_rings_of_all_sizes(self):
        """Small ones wrap often and are full most of the time."""
        for ring in (32, 4096):
            with self.subTest(ring=ring):
                self.forward("e1000", packets(2000), pmd=[
                    f"--rxd={ring}", f"--txd={ring}",
                    "--total-num-mbufs=20000"])

    def test_packets_larger_than_buffers(self):
        """In several descriptors, and sent from several."""
        made = packets(500, sizes=(64, 2047, 2048, 2049, 9000))
        self.forward("e1000", made, pmd=["--enable-scatter", "--mbuf-size=2176",
                                         "--max-pkt-len=9600"])

    def offload(self, mode, made, *commands):
        """What comes out of testpmd when it leaves work to the cards, behind the
        addresses, for which it puts its own."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        dpdk.write_pcap(source, made)
        dpdk.write_pcap(target, [])
        testpmd = Testpmd(self, [f"e1000,rx={source},mac={MAC}",
                                 f"e1000,tx={target}"], NOT_YET)
        testpmd.do(*commands, "port start all", f"set fwd {mode} retry",
                   *RETRY[1:], "start")
        testpmd.wait_packets(target, len(made))
        testpmd.quit()
        return [p[12:] for p in dpdk.read_pcap(target)]

    def test_checksums_are_the_cards(self):
        """testpmd leaves them to it; they come out as they went in."""
        made = [with_checksums(p) for p in packets(3000)]
        out = self.offload("csum", made, "csum set ip hw 1",
                           "csum set udp hw 1")
        self.assertTrue(out == [p[12:] for p in made])

    def test_tags_are_stripped_and_inserted(self):
        """One comes in and is taken off, another goes out: where the card's VLAN
        mode is on (CTRL.VME), which DPDK ties to stripping.  It turns it on after
        receiving, so what fills the first ring may come in before."""
        ring = 256
        made = packets(3000)
        tagged = [p[:12] + b"\x81\0\x20\x07" + p[12:] for p in made]
        for strips, tag in (((0,), b""), ((0, 1), b"\x81\0\0\5")):
            with self.subTest(strips=strips):
                out = self.offload("mac", tagged, "tx_vlan set 1 5", *[
                    f"vlan set strip on {port}" for port in strips])
                self.assertEqual(len(out), len(made))
                self.assertTrue(out[ring:] == [tag + p[12:]
                                               for p in made[ring:]])


class Wire(ClientTest):
    count = dpdk.Wire.count
    unplug = dpdk.Wire.unplug

    def go_round(self, devices):
        testpmd = Testpmd(self, devices)
        testpmd.do("start tx_first 4")

        def went_round():
            testpmd.do("show port stats all")
            return max([0] + self.count(testpmd.said(), "RX-packets")) > 5000

        testpmd.wait(went_round)
        testpmd.do("stop")
        said = testpmd.quit()
        self.assertEqual(set(self.count(said, "RX-missed")), {0})
        self.assertEqual(set(self.count(said, "TX-errors")), {0})

    def test_packets_go_round_and_round(self):
        self.go_round(WIRE)

    def test_other_end_may_be_of_another_kind(self):
        self.go_round(["e1000", f"virtio-net,peer={ONE}"])

    def test_link_state_is_an_interrupt(self):
        """Of the pin and of MSI.  (DPDK would take MSI-X, which is not there.)"""
        for mode in ("legacy", "msi"):
            with self.subTest(mode=mode):
                testpmd = Testpmd(self, WIRE, eal=intr(mode))
                testpmd.wait_for("Done")
                before = testpmd.said().count("Port 0: link state change")
                testpmd.do("port stop 1")
                testpmd.wait_for("Port 0: link state change event", before + 1)
                testpmd.do("show port summary 0")
                testpmd.wait_for(f"{ONE} {NAME}   down")
                testpmd.do("port start 1")
                testpmd.wait_for("Port 0: link state change event", before + 2)
                testpmd.do("show port summary 0")
                testpmd.wait_for(f"{ONE} {NAME}   up")
                testpmd.quit()


    def test_an_unplugged_end_takes_the_link_down(self):
        self.unplug(WIRE, eal=intr("msi"))


class Life(ClientTest):
    def test_stop_start_close(self):
        """Packets arrive after each start; a closed port can be probed anew."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(200)
        dpdk.write_pcap(source, made)
        testpmd = Testpmd(self, [f"e1000,rx={source},mac={MAC},repeat=0",
                                 f"e1000,tx={target}"])
        testpmd.stop_start_close(target, 1000)
        testpmd.quit()
        known = set(made)
        self.assertTrue(all(p in known for p in dpdk.read_pcap(target)))

    def test_statistics_are_the_cards(self):
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(1000)
        dpdk.write_pcap(source, made)
        testpmd = Testpmd(self, [f"e1000,rx={source},mac={MAC}",
                                 f"e1000,tx={target}"])
        testpmd.do(*RETRY, "start")
        testpmd.wait_packets(target, len(made))
        testpmd.do("show port stats 1")
        said = testpmd.quit()
        size = sum(len(p) + 4 for p in made)
        self.assertRegex(said, rf"TX-packets: 1000 .*TX-bytes: *{size}\b")


if __name__ == "__main__":
    sys.exit(client.main())
