#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""make install into an empty root, what can be done with it there, and make
uninstall."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import client
from client import BUILD, ClientTest, read

SOURCE = os.path.realpath(os.path.join(client.HERE, "..", ".."))
FILES = {
    "bin/anyvfio", "include/anyvfio/device.h", "lib/anyvfio/libanyvfio.so",
    "share/bash-completion/completions/anyvfio",
    "share/doc/anyvfio/ci.md", "share/doc/anyvfio/devices.md",
    "share/doc/anyvfio/examples/checksum-client.c",
    "share/doc/anyvfio/examples/checksum.c", "share/doc/anyvfio/limits.md",
    "share/fish/vendor_completions.d/anyvfio.fish",
    "share/man/man1/anyvfio.1", "share/pkgconfig/anyvfio.pc",
    "share/zsh/site-functions/_anyvfio",
}


def configured_prefix():
    out = subprocess.run(["meson", "introspect", BUILD, "--buildoptions"],
                         check=True, capture_output=True).stdout
    return {o["name"]: o["value"] for o in json.loads(out)}["prefix"]


class Install(ClientTest):
    """The prefix is that of the build, which other tests are using."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="anyvfio-test-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.configured = configured_prefix()
        cls.prefix = cls.root + cls.configured
        cls.install("install")

    @classmethod
    def install(cls, what):
        subprocess.run([os.path.join(SOURCE, "tools", "install"), BUILD,
                        cls.configured, what], check=True,
                       stdout=subprocess.DEVNULL, env={
                           **os.environ, "DESTDIR": cls.root})

    def at(self, name):
        return os.path.join(self.prefix, name)

    def files(self):
        return {os.path.relpath(os.path.join(top, name), self.prefix)
                for top, _, names in os.walk(self.root) for name in names}

    def shell(self, script, shell="bash", **kw):
        done = subprocess.run(
            [shell, "-c", script], text=True, capture_output=True, check=False,
            timeout=client.LIMIT, cwd=self.dir, env={
                **os.environ, "PATH": self.at("bin") + ":" +
                os.environ["PATH"], "PKG_CONFIG_PATH":
                self.at("share/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR":
                self.root}, **kw)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_everything_is_there_and_goes_again(self):
        # Kernel modules and their pages have tests of their own.
        self.assertEqual({name for name in self.files() if "anyvfio" in name},
                         FILES)
        mine = self.at("share/doc/anyvfio/mine")
        with open(mine, "w", encoding="ascii"):
            pass
        self.install("uninstall")
        self.assertEqual(self.files(), {"share/doc/anyvfio/mine"})
        os.unlink(mine)
        self.install("install")
        self.install("uninstall")
        self.assertEqual([name for name in os.listdir(self.prefix)
                          if name != "share"], [])
        self.assertEqual(self.files(), set())
        self.install("install")

    def test_the_main_job(self):
        out = self.shell("""
            set -e
            truncate -s 64M disk
            head -c 1M /dev/urandom >data
            anyvfio run -d nvme,file=disk -- \\
                qemu-img convert -n -O raw data nvme://0000:01:00.0/1
            cmp -n 1048576 data disk && echo same""")
        self.assertEqual(out, "same\n")

    def test_what_the_recipes_for_ci_run(self):
        text = read(os.path.join(SOURCE, "docs", "ci.md"))
        runs = re.findall(r"^( *)(anyvfio run .*\\\n.*)$", text, re.M)
        scripts = {re.sub(r"\\\n\s+", "", script) for _, script in runs}
        self.assertEqual((len(runs), len(scripts)), (2, 1))
        self.assertIn("read 1048576/1048576", self.shell(scripts.pop()))

    def test_a_device_is_built_as_the_tutorial_says(self):
        text = read(self.at("share/doc/anyvfio/devices.md"))
        lines = re.findall(r"^    ((?:cc|echo) .*)$", text, re.M)
        self.assertEqual(len(lines), 3)
        out = self.shell(f"set -e; cp {self.at('share/doc/anyvfio')}/examples/"
                         "* .\n" + "\n".join(lines))
        self.assertEqual(out, f"{1000 + sum(b'hello' + bytes([10]))}\n")

    def test_the_page_is_found(self):
        self.assertIn("ctl", self.shell(
            f"mandoc -T utf8 {self.at('share/man/man1/anyvfio.1')}"))

    # ---- completion ----

    def bash(self, *words):
        """What may follow; the last word is the one that is being typed."""
        return self.shell(
            f"source {self.at('share/bash-completion/completions/anyvfio')}\n"
            f"COMP_WORDS=({' '.join(map(repr, words))})\n"
            f"COMP_CWORD={len(words) - 1} COMP_LINE={' '.join(words)!r}\n"
            "_anyvfio 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"").split()

    def test_bash(self):
        self.assertEqual(self.bash("anyvfio", "r"), ["run"])
        self.assertIn("ctl", self.bash("anyvfio", ""))
        self.assertEqual(self.bash("anyvfio", "run", "--no"), ["--noiommu"])
        self.assertEqual(self.bash("anyvfio", "run", "-d", "nv"), ["nvme"])
        self.assertEqual(self.bash("anyvfio", "run", "-d", "nvme,si"),
                         ["nvme,size="])
        self.assertEqual(self.bash("anyvfio", "run", "-d", "edu,gr"),
                         ["edu,group="])
        self.assertEqual(self.bash("anyvfio", "run", "-d", "nvme,size=1M,dri"),
                         ["nvme,size=1M,driver="])
        with open(self.path("disk.img"), "w", encoding="ascii"):
            pass
        self.assertEqual(self.bash("anyvfio", "run", "-d", "nvme,file", "=",
                                   "di"), ["disk.img"])
        self.assertIn("qemu-img", self.bash("anyvfio", "run", "-d", "edu",
                                            "--", "qemu-i"))
        self.assertEqual(self.bash("anyvfio", "run", "cat", "di"),
                         ["disk.img"])
        self.assertEqual(self.bash("anyvfio", "ctl", "1", "su"), ["surprise"])
        self.assertEqual(self.bash("anyvfio", "ctl", "1", "a"), ["add"])
        self.assertEqual(self.bash("anyvfio", "devices", "nvme", "e1"),
                         ["e1000"])

    def test_bash_knows_the_devices_of_a_run(self):
        done = self.shell(
            f"anyvfio run -d edu,addr=0000:07:00.0 -- bash -c '"
            f"source {self.at('share/bash-completion/completions/anyvfio')}\n"
            "COMP_WORDS=(anyvfio ctl $$ remove \"\") COMP_CWORD=4 COMP_LINE="
            "\"anyvfio ctl $$ remove \"; _anyvfio; echo ${COMPREPLY[0]}\n"
            "COMP_LINE=\"anyvfio ctl $$ remove 0000:0\"; _anyvfio; "
            "echo ${COMPREPLY[0]}'")
        self.assertEqual(done.split(), ["0000:07:00.0", "07:00.0"])

    def test_zsh(self):
        where = self.at("share/zsh/site-functions")
        self.shell(f"zsh -n {where}/_anyvfio")
        self.assertEqual(self.shell(
            f"zsh -fc 'fpath=({where} $fpath); autoload -Uz compinit; "
            "compinit -u -D; print ${_comps[anyvfio]}'"), "_anyvfio\n")

    def test_fish(self):
        file = self.at("share/fish/vendor_completions.d/anyvfio.fish")

        def fish(line):
            out = self.shell(f"HOME={self.dir} fish --no-config -c '"
                             f"source {file}; complete -C \"{line}\"'")
            return [entry.split("\t")[0] for entry in out.splitlines()]

        self.assertEqual(fish("anyvfio r"), ["run"])
        self.assertEqual(fish("anyvfio run -d nv"), ["nvme"])
        self.assertEqual(fish("anyvfio run -d nvme,si"), ["nvme,size="])
        self.assertEqual(fish("anyvfio run --noi"), ["--noiommu"])
        self.assertEqual(fish("anyvfio ctl 1 su"), ["surprise"])
        self.assertEqual(fish("anyvfio devices e1"), ["e1000"])
        self.assertIn("qemu-img", fish("anyvfio run -d edu qemu-i"))


if __name__ == "__main__":
    client.main()
