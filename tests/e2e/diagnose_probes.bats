#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The incidents that probes alone can see: as in diagnose.bats, each is named with its place, and its
# healthy twin is not. What ends the process is told after its death.

load helpers
load diagnose

SECONDS_EACH=7

setup() {
	need_root
}

SEEN=(panic.recovered wg.misuse wg.misuse/inside atomic.value/type ctx.ignored ticker.drift)
# What burns CPU is kept apart: it would slow the others.
LOADS=(gc.pressure gc.pressure/forced map.miss atomic.value)

@test "Go 1.19: panics, contexts and sleeps" { cases 1.19 "${SEEN[@]}"; }
@test "Go 1.24: panics, contexts and sleeps" { cases 1.24 "${SEEN[@]}"; }
@test "Go 1.27: panics, contexts and sleeps" { cases 1.27 "${SEEN[@]}"; }
@test "Go 1.19: collections, maps and values" { cases 1.19 "${LOADS[@]}"; }
@test "Go 1.24: collections, maps and values" { cases 1.24 "${LOADS[@]}"; }
@test "Go 1.27: collections, maps and values" { cases 1.27 "${LOADS[@]}"; }
POLLS=(select.spin chan.closed_spin chan.closed_spin/range pool.miss)

@test "Go 1.19: loops that poll, and a pool" { SECONDS_EACH=4 alone 1.19 "${POLLS[@]}"; }
@test "Go 1.24: loops that poll, and a pool" { SECONDS_EACH=4 alone 1.24 "${POLLS[@]}"; }
@test "Go 1.27: loops that poll, and a pool" { SECONDS_EACH=4 alone 1.27 "${POLLS[@]}"; }

# dies VERSION CASE: the process is gone when it is told of; the twin goes on and is healthy.
dies() {
	local dir=$BATS_TEST_TMPDIR/dying
	[ -x "$TARGETS/$1/stripped/incidents" ] || skip "no Go $1"
	launch dying "$TARGETS/$1/stripped/incidents" -case "$2"
	launch dying-fixed "$TARGETS/$1/stripped/incidents" -case "$2" -fixed
	said dying '^ready'
	said dying-fixed '^ready'
	ask dying
	LOOKS=()
	look dying
	look dying-fixed
	"$TEXTCMP" -wait "$(cat "$dir/pid")" >/dev/null
	"$TEXTCMP" -wait "$(cat "$dir-fixed/pid")" >/dev/null
	kill -USR1 "$(cat "$dir/pid")" "$(cat "$dir-fixed/pid")"
	wait_looks
	[ "$(cat "$dir/status")" = 3 ] || fail "status $(cat "$dir/status"): $(cat "$dir/doc.err")"
	jq -e --slurpfile truth "$dir/truth" '.incidents[0] | .id == "panic.fatal" and .severity == "critical" and
		.site.line == $truth[0].site.line' "$dir/doc" >/dev/null ||
		fail "$(jq -c '.incidents[0]' "$dir/doc"), the truth is $(cat "$dir/truth")"
	jq -r '.incidents[0].evidence[]' "$dir/doc" | grep -q "$3" || fail "no \"$3\""
	silent dying-fixed
}

@test "Go 1.19: the panic that ends the process" { dies 1.19 panic.fatal 'settling failed: no such account'; }
@test "Go 1.24: the panic that ends the process" { dies 1.24 panic.fatal 'settling failed: no such account'; }
@test "Go 1.27: the panic that ends the process" { dies 1.27 panic.fatal 'settling failed: no such account'; }
@test "Go 1.19: concurrent map writes" { dies 1.19 panic.fatal/map 'concurrent map writes'; }
@test "Go 1.24: concurrent map writes" { dies 1.24 panic.fatal/map 'concurrent map writes'; }
@test "Go 1.27: concurrent map writes" { dies 1.27 panic.fatal/map 'concurrent map writes'; }

@test "a hot map behind one mutex: waiting, assists of the GC, and nothing of both when it is sharded" {
	alone 1.24 lock.hot/gc
	local doc=$BATS_TEST_TMPDIR/lock.hot_gc/doc
	jq -r '.incidents[] | select(.id == "lock.hot") | .evidence[]' "$doc" | grep -q 'GC assists are paid' ||
		fail "$(jq -c '[.incidents[] | [.id, .evidence]]' "$doc")"
}

@test "Go 1.23: a sync.Map of too many updates" { SECONDS_EACH=4 alone 1.23 map.miss; }

# delayed VERSION: more work than its one P can run.
delayed() {
	local dir=$BATS_TEST_TMPDIR/busy program=$TARGETS/$1/stripped/incidents
	[ -x "$program" ] || skip "no Go $1"
	launch busy nice -n -15 "$program" -case sched.latency
	launch busy-fixed "$program" -case sched.latency -fixed
	said busy '^ready'
	said busy-fixed '^ready'
	LOOKS=()
	look busy
	look busy-fixed
	wait_looks
	# where others want all CPUs as well, that is what must be said
	jq -e '.incidents | any(.id == "sched.latency" and .metric.value > 0.02 and
		(.severity == "warning" or (.title | test("other processes"))))' \
		"$dir/doc" >/dev/null || fail "$(jq -c '[.incidents[] | [.id, .severity, .title]]' "$dir/doc")"
	silent busy-fixed
}

@test "Go 1.19: more work than one P can run" { delayed 1.19; }
@test "Go 1.24: more work than one P can run" { delayed 1.24; }
@test "Go 1.27: more work than one P can run" { delayed 1.27; }

# in_quota NAME PROGRAM...: started with a tenth of a CPU.
in_quota() {
	local group=/sys/fs/cgroup/cpu/conctrace-test-$$-$1
	mkdir "$group" 2>/dev/null || skip "no cgroup to set a quota in"
	echo 100000 >"$group/cpu.cfs_period_us"
	echo 10000 >"$group/cpu.cfs_quota_us" || skip "no quota"
	launch "$@"
	said "$1" '^ready'
	cat "$BATS_TEST_TMPDIR/$1/pid" >"$group/cgroup.procs"
}

# leave_quota NAME: ends it.
leave_quota() {
	kill -KILL "$(cat "$BATS_TEST_TMPDIR/$1/pid")"
	wait "$(cat "$BATS_TEST_TMPDIR/$1/pid")" 2>/dev/null || true
	rmdir "/sys/fs/cgroup/cpu/conctrace-test-$$-$1" || true
}

# stopped VERSION: its quota stops the one, and is enough for the other.
stopped() {
	local dir=$BATS_TEST_TMPDIR/stopped program=$TARGETS/$1/stripped/incidents
	[ -x "$program" ] || skip "no Go $1"
	[ -w /sys/fs/cgroup/cpu ] || skip "no cgroup to set a quota in"
	in_quota stopped "$program" -case sched.latency
	in_quota stopped-fixed "$program" -case sched.latency -fixed
	LOOKS=()
	look stopped
	look stopped-fixed
	wait_looks
	leave_quota stopped
	leave_quota stopped-fixed
	jq -e '.incidents | any(.id == "sched.latency" and (.title | test("quota")))' "$dir/doc" >/dev/null ||
		fail "$(jq -c '[.incidents[] | [.id, .title, .evidence]]' "$dir/doc")"
	silent stopped-fixed
}

@test "Go 1.19: a CPU quota that stops the process" { stopped 1.19; }
@test "Go 1.24: a CPU quota that stops the process" { stopped 1.24; }
@test "Go 1.27: a CPU quota that stops the process" { stopped 1.27; }
