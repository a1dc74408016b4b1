// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program holders keeps locks held, each in another way that Go programs hold locks, and somebody waiting
// for every one of them; with -case, goroutines that wait for each other. Its report says who holds what.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	one   = flag.String("case", "", "only this `name`: a kind of holder or a way to wait for each other")
	fixed = flag.Bool("fixed", false, "the case without its fault")
	known = flag.Bool("known", false, "of a deadlock through a channel: a global variable leads to it, too")
	count = flag.Int("n", 0, "goroutines of cases that have many")

	bystanders = flag.Int("bystanders", 0, "goroutines that have nothing to do with it, in the convoy")
	list       = flag.Bool("list", false, "print the names of the cases, and end")
	only       = flag.String("only", "", "of the kinds of holder, only those whose name is this")
)

// claim says that a goroutine holds a lock.
type claim struct {
	Kind string `json:"kind"`
	Lock string `json:"lock"`
	Mode string `json:"mode"` // "lock", "write" or "read"
	Goid int64  `json:"goid"`
}

// role is a goroutine of a case by its name.
type role struct {
	Name string `json:"name"`
	goid int64
}

type truth struct {
	Go     string           `json:"go"`
	Holds  []claim          `json:"holds"`
	Waits  []string         `json:"waited_for"` // locks that somebody waits for
	Nobody []string         `json:"nobody"`     // of these nobody in the program is the holder to be named
	Goids  map[string]int64 `json:"goids"`
	Stuck  [][]string       `json:"stuck"` // names of goroutines that wait for each other for ever
	Root   string           `json:"root,omitempty"`
	Behind int              `json:"behind"`
}

var (
	report truth
	parked []*int64 // goroutines that must be waiting before the report is true
)

func yield() { runtime.Gosched() }

func addr(p interface{}) string { return fmt.Sprintf("%p", p) }

// spawn starts a goroutine and returns where its id will be.
func spawn(f func()) *int64 {
	goid := new(int64)
	go func() {
		atomic.StoreInt64(goid, ctl.Goid())
		f()
	}()
	return goid
}

// named starts a goroutine of a case.
func named(name string, f func()) *int64 {
	goid := spawn(f)
	names = append(names, name)
	goids = append(goids, goid)
	parked = append(parked, goid)
	return goid
}

var (
	names []string
	goids []*int64
)

func waiting(states map[int64]ctl.State, goid *int64) bool {
	s, ok := states[atomic.LoadInt64(goid)]
	return ok && ctl.Waiting(s.Reason)
}

// settle returns when everybody waits who has to.
func settle() {
	for {
		states, all := ctl.States(), true
		for _, goid := range parked {
			all = all && waiting(states, goid)
		}
		if all {
			return
		}
		runtime.Gosched()
	}
}

func main() {
	ctl.Parse()
	if *list {
		for _, c := range cases {
			fmt.Println(c.name)
		}
		return
	}
	report.Go, report.Goids = runtime.Version(), map[string]int64{}
	report.Holds, report.Waits, report.Nobody = []claim{}, []string{}, []string{}
	report.Stuck = [][]string{}
	if *one == "" {
		addHolders()
	} else {
		runCase()
	}
	settle()
	ctl.Run(ctl.Program{
		Commands: map[string]func(string){"open": func(string) {
			beforeOpen()
			close(opened)
			for runtime.NumGoroutine() > 1+len(parked) {
				yield()
			}
			settle()
			fmt.Println("opened")
		}},
		Report: func() interface{} {
			settle()
			for i, name := range names {
				report.Goids[name] = atomic.LoadInt64(goids[i])
			}
			return report
		},
	})
}
