#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Flamegraphs and profiles: what they show is what the program did, and the tools that people have
# read them. Go's own profiles and the programs' own clocks are the truth.

load helpers

setup() {
	need_root
	GO=$(printf '%s\n' "$ROOT"/build/deps/go/*/bin/go | sort -V | tail -n 1)
	OUT=$BATS_TEST_TMPDIR
}

# The newest go has pprof as source only, which is built once into the cache of the tests' programs.
pprof() {
	HOME=$OUT GOCACHE=$ROOT/build/gocache GOFLAGS='' GOTOOLCHAIN=local GOPROXY=off \
		timeout 170 "$GO" tool pprof "$@"
}

check() {
	python3 "$BATS_TEST_DIRNAME/flame.py" "$@"
}

flame() {
	"$CONCTRACE" flame -p "$TARGET_PID" "$@"
}

# flame_start ARGUMENT...: with every event; attached when this returns. flame_stop ends it.
flame_start() {
	tracer_start flame -p "$TARGET_PID" --max-overhead none -d 120 "$@"
	attached
}

flame_stop() {
	tracer_stop
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
}

# served NAME: Go's own profile of a target that was started with -http.
served() {
	curl -sf -o "$OUT/go_$1.pb.gz" "$(sed -n 's/^pprof //p' "$TARGET_DIR/log")$1"
}

# same_profile NAME SAMPLE_INDEX KIND
same_profile() {
	# Go's mutex profile also has the locks of the runtime itself, from 1.22 on
	pprof -top -nodecount=500 -nodefraction=0 -sample_index="$2" -unit=ms \
		-ignore='^runtime\.(unlock|_LostContended)' "$OUT/go_$1.pb.gz" >"$OUT/go_top" 2>/dev/null
	pprof -top -nodecount=500 -nodefraction=0 -sample_index="$2" -unit=ms "$OUT/$1.pb.gz" \
		>"$OUT/our_top" 2>/dev/null
	check profile "$OUT/go_top" "$OUT/our_top" "$3"
}

# go_profiles VERSION: block, mutex and goroutine against Go's own, at rate 1.
go_profiles() {
	local kind
	[ -x "$TARGETS/$1/counts" ] || skip "no Go $1"
	for kind in block mutex; do
		target_start "$TARGETS/$1/counts" -http 127.0.0.1:0 -profile -rounds 2 -hold 400ms
		flame_start --of "$kind" -o "$OUT/$kind.pb.gz"
		target_go
		flame_stop
		served "$kind"
		same_profile "$kind" contentions count
		same_profile "$kind" delay delay
	done
	flame -q --of tasks -o "$OUT/goroutine.pb.gz"
	served goroutine
	same_profile goroutine goroutine count
	text_untouched
	target_quit
}

@test "Go 1.19: block, mutex and goroutine profiles are Go's own" { go_profiles 1.19; }
@test "Go 1.24: block, mutex and goroutine profiles are Go's own" { go_profiles 1.24; }
@test "Go 1.27: block, mutex and goroutine profiles are Go's own" { go_profiles 1.27; }

# A stale word on a stack may keep one of them alive for Go; the program knows how many there are.
@test "Go 1.27: the goroutineleak profile has what Go's own has, and no more than there is" {
	[ -x "$TARGETS/1.27/leaks" ] || skip "no Go 1.27"
	target_start "$TARGETS/1.27/leaks" -http 127.0.0.1:0 -case early_return,abba -copies 3
	flame -q --of leaks -o "$OUT/goroutineleak.pb.gz"
	served goroutineleak
	same_profile goroutineleak goroutineleak least
	target_report "$OUT/truth"
	[ "$(pprof -raw "$OUT/goroutineleak.pb.gz" 2>/dev/null |
		awk '/^Samples:/ { on = 1 } /^Locations/ { on = 0 } on && $1 ~ /^[0-9]+:$/ { n += $1 } END { print n }')" \
		-le "$(jq '[.cases[].leaks[]] | length' "$OUT/truth")" ]
	grep -q 'runtime.goparkunlock (inline)' "$OUT/our_top"
	target_quit
}

@test "locks: time by lock is what the program measured" {
	target_start "$ANY/counts"
	flame_start --of lock -o "$OUT/lock.folded"
	target_go
	flame_stop
	target_report "$OUT/report"
	check locks "$OUT/lock.folded" "$OUT/report"
	grep -q 'every event traced, 0 lost' "$TRACER_DIR/err"
	target_quit
}

@test "spawns: goroutines by go statement are those that the program created" {
	target_start "$ANY/counts"
	flame_start --of spawn -o "$OUT/spawn.folded"
	target_go
	flame_stop
	target_report "$OUT/report"
	check spawns "$OUT/spawn.folded" "$OUT/report"
	target_quit
}

# by_site VERSION ARGUMENT...: shares of waiting of four sites, within 2 points, over SHARES_SECONDS.
by_site() {
	target_start "$TARGETS/$1/flames" -case shares -unit 1ms
	shift
	target_go
	target_report "$OUT/before"
	flame "$@" -d "${SHARES_SECONDS:-4}" -o "$OUT/wait.folded"
	target_report "$OUT/after"
	check shares "$OUT/wait.folded" "$OUT/before" "$OUT/after" 2
	target_stop
	target_quit
}

@test "shares of waiting by site, every event traced" {
	by_site 1.19 --max-overhead none
	by_site 1.27 --max-overhead none
}

@test "shares of waiting by site, in windows" { by_site 1.24; }

@test "shares of waiting by site, by snapshots alone" { by_site 1.24 --no-probes; }

@test "a stack deeper than the probes look is completed" {
	target_start "$ANY/flames" -case deep
	target_go
	flame --of wait --max-overhead none -d 1 --reason Mutex -o "$OUT/deep.folded"
	# main.dive stands in each of them as often as it calls itself
	run ! grep -F '(deeper frames unknown)' "$OUT/deep.folded"
	[ "$(head -n 1 "$OUT/deep.folded" | tr ';' '\n' | grep -c '^main.dive$')" = 31 ]
	flame --of mutex --max-overhead none -d 1 -o "$OUT/mutex.folded"
	[ "$(head -n 1 "$OUT/mutex.folded" | tr ';' '\n' | grep -c '^main.dive$')" -ge 8 ]
	target_stop
	target_quit
}

# odd_names VERSION
odd_names() {
	[ -x "$TARGETS/$1/flames" ] || skip "no Go $1"
	target_start "$TARGETS/$1/flames" -case names
	target_go
	target_report "$OUT/report"
	local form
	for form in folded speedscope svg; do
		flame -q --of tasks -f "$form" -o "$OUT/names.$form"
		check names "$OUT/names.$form" "$form" "$OUT/report"
	done
	flame -q --of tasks -o "$OUT/names.pb.gz"
	pprof -top -nodecount=100 "$OUT/names.pb.gz" >"$OUT/names.top" 2>/dev/null
	grep -qF 'main.größe.待つ' "$OUT/names.top"
	grep -qE 'main\.\(\*box\[' "$OUT/names.top"
	target_quit
}

@test "names with semicolons, quotes, <, > and beyond ASCII, in every format" {
	odd_names 1.19
	odd_names 1.24
	odd_names 1.27
}

@test "labels of runtime/pprof are labels of the samples" {
	target_start "$ANY/flames" -case labels
	target_go
	flame -q --of tasks -o "$OUT/labels.pb.gz"
	pprof -tags "$OUT/labels.pb.gz" >"$OUT/tags" 2>/dev/null
	grep -E '^ *4 .*: red$' "$OUT/tags"
	grep -E '^ *4 .*: blue; <green>$' "$OUT/tags"
	target_quit
}

@test "pprof reads every profile; -http serves its pages" {
	local of
	target_start "$ANY/counts"
	for of in wait lock chan spawn tasks block mutex; do
		flame -q --of "$of" -d 0.2 --max-overhead none -o "$OUT/$of.pb.gz"
		pprof -top "$OUT/$of.pb.gz" >"$OUT/top" 2>/dev/null || fail "$of: $(cat "$OUT/top")"
		pprof -raw "$OUT/$of.pb.gz" 2>/dev/null | grep -q "^1: 0x.* $ANY/counts"
	done
	pprof -top -diff_base "$OUT/tasks.pb.gz" "$OUT/tasks.pb.gz" 2>/dev/null |
		grep -q '^Showing nodes accounting for 0,'
	# by its own path, so that there is one process to end
	local tool url port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	tool=$(HOME=$OUT GOCACHE=$ROOT/build/gocache GOFLAGS='' GOTOOLCHAIN=local "$GO" tool -n pprof)
	HOME=$OUT "$tool" -http "127.0.0.1:$port" -no_browser "$OUT/tasks.pb.gz" >"$OUT/http" 2>&1 3>&- &
	STARTED+=("$!")
	url=$(timeout 60 tail -n +1 -F --pid="$!" "$OUT/http" 2>/dev/null |
		grep -m 1 -o 'http://[^ ]*')
	curl -sf --retry 5 --retry-connrefused "$url/ui/top" | grep -q 'main.main'
	curl -sf "$url/ui/flamegraph" | grep -q 'main.main'
	target_quit
}

@test "speedscope: by the rules of its schema" {
	local of
	target_start "$ANY/counts"
	for of in wait lock chan spawn tasks; do
		flame -q --of "$of" -d 0.2 -o "$OUT/$of.json"
		check speedscope "$OUT/$of.json"
	done
	target_quit
}

# Drives the page by its address, and takes what it shows.
browser() {
	local profile
	profile=$(mktemp -d "$OUT/browser.XXXXXX")
	timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--user-data-dir="$profile" --virtual-time-budget=2000 "$@" 2>/dev/null
}

@test "the picture zooms, searches and resets in a browser" {
	command -v chromium >/dev/null || skip "no chromium"
	target_start "$ANY/counts"
	flame -q --of tasks -o "$OUT/tasks.svg"
	check svg "$OUT/tasks.svg"
	browser --dump-dom "file://$OUT/tasks.svg" >"$OUT/whole"
	grep -q 'data-zoomed="all"' "$OUT/whole"
	# the box of main.main, by its number
	local box
	box=$(grep -o '<title>[^<]*' "$OUT/tasks.svg" | sed 's/<title>//' | grep -n '^main.main$' |
		head -n 1 | cut -d : -f 1)
	box=$((box - 1))
	browser --dump-dom "file://$OUT/tasks.svg#q=main.main&z=$box" >"$OUT/zoomed"
	grep -q 'data-zoomed="main.main"' "$OUT/zoomed"
	grep -qE '1 box matches: [0-9.]+ %' "$OUT/zoomed"
	grep -q 'display: none' "$OUT/zoomed"
	# by hand: a click, a search, Escape
	sed "/^start();\$/r $BATS_TEST_DIRNAME/flame_drive.js" "$OUT/tasks.svg" >"$OUT/driven.svg"
	browser --dump-dom "file://$OUT/driven.svg" >"$OUT/driven"
	grep -qE 'data-detail="main.main +1 goroutine, [0-9.]+ %' "$OUT/driven"
	grep -q 'data-first="main.main"' "$OUT/driven"
	grep -qE 'data-second="[2-9][0-9]* boxes match: [0-9.]+ %' "$OUT/driven"
	grep -q 'data-zoomed="all"' "$OUT/driven"
	target_quit
}

@test "a screenshot has the boxes in the colours of their reasons" {
	command -v chromium >/dev/null || skip "no chromium"
	target_start "$ANY/flames" -case names
	target_go
	flame -q --of tasks -o "$OUT/names.svg"
	browser --screenshot="$OUT/shot.png" --window-size=1200,700 "file://$OUT/names.svg"
	check screenshot "$OUT/shot.png" "$OUT/names.svg"
	target_quit
}

@test "filters: one reason, one lock, one goroutine" {
	target_start "$ANY/counts"
	flame_start --reason RWMutex -o "$OUT/reason.folded"
	target_go
	flame_stop
	grep -q 'main.lockWhileRead' "$OUT/reason.folded"
	run ! grep -q 'main.recvUnbuffered\|main.lockMutex' "$OUT/reason.folded"
	# the goroutine that reads the commands waits in no other place
	flame -q --goid 1 --no-probes --of tasks -o "$OUT/one.folded"
	[ "$(wc -l <"$OUT/one.folded")" = 1 ]
	grep -q '^runtime.main;main.main;' "$OUT/one.folded"
	target_quit
}

@test "filters: the wait for one lock, below the go statement" {
	local lock
	target_start "$ANY/counts"
	flame_start --of lock -o "$OUT/all.folded"
	target_go
	flame_stop
	target_quit
	# a variable of the program, which is in the same place each time
	lock=$(grep -o 'sync.Mutex main.globalMutex 0x[0-9a-f]*' "$OUT/all.folded" | head -n 1)
	target_start "$ANY/counts"
	flame_start --of wait --lock "${lock##* }" --created-by -o "$OUT/lock.folded"
	target_go
	flame_stop
	grep -q '^created by main.(\*conductor).launch;.*;main.lockGlobal;' "$OUT/lock.folded"
	[ "$(wc -l <"$OUT/lock.folded")" = 1 ] || fail "$(cat "$OUT/lock.folded")"
	target_quit
}

@test "one goroutine's waits, counted by the probes" {
	target_start "$ANY/flames" -case shares -workers 3 -unit 1ms
	target_go
	local goid
	goid=$("$CONCTRACE" tasks --all -f json -p "$TARGET_PID" | jq '[.tasks[]
		| select(any(.stack[].function; . == "main.worker")) | .goid] | first')
	flame --goid "$goid" --max-overhead none -d 1 -o "$OUT/one.folded"
	# it waits nearly all of the time, and nobody else is in there
	local ns
	ns=$(awk '{ sum += $NF } END { print sum }' "$OUT/one.folded")
	[ "$ns" -gt 800000000 ] && [ "$ns" -lt 1200000000 ] || fail "$ns ns"
	target_stop
	target_quit
}

@test "wrong usage is told with status 2" {
	run --separate-stderr -2 "$CONCTRACE" flame -p $$ --of waits
	clean_error
	[[ $stderr == *"--of takes wait, lock"* ]]
	run --separate-stderr -2 "$CONCTRACE" flame -p $$ -o x.png
	clean_error
	run --separate-stderr -2 "$CONCTRACE" flame -p $$ --of spawn --no-probes
	clean_error
	run --separate-stderr -2 "$CONCTRACE" flame -p $$ --lock 12zz
	clean_error
	run --separate-stderr -2 "$CONCTRACE" flame -p $$ -f json
	clean_error
	run --separate-stderr -2 "$CONCTRACE" tasks -p $$ --of wait
	clean_error
}

@test "the target ends meanwhile: what was seen is written" {
	target_start "$ANY/counts"
	flame_start -o "$OUT/wait.folded"
	target_go
	target_quit
	tracer_wait
	[ "$TRACER_STATUS" = 0 ] || fail "status $TRACER_STATUS: $(cat "$TRACER_DIR/err")"
	grep -q 'main.recvUnbuffered' "$OUT/wait.folded"
}
