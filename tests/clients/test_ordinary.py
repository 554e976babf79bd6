#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Ordinary programs do under anyvfio what they do without it."""
import os
import subprocess
import sys

import client
from client import ClientTest, LAUNCHER

COMMANDS = [
    "ls /", "ls -la /etc", "ls -l /dev/null", "ls -R /usr/share/doc/base-files",
    "ls /nonexistent", "cat /etc/passwd", "cat /nonexistent", "cat </dev/null",
    "head -c 100000 /dev/zero | sha256sum", "cat /proc/self/comm",
    "cat /proc/version", "curl --version", "curl -s file:///etc/hostname",
    "git --version", "find /sys/class/block", "find /sys/kernel/mm -type f",
    "find /etc -name 'host*'", "readlink /proc/self/exe", "readlink -f /bin/sh",
    "stat -c %n:%F:%a /etc /dev/zero /bin/sh", "stat -f -c %T /sys /proc /tmp",
    "cd /sys/class/block && pwd && ls .. | head", "cd /usr/../etc && pwd -P",
    "cd /proc/self && ls fd/0", "echo a | tee /dev/stderr", "seq 1000 | sort",
    "kill -l", "trap 'echo usr1' USR1; kill -USR1 $$", "umask; ulimit -n",
    "exec 9</etc/passwd; head -n1 <&9; exec 9<&-; head -n1 <&9",
    "ls /proc/self/fd | wc -l", "dd if=/dev/zero bs=1k count=10 status=none",
    "xargs echo </etc/hostname", "false", "sh -c 'exit 9'",
    "bash -c 'echo $((6*7)) <(:)'", "bash -c 'mapfile -t a </etc/group; "
    "echo ${#a[@]}'", "timeout 5 sleep 0", "nice -n 0 true", "nohup true",
    "python3 -c 'import os, sys; print(sys.version, os.getcwd(), "
    "os.path.realpath(\"/bin/sh\"), sorted(os.listdir(\"/\")))'",
    "python3 -c 'import subprocess; print(subprocess.run([\"id\"], "
    "capture_output=True, cwd=\"/sys\").stdout)'",
    "python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, "
    "[-1, 2]))'",
    "python3 -c 'import mmap, os; f = open(\"/etc/passwd\"); "
    "print(mmap.mmap(f.fileno(), 0, prot=1)[:4])'",
    "python3 -c 'import signal; print(signal.signal(signal.SIGSEGV, "
    "signal.SIG_IGN), signal.getsignal(signal.SIGSEGV))'",
    "python3 -X faulthandler -c 'import ctypes; ctypes.string_at(8)' 2>&1 "
    "| grep -c Segmentation",
    "python3 -c 'import glob; print(sorted(glob.glob(\"/etc/host*\")))'",
]


class Ordinary(ClientTest):
    def both(self, command, cwd="/"):
        """The same by itself and in a run: status, output, error output."""
        plain = subprocess.run(["sh", "-c", command], capture_output=True,
                               cwd=cwd, check=False)
        ours = subprocess.run([LAUNCHER, "run", "--", "sh", "-c", command],
                              capture_output=True, cwd=cwd, check=False)
        self.assertEqual(
            (ours.returncode, ours.stdout, ours.stderr),
            (plain.returncode, plain.stdout, plain.stderr), command)

    def test_same_output_and_status(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                self.both(command)
        self.left_nothing()

    def test_git_works(self):
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null",
               "GIT_AUTHOR_DATE": "1000000000 +0000",
               "GIT_COMMITTER_DATE": "1000000000 +0000"}
        script = """
            git init -q . && echo hello >f && git add f &&
            git -c user.name=n -c user.email=e commit -qm m &&
            git log --format=%H && git status --short && git fsck --strict"""
        out = []
        for prefix in ([], [LAUNCHER, "run", "--"]):
            where = self.path(f"repo{len(out)}")
            os.mkdir(where)
            done = subprocess.run([*prefix, "sh", "-c", script], cwd=where,
                                  env=env, capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            out.append(done.stdout)
        self.assertEqual(out[0], out[1])

    def test_the_environment_gains_three_names(self):
        plain = {**os.environ}
        plain.pop("LD_PRELOAD", None)
        plain.pop("VALGRIND_OPTS", None)
        out = self.good("--", "env", "-0", env=plain)
        seen = dict(item.split("=", 1) for item in out.split("\0") if item)
        self.assertEqual(set(seen) - set(plain), {
            "LD_PRELOAD", "ANYVFIO_RUN", "VALGRIND_OPTS"})
        for name, value in plain.items():
            self.assertEqual(seen[name], value)

    def test_a_program_without_the_library_sees_the_machine(self):
        """An environment that was emptied is one without us."""
        self.assertEqual(
            self.good("--", "env", "-i", "/bin/ls", "/sys/bus"),
            subprocess.run(["ls", "/sys/bus"], text=True, check=True,
                           capture_output=True).stdout)

    def test_a_daemon_that_outlives_the_run_sees_the_machine(self):
        done = client.run("--", "sh", "-c",
                          "(while [ -d $ANYVFIO_RUN ]; do sleep 0.01; done; "
                          f"ls /sys/bus >{self.dir}/out 2>&1; "
                          f"mv {self.dir}/out {self.dir}/done) "
                          "</dev/null >/dev/null 2>&1 &")
        self.assertEqual(done.returncode, 0)
        subprocess.run([sys.executable, "-c",
                        "import os, sys, time\n"
                        "while not os.path.exists(sys.argv[1]): "
                        "time.sleep(0.02)", self.path("done")],
                       timeout=client.LIMIT, check=True)
        with open(self.path("done"), encoding="ascii") as out:
            self.assertEqual(sorted(out.read().split()),
                             sorted(os.listdir("/sys/bus")))


if __name__ == "__main__":
    client.main()
