# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What the scripts here share.  Each runs by itself, too:

    python3 tests/clients/test_qemu.py [BUILD] [Class.test_name...]
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.path.join(HERE, "..", "..", "build")
if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
    BUILD = sys.argv.pop(1)
BUILD = os.path.realpath(BUILD)
LAUNCHER = os.path.join(BUILD, "anyvfio")

BDF = "0000:01:00.0"
NVME = f"nvme://{BDF}/1"
DEVICES = "/sys/bus/pci/devices"
NR_HUGEPAGES = "/proc/sys/vm/nr_hugepages"
LIMIT = 120     # seconds: only what hangs takes that long

# driverctl and its kin are an administrator's, but anybody may use them.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def run(*args, **kw):
    """`anyvfio run ARGS`, its output as text."""
    kw.setdefault("timeout", LIMIT)
    return subprocess.run([LAUNCHER, "run", *args], text=True,
                          capture_output=True, check=False, **kw)


def start(*args, **kw):
    return subprocess.Popen([LAUNCHER, "run", *args], **kw)


def may_mount():
    """Not an ordinary user, nor root of most containers."""
    return not subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True, check=False).returncode


def free_huge_pages():
    """Of 2 MiB."""
    words = dict(line.split(":") for line in read("/proc/meminfo").splitlines())
    if words.get("Hugepagesize", "").split() != ["2048", "kB"]:
        return 0
    return int(words["HugePages_Free"])


def sha256(path, length=None):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read(length)).hexdigest()


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


class ClientTest(unittest.TestCase):
    """A directory of its own, in which the runs' directories are too."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="anyvfio-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.runs = os.path.join(self.dir, "runs")
        os.mkdir(self.runs, 0o700)
        old = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = self.runs
        self.addCleanup(self.restore, old)

    @staticmethod
    def restore(old):
        if old is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = old

    def path(self, name):
        return os.path.join(self.dir, name)

    def file(self, name, size):
        """A sparse file of that size."""
        with open(self.path(name), "wb") as file:
            file.truncate(size)
        return self.path(name)

    def good(self, *args, **kw):
        """A run that must succeed in silence of our own; what it wrote."""
        done = run(*args, **kw)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("anyvfio:", done.stderr)
        return done.stdout

    def bad(self, status, *args, **kw):
        """A run that must end with that status; what it said."""
        done = run(*args, **kw)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stderr

    def unprivileged(self, *args):
        """A run of a user without any right, as in a strict container."""
        where = tempfile.mkdtemp(prefix="anyvfio-test-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, where)
        os.chmod(where, 0o755)
        for name in ("anyvfio", "libanyvfio.so"):
            shutil.copy(os.path.join(BUILD, name), where)
        change = ["--reuid", "65534", "--regid", "65534", "--clear-groups",
                  "--bounding-set=-all"] if os.geteuid() == 0 else []
        return subprocess.run(
            ["setpriv", *change, "--inh-caps=-all", "--no-new-privs",
             os.path.join(where, "anyvfio"), "run", *args],
            text=True, capture_output=True, check=False, cwd="/", env={
                k: v for k, v in os.environ.items()
                if k != "XDG_RUNTIME_DIR"})

    def huge_pages(self, nr):
        """That many, for one test at a time: those that are free, or made."""
        # Opened first, so closed last, when they are as they were.
        turn = open(__file__, encoding="ascii")
        self.addCleanup(turn.close)
        fcntl.flock(turn, fcntl.LOCK_EX)
        if free_huge_pages() >= nr:
            return
        before = read(NR_HUGEPAGES).strip()
        try:
            with open(NR_HUGEPAGES, "w", encoding="ascii") as file:
                file.write(str(int(before) + nr))
        except OSError as error:
            self.skipTest(f"no huge pages, and none can be made: {error}")
        self.addCleanup(subprocess.run, ["sh", "-c", f"echo {before} "
                                         f">{NR_HUGEPAGES}"], check=True)
        if free_huge_pages() < nr:
            self.skipTest("this machine has no memory for huge pages")

    def left_nothing(self):
        """DPDK of an ordinary user keeps a directory of its own there."""
        self.assertEqual(set(os.listdir(self.runs)) - {"dpdk"}, set())


def main():
    unittest.main(verbosity=2)
