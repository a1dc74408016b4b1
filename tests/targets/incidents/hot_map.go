// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

func init() { register("lock.hot/gc", hotMap) }

type quote struct {
	steps []*node
	price int
}

type quoteShard struct {
	mu     sync.Mutex
	quotes map[int]*quote
}

// Some twelve thousand updates a second of one map behind one mutex, each of which builds its entry anew
// while it holds it, which takes 75 us on any machine, on top of a heap of pointers; fixed, the map has shards and its entries are updated
// in place.
func hotMap(fixed bool) {
	var live *node
	for i := 0; i < 100000; i++ {
		live = &node{next: live}
	}
	count := 1
	if fixed {
		count = 64
	}
	shards := make([]*quoteShard, count)
	for i := range shards {
		shards[i] = &quoteShard{quotes: map[int]*quote{}}
	}
	var served int64
	for caller := 0; caller < 48; caller++ {
		go func(caller int) {
			for i := 0; ; i++ {
				id := caller*10 + i%10
				shards[id%count].update(id, live, fixed)
				atomic.AddInt64(&served, 1)
				time.Sleep(2 * time.Millisecond)
			}
		}(caller)
	}
	go func() {
		for range time.Tick(time.Second) {
			know("operations_per_second", atomic.SwapInt64(&served, 0))
		}
	}()
}

var quoteSite sync.Once

func (s *quoteShard) update(id int, live *node, fixed bool) {
	quoteSite.Do(func() { place("site", 1) })
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.quotes[id]
	if fixed && old != nil {
		old.price++
		old.steps[id%len(old.steps)] = live
		return
	}
	began := time.Now()
	fresh := &quote{steps: make([]*node, 2048)}
	for i := range fresh.steps {
		fresh.steps[i] = live
		for j := 0; j < 16; j++ {
			fresh.price += i ^ j
		}
	}
	for time.Since(began) < 75*time.Microsecond {
		fresh.steps = append([]*node(nil), fresh.steps...)
	}
	if old != nil {
		fresh.price += old.price
	}
	s.quotes[id] = fresh
}
