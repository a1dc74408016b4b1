// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "sync"

// Goroutines that look as if they held the lock, which somebody else holds.

//go:noinline
func trapHadIt(s *store, gate chan int, ready *sync.WaitGroup) {
	for {
		s.mu.Lock()
		s.n++
		s.mu.Unlock()
		ready.Done()
		<-gate
	}
}

//go:noinline
func trapHasAddress(s *store, gate chan int, ready *sync.WaitGroup) {
	ready.Done()
	s.n = <-gate
}

//go:noinline
func trapConditional(s *store, locks bool, gate chan int, ready *sync.WaitGroup) {
	if locks {
		s.mu.Lock()
	}
	ready.Done()
	<-gate
	if locks {
		s.mu.Unlock()
	}
}

//go:noinline
func trapDefersLater(s *store, gate chan int, ready *sync.WaitGroup) {
	ready.Done()
	<-gate
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	<-gate
}

//go:noinline
func trapBetween(s *store, gate chan int, ready *sync.WaitGroup) {
	s.mu.Lock()
	s.n++
	s.mu.Unlock()
	ready.Done()
	<-gate
	s.mu.Lock()
	s.n--
	s.mu.Unlock()
}

//go:noinline
func (s *store) update(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = n
}

//go:noinline
func trapWillUpdate(s *store, gate chan int, ready *sync.WaitGroup) {
	s.update(1)
	ready.Done()
	s.update(<-gate)
}

//go:noinline
func (s *store) unlocked(gate chan int, ready *sync.WaitGroup) {
	s.mu.Unlock()
	ready.Done()
	s.n = <-gate
	s.mu.Lock()
}

// Its frame holds the lock, but what it calls has let go of it meanwhile.
//
//go:noinline
func trapLetGo(s *store, gate chan int, ready *sync.WaitGroup) {
	s.mu.Lock()
	s.unlocked(gate, ready)
	s.mu.Unlock()
}

//go:noinline
func trapCond(s *store, c *sync.Cond, ready *sync.WaitGroup) {
	c.L.Lock()
	ready.Done()
	c.Wait()
	s.n++
	c.L.Unlock()
}

func addTraps() {
	s := &store{name: "trapped"}
	gate := make(chan int)
	cond := sync.NewCond(&s.mu)
	var ready sync.WaitGroup
	for _, trap := range []func(){
		func() { trapHadIt(s, gate, &ready) },
		func() { trapHasAddress(s, gate, &ready) },
		func() { trapConditional(s, len(s.name) == 0, gate, &ready) },
		func() { trapDefersLater(s, gate, &ready) },
		func() { trapBetween(s, gate, &ready) },
		func() { trapWillUpdate(s, gate, &ready) },
		func() { trapLetGo(s, gate, &ready) },
		func() { trapCond(s, cond, &ready) },
	} {
		ready.Add(1)
		parked = append(parked, spawn(trap))
	}
	ready.Wait()
	settle()
	hold("among traps", true, func(h *holder) { s.holdField(h) })
	wanted("among traps", &s.mu, &s.mu)
}
