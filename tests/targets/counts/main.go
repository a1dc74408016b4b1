// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program counts does a known number of everything that conctrace counts, and says how many.
//
// A round: at each site some goroutines begin a wait of one kind. The conductor (the main
// goroutine) goes on only when a dump of all goroutines, taken with the world stopped, shows them
// parked. Then it holds for a while and releases one site after the other. So every wait blocks
// exactly once: nobody arrives late, nobody finds the event already there, no lock is taken by a
// third. The conductor waits by looking and yielding; the holds are its only own waits.
//
// Wait times are by this program's clock, read right before and after each operation. After it
// includes the time in the run queue, which is no part of the wait; so the program also says how long
// each wait took at least: until it was about to be ended.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	waiters = flag.Int("waiters", 4, "goroutines that wait at each site at the same time")
	rounds  = flag.Int("rounds", 5, "how many times the sites are gone through")
	hold    = flag.Duration("hold", 60*time.Millisecond, "shortest wait")
	batch   = flag.Int("spawn", 500, "goroutines that each spawn site creates")
	leaks   = flag.Int("leak", 7, "goroutines left blocked for ever, at each of two sites")
	early   = flag.Int("early", 3, "goroutines parked before the measured phase that end in it")
	profile = flag.Bool("profile", false, "also report Go's own block and mutex profiles, at rate 1")
)

// object is what a wait was for, as far as it has an address.
type object struct {
	Kind string `json:"kind"` // "chan", or the lock's type
	Addr string `json:"addr"`
	Cap  *int   `json:"cap,omitempty"`
}

// site is one function that waits, and what happened there.
type site struct {
	Function string    `json:"function"`
	Frame    ctl.Frame `json:"frame"` // as in Go's own dump
	Class    string    `json:"class"` // "chan", "select", "lock", "cond", "sleep" or "io"
	Reason   string    `json:"wait_reason"`
	Parks    int64     `json:"parks"`
	Waits    int64     `json:"waits"` // ended
	WaitNs   int64     `json:"wait_ns"`
	LeastNs  int64     `json:"wait_ns_least"`
	MaxNs    int64     `json:"wait_ns_max"`

	n       int                                    // waiters
	timed   bool                                   // ends by itself
	due     func(i int, begin time.Time) time.Time // when it does
	prepare func()                                 // before the waiters start
	wait    func(i int)                            // blocks; waiter i
	after   func(i int)                            // what the waiter does once it came back
	release func(i int)                            // lets waiter i, or some waiter, go on
	object  func(i int) object                     // what waiter i waits for
	running []waiter
	done    int64
}

type waiter struct {
	goid  int64
	begin time.Time
	ns    int64
}

// tally is what happened to one object.
type tally struct {
	object
	Waits   int64            `json:"waits"`
	WaitNs  int64            `json:"wait_ns"`
	LeastNs int64            `json:"wait_ns_least"`
	ByOp    map[string]int64 `json:"by_op,omitempty"`
	Sites   map[string]int64 `json:"sites"`
}

type conductor struct {
	sites   []*site
	holds   site
	objects map[string]*tally
	left    []*site       // what waits for ever
	gate    chan struct{} // the early goroutines wait here
}

// run is one waiter's life.
func (s *site) run(i int, from *spawnSite) {
	w := &s.running[i]
	atomic.StoreInt64(&w.goid, ctl.Goid())
	w.begin = time.Now()
	s.wait(i)
	w.ns = int64(time.Since(w.begin))
	if s.after != nil {
		s.after(i)
	}
	from.exiting()
	atomic.AddInt64(&s.done, 1)
}

// launch starts a site's waiters and returns when all are parked.
func (c *conductor) launch(s *site) {
	if s.prepare != nil {
		s.prepare()
	}
	s.done = 0
	s.running = make([]waiter, s.n)
	for i := 0; i < s.n; i++ {
		go s.run(i, spawnWaiter.next())
	}
	for !s.parked() {
		runtime.Gosched()
	}
	s.Parks += int64(s.n)
}

func (s *site) parked() bool {
	for i := range s.running {
		if atomic.LoadInt64(&s.running[i].goid) == 0 {
			return false
		}
	}
	states := ctl.States()
	for i := range s.running {
		state, alive := states[s.running[i].goid]
		if s.timed && (!alive || atomic.LoadInt64(&s.done) > 0) {
			continue
		}
		if !ctl.Waiting(state.Reason) {
			return false
		}
		s.learn(state)
	}
	return true
}

// learn takes the wait reason and place from Go's own dump.
func (s *site) learn(state ctl.State) {
	frame, ok := state.App()
	if !ok || frame.Function != s.Function {
		ctl.Fatalf("%s: waits in %+v", s.Function, state)
	}
	if s.Reason != "" && (s.Reason != state.Reason || s.Frame != frame) {
		ctl.Fatalf("%s: %+v, before %s at %+v", s.Function, state, s.Reason, s.Frame)
	}
	s.Reason, s.Frame = state.Reason, frame
}

// finish lets a site's waiters go and books what they did.
func (c *conductor) finish(s *site) {
	released := time.Now()
	for i := 0; i < s.n; i++ {
		if s.release != nil {
			s.release(i)
		}
	}
	for atomic.LoadInt64(&s.done) < int64(s.n) {
		runtime.Gosched()
	}
	for i := range s.running {
		w := &s.running[i]
		end := released
		if s.due != nil {
			end = s.due(i, w.begin)
		}
		least := int64(end.Sub(w.begin))
		s.book(w.ns, least)
		if s.object != nil {
			c.tally(s.object(i), s, w.ns, least)
		}
	}
}

func (s *site) book(ns, least int64) {
	s.Waits++
	s.WaitNs += ns
	s.LeastNs += least
	if ns > s.MaxNs {
		s.MaxNs = ns
	}
}

func (c *conductor) tally(o object, s *site, ns, least int64) {
	t := c.objects[o.Addr]
	if t == nil {
		t = &tally{object: o, Sites: map[string]int64{}}
		if o.Kind == "chan" {
			t.ByOp = map[string]int64{}
		}
		c.objects[o.Addr] = t
	}
	t.Waits++
	t.WaitNs += ns
	t.LeastNs += least
	t.Sites[s.Function]++
	if t.ByOp != nil {
		t.ByOp[s.Reason]++
	}
}

//go:noinline
func holdStill(d time.Duration) {
	time.Sleep(d)
}

func (c *conductor) round() {
	for _, s := range c.sites {
		c.launch(s)
	}
	begin := time.Now()
	holdStill(*hold)
	c.holds.Parks++
	c.holds.book(int64(time.Since(begin)), int64(*hold))
	for _, s := range c.sites {
		c.finish(s)
	}
}

// goes is the measured phase.
func (c *conductor) goes() {
	before := runtime.NumGoroutine()
	for i := 0; i < *rounds; i++ {
		c.round()
	}
	left := c.spawnAll()
	close(c.gate)
	ctl.Settle(before - *early + left)
}

type report struct {
	Go     string           `json:"go"`
	Counts map[string]int64 `json:"counts"`
	Sites  []*site          `json:"sites"`
	Spawns []*spawnSite     `json:"spawns"`
	Locks  []*tally         `json:"locks"`
	Chans  []*tally         `json:"channels"`
	Blocks []profileRow     `json:"block_profile,omitempty"`
	Mutex  []profileRow     `json:"mutex_profile,omitempty"`
}

func (c *conductor) report() interface{} {
	r := report{Go: runtime.Version(), Counts: map[string]int64{}, Spawns: spawnSites}
	r.Sites = append(append([]*site{}, c.sites...), &c.holds)
	r.Sites = append(r.Sites, c.left...)
	for _, s := range r.Sites {
		r.Counts["parks"] += s.Parks
		r.Counts["waits"] += s.Waits
	}
	for _, s := range spawnSites {
		r.Counts["spawned"] += s.Spawned
		r.Counts["exited"] += s.Exited
	}
	r.Counts["exited"] += int64(*early)
	r.Counts["early"] = int64(*early)
	for _, t := range c.objects {
		if t.Kind == "chan" {
			r.Chans = append(r.Chans, t)
		} else {
			r.Locks = append(r.Locks, t)
		}
	}
	sort.Slice(r.Chans, func(i, j int) bool { return r.Chans[i].Addr < r.Chans[j].Addr })
	sort.Slice(r.Locks, func(i, j int) bool { return r.Locks[i].Addr < r.Locks[j].Addr })
	if *profile {
		r.Blocks, r.Mutex = profiles()
	}
	return r
}

func main() {
	ctl.Parse()
	if *waiters < 1 || *rounds < 0 || *batch < 0 || *leaks < 0 || *early < 0 {
		fmt.Fprintln(os.Stderr, "counts: a number is too small")
		os.Exit(2)
	}
	// A collection would park and ready goroutines of the runtime, and spawn its workers.
	debug.SetGCPercent(-1)
	if *profile {
		runtime.SetBlockProfileRate(1)
		runtime.SetMutexProfileFraction(1)
	}
	c := &conductor{
		objects: map[string]*tally{},
		gate:    make(chan struct{}),
		holds:   site{Function: "main.holdStill", Class: "sleep", Reason: "sleep"},
	}
	c.sites = allSites(*waiters)
	c.parkEarly()
	ctl.Run(ctl.Program{Go: c.goes, Report: c.report})
}
