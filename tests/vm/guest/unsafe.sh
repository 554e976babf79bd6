# SPDX-License-Identifier: GPL-2.0-only OR MIT
# An IOMMU that does not isolate interrupts: refused until the risk is taken.
. ./lib.sh

EDU=1234:11e8

I3_unsafe_interrupts_are_refused() {
	use $EDU || return
	! ./hold $group $bdf 1 2>/tmp/why || say "a device was opened" || return
	grep -q 'VFIO_SET_IOMMU.*not permitted' /tmp/why ||
		say "$(cat /tmp/why)" || return
	# And whoever reads the log learns what to do.
	dmesg | grep -q "$bdf.*allow_unsafe_interrupts=1" ||
		say "the log does not say how" || return
}

I3_unsafe_interrupts_by_choice() {
	echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
	use $EDU && ./hold $group $bdf 1
}

uapi_edu() { use $EDU && ./uapi $group $bdf; }
edu_dma_and_interrupts() { use $EDU && ./edu $group $bdf; }

run I3_unsafe_interrupts_are_refused
run I3_unsafe_interrupts_by_choice
run uapi_edu
run edu_dma_and_interrupts
finish
