#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `stacks` prints what Go's own dump (goroutine?debug=2) of the same quiet process says: every
# goroutine, its state, every frame with arguments, file, line and offset, and what created it. For every Go
# version, as built, stripped, and position independent.

load helpers

setup() {
	need_root
	command -v python3 >/dev/null || skip "no python3"
	command -v curl >/dev/null || skip "no curl"
}

go_dump() {
	python3 "$BATS_TEST_DIRNAME/go_dump.py" "$@"
}

# same PROGRAM [ARGUMENT...]: of a program that is at rest.
same() {
	local url differ
	[ -x "$1" ] || fail "no $1: run make targets"
	# a stack that moves between the two dumps has other addresses in its arguments
	GODEBUG=gcshrinkstackoff=1 target_start "$@" -http 127.0.0.1:0
	url=$(sed -n 's/^pprof //p' "$TARGET_DIR/log")
	"$CONCTRACE" stacks -p "$TARGET_PID" >"$TARGET_DIR/ours" || fail "$1: no dump"
	curl -sS -H 'Connection: close' "${url}goroutine?debug=2" >"$TARGET_DIR/gos" ||
		fail "$1: no dump of its own"
	go_dump check "$TARGET_DIR/ours" >"$TARGET_DIR/count" || fail "$1: malformed"
	differ=$(go_dump diff "$TARGET_DIR/ours" "$TARGET_DIR/gos") || fail "$1: $differ"
	target_quit
}

version() {
	local dir=$TARGETS/$1 variant
	[ -x "$dir/zoo" ] || skip "no Go $1"
	for variant in . stripped pie; do
		same "$dir/$variant/zoo" -copies 2
		same "$dir/$variant/frames"
	done
	for variant in . stripped; do
		[ ! -x "$dir/$variant/zoo_cgo" ] || same "$dir/$variant/zoo_cgo"
	done
}

@test "Go 1.18: the dump is Go's" { version 1.18; }
@test "Go 1.19: the dump is Go's" { version 1.19; }
@test "Go 1.20: the dump is Go's" { version 1.20; }
@test "Go 1.21: the dump is Go's" { version 1.21; }
@test "Go 1.22: the dump is Go's" { version 1.22; }
@test "Go 1.23: the dump is Go's" { version 1.23; }
@test "Go 1.24: the dump is Go's" { version 1.24; }
@test "Go 1.25: the dump is Go's" { version 1.25; }
@test "Go 1.26: the dump is Go's" { version 1.26; }
@test "Go 1.27: the dump is Go's" { version 1.27; }

@test "goroutines that run have no stack, and the dump says so as Go does" {
	target_start "$ANY/zoo" -busy
	"$CONCTRACE" stacks -p "$TARGET_PID" >"$TARGET_DIR/ours"
	go_dump check "$TARGET_DIR/ours" >"$TARGET_DIR/count" || fail "malformed"
	grep -A 2 '\[running\]:$' "$TARGET_DIR/ours" | tr '\n' ' ' |
		grep -q 'stack unavailable created by main.keep' || fail "$(cat "$TARGET_DIR/ours")"
	target_quit
}

@test "thousands of goroutines that come and go: a dump in which nothing is malformed" {
	target_start "$ANY/churn" -n 2000
	target_go
	for _ in 1 2 3 4 5; do
		"$CONCTRACE" stacks --system -p "$TARGET_PID" >"$TARGET_DIR/ours" || fail "no dump"
		go_dump check "$TARGET_DIR/ours" >"$TARGET_DIR/count" || fail "malformed"
	done
	target_stop
	target_quit
	[ "$TARGET_STATUS" = 0 ] || fail "$(cat "$TARGET_DIR/err")"
}
