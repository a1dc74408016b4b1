// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program frames keeps goroutines whose stacks are hard to walk or to print: as long as the limits
// of Go's dump and beyond, inlined at the cut, through wrappers, signals, reflection and panics.
// Its report is Go's own dump of all.
package main

import (
	"flag"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var deepest = flag.Int("deepest", 20000, "calls of the deepest recursion")

var (
	gate    = make(chan int)
	entered int64
	wanted  int64
)

// keep starts a goroutine that is going to wait at the gate.
func keep(f func()) {
	wanted++
	go f()
}

//go:noinline
func wait() {
	atomic.AddInt64(&entered, 1)
	<-gate
}

//go:noinline
func recurse(n int) int {
	if n == 0 {
		wait()
		return 0
	}
	return recurse(n-1) + 1
}

// Two of three calls are inlined.
func inlinedOnce(n int) int  { return inlinedTwice(n) + 1 }
func inlinedTwice(n int) int { return halfInlined(n-1) + 1 }

//go:noinline
func halfInlined(n int) int {
	if n <= 0 {
		wait()
		return 0
	}
	return inlinedOnce(n) + 1
}

type waiter interface{ Wait(n int) int }
type inner struct{ pad [4]int }
type outer struct {
	name string
	inner
}

//go:noinline
func (i inner) Wait(n int) int {
	wait()
	return i.pad[n]
}

// The method of outer is a wrapper that the compiler makes.
//
//go:noinline
func throughWrapper(w waiter) { w.Wait(1) }

//go:noinline
func throughMethodValue(f func(int) int) { f(2) }

//go:noinline
func throughReflection() { reflect.ValueOf(wait).Call(nil) }

//go:noinline
func load(p *int) int { return *p }

//go:noinline
func faults(p *int) {
	defer wait()
	load(p)
}

//go:noinline
func divides(n int) (r int) {
	defer wait()
	return 7 / n
}

//go:noinline
func callsNil(f func()) {
	defer wait()
	f()
}

// The wrapper itself panics: a value method through a nil pointer.
//
//go:noinline
func panicsInWrapper(w waiter) {
	defer wait()
	w.Wait(0)
}

//go:noinline
func indexes(a []int, i int) int {
	defer wait()
	return a[i]
}

//go:noinline
func panicsTwice() {
	defer wait()
	defer func() { panic("second") }()
	panic("first")
}

//go:noinline
func recovers() {
	defer func() {
		_ = recover()
		wait()
	}()
	panic("recovered")
}

//go:noinline
func panicsDeep(n int) {
	if n == 0 {
		defer wait()
		panic("deep")
	}
	panicsDeep(n - 1)
}

//go:noinline
func bigFrame(n int) byte {
	var local [70000]byte
	local[n] = 1
	wait()
	return local[n/2]
}

type list[T any] struct{ items []T }

//go:noinline
func each[T any](items []T, f func(T)) {
	for _, item := range items {
		f(item)
	}
}

//go:noinline
func (l *list[T]) each(f func(T)) { each(l.items, f) }

//go:noinline
func neverStarted(c chan int) { <-c }

func addStacks() {
	for _, n := range []int{0, 10, 45, 46, 47, 48, 49, 50, 95, 96, 97, 98, 99, 100, 101, 102, 150, 1000,
		*deepest} {
		n := n
		keep(func() { recurse(n) })
	}
	for n := 14; n < 60; n++ {
		n := n
		keep(func() { halfInlined(n) })
	}
	keep(func() { bigFrame(60000) })
}

func addCalls() {
	o := outer{name: "outer"}
	keep(func() { throughWrapper(o) })
	keep(func() { throughWrapper(&o) })
	keep(func() { throughWrapper(o.inner) })
	keep(func() { throughMethodValue(o.Wait) })
	keep(func() { throughMethodValue(waiter(&o).Wait) })
	keep(func() { throughMethodValue(func(n int) int { return outer.Wait(o, n) }) })
	keep(throughReflection)
	keep(func() { (&list[string]{items: []string{""}}).each(func(string) { wait() }) })
	keep(func() { each([]map[string][]int{nil}, func(map[string][]int) { wait() }) })
	keep(func() { new(sync.Once).Do(func() { new(sync.Once).Do(wait) }) })
	keep(func() { sync.NewCond(new(sync.Mutex)); defer wait(); runtime.Goexit() })
	time.AfterFunc(time.Nanosecond, wait)
	wanted++
}

func addPanics() {
	keep(func() { faults(nil) })
	keep(func() { divides(0) })
	keep(func() { callsNil(nil) })
	keep(func() { panicsInWrapper((*outer)(nil)) })
	keep(func() { indexes(nil, 3) })
	keep(panicsTwice)
	keep(recovers)
	keep(func() { panicsDeep(60) })
}

// addPreempted makes goroutines that a signal stopped in the middle, and ones that never began.
func addPreempted() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	keep(func() {
		atomic.AddInt64(&entered, 1)
		<-signals
	})
}

var dump = make([]byte, 64<<20)

func main() {
	ctl.Parse()
	addStacks()
	addCalls()
	addPanics()
	addPreempted()
	for atomic.LoadInt64(&entered) < wanted {
		time.Sleep(time.Millisecond)
	}
	ctl.Run(ctl.Program{
		Report: func() interface{} {
			return map[string]string{"dump": string(dump[:runtime.Stack(dump, true)])}
		},
	})
}
