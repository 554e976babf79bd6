#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Nothing is left behind, however a run ends; and where it may run at all."""
import os
import random
import select
import signal
import subprocess
import sys
import unittest

import client
from client import ClientTest, DEVICES, LAUNCHER, NVME, start

# Opens the device and waits: a program that has threads, memory and registers.
HOLDER = f"""
import ctypes, fcntl, os, signal, struct, sys
c = os.open("/dev/vfio/vfio", os.O_RDWR)
g = os.open("/dev/vfio/1", os.O_RDWR)
fcntl.ioctl(g, 0x3b68, struct.pack("i", c))
fcntl.ioctl(c, 0x3b66, 3)
libc = ctypes.CDLL(None, use_errno=True)
d = libc.ioctl(g, 0x3b6a, ctypes.c_char_p(b"{client.BDF}"))
assert d >= 0, ctypes.get_errno()
print(os.getpid(), flush=True)
signal.pause()
"""


def wait_gone(pid):
    """Until process @pid has ended; it need not be our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], client.LIMIT)[0])
    finally:
        os.close(fd)


class Killed(ClientTest):
    def holder(self, *prefix):
        program = start("-d", "nvme", "--", *prefix, sys.executable, "-c",
                        HOLDER, stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.stdout.close)
        return program, int(program.stdout.readline())

    def test_a_killed_launcher_takes_its_program_along(self):
        program, pid = self.holder()
        program.kill()
        program.wait(client.LIMIT)
        self.assertTrue(wait_gone(pid))
        self.assertEqual(len(os.listdir(self.runs)), 1)
        self.good("true")
        self.left_nothing()

    def test_a_killed_launcher_takes_grandchildren_with_devices_along(self):
        program, pid = self.holder("sh", "-c", '"$@"; :', "sh")
        program.kill()
        program.wait(client.LIMIT)
        self.assertTrue(wait_gone(pid))
        self.good("true")
        self.left_nothing()

    def test_devices_end_with_the_program(self):
        """What it left running in the background loses them, and ends."""
        program, pid = self.holder("sh", "-c", '"$@" & wait_for=$!; '
                                   'exec sleep 1000', "sh")
        program.terminate()
        program.wait(client.LIMIT)
        self.assertTrue(wait_gone(pid))
        self.left_nothing()

    def test_a_killed_program_is_cleaned_up_after(self):
        program, pid = self.holder()
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(program.wait(client.LIMIT), -signal.SIGKILL)
        self.left_nothing()

    def test_no_device_after_the_launcher(self):
        """A process that comes too late is told so."""
        with start("--", "sh", "-c",
                   "(while kill -0 $PPID 2>/dev/null; do sleep 0.01; done; "
                   "exec 3</dev/vfio/vfio) & kill -9 $PPID",
                   stderr=subprocess.PIPE, text=True) as program:
            self.assertEqual(program.wait(client.LIMIT), -signal.SIGKILL)
            self.assertIn("has ended", program.stderr.read())

    def test_kills_at_random_moments(self):
        """Seeded, so that what fails fails again."""
        rng = random.Random(1)
        for i in range(60):
            program = start("-d", "nvme", "--", "qemu-io", "-f", "raw", "-c",
                            "write 0 1M", "-c", "read 0 1M", NVME,
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                program.wait(rng.random() * 0.06)
            except subprocess.TimeoutExpired:
                pass
            children = self.children(program.pid)
            if i % 2 and children:
                os.kill(children[0], signal.SIGKILL)
            else:
                program.kill()
            program.wait(client.LIMIT)
            for pid in children:
                self.assertTrue(wait_gone(pid))
        self.good("true")
        self.left_nothing()

    @staticmethod
    def children(pid):
        try:
            return [int(n) for n in
                    client.read(f"/proc/{pid}/task/{pid}/children").split()]
        except FileNotFoundError:
            return []


class Stale(ClientTest):
    def name(self, end):
        return os.path.join(self.runs, f"anyvfio-{os.getuid()}-{end}")

    def test_others_are_left_alone(self):
        """A live run, another user's name, what is not a run's at all."""
        os.mkdir(self.path(f"runs/anyvfio-{os.getuid() + 1}-xxxxxx"))
        os.mkdir(self.name("notes"))
        with open(self.name("notes") + "/mine", "w", encoding="ascii"):
            pass
        with open(self.name("file"), "w", encoding="ascii"):
            pass
        with start("--", "sh", "-c", "echo ready; read x",
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE) as live:
            live.stdout.readline()
            self.good("true")
            self.assertEqual(len(os.listdir(self.runs)), 4)
            live.communicate(b"\n")
            self.assertEqual(live.returncode, 0)
        self.assertEqual(len(os.listdir(self.runs)), 3)
        self.assertEqual(os.listdir(self.name("notes")), ["mine"])

    def test_an_empty_one_is_removed(self):
        os.mkdir(self.name("xxxxxx"))
        self.good("true")
        self.left_nothing()

    def test_many_at_once(self):
        """Each starts while others clean; none may take another's for stale."""
        runs = [start("--", "sh", "-c", f"ls {DEVICES} >/dev/null; "
                      f"kill -9 $({'echo $PPID' if i % 3 == 0 else 'echo $$'})"
                      if i % 4 == 0 else f"ls {DEVICES} >/dev/null")
                for i in range(60)]
        for i, one in enumerate(runs):
            self.assertEqual(one.wait(client.LIMIT), -9 if i % 4 == 0 else 0)
        self.good("true")
        self.left_nothing()


class Places(ClientTest):
    """Where the run's directory is, and what a user needs to have."""

    def test_first_place_that_can_be_used(self):
        show = ("--", "sh", "-c", "echo $ANYVFIO_RUN")
        self.assertTrue(self.good(*show).startswith(self.runs))
        os.environ["XDG_RUNTIME_DIR"] = self.path("missing")
        self.assertRegex(self.good(*show), "^/dev/shm/|^/tmp/")
        os.environ["XDG_RUNTIME_DIR"] = "relative"
        self.assertRegex(self.good(*show), "^/dev/shm/|^/tmp/")

    def test_a_link_on_the_way_is_followed_once(self):
        os.symlink(self.runs, self.path("link"))
        os.environ["XDG_RUNTIME_DIR"] = self.path("link")
        self.assertEqual(self.good("--", "sh", "-c",
                                   f"cd {DEVICES} && pwd -P").strip(), DEVICES)
        self.left_nothing()

    def unshared(self, script):
        """Runs @script as root of a mount namespace of its own."""
        done = subprocess.run(["unshare", "-m", "sh", "-ec", script],
                              text=True, capture_output=True, check=False,
                              env={k: v for k, v in os.environ.items()
                                   if k != "XDG_RUNTIME_DIR"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    @unittest.skipUnless(client.may_mount(), "may not mount file systems")
    def test_dev_shm_missing_or_tiny(self):
        write = (f"{LAUNCHER} run -d nvme,size=64M -- sh -c '"
                 'qemu-io -f raw -c "write -P 7 0 32M" -c "read -P 7 0 32M" '
                 f"{NVME} >/dev/null; echo $? $ANYVFIO_RUN'")
        for size in ("4k", "64k", "1m"):
            out = self.unshared(
                f"mount -t tmpfs -o size={size} none /dev/shm; {write}; "
                "ls /dev/shm")
            self.assertRegex(out, r"^0 /(tmp|dev/shm)/\S+\n$", size)
        out = self.unshared("mount -t tmpfs -o ro none /dev/shm; " + write)
        self.assertRegex(out, r"^0 /tmp/\S+\n$")

    def test_any_user_without_any_right(self):
        done = self.unprivileged(
            "--", "sh", "-ec", f"ls {DEVICES}; test -c /dev/vfio/1; "
            f'qemu-io -f raw -c "write -P 7 0 1M" {NVME} >/dev/null; '
            f'qemu-io -f raw -c "read -P 7 0 1M" {NVME} >/dev/null; lspci -n; '
            "grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(client.BDF))
        self.assertIn("01:00.0 0108: 1234:4e56", done.stdout)
        self.assertRegex(done.stdout, r"NoNewPrivs:\s*1")
        if os.geteuid() == 0:
            self.assertRegex(done.stdout, r"CapBnd:\s*0+\n")


if __name__ == "__main__":
    client.main()
