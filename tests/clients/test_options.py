#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The command line: what is right, and what is said of what is wrong."""
import os
import subprocess

import client
from client import ClientTest, DEVICES, LAUNCHER

# What is given, and a part of the one line that must be said.
BROKEN_DEVICES = [
    ("nvm", 'no model "nvm"'),
    ("nvm", "nvme"),
    ("", "not a device"),
    (",size=1M", "no model"),
    ("nvme,siz=1M", 'no option "siz"'),
    ("nvme,siz=1M", "size"),
    ("nvme,size", "needs a value"),
    ("nvme,size=", "size"),
    ("nvme,size=12Q", "size"),
    ("nvme,size=-1", "size"),
    ("nvme,size=1M,size=2M", "twice"),
    ("nvme,lba=513", "lba"),
    ("nvme,addr=1:2", "addr=1:2"),
    ("nvme,addr=0000:01:20.0", "addr=0000:01:20.0"),
    ("nvme,addr=0000:01:00.8", "addr"),
    ("nvme,group=x", "group=x"),
    ("nvme,group=-1", "group=-1"),
    ("nvme,file=/nonexistent/disk", "/nonexistent/disk"),
    ("nvme,file=/", "directory"),
    ("nvme,file=", "file=: must be an image"),
    ("./nonexistent.so", "nonexistent.so"),
    ("/etc/passwd", "passwd"),
    ("edu,dma_mask=zz", "dma_mask"),
]

BROKEN_USAGE = [
    ([], "no program"),
    (["-d"], "value is missing"),
    (["--frobnicate", "true"], "--frobnicate"),
    (["-x", "true"], "-x"),
    (["--dma-entry-limit", "0", "true"], "0"),
    (["--dma-entry-limit", "-5", "true"], "-5"),
    (["--dma-entry-limit", "99999999999999999999", "true"], "9999"),
    (["--dma-entry-limit", "12x", "true"], "12x"),
]


def anyvfio(*args, **kw):
    return subprocess.run([LAUNCHER, *args], text=True, capture_output=True,
                          check=False, **kw)


class Broken(ClientTest):
    def test_devices_are_checked_before_the_program_starts(self):
        mark = self.path("started")
        for spec, part in BROKEN_DEVICES:
            with self.subTest(spec=spec):
                said = self.bad(125, "-d", spec, "--", "touch", mark)
                self.assertIn(part, said.splitlines()[0])
                self.assertTrue(said.startswith("anyvfio: "), said)
                self.assertFalse(os.path.exists(mark))
        self.left_nothing()

    def test_a_line_end_does_not_get_into_the_config(self):
        place = self.path("a\nlauncher 1")
        os.mkdir(place)
        with open(os.path.join(place, "disk.img"), "wb") as image:
            image.truncate(1 << 20)
        for spec in ("nvme,file=disk.img", "nvme,serial=a\nb"):
            with self.subTest(spec=spec):
                self.assertIn(spec, self.bad(125, "-d", spec, "--", "true",
                                             cwd=place))
        self.left_nothing()

    def test_two_devices_at_one_place(self):
        said = self.bad(125, "-d", "edu,addr=0000:05:00.0", "-d",
                        "nvme,addr=05:00.0", "true")
        self.assertIn("taken", said)

    def test_usage(self):
        for args, part in BROKEN_USAGE:
            with self.subTest(args=args):
                said = self.bad(125, *args)
                self.assertIn(part, said)
                self.assertEqual(said.count("\n"), 1, said)

    def test_commands(self):
        for args, part in (
                (["rnu"], "unknown command rnu; there are run, ctl, devices"),
                (["--hlep"], "unknown command --hlep"),
                (["devices", "nvme", "nmve"], 'no model "nmve"; there are edu'),
                (["help", "devcies"], "no help about devcies"),
                (["run", "-d", "", "true"], 'not a device: ""')):
            with self.subTest(args=args):
                done = anyvfio(*args)
                self.assertEqual((done.returncode, done.stdout), (125, ""))
                self.assertIn(part, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
        done = anyvfio()
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("usage:", done.stderr)

    def test_a_device_without_iommu_needs_noiommu_mode(self):
        said = self.bad(125, "-d", "edu,group=none", "true")
        self.assertIn("--noiommu", said)

    def test_a_library_that_is_missing(self):
        alone = self.path("anyvfio")
        os.link(LAUNCHER, alone) if os.stat(LAUNCHER).st_dev == \
            os.stat(self.dir).st_dev else \
            subprocess.run(["cp", LAUNCHER, alone], check=True)
        done = subprocess.run([alone, "run", "true"], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 125)
        self.assertIn("libanyvfio.so", done.stderr)
        self.left_nothing()


class Help(ClientTest):
    def test_help_and_version_are_on_standard_output(self):
        for args, part in ((["--help"], "usage:"), (["-h"], "usage:"),
                           (["help"], "usage:"),
                           (["help", "run"], "--dma-entry-limit"),
                           (["run", "--help"], "--dma-entry-limit"),
                           (["--version"], "anyvfio 0."),
                           (["devices"], "nvme")):
            with self.subTest(args=args):
                done = anyvfio(*args)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(part, done.stdout)

    def test_every_model_and_option_is_listed(self):
        listed = anyvfio("devices").stdout
        for word in ("nvme", "edu", "size", "file", "addr", "group"):
            self.assertRegex(listed, rf"(?m)^ *{word} +\S")

    def test_models_that_are_named_are_listed(self):
        listed = anyvfio("devices", "edu", "e1000").stdout
        self.assertRegex(listed, r"(?ms)^edu .*^  dma_mask .*^e1000 .*^  addr ")
        self.assertNotIn("nvme", listed)
        self.assertIn("usage:", anyvfio("devices", "--help").stdout)

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            for args in (["devices"], ["--help"]):
                done = subprocess.run([LAUNCHER, *args], stdout=full,
                                      check=False)
                self.assertEqual(done.returncode, 125)


class Right(ClientTest):
    def test_without_d_there_is_one_nvme(self):
        self.assertEqual(self.good("cat", f"{DEVICES}/{client.BDF}/class"),
                         "0x010802\n")

    def test_devices_have_the_places_they_are_given(self):
        out = self.good("-d", "edu,addr=0003:07:1f.5", "-d", "nvme,group=42",
                        "-d", "edu,addr=08:00.0,group=42", "--", "sh", "-c",
                        f"ls {DEVICES}; ls /dev/vfio; "
                        "ls /sys/kernel/iommu_groups/42/devices")
        self.assertEqual(out.split(), [
            "0000:01:00.0", "0000:08:00.0", "0003:07:1f.5",
            "1", "42", "vfio", "0000:01:00.0", "0000:08:00.0"])

    def test_many_devices(self):
        args = sum((["-d", "edu"] for _ in range(300)), [])
        out = self.good(*args, "--", "ls", DEVICES)
        self.assertEqual(len(out.split()), 300)
        self.assertEqual(out.split()[-1], "0001:2c:00.0")

    def test_the_entry_limit_is_shown(self):
        where = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
        self.assertEqual(self.good("cat", where), "65535\n")
        self.assertEqual(self.good("--dma-entry-limit", "7", "cat", where),
                         "7\n")

    def test_noiommu(self):
        done = client.run("--noiommu", "-d", "edu,group=none", "--", "sh", "-c",
                          "ls /dev/vfio; cat /sys/module/vfio/parameters/*; "
                          f"cat {DEVICES}/*/iommu_group/name; "
                          "exec 3</dev/vfio/noiommu-0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("tainted", done.stderr)
        self.assertEqual(done.stdout.split(), ["noiommu-0", "vfio", "Y",
                                       "vfio-noiommu"])

    def test_files_are_found_from_where_the_launcher_was(self):
        self.file("disk,img", 1 << 20)
        self.good("-d", "nvme,file=disk,,img", "--", "sh", "-c",
                  "cd / && exec qemu-io -f raw -c 'read 0 512' "
                  f"{client.NVME}", cwd=self.dir)

    def test_the_users_own_preload_stays_in_front(self):
        mine = os.environ.get("LD_PRELOAD", "").split(":") + [
            "libm.so.6", "libdl.so.2"]
        mine = [lib for lib in mine if lib]
        out = self.good("--", "sh", "-c", "echo $LD_PRELOAD", env={
            **os.environ, "LD_PRELOAD": " ".join(mine)})
        libs = out.strip().split(":")
        self.assertEqual(libs[:-1], mine)
        self.assertEqual(os.path.basename(libs[-1]), "libanyvfio.so")

    def test_a_run_in_a_run_has_its_own_devices(self):
        out = self.good("-d", "nvme", "--", LAUNCHER, "run", "-d",
                        "edu,addr=02:00.0", "--", "sh", "-c",
                        f"ls {DEVICES}; echo $LD_PRELOAD")
        self.assertEqual(out.split()[0], "0000:02:00.0")
        self.assertEqual(out.count("libanyvfio.so"), 1)
        self.left_nothing()

    def test_a_directory_with_odd_letters(self):
        odd = self.path("a b:c $x")
        os.mkdir(odd)
        for name in ("anyvfio", "libanyvfio.so"):
            subprocess.run(["cp", os.path.join(client.BUILD, name), odd],
                           check=True)
        done = subprocess.run([os.path.join(odd, "anyvfio"), "run", "ls",
                               DEVICES], text=True, capture_output=True,
                              check=False)
        self.assertEqual((done.stdout, done.stderr), (client.BDF + "\n", ""))

    def test_a_program_that_cannot_be_reached_is_named(self):
        """It runs, but is told of: a static one, and a set-user-ID one."""
        with open(self.path("c.c"), "w", encoding="ascii") as file:
            file.write("int main(void) { return 3; }")
        subprocess.run(["gcc", "-static", "-o", self.path("static"),
                        self.path("c.c")], check=True)
        self.assertIn("statically linked: it will not see",
                      self.bad(3, self.path("static")))
        self.assertIn("statically", self.bad(3, "static", env={
            **os.environ, "PATH": f"/nonexistent:{self.dir}"}))
        self.assertEqual(self.bad(3, "-q", self.path("static")), "")

    def test_verbosity(self):
        loud = self.bad(0, "-v", "--", "sh", "-c", "exec 3</dev/vfio/vfio")
        self.assertIn("anyvfio: ", loud)
        self.assertEqual(self.bad(0, "-q", "--", "sh", "-c",
                                  "exec 3</dev/vfio/vfio"), "")


if __name__ == "__main__":
    client.main()
