#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""lspci, and what it makes of the devices' config space."""
import re
import subprocess

import client
from client import BDF, ClientTest


class Lspci(ClientTest):
    def lspci(self, *args, device="nvme"):
        """Its output; libkmod may miss the machine's modules, as without us."""
        done = client.run("-d", device, "--", "lspci", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        plain = subprocess.run(["lspci", *args], text=True, check=False,
                               capture_output=True)
        self.assertLessEqual(set(done.stderr.splitlines()),
                             set(plain.stderr.splitlines()))
        return done.stdout

    def test_numbers(self):
        self.assertEqual(self.lspci("-n"), "01:00.0 0108: 1234:4e56 (rev 01)\n")
        self.assertEqual(self.lspci("-n", device="edu"),
                         "01:00.0 00ff: 1234:11e8 (rev 10)\n")

    def test_tree(self):
        self.assertIn("[0000:01]---00.0", self.lspci("-t"))

    def test_machine_readable(self):
        out = self.lspci("-Dvmmnk")
        self.assertIn(f"Slot:\t{BDF}\n", out)
        self.assertIn("Driver:\tvfio-pci\n", out)
        self.assertIn("IOMMUGroup:\t1\n", out)

    def test_every_capability_is_decoded(self):
        for device, caps in (
                ("nvme", ["Power Management version 3", "MSI: Enable- Count=1/",
                          "MSI-X: Enable- Count=", r"Express \(v2\) Endpoint",
                          r"Vector table: BAR=0 offset=0000[0-9a-f]{4}",
                          r"Region 0: Memory at \S+ \(64-bit",
                          r"\[NVM Express\]", "Kernel driver in use: vfio-pci",
                          "IOMMU group: 1"]),
                ("edu", ["MSI: Enable-", r"Region 0: Memory at \S+ \(32-bit",
                         "Interrupt: pin A"]),
                ("virtio-blk", ["Virtio block device", "VirtIO: CommonCfg",
                                "VirtIO: DeviceCfg", "MSI-X: Enable- Count=2",
                                r"Region 0: I/O ports at"]),
                ("virtio-net", ["Virtio network device", "VirtIO: CommonCfg",
                                "VirtIO: Notify", "VirtIO: ISR",
                                "MSI-X: Enable- Count=4",
                                r"Region 4: Memory at \S+ \(64-bit"]),
                ("e1000", ["82540EM Gigabit Ethernet Controller",
                           r"Region 0: Memory at \S+ \(32-bit.*size=128K\]",
                           r"Region 2: I/O ports at \S+ .*size=64\]",
                           "MSI: Enable- Count=1/1", "Interrupt: pin A"])):
            out = self.lspci("-vvv", device=device)
            for cap in caps:
                self.assertRegex(out, cap)
            for bad in ("access denied", "!!!", "Unknown", "<?>", "#ff",
                        "[virtual]"):
                self.assertNotIn(bad, out)

    def test_all_of_config_space_is_there(self):
        out = self.lspci("-xxxx")
        lines = re.findall(r"^[0-9a-f]+: (?:[0-9a-f]{2} ?){16}$", out, re.M)
        self.assertEqual(len(lines), 4096 // 16)
        self.assertTrue(lines[0].startswith("00: 34 12 56 4e"))

    def test_an_ordinary_user_sees_as_much(self):
        done = self.unprivileged("--", "lspci", "-vvv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Express (v2) Endpoint", done.stdout)
        self.assertNotIn("access denied", done.stdout)


if __name__ == "__main__":
    client.main()
