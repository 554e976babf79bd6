# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debian's QEMU under `anyvfio run`, and guests that own software functions.

A guest is Debian's kernel with an initramfs of busybox; tests/vm/vmrun makes
both.  What its command writes comes by the second serial line, its status by
the third, the kernel's log by the first.  Emulated processors: no right is
needed, and a guest starts in seconds."""
import os
import re
import shutil
import subprocess

import client
from client import ClientTest, HERE

LIMIT = 300     # seconds: only what hangs takes that long
VM = os.path.join(HERE, "..", "vm")
# e2fsck and its kin are an administrator's, but anybody may use them.
os.environ["PATH"] += ":/usr/sbin:/sbin"
FIRST = 1 << 20     # where the file system of a bootable disk is


def address(i):
    """Of the i-th -d."""
    return f"0000:{i + 1:02x}:00.0"


class GuestTest(ClientTest):
    def make(self, command, modules="nvme", copy=None, more="",
             disk="/dev/nvme0n1"):
        """A kernel, an initramfs and a command line; their directory.  The
        guest waits for its disk, which its driver finds in its own time."""
        made = self.path("made")
        command = f"until [ -e {disk} ]; do sleep 0.1; done; {command}"
        subprocess.run([os.path.join(VM, "vmrun"), "-o", made, "-m", modules,
                        "-a", more,
                        *(["-c", copy] if copy else []), "-e", command],
                       check=True, timeout=LIMIT)
        return made

    def qemu(self, devices, *args, bus="pcie.0"):
        """The arguments of a run: QEMU with all devices, behind `args`."""
        given = []
        for device in devices:
            given += ["-d", device]
        given += ["--", "qemu-system-x86_64", "-machine", "q35", "-m", "256",
                  "-nodefaults", "-display", "none",
                  "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *args]
        for i in range(len(devices)):
            given += ["-device", f"vfio-pci,host={address(i)},bus={bus}"]
        return given

    def serials(self):
        """The three serial lines; the second is standard output."""
        return ["-serial", f"file:{self.path('log')}",
                "-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
                "-serial", f"file:{self.path('status')}"]

    def start(self, devices, *args, **kw):
        """A guest that somebody else ends."""
        guest = client.start(*self.qemu(devices, *self.serials(), *args, **kw),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.addCleanup(guest.stderr.close)
        self.addCleanup(guest.stdout.close)
        self.addCleanup(guest.kill)
        return guest

    def run_guest(self, devices, *args):
        """What a guest that ends by itself wrote.  Nobody has a complaint."""
        done = client.run(*self.qemu(devices, *self.serials(), *args),
                          stdin=subprocess.DEVNULL, timeout=LIMIT)
        seen = done.stdout + done.stderr + self.log()
        status = client.read(self.path("status"))
        self.assertEqual(status.strip(), "rc 0 taint 0.", seen)
        self.assertEqual(complaints(done.stderr), [], seen)
        self.left_nothing()
        return done.stdout

    def log(self):
        return "\n# ".join(["", *client.read(self.path("log")).splitlines()])

    @staticmethod
    def direct(made):
        """Arguments to start the kernel at once, without firmware's drivers."""
        return ["-kernel", os.path.join(made, "vmlinux"),
                "-initrd", os.path.join(made, "initramfs"),
                "-append", client.read(os.path.join(made, "cmdline")).strip()]

    def bootable(self, made, size):
        """A disk that firmware starts, with GRUB and an ext4 file system in
        which the kernel is."""
        disk = self.path("disk")
        subprocess.run([os.path.join(VM, "mkdisk"), made, disk,
                        str(size >> 20)], check=True, timeout=LIMIT)
        return disk

    def file_system(self, disk):
        """That of a bootable disk, in a file: its journal is replayed, and then
        nothing is wrong with it."""
        name = self.path("file_system")
        with open(disk, "rb") as file, open(name, "wb") as to:
            file.seek(FIRST)
            shutil.copyfileobj(file, to)
        self.assertIn(run_quietly("e2fsck", "-fy", name), (0, 1))
        self.assertEqual(run_quietly("e2fsck", "-fn", name), 0)
        return name

    def inside(self, file_system, name):
        """A file of it."""
        to = self.path("inside")
        self.assertEqual(
            run_quietly("debugfs", "-R", f"dump {name} {to}", file_system), 0)
        return to


def complaints(stderr):
    """What QEMU and anyvfio said; a sanitizer has to say something, too."""
    return re.findall("^(?:anyvfio|qemu-system).*", stderr, re.M)


def run_quietly(*args):
    return subprocess.run(args, capture_output=True, check=False).returncode


def interrupts(output, name):
    """How many interrupts `name` had, from lines of /proc/interrupts."""
    lines = re.findall(rf"^ *\d+:((?: +\d+)+) .*{name}", output, re.M)
    return sum(int(n) for line in lines for n in line.split())
