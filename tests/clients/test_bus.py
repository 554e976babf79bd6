#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The bus while programs run: drivers that are bound and unbound by what is
written to its files, and devices that are unplugged from outside."""
import os
import re
import shutil
import subprocess
import sys

import client
from client import BDF, ClientTest, DEVICES, LAUNCHER

DRIVERS = "/sys/bus/pci/drivers"
DEVICE = f"{DEVICES}/{BDF}"
OTHER = "0000:02:00.0"

# A program that has a device open, and does what it is told, a word a line.
HOLDER = r"""
import fcntl, os, select, struct, sys
BDF, GROUP = sys.argv[1:3]
SET_IRQS = 0x3b6e
container = os.open("/dev/vfio/vfio", os.O_RDWR)
group = os.open("/dev/vfio/" + GROUP, os.O_RDWR)
fcntl.ioctl(group, 0x3b68, struct.pack("i", container))
fcntl.ioctl(container, 0x3b66, 1)
device = fcntl.ioctl(group, 0x3b6a, bytearray(BDF.encode() + b"\0"))
events = {os.eventfd(0): name for name in ("err", "req")}
for index, fd in enumerate(events, 3):
    try:
        fcntl.ioctl(device, SET_IRQS,
                    struct.pack("IIIIIi", 24, 0x24, index, 0, 1, fd))
    except OSError:
        assert index == 3   # ERR is PCI Express's
print("ready", flush=True)
poll = [0, *events]
while True:
    for fd in select.select(poll, [], [])[0]:
        if fd:
            os.read(fd, 8)
            print(events[fd], flush=True)
            continue
        word = os.read(0, 64).decode().strip()
        if word == "close":
            os.close(device)
        elif word == "shut":
            os.close(device)
            print("shut", flush=True)
        elif word == "drop":
            os.close(group)
            print("dropped", flush=True)
        elif word == "exec":
            os.execvp("sh", ["sh", "-c", "echo executed; cat"])
        elif word == "read":
            print(os.pread(device, 4, 0).hex(),
                  os.pread(device, 1, (7 << 40) + 7).hex(), flush=True)
        elif word == "open":
            try:
                device = fcntl.ioctl(group, 0x3b6a, bytearray(BDF.encode() + b"\0"))
                print("opened", flush=True)
            except OSError as error:
                print(error.errno, flush=True)
        else:
            sys.exit(7)
"""


def ctl(*args, **kw):
    return subprocess.run([LAUNCHER, "ctl", *(str(arg) for arg in args)],
                          text=True, capture_output=True, check=False,
                          timeout=client.LIMIT, **kw)


class BusTest(ClientTest):
    def shell(self, script, *args, shell="sh"):
        """What it printed; its last command must succeed."""
        return self.good(*args, "--", shell, "-c", script)

    def hold(self, *args, bdf=BDF, group="1"):
        """A run whose program has @bdf open."""
        run = client.start(*args, "--", sys.executable, "-c", HOLDER, bdf,
                           group, stdin=subprocess.PIPE, bufsize=1,
                           stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, run)
        self.hears(run, "ready")
        return run

    @staticmethod
    def end(run):
        if run.poll() is None:
            run.kill()
        run.communicate()

    def hears(self, run, line):
        self.assertEqual(run.stdout.readline(), line + "\n")

    def tell(self, run, word):
        run.stdin.write(word + "\n")
        run.stdin.flush()

    def beside(self, run, script):
        """Another program of the same run."""
        with open(f"/proc/{run.pid}/task/{run.pid}/children",
                  encoding="ascii") as file:
            child = file.read().split()[0]
        with open(f"/proc/{child}/environ", encoding="ascii") as file:
            env = dict(word.split("=", 1) for word in file.read().split("\0")
                       if "=" in word)
        return self.process(["bash", "-c", script], env=env)

    def remove(self, run):
        """`anyvfio ctl remove`, which has begun to wait."""
        going = self.process([LAUNCHER, "ctl", str(run.pid), "remove", BDF])
        self.hears(run, "req")
        self.assertIsNone(going.poll())
        return going

    def process(self, args, **kw):
        process = subprocess.Popen(args, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **kw)
        self.addCleanup(self.end, process)
        return process

    def says(self, done, status, *parts):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for part in parts:
            self.assertIn(part, done.stdout + done.stderr)
        if status:
            self.assertEqual(done.stdout, "")
            self.assertEqual(done.stderr.count("\n"), 1)


class Writing(BusTest):
    """bind, unbind and their kin, by programs of all kinds."""

    def test_every_way_to_write(self):
        """Each unbinds and binds, and hears of what is wrong."""
        self.assertEqual(
            self.good("-d", "edu", "--", sys.executable, "-c", f"""
import ctypes, errno, io, os
def ways(path, data):
    def python(mode):
        with open(path, mode) as file:
            file.write(data)
    yield lambda: python("w")
    yield lambda: python("a")
    yield lambda: os.write(os.open(path, os.O_WRONLY), data.encode())
    yield lambda: os.pwrite(os.open(path, os.O_WRONLY), data.encode(), 0)
    yield lambda: os.writev(os.open(path, os.O_WRONLY), [data.encode()])
    yield lambda: os.write(os.dup(os.open(path, os.O_WRONLY)), data.encode())
    def stdio():
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fopen.restype = libc.fdopen.restype = ctypes.c_void_p
        for stream in (libc.fopen(path.encode(), b"w"),
                       libc.fdopen(os.open(path, os.O_WRONLY), b"w")):
            libc.fputs(data.encode(), ctypes.c_void_p(stream))
            failed = libc.fclose(ctypes.c_void_p(stream))
            if failed:
                raise OSError(ctypes.get_errno(), "")
            if stream and path.endswith("unbind"):
                return
    yield stdio
def have(name, want):
    assert os.path.exists("{DEVICE}/driver") == want, name
n = 0
for unbind, bind in zip(ways("{DRIVERS}/vfio-pci/unbind", "{BDF}"),
                        ways("{DEVICES}/../drivers/vfio-pci/bind",
                             "{BDF}\\n")):
    unbind(); have("unbind", False)
    try:
        unbind()
    except OSError as error:
        assert error.errno == errno.ENODEV, error
    else:
        raise SystemExit("twice")
    try:
        bind()
    except OSError as error:
        assert error.errno == errno.EBUSY, error    # stdio's second one
    have("bind", True)
    n += 1
print(n)
"""), "7\n")

    def test_shells_and_tools(self):
        for shell, write in (
                ("sh", "echo {0} >{1}"), ("bash", "echo {0} >{1}"),
                ("bash", "printf %s {0} >{1}"), ("sh", "/bin/echo {0} >{1}"),
                ("sh", "echo {0} | tee {1} >/dev/null"),
                ("sh", "echo {0} | cat >{1}"), ("sh", "cat >{1} <<X\n{0}\nX"),
                ("sh", "echo {0} | dd of={1} bs=4k status=none"),
                ("bash", "exec 4>{1}; echo {0} >&4"),
                ("bash", "( echo {0} ) >{1}"),
                ("bash", "cd {2}; echo {0} >$(basename {1})")):
            # It refuses what dd asks of aligned_alloc().
            if "dd of" in write and "libasan" in os.environ.get("LD_PRELOAD",
                                                                ""):
                continue
            with self.subTest(shell=shell, write=write):
                unbind, bind = (write.format(BDF, f"{DRIVERS}/vfio-pci/{name}",
                                             f"{DRIVERS}/vfio-pci")
                                for name in ("unbind", "bind"))
                out = self.shell(f"""
                    {unbind}
                    echo $? $(ls {DEVICE}/driver 2>/dev/null | wc -l)
                    ({unbind}
                    ) 2>/dev/null; echo $?
                    {bind}
                    echo $? $(basename $(readlink {DEVICE}/driver))""",
                                 "-d", "edu", shell=shell).split("\n")
                self.assertEqual(out[0], "0 0")
                self.assertNotEqual(out[1], "0")
                self.assertEqual(out[2], "0 vfio-pci")

    def test_standard_output_is_the_programs_own_again(self):
        out = client.run("-d", "edu", "--", "bash", "-c", f"""
            echo before
            printf part >&1
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            echo after
            echo nonsense >{DRIVERS}/vfio-pci/bind || echo refused
            echo end""")
        self.assertEqual(out.stdout, "before\npartafter\nrefused\nend\n")
        self.assertIn("No such device", out.stderr)

    def test_unbound_means_no_node_and_bound_again_means_the_same(self):
        out = self.shell(f"""
            stat -c %t:%T:%i /dev/vfio/1
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            ls /dev/vfio; ls /sys/class/vfio; ls {DRIVERS}/vfio-pci
            ls /sys/kernel/iommu_groups/1/devices
            grep -c DRIVER {DEVICE}/uevent
            echo {BDF} >{DRIVERS}/vfio-pci/bind
            stat -c %t:%T:%i /dev/vfio/1
            ls {DRIVERS}/vfio-pci/{BDF}/vendor
            grep DRIVER {DEVICE}/uevent""", "-d", "edu").split("\n")
        self.assertEqual(out[0], out[-4])
        rest = out[1:-4]
        self.assertEqual(rest, ["vfio", "bind", "module", "new_id",
                                "remove_id", "uevent", "unbind", BDF, "0"])
        self.assertEqual(out[-3:], [f"{DRIVERS}/vfio-pci/{BDF}/vendor",
                                    "DRIVER=vfio-pci", ""])

    def test_a_device_that_was_bound_anew_works(self):
        self.shell(f"""
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            ! qemu-io -f raw -c 'read 0 512' {client.NVME} 2>/dev/null
            echo {BDF} >{DRIVERS}/vfio-pci/bind
            qemu-io -f raw -c 'write -P 7 0 512' {client.NVME} >/dev/null
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            echo {BDF} >{DRIVERS}/vfio-pci/bind
            qemu-io -f raw -c 'read -P 7 0 512' {client.NVME} |
                grep -v failed""")

    def test_what_is_wrong_is_an_error(self):
        for file, data, error in (
                (f"{DRIVERS}/vfio-pci/bind", BDF, "Device or resource busy"),
                (f"{DRIVERS}/vfio-pci/bind", "0000:07:00.0", "No such device"),
                (f"{DRIVERS}/vfio-pci/unbind", "x" * 100, "No such device"),
                (f"{DRIVERS}/nvme/unbind", BDF, "No such device"),
                (f"{DRIVERS}/nvme/bind", BDF, "No such device"),
                (f"{DRIVERS}/vfio-pci/new_id", "1234", "Invalid argument"),
                (f"{DRIVERS}/vfio-pci/remove_id", "1234 1", "No such device"),
                ("/sys/bus/pci/drivers_probe", "nothing", "No such device"),
                (f"{DEVICE}/driver_override", "x" * 40, "Invalid argument"),
                (f"{DEVICE}/remove", "yes", "Invalid argument"),
                (f"{DRIVERS}/vfio-pci/bind", "x" * 20000, "No such device")):
            with self.subTest(file=file, data=data[:20]):
                done = client.run("--", "bash", "-c",
                                  f"echo {data} >{file}; echo $?; "
                                  f"readlink {DEVICE}/driver")
                self.assertIn(error, done.stderr)
                self.assertEqual(done.stdout,
                                 "1\n../../../bus/pci/drivers/vfio-pci\n")

    def test_bad_memory_is_an_error(self):
        self.assertEqual(self.good("--", sys.executable, "-c", f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("{DRIVERS}/vfio-pci/unbind", os.O_WRONLY)
print(libc.write(fd, ctypes.c_void_p(16), 12), ctypes.get_errno())
"""), "-1 14\n")


class Drivers(BusTest):
    def test_a_driver_of_its_own_makes_the_group_not_viable(self):
        done = client.run("-d", "nvme,driver=nvme", "--", sys.executable, "-c",
                          HOLDER, BDF, "1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/dev/vfio/1", done.stderr)
        done = client.run("-d", "nvme,driver=nvme,group=5", "-d",
                          "edu,group=5", "--", sys.executable, "-c", HOLDER,
                          OTHER, "5")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"anyvfio: {BDF} of group 5 is bound to nvme; unbind "
                      "it, or bind it to vfio-pci\n", done.stderr)

    def test_a_group_becomes_viable_when_the_other_lets_go(self):
        out = self.shell(f"""
            echo {BDF} >{DRIVERS}/nvme/unbind
            echo close | {sys.executable} -c '{HOLDER.replace("'", '"')}' \
                {OTHER} 5 | head -1""", "-d", "nvme,driver=nvme,group=5",
                         "-d", "edu,group=5", shell="bash")
        self.assertEqual(out, "ready\n")

    def test_a_group_in_use_keeps_native_drivers_away(self):
        run = self.hold("-d", "edu,group=5", "-d", "nvme,group=5,driver=none",
                        group="5")
        for driver, status in (("nvme", 1), ("pci-stub", 0)):
            done = self.beside(run, f"echo {driver} >{DEVICES}/{OTHER}/"
                               f"driver_override; echo {OTHER} >{DRIVERS}/"
                               f"{driver}/bind")
            said = done.communicate()[1]
            self.assertEqual(done.returncode, status, said)
            if status:
                self.assertIn("Device or resource busy", said)

    def test_override_probe_and_ids(self):
        out = client.run("--", "bash", "-c", f"""
            cat {DEVICE}/driver_override
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            echo >{DEVICE}/driver_override; cat {DEVICE}/driver_override
            echo {BDF} >/sys/bus/pci/drivers_probe
            basename $(readlink {DEVICE}/driver)
            echo {BDF} >{DEVICE}/driver/unbind
            echo pci-stub >{DEVICE}/driver_override
            echo {BDF} >/sys/bus/pci/drivers_probe
            basename $(readlink {DEVICE}/driver)
            echo {BDF} >{DEVICE}/driver/unbind
            echo >{DEVICE}/driver_override
            echo 1234 4e56 >{DRIVERS}/vfio-pci/new_id
            basename $(readlink {DEVICE}/driver)
            echo 1234 4e56 >{DRIVERS}/vfio-pci/new_id || echo again
            echo 1234 4e56 >{DRIVERS}/vfio-pci/remove_id
            echo {BDF} >{DEVICE}/driver/unbind
            echo {BDF} >{DRIVERS}/vfio-pci/bind || echo unknown
            ls {DRIVERS}""")
        self.assertEqual(out.stdout.split(), [
            "vfio-pci", "(null)", "nvme", "pci-stub", "vfio-pci", "again",
            "unknown", "nvme", "pci-stub", "vfio-pci"])

    def test_names_of_drivers_are_checked(self):
        for name in ("a/b", "", ".", "x" * 40, "a b"):
            said = self.bad(125, "-d", f"edu,driver={name}", "true")
            self.assertIn("driver", said)
        self.assertEqual(
            self.shell(f"readlink {DEVICE}/driver; echo {BDF} "
                       f">{DEVICE}/driver/unbind; echo {BDF} >/sys/bus/pci/"
                       f"drivers_probe; readlink {DEVICE}/driver", "-d",
                       "edu,driver=my_edu-1"),
            "../../../bus/pci/drivers/my_edu-1\n" * 2)

    def test_without_an_iommu(self):
        out = client.run("--noiommu", "-d", "edu,group=none", "-d",
                         "edu,group=none,driver=edu", "--", "bash", "-c", f"""
            ls /dev/vfio
            echo {BDF} >{DRIVERS}/vfio-pci/unbind
            echo vfio-pci >{DEVICES}/{OTHER}/driver_override
            echo {OTHER} >{DRIVERS}/edu/unbind
            echo {OTHER} >{DRIVERS}/vfio-pci/bind
            ls /dev/vfio /sys/kernel/iommu_groups
            basename $(readlink {DEVICES}/{OTHER}/iommu_group)
            exec 3<>/dev/vfio/noiommu-1 && echo opened""")
        self.assertEqual(out.stdout.split(), [
            "noiommu-0", "vfio", "/dev/vfio:", "noiommu-1", "vfio",
            "/sys/kernel/iommu_groups:", "1", "1", "opened"], out.stderr)


class Tools(BusTest):
    """Programs that people bind drivers with."""

    def devbind(self, script, *args):
        done = client.run(*args, "--", "sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_dpdk_devbind(self):
        for card in ("virtio-net", "e1000"):
            with self.subTest(card=card):
                self.bind_by_devbind(card)

    def bind_by_devbind(self, card):
        out = self.devbind(f"""set -e
            dpdk-devbind.py --status-dev net
            dpdk-devbind.py -b vfio-pci {BDF}
            dpdk-devbind.py --status-dev net
            readlink {DEVICE}/driver; ls /dev/vfio
            dpdk-devbind.py -u {BDF}
            dpdk-devbind.py --status-dev net
            dpdk-devbind.py -b my-nic {BDF}
            readlink {DEVICE}/driver; cat {DEVICE}/driver_override
            """, "-d", f"{card},driver=my-nic")
        parts = re.split(r"(?m)^Network devices using (\S+).*$|^Other Network "
                         r"devices.*$", out)
        self.assertIn("drv=my-nic", out)
        self.assertIn("drv=vfio-pci", out)
        self.assertEqual(parts[1], "kernel")
        self.assertIn("DPDK-compatible", parts)
        self.assertIn("../../../bus/pci/drivers/vfio-pci\n1\nvfio\n", out)
        self.assertTrue(out.endswith("drivers/my-nic\n(null)\n"), out)

    def test_lspci_names_the_driver(self):
        out = client.run("-d", "nvme,driver=nvme", "--", "sh", "-c",
                         f"lspci -Dk; echo {BDF} >{DEVICE}/driver/unbind; "
                         "lspci -Dk").stdout
        self.assertEqual(out.count("Kernel driver in use: nvme"), 1)

    def test_driverctl(self):
        out = self.shell(f"""set -e
            driverctl list-devices
            driverctl --nosave set-override {BDF} none
            driverctl list-devices
            driverctl --nosave unset-override {BDF}
            driverctl list-devices""", "-d", "nvme,driver=nvme")
        self.assertEqual(out.split("\n"), [
            f"{BDF} nvme", f"{BDF} (none) [*]", f"{BDF} nvme", ""])


class Unplugging(BusTest):
    """anyvfio ctl."""

    def test_remove_asks_and_waits(self):
        run = self.hold("-d", "edu", "-d", "nvme")
        going = self.remove(run)
        self.says(ctl(run.pid, "list"), 0, f"{BDF}  group 1    vfio-pci (busy)",
                  f"{OTHER}  group 2    vfio-pci\n")
        self.says(ctl(run.pid, "remove", BDF), 125, "already")
        self.tell(run, "close")
        self.assertEqual((going.communicate(), going.returncode),
                         (("", ""), 0))
        self.says(ctl(run.pid, "list"), 0)
        self.assertNotIn(BDF, ctl(run.pid, "list").stdout)
        self.says(ctl(run.pid, "remove", BDF), 125, "no such device")
        self.tell(run, "open")
        self.hears(run, "19")

    def test_a_program_that_ends_has_let_go(self):
        run = self.hold("-d", "edu")
        going = self.remove(run)
        self.tell(run, "exit")
        self.assertEqual(run.wait(), 7)
        self.assertIn(going.wait(), (0, 125))

    def test_surprise(self):
        run = self.hold("-d", "edu")
        self.tell(run, "read")
        self.hears(run, "ed000001 00")
        self.says(ctl(run.pid, "surprise", BDF), 0)
        self.hears(run, "req")
        self.tell(run, "read")
        self.hears(run, "ffffffff ff")
        self.says(ctl(run.pid, "list"), 0, "(pulled out)")
        self.says(ctl(run.pid, "surprise", BDF), 125, "no such device")
        self.tell(run, "close")
        while ctl(run.pid, "list").stdout:
            pass

    def test_surprise_while_a_removal_waits(self):
        run = self.hold("-d", "edu")
        going = self.remove(run)
        self.says(ctl(run.pid, "surprise", BDF), 0)
        self.tell(run, "read")
        self.hears(run, "ffffffff ff")
        self.tell(run, "close")
        self.assertEqual(going.wait(), 0)
        self.assertEqual(ctl(run.pid, "list").stdout, "")

    def test_error(self):
        run = self.hold()
        self.says(ctl(run.pid, "error", BDF), 0)
        self.hears(run, "err")
        self.tell(run, "close")
        while ctl(run.pid, "error", BDF).returncode == 0:
            self.hears(run, "err")
        self.says(ctl(run.pid, "error", BDF), 125, "no program has it open")

    def test_unbinding_a_device_in_use_waits_too(self):
        run = self.hold("-d", "edu,group=1", "-d", "edu,group=1")
        going = self.beside(run, f"echo {BDF} >{DRIVERS}/vfio-pci/unbind && "
                            f"echo {BDF} >{DRIVERS}/vfio-pci/bind")
        self.hears(run, "req")
        self.assertIsNone(going.poll())
        self.tell(run, "close")
        self.assertEqual(going.wait(), 0)
        self.tell(run, "open")
        self.hears(run, "opened")

    def test_a_program_that_comes_later_knows(self):
        out = self.shell(f"""
            {LAUNCHER} ctl $$ remove {BDF}
            ls {DEVICES} /dev/vfio
            {sys.executable} -c 'import os
try: os.open("/dev/vfio/1", os.O_RDWR)
except FileNotFoundError: print("gone")
os.open("/dev/vfio/2", os.O_RDWR); print("there")'
            {LAUNCHER} ctl $PPID list""", "-d", "edu", "-d", "edu")
        self.assertEqual(out.split(), [
            "/dev/vfio:", "2", "vfio", f"{DEVICES}:", OTHER, "gone", "there",
            OTHER, "group", "2", "vfio-pci"])

    def test_what_is_wrong_is_said(self):
        for args, part in (
                ((), "PID and a command"), (("1",), "PID and a command"),
                (("x", "list"), "not a process: x"),
                (("-1", "list"), "not a process"),
                (("99999999", "list"), "no process 99999999"),
                ((os.getpid(), "list"), "no run of anyvfio"),
                ((os.getpid(), "frob"), "unknown command frob"),
                ((os.getpid(), "remove"), "which device"),
                (("", "list"), 'not a process: ""'),
                ((os.getpid(), "list", "x"), "too much: x")):
            with self.subTest(args=args):
                self.says(ctl(*args), 125, part)
        self.says(ctl("--help"), 0, "surprise DEVICE")
        run = self.hold("-d", "edu")
        self.says(ctl(run.pid, "remove", "0000:99:00.0"), 125,
                  f"there is no such device; there is {BDF}\n")
        self.says(ctl(run.pid, "remove", "a b"), 125, "no such device")
        self.says(ctl(run.pid, "remove", ""), 125, "no such device")
        # The segment may be left out.
        self.says(ctl(run.pid, "surprise", BDF[5:]), 0)
        self.hears(run, "req")

    def test_another_user_is_refused(self):
        if os.geteuid():
            return
        run = self.hold("-d", "edu")
        where = self.path("anyvfio")
        shutil.copy(LAUNCHER, where)
        os.chmod(self.dir, 0o755)
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--clear-groups", where, "ctl",
             str(run.pid), "list"], text=True, capture_output=True,
            check=False)
        self.says(done, 125, "another user's")

    def test_nonsense_on_the_socket_harms_nobody(self):
        run = self.hold("-d", "edu")
        rundir = [name for name in os.listdir(self.runs)][0]
        script = f"""
import os, socket
os.chdir({os.path.join(self.runs, rundir)!r})
for data in (b"", b"x", b"join x", b"write", b"write \\n", b"write /sys/bus",
             b"write /sys/devices/x\\n1", b"remove", b"list\\0y", b"y" * 9999,
             b"write /sys/devices/bind\\nz", b"write /\\n" + b"q" * 9000):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("control")
    try:
        s.send(data)
        s.send(b"1 2")
        s.send(b"4294967296 x")
    except BrokenPipeError:
        pass
    s.close()
"""
        subprocess.run([sys.executable, "-c", script], check=True)
        self.says(ctl(run.pid, "list"), 0, BDF)
        self.tell(run, "close")
        self.says(ctl(run.pid, "remove", BDF), 0)

class Testpmd(BusTest):
    """DPDK's own program, which has two ports and is to go on with one.  It does
    not forward: told to quit while it begins to again, it waits for ever."""

    def setUp(self):
        super().setUp()
        self.pmd = client.start(
            "-d", "virtio-net,loop=on", "-d", "virtio-net,loop=on", "--",
            "stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "64", "-l", "0,1",
            "--no-telemetry", "--file-prefix", f"anyvfio-{os.getpid()}", "--",
            "-i", "--hot-plug", "--total-num-mbufs=2048", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.addCleanup(self.end, self.pmd)
        # Its prompt has no end of line: an answer shows that it came.
        self.pmd.stdin.write("show port summary all\n")
        self.until("Number of available ports: 2")

    def until(self, part):
        said = ""
        while part not in said:
            line = self.pmd.stdout.readline()
            self.assertTrue(line, said)
            said += line
        return said

    def goes_on(self):
        """With one port, which is then closed as ever."""
        self.pmd.stdin.write("show port summary all\nquit\n")
        self.until("Number of available ports: 1")
        self.until("Bye...")
        self.assertEqual(self.pmd.wait(), 0)

    def test_unplugging(self):
        self.says(ctl(self.pmd.pid, "remove", BDF), 0)
        self.assertEqual(ctl(self.pmd.pid, "list").stdout,
                         f"{OTHER}  group 2    vfio-pci\n")
        self.goes_on()

    def test_surprise(self):
        self.says(ctl(self.pmd.pid, "surprise", BDF), 0)
        while BDF in ctl(self.pmd.pid, "list").stdout:
            pass
        self.goes_on()


if __name__ == "__main__":
    client.main()
