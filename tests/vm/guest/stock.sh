# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The kernel's own VFIO, as the oracle: its answers are recorded, not judged.
# Then ours beside it, which must refuse to load and say why.
. ./lib.sh

recorded() { use $1 && ./$2 $group $bdf | tee /tmp/answers; [ -s /tmp/answers ]; }

uapi_edu() { recorded 1234:11e8 uapi; }
C8_uapi_edu() { recorded 1234:11e8 uapi32; }
uapi_nvme() { recorded 1b36:0010 uapi; }
edu_dma_and_interrupts() { recorded 1234:11e8 edu; }

D1_hot_reset_reaches_the_bus() { hot_reset_bus | tee /tmp/answers; [ -s /tmp/answers ]; }
I3_ranges_limits_and_whose_memory() { recorded 1234:11e8 type1; }
D1_low_power() { recorded 8086:10d3 lowpower; }
D1_vga_and_rom() { recorded 1234:1111 vga; }
I3_group_comes_later() { two_groups | tee /tmp/answers; [ -s /tmp/answers ]; }
I3_group_comes_later_to_another_domain() { groups_apart | tee /tmp/answers; [ -s /tmp/answers ]; }
I3_group_with_a_reserved_page() { reserved_page | tee /tmp/answers; [ -s /tmp/answers ]; }
P1_token_of_a_vf() { pf_and_vf | tee /tmp/answers; [ -s /tmp/answers ]; }
I3_huge_page_stays_huge() { map_huge_page; }
B6_error_reaches_the_user() { modprobe aer_inject && recorded 8086:10d3 aer; }

M1_beside_the_stock_vfio_is_refused() {
	! insmod ours/vfio.ko 2>/tmp/why || say "ours loaded beside the stock one"
}

for t in ${*:-uapi_edu C8_uapi_edu uapi_nvme edu_dma_and_interrupts \
	D1_hot_reset_reaches_the_bus D1_vga_and_rom D1_low_power I3_ranges_limits_and_whose_memory \
	I3_group_comes_later I3_group_comes_later_to_another_domain \
	I3_group_with_a_reserved_page P1_token_of_a_vf \
	I3_huge_page_stays_huge B6_error_reaches_the_user \
	M1_beside_the_stock_vfio_is_refused}; do
	run $t
done
finish
