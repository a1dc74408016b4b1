// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
)

// Leaks over package sync; the sources are those of channels.go.
var lockCases = []pattern{
	{"forgotten_unlock", forgottenUnlock},
	{"abba", abba},
	{"double_lock", doubleLock},
	{"rwmutex_recursion", rwmutexRecursion},
	{"rwmutex_upgrade", rwmutexUpgrade},
	{"rwmutex_reader_stays", rwmutexReaderStays},
	{"once_recursion", onceRecursion},
	{"cond_without_signal", condWithoutSignal},
	{"cond_lost_signal", condLostSignal},
	{"cond_wrong_signal", condWrongSignal},
	{"waitgroup_add_more", waitgroupAddMore},
	{"waitgroup_in_loop", waitgroupInLoop},
	{"waitgroup_in_worker", waitgroupInWorker},
	{"lock_and_channel", lockAndChannel},
	{"philosophers", philosophers},
	{"embedded_mutex", embeddedMutex},
	{"map_of_locks", mapOfLocks},
}

func forgottenUnlock(r *run) {
	mu := new(sync.Mutex)
	find := func() error {
		mu.Lock()
		if err := errFailed; err != nil {
			if r.fixed {
				mu.Unlock()
			}
			return err
		}
		mu.Unlock()
		return nil
	}
	find()
	for i := 0; i < 3; i++ {
		r.leak(func() {
			mu.Lock()
			mu.Unlock()
		})
	}
}

func abba(r *run) {
	a, b := new(sync.Mutex), new(sync.Mutex)
	hasA, hasB := make(chan struct{}), make(chan struct{})
	r.leak(func() {
		a.Lock()
		close(hasA)
		if !r.fixed {
			<-hasB
		}
		b.Lock()
		b.Unlock()
		a.Unlock()
	})
	r.leak(func() {
		if r.fixed {
			<-hasA
			a.Lock()
			defer a.Unlock()
		}
		b.Lock()
		close(hasB)
		if !r.fixed {
			<-hasA
			a.Lock()
			a.Unlock()
		}
		b.Unlock()
	})
}

// BoltDB and others (ASPLOS 2019): a method that locks calls another one that locks.
func doubleLock(r *run) {
	mu := new(sync.Mutex)
	r.leak(func() {
		mu.Lock()
		if r.fixed {
			mu.Unlock()
		}
		mu.Lock()
		mu.Unlock()
	})
}

// A writer stands in line between two read locks of one goroutine.
func rwmutexRecursion(r *run) {
	mu := new(sync.RWMutex)
	hasRead := make(chan struct{})
	r.leak(func() {
		mu.RLock()
		close(hasRead)
		if r.fixed {
			mu.RUnlock()
			return
		}
		// the writer is in line when no reader gets in any more
		until(func() bool {
			if mu.TryRLock() {
				mu.RUnlock()
				return false
			}
			return true
		})
		mu.RLock()
		mu.RUnlock()
		mu.RUnlock()
	})
	r.leak(func() {
		<-hasRead
		mu.Lock()
		mu.Unlock()
	})
}

func rwmutexUpgrade(r *run) {
	mu := new(sync.RWMutex)
	r.leak(func() {
		mu.RLock()
		if r.fixed {
			mu.RUnlock()
		}
		mu.Lock()
		mu.Unlock()
	})
}

func rwmutexReaderStays(r *run) {
	mu := new(sync.RWMutex)
	mu.RLock()
	if r.fixed {
		mu.RUnlock()
	}
	r.leak(func() {
		mu.Lock()
		mu.Unlock()
	})
	r.leak(func() {
		mu.Lock()
		mu.Unlock()
	})
}

func onceRecursion(r *run) {
	once := new(sync.Once)
	r.leak(func() {
		once.Do(func() {
			if !r.fixed {
				once.Do(func() {})
			}
		})
	})
}

func condWithoutSignal(r *run) {
	cond := sync.NewCond(new(sync.Mutex))
	ready := false
	for i := 0; i < 3; i++ {
		r.leak(func() {
			cond.L.Lock()
			for !ready {
				cond.Wait()
			}
			cond.L.Unlock()
		})
	}
	cond.L.Lock()
	ready = true
	cond.L.Unlock()
	if r.fixed {
		cond.Broadcast()
	} else {
		cond.L.Lock()
		ready = false
		cond.L.Unlock()
	}
}

// The signal comes before anybody waits, and no flag remembers it.
func condLostSignal(r *run) {
	mu := new(sync.Mutex)
	cond := sync.NewCond(mu)
	said := false
	mu.Lock()
	said = true
	cond.Signal()
	mu.Unlock()
	r.leak(func() {
		mu.Lock()
		for !r.fixed || !said {
			cond.Wait()
		}
		mu.Unlock()
	})
}

type queue struct {
	mu    sync.Mutex
	some  *sync.Cond
	items []int
}

// Producers and consumers share a Cond: Signal wakes the wrong one, which goes back to sleep.
func condWrongSignal(r *run) {
	q := &queue{}
	q.some = sync.NewCond(&q.mu)
	for i := 0; i < 2; i++ {
		r.leak(func() {
			q.mu.Lock()
			for len(q.items) == 0 {
				q.some.Wait()
			}
			q.items = q.items[1:]
			q.mu.Unlock()
		})
	}
	if r.fixed {
		q.mu.Lock()
		q.items = append(q.items, 1, 2)
		q.mu.Unlock()
		q.some.Broadcast()
	}
}

func waitgroupAddMore(r *run) {
	wg := new(sync.WaitGroup)
	wg.Add(2)
	r.live(func() { wg.Done() })
	if r.fixed {
		r.live(func() { wg.Done() })
	}
	r.leak(func() { wg.Wait() })
}

// Docker (ASPLOS 2019, figure 5): Wait stands inside the loop that starts those who are waited for.
func waitgroupInLoop(r *run) {
	wg := new(sync.WaitGroup)
	wg.Add(3)
	r.leak(func() {
		for i := 0; i < 3; i++ {
			go func() { wg.Done() }()
			if !r.fixed {
				wg.Wait()
			}
		}
		wg.Wait()
	})
}

// A worker waits for the group that it belongs to.
func waitgroupInWorker(r *run) {
	wg := new(sync.WaitGroup)
	wg.Add(1)
	r.leak(func() {
		if r.fixed {
			wg.Done()
		}
		wg.Wait()
		if !r.fixed {
			wg.Done()
		}
	})
}

// ASPLOS 2019, figure 7: one sends while it has the lock that the receiver needs first.
func lockAndChannel(r *run) {
	mu := new(sync.Mutex)
	c := make(chan int)
	locked := make(chan struct{})
	r.leak(func() {
		mu.Lock()
		close(locked)
		if r.fixed {
			mu.Unlock()
		}
		c <- 1
		if !r.fixed {
			mu.Unlock()
		}
	})
	r.leak(func() {
		<-locked
		mu.Lock()
		<-c
		mu.Unlock()
	})
}

func philosophers(r *run) {
	forks := make([]*sync.Mutex, 3)
	for i := range forks {
		forks[i] = new(sync.Mutex)
	}
	all := new(sync.WaitGroup)
	all.Add(len(forks))
	for i := range forks {
		left, right := forks[i], forks[(i+1)%len(forks)]
		if r.fixed && i == len(forks)-1 {
			left, right = right, left
		}
		r.leak(func() {
			if r.fixed {
				left.Lock()
				right.Lock()
				right.Unlock()
				left.Unlock()
				return
			}
			left.Lock()
			all.Done()
			all.Wait()
			right.Lock()
			right.Unlock()
			left.Unlock()
		})
	}
}

type account struct {
	name string
	mu   sync.Mutex
	sum  int
}

// A transfer to oneself.
func embeddedMutex(r *run) {
	transfer := func(from, to *account) {
		if r.fixed && from == to {
			return
		}
		from.mu.Lock()
		to.mu.Lock()
		from.sum--
		to.sum++
		to.mu.Unlock()
		from.mu.Unlock()
	}
	a := &account{name: "a", sum: 1}
	r.leak(func() { transfer(a, a) })
}

// A lock for each key; the map is forgotten while one of them is held.
func mapOfLocks(r *run) {
	locks := map[string]*sync.Mutex{"a": {}, "b": {}}
	locks["b"].Lock()
	if r.fixed {
		locks["b"].Unlock()
	}
	mu := locks["b"]
	r.leak(func() {
		mu.Lock()
		mu.Unlock()
	})
}
