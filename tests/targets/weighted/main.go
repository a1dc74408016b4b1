// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program weighted has goroutines waiting for semaphore.Weighted ones; with -fixed there is enough for all of
// them. Its report says of each semaphore what is taken, who has it and who waits for how much.
package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
	"golang.org/x/sync/semaphore"
)

var (
	fixed = flag.Bool("fixed", false, "room for everybody")
	many  = flag.Int("n", 40, "goroutines that wait for the last one")
	churn = flag.Bool("churn", false, "instead, goroutines that acquire and release all the time")
)

type wait struct {
	Goid  int64 `json:"goid"`
	Wants int64 `json:"wants"`
}

type truth struct {
	Addr    string  `json:"addr"`
	Size    int64   `json:"size"`
	Taken   int64   `json:"taken"`
	Holders []int64 `json:"holders"` // who will release some of it
	Waits   []wait  `json:"waits"`
}

// limited is a semaphore and what is known of it.
type limited struct {
	sem            *semaphore.Weighted
	size, taken    int64
	holders, waits []*person
}

// person is a goroutine by its id, which it sets itself.
type person struct {
	goid  int64
	wants int64
}

var (
	all  []*limited
	gate = make(chan int) // nobody ever sends
	odd  = &person{}
)

func limit(size int64) *limited {
	if *fixed {
		size += 1000
	}
	l := &limited{sem: semaphore.NewWeighted(size), size: size}
	all = append(all, l)
	return l
}

func spawn(f func()) *person {
	p := &person{}
	go func() {
		atomic.StoreInt64(&p.goid, ctl.Goid())
		f()
	}()
	for {
		state, ok := ctl.States()[atomic.LoadInt64(&p.goid)]
		if ok && ctl.Waiting(state.Reason) {
			return p
		}
		runtime.Gosched()
	}
}

// holds starts a goroutine that has n of it, and keeps it.
func (l *limited) holds(n int64, f func(*semaphore.Weighted, int64)) {
	l.holders = append(l.holders, spawn(func() { f(l.sem, n) }))
	l.taken += n
}

// waitsFor starts one that gets n of it when there is so much, and then waits for another reason.
func (l *limited) waitsFor(ctx context.Context, n int64) {
	p := spawn(func() {
		if l.sem.Acquire(ctx, n) != nil {
			return
		}
		<-gate
		l.sem.Release(n)
	})
	p.wants = n
	if *fixed {
		l.holders = append(l.holders, p)
		l.taken += n
	} else {
		l.waits = append(l.waits, p)
	}
}

//go:noinline
func deferred(s *semaphore.Weighted, n int64) {
	if s.Acquire(context.Background(), n) != nil {
		return
	}
	defer s.Release(n)
	<-gate
}

//go:noinline
func tried(s *semaphore.Weighted, n int64) {
	if !s.TryAcquire(n) {
		return
	}
	<-gate
	s.Release(n)
}

// inTurn has released what it had, and acquires before it releases again: it has nothing.
//
//go:noinline
func inTurn(s *semaphore.Weighted, n int64) {
	for i := 0; ; i++ {
		if i > 0 {
			<-gate
		}
		if s.Acquire(context.Background(), n) != nil {
			return
		}
		s.Release(n)
	}
}

func build() {
	background := context.Background()
	cancelled, cancel := context.WithCancel(background)
	_ = cancel

	first := limit(10)
	spawn(func() { inTurn(first.sem, 1) })
	first.holds(4, deferred)
	first.holds(5, tried)
	first.waitsFor(background, 2)
	first.waitsFor(cancelled, 3)
	first.waitsFor(cancelled, 1)

	// one that waits for itself
	second := limit(2)
	nested := spawn(func() {
		if second.sem.Acquire(background, 2) != nil {
			return
		}
		defer second.sem.Release(2)
		_ = second.sem.Acquire(background, 1)
		<-gate
		second.sem.Release(1)
	})
	nested.wants = 1
	second.taken = 2
	second.holders = append(second.holders, nested)
	if *fixed {
		second.taken++
	} else {
		second.waits = append(second.waits, nested)
	}

	third := limit(3)
	third.holds(3, deferred)
	for i := 0; i < *many; i++ {
		third.waitsFor(background, int64(1+i%3))
	}

	// a method that is only called the same, and more than there is at all: neither waits for a place
	odd = spawn(func() { (&Weighted{}).Acquire() })
	spawn(func() { first.sem.Acquire(cancelled, first.size+1) })
}

// comeAndGo has goroutines that want the same each time, of two semaphores that are used by turns.
func comeAndGo() {
	pair := [2]*limited{limit(5), limit(7)}
	for i := 0; i < *many; i++ {
		p, l := &person{wants: int64(1 + i%3)}, pair[i%2]
		l.waits = append(l.waits, p)
		started := make(chan int)
		go func() {
			atomic.StoreInt64(&p.goid, ctl.Goid())
			close(started)
			for n := 0; ; n++ {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n%5)*time.Millisecond)
				if l.sem.Acquire(ctx, p.wants) == nil {
					time.Sleep(time.Millisecond)
					l.sem.Release(p.wants)
				}
				cancel()
			}
		}()
		<-started
	}
}

// Weighted is another one.
type Weighted struct{ _ int }

// Acquire never does.
//
//go:noinline
func (*Weighted) Acquire() {
	select {
	case <-gate:
	case <-make(chan int):
	}
}

func report() interface{} {
	rows := []truth{}
	for _, l := range all {
		row := truth{Addr: fmt.Sprintf("%p", l.sem), Size: l.size, Taken: l.taken, Holders: []int64{}, Waits: []wait{}}
		for _, p := range l.holders {
			row.Holders = append(row.Holders, p.goid)
		}
		for _, p := range l.waits {
			row.Waits = append(row.Waits, wait{p.goid, p.wants})
		}
		rows = append(rows, row)
	}
	return struct {
		Semaphores []truth `json:"semaphores"`
		Odd        int64   `json:"odd"`
	}{rows, odd.goid}
}

func main() {
	ctl.Parse()
	if *churn {
		comeAndGo()
	} else {
		build()
	}
	ctl.Run(ctl.Program{Report: report})
}
