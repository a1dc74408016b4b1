// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program pingpong sends a value to and fro over unbuffered channels, as fast as it goes. An
// operation is one round trip; every send or receive of it may park.
package main

import (
	"flag"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	pairs = flag.Int("pairs", 1, "pairs of goroutines")
	burst = flag.Int64("burst", 0, "sleep a millisecond after so many round trips; 0: never")
)

var stopping int32

// rally is one pair's state. The padding keeps the pairs off each other's cache lines.
type rally struct {
	ping, pong chan int
	ops        int64
	_          [40]byte
}

func (r *rally) serve() {
	for atomic.LoadInt32(&stopping) == 0 {
		r.ping <- 1
		<-r.pong
		if n := atomic.AddInt64(&r.ops, 1); *burst > 0 && n%*burst == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	close(r.ping)
}

func (r *rally) reply() {
	for v := range r.ping {
		r.pong <- v
	}
	close(r.pong)
}

func main() {
	ctl.Parse()
	all := make([]*rally, *pairs)
	rate := &ctl.Rate{Count: func() (n int64) {
		for _, r := range all {
			n += atomic.LoadInt64(&r.ops)
		}
		return n
	}}
	for i := range all {
		all[i] = &rally{ping: make(chan int), pong: make(chan int)}
	}
	ctl.Run(ctl.Program{
		Endless: true,
		Go: func() {
			rate.Start()
			for _, r := range all {
				go r.serve()
				go r.reply()
			}
		},
		Stop: func() {
			atomic.StoreInt32(&stopping, 1)
			rate.Stop()
		},
		Report: func() interface{} { return rate.Totals() },
	})
}
