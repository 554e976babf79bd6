# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The kernel's own VFIO, as the oracle: its answers are recorded, not judged.
# Then ours beside it, which must refuse to load and say why.
. ./lib.sh

recorded() { use $1 && ./$2 $group $bdf | tee /tmp/answers; [ -s /tmp/answers ]; }

uapi_edu() { recorded 1234:11e8 uapi; }
uapi_nvme() { recorded 1b36:0010 uapi; }
edu_dma_and_interrupts() { recorded 1234:11e8 edu; }

M1_beside_the_stock_vfio_is_refused() {
	! insmod ours/vfio.ko 2>/tmp/why || say "ours loaded beside the stock one"
}

for t in ${*:-uapi_edu uapi_nvme edu_dma_and_interrupts \
	M1_beside_the_stock_vfio_is_refused}; do
	run $t
done
finish
