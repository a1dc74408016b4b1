#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `tasks` says of every goroutine of tests/targets/zoo what Go's own dump says: state, wait reason,
# what it waits for, where. For every Go version, as built, stripped, and position independent.

load helpers

setup() {
	need_root
}

# differences DOCUMENT
differences() {
	jq -n -r --slurpfile own "$TARGET_DIR/report" --slurpfile doc "$1" '
		def address: ascii_downcase | ltrimstr("0x") | sub("^0+"; "");
		def base: split("/")[-1];
		($doc[0].tasks | map({key: (.goid | tostring), value: .}) | from_entries) as $seen
		| $own[0].residents[] | . as $r
		| $seen[.goid | tostring] as $t
		| "\($r.name) (\($r.goid))" as $name
		| if $t == null then "\($name): not seen"
		  else
			(select($t.state != $r.state) | "\($name): state \($t.state), is \($r.state)"),
			(select(($t.wait_reason // "") != ($r.wait_reason // ""))
			 | "\($name): reason \($t.wait_reason), is \($r.wait_reason)"),
			(select($r.waiting_on)
			 | select(($t.waiting_on.addr // "" | address) != ($r.waiting_on.addr | address))
			 | "\($name): waits on \($t.waiting_on.addr), is \($r.waiting_on)"),
			(select($r.waiting_on and $t.waiting_on.kind != $r.waiting_on.kind)
			 | "\($name): waits on a \($t.waiting_on.kind), is \($r.waiting_on.kind)"),
			(select($r.frame) | $r.frame as $f
			 | select([$t.stack[] | select(.function == $f.function and .line == $f.line and
				(.file | base) == ($f.file | base))] | length == 0)
			 | "\($name): \($f) is not in \($t.stack | map("\(.function):\(.line)"))"),
			([$r.stack[].function | if . == "panic" then "runtime.gopanic" else . end] as $must | [$t.stack[].function] as $has
			 | select($must - $has != []) | "\($name): no frame \($must - $has)"),
			(select($r.labels) | [$t.labels | to_entries[] | "\(.key)=\(.value)"] as $has
			 | select(($has | sort) != ($r.labels | sort)) | "\($name): labels \($has)")
		  end'
}

# The same for people: each row has the object's address and the labels.
rows_differ() {
	local goid addr labels row
	while IFS=$'\t' read -r goid addr labels; do
		row=$(grep -E "^ *$goid " "$1") || echo "no goroutine $goid"
		[[ $row == *"$addr"* && $row == *"$labels"* ]] || echo "no $addr $labels in: $row"
	done < <(jq -r '.residents[] | select(.waiting_on) | [.goid, .waiting_on.addr,
		(.labels // [] | join(","))] | @tsv' "$TARGET_DIR/report")
}

version() {
	local dir=$TARGETS/$1 variant found
	[ -x "$dir/zoo" ] || skip "no Go $1"
	for variant in . stripped pie; do
		target_start "$dir/$variant/zoo" -copies 2
		target_report "$TARGET_DIR/report"
		run --separate-stderr "$CONCTRACE" tasks --all -f json -p "$TARGET_PID"
		[ "$status" = 0 ] || fail "Go $1 $variant: $stderr"
		printf '%s\n' "$output" >"$TARGET_DIR/tasks"
		found=$(differences "$TARGET_DIR/tasks") || found="no comparison"
		[ -z "$found" ] || fail "Go $1 $variant: $found"
		COLUMNS=300 "$CONCTRACE" tasks --all -p "$TARGET_PID" >"$TARGET_DIR/text"
		found=$(rows_differ "$TARGET_DIR/text")
		[ -z "$found" ] || fail "Go $1 $variant: $found"
		text_untouched
		target_quit
	done
}

@test "Go 1.18: every goroutine is where it is" { version 1.18; }
@test "Go 1.19: every goroutine is where it is" { version 1.19; }
@test "Go 1.20: every goroutine is where it is" { version 1.20; }
@test "Go 1.21: every goroutine is where it is" { version 1.21; }
@test "Go 1.22: every goroutine is where it is" { version 1.22; }
@test "Go 1.23: every goroutine is where it is" { version 1.23; }
@test "Go 1.24: every goroutine is where it is" { version 1.24; }
@test "Go 1.25: every goroutine is where it is" { version 1.25; }
@test "Go 1.26: every goroutine is where it is" { version 1.26; }
@test "Go 1.27: every goroutine is where it is" { version 1.27; }

@test "text says what is waited for: a full channel, a select, a peer, a timer's end; --filter by label" {
	local peer
	target_start "$ANY/zoo"
	COLUMNS=300 run --separate-stderr "$CONCTRACE" tasks --all -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	[[ $output =~ "chan send".*" 3/3 ".*"main.sendFull " ]]
	[[ $output =~ "select <-0x"[0-9a-f]+", 0x"[0-9a-f]+"<-, 2 more" ]]
	[[ $output =~ "network listening on 127.0.0.1:"([0-9]+) ]]
	peer=${BASH_REMATCH[1]}
	[[ $output == *"network 127.0.0.1:$peer "* ]]
	[[ $output =~ "timer ends in "(59m|1h00m) ]]
	run --separate-stderr "$CONCTRACE" tasks --filter 'no such thing' -p "$TARGET_PID"
	[ "$status" = 0 ] && [ "${lines[-1]}" = '(nothing matches "no such thing")' ] || fail "$output"
	run --separate-stderr "$CONCTRACE" tasks --all --filter tenant=blue -f json -p "$TARGET_PID"
	jq -e '.tasks | length == 1 and .[0].labels == {request: "checkout", tenant: "blue"}' <<<"$output"
	jq -e '.groups | length == 1' <<<"$output"
	target_quit
}

@test "goroutines in C" {
	[ -x "$ANY/zoo_cgo" ] || skip "no C compiler for Go"
	local found
	target_start "$ANY/zoo_cgo"
	target_report "$TARGET_DIR/report"
	run --separate-stderr "$CONCTRACE" tasks --all -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	printf '%s\n' "$output" >"$TARGET_DIR/tasks"
	found=$(differences "$TARGET_DIR/tasks") || found="no comparison"
	[ -z "$found" ] || fail "$found"
	target_quit
}

@test "a hundred thousand parked goroutines: counted, in one group, without a stall" {
	target_start "$ANY/parked" -n 100000
	target_report "$TARGET_DIR/before"
	run --separate-stderr "$CONCTRACE" tasks -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	target_report "$TARGET_DIR/report"
	jq -e '[.groups[] | select(any(.stack[]; .function == "main.park")) | .count] == [100000]' \
		<<<"$output" || fail "$(jq -c '[.groups[] | [.count, .wait_reason]]' <<<"$output")"
	target_quit
}
