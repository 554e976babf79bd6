# SPDX-License-Identifier: GPL-2.0-only OR MIT
# A machine without an IOMMU: nothing until the mode is asked for, then a group
# that the kernel is tainted by.
. ./lib.sh

EDU=1234:11e8

N1_off_by_default() {
	modprobe vfio && modprobe vfio-pci && find_pci $EDU || return
	! bind vfio-pci $bdf 2>/dev/null || say "bound without an IOMMU" || return
	rmmod vfio-pci && rmmod vfio
}

N1_noiommu_group() {
	modprobe vfio enable_unsafe_noiommu_mode=1 &&
		modprobe vfio_iommu_type1 && modprobe vfio-pci && find_pci $EDU &&
		bind vfio-pci $bdf || return
	group=$(echo /dev/vfio/noiommu-*)
	[ -c "$group" ] || say "no group node" || return
	[ $(($(cat /proc/sys/kernel/tainted) & 64)) = 64 ] ||
		say "not tainted" || return
	dmesg | grep -q "$bdf" || say "the log does not name $bdf" || return
	./uapi $group $bdf
}

# The made-up group goes with its device.
B1_unbind_removes_the_group() {
	unbind $bdf
	[ ! -e $group ] && [ ! -e /sys/bus/pci/devices/$bdf/iommu_group ] || return
	rmmod vfio-pci && rmmod vfio_iommu_type1 && rmmod vfio
}

run N1_off_by_default
run N1_noiommu_group
run B1_unbind_removes_the_group
finish
