#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Goroutines that nothing alive can wake. What is true comes from the program itself, which knows by
# construction whom it has stuck, and from Go's own goroutineleak profile of 1.26 and 1.27, taken after
# conctrace has looked.

load helpers

setup() {
	need_root
}

# program VERSION [stripped|pie]: in PROGRAM.
program() {
	PROGRAM=$TARGETS/$1/${2:+$2/}leaks
	[ -x "$PROGRAM" ] || skip "no Go $1"
}

# look [ARGUMENT...]: starts PROGRAM, looks at it, and has it tell what is true: DOCUMENT, TRUTH, and
# PROFILE (ids, or null). With BUSY set its endless phase goes on meanwhile.
look() {
	target_start "$PROGRAM" "$@"
	[ -z "${BUSY:-}" ] || target_go
	DOCUMENT=$TARGET_DIR/document TRUTH=$TARGET_DIR/truth
	LOOK_STATUS=0
	"$CONCTRACE" leaks -f json -o "$DOCUMENT" -p "$TARGET_PID" || LOOK_STATUS=$?
	target_report "$TRUTH"
	[ -z "${BUSY:-}" ] || target_stop
	target_send profile
	target_expect '^profile '
	PROFILE=${LINE#profile }
	target_quit
	[ "$TARGET_STATUS" = 0 ] || fail "the target failed: $(cat "$TARGET_DIR/err")"
}

# Everybody who is reported is stuck by construction.
nobody_else_is_reported() {
	jq -e -n --slurpfile truth "$TRUTH" --slurpfile document "$DOCUMENT" '
		[$truth[0].cases[].leaks[]] as $stuck | [$document[0].leaked[].goid] as $found |
		([$truth[0].cases[].extra] | add) as $extra |
		($found - $stuck | length) <= $extra' ||
		fail "$(jq -c '[.leaked[].goid]' "$DOCUMENT"), but $(cat "$TRUTH")"
}

is_right() {
	[ "$LOOK_STATUS" = 3 ] || fail "exit status $LOOK_STATUS"
	jq -e '.schema == "conctrace.leaks/1" and .scan.looks == 2' "$DOCUMENT"
	nobody_else_is_reported
	jq -e '.leaked | all((.proof | length > 20) and .wait_reason != "" and (.stack | length > 0))' \
		"$DOCUMENT"
}

# missed_at_most SHARE: of those that are stuck.
missed_at_most() {
	jq -e -n --slurpfile truth "$TRUTH" --slurpfile document "$DOCUMENT" '
		[$truth[0].cases[].leaks[]] as $stuck | [$document[0].leaked[].goid] as $found |
		($stuck - $found | length) <= ($stuck | length) * '"$1"
}

is_complete() {
	missed_at_most 0.05
}

# look_until_complete: a stale word on a stack hides goroutines from any conservative mark, Go's own too;
# that is so in one process and not in the next. What is reported is right in all of them.
look_until_complete() {
	local try
	for try in 1 2 3; do
		look
		is_right
		! is_complete || return 0
	done
	fail "$(jq -c '[.leaked[].goid]' "$DOCUMENT"), but $(cat "$TRUTH")"
}

# Of those that Go's own profile names, at most one of twenty is missed.
agrees_with_go() {
	[ "$PROFILE" != null ] || fail "this Go has no goroutineleak profile"
	jq -e --argjson go "$PROFILE" '[.leaked[].goid] as $found |
		($go | length) > 90 and ($go - $found | length) * 20 <= ($go | length)' "$DOCUMENT" ||
		fail "$(jq -c '[.leaked[].goid]' "$DOCUMENT"), but Go says $PROFILE"
}

nothing_is_leaked() {
	[ "$LOOK_STATUS" = 0 ] || fail "exit status $LOOK_STATUS: $(jq -c .leaked "$DOCUMENT")"
	jq -e '.leaked == []' "$DOCUMENT"
	[ "$PROFILE" = null ] || [ "$PROFILE" = '[]' ] || fail "Go finds leaks: $PROFILE"
}

all_cases() {
	program "$@"
	look_until_complete
	case $1 in
	1.26 | 1.27) agrees_with_go ;;
	esac
	look -fixed
	nothing_is_leaked
}

@test "Go 1.19" { all_cases 1.19; }
@test "Go 1.19, stripped" { all_cases 1.19 stripped; }
@test "Go 1.19, PIE" { all_cases 1.19 pie; }
@test "Go 1.21" { all_cases 1.21; }
@test "Go 1.22" { all_cases 1.22; }
@test "Go 1.23, stripped" { all_cases 1.23 stripped; }
@test "Go 1.23, PIE" { all_cases 1.23 pie; }
@test "Go 1.24, stripped" { all_cases 1.24 stripped; }
@test "Go 1.24, PIE" { all_cases 1.24 pie; }
@test "Go 1.25" { all_cases 1.25; }
@test "Go 1.26, against its own profile" { all_cases 1.26; }
@test "Go 1.27, against its own profile" { all_cases 1.27; }
@test "Go 1.27, stripped, against its own profile" { all_cases 1.27 stripped; }
@test "Go 1.27, PIE, against its own profile" { all_cases 1.27 pie; }

@test "each case in a process of its own: found, and silent when it is fixed" {
	program "$(basename "$ANY")"
	local name total=0 missed=0 stuck
	while read -r name; do
		look -case "$name"
		# a Mutex of eight bytes shares its block of memory with whatever was allocated next to it
		stuck=$(jq '[.cases[] | .leaks | length] | add' "$TRUTH")
		total=$((total + stuck))
		jq -e --slurpfile truth "$TRUTH" '[$truth[0].cases[] | .leaks[]] as $stuck |
			($truth[0].cases[0].extra) as $extra |
			([.leaked[].goid] - $stuck | length) <= $extra' "$DOCUMENT" ||
			fail "$name: $(jq -c '[.leaked[].goid]' "$DOCUMENT"), but $(cat "$TRUTH")"
		missed=$((missed + $(jq --slurpfile truth "$TRUTH" '[$truth[0].cases[] | .leaks[]] as $stuck |
			$stuck - [.leaked[].goid] | length' "$DOCUMENT")))
	done < <("$PROGRAM" -list | awk 'NR % 4 == 0')
	[ $((missed * 20)) -le "$total" ] || fail "missed $missed of $total"
}

@test "a hundred copies of each" {
	program "$(basename "$ANY")"
	look -copies 100
	is_right
	is_complete
	look -copies 100 -fixed
	nothing_is_leaked
}

@test "the text speaks of them in groups" {
	program "$(basename "$ANY")"
	target_start "$PROGRAM" -case pool_not_closed,nil_receive -copies 5
	run --separate-stderr "$CONCTRACE" leaks -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "$status: $stderr"
	[ -z "$stderr" ]
	# a word left behind by chance may hide one of the five pools of four
	grep -qE '^leaked  2[15] goroutines that nothing alive can ever wake$' <<<"$output" || fail "$output"
	grep -qE '^ *(16|20)  chan receive  main.poolNotClosed' <<<"$output" || fail "$output"
	grep -q '^ *5  chan receive (nil chan)  main.nilReceive' <<<"$output" || fail "$output"
	tr -s ' \n' ' ' <<<"$output" | grep -qE \
		'goroutine [0-9]+ waits to receive from unbuffered channel 0x[0-9a-f]+: nothing alive refers to it, so nobody can send on it or close it any more; 3 others of these wait for the same' ||
		fail "$output"
	[ -z "$(awk 'length > 120' <<<"$output")" ] || fail "a line is too long: $output"
}

@test "more memory than allowed: refused with the size it takes" {
	target_start "$ANY/parked" -n 10 -heap 32 -lost 3
	run --separate-stderr "$CONCTRACE" leaks --max-memory 16M -p "$TARGET_PID"
	[ "$status" = 1 ]
	[ -z "$output" ]
	grep -qE '^conctrace: looking for leaks failed: with a copy .* takes [0-9]+ MiB, more than the 16 MiB allowed; allow that with --max-memory [0-9]+M$' \
		<<<"$stderr" || fail "$stderr"
	# what it says is enough, and is near what it then takes
	local said peak
	said=$(sed 's/.*--max-memory \([0-9]*\)M$/\1/' <<<"$stderr")
	peak=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' \
		"$CONCTRACE" leaks --max-memory "${said}M" -p "$TARGET_PID")
	[ "$peak" -gt 32 ] && [ "$peak" -le "$said" ] && [ "$said" -le $((peak * 3 / 2)) ] ||
		fail "said $said MiB, took $peak"
	run --separate-stderr "$CONCTRACE" leaks --max-memory 64X -p "$TARGET_PID"
	[ "$status" = 2 ]
	run --separate-stderr "$CONCTRACE" leaks --max-memory 1G -f json -p "$TARGET_PID"
	[ "$status" = 3 ]
	jq -e '(.leaked | length) == 3 and .scan.heap_scan_bytes > 20000000' <<<"$output"
}

# A memory cgroup below our own: its directory and the name of its limit.
memory_cgroup() {
	local group
	group=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
	if [ -n "$group" ]; then
		LIMIT=memory.limit_in_bytes CGROUP=/sys/fs/cgroup/memory$group
	else
		LIMIT=memory.max CGROUP=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
	fi
	CGROUP=$CGROUP/conctrace-test-$$
	mkdir "$CGROUP" && [ -w "$CGROUP/$LIMIT" ]
}

@test "without a word of its own it takes half of what its cgroup leaves" {
	memory_cgroup || skip "no cgroup with a memory limit can be made"
	target_start "$ANY/parked" -n 10 -heap 200
	echo 160M >"$CGROUP/$LIMIT"
	run --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" leaks -p "$3"' - \
		"$CGROUP" "$CONCTRACE" "$TARGET_PID"
	rmdir "$CGROUP"
	[ "$status" = 1 ] || fail "$status: $output $stderr"
	local allowed
	allowed=$(sed -n 's/.*more than the \([0-9]*\) MiB allowed.*/\1/p' <<<"$stderr")
	[ "$allowed" -ge 60 ] && [ "$allowed" -le 120 ] || fail "$stderr"
}

@test "references that move all the time: nobody is reported" {
	program "$(basename "$ANY")"
	target_start "$PROGRAM" -case none -movers 2
	target_go
	local i
	for i in 1 2 3 4 5; do
		run --separate-stderr "$CONCTRACE" leaks -f json -p "$TARGET_PID"
		[ "$status" = 0 ] || fail "$status: $stderr $(jq -c '[.leaked[].goid]' <<<"$output")"
	done
	target_stop
	target_quit
}

# Its workers have what they are about to mark on their stacks, that of leaked ones, too: one after the other, without
# rest, they hide many of them. It must never be the other way round.
collector_runs() {
	program "$@"
	local BUSY=1
	look -collect 1us
	nobody_else_is_reported
	jq -e '.collections > 20' "$TRUTH"
	look -collect 1us -fixed
	nothing_is_leaked
	# nearly all of them at a pace that programs have
	local try
	for try in 1 2 3; do
		look -collect 100ms
		nobody_else_is_reported
		jq -e '.collections >= 2' "$TRUTH"
		! missed_at_most 0.5 || return 0
	done
	fail "$(jq -c '[.leaked[].goid]' "$DOCUMENT"), but $(cat "$TRUTH")"
}

@test "while the collector runs, Go 1.19" { collector_runs 1.19; }
@test "while the collector runs, Go 1.24" { collector_runs 1.24 stripped; }
@test "while the collector runs, Go 1.27" { collector_runs 1.27; }

# has_cycles RELATION: the cycles found ($found) and those cases' that have one ($true).
has_cycles() {
	jq -e -n --slurpfile truth "$TRUTH" --slurpfile document "$DOCUMENT" '
		([$truth[0].cases[] | select(.case | test("circular|abba|phil")) | .leaks | sort] | sort) as $true |
		([$document[0].cycles[] | sort] | sort) as $found | '"$1"
}

# Never others, and all of them in one of three processes, as in look_until_complete.
wait_for_each_other() {
	program "$@"
	local try
	for try in 1 2 3; do
		look -case circular_channels,abba,philosophers,chain,early_return,cond_without_signal
		is_right
		has_cycles '$found - $true == []' || fail "$(jq -c .cycles "$DOCUMENT"), but $(cat "$TRUTH")"
		! has_cycles '$found == $true' || break
	done
	has_cycles '$found == $true' || fail "$(jq -c .cycles "$DOCUMENT"), but $(cat "$TRUTH")"
	look -case circular_channels,abba,philosophers -fixed
	nothing_is_leaked
	jq -e '.cycles == []' "$DOCUMENT"
}

@test "leaked ones that wait for each other, Go 1.19" { wait_for_each_other 1.19; }
@test "leaked ones that wait for each other, Go 1.24, stripped" { wait_for_each_other 1.24 stripped; }
@test "leaked ones that wait for each other, Go 1.27, PIE" { wait_for_each_other 1.27 pie; }

@test "the text says who waits for each other" {
	program "$(basename "$ANY")"
	target_start "$PROGRAM" -case circular_channels -copies 3
	run --separate-stderr "$CONCTRACE" leaks -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "$status: $stderr"
	grep -q '^ *these 2 wait for each other:$' <<<"$output" || fail "$output"
	tr -s ' \n' ' ' <<<"$output" | grep -qE 'goroutine ([0-9]+) in chan receive at main.circularChannels.func[12] channels.go:[0-9]+ waits for goroutine ([0-9]+) \(chan 0x[0-9a-f]+ 0/0\) goroutine \2 in chan receive at main.circularChannels.func[12] channels.go:[0-9]+ waits for goroutine \1 ' ||
		fail "$output"
	[ -z "$(awk 'length > 120' <<<"$output")" ] || fail "a line is too long: $output"
}

# Only the queue of finalizers, which is no object and no record, leads to those who wait.
finalizers_have_a_queue() {
	program "$@"
	look -case none -queued 50
	jq -e '.queued >= 50' "$TRUTH"
	nothing_is_leaked
	jq -e '.suspects == []' "$DOCUMENT"
}

@test "a finalizer that waits for its turn will wake somebody, Go 1.19" { finalizers_have_a_queue 1.19 stripped; }
@test "a finalizer or cleanup that waits for its turn, Go 1.24" { finalizers_have_a_queue 1.24 pie; }
@test "a finalizer or cleanup that waits for its turn, Go 1.25" { finalizers_have_a_queue 1.25; }
@test "a finalizer or cleanup that waits for its turn, Go 1.27" { finalizers_have_a_queue 1.27 stripped; }

@test "with cgo" {
	PROGRAM=$ANY/zoo_cgo
	[ -x "$PROGRAM" ] || skip "no cgo program"
	target_start "$PROGRAM"
	run --separate-stderr "$CONCTRACE" leaks -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || [ "$status" = 3 ] || fail "$status: $stderr"
	jq -e '.target.cgo' <<<"$output"
}
