// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"conctrace.test/targets/internal/ctl"
)

// holder is the goroutine of one kind while it takes its lock.
type holder struct {
	kind string
	gate chan int // nobody ever sends
	took chan int // closed once the lock is held
}

// took notes that the calling goroutine holds the lock.
func (h *holder) holds(lock interface{}, mode string) {
	report.Holds = append(report.Holds, claim{h.kind, addr(lock), mode, ctl.Goid()})
	close(h.took)
}

// hold runs f, which takes a lock, on a goroutine of its own until it has it.
func hold(kind string, parks bool, f func(h *holder)) {
	if *only != "" && *only != kind {
		return
	}
	h := &holder{kind, make(chan int), make(chan int)}
	goid := spawn(func() { f(h) })
	<-h.took
	if parks {
		parked = append(parked, goid)
	}
}

// wanted makes somebody wait for a lock that is held.
func wanted(kind string, lock interface{}, l sync.Locker) {
	if *only != "" && *only != kind {
		return
	}
	report.Waits = append(report.Waits, addr(lock))
	parked = append(parked, spawn(func() { l.Lock() }))
}

var (
	globalMutex sync.Mutex
	globalStore struct {
		name string
		mu   sync.Mutex
		data map[string]int
	}
)

type store struct {
	name string
	mu   sync.Mutex
	rw   sync.RWMutex
	n    int
}

type embedding struct {
	n int
	sync.Mutex
}

type box[T any] struct {
	value T
	mu    sync.Mutex
}

//go:noinline
func (b *box[T]) hold(h *holder, value T) {
	b.mu.Lock()
	b.value = value
	h.holds(&b.mu, "lock")
	<-h.gate
	b.mu.Unlock()
}

//go:noinline
func holdGlobal(h *holder) {
	globalMutex.Lock()
	h.holds(&globalMutex, "lock")
	<-h.gate
	globalMutex.Unlock()
}

//go:noinline
func holdGlobalField(h *holder) {
	globalStore.mu.Lock()
	defer globalStore.mu.Unlock()
	h.holds(&globalStore.mu, "lock")
	<-h.gate
}

//go:noinline
func (s *store) holdField(h *holder) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	s.n += <-h.gate
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdDeferred(h *holder) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.holds(&s.mu, "lock")
	return <-h.gate
}

//go:noinline
func (s *store) holdDeferredClosure(h *holder) (n int) {
	s.mu.Lock()
	defer func() {
		n = s.n
		s.mu.Unlock()
	}()
	h.holds(&s.mu, "lock")
	return <-h.gate
}

//go:noinline
func holdEmbedded(e *embedding, h *holder) {
	e.Lock()
	h.holds(&e.Mutex, "lock")
	<-h.gate
	e.Unlock()
}

//go:noinline
func holdPointer(mu *sync.Mutex, h *holder) {
	mu.Lock()
	h.holds(mu, "lock")
	<-h.gate
	mu.Unlock()
}

//go:noinline
func holdInterface(l sync.Locker, h *holder) {
	l.Lock()
	h.holds(l.(*sync.Mutex), "lock")
	<-h.gate
	l.Unlock()
}

//go:noinline
func holdInterfaceDeferred(l sync.Locker, h *holder) {
	l.Lock()
	defer l.Unlock()
	h.holds(l.(*sync.Mutex), "lock")
	<-h.gate
}

//go:noinline
func (s *store) acquire() *store {
	s.mu.Lock()
	s.n++
	return s
}

//go:noinline
func (s *store) release() {
	s.n--
	s.mu.Unlock()
}

//go:noinline
func holdFromHelper(s *store, h *holder) {
	s.acquire()
	h.holds(&s.mu, "lock")
	<-h.gate
	s.mu.Unlock()
}

//go:noinline
func holdByHelpers(s *store, h *holder) {
	locked := s.acquire()
	h.holds(&s.mu, "lock")
	<-h.gate
	locked.release()
}

func (s *store) inlinedAcquire() { s.mu.Lock() }
func (s *store) inlinedRelease() { s.mu.Unlock() }

//go:noinline
func holdInlined(s *store, h *holder) {
	s.inlinedAcquire()
	h.holds(&s.mu, "lock")
	<-h.gate
	s.inlinedRelease()
}

//go:noinline
func holdInMap(m map[string]*store, h *holder) {
	m["b"].mu.Lock()
	h.holds(&m["b"].mu, "lock")
	<-h.gate
	m["b"].mu.Unlock()
}

//go:noinline
func holdShard(shards []store, i int, h *holder) {
	shards[i].mu.Lock()
	h.holds(&shards[i].mu, "lock")
	<-h.gate
	shards[i].mu.Unlock()
}

//go:noinline
func (s *store) holdWrite(h *holder) {
	s.rw.Lock()
	h.holds(&s.rw, "write")
	<-h.gate
	s.rw.Unlock()
}

//go:noinline
func (s *store) holdWriteDeferred(h *holder) {
	s.rw.Lock()
	defer s.rw.Unlock()
	h.holds(&s.rw, "write")
	<-h.gate
}

//go:noinline
func (s *store) holdRead(h *holder) {
	s.rw.RLock()
	h.holds(&s.rw, "read")
	<-h.gate
	s.rw.RUnlock()
}

//go:noinline
func (s *store) holdReadDeferred(h *holder) {
	s.rw.RLock()
	defer s.rw.RUnlock()
	h.holds(&s.rw, "read")
	<-h.gate
}

//go:noinline
func holdReadLocker(rw *sync.RWMutex, l sync.Locker, h *holder) {
	l.Lock()
	h.holds(rw, "read")
	<-h.gate
	l.Unlock()
}

//go:noinline
func (s *store) holdTry(h *holder) {
	if s.mu.TryLock() {
		h.holds(&s.mu, "lock")
		<-h.gate
		s.mu.Unlock()
	}
}

//go:noinline
func (s *store) holdSyscall(h *holder, fd int) {
	var buf [1]byte
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	_, _ = syscall.Read(fd, buf[:])
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdAsleep(h *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.holds(&s.mu, "lock")
	time.Sleep(time.Hour)
}

//go:noinline
func (s *store) holdNetwork(h *holder, c net.Conn) {
	var buf [1]byte
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	_, _ = c.Read(buf[:])
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdInSelect(h *holder, other chan string) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	select {
	case <-h.gate:
	case other <- "":
	case <-time.After(time.Hour):
	}
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdInOther(h *holder, other *sync.Mutex) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	other.Lock()
	other.Unlock()
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdInLoop(h *holder, rounds int) {
	for i := 0; i < rounds; i++ {
		s.mu.Lock()
		if s.n == i+100 {
			s.mu.Unlock()
			continue
		}
		if i == 2 {
			h.holds(&s.mu, "lock")
			<-h.gate
		}
		s.mu.Unlock()
	}
}

//go:noinline
func holdSeveral(all []*store, h *holder) {
	for _, s := range all {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	h.holds(&all[len(all)-1].mu, "lock")
	<-h.gate
}

//go:noinline
func (s *store) locked() func() {
	s.mu.Lock()
	return func() { s.mu.Unlock() }
}

//go:noinline
func holdByFunction(s *store, h *holder) {
	defer s.locked()()
	h.holds(&s.mu, "lock")
	<-h.gate
}

//go:noinline
func holdMethodValue(s *store, h *holder) {
	unlock := s.mu.Unlock
	s.mu.Lock()
	defer unlock()
	h.holds(&s.mu, "lock")
	<-h.gate
}

//go:noinline
func spinHolding(s *store, h *holder) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	for atomic.LoadInt64(&never) == 0 {
	}
	s.mu.Unlock()
}

var never int64

//go:noinline
func waitDeeper(h *holder, depth int) int {
	if depth == 0 {
		return <-h.gate
	}
	return waitDeeper(h, depth-1) + 1
}

//go:noinline
func (s *store) holdFarOut(h *holder) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	s.n = waitDeeper(h, 20)
	s.mu.Unlock()
}

//go:noinline
func (s *store) holdTwo(h *holder, cond bool) {
	s.mu.Lock()
	if cond {
		h.holds(&s.mu, "lock")
		s.n += <-h.gate
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	<-h.gate
}

//go:noinline
func (s *store) holdSwitch(h *holder, what int) {
	s.mu.Lock()
	switch what {
	case 0:
		s.n = 1
	case 1:
		s.n = 2
	case 2:
		h.holds(&s.mu, "lock")
		s.n = <-h.gate
	case 3:
		s.n = 3
	case 4:
		s.n = 4
	case 5:
		s.n = 5
	case 6:
		s.n = 6
	case 7:
		s.n = 7
	case 8:
		s.n = 8
	}
	s.mu.Unlock()
}

//go:noinline
func holdPanicking(s *store, h *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		h.holds(&s.mu, "lock")
		<-h.gate
		_ = recover()
	}()
	panic("with the lock held")
}

//go:noinline
func holdForEver(s *store, h *holder) {
	s.mu.Lock()
	h.holds(&s.mu, "lock")
	select {}
}

// what the collector would close
var kept []interface{}

func connect() net.Conn {
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
	kept = append(kept, peer, listener)
	return conn
}

// fields has a kind whose lock is s.mu.
func field(kind string, f func(s *store, h *holder)) {
	s := &store{name: kind}
	hold(kind, true, func(h *holder) { f(s, h) })
	wanted(kind, &s.mu, &s.mu)
}

func addHolders() {
	hold("global", true, holdGlobal)
	wanted("global", &globalMutex, &globalMutex)
	hold("global field", true, holdGlobalField)
	wanted("global field", &globalStore.mu, &globalStore.mu)

	field("field", func(s *store, h *holder) { s.holdField(h) })
	field("deferred", func(s *store, h *holder) { s.holdDeferred(h) })
	field("deferred closure", func(s *store, h *holder) { s.holdDeferredClosure(h) })
	field("pointer", func(s *store, h *holder) { holdPointer(&s.mu, h) })
	field("interface", func(s *store, h *holder) { holdInterface(&s.mu, h) })
	field("interface deferred", func(s *store, h *holder) { holdInterfaceDeferred(&s.mu, h) })
	field("lock in helper", holdFromHelper)
	field("helpers", holdByHelpers)
	field("inlined helpers", holdInlined)
	field("map value", func(s *store, h *holder) { holdInMap(map[string]*store{"b": s}, h) })
	field("try", func(s *store, h *holder) { s.holdTry(h) })
	field("asleep", func(s *store, h *holder) { s.holdAsleep(h) })
	field("select", func(s *store, h *holder) { s.holdInSelect(h, make(chan string)) })
	field("loop", func(s *store, h *holder) { s.holdInLoop(h, 5) })
	field("in a loop, deferred", func(s *store, h *holder) {
		holdSeveral([]*store{{}, {}, {}, s}, h)
	})
	field("returned function", holdByFunction)
	field("method value", holdMethodValue)
	field("far out", func(s *store, h *holder) { s.holdFarOut(h) })
	field("one of two ways", func(s *store, h *holder) { s.holdTwo(h, len(s.name) > 0) })
	field("switch", func(s *store, h *holder) { s.holdSwitch(h, 2) })
	field("closure", func(s *store, h *holder) {
		func() {
			s.mu.Lock()
			h.holds(&s.mu, "lock")
			<-h.gate
			s.mu.Unlock()
		}()
	})
	field("panicking", holdPanicking)
	field("for ever", holdForEver)

	e := new(embedding)
	hold("embedded", true, func(h *holder) { holdEmbedded(e, h) })
	wanted("embedded", &e.Mutex, &e.Mutex)
	b := new(box[string])
	hold("generic", true, func(h *holder) { b.hold(h, "x") })
	wanted("generic", &b.mu, &b.mu)
	shards := make([]store, 4)
	hold("slice element", true, func(h *holder) { holdShard(shards, 2, h) })
	wanted("slice element", &shards[2].mu, &shards[2].mu)

	other := new(sync.Mutex)
	other.Lock() // by the main goroutine, before it runs the protocol
	report.Nobody = append(report.Nobody, addr(other))
	field("another lock", func(s *store, h *holder) { s.holdInOther(h, other) })

	conn := connect()
	field("network", func(s *store, h *holder) { s.holdNetwork(h, conn) })
	addReaders()
	addUnparked()
	addTraps()
}

func addReaders() {
	write := func(kind string, f func(s *store, h *holder)) {
		s := &store{name: kind}
		hold(kind, true, func(h *holder) { f(s, h) })
		wanted(kind, &s.rw, s.rw.RLocker())
	}
	read := func(kind string, readers int, f func(s *store, h *holder)) {
		s := &store{name: kind}
		for i := 0; i < readers; i++ {
			hold(kind, true, func(h *holder) { f(s, h) })
		}
		wanted(kind, &s.rw, &s.rw)
	}
	write("write", func(s *store, h *holder) { s.holdWrite(h) })
	write("write deferred", func(s *store, h *holder) { s.holdWriteDeferred(h) })
	read("read", 1, func(s *store, h *holder) { s.holdRead(h) })
	read("read deferred", 1, func(s *store, h *holder) { s.holdReadDeferred(h) })
	read("two readers", 2, func(s *store, h *holder) { s.holdRead(h) })
	read("read by RLocker", 1, func(s *store, h *holder) { holdReadLocker(&s.rw, s.rw.RLocker(), h) })
}

// Those who are not parked.
func addUnparked() {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		ctl.Fatalf("%v", err)
	}
	s := &store{}
	hold("system call", false, func(h *holder) { s.holdSyscall(h, pipe[0]) })
	wanted("system call", &s.mu, &s.mu)
	r := &store{}
	hold("running", false, func(h *holder) { spinHolding(r, h) })
	wanted("running", &r.mu, &r.mu)

	o := new(sync.Once)
	hold("once", true, func(h *holder) {
		o.Do(func() {
			h.holds(o, "lock")
			<-h.gate
		})
	})
	if *only == "" || *only == "once" {
		report.Waits = append(report.Waits, addr(o))
		parked = append(parked, spawn(func() { o.Do(func() {}) }))
	}
	runtime.Gosched()
}
