#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs inside the virtual machines of scripts/kernel-matrix: all that depends on the kernel.

load ../e2e/helpers
load ../e2e/exact

setup() {
	need_root
}

@test "$(uname -r): the kind of link is the best that the kernel has" {
	local link="one perf event each"
	[ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" != 6.6 ] || link="(uprobe_multi)"
	"$CONCTRACE" doctor | grep -qF "$link" || fail "$("$CONCTRACE" doctor)"
}

@test "$(uname -r): Go 1.19, all is the program's own" { version 1.19; }
@test "$(uname -r): Go 1.24, all is the program's own" { version 1.24; }
@test "$(uname -r): Go 1.27, all is the program's own" { version 1.27; }

@test "$(uname -r): in windows, and nothing is left behind" {
	target_start "$ANY/pingpong"
	target_go
	tracer_start top -f json -i 1 -d 3 -p "$TARGET_PID"
	tracer_wait
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	documents "$TRACER_DIR/out"
	last_line "$TRACER_DIR/out" | jq -e '.capture.events > 0 and .capture.windows_share < 1 and
		(.sites[0].waits > 0)' || fail "$(last_line "$TRACER_DIR/out" | jq -c '.capture, .sites[0]')"
	text_untouched
	[ ! -s /sys/kernel/tracing/uprobe_events ]
	target_stop
	target_quit
}

@test "$(uname -r): all probe families at once, and a timeline" {
	target_start "$ANY/pingpong"
	target_go
	run "$CONCTRACE" diagnose -f json -d 2 -q -p "$TARGET_PID"
	jq -e '.no_probes == null and .capture.events > 0' <<<"$output" || fail "$output"
	"$CONCTRACE" record -o "$BATS_TEST_TMPDIR/x.db" -d 1 --timeline -q -p "$TARGET_PID"
	run "$CONCTRACE" report "$BATS_TEST_TMPDIR/x.db" -f json
	jq -e '.capture.events > 0' <<<"$output" || fail "$output"
	target_stop
	target_quit
}

@test "$(uname -r): killed outright, the kernel takes the probes away" {
	target_start "$ANY/pingpong"
	target_go
	top_start
	kill -KILL "$TRACER_PID"
	tracer_wait
	"$TEXTCMP" -wait -none "$TARGET_PID"
	target_stop
	target_quit
}
