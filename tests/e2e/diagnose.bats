#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `diagnose` names each incident of tests/targets/incidents, with its place, and finds nothing worth a
# warning at its healthy twin, nor at programs that nobody prepared. The truth is what the programs
# report of themselves. Cases run side by side: most of the time is waiting.

load helpers
load diagnose

SECONDS_EACH=7

setup() {
	need_root
}

# What burns CPU is kept apart: it would slow the others.
QUIET=(leak.growth leak.threshold leak.proven chan.nil http.stuck sem.saturated spawn.unbounded lock.deadlock
	lock.deadlock/self lock.deadlock/reader lock.deadlock/forgotten lock.deadlock/upgrade lock.deadlock/crossed lock.held_blocked chan.blocked_chain wg.stuck)
BUSY=(lock.hot lock.starving)

@test "Go 1.19: incidents are named, their twins are not" { cases 1.19 "${QUIET[@]}"; }
@test "Go 1.24: incidents are named, their twins are not" { cases 1.24 "${QUIET[@]}"; }
@test "Go 1.27: incidents are named, their twins are not" { cases 1.27 "${QUIET[@]}"; }
@test "Go 1.19: hot and starving locks" { SECONDS_EACH=5 alone 1.19 "${BUSY[@]}"; }
@test "Go 1.24: hot and starving locks" { SECONDS_EACH=5 alone 1.24 "${BUSY[@]}"; }
@test "Go 1.27: hot and starving locks" { SECONDS_EACH=5 alone 1.27 "${BUSY[@]}"; }

# one ID VARIANT: a case of any version, under way, in TARGET_PID.
one() {
	launch one "$ANY/incidents" -case "$1" "${@:2}"
	said one '^ready'
	TARGET_PID=$(cat "$BATS_TEST_TMPDIR/one/pid")
	DIR=$BATS_TEST_TMPDIR/one
}

@test "the stuck receiver is the incident, its waiters are its effect" {
	one chan.blocked_chain -n 600
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 6 --service web -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	printf '%s\n' "$output" >"$DIR/doc"
	ask one
	# the root is alone at the top; that there are too many goroutines is explained by it
	jq -e --slurpfile truth "$DIR/truth" '[.incidents[] | select(.explained_by == null and .severity != "info")]
		| length == 1 and .[0].id == "chan.blocked_chain" and .[0].severity == "critical"
		and .[0].goids == [$truth[0].root] and .[0].affected_count == 600' "$DIR/doc"
	jq -e '.incidents as $all | $all[] | select(.id == "leak.threshold") | $all[.explained_by].id ==
		"chan.blocked_chain"' "$DIR/doc"
	jq -e '.healthy == false and .worst == "critical" and .observed_ns > 5e9' "$DIR/doc"
	jq -e '.incidents[0] | (.evidence | length > 2) and .advice != "" and .since != null and
		(.next | startswith("conctrace waits -p"))' "$DIR/doc"
	# the command that it names works
	run --separate-stderr bash -c "$(jq -r '.incidents[0].next' "$DIR/doc" | sed "s|^conctrace|$CONCTRACE|")"
	[ "$status" = 0 ] || fail "$stderr"
}

@test "a deadlock: both goroutines, their locks, who is behind them" {
	one lock.deadlock
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 2 --no-probes -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	printf '%s\n' "$output" >"$DIR/doc"
	ask one
	jq -e --slurpfile truth "$DIR/truth" '.incidents[0] | .id == "lock.deadlock" and .certainty == "certain" and
		.goids == ([$truth[0].first, $truth[0].second] | sort) and .affected_count == 5' "$DIR/doc"
	# by snapshots alone, and seen for 2 s only: what could not be judged is said
	jq -e '.no_probes != null and (.checked | index("lock.hot")) == null and
		(.not_judged | any(.id == "lock.hot" and (.reason | test("probes")))) and
		(.not_judged | any(.id == "leak.growth" and (.reason | test("seen for 2"))))' "$DIR/doc"
}

@test "a deadlock of one with itself, with no unlock ahead" {
	one lock.deadlock/forgotten
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 2 --no-probes -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	printf '%s\n' "$output" >"$DIR/doc"
	ask one
	jq -e --slurpfile truth "$DIR/truth" '.incidents[0] | .id == "lock.deadlock" and .certainty == "certain" and
		.goids == [$truth[0].first] and (.evidence | any(test("itself holds, locked it before in the same call")))' \
		"$DIR/doc" || fail "$(jq -c .incidents "$DIR/doc")"
}

@test "a deadlock through a channel: nothing alive leads to it, which proves it" {
	one lock.deadlock/crossed
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 4 -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	printf '%s\n' "$output" >"$DIR/doc"
	ask one
	jq -e --slurpfile truth "$DIR/truth" '.incidents[0] | .id == "lock.deadlock" and .severity == "critical" and
		.certainty == "certain" and (.goids == ([$truth[0].first, $truth[0].second] | sort))' "$DIR/doc" ||
		fail "$(jq -c .incidents "$DIR/doc")"
}

@test "two detectors that disagree say so" {
	one lock.deadlock/reachable
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 7 -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	printf '%s\n' "$output" >"$DIR/doc"
	jq -e '.incidents[0] | .id == "lock.deadlock" and .severity == "warning" and .certainty == "possible" and
		(.evidence | any(test("^leak.proven disagrees: something alive still leads")))' "$DIR/doc" ||
		fail "$(jq -c .incidents "$DIR/doc")"
}

@test "text, page and Mermaid of an incident" {
	one chan.nil
	run --separate-stderr "$CONCTRACE" diagnose -d 1 -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	[[ $output == *"WARNING  chan.nil  3 goroutines can never wake"* ]]
	[[ $output == *"certain: the Go runtime itself says so"* ]]
	# one screen
	[ "${#lines[@]}" -lt 50 ]
	[[ $output != *$'\e['* ]]
	run --separate-stderr "$CONCTRACE" diagnose -d 1 -f mermaid -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	[ "${lines[0]}" = timeline ]
	# period : event, and no colon else
	[ "$(grep -c ' : ' <<<"$output")" = "$(($(wc -l <<<"$output") - 2))" ]
	[ -z "$(sed 's/ : //' <<<"$output" | grep :)" ]
	run --separate-stderr "$CONCTRACE" diagnose -d 1 -f html -o "$DIR/page.html" -p "$TARGET_PID"
	[ "$status" = 3 ] && [ -z "$output" ] || fail "status $status: $stderr"
	# every element is closed, it loads nothing, and has the place
	python3 - "$DIR/page.html" <<'CHECK'
import html.parser, sys
class Page(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
assert page.open == [], page.open
CHECK
	grep -q 'chan_nil.go:' "$DIR/page.html"
	[ -z "$(grep -o '\(src\|href\|data\)=.\(http\|//\)[^ ]*' "$DIR/page.html")" ]
}

@test "limits: a config file, the command line, and what is wrong with them" {
	one leak.threshold
	local conf=$DIR/limits
	printf '# ours\nmax_goroutines = 650\n' >"$conf"
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 1 --config "$conf" -p "$TARGET_PID"
	[ "$status" = 3 ] || fail "status $status: $stderr"
	jq -e '.incidents[] | select(.id == "leak.threshold") | .metric.limit == 650' <<<"$output"
	# the command line is over the file
	run --separate-stderr "$CONCTRACE" diagnose -d 1 --config "$conf" --max-goroutines 5000 -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "status $status: $output $stderr"
	# nobody said what kind of service it is: a remark
	run --separate-stderr "$CONCTRACE" diagnose -f json -d 1 -p "$TARGET_PID"
	[ "$status" = 0 ] || fail "status $status: $stderr"
	jq -e '.incidents[] | select(.id == "leak.threshold") | .severity == "info"' <<<"$output"
	run "$CONCTRACE" diagnose -d 1 --severity info -p "$TARGET_PID"
	[ "$status" = 3 ]
	printf 'max_goroutines = 650\nmax_goroutine = 3\n' >"$conf"
	run --separate-stderr "$CONCTRACE" diagnose -d 1 --config "$conf" -p "$TARGET_PID"
	[ "$status" = 1 ] && clean_error
	[[ $stderr == *"line 2: there is no key \"max_goroutine\""* ]]
	run --separate-stderr "$CONCTRACE" diagnose -d 1 --config "$conf.not" -p "$TARGET_PID"
	[ "$status" = 1 ] && clean_error
	for wrong in "--service shop" "--severity bad" "--max-goroutines 0" "--every never" \
		"--alertmanager http://localhost:1" "--every 5 --alertmanager ftp://x" "--every 5 -f html" "-f dot"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$CONCTRACE" diagnose $wrong -p "$TARGET_PID"
		[ "$status" = 2 ] && clean_error || fail "$wrong: status $status, $stderr"
	done
}

# race VERSION: its report is joined with the goroutines that are there; the fixed one reports nothing.
race() {
	local go=$ROOT/build/deps/go/$1/bin/go program=$BATS_TEST_TMPDIR/with-race dir=$BATS_TEST_TMPDIR/race
	[ -x "$go" ] || skip "no Go $1"
	(cd "$ROOT/tests/targets" && GOCACHE=$ROOT/build/gocache GOPATH=$ROOT/build/gopath GOFLAGS='' GOPROXY=off \
		GOTOOLCHAIN=local CGO_ENABLED=1 "$go" build -race -buildvcs=false -o "$program" ./races) ||
		skip "no race detector"
	launch race "$program"
	launch race-fixed "$program" -fixed
	said race '^ready'
	said race-fixed '^ready'
	timeout 60 grep -q -m 1 -e '^Goroutine' <(tail -n +1 -F --pid="$(cat "$dir/pid")" "$dir/err") || fail "no race"
	SECONDS_EACH=1 LOOKS=()
	look race --race-log "$dir/err"
	look race-fixed --race-log "$dir-fixed/err"
	wait_looks
	found race race.suspect
	silent race-fixed
	# of the go statement: its goroutines
	jq -e --slurpfile truth "$dir/truth" '.incidents[] | select(.id == "race.suspect") |
		.goids == ([$truth[0].first, $truth[0].second] | sort)' "$dir/doc" || fail "$(jq -c .incidents "$dir/doc")"
	# and what is known of when each did what
	jq -e --slurpfile truth "$dir/truth" '[.timeline[] | select(.id == "race.suspect") | .text] as $events
		| all($truth[0].first, $truth[0].second; . as $goid | $events | any(test("goroutine \($goid)[: ]")))' "$dir/doc" ||
		fail "$(jq -c .timeline "$dir/doc")"
}

@test "Go 1.19: a data race that the race detector reported" { race 1.19; }
@test "Go 1.24: a data race that the race detector reported" { race 1.24; }
@test "Go 1.27: a data race that the race detector reported" { race 1.27; }

@test "the process ends meanwhile" {
	one chan.nil
	look one -d 60
	attached_to "$TARGET_PID"
	kill -KILL "$TARGET_PID"
	wait_looks
	[ "$(cat "$DIR/status")" = 3 ] || fail "status $(cat "$DIR/status"): $(cat "$DIR/doc.err")"
	jq -e '.gone and (.incidents | any(.id == "chan.nil"))' "$DIR/doc"
	grep -q 'exited' "$DIR/doc.err"
}

# attached_to PID: breakpoints are in it, and a moment later a snapshot was taken.
attached_to() {
	"$TEXTCMP" -wait "$1" >/dev/null || fail "no breakpoint"
	sleep 1
}

# with_share DIRECTORY COMMAND...: it has this for /usr/share. Debian's Alertmanager reads its templates there, and
# was unpacked elsewhere.
with_share() {
	exec unshare --mount sh -c 'mount --bind "$1" /usr/share && shift && exec "$@"' sh "$@"
}

@test "watching: an incident begins once and ends once, for Alertmanager, too" {
	local package=$ROOT/build/deps/pkg/bookworm/alertmanager/usr manager port tries=0 alerts
	one watch
	manager=("$package/bin/prometheus-alertmanager")
	if [ ! -x "${manager[0]}" ]; then
		manager=("$(command -v prometheus-alertmanager)") || skip "no Alertmanager"
	elif [ ! -e /usr/share/prometheus/alertmanager ]; then
		manager=(with_share "$package/share" "${manager[0]}")
	fi
	port=$((20000 + RANDOM % 20000))
	printf 'route:\n  receiver: none\nreceivers:\n- name: none\n' >"$DIR/am.yml"
	"$CONCTRACE" diagnose -f json --every 2s -d 1.5 -p "$TARGET_PID" \
		--alertmanager "http://127.0.0.1:$port/" >"$DIR/events" 2>"$DIR/events.err" 3>&- &
	TRACER_PID=$!
	STARTED+=("$TRACER_PID")
	# it starts after conctrace: the first alerts find nobody
	launch manager "${manager[@]}" --config.file="$DIR/am.yml" --storage.path="$DIR/am" \
		--web.listen-address="127.0.0.1:$port" --cluster.listen-address=
	alerts="http://127.0.0.1:$port/api/v2/alerts"
	until [ "$(curl -sf "$alerts" | jq 'any(.labels.incident == "sem.saturated" and .status.state == "active")')" = true ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 150 ] || fail "no alert: $(cat "$DIR/events" "$DIR/events.err" "$BATS_TEST_TMPDIR/manager/err")"
		sleep 0.2
	done
	curl -sf "$alerts" | jq -e '.[] | select(.labels.incident == "sem.saturated")
		| .labels.alertname == "conctrace:sem.saturated" and .labels.severity == "warning" and
		(.labels.site | test("comes_and_goes.go")) and (.annotations.description | test("full")) and
		(.annotations.advice != "")'
	echo mend >"$DIR/in"
	timeout 60 grep -q -m 1 '"event": *"end"' <(tail -n +1 -F --pid="$TRACER_PID" "$DIR/events" 2>/dev/null) ||
		fail "no end: $(cat "$DIR/events")"
	until [ "$(curl -sf "$alerts" | jq 'all(.labels.incident != "sem.saturated")')" = true ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || fail "the alert stays: $(curl -s "$alerts")"
		sleep 0.2
	done
	tracer_stop
	[ "$TRACER_STATUS" = 3 ] || fail "status $TRACER_STATUS: $(cat "$DIR/events.err")"
	# once each, in lines of their own
	jq -s -e 'map(.event) == ["begin", "end"] and all(.id == "sem.saturated") and
		(map(.key) | unique | length == 1)' \
		"$DIR/events" || fail "$(cat "$DIR/events")"
	jq -s -e '.[0].incident.evidence != [] and .[1].lasted_ns > 0' "$DIR/events"
}

# real NAME: idle and under load, all at once for so many seconds.
real_port() {
	local port
	while port=$((20000 + RANDOM % 20000)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# service NAME URL PROGRAM...: started twice, "NAME-idle" and "NAME-busy", by start_NAME PORT.
@test "etcd, caddy and prometheus, idle and loaded, have nothing worth a warning" {
	local pkg=$ROOT/build/deps/pkg/bookworm name kind port dir load seconds=${DIAGNOSE_REAL_SECONDS:-10}
	command -v wrk >/dev/null || skip "no wrk"
	SECONDS_EACH=$seconds
	LOOKS=()
	for name in etcd caddy prometheus; do
		[ -x "$pkg/$name/usr/bin/$name" ] || skip "no $name"
		for kind in idle busy; do
			dir=$BATS_TEST_TMPDIR/$name-$kind
			mkdir -p "$dir"
			port=$(real_port)
			case $name in
			etcd)
				printf 'wrk.method="POST"\nwrk.body="{\\"key\\":\\"Zm9v\\",\\"value\\":\\"YmFy\\"}"\n' >"$dir/load.lua"
				load="http://127.0.0.1:$port/v3/kv/put -s $dir/load.lua"
				set -- --name one --data-dir "$dir/data" --listen-client-urls "http://127.0.0.1:$port" \
					--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
					--initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
					--initial-cluster "one=http://127.0.0.1:$((port + 1))"
				;;
			caddy)
				printf '{\n\tadmin off\n\tauto_https off\n}\nhttp://127.0.0.1:%s {\n\trespond "hello"\n}\n' "$port" >"$dir/Caddyfile"
				load=http://127.0.0.1:$port/
				set -- run --adapter caddyfile --config "$dir/Caddyfile"
				;;
			prometheus)
				printf 'global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: self\n  static_configs:\n  - targets: ["127.0.0.1:%s"]\n' "$port" >"$dir/p.yml"
				load="http://127.0.0.1:$port/api/v1/query?query=up"
				set -- --config.file="$dir/p.yml" --storage.tsdb.path="$dir/data" --web.listen-address="127.0.0.1:$port"
				;;
			esac
			HOME=$dir launch "$name-$kind" "$pkg/$name/usr/bin/$name" "$@"
			timeout 60 bash -c "until curl -so /dev/null http://127.0.0.1:$port/; do sleep 0.1; done" ||
				fail "$name is not ready"
			if [ "$kind" = busy ]; then
				# shellcheck disable=SC2086
				nice wrk -t1 -c16 -d600 $load >/dev/null 2>&1 3>&- &
				STARTED+=("$!")
				echo "$!" >"$dir/beside"
			fi
			look "$name-$kind"
		done
	done
	wait_looks
	for name in etcd caddy prometheus; do
		sure silent "$name-idle"
		sure silent "$name-busy"
	done
}
