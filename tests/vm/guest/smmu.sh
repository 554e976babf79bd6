# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Our modules on arm64, where MSIs go through the IOMMU: what ours.sh shows there
# but for programs of 32 bits and of Debian's, and for functions behind one bridge
# to conventional PCI, of which Linux's SMMU driver takes the first only.
set -- uapi_edu uapi_nvme edu_dma_and_interrupts L1_killed_process_leaves_nothing \
	B3_unbind_asks_the_user_and_waits I3_ranges_limits_and_whose_memory \
	I3_huge_page_stays_huge I3_dma_entry_limit B6_error_reaches_the_user \
	X1_external_user_in_the_kernel M2_unload_while_in_use_is_refused \
	L1_thousand_cycles_leak_nothing M2_unload_and_load_again \
	B6_intx_without_masking B2_ids_bind
. ./ours.sh
