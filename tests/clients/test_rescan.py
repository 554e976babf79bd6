#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Devices that come back: rescan, and `anyvfio ctl PID add`."""
import sys

import client
from client import BDF, DEVICES, LAUNCHER
from test_bus import BusTest, DEVICE, DRIVERS, OTHER, ctl

RESCAN = "/sys/bus/pci/rescan"
# Everything there is of devices: links, rights and what is in their files.
SHOW = """show() {
    ls -lR --time-style=+ /sys/bus/pci /sys/class/vfio /dev/vfio \
        /sys/kernel/iommu_groups /sys/devices/pci0000:0[12]
    ls -i /dev/vfio
    grep -rsa . /sys/devices/pci0000:0[12] | od -c
}
"""

# A program that uses devices by name, and says what they are.
USER = f"""
import errno, fcntl, os, struct

def group_of(bdf):
    return os.readlink(f"{DEVICES}/{{bdf}}/iommu_group").rpartition("/")[2]

def attach(bdf):
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    group = os.open("/dev/vfio/" + group_of(bdf), os.O_RDWR)
    fcntl.ioctl(group, 0x3b68, struct.pack("i", container))
    fcntl.ioctl(container, 0x3b66, 1)
    return container, group

def use(group, bdf):
    device = fcntl.ioctl(group, 0x3b6a, bytearray(bdf.encode() + b"\\0"))
    print(os.pread(device, 4, 0).hex(), flush=True)
    return device

def write(path, data="1"):
    with open(path, "w") as file:
        file.write(data)
"""
EDU = "ed000001"


class Rescan(BusTest):
    def user(self, script, *args):
        """What a program said that is USER and goes on with the script."""
        done = client.run(*args, "--", sys.executable, "-c", USER + script)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split(), done.stderr

    def test_all_of_it_comes_back(self):
        for device in ("edu", "nvme,driver=none", "nvme,driver=nvme"):
            with self.subTest(device=device):
                states = self.shell(SHOW + f"""
                    show; echo; echo NEXT; echo 1 >{DEVICE}/remove
                    show; echo; echo NEXT; echo 1 >{RESCAN}
                    show; echo""", "-d", device, "-d", "edu,group=1")
                before, without, after = states.split("NEXT\n")
                self.assertEqual(after, before)
                self.assertNotIn(BDF, without)
                self.assertIn(BDF, before)

    def test_programs_use_it(self):
        """One that had it before, one that had another, one that comes now."""
        self.assertEqual(self.user(f"""
container, group = attach("{BDF}")
device = use(group, "{BDF}")
os.close(device), os.close(group)
other = attach("{OTHER}")
write("{DEVICE}/remove")
write("{RESCAN}")
group = attach("{BDF}")[1]
device = use(group, "{BDF}")
use(other[1], "{OTHER}")
os.close(device), os.close(group)
os.execvp("{sys.executable}", ["python3", "-c", {USER!r} +
    'use(attach("{BDF}")[1], "{BDF}")'])
""", "-d", "edu", "-d", "edu"), ([EDU] * 4, ""))

    def test_what_was_stored_stays(self):
        """As a disk's does when its slot is powered again."""
        self.shell(f"""set -e
            qemu-io -f raw -c 'write -P 7 1M 64k' {client.NVME}
            echo 1 >{DEVICE}/remove; echo 1 >{RESCAN}
            qemu-io -f raw -c 'read -P 7 1M 64k' {client.NVME}""")

    def test_as_it_was_at_the_start(self):
        """Its driver is the one of -d, whatever it had when it went."""
        self.assertEqual(self.shell(f"""set -e
            echo vfio-pci >{DEVICE}/driver_override
            echo {BDF} >{DRIVERS}/nvme/unbind
            echo {BDF} >{DRIVERS}/vfio-pci/bind
            echo 1 >{DEVICE}/remove; echo 1 >{RESCAN}
            basename $(readlink {DEVICE}/driver); cat {DEVICE}/driver_override
            ls /dev/vfio""", "-d", "nvme,driver=nvme"),
                         "nvme\n(null)\nvfio\n")

    def test_a_devices_own_rescan_is_its_buss(self):
        self.assertEqual(self.shell(f"""set -e
            for d in 01:00.1 02:00.0; do echo 1 >{DEVICES}/0000:$d/remove; done
            echo 1 >{DEVICE}/rescan; ls {DEVICES}
            echo 0 >{RESCAN}; ls {DEVICES}; echo 1 >{RESCAN}; ls {DEVICES}
            echo 1 >{RESCAN}; echo 1 >{DEVICE}/rescan; ls {DEVICES}
            """, "-d", "edu", "-d", "edu,addr=01:00.1", "-d", "edu").split(),
            [BDF, "0000:01:00.1"] * 2 + [BDF, "0000:01:00.1", OTHER] * 2)

    def test_what_is_no_number_is_einval(self):
        self.assertEqual(self.user(f"""
for path in ("{RESCAN}", "{DEVICE}/rescan"):
    for data in ("x", "1x", ""):
        try:
            write(path, data + "\\n")
            print("wrote", path, data)
        except OSError as error:
            print(errno.errorcode[error.errno])
""", "-d", "edu"), (["EINVAL"] * 6, ""))

    def test_one_of_a_group_in_use(self):
        """V3: it is told of; who has the group can have the device."""
        out, said = self.user(f"""
container, group = attach("{BDF}")
use(group, "{BDF}")
write("{DEVICES}/{OTHER}/remove")
write("{RESCAN}")
use(group, "{OTHER}")
""", "-d", "edu", "-d", "edu,group=1")
        self.assertEqual(out, [EDU] * 2)
        self.assertEqual(said, f"anyvfio: {OTHER} appeared in group 1, which "
                         "is in use\n")

    def test_addresses_do_not_move(self):
        """Where nothing is said of them, the first free one is not taken."""
        self.assertEqual(self.shell(f"""set -e
            for d in {DEVICES}/*; do cat $d/device; done
            for d in {DEVICES}/*; do echo 1 >$d/remove; done
            {LAUNCHER} ctl $$ add {OTHER}
            echo $(ls {DEVICES} /dev/vfio/2); cat {DEVICES}/{OTHER}/device
            """, "-d", "edu", "-d", "nvme", "-d", "virtio-net").split(),
            ["0x11e8", "0x4e56", "0x1000", "/dev/vfio/2",
             f"{DEVICES}:", OTHER, "0x4e56"])


class Waiting(BusTest):
    """While a removal waits for a program."""

    def test_rescan_waits_and_brings_it_back(self):
        run = self.hold("-d", "edu")
        going = self.remove(run)
        scans = [self.beside(run, f"echo 1 >{path}") for path in
                 (RESCAN, RESCAN)]
        ctl(run.pid, "list")
        self.assertEqual([one.poll() for one in [going, *scans]], [None] * 3)
        self.tell(run, "shut")
        self.hears(run, "shut")
        for one in [going, *scans]:
            self.assertEqual((one.communicate()[1], one.returncode), ("", 0))
        self.says(ctl(run.pid, "list"), 0, f"{BDF}  group 1    vfio-pci\n")

    def test_who_wanted_it_may_go(self):
        run = self.hold("-d", "edu")
        going = self.remove(run)
        adding = self.process([LAUNCHER, "ctl", str(run.pid), "add", BDF])
        ctl(run.pid, "list")
        for one in (adding, going):
            one.kill()
            one.wait()
        self.tell(run, "shut")
        self.hears(run, "shut")
        while "(busy)" in ctl(run.pid, "list").stdout:
            pass
        # Killed before it had asked, it wanted nothing.
        if BDF not in ctl(run.pid, "list").stdout:
            self.says(ctl(run.pid, "add", BDF), 0)
        self.says(ctl(run.pid, "list"), 0, f"{BDF}  group 1    vfio-pci\n")

    def test_pulled_out_is_not_found_until_it_is_added(self):
        run = self.hold("-d", "edu", "-d", "edu")
        self.says(ctl(run.pid, "surprise", BDF), 0)
        self.hears(run, "req")
        self.assertEqual(self.beside(run, f"echo 1 >{RESCAN}").wait(), 0)
        adding = self.process([LAUNCHER, "ctl", str(run.pid), "add", BDF])
        self.says(ctl(run.pid, "list"), 0, "(pulled out)")
        self.tell(run, "shut")
        self.hears(run, "shut")
        self.assertEqual((adding.communicate()[1], adding.returncode), ("", 0))
        self.says(ctl(run.pid, "list"), 0, f"{BDF}  group 1    vfio-pci\n")
        self.says(ctl(run.pid, "surprise", BDF), 0)
        while BDF in ctl(run.pid, "list").stdout:
            pass
        self.assertEqual(self.beside(run, f"echo 1 >{RESCAN}").wait(), 0)
        self.assertNotIn(BDF, ctl(run.pid, "list").stdout)
        self.says(ctl(run.pid, "add", BDF), 0)
        self.says(ctl(run.pid, "list"), 0, f"{BDF}  group 1    vfio-pci\n")

    def test_adding_what_is_there_is_refused(self):
        run = self.hold("-d", "edu")
        for name in (BDF, "0000:99:00.0", ""):
            self.says(ctl(run.pid, "add", name), 125,
                      "no device of that name is out")


if __name__ == "__main__":
    client.main()
