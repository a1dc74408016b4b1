#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whatever happens to the target or to conctrace, the target goes on as if nothing had been there.

load helpers

setup() {
	need_root
}

# breakpoints: how many bytes of the target's code differ from the file now.
breakpoints() {
	"$TEXTCMP" "$TARGET_PID"
}

# fine: conctrace ended as it should, with a table.
fine() {
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	documents "$TRACER_DIR/out"
}

@test "attached, the code has breakpoints; detached, it is the file's" {
	target_start "$ANY/churn" -n 500
	target_go
	text_untouched
	top_start
	[ "$(breakpoints)" -gt 0 ]
	tracer_stop
	fine
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "goroutines with moving stacks keep their values" {
	# churn checks every stack slot and ends with 1 when one is wrong.
	target_start "$ANY/churn"
	target_go
	local i
	for i in 1 2 3; do
		top_start
		target_expect '^ops/s='
		tracer_stop
		fine
		target_expect '^ops/s='
	done
	target_quit
	[ "$TARGET_STATUS" = 0 ] || fail "$(cat "$TARGET_DIR/err")"
	[ ! -s "$TARGET_DIR/err" ]
}

@test "output and exit status are those of an untraced run" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send "exit 7"
	target_wait
	tracer_wait
	[ "$TARGET_STATUS" = 7 ]
	[ ! -s "$TARGET_DIR/err" ]
	[ "$(cat "$TARGET_DIR/log")" = "ready pid=$TARGET_PID"$'\n'started ]
	fine
}

@test "the target is killed: a final table and status 0" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send kill
	target_wait
	[ "$TARGET_STATUS" = 137 ]
	tracer_wait
	fine
	grep -q exited "$TRACER_DIR/err"
}

@test "the target panics: its message and status are its own" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send panic
	target_wait
	[ "$TARGET_STATUS" = 2 ]
	grep -q '^panic: on command' "$TARGET_DIR/err"
	tracer_wait
	fine
}

@test "a fatal error of the runtime is the target's own" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send fatal
	target_wait
	[ "$TARGET_STATUS" = 2 ]
	grep -q 'concurrent map writes' "$TARGET_DIR/err"
	tracer_wait
	fine
}

@test "locks: the target is killed before the time is over" {
	target_start "$ANY/exec_fork"
	target_go
	tracer_start locks -f json -d 120 --max-overhead none -p "$TARGET_PID"
	attached
	target_send kill
	target_wait
	tracer_wait
	fine
}

@test "the target executes itself anew: a final table, and the new program runs" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send exec
	target_expect '^ready '
	target_go
	tracer_wait
	fine
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "the target becomes another program" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	target_send "become true"
	target_wait
	[ "$TARGET_STATUS" = 0 ]
	tracer_wait
	fine
}

@test "children are forked and executed while probes are on" {
	target_start "$ANY/exec_fork"
	target_go
	top_start
	local i
	target_send "children 10"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		target_expect '^child status='
		[ "$LINE" = "child status=3" ]
	done
	tracer_stop
	fine
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a stopped target: attach, detach, and it goes on" {
	target_start "$ANY/pingpong"
	target_go
	top_start
	kill -STOP "$TARGET_PID"
	tracer_lines 3
	tracer_stop
	fine
	text_untouched
	# And from the start.
	tracer_start top -f json -i 1 --max-overhead none -p "$TARGET_PID"
	tracer_lines 1
	tracer_stop
	fine
	text_untouched
	kill -CONT "$TARGET_PID"
	target_expect '^ops/s='
	target_expect '^ops/s='
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a debugger attaches and detaches meanwhile" {
	command -v gdb >/dev/null || skip "no gdb"
	target_start "$ANY/pingpong"
	target_go
	top_start
	timeout 60 gdb -nx -batch -iex 'set auto-load off' -p "$TARGET_PID" -ex 'thread apply all bt 1' \
		-ex detach >"$TRACER_DIR/gdb" 2>&1 3>&-
	target_expect '^ops/s='
	tracer_lines 3
	tracer_stop
	fine
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a debugger is there first: it stays, sees no trap, and the counts are right" {
	target_start "$ANY/counts"
	mkfifo "$TARGET_DIR/debugger.in"
	"$BATS_TEST_DIRNAME/ptracer.py" "$TARGET_PID" <"$TARGET_DIR/debugger.in" \
		>"$TARGET_DIR/debugger" 2>&1 3>&- &
	local debugger=$!
	STARTED+=("$debugger")
	exec {DEBUGGER_IN}>"$TARGET_DIR/debugger.in"
	timeout 60 tail -n +1 -F "$TARGET_DIR/debugger" 2>/dev/null | grep -q -m 1 '^attached$'
	top_start
	target_go
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	target_report "$TARGET_DIR/report"
	last_line "$TRACER_DIR/out" >"$TRACER_DIR/last"
	[ "$(jq .counts.spawned "$TRACER_DIR/last")" = "$(jq .counts.spawned "$TARGET_DIR/report")" ]
	[ "$(jq .capture.lost "$TRACER_DIR/last")" = 0 ]
	exec {DEBUGGER_IN}>&-
	wait "$debugger"
	[ "$(tail -n 1 "$TARGET_DIR/debugger")" = "traps 0" ] || fail "$(cat "$TARGET_DIR/debugger")"
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "two conctrace at once: both see it, and the first to go does not harm the other" {
	target_start "$ANY/pingpong"
	target_go
	top_start
	local first=$TRACER_PID first_dir=$TRACER_DIR
	top_start
	kill -INT "$first"
	wait "$first"
	documents "$first_dir/out"
	[ "$(breakpoints)" -gt 0 ]
	local before
	before=$(last_line "$TRACER_DIR/out" | jq .counts.parks)
	tracer_lines 4
	tracer_stop
	fine
	[ "$(last_line "$TRACER_DIR/out" | jq .counts.parks)" -gt "$before" ]
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "two conctrace at once count the same" {
	target_start "$ANY/counts"
	top_start
	local first=$TRACER_PID first_dir=$TRACER_DIR
	top_start
	target_go
	kill -INT "$first"
	wait "$first"
	tracer_stop
	local what='[.counts.spawned, .counts.exited,
		([.sites[] | select(.frame.function | startswith("main.")) | .waits] | add)]'
	[ "$(last_line "$first_dir/out" | jq -c "$what")" = "$(last_line "$TRACER_DIR/out" | jq -c "$what")" ]
	target_quit
}

@test "thirty times attached under load: nothing is left behind" {
	target_start "$ANY/churn" -n 1000
	target_go
	local before after i
	before=$(bpf_objects)
	for i in $(seq 30); do
		"$CONCTRACE" locks -f json -d 0.1 --max-overhead none -p "$TARGET_PID" \
			>"$TARGET_DIR/out" 2>"$TARGET_DIR/tracer.err" || fail "$i: $(cat "$TARGET_DIR/tracer.err")"
	done
	after=$(bpf_objects)
	[ "$before" = "$after" ] || fail "programs, links, uprobe events: $before before, $after after"
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "conctrace is killed outright: the kernel removes everything" {
	local before after
	target_start "$ANY/pingpong"
	target_go
	before=$(bpf_objects)
	top_start
	kill -KILL "$TRACER_PID"
	wait "$TRACER_PID" || [ $? = 137 ]
	"$TEXTCMP" -wait -none "$TARGET_PID"
	# It takes its time: a program goes once no CPU can be in it any more.
	local deadline=$((SECONDS + 30))
	while after=$(bpf_objects); [ "$before" != "$after" ] && [ "$SECONDS" -lt "$deadline" ]; do
		sleep 0.1
	done
	[ "$before" = "$after" ] || fail "programs, links, uprobe events: $before before, $after after"
	target_expect '^ops/s='
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "every signal that ends a program ends conctrace with a table" {
	target_start "$ANY/pingpong"
	target_go
	local signal
	for signal in INT TERM HUP; do
		top_start
		kill "-$signal" "$TRACER_PID"
		tracer_wait
		fine
		text_untouched
	done
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a program below C code: cgo" {
	[ -x "$ANY/zoo_cgo" ] || skip "no C compiler for Go"
	target_start "$ANY/zoo_cgo"
	target_go
	top_start
	target_expect '^ops/s='
	tracer_lines 2
	tracer_stop
	fine
	text_untouched
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "its file is deleted, or replaced by another" {
	cp "$ANY/pingpong" "$BATS_TEST_TMPDIR/service"
	target_start "$BATS_TEST_TMPDIR/service"
	target_go
	rm "$BATS_TEST_TMPDIR/service"
	top_start
	tracer_stop
	fine
	cp "$(type -P true)" "$BATS_TEST_TMPDIR/service"
	top_start
	tracer_stop
	fine
	[ "$(last_line "$TRACER_DIR/out" | jq .counts.parks)" -gt 0 ]
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a container: other mount and PID namespaces" {
	unshare --mount --pid --fork true 2>/dev/null || skip "no namespaces here"
	# The program is on a file system that only its namespace has. unshare is the parent.
	target_start unshare --mount --pid --fork --kill-child --mount-proc sh -c '
		mount -t tmpfs none /mnt && cp "$1" /mnt/service && exec /mnt/service' sh "$ANY/pingpong"
	target_go
	local inside
	inside=$(pgrep -P "$TARGET_PID")
	tracer_start top -f json -i 1 --max-overhead none -p "$inside"
	tracer_lines 2
	tracer_stop
	fine
	[ "$(last_line "$TRACER_DIR/out" | jq .counts.parks)" -gt 0 ]
	[ "$(last_line "$TRACER_DIR/out" | jq .target.pid)" = "$inside" ]
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}

@test "a million events a second cost the target little more than its traps" {
	# Not a benchmark: it must go on, and the numbers must be whole.
	target_start "$ANY/pingpong"
	target_go
	top_start
	tracer_lines 4
	tracer_stop
	fine
	last_line "$TRACER_DIR/out" | jq -e '.capture.lost == 0 and .counts.parks > 100000'
	target_quit
	[ "$TARGET_STATUS" = 0 ]
}
