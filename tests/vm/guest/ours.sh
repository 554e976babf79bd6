# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Our modules: each rule on an edu, an NVMe and, behind a bridge, a group of two.
. ./lib.sh

EDU=1234:11e8 NVME=1b36:0010 E1000E=8086:10d3

uapi_edu() { use $EDU && ./uapi $group $bdf; }
# C8: a 32-bit program is answered as a 64-bit one is.
C8_uapi_edu() { use $EDU && ./uapi32 $group $bdf; }
uapi_nvme() { use $NVME && ./uapi $group $bdf; }
edu_dma_and_interrupts() { use $EDU && ./edu $group $bdf; }

# The kernel's driver has the device first: QEMU's NVMe forgets to use MSI-X that
# is enabled after the controller is, as qemu-io does it, unless it was before. On
# 7.3, with the stock modules too, a reset makes it forget that.
nvme_native() {
	local i=100
	find_pci $NVME && bind nvme $bdf || return
	# Its probe goes on behind our back. The other NVMe has no disk.
	until disk=$(echo /dev/nvme*n1) && [ -b $disk ]; do
		[ $((i -= 1)) -gt 0 ] || say "no disk" || return
		sleep 0.3
	done
}

# A pattern written through qemu-io is read again, through qemu-img too.
nvme_qemu_io_pattern() {
	nvme_native && use $NVME || return
	qemu-io -c 'write -P 0x5a 0 4M' -c 'write -P 0xa5 4M 64k' \
		-c 'read -P 0x5a 0 4M' -c 'read -P 0xa5 4M 64k' \
		nvme://$bdf/1 >/tmp/io 2>&1 || { cat /tmp/io; return 1; }
	cat /tmp/io
	! grep -q 'Pattern verification failed' /tmp/io &&
		[ $(grep -c 'bytes at offset' /tmp/io) = 4 ]
}

nvme_qemu_img_convert() {
	nvme_native && use $NVME || return
	dd if=/dev/urandom of=/tmp/disk bs=1M count=2 2>/dev/null
	truncate -s 16M /tmp/disk
	qemu-img convert -n -f raw -O raw /tmp/disk nvme://$bdf/1 &&
		nvme_native && use $NVME &&
		qemu-img convert -f raw -O raw nvme://$bdf/1 /tmp/back &&
		cmp -n 16777216 /tmp/disk /tmp/back || return
	# The kernel's driver gets it back, and reads the same.
	nvme_native && dd if=$disk of=/tmp/back bs=1M count=16 2>/dev/null &&
		cmp -n 16777216 /tmp/disk /tmp/back
}

# Killed with mappings, a BAR and interrupts live: all is free at once.
L1_killed_process_leaves_nothing() {
	local id
	for id in $EDU $NVME; do
		use $id && hold_start || return
		hold_end
		./hold $group $bdf 1 || return
	done
}

B3_unbind_asks_the_user_and_waits() {
	use $EDU && hold_start || return
	# Returns when the device is free.
	unbind $bdf
	read line <&3
	[ "$line" = asked ] || say "the holder says '$line'" || return
	wait $holder || say "the holder failed: $?" || return
	[ ! -e $group ] || say "$group is still there" || return
	use $EDU && ./hold $group $bdf 1
}

# A group of two: one is ours and in use, the other's driver is refused.
V2_native_driver_in_owned_group_is_refused() {
	use_bridged && hold_start || return
	echo e1000 >/sys/bus/pci/devices/$nic/driver_override
	echo $nic >/sys/bus/pci/drivers_probe 2>/dev/null
	[ ! -e /sys/bus/pci/devices/$nic/driver ] ||
		say "e1000 bound to $nic in a group in use" || return
	kill -0 $holder || say "the user was ended" || return
	hold_end
	# Free again: the driver may; then the user may not.
	bind e1000 $nic || return
	! ./hold $group $bdf 1 2>/tmp/refused || say "opened beside e1000" || return
	cat /tmp/refused
	unbind $nic
	./hold $group $bdf 1
}

M2_unload_while_in_use_is_refused() {
	local m
	use $EDU && hold_start || return
	for m in vfio-pci vfio_iommu_type1 vfio; do
		! rmmod $m 2>/dev/null || say "$m was unloaded in use" || return
	done
	kill -0 $holder || say "the user was ended" || return
	hold_end
}

D1_hot_reset_reaches_the_bus() { hot_reset_bus; }
D1_low_power() { use $E1000E && ./lowpower $group $bdf; }
D1_vga_and_rom() { use 1234:1111 && ./vga $group $bdf; }
I3_group_comes_later() { two_groups; }
I3_group_comes_later_to_another_domain() { groups_apart; }
I3_group_with_a_reserved_page() { reserved_page; }

P3_virtual_functions_are_made_by_choice() {
	local name
	use_pf vfio-pci || return
	! echo 2 2>/dev/null >$pci/sriov_numvfs || say "made without the choice" ||
		return
	dmesg | grep -q "$bdf.*enable_sriov" || say "the log does not say how" ||
		return
	make_vfs || return
	for name in $vf $(basename "$(readlink $pci/virtfn1)"); do
		[ "$(driver_of $name)" = vfio-pci ] || say "$name: $(driver_of $name)" ||
			return
	done
	echo 0 >$pci/sriov_numvfs
	[ ! -e $vf_group ] && [ ! -e $pci/virtfn0 ]
}

P1_token_of_a_vf() { pf_and_vf; }

# The user of a VF is asked, and waited for.
P3_pf_that_leaves_takes_its_vfs_along() {
	local pf token=vf_token=11112222-3333-4444-5555-66667777888a
	use_pf vfio-pci && ./hold $group "$bdf $token" 1 && make_vfs || return
	pf=$bdf
	group=$vf_group
	bdf="$vf $token"
	hold_start || return
	unbind $pf
	read line <&3
	[ "$line" = asked ] || say "the holder says '$line'" || return
	wait $holder || say "the holder failed: $?" || return
	[ ! -e $vf_group ] && [ $(cat $pci/sriov_numvfs) = 0 ]
}

P3_pf_with_vfs_is_not_taken() {
	use_pf nvme && echo 0 >$pci/sriov_drivers_autoprobe &&
		echo 1 >$pci/sriov_numvfs || return
	! bind vfio-pci $bdf 2>/dev/null || say "bound with a VF" || return
	bind nvme $bdf && echo 0 >$pci/sriov_numvfs &&
		echo 1 >$pci/sriov_drivers_autoprobe && use_pf vfio-pci
}

I3_huge_page_stays_huge() { map_huge_page; }
I3_ranges_limits_and_whose_memory() { use $EDU && ./type1 $group $bdf; }

I3_dma_entry_limit() {
	local limit=/sys/module/vfio_iommu_type1/parameters/dma_entry_limit rc
	use $EDU && [ $(cat $limit) = 65535 ] || return
	echo 3 >$limit
	./type1 $group $bdf entries 3
	rc=$?
	echo 65535 >$limit
	return $rc
}

X1_external_user_in_the_kernel() {
	local status
	use $EDU || return
	./external $group $bdf ours/external.ko
	status=$?
	dmesg | sed -n 's/.*external: //p'
	return $status
}

B6_error_reaches_the_user() {
	modprobe aer_inject && use $E1000E && ./aer $group $bdf
}

# The line is masked at the interrupt controller, for want of DisINTx.
B6_intx_without_masking() {
	unload && modprobe vfio_iommu_type1 && modprobe vfio-pci nointxmask=1 &&
		use $EDU && ./edu $group $bdf
}

# Whoever lists ids has the devices without a driver bound at once.
B2_ids_bind() {
	local one
	find_pci $EDU && one=$bdf && use_bridged || return
	unload && modprobe vfio_iommu_type1 || return
	echo >/sys/bus/pci/devices/$one/driver_override
	echo >/sys/bus/pci/devices/$bdf/driver_override
	modprobe vfio-pci ids=1234:11e8,bad,8086:100e:1af4 2>/dev/null
	[ "$(driver_of $one) $(driver_of $bdf)" = "vfio-pci vfio-pci" ] ||
		say "not bound: $(driver_of $one) $(driver_of $bdf)" || return
	dmesg | grep -q 'ids: "bad" is not vendor:device' || say "no word of bad"
}

unload() { rmmod vfio-pci && rmmod vfio_iommu_type1 && rmmod vfio; }

M2_unload_and_load_again() {
	local i
	for i in 1 2 3; do
		unload || return
		[ ! -e /dev/vfio/vfio ] || say "the node is still there" || return
		modprobe vfio_iommu_type1 && modprobe vfio-pci || return
		use $EDU && ./hold $group $bdf 1 || return
	done
}

L1_thousand_cycles_leak_nothing() {
	# KASAN keeps what was freed for a while; there kmemleak tells in the end.
	[ ! -e /proc/lockdep_stats ] || {
		use $EDU && ./hold $group $bdf 100
		return
	}
	use $EDU && ./hold $group $bdf 20 || return
	slabs >/tmp/before
	./hold $group $bdf 1000 || return
	slabs >/tmp/after
	grown /tmp/before /tmp/after 400
}

for t in ${*:-uapi_edu C8_uapi_edu uapi_nvme edu_dma_and_interrupts nvme_qemu_io_pattern \
	nvme_qemu_img_convert L1_killed_process_leaves_nothing \
	B3_unbind_asks_the_user_and_waits \
	V2_native_driver_in_owned_group_is_refused \
	D1_hot_reset_reaches_the_bus D1_vga_and_rom D1_low_power I3_ranges_limits_and_whose_memory \
	I3_group_comes_later I3_group_comes_later_to_another_domain \
	I3_group_with_a_reserved_page P3_virtual_functions_are_made_by_choice \
	P1_token_of_a_vf P3_pf_that_leaves_takes_its_vfs_along \
	P3_pf_with_vfs_is_not_taken \
	I3_huge_page_stays_huge I3_dma_entry_limit B6_error_reaches_the_user \
	X1_external_user_in_the_kernel \
	M2_unload_while_in_use_is_refused L1_thousand_cycles_leak_nothing \
	M2_unload_and_load_again B6_intx_without_masking B2_ids_bind}; do
	run $t
done
finish
