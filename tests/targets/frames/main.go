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

// What the functions below are called with is what the dump has to show.

type small struct {
	a int8
	b bool
	c uint16
	d float32
	e complex64
}

type deep struct{ a struct{ b struct{ c struct{ d struct{ e int } } } } }

// Where it came in registers, its place on the stack is written when it lives across the call.
//
//go:noinline
func integers(a int8, b uint16, c int32, d uint64, e bool) int64 {
	wait()
	return int64(a) + int64(b) + int64(c) + int64(d)
}

// Nothing lives on: all are marked as what may be anything.
//
//go:noinline
func forgotten(a, b int, s string) { wait() }

//go:noinline
func texts(s string, p []byte, e error, any interface{}, m map[string]int, c chan int, f func()) int {
	wait()
	return len(s) + len(p) + len(m) + cap(c)
}

//go:noinline
func floats(a float64, b float32, c complex128) float64 {
	wait()
	return a + float64(b) + real(c)
}

// More than are printed.
//
//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k, l int) int {
	wait()
	return a + l
}

//go:noinline
func variadic(a int, rest ...string) int {
	wait()
	return a + len(rest)
}

//go:noinline
func structs(s small, empty struct{}, none [0]int, one [1]int16, d deep) int {
	wait()
	return int(s.a) + int(one[0]) + d.a.b.c.d.e
}

// Arrays are passed on the stack; behind so many bytes the table cannot describe them.
//
//go:noinline
func arrays(a [3]int32, far [30]int64, s string, b [2]struct{ x, y int16 }) int {
	wait()
	return int(a[1]) + len(s)
}

//go:noinline
func tooFar(huge struct{ pad [4][100]int }, a, b int) int {
	wait()
	return a + b
}

//go:noinline
func lateUse(a, b *int, n int) int {
	if n > 3 {
		*a += n
	}
	wait()
	return *b
}

//go:noinline
func (s small) value(n int) int { wait(); return n + int(s.c) }

//go:noinline
func (s *small) pointer(n int) int { wait(); return n + int(s.c) }

//go:noinline
func generic[T any, U comparable](a T, b U, c []T) int { wait(); return len(c) }

// Inlined into its caller, at the place where the caller waits.
func inlinedWait(n int) int { wait(); return n }

//go:noinline
func waitsInlined(a, b int) int { return inlinedWait(a*b) + b }

//go:noinline
func deepArguments(n int, s string) int {
	if n == 0 {
		wait()
		return len(s)
	}
	return deepArguments(n-1, s) + n
}

//go:noinline
func named(a int) (n int, err error) {
	defer func() { n++ }()
	wait()
	return a, nil
}

//go:noinline
func assembly(p *int64) {
	atomic.AddInt64(p, 1)
	wait()
}

func addArguments() {
	x, y := 17, 42
	word := int64(3)
	text := "a text"
	s := small{-1, true, 0xbeef, 1.5, complex(2, -3)}
	keep(func() { integers(-5, 0xffff, -70000, 1<<63, true) })
	keep(func() { forgotten(1, 2, text) })
	keep(func() { texts(text, []byte{1, 2}, os.ErrExist, 12, map[string]int{"": 1}, gate, wait) })
	keep(func() { texts("", nil, nil, nil, nil, nil, nil) })
	keep(func() { floats(1.25, -2, complex(3, 4)) })
	keep(func() { many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) })
	keep(func() { variadic(7, text, "") })
	keep(func() { variadic(8) })
	keep(func() { structs(s, struct{}{}, [0]int{}, [1]int16{-2}, deep{}) })
	keep(func() { arrays([3]int32{1, -2, 3}, [30]int64{0: 5}, text, [2]struct{ x, y int16 }{}) })
	keep(func() { tooFar(struct{ pad [4][100]int }{}, 5, 6) })
	keep(func() { lateUse(&x, &y, 3) })
	keep(func() { s.value(9) })
	keep(func() { s.pointer(10) })
	keep(func() { generic(text, 5, []string{text}) })
	keep(func() { generic(s, 5.5, nil) })
	keep(func() { waitsInlined(3, 4) })
	keep(func() { deepArguments(40, text) })
	keep(func() { deepArguments(300, text) })
	keep(func() { _, _ = named(11) })
	keep(func() { assembly(&word) })
	keep(func() { reflect.ValueOf(s.value).Call([]reflect.Value{reflect.ValueOf(13)}) })
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
	addArguments()
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
