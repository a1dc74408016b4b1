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
