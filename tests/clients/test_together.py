#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Several programs of one run: each has a core of its own, and still a group is
one program's at a time, as under one kernel."""
import sys

import client
from test_bus import BDF, BusTest, HOLDER

# Starts holders and tries to open beside them.
DRIVER = r"""
import errno, fcntl, os, signal, struct, subprocess, sys
HOLDER, BDF = sys.argv[1:]

def hold():
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, BDF, "1"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    assert holder.stdout.readline() == "ready\n"
    return holder

def tell(holder, word, answer):
    holder.stdin.write(word + "\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == answer + "\n"

def tried(name):
    try:
        os.close(os.open("/dev/vfio/" + name, os.O_RDWR))
        return "opened"
    except OSError as error:
        return errno.errorcode[error.errno]

"""


class Together(BusTest):
    def drive(self, script, *args, messages=""):
        """What DRIVER and the script say; messages of ours on the way."""
        done = client.run(*(args or ("-d", "edu", "-d", "edu")), "--",
                          sys.executable, "-c", DRIVER + script, HOLDER, BDF,
                          stdin=-3)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, f"^(?:{messages})$")
        self.left_nothing()
        return done.stdout.split()

    def test_second_open_of_a_group_is_ebusy(self):
        """While its descriptor or its device is open, and no longer."""
        said = "anyvfio: group 1 is open in process [0-9]+ of this run\n"
        self.assertEqual(self.drive("""
one = hold()
print(tried("1"), tried("2"), tried("vfio"))
tell(one, "shut", "shut")
print(tried("1"))
tell(one, "open", "opened")
tell(one, "drop", "dropped")
print(tried("1"))
tell(one, "shut", "shut")
print(tried("1"))
two = hold()
print(tried("1"))
two.kill(); two.wait()
one.kill(); one.wait()""", messages=said * 4), [
            "EBUSY", "opened", "opened", "EBUSY", "EBUSY", "opened", "EBUSY"])

    def test_who_ends_has_let_go(self):
        """However it ends: killed, by exec, by a crash."""
        self.assertEqual(self.drive("""
one = hold()
one.kill(); one.wait()
print(tried("1"))
one = hold()
os.kill(one.pid, signal.SIGABRT); one.wait()
print(tried("1"))
one = hold()
tell(one, "exec", "executed")
print(tried("1"))
one.kill(); one.wait()"""), ["opened"] * 3)

    def test_child_of_a_fork_has_it_no_more_than_others(self):
        """And its end takes nothing from its parent."""
        said = "anyvfio: group 1 is open in process [0-9]+ of this run\n"
        self.assertEqual(self.drive("""
group = os.open("/dev/vfio/1", os.O_RDWR)
if not os.fork():
    os.close(group)
    print(tried("1"), flush=True)
    os._exit(0)
os.wait()
print(subprocess.run([sys.executable, "-c", '''
import errno, os
try:
    os.open("/dev/vfio/1", os.O_RDWR)
except OSError as error:
    print(errno.errorcode[error.errno])
'''], stdout=subprocess.PIPE, text=True).stdout)
os.close(group)
print(tried("1"))""", messages=said * 2), ["EBUSY", "EBUSY", "opened"])

    def test_one_at_a_time_of_many(self):
        """Programs that wait for each other: never two of them are in."""
        self.assertEqual(self.drive(f"""
loop = '''
import fcntl, os, sys
for i in range(200):
    try:
        group = os.open("/dev/vfio/1", os.O_RDWR)
    except OSError:
        continue
    os.close(os.open({self.path("in")!r}, os.O_CREAT | os.O_EXCL))
    os.unlink({self.path("in")!r})
    os.close(group)
'''
many = [subprocess.Popen([sys.executable, "-c", loop], stderr=-3)
        for i in range(4)]
print(*(one.wait() for one in many))"""), ["0"] * 4)

    def test_noiommu_groups_too(self):
        done = client.run("--noiommu", "-d", "edu,group=none", "--", "bash",
                          "-c", """exec 3<>/dev/vfio/noiommu-0 || exit 3
            bash -c 'exec 4<>/dev/vfio/noiommu-0' 2>&1 && exit 4
            exec 3>&-
            exec 4<>/dev/vfio/noiommu-0""")
        self.assertIn("Device or resource busy", done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    client.main()
