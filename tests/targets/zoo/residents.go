// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"net"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"conctrace.test/targets/internal/ctl"
)

//go:noinline
func recvUnbuffered(c chan int) { <-c }

//go:noinline
func recvNil() {
	var c chan int
	<-c
}

//go:noinline
func sendUnbuffered(c chan int) { c <- 1 }

//go:noinline
func sendFull(c chan int) { c <- 1 }

//go:noinline
func sendNil() {
	var c chan int
	c <- 1
}

//go:noinline
func selectMany(a, b chan int, c, d chan string) {
	select {
	case <-a:
	case b <- 1:
	case <-c:
	case d <- "":
	}
}

//go:noinline
func selectNone() { select {} }

//go:noinline
func rangeOver(c chan int) {
	for range c {
	}
}

func addChannels() {
	c, sent, full := make(chan int), make(chan int), make(chan int, 3)
	for i := 0; i < cap(full); i++ {
		full <- i
	}
	ranged := make(chan int, 8)
	keep(resident{Name: "recv", On: at("chan", c)}, func() { recvUnbuffered(c) })
	keep(resident{Name: "recv_nil"}, recvNil)
	keep(resident{Name: "send", On: at("chan", sent)}, func() { sendUnbuffered(sent) })
	keep(resident{Name: "send_full", On: at("chan", full)}, func() { sendFull(full) })
	keep(resident{Name: "send_nil"}, sendNil)
	keep(resident{Name: "range", On: at("chan", ranged)}, func() { rangeOver(ranged) })
	keep(resident{Name: "select_many"}, func() {
		selectMany(make(chan int), make(chan int), make(chan string), make(chan string))
	})
	keep(resident{Name: "select_none"}, selectNone)
}

// The locks that others wait for, by the copy of the zoo that is being set up.
var held struct {
	mutex   *sync.Mutex
	written *sync.RWMutex
	read    *sync.RWMutex
	once    *sync.Once
}

//go:noinline
func holdMutex(m *sync.Mutex, gate chan int) {
	m.Lock()
	defer m.Unlock()
	<-gate
}

//go:noinline
func holdWrite(m *sync.RWMutex, gate chan int) {
	m.Lock()
	<-gate
	m.Unlock()
}

//go:noinline
func holdRead(m *sync.RWMutex, gate chan int) {
	m.RLock()
	<-gate
	m.RUnlock()
}

//go:noinline
func runOnce(o *sync.Once, gate chan int) { o.Do(func() { <-gate }) }

func addHolders() {
	held.mutex, held.once = new(sync.Mutex), new(sync.Once)
	held.written, held.read = new(sync.RWMutex), new(sync.RWMutex)
	gate := make(chan int)
	m, w, r, o := held.mutex, held.written, held.read, held.once
	keep(resident{Name: "mutex_holder", On: at("chan", gate), Holds: at("", m).Addr},
		func() { holdMutex(m, gate) })
	keep(resident{Name: "rwmutex_writer", On: at("chan", gate), Holds: at("", w).Addr},
		func() { holdWrite(w, gate) })
	keep(resident{Name: "rwmutex_reader", On: at("chan", gate), Holds: at("", r).Addr},
		func() { holdRead(r, gate) })
	keep(resident{Name: "once_runner", On: at("chan", gate)}, func() { runOnce(o, gate) })
}

//go:noinline
func lockMutex(m *sync.Mutex) { m.Lock() }

//go:noinline
func rlock(m *sync.RWMutex) { m.RLock() }

//go:noinline
func lockRead(m *sync.RWMutex) { m.Lock() }

//go:noinline
func lockWritten(m *sync.RWMutex) { m.Lock() }

//go:noinline
func waitGroup(g *sync.WaitGroup) { g.Wait() }

//go:noinline
func waitCond(c *sync.Cond) {
	c.L.Lock()
	c.Wait()
}

func addLocks() {
	m, w, r, o := held.mutex, held.written, held.read, held.once
	group, cond := new(sync.WaitGroup), sync.NewCond(new(sync.Mutex))
	group.Add(2)
	keep(resident{Name: "mutex", On: at("sync.Mutex", m)}, func() { lockMutex(m) })
	keep(resident{Name: "mutex_second", On: at("sync.Mutex", m)}, func() { lockMutex(m) })
	keep(resident{Name: "rwmutex_rlock", On: at("sync.RWMutex", w)}, func() { rlock(w) })
	keep(resident{Name: "rwmutex_lock", On: at("sync.RWMutex", r)}, func() { lockRead(r) })
	keep(resident{Name: "rwmutex_lock_written", On: at("sync.RWMutex", w)}, func() { lockWritten(w) })
	keep(resident{Name: "waitgroup", On: at("sync.WaitGroup", group)}, func() { waitGroup(group) })
	keep(resident{Name: "cond"}, func() { waitCond(cond) })
	keep(resident{Name: "once"}, func() { o.Do(func() {}) })
}

//go:noinline
func sleep() { time.Sleep(time.Hour) }

//go:noinline
func recvTimer() { <-time.After(time.Hour) }

//go:noinline
func readSocket(c net.Conn) {
	var buf [1]byte
	_, _ = c.Read(buf[:])
}

//go:noinline
func accept(l net.Listener) { _, _ = l.Accept() }

//go:noinline
func readRawPipe(fd int) {
	var buf [1]byte
	_, _ = syscall.Read(fd, buf[:])
}

//go:noinline
func lockedRecv(c chan int) {
	runtime.LockOSThread()
	<-c
}

//go:noinline
func deep(c chan int, depth int) byte {
	var local [1024]byte
	local[depth] = byte(depth)
	if depth > 0 {
		return deep(c, depth-1) + local[depth/2]
	}
	<-c
	return local[0]
}

type stack[T any] struct{ items chan T }

//go:noinline
func (s *stack[T]) pop() T { return <-s.items }

type worker struct{ jobs chan int }

//go:noinline
func (w worker) process() { <-w.jobs }

func inlinedRecv(c chan int) { <-c }

//go:noinline
func callsInlined(c chan int) { inlinedRecv(c) }

//go:noinline
func goexits(c chan int) {
	defer func() { <-c }()
	runtime.Goexit()
}

//go:noinline
func panics(c chan int) {
	defer func() { <-c }()
	panic("held back by a deferred receive")
}

//go:noinline
func labelled(c chan int) {
	pprof.Do(context.Background(), pprof.Labels("request", "checkout", "tenant", "blue"),
		func(context.Context) { <-c })
}

type finalized struct{ c chan int }

//go:noinline
func finalize(f *finalized) { <-f.c }

//go:noinline
func spin() {
	for i := 0; ; i++ {
	}
}

func addOthers() {
	c := make(chan int)
	on := at("chan", c)
	keep(resident{Name: "sleep"}, sleep)
	keep(resident{Name: "timer"}, recvTimer)
	keep(resident{Name: "locked_thread", On: on}, func() { lockedRecv(c) })
	keep(resident{Name: "deep_stack", On: on}, func() { deep(c, 90) })
	keep(resident{Name: "closure", On: on}, func() { <-c })
	ints := &stack[int]{items: c}
	keep(resident{Name: "generic_method", On: on}, func() { ints.pop() })
	keep(resident{Name: "method_value", On: on}, worker{jobs: c}.process)
	keep(resident{Name: "inlined", On: on}, func() { callsInlined(c) })
	keep(resident{Name: "goexit", On: on}, func() { goexits(c) })
	keep(resident{Name: "panicking", On: on}, func() { panics(c) })
	keep(resident{Name: "labelled", On: on, Labels: []string{"request=checkout", "tenant=blue"}},
		func() { labelled(c) })
	addInputs()
}

func addInputs() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	peer, err := listener.Accept()
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	kept = append(kept, peer)
	keep(resident{Name: "socket_read"}, func() { readSocket(conn) })
	keep(resident{Name: "accept"}, func() { accept(listener) })
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		ctl.Fatalf("%v", err)
	}
	keep(resident{Name: "syscall", stateNow: "syscall"}, func() { readRawPipe(pipe[0]) })
}

// kept keeps what the collector would close.
var kept []interface{}

// addFinalizer makes the runtime's own finalizer goroutine wait in this program's code. There is
// only one such goroutine.
func addFinalizer() {
	home := add(resident{Name: "finalizer"})
	c := make(chan int)
	home.On = at("chan", c)
	makeFinalized(c, home)
	for home.goid() == 0 {
		runtime.GC()
		runtime.Gosched()
	}
}

//go:noinline
func makeFinalized(c chan int, home *resident) {
	runtime.SetFinalizer(&finalized{c: c}, func(f *finalized) {
		home.enter()
		finalize(f)
	})
}
