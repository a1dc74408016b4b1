// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"runtime"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

// spawnSite is one go statement. Its counters are changed by many goroutines and never under a
// lock, which would be waited for.
type spawnSite struct {
	Function string `json:"function"`
	Line     int64  `json:"line"`
	Spawned  int64  `json:"spawned"`
	Exited   int64  `json:"exited"`
}

var (
	spawnWaiter = &spawnSite{Function: "main.(*conductor).launch"}
	spawnPlain  = &spawnSite{Function: "main.spawnReturning"}
	spawnGoexit = &spawnSite{Function: "main.spawnGoexiting"}
	spawnPanic  = &spawnSite{Function: "main.spawnRecovering"}
	spawnOuter  = &spawnSite{Function: "main.spawnParents"}
	spawnInner  = &spawnSite{Function: "main.parent"}
	spawnLeak   = &spawnSite{Function: "main.spawnLeaking"}
	spawnNil    = &spawnSite{Function: "main.spawnNilLeaking"}

	spawnSites = []*spawnSite{spawnWaiter, spawnPlain, spawnGoexit, spawnPanic, spawnOuter,
		spawnInner, spawnLeak, spawnNil}
)

// next counts one goroutine more; for use among the arguments of the go statement itself.
func (s *spawnSite) next() *spawnSite {
	pc, _, line, _ := runtime.Caller(1)
	if name := runtime.FuncForPC(pc).Name(); name != s.Function {
		ctl.Fatalf("%s spawns what is booked for %s", name, s.Function)
	}
	atomic.StoreInt64(&s.Line, int64(line))
	atomic.AddInt64(&s.Spawned, 1)
	return s
}

func (s *spawnSite) exiting() { atomic.AddInt64(&s.Exited, 1) }

func returning(from *spawnSite) { from.exiting() }

func goexiting(from *spawnSite) {
	defer from.exiting()
	runtime.Goexit()
}

func recovering(from *spawnSite) {
	defer from.exiting()
	defer func() { _ = recover() }()
	panic("expected")
}

func parent(from *spawnSite) {
	for i := 0; i < 2; i++ {
		go returning(spawnInner.next())
	}
	from.exiting()
}

//go:noinline
func leakRecv(c chan int, _ *spawnSite) { <-c }

//go:noinline
func leakNil(_ *spawnSite) { var c chan int; <-c }

//go:noinline
func spawnReturning(n int) {
	for i := 0; i < n; i++ {
		go returning(spawnPlain.next())
	}
}

//go:noinline
func spawnGoexiting(n int) {
	for i := 0; i < n; i++ {
		go goexiting(spawnGoexit.next())
	}
}

//go:noinline
func spawnRecovering(n int) {
	for i := 0; i < n; i++ {
		go recovering(spawnPanic.next())
	}
}

//go:noinline
func spawnParents(n int) {
	for i := 0; i < n; i++ {
		go parent(spawnOuter.next())
	}
}

//go:noinline
func spawnLeaking(n int, c chan int) {
	for i := 0; i < n; i++ {
		go leakRecv(c, spawnLeak.next())
	}
}

//go:noinline
func spawnNilLeaking(n int) {
	for i := 0; i < n; i++ {
		go leakNil(spawnNil.next())
	}
}

// spawnAll runs every spawn site and says how many goroutines stay.
func (c *conductor) spawnAll() int {
	spawnReturning(*batch)
	spawnGoexiting(*batch)
	spawnRecovering(*batch)
	spawnParents(*batch)
	spawnLeaking(*leaks, make(chan int))
	spawnNilLeaking(*leaks)
	c.left = append(c.left, c.leftAt("main.leakRecv"), c.leftAt("main.leakNil"))
	return 2 * *leaks
}

// leftAt waits until all leaked goroutines have parked in a function.
func (c *conductor) leftAt(function string) *site {
	s := &site{Function: function, Class: "chan"}
	for s.Parks != int64(*leaks) {
		s.Parks = 0
		for _, state := range ctl.States() {
			if frame, ok := state.App(); ok && frame.Function == function &&
				ctl.Waiting(state.Reason) {
				s.learn(state)
				s.Parks++
			}
		}
		runtime.Gosched()
	}
	return s
}

//go:noinline
func earlyRecv(gate chan struct{}) { <-gate }

// parkEarly creates goroutines that are parked when the measured phase begins: a tracer that was
// attached in between sees them end, but neither begin nor wait.
func (c *conductor) parkEarly() {
	for i := 0; i < *early; i++ {
		go earlyRecv(c.gate)
	}
	for parked := 0; parked < *early; {
		parked = 0
		for _, state := range ctl.States() {
			if frame, ok := state.App(); ok && frame.Function == "main.earlyRecv" &&
				ctl.Waiting(state.Reason) {
				parked++
			}
		}
		runtime.Gosched()
	}
}
