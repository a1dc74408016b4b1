#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What conctrace counts is what the program did: exactly, and in time within 5 %. The program is
# tests/targets/counts, for every Go version, as built, stripped, and position independent.

load helpers
load exact

setup() {
	need_root
}

@test "Go 1.18: spawns, waits, locks and channels are the program's own" { version 1.18; }
@test "Go 1.19: spawns, waits, locks and channels are the program's own" { version 1.19; }
@test "Go 1.20: spawns, waits, locks and channels are the program's own" { version 1.20; }
@test "Go 1.21: spawns, waits, locks and channels are the program's own" { version 1.21; }
@test "Go 1.22: spawns, waits, locks and channels are the program's own" { version 1.22; }
@test "Go 1.23: spawns, waits, locks and channels are the program's own" { version 1.23; }
@test "Go 1.24: spawns, waits, locks and channels are the program's own" { version 1.24; }
@test "Go 1.25: spawns, waits, locks and channels are the program's own" { version 1.25; }
@test "Go 1.26: spawns, waits, locks and channels are the program's own" { version 1.26; }
@test "Go 1.27: spawns, waits, locks and channels are the program's own" { version 1.27; }

# one_shot COMMAND...: a command that traces for a while and prints once.
one_shot() {
	target_start "$ANY/counts"
	tracer_start "$@" -f json -d 120 --max-overhead none -p "$TARGET_PID" -v
	attached
	target_go
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	target_report "$TARGET_DIR/report"
	documents "$TRACER_DIR/out"
	same "$TRACER_DIR/out" "$*"
	text_untouched
	target_quit
}

@test "locks: waits and wait time by lock" {
	one_shot locks
	[ "$(jq '.locks | length' "$TRACER_DIR/out")" -ge 8 ]
	[ "$(jq -r .schema "$TRACER_DIR/out")" = conctrace.locks/1 ]
}

@test "locks: a package variable and a field of one have their names" {
	one_shot locks
	jq -e '[.locks[].symbol // ""] | index("main.globalMutex")' "$TRACER_DIR/out"
	jq -e '[.locks[].symbol // ""] | any(startswith("main.catalogue"))' "$TRACER_DIR/out"
}

@test "chans: waits and wait time by channel" {
	one_shot chans
	[ "$(jq -r .schema "$TRACER_DIR/out")" = conctrace.chans/1 ]
}

@test "chans: sends and receives, those that block and those that do not" {
	one_shot chans
	# What waits to send is received by the conductor, and the other way round.
	local found
	found=$(jq -n -r --slurpfile own "$TARGET_DIR/report" --slurpfile doc "$TRACER_DIR/out" '
		def address: ascii_downcase | ltrimstr("0x") | sub("^0+"; "");
		$own[0].channels[]
		| select(.sites | keys[0] | IN("main.recvUnbuffered", "main.recvEmptyBuffer",
			"main.sendUnbuffered", "main.sendFullBuffer", "main.(*queue[...]).pop"))
		| . as $c
		| [$doc[0].channels[] | select((.addr | address) == ($c.addr | address))][0] as $row
		| select($row.sends != $c.waits or $row.recvs != $c.waits)
		| "\($c.sites | keys): sends \($row.sends) recvs \($row.recvs), was \($c.waits)"')
	[ -z "$found" ] || fail "$found"
}

@test "tasks --from events: what ended and what is left" {
	one_shot tasks --from events
	[ "$(jq -r .schema "$TRACER_DIR/out")" = conctrace.tasks/1 ]
	# Left are the two leaks.
	local leaks
	leaks=$(jq '[.groups[] | select(any(.stack[].function; . == "main.leakRecv")) | .count] | add' \
		"$TRACER_DIR/out")
	[ "$leaks" = 7 ] || fail "$leaks goroutines in main.leakRecv"
}

@test "top: every document is whole, and counters never fall" {
	target_start "$ANY/counts"
	top_start
	target_go
	tracer_lines 3
	tracer_stop
	documents "$TRACER_DIR/out"
	jq -s -e '[.[].counts.parks] | . == sort' "$TRACER_DIR/out"
	jq -s -e 'all(.schema == "conctrace.top/1")' "$TRACER_DIR/out"
	target_quit
}

@test "top: wait time by site is that of Go's block profile, within 5 %" {
	target_start "$ANY/counts" -profile
	top_start
	target_go
	tracer_stop
	target_report "$TARGET_DIR/report"
	last_line "$TRACER_DIR/out" >"$TRACER_DIR/last"
	local found
	found=$(jq -n -r --slurpfile own "$TARGET_DIR/report" --slurpfile doc "$TRACER_DIR/last" '
		$own[0].block_profile[]
		| select(.function | startswith("main.") and . != "main.earlyRecv")
		| . as $b
		| [$doc[0].sites[] | select(.frame.function == ($b.function | gsub("\\[.*\\]"; "[...]")))]
		| (map(.waits) | add // 0) as $waits | (map(.wait_ns_total) | add // 0) as $ns
		| select($waits != $b.count or ($ns - $b.delay_ns | fabs) > 0.05 * $b.delay_ns)
		| "\($b.function): seen \($waits) in \($ns) ns, profile \($b.count) in \($b.delay_ns)"')
	[ -z "$found" ] || fail "$found"
	target_quit
}

@test "a spawn storm: every goroutine is counted" {
	target_start "$ANY/spawn_storm" -batch 50
	top_start
	target_go
	target_expect '^ops/s='
	target_stop
	target_report "$TARGET_DIR/report"
	tracer_stop
	last_line "$TRACER_DIR/out" >"$TRACER_DIR/last"
	[ "$(jq .capture.lost "$TRACER_DIR/last")" = 0 ]
	[ "$(jq '[.spawns[] | select(.function == "main.storm") | .spawned] | add' "$TRACER_DIR/last")" = \
		"$(jq .spawned "$TARGET_DIR/report")" ]
	[ "$(jq '[.spawns[] | select(.function == "main.storm") | .exited] | add' "$TRACER_DIR/last")" = \
		"$(jq .exited "$TARGET_DIR/report")" ]
	target_quit
}
