#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What locks are called, against what tests/targets/lock_names says of its own.

load helpers

setup() {
	need_root
}

# names_start VERSION VARIANT: its report is in $TARGET_DIR/truth.
names_start() {
	local program=$TARGETS/$1/$2/lock_names
	[ -x "$program" ] || skip "no Go $1"
	target_start "$program"
	target_report "$TARGET_DIR/truth"
}

conctrace_json() {
	run --separate-stderr "$CONCTRACE" "$@" -f json -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "$*: $stderr"
	printf '%s\n' "$output" >"$TARGET_DIR/document"
}

# names_differ FILTER: the locks whose kind, name or source is not that of the truth after FILTER.
names_differ() {
	jq -r -n --slurpfile truth "$TARGET_DIR/truth" --slurpfile document "$TARGET_DIR/document" '
		($document[0].locks | map({key: .addr, value: .}) | from_entries) as $locks
		| $truth[0].locks[] | '"$1"' | . as $t | $locks[.lock] as $l
		| select([$t.kind, $t.name, $t.source] != [$l.kind, $l.name, $l.name_source]
			and ($t.lost and [$t.kind, $t.place, "place"] == [$l.kind, $l.name, $l.name_source] | not))
		| "\($t.lock) \($t.kind) \($t.name) \($t.source): \($l.kind) \($l.name) \($l.name_source)"'
}

# Every lock has its name where there is DWARF; else the place that locks it, or the variable where that is known.
names_version() {
	local wrong
	names_start "$1" .
	conctrace_json locks --no-probes
	wrong=$(names_differ .)
	[ -z "$wrong" ] || fail "Go $1: $wrong"
	# a Once is held by who is in its function
	jq -e -n --slurpfile truth "$TARGET_DIR/truth" --slurpfile document "$TARGET_DIR/document" '
		($truth[0].locks[] | select(.kind == "sync.Once")) as $once | $once.goid > 0 and
		($document[0].locks[] | select(.kind == "sync.Once") | .holder.goid) == $once.goid' ||
		fail "Go $1: $(jq -c '.locks[] | select(.kind == "sync.Once")' "$TARGET_DIR/document")"
	jq -e '[.locks[] | select(.name_source != "variable") | .symbol] | all(. == null)' "$TARGET_DIR/document"
	text_untouched
	target_quit
	names_start "$1" stripped
	conctrace_json locks --no-probes
	wrong=$(names_differ '.source = "place" | .name = .place')
	[ -z "$wrong" ] || fail "Go $1 stripped: $wrong"
	target_quit
}

@test "Go 1.19: locks are called by variable, field or place" { names_version 1.19; }
@test "Go 1.24: locks are called by variable, field or place" { names_version 1.24; }
@test "Go 1.27: locks are called by variable, field or place" { names_version 1.27; }
