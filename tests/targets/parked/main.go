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
	busy   = flag.Bool("busy", false, "also two goroutines that wake each other as fast as it goes")
)

var (
	parkedNow int64
	heartbeat ctl.Heartbeat
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

// rally passes a value to and fro: events without end.
func rally(to, from chan int) {
	for v := range from {
		to <- v
	}
}

func main() {
	ctl.Parse()
	gate := make(chan struct{})
	for i := 0; i < *number; i++ {
		go descend(gate, *depth)
	}
	lose(*lost)
	if *heapMB > 0 {
		fill(*heapMB << 20)
	}
	for atomic.LoadInt64(&parkedNow) < int64(*number+*lost) {
		time.Sleep(time.Millisecond)
	}
	heartbeat.Start()
	if *busy {
		ping, pong := make(chan int), make(chan int)
		go rally(ping, pong)
		go rally(pong, ping)
		ping <- 1
	}
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
			beats, p99, worst := heartbeat.Take()
			return map[string]interface{}{
				"parked":         atomic.LoadInt64(&parkedNow),
				"channel":        fmt.Sprintf("%p", gate),
				"beats":          beats,
				"p99_stall_ns":   p99,
				"worst_stall_ns": worst,
			}
		},
	})
}
