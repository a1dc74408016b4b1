# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Comparison of what conctrace counts with what tests/targets/counts says it did.

# shellcheck disable=SC2154 # set by helpers.bash

# differences DOCUMENT: prints what does not agree with the target's report.
differences() {
	jq -n -r --slurpfile own_file "$TARGET_DIR/report" --slurpfile doc_file "$1" \
		-f "$ROOT/tests/e2e/exact.jq" || echo "no comparison"
}

# same DOCUMENT NAME
same() {
	local found
	found=$(differences "$1")
	[ -z "$found" ] || fail "$2: $found"
}

version() {
	local dir=$TARGETS/$1 variant
	[ -x "$dir/counts" ] || skip "no Go $1"
	for variant in . stripped pie; do
		target_start "$dir/$variant/counts"
		top_start
		target_go
		tracer_stop
		[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
		target_report "$TARGET_DIR/report"
		last_line "$TRACER_DIR/out" >"$TRACER_DIR/last"
		same "$TRACER_DIR/last" "Go $1 $variant"
		text_untouched
		target_quit
		[ "$TARGET_STATUS" = 0 ]
	done
}
