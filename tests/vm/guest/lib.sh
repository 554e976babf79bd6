# SPDX-License-Identifier: GPL-2.0-only OR MIT
# What the tests in the machine share. Each test is a function named after the
# rule it shows; it fails by its status, or by what the kernel logs meanwhile.

failed=0

# What no test may leave in the log. IOMMU faults are not among it: the tests
# make devices go where they may not.
BAD='BUG|WARNING|Oops|general protection|refcount_t|INFO: |Call Trace|corrupt|scheduling while|leak|nobody cared'

# Long-term pins are counted by the kernel: as many given back as taken.
pins() {
	# The counters of each processor are folded into the sums.
	cat /proc/sys/vm/stat_refresh >/dev/null
	awk '/^nr_foll_pin_acquired/ { n += $2 }
	     /^nr_foll_pin_released/ { n -= $2 }
	     END { print n }' /proc/vmstat
}

# run NAME [COMMAND...]: the test; without a command the function of its name
run() {
	local name=$1 why=
	shift
	dmesg -c >/dev/null
	if "${@:-$name}" >/tmp/out 2>&1; then :; else
		why="status $?"
	fi
	dmesg -c >/tmp/dmesg
	grep -qE "$BAD" /tmp/dmesg && why="$why the kernel complained"
	[ "$(pins)" = 0 ] || why="$why $(pins) pages are pinned"
	grep -E '^(ok|differs) ' /tmp/out
	if [ -z "$why" ]; then
		echo "passed $name"
		return
	fi
	failed=$((failed + 1))
	echo "FAILED $name:" $why
	sed 's/^/  | /' /tmp/out
	tail -n 60 /tmp/dmesg | sed 's/^/  # /'
}

# ---- what a debug kernel sees besides ----
DEBUG=/sys/kernel/debug
[ ! -e /proc/lockdep_stats ] || {
	mount -t debugfs d $DEBUG
	# What the kernel lost while it started is not ours.
	echo clear >$DEBUG/kmemleak
}

# Memory that nothing points to: told when it is five seconds old and was seen
# twice, since a pointer may be in a register only.
nothing_leaked() {
	sleep 6
	echo scan >$DEBUG/kmemleak && echo scan >$DEBUG/kmemleak || return
	cat $DEBUG/kmemleak >/tmp/leaks
	cat /tmp/leaks
	[ ! -s /tmp/leaks ]
}

# The first report, of whomever, is the last.
locks_were_checked() {
	cat /proc/lockdep_stats
	grep -q 'debug_locks: *1' /proc/lockdep_stats
}

finish() {
	[ ! -e /proc/lockdep_stats ] || {
		run nothing_leaked
		run locks_were_checked
	}
	dmesg -c >/dev/null
	exit $((failed > 0))
}

say() { echo "$*" >&2; return 1; }

# find_pci VENDOR:DEVICE: sets $bdf and $pci to the first such device
find_pci() {
	for pci in /sys/bus/pci/devices/*; do
		bdf=${pci##*/}
		[ "$(cat $pci/vendor):$(cat $pci/device)" = \
			"0x${1%:*}:0x${1#*:}" ] && return
	done
	say "no device $1"
}

driver_of() { basename "$(readlink /sys/bus/pci/devices/$1/driver)"; }

unbind() {
	[ ! -e /sys/bus/pci/devices/$1/driver ] ||
		echo $1 >/sys/bus/pci/devices/$1/driver/unbind
}

# bind DRIVER BDF: takes it from whom it has
bind() {
	modprobe $1 && unbind $2 || return
	echo $1 >/sys/bus/pci/devices/$2/driver_override
	echo $2 >/sys/bus/pci/drivers_probe 2>/dev/null
	[ "$(driver_of $2)" = $1 ] || say "$2: not bound to $1"
}

# use VENDOR:DEVICE: binds it to vfio-pci; sets $bdf, $pci, $group
use() {
	find_pci $1 && bind vfio-pci $bdf || return
	group=/dev/vfio/$(basename "$(readlink $pci/iommu_group)")
}

# use_bridged: $nic is the e1000 behind the bridge, without a driver; the edu in its
# group is bound to vfio-pci: sets $bdf, $group
use_bridged() {
	local d
	find_pci 8086:100e || return
	nic=$bdf bdf=
	unbind $nic
	for d in $(readlink -f $pci)/../*/; do
		[ "$(cat $d/device 2>/dev/null)" != 0x11e8 ] || bdf=$(basename $d)
	done
	[ -n "$bdf" ] || say "no edu beside $nic" || return
	bind vfio-pci $bdf || return
	group=/dev/vfio/$(basename $(readlink /sys/bus/pci/devices/$bdf/iommu_group))
}

# use_pf DRIVER: binds it to the NVMe that can have virtual functions; sets $bdf,
# $pci, $group
use_pf() {
	local file
	for file in /sys/bus/pci/devices/*/sriov_totalvfs; do
		[ "$(cat $file)" = 0 ] || break
	done
	pci=${file%/*}
	bdf=${pci##*/}
	bind $1 $bdf || return
	group=/dev/vfio/$(basename "$(readlink $pci/iommu_group)")
}

allow_vfs() { echo 1 >/sys/module/vfio_pci/parameters/enable_sriov; }

# make_vfs: two of $pci; sets $vf, $vf_group to the first
make_vfs() {
	allow_vfs && echo 2 >$pci/sriov_numvfs || return
	vf=$(basename "$(readlink $pci/virtfn0)")
	vf_group=/dev/vfio/$(basename "$(readlink $pci/virtfn0/iommu_group)")
}

pf_and_vf() { use_pf vfio-pci && allow_vfs && ./vf $group $bdf; }

# The reset of a bus with two functions; the proof that is none is an edu's group.
hot_reset_bus() {
	local other
	use 1234:11e8 || return
	other=$group
	use_bridged && bind vfio-pci $nic && ./reset $group $bdf $nic $other
}

# Two groups with an edu each in one container.
two_groups() { # [reserved]
	local one
	use 1234:11e8 && one="$group $bdf" && use_bridged || return
	./domains $one $group $bdf $1
}

# The same when the IOMMU makes a domain for each. [apart's parameters -- reserved]
groups_apart() {
	local status
	insmod ours/apart.ko $1 || return
	two_groups $2
	status=$?
	rmmod apart
	dmesg | grep -q 'apart: refused [1-9]' || say "one domain for both" || return
	return $status
}

# A page that the group which comes later cannot use.
reserved_page() {
	use_bridged || return
	groups_apart "reserved=$((0x800000)) group=${group##*/}" reserved
}

# One huge page is entered into the IOMMU as one, not as 512 pages.
map_huge_page() {
	local trace=/sys/kernel/tracing
	use 1234:11e8 || return
	[ -d $trace/events ] || mount -t tracefs t $trace || return
	echo 1 >$trace/events/iommu/map/enable && ./type1 $group $bdf huge || return
	echo 0 >$trace/events/iommu/map/enable
	grep 'iova=0x0000000040' $trace/trace >/tmp/maps
	cat /tmp/maps
	[ $(wc -l </tmp/maps) = 1 ] && grep -q 'size=2097152' /tmp/maps
}

# hold_start: a process of its own holds $bdf; $holder is its pid, and
# /tmp/held what it says next.
hold_start() {
	rm -f /tmp/held
	mkfifo /tmp/held
	./hold $group "$bdf" >/tmp/held &
	holder=$!
	exec 3</tmp/held
	read line <&3
	[ "$line" = ready ] || say "the holder says '$line'"
}

hold_end() {
	kill -9 $holder
	wait $holder
	exec 3<&-
}

# Memory in use by kind, in objects.
slabs() { awk 'NR > 2 { print $1, $2 }' /proc/slabinfo | sort; }

# grown BEFORE AFTER N: names the caches with N more objects than before
grown() {
	awk -v n=$3 'NR == FNR { was[$1] = $2; next }
		$2 - was[$1] >= n { print $1, was[$1], "->", $2; bad = 1 }
		END { exit bad }' $1 $2
}
