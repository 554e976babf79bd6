#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""anyvfio run ends as its program ends; signals reach the program, once."""
import fcntl
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios

import client
from client import ClientTest, LAUNCHER, start

# Tells each signal it gets, and ends on TERM.
TELLER = """
import os, signal, sys
fd = int(os.environ.get("TELL", "1"))
def tell(sig, frame):
    os.write(fd, (signal.Signals(sig).name + "\\n").encode())
    if sig == signal.SIGTERM:
        sys.exit(7)
    if sig == signal.SIGHUP and fd != 1:
        sys.exit(0)
for name in "HUP INT QUIT TERM USR1 USR2 WINCH CONT".split():
    signal.signal(getattr(signal, "SIG" + name), tell)
os.write(fd, b"ready\\n")
while True:
    signal.pause()
"""


def read_line(fd):
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([fd], [], [], client.LIMIT)[0]:
            raise TimeoutError(line)
        byte = os.read(fd, 1)
        if not byte:
            break
        line += byte
    return line.decode().strip()


class Status(ClientTest):
    def test_every_exit_status_is_passed_on(self):
        for status in range(256):
            done = client.run("-d", "edu", "--", "sh", "-c",
                              f"exit {status}")
            self.assertEqual(done.returncode, status)
            self.assertEqual(done.stderr, "")
        self.left_nothing()

    def test_death_by_signal_is_passed_on(self):
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV,
                    signal.SIGABRT, signal.SIGINT, signal.SIGPIPE,
                    signal.SIGRTMIN + 3):
            done = client.run("--", "sh", "-c", f"kill -{int(sig)} $$")
            self.assertEqual(done.returncode, -sig)
        self.left_nothing()

    def test_no_second_core(self):
        resource.setrlimit(resource.RLIMIT_CORE, (
            resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        program = start("-d", "edu", "--", "sh", "-c",
                        "ulimit -c 0; kill -ABRT $$", cwd=self.dir)
        status = os.waitpid(program.pid, 0)[1]
        program.returncode = -signal.SIGABRT
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        self.assertFalse(os.WCOREDUMP(status))

    def test_a_missing_program_is_127(self):
        said = self.bad(127, "--", "/nonexistent/program")
        self.assertIn("/nonexistent/program: No such file", said)
        self.assertNotIn("-d", self.bad(127, "--", "no-such-program-in-path"))
        for word in ("edu", "nvme,size=1M"):
            self.assertIn("a device is given with -d", self.bad(127, word, "x"))
        self.left_nothing()

    def test_a_program_that_cannot_run_is_126(self):
        plain = self.file("plain", 10)
        self.assertIn("Permission denied", self.bad(126, "--", plain))
        self.bad(126, "--", self.dir)
        self.left_nothing()

    def test_the_programs_own_125_to_127_are_its_own(self):
        for status in (125, 126, 127):
            self.assertEqual(
                self.bad(status, "--", "sh", "-c", f"exit {status}"), "")

    def test_dashes_may_be_left_out(self):
        self.assertEqual(self.good("echo", "-d", "x"), "-d x\n")
        self.assertEqual(self.good("-d", "edu", "echo", "--", "y"), "-- y\n")

    def test_standard_streams_are_the_programs_alone(self):
        """A reader of the program's output sees its end when the program
        closes it, and a writer of its input that nobody reads any more."""
        read_end, write_end = os.pipe()
        run = start("--", sys.executable, "-c",
                    "import os, signal; os.write(1, b'x'); os.close(1); "
                    "signal.pause()", stdout=write_end)
        os.close(write_end)
        self.assertEqual(os.read(read_end, 10), b"x")
        self.assertTrue(select.select([read_end], [], [], client.LIMIT)[0])
        self.assertEqual(os.read(read_end, 10), b"")
        os.close(read_end)
        run.terminate()
        self.assertEqual(run.wait(client.LIMIT), -signal.SIGTERM)

    def test_what_is_inherited_is_inherited(self):
        """Open descriptors, ignored signals, the mask, umask, directory."""
        read_end, write_end = os.pipe()
        check = (f"import os, signal; os.write({write_end}, b'in');"
                 "assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN;"
                 "assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN;"
                 "m = signal.pthread_sigmask(signal.SIG_BLOCK, []);"
                 "assert m == {signal.SIGUSR2}, m;"
                 "assert os.umask(0) == 0o123;"
                 f"assert os.getcwd() == {self.dir!r}")

        def prepare():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK,
                                   [signal.SIGUSR2, signal.SIGSEGV])
            os.umask(0o123)

        self.good("--", sys.executable, "-c", check, pass_fds=(write_end,),
                  preexec_fn=prepare, cwd=self.dir)
        self.assertEqual(os.read(read_end, 10), b"in")
        os.close(read_end)
        os.close(write_end)


class Sent(ClientTest):
    """Signals that somebody sends to the launcher."""

    def setUp(self):
        super().setUp()
        # A job of ours, as a shell makes one: what has no such parent is not
        # stopped by SIGTSTP.
        self.program = start("--", sys.executable, "-c", TELLER,
                             stdout=subprocess.PIPE,
                             preexec_fn=lambda: os.setpgid(0, 0))
        self.addCleanup(self.program.stdout.close)
        self.out = self.program.stdout.fileno()
        self.assertEqual(read_line(self.out), "ready")

    def test_signals_are_forwarded(self):
        for name in ("HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "CONT"):
            self.program.send_signal(getattr(signal, "SIG" + name))
            self.assertEqual(read_line(self.out), "SIG" + name)
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(read_line(self.out), "SIGTERM")
        self.assertEqual(self.program.wait(client.LIMIT), 7)
        self.assertEqual(read_line(self.out), "")
        self.left_nothing()

    def test_stop_and_continue(self):
        """The launcher stops with its program, and continues it."""
        self.program.send_signal(signal.SIGTSTP)
        pid, status = os.waitpid(self.program.pid, os.WUNTRACED)
        self.assertEqual(pid, self.program.pid)
        self.assertTrue(os.WIFSTOPPED(status))
        self.program.send_signal(signal.SIGCONT)
        self.assertEqual(read_line(self.out), "SIGCONT")
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(read_line(self.out), "SIGTERM")
        self.assertEqual(self.program.wait(client.LIMIT), 7)


class Terminal(ClientTest):
    """Signals that a terminal sends, to all of the foreground."""

    def setUp(self):
        super().setUp()
        self.pid, self.tty = pty.fork()
        if not self.pid:
            os.execv(LAUNCHER, [LAUNCHER, "run", "--", sys.executable, "-c",
                                "import os; os.system('stty -echo -icanon');"
                                + TELLER])
        self.addCleanup(os.close, self.tty)
        self.assertEqual(read_line(self.tty), "ready")

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        self.assertEqual(read_line(self.tty), "SIGTERM")
        self.assertEqual(os.waitpid(self.pid, 0)[1], 7 << 8)

    def test_the_programs_gets_each_key_once(self):
        for _ in range(3):
            os.write(self.tty, b"\x03")
            self.assertEqual(read_line(self.tty), "SIGINT")
        os.write(self.tty, b"\x1c")
        self.assertEqual(read_line(self.tty), "SIGQUIT")
        # A second one of any would be in front of this.
        self.end()
        self.left_nothing()

    def test_a_new_size_arrives_once(self):
        fcntl.ioctl(self.tty, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 33, 99, 0, 0))
        self.assertEqual(read_line(self.tty), "SIGWINCH")
        self.end()

class HangUp(ClientTest):
    def test_a_hang_up_reaches_the_program(self):
        """The launcher leads the session here: the kernel tells it alone."""
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        pid, tty = pty.fork()
        if not pid:
            os.environ["TELL"] = str(write_end)
            os.execv(LAUNCHER, [LAUNCHER, "run", "--", sys.executable, "-c",
                                TELLER])
        os.close(write_end)
        self.assertEqual(read_line(read_end), "ready")
        os.close(tty)
        self.assertEqual(read_line(read_end), "SIGHUP")
        while (line := read_line(read_end)) == "SIGCONT":
            pass
        self.assertEqual(line, "")
        os.close(read_end)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.left_nothing()


# A program that stops a little after it is told to, and a launcher that finds
# out later still.  Python runs a handler when it wakes up: a signal just before
# it sleeps has to wake it.
LATE = '''
import os, select, signal, time

def stop(*_):
    time.sleep(0.003)
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, stop)

def tell(*_):
    os.write(1, b"told\\n")

signal.signal(signal.SIGTSTP, stop)
signal.signal(signal.SIGUSR1, tell)
wakes, end = os.pipe()
os.set_blocking(end, False)
signal.set_wakeup_fd(end)
print("started by", os.getppid(), flush=True)
while True:
    if wakes in select.select([0, wakes], [], [])[0]:
        os.read(wakes, 64)
        continue
    line = os.read(0, 64)
    if not line:
        break
    os.write(1, b"got " + line)
'''
SLOW_WAIT = os.path.join(client.BUILD, "tests", "clients", "slow_wait.so")


class Jobs(ClientTest):
    """A shell with job control in front."""

    def test_suspend_and_resume_by_the_shell(self):
        """As often as one likes: one stop, one resume."""
        with open(self.path("late.py"), "w", encoding="ascii") as file:
            file.write(LATE)
        pid, tty = pty.fork()
        if not pid:
            os.environ["PS1"] = ""
            os.environ["LD_PRELOAD"] = os.environ.get("LD_PRELOAD", "") + \
                ":" + SLOW_WAIT
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.addCleanup(os.close, tty)

        unread = said = b""

        def wait_for(text):
            """The shell says of no other stop meanwhile."""
            nonlocal unread, said
            while text not in unread:
                self.assertNotIn(b"Stopped", unread, said)
                self.assertTrue(select.select([tty], [], [], client.LIMIT)[0],
                                said)
                new = os.read(tty, 4096)
                unread, said = unread + new, said + new
            unread = unread.partition(text)[2]

        os.write(tty, b"stty -echo; echo sh''ell\n")
        wait_for(b"shell")
        os.write(tty, f"{LAUNCHER} run -- python3 {self.dir}/late.py\n"
                 .encode())
        wait_for(b"started by ")
        wait_for(b"\n")
        launcher = int(re.search(rb"started by (\d+)", said)[1])
        for i in range(5):
            os.write(tty, b"\x1a")
            wait_for(b"Stopped")
            os.write(tty, b"fg >/dev/null; echo sta''tus $?\n")
            os.write(tty, b"line %d\n" % i)
            wait_for(b"got line %d" % i)
            # One that stops once more never gets to handing it on.
            os.kill(launcher, signal.SIGUSR1)
            wait_for(b"told")
        os.write(tty, b"\x04")
        wait_for(b"status 0")
        os.write(tty, b"exit\n")
        os.waitpid(pid, 0)
        self.left_nothing()


if __name__ == "__main__":
    client.main()
