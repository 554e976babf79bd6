#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debian's own qemu-img and qemu-io on a software NVMe controller."""
import os
import signal
import subprocess
import sys
import threading
import unittest

import client
from client import ClientTest, NVME, sha256

MB = 1 << 20


def io(*commands, readonly=False):
    """A qemu-io command line."""
    args = ["qemu-io", "-f", "raw"] + (["-r"] if readonly else [])
    for command in commands:
        args += ["-c", command]
    return args + [NVME]


class Convert(ClientTest):
    def source(self, size):
        """An image that no wrong offset leaves the same, with holes."""
        name = self.path("source")
        with open(name, "wb") as file:
            for i in range(0, size, 64 << 10):
                if i // (64 << 10) % 5:
                    file.seek(i)
                    file.write((i // 512).to_bytes(8, "little") * 8192)
            file.truncate(size)
        return name

    def test_through_memory_in_one_run(self):
        source, back = self.source(24 * MB), self.path("back")
        self.good("-d", "nvme,size=24M", "--", "sh", "-ec",
                  f"qemu-img convert -n -f raw -O raw {source} {NVME}; "
                  f"qemu-img convert -f raw -O raw {NVME} {back}")
        self.assertEqual(sha256(back), sha256(source))
        self.left_nothing()

    def test_through_an_image_in_two_runs(self):
        source, back = self.source(24 * MB), self.path("back")
        disk = self.file("disk", 24 * MB)
        self.good("-d", f"nvme,file={disk}", "--", "qemu-img", "convert", "-n",
                  "-f", "raw", "-O", "raw", source, NVME)
        self.assertEqual(sha256(disk), sha256(source))
        self.good("-d", f"nvme,file={disk}", "--", "qemu-img", "convert",
                  "-f", "raw", "-O", "raw", NVME, back)
        self.assertEqual(sha256(back), sha256(source))

    def test_to_other_formats_and_other_queues(self):
        source, back = self.source(8 * MB), self.path("back.qcow2")
        disk = self.file("disk", 8 * MB)
        for extra in ([], ["-m", "16", "-W"], ["-t", "writethrough"], ["-t", "none"]):
            with self.subTest(extra=extra):
                self.good("-d", f"nvme,file={disk}", "--", "qemu-img",
                          "convert", "-n", *extra, "-f", "raw", "-O", "raw",
                          source, NVME)
                self.good("-d", f"nvme,file={disk}", "--", "qemu-img",
                          "convert", "-f", "raw", "-O", "qcow2", NVME, back)
                self.good("-d", f"nvme,file={disk}", "--", "qemu-img",
                          "compare", "-f", "raw", "-F", "qcow2", NVME, back)

    def test_large_blocks(self):
        source, back = self.source(8 * MB), self.path("back")
        disk = self.file("disk", 8 * MB)
        self.good("-d", f"nvme,file={disk},lba=4096", "--", "sh", "-ec",
                  f"qemu-img convert -n -f raw -O raw {source} {NVME}; "
                  f"qemu-img convert -f raw -O raw {NVME} {back}")
        self.assertEqual(sha256(back), sha256(source))


class Patterns(ClientTest):
    def test_each_size_from_1_to_64_kib(self):
        """Each with a pattern of its own, and untouched bytes around it."""
        write, read, at = [], [], 512
        for i, size in enumerate(n << 10 for n in range(1, 65)):
            write.append(f"write -P {i + 1} {at} {size}")
            read += [f"read -P {i + 1} {at} {size}",
                     f"read -P 0 {at + size} 512"]
            at += size + 512
        self.good("-d", "nvme,size=4M", "--", *io(*write, *read))

    def test_unaligned_ends(self):
        """Bytes that are no whole blocks: QEMU reads, changes, writes."""
        for engine in ("uring", "threads"):
            disk = self.file("disk", 4 * MB)
            self.good("-d", f"nvme,file={disk},engine={engine}", "--", *io(
                "write -P 0x5a 512 1024", "write -P 0x33 700 100",
                "read -P 0x5a 512 188", "read -P 0x33 700 100",
                "read -P 0x5a 800 736", "read -P 0 0 512",
                "write -P 0x11 65535 131074", "read -P 0x11 65535 131074",
                "read -P 0 65534 1", "read -P 0 196609 1", "flush"))

    def test_vectors_and_many_at_once(self):
        self.good("-d", "nvme,size=16M", "--", *io(
            "writev -P 7 0 4k 8k 512 64k", "readv -P 7 0 512 8k 64k 4k",
            *(f"aio_write -P {i} {i}M 1M" for i in range(1, 12)), "aio_flush",
            *(f"aio_read -P {i} {i}M 1M" for i in range(1, 12)), "aio_flush"))

    def test_discard_and_zeroes(self):
        disk = self.file("disk", 4 * MB)
        self.good("-d", f"nvme,file={disk}", "--", *io(
            "write -P 9 0 1M", "write -z 64k 64k", "read -P 0 64k 64k",
            "read -P 9 0 64k", "read -P 9 128k 64k", "discard 256k 64k",
            "read -P 9 512k 64k"))

    def test_the_end_of_the_disk(self):
        self.good("-d", "nvme,size=1M", "--", *io(
            "write -P 3 1048064 512", "read -P 3 1048064 512", "length"))
        # qemu-io refuses by itself what it knows to be beyond.
        done = client.run("-d", "nvme,size=1M", "--", *io("read 1M 512"))
        self.assertNotEqual(done.returncode, 0)

    def test_qemu_img_bench(self):
        for extra in ([], ["-w"], ["-d", "64", "-s", "65536"]):
            self.good("-d", "nvme,size=16M", "--", "qemu-img", "bench", "-f",
                      "raw", "-c", "2000", *extra, NVME)


class Images(ClientTest):
    """Images that are not what one would wish."""

    def test_missing(self):
        said = self.bad(125, "-d", f"nvme,file={self.path('none')}", "true")
        self.assertIn("No such file", said)

    def test_a_directory(self):
        self.bad(125, "-d", f"nvme,file={self.dir}", "true")

    def test_empty_or_shorter_than_a_block(self):
        for size in (0, 100, 511):
            disk = self.file("disk", size)
            self.assertIn(disk, self.bad(125, "-d", f"nvme,file={disk}",
                                         "true"))

    def test_an_odd_tail_is_not_there(self):
        disk = self.file("disk", MB + 300)
        done = client.run("-d", f"nvme,file={disk}", "--", *io("length"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 MiB", done.stdout)

    def test_a_file_that_may_not_be_written(self):
        disk = self.file("disk", MB)
        os.chmod(self.dir, 0o755)
        os.chmod(disk, 0o444)
        done = self.unprivileged("-d", f"nvme,file={disk}", "--",
                                 *io("read -P 0 0 1M", readonly=True))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.unprivileged("-d", f"nvme,file={disk}", "--",
                                 *io("write 0 4k"))
        self.assertNotEqual(done.returncode, 0)
        os.chmod(disk, 0)
        done = self.unprivileged("-d", f"nvme,file={disk}", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(f"{disk}: Permission denied", done.stderr)

    def test_an_image_in_use_is_refused(self):
        """The second run may start, but cannot open the device."""
        disk = self.file("disk", MB)
        with client.start("-d", f"nvme,file={disk}", "--", "qemu-io", "-f",
                          "raw", NVME, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as program:
            program.stdin.write("read 0 512\n")
            program.stdin.flush()
            for line in program.stdout:
                if "ops" in line:
                    break
            done = client.run("-d", f"nvme,file={disk}", "--",
                              *io("read 0 512"))
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("in use", done.stderr)
            program.communicate("quit\n")
        self.good("-d", f"nvme,file={disk}", "--", *io("read 0 512"))

    def test_readonly(self):
        disk = self.file("disk", MB)
        os.chmod(disk, 0o444)
        self.good("-d", f"nvme,file={disk},readonly=on", "--",
                  *io("read -P 0 0 1M", readonly=True))
        done = client.run("-d", f"nvme,file={disk},readonly=on", "--",
                          *io("write -P 1 0 4k"))
        self.assertNotEqual((done.returncode, "rror" in done.stdout),
                            (0, False))
        self.assertEqual(sha256(disk), sha256(self.file("zero", MB)))

    def test_truncated_while_in_use(self):
        """Reading what is gone is an error for the program, not its end."""
        disk = self.file("disk", 8 * MB)
        for engine in ("uring", "threads"):
            os.truncate(disk, 8 * MB)
            with client.start("-d", f"nvme,file={disk},engine={engine}", "--",
                              "qemu-io", "-f", "raw", NVME,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as program:
                program.stdin.write("write -P 1 0 8M\n")
                program.stdin.flush()
                for line in program.stdout:
                    if "ops" in line:
                        break
                os.truncate(disk, MB)
                out = program.communicate("read 4M 64k\nread -P 1 0 64k\n"
                                          "write -P 2 4M 64k\n"
                                          "read -P 2 4M 64k\nquit\n",
                                          timeout=client.LIMIT)[0]
                self.assertEqual(program.returncode, 1, out)
                self.assertIn("read failed: Input/output error", out)
                self.assertIn("read 65536/65536 bytes at offset 0", out)
                self.assertIn("read 65536/65536 bytes at offset 4194304", out)
                self.assertNotIn("verification failed", out)

    @unittest.skipUnless(client.may_mount(), "may not mount file systems")
    def test_the_disk_is_full(self):
        """The file system has no room: an error, and what is there stays."""
        done = subprocess.run(
            ["unshare", "-m", "sh", "-ec",
             f"mount -t tmpfs -o size=2m none {self.runs}; "
             f"truncate -s 8M {self.runs}/disk; export XDG_RUNTIME_DIR=; "
             f"{client.LAUNCHER} run -d nvme,file={self.runs}/disk -- "
             "qemu-io -f raw -c 'write -P 1 0 1M' -c 'write -P 2 2M 4M' "
             f"-c 'read -P 1 0 1M' {NVME}"],
            text=True, capture_output=True, check=False)
        self.assertIn("write failed", done.stdout + done.stderr)
        self.assertIn("read 1048576/1048576", done.stdout)


class Processes(ClientTest):
    def test_two_programs_one_device_in_turn(self):
        self.good("-d", "nvme,size=1M", "--", "sh", "-ec",
                  " ".join(f"'{a}'" if " " in a else a
                           for a in io("write -P 5 0 1M")) + " >/dev/null; " +
                  " ".join(f"'{a}'" if " " in a else a
                           for a in io("read -P 5 0 1M")))

    def test_an_interrupted_program_leaves_the_device_usable(self):
        script = ("qemu-img bench -f raw -w -c 100000000 " + NVME +
                  " >/dev/null & pid=$!; while ! grep -q . "
                  "/proc/$pid/task/*/comm; do :; done; kill -%d $pid; "
                  "wait $pid; qemu-io -f raw -c 'write -P 1 0 4k' "
                  "-c 'read -P 1 0 4k' " + NVME)
        for sig in (signal.SIGTERM, signal.SIGKILL):
            self.good("--", "sh", "-c", script % sig)

    def test_two_devices_in_one_program(self):
        source = self.file("source", 4 * MB)
        with open(source, "r+b") as file:
            file.write(os.urandom(4 * MB))
        two = "nvme://0000:02:00.0/1"
        self.good("-d", f"nvme,file={source}", "-d", "nvme,size=4M", "--",
                  "sh", "-ec",
                  f"qemu-img convert -n -f raw -O raw {NVME} {two}; "
                  f"qemu-img compare -f raw -F raw {NVME} {two}")

    def test_programs_side_by_side(self):
        """Separate runs share nothing."""
        def one(i, results):
            results[i] = client.run(
                "-d", "nvme,size=2M", "--",
                *io(f"write -P {i + 1} 0 2M", f"read -P {i + 1} 0 2M"))

        results = {}
        threads = [threading.Thread(target=one, args=(i, results))
                   for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for done in results.values():
            self.assertEqual(done.returncode, 0, done.stderr)
        self.left_nothing()


if __name__ == "__main__":
    sys.exit(client.main())
