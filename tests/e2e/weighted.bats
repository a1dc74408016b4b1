#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# semaphore.Weighted of golang.org/x/sync: who waits for which, for how much, and who has some of it, against what
# tests/targets/weighted says of itself.

load helpers

setup() {
	need_root
}

# weighted_start VERSION VARIANT [ARGUMENT...]: its report is in $TARGET_DIR/truth.
weighted_start() {
	local program=$TARGETS/$1/$2/weighted
	[ -x "$program" ] || skip "no Go $1"
	shift 2
	target_start "$program" "$@"
	target_report "$TARGET_DIR/truth"
}

conctrace_json() {
	run --separate-stderr "$CONCTRACE" "$@" -f json
	[ "$status" = 0 ] || fail "$*: $stderr"
	printf '%s\n' "$output" >"$TARGET_DIR/document"
}

# agrees FILTER: it is true of [truth, document].
agrees() {
	jq -s -e "$1" "$TARGET_DIR/truth" "$TARGET_DIR/document" >/dev/null ||
		fail "not $1: $(jq -c . "$TARGET_DIR/truth") $(jq -c 'del(.tasks[]?.stack)' "$TARGET_DIR/document")"
}

# What the goroutines wait for is the truth, and nothing else is called a semaphore.
tasks_agree() {
	agrees '([.[0].semaphores[] | . as $s | .waits[] | [.goid, $s.addr, .wants, $s.size, $s.taken]] | sort) ==
		([.[1].tasks[] | .goid as $g | .waiting_on | select(.kind == "semaphore.Weighted")
			| [$g, .addr, .wants, .size, .taken]] | sort)'
	agrees '.[0].odd as $odd | .[1].tasks[] | select(.goid == $odd) | .waiting_on.kind == "select"'
}

locks_agree() {
	agrees '([.[0].semaphores[] | [.addr, .size, .taken, (.waits | length), (.holders | sort)]] | sort) ==
		([.[1].locks[] | select(.kind == "semaphore.Weighted")
			| [.addr, .state.size, .state.taken, .waiters, ([.holders[].goid] | sort)]] | sort)'
}

weighted_version() {
	local variant
	for variant in . stripped; do
		weighted_start "$1" "$variant"
		conctrace_json tasks --all -p "$TARGET_PID"
		tasks_agree
		conctrace_json locks --no-probes -p "$TARGET_PID"
		locks_agree
		conctrace_json waits -p "$TARGET_PID"
		agrees '.[0].semaphores[1] as $self | .[1]
			| (.possible_cycles == [$self.holders]) and .cycles == []'
		agrees '.[0].semaphores[2] as $many | [.[1].roots[] | select(.goid == $many.holders[0])]
			| length == 1 and .[0].blocked == ($many.waits | length)'
		text_untouched
		target_quit
		weighted_start "$1" "$variant" -fixed
		conctrace_json tasks --all -p "$TARGET_PID"
		tasks_agree
		conctrace_json locks --no-probes -p "$TARGET_PID"
		agrees '[.[1].locks[] | select(.kind == "semaphore.Weighted")] == []'
		target_quit
	done
}

@test "Go 1.19: semaphore.Weighted" { weighted_version 1.19; }
@test "Go 1.24: semaphore.Weighted" { weighted_version 1.24; }
@test "Go 1.27: semaphore.Weighted" { weighted_version 1.27; }

# Whoever is said to wait does so for its own semaphore, and for what it wants.
@test "of those who come and go nothing wrong is said" {
	local found=0
	weighted_start 1.24 stripped -churn
	for _ in 1 2 3 4 5 6 7 8; do
		conctrace_json tasks --all -p "$TARGET_PID"
		agrees '([.[0].semaphores[] | . as $s | .waits[] | [.goid, $s.addr, .wants]]) as $true
			| ([.[1].tasks[] | .goid as $g | .waiting_on | select(.kind == "semaphore.Weighted")
				| [$g, .addr, .wants]]) - $true == []'
		agrees '[.[0].semaphores[].size] as $sizes | [.[1].tasks[].waiting_on | select(.kind == "semaphore.Weighted")
			| .size == null or (.size as $size | $sizes | index($size))] | all'
		found=$((found + $(jq '[.tasks[].waiting_on | select(.kind == "semaphore.Weighted")] | length' \
			"$TARGET_DIR/document")))
	done
	[ "$found" -gt 8 ] || fail "only $found were found"
	target_quit
}

@test "the table says what each goroutine wants, a recording knows it all" {
	weighted_start 1.24 .
	run --separate-stderr "$CONCTRACE" tasks --all -p "$TARGET_PID"
	[ "$status" = 0 ]
	jq -r '.semaphores[] | . as $s | .waits[0]
		| "semaphore.Weighted \($s.addr) wants \(.wants), \($s.taken)/\($s.size) taken"' "$TARGET_DIR/truth" |
		while read -r line; do
			grep -qF "$line" <<<"$output" || fail "no '$line' in $output"
		done
	run --separate-stderr "$CONCTRACE" record -o "$TARGET_DIR/x.db" -d 3 -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	conctrace_json report "$TARGET_DIR/x.db" tasks --all
	tasks_agree
	conctrace_json report "$TARGET_DIR/x.db" locks
	locks_agree
	[ "$(sqlite3 "$TARGET_DIR/x.db" "SELECT count(*) FROM task WHERE function LIKE 'golang.org/x/sync/%'")" = 0 ]
	target_quit
}

@test "sem.saturated of a semaphore.Weighted, and silence where there is room" {
	weighted_start 1.24 stripped
	run --separate-stderr "$CONCTRACE" diagnose -d 4 -f json -p "$TARGET_PID"
	printf '%s\n' "$output" >"$TARGET_DIR/document"
	agrees '.[0].semaphores[2] as $many | [.[1].incidents[] | select(.id == "sem.saturated")]
		| length == 1 and .[0].object == {kind: "semaphore.Weighted", addr: $many.addr, symbol: null}
		and .[0].metric.value == ($many.waits | length) and (.[0].title | test("3 of 3 taken"))
		and (.[0].site.function | startswith("main."))'
	target_quit
	weighted_start 1.24 stripped -fixed
	run --separate-stderr "$CONCTRACE" diagnose -d 4 -f json -p "$TARGET_PID"
	printf '%s\n' "$output" >"$TARGET_DIR/document"
	agrees '[.[1].incidents[] | select(.id == "sem.saturated" or .id == "lock.deadlock")] == []'
	target_quit
}
