#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Guests of Debian's own QEMU, with software devices through vfio-pci."""
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

import client
import guest
from client import sha256
from guest import GuestTest, interrupts

MB = 1 << 20

# Firmware reads sector 0 from the disk and starts it; it reads sector 1, says
# what is there, writes it to sector 2, and ends the machine.
BOOT_SECTOR = r"""
.code16
.globl _start
_start:
	cld
	xor %ax, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss
	mov $0x7c00, %sp
	mov %dl, drive
	mov $0x42, %ah; mov $packet, %si; int $0x13; jc bad
	mov $0x7e00, %si
1:	lodsb; test %al, %al; jz 2f
	out %al, $0xe9
	jmp 1b
2:	movl $2, lba; mov drive, %dl
	mov $0x4300, %ax; mov $packet, %si; int $0x13; jnc end
bad:	mov $'!', %al; out %al, $0xe9
end:	out %al, $0xf4
	hlt
drive:	.byte 0
packet:	.byte 16, 0; .word 1; .word 0x7e00, 0
lba:	.quad 1
.org 510
.word 0xaa55
"""


class Firmware(GuestTest):
    """SeaBIOS alone: what an emulator does before there is a kernel."""

    def sector(self):
        source, obj, code = (self.path(f"boot.{e}") for e in ("s", "o", "bin"))
        with open(source, "w", encoding="ascii") as file:
            file.write(BOOT_SECTOR)
        subprocess.run(["as", "--64", "-o", obj, source], check=True)
        subprocess.run(["ld", "-Ttext", "0x7c00", "--oformat", "binary",
                        "-o", code, obj], check=True)
        with open(code, "rb") as file:
            return file.read()

    def boot(self, device, *args):
        """Reads, says, writes; QEMU has no complaint."""
        disk, text = self.file("disk", 4 * MB), os.urandom(200).hex()
        with open(disk, "r+b") as file:
            file.write(self.sector() + text.encode().ljust(512, b"\0"))
        said = self.path("said")
        done = client.run(
            *self.qemu([device.format(disk)], "-debugcon", f"file:{said}",
                       *args), stdin=subprocess.DEVNULL, timeout=guest.LIMIT)
        self.assertEqual(client.read(said), text, done.stderr)
        with open(disk, "rb") as file:
            file.seek(1024)
            self.assertEqual(file.read(400).decode(), text)
        self.left_nothing()
        return guest.complaints(done.stderr)

    def test_boots_with_registers_mapped(self):
        self.assertEqual(self.boot("nvme,file={}", "-accel", "tcg"), [])

    def test_boots_with_registers_read_and_written(self):
        self.assertEqual(self.boot(
            "nvme,file={}", "-accel", "tcg",
            "-global", "vfio-pci.x-no-mmap=on"), [])

    def test_boots_with_kvm(self):
        """The guest's own instructions reach the registers through QEMU, and
        KVM is content with our groups and their UNMASK eventfds."""
        if not has_kvm():
            self.skipTest("no /dev/kvm that can make a machine")
        for said in self.boot("nvme,file={}", "-accel", "kvm"):
            self.assertNotIn("vfio", said)


def has_kvm():
    """QEMU itself can make a machine with it."""
    return subprocess.run(
        ["qemu-system-x86_64", "-accel", "kvm", "-S", "-nodefaults", "-display",
         "none", "-monitor", "stdio"], input=b"quit\n", check=False,
        capture_output=True).returncode == 0


class Kernel(GuestTest):
    def test_boots_from_the_disk_and_leaves_files_on_it(self):
        """SeaBIOS, GRUB and Debian's kernel, all from the software disk."""
        made = self.make(
            "mkdir /mnt && mount -t ext4 /dev/nvme0n1p1 /mnt && cd /mnt || exit;"
            "dd if=/dev/urandom of=blob bs=1M count=6 2>/dev/null;"
            "ln -s blob link; mkdir -p a/b; echo 'from the guest' >a/b/note;"
            "sha256sum blob; cd /; umount /mnt", "nvme,ext4,crc32c_generic",
            disk="/dev/nvme0n1p1")
        disk = self.bootable(made, 64 * MB)
        said = self.run_guest([f"nvme,file={disk}"])
        blob = re.search(r"([0-9a-f]{64})  blob", said)[1]
        files = self.file_system(disk)
        self.assertEqual(sha256(self.inside(files, "/blob")), blob)
        self.assertEqual(client.read(self.inside(files, "/a/b/note")),
                         "from the guest\n")

    def test_interrupts_of_a_guest_without_msi(self):
        """INTx: asserted, masked as it is sent, unmasked at its end."""
        source = self.path("source")
        with open(source, "wb") as file:
            file.write(os.urandom(8 * MB))
        made = self.make(
            "sha256sum /dev/nvme0n1; dd if=/dev/zero of=/dev/nvme0n1 bs=64k "
            "count=64 conv=fsync 2>/dev/null; grep nvme /proc/interrupts",
            more=" pci=nomsi")
        want = sha256(source)
        said = self.run_guest([f"nvme,file={source}"], *self.direct(made))
        self.assertIn(want, said)
        self.assertRegex(said, r"IO-APIC.*nvme0q0, nvme0q1")
        self.assertGreater(interrupts(said, "nvme0q1"), 16)
        with open(source, "rb") as file:
            self.assertEqual(file.read(4 * MB), bytes(4 * MB))
            self.assertNotEqual(file.read(4 * MB), bytes(4 * MB))

    def test_many_processors_and_queues(self):
        """Queues and vectors of each processor, at once."""
        made = self.make(
            "for i in 0 1 2 3; do taskset -p $((1 << i)) $$ >/dev/null;"
            "dd if=/dev/urandom of=/tmp/$i bs=64k count=32 2>/dev/null;"
            "dd if=/tmp/$i of=/dev/nvme0n1 bs=64k seek=$((i * 32)) "
            "oflag=direct 2>/dev/null & wait $!; done;"
            "cat /tmp/[0-3] | sha256sum;"
            "dd if=/dev/nvme0n1 bs=2M iflag=direct 2>/dev/null | sha256sum;"
            "grep nvme /proc/interrupts")
        said = self.run_guest(["nvme,size=8M"], *self.direct(made), "-smp", "4",
                              "-accel", "tcg,thread=multi")
        sums = re.findall(r"([0-9a-f]{64})  -", said)
        self.assertEqual(len(sums), 2, said)
        self.assertEqual(sums[0], sums[1])
        self.assertIn("nvme0q4", said)

    def test_reboot(self):
        """A guest that starts again finds the devices as after power-on."""
        made = self.make(
            "n=$(dd if=/dev/nvme0n1 bs=1 count=1 2>/dev/null); echo boot $n;"
            "for d in /sys/bus/pci/devices/*; do [ $(cat $d/vendor) = 0x1234 ]"
            "&& od -An -tx1 -j4 -N2 $d/config; done;"
            "[ $n = 2 ] && exit; printf $((n + 1)) | dd of=/dev/nvme0n1 "
            "conv=fsync 2>/dev/null; sync; reboot -f; sleep 1000")
        disk = self.file("disk", MB)
        with open(disk, "r+b") as file:
            file.write(b"0")
        said = self.run_guest([f"nvme,file={disk}", "edu"], *self.direct(made))
        boots = re.split(r"^boot \d\n", said, flags=re.M)
        self.assertEqual(len(boots), 4, said)
        self.assertEqual(boots[1], boots[2])
        self.assertEqual(boots[1], boots[3])


class Devices(GuestTest):
    """Several in one guest, each with the driver of Debian's kernel."""

    def test_virtio_disk(self):
        """Files, discards and zeroes, by split rings and packed ones.  What is
        not discarded yet when it is unmounted, ext4 does not discard."""
        made = self.make(
            "mkdir /mnt && mount -t ext4 -o discard /dev/vda1 /mnt && cd /mnt "
            "|| exit; rm vmlinuz; sync; n=0; until [ $n -gt 12288 ]; do "
            "sleep 0.1; read -r a a a a a a a a a a a a a n a "
            "</sys/block/vda/stat; done;"
            "dd if=/dev/urandom of=blob bs=1M count=6 2>/dev/null;"
            "sha256sum blob; cd /; umount /mnt;"
            "cat /sys/block/vda/serial; grep virtio0 /proc/interrupts;"
            "od -An -tx1 -j7 -N1 /sys/bus/virtio/devices/virtio0/features;"
            "cut -c29,35 /sys/bus/virtio/devices/virtio0/features",
            "virtio_pci,virtio_blk,ext4,crc32c_generic", disk="/dev/vda1")
        for options in ("interface=modern", "packed=on,queues=2",
                        "interface=legacy,engine=threads"):
            with self.subTest(options=options):
                disk = self.bootable(made, 64 * MB)
                used = os.stat(disk).st_blocks
                said = self.run_guest(
                    [f"virtio-blk,file={disk},serial=mine,{options}"],
                    *self.direct(made), "-smp", "2")
                blob = re.search(r"([0-9a-f]{64})  blob", said)[1]
                self.assertIn("mine", said)
                self.assertGreater(interrupts(said, "virtio0"), 10)
                files = self.file_system(disk)
                self.assertEqual(sha256(self.inside(files, "/blob")), blob)
                # What was removed was given back, and is more than what came.
                self.assertLess(os.stat(disk).st_blocks, used)

    def test_boots_from_a_virtio_disk(self):
        """Firmware has a driver of its own, and so has the kernel it loads."""
        made = self.make("sha256sum /dev/vda", "virtio_pci,virtio_blk",
                         disk="/dev/vda")
        disk = self.bootable(made, 64 * MB)
        self.assertIn(sha256(disk), self.run_guest(
            [f"virtio-blk,file={disk},readonly=on"]))

    def test_disks_and_network_cards_at_once(self):
        """Two cards on one wire, an NVMe and a virtio disk, and edu."""
        made = self.make(
            "for d in /sys/class/net/eth*; do ip link set ${d##*/} up; done;"
            # Each address is in a world of its own, or nothing is sent.
            "unshare -n sleep 1000 & far=$!; sleep 1;"
            "ip link set eth1 netns $far;"
            "ip addr add 10.0.0.1/24 dev eth0;"
            "nsenter -t $far -n ip addr add 10.0.0.2/24 dev eth1;"
            "nsenter -t $far -n ip link set eth1 up;"
            "ping -c 5 -i 0.2 -s 1400 10.0.0.2; kill $far;"
            "cmp /dev/nvme0n1 /dev/vda && echo same;"
            "for d in /sys/bus/pci/devices/*; do echo $(cat $d/vendor "
            "$d/device); done", "virtio_pci,virtio_blk,virtio_net,nvme")
        source = self.path("source")
        with open(source, "wb") as file:
            file.write(os.urandom(4 * MB))
        shutil.copy(source, self.path("other"))
        said = self.run_guest(
            [f"nvme,file={source}", "virtio-net,peer=0000:03:00.0",
             "virtio-net", f"virtio-blk,file={self.path('other')}", "edu"],
            *self.direct(made))
        self.assertIn("5 packets transmitted, 5 packets received, 0% packet "
                      "loss", said)
        self.assertIn("same", said)
        self.assertIn("0x1234 0x11e8", said)


class Network(GuestTest):
    """Two cards on one wire, by the drivers of Debian's kernel, each in a world
    of its own, or nothing is sent."""

    FAR = "unshare -n sleep 1000 & far=$!; sleep 1; ip link set eth1 netns $far"
    UP = ("ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up;"
          "over() { nsenter -t $far -n \"$@\"; };"
          "over ip addr add 10.0.0.2/24 dev eth1; over ip link set eth1 up;"
          "until ping -c 1 -W 1 10.0.0.2 >/dev/null; do :; done")
    # To a program whose own input has no end: it reads to that of the sender.
    SEND = ("mkfifo /tmp/in; over nc -l -p 9 <>/tmp/in >/tmp/got & there=$!;"
            "until nc 10.0.0.2 9 </tmp/sent; do sleep 0.1; done; wait $there")

    def runs_linux(self, accel):
        """When nothing of ours is there."""
        made = self.make("true", "", disk="/dev/null")
        qemu = self.qemu([], "-accel", accel, *self.serials(),
                         *self.direct(made))
        try:
            subprocess.run(qemu[1:], stdin=subprocess.DEVNULL, timeout=40,
                           capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            return False
        return client.read(self.path("status")).strip() == "rc 0 taint 0."

    def exchange(self, card, modules, *args):
        """What the far end got of 4 MiB, by packets that raise interrupts."""
        made = self.make(";".join([
            self.FAR, self.UP, "ping -c 5 -i 0.2 -s 1400 10.0.0.2",
            "over ping -c 5 -i 0.2 -s 60 10.0.0.1",
            "dd if=/dev/urandom of=/tmp/sent bs=64k count=64 2>/dev/null",
            self.SEND, "cd /tmp", "sha256sum sent got",
            "over cat /proc/net/dev", "cat /proc/interrupts"]),
            modules, disk="/sys/class/net/eth1")
        said = self.run_guest([f"{card},peer=0000:02:00.0", card],
                              *self.direct(made), *args)
        self.assertEqual(said.count("5 packets transmitted, 5 packets received,"
                                    " 0% packet loss"), 2, said)
        sums = re.findall("([0-9a-f]{64})  (sent|got)", said)
        self.assertEqual([name for _, name in sums], ["sent", "got"], said)
        self.assertEqual(sums[0][0], sums[1][0])
        # Not lost and sent again, either.
        got = re.search(r"eth1: *(\d+) +(\d+) +(\d+) +(\d+)", said)
        self.assertGreater(int(got[1]), 4 * MB)
        self.assertEqual((got[3], got[4]), ("0", "0"), said)
        return said

    def test_e1000(self, *args):
        said = self.exchange("e1000", "e1000", *args)
        self.assertRegex(said, r"IO-APIC .*eth0")
        self.assertGreater(interrupts(said, "eth0"), 16)
        self.assertGreater(interrupts(said, "eth1"), 16)

    def test_virtio_net(self, *args):
        said = self.exchange("virtio-net", "virtio_pci,virtio_net", *args)
        self.assertGreater(interrupts(said, "virtio1-input"), 16)

    def test_both_with_kvm(self):
        if not has_kvm() or not self.runs_linux("kvm"):
            self.skipTest("no KVM that starts a Linux")
        self.test_e1000("-accel", "kvm")
        self.test_virtio_net("-accel", "kvm")


class Nested(GuestTest):
    def test_the_kernels_vfio_in_a_guest_drives_edu_here(self):
        """An IOMMU of QEMU's, the stock VFIO, and a program on it: its MAP_DMA
        becomes ours, its eventfds are our interrupts; and its faults ours."""
        host = self.path("host")
        os.mkdir(host)
        shutil.copy(os.path.join(guest.VM, "guest", "lib.sh"), host)
        subprocess.run(["cc", "-O2", "-static", "-D_GNU_SOURCE",
                        "-o", os.path.join(host, "edu"),
                        os.path.join(guest.VM, "edu.c"),
                        os.path.join(guest.VM, "..", "uapi", "chain.c")], check=True)
        made = self.make(". ./lib.sh; use 1234:11e8 && ./edu $group $bdf && "
                         "sha256sum /dev/nvme0n1",
                         "vfio_iommu_type1,vfio-pci,nvme", host,
                         " intel_iommu=on")
        done = client.run(
            *self.qemu(["nvme,size=4M", "edu"], "-device",
                       "intel-iommu,intremap=on,caching-mode=on",
                       *self.serials(), *self.direct(made)),
            stdin=subprocess.DEVNULL, timeout=guest.LIMIT)
        seen = done.stdout + done.stderr + self.log()
        self.assertIn("36 as the rules say, 0 differ", done.stdout, seen)
        self.assertIn(sha256(self.file("zero", 4 * MB)), done.stdout)
        self.assertIn("0000:02:00.0: IOMMU fault: write of 2048 bytes at IOVA "
                      "0x101000: nothing is mapped", done.stderr)
        self.left_nothing()


class Unplugged(GuestTest):
    """By command from outside, while the guest reads from it."""

    def reading(self):
        """A guest that says when it reads, and when its disk is gone."""
        made = self.make(
            "echo reading; while [ -b "
            "/dev/nvme0n1 ]; do dd if=/dev/nvme0n1 of=/dev/null bs=64k "
            "count=16 2>/dev/null; done; until [ ! -e "
            "/sys/bus/pci/devices/0000:01:00.0 ]; do sleep 0.1; done; "
            "echo gone")
        running = self.start(
            ["nvme,size=8M"], *self.direct(made), "-device",
            "pcie-root-port,id=rp1,slot=1,chassis=1", bus="rp1")
        for line in running.stdout:
            if line == "reading\n":
                return running
        self.fail(running.stderr.read())

    @staticmethod
    def control(running, *what):
        return subprocess.run(
            [client.LAUNCHER, "ctl", str(running.pid), *what], text=True,
            capture_output=True, check=False, timeout=guest.LIMIT)

    def test_unplugged_in_use(self):
        """The request reaches QEMU, by it the guest, which lets go; then it is
        gone here, too."""
        running = self.reading()
        done = self.control(running, "remove", client.BDF)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said, complained = running.communicate(timeout=guest.LIMIT)
        self.assertEqual(said, "gone\n")
        self.assertEqual(guest.complaints(complained), [])
        self.assertEqual(client.read(self.path("status")).strip(),
                         "rc 0 taint 0.")
        self.left_nothing()

    def test_broken_in_use(self):
        """QEMU stops a guest whose device reports a fatal error."""
        running = self.reading()
        self.assertEqual(self.control(running, "error", client.BDF).returncode,
                         0)
        line = running.stderr.readline()
        while line and "Unrecoverable error detected" not in line:
            line = running.stderr.readline()
        self.assertIn(client.BDF, line)
        running.terminate()
        self.assertEqual(running.wait(timeout=guest.LIMIT), 0)
        self.left_nothing()


class Killed(GuestTest):
    """Not even then is anything left, or lost that was written."""

    def writing(self):
        """A guest in the middle of writing, and its disk."""
        made = self.make(
            "mkdir /mnt && mount -t ext4 /dev/nvme0n1p1 /mnt && cd /mnt || exit;"
            "echo kept >note; sync; echo written; while :; do dd if=/dev/zero "
            "of=big bs=64k count=64 conv=fsync 2>/dev/null; done",
            "nvme,ext4,crc32c_generic", disk="/dev/nvme0n1p1")
        disk = self.bootable(made, 64 * MB)
        running = self.start([f"nvme,file={disk}", "edu"], *self.direct(made))
        for line in running.stdout:
            if line == "written\n":
                return running, disk
        self.fail(running.stderr.read())

    def check(self, disk):
        self.left_nothing()
        # The image is nobody's, its journal is replayed, and the note is there.
        self.assertEqual(client.run("-d", f"nvme,file={disk}", "--", "qemu-io",
                                    "-f", "raw", "-c", "read 0 512",
                                    client.NVME).returncode, 0)
        note = self.inside(self.file_system(disk), "/note")
        self.assertEqual(client.read(note), "kept\n")

    def test_qemu_is_killed(self):
        running, disk = self.writing()
        with open(f"/proc/{running.pid}/task/{running.pid}/children",
                  encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        self.assertEqual(running.wait(timeout=guest.LIMIT), -signal.SIGKILL)
        self.check(disk)

    def test_the_launcher_is_terminated(self):
        """It tells QEMU, which ends in order."""
        running, disk = self.writing()
        running.terminate()
        self.assertEqual(running.wait(timeout=guest.LIMIT), 0)
        self.check(disk)


if __name__ == "__main__":
    sys.exit(client.main())
