#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Packets a second through dpdk-testpmd, io-forward, 64 bytes, two ports with a
wire between them: on our virtio-net, and on DPDK's own software ports.

    bench/testpmd.py BUILD [KIND...]

The peers' wires are made of the kernel's interfaces, in a network namespace of
their own; who may not make one goes without those figures."""
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

EAL = ["-l", "0,1", "--no-telemetry", "--no-shconf", "--no-huge", "-m", "256"]
PMD = ["-i", "--total-num-mbufs=16384", "--rxd=1024", "--txd=1024",
       "--no-lsc-interrupt"]
BURSTS = 8          # of 32 packets, sent by each port at the start
SECONDS, RUNS = 2, 3
BDF = "0000:01:00.0"

VETH = ("ip link add v0 type veth peer name v1; "
        "ip link set v0 up promisc on; ip link set v1 up promisc on; ")
# A bridge that learns nothing is a wire.
BRIDGE = ("ip link add name wire type bridge; ip link set wire up; "
          "( until ip link set t0 master wire && ip link set t1 master wire; "
          "do sleep 0.1; done; bridge link set dev t0 learning off; "
          "bridge link set dev t1 learning off ) 2>/dev/null & ")


# The other end of vhost finds its socket only once that port is started.
USER = "net_virtio_user0,path=DIR/socket,queue_size=1024"


def ours(build, options):
    launcher = os.path.join(build, "anyvfio")
    return ["", [launcher, "run", "-d", f"virtio-net,{options}", "-d",
                 f"virtio-net,peer={BDF},{options}", "--"], EAL, None]


def vdevs(setup, *devices, later=None):
    args = ["--no-pci"]
    for device in devices:
        args += ["--vdev", device]
    return [setup, [], EAL + args, later]


def kinds(build):
    return {
        "virtio-net": ours(build, "ring=1024"),
        "virtio-net packed": ours(build, "ring=1024,packed=on"),
        "virtio-net legacy": ours(build, "ring=1024,interface=legacy"),
        "net_tap": vdevs(BRIDGE, "net_tap0,iface=t0", "net_tap1,iface=t1"),
        "net_af_packet": vdevs(VETH, "net_af_packet0,iface=v0",
                               "net_af_packet1,iface=v1"),
        "net_pcap": vdevs(VETH, "net_pcap0,iface=v0", "net_pcap1,iface=v1"),
        "virtio-user, vhost": vdevs("", "net_vhost0,iface=DIR/socket",
                                    later=USER),
        "net_ring": vdevs("", "net_ring0", "net_ring1"),
    }


def processor_time(group):
    """Seconds of all processes of a group, so far."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii",
                      errors="replace") as file:
                words = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        if int(words[2]) == group:
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Testpmd:
    """DIR in what it is given is a directory of its own."""

    def __init__(self, setup, launcher, eal, later):
        self.dir = tempfile.TemporaryDirectory(prefix="anyvfio-bench-")
        eal = [arg.replace("DIR", self.dir.name) for arg in eal]
        shell = ["unshare", "-n", "sh", "-c", setup + 'exec "$@"', "sh"] \
            if setup else []
        self.process = subprocess.Popen(
            ["timeout", "--foreground", "60", *shell, *launcher, "stdbuf", "-oL", "dpdk-testpmd", *eal, "--",
             *PMD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        if later:
            later = later.replace("DIR", self.dir.name)
            self.do(f"port attach {later}", "Now total ports is 2")
            self.do("port start 1\nset portlist 0,1\nshow port summary 0",
                    "^0 ")

    def do(self, command, until):
        """What it says up to a line with @until."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            said += line
            if re.search(until, line):
                return said
        raise RuntimeError(said)

    def received(self):
        """Packets received by both ports, and when."""
        said = self.do("show port stats all\nshow port summary 0", "^0 ")
        now = time.monotonic()
        return sum(map(int, re.findall(r"RX-packets: (\d+)", said))), now, said


def measure(kind):
    """(packets a second, and a second of processor time; packets lost)"""
    testpmd = Testpmd(*kind)
    pid = testpmd.process.pid
    try:
        testpmd.received()
        time.sleep(1)  # the bridge finds its ports
        testpmd.do(f"start tx_first {BURSTS}", "packets/burst")
        time.sleep(0.5)
        used = processor_time(pid)
        before, start, _ = testpmd.received()
        time.sleep(SECONDS)
        after, end, _ = testpmd.received()
        used = processor_time(pid) - used
        # In flight are at most those of the start; the rest is lost.  While
        # they go round, the ports are not read at the same time.
        testpmd.do("stop", r"^Done\.")
        got, _, said = testpmd.received()
        sent = sum(map(int, re.findall(r"TX-packets: (\d+)", said)))
        lost = max(0, sent - got - 2 * 32 * BURSTS)
        moved = after - before
        return moved / (end - start), moved / used, lost
    finally:
        os.killpg(pid, signal.SIGKILL)
        testpmd.process.wait()
        testpmd.dir.cleanup()


def rates(build, names=None, runs=RUNS):
    """name -> (median packets a second, and a second of processor time, most
    lost), measured in turns; those that cannot run here are left out."""
    every = kinds(build)
    names = names or list(every)
    found = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            try:
                found[name].append(measure(every[name]))
            except (RuntimeError, BrokenPipeError) as error:
                print(f"bench: {name}: {str(error)[-300:]}", file=sys.stderr)
    return {name: (statistics.median(r[0] for r in runs),
                   statistics.median(r[1] for r in runs),
                   max(r[2] for r in runs))
            for name, runs in found.items() if runs}


if __name__ == "__main__":
    for what, (rate, work, lost) in rates(os.path.abspath(sys.argv[1]),
                                          sys.argv[2:]).items():
        print(f"{what:20} {rate / 1e6:8.3f} M/s   "
              f"{work / 1e6:8.3f} M/s of processor time   lost {lost}",
              flush=True)
