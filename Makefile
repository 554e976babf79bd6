# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The front door. Each target is a line or three; the work is in meson and tools/.
#
#   make            build into build/ (the launcher is build/anyvfio)
#   make demo       an unmodified qemu-img, and a guest of QEMU's, on a software NVMe; DPDK on network cards
#   make test       every test            SAN=address or SAN=thread: under it;
#                   VM=no: without virtual machines, as with SAN
#   make sim        the core in simulated orders, from a seed never used before; SEED=n SCENARIO=name tells
#                   the story of one run, FAULT= as a report prints it; make sim-night: ten million orders
#   make fuzz       no end of inputs      FUZZ_SECONDS=60
#   make model      random calls on the core and on a model of the spec, on both hosts; SEED=n tells one
#   make mutate     plants mistakes in the core, type1 and the PCI driver: 520 of them, N=60 fewer, N=all
#                   all (hours); SEED=n others, 0: never the same
#   make coverage   branches of these that the tests reach, with a floor
#   make soak       many threads and processes   SECONDS=60, SAN=address or thread
#   make check      boundary, style, static analysis
#   make bench      the figures, with their peers
#   make module     the kernel modules   KDIR=headers (the newest installed)
#   make vm-test    the modules in virtual machines   KERNEL=6.12, 7.3 or arm64
#   make vm-debug   the same on a kernel with lockdep, KASAN, kmemleak and faults, which is
#                   built once; for a night
#   make deb        build/anyvfio-dkms_VERSION_all.deb: the modules for DKMS
#   make vm-bench   the modules beside the kernel's own VFIO   KERNEL=6.1 or those
#   make install    into PREFIX (/usr/local); DESTDIR is honoured; make uninstall
#
# A missing Debian package is installed (as root, or with sudo) and named.

SAN ?=
B := build$(if $(SAN),-$(SAN))
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
N ?= 520
SECONDS ?= 60
sanitize = $(if $(filter address,$(SAN)),address$(comma)undefined,$(if $(SAN),$(SAN),none))
comma := ,

.PHONY: all demo test sim sim-night fuzz soak check bench module deb vm-test vm-debug vm-bench docs install uninstall clean deps-build

all: $(B)/build.ninja
	@ninja -C $(B) --quiet

$(B)/build.ninja: | deps-build
	@meson setup $(B) --prefix $(PREFIX) -Db_sanitize=$(sanitize) >/dev/null || \
	  { cat $(B)/meson-logs/meson-log.txt; rm -rf $(B); false; }

deps-build:
	@tools/deps build

demo: all
	@tools/deps demo
	@tools/demo $(B)

test: all
	@tools/deps test
	@$(if $(SAN)$(filter no,$(VM)),,tools/deps vm)
	@VM=$(VM) tools/test $(B)

sim: all
	@$(B)/tests/sim/sim-sweep $(if $(SEED),-t -s $(SEED) $(if $(FAULT),-f $(FAULT)),-s 0 -n 100000) $(SCENARIO)

model: all
	@for host in sim user; do \
	  $(B)/tests/model/model-$$host $(if $(SEED),-s $(SEED) -t,-s 0 -n 100000) || exit 1; \
	done

sim-night: all
	@$(B)/tests/sim/sim-sweep -s $(if $(SEED),$(SEED),0) -n 10000000

# A build of its own: clang's, whatever SAN says.
fuzz:
	@tools/deps fuzz
	@[ -e build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz \
	  -Dfuzz=true -Db_sanitize=address,undefined >/dev/null
	@ninja -C build-fuzz --quiet fuzz
	@tools/fuzz build-fuzz $(FUZZ_SECONDS)

mutate: all
	@tools/deps check
	@tests/mutate/mutate $(B) -n $(N) -s $(if $(SEED),$(SEED),1) -l $(B)/mutate.log

coverage: deps-build
	@tools/deps coverage
	@tools/coverage

soak: all
	@$(B)/tests/soak/soak -t 32 -s $(SECONDS)

check: all
	@tools/deps check
	@tools/check $(B)

bench: all
	@tools/deps bench
	@tools/bench $(B)

module:
	@tools/deps module
	@tools/module $(KDIR)

deb:
	@tools/deb

vm-test: all
	@tools/deps vm
	@$(if $(filter-out arm64,$(KERNEL)),,tools/deps arm64)
	@tests/vm/suite $(if $(KERNEL),-k $(KERNEL))
	@$(if $(KERNEL),,tests/vm/dkms)

vm-debug: all
	@tools/deps vm
	@tools/deps debug
	@tests/vm/suite -k debug

vm-bench:
	@tools/deps vm
	@tools/vm-bench $(KERNEL)

docs:
	@tools/deps docs
	@dot -Tsvg docs/architecture.dot -o docs/architecture.svg
	@tools/rules
	@tools/compat

# The names in a package are absolute: PREFIX is.
install: all
	@tools/install $(B) $(abspath $(PREFIX)) install

uninstall: all
	@tools/install $(B) $(abspath $(PREFIX)) uninstall

clean:
	rm -rf build build-address build-thread build-coverage build-fuzz
