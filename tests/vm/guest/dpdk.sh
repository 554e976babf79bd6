# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Debian's dpdk-testpmd on two e1000e at one wire: packets of a file leave by the
# first, come back by the second, and go into another file. QEMU writes down what
# was on the wire.
. ./lib.sh

NR=2000
WIRE=/share/wire.pcap
export LD_LIBRARY_PATH=$(echo /usr/lib/*/dpdk/pmds-*)

# Binds both to vfio-pci; sets $cards
use_cards() {
	local d
	cards=
	for d in /sys/bus/pci/devices/*; do
		[ "$(cat $d/vendor):$(cat $d/device)" = 0x8086:0x10d3 ] || continue
		bind vfio-pci ${d##*/} || return
		cards="$cards -a ${d##*/}"
	done
}

# Until testpmd, which is asked COMMAND again and again, says TEXT
await_text() { # TEXT [COMMAND]
	local i=400
	until grep -q "$1" /tmp/testpmd; do
		kill -0 $testpmd && [ $((i -= 1)) -gt 0 ] ||
			say "testpmd does not say '$1'" || return
		[ -z "$2" ] || echo "$2" >&4
		sleep 0.3
	done
}

# Two lcores of one processor. Ports 0 and 1 are the cards.
start_testpmd() { # [EAL's options]
	rm -f /tmp/commands
	mkfifo /tmp/commands
	dpdk-testpmd $cards --lcores '(0,1)@0' --no-telemetry --no-shconf "$@" \
		--vdev net_pcap0,rx_pcap=/tmp/in.pcap,tx_pcap=/tmp/back.pcap \
		--vdev net_pcap1,tx_pcap=/tmp/out.pcap \
		-- -i --total-num-mbufs=4096 --no-flush-rx \
		</tmp/commands >/tmp/testpmd 2>&1 &
	testpmd=$!
	exec 4>/tmp/commands
}

# A card whose link is not up yet leaves packets in QEMU's queue, which it does not
# keep in order when others arrive.
await_link() { # PORT
	await_text "^$1 .* net_e1000_em .*up" 'show port summary all'
}

forward() {
	./packets make /tmp/in.pcap $NR
	start_testpmd "$@" && await_text 'Done$' && await_link 0 &&
		await_link 1 || return
	printf '%s\n' 'set portlist 2,0,1,3' 'set fwd io retry' \
		'set burst tx delay 1 retry 100000000' start >&4
	await_text "RX-packets: $NR " 'show port stats 1'
	printf '%s\n' stop quit >&4
	exec 4>&-
	wait $testpmd || say "testpmd ended with $?" || return
	[ $(grep -c 'Probe PCI driver: net_e1000_em (8086:10d3)' /tmp/testpmd) = 2 ] ||
		say "not two cards" || return
	./packets same /tmp/in.pcap /tmp/out.pcap &&
		./packets same /tmp/in.pcap $WIRE
}

testpmd_forwards() {
	use_cards || return
	forward "$@" && return
	cat /tmp/testpmd
	kill -9 $testpmd
	return 1
}

# Without an IOMMU the addresses are physical, and huge pages make them last.
testpmd_forwards_without_iommu() {
	modprobe vfio enable_unsafe_noiommu_mode=1 && modprobe vfio-pci || return
	echo 32 >/proc/sys/vm/nr_hugepages
	mkdir -p /dev/hugepages
	mount -t hugetlbfs h /dev/hugepages
	testpmd_forwards -m 64 --huge-unlink
}

mkdir -p /var && ln -s /run /var/run
if [ -n "$(ls /sys/class/iommu)" ]; then
	run testpmd_forwards testpmd_forwards --no-huge -m 64
else
	run testpmd_forwards_without_iommu
fi
finish
