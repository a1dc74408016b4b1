# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Cases of tests/targets/incidents, many at once: most of the time is waiting.

# shellcheck disable=SC2034,SC2154 # used by the tests; set by bats

# launch NAME PROGRAM [ARGUMENT...]: starts it without waiting; its ends are in $BATS_TEST_TMPDIR/NAME.
launch() {
	local dir=$BATS_TEST_TMPDIR/$1
	shift
	mkdir -p "$dir"
	mkfifo "$dir/in"
	# held open for reading and writing, so that the program does not see its end
	exec {LAUNCH_IN}<>"$dir/in"
	"$@" <"$dir/in" >"$dir/out" 2>"$dir/err" 3>&- &
	echo $! >"$dir/pid"
	STARTED+=("$!")
}

# said NAME REGEX: waits until it has printed such a line.
said() {
	local dir=$BATS_TEST_TMPDIR/$1
	timeout 60 grep -q -m 1 -e "$2" <(tail -n +1 -F --pid="$(cat "$dir/pid")" "$dir/out" 2>/dev/null) ||
		fail "$1 did not say $2: $(cat "$dir/err")"
}

# look NAME [OPTION...]: diagnose in the background; the document is in NAME/doc, the status in NAME/status.
look() {
	local dir=$BATS_TEST_TMPDIR/$1
	shift
	printf '%s\n' "$@" >"$dir/options"
	(
		status=0
		"$CONCTRACE" diagnose -f json -d "$SECONDS_EACH" -p "$(cat "$dir/pid")" "$@" \
			>"$dir/doc" 2>"$dir/doc.err" 3>&- || status=$?
		echo "$status" >"$dir/status"
	) &
	LOOKS+=("$!")
}

# ask NAME: what the program knows, in NAME/truth.
ask() {
	local dir=$BATS_TEST_TMPDIR/$1
	echo report >"$dir/in"
	said "$1" '^{'
	grep -m 1 '^{' "$dir/out" >"$dir/truth"
}

# found NAME ID: the incident is there, at the place, worth a warning; the status says so.
found() {
	local dir=$BATS_TEST_TMPDIR/$1
	[ "$(cat "$dir/status")" = 3 ] || {
		fail "$1: status $(cat "$dir/status"), $(cat "$dir/doc.err") $(jq -c '[.incidents[] | [.id, .severity, .title]]' "$dir/doc")"
		return
	}
	jq -e --arg id "$2" '.incidents | any(.id == $id and .severity != "info")' "$dir/doc" >/dev/null || {
		fail "$1: no $2 in $(jq -c '[.incidents[] | [.id, .severity, .title]]' "$dir/doc")"
		return
	}
	ask "$1" || return
	jq -e --arg id "$2" --slurpfile truth "$dir/truth" '
		def base: split("/")[-1];
		$truth[0].site as $site
		| .incidents | any(.id == $id and .site.line == $site.line and
			(.site.file | base) == ($site.file | base))' "$dir/doc" >/dev/null ||
		fail "$1: $2 at $(jq -c --arg id "$2" '[.incidents[] | select(.id == $id) | .site]' "$dir/doc"), not $(jq -c .site "$dir/truth")"
}

# silent NAME: nothing above info.
silent() {
	local dir=$BATS_TEST_TMPDIR/$1
	[ "$(cat "$dir/status")" = 0 ] &&
		jq -e '.healthy and ([.incidents[] | select(.severity != "info")] == [])' "$dir/doc" >/dev/null ||
		fail "$1: status $(cat "$dir/status"), $(cat "$dir/doc.err") $(jq -c '[.incidents[] | [.id, .severity, .title, .evidence]]' "$dir/doc")"
}

wait_looks() {
	local look
	for look in "${LOOKS[@]}"; do
		wait "$look" || true
	done
	LOOKS=()
}

# sure CHECK NAME [ARGUMENT...]: found or silent. Programs side by side take CPUs from each other; one that fails
# is looked at once more, with all others held but those in NAME/beside, and what is said then counts.
sure() {
	local dir=$BATS_TEST_TMPDIR/$2 own pid options
	"$@" && return
	own=$(cat "$dir/pid" "$dir/beside" 2>/dev/null)
	mapfile -t options < <(grep . "$dir/options")
	echo "# $2: looked at again, alone" >&3
	for pid in "${STARTED[@]}"; do
		grep -qx "$pid" <<<"$own" || kill -STOP "$pid"
	done
	look "$2" "${options[@]}"
	wait_looks
	for pid in "${STARTED[@]}"; do
		kill -CONT "$pid"
	done
	"$@"
}

# cases VERSION ID...: each and its twin, all at once.
cases() {
	local dir=$TARGETS/$1/stripped id name
	shift
	[ -x "$dir/incidents" ] || skip "no Go ${dir%/*}"
	LOOKS=()
	for id; do
		name=${id//\//_}
		launch "$name" nice -n "${NICE:-0}" "$dir/incidents" -case "$id"
		launch "$name-fixed" nice -n "${NICE:-0}" "$dir/incidents" -case "$id" -fixed
	done
	for id; do
		name=${id//\//_}
		said "$name" '^ready'
		said "$name-fixed" '^ready'
		look "$name" --service web
		look "$name-fixed" --service web
	done
	wait_looks
	for id; do
		name=${id//\//_}
		sure found "$name" "${id%%/*}"
		sure silent "$name-fixed"
	done
}

# alone VERSION ID...: a case and its twin after the other, with CPUs to themselves, also where others want them: what
# is seen in windows is little when it hardly runs in them.
alone() {
	local version=$1 NICE=-15 id
	shift
	for id; do
		cases "$version" "$id"
		kill -KILL "${STARTED[@]}"
		STARTED=()
	done
}
