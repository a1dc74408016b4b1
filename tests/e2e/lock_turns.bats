#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# How long locks are held, and how they change hands, against what the program counted itself.

load helpers

setup() {
	need_root
}

# turns_start VERSION [ARGUMENT...]
turns_start() {
	local program=$TARGETS/$1/mutex_contention
	[ -x "$program" ] || skip "no Go $1"
	shift
	target_start "$program" "$@"
}

# traced [ARGUMENT...]: the one lock's row is in $TARGET_DIR/lock.
traced() {
	run --separate-stderr "$CONCTRACE" locks -d 2 -f json -p "$TARGET_PID" "$@"
	[ "$status" = 0 ] || fail "$stderr"
	jq '.locks | max_by(.waits)' <<<"$output" >"$TARGET_DIR/lock"
}

# Every event traced, and somebody always waiting: nearly every hold is one of those who waited. None is shorter than
# the program sleeps (3 ms, slot 21), and all are no longer than what it counted: the wake-up is all that they have more.
held_version() {
	local wrong
	turns_start "$1" -workers 4 -hold 3ms
	target_go
	target_report "$TARGET_DIR/before"
	traced --max-overhead none
	target_report "$TARGET_DIR/after"
	wrong=$(jq -n -r --slurpfile lock "$TARGET_DIR/lock" --slurpfile before "$TARGET_DIR/before" \
		--slurpfile after "$TARGET_DIR/after" '
		$lock[0] as $l | $after[0].held as $a | $before[0].held as $b
		| select($l.addr != $after[0].lock or $l.holds.count > $a.count - $b.count
			or $l.holds.count < 0.5 * $l.waits or $l.handoffs < 0.5 * $l.waits
			or $l.handoffs > $l.contended_releases or $l.holds.ns_total < 3000000 * $l.holds.count
			or $l.holds.ns_total > 1.1 * ($a.ns - $b.ns) or $l.holds.ns_max > 1.1 * $a.max + 5000000
			or ([$l.holds.hist_log2_ns[:21][]] | add) > 0
			or ([$l.holds.hist_log2_ns[]] | add) != $l.holds.count)
		| "\($l | {addr, waits, holds, handoffs, contended_releases}), is \($a), was \($b)"')
	[ -z "$wrong" ] || fail "Go $1: $wrong"
	text_untouched
	target_stop
	target_quit
}

@test "Go 1.19: holds of those who waited are as long as the program says" { held_version 1.19; }
@test "Go 1.24: holds of those who waited are as long as the program says" { held_version 1.24; }
@test "Go 1.27: holds of those who waited are as long as the program says" { held_version 1.27; }

# With one P sync.Mutex does not spin (runtime/proc.go, sync_runtime_canSpin); with several it does before it waits.
spins_version() {
	[ "$(nproc)" -gt 1 ] || skip "one CPU: nobody spins"
	GOMAXPROCS=1 turns_start "$1" -workers 4
	target_go
	traced --max-overhead none
	jq -e '.spins == 0 and .spin_cpus == 0 and .waits > 0' "$TARGET_DIR/lock" || fail "Go $1: $(jq -c '[.spins, .waits]' "$TARGET_DIR/lock")"
	target_stop
	target_quit
	GOMAXPROCS=2 turns_start "$1" -workers 4
	target_go
	traced --max-overhead none
	jq -e '.spins > 0 and .spin_cpus > 0 and .spin_cpus < 2' "$TARGET_DIR/lock" || fail "Go $1: $(jq -c '[.spins, .waits]' "$TARGET_DIR/lock")"
	text_untouched
	target_stop
	target_quit
}

@test "Go 1.19: spinning is counted where there is any" { spins_version 1.19; }
@test "Go 1.24: spinning is counted where there is any" { spins_version 1.24; }
@test "Go 1.27: spinning is counted where there is any" { spins_version 1.27; }

@test "who asks for no holds pays for none and is told so" {
	turns_start 1.24 -workers 4 -hold 3ms
	target_go
	run --separate-stderr "$CONCTRACE" top -d 1 -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	tail -n 1 <<<"$output" | jq -e '.locks[0] | .holds == null and .handoffs == null and .spins == null'
	target_stop
	target_quit
}
