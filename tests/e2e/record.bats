#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Recordings: reports are what was seen live, timelines have every event, and nothing that ends a
# recording early spoils it.

load helpers

CHECK=$BATS_TEST_DIRNAME/trace_check.py

setup() {
	need_root
}

# record_start [ARGUMENT...]: records TARGET_PID with every event, to $FILE; attached when it returns.
record_start() {
	FILE=$BATS_TEST_TMPDIR/recording.$((++RECORDINGS)).db
	tracer_start record -p "$TARGET_PID" -o "$FILE" -i 0.2 --max-overhead none "$@"
	until_batches 1
}

# until_batches N: returns when the recording has so many.
until_batches() {
	local i
	for i in {1..600}; do
		# sqlite3 would make a file that is not there yet, under the recorder's feet
		[ -s "$FILE" ] &&
			[ "$(query 'SELECT ifnull(max(batch), 0) FROM capture' 2>/dev/null || echo 0)" -ge "$1" ] &&
			return
		kill -0 "$TRACER_PID" 2>/dev/null || fail "conctrace ended: $(cat "$TRACER_DIR/err")"
		sleep 0.05
	done
	fail "no $1 batches"
}

# query SQL [FILE]
query() {
	sqlite3 -cmd '.timeout 5000' "${2:-$FILE}" "$1"
}

report() {
	"$CONCTRACE" report "$FILE" "$@"
}

# whole FILE: SQLite finds nothing wrong with it.
whole() {
	[ "$(query 'PRAGMA integrity_check' "$1")" = ok ] || fail "$1 is damaged"
}

# same_report DIR PROGRAM VIEW [FORMAT]: what record prints in the end is what report prints.
same_report() {
	target_start "$1/$2"
	record_start "$3" -f "${4:-json}"
	until_batches 3
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	report "$3" -f "${4:-json}" >"$BATS_TEST_TMPDIR/report"
	[ -s "$TRACER_DIR/out" ] || fail "nothing was printed"
	diff "$TRACER_DIR/out" "$BATS_TEST_TMPDIR/report" || fail "$1 $2 $3: the report differs"
	[ "$(query "SELECT value FROM meta WHERE key = 'ended'")" = complete ]
	[ ! -e "$FILE-wal" ] && [ ! -e "$FILE-reserve" ]
	target_quit
}

@test "reports equal the live output: every view" {
	local view
	for view in top tasks locks chans waits; do
		same_report "$ANY" zoo "$view"
	done
	same_report "$ANY" zoo top text
	same_report "$ANY" zoo stacks text
}

@test "reports equal the live output: oldest and newest Go, stripped" {
	local version
	for version in 1.19 1.27; do
		[ -x "$TARGETS/$version/stripped/zoo" ] || continue
		same_report "$TARGETS/$version/stripped" zoo top
		same_report "$TARGETS/$version/stripped" zoo tasks
	done
}

# A timeline of the program that knows what it did; the trace has the same.
exact_timeline() {
	local dir=$TARGETS/$1
	[ -x "$dir/counts" ] || skip "no Go $1"
	target_start "$dir/counts"
	record_start --timeline
	target_go
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	target_report "$TARGET_DIR/report"
	[ "$(query 'SELECT lost_event FROM capture ORDER BY batch DESC LIMIT 1')" = 0 ]
	[ "$(query 'SELECT count(*) FROM event WHERE type = 1')" = "$(jq .counts.waits "$TARGET_DIR/report")" ]
	[ "$(query 'SELECT count(*) FROM event WHERE type = 2')" = "$(jq .counts.spawned "$TARGET_DIR/report")" ]
	[ "$(query 'SELECT count(*) FROM event WHERE type = 3')" = "$(jq .counts.exited "$TARGET_DIR/report")" ]
	# by site, from the trace that an independent decoder reads
	report -o "$BATS_TEST_TMPDIR/x.pftrace"
	report -o "$BATS_TEST_TMPDIR/x.json"
	local format file found
	for format in perfetto chrome; do
		file=$BATS_TEST_TMPDIR/x.pftrace
		[ $format = perfetto ] || file=$BATS_TEST_TMPDIR/x.json
		python3 "$CHECK" $format "$file" >"$BATS_TEST_TMPDIR/seen" || fail "$format of Go $1"
		found=$(jq -n -r --slurpfile own "$TARGET_DIR/report" --slurpfile seen "$BATS_TEST_TMPDIR/seen" '
			($own[0].sites[] | select(.waits == .parks and .waits != ($seen[0].sites[.function] // 0))
			 | "\(.function): \(.waits), in the trace \($seen[0].sites[.function])"),
			($own[0].counts | select(.spawned != $seen[0].points.spawned or
				.exited != $seen[0].points.exit) | "\(.), in the trace \($seen[0].points)"),
			# who spawned a goroutine is in the runtime from Go 1.21 on
			(select($seen[0].arrows < $own[0].counts.waits / 2) | "arrows: \($seen[0].arrows)"),
			(select($seen[0].process.process_name != "counts") | "\($seen[0].process)")')
		[ -z "$found" ] || fail "$format, Go $1: $found"
	done
	target_quit
}

@test "Go 1.19: the timeline has every wait, spawn and exit" { exact_timeline 1.19; }
@test "Go 1.24: the timeline has every wait, spawn and exit" { exact_timeline 1.24; }
@test "Go 1.27: the timeline has every wait, spawn and exit" { exact_timeline 1.27; }

# The cycles of the garbage collector are those of runtime.MemStats.
collections() {
	local dir=$TARGETS/$1 format file
	[ -x "$dir/collections" ] || skip "no Go $1"
	target_start "$dir/collections"
	record_start --timeline
	target_go
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	target_report "$TARGET_DIR/report"
	[ "$(query 'SELECT lost_event FROM capture ORDER BY batch DESC LIMIT 1')" = 0 ]
	query 'SELECT json_object("cycles", sum(type = 5), "stops", sum(type = 6), "assists", sum(type = 7),
		"stopped_ns", sum(CASE type WHEN 6 THEN wait_ns END),
		"unlikely", sum(type IN (5, 6, 7) AND (wait_ns <= 0 OR wait_ns > 5000000000))) FROM event' \
		>"$BATS_TEST_TMPDIR/seen"
	jq -e -n --slurpfile own "$TARGET_DIR/report" --slurpfile seen "$BATS_TEST_TMPDIR/seen" '
		$own[0] as $own | $seen[0] as $seen | $own.cycles > $own.forced and $own.forced == 5 and
		$seen.cycles == $own.cycles and $seen.stops >= 2 * $own.cycles and $seen.assists > 0 and
		$seen.stopped_ns > 0 and $seen.unlikely == 0' ||
		fail "Go $1: $(cat "$BATS_TEST_TMPDIR/seen"), but $(cat "$TARGET_DIR/report")"
	report -o "$BATS_TEST_TMPDIR/x.pftrace"
	report -o "$BATS_TEST_TMPDIR/x.json"
	for format in perfetto chrome; do
		file=$BATS_TEST_TMPDIR/x.pftrace
		[ $format = perfetto ] || file=$BATS_TEST_TMPDIR/x.json
		python3 "$CHECK" $format "$file" >"$BATS_TEST_TMPDIR/trace" || fail "$format of Go $1"
		jq -e --slurpfile seen "$BATS_TEST_TMPDIR/seen" '$seen[0] as $seen |
			.slices["GC cycle"] == $seen.cycles and .slices["world stopped"] == $seen.stops and
			.slices["GC assist"] == $seen.assists and .sites["main.grow"] > 0 and
			(.names | index("garbage collection") and index("stop the world"))' \
			"$BATS_TEST_TMPDIR/trace" || fail "$format of Go $1: $(cat "$BATS_TEST_TMPDIR/trace")"
	done
	target_quit
}

@test "Go 1.19: the timeline has the garbage collector's cycles, stops and assists" { collections 1.19; }
@test "Go 1.24: the timeline has the garbage collector's cycles, stops and assists" { collections 1.24; }
@test "Go 1.27: the timeline has the garbage collector's cycles, stops and assists" { collections 1.27; }

@test "within a budget the timeline says when the probes were on, and all of it lies in there" {
	target_start "$ANY/pingpong"
	target_go
	FILE=$BATS_TEST_TMPDIR/windows.db
	"$CONCTRACE" record -p "$TARGET_PID" -o "$FILE" -d 2 --timeline top -f json >"$BATS_TEST_TMPDIR/live"
	report -f json | diff "$BATS_TEST_TMPDIR/live" - || fail "the report's estimates differ"
	[ "$(query 'SELECT count(*) > 1 FROM coverage')" = 1 ]
	[ "$(query 'SELECT count(*) > 100 FROM event')" = 1 ]
	[ "$(query "WITH base AS (SELECT value FROM meta WHERE key = 'base_ns')
		SELECT count(*) FROM event WHERE NOT EXISTS (SELECT 1 FROM coverage
		WHERE (SELECT value FROM base) + ns BETWEEN opened_ns AND closed_ns + 1000000)")" = 0 ]
	[ "$(query 'SELECT sum(closed_ns - opened_ns) < 1900000000 FROM coverage')" = 1 ]
	report -o "$BATS_TEST_TMPDIR/x.json"
	[ "$(python3 "$CHECK" chrome "$BATS_TEST_TMPDIR/x.json" | jq '.slices["probes on"]')" = \
		"$(query 'SELECT count(*) FROM coverage')" ]
	text_untouched
}

@test "kill -9 at 20 random moments leaves a recording" {
	local i batches
	target_start "$ANY/pingpong"
	target_go
	for i in {1..20}; do
		FILE=$BATS_TEST_TMPDIR/killed$i.db
		tracer_start record -p "$TARGET_PID" -o "$FILE" -i 0.02 --timeline
		until_batches 1
		sleep "0.$((RANDOM % 30 + 10))"
		kill -KILL "$TRACER_PID"
		tracer_wait
		report top -f json >"$BATS_TEST_TMPDIR/killed.json" || fail "round $i: no report"
		[ "$(jq .target.pid "$BATS_TEST_TMPDIR/killed.json")" = "$TARGET_PID" ]
		batches=$(query 'SELECT count(*) FROM capture')
		[ "$batches" -ge 1 ] && [ "$batches" = "$(query 'SELECT max(batch) FROM capture')" ] ||
			fail "round $i: $batches batches"
		[ -z "$(query "SELECT value FROM meta WHERE key = 'ended'")" ]
		whole "$FILE"
	done
	text_untouched
}

@test "a full disk: one line, and what was recorded before is there" {
	local disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=6m tmpfs "$disk" || skip "no tmpfs"
	target_start "$ANY/pingpong"
	target_go
	run --separate-stderr timeout 100 "$CONCTRACE" record -p "$TARGET_PID" -o "$disk/x.db" -i 0.1 \
		-d 90 --timeline --max-overhead none
	[ "$status" = 1 ] || fail "status $status"
	clean_error
	[[ $stderr == *"no space left"* ]]
	"$CONCTRACE" report "$disk/x.db" -f json | jq -e '.total > 0'
	whole "$disk/x.db"
	[ "$(query 'SELECT count(*) > 0 FROM event' "$disk/x.db")" = 1 ]
	umount "$disk"
	text_untouched
}

@test "the process ends: the recording is complete until then" {
	target_start "$ANY/zoo"
	record_start
	target_quit
	tracer_wait
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	[ "$(query "SELECT value FROM meta WHERE key = 'ended'")" = "the process ended" ]
	report tasks -f json | jq -e '.total > 5'
}

@test "leaks of a recording: those that were seen live, and that the program knows of" {
	local format
	target_start "$ANY/leaks" -copies 2
	FILE=$BATS_TEST_TMPDIR/leaks.db
	for format in json text; do
		run --separate-stderr "$CONCTRACE" record -p "$TARGET_PID" -o "$FILE" -d 0.5 leaks -f $format
		[ "$status" = 3 ] || fail "$status: $stderr"
		printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/live"
		run --separate-stderr "$CONCTRACE" report "$FILE" leaks -f $format
		[ "$status" = 3 ] || fail "$status: $stderr"
		printf '%s\n' "$output" | diff "$BATS_TEST_TMPDIR/live" - || fail "$format: the report differs"
	done
	target_report "$TARGET_DIR/truth"
	report leaks -f json >"$BATS_TEST_TMPDIR/leaks" || true
	jq -e '(.cycles | length > 3) and ([.cycles[][]] - [.leaked[].goid] == [])' "$BATS_TEST_TMPDIR/leaks"
	jq -e --slurpfile truth "$TARGET_DIR/truth" '[$truth[0].cases[].leaks[]] as $stuck |
		[.leaked[].goid] as $found | ($found | length) > 100 and 
		($found - $stuck | length) <= ([$truth[0].cases[].extra] | add)' \
		"$BATS_TEST_TMPDIR/leaks"
	[ "$(query "SELECT count(*) FROM leak WHERE verdict = 'leaked' AND proof LIKE '%nothing alive%'")" -gt 100 ]
	report flame --of leaks | awk '{ n += $NF } END { print n }' >"$BATS_TEST_TMPDIR/folded"
	[ "$(cat "$BATS_TEST_TMPDIR/folded")" = "$(jq '.leaked | length' "$BATS_TEST_TMPDIR/leaks")" ]
	report flame --of leaks -o "$BATS_TEST_TMPDIR/leaks.pb.gz"
	gzip -t "$BATS_TEST_TMPDIR/leaks.pb.gz"
}

@test "leaks of a recording: none where something alive remains, and a clear line without a look" {
	target_start "$ANY/leaks" -fixed
	FILE=$BATS_TEST_TMPDIR/fixed.db
	"$CONCTRACE" record -q -p "$TARGET_PID" -o "$FILE" -d 0.5 --leaks
	report leaks -f json | jq -e '.leaked == [] and .scan.looks >= 1'
	"$CONCTRACE" record -q -p "$TARGET_PID" -o "$FILE" -d 0.5
	for view in leaks 'flame --of leaks'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr "$CONCTRACE" report "$FILE" $view
		[ "$status" = 1 ] || fail "status $status"
		clean_error
		[[ $stderr == *"no look at the heap"*"--leaks"* ]] || fail "$stderr"
	done
	target_quit
	target_start "$ANY/parked" -n 10 -heap 32
	"$CONCTRACE" record -p "$TARGET_PID" -o "$FILE" -d 0.5 --leaks --max-memory 16M 2>"$BATS_TEST_TMPDIR/said"
	grep -q 'leaked is not known: .*more than the 16 MiB allowed' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
	run --separate-stderr "$CONCTRACE" report "$FILE" leaks
	[ "$status" = 1 ] && clean_error
	[[ $stderr == *"more than the 16 MiB allowed"* ]] || fail "$stderr"
}

@test "a flight recording has leaks in its copies, also when older batches are gone" {
	local i copy
	target_start "$ANY/leaks"
	record_start --leaks --keep 1s
	until_batches 15
	kill -USR1 "$TRACER_PID"
	for i in {1..100}; do
		grep -q dumped "$TRACER_DIR/err" && break
		sleep 0.1
	done
	tracer_stop
	copy=$(sed -n 's/.*dumped to //p' "$TRACER_DIR/err")
	for FILE in "$copy" "$FILE"; do
		[ "$(query 'SELECT min(batch) > 1 FROM capture')" = 1 ]
		[ "$(report leaks -f json | jq '.leaked | length')" -gt 50 ]
		[ "$(report leaks --at 0 -f json | jq '.leaked | length')" -gt 50 ]
	done
}

@test "--at: the batch up to that time" {
	local time
	target_start "$ANY/spawn_storm"
	record_start
	target_go
	until_batches 5
	target_stop
	tracer_stop
	[ "$(report -f json --at 0 | jq .counts.spawned)" = 0 ]
	[ "$(report -f json | jq .counts.spawned)" -gt 0 ]
	[ "$(report -f json --at -0 | jq .counts.spawned)" = "$(report -f json | jq .counts.spawned)" ]
	# what a report says its time is finds it again
	time=$(report -f json --at 0.5 | jq -r .time)
	[ "$(report -f json --at "$time" | jq -r .time)" = "$time" ]
	run --separate-stderr "$CONCTRACE" report "$FILE" --at 2001-01-01T00:00:00Z
	[ "$status" = 1 ] && clean_error
	run --separate-stderr "$CONCTRACE" report "$FILE" --at yesterday
	[ "$status" = 2 ] && clean_error
}

@test "--keep and --max-size bound the file; SIGUSR1 makes a copy" {
	local size=0 now copy i
	target_start "$ANY/pingpong"
	target_go
	record_start --keep 2s --max-size 8M --timeline
	for i in {1..20}; do
		sleep 0.3
		now=$(stat -c %s "$FILE")
		[ "$now" -le "$size" ] || size=$now
	done
	[ "$size" -le $((8 << 20)) ] || fail "$size bytes"
	kill -USR1 "$TRACER_PID"
	for i in {1..100}; do
		grep -q dumped "$TRACER_DIR/err" && break
		sleep 0.1
	done
	tracer_stop
	copy=$(sed -n 's/.*dumped to //p' "$TRACER_DIR/err")
	whole "$copy"
	whole "$FILE"
	[ "$copy" != "$FILE" ]
	"$CONCTRACE" report "$copy" -f json | jq -e '.capture.events > 0'
	# old batches are gone, and the first that is there is where a reader can begin
	[ "$(query 'SELECT min(batch) > 1 FROM capture')" = 1 ]
	[ "$(query 'SELECT keyframe FROM capture ORDER BY batch LIMIT 1')" = 1 ]
	report -o "$BATS_TEST_TMPDIR/x.pftrace"
}

@test "--dump-when: a copy when the condition begins to hold, and none before" {
	local i
	target_start "$ANY/parked" -n 100
	record_start --keep 1m --dump-when 'goroutines>500'
	until_batches 4
	[ ! -s "$TRACER_DIR/err" ] || fail "$(cat "$TRACER_DIR/err")"
	tracer_stop
	target_quit
	target_start "$ANY/parked" -n 600
	record_start --keep 1m --dump-when 'goroutines>500'
	for i in {1..100}; do
		grep -q dumped "$TRACER_DIR/err" && break
		sleep 0.1
	done
	until_batches 6
	tracer_stop
	[ "$(grep -c 'condition holds.*dumped to' "$TRACER_DIR/err")" = 1 ] || fail "$(cat "$TRACER_DIR/err")"
	FILE=$(sed -n 's/.*dumped to //p' "$TRACER_DIR/err")
	[ "$(report tasks -f json | jq .total)" -gt 500 ]
}

@test "the documented schema: every table and view can be asked, and says what it is" {
	local table
	target_start "$ANY/counts"
	record_start --timeline
	target_go
	tracer_stop
	target_report "$TARGET_DIR/report"
	for table in $(query "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"); do
		query "SELECT * FROM $table LIMIT 3" >/dev/null || fail "$table"
	done
	for table in capture snapshot stack frame event task_log; do
		[ "$(query "SELECT count(*) > 0 FROM $table")" = 1 ] || fail "$table is empty"
		query ".schema $table" | grep -q -- '--' || fail "$table is not documented"
	done
	[ "$(query "SELECT sum(waits) FROM wait WHERE function = 'main.lockGlobal'")" = \
		"$(jq '.sites[] | select(.function == "main.lockGlobal") | .waits' "$TARGET_DIR/report")" ]
	[ "$(query "SELECT waits FROM lock WHERE symbol = 'main.globalMutex'")" = \
		"$(jq '.sites[] | select(.function == "main.lockGlobal") | .waits' "$TARGET_DIR/report")" ]
	[ "$(query "SELECT count(*) FROM task WHERE function = 'main.leakRecv' AND state = 'waiting'")" = 7 ]
	[ "$(query "SELECT count(*) FROM event_text WHERE function = 'main.waitForCond' AND type = 'wait'")" = \
		"$(jq '.sites[] | select(.function == "main.waitForCond") | .waits' "$TARGET_DIR/report")" ]
	[ "$(query "SELECT value FROM meta WHERE key = 'schema_version'")" = 4 ]
}

@test "--diff: what appeared, went and got slower; nothing against itself" {
	local before after
	target_start "$ANY/mutex_contention" -workers 2
	target_go
	record_start
	until_batches 8
	tracer_stop
	before=$FILE
	target_start "$ANY/mutex_contention" -workers 24
	target_go
	record_start
	until_batches 8
	tracer_stop
	after=$FILE
	"$CONCTRACE" report --diff "$before" "$after" -f json >"$BATS_TEST_TMPDIR/diff"
	jq -e '.schema == "conctrace.diff/1"' "$BATS_TEST_TMPDIR/diff"
	jq -e '[.goroutines[], .waits[], .locks[]]
		| any(.change == "slower" or .change == "more" or .change == "appeared")' "$BATS_TEST_TMPDIR/diff"
	"$CONCTRACE" report --diff "$before" "$after" | grep -q 'sync.Mutex'
	"$CONCTRACE" report --diff "$after" "$after" -f json |
		jq -e '[.goroutines[], .waits[], .locks[]] | length > 0 and all(.change == "same")'
}

@test "flame and waits of a recording" {
	target_start "$ANY/counts"
	record_start
	target_go
	tracer_stop
	report flame -o "$BATS_TEST_TMPDIR/x.folded"
	grep -q 'main.lockGlobal' "$BATS_TEST_TMPDIR/x.folded"
	report flame --of lock -f folded | grep -q 'main.globalMutex'
	report flame -o "$BATS_TEST_TMPDIR/x.svg"
	grep -q '</svg>' "$BATS_TEST_TMPDIR/x.svg"
	report flame --of block -o "$BATS_TEST_TMPDIR/x.pb.gz"
	gzip -t "$BATS_TEST_TMPDIR/x.pb.gz"
	report waits -f dot | grep -q digraph
}

@test "what is no recording is refused in one line" {
	local file=$BATS_TEST_TMPDIR/other
	refused() {
		run --separate-stderr "$CONCTRACE" report "$file"
		[ "$status" = 1 ] || fail "status $status"
		clean_error
		[[ $stderr == *"$1"* ]] || fail "$stderr"
	}
	refused "No such file"
	printf 'hello' >"$file"
	refused "no recording"
	rm "$file"
	query 'CREATE TABLE a (b)' "$file"
	refused "no recording"
	# nor is it written over
	run --separate-stderr "$CONCTRACE" record -p $$ -o "$file" --no-probes
	[ "$status" = 1 ] && [ "$(query 'SELECT count(*) FROM a' "$file")" = 0 ]
	rm "$file"
	target_start "$ANY/zoo"
	record_start
	tracer_stop
	cp "$FILE" "$file"
	query 'PRAGMA user_version = 99' "$file"
	refused "schema version 99"
	head -c 20000 "$FILE" >"$file"
	refused "damaged"
}

@test "wrong usage of record and report: status 2 and one line" {
	usage() {
		run --separate-stderr "$CONCTRACE" "$@"
		[ "$status" = 2 ] || fail "$*: status $status"
		clean_error
	}
	usage record -p 1
	usage record -p 1 -o x --keep forever
	usage record -p 1 -o x --max-size 3
	usage record -p 1 -o x --dump-when 'goroutines>5'
	usage record -p 1 -o x --keep 1m --dump-when 'cows>5'
	usage record -p 1 -o x nonsense
	usage report
	usage report x nonsense
	usage report x top more
	usage report --diff x
	usage tasks -p 1 --keep 5m
}
