#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What conctrace says of what it costs, and of how sure its figures are.

load helpers

setup() {
	need_root
	target_start "$ANY/pingpong"
	target_go
}

teardown() {
	target_stop
	target_quit
}

# Without the line that says what tracing costs, which is always an estimate.
tables() { grep -v '^seen by' <<<"$output"; }

@test "cost: in windows, figures are estimates and say so, and the budget is kept" {
	run --separate-stderr "$CONCTRACE" top -i 3 -d 6 -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	jq -e -s 'last.capture | .events > 1000 and .lost == 0 and .windows_share > 0 and .windows_share < 0.5 and
		.hit_cost_ns > 100 and .hit_cost_ns < 20000 and .estimate_error > 0 and
		.overhead_pct < 2.5 and
		.overhead_pct >= 100 * .events * .hit_cost_ns / .duration_ns / 3' <<<"$output" >/dev/null ||
		fail "$(jq -c .capture <<<"$output")"
	run --separate-stderr "$CONCTRACE" top -i 1 -d 1 -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	[[ "$(tables)" == *"~"* ]] || fail "$output"
}

@test "cost: with every event, figures are exact and say so" {
	run --separate-stderr "$CONCTRACE" top -i 1 -d 2 -f json --max-overhead none -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	jq -e -s 'last.capture | .windows_share == 1 and .estimate_error == 0 and .events > 1000' \
		<<<"$output" >/dev/null || fail "$(jq -c .capture <<<"$output")"
	run --separate-stderr "$CONCTRACE" top -i 1 -d 1 --max-overhead none -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	[[ "$(tables)" != *"~"* ]] || fail "$output"
}

@test "cost: a budget of 0 puts no probe in place" {
	run --separate-stderr "$CONCTRACE" top -i 1 -d 2 -f json --max-overhead 0 -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	jq -e -s 'last.capture | .mode == "snapshot" and .events == 0 and .hit_cost_ns == null' \
		<<<"$output" >/dev/null || fail "$(jq -c .capture <<<"$output")"
	text_untouched
}
