#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Who holds locks, and who waits for whom, against what tests/targets/holders says of itself.

load helpers

setup() {
	need_root
}

# holders_start VERSION VARIANT [ARGUMENT...]: its report is in $TARGET_DIR/truth.
holders_start() {
	local program=$TARGETS/$1/$2/holders
	[ -x "$program" ] || skip "no Go $1"
	shift 2
	target_start "$program" "$@"
	target_report "$TARGET_DIR/truth"
}

conctrace_json() {
	run --separate-stderr "$CONCTRACE" "$@" -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$*: $stderr"
	printf '%s\n' "$output" >"$TARGET_DIR/document"
}

# Holders that were named wrongly, and those that were not found: "wrong KIND GOID", "missed KIND".
holders_compare() {
	jq -n -r --slurpfile truth "$TARGET_DIR/truth" --slurpfile document "$TARGET_DIR/document" '
		($document[0].locks | map({key: .addr, value: .}) | from_entries) as $locks
		| $truth[0] as $t
		| ([$t.holds[] | "\(.lock) \(.goid)"]) as $true
		| ([$locks[] | .addr as $a | .holders[] | "\($a) \(.goid)"]) as $named
		| ($named - $true | .[] | "wrong \(.)"),
		  ($t.holds[] | select(.lock as $l | $t.waited_for | index($l))
		   | select("\(.lock) \(.goid)" as $c | $named | index($c) | not) | "missed \(.kind)"),
		  ($t.waited_for[] | select($locks[.] == null) | "no lock \(.)"),
		  ($locks[] | select(.holder and .holder.goid != .holders[0].goid) | "two first holders \(.addr)")'
}

# No wrong holder, and 9 of 10 found.
holders_version() {
	local variant missed total
	for variant in . stripped pie; do
		holders_start "$1" "$variant"
		conctrace_json locks --no-probes
		holders_compare >"$TARGET_DIR/found"
		! grep -v '^missed' "$TARGET_DIR/found" || fail "Go $1 $variant"
		missed=$(grep -c '^missed' "$TARGET_DIR/found") || true
		total=$(jq '.holds | length' "$TARGET_DIR/truth")
		[ $((10 * (total - missed))) -ge $((9 * total)) ] ||
			fail "Go $1 $variant: $missed of $total missed: $(cat "$TARGET_DIR/found")"
		[ "$(jq '[.holds[].kind] | unique | length' "$TARGET_DIR/truth")" -ge 30 ]
		text_untouched
		target_quit
	done
}

@test "Go 1.19: no wrong holder, nine of ten found" { holders_version 1.19; }
@test "Go 1.24: no wrong holder, nine of ten found" { holders_version 1.24; }
@test "Go 1.27: no wrong holder, nine of ten found" { holders_version 1.27; }

# cases VERSION TWINS: each deadlock is found, with those in it that are in it and nobody else, and those of its
# twins that are named have none.
cases() {
	local name variant=. wrong fixed twins=$2
	[ -x "$TARGETS/$1/holders" ] || skip "no Go $1"
	for name in $("$TARGETS/$1/holders" -list); do
		for fixed in "" -fixed; do
			[ -z "$fixed" ] || [ "$twins" = all ] || [[ " $twins " == *" $name "* ]] || continue
			# shellcheck disable=SC2086 # an empty one is none
			holders_start "$1" "$variant" -case "$name" $fixed
			conctrace_json waits --no-probes -d 0.02
			wrong=$(jq -n -r --slurpfile truth "$TARGET_DIR/truth" \
				--slurpfile document "$TARGET_DIR/document" '
				$truth[0] as $t | $document[0] as $d
				| ($t.goids | to_entries | map({key: (.value | tostring), value: .key})
				   | from_entries) as $names
				| ([$d.cycles[] | map($names[tostring] // "somebody") | sort]) as $seen
				| ([$t.stuck[] | sort]) as $must
				| (select(($seen | length) != ($must | length)) | "cycles \($seen), are \($must)"),
				  (select(($seen | flatten) - ($must | flatten) != []) | "in a cycle: \($seen)"),
				  (select($t.root and $must == [] and $names[$d.roots[0].goid | tostring] != $t.root)
				   | "root \($d.roots[0].goid), is \($t.goids[$t.root])"),
				  (select($t.root and $must == [] and $d.roots[0].blocked != $t.behind)
				   | "\($d.roots[0].blocked) behind it, are \($t.behind)")')
			[ -z "$wrong" ] || fail "Go $1 $name $fixed: $wrong"
			target_quit
		done
	done
}

@test "Go 1.19: deadlocks are found, their twins are none" { cases 1.19 "self upgrade abba read-recursion"; }
@test "Go 1.24: deadlocks are found, their twins are none" { cases 1.24 all; }
@test "Go 1.27: deadlocks are found, their twins are none" { cases 1.27 "self upgrade abba read-recursion"; }

# again_version VERSION: who waits for a lock that it has locked itself is found by the code behind it, and
# those who only look so are not.
again_version() {
	local variant name found=0
	for variant in . stripped pie; do
		[ -x "$TARGETS/$1/$variant/holders" ] || skip "no Go $1"
		for name in $("$TARGETS/$1/holders" -list | grep '^again'); do
			holders_start "$1" "$variant" -case "$name"
			conctrace_json waits --no-probes -d 0.02
			jq -e --slurpfile truth "$TARGET_DIR/truth" '
				($truth[0].goids | to_entries | map({key: (.value | tostring), value: .key})
				 | from_entries) as $names
				| ([.cycles[] | map($names[tostring] // "somebody") | sort] == [$truth[0].stuck[] | sort]) and
				  ($truth[0].stuck == [] or
				   (.edges | any(.evidence == "locked it before in the same call")))' \
				"$TARGET_DIR/document" ||
				fail "Go $1 $variant $name: $(jq -c '[.cycles, .edges]' "$TARGET_DIR/document")"
			found=$((found + 1))
			target_quit
		done
	done
	[ "$found" -ge 30 ]
}

@test "Go 1.19: a deadlock with itself and no unlock ahead" { again_version 1.19; }
@test "Go 1.24: a deadlock with itself and no unlock ahead" { again_version 1.24; }
@test "Go 1.27: a deadlock with itself and no unlock ahead" { again_version 1.27; }

# crossed_agrees FILTER: of the document, with the goids of the two as $both.
crossed_agrees() {
	jq -e --slurpfile truth "$TARGET_DIR/truth" "([\$truth[0].goids[]] | sort) as \$both | $1" \
		"$TARGET_DIR/document" ||
		fail "not $1: $(jq -c '[.cycles, .proven_cycles, .possible_cycles, .no_proof]' "$TARGET_DIR/document")"
}

# crossed_version VERSION: a lock and a channel that cross are a deadlock when nothing alive leads to them, may be
# one when something does, and are none in the twin.
crossed_version() {
	local name variant
	for name in lock-chan lock-full-chan; do
		for variant in . stripped pie; do
			holders_start "$1" "$variant" -case "$name"
			conctrace_json waits
			crossed_agrees '(.cycles | map(sort)) == [$both] and .proven_cycles == .cycles and
				.possible_cycles == [] and .no_proof == null'
			text_untouched
			target_quit
		done
		holders_start "$1" . -case "$name" -known
		conctrace_json waits
		crossed_agrees '.cycles == [] and (.possible_cycles | map(sort)) == [$both] and .no_proof == null'
		target_quit
		holders_start "$1" . -case "$name" -fixed
		conctrace_json waits
		crossed_agrees '.cycles == [] and .possible_cycles == []'
		target_quit
	done
}

@test "Go 1.19: a lock and a channel that cross" { crossed_version 1.19; }
@test "Go 1.24: a lock and a channel that cross" { crossed_version 1.24; }
@test "Go 1.27: a lock and a channel that cross" { crossed_version 1.27; }

@test "a recording tells of a proven deadlock what live was told, and else that nobody has looked" {
	holders_start 1.24 stripped -case lock-chan
	run --separate-stderr "$CONCTRACE" record --leaks -d 2 -o "$TARGET_DIR/x.db" -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	run --separate-stderr "$CONCTRACE" report "$TARGET_DIR/x.db" waits -f json
	printf '%s\n' "$output" >"$TARGET_DIR/document"
	crossed_agrees '(.cycles | map(sort)) == [$both] and .proven_cycles == .cycles'
	run --separate-stderr "$CONCTRACE" report "$TARGET_DIR/x.db" diagnose -f json
	printf '%s\n' "$output" >"$TARGET_DIR/document"
	jq -e '.incidents[0] | .id == "lock.deadlock" and .certainty == "certain"' "$TARGET_DIR/document" ||
		fail "$(jq -c .incidents "$TARGET_DIR/document")"
	run --separate-stderr "$CONCTRACE" record -d 1 -o "$TARGET_DIR/y.db" -p "$TARGET_PID"
	run --separate-stderr "$CONCTRACE" report "$TARGET_DIR/y.db" waits -f json
	printf '%s\n' "$output" >"$TARGET_DIR/document"
	crossed_agrees '.cycles == [] and (.possible_cycles | map(sort)) == [$both] and
		.no_proof == "nobody has looked at the heap"'
	target_quit
}

@test "three thousand behind one: a sentence, a small picture, well under a second" {
	holders_start 1.24 . -case convoy -n 3000 -bystanders 10000
	conctrace_json waits
	jq -e '.roots[0].blocked == 3000 and .capture.snapshot_ns < 1500000000' "$TARGET_DIR/document" ||
		fail "$(jq -c '[.roots[0].blocked, .capture]' "$TARGET_DIR/document")"
	run --separate-stderr "$CONCTRACE" waits -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	[[ $output == *" holds main.convoy"*"since at least "*"waits in chan receive"* ]] || fail "$output"
	[[ $output == *"3,000 goroutines wait behind it"* ]] || fail "$output"
	run --separate-stderr "$CONCTRACE" waits -f dot -p "$TARGET_PID"
	[ "${#lines[@]}" -lt 20 ] || fail "${#lines[@]} lines"
	[[ $output == "digraph waits {"*"3000 goroutines"*"}" ]] || fail "$output"
	# every arrow is between boxes that there are
	declared=$(sed -n 's/^[[:space:]]*\(n[0-9]*\) \[.*/\1/p' <<<"$output" | sort -u)
	used=$(grep -o 'n[0-9]* -> n[0-9]*' <<<"$output" | tr -d ' ' | sed 's/->/\n/' | sort -u)
	[ -z "$(comm -13 <(echo "$declared") <(echo "$used"))" ]
	run --separate-stderr "$CONCTRACE" waits -f mermaid -p "$TARGET_PID"
	[ "${lines[0]}" = "flowchart LR" ] && [ "${#lines[@]}" -lt 20 ] || fail "$output"
	[[ $output == *'[["3000 goroutines<br/>'* ]] || fail "$output"
	target_quit
}

@test "the tables name the holder" {
	holders_start 1.24 . -case convoy -n 50
	holder=$(jq '.goids.holder' "$TARGET_DIR/truth")
	run --separate-stderr "$CONCTRACE" top -d 1 -p "$TARGET_PID"
	[[ $output == *"goroutine $holder at main.lockThenGate "*" keeps 50 others waiting"* ]] || fail "$output"
	conctrace_json tasks --all
	jq -e --argjson holder "$holder" '[.tasks[] | select(.wait_reason | startswith("sync.Mutex"))
		| .waits_for] | length == 50 and all(.[]; map(.goid) == [$holder])' "$TARGET_DIR/document" ||
		fail "$(jq -c '.tasks[0:3]' "$TARGET_DIR/document")"
	conctrace_json locks --no-probes
	jq -e --argjson holder "$holder" '.locks[0] | .holder.goid == $holder and .holder.certain and
		.holder.evidence == "found in memory" and .state.locked and .state.waiters == 50' \
		"$TARGET_DIR/document" || fail "$(jq -c '.locks[0]' "$TARGET_DIR/document")"
	target_quit
}

@test "who was handed the lock while it was traced has held it since then" {
	holders_start 1.24 . -case handover
	tracer_start waits -d 60 --max-overhead none -f json -p "$TARGET_PID"
	attached
	target_send open
	target_expect '^opened$'
	target_report "$TARGET_DIR/truth"
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "$(cat "$TRACER_DIR/err")"
	jq -e --slurpfile truth "$TARGET_DIR/truth" '$truth[0].goids as $g
		| .roots[0].goid == $g.second and .roots[0].blocked == 1 and
		  (.edges | any(.from == $g.third and .to == $g.second and .evidence == "seen acquiring")) and
		  (.roots[0].holds[0] | .held_is_lower_bound == false and .held_ns > 0)' \
		"$TRACER_DIR/out" || fail "$(jq -c '[.edges, .roots]' "$TRACER_DIR/out")"
	target_quit
}

@test "a program that never stands still has no deadlock" {
	for program in "mutex_contention -workers 16" "demo_service -load 24"; do
		# shellcheck disable=SC2086 # the program and its arguments
		target_start "$ANY"/$program
		target_go
		for _ in 1 2 3 4; do
			conctrace_json waits
			jq -e '.cycles == []' "$TARGET_DIR/document" || fail "$(cat "$TARGET_DIR/document")"
		done
		target_stop
		target_quit
	done
}

@test "waits without a process, and of something else" {
	run --separate-stderr "$CONCTRACE" waits
	[ "$status" = 2 ] && clean_error
	run --separate-stderr "$CONCTRACE" waits -p $$
	[ "$status" = 1 ] && clean_error
	run --separate-stderr "$CONCTRACE" waits -f svg -p $$
	[ "$status" = 2 ] && clean_error
}
