#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""noiommu mode: a program gives its device physical addresses."""
import os
import struct
import subprocess
import sys
import time

import client
from client import ClientTest, LAUNCHER

PACKETS = 300

# Prints whether frames have the numbers of their pages, however one reads.
PAGEMAP = """
import ctypes, mmap, os
mem = mmap.mmap(-1, 4 * 4096)
at = ctypes.addressof(ctypes.c_char.from_buffer(mem))
mem[0] = mem[4096] = mem[3 * 4096] = 1
for path in "/proc/self/pagemap", f"/proc/{os.getpid()}/pagemap":
    fd = os.open(path, os.O_RDONLY)
    pread = os.pread(fd, 32, at // 4096 * 8)
    os.lseek(fd, at // 4096 * 8, os.SEEK_SET)
    assert pread == os.read(fd, 16) + os.read(fd, 16)
    entries = memoryview(pread).cast("Q")
    present = [entry >> 63 for entry in entries]
    assert present == [1, 1, 0, 1], present
    same = [entry & (1 << 55) - 1 == at // 4096 + i
            for i, entry in enumerate(entries)]
    print(*same)
other = os.open("/proc/self/maps", os.O_RDONLY)
assert b"-" in os.read(other, 64)
"""


def pcap(packets):
    return struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", 0, i, len(packet), len(packet)) + packet
        for i, packet in enumerate(packets))


def packets_of(data):
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


class NoIommu(ClientTest):
    def test_frames_have_the_numbers_of_pages(self):
        args = ("-d", "edu", "--", sys.executable, "-c", PAGEMAP)
        out = client.run("--noiommu", *args)
        self.assertEqual(out.stdout, "True True False True\n" * 2, out.stderr)
        out = client.run(*args)
        self.assertEqual(out.stdout, "False False False False\n" * 2,
                         out.stderr)

    def test_an_ordinary_user_has_them_too(self):
        out = self.unprivileged("--noiommu", "-d", "edu", "--", "python3",
                                "-c", PAGEMAP)
        self.assertEqual(out.stdout, "True True False True\n" * 2, out.stderr)

    def test_dpdk_with_physical_addresses(self):
        # Physical addresses are DPDK's with huge pages only.
        self.huge_pages(32)
        packets = [bytes([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0]) +
                   i.to_bytes(4, "big") + bytes(42 + i % 1000)
                   for i in range(PACKETS)]
        with open(self.path("in.pcap"), "wb") as file:
            file.write(pcap(packets))
        out = self.path("out.pcap")
        with open(self.path("log"), "wb") as log:
            run = subprocess.Popen(
                [LAUNCHER, "run", "--noiommu", "-d",
                 f"virtio-net,group=none,mac=02:00:00:00:00:09,"
                 f"rx={self.path('in.pcap')},tx={out}",
                 "--", "dpdk-testpmd", "--in-memory", "-m", "48", "-l", "0,1",
                 "--no-telemetry", "--", "--total-num-mbufs=2048",
                 "--forward-mode=io", "--no-flush-rx"],
                stdin=subprocess.PIPE, stdout=log, stderr=log)
        limit = time.monotonic() + client.LIMIT
        while time.monotonic() < limit and run.poll() is None and (
                not os.path.exists(out) or
                os.path.getsize(out) < len(pcap(packets))):
            time.sleep(0.05)
        run.stdin.write(b"\n")
        run.stdin.close()
        try:
            run.wait(client.LIMIT)
        finally:
            run.kill()
            said = client.read(self.path("log"))
        self.assertEqual(run.returncode, 0, said)
        self.assertIn("Selected IOVA mode 'PA'", said)
        self.assertIn("No-IOMMU", said)
        self.assertNotIn("IOMMU fault", said)
        with open(out, "rb") as file:
            self.assertEqual(list(packets_of(file.read())), packets, said)


if __name__ == "__main__":
    client.main()
