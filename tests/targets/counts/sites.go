// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"conctrace.test/targets/internal/ctl"
)

// The functions that wait. Each is a site of its own, so none may be inlined, but for the one
// that must be.

//go:noinline
func recvUnbuffered(c chan int) { <-c }

//go:noinline
func recvEmptyBuffer(c chan int) { <-c }

//go:noinline
func recvUntilClosed(c chan int) { <-c }

//go:noinline
func sendUnbuffered(c chan int) { c <- 1 }

//go:noinline
func sendFullBuffer(c chan int) { c <- 1 }

//go:noinline
func selectRecv(a, b chan int) {
	select {
	case <-a:
	case <-b:
	}
}

//go:noinline
func selectSend(a, b chan int) {
	select {
	case a <- 1:
	case <-b:
	}
}

// The compiler makes a plain receive of it.
//
//go:noinline
func selectOneCase(c chan int) {
	select {
	case <-c:
	}
}

func recvInlined(c chan int) { <-c }

//go:noinline
func recvCaller(c chan int) { recvInlined(c) }

type queue[T any] struct {
	items chan T
	size  int
}

//go:noinline
func (q *queue[T]) pop() T {
	q.size--
	return <-q.items
}

//go:noinline
func lockMutex(m *sync.Mutex) { m.Lock() }

//go:noinline
func lockGlobal() { globalMutex.Lock() }

//go:noinline
func lockField() { catalogue.mu.Lock() }

//go:noinline
func rlockWhileWritten(m *sync.RWMutex) { m.RLock() }

//go:noinline
func lockWhileRead(m *sync.RWMutex) { m.Lock() }

//go:noinline
func lockWhileWritten(m *sync.RWMutex) { m.Lock() }

//go:noinline
func waitForGroup(g *sync.WaitGroup) { g.Wait() }

//go:noinline
func waitForCond(c *sync.Cond) { c.Wait() }

//go:noinline
func firstOnce(o *sync.Once, gate chan int) { o.Do(func() { onceBody(gate) }) }

//go:noinline
func onceBody(gate chan int) { <-gate }

//go:noinline
func laterOnce(o *sync.Once) { o.Do(func() { ctl.Fatalf("sync.Once ran twice") }) }

//go:noinline
func sleeper(d time.Duration) { time.Sleep(d) }

//go:noinline
func recvTimer(t *time.Timer) { <-t.C }

//go:noinline
func readPipe(r *os.File) {
	var buf [1]byte
	if n, err := r.Read(buf[:]); n != 1 {
		ctl.Fatalf("pipe: %v", err)
	}
}

var globalMutex sync.Mutex

var catalogue struct {
	items map[string]int
	mu    sync.Mutex
}

func channel(c chan int) object {
	size := cap(c)
	return object{Kind: "chan", Addr: fmt.Sprintf("%p", c), Cap: &size}
}

func lock(kind string, p interface{}) object {
	return object{Kind: kind, Addr: fmt.Sprintf("%p", p)}
}

// chanSite waits on one channel; fill are the values put in beforehand.
func chanSite(function string, n, size, fill int, wait, release func(c chan int)) *site {
	c := make(chan int, size)
	for i := 0; i < fill; i++ {
		c <- i
	}
	return &site{
		Function: function, Class: "chan", n: n,
		wait:    func(int) { wait(c) },
		release: func(int) { release(c) },
		object:  func(int) object { return channel(c) },
	}
}

func give(c chan int) { c <- 1 }
func take(c chan int) { <-c }

func chanSites(n int) []*site {
	var closing chan int
	q := &queue[int]{items: make(chan int)}
	return []*site{
		chanSite("main.recvUnbuffered", n, 0, 0, recvUnbuffered, give),
		chanSite("main.recvEmptyBuffer", n, 2, 0, recvEmptyBuffer, give),
		chanSite("main.sendUnbuffered", n, 0, 0, sendUnbuffered, take),
		chanSite("main.sendFullBuffer", n, n, n, sendFullBuffer, take),
		chanSite("main.selectOneCase", n, 0, 0, selectOneCase, give),
		chanSite("main.recvInlined", n, 0, 0, recvCaller, give),
		{
			Function: "main.recvUntilClosed", Class: "chan", n: n,
			prepare: func() { closing = make(chan int) },
			wait:    func(int) { recvUntilClosed(closing) },
			release: func(i int) {
				if i == 0 {
					close(closing)
				}
			},
			object: func(int) object { return channel(closing) },
		},
		{
			Function: "main.(*queue[...]).pop", Class: "chan", n: n,
			wait:    func(int) { q.pop() },
			release: func(int) { q.items <- 1 },
			object:  func(int) object { return channel(q.items) },
		},
	}
}

func selectSites(n int) []*site {
	idle, fired := make(chan int), make(chan int)
	idle2, fired2 := make(chan int), make(chan int)
	return []*site{
		{
			Function: "main.selectRecv", Class: "select", n: n,
			wait:    func(int) { selectRecv(idle, fired) },
			release: func(int) { fired <- 1 },
			object:  func(int) object { return channel(fired) },
		},
		{
			Function: "main.selectSend", Class: "select", n: n,
			wait:    func(int) { selectSend(fired2, idle2) },
			release: func(int) { <-fired2 },
			object:  func(int) object { return channel(fired2) },
		},
	}
}

// mutexSite: the conductor holds the mutex and lets go once; the waiters pass it on.
func mutexSite(function string, n int, m sync.Locker, o object, wait func()) *site {
	return &site{
		Function: function, Class: "lock", n: n,
		prepare: m.Lock,
		wait:    func(int) { wait() },
		after:   func(int) { m.Unlock() },
		release: func(i int) {
			if i == 0 {
				m.Unlock()
			}
		},
		object: func(int) object { return o },
	}
}

func lockSites(n int) []*site {
	heap, written, readers := new(sync.Mutex), new(sync.RWMutex), new(sync.RWMutex)
	read := make([]*sync.RWMutex, n)
	group := new(sync.WaitGroup)
	for i := range read {
		read[i] = new(sync.RWMutex)
	}
	sites := []*site{
		mutexSite("main.lockMutex", n, heap, lock("sync.Mutex", heap), func() { lockMutex(heap) }),
		mutexSite("main.lockGlobal", n, &globalMutex, lock("sync.Mutex", &globalMutex), lockGlobal),
		mutexSite("main.lockField", n, &catalogue.mu, lock("sync.Mutex", &catalogue.mu), lockField),
		mutexSite("main.lockWhileWritten", n, written, lock("sync.RWMutex", written),
			func() { lockWhileWritten(written) }),
		mutexSite("main.rlockWhileWritten", n, readers, lock("sync.RWMutex", readers),
			func() { rlockWhileWritten(readers) }),
		{
			// One lock a writer: a second writer would wait for the first, not for the reader.
			Function: "main.lockWhileRead", Class: "lock", n: n,
			prepare: func() {
				for _, m := range read {
					m.RLock()
				}
			},
			wait:    func(i int) { lockWhileRead(read[i]) },
			after:   func(i int) { read[i].Unlock() },
			release: func(i int) { read[i].RUnlock() },
			object:  func(i int) object { return lock("sync.RWMutex", read[i]) },
		},
		{
			Function: "main.waitForGroup", Class: "lock", n: n,
			prepare: func() { group.Add(1) },
			wait:    func(int) { waitForGroup(group) },
			release: func(i int) {
				if i == 0 {
					group.Done()
				}
			},
			object: func(int) object { return lock("sync.WaitGroup", group) },
		},
	}
	// Readers leave by RUnlock.
	sites[4].after = func(int) { readers.RUnlock() }
	return append(sites, onceSites(n)...)
}

func onceSites(n int) []*site {
	var once *sync.Once
	var onces []*sync.Once
	gate := make(chan int)
	return []*site{
		{
			Function: "main.onceBody", Class: "chan", n: 1,
			prepare: func() {
				// Kept, so that no address is used again.
				once = new(sync.Once)
				onces = append(onces, once)
			},
			wait:    func(int) { firstOnce(once, gate) },
			release: func(int) { gate <- 1 },
			object:  func(int) object { return channel(gate) },
		},
		{
			Function: "main.laterOnce", Class: "lock", n: n,
			wait:   func(int) { laterOnce(once) },
			object: func(int) object { return lock("sync.Once", once) },
		},
	}
}

// condSite: one condition a waiter, else those woken would queue for its lock.
func condSite(n int) *site {
	conds := make([]*sync.Cond, n)
	for i := range conds {
		conds[i] = sync.NewCond(new(sync.Mutex))
	}
	return &site{
		Function: "main.waitForCond", Class: "cond", n: n,
		wait: func(i int) {
			conds[i].L.Lock()
			waitForCond(conds[i])
			conds[i].L.Unlock()
		},
		release: func(i int) { conds[i].Signal() },
	}
}

func timedSites(n int) []*site {
	var timers []*time.Timer
	var set time.Time
	return []*site{
		{
			Function: "main.sleeper", Class: "sleep", n: n, timed: true,
			wait: func(int) { sleeper(*hold) },
			due:  func(_ int, begin time.Time) time.Time { return begin.Add(*hold) },
		},
		{
			Function: "main.recvTimer", Class: "chan", n: n, timed: true,
			prepare: func() {
				timers, set = nil, time.Now()
				for i := 0; i < n; i++ {
					timers = append(timers, time.NewTimer(*hold+*hold/2))
				}
			},
			wait: func(i int) { recvTimer(timers[i]) },
			due:  func(int, time.Time) time.Time { return set.Add(*hold + *hold/2) },
		},
	}
}

// pipeSite: the network poller wakes these.
func pipeSite(n int) *site {
	readers, writers := make([]*os.File, n), make([]*os.File, n)
	for i := range readers {
		r, w, err := os.Pipe()
		if err != nil {
			ctl.Fatalf("%v", err)
		}
		readers[i], writers[i] = r, w
	}
	return &site{
		Function: "main.readPipe", Class: "io", n: n,
		wait: func(i int) { readPipe(readers[i]) },
		release: func(i int) {
			if _, err := writers[i].Write([]byte{1}); err != nil {
				ctl.Fatalf("pipe: %v", err)
			}
		},
	}
}

// allSites in the order in which they start and are released. Those that end by themselves start
// last.
func allSites(n int) []*site {
	sites := append(chanSites(n), selectSites(n)...)
	sites = append(sites, lockSites(n)...)
	sites = append(sites, condSite(n), pipeSite(n))
	return append(sites, timedSites(n)...)
}
