#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What scripts depend on: exit status, the one line of an error, help, formats and keys.

load helpers

COMMANDS="top tasks stacks locks chans ls doctor"

setup() {
	[ -x "$CONCTRACE" ] || fail "no $CONCTRACE: run make first"
}

# usage_error ARGUMENT...: status 2 and one line.
usage_error() {
	run --separate-stderr "$CONCTRACE" "$@"
	[ "$status" = 2 ] || fail "$*: status $status: $output $stderr"
	clean_error
}

# failure WORDS ARGUMENT...: status 1 and one line that has the words.
failure() {
	local words=$1
	shift
	run --separate-stderr "$CONCTRACE" "$@"
	[ "$status" = 1 ] || fail "$*: status $status: $output $stderr"
	clean_error
	[[ ${stderr,,} == *"${words,,}"* ]] || fail "no \"$words\" in: $stderr"
	[[ $stderr =~ ^'conctrace: '.+': '.+'; '.+ ]] || fail "not WHAT: WHY; WHAT TO DO: $stderr"
}

@test "--version" {
	run --separate-stderr "$CONCTRACE" --version
	[ "$status" = 0 ]
	[[ $output =~ ^conctrace\ [0-9]+\.[0-9]+ ]]
	[ -z "$stderr" ]
}

@test "--help of the tool names every command" {
	run --separate-stderr "$CONCTRACE" --help
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	local command
	for command in $COMMANDS; do
		[[ $output == *"$command"* ]] || fail "no $command"
	done
}

@test "--help of every command, with an example" {
	local command
	for command in $COMMANDS; do
		run --separate-stderr "$CONCTRACE" "$command" --help
		[ "$status" = 0 ] || fail "$command: status $status"
		[[ ${output,,} == *usage* ]] || fail "$command: no usage"
		[[ ${output,,} == *example* ]] || fail "$command: no example"
		[ -z "$stderr" ]
	done
}

@test "wrong usage: status 2 and one line" {
	usage_error frobnicate
	usage_error --frobnicate
	usage_error top
	usage_error top -p
	usage_error top -p abc
	usage_error top -p 0
	usage_error top -p -5
	usage_error top -p 99999999999999999999
	usage_error top -p 1x
	usage_error top -p 1 -n init
	usage_error top -p 1 -f bogus
	usage_error top -p 1 -d -1
	usage_error top -p 1 -d x
	usage_error top -p 1 -i 0
	usage_error top -p 1 -i -1
	usage_error top -p 1 --max-overhead lots
	usage_error top -p 1 --max-overhead -3
	usage_error top -p 1 --max-tasks 0
	usage_error tasks -p 1 --from nowhere
	usage_error top -p 1 surplus
	usage_error ls surplus
}

@test "no such process" {
	local gone
	true &
	gone=$!
	wait "$gone"
	failure "$gone" top -d 1 -p "$gone"
	failure "$gone" tasks -p "$gone"
	failure "$gone" locks -d 1 -p "$gone"
	failure "$gone" doctor -p "$gone"
	failure "no-such-program" top -d 1 -n no-such-program
}

@test "a thread's id: the process is named" {
	need_root
	target_start "$ANY/zoo"
	local thread
	thread=$(find "/proc/$TARGET_PID/task" -mindepth 1 -maxdepth 1 -printf '%f\n' |
		grep -vx "$TARGET_PID" | head -n 1)
	failure "$TARGET_PID" top -d 1 -p "$thread"
	[[ $stderr == *thread* ]]
}

@test "not a Go program" {
	need_root
	tail -f /dev/null 3>&- &
	STARTED+=("$!")
	failure "go" top -d 1 -p "$!"
	failure "go" tasks -p "$!"
}

@test "a kernel thread" {
	need_root
	local kthread
	kthread=$(pgrep -x kthreadd) || skip "no kernel threads in sight"
	run --separate-stderr "$CONCTRACE" top -d 1 -p "$kthread"
	[ "$status" = 1 ]
	clean_error
}

@test "conctrace itself, and the shell" {
	need_root
	failure "go" tasks -p $$
}

@test "no privilege: the missing capability is named" {
	need_root
	target_start "$ANY/zoo"
	# A copy that nobody may execute; the test's directory may be closed to others.
	local dir
	dir=$(mktemp -d /tmp/conctrace-test.XXXXXX)
	chmod 755 "$dir"
	cp "$CONCTRACE" "$dir/conctrace"
	local command
	for command in "top -d 1" "locks -d 1" "tasks"; do
		run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
			--bounding-set=-all "$dir/conctrace" $command -p "$TARGET_PID"
		[ "$status" = 1 ] || fail "$command: status $status: $output $stderr"
		clean_error
		[[ $stderr == *CAP_* ]] || fail "$command: no capability in: $stderr"
	done
	rm -r "$dir"
}

# altered PROGRAM OFFSET BYTES: a copy with some bytes changed, started.
altered() {
	cp "$1" "$BATS_TEST_TMPDIR/altered"
	printf "$3" | dd of="$BATS_TEST_TMPDIR/altered" bs=1 seek="$2" conv=notrunc status=none
	target_start "$BATS_TEST_TMPDIR/altered"
}

# survives: conctrace has a result or an error of one line, and never dies of it.
survives() {
	local command
	for command in "tasks -f json" "locks -f json -d 0.2" "top -f json -d 1" "doctor"; do
		run --separate-stderr timeout 60 "$CONCTRACE" $command -p "$TARGET_PID"
		case $status in
		0) [ -n "$output" ] ;;
		1) [ "${#stderr_lines[@]}" = 1 ] ;;
		*) fail "$1, $command: status $status: $stderr" ;;
		esac
	done
	text_untouched
}

@test "ELF without a section table, with a wrong one, with a huge one" {
	need_root
	# e_shoff is at 40, e_shentsize at 58, e_shnum at 60, e_shstrndx at 62.
	altered "$ANY/stripped/counts" 40 '\0\0\0\0\0\0\0\0'
	survives "no sections"
	target_quit
	altered "$ANY/stripped/counts" 40 '\377\377\377\377\377\377\377\177'
	survives "section table far away"
	target_quit
	altered "$ANY/stripped/counts" 60 '\377\377\377\377'
	survives "too many sections"
	target_quit
	altered "$ANY/stripped/counts" 40 '\1\0\0\0\0\0\0\0'
	survives "section table inside the header"
	target_quit
}

@test "a truncated ELF file: what is behind the code is gone" {
	need_root
	local size kept=0 type offset address filesz rest
	size=$(stat -c %s "$ANY/counts")
	# Half of a program with DWARF is more than what is loaded.
	while read -r type offset address _ filesz rest; do
		[ "$type" != LOAD ] || kept=$((offset + filesz > kept ? offset + filesz : kept))
	done < <(readelf -lW "$ANY/counts")
	[ "$kept" -lt "$size" ] || skip "nothing to cut off"
	head -c "$kept" "$ANY/counts" >"$BATS_TEST_TMPDIR/cut"
	chmod +x "$BATS_TEST_TMPDIR/cut"
	target_start "$BATS_TEST_TMPDIR/cut"
	survives "truncated"
	target_quit
}

@test "build info is gone" {
	need_root
	local at
	at=$(grep -abo 'Go buildinf:' "$ANY/stripped/counts" | head -n 1 | cut -d : -f 1)
	altered "$ANY/stripped/counts" "$at" 'xxxxxxxxxxxx'
	survives "no build info"
	target_quit
}

@test "a process that is not Go and pretends to be: lists without end, lengths without sense" {
	need_root
	command -v gcc >/dev/null || skip "no gcc"
	local length command
	objcopy -O binary --only-section=.gopclntab "$ANY/stripped/counts" "$BATS_TEST_TMPDIR/table"
	objcopy -O binary --only-section=.go.buildinfo "$ANY/stripped/counts" "$BATS_TEST_TMPDIR/info"
	gcc -O -pie -Wa,-I"$BATS_TEST_TMPDIR" -o "$BATS_TEST_TMPDIR/impostor" \
		"$BATS_TEST_DIRNAME/impostor.c"
	for length in 0x7fffffffffffffff 1000000 60000 1 0; do
		target_start "$BATS_TEST_TMPDIR/impostor" "$length"
		for command in "tasks" "stacks" "top -d 1"; do
			run --separate-stderr timeout 20 prlimit --data=200000000 \
				"$CONCTRACE" $command -p "$TARGET_PID"
			[ "$status" = 1 ] || fail "$length: status $status: $output $stderr"
			clean_error
		done
		kill "$TARGET_PID"
	done
}

@test "an executable of 3 GB: what is mapped is read, and nothing else" {
	need_root
	cp "$ANY/counts" "$BATS_TEST_TMPDIR/huge"
	truncate -s 3G "$BATS_TEST_TMPDIR/huge"
	target_start "$BATS_TEST_TMPDIR/huge"
	run --separate-stderr timeout 20 prlimit --data=200000000 \
		"$CONCTRACE" tasks -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	jq -e '.total > 0' <<<"$output"
	target_quit
}

@test "a core of 3 GB is no process: status 2" {
	truncate -s 3G "$BATS_TEST_TMPDIR/core"
	run --separate-stderr timeout 20 "$CONCTRACE" tasks -p "$BATS_TEST_TMPDIR/core"
	[ "$status" = 2 ]
	clean_error
}

@test "torn goroutines are counted, and the count is shown" {
	need_root
	local torn=0 try
	target_start "$ANY/churn" -n 10000
	target_go
	for try in $(seq 20); do
		run --separate-stderr "$CONCTRACE" tasks -f json -p "$TARGET_PID"
		[ "$status" = 0 ] || fail "$stderr"
		torn=$((torn + $(jq .capture.torn <<<"$output")))
		[ "$torn" = 0 ] || break
	done
	[ "$torn" -gt 0 ] || fail "none torn in 20 snapshots of 10,000 goroutines that run"
	run --separate-stderr "$CONCTRACE" tasks -p "$TARGET_PID"
	[[ $output == *" torn"* ]]
	target_quit
}

@test "ls lists Go processes with version and executable" {
	need_root
	target_start "$ANY/zoo"
	run --separate-stderr "$CONCTRACE" ls
	[ "$status" = 0 ]
	[[ $output == *"$TARGET_PID"* ]]
	run --separate-stderr "$CONCTRACE" ls -f json
	[ "$status" = 0 ]
	jq -e --argjson pid "$TARGET_PID" '.schema == "conctrace.ls/1" and
		any(.. | objects; .pid? == $pid and (.go_version? | startswith("go1.")))' <<<"$output"
}

@test "-n finds a process by its name; several are an error that lists them" {
	need_root
	cp "$ANY/zoo" "$BATS_TEST_TMPDIR/zoo_alone"
	target_start "$BATS_TEST_TMPDIR/zoo_alone"
	run --separate-stderr "$CONCTRACE" tasks -f json -n zoo_alone
	[ "$status" = 0 ] || fail "$stderr"
	[ "$(jq .target.pid <<<"$output")" = "$TARGET_PID" ]
	local first=$TARGET_PID
	target_start "$BATS_TEST_TMPDIR/zoo_alone"
	run --separate-stderr "$CONCTRACE" tasks -f json -n zoo_alone
	[ "$status" != 0 ]
	clean_error
	[[ $stderr == *"$first"* && $stderr == *"$TARGET_PID"* ]]
}

@test "doctor: of the host and of a target" {
	need_root
	run --separate-stderr "$CONCTRACE" doctor
	[ "$status" = 0 ] || fail "$stderr"
	target_start "$ANY/stripped/zoo"
	run --separate-stderr "$CONCTRACE" doctor -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	[[ $output == *runtime.gopark* ]]
	run --separate-stderr "$CONCTRACE" doctor -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$stderr"
	jq -e '.schema == "conctrace.doctor/1"' <<<"$output"
	text_untouched
}

# keys FILTER: the document in $output has them.
keys() {
	jq -e "$1" <<<"$output" >/dev/null || fail "$1 does not hold: $(head -c 2000 <<<"$output")"
}

document_head() {
	[ "$status" = 0 ] || fail "$stderr"
	keys ".schema == \"conctrace.$1/1\""
	keys '.time | fromdateiso8601? // (sub("\\.[0-9]+"; "") | sub("[+-][0-9:]{5,6}$"; "Z") | fromdateiso8601)'
	keys "(.target.pid == $TARGET_PID) and (.target.exe | endswith(\"/zoo\"))"
	keys '.target | (.go_version | startswith("go1.")) and (has("stripped") and has("pie") and has("cgo"))'
	keys '.target.gomaxprocs | type == "number"'
	keys '.capture | has("mode") and has("duration_ns") and has("events") and has("lost") and
		has("windows_share") and has("overhead_pct") and has("snapshot_ns") and has("torn")'
}

@test "JSON: the documents' keys" {
	need_root
	target_start "$ANY/zoo"
	run --separate-stderr "$CONCTRACE" tasks -f json -p "$TARGET_PID"
	document_head tasks
	keys '.total >= 35 and (.by_state | type == "object")'
	keys '.groups | length > 20 and all(has("count") and has("state") and has("wait_reason") and
		has("created_by") and has("stack") and has("goids"))'
	keys '([.groups[].count] | add) == ([.groups[].goids | length] | add)'
	run --separate-stderr "$CONCTRACE" tasks --all -f json -p "$TARGET_PID"
	document_head tasks
	keys '.total == (.tasks | length)'
	keys '.tasks | all(has("goid") and has("state") and has("wait_reason") and has("waiting_on") and
		has("wait_ns") and has("wait_is_lower_bound") and has("created_by") and
		has("start_function") and has("labels") and has("stack"))'
	run --separate-stderr "$CONCTRACE" locks -f json -d 0.3 -p "$TARGET_PID"
	document_head locks
	keys '.locks | all(has("addr") and has("kind") and has("symbol") and has("waiters") and
		has("holder") and has("waits") and has("wait_ns_total") and has("wait_ns_max") and
		has("hist_log2_ns") and has("starving") and has("sites"))'
	run --separate-stderr "$CONCTRACE" chans -f json -d 0.3 -p "$TARGET_PID"
	document_head chans
	keys '.channels | all(has("addr") and has("cap") and has("len") and has("closed") and
		has("senders_waiting") and has("receivers_waiting") and has("sends") and has("recvs") and
		has("send_wait_ns") and has("recv_wait_ns") and has("sites"))'
	run --separate-stderr "$CONCTRACE" top -f json -d 1 -i 1 -p "$TARGET_PID"
	output=${lines[-1]}
	document_head top
	keys '.rates | has("spawn") and has("exit") and has("park") and has("ready")'
	keys '.counts | has("spawned") and has("exited") and has("parks") and has("readies")'
	keys 'has("by_state") and has("sites") and has("locks") and has("channels") and has("spawns")'
	text_untouched
}

@test "text: no escape sequences when stdout is not a terminal, and nothing but the result" {
	need_root
	target_start "$ANY/zoo"
	local command
	for command in "tasks" "locks -d 0.3" "chans -d 0.3" "top -d 1" "ls" "doctor -p $TARGET_PID"; do
		[[ $command == ls || $command == doctor* ]] || command+=" -p $TARGET_PID"
		run --separate-stderr "$CONCTRACE" $command
		[ "$status" = 0 ] || fail "$command: $stderr"
		[ -n "$output" ] || fail "$command: no output"
		[[ $output != *$'\e'* ]] || fail "$command: escape sequences"
		[ -z "$stderr" ] || fail "$command: stderr: $stderr"
	done
}

@test "top: lines fit the terminal's width" {
	need_root
	target_start "$ANY/demo_service" -load 16
	target_go
	local columns widest
	for columns in 80 120; do
		run --separate-stderr env COLUMNS=$columns "$CONCTRACE" top -d 1 -p "$TARGET_PID"
		[ "$status" = 0 ]
		widest=$(wc -L <<<"$output")
		[ "$widest" -le "$columns" ] || fail "$widest columns in $columns"
	done
}

@test "-o writes the file at once or not at all" {
	need_root
	target_start "$ANY/zoo"
	run --separate-stderr "$CONCTRACE" tasks -f json -p "$TARGET_PID" -o "$BATS_TEST_TMPDIR/tasks.json"
	[ "$status" = 0 ]
	[ -z "$output" ]
	documents "$BATS_TEST_TMPDIR/tasks.json"
	[ "$(find "$BATS_TEST_TMPDIR" -name '*tasks*' | wc -l)" = 1 ]
	failure "" tasks -f json -p "$TARGET_PID" -o "$BATS_TEST_TMPDIR/no/such/dir/x.json"
}

@test "a full disk is an error" {
	need_root
	target_start "$ANY/zoo" -copies 20
	run bash -c '"$1" tasks --all -f json -p "$2" >/dev/full' sh "$CONCTRACE" "$TARGET_PID"
	[ "$status" = 1 ]
	[[ $output == "conctrace: "* ]]
}

@test "a reader that goes away ends it quietly" {
	need_root
	target_start "$ANY/zoo" -copies 20
	run bash -o pipefail -c '"$1" top -f json -i 0.2 -p "$2" | head -n 1 >/dev/null; exit "${PIPESTATUS[0]}"' \
		sh "$CONCTRACE" "$TARGET_PID"
	[ "$status" = 0 ] || [ "$status" = 141 ] || fail "status $status: $output"
	[ -z "$output" ]
	text_untouched
}

@test "no command means top" {
	need_root
	target_start "$ANY/zoo"
	run --separate-stderr "$CONCTRACE" -p "$TARGET_PID" -f json -d 1 -i 1
	[ "$status" = 0 ]
	output=${lines[0]}
	keys '.schema == "conctrace.top/1"'
}
