// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"runtime"
	"time"
)

func init() { register("sched.latency", schedLatency) }

func burn(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}

// More computing goroutines than the one P can run; the fixed program bounds its work.
func schedLatency(fixed bool) {
	workers, work, rest := 40, 4*time.Millisecond, time.Millisecond
	if fixed {
		workers, work, rest = 4, 100*time.Microsecond, 20*time.Millisecond
	}
	runtime.GOMAXPROCS(1)
	for i := 0; i < workers; i++ {
		go func() {
			for {
				burn(work)
				time.Sleep(rest)
			}
		}()
	}
}
