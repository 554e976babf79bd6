# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Our modules when anything that can fail does: memory, pages, copies of the
# caller's memory. Afterwards nothing is left, and all works as before.
. ./lib.sh

# With a pin, and without: see faults.c.
EDU=1234:11e8 NO_PIN=1b36:0005
FAULTS="failslab fail_page_alloc fail_usercopy"

# Of every allocation, not only of those that must not wait; without a story each.
prepare_faults() {
	local f
	for f in $FAULTS; do
		echo 0 >$DEBUG/$f/verbose || return
		[ ! -e $DEBUG/$f/ignore-gfp-wait ] || echo N >$DEBUG/$f/ignore-gfp-wait
	done
	echo 0 >$DEBUG/fail_page_alloc/min-order
}

each_fault_in_turn() { use $EDU && ./faults $group $bdf; }
each_fault_in_turn_without_a_pin() { use $NO_PIN && ./faults $group $bdf; }

# Any copy of the caller's memory fails now and then. What uapi says is not looked
# at, and it may end early: only that it ends.
copies_fail_at_random() {
	local i ended=1 f=$DEBUG/fail_usercopy
	use $EDU && echo Y >$f/task-filter && echo -1 >$f/times &&
		echo 3 >$f/probability || return
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sh -c 'echo 1 >/proc/self/make-it-fail; exec "$@"' - \
			timeout 120 ./uapi $group $bdf >/dev/null 2>&1
		[ $? != 143 ] || ended=
	done
	echo 0 >$f/probability
	[ -n "$ended" ] || say "it did not end" || return
	./uapi $group $bdf
}

holds_as_before() { use $EDU && ./hold $group $bdf 20; }

prepare_faults || exit
run each_fault_in_turn
run each_fault_in_turn_without_a_pin
run copies_fail_at_random
run holds_as_before
finish
