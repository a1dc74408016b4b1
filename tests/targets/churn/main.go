// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program churn keeps many goroutines coming and going: each grows its stack by recursion, so that
// the runtime copies it while probes are on, waits for its neighbour, creates its successor and
// ends. The sums that the stacks carry are checked: a stack damaged by tracing ends the program
// with status 1.
package main

import (
	"flag"
	"runtime"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	number = flag.Int("n", 10000, "goroutines alive at the same time")
	depth  = flag.Int("depth", 200, "deepest recursion, about 100 bytes each")
)

var (
	stopping int32
	alive    int64
	ended    int64
	spawned  int64
)

//go:noinline
func grow(depth int, seed uint64) uint64 {
	var local [8]uint64
	for i := range local {
		local[i] = seed + uint64(i)
	}
	if depth > 0 {
		got := grow(depth-1, seed+1)
		if got != seed+uint64(depth) {
			ctl.Fatalf("stack damaged: depth %d, %d instead of %d", depth, got, seed+uint64(depth))
		}
	} else {
		runtime.Gosched()
	}
	for i := range local {
		if local[i] != seed+uint64(i) {
			ctl.Fatalf("stack damaged: depth %d, slot %d", depth, i)
		}
	}
	return seed + uint64(depth)
}

func spawn(c chan uint64, seed uint64) {
	atomic.AddInt64(&spawned, 1)
	atomic.AddInt64(&alive, 1)
	go life(c, seed)
}

func life(c chan uint64, seed uint64) {
	grow(int(seed%uint64(*depth+1)), seed)
	// Half of them hand over to the other half.
	if seed%2 == 0 {
		select {
		case c <- seed:
		case <-c:
		}
	} else {
		select {
		case <-c:
		case c <- seed:
		}
	}
	if atomic.LoadInt32(&stopping) == 0 {
		spawn(c, seed*6364136223846793005+1442695040888963407)
	}
	atomic.AddInt64(&ended, 1)
	atomic.AddInt64(&alive, -1)
}

func main() {
	ctl.Parse()
	rate := &ctl.Rate{Count: func() int64 { return atomic.LoadInt64(&ended) }}
	channels := make([]chan uint64, *number/100+1)
	for i := range channels {
		channels[i] = make(chan uint64)
	}
	before := runtime.NumGoroutine()
	ctl.Run(ctl.Program{
		Endless: true,
		Go: func() {
			rate.Start()
			for i := 0; i < *number; i++ {
				spawn(channels[i%len(channels)], uint64(i))
			}
		},
		Stop: func() {
			atomic.StoreInt32(&stopping, 1)
			rate.Stop()
			// Whoever has lost its neighbour gets one more.
			for atomic.LoadInt64(&alive) > 0 {
				for _, c := range channels {
					select {
					case <-c:
					default:
						runtime.Gosched()
					}
				}
			}
			ctl.Settle(before)
		},
		Report: func() interface{} {
			return map[string]interface{}{
				"rate":    rate.Totals(),
				"alive":   atomic.LoadInt64(&alive),
				"spawned": atomic.LoadInt64(&spawned),
				"exited":  atomic.LoadInt64(&ended),
			}
		},
	})
}
