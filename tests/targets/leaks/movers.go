// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"flag"
	"runtime"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

// Nobody here is leaked, but it takes luck to see it: goroutines wait for channels of their own, and
// the only references to those are taken from one place and put in another all the time, into memory
// that is new and memory that is old.
var movers = flag.Int("movers", 0, "goroutines that move what `N` hundreds of others wait for")

var apart = flag.Duration("collect", 0, "run the garbage collector meanwhile, again and again, so long `apart`")

type parcel struct {
	wake chan struct{}
	next *parcel
}

var (
	moving     int32
	waiting    int64
	collecting int32
)

const perMover = 100

// hand gives a mover its waiters: nothing else knows their channels.
func hand() *parcel {
	var first *parcel
	for i := 0; i < perMover; i++ {
		wake := make(chan struct{})
		first = &parcel{wake, first}
		go func() {
			atomic.AddInt64(&waiting, 1)
			<-wake
			atomic.AddInt64(&waiting, -1)
		}()
	}
	return first
}

// move takes the parcels from a list, turns about into new ones and into a table of slots.
func move(list *parcel) {
	slots := make([]chan struct{}, 64<<10)
	at := 0
	for atomic.LoadInt32(&moving) == 1 {
		var moved *parcel
		for p := list; p != nil; p = p.next {
			slots[at] = p.wake
			p.wake = nil
			to := (at * 7919) % len(slots)
			wake := slots[at]
			slots[at] = nil
			for slots[to] != nil {
				to = (to + 1) % len(slots)
			}
			slots[to] = wake
			moved = &parcel{slots[to], moved}
			slots[to] = nil
			at = (at + 4093) % len(slots)
		}
		list = moved
	}
	for p := list; p != nil; p = p.next {
		close(p.wake)
	}
}

func collectGarbage() {
	for atomic.LoadInt32(&moving) == 1 {
		runtime.GC()
		time.Sleep(*apart)
	}
	atomic.StoreInt32(&collecting, 0)
}

func startMovers() {
	atomic.StoreInt32(&moving, 1)
	if *apart > 0 {
		atomic.StoreInt32(&collecting, 1)
		go collectGarbage()
	}
	for i := 0; i < *movers; i++ {
		go move(hand())
	}
	for atomic.LoadInt64(&waiting) < int64(*movers*perMover) {
		time.Sleep(time.Millisecond)
	}
}

func stopMovers() {
	if !atomic.CompareAndSwapInt32(&moving, 1, 0) {
		return
	}
	for atomic.LoadInt64(&waiting) > 0 || atomic.LoadInt32(&collecting) > 0 {
		time.Sleep(time.Millisecond)
	}
	if *movers > 0 {
		ctl.Settle(1)
	}
}
