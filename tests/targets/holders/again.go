// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// Goroutines that wait for a lock which they hold already, and no code lies ahead that would unlock it;
// their twins wait at the gate instead.

//go:noinline
func lockAgain(mu *sync.Mutex) {
	mu.Lock()
	if *fixed {
		<-gate
		return
	}
	mu.Lock()
}

func runAgain() {
	mu := new(sync.Mutex)
	named("locker", func() { lockAgain(mu) })
	settle()
	named("other", func() { mu.Lock() })
	stuck("locker")
}

var again sync.Mutex

//go:noinline
func lockGlobalAgain() {
	again.Lock()
	if *fixed {
		<-gate
		return
	}
	again.Lock()
}

func runAgainGlobal() {
	named("locker", lockGlobalAgain)
	stuck("locker")
}

//go:noinline
func quiet(n int) int { return n*n + 1 }

//go:noinline
func (a *account) addAgain(many int) {
	a.mu.Lock()
	for i := 0; i < many; i++ {
		a.total += quiet(i)
	}
	if *fixed {
		<-gate
		return
	}
	a.mu.Lock()
}

func runAgainField() {
	a := new(account)
	named("locker", func() { a.addAgain(10) })
	stuck("locker")
}

func runAgainClosure() {
	mu, n := new(sync.Mutex), new(int)
	named("locker", func() {
		mu.Lock()
		*n++
		if *fixed {
			<-gate
			return
		}
		mu.Lock()
	})
	stuck("locker")
}

//go:noinline
func (a *account) lockInner() int {
	if *fixed {
		return <-gate
	}
	a.mu.Lock()
	return a.total
}

//go:noinline
func (a *account) lockBetween(n int) int { return a.lockInner() + n }

//go:noinline
func (a *account) lockOuter() int {
	a.mu.Lock()
	return a.lockBetween(1) + 1
}

func runAgainInner() {
	a := new(account)
	named("locker", func() { a.lockOuter() })
	stuck("locker")
}

//go:noinline
func writeAgain(rw *sync.RWMutex) {
	rw.Lock()
	if *fixed {
		<-gate
		return
	}
	rw.Lock()
}

func runAgainWrite() {
	rw := new(sync.RWMutex)
	named("locker", func() { writeAgain(rw) })
	stuck("locker")
}

//go:noinline
func readInWrite(rw *sync.RWMutex) {
	rw.Lock()
	if *fixed {
		<-gate
		return
	}
	rw.RLock()
}

func runAgainReadInWrite() {
	rw := new(sync.RWMutex)
	named("locker", func() { readInWrite(rw) })
	stuck("locker")
}

//go:noinline
func writeInRead(rw *sync.RWMutex) {
	rw.RLock()
	if *fixed {
		<-gate
		return
	}
	rw.Lock()
}

func runAgainWriteInRead() {
	rw := new(sync.RWMutex)
	named("locker", func() { writeInRead(rw) })
	stuck("locker")
}

//go:noinline
func readAgain(rw *sync.RWMutex, begin *int32) {
	rw.RLock()
	for atomic.LoadInt32(begin) == 0 {
		yield()
	}
	if *fixed {
		<-gate
		return
	}
	rw.RLock()
}

func runAgainRead() {
	readBehindWriter(func(rw *sync.RWMutex, _ *others, begin *int32) { readAgain(rw, begin) })
}

// readBehindWriter has read wait for begin until a writer waits.
func readBehindWriter(read func(rw *sync.RWMutex, o *others, begin *int32)) {
	rw, begin := new(sync.RWMutex), new(int32)
	reader := spawn(func() { read(rw, new(others), begin) })
	names, goids = append(names, "reader"), append(goids, reader)
	for rw.TryLock() {
		rw.Unlock()
		yield()
	}
	named("writer", func() { rw.Lock() })
	settle()
	atomic.StoreInt32(begin, 1)
	parked = append(parked, reader)
	stuck("reader", "writer")
}

// others are what lockers take between the first time and the second.
type others struct {
	mu sync.Mutex
	rw sync.RWMutex
	n  int
}

//go:noinline
func (o *others) lock() {
	o.mu.Lock()
	o.n++
}

//go:noinline
func lockBetweenLocks(mu *sync.Mutex, o *others) {
	mu.Lock()
	o.mu.Lock()
	o.rw.RLock()
	if *fixed {
		<-gate
		return
	}
	mu.Lock()
}

func runAgainBetween() {
	mu := new(sync.Mutex)
	named("locker", func() { lockBetweenLocks(mu, new(others)) })
	settle()
	named("other", func() { mu.Lock() })
	stuck("locker")
}

//go:noinline
func (a *account) lockBetweenCalls(o *others) {
	a.mu.Lock()
	o.lock()
	o.rw.Lock()
	if *fixed {
		<-gate
		return
	}
	a.mu.Lock()
}

func runAgainBetweenCall() {
	a := new(account)
	named("locker", func() { a.lockBetweenCalls(new(others)) })
	stuck("locker")
}

//go:noinline
func writeBetweenLocks(rw *sync.RWMutex, o *others) {
	rw.Lock()
	o.lock()
	o.rw.RLock()
	if *fixed {
		<-gate
		return
	}
	rw.RLock()
}

func runAgainBetweenWrite() {
	rw := new(sync.RWMutex)
	named("locker", func() { writeBetweenLocks(rw, new(others)) })
	stuck("locker")
}

//go:noinline
func readBetweenLocks(rw *sync.RWMutex, o *others, begin *int32) {
	rw.RLock()
	o.mu.Lock()
	o.rw.RLock()
	for atomic.LoadInt32(begin) == 0 {
		yield()
	}
	if *fixed {
		<-gate
		return
	}
	rw.RLock()
}

func runAgainBetweenRead() { readBehindWriter(readBetweenLocks) }

// prey is a lock that a thief takes as soon as it can, and keeps.
type prey struct {
	mu     sync.Mutex
	rw     sync.RWMutex
	n      int
	stolen int32
	flag   int32
	next   *prey
}

func (p *prey) setThief() {
	parked = append(parked, spawn(func() {
		for !p.mu.TryLock() {
			yield()
		}
		p.rw.Lock()
		atomic.StoreInt32(&p.stolen, 1)
		<-gate
	}))
}

func (p *prey) waitForThief() {
	for atomic.LoadInt32(&p.stolen) == 0 {
		yield()
	}
}

//go:noinline
func (p *prey) letGo() { p.mu.Unlock() }

//go:noinline
func (p *prey) letGoDeferred() {
	defer p.mu.Unlock()
	p.n++
}

// swapLocks takes another lock, but lets go of its own.
//
//go:noinline
func (p *prey) swapLocks(o *others) {
	p.mu.Unlock()
	o.mu.Lock()
}

//go:noinline
func preys(last *prey) []*prey { return []*prey{{}, last} }

//go:noinline
func swapPrey(to **prey) { *to = (*to).next }

//go:noinline
func (p *prey) relock() {
	p.mu.Unlock()
	p.waitForThief()
	p.mu.Lock()
}

// traps wait for a lock that they have locked as well, but do not hold any more, or never did. What the
// thief holds nobody will unlock, so that its holder is unknown.
var againTraps = []func(p *prey){
	// locked in one branch only
	func(p *prey) {
		p.waitForThief()
		if p.n > 0 {
			p.mu.Lock()
		}
		p.mu.Lock()
	},
	func(p *prey) {
		p.mu.Lock()
		p.letGo()
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		p.mu.Lock()
		if p.n == 0 {
			p.mu.Unlock()
		}
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		p.waitForThief()
		p.mu.TryLock()
		p.mu.Lock()
	},
	func(p *prey) {
		p.waitForThief()
		if !p.mu.TryLock() {
			p.mu.Lock()
		}
	},
	func(p *prey) {
		p.waitForThief()
		p.rw.TryLock()
		p.rw.Lock()
	},
	func(p *prey) {
		list := preys(p)
		p.mu.Lock()
		for i := 0; i < len(list); i++ {
			each := list[i]
			if i > 0 {
				each.mu.Lock()
				continue
			}
			p.mu.Unlock()
			p.waitForThief()
			each.mu.Lock()
		}
	},
	// handed to another goroutine, which unlocks it
	func(p *prey) {
		p.mu.Lock()
		go p.letGo()
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		go func() {
			for atomic.LoadInt32(&p.flag) == 0 {
				yield()
			}
			p.mu.Unlock()
		}()
		p.mu.Lock()
		atomic.StoreInt32(&p.flag, 1)
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		p.mu.Lock()
		time.AfterFunc(time.Millisecond, p.letGo)
		p.waitForThief()
		p.mu.Lock()
	},
	// made anew
	func(p *prey) {
		p.mu.Lock()
		p.mu = sync.Mutex{}
		p.waitForThief()
		p.mu.Lock()
	},
	// a loop that unlocks at its end
	func(p *prey) {
		for i := 0; i < 2; i++ {
			if i > 0 {
				p.waitForThief()
			}
			p.mu.Lock()
			p.n++
			p.mu.Unlock()
		}
	},
	func(p *prey) {
		p.mu.Lock()
		p.letGoDeferred()
		p.waitForThief()
		p.mu.Lock()
	},
	// another lock each time
	func(p *prey) {
		p.waitForThief()
		for each := (&prey{next: p}); each != nil; each = each.next {
			each.mu.Lock()
		}
	},
	func(p *prey) {
		p.waitForThief()
		for _, each := range []*prey{{}, {}, p} {
			each.mu.Lock()
		}
	},
	func(p *prey) {
		p.waitForThief()
		each := &prey{next: p}
		each.mu.Lock()
		swapPrey(&each)
		each.mu.Lock()
	},
	func(p *prey) {
		p.waitForThief()
		each := &prey{next: p}
		each.mu.Lock()
		each = each.next
		each.mu.Lock()
	},
	func(p *prey) {
		var l sync.Locker = &p.mu
		if p.n > 0 {
			l = &p.rw
		}
		p.mu.Lock()
		l.Unlock()
		p.waitForThief()
		p.mu.Lock()
	},
	// the function that it is called from has locked it
	func(p *prey) {
		p.mu.Lock()
		p.relock()
	},
	func(p *prey) {
		p.mu.Lock()
		defer p.mu.Lock()
		defer p.waitForThief()
		defer p.letGo()
	},
	func(p *prey) {
		p.mu.Lock()
		for i := 0; i < 2; i++ {
			if i == 0 {
				defer p.mu.Lock()
				continue
			}
			defer p.waitForThief()
			defer p.letGo()
		}
	},
	func(p *prey) {
		p.rw.RLock()
		func() {
			defer p.rw.RUnlock()
			p.n++
		}()
		p.waitForThief()
		p.rw.Lock()
	},
	func(p *prey) {
		p.rw.RLock()
		p.rw.RUnlock()
		p.waitForThief()
		p.rw.RLock()
	},
	// another lock is taken between
	func(p *prey) {
		o := new(others)
		p.mu.Lock()
		p.swapLocks(o)
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		o := new(others)
		p.mu.Lock()
		o.mu.Lock()
		if o.n == 0 {
			p.mu.Unlock()
		}
		p.waitForThief()
		p.mu.Lock()
	},
	func(p *prey) {
		o, another := new(others), new(prey)
		p.waitForThief()
		another.mu.Lock()
		o.mu.Lock()
		o.rw.RLock()
		p.mu.Lock()
	},
	func(p *prey) {
		o := new(others)
		for i := 0; i < 2; i++ {
			p.mu.Lock()
			if i > 0 {
				return
			}
			o.mu.Lock()
			p.letGo()
			p.waitForThief()
		}
	},
	// the other lock protects what tells another one to unlock it
	func(p *prey) {
		o := new(others)
		go func() {
			for n := 0; n == 0; yield() {
				o.mu.Lock()
				n = o.n
				o.mu.Unlock()
			}
			p.mu.Unlock()
		}()
		p.mu.Lock()
		o.mu.Lock()
		o.n++
		o.mu.Unlock()
		p.waitForThief()
		p.mu.Lock()
	},
	// what a lock does, but as a sign
	func(p *prey) {
		go func() {
			for atomic.LoadInt32(&p.flag) == 0 {
				yield()
			}
			p.mu.Unlock()
		}()
		p.mu.Lock()
		if !atomic.CompareAndSwapInt32(&p.flag, 0, 1) {
			return
		}
		p.waitForThief()
		p.mu.Lock()
	},
	// as a signal: the other one unlocks it to say that it is done
	func(p *prey) {
		p.rw.Lock()
		done := make(chan int, 1)
		go func() {
			<-done
			p.rw.Unlock()
		}()
		done <- 1
		p.waitForThief()
		p.rw.Lock()
	},
}

func runAgainTraps() {
	for _, trap := range againTraps {
		p, trap := new(prey), trap
		goid := spawn(func() { trap(p) })
		time.Sleep(2 * time.Millisecond) // so that it locks before the thief comes
		p.setThief()
		p.waitForThief()
		parked = append(parked, goid)
	}
}
