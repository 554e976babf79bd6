#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Debuggers see what the driver does, and no more: as docs/debugging.md says."""
import os
import subprocess
import sys

import client
from client import ClientTest

BUGGY = os.path.join(client.BUILD, "tests", "clients", "buggy")
VALGRIND = ["--", "valgrind", "-q", "--error-exitcode=9"]
GDB = ["--", "gdb", "-nx", "-batch", "-ex",
       "handle SIGSEGV nostop noprint pass"]


class Debuggers(ClientTest):
    def test_valgrind_is_silent_about_a_good_driver(self):
        done = client.run("-d", "edu", *VALGRIND, BUGGY)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "", ""))

    def test_valgrind_finds_the_bug_of_a_bad_one(self):
        said = self.bad(9, "-d", "edu", *VALGRIND, BUGGY, "bug")
        self.assertIn("Invalid read of size 1", said)
        self.assertIn("read_beyond", said)
        self.assertEqual(said.count("Invalid"), 1, said)

    def test_the_launcher_leaks_nothing(self):
        done = subprocess.run(
            ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
             "--child-silent-after-fork=yes", client.LAUNCHER, "run", "-d",
             "edu", "-d", "nvme", "--", "true"], capture_output=True,
            text=True, timeout=client.LIMIT, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_valgrind_keeps_the_users_options(self):
        out = self.good("--", "sh", "-c", "echo $VALGRIND_OPTS",
                        env={**os.environ, "VALGRIND_OPTS": "-v"})
        self.assertRegex(out, r"^-v --vex-iropt-register-updates=\S+\n$")
        mine = "--vex-iropt-register-updates=allregs-at-each-insn"
        out = self.good("--", "sh", "-c", "echo $VALGRIND_OPTS",
                        env={**os.environ, "VALGRIND_OPTS": mine})
        self.assertEqual(out, mine + "\n")

    def test_gdb_stops_where_it_is_told_to(self):
        done = client.run("-d", "edu", *GDB, "-ex", "break read_beyond",
                          "-ex", "run", "-ex", "print len", "-ex", "continue",
                          "--args", BUGGY, "bug")
        self.assertIn("Breakpoint 1, read_beyond", done.stdout)
        self.assertIn("$1 = 64", done.stdout)
        self.assertNotIn("SIGSEGV", done.stdout.split("Breakpoint 1,")[1])
        self.assertIn("exited normally", done.stdout)


if __name__ == "__main__":
    sys.exit(client.main())
