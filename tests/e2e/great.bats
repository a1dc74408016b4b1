#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The great incidents, end to end: named with their numbers, at their place, in time and within the
# budget, and nothing of it once they are fixed. Each prints how long the verdict took. The risk control
# is recorded for GREAT_SECONDS, twenty unless told.

load helpers
load diagnose

# seconds from the start to the verdict
VERDICT_MOST=15
SECONDS_EACH=10

setup() {
	need_root
	ulimit -n "$(ulimit -Hn)"
}

# verdict NAME [OPTION...]: look, timed: NAME/verdict has the seconds. On a machine that did something else
# meanwhile the time says little: one that came late is asked for once more. So is one that ended in debt by a burst:
# what hits cost until the probes are gone is paid for by rest, which its end cuts off.
verdict() {
	timed_look "$@"
	in_time_and_budget "$1" && return
	timed_look "$@"
	in_time_and_budget "$1" || fail "$1: $(cat "$BATS_TEST_TMPDIR/$1/verdict") s, $(jq -c .capture "$BATS_TEST_TMPDIR/$1/doc")"
}

# The budget is 2 %; the debt is the larger, the more a trap costs here.
in_time_and_budget() {
	jq -e --argjson most "$VERDICT_MOST" '. < $most' "$BATS_TEST_TMPDIR/$1/verdict" >/dev/null &&
		jq -e '.capture | .overhead_pct <= (if .hit_cost_ns > 4000 then 3.5 else 2.5 end)' \
			"$BATS_TEST_TMPDIR/$1/doc" >/dev/null
}

timed_look() {
	local dir=$BATS_TEST_TMPDIR/$1 begin end
	begin=$(date +%s%N)
	LOOKS=()
	look "$@"
	wait_looks
	end=$(date +%s%N)
	[ -s "$dir/doc" ] || fail "$1: $(cat "$dir/doc.err")"
	echo $((end - begin)) | jq '. / 1e9' >"$dir/verdict"
	jq -r --arg name "$1" --slurpfile seconds "$dir/verdict" '"# \($name): verdict after \($seconds[0]) s, " +
		"overhead \(.capture.overhead_pct * 100 | round / 100) %, snapshot \(.capture.snapshot_ns / 1e6 | round) ms: " +
		([.incidents[] | select(.explained_by == null) | "\(.severity) \(.id)"] | join(", ") |
		if . == "" then "healthy" else . end)' "$dir/doc" >&3
}

# begin NAME PROGRAM...
begin() {
	launch "$@"
	said "$1" '^ready'
}

# evidence NAME ID REGEX: a line of what it says.
evidence() {
	jq -r --arg id "$2" '.incidents[] | select(.id == $id) | .evidence[]' "$BATS_TEST_TMPDIR/$1/doc" | grep -q -e "$3" ||
		fail "$1: no \"$3\" in $(jq -c --arg id "$2" '[.incidents[] | select(.id == $id) | .evidence]' "$BATS_TEST_TMPDIR/$1/doc")"
}

# close_to A B PERCENT
close_to() {
	jq -n -e --argjson a "$1" --argjson b "$2" --argjson percent "$3" \
		'($a - $b | fabs) <= $percent / 100 * ($b | fabs)' >/dev/null
}

stuck_in_round_trip() {
	local dir=$BATS_TEST_TMPDIR/stuck
	[ -x "$TARGETS/$1/stripped/incidents" ] || skip "no Go $1"
	begin stuck "$TARGETS/$1/stripped/incidents" -case http.stuck -n 3200
	begin mended "$TARGETS/$1/stripped/incidents" -case http.stuck -fixed
	verdict stuck --service web
	verdict mended --service web
	found stuck http.stuck
	silent mended
	evidence stuck http.stuck '^3200 of the 3200 requests under way there wait'
	evidence stuck http.stuck '^no deadline on the request context of 3200 of them'
	# and everything else is its effect
	jq -e '.incidents[0] | .id == "http.stuck" and .severity == "critical" and .certainty == "certain" and
		.goid_count == 3200 and .affected_count >= 6400 and .age_ns > 9e9 and .since != null' "$dir/doc" ||
		fail "$(jq -c '.incidents[0] | del(.goids, .affected)' "$dir/doc")"
	jq -e '[.incidents[] | select(.explained_by == null and .severity != "info")] | length == 1' "$dir/doc"
}

@test "Go 1.19: 3,200 requests stuck in roundTrip without a deadline" { stuck_in_round_trip 1.19; }
@test "Go 1.24: 3,200 requests stuck in roundTrip without a deadline" { stuck_in_round_trip 1.24; }
@test "Go 1.27: 3,200 requests stuck in roundTrip without a deadline" { stuck_in_round_trip 1.27; }

@test "requests with a deadline far away are told from those without" {
	local version dir
	LOOKS=()
	for version in 1.19 1.22 1.23 1.24 1.27; do
		[ -x "$TARGETS/$version/stripped/incidents" ] || continue
		begin "slow-$version" "$TARGETS/$version/stripped/incidents" -case http.stuck/deadline
		look "slow-$version" --no-probes -d 7
	done
	wait_looks
	for version in 1.19 1.22 1.23 1.24 1.27; do
		dir=$BATS_TEST_TMPDIR/slow-$version
		[ -d "$dir" ] || continue
		# of the client's Timeout and of the context: two places
		jq -e '[.incidents[] | select(.id == "http.stuck") | select(.severity == "warning" and (.evidence |
			any(test("^20 of them have a deadline, the nearest in 4m[345]"))))] | length == 2' "$dir/doc" >/dev/null ||
			fail "$version: $(jq -c '[.incidents[] | [.id, .severity, .evidence]]' "$dir/doc")"
	done
}

# in_group NAME: the program may have 1 GiB, where a cgroup can be made.
in_group() {
	local group=/sys/fs/cgroup/memory/conctrace-test-$$-$1
	[ -w /sys/fs/cgroup/memory ] && mkdir "$group" 2>/dev/null || return 0
	echo 1G >"$group/memory.limit_in_bytes"
	cat "$BATS_TEST_TMPDIR/$1/pid" >"$group/cgroup.procs"
}

@test "the risk control: recorded, its timeline and forecast, and what the fix changed" {
	local dir=$BATS_TEST_TMPDIR/before seconds=${GREAT_SECONDS:-20} limit=50000 name recorders=()
	begin before "$ANY/stripped/incidents" -case leak.growth/retry
	begin after "$ANY/stripped/incidents" -case leak.growth/retry -fixed
	for name in before after; do
		in_group "$name"
		"$CONCTRACE" record -q -o "$BATS_TEST_TMPDIR/$name/db" -d "$seconds" -p "$(cat "$BATS_TEST_TMPDIR/$name/pid")" 3>&- &
		recorders+=("$!")
		STARTED+=("$!")
	done
	for name in "${recorders[@]}"; do
		wait "$name"
	done
	for name in before after; do
		ask "$name"
		kill -KILL "$(cat "$BATS_TEST_TMPDIR/$name/pid")"
		wait "$(cat "$BATS_TEST_TMPDIR/$name/pid")" 2>/dev/null || true
		rmdir "/sys/fs/cgroup/memory/conctrace-test-$$-$name" 2>/dev/null || true
	done
	run "$CONCTRACE" report "$dir/db" diagnose -f json --max-goroutines "$limit"
	[ "$status" = 3 ] || fail "status $status: $output"
	printf '%s\n' "$output" >"$dir/doc"
	"$CONCTRACE" report "$dir/db" diagnose --max-goroutines "$limit" >"$dir/text" || true
	sed 's/^/# /' "$dir/text" >&3
	# what it did in all the time, not at its last moment
	grep -q '^a second: ~\?[1-9]' "$dir/text"
	# the place, the go statement behind it, and that it is a loop
	jq -e --slurpfile truth "$dir/truth" '$truth[0].site.line as $line | .incidents[0] | .id == "leak.growth" and
		.severity != "info" and .site.line == $line and .since != null' "$dir/doc" || fail "$(jq -c .incidents "$dir/doc")"
	evidence before leak.growth 'made by the go statement at main.(\*riskControl).check'
	evidence before leak.growth 'a loop that tries again and has no end'
	# how many a minute, as the program counted itself
	close_to "$(jq '.incidents[0].metric.value' "$dir/doc")" "$(jq '.orders / .elapsed_ns * 6e10' "$dir/truth")" 15 ||
		fail "$(jq -c '.incidents[0].metric' "$dir/doc"), $(cat "$dir/truth")"
	# when the limit is reached: so many are missing at that pace
	close_to "$(jq 'def seconds: sub("\\.[0-9]+"; "") | fromdate; (.time | seconds) as $now
		| .timeline | map(select(.forecast and (.text | test("goroutines"))))[0].time | seconds - $now' "$dir/doc")" \
		"$(jq --argjson limit "$limit" '($limit - .goroutines) / (.orders / (.elapsed_ns / 1e9))' "$dir/truth")" 15 ||
		fail "$(jq -c .timeline "$dir/doc"), $(cat "$dir/truth")"
	# when memory is: what the orders keep, and the heap around it
	jq -e --slurpfile truth "$dir/truth" 'def seconds: sub("\\.[0-9]+"; "") | fromdate;
		($truth[0] | .bytes / (.elapsed_ns / 1e9)) as $pace
		| ((.resources.memory_limit - .resources.rss) / $pace) as $own | (.time | seconds) as $now
		| .timeline | map(select(.forecast and (.text | test("forecast: .*(cgroup|memory)$"))))[0].time | seconds - $now
		| . > 0.4 * $own and . < 1.3 * $own' "$dir/doc" ||
		fail "$(jq -c '[.resources, .timeline]' "$dir/doc"), $(cat "$dir/truth")"
	# the timeline is in order, of the time of the recording, and ends with the forecasts
	jq -e --argjson seconds "$seconds" '(.timeline | map(.time) == (map(.time) | sort)) and
		(.observed_ns / 1e9 | . > 0.8 * $seconds and . < $seconds + 5) and (.timeline[-1].forecast)' "$dir/doc"
	# what a recording does not keep is said, and the next command is of the recording
	jq -e --arg db "$dir/db" '(.checked | index("leak.growth") and (index("ctx.ignored") | not)) and
		(.not_judged | any(.id == "panic" and (.reason | test("recording")))) and
		(.incidents[0].next | startswith("conctrace report \($db) tasks"))' "$dir/doc" ||
		fail "$(jq -c '[.checked, .not_judged, .incidents[0].next]' "$dir/doc")"
	for name in "--every 30s" "-f dot" "--service shop"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$CONCTRACE" report "$dir/db" diagnose $name
		[ "$status" = 2 ] && clean_error || fail "$name: status $status, $stderr"
	done
	"$CONCTRACE" report "$dir/db" diagnose --severity critical >/dev/null
	run "$CONCTRACE" report "$dir/db" diagnose -f html
	[ "$status" = 3 ] && [[ $output == *"</html>" ]]
	# fixed: healthy, and the difference says so
	run "$CONCTRACE" report "$BATS_TEST_TMPDIR/after/db" diagnose --service web
	[ "$status" = 0 ] || fail "$output"
	"$CONCTRACE" report --diff "$dir/db" "$BATS_TEST_TMPDIR/after/db" | sed 's/^/# /' >&3
	"$CONCTRACE" report --diff "$dir/db" "$BATS_TEST_TMPDIR/after/db" -f json >"$dir/diff"
	jq -e '.goroutines | any(.change == "gone" and (.frame.function | test("scoreWithRetry")) and .before.count > 100)' \
		"$dir/diff" || fail "$(jq -c .goroutines "$dir/diff")"
	jq -e '.waits | any(.change == "faster" and (.frame.function | test("awaitScore")) and
		.after.wait_ns_mean < .before.wait_ns_mean / 2)' "$dir/diff" || fail "$(jq -c .waits "$dir/diff")"
}

@test "an unbuffered channel between two halves, one of them dead" {
	local dir=$BATS_TEST_TMPDIR/halves
	begin halves "$ANY/stripped/incidents" -case chan.blocked_chain -n 3000
	begin mended "$ANY/stripped/incidents" -case chan.blocked_chain -fixed -n 300
	verdict halves --service web
	verdict mended --service web
	found halves chan.blocked_chain
	silent mended
	jq -e --slurpfile truth "$dir/truth" '.incidents[0] | .id == "chan.blocked_chain" and .severity == "critical" and
		.goids == [$truth[0].root] and .affected_count == 3000' "$dir/doc" ||
		fail "$(jq -c '.incidents[0] | del(.affected)' "$dir/doc")"
	evidence halves chan.blocked_chain '3000 in all'
}

@test "a hot map behind one mutex at 12,000 operations a second, before and after" {
	local dir=$BATS_TEST_TMPDIR/hot
	begin hot nice -n -15 "$ANY/stripped/incidents" -case lock.hot/gc
	verdict hot --service web
	found hot lock.hot
	kill -KILL "$(cat "$dir/pid")"
	begin sharded nice -n -15 "$ANY/stripped/incidents" -case lock.hot/gc -fixed
	verdict sharded --service web
	silent sharded
	ask sharded
	jq -r '"# operations a second: \(.operations_per_second)"' "$dir/truth" "$BATS_TEST_TMPDIR/sharded/truth" >&3
	jq -r '"# " + (.incidents[] | select(.id == "lock.hot") | .evidence[])' "$dir/doc" >&3
	evidence hot lock.hot '% of all waiting for mutexes'
	evidence hot lock.hot 'of the GC assists are paid in the same function'
	# what waits is nearly all at this one
	jq -e '.incidents[] | select(.id == "lock.hot") | .metric.value > 1' "$dir/doc"
}

# The hit rate of a sync.Map is seen where it has a CPU.
too_many_updates() {
	[ -x "$TARGETS/$1/stripped/incidents" ] || skip "no Go $1"
	begin map nice -n -15 "$TARGETS/$1/stripped/incidents" -case map.miss
	verdict map
	found map map.miss
	kill -KILL "$(cat "$BATS_TEST_TMPDIR/map/pid")"
	begin atomics nice -n -15 "$TARGETS/$1/stripped/incidents" -case map.miss -fixed
	verdict atomics
	silent atomics
	jq -r '"# " + (.incidents[] | select(.id == "map.miss") | .title, .evidence[])' "$BATS_TEST_TMPDIR/map/doc" >&3
}

@test "Go 1.23: a sync.Map of a million updates a second" { too_many_updates 1.23; }
@test "Go 1.24: a sync.Map of a million updates a second" { too_many_updates 1.24; }
