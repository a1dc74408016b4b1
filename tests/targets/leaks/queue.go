// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"flag"
	"runtime"
	"sync/atomic"
	"time"
)

var queued = flag.Int("queued", 0, "goroutines that `N` finalizers will wake, behind one that takes long; as many cleanups")

type bell struct {
	ring chan struct{}
	room [4]int
}

var awaiting int64

// await waits for a bell that nobody else has.
//
//go:noinline
func await(finalize func(b *bell)) {
	b := &bell{ring: make(chan struct{})}
	finalize(b)
	go func(ring chan struct{}) {
		atomic.AddInt64(&awaiting, 1)
		<-ring
		atomic.AddInt64(&awaiting, -1)
	}(b.ring)
}

// collect has the garbage collector find that nobody has the bells, and queue what is to be called.
func collect(condition func() bool) {
	for i := 0; i < 3 || !condition(); i++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}

func queueFinalizers(number int) {
	var begun int64
	runtime.SetFinalizer(&bell{}, func(*bell) {
		atomic.StoreInt64(&begun, 1)
		time.Sleep(time.Hour)
	})
	collect(func() bool { return atomic.LoadInt64(&begun) == 1 })
	for i := 0; i < number; i++ {
		go await(func(b *bell) {
			runtime.SetFinalizer(b, func(b *bell) { close(b.ring) })
		})
	}
	queueCleanups(number)
	collect(func() bool { return true })
}
