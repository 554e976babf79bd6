#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debian's own dpdk-testpmd on software network cards."""
import os
import random
import re
import struct
import subprocess
import sys
import time
import unittest

import client
from client import ClientTest

MAC = "02:00:00:00:00:01"
ONE, TWO = "0000:01:00.0", "0000:02:00.0"
LIMIT = client.LIMIT
# Of one run: several can be at a time, each with a directory of its own.
EAL = ["--no-huge", "-m", "128", "-l", "0,1", "--no-telemetry", "--no-shconf"]
HUGE = ["-l", "0,1", "--no-telemetry", "--no-shconf"]
PMD = ["-i", "--total-num-mbufs=4096", "--no-flush-rx"]
# What does not go out at once is tried again: testpmd would drop it.
RETRY = ["set fwd io retry", "set burst tx delay 1 retry 100000000"]


def packets(nr, sizes=(60, 61, 64, 128, 590, 1514), flows=1):
    """Packets that no wrong order, length or byte leaves the same."""
    rng = random.Random(7)
    made = []
    for i in range(nr):
        head = (bytes.fromhex(MAC.replace(":", "")) + b"\x02\0\0\0\0\x02" +
                b"\x08\0\x45\0" + b"\0" * 8 + bytes([64, 17]) + b"\0\0" +
                bytes([10, 0, 0, i % flows]) + b"\x0a\x01\0\x01" +
                struct.pack(">HHHHI", 1000 + i % flows, 7, 0, 0, i))
        made.append(head + rng.randbytes(rng.choice(sizes) - len(head)))
    return made


def flow(packet):
    return packet[29]


def number(packet):
    return struct.unpack(">I", packet[42:46])[0]


def write_pcap(path, made, every=1):
    """@every: microseconds between two of them."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for i, packet in enumerate(made):
            file.write(struct.pack("<IIII", i * every // 1000000,
                                   i * every % 1000000, len(packet),
                                   len(packet)) + packet)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def write_pcapng(path, made):
    with open(path, "wb") as file:
        file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0,
                                                 -1)))
        file.write(block(1, struct.pack("<HHI", 1, 0, 262144)))
        for packet in made:
            file.write(block(6, struct.pack("<IIIII", 0, 0, 0, len(packet),
                                            len(packet)) + packet))


def read_pcap(path):
    """Its packets; a last one that is not whole yet is left out."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        data = file.read()
    made, at = [], 24
    while at + 16 <= len(data):
        size = struct.unpack("<IIII", data[at:at + 16])[2]
        if at + 16 + size > len(data):
            break
        made.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return made


class Testpmd:
    """A testpmd that waits for commands."""

    def __init__(self, test, devices, *more, eal=(), wrap=()):
        args = [*wrap, client.LAUNCHER, "run"]
        for device in devices:
            args += ["-d", device]
        self.log = test.path("testpmd.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*args, "--", "stdbuf", "-oL", "dpdk-testpmd", *(eal or EAL), "--", *PMD,
                 *more], stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, text=True)
        test.addCleanup(self.end)
        self.test = test

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, what):
        """Until @what() is true, or the program ended."""
        limit = time.monotonic() + LIMIT
        while not what():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.test.fail(self.said())
            time.sleep(0.02)

    def wait_for(self, text, times=1):
        self.wait(lambda: self.said().count(text) >= times)

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def wait_packets(self, path, nr):
        self.wait(lambda: len(read_pcap(path)) >= nr)

    def stop_start_close(self, target, nr):
        """At least @nr packets arrive in @target after each start of a source
        that has no end; and when both ports were closed and probed anew."""
        for _ in range(3):
            before = len(read_pcap(target))
            self.do(*RETRY, "start")
            self.wait_packets(target, before + nr)
            self.do("stop", "port stop all", "port start all")
        self.do("port stop all", "port close all", f"device detach {ONE}",
                f"device detach {TWO}", f"port attach {ONE}",
                f"port attach {TWO}", "port start all", *RETRY, "start")
        self.wait_for("Now total ports is 2")
        self.wait_packets(target, nr)

    def quit(self):
        """It ends well, and we have had nothing to say."""
        self.do("quit")
        self.test.assertEqual(self.process.wait(LIMIT), 0, self.said())
        self.process.stdin.close()
        said = self.said()
        self.test.assertNotIn("anyvfio:", said)
        self.test.assertIn("Bye...", said)
        return said

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()


class Forward(ClientTest):
    """Every packet of a file arrives in another, byte for byte, in order."""

    def forward(self, device, made, *more, write=write_pcap, pmd=(), **kw):
        source, target = self.path("in.pcap"), self.path("out.pcap")
        write(source, made)
        if os.path.exists(target):
            os.unlink(target)
        testpmd = Testpmd(self, [f"{device},rx={source},mac={MAC}",
                                 f"{device},tx={target}"], *pmd, **kw)
        testpmd.do(*RETRY, *more, "start")
        testpmd.wait_packets(target, len(made))
        said = testpmd.quit()
        self.assertTrue(read_pcap(target) == made,
                        [number(packet) for packet in read_pcap(target)])
        self.left_nothing()
        return said

    def on_huge_pages(self, device):
        """Mapped as they are needed; and all at once, files of a hugetlbfs."""
        said = self.forward(device, packets(3000), eal=[*HUGE, "--in-memory"])
        self.assertIn("Selected IOVA mode 'VA'", said)
        if not client.may_mount():
            return
        self.forward(device, packets(3000), wrap=[
            "unshare", "-m", "sh", "-c",
            'mount -t hugetlbfs none /mnt && exec "$@"', "sh"], eal=[
                *HUGE, "-m", "64", "--huge-dir", "/mnt", "--huge-unlink"])

    def test_huge_pages(self):
        self.huge_pages(64)
        for ring in ("packed=off", "packed=on", "interface=legacy"):
            with self.subTest(ring=ring):
                self.on_huge_pages(f"virtio-net,{ring}")

    def test_transitional_takes_the_modern_way(self):
        self.forward("virtio-net", packets(3000))

    def test_modern(self):
        said = self.forward("virtio-net,interface=modern", packets(3000))
        self.assertIn("(1af4:1041)", said)

    def test_legacy(self):
        said = self.forward("virtio-net,interface=legacy", packets(3000))
        self.assertIn("(1af4:1000)", said)

    def test_packed(self):
        self.forward("virtio-net,packed=on", packets(3000))

    def test_packed_and_split_vectorized(self):
        for ring in ("on", "off"):
            self.forward(f"virtio-net,packed={ring}", packets(3000), eal=[
                *EAL, "-a", f"{ONE},vectorized=1", "-a", f"{TWO},vectorized=1"])

    def test_rings_of_all_sizes(self):
        """Small ones wrap often and are full most of the time."""
        for ring in (16, 32, 1024):
            for packed in ("on", "off"):
                with self.subTest(ring=ring, packed=packed):
                    self.forward(f"virtio-net,ring={ring},packed={packed}",
                                 packets(2500))

    def test_packets_larger_than_buffers(self):
        """Merged from several buffers, and sent from several."""
        made = packets(500, sizes=(64, 2036, 2037, 3000, 9000))
        for ring in ("packed=on", "packed=off", "interface=legacy"):
            with self.subTest(ring=ring):
                self.forward(f"virtio-net,{ring}", made,
                             pmd=["--enable-scatter",
                                  "--tx-offloads=0x8000",
                                  "--max-pkt-len=9600"])

    def test_pcapng(self):
        self.forward("virtio-net", packets(500), write=write_pcapng)

    def test_polled_notifications(self):
        """What comes while DPDK starts is thrown away by it: a ring full."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(3000)
        write_pcap(source, made)
        testpmd = Testpmd(self, [
            f"virtio-net,notify=plain,rx={source},mac={MAC}",
            f"virtio-net,notify=plain,tx={target}"])
        testpmd.do(*RETRY, "start")
        testpmd.wait(lambda: read_pcap(target)[-1:] == made[-1:])
        testpmd.quit()
        arrived = read_pcap(target)
        self.assertTrue(arrived == made[-len(arrived):])


class Queues(ClientTest):
    def test_flows_spread_and_stay_in_order(self):
        """Each flow in the queue it hashes to; more than one is used."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(4000, sizes=(64, 200), flows=16)
        write_pcap(source, made)
        for ring in ("on", "off"):
            if os.path.exists(target):
                os.unlink(target)
            testpmd = Testpmd(
                self, [f"virtio-net,queues=4,packed={ring},rx={source},"
                       f"mac={MAC}",
                       f"virtio-net,queues=4,packed={ring},tx={target}"],
                "--rxq=4", "--txq=4")
            testpmd.do(*RETRY, "start")
            testpmd.wait_packets(target, len(made))
            testpmd.do("stop", "show fwd stats all")
            said = testpmd.quit()
            arrived = read_pcap(target)
            self.assertEqual(sorted(arrived), sorted(made))
            for i in range(16):
                numbers = [number(p) for p in arrived if flow(p) == i]
                self.assertEqual(numbers, sorted(numbers))
            used = re.findall(r"RX Port= 0/Queue= *(\d) ", said)
            self.assertEqual(len(set(used)), 4, said)

    def test_fewer_queues_than_there_are(self):
        """The device uses those that the driver asked for (MQ)."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(2000, sizes=(64,), flows=16)
        write_pcap(source, made)
        testpmd = Testpmd(
            self, [f"virtio-net,queues=8,rx={source},mac={MAC}",
                   f"virtio-net,queues=8,tx={target}"],
            "--rxq=3", "--txq=3")
        testpmd.do(*RETRY, "start")
        testpmd.wait_packets(target, len(made))
        testpmd.quit()
        self.assertEqual(sorted(read_pcap(target)), sorted(made))


class Wire(ClientTest):
    WIRE = ["virtio-net", f"virtio-net,peer={ONE}"]

    def count(self, said, what):
        return [int(n) for n in re.findall(what + r": (\d+)", said)]

    def test_what_leaves_one_end_arrives_at_the_other(self):
        """Packets go round and round and none is lost."""
        for extra in ("", ",interface=legacy", ",packed=on",
                      ",interface=modern,notify=plain"):
            with self.subTest(extra=extra):
                testpmd = Testpmd(self, [w + extra for w in self.WIRE])
                testpmd.do("start tx_first 4")

                def went_round():
                    testpmd.do("show port stats all")
                    return max([0] + self.count(testpmd.said(),
                                                "RX-packets")) > 5000

                testpmd.wait(went_round)
                testpmd.do("stop", "show port stats all")
                said = testpmd.quit()
                # In flight when it stopped: no more than were sent first.
                tail = said[said.rindex("Port statistics"):] if \
                    "Port statistics" in said else said
                sent = sum(self.count(tail, "TX-packets")[-2:])
                got = sum(self.count(tail, "RX-packets")[-2:])
                self.assertLessEqual(sent - got, 2 * 4 * 32)
                self.assertEqual(set(self.count(said, "TX-errors")), {0})

    def test_a_closed_end_takes_the_link_down(self):
        """The other end hears of it by an interrupt (LSC), both ways.  (Not with
        the legacy registers: DPDK chooses the vector before it enables MSI-X,
        and so writes to the address instead.)"""
        for extra in ("", ",interface=modern,packed=on"):
            with self.subTest(extra=extra):
                testpmd = Testpmd(self, [w + extra for w in self.WIRE])
                testpmd.wait_for("Done")
                testpmd.do("show port summary 0")
                testpmd.wait_for(f"{ONE} net_virtio     up")
                testpmd.do("port stop 1", "port close 1")
                testpmd.wait_for("Port 0: link state change event")
                testpmd.do("show port summary 0")
                testpmd.wait_for(f"{ONE} net_virtio     down")
                testpmd.do(f"device detach {TWO}", f"port attach {TWO}",
                           "port start 1")
                testpmd.wait_for("Port 0: link state change event", 2)
                testpmd.quit()


    def unplug(self, *args, **kw):
        """One end of a wire, from outside; the other one's link goes down."""
        testpmd = Testpmd(self, *args, "--hot-plug", **kw)
        testpmd.wait_for("Done")
        before = testpmd.said().count("Port 0: link state change event")
        subprocess.run([client.LAUNCHER, "ctl", str(testpmd.process.pid),
                        "remove", TWO], check=True)
        testpmd.wait_for("Port 0: link state change event", before + 1)
        testpmd.do("show port summary all")
        testpmd.wait_for("Number of available ports: 1")
        self.assertRegex(testpmd.quit(), f"0 .* {ONE} .* down")

    def test_an_unplugged_end_takes_the_link_down(self):
        self.unplug(self.WIRE)


class Interrupts(ClientTest):
    """DPDK's drivers in a program that sleeps until a packet comes: every one is
    10 ms after the one before.  Some may come while it is awake."""

    def setUp(self):
        super().setUp()
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"],
                               check=True, capture_output=True, text=True)
        source = os.path.join(client.HERE, "rx_interrupt.c")
        self.program = self.path("rx_interrupt")
        subprocess.run(["cc", "-O1", "-o", self.program, source,
                        *flags.stdout.split()], check=True)

    def receive(self, device, *eal):
        source = self.path("in.pcap")
        write_pcap(source, packets(100), every=10000)
        said = self.good("-d", f"{device},rx={source},mac={MAC},pace=original",
                         "--", self.program, *EAL, *eal, "--", "100")
        slept = re.search(r"received 100, slept (\d+)$", said, re.M)
        self.assertTrue(slept, said)
        self.assertGreater(int(slept[1]), 5)

    def test_of_receive_queues(self):
        for device in ("virtio-net", "virtio-net,interface=legacy",
                       "virtio-net,packed=on"):
            with self.subTest(device=device):
                self.receive(device)

    def test_of_the_pin_and_msi(self):
        for mode in ("legacy", "msi"):
            with self.subTest(mode=mode):
                self.receive("e1000", "--vfio-intr", mode)


class Life(ClientTest):
    def test_stop_start_close(self):
        """Packets arrive after each start; a closed port can be probed anew."""
        source, target = self.path("in.pcap"), self.path("out.pcap")
        made = packets(200)
        write_pcap(source, made)
        testpmd = Testpmd(self, [f"virtio-net,rx={source},mac={MAC},repeat=0",
                                 f"virtio-net,tx={target}"])
        testpmd.stop_start_close(target, 2000)
        testpmd.quit()
        known = set(made)
        self.assertTrue(all(p in known for p in read_pcap(target)))

    def test_killed_while_it_forwards(self):
        """The next run finds nothing of it."""
        wire = ["-d", "virtio-net", "-d", f"virtio-net,peer={ONE}"]
        testpmd = Testpmd(self, [wire[1], wire[3]])
        testpmd.do("start tx_first")
        testpmd.wait_for("packets/burst")
        testpmd.process.kill()
        testpmd.process.wait()
        Testpmd(self, [wire[1], wire[3]]).quit()


if __name__ == "__main__":
    sys.exit(client.main())
