#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs inside a virtual machine whose kernel was booted with lockdown=confidentiality.

load ../e2e/helpers

setup() {
	need_root
	grep -q '\[confidentiality\]' /sys/kernel/security/lockdown
	target_start "$ANY/pingpong"
	target_go
}

@test "a locked-down kernel: probes are refused in one line that says what to do" {
	run --separate-stderr "$CONCTRACE" locks -d 1 -p "$TARGET_PID"
	[ "$status" = 1 ]
	clean_error
	[[ $stderr == *lockdown* && $stderr == *--no-probes* ]] || fail "$stderr"
	text_untouched
}

@test "a locked-down kernel: snapshots work" {
	"$CONCTRACE" tasks -f json -p "$TARGET_PID" | jq -e '.total >= 3'
	"$CONCTRACE" top --no-probes -f json -d 1 -p "$TARGET_PID" | jq -s -e 'length >= 1'
}

@test "a locked-down kernel: doctor says so" {
	run "$CONCTRACE" doctor
	[[ $output == *confidentiality* ]] || fail "$output"
}
