# SPDX-License-Identifier: GPL-2.0-only OR MIT
# In the machine: takes the figures of the VFIO that is loaded; with "find" also
# of finding things, which takes noiommu mode.
set -e

# take WHAT VENDOR:DEVICE
take() {
	for pci in /sys/bus/pci/devices/*; do
		[ "$(cat $pci/vendor):$(cat $pci/device)" != $2 ] || break
	done
	echo vfio-pci >$pci/driver_override
	echo ${pci##*/} >/sys/bus/pci/drivers_probe
	./figures $1 /dev/vfio/$(basename $(readlink $pci/iommu_group)) \
		${pci##*/}
}

# One of the middle, of those that insmod makes.
find_among() {
	insmod find.ko count=$1
	dev=$(printf /sys/devices/find/find-%04u $(($1 / 2)))
	./figures find /dev/vfio/noiommu-$(basename \
		$(readlink $dev/iommu_group)) ${dev##*/} $1
	rmmod find
}

# pci-testdev cannot be reset and has no interrupt pin, whose routing costs a
# hundred times what VFIO does.
take cycle 0x1b36:0x0005
take calls 0x1234:0x11e8
[ "$1" = find ] || exit 0
echo 1 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
find_among 1
find_among 4096
