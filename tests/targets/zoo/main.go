// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program zoo keeps a goroutine in every state that the runtime knows. Its report says of each what
// Go's own dump says, and what it waits for.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	copies = flag.Int("copies", 1, "goroutines of each kind")
	busy   = flag.Bool("busy", false, "also one that never stops running")
)

// resident is one goroutine of the zoo.
type resident struct {
	Name     string      `json:"name"`
	Goid     int64       `json:"goid"`
	State    string      `json:"state"`
	Reason   string      `json:"wait_reason,omitempty"`
	Locked   bool        `json:"locked,omitempty"`
	On       *object     `json:"waiting_on,omitempty"`
	Labels   []string    `json:"labels,omitempty"`
	Frame    *ctl.Frame  `json:"frame"`
	Stack    []ctl.Frame `json:"stack"`
	Holds    string      `json:"holds,omitempty"` // address of the lock that it holds
	stateNow string      // the state in which it is at home
}

type object struct {
	Kind string `json:"kind"`
	Addr string `json:"addr"`
}

func at(kind string, p interface{}) *object {
	return &object{Kind: kind, Addr: fmt.Sprintf("%p", p)}
}

var residents []*resident

// enter gives a goroutine that does not start by itself a place; it is called on it.
func (r *resident) enter() { atomic.StoreInt64(&r.Goid, ctl.Goid()) }

func add(r resident) *resident {
	if r.stateNow == "" {
		r.stateNow = "waiting"
	}
	residents = append(residents, &r)
	return &r
}

// keep starts a goroutine that is to stay in `live`.
func keep(r resident, live func()) {
	home := add(r)
	go home.stay(live)
}

func (r *resident) stay(live func()) {
	r.enter()
	live()
	ctl.Fatalf("%s: left", r.Name)
}

// atHome says whether everybody is where they belong, and notes it.
func atHome() bool {
	states := ctl.States()
	for _, r := range residents {
		s, ok := states[atomic.LoadInt64(&r.Goid)]
		if !ok {
			return false
		}
		r.State, r.Reason, r.Locked, r.Stack = s.Reason, "", s.Locked, s.Stack
		if ctl.Waiting(s.Reason) {
			r.State, r.Reason = "waiting", s.Reason
		}
		if frame, ok := s.App(); ok {
			r.Frame = &frame
		}
		running := r.State == "running" || r.State == "runnable"
		if r.State != r.stateNow && !(r.stateNow == "running" && running) {
			return false
		}
	}
	return true
}

func settle() {
	for !atHome() {
		runtime.Gosched()
	}
}

func main() {
	ctl.Parse()
	for i := 0; i < *copies; i++ {
		// Holders before those who wait for them.
		addHolders()
		settle()
		addChannels()
		addLocks()
		addOthers()
	}
	addOptional()
	if *busy {
		keep(resident{Name: "busy", stateNow: "running"}, spin)
	}
	settle()
	ctl.Run(ctl.Program{
		Report: func() interface{} {
			settle()
			return map[string]interface{}{"go": runtime.Version(), "residents": residents}
		},
	})
}
