#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Cards on a tap interface: the kernel's own network stack is at the other end,
in a network namespace of its own."""
import os
import subprocess
import sys

import client
from client import ClientTest
from test_dpdk import MAC, Testpmd

CARDS = ["virtio-net", "virtio-net,interface=legacy", "virtio-net,packed=on",
         "virtio-net,interface=modern,notify=plain", "e1000"]
TAP = "anyvfio0"

# Sends frames of a type that the kernel leaves alone, a few at a time, and wants
# each back.
ECHO = """
import random, socket
TYPE = 0x88b5
rng = random.Random(3)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(TYPE))
s.bind(("anyvfio0", TYPE))
s.settimeout(30)
for i in range(0, 2000, 20):
    sent = [b"\\xff" * 6 + b"\\2\\0\\0\\0\\0\\2" + TYPE.to_bytes(2, "big") +
            nr.to_bytes(4, "big") + rng.randbytes(rng.choice((42, 43, 500, 1496)))
            for nr in range(i, i + 20)]
    for frame in sent:
        s.send(frame)
    for frame in sent:
        assert s.recv(65536) == frame, i
print("all came back")
"""

OPEN = f"""
import fcntl, os, struct
container = os.open("/dev/vfio/vfio", os.O_RDWR)
for nr, name in ((1, "{client.BDF}"), (2, "0000:02:00.0")):
    group = os.open(f"/dev/vfio/{{nr}}", os.O_RDWR)
    fcntl.ioctl(group, 0x3b68, struct.pack("i", container))
    if nr == 1:
        fcntl.ioctl(container, 0x3b66, 1)
    fcntl.ioctl(group, 0x3b6a, bytearray(name.encode() + b"\\0"))
"""


class Tap(ClientTest):
    def setUp(self):
        super().setUp()
        user = [] if os.geteuid() == 0 else ["-r"]
        self.holder = subprocess.Popen(
            ["unshare", "-n", *user, "sh", "-c",
             "exec 3<>/dev/net/tun && echo ready && exec sleep infinity 3<&-"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        if self.holder.stdout.readline() != "ready\n":
            self.skipTest("no network namespace with taps: " +
                          self.holder.stderr.read().strip())
        self.net = ["nsenter", "-t", str(self.holder.pid), "-n"]
        if user:
            self.net += ["-U", "--preserve-credentials"]

    def end(self):
        self.holder.kill()
        self.holder.communicate()

    def inside(self, *command):
        """Its output, and that it went well."""
        done = subprocess.run([*self.net, *command], text=True, check=False,
                              capture_output=True, timeout=client.LIMIT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def forward(self, card, mode):
        """A testpmd with one port, which answers itself."""
        testpmd = Testpmd(self, [f"{card},tap={TAP},mac={MAC}"],
                          wrap=self.net)
        testpmd.do(f"set fwd {mode}", "start")
        testpmd.wait_for("packets/burst")
        return testpmd

    def test_kernel_finds_and_pings_who_is_there(self):
        """By ARP and ICMP, both answered by the driver; at once, and after the
        device has gone to sleep."""
        for card in CARDS:
            with self.subTest(card=card):
                testpmd = self.forward(card, "icmpecho")
                self.inside("ip", "address", "add", "10.77.0.1/24", "dev", TAP)
                for size, every in (("1472", "0.01"), ("56", "0.25")):
                    said = self.inside("ping", "-c", "8", "-i", every, "-s",
                                       size, "-W", "30", "10.77.0.2")
                    self.assertIn(" 8 received", said)
                    self.assertNotIn("wrong data", said)
                self.assertIn(MAC, self.inside("ip", "neigh", "show",
                                               "10.77.0.2"))
                testpmd.quit()
                self.left_nothing()

    def test_frames_come_back_as_they_went(self):
        for card in CARDS:
            with self.subTest(card=card):
                testpmd = self.forward(card, "io")
                self.assertIn("all came back",
                              self.inside(sys.executable, "-c", ECHO))
                testpmd.quit()

    def test_interface_goes_with_the_card_unless_it_was_there(self):
        self.forward("virtio-net", "io").quit()
        self.assertNotIn(TAP, self.inside("ip", "link"))
        self.inside("ip", "tuntap", "add", TAP, "mode", "tap")
        self.forward("virtio-net", "io").quit()
        self.assertIn(TAP, self.inside("ip", "link"))

    def test_one_card_a_tap(self):
        done = subprocess.run(
            [*self.net, client.LAUNCHER, "run", "-d", f"virtio-net,tap={TAP}",
             "-d", f"e1000,tap={TAP}", "--", sys.executable, "-c", OPEN],
            text=True, capture_output=True, check=False)
        self.assertIn("OSError: [Errno 16]", done.stderr)
        self.assertIn(f"tap={TAP}: TUNSETIFF: Device or resource busy",
                      done.stderr)


class Name(ClientTest):
    def test_too_long_a_name(self):
        said = self.bad(1, "-d", "virtio-net,tap=of-sixteen-chars", "--",
                        sys.executable, "-c", OPEN)
        self.assertIn("tap=of-sixteen-chars: the name is too long", said)


if __name__ == "__main__":
    sys.exit(client.main())
