# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the end-to-end tests share. A target obeys the protocol of tests/targets/internal/ctl; it is
# always waited for by what it says, never by a time.

# shellcheck disable=SC2034,SC2154 # used by the tests; set by bats

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
CONCTRACE=${CONCTRACE:-$ROOT/build/conctrace}
TARGETS=${TARGETS:-$ROOT/build/targets}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180}

# The programs of one Go version are enough where the version does not matter.
ANY=$TARGETS/1.24
[ -d "$ANY" ] || ANY=$(printf '%s\n' "$TARGETS"/1.* | sort -V | tail -n 1)
TEXTCMP=$ANY/textcmp

STARTED=()

fail() {
	echo "$*" >&2
	return 1
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x "$CONCTRACE" ] || fail "no $CONCTRACE: run make first"
}

teardown() {
	local pid
	for pid in "${STARTED[@]}"; do
		kill -CONT "$pid" 2>/dev/null || true
		kill -KILL "$pid" 2>/dev/null || true
		# not for all children: one of them is the clock of the test's own time limit
		wait "$pid" 2>/dev/null || true
	done
}

# target_start PROGRAM [ARGUMENT...]: returns when it is ready. Sets TARGET_PID, TARGET_DIR (its
# output is in log and err there), TARGET_IN and TARGET_OUT (file descriptors).
target_start() {
	TARGET_DIR=$(mktemp -d "$BATS_TEST_TMPDIR/target.XXXXXX")
	mkfifo "$TARGET_DIR/in" "$TARGET_DIR/out"
	"$@" <"$TARGET_DIR/in" >"$TARGET_DIR/out" 2>"$TARGET_DIR/err" 3>&- &
	TARGET_PID=$!
	STARTED+=("$TARGET_PID")
	exec {TARGET_IN}>"$TARGET_DIR/in" {TARGET_OUT}<"$TARGET_DIR/out"
	target_expect '^ready '
}

# target_expect REGEX [SECONDS]: reads on until a line matches, which is then in LINE.
target_expect() {
	while IFS= read -r -t "${2:-60}" -u "$TARGET_OUT" LINE; do
		printf '%s\n' "$LINE" >>"$TARGET_DIR/log"
		[[ $LINE =~ $1 ]] && return 0
	done
	fail "the target did not say $1; $(cat "$TARGET_DIR/err")"
}

target_send() {
	printf '%s\n' "$1" >&"$TARGET_IN"
}

# target_go: runs the measured phase, returns when it is over (or, an endless one, under way).
target_go() {
	target_send go
	target_expect '^(done|started)$'
}

# target_stop: ends an endless phase.
target_stop() {
	target_send stop
	target_expect '^stopped$'
}

# target_report FILE
target_report() {
	target_send report
	target_expect '^\{'
	printf '%s\n' "$LINE" >"$1"
}

# target_quit: TARGET_STATUS is its exit status.
target_quit() {
	target_send quit
	target_expect '^bye$'
	target_wait
}

target_wait() {
	TARGET_STATUS=0
	wait "$TARGET_PID" || TARGET_STATUS=$?
}

# tracer_start ARGUMENT...: starts conctrace in the background. Sets TRACER_PID and TRACER_DIR (out,
# err).
tracer_start() {
	TRACER_DIR=$(mktemp -d "$BATS_TEST_TMPDIR/tracer.XXXXXX")
	"$CONCTRACE" "$@" >"$TRACER_DIR/out" 2>"$TRACER_DIR/err" 3>&- &
	TRACER_PID=$!
	STARTED+=("$TRACER_PID")
}

# tracer_lines N: returns when top has printed so many lines of JSON, so that it is attached.
tracer_lines() {
	local lines
	lines=$(timeout 60 tail -n +1 -F --pid="$TRACER_PID" "$TRACER_DIR/out" 2>/dev/null |
		head -n "$1" | wc -l)
	[ "$lines" = "$1" ] || fail "conctrace printed $lines lines: $(cat "$TRACER_DIR/err")"
}

# top_start [ARGUMENT...]: top on TARGET_PID with every event, attached when this returns.
top_start() {
	tracer_start top -f json -i 1 --max-overhead none -p "$TARGET_PID" "$@"
	tracer_lines 1
}

# tracer_stop: ends it as a user does. TRACER_STATUS is its exit status.
tracer_stop() {
	kill -INT "$TRACER_PID"
	tracer_wait
}

tracer_wait() {
	TRACER_STATUS=0
	wait "$TRACER_PID" || TRACER_STATUS=$?
}

# attached: returns once breakpoints are in the target; for commands that print at the end only.
attached() {
	"$TEXTCMP" -wait "$TARGET_PID" >/dev/null || fail "no breakpoint: $(cat "$TRACER_DIR/err")"
}

# text_untouched: the target's code is that of the file, now.
text_untouched() {
	local differ
	differ=$("$TEXTCMP" "${1:-$TARGET_PID}")
	[ "$differ" = 0 ] || fail "$differ bytes of code differ from the file"
}

# last_line FILE: the last document of top, as long as it is whole.
last_line() {
	tail -n 1 "$1"
}

# clean_error: after `run --separate-stderr`: nothing on stdout, one line in the house's form.
clean_error() {
	[ -z "$output" ] || fail "stdout has: $output"
	[ "${#stderr_lines[@]}" = 1 ] || fail "stderr has ${#stderr_lines[@]} lines: $stderr"
	[[ $stderr == "conctrace: "* ]] || fail "stderr: $stderr"
}

# documents FILE: all lines are JSON.
documents() {
	jq -e . "$1" >/dev/null || fail "not JSON: $(head -c 300 "$1")"
}

# What BPF leaves behind: names of programs and number of links of this machine.
bpf_objects() {
	local tool
	for tool in "$(command -v bpftool)" "$ROOT"/build/deps/bpftool/usr/sbin/bpftool; do
		[ -x "$tool" ] || continue
		{
			"$tool" prog show | grep -c '^[0-9]'
			"$tool" link show | grep -c '^[0-9]'
			cat /sys/kernel/tracing/uprobe_events /sys/kernel/debug/tracing/uprobe_events \
				2>/dev/null | wc -l
		} | tr '\n' ' '
		return
	done
	skip "no bpftool"
}
