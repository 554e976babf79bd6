#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What programs see of the machine, and that it is what a kernel shows."""
import json
import os
import subprocess
import sys

import client
from client import BDF, ClientTest, DEVICES, read

DEVICE = f"{DEVICES}/{BDF}"

# Python looks in every way it has; each answer must be the same.
LOOK = f"""
import glob, json, os, pathlib
d = {DEVICES!r}
seen = dict(
    listdir=sorted(os.listdir(d)),
    bytes=[n.decode() for n in os.listdir(d.encode())],
    scandir=sorted(e.name for e in os.scandir(d)),
    links=[e.is_symlink() for e in os.scandir(d)],
    glob=[os.path.basename(n) for n in glob.glob(d + "/*")],
    pathlib=[p.name for p in pathlib.Path(d).iterdir()],
    walk=next(os.walk(d))[1],
    fd=os.listdir(os.open(d, os.O_RDONLY)))
real = os.path.realpath(d + "/{BDF}")
with open(d + "/{BDF}/config", "rb") as f:
    config = f.read()
print(json.dumps(dict(
    seen=seen, real=real, config=len(config), head=config[:4].hex(),
    vendor=pathlib.Path(real, "vendor").read_text(),
    group=os.path.basename(os.readlink(d + "/{BDF}/iommu_group")),
    isdir=os.path.isdir(d + "/{BDF}"), exists=os.path.exists(d + "/x"))))
"""


class Looking(ClientTest):
    def test_python_sees_the_device_in_every_way(self):
        out = json.loads(self.good("-d", "edu", "--", sys.executable, "-c",
                                   LOOK))
        for how, names in out["seen"].items():
            self.assertEqual(names, [True] if how == "links" else [BDF], how)
        self.assertEqual(out["real"], f"/sys/devices/pci0000:01/{BDF}")
        self.assertEqual((out["config"], out["head"]), (256, "3412e811"))
        self.assertEqual((out["vendor"], out["group"]), ("0x1234\n", "1"))
        self.assertEqual((out["isdir"], out["exists"]), (True, False))

    def test_shells_and_tools_see_the_device(self):
        for command, want in (
                (f"ls {DEVICES}", BDF),
                (f"ls -d {DEVICES}/*", DEVICE),
                (f"echo {DEVICES}/*", DEVICE),
                (f"cd {DEVICES} && ls", BDF),
                (f"cd {DEVICES} && pwd", DEVICES),
                (f"cd {DEVICE} && pwd", DEVICE),
                (f"cd {DEVICE} && pwd -P", f"/sys/devices/pci0000:01/{BDF}"),
                (f"cd {DEVICE} && /bin/pwd",
                 f"/sys/devices/pci0000:01/{BDF}"),
                (f"cd {DEVICE} && cd .. && pwd", DEVICES),
                ("cd /sys/bus && echo pci/devices/*", f"pci/devices/{BDF}"),
                ("cd / && cat sys/bus/pci/devices/*/vendor", "0x1234"),
                (f"readlink -f {DEVICE}/driver",
                 "/sys/bus/pci/drivers/vfio-pci"),
                (f"readlink {DEVICE}/driver",
                 "../../../bus/pci/drivers/vfio-pci"),
                (f"realpath {DEVICE}/subsystem", "/sys/bus/pci"),
                (f"test -L {DEVICE} && test -d {DEVICE} && echo y", "y"),
                ("test -c /dev/vfio/1 && echo y", "y"),
                ("test -r /dev/vfio/vfio && echo y", "y"),
                ("stat -c '%F %t:%T %a' /dev/vfio/vfio",
                 "character special file a:c4 666"),
                ("stat -c '%F %a' /dev/vfio/1", "character special file 600"),
                ("find /dev/vfio -type c | sort",
                 "/dev/vfio/1\n/dev/vfio/vfio"),
                (f"find {DEVICES} -type l", DEVICE),
                ("find -L /sys/bus/pci/devices -maxdepth 2 -name vendor",
                 f"{DEVICE}/vendor"),
                ("find /sys/kernel/iommu_groups -type l",
                 f"/sys/kernel/iommu_groups/1/devices/{BDF}"),
                ("find /sys/bus -path '*devices/0000*'", DEVICE),
                ("find /dev -name 'vfio*' -not -path '/dev/shm/*' | sort",
                 "/dev/vfio\n/dev/vfio/vfio"),
                ("ls /sys/module | grep vfio",
                 "vfio\nvfio_iommu_type1\nvfio_pci"),
                ("echo /sys/devices/pci0000:01*", "/sys/devices/pci0000:01"),
                (f"grep -rls 0x1234 {DEVICE}/; true", f"{DEVICE}/vendor"),
                (f"cp {DEVICE}/vendor {self.dir}/v && cat {self.dir}/v",
                 "0x1234"),
                (f"head -c 2 {DEVICE}/config | od -An -tx1", " 34 12"),
                (f"bash -c 'cd {DEVICE}; echo $PWD; echo *_vendor'",
                 f"{DEVICE}\nsubsystem_vendor"),
                (f"sh -c 'sh -c \"ls {DEVICES}\"'", BDF),
                (f"ls -l {DEVICE}/ 2>&1 >/dev/null", ""),
                (f"ls -lL {DEVICES} 2>&1 >/dev/null", ""),
        ):
            with self.subTest(command=command):
                out = self.good("-d", "edu", "--", "sh", "-c", command)
                self.assertEqual(out.rstrip("\n"), want)

    def test_no_name_of_the_run_comes_out(self):
        out = self.good("-d", "edu", "--", "sh", "-c", f"""
            cd {DEVICE}; pwd -P; readlink /proc/self/cwd; readlink -f .
            exec 3<vendor; readlink /proc/self/fd/3; ls -l /proc/self/fd
            exec 4</dev/vfio/vfio; readlink /proc/self/fd/4
            {sys.executable} -c '
import os
print(os.getcwd(), os.path.realpath("driver"), os.readlink("/proc/self/fd/3"))
os.chdir("/sys/bus/pci/drivers/vfio-pci"); print(os.getcwd())'
            find /sys/bus/pci/ {DEVICE}/ /sys/kernel/iommu_groups /dev/vfio
            """)
        self.assertIn("/dev/vfio/vfio", out)
        self.assertNotIn(self.runs, out)
        self.assertNotIn("anyvfio-", out)

    def test_writes_change_nothing_by_creating(self):
        done = client.run("-d", "edu", "--", "sh", "-c",
                          f"echo {BDF} >/sys/bus/pci/drivers/vfio-pci/made")
        self.assertNotEqual(done.returncode, 0)


class Formats(ClientTest):
    """Each file has the form that kernels give it."""

    FORMS = {
        "vendor": r"0x1234\n", "device": r"0x4e56\n",
        "subsystem_vendor": r"0x[0-9a-f]{4}\n",
        "subsystem_device": r"0x[0-9a-f]{4}\n", "class": r"0x010802\n",
        "revision": r"0x[0-9a-f]{2}\n", "irq": r"\d+\n",
        "numa_node": r"-1\n", "enable": r"0\n", "msi_bus": r"1\n",
        "local_cpulist": r"\d+(-\d+)?(,\d+(-\d+)?)*\n",
        "local_cpus": r"[0-9a-f]+(,[0-9a-f]{8})*\n",
        "driver_override": r"vfio-pci\n", "power_state": r"D0\n",
        "resource": r"(0x[0-9a-f]{16} 0x[0-9a-f]{16} 0x[0-9a-f]{16}\n){13}",
        "modalias": r"pci:v00001234d00004E56sv[0-9A-F]{8}sd[0-9A-F]{8}"
                    r"bc01sc08i02\n",
        "uevent": r"DRIVER=vfio-pci\nPCI_CLASS=10802\nPCI_ID=1234:4E56\n"
                  r"PCI_SUBSYS_ID=[0-9A-F]{4}:[0-9A-F]{4}\n"
                  rf"PCI_SLOT_NAME={BDF}\nMODALIAS=pci:v\S+\n",
    }

    def test_device_files(self):
        out = self.good("--", "sh", "-c", "cd %s; for f in %s; do echo @$f; "
                        "cat $f; done" % (DEVICE, " ".join(self.FORMS)))
        files = dict(part.split("\n", 1) for part in out.split("@")[1:])
        for name, form in self.FORMS.items():
            self.assertRegex(files[name], f"^{form}$", name)
        first = files["resource"].splitlines()[0].split()
        self.assertEqual(int(first[1], 16) - int(first[0], 16) + 1, 16 << 10)
        self.assertTrue(int(first[2], 16) & 0x200)

    def test_processors_are_the_machines(self):
        self.assertEqual(self.good("cat", f"{DEVICE}/local_cpulist"),
                         read("/sys/devices/system/cpu/online"))
        real = [n for n in os.listdir(DEVICES)
                if os.path.exists(f"{DEVICES}/{n}/local_cpus")] \
            if os.path.isdir(DEVICES) else []
        if real:
            self.assertEqual(
                int(self.good("cat", f"{DEVICE}/local_cpus")
                    .replace(",", ""), 16),
                int(read(f"{DEVICES}/{real[0]}/local_cpus")
                    .replace(",", ""), 16))

    def test_links_lead_where_they_do_in_sysfs(self):
        out = self.good("--", "sh", "-c", f"""
            cd {DEVICE}
            for l in driver iommu_group subsystem driver/module \\
                driver/{BDF} iommu_group/devices/{BDF} \\
                /sys/class/vfio/1 /sys/class/vfio/1/subsystem \\
                /sys/class/iommu/* /sys/module/vfio_pci/drivers/*; do
                readlink -e $l; done""")
        self.assertEqual(out.split(), [
            "/sys/bus/pci/drivers/vfio-pci", "/sys/kernel/iommu_groups/1",
            "/sys/bus/pci", "/sys/module/vfio_pci",
            f"/sys/devices/pci0000:01/{BDF}",
            f"/sys/devices/pci0000:01/{BDF}",
            "/sys/devices/virtual/vfio/1", "/sys/class/vfio",
            "/sys/devices/virtual/iommu/dmar0",
            "/sys/bus/pci/drivers/vfio-pci"])

    def test_what_dpdk_and_spdk_look_for(self):
        for path in ("/sys/module/vfio", "/sys/module/vfio_pci",
                     "/sys/module/vfio_iommu_type1", "/sys/class/iommu/dmar0",
                     "/sys/kernel/iommu_groups/1"):
            self.good("test", "-d", path)
        for path in (f"{DEVICE}/iommu/intel-iommu/cap", "/dev/vfio/devices",
                     f"{DEVICE}/vfio-dev", f"{DEVICE}/max_vfs"):
            self.good("test", "!", "-e", path)
        cap = self.good(
            "cat", "/sys/devices/virtual/iommu/dmar0/intel-iommu/cap")
        self.assertEqual((int(cap, 16) >> 16 & 0x3f) + 1, 48)
        self.assertEqual(self.good(
            "cat", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"),
            "N\n")


class HostDevices(ClientTest):
    """The machine's own devices, hidden or not."""

    @staticmethod
    def names(root):
        out = subprocess.run(["find", root], text=True, capture_output=True,
                             check=False).stdout
        return set(out.split())

    def test_hidden_unless_asked_for(self):
        self.assertEqual(self.good("ls", DEVICES), BDF + "\n")

    def test_shown_beside_ours_when_asked_for(self):
        if not os.path.isdir(DEVICES):
            self.assertEqual(self.good("--host-devices", "ls", DEVICES),
                             BDF + "\n")
            return
        real = self.names("/sys/bus/pci")
        shown = set(self.good("--host-devices", "-d", "edu,addr=0077:01:00.0",
                              "--", "find", "/sys/bus/pci").split())
        self.assertEqual(real - shown, set())
        for name in shown - real:
            self.assertRegex(name, "vfio-pci|pci-stub|0077:01:00.0|drivers_")
        for name in os.listdir(DEVICES):
            out = self.good("--host-devices", "--", "sh", "-c",
                            f"cat {DEVICES}/{name}/vendor; "
                            f"readlink -f {DEVICES}/{name}; "
                            f"readlink {DEVICES}/{name}")
            self.assertEqual(out.split(), [
                read(f"{DEVICES}/{name}/vendor").strip(),
                os.path.realpath(f"{DEVICES}/{name}"),
                os.readlink(f"{DEVICES}/{name}")])

    def test_ours_wins_where_both_have_a_name(self):
        names = os.listdir(DEVICES) if os.path.isdir(DEVICES) else []
        if not names:
            return
        out = self.good("--host-devices", "-d", f"edu,addr={names[0]}", "--",
                        "sh", "-c", f"cat {DEVICES}/{names[0]}/vendor; "
                        f"ls {DEVICES}").split()
        self.assertEqual(out[0], "0x1234")
        self.assertEqual(sorted(out[1:]), sorted(names))

    def test_the_rest_of_sys_is_the_machines(self):
        for path in ("/sys/class/net", "/sys/block", "/sys/kernel/mm",
                     "/sys/devices/system/cpu"):
            if os.path.isdir(path):
                real = subprocess.run(["ls", path], text=True, check=True,
                                      capture_output=True).stdout
                self.assertEqual(self.good("ls", path), real)


if __name__ == "__main__":
    client.main()
