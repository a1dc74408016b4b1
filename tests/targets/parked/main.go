// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program parked keeps many goroutines in a channel receive, and one that wants to run every
// millisecond: how late it was at worst is what a tracer did to the program. The report starts
// the heartbeat's record anew.
package main

import (
	"flag"
	"fmt"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	number = flag.Int("n", 10000, "goroutines")
	depth  = flag.Int("depth", 0, "calls between a goroutine's start and its receive")
)

var (
	parkedNow int64
	worst     int64
	beats     int64
)

//go:noinline
func park(c chan struct{}) {
	atomic.AddInt64(&parkedNow, 1)
	<-c
	atomic.AddInt64(&parkedNow, -1)
}

//go:noinline
func descend(c chan struct{}, depth int) int {
	if depth == 0 {
		park(c)
		return 0
	}
	return descend(c, depth-1) + 1
}

func heartbeat() {
	tick := time.NewTicker(time.Millisecond)
	last := time.Now()
	for range tick.C {
		now := time.Now()
		if late := int64(now.Sub(last) - time.Millisecond); late > atomic.LoadInt64(&worst) {
			atomic.StoreInt64(&worst, late)
		}
		last = now
		atomic.AddInt64(&beats, 1)
	}
}

func main() {
	ctl.Parse()
	gate := make(chan struct{})
	for i := 0; i < *number; i++ {
		go descend(gate, *depth)
	}
	for atomic.LoadInt64(&parkedNow) < int64(*number) {
		time.Sleep(time.Millisecond)
	}
	go heartbeat()
	released := false
	ctl.Run(ctl.Program{
		Go: func() {
			if !released {
				released = true
				close(gate)
			}
			for atomic.LoadInt64(&parkedNow) > 0 {
				time.Sleep(time.Millisecond)
			}
		},
		Report: func() interface{} {
			return map[string]interface{}{
				"parked":         atomic.LoadInt64(&parkedNow),
				"channel":        fmt.Sprintf("%p", gate),
				"beats":          atomic.SwapInt64(&beats, 0),
				"worst_stall_ns": atomic.SwapInt64(&worst, 0),
			}
		},
	})
}
