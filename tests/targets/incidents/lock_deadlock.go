// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"time"

	"conctrace.test/targets/internal/ctl"
)

func init() {
	register("lock.deadlock", lockDeadlock)
	register("lock.deadlock/self", lockDeadlockSelf)
	register("lock.deadlock/reader", lockDeadlockReader)
	register("lock.deadlock/forgotten", lockDeadlockForgotten)
	register("lock.deadlock/upgrade", lockDeadlockUpgrade)
	register("lock.deadlock/crossed", lockDeadlockCrossed)
	register("lock.deadlock/reachable", lockDeadlockReachable)
}

type account struct {
	mu      sync.Mutex
	balance int
}

// Two transfers lock the same two accounts, each in its own order; fixed, in the same one.
func lockDeadlock(fixed bool) {
	a, b := &account{}, &account{}
	var first sync.WaitGroup
	first.Add(2)
	go func() {
		know("first", ctl.Goid())
		transfer(a, b, &first, fixed)
	}()
	go func() {
		know("second", ctl.Goid())
		if fixed {
			transfer(a, b, &first, fixed)
		} else {
			transfer(b, a, &first, fixed)
		}
	}()
	first.Wait()
	for i := 0; i < 5; i++ {
		go func() {
			for {
				a.mu.Lock()
				a.balance++
				a.mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
}

func transfer(from, to *account, first *sync.WaitGroup, fixed bool) {
	if fixed {
		first.Done()
	}
	from.mu.Lock()
	if !fixed {
		first.Done()
		first.Wait()
	}
	here()
	to.mu.Lock()
	from.balance--
	to.balance++
	to.mu.Unlock()
	from.mu.Unlock()
}

// A method that holds the lock calls another one that takes it.
func lockDeadlockSelf(fixed bool) {
	a := &account{}
	go func() {
		know("first", ctl.Goid())
		a.mu.Lock()
		if fixed {
			a.balance++
		} else {
			a.deposit()
		}
		a.mu.Unlock()
	}()
}

//go:noinline
func (a *account) deposit() {
	here()
	a.mu.Lock()
	a.balance++
	a.mu.Unlock()
}

// A reader takes the lock again while a writer waits already: sync.RWMutex does not let it in.
func lockDeadlockReader(fixed bool) {
	var mu sync.RWMutex
	writes := make(chan struct{})
	go func() {
		know("first", ctl.Goid())
		mu.RLock()
		if !fixed {
			close(writes)
			time.Sleep(300 * time.Millisecond)
			readAgain(&mu)
		}
		mu.RUnlock()
	}()
	go func() {
		know("second", ctl.Goid())
		if !fixed {
			<-writes
		}
		mu.Lock()
		defer mu.Unlock()
	}()
}

//go:noinline
func readAgain(mu *sync.RWMutex) {
	here()
	mu.RLock()
	mu.RUnlock()
}

// The lock is taken for a part of the work, never let go of, and taken again.
func lockDeadlockForgotten(fixed bool) {
	a := &account{}
	go func() {
		know("first", ctl.Goid())
		if fixed {
			a.charge(10)
		} else {
			a.chargeForgetful(10)
		}
	}()
}

//go:noinline
func (a *account) charge(fee int) {
	a.mu.Lock()
	a.balance -= fee
	a.mu.Unlock()
	a.mu.Lock()
	a.balance--
	a.mu.Unlock()
}

//go:noinline
func (a *account) chargeForgetful(fee int) {
	place("site", 3)
	a.mu.Lock()
	a.balance -= fee
	a.mu.Lock()
	a.balance--
	a.mu.Unlock()
}

type limits struct {
	mu  sync.RWMutex
	max int
}

// A reader that finds it has to write, and takes the lock for that without having left it.
func lockDeadlockUpgrade(fixed bool) {
	l := &limits{}
	go func() {
		know("first", ctl.Goid())
		if fixed {
			l.raise(10)
		} else {
			l.raiseReading(10)
		}
	}()
}

//go:noinline
func (l *limits) raise(to int) {
	l.mu.RLock()
	max := l.max
	l.mu.RUnlock()
	if max >= to {
		return
	}
	l.mu.Lock()
	l.max = to
	l.mu.Unlock()
}

//go:noinline
func (l *limits) raiseReading(to int) {
	place("site", 6)
	l.mu.RLock()
	if l.max >= to {
		l.mu.RUnlock()
		return
	}
	l.mu.Lock()
	l.max = to
	l.mu.Unlock()
}

type mailbox struct {
	mu    sync.Mutex
	posts int
	mail  chan int
}

// One sends while it holds the lock that the other takes before it would receive; fixed, it lets go first.
func lockDeadlockCrossed(fixed bool) { crossMailbox(fixed, func(*mailbox) {}) }

var postOffice *mailbox

// The same, but that who has the post office could still come to receive.
func lockDeadlockReachable(fixed bool) { crossMailbox(fixed, func(m *mailbox) { postOffice = m }) }

func crossMailbox(fixed bool, keep func(*mailbox)) {
	started := make(chan struct{})
	// on a stack that goes: the main goroutine's would keep words that lead to the mailbox
	go func() {
		defer close(started)
		m, begin := &mailbox{mail: make(chan int)}, make(chan struct{})
		keep(m)
		go func() {
			know("first", ctl.Goid())
			<-begin
			m.fetch()
		}()
		go func() {
			know("second", ctl.Goid())
			if fixed {
				m.postUnlocked(1, begin)
			} else {
				m.post(1, begin)
			}
		}()
	}()
	<-started
}

//go:noinline
func (m *mailbox) fetch() int {
	here()
	m.mu.Lock()
	m.posts--
	m.mu.Unlock()
	return <-m.mail
}

//go:noinline
func (m *mailbox) post(letter int, begin chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts++
	close(begin)
	m.mail <- letter
}

//go:noinline
func (m *mailbox) postUnlocked(letter int, begin chan struct{}) {
	m.mu.Lock()
	m.posts++
	m.mu.Unlock()
	close(begin)
	m.mail <- letter
}
