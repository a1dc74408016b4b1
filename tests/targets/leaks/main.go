// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program leaks has goroutine leaks and deadlocks of many patterns, each with its fixed twin. Its
// report says which goroutines can never run again, by construction; with Go 1.26 and 1.27 the
// command profile says which ones Go's own goroutineleak profile finds.
//
//	leaks -list
//	leaks -case early_return,abba [-fixed] [-copies N]
//	leaks -case all
//	leaks -case none -movers N
//	leaks -case all -collect APART
//	leaks -case none -queued N
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	chosen = flag.String("case", "all", "the `cases` to run, separated by commas")
	fixed  = flag.Bool("fixed", false, "their healthy twins")
	list   = flag.Bool("list", false, "print the cases' names")
	copies = flag.Int("copies", 1, "run each so many times")
)

// pattern is one case; run must return, and leaves behind what it leaves behind.
type pattern struct {
	name string
	run  func(r *run)
}

// run is one pattern being played. It knows goroutines by their ids only: it must not keep alive
// what they wait for.
type run struct {
	name  string
	fixed bool

	mu     sync.Mutex
	leaks  []int64 // never to run again
	lives  []int64 // blocked for now, but somebody can wake them
	extra  int     // leaks of goroutines that the standard library made
	starts int32   // goroutines under way to their ids
}

func (r *run) start(note *[]int64, f func()) {
	atomic.AddInt32(&r.starts, 1)
	go func() {
		id := ctl.Goid()
		r.mu.Lock()
		if note != nil {
			*note = append(*note, id)
		}
		r.mu.Unlock()
		atomic.AddInt32(&r.starts, -1)
		f()
		r.left(id)
	}()
}

// left is called by a goroutine that ends: in the fixed twin all do that, or stay for a reason.
func (r *run) left(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.lives {
		if r.lives[i] == id {
			r.lives = append(r.lives[:i], r.lives[i+1:]...)
			return
		}
	}
	for i := range r.leaks {
		if r.leaks[i] == id {
			ctl.Fatalf("%s: a goroutine that should be stuck has ended", r.name)
		}
	}
}

// leak starts a goroutine that gets stuck for ever, unless this is the fixed twin.
func (r *run) leak(f func()) {
	if r.fixed {
		r.start(&r.lives, f)
		return
	}
	r.start(&r.leaks, f)
}

// live starts a goroutine that ends, or can be woken.
func (r *run) live(f func()) { r.start(&r.lives, f) }

// alive keeps things reachable, as a program's own tables do.
var alive struct {
	mu     sync.Mutex
	things []interface{}
}

func keep(things ...interface{}) {
	alive.mu.Lock()
	alive.things = append(alive.things, things...)
	alive.mu.Unlock()
}

// until gives the others a chance until the condition holds.
func until(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// stuck says whether all goroutines that are to be stuck are so, and the others have come to rest.
func (r *run) stuck(states map[int64]ctl.State) bool {
	if atomic.LoadInt32(&r.starts) != 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range append(append([]int64(nil), r.leaks...), r.lives...) {
		if s, ok := states[id]; ok && !ctl.Waiting(s.Reason) {
			return false
		}
	}
	return true
}

func patterns() []pattern {
	var all []pattern
	for _, some := range [][]pattern{channelCases, lockCases, serviceCases, versionCases} {
		all = append(all, some...)
	}
	return all
}

func choose() []pattern {
	switch *chosen {
	case "all":
		return patterns()
	case "none":
		return nil
	}
	var some []pattern
	for _, name := range strings.Split(*chosen, ",") {
		found := false
		for _, p := range patterns() {
			if p.name == name {
				some, found = append(some, p), true
			}
		}
		if !found {
			ctl.Fatalf("there is no case %q", name)
		}
	}
	return some
}

// play runs a case on a goroutine of its own, whose stack is gone afterwards.
func play(p pattern, r *run) {
	over := new(int32)
	go func() {
		p.run(r)
		atomic.StoreInt32(over, 1)
	}()
	until(func() bool { return atomic.LoadInt32(over) == 1 })
}

type truth struct {
	Case  string  `json:"case"`
	Leaks []int64 `json:"leaks"`
	Extra int     `json:"extra"`
}

func report(runs []*run) interface{} {
	rows := []truth{}
	for _, r := range runs {
		r.mu.Lock()
		row := truth{Case: r.name, Leaks: append([]int64{}, r.leaks...), Extra: r.extra}
		r.mu.Unlock()
		rows = append(rows, row)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return map[string]interface{}{"go": runtime.Version(), "fixed": *fixed, "cases": rows,
		"queued": atomic.LoadInt64(&awaiting), "collections": memory.NumGC}
}

var leakedHead = regexp.MustCompile(`(?m)^goroutine (\d+)[^\[\n]*\[[^\]\n]*\(leaked\)`)

// profile prints the ids that Go's own profile has, or null where there is no such profile.
func profile(string) {
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		fmt.Println("profile null")
		return
	}
	var dump bytes.Buffer
	if err := profile.WriteTo(&dump, 2); err != nil {
		ctl.Fatalf("goroutineleak: %v", err)
	}
	ids := []int64{}
	for _, m := range leakedHead.FindAllSubmatch(dump.Bytes(), -1) {
		id, _ := strconv.ParseInt(string(m[1]), 10, 64)
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	line, _ := json.Marshal(ids)
	fmt.Printf("profile %s\n", line)
}

func main() {
	ctl.Parse()
	if *list {
		for _, p := range patterns() {
			fmt.Println(p.name)
		}
		return
	}
	var runs []*run
	for _, p := range choose() {
		for i := 0; i < *copies; i++ {
			r := &run{name: p.name, fixed: *fixed}
			runs = append(runs, r)
			play(p, r)
		}
	}
	until(func() bool {
		states := ctl.States()
		for _, r := range runs {
			if !r.stuck(states) {
				return false
			}
		}
		return true
	})
	if *queued > 0 {
		queueFinalizers(*queued)
	}
	ctl.Run(ctl.Program{
		Go:       startMovers,
		Endless:  true,
		Stop:     stopMovers,
		Report:   func() interface{} { return report(runs) },
		Commands: map[string]func(string){"profile": profile},
	})
}
