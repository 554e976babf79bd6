# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Our modules on another kind of IOMMU, with two processors.
. ./lib.sh

uapi_edu() { use 1234:11e8 && ./uapi $group $bdf; }
edu_dma_and_interrupts() { use 1234:11e8 && ./edu $group $bdf; }

run uapi_edu
run edu_dma_and_interrupts
finish
